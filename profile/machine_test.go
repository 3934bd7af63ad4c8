package profile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
)

// openMachine opens a test machine that holds one Windows.
func openMachine(t *testing.T, m *testimages.MachineDisks) (*offline.System, []offline.Problem) {
	t.Helper()
	paths, err := m.WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	set, err := volumes.Open(paths, volumes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	systems, problems, err := offline.Find(set, offline.Options{})
	if err != nil || len(systems) != 1 {
		t.Fatalf("%d systems, problems %v, error %v", len(systems), problems, err)
	}
	return systems[0], problems
}

// brokenProfiles opens the machine with the broken profiles.
func brokenProfiles(t *testing.T) *offline.System {
	t.Helper()
	sys, problems := openMachine(t, testimages.Machine("users"))
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	return sys
}

// Every profile of the machine is found, told whose it is and what is wrong.
func TestBrokenProfiles(t *testing.T) {
	users, problems, err := Users(brokenProfiles(t))
	if err != nil {
		t.Fatal(err)
	}
	short := strings.NewReplacer(testimages.ProfilesSID, "M", testimages.KontorSID, "K", testimages.FionaSID, "E")
	want := map[string]string{
		"S-1-5-18":    `NT AUTHORITY\SYSTEM service C:\Windows\system32\config\systemprofile ProfileList: no-folder`,
		"M-1001":      `WERKSTATT-7\anna local C:\Users\anna ProfileList: backup-key>M-1001.temp several-profiles>M-1001.temp`,
		"M-1001.temp": `WERKSTATT-7\anna local C:\Users\TEMP ProfileList: several-profiles>M-1001 temporary-profile>M-1001`,
		"M-1002":      `WERKSTATT-7\bert local C:\Users\bert ProfileList: several-profiles>M-1002.bak shared-folder>M-1002.bak`,
		"M-1002.bak":  `WERKSTATT-7\bert local C:\Users\bert ProfileList: backup-key>M-1002 several-profiles>M-1002 shared-folder>M-1002`,
		"M-1003":      `WERKSTATT-7\clara local C:\Users\clara owner of NTUSER.DAT: no-key`,
		"M-1004":      `WERKSTATT-7\dora local C:\Users\dora access list of NTUSER.DAT: no-key`,
		"M-1005":      `WERKSTATT-7\emil local C:\Users\emil UsrClass.dat: no-hive no-key`,
		"M-1006":      `WERKSTATT-7\frida local C:\Users\frida ProfileList: no-folder`,
		"M-1007":      `WERKSTATT-7\gustav local C:\Users\gustav ProfileList: dead-hive`,
		"M-1008":      `WERKSTATT-7\heidi local C:\Users\heidi ProfileList: no-hive`,
		"M-1009":      `WERKSTATT-7\ida local D:\Profile\ida ProfileList: `,
		"M-1010":      `WERKSTATT-7\jan local C:\Users\jan ProfileList: `,
		"M-1011":      `WERKSTATT-7\karl local C:\Users\karl ProfileList: redirected-folder redirected-folder`,
		"M-1012":      `WERKSTATT-7\deleted local C:\Users\deleted ProfileList: account-deleted`,
		"M-500":       `WERKSTATT-7\Administrator builtin C:\Users\lena ProfileList: shared-folder>K-1106`,
		"K-1105":      `KONTOR\mm domain C:\Users\mm.KONTOR ProfileList: `,
		"K-1106":      `KONTOR\lena domain C:\Users\lena ProfileList: shared-folder>M-500`,
		"K-1107":      `KONTOR\K-1107 domain C:\Users\TEMP.KONTOR ProfileList: temporary-profile`,
		"E":           `AzureAD\FionaFuchs entra C:\Users\FionaFuchs ProfileList: `,
		"orphan-fund": `\fund unknown C:\Users\fund : no-key owner-unknown`,
	}
	for _, u := range users {
		id := short.Replace(u.ID)
		got := short.Replace(fmt.Sprintf(`%s\%s %s %s %s: %s`, u.Domain, u.Name, u.Kind, u.Dir, u.SIDFrom, short.Replace(codes(u))))
		if got != want[id] {
			t.Errorf("%s\n got %s\nwant %s\n%v", id, got, want[id], u.Problems)
		}
		delete(want, id)
	}
	for id := range want {
		t.Errorf("%s is not found", id)
	}
	if got, want := fmt.Sprint(problems), `[C:\Users\Tausch: is among the profiles, but is none and belongs to no user: it is captured only if a rule names it]`; got != want {
		t.Errorf("problems %s, want %s", got, want)
	}
	karl := byID(t, users, testimages.ProfilesSID+"-1011")
	redirected := []Redirected{
		{Folder: "Desktop", Path: `C:\Users\karl\OneDrive - Kontor\Desktop`, Cloud: `C:\Users\karl\OneDrive - Kontor`, Account: "karl@kontor.example"},
		{Folder: "Documents", Remote: `\\fs01\home\karl`, Left: `C:\Users\karl\Documents`},
		{Folder: "Music", Path: `D:\Musik`},
		{Folder: "Pictures", Path: `D:\Bilder`},
		{Folder: "Videos", Remote: `\\nas\video\karl`, Drive: "V:"},
	}
	if !slices.Equal(karl.Redirected, redirected) {
		t.Errorf("karl's folders\n got %+v\nwant %+v", karl.Redirected, redirected)
	}
	// A file with two names counts once, a circle of junctions is not entered.
	jan, err := byID(t, users, testimages.ProfilesSID+"-1010").Sizes(context.Background())
	if err != nil || jan.Of(SizeDocuments).Files+jan.Of(SizeDesktop).Files != 2 || jan.Total.Bytes-jan.Of(SizeOther).Bytes != 5+6 || jan.Unreadable != 0 {
		t.Errorf("sizes of jan: %+v, %v", jan, err)
	}
	s, err := karl.Sizes(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]Size{
		SizeDesktop: {SizeDesktop, 1, 7, 1, 5_000_000}, SizeMusic: {SizeMusic, 1, 7, 0, 0}, SizePictures: {SizePictures, 1, 7, 0, 0}, SizeVideos: {Kind: SizeVideos}, SizeDocuments: {Kind: SizeDocuments},
	} {
		if s.Of(kind) != want {
			t.Errorf("sizes: %+v, want %+v", s.Of(kind), want)
		}
	}
}

// The SAM of the machine is in German: groups are told by their SIDs.
func TestLocalisedGroups(t *testing.T) {
	sam, err := Accounts(brokenProfiles(t))
	if err != nil || len(sam.Problems) != 0 {
		t.Fatal(err, sam)
	}
	for sid, want := range map[string]string{
		testimages.ProfilesSID + "-1001": "S-1-5-32-544 Administratoren, S-1-5-32-545 Benutzer",
		testimages.FionaSID:              "S-1-5-32-544 Administratoren",
		testimages.KontorSID + "-1106":   testimages.ProfilesSID + "-1020 Lager & Versand",
		testimages.KontorSID + "-1107":   "",
	} {
		var got []string
		for _, g := range sam.GroupsOf(sid) {
			got = append(got, g.SID+" "+g.Name)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s is in %q, want %q", sid, got, want)
		}
	}
	if in := sam.IndirectGroupsOf(testimages.KontorSID + "-1107"); len(in) != 1 || in[0].Group.Name != "Benutzer" {
		t.Errorf("%+v", in)
	}
}
