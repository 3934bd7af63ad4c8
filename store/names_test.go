package store_test

import (
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/store"
)

func TestTarName(t *testing.T) {
	for _, tt := range []struct {
		o    store.Object
		want string // "" for refused
	}{
		{store.Object{Kind: store.File, Path: `C:\Users\a\x.docx`}, "C/Users/a/x.docx"},
		{store.Object{Kind: store.Folder, Path: `C:\`}, "C"},
		{store.Object{Kind: store.File, Path: `2:\x`}, "2/x"},
		{store.Object{Kind: store.File, Path: `12:\x`}, "12/x"},
		{store.Object{Kind: store.Stream, Path: `C:\a\x`, Stream: "Zone.Identifier"}, "streams/C/a/x/Zone.Identifier"},
		{store.Object{Kind: store.Stream, Path: `C:\a\x`, Stream: `../..\x`}, "streams/C/a/x/..%2F..%5Cx"},
		{store.Object{Kind: store.Stream, Path: `C:\a\x`, Stream: `..`}, "streams/C/a/x/%2E%2E"},
		{store.Object{Kind: store.File, Path: `C:\a\x`, Raw: true}, "efs/C/a/x"},
		{store.Object{Kind: store.Part, Path: `registry\HKLM-SOFTWARE.001.reg`}, "registry/HKLM-SOFTWARE.001.reg"},
		{store.Object{Kind: store.File, Path: `C:\..\.\...`}, "C/%2E%2E/%2E/..."},
		{store.Object{Kind: store.File, Path: `C:\a/b`}, "C/a%2Fb"},
		{store.Object{Kind: store.File, Path: "C:\\a\x00b"}, "C/a%00b"},
		{store.Object{Kind: store.File, Path: `C:\a\b`, Names: []wstr.Text{`a\b`}}, "C/a%5Cb"},
		{store.Object{Kind: store.File, Path: `C:\%TEMP% 100% %2f`}, "C/%TEMP% 100% %2f"},
		{store.Object{Kind: store.File, Path: `C:\%2F%25%`}, "C/%252F%2525%"},
		{store.Object{Kind: store.File, Path: `C:\%2/5`}, "C/%2%2F5"},
		{store.Object{Kind: store.File, Path: "C:\\\xed\xa0\xbd"}, "C/\xed\xa0\xbd"},
		{store.Object{Kind: store.File, Path: `CC:\x`}, ""},
		{store.Object{Kind: store.File, Path: `:\x`}, ""},
		{store.Object{Kind: store.File, Path: `/:\x`}, ""},
		{store.Object{Kind: store.File, Path: `123456:\x`}, ""},
		{store.Object{Kind: store.File, Path: `\x`}, ""},
		{store.Object{Kind: store.File, Path: `C:`}, ""},
		{store.Object{Kind: store.File, Path: ``}, ""},
		{store.Object{Kind: store.File, Path: `C:\x`, Stream: "s"}, ""},
		{store.Object{Kind: store.Stream, Path: `C:\x`}, ""},
		{store.Object{Kind: store.Key, Path: `HKLM\x`}, ""},
		{store.Object{Kind: store.Part, Path: `streams\x`}, ""},
		{store.Object{Kind: store.Part, Path: `registry\\x`}, ""},
		{store.Object{Kind: "door", Path: `C:\x`}, ""},
	} {
		got, err := tt.o.TarName()
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%+q: %q, %v, want %q", tt.o.Path, got, err, tt.want)
		}
	}
}

// unescape is the way back as docs/format.md tells it.
func unescape(s string) string {
	return strings.NewReplacer("%00", "\x00", "%25", "%", "%2E", ".", "%2F", "/", "%5C", `\`).Replace(s)
}

func FuzzTarName(f *testing.F) {
	for _, n := range oddNames {
		f.Add(n, n)
	}
	f.Add(`back\slash`, `%5C`)
	f.Fuzz(func(t *testing.T, a, b string) {
		if a == "" || b == "" {
			return
		}
		o := store.Object{Kind: store.Stream, Path: wstr.Text(`C:\` + a), Names: []wstr.Text{wstr.Text(a)}, Stream: wstr.Text(b)}
		name, err := o.TarName()
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(name, "/")
		if len(parts) != 4 || parts[0] != "streams" || parts[1] != "C" || strings.ContainsAny(name, "\x00\\") {
			t.Fatalf("%q", name)
		}
		for i, want := range []string{a, b} {
			p := parts[2+i]
			if p == "." || p == ".." || p == "" {
				t.Fatalf("component %q", p)
			}
			if got := unescape(p); got != want {
				t.Fatalf("%q -> %q -> %q", want, p, got)
			}
		}
	})
}
