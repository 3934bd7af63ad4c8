package image

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sort"
)

// The log of a VHDX holds the newest changes of its tables. While the header
// names a log, the tables count only with those changes: they are laid over
// the file in memory. ([MS-VHDX] 2.3.)
const (
	logSector = 4 << 10
	// maxVHDXLog bounds a log, which is read at once. Hyper-V makes logs of
	// 1 MiB.
	maxVHDXLog = 64 << 20
	// maxLongZeros bounds the long ranges of zeros in one chain of entries;
	// short ones are kept by page.
	maxLongZeros = 1024
	shortZeros   = 1 << 20
	// logBudget bounds the steps of a replay, so that a log that is made to
	// be slow is an error.
	logBudget = 1 << 24
)

// logEntry is a valid entry of a log.
type logEntry struct {
	pos, size     int64 // in the log
	tail          int64
	seq           uint64
	descriptors   int
	flushed, last uint64 // sizes of the file
}

// vhdxLog reads the entries of a log, a ring of bytes.
type vhdxLog struct {
	f     *file
	off   int64 // in the file
	ring  []byte
	id    []byte
	found map[int64]*logEntry
	steps int
}

// replayVHDX puts what the log says over f when the header names a log.
func replayVHDX(f *file, d *disk, header []byte) error {
	le := binary.LittleEndian
	id := header[48:64]
	if isZero(id) {
		return nil
	}
	if v := le.Uint16(header[64:]); v != 0 {
		return &UnsupportedError{Path: f.name, Format: "VHDX", Feature: "with an open log of a version other than 0", Hint: convertHint(f.name)}
	}
	size, off := int64(le.Uint32(header[68:])), le.Uint64(header[72:])
	if size > maxVHDXLog {
		return &UnsupportedError{Path: f.name, Format: "VHDX", Feature: "with an open log of more than 64 MiB", Hint: convertHint(f.name)}
	}
	over, entries, flushed, err := layLog(f, id, off, size)
	if fe, ok := errors.AsType[*FormatError](err); ok {
		// Windows refuses such an image. What is in it is all that there is.
		d.problem("%s was not closed cleanly, and its log cannot be replayed (%s): its tables may be older than the data, so that files may be missing or hold bytes of others", f.name, fe.Why)
		return nil
	}
	if err != nil {
		return err
	}
	if flushed > uint64(f.size) && flushed <= 2*maxSize {
		d.cutShort(f, int64(flushed))
		over.flushed = int64(flushed)
	}
	f.ReaderAt, f.size = over, over.size
	d.problem("%s was not closed cleanly; %s of its log replayed in memory, and what the machine had in its memory then is lost", f.name, counted(entries))
	return nil
}

// layLog lays the changes in the log at off over f: how many entries they are,
// and how long f was when the last was written.
func layLog(f *file, id []byte, off uint64, size int64) (over *overlay, entries int, flushed uint64, err error) {
	if size == 0 || size%logSector != 0 || off < 1<<20 || off > uint64(f.size) || size > f.size-int64(off) {
		return nil, 0, 0, f.damaged("VHDX", 64<<10, "a log of %d bytes at %d; the file has %d", size, off, f.size)
	}
	l := &vhdxLog{f: f, off: int64(off), id: id, found: map[int64]*logEntry{}}
	if l.ring, err = f.head("VHDX", l.off, int(size)); err != nil {
		return nil, 0, 0, err
	}
	if err := l.scan(); err != nil {
		return nil, 0, 0, err
	}
	chain, err := l.chain()
	if err != nil {
		return nil, 0, 0, err
	}
	over = &overlay{r: f.ReaderAt, size: f.size, pages: map[int64]*[logSector]byte{}}
	for _, e := range chain {
		if err := l.apply(e, over); err != nil {
			return nil, 0, 0, err
		}
	}
	newest := chain[len(chain)-1]
	if newest.last > uint64(f.size) && newest.last <= 2*maxSize {
		over.size = int64(newest.last)
	}
	over.finish()
	return over, len(chain), newest.flushed, nil
}

func counted(n int) string {
	if n == 1 {
		return "the entry"
	}
	return "the entries"
}

// bytes are n bytes of the ring from pos on.
func (l *vhdxLog) bytes(pos, n int64) []byte {
	if n <= int64(len(l.ring))-pos {
		return l.ring[pos : pos+n]
	}
	return slices.Concat(l.ring[pos:], l.ring[:n-(int64(len(l.ring))-pos)])
}

// scan finds the valid entries.
func (l *vhdxLog) scan() error {
	le := binary.LittleEndian
	size := int64(len(l.ring))
	// Entries follow one another; what is left of older ones is in between.
	budget := 8 * size
	for pos := int64(0); pos < size; pos += logSector {
		h := l.ring[pos : pos+64]
		if !has(h, 0, "loge") || string(h[32:48]) != string(l.id) {
			continue
		}
		e := &logEntry{pos: pos, size: int64(le.Uint32(h[8:])), tail: int64(le.Uint32(h[12:])), seq: le.Uint64(h[16:]), flushed: le.Uint64(h[48:]), last: le.Uint64(h[56:])}
		n := int64(le.Uint32(h[24:]))
		if e.size == 0 || e.size%logSector != 0 || e.size > size || e.tail%logSector != 0 || e.tail >= size || e.seq == 0 || 64+32*n > e.size {
			continue
		}
		e.descriptors = int(n)
		if budget -= e.size; budget < 0 {
			return l.f.damaged("VHDX", l.off+pos, "the entries of the log overlap")
		}
		if crc32c(l.bytes(pos, e.size), 4) == le.Uint32(h[4:]) {
			l.found[pos] = e
		}
	}
	return nil
}

// chain gives the entries to apply, in order: those that lead from the tail of
// the newest entry to it. Where they are not whole, an older one counts.
func (l *vhdxLog) chain() ([]*logEntry, error) {
	var heads []*logEntry
	for _, e := range l.found {
		heads = append(heads, e)
	}
	slices.SortFunc(heads, func(a, b *logEntry) int {
		if a.seq != b.seq {
			if a.seq > b.seq {
				return -1
			}
			return 1
		}
		return int(a.pos - b.pos)
	})
	for _, head := range heads {
		var chain []*logEntry
		for pos := head.tail; ; {
			if l.steps++; l.steps > logBudget {
				return nil, l.f.damaged("VHDX", l.off, "the entries of the log form no chain")
			}
			e := l.found[pos]
			if e == nil || len(chain) > 0 && e.seq != chain[len(chain)-1].seq+1 || e.seq > head.seq {
				break
			}
			chain = append(chain, e)
			if e == head {
				return chain, nil
			}
			pos = (pos + e.size) % int64(len(l.ring))
		}
	}
	return nil, l.f.damaged("VHDX", l.off, "no whole chain of entries is in it")
}

// apply lays the changes of an entry over the file.
func (l *vhdxLog) apply(e *logEntry, over *overlay) error {
	le := binary.LittleEndian
	b := l.bytes(e.pos, e.size)
	bad := func(off int64, why string) error {
		return l.f.damaged("VHDX", l.off+(e.pos+off)%int64(len(l.ring)), "log: %s", why)
	}
	// The data sectors begin behind the last sector with descriptors.
	data := (64 + 32*int64(e.descriptors) + logSector - 1) &^ (logSector - 1)
	for i := range e.descriptors {
		at := 64 + 32*int64(i)
		c := b[at : at+32]
		if le.Uint64(c[24:]) != e.seq {
			return bad(at, "a descriptor of another entry")
		}
		off := le.Uint64(c[16:])
		if off%logSector != 0 || off > 2*maxSize {
			return bad(at, "a change at an impossible offset")
		}
		switch string(c[:4]) {
		case "zero":
			n := le.Uint64(c[8:])
			if n%logSector != 0 || n > 2*maxSize {
				return bad(at, "zeros of an impossible length")
			}
			if !over.zero(int64(off), int64(n)) {
				return bad(at, "too many changes")
			}
		case "desc":
			if data+logSector > e.size {
				return bad(at, "a change whose data are not in the entry")
			}
			s := b[data : data+logSector]
			if !has(s, 0, "data") || le.Uint32(s[4:]) != uint32(e.seq>>32) || le.Uint32(s[logSector-4:]) != uint32(e.seq) {
				return bad(data, "a data sector of another entry")
			}
			page := new([logSector]byte)
			copy(page[:], c[8:16])
			copy(page[8:], s[8:logSector-4])
			copy(page[logSector-4:], c[4:8])
			over.pages[int64(off)] = page
			data += logSector
		default:
			return bad(at, "a descriptor of an unknown kind")
		}
	}
	return nil
}

// overlay is a file with changes over it.
type overlay struct {
	r    io.ReaderAt
	size int64
	// flushed is the size that the file had, when it is cut shorter; 0 else.
	flushed int64
	pages   map[int64]*[logSector]byte // by offset; they are newer than zeros
	zeros   []Range
	steps   int
	// The offsets of the pages, in order.
	sorted []int64
}

var zeroPage [logSector]byte

// zero makes a range zero; false when there are too many of them.
func (o *overlay) zero(off, n int64) bool {
	if n <= shortZeros {
		for at := off; at < off+n; at += logSector {
			o.pages[at] = &zeroPage
		}
		o.steps += int(n / logSector)
		return o.steps <= logBudget>>3
	}
	for at := range o.pages {
		if at >= off && at-off < n {
			delete(o.pages, at)
		}
		o.steps++
	}
	o.zeros = append(o.zeros, Range{off, n})
	return len(o.zeros) <= maxLongZeros && o.steps <= logBudget
}

func (o *overlay) finish() {
	for at := range o.pages {
		o.sorted = append(o.sorted, at)
	}
	slices.Sort(o.sorted)
}

// firstLost is the first byte of a range behind the end of the file that was
// in the file once and that no change gives; the range's end when there is none.
func (o *overlay) firstLost(from, to int64) int64 {
	for at := from; at < min(to, o.flushed); at = at&^(logSector-1) + logSector {
		if o.pages[at&^(logSector-1)] == nil && !slices.ContainsFunc(o.zeros, func(z Range) bool { return at >= z.Off && at < z.Off+z.Len }) {
			return at
		}
	}
	return to
}

func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	if off >= o.size {
		return 0, io.EOF
	}
	var end error
	if rest := o.size - off; int64(len(p)) > rest {
		p, end = p[:rest], io.EOF
	}
	n, err := o.r.ReadAt(p, off)
	if n < len(p) {
		if err != nil && err != io.EOF {
			return n, err
		}
		// The log makes the file longer than it is, from where it ended then.
		clear(p[n:])
		if lost := o.firstLost(off+int64(n), off+int64(len(p))); lost < off+int64(len(p)) {
			p, end = p[:lost-off], errCut
		}
	}
	over := func(from int64, b []byte) {
		to := from + int64(len(b))
		if from < off+int64(len(p)) && to > off {
			copy(p[max(from-off, 0):], b[max(off-from, 0):])
		}
	}
	for _, z := range o.zeros {
		from, to := max(z.Off, off), min(z.Off+z.Len, off+int64(len(p)))
		if from < to {
			clear(p[from-off : to-off])
		}
	}
	i := sort.Search(len(o.sorted), func(i int) bool { return o.sorted[i]+logSector > off })
	for ; i < len(o.sorted) && o.sorted[i] < off+int64(len(p)); i++ {
		over(o.sorted[i], o.pages[o.sorted[i]][:])
	}
	return len(p), end
}
