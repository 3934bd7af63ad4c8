package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/migxml"
)

// idle is why a rule has no part in what is taken.
type idle struct {
	why string
	pos migxml.Pos // of what says so; zero for none
}

// idleRule is a rule that is off, for Explain.
type idleRule struct {
	compiled
	idle
	of   Kind
	tree string // as a seat has it
}

// compileIdle adds the rules that are off to s, which is compiled of docs: a
// second compilation, in which what is off goes on and is noted.
func (c *compiler) compileIdle(s *Set, docs []*migxml.Document, opt Options, off *switches) {
	var list []idleRule
	w := &compiler{
		ctxs:     c.ctxs,
		warned:   map[migxml.Warning]bool{},
		rules:    c.rules,
		ruleOf:   c.ruleOf,
		seen:     map[string]bool{},
		unusable: map[ruleKey]*unusable{},
		exists:   c.exists,
		inis:     c.inis,
		idle:     &list,
		absent:   opt.Others,
	}
	urlids := map[string]string{}
	for _, d := range docs {
		var why *idle
		key := strings.ToLower(d.URLID)
		if first, ok := urlids[key]; ok && key != "" {
			why = &idle{"its file has the urlid of " + first + ", and is not used", d.Pos}
		}
		urlids[key] = d.Pos.File
		run := func(comp *migxml.Component, why *idle) {
			for i := range c.ctxs {
				v := &evaluation{compiler: w, ctx: &c.ctxs[i], index: int16(i), mask: migxml.UserAndSystem, urlid: d.URLID, off: why}
				v.component(comp)
			}
			for i := range opt.Others {
				off := why
				if off == nil {
					off = &notChosen
				}
				v := &evaluation{compiler: w, ctx: &opt.Others[i], index: int16(len(c.ctxs) + i), mask: migxml.User, urlid: d.URLID, off: off}
				v.component(comp)
			}
		}
		for _, comp := range off.components(d.URLID, d.Components) {
			run(comp, why)
		}
		for _, x := range off.dropped(d.URLID, d.Components) {
			by := why
			if by == nil {
				by = &idle{"a Config.xml switches its component off", x.by.Pos}
			}
			run(x.component, by)
		}
	}
	s.rules, s.idle = w.rules, list
	for _, u := range opt.Others {
		s.others = append(s.others, u.Name)
	}
}

var notChosen = idle{why: "the user is not chosen"}

// switchOff is v with a reason why its rules are off, if it has none yet; nil
// when nobody asks for these rules.
func (v *evaluation) switchOff(pos migxml.Pos, why string) *evaluation {
	if v.idle == nil {
		return nil
	}
	w := *v
	if w.off == nil {
		w.off = &idle{why, pos}
	}
	return &w
}

// addIdle notes a pattern of a rule that is off.
func (v *evaluation) addIdle(kind Kind, p compiled) {
	for _, s := range v.seats(kind, p.pattern) {
		key := fmt.Sprintf("%d|%d|%s|%s|%t|%s|%s", kind, p.rule, s.tree, s.node, s.hasLeaf, s.leaf, v.off.why)
		if v.seen[key] {
			continue
		}
		v.seen[key] = true
		p.pattern = s.pattern
		*v.idle = append(*v.idle, idleRule{p, *v.off, kind, s.tree})
	}
}

// explainIdle lists the rules that are off and would fit an object. On are
// those that fit it and are not.
func (s *Set) explainIdle(kind Kind, tree string, node, leaf []byte, hasLeaf bool, o Object, on []Match) []Match {
	var out []Match
	// The keys of a user who is not chosen are below HKU, and are HKCU to the
	// rules that would run for them.
	other, below := "", []byte(nil)
	for _, name := range s.others {
		if rest, ok := strings.CutPrefix(string(node), `HKU\`+string(appendUpper(nil, name))+`\`); ok && kind == Registry {
			other, below = name, []byte(`HKCU\`+rest)
		}
	}
	for i := range s.idle {
		r := &s.idle[i]
		at := node
		switch {
		case r.of != kind || r.hasLeaf && r.leaf != "*" && !hasLeaf:
			continue
		case r.tree == tree:
		case r.tree == other && other != "":
			at = below
		default:
			continue
		}
		if !matchGlob(r.node, at) || hasLeaf && !r.matchLeaf(leaf) || !hasLeaf && r.kind > leafAll || !r.passes(o) {
			continue
		}
		m := Match{Rule: r.rule, Context: r.ctx, Pattern: r.pattern.text(), Off: true, Why: r.why, At: r.pos, By: -1}
		same := func(x Match) bool {
			return x.Rule == m.Rule && x.Pattern == m.Pattern && (!x.Off || x.Why == m.Why)
		}
		if !slices.ContainsFunc(on, same) && !slices.ContainsFunc(out, same) {
			out = append(out, m)
		}
	}
	return out
}

// droppedComponent is what a Config.xml leaves out of a component.
type droppedComponent struct {
	component *migxml.Component
	by        *migxml.ConfigComponent
}

// dropped are the roles of list that components leaves out, each in components
// that have nothing else.
func (s *switches) dropped(urlid string, list []*migxml.Component) []droppedComponent {
	if len(s.off) == 0 {
		return nil
	}
	var out []droppedComponent
	for _, c := range list {
		some := len(s.roles(urlid, c.DisplayName, c.Roles)) > 0
		for _, x := range s.droppedRoles(urlid, c.DisplayName, c.Roles) {
			k := *c
			k.Roles = []*migxml.Role{x.role}
			if some {
				k.Extensions = nil
			}
			out = append(out, droppedComponent{&k, x.by})
		}
	}
	return out
}

type droppedRole struct {
	role *migxml.Role
	by   *migxml.ConfigComponent
}

func (s *switches) droppedRoles(urlid, display string, list []*migxml.Role) []droppedRole {
	var out []droppedRole
	for _, r := range list {
		id := strings.ToLower(urlid + "/" + display + "/" + r.Role)
		if i := slices.IndexFunc(s.off, func(k *migxml.ConfigComponent) bool { return strings.ToLower(k.ID) == id }); i >= 0 {
			out = append(out, droppedRole{r, s.off[i]})
			continue
		}
		k := *r
		k.Rules, k.Components, k.Roles = nil, nil, nil
		for _, x := range s.dropped(urlid, r.Components) {
			w := k
			w.Components = []*migxml.Component{x.component}
			out = append(out, droppedRole{&w, x.by})
		}
		for _, x := range s.droppedRoles(urlid, display, r.Roles) {
			w := k
			w.Roles = []*migxml.Role{x.role}
			out = append(out, droppedRole{&w, x.by})
		}
	}
	return out
}
