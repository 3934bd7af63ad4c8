package testimages

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// MachineDisks are the disks of a machine of tests, and what is on them.
type MachineDisks struct {
	Name  string
	Disks []*diskgen.Image
	// Volumes are the partitions of all disks in their order and by offset;
	// Volumes[i].Number is i+1.
	Volumes []MachineVolume
	// Installations are those that are there, the older ones too.
	Installations []Installation
}

// A MachineVolume is a partition.
type MachineVolume struct {
	Number       int
	Disk         int // index in Disks
	Offset, Size int64
	// NTFS is the volume, nil for partitions of other kinds.
	NTFS *ntfsgen.Volume
}

// An Installation is a Windows on a machine.
type Installation struct {
	// Windows is the literal it was made of, with what zero values stand for.
	*Windows
	// Volume is the number of the volume it is on, and Root its folder
	// there: "Windows", `Windows.old\Windows`.
	Volume int
	Root   string
	// Old is the folder of an installation that Setup put aside: "Windows.old".
	Old string
	// Letters are the volumes of the machine that it has letters for, and
	// Missing the letters of volumes that are not there.
	Letters map[string]int
	Missing []string
	// Mounts are the folders in which it has volumes of the machine.
	Mounts map[string]int
	// Moved are the users of an old installation whose folders an upgrade
	// took into the present Users.
	Moved []string
}

// Size is the size of a disk in bytes.
func (m *MachineDisks) Size(disk int) int64 { return m.Disks[disk].Size() }

// Reader returns a disk.
func (m *MachineDisks) Reader(disk int) io.ReaderAt { return m.Disks[disk] }

// WriteTo writes the disks into a folder, and returns the paths of the images.
func (m *MachineDisks) WriteTo(dir string) ([]string, error) {
	var paths []string
	for i, d := range m.Disks {
		path := filepath.Join(dir, fmt.Sprintf("%s-%d.img", m.Name, i))
		if err := d.WriteFile(path); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// Content returns the content of a file, whose path is like `Users\anna\a.txt`,
// on the volume with that number.
func (m *MachineDisks) Content(volume int, path string) []byte {
	f := m.Volumes[volume-1].NTFS.File(path)
	return f.Data.All()
}

// built holds the machines that were asked for, as functions that build once.
var built sync.Map

// Machine returns a machine by name; it is built when it is first asked for.
// It panics for a name that MachineNames does not have.
func Machine(name string) *MachineDisks {
	build, ok := machines()[name]
	if !ok {
		panic("testimages: there is no machine " + name)
	}
	once, _ := built.LoadOrStore(name, sync.OnceValue(func() *MachineDisks {
		m := build()
		m.Name = name
		return m
	}))
	return once.(func() *MachineDisks)()
}

// MachineNames are the machines that there are.
func MachineNames() []string { return slices.Sorted(maps.Keys(machines())) }

// machines are the machines by name. It is a function and no variable, so
// that a program without tests has none of this in it.
func machines() map[string]func() *MachineDisks {
	// One Windows with two users.
	plain := func(e Edition, arch, computer string) func() *MachineDisks {
		return func() *MachineDisks {
			return oneDisk(&Windows{Edition: e, Arch: arch, Computer: computer, Users: []Person{person("anna", groupAdmins), person("bob")}})
		}
	}
	return map[string]func() *MachineDisks{
		"xp":         xp,
		"vista":      plain(WindowsVista, "AMD64", "VISTA-PC"),
		"win7":       plain(Windows7, "AMD64", "SEVEN-PC"),
		"win81":      plain(Windows81, "AMD64", "EIGHT-PC"),
		"win10":      plain(Windows10, "AMD64", "TEN-PC"),
		"win11":      plain(Windows11, "AMD64", "ELEVEN-PC"),
		"server2022": plain(Server2022, "AMD64", "SERVER01"),
		"x86":        plain(Windows10, "x86", "SMALL-PC"),
		"arm64":      plain(Windows11, "ARM64", "ARM-PC"),

		"two-windows": twoWindows,
		"swapped":     swapped,
		"mounted":     mounted,
		"mounted-mbr": mountedMBR,
		"windows-old": func() *MachineDisks { return windowsOld(nil) },
		"german":      german,
		"users":       brokenProfiles,
		"apps":        appsMachine,
		"apps-xp":     appsXP,

		// Healthy is what the others would be with their registry.
		"healthy":     func() *MachineDisks { return withData(nil) },
		"no-software": func() *MachineDisks { return withData(map[string]func([]byte) []byte{"SOFTWARE": garbled}) },
		"no-system":   func() *MachineDisks { return withData(map[string]func([]byte) []byte{"SYSTEM": missing}) },
		"no-registry": func() *MachineDisks {
			return withData(map[string]func([]byte) []byte{"SOFTWARE": zeros, "SYSTEM": empty})
		},
		"no-registry-xp": noRegistryXP,
		"no-registry-old": func() *MachineDisks {
			return windowsOld(map[string]func([]byte) []byte{"SOFTWARE": missing, "SYSTEM": zeros})
		},

		"dirty":      func() *MachineDisks { return dirty(Windows10, false) },
		"dirty-win7": func() *MachineDisks { return dirty(Windows7, true) },
		"dirty-xp":   func() *MachineDisks { return dirty(WindowsXP, true) },
	}
}

// newMachine numbers the volumes of the disks, and completes the installations.
func newMachine(disks []diskgen.Disk, installations ...Installation) *MachineDisks {
	m := &MachineDisks{Installations: installations}
	for i, d := range disks {
		img := d.Build()
		m.Disks = append(m.Disks, img)
		parts := slices.Clone(img.Parts)
		slices.SortFunc(parts, func(a, b diskgen.Part) int { return cmp.Compare(a.Start, b.Start) })
		for _, p := range parts {
			v := MachineVolume{Number: len(m.Volumes) + 1, Disk: i, Offset: p.Start, Size: p.Size}
			v.NTFS, _ = p.Content.(*ntfsgen.Volume)
			m.Volumes = append(m.Volumes, v)
		}
	}
	for i := range m.Installations {
		m.Installations[i].complete()
	}
	return m
}

// disks is a list of disks.
func disks(d ...diskgen.Disk) []diskgen.Disk { return d }

// gpt returns a disk as Setup lays it out for UEFI: an EFI system partition
// (volume 1), a reserved one (volume 2), and then these.
func gpt(parts ...diskgen.Part) diskgen.Disk {
	return diskgen.Disk{GPT: true, Parts: append([]diskgen.Part{
		{Kind: diskgen.EFI, Content: diskgen.FAT("SYSTEM", mib), Size: mib},
		{Kind: diskgen.Reserved, Size: mib},
	}, parts...)}
}

const mib = 1 << 20

// The partitions of machines. A GUID ends in the number of the volume.
func guid(volume int) string { return fmt.Sprintf("c01d57a7-0000-4000-8000-%012d", volume) }

// signature is that of the only MBR disk of a machine; further ones add to it.
const signature = 0x629458E4

// volume returns an NTFS volume with a label.
func volume(label string, nodes ...any) *ntfsgen.Volume {
	return ntfsgen.Build(ntfsgen.Options{Label: label}, ntfsgen.Dir("", nodes...).Children...)
}

// oneDisk returns a machine with one Windows on drive C: of one disk: GPT and
// volume 3 for machines with UEFI, else MBR and volume 1.
func oneDisk(w *Windows) *MachineDisks {
	if w.Arch != "x86" && w.Edition.Build >= Windows81.Build {
		w.Devices = map[string][]byte{"C:": GPTDevice(guid(3))}
		return newMachine(disks(gpt(diskgen.Part{GUID: guid(3), Content: volume("Windows", w.On("C:"))})),
			Installation{Windows: w, Volume: 3, Root: w.Dir[3:], Letters: map[string]int{"C:": 3}})
	}
	w.Devices = map[string][]byte{"C:": MBRDevice(signature, mib)}
	return newMachine(disks(diskgen.Disk{Signature: signature, Parts: []diskgen.Part{{Start: mib, Active: true, Content: volume("", w.On("C:"))}}}),
		Installation{Windows: w, Volume: 1, Root: w.Dir[3:], Letters: map[string]int{"C:": 1}})
}

// text is a file of a user that a test may look for.
func text(name string) *ntfsgen.Node { return ntfsgen.File(name, "This is "+name+".\r\n") }

// person is an ordinary user with a document.
func person(name string, groups ...uint32) Person {
	return Person{Name: name, FullName: "Full name of " + name, Groups: append([]uint32{groupUsers}, groups...), Files: []*ntfsgen.Node{
		text(`Documents\letter of ` + name + `.txt`), text(`Desktop\` + name + `.txt`),
	}}
}

// withData has a second volume for data, D:, and hives that are dead.
func withData(dead map[string]func([]byte) []byte) *MachineDisks {
	w := &Windows{Edition: Windows10, Computer: "DATA-PC", Users: []Person{person("anna", groupAdmins), person("bob")}, Dead: dead,
		Devices: map[string][]byte{"C:": GPTDevice(guid(3)), "D:": GPTDevice(guid(4))}}
	letters := map[string]int{"C:": 3, "D:": 4}
	if _, gone := dead["SYSTEM"]; gone {
		delete(letters, "D:")
	}
	return newMachine(disks(gpt(
		diskgen.Part{GUID: guid(3), Content: volume("Windows", w.On("C:"))},
		diskgen.Part{GUID: guid(4), Content: volume("Data", text(`Accounts\2023.xls`), ntfsgen.File(`Windows\readme.txt`, "no Windows"))},
	)), Installation{Windows: w, Volume: 3, Root: "Windows", Letters: letters})
}

// What becomes of a hive that dies.
func garbled(b []byte) []byte {
	b = slices.Clone(b)
	for i := range 4096 {
		b[i] = byte(i*7 + 13)
	}
	return b
}
func missing([]byte) []byte { return nil }
func empty([]byte) []byte   { return []byte{} }
func zeros(b []byte) []byte { return make([]byte, len(b)) }

// xp has its people in Documents and Settings.
func xp() *MachineDisks { return oneDisk(windowsXP()) }

// noRegistryXP is xp without SYSTEM and SOFTWARE.
func noRegistryXP() *MachineDisks {
	w := windowsXP()
	w.Dead = map[string]func([]byte) []byte{"SOFTWARE": missing, "SYSTEM": garbled}
	return oneDisk(w)
}

func windowsXP() *Windows {
	anna := Person{Name: "anna", Groups: []uint32{groupAdmins}, Files: []*ntfsgen.Node{
		text(`My Documents\letter of anna.txt`), text(`Desktop\anna.txt`), text(`Local Settings\Application Data\Mail\inbox.dbx`),
	}}
	return &Windows{Edition: WindowsXP, Computer: "OLDTIMER", Users: []Person{anna}}
}

// twoWindows: each has C: for itself and D: for the other.
func twoWindows() *MachineDisks {
	ten := &Windows{Edition: Windows10, Computer: "TEN-PC", Users: []Person{person("anna")},
		Devices: map[string][]byte{"C:": GPTDevice(guid(3)), "D:": GPTDevice(guid(4))}}
	eleven := &Windows{Edition: Windows11, Computer: "ELEVEN-PC", Users: []Person{person("bob")},
		Devices: map[string][]byte{"C:": GPTDevice(guid(4)), "D:": GPTDevice(guid(3))}}
	return newMachine(disks(gpt(
		diskgen.Part{GUID: guid(3), Content: volume("Ten", ten.On("C:"))},
		diskgen.Part{GUID: guid(4), Content: volume("Eleven", eleven.On("C:"))},
	)),
		Installation{Windows: ten, Volume: 3, Root: "Windows", Letters: map[string]int{"C:": 3, "D:": 4}},
		Installation{Windows: eleven, Volume: 4, Root: "Windows", Letters: map[string]int{"C:": 4, "D:": 3}})
}

// swapped: WinPE letters the data before the Windows; the user's documents
// are on D:, a profile is on E:, which is another disk, and F: is gone.
func swapped() *MachineDisks {
	const first, second, third = mib, 8 * mib, 2 * mib
	anna := person("anna", groupAdmins)
	anna.Registry = func(root *hivegen.Key) {
		f := root.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`)
		f.Values = slices.DeleteFunc(f.Values, func(v hivegen.Value) bool { return v.Name == "Personal" })
		f.Add(hivegen.ExpandSZ("Personal", `D:\Documents of anna`))
	}
	bob := person("bob")
	bob.Profile = `E:\Profiles\bob`
	w := &Windows{Edition: Windows10, Computer: "SWAPPED-PC", Users: []Person{anna, bob}, Devices: map[string][]byte{
		"C:": MBRDevice(signature, second), "D:": MBRDevice(signature, first), "E:": MBRDevice(signature+1, third), "F:": MBRDevice(0xDEADBEEF, mib),
	}}
	return newMachine(disks(
		diskgen.Disk{Signature: signature, Parts: []diskgen.Part{
			{Start: first, Content: volume("Data", text(`Documents of anna\on drive D.txt`), w.On("D:"))},
			{Start: second, Active: true, Content: volume("Windows", w.On("C:"))},
		}},
		diskgen.Disk{Signature: signature + 1, Parts: []diskgen.Part{{Start: third, Content: volume("More", text("on drive E.txt"), w.On("E:"))}}},
	), Installation{Windows: w, Volume: 2, Root: "Windows", Letters: map[string]int{"C:": 2, "D:": 1, "E:": 3}, Missing: []string{"F:"}})
}

// mounted: a volume without a letter stands in the folder C:\Data. Its GUID
// is that of its partition.
func mounted() *MachineDisks {
	w := &Windows{Edition: Windows11, Computer: "MOUNT-PC", Users: []Person{person("anna")}, Devices: map[string][]byte{"C:": GPTDevice(guid(3))},
		Files: []*ntfsgen.Node{ntfsgen.MountPoint("Data", guid(4)), ntfsgen.MountPoint(`Users\anna\Documents\gone`, guid(99))}}
	return newMachine(disks(gpt(
		diskgen.Part{GUID: guid(3), Content: volume("Windows", w.On("C:"))},
		diskgen.Part{GUID: guid(4), Content: volume("Data", text(`Projects\plan.txt`))},
	)), Installation{Windows: w, Volume: 3, Root: "Windows", Letters: map[string]int{"C:": 3}, Mounts: map[string]int{`C:\Data`: 4}})
}

// mountedMBR: the same on an MBR disk. The volume in C:\Data is named by an
// entry of MountedDevices, that in C:\Archive by a GUID that Windows 10 makes
// of the signature and the offset.
func mountedMBR() *MachineDisks {
	const first, second, third = mib, 8 * mib, 16 * mib
	const named = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
	w := &Windows{Edition: Windows10, Computer: "MOUNT-PC", Users: []Person{person("anna")}, Devices: map[string][]byte{
		"C:": MBRDevice(signature, first), "Volume{" + named + "}": MBRDevice(signature, second),
	}, Files: []*ntfsgen.Node{
		ntfsgen.MountPoint("Data", named),
		ntfsgen.MountPoint("Archive", fmt.Sprintf("%08x-0000-0000-0000-%s", signature, "000100000000")), // 16 MiB, the last eight bytes little-endian
	}}
	return newMachine(disks(diskgen.Disk{Signature: signature, Parts: []diskgen.Part{
		{Start: first, Active: true, Content: volume("Windows", w.On("C:"))},
		{Start: second, Content: volume("Data", text(`Projects\plan.txt`))},
		{Start: third, Content: volume("Archive", text(`2019\old plan.txt`))},
	}}), Installation{Windows: w, Volume: 1, Root: "Windows", Letters: map[string]int{"C:": 1}, Mounts: map[string]int{`C:\Data`: 2, `C:\Archive`: 3}})
}

// windowsOld: Windows 11, of which hives may be dead, over three others. Windows.old is of an upgrade
// that took anna's folder along and left a skeleton of bob's; the other two are
// whole, of clean installations.
func windowsOld(dead map[string]func([]byte) []byte) *MachineDisks {
	devices := map[string][]byte{"C:": GPTDevice(guid(3))}
	const domain = "S-1-5-21-1111111111-222222222-333333333-1104"
	live := &Windows{Edition: Windows11, Computer: "NEW-PC", Devices: devices, Dead: dead, Users: []Person{person("anna", groupAdmins), {SID: domain, Name: "carla", Files: []*ntfsgen.Node{text(`Documents\letter of carla.txt`)}}},
		Registry: func(hive string, root *hivegen.Key) {
			if hive == "SYSTEM" {
				root.At("Setup").Add(hivegen.D("UninstallWindow", 10), hivegen.D("UninstallActive", 1))
				root.At(`Setup\Source OS (Updated on 5/4/2024 08:00:00)`).Add(hivegen.SZ("ProductName", Windows10.ProductName), hivegen.SZ("CurrentBuildNumber", "19045"))
			}
		}}
	live.complete()
	upgraded := &Windows{Edition: Windows10, Computer: "NEW-PC", MachineSID: live.MachineSID, Devices: devices, Users: []Person{
		{Name: "anna", NoFolder: true}, {SID: domain, Name: "carla", NoFolder: true}, {SID: live.MachineSID + "-1007", Name: "bob", NoHive: true},
	}}
	seven := &Windows{Edition: Windows7, Computer: "SEVEN-PC", Devices: devices, Users: []Person{person("anna"), person("dora", groupAdmins)}}
	xp := &Windows{Edition: WindowsXP, Computer: "XP-PC", Users: []Person{{Name: "emil", Files: []*ntfsgen.Node{text(`My Documents\letter of emil.txt`)}}},
		Devices: map[string][]byte{"C:": MBRDevice(signature, mib)}}
	made := ntfsgen.At(hivegen.DefaultTime - 4*24*3600*10_000_000) // four days before the rest
	v := volume("Windows", live.On("C:"), upgraded.In("Windows.old", made), seven.In("Windows.old(1)"), xp.In("Windows.old.000"))
	c := map[string]int{"C:": 3}
	old := func(w *Windows, folder string) Installation {
		return Installation{Windows: w, Volume: 3, Root: folder + w.Dir[2:], Old: folder, Letters: c}
	}
	up := old(upgraded, "Windows.old")
	up.Moved = []string{"anna", "carla"}
	return newMachine(disks(gpt(diskgen.Part{GUID: guid(3), Content: v})),
		Installation{Windows: live, Volume: 3, Root: "Windows", Letters: c}, up, old(seven, "Windows.old(1)"), old(xp, "Windows.old.000"))
}

// dirty: what was written last is in the transaction logs only: the name of
// the computer, a user's profile, an account, a value of a user.
func dirty(e Edition, oldLogs bool) *MachineDisks {
	anna := person("anna")
	if e.CurrentVersion < "6" {
		anna.Files = []*ntfsgen.Node{text(`My Documents\letter of anna.txt`)}
	}
	w := &Windows{Edition: e, Computer: "STALE-PC", Users: []Person{anna}, OldLogs: oldLogs}
	w.Later = func(hive string, root *hivegen.Key) {
		switch hive {
		case "SYSTEM":
			k := root.At(`ControlSet001\Control\ComputerName\ComputerName`)
			k.Values = []hivegen.Value{hivegen.SZ("ComputerName", DirtyComputer)}
		case "SOFTWARE":
			root.At(`Microsoft\Windows NT\CurrentVersion`).Add(hivegen.SZ("RegisteredOrganization", "only in the log"))
		case "NTUSER.DAT anna":
			root.At("Environment").Add(hivegen.SZ("LATER", "only in the log"))
		}
	}
	return oneDisk(w)
}

// DirtyComputer is the computer's name on the dirty machines, once their
// logs are replayed.
const DirtyComputer = "FRESH-PC"

// german: built-in groups have the names that a German Windows gives them,
// one of them has a blank and one an ampersand.
func german() *MachineDisks {
	w := &Windows{Edition: Windows10, Computer: "BÜRO-PC", Users: []Person{person("jürgen", groupAdmins), person("käthe & co", groupRemote)},
		GroupNames: map[uint32]string{groupAdmins: "Administratoren", groupUsers: "Benutzer", groupGuests: "Gäste", groupRemote: "Remotedesktopbenutzer", 562: "Distributed COM-Benutzer"},
		Registry: func(hive string, root *hivegen.Key) {
			if hive == "SYSTEM" {
				k := root.At(`ControlSet001\Control\Nls\Language`)
				k.Values = []hivegen.Value{hivegen.SZ("Default", "0407"), hivegen.SZ("InstallLanguage", "0407")}
			}
		}}
	w.complete()
	w.Groups = []hivegen.Group{{RID: 1010, Name: "Lager & Versand", Description: "Wer ins Lager darf", Members: []string{w.Users[0].SID}}}
	return oneDisk(w)
}
