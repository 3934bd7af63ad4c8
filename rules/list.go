package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
)

// List is a list of patterns that do not weigh against each other, as those of
// a Config.xml: whoever has it asks for each.
type List struct {
	kind Kind
	pats [][]listed // by pattern, and of each by context
}

type listed struct {
	compiled
	// own is the context whose HKCU it is about, "" for all other patterns.
	own string
}

// CompileList compiles patterns of one kind for contexts. A variable is that of
// any context that has it. The error is a *migxml.Error: a text that is no
// pattern. Warnings are about patterns that match nothing, or less than they
// seem to.
func CompileList(kind Kind, pats []migxml.Pattern, ctxs []Context) (*List, []migxml.Warning, error) {
	l := &List{kind: kind, pats: make([][]listed, len(pats))}
	names := &compiler{ctxs: ctxs}
	var warnings []migxml.Warning
	for i, p := range pats {
		undefined, used := "", false
		for n, c := range ctxs {
			text, u := expand(p.Text, nil, c.Env)
			if u != "" {
				undefined = u
				continue
			}
			loc, err := parseLocation(kind, text)
			if err != nil {
				return nil, warnings, &migxml.Error{Pos: p.Pos, Msg: err.Error()}
			}
			used = true
			v := evaluation{compiler: names, ctx: &ctxs[n]}
			for _, s := range v.seats(kind, loc.pattern()) {
				x := listed{compiled: compiled{pattern: s.pattern}, own: s.tree}
				x.kind = x.leafKind()
				l.pats[i] = append(l.pats[i], x)
			}
		}
		switch {
		case !used && undefined != "":
			warnings = append(warnings, migxml.Warning{Pos: p.Pos, Msg: fmt.Sprintf("%s: %%%s%% is not defined; it matches nothing", p.Text, undefined), Undefined: undefined})
		case !strings.HasSuffix(strings.TrimRight(p.Text, blanks), "]"):
			things := "folders"
			if kind == Registry {
				things = "keys"
			}
			warnings = append(warnings, migxml.Warning{Pos: p.Pos, Msg: fmt.Sprintf(`%s is about %s alone; with what is in them it is %s`, p.Text, things, withLeaves(p.Text))})
		}
	}
	return l, warnings, nil
}

// withLeaves is the pattern for what is in the folders or keys of text, which
// has no brackets, and below.
func withLeaves(text string) string {
	text = strings.Trim(text, blanks)
	if !strings.HasSuffix(text, "*") {
		text = strings.TrimRight(text, `\`) + `\*`
	}
	return text + " [*]"
}

// Fits says whether pattern i matches an object: the folder or key node, or
// with hasLeaf the file or value leaf in it. HKCU is that of the context ctx.
// Keys have the names of the objects of a Set.
func (l *List) Fits(i int, ctx, node, leaf string, hasLeaf bool) bool {
	upperLeaf := []byte(wstr.Upper(leaf))
	return l.some(i, ctx, node, func(p *compiled, upperNode string) bool {
		return matchGlob(p.node, []byte(upperNode)) && (hasLeaf && p.matchLeaf(upperLeaf) || !hasLeaf && p.kind <= leafAll)
	})
}

// Reaches says whether pattern i can match something at or below the folder or
// key node.
func (l *List) Reaches(i int, ctx, node string) bool {
	return l.some(i, ctx, node, func(p *compiled, upperNode string) bool { return len(behind(p.node, upperNode)) > 0 })
}

// Covers says whether pattern i matches the folder or key node and everything
// that can be in it and below.
func (l *List) Covers(i int, ctx, node string) bool {
	return l.some(i, ctx, node, func(p *compiled, upperNode string) bool {
		return p.kind == leafAll && strings.HasSuffix(p.node, "*") && matchGlob(p.node, []byte(upperNode))
	})
}

// Within says whether pattern i matches everything that pattern j does, in
// every context. It may say no of such that are written very differently.
func (l *List) Within(j, i int) bool {
	return len(l.pats[j]) > 0 && !slices.ContainsFunc(l.pats[j], func(p listed) bool {
		return !slices.ContainsFunc(l.pats[i], func(q listed) bool {
			return (q.own == "" || q.own == p.own) && matchGlob(q.node, []byte(p.node)) &&
				(q.kind == leafAll || p.hasLeaf && q.hasLeaf && matchGlob(q.leaf, []byte(p.leaf)) || !p.hasLeaf && !q.hasLeaf)
		})
	})
}

// Everywhere says whether pattern i is about all volumes, or all of one volume
// or root key: whether nothing lies above what it matches.
func (l *List) Everywhere(i int) bool {
	return slices.ContainsFunc(l.pats[i], func(p listed) bool {
		return p.node == "*" || p.spec.node == 0 && strings.Count(p.node, `\`) == 1 && strings.HasSuffix(p.node, `\*`)
	})
}

// some says whether pattern i is one for which fits holds, in some context.
// HKCU is that of ctx.
func (l *List) some(i int, ctx, node string, fits func(p *compiled, upperNode string) bool) bool {
	upperNode := wstr.Upper(strings.TrimRight(node, `\`)) + `\`
	return slices.ContainsFunc(l.pats[i], func(p listed) bool {
		return (p.own == "" || p.own == ctx) && fits(&p.compiled, upperNode)
	})
}
