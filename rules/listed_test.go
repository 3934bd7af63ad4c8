package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
)

// TestComponents: components are listed by type and kind, each role by its ID,
// when they are detected.
func TestComponents(t *testing.T) {
	parse := func(name, text string) *migxml.Document {
		d, _, err := migxml.Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	take := `<rules><include><objectSet><pattern type="File">C:\x\* [*]</pattern></objectSet></include></rules>`
	when := func(path string) string {
		return `<detection><conditions><condition>MigXmlHelper.DoesObjectExist("File","` + path + `")</condition></conditions></detection>`
	}
	docs := []*migxml.Document{
		parse("a.xml", `<migration urlid="URN:A">
<component type="Application"><displayName>One App</displayName><description>Browsers: x.</description><role role="Settings">`+take+`</role><role role="Data">`+take+`</role></component>
<component type="Application" context="User"><displayName>Here</displayName><environment><variable name="p"><text>%HOME%\here</text></variable></environment><role role="Data">`+when(`%p%`)+take+`</role></component>
<component type="Application"><displayName>Gone</displayName><role role="Data">`+when(`C:\gone`)+take+`</role></component>
<component type="System"><displayName>Odd</displayName><role role="Settings"><detection><conditions><condition>MigXmlHelper.NoSuch("x")</condition></conditions></detection>`+take+`</role></component>
<component type="Documents"><displayName>Suite</displayName><role role="Container">
 <component type="Documents"><displayName>Part</displayName><role role="Data">`+take+`</role></component>
 <component type="Documents"><displayName>Gone part</displayName><role role="Data">`+when(`C:\gone`)+take+`</role></component>
</role></component>
<component type="Documents"><displayName>Gone suite</displayName><role role="Container">`+when(`C:\gone`)+`<component type="Documents"><displayName>Lost part</displayName><role role="Data">`+take+`</role></component></role></component>
<component type="Device"><displayName>Printer</displayName><role role="Settings">`+take+`<role role="Settings">`+take+`</role></role></component>
</migration>`),
		parse("b.xml", `<migration urlid="urn:a"><component type="Application"><displayName>Second</displayName><role role="Data">`+take+`</role></component></migration>`),
		parse("c.xml", `<migration urlid="urn:c"><component type="Application"><displayName>One App</displayName><role role="Data">`+take+`</role></component><component type="Application"><displayName>ONE APP</displayName><role role="Data">`+take+`</role></component></migration>`),
	}
	show := func(c *migxml.Config) string {
		var b strings.Builder
		var list func(name string, l []*migxml.ConfigComponent)
		list = func(name string, l []*migxml.ConfigComponent) {
			for _, k := range l {
				fmt.Fprintf(&b, "%s%s\n", name, k.ID)
				list(name+"  ", k.Components)
			}
		}
		list("A ", c.Applications)
		list("D ", c.Documents)
		list("W ", c.WindowsComponents)
		return b.String()
	}
	ctxs := []Context{{Name: "System", Probe: paths{}}, {Name: "S-1", User: true, Env: envMap{"HOME": `C:\home`}, Probe: paths{`C:\home\here`}}}
	got, err := Components(docs, ctxs)
	if err != nil {
		t.Fatal(err)
	}
	if want := `A applications\browsers
A   URN:A/one app/settings
A   URN:A/one app/data
A applications\programs
A   URN:A/here/data
A   urn:c/one app/data
D documents\documents
D   URN:A/suite/container
D     URN:A/part/data
W windows_components\settings
W   URN:A/odd/settings
W windows_components\machine
W   URN:A/printer/settings
`; show(got) != want {
		t.Errorf("on a machine:\n%s\nwant\n%s", show(got), want)
	}
	got, err = Components(docs, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gone/data", "gone part/data", "lost part/data"} {
		if !strings.Contains(show(got), "URN:A/"+name+"\n") {
			t.Errorf("without a machine %s is not listed:\n%s", name, show(got))
		}
	}
	// A component that nobody can evaluate can be switched off by what is listed.
	if _, _, err := Compile(docs, ctxs, Options{}); err == nil {
		t.Error("a function that does not exist is compiled")
	}
	got, err = Components(docs, ctxs)
	if err != nil {
		t.Fatal(err)
	}
	got.WindowsComponents[0].Migrate = false
	if _, _, err := Compile(docs, ctxs, Options{Off: got.Off()}); err != nil {
		t.Error(err)
	}
}

// paths is a Probe that knows that some folders exist.
type paths []string

func (p paths) Exists(_ Kind, node, _ string, _ bool) bool {
	for _, s := range p {
		if strings.EqualFold(s, node) {
			return true
		}
	}
	return false
}
func (paths) Drives(string) []string { return []string{"C:"} }
