// Package profile finds the users of an installation: their accounts, profile
// folders, registry and variables, and what is wrong with each. A user is
// never left out because something about it cannot be read. The package
// decides nothing about what is taken.
package profile

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
)

// Kind is the kind of an account.
type Kind = string

// Kinds of accounts.
const (
	Local     Kind = "local"     // of this machine
	Domain    Kind = "domain"    // of an Active Directory domain
	Entra     Kind = "entra"     // of a Microsoft Entra tenant
	Microsoft Kind = "microsoft" // of this machine, bound to a Microsoft account
	Builtin   Kind = "builtin"   // of this machine, made by Windows: Administrator, Guest
	Service   Kind = "service"   // no person: services, and accounts Windows uses itself
	Unknown   Kind = "unknown"
)

// User is one profile of an installation.
type User struct {
	// ID is unique among the users of the installation: the SID, and where
	// several profiles have one SID or there is none, a name made from the
	// key or the folder ("S-1-5-21-…-1001.bak", "orphan-anna").
	ID string
	// SID is the account's; "" for a profile folder that nothing tells the
	// owner of.
	SID string
	// Name is the account's name; the SID, or the name of the folder when
	// there is no SID either, if no source has it.
	Name     string
	Domain   string // computer or domain; "AzureAD" for Entra; "" when unknown
	FullName string
	UPN      string // anna@contoso.com: of Entra and Microsoft accounts, and of a domain where something tells it
	// NameFrom tells where Name is from: "SAM", "IdentityStore", … A guess
	// says so; "" when Name is only a stand-in. UPNFrom does for UPN.
	NameFrom, UPNFrom string
	Kind              Kind
	// SIDFrom tells where SID is from: "ProfileList", and for a folder
	// without a key "UsrClass.dat", "security of NTUSER.DAT", "owner of
	// NTUSER.DAT", …
	SIDFrom string
	// DomainGroups are the SIDs of the groups of the domain that the account
	// was in when policies were applied last.
	DomainGroups []string
	Disabled     bool

	// Dir is the profile folder in the installation's letters, DirFound
	// whether it exists.
	Dir      string
	DirFound bool
	// KeyName is the name of the key below ProfileList, with a ".bak"; "" for
	// a folder without a key.
	KeyName string
	State   uint32 // of the ProfileList key
	// Backup: Windows put the key aside (".bak") and gave the user another,
	// mostly temporary profile. The data is usually here.
	Backup bool
	// Temporary: Windows made this profile for one session.
	Temporary bool
	Roaming   string // the server path of a roaming profile
	// RealID is the ID of the profile that is taken for the account's real
	// one, OtherIDs are the first other profiles of the account. They are empty for
	// an account with one profile; of the real profile RealID is its own ID.
	RealID   string
	OtherIDs []string
	// RepeatOf is the ID of a profile with the same account and the same
	// folder, which this one only repeats: two keys for one thing.
	RepeatOf string

	// Hive is NTUSER.DAT, Classes is UsrClass.dat. They are nil when they
	// cannot be read, or were set aside to save memory: HKCU reads them again.
	Hive, Classes *hive.Hive
	// HiveError says why there is no NTUSER.DAT, nil when there is one.
	HiveError error

	LastUse LastUse
	Uses    []LastUse // everything that tells of a use, the latest first
	// Folders are the user's folders by KNOWNFOLDERID: "Desktop", "Documents".
	Folders map[string]offline.Folder
	// Redirected are those of them that are not in the profile folder or
	// belong to a cloud, in the order of their names.
	Redirected []Redirected
	// Problems is what is wrong, for people. Cases says the same to programs,
	// and what is unusual without being wrong.
	Problems []Problem
	Cases    []Case

	sys         *offline.System
	env         *offline.Env
	adGUID      bool // ProfileList has the GUID of an Active Directory object
	lastLogon   wstr.Filetime
	mu          sync.Mutex // guards Hive, Classes and their errors
	classesPath string
	classesErr  error
}

// LastUse is when a profile was used last, as far as can be told.
type LastUse struct {
	Time wstr.Filetime `json:"time"` // 0 when nothing tells
	// From is the signal: "ProfileList", "NTUSER.DAT.LOG1", "SAM".
	From string `json:"from"`
}

// Person says whether the profile may hold what a person made, so that it is
// captured as a user's. Services are not, nor is a key that only repeats
// another.
func (u *User) Person() bool { return u.Kind != Service && u.RepeatOf == "" }

// Env gives the variables of the user's context of rules. What they do not
// define is looked up in those of the system.
func (u *User) Env() *offline.Env { return u.env }

// HKCU opens a key of the user by its path with or without
// HKEY_CURRENT_USER. Software\Classes is in UsrClass.dat. A key that does not
// exist gives an error that wraps hive.ErrNotFound, a hive that cannot be
// read one that says why.
func (u *User) HKCU(path string) (hive.Key, error) {
	_, names := winpath.Split(path)
	if len(names) > 0 && (wstr.EqualFold(names[0], "HKCU") || wstr.EqualFold(names[0], "HKEY_CURRENT_USER")) {
		names = names[1:]
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.Hive == nil && u.HiveError == nil {
		u.Hive, u.HiveError = u.sys.Hive(winpath.Join(u.Dir, ntuserName))
	}
	if u.HiveError != nil {
		return hive.Key{}, u.HiveError
	}
	h := u.Hive
	classes := len(names) >= 2 && wstr.EqualFold(names[0], "Software") && wstr.EqualFold(names[1], "Classes")
	if classes {
		if u.Classes == nil && u.classesErr == nil && u.classesPath != "" {
			u.Classes, u.classesErr = u.sys.Hive(u.classesPath)
		}
		// Windows NT 4.0 keeps the classes in NTUSER.DAT.
		if u.Classes != nil {
			h, names = u.Classes, names[2:]
		}
	}
	if len(names) == 0 {
		return h.Root(), nil
	}
	k, err := h.Root().Key(strings.Join(names, `\`))
	if err != nil && classes && u.Classes == nil && u.classesErr != nil {
		return hive.Key{}, fmt.Errorf(`%s: %w`, u.classesPath, u.classesErr)
	}
	if err != nil {
		return hive.Key{}, fmt.Errorf(`HKCU\%s: %w`, strings.Join(names, `\`), err)
	}
	return k, nil
}

// Release lets go of the memory of the hives. HKCU reads them again.
func (u *User) Release() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.Hive, u.Classes = nil, nil
}

// Match says whether u is meant by pattern: its name, SID, ID, DOMAIN\name or
// UPN, where * stands for any characters and ? for one, in any case.
func Match(u *User, pattern string) bool {
	names := []string{u.SID, u.ID, u.KeyName, u.Name, u.UPN, u.Domain + `\` + u.Name}
	switch u.Kind {
	case Local, Microsoft, Builtin:
		names = append(names, `.\`+u.Name)
	case Entra, Domain:
		if u.UPN != "" {
			names = append(names, u.Domain+`\`+u.UPN)
		}
	}
	return slices.ContainsFunc(names, func(n string) bool {
		return n != "" && winpath.Match(pattern, n, true)
	})
}
