package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coldstate/coldstate/internal/wstr"
)

// progressLine is how far a job is.
type progressLine struct {
	Doing             string // "reading", "verifying"
	Path              string // the object at hand
	Objects, AllFiles int64
	Bytes, AllBytes   int64
}

// progress shows how far a job is: one line that is written over on a
// terminal, a line every ten seconds elsewhere, JSON lines for programs.
type progress struct {
	w     io.Writer
	kind  string // "terminal", "plain", "json", "none"
	start time.Time
	last  time.Time
	shown bool
	width int
	rate  float64 // bytes a second, smoothed
	lastB int64
}

func (a *app) newProgress(kind string) *progress {
	p := &progress{w: a.stderr, kind: kind, start: time.Now(), width: 79}
	if kind == "auto" {
		p.kind = "plain"
		if f, ok := a.stderr.(*os.File); ok && isTerminal(f) {
			p.kind = "terminal"
			p.width = terminalWidth(f) - 1
		}
	}
	return p
}

func (p *progress) every() time.Duration {
	switch p.kind {
	case "terminal":
		return 200 * time.Millisecond
	case "json":
		return time.Second
	}
	return 10 * time.Second
}

func (p *progress) update(l progressLine) {
	now := time.Now()
	if p.kind == "none" {
		return
	}
	since := p.last
	if since.IsZero() {
		since = p.start
		if p.kind == "plain" && now.Sub(since) < p.every() {
			return
		}
	} else if now.Sub(since) < p.every() {
		return
	}
	if dt := now.Sub(since).Seconds(); dt > 0 {
		r := float64(l.Bytes-p.lastB) / dt
		if p.rate == 0 {
			p.rate = r
		}
		p.rate += 0.3 * (r - p.rate)
	}
	p.last, p.lastB = now, l.Bytes
	var left time.Duration
	if p.rate > 0 && l.AllBytes > l.Bytes {
		left = time.Duration(float64(l.AllBytes-l.Bytes) / p.rate * float64(time.Second)).Round(time.Second)
	}
	switch p.kind {
	case "json":
		b, err := json.Marshal(map[string]any{"doing": l.Doing, "path": wstr.Text(l.Path), "objects": l.Objects, "all_objects": l.AllFiles, "bytes": l.Bytes,
			"all_bytes": l.AllBytes, "bytes_per_second": int64(p.rate), "seconds_left": int64(left.Seconds())})
		if err == nil {
			fmt.Fprintf(p.w, "%s\n", b)
		}
	case "plain":
		s := p.text(l, left)
		if l.Path != "" {
			s += ", at " + printable(l.Path)
		}
		fmt.Fprintln(p.w, s)
	case "terminal":
		s := p.text(l, left)
		if room := p.width - utf8.RuneCountInString(s) - 2; room > 12 && l.Path != "" {
			s += "  " + shorten(printable(l.Path), room)
		}
		if n := p.width - utf8.RuneCountInString(s); n > 0 {
			s += strings.Repeat(" ", n)
		} else if n < 0 {
			s = string([]rune(s)[:p.width])
		}
		fmt.Fprint(p.w, "\r", s)
		p.shown = true
	}
}

func (p *progress) text(l progressLine, left time.Duration) string {
	s := l.Doing
	if l.AllBytes > 0 {
		s += fmt.Sprintf(" %3d%%", 100*l.Bytes/l.AllBytes)
	}
	s += " " + size(l.Bytes)
	if l.AllFiles > 0 {
		s += fmt.Sprintf(", %d/%d", l.Objects, l.AllFiles)
		if p.kind != "terminal" {
			s += " objects"
		}
	}
	if p.rate > 0 {
		s += ", " + size(int64(p.rate)) + "/s"
	}
	if left > 0 {
		s += fmt.Sprintf(", %s left", left)
	}
	return s
}

// done takes the line off the terminal, so that messages stand alone.
func (p *progress) done() {
	if p.shown {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width))
		p.shown = false
	}
}

// shorten cuts the middle out of s so that n characters are left.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := (n - 1) / 3
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}

// size writes a number of bytes for people.
func size(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d B", n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	case n < 10<<30:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// parseSize reads "512M", "2GiB", "1048576".
func parseSize(s string) (int64, error) {
	t := strings.ToUpper(strings.TrimSpace(s))
	t = strings.TrimSuffix(strings.TrimSuffix(t, "B"), "I")
	shift := 0
	if t != "" {
		if i := strings.IndexByte("KMGT", t[len(t)-1]); i >= 0 {
			shift = 10 * (i + 1)
			t = t[:len(t)-1]
		}
	}
	var n int64
	for _, c := range t {
		if c < '0' || c > '9' || n > 1<<40 {
			return 0, fmt.Errorf("%q is no size", s)
		}
		n = n*10 + int64(c-'0')
	}
	if t == "" || n > 1<<62>>shift {
		return 0, fmt.Errorf("%q is no size", s)
	}
	return n << shift, nil
}
