package rules

import (
	"strings"

	"github.com/coldstate/coldstate/migxml"
)

// switches are the components that a Config.xml switches off, by ID in lower
// case.
type switches struct {
	off  []*migxml.ConfigComponent
	hits map[string]bool // ID -> whether a rule file has it
}

func newSwitches(off []*migxml.ConfigComponent) *switches {
	s := &switches{off, make(map[string]bool, len(off))}
	for _, k := range off {
		s.hits[strings.ToLower(k.ID)] = false
	}
	return s
}

// components is list without what is switched off. A component goes by roles,
// as its ID ends in one; without any role left it goes as a whole.
func (s *switches) components(urlid string, list []*migxml.Component) []*migxml.Component {
	if len(s.off) == 0 {
		return list
	}
	var out []*migxml.Component
	for _, c := range list {
		left := s.roles(urlid, c.DisplayName, c.Roles)
		if len(left) == 0 && len(c.Roles) > 0 {
			continue
		}
		k := *c
		k.Roles = left
		out = append(out, &k)
	}
	return out
}

func (s *switches) roles(urlid, display string, list []*migxml.Role) []*migxml.Role {
	var out []*migxml.Role
	for _, r := range list {
		k := *r
		k.Components = s.components(urlid, r.Components)
		k.Roles = s.roles(urlid, display, r.Roles)
		id := strings.ToLower(urlid + "/" + display + "/" + r.Role)
		if _, off := s.hits[id]; off {
			s.hits[id] = true
			continue
		}
		out = append(out, &k)
	}
	return out
}

// maxUnknown bounds the warnings about components that no rule file has: a
// Config.xml lists all the parts of Windows.
const maxUnknown = 20

// tellUnknown warns of what is switched off and not there to be so.
func (s *switches) tellUnknown(c *compiler) {
	n := 0
	for _, k := range s.off {
		if s.hits[strings.ToLower(k.ID)] || len(k.Components) > 0 {
			continue
		}
		if n++; n <= maxUnknown {
			c.warn(k.Pos, "no rule file in use has the component %q: there is nothing to switch off", k.ID)
		}
	}
	if n > maxUnknown {
		c.warn(migxml.Pos{File: s.off[0].File}, "%d more components that are switched off are in no rule file in use", n-maxUnknown)
	}
}
