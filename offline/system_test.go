package offline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/partition"
)

// machine describes an installation for tests: the two hives, and a volume
// for each of its partitions. The first volume holds Windows.
type machine struct {
	software, system *hivegen.Key
	root             string
}

func newMachine() *machine {
	m := &machine{software: hivegen.K("ROOT"), system: hivegen.K("ROOT"), root: "Windows"}
	m.system.At("Select").Add(hivegen.D("Current", 1))
	m.control(`ComputerName\ComputerName`, hivegen.SZ("ComputerName", "COLD"))
	return m
}

func (m *machine) current(parts ...any) *machine {
	m.software.At(currentVersion).Add(parts...)
	return m
}

func (m *machine) control(path string, parts ...any) *machine {
	m.system.At(`ControlSet001\Control\` + path).Add(parts...)
	return m
}

func (m *machine) profileList(parts ...any) *machine {
	m.software.At(ProfileList).Add(parts...)
	return m
}

func (m *machine) mounted(parts ...any) *machine {
	m.system.At("MountedDevices").Add(parts...)
	return m
}

// eleven is a Windows 11 as Setup leaves it.
func eleven() *machine {
	return newMachine().current(
		hivegen.SZ("CurrentVersion", "6.3"), hivegen.D("CurrentMajorVersionNumber", 10), hivegen.D("CurrentMinorVersionNumber", 0),
		hivegen.SZ("CurrentBuild", "22631"), hivegen.SZ("CurrentBuildNumber", "22631"), hivegen.D("UBR", 3593),
		hivegen.SZ("ProductName", "Windows 10 Pro"), hivegen.SZ("EditionID", "Professional"), hivegen.SZ("DisplayVersion", "23H2"),
		hivegen.SZ("ReleaseId", "2009"), hivegen.SZ("InstallationType", "Client"), hivegen.D("InstallDate", 1700000000),
		hivegen.SZ("SystemRoot", `C:\Windows`),
	).control(`Session Manager\Environment`, hivegen.SZ("PROCESSOR_ARCHITECTURE", "AMD64"),
		hivegen.ExpandSZ("TEMP", `%SystemRoot%\TEMP`), hivegen.ExpandSZ("windir", `%SystemRoot%`), hivegen.SZ("JAVA_HOME", `D:\jdk`),
		hivegen.ExpandSZ("JAVA_BIN", `%JAVA_HOME%\bin`),
	).profileList(hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Users`), hivegen.ExpandSZ("Default", `%SystemDrive%\Users\Default`),
		hivegen.ExpandSZ("Public", `%SystemDrive%\Users\Public`), hivegen.ExpandSZ("ProgramData", `%SystemDrive%\ProgramData`))
}

// disk makes a source with the partitions of t, and volumes for them.
func disk(set *volumes.Set, t *partition.Table) {
	src := &volumes.Source{Path: fmt.Sprintf("disk%d.img", len(set.Sources)), Kind: "disk image", Table: t}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		v := &volumes.Volume{Number: len(set.Volumes) + 1, Source: src, Partition: p, Offset: p.Offset, Size: p.Size, Kind: "unknown"}
		set.Volumes = append(set.Volumes, v)
		src.Volumes = append(src.Volumes, v)
	}
	set.Sources = append(set.Sources, src)
}

func guid(b byte) (g [16]byte) {
	for i := range g {
		g[i] = b + byte(i)
	}
	return g
}

// read makes the System of m on volume n of set without a file system.
func (m *machine) read(t *testing.T, set *volumes.Set, n int, opt Options) (*System, error) {
	t.Helper()
	open := func(k *hivegen.Key) *hive.Hive {
		h, err := hive.Open(hivegen.Build(k, hivegen.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if set == nil {
		set = &volumes.Set{}
		disk(set, &partition.Table{Scheme: "gpt", Partitions: []partition.Partition{{Number: 1, GUID: guid(1)}}})
		n = 1
	}
	s := &System{Volume: set.Volumes[n-1], Root: m.root, set: set, SystemHive: open(m.system), Software: open(m.software)}
	return s, s.read(opt)
}

func (m *machine) mustRead(t *testing.T, set *volumes.Set, n int, opt Options) *System {
	t.Helper()
	s, err := m.read(t, set, n, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVersion(t *testing.T) {
	sz := hivegen.SZ
	for _, tt := range []struct {
		name   string
		m      *machine
		want   string // product, edition, version, build, display, service pack, type, arch
		search string // an error that is expected
	}{
		{"11 that says 10", eleven(), "Windows 11 Pro|Professional|10.0|22631.3593|23H2||Client|AMD64", ""},
		{"server of the same build range", newMachine().current(sz("CurrentVersion", "6.3"), hivegen.D("CurrentMajorVersionNumber", 10),
			sz("CurrentBuildNumber", "26100"), sz("ProductName", "Windows Server 2025 Standard"), sz("InstallationType", "Server"), sz("BuildLabEx", "26100.1.amd64fre.ge_release.240331-1435")),
			"Windows Server 2025 Standard||10.0|26100.0|||Server|AMD64", ""},
		{"10 of 2019", newMachine().current(sz("CurrentVersion", "6.3"), hivegen.D("CurrentMajorVersionNumber", 10), sz("CurrentBuildNumber", "18363"),
			sz("ReleaseId", "1909"), sz("ProductName", "Windows 10 Home"), sz("BuildLabEx", "18362.1.arm64fre.19h1_release.190318-1202")),
			"Windows 10 Home||10.0|18363.0|1909||Client|ARM64", ""},
		{"a server that says 10", newMachine().current(sz("CurrentVersion", "10.0"), sz("CurrentBuildNumber", "22621"), sz("ProductName", "Windows 10 Enterprise for Virtual Desktops"), sz("InstallationType", "Server")),
			"Windows 10 Enterprise for Virtual Desktops||10.0|22621.0|||Server|", ""},
		{"8.1", newMachine().current(sz("CurrentVersion", "6.3"), sz("CurrentBuildNumber", "9600"), sz("InstallationType", "Client")), "Windows 8.1||6.3|9600.0|||Client|", ""},
		{"XP", newMachine().current(sz("CurrentVersion", "5.1"), sz("CurrentBuild", "1.511.1 () (Obsolete data - do not use)"), sz("CurrentBuildNumber", "2600"),
			sz("ProductName", "Microsoft Windows XP"), sz("CSDVersion", "Service Pack 3"), sz("BuildLab", "2600.xpsp_sp3_qfe.130704-0421")).
			control(`Session Manager\Environment`, sz("PROCESSOR_ARCHITECTURE", "x86")), "Windows XP Professional||5.1|2600.0||Service Pack 3|Client|x86", ""},
		{"NT 4.0 server", newMachine().current(sz("CurrentVersion", "4.0"), sz("CurrentBuildNumber", "1381")).control("ProductOptions", sz("ProductType", "LanmanNT")),
			"Windows Server||4.0|1381.0|||Server|", ""},
		{"no version", newMachine().current(sz("ProductName", "Windows 10")), "", "neither a version nor a build"},
		{"no key", newMachine(), "", `has no key Microsoft\Windows NT\CurrentVersion`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name != "NT 4.0 server" {
				tt.m.control("ProductOptions", sz("ProductType", "WinNT"))
			}
			s, err := tt.m.read(t, nil, 0, Options{})
			if tt.search != "" {
				if err == nil || !strings.Contains(err.Error(), tt.search) {
					t.Fatalf("error %v, want one with %q", err, tt.search)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%s|%s|%s|%d.%d|%s|%s|%s|%s", s.Product, s.Edition, s.Version, s.Build, s.UBR, s.Display, s.ServicePack, s.InstallationType, s.Arch)
			if got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
	s := eleven().mustRead(t, nil, 0, Options{Arch: "arm64"})
	if s.Arch != "ARM64" || s.ComputerName != "COLD" || !s.InstallDate.Equal(time.Unix(1700000000, 0)) || s.Dir != `C:\Windows` || s.XP() {
		t.Errorf("arch %s, computer %s, installed %v, dir %s", s.Arch, s.ComputerName, s.InstallDate, s.Dir)
	}
}

func TestControlSet(t *testing.T) {
	for _, tt := range []struct {
		name string
		keys []*hivegen.Key
		want int
	}{
		{"current", []*hivegen.Key{hivegen.K("Select", hivegen.D("Current", 2), hivegen.D("Default", 1)), hivegen.K("ControlSet001"), hivegen.K("ControlSet002")}, 2},
		{"current is gone", []*hivegen.Key{hivegen.K("Select", hivegen.D("Current", 7), hivegen.D("Default", 2)), hivegen.K("ControlSet001"), hivegen.K("ControlSet002")}, 2},
		{"zeros", []*hivegen.Key{hivegen.K("Select", hivegen.D("Current", 0), hivegen.D("Default", 0), hivegen.D("LastKnownGood", 3)), hivegen.K("ControlSet001"), hivegen.K("controlset003")}, 3},
		{"binary", []*hivegen.Key{hivegen.K("Select", hivegen.B("Current", []byte{2, 0, 0, 0})), hivegen.K("ControlSet001"), hivegen.K("ControlSet002")}, 2},
		{"no Select", []*hivegen.Key{hivegen.K("ControlSet004"), hivegen.K("ControlSet002"), hivegen.K("ControlSet0xx")}, 2},
		{"none", []*hivegen.Key{hivegen.K("Select", hivegen.D("Current", 1))}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := hive.Open(hivegen.Build(hivegen.K("ROOT", tt.keys), hivegen.Options{}))
			if err != nil {
				t.Fatal(err)
			}
			got, err := controlSet(h)
			if got != tt.want || (err == nil) != (tt.want != 0) {
				t.Errorf("%d, %v; want %d", got, err, tt.want)
			}
		})
	}
}

func TestHKLM(t *testing.T) {
	m := eleven()
	m.system.At("Select").Values[0] = hivegen.D("Current", 2)
	m.system.At(`ControlSet002\Control\ComputerName\ComputerName`).Add(hivegen.SZ("ComputerName", "SECOND"))
	s := m.mustRead(t, nil, 0, Options{})
	for _, tt := range []struct {
		path, value, want string
		err               error
	}{
		{`HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`, "EditionID", "Professional", nil},
		{`HKEY_LOCAL_MACHINE\Software\microsoft\windows nt\CURRENTVERSION`, "EditionID", "Professional", nil},
		{`SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName`, "ComputerName", "SECOND", nil},
		{`SYSTEM\ControlSet001\Control\ComputerName\ComputerName`, "ComputerName", "COLD", nil},
		{`HKLM\SYSTEM\NotThere`, "", "", hive.ErrNotFound},
		{`HKLM\HARDWARE`, "", "", hive.ErrNotFound},
		{`HKLM`, "", "", hive.ErrNotFound},
		{`HKLM\SAM\SAM\Domains`, "", "", ErrPolicy},
		{`hklm\security`, "", "", ErrPolicy},
	} {
		k, err := s.HKLM(tt.path)
		if tt.err != nil {
			if !errors.Is(err, tt.err) {
				t.Errorf("%s: error %v, want %v", tt.path, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
		} else if got := text(k, tt.value); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.path, got, tt.want)
		}
	}
	if k, err := s.HKLM(`HKLM\SYSTEM`); err != nil || k.Path() != "" {
		t.Errorf("HKLM\\SYSTEM: %q, %v", k.Path(), err)
	}
}

func mbr(signature uint32, offset uint64) []byte {
	b := binary.LittleEndian.AppendUint32(nil, signature)
	return binary.LittleEndian.AppendUint64(b, offset)
}

func gpt(g [16]byte) []byte { return append([]byte("DMIO:ID:"), g[:]...) }

func TestDrives(t *testing.T) {
	const mib = 1 << 20
	// Volumes 1, 2: MBR disk with Windows; 3, 4: GPT data disk; 5, 6: a clone of
	// the first disk.
	set := &volumes.Set{}
	first := partition.Table{Scheme: "mbr", Signature: 0x629458e4, Partitions: []partition.Partition{{Number: 1, Offset: mib}, {Number: 2, Offset: 512 * mib}}}
	disk(set, &first)
	disk(set, &partition.Table{Scheme: "gpt", Signature: 0x629458e4, Partitions: []partition.Partition{{Number: 1, Offset: mib, GUID: guid(0x10)}, {Number: 2, Offset: 64 * mib, GUID: guid(0x40)}}})
	clone := first
	disk(set, &clone)

	for _, tt := range []struct {
		name     string
		on       int
		m        *machine
		opt      Options
		want     string
		missing  string
		problems []string
		conflict string
	}{
		{
			name: "unmatched system volume", on: 2, m: eleven(),
			want: `C=2 SystemRoot`,
		}, {
			name: "MBR and GPT, stale and removable ones", on: 2,
			m: eleven().mounted(hivegen.B(`\DosDevices\C:`, mbr(0x629458e4, 512*mib)), hivegen.B(`\DosDevices\D:`, gpt(guid(0x40))),
				hivegen.B(`\DosDevices\E:`, gpt(guid(0x77))), hivegen.B(`\DosDevices\F:`, mbr(0x629458e4, 3*mib)), hivegen.B(`\dosdevices\s:`, mbr(0x629458e4, mib)),
				hivegen.B(`\DosDevices\A:`, hivegen.UTF16(`\??\FDC#GENERIC_FLOPPY_DRIVE`)), hivegen.B(`\??\Volume{8b5a7ff2-0000-0000-0000-100000000000}`, gpt(guid(0x10))),
				hivegen.B(`#{8b5a7ff2}`, mbr(0x629458e4, mib)), hivegen.B(`\DosDevices\G:`, nil)),
			want: `C=2 SystemRoot, disk signature, D=4 partition GUID, S=1 disk signature`, missing: "EF",
			problems: []string{"drive S: fits 2 volumes"},
		}, {
			name: "the clone boots: letters are of its own disk", on: 6,
			m:    eleven().mounted(hivegen.B(`\DosDevices\S:`, mbr(0x629458e4, mib))),
			want: `C=6 SystemRoot, S=5 disk signature`, problems: []string{"drive S: fits 2 volumes"},
		}, {
			name: "another letter for the system volume", on: 4,
			m:    eleven().mounted(hivegen.B(`\DosDevices\E:`, gpt(guid(0x40))), hivegen.B(`\DosDevices\C:`, gpt(guid(0x10)))),
			want: `C=4 SystemRoot`, problems: []string{"the letter E: is ignored", "gives drive C: to volume 3"},
		}, {
			name: "map overrides", on: 2, opt: Options{Map: map[byte]int{'D': 3, 'C': 4, 'X': 4}},
			m:    eleven().mounted(hivegen.B(`\DosDevices\D:`, gpt(guid(0x40))), hivegen.B(`\DosDevices\X:`, gpt(guid(0x99)))),
			want: `C=2 SystemRoot, D=3 --map, X=4 --map`, problems: []string{"on volume 2; that it is volume 4, as --map says, is ignored"},
		}, {
			name: "two letters for one volume", on: 2, opt: Options{Map: map[byte]int{'A': 4}},
			m:        eleven().mounted(hivegen.B(`\DosDevices\D:`, gpt(guid(0x40))), hivegen.B(`\DosDevices\E:`, gpt(guid(0x10))), hivegen.B(`\DosDevices\F:`, gpt(guid(0x10)))),
			want:     `A=4 --map, C=2 SystemRoot, D=4 partition GUID, E=3 partition GUID, F=3 partition GUID`,
			problems: []string{"the drives A: (--map) and D: (partition GUID) are both volume 4", "the drives E: (partition GUID) and F: (partition GUID) are both volume 3"},
		}, {
			name: "the mappings leave drives out", on: 2,
			opt:  Options{Replace: true, Places: []Place{{Path: `D:\`, Volume: set.Volumes[2], How: "offline.xml"}}},
			m:    eleven().mounted(hivegen.B(`\DosDevices\D:`, gpt(guid(0x40))), hivegen.B(`\DosDevices\E:`, gpt(guid(0x10))), hivegen.B(`\DosDevices\F:`, gpt(guid(0x77)))),
			want: `C=2 SystemRoot, D=3 offline.xml`, missing: "EF",
			problems: []string{"drive D: is volume 4", "drive E: is volume 3"},
		}, {
			name: "the drive of the Windows under another letter", on: 2, opt: Options{Map: map[byte]int{'D': 2}}, conflict: "drive D: is volume 2, as --map says; but that is the drive of this Windows, which calls it C:",
			m:    eleven(),
			want: `C=2 SystemRoot, D=2 --map`, problems: []string{"drive D: is volume 2"},
		}, {
			name: "no SystemRoot: letter by MountedDevices", on: 4,
			m:    newMachine().current(hivegen.SZ("CurrentBuildNumber", "7601")).mounted(hivegen.B(`\DosDevices\E:`, gpt(guid(0x40)))),
			want: `E=4 MountedDevices, partition GUID`, problems: []string{"architecture"},
		}, {
			name: "no letter anywhere", on: 4,
			m:    newMachine().current(hivegen.SZ("CurrentBuildNumber", "7601")),
			want: `C=4 assumed`, problems: []string{"C: is assumed", "architecture"},
		}, {
			name: "copied below a folder of a data disk", on: 4,
			m: func() *machine {
				m := eleven()
				m.root = `Old disk\windows`
				return m.mounted(hivegen.B(`\DosDevices\D:`, gpt(guid(0x40))))
			}(),
			want: `C=4 SystemRoot Old disk, D=4 partition GUID`,
		}, {
			// The volume that it once called C: now belongs to the Windows
			// that came after it.
			name: "put aside on its own volume", on: 4,
			m: func() *machine {
				m := eleven()
				m.root = `Windows.old\Windows`
				return m.mounted(hivegen.B(`\DosDevices\C:`, gpt(guid(0x40))), hivegen.B(`\DosDevices\E:`, gpt(guid(0x40))), hivegen.B(`\DosDevices\F:`, gpt(guid(0x10))))
			}(),
			want: `C=4 SystemRoot Windows.old, F=3 partition GUID`, problems: []string{"the letter E: is ignored"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.m.mustRead(t, set, tt.on, tt.opt)
			var got []string
			for _, d := range s.Drives {
				got = append(got, strings.TrimSpace(fmt.Sprintf("%c=%d %s %s", d.Letter, d.Volume.Number, d.How, d.Base)))
			}
			if g := strings.Join(got, ", "); g != tt.want {
				t.Errorf("drives\n got %s\nwant %s", g, tt.want)
			}
			if string(s.Missing) != tt.missing {
				t.Errorf("missing %q, want %q", s.Missing, tt.missing)
			}
			if s.Conflict != tt.conflict {
				t.Errorf("conflict %q, want %q", s.Conflict, tt.conflict)
			}
			checkProblems(t, s.Problems, tt.problems)
		})
	}
}

// checkProblems wants each problem to hold one of the texts, and all of them
// to occur.
func checkProblems(t *testing.T, got []Problem, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d problems, want %d: %v", len(got), len(want), got)
	}
	for _, w := range want {
		found := false
		for _, p := range got {
			found = found || strings.Contains(p.String(), w)
		}
		if !found {
			t.Errorf("no problem with %q in %v", w, got)
		}
	}
}

func TestPaths(t *testing.T) {
	set := &volumes.Set{}
	disk(set, &partition.Table{Scheme: "gpt", Partitions: []partition.Partition{{Number: 1, GUID: guid(1)}, {Number: 2, GUID: guid(30)}, {Number: 3, GUID: guid(60)}}})
	m := eleven().mounted(hivegen.B(`\DosDevices\D:`, gpt(guid(60))))
	s := m.mustRead(t, set, 1, Options{Map: map[byte]int{'B': 1}})
	for i, want := range []string{"C:", "2:", "D:"} {
		if got := s.VolumePrefix(set.Volumes[i]); got != want {
			t.Errorf("volume %d is %s, want %s", i+1, got, want)
		}
	}
	for _, tt := range []struct {
		path, want string
	}{
		{`C:\Users\x`, `1 Users\x`},
		{`c:/Users//x/`, `1 Users\x`},
		{`B:\`, `1 `},
		{`2:\x`, `2 x`},
		{`D:`, `3 `},
		{`E:\x`, `missing E:`},
		{`9:\x`, `missing 9:`},
		{`\\srv\home\x`, `error`},
		{`\Users`, `error`},
	} {
		v, rel, err := s.Locate(tt.path)
		got := "error"
		var missing *VolumeMissingError
		if errors.As(err, &missing) {
			got = "missing " + missing.Volume
		} else if err == nil {
			got = fmt.Sprintf("%d %s", v.Number, rel)
		}
		if got != tt.want {
			t.Errorf("%s: %s (%v), want %s", tt.path, got, err, tt.want)
		}
	}
	if _, _, err := s.Resolve(`E:\x`); err == nil || !strings.Contains(err.Error(), "--map E=NUMBER") {
		t.Errorf("no advice in %v", err)
	}

	m.root = `Backup\Old\Windows`
	nested := m.mustRead(t, set, 2, Options{})
	if nested.Dir != `C:\Windows` {
		t.Errorf("dir %s", nested.Dir)
	}
	if v, rel, err := nested.Locate(`C:\Users`); err != nil || v.Number != 2 || rel != `Backup\Old\Users` {
		t.Errorf("C:\\Users is %v %s %v", v, rel, err)
	}
	if got := nested.Path(set.Volumes[1], `backup\old\Users\x`); got != `C:\Users\x` {
		t.Error(got)
	}
	if got := nested.Path(set.Volumes[1], `Backup\Other`); got != `2:\Backup\Other` {
		t.Error(got)
	}
}

func TestChoose(t *testing.T) {
	set := &volumes.Set{}
	disk(set, &partition.Table{Scheme: "gpt", Partitions: []partition.Partition{{Number: 1}, {Number: 2}, {Number: 3}}})
	system := func(n int, dir, root string) *System { return &System{Volume: set.Volumes[n-1], Dir: dir, Root: root} }
	a, b, c := system(1, `C:\Windows`, "Windows"), system(3, `C:\WINDOWS`, "WINDOWS"), system(2, `D:\WINNT`, "WINNT")
	all := []*System{a, c, b}
	nameAll(all)
	if a.Name != `1:\Windows` || b.Name != `3:\WINDOWS` || c.Name != `D:\WINNT` {
		t.Errorf("names %q %q %q", a.Name, b.Name, c.Name)
	}
	for _, tt := range []struct {
		name string
		of   []*System
		want *System
		err  error
	}{
		{"", all[:1], a, nil},
		{"", all, nil, ErrSeveral},
		{"", nil, nil, ErrNoWindows},
		{`3:/windows`, all, b, nil},
		{`d:\winnt\`, all, c, nil},
		{`2:\WINNT`, all, c, nil},
		{`C:\Windows`, all, nil, ErrSeveral},
		{`E:\Windows`, all, nil, ErrNoWindows},
	} {
		got, err := Choose(tt.of, tt.name)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("Choose(%q): %v, %v", tt.name, got, err)
		}
	}
}

func TestBadOptions(t *testing.T) {
	set := &volumes.Set{}
	disk(set, &partition.Table{Scheme: "gpt", Partitions: []partition.Partition{{Number: 1}}})
	for _, opt := range []Options{{Arch: "mips"}, {Map: map[byte]int{'D': 2}}, {Map: map[byte]int{'D': 0}}, {Map: map[byte]int{'1': 1}}} {
		if _, _, err := Find(set, opt); err == nil {
			t.Errorf("%v is accepted", opt)
		}
	}
}

func FuzzMountedDevices(f *testing.F) {
	f.Add(`\DosDevices\C:`, mbr(0x629458e4, 1<<20))
	f.Add(`\DosDevices\D:`, gpt(guid(1)))
	f.Add(`\??\Volume{629458e4-0000-0000-0000-010000000000}`, mbr(1, 1<<63))
	f.Add(`\DosDevices\E:`, hivegen.UTF16(`\??\USBSTOR#Disk`))
	set := &volumes.Set{}
	disk(set, &partition.Table{Scheme: "mbr", Signature: 0x629458e4, Partitions: []partition.Partition{{Offset: 1 << 20}}})
	disk(set, &partition.Table{Scheme: "gpt", Partitions: []partition.Partition{{GUID: guid(1)}, {}}})
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if l := mountedLetter(name); l != 0 && (l < 'A' || l > 'Z') {
			t.Fatalf("letter %q", l)
		}
		d := parseDevice(data)
		n := 0
		for _, v := range set.Volumes {
			if d.is(v) {
				n++
			}
		}
		if n > 1 || n == 1 && len(data) != 12 && len(data) != 24 {
			t.Fatalf("%d bytes are %d volumes", len(data), n)
		}
		if d.kind == deviceMBR && d.offset < 0 {
			t.Fatal("negative offset")
		}
	})
}

func TestVolumeByName(t *testing.T) {
	set := &volumes.Set{}
	disk(set, &partition.Table{Scheme: "mbr", Signature: 0x629458e4, Partitions: []partition.Partition{{Offset: 65536}}})
	g := [16]byte{0x67, 0x45, 0x23, 0x01, 0xab, 0x89, 0xef, 0xcd, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}
	disk(set, &partition.Table{Scheme: "gpt", Partitions: []partition.Partition{{GUID: g}, {GUID: guid(5)}}})
	s := eleven().mounted(hivegen.B(`\??\Volume{aaaaaaaa-1111-2222-3333-444444444444}`, gpt(guid(5)))).mustRead(t, set, 2, Options{})
	for name, want := range map[string]int{
		"Volume{629458e4-0000-0000-0000-010000000000}": 1,
		"Volume{01234567-89AB-CDEF-0123-456789ABCDEF}": 2,
		"Volume{aaaaaaaa-1111-2222-3333-444444444444}": 3,
		"Volume{bbbbbbbb-1111-2222-3333-444444444444}": 0,
		"Volume{": 0,
	} {
		got := 0
		if v := s.volumeByName(name); v != nil {
			got = v.Number
		}
		if got != want {
			t.Errorf("%s is volume %d, want %d", name, got, want)
		}
	}
}

// TestVolumeByNameOfClones: the disk that Windows is on comes before its clone.
func TestVolumeByNameOfClones(t *testing.T) {
	set := &volumes.Set{}
	for range 2 {
		disk(set, &partition.Table{Scheme: "mbr", Signature: 0x629458e4, Partitions: []partition.Partition{{Offset: 65536}, {Offset: 1 << 20}}})
	}
	for _, on := range []int{2, 4} {
		s := eleven().mustRead(t, set, on, Options{})
		if v := s.volumeByName("Volume{629458e4-0000-0000-0000-010000000000}"); v == nil || v.Number != on-1 {
			t.Errorf("Windows on volume %d: %+v", on, v)
		}
	}
}

func TestLinkPath(t *testing.T) {
	set := &volumes.Set{}
	disk(set, &partition.Table{Scheme: "gpt", Partitions: []partition.Partition{{GUID: guid(1)}, {GUID: guid(5)}}})
	s := eleven().mounted(hivegen.B(`\DosDevices\D:`, gpt(guid(5))), hivegen.B(`\??\Volume{aaaaaaaa-1111-2222-3333-444444444444}`, gpt(guid(5)))).mustRead(t, set, 1, Options{})
	for _, tt := range []struct{ target, want string }{
		{`\??\D:\Users`, `D:\Users`},
		{`d:\Users\`, `D:\Users`},
		{`\??\Volume{aaaaaaaa-1111-2222-3333-444444444444}\`, `D:\`},
		{`\\?\Volume{AAAAAAAA-1111-2222-3333-444444444444}\x\y`, `D:\x\y`},
		{`Volume{bbbbbbbb-1111-2222-3333-444444444444}\`, ``},
		{`\\srv\share`, ``},
		{`\Data`, `C:\Data`},
		{`..\Public\.\x`, `C:\Users\Public\x`},
		{`..\..\..\..\x`, `C:\x`},
		{`sub`, `C:\Users\anna\sub`},
	} {
		got, ok := s.linkPath(`C:\Users\anna`, tt.target)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, %v; want %q", tt.target, got, ok, tt.want)
		}
	}
}

// To a Windows that was put into Windows.old its own volume is that folder.
func TestLinkPathOfOld(t *testing.T) {
	set := &volumes.Set{}
	disk(set, &partition.Table{Scheme: "gpt", Partitions: []partition.Partition{{GUID: guid(1)}, {GUID: guid(5)}}})
	m := eleven()
	m.root = `Windows.old\Windows`
	s := m.mounted(hivegen.B(`\??\Volume{11111111-1111-2222-3333-444444444444}`, gpt(guid(1))), hivegen.B(`\??\Volume{55555555-1111-2222-3333-444444444444}`, gpt(guid(5)))).mustRead(t, set, 1, Options{})
	for _, tt := range []struct{ target, want string }{
		{`\??\C:\Users\anna`, `C:\Users\anna`},
		{`\??\Volume{11111111-1111-2222-3333-444444444444}\Users`, `C:\Users`},
		{`\??\Volume{55555555-1111-2222-3333-444444444444}\Users`, `2:\Users`},
		{`..\..\..\Users`, `C:\Users`},
		{`\Users`, `C:\Users`},
	} {
		got, ok := s.linkPath(`C:\Documents and Settings`, tt.target)
		if got != tt.want || !ok {
			t.Errorf("%s: %q, %v; want %q", tt.target, got, ok, tt.want)
		}
	}
	if _, rel, err := s.Locate(`C:\Users`); err != nil || rel != `Windows.old\Users` {
		t.Errorf("%s, %v", rel, err)
	}
}

// The values of real MountedDevices keys: their form follows from the length
// that another reader of hives found.
func TestRealMountedDevices(t *testing.T) {
	dir := os.Getenv("COLDSTATE_TESTDATA")
	if dir == "" {
		t.Skip("needs COLDSTATE_TESTDATA, the folder with real hives")
	}
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("needs the program xz")
	}
	unpack := func(name string) []byte {
		b, err := exec.Command("xz", "-dc", filepath.Join(dir, filepath.FromSlash(name))).Output()
		if err != nil {
			t.Fatal(name, err)
		}
		return b
	}
	for _, tt := range []struct{ name, letters string }{{"system-win10-1709", "C"}, {"system-win81-sensei", "C"}} {
		h, err := hive.Open(unpack("hives/" + tt.name + ".xz"))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := controlSet(h); n != 1 || err != nil {
			t.Errorf("%s: control set %d, %v", tt.name, n, err)
		}
		want := map[string]deviceKind{}
		for line := range strings.SplitSeq(string(unpack("truth/hives/"+tt.name+".tsv.xz")), "\n") {
			if f := strings.Split(line, "\t"); len(f) > 4 && f[0] == "V" && f[1] == "MountedDevices" {
				want[f[2]] = map[string]deviceKind{"12": deviceMBR, "24": deviceGPT}[f[4]]
			}
		}
		k, err := h.Root().Key("MountedDevices")
		if err != nil {
			t.Fatal(err)
		}
		letters := ""
		for v := range k.Values() {
			data, err := v.Data()
			if err != nil {
				t.Fatal(err)
			}
			d := parseDevice(data)
			if w, ok := want[v.Name()]; !ok || d.kind != w {
				t.Errorf("%s: %s is of kind %d, want %d", tt.name, v.Name(), d.kind, w)
			}
			delete(want, v.Name())
			if l := mountedLetter(v.Name()); l != 0 && d.kind != deviceOther {
				letters += string(l)
			}
			if d.kind == deviceMBR && (d.offset%512 != 0 || d.signature == 0) {
				t.Errorf("%s: %s is on %#x at %d", tt.name, v.Name(), d.signature, d.offset)
			}
		}
		if len(want) != 0 || !strings.Contains(letters, tt.letters) {
			t.Errorf("%s: letters %s, not seen %v", tt.name, letters, want)
		}
	}
}
