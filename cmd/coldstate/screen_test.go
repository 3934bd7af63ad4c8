package main

import (
	"strings"
	"testing"
)

func TestColumns(t *testing.T) {
	for s, want := range map[string]int{
		"":             0,
		"abc":          3,
		"äöü…":         4,
		"e\u0301":      1, // e and an accent that combines
		"日本語":          6,
		"ｆｕｌｌ":         8,
		"ﾊﾝｶｸ":         4, // narrow katakana
		"한국":           4,
		"😀":            2,
		"a\u200db":     2,
		"שלום":         4,
		"\u0e01\u0e33": 2,
	} {
		if got := columns(s); got != want {
			t.Errorf("%q takes %d columns, want %d", s, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, tt := range []struct {
		s             string
		n             int
		clip, squeeze string
	}{
		{"short", 8, "short", "short"},
		{"just fits", 9, "just fits", "just fits"},
		{"a sentence, cut", 12, "a sentence…", "a se…ce, cut"},
		{`CORP\maximilian.mustermann`, 22, `CORP\maximilian.muste…`, `CORP\ma…ian.mustermann`},
		{"日本語の名前です", 8, "日本語…", "日…です"},
		{"a\x1b[31mb", 20, `a\x1b[31mb`, `a\x1b[31mb`},
		{"a\x1b[31mbcdef", 8, `a\x1b[3…`, `a\x…cdef`},
		{"ab\u0301cdefgh", 4, "ab\u0301c…", "a…gh"},
	} {
		if got := clip(tt.s, tt.n); got != tt.clip {
			t.Errorf("clip(%q, %d) is %q, want %q", tt.s, tt.n, got, tt.clip)
		}
		if got := squeeze(tt.s, tt.n); got != tt.squeeze {
			t.Errorf("squeeze(%q, %d) is %q, want %q", tt.s, tt.n, got, tt.squeeze)
		}
	}
	for _, s := range []string{"日本語の名前です", "e\u0301e\u0301e\u0301e\u0301", "plain text of some length", strings.Repeat("\u0301", 9) + "x"} {
		for n := 1; n < 12; n++ {
			for _, got := range []string{clip(s, n), squeeze(s, n), left(squeeze(s, n), n), right(clip(s, n), n)} {
				if columns(got) > n {
					t.Errorf("%q in %d columns is %q", s, n, got)
				}
			}
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		s    string
		want string
	}{
		{"one line", "one line"},
		{"a text of two lines", "a text of|two lines"},
		{"a text of three lines which is cut", "a text of|three line…"},
		{"C:\\a\\very\\long\\path x", "C:\\a\\very\\l|ong\\path x"},
	} {
		if got := strings.Join(wrap(tt.s, 11, 2), "|"); got != tt.want {
			t.Errorf("%q is wrapped to %q, want %q", tt.s, got, tt.want)
		}
	}
}

func TestShort(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KiB", 10188: "9.9 KiB", 10200: "10 KiB", 1 << 20: "1.0 MiB", 1023 << 10: "1.0 MiB", 999 << 20: "999 MiB", 1000 << 20: "1.0 GiB",
		476 << 30: "476 GiB", 1<<63 - 1: "8.0 EiB",
	} {
		if got := short(n); got != want || len(got) > 8 {
			t.Errorf("short(%d) is %q, want %q", n, got, want)
		}
	}
}
