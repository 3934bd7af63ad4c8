package offline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
)

// TestMachines: each machine of the test images is found as its literal says.
func TestMachines(t *testing.T) {
	for _, name := range testimages.MachineNames() {
		t.Run(name, func(t *testing.T) {
			m := testimages.Machine(name)
			paths, err := m.WriteTo(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			set := openSet(t, paths...)
			systems, problems, err := Find(set, Options{})
			if err != nil || len(problems) != 0 {
				t.Fatalf("%v, %v", problems, err)
			}
			live := 0
			for _, in := range m.Installations {
				w := *in.Windows
				in.Windows = &w // changed below
				var s *System
				if in.Old != "" {
					if s, err = OpenAt(set, set.Volumes[in.Volume-1], in.Root, Options{}); err != nil {
						t.Fatal(err)
					}
				} else {
					i := slices.IndexFunc(systems, func(s *System) bool { return s.Volume.Number == in.Volume && strings.EqualFold(s.Root, in.Root) })
					if i < 0 {
						t.Fatalf(`%d:\%s is not found`, in.Volume, in.Root)
					}
					s = systems[i]
					live++
				}
				from := "ntoskrnl.exe"
				if name == "users" {
					// It has registry files of its own, and no kernel.
					from, in.Edition.UBR = "PROCESSOR_ARCHITECTURE", 0
				}
				if s.ArchFrom != from {
					t.Errorf("architecture by %s, want %s", s.ArchFrom, from)
				}
				if in.Dead != nil {
					checkDead(t, s, in)
					continue
				}
				checkInstallation(t, s, in)
			}
			if live != len(systems) {
				t.Errorf("%d installations are found, want %d", len(systems), live)
			}
		})
	}
}

func checkInstallation(t *testing.T, s *System, in testimages.Installation) {
	t.Helper()
	e := in.Edition
	computer := in.Computer
	if in.Later != nil {
		computer = testimages.DirtyComputer
	}
	ubr := e.UBR
	if v := map[int]int{testimages.WindowsVista.Build: 18005, testimages.Windows81.Build: 19853}[e.Build]; v != 0 {
		ubr = v // what BuildLabEx has, as these have no other value of it
	}
	if s.Product != e.Name || s.Build != e.Build || s.UBR != ubr || s.Arch != in.Arch || s.Dir != in.Dir || s.ComputerName != computer || s.Edition != e.EditionID || s.ServicePack != e.CSDVersion {
		t.Errorf("%s, build %d.%d, %s, %s, computer %s, edition %s, %s; want %+v", s.Product, s.Build, s.UBR, s.Arch, s.Dir, s.ComputerName, s.Edition, s.ServicePack, e)
	}
	if s.XP() != (e.CurrentVersion < "6") {
		t.Errorf("XP %v", s.XP())
	}
	letters := map[string]int{}
	for _, d := range s.Drives {
		letters[string(rune(d.Letter))+":"] = d.Volume.Number
		if d.Base != in.Old || d.Letter != in.Dir[0] && d.Base != "" {
			if d.Letter == in.Dir[0] || d.Base != "" {
				t.Errorf("drive %c: is the folder %q, want %q", d.Letter, d.Base, in.Old)
			}
		}
	}
	if !maps.Equal(letters, in.Letters) {
		t.Errorf("drives %v, want %v", letters, in.Letters)
	}
	var missing []string
	for _, l := range s.Missing {
		missing = append(missing, string(rune(l))+":")
	}
	if in.Old == "" && !slices.Equal(missing, in.Missing) {
		t.Errorf("missing drives %v, want %v", missing, in.Missing)
	}
	mounts := map[string]int{}
	for _, m := range s.Mounts {
		mounts[m.Path] = m.Volume.Number
	}
	if !maps.Equal(mounts, in.Mounts) {
		t.Errorf("mounts %v, want %v", mounts, in.Mounts)
	}
	for path, n := range in.Mounts {
		if v, e, err := s.Resolve(path); err != nil || v.Number != n {
			t.Errorf("%s: %v, %v", path, v, err)
		} else if fs, _ := v.FS(); e != fs.Root() {
			t.Errorf("%s is not the root of volume %d", path, n)
		}
	}
	for _, p := range s.Problems {
		t.Errorf("problem: %s", p)
	}
	for _, st := range s.HiveStates() {
		dirty := in.Later != nil && (strings.HasSuffix(st.Path, `\SYSTEM`) || strings.HasSuffix(st.Path, `\SOFTWARE`))
		if st.From != st.Path || st.Lost() || (len(st.Recovery.Applied) > 0) != dirty {
			t.Errorf("%+v", st)
		}
	}
	// The programs of 32 bits have a folder of their own where there are 64.
	x86, _ := s.Env().Lookup("ProgramFiles(x86)")
	csidl, _ := s.Env().Lookup("CSIDL_PROGRAM_FILESX86")
	drive := in.Dir[:2]
	programs, _ := s.Env().Lookup("ProgramFiles") // on a German XP C:\Programme
	if in.Arch == "x86" && (x86 != "" || programs == "" || csidl != programs) || in.Arch != "x86" && (x86 != drive+`\Program Files (x86)` || csidl != x86) {
		t.Errorf("%%ProgramFiles(x86)%% is %q, %%CSIDL_PROGRAM_FILESX86%% %q", x86, csidl)
	}
	for _, u := range in.Users {
		if u.NoFolder {
			continue
		}
		if _, _, err := s.Resolve(u.Profile); err != nil {
			t.Errorf("the profile of %s: %v", u.Name, err)
		}
	}
}

// TestLostMount: the path of a volume that is missing says so.
func TestLostMount(t *testing.T) {
	m := testimages.Machine("mounted")
	paths, err := m.WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	systems, _, err := Find(openSet(t, paths...), Options{})
	if err != nil || len(systems) != 1 {
		t.Fatal(err)
	}
	const lost = `C:\Users\anna\Documents\gone`
	if got := fmt.Sprint(systems[0].MissingMounts); got != "["+lost+"]" {
		t.Errorf("missing %s", got)
	}
	_, _, err = systems[0].Resolve(lost + `\x`)
	var ve *VolumeMissingError
	if !errors.As(err, &ve) || !strings.Contains(err.Error(), "the volume that is mounted in "+lost+" is on none of the given disks") {
		t.Errorf("%v", err)
	}
	if v, _, err := systems[0].Resolve(lost); err != nil || v.Kind != volumes.NTFS {
		t.Errorf("the folder itself: %v", err)
	}
}
