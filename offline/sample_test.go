package offline

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
)

// sample writes an image of testimages, "" for the sample disk itself, and
// finds what is on it.
func sample(t *testing.T, name string, more ...string) ([]*System, []Problem, *volumes.Set) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	r, size := testimages.Disk()
	if name != "" {
		r, size = testimages.Broken(name)
	}
	if err := testimages.WriteImage(path, r, size); err != nil {
		t.Fatal(err)
	}
	set := openSet(t, append([]string{path}, more...)...)
	systems, problems, err := Find(set, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return systems, problems, set
}

func TestSampleDisk(t *testing.T) {
	systems, problems, set := sample(t, "")
	if len(systems) != 1 || len(problems) != 0 {
		t.Fatalf("%d systems, %v", len(systems), problems)
	}
	s := systems[0]
	if s.Name != `C:\Windows` || s.Product != "Windows 10 Pro" || s.Edition != "Professional" || s.Version != "10.0" || s.Build != 19045 || s.UBR != 4291 ||
		s.Display != "22H2" || s.Arch != "AMD64" || s.ComputerName != testimages.ComputerName || s.InstallationType != "Client" || s.ControlSet != 1 ||
		s.InstallDate.Format("2006-01-02") != "2021-06-01" || len(s.Problems) != 0 {
		t.Errorf("%+v", *s)
	}
	if len(s.Drives) != 1 || s.Drives[0].Volume != s.Volume || s.Drives[0].Letter != 'C' || string(s.Missing) != "EF" {
		t.Errorf("drives %v, missing %s", s.Drives, s.Missing)
	}
	// The letter of the system volume is that of its GUID as well.
	if got := s.mountedAs(s.Volume); got != 'C' {
		t.Errorf("MountedDevices has the letter %q", got)
	}
	if got := s.volumeByName("Volume{" + testimages.WindowsPartition + "}"); got != s.Volume {
		t.Errorf("the volume by its GUID is %v", got)
	}
	if got := s.Follow(`C:\documents and settings\anna\Documents`); got != `C:\Users\anna\Documents` {
		t.Errorf("the junction leads to %s", got)
	}
	for i, v := range set.Volumes {
		want := []string{"1:", "2:", "3:"}[i]
		if v == s.Volume {
			want = "C:"
		}
		if got := s.VolumePrefix(v); got != want {
			t.Errorf("volume %d is %s", v.Number, got)
		}
	}
	if v, ok := s.Env().Lookup("COLDSTATE_SAMPLE"); !ok || v != "a value of the machine" {
		t.Errorf("COLDSTATE_SAMPLE is %q", v)
	}
}

func TestTwoWindows(t *testing.T) {
	systems, problems, _ := sample(t, "two windows")
	if len(systems) != 2 || len(problems) != 0 {
		t.Fatalf("%d systems, %v", len(systems), problems)
	}
	a, b := systems[0], systems[1]
	if a.Name == b.Name {
		t.Errorf("both are %s", a.Name)
	}
	for _, s := range systems {
		if got, err := Choose(systems, strings.ToLower(s.Name)); err != nil || got != s {
			t.Errorf("Choose(%s): %v", s.Name, err)
		}
	}
	if _, err := Choose(systems, ""); err == nil || !strings.Contains(err.Error(), a.Name+", "+b.Name) {
		t.Errorf("no choice gives %v", err)
	}
}

// Two installations on two sources have the same folder and different names.
func TestSecondSource(t *testing.T) {
	files := map[string][]byte{}
	eleven().install(files, "Windows")
	systems, _, set := sample(t, "", tree(t, files))
	if len(systems) != 2 || systems[0].Name != `3:\Windows` || systems[1].Name != `4:\Windows` {
		t.Fatalf("%d systems of %d volumes", len(systems), len(set.Volumes))
	}
	if got := systems[1].VolumePrefix(systems[0].Volume); got != "3:" {
		t.Errorf("the volume of the other Windows is %s", got)
	}
}

// Every junction of the sample disk leads where ntfs-3g says it does.
func TestFollow(t *testing.T) {
	systems, _, _ := sample(t, "")
	n := 0
	for _, row := range testimages.Manifest() {
		target, ok := strings.CutPrefix(row.Target, `\??\C:\`)
		if row.Kind != "link" || !ok {
			continue
		}
		n++
		if got, want := systems[0].Follow(row.Path+`\behind\it`), `C:\`+target+`\behind\it`; got != want {
			t.Errorf("%s leads to %s, want %s", row.Path, got, want)
		}
	}
	if n < 10 {
		t.Errorf("the disk has %d junctions", n)
	}
	for path, want := range map[string]string{
		`C:\Users\anna\Documents\odd\symlink to a folder\x`: `C:\Users\anna\Documents\Steuer\x`,
		`C:\Documents and Settings\anna\My Documents\x`:     `C:\Users\anna\Documents\x`,
		`C:\Users\anna\Documents\odd\volume mount point\x`:  `C:\Users\anna\Documents\odd\volume mount point\x`, // that volume is gone
		`C:\Users\anna\Documents\odd\wsl link`:              `C:\Users\anna\Documents\odd\wsl link`,
		`C:\users\anna\`:                                    `C:\users\anna`,
		`E:\x`:                                              `E:\x`,
		`\\srv\x`:                                           `\\srv\x`,
	} {
		if got := systems[0].Follow(path); got != want {
			t.Errorf("%s leads to %s, want %s", path, got, want)
		}
	}
}
