package offline

import (
	"maps"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Env holds variables by name; case does not count. What it lacks it looks up
// in its parent.
type Env struct {
	vars   map[string]string
	parent *Env
}

// NewEnv makes an empty environment over parent, which may be nil.
func NewEnv(parent *Env) *Env { return &Env{vars: map[string]string{}, parent: parent} }

// Lookup finds the value of a variable, named without percent signs.
func (e *Env) Lookup(name string) (string, bool) {
	name = wstr.Upper(name)
	for ; e != nil; e = e.parent {
		if v, ok := e.vars[name]; ok {
			return v, true
		}
	}
	return "", false
}

// Set defines a variable; an empty value leaves it undefined.
func (e *Env) Set(name, value string) {
	if value == "" {
		return
	}
	e.vars[wstr.Upper(name)] = value
}

// Unset leaves a variable undefined that e itself defines.
func (e *Env) Unset(name string) { delete(e.vars, wstr.Upper(name)) }

// Expand replaces every %NAME% that is defined, once: values are not expanded
// again. It says whether all of them were.
func (e *Env) Expand(s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	var b strings.Builder
	all := true
	for {
		before, rest, ok := strings.Cut(s, "%")
		b.WriteString(before)
		if !ok {
			return b.String(), all
		}
		name, after, ok := strings.Cut(rest, "%")
		if !ok {
			b.WriteString("%" + rest)
			return b.String(), all
		}
		if v, ok := e.Lookup(name); ok && name != "" {
			b.WriteString(v)
			s = after
			continue
		}
		// The second percent sign may begin a name.
		all = all && name == ""
		b.WriteString("%" + name)
		s = "%" + after
		if name == "" {
			b.WriteString("%")
			s = after
		}
	}
}

// Over gives the variables of e itself over another parent. Later changes to
// e do not show in it.
func (e *Env) Over(parent *Env) *Env {
	return &Env{vars: maps.Clone(e.vars), parent: parent}
}
