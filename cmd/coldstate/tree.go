package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/volumes"
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

	modified wstr.Filetime
	// linkTo is the path of the object whose content this one shares, as a
	// further name of the same file.
	linkTo string
	// open opens the content; nil when there is none.
	open func() (io.ReadCloser, error)
	// secret marks files that are only given out under their exact path.
	secret bool
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
	if isStore(path) {
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
	src, err := a.openSource([]string{path}, f)
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

func (t *sourceTree) volume(prefix string) *volumes.Volume {
	for _, v := range t.src.set.Volumes {
		if t.src.prefix(v) == prefix || fmt.Sprintf("%d:", v.Number) == prefix {
			return v
		}
	}
	return nil
}

func (t *sourceTree) each(path string, deep bool, fn func(*node) error) error {
	path = winpath.Clean(path)
	if path == "" {
		for _, v := range t.src.set.Volumes {
			prefix := t.src.prefix(v)
			fs, err := v.FS()
			if err != nil {
				if !deep {
					n := &node{Path: wstr.Text(prefix + `\`), Kind: "folder", Outcome: store.Unreadable, Reason: wstr.Text(err.Error())}
					if err := fn(n); err != nil {
						return err
					}
				}
				continue
			}
			w := sourceWalk{fs: fs, deep: deep, fn: fn}
			if !deep {
				n, err := w.node(fs.Root(), prefix+`\`)
				if err == nil {
					err = fn(n)
				}
				if err != nil {
					return err
				}
				continue
			}
			if err := w.walk(fs.Root(), prefix+`\`, 0); err != nil {
				return err
			}
		}
		return nil
	}
	file, stream := winpath.CutStream(path)
	prefix, rest := winpath.Volume(file)
	v := t.volume(prefix)
	if v == nil {
		return notFound(path)
	}
	fs, err := v.FS()
	if err != nil {
		return fail(statusDecision, fmt.Errorf("%s: volume %d (%s): %w", path, v.Number, v.Kind, err), "")
	}
	e, err := fs.Lookup(strings.TrimPrefix(rest, `\`))
	if err != nil {
		if errors.Is(err, winfs.ErrNotFound) {
			return notFound(path)
		}
		return err
	}
	exact := prefix + `\` + winfs.Path(fs, e)
	w := sourceWalk{fs: fs, deep: deep, fn: fn, named: e, hasNamed: true}
	if stream != "" {
		return w.stream(e, exact, stream)
	}
	return w.walk(e, exact, 0)
}

// sourceWalk walks one volume.
type sourceWalk struct {
	fs   volumes.FS
	deep bool
	fn   func(*node) error
	// named is the entry whose exact path was given.
	named    volumes.Entry
	hasNamed bool
	links    map[winfs.FileID]string
}

func (w *sourceWalk) walk(e volumes.Entry, path string, depth int) error {
	if depth > 16384 {
		return fmt.Errorf("%s: the folders are nested too deep; the volume is damaged", path)
	}
	n, err := w.node(e, path)
	if err != nil {
		n = &node{Path: wstr.Text(path), Kind: "file", Outcome: store.Unreadable, Reason: wstr.Text(err.Error())}
	}
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
	if err != nil {
		return w.fn(&node{Path: wstr.Text(path), Kind: "folder", Outcome: store.Unreadable, Reason: wstr.Text("its entries cannot be listed: " + err.Error())})
	}
	for _, c := range children {
		if err := w.walk(c, winpath.Join(path, w.fs.Name(c)), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// node describes an entry.
func (w *sourceWalk) node(e volumes.Entry, path string) (*node, error) {
	info, err := w.fs.Info(e)
	if err != nil {
		return nil, err
	}
	n := &node{
		Path: wstr.Text(path), Kind: "file", Size: info.Size, Modified: info.Modified.String(), modified: info.Modified,
		Attr: info.Attr, Links: info.Links,
	}
	if info.Damage != "" {
		n.Outcome, n.Reason = store.Damaged, wstr.Text(info.Damage)
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
	default:
		if winfs.IsCloudTag(info.Reparse) && info.Mode&(winfs.Absent|winfs.Partial) != 0 {
			n.Outcome, n.Reason = store.Placeholder, "its content is only in the cloud"
		}
		n.open = func() (io.ReadCloser, error) { return w.open(e, "") }
		if !(w.hasNamed && w.named == e) {
			_, folders := winpath.Split(winpath.Dir(path))
			n.secret = plan.SecretFile(folders, w.fs.Name(e), w.fs, e, &info)
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
			n.Outcome, n.Reason = store.Damaged, wstr.Text("its streams cannot be listed: "+err.Error())
		}
		for _, s := range ss {
			n.Streams = append(n.Streams, wstr.Text(s.Name))
		}
	}
	return n, nil
}

func (w *sourceWalk) streams(e volumes.Entry, of *node) error {
	if len(of.Streams) == 0 {
		return nil
	}
	ss, err := w.fs.Streams(e)
	if err != nil {
		return nil // node has said so
	}
	for _, s := range ss {
		n := &node{Path: of.Path, Stream: wstr.Text(s.Name), Kind: "stream", Size: s.Size}
		n.open = func() (io.ReadCloser, error) { return w.open(e, s.Name) }
		if err := w.fn(n); err != nil {
			return err
		}
	}
	return nil
}

func (w *sourceWalk) stream(e volumes.Entry, path, name string) error {
	ss, err := w.fs.Streams(e)
	if err != nil {
		return err
	}
	for _, s := range ss {
		if wstr.EqualFold(s.Name, name) {
			return w.fn(&node{Path: wstr.Text(path), Stream: wstr.Text(s.Name), Kind: "stream", Size: s.Size,
				open: func() (io.ReadCloser, error) { return w.open(e, s.Name) }})
		}
	}
	return notFound(path + ":" + name)
}

func (w *sourceWalk) open(e volumes.Entry, stream string) (io.ReadCloser, error) {
	s, err := w.fs.Open(e, stream)
	if err != nil {
		return nil, err
	}
	c, _ := s.(io.Closer)
	return &streamReader{Reader: io.NewSectionReader(s, 0, s.Size()), c: c}, nil
}

type streamReader struct {
	io.Reader
	c io.Closer
}

func (r *streamReader) Close() error {
	if r.c != nil {
		return r.c.Close()
	}
	return nil
}

// storeTree looks into a store.
type storeTree struct {
	s *store.Store
}

func (t *storeTree) Close() error { return t.s.Close() }

func (t *storeTree) each(path string, deep bool, fn func(*node) error) error {
	file, stream := winpath.CutStream(path)
	// Registry paths have no volume, and colons in them are names.
	if vol, _ := winpath.Volume(path); vol == "" {
		file, stream = path, ""
	}
	root := winpath.Clean(file)
	found := root == ""
	volumesSeen := map[string]bool{}
	var damage error
	for o, err := range t.s.Objects() {
		if err != nil {
			damage = err
			continue
		}
		p := string(o.Path)
		if root == "" && !deep {
			// The level above the volumes: C:, registry roots, parts.
			head, _, _ := strings.Cut(p, `\`)
			if vol, _ := winpath.Volume(p); vol != "" {
				head = vol + `\`
			}
			if !volumesSeen[head] {
				volumesSeen[head] = true
				if err := fn(&node{Path: wstr.Text(head), Kind: "folder"}); err != nil {
					return err
				}
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
		if !deep && rel != "" && (o.Kind == store.Stream || o.Kind == store.Value) {
			continue
		}
		if !deep && strings.Contains(rel, `\`) {
			// A folder that is no object itself shows as the folder it is.
			head, _, _ := strings.Cut(rel, `\`)
			at := winpath.Join(root, head)
			if !volumesSeen[wstr.Upper(at)] {
				volumesSeen[wstr.Upper(at)] = true
				if err := fn(&node{Path: wstr.Text(at), Kind: "folder"}); err != nil {
					return err
				}
			}
			continue
		}
		if !deep && (o.Kind == store.Folder || o.Kind == store.Key) {
			if volumesSeen[wstr.Upper(p)] {
				continue
			}
			volumesSeen[wstr.Upper(p)] = true
		}
		if err := fn(t.node(o)); err != nil {
			return err
		}
	}
	if damage != nil {
		return fail(statusIncomplete, fmt.Errorf("the catalog of the store is damaged, objects are missing here: %w", damage), "coldstate verify tells what is damaged; the segments can be unpacked with zstd and tar")
	}
	if !found {
		return notFound(path)
	}
	return nil
}

func (t *storeTree) node(o *store.Object) *node {
	n := &node{
		Path: o.Path, Stream: o.Stream, Kind: string(o.Kind), User: o.User, Size: o.Size,
		Modified: o.Modified.String(), modified: o.Modified, Attr: o.Attr, Target: o.Target,
		Outcome: o.Outcome, Reason: wstr.Text(o.Reason),
	}
	if o.Outcome == store.Linked && o.Kind == store.File {
		n.linkTo = string(o.LinkTo)
	}
	if o.Outcome.Stored() && (o.Kind == store.File || o.Kind == store.Stream || o.Kind == store.Part) {
		n.open = func() (io.ReadCloser, error) { return t.s.Content(o) }
	}
	return n
}
