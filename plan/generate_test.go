package plan_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// oddNames is a machine whose documents have names that mean something in rules.
func oddNames(t *testing.T) string {
	t.Helper()
	hidden := ntfsgen.Attr(ntfsgen.Hidden | ntfsgen.System)
	file := func(name string, parts ...any) *ntfsgen.Node {
		return ntfsgen.File(name, append([]any{ntfsgen.Text("x")}, parts...)...)
	}
	w := &testimages.Windows{
		Edition: testimages.Windows10, Computer: "ODD",
		Devices: map[string][]byte{"C:": testimages.GPTDevice("c01d57a7-0000-4000-8000-00000000f11f")},
		Users: []testimages.Person{
			{Name: "anna", Files: []*ntfsgen.Node{
				file(`Documents\a.txt`), file(`Documents\desktop.ini`, hidden), file(`Documents\50% of [x]\^.txt`, hidden), file(`Documents\100%_done%\b.txt`),
				file(`100%_of%\c.txt`), file(`[a] & <b>\c'.txt`), file(`x%y%z.txt`), file(`hidden.dat`, hidden), file(`Tool\tool.exe`), file(`Tool\t.txt`), file(`AppData\Roaming\x.dat`),
				ntfsgen.Junction("Shortcut", `C:\Data`), file(`Only\here.txt`),
			}, Registry: func(root *hivegen.Key) {
				root.At(`Software\Microsoft\Windows\CurrentVersion\Uninstall\Tool`).Add(hivegen.SZ("InstallLocation", `C:\Users\anna\Tool`))
			}},
			{Name: "b[1] %x%", Files: []*ntfsgen.Node{file(`Documents\b.txt`), file(`Tool\mine.txt`), file(`Only\[1].txt`, hidden)}},
		},
		Registry: func(hive string, root *hivegen.Key) {
			if hive == "SOFTWARE" {
				root.At(`Microsoft\Windows\CurrentVersion\Uninstall\Program`).Add(hivegen.SZ("InstallLocation", `C:\Data\Program`))
				root.At(`Microsoft\Windows\CurrentVersion\Uninstall\Other`).Add(hivegen.SZ("InstallLocation", `C:\Other`))
			}
		},
		Files: []*ntfsgen.Node{
			file(`Data\Program\p.exe`), file(`Data\Program\p.txt`), file(`Data\d.txt`), file(`Data\Thumbs.db`, hidden, ntfsgen.Stream{Name: "s", Data: ntfsgen.Text("y")}), file(`Data\deep\er\desktop.ini`, hidden),
			file(`Other\o.exe`), file(`Other\o.txt`), file(`root.txt`), file(`secret.txt`, hidden), file(`Users\beside.txt`), file(`Users\Public\Documents\p.txt`), file(`Program Files\x\x.txt`),
		},
	}
	path := filepath.Join(t.TempDir(), "odd.img")
	img := diskgen.Disk{GPT: true, Parts: []diskgen.Part{
		{GUID: "c01d57a7-0000-4000-8000-00000000f11f", Content: ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...)},
	}}.Build()
	if err := img.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

const finder = `<migration urlid="urn:finder">
<component type="Documents" context="UserAndSystem"><displayName>Finder</displayName><role role="Data"><rules>
<include filter='MigXmlHelper.IgnoreIrrelevantLinks()'><objectSet><script>MigXmlHelper.GenerateDocPatterns()</script></objectSet></include>
<exclude><objectSet><script>MigXmlHelper.GenerateDocPatterns("FALSE","FALSE")</script></objectSet></exclude>
</rules></role></component></migration>`

// TestDocRules: the file of what the finder finds is one that nothing is said
// against, and takes what the finder takes: of all users, and of one.
func TestDocRules(t *testing.T) {
	disks := map[string][]string{"sample": nil, "office": {officeImage(t)}, "odd": {oddNames(t)}}
	for _, name := range []string{"users", "apps", "apps-xp", "german"} {
		paths, err := testimages.Machine(name).WriteTo(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		disks[name] = paths
	}
	for name, disk := range disks {
		sys, set, users := sample(t, disk...)
		choices := map[string]func(*profile.User) bool{"": (*profile.User).Person, " without users": func(*profile.User) bool { return false }}
		for _, u := range users {
			if u.Person() {
				choices[" with "+u.Name] = func(w *profile.User) bool { return w == u }
			}
		}
		for who, selected := range choices {
			t.Run(name+who, func(t *testing.T) {
				build := func(docs ...*migxml.Document) *plan.Plan {
					t.Helper()
					p, err := plan.Build(context.Background(), sys, set, users, docs, plan.Options{Selected: selected})
					if err != nil {
						t.Fatal(err)
					}
					return p
				}
				parse := func(text string) *migxml.Document {
					t.Helper()
					d, ws, err := migxml.Parse("t.xml", []byte(text))
					if err != nil || len(ws) > 0 {
						t.Fatalf("%v %v\n%s", err, ws, text)
					}
					return d
				}
				data, warnings, err := plan.DocRules(context.Background(), sys, set, users, selected)
				if err != nil {
					t.Fatal(err)
				}
				for _, w := range warnings {
					if !strings.HasSuffix(w, ": a program is installed there") {
						t.Errorf("warning %s", w)
					}
				}
				doc := parse(string(data))
				for _, w := range rules.Lint([]*migxml.Document{doc}, rules.Names{Variable: offline.IsVariable, UserVariable: offline.IsUserVariable}) {
					t.Errorf("rules check says %s", w)
				}
				got := build(doc)
				for _, w := range got.Warnings {
					t.Errorf("capture says %s", w)
				}
				want := list(build(parse(finder)))
				if g := list(got); !slices.Equal(g, want) {
					t.Errorf("the file takes\n%s\nthe finder\n%s\n%s", strings.Join(g, "\n"), strings.Join(want, "\n"), data)
				}
				if len(want) == 0 {
					t.Error("the finder finds nothing")
				}
			})
		}
	}
}

// TestDocRulesOfAnOddMachine says what the finder takes of names that mean
// something in rules, so that the file and the finder cannot be wrong alike.
func TestDocRulesOfAnOddMachine(t *testing.T) {
	sys, set, users := sample(t, oddNames(t))
	data, warnings, err := plan.DocRules(context.Background(), sys, set, users, (*profile.User).Person)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`MigXmlHelper.GenerateDocPatterns("FALSE","TRUE","FALSE") leaves out C:\Other: a program is installed there`,
		`MigXmlHelper.GenerateDocPatterns("FALSE","TRUE","FALSE") leaves out C:\Users\anna\Tool: a program is installed there`,
	}
	if !slices.Equal(warnings, want) {
		t.Errorf("warnings %q, want %q", warnings, want)
	}
	for _, text := range []string{
		`<pattern type="File">C:\Data\Program\* [*]</pattern>`, `<pattern type="File">C:\Data [Thumbs.db]</pattern>`, `<pattern type="File">C:\Data\deep\er [desktop.ini]</pattern>`,
		`<pattern type="File">C:\Users\anna\100%Coldstate.Percent%_of%Coldstate.Percent%\* [*]</pattern>`, `<pattern type="File">C:\Users\anna\^[a^] &amp; &lt;b&gt;\* [*]</pattern>`,
		`<pattern type="File">C:\Users\anna\Documents\50% of ^[x^] [^^.txt]</pattern>`, `"%CSIDL_PROFILE%","C:\Users\b^[1^] %Coldstate.Percent%x%Coldstate.Percent%")`,
	} {
		if !strings.Contains(string(data), text) {
			t.Errorf("%s is not in the file", text)
		}
	}
	for _, text := range []string{`C:\Windows`, `C:\Program Files`, `Shortcut`, `secret.txt`, `hidden.dat`} {
		if strings.Contains(string(data), text) {
			t.Errorf("%s is in the file", text)
		}
	}
	if t.Failed() {
		t.Log(string(data))
	}
}

// TestComponentsOfRealFiles: the Config.xml of the rule files of administrators
// changes nothing as it is, and with "no" everywhere nothing is left of them.
func TestComponentsOfRealFiles(t *testing.T) {
	root := os.Getenv("COLDSTATE_TESTDATA")
	if root == "" {
		t.Skip("needs COLDSTATE_TESTDATA: the rule files of administrators")
	}
	files, err := filepath.Glob(filepath.Join(root, "migxml", "*", "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no rule files below ", root)
	}
	sys, set, users := sample(t, officeImage(t))
	n := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, _, err := migxml.Parse(filepath.Base(file), data)
		if err != nil {
			continue
		}
		n++
		docs := []*migxml.Document{d}
		list := func(text []byte) []string {
			t.Helper()
			c, ws, err := migxml.ParseConfig("c.xml", text)
			if err != nil || len(ws) > 0 {
				t.Fatalf("%s: %v %v", file, err, ws)
			}
			p, err := plan.Build(context.Background(), sys, set, users, docs, plan.Options{Rules: rules.Options{Off: c.Off()}})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range p.Warnings {
				if w.File == "c.xml" {
					t.Errorf("%s: %s", file, w)
				}
			}
			return list(p)
		}
		c, err := plan.Components(sys, users, docs, (*profile.User).Person)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		text := c.ListXML()
		if got, want := list(text), list([]byte("<Configuration/>")); !slices.Equal(got, want) {
			t.Errorf("%s: as it is the Config.xml makes %d objects of %d", file, len(got), len(want))
		}
		if got := list(bytes.ReplaceAll(text, []byte(`migrate="yes"`), []byte(`migrate="no"`))); len(got) > 0 {
			t.Errorf("%s: %d objects are taken though all is off, the first is %s\n%s", file, len(got), got[0], text)
		}
	}
	if n != 15 {
		t.Errorf("%d rule files are used; 15 are well formed", n)
	}
}
