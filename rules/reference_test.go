package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/migxml"
)

// plainMatch is the meaning of a pattern: the whole path against the whole
// text.
func plainMatch(p pattern, node, leaf string, hasLeaf bool) bool {
	if !winpath.Match(p.node, node+`\`, false) {
		return false
	}
	if !hasLeaf {
		return !p.hasLeaf || p.leaf == "*"
	}
	return p.hasLeaf && winpath.Match(p.leaf, leaf, false)
}

// plainDecide is the precedence as it is written down: for every component,
// the most specific include against the most specific exclude.
// Filters are asked about o.
func plainDecide(pats []compiled, node, leaf string, hasLeaf bool, o Object) bool {
	type best struct{ inc, exc *compiled }
	scopes := map[int32]*best{}
	for i := range pats {
		p := &pats[i]
		if !plainMatch(p.pattern, node, leaf, hasLeaf) || !p.passes(o) {
			continue
		}
		if p.action == migxml.Unconditional {
			return false
		}
		b := scopes[p.scope]
		if b == nil {
			b = &best{}
			scopes[p.scope] = b
		}
		at := &b.inc
		if p.action == migxml.Exclude {
			at = &b.exc
		}
		if *at == nil || p.spec.compare((*at).spec) > 0 {
			*at = p
		}
	}
	for _, b := range scopes {
		if b.inc != nil && (b.exc == nil || b.inc.spec.compare(b.exc.spec) > 0) {
			return true
		}
	}
	return false
}

// plainExclude are the rules that exclude an object that an include fits: the
// unconditionalExcludes when it comes first in its component, else the
// excludes that do.
func plainExclude(pats []compiled, node, leaf string, hasLeaf bool, o Object) []int32 {
	fits := slices.DeleteFunc(slices.Clone(pats), func(p compiled) bool {
		return !plainMatch(p.pattern, node, leaf, hasLeaf) || !p.passes(o)
	})
	var never, by []int32
	passes := false
	for _, p := range fits {
		if p.action == migxml.Unconditional {
			never = append(never, p.rule)
		}
		if p.action != migxml.Include {
			continue
		}
		first := p
		for _, q := range fits {
			if c := q.spec.compare(first.spec); q.scope == p.scope && q.action != migxml.Unconditional && (c > 0 || c == 0 && q.action == migxml.Exclude) {
				first = q
			}
		}
		if passes = passes || first.action == migxml.Include; first.action == migxml.Exclude {
			by = append(by, first.rule)
		}
	}
	if passes {
		return never
	}
	return by
}

// plainLeast is the most that the rules let a restore write: those that say
// less are no includes there.
func plainLeast(pats []compiled, node, leaf string, hasLeaf bool, o Object) least {
	for l := leastAll; l < leastNothing; l++ {
		asked := slices.DeleteFunc(slices.Clone(pats), func(p compiled) bool { return p.least > l })
		if plainDecide(asked, node, leaf, hasLeaf, o) {
			return l
		}
	}
	return leastNothing
}

// Names are few and alike so that patterns meet paths often.
var (
	someNames  = []string{"a", "ab", "abc", "b", "ba", "Lab", "lab", "Sub", "x.txt", "a.txt", "äb", "ÄB", "ab.ab", "aab"}
	someLeaves = []string{"a.txt", "b.txt", "A.TXT", "a", "ab", "x.dat", "", "äb.txt", "aab.txt"}
	nodeParts  = []string{`\*`, `\*`, `*`, `*b`, `a*`, `\*\`, `\a*b`, `\Sub`, `\Lab`, `\ab`, `\a`, `\*ab*`, `\aab`, `\äb`, `*\`, `\*a*b`}
	leafParts  = []string{"*", "*", "*.txt", "a*", "a.txt", "*a*", "", "a*.txt", "*b.t*", "äb*", "*aab*"}
)

func pick(r *rand.Rand, s []string) string { return s[r.IntN(len(s))] }

func randomPattern(r *rand.Rand) string {
	p := "C:"
	switch r.IntN(20) {
	case 0:
		p = "D:"
	case 1:
		p = "*"
	case 2:
		p = "c*"
	}
	for range r.IntN(4) {
		if part := pick(r, nodeParts); r.IntN(3) > 0 {
			p += `\` + pick(r, someNames)
		} else {
			p += part
		}
	}
	if r.IntN(4) > 0 {
		p += " [" + pick(r, leafParts) + "]"
	}
	return p
}

func randomPath(r *rand.Rand) string {
	p := "C:"
	if r.IntN(10) == 0 {
		p = "D:"
	}
	for range r.IntN(6) {
		p += `\` + pick(r, someNames)
	}
	return p
}

// TestWalkAgainstPlain compares every decision of a Walk with the rules as
// they are written down, for random rules and paths.
func TestWalkAgainstPlain(t *testing.T) {
	seeds := 3000
	if testing.Short() {
		seeds = 300
	}
	taken, left, partly := 0, 0, 0
	for seed := range seeds {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		var pats []compiled
		for scope := range 1 + r.IntN(3) {
			for range 1 + r.IntN(5) {
				l, err := parseLocation(File, randomPattern(r))
				if err != nil {
					continue
				}
				a := migxml.Action(r.IntN(2))
				if r.IntN(12) == 0 {
					a = migxml.Unconditional
				}
				p := compiled{pattern: l.pattern(), action: a, scope: int32(scope), rule: int32(len(pats))}
				p.kind = p.leafKind()
				if a == migxml.Include && r.IntN(3) == 0 {
					p.least = least(r.IntN(int(leastNothing + 1)))
				}
				if a != migxml.Unconditional && r.IntN(5) == 0 {
					p.filter = &filter{"", func(o Object) bool { return o.Size() > 1 }}
				}
				pats = append(pats, p)
			}
		}
		s := &Set{files: newTree(pats)}
		for range 60 {
			node, leaf, hasLeaf := randomPath(r), "", r.IntN(3) > 0
			if hasLeaf {
				leaf = pick(r, someLeaves)
			}
			var o Object
			if hasLeaf && r.IntN(4) > 0 {
				o = &thing{size: int64(r.IntN(4))}
			}
			got := s.decideOf("", File, node, leaf, hasLeaf, o)
			want := plainDecide(pats, node, leaf, hasLeaf, o)
			if explained, matches := s.Explain(File, "", node, leaf, hasLeaf, o); explained.Take != got.Take || got.Rule >= 0 && explained != got {
				t.Fatalf("seed %d: %s [%s] %t: explained as %+v, is %+v", seed, node, leaf, hasLeaf, explained, got)
			} else if wins := slices.IndexFunc(matches, func(m Match) bool { return m.Wins }); (wins < 0) != (explained.Rule < 0) || wins >= 0 && matches[wins].Rule != explained.Rule {
				t.Fatalf("seed %d: %s [%s] %t: by rule %d: %+v", seed, node, leaf, hasLeaf, explained.Rule, matches)
			} else if by := plainExclude(pats, node, leaf, hasLeaf, o); got.Rule < 0 && ((explained.Rule < 0) != (len(by) == 0) || len(by) > 0 && !slices.Contains(by, explained.Rule)) {
				t.Fatalf("seed %d: %s [%s] %t: explained as %+v, what excludes it is %v", seed, node, leaf, hasLeaf, explained, by)
			}
			if got.Take != want {
				var b strings.Builder
				for _, p := range pats {
					fmt.Fprintf(&b, "  scope %d %s %s [%s] %t\n", p.scope, p.action, p.node, p.leaf, p.hasLeaf)
				}
				t.Fatalf("seed %d: %s [%s] %t: the walk says %t, the rules %t\n%s", seed, node, leaf, hasLeaf, got.Take, want, &b)
			}
			if got.Take {
				taken++
				p := pats[slicesIndex(pats, got.Rule)]
				if want := plainLeast(pats, node, leaf, hasLeaf, o); p.least != want {
					t.Fatalf("seed %d: %s [%s]: taken by %s [%s], of which a restore writes %d; %d is possible", seed, node, leaf, p.node, p.leaf, p.least, want)
				}
				partly += int(min(p.least, 1))
				if p.action != migxml.Include || !plainMatch(p.pattern, node, leaf, hasLeaf) {
					t.Fatalf("seed %d: %s [%s]: taken by %s [%s], which does not match", seed, node, leaf, p.node, p.leaf)
				}
			} else {
				left++
			}
		}
	}
	if total := taken + left; taken < total/20 || left < total/20 || partly < taken/20 {
		t.Errorf("%d taken, %d left: the cases do not test much", taken, left)
	}
}

func slicesIndex(pats []compiled, rule int32) int {
	for i, p := range pats {
		if p.rule == rule {
			return i
		}
	}
	return -1
}

// TestGlob compares the automaton with the matcher for whole texts.
func TestGlob(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	random := func(alphabet string, n int) string {
		b := make([]byte, r.IntN(n))
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	matches := 0
	for i := range 200000 {
		pat := collapse(random(`AB\**`, 9)+"*"+random(`AB\*`, 6), '*')
		text := random(`AB\`, 14)
		if i%2 == 0 { // long parts, that repeat within themselves
			pat = collapse(random("AB", 3)+"*"+random("AB", 9)+"*"+random("AB", 6)+random("A*", 2), '*')
			text = random("AB", 30)
		}
		g := newGlob(pat)
		s := g.start()
		for i := range len(text) {
			if s = g.step(s, text[i]); s == dead {
				break
			}
		}
		want := winpath.Match(pat, text, false)
		if got := s != dead && g.matched(s); got != want {
			t.Fatalf("%q and %q: %t, want %t", pat, text, got, want)
		}
		if got := matchGlob(pat, []byte(text)); got != want {
			t.Fatalf("matchGlob %q and %q: %t, want %t", pat, text, got, want)
		}
		if want {
			matches++
		}
	}
	if matches < 20000 {
		t.Errorf("only %d of 200000 match", matches)
	}
}

// TestGlobRepeats tries every short part that can overlap itself.
func TestGlobRepeats(t *testing.T) {
	texts := func(n int) []string {
		all := []string{""}
		for from := 0; n > 0; n-- {
			end := len(all)
			for _, s := range all[from:end] {
				all = append(all, s+"A", s+"B")
			}
			from = end
		}
		return all
	}
	long := texts(10)
	for _, part := range texts(6) {
		if part == "" {
			continue
		}
		inner, last := newGlob("*"+part+"*"), newGlob("*"+part)
		for _, text := range long {
			i, l := inner.start(), last.start()
			for k := range len(text) {
				i, l = inner.step(i, text[k]), last.step(l, text[k])
			}
			if inner.matched(i) != strings.Contains(text, part) || last.matched(l) != strings.HasSuffix(text, part) {
				t.Fatalf("%q in %q: %t, at its end: %t", part, text, inner.matched(i), last.matched(l))
			}
		}
	}
}
