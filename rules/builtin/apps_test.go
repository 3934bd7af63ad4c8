package builtin_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/rules/builtin"
	"github.com/coldstate/coldstate/testimages"
)

var update = flag.Bool("update", false, "write the golden lists of testdata anew")

// taken says of each object of a plan which component takes it. Objects are
// called "KIND PATH", "value KEY [NAME]", those of a user's registry with the
// user before the path.
type taken map[string]string

// machine is a test machine with its users.
type machine struct{ *testwin.Windows }

func open(t *testing.T, name string) machine {
	t.Helper()
	paths, err := testimages.Machine(name).WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return machine{testwin.Open(t, testwin.Options{}, paths...)}
}

func parse(t *testing.T, sets ...string) []*migxml.Document {
	t.Helper()
	var docs []*migxml.Document
	for _, name := range sets {
		data, err := builtin.File(name)
		if err != nil {
			t.Fatal(err)
		}
		d, ws, err := migxml.Parse("builtin:"+name, data)
		if err != nil || len(ws) > 0 {
			t.Fatal(ws, err)
		}
		docs = append(docs, d)
	}
	return docs
}

func (m machine) build(t *testing.T, docs []*migxml.Document, off ...*migxml.ConfigComponent) *plan.Plan {
	t.Helper()
	p, err := plan.Build(context.Background(), m.System, m.Set, m.Users, docs, plan.Options{Rules: rules.Options{Off: off}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// plan says what is taken, without the components that are off.
func (m machine) plan(t *testing.T, docs []*migxml.Document, off ...*migxml.ConfigComponent) taken {
	t.Helper()
	p := m.build(t, docs, off...)
	for _, w := range p.Warnings {
		t.Errorf("warning %s", w)
	}
	names := map[string]string{}
	for _, u := range m.Users {
		names[u.ID] = u.Name + " "
	}
	out := taken{}
	for o := range p.Objects {
		if o.Outcome != "" {
			t.Errorf("%s: %s", o.Path, o.Outcome)
			continue
		}
		text := fmt.Sprintf("%s %s%s", o.Kind, names[o.User], o.Path)
		if o.Kind == "value" {
			text += " [" + string(o.Stream) + "]"
		}
		if _, twice := out[text]; twice {
			t.Errorf("%s is taken twice", text)
		}
		out[text] = p.Rules.Rule(o.Rule).Component
	}
	return out
}

// object is how an object of a list of programs is called in a plan.
func object(a testimages.App, path string) string {
	if key, ok := strings.CutPrefix(path, "HKCU"); ok {
		return "value " + a.User + " HKCU" + key
	}
	if strings.HasPrefix(path, "HK") {
		return "value " + path
	}
	return "file " + path
}

// TestApps captures the machines that have something of each program: what
// comes is in a golden list, and is what the list of programs says; what lies
// beside it stays.
func TestApps(t *testing.T) {
	for _, tt := range []struct {
		machine string
		sets    []string
	}{
		{"apps", append(builtin.Default(), "machine")},
		{"apps-xp", builtin.Default()},
	} {
		t.Run(tt.machine, func(t *testing.T) {
			got := open(t, tt.machine).plan(t, parse(t, tt.sets...))
			for _, a := range testimages.Apps(tt.machine) {
				if len(a.Comes) == 0 || len(a.Stays) == 0 {
					t.Errorf("%s: nothing comes, or nothing stays", a.Name)
				}
				for _, path := range a.Comes {
					switch by, ok := got[object(a, path)]; {
					case !ok:
						t.Errorf("%s: %s is not taken", a.Name, path)
					case by != a.Name && !ownedByFolder(by, a.Name):
						t.Errorf("%s: %s is taken by %s", a.Name, path, by)
					}
				}
				for _, path := range a.Stays {
					if by, ok := got[object(a, path)]; ok {
						t.Errorf("%s: %s is taken, by %s", a.Name, path, by)
					}
				}
			}
			golden(t, tt.machine, got)
		})
	}
}

// ownedByFolder says that files of the component lie in a folder that is taken
// whole, and count there.
func ownedByFolder(by, name string) bool {
	return by == "Documents" && (name == "Outlook data files of the user" || name == "Remote Desktop")
}

// golden compares what is taken with a list in testdata.
func golden(t *testing.T, machine string, got taken) {
	t.Helper()
	var b strings.Builder
	for _, o := range slices.SortedFunc(maps.Keys(got), func(a, b string) int {
		return strings.Compare(got[a]+"\t"+a, got[b]+"\t"+b)
	}) {
		fmt.Fprintf(&b, "%s\t%s\n", got[o], o)
	}
	name := "testdata/taken/" + machine + ".txt"
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		want[line] = true
	}
	for line := range strings.Lines(b.String()) {
		if !want[line] {
			t.Errorf("not in %s: %s", name, line)
		}
		delete(want, line)
	}
	for line := range want {
		t.Errorf("only in %s: %s", name, line)
	}
}

// TestEachComponentCounts switches off one component after the other: what is
// taken gets less, by objects of that component alone.
func TestEachComponentCounts(t *testing.T) {
	m := open(t, "apps")
	docs := parse(t, append(builtin.Default(), "machine")...)
	all := m.plan(t, docs)
	apps := map[string]bool{}
	for _, a := range testimages.Apps("apps") {
		apps[a.Name] = true
	}
	for _, d := range docs {
		for _, c := range d.Components {
			if !apps[c.DisplayName] {
				t.Errorf("the machine has nothing of %s", c.DisplayName)
			}
			var off []*migxml.ConfigComponent
			for _, r := range c.Roles {
				off = append(off, &migxml.ConfigComponent{ID: d.URLID + "/" + c.DisplayName + "/" + r.Role})
			}
			got := m.plan(t, docs, off...)
			lost := 0
			for o, by := range all {
				if _, ok := got[o]; ok {
					continue
				}
				lost++
				if by != c.DisplayName {
					t.Errorf("without %s, %s is not taken, which is of %s", c.DisplayName, o, by)
				}
			}
			if lost == 0 {
				t.Errorf("without %s everything is taken all the same", c.DisplayName)
			}
			for o := range got {
				if _, ok := all[o]; !ok {
					t.Errorf("without %s, %s is taken as well", c.DisplayName, o)
				}
			}
		}
	}
}

// TestDecoysBite takes the excludes away: of each component that has some,
// something that stays is then taken, so that it is they that make it stay. The
// other decoys are foreign files.
func TestDecoysBite(t *testing.T) {
	docs := parse(t, append(builtin.Default(), "machine")...)
	excludes := map[string]bool{}
	for _, d := range docs {
		for _, c := range d.Components {
			for _, r := range c.Roles {
				for _, b := range r.Rules {
					b.Rule = slices.DeleteFunc(b.Rule, func(r *migxml.Rule) bool {
						excludes[c.DisplayName] = excludes[c.DisplayName] || r.Action == migxml.Exclude
						return r.Action == migxml.Exclude
					})
				}
			}
		}
	}
	p := open(t, "apps").build(t, docs)
	got := taken{}
	for o := range p.Objects {
		by := p.Rules.Rule(o.Rule).Component
		got["file "+string(o.Path)] = by
		got["value "+string(o.Path)+" ["+string(o.Stream)+"]"] = by
	}
	decoys, bite := 0, 0
	for _, a := range testimages.Apps("apps") {
		for _, path := range a.Stays {
			decoys++
			if got["file "+path] == a.Name || got["value "+path] == a.Name {
				bite++
				delete(excludes, a.Name)
			}
		}
	}
	for name, has := range excludes {
		if has {
			t.Errorf("%s has excludes, and nothing that they keep out", name)
		}
	}
	if bite < decoys/2 {
		t.Errorf("%d of %d decoys are taken by their components without excludes", bite, decoys)
	}
}

// TestWholeProfile: the set profile takes what the others take of profiles, and
// what nobody knows, and leaves what Windows makes again.
func TestWholeProfile(t *testing.T) {
	m := open(t, "apps")
	got := m.plan(t, parse(t, "profile"))
	for path, want := range map[string]bool{
		`C:\Users\anna\AppData\Local\Packages\Some.App_x\LocalState\state.json`:               true,
		`C:\Users\anna\AppData\Local\SomeProgram\program.exe`:                                 true,
		`C:\Users\anna\Documents\letter.docx`:                                                 true,
		`D:\Papers of berta\offer.docx`:                                                       true,
		`C:\Users\anna\AppData\Local\Temp\setup.log`:                                          false,
		`C:\Users\anna\AppData\Local\Microsoft\Windows\INetCache\IE\a.htm`:                    false,
		`C:\Users\anna\AppData\Roaming\Microsoft\Credentials\AB12`:                            false,
		`C:\Users\anna\AppData\Local\Google\Chrome\User Data\Default\Cache\Cache_Data\data_0`: false,
		`D:\Work\2019\list.xlsx`:                                                              false,
	} {
		if _, ok := got["file "+path]; ok != want {
			t.Errorf("%s: taken is %t", path, ok)
		}
	}
}
