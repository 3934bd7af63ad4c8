package rules

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
)

// maxPattern bounds the text of a pattern after variables are expanded. A
// path of Windows has at most 32,767 characters.
const maxPattern = 1 << 15

// blanks may stand around the parts of a pattern.
const blanks = " \t\r\n"

// pattern is a pattern with its variables expanded, in upper case.
//
// An object is its folder or key with "\" behind it, and a leaf or none. The
// node is written to be matched with the former: "C:\A" is kept as "C:\A\",
// and "C:\A\*" as it is, so that it matches C:\A too and "C:\*\A\*" does not.
type pattern struct {
	node    string // "*" is the wildcard, everything else is literal
	leaf    string
	hasLeaf bool
	spec    specificity
}

// specificity orders patterns; the fields count in their order.
type specificity struct {
	node     int // 1 without wildcard
	prefix   int // characters before the first wildcard, without "\" at the end
	nodeText int // literal characters
	leaf     int // 1 for none, or without wildcard
	leafText int // literal characters of a leaf with wildcard
}

// compare is positive when a is more specific than b.
func (a specificity) compare(b specificity) int {
	for _, d := range [...]int{a.node - b.node, a.prefix - b.prefix, a.nodeText - b.nodeText, a.leaf - b.leaf, a.leafText - b.leafText} {
		if d != 0 {
			return d
		}
	}
	return 0
}

// location is a pattern taken apart: "*" is the wildcard, escapes are
// resolved, case is as written. The node has no "\" at its end.
type location struct {
	node    string
	leaf    string
	hasLeaf bool
}

// parseLocation takes the text of a pattern apart: a node, and a leaf in
// brackets. "^" makes "[", "]" and "^" literal.
func parseLocation(kind Kind, text string) (location, error) {
	var l location
	if len(text) > maxPattern {
		return l, fmt.Errorf("the pattern has %d bytes; at most %d are possible", len(text), maxPattern)
	}
	text = strings.Trim(text, blanks)
	var b strings.Builder
	i := 0
	// part reads up to an unescaped stop.
	part := func(stop byte) (s string, found bool) {
		b.Reset()
		for i < len(text) {
			c := text[i]
			if c == '^' && i+1 < len(text) && strings.IndexByte("[]^", text[i+1]) >= 0 {
				b.WriteByte(text[i+1])
				i += 2
				continue
			}
			if c == '[' || c == ']' {
				return b.String(), c == stop
			}
			b.WriteByte(c)
			i++
		}
		return b.String(), false
	}
	node, ok := part('[')
	if ok {
		i++
		if l.leaf, ok = part(']'); !ok || i != len(text)-1 {
			return l, fmt.Errorf(`the brackets of "%s" do not pair; a bracket that is part of a name is written ^[ or ^]`, text)
		}
		l.leaf = collapse(strings.TrimRight(l.leaf, blanks), '*')
		l.hasLeaf = true
	} else if i < len(text) {
		return l, fmt.Errorf(`"%s" has a "]" without "["; a bracket that is part of a name is written ^[ or ^]`, text)
	}
	unc := false
	if kind == File {
		node = strings.ReplaceAll(node, "/", `\`) // no name holds a slash
		if unc = strings.HasPrefix(node, `\\`); unc {
			node = strings.TrimLeft(node, `\`)
			if long, ok := strings.CutPrefix(node, `?\`); ok { // names the same without
				node, unc = strings.TrimLeft(long, `\`), false
			}
		}
	}
	l.node = strings.TrimRight(collapse(collapse(node, '\\'), '*'), blanks+`\`)
	if unc {
		l.node = `\\` + l.node
	}
	if l.node == "" {
		return l, fmt.Errorf(`"%s" names no folder or key`, text)
	}
	if kind == File {
		if l.hasLeaf && l.leaf == "" {
			l.hasLeaf = false // [] is the folder
		}
		if vol, _ := winpath.Volume(l.node); vol == "" && l.node[0] != '*' && !unc {
			return l, fmt.Errorf(`"%s" does not start with a drive`, text)
		}
		return l, nil
	}
	root, rest, _ := strings.Cut(l.node, `\`)
	short, ok := rootKeys[strings.ToUpper(root)]
	switch {
	case ok && rest == "":
		l.node = short
	case ok:
		l.node = short + `\` + rest
	case !strings.Contains(root, "*"):
		return l, fmt.Errorf(`"%s" does not start with HKLM, HKCU, HKCR or HKU`, text)
	}
	return l, nil
}

var rootKeys = map[string]string{
	"HKLM": "HKLM", "HKEY_LOCAL_MACHINE": "HKLM",
	"HKCU": "HKCU", "HKEY_CURRENT_USER": "HKCU",
	"HKCR": "HKCR", "HKEY_CLASSES_ROOT": "HKCR",
	"HKU": "HKU", "HKEY_USERS": "HKU",
}

// collapse makes one c of several in a row.
func collapse(s string, c byte) string {
	double := string([]byte{c, c})
	for strings.Contains(s, double) {
		s = strings.ReplaceAll(s, double, double[:1])
	}
	return s
}

// pattern makes l ready for matching.
func (l location) pattern() pattern {
	p := pattern{node: wstr.Upper(l.node), leaf: wstr.Upper(l.leaf), hasLeaf: l.hasLeaf}
	star := strings.IndexByte(p.node, '*')
	if star < 0 {
		p.spec.node = 1
		p.spec.prefix = utf8.RuneCountInString(p.node)
	} else {
		p.spec.prefix = utf8.RuneCountInString(strings.TrimRight(p.node[:star], `\`))
	}
	p.spec.nodeText = utf8.RuneCountInString(strings.ReplaceAll(p.node, "*", ""))
	if strings.Contains(p.leaf, "*") {
		p.spec.leafText = utf8.RuneCountInString(strings.ReplaceAll(p.leaf, "*", ""))
	} else {
		p.spec.leaf = 1
	}
	if !strings.HasSuffix(p.node, "*") {
		p.node += `\`
	}
	return p
}

// split cuts the node before the name that holds its first wildcard: the
// names of the base, which are literal, and the rest, to be matched with what
// comes behind the base. A pattern whose root has a wildcard has no base.
func (p *pattern) split() (base []string, rest string) {
	head := p.node
	if star := strings.IndexByte(p.node, '*'); star >= 0 {
		head = p.node[:star]
	}
	i := strings.LastIndexByte(head, '\\') + 1
	if i == 0 {
		return nil, p.node
	}
	return strings.Split(strings.TrimSuffix(p.node[:i], `\`), `\`), p.node[i:]
}

// glob is an automaton for a text with wildcards that is matched piece by
// piece: between two wildcards the first occurrence is as good as any later
// one, so one position in the pattern says all about what was read
// (Knuth, Morris and Pratt for each part behind a wildcard).
type glob struct {
	text string
	star int     // index of the first wildcard
	fail []int32 // where to go on after a mismatch at i; i itself where a part starts
}

const dead = -1

func newGlob(text string) *glob {
	g := &glob{text: text, star: strings.IndexByte(text, '*'), fail: make([]int32, len(text)+1)}
	for a := g.star + 1; a <= len(text); {
		b := a
		for b < len(text) && text[b] != '*' {
			b++
		}
		g.fail[a] = int32(a)
		k := int32(a)
		for i := a + 1; i <= b; i++ {
			g.fail[i] = k
			if i == b {
				break
			}
			for k > int32(a) && text[i] != text[k] {
				k = g.fail[k]
			}
			if text[i] == text[k] {
				k++
			}
		}
		a = b + 1
	}
	return g
}

// start is the state before any text.
func (g *glob) start() int32 {
	if g.star == 0 {
		return 1
	}
	return 0
}

// step is the state after c, dead when nothing behind it can match.
func (g *glob) step(s int32, c byte) int32 {
	if s < 0 {
		return dead
	}
	if int(s) < g.star {
		if g.text[s] != c {
			return dead
		}
		if s++; int(s) == g.star {
			s++
		}
		return s
	}
	if int(s) == len(g.text) && g.text[s-1] == '*' {
		return s
	}
	for int(s) == len(g.text) || g.text[s] != c {
		if g.fail[s] == s {
			return s
		}
		s = g.fail[s]
	}
	if s++; int(s) < len(g.text) && g.text[s] == '*' {
		s++
	}
	return s
}

// matched says whether the text so far matches.
func (g *glob) matched(s int32) bool { return int(s) == len(g.text) }

// forever says whether everything behind the text so far matches.
func (g *glob) forever(s int32) bool { return g.matched(s) && g.text[s-1] == '*' }

// leafKind is the way a leaf is compared.
type leafKind uint8

const (
	leafNone leafKind = iota
	leafAll
	leafExact
	leafSuffix // *.txt
	leafPrefix // a*
	leafGlob
)

func (p *pattern) leafKind() leafKind {
	switch n := strings.Count(p.leaf, "*"); {
	case !p.hasLeaf:
		return leafNone
	case p.leaf == "*":
		return leafAll
	case n == 0:
		return leafExact
	case n == 1 && p.leaf[0] == '*':
		return leafSuffix
	case n == 1 && p.leaf[len(p.leaf)-1] == '*':
		return leafPrefix
	}
	return leafGlob
}

// matchGlob matches s, in upper case, with pattern.
func matchGlob(pattern string, s []byte) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case i < len(pattern) && pattern[i] == s[j]:
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}

// appendUpper appends the upper case of s, as wstr.Upper has it.
func appendUpper(dst []byte, s string) []byte {
	n := len(dst)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			return append(dst[:n], wstr.Upper(s)...)
		}
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
