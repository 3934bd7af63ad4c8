package ntfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/coldstate/coldstate/internal/wstr"
)

// The index of a folder, $I30, is a B-tree of file names: its root is the value
// of $INDEX_ROOT, all other nodes are index records in $INDEX_ALLOCATION. The
// reader does not need it, as every file tells its own names; it is what knows
// the names of files whose MFT records are lost.

const (
	typeIndexRoot       = 0x90
	typeIndexAllocation = 0xA0

	// attrIndexDirectory marks folders in the attributes of a $FILE_NAME.
	attrIndexDirectory = 0x10000000

	minBlock = 512 // of an index record
	maxBlock = 64 << 10
)

var i30 = wstr.AppendUTF16LE(nil, "$I30")

// indexEntry is what the index of a folder says of one name. The key of the
// entry is a $FILE_NAME:
//
//	 0  8  the folder
//	 8 32  times: creation, change, change of the record, access
//	48  8  size of the unnamed stream
//	56  4  attributes
//	60  4  reparse tag, with the attribute of that name
//	64  1  characters of the name
//	65  1  name space
//	66     the name
type indexEntry struct {
	ref, parent                          reference
	created, modified, changed, accessed wstr.Filetime
	size                                 int64 // may be old
	attr, tag                            uint32
	space                                uint8
	name                                 []byte // UTF-16LE
}

// parseIndexRoot reads the value of $INDEX_ROOT, and returns the size of the
// index records:
//
//	 0  4  type of the attribute that is indexed
//	 8  4  bytes of an index record
//	16     the node
func parseIndexRoot(b []byte, each func(*indexEntry)) (block int64, err error) {
	bad := func(off int64, format string, args ...any) error {
		return &FormatError{"$INDEX_ROOT", off, fmt.Sprintf(format, args...)}
	}
	if len(b) < 32 {
		return 0, bad(-1, "%d bytes", len(b))
	}
	if typ := binary.LittleEndian.Uint32(b); typ != typeFileName {
		return 0, bad(0, "an index of the attributes %#x, not of names", typ)
	}
	block = int64(binary.LittleEndian.Uint32(b[8:]))
	if !isPower(block) || block < minBlock || block > maxBlock {
		return 0, bad(8, "index records of %d bytes", block)
	}
	return block, parseNode("$INDEX_ROOT", b[16:], each)
}

var errIndexRecord = errors.New("no INDX signature")

// parseIndexRecord reads an index record, whose sectors it restores in place.
// vcn is the place that it must know itself by:
//
//	 0  4  "INDX"
//	 4  4  update sequence array
//	16  8  its own place
//	24     the node
func parseIndexRecord(b []byte, vcn int64, each func(*indexEntry)) error {
	const where = "index record"
	if len(b) < minBlock {
		return &FormatError{where, -1, fmt.Sprintf("%d bytes", len(b))}
	}
	if string(b[:4]) != "INDX" {
		return fmt.Errorf("%s: %w", where, errIndexRecord)
	}
	if err := fixup(b); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	if own := binary.LittleEndian.Uint64(b[16:]); own != uint64(vcn) {
		return &FormatError{where, 16, fmt.Sprintf("it says that it is number %d, and is number %d", own, vcn)}
	}
	return parseNode(where, b[24:], each)
}

// parseNode reads a node, from its header on, and calls each for every name of
// it; the entry is only good until each returns. Entries that make no sense are
// left out and are in the error, with those behind them when the next one
// cannot be found.
//
//	0  4  offset of the first entry from here
//	4  4  bytes in use
//
// and an entry:
//
//	 0  8  the file
//	 8  2  length
//	10  2  length of the key
//	12  2  flags; 1: a node is below it, 2: the end
//	16     the key
func parseNode(where string, b []byte, each func(*indexEntry)) error {
	bad := func(off int, format string, args ...any) error {
		return &FormatError{where, int64(off), fmt.Sprintf("node: "+format, args...)}
	}
	if len(b) < 16 {
		return bad(0, "%d bytes", len(b))
	}
	first, used := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	if first < 16 || first > used || int64(used) > int64(len(b)) {
		return bad(0, "its entries are said to be from %#x to %#x of %#x", first, used, len(b))
	}
	b = b[:used]
	var problem error
	for off := int(first); ; {
		if len(b)-off < 16 {
			return bad(off, "the end mark is missing")
		}
		e := b[off:]
		n, key, flags := int(binary.LittleEndian.Uint16(e[8:])), int(binary.LittleEndian.Uint16(e[10:])), binary.LittleEndian.Uint16(e[12:])
		if flags&2 != 0 {
			return problem
		}
		room := n - 16
		if flags&1 != 0 {
			room -= 8
		}
		if room < 0 || n > len(e) || n%8 != 0 {
			return bad(off, "an entry of %d bytes, %d are left", n, len(e))
		}
		if v := e[16:]; key > room || key < 66 || v[64] == 0 || 66+2*int(v[64]) > key {
			if problem == nil {
				problem = bad(off, "an entry without a name")
			}
		} else {
			x := indexEntry{
				ref:      reference(binary.LittleEndian.Uint64(e)),
				parent:   reference(binary.LittleEndian.Uint64(v)),
				created:  wstr.Filetime(binary.LittleEndian.Uint64(v[8:])),
				modified: wstr.Filetime(binary.LittleEndian.Uint64(v[16:])),
				changed:  wstr.Filetime(binary.LittleEndian.Uint64(v[24:])),
				accessed: wstr.Filetime(binary.LittleEndian.Uint64(v[32:])),
				size:     int64(min(binary.LittleEndian.Uint64(v[48:]), math.MaxInt64)),
				attr:     binary.LittleEndian.Uint32(v[56:]),
				tag:      binary.LittleEndian.Uint32(v[60:]),
				space:    v[65],
				name:     v[66 : 66+2*int(v[64])],
			}
			each(&x)
		}
		off += n
	}
}

// folderIndex is the index of a folder.
type folderIndex struct {
	file   uint32 // index in index.files
	block  int64  // bytes of an index record
	unit   int64  // bytes that their numbers count
	nodes  *plain
	bits   []attr // the bitmap, as it is in the records of the folder
	bitmap []byte // nil when all records are to be looked at
	start  int64  // place of the first record, for the order of reads
}

// indexOf reads what a folder's MFT records hold of its index: the names in the
// root go to each, the rest is in the answer. What cannot be read is in the
// error.
func (fs *FS) indexOf(i uint32, each func(*indexEntry)) (folderIndex, error) {
	x := folderIndex{file: i, start: -1}
	attrs, err := fs.attrsOf(fs.x.files.at(i), i30, typeIndexRoot, typeIndexAllocation, typeBitmap)
	if len(attrs) == 0 && err != nil {
		return x, err
	}
	problem := err
	of := func(typ uint32) []attr {
		out := slices.DeleteFunc(slices.Clone(attrs), func(a attr) bool { return a.typ != typ })
		slices.SortStableFunc(out, func(a, b attr) int {
			switch {
			case a.first < b.first:
				return -1
			case a.first > b.first:
				return 1
			}
			return 0
		})
		return out
	}
	root := of(typeIndexRoot)
	if len(root) == 0 || root[0].nonResident {
		return x, errors.New("its $INDEX_ROOT is missing")
	}
	x.block, err = parseIndexRoot(root[0].value, each)
	if x.block == 0 {
		return x, err
	}
	if x.unit = fs.geo.cluster; x.unit > x.block {
		x.unit = 512
	}
	note := func(what string, err error) {
		if err != nil && problem == nil {
			problem = fmt.Errorf("%s: %w", what, err)
		}
	}
	note("its root", err)
	nodes := of(typeIndexAllocation)
	if len(nodes) == 0 {
		return x, problem
	}
	if !nodes[0].nonResident || nodes[0].first != 0 {
		note("$INDEX_ALLOCATION", errors.New("its beginning is missing"))
		return x, problem
	}
	runs, size, err := fs.geo.layout(nil, nodes, min(nodes[0].size, fs.geo.bytes))
	note("$INDEX_ALLOCATION", err)
	x.nodes = fs.plainOf(runs, size, min(size, nodes[0].init))
	for _, p := range x.nodes.pieces {
		if p.pos >= 0 {
			x.start = p.pos
			break
		}
	}
	x.bits = of(typeBitmap)
	return x, problem
}

// readBitmap reads which index records are in use. How many it may be, the
// caller has judged by the size of nodes.
func (x *folderIndex) readBitmap(fs *FS) (err error) {
	if len(x.bits) > 0 {
		x.bitmap, err = fs.bitsOf(x.bits, (x.nodes.size/x.block+7)/8)
	}
	return err
}

// bitsOf reads n bytes of a bitmap, or as many as it has; nil after an error.
func (fs *FS) bitsOf(exts []attr, n int64) ([]byte, error) {
	a := &exts[0]
	if !a.nonResident {
		return a.value[:min(n, int64(len(a.value)))], nil
	}
	runs, size, err := fs.geo.layout(nil, exts, min(a.size, fs.geo.bytes))
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(n, size))
	if k, err := fs.plainOf(runs, size, min(size, a.init)).ReadAt(b, 0); k < len(b) {
		return nil, err
	}
	return b, nil
}

// used says whether the index record k is in use.
func (x *folderIndex) used(k int64) bool {
	return x.bitmap == nil || k/8 < int64(len(x.bitmap)) && x.bitmap[k/8]>>(k%8)&1 != 0
}

// read gives the names in the index records to each, and returns how many of
// the records could not be read, with the reason of the first.
func (x *folderIndex) read(each func(*indexEntry)) (bad int, first error) {
	const step = 256 << 10
	buf := make([]byte, min(step, x.nodes.size))
	for at := int64(0); at+x.block <= x.nodes.size; at += step {
		b := buf[:min(step, x.nodes.size-at)/x.block*x.block]
		_, whole := x.nodes.ReadAt(b, at)
		for k := int64(0); k < int64(len(b)); k += x.block {
			num := (at + k) / x.block
			if !x.used(num) {
				continue
			}
			rec := b[k : k+x.block]
			var err error
			if whole != nil {
				_, err = x.nodes.ReadAt(rec, at+k)
			}
			if err == nil {
				if err = parseIndexRecord(rec, (at+k)/x.unit, each); errors.Is(err, errIndexRecord) && x.bitmap == nil {
					err = nil // maybe it was never used
				}
			}
			if err != nil {
				if bad++; first == nil {
					first = err
				}
			}
		}
	}
	return bad, first
}
