package rules

import (
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
)

// Whoever ships rules for every Windows can tell a variable that one does not
// have from mistakes.
func TestWarningOfAnUndefinedVariable(t *testing.T) {
	d, _, err := migxml.Parse("t.xml", []byte(`<migration urlid="urn:t"><component type="Documents" context="UserAndSystem"><displayName>T</displayName><role role="Data"><rules><include><objectSet>
<pattern type="File">%NOSUCH%\* [*]</pattern>
<pattern type="File">C:\a[b\* [*]</pattern>
</objectSet></include></rules></role></component><component type="System" context="System"><displayName>S</displayName><role role="Data"><rules><include><objectSet>
<pattern type="Registry">HKCU\Software\* [*]</pattern>
</objectSet></include></rules></role></component></migration>`))
	if err != nil {
		t.Fatal(err)
	}
	_, ws, err := Compile([]*migxml.Document{d}, []Context{{Name: "System"}, {Name: "S-1", User: true}, {Name: "S-2", Label: `PC\anna`, User: true}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{2: "NOSUCH", 3: "", 5: ""} // by line
	for _, w := range ws {
		if name, ok := want[w.Line]; !ok || name != w.Undefined {
			t.Errorf("%s: Undefined is %q, want %q", w, w.Undefined, name)
		}
		delete(want, w.Line)
	}
	// People know their users by name, and backslashes as they are.
	for _, text := range []string{`%NOSUCH%\* [*]: %NOSUCH% is not defined; it matches nothing for S-1, PC\anna`, `the brackets of "C:\a[b\* [*]" do not pair`} {
		if !strings.Contains(messages(ws), text) {
			t.Errorf("no warning %s in %s", text, messages(ws))
		}
	}
	if len(want) > 0 {
		t.Errorf("no warnings in the lines of %v", want)
	}
}
