package testimages

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// An Edition is a version of Windows as SOFTWARE tells it.
type Edition struct {
	// Name is what people call it; it is what a program should say.
	Name string
	// ProductName and what follows are the values of CurrentVersion.
	ProductName      string
	EditionID        string
	InstallationType string
	CurrentVersion   string // "6.3"
	Build            int
	UBR              int
	DisplayVersion   string
	CSDVersion       string
	BuildLab         string // with %s for the architecture
}

// Editions.
var (
	WindowsXP    = Edition{"Windows XP Professional", "Microsoft Windows XP", "", "", "5.1", 2600, 0, "", "Service Pack 3", "2600.xpsp.080413-2111"}
	WindowsVista = Edition{"Windows Vista Ultimate", "Windows Vista (TM) Ultimate", "Ultimate", "", "6.0", 6002, 0, "", "Service Pack 2", "6002.18005.%s.lh_sp2rtm.090410-1830"}
	Windows7     = Edition{"Windows 7 Professional", "Windows 7 Professional", "Professional", "Client", "6.1", 7601, 24384, "", "Service Pack 1", "7601.24384.%s.win7sp1_ldr_escrow.190220-1800"}
	Windows81    = Edition{"Windows 8.1 Pro", "Windows 8.1 Pro", "Professional", "Client", "6.3", 9600, 20778, "", "", "9600.19853.%s.winblue_ltsb_escrow.200916-1750"}
	Windows10    = Edition{"Windows 10 Pro", "Windows 10 Pro", "Professional", "Client", "6.3", 19045, 4291, "22H2", "", "19041.1.%s.vb_release.191206-1406"}
	Windows11    = Edition{"Windows 11 Pro", "Windows 10 Pro", "Professional", "Client", "6.3", 22631, 3447, "23H2", "", "22621.1.%s.ni_release.220506-1250"}
	Server2022   = Edition{"Windows Server 2022 Standard", "Windows Server 2022 Standard", "ServerStandard", "Server", "6.3", 20348, 2322, "21H2", "", "20348.1.%s.fe_release.210507-1500"}
)

// A Windows describes an installation. The literal is what a test compares
// with; the zero values of most fields are good.
type Windows struct {
	Edition  Edition
	Arch     string // "AMD64", "x86", "ARM64"; "" is AMD64, or x86 for XP
	Dir      string // "" is C:\Windows, or C:\WINDOWS for XP
	Computer string
	// MachineSID is the SID of the machine; "" is made up of its name.
	MachineSID string
	Users      []Person
	// Groups are local groups besides the built-in ones.
	Groups []hivegen.Group
	// GroupNames are the names of built-in groups by RID, nil is English.
	GroupNames map[uint32]string
	// Devices are the values of MountedDevices by letter ("C:") or volume
	// ("Volume{…}"): GPTDevice, MBRDevice.
	Devices map[string][]byte
	// Registry adds to the trees of the hives: SYSTEM, SOFTWARE, SAM, SECURITY, DEFAULT.
	Registry func(hive string, root *hivegen.Key)
	// Later adds what was written last and is in the transaction logs only,
	// also to NTUSER.DAT (hive is "NTUSER.DAT" and the name of the user). A hive that it
	// leaves alone is clean.
	Later func(hive string, root *hivegen.Key)
	// Dead are hives of the machine that are of no use, by name ("SYSTEM"): what
	// stands in the place of the file that would be there, nil for no file.
	// Their logs are empty.
	Dead map[string]func(whole []byte) []byte
	// OldLogs makes the logs those of Windows 8 and before.
	OldLogs bool
	// Files are further files on the system drive.
	Files []*ntfsgen.Node
}

// A Person is a user of an installation.
type Person struct {
	SID  string // "" is the machine's SID and 1001, 1002 …
	Name string // of the account; of a SID of another domain just for the test to know
	// FullName, Comment and Internet (mail address) stand in the SAM.
	FullName, Comment, Internet string
	Control                     uint16 // account control bits, 0 is a normal account
	// NoAccount leaves the user out of the SAM; users of other domains are
	// not in it anyway.
	NoAccount bool
	// Groups are the RIDs of built-in groups; nil is 545, Users.
	Groups []uint32

	// Profile is the folder; "" is Users\Name on the system drive.
	Profile string
	// Key is the name of the key in ProfileList; "" is the SID. "-" is no key.
	Key   string
	State uint32
	// LastUsed is a FILETIME, 0 is hivegen.DefaultTime.
	LastUsed uint64
	// Registry adds to NTUSER.DAT, Classes to UsrClass.dat.
	Registry, Classes func(root *hivegen.Key)
	// NoFolder leaves the profile folder out, NoHive NTUSER.DAT and
	// UsrClass.dat. Hive stands for NTUSER.DAT when it is not nil.
	NoFolder, NoHive bool
	Hive             []byte
	// Owner is the SID that owns the folder; "" is SID.
	Owner string
	// Files are the files in the profile folder.
	Files []*ntfsgen.Node
	// Added is what ProfileList has besides.
	Added []hivegen.Value
}

// Groups that Windows has everywhere.
const (
	groupAdmins  = 544
	groupUsers   = 545
	groupGuests  = 546
	groupRemote  = 555
	ridAdmin     = 500
	ridGuest     = 501
	firstUserRID = 1001
)

var englishGroups = map[uint32]string{
	groupAdmins: "Administrators", groupUsers: "Users", groupGuests: "Guests", groupRemote: "Remote Desktop Users",
}

// complete fills in what zero values stand for. It may be called often.
func (w *Windows) complete() {
	w.Arch = cmp.Or(w.Arch, map[bool]string{true: "x86", false: "AMD64"}[w.xp()])
	w.Dir = cmp.Or(w.Dir, map[bool]string{true: `C:\WINDOWS`, false: `C:\Windows`}[w.xp()])
	if w.MachineSID == "" {
		h := hivegen.Hash(w.Computer)
		w.MachineSID = fmt.Sprintf("S-1-5-21-%d-%d-%d", h, h^0x5a5a5a5a, h>>3)
	}
	if w.GroupNames == nil {
		w.GroupNames = englishGroups
	}
	w.Users = slices.Clone(w.Users)
	for i := range w.Users {
		p := &w.Users[i]
		p.SID = cmp.Or(p.SID, fmt.Sprintf("%s-%d", w.MachineSID, firstUserRID+i))
		p.Profile = cmp.Or(p.Profile, w.Profiles()+`\`+p.Name)
		p.Key = cmp.Or(p.Key, p.SID)
		p.LastUsed = cmp.Or(p.LastUsed, hivegen.DefaultTime)
		p.Owner = cmp.Or(p.Owner, p.SID)
		if p.Groups == nil {
			p.Groups = []uint32{groupUsers}
		}
	}
}

func (w *Windows) xp() bool   { return w.Edition.CurrentVersion < "6" }
func (w *Windows) wide() bool { return w.Arch != "x86" }

// Drive is the letter of the system drive with its colon.
func (w *Windows) Drive() string { return cmp.Or(w.Dir, "C:")[:2] }

// Profiles is the folder of the profiles.
func (w *Windows) Profiles() string {
	if w.xp() {
		return w.Drive() + `\Documents and Settings`
	}
	return w.Drive() + `\Users`
}

// User returns a user by name, with what zero values stand for filled in.
func (w *Windows) User(name string) Person {
	w.complete()
	i := slices.IndexFunc(w.Users, func(p Person) bool { return p.Name == name })
	if i < 0 {
		panic("testimages: there is no user " + name)
	}
	return w.Users[i]
}

// GPTDevice is the data of a MountedDevices value for a partition of a GPT.
func GPTDevice(guid string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(guid, "-", ""))
	if err != nil || len(b) != 16 {
		panic("testimages: " + guid + " is no GUID")
	}
	// The first three fields of a GUID are little-endian.
	slices.Reverse(b[:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	return append([]byte("DMIO:ID:"), b...)
}

// MBRDevice is the data of a MountedDevices value for a partition of an MBR:
// the signature of the disk and the first byte.
func MBRDevice(signature uint32, start int64) []byte {
	return le.AppendUint64(le.AppendUint32(nil, signature), uint64(start))
}

// On returns what the installation has on the drive with that letter, which
// is written "C:".
func (w *Windows) On(drive string) []*ntfsgen.Node {
	w.complete()
	var nodes []*ntfsgen.Node
	if drive == w.Drive() {
		nodes = append(nodes, w.systemFiles()...)
		nodes = append(nodes, w.Files...)
	}
	for _, p := range w.Users {
		if rest, ok := strings.CutPrefix(p.Profile, drive+`\`); ok && !p.NoFolder {
			nodes = append(nodes, w.profile(p, rest))
		}
	}
	return nodes
}

// In returns what On gives for the system drive, all inside of a folder such
// as Windows.old.
func (w *Windows) In(folder string, parts ...any) *ntfsgen.Node {
	return ntfsgen.Dir(folder, append([]any{w.On(w.Drive())}, parts...)...)
}

func (w *Windows) machine() uint16 {
	switch w.Arch {
	case "x86":
		return machineI386
	case "ARM64":
		return machineARM64
	}
	return machineAMD64
}

// programVersion is that of the kernel.
func (w *Windows) programVersion() string {
	e := w.Edition
	version := e.CurrentVersion
	if e.Build >= 10240 {
		version = "10.0"
	}
	return fmt.Sprintf("%s.%d.%d", version, e.Build, e.UBR)
}

// systemFiles are the folders that every Windows has.
func (w *Windows) systemFiles() []*ntfsgen.Node {
	dir := w.Dir[3:]
	system32, config := `System32`, `System32\config`
	if w.xp() {
		system32, config = `system32`, `system32\config`
	}
	windows := ntfsgen.Dir(dir, ntfsgen.SecuritySystem(),
		ntfsgen.File("explorer.exe", Program(w.machine(), w.programVersion())),
		ntfsgen.File(system32+`\ntoskrnl.exe`, Program(w.machine(), w.programVersion())),
		ntfsgen.File(system32+`\ntdll.dll`, Program(w.machine(), w.programVersion())),
		ntfsgen.File(system32+`\drivers\etc\hosts`, "127.0.0.1 localhost\r\n"),
		ntfsgen.Dir(config, w.hives()),
	)
	drive := w.Drive()
	nodes := []*ntfsgen.Node{windows, ntfsgen.Dir("Program Files", ntfsgen.Dir("Common Files"))}
	if w.wide() {
		windows.Add(ntfsgen.File(`SysWOW64\ntdll.dll`, Program(machineI386, w.programVersion())))
		nodes = append(nodes, ntfsgen.Dir("Program Files (x86)", ntfsgen.Dir("Common Files")))
	}
	profiles := w.Profiles()[3:]
	if w.xp() {
		return append(nodes, ntfsgen.Dir(profiles,
			ntfsgen.Dir(`All Users\Documents`), ntfsgen.Dir(`All Users\Application Data`), ntfsgen.Dir(`All Users\Desktop`),
			ntfsgen.File(`Default User\NTUSER.DAT`, hivegen.Build(w.ntuser(Person{Name: "Default User"}), w.hiveOptions("")))))
	}
	for _, name := range []string{"LocalService", "NetworkService"} {
		windows.Add(ntfsgen.File(`ServiceProfiles\`+name+`\NTUSER.DAT`, hivegen.Build(hivegen.K("ROOT"), w.hiveOptions(""))))
	}
	hide := ntfsgen.Attr(ntfsgen.Hidden | ntfsgen.System)
	return append(nodes,
		ntfsgen.Dir("ProgramData", ntfsgen.Attr(ntfsgen.Hidden),
			ntfsgen.Dir(`Microsoft\Windows\Start Menu\Programs`),
			ntfsgen.Junction("Application Data", drive+`\ProgramData`, hide, ntfsgen.SecurityNoListing())),
		ntfsgen.Junction("Documents and Settings", drive+`\Users`, hide, ntfsgen.SecurityNoListing()),
		ntfsgen.Dir(profiles,
			ntfsgen.Dir(`Public\Documents`), ntfsgen.Dir(`Public\Desktop`), ntfsgen.Dir(`Public\Downloads`),
			ntfsgen.File(`Default\NTUSER.DAT`, hivegen.Build(w.ntuser(Person{Name: "Default"}), w.hiveOptions(""))),
			ntfsgen.Junction("Default User", drive+`\Users\Default`, hide, ntfsgen.SecurityNoListing()),
			ntfsgen.SymlinkDir("All Users", drive+`\ProgramData`, hide, ntfsgen.SecurityNoListing())))
}

// hiveOptions are those of the hives of this Windows.
func (w *Windows) hiveOptions(file string) hivegen.Options {
	o := hivegen.Options{FileName: file}
	if w.xp() {
		o.Minor = 3
	}
	return o
}

// hive returns the files of a hive: itself and its logs.
func (w *Windows) hive(name, what, file string, tree func() *hivegen.Key, parts ...any) []*ntfsgen.Node {
	before := hivegen.Build(tree(), w.hiveOptions(file))
	logs := map[string][]byte{}
	if !w.xp() {
		logs[".LOG1"], logs[".LOG2"] = nil, nil
	}
	if w.Later != nil {
		root := tree()
		w.Later(what, root)
		if after := hivegen.Build(root, w.hiveOptions(file)); string(after) != string(before) {
			const sequence = 7
			if w.OldLogs {
				log := ".LOG1"
				if w.xp() {
					log = ".LOG"
				}
				logs[log] = hivegen.LogDIRT(before, hivegen.Sequence(after, sequence+1, sequence+1))
			} else {
				logs[".LOG1"] = hivegen.LogHvLE(sequence, before, after)
			}
			before = hivegen.Sequence(before, sequence+1, sequence)
		}
	}
	var nodes []*ntfsgen.Node
	if kill, dead := w.Dead[what]; dead {
		if before = kill(before); before == nil {
			return nil
		}
		for suffix := range logs {
			logs[suffix] = nil
		}
	}
	nodes = append(nodes, ntfsgen.File(name, append([]any{before}, parts...)...))
	for _, suffix := range slices.Sorted(maps.Keys(logs)) {
		nodes = append(nodes, ntfsgen.File(name+suffix, append([]any{logs[suffix], ntfsgen.Attr(ntfsgen.Hidden | ntfsgen.System)}, parts...)...))
	}
	return nodes
}

// hives are the files of config.
func (w *Windows) hives() []*ntfsgen.Node {
	var nodes []*ntfsgen.Node
	for _, h := range []struct {
		name string
		tree func() *hivegen.Key
	}{
		{"SYSTEM", w.systemHive}, {"SOFTWARE", w.softwareHive}, {"SAM", w.samHive}, {"SECURITY", Security},
		{"DEFAULT", func() *hivegen.Key { return w.ntuser(Person{Name: "Default"}) }},
	} {
		name := h.name
		if w.xp() && name != "SAM" && name != "SECURITY" {
			name = strings.ToLower(name)
		}
		tree := func() *hivegen.Key {
			root := h.tree()
			if w.Registry != nil {
				w.Registry(h.name, root)
			}
			return root
		}
		nodes = append(nodes, w.hive(name, h.name, `\SystemRoot\System32\Config\`+h.name, tree)...)
	}
	return nodes
}

func (w *Windows) systemHive() *hivegen.Key {
	root := hivegen.K("CMI-CreateHive{2A7FB991-7BBE-4F9D-B91E-7CB51D4737F5}")
	root.At("Select").Add(hivegen.D("Current", 1), hivegen.D("Default", 1), hivegen.D("Failed", 0), hivegen.D("LastKnownGood", 1))
	devices := root.At("MountedDevices")
	for _, name := range slices.Sorted(maps.Keys(w.Devices)) {
		value := `\DosDevices\` + name
		if strings.HasPrefix(name, "Volume{") {
			value = `\??\` + name
		}
		devices.Add(hivegen.B(value, w.Devices[name]))
	}
	root.At("Setup").Add(hivegen.D("SystemSetupInProgress", 0), hivegen.SZ("CmdLine", ""))
	cs := root.At("ControlSet001")
	cs.At(`Control\ComputerName\ComputerName`).Add(hivegen.SZ("ComputerName", w.Computer))
	product := "WinNT"
	if w.Edition.InstallationType == "Server" {
		product = "ServerNT"
	}
	cs.At(`Control\ProductOptions`).Add(hivegen.SZ("ProductType", product))
	cs.At(`Control\Session Manager\Environment`).Add(
		hivegen.SZ("OS", "Windows_NT"), hivegen.SZ("PROCESSOR_ARCHITECTURE", w.Arch), hivegen.ExpandSZ("windir", `%SystemRoot%`),
		hivegen.ExpandSZ("Path", `%SystemRoot%\system32;%SystemRoot%`), hivegen.ExpandSZ("TEMP", `%SystemRoot%\TEMP`), hivegen.ExpandSZ("TMP", `%SystemRoot%\TEMP`))
	cs.At(`Control\TimeZoneInformation`).Add(hivegen.SZ("TimeZoneKeyName", "W. Europe Standard Time"), hivegen.D("Bias", 0xffffffc4), hivegen.D("ActiveTimeBias", 0xffffff88))
	cs.At(`Control\Nls\CodePage`).Add(hivegen.SZ("ACP", "1252"), hivegen.SZ("OEMCP", "850"))
	cs.At(`Control\Nls\Language`).Add(hivegen.SZ("Default", "0409"), hivegen.SZ("InstallLanguage", "0409"))
	cs.At(`Control\Windows`).Add(hivegen.B("ShutdownTime", le.AppendUint64(nil, hivegen.DefaultTime)))
	host := strings.ToLower(w.Computer)
	cs.At(`Services\Tcpip\Parameters`).Add(hivegen.SZ("Hostname", host), hivegen.SZ("NV Hostname", host), hivegen.SZ("Domain", ""))
	return root
}

func (w *Windows) softwareHive() *hivegen.Key {
	root := hivegen.K("CMI-CreateHive{199DAFC2-6F16-4946-BF90-5A3FC3A60902}")
	e, drive := w.Edition, w.Drive()
	build := strconv.Itoa(e.Build)
	lab := e.BuildLab
	if strings.Contains(lab, "%s") {
		lab = fmt.Sprintf(lab, strings.ToLower(w.Arch)+"fre")
	}
	cv := root.At(`Microsoft\Windows NT\CurrentVersion`).Add(
		hivegen.SZ("ProductName", e.ProductName), hivegen.SZ("CurrentVersion", e.CurrentVersion), hivegen.SZ("CurrentBuildNumber", build),
		hivegen.D("InstallDate", 1622534400), hivegen.SZ("SystemRoot", w.Dir), hivegen.SZ("PathName", w.Dir), hivegen.SZ("RegisteredOwner", "somebody"))
	current := build
	if w.xp() {
		current = "1.511.1 () (Obsolete data - do not use)"
		cv.Add(hivegen.SZ("BuildLab", lab))
	} else {
		cv.Add(hivegen.SZ("BuildLabEx", lab), hivegen.SZ("EditionID", e.EditionID))
	}
	cv.Add(hivegen.SZ("CurrentBuild", current))
	for _, v := range [][2]string{{"InstallationType", e.InstallationType}, {"CSDVersion", e.CSDVersion}, {"DisplayVersion", e.DisplayVersion}} {
		if v[1] != "" {
			cv.Add(hivegen.SZ(v[0], v[1]))
		}
	}
	if e.Build >= 10240 {
		cv.Add(hivegen.D("CurrentMajorVersionNumber", 10), hivegen.D("CurrentMinorVersionNumber", 0), hivegen.D("UBR", uint32(e.UBR)))
	}
	list := cv.At("ProfileList")
	if w.xp() {
		list.Add(hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Documents and Settings`), hivegen.SZ("DefaultUserProfile", "Default User"), hivegen.SZ("AllUsersProfile", "All Users"))
	} else {
		list.Add(hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Users`), hivegen.ExpandSZ("Default", `%SystemDrive%\Users\Default`),
			hivegen.ExpandSZ("Public", `%SystemDrive%\Users\Public`), hivegen.ExpandSZ("ProgramData", `%SystemDrive%\ProgramData`))
		for _, s := range [][2]string{{"S-1-5-18", `system32\config\systemprofile`}, {"S-1-5-19", `ServiceProfiles\LocalService`}, {"S-1-5-20", `ServiceProfiles\NetworkService`}} {
			list.At(s[0]).Add(hivegen.ExpandSZ("ProfileImagePath", `%systemroot%\`+s[1]), hivegen.D("Flags", 0xC), hivegen.D("State", 0), hivegen.B("Sid", hivegen.SID(s[0])))
		}
	}
	for _, p := range w.Users {
		if p.Key == "-" {
			continue
		}
		k := list.At(p.Key).Add(hivegen.ExpandSZ("ProfileImagePath", p.Profile), hivegen.D("Flags", 0), hivegen.D("State", p.State), hivegen.B("Sid", hivegen.SID(p.SID)))
		load := "ProfileLoadTime"
		if e.Build >= 17763 {
			load = "LocalProfileLoadTime"
		}
		k.Add(hivegen.D(load+"Low", uint32(p.LastUsed)), hivegen.D(load+"High", uint32(p.LastUsed>>32)))
		k.Add(p.Added)
	}
	version := root.At(`Microsoft\Windows\CurrentVersion`)
	version.Add(hivegen.SZ("ProgramFilesDir", drive+`\Program Files`), hivegen.SZ("CommonFilesDir", drive+`\Program Files\Common Files`))
	if w.wide() {
		version.Add(hivegen.SZ("ProgramFilesDir (x86)", drive+`\Program Files (x86)`), hivegen.SZ("CommonFilesDir (x86)", drive+`\Program Files (x86)\Common Files`),
			hivegen.SZ("ProgramW6432Dir", drive+`\Program Files`))
		root.At(`Wow6432Node\Microsoft\Windows\CurrentVersion`).Add(hivegen.SZ("ProgramFilesDir", drive+`\Program Files (x86)`))
	}
	return root
}

// SAM returns the accounts of the machine.
func (w *Windows) SAM() *hivegen.SAM {
	w.complete()
	s := &hivegen.SAM{MachineSID: w.MachineSID, Aliases: w.Groups, Users: []hivegen.User{
		{RID: ridAdmin, Name: "Administrator", Control: hivegen.NormalAccount | hivegen.Disabled},
		{RID: ridGuest, Name: "Guest", Control: hivegen.NormalAccount | hivegen.Disabled},
	}}
	members := map[uint32][]string{groupAdmins: {w.MachineSID + "-500"}, groupGuests: {w.MachineSID + "-501"}}
	for _, p := range w.Users {
		known := func(m string) bool { return m == p.SID }
		for _, rid := range p.Groups {
			if !slices.ContainsFunc(members[rid], known) {
				members[rid] = append(members[rid], p.SID)
			}
		}
		rid, local := strings.CutPrefix(p.SID, w.MachineSID+"-")
		n, err := strconv.ParseUint(rid, 10, 32)
		if !local || err != nil || p.NoAccount {
			continue
		}
		s.Users = append(s.Users, hivegen.User{
			RID: uint32(n), Name: p.Name, FullName: p.FullName, Comment: p.Comment, InternetName: p.Internet, Control: p.Control, LastLogon: p.LastUsed, Logons: 5,
		})
	}
	for _, rid := range slices.Sorted(maps.Keys(w.GroupNames)) {
		s.Builtin = append(s.Builtin, hivegen.Group{RID: rid, Name: w.GroupNames[rid], Members: members[rid]})
	}
	return s
}

func (w *Windows) samHive() *hivegen.Key { return w.SAM().Root() }

// profile returns a profile folder, which is at path on its drive.
func (w *Windows) profile(p Person, path string) *ntfsgen.Node {
	dir := ntfsgen.Dir(path, ntfsgen.SecurityUser(p.Owner))
	hide := ntfsgen.Attr(ntfsgen.Hidden)
	classes := `AppData\Local\Microsoft\Windows`
	folders := []string{"Desktop", "Documents", "Downloads", "Pictures", "Music", "Videos", "Favorites", `AppData\Roaming`, `AppData\Local\Temp`, `AppData\LocalLow`}
	links := [][2]string{{"Application Data", `AppData\Roaming`}, {"Local Settings", `AppData\Local`}, {"My Documents", "Documents"},
		{`AppData\Local\Application Data`, `AppData\Local`}, {`Documents\My Pictures`, "Pictures"}}
	if w.xp() {
		classes = `Local Settings\Application Data\Microsoft\Windows`
		folders = []string{"Desktop", "My Documents", "Favorites", "Application Data", `Local Settings\Application Data`, `Local Settings\Temp`}
		links = nil
	}
	for _, f := range folders {
		dir.Add(ntfsgen.Dir(f))
	}
	for _, l := range links {
		dir.Add(ntfsgen.Junction(l[0], p.Profile+`\`+l[1], ntfsgen.Attr(ntfsgen.Hidden|ntfsgen.System), ntfsgen.SecurityNoListing()))
	}
	switch {
	case p.Hive != nil:
		dir.Add(ntfsgen.File("NTUSER.DAT", p.Hive, hide))
	case !p.NoHive:
		dir.Add(w.hive("NTUSER.DAT", "NTUSER.DAT "+p.Name, `\??\`+p.Profile+`\ntuser.dat`, func() *hivegen.Key { return w.ntuser(p) }, hide))
		root := hivegen.K(p.SID + "_Classes")
		if p.Classes != nil {
			p.Classes(root)
		}
		dir.Add(ntfsgen.File(classes+`\UsrClass.dat`, hivegen.Build(root, hivegen.Options{Minor: 3}), hide))
	}
	return dir.Add(p.Files)
}

// ntuser returns the tree of NTUSER.DAT.
func (w *Windows) ntuser(p Person) *hivegen.Key {
	root := hivegen.K("ROOT")
	folders := root.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`)
	list := [][2]string{{"AppData", `AppData\Roaming`}, {"Local AppData", `AppData\Local`}, {"Desktop", "Desktop"}, {"Personal", "Documents"}, {"My Music", "Music"},
		{"My Pictures", "Pictures"}, {"My Video", "Videos"}, {"Favorites", "Favorites"}, {"{374DE290-123F-4565-9164-39C4925E467B}", "Downloads"}}
	if w.xp() {
		list = [][2]string{{"AppData", "Application Data"}, {"Local AppData", `Local Settings\Application Data`}, {"Desktop", "Desktop"}, {"Personal", "My Documents"},
			{"My Pictures", `My Documents\My Pictures`}, {"Favorites", "Favorites"}}
	}
	for _, f := range list {
		folders.Add(hivegen.ExpandSZ(f[0], `%USERPROFILE%\`+f[1]))
	}
	root.At("Environment").Add(hivegen.ExpandSZ("TEMP", `%USERPROFILE%\AppData\Local\Temp`))
	root.At(`Control Panel\International`).Add(hivegen.SZ("LocaleName", "en-US"))
	if p.Registry != nil {
		p.Registry(root)
	}
	return root
}
