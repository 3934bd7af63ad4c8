package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
)

// detected says whether c is on the source: it is when it has no detection,
// or when one of those of its roles is true.
//
// A detection for the system alone answers for the users too, unless there is
// one for them.
func (v *evaluation) detected(c *migxml.Component) bool {
	some, found := false, false
	var roles func(v *evaluation, rs []*migxml.Role, system bool) (applied bool)
	w := *v
	v, w.remaps = &w, nil // they are those of the rules
	roles = func(v *evaluation, rs []*migxml.Role, system bool) (applied bool) {
		for _, r := range rs {
			var w *evaluation
			for _, d := range r.Detections {
				some = true
				context := contextOf(d)
				inside := v.in(v.mask & context)
				if system == inside {
					continue
				}
				applied = true
				if w == nil {
					w = v.role(r)
					if system {
						if w = w.system(context); w == nil {
							continue
						}
					}
				}
				found = found || w.detection(d)
			}
			if roles(v.role(r), r.Roles, system) {
				applied = true
			}
		}
		return applied
	}
	if !roles(v, c.Roles, false) && some {
		roles(v, c.Roles, true)
	}
	return found || !some
}

// contextOf is where d takes part: its own context, and that of the named one
// whose content it has.
func contextOf(d *migxml.Detection) migxml.Context {
	m := d.Context
	for range maxDepth {
		if d = d.Named; d == nil {
			break
		}
		m &= d.Context
	}
	return m
}

// detection evaluates a <detection> or <detects>.
func (v *evaluation) detection(d *migxml.Detection) bool {
	if !v.enter(d.Pos) {
		return false
	}
	defer func() { v.depth-- }()
	if d.Named != nil {
		return v.detection(d.Named)
	}
	if len(d.Conditions) == 0 && len(d.Detects) == 0 {
		return true // no criterion
	}
	for _, c := range d.Conditions {
		if !v.conditions(c) {
			return false
		}
	}
	some := len(d.Conditions) > 0
	for _, x := range d.Detects {
		answer, part := v.detect(x)
		if part && !answer {
			return false
		}
		some = some || part
	}
	return some
}

// detect evaluates a <detect>, one that is for the system alone in the
// system's context; part is false for one that is for users alone, when the
// system is asked.
func (v *evaluation) detect(d *migxml.Detect) (answer, part bool) {
	if !v.enter(d.Pos) {
		return false, true
	}
	defer func() { v.depth-- }()
	w := v.inner(d.Context)
	if w == nil {
		if w = v.system(d.Context); w == nil {
			return false, false
		}
	}
	if d.Named != nil {
		return w.detect(d.Named)
	}
	for _, x := range d.Detects {
		answer, inside := w.detect(x)
		if inside && !answer {
			return false, true
		}
		part = part || inside
	}
	if len(d.Condition) == 0 && len(d.Sets) == 0 {
		return true, part || len(d.Detects) == 0
	}
	return slices.ContainsFunc(d.Condition, w.condition) || slices.ContainsFunc(d.Sets, w.someObject), true
}

func (v *evaluation) conditions(c *migxml.Conditions) bool {
	if !v.enter(c.Pos) {
		return false
	}
	defer func() { v.depth-- }()
	if c.Named != nil {
		return v.conditions(c.Named)
	}
	if len(c.Conditions) == 0 && len(c.Condition) == 0 {
		return true
	}
	for _, x := range c.Conditions {
		if v.conditions(x) == c.Or {
			return c.Or
		}
	}
	for _, x := range c.Condition {
		if v.condition(x) == c.Or {
			return c.Or
		}
	}
	return !c.Or
}

// condition evaluates one call. One that is not understood is never true,
// negated or not.
func (v *evaluation) condition(c *migxml.Condition) bool {
	if c.Call == nil {
		return false
	}
	answer, ok := v.ask(c.Call)
	return ok && answer != c.Negate
}

// ask calls a function that answers a question; ok is false when there is no
// answer.
func (v *evaluation) ask(c *migxml.Call) (answer, ok bool) {
	switch c.Name {
	case "IsSystemContext":
		return !v.ctx.User, true
	case "DoesObjectExist":
		o, ok := v.object(c, 0, 1)
		return ok && v.objectExists(c, o), ok
	case "IsSameObject":
		a, ok := v.object(c, 0, 1)
		if !ok {
			return false, false
		}
		b, _ := v.object(c, 0, 2)
		return v.sameObject(a, b), true
	case "IsSameContent":
		return v.sameContent(c)
	case "DoesStringContentEqual", "DoesStringContentContain":
		have, found, ok := v.text(c, 0, 1)
		if !ok {
			return false, false
		}
		want, undefined := expandPlain(c.Arg(2), v.vars, v.ctx.Env)
		if undefined != "" {
			return false, true
		}
		if c.Name == "DoesStringContentEqual" {
			return wstr.EqualFold(have, want), true // "" stands for an object that is not there
		}
		return found && strings.Contains(wstr.Upper(have), wstr.Upper(want)), true
	case "IsSameStringContent":
		a, okA, ok := v.text(c, 0, 1)
		if !ok {
			return false, false
		}
		b, okB, ok := v.text(c, 2, 3)
		return okA && okB && wstr.EqualFold(a, b), ok
	case "DoesFileVersionMatch", "IsFileVersionAbove", "IsFileVersionBelow":
		return v.fileVersion(c)
	}
	p, ok := v.ctx.Probe.(Platform)
	if !ok {
		v.unsupported(c, "the version of the source is not known")
		return false, false
	}
	switch c.Name {
	case "IsNative64Bit":
		return p.Native64Bit(), true
	case "DoesOSMatch":
		// Without a service pack the version ends with a dot, which people do
		// not write.
		version := p.Version()
		return c.Is(0, "NT") && (winpath.Match(c.Arg(1), version, false) || winpath.Match(c.Arg(1), strings.TrimSuffix(version, "."), false)), true
	case "IsOSLaterThan":
		return c.Is(0, "NT") && compareVersions(p.Version(), c.Arg(1)) >= 0, true
	case "IsOSEarlierThan":
		return c.Is(0, "NT") && compareVersions(p.Version(), c.Arg(1)) < 0, true
	}
	v.unsupported(c, "")
	return false, false
}

func (v *evaluation) unsupported(c *migxml.Call, why string) {
	v.fail(&migxml.UnsupportedError{Pos: c.Pos, What: "MigXmlHelper." + c.Name, Why: why})
}

// compareVersions compares the numbers of two versions; a missing one is 0.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		if c := number(as, i) - number(bs, i); c != 0 {
			return c
		}
	}
	return 0
}

func number(parts []string, i int) int {
	if i >= len(parts) || i > 2 {
		return 0 // the fourth is the name of a service pack
	}
	n, err := strconv.Atoi(strings.TrimSpace(parts[i]))
	if err != nil || n < 0 || n > 1<<30 {
		return 0
	}
	return n
}
