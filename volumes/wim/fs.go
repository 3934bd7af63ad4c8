package wim

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// FS is an image as a file system. Its methods are safe for concurrent use.
type FS struct {
	f     *File
	image *Image
	where string
	meta  []byte
	// nodes are the entries; those of a folder lie together, sorted by name.
	nodes    []node
	kids     []winfs.Entry // i at i: the children of a folder are a piece of it
	security [][2]uint32   // begin and end in meta
	linked   map[uint32]uint32
	problems []winfs.Problem
}

var (
	_ winfs.FS          = (*FS)(nil)
	_ winfs.Extras      = (*FS)(nil)
	_ winfs.RawExporter = (*FS)(nil)
)

// Image reads the tree of an image; n counts from 1.
func (f *File) Image(n int) (*FS, error) {
	if n < 1 || n > len(f.images) {
		return nil, fmt.Errorf("wim: image %d: %w; there are %d", n, winfs.ErrNotFound, len(f.images))
	}
	fs := &FS{f: f, image: &f.images[n-1], where: fmt.Sprintf("metadata of image %d", n)}
	h := f.metadata[n-1]
	b, err := f.readAll(h, maxMetadata)
	if err != nil {
		if len(b) < entSize {
			return nil, fmt.Errorf("wim: %s: %w", fs.where, err)
		}
		fs.problem(fs.where, fmt.Sprintf("only %d of %d bytes can be read: %v", len(b), h.size, err))
	} else if sum := sha1.Sum(b); sum != f.metaSums[n-1] {
		fs.problem(fs.where, fmt.Sprintf("its SHA-1 is %x and has to be %x", sum, f.metaSums[n-1]))
	}
	fs.meta = b
	if err := fs.load(); err != nil {
		return nil, fmt.Errorf("wim: %w", err)
	}
	return fs, nil
}

func (fs *FS) problem(where, what string) {
	if len(fs.problems) < maxProblems {
		fs.problems = append(fs.problems, winfs.Problem{Where: where, What: what})
	}
}

// Close releases nothing: the file is the caller's.
func (fs *FS) Close() error { return nil }

// Label is the name of the image.
func (fs *FS) Label() string { return fs.image.Name }

// Root is the root folder.
func (fs *FS) Root() winfs.Entry { return root }

// Len is above every Entry.
func (fs *FS) Len() int { return len(fs.nodes) }

// Problems lists what is damaged in the tree.
func (fs *FS) Problems() []winfs.Problem { return slices.Clone(fs.problems) }

// Name is the name of e in its folder.
func (fs *FS) Name(e winfs.Entry) string {
	if e == root || uint64(e) >= uint64(len(fs.nodes)) {
		return ""
	}
	return fs.nameOf(fs.nodes[e].off)
}

// Parent is the folder that holds e.
func (fs *FS) Parent(e winfs.Entry) winfs.Entry {
	if uint64(e) >= uint64(len(fs.nodes)) {
		return root
	}
	return winfs.Entry(fs.nodes[e].parent)
}

// node returns what is kept of an entry, and the entry in the metadata.
func (fs *FS) node(e winfs.Entry) (*node, []byte, error) {
	if uint64(e) >= uint64(len(fs.nodes)) {
		return nil, nil, fmt.Errorf("entry %d: %w", e, winfs.ErrNotFound)
	}
	n := &fs.nodes[e]
	return n, fs.meta[n.off:], nil
}

// Children lists a folder.
func (fs *FS) Children(dir winfs.Entry) ([]winfs.Entry, error) {
	n, b, err := fs.node(dir)
	if err != nil {
		return nil, err
	}
	if byteOrder.Uint32(b[entAttr:])&winfs.AttrDirectory == 0 {
		return nil, fmt.Errorf("%s is not a folder", winfs.Path(fs, dir))
	}
	return fs.kids[n.first : n.first+n.count : n.first+n.count], nil
}

// Info describes e. A WIM file does not keep the time of the last change of
// the metadata.
func (fs *FS) Info(e winfs.Entry) (winfs.Info, error) {
	n, b, err := fs.node(e)
	if err != nil {
		return winfs.Info{}, err
	}
	i := winfs.Info{
		File:     winfs.FileID(n.file) + 1,
		Start:    -1,
		Attr:     byteOrder.Uint32(b[entAttr:]),
		Created:  wstr.Filetime(byteOrder.Uint64(b[entCreated:])),
		Modified: wstr.Filetime(byteOrder.Uint64(b[entModified:])),
		Accessed: wstr.Filetime(byteOrder.Uint64(b[entAccessed:])),
		Links:    1,
	}
	if n := fs.linked[n.file]; n > 1 {
		i.Links = int(n)
	}
	if i.Attr&winfs.AttrReparse != 0 {
		i.Reparse = byteOrder.Uint32(b[entGroup:])
	}
	if i.Attr&winfs.AttrEncrypted != 0 && !i.IsDir() {
		i.Mode = winfs.Encrypted
	}
	c := fs.streams(n.off)
	i.Streams = len(c.named)
	if i.IsDir() {
		return i, nil
	}
	if h, ok := fs.f.blobs.find(c.data); ok {
		i.Size, i.Start = h.size, h.off
		// Whoever made the image read zeros where the content was elsewhere.
		if winfs.IsCloudTag(i.Reparse) && i.Attr&(winfs.AttrOffline|winfs.AttrRecallOnDataAccess|winfs.AttrRecallOnOpen) != 0 && fs.f.isZeros(c.data, h.size) {
			i.Missing = i.Size
		}
	} else if c.hasData {
		i.Damage = missing(c.data).Error()
	}
	return i, nil
}

// Streams lists the named streams of e. The content of an encrypted file holds
// them as well: they are none of their own.
func (fs *FS) Streams(e winfs.Entry) ([]winfs.StreamInfo, error) {
	n, _, err := fs.node(e)
	if err != nil {
		return nil, err
	}
	var out []winfs.StreamInfo
	for _, s := range fs.streams(n.off).named {
		i := winfs.StreamInfo{Name: s.name, Start: -1}
		if h, ok := fs.f.blobs.find(s.sum); ok {
			i.Size, i.Start = h.size, h.off
		}
		out = append(out, i)
	}
	return out, nil
}

// Open opens a stream. The content of an encrypted file is what
// ReadEncryptedFileRaw gave when the image was made ([MS-EFSR] 2.2.3), and not
// the ciphertext of the file: it gives an error that wraps
// winfs.ErrUnsupported, and EFSRaw opens it.
func (fs *FS) Open(e winfs.Entry, stream string) (winfs.Stream, error) {
	n, b, err := fs.node(e)
	if err != nil {
		return nil, err
	}
	c := fs.streams(n.off)
	attr := byteOrder.Uint32(b[entAttr:])
	dir := attr&winfs.AttrDirectory != 0
	switch {
	case stream != "":
		fold := -1
		for k, s := range c.named {
			if s.name == stream {
				fold = k
				break
			}
			if fold < 0 && wstr.EqualFold(s.name, stream) {
				fold = k
			}
		}
		if fold < 0 {
			return nil, fmt.Errorf("%s: stream %q: %w", winfs.Path(fs, e), stream, winfs.ErrNotFound)
		}
		return fs.f.content(c.named[fold].sum)
	case dir:
		return nil, fmt.Errorf("%s: a folder has no unnamed stream: %w", winfs.Path(fs, e), winfs.ErrNotFound)
	case attr&winfs.AttrEncrypted != 0:
		return nil, fmt.Errorf("%s: it is encrypted with EFS, and kept as its raw export: %w", winfs.Path(fs, e), winfs.ErrUnsupported)
	case !c.hasData && attr&winfs.AttrReparse != 0:
		if tag := byteOrder.Uint32(b[entGroup:]); tag == winfs.TagWOF || tag == winfs.TagDedup || winfs.IsCloudTag(tag) && attr&(winfs.AttrOffline|winfs.AttrRecallOnDataAccess) != 0 {
			return nil, fmt.Errorf("%s: its content was elsewhere (reparse tag %#x) when the image was made: %w", winfs.Path(fs, e), tag, winfs.ErrUnsupported)
		}
	}
	return fs.f.content(c.data)
}

// EFSRaw opens the raw export of an encrypted file, as WriteEncryptedFileRaw
// takes it back; winfs.ErrNotFound for other files.
func (fs *FS) EFSRaw(e winfs.Entry) (winfs.Stream, error) {
	n, b, err := fs.node(e)
	if err != nil {
		return nil, err
	}
	c := fs.streams(n.off)
	if byteOrder.Uint32(b[entAttr:])&winfs.AttrEncrypted == 0 || !c.hasData {
		return nil, fmt.Errorf("%s: raw export: %w", winfs.Path(fs, e), winfs.ErrNotFound)
	}
	return fs.f.content(c.data)
}

// Security is the security descriptor of e, nil for none.
func (fs *FS) Security(e winfs.Entry) ([]byte, error) {
	_, b, err := fs.node(e)
	if err != nil {
		return nil, err
	}
	id := int32(byteOrder.Uint32(b[entSecurity:]))
	if id == -1 {
		return nil, nil
	}
	if id < 0 || int(id) >= len(fs.security) {
		return nil, &FormatError{fs.where, int64(fs.nodes[e].off), fmt.Sprintf("security descriptor %d; there are %d", id, len(fs.security))}
	}
	s := fs.security[id]
	return fs.meta[s[0]:s[1]:s[1]], nil
}

// SecurityID numbers the descriptors.
func (fs *FS) SecurityID(e winfs.Entry) uint64 {
	_, b, err := fs.node(e)
	if err != nil {
		return 0
	}
	if id := int32(byteOrder.Uint32(b[entSecurity:])); id >= 0 && int(id) < len(fs.security) {
		return uint64(id) + 1
	}
	return 0
}

// maxReparse is the largest reparse data.
const maxReparse = 16 << 10

// Reparse is the reparse data of e. The blob holds what follows the header.
func (fs *FS) Reparse(e winfs.Entry) ([]byte, error) {
	n, b, err := fs.node(e)
	if err != nil || byteOrder.Uint32(b[entAttr:])&winfs.AttrReparse == 0 {
		return nil, err
	}
	s, err := fs.f.content(fs.streams(n.off).reparse)
	if err != nil {
		return nil, fmt.Errorf("reparse data: %w", err)
	}
	if s.Size() > maxReparse-8 {
		return nil, &FormatError{fs.where, int64(n.off), fmt.Sprintf("reparse data of %d bytes", s.Size())}
	}
	out := make([]byte, 8+s.Size())
	copy(out, b[entGroup:entGroup+4])
	binary.LittleEndian.PutUint16(out[4:], uint16(s.Size()))
	copy(out[6:8], b[entGroup+4:])
	if _, err := s.ReadAt(out[8:], 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("reparse data: %w", err)
	}
	return out, nil
}

// ShortName is the 8.3 name of e, "" for none.
func (fs *FS) ShortName(e winfs.Entry) string {
	n, _, err := fs.node(e)
	if err != nil {
		return ""
	}
	return fs.shortOf(n.off)
}

// EAs gives no extended attributes: no public description tells how a WIM file
// keeps them. For a file that has some the error wraps winfs.ErrUnsupported.
func (fs *FS) EAs(e winfs.Entry) ([]byte, error) {
	n, _, err := fs.node(e)
	if err != nil {
		return nil, err
	}
	if fs.item(n.off, tagEAs) != nil {
		return nil, fmt.Errorf("%s: its extended attributes: %w", winfs.Path(fs, e), winfs.ErrUnsupported)
	}
	return nil, nil
}

// ObjectID is the object id of e with the ids of its birth, nil for none.
func (fs *FS) ObjectID(e winfs.Entry) ([]byte, error) {
	n, _, err := fs.node(e)
	if err != nil {
		return nil, err
	}
	b := fs.item(n.off, tagObjectID)
	switch {
	case len(b) < 16:
		return nil, nil
	case len(b) < 64 || bytes.Equal(b[16:64], make([]byte, 48)):
		return b[:16:16], nil // there are no ids of its birth
	}
	return b[:64:64], nil
}

// Lookup finds the entry of a path. Where no name fits, 8.3 names are tried.
func (fs *FS) Lookup(path string) (winfs.Entry, error) { return winfs.LookupSorted(fs, path) }
