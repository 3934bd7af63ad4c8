package profile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/publicdata"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

var realSAMs = []string{"dirty/win10-rathbun/SAM", "nt4/sam.reg", "sam-server2012.dat", "sam-win10-belkasoft.dat", "sam-win10-test.dat",
	"sam-win7-preston.xz", "sam-win8-homegroup-bigendian.dat", "win2008_32/sam.reg", "win2012_64/sam.reg", "win2019_64/sam.reg"}

// truth is what other readers found in a SAM: chntpw the machine SID and the
// members of each group, hivex the names of accounts and groups.
type truth struct {
	machine string
	// members are those of each group by its SID. Groups without members are
	// not in it.
	members  map[string][]string
	accounts []string // "SID NAME"
	groups   []string // "SID name", local ones
	global   []string
}

// loadTruth reads the truth about the SAM of that name below the folder of
// hives.
func loadTruth(t *testing.T, name string) truth {
	t.Helper()
	stem := strings.TrimSuffix(strings.ReplaceAll(name, "/", "__"), ".xz")
	tr := chntpwTruth(t, publicdata.Load(t, "truth/sam/"+stem+".groups.txt"))
	names := func(line, key string) (name string, rid uint64, ok bool) {
		f := strings.Split(line, "\t")
		below, ok := strings.CutPrefix(line, "V\t"+`SAM\Domains\`+key+`\Names\`)
		if !ok || len(f) < 4 {
			return "", 0, false
		}
		name, _, _ = strings.Cut(below, "\t")
		rid, err := strconv.ParseUint(f[3], 0, 32)
		return name, rid, err == nil // a type with a name is no RID
	}
	for line := range strings.SplitSeq(string(publicdata.Load(t, "truth/hives/"+stem+".tsv")), "\n") {
		if n, rid, ok := names(line, `Account\Users`); ok {
			tr.accounts = append(tr.accounts, fmt.Sprintf("%s-%d %s", tr.machine, rid, wstr.Upper(n)))
		}
		if n, rid, ok := names(line, `Builtin\Aliases`); ok {
			tr.groups = append(tr.groups, fmt.Sprintf("S-1-5-32-%d %s", rid, n))
		}
		if n, rid, ok := names(line, `Account\Aliases`); ok {
			tr.groups = append(tr.groups, fmt.Sprintf("%s-%d %s", tr.machine, rid, n))
		}
		if n, rid, ok := names(line, `Account\Groups`); ok {
			tr.global = append(tr.global, fmt.Sprintf("%s-%d %s", tr.machine, rid, n))
		}
	}
	slices.Sort(tr.accounts)
	slices.Sort(tr.groups)
	slices.Sort(tr.global)
	return tr
}

// chntpwTruth reads what samusrgrp -L prints: a line for each member, with the
// RID of the group in hex, its name, an index, the RID of the member, its name
// and its SID. Names may hold colons.
func chntpwTruth(t *testing.T, out []byte) truth {
	t.Helper()
	tr := truth{members: map[string][]string{}}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if sid, ok := strings.CutPrefix(line, "# machine SID: "); ok {
			tr.machine = sid
		}
		f := strings.Split(line, ":")
		group, err := strconv.ParseUint(f[0], 16, 32)
		if err != nil || len(f) < 6 {
			continue // comments, and complaints about accounts of domains
		}
		sid := fmt.Sprintf("S-1-5-32-%d", group)
		if group >= 1000 {
			sid = fmt.Sprintf("%s-%d", tr.machine, group)
		}
		tr.members[sid] = append(tr.members[sid], f[len(f)-1])
	}
	return tr
}

// compare says where sam is not what others found.
func (tr *truth) compare(t *testing.T, sam *SAM) {
	t.Helper()
	if sam.Machine != tr.machine || tr.machine == "" {
		t.Errorf("machine SID %s, want %s", sam.Machine, tr.machine)
	}
	var accounts, groups, global []string
	for _, a := range sam.Accounts {
		accounts = append(accounts, a.SID+" "+wstr.Upper(a.Name))
	}
	for _, g := range sam.Groups {
		groups = append(groups, g.SID+" "+g.Name)
		if !slices.Equal(g.Members, tr.members[g.SID]) {
			t.Errorf("%s %s\n got %q\nwant %q", g.SID, g.Name, g.Members, tr.members[g.SID])
		}
		if g.Builtin != strings.HasPrefix(g.SID, "S-1-5-32-") {
			t.Errorf("%s: builtin %v", g.SID, g.Builtin)
		}
		for _, m := range g.Members {
			if !slices.ContainsFunc(sam.GroupsOf(m), func(of *Group) bool { return of.SID == g.SID }) {
				t.Errorf("GroupsOf(%s) lacks %s", m, g.SID)
			}
		}
	}
	for _, g := range sam.Global {
		global = append(global, g.SID+" "+g.Name)
	}
	for _, c := range []struct {
		what      string
		got, want []string
		least     int
	}{{"accounts", accounts, tr.accounts, 2}, {"groups", groups, tr.groups, 4}, {"global groups", global, tr.global, 1}} {
		slices.Sort(c.got)
		if !slices.Equal(c.got, c.want) || len(c.want) < c.least {
			t.Errorf("%s:\n got %q\nwant %q", c.what, c.got, c.want)
		}
	}
	if len(tr.members) < 3 {
		t.Errorf("the truth has %d groups with members", len(tr.members))
	}
}

// TestRealSAMs compares machine SID, accounts, groups and members of every
// SAM of the public data with what chntpw and another reader of hives say.
func TestRealSAMs(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(publicdata.Dir(t), "truth", "sam", "*.groups.txt"))
	if err != nil || len(names) != len(realSAMs) {
		t.Errorf("there is the truth about %d SAMs, the list has %d (%v)", len(names), len(realSAMs), err)
	}
	for _, name := range realSAMs {
		t.Run(name, func(t *testing.T) {
			b := publicdata.Load(t, "hives/"+name)
			h, err := hive.Open(b)
			if err != nil {
				t.Fatal(err)
			}
			sam, err := ReadSAM(h)
			if err != nil || len(sam.Problems) != 0 {
				t.Fatal(err, sam.Problems)
			}
			tr := loadTruth(t, name)
			tr.compare(t, sam)
			// Of the built-in accounts Guest is disabled in every sample.
			for _, a := range sam.Accounts {
				if a.RID == 501 && !a.Disabled {
					t.Errorf("%s is not disabled", a.Name)
				}
			}
			noSecrets(t, h, fmt.Sprintf("%+v", *sam))
			if samusrgrp, err := exec.LookPath("samusrgrp"); err != nil {
				t.Log("needs the program samusrgrp of chntpw for a fresh second opinion")
			} else {
				fresh := chntpw(t, samusrgrp, b)
				fresh.machine, fresh.accounts, fresh.groups, fresh.global = tr.machine, tr.accounts, tr.groups, tr.global
				fresh.compare(t, sam)
			}
		})
	}
}

// chntpw has samusrgrp read a SAM.
func chntpw(t *testing.T, program string, b []byte) truth {
	t.Helper()
	path := filepath.Join(t.TempDir(), "SAM")
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	// Its status says whether the hive was changed; the output is what counts.
	out, err := exec.Command(program, "-L", path).Output()
	if len(out) == 0 {
		t.Fatalf("samusrgrp gives nothing: %v", err)
	}
	sid, err := exec.Command(program, "-s", path).Output()
	if err != nil || !bytes.HasPrefix(sid, []byte("S-1-5-21-")) {
		t.Fatalf("samusrgrp -s: %q, %v", sid, err)
	}
	return chntpwTruth(t, fmt.Appendf(nil, "# machine SID: %s\n%s", bytes.TrimSpace(sid), out))
}

// noSecrets looks for pieces of the hash entries of every account in out.
func noSecrets(t *testing.T, h *hive.Hive, out string) {
	t.Helper()
	users, err := h.Root().Key(`SAM\Domains\Account\Users`)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for k := range users.Subkeys() {
		v, err := k.Value("V")
		if err != nil {
			continue
		}
		b, err := v.Data()
		if err != nil {
			t.Fatal(err)
		}
		for i := 13; i <= 16; i++ {
			off, size := binary.LittleEndian.Uint32(b[12*i:]), binary.LittleEndian.Uint32(b[12*i+4:])
			secret := b[0xcc+off:][:size]
			for at := 0; at+8 <= len(secret); at++ {
				n++
				piece := secret[at : at+8]
				if bytes.Count(piece, []byte{0}) > 4 {
					continue // lengths and versions, not secret and not rare
				}
				if strings.Contains(out, string(piece)) || strings.Contains(out, wstr.FromUTF16LE(piece)) || strings.Contains(out, fmt.Sprintf("%x", piece)) {
					t.Fatalf("bytes of entry %d of %s are given out", i, k.Name())
				}
			}
		}
	}
	if n == 0 {
		t.Log("no account of this SAM has a hash")
	}
}

// TestNT4 reads the four hives of a Windows NT 4.0 domain controller.
func TestNT4(t *testing.T) {
	root := t.TempDir()
	config := filepath.Join(root, "WINNT", "system32", "config")
	if err := os.MkdirAll(config, 0o777); err != nil {
		t.Fatal(err)
	}
	// Old installations spell the names as they like.
	for to, from := range map[string]string{"system": "system.reg.xz", "SOFTWARE": "software.reg.xz", "Sam": "sam.reg", "SECURITY": "security.reg"} {
		if err := os.WriteFile(filepath.Join(config, to), publicdata.Load(t, "hives/nt4/"+from), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	profile := filepath.Join(root, "WINNT", "Profiles", "Administrator")
	if err := os.MkdirAll(profile, 0o777); err != nil {
		t.Fatal(err)
	}
	sys := open(t, root)
	if sys.Name != `C:\WINNT` || sys.Version != "4.0" || sys.Build != 1381 || sys.ComputerName != "SERVER" || sys.Arch != "x86" ||
		sys.ControlSet != 1 || sys.InstallationType != "Server" || !sys.XP() {
		t.Errorf("%s %s.%d %s %s, set %d, %s", sys.Name, sys.Version, sys.Build, sys.ComputerName, sys.Arch, sys.ControlSet, sys.InstallationType)
	}
	users, problems, err := Users(sys)
	if err != nil || len(problems) != 0 {
		t.Fatal(err, problems)
	}
	if len(users) != 1 {
		t.Fatalf("%d users", len(users))
	}
	u := users[0]
	if u.ID != "S-1-5-21-247810356-1021781772-2498087-500" || u.Name != "Administrator" || u.NameFrom != "SAM" || u.Kind != Builtin ||
		u.Dir != `C:\WINNT\Profiles\Administrator` || !u.DirFound || u.Hive != nil {
		t.Errorf("%s %s (%s) %s %s %v", u.ID, u.Name, u.NameFrom, u.Kind, u.Dir, u.DirFound)
	}
}

// TestRealNTUSER resolves the folders of real users.
func TestRealNTUSER(t *testing.T) {
	publicdata.Dir(t)
	for _, tt := range []struct{ file, dir, want string }{
		{"ntuser-win7-nfury.dat.xz", "nfury", `Documents=C:\Users\nfury\Documents Downloads=C:\Users\nfury\Downloads RoamingAppData=C:\Users\nfury\AppData\Roaming`},
		{"ntuser-win8-bperry.dat", "bperry", `Documents=C:\Users\bperry\Documents Desktop=C:\Users\bperry\Desktop`},
		{"ntuser-win81-patrick.dat.xz", "Patrick", `Pictures=C:\Users\Patrick\Pictures StartMenu=C:\Users\Patrick\AppData\Roaming\Microsoft\Windows\Start`},
	} {
		t.Run(tt.file, func(t *testing.T) {
			p := newPC()
			p.profile(pcSID+"-1001", `C:\Users\`+tt.dir)
			p.files["Users/"+tt.dir+"/NTUSER.DAT"] = publicdata.Load(t, "hives/"+tt.file)
			users, _ := p.users(t)
			if users[0].Hive == nil {
				t.Fatal(users[0].HiveError)
			}
			for pair := range strings.SplitSeq(tt.want, " ") {
				name, want, _ := strings.Cut(pair, "=")
				if f := users[0].Folders[name]; !strings.HasPrefix(f.Path, want) {
					t.Errorf("%s is %+v, want %s", name, f, want)
				}
			}
			if f := users[0].Folders["Desktop"]; f.From != "User Shell Folders" {
				t.Errorf("the desktop is from %s", f.From)
			}
		})
	}
}

// value returns the data of a value of the first user of a generated SAM.
func samValue(s *hivegen.SAM, name string) []byte {
	k := s.Root().At(fmt.Sprintf(`SAM\Domains\Account\Users\%08X`, s.Users[0].RID))
	for _, v := range k.Values {
		if v.Name == name {
			return v.Data
		}
	}
	panic("no value " + name)
}

func TestUserNames(t *testing.T) {
	v := samValue(&hivegen.SAM{MachineSID: pcSID, Users: []hivegen.User{{RID: 1001, Name: "anna", FullName: "Anna Ünal"}}}, "V")
	put := func(entry int, off, size uint32) func(b []byte) []byte {
		return func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[12*entry:], off)
			binary.LittleEndian.PutUint32(b[12*entry+4:], size)
			return b
		}
	}
	secret := binary.LittleEndian.Uint32(v[12*14:])
	for _, tt := range []struct {
		name   string
		change func(b []byte) []byte
		err    string
	}{
		{"whole", func(b []byte) []byte { return b }, ""},
		{"no full name", put(2, 0, 0), ""},
		{"empty name", put(1, 0, 0), "is empty"},
		{"cut in the entries", func(b []byte) []byte { return b[:203] }, "its entries alone"},
		{"cut before the names", func(b []byte) []byte { return b[:210] }, "are no text"},
		{"name runs out", put(1, uint32(len(v)), 8), "are no text"},
		{"name wraps", put(1, 0xfffffff0, 0x20), "are no text"},
		{"odd length", put(1, 0, 7), "are no text"},
		{"too long", put(2, 0, 4000), "are no text"},
		{"name in the hashes", put(1, secret, 16), "never read"},
		{"full name reaches into the hashes", put(2, secret-4, 16), "never read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a Account
			err := a.names(tt.change(bytes.Clone(v)))
			name := a.Name
			if tt.err == "" && (err != nil || name != "anna") || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("name %q, error %v; want %q", name, err, tt.err)
			}
		})
	}
}

func TestMachineSID(t *testing.T) {
	sid := hivegen.SID(pcSID)
	v := make([]byte, 0x30)
	binary.LittleEndian.PutUint32(v[12:], 8)
	binary.LittleEndian.PutUint32(v[16:], 24)
	v = append(append(v, make([]byte, 8)...), sid...)
	for _, tt := range []struct {
		name string
		v    []byte
		want string
	}{
		{"by its entry", append(bytes.Clone(v), 1, 2, 3), pcSID},
		{"at the end", append(make([]byte, 0x30), sid...), pcSID},
		{"entry out of range", append(append(append(make([]byte, 12), 0xff, 0xff, 0xff, 0xff, 24, 0, 0, 0), make([]byte, 40)...), sid...), pcSID},
		{"another authority", append(make([]byte, 0x30), hivegen.SID("S-1-5-32-544")...), ""},
		{"cut", v[:len(v)-1], ""},
		{"empty", nil, ""},
	} {
		if got, err := machineSID(tt.v); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
}

// FuzzSAMV reads user values. What it reads must not depend on any byte of
// the hashes.
func FuzzSAMV(f *testing.F) {
	for _, u := range []hivegen.User{{RID: 1001, Name: "anna", FullName: "Anna Ünal", Comment: "x", LastLogon: 133601000000000000}, {RID: 500, Name: "Administrator", Control: 0x211}} {
		s := &hivegen.SAM{MachineSID: pcSID, Users: []hivegen.User{u}}
		f.Add(samValue(s, "V"), samValue(s, "F"))
	}
	f.Fuzz(func(t *testing.T, v, state []byte) {
		userState(state)
		machineSID(v)
		var a, b Account
		err := a.names(v)
		if err == nil && (a.Name == "" || len(a.Name) > 3*256 || len(a.FullName) > 3*1024) {
			t.Fatalf("names of %d and %d bytes", len(a.Name), len(a.FullName))
		}
		if len(v) < vBase {
			return
		}
		other := bytes.Clone(v)
		for i := 13; i <= 16; i++ {
			off, size := int64(binary.LittleEndian.Uint32(v[12*i:])), int64(binary.LittleEndian.Uint32(v[12*i+4:]))
			for at := vBase + off; at < min(vBase+off+size, int64(len(v))); at++ {
				other[at] = ^v[at]
			}
		}
		err2 := b.names(other)
		if a != b || (err == nil) != (err2 == nil) {
			t.Fatal("the names depend on the hashes")
		}
	})
}

// TestRealOwners finds whose a folder without a key is by real hives. What is
// expected is said by another hive of the same machine.
func TestRealOwners(t *testing.T) {
	const bperry = "S-1-5-21-226059406-2984137831-1201299043-1107"
	rathbun := loadTruth(t, "dirty/win10-rathbun/SAM").machine + "-1001"
	p := newPC()
	p.files["Users/a/NTUSER.DAT"] = publicdata.Load(t, "hives/ntuser-win8-bperry.dat")
	p.files["Users/b/AppData/Local/Microsoft/Windows/UsrClass.dat"] = publicdata.Load(t, "hives/usrclass-win8-bperry.dat")
	p.files["Users/c/NTUSER.DAT"] = publicdata.Load(t, "hives/dirty/win10-rathbun/NTUSER.DAT")
	p.files["Users/c/ntuser.dat.LOG1"] = publicdata.Load(t, "hives/dirty/win10-rathbun/ntuser.dat.LOG1")
	p.files["Users/c/ntuser.dat.LOG2"] = publicdata.Load(t, "hives/dirty/win10-rathbun/ntuser.dat.LOG2")
	p.files["Users/d/AppData/Local/Microsoft/Windows/UsrClass.dat"] = publicdata.Load(t, "hives/dirty/win10-rathbun/UsrClass.dat")
	p.files["Users/e/NTUSER.DAT"] = publicdata.Load(t, "hives/ntuser-win10-default.dat")
	p.files["Users/f/NTUSER.DAT"] = publicdata.Load(t, "hives/dirty/win11-localservice/NTUSER.DAT")
	r := &reader{sys: open(t, p.write(t)), names: &names{}}
	for dir, want := range map[string][2]string{
		"a": {bperry, "security of NTUSER.DAT"}, "b": {bperry, "UsrClass.dat"},
		"c": {rathbun, "security of NTUSER.DAT"}, "d": {rathbun, "UsrClass.dat"},
		"e": {"", ""}, "f": {"", ""}, // of no account
	} {
		if sid, from := r.owner(`C:\Users\` + dir); sid != want[0] || from != want[1] {
			t.Errorf("%s belongs to %q by %q, want %q", dir, sid, from, want)
		}
	}
}

// Whatever bytes of a SAM are changed, it is read or refused: no panic, and
// no list longer than the hive could hold.
func TestMutatedSAM(t *testing.T) {
	sams := [][]byte{german().Hive()}
	if os.Getenv(publicdata.Variable) != "" {
		for _, name := range []string{"sam-win8-homegroup-bigendian.dat", "nt4/sam.reg"} {
			sams = append(sams, publicdata.Load(t, "hives/"+name))
		}
	} else {
		t.Log("needs " + publicdata.Variable + " for real hives")
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, sam := range sams {
		read := 0
		for range 700 {
			b := bytes.Clone(sam)
			// Beyond the base block: that is the business of package hive.
			for range 1 + rnd.IntN(30) {
				at := 4096 + rnd.IntN(len(b)-4096)
				switch rnd.IntN(3) {
				case 0:
					b[at] = byte(rnd.Uint32())
				case 1:
					b[at] ^= 1 << rnd.IntN(8)
				default:
					copy(b[at:], []byte{0xff, 0xff, 0xff, 0x7f}[:min(4, len(b)-at)])
				}
			}
			h, err := hive.Open(b)
			if err != nil {
				continue
			}
			s, err := ReadSAM(h)
			if s == nil {
				if err == nil {
					t.Fatal("neither a SAM nor an error")
				}
				continue
			}
			read++
			members := 0
			for _, g := range append(slices.Clip(s.Groups), s.Global...) {
				members += len(g.Members)
			}
			if members > maxMembers || len(s.Accounts) > len(b)/64 || len(s.Groups) > len(b)/64 {
				t.Fatalf("%d members, %d accounts, %d groups", members, len(s.Accounts), len(s.Groups))
			}
			for _, a := range s.Accounts {
				s.GroupsOf(a.SID)
				s.IndirectGroupsOf(a.SID)
			}
			wipe(h)
		}
		if read < 100 {
			t.Errorf("only %d of 700 were read: the test says little", read)
		}
	}
}
