// Package plan walks an offline Windows once and writes down what the rules
// chose: every file, folder, link, stream, registry key and value, with the
// rule that chose it, and what could not be seen. It reads names and metadata
// only; the contents are capture's.
package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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

// Options of Build.
type Options struct {
	// Selected says which users' own rules run; nil selects every user that
	// is no service account. Rules of the system context reach the files of
	// all users, as in USMT.
	Selected func(*profile.User) bool
	// Rules are the command line's --include and --exclude, and the
	// components that a Config.xml switches off.
	Rules rules.Options
	// Accounts are the accounts and groups of the installation, nil when they
	// cannot be read; Config is the Config.xml, nil without one. They make the
	// membership plan.
	Accounts *profile.SAM
	Config   *migxml.Config
	// StoreFolder is the host folder of the store: it is out of every rule's
	// scope when it lies in a source that is a folder. "" for none.
	StoreFolder string
	// Only, when not nil, are paths of files, folders and registry keys: no
	// more is looked at than is at these and on the way to them, and the plan
	// has nothing else. Explain needs it no wider.
	Only []string
	// Progress is called now and then with the number of entries seen.
	Progress func(entries int64)
}

// Plan is what is to be captured.
type Plan struct {
	System   *offline.System
	Users    []*profile.User // all of them
	Contexts []Context
	Rules    *rules.Set
	Sources  []*migxml.Document // of Rules, in their order
	Config   *migxml.Config     // nil without one
	Warnings []migxml.Warning
	Volumes  []Volume
	Items    []Item
	Keys     []KeyItem
	// Refused are objects in scope that have their outcome already: what
	// could not be listed, what policy forbids, volumes that are missing.
	Refused []Refused
	// LinksOnly are places whose volume is not among the sources and that only
	// rules reach which begin with a wildcard: drives, `E:\`, and folders in
	// which a volume is mounted, which are links without what is behind them.
	LinksOnly []string
	// Membership is who shall be in which local groups of the destination.
	Membership *Membership
	// Owners names the owners that Item.Owner counts: 0 is the machine.
	Owners []string

	bias   time.Duration // of the source's local time
	absent []Context     // of people who are not selected, for Explain
}

// Label is what a user is called towards people: DOMAIN\name, or the ID.
func Label(u *profile.User) string {
	switch {
	case u.NameFrom == "":
		return u.ID
	case u.Domain != "":
		return u.Domain + `\` + u.Name
	}
	return u.Name
}

// labelAmong is the label of u, with the ID when another of users has the same.
func labelAmong(users []*profile.User, u *profile.User) string {
	label := Label(u)
	for _, other := range users {
		if other != u && label != u.ID && wstr.EqualFold(Label(other), label) {
			return label + " (" + u.ID + ")"
		}
	}
	return label
}

// Label is what u is called among the users of the plan.
func (p *Plan) Label(u *profile.User) string { return labelAmong(p.Users, u) }

// Context is one evaluation of the rules.
type Context struct {
	Name string // "System", or the user's ID
	User *profile.User
}

// Volume is a file system of the plan.
type Volume struct {
	Volume *volumes.Volume
	FS     volumes.FS
	// Prefix is how its paths begin: "C:", "2:", or the folder in which it is
	// mounted, `C:\Data`.
	Prefix string
	// Base is the folder of the volume that is the root of Prefix: set for a
	// Windows that was copied into a folder, else "".
	Base string
}

// Path is the path of what is rel below the root of v.
func (v *Volume) Path(rel string) string {
	if rel == "" && len(v.Prefix) > 2 && winpath.Letter(v.Prefix) != 0 {
		return v.Prefix
	}
	return v.Prefix + `\` + rel
}

// Names are the folders in Prefix: none for a drive.
func (v *Volume) Names() []string {
	_, names := winpath.Split(v.Prefix)
	return names
}

// Kind tells what an item is.
type Kind uint8

// The kinds of items.
const (
	File Kind = iota
	Folder
	Link   // symbolic link or junction; never followed
	Stream // named data stream of a file or folder
	Key
	Value
)

func (k Kind) String() string {
	return [...]string{"file", "folder", "link", "stream", "key", "value"}[k]
}

// Item is one object of a file system. It is small and holds no pointers:
// there may be millions. Its path is derived (Plan.Path).
type Item struct {
	Entry   volumes.Entry
	Rule    int32
	Context int16
	Owner   int16  // index of Plan.Owners
	Stream  uint16 // for streams: the index in FS.Streams
	Volume  uint8  // index of Plan.Volumes
	Kind    Kind
	// Without are the parts of the metadata that the rules leave out.
	Without migxml.Attributes
}

// KeyItem is one registry key, or one value of it.
type KeyItem struct {
	Key     hive.Key
	Path    *KeyPath
	Value   hive.Value
	IsValue bool // else the item is the key itself
	Rule    int32
	Context int16
	Owner   int16
	Without migxml.Attributes // as Item has it, for keys
}

// KeyPath is the place of a key, shared by its values.
type KeyPath struct {
	Root string // "HKLM", "HKCU", "HKU"
	User string // SID whose HKCU it is, else ""
	Path string // with the root: `HKCU\Software\X`
}

// Refused is an object in scope that cannot be captured.
type Refused struct {
	Path, User string
	// Names are the names that Path joins, when one of them holds a
	// backslash, so that Path alone is ambiguous.
	Names   []string
	Stream  string // for streams: its name, AllStreams for those that cannot be listed
	Kind    Kind
	Outcome string
	Reason  string
	Owner   int16
}

// Outcomes that a plan can give.
const (
	Policy        = "excluded-by-policy"
	Unreadable    = "unreadable"
	Damaged       = "damaged" // a registry file of which something is missing
	VolumeMissing = "volume-missing"
	Unsupported   = "unsupported"
)

// AllStreams stands for the streams of a file that cannot be listed.
const AllStreams = "*"

// maxDepth is above every path of a sound volume (32,767 characters).
const maxDepth = 16384

// Build compiles the rules for the system and its users and walks all volumes
// and registries that a rule can reach.
func Build(ctx context.Context, sys *offline.System, set *volumes.Set, users []*profile.User, docs []*migxml.Document, opt Options) (*Plan, error) {
	p := &Plan{System: sys, Users: users, Owners: []string{""}, Sources: docs, Config: opt.Config}
	if opt.Selected == nil {
		opt.Selected = (*profile.User).Person
	}
	p.Membership = Members(sys, opt.Accounts, users, opt.Config, opt.Selected)
	var ctxs []rules.Context
	p.Contexts, ctxs = contexts(sys, users, opt.Selected)
	var err error
	if opt.Only != nil {
		opt.Rules.Explain = true
		p.absent, opt.Rules.Others = contextsOf(sys, users, func(u *profile.User) bool { return u.Person() && !opt.Selected(u) })
	}
	if p.Rules, p.Warnings, err = rules.Compile(docs, ctxs, opt.Rules); err != nil {
		return nil, err
	}
	p.tellUnknown(ctxs, opt.Rules.Others)
	b := &builder{Plan: p, ctx: ctx, opt: opt, profiles: map[string]int16{}, met: map[string]bool{},
		claims: map[*volumes.Volume]map[volumes.Entry]bool{}}
	p.bias = bias(sys)
	if opt.Only != nil {
		b.only = p.onlyPaths(opt.Only)
	}
	for _, m := range sys.Mounts {
		b.placed = b.placed || !hasVolumeName(m.How)
	}
	for _, u := range users {
		if u.Dir != "" && u.Person() {
			b.profiles[wstr.Upper(winpath.Clean(u.Dir))] = int16(len(p.Owners))
			p.Owners = append(p.Owners, p.Label(u))
		}
	}
	if err := b.volumes(set); err != nil {
		return nil, err
	}
	b.missing()
	if err := b.registry(); err != nil {
		return nil, err
	}
	b.tellLeftOut()
	return p, nil
}

// contexts are the evaluations of the rules: of the system, and of each user
// that is selected.
func contexts(sys *offline.System, users []*profile.User, selected func(*profile.User) bool) (own []Context, ctxs []rules.Context) {
	own = []Context{{Name: "System"}}
	ctxs = []rules.Context{{Name: "System", Env: sys.Env(), Probe: newProbe(sys, users, nil)}}
	more, moreCtxs := contextsOf(sys, users, selected)
	return append(own, more...), append(ctxs, moreCtxs...)
}

// contextsOf are the evaluations of the rules of users.
func contextsOf(sys *offline.System, users []*profile.User, selected func(*profile.User) bool) (own []Context, ctxs []rules.Context) {
	for _, u := range users {
		if selected(u) {
			own = append(own, Context{Name: u.ID, User: u})
			ctxs = append(ctxs, rules.Context{Name: u.ID, Label: labelAmong(users, u), User: true, Env: u.Env(), Probe: newProbe(sys, users, u)})
		}
	}
	return own, ctxs
}

type builder struct {
	*Plan
	ctx      context.Context
	opt      Options
	profiles map[string]int16 // upper-case profile folder -> owner
	seen     int64
	names    []string // folders on the way to the current one
	// claimed are the entries of the volume at hand whose content is planned,
	// nil when the volume is walked once; claims are those of all volumes.
	claimed map[volumes.Entry]bool
	claims  map[*volumes.Volume]map[volumes.Entry]bool
	hurt    map[*volumes.Volume]bool // those that lostFiles has told of
	links   []mountLink              // to be looked behind
	// placed says that a person named folders in which volumes are mounted,
	// which may be plain folders on the disk.
	placed bool
	met    map[string]bool // the folders of that kind that were walked to
	// thinned are the excludeAttributes that leave something out. shared is what
	// all names in the plan of a file with several leave out, and further are
	// those of them that leave out anything.
	thinned map[migxml.Pos]*thinned
	shared  map[sameFile]migxml.Attributes
	further []furtherName
	// only are the paths of Options.Only in upper case, nil for everything.
	only []string
}

// onTheWay says whether path is one of those that are looked at, or above one.
func (b *builder) onTheWay(path string) bool {
	if b.only == nil {
		return true
	}
	up := wstr.Upper(path)
	return slices.ContainsFunc(b.only, func(o string) bool {
		return strings.HasPrefix(o, up) && (len(o) == len(up) || o[len(up)] == '\\')
	})
}

// name is one name of a volume, or of a folder of it that is a drive.
type name struct {
	Volume
	// spelled: only rules that spell it out reach what it names. The others
	// do under another name.
	spelled bool
}

// names lists the names of v in the order in which they are walked: what was
// taken under one is not taken under a later one. own is what rules that spell
// out no name reach it by; of several that are spelled out the own one comes
// last, so that a drive that a rule names keeps its letter, but the drive of
// the installation, which is in all its paths, comes first.
func (b *builder) nameList(v *volumes.Volume) []name {
	prefix := b.System.VolumePrefix(v)
	numbered := winpath.Letter(prefix) == 0
	var own, spelled, last []name
	known := func(base string) bool {
		return slices.ContainsFunc(own, func(n name) bool { return wstr.EqualFold(n.Base, base) })
	}
	for _, d := range b.System.Drives {
		letter := string(rune(d.Letter)) + ":"
		if d.Volume != v || letter == prefix {
			continue
		}
		// A volume without a name of its own may have folders that are drives.
		n := name{Volume{Volume: v, Prefix: letter, Base: d.Base}, !numbered || known(d.Base)}
		if n.spelled {
			spelled = append(spelled, n)
		} else {
			own = append(own, n)
		}
	}
	for _, m := range b.System.Mounts {
		n := name{Volume{Volume: v, Prefix: m.Path, Base: m.Base}, true}
		switch {
		case m.Volume != v || m.Base == "" && wstr.EqualFold(m.Path, prefix):
		case m.Base != "" && winpath.Letter(b.System.Path(v, m.Base)) != 0 && wstr.EqualFold(b.System.Path(v, m.Base), m.Path):
			n.spelled = false
			own = append(own, n)
		case b.start(m.Path).Named():
			last = append(last, n)
		}
	}
	// What lies beside a Windows that was put into a folder (the Windows that
	// came after it), and what machines start from, is taken only when a rule
	// names the volume.
	all := name{Volume{Volume: v, Prefix: prefix}, numbered && (len(own) > 0 || v.Starts())}
	if prefix == b.System.Dir[:2] {
		return slices.Concat([]name{all}, spelled, own, last)
	}
	return slices.Concat(spelled, own, []name{all}, last)
}

func (b *builder) volumes(set *volumes.Set) error {
	for _, v := range set.Volumes {
		var walks []*rules.Walk
		var names []name
		for _, n := range b.nameList(v) {
			w := b.start(n.Prefix)
			// Below a folder, rules that begin with a wildcard are obeyed by
			// whoever names the folder.
			if n.spelled && len(n.Names()) == 0 {
				if w = b.Rules.NamedFiles(n.Prefix); w == nil {
					continue
				}
			}
			names, walks = append(names, n), append(walks, w)
		}
		b.claimed = nil
		if len(names) > 1 || slices.ContainsFunc(b.System.Mounts, func(m offline.Mount) bool { return m.Volume == v }) {
			b.claimed = map[volumes.Entry]bool{}
			b.claims[v] = b.claimed
		}
		for i, n := range names {
			if err := b.volume(n.Volume, walks[i]); err != nil {
				return err
			}
		}
	}
	return b.behind()
}

// mountLink is a folder in which a volume is mounted that has another name, met
// on the walk and in the plan as a link, if at all.
type mountLink struct {
	path   string
	to     *volumes.Volume
	base   string
	volume uint8 // of the link
	entry  volumes.Entry
}

// behind walks the volumes behind the links that rules reach, for what is in
// the plan under no other name. When there is something, the folder is in the
// plan as a folder and not as a link.
func (b *builder) behind() error {
	instead := map[mountLink]bool{}
	for i := 0; i < len(b.links); i++ {
		l := b.links[i]
		b.claimed = b.claims[l.to]
		items, vols, refused := len(b.Items), len(b.Volumes), len(b.Refused)
		if err := b.volume(Volume{Volume: l.to, Prefix: l.path, Base: l.base}, b.named(l.path)); err != nil {
			return err
		}
		if len(b.Items) > items+1 || len(b.Items) == items+1 && b.Items[items].Kind != Folder || len(b.Refused) > refused {
			instead[mountLink{volume: l.volume, entry: l.entry}] = true
			continue
		}
		b.Items, b.Volumes = b.Items[:items], b.Volumes[:vols]
	}
	b.keepShared()
	if len(instead) > 0 {
		b.Items = slices.DeleteFunc(b.Items, func(it Item) bool { return instead[mountLink{volume: it.Volume, entry: it.Entry}] })
	}
	return nil
}

// named is the state at path of the rules that begin with a drive.
func (b *builder) named(path string) *rules.Walk {
	vol, names := winpath.Split(path)
	w := b.Rules.NamedFiles(vol)
	for _, name := range names {
		w = w.Enter(name)
	}
	return w
}

// start is the state of the rules at the root of what has that prefix: a
// drive, or a folder in which a volume is mounted.
func (b *builder) start(prefix string) *rules.Walk {
	vol, names := winpath.Split(prefix)
	w := b.Rules.Files(vol)
	for _, name := range names {
		w = w.Enter(name)
	}
	return w
}

// claim says whether the content of e is not in the plan under another name
// of its volume.
func (b *builder) claim(e volumes.Entry) bool {
	if b.claimed == nil {
		return true
	}
	old := b.claimed[e]
	b.claimed[e] = true
	return !old
}

func (b *builder) volume(v Volume, w *rules.Walk) error {
	fs, err := v.Volume.FS()
	if err != nil {
		// A volume that no rule names, and that holds no file system of
		// Windows (EFI, reserved, Linux), is nobody's loss.
		// What is encrypted is somebody's.
		locked := errors.Is(err, volumes.ErrLocked) && !b.refused(v.Path(""))
		if locked || w != nil && winpath.Letter(v.Prefix+`\`) != 0 {
			outcome := Unreadable
			if errors.Is(err, volumes.ErrUnsupported) {
				outcome = Unsupported
			}
			b.refuse(Refused{Path: v.Path(""), Kind: Folder, Outcome: outcome, Reason: err.Error()})
		}
		return nil
	}
	if w == nil {
		return nil
	}
	if len(b.Volumes) == 255 {
		return errors.New("more than 255 volumes with a file system: give fewer sources")
	}
	v.FS = fs
	if v.Volume.HostPath != "" && b.opt.StoreFolder != "" && sameHost(v.Volume.HostPath, b.opt.StoreFolder) {
		return nil // all of it is the store's
	}
	b.lostFiles(v, w)
	root, err := fs.Lookup(v.Base)
	if err != nil {
		b.refuse(Refused{Path: v.Path(""), Kind: Folder, Outcome: Unreadable, Reason: err.Error()})
		return nil
	}
	b.Volumes = append(b.Volumes, v)
	store := hostPath(v.Volume, b.opt.StoreFolder)
	if rel, ok := winpath.Rel(v.Base, store); ok && v.Base != "" {
		store = rel
	}
	vw := &volumeWalk{builder: b, fs: fs, vol: uint8(len(b.Volumes) - 1), root: v, store: store}
	b.names = b.names[:0]
	return vw.folder(root, w, b.profileOf(v.Prefix), 0)
}

// profileOf is the owner of the folder path: whoever has it or a folder above
// it as profile.
func (b *builder) profileOf(path string) int16 {
	if _, names := winpath.Split(path); len(names) > 0 {
		for p := path; len(p) > 3; p = winpath.Dir(p) {
			if o, ok := b.profiles[wstr.Upper(p)]; ok {
				return o
			}
		}
	}
	return 0
}

type volumeWalk struct {
	*builder
	fs   volumes.FS
	vol  uint8
	root Volume
	// store is the path of the store's folder below this volume's root in
	// upper case, "" when it is elsewhere.
	store string
	file  file // the file at hand, for filters
}

func (v *volumeWalk) path() string { return v.root.Path(strings.Join(v.names, `\`)) }

// refuseAt records an object that cannot be captured: the folder at hand, or
// with a name what is in it.
func (v *volumeWalk) refuseAt(name string, r Refused) {
	names := v.names
	if name != "" {
		names = append(slices.Clip(names), name)
	}
	r.Path = v.root.Path(strings.Join(names, `\`))
	if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, `\`) }) {
		r.Names = append(v.root.Names(), names...)
	}
	v.refuse(r)
}

// folder plans what is in dir; its own entry is decided here as well.
func (v *volumeWalk) folder(dir volumes.Entry, w *rules.Walk, owner int16, depth int) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth {
		v.refuseAt("", Refused{Kind: Folder, Outcome: Unreadable, Reason: "the folders below are nested deeper than Windows allows; the volume is damaged", Owner: owner})
		return nil
	}
	if owner == 0 && len(v.profiles) > 0 && depth <= 4 {
		if o, ok := v.profiles[wstr.Upper(v.path())]; ok {
			owner = o
		}
	}
	if d := w.Self(); d.Take {
		first := v.claim(dir)
		if first || depth == 0 {
			v.add(dir, Folder, d, owner)
			v.leaveOut(w, v.path(), nil)
		}
		if first {
			v.streams(dir, "", d, owner)
		}
	}
	children, err := v.fs.Children(dir)
	if err != nil {
		v.refuseAt("", Refused{Kind: Folder, Outcome: Unreadable, Reason: "its entries cannot be listed: " + err.Error(), Owner: owner})
		return nil
	}
	for _, e := range children {
		if v.seen++; v.seen&0x3fff == 0 && v.opt.Progress != nil {
			v.opt.Progress(v.seen)
		}
		name := v.fs.Name(e)
		if v.only != nil && !v.onTheWay(winpath.Join(v.path(), name)) {
			continue
		}
		info, err := v.fs.Info(e)
		if err != nil {
			if d := w.Leaf(name); d.Take {
				v.refuseAt(name, Refused{Kind: File, Outcome: Unreadable, Reason: err.Error(), Owner: owner})
			}
			continue
		}
		if !info.IsDir() {
			v.file = file{v.fs, e, info, v.bias}
			d := w.LeafOf(name, &v.file)
			if !d.Take || !v.claim(e) {
				continue
			}
			if forbiddenFile(v.names, name, v.fs, e, &info) {
				v.refuseAt(name, Refused{Kind: File, Outcome: Policy, Reason: policyReason, Owner: owner})
				if ss, err := v.fs.Streams(e); err == nil {
					for _, st := range ss {
						v.refuseAt(name, Refused{Stream: st.Name, Kind: Stream, Outcome: Policy, Reason: policyReason, Owner: owner})
					}
				}
				continue
			}
			kind := File
			if winfs.IsNameSurrogate(info.Reparse) {
				kind = Link
			}
			v.add(e, kind, d, owner)
			v.leaveOut(w, name, &v.file)
			if info.Streams > 0 {
				v.streams(e, name, d, owner)
			}
			continue
		}
		cw := w.Enter(name)
		if cw == nil {
			continue
		}
		if info.Reparse == winfs.TagMountPoint || v.placed {
			if done := v.mounted(name, e, &info, cw, owner); done {
				continue
			}
		}
		if winfs.IsNameSurrogate(info.Reparse) {
			if d := cw.Self(); d.Take && v.claim(e) {
				v.add(e, Link, d, owner)
				v.leaveOut(cw, winpath.Join(v.path(), name), nil)
				if info.Streams > 0 {
					v.streams(e, name, d, owner)
				}
			}
			continue
		}
		v.names = append(v.names, name)
		if v.store == "" || wstr.Upper(strings.Join(v.names, `\`)) != v.store {
			err = v.folder(e, cw, owner, depth+1)
		}
		v.names = v.names[:len(v.names)-1]
		if err != nil {
			return err
		}
	}
	return nil
}

// hasVolumeName says whether it is Windows that mounts a volume, by its name.
func hasVolumeName(how string) bool { return len(how) > 7 && wstr.EqualFold(how[:7], "Volume{") }

func missingMount(path string) string {
	return fmt.Sprintf(`the volume that is mounted in the folder is not among the sources: give its disk as well, name the volume with --map '%[1]s=NUMBER', or leave it out with --exclude '%[1]s\* [*]'`, path)
}

// mounted says whether the junction of that name in the folder at hand is
// dealt with because a volume is mounted in it: what stands in its place is
// the root of that volume, which has its own walk. A junction to a volume that
// has another name, by which it is walked, stays one, unless a rule spells it
// out or something is behind it that rules reach only through it. One to a
// volume that is missing stays one when only rules that begin with a wildcard
// reach it.
func (v *volumeWalk) mounted(name string, e volumes.Entry, info *volumes.Info, w *rules.Walk, owner int16) bool {
	path := winpath.Join(v.path(), name)
	to, base, known := v.System.MountAt(path)
	if known {
		v.met[path] = true
	}
	switch {
	case !known:
		return false
	case to == nil && v.named(path) == nil:
		v.LinksOnly = append(v.LinksOnly, path)
		return false
	case to == nil:
		v.refuseAt(name, Refused{Kind: Folder, Outcome: VolumeMissing, Reason: missingMount(path), Owner: owner})
		return true
	}
	own := v.System.Path(to, base)
	if wstr.EqualFold(own, path) || w.Named() {
		return true
	}
	// Neither the volume itself nor that of the installation is ever looked for
	// in a folder: it would be there with all that rules leave out of it.
	if info.Reparse == winfs.TagMountPoint && to != v.root.Volume && to != v.System.Volume {
		if n := v.named(path); n != nil && (n.Self().Take || v.start(own) == nil) {
			v.links = append(v.links, mountLink{path, to, base, v.vol, e})
		}
	}
	return false
}

// streams plans the named streams of e; name is its own in the folder at hand,
// "" for that folder.
func (v *volumeWalk) streams(e volumes.Entry, name string, d rules.Decision, owner int16) {
	ss, err := v.fs.Streams(e)
	if err != nil {
		v.refuseAt(name, Refused{Stream: AllStreams, Kind: Stream, Outcome: Unreadable, Reason: "its streams cannot be listed: " + err.Error(), Owner: owner})
		return
	}
	for i := range ss {
		if i > 0xffff {
			v.refuseAt(name, Refused{Stream: ss[i].Name, Kind: Stream, Outcome: Unsupported, Reason: "more than 65,536 streams in one file", Owner: owner})
			continue
		}
		v.Items = append(v.Items, Item{Entry: e, Rule: d.Rule, Context: d.Context, Owner: owner, Stream: uint16(i), Volume: v.vol, Kind: Stream})
	}
}

func (v *volumeWalk) add(e volumes.Entry, kind Kind, d rules.Decision, owner int16) {
	v.Items = append(v.Items, Item{Entry: e, Rule: d.Rule, Context: d.Context, Owner: owner, Volume: v.vol, Kind: kind})
}

// leaveOut notes what the rules leave out of the metadata of the item added
// last: o and its name in the folder at hand, or with o nil the folder of that
// path.
func (v *volumeWalk) leaveOut(w *rules.Walk, name string, o *file) {
	if !v.Rules.LeavesOut() {
		return
	}
	it := &v.Items[len(v.Items)-1]
	var by []*rules.AttributeRule
	if o == nil {
		it.Without, by = w.Without(name)
	} else {
		it.Without, by = w.WithoutOf(v.path(), name, o)
		if o.info.Links > 1 {
			n := furtherName{item: len(v.Items) - 1, file: sameFile{v.root.Volume, o.info.File}, by: by}
			without, known := v.shared[n.file]
			if !known {
				without = it.Without
			}
			if v.shared == nil {
				v.shared = map[sameFile]migxml.Attributes{}
			}
			v.shared[n.file] = without & it.Without
			if it.Without != 0 {
				v.further = append(v.further, n)
			}
			return
		}
	}
	v.leftOut(it.Without, by)
}

// sameFile is what several names of one file have in common.
type sameFile struct {
	volume *volumes.Volume
	file   winfs.FileID
}

// furtherName is one of several names of a file, of whose metadata rules leave
// something out.
type furtherName struct {
	item int // index of Items
	file sameFile
	by   []*rules.AttributeRule
}

// keepShared gives all names of a file the metadata that rules keep of any: it
// is that of the file, and each name leads to it.
func (b *builder) keepShared() {
	for _, n := range b.further {
		it := &b.Items[n.item]
		it.Without = b.shared[n.file]
		b.leftOut(it.Without, n.by)
	}
	b.further = nil
}

// leftOut counts an object of whose metadata rules leave something out.
func (b *builder) leftOut(without migxml.Attributes, by []*rules.AttributeRule) {
	if without == 0 {
		return
	}
	if b.thinned == nil {
		b.thinned = map[migxml.Pos]*thinned{}
	}
	for _, r := range by {
		if r.Attributes&without == 0 {
			continue
		}
		t := b.thinned[r.Pos]
		if t == nil {
			t = &thinned{}
			b.thinned[r.Pos] = t
		}
		t.without |= without & r.Attributes
		t.objects++
	}
}

// thinned counts what an excludeAttributes is for.
type thinned struct {
	without migxml.Attributes
	objects int64
}

// tellLeftOut warns of what is kept without all of its metadata: a restore
// has nothing to go by.
func (b *builder) tellLeftOut() {
	if b.only != nil {
		return
	}
	for _, pos := range slices.SortedFunc(maps.Keys(b.thinned), func(x, y migxml.Pos) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Col, y.Col))
	}) {
		t := b.thinned[pos]
		kept := "1 object is kept"
		if t.objects != 1 {
			kept = fmt.Sprintf("%d objects are kept", t.objects)
		}
		b.Warnings = append(b.Warnings, migxml.Warning{Pos: pos,
			Msg: fmt.Sprintf("as this <excludeAttributes> asks for, %s without %s: a restore gives what new objects have", kept, t.without)})
	}
}

func (b *builder) refuse(r Refused) { b.Refused = append(b.Refused, r) }

// refused says whether the object at path has its outcome already.
func (b *builder) refused(path string) bool {
	return slices.ContainsFunc(b.Refused, func(r Refused) bool { return r.Path == path })
}

// lostFiles gives an outcome to what the volume has lost the names or the
// folders of: nobody can say whether a rule would have taken it.
func (b *builder) lostFiles(v Volume, w *rules.Walk) {
	c, ok := v.FS.(winfs.Checker)
	if !ok || b.hurt[v.Volume] {
		return
	}
	if b.hurt == nil {
		b.hurt = map[*volumes.Volume]bool{}
	}
	b.hurt[v.Volume] = true
	h := c.Health()
	if text := h.LostText(); text != "" {
		b.refuse(Refused{Path: v.Path("$MFT"), Kind: File, Outcome: Damaged, Reason: text})
	}
	// A rule for the whole volume has the folder of the orphans.
	if text := h.OrphansText(); text != "" && !w.Enter("$Orphans").Self().Take {
		b.refuse(Refused{Path: v.Path("$Orphans"), Kind: Folder, Outcome: Damaged, Reason: text})
	}
}

// missing notes drive letters that a rule spells out, itself or by a variable,
// and that no volume answers; profiles of users that are on such a drive; and
// folders in which such a volume is mounted.
func (b *builder) missing() {
	for letter := byte('A'); letter <= 'Z'; letter++ {
		if slices.ContainsFunc(b.System.Drives, func(d offline.Drive) bool { return d.Letter == letter }) {
			continue
		}
		vol := string(rune(letter)) + ":"
		known := slices.Contains(b.System.Missing, letter)
		switch w := b.Rules.Files(vol); {
		case !w.Named():
			// Rules that begin with a wildcard are about whatever is there.
			if w != nil && known {
				b.LinksOnly = append(b.LinksOnly, vol+`\`)
			}
			continue
		}
		what := "which nothing on the sources answers, and which is no fixed disk of this Windows"
		if known {
			what = "which this Windows had on a disk that is not among the sources"
		}
		b.refuse(Refused{Path: vol + `\`, Kind: Folder, Outcome: VolumeMissing,
			Reason: fmt.Sprintf(`%s names drive %s, %s: give that disk as well, name its volume with --map %c=NUMBER, or leave it out with --exclude '%s\* [*]'`, b.whoNames(vol), vol, what, letter, vol)})
	}
	told := map[string]bool{}
	for _, c := range b.Contexts {
		var lost *offline.VolumeMissingError
		if c.User == nil || c.User.Dir == "" || told[wstr.Upper(c.User.Dir)] {
			continue
		}
		if _, _, err := b.System.Locate(c.User.Dir); errors.As(err, &lost) {
			told[wstr.Upper(c.User.Dir)] = true
			b.refuse(Refused{Path: c.User.Dir, Kind: Folder, Outcome: VolumeMissing, Owner: b.profileOf(c.User.Dir),
				Reason: fmt.Sprintf("the profile folder of %s is on %s, which is not among the sources: give its disk as well, name its volume with --map '%s=NUMBER', or leave the user out with --not-user '%s'",
					b.Label(c.User), lost.Volume, strings.TrimSuffix(lost.Volume, ":"), Label(c.User))})
		}
	}
	// Folders in which a volume is mounted are met on the walk, but for those
	// that are only said to be one.
	for _, path := range b.System.MissingMounts {
		if b.start(path) == nil || slices.ContainsFunc(slices.Collect(maps.Keys(b.met)), func(m string) bool { return wstr.EqualFold(m, path) }) {
			continue
		}
		b.refuse(Refused{Path: path, Kind: Folder, Outcome: VolumeMissing, Reason: missingMount(path)})
	}
}

// whoNames tells of the first rule that spells out a drive, for people.
func (b *builder) whoNames(vol string) string {
	for i := range b.Rules.Rules() {
		r := b.Rules.Rule(int32(i))
		if !r.Include || len(r.Text) < len(vol) || !wstr.EqualFold(r.Text[:len(vol)], vol) {
			continue
		}
		if r.Pos.Line > 0 {
			return fmt.Sprintf("%s:%d: the rule %s", r.Pos.File, r.Pos.Line, r.Text)
		}
		return r.Pos.File + " '" + r.Text + "'"
	}
	// It is a variable that names it: a folder of a user.
	var folders []string
	for _, c := range b.Contexts {
		if c.User == nil {
			continue
		}
		if len(c.User.Dir) >= len(vol) && wstr.EqualFold(c.User.Dir[:len(vol)], vol) {
			folders = append(folders, fmt.Sprintf("the profile of %s (%s)", b.Label(c.User), c.User.Dir))
		}
		for _, r := range c.User.Redirected {
			if len(r.Path) >= len(vol) && wstr.EqualFold(r.Path[:len(vol)], vol) {
				folders = append(folders, fmt.Sprintf("%s of %s (%s)", r.Folder, b.Label(c.User), r.Path))
			}
		}
	}
	if len(folders) > 0 {
		return "a rule for " + strings.Join(folders, ", ")
	}
	return "a rule"
}

// Path is the logical path of an item: `C:\Users\ann\x`, without its stream.
func (p *Plan) Path(it *Item) string {
	v := &p.Volumes[it.Volume]
	rel := winfs.Path(v.FS, it.Entry)
	if v.Base != "" {
		rel, _ = winpath.Rel(v.Base, rel)
	}
	return v.Path(rel)
}

// Count is the number of objects in scope: every one of them ends in exactly
// one outcome.
func (p *Plan) Count() int { return len(p.Items) + len(p.Keys) + len(p.Refused) }

// Object is one object of the plan as it is shown to people and programs.
type Object struct {
	Path    wstr.Text `json:"path"`
	Stream  wstr.Text `json:"stream,omitempty"` // of values: the value's name
	Kind    string    `json:"kind"`
	User    string    `json:"user,omitempty"`
	Size    int64     `json:"size"`
	Outcome string    `json:"outcome,omitempty"` // when it is known before the capture
	Reason  wstr.Text `json:"reason,omitempty"`
	Owner   string    `json:"owner,omitempty"`
	Rule    int32     `json:"rule"`
	// Without are the parts of the metadata that the rules leave out.
	Without string `json:"without,omitempty"`
}

// Objects iterates over everything in scope.
func (p *Plan) Objects(yield func(*Object) bool) {
	for i := range p.Items {
		it := &p.Items[i]
		v := &p.Volumes[it.Volume]
		o := Object{Path: wstr.Text(p.Path(it)), Kind: it.Kind.String(), Owner: p.Owners[it.Owner], Rule: it.Rule, Without: it.Without.String()}
		o.Size = p.Size(it)
		if it.Kind == Stream {
			if ss, err := v.FS.Streams(it.Entry); err == nil && int(it.Stream) < len(ss) {
				o.Stream = wstr.Text(ss[it.Stream].Name)
			}
		}
		if !yield(&o) {
			return
		}
	}
	for i := range p.Keys {
		k := &p.Keys[i]
		o := Object{Path: wstr.Text(k.Path.Path), Kind: Key.String(), User: k.Path.User, Owner: p.Owners[k.Owner], Rule: k.Rule, Without: k.Without.String()}
		if k.IsValue {
			o.Kind = Value.String()
			o.Stream, o.Size = wstr.Text(k.Value.Name()), int64(k.Value.Size())
		}
		if !yield(&o) {
			return
		}
	}
	for i := range p.Refused {
		r := &p.Refused[i]
		o := Object{Path: wstr.Text(r.Path), Stream: wstr.Text(r.Stream), Kind: r.Kind.String(), User: r.User, Outcome: r.Outcome, Reason: wstr.Text(r.Reason), Owner: p.Owners[r.Owner], Rule: -1}
		if !yield(&o) {
			return
		}
	}
}

// Size is the number of content bytes of an item: what reading it gives.
func (p *Plan) Size(it *Item) int64 {
	fs := p.Volumes[it.Volume].FS
	switch it.Kind {
	case File:
		if info, err := fs.Info(it.Entry); err == nil {
			return info.Size
		}
	case Stream:
		if ss, err := fs.Streams(it.Entry); err == nil && int(it.Stream) < len(ss) {
			return ss[it.Stream].Size
		}
	}
	return 0
}

// Total is what one owner has by one component.
type Total struct {
	Owner     string `json:"owner"` // "" is the machine
	Kind      string `json:"kind"`  // see migxml.Kinds; "" for --include
	Component string `json:"component"`
	Objects   int64  `json:"objects"`
	Bytes     int64  `json:"bytes"`
}

// Totals adds the plan up per owner and component, largest first.
func (p *Plan) Totals() []Total {
	type key struct {
		owner           int16
		kind, component string
	}
	sums := map[key]*Total{}
	add := func(owner int16, rule int32, size int64) {
		info := p.Rules.Rule(rule)
		k := key{owner, "", info.Component}
		if info.About != nil {
			k.kind = info.About.Kind
		}
		t := sums[k]
		if t == nil {
			t = &Total{Owner: p.Owners[owner], Kind: k.kind, Component: k.component}
			sums[k] = t
		}
		t.Objects++
		t.Bytes += size
	}
	for i := range p.Items {
		it := &p.Items[i]
		add(it.Owner, it.Rule, p.Size(it))
	}
	for i := range p.Keys {
		k := &p.Keys[i]
		var size int64
		if k.IsValue {
			size = int64(k.Value.Size())
		}
		add(k.Owner, k.Rule, size)
	}
	out := make([]Total, 0, len(sums))
	for _, t := range sums {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Total) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Component, b.Component))
	})
	return out
}
