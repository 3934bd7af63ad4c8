package plan_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
)

// TestLosses: what will not survive is said of components that take
// something, once for those that say the same; named rules count for each
// component that uses them.
func TestLosses(t *testing.T) {
	sys, set, users := sample(t)
	component := func(name, description, rules string) string {
		return `<component type="Application" context="User"><displayName>` + name + `</displayName><description>` + description + `</description><role role="Data">` + rules + `</role></component>`
	}
	folder := func(name string) string {
		return `<rules><include><objectSet><pattern type="File">` + name + `\* [*]</pattern></objectSet></include></rules>`
	}
	named := func(name string) string {
		return `<environment><variable name="Here"><text>` + name + `</text></variable></environment><rules name="here"/>`
	}
	doc, ws, err := migxml.Parse("l.xml", []byte(`<migration urlid="u"><namedElements><rules name="here"><include><objectSet><pattern type="File">%Here%\* [*]</pattern></objectSet></include></rules></namedElements>`+
		component("One", "Mail: a. Will not survive: secrets", named(`%CSIDL_PERSONAL%`))+
		component("Two", "Pictures: b. Will not survive: secrets", named(`%FOLDERID_Downloads%`))+
		component("Three", "Music: c. Will not survive: licences", folder(`%CSIDL_DESKTOPDIRECTORY%`))+
		component("Four", "Keys: d. Will not survive: what is not there", folder(`%CSIDL_PROFILE%\nothing of that name`))+
		component("Five", "Keys: e", `<rules><include><objectSet><pattern type="Registry">HKCU\Environment\* [*]</pattern></objectSet></include></rules>`)+
		`</migration>`))
	if err != nil || len(ws) > 0 {
		t.Fatal(err, ws)
	}
	p, err := plan.Build(context.Background(), sys, set, users, []*migxml.Document{doc}, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []plan.Loss{{Components: []string{"One", "Two"}, Lost: "secrets"}, {Components: []string{"Three"}, Lost: "licences"}}
	if got := p.Losses(); !reflect.DeepEqual(got, want) || !reflect.DeepEqual(p.Document().Losses, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	kinds := map[string]string{}
	for _, total := range p.Totals() {
		kinds[total.Component] = total.Kind
	}
	if want := map[string]string{"One": "Mail", "Two": "Pictures", "Three": "Music", "Five": "Keys"}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
}
