package plan

import (
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/profile"
)

// A plan has a key under one of its names, that which package rules knows:
// HKLM\SOFTWARE\Classes for HKCR, HKCU for the users whose rules run,
// HKU\.DEFAULT for the system, CurrentControlSet for the control set in use.

// ControlSet is that which the source uses: rules.ControlSets.
func (p *probe) ControlSet() int { return p.sys.ControlSet }

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
	if rest, ok := winpath.Rel("HKCR", path); ok {
		return joinKey(`HKLM\SOFTWARE\Classes`, rest), nil
	}
	if set := p.controlSet(); set != "" {
		if rest, ok := winpath.Rel(`HKLM\SYSTEM\`+set, path); ok {
			return joinKey(currentControlSet, rest), nil
		}
	}
	rest, ok := winpath.Rel("HKU", path)
	if !ok {
		return path, nil
	}
	name, below, _ := strings.Cut(rest, `\`)
	if wstr.EqualFold(name, "S-1-5-18") {
		return joinKey(`HKU\.DEFAULT`, below), nil
	}
	id, classes := name, false
	if n := len(name) - len("_Classes"); n > 0 && wstr.EqualFold(name[n:], "_Classes") {
		id, classes = name[:n], true
		below = joinKey(`Software\Classes`, below)
	}
	for _, c := range p.Contexts {
		if c.User != nil && wstr.EqualFold(c.Name, id) {
			return joinKey("HKCU", below), c.User
		}
	}
	if classes {
		return joinKey(`HKU\`+id, below), nil
	}
	return path, nil
}
