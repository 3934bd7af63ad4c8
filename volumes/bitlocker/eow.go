package bitlocker

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strings"
)

// eow tells which chunks of a volume are encrypted whose unused space is not:
// those that were written since BitLocker was turned on.
type eow struct {
	chunk    int64
	regions  []region
	reserved []span
	lost     []error // why regions are not there
}

// region is a part of the volume with a bit for each chunk, counted from its
// own start.
type region struct {
	off, size int64
	bits      []byte
}

// Bounds of the information: Windows makes chunks of 8 MiB, and regions that
// are as large as the volume but for the metadata between them.
const (
	maxRegions = 1024
	minChunk   = 64 << 10
	maxBitmaps = 32 << 20 // bytes: a bit each for the chunks of 2048 TiB, or of 16 TiB in the smallest ones
)

// findEOW reads the first copy of the information that is whole, and its
// bitmaps. A bitmap that cannot be read costs only the region that it is of.
func (v *Volume) findEOW(places []int64) error {
	var why []error
	for i := 0; i < len(places) && i < 6; i++ {
		e, more, err := v.readEOW(places[i])
		for _, p := range more {
			if !slices.Contains(places, p) {
				places = append(places, p)
			}
		}
		switch {
		case err != nil:
			why = append(why, err)
		case v.eow == nil || len(e.lost) < len(v.eow.lost):
			v.eow = e
		}
		if v.eow != nil && v.eow.lost == nil {
			break
		}
	}
	switch {
	case v.eow == nil:
		return &FormatError{-1, "only used space is encrypted, and nothing tells which parts are (" + sentence(why) + ")"}
	case v.eow.lost != nil:
		v.problem("nothing tells what is encrypted in a part of the volume, which cannot be read: %s", sentence(v.eow.lost))
	case why != nil:
		v.problem("a copy of the list of what is encrypted is damaged (%s); another one is used", sentence(why))
	}
	return nil
}

// sentence puts errors into one line.
func sentence(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (v *Volume) readAt(off, n int64) ([]byte, error) {
	if off <= 0 || n <= 0 || off > v.size-n {
		return nil, &FormatError{off, fmt.Sprintf("%d bytes are not in the volume", n)}
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(v.r, off, n), b); err != nil {
		return nil, fmt.Errorf("BitLocker: offset %#x: %w", off, err)
	}
	return b, nil
}

// sumOf is the checksum of b, whose own place at i counts as zero.
func sumOf(b []byte, i int) uint32 {
	s := crc32.ChecksumIEEE(b[:i])
	s = crc32.Update(s, crc32.IEEETable, make([]byte, 4))
	return crc32.Update(s, crc32.IEEETable, b[i+4:])
}

func (v *Volume) readEOW(off int64) (*eow, []int64, error) {
	le := binary.LittleEndian
	b, err := v.readAt(off, min(maxBlock, max(v.size-off, 0)))
	if err != nil {
		return nil, nil, err
	}
	if len(b) < 56 || string(b[:8]) != "FVE-EOW\x00" {
		return nil, nil, &FormatError{off, "no list of what is encrypted is here"}
	}
	copies := []int64{int64(le.Uint64(b[40:])), int64(le.Uint64(b[48:]))}
	size := int(le.Uint16(b[10:]))
	if size < 56 || size > len(b) {
		return nil, copies, &FormatError{off, fmt.Sprintf("a list of what is encrypted of %d bytes", size)}
	}
	b = b[:size]
	if sumOf(b, 36) != le.Uint32(b[36:]) {
		return nil, copies, &FormatError{off, "the checksum of the list of what is encrypted is wrong"}
	}
	e := &eow{chunk: int64(le.Uint32(b[20:]))}
	log := int64(le.Uint32(b[24:]))
	n := int(le.Uint32(b[32:]))
	if e.chunk < minChunk || e.chunk%v.sector != 0 || n == 0 || n > maxRegions || 56+8*n > size {
		return nil, copies, &FormatError{off, fmt.Sprintf("%d regions with chunks of %d bytes", n, e.chunk)}
	}
	left := int64(maxBitmaps)
	round := func(n int64) int64 { return (n + v.sector - 1) / v.sector * v.sector }
	for _, c := range copies {
		e.reserved = append(e.reserved, span{c, c + round(int64(size))})
	}
	for i := range n {
		at := int64(le.Uint64(b[56+8*i:]))
		r, length, logAt, err := v.readRegion(at, e.chunk, left)
		if err != nil {
			e.lost = append(e.lost, err)
			continue
		}
		left -= int64(len(r.bits))
		e.regions = append(e.regions, r)
		e.reserved = append(e.reserved, span{at, at + round(length)}, span{logAt, logAt + round(log)})
	}
	slices.SortFunc(e.regions, func(a, b region) int { return cmp.Compare(a.off, b.off) })
	if len(e.regions) == 0 {
		return nil, copies, e.lost[0]
	}
	for i, r := range e.regions[1:] {
		if r.off < e.regions[i].off+e.regions[i].size {
			return nil, copies, &FormatError{off, "regions overlap"}
		}
	}
	return e, copies, nil
}

// readRegion reads the bitmap at off, whose bits may take most bytes. The
// region may go on behind the end of an image that was cut.
func (v *Volume) readRegion(off, chunk, most int64) (r region, length, log int64, err error) {
	le := binary.LittleEndian
	bad := func(format string, args ...any) (region, int64, int64, error) {
		return region{}, 0, 0, &FormatError{off, fmt.Sprintf(format, args...)}
	}
	b, err := v.readAt(off, 60)
	if err != nil {
		return region{}, 0, 0, err
	}
	if string(b[:10]) != "FVE-EOWBM\x00" {
		return bad("no bitmap of what is encrypted is here")
	}
	length = int64(le.Uint32(b[12:]))
	r.off, r.size = int64(le.Uint64(b[20:])), int64(le.Uint64(b[28:]))
	log = int64(le.Uint64(b[36:]))
	if r.off < 0 || r.size <= 0 || r.off > math.MaxInt64/2 || r.size > math.MaxInt64/2 {
		return bad("a region of %d bytes at %#x", r.size, r.off)
	}
	chunks := (r.size + chunk - 1) / chunk
	if chunks > 8*most {
		return bad("a bitmap for %d chunks", chunks)
	}
	if length < 60 || length > chunks/4+128<<10 {
		return bad("a bitmap of %d bytes for %d chunks", length, chunks)
	}
	if b, err = v.readAt(off, length); err != nil {
		return region{}, 0, 0, err
	}
	places := []int64{int64(le.Uint32(b[44:])), int64(le.Uint32(b[48:]))}
	first := min(places[0], places[1])
	if first < 60 || first > length || sumOf(b[:first], 56) != le.Uint32(b[56:]) {
		return bad("the checksum of the bitmap of what is encrypted is wrong")
	}
	var best uint64
	good := 0
	for _, p := range places {
		if p > length-36 {
			continue
		}
		rec := b[p:]
		n := int64(le.Uint32(rec[12:]))
		if string(rec[:10]) != "FVE-EOWBR\x00" || n < 36 || n > int64(len(rec)) {
			continue
		}
		rec = rec[:n]
		if sumOf(rec, 32) != le.Uint32(rec[32:]) || int64(len(rec)-36) < (chunks+7)/8 {
			continue
		}
		if seq := le.Uint64(rec[20:]); good == 0 || seq > best {
			best, r.bits = seq, slices.Clone(rec[36:36+(chunks+7)/8])
		}
		good++
	}
	switch {
	case good == 0:
		return bad("neither of the two bitmaps of what is encrypted is whole")
	case good == 1:
		v.problem("offset %#x: one of the two bitmaps of what is encrypted is damaged; if it was the newer one, what was written last may read wrongly", off)
	}
	return r, length, log, nil
}

// sealed says whether a place is encrypted, and for how many bytes that holds.
func (e *eow) sealed(phys, size int64) (bool, int64, error) {
	for _, r := range e.regions {
		switch {
		case phys < r.off && e.lost == nil:
			return false, r.off - phys, nil
		case phys < min(r.off, eowStart):
			return false, min(r.off, eowStart) - phys, nil
		case phys < r.off:
			return false, 0, e.lost[0]
		case phys-r.off < r.size:
			i := (phys - r.off) / e.chunk
			end := min((i+1)*e.chunk, r.size)
			return r.bits[i/8]>>(i%8)&1 == 1, r.off + end - phys, nil
		}
	}
	if e.lost != nil {
		return false, 0, e.lost[0]
	}
	return false, size - phys, nil
}

// eowStart is where the first region begins: what is before it is plain.
const eowStart = 0x2000
