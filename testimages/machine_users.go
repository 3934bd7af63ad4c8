package testimages

import (
	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// Identities on the machine with the broken profiles, a Windows 10 in German
// that is a member of the domain KONTOR and of an Entra tenant. Each profile
// that has a folder holds the file Documents\NAME.txt, unless it is said
// otherwise.
const (
	ProfilesSID  = "S-1-5-21-1111111111-222222222-333333333"    // the machine
	KontorSID    = "S-1-5-21-444444444-555555555-666666666"     // the domain
	ProfilesName = "WERKSTATT-7"                                // the computer
	FionaSID     = "S-1-12-1-3000000001-1200000002-300000003-4" // Entra: fiona@kontor.example
)

// BrokenProfiles returns what is on the drives C: and D: of a machine on
// which profiles are broken in every way that Windows and people break them:
//
//	-1001 anna     the key was put aside (.bak), C:\Users\TEMP is in its place
//	-1002 bert     two keys, with and without .bak, for one folder
//	-1003 clara    no key; she owns her files
//	-1004 dora     no key; Administratoren own her files, the access list names her
//	-1005 emil     no key, no NTUSER.DAT; UsrClass.dat bears his SID
//	-1006 frida    no folder
//	-1007 gustav   NTUSER.DAT is damaged, and there is no copy
//	-1008 heidi    NTUSER.DAT is missing
//	-1009 ida      the folder is on D:, a junction stands for it in C:\Users
//	-1010 jan      the key names the folder through C:\Dokumente und Einstellungen;
//	               a file with two names, a junction that leads in a circle
//	-1011 karl     Documents on a server, Desktop in OneDrive, Music on D:,
//	               Pictures a junction to D:, Videos on a network drive
//	-1012 deleted  not in the SAM any more
//	-500           two keys of different accounts, its own and that of lena,
//	               for C:\Users\lena, which is hers (KontorSID-1106)
//	KontorSID-1105 a domain account whose name stands nowhere: C:\Users\mm.KONTOR
//	KontorSID-1107 as that, and the profile is a temporary one: C:\Users\TEMP.KONTOR
//	FionaSID       an account of Entra, C:\Users\FionaFuchs
//	nobody's       C:\Users\fund: an NTUSER.DAT and no hint whose;
//	               C:\Users\Tausch: files and no profile
func BrokenProfiles() (c, d []*ntfsgen.Node) {
	local := func(rid string) string { return ProfilesSID + "-" + rid }
	user := func(name, sid string, parts ...any) *ntfsgen.Node {
		n := ntfsgen.Dir(name, ntfsgen.SecurityUser(sid), ntfsgen.File(`Documents\`+name+".txt", "of "+name), ntfsgen.Dir("AppData"))
		return n.Add(parts...)
	}
	hive := func(parts ...any) *ntfsgen.Node {
		return ntfsgen.File("NTUSER.DAT", hivegen.Build(hivegen.K("ROOT", parts...), hivegen.Options{}))
	}
	classes := func(root string) *ntfsgen.Node {
		return ntfsgen.File(`AppData\Local\Microsoft\Windows\UsrClass.dat`, hivegen.Build(hivegen.K(root), hivegen.Options{}))
	}
	ofAdmins := func(sid string) ntfsgen.Security {
		return hivegen.Descriptor("S-1-5-32-544", "S-1-5-18", 0x1000, hivegen.ACE{SID: "S-1-5-18", Mask: 0x1f01ff, Flags: 3},
			hivegen.ACE{SID: "S-1-5-32-544", Mask: 0x1f01ff, Flags: 3}, hivegen.ACE{SID: sid, Mask: 0x1f01ff, Flags: 3})
	}
	system := func(n *ntfsgen.Node) { n.Security = ntfsgen.SecuritySystem() }

	karl := hivegen.K("ROOT", hivegen.Path(`Network\V`, hivegen.SZ("RemotePath", `\\nas\video`)))
	karl.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`).Add(
		hivegen.ExpandSZ("Personal", `\\fs01\home\%USERNAME%`), hivegen.SZ("Desktop", `C:\Users\karl\OneDrive - Kontor\Desktop`),
		hivegen.SZ("My Music", `D:\Musik`), hivegen.ExpandSZ("My Pictures", `%USERPROFILE%\Pictures`), hivegen.SZ("My Video", `V:\karl`))
	karl.At(`Software\Microsoft\OneDrive\Accounts\Business1`).Add(
		hivegen.SZ("UserFolder", `C:\Users\karl\OneDrive - Kontor`), hivegen.SZ("UserEmail", "karl@kontor.example"))

	users := ntfsgen.Dir("Users", ntfsgen.SecuritySystem(),
		user("anna", local("1001"), hive(), classes(local("1001")+"_Classes")),
		ntfsgen.Dir("TEMP", ntfsgen.SecurityUser(local("1001")), hive(), ntfsgen.File(`Desktop\just now.txt`, "saved in the temporary profile")),
		user("bert", local("1002"), hive(hivegen.Path(`Network\Z`, hivegen.SZ("RemotePath", `\\fs01\bert`)))),
		user("clara", local("1003"), hive()),
		user("dora", local("1004"), ofAdmins(local("1004")), hive()),
		user("emil", local("1005"), system, classes(local("1005")+"_Classes")),
		user("gustav", local("1007"), ntfsgen.File("NTUSER.DAT", "this is no registry file")),
		user("heidi", local("1008")),
		ntfsgen.Junction("ida", `D:\Profile\ida`),
		user("jan", local("1010"), hive(), ntfsgen.Dir("Desktop"), ntfsgen.File(`Documents\two names.txt`, "12345", ntfsgen.Link(`Users\jan\Desktop\second name.txt`)),
			ntfsgen.Junction(`AppData\Local\Anwendungsdaten`, `C:\Users\jan\AppData\Local`, ntfsgen.SecurityNoListing())),
		ntfsgen.Dir("karl", ntfsgen.SecurityUser(local("1011")), ntfsgen.Dir("AppData"),
			ntfsgen.File("NTUSER.DAT", hivegen.Build(karl, hivegen.Options{})),
			ntfsgen.File(`Documents\left behind.txt`, "from before the redirection"),
			ntfsgen.File(`OneDrive - Kontor\Desktop\karl.txt`, "of karl", ntfsgen.CloudFile),
			ntfsgen.Placeholder(`OneDrive - Kontor\Desktop\only online.bin`, 5_000_000),
			ntfsgen.Junction("Pictures", `D:\Bilder`)),
		user("deleted", local("1012"), hive()),
		user("lena", KontorSID+"-1106", hive(), classes(KontorSID+"-1106_Classes")),
		user("mm.KONTOR", KontorSID+"-1105", hive()),
		ntfsgen.Dir("TEMP.KONTOR", ntfsgen.SecurityUser(KontorSID+"-1107"), hive()),
		user("FionaFuchs", FionaSID, hive()),
		user("fund", local("1099"), system, hive()),
		ntfsgen.File(`Tausch\list.txt`, "nobody's"),
		ntfsgen.File(`Default\NTUSER.DAT`, hivegen.Build(hivegen.K("ROOT"), hivegen.Options{})),
		ntfsgen.Dir("Public"),
		ntfsgen.Junction("Default User", `C:\Users\Default`, ntfsgen.SecurityNoListing()),
		ntfsgen.Junction("All Users", `C:\ProgramData`, ntfsgen.SecurityNoListing()),
	)
	c = []*ntfsgen.Node{
		ntfsgen.Dir("Windows", ntfsgen.SecuritySystem(), ntfsgen.Dir(`System32\config`,
			ntfsgen.File("SYSTEM", hivegen.Build(profilesSystem(), hivegen.Options{})),
			ntfsgen.File("SOFTWARE", hivegen.Build(profilesSoftware(), hivegen.Options{})),
			ntfsgen.File("SAM", ProfilesSAM().Hive()))),
		users,
		ntfsgen.Dir("ProgramData"),
		ntfsgen.Junction("Dokumente und Einstellungen", `C:\Users`, ntfsgen.SecurityNoListing()),
	}
	d = []*ntfsgen.Node{
		ntfsgen.Dir("Profile", user("ida", local("1009"), hive())),
		ntfsgen.File(`Musik\karl.mp3`, "of karl"),
		ntfsgen.File(`Bilder\karl.jpg`, "of karl"),
	}
	return c, d
}

// brokenProfiles is the machine of BrokenProfiles, whose installation has no
// literal of its users.
func brokenProfiles() *MachineDisks {
	c, d := BrokenProfiles()
	w := &Windows{Edition: Windows10, Computer: ProfilesName, MachineSID: ProfilesSID}
	return newMachine(disks(gpt(
		diskgen.Part{GUID: guid(3), Content: volume("Windows", c)},
		diskgen.Part{GUID: guid(4), Content: volume("Data", d)},
	)), Installation{Windows: w, Volume: 3, Root: "Windows", Letters: map[string]int{"C:": 3, "D:": 4}})
}

// ProfilesSAM returns the accounts of the machine of BrokenProfiles, with the
// names that a Windows in German gives its own.
func ProfilesSAM() *hivegen.SAM {
	s := &hivegen.SAM{MachineSID: ProfilesSID, AllUsers: "Kein", Users: []hivegen.User{
		{RID: 500, Name: "Administrator", Control: 0x211}, {RID: 501, Name: "Gast", Control: 0x215}, {RID: 503, Name: "Standardkonto", Control: 0x215},
	}}
	users := []string{"S-1-5-4", "S-1-5-11", KontorSID + "-513"}
	for i, name := range []string{"anna", "bert", "clara", "dora", "emil", "frida", "gustav", "heidi", "ida", "jan", "karl"} {
		u := hivegen.User{RID: 1001 + uint32(i), Name: name}
		s.Users = append(s.Users, u)
		users = append(users, ProfilesSID+"-10"+string([]byte{'0' + byte((1+i)/10), '0' + byte((1+i)%10)}))
	}
	s.Builtin = []hivegen.Group{
		{RID: 544, Name: "Administratoren", Members: []string{ProfilesSID + "-500", ProfilesSID + "-1001", KontorSID + "-512", FionaSID, "S-1-12-1-1-2-3-4"}},
		{RID: 545, Name: "Benutzer", Members: users},
		{RID: 546, Name: "Gäste", Members: []string{ProfilesSID + "-501"}},
		{RID: 551, Name: "Sicherungs-Operatoren"},
		{RID: 555, Name: "Remotedesktopbenutzer", Members: []string{KontorSID + "-1105"}},
		{RID: 568, Name: "IIS_IUSRS", Members: []string{"S-1-5-17"}},
		{RID: 581, Name: "System Managed Accounts Group", Members: []string{ProfilesSID + "-503"}},
	}
	s.Aliases = []hivegen.Group{{RID: 1020, Name: "Lager & Versand", Description: "darf drucken", Members: []string{ProfilesSID + "-1002", ProfilesSID + "-1012", KontorSID + "-1106"}}}
	return s
}

func profilesSystem() *hivegen.Key {
	k := hivegen.K("ROOT")
	k.At("Select").Add(hivegen.D("Current", 1))
	k.At("MountedDevices").Add(hivegen.B(`\DosDevices\C:`, GPTDevice(guid(3))), hivegen.B(`\DosDevices\D:`, GPTDevice(guid(4))))
	k.At(`ControlSet001\Control\ComputerName\ComputerName`).Add(hivegen.SZ("ComputerName", ProfilesName))
	k.At(`ControlSet001\Control\Session Manager\Environment`).Add(hivegen.SZ("PROCESSOR_ARCHITECTURE", "AMD64"))
	k.At(`ControlSet001\Services\Tcpip\Parameters`).Add(hivegen.SZ("Domain", "kontor.example"))
	return k
}

func profilesSoftware() *hivegen.Key {
	k := hivegen.K("ROOT")
	k.At(`Microsoft\Windows NT\CurrentVersion`).Add(hivegen.SZ("CurrentVersion", "6.3"), hivegen.D("CurrentMajorVersionNumber", 10), hivegen.D("CurrentMinorVersionNumber", 0),
		hivegen.SZ("CurrentBuildNumber", "19045"), hivegen.SZ("ProductName", "Windows 10 Pro"), hivegen.SZ("EditionID", "Professional"), hivegen.SZ("DisplayVersion", "22H2"),
		hivegen.SZ("InstallationType", "Client"), hivegen.SZ("SystemRoot", `C:\Windows`))
	k.At(`Microsoft\Windows NT\CurrentVersion\Winlogon`).Add(hivegen.SZ("CachePrimaryDomain", "KONTOR"))
	k.At(`Microsoft\IdentityStore\Cache\`+FionaSID+`\IdentityCache\`+FionaSID).Add(
		hivegen.SZ("UserName", "fiona@kontor.example"), hivegen.SZ("SAMName", "FionaFuchs"), hivegen.SZ("DisplayName", "Fiona Fuchs"))
	list := k.At(`Microsoft\Windows NT\CurrentVersion\ProfileList`).Add(hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Users`),
		hivegen.ExpandSZ("Default", `%SystemDrive%\Users\Default`), hivegen.ExpandSZ("Public", `%SystemDrive%\Users\Public`), hivegen.ExpandSZ("ProgramData", `%SystemDrive%\ProgramData`))
	key := func(name, dir string, values ...any) {
		list.At(name).Add(hivegen.ExpandSZ("ProfileImagePath", dir)).Add(values...)
	}
	key("S-1-5-18", `%systemroot%\system32\config\systemprofile`, hivegen.D("Flags", 0xc))
	key(ProfilesSID+"-1001.bak", `C:\Users\anna`, hivegen.D("State", 0x8000))
	key(ProfilesSID+"-1001", `C:\Users\TEMP`, hivegen.D("State", 0x800))
	key(ProfilesSID+"-1002", `C:\Users\bert`)
	key(ProfilesSID+"-1002.bak", `C:\Users\bert`, hivegen.D("State", 0x8000))
	key(ProfilesSID+"-1006", `C:\Users\frida`)
	key(ProfilesSID+"-1007", `C:\Users\gustav`)
	key(ProfilesSID+"-1008", `C:\Users\heidi`)
	key(ProfilesSID+"-1009", `C:\Users\ida`)
	key(ProfilesSID+"-1010", `C:\Dokumente und Einstellungen\jan`)
	key(ProfilesSID+"-1011", `C:\Users\karl`)
	key(ProfilesSID+"-1012", `C:\Users\deleted`)
	key(ProfilesSID+"-500", `C:\Users\lena`)
	guid := hivegen.SZ("Guid", "{01234567-89ab-cdef-0123-456789abcdef}")
	key(KontorSID+"-1105", `C:\Users\mm.KONTOR`, guid)
	key(KontorSID+"-1106", `C:\Users\lena`, guid)
	key(KontorSID+"-1107", `C:\Users\TEMP.KONTOR`, hivegen.D("State", 0x800))
	key(FionaSID, `C:\Users\FionaFuchs`)
	return k
}
