package profile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/hivegen"
)

// byID finds a user.
func byID(t *testing.T, users []*User, id string) *User {
	t.Helper()
	for _, u := range users {
		if u.ID == id {
			return u
		}
	}
	var ids []string
	for _, u := range users {
		ids = append(ids, u.ID)
	}
	t.Fatalf("no user %s in %q", id, ids)
	return nil
}

// codes are the cases of a user without those about the name of the account:
// "code" or "code>other".
func codes(u *User) string {
	var list []string
	for _, c := range u.Cases {
		if c.Code == NameGuessed || c.Code == NameUnknown {
			continue
		}
		s := c.Code
		if c.Other != "" {
			s += ">" + c.Other
		}
		list = append(list, s)
	}
	slices.Sort(list)
	return strings.NewReplacer(pcSID, "M", corpSID, "D").Replace(strings.Join(list, " "))
}

// Every broken profile is a case with a code, and names the profile that it
// belongs with.
func TestCases(t *testing.T) {
	const userKey = `Software\Microsoft`
	p := newPC()
	p.sam = &hivegen.SAM{MachineSID: pcSID, Users: []hivegen.User{
		{RID: 1001, Name: "bob"}, {RID: 1002, Name: "twice"}, {RID: 1003, Name: "temp"}, {RID: 1004, Name: "dead"},
		{RID: 1005, Name: "copied"}, {RID: 1006, Name: "nofolder"}, {RID: 1007, Name: "lonely"}, {RID: 1008, Name: "outer"}, {RID: 1009, Name: "inner"},
		{RID: 503, Name: "Standardkonto"}, {RID: 1011, Name: "keyless"}, {RID: 1012, Name: "namesake"},
	}}
	// Put aside, with a temporary profile in its place.
	p.profile(pcSID+"-1001.bak", `C:\Users\bob`, hivegen.D("State", 0x8000)).user("Users/bob", hivegen.Path(userKey))
	p.profile(pcSID+"-1001", `C:\Users\TEMP.COLD-PC`, hivegen.D("State", 0x800)).user("Users/TEMP.COLD-PC")
	// Two keys of one account for one folder.
	p.profile(pcSID+"-1002", `C:\Users\twice`).profile(pcSID+"-1002.bak", `c:\users\TWICE`).user("Users/twice")
	// Somebody is called Temp.
	p.profile(pcSID+"-1003", `C:\Users\Temp`).user("Users/Temp")
	// Hives.
	p.profile(pcSID+"-1004", `C:\Users\dead`)
	p.files["Users/dead/NTUSER.DAT"] = []byte("no registry file")
	p.profile(pcSID+"-1005", `C:\Users\copied`)
	p.files["Users/copied/NTUSER.DAT"] = []byte("no registry file")
	p.files["Users/copied/NTUSER.DAT.bak"] = build(hivegen.K("ROOT", hivegen.Path(`Control Panel\Desktop`, hivegen.SZ("Wallpaper", "old.jpg"))))
	// No folder.
	p.profile(pcSID+"-1006", `C:\Users\nofolder`)
	// A temporary profile, and no key for the real one.
	p.profile(pcSID+"-1011", `C:\Users\TEMP.000`, hivegen.D("State", 0x800)).user("Users/TEMP.000").user("Users/keyless")
	p.files[`Users/keyless/AppData/Roaming/Microsoft/Protect/`+pcSID+`-1011/x`] = []byte("x")
	p.user("Users/Namesake.COLD-PC")
	// Only a temporary profile.
	p.profile(pcSID+"-1007", `C:\Users\TEMP`, hivegen.D("State", 0x800)).user("Users/TEMP")
	// One in the other.
	p.profile(pcSID+"-1008", `C:\Users\outer`).user("Users/outer")
	p.profile(pcSID+"-1009", `C:\Users\outer\inner`).user("Users/outer/inner")
	// Two accounts for one folder: the machine joined a domain, and the key of
	// the old account stayed.
	p.profile(pcSID+"-1010", `C:\Users\carla`).profile(corpSID+"-1601", `C:\Users\carla`, hivegen.SZ("Guid", "{1}")).user("Users/carla")
	p.profile(corpSID+"-1601.bak", `C:\Users\carla`)
	p.files["Users/carla/AppData/Local/Microsoft/Windows/UsrClass.dat"] = build(hivegen.K(corpSID + "-1601_Classes"))
	// Folders without a key: with two SIDs, without a hive, of a real account.
	p.user("Users/both")
	p.files[`Users/both/AppData/Roaming/Microsoft/Protect/`+pcSID+`-1020/x`] = []byte("x")
	p.files[`Users/both/AppData/Roaming/Microsoft/Protect/`+pcSID+`-1021/x`] = []byte("x")
	p.files[`Users/both/AppData/Roaming/Microsoft/Crypto/RSA/`+pcSID+`-1022/x`] = []byte("x")
	p.files[`Users/hiveless/AppData/Roaming/Microsoft/Protect/`+corpSID+`-1603/x`] = []byte("x")
	p.files[`Users/hiveless/Documents/x`] = []byte("x")
	secured := hivegen.K("ROOT")
	secured.Security = hivegen.Descriptor("S-1-5-32-544", "S-1-5-18", 0, hivegen.ACE{SID: "S-1-5-18", Mask: 0xf003f}, hivegen.ACE{SID: "S-1-5-32-544", Mask: 0xf003f},
		hivegen.ACE{SID: pcSID + "-1030", Mask: 0xf003f}, hivegen.ACE{SID: "S-1-5-12", Mask: 0x20019}, hivegen.ACE{SID: pcSID + "-1031", Mask: 0x20019})
	p.files["Users/secured/NTUSER.DAT"] = build(secured)
	p.files["Users/pool/NTUSER.DAT"] = build(hivegen.K("ROOT"))
	p.files["Users/pool/AppData/Local/Microsoft/Windows/UsrClass.dat"] = build(hivegen.K("S-1-5-82-1-2-3-4-5_Classes"))
	p.profile(pcSID+"-503", `C:\Users\Standardkonto`).user("Users/Standardkonto")
	p.files["Users/just files/x.txt"] = []byte("x")

	users, problems := p.users(t)
	for _, tt := range []struct{ id, codes, real, others, from string }{
		{pcSID + "-1001", "backup-key>M-1001.temp several-profiles>M-1001.temp", pcSID + "-1001", pcSID + "-1001.temp", "ProfileList"},
		{pcSID + "-1001.temp", "several-profiles>M-1001 temporary-profile>M-1001", pcSID + "-1001", pcSID + "-1001", "ProfileList"},
		{pcSID + "-1002", "several-profiles>M-1002.bak shared-folder>M-1002.bak", pcSID + "-1002", pcSID + "-1002.bak", "ProfileList"},
		{pcSID + "-1002.bak", "backup-key>M-1002 several-profiles>M-1002 shared-folder>M-1002", pcSID + "-1002", pcSID + "-1002", "ProfileList"},
		{pcSID + "-1003", "", "", "", "ProfileList"},
		{pcSID + "-1004", "dead-hive", "", "", "ProfileList"},
		{pcSID + "-1005", "substitute-hive", "", "", "ProfileList"},
		{pcSID + "-1006", "no-folder", "", "", "ProfileList"},
		{pcSID + "-1007", "temporary-profile", "", "", "ProfileList"},
		{pcSID + "-1008", "shared-folder>M-1009", "", "", "ProfileList"},
		{pcSID + "-1009", "shared-folder>M-1008", "", "", "ProfileList"},
		{pcSID + "-1010", "account-deleted shared-folder>D-1601", "", "", "ProfileList"},
		{corpSID + "-1601", "several-profiles>D-1601.bak shared-folder>D-1601.bak shared-folder>M-1010", corpSID + "-1601", corpSID + "-1601.bak", "ProfileList"},
		{corpSID + "-1601.bak", "backup-key>D-1601 several-profiles>D-1601 shared-folder>D-1601", corpSID + "-1601", corpSID + "-1601", "ProfileList"},
		{pcSID + "-1011", "no-key several-profiles>M-1011.temp", pcSID + "-1011", pcSID + "-1011.temp", "keys of the account"},
		{pcSID + "-1011.temp", "several-profiles>M-1011 temporary-profile>M-1011", pcSID + "-1011", pcSID + "-1011", "ProfileList"},
		{"orphan-Namesake.COLD-PC", "no-key owner-unknown", "", "", ""},
		{"orphan-both", "no-key owner-unknown", "", "", ""},
		{corpSID + "-1603", "no-hive no-key", "", "", "keys of the account"},
		{pcSID + "-1030", "account-deleted no-key", "", "", "security of NTUSER.DAT"},
		{"S-1-5-82-1-2-3-4-5", "no-key", "", "", "UsrClass.dat"},
		{pcSID + "-503", "", "", "", "ProfileList"},
	} {
		u := byID(t, users, tt.id)
		// What the other reader of ProfileList knows as one thing stays one.
		if tt.id == "orphan-both" && u.SID != "" {
			t.Errorf("the owner of both is %s", u.SID)
		}
		if got := codes(u); got != tt.codes {
			t.Errorf("%s is %q, want %q (%v)", tt.id, got, tt.codes, u.Problems)
		}
		if u.RealID != tt.real || strings.Join(u.OtherIDs, " ") != tt.others || u.SIDFrom != tt.from {
			t.Errorf("%s: real %q, others %q, SID from %q; want %q, %q, %q", tt.id, u.RealID, u.OtherIDs, u.SIDFrom, tt.real, tt.others, tt.from)
		}
		for _, c := range u.Cases {
			if !slices.ContainsFunc(u.Problems, func(p Problem) bool { return p.Where == c.Where && p.What == c.What }) {
				t.Errorf("%s: case %s has no problem for people", tt.id, c.Code)
			}
			if !u.Has(c.Code) || u.Has("nothing") {
				t.Errorf("%s: Has is wrong", tt.id)
			}
		}
	}
	if len(users) != 22 {
		t.Errorf("%d users", len(users))
	}
	if got, want := fmt.Sprint(problems), `[C:\Users\just files: is among the profiles, but is none and belongs to no user: it is captured only if a rule names it]`; got != want {
		t.Errorf("problems %s, want %s", got, want)
	}

	if u := byID(t, users, pcSID+"-1002.bak"); u.RepeatOf != pcSID+"-1002" || u.Person() {
		t.Errorf("the second key is a repeat of %q, person %v", u.RepeatOf, u.Person())
	}
	if u := byID(t, users, corpSID+"-1601.bak"); u.RepeatOf != corpSID+"-1601" {
		t.Errorf("among others the second key is a repeat of %q", u.RepeatOf)
	}
	if u := byID(t, users, pcSID+"-1002"); u.RepeatOf != "" || !u.Person() {
		t.Errorf("the first key is a repeat of %q, person %v", u.RepeatOf, u.Person())
	}
	for _, id := range []string{"S-1-5-82-1-2-3-4-5", pcSID + "-503"} {
		if u := byID(t, users, id); u.Kind != Service {
			t.Errorf("%s is %s", id, u.Kind)
		}
	}
	if u := byID(t, users, pcSID+"-1010"); !strings.Contains(fmt.Sprint(u.Problems), "it belongs to "+corpSID+"-1601 (UsrClass.dat)") {
		t.Errorf("%v", u.Problems)
	}
	if u := byID(t, users, "orphan-Namesake.COLD-PC"); !strings.Contains(fmt.Sprint(u.Problems), "the local account namesake ("+pcSID+"-1012) is called that") || u.SID != "" {
		t.Errorf("%v", u.Problems)
	}
	// The copy stands in for the hive.
	copied := byID(t, users, pcSID+"-1005")
	if k, err := copied.HKCU(`Control Panel\Desktop`); err != nil {
		t.Error(err)
	} else if s, _ := k.String("Wallpaper"); s != "old.jpg" {
		t.Errorf("wallpaper %q", s)
	}
	// No hive, and the folders are known all the same.
	hiveless := byID(t, users, corpSID+"-1603")
	if !hiveless.Person() || hiveless.Folders["Documents"].Path != `C:\Users\hiveless\Documents` || hiveless.HiveError == nil {
		t.Errorf("hiveless: %v %+v %v", hiveless.Person(), hiveless.Folders["Documents"], hiveless.HiveError)
	}
}

// Thousands of keys of one account, as no Windows makes them, have an ID each
// and do not name all of the others.
func TestManyKeys(t *testing.T) {
	const n = 500
	p := newPC()
	p.user("Users/x")
	list := p.list()
	for i := range n {
		list.Add(hivegen.K(fmt.Sprintf("%s-1001.x%04d", pcSID, i), hivegen.ExpandSZ("ProfileImagePath", `C:\Users\TEMP`), hivegen.D("State", 0x800)))
	}
	users, _ := p.users(t)
	ids := map[string]bool{}
	for _, u := range users {
		ids[u.ID] = true
		if len(u.OtherIDs) > maxOthers || len(u.Cases) > 10 {
			t.Fatalf("%s names %d others in %d cases", u.ID, len(u.OtherIDs), len(u.Cases))
		}
	}
	if len(users) != n+1 || len(ids) != len(users) {
		t.Errorf("%d users with %d IDs", len(users), len(ids))
	}
}

func TestRedirected(t *testing.T) {
	p := newPC()
	p.sam = &hivegen.SAM{MachineSID: pcSID, Users: []hivegen.User{{RID: 1001, Name: "anna"}, {RID: 1002, Name: "bob", HomeDrive: "H:", HomeDir: `\\fs02\home\bob`}, {RID: 1003, Name: "eve"}}}
	shell := func(values ...hivegen.Value) *hivegen.Key {
		return hivegen.Path(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`, values)
	}
	const downloads = "{374DE290-123F-4565-9164-39C4925E467B}"
	anna0 := hivegen.K("ROOT", hivegen.Path(`Network\N`, hivegen.SZ("RemotePath", `\\nas\media`)),
		shell(hivegen.ExpandSZ("Personal", `\\fs01\home\%USERNAME%`), hivegen.SZ("Desktop", `C:\Users\anna\OneDrive - Contoso\Desktop`),
			hivegen.ExpandSZ("My Music", `N:\Music`), hivegen.SZ("My Video", `C:\Movies`), hivegen.SZ("My Pictures", `E:\Pictures`),
			hivegen.ExpandSZ("Favorites", `%USERPROFILE%\Favourites`), hivegen.SZ(downloads, `C:\Not there`)))
	// Without a mail address an account is left from another time.
	anna0.At(`Software\Microsoft\OneDrive\Accounts`).Add(hivegen.K("Business1", hivegen.SZ("UserFolder", `C:\Users\anna\OneDrive - Contoso`), hivegen.SZ("UserEmail", "anna@contoso.com")),
		hivegen.K("Business2", hivegen.SZ("UserFolder", `C:\Users\anna`)))
	p.profile(pcSID+"-1001", `C:\Users\anna`)
	p.files["Users/anna/NTUSER.DAT"] = build(anna0)
	for _, name := range []string{"Users/anna/Documents/old.doc", "Users/anna/Documents/desktop.ini", "Users/anna/Videos/desktop.ini", "Users/anna/OneDrive - Contoso/Desktop/x.lnk", "Movies/film.mp4",
		"Windows/CSC/v2.0.6/namespace/fs01/home/anna/letter.doc"} {
		p.files[name] = []byte("x")
	}
	p.profile(pcSID+"-1002", `C:\Users\bob`).user("Users/bob", shell(hivegen.SZ("Personal", `H:\Docs`), hivegen.SZ("My Video", `C:\Movies\bob`)))
	p.files["Movies/bob/x"] = []byte("x")
	p.profile(pcSID+"-1003", `C:\Users\eve`).user("Users/eve", shell(hivegen.SZ("Personal", `C:\Users\bob\For eve`)))
	p.files["Users/bob/For eve/x"] = []byte("x")
	users, _ := p.users(t)
	anna, bob, eve := byID(t, users, pcSID+"-1001"), byID(t, users, pcSID+"-1002"), byID(t, users, pcSID+"-1003")
	for _, tt := range []struct {
		u    *User
		want []Redirected
	}{
		{anna, []Redirected{
			{Folder: "Desktop", Path: `C:\Users\anna\OneDrive - Contoso\Desktop`, Cloud: `C:\Users\anna\OneDrive - Contoso`, Account: "anna@contoso.com"},
			{Folder: "Documents", Remote: `\\fs01\home\anna`, Left: `C:\Users\anna\Documents`, Cached: `C:\Windows\CSC\v2.0.6\namespace\fs01\home\anna`},
			{Folder: "Downloads", Path: `C:\Not there`, Missing: true},
			{Folder: "Music", Remote: `\\nas\media\Music`, Drive: "N:"},
			{Folder: "Pictures", Path: `E:\Pictures`, Missing: true},
			{Folder: "Videos", Path: `C:\Movies`},
		}},
		{bob, []Redirected{{Folder: "Documents", Remote: `\\fs02\home\bob\Docs`, Drive: "H:"}, {Folder: "Videos", Path: `C:\Movies\bob`}}},
		{eve, []Redirected{{Folder: "Documents", Path: `C:\Users\bob\For eve`}}},
	} {
		if !slices.Equal(tt.u.Redirected, tt.want) {
			t.Errorf("%s\n got %+v\nwant %+v", tt.u.Name, tt.u.Redirected, tt.want)
		}
	}
	if got, want := codes(anna), "folder-missing folder-missing redirected-folder redirected-folder shared-folder>M-1002"; got != want {
		t.Errorf("anna is %q, want %q: %v", got, want, anna.Problems)
	}
	if got, want := codes(bob), "redirected-folder shared-folder>M-1001 shared-folder>M-1003"; got != want {
		t.Errorf("bob is %q, want %q: %v", got, want, bob.Problems)
	}
	all := fmt.Sprint(anna.Problems)
	for _, text := range []string{
		`the folder Documents is redirected to the server path \\fs01\home\anna; what is there is not on this disk; copies of some of it may be in the Offline Files, C:\Windows\CSC\v2.0.6\namespace\fs01\home\anna`,
		`the folder Music is redirected to the server path \\nas\media\Music (network drive N:); what is there is not on this disk`,
		`the folder Downloads is set to C:\Not there, which does not exist`,
		"the folder Pictures cannot be reached: E:\\Pictures: drive E: is on none",
	} {
		if strings.Count(all, text) != 1 {
			t.Errorf("%q is not once in %s", text, all)
		}
	}
	// Rules take local ones from where they are and have no name for others.
	for name, want := range map[string]string{"CSIDL_DESKTOP": `C:\Users\anna\OneDrive - Contoso\Desktop`, "CSIDL_MYVIDEO": `C:\Movies`, "CSIDL_PERSONAL": "", "CSIDL_MYMUSIC": "", "CSIDL_PLAYLISTS": "", "CSIDL_FAVORITES": `C:\Users\anna\Favourites`} {
		if got, _ := anna.Env().Lookup(name); got != want {
			t.Errorf("%%%s%% is %q, want %q", name, got, want)
		}
	}
}

// Names that Windows keeps nowhere as such: of domains, of cloud accounts.
func TestNames(t *testing.T) {
	const other = "S-1-5-21-1-2-3"
	p := newPC()
	p.sam = &hivegen.SAM{MachineSID: pcSID,
		Users: []hivegen.User{{RID: 1001, Name: "mia", InternetName: "mia@outlook.example", InternetSID: "S-1-11-96-1-2-3"}},
		Builtin: []hivegen.Group{{RID: 544, Name: "Administrateurs", Members: []string{corpSID + "-512", pcSID + "-1001"}},
			{RID: 545, Name: "Utilisateurs", Members: []string{"S-1-5-4", corpSID + "-513"}}}}
	p.software.At(`Microsoft\Windows\CurrentVersion\Group Policy\History`).Add(hivegen.SZ("NetworkName", "corp.example.com"))
	p.software.At(`Microsoft\Windows NT\CurrentVersion\Winlogon\DomainCache`).Add(hivegen.SZ("KORP", "corp.example.com"), hivegen.SZ("OTHER", "other.example.com"))
	p.software.At(`Microsoft\Windows NT\CurrentVersion\Winlogon`).Add(hivegen.SZ("DefaultDomainName", "COLD-PC"))
	p.software.At(`Microsoft\Windows\CurrentVersion\Group Policy\State\` + other + "-5").Add(hivegen.SZ("Distinguished-Name", "CN=Otto Other,DC=other,DC=example,DC=com"))
	p.software.At(`Microsoft\IdentityStore\LogonCache\D7F9888F-E3FC-49B0-9EA6-A85B5F392A4F\Sid2Name\S-1-11-96-1-2-3`).Add(hivegen.SZ("IdentityName", "mia@outlook.example"), hivegen.SZ("DisplayName", "Mia Muster"))
	p.software.At(`Microsoft\Windows\CurrentVersion\Group Policy\`+corpSID+`-1601\GroupMembership`).Add(
		hivegen.SZ("Group0", corpSID+"-513"), hivegen.SZ("Group1", "S-1-1-0"), hivegen.SZ("Group2", "S-1-5-32-544"), hivegen.SZ("Group3", corpSID+"-512"), hivegen.D("Count", 4))
	// Nothing but the folder; a task; a mail address in OneDrive or Office.
	p.profile(corpSID+"-1601", `C:\Users\nobody.KORP.000`).user("Users/nobody.KORP.000")
	p.profile(corpSID+"-1602", `C:\Users\TEMP`, hivegen.D("State", 0x800)).user("Users/TEMP")
	p.profile(corpSID+"-1603", `C:\Users\x1`).user("Users/x1")
	p.files["Windows/System32/Tasks/OneDrive Standalone Update Task-"+corpSID+"-1603"] = append([]byte{0xff, 0xfe}, hivegen.UTF16(`<Task><Principals><Principal id="Author"><UserId>KORP\xaver</UserId></Principal></Principals></Task>`)...)
	p.files["Windows/System32/Tasks/Sub/Other-"+corpSID+"-1602"] = []byte(`<UserId>` + corpSID + `-1602</UserId>`)
	p.profile(corpSID+"-1604", `C:\Users\x2`)
	yana := hivegen.K("ROOT")
	yana.At(`Software\Microsoft\OneDrive\Accounts\Business1`).Add(hivegen.SZ("UserEmail", "yana@example.com"))
	yana.At(`Software\Microsoft\Office\16.0\Common\Identity\Identities\5_ADAL`).Add(hivegen.SZ("EmailAddress", "yana@example.com"), hivegen.SZ("FriendlyName", "Yana Y"))
	p.files["Users/x2/NTUSER.DAT"] = build(yana)
	p.profile(corpSID+"-1605", `C:\Users\x3`).user("Users/x3", hivegen.Path(`Software\Microsoft\Office\16.0\Common\Identity\Identities`,
		hivegen.K("1_ADAL", hivegen.SZ("EmailAddress", "a@example.com")), hivegen.K("2_ADAL", hivegen.SZ("EmailAddress", "b@example.com")), hivegen.K("3_LiveId", hivegen.SZ("EmailAddress", "c@example.com"))))
	p.profile(corpSID+"-1606", `C:\Users\x4`).user("Users/x4", hivegen.Path(`Software\Microsoft\OneDrive`, hivegen.SZ("UserNameCollection", "zora"), hivegen.SZ("UserDomainCollection", "korp")))
	p.profile(corpSID+"-1607", `C:\Users\x5`).user("Users/x5", hivegen.Path(`Software\Microsoft\OneDrive`, hivegen.SZ("UserNameCollection", "zora;zoe"), hivegen.SZ("UserDomainCollection", "korp")))
	p.profile(other+"-5", `C:\Users\otto`).user("Users/otto")
	p.profile(pcSID+"-1001", `C:\Users\mia12`).user("Users/mia12")
	p.profile(entraSID, `C:\Users\FionaFox`).user("Users/FionaFox", hivegen.Path(`Software\Microsoft\Windows NT\CurrentVersion\WorkplaceJoin\JoinInfo\AB12`, hivegen.SZ("UserEmail", "fiona@contoso.com")))
	const entra2 = "S-1-12-1-5-6-7-8"
	p.profile(entra2, `C:\Users\GabiGold`).user("Users/GabiGold")
	p.software.At(`Microsoft\IdentityStore\LogonCache\B16898C6-A148-4967-9171-64D755DA8520\Sid2Name\`+entra2).Add(
		hivegen.SZ("IdentityName", "gabi@contoso.com"), hivegen.SZ("SAMName", `AzureAD\GabiGold`), hivegen.SZ("DisplayName", "Gabi Gold"))
	users, _ := p.users(t)
	for id, want := range map[string]string{
		corpSID + "-1601": `KORP\nobody | profile folder (guess) |  |  |  | domain`,
		corpSID + "-1602": `KORP\` + corpSID + `-1602 |  |  |  |  | domain`,
		corpSID + "-1603": `KORP\xaver | scheduled task |  |  |  | domain`,
		corpSID + "-1604": `KORP\yana@example.com | OneDrive | Yana Y | yana@example.com | OneDrive | domain`,
		corpSID + "-1605": `KORP\x3 | profile folder (guess) |  |  |  | domain`,
		corpSID + "-1606": `KORP\zora | OneDrive |  |  |  | domain`,
		corpSID + "-1607": `KORP\x5 | profile folder (guess) |  |  |  | domain`,
		other + "-5":      `OTHER\otto | profile folder (guess) | Otto Other |  |  | domain`,
		pcSID + "-1001":   `COLD-PC\mia | SAM | Mia Muster | mia@outlook.example | SAM | microsoft`,
		entraSID:          `AzureAD\fiona@contoso.com | WorkplaceJoin |  | fiona@contoso.com | WorkplaceJoin | entra`,
		entra2:            `AzureAD\GabiGold | IdentityStore | Gabi Gold | gabi@contoso.com | IdentityStore | entra`,
	} {
		u := byID(t, users, id)
		if got := fmt.Sprintf(`%s\%s | %s | %s | %s | %s | %s`, u.Domain, u.Name, u.NameFrom, u.FullName, u.UPN, u.UPNFrom, u.Kind); got != want {
			t.Errorf("%s\n got %s\nwant %s", id, got, want)
		}
	}
	if got, want := byID(t, users, corpSID+"-1601").DomainGroups, []string{corpSID + "-513", corpSID + "-512"}; !slices.Equal(got, want) {
		t.Errorf("groups of the domain %q, want %q", got, want)
	}
	if u := byID(t, users, corpSID+"-1602"); !u.Has(NameUnknown) || !u.Has(TemporaryProfile) {
		t.Errorf("the nameless one is %q", codes(u))
	}
}

func TestTaskOwner(t *testing.T) {
	for _, tt := range []struct {
		in, domain, name, upn string
		ok                    bool
	}{
		{`<UserId>CORP\dora</UserId>`, "CORP", "dora", "", true},
		{`<UserId>dora</UserId>`, "", "dora", "", true},
		{`<UserId>AzureAD\dora@contoso.com</UserId>`, "AzureAD", "", "dora@contoso.com", true},
		{`<UserId>S-1-5-18</UserId>`, "", "", "", false},
		{`<UserId></UserId>`, "", "", "", false},
		{`<UserId>a&amp;b</UserId>`, "", "", "", false},
		{`<UserId>` + strings.Repeat("x", 300) + `</UserId>`, "", "", "", false},
		{"\xff\xfe<", "", "", "", false},
		{"", "", "", "", false},
	} {
		id, ok := taskOwner([]byte(tt.in))
		if ok != tt.ok || id.domain != tt.domain || id.name != tt.name || id.upn != tt.upn {
			t.Errorf("%q: %+v, %v", tt.in, id, ok)
		}
	}
}

// FuzzTask reads definitions of tasks.
func FuzzTask(f *testing.F) {
	f.Add([]byte(`<UserId>CORP\dora</UserId>`))
	f.Add([]byte(`<UserId>S-1-5-18</UserId>`))
	f.Add(append([]byte{0xff, 0xfe}, hivegen.UTF16(`<UserId>AzureAD\dora@contoso.com</UserId>`)...))
	f.Add([]byte{0xff, 0xfe, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		id, ok := taskOwner(b)
		if ok && id.name == "" && id.upn == "" || len(id.name)+len(id.domain)+len(id.upn) > 4*256 {
			t.Fatalf("%+v", id)
		}
	})
}

// The last use has all its signals, the latest first, and says which is used.
func TestLastUse(t *testing.T) {
	p := newPC()
	p.sam = &hivegen.SAM{MachineSID: pcSID, Users: []hivegen.User{{RID: 1001, Name: "a", LastLogon: uint64(filetime(2019))}, {RID: 1002, Name: "b", LastLogon: uint64(filetime(2018))}}}
	p.profile(pcSID+"-1001", `C:\Users\a`, loaded("LocalProfileLoadTime", filetime(2020))).user("Users/a")
	p.profile(pcSID+"-1002", `C:\Users\b`)
	users, _ := p.users(t)
	a, b := byID(t, users, pcSID+"-1001"), byID(t, users, pcSID+"-1002")
	var from []string
	for i, use := range a.Uses {
		from = append(from, use.From)
		if i > 0 && use.Time > a.Uses[i-1].Time {
			t.Error("the signals are not in order")
		}
	}
	if got := strings.Join(from, " "); got != "NTUSER.DAT ProfileList SAM" || a.LastUse != (LastUse{filetime(2020), "ProfileList"}) {
		t.Errorf("signals %s, used %v", got, a.LastUse)
	}
	if b.LastUse != (LastUse{filetime(2018), "SAM"}) || len(b.Uses) != 1 {
		t.Errorf("used %v of %v", b.LastUse, b.Uses)
	}
}

func TestSizes(t *testing.T) {
	p := newPC()
	put := func(name string, n int) { p.files[name] = make([]byte, n) }
	p.profile(pcSID+"-1001", `C:\Users\anna`)
	hv := build(hivegen.K("ROOT", hivegen.Path(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`,
		hivegen.SZ("My Pictures", `C:\Photos`), hivegen.SZ("My Music", `C:\Users\anna\Documents\Songs`), hivegen.SZ("My Video", `C:\Users\anna`), hivegen.SZ("Favorites", `C:\Elsewhere`))))
	p.files["Users/anna/NTUSER.DAT"] = hv
	put("Users/anna/Documents/a.doc", 1)
	put("Users/anna/Documents/deep/er/b.doc", 2)
	put("Users/anna/Documents/Outlook Files/box.PST", 4)
	put("Users/anna/Documents/Songs/x.mp3", 8)
	put("Photos/2024/x.jpg", 16)
	put("Users/anna/Downloads/x.iso", 32)
	put("Users/anna/Desktop/x.lnk", 64)
	put("Users/anna/AppData/Roaming/App/x", 128)
	put("Users/anna/AppData/Local/App/x", 256)
	put("Users/anna/AppData/x", 512)
	put("Users/anna/AppData/Roaming/Thunderbird/Profiles/x/Mail/Inbox", 1024)
	put("Users/anna/Videos/x.mp4", 2048) // the folder is set to the profile itself
	put("Users/anna/source/x.c", 4096)
	put("Elsewhere/x.url", 1<<20)
	put("Users/bob/x", 1<<21)
	users, _ := p.users(t)
	s, err := byID(t, users, pcSID+"-1001").Sizes(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Size{
		SizeDocuments: {SizeDocuments, 2, 3, 0, 0}, SizeMail: {SizeMail, 2, 4 + 1024, 0, 0}, SizeMusic: {SizeMusic, 1, 8, 0, 0}, SizePictures: {SizePictures, 1, 16, 0, 0},
		SizeDownloads: {SizeDownloads, 1, 32, 0, 0}, SizeDesktop: {SizeDesktop, 1, 64, 0, 0}, SizeAppData: {SizeAppData, 3, 128 + 256 + 512, 0, 0},
		SizeVideos: {SizeVideos, 0, 0, 0, 0}, SizeOther: {SizeOther, 3, 2048 + 4096 + int64(len(hv)), 0, 0},
	}
	if len(s.Kinds) != len(want) || s.Unreadable != 0 {
		t.Errorf("%+v", s)
	}
	total := Size{Kind: "total"}
	for _, k := range s.Kinds {
		if k != want[k.Kind] || s.Of(k.Kind) != k {
			t.Errorf("%+v, want %+v", k, want[k.Kind])
		}
		total.Files += k.Files
		total.Bytes += k.Bytes
	}
	if s.Total != total {
		t.Errorf("total %+v, want %+v", s.Total, total)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := byID(t, users, pcSID+"-1001").Sizes(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if s, err := new(User).Sizes(context.Background()); err != nil || s.Total.Files != 0 {
		t.Errorf("a user without a system has %+v, %v", s, err)
	}
}
