package image

import (
	"encoding/binary"
	"math/bits"
)

// Cut says that a file of an image ends too early: a copy or clone that was
// not finished.
type Cut struct {
	Path string
	// Size is how many bytes the file has, Need how many it must have at
	// least by what its tables say, 0 when that is not known.
	Size, Need int64
}

// needer is a layout that knows how long its file must be.
type needer interface {
	// need is how many bytes the file of a disk of size bytes must have at
	// least. Large tables are looked at in places only.
	need(size int64) (f *file, bytes int64)
}

// cut notes that f ends before need.
func (d *disk) cutShort(f *file, need int64) {
	d.cut = &Cut{f.name, f.size, need}
	d.problem("%s is cut short: it has %d bytes and needs %d at least; what lies behind the cut cannot be read, and files there are damaged and named; copy the image again", f.name, f.size, need)
}

// lookForCut compares the file of a layout with its tables.
func (d *disk) lookForCut(l layout) {
	if n, ok := l.(needer); ok && d.cut == nil {
		if f, need := n.need(d.size); f != nil && need > f.size {
			d.cutShort(f, need)
		}
	}
}

const (
	// cutBudget bounds what is read of tables to see whether a file is cut.
	cutBudget = 4 << 20
	cutPiece  = 32 << 10
)

// scan calls fn with the entries of n bytes each of a table of count entries,
// at least the first and the last of them: all, when the table is not large.
// What cannot be read is left out.
func (f *file) scan(table, count, n int64, fn func(i int64, entry []byte)) {
	per := cutPiece / n
	pieces := (count + per - 1) / per
	step := max(1, (pieces+cutBudget/cutPiece-1)/(cutBudget/cutPiece))
	buf := make([]byte, per*n)
	for k := int64(0); k < pieces; k++ {
		if k%step != 0 && k != pieces-1 {
			continue
		}
		b := buf[:min(per, count-k*per)*n]
		if f.readFull(b, table+k*per*n) != nil {
			continue
		}
		for i := int64(0); len(b) > 0; i, b = i+1, b[n:] {
			fn(k*per+i, b[:n])
		}
	}
}

func (v *vhd) need(size int64) (*file, int64) {
	var need int64
	v.f.scan(v.table, (size+v.block-1)/v.block, 4, func(i int64, b []byte) {
		if e := binary.BigEndian.Uint32(b); e != vhdUnused {
			need = max(need, int64(e)*512+v.bitmap+min(v.block, size-i*v.block))
		}
	})
	return v.f, need
}

func (v *vhdx) need(size int64) (*file, int64) {
	var need int64
	blocks := (size + v.block - 1) / v.block
	if blocks == 0 {
		return v.f, 0
	}
	v.f.scan(v.table, v.index(blocks-1)+1, 8, func(i int64, b []byte) {
		e := binary.LittleEndian.Uint64(b)
		if e>>63 != 0 || e&7 != vhdxPresent && e&7 != vhdxPartly {
			return
		}
		chunk, in := i/(v.ratio+1), i%(v.ratio+1)
		n := int64(1 << 20) // a block of bitmaps
		if in < v.ratio {
			n = min(v.block, size-(chunk*v.ratio+in)*v.block)
		}
		need = max(need, int64(e&^0xFFFFF)+n)
	})
	return v.f, need
}

func (v *vdi) need(size int64) (*file, int64) {
	var need int64
	v.f.scan(v.table, (size+v.block-1)/v.block, 4, func(i int64, b []byte) {
		if e := binary.LittleEndian.Uint32(b); e < vdiZero {
			need = max(need, v.data+int64(e)*(v.block+v.extra)+v.extra+min(v.block, size-i*v.block))
		}
	})
	return v.f, need
}

// need looks at the tables, and at the reference counts. The last cluster of
// the file must hold what the disk has of it, and no more. Entries far behind
// any place that it can have had are damaged, and tell nothing.
func (q *qcow) need(size int64) (*file, int64) {
	cluster, perTable := int64(1)<<q.bits, int64(1)<<q.l2Bits()
	entry := cluster / perTable
	var need int64
	most := q.f.size + 2*size + 16*cluster // with some snapshots
	atLeast := func(n int64) {
		if n <= most {
			need = max(need, n)
		}
	}
	atLeast(q.counted())
	type table struct{ at, first int64 }
	var tables []table
	q.f.scan(q.l1, (size+cluster*perTable-1)/(cluster*perTable), 8, func(i int64, b []byte) {
		if at := int64(binary.BigEndian.Uint64(b) & qcowOffset); at != 0 {
			tables = append(tables, table{at, i * cluster * perTable})
		}
	})
	for k, step := 0, int64(len(tables))*cluster/cutBudget+1; k < len(tables); k++ {
		t := tables[k]
		used := min(perTable, (size-t.first+cluster-1)/cluster)
		if atLeast(t.at + used*entry); int64(k)%step != 0 && k != len(tables)-1 {
			continue
		}
		q.f.scan(t.at, used, entry, func(i int64, b []byte) {
			atLeast(q.end(b, size-t.first-i*cluster))
		})
	}
	return q.f, need
}

// end is where the bytes of the file end that an entry of a table needs for the
// first rest bytes of the disk from there on; 0 for none.
func (q *qcow) end(entry []byte, rest int64) int64 {
	e := binary.BigEndian.Uint64(entry)
	host, n := int64(e&qcowOffset), int64(1)<<q.bits
	switch {
	case e&qcowCompressed != 0:
		// They end somewhere in the last of the sectors.
		from, sectors := q.place(e)
		return from&^511 + (sectors-1)*512 + 1
	case host == 0, !q.subclusters && q.v3 && e&qcowZero != 0:
		return 0
	case q.subclusters:
		n = int64(bits.Len32(binary.BigEndian.Uint32(entry[12:]))) << (q.bits - 5)
	}
	return host + min(n, rest)
}

// counted is where the last cluster ends that has a reference, when it begins
// behind the end of the file; 0 when it does not.
func (q *qcow) counted() int64 {
	var last, block int64
	q.f.scan(q.refTable, q.refEntries, 8, func(i int64, b []byte) {
		if off := int64(binary.BigEndian.Uint64(b) & qcowOffset); off != 0 {
			last, block = i, off
		}
	})
	if block == 0 {
		return 0
	}
	cluster := int64(1) << q.bits
	if block >= q.f.size {
		return block + cluster
	}
	b := make([]byte, min(cluster, q.f.size-block))
	if q.f.readFull(b, block) != nil {
		return 0
	}
	for i := int64(len(b)) - 1; i >= 0; i-- {
		if b[i] == 0 {
			continue
		}
		// A byte holds eight counts of a bit, or is a part of one.
		at := (last*(cluster*8>>q.refOrder) + i*8>>q.refOrder) * cluster
		if at < q.f.size {
			return 0
		}
		return at + cluster
	}
	return 0
}

func (s *sparse) need(int64) (*file, int64) {
	type table struct{ at, first int64 }
	var tables []table
	var need, last int64 // last is the grain that begins last
	per := s.grain * s.perTable
	s.f.scan(s.directory, (s.size+per-1)/per, 4, func(i int64, b []byte) {
		if t := int64(binary.LittleEndian.Uint32(b)) * 512; t != 0 {
			tables = append(tables, table{t, i * per})
		}
	})
	step := int64(len(tables))*s.perTable*4/cutBudget + 1
	for k, t := range tables {
		used := min(s.perTable, (s.size-t.first+s.grain-1)/s.grain)
		if need = max(need, t.at+used*4); int64(k)%step != 0 && k != len(tables)-1 {
			continue
		}
		s.f.scan(t.at, used, 4, func(i int64, b []byte) {
			e := binary.LittleEndian.Uint32(b)
			if e == 0 || e == 1 && s.flags&vmdkZeroGrains != 0 {
				return
			}
			at := int64(e) * 512
			if s.flags&vmdkPacked != 0 {
				last = max(last, at)
				return
			}
			need = max(need, at+min(s.grain, s.size-t.first-i*s.grain))
		})
	}
	if last == 0 {
		return s.f, need
	}
	need = max(need, last+1) // its length may not be told
	if s.flags&vmdkMarkers != 0 {
		var marker [12]byte
		need = max(need, last+int64(len(marker))+1)
		if s.f.readFull(marker[:], last) == nil {
			need = max(need, last+int64(len(marker))+min(int64(binary.LittleEndian.Uint32(marker[8:])), 2*s.grain))
		}
	}
	return s.f, need
}
