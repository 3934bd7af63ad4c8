package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// A key has several names: HKCR is HKLM\SOFTWARE\Classes with the user's own
// Software\Classes before it, HKU\SID is the HKCU of that user, and the control
// set that is in use is CurrentControlSet. Rules may use any of them. Objects
// have one, so that nothing is taken twice, and so that what stands against a
// key stands against it under every name: HKCU for the users that have a
// context, HKU\ID for the others, HKU\.DEFAULT for the system, HKLM for all
// else, CurrentControlSet in it. So it is with a volume that has a letter, or is
// mounted in a folder: its number is another name. Patterns are brought to these
// names when they are compiled.

// ControlSets is implemented by a Probe that knows which control set the
// source uses.
type ControlSets interface {
	// ControlSet is N of HKLM\SYSTEM\ControlSet00N, 0 when it is not known.
	ControlSet() int
}

// Users is implemented by a Probe that knows who has keys below HKU.
type Users interface {
	// UserIDs are their IDs, as objects have them: HKU\ID.
	UserIDs() []string
}

// Volumes is implemented by a Probe that knows what volumes are called.
type Volumes interface {
	// VolumeNames has for each volume with a name, by its number ("3:"), how
	// its paths begin: the drive ("C:"), or the folder in which it is mounted
	// (`C:\Data`).
	VolumeNames() map[string]string
}

// otherName is another name of keys, or of the files of a volume, with "\" at
// its end; from is in upper case.
type otherName struct {
	from, to string
	tree     string // the context in whose HKCU to is, "" for the machine
}

// seat is a pattern in the tree where it matches.
type seat struct {
	tree string
	pattern
}

// volumeNames are the numbers of volumes that have a name.
func (c *compiler) volumeNames() []otherName {
	if c.volumes != nil {
		return c.volumes
	}
	c.volumes = []otherName{}
	for i := range c.ctxs {
		if p, ok := c.ctxs[i].Probe.(Volumes); ok {
			names := p.VolumeNames()
			for _, number := range slices.Sorted(maps.Keys(names)) {
				c.volumes = append(c.volumes, otherName{number + `\`, names[number] + `\`, ""})
			}
			break
		}
	}
	return c.volumes
}

// otherNames are the names of keys that rules may use and objects do not have.
func (c *compiler) otherNames() []otherName {
	if c.others != nil {
		return c.others
	}
	out := []otherName{
		{`HKCR\`, `HKLM\SOFTWARE\Classes\`, ""},
		{`HKU\S-1-5-18\`, `HKU\.DEFAULT\`, ""},
	}
	set := 0
	var ids []string
	for i := range c.ctxs {
		x := &c.ctxs[i]
		if u, ok := x.Probe.(Users); ok && ids == nil {
			ids = u.UserIDs()
		}
		if s, ok := x.Probe.(ControlSets); ok && set == 0 {
			if set = s.ControlSet(); set > 0 {
				out = append(out, otherName{`HKLM\SYSTEM\` + controlSet(set) + `\`, `HKLM\SYSTEM\CurrentControlSet\`, ""})
			}
		}
		if x.User {
			hku := `HKU\` + wstr.Upper(x.Name)
			out = append(out, otherName{hku + `\`, `HKCU\`, x.Name}, otherName{hku + `_CLASSES\`, classesOfUser, x.Name})
		}
	}
	// Those whose rules do not run keep their keys below HKU, but not their
	// classes beside them.
	for _, id := range ids {
		if slices.ContainsFunc(c.ctxs, func(x Context) bool { return x.User && wstr.EqualFold(x.Name, id) }) {
			continue
		}
		out = append(out, otherName{`HKU\` + wstr.Upper(id) + `_CLASSES\`, `HKU\` + id + `\Software\Classes\`, ""})
	}
	c.others = out
	return out
}

func controlSet(n int) string {
	s := []byte("CONTROLSET000")
	for i := len(s) - 1; n > 0 && i >= len(s)-3; i-- {
		s[i] = byte('0' + n%10)
		n /= 10
	}
	return string(s)
}

// seats are the places of a pattern: under the names that objects have, in the
// tree of the files, or those of the machine and of users. A pattern whose
// wildcard matches another name of an object as well is as specific there as it
// is written.
func (v *evaluation) seats(kind Kind, p pattern) []seat {
	names, open := v.volumeNames(), false
	if kind == Registry {
		root, _, _ := strings.Cut(p.node, `\`)
		if root == "HKCU" {
			if !v.ctx.User {
				return nil // it means nothing there
			}
			return []seat{{v.ctx.Name, p}}
		}
		names, open = v.otherNames(), strings.Contains(root, "*") && v.ctx.User
	}
	var out []seat
	moved := false
	star := strings.IndexByte(p.node, '*')
	move := func(r otherName) {
		r.to = wstr.Upper(r.to)
		if rest, ok := strings.CutPrefix(p.node, r.from); ok {
			l := location{r.to + rest, p.leaf, p.hasLeaf}
			if !strings.HasSuffix(rest, "*") {
				l.node = strings.TrimSuffix(l.node, `\`)
			}
			out = append(out, seat{r.tree, l.pattern()})
			moved = true
			return
		}
		if star < 0 || !strings.HasPrefix(r.from, p.node[:star]) {
			return
		}
		var there []int // what the pattern matches without more ado
		if r.tree == "" || open && r.tree == v.ctx.Name {
			there = behind(p.node, r.to)
		}
		for _, i := range behind(p.node, r.from) {
			if !slices.Contains(there, i) {
				q := p
				q.node = r.to + p.node[i:]
				out = append(out, seat{r.tree, q})
			}
		}
	}
	for _, r := range names {
		move(r)
	}
	if kind == Registry && v.ctx.User {
		move(otherName{`HKCR\`, classesOfUser, v.ctx.Name})
	}
	if open {
		out = append(out, seat{v.ctx.Name, p})
	}
	if !moved {
		out = append(out, seat{"", p})
	}
	return out
}

const classesOfUser = `HKCU\Software\Classes\`

// objectNames are the names that objects have for p, where rules may write
// another; one of a user with a context stays below HKU, as HKCU does not say
// whose it is.
func (v *evaluation) objectNames(p placed) []location {
	names := v.volumeNames()
	if p.kind == Registry {
		names = v.otherNames()
	}
	node := wstr.Upper(p.node) + `\`
	for _, r := range names {
		if r.tree != "" || !strings.HasPrefix(node, r.from) {
			continue
		}
		named := func(to string) location {
			l := p.location
			l.node = strings.TrimRight(to+(p.node + `\`)[len(r.from):], `\`)
			return l
		}
		out := []location{named(r.to)}
		if r.from == `HKCR\` && v.ctx.User {
			out = append(out, named(classesOfUser))
		}
		return out
	}
	return []location{p.location}
}

// behind gives the places in node from which the rest of it has to match what
// comes behind head, for node to match the whole.
func behind(node, head string) []int {
	at := []int{0}
	add := func(list []int, i int) []int {
		if slices.Contains(list, i) {
			return list
		}
		return append(list, i)
	}
	for k := 0; k <= len(head); k++ {
		for n := 0; n < len(at); n++ {
			if i := at[n]; i < len(node) && node[i] == '*' {
				at = add(at, i+1)
			}
		}
		if k == len(head) {
			break
		}
		var next []int
		for _, i := range at {
			switch {
			case i == len(node):
			case node[i] == '*':
				next = add(next, i)
			case node[i] == head[k]:
				next = add(next, i+1)
			}
		}
		at = next
	}
	// A rest that begins with a wildcard has what is behind that in it.
	return slices.DeleteFunc(at, func(i int) bool { return i > 0 && node[i-1] == '*' })
}
