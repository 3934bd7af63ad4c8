package offline

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes"
)

// nodes are the files of the installation m in folder dir, with more.
func (m *machine) nodes(dir string, more ...*ntfsgen.Node) []*ntfsgen.Node {
	files := map[string][]byte{}
	m.install(files, dir)
	var out []*ntfsgen.Node
	for _, name := range []string{"SYSTEM", "SOFTWARE"} {
		path := dir + "/System32/config/" + name
		out = append(out, ntfsgen.File(strings.ReplaceAll(path, "/", `\`), files[path]))
	}
	return append(out, more...)
}

func volume(label string, nodes ...*ntfsgen.Node) *ntfsgen.Volume {
	return ntfsgen.Build(ntfsgen.Options{Label: label}, nodes...)
}

// writeDisk makes a file of a disk.
func writeDisk(t *testing.T, name string, d diskgen.Disk) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := d.Build().WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// mixed is a GUID as it stands in a GPT and in MountedDevices.
func mixed(t *testing.T, s string) [16]byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		t.Fatalf("%s: %v", s, err)
	}
	return [16]byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]}
}

// mountGUIDs are the GPT partitions of mountedMachine.
var mountGUIDs = []string{
	"11111111-0001-4000-8000-00000000000a", "22222222-0002-4000-8000-00000000000b",
	"33333333-0003-4000-8000-00000000000c", "44444444-0004-4000-8000-00000000000d",
}

// mountedMachine has volumes in folders in every form that Windows knows:
//
//	1 C:, with Windows
//	2 C:\Data, by the GUID of its partition
//	3 D:, mounted in C:\D as well
//	4 C:\Data\Nested, and again in C:\Zoo\Nested
//	5 C:\Mount\by signature, of an MBR disk
//	6 C:\Mount\by name, of the same disk, by a name in MountedDevices
//
// C:\Lost has a volume that is not among the disks.
func mountedMachine(t *testing.T) []string {
	const signature = 0x629458e4
	mbr := diskgen.Disk{Signature: signature, Parts: []diskgen.Part{
		{Start: 1 << 20, Content: volume("signature", ntfsgen.File("five.txt", "5"))},
		{Start: 64 << 20, Content: volume("name", ntfsgen.File(`sub\six.txt`, "6"))},
	}}
	m := eleven().mounted(hivegen.B(`\DosDevices\D:`, gpt(mixed(t, mountGUIDs[2]))),
		hivegen.B(`\??\Volume{66666666-aaaa-11ee-8000-00000000000f}`, mbrDevice(signature, 64<<20)))
	windows := volume("Windows", m.nodes("Windows",
		ntfsgen.MountPoint("Data", mountGUIDs[1]),
		ntfsgen.MountPoint("D", mountGUIDs[2]),
		ntfsgen.MountPoint(`Zoo\Nested`, mountGUIDs[3]),
		ntfsgen.MountPoint("Lost", "99999999-9999-4999-8999-999999999999"),
		ntfsgen.MountPoint(`Mount\by signature`, "629458e4-0000-0000-0000-100000000000"),
		ntfsgen.MountPoint(`Mount\by name`, "66666666-aaaa-11ee-8000-00000000000f"),
		ntfsgen.Junction("Documents and Settings", `C:\Users`),
		ntfsgen.File(`Users\anna\x.txt`, "x"),
	)...)
	gptDisk := diskgen.Disk{GPT: true, Parts: []diskgen.Part{
		{GUID: mountGUIDs[0], Content: windows},
		{GUID: mountGUIDs[1], Content: volume("Data", ntfsgen.File(`folder\two.txt`, "2"), ntfsgen.MountPoint("Nested", mountGUIDs[3]), ntfsgen.MountPoint("loop", mountGUIDs[1]))},
		{GUID: mountGUIDs[2], Content: volume("D", ntfsgen.File("three.txt", "3"))},
		{GUID: mountGUIDs[3], Content: volume("Nested", ntfsgen.File("four.txt", "4"))},
	}}
	return []string{writeDisk(t, "gpt.img", gptDisk), writeDisk(t, "mbr.img", mbr)}
}

func mbrDevice(signature uint32, offset uint64) []byte { return mbr(signature, offset) }

func TestMounts(t *testing.T) {
	set := openSet(t, mountedMachine(t)...)
	systems, problems, err := Find(set, Options{})
	if err != nil || len(systems) != 1 || len(problems) != 0 {
		t.Fatalf("%v, %v, %v", systems, problems, err)
	}
	s := systems[0]
	var got []string
	for _, m := range s.Mounts {
		got = append(got, fmt.Sprintf("%s=%d", m.Path, m.Volume.Number))
	}
	if g := strings.Join(got, ", "); g != `C:\D=3, C:\Data=2, C:\Data\loop=2, C:\Data\Nested=4, C:\Mount\by name=6, C:\Mount\by signature=5, C:\Zoo\Nested=4` {
		t.Errorf("mounts %s", g)
	}
	if g := strings.Join(s.MissingMounts, ", "); g != `C:\Lost` {
		t.Errorf("missing %s", g)
	}
	if len(s.Problems) != 0 {
		t.Errorf("%v", s.Problems)
	}
	for i, want := range []string{"C:", `C:\Data`, "D:", `C:\Data\Nested`, `C:\Mount\by signature`, `C:\Mount\by name`} {
		if got := s.VolumePrefix(set.Volumes[i]); got != want {
			t.Errorf("volume %d is %s, want %s", i+1, got, want)
		}
	}
	for _, tt := range []struct{ path, want, follow string }{
		{`C:\Users\anna\x.txt`, `1 Users\anna\x.txt`, `C:\Users\anna\x.txt`},
		{`C:\Documents and Settings\anna\x.txt`, `1 Documents and Settings\anna\x.txt not found`, `C:\Users\anna\x.txt`},
		{`C:\Data`, "2 ", `C:\Data`},
		{`c:\DATA\folder\two.txt`, `2 folder\two.txt`, `C:\DATA\folder\two.txt`},
		{`C:\Database`, `1 Database not found`, `C:\Database`},
		{`C:\Data\Nested\four.txt`, `4 four.txt`, `C:\Data\Nested\four.txt`},
		{`C:\Zoo\Nested\four.txt`, `4 four.txt`, `C:\Data\Nested\four.txt`},
		{`C:\Data\loop\folder\two.txt`, `2 folder\two.txt`, `C:\Data\folder\two.txt`},
		{`C:\Data\loop\Nested\four.txt`, `4 four.txt`, `C:\Data\Nested\four.txt`},
		{`C:\D\three.txt`, `3 three.txt`, `D:\three.txt`},
		{`D:\three.txt`, `3 three.txt`, `D:\three.txt`},
		{`C:\Mount\by name\sub\six.txt`, `6 sub\six.txt`, `C:\Mount\by name\sub\six.txt`},
		{`C:\Mount\by signature\five.txt`, `5 five.txt`, `C:\Mount\by signature\five.txt`},
		{`C:\Lost`, `1 Lost`, `C:\Lost`},
		{`C:\Lost\x`, `missing C:\Lost`, `C:\Lost\x`},
		{`1:\Data\folder`, `1 Data\folder not found`, `C:\Data\folder`},
		{`2:\folder\two.txt`, `2 folder\two.txt`, `2:\folder\two.txt`},
	} {
		v, rel, err := s.Locate(tt.path)
		var missing *VolumeMissingError
		got := ""
		switch {
		case errors.As(err, &missing):
			got = "missing " + missing.Volume
		case err != nil:
			got = err.Error()
		default:
			got = fmt.Sprintf("%d %s", v.Number, rel)
			if _, _, err := s.Resolve(tt.path); errors.Is(err, volumes.ErrNotFound) {
				got += " not found"
			} else if err != nil {
				t.Errorf("%s: %v", tt.path, err)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.path, got, tt.want)
		}
		if got := s.Follow(tt.path); got != tt.follow {
			t.Errorf("%s leads to %s, want %s", tt.path, got, tt.follow)
		}
	}
	if got := s.Path(set.Volumes[1], `folder\two.txt`); got != `C:\Data\folder\two.txt` {
		t.Error(got)
	}
	// Without the second disk its volumes are missing.
	systems, _, err = Find(openSet(t, set.Sources[0].Path), Options{})
	if err != nil || len(systems) != 1 {
		t.Fatal(err)
	}
	if g := strings.Join(systems[0].MissingMounts, ", "); g != `C:\Lost, C:\Mount\by name, C:\Mount\by signature` {
		t.Errorf("missing %s", g)
	}
}

// TestPlaces: what a person says of drives and folders counts.
func TestPlaces(t *testing.T) {
	set := openSet(t, mountedMachine(t)...)
	v := func(n int) *volumes.Volume { return set.Volumes[n-1] }
	for _, tt := range []struct {
		name     string
		opt      Options
		drives   string
		mounts   string
		missing  string
		problems []string
	}{
		{"beside what is found", Options{Places: []Place{{Path: `E:\`, Volume: v(5), How: "--map"}, {Path: `C:\Lost`, Volume: v(6), How: "--map"}, {Path: `c:/data/`, Volume: v(4), Base: "", How: "--map"}}},
			"C=1 SystemRoot; D=3 partition GUID; E=5 --map", `C:\D=3, C:\data=4, C:\Lost=6, C:\Mount\by name=6, C:\Mount\by signature=5, C:\Zoo\Nested=4`, "", nil},
		{"a folder as drive", Options{Places: []Place{{Path: `X:\`, Volume: v(2), Base: "folder", How: "--map"}}, Map: map[byte]int{'Y': 6}},
			"", "", `C:\Lost`, nil},
		{"instead of what is found", Options{Replace: true, Places: []Place{{Path: `C:\`, Volume: v(1), How: "offline.xml"}, {Path: `F:\`, Volume: v(3), How: "offline.xml"}, {Path: `C:\Data`, Volume: v(2), How: "offline.xml"}, {Path: `G:\`, How: "offline.xml"}, {Path: `C:\Gone`, How: "offline.xml"}}},
			"C=1 SystemRoot; F=3 offline.xml", `C:\D=3, C:\Data=2, C:\Data\loop=2`, `DG C:\Data\Nested C:\Gone C:\Lost C:\Mount\by name C:\Mount\by signature C:\Zoo\Nested`, []string{"drive D: is volume 3 by its partition GUID, but the mappings of offline.xml replace all drives"}},
		{"the system drive elsewhere", Options{Replace: true, Places: []Place{{Path: `C:\`, Volume: v(3), Base: "x", How: "offline.xml"}, {Path: `D:\`, Volume: v(3), How: "offline.xml"}}},
			"C=1 SystemRoot; D=3 offline.xml", `C:\D=3`, `C:\Data C:\Lost C:\Mount\by name C:\Mount\by signature C:\Zoo\Nested`, []string{`on volume 1; that it is 3:\x, as offline.xml says, is ignored`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			systems, _, err := Find(set, tt.opt)
			if err != nil || len(systems) != 1 {
				t.Fatalf("%v, %v", systems, err)
			}
			s := systems[0]
			var drives, mounts []string
			for _, d := range s.Drives {
				drives = append(drives, fmt.Sprintf("%c=%d %s", d.Letter, d.Volume.Number, d.How))
			}
			for _, m := range s.Mounts {
				mounts = append(mounts, fmt.Sprintf("%s=%d", m.Path, m.Volume.Number))
			}
			missing := strings.TrimSpace(string(s.Missing) + " " + strings.Join(s.MissingMounts, " "))
			if g := strings.Join(drives, "; "); tt.drives != "" && g != tt.drives {
				t.Errorf("drives\n got %s\nwant %s", g, tt.drives)
			}
			if g := strings.Join(mounts, ", "); (tt.mounts != "" || tt.opt.Replace) && g != tt.mounts {
				t.Errorf("mounts\n got %s\nwant %s", g, tt.mounts)
			}
			if missing != tt.missing {
				t.Errorf("missing %q, want %q", missing, tt.missing)
			}
			checkProblems(t, s.Problems, tt.problems)
			if tt.name == "a folder as drive" {
				if v, rel, err := s.Locate(`X:\two.txt`); err != nil || v.Number != 2 || rel != `folder\two.txt` {
					t.Errorf("%v %s %v", v, rel, err)
				}
				if got := s.Path(set.Volumes[1], `folder\two.txt`); got != `X:\two.txt` {
					t.Error(got)
				}
			}
		})
	}
	for _, p := range []Place{{Path: `Data`, Volume: v(1)}, {Path: `1:\x`, Volume: v(1)}, {Path: `D:\`, Volume: &volumes.Volume{}}} {
		if _, _, err := Find(set, Options{Places: []Place{p}}); err == nil {
			t.Errorf("%+v is taken", p)
		}
	}
}

// TestSwapped: WinPE gives letters of its own, but the disk says which are
// right; here the volumes lie in the other order.
func TestSwapped(t *testing.T) {
	m := eleven().mounted(hivegen.B(`\DosDevices\C:`, gpt(mixed(t, mountGUIDs[1]))), hivegen.B(`\DosDevices\D:`, gpt(mixed(t, mountGUIDs[0]))))
	set := openSet(t, writeDisk(t, "disk.img", diskgen.Disk{GPT: true, Parts: []diskgen.Part{
		{GUID: mountGUIDs[0], Content: volume("Data", ntfsgen.File("data.txt", "d"))},
		{GUID: mountGUIDs[1], Content: volume("Windows", m.nodes("Windows")...)},
	}}))
	systems, problems, err := Find(set, Options{})
	if err != nil || len(systems) != 1 || len(problems) != 0 {
		t.Fatalf("%v, %v, %v", systems, problems, err)
	}
	s := systems[0]
	if s.Volume.Number != 2 || s.VolumePrefix(set.Volumes[0]) != "D:" || s.VolumePrefix(set.Volumes[1]) != "C:" || len(s.Problems) != 0 {
		t.Errorf("Windows on %d, %v, %v", s.Volume.Number, s.Drives, s.Problems)
	}
}

// TestDynamicDrives: letters and folders of volumes of dynamic disks.
func TestDynamicDrives(t *testing.T) {
	const mib = 1 << 20
	id := func(n int) string { return fmt.Sprintf("0000000%d-1234-11e1-8cf9-0123456789ab", n) }
	piece := func(start, size int64) []diskgen.LDMMirror {
		return []diskgen.LDMMirror{{Columns: [][]diskgen.LDMPiece{{{Disk: 0, Start: start * mib, Size: size * mib}}}}}
	}
	m := eleven().mounted(hivegen.B(`\DosDevices\C:`, gpt(mixed(t, id(4)))), hivegen.B(`\DosDevices\D:`, gpt(mixed(t, id(5)))),
		hivegen.B(`\??\Volume{abababab-0000-11ee-8000-000000000001}`, gpt(mixed(t, id(6)))))
	windows := ntfsgen.Build(ntfsgen.Options{Size: 8 * mib}, m.nodes("Windows", ntfsgen.MountPoint("Mounted", "abababab-0000-11ee-8000-000000000001"))...)
	small := func(name string) *ntfsgen.Volume {
		return ntfsgen.Build(ntfsgen.Options{Size: 6 * mib}, ntfsgen.File(name, name))
	}
	images := diskgen.LDM(&diskgen.LDMGroup{Name: "COLD-Dg0", GUID: id(1), Disks: []diskgen.LDMDisk{{Name: "Disk1", GUID: id(2), Size: 32 * mib}},
		Volumes: []diskgen.LDMVolume{
			{Name: "Volume1", GUID: id(4), Size: 8 * mib, Content: windows, Mirrors: piece(0, 8)},
			{Name: "Volume2", GUID: id(5), Size: 6 * mib, Content: small("data.txt"), Mirrors: piece(8, 6)},
			{Name: "Volume3", GUID: id(6), Size: 6 * mib, Content: small("mounted.txt"), Mirrors: piece(14, 6)},
		}})
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := diskgen.WriteFile(path, images[0], images[0].Size()); err != nil {
		t.Fatal(err)
	}
	systems, problems, err := Find(openSet(t, path), Options{})
	if err != nil || len(systems) != 1 || len(problems) != 0 {
		t.Fatalf("%v, %v, %v", systems, problems, err)
	}
	s := systems[0]
	if len(s.Drives) != 2 || s.Drives[0].How != "SystemRoot, dynamic volume GUID" || s.Drives[1].How != "dynamic volume GUID" || len(s.Missing) != 0 || len(s.Problems) != 0 {
		t.Errorf("%+v, missing %s, %v", s.Drives, s.Missing, s.Problems)
	}
	for _, path := range []string{`D:\data.txt`, `C:\Mounted\mounted.txt`} {
		if _, _, err := s.Resolve(path); err != nil {
			t.Error(err)
		}
	}
}

// TestOpenAt: a Windows in a folder has that folder as its drive, and the
// volumes for its other letters.
func TestOpenAt(t *testing.T) {
	old := eleven().mounted(hivegen.B(`\DosDevices\D:`, gpt(mixed(t, mountGUIDs[1]))))
	live := eleven().mounted(hivegen.B(`\DosDevices\E:`, gpt(mixed(t, mountGUIDs[1]))))
	nodes := append(live.nodes("Windows", ntfsgen.File(`Users\live\x`, "x")), old.nodes("Windows.old/Windows", ntfsgen.File(`Windows.old\Users\anna\y`, "y"),
		ntfsgen.Junction(`Windows.old\Documents and Settings`, `C:\Users`))...)
	set := openSet(t, writeDisk(t, "disk.img", diskgen.Disk{GPT: true, Parts: []diskgen.Part{
		{GUID: mountGUIDs[0], Content: volume("Windows", nodes...)},
		{GUID: mountGUIDs[1], Content: volume("Data", ntfsgen.File("data.txt", "d"))},
	}}))
	systems, _, err := Find(set, Options{})
	if err != nil || len(systems) != 1 || systems[0].Root != "Windows" {
		t.Fatalf("%v, %v", systems, err)
	}
	for _, root := range []string{`Windows.old\Windows`, `windows.OLD\windows\`} {
		s, err := OpenAt(set, set.Volumes[0], root, Options{})
		if err != nil {
			t.Fatal(err)
		}
		d := s.Drives[0]
		if !strings.EqualFold(s.Dir, `C:\Windows`) || d.Letter != 'C' || !strings.EqualFold(d.Base, "Windows.old") || s.Name != s.Dir || len(s.Drives) != 2 || len(s.Problems) != 0 {
			t.Errorf("%s, %+v, %v", s.Dir, s.Drives, s.Problems)
		}
		for _, path := range []string{`C:\Users\anna\y`, `D:\data.txt`, `1:\Users\live\x`} {
			if _, _, err := s.Resolve(path); err != nil {
				t.Error(err)
			}
		}
		if _, _, err := s.Resolve(`C:\Users\live\x`); !errors.Is(err, volumes.ErrNotFound) {
			t.Errorf("the live drive shows through: %v", err)
		}
		if st, ok := s.HiveState(s.Config("SYSTEM")); !ok || !strings.EqualFold(st.From, `C:\Windows\System32\config\SYSTEM`) {
			t.Errorf("%+v", s.HiveStates())
		}
	}
	if _, err := OpenAt(set, set.Volumes[0], "Users", Options{}); !errors.Is(err, volumes.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := OpenAt(set, set.Volumes[0], "Windows", Options{Arch: "x"}); err == nil {
		t.Error("a wrong architecture is taken")
	}
}

func FuzzVolumeName(f *testing.F) {
	f.Add(`\??\Volume{8b5a7ff2-0000-0000-0000-100000000000}\`)
	f.Add(`\\?\volume{629458E4-0000-0000-0000-010000000000}`)
	f.Add(`C:\Users`)
	f.Add(`Volume{zzzzzzzz-0000-0000-0000-010000000000}`)
	f.Fuzz(func(t *testing.T, target string) {
		name, ok := volumeName(target)
		if !ok {
			return
		}
		g, ok := parseGUID(name[len("Volume"):])
		if !ok {
			return
		}
		// What is written from the bytes is what was read.
		back := fmt.Sprintf("{%x-%x-%x-%x-%x}", []byte{g[3], g[2], g[1], g[0]}, []byte{g[5], g[4]}, []byte{g[7], g[6]}, g[8:10], g[10:])
		if !strings.EqualFold(back, name[len("Volume"):]) {
			t.Fatalf("%s, %s", name, back)
		}
	})
}
