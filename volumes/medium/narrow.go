package medium

import (
	"errors"
	"io"
	"slices"
	"time"
)

// part is a piece of a failed request, whole sectors.
type part struct{ off, end int64 }

// salvage fills p as far as it can be, a piece of at most MaxRead bytes after
// the other. n and err are what a read of all of p gave; n is -1 when none was
// made. Afterwards every byte of p was read or is in m.bad.
func (m *Reader) salvage(p []byte, off int64, n int, err error) error {
	m.narrow.Lock()
	defer m.narrow.Unlock()
	for len(p) > 0 {
		k := min(len(p), MaxRead)
		switch {
		case m.serve(p[:k], off):
		case n >= k:
			// All of this piece was read before the failure.
		default:
			if err := m.piece(p[:k], off, n, err); err != nil {
				return err
			}
		}
		// Behind the place of the failure nothing was tried.
		if n = n - k; n < 0 {
			n = -1
		}
		p, off = p[k:], off+int64(k)
	}
	return nil
}

// serve copies from a kept request.
func (m *Reader) serve(p []byte, off int64) bool {
	m.keep.Lock()
	defer m.keep.Unlock()
	for i := range m.slots {
		s := &m.slots[i]
		if off >= s.off && off+int64(len(p)) <= s.off+int64(len(s.buf)) {
			m.clock++
			s.used = m.clock
			copy(p, s.buf[off-s.off:])
			return true
		}
	}
	return false
}

// piece narrows one piece of a failed request, and keeps it.
func (m *Reader) piece(p []byte, off int64, n int, first error) error {
	sector := m.opt.Sector
	start, end := off&^(sector-1), (off+int64(len(p))+sector-1)&^(sector-1)
	end = min(end, m.size)
	m.keep.Lock()
	s := &m.slots[0]
	for i := range m.slots {
		if m.slots[i].used < s.used {
			s = &m.slots[i]
		}
	}
	// What is read must not seem to be kept before it is.
	buf := s.buf[:0]
	*s = slot{}
	m.keep.Unlock()
	buf = slices.Grow(buf, MaxRead+2*int(sector))[:end-start]

	c := &cut{m: m, start: start, buf: buf}
	switch {
	case n > 0:
		// The sectors before the place of the failure are good.
		good := (off + int64(n)) &^ (sector - 1)
		if good > off {
			copy(buf[off-start:], p[:good-off])
			if off == start {
				c.read = true
			} else {
				good = start // its first sector was not read whole
			}
			c.fail(part{max(good, start), end}, first)
		} else {
			c.fail(part{start, end}, first)
		}
	case n == 0:
		c.fail(part{start, end}, first)
	default:
		c.todo = m.unknown(start, end)
		// What failed before as a whole is cut at once.
		if err := m.failedBefore(start, end); err != nil && len(c.todo) == 1 && c.todo[0] == (part{start, end}) {
			c.todo = nil
			c.fail(part{start, end}, err)
		}
	}
	if err := c.run(); err != nil {
		return err
	}
	for _, b := range c.bad {
		m.mark(b)
	}
	m.settled(start, end)
	// Zeros where it is bad, whatever a failed read left there.
	m.mu.RLock()
	for i := m.search(start); i < len(m.bad) && m.bad[i].off < end; i++ {
		clear(buf[max(m.bad[i].off, start)-start : min(m.bad[i].end, end)-start])
	}
	m.mu.RUnlock()
	copy(p, buf[off-start:])
	m.keep.Lock()
	m.clock++
	*s = slot{start, buf, m.clock}
	m.keep.Unlock()
	m.failed.Store(true)
	return nil
}

// unknown are the parts of [off, end) that are not known to be bad.
func (m *Reader) unknown(off, end int64) []part {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []part
	for i := m.search(off); off < end; i++ {
		stop, next := end, end
		if i < len(m.bad) && m.bad[i].off < end {
			stop, next = m.bad[i].off, m.bad[i].end
		}
		if off < stop {
			out = append(out, part{off, stop})
		}
		off = next
	}
	return out
}

// cut is the work on one piece.
type cut struct {
	m     *Reader
	start int64
	buf   []byte
	read  bool // something could be read

	todo, next []part
	last       []badRange // sectors that failed alone
	bad        []badRange
	spent      time.Duration
	probed     bool
}

// run reads all parts, then what failed of them in smaller ones, and the
// sectors that failed alone at the end.
func (c *cut) run() error {
	for len(c.todo) > 0 || len(c.next) > 0 {
		if len(c.todo) == 0 {
			c.todo, c.next = c.next, nil
		}
		for _, p := range c.todo {
			if c.spent > c.m.opt.Patience {
				c.bad = append(c.bad, badRange{p.off, p.end, ErrPatience})
				continue
			}
			if err := c.one(p); err != nil {
				return err
			}
		}
		c.todo = nil
		if err := c.alive(); err != nil {
			return err
		}
	}
	for range c.m.opt.Retries {
		rest := c.last[:0]
		for _, b := range c.last {
			if c.spent > c.m.opt.Patience || errors.Is(b.err, ErrTimeout) {
				rest = append(rest, b)
				continue
			}
			if _, err := c.get(part{b.off, b.end}); err != nil {
				if errors.Is(err, ErrGone) {
					return err
				}
				rest = append(rest, b)
			}
		}
		c.last = rest
	}
	c.bad = append(c.bad, c.last...)
	// A disk that vanished since something of the piece was read is found out
	// here: the next piece may be none of its. One that is slow is not asked for
	// more.
	if slices.ContainsFunc(c.bad, func(b badRange) bool { return !errors.Is(b.err, ErrTimeout) && !errors.Is(b.err, ErrPatience) }) {
		c.read, c.probed = false, false
	}
	if len(c.bad) > 0 {
		return c.alive()
	}
	return nil
}

// one reads a part, and notes what is to be done when it fails.
func (c *cut) one(p part) error {
	n, err := c.get(p)
	if err == nil {
		c.read = true
		return nil
	}
	if errors.Is(err, ErrGone) {
		return err
	}
	if n &^= int(c.m.opt.Sector - 1); n > 0 {
		c.read = true
	}
	c.fail(part{p.off + int64(n), p.end}, err)
	if gone(err) {
		// What could be read before says nothing any more.
		return c.m.probe()
	}
	return nil
}

// get reads a part into its place.
func (c *cut) get(p part) (int, error) {
	m := c.m
	r := m.r
	if m.opt.Fine != nil {
		r = m.opt.Fine
	}
	start := time.Now()
	n, err := m.try(r, c.buf[p.off-c.start:p.end-c.start], p.off)
	if err != nil {
		c.spent += time.Since(start)
	} else {
		m.good(p.off)
	}
	return n, err
}

// fail cuts a part that cannot be read as a whole.
func (c *cut) fail(p part, err error) {
	sector := c.m.opt.Sector
	if p.end-p.off <= sector {
		c.last = append(c.last, badRange{p.off, p.end, err})
		return
	}
	step := ((p.end-p.off)/fan + sector - 1) &^ (sector - 1)
	for p.off < p.end {
		to := min(p.off+max(step, sector), p.end)
		// Known ones in it are not asked for.
		c.next = append(c.next, c.m.unknown(p.off, to)...)
		p.off = to
	}
}

// alive finds out whether the medium is still there when nothing of a piece
// could be read: places that were good are read again.
func (c *cut) alive() error {
	if c.read || c.probed {
		return nil
	}
	c.probed = true
	return c.m.probe()
}

// forgetter is a reader behind a cache of the host that can leave a range out
// of it.
type forgetter interface{ Forget(off, n int64) }

func (m *Reader) probe() error {
	m.mu.RLock()
	places := []int64{m.last, m.first}
	m.mu.RUnlock()
	if places[0] < 0 {
		return nil // nothing was ever read: it may be an empty drive
	}
	for _, off := range places {
		b := make([]byte, min(m.opt.Sector, m.size-off))
		if f, ok := m.r.(forgetter); ok {
			f.Forget(off, int64(len(b)))
		}
		r := m.r
		if m.opt.Fine != nil {
			r = m.opt.Fine
		}
		if _, err := m.try(r, b, off); err == nil {
			return nil
		}
	}
	m.gone.Store(true)
	return ErrGone
}

var _ io.ReaderAt = (*Reader)(nil)
