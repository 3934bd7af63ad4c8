package fat

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// Root is the root folder.
func (fs *FS) Root() winfs.Entry { return 0 }

// Len is above every Entry.
func (fs *FS) Len() int { return len(fs.nodes) }

func (fs *FS) node(e winfs.Entry) (*node, error) {
	if uint64(e) >= uint64(len(fs.nodes)) {
		return nil, fmt.Errorf("entry %d: %w", e, winfs.ErrNotFound)
	}
	return &fs.nodes[e], nil
}

// Name is the long name of e, else its short one.
func (fs *FS) Name(e winfs.Entry) string {
	n, err := fs.node(e)
	if err != nil {
		return ""
	}
	return n.name
}

// Parent is the folder that holds e.
func (fs *FS) Parent(e winfs.Entry) winfs.Entry {
	n, err := fs.node(e)
	if err != nil {
		return 0
	}
	return winfs.Entry(n.parent)
}

// Children lists a folder.
func (fs *FS) Children(dir winfs.Entry) ([]winfs.Entry, error) {
	n, err := fs.node(dir)
	if err != nil {
		return nil, err
	}
	if n.attr&winfs.AttrDirectory == 0 {
		return nil, fmt.Errorf("%s is not a folder", winfs.Path(fs, dir))
	}
	return fs.kids[n.first : n.first+n.count : n.first+n.count], nil
}

// Info describes e. Its times are local ones; see the package.
func (fs *FS) Info(e winfs.Entry) (winfs.Info, error) {
	n, err := fs.node(e)
	if err != nil {
		return winfs.Info{}, err
	}
	i := winfs.Info{
		// The place of an entry is the only name that a file has.
		File:     winfs.FileID(n.pos/entrySize) + 1,
		Start:    -1,
		Attr:     uint32(n.attr),
		Created:  stamp(n.created, n.tenths),
		Modified: stamp(n.modified, 0),
		Accessed: stamp(uint32(n.accessed)<<16, 0),
		Links:    1,
		Damage:   n.damage,
	}
	if !i.IsDir() {
		i.Size = int64(n.size)
		if fs.g.isCluster(n.cluster) {
			i.Start = fs.g.pos(n.cluster)
		}
	}
	return i, nil
}

// Streams: FAT has none.
func (fs *FS) Streams(e winfs.Entry) ([]winfs.StreamInfo, error) {
	_, err := fs.node(e)
	return nil, err
}

// Security: FAT has none.
func (fs *FS) Security(e winfs.Entry) ([]byte, error) {
	_, err := fs.node(e)
	return nil, err
}

// SecurityID is 0.
func (fs *FS) SecurityID(winfs.Entry) uint64 { return 0 }

// Reparse: FAT has none.
func (fs *FS) Reparse(e winfs.Entry) ([]byte, error) {
	_, err := fs.node(e)
	return nil, err
}

// ShortName is the 8.3 name of e, "" when it is its only one.
func (fs *FS) ShortName(e winfs.Entry) string {
	n, err := fs.node(e)
	if err != nil {
		return ""
	}
	return n.short
}

// EAs: FAT has none.
func (fs *FS) EAs(e winfs.Entry) ([]byte, error) {
	_, err := fs.node(e)
	return nil, err
}

// ObjectID: FAT has none.
func (fs *FS) ObjectID(e winfs.Entry) ([]byte, error) {
	_, err := fs.node(e)
	return nil, err
}

// Lookup finds the entry of a path, by long names and then by 8.3 names.
func (fs *FS) Lookup(path string) (winfs.Entry, error) { return winfs.LookupSorted(fs, path) }

func compareNames(a, b string) int { return cmp.Or(wstr.Compare(a, b), cmp.Compare(a, b)) }

// Open opens the content of a file. Of one that is longer than its chain of
// clusters, what the chain does not reach cannot be read.
func (fs *FS) Open(e winfs.Entry, name string) (winfs.Stream, error) {
	n, err := fs.node(e)
	if err != nil {
		return nil, err
	}
	switch {
	case name != "":
		return nil, fmt.Errorf("%s: stream %q: %w", winfs.Path(fs, e), name, winfs.ErrNotFound)
	case n.attr&winfs.AttrDirectory != 0:
		return nil, fmt.Errorf("%s: a folder has no unnamed stream: %w", winfs.Path(fs, e), winfs.ErrNotFound)
	}
	s := &stream{fs: fs, size: int64(n.size)}
	if s.size > 0 {
		s.chain = fs.tab.follow(n.cluster, uint32((s.size+fs.g.cluster-1)/fs.g.cluster), false)
	}
	return s, nil
}

// stream is the content of a file.
type stream struct {
	fs    *FS
	size  int64
	chain chain
}

func (s *stream) Size() int64           { return s.size }
func (s *stream) Holes() []winfs.Extent { return nil }

// Extents are the pieces of the file; nil when its chain of clusters is broken.
func (s *stream) Extents() []winfs.Extent {
	if s.chain.err != nil {
		return nil
	}
	out := make([]winfs.Extent, 0, len(s.chain.runs))
	for off := int64(0); off < s.size; {
		pos, n := s.at(off)
		out = append(out, winfs.Extent{Off: off, Len: n, Pos: pos})
		off += n
	}
	return out
}

// at is where the byte at off lies, and how many are behind it without a gap,
// itself included; n is 0 behind the end of the chain.
func (s *stream) at(off int64) (pos, n int64) {
	cluster := s.fs.g.cluster
	index := uint32(off / cluster)
	if index >= s.chain.count {
		return -1, 0
	}
	k, ok := slices.BinarySearchFunc(s.chain.runs, index, func(r run, i uint32) int { return cmp.Compare(r.index, i) })
	if !ok {
		k--
	}
	end := s.chain.count
	if k+1 < len(s.chain.runs) {
		end = s.chain.runs[k+1].index
	}
	r := s.chain.runs[k]
	return s.fs.g.pos(r.start+(index-r.index)) + off%cluster, min(int64(end)*cluster, s.size) - off
}

// ReadAt implements io.ReaderAt. What cannot be read is the range of a
// *winfs.ReadError.
func (s *stream) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off)
	}
	want := len(p)
	if off >= s.size {
		if want == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	p = p[:min(int64(want), s.size-off)]
	n := 0
	for n < len(p) {
		pos, room := s.at(off + int64(n))
		if room == 0 {
			return n, &winfs.ReadError{Off: off + int64(n), Len: int64(len(p) - n), Pos: -1, Err: s.chain.err}
		}
		part := p[n:min(len(p), n+int(min(room, int64(len(p)))))]
		k, err := s.fs.r.ReadAt(part, pos)
		n += k
		if k < len(part) {
			if err == nil || err == io.EOF {
				err = fmt.Errorf("the medium ends here: %w", io.ErrUnexpectedEOF)
			}
			return n, &winfs.ReadError{Off: off + int64(n), Len: int64(len(part) - k), Pos: pos + int64(k), Err: err}
		}
	}
	if n < want {
		return n, io.EOF
	}
	return n, nil
}
