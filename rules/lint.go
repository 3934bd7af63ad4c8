package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
)

// Lint looks for what authors of rules commonly mean otherwise than the
// language has it: excludes that do nothing, includes that nothing is left
// of, patterns that miss what they seem to name, variables that no Windows
// has, files with one urlid. Each warning says the better way. known says
// whether a Windows defines a variable; what the files define need not be in
// it. It looks at the text alone, and warns only of what is so on every
// Windows.
func Lint(docs []*migxml.Document, known func(name string) bool) []migxml.Warning {
	l := &linter{known: known, warned: map[migxml.Warning]bool{}}
	urlids := map[string]migxml.Pos{}
	for _, d := range docs {
		if d.URLID != "" {
			key := strings.ToLower(d.URLID)
			if first, ok := urlids[key]; ok {
				l.warn(d.Pos, "the file has the urlid %q of %s: of two such files the second is not used; give it a urlid of its own", d.URLID, first.File)
			} else {
				urlids[key] = d.Pos
			}
		}
		l.own = map[string]bool{}
		for _, c := range d.Components {
			l.defined(c, 0)
		}
		for _, c := range d.Components {
			l.component(c, 0)
		}
	}
	return l.warnings
}

type linter struct {
	known    func(string) bool
	own      map[string]bool // variables of the file at hand, in lower case
	warnings []migxml.Warning
	warned   map[migxml.Warning]bool
}

func (l *linter) warn(pos migxml.Pos, format string, args ...any) {
	w := migxml.Warning{Pos: pos, Msg: fmt.Sprintf(format, args...)}
	if !l.warned[w] {
		l.warned[w] = true
		l.warnings = append(l.warnings, w)
	}
}

// defined collects the variables of a component.
func (l *linter) defined(c *migxml.Component, depth int) {
	if depth > maxDepth {
		return
	}
	var environments func(list []*migxml.Environment, depth int)
	environments = func(list []*migxml.Environment, depth int) {
		for _, e := range list {
			for _, v := range e.Variables {
				l.own[strings.ToLower(v.Name)] = true
			}
			if e.Named != nil && depth < maxDepth {
				environments([]*migxml.Environment{e.Named}, depth+1)
			}
		}
	}
	environments(c.Environments, depth)
	var roles func(list []*migxml.Role, depth int)
	roles = func(list []*migxml.Role, depth int) {
		for _, r := range list {
			environments(r.Environments, depth)
			for _, n := range r.Components {
				l.defined(n, depth+1)
			}
			if depth < maxDepth {
				roles(r.Roles, depth+1)
			}
		}
	}
	roles(c.Roles, depth)
}

// written is a pattern as a file has it.
type written struct {
	pos    migxml.Pos
	text   string
	kind   Kind
	action migxml.Action
	loc    location
	pat    pattern
	// first is the variable that text begins with, in upper case; vars counts
	// all of them.
	first string
	vars  int
	// drives says that it is meant for every drive.
	drives   bool
	filtered bool
}

// lintBlock is what a component has of rules.
type lintBlock struct {
	pats    []written
	include bool // there is one
	unknown bool // includes whose patterns the text does not say
	docs    bool // includes by the document finder
}

func (l *linter) component(c *migxml.Component, depth int) {
	if depth > maxDepth {
		return
	}
	b := &lintBlock{include: len(c.Extensions) > 0, unknown: len(c.Extensions) > 0}
	var rules func(list []*migxml.Rules, depth int)
	rules = func(list []*migxml.Rules, depth int) {
		for _, r := range list {
			if depth > maxDepth {
				return
			}
			if r.Named != nil {
				rules([]*migxml.Rules{r.Named}, depth+1)
			}
			for _, rule := range r.Rule {
				l.rule(b, rule)
			}
			rules(r.Rules, depth+1)
		}
	}
	var roles func(list []*migxml.Role, depth int)
	roles = func(list []*migxml.Role, depth int) {
		for _, r := range list {
			if depth > maxDepth {
				return
			}
			rules(r.Rules, depth)
			for _, n := range r.Components {
				l.component(n, depth+1)
			}
			roles(r.Roles, depth+1)
		}
	}
	roles(c.Roles, depth)
	l.patterns(b)
	l.idle(c, b)
}

func (l *linter) rule(b *lintBlock, r *migxml.Rule) {
	if r.Action == migxml.Include {
		b.include = true
	}
	for _, s := range r.Sets {
		for _, p := range s.Patterns {
			if p.Kind == migxml.Ini {
				b.unknown = b.unknown || r.Action == migxml.Include
				continue
			}
			kind := File
			if p.Kind == migxml.Registry {
				kind = Registry
			}
			w, ok := l.read(p.Pos, kind, p.Text)
			w.action, w.filtered = r.Action, r.Filter != nil
			if !ok {
				b.unknown = b.unknown || r.Action == migxml.Include
				continue
			}
			b.pats = append(b.pats, w)
		}
		for _, call := range s.Scripts {
			switch {
			case call.Name == "GenerateDocPatterns" && r.Action == migxml.Include:
				b.docs = true
			case call.Name == "GenerateDrivePatterns" && r.Action == migxml.Exclude && strings.HasPrefix(strings.TrimSpace(call.Arg(0)), "*"):
				if w, ok := l.read(call.Pos, File, `C:\`+call.Arg(0)); ok {
					w.text, w.action, w.drives, w.filtered = call.Text, r.Action, true, r.Filter != nil
					b.pats = append(b.pats, w)
				}
			case r.Action == migxml.Include:
				b.unknown = true
			}
		}
		b.unknown = b.unknown || len(s.Contents) > 0 && r.Action == migxml.Include
	}
}

// symbolic gives every variable a value that stands for it.
type symbolic struct{ names *[]string }

func (s symbolic) Lookup(name string) (string, bool) {
	*s.names = append(*s.names, name)
	switch up := strings.ToUpper(name); up {
	case "SYSTEMDRIVE", "HOMEDRIVE":
		return "C:", true
	default:
		return `C:\` + up, true
	}
}

// read takes the text of a pattern apart, and tells of unknown variables.
func (l *linter) read(pos migxml.Pos, kind Kind, text string) (w written, ok bool) {
	var names []string
	out, _ := expand(text, nil, symbolic{&names})
	for _, name := range names {
		if !l.own[strings.ToLower(name)] && !l.known(name) {
			l.warn(pos, "%s: no Windows has a variable %%%s%%, and this file defines none: unless the environment of the source has it, the pattern matches nothing; variables are %%CSIDL_PERSONAL%%, %%FOLDERID_Downloads%% and so on, or those of <environment>", text, name)
		}
	}
	loc, err := parseLocation(kind, out)
	if err != nil {
		return w, false
	}
	w = written{pos: pos, text: text, kind: kind, loc: loc, pat: loc.pattern(), vars: len(names)}
	if len(names) > 0 && strings.HasPrefix(text, "%") {
		w.first = strings.ToUpper(names[0])
	}
	return w, true
}

// node is the part of text before the brackets, as written.
func (w *written) node() string {
	node, _, _ := strings.Cut(w.text, " [")
	return strings.TrimRight(strings.TrimSpace(node), `\`)
}

// patterns looks at each pattern of a component, and at its fellows.
func (l *linter) patterns(b *lintBlock) {
	// fellow says whether the component has a pattern of that node and leaf.
	fellow := func(w *written, fits func(*written) bool) bool {
		return slices.ContainsFunc(b.pats, func(o written) bool { return o.kind == w.kind && o.action == w.action && fits(&o) })
	}
	for i := range b.pats {
		w := &b.pats[i]
		if w.drives {
			continue
		}
		node, leaf := w.pat.node, w.pat.leaf
		switch {
		case w.kind == File && !w.loc.hasLeaf && strings.HasSuffix(node, "*"):
			if !fellow(w, func(o *written) bool { return o.loc.hasLeaf && o.pat.node == node }) {
				l.warn(w.pos, `%s is about folders alone, not about the files in them; with the files it is %s [*]`, w.text, w.node())
			}
		case !w.loc.hasLeaf && !strings.HasSuffix(node, "*"):
			below := node + "*"
			if fellow(w, func(o *written) bool { return o.loc.hasLeaf && (o.pat.node == below || o.pat.node == node) }) {
				break
			}
			if w.kind == Registry {
				l.warn(w.pos, `%s is the key alone, without its values; with all values and keys it is %s\* [*], one value is %s [Name]`, w.text, w.node(), w.node())
			} else {
				l.warn(w.pos, `%s is the folder alone, without what is in it; everything in it is %s\* [*]`, w.text, w.node())
			}
		}
		if w.kind == File && w.loc.hasLeaf && !strings.HasSuffix(node, "*") && strings.Contains(leaf, "*") && trailing(w.text) {
			below := node + "*"
			if !fellow(w, func(o *written) bool { return o.pat.node == below }) {
				l.warn(w.pos, `%s takes files of this folder alone, not of the folders in it; with those it is %s\* [%s]`, w.text, w.node(), w.loc.leaf)
			}
		}
		// C:\*\X\* needs a folder before X.
		if w.kind == File && w.vars == 0 && len(node) > 5 && node[1:5] == `:\*\` && node[5] != '*' {
			rest := node[5:]
			if !fellow(w, func(o *written) bool { return o.pat.node == node[:3]+rest }) {
				l.warn(w.pos, `%s misses %s, which is in the root of the drive; a pattern for it is wanted as well: %s%s`,
					w.text, w.loc.node[:3]+strings.TrimRight(w.loc.node[5:], `\*`), w.loc.node[:3], strings.TrimPrefix(w.text[strings.Index(w.text, `*\`):], `*\`))
			}
		}
		for _, ext := range []string{"DOC", "XLS", "PPT"} {
			if w.kind != File || leaf != "*."+ext {
				continue
			}
			if !fellow(w, func(o *written) bool {
				return o.loc.hasLeaf && (matchGlob(o.pat.leaf, []byte("A."+ext+"X")) || matchGlob(o.pat.leaf, []byte("A."+ext+"M")))
			}) {
				low := strings.ToLower(ext)
				l.warn(w.pos, "%s: [*.%s] does not match .%sx; [*.%s*] is both", w.text, low, low, low)
			}
		}
	}
}

// trailing says whether the node of text ends with a backslash.
func trailing(text string) bool {
	node, _, ok := strings.Cut(text, "[")
	node = strings.TrimRight(node, blanks)
	return ok && len(node) > 3 && strings.HasSuffix(node, `\`)
}

// idle looks for rules of a component that never have an effect.
func (l *linter) idle(c *migxml.Component, b *lintBlock) {
	for i := range b.pats {
		e := &b.pats[i]
		switch {
		case e.action == migxml.Exclude && !b.include:
			l.warn(e.pos, "%s: the component %q includes nothing, and an exclude has no say over other components: it does nothing; <unconditionalExclude> acts on all of them", e.text, c.DisplayName)
		case e.action == migxml.Exclude:
			l.idleExclude(b, e)
		case e.action == migxml.Include && !e.filtered:
			l.unreachable(b, e)
		}
	}
}

// wide says whether e is about a whole drive, or all of them.
func (w *written) wide() bool {
	return w.kind == File && (w.loc.node == "*" || len(w.loc.node) == 4 && strings.HasSuffix(w.loc.node, `:\*`))
}

func (l *linter) idleExclude(b *lintBlock, e *written) {
	if b.unknown || b.docs && !e.wide() {
		return
	}
	var stronger *written
	for i := range b.pats {
		in := &b.pats[i]
		if in.action != migxml.Include || in.kind != e.kind {
			continue
		}
		switch {
		case e.vars == 0 && in.vars == 0:
		case e.vars == 1 && in.vars == 1 && e.first != "" && e.first == in.first:
		case e.wide() && e.vars == 0 && in.first != "" && in.first != "SYSTEMDRIVE" && in.first != "HOMEDRIVE" && in.vars == 1:
			if leavesMeet(e, in) {
				stronger = in // the folder of a variable is below a root
			}
			continue
		default:
			return
		}
		nodes := meet(e.pat.node, in.pat.node)
		if e.drives && len(in.pat.node) > 2 && in.pat.node[1] == ':' {
			nodes = meet(e.pat.node[1:], in.pat.node[1:])
		}
		if !nodes || !leavesMeet(e, in) {
			continue
		}
		if in.pat.spec.compare(e.pat.spec) <= 0 {
			return
		}
		stronger = in
	}
	switch {
	case stronger != nil:
		better := "the more specific one decides, and a folder counts before a file name; write the exclude with the folder of the include, or as <unconditionalExclude>"
		l.warn(e.pos, "%s: the exclude does nothing, as the include of line %d, %s, is more specific: %s", e.text, stronger.pos.Line, stronger.text, better)
	case b.docs:
		l.warn(e.pos, "%s: the exclude does nothing, as the folders that GenerateDocPatterns finds are more specific; write it as <unconditionalExclude>", e.text)
	default:
		l.warn(e.pos, "%s: the exclude does nothing, as nothing in its component includes what it names; over other components only <unconditionalExclude> has a say", e.text)
	}
}

// unreachable warns of an include that a rule of the component makes idle.
func (l *linter) unreachable(b *lintBlock, in *written) {
	for i := range b.pats {
		o := &b.pats[i]
		if o.kind != in.kind || o.filtered || o.drives {
			continue
		}
		switch {
		case o.action == migxml.Exclude && o.pat.node == in.pat.node && o.loc.hasLeaf == in.loc.hasLeaf && o.pat.leaf == in.pat.leaf:
			l.warn(in.pos, "%s: the include takes nothing, as line %d excludes the same, and on a tie the exclude wins; take one of them out", in.text, o.pos.Line)
			return
		case o.action == migxml.Unconditional && (o.vars == 0 && in.vars == 0 || o.vars == 1 && in.vars == 1 && o.first != "" && o.first == in.first) &&
			matchGlob(o.pat.node, []byte(in.pat.node)) && o.loc.hasLeaf && (matchGlob(o.pat.leaf, []byte(in.pat.leaf)) || o.pat.leaf == "*"):
			l.warn(in.pos, "%s: the include takes nothing, as the <unconditionalExclude> of line %d, %s, is stronger than every include; an <exclude> can be overridden by a more specific include", in.text, o.pos.Line, o.text)
			return
		}
	}
}

// leavesMeet says whether an object can fit the leaves of both.
func leavesMeet(a, b *written) bool {
	switch {
	case !a.loc.hasLeaf && !b.loc.hasLeaf:
		return true
	case !a.loc.hasLeaf:
		return b.pat.leaf == "*"
	case !b.loc.hasLeaf:
		return a.pat.leaf == "*"
	}
	return meet(a.pat.leaf, b.pat.leaf)
}

// maxMeet bounds the work of comparing two patterns.
const maxMeet = 1 << 22

// meet says whether a text fits both a and b, in which "*" stands for any
// characters. Patterns that are too long to compare meet.
func meet(a, b string) bool {
	a, b = wstr.Upper(a), wstr.Upper(b)
	if len(a)*len(b) > maxMeet {
		return true
	}
	// row[j]: whether a text fits both a[:i] and b[:j].
	row := make([]bool, len(b)+1)
	row[0] = true
	for j := range len(b) {
		row[j+1] = row[j] && b[j] == '*'
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = row[0] && a[i] == '*'
		for j := range len(b) {
			up := row[j+1]
			if a[i] == '*' || b[j] == '*' {
				row[j+1] = up || row[j] // the star takes one character more of the other, or none
			} else {
				row[j+1] = diagonal && a[i] == b[j]
			}
			diagonal = up
		}
	}
	return row[len(b)]
}
