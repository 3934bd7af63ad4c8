package wim

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"fmt"
	"math"
	"slices"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// The metadata resource of an image is its security descriptors and its names:
//
//	u32 bytes of the descriptors, u32 count, u64 size of each, the descriptors
//	at the next multiple of 8: the root, and the lists of the folders
//
// A list is entries, and 8 zero bytes behind the last. Each name has an entry
// of its own; those of one file with several names have the same link group.

// Fields of an entry.
const (
	entLength   = 0  // u64, without the further streams
	entAttr     = 8  // u32
	entSecurity = 12 // i32, -1 for none
	entChildren = 16 // u64, offset of the list of a folder, 0 for none
	entCreated  = 40
	entAccessed = 48
	entModified = 56
	entHash     = 64 // SHA-1 of the unnamed stream, zeros when it is empty
	entGroup    = 88 // u64, link group; of a reparse point u32 tag, u16, u16 flags
	entStreams  = 96 // u16, number of further streams
	entShort    = 98 // u16, bytes of the short name
	entName     = 100
	entSize     = 102

	// Further streams: u64 length, 8 bytes, SHA-1, u16 bytes of the name, the name.
	strHash = 16
	strName = 36
	strSize = 38

	// Items behind the names: u32 tag, u32 length, at multiples of 8.
	tagObjectID = 1
	tagEAs      = 2
)

// node is an entry of the tree. What is known of it stays in the metadata.
type node struct {
	off    uint32 // in FS.meta
	parent uint32
	first  uint32 // children in FS.kids
	count  uint32
	// file is the number of the first node of the file: itself, but for a
	// further name of one.
	file uint32
}

// root is the node of the root folder.
const root winfs.Entry = 0

func align8(n int64) int64 { return (n + 7) &^ 7 }

// load reads the tree. What is damaged costs the list it is in, from there on.
func (fs *FS) load() error {
	m := fs.meta
	if len(m) < 8 {
		return &FormatError{fs.where, 0, fmt.Sprintf("%d bytes", len(m))}
	}
	at := fs.loadSecurity()
	if _, err := fs.entry(at); err != nil {
		return err
	}
	fs.nodes = []node{{off: uint32(at)}}
	if attr := m[at+entAttr:]; byteOrder.Uint32(attr)&winfs.AttrDirectory == 0 {
		fs.problem(fmt.Sprintf("the root, metadata offset %#x", at), fmt.Sprintf("its attributes %#x are not those of a folder; it is taken as one", byteOrder.Uint32(attr)))
		byteOrder.PutUint32(attr, winfs.AttrDirectory)
	}
	groups := map[uint64]uint32{}
	// Offsets of entries are multiples of 8 by their definition; each belongs
	// to one folder, so that no damage makes the tree larger than the data.
	seen := make([]uint64, len(m)/8/64+1)
	mark := func(off int64) bool {
		i := off / 8
		old := seen[i/64]&(1<<(i%64)) != 0
		seen[i/64] |= 1 << (i % 64)
		return !old
	}
	mark(at)
	for i := 0; i < len(fs.nodes); i++ {
		off := int64(fs.nodes[i].off)
		if byteOrder.Uint32(m[off+entAttr:])&winfs.AttrDirectory == 0 {
			continue
		}
		list := byteOrder.Uint64(m[off+entChildren:])
		if list == 0 {
			continue
		}
		fs.nodes[i].first = uint32(len(fs.nodes))
		fs.loadFolder(uint32(i), list, mark, groups)
		n := fs.nodes[fs.nodes[i].first:]
		fs.nodes[i].count = uint32(len(n))
		slices.SortStableFunc(n, func(a, b node) int { return compareNames(fs.nameOf(a.off), fs.nameOf(b.off)) })
	}
	fs.links(groups)
	fs.kids = make([]winfs.Entry, len(fs.nodes))
	for i := range fs.kids {
		fs.kids[i] = winfs.Entry(i)
	}
	return nil
}

// loadFolder appends the entries of one folder.
func (fs *FS) loadFolder(parent uint32, list uint64, mark func(int64) bool, groups map[uint64]uint32) {
	m := fs.meta
	damage := func(at uint64, format string, args ...any) {
		fs.problem(fmt.Sprintf("the folder %q, metadata offset %#x", winfs.Path(fs, winfs.Entry(parent)), at), fmt.Sprintf(format, args...))
	}
	if list%8 != 0 || list > uint64(len(m)) {
		damage(list, "its entries cannot be there (%d bytes of metadata)", len(m))
		return
	}
	for at := int64(list); ; {
		if at > int64(len(m)) || int64(len(m))-at < 8 {
			damage(uint64(at), "the list of its entries has no end")
			return
		}
		if byteOrder.Uint64(m[at:]) <= 8 {
			return
		}
		next, err := fs.entry(at)
		if err != nil {
			damage(uint64(at), "%v; the entries behind it are lost", err)
			return
		}
		if !mark(at) {
			damage(uint64(at), "an entry that belongs to another folder")
			return
		}
		if uint64(len(fs.nodes)) == math.MaxUint32 {
			return
		}
		switch name := fs.nameOf(uint32(at)); name {
		case "", ".", "..":
			damage(uint64(at), "an entry is named %q; it is left out", name)
		default:
			fs.nodes = append(fs.nodes, node{off: uint32(at), parent: parent})
		}
		at = next
	}
}

// entry checks the entry at off with its further streams, and returns where
// the next one begins.
func (fs *FS) entry(off int64) (int64, error) {
	m := fs.meta
	bad := func(format string, args ...any) (int64, error) {
		return 0, &FormatError{fs.where, off, fmt.Sprintf(format, args...)}
	}
	if off < 0 || off > int64(len(m)) || int64(len(m))-off < entSize {
		return bad("no room for an entry")
	}
	left := int64(len(m)) - off
	e := m[off:]
	length := byteOrder.Uint64(e)
	if length < entSize || length > uint64(left) {
		return bad("an entry of %d bytes, %d are left", length, left)
	}
	name, short := int64(byteOrder.Uint16(e[entName:])), int64(byteOrder.Uint16(e[entShort:]))
	if name%2 != 0 || short%2 != 0 || namesEnd(name, short) > int64(length) {
		return bad("names of %d and %d bytes in an entry of %d", name, short, length)
	}
	at := align8(off + int64(length))
	for range byteOrder.Uint16(e[entStreams:]) {
		if at > int64(len(m)) || int64(len(m))-at < strSize {
			return bad("no room for its streams")
		}
		s := m[at:]
		n, name := byteOrder.Uint64(s), int64(byteOrder.Uint16(s[strName:]))
		if n < strSize || n > uint64(len(s)) || name%2 != 0 || name > int64(n)-strSize {
			return bad("a stream of %d bytes with a name of %d, %d are left", n, name, len(s))
		}
		at = align8(at + int64(n))
	}
	return at, nil
}

// namesEnd is where the names of an entry end. Each has a zero behind it.
func namesEnd(name, short int64) int64 {
	end := int64(entSize)
	if name > 0 {
		end += name + 2
	}
	if short > 0 {
		end += short + 2
	}
	// The zero behind the last one is sometimes not counted.
	if name+short > 0 {
		end -= 2
	}
	return end
}

// loadSecurity finds the security descriptors, and returns where the root is.
func (fs *FS) loadSecurity() int64 {
	m := fs.meta
	total, count := int64(byteOrder.Uint32(m)), int64(byteOrder.Uint32(m[4:]))
	if total == 0 {
		return 8
	}
	if total < 8 || total > int64(len(m)) || count > (total-8)/8 {
		fs.problem(fs.where, fmt.Sprintf("%d security descriptors in %d bytes, of %d; files have none", count, total, len(m)))
		return align8(min(max(total, 8), int64(len(m))))
	}
	at := 8 + 8*count
	for i := range count {
		size := byteOrder.Uint64(m[8+8*i:])
		if size > uint64(total-at) {
			fs.problem(fs.where, fmt.Sprintf("security descriptor %d has %d bytes, %d are left; from it on there are none", i, size, total-at))
			break
		}
		fs.security = append(fs.security, [2]uint32{uint32(at), uint32(at + int64(size))})
		at += int64(size)
	}
	return align8(total)
}

// links finds the names of one file.
func (fs *FS) links(groups map[uint64]uint32) {
	fs.linked = map[uint32]uint32{}
	for i := range fs.nodes {
		n := &fs.nodes[i]
		n.file = uint32(i)
		e := fs.meta[n.off:]
		attr, group := byteOrder.Uint32(e[entAttr:]), byteOrder.Uint64(e[entGroup:])
		if attr&(winfs.AttrDirectory|winfs.AttrReparse) != 0 || group == 0 {
			continue
		}
		// The number of a group is not enough: some writers give one to files
		// that are not one.
		if first, ok := groups[group]; ok {
			if f := fs.meta[fs.nodes[first].off:]; byteOrder.Uint32(f[entAttr:]) == attr && bytes.Equal(f[entHash:entHash+sha1.Size], e[entHash:entHash+sha1.Size]) {
				n.file = first
				fs.linked[first] = max(fs.linked[first], 1) + 1
			}
			continue
		}
		groups[group] = uint32(i)
	}
}

// nameOf is the name in the entry at off, which was checked.
func (fs *FS) nameOf(off uint32) string {
	e := fs.meta[off:]
	return wstr.FromUTF16LE(e[entSize:][:byteOrder.Uint16(e[entName:])])
}

func (fs *FS) shortOf(off uint32) string {
	e := fs.meta[off:]
	at := entSize
	if n := int(byteOrder.Uint16(e[entName:])); n > 0 {
		at += n + 2
	}
	short := int(byteOrder.Uint16(e[entShort:]))
	if short == 0 {
		return ""
	}
	return wstr.FromUTF16LE(e[at:][:short])
}

func compareNames(a, b string) int { return cmp.Or(wstr.Compare(a, b), cmp.Compare(a, b)) }

// contents are the streams of an entry.
type contents struct {
	data    [sha1.Size]byte // the unnamed one
	hasData bool            // it has an entry of its own, or a hash
	reparse [sha1.Size]byte
	named   []namedStream // sorted by name
}

type namedStream struct {
	name string
	sum  [sha1.Size]byte
}

// streams reads the streams of an entry, which was checked. The hash in the
// entry and the further streams without a name are, in this order, what has no
// name: of a reparse point its data, then the content.
func (fs *FS) streams(off uint32) (c contents) {
	e := fs.meta[off:]
	attr := byteOrder.Uint32(e[entAttr:])
	wantReparse := attr&winfs.AttrReparse != 0
	take := func(sum [sha1.Size]byte) {
		switch {
		case wantReparse && attr&winfs.AttrEncrypted == 0:
			c.reparse, wantReparse = sum, false
		case !c.hasData:
			c.data, c.hasData = sum, true
		}
	}
	if sum := [sha1.Size]byte(e[entHash:]); sum != ([sha1.Size]byte{}) {
		take(sum)
	}
	at := align8(int64(off) + int64(byteOrder.Uint64(e)))
	for range byteOrder.Uint16(e[entStreams:]) {
		s := fs.meta[at:]
		sum, n := [sha1.Size]byte(s[strHash:]), byteOrder.Uint16(s[strName:])
		if n == 0 {
			if sum != ([sha1.Size]byte{}) {
				take(sum)
			}
		} else {
			c.named = append(c.named, namedStream{wstr.FromUTF16LE(s[strSize:][:n]), sum})
		}
		at = align8(at + int64(byteOrder.Uint64(s)))
	}
	slices.SortStableFunc(c.named, func(a, b namedStream) int { return compareNames(a.name, b.name) })
	return c
}

// item finds the data of a tagged item of an entry, nil when there is none.
func (fs *FS) item(off uint32, tag uint32) []byte {
	e := fs.meta[off:]
	e = e[:byteOrder.Uint64(e)]
	at := int64(entSize)
	for _, field := range [...]int{entName, entShort} {
		if n := int64(byteOrder.Uint16(e[field:])); n > 0 {
			at += n + 2
		}
	}
	for at = align8(int64(off)+at) - int64(off); at <= int64(len(e))-8; {
		t, n := byteOrder.Uint32(e[at:]), int64(byteOrder.Uint32(e[at+4:]))
		if at += 8; n > int64(len(e))-at {
			return nil
		}
		if t == tag {
			return e[at : at+n : at+n]
		}
		at = align8(at + n)
	}
	return nil
}
