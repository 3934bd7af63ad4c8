package rules

import (
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
)

// TestSwitches: a Config.xml takes roles and components out of rule files.
func TestSwitches(t *testing.T) {
	doc, _, err := migxml.Parse("r.xml", []byte(`<migration urlid="URN:x">
 <component type="Application"><displayName>One App</displayName>
  <role role="Settings"><rules><include><objectSet><pattern type="File">C:\settings\* [*]</pattern></objectSet></include></rules></role>
  <role role="Data"><rules><include><objectSet><pattern type="File">C:\data\* [*]</pattern></objectSet></include></rules></role>
 </component>
 <component type="Application"><displayName>Suite</displayName>
  <role role="Container">
   <component type="Application"><displayName>Part</displayName>
    <role role="Data"><rules><include><objectSet><pattern type="File">C:\part\* [*]</pattern></objectSet></include></rules></role>
   </component>
  </role>
 </component>
 <component type="Documents"><displayName>Texts</displayName><extensions><extension>txt</extension></extensions>
  <role role="Data"><rules><include><objectSet><pattern type="File">C:\texts\* [*]</pattern></objectSet></include></rules></role>
 </component>
</migration>`))
	if err != nil {
		t.Fatal(err)
	}
	comp := func(id string, inner ...*migxml.ConfigComponent) *migxml.ConfigComponent {
		return &migxml.ConfigComponent{Pos: migxml.Pos{File: "c.xml", Line: 4, Col: 5}, ID: id, Components: inner}
	}
	for _, c := range []struct {
		name string
		off  []*migxml.ConfigComponent
		want string // folders whose files are taken
		warn string
	}{
		{"nothing", nil, "settings data part texts other", ""},
		{"one role", []*migxml.ConfigComponent{comp("urn:x/one app/settings")}, "data part texts other", ""},
		{"any case", []*migxml.ConfigComponent{comp("urn:X/One App/DATA")}, "settings part texts other", ""},
		{"both roles", []*migxml.ConfigComponent{comp("urn:x/one app/settings"), comp("urn:x/one app/data")}, "part texts other", ""},
		{"a container takes along what is in it", []*migxml.ConfigComponent{comp("urn:x/suite/container")}, "settings data texts other", ""},
		{"a part of it", []*migxml.ConfigComponent{comp("urn:x/part/data")}, "settings data texts other", ""},
		{"a container and a part of it", []*migxml.ConfigComponent{comp("urn:x/suite/container", comp("urn:x/part/data")), comp("urn:x/part/data")}, "settings data texts other", ""},
		{"extensions go with the last role", []*migxml.ConfigComponent{comp("urn:x/texts/data")}, "settings data part", ""},
		{"another file", []*migxml.ConfigComponent{comp("urn:y/one app/data")}, "settings data part texts other", `c.xml:4:5: no rule file in use has the component "urn:y/one app/data": there is nothing to switch off`},
		{"a group is no component", []*migxml.ConfigComponent{comp("programs", comp("urn:x/part/data")), comp("urn:x/part/data")}, "settings data texts other", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, ws, err := Compile([]*migxml.Document{doc}, []Context{{Name: "System", Probe: fixedC{}}}, Options{Off: c.off})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, dir := range []string{"settings", "data", "part", "texts", "other"} {
				name := "a.doc"
				if dir == "other" {
					name = "a.txt" // by its extension alone
				}
				if w := set.Files("C:"); w != nil {
					if w = w.Enter(dir); w != nil && w.Leaf(name).Take {
						got = append(got, dir)
					}
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("taken: %s, want %s", s, c.want)
			}
			var told []string
			for _, w := range ws {
				told = append(told, w.String())
			}
			if s := strings.Join(told, "\n"); s != c.warn {
				t.Errorf("warnings %q, want %q", s, c.warn)
			}
			if doc.Components[1].Roles[0].Components == nil || len(doc.Components[0].Roles) != 2 {
				t.Fatal("the syntax tree was changed")
			}
		})
	}
}

// TestSwitchesNested: components of a role within a role can be switched off,
// and so can the role.
func TestSwitchesNested(t *testing.T) {
	doc, _, err := migxml.Parse("r.xml", []byte(`<migration urlid="urn:x"><component type="Application"><displayName>Suite</displayName>
 <role role="Container"><role role="Container"><component type="Application"><displayName>Deep</displayName>
  <role role="Data"><rules><include><objectSet><pattern type="File">C:\deep\* [*]</pattern></objectSet></include></rules>
   <role role="Settings"><rules><include><objectSet><pattern type="File">C:\inner\* [*]</pattern></objectSet></include></rules></role>
  </role></component></role></role></component></migration>`))
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"urn:x/nothing/data": "deep inner ", "urn:x/deep/data": "", "urn:x/deep/settings": "deep ", "urn:x/suite/container": "",
	} {
		set, _, err := Compile([]*migxml.Document{doc}, []Context{{Name: "System", Probe: fixedC{}}}, Options{Off: []*migxml.ConfigComponent{{ID: id}}})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, dir := range []string{"deep", "inner"} {
			if set.decide("", File, `C:\`+dir, "a", true).Take {
				got += dir + " "
			}
		}
		if got != want {
			t.Errorf("without %s: %q, want %q", id, got, want)
		}
	}
}

// fixedC has one drive.
type fixedC struct{}

func (fixedC) Exists(Kind, string, string, bool) bool { return false }
func (fixedC) Drives(kind string) []string            { return []string{"C:"} }
