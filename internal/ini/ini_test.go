package ini

import (
	"fmt"
	"strings"
	"testing"
)

const sample = "before=lost\r\n; comment\r\n[Main]\r\n Path = C:\\Program Files\\x \r\nEmpty=\r\nnoise\r\n=nameless\r\nQuoted=\" a b \"\r\n" +
	"Path=second\r\n[ Other ]\r\npath='q'\r\n[main]\r\nLate=1\r\n[open\r\nz=9\r\n"

func TestValue(t *testing.T) {
	f := Parse(sample)
	for _, c := range []struct{ section, setting, want string }{
		{"Main", "Path", `C:\Program Files\x`},
		{"MAIN", "path", `C:\Program Files\x`}, // the second of that name is never read
		{"main", "Empty", ""},
		{"main", "Quoted", " a b "},
		{"other", "Path", "q"},
		{"Main", "Late", "1"}, // a section may go on further down
		{"open", "z", "9"},
		{"*", "z*", "9"},
		{"Main", "noise", "none"},
		{"Main", "", "none"},
		{"", "before", "none"},
		{"*", "before", "none"},
		{"Main", "; comment", "none"},
	} {
		got, ok := f.Value(c.section, c.setting)
		if !ok {
			got = "none"
		}
		if got != c.want {
			t.Errorf("[%s] %s: %q, want %q", c.section, c.setting, got, c.want)
		}
	}
	var all []string
	f.Each("*", "*", func(section string, s Setting) bool {
		all = append(all, fmt.Sprintf("%s.%s:%d", section, s.Name, s.Line))
		return true
	})
	if got, want := strings.Join(all, " "), "Main.Path:4 Main.Empty:5 Main.Quoted:8 Other.path:11 main.Late:13 open.z:15"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestBudget(t *testing.T) {
	f := Parse("[a]\n" + strings.Repeat("x=1\n", maxSettings+10))
	if n := len(f.Sections[0].Settings); n >= maxSettings {
		t.Errorf("%d settings are kept", n)
	}
}

func TestParseLocation(t *testing.T) {
	for _, c := range []struct {
		text string
		want Location
	}{
		{`C:\a.ini|sec[set]`, Location{`C:\a.ini`, "sec", "set"}},
		{` %X%\a^[1^].ini | sec * [*] `, Location{`%X%\a^[1^].ini`, "sec *", "*"}},
		{`a|^[s^][^[k^]^^]`, Location{"a", "[s]", "[k]^"}},
		{`a|b^c[d]`, Location{"a", "b^c", "d"}},
	} {
		if got, err := ParseLocation(c.text); err != nil || got != c.want {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
	for _, bad := range []string{"", `C:\a.ini`, `|a[b]`, `a|b`, `a|[b]`, `a|b[]`, `a|b[c`, `a|b]c[`, `a|b[c]d`, `a|b[c][d]`, `a|b[[c]]`} {
		if l, err := ParseLocation(bad); err == nil {
			t.Errorf("%q is %+v", bad, l)
		}
	}
}

// FuzzParse reads any text: what was read can be asked for, and is read again
// from what it is written as.
func FuzzParse(f *testing.F) {
	for _, s := range []string{sample, "[a]\nb=c", "[[a]]\n=\n", "\x00[a\r]\nb=\"", "[a]\na='\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := Parse(text)
		for _, sec := range file.Sections {
			for _, s := range sec.Settings {
				if s.Name == "" || s.Line <= sec.Line {
					t.Fatalf("%+v in %+v", s, sec)
				}
				if strings.Contains(sec.Name+s.Name, "*") {
					continue
				}
				if _, ok := file.Value(sec.Name, s.Name); !ok {
					t.Fatalf("[%q] %q is not found", sec.Name, s.Name)
				}
			}
		}
	})
}

// FuzzParseLocation writes what was understood once more.
func FuzzParseLocation(f *testing.F) {
	for _, s := range []string{`C:\a.ini|sec[set]`, `a|^[s^][^^]`, `a|b[c]d`, `|`} {
		f.Add(s)
	}
	esc := strings.NewReplacer("^", "^^", "[", "^[", "]", "^]").Replace
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLocation(text)
		if err != nil {
			return
		}
		again, err := ParseLocation(l.File + "|" + esc(l.Section) + "[" + esc(l.Setting) + "]")
		if err != nil || again != l {
			t.Fatalf("%q: %+v, then %+v, %v", text, l, again, err)
		}
	})
}
