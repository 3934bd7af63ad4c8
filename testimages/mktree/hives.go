//go:build linux

package main

import (
	"encoding/hex"
	"strings"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

const configPath = `\SystemRoot\System32\Config\`

func build(root *hivegen.Key, file string) string {
	return string(hivegen.Build(root, hivegen.Options{FileName: file}))
}

func software() *hivegen.Key {
	root := hivegen.K("CMI-CreateHive{199DAFC2-6F16-4946-BF90-5A3FC3A60902}")
	root.At(`Microsoft\Windows NT\CurrentVersion`).Add(
		hivegen.SZ("ProductName", "Windows 10 Pro"), hivegen.SZ("EditionID", "Professional"), hivegen.SZ("CompositionEditionID", "Enterprise"),
		hivegen.SZ("InstallationType", "Client"), hivegen.SZ("CurrentVersion", "6.3"), hivegen.D("CurrentMajorVersionNumber", 10), hivegen.D("CurrentMinorVersionNumber", 0),
		hivegen.SZ("CurrentBuild", "19045"), hivegen.SZ("CurrentBuildNumber", "19045"), hivegen.D("UBR", 4291), hivegen.SZ("DisplayVersion", "22H2"), hivegen.SZ("ReleaseId", "2009"),
		hivegen.SZ("BuildLab", "19041.vb_release.191206-1406"), hivegen.SZ("BuildLabEx", "19041.1.amd64fre.vb_release.191206-1406"),
		hivegen.D("InstallDate", 1622534400), hivegen.Q("InstallTime", 132670080000000000),
		hivegen.SZ("RegisteredOwner", "anna"), hivegen.SZ("RegisteredOrganization", ""), hivegen.SZ("ProductId", "00330-80000-00000-AA000"),
		hivegen.SZ("SystemRoot", `C:\Windows`), hivegen.SZ("PathName", `C:\Windows`))
	profileList(root.At(`Microsoft\Windows NT\CurrentVersion\ProfileList`))
	root.At(`Microsoft\Windows NT\CurrentVersion\Winlogon`).Add(
		hivegen.SZ("DefaultUserName", "anna"), hivegen.SZ("DefaultDomainName", testimages.ComputerName), hivegen.SZ("Shell", "explorer.exe"))
	root.At(`Microsoft\Windows NT\CurrentVersion\Fonts`).Add(hivegen.SZ("Arial (TrueType)", "arial.ttf"))
	cv := root.At(`Microsoft\Windows\CurrentVersion`).Add(
		hivegen.SZ("ProgramFilesDir", `C:\Program Files`), hivegen.SZ("ProgramFilesDir (x86)", `C:\Program Files (x86)`),
		hivegen.SZ("CommonFilesDir", `C:\Program Files\Common Files`), hivegen.SZ("ProgramW6432Dir", `C:\Program Files`),
		hivegen.ExpandSZ("DevicePath", `%SystemRoot%\inf`))
	cv.At(`Explorer\User Shell Folders`).Add(
		hivegen.ExpandSZ("Common Desktop", `%PUBLIC%\Desktop`), hivegen.ExpandSZ("Common Documents", `%PUBLIC%\Documents`),
		hivegen.ExpandSZ("{3D644C9B-1FB8-4F30-9B45-F670235F79C0}", `%PUBLIC%\Downloads`), hivegen.ExpandSZ("CommonMusic", `%PUBLIC%\Music`),
		hivegen.ExpandSZ("CommonPictures", `%PUBLIC%\Pictures`), hivegen.ExpandSZ("CommonVideo", `%PUBLIC%\Videos`),
		hivegen.ExpandSZ("Common AppData", `%ProgramData%`), hivegen.ExpandSZ("Common Start Menu", `%ProgramData%\Microsoft\Windows\Start Menu`),
		hivegen.ExpandSZ("Common Programs", `%ProgramData%\Microsoft\Windows\Start Menu\Programs`),
		hivegen.ExpandSZ("Common Startup", `%ProgramData%\Microsoft\Windows\Start Menu\Programs\Startup`),
		hivegen.ExpandSZ("Common Templates", `%ProgramData%\Microsoft\Windows\Templates`))
	cv.At(`Explorer\Shell Folders`).Add(hivegen.SZ("Common Documents", `C:\Users\Public\Documents`))
	uninstall := cv.At("Uninstall")
	uninstall.At("7-Zip").Add(hivegen.SZ("DisplayName", "7-Zip 23.01 (x64)"), hivegen.SZ("DisplayVersion", "23.01"), hivegen.SZ("Publisher", "Igor Pavlov"),
		hivegen.SZ("InstallLocation", `C:\Program Files\7-Zip\`), hivegen.D("EstimatedSize", 5610))
	uninstall.At("{90160000-008C-0000-1000-0000000FF1CE}").Add(hivegen.SZ("DisplayName", "Office 16 Click-to-Run Extensibility Component"),
		hivegen.SZ("DisplayVersion", "16.0.17328.20162"), hivegen.D("SystemComponent", 1), hivegen.D("WindowsInstaller", 1))
	uninstall.At("KB5034122").Add(hivegen.SZ("ParentKeyName", "OperatingSystem"), hivegen.SZ("ReleaseType", "Update"))
	root.At(`Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\PuTTY`).Add(hivegen.SZ("DisplayName", "PuTTY release 0.78"),
		hivegen.SZ("DisplayVersion", "0.78.0.0"), hivegen.SZ("InstallDate", "20230411"))
	cv.At(`Authentication\LogonUI`).Add(hivegen.SZ("LastLoggedOnUser", `.\anna`), hivegen.SZ("LastLoggedOnSAMUser", testimages.ComputerName+`\anna`),
		hivegen.SZ("LastLoggedOnUserSID", testimages.AnnaSID), hivegen.SZ("LastLoggedOnDisplayName", "Anna Ünal"))
	cv.At("Run").Add(hivegen.ExpandSZ("SecurityHealth", `%windir%\system32\SecurityHealthSystray.exe`))
	cv.At(`Setup\State`).Add(hivegen.SZ("ImageState", "IMAGE_STATE_COMPLETE"))
	root.At(`Microsoft\Cryptography`).Add(hivegen.SZ("MachineGuid", "4d2f9a5e-0c0c-4b7e-9a7e-5a3b7c1d2e3f"))
	classes := root.At("Classes")
	classes.At(".txt").Add(hivegen.SZ("", "txtfile"), hivegen.SZ("Content Type", "text/plain"))
	classes.At("txtfile").Add(hivegen.ExpandSZ("FriendlyTypeName", `@%SystemRoot%\system32\notepad.exe,-469`))
	return root
}

func profileList(k *hivegen.Key) {
	k.Add(hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Users`), hivegen.ExpandSZ("Default", `%SystemDrive%\Users\Default`),
		hivegen.ExpandSZ("Public", `%SystemDrive%\Users\Public`), hivegen.ExpandSZ("ProgramData", `%SystemDrive%\ProgramData`))
	service := func(sid, path string) {
		k.Add(hivegen.K(sid, hivegen.ExpandSZ("ProfileImagePath", path), hivegen.D("Flags", 0xc), hivegen.D("State", 0), hivegen.B("Sid", hivegen.SID(sid)), hivegen.D("RefCount", 1)))
	}
	service("S-1-5-18", `%systemroot%\system32\config\systemprofile`)
	service("S-1-5-19", `%systemroot%\ServiceProfiles\LocalService`)
	service("S-1-5-20", `%systemroot%\ServiceProfiles\NetworkService`)
	person := func(key, sid, path string, state uint32, loaded uint64) *hivegen.Key {
		p := hivegen.K(key, hivegen.ExpandSZ("ProfileImagePath", path), hivegen.D("Flags", 0), hivegen.D("State", state), hivegen.B("Sid", hivegen.SID(sid)),
			hivegen.D("FullProfile", 1), hivegen.D("ProfileLoadTimeLow", 0), hivegen.D("ProfileLoadTimeHigh", 0),
			hivegen.D("LocalProfileLoadTimeLow", uint32(loaded)), hivegen.D("LocalProfileLoadTimeHigh", uint32(loaded>>32)))
		k.Add(p)
		return p
	}
	person(testimages.AnnaSID, testimages.AnnaSID, `C:\Users\anna`, 0x100, 133601000000000000)
	person(testimages.BobSID+".bak", testimages.BobSID, `C:\Users\Bob Smith`, 0x8000, 133589000000000000)
	person(testimages.BobSID, testimages.BobSID, `C:\Users\TEMP`, 0x800, 133590000000000000)
	person(testimages.ZoeSID, testimages.ZoeSID, `C:\Users\zoë`, 0, 133400000000000000)
	person(testimages.DomainSID, testimages.DomainSID, `C:\Users\jdoe.CORP`, 0, 133300000000000000).Add(
		hivegen.SZ("Guid", "{7d5c1a2b-3344-4c55-8d66-77889900aabb}"), hivegen.SZ("CentralProfile", ""))
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

func systemHive(computer string) *hivegen.Key {
	root := hivegen.K("CMI-CreateHive{2A7FB991-7BBE-4F9D-B91E-7CB51D4737F5}")
	root.At("Select").Add(hivegen.D("Current", 1), hivegen.D("Default", 1), hivegen.D("Failed", 0), hivegen.D("LastKnownGood", 1))
	root.At("MountedDevices").Add(
		hivegen.B(`\DosDevices\C:`, gptDevice(testimages.WindowsPartition)),
		hivegen.B(`\??\Volume{01234567-89ab-cdef-0123-456789abcdef}`, gptDevice(testimages.WindowsPartition)),
		// A disk that is gone: signature 0xCAFEBABE, offset 1 MiB.
		hivegen.B(`\DosDevices\E:`, []byte{0xbe, 0xba, 0xfe, 0xca, 0, 0, 0x10, 0, 0, 0, 0, 0}),
		hivegen.B(`\DosDevices\F:`, gptDevice("99999999-8888-7777-6666-555544443333")),
		hivegen.B(`\DosDevices\D:`, hivegen.UTF16(`\??\SCSI#CdRom&Ven_Msft&Prod_Virtual_DVD-ROM#2&1f4adffe&0&000001#{53f5630d-b6bf-11d0-94f2-00a0c91efb8b}`)))
	root.At("Setup").Add(hivegen.D("SystemSetupInProgress", 0), hivegen.D("OOBEInProgress", 0), hivegen.SZ("CmdLine", ""))
	cs := root.At("ControlSet001")
	cs.At(`Control\ComputerName\ComputerName`).Add(hivegen.SZ("ComputerName", computer))
	cs.At(`Control\ProductOptions`).Add(hivegen.SZ("ProductType", "WinNT"), hivegen.Multi("ProductSuite", "Terminal Server"))
	cs.At(`Control\Session Manager`).Add(hivegen.Multi("BootExecute", "autocheck autochk *"))
	cs.At(`Control\Session Manager\Power`).Add(hivegen.D("HiberbootEnabled", 1))
	cs.At(`Control\Session Manager\Environment`).Add(
		hivegen.ExpandSZ("ComSpec", `%SystemRoot%\system32\cmd.exe`), hivegen.SZ("OS", "Windows_NT"), hivegen.SZ("PROCESSOR_ARCHITECTURE", "AMD64"),
		hivegen.ExpandSZ("Path", `%SystemRoot%\system32;%SystemRoot%;%SystemRoot%\System32\Wbem`), hivegen.ExpandSZ("TEMP", `%SystemRoot%\TEMP`),
		hivegen.ExpandSZ("TMP", `%SystemRoot%\TEMP`), hivegen.ExpandSZ("windir", `%SystemRoot%`), hivegen.SZ("NUMBER_OF_PROCESSORS", "4"),
		hivegen.SZ("COLDSTATE_SAMPLE", "a value of the machine"))
	cs.At(`Control\TimeZoneInformation`).Add(hivegen.SZ("TimeZoneKeyName", "W. Europe Standard Time"), hivegen.D("Bias", 0xffffffc4), hivegen.D("ActiveTimeBias", 0xffffff88))
	cs.At(`Control\Windows`).Add(hivegen.B("ShutdownTime", []byte{0x00, 0x80, 0x3e, 0xd5, 0xde, 0xa5, 0xda, 0x01}))
	cs.At(`Control\Nls\CodePage`).Add(hivegen.SZ("ACP", "1252"), hivegen.SZ("OEMCP", "850"))
	cs.At(`Control\Nls\Language`).Add(hivegen.SZ("Default", "0407"), hivegen.SZ("InstallLanguage", "0407"))
	cs.At(`Control\BackupRestore\FilesNotToBackup`).Add(hivegen.Multi("Temporary Files", `%TEMP%\* /s`), hivegen.Multi("Power Management", `\hiberfil.sys`))
	// A real machine keeps its boot key in the class names of these four.
	for _, name := range []string{"JD", "Skew1", "GBG", "Data"} {
		cs.At(`Control\Lsa\` + name).Class = hex.EncodeToString(hivegen.Marker("boot key "+name, 4))
	}
	cs.At(`Services\Tcpip\Parameters`).Add(hivegen.SZ("Hostname", strings.ToLower(computer)), hivegen.SZ("NV Hostname", strings.ToLower(computer)), hivegen.SZ("Domain", ""))
	cs.At(`Services\LanmanServer\Shares`).Add(hivegen.Multi("Daten", `Path=C:\Data`, "Type=0"))
	return root
}

func userShellFolders(k *hivegen.Key, documents string) {
	k.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`).Add(
		hivegen.ExpandSZ("AppData", `%USERPROFILE%\AppData\Roaming`), hivegen.ExpandSZ("Local AppData", `%USERPROFILE%\AppData\Local`),
		hivegen.ExpandSZ("Desktop", `%USERPROFILE%\Desktop`), hivegen.ExpandSZ("Personal", documents), hivegen.ExpandSZ("My Music", `%USERPROFILE%\Music`),
		hivegen.ExpandSZ("My Pictures", `%USERPROFILE%\Pictures`), hivegen.ExpandSZ("My Video", `%USERPROFILE%\Videos`),
		hivegen.ExpandSZ("{374DE290-123F-4565-9164-39C4925E467B}", `%USERPROFILE%\Downloads`), hivegen.ExpandSZ("Favorites", `%USERPROFILE%\Favorites`),
		hivegen.ExpandSZ("Start Menu", `%USERPROFILE%\AppData\Roaming\Microsoft\Windows\Start Menu`),
		hivegen.ExpandSZ("Programs", `%USERPROFILE%\AppData\Roaming\Microsoft\Windows\Start Menu\Programs`),
		hivegen.ExpandSZ("Startup", `%USERPROFILE%\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup`),
		hivegen.ExpandSZ("SendTo", `%USERPROFILE%\AppData\Roaming\Microsoft\Windows\SendTo`),
		hivegen.ExpandSZ("Templates", `%USERPROFILE%\AppData\Roaming\Microsoft\Windows\Templates`),
		hivegen.ExpandSZ("Cookies", `%USERPROFILE%\AppData\Local\Microsoft\Windows\INetCookies`),
		hivegen.ExpandSZ("Cache", `%USERPROFILE%\AppData\Local\Microsoft\Windows\INetCache`))
	k.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders`).Add(
		hivegen.SZ("!Do not use this registry key", "Use the SHGetFolderPath or SHGetKnownFolderPath function instead"))
}

func ntuser(folder string) *hivegen.Key {
	root := hivegen.K("ROOT")
	userShellFolders(root, `%USERPROFILE%\Documents`)
	root.At("Environment").Add(hivegen.ExpandSZ("TEMP", `%USERPROFILE%\AppData\Local\Temp`), hivegen.ExpandSZ("TMP", `%USERPROFILE%\AppData\Local\Temp`),
		hivegen.ExpandSZ("Path", `%USERPROFILE%\AppData\Local\Microsoft\WindowsApps;`))
	root.At(`Control Panel\Desktop`).Add(hivegen.SZ("Wallpaper", `C:\Users\`+folder+`\Pictures\wallpaper.jpg`), hivegen.SZ("WallpaperStyle", "10"),
		hivegen.SZ("TileWallpaper", "0"), hivegen.SZ("ScreenSaveActive", "1"), hivegen.SZ("ScreenSaveTimeOut", "600"))
	root.At(`Control Panel\International`).Add(hivegen.SZ("LocaleName", "de-DE"), hivegen.SZ("sShortDate", "dd.MM.yyyy"))
	root.At(`Control Panel\Mouse`).Add(hivegen.SZ("MouseSpeed", "1"), hivegen.SZ("SwapMouseButtons", "0"))
	root.At(`Keyboard Layout\Preload`).Add(hivegen.SZ("1", "00000407"))
	return root
}

func ntuserAnna() *hivegen.Key {
	root := ntuser("anna")
	root.At("Environment").Add(hivegen.ExpandSZ("OneDrive", `C:\Users\anna\OneDrive`), hivegen.SZ("PROJECTS", `C:\Data\Projekte`))
	root.At(`Network\Z`).Add(hivegen.SZ("RemotePath", `\\fs01\öffentlich`), hivegen.SZ("ProviderName", "Microsoft Windows Network"),
		hivegen.D("ProviderType", 0x20000), hivegen.D("ConnectionType", 1), hivegen.D("DeferFlags", 4), hivegen.D("UserName", 0))
	root.At(`Printers\Connections\,,ps01,HP 4. Stock`).Add(hivegen.SZ("Server", `\\ps01`), hivegen.SZ("Provider", "win32spl.dll"), hivegen.D("LocalConnection", 1))
	session := root.At(`Software\SimonTatham\PuTTY\Sessions\build%20server`)
	session.Add(hivegen.SZ("HostName", "build.example.com"), hivegen.SZ("UserName", "anna"), hivegen.D("PortNumber", 22), hivegen.SZ("Protocol", "ssh"), hivegen.SZ("TerminalType", "xterm"))
	root.At(`Software\SimonTatham\PuTTY\SshHostKeys`).Add(hivegen.SZ("ssh-ed25519@22:build.example.com", "0x1234,0x5678"))
	root.At(`Software\Microsoft\Office\16.0\Common\General`).Add(hivegen.SZ("Signatures", "Signatures"), hivegen.ExpandSZ("UserTemplates", `%APPDATA%\Microsoft\Templates`))
	root.At(`Software\Microsoft\Office\16.0\Outlook\Profiles\Outlook\0a0d020000000000c000000000000046`).Add(
		hivegen.B("001f6700", hivegen.UTF16Z(`C:\Users\anna\Documents\Outlook Files\anna.pst`)))
	root.At(`Software\Microsoft\OneDrive\Accounts\Personal`).Add(hivegen.SZ("UserFolder", `C:\Users\anna\OneDrive`), hivegen.SZ("UserEmail", "anna@example.com"))
	root.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\Advanced`).Add(hivegen.D("Hidden", 1), hivegen.D("HideFileExt", 0), hivegen.D("TaskbarSmallIcons", 1))
	root.At(`Software\Microsoft\Windows\CurrentVersion\Run`).Add(hivegen.SZ("OneDrive", `"C:\Users\anna\AppData\Local\Microsoft\OneDrive\OneDrive.exe" /background`))
	root.At(`Software\Microsoft\Windows\CurrentVersion\Themes`).Add(hivegen.SZ("CurrentTheme", `C:\Users\anna\AppData\Local\Microsoft\Windows\Themes\Custom.theme`))
	root.At(`Software\Microsoft\Windows\CurrentVersion\Internet Settings`).Add(hivegen.D("ProxyEnable", 0))
	root.At(`Software\Microsoft\Terminal Server Client\Servers\rds.example.com`).Add(hivegen.SZ("UsernameHint", `CORP\anna`))
	// What .reg text has trouble with.
	odd := root.At(`Software\Coldstate sample`)
	odd.Add(hivegen.SZ("", "the default value"), hivegen.SZ(`quote " and \ backslash`, `a "quoted" C:\path`), hivegen.SZ("tab\tname", "tab\tdata"),
		hivegen.V("unterminated", hivegen.String, hivegen.UTF16("no NUL")), hivegen.V("two strings", hivegen.String, hivegen.UTF16("one\x00two\x00")), hivegen.V("odd length", hivegen.String, []byte("abc")),
		hivegen.V("no type", hivegen.None, []byte{1, 2, 3}), hivegen.V("own type", 0xffff0012, []byte{0xde, 0xad}), hivegen.B("empty", nil), hivegen.B("big", []byte(text("big value", 40000))),
		hivegen.Multi("list", "first", "second", "dritte Zeile"), hivegen.Multi("empty list"), hivegen.V("big endian", hivegen.DWordBE, []byte{0, 0, 0, 42}), hivegen.Q("wide", 1<<62+5),
		hivegen.SZ("line\nbreak", "x"), hivegen.SZ("Ünïcödé 日本語 😀", "Ω≈ç√ 😀"), hivegen.V("link", hivegen.Link, hivegen.UTF16(`\REGISTRY\USER\x`)))
	odd.At("Ünter\u2010schlüssel 日本").Add(hivegen.D("n", 7))
	odd.At("empty key")
	odd.At("slash/in name").Add(hivegen.SZ("x", "y"))
	many := odd.At("many")
	for i := range 600 {
		many.Add(hivegen.K("key "+string(rune('a'+i%26))+strings.Repeat("x", i/26), hivegen.D("n", uint32(i))))
	}
	return root
}

func usrClass(sid string) *hivegen.Key {
	root := hivegen.K(sid + "_Classes")
	root.At(`.md`).Add(hivegen.SZ("", "markdown_auto_file"))
	root.At(`markdown_auto_file\shell\open\command`).Add(hivegen.SZ("", `"C:\Program Files\Editor\editor.exe" "%1"`))
	root.At(`Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\Repository\Packages\Microsoft.WindowsCalculator_11.2311.0.0_x64__8wekyb3d8bbwe`).Add(
		hivegen.SZ("DisplayName", "Calculator"))
	return root
}
