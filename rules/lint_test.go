package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/rules/builtin"
)

// lintFile is a rule file of one component, its rules from line 4 on.
func lintFile(rules string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<migration urlid="http://example.org/lint">
<component type="Documents" context="UserAndSystem"><displayName>Lab</displayName><role role="Data"><rules>
` + rules + `
</rules></role></component>
</migration>`
}

func lintRule(element, pattern string) string {
	kind := "File"
	if strings.HasPrefix(pattern, "HK") {
		kind = "Registry"
	}
	inner := `<pattern type="` + kind + `">` + pattern + `</pattern>`
	if strings.HasPrefix(pattern, "MigXmlHelper") {
		inner = `<script>` + pattern + `</script>`
	}
	return fmt.Sprintf("<%s><objectSet>%s</objectSet></%s>", element, inner, element)
}

// TestLint has for each trap a file that falls into it and one that comes
// near and does not.
func TestLint(t *testing.T) {
	type rule struct{ element, pattern string }
	in := func(p string) rule { return rule{"include", p} }
	ex := func(p string) rule { return rule{"exclude", p} }
	never := func(p string) rule { return rule{"unconditionalExclude", p} }
	for _, c := range []struct {
		trap  string
		rules []rule
		line  int    // of the only warning; 0 for none
		want  string // part of it
		way   string // the better way
	}{
		{"exclude by extension on the drive", []rule{in(`C:\Lab\* [*]`), ex(`C:\* [*.txt]`)}, 5, "the include of line 4, C:\\Lab\\* [*], is more specific", "unconditionalExclude"},
		{"the same in the folder", []rule{in(`C:\Lab\* [*]`), ex(`C:\Lab\* [*.txt]`)}, 0, "", ""},
		{"the same as unconditionalExclude", []rule{in(`C:\Lab\* [*]`), never(`C:\* [*.txt]`)}, 0, "", ""},
		{"on all drives", []rule{in(`%CSIDL_PERSONAL%\* [*]`), ex(`MigXmlHelper.GenerateDrivePatterns("* [*.mp3]", "Fixed")`)}, 5, "does nothing", "unconditionalExclude"},
		{"on all drives, includes on the drive", []rule{in(`C:\* [*]`), ex(`MigXmlHelper.GenerateDrivePatterns("* [*.mp3]", "Fixed")`)}, 0, "", ""},
		{"beside the document finder", []rule{in(`MigXmlHelper.GenerateDocPatterns("FALSE")`), ex(`C:\* [*.mp3]`)}, 5, "GenerateDocPatterns finds are more specific", "unconditionalExclude"},
		{"a folder beside the document finder", []rule{in(`MigXmlHelper.GenerateDocPatterns("FALSE")`), ex(`C:\Lab\* [*]`)}, 0, "", ""},
		{"exclude of what nothing includes", []rule{in(`C:\Lab\* [*]`), ex(`C:\Other\* [*]`)}, 5, "nothing in its component includes", "unconditionalExclude"},
		{"variables may lie in each other", []rule{in(`%CSIDL_PROFILE%\* [*]`), ex(`%CSIDL_PERSONAL%\* [*]`)}, 0, "", ""},
		{"no include", []rule{ex(`C:\Lab\* [*]`)}, 4, `the component "Lab" includes nothing`, "unconditionalExclude"},
		{"no include, but unconditional", []rule{never(`C:\Lab\* [*]`)}, 0, "", ""},
		{"exclude of the same", []rule{in(`C:\Lab\* [*]`), ex(`c:\lab\* [*]`)}, 4, "takes nothing, as line 5 excludes the same", "take one of them out"},
		{"unconditionalExclude above", []rule{in(`C:\Lab\Sub\* [*.txt]`), never(`C:\Lab\* [*]`)}, 4, "the <unconditionalExclude> of line 5", "more specific include"},
		{"unconditionalExclude below", []rule{in(`C:\Lab\* [*]`), never(`C:\Lab\Sub\* [*]`)}, 0, "", ""},
		{"anywhere", []rule{in(`C:\*\Lab\* [*]`)}, 4, `misses C:\Lab, which is in the root`, `C:\Lab\* [*]`},
		{"anywhere, with the root", []rule{in(`C:\*\Lab\* [*]`), in(`C:\Lab\* [*]`)}, 0, "", ""},
		{"any user", []rule{in(`C:\Users\*\Lab\* [*]`)}, 0, "", ""},
		{"not recursive", []rule{in(`C:\Lab\ [*]`)}, 4, "not of the folders in it", `C:\Lab\* [*]`},
		{"meant not to be recursive", []rule{in(`C:\Lab [*]`)}, 0, "", ""},
		{"the folder alone", []rule{in(`C:\Lab`)}, 4, "the folder alone", `C:\Lab\* [*]`},
		{"the folder and what is in it", []rule{in(`C:\Lab`), in(`C:\Lab [*.txt]`)}, 0, "", ""},
		{"folders alone", []rule{in(`C:\Lab\*`)}, 4, "about folders alone", `C:\Lab\* [*]`},
		{"the key alone", []rule{in(`HKLM\Software\Lab`)}, 4, "the key alone", `HKLM\Software\Lab\* [*]`},
		{"a value", []rule{in(`HKLM\Software\Lab [Color]`)}, 0, "", ""},
		{"question mark", []rule{in(`C:\Lab\* [a?.txt]`)}, 4, `"?" is no wildcard`, ""},
		{"question mark in a value", []rule{in(`HKLM\Software\Lab [What?]`)}, 0, "", ""},
		{"doc", []rule{in(`C:\Lab\* [*.doc]`)}, 4, "does not match .docx", "[*.doc*]"},
		{"doc and docx", []rule{in(`C:\Lab\* [*.doc]`), in(`C:\Lab\* [*.docx]`)}, 0, "", ""},
		{"doc*", []rule{in(`C:\Lab\* [*.doc*]`)}, 0, "", ""},
		{"brackets of a name", []rule{in(`C:\Lab\* [a[1].txt]`)}, 4, "brackets", "^["},
		{"escaped brackets of a name", []rule{in(`C:\Lab\* [a^[1^].txt]`)}, 0, "", ""},
		{"unknown variable", []rule{in(`%CSIDL_PERSONNAL%\Lab\* [*]`)}, 4, "no Windows has a variable %CSIDL_PERSONNAL%", "%CSIDL_PERSONAL%"},
		{"known variable", []rule{in(`%csidl_personal%\Lab\* [*]`)}, 0, "", ""},
	} {
		var lines []string
		for _, r := range c.rules {
			lines = append(lines, lintRule(r.element, r.pattern))
		}
		doc, warnings, err := migxml.Parse("lint.xml", []byte(lintFile(strings.Join(lines, "\n"))))
		if err != nil {
			t.Errorf("%s: %v", c.trap, err)
			continue
		}
		warnings = append(warnings, Lint([]*migxml.Document{doc}, offline.IsVariable)...)
		_, more, err := Compile([]*migxml.Document{doc}, []Context{{Name: "System", Env: someEnv{}, Probe: noProbe{}}, {Name: "u", User: true, Env: someEnv{}, Probe: noProbe{}}}, Options{})
		if err != nil {
			t.Errorf("%s: %v", c.trap, err)
		}
		warnings = append(warnings, more...)
		switch {
		case c.line == 0 && len(warnings) > 0:
			t.Errorf("%s: no trap, and yet: %v", c.trap, warnings)
		case c.line == 0:
		case len(warnings) != 1:
			t.Errorf("%s: %d warnings: %v", c.trap, len(warnings), warnings)
		case warnings[0].Line != c.line || warnings[0].Col < 1 || !strings.Contains(warnings[0].Msg, c.want) || !strings.Contains(warnings[0].Msg, c.way):
			t.Errorf("%s: %v, want line %d, %q and %q", c.trap, warnings[0], c.line, c.want, c.way)
		}
	}
}

type someEnv struct{}

func (someEnv) Lookup(name string) (string, bool) { return `C:\` + name, true }

type noProbe struct{}

func (noProbe) Exists(Kind, string, string, bool) bool { return false }
func (noProbe) Drives(string) []string                 { return []string{"C:"} }
func (noProbe) List(string) []Entry                    { return nil }
func (noProbe) Find(Kind, string, string, bool, func(node, leaf string) bool) {
}
func (noProbe) Text(Kind, string, string) (string, bool) { return "", false }

// TestLintUrlid compares the urlids of files.
func TestLintUrlid(t *testing.T) {
	var docs []*migxml.Document
	for _, name := range []string{"a.xml", "b.xml"} {
		d, _, err := migxml.Parse(name, []byte(lintFile(lintRule("include", `C:\Lab\* [*]`))))
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
	}
	ws := Lint(docs, offline.IsVariable)
	if len(ws) != 1 || ws[0].File != "b.xml" || ws[0].Line == 0 || !strings.Contains(ws[0].Msg, "of a.xml") {
		t.Errorf("%v", ws)
	}
	docs[1].URLID += "/b"
	if ws := Lint(docs, offline.IsVariable); len(ws) > 0 {
		t.Errorf("%v", ws)
	}
}

// TestLintVariablesOfTheFile has a variable that the file defines.
func TestLintVariablesOfTheFile(t *testing.T) {
	text := strings.Replace(lintFile(lintRule("include", `%LabFolder%\* [*]`)), "<role", `<environment><variable name="LabFolder"><text>C:\Lab</text></variable></environment><role`, 1)
	d, _, err := migxml.Parse("a.xml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if ws := Lint([]*migxml.Document{d}, offline.IsVariable); len(ws) > 0 {
		t.Errorf("%v", ws)
	}
}

// TestLintBuiltin: the built-in sets are examples, and fall into no trap.
func TestLintBuiltin(t *testing.T) {
	var docs []*migxml.Document
	for _, name := range builtin.Names() {
		data, err := builtin.File(name)
		if err != nil {
			t.Fatal(err)
		}
		d, ws, err := migxml.Parse("builtin:"+name, data)
		if err != nil || len(ws) > 0 {
			t.Fatal(err, ws)
		}
		docs = append(docs, d)
	}
	for _, w := range Lint(docs, offline.IsVariable) {
		t.Error(w)
	}
}

func TestMeet(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"*", "", true}, {"a", "", false}, {"*", "*", true}, {"a*", "*b", true}, {"a*c", "ab*", true},
		{"*.txt", "*.doc", false}, {"*.txt", "a*", true}, {`C:\A\*`, `C:\A\`, true}, {`C:\*\A\*`, `C:\A\*`, true}, {`C:\A\`, `C:\B\*`, false}, {"a*b", "b*a", false},
	} {
		if got := meet(c.a, c.b); got != c.want {
			t.Errorf("meet(%q, %q) = %t", c.a, c.b, got)
		}
		if got := meet(c.b, c.a); got != c.want {
			t.Errorf("meet(%q, %q) = %t", c.b, c.a, got)
		}
	}
}
