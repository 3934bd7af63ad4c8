package winpath_test

import (
	"slices"
	"testing"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
)

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		in    string
		vol   string
		names []string
		clean string
	}{
		{`C:\Users\ann`, "C:", []string{"Users", "ann"}, `C:\Users\ann`},
		{`c:/Users//ann/`, "C:", []string{"Users", "ann"}, `C:\Users\ann`},
		{`2:\x`, "2:", []string{"x"}, `2:\x`},
		{`12:`, "12:", nil, `12:\`},
		{`C:`, "C:", nil, `C:\`},
		{`Users\ann`, "", []string{"Users", "ann"}, `Users\ann`},
		{`ab:x`, "", []string{"ab:x"}, `ab:x`},
		{``, "", nil, ``},
		{`C:\..\.`, "C:", []string{"..", "."}, `C:\..\.`},
	} {
		vol, names := winpath.Split(tt.in)
		if vol != tt.vol || !slices.Equal(names, tt.names) {
			t.Errorf("Split(%q) = %q, %q", tt.in, vol, names)
		}
		if got := winpath.Clean(tt.in); got != tt.clean {
			t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.clean)
		}
	}
}

func TestParts(t *testing.T) {
	for _, tt := range []struct{ in, base, dir, file, stream string }{
		{`C:\a\b.txt`, "b.txt", `C:\a`, `C:\a\b.txt`, ""},
		{`C:\a\b.txt:Zone.Identifier`, "b.txt:Zone.Identifier", `C:\a`, `C:\a\b.txt`, "Zone.Identifier"},
		{`C:\`, "", `C:\`, `C:\`, ""},
		{`x:y`, "y", "X:\\", `x:y`, ""},
		{`a\x.y:z`, "x.y:z", "a", `a\x.y`, "z"},
	} {
		if got := winpath.Base(tt.in); got != tt.base {
			t.Errorf("Base(%q) = %q, want %q", tt.in, got, tt.base)
		}
		if got := winpath.Dir(tt.in); got != tt.dir {
			t.Errorf("Dir(%q) = %q, want %q", tt.in, got, tt.dir)
		}
		if f, s := winpath.CutStream(tt.in); !(f == tt.file || winpath.Clean(f) == winpath.Clean(tt.file)) || s != tt.stream {
			t.Errorf("CutStream(%q) = %q, %q", tt.in, f, s)
		}
	}
}

func TestRel(t *testing.T) {
	for _, tt := range []struct {
		root, p, rel string
		ok           bool
	}{
		{`C:\Users`, `C:\users\Ann`, "Ann", true},
		{`C:\Users`, `C:\Users`, "", true},
		{`C:\`, `C:\a\b`, `a\b`, true},
		{`C:\Users`, `C:\Users2\x`, "", false},
		{`C:\Users\x`, `C:\Users`, "", false},
		{`C:\ıx`, `C:\ıX\y`, "y", true},
	} {
		if rel, ok := winpath.Rel(tt.root, tt.p); rel != tt.rel || ok != tt.ok {
			t.Errorf("Rel(%q, %q) = %q, %v", tt.root, tt.p, rel, ok)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, s     string
		question, want bool
	}{
		{"*", "", false, true},
		{"", "", false, true},
		{"", "a", false, false},
		{"*.TXT", "a.b.txt", false, true},
		{"*.txt", "a.txt.bak", false, false},
		{"a*b*c", "aXbYbZc", false, true},
		{"a*b*c", "aXbYbZ", false, false},
		{"?.txt", "a.txt", false, false},
		{"?.txt", "a.txt", true, true},
		{"?", "😀", true, false}, // two UTF-16 units, as in Windows
		{"Ä*", "ärger", false, true},
	} {
		if got := winpath.Match(tt.pattern, tt.s, tt.question); got != tt.want {
			t.Errorf("Match(%q, %q, %v) = %v", tt.pattern, tt.s, tt.question, got)
		}
	}
}

func TestJoin(t *testing.T) {
	if got := winpath.Join(`C:\`, "a", `b\`, "", `c`); got != `C:\a\b\c` {
		t.Error(got)
	}
}

// FuzzMatch compares with a matcher that tries every way to cut the name.
func FuzzMatch(f *testing.F) {
	f.Add("a*b", "axxb", false)
	f.Add("*", "", false)
	f.Add("?*?", "aÄ😀", true)
	f.Fuzz(func(t *testing.T, p, s string, question bool) {
		if len(p) > 12 || len(s) > 24 {
			return // the plain matcher takes exponential time
		}
		up := func(s string) []uint16 { return wstr.ToUTF16(wstr.Upper(s)) }
		if got, want := winpath.Match(p, s, question), plainMatch(up(p), up(s), question); got != want {
			t.Fatalf("Match(%q, %q, %v) = %v", p, s, question, got)
		}
	})
}

func plainMatch(p, s []uint16, question bool) bool {
	switch {
	case len(p) == 0:
		return len(s) == 0
	case p[0] == '*':
		return plainMatch(p[1:], s, question) || len(s) > 0 && plainMatch(p, s[1:], question)
	case len(s) == 0:
		return false
	}
	return (p[0] == s[0] || question && p[0] == '?') && plainMatch(p[1:], s[1:], question)
}
