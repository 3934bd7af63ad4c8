package ntfs

import (
	"math/bits"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// The index of the volume. A million files have to fit into 150 MiB, so there
// are no pointers and no maps for what every file has; and nothing is copied
// to grow, so that there is no peak.

// file is one base record in use, 64 bytes.
type file struct {
	created, modified, changed, accessed wstr.Filetime
	// size is the size of the unnamed stream. Folders have none: there it
	// holds where the children are, see setChildren.
	size int64
	num  uint32 // record number
	// place tells where the unnamed stream is: the number of the MFT record
	// when it is resident, else the offset of its run list in index.runs. For
	// folders it is the entry of the folder.
	place uint32
	attr  uint32
	// sec is the id of the descriptor in $Secure; with flagOwnSD the number
	// of the descriptor in index.sds, plus one. 0 for none.
	sec     uint32
	seq     uint16
	links   uint16 // saturates
	streams uint16 // saturates
	mode    winfs.Mode
	flags   uint8
}

// Flags of a file.
const (
	flagDir     = 1 << iota
	flagData    // has an unnamed stream
	flagReparse // has a tag in index.tags
	flagSD      // has an attribute $SECURITY_DESCRIPTOR
	flagOwnSD   // sec counts in index.sds
	flagDamaged // has a text in index.damage
	flagMadeUp  // $Orphans, and a root that is gone
	flagPacked  // of CompactOS: the content is in the stream wofName
)

func (f *file) children() (first, n uint32) { return uint32(f.size >> 32), uint32(f.size) }

func (f *file) setChildren(first, n uint32) { f.size = int64(uint64(first)<<32 | uint64(n)) }

// link is one name of a file, 16 bytes.
type link struct {
	file   uint32 // index in index.files
	parent uint32 // index in index.files; while scanning a record number
	name   uint32 // offset in index.names
	seq    uint16 // of the parent, while scanning
}

// named is a named stream, 32 bytes.
type named struct {
	size  int64
	file  uint32
	name  uint32
	place uint32 // as file.place
	mode  winfs.Mode
}

// tag is the reparse tag of a file, with the algorithm of CompactOS.
type tag struct {
	file, tag uint32
	alg       wofAlgorithm
}

type index struct {
	files chunks[file] // by record number
	links chunks[link] // an Entry is an index in it
	named chunks[named]
	tags  []tag
	names names
	runs  arena
	sds   []string          // own descriptors, each once
	short chunks[shortName] // by entry
	odd   []uint32          // entries whose short name has no "~"
	// extras is by file, values holds what they point to, each behind its
	// length.
	extras []extra
	values arena
	// inUse holds a bit for each record number that has a file; rank counts
	// the bits before each word.
	inUse []uint64
	rank  []uint32
	// damage tells what is wrong with a file. Only so many are kept.
	damage map[uint32]string
}

const maxDamage = 100_000

// setInUse notes that num is the next file.
func (x *index) setInUse(num uint32) {
	for w := int(num / 64); len(x.inUse) <= w; {
		x.inUse = append(x.inUse, 0)
	}
	x.inUse[num/64] |= 1 << (num % 64)
}

// makeRank makes find work.
func (x *index) makeRank() {
	x.rank = make([]uint32, len(x.inUse))
	n := uint32(0)
	for i, w := range x.inUse {
		x.rank[i] = n
		n += uint32(bits.OnesCount64(w))
	}
}

// find returns the index of the file with that record number.
func (x *index) find(num uint64) (uint32, bool) {
	if num/64 >= uint64(len(x.inUse)) {
		return 0, false
	}
	w, bit := x.inUse[num/64], uint64(1)<<(num%64)
	if w&bit == 0 {
		return 0, false
	}
	return x.rank[num/64] + uint32(bits.OnesCount64(w&(bit-1))), true
}

// finish gives back the room that was kept for growing.
func (x *index) finish() {
	x.names.cur = nil
	x.files.parts = clipLast(x.files.parts)
	x.links.parts = clipLast(x.links.parts)
	x.named.parts = clipLast(x.named.parts)
	x.runs.parts = clipLast(x.runs.parts)
	x.short.parts = clipLast(x.short.parts)
	x.values.parts = clipLast(x.values.parts)
}

func clipLast[T any](parts [][]T) [][]T {
	if k := len(parts) - 1; k >= 0 {
		parts[k] = append(make([]T, 0, len(parts[k])), parts[k]...)
	}
	return parts
}

// hurt adds what to the damage of a file.
func (x *index) hurt(f uint32, what string) {
	x.files.at(f).flags |= flagDamaged
	if old, ok := x.damage[f]; ok {
		if len(old) < 1000 {
			x.damage[f] = old + "; " + what
		}
	} else if len(x.damage) < maxDamage {
		if x.damage == nil {
			x.damage = map[uint32]string{}
		}
		x.damage[f] = what
	}
}

// chunks is an array that grows without being copied, but for its first part.
type chunks[T any] struct {
	parts [][]T
	n     uint32
}

const chunkBits = 13

func (c *chunks[T]) at(i uint32) *T { return &c.parts[i>>chunkBits][i&(1<<chunkBits-1)] }

func (c *chunks[T]) add(v T) uint32 {
	if c.n&(1<<chunkBits-1) == 0 {
		var part []T
		if c.n > 0 {
			part = make([]T, 0, 1<<chunkBits)
		}
		c.parts = append(c.parts, part)
	}
	p := &c.parts[c.n>>chunkBits]
	*p = append(*p, v)
	c.n++
	return c.n - 1
}

// The chunks of names and arena.
const (
	arenaBits = 20
	arenaSize = 1 << arenaBits
)

// names holds strings up to 770 bytes, each behind its length. Full chunks are
// strings, so that a name can be given away without a copy.
type names struct {
	parts []string
	cur   []byte
}

// add returns the offset of s, and false when there is no more room.
func (a *names) add(s []byte) (uint32, bool) {
	if len(a.cur)+len(s)+2 > arenaSize {
		a.seal()
	}
	if len(a.parts) >= 1<<(32-arenaBits) {
		return 0, false
	}
	off := uint32(len(a.parts))<<arenaBits | uint32(len(a.cur))
	if n := len(s); n < 0x80 {
		a.cur = append(a.cur, byte(n))
	} else {
		a.cur = append(a.cur, 0x80|byte(n>>8), byte(n))
	}
	a.cur = append(a.cur, s...)
	return off, true
}

// seal makes what was added readable.
func (a *names) seal() {
	a.parts = append(a.parts, string(a.cur))
	a.cur = a.cur[:0]
}

func (a *names) get(off uint32) string { return nameAt(a.parts[off>>arenaBits][off&(arenaSize-1):]) }

// peek is get for what is not sealed yet, too.
func (a *names) peek(off uint32) string {
	if k := int(off >> arenaBits); k < len(a.parts) {
		return a.get(off)
	}
	p := a.cur[off&(arenaSize-1):]
	n := 1 + int(p[0])
	if p[0] >= 0x80 {
		n = 2 + (int(p[0]&0x7f)<<8 | int(p[1]))
	}
	return nameAt(string(p[:n]))
}

func nameAt(p string) string {
	if n := int(p[0]); n < 0x80 {
		return p[1 : 1+n]
	}
	n := int(p[0]&0x7f)<<8 | int(p[1])
	return p[2 : 2+n]
}

// arena holds byte strings of any length that know their own end. A string
// longer than a part has a part of its own.
type arena struct {
	parts [][]byte
}

// add returns the offset of b, and false when there is no more room.
func (a *arena) add(b []byte) (uint32, bool) {
	k := len(a.parts) - 1
	if k < 0 || len(a.parts[k])+len(b) > arenaSize {
		if len(a.parts) >= 1<<(32-arenaBits) {
			return 0, false
		}
		k++
		var part []byte
		if k > 0 && len(b) <= arenaSize {
			part = make([]byte, 0, arenaSize)
		}
		a.parts = append(a.parts, part)
	}
	off := uint32(k)<<arenaBits | uint32(len(a.parts[k]))
	a.parts[k] = append(a.parts[k], b...)
	return off, true
}

func (a *arena) get(off uint32) []byte {
	return a.parts[off>>arenaBits][off&(arenaSize-1):]
}
