package volumes

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// folder is a folder of the host as a file system: the volume of a machine
// that is mounted, or any other folder. It is listed as it is asked for.
//
// What differs between hosts is in folder_linux.go and folder_windows.go:
// names, info, streams, opening. Links are never followed.
type folder struct {
	root string // absolute
	host hostState

	mu    sync.RWMutex
	nodes []node             // by Entry
	lists map[Entry]*listing // folders that were listed
	sds   map[[sha256.Size]byte]uint64

	files openFiles
}

// node is one entry.
type node struct {
	name   string
	parent Entry
}

type listing struct {
	kids []Entry
	err  error
}

// rootEntry is the Entry of the root.
const rootEntry Entry = 0

func openFolder(root string) (*folder, error) {
	f := &folder{
		root:  root,
		nodes: []node{{}},
		lists: map[Entry]*listing{},
		sds:   map[[sha256.Size]byte]uint64{},
	}
	if err := f.hostOpen(); err != nil {
		return nil, fmt.Errorf("%s: %w", root, cause(err))
	}
	return f, nil
}

func (f *folder) Label() string       { return f.hostLabel() }
func (f *folder) Root() Entry         { return rootEntry }
func (f *folder) Problems() []Problem { return nil }

func (f *folder) Len() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return len(f.nodes)
}

func (f *folder) node(e Entry) (node, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if uint64(e) >= uint64(len(f.nodes)) {
		return node{}, false
	}
	return f.nodes[e], true
}

func (f *folder) Name(e Entry) string {
	n, _ := f.node(e)
	return n.name
}

func (f *folder) Parent(e Entry) Entry {
	n, _ := f.node(e)
	return n.parent
}

// path is the host's path of e.
func (f *folder) path(e Entry) string {
	return strings.Join(append([]string{strings.TrimSuffix(f.root, string(filepath.Separator))}, f.names(e)...), string(filepath.Separator))
}

// names are those from below the root down to e.
func (f *folder) names(e Entry) []string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var names []string
	for uint64(e) < uint64(len(f.nodes)) && e != rootEntry {
		names = append(names, f.nodes[e].name)
		e = f.nodes[e].parent
	}
	slices.Reverse(names)
	return names
}

// wrap says which entry err is about.
func (f *folder) wrap(e Entry, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", f.path(e), cause(err))
}

// check refuses numbers that this file system has not given.
func (f *folder) check(e Entry) error {
	if _, ok := f.node(e); !ok {
		return fmt.Errorf("entry %d: %w", e, ErrNotFound)
	}
	return nil
}

// Children lists a folder. A folder that was read in part gives what was
// read, and the error.
func (f *folder) Children(dir Entry) ([]Entry, error) {
	if err := f.check(dir); err != nil {
		return nil, err
	}
	f.mu.RLock()
	l := f.lists[dir]
	f.mu.RUnlock()
	if l != nil {
		return l.kids, l.err
	}
	names, err := f.hostNames(dir)
	err = f.wrap(dir, err)
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(wstr.Compare(a, b), strings.Compare(a, b)) })

	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.lists[dir]; l != nil { // listed by another goroutine meanwhile
		return l.kids, l.err
	}
	l = &listing{err: err}
	if uint64(len(f.nodes))+uint64(len(names)) > math.MaxUint32 {
		names, l.err = nil, errors.Join(err, errors.New("more than 2^32 entries"))
	}
	l.kids = make([]Entry, 0, len(names))
	for _, name := range names {
		l.kids = append(l.kids, Entry(len(f.nodes)))
		f.nodes = append(f.nodes, node{name: name, parent: dir})
	}
	f.lists[dir] = l
	return l.kids, l.err
}

func (f *folder) Info(e Entry) (Info, error) {
	if err := f.check(e); err != nil {
		return Info{}, err
	}
	i, err := f.hostInfo(e)
	return i, f.wrap(e, err)
}

func (f *folder) Streams(e Entry) ([]StreamInfo, error) {
	if err := f.check(e); err != nil {
		return nil, err
	}
	s, err := f.hostStreams(e)
	slices.SortFunc(s, func(a, b StreamInfo) int {
		return cmp.Or(wstr.Compare(a.Name, b.Name), strings.Compare(a.Name, b.Name))
	})
	return s, f.wrap(e, err)
}

func (f *folder) Reparse(e Entry) ([]byte, error) {
	if err := f.check(e); err != nil {
		return nil, err
	}
	b, err := f.hostReparse(e)
	return b, f.wrap(e, err)
}

func (f *folder) Security(e Entry) ([]byte, error) {
	if err := f.check(e); err != nil {
		return nil, err
	}
	b, err := f.hostSecurity(e)
	return b, f.wrap(e, err)
}

// SecurityID numbers the descriptors as they are seen.
func (f *folder) SecurityID(e Entry) uint64 {
	b, err := f.Security(e)
	if err != nil || len(b) == 0 {
		return 0
	}
	sum := sha256.Sum256(b)
	f.mu.Lock()
	defer f.mu.Unlock()
	id, ok := f.sds[sum]
	if !ok {
		id = uint64(len(f.sds)) + 1
		f.sds[sum] = id
	}
	return id
}

func (f *folder) Lookup(path string) (Entry, error) {
	e := rootEntry
	for name := range strings.SplitSeq(path, `\`) {
		if name == "" {
			continue
		}
		kids, err := f.Children(e)
		k, ok := f.find(kids, name)
		if !ok {
			if err != nil {
				return 0, err
			}
			return 0, fmt.Errorf("%s: %w", path, ErrNotFound)
		}
		e = k
	}
	return e, nil
}

// find looks name up in a sorted list.
func (f *folder) find(kids []Entry, name string) (Entry, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	i, ok := slices.BinarySearchFunc(kids, name, func(e Entry, name string) int { return wstr.Compare(f.nodes[e].name, name) })
	if !ok {
		return 0, false
	}
	first := kids[i]
	for ; i < len(kids) && wstr.Compare(f.nodes[kids[i]].name, name) == 0; i++ {
		if f.nodes[kids[i]].name == name {
			return kids[i], true
		}
	}
	return first, true
}

func (f *folder) Open(e Entry, stream string) (Stream, error) {
	if err := f.check(e); err != nil {
		return nil, err
	}
	s := &hostStream{f: f, key: fileKey{e, stream}}
	h, err := f.files.acquire(f, s.key)
	if err != nil {
		return nil, f.wrap(e, err)
	}
	defer f.files.release(h)
	s.size, s.holes = h.file.Size(), h.file.Holes()
	s.modified, err = h.file.Modified()
	if err != nil {
		return nil, f.wrap(e, err)
	}
	return s, nil
}

func (f *folder) Close() error { return f.files.close() }

// hostFile is an open stream of the host.
type hostFile interface {
	io.ReaderAt
	io.Closer
	Size() int64
	Holes() []Extent
	// Modified is the time of the last write, as the host has it by now.
	Modified() (time.Time, error)
}

// hostStream reads a stream through the open files of its folder, so that a
// stream that nobody closes costs no handle.
type hostStream struct {
	f     *folder
	key   fileKey
	size  int64
	holes []Extent
	// modified is the time of the last write when the stream was opened.
	modified time.Time
}

// Changed tells whether the file was written to since it was opened.
func (s *hostStream) Changed() string {
	h, err := s.f.files.acquire(s.f, s.key)
	if err != nil {
		return "it is not there any more: " + err.Error()
	}
	defer s.f.files.release(h)
	now, err := h.file.Modified()
	switch {
	case err != nil:
		return "its time cannot be read any more: " + err.Error()
	case !now.Equal(s.modified):
		return "it was written to while it was read; its parts may not belong together"
	}
	return ""
}

func (s *hostStream) Size() int64       { return s.size }
func (s *hostStream) Extents() []Extent { return nil }
func (s *hostStream) Holes() []Extent   { return s.holes }

func (s *hostStream) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errNegative
	}
	if off >= s.size {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	var end error
	if int64(len(p)) > s.size-off {
		p, end = p[:s.size-off], io.EOF
	}
	h, err := s.f.files.acquire(s.f, s.key)
	if err != nil {
		return 0, &ReadError{Off: off, Len: int64(len(p)), Pos: -1, Err: s.f.wrap(s.key.entry, err)}
	}
	n, err := h.file.ReadAt(p, off)
	s.f.files.release(h)
	if n == len(p) {
		return n, end
	}
	if err == nil || err == io.EOF {
		err = winfs.ErrShrunk
	}
	return n, &ReadError{Off: off + int64(n), Len: int64(len(p) - n), Pos: -1, Err: s.f.wrap(s.key.entry, err)}
}

// maxOpenFiles is how many files stay open for the next read: enough for the
// workers of a capture, far from any host's limit.
const maxOpenFiles = 64

// openFiles keeps the files that were read last open.
type openFiles struct {
	mu     sync.Mutex
	open   map[fileKey]*openFile
	tick   uint64
	closed bool
}

type fileKey struct {
	entry  Entry
	stream string
}

type openFile struct {
	key   fileKey
	file  hostFile
	users int
	used  uint64 // tick of the last use
}

// acquire opens the file, or takes the open one. release gives it back.
func (o *openFiles) acquire(f *folder, key fileKey) (*openFile, error) {
	if h, err := o.take(key); h != nil || err != nil {
		return h, err
	}
	file, err := f.hostOpenStream(key.entry, key.stream)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	h := &openFile{key: key, file: file, users: 1}
	if o.closed {
		file.Close()
		return nil, errClosed
	}
	if o.open[key] != nil {
		// Another goroutine was faster; this one is closed by release.
		h.used = 0
		return h, nil
	}
	if o.open == nil {
		o.open = map[fileKey]*openFile{}
	}
	o.tick++
	h.used = o.tick
	o.open[key] = h
	o.evict()
	return h, nil
}

func (o *openFiles) take(key fileKey) (*openFile, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, errClosed
	}
	h := o.open[key]
	if h != nil {
		o.tick++
		h.users++
		h.used = o.tick
	}
	return h, nil
}

func (o *openFiles) release(h *openFile) {
	o.mu.Lock()
	defer o.mu.Unlock()
	h.users--
	if h.users == 0 && o.open[h.key] != h {
		h.file.Close()
	}
}

// evict closes idle files above the limit, the one used longest ago first.
func (o *openFiles) evict() {
	for len(o.open) > maxOpenFiles {
		var oldest *openFile
		for _, h := range o.open {
			if h.users == 0 && (oldest == nil || h.used < oldest.used) {
				oldest = h
			}
		}
		if oldest == nil {
			return
		}
		oldest.file.Close()
		delete(o.open, oldest.key)
	}
}

func (o *openFiles) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	var errs []error
	for key, h := range o.open {
		delete(o.open, key)
		if h.users == 0 { // release closes the others
			errs = append(errs, h.file.Close())
		}
	}
	return errors.Join(errs...)
}

// symlinkBuffer is the reparse data of a symbolic link to target
// ([MS-FSCC] 2.1.2.4), for hosts that have links but no reparse data.
func symlinkBuffer(target string) []byte {
	target = strings.ReplaceAll(target, "/", `\`)
	text := wstr.AppendUTF16LE(nil, target)
	const header = 8 + 12
	if len(text) > (16<<10-header)/2 {
		text = text[:(16<<10-header)/2&^1]
	}
	n := uint16(len(text))
	flags := uint32(1) // relative; a drive letter makes it absolute
	if len(target) > 1 && target[1] == ':' {
		flags = 0
	}
	b := make([]byte, 0, header+2*len(text))
	b = appendLE(b, winfs.TagSymlink, 4)
	b = appendLE(b, uint32(12+2*n), 2) // of what follows the 8-byte header
	b = appendLE(b, 0, 2)
	b = appendLE(b, 0, 2) // substitute name: offset and length
	b = appendLE(b, uint32(n), 2)
	b = appendLE(b, uint32(n), 2) // print name behind it
	b = appendLE(b, uint32(n), 2)
	b = appendLE(b, flags, 4)
	b = append(b, text...)
	return append(b, text...)
}

func appendLE(b []byte, v uint32, n int) []byte {
	for range n {
		b = append(b, byte(v))
		v >>= 8
	}
	return b
}
