package builtin_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/rules/builtin"
)

// TestConfigOfComponents: the Config.xml that lists the components changes
// nothing; what is set to "no" in it, a component or a group, is left out, and
// nothing else.
func TestConfigOfComponents(t *testing.T) {
	m := open(t, "apps")
	docs := parse(t, builtin.Names()...)
	list, err := plan.Components(m.System, m.Users, docs, (*profile.User).Person)
	if err != nil {
		t.Fatal(err)
	}
	text := string(list.ListXML())
	read := func(text string) *migxml.Config {
		t.Helper()
		c, ws, err := migxml.ParseConfig("c.xml", []byte(text))
		if err != nil || len(ws) > 0 {
			t.Fatal(err, ws)
		}
		return c
	}
	want := m.plan(t, docs)
	cfg := read(text)
	if len(cfg.Off()) > 0 || !maps.Equal(m.plan(t, docs, cfg.Off()...), want) {
		t.Fatalf("as it is the Config.xml changes something")
	}
	components := 0
	for _, d := range docs {
		for _, c := range d.Components {
			components++
			if !strings.Contains(text, `displayname="`+c.DisplayName+`"`) {
				t.Errorf("%s is not listed", c.DisplayName)
			}
		}
	}
	without := func(k *migxml.ConfigComponent) {
		off := strings.Replace(text, `migrate="yes" ID="`+k.ID+`"`, `migrate="no" ID="`+k.ID+`"`, 1)
		if off == text {
			t.Fatalf("%s is not in the text", k.ID)
		}
		gone := map[string]bool{}
		var all func(k *migxml.ConfigComponent)
		all = func(k *migxml.ConfigComponent) {
			if len(k.Components) == 0 {
				gone[k.DisplayName] = true
			}
			for _, in := range k.Components {
				all(in)
			}
		}
		all(k)
		got := m.plan(t, docs, read(off).Off()...)
		for o, by := range want {
			if now, ok := got[o]; !gone[by] && now != by {
				t.Errorf("without %s: %s is taken by %q (%t), and was by %s", k.ID, o, now, ok, by)
			}
		}
		for o, by := range got {
			if gone[by] {
				t.Errorf("without %s: %s is taken by %s", k.ID, o, by)
			}
		}
	}
	leaves := 0
	for _, section := range [][]*migxml.ConfigComponent{cfg.Applications, cfg.Documents, cfg.WindowsComponents} {
		for _, group := range section {
			without(group)
			for _, k := range group.Components {
				leaves++
				without(k)
			}
		}
	}
	if leaves != components {
		t.Errorf("%d components are listed, the files have %d", leaves, components)
	}
	// Without a machine all are listed.
	every, err := rules.Components(docs, nil)
	if err != nil || string(every.ListXML()) != text {
		t.Errorf("without a source the list is another (%v)", err)
	}
}
