package ntfs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// byteRange is a part of a stream.
type byteRange struct{ off, end int64 }

// candidates are the places where a boot sector can be: the start; the last
// sector, which is its backup; the middle, where Windows NT 3.51 kept that.
func candidates(size int64) []int64 {
	out := []int64{0}
	for _, off := range []int64{size - 512, size - 4096, size / 2 / 512 * 512} {
		if off > 0 && !slices.Contains(out, off) {
			out = append(out, off)
		}
	}
	return out
}

// boot finds a boot sector that leads to $MFT.
func (fs *FS) boot() error {
	var first error
	found := false
	for _, off := range candidates(fs.dev.size) {
		var b [512]byte
		n, err := fs.dev.readAt(b[:], off)
		if err == nil || n > 0 {
			fs.geo, err = parseBoot(b[:n])
		}
		if err == nil {
			found = true
			err = fs.bootstrap()
		}
		if err == nil {
			if off > 0 {
				fs.problem("sector 0", fmt.Sprintf("%v; the copy of the boot sector at byte %d is used", first, off))
				return nil
			}
			return fs.largerBoot()
		}
		if first == nil {
			first = err
		}
		fs.problems = nil
	}
	if !found {
		return fmt.Errorf("%w: %w", ErrNotNTFS, first)
	}
	return first
}

// bootstrap finds the clusters of $MFT, by its record or the copy of that in
// $MFTMirr. Where they differ, the one counts that leads to more records.
func (fs *FS) bootstrap() error {
	list, err := fs.firstRecords()
	if err != nil {
		return err
	}
	type found struct {
		mft, bitmap *plain
		ranges      []byteRange
		problems    []winfs.Problem
		err         error
	}
	var best found
	before := fs.problems
	for k := range list {
		r := &list[k]
		fs.problems = slices.Clone(before)
		x := found{err: fs.follow(r)}
		if x.err == nil && len(list) > 1 {
			fs.weigh(r)
		}
		if k > 0 {
			if x.err != nil || best.err == nil && !r.better(&list[0]) {
				continue
			}
			what := list[0].worse(r)
			if best.err != nil {
				what = best.err.Error()
			}
			fs.problem(recordName(0), what+"; its copy in $MFTMirr is used")
		}
		x.mft, x.bitmap, x.ranges, x.problems = fs.mft, fs.mftBitmap, fs.mftRanges, fs.problems
		best = x
		fs.lost.said, fs.lost.byMirror = r.said, r.mirror
	}
	fs.mft, fs.mftBitmap, fs.mftRanges, fs.problems = best.mft, best.bitmap, best.ranges, best.problems
	return best.err
}

// mftRecord is the record of $MFT, or its copy.
type mftRecord struct {
	attrs  []attr
	h      header
	mirror bool
	// What follow finds: the size of $MFT with what was never written, whether
	// the first cluster is where the boot sector has it, how many of the first
	// records of its runs are others, and how many bytes of $MFT are there.
	said    int64
	inPlace bool
	wrong   int
	reach   int64
}

func (r *mftRecord) better(than *mftRecord) bool {
	switch {
	case r.inPlace != than.inPlace:
		return r.inPlace
	case r.wrong != than.wrong:
		return r.wrong < than.wrong
	}
	return r.reach > than.reach
}

// worse says in what r is not as good.
func (r *mftRecord) worse(better *mftRecord) string {
	switch {
	case r.inPlace != better.inPlace:
		return "$MFT does not begin where it says"
	case r.wrong != better.wrong:
		return fmt.Sprintf("%d of the runs of $MFT do not hold its records", r.wrong)
	}
	return fmt.Sprintf("it leads to %d bytes of $MFT, which has %d", r.reach, better.reach)
}

// maxRunsChecked bounds the runs of $MFT that are looked at.
const maxRunsChecked = 256

// weigh finds how good r is, of which $MFT was found.
func (fs *FS) weigh(r *mftRecord) {
	r.inPlace = fs.mft.pieces[0].pos == fs.geo.mft*fs.geo.cluster
	rec := make([]byte, fs.geo.record)
	for k, p := range fs.mft.pieces {
		if k == maxRunsChecked {
			break
		}
		num := (p.off + fs.geo.record - 1) / fs.geo.record
		if _, err := fs.mft.ReadAt(rec, num*fs.geo.record); err != nil {
			continue
		}
		if h, st, _ := openRecord(rec); st == stateBad || h.hasNum && int64(h.num) != num {
			r.wrong++
		}
	}
	for _, x := range fs.mftRanges {
		r.reach += x.end - x.off
	}
}

// follow finds the clusters of $MFT by r. That can name further records that
// hold more of the extents; each lies in the part known so far.
func (fs *FS) follow(r *mftRecord) error {
	g := &fs.geo
	attrs, h := r.attrs, r.h
	fs.mft, fs.mftBitmap, fs.mftRanges = nil, nil, nil
	var data, bitmap []attr
	take := func(attrs []attr) {
		for _, a := range attrs {
			switch {
			case !a.nonResident || len(a.name) > 0:
			case a.typ == typeData:
				data = append(data, a)
			case a.typ == typeBitmap:
				bitmap = append(bitmap, a)
			}
		}
	}
	take(attrs)
	byFirst := func(a, b attr) int { return cmp.Compare(a.first, b.first) }
	open := func() error {
		slices.SortStableFunc(data, byFirst)
		if len(data) == 0 || data[0].first != 0 {
			return &FormatError{recordName(0), -1, "$MFT has no clusters"}
		}
		size := data[0].size
		runs, size, err := g.layout(nil, data, min(size, g.bytes))
		fs.mft = fs.plainOf(runs, size, size)
		r.said = size
		if init := data[0].init; init > 0 {
			// Records behind it were never written.
			fs.mft.size = min(size, init)
			fs.mft.init = fs.mft.size
			for k := len(fs.mft.pieces) - 1; k > 0 && fs.mft.pieces[k].off >= fs.mft.size; k-- {
				fs.mft.pieces = fs.mft.pieces[:k]
			}
		}
		return err
	}
	missing := open()
	if fs.mft == nil {
		return missing
	}

	list, err := fs.listOf(attrs)
	if err != nil {
		fs.problem(recordName(0), err.Error())
	}
	var todo []uint32
	for _, e := range list {
		if n := e.ref.record(); n != 0 && n <= math.MaxUint32 && (e.typ == typeData || e.typ == typeBitmap) && !slices.Contains(todo, uint32(n)) {
			todo = append(todo, uint32(n))
		}
		if len(todo) == maxMFTRecords {
			fs.problem(recordName(0), fmt.Sprintf("$MFT is said to lie in more than %d records", maxMFTRecords))
			break
		}
	}
	for progress := true; progress && len(todo) > 0; {
		progress = false
		rest := todo[:0]
		for _, n := range todo {
			rec := make([]byte, g.record)
			if _, err := fs.mft.ReadAt(rec, int64(n)*g.record); err != nil {
				rest = append(rest, n) // maybe it lies in an extent to come
				continue
			}
			progress = true
			eh, st, err := openRecord(rec)
			if st != stateGood && st != stateDamaged || eh.base != makeRef(0, h.seq) {
				fs.problem(recordName(n), "should hold a part of the run list of $MFT, but belongs to another file")
				continue
			}
			if err != nil {
				fs.problem(recordName(n), err.Error())
			}
			more, err := parseAttrs(nil, rec, eh, n)
			if err != nil {
				fs.problem(recordName(n), err.Error())
			}
			take(more)
			missing = open()
		}
		todo = rest
	}
	for _, n := range todo {
		fs.problem(recordName(n), "should hold a part of the run list of $MFT, but cannot be read")
	}
	if missing != nil {
		fs.problem(recordName(0), "$MFT: "+missing.Error())
	}
	if len(bitmap) > 0 {
		slices.SortStableFunc(bitmap, byFirst)
		if runs, size, err := g.layout(nil, bitmap, bitmap[0].size); err == nil {
			fs.mftBitmap = fs.plainOf(runs, size, min(size, bitmap[0].init))
		}
	}
	if fs.readable(); len(fs.mftRanges) == 0 {
		return &FormatError{recordName(0), -1, "no record of $MFT is on this medium"}
	}
	return nil
}

// maxMFTRecords bounds the records that hold the run list of $MFT.
const maxMFTRecords = 4096

// firstRecords reads the record of $MFT, and its copy in $MFTMirr when that is
// another one and as sound; when both are damaged, those that still show where
// $MFT is.
func (fs *FS) firstRecords() (list []mftRecord, err error) {
	g := &fs.geo
	var first error
	for _, worst := range []state{stateGood, stateDamaged} {
		for _, lcn := range []int64{g.mft, g.mirror} {
			if lcn == 0 {
				continue
			}
			attrs, h, err := fs.recordOfMFT(lcn, worst)
			switch {
			case err != nil:
				if first == nil {
					first = err
				}
			case len(list) == 0 || !slices.EqualFunc(attrs, list[0].attrs, sameAttr):
				list = append(list, mftRecord{attrs: attrs, h: h, mirror: lcn != g.mft})
			}
		}
		switch {
		case len(list) == 0:
			continue
		case list[0].mirror:
			fs.problem(recordName(0), first.Error()+"; its copy in $MFTMirr is used")
		case worst > stateGood:
			fs.problem(recordName(0), first.Error()+"; it is used, its copy in $MFTMirr is no better")
		}
		return list, nil
	}
	return nil, &FormatError{recordName(0), -1, "$MFT cannot be found: " + first.Error()}
}

// sameAttr says whether two attributes lead to the same.
func sameAttr(a, b attr) bool {
	return a.typ == b.typ && a.flags == b.flags && a.nonResident == b.nonResident && bytes.Equal(a.name, b.name) && bytes.Equal(a.value, b.value) &&
		a.first == b.first && a.last == b.last && bytes.Equal(a.runs, b.runs) && a.size == b.size && a.init == b.init
}

// recordOfMFT reads the record of $MFT at a cluster.
func (fs *FS) recordOfMFT(lcn int64, worst state) ([]attr, header, error) {
	rec := make([]byte, fs.geo.record)
	if _, err := fs.dev.readAt(rec, lcn*fs.geo.cluster); err != nil {
		return nil, header{}, err
	}
	h, st, err := openRecord(rec)
	switch {
	case st == stateUnused:
		return nil, h, errors.New("it is not in use")
	case st > worst:
		return nil, h, err
	case worst < stateDamaged && h.hasNum && h.num != 0:
		return nil, h, fmt.Errorf("it says that it is number %d", h.num)
	}
	attrs, err := parseAttrs(nil, rec, h, 0)
	if err != nil && worst < stateDamaged {
		return nil, h, err
	}
	if !slices.ContainsFunc(attrs, func(a attr) bool {
		return a.typ == typeData && a.nonResident && a.first == 0 && len(a.name) == 0
	}) {
		return nil, h, errors.New("it has no $DATA")
	}
	return attrs, h, nil
}

// readable finds the parts of $MFT that are on the medium, cut to whole
// records. What $MFT claims is bounded by the medium here.
func (fs *FS) readable() {
	rec := fs.geo.record
	// A record number costs memory whether or not the record is there.
	most := min(math.MaxUint32, max(fs.dev.size/8, 1<<20)) * rec
	fs.lost.said = min(fs.lost.said, most)
	if fs.mft.size > most {
		fs.problem(recordName(0), fmt.Sprintf("$MFT claims %d bytes on a medium of %d; only the first %d are read", fs.mft.size, fs.dev.size, most))
		fs.mft.size = most
	}
	budget := fs.dev.size
	add := func(off, end int64) {
		if k := len(fs.mftRanges) - 1; k >= 0 && fs.mftRanges[k].end == off {
			fs.mftRanges[k].end = end
		} else {
			fs.mftRanges = append(fs.mftRanges, byteRange{off, end})
		}
	}
	var gone, hidden int64
	fs.mftRanges = nil
	for i, p := range fs.mft.pieces {
		end := min(fs.mft.end(i), fs.mft.size)
		if p.off >= end {
			break
		}
		n := int64(0)
		if p.pos >= 0 && p.pos < fs.dev.size {
			n = min(end-p.off, fs.dev.size-p.pos, budget)
		}
		if n > 0 {
			add(p.off, p.off+n)
			budget -= n
		}
		if p.pos < 0 {
			hidden += end - p.off
		} else {
			gone += end - p.off - n
		}
	}
	whole := fs.mftRanges[:0]
	for _, r := range fs.mftRanges {
		r.off = (r.off + rec - 1) / rec * rec
		r.end = r.end / rec * rec
		if r.off < r.end {
			whole = append(whole, r)
		}
	}
	fs.mftRanges = whole
	if hidden > 0 {
		fs.problem(recordName(0), fmt.Sprintf("damage hides where %d of the %d bytes of $MFT are: the files in them are missing", hidden, fs.mft.size))
	}
	if gone > 0 {
		fs.problem(recordName(0), fmt.Sprintf("%d of the %d bytes of $MFT are not on this medium (it has %d bytes): the files in them are missing", gone, fs.mft.size, fs.dev.size))
	}
}

// badRecords are neighbours in $MFT that could not be read.
type badRecords struct {
	first, n uint32
	err      error
}

// readRecords reads a part of $MFT, whole records. What cannot be read in one
// piece is tried in smaller ones; what is left is zeros, and in the answer.
func (fs *FS) readRecords(buf []byte, off int64) []badRecords {
	if _, err := fs.mft.ReadAt(buf, off); err == nil {
		return nil
	}
	rec := fs.geo.record
	const small = 64 << 10
	var bad []badRecords
	for at := int64(0); at < int64(len(buf)); at += small {
		part := buf[at:min(at+small, int64(len(buf)))]
		if _, err := fs.mft.ReadAt(part, off+at); err == nil {
			continue
		}
		for k := int64(0); k < int64(len(part)); k += rec {
			_, err := fs.mft.ReadAt(part[k:k+rec], off+at+k)
			if err == nil {
				continue
			}
			clear(part[k : k+rec])
			num := uint32((off + at + k) / rec)
			if j := len(bad) - 1; j >= 0 && bad[j].first+bad[j].n == num {
				bad[j].n++
			} else {
				bad = append(bad, badRecords{num, 1, err})
			}
		}
	}
	return bad
}

// readMirror reads the copy of a record from $MFTMirr, nil when there is none.
func (fs *FS) readMirror(num uint32) []byte {
	if int64(num) >= fs.geo.mirrored() {
		return nil
	}
	rec := make([]byte, fs.geo.record)
	if _, err := fs.dev.readAt(rec, fs.geo.mirror*fs.geo.cluster+int64(num)*fs.geo.record); err != nil {
		return nil
	}
	return rec
}

// recordPos is the place of a record in the volume, -1 when it is not known.
func (fs *FS) recordPos(num uint32) int64 {
	off := int64(num) * fs.geo.record
	if off >= fs.mft.size {
		return -1
	}
	p := fs.mft.pieces[fs.mft.find(off)]
	if p.pos < 0 {
		return -1
	}
	return p.pos + off - p.off
}

// mftCache keeps pieces of $MFT for contents that lie in its records. Readers
// that go in the order of Info.Start find theirs in a piece read before.
type mftCache struct {
	mu    sync.Mutex
	slots [4]cachePiece
	clock uint64
}

type cachePiece struct {
	off  int64 // of the piece in $MFT
	data []byte
	used uint64
}

const cacheSize = 1 << 20

// readRecord returns a copy of a record in use, with its sectors restored.
func (fs *FS) readRecord(num uint32) ([]byte, header, error) {
	rec := make([]byte, fs.geo.record)
	if err := fs.cached(rec, int64(num)*fs.geo.record); err != nil {
		m := fs.readMirror(num)
		if m == nil {
			return nil, header{}, fmt.Errorf("%s: %w", recordName(num), err)
		}
		rec = m
	}
	h, st, err := openRecord(rec)
	if st >= stateDamaged {
		if m := fs.readMirror(num); m != nil {
			if mh, mst, _ := openRecord(m); mst == stateGood {
				return m, mh, nil
			}
		}
	}
	switch st {
	case stateUnused:
		return nil, h, &FormatError{recordName(num), -1, "it is not in use"}
	case stateBad:
		return nil, h, &FormatError{recordName(num), -1, err.Error()}
	}
	return rec, h, nil // damage was told by the pass
}

// cached fills rec with the bytes of $MFT at off.
func (fs *FS) cached(rec []byte, off int64) error {
	c := &fs.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	start := off / cacheSize * cacheSize
	oldest := &c.slots[0]
	for i := range c.slots {
		s := &c.slots[i]
		if s.data != nil && s.off == start && off-start+int64(len(rec)) <= int64(len(s.data)) {
			s.used = c.clock
			copy(rec, s.data[off-start:])
			return nil
		}
		if s.used < oldest.used {
			oldest = s
		}
	}
	n := min(cacheSize, fs.mft.size-start)
	if n > 0 && off-start+int64(len(rec)) <= n {
		if int64(cap(oldest.data)) < n {
			oldest.data = make([]byte, n)
		}
		oldest.data = oldest.data[:n]
		if _, err := fs.mft.ReadAt(oldest.data, start); err == nil {
			oldest.off, oldest.used = start, c.clock
			copy(rec, oldest.data[off-start:])
			return nil
		}
		oldest.data, oldest.used = oldest.data[:0], 0
	}
	// A place that cannot be read is in the piece, but maybe not in the record.
	_, err := fs.mft.ReadAt(rec, off)
	return err
}

func (fs *FS) problem(where, what string) {
	if len(fs.problems) >= maxProblems {
		fs.more++
		return
	}
	fs.problems = append(fs.problems, winfs.Problem{Where: where, What: what})
}
