//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// fill makes the tree below the mount point and writes the list of patches.
func fill(root, patches string) error {
	v := &volume{root: root, reparse: map[string][]byte{}}
	if exists(v.host("Windows")) {
		return errors.New("the volume has a Windows already")
	}
	v.windows()
	v.anna()
	v.bob()
	v.otherProfiles()
	v.oddities()
	v.deleted()
	v.finish()
	if v.err != nil {
		return v.err
	}
	return os.WriteFile(patches, []byte(strings.Join(v.patch, "\n")+"\n"), 0o644)
}

// second adds another, much smaller Windows.
func second(root string) error {
	v := &volume{root: root, reparse: map[string][]byte{}}
	v.dir("Windows2", object{sd: sdSystem()})
	v.file("Windows2/System32/config/SYSTEM", build(systemHive("OTHER-PC"), configPath+"SYSTEM"), object{sd: sdConfig()})
	v.file("Windows2/System32/config/SOFTWARE", build(software(), configPath+"SOFTWARE"), object{sd: sdConfig()})
	v.file("Windows2/System32/ntoskrnl.exe", pe(0x8664))
	v.file("Windows2/explorer.exe", pe(0x8664))
	v.finish()
	return v.err
}

// text returns n bytes of words, fixed by seed; it compresses as texts do.
func text(seed string, n int) string {
	words := strings.Fields("the cold state of a machine that does not run is a folder of letters pictures and numbers " +
		"which somebody wants back tomorrow morning Straße Übung café naïve 1024 and nothing may be missing")
	r := rand.New(rand.NewPCG(uint64(len(seed)), uint64(hivegen.Hash(seed))))
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(" \n"[r.IntN(8)/7])
	}
	return b.String()[:n]
}

// numbered returns n bytes of lines that are all different.
func numbered(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()[:n]
}

// noise returns n bytes that do not compress, fixed by seed.
func noise(seed string, n int) string { return string(hivegen.Marker("noise "+seed, n)) }

// pe returns a small program file with valid headers for machine.
func pe(machine uint16) string {
	b := make([]byte, 1024)
	copy(b, "MZ")
	le.PutUint32(b[60:], 0x80)
	h := b[0x80:]
	copy(h, "PE\x00\x00")
	le.PutUint16(h[4:], machine)
	le.PutUint16(h[6:], 1)     // sections
	le.PutUint16(h[20:], 240)  // size of the optional header
	le.PutUint16(h[22:], 0x22) // executable, large addresses
	o := h[24:]
	le.PutUint16(o, 0x20b) // PE32+
	le.PutUint32(o[4:], 512)
	le.PutUint32(o[16:], 0x1000) // entry point
	le.PutUint32(o[20:], 0x1000)
	le.PutUint64(o[24:], 0x140000000)
	le.PutUint32(o[32:], 0x1000)
	le.PutUint32(o[36:], 512)
	le.PutUint16(o[40:], 10)
	le.PutUint16(o[48:], 10)
	le.PutUint32(o[56:], 0x2000)
	le.PutUint32(o[60:], 512)
	le.PutUint16(o[68:], 1) // native
	le.PutUint32(o[108:], 16)
	s := o[240:]
	copy(s, ".text")
	le.PutUint32(s[8:], 16)
	le.PutUint32(s[12:], 0x1000)
	le.PutUint32(s[16:], 512)
	le.PutUint32(s[20:], 512)
	le.PutUint32(s[36:], 0x60000020)
	b[512] = 0xc3 // ret
	return string(b)
}

// lnk returns a shell link to target ([MS-SHLLINK], header and one string).
func lnk(target string) string {
	b := make([]byte, 76)
	le.PutUint32(b, 76)
	copy(b[4:], []byte{0x01, 0x14, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46})
	le.PutUint32(b[20:], 0x88) // relative path, Unicode
	le.PutUint32(b[60:], 1)
	u := hivegen.UTF16(target)
	b = le.AppendUint16(b, uint16(len(u)/2))
	return string(append(append(b, u...), 0, 0, 0, 0))
}

func zone(host string) []stream {
	return []stream{{"Zone.Identifier", "[ZoneTransfer]\r\nZoneId=3\r\nReferrerUrl=https://" + host + "/\r\nHostUrl=https://" + host + "/download\r\n"}}
}

func (v *volume) windows() {
	sys, cfg := object{sd: sdSystem()}, object{sd: sdConfig()}
	v.dir("Windows", sys)
	v.file("Windows/explorer.exe", pe(0x8664), sys)
	v.file("Windows/notepad.exe", pe(0x8664), sys)
	v.file("Windows/win.ini", "; for 16-bit app support\r\n[fonts]\r\n[extensions]\r\n[mci extensions]\r\n[files]\r\n[Mail]\r\nMAPI=1\r\n", sys)
	v.dir("Windows/System32", sys)
	v.file("Windows/System32/ntoskrnl.exe", pe(0x8664), sys)
	v.file("Windows/System32/ntdll.dll", pe(0x8664), sys)
	v.link("Windows/notepad.exe", "Windows/System32/notepad.exe")
	v.file("Windows/System32/drivers/etc/hosts", "# hosts\r\n127.0.0.1 localhost\r\n192.0.2.7 build.example.com\r\n", sys)
	v.dir("Windows/System32/config", cfg)
	hives := []struct{ name, content string }{
		{"SOFTWARE", build(software(), configPath+"SOFTWARE")},
		{"SYSTEM", build(systemHive(testimages.ComputerName), configPath+"SYSTEM")},
		{"SAM", string(testimages.SAM().Hive())},
		{"SECURITY", build(testimages.Security(), configPath+"SECURITY")},
		{"DEFAULT", build(ntuser("Default"), configPath+"DEFAULT")},
	}
	for _, h := range hives {
		v.file("Windows/System32/config/"+h.name, h.content, cfg)
		for _, log := range []string{".LOG1", ".LOG2"} {
			content := ""
			if h.name+log == "SAM.LOG1" {
				content = string(testimages.SAMLog())
			}
			v.file("Windows/System32/config/"+h.name+log, content, cfg, object{attr: hidden | system | archive})
		}
	}
	for _, h := range hives {
		v.file("Windows/System32/config/RegBack/"+h.name, h.content, cfg)
	}
	v.dir("Windows/System32/config/systemprofile/Desktop")
	v.file("Windows/ServiceProfiles/LocalService/NTUSER.DAT", build(hivegen.K("ROOT"), ""), cfg)
	v.file("Windows/ServiceProfiles/NetworkService/NTUSER.DAT", build(hivegen.K("ROOT"), ""), cfg)
	v.file("Windows/SysWOW64/ntdll.dll", pe(0x14c), sys)
	v.file("Windows/Fonts/arial.ttf", noise("font", 1200), sys)
	v.file("Windows/Temp/left over.tmp", text("tmp", 900))
	v.dir("Windows/Prefetch")

	v.file("pagefile.sys", noise("page", 1365), object{attr: hidden | system, sd: sdConfig()})
	v.file("hiberfil.sys", strings.Repeat("\x00", 8192), object{attr: hidden | system, sd: sdConfig()})
	v.file("swapfile.sys", strings.Repeat("swap", 2048), object{attr: hidden | system, sd: sdConfig()})
	v.dir("PerfLogs")
	v.dir("Recovery", object{attr: hidden | system})
	v.file("System Volume Information/tracking.log", text("tracking", 2000))
	v.dir("System Volume Information", object{attr: hidden | system, sd: sdConfig()})
	v.file("$Recycle.Bin/"+testimages.AnnaSID+"/desktop.ini", "[.ShellClassInfo]\r\nCLSID={645FF040-5081-101B-9F08-00AA002F954E}\r\n", object{attr: hidden | system})
	v.file("$Recycle.Bin/"+testimages.AnnaSID+"/$R7K2P1Q.txt", text("bin", 700))
	v.dir("$Recycle.Bin", object{attr: hidden | system})
	v.file("Program Files/7-Zip/7z.exe", pe(0x8664), sys)
	v.file("Program Files/7-Zip/License.txt", text("licence", 1500), sys)
	v.dir("Program Files/Common Files")
	v.file("Program Files (x86)/PuTTY/putty.exe", pe(0x14c), sys)
	v.file("ProgramData/Microsoft/Windows/Start Menu/Programs/7-Zip/7-Zip File Manager.lnk", lnk(`C:\Program Files\7-Zip\7zFM.exe`))
	v.file("ProgramData/Contoso/settings.json", "{\n  \"server\": \"build.example.com\",\n  \"port\": 8443\n}\n")
	v.file("Data/Projekte/Plan 2024.txt", text("plan", 5000), object{sd: sdDenied(testimages.AnnaSID)})
	v.file("Data/Projekte/Zeichnung.dwg", noise("drawing", 3000), object{sd: sdDenied(testimages.AnnaSID)})
	v.dir("Data", object{sd: sdEveryone()})
	v.dir("ProgramData", object{attr: hidden | notIndexed})
	v.dir("Documents and Settings", object{attr: hidden | system, reparse: junction(`C:\Users`)})
}

// profile makes what every profile has.
func (v *volume) profile(name, sid string, hive string, classes bool) {
	p := "Users/" + name + "/"
	own, private := object{sd: sdInherited(sid)}, object{sd: sdPrivate(sid)}
	v.dir("Users/"+name, object{sd: sdProfile(sid)})
	for _, d := range []string{"Desktop", "Documents", "Downloads", "Pictures", "Music", "Videos", "Favorites", "Links", "Saved Games",
		"AppData/Local/Temp", "AppData/LocalLow", "AppData/Roaming/Microsoft/Windows/SendTo"} {
		v.dir(p+d, own)
	}
	v.dir(p+"AppData", object{attr: hidden})
	if hive != "" {
		v.file(p+"NTUSER.DAT", hive, object{attr: hidden | archive}, private)
		v.file(p+"ntuser.dat.LOG1", "", object{attr: hidden | system | archive})
		v.file(p+"ntuser.dat.LOG2", "", object{attr: hidden | system | archive})
		v.file(p+"ntuser.ini", "\xff\xfe\r\x00\n\x00", object{attr: hidden | system})
	}
	if classes {
		v.file(p+"AppData/Local/Microsoft/Windows/UsrClass.dat", string(hivegen.Build(usrClass(sid), hivegen.Options{Minor: 3})), object{attr: hidden | archive}, private)
	}
	for _, j := range [][2]string{{"Application Data", `AppData\Roaming`}, {"Local Settings", `AppData\Local`}, {"My Documents", "Documents"}} {
		v.dir(p+j[0], object{attr: hidden | system | notIndexed, reparse: junction(`C:\Users\` + name + `\` + j[1])})
	}
	v.file(p+"Documents/desktop.ini", "[.ShellClassInfo]\r\nLocalizedResourceName=@%SystemRoot%\\system32\\shell32.dll,-21770\r\n", object{attr: hidden | system})
	// A junction into the folder that holds it, as Windows makes it.
	v.dir(p+"AppData/Local/Application Data", object{attr: hidden | system | notIndexed, reparse: junction(`C:\Users\` + name + `\AppData\Local`)})
}

func (v *volume) anna() {
	v.profile("anna", testimages.AnnaSID, build(ntuserAnna(), `\??\C:\Users\anna\ntuser.dat`), true)
	own := object{sd: sdInherited(testimages.AnnaSID)}
	p := "Users/anna/"

	v.file(p+"Documents/Brief an die Behörde.docx", "PK\x03\x04"+noise("letter", 1200), own, object{short: "BRIEFA~1.DOC"})
	v.file(p+"Documents/budget.xlsx", "PK\x03\x04"+noise("budget", 1333), own)
	v.link(p+"Documents/budget.xlsx", p+"Desktop/budget (second name).xlsx")
	v.file(p+"Documents/notes.txt", text("notes", 300), own)
	v.file(p+"Documents/manuscript.txt", text("manuscript", 30000), own, object{short: "MANUSC~1.TXT"})
	v.file(p+"Documents/Steuer/2022/Steuererklärung 2022.pdf", "%PDF-1.7\n"+noise("tax 2022", 2000), own)
	v.file(p+"Documents/Steuer/2023/Steuererklärung 2023.pdf", "%PDF-1.7\n"+noise("tax 2023", 2000), own)
	v.file(p+"Documents/Outlook Files/anna.pst", "!BDN"+strings.Repeat("\x00", 508)+text("mail", 15000), own)
	v.file(p+"Documents/empty.txt", "", own)
	v.dir(p+"Documents/empty folder", own)
	v.file(p+"Documents/stream only", "", own, object{streams: []stream{{"content", "all there is to this file\n"}}})
	v.file(p+"Documents/read only.txt", "nobody shall change this\n", own, object{attr: readOnly | archive})

	v.file(p+"Desktop/Budget.lnk", lnk(`..\Documents\budget.xlsx`), own)
	v.file(p+"Desktop/Intranet.url", "[InternetShortcut]\r\nURL=https://intranet.example.com/\r\n", own)
	v.file(p+"Desktop/desktop.ini", "[.ShellClassInfo]\r\n", object{attr: hidden | system})
	v.file(p+"Pictures/wallpaper.jpg", "\xff\xd8\xff\xe0"+noise("wallpaper", 4000), own)
	v.file(p+"Pictures/2023 Ostsee/IMG_0001.JPG", "\xff\xd8\xff\xe1"+noise("picture 1", 3000), own)
	v.file(p+"Pictures/2023 Ostsee/IMG_0002.JPG", "\xff\xd8\xff\xe1"+noise("picture 2", 3000), own)
	v.file(p+"Downloads/setup-7zip.exe", pe(0x8664), own, object{streams: zone("www.7-zip.example")})
	v.file(p+"Downloads/report.pdf", "%PDF-1.4\n"+noise("report", 1200), own, object{streams: append(zone("intranet.example.com"), stream{"Überschrift", "a stream with a name of its own"})})
	v.dir(p+"Downloads", object{streams: []stream{{"folder.note", "a folder can have a stream, too"}}})
	v.file(p+"Music/Lied.mp3", "ID3\x03"+noise("song", 1666), own)
	v.file(p+"Videos/clip.mp4", "\x00\x00\x00\x18ftypmp42"+noise("clip", 1666), own)
	v.file(p+"Favorites/Wetter.url", "[InternetShortcut]\r\nURL=https://weather.example.com/\r\n", own)
	v.file(p+"Favorites/Links/Zeitung.url", "[InternetShortcut]\r\nURL=https://news.example.com/\r\n", own)

	private := object{sd: sdPrivate(testimages.AnnaSID)}
	v.dir(p+".ssh", private)
	v.file(p+".ssh/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\nthis is a sample and opens nothing\n-----END OPENSSH PRIVATE KEY-----\n", private)
	v.file(p+".ssh/id_ed25519.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIsample anna@cold-pc\n", private)
	v.file(p+".ssh/known_hosts", "build.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIhost\n", private)
	v.file(p+".gitconfig", "[user]\n\tname = Anna Ünal\n\temail = anna@example.com\n", own)

	r := p + "AppData/Roaming/"
	v.file(r+"Microsoft/Signatures/Arbeit.htm", "<html><body>Mit freundlichen Grüßen<br>Anna Ünal</body></html>\r\n", own)
	v.file(r+"Microsoft/Signatures/Arbeit.txt", "Mit freundlichen Grüßen\r\nAnna Ünal\r\n", own)
	v.file(r+"Microsoft/Templates/Normal.dotm", "PK\x03\x04"+noise("normal", 1200), own)
	v.file(r+"Microsoft/Protect/"+testimages.AnnaSID+"/Preferred", noise("preferred", 24), private)
	ff := r + "Mozilla/Firefox/"
	v.file(ff+"profiles.ini", "[Profile0]\nName=default-release\nIsRelative=1\nPath=Profiles/x1y2z3.default-release\nDefault=1\n", own)
	v.file(ff+"Profiles/x1y2z3.default-release/prefs.js", "user_pref(\"browser.startup.homepage\", \"https://intranet.example.com/\");\n", own)
	v.file(ff+"Profiles/x1y2z3.default-release/places.sqlite", "SQLite format 3\x00"+text("places", 8000), own)
	v.file(ff+"Profiles/x1y2z3.default-release/logins.json", "{\"nextId\":1,\"logins\":[]}\n", own)
	v.file(ff+"Profiles/x1y2z3.default-release/parent.lock", "", own)
	l := p + "AppData/Local/"
	v.file(l+"Mozilla/Firefox/Profiles/x1y2z3.default-release/cache2/entries/0A1B2C", noise("ff cache", 1200), own)
	ch := l + "Google/Chrome/User Data/"
	v.file(ch+"Local State", "{\"profile\":{\"info_cache\":{\"Default\":{\"name\":\"Anna\"}}}}", own)
	v.file(ch+"Default/Bookmarks", "{\"roots\":{\"bookmark_bar\":{\"children\":[{\"name\":\"Intranet\",\"type\":\"url\",\"url\":\"https://intranet.example.com/\"}]}}}", own)
	v.file(ch+"Default/Preferences", "{\"browser\":{\"show_home_button\":true}}", own)
	v.file(ch+"Default/History", "SQLite format 3\x00"+text("history", 6000), own)
	v.file(ch+"Default/Cache/Cache_Data/f_000001", noise("cache 1", 1200), own)
	v.file(ch+"Default/Code Cache/js/index", noise("cache 2", 500), own)
	v.file(ch+"Default/GPUCache/data_0", noise("cache 3", 500), own)
	v.file(ch+"Default/Service Worker/CacheStorage/x/index.txt", text("cache 4", 500), own)
	v.file(l+"Temp/~DF1234.tmp", text("temp", 3000), own)
	v.file(l+"Microsoft/Windows/INetCache/IE/ABCD/page[1].htm", text("inet", 1000), own)
	v.file(l+"Microsoft/WindowsApps/python.exe", "", own, object{reparse: appExec("Microsoft.DesktopAppInstaller_8wekyb3d8bbwe", "Microsoft.DesktopAppInstaller_8wekyb3d8bbwe!PythonRedirector", `C:\Program Files\WindowsApps\x\AppInstallerPythonRedirector.exe`, "0")})
	v.file(l+"Packages/Microsoft.MicrosoftStickyNotes_8wekyb3d8bbwe/LocalState/plum.sqlite", "SQLite format 3\x00"+text("sticky", 4000), own)

	// OneDrive: one file is here, one is only in the cloud.
	v.file(p+"OneDrive/here.txt", text("onedrive", 2000), own)
	v.file(p+"OneDrive/only in the cloud.docx", "", own)
	gone := p + "OneDrive/only in the cloud.docx"
	if v.err == nil {
		v.fail(gone, os.Truncate(v.host(gone), 123456))
	}
	v.set(gone, []object{{reparse: cloud()}})
	v.patchAttributes(gone, 0x00501620, 123456)
}

func (v *volume) bob() {
	v.profile("Bob Smith", testimages.BobSID, build(ntuser("Bob Smith"), `\??\C:\Users\Bob Smith\ntuser.dat`), true)
	own := object{sd: sdInherited(testimages.BobSID)}
	p := "Users/Bob Smith/"
	v.file(p+"Documents/Werkstatt.txt", text("workshop", 4000), own)
	v.file(p+"Documents/Kopie/Manuskript von Anna.txt", text("manuscript", 30000), own)
	// The same content under two names: large enough to be stored once.
	same := noise("plan a", 6666) + numbered(70000)
	v.file(p+"Documents/Plan.bin", same, own)
	v.file(p+"Desktop/Plan (Kopie).bin", same, own)
	v.file(p+"Pictures/Drehbank.png", "\x89PNG\r\n\x1a\n"+noise("lathe", 2333), own)
	v.file(p+"Desktop/~$Werkstatt.docx", noise("owner file", 162), own, object{attr: hidden | archive})

	v.file("Users/TEMP/Documents/made while temporary.txt", text("temporary", 400), own)
	v.file("Users/TEMP/NTUSER.DAT", build(ntuser("TEMP"), `\??\C:\Users\TEMP\ntuser.dat`), object{attr: hidden | archive})
}

func (v *volume) otherProfiles() {
	// The first bins of this hive are gone.
	broken := []byte(build(ntuser("zoë"), `\??\C:\Users\zoë\ntuser.dat`))
	for i := 4096; i < 8192; i++ {
		broken[i] = 0xdb
	}
	v.profile("zoë", testimages.ZoeSID, string(broken), false)
	v.file("Users/zoë/Documents/Zoës Gedichte.txt", text("poems", 3000), object{sd: sdInherited(testimages.ZoeSID)})
	v.file("Users/zoë/Pictures/Łódź.jpg", "\xff\xd8\xff\xe0"+noise("lodz", 1333), object{sd: sdInherited(testimages.ZoeSID)})

	v.profile("jdoe.CORP", testimages.DomainSID, build(ntuser("jdoe.CORP"), `\??\C:\Users\jdoe.CORP\ntuser.dat`), false)
	v.file("Users/jdoe.CORP/Documents/quarter.xlsx", "PK\x03\x04"+noise("quarter", 1200), object{sd: sdInherited(testimages.DomainSID)})

	v.file("Users/Default/NTUSER.DAT", build(ntuser("Default"), ""), object{attr: hidden | archive})
	v.dir("Users/Default/Documents")
	v.dir("Users/Default", object{attr: hidden | readOnly})
	v.file("Users/Public/Documents/Aushang.txt", text("notice", 1200), object{sd: sdEveryone()})
	v.file("Users/Public/Desktop/Contoso.lnk", lnk(`..\..\..\Program Files\Contoso\contoso.exe`))
	v.dir("Users/Public/Pictures")
	v.file("Users/desktop.ini", "[.ShellClassInfo]\r\n", object{attr: hidden | system})
	v.dir("Users/Default User", object{attr: hidden | system | notIndexed, reparse: junction(`C:\Users\Default`)})
	// In a real Windows this is the one symbolic link among the junctions.
	v.dir("Users/All Users", object{attr: hidden | system | notIndexed, reparse: symlink(`C:\ProgramData`, false)})
}

// oddities are the awkward things a volume holds.
func (v *volume) oddities() {
	p := "Users/anna/Documents/odd/"
	own := object{sd: sdInherited(testimages.AnnaSID)}
	for _, name := range []string{
		"Ünïcödé 日本語 😀.txt", "Ω≈ç√∫.txt", "e\u0301 decomposed.txt", "trailing dot.", "trailing space ", " leading space",
		"semi;colon & [brackets] (1) %TEMP%.txt", "#hash+plus=eq.txt", "README.txt", "readme.TXT", "quote'single.txt", ".hidden", "..twodots", "con", "aux.txt",
		strings.Repeat("long name ", 24) + ".txt",
	} {
		v.file(p+"names/"+name, "name: "+name+"\n", own)
	}
	// U+E000 becomes a lone surrogate when the volume is patched.
	v.file(p+"surrogate/lone \ue000 surrogate.txt", "this name is no UTF-16\n", own)
	v.patchName("lone \ue000 surrogate.txt", "lone \xed\xa0\x80 surrogate.txt")
	deep := p + "deep"
	for i := range 12 {
		deep += fmt.Sprintf("/a rather long name of a folder %02d", i)
	}
	v.file(deep+"/deep.txt", "more than 260 characters down\n", own)

	for _, n := range []int{1, 599, 600, 700, 1023, 1024, 4095, 4096, 4097, 65535, 65536, 65537} {
		v.file(fmt.Sprintf("%ssizes/%d.txt", p, n), numbered(n), own)
	}

	// LZNT1: a folder with the compressed attribute.
	v.dir(p+"lznt1", own)
	v.xattr(p+"lznt1", "system.ntfs_attrib", le.AppendUint32(nil, 0x810))
	v.file(p+"lznt1/text.txt", strings.Repeat("the quick brown fox jumps over the lazy dog. ", 5000), own)
	v.file(p+"lznt1/noise.bin", noise("lznt1", 6666), own)
	v.file(p+"lznt1/both.bin", text("lznt1 text", 20000)+noise("lznt1", 6666)+strings.Repeat("\x00", 200000)+text("lznt1 end", 9000), own)

	// A sparse file: 3 MiB with content in the middle and at the end.
	v.file(p+"sparse.bin", "", own)
	if v.err == nil {
		f, err := os.OpenFile(v.host(p+"sparse.bin"), os.O_WRONLY, 0)
		v.fail(p+"sparse.bin", err)
		if err == nil {
			_, err = f.WriteAt([]byte(text("middle", 5000)), 1<<20+777)
			v.fail(p+"sparse.bin", err)
			_, err = f.WriteAt([]byte("tail"), 3<<20-4)
			v.fail(p+"sparse.bin", err)
			v.fail(p+"sparse.bin", f.Close())
		}
	}
	v.file(p+"large sparse.bin", "", own)
	if v.err == nil {
		v.fail(p+"large sparse.bin", os.Truncate(v.host(p+"large sparse.bin"), 100<<20))
	}

	// Many streams, so that the attributes do not fit into one MFT record.
	var many []stream
	for i := range 40 {
		many = append(many, stream{fmt.Sprintf("stream %02d of a file with an attribute list", i), text(fmt.Sprint("stream", i), 20+i*31)})
	}
	many = append(many, stream{"large", text("large stream", 9000)})
	v.file(p+"many streams.txt", "look behind me\n", own, object{streams: many})

	// Many names of one file.
	v.file(p+"links/name 00.txt", "one file, many names\n", own)
	for i := 1; i < 12; i++ {
		v.link(p+"links/name 00.txt", fmt.Sprintf("%slinks/name %02d.txt", p, i))
	}

	// An extended attribute as WSL leaves it: $LXUID = 1000.
	v.file(p+"from wsl.txt", "has an extended attribute\n", own, object{ea: []byte("\x14\x00\x00\x00\x00\x06\x04\x00$LXUID\x00\xe8\x03\x00\x00\x00")})

	v.file(p+"symlink to a file", "", own, object{reparse: symlink(`..\notes.txt`, true)})
	v.file(p+"symlink to nothing", "", own, object{reparse: symlink(`C:\not\there.txt`, false)})
	v.dir(p+"symlink to a folder", own, object{reparse: symlink(`..\Steuer`, true)})
	v.dir(p+"volume mount point", own, object{reparse: junction(`Volume{99999999-8888-7777-6666-555544443333}\`)})
	v.file(p+"wsl link", "", own, object{reparse: reparse(0xa000001d, append([]byte{2, 0, 0, 0}, "/etc/hosts"...))})

	// A folder too large for one index record.
	for i := range 120 {
		v.file(fmt.Sprintf("%smany/file %03d with a name of some length.txt", p, (i*7)%120), fmt.Sprint(i, "\n"))
	}

	// A file in pieces: small files are written, every second one goes, and
	// the large one takes the gaps.
	if v.err == nil {
		v.fragmented(p + "fragmented.bin")
	}
}

// fragmented fills the volume, so that there are only small gaps for path.
func (v *volume) fragmented(path string) {
	v.file(path, "")
	scratch := v.host("fill")
	v.fail("fill", os.Mkdir(scratch, 0o777))
	block := []byte(strings.Repeat("\x00", 8192))
	n := 0
	var err error
	if v.err == nil {
		big, e := os.Create(scratch + "/big")
		v.fail("fill", e)
		free, e := freeBytes(v.root)
		v.fail("fill", e)
		for ; v.err == nil && free > 2<<20; free -= 1 << 20 {
			_, e = big.Write(make([]byte, 1<<20))
			v.fail("fill", e)
		}
		if v.err == nil {
			v.fail("fill", big.Close())
		}
	}
	for ; v.err == nil; n++ {
		if err = os.WriteFile(fmt.Sprintf("%s/%d", scratch, n), block, 0o666); err != nil {
			break
		}
	}
	for i := 0; i < n; i += 2 {
		v.fail("fill", os.Remove(fmt.Sprintf("%s/%d", scratch, i)))
	}
	if v.err == nil {
		v.fail(path, os.WriteFile(v.host(path), []byte(numbered(150000)), 0o666))
	}
	v.fail("fill", os.RemoveAll(scratch))
}

// deleted leaves records and index slack that nobody may show.
func (v *volume) deleted() {
	for _, name := range []string{"deleted report.docx", "deleted folder/inside.txt", "deleted folder/deeper/inside.txt"} {
		v.file("Users/anna/Documents/"+name, text(name, 5000), object{streams: zone("deleted.example")})
	}
	v.remove("Users/anna/Documents/deleted report.docx")
	v.remove("Users/anna/Documents/deleted folder")
}
