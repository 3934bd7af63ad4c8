package plan

import (
	"testing"

	"github.com/coldstate/coldstate/profile"
)

// TestLabel: people of one name can be told apart, in a plan and in a store.
func TestLabel(t *testing.T) {
	p := &Plan{Users: []*profile.User{
		{ID: "S-1-5-21-1-1001", Name: "anna", NameFrom: "SAM", Domain: "PC"},
		{ID: "S-1-5-21-1-1002", Name: "Bob Smith", NameFrom: "folder"},
		{ID: "S-1-5-21-2-1003", Name: "BOB SMITH", NameFrom: "folder"},
		{ID: "S-1-5-21-2-1004", Name: "S-1-5-21-2-1004"},
		{ID: "S-1-5-21-2-1005", Name: "anna", NameFrom: "SAM", Domain: "OFFICE"},
	}}
	var doc Document
	for i, want := range []string{`PC\anna`, "Bob Smith (S-1-5-21-1-1002)", "BOB SMITH (S-1-5-21-2-1003)", "S-1-5-21-2-1004", `OFFICE\anna`} {
		if got := p.Label(p.Users[i]); got != want {
			t.Errorf("%s: %q, want %q", p.Users[i].ID, got, want)
		}
		doc.Users = append(doc.Users, DescribeUser(p.Users[i], true))
	}
	for _, u := range p.Users {
		if got := doc.Label(u.ID); got != p.Label(u) {
			t.Errorf("%s: %q in the document, %q in the plan", u.ID, got, p.Label(u))
		}
	}
	if got := doc.Label("S-1-5-21-9"); got != "S-1-5-21-9" {
		t.Errorf("a user that is not there: %q", got)
	}
}
