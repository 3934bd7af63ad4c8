package testimages

import (
	"slices"
	"strings"

	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// An App is what programs and Windows keep on the machines "apps" and
// "apps-xp" of one thing that a person would name: what is to be taken, and
// what lies beside it and is to stay: caches, logs, temporary and foreign
// files.
type App struct {
	// Name is that of the component of the built-in rules.
	Name string
	User string // "" is the machine
	// Comes and Stays are paths of files, and values as `KEY [VALUE]`.
	Comes, Stays []string
}

// Apps returns what is on the machine "apps", or "apps-xp".
func Apps(machine string) []App {
	switch machine {
	case "apps":
		return parseApps(appsText, func(user, path string) string {
			return strings.NewReplacer(`P\`, `C:\Users\`+user+`\`, `R\`, `C:\Users\`+user+`\AppData\Roaming\`, `L\`, `C:\Users\`+user+`\AppData\Local\`).Replace(path)
		})
	case "apps-xp":
		return parseApps(appsXPText, func(user, path string) string {
			p := `C:\Dokumente und Einstellungen\` + user + `\`
			return strings.NewReplacer(`P\`, p, `R\`, p+`Anwendungsdaten\`, `L\`, p+`Lokale Einstellungen\Anwendungsdaten\`).Replace(path)
		})
	}
	panic("testimages: the machine " + machine + " has no list of programs")
}

// parseApps reads a list: "@ USER" begins what a user has, "@" alone what the
// machine has; a line without sign is a name, "+" comes and "-" stays. The first
// folder of a path may be P, R or L: the profile, and its AppData.
func parseApps(text string, expand func(user, prefix string) string) []App {
	var apps []App
	user := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case line[0] == '@':
			user = strings.TrimSpace(line[1:])
		case line[0] == '+' || line[0] == '-':
			path := line[2:]
			if path[1] == '\\' {
				path = expand(user, path[:2]) + path[2:]
			}
			a := &apps[len(apps)-1]
			if line[0] == '+' {
				a.Comes = append(a.Comes, path)
			} else {
				a.Stays = append(a.Stays, path)
			}
		default:
			apps = append(apps, App{Name: line, User: user})
		}
	}
	return apps
}

// appNodes returns the files of apps that are below the folder dir, with paths
// from there. What every Windows has, and what is only in the cloud, is made
// elsewhere.
func appNodes(apps []App, dir string) []*ntfsgen.Node {
	var nodes []*ntfsgen.Node
	for _, a := range apps {
		for _, path := range slices.Concat(a.Comes, a.Stays) {
			rest, ok := strings.CutPrefix(path, dir+`\`)
			if !ok || strings.HasSuffix(path, `\etc\hosts`) || strings.HasSuffix(path, `\only online.bin`) {
				continue
			}
			nodes = append(nodes, text(rest))
		}
	}
	return nodes
}

// appValues adds the values of apps that are below the key root ("HKCU",
// `HKLM\SOFTWARE`) to a hive.
func appValues(apps []App, user, root string, hive *hivegen.Key) {
	for _, a := range apps {
		for _, location := range slices.Concat(a.Comes, a.Stays) {
			key, value, ok := strings.Cut(strings.TrimSuffix(location, "]"), " [")
			rest, below := strings.CutPrefix(key, root+`\`)
			if !ok || !below || a.User != user {
				continue
			}
			rest = strings.Replace(rest, "CurrentControlSet", "ControlSet001", 1)
			hive.At(rest).Add(hivegen.SZ(value, "of "+a.Name))
		}
	}
}

// setShellFolder says where a folder of the shell is.
func setShellFolder(root *hivegen.Key, name, path string) {
	f := root.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`)
	f.Values = slices.DeleteFunc(f.Values, func(v hivegen.Value) bool { return v.Name == name })
	f.Add(hivegen.ExpandSZ(name, path))
}

// appsMachine has the data of every program that the built-in rules know,
// with two users. The documents of berta are on D:, her desktop in the folder
// of OneDrive there.
func appsMachine() *MachineDisks {
	apps := Apps("apps")
	person := func(name string, more func(root *hivegen.Key), files ...*ntfsgen.Node) Person {
		return Person{Name: name, FullName: "Full name of " + name, Groups: []uint32{groupUsers}, Files: append(appNodes(apps, `C:\Users\`+name), files...),
			Registry: func(root *hivegen.Key) {
				appValues(apps, name, "HKCU", root)
				more(root)
			}}
	}
	anna := person("anna", func(root *hivegen.Key) {
		root.At(`Software\Microsoft\OneDrive\Accounts\Personal`).Add(hivegen.SZ("UserFolder", `C:\Users\anna\OneDrive`), hivegen.SZ("UserEmail", "anna@example.com"))
		root.At(`Software\Microsoft\Windows\CurrentVersion\Lxss\{5}`).Add(hivegen.SZ("BasePath", `\\?\D:\Linux\debian`))
		root.At(`Control Panel\Desktop`).Add(hivegen.SZ("WallPaper", `D:\Backgrounds\hills.bmp`))
		environment := root.At(`Environment`)
		environment.Values = []hivegen.Value{hivegen.SZ("GOPATH", `D:\go`), hivegen.ExpandSZ("TMP", `%USERPROFILE%\AppData\Local\Temp`)}
	}, ntfsgen.Placeholder(`OneDrive\only online.bin`, 5_000_000))
	berta := person("berta", func(root *hivegen.Key) {
		setShellFolder(root, "Personal", `D:\Papers of berta`)
		setShellFolder(root, "Desktop", `D:\OneDrive - Kontor\Desktop`)
		root.At(`Software\Microsoft\OneDrive\Accounts\Business1`).Add(hivegen.SZ("UserFolder", `D:\OneDrive - Kontor`), hivegen.SZ("UserEmail", "berta@kontor.example"))
		root.At(`Control Panel\Desktop`).Add(hivegen.SZ("Wallpaper", `C:\Windows\Web\Wallpaper\Windows\img0.jpg`))
		general := root.At(`Software\Microsoft\Office\16.0\Common\General`)
		general.Values = []hivegen.Value{hivegen.SZ("Signatures", "Unterschriften")}
	})
	w := &Windows{Edition: Windows11, Computer: "APPS-PC", Users: []Person{anna, berta},
		Devices: map[string][]byte{"C:": GPTDevice(guid(3)), "D:": GPTDevice(guid(4))},
		Registry: func(hive string, root *hivegen.Key) {
			appValues(apps, "", `HKLM\`+hive, root)
		},
		Files: slices.DeleteFunc(appNodes(apps, "C:"), func(n *ntfsgen.Node) bool {
			return strings.HasPrefix(n.Name, `Users\anna\`) || strings.HasPrefix(n.Name, `Users\berta\`)
		})}
	return newMachine(disks(gpt(
		diskgen.Part{GUID: guid(3), Content: volume("Windows", w.On("C:"))},
		diskgen.Part{GUID: guid(4), Content: volume("Data", appNodes(apps, "D:"))},
	)), Installation{Windows: w, Volume: 3, Root: "Windows", Letters: map[string]int{"C:": 3, "D:": 4}})
}

// appsXP is a Windows XP in German: only the registry says what its folders
// are called.
func appsXP() *MachineDisks {
	apps := Apps("apps-xp")
	const profile = `C:\Dokumente und Einstellungen\otto`
	otto := Person{Name: "otto", Groups: []uint32{groupUsers}, Profile: profile, Files: appNodes(apps, profile), Registry: func(root *hivegen.Key) {
		appValues(apps, "otto", "HKCU", root)
		for name, path := range map[string]string{
			"AppData": "Anwendungsdaten", "Local AppData": `Lokale Einstellungen\Anwendungsdaten`, "Personal": "Eigene Dateien", "My Pictures": `Eigene Dateien\Eigene Bilder`,
			"My Music": `Eigene Dateien\Eigene Musik`, "Favorites": "Favoriten", "Start Menu": "Startmenü", "Templates": "Vorlagen", "NetHood": "Netzwerkumgebung",
			"PrintHood": "Druckumgebung", "Cache": `Lokale Einstellungen\Temporary Internet Files`, "History": `Lokale Einstellungen\Verlauf`,
		} {
			setShellFolder(root, name, `%USERPROFILE%\`+path)
		}
		env := root.At("Environment")
		env.Values = []hivegen.Value{hivegen.ExpandSZ("TEMP", `%USERPROFILE%\Lokale Einstellungen\Temp`)}
	}}
	w := &Windows{Edition: WindowsXP, Computer: "ALTGERAET", Users: []Person{otto}, Devices: map[string][]byte{"C:": MBRDevice(signature, mib)},
		Files: slices.DeleteFunc(appNodes(apps, "C:"), func(n *ntfsgen.Node) bool { return strings.HasPrefix(`C:\`+n.Name, profile+`\`) }),
		Registry: func(hive string, root *hivegen.Key) {
			if hive != "SOFTWARE" {
				return
			}
			list := root.At(`Microsoft\Windows NT\CurrentVersion\ProfileList`)
			list.Values = []hivegen.Value{hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Dokumente und Einstellungen`), hivegen.SZ("DefaultUserProfile", "Default User"), hivegen.SZ("AllUsersProfile", "All Users")}
			version := root.At(`Microsoft\Windows\CurrentVersion`)
			version.Values = []hivegen.Value{hivegen.SZ("ProgramFilesDir", `C:\Programme`), hivegen.SZ("CommonFilesDir", `C:\Programme\Gemeinsame Dateien`)}
			root.At(`Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`).Add(hivegen.ExpandSZ("Common Documents", `%ALLUSERSPROFILE%\Dokumente`))
		}}
	return newMachine(disks(diskgen.Disk{Signature: signature, Parts: []diskgen.Part{{Start: mib, Active: true, Content: volume("", w.On("C:"))}}}),
		Installation{Windows: w, Volume: 1, Root: "WINDOWS", Letters: map[string]int{"C:": 1}})
}

const appsXPText = `
@ otto
Documents
+ P\Eigene Dateien\Brief.doc
- P\Eigene Dateien\~$Brief.doc
Pictures
+ P\Eigene Dateien\Eigene Bilder\Meer.jpg
- P\Eigene Dateien\Eigene Bilder\Thumbs.db
Music
+ P\Eigene Dateien\Eigene Musik\Lied.wma
- P\Eigene Dateien\Eigene Musik\Thumbs.db
Favorites
+ P\Favoriten\Wetter.url
- P\Verlauf von otto.tmp
Profile folder
+ P\Adressen.txt
- P\Lokale Einstellungen\Temp\setup.log
- P\Lokale Einstellungen\Temporary Internet Files\Content.IE5\index.dat
- P\Lokale Einstellungen\Verlauf\History.IE5\index.dat
- P\Cookies\index.dat
- P\Recent\Brief.lnk
- P\Vorlagen\excel4.xls
- P\Druckumgebung\hp.lnk
Explorer
+ P\Netzwerkumgebung\srv.lnk
- P\Netzwerkumgebung.lnk.tmp
Start
+ P\Startmenü\Programme\Rechner.lnk
- P\Recent\Rechner.lnk
Mozilla Firefox
+ R\Mozilla\Firefox\Profiles\x.default\places.sqlite
- L\Mozilla\Firefox\Profiles\x.default\Cache\_CACHE_001_
Outlook Express
+ L\Identities\{1}\Microsoft\Outlook Express\Posteingang.dbx
+ R\Microsoft\Address Book\otto.wab
+ HKCU\Software\Microsoft\Internet Account Manager\Accounts\00000001 [SMTP Server]
- L\Identities\{1}\Microsoft\Outlook Express\cleanup.log
Outlook data files of the user
+ L\Microsoft\Outlook\Outlook.pst
- L\Microsoft\Outlook\extend.dat
Outlook signatures
+ R\Microsoft\Signatures\otto.htm
- R\Microsoft\Internet Explorer\brndlog.txt
Office templates and dictionaries
+ R\Microsoft\Templates\Normal.dot
- R\Microsoft\Office\Recent\index.dat
@
Public documents
+ C:\Dokumente und Einstellungen\All Users\Dokumente\Plan.doc
- C:\Dokumente und Einstellungen\All Users\Anwendungsdaten\Plan.doc
Documents elsewhere
+ C:\Daten\Liste.xls
- C:\Programme\Spiel\Anleitung.doc
- C:\WINDOWS\Hilfe.doc
- C:\RECYCLER\S-1-5-21\Dc1.doc
`

const appsText = `
@ anna
Desktop
+ P\Desktop\todo.txt
- P\Desktop\~$todo.docx
Documents
+ P\Documents\letter.docx
+ P\Documents\desktop.ini
- P\Documents\~$letter.docx
- P\Documents\scan.tmp
Downloads
+ P\Downloads\setup.exe
- P\Downloads\setup.tmp
Pictures
+ P\Pictures\sea.jpg
+ P\Pictures\Screenshots\1.png
- P\Pictures\Thumbs.db
Music
+ P\Music\song.mp3
- P\Music\ehthumbs.db
Videos
+ P\Videos\film.mp4
- P\Videos\Thumbs.db
Favorites
+ P\Favorites\Links\news.url
- P\Favorites\x.tmp
Contacts
+ P\Contacts\bob.contact
- P\Contacts\x.tmp
Links
+ P\Links\Desktop.lnk
- P\Links\x.tmp
Saved games
+ P\Saved Games\game\save1
- P\Saved Games\game\x.tmp
Searches
+ P\Searches\x.search-ms
- P\Searches\x.tmp
3D objects
+ P\3D Objects\cube.3mf
- P\3D Objects\x.tmp
Cloud folders
+ P\OneDrive\report.pages
+ P\OneDrive\only online.bin
+ P\Dropbox\shared.key
+ P\Nextcloud\board.xyz
- P\OneDrive\~$report.docx
- P\Dropbox\.dropbox.cache\old
Profile folder
+ P\source\repos\tool\main.go
+ P\VirtualBox VMs\linux\linux.vdi
- P\NTUSER.DAT{53b39e88}.TM.blf
- P\ntuser.ini
- P\AppData\LocalLow\Sun\cache
- P\.cache\pip\wheel
- P\.nuget\packages\a\a.dll
- P\.gradle\caches\b
- L\Temp\setup.log
- L\Microsoft\Windows\INetCache\IE\a.htm
- L\Microsoft\Windows\WebCache\WebCacheV01.dat
- L\Microsoft\Windows\Explorer\thumbcache_256.db
- L\CrashDumps\a.dmp
- L\Packages\Some.App_x\AC\Temp\a
- L\Packages\Some.App_x\LocalState\state.json
- L\SomeProgram\program.exe
Google Chrome
+ L\Google\Chrome\User Data\Local State
+ L\Google\Chrome\User Data\Default\Bookmarks
+ L\Google\Chrome\User Data\Default\History
+ L\Google\Chrome\User Data\Default\Login Data
+ L\Google\Chrome\User Data\Default\Extensions\abc\1.0\manifest.json
+ L\Google\Chrome\User Data\Default\Local Storage\leveldb\000003.log
+ L\Google\Chrome\User Data\Profile 1\Bookmarks
- L\Google\Chrome\User Data\Default\Cache\Cache_Data\data_0
- L\Google\Chrome\User Data\Default\Code Cache\js\index
- L\Google\Chrome\User Data\Default\GPUCache\data_0
- L\Google\Chrome\User Data\Default\Service Worker\CacheStorage\x
- L\Google\Chrome\User Data\Profile 1\Cache\Cache_Data\data_0
- L\Google\Chrome\User Data\ShaderCache\data_0
- L\Google\Chrome\User Data\Crashpad\reports\x.dmp
- L\Google\Chrome\User Data\Safe Browsing\UrlSoceng.store
- L\Google\Chrome\User Data\lockfile
- L\Google\Chrome\Application\chrome.exe
Microsoft Edge
+ L\Microsoft\Edge\User Data\Default\Bookmarks
+ L\Microsoft\Edge\User Data\Default\Collections\collectionsSQLite
- L\Microsoft\Edge\User Data\Default\Cache\Cache_Data\data_0
- L\Microsoft\EdgeUpdate\Log\update.log
- L\Microsoft\EdgeWebView\Application\x.dll
Brave
+ L\BraveSoftware\Brave-Browser\User Data\Default\Bookmarks
- L\BraveSoftware\Brave-Browser\User Data\Default\Code Cache\js\index
- L\BraveSoftware\Update\BraveUpdate.exe
Chromium
+ L\Chromium\User Data\Default\Bookmarks
- L\Chromium\User Data\Default\GPUCache\data_0
Mozilla Firefox
+ R\Mozilla\Firefox\profiles.ini
+ R\Mozilla\Firefox\installs.ini
+ R\Mozilla\Firefox\Profiles\x.default-release\places.sqlite
+ R\Mozilla\Firefox\Profiles\x.default-release\logins.json
+ R\Mozilla\Firefox\Profiles\x.default-release\key4.db
- R\Mozilla\Firefox\Profiles\x.default-release\parent.lock
- R\Mozilla\Firefox\Profiles\x.default-release\datareporting\state.json
- R\Mozilla\Firefox\Crash Reports\InstallTime
- L\Mozilla\Firefox\Profiles\x.default-release\cache2\entries\A
Mozilla Firefox (Store)
+ L\Packages\Mozilla.Firefox_n80bbvh6b1yt2\LocalCache\Roaming\Mozilla\Firefox\profiles.ini
- L\Packages\Mozilla.Firefox_n80bbvh6b1yt2\LocalCache\Local\Mozilla\Firefox\Profiles\x\cache2\A
- L\Packages\Mozilla.Firefox_n80bbvh6b1yt2\LocalCache\Roaming\Mozilla\Firefox\Crash Reports\A
Internet Explorer
+ HKCU\Software\Microsoft\Internet Explorer\Main [Start Page]
+ HKCU\Software\Microsoft\Internet Explorer\TypedURLs [url1]
- HKCU\Software\Microsoft\Internet Explorer\Main [Window_Placement]
- L\Microsoft\Internet Explorer\Recovery\Last Active\x.dat
Microsoft Edge (legacy)
+ L\Packages\Microsoft.MicrosoftEdge_8wekyb3d8bbwe\AC\MicrosoftEdge\User\Default\DataStore\Data\nouser1\120712-0049\DBStore\spartan.edb
- L\Packages\Microsoft.MicrosoftEdge_8wekyb3d8bbwe\AC\MicrosoftEdge\Cache\A\x.js
Outlook data files of the user
+ L\Microsoft\Outlook\anna@example.com.pst
- L\Microsoft\Outlook\anna@example.com.ost
- L\Microsoft\Outlook\16\AutoD.xml
Outlook accounts
+ HKCU\Software\Microsoft\Office\16.0\Outlook\Profiles\Outlook\9375CFF0413111d3B88A00104B2A6676\00000002 [001f6700]
+ HKCU\Software\Microsoft\Office\16.0\Outlook [DefaultProfile]
+ HKCU\Software\Microsoft\Windows NT\CurrentVersion\Windows Messaging Subsystem\Profiles\Old\13dbb0c8aa05101a9bb000aa002fc45a [001f3001]
+ HKCU\Software\Microsoft\Office\16.0\Common\MailSettings [NewSignature]
- HKCU\Software\Microsoft\Office\16.0\Outlook\Search\Catalog [C:\x.ost]
- HKCU\Software\Microsoft\Office\16.0\Outlook\Resiliency\DocumentRecovery [x]
Outlook signatures
+ R\Microsoft\Signatures\work.htm
+ R\Microsoft\Signatures\work_files\logo.png
+ R\Microsoft\Stationery\blue.htm
- R\Microsoft\Signature Cache\work.htm
Outlook rules, views and names
+ R\Microsoft\Outlook\Outlook.srs
+ R\Microsoft\Outlook\Outlook.NK2
+ L\Microsoft\Outlook\RoamCache\Stream_Autocomplete_0_AB.dat
- L\Microsoft\Outlook\RoamCache\Stream_Calendar_2_AB.dat
New Outlook
+ L\Microsoft\Olk\UserSettings.json
+ L\Packages\Microsoft.OutlookForWindows_8wekyb3d8bbwe\LocalState\settings.json
- L\Microsoft\Olk\EBWebView\Default\Network\Cookies
- L\Microsoft\Olk\logs\olk.log
- L\Packages\Microsoft.OutlookForWindows_8wekyb3d8bbwe\TempState\a
Thunderbird
+ R\Thunderbird\profiles.ini
+ R\Thunderbird\Profiles\x.default\Mail\Local Folders\Inbox
+ R\Thunderbird\Profiles\x.default\abook.sqlite
+ R\Thunderbird\Profiles\x.default\key4.db
- R\Thunderbird\Profiles\x.default\parent.lock
- R\Thunderbird\Profiles\x.default\minidumps\x.dmp
- L\Thunderbird\Profiles\x.default\cache2\A
Mail of Windows
+ L\Microsoft\Windows Live Mail\Inbox\1.eml
+ L\Comms\UnistoreDB\store.vol
- L\Comms\Temp\a
- L\Microsoft\Windows Live\Installer\x.log
Outlook Express
+ L\Identities\{1}\Microsoft\Outlook Express\Inbox.dbx
+ HKCU\Identities [Default User ID]
- L\Identities\{1}\Microsoft\Outlook Express\cleanup.log
Office templates and dictionaries
+ R\Microsoft\Templates\Normal.dotm
+ R\Microsoft\UProof\CUSTOM.DIC
+ R\Microsoft\Word\STARTUP\tool.dotm
+ R\Microsoft\Excel\XLSTART\PERSONAL.XLSB
+ R\Microsoft\MS Project\16\1033\Global.MPT
+ L\Microsoft\Office\Word.officeUI
- R\Microsoft\Templates\LiveContent\16\Managed\x.dotx
- R\Microsoft\Templates\~$Normal.dotm
- R\Microsoft\Office\Recent\index.dat
- L\Microsoft\Office\16.0\OfficeFileCache\x.fsd
Office options
+ HKCU\Software\Microsoft\Office\16.0\Word\Options [AutosaveInterval]
+ HKCU\Software\Microsoft\Office\16.0\Excel\Options [Font]
+ HKCU\Software\Microsoft\Office\Common\UserInfo [UserName]
- HKCU\Software\Microsoft\Office\16.0\Word\File MRU [Item 1]
- HKCU\Software\Microsoft\Office\16.0\Common\Identity\Identities\1 [EmailAddress]
- HKCU\Software\Microsoft\Office\16.0\Common\Licensing [x]
Office unsaved work
+ L\Microsoft\Office\UnsavedFiles\Document1.asd
+ R\Microsoft\Word\AutoRecovery save of plan.asd
- R\Microsoft\Word\ListGal.dat
OneNote
+ L\Microsoft\OneNote\16.0\Backup\Notes\a.one
+ L\Microsoft\OneNote\16.0\cache\00000001.bin
+ HKCU\Software\Microsoft\Office\16.0\OneNote\OpenNotebooks [1]
- L\Microsoft\OneNote\16.0\cache\tmp\a
- L\Microsoft\OneNote\16.0\Logs\a.log
Sticky Notes
+ L\Packages\Microsoft.MicrosoftStickyNotes_8wekyb3d8bbwe\LocalState\plum.sqlite
+ L\Packages\Microsoft.MicrosoftStickyNotes_8wekyb3d8bbwe\LocalState\plum.sqlite-wal
+ R\Microsoft\Sticky Notes\StickyNotes.snt
- L\Packages\Microsoft.MicrosoftStickyNotes_8wekyb3d8bbwe\LocalState\notes.log
- L\Packages\Microsoft.MicrosoftStickyNotes_8wekyb3d8bbwe\TempState\a
Notepad, unsaved tabs
+ L\Packages\Microsoft.WindowsNotepad_8wekyb3d8bbwe\LocalState\TabState\1.bin
- L\Packages\Microsoft.WindowsNotepad_8wekyb3d8bbwe\LocalState\WindowState\1.bin
Notepad++
+ R\Notepad++\config.xml
+ R\Notepad++\backup\new 1@2024-05-13
- R\Notepad++\plugins\x\x.dll
- R\Notepad++\nppLogNulContent.log
Visual Studio Code
+ R\Code\User\settings.json
+ R\Code\User\snippets\go.json
+ P\.vscode\extensions\extensions.json
- R\Code\CachedData\a
- R\Code\logs\a.log
- R\Code\User\globalStorage\a\a.log
- P\.vscode\extensions\golang.go-0.41\package.json
Visual Studio
+ L\Microsoft\VisualStudio\17.0_1\Settings\CurrentSettings.vssettings
- L\Microsoft\VisualStudio\17.0_1\ComponentModelCache\a
- L\Microsoft\VisualStudio\17.0_1\Settings\CurrentSettings.bak
JetBrains
+ R\JetBrains\GoLand2024.1\options\editor.xml
- R\JetBrains\GoLand2024.1\.lock
- L\JetBrains\GoLand2024.1\caches\a
Windows Terminal
+ L\Packages\Microsoft.WindowsTerminal_8wekyb3d8bbwe\LocalState\settings.json
- L\Packages\Microsoft.WindowsTerminal_8wekyb3d8bbwe\LocalState\state.json
PowerShell history
+ R\Microsoft\Windows\PowerShell\PSReadLine\ConsoleHost_history.txt
- L\Microsoft\Windows\PowerShell\ModuleAnalysisCache
PuTTY
+ HKCU\Software\SimonTatham\PuTTY\Sessions\srv [HostName]
+ HKCU\Software\SimonTatham\PuTTY\SshHostKeys [ssh-ed25519@22:srv]
- HKCU\Software\SimonTatham\PuTTY\Jumplist [Recent sessions]
- L\PUTTY.RND
WinSCP
+ HKCU\Software\Martin Prikryl\WinSCP 2\Sessions\srv [HostName]
+ R\WinSCP.ini
- HKCU\Software\Martin Prikryl\WinSCP 2\CDCache [x]
- R\WinSCP.rnd
FileZilla
+ R\FileZilla\sitemanager.xml
+ R\FileZilla\filezilla.xml
- R\FileZilla\queue.sqlite3
- L\FileZilla\default_cache20x20.png
7-Zip
+ HKCU\Software\7-Zip\Options [MenuIcons]
- HKCU\Software\7-Zip\FM [FolderHistory]
- HKCU\Software\7-Zip\Extraction [PathHistory]
KeePass
+ R\KeePass\KeePass.config.xml
- R\KeePass\ProtectedUserKey.bin
Remote Desktop
+ HKCU\Software\Microsoft\Terminal Server Client\Servers\srv [UsernameHint]
+ R\Microsoft\Workspaces\{1}\Resource\app.rdp
- L\Microsoft\Terminal Server Client\Cache\bcache24.bmc
- HKCU\Software\Microsoft\Terminal Server Client\UsrPin [srv]
Dial-up and VPN connections
+ R\Microsoft\Network\Connections\Pbk\rasphone.pbk
+ P\OpenVPN\config\work.ovpn
- R\Microsoft\Network\Connections\Pbk\rasphone.bak
- P\AppData\Local\OpenVPN\work.log
Windows Subsystem for Linux
+ L\Packages\CanonicalGroupLimited.Ubuntu_79rhkp1fndgsc\LocalState\ext4.vhdx
+ L\wsl\{2}\ext4.vhdx
+ HKCU\Software\Microsoft\Windows\CurrentVersion\Lxss\{1} [BasePath]
+ P\.wslconfig
+ D:\Linux\debian\ext4.vhdx
- D:\Linux\debian\swap.vhdx
- L\Temp\{3}\swap.vhdx
- L\Packages\CanonicalGroupLimited.Ubuntu_79rhkp1fndgsc\TempState\a
- L\Packages\CanonicalGroupLimited.Ubuntu_79rhkp1fndgsc\LocalState\rootfs\tmp\a
SAP GUI
+ R\SAP\Common\SAPUILandscape.xml
- R\SAP\SAP GUI\Traces\a.trc
Microsoft Teams
+ R\Microsoft\Teams\Backgrounds\Uploads\a.jpg
+ L\Packages\MSTeams_8wekyb3d8bbwe\LocalCache\Microsoft\MSTeams\Backgrounds\Uploads\b.jpg
- R\Microsoft\Teams\Cache\data_0
- L\Packages\MSTeams_8wekyb3d8bbwe\LocalCache\Microsoft\MSTeams\EBWebView\Default\Cookies
Telegram, Signal
+ R\Telegram Desktop\tdata\key_datas
+ R\Signal\sql\db.sqlite
- R\Telegram Desktop\tdata\user_data\cache\0\a
- R\Signal\logs\main.log
Backups of iPhone and iPad
+ R\Apple Computer\MobileSync\Backup\00008030-1\Manifest.db
- R\Apple Computer\Logs\a.log
SSH keys
+ P\.ssh\id_ed25519
+ P\.ssh\known_hosts
- P\.ssh\agent.sock
GnuPG keys
+ R\gnupg\pubring.kbx
+ R\gnupg\private-keys-v1.d\A.key
- R\gnupg\S.gpg-agent
- R\gnupg\random_seed
Git configuration
+ P\.gitconfig
+ P\.config\git\ignore
- P\.cache\git\a
Cloud and container tools
+ P\.aws\credentials
+ P\.kube\config
+ P\.docker\config.json
+ P\.npmrc
- P\.kube\cache\discovery\a
- P\.azure\msal_token_cache.bin
- P\.aws\cli\cache\a.json
Certificates
+ R\Microsoft\SystemCertificates\My\Certificates\AB12
+ HKCU\Software\Microsoft\SystemCertificates\Root\Certificates\AB12 [Blob]
- HKCU\Software\Microsoft\SystemCertificates\AuthRoot\Certificates\CD34 [Blob]
Encryption keys
+ R\Microsoft\Protect\S-1-5-21-1-2-3-1001\1c2d
+ R\Microsoft\Crypto\RSA\S-1-5-21-1-2-3-1001\a_b
+ HKCU\Software\Microsoft\Windows NT\CurrentVersion\EFS\CurrentKeys [CertificateHash]
- R\Microsoft\Credentials\AB12
- L\Microsoft\Credentials\CD34
- L\Microsoft\Vault\{4}\x.vcrd
- L\Microsoft\TokenBroker\Cache\a.tbres
- L\Microsoft\OneAuth\accounts\a
Wallpaper and themes
+ HKCU\Control Panel\Desktop [TileWallpaper]
+ D:\Backgrounds\hills.bmp
+ HKCU\Control Panel\Colors [Background]
+ HKCU\Control Panel\Cursors [Arrow]
+ R\Microsoft\Windows\Themes\TranscodedWallpaper
+ L\Microsoft\Windows\Themes\Custom.theme
- D:\Backgrounds\lake.bmp
- R\Microsoft\Windows\Themes\CachedFiles\CachedImage_1920.jpg
- HKCU\Control Panel\Desktop\PerMonitorSettings\X [DpiValue]
Mouse
+ HKCU\Control Panel\Mouse [MouseSpeed]
- HKCU\Control Panel\Bluetooth [Notification Area Icon]
Keyboard
+ HKCU\Control Panel\Keyboard [KeyboardDelay]
+ HKCU\Keyboard Layout\Preload [1]
- HKCU\Software\Microsoft\CTF\LangBar [ShowStatus]
Accessibility
+ HKCU\Control Panel\Accessibility\StickyKeys [Flags]
- HKCU\Software\Microsoft\Windows NT\CurrentVersion\Accessibility\Temp [x]
Region and language
+ HKCU\Control Panel\International [sShortDate]
+ HKCU\Control Panel\International\User Profile [Languages]
- HKCU\Software\Microsoft\Windows\CurrentVersion\Language Cache [x]
Console windows
+ HKCU\Console [FaceName]
- HKCU\Software\Microsoft\Command Processor\Cache [x]
Explorer
+ HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\Advanced [HideFileExt]
+ R\Microsoft\Windows\SendTo\x.lnk
+ R\Microsoft\Windows\Libraries\Documents.library-ms
+ R\Microsoft\Windows\AccountPictures\a.accountpicture-ms
- HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\RecentDocs [0]
- HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\UserAssist\{5}\Count [x]
- HKCU\Software\Microsoft\Windows\CurrentVersion\Run [x]
Taskbar
+ R\Microsoft\Internet Explorer\Quick Launch\User Pinned\TaskBar\x.lnk
+ HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\Taskband [Favorites]
- R\Microsoft\Internet Explorer\Quick Launch\User Pinned\ImplicitAppShortcuts\a\x.lnk
- HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\TrayNotify [x]
Start
+ R\Microsoft\Windows\Start Menu\Programs\x.lnk
+ R\Microsoft\Internet Explorer\Quick Launch\User Pinned\StartMenu\x.lnk
+ L\Packages\Microsoft.Windows.StartMenuExperienceHost_cw5n1h2txyewy\LocalState\start2.bin
- L\Packages\Microsoft.Windows.StartMenuExperienceHost_cw5n1h2txyewy\TempState\StartUnifiedTileModelCache.dat
Quick Access
+ R\Microsoft\Windows\Recent\AutomaticDestinations\f01b4d95cf55d32a.automaticDestinations-ms
- R\Microsoft\Windows\Recent\AutomaticDestinations\5f7b5f1e01b83767.automaticDestinations-ms
- R\Microsoft\Windows\Recent\letter.lnk
Jump lists
+ R\Microsoft\Windows\Recent\CustomDestinations\28c8b86deab549a1.customDestinations-ms
- R\Microsoft\Windows\Recent\CustomDestinations\28c8b86deab549a1.customDestinations-ms~RF1a2b3.TMP
Mapped drives
+ HKCU\Network\Z [RemotePath]
- HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\MountPoints2\##srv#data [_LabelFromReg]
Printers
+ HKCU\Printers\Connections\,,srv,hp [Server]
+ HKCU\Software\Microsoft\Windows NT\CurrentVersion\Windows [Device]
- HKCU\Software\Microsoft\Windows NT\CurrentVersion\Windows [Load]
- HKCU\Software\Microsoft\Windows NT\CurrentVersion\PrinterPorts [hp]
Power
+ HKCU\Control Panel\PowerCfg [CurrentPowerPolicy]
- HKCU\Control Panel\Power Cache [x]
Environment variables
+ HKCU\Environment [GOPATH]
- HKCU\Volatile Environment [LOGONSERVER]
- HKCU\Environment [TMP]
Fonts of the user
+ L\Microsoft\Windows\Fonts\own.ttf
+ HKCU\Software\Microsoft\Windows NT\CurrentVersion\Fonts [Own (TrueType)]
- L\Microsoft\FontCache\4\a.ttf
- L\Microsoft\Windows\Fonts\Deleted\old.ttf
Spelling
+ R\Microsoft\Spelling\en-US\default.dic
- L\Microsoft\Spelling Cache\a
Sounds
+ HKCU\AppEvents\Schemes\Apps\.Default\SystemExit\.Current []
- HKCU\AppEvents\EventLabels\x []
Proxy
+ HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings [ProxyServer]
- HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings [User Agent]
- HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings\5.0\Cache\Content [CachePrefix]
ODBC data sources
+ HKCU\Software\ODBC\ODBC.INI\Stock [Server]
- HKCU\Software\ODBC\ODBCINST.INI\Temp [x]

@ berta
Desktop
+ D:\OneDrive - Kontor\Desktop\todo.txt
- D:\OneDrive - Kontor\Desktop\Thumbs.db
Documents
+ D:\Papers of berta\offer.docx
+ D:\Papers of berta\2019\scan.bin
- D:\Papers of berta\~$offer.docx
Profile folder
+ P\Documents\left behind.txt
- L\Temp\a.tmp
Cloud folders
+ D:\OneDrive - Kontor\Project\report.pages
- D:\OneDrive - Kontor\Project\~$report.docx
Opera
+ R\Opera Software\Opera Stable\Bookmarks
+ R\Opera Software\Opera GX Stable\Bookmarks
- R\Opera Software\Opera Stable\Code Cache\js\index
- R\Opera Software\Opera GX Stable\Crashpad\reports\a.dmp
- L\Opera Software\Opera Stable\Cache\data_0
- L\Programs\Opera\opera.exe
Vivaldi
+ L\Vivaldi\User Data\Default\Bookmarks
+ L\Vivaldi\User Data\Default\Notes
- L\Vivaldi\User Data\Default\Cache\Cache_Data\data_0
- L\Vivaldi\Application\vivaldi.exe
Google Chrome
+ L\Google\Chrome\User Data\Default\Bookmarks
- L\Google\Chrome\User Data\Default\Cache\Cache_Data\data_0
Mozilla Firefox
+ R\Mozilla\Firefox\Profiles\y.default\places.sqlite
- R\Mozilla\Firefox\Profiles\y.default\crashes\a
Outlook signatures
+ R\Microsoft\Unterschriften\berta.htm
- R\Microsoft\Unterlagen\berta.htm
Outlook data files of the user
+ D:\Papers of berta\Outlook Files\archive.pst
- D:\Papers of berta\Outlook Files\archive.pst.tmp
Wallpaper and themes
+ R\Microsoft\Windows\Themes\TranscodedWallpaper
- C:\Windows\Web\Wallpaper\Windows\img0.jpg
Remote Desktop
+ D:\Papers of berta\Default.rdp
- L\Microsoft\Terminal Server Client\Cache\Cache0000.bin

@
Public folder
+ C:\Users\Public\Exchange\board.xyz
- C:\Users\Public\Exchange\Thumbs.db
Public desktop
+ C:\Users\Public\Desktop\app.lnk
- C:\Users\Public\Desktop\Thumbs.db
Public documents
+ C:\Users\Public\Documents\shared.docx
- C:\Users\Public\Documents\~$shared.docx
Public downloads
+ C:\Users\Public\Downloads\f.zip
- C:\Users\Public\Downloads\f.tmp
Public pictures
+ C:\Users\Public\Pictures\p.jpg
- C:\Users\Public\Pictures\Thumbs.db
Public music
+ C:\Users\Public\Music\a.mp3
- C:\Users\Public\Music\a.tmp
Public videos
+ C:\Users\Public\Videos\a.mp4
- C:\Users\Public\Videos\ehthumbs.db
Public favorites
+ C:\Users\Public\Favorites\a.url
- C:\Users\Public\Favorites\a.tmp
Documents elsewhere
+ C:\letter.pdf
+ C:\Work\plan.docx
+ D:\Work\2019\list.xlsx
+ D:\safe.kdbx
+ D:\Work\server.rdp
- D:\Work\~$list.xlsx
- D:\Work\tool.exe
- C:\Program Files\App\manual.pdf
- C:\ProgramData\App\manual.pdf
- C:\Windows\Help\readme.txt
- C:\Intel\Logs\driver.txt
- C:\$Recycle.Bin\S-1-5-21-1\$R1.docx
- C:\$WinREAgent\Scratch\old.docx
- D:\src\node_modules\a\README.md
- C:\pagefile.sys
Pictures elsewhere
+ D:\Photos\2023\sea.jpg
+ D:\Photos\2023\sea.cr2
- D:\Photos\2023\Thumbs.db
- D:\Games\steamapps\common\game\loading.jpg
Music elsewhere
+ D:\Records\song.flac
- D:\Records\cover.ini
- D:\Games\steamapps\common\game\theme.mp3
Videos elsewhere
+ D:\Films\film.mkv
- D:\Games\steamapps\common\game\intro.mp4
Outlook data files elsewhere
+ D:\Mail\2012.pst
+ C:\archive\old.pst
- D:\Mail\2012.ost
- C:\Windows\Temp\old.pst
Power
+ HKLM\SYSTEM\CurrentControlSet\Control\Power\User\PowerSchemes [ActivePowerScheme]
- HKLM\SYSTEM\CurrentControlSet\Control\Power [HibernateEnabled]
Wi-Fi networks
+ C:\ProgramData\Microsoft\Wlansvc\Profiles\Interfaces\{1}\{2}.xml
- C:\ProgramData\Microsoft\Wlansvc\Profiles\Interfaces\{1}\{2}.tmp
Scheduled tasks
+ C:\Windows\System32\Tasks\Backup at night
+ HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\Backup at night [SD]
- C:\Windows\System32\Tasks\Microsoft\Windows\Defrag\ScheduledDefrag
- HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\Microsoft\Windows\Defrag\ScheduledDefrag [SD]
- HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tasks\{1} [Hash]
Hosts file
+ C:\Windows\System32\drivers\etc\hosts
- C:\Windows\System32\drivers\etc\services
VPN connections of the machine
+ C:\ProgramData\Microsoft\Network\Connections\Pbk\rasphone.pbk
- C:\ProgramData\Microsoft\Network\Connections\Pbk\rasphone.bak
Printers of the machine
+ HKLM\SYSTEM\CurrentControlSet\Control\Print\Printers\HP [Port]
+ HKLM\SYSTEM\CurrentControlSet\Control\Print\Monitors\Standard TCP/IP Port\Ports\IP_10.0.0.9 [HostName]
- HKLM\SYSTEM\CurrentControlSet\Control\Print\Environments\Windows x64\Drivers\Version-3\HP [Driver]
Environment of the machine
+ HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment [JAVA_HOME]
- HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment [NUMBER_OF_PROCESSORS]
Shared folders
+ HKLM\SYSTEM\CurrentControlSet\Services\LanmanServer\Shares [Data]
- HKLM\SYSTEM\CurrentControlSet\Services\LanmanServer\Parameters [x]
ODBC data sources of the machine
+ HKLM\SOFTWARE\ODBC\ODBC.INI\Stock [Server]
- HKLM\SOFTWARE\ODBC\ODBCINST.INI\SQL Server [Driver]
`
