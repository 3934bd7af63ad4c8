package migxml

import (
	"slices"
	"strings"
)

// About is what a component says of itself to people, in its <description>:
//
//	KIND: what it takes. Will not survive: what is lost all the same.
//
// The language calls a description information only, so that Microsoft's
// tools read the same file.
type About struct {
	// Kind is one of Kinds. A description that does not begin with one has
	// the kind that follows from the type of the component.
	Kind string
	// Takes says what the component takes, without the full stop; "" when it
	// does not say.
	Takes string
	// Lost says what will not work on another machine though it is taken, or
	// cannot be taken; "" for nothing.
	Lost string
}

// Kinds are the kinds of data that sizes are added up by.
var Kinds = []string{"Documents", "Pictures", "Music", "Videos", "Downloads", "Mail", "Browsers", "Programs", "Settings", "Keys", "Machine", "Profile"}

// lostMark begins the part of a description that Lost holds.
const lostMark = "Will not survive:"

// sentence is s without white space around it and the full stop at its end.
func sentence(s string) string { return strings.TrimSuffix(strings.TrimSpace(s), ".") }

// About reads the description of c.
func (c *Component) About() About {
	takes, lost, _ := strings.Cut(c.Description, lostMark)
	a := About{Takes: sentence(takes), Lost: sentence(lost)}
	if kind, rest, ok := strings.Cut(a.Takes, ":"); ok {
		if i := slices.IndexFunc(Kinds, func(k string) bool { return strings.EqualFold(k, strings.TrimSpace(kind)) }); i >= 0 {
			a.Kind, a.Takes = Kinds[i], sentence(rest)
			return a
		}
	}
	switch c.Type {
	case "Documents":
		a.Kind = "Documents"
	case "System":
		a.Kind = "Settings"
	case "Device":
		a.Kind = "Machine"
	default:
		a.Kind = "Programs"
	}
	return a
}
