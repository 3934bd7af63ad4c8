package profile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/le"
	"github.com/coldstate/coldstate/internal/winsec"
	"github.com/coldstate/coldstate/internal/wstr"
)

// Account is a local account of the SAM.
type Account struct {
	RID          uint32
	SID          string // "" when the SID of the machine cannot be read
	Name         string
	FullName     string
	Comment      string
	HomeDir      string // mostly a path on a server, "" for none
	HomeDrive    string // the letter that HomeDir is given, with its colon
	ProfilePath  string // of a roaming profile, "" for none
	Internet     string // e-mail address of the Microsoft account, "" for none
	InternetSID  string // SID of that account, S-1-11-96-…
	PrimaryGroup uint32 // RID, 513 for all but odd ones; 0 when it cannot be read
	Disabled     bool
	LastLogon    wstr.Filetime // 0 for never; not kept for Microsoft accounts
}

// SAM is what is read of the hive of that name: who the local accounts are,
// and which local groups they and others are in.
// Passwords, hashes, hints and security questions are in the same values and
// keys; none of their bytes is looked at.
type SAM struct {
	Machine  string // SID of the machine; "" when it cannot be read
	Accounts []Account
	Groups   []Group  // local groups, first those of BUILTIN, by their RIDs
	Global   []Group  // global groups, on a client only that of all users (RID 513)
	Problems []string // sentences about what cannot be read
	// From is the path of the file that was read, Recovery what its logs
	// gave; of Accounts.
	From     string
	Recovery hive.Recovery

	bySID map[string]int // index into Accounts
}

// maxAccounts bounds the accounts of one SAM; domain controllers of NT 4.0
// were recommended to have fewer than 40,000.
const maxAccounts = 100000

// ReadSAM reads the accounts and groups of a SAM hive. The values of the hive
// are read where they lie; the caller may wipe them afterwards.
func ReadSAM(h *hive.Hive) (*SAM, error) {
	domains, err := h.Root().Key(`SAM\Domains`)
	if err != nil {
		return nil, fmt.Errorf("has no key SAM\\Domains with the local accounts: %w", err)
	}
	domain, err := domains.Key("Account")
	if err != nil {
		return nil, fmt.Errorf("has no key SAM\\Domains\\Account with the local accounts: %w", err)
	}
	s := &SAM{bySID: map[string]int{}}
	if b, err := data(domain, "V"); err != nil {
		s.problem("the SID of the machine cannot be read (%v); local accounts cannot be told from domain accounts", err)
	} else if s.Machine, err = machineSID(b); err != nil {
		s.problem("the SID of the machine cannot be read (%v); local accounts cannot be told from domain accounts", err)
	}
	s.groups(domains)
	users, err := domain.Key("Users")
	if err != nil {
		return s, fmt.Errorf("has no key SAM\\Domains\\Account\\Users with the local accounts: %w", err)
	}
	// The name of an account is also that of a key, whose default value has
	// the RID for a type. V wins: it has the spelling of the last renaming.
	names := ridNames(users)
	for k := range users.Subkeys() {
		if len(s.Accounts) == maxAccounts {
			s.problem("there are more than %d accounts; the rest is left out", maxAccounts)
			break
		}
		n, ok := rid(k.Name())
		if !ok {
			continue
		}
		a := s.account(k, n, names[n])
		if a.SID != "" {
			s.bySID[a.SID] = len(s.Accounts)
		}
		s.Accounts = append(s.Accounts, a)
	}
	return s, nil
}

func (s *SAM) problem(format string, args ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

// Find finds the account of a SID. s may be nil.
func (s *SAM) Find(sid string) (Account, bool) {
	if s == nil {
		return Account{}, false
	}
	i, ok := s.bySID[sid]
	if !ok || i >= len(s.Accounts) {
		return Account{}, false
	}
	return s.Accounts[i], true
}

// account reads the account with the key k.
func (s *SAM) account(k hive.Key, rid uint32, keyName string) Account {
	a := Account{RID: rid, Name: keyName}
	if s.Machine != "" {
		a.SID = fmt.Sprintf("%s-%d", s.Machine, rid)
	}
	if v, err := data(k, "V"); err != nil {
		s.problem("the names of account %d cannot be read: %v", rid, err)
	} else if err := a.names(v); err != nil {
		s.problem("the names of account %d cannot be read: %v", rid, err)
	}
	if f, err := data(k, "F"); err == nil {
		if f, err := userState(f); err == nil {
			a.Disabled, a.LastLogon, a.PrimaryGroup = f.disabled, f.lastLogon, f.group
		}
	}
	// A REG_BINARY that holds text; REG_SZ is seen as well.
	text := func(name string) string {
		b, err := data(k, name)
		if err != nil || len(b) > 1024 {
			return ""
		}
		return cut(wstr.FromUTF16LE(b))
	}
	a.Internet = text("InternetUserName")
	if a.FullName == "" {
		a.FullName = strings.TrimSpace(text("GivenName") + " " + text("Surname"))
	}
	if b, err := data(k, "InternetSID"); err == nil {
		if sid, _, err := winsec.ParseSID(b); err == nil {
			a.InternetSID = sid.String()
		}
	}
	return a
}

// cut ends s before its first NUL.
func cut(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] == 0 {
			return s[:i]
		}
	}
	return s
}

// machineSID reads the SID of the machine in the V value of the account
// domain: the second of its entries, counted from 0x30.
func machineSID(v []byte) (string, error) {
	const base, entry = 0x30, 12
	r := le.New(v, entry)
	off, size := r.Uint32(), r.Uint32()
	if r.Err() == nil && int64(off)+int64(size) <= int64(len(v))-base && size <= 68 {
		if sid, ok := domainSID(v[base+int64(off):][:size]); ok {
			return sid, nil
		}
	}
	// From XP on the SID is also the last thing in the value.
	if len(v) >= 24 {
		if sid, ok := domainSID(v[len(v)-24:]); ok {
			return sid, nil
		}
	}
	return "", errors.New("the value V of the account domain holds no SID")
}

// domainSID accepts S-1-5-21-a-b-c.
func domainSID(b []byte) (string, bool) {
	if len(b) < 24 || b[0] != 1 || b[1] != 4 || [6]byte(b[2:]) != [6]byte{5: 5} || le.New(b, 8).Uint32() != 21 {
		return "", false
	}
	sid, _, err := winsec.ParseSID(b[:24])
	if err != nil {
		return "", false
	}
	return sid.String(), true
}

// The V value of a user: seventeen entries of offset, length and a third
// number, then what they point at. Entries 13 to 16 are the hashes.
const (
	vBase      = 0xCC // offsets count from here
	vName      = 1
	vFullName  = 2
	vComment   = 3
	vHomeDir   = 6
	vHomeDrive = 7
	vProfile   = 9
	vSecret    = 13
	vEntries   = 17
)

// names reads the texts of the V value of a user. Without a name they are
// left as they are; of the others those that can be read are kept.
func (a *Account) names(v []byte) error {
	name, err := userText(v, vName, 2*256)
	if err != nil {
		return fmt.Errorf("account name: %w", err)
	}
	if name == "" {
		return errors.New("account name: is empty")
	}
	a.Name = name
	for _, f := range []struct {
		to    *string
		entry int
		what  string
	}{
		{&a.FullName, vFullName, "full name"}, {&a.Comment, vComment, "comment"}, {&a.HomeDir, vHomeDir, "home folder"},
		{&a.HomeDrive, vHomeDrive, "home drive"}, {&a.ProfilePath, vProfile, "profile path"},
	} {
		s, e := userText(v, f.entry, 2*1024)
		if e != nil && err == nil {
			err = fmt.Errorf("%s: %w", f.what, e)
		}
		*f.to = s
	}
	return err
}

// userText reads entry i of a V value, UTF-16 of at most max bytes. It
// refuses an entry that reaches into the hashes: of those only the places
// are known here.
func userText(v []byte, i int, max int64) (string, error) {
	entry := func(i int) (off, size int64) {
		r := le.New(v, 12*i)
		off, size = int64(r.Uint32()), int64(r.Uint32())
		return off, size
	}
	if len(v) < vBase {
		return "", fmt.Errorf("the value has %d bytes, its entries alone have %d", len(v), vBase)
	}
	off, size := entry(i)
	if size > max || size%2 != 0 || size > int64(len(v))-vBase-off {
		return "", fmt.Errorf("%d bytes at offset %#x of %d are no text", size, vBase+off, len(v))
	}
	for secret := vSecret; secret < vEntries; secret++ {
		if at, n := entry(secret); n > 0 && size > 0 && off < at+n && at < off+size {
			return "", fmt.Errorf("%d bytes at offset %#x overlap what is never read", size, vBase+off)
		}
	}
	return wstr.FromUTF16LE(v[vBase+off:][:size]), nil
}

// state is what is read of the F value of a user.
type state struct {
	lastLogon wstr.Filetime
	rid       uint32
	group     uint32 // RID of the primary group
	disabled  bool
}

// userState reads the F value of a user: 80 bytes, of which four fields.
func userState(f []byte) (state, error) {
	r := le.New(f, 0x08)
	var s state
	s.lastLogon = wstr.Filetime(r.Uint64())
	r.Seek(0x30)
	s.rid = r.Uint32()
	s.group = r.Uint32()
	r.Seek(0x38)
	const disabled = 0x0001
	s.disabled = r.Uint16()&disabled != 0
	if err := r.Err(); err != nil {
		return state{}, fmt.Errorf("account flags: %w", err)
	}
	return s, nil
}
