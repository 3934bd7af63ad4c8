package rules

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/internal/ini"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
)

// object is what a type and a location in the arguments of a call name.
type object struct {
	placed
	// setting is of an INI file, whose own place is placed.
	setting *ini.Location
	// found is false when the text is no location, or a variable of it is not
	// defined: there is no such object.
	found bool
	// plain is the text with its variables replaced, when it is no location.
	plain string
}

// object reads arguments typ and loc of c; ok is false when the type is none,
// and a report was made.
func (v *evaluation) object(c *migxml.Call, typ, loc int) (o object, ok bool) {
	switch {
	case c.Is(typ, "File"):
	case c.Is(typ, "Registry"):
		o.kind = Registry
	case c.Is(typ, "Ini"):
		return v.setting(c.Arg(loc)), true
	default:
		v.warn(c.Pos, `%s: "%s" is none of File, Registry, Ini: it yields nothing`, c.Text, c.Arg(typ))
		return o, false
	}
	text, undefined := expand(c.Arg(loc), v.vars, v.ctx.Env)
	if undefined != "" {
		return o, true
	}
	l, err := parseLocation(o.kind, text)
	if err != nil {
		// Microsoft's samples compare a plain variable this way.
		o.plain, _ = expandPlain(c.Arg(loc), v.vars, v.ctx.Env)
		return o, true
	}
	o.location, o.found = l, true
	return o, true
}

// setting reads the location of a setting of an INI file.
func (v *evaluation) setting(text string) (o object) {
	text, undefined := expand(text, v.vars, v.ctx.Env)
	if undefined != "" {
		return o
	}
	s, err := ini.ParseLocation(text)
	if err != nil {
		return o
	}
	l, err := parseLocation(File, s.File)
	if err != nil {
		return o
	}
	l, ok := l.file()
	if !ok || strings.Contains(l.node+l.leaf, "*") {
		return o
	}
	o.location, o.setting, o.found = l, &s, true
	return o
}

// file is the location of a file that may be written without brackets.
func (l location) file() (location, bool) {
	if l.hasLeaf {
		return l, true
	}
	i := strings.LastIndexByte(l.node, '\\')
	if i < 0 {
		return l, false
	}
	return location{l.node[:i], l.node[i+1:], true}, true
}

// text is l as rules write it.
func (l location) text() string {
	node := escape(l.node)
	if strings.HasSuffix(node, ":") {
		node += `\` // the root of a drive
	}
	if !l.hasLeaf {
		return node
	}
	return node + " [" + escape(l.leaf) + "]"
}

// plain is p as people write it.
func (p placed) plain() string {
	switch {
	case !p.hasLeaf:
		return p.node
	case p.kind == File:
		return winpath.Join(p.node, p.leaf)
	}
	return p.node + " [" + p.leaf + "]"
}

// objectExists says whether an object fits o.
func (v *evaluation) objectExists(c *migxml.Call, o object) bool {
	switch {
	case !o.found:
		return false
	case o.setting != nil:
		f := v.iniFile(c, o.location)
		if f == nil {
			return false
		}
		_, ok := f.Value(o.setting.Section, o.setting.Setting)
		return ok
	case v.probe(o.kind, o.location):
		return true
	}
	text := strings.TrimSpace(c.Arg(1))
	l, ok := o.location.file()
	return ok && o.kind == File && !o.hasLeaf && !strings.HasSuffix(text, "]") && v.probe(File, l)
}

// probe asks the source once for each location.
func (v *evaluation) probe(kind Kind, l location) bool {
	if v.ctx.Probe == nil {
		return false
	}
	key := fmt.Sprintf("%d|%s|%s|%t", kind, wstr.Upper(l.node), wstr.Upper(l.leaf), l.hasLeaf)
	if kind == Registry && (isHKCU(l.node) || isOpen(l.node)) {
		if isHKCU(l.node) && !v.ctx.User {
			return false
		}
		key += "|" + v.ctx.Name
	}
	found, ok := v.exists[key]
	if !ok {
		found = v.ctx.Probe.Exists(kind, l.node, l.leaf, l.hasLeaf)
		v.exists[key] = found
	}
	return found
}

// sameObject says whether a and b are one object. Folders and files are
// followed through links.
func (v *evaluation) sameObject(a, b object) bool {
	if !a.found || !b.found || a.hasLeaf != b.hasLeaf || (a.setting == nil) != (b.setting == nil) {
		return false
	}
	if a.setting != nil && !(wstr.EqualFold(a.setting.Section, b.setting.Section) && wstr.EqualFold(a.setting.Setting, b.setting.Setting)) {
		return false
	}
	if wstr.EqualFold(a.node, b.node) && wstr.EqualFold(a.leaf, b.leaf) {
		return true
	}
	p, ok := v.ctx.Probe.(Paths)
	if !ok || a.kind != File || b.kind != File || strings.Contains(a.node+a.leaf+b.node+b.leaf, "*") {
		return false
	}
	return wstr.EqualFold(p.Follow(a.placed.plain()), p.Follow(b.placed.plain()))
}

// text is the content of the object that arguments typ and loc of c name.
// found is false, and the text empty, when it is not there; ok is false when
// that cannot be told.
func (v *evaluation) text(c *migxml.Call, typ, loc int) (text string, found, ok bool) {
	o, ok := v.object(c, typ, loc)
	switch {
	case !ok:
		return "", false, false
	case !o.found && o.plain != "":
		return o.plain, true, true
	case !o.found:
		return "", false, true
	}
	return v.read(c, o)
}

// read is the content of o as text.
func (v *evaluation) read(c *migxml.Call, o object) (text string, found, ok bool) {
	p, ok := v.ctx.Probe.(Contents)
	if !ok {
		v.unsupported(c, "values are not read")
		return "", false, false
	}
	if o.setting != nil {
		f := v.iniFile(c, o.location)
		if f == nil {
			return "", false, !v.unread(c, o.location)
		}
		text, found = f.Value(o.setting.Section, o.setting.Setting)
		return text, found, true
	}
	if o.kind == Registry && isHKCU(o.node) && !v.ctx.User {
		return "", false, true
	}
	l := o.location
	if o.kind == File {
		l, _ = l.file()
	}
	text, found = p.Text(o.kind, l.node, l.leaf)
	if !found && o.kind == File && v.unread(c, l) {
		return "", false, false
	}
	return text, found, true
}

// unread says whether file l, whose text was not given, is there all the same,
// and warns of it.
func (v *evaluation) unread(c *migxml.Call, l location) bool {
	if !v.probe(File, l) {
		return false
	}
	v.warn(c.Pos, "%s: %s is too large for a text (1 MiB at most), or cannot be read: it yields nothing", c.Text, winpath.Join(l.node, l.leaf))
	return true
}

// iniFile reads the INI file at l, nil when it cannot be read.
func (v *evaluation) iniFile(c *migxml.Call, l location) *ini.File {
	p, ok := v.ctx.Probe.(Contents)
	if !ok {
		v.unsupported(c, "files are not read")
		return nil
	}
	key := wstr.Upper(winpath.Join(l.node, l.leaf))
	f, known := v.inis[key]
	if !known {
		if text, ok := p.Text(File, l.node, l.leaf); ok {
			f = ini.Parse(text)
		}
		v.inis[key] = f
	}
	return f
}

// iniPattern adds the file of a pattern of settings. Settings are not objects
// of a store: an include takes the file that has one of them, and a restore
// writes no more of it than the settings; the other rules have no part in
// what is taken.
func (v *evaluation) iniPattern(p migxml.Pattern, a migxml.Action) {
	text, undefined := expand(p.Text, v.vars, v.ctx.Env)
	if undefined != "" {
		v.undefined(ruleKey{pos: p.Pos, text: p.Text}, v.ctx, undefined)
		return
	}
	o := v.setting(p.Text)
	if !o.found {
		v.warn(p.Pos, `"%s" is not file|section[setting] with the full path of a file without wildcards: it matches nothing`, text)
		return
	}
	call := &migxml.Call{Pos: p.Pos, Name: `<pattern type="Ini">`, Text: p.Text, Args: []migxml.Arg{{Value: "Ini"}, {Value: p.Text}}}
	if a != migxml.Include || !v.objectExists(call, o) {
		return
	}
	w := *v
	w.ini = true
	w.least = max(w.least, leastSettings)
	w.addLocation(p.Pos, p.Text, File, o.location, a)
}

// sameContent compares the bytes of two objects.
func (v *evaluation) sameContent(c *migxml.Call) (answer, ok bool) {
	p, ok := v.ctx.Probe.(Data)
	if !ok {
		v.unsupported(c, "contents are not read")
		return false, false
	}
	var r [2]io.ReaderAt
	var size [2]int64
	for i := range r {
		o, ok := v.object(c, 2*i, 2*i+1)
		if !ok {
			return false, false
		}
		if !o.found || o.kind == Registry && isHKCU(o.node) && !v.ctx.User {
			return false, true
		}
		if o.setting != nil {
			text, found, _ := v.read(c, o)
			if !found {
				return false, true
			}
			r[i], size[i] = strings.NewReader(text), int64(len(text))
			continue
		}
		l := o.location
		if o.kind == File {
			if l, ok = l.file(); !ok {
				return false, true
			}
		}
		if r[i], size[i], ok = p.Open(o.kind, l.node, l.leaf); !ok {
			return false, true
		}
		if closer, ok := r[i].(io.Closer); ok {
			defer closer.Close()
		}
	}
	return size[0] == size[1] && sameBytes(r[0], r[1], size[0]), true
}

func sameBytes(a, b io.ReaderAt, size int64) bool {
	var p, q [1 << 16]byte
	for off := int64(0); off < size; off += int64(len(p)) {
		n := min(int64(len(p)), size-off)
		na, errA := a.ReadAt(p[:n], off)
		nb, errB := b.ReadAt(q[:n], off)
		if int64(na) != n && errA != nil || int64(nb) != n && errB != nil || !bytes.Equal(p[:n], q[:n]) {
			return false // what cannot be read is the same as nothing
		}
	}
	return true
}

// fileVersion answers what is asked about the version resource of a file.
func (v *evaluation) fileVersion(c *migxml.Call) (answer, ok bool) {
	p, ok := v.ctx.Probe.(Programs)
	if !ok {
		v.unsupported(c, "version resources of programs are not read")
		return false, false
	}
	text, undefined := expand(c.Arg(0), v.vars, v.ctx.Env)
	if undefined != "" {
		return false, true
	}
	l, err := parseLocation(File, text)
	if err == nil {
		l, ok = l.file()
	}
	if err != nil || !ok || strings.Contains(l.node+l.leaf, "*") {
		return false, true
	}
	version, ok := p.FileVersion(l.node, l.leaf)
	if !ok {
		return false, true
	}
	var numbers [4]uint16
	dotted := ""
	switch {
	case c.Is(1, "FileVersion"):
		numbers, dotted = version.File, version.String()
	case c.Is(1, "ProductVersion"):
		numbers, dotted = version.Product, version.ProductVersion()
	}
	tag := ""
	for name, s := range version.Strings {
		if strings.EqualFold(name, c.Arg(1)) {
			tag = s
		}
	}
	if c.Name == "DoesFileVersionMatch" {
		// Programs write "8, 0, 1" and "QuickTime 5.0" as they like; the
		// numbers say the same in one form.
		return winpath.Match(c.Arg(2), tag, false) || dotted != "" && winpath.Match(c.Arg(2), dotted, false), true
	}
	have := slices.Clone(numbers[:])
	if numbers == ([4]uint16{}) {
		// Only the text says it.
		have = have[:0]
		for _, part := range strings.FieldsFunc(tag, func(r rune) bool { return r == '.' || r == ',' }) {
			part = strings.TrimSpace(part)
			digits := len(part) - len(strings.TrimLeft(part, "0123456789"))
			n, err := strconv.ParseUint(part[:digits], 10, 16)
			if err != nil {
				break
			}
			have = append(have, uint16(n))
			if digits < len(part) {
				break // "2.5 (r7)"
			}
		}
		if len(have) == 0 {
			return false, true
		}
	}
	order := 0
	want := strings.Split(c.Arg(2), ".")
	for i := range max(len(have), len(want)) {
		var a, b uint64
		if i < len(have) {
			a = uint64(have[i])
		}
		if i < len(want) {
			b, _ = strconv.ParseUint(strings.TrimSpace(want[i]), 10, 32)
		}
		if a != b {
			order = 1
			if a < b {
				order = -1
			}
			break
		}
	}
	return c.Name == "IsFileVersionAbove" && order > 0 || c.Name == "IsFileVersionBelow" && order < 0, true
}

// stringContent is the value of GetStringContent; ok is false for NULL.
func (v *evaluation) stringContent(c *migxml.Call) (string, bool) {
	o, ok := v.object(c, 0, 1)
	if !ok || !o.found || o.kind == File && o.setting == nil {
		return "", false // documented: NULL for files
	}
	text, found, _ := v.read(c, o)
	if !found || c.Is(2, "FALSE") {
		return text, found
	}
	return expandKnown(text, v.ctx.Env), true
}

// maxFound bounds the objects that one set stands for when they are listed.
const maxFound = 1 << 16

// collected are the locations that s stands for.
func (v *evaluation) collected(s *migxml.ObjectSet) []placed {
	var out []placed
	w := *v
	w.scope = &scope{collect: &out}
	if v.scope != nil {
		w.scope.component = v.scope.component
	}
	w.filter = nil
	w.set(s, migxml.Include)
	return out
}

// someObject says whether an object of s exists.
func (v *evaluation) someObject(s *migxml.ObjectSet) bool {
	for _, p := range v.collected(s) {
		if v.probe(p.kind, p.location) {
			return true
		}
		// A file may be written without brackets.
		if l, ok := p.file(); ok && p.kind == File && !p.hasLeaf && v.probe(File, l) {
			return true
		}
	}
	return false
}

// objects calls yield with the objects of s that exist, until it returns
// false.
func (v *evaluation) objects(s *migxml.ObjectSet, yield func(placed) bool) {
	f, ok := v.ctx.Probe.(Finder)
	if !ok {
		v.fail(&migxml.UnsupportedError{Pos: s.Pos, What: "<objectSet> in this place", Why: "objects are not searched for"})
		return
	}
	n := 0
	for _, p := range v.collected(s) {
		more := true
		f.Find(p.kind, p.node, p.leaf, p.hasLeaf, func(node, leaf string) bool {
			if n++; n > maxFound {
				v.warn(s.Pos, "more than %d objects are in this set: the rest is left out", maxFound)
				more = false
				return false
			}
			more = yield(placed{p.kind, location{node, leaf, p.hasLeaf}})
			return more
		})
		if !more {
			return
		}
	}
}

// firstObject is the first object of s that exists.
func (v *evaluation) firstObject(s *migxml.ObjectSet) (first placed, ok bool) {
	v.objects(s, func(p placed) bool {
		first, ok = p, true
		return false
	})
	return first, ok
}
