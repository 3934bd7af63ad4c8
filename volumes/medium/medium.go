// Package medium reads disks and images that fail in places: it narrows a
// failed read to the sectors that fail, remembers them, and never asks for
// them again.
//
// # How a read fails
//
// A read that succeeds goes through as it is, whatever its size. One that
// fails is cut into parts; all parts are read, then those that failed are cut
// again, down to single sectors. So what is healthy is read before anything is
// asked for a second time, and a bad sector is touched a handful of times: once
// for each size of the parts. What still fails is tried Retries times more when
// everything else of the request is known.
//
// The result is kept: bad sectors for good, the content of the last failed
// requests for a while. Layers above may narrow in their own way, by halves or
// by records, without a further request to the device.
//
// # Healthy areas first
//
// Whoever has much to read may skim: while Skim is on, a read that fails ends
// with ErrLater after one request, and is not narrowed. What failed so is read
// again at the end, without it.
//
// # What is bounded
//
// A read of a device has a time limit. What runs into it counts as bad and is
// not tried again. The system cannot take such a read back, so it stays behind
// with its memory; there are never more than maxHanging of them. When that many
// hang and none returns, the medium counts as gone, as it does when places that
// could be read before fail as well: from then on every read fails at once with
// ErrGone.
package medium

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Errors to branch on.
var (
	// ErrGone: the medium was there and is no more.
	ErrGone = errors.New("the disk does not answer any more")
	// ErrTimeout: a read took longer than Options.Timeout.
	ErrTimeout = errors.New("no answer within the time limit")
	// ErrUnread: a map file says that the copy does not hold these bytes.
	ErrUnread = errors.New("never read from the disk, says the map file of the copy")
	// ErrPatience: the parts that failed before took so long that this one was
	// not tried alone.
	ErrPatience = errors.New("not tried: the disk fails too slowly there")
	// ErrLater: while Skim is on, the read failed, or would: what of it can be
	// read is found out without Skim.
	ErrLater = errors.New("put off")

	errNegative = errors.New("negative offset")
)

// Range is a part of a medium, in bytes.
type Range struct{ Off, Len int64 }

// Options of a Reader; the zero value is good for an image file.
type Options struct {
	// Sector is the size of the pieces that fail alone, a power of two; 0
	// means 512.
	Sector int64
	// Fine, when not nil, reads the parts of a failed request in place of the
	// reader itself: around the cache of the host, which reads whole pages and
	// ahead. It gets whole sectors and memory that is aligned to pages.
	Fine io.ReaderAt
	// Timeout bounds a read of MaxRead bytes; 0 means no limit.
	Timeout time.Duration
	// Retries is how often a sector that failed alone is tried again; 0 means
	// once, less than 0 never.
	Retries int
	// Patience bounds the time that failing reads may take in one request; 0
	// means two minutes.
	Patience time.Duration
	// Bad are ranges that the medium does not hold.
	Bad []Range
}

// Error says which bytes cannot be read: the first range of a request.
type Error struct {
	Off, Len int64
	Err      error
}

func (e *Error) Error() string {
	return fmt.Sprintf("byte %d of the disk, %d bytes: %v", e.Off, e.Len, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

const (
	// MaxRead is the largest request that is read with a time limit, and the
	// largest that is narrowed in one go.
	MaxRead = 4 << 20
	// fan is the number of parts that a failed piece is cut into. A bad sector
	// in a request of 4 MiB is touched five times; by halves it were 14.
	fan = 16
	// maxHanging bounds the reads without an answer.
	maxHanging = 4
	// kept is the number of failed requests whose content is kept.
	kept = 2
	// maxRow is how many reads may fail one after the other while Skim is on
	// before it is found out whether the medium is still there.
	maxRow = 8
	// maxPutOff bounds the list of requests that failed while Skim was on.
	maxPutOff = 1 << 16
)

// Reader reads a medium. It may be used by several goroutines.
type Reader struct {
	r    io.ReaderAt
	size int64
	opt  Options

	gone    atomic.Bool
	failed  atomic.Bool   // slots hold something
	hanging chan struct{} // holds one token for each read without an answer
	buffers chan []byte   // of MaxRead bytes, for reads with a time limit

	// narrow is held while a failed request is cut: bad sectors are found once.
	narrow sync.Mutex

	skim, insist atomic.Int32
	row          atomic.Int32 // reads that failed one after the other

	keep  sync.Mutex // guards slots and clock; held for a copy only
	slots [kept]slot
	clock int

	mu sync.RWMutex // guards what follows
	// bad are in order and apart.
	bad []badRange
	// first and last are places that could be read, -1 for none.
	first, last int64
	// putOff are the requests that failed while Skim was on, in order of their
	// starts.
	putOff []badRange
}

type badRange struct {
	off, end int64
	err      error
}

// slot is the content of a failed request, zeros where it is bad.
type slot struct {
	off  int64
	buf  []byte
	used int
}

// New returns a reader of the size bytes of r. r must allow concurrent reads.
func New(r io.ReaderAt, size int64, opt Options) *Reader {
	if opt.Sector < 1 || opt.Sector&(opt.Sector-1) != 0 || opt.Sector > MaxRead {
		opt.Sector = 512
	}
	if opt.Retries == 0 {
		opt.Retries = 1
	}
	if opt.Patience == 0 {
		opt.Patience = 2 * time.Minute
	}
	m := &Reader{r: r, size: size, opt: opt, first: -1, last: -1}
	if opt.Timeout > 0 {
		m.hanging = make(chan struct{}, maxHanging)
		m.buffers = make(chan []byte, kept)
	}
	for _, b := range opt.Bad {
		if off, end := max(b.Off, 0), b.Off+min(b.Len, size-b.Off); off < end {
			m.mark(badRange{off, end, ErrUnread})
		}
	}
	return m
}

// Size is the number of bytes of the medium.
func (m *Reader) Size() int64 { return m.size }

// Gone says whether the medium was taken away: every read fails with ErrGone.
func (m *Reader) Gone() bool { return m.gone.Load() }

// Bad returns the ranges that are known to be bad, in order.
func (m *Reader) Bad() []Range {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := make([]Range, 0, len(m.bad))
	for _, b := range m.bad {
		if k := len(out) - 1; k >= 0 && out[k].Off+out[k].Len == b.off {
			out[k].Len += b.end - b.off
		} else {
			out = append(out, Range{b.off, b.end - b.off})
		}
	}
	return out
}

// ReadAt implements io.ReaderAt. n is the number of bytes before the first bad
// one; the error is a *Error then.
func (m *Reader) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case off < 0:
		return 0, errNegative
	case len(p) == 0:
		return 0, nil
	case off >= m.size:
		return 0, io.EOF
	case m.gone.Load():
		return 0, &Error{off, min(int64(len(p)), m.size-off), ErrGone}
	}
	want := len(p)
	p = p[:min(int64(want), m.size-off)]
	_, known := m.firstBad(off, off+int64(len(p)))
	before := m.failedBefore(off, off+int64(len(p)))
	switch {
	case m.failed.Load() && m.serve(p, off):
	case (known || before != nil) && m.skims():
		return 0, &Error{off, int64(len(p)), ErrLater}
	case known || before != nil:
		if err := m.salvage(p, off, -1, nil); err != nil {
			return 0, &Error{off, int64(len(p)), err}
		}
	default:
		n, err := m.try(m.r, p, off)
		if err == nil {
			m.good(off)
			return end(n, want)
		}
		if m.skims() {
			return n, &Error{off + int64(n), int64(len(p) - n), m.later(off, off+int64(len(p)), err)}
		}
		if err := m.salvage(p, off, n, err); err != nil {
			return n, &Error{off + int64(n), int64(len(p) - n), err}
		}
	}
	if b, ok := m.firstBad(off, off+int64(len(p))); ok {
		from := max(b.off, off)
		return int(from - off), &Error{from, min(b.end, off+int64(len(p))) - from, b.err}
	}
	return end(len(p), want)
}

// Skim turns on, or off again, that a read that fails is not narrowed and ends
// with ErrLater. It is off when it was turned off as often as on.
func (m *Reader) Skim(on bool) { m.skim.Add(step(on)) }

// Insist turns on, or off again, that Skim does not count: for reads that cannot
// be put off while others skim.
func (m *Reader) Insist(on bool) { m.insist.Add(step(on)) }

func step(on bool) int32 {
	if on {
		return 1
	}
	return -1
}

func (m *Reader) skims() bool { return m.skim.Load() > 0 && m.insist.Load() == 0 }

// later is the error of a request that failed while Skim is on, which is noted.
// When many fail in a row, or one says so, the medium may be gone.
func (m *Reader) later(off, end int64, err error) error {
	if errors.Is(err, ErrGone) {
		return err
	}
	if m.row.Add(1) >= maxRow || gone(err) {
		m.row.Store(0)
		if err := m.probe(); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.putOff) < maxPutOff {
		i, _ := slices.BinarySearchFunc(m.putOff, off, func(b badRange, off int64) int { return cmp.Compare(b.off, off) })
		m.putOff = slices.Insert(m.putOff, i, badRange{off, end, err})
	}
	return fmt.Errorf("%w: %w", ErrLater, err)
}

// failedBefore is the error of a request within [off, end) that failed while
// Skim was on, nil when there was none: all of [off, end) would fail as well.
func (m *Reader) failedBefore(off, end int64) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	i, _ := slices.BinarySearchFunc(m.putOff, off, func(b badRange, off int64) int { return cmp.Compare(b.off, off) })
	for ; i < len(m.putOff) && m.putOff[i].off < end; i++ {
		if m.putOff[i].end <= end {
			return m.putOff[i].err
		}
	}
	return nil
}

// settled takes requests out of the list that lie within [off, end), which was
// narrowed.
func (m *Reader) settled(off, end int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.putOff = slices.DeleteFunc(m.putOff, func(b badRange) bool { return b.off >= off && b.end <= end })
}

func end(n, want int) (int, error) {
	if n < want {
		return n, io.EOF
	}
	return n, nil
}

// firstBad is the first bad range that has a byte of [off, end).
func (m *Reader) firstBad(off, end int64) (badRange, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	i := m.search(off)
	if i < len(m.bad) && m.bad[i].off < end {
		return m.bad[i], true
	}
	return badRange{}, false
}

// search is the index of the first bad range that ends behind off.
func (m *Reader) search(off int64) int {
	i, _ := slices.BinarySearchFunc(m.bad, off, func(b badRange, off int64) int {
		if b.end <= off {
			return -1
		}
		return 1
	})
	return i
}

// mark notes a bad range. Known ones stay as they are.
func (m *Reader) mark(b badRange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for b.off < b.end {
		i := m.search(b.off)
		end := b.end
		if i < len(m.bad) {
			if m.bad[i].off <= b.off {
				b.off = m.bad[i].end
				continue
			}
			end = min(end, m.bad[i].off)
		}
		if i > 0 && m.bad[i-1].end == b.off && m.bad[i-1].err.Error() == b.err.Error() {
			m.bad[i-1].end = end
		} else {
			m.bad = slices.Insert(m.bad, i, badRange{b.off, end, b.err})
		}
		b.off = end
	}
}

// good notes a place that could be read.
func (m *Reader) good(off int64) {
	m.row.Store(0)
	off &^= m.opt.Sector - 1
	m.mu.Lock()
	if m.first < 0 {
		m.first = off
	}
	m.last = off
	m.mu.Unlock()
}

// try makes one read of r, whole or with an error. A short read of a medium
// that should go on is one.
func (m *Reader) try(r io.ReaderAt, p []byte, off int64) (int, error) {
	if m.gone.Load() {
		return 0, ErrGone
	}
	if m.opt.Timeout <= 0 {
		return whole(r, p, off)
	}
	n := 0
	for n < len(p) {
		part := p[n:min(len(p), n+MaxRead)]
		k, err := m.tryTimed(r, part, off+int64(n))
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func whole(r io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := r.ReadAt(p, off)
	switch {
	case n >= len(p):
		return len(p), nil
	case err == nil || err == io.EOF:
		return n, io.ErrUnexpectedEOF
	}
	return n, plain(err)
}

// plain is err without the path that the host repeats.
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// canceler is a reader that can end its reads that are under way.
type canceler interface{ Cancel() }

// tryTimed reads with the time limit. The read has its own memory: the system
// may still write there when nobody waits any more.
func (m *Reader) tryTimed(r io.ReaderAt, p []byte, off int64) (int, error) {
	// A token stands for a read under way. All of them are out when that many
	// reads hang: then a few limits are waited for one of them.
	select {
	case m.hanging <- struct{}{}:
	default:
		wait := time.NewTimer(2 * m.opt.Timeout)
		defer wait.Stop()
		select {
		case m.hanging <- struct{}{}:
		case <-wait.C:
			m.gone.Store(true)
			return 0, ErrGone
		}
	}
	var buf []byte
	select {
	case buf = <-m.buffers:
	default:
		buf = make([]byte, MaxRead)
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := whole(r, buf[:len(p)], off)
		done <- result{n, err}
		<-m.hanging
	}()
	limit := time.NewTimer(m.opt.Timeout)
	defer limit.Stop()
	var res result
	select {
	case res = <-done:
	case <-limit.C:
		c, ok := r.(canceler)
		if !ok {
			return 0, ErrTimeout
		}
		c.Cancel()
		limit.Reset(min(m.opt.Timeout, time.Second))
		select {
		case res = <-done:
			if res.err != nil {
				res.err = ErrTimeout
			}
		case <-limit.C:
			return 0, ErrTimeout
		}
	}
	copy(p, buf[:res.n])
	select {
	case m.buffers <- buf:
	default:
	}
	return res.n, res.err
}
