package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// Place is what a person asks about: a file, folder or stream, a key, or a
// value.
type Place struct {
	Registry bool
	// Path is clean; a key begins with HKLM, HKCU, HKCR or HKU.
	Path string
	// Stream is the name of a stream, Value that of a value when IsValue.
	Stream, Value string
	IsValue       bool
	// Folder says that the text ends with a backslash.
	Folder bool
}

var longRoots = map[string]string{
	"HKLM": "HKLM", "HKEY_LOCAL_MACHINE": "HKLM", "HKCU": "HKCU", "HKEY_CURRENT_USER": "HKCU",
	"HKCR": "HKCR", "HKEY_CLASSES_ROOT": "HKCR", "HKU": "HKU", "HKEY_USERS": "HKU",
}

// ParsePlace reads `C:\folder\file:stream`, `HKCU\Key` and `HKCU\Key [Value]`.
func ParsePlace(text string) (Place, error) {
	root, rest, _ := strings.Cut(strings.TrimSpace(text), `\`)
	root, value, isValue := strings.Cut(root, "[")
	if short, ok := longRoots[wstr.Upper(strings.TrimSpace(root))]; ok {
		p := Place{Registry: true, Path: short}
		if isValue {
			rest = "[" + value
		}
		if i := strings.LastIndex(rest, "["); i >= 0 && strings.HasSuffix(rest, "]") && (i == 0 || rest[i-1] == ' ') {
			p.IsValue, p.Value, rest = true, rest[i+1:len(rest)-1], rest[:i]
		}
		for _, name := range strings.Split(strings.TrimSpace(rest), `\`) {
			if name != "" {
				p.Path += `\` + name
			}
		}
		return p, nil
	}
	text = strings.TrimPrefix(strings.TrimSpace(text), `\\?\`)
	p := Place{Folder: strings.HasSuffix(text, `\`) || strings.HasSuffix(text, "/")}
	p.Path, p.Stream = winpath.CutStream(winpath.Clean(text))
	p.Path = winpath.Clean(p.Path) // `C:\a\:x` is a stream of the folder a
	if vol, _ := winpath.Volume(text); vol == "" {
		return p, fmt.Errorf(`%s: a path begins with a drive, the number of a volume, or a root key: C:\Users, 2:\Users, HKCU\Software`, text)
	}
	if strings.ContainsAny(p.Path, "*?") {
		return p, fmt.Errorf("%s: no name holds * or ?; one path is explained at a time", text)
	}
	return p, nil
}

// Explained tells what a plan does with one place, and why.
type Explained struct {
	Path   wstr.Text `json:"path"`
	Stream wstr.Text `json:"stream,omitempty"` // of values: the value's name
	Kind   string    `json:"kind"`
	// User is the ID of the user whose HKCU it is, Owner whom a file belongs to.
	User  string `json:"user,omitempty"`
	Owner string `json:"owner,omitempty"`
	// Exists says whether it is on the source; Missing why not.
	Exists  bool      `json:"exists"`
	Missing wstr.Text `json:"missing,omitempty"`
	// Decision is Taken, WouldBeTaken, NotTaken, or an outcome that a plan
	// can give.
	Decision string    `json:"decision"`
	Reason   wstr.Text `json:"reason,omitempty"`
	// TakenAs is the path under which it is taken, when that is another.
	TakenAs wstr.Text `json:"taken_as,omitempty"`
	// Below says, of folders and keys, that rules can take what is in them.
	Below bool            `json:"rules_below"`
	Rules []ExplainedRule `json:"rules"`
	// Without are the parts of its metadata that are left out, and WithoutBy
	// the excludeAttributes that say so.
	Without   string    `json:"without,omitempty"`
	WithoutBy []RuleDoc `json:"without_by,omitempty"`
}

// Decisions of Explain beside the outcomes of a plan.
const (
	Taken        = "taken"
	WouldBeTaken = "would-be-taken" // if it were there
	NotTaken     = "not-taken"
)

// ExplainedRule is a rule that fits a place: the one that wins first.
type ExplainedRule struct {
	RuleDoc
	Action  string    `json:"action"` // include, exclude, unconditionalExclude
	As      wstr.Text `json:"as"`     // the pattern with its variables replaced
	Context string    `json:"context"`
	// AlsoFor are further contexts in which it is the same.
	AlsoFor []string `json:"also_for,omitempty"`
	Wins    bool     `json:"wins"`
	// Off says that the rule does not run: it would fit, and has no say.
	Off bool   `json:"off,omitempty"`
	Why string `json:"lost_because,omitempty"`
	// ByFile and ByLine are the rule that it lost to, or what switches it off.
	ByFile string `json:"lost_to_file,omitempty"`
	ByLine int    `json:"lost_to_line,omitempty"`
}

// onlyPaths are the places in paths under all the names that a plan can have
// them under, in upper case.
func (p *Plan) onlyPaths(paths []string) []string {
	sys := p.System
	var out []string
	add := func(p string) {
		if p = wstr.Upper(p); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, text := range paths {
		at, err := ParsePlace(text)
		if err != nil {
			continue
		}
		add(at.Path)
		if at.Registry {
			name, _ := p.keyName(at.Path)
			add(name)
			if rest, ok := winpath.Rel("HKCR", at.Path); ok {
				add(joinKey(`HKCU\Software\Classes`, rest))
			}
			continue
		}
		v, rel, err := sys.Locate(at.Path)
		if err != nil {
			continue
		}
		if fs, err := v.FS(); err == nil {
			if e, err := fs.Lookup(rel); err == nil {
				rel = winfs.Path(fs, e) // a short name in full
			}
		}
		add(sys.Path(v, rel))
		for _, d := range sys.Drives {
			if in, ok := winpath.Rel(d.Base, rel); ok && d.Volume == v {
				add(winpath.Join(string(rune(d.Letter))+`:\`, in))
			}
		}
		for _, m := range sys.Mounts {
			if in, ok := winpath.Rel(m.Base, rel); ok && m.Volume == v {
				add(winpath.Join(m.Path, in))
			}
		}
		add(winpath.Join(fmt.Sprintf(`%d:\`, v.Number), rel))
	}
	return out
}

func joinKey(key, rest string) string {
	if rest == "" {
		return key
	}
	return key + `\` + rest
}

// Explain tells what p does with a place: once, or for places below HKCU once
// for every user whose rules run; for classes (HKCR) once for the machine, and
// for each of these users that has the class. The place has to be one that p
// looked at.
func (p *Plan) Explain(at Place) ([]Explained, error) {
	if !at.Registry {
		x, err := p.explainFile(at)
		return []Explained{x}, err
	}
	name, u := p.keyName(at.Path)
	var out []Explained
	if root, _, _ := strings.Cut(name, `\`); root != "HKCU" {
		out = append(out, p.explainKey(at, name, p.Contexts[0]))
		rest, ok := winpath.Rel("HKCR", at.Path)
		if !ok {
			return out, nil
		}
		for _, c := range p.Contexts {
			if c.User == nil {
				continue
			}
			if x := p.explainKey(at, joinKey(`HKCU\Software\Classes`, rest), c); x.Exists {
				out = append(out, x)
			}
		}
		return out, nil
	}
	for _, c := range p.Contexts {
		if c.User != nil && (u == nil || c.User == u) {
			out = append(out, p.explainKey(at, name, c))
		}
	}
	if len(out) == 0 {
		return nil, errors.New("HKCU: no user of this Windows is chosen, so that there is no such key")
	}
	return out, nil
}

func (p *Plan) explainFile(at Place) (Explained, error) {
	x := Explained{Path: wstr.Text(at.Path), Stream: wstr.Text(at.Stream), Kind: File.String(), Rules: []ExplainedRule{}}
	path, hasLeaf := at.Path, !at.Folder
	if vol, names := winpath.Split(path); len(names) == 0 {
		path, hasLeaf = vol, false
	}
	var obj rules.Object
	var fs volumes.FS
	var entry volumes.Entry
	v, rel, err := p.System.Locate(at.Path)
	var lost *offline.VolumeMissingError
	switch {
	case errors.As(err, &lost):
		x.Missing = wstr.Text(lost.Volume + " is not among the sources")
	case err != nil:
		return x, err
	default:
		if fs, err = v.FS(); err == nil {
			entry, err = fs.Lookup(rel)
		}
		var info volumes.Info
		if err == nil {
			info, err = fs.Info(entry)
		}
		switch {
		case errors.Is(err, volumes.ErrNotFound):
			x.Missing = "it is not on the source"
		case err != nil:
			x.Missing = wstr.Text(err.Error())
		default:
			x.Exists = true
			hasLeaf = !info.IsDir()
			if hasLeaf {
				obj = &file{fs, entry, info, p.bias}
			}
			if winfs.IsNameSurrogate(info.Reparse) {
				x.Kind = Link.String()
			} else if info.IsDir() {
				x.Kind = Folder.String()
			}
			full := winfs.Path(fs, entry)
			if !wstr.EqualFold(full, rel) { // a short name
				path = p.System.Path(v, full)
				x.Path = wstr.Text(path)
			} else if head, ok := strings.CutSuffix(at.Path, rel); ok && len(full) == len(rel) {
				x.Path = wstr.Text(head + full) // in the case of the source
			}
		}
		// Rules that give the number of a volume mean its name.
		if prefix := p.System.VolumePrefix(v); winpath.Letter(path) == 0 && winpath.Letter(prefix) != 0 {
			own := Volume{Prefix: prefix}
			path = own.Path(rel)
		}
	}
	if !x.Exists && !hasLeaf {
		x.Kind = Folder.String()
	}
	if at.Stream != "" {
		x.Kind = Stream.String()
		if x.Exists {
			ss, err := fs.Streams(entry)
			if err == nil && !slices.ContainsFunc(ss, func(s volumes.StreamInfo) bool { return wstr.EqualFold(s.Name, at.Stream) }) {
				x.Exists, x.Missing = false, "the file has no such stream"
			}
		}
	}
	// What the plan has of it, under whichever name.
	var item *Item
	for i := range p.Items {
		it := &p.Items[i]
		w := &p.Volumes[it.Volume]
		if !x.Exists || w.Volume != v || it.Entry != entry || (it.Kind == Stream) != (at.Stream != "") {
			continue
		}
		if it.Kind == Stream {
			if ss, err := w.FS.Streams(it.Entry); err != nil || int(it.Stream) >= len(ss) || !wstr.EqualFold(ss[it.Stream].Name, at.Stream) {
				continue
			}
		}
		item = it
		break
	}
	if item != nil {
		if as := p.Path(item); !wstr.EqualFold(as, string(x.Path)) && !wstr.EqualFold(as, at.Path) {
			x.TakenAs, path = wstr.Text(as), as
		}
		x.Owner = p.Owners[item.Owner]
	}
	node, leaf := path, ""
	if hasLeaf {
		node, leaf = winpath.Dir(path), winpath.Base(path)
	}
	d, matches := p.Rules.Explain(rules.File, "", node, leaf, hasLeaf, obj)
	x.Rules = p.explained(matches)
	refused := p.refusedAt(path, at.Stream, "", true)
	switch {
	case item != nil:
		x.Decision = Taken
	case refused != nil && (d.Take || refused.Outcome == VolumeMissing):
		x.Decision, x.Reason = refused.Outcome, wstr.Text(refused.Reason)
		if wstr.EqualFold(refused.Path, path) && at.Stream == "" {
			x.Kind = refused.Kind.String() // a mount point is the folder that it stands for
		}
	case !d.Take:
		x.Decision = NotTaken
		if hasLeaf && x.Exists {
			_, folders := winpath.Split(node)
			if info, err := fs.Info(entry); err == nil && forbiddenFile(folders, leaf, fs, entry, &info) {
				x.Reason = policyReason
			}
		}
	case lost != nil:
		x.Decision, x.Reason = VolumeMissing, x.Missing
	case !x.Exists:
		x.Decision = WouldBeTaken
	default:
		x.Decision = NotTaken
		x.Reason = "the rules fit, but they do not reach this volume, or this place of it, under this name: only a rule that spells out its drive, its number or its folder does"
	}
	if at.Stream != "" {
		return x, nil
	}
	vol, names := winpath.Split(node)
	w := p.Rules.Files(vol)
	for _, n := range names {
		w = w.Enter(n)
	}
	x.Below = w != nil && !hasLeaf
	if hasLeaf {
		without, by := w.WithoutOf(node, leaf, obj)
		if item != nil && without != 0 {
			without = p.keptByOthers(v, entry, without)
		}
		x.leftOut(without, by)
	} else {
		x.leftOut(w.Without(node))
	}
	return x, nil
}

// keptByOthers is without, but for what rules keep of the file under another of
// its names: see keepShared. The names are looked for on the whole volume.
func (p *Plan) keptByOthers(v *volumes.Volume, of volumes.Entry, without migxml.Attributes) migxml.Attributes {
	fs, err := v.FS()
	if err != nil {
		return without
	}
	self, err := fs.Info(of)
	if err != nil {
		return without
	}
	left := self.Links - 1
	var below func(dir volumes.Entry, depth int)
	below = func(dir volumes.Entry, depth int) {
		children, err := fs.Children(dir)
		if err != nil || depth > maxDepth {
			return
		}
		for _, e := range children {
			if left <= 0 || without == 0 {
				return
			}
			info, err := fs.Info(e)
			switch {
			case err != nil:
			case info.IsDir() && !winfs.IsNameSurrogate(info.Reparse):
				below(e, depth+1)
			case info.File == self.File && e != of:
				left--
				path := p.System.Path(v, winfs.Path(fs, e))
				vol, names := winpath.Split(winpath.Dir(path))
				w := p.Rules.Files(vol)
				for _, n := range names {
					w = w.Enter(n)
				}
				o := &file{fs, e, info, p.bias}
				if name := winpath.Base(path); w.LeafOf(name, o).Take {
					other, _ := w.WithoutOf(winpath.Dir(path), name, o)
					without &= other
				}
			}
		}
	}
	below(fs.Root(), 0)
	return without
}

// leftOut tells what is not kept of the metadata of what is taken.
func (x *Explained) leftOut(without migxml.Attributes, by []*rules.AttributeRule) {
	if x.Decision != Taken && x.Decision != WouldBeTaken || without == 0 {
		return
	}
	x.Without = without.String()
	for _, r := range by {
		if r.Attributes&without == 0 {
			continue
		}
		x.WithoutBy = append(x.WithoutBy, RuleDoc{File: r.Pos.File, Line: r.Pos.Line, Column: r.Pos.Col, Component: r.Component, Pattern: wstr.Text(r.Text)})
	}
}

// explainKey explains a key or value of c: at is what was asked, path the name
// that the plan has for it.
func (p *Plan) explainKey(at Place, path string, c Context) Explained {
	x := Explained{Path: wstr.Text(at.Path), Kind: Key.String(), Rules: []ExplainedRule{}}
	if at.IsValue {
		x.Kind, x.Stream = Value.String(), wstr.Text(at.Value)
	}
	if c.User != nil {
		x.User, x.Owner = c.Name, p.Label(c.User)
	}
	key, err := p.openKey(path, c.User)
	var obj rules.Object
	if err == nil && at.IsValue {
		var v hive.Value
		if v, err = key.Value(at.Value); err == nil {
			obj = value{v}
		}
	}
	switch {
	case err == nil:
		x.Exists = true
	case errors.Is(err, hive.ErrNotFound):
		x.Missing = "it is not on the source"
	default:
		x.Missing = wstr.Text(err.Error())
	}
	taken := slices.ContainsFunc(p.Keys, func(k KeyItem) bool {
		return k.IsValue == at.IsValue && k.Path.User == x.User && wstr.EqualFold(k.Path.Path, path) &&
			(!at.IsValue || wstr.EqualFold(k.Value.Name(), at.Value))
	})
	if taken && !wstr.EqualFold(path, at.Path) {
		x.TakenAs = wstr.Text(path)
	}
	d, matches := p.Rules.Explain(rules.Registry, c.Name, path, at.Value, at.IsValue, obj)
	x.Rules = p.explained(matches)
	refused := p.refusedAt(path, "", x.User, !at.IsValue)
	switch {
	case taken:
		x.Decision = Taken
	case refused != nil && (wstr.EqualFold(refused.Path, path) || d.Take && (x.Exists || refused.Outcome != Damaged)):
		x.Decision, x.Reason = refused.Outcome, wstr.Text(refused.Reason)
	case !d.Take:
		x.Decision = NotTaken
		if errors.Is(err, offline.ErrPolicy) {
			x.Reason = policyReason
		}
	case !x.Exists && errors.Is(err, hive.ErrNotFound):
		x.Decision = WouldBeTaken
	case !x.Exists:
		x.Decision, x.Reason = NotTaken, "the rules fit, but the registry file that has it is not read"
	default:
		x.Decision, x.Reason = NotTaken, "the rules fit, but the key is not reached under this name"
	}
	if !at.IsValue {
		root, rest, _ := strings.Cut(path, `\`)
		w := p.Rules.Keys(c.Name, root)
		for _, n := range strings.FieldsFunc(rest, func(r rune) bool { return r == '\\' }) {
			w = w.Enter(n)
		}
		x.Below = w != nil
		without, by := w.Without(path)
		x.leftOut(without&migxml.LastWrittenTime, by)
	}
	return x
}

// openKey opens a key by the name that a plan has for it.
func (p *Plan) openKey(path string, u *profile.User) (hive.Key, error) {
	root, rest, _ := strings.Cut(path, `\`)
	switch root {
	case "HKCU":
		return u.HKCU(rest)
	case "HKU":
		name, below, _ := strings.Cut(rest, `\`)
		if wstr.EqualFold(name, ".DEFAULT") {
			h, err := p.System.Hive(p.System.Config("DEFAULT"))
			if err != nil || below == "" {
				return rootOf(h), err
			}
			return h.Root().Key(below)
		}
		for _, u := range p.Users {
			if belowHKU(u) && wstr.EqualFold(u.ID, name) {
				return hkuKey(u, below, p.System.Hive)
			}
		}
		return hive.Key{}, fmt.Errorf("%s: %w", path, hive.ErrNotFound)
	}
	return p.System.HKLM(rest)
}

func rootOf(h *hive.Hive) hive.Key {
	if h == nil {
		return hive.Key{}
	}
	return h.Root()
}

// refusedAt is what the plan refused at path, or at what it lies in.
func (p *Plan) refusedAt(path, stream, user string, self bool) *Refused {
	var found *Refused
	for i := range p.Refused {
		r := &p.Refused[i]
		rel, ok := winpath.Rel(r.Path, path)
		if !ok || r.User != user || rel == "" && r.Stream != "" && !(stream != "" && (r.Stream == AllStreams || wstr.EqualFold(r.Stream, stream))) {
			continue
		}
		if rel != "" && r.Kind != Folder && r.Kind != Key {
			continue
		}
		if rel == "" && !self && r.Outcome == Damaged {
			continue
		}
		if found == nil || len(r.Path) > len(found.Path) {
			found = r
		}
	}
	return found
}

// explained describes rules that fit: the one that wins, then what would take
// the place.
func (p *Plan) explained(matches []rules.Match) []ExplainedRule {
	out := make([]ExplainedRule, 0, len(matches))
	for _, m := range matches {
		r := p.Rules.Rule(m.Rule)
		e := ExplainedRule{
			RuleDoc: RuleDoc{r.Pos.File, r.Pos.Line, r.Pos.Col, r.Component, wstr.Text(r.Text), r.Filter, r.Ini, nil},
			Action:  "include", As: wstr.Text(m.Pattern), Context: "System", Wins: m.Wins, Off: m.Off, Why: m.Why,
		}
		switch {
		case r.Unconditional:
			e.Action = "unconditionalExclude"
		case r.Exclude:
			e.Action = "exclude"
		}
		for _, c := range m.AlsoIn {
			if int(c) < len(p.Contexts) && p.Contexts[c].User != nil {
				e.AlsoFor = append(e.AlsoFor, p.Label(p.Contexts[c].User))
			}
		}
		if c := int(m.Context); c >= len(p.Contexts) && c-len(p.Contexts) < len(p.absent) {
			e.Context = p.Label(p.absent[c-len(p.Contexts)].User)
		} else if c >= 0 && c < len(p.Contexts) && p.Contexts[c].User != nil {
			e.Context = p.Label(p.Contexts[c].User)
		}
		e.ByFile, e.ByLine = m.At.File, m.At.Line
		if m.By >= 0 {
			by := p.Rules.Rule(m.By)
			e.ByFile, e.ByLine = by.Pos.File, by.Pos.Line
		}
		out = append(out, e)
	}
	rank := func(r *ExplainedRule) int {
		switch {
		case r.Wins:
			return 0
		case r.Off && r.Action == "include":
			return 3
		case r.Off:
			return 4
		case r.Action == "include":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(out, func(a, b ExplainedRule) int { return rank(&a) - rank(&b) })
	return out
}
