package rules

import (
	"fmt"
	"testing"

	"github.com/coldstate/coldstate/migxml"
)

// TestKeptWhole: nothing of a rule that acts at restore is lost on the way, and
// nothing is kept that would act on more than was meant.
func TestKeptWhole(t *testing.T) {
	rules := func(body string) string { return role(`<rules context="System">` + body + `</rules>`) }
	set := func(p string) string { return `<objectSet><pattern type="File">` + p + `</pattern></objectSet>` }
	object := func(kind, location string) string {
		return `<addObjects><object><location type="` + kind + `">` + location + `</location><attributes>` + map[string]string{"File": "Directory", "Registry": "String"}[kind] + `</attributes><bytes string="Yes">text</bytes></object></addObjects>`
	}
	for _, c := range []struct{ name, body, want string }{
		{"a filter", `<destinationCleanup filter="MigXmlHelper.FileProperties('filesize','gt','1MB')">` + set(`C:\a\* [*]`) + `</destinationCleanup>`,
			`destinationCleanup MigXmlHelper.FileProperties('filesize','gt','1MB') [{File C:\a\* [*]}]; `},
		{"a filter that is not understood", `<destinationCleanup filter="MigXmlHelper.FileProperties('filesize','about','1MB')">` + set(`C:\a\* [*]`) + `</destinationCleanup>`, ``},
		{"no pattern that is known", `<destinationCleanup>` + set(`%NOSUCH%\* [*]`) + `</destinationCleanup><merge script="MigXmlHelper.SourcePriority()">` + set(`%NOSUCH%\* [*]`) + `</merge>`, ``},
		{"one of two patterns", `<destinationCleanup>` + set(`%NOSUCH%\* [*]`) + set(`C:\a [*]`) + `</destinationCleanup>`, `destinationCleanup  [{File C:\a [*]}]; `},
		{"no set", `<processing when="post-apply"><script>MigXmlHelper.SyncSCM('s')</script></processing>`, `processing  []; `},
		{"data of a value", object("Registry", `HKLM\SOFTWARE\x [y]`), `HKLM\SOFTWARE\x [y] "text" true`},
		{"data of a file", object("File", `C:\a [b]`), `C:\a [b] "text" true`},
		{"a file without brackets", object("File", `C:\a\b`), `C:\a\b "text" true`},
		{"a key has no data", object("Registry", `HKLM\SOFTWARE\x`), `HKLM\SOFTWARE\x "" false`},
		{"the root of a drive has no data", object("File", `C:\`), `C:\ "" false`},
	} {
		d := parse(t, "t.xml", component("", rules(c.body)))
		s, _, err := Compile([]*migxml.Document{d}, full(lab), Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range s.Kept().Rules {
			got += fmt.Sprintf("%s %s %v; ", r.Element, r.Filter, r.Objects)
		}
		for _, o := range s.Kept().Objects {
			got += fmt.Sprintf("%s %q %t", o.Location, o.Data, o.IsText)
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
