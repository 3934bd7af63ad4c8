package rules

import (
	"slices"
	"strings"

	"github.com/coldstate/coldstate/migxml"
)

// Match is a rule that fits an object, and what became of it.
type Match struct {
	Rule    int32 // index for Set.Rule
	Context int16 // index of the context
	// AlsoIn are the indexes of further contexts in which it is the same.
	AlsoIn []int16
	// Pattern is the pattern with its variables replaced, in upper case.
	Pattern string
	// Wins says that the Decision is by this rule. Why tells why it does not:
	// "" for the one that wins.
	Wins bool
	Why  string
	// By is the rule it lost to, -1 for none.
	By int32
	// Off says that it is a rule that does not run, so that it never had a say
	// (Options.Explain); Why tells why not, and At where that is said, if it is
	// in a file.
	Off bool
	At  migxml.Pos
}

// Explain decides on an object and lists every rule that fits it, the more
// specific first within each component. The object is the folder or key node,
// or with hasLeaf the file or value leaf in it; HKCU is that of the user whose
// context is named. o may be nil when nothing is known of it. It looks at all
// rules and is not fast. What is not taken though an include fits is so by a
// rule, also where a Walk names none.
func (s *Set) Explain(kind Kind, ctx, node, leaf string, hasLeaf bool, o Object) (Decision, []Match) {
	if s == nil {
		return nothing, nil
	}
	node = strings.TrimRight(node, `\`)
	root, rest, _ := strings.Cut(node, `\`)
	var t *tree
	var w *Walk
	switch {
	case kind == File:
		t, w = s.files, s.Files(root)
	default:
		if short, ok := rootKeys[strings.ToUpper(root)]; ok {
			root = short
		}
		if t, w = s.machine, s.Keys(ctx, root); root == "HKCU" {
			t = s.users[ctx]
		}
	}
	if t == nil {
		t = &tree{}
	}
	if rest != "" {
		for _, name := range strings.Split(rest, `\`) {
			w = w.Enter(name)
		}
	}
	d := w.Self()
	if hasLeaf {
		d = w.LeafOf(leaf, o)
	} else {
		o = nil
	}
	full := root + `\`
	if rest != "" {
		full += rest + `\`
	}
	upperNode, upperLeaf := appendUpper(nil, full), appendUpper(nil, leaf)
	var out []Match
	best := map[int32]int{} // scope -> first match of it
	part := map[int32]int{} // the same of includes that let a restore write less than all
	never := -1             // match of an unconditionalExclude
	passing := false        // whether an include comes first in its scope
	beaten := -1            // first match of an exclude that an include lost to
	var fitting []*compiled // by match
	for i := range t.pats {
		p := &t.pats[i]
		if !matchGlob(p.node, upperNode) || hasLeaf && !p.matchLeaf(upperLeaf) || !hasLeaf && p.kind > leafAll {
			continue
		}
		m := Match{Rule: p.rule, Context: p.ctx, AlsoIn: s.alsoIn[p.scope], Pattern: p.pattern.text(), By: -1}
		if !p.passes(o) {
			m.Why = "its filter does not fit the object"
			out, fitting = append(out, m), append(fitting, p)
			continue
		}
		first, ok := best[p.scope]
		switch {
		case p.action == migxml.Unconditional:
			if never < 0 {
				never = len(out)
			}
		case !ok && p.action == migxml.Include && p.least != leastAll:
			passing = true
			if _, ok := part[p.scope]; !ok {
				part[p.scope] = len(out)
			}
		case !ok:
			best[p.scope] = len(out)
			passing = passing || p.action == migxml.Include
			if first, ok := part[p.scope]; ok && p.action == migxml.Exclude {
				m.By, m.Why = out[first].Rule, "another rule of its component is more specific"
			}
		default:
			m.By = out[first].Rule
			m.Why = "another rule of its component is more specific"
			if p.action == migxml.Include && fitting[first].action == migxml.Exclude && (beaten < 0 || first < beaten) {
				beaten = first
			}
			if q := fitting[first]; q.spec.compare(p.spec) == 0 {
				m.Why = "a rule of its component is as specific, and it came first"
				if q.action == migxml.Exclude && p.action == migxml.Include {
					m.Why = "an exclude of its component is as specific, and on a tie the exclude wins"
				}
			}
		}
		out, fitting = append(out, m), append(fitting, p)
	}
	if d.Rule < 0 {
		// A place that the walk does not enter, as all of it is excluded: the
		// rules say by which.
		by := beaten
		if passing {
			by = never
		}
		if by >= 0 {
			d.Rule, d.Context = out[by].Rule, out[by].Context
		}
	}
	won := leastAll
	for i, m := range out {
		if m.Rule == d.Rule && m.Context == d.Context {
			won = fitting[i].least
		}
	}
	for i := range out {
		m := &out[i]
		p := fitting[i]
		switch {
		case !d.Take && m.Rule == d.Rule && m.Context == d.Context && p.action == migxml.Exclude && p.passes(o):
			// Of excludes that nothing stands against any is as good a reason.
			m.Wins, m.Why, m.By = true, "", -1
		case m.Why != "":
		case m.Rule == d.Rule && m.Context == d.Context:
			m.Wins = true
		case never >= 0 && p.action != migxml.Unconditional:
			m.By, m.Why = out[never].Rule, "an unconditionalExclude is stronger than every other rule"
		case p.action == migxml.Unconditional && d.Take || p.action == migxml.Unconditional && never >= 0:
			m.Why = "there is nothing left to exclude"
		case p.action == migxml.Exclude && d.Take:
			m.By, m.Why = d.Rule, "another component takes the object, and an exclude has no say over it"
		case p.action == migxml.Exclude:
			m.Why = "nothing takes the object, and there is nothing to exclude"
		case p.least != leastAll && p.least != won:
			m.By, m.Why = d.Rule, "a restore may write less of the object for this rule than for one that takes it as well"
		default:
			m.By, m.Why = d.Rule, "the object is taken by another rule already, and one is enough"
		}
	}
	name := ""
	if kind == Registry && root == "HKCU" {
		name = ctx
	}
	out = append(out, s.explainIdle(kind, name, upperNode, upperLeaf, hasLeaf, o, out)...)
	return d, slices.Clip(out)
}

// text is p as rules write it, in upper case.
func (p *pattern) text() string {
	return location{strings.TrimSuffix(p.node, `\`), p.leaf, p.hasLeaf}.text()
}
