package plan

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// TestControlSetLink: a CurrentControlSet that lies in the hive, a link that a
// running Windows left, is not the control set.
func TestControlSetLink(t *testing.T) {
	w := &testimages.Windows{
		Edition: testimages.Windows10, Computer: "LINK",
		Devices: map[string][]byte{"C:": testimages.GPTDevice(nameGUID(1))},
		Users:   []testimages.Person{{Name: "anna"}},
		Registry: func(hive string, root *hivegen.Key) {
			if hive == "SYSTEM" {
				root.At(`ControlSet001\Services\Zed`).Add(hivegen.SZ("Zed", "2"))
				root.At(`ControlSet002\Services\Zed`).Add(hivegen.SZ("Zed", "3"))
				root.At(`CurrentControlSet`).Add(hivegen.SZ("SymbolicLinkValue", `\Registry\Machine\SYSTEM\ControlSet001`))
			}
		},
	}
	win := testwin.Open(t, testwin.Options{}, namesDisk(t, w))
	p, err := Build(context.Background(), win.System, win.Set, win.Users, nil,
		Options{Rules: rules.Options{Include: []string{`HKLM\SYSTEM\* [Zed]`, `HKLM\SYSTEM\* [Symbolic*]`, `C:\%USERNAME%\* [*]`}}, Selected: (*profile.User).Person})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range p.Keys {
		got = append(got, k.Path.Path+" "+k.Value.Text())
	}
	slices.Sort(got)
	if s := strings.Join(got, "; "); s != `HKLM\SYSTEM\ControlSet002\Services\Zed 3; HKLM\SYSTEM\CurrentControlSet\Services\Zed 2` {
		t.Error(s)
	}
	d := p.Document()
	if d.Windows.ControlSet != "ControlSet001" || len(d.Contexts) != 2 || d.Contexts[0] != "System" || d.Contexts[1] != p.Contexts[1].Name {
		t.Errorf("%q %q", d.Windows.ControlSet, d.Contexts)
	}
	for _, r := range d.Rules {
		want := []int16{0, 1}
		if strings.Contains(string(r.Pattern), "USERNAME") {
			want = []int16{1}
		}
		if !slices.Equal(r.Contexts, want) {
			t.Errorf("%s: contexts %v", r.Pattern, r.Contexts)
		}
	}
}
