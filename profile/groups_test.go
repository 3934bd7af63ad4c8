package profile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/publicdata"
	"github.com/coldstate/coldstate/internal/winsec"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// german is a Windows in German, joined to a domain and to Entra.
func german() *hivegen.SAM {
	return &hivegen.SAM{MachineSID: pcSID, AllUsers: "Kein", Users: []hivegen.User{
		{RID: 500, Name: "Administrator", Control: 0x211}, {RID: 501, Name: "Gast", Control: 0x215},
		{RID: 503, Name: "Standardkonto", Control: 0x215},
		{RID: 1001, Name: "Jörg"}, {RID: 1002, Name: "Anna & Söhne"},
	}, Builtin: []hivegen.Group{
		{RID: 544, Name: "Administratoren", Description: "Vollzugriff", Members: []string{pcSID + "-500", pcSID + "-1001", corpSID + "-512", entraSID, "S-1-12-1-1-2-3-4"}},
		{RID: 545, Name: "Benutzer", Members: []string{"S-1-5-4", "S-1-5-11", corpSID + "-513", pcSID + "-1002"}},
		{RID: 546, Name: "Gäste", Members: []string{pcSID + "-501"}},
		{RID: 555, Name: "Remotedesktopbenutzer", Members: []string{corpSID + "-1601"}},
		{RID: 568, Name: "IIS_IUSRS", Members: []string{"S-1-5-17"}},
		{RID: 578, Name: "Hyper-V-Administratoren"},
		{RID: 581, Name: "System Managed Accounts Group", Members: []string{pcSID + "-503"}},
	}, Aliases: []hivegen.Group{
		{RID: 1010, Name: "Scan: & Druck", Description: "darf scannen", Members: []string{pcSID + "-1002", corpSID + "-1601", "S-1-5-80-1-2-3-4-5"}},
	}}
}

func readTree(t testing.TB, root *hivegen.Key) *SAM {
	t.Helper()
	h, err := hive.Open(build(root))
	if err != nil {
		t.Fatal(err)
	}
	sam, err := ReadSAM(h)
	if err != nil {
		t.Fatal(err)
	}
	return sam
}

func TestGroups(t *testing.T) {
	gen := german()
	sam := readTree(t, gen.Root())
	if len(sam.Problems) != 0 {
		t.Errorf("problems %q", sam.Problems)
	}
	var got, want []string
	for _, g := range sam.Groups {
		got = append(got, fmt.Sprintf("%s %q %q %v %v", g.SID, g.Name, g.Comment, g.Builtin, g.Members))
	}
	for _, g := range gen.Builtin {
		want = append(want, fmt.Sprintf("S-1-5-32-%d %q %q true %v", g.RID, g.Name, g.Description, g.Members))
	}
	for _, g := range gen.Aliases {
		want = append(want, fmt.Sprintf("%s-%d %q %q false %v", pcSID, g.RID, g.Name, g.Description, g.Members))
	}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	if len(sam.Global) != 1 || sam.Global[0].SID != pcSID+"-513" || sam.Global[0].Name != "Kein" || len(sam.Global[0].Members) != len(gen.Users) ||
		sam.Global[0].Members[3] != pcSID+"-1001" {
		t.Errorf("global groups %+v", sam.Global)
	}

	names := func(list []*Group) (out []string) {
		for _, g := range list {
			out = append(out, g.Name)
		}
		return out
	}
	for sid, want := range map[string][]string{
		pcSID + "-1001":   {"Administratoren"},
		pcSID + "-1002":   {"Benutzer", "Scan: & Druck"},
		corpSID + "-1601": {"Remotedesktopbenutzer", "Scan: & Druck"},
		entraSID:          {"Administratoren"},
		corpSID + "-1602": nil, "": nil,
	} {
		if got := names(sam.GroupsOf(sid)); !slices.Equal(got, want) {
			t.Errorf("groups of %s: %q, want %q", sid, got, want)
		}
	}
	for _, tt := range []struct {
		sid  string
		more []string
		want string
	}{
		{pcSID + "-1001", nil, "Benutzer through S-1-5-4"},
		{pcSID + "-1002", nil, ""}, // is named itself
		{corpSID + "-1601", nil, "Benutzer through S-1-5-4"},
		{corpSID + "-1602", []string{corpSID + "-512"}, "Administratoren through " + corpSID + "-512, Benutzer through S-1-5-4"},
		{"S-1-5-18", nil, ""},
	} {
		var got []string
		for _, in := range sam.IndirectGroupsOf(tt.sid, tt.more...) {
			got = append(got, in.Group.Name+" through "+in.Through)
		}
		if got := strings.Join(got, ", "); got != tt.want {
			t.Errorf("%s is in %q, want %q", tt.sid, got, tt.want)
		}
	}
	for sid, want := range map[string]string{
		pcSID + "-1001":   "S-1-1-0 S-1-5-4 S-1-5-11 S-1-5-113 " + pcSID + "-513",
		pcSID + "-501":    "S-1-1-0 S-1-5-4 S-1-5-113 " + pcSID + "-513",
		corpSID + "-1601": "S-1-1-0 S-1-5-4 S-1-5-11 " + corpSID + "-513",
		corpSID + "-501":  "S-1-1-0 S-1-5-4 " + corpSID + "-514",
		entraSID:          "S-1-1-0 S-1-5-4 S-1-5-11",
		"S-1-5-18":        "",
	} {
		if got := strings.Join(sam.Implicit(sid), " "); got != want {
			t.Errorf("%s carries %s, want %s", sid, got, want)
		}
	}
	var none *SAM
	if none.GroupsOf(pcSID+"-1001") != nil || none.IndirectGroupsOf(pcSID+"-1001") != nil || len(none.Implicit(pcSID+"-1001")) != 4 {
		t.Error("a missing SAM gives groups")
	}

	samusrgrp, err := exec.LookPath("samusrgrp")
	if err != nil {
		t.Skip("needs the program samusrgrp of chntpw for a second opinion")
	}
	tr := chntpw(t, samusrgrp, gen.Hive())
	if tr.machine != sam.Machine {
		t.Errorf("samusrgrp reads the machine SID as %s", tr.machine)
	}
	for _, g := range sam.Groups {
		if !slices.Equal(g.Members, tr.members[g.SID]) {
			t.Errorf("%s: samusrgrp reads %q, this package %q", g.Name, tr.members[g.SID], g.Members)
		}
	}
}

// Where a group and the index of members disagree, both are believed and it
// is said; a group that is damaged has the members of the index.
func TestGroupsDisagree(t *testing.T) {
	const builtin = `SAM\Domains\Builtin\Aliases\`
	const account = `SAM\Domains\Account\Aliases\`
	c := func(k *hivegen.Key) *hivegen.Value { return &k.At(builtin + "00000220").Values[0] }
	without := func(k *hivegen.Key, name string) {
		k.Keys = slices.DeleteFunc(k.Keys, func(c *hivegen.Key) bool { return c.Name == name })
	}
	all := strings.Join(german().Builtin[0].Members, " ")
	for _, tt := range []struct {
		name    string
		change  func(root *hivegen.Key)
		members string // of Administratoren
		problem string
	}{
		{"sound", func(*hivegen.Key) {}, all, ""},
		{"no index", func(k *hivegen.Key) { without(k.At(builtin[:len(builtin)-1]), "Members") }, all, ""},
		{"index lacks one", func(k *hivegen.Key) { without(k.At(builtin+`Members\`+pcSID), "000003E9") }, all,
			"the group Administratoren lists " + pcSID + "-1001, whom the index of members does not have in it"},
		{"index has one more", func(k *hivegen.Key) {
			k.At(builtin + `Members\` + corpSID).Add(hivegen.K("00000700", hivegen.V("", 1, binary.LittleEndian.AppendUint32(nil, 544))))
		}, all + " " + corpSID + "-1792", "the group Administratoren does not list " + corpSID + "-1792, whom the index"},
		{"index has a group that is gone", func(k *hivegen.Key) {
			k.At(builtin + `Members\` + corpSID).Add(hivegen.K("00000700", hivegen.V("", 1, binary.LittleEndian.AppendUint32(nil, 999))))
		}, all, ""},
		{"index of no SID", func(k *hivegen.Key) {
			k.At(builtin + `Members\S-1-5-x`).Add(hivegen.K("00000700", hivegen.V("", 0, nil)))
		}, all, `has "S-1-5-x", which is no SID`},
		{"C is cut in its entries", func(k *hivegen.Key) { c(k).Data = c(k).Data[:51] }, "sorted", "the group Administratoren cannot be read whole (the value C has 51 bytes"},
		{"C is gone", func(k *hivegen.Key) { k.At(builtin + "00000220").Values = nil }, "sorted", "cannot be read whole"},
		{"members run out", func(k *hivegen.Key) { c(k).Data = c(k).Data[:len(c(k).Data)-4] }, "sorted", "members: "},
		{"more members than there are", func(k *hivegen.Key) { c(k).Data[48] = 9 }, all, "member 6 of 9"},
		{"a million members", func(k *hivegen.Key) { binary.LittleEndian.PutUint32(c(k).Data[48:], 1<<20) }, all, "member 6 of 1048576"},
		{"fewer members than there are", func(k *hivegen.Key) { c(k).Data[48] = 2 }, "first two", "does not list"},
		{"no domain of the machine", func(k *hivegen.Key) { without(k.At(account[:len(account)-9]), "Aliases") }, all, `has no key SAM\Domains\Account\Aliases`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := german().Root()
			tt.change(root)
			sam := readTree(t, root)
			g := sam.Groups[0]
			want := strings.Fields(tt.members)
			members := german().Builtin[0].Members
			switch tt.members {
			case "sorted":
				want = slices.Sorted(slices.Values(members))
			case "first two":
				want = append(slices.Clone(members[:2]), slices.Sorted(slices.Values(members[2:]))...)
			}
			if g.Name != "Administratoren" || g.SID != "S-1-5-32-544" || !slices.Equal(g.Members, want) {
				t.Errorf("%s %s\n got %q\nwant %q", g.SID, g.Name, g.Members, want)
			}
			all := strings.Join(sam.Problems, "; ")
			if tt.problem == "" && all != "" || !strings.Contains(all, tt.problem) {
				t.Errorf("problems %q, want %q", all, tt.problem)
			}
		})
	}
}

// Accounts replays the logs of a SAM, falls back to the copies, and leaves no
// secret behind.
func TestAccounts(t *testing.T) {
	older := german()
	older.Users = older.Users[:3]
	for _, tt := range []struct {
		name           string
		files          map[string][]byte
		from, problems string
		accounts       int
	}{
		{"sound", map[string][]byte{"System32/config/SAM": german().Hive()}, `C:\Windows\System32\config\SAM`, "", 5},
		{"RegBack", map[string][]byte{"System32/config/SAM": []byte("no hive"), "System32/config/RegBack/SAM": older.Hive()},
			`C:\Windows\System32\config\RegBack\SAM`, "older copy", 3},
		{"empty RegBack, repair", map[string][]byte{"System32/config/SAM": {}, "System32/config/RegBack/SAM": {}, "repair/SAM": older.Hive()},
			`C:\Windows\repair\SAM`, "older copy", 3},
		{"nothing", map[string][]byte{"System32/config/SAM": []byte("no hive"), "System32/config/RegBack/SAM": {}}, "", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPC()
			for name, b := range tt.files {
				p.files["Windows/"+name] = b
			}
			sam, err := Accounts(open(t, p.write(t)))
			if tt.accounts == 0 {
				if sam != nil || err == nil || !strings.HasPrefix(err.Error(), `C:\Windows\System32\config\SAM: `) {
					t.Errorf("%v, %v", sam, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(sam.Problems, "; ")
			if sam.From != tt.from || len(sam.Accounts) != tt.accounts || len(sam.Groups) != 8 || (all != "") != (tt.problems != "") || !strings.Contains(all, tt.problems) {
				t.Errorf("%d accounts, %d groups from %s: %s", len(sam.Accounts), len(sam.Groups), sam.From, all)
			}
			if a, ok := sam.Find(pcSID + "-500"); !ok || a.Name != "Administrator" || !a.Disabled || a.PrimaryGroup != 513 {
				t.Errorf("account %+v", a)
			}
		})
	}
}

// The SAM of a Windows 10 that was not closed properly, with its logs.
func TestAccountsWithLogs(t *testing.T) {
	tr := loadTruth(t, "dirty/win10-rathbun/SAM")
	p := newPC()
	for _, name := range []string{"SAM", "SAM.LOG1", "SAM.LOG2"} {
		p.files["Windows/System32/config/"+name] = publicdata.Load(t, "hives/dirty/win10-rathbun/"+name)
	}
	sam, err := Accounts(open(t, p.write(t)))
	if err != nil {
		t.Fatal(err)
	}
	tr.compare(t, sam)
	t.Logf("recovery: %+v; problems %q", sam.Recovery, sam.Problems)
}

// The newest account and group stand in the log of the SAM only; of the
// copy of the hive that the log is applied to no secret stays either.
func TestAccountsReplayed(t *testing.T) {
	before, after := german(), german()
	after.Users = append(after.Users, hivegen.User{RID: 1003, Name: "neu"})
	after.Builtin[0].Members = append(after.Builtin[0].Members, pcSID+"-1003")
	build := func(s *hivegen.SAM, primary, secondary uint32) []byte {
		b := s.Hive()
		binary.LittleEndian.PutUint32(b[4:], primary)
		binary.LittleEndian.PutUint32(b[8:], secondary)
		hivegen.PutChecksum(b)
		return b
	}
	dirty := build(before, 8, 7)
	log := hivegen.LogHvLE(7, dirty, build(after, 8, 8))
	p := newPC()
	p.files["Windows/System32/config/SAM"], p.files["Windows/System32/config/sam.log1"] = dirty, log
	sam, err := Accounts(open(t, p.write(t)))
	if err != nil || len(sam.Problems) != 0 {
		t.Fatal(err, sam.Problems)
	}
	if !sam.Recovery.Dirty || len(sam.Recovery.Applied) != 1 || sam.Recovery.Unrecovered != "" {
		t.Errorf("recovery %+v", sam.Recovery)
	}
	if a, ok := sam.Find(pcSID + "-1003"); !ok || a.Name != "neu" || len(sam.GroupsOf(pcSID+"-1003")) != 1 {
		t.Errorf("the newest account is missing: %+v", a)
	}

	// Without the log the newest changes are missing, and it is said.
	delete(p.files, "Windows/System32/config/sam.log1")
	sam, err = Accounts(open(t, p.write(t)))
	if err != nil || len(sam.Problems) != 1 || sam.Recovery.Unrecovered == "" || !strings.Contains(sam.Problems[0], "the newest changes may be missing") {
		t.Errorf("%v, %q", err, sam.Problems)
	}

	h, err := hive.OpenWithLogs(dirty, []hive.Log{{Name: "SAM.LOG1", Data: log}})
	if err != nil {
		t.Fatal(err)
	}
	k, err := h.Root().Key(`SAM\Domains\Account\Users\000003EB`)
	if err != nil {
		t.Fatal(err)
	}
	v, err := data(k, "V")
	if err != nil || bytes.Count(v, []byte{0}) == len(v) {
		t.Fatal("nothing to wipe", err)
	}
	wipe(h)
	if bytes.Count(v, []byte{0}) != len(v) {
		t.Error("the copy of the hive is not wiped")
	}
}

// wipe leaves no data of any value in memory, whoever holds it.
func TestWipe(t *testing.T) {
	gen := german()
	b := gen.Hive()
	for _, s := range gen.Secrets() {
		if !bytes.Contains(b, s) {
			t.Fatal("the hive does not hold the secrets: the test could not fail")
		}
	}
	h, err := hive.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	wipe(h)
	for _, s := range gen.Secrets() {
		if bytes.Contains(b, s[:16]) {
			t.Fatal("a secret is still there")
		}
	}
}

// FuzzSAMC reads the values of groups.
func FuzzSAMC(f *testing.F) {
	root := german().Root()
	for _, key := range []string{`Builtin\Aliases\00000220`, `Builtin\Aliases\00000242`, `Account\Aliases\000003F2`, `Account\Groups\00000201`} {
		k := root.At(`SAM\Domains\` + key)
		f.Add(k.Values[0].Data)
	}
	f.Add([]byte{})
	// The alias of a real Windows keeps its name behind the descriptor.
	if dir := os.Getenv(publicdata.Variable); dir != "" {
		if b, err := os.ReadFile(filepath.Join(dir, "hives", "sam-win10-test.dat")); err == nil {
			if h, err := hive.Open(b); err == nil {
				if k, err := h.Root().Key(`SAM\Domains\Builtin\Aliases\00000220`); err == nil {
					if c, err := data(k, "C"); err == nil {
						f.Add(bytes.Clone(c))
					}
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, c []byte) {
		var g, all Group
		left := maxMembers
		if err := g.alias(c, &left); err == nil && len(c) < aliasBase {
			t.Fatal("accepted without its entries")
		}
		if 8*len(g.Members) > len(c) || len(g.Name)+len(g.Comment) > 2*3*8192 {
			t.Fatalf("%d members and %d bytes of text out of %d bytes", len(g.Members), len(g.Name)+len(g.Comment), len(c))
		}
		for _, m := range g.Members {
			if _, err := winsec.ParseSIDString(m); err != nil {
				t.Fatal(err)
			}
		}
		if left+len(g.Members) != maxMembers {
			t.Fatal("the budget is not kept")
		}
		if err := all.global(c, pcSID, &left); err == nil && 4*len(all.Members) > len(c) {
			t.Fatalf("%d members out of %d bytes", len(all.Members), len(c))
		}
		few := 2
		var cut Group
		if err := cut.alias(c, &few); err == nil && len(cut.Members) > 2 {
			t.Fatal("the budget is not kept")
		}
	})
}

// Only a SAM that is whole and no older copy tells that an account was
// deleted.
func TestDeletedAccount(t *testing.T) {
	for _, tt := range []struct {
		file string
		want bool
	}{{"System32/config/SAM", true}, {"System32/config/RegBack/SAM", false}} {
		p := newPC()
		p.files["Windows/System32/config/SAM"] = nil
		p.files["Windows/"+tt.file] = german().Hive()
		p.profile(pcSID+"-1001", `C:\Users\a`).user("Users/a").profile(pcSID+"-1099", `C:\Users\b`).user("Users/b")
		users, _ := p.users(t)
		if users[0].Has(AccountDeleted) || users[0].Name != "Jörg" || users[1].Has(AccountDeleted) != tt.want {
			t.Errorf("%s: %q, %q", tt.file, codes(users[0]), codes(users[1]))
		}
	}
}
