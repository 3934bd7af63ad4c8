package rules

import (
	"bytes"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/migxml"
)

// tree holds the compiled patterns of one name space. Their order is their
// rank: the first that matches an object, of the patterns of one scope,
// decides for that scope.
type tree struct {
	pats  []compiled
	roots map[string]*folder // by volume or root key, in upper case
	// rootless are patterns with a wildcard in the volume or root key.
	rootless []int32
	// attributes are patterns about the metadata of objects, by the scope that
	// they belong to, each list by rank.
	attributes map[int32][]attribute
}

// compiled is a pattern of a rule in one context.
type compiled struct {
	pattern
	kind   leafKind
	action migxml.Action
	least  least // of an include: how little of the object a restore may write
	scope  int32 // component and context; the patterns of a scope see each other
	rule   int32
	ctx    int16
	glob   *glob // of the part behind the base; nil for nodes without wildcard
	filter *filter
}

// least says how little of an object that an include takes a restore may write,
// for what its filter or type says there. An object is recorded with the
// include that lets a restore write the most, so that a restore that goes by
// that rule alone writes what any of them asks for.
type least uint8

const (
	leastAll      least = iota
	leastLinks          // IgnoreIrrelevantLinks: all but links that lead nowhere
	leastSettings       // a pattern of type Ini: settings of the file
	leastNothing        // NeverRestore
)

// everything says whether p fits all objects where its node matches.
func (p *compiled) everything() bool { return p.kind == leafAll && p.filter == nil }

// ends says whether no other rule is asked about what p fits: an include after
// which a restore writes the whole object.
func (p *compiled) ends() bool { return p.action == migxml.Include && p.least == leastAll }

// folder is a place that the literal part of a pattern leads to.
type folder struct {
	children map[string]*folder
	exact    []int32 // patterns for this very folder
	globs    []int32 // patterns whose wildcard is in the next name
	includes bool    // here or below
}

func newTree(pats []compiled) *tree {
	slices.SortStableFunc(pats, func(a, b compiled) int {
		if c := b.spec.compare(a.spec); c != 0 {
			return c
		}
		// On a tie the exclude wins: it comes first.
		return int(b.action) - int(a.action)
	})
	t := &tree{pats: pats, roots: map[string]*folder{}}
	for i := range pats {
		p := &pats[i]
		base, rest := p.split()
		if rest != "" {
			p.glob = newGlob(rest)
		}
		if base == nil {
			t.rootless = append(t.rootless, int32(i))
			continue
		}
		include := p.action == migxml.Include
		at := &t.roots
		var f *folder
		for _, name := range base {
			if f = (*at)[name]; f == nil {
				f = &folder{}
				if *at == nil {
					*at = map[string]*folder{}
				}
				(*at)[name] = f
			}
			f.includes = f.includes || include
			at = &f.children
		}
		if p.glob == nil {
			f.exact = append(f.exact, int32(i))
		} else {
			f.globs = append(f.globs, int32(i))
		}
	}
	return t
}

// Walk is the state of the rules at one folder or key. A nil *Walk answers
// that nothing is taken. It is safe for concurrent use.
type Walk struct {
	tree   *tree
	folder *folder // nil where no literal part leads
	live   []live  // patterns that may match below, and perhaps here
	fixed  []int32 // patterns whose node matches here and everywhere below
	match  []int32 // includes and excludes whose node matches here, by rank
	never  []int32 // the same for unconditionalExcludes
	// same is the state of a child in which all of live are where they were
	// and to which no literal part leads. Below the last name of a pattern
	// that is nearly all of them, so that most folders share one Walk.
	same *Walk
	// The leaves of match and never.
	leaves, neverLeaves leaves
}

type live struct{ pat, state int32 }

// Files is the state at the root folder of a volume: "C:", "2:".
func (s *Set) Files(volume string) *Walk {
	if s == nil {
		return nil
	}
	volume = strings.TrimRight(volume, `\`)
	if !strings.HasSuffix(volume, ":") {
		volume += ":"
	}
	return s.files.root(volume)
}

// NamedFiles is Files for a volume that is none of the installation's own:
// only patterns that name it can take anything, those that begin with a
// wildcard only exclude.
func (s *Set) NamedFiles(volume string) *Walk {
	if s == nil || s.files == nil {
		return nil
	}
	named := *s.files
	named.rootless = slices.DeleteFunc(slices.Clone(named.rootless), func(i int32) bool {
		return named.pats[i].action == migxml.Include
	})
	return (&Set{files: &named}).Files(volume)
}

// Keys is the state at a root key (HKLM, HKCU, HKU). HKCU is that of the user
// whose context is named; the others are judged by the rules of all contexts,
// whatever ctx is. A key has one name here, whatever rules call it: HKLM for
// HKCR, HKCU for the users that have a context, HKU\.DEFAULT for the system,
// CurrentControlSet for the control set in use.
func (s *Set) Keys(ctx, root string) *Walk {
	if s == nil {
		return nil
	}
	if short, ok := rootKeys[strings.ToUpper(root)]; ok {
		root = short
	}
	if root == "HKCU" {
		return s.users[ctx].root(root)
	}
	return s.machine.root(root)
}

func (t *tree) root(name string) *Walk {
	if t == nil {
		return nil
	}
	upper := appendUpper(nil, name)
	f := t.roots[string(upper)]
	var ls []live
	for _, i := range t.rootless {
		g := t.pats[i].glob
		s := g.start()
		for _, c := range upper {
			s = g.step(s, c)
		}
		if s = g.step(s, '\\'); s != dead {
			ls = append(ls, live{i, s})
		}
	}
	return t.enter(f, ls, nil)
}

// Named says whether a rule that takes something spells out the path of the
// folder or key, alone or as the beginning of what it names; a wildcard that
// fits is no name.
func (w *Walk) Named() bool { return w != nil && w.folder != nil && w.folder.includes }

// Enter is the state at the child folder or key of that name; nil when no
// rule can take anything in it or below.
func (w *Walk) Enter(name string) *Walk {
	if w == nil {
		return nil
	}
	if w.folder == nil && len(w.live) == 0 {
		return w
	}
	var nameBuf [512]byte
	upper := appendUpper(nameBuf[:0], name)
	var f *folder
	if w.folder != nil {
		f = w.folder.children[string(upper)]
	}
	var liveBuf [32]live
	ls := liveBuf[:0]
	same := true
	for _, l := range w.live {
		g := w.tree.pats[l.pat].glob
		s := l.state
		for _, c := range upper {
			s = g.step(s, c)
		}
		s = g.step(s, '\\')
		same = same && s == l.state
		if s != dead {
			ls = append(ls, live{l.pat, s})
		}
	}
	if same && f == nil {
		return w.same
	}
	return w.tree.enter(f, ls, w.fixed)
}

// enter makes the state of a folder to which f leads, with the patterns ls on
// their way and fixed those that match everywhere. It keeps neither slice.
func (t *tree) enter(f *folder, ls []live, fixed []int32) *Walk {
	w := &Walk{tree: t, folder: f}
	w.fixed = append(make([]int32, 0, len(fixed)+4), fixed...)
	add := func(l live) {
		if g := t.pats[l.pat].glob; g.forever(l.state) {
			w.fixed = append(w.fixed, l.pat)
		} else {
			w.live = append(w.live, l)
		}
	}
	for _, l := range ls {
		add(l)
	}
	if f != nil {
		for _, i := range f.globs {
			add(live{i, t.pats[i].glob.start()})
		}
	}
	slices.Sort(w.fixed)

	// A pattern that matches everything from here on makes the less specific
	// ones of its scope idle. An unconditionalExclude of that kind ends it.
	type cut struct{ scope, pat int32 }
	var cuts []cut
	for _, i := range w.fixed {
		p := &t.pats[i]
		if !p.everything() {
			continue
		}
		if p.action == migxml.Unconditional {
			return nil
		}
		if p.least != leastAll {
			continue
		}
		if !slices.ContainsFunc(cuts, func(c cut) bool { return c.scope == p.scope }) {
			cuts = append(cuts, cut{p.scope, i})
		}
	}
	idle := func(i int32) bool {
		p := &t.pats[i]
		if p.action == migxml.Unconditional {
			return false
		}
		for _, c := range cuts {
			if c.scope == p.scope {
				return i > c.pat
			}
		}
		return false
	}
	w.fixed = slices.DeleteFunc(w.fixed, idle)
	w.live = slices.DeleteFunc(w.live, func(l live) bool { return idle(l.pat) })
	// What is left of an exclude that matches everything is that it is named
	// as the reason; for that the most specific one is enough. What comes
	// further down in its scope is more specific than it.
	excluded := false
	w.fixed = slices.DeleteFunc(w.fixed, func(i int32) bool {
		p := &t.pats[i]
		all := p.action == migxml.Exclude && p.everything()
		drop := all && excluded
		excluded = excluded || all
		return drop
	})

	includes := f != nil && f.includes
	here := func(i int32) {
		if idle(i) {
			return
		}
		if t.pats[i].action == migxml.Unconditional {
			w.never = append(w.never, i)
		} else {
			w.match = append(w.match, i)
		}
	}
	for _, i := range w.fixed {
		includes = includes || t.pats[i].action == migxml.Include
		here(i)
	}
	for _, l := range w.live {
		includes = includes || t.pats[l.pat].action == migxml.Include
		if t.pats[l.pat].glob.matched(l.state) {
			here(l.pat)
		}
	}
	if !includes {
		return nil
	}
	if f == nil {
		w.same = w
	} else {
		for _, i := range f.exact {
			here(i)
		}
		w.same = t.enter(nil, w.live, w.fixed)
	}
	slices.Sort(w.match)
	// An exclude has a say only where its scope includes something, or would
	// but for an exclude of everything.
	var including []int32
	for _, i := range w.match {
		if p := &t.pats[i]; p.action == migxml.Include {
			including = append(including, p.scope)
		}
	}
	slices.Sort(including)
	w.match = slices.DeleteFunc(w.match, func(i int32) bool {
		p := &t.pats[i]
		if p.action == migxml.Include || p.everything() {
			return false
		}
		_, found := slices.BinarySearch(including, p.scope)
		return !found
	})
	// Nobody is asked behind an include that matches everything, and that no
	// exclude of its scope comes before; but of metadata every scope is asked.
	if len(t.attributes) > 0 {
		return w
	}
	var excludes []int32
	for n, i := range w.match {
		p := &t.pats[i]
		if p.action == migxml.Exclude {
			excludes = append(excludes, p.scope)
		} else if p.everything() && p.ends() && !slices.Contains(excludes, p.scope) {
			w.match = w.match[:n+1]
			break
		}
	}
	return w
}

// Self decides on the folder or key itself.
func (w *Walk) Self() Decision {
	if w == nil {
		return nothing
	}
	return w.decide(candidates{w.match}, candidates{w.never}, func(p *compiled) bool { return p.kind <= leafAll && p.passes(nil) })
}

// Leaf decides on a file or value in the folder or key of which nothing but
// its name is known; "" is the default value of a key. What a filter might
// let through is taken.
func (w *Walk) Leaf(name string) Decision { return w.LeafOf(name, nil) }

// LeafOf decides on a file or value in the folder or key; "" is the default
// value of a key. Filters ask o.
func (w *Walk) LeafOf(name string, o Object) Decision {
	if w == nil || len(w.match) == 0 {
		return nothing
	}
	if p := &w.tree.pats[w.match[0]]; p.everything() && p.ends() && len(w.never) == 0 {
		return Decision{true, p.rule, p.ctx}
	}
	var buf [512]byte
	upper := appendUpper(buf[:0], name)
	matches := func(p *compiled) bool { return p.matchLeaf(upper) && p.passes(o) }
	return w.decide(w.leaves.candidates(w.tree, w.match, upper), w.neverLeaves.candidates(w.tree, w.never, upper), matches)
}

func (p *compiled) matchLeaf(upper []byte) bool {
	switch p.kind {
	case leafAll:
		return true
	case leafExact:
		return string(upper) == p.leaf
	case leafSuffix:
		n := len(p.leaf) - 1
		return len(upper) >= n && string(upper[len(upper)-n:]) == p.leaf[1:]
	case leafPrefix:
		return bytes.HasPrefix(upper, []byte(p.leaf[:len(p.leaf)-1]))
	case leafGlob:
		return matchGlob(p.leaf, upper)
	}
	return false
}

// decide applies the rules to an object for which matches tells the patterns
// that fit, given that their node does.
func (w *Walk) decide(match, never candidates, matches func(*compiled) bool) Decision {
	d := nothing
	kept := leastAll // of the include that d is by, when that lets a restore write less
	var buf [16]int32
	lost := buf[:0] // scopes in which an exclude came first
	for i, more := match.next(); more; i, more = match.next() {
		p := &w.tree.pats[i]
		if slices.Contains(lost, p.scope) || !matches(p) {
			continue
		}
		if p.action == migxml.Exclude {
			lost = append(lost, p.scope)
			if d.Rule < 0 {
				d = Decision{false, p.rule, p.ctx}
			}
			continue
		}
		if !d.Take {
			for j, more := never.next(); more; j, more = never.next() {
				if u := &w.tree.pats[j]; matches(u) {
					return Decision{false, u.rule, u.ctx}
				}
			}
		}
		if p.least == leastAll {
			return Decision{true, p.rule, p.ctx}
		}
		if !d.Take || p.least < kept {
			d, kept = Decision{true, p.rule, p.ctx}, p.least
		}
	}
	return d
}
