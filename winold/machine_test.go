package winold

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// The machine with three older installations under a Windows 11.
func TestMachine(t *testing.T) {
	m := testimages.Machine("windows-old")
	paths, err := m.WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	systems, olds := open(t, paths...)
	if len(systems) != 1 || len(olds) != 3 {
		t.Fatalf("%d installations, %d older ones", len(systems), len(olds))
	}
	n := 0
	for _, want := range m.Installations {
		if want.Old == "" {
			continue
		}
		n++
		i := slices.IndexFunc(olds, func(o *Old) bool { return o.Root == want.Old })
		if i < 0 {
			t.Fatalf("%s is not found", want.Old)
		}
		o := olds[i]
		s := o.System
		if s == nil || s.Root != want.Root || s.Dir != want.Dir && !wstr.EqualFold(s.Dir, want.Dir) || s.ComputerName != want.Computer || s.Build != want.Edition.Build || o.Folder != `C:\`+want.Old || o.Live != systems[0] {
			t.Errorf("%s: %+v", want.Old, o)
			continue
		}
		letters := map[string]int{}
		for _, d := range s.Drives {
			letters[string(rune(d.Letter))+":"] = d.Volume.Number
			if d.Letter == 'C' && d.Base != want.Old {
				t.Errorf("%s: C: is in %s", want.Old, d.Base)
			}
		}
		for l, v := range want.Letters {
			if letters[l] != v {
				t.Errorf("%s: %s is volume %d, want %d", want.Old, l, letters[l], v)
			}
		}
		if len(letters) != len(want.Letters) {
			t.Errorf("%s: letters %v", want.Old, letters)
		}
		users, _, err := profile.Users(s)
		if err != nil {
			t.Fatal(err)
		}
		judged := o.Judge(users)
		for _, p := range want.Users {
			i := slices.IndexFunc(judged, func(u User) bool { return u.SID == p.SID })
			if i < 0 {
				t.Errorf("%s: %s is not judged", want.Old, p.Name)
				continue
			}
			state, text := judged[i].State, judged[i].Text
			switch moved := slices.Contains(want.Moved, p.Name); {
			case moved && (state != Moved || judged[i].Live != wstr.Text(`C:\Users\`+p.Name) || judged[i].By != "SID"):
				t.Errorf("%s: %s: %+v", want.Old, p.Name, judged[i])
			case !moved && p.NoHive && state != Skeleton:
				t.Errorf("%s: %s: %s", want.Old, p.Name, text)
			case !moved && !p.NoHive && p.Name != "anna" && state != Here:
				t.Errorf("%s: %s: %s", want.Old, p.Name, text)
			// The Windows that is there has another account of that name.
			case !moved && p.Name == "anna" && (state != Both || judged[i].By != "name"):
				t.Errorf("%s: %s: %+v", want.Old, p.Name, judged[i])
			}
			for _, f := range p.Files {
				path := p.Profile + `\` + f.Name
				b, err := s.ReadFile(path, 1<<20)
				if real := want.Old + p.Profile[2:] + `\` + f.Name; err != nil || string(b) != string(m.Content(want.Volume, real)) {
					t.Errorf("%s: %s: %d bytes, %v", want.Old, path, len(b), err)
				}
			}
			// Every profile of the machine has the junctions for old programs.
			for _, link := range []string{"Application Data", `AppData\Local\Application Data`} {
				v, _, err := s.Resolve(p.Profile + `\` + link)
				if err != nil {
					continue
				}
				to := s.Follow(p.Profile + `\` + link + `\x`)
				if _, rel, err := s.Locate(to); err != nil || v.Number != want.Volume || !strings.HasPrefix(rel, want.Old+`\`) {
					t.Errorf("%s: %s leads to %s (%s, %v)", want.Old, p.Profile+`\`+link, to, rel, err)
				}
			}
		}
	}
	if n != 3 {
		t.Errorf("%d older installations", n)
	}
	first := olds[slices.IndexFunc(olds, func(o *Old) bool { return o.Root == "Windows.old" })]
	made := wstr.Filetime(hivegen.DefaultTime).Time().Add(-4 * 24 * time.Hour)
	if left, ok := first.DaysLeft(made.Add(72 * time.Hour)); !first.Made.Equal(made) || left > 7 || !ok || first.GoBack != "yes" {
		t.Errorf("made %v, %d days left, go back %q: %s", first.Made, left, first.GoBack, first.Reason)
	}
}
