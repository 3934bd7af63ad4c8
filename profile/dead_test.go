package profile

import (
	"slices"
	"testing"

	"github.com/coldstate/coldstate/testimages"
)

// TestUsersWithoutList: without SOFTWARE the users are those with a folder, with
// the names, SIDs and settings that they have with it.
func TestUsersWithoutList(t *testing.T) {
	for _, name := range []string{"no-software", "no-system", "no-registry", "no-registry-xp", "no-registry-old"} {
		t.Run(name, func(t *testing.T) {
			m := testimages.Machine(name)
			sys, _ := openMachine(t, m)
			all, problems, err := Users(sys)
			if err != nil || len(problems) > 0 {
				t.Errorf("%v, %v", problems, err)
			}
			users := slices.DeleteFunc(all, func(u *User) bool { return !u.Person() })
			want := m.Installations[0].Users
			if len(users) != len(want) {
				t.Fatalf("%d users, want %d", len(users), len(want))
			}
			for _, w := range want {
				i := slices.IndexFunc(users, func(u *User) bool { return u.SID == w.SID })
				if i < 0 {
					t.Errorf("%s is not found", w.Name)
					continue
				}
				u := users[i]
				list := sys.SoftwareError == nil
				if u.ID != w.SID || u.Name != w.Name || u.Dir != w.Profile || !u.DirFound || u.Hive == nil || (u.SIDFrom == "ProfileList") != list {
					t.Errorf("%+v", u)
				}
				// That it has no key says nothing.
				if slices.ContainsFunc(u.Cases, func(c Case) bool { return c.Code == NoKey }) {
					t.Errorf("%s: %v", w.Name, u.Cases)
				}
				if k, err := u.HKCU(`Control Panel\International`); err != nil || value(k, "LocaleName") != "en-US" {
					t.Errorf("%s: the settings: %v", w.Name, err)
				}
			}
		})
	}
}
