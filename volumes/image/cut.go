package image

import "encoding/binary"

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

// need looks at the reference counts: the last cluster that counts is there,
// at least its begin.
func (q *qcow) need(int64) (*file, int64) {
	var last, block int64
	q.f.scan(q.refTable, q.refEntries, 8, func(i int64, b []byte) {
		if off := int64(binary.BigEndian.Uint64(b) & qcowOffset); off != 0 {
			last, block = i, off
		}
	})
	if block == 0 {
		return nil, 0
	}
	cluster := int64(1) << q.bits
	if block >= q.f.size {
		return q.f, block + cluster
	}
	b := make([]byte, min(cluster, q.f.size-block))
	if q.f.readFull(b, block) != nil {
		return nil, 0
	}
	for i := int64(len(b)) - 1; i >= 0; i-- {
		if b[i] == 0 {
			continue
		}
		// A byte holds eight counts of a bit, or is a part of one.
		at := (last*(cluster*8>>q.refOrder) + i*8>>q.refOrder) * cluster
		if at < q.f.size {
			return nil, 0
		}
		return q.f, at + cluster
	}
	return nil, 0
}

func (s *sparse) need(int64) (*file, int64) {
	var tables []int64
	var need int64
	per := s.grain * s.perTable
	s.f.scan(s.directory, (s.size+per-1)/per, 4, func(_ int64, b []byte) {
		if t := int64(binary.LittleEndian.Uint32(b)) * 512; t != 0 {
			tables = append(tables, t)
		}
	})
	step := int64(len(tables))*s.perTable*4/cutBudget + 1
	for k, t := range tables {
		if need = max(need, t+1); int64(k)%step != 0 && k != len(tables)-1 {
			continue
		}
		s.f.scan(t, s.perTable, 4, func(_ int64, b []byte) {
			if e := binary.LittleEndian.Uint32(b); e > 1 {
				need = max(need, int64(e)*512+1) // its end may lack
			}
		})
	}
	return s.f, need
}
