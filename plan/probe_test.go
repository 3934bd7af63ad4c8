package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// TestProbeRegistry asks about keys and values at and below every root.
func TestProbeRegistry(t *testing.T) {
	drivers := hivegen.K("ROOT")
	drivers.At(`DriverDatabase`).Add(hivegen.SZ("Version", "3"))
	w := &testimages.Windows{
		Edition: testimages.Windows10, Computer: "PROBE",
		Devices: map[string][]byte{"C:": testimages.GPTDevice(nameGUID(1))},
		Files:   []*ntfsgen.Node{ntfsgen.File(`Windows\System32\config\DRIVERS`, hivegen.Build(drivers, hivegen.Options{}))},
		Users: []testimages.Person{
			{Name: "anna", Registry: func(root *hivegen.Key) { root.At(`Software\Own\Sub`).Add(hivegen.SZ("Of", "anna")) },
				Classes: func(root *hivegen.Key) { root.At(`.own`).Add(hivegen.SZ("", "ownfile")) }},
			{Name: "bert", Registry: func(root *hivegen.Key) { root.At(`Software\Own`).Add(hivegen.SZ("Of", "bert")) }},
		},
		Registry: func(hive string, root *hivegen.Key) {
			switch hive {
			case "SOFTWARE":
				root.At(`Zed`).Add(hivegen.SZ("Zed", "1"))
				root.At(`Classes\.zed`).Add(hivegen.SZ("", "zedfile"))
			case "SYSTEM":
				root.At(`ControlSet001\Services\Zed`).Add(hivegen.SZ("Zed", "2"))
			case "DEFAULT":
				root.At(`Software\Zed`).Add(hivegen.SZ("Zed", "3"))
			}
		},
	}
	win := testwin.Open(t, testwin.Options{}, namesDisk(t, w))
	_, ctxs := contexts(win.System, win.Users, func(*profile.User) bool { return true })
	system, anna := ctxs[0].Probe.(*probe), (*probe)(nil)
	ids := map[string]string{}
	for _, u := range win.Users {
		if u.Person() {
			ids[u.Name] = u.ID
		}
	}
	for _, c := range ctxs[1:] {
		if c.Name == ids["anna"] {
			anna = c.Probe.(*probe)
		}
	}
	for _, tt := range []struct {
		location string // the name of a user in braces is its ID
		system   []string
		anna     []string // nil for the same
	}{
		{`HKLM`, []string{`HKLM`}, nil},
		{`HKLM [Zed]`, nil, nil},
		{`HKU`, []string{`HKU`}, nil},
		{`HKLM\SOFTWARE\Zed`, []string{`HKLM\SOFTWARE\Zed`}, nil},
		{`HKLM\SOFTWARE\Zed\* [Zed]`, []string{`HKLM\SOFTWARE\Zed [Zed]`}, nil}, // the key itself as well
		{`HKLM\*\Zed [*]`, []string{`HKLM\SOFTWARE\Zed [Zed]`, `HKLM\SYSTEM\ControlSet001\Services\Zed [Zed]`}, nil},
		{`HKLM\SO*\Zed`, []string{`HKLM\SOFTWARE\Zed`}, nil},
		{`HKLM\DRIVERS\DriverDatabase [Version]`, []string{`HKLM\DRIVERS\DriverDatabase [Version]`}, nil},
		{`HKLM\*\DriverDatabase`, []string{`HKLM\DRIVERS\DriverDatabase`}, nil},
		{`HKLM\COMPONENTS`, nil, nil}, // not on the disk
		{`HKLM\SAM`, nil, nil},
		{`HKLM\SECURITY\*`, nil, nil},
		{`HKLM\SYSTEM\CurrentControlSet\Services\Zed`, []string{`HKLM\SYSTEM\CurrentControlSet\Services\Zed`}, nil},
		{`HKCR\.zed []`, []string{`HKCR\.zed []`}, nil},
		{`HKU\.DEFAULT\Software\Zed [Zed]`, []string{`HKU\.DEFAULT\Software\Zed [Zed]`}, nil},
		{`HKU\S-1-5-18\Software\Zed`, []string{`HKU\S-1-5-18\Software\Zed`}, nil},
		{`HKU\S-1-5-19`, []string{`HKU\S-1-5-19`}, nil}, // a service
		{`HKU\{anna}\Software\Own\Sub [Of]`, []string{`HKU\{anna}\Software\Own\Sub [Of]`}, nil},
		{`HKEY_USERS\{bert}\Software\Own`, []string{`HKEY_USERS\{bert}\Software\Own`}, nil},
		{`HKU\{anna}`, []string{`HKU\{anna}`}, nil},
		{`HKU\S-1-5-21-9-9-9-1001`, nil, nil},
		{`HKU\{anna}_Classes\.own []`, []string{`HKU\{anna}_Classes\.own []`}, nil},
		{`HKU\*\.own`, []string{`HKU\{anna}_Classes\.own`}, nil},
		{`HKU\_Classes`, nil, nil},
		{`HKU\* [Of]`, []string{`HKU\{anna}\Software\Own\Sub [Of]`, `HKU\{bert}\Software\Own [Of]`}, nil},
		{`HKU\*\Zed`, []string{`HKU\.DEFAULT\Software\Zed`, `HKU\S-1-5-18\Software\Zed`}, nil},
		{`HKU\S-1-5-21*\Software\Own`, []string{`HKU\{anna}\Software\Own`, `HKU\{bert}\Software\Own`}, nil},
		{`HKCU\Software\Own`, nil, []string{`HKCU\Software\Own`}},
		{`HKCU\Software\Own\* [Of]`, nil, []string{`HKCU\Software\Own\Sub [Of]`}},
		{`*\Own\Sub`, []string{`HKU\{anna}\Software\Own\Sub`}, []string{`HKCU\Software\Own\Sub`, `HKU\{anna}\Software\Own\Sub`}},
		{`*\.zed`, []string{`HKLM\SOFTWARE\Classes\.zed`, `HKCR\.zed`}, nil},
		{`HKXX\x`, nil, nil},
	} {
		node, leaf, hasLeaf := strings.Cut(tt.location, " [")
		for name, id := range ids {
			node = strings.ReplaceAll(node, "{"+name+"}", id)
		}
		for who, p := range map[string]*probe{"the system": system, "anna": anna} {
			want := tt.system
			if p == anna && tt.anna != nil {
				want = tt.anna
			}
			var got []string
			p.Find(rules.Registry, node, strings.TrimSuffix(leaf, "]"), hasLeaf, func(node, leaf string) bool {
				// What is found can be read under its name.
				if _, ok := p.Text(rules.Registry, node, leaf); hasLeaf && !ok {
					t.Errorf("%s [%s] has no text", node, leaf)
				}
				for name, id := range ids {
					node = strings.ReplaceAll(node, id, "{"+name+"}")
				}
				if hasLeaf {
					node += " [" + leaf + "]"
				}
				got = append(got, node)
				return true
			})
			if !slices.Equal(got, want) {
				t.Errorf("%s for %s:\n got %q\nwant %q", tt.location, who, got, want)
			}
			if exists := p.Exists(rules.Registry, node, strings.TrimSuffix(leaf, "]"), hasLeaf); exists != (want != nil) {
				t.Errorf("%s exists for %s: %t", tt.location, who, exists)
			}
		}
	}
}
