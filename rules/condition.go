package rules

import (
	"fmt"
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
	roles = func(v *evaluation, rs []*migxml.Role, system bool) (applied bool) {
		for _, r := range rs {
			var w *evaluation
			for _, d := range r.Detections {
				some = true
				inside := v.in(v.mask & d.Context)
				if system == inside {
					continue
				}
				applied = true
				if w == nil {
					w = v.role(r)
					if system {
						if w = w.system(d.Context); w == nil {
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
	for _, x := range d.Detects {
		if !v.detect(x) {
			return false
		}
	}
	return true
}

func (v *evaluation) detect(d *migxml.Detect) bool {
	if !v.enter(d.Pos) {
		return false
	}
	defer func() { v.depth-- }()
	if d.Named != nil {
		return v.detect(d.Named)
	}
	for _, x := range d.Detects {
		if !v.detect(x) {
			return false
		}
	}
	if len(d.Condition) == 0 && len(d.Sets) == 0 {
		return true
	}
	return slices.ContainsFunc(d.Condition, v.condition) || slices.ContainsFunc(d.Sets, v.someObject)
}

// someObject says whether an object of s exists.
func (v *evaluation) someObject(s *migxml.ObjectSet) bool {
	if !v.holds(s) {
		return false
	}
	for _, p := range s.Patterns {
		kind := File
		if p.Kind == migxml.Registry {
			kind = Registry
		}
		if v.objectExists(kind, p.Text) {
			return true
		}
	}
	for _, c := range s.Scripts {
		w := *v
		w.scope = &scope{}
		w.script(c, migxml.Include)
		for kind, pats := range w.scope.pats {
			for _, p := range pats {
				if v.probe(Kind(kind), location{strings.TrimSuffix(p.node, `\`), p.leaf, p.hasLeaf}) {
					return true
				}
			}
		}
	}
	return false
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
		kind, ok := v.kind(c, 0)
		return ok && v.objectExists(kind, c.Arg(1)), ok
	case "IsSameObject":
		kind, ok := v.kind(c, 0)
		if !ok {
			return false, false
		}
		a, okA := v.location(kind, c.Arg(1))
		b, okB := v.location(kind, c.Arg(2))
		return okA && okB && a.hasLeaf == b.hasLeaf && wstr.EqualFold(a.node, b.node) && wstr.EqualFold(a.leaf, b.leaf), true
	case "DoesStringContentEqual", "DoesStringContentContain":
		have, _, ok := v.text(c, 0, 1)
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
		return strings.Contains(wstr.Upper(have), wstr.Upper(want)), true
	case "IsSameStringContent":
		a, okA, ok := v.text(c, 0, 1)
		if !ok {
			return false, false
		}
		b, okB, ok := v.text(c, 2, 3)
		return okA && okB && wstr.EqualFold(a, b), ok
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
		return c.Is(0, "NT") && winpath.Match(c.Arg(1), p.Version(), false), true
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

// kind reads argument i of c as the kind of an object.
func (v *evaluation) kind(c *migxml.Call, i int) (Kind, bool) {
	switch {
	case c.Is(i, "File"):
		return File, true
	case c.Is(i, "Registry"):
		return Registry, true
	case c.Is(i, "Ini"):
		v.unsupported(c, "INI files are not read")
	default:
		v.warn(c.Pos, "%s: %q is none of File, Registry: it yields nothing", c.Text, c.Arg(i))
	}
	return 0, false
}

// location expands and takes apart a location or pattern in an argument.
func (v *evaluation) location(kind Kind, text string) (location, bool) {
	text, undefined := expand(text, v.vars, v.ctx.Env)
	if undefined != "" {
		return location{}, false
	}
	l, err := parseLocation(kind, text)
	return l, err == nil
}

// objectExists says whether an object fits the pattern. A file may be written
// without brackets as well.
func (v *evaluation) objectExists(kind Kind, text string) bool {
	l, ok := v.location(kind, text)
	if !ok {
		return false
	}
	if v.probe(kind, l) {
		return true
	}
	i := strings.LastIndexByte(l.node, '\\')
	if kind != File || l.hasLeaf || i < 0 || strings.HasSuffix(strings.TrimSpace(text), "]") {
		return false
	}
	return v.probe(kind, location{l.node[:i], l.node[i+1:], true})
}

// probe asks the source once for each location.
func (v *evaluation) probe(kind Kind, l location) bool {
	if v.ctx.Probe == nil {
		return false
	}
	key := fmt.Sprintf("%d|%s|%s|%t", kind, wstr.Upper(l.node), wstr.Upper(l.leaf), l.hasLeaf)
	if kind == Registry && (isHKCU(l.node) || isOpen(l.node)) {
		if isHKCU(l.node) && !v.ctx.User {
			return false
		}
		key += "|" + v.ctx.Name
	}
	found, ok := v.exists[key]
	if !ok {
		found = v.ctx.Probe.Exists(kind, l.node, l.leaf, l.hasLeaf)
		v.exists[key] = found
	}
	return found
}

// text is the content of the object that arguments typ and loc of c name.
// found is false, and the text empty, when it is not there; ok is false when
// that cannot be told.
func (v *evaluation) text(c *migxml.Call, typ, loc int) (text string, found, ok bool) {
	kind, ok := v.kind(c, typ)
	if !ok {
		return "", false, false
	}
	plain, undefined := expandPlain(c.Arg(loc), v.vars, v.ctx.Env)
	if undefined != "" {
		return "", false, true
	}
	l, isLocation := v.location(kind, c.Arg(loc))
	if !isLocation {
		// Microsoft's samples compare a plain variable this way.
		return plain, true, true
	}
	return v.read(c, kind, l)
}

func (v *evaluation) read(c *migxml.Call, kind Kind, l location) (text string, found, ok bool) {
	p, ok := v.ctx.Probe.(Contents)
	if !ok {
		v.unsupported(c, "values are not read")
		return "", false, false
	}
	if kind == Registry && isHKCU(l.node) && !v.ctx.User {
		return "", false, true
	}
	text, found = p.Text(kind, l.node, l.leaf)
	return text, found, true
}

// content is the value of GetStringContent; ok is false for NULL.
func (v *evaluation) content(c *migxml.Call) (string, bool) {
	kind, ok := v.kind(c, 0)
	if !ok || kind == File {
		return "", false // documented: NULL for files
	}
	l, ok := v.location(kind, c.Arg(1))
	if !ok {
		return "", false
	}
	text, found, _ := v.read(c, kind, l)
	if !found || c.Is(2, "FALSE") {
		return text, found
	}
	if out, undefined := expandPlain(text, nil, v.ctx.Env); undefined == "" {
		return out, true
	}
	return text, true // Windows leaves what it does not know
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
