package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/restore/folder"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/partition"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// node is one object of a store or a source, as ls, find, cat and extract
// show it.
type node struct {
	Path     wstr.Text     `json:"path"`
	Stream   wstr.Text     `json:"stream,omitempty"`
	Kind     string        `json:"kind"` // file, folder, link, stream, key, value, part
	User     string        `json:"user,omitempty"`
	Size     int64         `json:"size"`
	Modified string        `json:"modified,omitempty"`
	Attr     uint32        `json:"attributes,omitempty"`
	Target   wstr.Text     `json:"target,omitempty"`
	Links    int           `json:"links,omitempty"`
	Streams  []wstr.Text   `json:"streams,omitempty"`
	Outcome  store.Outcome `json:"outcome,omitempty"`
	Reason   wstr.Text     `json:"reason,omitempty"`
	// Without are the parts of the metadata that rules left out.
	Without string `json:"without,omitempty"`

	modified wstr.Filetime
	// linkTo is the path of the object whose content this one shares, as a
	// further name of the same file.
	linkTo string
	// name is the last name of the path as the source has it, when Path shows
	// it with escapes; "" else.
	name string
	// exact marks what was asked for by its own path, and its streams.
	exact bool
	// gap marks what this run could not list or read: more may be there.
	gap bool
	// unmissed marks volumes that cannot be read and hold nothing of people.
	unmissed bool
	// lossy marks further names of a file whose content is damaged.
	lossy bool
	// EFS says who can decrypt an encrypted content.
	EFS *store.EFS `json:"efs,omitempty"`

	// open opens the content; nil when there is none. That of a source is a
	// *filled.
	open func() (io.ReadCloser, error)
	// raw opens the raw form of an encrypted content, like open; nil for others.
	raw func() (io.ReadCloser, error)
	// secret marks files that are only given out under their exact path;
	// guarded those whose content has to be looked at to know.
	secret, guarded bool
}

// damaged says whether the content is there, but not as it was.
func (n *node) damaged() bool {
	return n.Outcome == store.Damaged || n.Outcome == store.Changed || n.lossy
}

// shownPath joins names behind dir as trees show them: each as the tar of a
// store has it (docs/format.md), so that no name can look like two.
func shownPath(dir string, names ...string) string {
	for _, n := range names {
		if !strings.HasSuffix(dir, `\`) {
			dir += `\`
		}
		dir += folder.Name(n)
	}
	return dir
}

// tree is a store or a source to look into.
type tree interface {
	// each calls fn for the objects at and below path, in some order; with
	// deep false for path itself and what is directly in it. Path "" stands
	// above the volumes.
	each(path string, deep bool, fn func(*node) error) error
	io.Closer
}

// openTree opens SOURCE or STORE.
func (a *app) openTree(path string, f sourceFlags) (tree, error) {
	if path != "" && isStore(path) {
		s, err := store.Open(store.OS(path))
		if err != nil {
			return nil, fail(statusFailed, fmt.Errorf("%s: %w", path, err), "coldstate verify tells what is damaged")
		}
		switch s.Manifest().State {
		case store.StateOpen:
			a.message("note", path+" is not sealed: the capture was interrupted, and only what was durable by then is here")
		case store.StateDamaged:
			a.message("note", fmt.Sprintf("%s is damaged (%v): what is whole can still be read", path, s.Damage()))
		}
		return &storeTree{s: s}, nil
	}
	src, err := a.openSource(sources(path), f)
	if err != nil {
		return nil, err
	}
	return &sourceTree{src}, nil
}

var errStop = errors.New("stop")

// notFound is the error of a path that is not there.
func notFound(path string) error {
	return fail(statusFailed, fmt.Errorf("%s: not found", path), "paths begin with a drive letter or the number of a volume (C:\\Users, 2:\\Users); ls without a path lists the volumes")
}

// sourceTree looks into disks.
type sourceTree struct{ src *source }

func (t *sourceTree) Close() error { t.src.Close(); return nil }

// place is what a path of a source names, or would be below: an entry, and
// the volume prefix or drive it is shown under.
type place struct {
	v    *volumes.Volume
	fs   volumes.FS
	root volumes.Entry // of the drive
	at   string        // `C:\`, as the root of the drive is shown
}

// system is the only installation, nil when there are none or several.
func (t *sourceTree) system() *offline.System {
	if t == nil || len(t.src.systems) != 1 {
		return nil
	}
	return t.src.systems[0]
}

// mount finds the volume that is mounted in a folder on the way of path, and
// the names below it; ok is false when there is none.
func (t *sourceTree) mount(path string) (p place, names []string, ok bool, err error) {
	sys := t.system()
	if sys == nil || winpath.Letter(path) == 0 {
		return p, nil, false, nil
	}
	m, rel, ok := sys.MountOf(path)
	if !ok {
		return p, nil, false, nil
	}
	_, names = winpath.Split(m.Path)
	p, err = newPlace(m.Path, m.Volume, m.Base, shownPath(m.Path[:2], names...))
	return p, strings.FieldsFunc(rel, func(r rune) bool { return r == '\\' }), true, err
}

// newPlace is the place of the folder base of v; path stands in errors.
func newPlace(path string, v *volumes.Volume, base, at string) (place, error) {
	fs, err := v.FS()
	if err != nil {
		hint := ""
		if ve, ok := errors.AsType[*volumes.VolumeError](err); ok {
			err, hint = ve.Err, ve.Hint // the volume is named here
		}
		return place{}, fail(statusDecision, fmt.Errorf("%s: volume %d (%s): %w", path, v.Number, v.Kind, err), hint)
	}
	p := place{v: v, fs: fs, root: fs.Root(), at: at}
	if base != "" {
		if p.root, err = fs.Lookup(base); err != nil {
			return place{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	return p, nil
}

// drive finds the drive of a volume prefix: a letter of the only
// installation, or the number of a volume.
func (t *sourceTree) drive(path, prefix string) (place, error) {
	var v *volumes.Volume
	base := ""
	if winpath.Letter(prefix) != 0 {
		switch len(t.src.systems) {
		case 0:
		case 1:
			v, base, _ = t.src.systems[0].Locate(prefix + `\`)
		default:
			return place{}, fail(statusDecision, fmt.Errorf("%s: %d installations of Windows are here, each with letters of its own", path, len(t.src.systems)), "choose one with --windows, as inspect prints it, or write the number of the volume")
		}
	} else {
		for _, o := range t.src.set.Volumes {
			if fmt.Sprintf("%d:", o.Number) == prefix {
				v = o
			}
		}
	}
	if v == nil {
		return place{}, notFound(path)
	}
	return newPlace(path, v, base, prefix+`\`)
}

// lookup finds the entry of names below the root of the drive. Names may be
// written as they are shown, or as they are.
func (p place) lookup(names []string) (volumes.Entry, error) {
	if !strings.Contains(strings.Join(names, ""), "%") {
		return p.fs.Lookup(winpath.Join(winfs.Path(p.fs, p.root), names...))
	}
	e := p.root
	for _, want := range names {
		children, err := p.fs.Children(e)
		best := 0
		for _, c := range children {
			name := p.fs.Name(c)
			shown, rank := folder.Name(name), 0
			switch {
			case shown == want:
				rank = 4
			case wstr.EqualFold(shown, want):
				rank = 3
			case name == want:
				rank = 2
			case wstr.EqualFold(name, want):
				rank = 1
			}
			if rank > best {
				best, e = rank, c
			}
		}
		if best == 0 {
			if err != nil {
				return 0, err
			}
			return 0, winfs.ErrNotFound
		}
	}
	return e, nil
}

// show is the path of e below the drive.
func (p place) show(e volumes.Entry) string {
	var names []string
	for n := 0; e != p.root && e != p.fs.Root() && n < 1024; n++ {
		names = append(names, p.fs.Name(e))
		e = p.fs.Parent(e)
	}
	slices.Reverse(names)
	return shownPath(p.at, names...)
}

func (t *sourceTree) each(path string, deep bool, fn func(*node) error) error {
	path = winpath.Clean(path)
	if path == "" {
		return t.volumes(deep, fn)
	}
	file, stream := winpath.CutStream(path)
	prefix, names := winpath.Split(file)
	if prefix == "" {
		return notFound(path)
	}
	p, rest, mounted, err := t.mount(file)
	if mounted {
		names = rest
	} else {
		p, err = t.drive(path, prefix)
	}
	if err != nil {
		return err
	}
	e, err := p.lookup(names)
	if errors.Is(err, winfs.ErrNotFound) {
		return notFound(path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	w := sourceWalk{t: t, v: p.v, fs: p.fs, deep: deep, fn: fn, named: e, hasNamed: true}
	if stream != "" {
		return w.stream(e, p.show(e), stream)
	}
	return w.walk(e, p.show(e), 0)
}

// volumes shows the level above the volumes.
func (t *sourceTree) volumes(deep bool, fn func(*node) error) error {
	for _, v := range t.src.set.Volumes {
		vol, folders := winpath.Split(t.src.prefix(v))
		at := shownPath(vol+`\`, folders...)
		fs, err := v.FS()
		if err != nil {
			missed := isMissed(v)
			if err := fn(&node{Path: wstr.Text(at), Kind: "folder", Outcome: store.Unreadable, Reason: wstr.Text(err.Error()), gap: missed, unmissed: !missed}); err != nil {
				return err
			}
			continue
		}
		w := sourceWalk{t: t, v: v, fs: fs, deep: deep, fn: fn, alone: true}
		// Drives of an installation that lies below a folder of this volume
		// are shown under their letters.
		drives := map[volumes.Entry]string{}
		if len(t.src.systems) == 1 {
			for _, d := range t.src.systems[0].Drives {
				if d.Volume != v || d.Base == "" {
					continue
				}
				if e, err := fs.Lookup(d.Base); err == nil {
					drives[e] = string(rune(d.Letter)) + `:\`
				}
			}
		}
		if deep {
			w.drives = drives
			if err := w.walk(fs.Root(), at, 0); err != nil {
				return err
			}
			continue
		}
		if err := fn(w.node(fs.Root(), at)); err != nil {
			return err
		}
		for _, e := range slices.Sorted(maps.Keys(drives)) {
			if err := fn(w.node(e, drives[e])); err != nil {
				return err
			}
		}
	}
	return nil
}

// isMissed says whether people can have anything on a volume that cannot be
// read: not on those with which a machine starts.
func isMissed(v *volumes.Volume) bool {
	if v.Kind == partition.TypeReserved {
		return false
	}
	if v.Partition == nil {
		return true
	}
	switch v.Partition.Type {
	case partition.TypeReserved, partition.TypeBIOSBoot, partition.TypeLDMMetadata:
		return false
	case "EFI system", "Windows RE", "maker's recovery", "maker's tools":
		return v.Kind == volumes.NTFS
	}
	return true
}

// sourceWalk walks one volume.
type sourceWalk struct {
	t    *sourceTree
	v    *volumes.Volume
	fs   volumes.FS
	deep bool
	fn   func(*node) error
	// named is the entry whose exact path was given.
	named    volumes.Entry
	hasNamed bool
	links    map[winfs.FileID]string
	// drives are folders that are shown as drives.
	drives map[volumes.Entry]string
	// alone leaves out the volumes that are mounted in folders of this one:
	// they have walks of their own.
	alone bool
}

// mounted shows the volume that is mounted in the folder e, when that is how
// the volume is called; done is false when it is not.
func (w *sourceWalk) mounted(e volumes.Entry, path string, depth int) (done bool, err error) {
	sys := w.t.system()
	if sys == nil || len(sys.Mounts) == 0 || winpath.Letter(path) == 0 {
		return false, nil
	}
	if info, err := w.fs.Info(e); err != nil || !info.IsDir() {
		return false, nil
	}
	at := sys.Path(w.v, winfs.Path(w.fs, e))
	to, base, known := sys.MountAt(at)
	if !known || to == nil || to == w.v || !wstr.EqualFold(sys.Path(to, base), at) {
		return false, nil
	}
	if w.alone {
		return true, nil
	}
	p, err := newPlace(path, to, base, path)
	if err != nil {
		return true, w.fn(&node{Path: wstr.Text(path), Kind: "folder", Outcome: store.Unreadable, Reason: wstr.Text(err.Error()), gap: true})
	}
	sub := sourceWalk{t: w.t, v: to, fs: p.fs, deep: w.deep, fn: w.fn}
	return true, sub.walk(p.root, path, depth)
}

func (w *sourceWalk) isNamed(e volumes.Entry) bool { return w.hasNamed && w.named == e }

func (w *sourceWalk) walk(e volumes.Entry, path string, depth int) error {
	if at, ok := w.drives[e]; ok {
		path = at
	}
	if depth > 0 {
		if done, err := w.mounted(e, path, depth); done {
			return err
		}
	}
	n := w.node(e, path)
	if err := w.fn(n); err != nil {
		return err
	}
	if w.deep || n.Kind != "folder" {
		if err := w.streams(e, n); err != nil {
			return err
		}
	}
	if n.Kind != "folder" || depth == 1 && !w.deep {
		return nil
	}
	children, err := w.fs.Children(e)
	if err == nil && depth > 16384 && len(children) > 0 {
		children, err = nil, errors.New("the folders are nested too deep; the volume is damaged")
	}
	if err != nil {
		if err := w.fn(&node{Path: wstr.Text(path), Kind: "folder", Outcome: store.Unreadable, Reason: wstr.Text("its entries cannot be listed: " + err.Error()), gap: true}); err != nil {
			return err
		}
	}
	for _, c := range children {
		if err := w.walk(c, shownPath(path, w.fs.Name(c)), depth+1); err != nil {
			return err
		}
	}
	if c, ok := w.fs.(winfs.Checker); ok && e == w.fs.Root() {
		h := c.Health()
		if text := h.LostText(); text != "" {
			return w.fn(&node{Path: wstr.Text(shownPath(path, "$MFT")), Kind: "file", Outcome: store.Unreadable, Reason: wstr.Text(text), gap: true})
		}
	}
	return nil
}

// What is not given out of a source, and why.
const (
	encryptedReason = "it is encrypted with EFS: only its own Windows, or the keys of its user, can open it"
	rawReason       = "it is encrypted with EFS; extract writes its raw form, NAME" + rawSuffix + ", which Windows takes back"
	rawSuffix       = ".efsraw"
)

// encrypted describes a content that EFS encrypted.
func (w *sourceWalk) encrypted(n *node, e volumes.Entry, stream string) {
	_, encrypter := w.fs.(winfs.Encrypter)
	if _, exporter := w.fs.(winfs.RawExporter); !encrypter && !exporter {
		n.Outcome, n.Reason = store.EncryptedSkipped, encryptedReason
		return
	}
	n.Outcome, n.Reason = store.EncryptedRaw, rawReason
	n.raw = func() (io.ReadCloser, error) {
		s, _, _, err := capture.Raw(w.fs, e, stream)
		if err != nil {
			return nil, err
		}
		// Its places are not those of the file, which read errors tell.
		return &filled{s: s, strict: true}, nil
	}
}

// cloudRoot is the path of the folder of the account that e, whose path is
// given, belongs to; "" when it is not known.
func (w *sourceWalk) cloudRoot(e volumes.Entry, path string) string {
	root, ok := winfs.CloudRoot(w.fs, e)
	if !ok {
		return ""
	}
	for e != root {
		e = w.fs.Parent(e)
		path = winpath.Dir(path)
	}
	return path
}

// node describes an entry.
func (w *sourceWalk) node(e volumes.Entry, path string) *node {
	n := &node{Path: wstr.Text(path), Kind: "file", exact: w.isNamed(e)}
	if name := w.fs.Name(e); folder.Name(name) != name {
		n.name = name
	}
	info, err := w.fs.Info(e)
	if err != nil {
		n.Outcome, n.Reason, n.gap = store.Unreadable, wstr.Text(err.Error()), true
		return n
	}
	n.Size, n.Attr, n.Links = info.Size, info.Attr, info.Links
	n.modified, n.Modified = info.Modified, info.Modified.String()
	if info.Damage != "" {
		n.Outcome, n.Reason, n.gap = store.Damaged, wstr.Text(info.Damage), true
	}
	if info.Lost != nil {
		n.Outcome = store.Unreadable
	}
	switch {
	case winfs.IsNameSurrogate(info.Reparse):
		n.Kind = "link"
		if b, err := w.fs.Reparse(e); err == nil {
			target, _ := winfs.LinkTarget(b)
			n.Target = wstr.Text(target)
		}
	case info.IsDir():
		n.Kind, n.Size = "folder", 0
	case info.NotLocal():
		n.Outcome, n.Reason = store.Placeholder, wstr.Text(info.WhyNotLocal(w.cloudRoot(e, path)))
	case info.Mode&winfs.Encrypted != 0:
		w.encrypted(n, e, "")
	default:
		n.open = func() (io.ReadCloser, error) { return w.open(e, "") }
		if !n.exact {
			_, folders := winpath.Split(winpath.Dir(path))
			n.secret, n.guarded = plan.SecretFile(folders, w.fs.Name(e), w.fs, e, &info), true
		}
		if info.Links > 1 {
			if w.links == nil {
				w.links = map[winfs.FileID]string{}
			}
			if first, ok := w.links[info.File]; ok {
				n.linkTo = first
			} else {
				w.links[info.File] = path
			}
		}
	}
	if info.Streams > 0 {
		ss, err := w.fs.Streams(e)
		if err != nil {
			n.gap = true
			if n.Outcome == "" {
				n.Outcome, n.Reason = store.Damaged, wstr.Text("its streams cannot be listed: "+err.Error())
			}
		}
		for _, s := range ss {
			n.Streams = append(n.Streams, wstr.Text(s.Name))
		}
	}
	return n
}

func (w *sourceWalk) streams(e volumes.Entry, of *node) error {
	if len(of.Streams) == 0 {
		return nil
	}
	ss, _ := w.fs.Streams(e) // node has said when some are missing
	for _, s := range ss {
		if err := w.fn(w.streamNode(e, string(of.Path), &s)); err != nil {
			return err
		}
	}
	return nil
}

func (w *sourceWalk) streamNode(e volumes.Entry, path string, s *volumes.StreamInfo) *node {
	n := &node{Path: wstr.Text(path), Stream: wstr.Text(s.Name), Kind: "stream", Size: s.Size, exact: w.isNamed(e)}
	if s.Mode&winfs.Encrypted != 0 {
		w.encrypted(n, e, s.Name)
		return n
	}
	n.guarded = !n.exact
	n.open = func() (io.ReadCloser, error) { return w.open(e, s.Name) }
	return n
}

func (w *sourceWalk) stream(e volumes.Entry, path, name string) error {
	ss, err := w.fs.Streams(e)
	for _, s := range ss {
		if wstr.EqualFold(s.Name, name) {
			return w.fn(w.streamNode(e, path, &s))
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return notFound(path + ":" + name)
}

func (w *sourceWalk) open(e volumes.Entry, stream string) (io.ReadCloser, error) {
	s, err := w.fs.Open(e, stream)
	if err != nil {
		return nil, err
	}
	return &filled{s: s}, nil
}

// storeTree looks into a store.
type storeTree struct {
	s *store.Store
}

func (t *storeTree) Close() error { return t.s.Close() }

func (t *storeTree) each(path string, deep bool, fn func(*node) error) error {
	file, stream := winpath.CutStream(path)
	root := winpath.Clean(file)
	vol, names := winpath.Split(file)
	if vol == "" {
		// A registry path: colons and slashes in it are names.
		stream = ""
		if root = strings.Trim(path, `\`); !strings.Contains(root, `\`) {
			root = winpath.Clean(root)
		}
	}
	found, err := t.scan(root, stream, deep, fn)
	if escaped := shownPath(vol+`\`, names...); !found && err == nil && vol != "" && escaped != root {
		// The names may have been written as they are.
		found, err = t.scan(escaped, stream, deep, fn)
	}
	if err == nil && !found {
		return notFound(path)
	}
	return err
}

// scan goes through the catalog; root is as paths are shown.
func (t *storeTree) scan(root, stream string, deep bool, fn func(*node) error) (found bool, err error) {
	found = root == ""
	// What is shown once though many objects are in it; users have registries
	// of their own.
	type place struct{ user, path string }
	seen, guessed := map[place]bool{}, map[place]bool{}
	once := func(o *store.Object, path, kind string) error {
		at := place{o.User, wstr.Upper(path)}
		if seen[at] {
			return nil
		}
		seen[at] = true
		return fn(&node{Path: wstr.Text(path), Kind: kind, User: o.User})
	}
	// Folders that are no objects themselves show as the folders they are.
	var implicit []*node
	var damage error
	for o, err := range t.s.Objects() {
		if err != nil {
			damage = err
			continue
		}
		p := objectPath(o)
		implied := "folder"
		if o.Kind == store.Key || o.Kind == store.Value {
			implied = "key"
		}
		if root == "" && !deep {
			// The level above the volumes: C:, registry roots, parts.
			head, _, _ := strings.Cut(p, `\`)
			if vol, _ := winpath.Volume(p); vol != "" {
				head = vol + `\`
			}
			if err := once(o, head, "folder"); err != nil {
				return true, err
			}
			continue
		}
		rel, ok := "", root == ""
		if !ok {
			if rel, ok = winpath.Rel(root, p); !ok {
				continue
			}
		}
		if stream != "" && (rel != "" || o.Kind != store.Stream || !wstr.EqualFold(string(o.Stream), stream)) {
			continue
		}
		found = true
		if !deep && rel != "" {
			head, _, below := strings.Cut(rel, `\`)
			switch {
			case below || o.Kind == store.Value:
				// The folder may come later: what is not captured comes first.
				path := strings.TrimSuffix(root, `\`) + `\` + head
				if at := (place{o.User, wstr.Upper(path)}); !seen[at] && !guessed[at] {
					guessed[at] = true
					implicit = append(implicit, &node{Path: wstr.Text(path), Kind: implied, User: o.User})
				}
				continue
			case o.Kind == store.Stream:
				continue
			case o.Kind == store.Folder || o.Kind == store.Key:
				at := place{o.User, wstr.Upper(p)}
				if seen[at] {
					continue
				}
				seen[at] = true
			}
		}
		n := t.node(o, p)
		n.exact = root != "" && rel == ""
		if err := fn(n); err != nil {
			return true, err
		}
	}
	for _, n := range implicit {
		if seen[place{n.User, wstr.Upper(string(n.Path))}] {
			continue
		}
		if err := fn(n); err != nil {
			return true, err
		}
	}
	if damage != nil {
		return found, fail(statusIncomplete, fmt.Errorf("the catalog of the store is damaged, objects are missing here: %w", damage), "coldstate verify tells what is damaged; the segments can be unpacked with zstd and tar")
	}
	return found, nil
}

// objectPath is the path of o as it is shown.
func objectPath(o *store.Object) string {
	switch o.Kind {
	case store.File, store.Folder, store.Stream, store.Link:
		return catalogPath(string(o.Path), o.Names)
	}
	return string(o.Path)
}

// catalogPath is a path of the catalog as it is shown. names are given when
// one of them holds a backslash.
func catalogPath(path string, names []wstr.Text) string {
	vol, rest := winpath.Volume(path)
	if vol == "" || names == nil && !strings.ContainsAny(rest, "%/\x00") && !strings.Contains(rest, `\.`) {
		return path
	}
	var list []string
	for _, n := range names {
		list = append(list, string(n))
	}
	if rest = strings.TrimPrefix(rest, `\`); names == nil && rest != "" {
		list = strings.Split(rest, `\`)
	}
	return shownPath(vol+`\`, list...)
}

func (t *storeTree) node(o *store.Object, path string) *node {
	n := &node{
		Path: wstr.Text(path), Stream: o.Stream, Kind: string(o.Kind), User: o.User, Size: o.Size,
		Modified: o.Modified.String(), modified: o.Modified, Attr: o.Attr, Target: o.Target,
		Outcome: o.Outcome, Reason: wstr.Text(o.Reason), Without: o.Without,
	}
	if path != string(o.Path) {
		n.name = winpath.Base(string(o.Path))
		if len(o.Names) > 0 {
			n.name = string(o.Names[len(o.Names)-1])
		}
	}
	if o.Outcome == store.Linked {
		n.lossy = len(o.Ranges) > 0 || o.Reason != ""
		if o.Kind == store.File {
			n.linkTo = catalogPath(string(o.LinkTo), o.LinkToNames)
		}
	}
	switch {
	case o.Raw || o.Outcome == store.EncryptedRaw:
		if n.Reason == "" {
			n.Reason = rawReason
		}
		if n.EFS = o.EFS; o.Outcome.Stored() {
			n.raw = func() (io.ReadCloser, error) { return t.s.Content(o) }
		}
	case o.Outcome.Stored() && (o.Kind == store.File || o.Kind == store.Stream || o.Kind == store.Part):
		n.open = func() (io.ReadCloser, error) { return t.s.Content(o) }
	}
	return n
}
