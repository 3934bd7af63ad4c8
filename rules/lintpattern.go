package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
)

// node is the part of the pattern before the brackets, as written.
func (w *written) node() string {
	node, _, _ := strings.Cut(w.raw, "[")
	return strings.TrimRight(strings.TrimSpace(node), `\`)
}

// shown is a pattern beside w as its author would write it: without the drive
// when w is for all.
func (w *written) shown(pattern string) string {
	if w.drives {
		return strings.TrimPrefix(pattern, `C:\`)
	}
	return pattern
}

// patterns looks at each pattern of a component, and at its fellows.
func (l *linter) patterns(b *lintBlock) {
	// fellow says whether the component has a pattern of that node and leaf.
	fellow := func(w *written, fits func(*written) bool) bool {
		return slices.ContainsFunc(b.pats, func(o written) bool { return o.kind == w.kind && o.action == w.action && fits(&o) })
	}
	for i := range b.pats {
		w := &b.pats[i]
		node, leaf := w.pat.node, w.pat.leaf
		switch {
		case !w.loc.hasLeaf && w.unknown: // the variable may have the leaf
		case !w.loc.hasLeaf && strings.HasSuffix(node, "*"):
			if fellow(w, func(o *written) bool { return o.loc.hasLeaf && o.pat.node == node }) {
				break
			}
			better := w.shown(w.node() + " [*]")
			if dir, ok := strings.CutSuffix(w.node(), `\*.*`); ok {
				better = w.shown(dir + `\* [*]`)
			}
			if w.kind == Registry {
				l.warn(w.pos, `%s is about keys alone, not about the values in them; with the values it is %s`, w.text, better)
			} else {
				l.warn(w.pos, `%s is about folders alone, not about the files in them; with the files it is %s`, w.text, better)
			}
		case !w.loc.hasLeaf:
			below := node + "*"
			if fellow(w, func(o *written) bool { return o.loc.hasLeaf && (o.pat.node == below || o.pat.node == node) }) {
				break
			}
			l.alone(w)
		}
		if w.kind == File && w.loc.hasLeaf && !strings.HasSuffix(node, "*") && strings.Contains(leaf, "*") && trailing(w.raw) {
			below := node + "*"
			if !fellow(w, func(o *written) bool { return o.pat.node == below }) {
				l.warn(w.pos, `%s takes files of this folder alone, not of the folders in it; with those it is %s`, w.text, w.shown(fmt.Sprintf(`%s\* [%s]`, w.node(), w.loc.leaf)))
			}
		}
		l.anywhere(b, w, fellow)
		for _, ext := range []string{"DOC", "XLS", "PPT"} {
			if w.kind != File || leaf != "*."+ext {
				continue
			}
			if fellow(w, func(o *written) bool {
				return o.loc.hasLeaf && (matchGlob(o.pat.leaf, []byte("A."+ext+"X")) || matchGlob(o.pat.leaf, []byte("A."+ext+"M")))
			}) {
				continue
			}
			low := strings.ToLower(ext)
			if w.extension != "" {
				l.warn(w.pos, "%s does not match .%sx; <extension>%[2]sx</extension> is wanted as well", w.text, low)
			} else {
				l.warn(w.pos, "%s: [*.%s] does not match .%[2]sx; [*.%[2]s*] is both", w.text, low)
			}
		}
	}
}

// alone tells that w is a folder or a key and nothing in it, and what its
// author may have meant.
func (l *linter) alone(w *written) {
	node := w.node()
	i := strings.LastIndexByte(node, '\\')
	dir, name := node, ""
	if i > 0 {
		dir, name = node[:i], node[i+1:]
	}
	if strings.HasSuffix(dir, ":") {
		dir += `\`
	}
	dot := strings.LastIndexByte(name, '.')
	switch {
	case w.kind == Registry && name == "":
		l.warn(w.pos, `%s is the key alone, without its values; with all values and keys it is %s\* [*]`, w.text, node)
	case w.kind == Registry:
		l.warn(w.pos, `%s is the key alone, without its values; with all values and keys it is %s\* [*], one value is %s [Name], and the value %s of %s is %s [%s]`, w.text, node, node, name, dir, dir, name)
	case strings.Contains(name, "*") && dot >= 0:
		l.warn(w.pos, `%s is about folders of such names alone; files of such names are %s, and with the folders below %s`, w.text, w.shown(dir+" ["+name+"]"), w.shown(strings.TrimSuffix(dir, `\`)+`\* [`+name+"]"))
	case dot > 0 && likeExtension(name[dot+1:]):
		l.warn(w.pos, `%s is a folder alone, without what is in it; a file of that name is %s, everything in a folder is %s`, w.text, w.shown(dir+" ["+name+"]"), w.shown(node+`\* [*]`))
	default:
		l.warn(w.pos, `%s is the folder alone, without what is in it; everything in it is %s`, w.text, w.shown(node+`\* [*]`))
	}
}

// likeExtension says whether s is like the type of a file: short, or as
// sqlite and config are.
func likeExtension(s string) bool {
	plain := strings.IndexFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) < 0
	return len(s) <= 5 && !strings.ContainsAny(s, " ^[]%") || plain && len(s) <= 10
}

// anywhere tells of C:\*\X\*, which needs a folder before X.
func (l *linter) anywhere(b *lintBlock, w *written, fellow func(*written, func(*written) bool) bool) {
	base, rest, ok := strings.Cut(w.plain, `\*\`)
	if w.kind != File || w.unknown || !ok || rest == "" || strings.ContainsAny(rest[:1], "*[ ") {
		return
	}
	root := len(base) == 2 && base[1] == ':'
	if name := strings.ToUpper(strings.Trim(base, "%")); base == "%"+strings.Trim(base, "%")+"%" {
		// Folders of programs have one folder for each, and profiles one for
		// each user: that is what the "*" stands for.
		if strings.Contains(name, "PROGRAM") || strings.Contains(name, "APPDATA") || name == "PROFILESFOLDER" || strings.Contains(name, `\`) {
			return
		}
		root = isDrive(name)
	} else if !root {
		return
	}
	var names []string
	out, _ := expand(base+`\`+rest, nil, symbolic{&names})
	loc, err := parseLocation(File, out)
	if err != nil {
		return
	}
	want := loc.pattern().node
	if fellow(w, func(o *written) bool { return o.pat.node == want || o.pat.node+"*" == want }) {
		return
	}
	if w.action == migxml.Exclude {
		there := *w
		there.loc, there.pat = loc, loc.pattern()
		if !l.included(b, &there, root) {
			return
		}
	}
	missed, _, _ := strings.Cut(rest, `\`)
	missed, _, _ = strings.Cut(missed, " [")
	where := "is directly in " + base
	if root {
		where = "is in the root of the drive"
	}
	l.warn(w.pos, `%s misses %s, which %s; a pattern for it is wanted as well: %s`, w.text, w.shown(base+`\`+missed), where, w.shown(base+`\`+rest))
}

// isDrive says whether a variable, in upper case, is a drive.
func isDrive(name string) bool { return name == "SYSTEMDRIVE" || name == "HOMEDRIVE" }

// literal says whether all of a pattern but perhaps its drive stands in the
// text.
func (w *written) literal() bool { return w.vars == 0 || w.vars == 1 && isDrive(w.first) }

// included says whether an include of b may take what e, a pattern of its
// excludes, names; root when that lies in the root of a drive, where no
// variable for a folder leads.
func (l *linter) included(b *lintBlock, e *written, root bool) bool {
	if b.docs&e.in != 0 {
		return true
	}
	return slices.ContainsFunc(b.pats, func(in written) bool {
		switch {
		case in.action != migxml.Include || in.kind != e.kind || in.in&e.in == 0 || in.unknown || !l.leavesMeet(e, &in):
			return false
		case e.literal() && in.literal() || e.vars == 1 && in.vars == 1 && e.first != "" && e.first == in.first:
			return l.meet(nodes(e, &in))
		}
		return !root
	})
}

// trailing says whether the node of text ends with a backslash.
func trailing(text string) bool {
	node, _, ok := strings.Cut(text, "[")
	node = strings.TrimRight(node, blanks)
	return ok && len(node) > 3 && strings.HasSuffix(node, `\`)
}

// idle looks for rules of a component that never have an effect.
func (l *linter) idle(c *migxml.Component, b *lintBlock) {
	for _, x := range b.leftOut {
		switch {
		case b.include == 0:
			l.warn(x.Pos, "the component %q includes nothing, and <excludeAttributes> has no say over other components: it does nothing; it belongs into the component of the include", c.DisplayName)
		case b.include&x.in == 0:
			l.warn(x.Pos, "the component %q includes nothing for %s, and <excludeAttributes> has no say over other contexts and components: it does nothing; give it the context of the include", c.DisplayName, people(x.in))
		}
	}
	for i := range b.pats {
		e := &b.pats[i]
		switch {
		case e.action == migxml.Exclude && b.include == 0:
			l.warn(e.pos, "%s: the component %q includes nothing, and an exclude has no say over other components: it does nothing; <unconditionalExclude> acts on all of them", e.text, c.DisplayName)
		case e.action == migxml.Exclude && b.include&e.in == 0:
			l.warn(e.pos, "%s: the component %q includes nothing for %s, and an exclude has no say over other contexts and components: it does nothing; give it the context of the include, or write it as <unconditionalExclude>", e.text, c.DisplayName, people(e.in))
		case e.action == migxml.Exclude:
			l.idleExclude(b, e)
		case e.action == migxml.Include:
			l.unreachable(b, e)
		}
	}
}

// rooted says whether the first wildcard comes right behind the drive, so
// that every pattern of a folder is more specific.
func (w *written) rooted() bool {
	return w.kind == File && w.literal() && w.pat.spec.node == 0 && w.pat.spec.prefix <= len("C:")
}

// nodes are the nodes of a and b as they can be compared: without the drive
// when one is for all drives, or a variable says which drive it is.
func nodes(a, b *written) (string, string) {
	x, y := a.pat.node, b.pat.node
	if (a.drives || b.drives || a.first != b.first) && len(x) > 2 && x[1] == ':' && len(y) > 2 && y[1] == ':' {
		return x[1:], y[1:]
	}
	return x, y
}

// numbered says whether a node begins with the number of a volume.
func numbered(node string) bool { return node != "" && node[0] >= '0' && node[0] <= '9' }

func (l *linter) idleExclude(b *lintBlock, e *written) {
	if e.unknown || b.unknown&e.in != 0 || b.docs&e.in != 0 && !e.rooted() {
		return
	}
	var stronger *written
	variable := false
	for i := range b.pats {
		in := &b.pats[i]
		if in.action != migxml.Include || in.kind != e.kind || in.in&e.in == 0 {
			continue
		}
		if e.kind == Registry && (otherwiseNamed(e.pat.node) || otherwiseNamed(in.pat.node)) {
			// They may name one key differently. Of a wildcard that stands for a
			// name it is known how specific it is there.
			if e.vars+in.vars > 0 || !asWritten(e.pat.node) || otherwiseNamed(in.pat.node) || in.pat.spec.compare(e.pat.spec) <= 0 {
				return
			}
			if stronger == nil && l.leavesMeet(e, in) && slices.ContainsFunc(keyNames(in.pat.node, e.pat.node), func(name string) bool { return l.meet(e.pat.node, name) }) {
				stronger = in
			}
			continue
		}
		switch {
		case e.kind == File && numbered(e.pat.node) != numbered(in.pat.node):
			return // the number may be that of the same volume
		case e.literal() && in.literal():
		case e.vars == 1 && in.vars == 1 && e.first != "" && e.first == in.first:
		case e.rooted() && in.first != "" && !isDrive(in.first) && in.first != "HOMEPATH":
			// The folder of a variable is below a root.
			if l.leavesMeet(e, in) && l.meet(nodes(e, in)) {
				variable = true
				if stronger == nil {
					stronger = in
				}
			}
			continue
		default:
			return
		}
		x, y := nodes(e, in)
		if !l.meet(x, y) || !l.leavesMeet(e, in) {
			continue
		}
		if in.pat.spec.compare(e.pat.spec) <= 0 {
			return
		}
		if stronger == nil || !stronger.literal() {
			stronger = in
		}
	}
	switch {
	case stronger != nil:
		but := ""
		if variable {
			but = " (but where the folder of a variable is the root of a drive)"
		}
		better := "the more specific one decides, and a folder counts before a file name; write the exclude with the folder of the include, or as <unconditionalExclude>"
		l.warn(e.pos, "%s: the exclude does nothing, as the include of line %d, %s, is more specific%s: %s", e.text, stronger.pos.Line, stronger.text, but, better)
	case b.docs&e.in != 0:
		l.warn(e.pos, "%s: the exclude does nothing, as the folders that GenerateDocPatterns finds are more specific; write it as <unconditionalExclude>", e.text)
	default:
		l.warn(e.pos, "%s: the exclude does nothing, as nothing in its component includes what it names; over other components only <unconditionalExclude> has a say", e.text)
	}
}

// otherwiseNamed says whether node can match keys that have another name, see seats.
func otherwiseNamed(node string) bool {
	star := strings.IndexByte(node, '*')
	return slices.ContainsFunc([]string{`HKCR\`, `HKU\`, `HKLM\SYSTEM\CONTROLSET`}, func(other string) bool {
		return strings.HasPrefix(node, other) || star >= 0 && strings.HasPrefix(other, node[:star])
	})
}

// asWritten says whether node, which can match keys that have another name, is
// as specific under that as it is written: it has a wildcard in it, see seats.
func asWritten(node string) bool {
	star := strings.IndexByte(node, '*')
	if star < 0 || strings.HasPrefix(node, `HKCR\`) {
		return false
	}
	whole := strings.Count(node[:star], `\`)
	return whole < 2 || whole == 2 && strings.HasPrefix(node, `HKLM\SYSTEM\`)
}

// keyNames are names that the pattern by may use for the keys of node, which
// has the names of objects.
func keyNames(node, by string) []string {
	sid, _, _ := strings.Cut(strings.TrimPrefix(by, `HKU\`), `\`)
	if sid = strings.ReplaceAll(sid, "*", "S"); sid == "" || !strings.HasPrefix(by, `HKU\`) {
		sid = "S"
	}
	names := []string{node}
	for _, r := range [][2]string{{`HKCU\`, `HKU\` + sid + `\`}, {`HKLM\SOFTWARE\CLASSES\`, `HKCR\`}, {`HKCU\SOFTWARE\CLASSES\`, `HKCR\`}, {`HKLM\SYSTEM\CURRENTCONTROLSET\`, `HKLM\SYSTEM\CONTROLSET001\`}} {
		if rest, ok := strings.CutPrefix(node, r[0]); ok {
			names = append(names, r[1]+rest)
		}
	}
	return names
}

// unreachable warns of an include that a rule of the component makes idle.
func (l *linter) unreachable(b *lintBlock, in *written) {
	for i := range b.pats {
		o := &b.pats[i]
		// It has to act wherever and whenever the include does.
		if o.kind != in.kind || o.filtered || o.unknown || in.unknown || in.in&^o.in != 0 ||
			slices.ContainsFunc(o.conds, func(c int) bool { return !slices.Contains(in.conds, c) }) {
			continue
		}
		switch {
		case o.action == migxml.Exclude && o.pat.node == in.pat.node && (o.drives || !in.drives) && o.loc.hasLeaf == in.loc.hasLeaf && o.pat.leaf == in.pat.leaf:
			l.warn(in.pos, "%s: the include takes nothing, as line %d excludes the same, and on a tie the exclude wins; take one of them out", in.text, o.pos.Line)
			return
		case o.action == migxml.Unconditional && covers(o, in):
			l.warn(in.pos, "%s: the include takes nothing, as the <unconditionalExclude> of line %d, %s, is stronger than every include; an <exclude> can be overridden by a more specific include", in.text, o.pos.Line, o.text)
			return
		}
	}
}

// covers says whether everything that in matches is matched by o.
func covers(o, in *written) bool {
	if o.vars+in.vars > 0 && !(o.vars == 1 && in.vars == 1 && o.first != "" && o.first == in.first) || in.drives && !o.drives && !strings.HasPrefix(o.pat.node, "*") {
		return false
	}
	x, y := nodes(o, in)
	return o.loc.hasLeaf && matchGlob(x, []byte(y)) && (o.pat.leaf == "*" || in.loc.hasLeaf && matchGlob(o.pat.leaf, []byte(in.pat.leaf)))
}

// above tells of includes below an unconditionalExclude of another component.
func (l *linter) above() {
	work := 0
	for _, in := range l.includes {
		for _, o := range l.never {
			// For files one context is as good as another: what the system
			// excludes nobody takes.
			if o.of == in.of || o.kind != in.kind || in.in&^o.in != 0 && (o.kind == Registry || o.vars > 0 || o.in&migxml.System == 0) {
				continue
			}
			if work += len(o.pat.node) * len(in.pat.node); work > maxCompared {
				return
			}
			if covers(o, in) {
				where := fmt.Sprintf("line %d", o.pos.Line)
				if o.pos.File != in.pos.File {
					where = fmt.Sprintf("%s:%d", o.pos.File, o.pos.Line)
				}
				l.warn(in.pos, "%s: the include takes nothing, as the <unconditionalExclude> of %s, %s, is stronger than every include, those of other components and files as well", in.text, where, o.text)
				break
			}
		}
	}
}

// leavesMeet says whether an object can fit the leaves of both.
func (l *linter) leavesMeet(a, b *written) bool {
	switch {
	case !a.loc.hasLeaf && !b.loc.hasLeaf:
		return true
	case !a.loc.hasLeaf:
		return b.pat.leaf == "*"
	case !b.loc.hasLeaf:
		return a.pat.leaf == "*"
	}
	return l.meet(a.pat.leaf, b.pat.leaf)
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
