package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
)

// Kept is what rule files say about a restore, as it was evaluated on the
// source: a restore has neither the source's variables nor an answer to its
// conditions. It goes into the store.
type Kept struct {
	// Components are those that were in use.
	Components []KeptComponent `json:"components,omitempty"`
	Rules      []KeptRule      `json:"rules,omitempty"`
	Objects    []KeptObject    `json:"objects,omitempty"`
}

// KeptComponent says of a component what has a meaning to a restore.
type KeptComponent struct {
	Place
	Type string `json:"type,omitempty"` // as written
	// DefaultSupported false: it is restored only where the rule files of the
	// restore have a component of its urlid and name.
	DefaultSupported bool `json:"default_supported"`
}

// Place is where an element stands, and whom it is for.
type Place struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	URLID     string `json:"urlid,omitempty"`
	Component string `json:"component"`
	// Contexts are the evaluations in which it was the same: "System", IDs of
	// users.
	Contexts []string `json:"contexts"`
}

// KeptRule is a merge, locationModify, contentModify, destinationCleanup,
// includeAttributes, excludeAttributes, externalProcess or processing; "remap"
// for a variable with that attribute, its name and value as Args; or an
// include, exclude or unconditionalExclude as far as it is about settings of
// files (patterns of kind Ini) or compares with the destination
// (SameRegContent).
type KeptRule struct {
	Place
	Element    string         `json:"element"`
	When       string         `json:"when,omitempty"`
	Function   string         `json:"function,omitempty"`
	Args       []KeptText     `json:"args,omitempty"`
	Filter     string         `json:"filter,omitempty"` // a call, as written
	Command    string         `json:"command,omitempty"`
	Attributes string         `json:"attributes,omitempty"`
	Objects    []KeptLocation `json:"patterns,omitempty"`
}

// KeptText is an argument: as written, and with the variables of the source,
// if all are defined there.
type KeptText struct {
	Written wstr.Text `json:"written"`
	Null    bool      `json:"null,omitempty"`
	Source  wstr.Text `json:"source,omitempty"`
}

// KeptLocation is a pattern with the variables of the source. Keys have the
// names that objects have, but those below HKU.
type KeptLocation struct {
	Kind string    `json:"kind"` // "File", "Registry", "Ini"
	Text wstr.Text `json:"text"`
}

// KeptObject is an object that a restore treats as if the source had it.
type KeptObject struct {
	Place
	Kind       string    `json:"kind"`
	Location   wstr.Text `json:"location"` // with the variables of the source
	Attributes []string  `json:"attributes,omitempty"`
	Data       []byte    `json:"data,omitempty"` // a text is UTF-8 here
	IsText     bool      `json:"text,omitempty"`
}

// Kept is what is to be kept for a restore.
func (s *Set) Kept() *Kept { return &s.kept }

// keepComponent keeps that c is in use in the context at hand.
func (v *evaluation) keepComponent(c *migxml.Component) {
	if v.idle != nil {
		return
	}
	k := KeptComponent{Place: v.place(c.Pos), Type: c.Type, DefaultSupported: c.DefaultSupported}
	if i, ok := v.keptAt[c.Pos]; ok {
		at := &v.kept.Components[i]
		at.Contexts = append(at.Contexts, v.ctx.Name)
		return
	}
	v.keptAt[c.Pos] = len(v.kept.Components)
	v.kept.Components = append(v.kept.Components, k)
}

func (v *evaluation) place(pos migxml.Pos) Place {
	p := Place{File: pos.File, Line: pos.Line, Column: pos.Col, URLID: v.urlid, Contexts: []string{v.ctx.Name}}
	if v.scope != nil {
		p.Component = v.scope.component
	}
	return p
}

// keepRule adds r, or its context when it was the same in another one.
func (v *evaluation) keepRule(r KeptRule) {
	r.Contexts = nil
	key := fmt.Sprintf("%v", r)
	r.Contexts = []string{v.ctx.Name}
	if i, ok := v.keptRule[key]; ok {
		k := &v.kept.Rules[i]
		k.Contexts = append(k.Contexts, v.ctx.Name)
		return
	}
	if v.count++; v.count > maxPatterns {
		v.fail(&migxml.Error{Pos: migxml.Pos{File: r.File, Line: r.Line, Col: r.Column}, Msg: fmt.Sprintf("the rules make more than %d patterns", maxPatterns)})
		return
	}
	v.keptRule[key] = len(v.kept.Rules)
	v.kept.Rules = append(v.kept.Rules, r)
}

// keep keeps what a block says about a restore. Its conditions hold.
func (v *evaluation) keep(b *migxml.Rules) {
	if v.idle != nil {
		return
	}
	for _, r := range b.Rule {
		v.keepSelection(r)
	}
	for _, r := range b.Restore {
		k := KeptRule{Place: v.place(r.Pos), Element: r.Element, When: r.When, Command: r.Command, Attributes: r.Attributes.String()}
		if r.Filter != nil {
			k.Filter = r.Filter.Text
		}
		if r.Script != nil {
			k.Function = r.Script.Name
			for _, a := range r.Script.Args {
				k.Args = append(k.Args, v.keptText(a.Value, a.Null))
			}
		} else if r.Element == "merge" || r.Element == "locationModify" || r.Element == "contentModify" {
			continue // without a function it does nothing, and a warning said so
		}
		for _, s := range r.Sets {
			places, kept := v.keptSet(s)
			k.Objects = append(k.Objects, kept...)
			if r.Element == "includeAttributes" || r.Element == "excludeAttributes" {
				v.attributeRule(r, places)
			}
		}
		if len(r.Sets) > 0 && len(k.Objects) == 0 {
			continue
		}
		v.keepRule(k)
	}
	for _, a := range b.Added {
		v.keepObjects(a)
	}
}

// keepSelection keeps what r says about a restore: which settings of files it
// is about, and what it leaves out that the destination has already.
func (v *evaluation) keepSelection(r *migxml.Rule) {
	if r.Broken {
		return
	}
	k := KeptRule{Place: v.place(r.Pos), Element: r.Action.String()}
	same := false
	if r.Filter != nil {
		k.Filter = r.Filter.Text
		same = r.Filter.Name == "SameRegContent" && r.Action != migxml.Include
		if _, ok := v.newFilter(r.Filter, r.Action); !ok && !same {
			return
		}
	}
	for _, s := range r.Sets {
		if !same && !slices.ContainsFunc(s.Patterns, func(p migxml.Pattern) bool { return p.Kind == migxml.Ini }) {
			continue
		}
		_, kept := v.keptSet(s)
		for _, l := range kept {
			if same || l.Kind == migxml.Ini.String() {
				k.Objects = append(k.Objects, l)
			}
		}
	}
	if len(k.Objects) > 0 {
		v.keepRule(k)
	}
}

// keptSet is what s stands for, when its conditions hold. Settings are not
// among the places.
func (v *evaluation) keptSet(s *migxml.ObjectSet) (places []placed, kept []KeptLocation) {
	if !v.holds(s) {
		return nil, nil
	}
	rest := *s
	rest.Conditions, rest.Condition, rest.Patterns = nil, nil, nil
	var settings []migxml.Pattern
	for _, p := range s.Patterns {
		if p.Kind == migxml.Ini {
			settings = append(settings, p)
		} else {
			rest.Patterns = append(rest.Patterns, p)
		}
	}
	places = v.collected(&rest)
	for _, p := range places {
		for _, l := range v.objectNames(p) {
			kept = append(kept, KeptLocation{p.kind.String(), wstr.Text(l.text())})
		}
	}
	for _, p := range settings {
		text, undefined := expand(p.Text, v.vars, v.ctx.Env)
		if undefined == "" && v.setting(p.Text).found {
			kept = append(kept, KeptLocation{p.Kind.String(), wstr.Text(text)})
		}
	}
	return places, kept
}

func (v *evaluation) keptText(s string, null bool) KeptText {
	t := KeptText{Written: wstr.Text(s), Null: null}
	if out, undefined := expandPlain(s, v.vars, v.ctx.Env); undefined == "" {
		t.Source = wstr.Text(out)
	}
	return t
}

// keepObjects keeps the objects of an addObjects whose conditions hold.
func (v *evaluation) keepObjects(a *migxml.AddObjects) {
	if !v.holds(&migxml.ObjectSet{Conditions: a.Conditions, Condition: a.Condition}) {
		return
	}
	for _, o := range a.Objects {
		kind := File
		if o.Kind == migxml.Registry {
			kind = Registry
		}
		text, undefined := expand(o.Location, v.vars, v.ctx.Env)
		if undefined != "" {
			v.undefined(ruleKey{pos: o.Pos, text: o.Location}, v.ctx, undefined)
			continue
		}
		l, err := parseLocation(kind, text)
		switch {
		case err != nil:
			v.warn(o.Pos, "%v: the object is left out", err)
			continue
		case strings.Contains(l.node+l.leaf, "*"):
			v.warn(o.Pos, "%s has a wildcard, and is no place of one object: it is left out", o.Location)
			continue
		case kind == Registry && isHKCU(l.node) && !v.ctx.User:
			v.cannot(ruleKey{pos: o.Pos, text: o.Location}, v.ctx, "HKCU is the key of a user (context=\"User\" asks every user)")
			continue
		}
		data := o.Data
		if o.IsText && o.Expand {
			if s, undefined := expandPlain(string(data), v.vars, v.ctx.Env); undefined == "" {
				data = []byte(s)
			}
		}
		if kind == Registry && !l.hasLeaf || kind == File && winpath.Base(l.node) == "" {
			data = nil // keys and folders have no content
		}
		l = v.objectNames(placed{kind, l})[0]
		k := KeptObject{Place: v.place(o.Pos), Kind: kind.String(), Location: wstr.Text(l.text()), Attributes: o.Attributes, Data: data, IsText: o.IsText && data != nil}
		if n := len(v.kept.Objects); n > 0 {
			last := v.kept.Objects[n-1]
			last.Contexts, k.Contexts = nil, nil
			if fmt.Sprint(last) == fmt.Sprint(k) {
				v.kept.Objects[n-1].Contexts = append(v.kept.Objects[n-1].Contexts, v.ctx.Name)
				continue
			}
			k.Contexts = []string{v.ctx.Name}
		}
		if v.count++; v.count > maxPatterns {
			v.fail(&migxml.Error{Pos: o.Pos, Msg: fmt.Sprintf("the rules make more than %d patterns", maxPatterns)})
			return
		}
		v.kept.Objects = append(v.kept.Objects, k)
	}
}

// keepRemap notes that what lies below a variable goes to its place on the
// destination. It is kept when the component is known to be in use.
func (v *evaluation) keepRemap(x migxml.Variable) {
	value, ok := v.vars.lookup(x.Name)
	if !ok || v.remaps == nil {
		return
	}
	k := KeptRule{Place: v.place(x.Pos), Element: "remap", Args: []KeptText{{Written: wstr.Text(x.Name)}, {Source: wstr.Text(value.plain)}}}
	if x.Text != nil {
		k.Args[1].Written = wstr.Text(*x.Text)
	}
	*v.remaps = append(*v.remaps, k)
}

// keepRemaps keeps what was noted for c, which is in use.
func (v *evaluation) keepRemaps(c *migxml.Component) {
	if v.idle != nil {
		return
	}
	for _, k := range *v.remaps {
		k.Component = c.DisplayName
		v.keepRule(k)
	}
	*v.remaps = nil
}
