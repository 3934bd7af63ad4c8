package hivegen

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A SAM is the accounts of one machine, as the hive SAM keeps them.
type SAM struct {
	MachineSID string // S-1-5-21-…
	Users      []User
	Builtin    []Group // of the domain S-1-5-32
	Aliases    []Group // of the machine's own domain
	AllUsers   string  // name of the global group of all accounts, "" is "None"
	Time       uint64  // FILETIME, 0 is DefaultTime
}

// Account control bits of a user (not those of Active Directory).
const (
	Disabled             = 0x0001
	PasswordNotRequired  = 0x0004
	NormalAccount        = 0x0010
	PasswordNeverExpires = 0x0200
)

// A User is a local account.
type User struct {
	RID          uint32
	Name         string
	FullName     string
	Comment      string
	HomeDir      string
	HomeDrive    string
	LogonScript  string
	Profile      string
	InternetName string // mail address of a Microsoft account, or ""
	InternetSID  string // SID of that account, S-1-11-96-…, or ""
	Control      uint16 // account control bits; 0 is NormalAccount|PasswordNeverExpires
	LastLogon    uint64 // FILETIME, 0 is never
	PasswordSet  uint64
	Logons       uint16
}

// A Group is a local group (an alias). Members are SIDs.
type Group struct {
	RID         uint32
	Name        string
	Description string
	Members     []string
}

// Marker returns n bytes that look random and depend on name alone. They
// stand where a real hive keeps password material, so that a test can look
// for them in whatever the program writes.
func Marker(name string, n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		h := sha256.Sum256([]byte(strconv.Itoa(i) + " credential marker " + name))
		b = append(b, h[:]...)
	}
	return b[:n]
}

// credentials returns what stands in the entries 13 to 16 of the V value:
// the LM hash, the NT hash and their histories.
func (u *User) credentials() [4][]byte {
	var out [4][]byte
	for i, n := range []int{24, 56, 24, 88} {
		out[i] = Marker(fmt.Sprintf("user %d entry %d", u.RID, 13+i), n)
	}
	return out
}

func (s *SAM) domainKeys() []byte { return Marker("domain keys of "+s.MachineSID, 64) }

// Secrets returns every run of marker bytes in the hive: the credential
// entries of each user, the supplemental credentials, and the domain's keys.
// No byte run of them may appear in anything the program writes.
func (s *SAM) Secrets() [][]byte {
	out := [][]byte{s.domainKeys()}
	for i := range s.Users {
		for _, c := range s.Users[i].credentials() {
			out = append(out, c)
		}
		out = append(out, s.Users[i].supplemental())
	}
	return out
}

func (u *User) supplemental() []byte {
	return Marker(fmt.Sprintf("user %d supplemental", u.RID), 120)
}

// Hive returns the SAM as a hive file.
func (s *SAM) Hive() []byte {
	return Build(s.Root(), Options{FileName: `\SystemRoot\System32\Config\SAM`, Time: s.Time})
}

// Root returns the tree of the hive.
func (s *SAM) Root() *Key {
	account := K("Account", B("F", s.domainF()), B("V", s.domainV()))
	names := K("Names")
	users := K("Users", names)
	for i := range s.Users {
		u := &s.Users[i]
		k := K(hexRID(u.RID), B("F", u.f()), B("V", u.v()), B("SupplementalCredentials", u.supplemental()))
		if u.InternetName != "" {
			k.Add(B("InternetUserName", UTF16(u.InternetName)))
		}
		if u.InternetSID != "" {
			k.Add(B("InternetSID", SID(u.InternetSID)))
		}
		users.Add(k)
		names.Add(K(u.Name, V("", u.RID, nil)))
	}
	groups := K("Groups", K(hexRID(513), B("C", s.noneGroup())), K("Names", K(s.allUsers(), V("", 513, nil))))
	account.Add(users, groups, aliases(s.Aliases))
	builtin := K("Builtin", B("F", make([]byte, 240)), B("V", make([]byte, 200)), aliases(s.Builtin),
		K("Groups", K("Names")), K("Users", K("Names")))
	return K("SAM", K("SAM", B("C", []byte{7, 0, 1, 0}), K("Domains", account, builtin),
		K("LastSkuUpgrade", V("", DWord, []byte{7, 0, 0, 0})), K("RXACT", V("", 1, nil))))
}

func hexRID(rid uint32) string { return fmt.Sprintf("%08X", rid) }

// domainF is the fixed part of the domain; its key material is a marker.
func (s *SAM) domainF() []byte {
	f := make([]byte, 240)
	le.PutUint16(f[0:], 3)
	le.PutUint16(f[2:], 1)
	copy(f[0x78:], s.domainKeys())
	return f
}

// domainV is four descriptors over data from 0x30 on; entry 1 is the machine SID.
func (s *SAM) domainV() []byte {
	v := make([]byte, 0x30)
	put := func(i int, data []byte) {
		le.PutUint32(v[12*i:], uint32(len(v)-0x30))
		le.PutUint32(v[12*i+4:], uint32(len(data)))
		v = append(v, data...)
	}
	// As in real hives the descriptor has a SACL and ends with its group of
	// 16 bytes; chntpw finds the SID by that.
	put(0, descriptor("S-1-5-32-544", "S-1-5-32-544", 0,
		[]ACE{{SID: "S-1-1-0", Mask: 0x5047a, Flags: 0xc0}},
		[]ACE{{SID: "S-1-1-0", Mask: 0x20385}, {SID: "S-1-5-32-544", Mask: 0xf07ff}}))
	put(1, SID(s.MachineSID))
	put(2, nil)
	put(3, nil)
	le.PutUint32(v[8:], 0x00010002)
	return v
}

func (u *User) f() []byte {
	f := make([]byte, 80)
	le.PutUint16(f[0:], 3)
	le.PutUint16(f[2:], 1)
	le.PutUint64(f[0x08:], u.LastLogon)
	le.PutUint64(f[0x18:], u.PasswordSet)
	le.PutUint64(f[0x20:], 0x7fffffffffffffff)
	le.PutUint32(f[0x30:], u.RID)
	le.PutUint32(f[0x34:], 513)
	control := u.Control
	if control == 0 {
		control = NormalAccount | PasswordNeverExpires
	}
	le.PutUint16(f[0x38:], control)
	le.PutUint16(f[0x42:], u.Logons)
	return f
}

// v is 17 descriptors of 12 bytes over data from 0xCC on.
func (u *User) v() []byte {
	const base = 0xcc
	v := make([]byte, base)
	put := func(i int, data []byte) {
		le.PutUint32(v[12*i:], uint32(len(v)-base))
		le.PutUint32(v[12*i+4:], uint32(len(data)))
		v = append(v, data...)
		for len(v)%4 != 0 {
			v = append(v, 0)
		}
	}
	put(0, defaultSecurity)
	put(1, UTF16(u.Name))
	put(2, UTF16(u.FullName))
	put(3, UTF16(u.Comment))
	put(4, nil)
	put(5, nil)
	put(6, UTF16(u.HomeDir))
	put(7, UTF16(u.HomeDrive))
	put(8, UTF16(u.LogonScript))
	put(9, UTF16(u.Profile))
	put(10, nil)
	hours := make([]byte, 21)
	for i := range hours {
		hours[i] = 0xff
	}
	put(11, hours)
	put(12, []byte{0x01, 0x02, 0, 0, 7, 0, 0, 0})
	for i, c := range u.credentials() {
		put(13+i, c)
	}
	return v
}

func (s *SAM) allUsers() string {
	if s.AllUsers == "" {
		return "None"
	}
	return s.AllUsers
}

// noneGroup is the C value of the machine's only global group.
func (s *SAM) noneGroup() []byte {
	const base = 68
	c := make([]byte, base)
	le.PutUint16(c[0:], 3)
	le.PutUint16(c[2:], 1)
	le.PutUint32(c[4:], 513)
	put := func(at int, data []byte) {
		le.PutUint32(c[at:], uint32(len(c)-base))
		le.PutUint32(c[at+4:], uint32(len(data)))
		c = append(c, data...)
	}
	put(16, defaultSecurity)
	put(32, UTF16(s.allUsers()))
	put(44, UTF16("Ordinary users"))
	var members []byte
	for _, u := range s.Users {
		members = le.AppendUint32(members, u.RID)
	}
	put(56, members)
	le.PutUint32(c[64:], uint32(len(s.Users)))
	return c
}

// aliases returns the key Aliases: the groups, their names, and the index of
// members by domain.
func aliases(groups []Group) *Key {
	names, members := K("Names"), K("Members")
	k := K("Aliases", names, members)
	of := map[string][]uint32{} // member SID -> groups
	for _, g := range groups {
		k.Add(K(hexRID(g.RID), B("C", g.c())))
		names.Add(K(g.Name, V("", g.RID, nil)))
		for _, m := range g.Members {
			of[m] = append(of[m], g.RID)
		}
	}
	sids := make([]string, 0, len(of))
	for sid := range of {
		sids = append(sids, sid)
	}
	slices.Sort(sids)
	for _, sid := range sids {
		cut := strings.LastIndexByte(sid, '-')
		rid, err := strconv.ParseUint(sid[cut+1:], 10, 32)
		if err != nil {
			panic(fmt.Sprintf("hivegen: %q is no SID", sid))
		}
		var data []byte
		for _, g := range of[sid] {
			data = le.AppendUint32(data, g)
		}
		domain := members.At(sid[:cut])
		domain.Add(K(hexRID(uint32(rid)), V("", uint32(len(of[sid])), data)))
	}
	for _, domain := range members.Keys {
		domain.Values = []Value{V("", uint32(len(domain.Keys)), nil)}
	}
	return k
}

// c is thirteen 32-bit fields and the data they point to.
func (g *Group) c() []byte {
	const base = 52
	c := make([]byte, base)
	le.PutUint32(c[0:], g.RID)
	le.PutUint32(c[12:], 0x00010003)
	put := func(at int, data []byte) {
		le.PutUint32(c[at:], uint32(len(c)-base))
		le.PutUint32(c[at+4:], uint32(len(data)))
		c = append(c, data...)
	}
	put(4, defaultSecurity)
	put(16, UTF16(g.Name))
	put(28, UTF16(g.Description))
	var members []byte
	for _, m := range g.Members {
		members = append(members, SID(m)...)
	}
	put(40, members)
	le.PutUint32(c[48:], uint32(len(g.Members)))
	return c
}
