package rules

import (
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
)

type envMap map[string]string

func (m envMap) Lookup(name string) (string, bool) { s, ok := m[name]; return s, ok }

func TestList(t *testing.T) {
	ctxs := []Context{
		{Name: "System", Env: envMap{"SystemDrive": "C:"}},
		{Name: "S-1", User: true, Env: envMap{"USERPROFILE": `C:\Users\a[b`}},
		{Name: "S-2", User: true, Env: envMap{"USERPROFILE": `D:\bert`}},
	}
	for _, tt := range []struct {
		kind            Kind
		pattern         string
		ctx, node, leaf string
		hasLeaf, want   bool
	}{
		{File, `* [*]`, "", `C:\x`, "y.txt", true, true},
		{File, `* [*]`, "", `D:`, "", false, true},
		{File, `c:\users\* [*]`, "", `C:\Users`, "y", true, true},
		{File, `c:\users\* [*]`, "", `C:\Users\anna\Documents`, "", false, true},
		{File, `c:\users\* [*]`, "", `C:\UsersX`, "y", true, false},
		{File, `%SystemDrive%\* [*.pst]`, "", `C:\a`, "b.PST", true, true},
		{File, `%SystemDrive%\* [*.pst]`, "", `C:\a`, "", false, false},
		{File, `%USERPROFILE%\* [*]`, "", `C:\Users\a[b\x`, "y", true, true},
		{File, `%USERPROFILE%\* [*]`, "", `D:\bert`, "y", true, true},
		{File, `C:\A`, "", `C:\A`, "", false, true},
		{File, `C:\A`, "", `C:\A`, "x", true, false},
		{Registry, `* [*]`, "S-1", `HKCU\Software`, "", true, true},
		{Registry, `HKCU\Software\* [*]`, "S-1", `HKCU\Software\A`, "v", true, true},
		{Registry, `HKCU\Software\* [*]`, "S-9", `HKCU\Software\A`, "v", true, false},
		{Registry, `HKEY_LOCAL_MACHINE\Software [v]`, "", `HKLM\SOFTWARE`, "V", true, true},
		{Registry, `HKLM\Software [v]`, "", `HKLM\SOFTWARE`, "w", true, false},
	} {
		l, _, err := CompileList(tt.kind, []migxml.Pattern{{Text: "C:\\never [x]"}, {Text: tt.pattern}}[map[bool]int{true: 1}[tt.kind == Registry]:], ctxs)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Fits(len(l.pats)-1, tt.ctx, tt.node, tt.leaf, tt.hasLeaf); got != tt.want {
			t.Errorf("%s fits %s [%s] (%t) of %q: %t, want %t", tt.pattern, tt.node, tt.leaf, tt.hasLeaf, tt.ctx, got, tt.want)
		}
	}
	pos := migxml.Pos{File: "c.xml", Line: 3, Col: 5}
	for text, want := range map[string]string{
		`C:\a[b\* [*]`: `c.xml:3:5: the brackets of "C:\a[b\* [*]" do not pair; a bracket that is part of a name is written ^[ or ^]`,
		`docs [*]`:     `c.xml:3:5: "docs [*]" does not start with a drive`,
	} {
		if _, _, err := CompileList(File, []migxml.Pattern{{Pos: pos, Text: text}}, ctxs); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
	_, ws, err := CompileList(File, []migxml.Pattern{{Pos: pos, Text: `%NOSUCH%\* [*]`}, {Pos: pos, Text: `C:\Users\*`}}, ctxs)
	if err != nil || len(ws) != 2 || ws[0].Undefined != "NOSUCH" || ws[1].Msg != `C:\Users\* is about folders alone; with what is in them it is C:\Users\* [*]` {
		t.Errorf("warnings %v, error %v", ws, err)
	}
	for text, want := range map[string]string{
		`*`: "* [*]", `C:\Lab*`: `C:\Lab* [*]`, `C:\Lab\*`: `C:\Lab\* [*]`, `C:\Lab\`: `C:\Lab\* [*]`, ` C:\Lab `: `C:\Lab\* [*]`, `C:\*\Lab`: `C:\*\Lab\* [*]`, `*\Lab`: `*\Lab\* [*]`, `C:\`: `C:\* [*]`,
	} {
		_, ws, err := CompileList(File, []migxml.Pattern{{Pos: pos, Text: text}}, ctxs)
		if err != nil || len(ws) != 1 || !strings.HasSuffix(ws[0].Msg, " folders alone; with what is in them it is "+want) {
			t.Errorf("%s: %v, error %v; want %s", text, ws, err, want)
		}
		if text[0] == '*' {
			continue // no pattern of the command line
		}
		if _, ws, err = Compile(nil, ctxs[:1], Options{Include: []string{text}}); err != nil || len(ws) != 1 || !strings.HasSuffix(ws[0].Msg, " folders or keys alone; what is in them is "+want) {
			t.Errorf("--include %q: %v, error %v; want %s", text, ws, err, want)
		}
	}
}

// TestListOfTrees: what a pattern says about all that is below a folder or key.
func TestListOfTrees(t *testing.T) {
	ctxs := []Context{{Name: "System"}, {Name: "S-1", User: true, Env: envMap{"APPDATA": `C:\Users\a\AppData`}}}
	for _, tt := range []struct {
		kind            Kind
		pattern         string
		ctx, node       string
		reaches, covers bool
	}{
		{File, `* [*]`, "", `E:\`, true, true},
		{File, `* [*.doc]`, "", `E:\`, true, false},
		{File, `E:\* [*]`, "", `E:`, true, true},
		{File, `E:\*`, "", `E:`, true, false},
		{File, `E:\Data\* [*]`, "", `E:\`, true, false},
		{File, `E:\Data\* [*]`, "", `E:\data`, true, true},
		{File, `E:\Data\* [*]`, "", `E:\Data\a\b`, true, true},
		{File, `E:\Data\* [*]`, "", `E:\Dat`, false, false},
		{File, `E:\Data\* [*]`, "", `E:\Database`, false, false},
		{File, `E:\Data\ [*]`, "", `E:\Data`, true, false},
		{File, `E:\Data\ [*]`, "", `E:\Data\a`, false, false},
		{File, `E:\*\a\* [*]`, "", `E:\b`, true, false},
		{File, `E:\*\a\* [*]`, "", `E:\b\a`, true, true},
		{File, `%APPDATA%\* [*]`, "", `C:\Users`, true, false},
		{File, `%APPDATA%\* [*]`, "", `C:\Users\a\AppData\x`, true, true},
		{Registry, `HKCU\Software\* [*]`, "S-1", `HKCU`, true, false},
		{Registry, `HKCU\Software\* [*]`, "S-2", `HKCU`, false, false},
		{Registry, `HKCU\* [*]`, "S-1", `HKCU\Software`, true, true},
		{Registry, `HKU\S-1\* [*]`, "S-1", `HKCU`, true, true},
		{Registry, `HKCR\* [*]`, "", `HKLM\SOFTWARE`, true, false},
		{Registry, `HKCR\* [*]`, "", `HKLM\SYSTEM`, false, false},
	} {
		l, _, err := CompileList(tt.kind, []migxml.Pattern{{Text: tt.pattern}}, ctxs)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Reaches(0, tt.ctx, tt.node); got != tt.reaches {
			t.Errorf("%s reaches %s of %q: %t, want %t", tt.pattern, tt.node, tt.ctx, got, tt.reaches)
		}
		if got := l.Covers(0, tt.ctx, tt.node); got != tt.covers {
			t.Errorf("%s covers %s of %q: %t, want %t", tt.pattern, tt.node, tt.ctx, got, tt.covers)
		}
	}
}

// FuzzList: a pattern of a list fits what the same pattern takes as the only
// rule.
func FuzzList(f *testing.F) {
	for _, s := range [][3]string{
		{`C:\Users\* [*]`, `Users\anna`, "x.docx"}, {`* [*.txt]`, "A", "b.TXT"}, {`C:\*\A\* [a*b]`, `B\A`, "aXb"}, {`C:\A []`, "A", ""}, {`C:\a^[b`, "a[b", ""}, {`C:\A\`, "A", "x"}, {`*`, "", "x"}, {`C: [*]`, "", "x"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, text, folder, leaf string) {
		ctxs := []Context{{Name: "System"}}
		l, _, err := CompileList(File, []migxml.Pattern{{Text: text}}, ctxs)
		doc := &migxml.Document{Components: []*migxml.Component{{Context: migxml.UserAndSystem, Roles: []*migxml.Role{{Rules: []*migxml.Rules{{Context: migxml.UserAndSystem, Rule: []*migxml.Rule{
			{Action: migxml.Include, Sets: []*migxml.ObjectSet{{Patterns: []migxml.Pattern{{Kind: migxml.File, Text: text}}}}},
		}}}}}}}}
		s, ws, cerr := Compile([]*migxml.Document{doc}, ctxs, Options{})
		if cerr != nil {
			t.Fatal(cerr)
		}
		if err != nil {
			if len(ws) == 0 {
				t.Fatalf("%v, and nothing is said of the rule", err)
			}
			return
		}
		w := s.Files("C:")
		node := "C:"
		for _, name := range strings.Split(folder, `\`) {
			if name != "" {
				node += `\` + name
				w = w.Enter(name)
			}
		}
		if strings.Contains(leaf, `\`) {
			return // no name has one, for rules
		}
		if got, want := l.Fits(0, "", node, "", false), w.Self().Take; got != want {
			t.Errorf("%q fits the folder %q: %t, want %t", text, node, got, want)
		}
		fits, covers := l.Fits(0, "", node, "", false), false
		for above := node; above != ""; above = strings.TrimSuffix(above[:strings.LastIndexByte(above, '\\')+1], `\`) {
			if (fits || l.Fits(0, "", node, leaf, true)) && !l.Reaches(0, "", above) {
				t.Errorf("%q does not reach into %q, and fits %q [%s]", text, above, node, leaf)
			}
			covers = covers || l.Covers(0, "", above)
		}
		if covers && !(fits && l.Fits(0, "", node, leaf, true) && l.Fits(0, "", node+`\x`, leaf, true)) {
			t.Errorf("%q covers a folder above %q and does not fit all of it", text, node)
		}
		if leaf == "" {
			return
		}
		if got, want := l.Fits(0, "", node, leaf, true), w.LeafOf(leaf, nil).Take; got != want {
			t.Errorf("%q fits %q in %q: %t, want %t", text, leaf, node, got, want)
		}
	})
}
