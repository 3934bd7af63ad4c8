//go:build linux

package main

import (
	"encoding/hex"
	"strings"

	"github.com/coldstate/coldstate/testimages"
	. "github.com/coldstate/coldstate/testimages/hivegen"
)

const configPath = `\SystemRoot\System32\Config\`

func build(root *Key, file string) string {
	return string(Build(root, Options{FileName: file}))
}

func software() *Key {
	root := K("CMI-CreateHive{199DAFC2-6F16-4946-BF90-5A3FC3A60902}")
	root.At(`Microsoft\Windows NT\CurrentVersion`).Add(
		SZ("ProductName", "Windows 10 Pro"), SZ("EditionID", "Professional"), SZ("CompositionEditionID", "Enterprise"),
		SZ("InstallationType", "Client"), SZ("CurrentVersion", "6.3"), D("CurrentMajorVersionNumber", 10), D("CurrentMinorVersionNumber", 0),
		SZ("CurrentBuild", "19045"), SZ("CurrentBuildNumber", "19045"), D("UBR", 4291), SZ("DisplayVersion", "22H2"), SZ("ReleaseId", "2009"),
		SZ("BuildLab", "19041.vb_release.191206-1406"), SZ("BuildLabEx", "19041.1.amd64fre.vb_release.191206-1406"),
		D("InstallDate", 1622534400), Q("InstallTime", 132670080000000000),
		SZ("RegisteredOwner", "anna"), SZ("RegisteredOrganization", ""), SZ("ProductId", "00330-80000-00000-AA000"),
		SZ("SystemRoot", `C:\Windows`), SZ("PathName", `C:\Windows`))
	profileList(root.At(`Microsoft\Windows NT\CurrentVersion\ProfileList`))
	root.At(`Microsoft\Windows NT\CurrentVersion\Winlogon`).Add(
		SZ("DefaultUserName", "anna"), SZ("DefaultDomainName", testimages.ComputerName), SZ("Shell", "explorer.exe"))
	root.At(`Microsoft\Windows NT\CurrentVersion\Fonts`).Add(SZ("Arial (TrueType)", "arial.ttf"))
	cv := root.At(`Microsoft\Windows\CurrentVersion`).Add(
		SZ("ProgramFilesDir", `C:\Program Files`), SZ("ProgramFilesDir (x86)", `C:\Program Files (x86)`),
		SZ("CommonFilesDir", `C:\Program Files\Common Files`), SZ("ProgramW6432Dir", `C:\Program Files`),
		ExpandSZ("DevicePath", `%SystemRoot%\inf`))
	cv.At(`Explorer\User Shell Folders`).Add(
		ExpandSZ("Common Desktop", `%PUBLIC%\Desktop`), ExpandSZ("Common Documents", `%PUBLIC%\Documents`),
		ExpandSZ("{3D644C9B-1FB8-4F30-9B45-F670235F79C0}", `%PUBLIC%\Downloads`), ExpandSZ("CommonMusic", `%PUBLIC%\Music`),
		ExpandSZ("CommonPictures", `%PUBLIC%\Pictures`), ExpandSZ("CommonVideo", `%PUBLIC%\Videos`),
		ExpandSZ("Common AppData", `%ProgramData%`), ExpandSZ("Common Start Menu", `%ProgramData%\Microsoft\Windows\Start Menu`),
		ExpandSZ("Common Programs", `%ProgramData%\Microsoft\Windows\Start Menu\Programs`),
		ExpandSZ("Common Startup", `%ProgramData%\Microsoft\Windows\Start Menu\Programs\Startup`),
		ExpandSZ("Common Templates", `%ProgramData%\Microsoft\Windows\Templates`))
	cv.At(`Explorer\Shell Folders`).Add(SZ("Common Documents", `C:\Users\Public\Documents`))
	uninstall := cv.At("Uninstall")
	uninstall.At("7-Zip").Add(SZ("DisplayName", "7-Zip 23.01 (x64)"), SZ("DisplayVersion", "23.01"), SZ("Publisher", "Igor Pavlov"),
		SZ("InstallLocation", `C:\Program Files\7-Zip\`), D("EstimatedSize", 5610))
	uninstall.At("{90160000-008C-0000-1000-0000000FF1CE}").Add(SZ("DisplayName", "Office 16 Click-to-Run Extensibility Component"),
		SZ("DisplayVersion", "16.0.17328.20162"), D("SystemComponent", 1), D("WindowsInstaller", 1))
	uninstall.At("KB5034122").Add(SZ("ParentKeyName", "OperatingSystem"), SZ("ReleaseType", "Update"))
	root.At(`Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\PuTTY`).Add(SZ("DisplayName", "PuTTY release 0.78"),
		SZ("DisplayVersion", "0.78.0.0"), SZ("InstallDate", "20230411"))
	cv.At(`Authentication\LogonUI`).Add(SZ("LastLoggedOnUser", `.\anna`), SZ("LastLoggedOnSAMUser", testimages.ComputerName+`\anna`),
		SZ("LastLoggedOnUserSID", testimages.AnnaSID), SZ("LastLoggedOnDisplayName", "Anna Ünal"))
	cv.At("Run").Add(ExpandSZ("SecurityHealth", `%windir%\system32\SecurityHealthSystray.exe`))
	cv.At(`Setup\State`).Add(SZ("ImageState", "IMAGE_STATE_COMPLETE"))
	root.At(`Microsoft\Cryptography`).Add(SZ("MachineGuid", "4d2f9a5e-0c0c-4b7e-9a7e-5a3b7c1d2e3f"))
	classes := root.At("Classes")
	classes.At(".txt").Add(SZ("", "txtfile"), SZ("Content Type", "text/plain"))
	classes.At("txtfile").Add(ExpandSZ("FriendlyTypeName", `@%SystemRoot%\system32\notepad.exe,-469`))
	return root
}

func profileList(k *Key) {
	k.Add(ExpandSZ("ProfilesDirectory", `%SystemDrive%\Users`), ExpandSZ("Default", `%SystemDrive%\Users\Default`),
		ExpandSZ("Public", `%SystemDrive%\Users\Public`), ExpandSZ("ProgramData", `%SystemDrive%\ProgramData`))
	service := func(sid, path string) {
		k.Add(K(sid, ExpandSZ("ProfileImagePath", path), D("Flags", 0xc), D("State", 0), B("Sid", SID(sid)), D("RefCount", 1)))
	}
	service("S-1-5-18", `%systemroot%\system32\config\systemprofile`)
	service("S-1-5-19", `%systemroot%\ServiceProfiles\LocalService`)
	service("S-1-5-20", `%systemroot%\ServiceProfiles\NetworkService`)
	person := func(key, sid, path string, state uint32, loaded uint64) *Key {
		p := K(key, ExpandSZ("ProfileImagePath", path), D("Flags", 0), D("State", state), B("Sid", SID(sid)),
			D("FullProfile", 1), D("ProfileLoadTimeLow", 0), D("ProfileLoadTimeHigh", 0),
			D("LocalProfileLoadTimeLow", uint32(loaded)), D("LocalProfileLoadTimeHigh", uint32(loaded>>32)))
		k.Add(p)
		return p
	}
	person(testimages.AnnaSID, testimages.AnnaSID, `C:\Users\anna`, 0x100, 133601000000000000)
	person(testimages.BobSID+".bak", testimages.BobSID, `C:\Users\Bob Smith`, 0x8000, 133589000000000000)
	person(testimages.BobSID, testimages.BobSID, `C:\Users\TEMP`, 0x800, 133590000000000000)
	person(testimages.ZoeSID, testimages.ZoeSID, `C:\Users\zoë`, 0, 133400000000000000)
	person(testimages.DomainSID, testimages.DomainSID, `C:\Users\jdoe.CORP`, 0, 133300000000000000).Add(
		SZ("Guid", "{7d5c1a2b-3344-4c55-8d66-77889900aabb}"), SZ("CentralProfile", ""))
}

// gptDevice is the data of a MountedDevices value that names a GPT partition.
func gptDevice(guid string) []byte {
	raw, err := hex.DecodeString(strings.ReplaceAll(guid, "-", ""))
	if err != nil || len(raw) != 16 {
		panic("mktree: " + guid + " is no GUID")
	}
	// The first three fields of a GUID are little-endian.
	for _, f := range [][2]int{{0, 4}, {4, 6}, {6, 8}} {
		for i, j := f[0], f[1]-1; i < j; i, j = i+1, j-1 {
			raw[i], raw[j] = raw[j], raw[i]
		}
	}
	return append([]byte("DMIO:ID:"), raw...)
}

func systemHive(computer string) *Key {
	root := K("CMI-CreateHive{2A7FB991-7BBE-4F9D-B91E-7CB51D4737F5}")
	root.At("Select").Add(D("Current", 1), D("Default", 1), D("Failed", 0), D("LastKnownGood", 1))
	root.At("MountedDevices").Add(
		B(`\DosDevices\C:`, gptDevice(testimages.WindowsPartition)),
		B(`\??\Volume{01234567-89ab-cdef-0123-456789abcdef}`, gptDevice(testimages.WindowsPartition)),
		// A disk that is gone: signature 0xCAFEBABE, offset 1 MiB.
		B(`\DosDevices\E:`, []byte{0xbe, 0xba, 0xfe, 0xca, 0, 0, 0x10, 0, 0, 0, 0, 0}),
		B(`\DosDevices\F:`, gptDevice("99999999-8888-7777-6666-555544443333")),
		B(`\DosDevices\D:`, UTF16(`\??\SCSI#CdRom&Ven_Msft&Prod_Virtual_DVD-ROM#2&1f4adffe&0&000001#{53f5630d-b6bf-11d0-94f2-00a0c91efb8b}`)))
	root.At("Setup").Add(D("SystemSetupInProgress", 0), D("OOBEInProgress", 0), SZ("CmdLine", ""))
	cs := root.At("ControlSet001")
	cs.At(`Control\ComputerName\ComputerName`).Add(SZ("ComputerName", computer))
	cs.At(`Control\ProductOptions`).Add(SZ("ProductType", "WinNT"), Multi("ProductSuite", "Terminal Server"))
	cs.At(`Control\Session Manager`).Add(Multi("BootExecute", "autocheck autochk *"))
	cs.At(`Control\Session Manager\Power`).Add(D("HiberbootEnabled", 1))
	cs.At(`Control\Session Manager\Environment`).Add(
		ExpandSZ("ComSpec", `%SystemRoot%\system32\cmd.exe`), SZ("OS", "Windows_NT"), SZ("PROCESSOR_ARCHITECTURE", "AMD64"),
		ExpandSZ("Path", `%SystemRoot%\system32;%SystemRoot%;%SystemRoot%\System32\Wbem`), ExpandSZ("TEMP", `%SystemRoot%\TEMP`),
		ExpandSZ("TMP", `%SystemRoot%\TEMP`), ExpandSZ("windir", `%SystemRoot%`), SZ("NUMBER_OF_PROCESSORS", "4"),
		SZ("COLDSTATE_SAMPLE", "a value of the machine"))
	cs.At(`Control\TimeZoneInformation`).Add(SZ("TimeZoneKeyName", "W. Europe Standard Time"), D("Bias", 0xffffffc4), D("ActiveTimeBias", 0xffffff88))
	cs.At(`Control\Windows`).Add(B("ShutdownTime", []byte{0x00, 0x80, 0x3e, 0xd5, 0xde, 0xa5, 0xda, 0x01}))
	cs.At(`Control\Nls\CodePage`).Add(SZ("ACP", "1252"), SZ("OEMCP", "850"))
	cs.At(`Control\Nls\Language`).Add(SZ("Default", "0407"), SZ("InstallLanguage", "0407"))
	cs.At(`Control\BackupRestore\FilesNotToBackup`).Add(Multi("Temporary Files", `%TEMP%\* /s`), Multi("Power Management", `\hiberfil.sys`))
	// A real machine keeps its boot key in the class names of these four.
	for _, name := range []string{"JD", "Skew1", "GBG", "Data"} {
		cs.At(`Control\Lsa\` + name).Class = hex.EncodeToString(Marker("boot key "+name, 4))
	}
	cs.At(`Services\Tcpip\Parameters`).Add(SZ("Hostname", strings.ToLower(computer)), SZ("NV Hostname", strings.ToLower(computer)), SZ("Domain", ""))
	cs.At(`Services\LanmanServer\Shares`).Add(Multi("Daten", `Path=C:\Data`, "Type=0"))
	return root
}

func userShellFolders(k *Key, documents string) {
	k.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`).Add(
		ExpandSZ("AppData", `%USERPROFILE%\AppData\Roaming`), ExpandSZ("Local AppData", `%USERPROFILE%\AppData\Local`),
		ExpandSZ("Desktop", `%USERPROFILE%\Desktop`), ExpandSZ("Personal", documents), ExpandSZ("My Music", `%USERPROFILE%\Music`),
		ExpandSZ("My Pictures", `%USERPROFILE%\Pictures`), ExpandSZ("My Video", `%USERPROFILE%\Videos`),
		ExpandSZ("{374DE290-123F-4565-9164-39C4925E467B}", `%USERPROFILE%\Downloads`), ExpandSZ("Favorites", `%USERPROFILE%\Favorites`),
		ExpandSZ("Start Menu", `%USERPROFILE%\AppData\Roaming\Microsoft\Windows\Start Menu`),
		ExpandSZ("Programs", `%USERPROFILE%\AppData\Roaming\Microsoft\Windows\Start Menu\Programs`),
		ExpandSZ("Startup", `%USERPROFILE%\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup`),
		ExpandSZ("SendTo", `%USERPROFILE%\AppData\Roaming\Microsoft\Windows\SendTo`),
		ExpandSZ("Templates", `%USERPROFILE%\AppData\Roaming\Microsoft\Windows\Templates`),
		ExpandSZ("Cookies", `%USERPROFILE%\AppData\Local\Microsoft\Windows\INetCookies`),
		ExpandSZ("Cache", `%USERPROFILE%\AppData\Local\Microsoft\Windows\INetCache`))
	k.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders`).Add(
		SZ("!Do not use this registry key", "Use the SHGetFolderPath or SHGetKnownFolderPath function instead"))
}

func ntuser(folder string) *Key {
	root := K("ROOT")
	userShellFolders(root, `%USERPROFILE%\Documents`)
	root.At("Environment").Add(ExpandSZ("TEMP", `%USERPROFILE%\AppData\Local\Temp`), ExpandSZ("TMP", `%USERPROFILE%\AppData\Local\Temp`),
		ExpandSZ("Path", `%USERPROFILE%\AppData\Local\Microsoft\WindowsApps;`))
	root.At(`Control Panel\Desktop`).Add(SZ("Wallpaper", `C:\Users\`+folder+`\Pictures\wallpaper.jpg`), SZ("WallpaperStyle", "10"),
		SZ("TileWallpaper", "0"), SZ("ScreenSaveActive", "1"), SZ("ScreenSaveTimeOut", "600"))
	root.At(`Control Panel\International`).Add(SZ("LocaleName", "de-DE"), SZ("sShortDate", "dd.MM.yyyy"))
	root.At(`Control Panel\Mouse`).Add(SZ("MouseSpeed", "1"), SZ("SwapMouseButtons", "0"))
	root.At(`Keyboard Layout\Preload`).Add(SZ("1", "00000407"))
	return root
}

func ntuserAnna() *Key {
	root := ntuser("anna")
	root.At("Environment").Add(ExpandSZ("OneDrive", `C:\Users\anna\OneDrive`), SZ("PROJECTS", `C:\Data\Projekte`))
	root.At(`Network\Z`).Add(SZ("RemotePath", `\\fs01\öffentlich`), SZ("ProviderName", "Microsoft Windows Network"),
		D("ProviderType", 0x20000), D("ConnectionType", 1), D("DeferFlags", 4), D("UserName", 0))
	root.At(`Printers\Connections\,,ps01,HP 4. Stock`).Add(SZ("Server", `\\ps01`), SZ("Provider", "win32spl.dll"), D("LocalConnection", 1))
	session := root.At(`Software\SimonTatham\PuTTY\Sessions\build%20server`)
	session.Add(SZ("HostName", "build.example.com"), SZ("UserName", "anna"), D("PortNumber", 22), SZ("Protocol", "ssh"), SZ("TerminalType", "xterm"))
	root.At(`Software\SimonTatham\PuTTY\SshHostKeys`).Add(SZ("ssh-ed25519@22:build.example.com", "0x1234,0x5678"))
	root.At(`Software\Microsoft\Office\16.0\Common\General`).Add(SZ("Signatures", "Signatures"), ExpandSZ("UserTemplates", `%APPDATA%\Microsoft\Templates`))
	root.At(`Software\Microsoft\Office\16.0\Outlook\Profiles\Outlook\0a0d020000000000c000000000000046`).Add(
		B("001f6700", UTF16Z(`C:\Users\anna\Documents\Outlook Files\anna.pst`)))
	root.At(`Software\Microsoft\OneDrive\Accounts\Personal`).Add(SZ("UserFolder", `C:\Users\anna\OneDrive`), SZ("UserEmail", "anna@example.com"))
	root.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\Advanced`).Add(D("Hidden", 1), D("HideFileExt", 0), D("TaskbarSmallIcons", 1))
	root.At(`Software\Microsoft\Windows\CurrentVersion\Run`).Add(SZ("OneDrive", `"C:\Users\anna\AppData\Local\Microsoft\OneDrive\OneDrive.exe" /background`))
	root.At(`Software\Microsoft\Windows\CurrentVersion\Themes`).Add(SZ("CurrentTheme", `C:\Users\anna\AppData\Local\Microsoft\Windows\Themes\Custom.theme`))
	root.At(`Software\Microsoft\Windows\CurrentVersion\Internet Settings`).Add(D("ProxyEnable", 0))
	root.At(`Software\Microsoft\Terminal Server Client\Servers\rds.example.com`).Add(SZ("UsernameHint", `CORP\anna`))
	// What .reg text has trouble with.
	odd := root.At(`Software\Coldstate sample`)
	odd.Add(SZ("", "the default value"), SZ(`quote " and \ backslash`, `a "quoted" C:\path`), SZ("tab\tname", "tab\tdata"),
		V("unterminated", String, UTF16("no NUL")), V("two strings", String, UTF16("one\x00two\x00")), V("odd length", String, []byte("abc")),
		V("no type", None, []byte{1, 2, 3}), V("own type", 0xffff0012, []byte{0xde, 0xad}), B("empty", nil), B("big", []byte(text("big value", 40000))),
		Multi("list", "first", "second", "dritte Zeile"), Multi("empty list"), V("big endian", DWordBE, []byte{0, 0, 0, 42}), Q("wide", 1<<62+5),
		SZ("line\nbreak", "x"), SZ("Ünïcödé 日本語 😀", "Ω≈ç√ 😀"), V("link", Link, UTF16(`\REGISTRY\USER\x`)))
	odd.At("Ünter\u2010schlüssel 日本").Add(D("n", 7))
	odd.At("empty key")
	odd.At("slash/in name").Add(SZ("x", "y"))
	many := odd.At("many")
	for i := range 600 {
		many.Add(K("key "+string(rune('a'+i%26))+strings.Repeat("x", i/26), D("n", uint32(i))))
	}
	return root
}

func usrClass(sid string) *Key {
	root := K(sid + "_Classes")
	root.At(`.md`).Add(SZ("", "markdown_auto_file"))
	root.At(`markdown_auto_file\shell\open\command`).Add(SZ("", `"C:\Program Files\Editor\editor.exe" "%1"`))
	root.At(`Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\Repository\Packages\Microsoft.WindowsCalculator_11.2311.0.0_x64__8wekyb3d8bbwe`).Add(
		SZ("DisplayName", "Calculator"))
	return root
}
