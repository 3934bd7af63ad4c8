package ntfs

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// device is the medium, with its end made sharp.
type device struct {
	r    io.ReaderAt
	size int64
}

// ErrCut is wrapped by read errors about places behind the end of the medium:
// the image of the volume is not whole.
var ErrCut = errors.New("behind the end of the medium")

// readAt fills p, or gives an error.
func (d *device) readAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= d.size {
		return 0, fmt.Errorf("%w, which has %d bytes", ErrCut, d.size)
	}
	want := p
	if int64(len(p)) > d.size-off {
		want = p[:d.size-off]
	}
	n, err := d.r.ReadAt(want, off)
	switch {
	case n < len(want) && (err == nil || err == io.EOF):
		return n, io.ErrUnexpectedEOF
	case n < len(want):
		return n, err
	case n < len(p):
		return n, fmt.Errorf("%w, which has %d bytes", ErrCut, d.size)
	}
	return n, nil
}

// piece is a part of a stream, up to the piece behind it. pos is its place in
// the volume in bytes, or hole, or lost.
type piece struct{ off, pos int64 }

var errLost = errors.New("damage to the volume hides where these bytes are")

// plain is a stream whose bytes lie on the medium as they are.
type plain struct {
	dev    *device
	pieces []piece
	size   int64
	init   int64 // zeros from here on, whatever the clusters hold
}

// plainOf makes a stream of runs. What they hold less than size is lost.
func (fs *FS) plainOf(runs []run, size, init int64) *plain {
	s := &plain{dev: &fs.dev, size: size, init: init, pieces: make([]piece, 0, len(runs)+1)}
	var at int64
	for _, x := range runs {
		s.add(at, x.lcn, fs.geo.cluster)
		at += x.n * fs.geo.cluster
	}
	if at < size {
		s.add(at, lost, 0)
	}
	return s
}

func (s *plain) add(at, lcn, cluster int64) {
	if at >= s.size {
		return
	}
	if lcn >= 0 {
		lcn *= cluster
	}
	s.pieces = append(s.pieces, piece{at, lcn})
}

func (s *plain) Size() int64 { return s.size }

// find returns the index of the piece that holds off, which is in the stream.
func (s *plain) find(off int64) int {
	return sort.Search(len(s.pieces), func(i int) bool { return s.pieces[i].off > off }) - 1
}

func (s *plain) end(i int) int64 {
	if i+1 < len(s.pieces) {
		return s.pieces[i+1].off
	}
	return s.size
}

// ReadAt implements io.ReaderAt. It makes one request to the medium for each
// run of clusters that p touches.
func (s *plain) ReadAt(p []byte, off int64) (int, error) {
	want := len(p)
	p, err := clip(p, off, s.size)
	if err != nil || len(p) == 0 {
		return 0, err
	}
	n := 0
	for i := s.find(off); n < len(p); i++ {
		at := off + int64(n)
		if at >= s.init {
			clear(p[n:])
			n = len(p)
			break
		}
		part := p[n:]
		if left := min(s.end(i), s.init) - at; int64(len(part)) > left {
			part = part[:left]
		}
		switch pos := s.pieces[i].pos; pos {
		case hole:
			clear(part)
		case lost:
			return n, &winfs.ReadError{Off: at, Len: int64(len(part)), Pos: -1, Err: errLost}
		default:
			pos += at - s.pieces[i].off
			k, err := s.dev.readAt(part, pos)
			if err != nil {
				return n + k, &winfs.ReadError{Off: at + int64(k), Len: int64(len(part) - k), Pos: pos + int64(k), Err: err}
			}
		}
		n += len(part)
	}
	if n < want {
		return n, io.EOF
	}
	return n, nil
}

// clip cuts p to the end of a stream.
func clip(p []byte, off, size int64) ([]byte, error) {
	if off < 0 {
		return nil, fmt.Errorf("a read at offset %d", off)
	}
	if off >= size {
		if len(p) == 0 {
			return nil, nil
		}
		return nil, io.EOF
	}
	if int64(len(p)) > size-off {
		p = p[:size-off]
	}
	return p, nil
}

// Extents implements winfs.Stream.
func (s *plain) Extents() []winfs.Extent {
	out := make([]winfs.Extent, 0, len(s.pieces))
	add := func(off, end, pos int64) {
		if off >= end {
			return
		}
		if k := len(out) - 1; k >= 0 && pos < 0 && out[k].Pos < 0 {
			out[k].Len += end - off
			return
		}
		out = append(out, winfs.Extent{Off: off, Len: end - off, Pos: pos})
	}
	for i, p := range s.pieces {
		end := s.end(i)
		switch {
		case p.pos == lost && p.off < s.init:
			return nil
		case p.pos < 0 || p.off >= s.init:
			add(p.off, end, -1)
		default:
			add(p.off, min(end, s.init), p.pos)
			add(max(p.off, s.init), end, -1)
		}
	}
	return out
}

// Holes implements winfs.Stream.
func (s *plain) Holes() []winfs.Extent {
	var out []winfs.Extent
	for i, p := range s.pieces {
		if p.pos == hole {
			out = append(out, winfs.Extent{Off: p.off, Len: s.end(i) - p.off, Pos: -1})
		}
	}
	return out
}

// resident is a stream that was read with its MFT record.
type resident []byte

func (s resident) Size() int64             { return int64(len(s)) }
func (s resident) Extents() []winfs.Extent { return nil }
func (s resident) Holes() []winfs.Extent   { return nil }

func (s resident) ReadAt(p []byte, off int64) (int, error) {
	want := len(p)
	p, err := clip(p, off, s.Size())
	if err != nil || len(p) == 0 {
		return 0, err
	}
	n := copy(p, s[off:])
	if n < want {
		return n, io.EOF
	}
	return n, nil
}

// compressed is a stream of LZNT1 units.
//
// How a unit is kept follows from its clusters: none, it is zeros; all, it is
// raw; some, they hold it compressed. NTFS merges neighbours: one hole can be
// the end of a unit and many whole units behind it. So the runs are cut at the
// units first, then looked at.
type compressed struct {
	raw  plain // its size is rounded up to units
	unit int64 // bytes
	size int64

	mu sync.Mutex
	// last is the unit decoded last, n its number plus one.
	last []byte
	n    int64
}

// maxGather is how much of the medium one read of a compressed stream asks for.
const maxGather = 1 << 20

func (fs *FS) compressedOf(runs []run, unit uint8, size, init int64) *compressed {
	s := &compressed{unit: fs.geo.cluster << unit, size: size}
	rounded := (size + s.unit - 1) / s.unit * s.unit
	s.raw = plain{dev: &fs.dev, size: rounded, init: init, pieces: make([]piece, 0, len(runs)+1)}
	var at int64
	for _, x := range runs {
		s.raw.add(at, x.lcn, fs.geo.cluster)
		at += x.n * fs.geo.cluster
	}
	if at < size {
		s.raw.add(at, lost, 0)
		at = size
	}
	if at < rounded {
		s.raw.add(at, outside, 0)
	}
	return s
}

// outside is the place of the clusters of the last unit that no run describes
// and no byte of the stream needs.
const outside = -3

// extent is a part of the medium.
type extent struct{ pos, n int64 }

// unitKind tells how a unit is kept.
type unitKind uint8

const (
	unitZero unitKind = iota
	unitRaw
	unitPacked
	unitLost
)

// look returns how the unit at off is kept, and appends its places to dst. i
// is the piece that holds its start; look returns the piece behind the unit.
func (s *compressed) look(dst []extent, off int64, i int) (unitKind, []extent, int) {
	end := off + s.unit
	var there, open int64
	gap, gone := false, false
	for at := off; at < end; {
		stop := min(s.raw.end(i), end)
		n := stop - at
		switch pos := s.raw.pieces[i].pos; pos {
		case hole:
			gap = true
		case lost:
			gone = true
		case outside:
			open += n
		default:
			pos += at - s.raw.pieces[i].off
			if k := len(dst) - 1; k >= 0 && dst[k].pos+dst[k].n == pos {
				dst[k].n += n
			} else {
				dst = append(dst, extent{pos, n})
			}
			there += n
		}
		at = stop
		if at == s.raw.end(i) {
			i++
		}
	}
	switch {
	case gone:
		return unitLost, dst, i
	case there == 0:
		return unitZero, dst, i
	case !gap && there+open == s.unit:
		return unitRaw, dst, i
	}
	return unitPacked, dst, i
}

func (s *compressed) Size() int64             { return s.size }
func (s *compressed) Extents() []winfs.Extent { return nil }

// Holes implements winfs.Stream: the units without a cluster.
func (s *compressed) Holes() []winfs.Extent {
	var out []winfs.Extent
	for i, p := range s.raw.pieces {
		if p.pos != hole {
			continue
		}
		// The part of a hole up to the next unit is the end of a packed one,
		// when it does not start with the unit itself.
		off := (p.off + s.unit - 1) / s.unit * s.unit
		end := s.raw.end(i)
		if end < s.size {
			end = end / s.unit * s.unit
		}
		end = min(end, s.size)
		if off < end {
			out = append(out, winfs.Extent{Off: off, Len: end - off, Pos: -1})
		}
	}
	return out
}

// ReadAt implements io.ReaderAt.
func (s *compressed) ReadAt(p []byte, off int64) (int, error) {
	want := len(p)
	p, err := clip(p, off, s.size)
	if err != nil || len(p) == 0 {
		return 0, err
	}
	n := 0
	// The part of a unit at either end goes through the cache.
	if head := off % s.unit; head != 0 || int64(len(p)) < s.unit && off+int64(len(p)) < s.size {
		k, err := s.readPart(p, off)
		n += k
		if err != nil {
			return n, err
		}
	}
	for n < len(p) {
		at := off + int64(n)
		if left := int64(len(p) - n); left < s.unit && at+left < s.size {
			k, err := s.readPart(p[n:], at)
			n += k
			if err != nil {
				return n, err
			}
			continue
		}
		k, err := s.readUnits(p[n:], at)
		n += k
		if err != nil {
			return n, err
		}
	}
	if n < want {
		return n, io.EOF
	}
	return n, nil
}

// readPart reads inside of the unit that holds off.
func (s *compressed) readPart(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := off / s.unit
	if s.n != u+1 {
		if s.last == nil {
			s.last = make([]byte, s.unit)
		}
		s.n = 0
		b := s.last[:min(s.unit, s.size-u*s.unit)]
		if _, err := s.readUnits(b, u*s.unit); err != nil {
			return 0, err
		}
		s.n = u + 1
	}
	b := s.last[:min(s.unit, s.size-u*s.unit)]
	return copy(p, b[off-u*s.unit:]), nil
}

// readUnits reads whole units from off on, a multiple of the unit. It may read
// less than p asks for, but at least one; the last unit of the stream may be
// cut.
func (s *compressed) readUnits(p []byte, off int64) (int, error) {
	if off >= s.raw.init {
		clear(p)
		return len(p), nil
	}
	type part struct {
		kind unitKind
		n    int64 // bytes on the medium
	}
	var parts []part
	var places []extent
	var total int64
	i := s.raw.find(off)
	for at := off; at < off+int64(len(p)) && at < s.raw.init; at += s.unit {
		if int64(len(p))-(at-off) < s.unit && at+s.unit < s.size {
			break // not whole
		}
		before := len(places)
		had := int64(0)
		if before > 0 {
			had = places[before-1].n
		}
		var kind unitKind
		kind, places, i = s.look(places, at, i)
		var n int64
		for k := max(before-1, 0); k < len(places); k++ {
			n += places[k].n
		}
		n -= had
		parts = append(parts, part{kind, n})
		total += n
		if total >= maxGather {
			break
		}
	}
	buf := make([]byte, total)
	var fill int64
	var failed error
	var failedAt int64
	for _, x := range places {
		k, err := s.raw.dev.readAt(buf[fill:fill+x.n], x.pos)
		if err != nil {
			fill += int64(k)
			failed, failedAt = err, x.pos+int64(k)
			break
		}
		fill += x.n
	}
	n, from := 0, int64(0)
	for _, x := range parts {
		out := p[n:]
		if int64(len(out)) > s.unit {
			out = out[:s.unit]
		}
		at := off + int64(n)
		bad := func(pos int64, err error) (int, error) {
			return n, &winfs.ReadError{Off: at, Len: int64(len(out)), Pos: pos, Err: err}
		}
		if from+x.n > fill && x.n > 0 {
			return bad(failedAt, failed)
		}
		src := buf[from : from+x.n]
		from += x.n
		switch x.kind {
		case unitZero:
			clear(out)
		case unitLost:
			return bad(-1, errLost)
		case unitRaw:
			clear(out[copy(out, src):])
		case unitPacked:
			need := min(int64(len(out)), s.raw.init-at)
			if _, err := decodeLZNT1(out, src, int(need)); err != nil {
				return bad(-1, err)
			}
		}
		if at+int64(len(out)) > s.raw.init {
			clear(out[max(s.raw.init-at, 0):])
		}
		n += len(out)
	}
	return n, nil
}

// stored opens the runs at an offset of the index.
func (fs *FS) stored(size int64, place uint32) winfs.Stream {
	sr := openRuns(fs.x.runs.get(place))
	var runs []run
	for x := sr.next(); x.n > 0; x = sr.next() {
		runs = append(runs, x)
	}
	init := size
	if sr.init >= 0 {
		init = sr.init
	}
	if sr.unit > 0 {
		return fs.compressedOf(runs, sr.unit, size, init)
	}
	return fs.plainOf(slices.Clip(runs), size, init)
}

// startOf is the place of the first cluster of a stored stream, -1 when it has
// none.
func (fs *FS) startOf(place uint32) int64 {
	sr := openRuns(fs.x.runs.get(place))
	for x := sr.next(); x.n > 0; x = sr.next() {
		if x.lcn >= 0 {
			return x.lcn * fs.geo.cluster
		}
	}
	return -1
}
