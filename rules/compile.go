package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/ini"
	"github.com/coldstate/coldstate/migxml"
)

// Budgets of a compilation. Named blocks can be used many times, and every
// user multiplies the patterns.
const (
	maxDepth    = 64      // of named blocks within each other
	maxPatterns = 1 << 20 // over all contexts; each keeps less than 512 bytes (docs/performance.md)
	maxBlocks   = 4 << 20 // blocks of rules looked at
)

// Compile compiles rule files for contexts. Warnings come with and without an
// error. The error is a *migxml.UnsupportedError when a component uses a
// function that the language does not have, or a rule asks what a Probe cannot
// answer, a *migxml.Error for everything else, the patterns of opt among it.
func Compile(docs []*migxml.Document, ctxs []Context, opt Options) (*Set, []migxml.Warning, error) {
	c := &compiler{
		ctxs:     ctxs,
		warned:   map[migxml.Warning]bool{},
		ruleOf:   map[ruleKey]int32{},
		seen:     map[string]bool{},
		scopeOf:  map[string]int32{},
		alsoIn:   map[int32][]int16{},
		unusable: map[ruleKey]*unusable{},
		exists:   map[string]bool{},
		users:    map[string][]compiled{},
		inis:     map[string]*ini.File{},
		keptRule: map[string]int{},
		keptAt:   map[migxml.Pos]int{},

		attributes: map[int32][]attribute{},
	}
	urlids := map[string]migxml.Pos{}
	off := newSwitches(opt.Off)
	for _, d := range docs {
		if d.URLID != "" {
			key := strings.ToLower(d.URLID)
			if first, ok := urlids[key]; ok {
				c.warn(d.Pos, "the file has the urlid %q of %s: it is not used", d.URLID, first.File)
				continue
			}
			urlids[key] = d.Pos
		}
		for _, comp := range off.components(d.URLID, d.Components) {
			for i := range ctxs {
				v := &evaluation{compiler: c, ctx: &ctxs[i], index: int16(i), mask: migxml.UserAndSystem, urlid: d.URLID}
				v.component(comp)
			}
		}
	}
	off.tellUnknown(c)
	c.commandLine(opt)
	c.tellUnusable()
	if c.err != nil {
		return nil, c.warnings, c.err
	}
	s := &Set{rules: c.rules, files: newTree(c.files), machine: newTree(c.machine), users: map[string]*tree{}, kept: c.kept, alsoIn: c.alsoIn}
	s.files.attributes, s.machine.attributes = c.attributes, c.attributes
	for name, pats := range c.users {
		s.users[name] = newTree(pats)
		s.users[name].attributes = c.attributes
	}
	if opt.Explain {
		c.compileIdle(s, docs, opt, off)
	}
	return s, c.warnings, nil
}

// Single is a set that takes the objects of one location and no others: the
// folder or key node, or with hasLeaf the leaves in it; "*" is the wildcard
// in both. It helps a Probe to answer Exists. HKCU is in the context
// "System".
func Single(kind Kind, node, leaf string, hasLeaf bool) *Set {
	l := location{strings.TrimRight(node, `\`), leaf, hasLeaf}
	p := []compiled{{pattern: l.pattern()}}
	p[0].kind = p[0].leafKind()
	s := &Set{rules: []RuleInfo{{Text: node, Include: true}}}
	if kind == File {
		s.files = newTree(p)
	} else {
		s.machine = newTree(p)
		s.users = map[string]*tree{"System": s.machine}
	}
	return s
}

type compiler struct {
	ctxs     []Context
	warnings []migxml.Warning
	warned   map[migxml.Warning]bool
	err      error

	rules   []RuleInfo
	ruleOf  map[ruleKey]int32
	files   []compiled
	machine []compiled
	users   map[string][]compiled
	scopes  int32
	count   int
	blocks  int
	// seen holds the unconditionalExcludes that there are already, scopeOf the
	// scopes, and alsoIn the contexts in which a scope would be the same: most
	// components say the same in every context.
	seen     map[string]bool
	scopeOf  map[string]int32
	alsoIn   map[int32][]int16
	unusable map[ruleKey]*unusable
	order    []ruleKey // of unusable
	exists   map[string]bool
	inis     map[string]*ini.File // by path in upper case; nil for those that cannot be read
	kept     Kept
	keptRule map[string]int
	keptAt   map[migxml.Pos]int // index of a component by its place
	others   []otherName        // see otherNames
	volumes  []otherName        // see volumeNames
	ofUsers  map[any]*variables // see variablesOf
	// idle, when not nil, takes the rules that are off, and nothing takes the
	// others; absent are users who are not chosen. See compileIdle.
	idle   *[]idleRule
	absent []Context
	// attributes are the patterns about metadata by scope, by rank.
	attributes map[int32][]attribute
}

type ruleKey struct {
	pos       migxml.Pos
	text      string
	component string // whose rule it is: named rules are of each that uses them
}

func (c *compiler) warn(pos migxml.Pos, format string, args ...any) {
	c.tell(migxml.Warning{Pos: pos, Msg: fmt.Sprintf(format, args...)})
}

func (c *compiler) tell(w migxml.Warning) {
	if !c.warned[w] {
		c.warned[w] = true
		c.warnings = append(c.warnings, w)
	}
}

// fail keeps the first error; the compilation goes on for the warnings.
func (c *compiler) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// unusable collects the contexts in which a pattern has no meaning, to tell
// of it once.
type unusable struct {
	why string
	// undefined is the variable that is not defined, "" when it is something
	// else.
	undefined string
	who       map[string]bool
	names     []string // the first of them
}

// cannot notes that the pattern at key has no meaning for who. A rule that is
// evaluated for users as well may well have none for the system.
func (v *evaluation) cannot(key ruleKey, who *Context, why string) {
	v.unusableFor(key, who, unusable{why: why})
}

// undefined notes that the pattern at key names a variable that who lacks.
func (v *evaluation) undefined(key ruleKey, who *Context, name string) {
	v.unusableFor(key, who, unusable{why: "%" + name + "% is not defined", undefined: name})
}

func (v *evaluation) unusableFor(key ruleKey, who *Context, first unusable) {
	if !who.User && v.mask&migxml.User != 0 {
		return
	}
	c := v.compiler
	u := c.unusable[key]
	if u == nil {
		first.who = map[string]bool{}
		u = &first
		c.unusable[key] = u
		c.order = append(c.order, key)
	}
	if !u.who[who.Name] {
		u.who[who.Name] = true
		if len(u.names) < 3 {
			u.names = append(u.names, cmp.Or(who.Label, who.Name))
		}
	}
}

func (c *compiler) tellUnusable() {
	for _, key := range c.order {
		u := c.unusable[key]
		who := strings.Join(u.names, ", ")
		if more := len(u.who) - len(u.names); more > 0 {
			who += fmt.Sprintf(" and %d more", more)
		}
		c.tell(migxml.Warning{Pos: key.pos, Msg: fmt.Sprintf("%s: %s; it matches nothing for %s", key.text, u.why, who), Undefined: u.undefined})
	}
}

// scope collects the patterns of one component in one context. Files and
// registry do not meet, so it is one scope of each.
type scope struct {
	component string
	about     *migxml.About
	pats      [2][]compiled // by Kind
	// attributes are the patterns about the metadata of objects, by Kind.
	attributes [2][]attribute
	undefined  []string // variables that were named so far
	// collect, when not nil, takes the locations that would be patterns.
	collect *[]placed
}

// placed is a location of a kind.
type placed struct {
	kind Kind
	location
}

// evaluation goes through the elements of a component in one context.
type evaluation struct {
	*compiler
	ctx   *Context
	index int16
	mask  migxml.Context // the contexts of the elements around
	vars  *variables
	scope *scope
	depth int // of named blocks
	// filter is that of the rule at hand, nil for none; asked is its call as
	// written, and least what it means to a restore. ini is set for patterns of
	// settings.
	filter *filter
	asked  string
	least  least
	ini    bool
	urlid  string
	// off is why the rules at hand are off, nil when they are not.
	off *idle
	// remaps takes the variables with that attribute; nil: nobody asks.
	remaps *[]KeptRule
}

// in says whether the elements of context m take part.
func (v *evaluation) in(m migxml.Context) bool {
	if v.ctx.User {
		return m&migxml.User != 0
	}
	return m&migxml.System != 0
}

// inner is the evaluation within an element of context m, nil when that takes
// no part.
func (v *evaluation) inner(m migxml.Context) *evaluation {
	w := *v
	w.mask &= m
	if !w.in(w.mask) {
		return nil
	}
	return &w
}

// enter guards against blocks that name themselves.
func (v *evaluation) enter(pos migxml.Pos) bool {
	v.depth++
	v.blocks++
	if v.depth > maxDepth {
		v.fail(&migxml.Error{Pos: pos, Msg: fmt.Sprintf("named elements use each other more than %d deep", maxDepth)})
		return false
	}
	if v.blocks > maxBlocks {
		v.fail(&migxml.Error{Pos: pos, Msg: fmt.Sprintf("named elements make more than %d blocks", maxBlocks)})
		return false
	}
	return v.err == nil
}

func (v *evaluation) component(c *migxml.Component) {
	if len(c.Unknown) > 0 {
		if v.off != nil {
			return
		}
		u := c.Unknown[0]
		v.fail(&migxml.UnsupportedError{Pos: u.Pos, What: "MigXmlHelper." + u.Name,
			Why: fmt.Sprintf("the language has no such function, so what the component %q asks for cannot be told; correct it, or switch the component off in a Config.xml", c.DisplayName)})
		return
	}
	v = v.inner(c.Context)
	if v == nil {
		return
	}
	v.remaps = &[]KeptRule{}
	v.define(c.Environments)
	if !v.detected(c) {
		if v = v.switchOff(detectionOf(c), "its detection is false on this source"); v == nil {
			return
		}
	}
	about := c.About()
	v.scope = &scope{component: c.DisplayName, about: &about}
	v.keepComponent(c)
	v.keepRemaps(c)
	for _, x := range c.Extensions {
		v.drivePatterns(x.Pos, "."+x.Text, "* [*."+escape(x.Text)+"]", "Fixed", migxml.Include)
	}
	var nested []func()
	var roles func(v *evaluation, rs []*migxml.Role)
	roles = func(v *evaluation, rs []*migxml.Role) {
		for _, r := range rs {
			v := v.role(r)
			for _, b := range r.Rules {
				v.block(b)
			}
			for _, n := range r.Components {
				nested = append(nested, func() { v.component(n) })
			}
			roles(v, r.Roles)
		}
	}
	roles(v, c.Roles)
	v.keepRemaps(c)
	v.close()
	for _, f := range nested {
		f()
	}
}

// role is the evaluation within r, with its variables.
func (v *evaluation) role(r *migxml.Role) *evaluation {
	if len(r.Environments) == 0 {
		return v
	}
	w := *v
	w.define(r.Environments)
	return &w
}

// block applies a <rules> element.
func (v *evaluation) block(b *migxml.Rules) {
	v = v.inner(b.Context)
	if v == nil || !v.enter(b.Pos) {
		return
	}
	if b.Named != nil {
		v.block(b.Named)
		return
	}
	for _, c := range b.Conditions {
		if !v.conditions(c) {
			if v = v.switchOff(c.Pos, falseConditions); v == nil {
				return
			}
		}
	}
	if len(b.Detections) > 0 && !slices.ContainsFunc(b.Detections, v.detection) {
		if v = v.switchOff(b.Detections[0].Pos, falseConditions); v == nil {
			return
		}
	}
	for _, r := range b.Rule {
		v.rule(r)
	}
	v.keep(b)
	for _, n := range b.Rules {
		v.block(n)
	}
}

func (v *evaluation) rule(r *migxml.Rule) {
	if r.Broken {
		if v = v.switchOff(r.Pos, "its filter cannot be understood"); v == nil {
			return
		}
	}
	w := *v
	if r.Filter != nil {
		var ok bool
		if w.filter, ok = v.newFilter(r.Filter, r.Action); !ok {
			why := "its filter lets nothing through"
			if r.Filter.Name == "SameRegContent" {
				why = "it acts when the store is restored"
			}
			off := v.switchOff(r.Pos, why)
			if off == nil {
				return
			}
			w = *off
		}
		w.asked = r.Filter.Text
		switch r.Filter.Name {
		case "NeverRestore":
			w.least = leastNothing
		case "IgnoreIrrelevantLinks":
			w.least = leastLinks
		}
	}
	for _, s := range r.Sets {
		w.set(s, r.Action)
	}
}

// set adds the patterns of an object set.
func (v *evaluation) set(s *migxml.ObjectSet, a migxml.Action) {
	if !v.holds(s) {
		if v = v.switchOff(conditionOf(s), falseConditions); v == nil || v.scope.collect != nil {
			return
		}
	}
	for _, p := range s.Patterns {
		switch p.Kind {
		case migxml.Ini:
			v.iniPattern(p, a)
		case migxml.Registry:
			v.pattern(p.Pos, p.Text, Registry, p.Text, a)
		default:
			v.pattern(p.Pos, p.Text, File, p.Text, a)
		}
	}
	for _, call := range s.Scripts {
		v.script(call, a)
	}
	for _, c := range s.Contents {
		v.content(c, a)
	}
}

const falseConditions = "its conditions are false on this source"

// detectionOf is where the detection of c stands.
func detectionOf(c *migxml.Component) migxml.Pos {
	var first func(rs []*migxml.Role) (migxml.Pos, bool)
	first = func(rs []*migxml.Role) (migxml.Pos, bool) {
		for _, r := range rs {
			if len(r.Detections) > 0 {
				return r.Detections[0].Pos, true
			}
			if pos, ok := first(r.Roles); ok {
				return pos, true
			}
		}
		return migxml.Pos{}, false
	}
	pos, _ := first(c.Roles)
	return pos
}

// conditionOf is where the conditions of s begin.
func conditionOf(s *migxml.ObjectSet) migxml.Pos {
	if len(s.Conditions) > 0 {
		return s.Conditions[0].Pos
	}
	if len(s.Condition) > 0 {
		return s.Condition[0].Pos
	}
	return s.Pos
}

// holds says whether the conditions of s do; without any they do.
func (v *evaluation) holds(s *migxml.ObjectSet) bool {
	for _, c := range s.Conditions {
		if !v.conditions(c) {
			return false
		}
	}
	for _, c := range s.Condition {
		if !v.condition(c) {
			return false
		}
	}
	return true
}

// script adds the patterns a function makes.
func (v *evaluation) script(c *migxml.Call, a migxml.Action) {
	switch c.Name {
	case "GenerateDrivePatterns":
		v.drivePatterns(c.Pos, c.Text, c.Arg(0), c.Arg(1), a)
	case "GenerateDocPatterns":
		v.docPatterns(c, a)
	case "GenerateUserPatterns":
		kind := File
		if c.Is(0, "Registry") {
			kind = Registry
		}
		for i := range v.ctxs {
			v.userPattern(c, kind, &v.ctxs[i], a)
		}
		for i := range v.absent {
			off := v.switchOff(notChosen.pos, notChosen.why)
			off.userPattern(c, kind, &v.absent[i], a)
		}
	}
}

// userPattern adds the pattern of a GenerateUserPatterns for u.
func (v *evaluation) userPattern(c *migxml.Call, kind Kind, u *Context, a migxml.Action) {
	if !u.User || u.Name == v.ctx.Name && c.Is(2, "FALSE") {
		return
	}
	text, undefined := expand(c.Arg(1), v.variablesOf(v.vars, u), u.Env)
	if undefined != "" {
		v.undefined(ruleKey{pos: c.Pos, text: c.Text}, u, undefined)
		return
	}
	if kind == Registry && u.Name != v.ctx.Name {
		text = ofUser(text, u.Name)
	}
	v.add(c.Pos, c.Text, kind, text, a)
}

// ofUser names the keys of a user as others see them: below HKU.
func ofUser(text, name string) string {
	root, rest, ok := strings.Cut(text, `\`)
	if ok && rootKeys[strings.ToUpper(strings.TrimSpace(root))] == "HKCU" {
		return `HKU\` + escape(name) + `\` + rest
	}
	return text
}

// noDrives tells of a kind of drives that a source has not.
const noDrives = "%s: no volume counts as %s, as a disk that is not running does not tell the kind of its drive: it yields nothing; all volumes are Fixed"

func (v *evaluation) drivePatterns(pos migxml.Pos, text, segment, kind string, a migxml.Action) {
	if v.ctx.Probe == nil {
		return
	}
	i := slices.IndexFunc(migxml.DriveKinds, func(s string) bool { return strings.EqualFold(s, kind) })
	drives := v.ctx.Probe.Drives(migxml.DriveKinds[max(i, 0)])
	if len(drives) == 0 && i > 0 {
		v.warn(pos, noDrives, text, migxml.DriveKinds[i])
	}
	for _, d := range drives {
		v.add(pos, text, File, strings.TrimRight(d, `\`)+`\`+strings.TrimLeft(segment, `\`), a)
	}
}

// pattern adds a pattern of a rule whose variables are not expanded yet.
func (v *evaluation) pattern(pos migxml.Pos, written string, kind Kind, text string, a migxml.Action) bool {
	text, undefined := expand(text, v.vars, v.ctx.Env)
	if undefined != "" {
		// Excludes from what is not included anyway are no news.
		if a != migxml.Exclude || !slices.Contains(v.scope.undefined, undefined) {
			v.undefined(ruleKey{pos: pos, text: written}, v.ctx, undefined)
		}
		v.scope.undefined = append(v.scope.undefined, undefined)
		return false
	}
	return v.add(pos, written, kind, text, a)
}

// add adds a pattern of a rule.
func (v *evaluation) add(pos migxml.Pos, written string, kind Kind, text string, a migxml.Action) bool {
	l, err := parseLocation(kind, text)
	if err != nil {
		v.warn(pos, "%v: it matches nothing", err)
		return false
	}
	if kind == Registry && !v.ctx.User && isHKCU(l.node) {
		v.cannot(ruleKey{pos: pos, text: written}, v.ctx, "HKCU is the key of a user (context=\"User\" asks every user, HKU\\.DEFAULT is the one of the system)")
		return false
	}
	if kind == File && strings.Contains(l.node+l.leaf, "?") {
		v.warn(pos, `%s: "?" is no wildcard, and no name has one: it matches nothing; "*" stands for any characters`, written)
	}
	if kind == File && l.leaf == "*.*" {
		v.warn(pos, "%s: [*.*] leaves out names without a dot; [*] is every file", written)
	}
	return v.addLocation(pos, written, kind, l, a)
}

// addLocation adds a pattern that is taken apart already.
func (v *evaluation) addLocation(pos migxml.Pos, written string, kind Kind, l location, a migxml.Action) bool {
	if v.count++; v.count > maxPatterns {
		v.fail(&migxml.Error{Pos: pos, Msg: fmt.Sprintf("the rules make more than %d patterns", maxPatterns)})
		return false
	}
	if v.scope.collect != nil {
		*v.scope.collect = append(*v.scope.collect, placed{kind, l})
		return true
	}
	key := ruleKey{pos, written, v.scope.component}
	i, ok := v.ruleOf[key]
	if !ok {
		i = int32(len(v.rules))
		v.ruleOf[key] = i
		v.rules = append(v.rules, RuleInfo{Pos: pos, Component: v.scope.component, About: v.scope.about, Text: written, Filter: v.asked, Ini: v.ini,
			Include: a == migxml.Include, Exclude: a == migxml.Exclude, Unconditional: a == migxml.Unconditional})
	}
	if r := &v.rules[i]; v.idle == nil && !slices.Contains(r.Contexts, v.index) {
		r.Contexts = append(r.Contexts, v.index)
	}
	if v.idle != nil && v.off == nil {
		return true
	}
	p := compiled{pattern: l.pattern(), action: a, rule: i, ctx: v.index, filter: v.filter}
	if a == migxml.Include {
		p.least = v.least
	}
	p.kind = p.leafKind()
	if v.idle != nil {
		v.addIdle(kind, p)
		return true
	}
	v.scope.pats[kind] = append(v.scope.pats[kind], p)
	return true
}

func isHKCU(node string) bool {
	root, _, _ := strings.Cut(node, `\`)
	return strings.EqualFold(root, "HKCU")
}

// isOpen says whether the root of node has a wildcard: a pattern of the
// registry is then for HKCU and for the machine.
func isOpen(node string) bool {
	root, _, _ := strings.Cut(node, `\`)
	return strings.Contains(root, "*")
}

// close puts the patterns of the scope into the set. Of equal scopes, and of
// equal unconditionalExcludes, the first is enough.
func (v *evaluation) close() {
	for _, kind := range []Kind{File, Registry} {
		pats := map[string][]compiled{}
		about := map[string][]attribute{}
		var trees []string
		for _, p := range v.scope.pats[kind] {
			for i, s := range v.seats(kind, p.pattern) {
				if v.count += min(i, 1); v.count > maxPatterns {
					v.fail(&migxml.Error{Pos: v.rules[p.rule].Pos, Msg: fmt.Sprintf("the rules make more than %d patterns", maxPatterns)})
					return
				}
				if pats[s.tree] == nil {
					trees = append(trees, s.tree)
				}
				p.pattern = s.pattern
				pats[s.tree] = append(pats[s.tree], p)
			}
		}
		for _, a := range v.scope.attributes[kind] {
			for _, s := range v.seats(kind, a.pattern) {
				a.pattern = s.pattern
				about[s.tree] = append(about[s.tree], a)
			}
		}
		for _, t := range trees {
			v.closeTree(kind, t, pats[t], about[t])
		}
	}
}

// closeTree puts patterns into the tree of the files, of the machine's keys, or
// of the HKCU of a context.
func (v *evaluation) closeTree(kind Kind, tree string, pats []compiled, about []attribute) {
	var rest []compiled
	for _, p := range pats {
		if p.action != migxml.Unconditional {
			rest = append(rest, p)
			continue
		}
		key := fmt.Sprintf("%d|%s|%s|%t|%s", kind, tree, p.node, p.hasLeaf, p.leaf)
		if !v.seen[key] {
			v.seen[key] = true
			v.put(kind, tree, p)
		}
	}
	v.putScope(kind, tree, rest, byRank(about))
}

func (v *evaluation) put(kind Kind, tree string, p compiled) {
	switch {
	case kind == File:
		v.files = append(v.files, p)
	case tree == "":
		v.machine = append(v.machine, p)
	default:
		v.users[tree] = append(v.users[tree], p)
	}
}

// putScope gives the patterns a scope of their own.
func (v *evaluation) putScope(kind Kind, tree string, pats []compiled, attributes []attribute) {
	// Excludes alone do nothing.
	if !slices.ContainsFunc(pats, func(p compiled) bool { return p.action == migxml.Include }) {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d|%s\n", kind, tree)
	for _, p := range pats {
		r := &v.rules[p.rule]
		fmt.Fprintf(&b, "%d|%s|%t|%s|%s|%s|%t\n", p.action, p.node, p.hasLeaf, p.leaf, p.filter.key(), r.Filter, r.Ini)
	}
	for _, a := range attributes {
		fmt.Fprintf(&b, "%d|%t|%s|%t|%s\n", a.rule.Attributes, a.rule.Include, a.node, a.hasLeaf, a.leaf)
	}
	if same, ok := v.scopeOf[b.String()]; ok {
		v.alsoIn[same] = append(v.alsoIn[same], v.index)
		return
	}
	v.scopes++
	v.scopeOf[b.String()] = v.scopes
	if len(attributes) > 0 {
		v.attributes[v.scopes] = attributes
	}
	for _, p := range pats {
		p.scope = v.scopes
		v.put(kind, tree, p)
	}
}

// commandLine adds the patterns of opt.
func (c *compiler) commandLine(opt Options) {
	add := func(flag string, texts []string, a migxml.Action) {
		pos := migxml.Pos{File: flag}
		for _, text := range texts {
			kind, err := look(text)
			if err != nil {
				c.fail(&migxml.Error{Pos: pos, Msg: err.Error()})
				continue
			}
			used := len(c.ctxs) == 0
			undefined := ""
			for i := range c.ctxs {
				v := &evaluation{compiler: c, ctx: &c.ctxs[i], index: int16(i), mask: migxml.UserAndSystem}
				v.scope = &scope{component: flag}
				plain, u := expand(text, nil, v.ctx.Env)
				if u != "" {
					undefined = u
					continue
				}
				l, err := parseLocation(kind, plain)
				if err != nil {
					c.fail(&migxml.Error{Pos: pos, Msg: err.Error()})
					return
				}
				used = true
				if !l.hasLeaf && !strings.HasSuffix(text, "]") {
					c.warn(pos, `%s is about folders or keys alone; what is in them is %s`, text, withLeaves(text))
				}
				v.add(pos, text, kind, plain, a)
				v.close()
			}
			if !used {
				c.fail(&migxml.Error{Pos: pos, Msg: fmt.Sprintf("%s: %%%s%% is not defined", text, undefined)})
			}
		}
	}
	add("--include", opt.Include, migxml.Include)
	add("--exclude", opt.Exclude, migxml.Unconditional)
}

// look tells from its start what a pattern of the command line is about.
func look(text string) (Kind, error) {
	text = strings.TrimSpace(text)
	root, _, _ := strings.Cut(text, `\`)
	root = strings.TrimSpace(root)
	if i := strings.IndexByte(root, '['); i >= 0 {
		root = strings.TrimSpace(root[:i])
	}
	if _, ok := rootKeys[strings.ToUpper(root)]; ok {
		return Registry, nil
	}
	l, err := parseLocation(File, strings.ReplaceAll(text, "%", ""))
	switch {
	case strings.HasPrefix(text, "%"):
		return File, nil
	case err != nil:
		return File, err
	case text[0] == '*' && !l.hasLeaf:
		return File, fmt.Errorf(`"%s" names folders, not files; files of that name anywhere are * [%s]`, text, text)
	}
	return File, nil
}
