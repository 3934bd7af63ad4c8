package rules

import (
	"fmt"
	"slices"
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

// TestComponentsOnce: an ID stands once in the list, so that one "no" is enough.
func TestComponentsOnce(t *testing.T) {
	one := func(typ, name, folder string) string {
		return `<component type="` + typ + `" context="System"><displayName>` + name + `</displayName><role role="Data"><rules><include><objectSet><pattern type="File">C:\` + folder + `\* [*]</pattern></objectSet></include></rules></role></component>`
	}
	suite := func(typ, name, inner string) string {
		return `<component type="` + typ + `" context="System"><displayName>` + name + `</displayName><role role="Container">` + inner + `</role></component>`
	}
	doc, _, err := migxml.Parse("r.xml", []byte(`<migration urlid="urn:x">`+one("Documents", "Same", "a")+one("System", "SAME", "b")+
		suite("Application", "Suite", one("Application", "Same", "c")+one("Application", "Part", "d"))+suite("System", "Suite", one("System", "Other", "e")+one("System", "Part", "f"))+
		suite("Device", "Box", suite("Device", "Box", one("Device", "Deep", "g")))+`</migration>`))
	if err != nil {
		t.Fatal(err)
	}
	all, err := Components([]*migxml.Document{doc}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, ws, err := migxml.ParseConfig("c.xml", []byte(strings.ReplaceAll(string(all.ListXML()), `"yes"`, `"no"`)))
	if err != nil || len(ws) > 0 {
		t.Fatal(err, ws)
	}
	var ids []string
	for _, k := range cfg.Off() {
		if strings.HasPrefix(k.ID, "urn:") {
			ids = append(ids, k.ID)
		}
	}
	slices.Sort(ids)
	if got, want := strings.Join(ids, " "), "urn:x/box/container urn:x/deep/data urn:x/other/data urn:x/part/data urn:x/same/data urn:x/suite/container"; got != want {
		t.Errorf("listed: %s, want %s\n%s", got, want, all.ListXML())
	}
	text := string(all.ListXML())
	for _, id := range ids {
		if n := strings.Count(text, `ID="`+id+`"`); n != 1 {
			t.Errorf("%s is listed %d times\n%s", id, n, text)
		}
	}
	set, ws, err := Compile([]*migxml.Document{doc}, []Context{{Name: "System", Probe: paths{}}}, Options{Off: cfg.Off()})
	if err != nil || len(ws) > 0 || set.TakesFiles() {
		t.Errorf("with all of them off: %v, error %v, takes something: %t", ws, err, set.TakesFiles())
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
