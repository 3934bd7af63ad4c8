package profile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/volumes"
)

const (
	pcSID    = "S-1-5-21-3623811015-3361044348-30300820"
	corpSID  = "S-1-5-21-1175424131-2081745862-839522115"
	entraSID = "S-1-12-1-1111111111-1222222222-3333333333-444444444"
)

// pc is the volume of a machine, made as a folder of the host.
type pc struct {
	software, system *hivegen.Key
	sam              *hivegen.SAM
	files            map[string][]byte // below the root, slashes between
}

func newPC() *pc {
	p := &pc{software: hivegen.K("ROOT"), system: hivegen.K("ROOT"), files: map[string][]byte{}}
	p.software.At(`Microsoft\Windows NT\CurrentVersion`).Add(hivegen.SZ("CurrentVersion", "6.3"), hivegen.D("CurrentMajorVersionNumber", 10),
		hivegen.SZ("CurrentBuildNumber", "19045"), hivegen.SZ("SystemRoot", `C:\Windows`), hivegen.SZ("InstallationType", "Client"))
	p.list().Add(hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Users`))
	p.system.At("Select").Add(hivegen.D("Current", 1))
	p.system.At(`ControlSet001\Control\ComputerName\ComputerName`).Add(hivegen.SZ("ComputerName", "COLD-PC"))
	p.system.At(`ControlSet001\Control\Session Manager\Environment`).Add(hivegen.SZ("PROCESSOR_ARCHITECTURE", "AMD64"))
	return p
}

func (p *pc) list() *hivegen.Key { return p.software.At(offline.ProfileList) }

// profile adds a key of ProfileList.
func (p *pc) profile(key, path string, values ...any) *pc {
	p.list().At(key).Add(hivegen.ExpandSZ("ProfileImagePath", path)).Add(values...)
	return p
}

// user adds a profile folder with an NTUSER.DAT.
func (p *pc) user(dir string, parts ...any) *pc {
	p.files[dir+"/NTUSER.DAT"] = build(hivegen.K("ROOT", parts...))
	return p
}

func build(k *hivegen.Key) []byte { return hivegen.Build(k, hivegen.Options{}) }

// write makes the folder of the host.
func (p *pc) write(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	p.files["Windows/System32/config/SYSTEM"] = build(p.system)
	p.files["Windows/System32/config/SOFTWARE"] = build(p.software)
	if p.sam != nil {
		p.files["Windows/System32/config/SAM"] = p.sam.Hive()
	}
	for name, b := range p.files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// open finds the Windows in a folder of the host.
func open(t *testing.T, root string) *offline.System {
	t.Helper()
	set, err := volumes.Open([]string{root}, volumes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	systems, problems, err := offline.Find(set, offline.Options{})
	if err != nil || len(systems) != 1 || len(problems) != 0 {
		t.Fatalf("%d systems, problems %v, error %v", len(systems), problems, err)
	}
	return systems[0]
}

func (p *pc) users(t *testing.T) ([]*User, []Problem) {
	t.Helper()
	users, problems, err := Users(open(t, p.write(t)))
	if err != nil {
		t.Fatal(err)
	}
	return users, problems
}

func filetime(year int) (t wstr.Filetime) {
	return wstr.FiletimeOf(time.Date(year, 5, 1, 12, 0, 0, 0, time.UTC))
}

func loaded(prefix string, t wstr.Filetime) []hivegen.Value {
	return []hivegen.Value{hivegen.D(prefix+"High", uint32(t>>32)), hivegen.D(prefix+"Low", uint32(t))}
}

func TestUsers(t *testing.T) {
	p := newPC()
	p.sam = &hivegen.SAM{MachineSID: pcSID, Users: []hivegen.User{
		{RID: 500, Name: "Administrator", Control: 0x211},
		{RID: 1001, Name: "Änne", FullName: "Änne Ünal"},
		{RID: 1002, Name: "bob"},
		{RID: 1003, Name: "cloud", InternetName: "cloud@example.com"},
		{RID: 1004, Name: "dead"},
		{RID: 1005, Name: "defaultuser0"},
		{RID: 1008, Name: "nohive"},
	}}
	// Accounts of Windows itself.
	p.profile("S-1-5-18", `%systemroot%\system32\config\systemprofile`).profile("S-1-5-80-1-2-3", `C:\Windows\ServiceProfiles\Thing`)
	p.profile(pcSID+"-1005", `C:\Users\defaultuser0`).user("Users/defaultuser0")
	// Local ones.
	p.profile(pcSID+"-500", `C:\Users\Administrator`).user("Users/Administrator")
	p.profile(pcSID+"-1001", `%SystemDrive%\Users\anne`, loaded("LocalProfileLoadTime", filetime(2023)), loaded("LocalProfileUnloadTime", filetime(2024))).user("Users/anne")
	p.profile(pcSID+"-1003", `C:\Users\cloud`).user("Users/cloud")
	p.files["Users/dead/NTUSER.DAT"] = []byte("not a registry file")
	p.profile(pcSID+"-1004", `C:\Users\dead`)
	p.profile(pcSID+"-1007", `C:\Users\old-folder`).user("Users/old-folder") // deleted from the SAM
	p.profile(pcSID+"-1008", `C:\Users\nohive`)
	p.files["Users/nohive/Documents/letter.txt"] = []byte("x")
	// Put aside, with a temporary one in its place.
	p.profile(pcSID+"-1002.bak", `C:\Users\bob`, hivegen.D("State", 0x8000)).user("Users/bob")
	p.profile(pcSID+"-1002", `C:\Users\TEMP`, hivegen.D("State", 0x800)).user("Users/TEMP")
	// Of a domain and a tenant.
	p.profile(corpSID+"-1601", `C:\Users\carla.CORP`, hivegen.SZ("Guid", "{1}"), hivegen.SZ("CentralProfile", `\\srv\profiles\carla`)).user("Users/carla.CORP")
	p.profile(corpSID+"-1602", `C:\Users\dora`).user("Users/dora", hivegen.Path(`Software\Microsoft\Windows\CurrentVersion\Explorer`, hivegen.SZ("Logon User Name", "dora.d")))
	p.profile(corpSID+"-1603", `C:\Users\emil`).user("Users/emil")
	p.profile(entraSID, `C:\Users\FionaFox`).user("Users/FionaFox")
	p.software.At(`Microsoft\IdentityStore\Cache\`+entraSID+`\IdentityCache\`+entraSID).Add(
		hivegen.SZ("UserName", "fiona@contoso.com"), hivegen.SZ("SAMName", "FionaFox"), hivegen.SZ("DisplayName", "Fiona Fox"))
	p.software.At(`Microsoft\Windows\CurrentVersion\Group Policy\State\` + corpSID + "-1603").Add(
		hivegen.SZ("Distinguished-Name", `CN=Klein\, Emil,OU=Staff,DC=corp,DC=example,DC=com`))
	p.software.At(`Microsoft\Windows\CurrentVersion\Authentication\LogonUI\SessionData\1`).Add(
		hivegen.SZ("LoggedOnUserSID", corpSID+"-1601"), hivegen.SZ("LoggedOnSAMUser", `CORP\carla`), hivegen.SZ("LoggedOnDisplayName", "Carla Corp"))
	p.software.At(`Microsoft\Windows NT\CurrentVersion\Winlogon`).Add(hivegen.SZ("DefaultPassword", "never read"))
	// Other places.
	p.profile(corpSID+"-1700", `D:\Users\gone`)
	p.profile(corpSID+"-1701", `\\srv\home\x`)
	p.profile(corpSID+"-1702", `C:\Users\missing`)
	p.profile(corpSID+"-1703", "")
	// Folders without a key.
	p.user("Users/orphan").user("Users/Default").user("Users/Public")
	p.files["Users/owned/AppData/Local/Microsoft/Windows/UsrClass.dat"] = build(hivegen.K(pcSID + "-1006_Classes"))
	p.user("Users/owned")
	p.files["Users/not a profile/x.txt"] = []byte("x")
	p.list().At("not a SID").Add(hivegen.ExpandSZ("ProfileImagePath", `C:\Users\x`))

	users, problems := p.users(t)
	var got []string
	for _, u := range users {
		who := u.Name
		if u.Domain != "" {
			who = u.Domain + `\` + u.Name
		}
		short := strings.NewReplacer(pcSID, "M", corpSID, "D", entraSID, "E").Replace
		var flags []string
		for flag, set := range map[string]bool{"no folder": !u.DirFound, "no hive": u.Hive == nil, "backup": u.Backup, "temporary": u.Temporary, "disabled": u.Disabled, "no person": !u.Person()} {
			if set {
				flags = append(flags, flag)
			}
		}
		slices.Sort(flags)
		got = append(got, fmt.Sprintf("%s | %s | %s | %s | %s | %s | %s", short(u.ID), short(who), u.NameFrom, u.Kind, u.FullName+"/"+u.UPN, u.Dir, strings.Join(flags, ", ")))
	}
	want := []string{
		`S-1-5-18 | NT AUTHORITY\SYSTEM | well-known SID | service | / | C:\Windows\system32\config\systemprofile | no folder, no hive, no person`,
		`S-1-5-80-1-2-3 | Thing | profile folder (guess) | service | / | C:\Windows\ServiceProfiles\Thing | no folder, no hive, no person`,
		`M-1005 | COLD-PC\defaultuser0 | SAM | service | / | C:\Users\defaultuser0 | no person`,
		`M-500 | COLD-PC\Administrator | SAM | builtin | / | C:\Users\Administrator | disabled`,
		`M-1001 | COLD-PC\Änne | SAM | local | Änne Ünal/ | C:\Users\anne | `,
		`M-1003 | COLD-PC\cloud | SAM | microsoft | /cloud@example.com | C:\Users\cloud | `,
		`M-1004 | COLD-PC\dead | SAM | local | / | C:\Users\dead | no hive`,
		`M-1007 | COLD-PC\old-folder | profile folder (guess) | local | / | C:\Users\old-folder | `,
		`M-1008 | COLD-PC\nohive | SAM | local | / | C:\Users\nohive | no hive`,
		`M-1002 | COLD-PC\bob | SAM | local | / | C:\Users\bob | backup`,
		`M-1002.temp | COLD-PC\bob | SAM | local | / | C:\Users\TEMP | temporary`,
		`D-1601 | CORP\carla | LogonUI | domain | Carla Corp/ | C:\Users\carla.CORP | `,
		`D-1602 | CORP\dora.d | Explorer | domain | / | C:\Users\dora | `,
		`D-1603 | CORP\emil | profile folder (guess) | domain | Klein, Emil/ | C:\Users\emil | `,
		`E | AzureAD\FionaFox | IdentityStore | entra | Fiona Fox/fiona@contoso.com | C:\Users\FionaFox | `,
		`D-1700 | CORP\gone | profile folder (guess) | domain | / | D:\Users\gone | no folder, no hive`,
		`D-1701 | CORP\D-1701 |  | domain | / |  | no folder, no hive`,
		`D-1702 | CORP\missing | profile folder (guess) | domain | / | C:\Users\missing | no folder, no hive`,
		`D-1703 | CORP\D-1703 |  | domain | / |  | no folder, no hive`,
		`orphan-orphan | orphan | profile folder (guess) | unknown | / | C:\Users\orphan | `,
		`M-1006 | COLD-PC\owned | profile folder (guess) | local | / | C:\Users\owned | `,
	}
	slices.Sort(got)
	slices.Sort(want)
	for i := range max(len(got), len(want)) {
		g, w := "", ""
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("\n got %s\nwant %s", g, w)
		}
	}
	if got, want := fmt.Sprint(problems), `[C:\Users\not a profile: is among the profiles, but is none and belongs to no user: it is captured only if a rule names it]`; got != want {
		t.Errorf("problems %s, want %s", got, want)
	}

	find := func(id string) *User {
		t.Helper()
		i := slices.IndexFunc(users, func(u *User) bool { return u.ID == id })
		if i < 0 {
			t.Fatalf("no user %s", id)
		}
		return users[i]
	}
	for id, texts := range map[string][]string{
		pcSID + "-1001":      nil,
		pcSID + "-1004":      {"cannot be used", "no regf signature"},
		pcSID + "-1008":      {"does not exist: the user's settings cannot be captured, the files can"},
		pcSID + "-1002":      {"this one is taken for the real one"},
		pcSID + "-1002.temp": {`C:\Users\bob is taken for the real one`},
		corpSID + "-1700":    {"drive D: is on none of the given disks"},
		corpSID + "-1701":    {"on a server"},
		corpSID + "-1702":    {`C:\Users\missing does not exist`},
		corpSID + "-1703":    {"names no profile folder"},
		"orphan-orphan":      {"without a key in ProfileList, and nothing in it tells whose it is"},
		pcSID + "-1006":      {"belongs to " + pcSID + "-1006"},
	} {
		u := find(id)
		all := fmt.Sprint(u.Problems)
		for _, text := range texts {
			if !strings.Contains(all, text) {
				t.Errorf("%s: no problem with %q in %v", id, text, u.Problems)
			}
		}
		if texts == nil && len(u.Problems) != 0 {
			t.Errorf("%s: problems %v", id, u.Problems)
		}
	}
	if u := find(pcSID + "-1001"); u.LastUse != (LastUse{filetime(2024), "ProfileList"}) {
		t.Errorf("last use %v", u.LastUse)
	}
	if u := find(pcSID + "-1003"); u.LastUse.From != "NTUSER.DAT" || time.Since(u.LastUse.Time.Time()) > time.Hour {
		t.Errorf("last use %v", u.LastUse)
	}
	if u := find(corpSID + "-1601"); u.Roaming != `\\srv\profiles\carla` {
		t.Errorf("roaming profile %q", u.Roaming)
	}
}

// Nothing of the hashes is in what the package gives out.
func TestNoSecrets(t *testing.T) {
	sam := &hivegen.SAM{MachineSID: pcSID, Users: []hivegen.User{{RID: 1001, Name: "anna", FullName: "Anna"}, {RID: 1002, Name: "bob"}}}
	p := newPC()
	p.sam = sam
	p.profile(pcSID+"-1001", `C:\Users\anna`).user("Users/anna")
	users, problems := p.users(t)
	b := sam.Hive()
	h, err := hive.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadSAM(h)
	if err != nil {
		t.Fatal(err)
	}
	clear(b) // as Users does: nothing that was read may be part of it
	out := fmt.Sprintf("%+v %+v %+v %+v", *users[0].Env(), users[0].Problems, problems, *read)
	if !strings.Contains(out, "FullName:Anna") {
		t.Fatal("the test sees nothing")
	}
	for _, secret := range sam.Secrets() {
		for i := 0; i+8 <= len(secret); i += 4 {
			if part := string(secret[i : i+8]); strings.Contains(out, part) || strings.Contains(out, wstr.FromUTF16LE(secret[i:i+8])) {
				t.Fatalf("secret bytes %x are given out", part)
			}
		}
	}
}

func TestWithoutSAM(t *testing.T) {
	p := newPC()
	p.profile(pcSID+"-1001", `C:\Users\anna`).user("Users/anna")
	p.profile(pcSID+"-1002", `C:\Users\bob`).user("Users/bob")
	p.profile(corpSID+"-1601", `C:\Users\carla`, hivegen.SZ("Guid", "{1}")).user("Users/carla")
	p.software.At(`Microsoft\Windows\CurrentVersion\Authentication\LogonUI`).Add(
		hivegen.SZ("LastLoggedOnUserSID", pcSID+"-1002"), hivegen.SZ("LastLoggedOnSAMUser", `.\robert`))
	users, problems := p.users(t)
	if len(problems) != 1 || !strings.Contains(problems[0].String(), `C:\Windows\System32\config\SAM: cannot be read`) {
		t.Errorf("problems %v", problems)
	}
	var got []string
	for _, u := range users {
		got = append(got, u.Domain+`\`+u.Name+" "+u.Kind)
	}
	slices.Sort(got)
	if want := []string{`COLD-PC\robert local`, `\anna unknown`, `\carla domain`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A system without ProfileList still has its folders.
func TestWithoutProfileList(t *testing.T) {
	p := newPC()
	p.user("Users/anna")
	nt := p.software.At(`Microsoft\Windows NT\CurrentVersion`)
	nt.Keys = nil
	users, _, err := Users(open(t, p.write(t)))
	if err == nil || !strings.Contains(err.Error(), "the list of the users, cannot be read") {
		t.Errorf("error %v", err)
	}
	if len(users) != 1 || users[0].Name != "anna" || users[0].Hive == nil {
		t.Errorf("users %v", users)
	}
}

func TestFolders(t *testing.T) {
	p := newPC()
	explorer := hivegen.Path(`Software\Microsoft\Windows\CurrentVersion\Explorer`,
		hivegen.K("User Shell Folders",
			hivegen.ExpandSZ("Desktop", `%OneDrive%\Desktop`), hivegen.SZ("Personal", `D:\Docs`), hivegen.ExpandSZ("My Pictures", `\\srv\home\%USERNAME%\Pictures`),
			hivegen.ExpandSZ("{374DE290-123F-4565-9164-39C4925E467B}", `%USERPROFILE%\Inbox`), hivegen.ExpandSZ("My Music", `%NOWHERE%\Music`),
			hivegen.ExpandSZ("{1777F761-68AD-4D8A-87BD-30B759FA33DD}", `E:\Fav`), hivegen.SZ("My Video", "relative")),
		hivegen.K("Shell Folders", hivegen.SZ("My Music", `C:\Users\anna\Songs`), hivegen.SZ("Personal", `C:\stale`), hivegen.SZ("!Do not use this registry key", "x")))
	p.profile(pcSID+"-1001", `C:\Users\anna`).user("Users/anna", explorer,
		hivegen.K("Environment", hivegen.ExpandSZ("OneDrive", `%USERPROFILE%\OneDrive - Contoso`), hivegen.ExpandSZ("TEMP", `E:\Temp`),
			hivegen.SZ("USERPROFILE", `C:\evil`), hivegen.SZ("Project", `C:\Data`)))
	users, _ := p.users(t)
	u := users[0]
	for _, tt := range []struct{ name, want string }{
		{"CSIDL_DESKTOP", `C:\Users\anna\OneDrive - Contoso\Desktop`},
		{"CSIDL_DESKTOPDIRECTORY", `C:\Users\anna\OneDrive - Contoso\Desktop`},
		{"csidl_personal", `D:\Docs`},
		{"CSIDL_MYDOCUMENTS", `D:\Docs`},
		{"CSIDL_MYPICTURES", "-"},
		{"FOLDERID_Pictures", "-"},
		{"FOLDERID_Screenshots", "-"},
		{"CSIDL_MYMUSIC", `C:\Users\anna\Songs`},
		{"CSIDL_PLAYLISTS", `C:\Users\anna\Songs\Playlists`},
		{"CSIDL_FAVORITES", `E:\Fav`},
		{"CSIDL_MYVIDEO", `C:\Users\anna\Videos`},
		{"FOLDERID_Downloads", `C:\Users\anna\Inbox`},
		{"CSIDL_DOWNLOADS", `C:\Users\anna\Inbox`},
		{"APPDATA", `C:\Users\anna\AppData\Roaming`},
		{"LOCALAPPDATA", `C:\Users\anna\AppData\Local`},
		{"CSIDL_QUICKLAUNCH", `C:\Users\anna\AppData\Roaming\Microsoft\Internet Explorer\Quick Launch`},
		{"CSIDL_STARTUP", `C:\Users\anna\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup`},
		{"CSIDL_COOKIES", `C:\Users\anna\AppData\Local\Microsoft\Windows\INetCookies`},
		{"USERPROFILE", `C:\Users\anna`},
		{"CSIDL_PROFILE", `C:\Users\anna`},
		{"HOMEDRIVE", `C:`},
		{"HOMEPATH", `\Users\anna`},
		{"TEMP", `E:\Temp`},
		{"TMP", `C:\Users\anna\AppData\Local\Temp`},
		{"USERSID", pcSID + "-1001"},
		{"USERNAME", "anna"},
		{"Project", `C:\Data`},
		{"CSIDL_COMMON_DOCUMENTS", `C:\Users\Public\Documents`},
		{"ALLUSERSPROFILE", `C:\Users\Public`},
		{"COMPUTERNAME", "COLD-PC"},
		{"CSIDL_BITBUCKET", "-"},
	} {
		got, ok := u.Env().Lookup(tt.name)
		if !ok {
			got = "-"
		}
		if got != tt.want {
			t.Errorf("%%%s%% is %s, want %s", tt.name, got, tt.want)
		}
	}
	if f := u.Folders["Pictures"]; f.Remote != `\\srv\home\anna\Pictures` || f.Path != "" {
		t.Errorf("pictures: %+v", f)
	}
	all := fmt.Sprint(u.Problems)
	for _, text := range []string{`Pictures is redirected to the server path \\srv\home\anna\Pictures`, `Music is set to %NOWHERE%\Music`,
		"Videos is set to relative", `Documents cannot be reached: D:\Docs: drive D: is on none`} {
		if !strings.Contains(all, text) {
			t.Errorf("no problem with %q in %v", text, all)
		}
	}
}

// AppData on a server is no folder of the disk: its variables are undefined,
// and what lies below it by default is as well.
func TestRoamingOnServer(t *testing.T) {
	p := newPC()
	p.profile(pcSID+"-1001", `C:\Users\anna`).user("Users/anna", hivegen.Path(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`,
		hivegen.ExpandSZ("AppData", `\\srv\%USERNAME%\AppData`)), hivegen.K("Environment", hivegen.SZ("TMP", `\\srv\tmp`)))
	users, _ := p.users(t)
	for name, want := range map[string]string{"APPDATA": "", "CSIDL_APPDATA": "", "CSIDL_SENDTO": "", "CSIDL_QUICKLAUNCH": "",
		"LOCALAPPDATA": `C:\Users\anna\AppData\Local`, "TMP": `C:\Users\anna\AppData\Local\Temp`} {
		if got, _ := users[0].Env().Lookup(name); got != want {
			t.Errorf("%%%s%% is %q, want %q", name, got, want)
		}
	}
	if f := users[0].Folders["SendTo"]; f.Remote != `\\srv\anna\AppData\Microsoft\Windows\SendTo` {
		t.Errorf("SendTo: %+v", f)
	}
}

// With no room for hives they are read again when they are asked for.
func TestHivesSetAside(t *testing.T) {
	p := newPC()
	p.profile(pcSID+"-1001", `C:\Users\anna`).user("Users/anna", hivegen.K("Software", hivegen.SZ("x", "y")))
	list, _, err := users(open(t, p.write(t)), 0)
	if err != nil {
		t.Fatal(err)
	}
	u := list[0]
	if u.Hive != nil || u.HiveError != nil {
		t.Errorf("hive %v, error %v", u.Hive, u.HiveError)
	}
	if k, err := u.HKCU("Software"); err != nil {
		t.Error(err)
	} else if s, _ := k.String("x"); s != "y" {
		t.Error(s)
	}
	if u.Hive == nil {
		t.Error("the hive is read for each key")
	}
}

// Every variable that the reference names for the user context, but for the
// virtual folders, is defined, whatever the state of the hive.
func TestUserVariablesAreComplete(t *testing.T) {
	p := newPC()
	p.profile(pcSID+"-1001", `C:\Users\anna`)
	p.files["Users/anna/NTUSER.DAT"] = []byte("damaged")
	users, _ := p.users(t)
	for _, name := range strings.Fields(`APPDATA CSIDL_ADMINTOOLS CSIDL_ALTSTARTUP CSIDL_APPDATA CSIDL_CDBURN_AREA CSIDL_CONTACTS CSIDL_COOKIES CSIDL_DESKTOP
		CSIDL_DESKTOPDIRECTORY CSIDL_FAVORITES CSIDL_HISTORY CSIDL_INTERNET_CACHE CSIDL_LOCAL_APPDATA CSIDL_MYDOCUMENTS CSIDL_PERSONAL CSIDL_MYMUSIC
		CSIDL_MYPICTURES CSIDL_MYVIDEO CSIDL_NETHOOD CSIDL_PLAYLISTS CSIDL_PRINTHOOD CSIDL_PROFILE CSIDL_PROGRAMS CSIDL_RECENT CSIDL_SENDTO
		CSIDL_STARTMENU CSIDL_STARTUP CSIDL_TEMPLATES CSIDL_QUICKLAUNCH HOMEPATH TEMP TMP USERPROFILE USERSID USERNAME
		FOLDERID_Downloads FOLDERID_Libraries FOLDERID_SavedGames FOLDERID_Contacts FOLDERID_OriginalImages FOLDERID_RecordedTV FOLDERID_PublicDownloads`) {
		if v, ok := users[0].Env().Lookup(name); !ok || len(v) < 3 {
			t.Errorf("%%%s%% is %q", name, v)
		}
	}
}

func TestXPFolders(t *testing.T) {
	p := newPC()
	nt := p.software.At(`Microsoft\Windows NT\CurrentVersion`)
	nt.Values = []hivegen.Value{hivegen.SZ("CurrentVersion", "5.1"), hivegen.SZ("CurrentBuildNumber", "2600"), hivegen.SZ("SystemRoot", `C:\WINDOWS`)}
	p.list().Values = []hivegen.Value{hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Dokumente und Einstellungen`), hivegen.SZ("DefaultUserProfile", "Default User"), hivegen.SZ("AllUsersProfile", "All Users")}
	const dir = "Dokumente und Einstellungen/Jörg"
	p.profile(pcSID+"-1003", `%SystemDrive%\Dokumente und Einstellungen\Jörg`, loaded("ProfileLoadTime", filetime(2009))).user(dir,
		hivegen.Path(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`,
			hivegen.ExpandSZ("Local AppData", `%USERPROFILE%\Lokale Einstellungen\Anwendungsdaten`), hivegen.ExpandSZ("Personal", `%USERPROFILE%\Eigene Dateien`)))
	p.files[dir+"/Lokale Einstellungen/Anwendungsdaten/Microsoft/Windows/UsrClass.dat"] = build(hivegen.K("ROOT", hivegen.K(".txt", hivegen.SZ("", "mine"))))
	p.user("Dokumente und Einstellungen/Default User")
	users, _ := p.users(t)
	if len(users) != 1 {
		t.Fatalf("%d users", len(users))
	}
	u := users[0]
	for name, want := range map[string]string{
		"CSIDL_PERSONAL":       `C:\Dokumente und Einstellungen\Jörg\Eigene Dateien`,
		"CSIDL_MYMUSIC":        `C:\Dokumente und Einstellungen\Jörg\Eigene Dateien\My Music`,
		"CSIDL_LOCAL_APPDATA":  `C:\Dokumente und Einstellungen\Jörg\Lokale Einstellungen\Anwendungsdaten`,
		"APPDATA":              `C:\Dokumente und Einstellungen\Jörg\Application Data`,
		"CSIDL_STARTMENU":      `C:\Dokumente und Einstellungen\Jörg\Start Menu`,
		"TEMP":                 `C:\Dokumente und Einstellungen\Jörg\Local Settings\Temp`,
		"FOLDERID_Downloads":   "",
		"CSIDL_INTERNET_CACHE": `C:\Dokumente und Einstellungen\Jörg\Local Settings\Temporary Internet Files`,
	} {
		if got, _ := u.Env().Lookup(name); got != want {
			t.Errorf("%%%s%% is %s, want %s", name, got, want)
		}
	}
	if u.LastUse.Time != filetime(2009) {
		t.Errorf("last use %v", u.LastUse)
	}
	if k, err := u.HKCU(`HKCU\Software\Classes\.TXT`); err != nil {
		t.Error(err)
	} else if s, _ := k.String(""); s != "mine" {
		t.Errorf("class %q", s)
	}
}

func TestHKCU(t *testing.T) {
	p := newPC()
	p.profile(pcSID+"-1001", `C:\Users\anna`).user("Users/anna", hivegen.Path(`Control Panel\Desktop`, hivegen.SZ("Wallpaper", "x.jpg")),
		hivegen.Path(`Software\Classes`, hivegen.SZ("", "of NTUSER.DAT")))
	p.files["Users/anna/AppData/Local/Microsoft/Windows/UsrClass.dat"] = build(hivegen.K("ROOT", hivegen.SZ("", "of UsrClass.dat"), hivegen.K("CLSID")))
	p.profile(pcSID+"-1002", `C:\Users\bob`).user("Users/bob", hivegen.Path(`Software\Classes`, hivegen.SZ("", "of NTUSER.DAT")))
	p.profile(pcSID+"-1003", `C:\Users\none`)
	users, _ := p.users(t)
	anna, bob, none := users[0], users[1], users[2]
	for range 2 {
		for _, tt := range []struct {
			u                 *User
			path, value, want string
		}{
			{anna, `HKCU\control panel\DESKTOP`, "wallpaper", "x.jpg"},
			{anna, `HKEY_CURRENT_USER\Software\Classes`, "", "of UsrClass.dat"},
			{anna, `Software\Classes\CLSID`, "", ""},
			{bob, `Software\Classes`, "", "of NTUSER.DAT"},
		} {
			k, err := tt.u.HKCU(tt.path)
			if err != nil {
				t.Errorf("%s: %v", tt.path, err)
				continue
			}
			if got, _ := k.String(tt.value); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.path, got, tt.want)
			}
		}
		if _, err := anna.HKCU(`Software\Nothing`); !errors.Is(err, hive.ErrNotFound) {
			t.Errorf("error %v", err)
		}
		if _, err := none.HKCU(`Software`); err == nil || errors.Is(err, hive.ErrNotFound) {
			t.Errorf("a missing hive gives %v", err)
		}
		// Once more, with the hives read anew.
		anna.Release()
		bob.Release()
		if anna.Hive != nil || anna.Classes != nil {
			t.Error("the hives are still there")
		}
	}
}

func TestMatch(t *testing.T) {
	local := &User{ID: pcSID + "-1001", SID: pcSID + "-1001", KeyName: pcSID + "-1001.bak", Name: "Anna Ünal", Domain: "COLD-PC", Kind: Local}
	entra := &User{ID: entraSID, SID: entraSID, Name: "FionaFox", Domain: "AzureAD", UPN: "fiona@contoso.com", Kind: Entra}
	nameless := &User{ID: corpSID + "-1601", SID: corpSID + "-1601", Name: corpSID + "-1601", Kind: Domain}
	for _, tt := range []struct {
		u       *User
		pattern string
		want    bool
	}{
		{local, "anna ünal", true}, {local, "ANNA*", true}, {local, "ann? ünal", true}, {local, "anna", false}, {local, "*", true},
		{local, `cold-pc\anna*`, true}, {local, `.\ANNA Ünal`, true}, {local, `CORP\*`, false}, {local, pcSID + "-1001", true},
		{local, "s-1-5-21-*-1001", true}, {local, "*-500", false}, {local, "*.bak", true}, {local, `*\*`, true}, {local, "", false},
		{entra, "Fiona@Contoso.com", true}, {entra, `azuread\fionafox`, true}, {entra, `AzureAD\fiona@contoso.com`, true}, {entra, "S-1-12-1-*", true}, {entra, `.\FionaFox`, false},
		{nameless, "*-1601", true}, {nameless, `*\*`, true}, {nameless, "anna", false},
	} {
		if got := Match(tt.u, tt.pattern); got != tt.want {
			t.Errorf("Match(%s, %q) = %v", tt.u.Name, tt.pattern, got)
		}
	}
}

func TestSplitSID(t *testing.T) {
	for _, tt := range []struct {
		in, sid, suffix string
		ok              bool
	}{
		{"S-1-5-18", "S-1-5-18", "", true},
		{pcSID + "-1001.bak", pcSID + "-1001", ".bak", true},
		{"s-1-5-21-1-2-3-4_old", "S-1-5-21-1-2-3-4", "_old", true},
		{"S-1-5-21-1-2-3-99999999999", "", "", false},
		{"S-1", "", "", false},
		{"Preferences", "", "", false},
		{"", "", "", false},
	} {
		sid, suffix, ok := splitSID(tt.in)
		if sid != tt.sid || suffix != tt.suffix || ok != tt.ok {
			t.Errorf("splitSID(%q) = %q, %q, %v", tt.in, sid, suffix, ok)
		}
	}
}

func TestDistinguishedName(t *testing.T) {
	for _, tt := range []struct{ in, cn, domain string }{
		{"CN=Anna Smith,OU=Staff,DC=contoso,DC=com", "Anna Smith", "contoso.com"},
		{`CN=Smith\, Anna,CN=Users,DC=corp`, "Smith, Anna", "corp"},
		{"nonsense", "", ""},
		{"", "", ""},
		{`CN=trailing\`, `trailing\`, ""},
	} {
		if cn, domain := distinguished(tt.in); cn != tt.cn || domain != tt.domain {
			t.Errorf("distinguished(%q) = %q, %q", tt.in, cn, domain)
		}
	}
}

// loadTime wants both halves, and a date.
func TestLoadTime(t *testing.T) {
	ft := filetime(2022)
	half := hivegen.D("LocalProfileLoadTimeHigh", uint32(ft>>32))
	for _, tt := range []struct {
		name   string
		values []hivegen.Value
		want   wstr.Filetime
	}{
		{"both", loaded("LocalProfileLoadTime", ft), ft},
		{"one half", []hivegen.Value{half}, 0},
		{"zeros", loaded("ProfileLoadTime", 0), 0},
		{"far future", loaded("LocalProfileLoadTime", 1<<63-1), 0},
		{"binary halves", []hivegen.Value{hivegen.B("LocalProfileLoadTimeHigh", binary.LittleEndian.AppendUint32(nil, uint32(ft>>32))), hivegen.D("LocalProfileLoadTimeLow", uint32(ft))}, ft},
	} {
		h, err := hive.Open(build(hivegen.K("ROOT", tt.values)))
		if err != nil {
			t.Fatal(err)
		}
		if got := loadTime(h.Root()); got.Time != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got.Time, tt.want)
		}
	}
}

// A hive that was not closed properly and whose logs are there is whole:
// nothing is wrong, and it is a case.
func TestReplayedHive(t *testing.T) {
	p := newPC()
	root := hivegen.K("ROOT", hivegen.K("Environment", hivegen.SZ("PROJECT", `C:\Old`)))
	before := build(root)
	root.Keys[0].Values[0] = hivegen.SZ("PROJECT", `C:\New`)
	after := build(root)
	for _, b := range [][]byte{before, after} {
		binary.LittleEndian.PutUint32(b[4:], 8)
		binary.LittleEndian.PutUint32(b[8:], 7)
		hivegen.PutChecksum(b)
	}
	p.profile(pcSID+"-1001", `C:\Users\anna`)
	p.files["Users/anna/NTUSER.DAT"], p.files["Users/anna/ntuser.dat.LOG1"] = before, hivegen.LogHvLE(7, before, after)
	users, _ := p.users(t)
	u := users[0]
	if v, _ := u.Env().Lookup("PROJECT"); v != `C:\New` {
		t.Errorf("PROJECT is %q", v)
	}
	if codes(u) != ReplayedHive || len(u.Problems) != 1 {
		t.Errorf("%q, problems %v", codes(u), u.Problems) // the one is about the name
	}
}

// A hive that Windows was writing, or that lost a piece, is used and named.
func TestDamagedHive(t *testing.T) {
	p := newPC()
	whole := hivegen.K("ROOT", hivegen.K("Environment", hivegen.SZ("PROJECT", `C:\Data`)), hivegen.K("Other"))
	p.profile(pcSID+"-1001", `C:\Users\dirty`).profile(pcSID+"-1002", `C:\Users\hurt`)
	dirty, hurt := build(whole), build(whole)
	binary.LittleEndian.PutUint32(dirty[4:], 99)
	hivegen.PutChecksum(dirty)
	at := bytes.LastIndex(hurt, []byte("Other"))
	copy(hurt[at-76:], "xx")
	p.files["Users/dirty/NTUSER.DAT"], p.files["Users/hurt/NTUSER.DAT"] = dirty, hurt
	users, _ := p.users(t)
	for i, want := range []string{"the hive was not written out completely", "is damaged"} {
		u := users[i]
		if u.Hive == nil || !strings.Contains(fmt.Sprint(u.Problems), u.Dir+`\NTUSER.DAT: `+want) {
			t.Errorf("%s: hive %v, problems %v", u.Dir, u.Hive != nil, u.Problems)
		}
		if v, _ := u.Env().Lookup("PROJECT"); v != `C:\Data` {
			t.Errorf("%s: PROJECT is %q", u.Dir, v)
		}
	}
}
