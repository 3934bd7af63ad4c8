package migxml

import (
	"reflect"
	"strings"
	"testing"
)

func TestListXML(t *testing.T) {
	c := &Config{
		Applications: []*ConfigComponent{{DisplayName: "Browsers", ID: `applications\browsers`, Migrate: true, Components: []*ConfigComponent{
			{DisplayName: "A & \"B\" <C>\n--", ID: "urn:x/a & \"b\" <c>\n--/settings", Migrate: true},
			{DisplayName: "Off", ID: "urn:x/off/settings"},
		}}},
		WindowsComponents: []*ConfigComponent{{DisplayName: "All*--", ID: "urn:x/all*/data", Migrate: true, Components: []*ConfigComponent{{DisplayName: "In it", ID: "urn:x/in it/data", Migrate: true}}}},
	}
	got, ws, err := ParseConfig("c.xml", c.ListXML())
	if err != nil || len(ws) > 0 {
		t.Fatalf("%v %v\n%s", err, ws, c.ListXML())
	}
	var clear func(list []*ConfigComponent)
	clear = func(list []*ConfigComponent) {
		for _, k := range list {
			k.Pos = Pos{}
			clear(k.Components)
		}
	}
	clear(got.Applications)
	clear(got.WindowsComponents)
	if !reflect.DeepEqual(got.Applications, c.Applications) {
		t.Errorf("applications are not those that were written\n%s", c.ListXML())
	}
	if !reflect.DeepEqual(got.WindowsComponents, c.WindowsComponents[0].Components) || len(got.Documents) > 0 {
		t.Errorf("what is in a component that cannot be listed is not there\n%s", c.ListXML())
	}
	if len(got.FileErrors)+len(got.RegistryErrors)+len(got.HardLinks)+len(got.Groups) > 0 {
		t.Error("the examples have an effect")
	}
	// Whoever takes them out of the comment has something that works.
	got, ws, err = ParseConfig("c.xml", []byte("<Configuration>"+configExamples+"</Configuration>"))
	if err != nil || len(ws) > 0 || len(got.FileErrors) != 2 || len(got.RegistryErrors) != 1 || len(got.HardLinks) != 2 || len(got.Groups) != 1 {
		t.Errorf("the examples: %v %v", err, ws)
	}
	if strings.Contains(configExamples, "--") {
		t.Error("two hyphens end the comment")
	}
}
