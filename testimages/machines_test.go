package testimages_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

func TestMachineNames(t *testing.T) {
	names := testimages.MachineNames()
	for _, name := range []string{"two-windows", "swapped", "mounted", "mounted-mbr", "x86", "arm64", "xp", "vista", "win7", "win81", "win10", "win11", "server2022",
		"windows-old", "users", "dirty", "dirty-win7", "dirty-xp", "german", "apps", "apps-xp",
		"healthy", "no-software", "no-system", "no-registry", "no-registry-xp", "no-registry-old"} {
		if !slices.Contains(names, name) {
			t.Errorf("there is no machine %s", name)
		}
	}
}

// TestMachines checks that the machines agree with themselves: what reads
// them is tested where it is.
func TestMachines(t *testing.T) {
	for _, name := range testimages.MachineNames() {
		m := testimages.Machine(name)
		if m != testimages.Machine(name) {
			t.Errorf("%s is built twice", name)
		}
		paths, err := m.WriteTo(t.TempDir())
		if err != nil || len(paths) != len(m.Disks) || len(paths) == 0 {
			t.Fatalf("%s: %q, %v", name, paths, err)
		}
		var sum int64
		for i, p := range paths {
			got, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			want, err := io.ReadAll(io.NewSectionReader(m.Reader(i), 0, m.Size(i)))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %s differs from the disk (%v)", name, p, err)
			}
			sum += int64(len(got))
		}
		if sum > 64<<20 {
			t.Errorf("%s has %d bytes", name, sum)
		}
		for i, v := range m.Volumes {
			if v.Number != i+1 {
				t.Errorf("%s: volume %d has the number %d", name, i+1, v.Number)
			}
			if v.NTFS == nil {
				continue
			}
			// The volume stands where the machine says.
			sector := make([]byte, 512)
			if _, err := m.Reader(v.Disk).ReadAt(sector, v.Offset); err != nil || string(sector[3:11]) != "NTFS    " || v.Size != v.NTFS.Size() {
				t.Errorf("%s: no NTFS volume of %d bytes at %d: %v", name, v.Size, v.Offset, err)
			}
		}
		for _, in := range m.Installations {
			root := strings.ToUpper(in.Root)
			has := func(path string) bool {
				return slices.ContainsFunc(m.Volumes[in.Volume-1].NTFS.Files(), func(f ntfsgen.Placed) bool { return strings.ToUpper(f.Paths[0]) == path })
			}
			for _, hive := range []string{"SYSTEM", "SOFTWARE", "SAM"} {
				dead, there := in.Dead[hive], true
				if dead != nil {
					there = dead(make([]byte, 8192)) != nil
				}
				if has(root+`\SYSTEM32\CONFIG\`+hive) != there {
					t.Errorf("%s: %s has hive %s, or has none: it should be %v", name, in.Root, hive, there)
				}
			}
			if in.Letters[in.Drive()] != in.Volume {
				t.Errorf("%s: %s is on volume %d, and its letter on %d", name, in.Root, in.Volume, in.Letters[in.Drive()])
			}
		}
	}
	m := testimages.Machine("mounted")
	if got := string(m.Content(4, `Projects\plan.txt`)); got != "This is Projects\\plan.txt.\r\n" {
		t.Errorf("the content is %q", got)
	}
}

func TestProgram(t *testing.T) {
	b := testimages.Program(0x8664, "10.0.19041.3636")
	if !bytes.HasPrefix(b, []byte("MZ")) || !bytes.Contains(b, []byte("1\x000\x00.\x000\x00.\x001\x009\x000\x004\x001\x00.\x003\x006\x003\x006\x00\x00\x00")) {
		t.Error("no program with that version")
	}
}

// TestObjdump lets binutils read the headers and the resources.
func TestObjdump(t *testing.T) {
	const objdump = "x86_64-w64-mingw32-objdump"
	if _, err := exec.LookPath(objdump); err != nil {
		t.Skipf("needs %s (Debian: binutils-mingw-w64-x86-64)", objdump)
	}
	for machine, format := range map[uint16]string{0x8664: "pei-x86-64", 0x14C: "pei-i386"} {
		name := filepath.Join(t.TempDir(), "program.exe")
		if err := os.WriteFile(name, testimages.Program(machine, "6.1.7601.24384"), 0o666); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(objdump, "-x", name).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, want := range []string{format, "Entry: ID: 0x000010", "Entry: ID: 0x000409", "Leaf: Addr: 0x002058"} {
			if !bytes.Contains(out, []byte(want)) {
				t.Errorf("machine %#x: no %q in\n%s", machine, want, out)
			}
		}
	}
}
