package rules

import (
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
)

// filter narrows the objects that a pattern matches.
type filter struct {
	text string // filters of one text judge alike
	pass func(Object) bool
}

func (f *filter) key() string {
	if f == nil {
		return ""
	}
	return f.text
}

// passes says whether the filter of p lets o through. Of folders, keys and
// objects of which nothing is known (nil) an include takes those that it
// might, and an exclude leaves them alone.
func (p *compiled) passes(o Object) bool {
	switch {
	case p.filter == nil:
		return true
	case o == nil:
		return p.action == migxml.Include
	}
	return p.filter.pass(o)
}

// newFilter makes the filter of a rule; nil for one that lets everything
// through at capture, ok is false for one that lets nothing through.
func (v *evaluation) newFilter(c *migxml.Call, a migxml.Action) (f *filter, ok bool) {
	include := a == migxml.Include
	switch c.Name {
	case "IgnoreIrrelevantLinks", "NeverRestore":
		return nil, true // they act at restore
	case "SameRegContent":
		// It compares with the destination: what is excluded for that is left
		// out at restore.
		return nil, include
	case "FileProperties":
		p, err := migxml.ParseFileProperty(c)
		if err != nil {
			v.warn(c.Pos, "%s: %v: it yields nothing", c.Text, err)
			return nil, false
		}
		return &filter{c.Text, func(o Object) bool {
			size := o.Size()
			if size < 0 {
				return include // links and values have neither size nor date
			}
			if p.Property == migxml.FileSize {
				return p.Holds(size)
			}
			t := o.Time(p.Property)
			if t.IsZero() {
				return include
			}
			return p.Holds(migxml.Day(t.Year(), int(t.Month()), t.Day()))
		}}, true
	case "CompareStringContent":
		want, undefined := expandPlain(c.Arg(0), v.vars, v.ctx.Env)
		if undefined != "" {
			v.undefined(ruleKey{pos: c.Pos, text: c.Text}, v.ctx, undefined)
			return nil, false
		}
		equal := c.Is(1, "Equal")
		return &filter{c.Text + "\x00" + want, func(o Object) bool {
			have, ok := o.Text()
			if !ok {
				return include
			}
			return wstr.EqualFold(have, want) == equal
		}}, true
	}
	return nil, false // AnswerNo
}

// notOfSystem lets all files through but those that are hidden and of the
// system.
func notOfSystem(outer *filter) *filter {
	return &filter{"not hidden and of the system\x00" + outer.key(), func(o Object) bool {
		return !o.HiddenSystem() && (outer == nil || outer.pass(o))
	}}
}
