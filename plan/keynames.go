package plan

import (
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/profile"
)

// A plan has a key under one of its names, that which package rules knows:
// HKLM\SOFTWARE\Classes for HKCR, HKCU for the users whose rules run, HKU\ID for
// the others, HKU\.DEFAULT for the system, CurrentControlSet for the control set
// in use.

// ControlSet is that which the source uses: rules.ControlSets.
func (p *probe) ControlSet() int { return p.sys.ControlSet }

// UserIDs are those who have keys below HKU: rules.Users.
func (p *probe) UserIDs() []string {
	ids := []string{}
	for _, u := range p.users {
		if belowHKU(u) {
			ids = append(ids, u.ID)
		}
	}
	return ids
}

const currentControlSet = `HKLM\SYSTEM\CurrentControlSet`

// controlSet is the name of the control set that the source uses, "" when
// nothing tells.
func (p *Plan) controlSet() string {
	if p.System.ControlSet <= 0 {
		return ""
	}
	return fmt.Sprintf("ControlSet%03d", p.System.ControlSet)
}

// keyName is the name that a plan has for the key at path, and whose HKCU it
// is below, nil for the machine. A path below HKCU stays as it is.
func (p *Plan) keyName(path string) (string, *profile.User) {
	var ids []string
	for _, c := range p.Contexts {
		ids = append(ids, c.Name)
	}
	path, id := keyName(path, p.controlSet(), ids)
	for _, c := range p.Contexts {
		if c.Name == id {
			return path, c.User
		}
	}
	return path, nil
}

// KeyNames are the names that the store of the plan has for the key at path: in
// the HKCU of the user of that ID, "" for the machine and for a path that
// says nothing of a user.
func (d *Document) KeyNames(path string) (names []string, user string) {
	name, user := keyName(path, d.Windows.ControlSet, d.Contexts)
	names = append(names, name)
	if rest, ok := winpath.Rel("HKCR", path); ok {
		names = append(names, joinKey(`HKCU\Software\Classes`, rest))
	}
	return names, user
}

// keyName brings path to the name that it has where set is the control set in
// use and ids are the contexts of the rules.
func keyName(path, set string, ids []string) (name, user string) {
	if rest, ok := winpath.Rel("HKCR", path); ok {
		return joinKey(`HKLM\SOFTWARE\Classes`, rest), ""
	}
	if set != "" {
		if rest, ok := winpath.Rel(`HKLM\SYSTEM\`+set, path); ok {
			return joinKey(currentControlSet, rest), ""
		}
	}
	rest, ok := winpath.Rel("HKU", path)
	if !ok {
		return path, ""
	}
	first, below, _ := strings.Cut(rest, `\`)
	if wstr.EqualFold(first, "S-1-5-18") {
		return joinKey(`HKU\.DEFAULT`, below), ""
	}
	id, classes := first, false
	if n := len(first) - len("_Classes"); n > 0 && wstr.EqualFold(first[n:], "_Classes") {
		id, classes = first[:n], true
		below = joinKey(`Software\Classes`, below)
	}
	for _, c := range ids {
		if c != "System" && wstr.EqualFold(c, id) {
			return joinKey("HKCU", below), c
		}
	}
	if classes {
		return joinKey(`HKU\`+id, below), ""
	}
	return path, ""
}
