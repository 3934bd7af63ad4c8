package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "512": 512, "64K": 64 << 10, "64k": 64 << 10, "2G": 2 << 30, "2GiB": 2 << 30, "256MB": 256 << 20, "1T": 1 << 40, " 7M ": 7 << 20,
	} {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("%q = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "G", "lots", "-1", "1.5G", "99999999999999999999", "9000000T"} {
		if n, err := parseSize(in); err == nil {
			t.Errorf("%q = %d", in, n)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ä 日本":   "plain ä 日本",
		"a\x1b[2Jb":    `a\x1b[2Jb`,
		"a\rb":         `a\x0db`,
		"\u009b1m":     `\x9b1m`,
		"x\xffy":       `x\xffy`,
		"two\nlines":   `two\x0alines`,
		"a\tb":         `a\x09b`,
		"fdp\u202ecod": `fdp\u202ecod`,
		"\u2066\u200f": `\u2066\u200f`,
		"\ufffd":       "\ufffd",
		"\xed\xa0\x80": `\xed\xa0\x80`,
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

// A name with line feeds in it forges no line of the program, and joined errors
// are a message each.
func TestMessageLines(t *testing.T) {
	var b bytes.Buffer
	a := &app{ctx: t.Context(), stdout: &b, stderr: &b}
	if status := a.finish(fail(statusFailed, fmt.Errorf("a\nb: %w", errors.Join(errors.New("one"), at("C:\\x\r\ny", errors.New("two\tx\nRESULT: complete")))), "")); status != statusFailed {
		t.Errorf("status %d", status)
	}
	want := "coldstate: error: a\\x0ab: one\ncoldstate: error: C:\\x\\x0d\\x0ay: two\\x09x\\x0aRESULT: complete\nRESULT: failed with status 1\n"
	if b.String() != want {
		t.Errorf("printed %q, want %q", b.String(), want)
	}
	b.Reset()
	a.message("note", "C:\\odd\r\nRESULT: complete: damaged")
	if want := "coldstate: note: C:\\odd\\x0d\\x0aRESULT: complete: damaged\n"; b.String() != want {
		t.Errorf("printed %q, want %q", b.String(), want)
	}
	b.Reset()
	p := newPrinter(&b, false)
	if err := errors.Join(p.print(&node{Path: "C:\\a\n------              0                       C:\\b", Kind: "file"}), p.close()); err != nil {
		t.Error(err)
	}
	if n := bytes.Count(b.Bytes(), []byte("\n")); n != 1 {
		t.Errorf("one object is %d lines: %q", n, b.String())
	}
}

// feed shows two states of a job, the second too soon after the first.
func feed(kind string, width int) string {
	var b bytes.Buffer
	p := &progress{w: &b, kind: kind, start: time.Now().Add(-time.Hour), last: time.Now().Add(-time.Minute), width: width}
	p.update(progressLine{Doing: "capturing", Path: `C:\Users\ann\Documents\a very long name of a file.docx`, Objects: 10, AllFiles: 40, Bytes: 600 << 20, AllBytes: 1200 << 20})
	p.update(progressLine{Doing: "too soon", Bytes: 601 << 20})
	p.done()
	return b.String()
}

func TestProgress(t *testing.T) {
	if got := feed("none", 80); got != "" {
		t.Errorf("none: %q", got)
	}
	plain := feed("plain", 80)
	for _, part := range []string{"capturing", " 50%", "600 MiB", "10/40 objects", `at C:\Users\ann`, "KiB/s", "1m0s left"} {
		if !strings.Contains(plain, part) {
			t.Errorf("plain: %q lacks %q", plain, part)
		}
	}
	if strings.Count(plain, "\n") != 1 || strings.Contains(plain, "too soon") {
		t.Errorf("plain: %q", plain)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(feed("json", 80)), &m); err != nil || m["bytes"] != float64(600<<20) || m["path"] == "" || m["seconds_left"] == float64(0) {
		t.Errorf("json: %v, %v", m, err)
	}
	for _, width := range []int{40, 80, 200} {
		line := feed("terminal", width)
		if strings.Contains(line, "\n") {
			t.Errorf("terminal: %q", line)
		}
		for _, l := range strings.Split(line, "\r") {
			if n := len([]rune(l)); n > width {
				t.Errorf("terminal of %d: a line of %d characters: %q", width, n, l)
			}
		}
		if width == 80 && !strings.Contains(line, ".docx") {
			t.Errorf("terminal of 80: no path: %q", line)
		}
		if (width == 200) != strings.Contains(line, "a very long name of a file.docx") {
			t.Errorf("terminal of %d: %q", width, line)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"short", 10, "short"},
		{`C:\Users\ann\Documents\x.docx`, 13, `C:\U…s\x.docx`},
	} {
		if got := shorten(tt.in, tt.n); got != tt.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}
