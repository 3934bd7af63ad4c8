package ntfsgen

import "slices"

const (
	indexSize   = 4096 // of an index record
	blockHeader = 64   // of an index record, with its update sequence array
	noChild     = -1
)

// Collations.
const (
	collateFileName = 0x01
	collateULong    = 0x10
	collateSID      = 0x11
	collateHash     = 0x12
	collateULongs   = 0x13
)

// An entry is one entry of an index, without the number of the block below.
type entry struct {
	data  []byte
	child int64 // VCN of the block with what sorts before it
}

func (e entry) size() int {
	if e.child != noChild {
		return len(e.data) + 8
	}
	return len(e.data)
}

// nameEntry is an entry of $I30: value is a $FILE_NAME.
func nameEntry(ref uint64, value []byte) entry {
	b := make([]byte, align8(16+len(value)))
	le.PutUint64(b, ref)
	le.PutUint16(b[8:], uint16(len(b)))
	le.PutUint16(b[10:], uint16(len(value)))
	copy(b[16:], value)
	return entry{b, noChild}
}

// viewEntry is an entry of an index of anything else.
func viewEntry(key, data []byte) entry {
	at := align8(16 + len(key))
	if len(data) == 0 {
		at = 16 + len(key)
	}
	if len(key) == 4 {
		at = 20 // $SII and $Q do not align their data
	}
	b := make([]byte, align8(at+len(data)))
	le.PutUint16(b, uint16(at))
	le.PutUint16(b[2:], uint16(len(data)))
	le.PutUint16(b[8:], uint16(len(b)))
	le.PutUint16(b[10:], uint16(len(key)))
	copy(b[16:], key)
	copy(b[at:], data)
	return entry{b, noChild}
}

// An index is a B-tree in the form of its attributes.
type index struct {
	root   []byte // value of $INDEX_ROOT
	blocks []byte // value of $INDEX_ALLOCATION
}

// buildIndex lays sorted entries out as a tree whose root takes rootRoom
// bytes at most, if that is possible at all.
func (b *builder) buildIndex(typ, collation uint32, entries []entry, rootRoom int) index {
	var x index
	end := int64(noChild)
	for level := 0; 32+nodeSize(entries, end) > rootRoom && (level == 0 || len(entries) > 0); level++ {
		entries, end = b.packLevel(&x, entries, end)
	}
	x.root = make([]byte, 32)
	le.PutUint32(x.root, typ)
	le.PutUint32(x.root[4:], collation)
	le.PutUint32(x.root[8:], indexSize)
	x.root[12] = byte(indexSize / b.indexUnit())
	x.root = appendNode(x.root, entries, end)
	nodeHeader(x.root[16:], 16, len(x.root)-16, len(x.root)-16, end)
	return x
}

// indexUnit is the number of bytes that VCNs in an index count.
func (b *builder) indexUnit() int64 {
	if b.cluster > indexSize {
		return 512
	}
	return b.cluster
}

func nodeSize(entries []entry, end int64) int {
	n := 16
	if end != noChild {
		n += 8
	}
	for _, e := range entries {
		n += e.size()
	}
	return n
}

// packLevel writes the entries of one level as blocks, and returns the level
// above: the entries between the blocks and the last block.
func (b *builder) packLevel(x *index, entries []entry, end int64) (up []entry, last int64) {
	for {
		n, used := 0, 24 // room for an end entry with a child
		for n < len(entries) && used+entries[n].size() <= indexSize-blockHeader {
			used += entries[n].size()
			n++
		}
		if n == len(entries) {
			return up, b.block(x, entries, end)
		}
		// The entry after the block goes up; the block after it must not be empty.
		if n == len(entries)-1 {
			n--
		}
		between := entries[n]
		between.child = b.block(x, entries[:n], entries[n].child)
		up = append(up, between)
		entries = entries[n+1:]
	}
}

// block appends an index record and returns its VCN.
func (b *builder) block(x *index, entries []entry, end int64) int64 {
	vcn := int64(len(x.blocks)) / b.indexUnit()
	rec := make([]byte, blockHeader, indexSize)
	rec = appendNode(rec, entries, end)
	used := len(rec)
	rec = rec[:indexSize]
	copy(rec, "INDX")
	le.PutUint64(rec[16:], uint64(vcn))
	nodeHeader(rec[24:], blockHeader-24, used-24, indexSize-24, end)
	protect(rec, 40)
	x.blocks = append(x.blocks, rec...)
	return vcn
}

func nodeHeader(b []byte, first, used, size int, end int64) {
	le.PutUint32(b, uint32(first))
	le.PutUint32(b[4:], uint32(used))
	le.PutUint32(b[8:], uint32(size))
	if end != noChild {
		b[12] = 1
	}
}

func appendNode(b []byte, entries []entry, end int64) []byte {
	add := func(data []byte, child int64, flags uint16) {
		at := len(b)
		b = append(b, data...)
		if child != noChild {
			b = le.AppendUint64(b, uint64(child))
			flags |= 1
		}
		le.PutUint16(b[at+8:], uint16(len(b)-at))
		le.PutUint16(b[at+12:], flags)
	}
	for _, e := range entries {
		add(e.data, e.child, 0)
	}
	add(make([]byte, 16), end, 2)
	return b
}

// indexAttributes returns the attributes of an index of that name. blocks are
// put into clusters.
func (b *builder) indexAttributes(name string, x index) []*attribute {
	attrs := []*attribute{resident(typeIndexRoot, name, x.root)}
	if len(x.blocks) == 0 {
		return attrs
	}
	s := b.store(x.blocks)
	n := len(x.blocks) / indexSize
	bits := make([]byte, align8((n+7)/8))
	for i := range n {
		bits[i/8] |= 1 << (i % 8)
	}
	bitmap := resident(typeBitmap, name, bits)
	if len(bits) > b.room()/4 {
		bitmap = nonResident(typeBitmap, name, 0, b.store(bits))
	}
	return append(attrs, nonResident(typeIndexAlloc, name, 0, s), bitmap)
}

// folderEntries returns the sorted entries of a folder.
func (b *builder) folderEntries(dir *inode) []entry {
	names := slices.Clone(dir.entries)
	slices.SortFunc(names, func(x, y *name) int { return compareNames(x.text, y.text) })
	entries := make([]entry, len(names))
	for i, n := range names {
		entries[i] = nameEntry(b.reference(n.of.num, n.of.seq), b.fileName(n))
	}
	return entries
}
