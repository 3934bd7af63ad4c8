package rules

import (
	"encoding/xml"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
)

// vars is an Env.
type vars map[string]string

func (v vars) Lookup(name string) (string, bool) {
	s, ok := v[strings.ToUpper(name)]
	return s, ok
}

// source is a Probe over literal lists.
type source struct {
	objects []string // locations
	drives  map[string][]string
}

func (s *source) Exists(kind Kind, node, leaf string, hasLeaf bool) bool {
	p := location{node, leaf, hasLeaf}.pattern()
	for _, o := range s.objects {
		l, err := parseLocation(kind, o)
		if err != nil {
			continue // of the other kind
		}
		if plainMatch(p, l.node, l.leaf, l.hasLeaf) {
			return true
		}
	}
	return false
}

func (s *source) Drives(kind string) []string { return s.drives[kind] }

var system = Context{Name: "System", Env: vars{"SYSTEMDRIVE": "C:", "PROGRAMFILES": `C:\Program Files`}}

func user(name string) Context {
	return Context{Name: "S-1-5-21-1-2-3-" + name, User: true, Env: vars{
		"SYSTEMDRIVE":         "C:",
		"PROGRAMFILES":        `C:\Program Files`,
		"CSIDL_PROFILE":       `C:\Users\` + name,
		"CSIDL_PERSONAL":      `C:\Users\` + name + `\Documents`,
		"CSIDL_LOCAL_APPDATA": `C:\Users\` + name + `\AppData\Local`,
	}}
}

// parse reads rules that are elements of <migration>.
func parse(t testing.TB, name, body string) *migxml.Document {
	t.Helper()
	d, _, err := migxml.Parse(name, []byte(`<migration urlid="urn:`+name+`">`+body+`</migration>`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustCompile(t testing.TB, docs []*migxml.Document, ctxs ...Context) *Set {
	t.Helper()
	s, _, err := Compile(docs, ctxs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decide asks about one object by its full name.
func (s *Set) decide(ctx string, kind Kind, node, leaf string, hasLeaf bool) Decision {
	return s.decideOf(ctx, kind, node, leaf, hasLeaf, nil)
}

func (s *Set) decideOf(ctx string, kind Kind, node, leaf string, hasLeaf bool, o Object) Decision {
	root, rest, more := strings.Cut(node, `\`)
	var w *Walk
	if kind == File {
		w = s.Files(root)
	} else {
		w = s.Keys(ctx, root)
	}
	if more {
		for _, name := range strings.Split(rest, `\`) {
			w = w.Enter(name)
		}
	}
	if hasLeaf {
		return w.LeafOf(leaf, o)
	}
	return w.Self()
}

// takes asks about a location as rules write it.
func (s *Set) takes(t testing.TB, ctx string, kind Kind, text string) bool {
	t.Helper()
	l, err := parseLocation(kind, text)
	if err != nil {
		t.Fatal(err)
	}
	return s.decide(ctx, kind, l.node, l.leaf, l.hasLeaf).Take
}

func esc(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s))
	return b.String()
}

// block writes the short notation of testdata/precedence.txt as components.
func block(rules, context, typ string) string {
	tag := map[string]string{"I": "include", "E": "exclude", "U": "unconditionalExclude"}
	var b strings.Builder
	for i, comp := range strings.Split(rules, " // ") {
		fmt.Fprintf(&b, `<component type="Documents" context=%q><displayName>component %d</displayName>`, context, i+1)
		for j, role := range strings.Split(comp, " ;;; ") {
			fmt.Fprintf(&b, `<role role=%q>`, []string{"Settings", "Data"}[j])
			for _, rs := range strings.Split(role, " ;; ") {
				b.WriteString("<rules>")
				for _, r := range strings.Split(rs, " ; ") {
					action, pattern, _ := strings.Cut(strings.TrimSpace(r), " ")
					fmt.Fprintf(&b, `<%s><objectSet><pattern type=%q>%s</pattern></objectSet></%[1]s>`, tag[action], typ, esc(pattern))
				}
				b.WriteString("</rules>")
			}
			b.WriteString("</role>")
		}
		b.WriteString("</component>\n")
	}
	return b.String()
}

func TestPrecedence(t *testing.T) {
	data, err := os.ReadFile("testdata/precedence.txt")
	if err != nil {
		t.Fatal(err)
	}
	expandK := strings.NewReplacer(`K\`, `HKCU\Software\Zed\`, `K [`, `HKCU\Software\Zed [`).Replace
	objects := map[Kind][][2]string{}
	asked := map[string]bool{}
	for _, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, " | ")
		if len(fields) == 2 {
			fields = append(fields, "")
		}
		for i := range fields {
			fields[i] = strings.TrimSpace(strings.TrimSuffix(fields[i], "|"))
		}
		if id, ok := strings.CutPrefix(fields[0], "object "); ok {
			kind := File
			if fields[1][0] == 'K' || strings.HasPrefix(fields[1], "HKLM") {
				kind = Registry
			} else if fields[1], _, ok = cutName(fields[1]); !ok {
				t.Fatal(line)
			}
			objects[kind] = append(objects[kind], [2]string{id, expandK(fields[1])})
			continue
		}
		if asked[fields[0]] {
			t.Errorf("%s is asked twice", fields[0])
		}
		asked[fields[0]] = true
		if strings.IndexByte("QML", fields[0][0]) >= 0 {
			t.Run(fields[0], func(t *testing.T) { askSituation(t, fields) })
			continue
		}
		t.Run(fields[0], func(t *testing.T) {
			kind, typ, rules := File, "File", fields[1]
			if fields[0][0] == 'R' {
				kind, typ = Registry, "Registry"
				rules = expandK(rules + " ")
				rules = strings.ReplaceAll(rules, " K ", ` HKCU\Software\Zed `)
			}
			ann, context := user("ann"), "UserAndSystem"
			if fields[0] == "R10" {
				context = "User"
			}
			set := mustCompile(t, []*migxml.Document{parse(t, fields[0], block(rules, context, typ))}, system, ann, user("bob"), user("eve"))
			if fields[0] == "R10" {
				// There is one tree of the machine's keys, so that a value is
				// one object: every context has the same answer from it.
				d := set.decide(system.Name, Registry, `HKLM\SOFTWARE\Zed`, "Color", true)
				for _, c := range []string{ann.Name, user("bob").Name, user("eve").Name} {
					if set.decide(c, Registry, `HKLM\SOFTWARE\Zed`, "Color", true) != d || !d.Take || d.Context == 0 {
						t.Errorf("%s has an answer of its own", c)
					}
				}
			}
			var got []string
			for _, o := range objects[kind] {
				if set.takes(t, ann.Name, kind, o[1]) {
					got = append(got, o[0])
				}
			}
			want := strings.Fields(fields[2])
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s\n got %v\nwant %v", rules, got, want)
			}
		})
	}
	// The reference has these 104.
	for kind, n := range map[string]int{"P": 45, "Q": 24, "R": 10, "M": 12, "L": 13} {
		for i := range n {
			id := fmt.Sprint(kind, i+1)
			if !asked[id] {
				t.Errorf("%s is not in the file", id)
			}
			delete(asked, id)
		}
	}
	if len(asked) > 0 || len(objects[File]) != 11 || len(objects[Registry]) != 5 {
		t.Errorf("more questions %v, %d files, %d values", asked, len(objects[File]), len(objects[Registry]))
	}
}

// cutName writes the path of a file as a location.
func cutName(path string) (string, string, bool) {
	i := strings.LastIndexByte(path, '\\')
	if i < 0 {
		return "", "", false
	}
	return path[:i+1] + " [" + escape(path[i+1:]) + "]", path[i+1:], true
}
