package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/pe"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/winold"
)

// TestMachines compares what is found on each machine of the tests with the
// literal it was made of.
func TestMachines(t *testing.T) {
	for _, name := range testimages.MachineNames() {
		t.Run(name, func(t *testing.T) {
			m := testimages.Machine(name)
			paths, err := m.WriteTo(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			set, err := volumes.Open(paths, volumes.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			checkVolumes(t, set, m)
			systems, problems, err := offline.Find(set, offline.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range problems {
				// The EFI system partition is of no kind that is read.
				if p.Where != "volume 1" {
					t.Errorf("%s", p)
				}
			}
			olds, problems := winold.Find(set, systems, offline.Options{})
			for _, p := range problems {
				t.Errorf("%s", p)
			}
			systems = winold.Split(systems, olds)
			if n := len(systems) + len(olds); n != len(m.Installations) {
				t.Errorf("%d installations, want %d", n, len(m.Installations))
			}
			for _, want := range m.Installations {
				if want.Old == "" {
					i := slices.IndexFunc(systems, func(s *offline.System) bool { return s.Volume.Number == want.Volume && s.Root == want.Root })
					if i < 0 {
						t.Errorf("no installation in %s of volume %d", want.Root, want.Volume)
						continue
					}
					checkSystem(t, systems[i], want)
					continue
				}
				i := slices.IndexFunc(olds, func(o *winold.Old) bool { return o.Volume.Number == want.Volume && o.Root == want.Old })
				if i < 0 || olds[i].System == nil {
					t.Errorf("no installation in %s of volume %d", want.Old, want.Volume)
					continue
				}
				checkSystem(t, olds[i].System, want)
				if olds[i].Live == nil || olds[i].Live.Root != "Windows" {
					t.Errorf("%s has no Windows in its place", want.Old)
				}
			}
		})
	}
}

// checkVolumes compares numbers and places.
func checkVolumes(t *testing.T, set *volumes.Set, m *testimages.MachineDisks) {
	t.Helper()
	if len(set.Volumes) != len(m.Volumes) {
		t.Fatalf("%d volumes, want %d", len(set.Volumes), len(m.Volumes))
	}
	for i, v := range set.Volumes {
		w := m.Volumes[i]
		if v.Number != w.Number || v.Offset != w.Offset || v.Size != w.Size || v.Source != set.Sources[w.Disk] || (v.Kind == volumes.NTFS) != (w.NTFS != nil) {
			t.Errorf("volume %d is %s at %d, %d bytes; want %+v", v.Number, v.Kind, v.Offset, v.Size, w)
		}
	}
}

func checkSystem(t *testing.T, s *offline.System, want testimages.Installation) {
	t.Helper()
	computer := want.Computer
	if want.Later != nil {
		computer = testimages.DirtyComputer
	}
	product := want.Edition.Name
	if want.Dead["SYSTEM"] != nil {
		computer = "" // nothing else has it
	}
	if want.Dead["SOFTWARE"] != nil {
		product = product[:strings.LastIndexByte(product, ' ')] // without the edition
	}
	got := fmt.Sprintf("%s: %s %d %s %s", s.Dir, s.Product, s.Build, s.Arch, s.ComputerName)
	if w := fmt.Sprintf("%s: %s %d %s %s", want.Dir, product, want.Edition.Build, want.Arch, computer); got != w {
		t.Errorf("%s\nwant %s", got, w)
	}
	kernel, err := s.ReadFile(s.Dir+`\System32\ntoskrnl.exe`, 1<<20)
	if version, e := pe.Version(bytes.NewReader(kernel), int64(len(kernel))); want.Users != nil && (err != nil || e != nil || !strings.HasSuffix(version.String(), fmt.Sprintf("%d.%d", want.Edition.Build, want.Edition.UBR))) {
		t.Errorf("%s: the kernel has version %v (%v, %v)", want.Dir, version, err, e)
	}
	letters := map[string]int{}
	for _, d := range s.Drives {
		letters[string(d.Letter)+":"] = d.Volume.Number
	}
	mounts := map[string]int{}
	for _, x := range s.Mounts {
		mounts[x.Path] = x.Volume.Number
	}
	var missing []string
	for _, l := range s.Missing {
		missing = append(missing, string(l)+":")
	}
	if !maps.Equal(letters, want.Letters) || !maps.Equal(mounts, want.Mounts) || !slices.Equal(missing, want.Missing) {
		t.Errorf("%s: letters %v, mounts %v, missing %v; want %v, %v, %v", want.Dir, letters, mounts, missing, want.Letters, want.Mounts, want.Missing)
	}
	if len(want.Users) > 0 {
		checkUsers(t, s, want)
	}
	if want.Later != nil {
		if h, ok := s.HiveState(s.Config("SYSTEM")); !ok || len(h.Recovery.Applied) == 0 {
			t.Errorf("the log of SYSTEM is not replayed: %+v", h)
		}
	}
	for _, h := range s.HiveStates() {
		if want.Dead[winpath.Base(h.Path)] != nil {
			if h.Error == "" || h.Unknown == "" {
				t.Errorf("%s: %+v", h.Path, h)
			}
			continue
		}
		if dirty := want.Later != nil; h.Error != "" || h.Recovery.Unrecovered != "" || h.Recovery.Dirty && !dirty {
			t.Errorf("%s: %+v", h.Path, h)
		}
	}
}

func checkUsers(t *testing.T, s *offline.System, want testimages.Installation) {
	t.Helper()
	users, _, err := profile.Users(s)
	if err != nil {
		t.Fatal(err)
	}
	sam, err := profile.Accounts(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range want.Users {
		i := slices.IndexFunc(users, func(u *profile.User) bool { return u.SID == p.SID })
		if i < 0 {
			t.Errorf("%s: the user %s %s is not found", want.Dir, p.SID, p.Name)
			continue
		}
		u := users[i]
		moved := slices.Contains(want.Moved, p.Name)
		if u.Name != p.Name || u.Dir != p.Profile || u.DirFound == p.NoFolder && !moved || (u.Hive == nil) != (p.NoHive || p.NoFolder) && !moved {
			t.Errorf("%s: user %s in %s (found %v, hive %v), want %s in %s", want.Dir, u.Name, u.Dir, u.DirFound, u.Hive != nil, p.Name, p.Profile)
		}
		var groups []string
		for _, g := range sam.GroupsOf(p.SID) {
			groups = append(groups, g.Name)
		}
		var wantGroups []string
		for _, rid := range p.Groups {
			wantGroups = append(wantGroups, want.GroupNames[rid])
		}
		for _, g := range want.Groups {
			if slices.Contains(g.Members, p.SID) {
				wantGroups = append(wantGroups, g.Name)
			}
		}
		slices.Sort(groups)
		slices.SortFunc(wantGroups, cmp.Compare)
		if !slices.Equal(groups, wantGroups) {
			t.Errorf("%s: %s is in %q, want %q", want.Dir, p.Name, groups, wantGroups)
		}
	}
}
