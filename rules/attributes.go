package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/migxml"
)

// AttributeRule is a pattern of an includeAttributes or excludeAttributes.
type AttributeRule struct {
	Pos        migxml.Pos // of the element
	Component  string
	Text       string // the pattern with the variables of the source
	Attributes migxml.Attributes
	Include    bool // else excludeAttributes
}

// attribute is an AttributeRule made ready for matching.
type attribute struct {
	pattern
	kind leafKind
	rule *AttributeRule
}

// attributeRule adds the patterns of an includeAttributes or
// excludeAttributes to the scope at hand.
func (v *evaluation) attributeRule(r *migxml.Restore, places []placed) {
	if r.Attributes == 0 {
		return
	}
	for _, p := range places {
		a := attribute{pattern: p.pattern(), rule: &AttributeRule{Pos: r.Pos, Component: v.scope.component, Text: p.text(),
			Attributes: r.Attributes, Include: r.Element == "includeAttributes"}}
		a.kind = a.leafKind()
		v.scope.attributes[p.kind] = append(v.scope.attributes[p.kind], a)
	}
}

// byRank sorts patterns of attributes as newTree does those of objects: the
// more specific first, and on a tie the exclude.
func byRank(list []attribute) []attribute {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b attribute) int {
		if c := b.spec.compare(a.spec); c != 0 {
			return c
		}
		if a.rule.Include == b.rule.Include {
			return 0
		}
		if a.rule.Include {
			return 1
		}
		return -1
	})
	return out
}

// LeavesOut says whether a rule is about the metadata of objects: whether
// Without can tell of any.
func (s *Set) LeavesOut() bool { return s != nil && s.files != nil && len(s.files.attributes) > 0 }

// Without tells which parts of the metadata the rules leave out of the folder
// or key itself, at whose path w is.
func (w *Walk) Without(path string) (migxml.Attributes, []*AttributeRule) {
	return w.without(path, "", false, nil)
}

// WithoutOf is Without for a file in the folder, of which o tells filters.
func (w *Walk) WithoutOf(path, name string, o Object) (migxml.Attributes, []*AttributeRule) {
	return w.without(path, name, true, o)
}

// without asks every component that takes the object, and leaves out what
// none of them wants: components do not see each other, and what one of them
// takes is taken. Within a component the most specific pattern that speaks of
// an attribute decides on it. The rules are those that leave something out.
func (w *Walk) without(path, name string, hasLeaf bool, o Object) (migxml.Attributes, []*AttributeRule) {
	if w == nil || len(w.tree.attributes) == 0 {
		return 0, nil
	}
	node := appendUpper(nil, strings.TrimRight(path, `\`)+`\`)
	leaf := appendUpper(nil, name)
	lost := migxml.Security | migxml.TimeFields
	var by []*AttributeRule
	var decided []int32 // scopes
	for _, i := range w.match {
		p := &w.tree.pats[i]
		if slices.Contains(decided, p.scope) || !p.passes(o) || hasLeaf && !p.matchLeaf(leaf) || !hasLeaf && p.kind > leafAll {
			continue
		}
		decided = append(decided, p.scope)
		if p.action == migxml.Exclude {
			continue
		}
		var said, out migxml.Attributes
		for _, a := range w.tree.attributes[p.scope] {
			news := a.rule.Attributes &^ said
			if news == 0 || !a.matches(node, leaf, hasLeaf) {
				continue
			}
			said |= news
			if !a.rule.Include {
				out |= news
				by = append(by, a.rule)
			}
		}
		if lost &= out; lost == 0 {
			return 0, nil
		}
	}
	if by == nil {
		return 0, nil // nothing takes it
	}
	by = slices.DeleteFunc(by, func(r *AttributeRule) bool { return r.Attributes&lost == 0 })
	slices.SortStableFunc(by, func(a, b *AttributeRule) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
	return lost, slices.CompactFunc(by, func(a, b *AttributeRule) bool { return a.Pos == b.Pos })
}

func (a *attribute) matches(node, leaf []byte, hasLeaf bool) bool {
	if !matchGlob(a.node, node) {
		return false
	}
	if !hasLeaf {
		return a.kind <= leafAll
	}
	k := compiled{pattern: a.pattern, kind: a.kind}
	return k.matchLeaf(leaf)
}
