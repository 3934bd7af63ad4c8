package profile

import (
	"github.com/coldstate/coldstate/offline"
)

// Group is a local group of the SAM.
type Group struct {
	// SID is S-1-5-32-RID for a group that every Windows has, and that of the
	// machine with the RID for others; "" when the latter cannot be read.
	SID string
	// Name and Comment are in the language of the Windows: a group is known
	// by its SID.
	Name, Comment string
	Builtin       bool // one of the domain BUILTIN, S-1-5-32
	// Members are SIDs in the order of the SAM: local accounts, and those of
	// domains, of Entra and well-known ones, whose names are not stored here.
	Members []string
}

// Accounts reads the local accounts and groups of sys. The error is about a
// SAM that cannot be read; the SAM is nil then, or has what could be.
func Accounts(sys *offline.System) (*SAM, error) {
	r := &reader{sys: sys}
	sam := r.readSAM()
	return sam, nil
}

// GroupsOf lists the local groups that sid is a member of by name, in the
// order of Groups. s may be nil.
func (s *SAM) GroupsOf(sid string) []*Group {
	if s == nil {
		return nil
	}
	var list []*Group
	for i := range s.Groups {
		for _, m := range s.Groups[i].Members {
			if m == sid {
				list = append(list, &s.Groups[i])
				break
			}
		}
	}
	return list
}
