package migxml

import (
	"fmt"
	"strings"
)

// Config is a Config.xml: it switches components off and sets what is done
// about errors, hard links and the groups of accounts. It holds everything
// the file says, whether this program acts on it or not.
//
// The language is documented in Microsoft's "Config.xml File".
type Config struct {
	Pos
	Applications      []*ConfigComponent
	Documents         []*ConfigComponent
	WindowsComponents []*ConfigComponent
	FileErrors        []ErrorRule // the first that fits an error decides
	RegistryErrors    []ErrorRule
	HardLinks         []HardLinkRule // the first that fits a file decides
	Groups            []*ChangeGroup // all of them count
	// Domains and Users say what accounts are called on the destination, as
	// LoadState's /md and /mu do. They stand in the comments of the files that
	// ScanState /genconfig writes.
	Domains []Renaming
	Users   []Renaming
	// Data is the file as it was given to ParseConfig, for those who keep it.
	Data []byte
}

// ConfigComponent is a component, or a group of components.
type ConfigComponent struct {
	Pos
	DisplayName string // for people only
	ID          string // "" for a group that has none
	Migrate     bool
	Components  []*ConfigComponent
}

// ErrorRule says whether an error ends the run.
type ErrorRule struct {
	Pos
	Fatal   bool
	Codes   []uint32 // Win32 error numbers; nil for any
	Pattern string   // of MigXML
}

// HardLinkRule says what is done about files that are locked when a store is
// made of hard links.
type HardLinkRule struct {
	Pos
	Link    bool   // else the file is copied, and an error if that fails
	Pattern string // of MigXML; without brackets it means all files below
}

// AppliesTo says which users a ChangeGroup may touch.
type AppliesTo uint8

// Values of the attribute appliesTo.
const (
	AllUsers AppliesTo = iota
	MigratedUsers
	NonmigratedUsers
)

var appliesToNames = []string{"AllUsers", "MigratedUsers", "NonmigratedUsers"}

func (a AppliesTo) String() string { return appliesToNames[a] }

// ChangeGroup puts the users of one local group into another.
type ChangeGroup struct {
	Pos
	From      string // a local group by name or SID, or "*" for all users
	To        string // a local group by name or SID
	AppliesTo AppliesTo
	// Include and Exclude are accounts: DOMAIN\user with "*" for any
	// characters in both parts, a SID, or "*". At least one of the two has a
	// pattern. No Include means everybody.
	Include, Exclude []Account
}

// Account is a pattern of accounts.
type Account struct {
	Pos
	Text string
}

// Renaming is what an account or a domain is called on the destination.
type Renaming struct {
	Pos
	From, To string
}

// Off lists the components that are switched off: those with migrate="no" and
// all below them, less those that are listed elsewhere to be migrated. A group
// without ID is not in the list, what is in it is. The order is that of the
// file.
func (c *Config) Off() []*ConfigComponent {
	var off []*ConfigComponent
	on, seen := map[string]bool{}, map[string]bool{}
	c.components(func(k *ConfigComponent, yes bool) {
		switch id := strings.ToLower(k.ID); {
		case yes:
			on[id] = true
		case !seen[id]:
			seen[id] = true
			off = append(off, k)
		}
	})
	n := 0
	for _, k := range off {
		if !on[strings.ToLower(k.ID)] {
			off[n] = k
			n++
		}
	}
	return off[:n]
}

// components calls do with each component that has an ID, in the order of the
// file, and whether it is to be migrated there.
func (c *Config) components(do func(k *ConfigComponent, yes bool)) {
	var walk func(list []*ConfigComponent, migrate bool)
	walk = func(list []*ConfigComponent, migrate bool) {
		for _, k := range list {
			yes := migrate && k.Migrate
			if k.ID != "" {
				do(k, yes)
			}
			walk(k.Components, yes)
		}
	}
	walk(c.Applications, true)
	walk(c.Documents, true)
	walk(c.WindowsComponents, true)
}

func (g *ChangeGroup) String() string {
	return fmt.Sprintf("changeGroup from=%q to=%q appliesTo=%q", g.From, g.To, g.AppliesTo)
}
