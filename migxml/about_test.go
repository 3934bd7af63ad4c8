package migxml

import "testing"

func TestAbout(t *testing.T) {
	for _, tt := range []struct {
		name, typ, description string
		want                   About
	}{
		{"nothing", "Application", "", About{Kind: "Programs"}},
		{"kind and text", "Application", "Browsers: the profiles.", About{Kind: "Browsers", Takes: "the profiles"}},
		{"in another case, over lines", "System", "mail :\n  letters,\n  attachments. Will not survive:\n passwords", About{"Mail", "letters, attachments", "passwords"}},
		{"no kind", "System", "Note: colours", About{Kind: "Settings", Takes: "Note: colours"}},
		{"only a loss", "Device", "Will not survive: drivers: all", About{Kind: "Machine", Lost: "drivers: all"}},
		{"by type", "Documents", "letters", About{Kind: "Documents", Takes: "letters"}},
	} {
		d, ws, err := Parse("a.xml", []byte(`<migration urlid="u"><component type="`+tt.typ+`"><displayName>x</displayName><description>`+tt.description+`</description><role role="Data"/></component></migration>`))
		if err != nil || len(ws) > 0 {
			t.Fatal(err, ws)
		}
		if got := d.Components[0].About(); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
