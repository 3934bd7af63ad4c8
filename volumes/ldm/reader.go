package ldm

import (
	"errors"
	"fmt"
	"io"
	"sort"
)

var errNegative = errors.New("negative offset")

// span is a piece of a disk in a column.
type span struct {
	r    io.ReaderAt
	size int64 // of the disk
	off  int64 // on the disk
	end  int64 // in the column
	name string
}

// column is a row of spans, one behind the other.
type column struct {
	spans   []span
	size    int64
	missing []MissingDisk // disks that are not given
	old     string        // why its content may be old, "" when it is not
}

// ReadAt implements io.ReaderAt for the bytes that the spans hold. An error
// stands behind the bytes that were read, never in their place.
func (c *column) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errNegative
	}
	done := 0
	for i := sort.Search(len(c.spans), func(i int) bool { return c.spans[i].end > off }); done < len(p); i++ {
		if i == len(c.spans) {
			return done, io.EOF
		}
		s := &c.spans[i]
		at := off + int64(done)
		start := int64(0)
		if i > 0 {
			start = c.spans[i-1].end
		}
		want := p[done:]
		if left := s.end - at; int64(len(want)) > left {
			want = want[:left]
		}
		n, err := s.readAt(want, s.off+at-start)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// readAt fills p from the disk.
func (s *span) readAt(p []byte, off int64) (int, error) {
	n := 0
	var err error = io.ErrUnexpectedEOF
	// An image that was cut off ends here.
	if left := s.size - off; left > 0 {
		n, err = s.r.ReadAt(p[:min(int64(len(p)), left)], off)
		if n == len(p) {
			return n, nil
		}
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, fmt.Errorf("%s, byte %d: %w", s.name, off+int64(n), err)
}

// reader gives the reader of a component, nil when too much is missing; why its
// content may be old, "" when it is not; and the disks that are not given.
func (m *mirror) reader() (r io.ReaderAt, old string, missing []MissingDisk) {
	gone, aged := -1, -1 // the columns
	goneCount, agedCount := 0, 0
	for i, c := range m.columns {
		missing = append(missing, c.missing...)
		switch {
		case len(c.missing) > 0:
			gone = i
			goneCount++
		case c.old != "":
			aged, old = i, c.old
			agedCount++
		}
	}
	if m.layout == layoutRAID5 {
		switch {
		case goneCount > 1 || goneCount == 1 && agedCount > 0:
			// Parity with an old column gives neither old nor new bytes.
			return nil, old, missing
		case goneCount == 0 && agedCount == 1:
			// The column that is behind is better computed from the others.
			gone, old = aged, ""
		}
		return &raid5{m.columns, m.stripe, gone}, old, missing
	}
	if goneCount > 0 {
		return nil, old, missing
	}
	if m.layout == layoutStripe {
		return &striped{m.columns, m.stripe}, old, nil
	}
	return m.columns[0], old, nil
}

// mirrored reads from the first mirror that has the bytes.
func mirrored(all []io.ReaderAt) io.ReaderAt {
	if len(all) == 1 {
		return all[0]
	}
	return mirrors(all)
}

type mirrors []io.ReaderAt

// ReadAt implements io.ReaderAt. Where one mirror cannot be read, the next one
// goes on; the error is that of the first when none can.
func (m mirrors) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	var first error
	for failed := 0; failed < len(m); {
		for _, r := range m {
			n, err := r.ReadAt(p[done:], off+int64(done))
			done += n
			if done == len(p) {
				return done, nil
			}
			if n > 0 {
				failed, first = 0, nil
			}
			if first == nil {
				first = err
			}
			if failed++; failed >= len(m) {
				break
			}
		}
	}
	return done, first
}

// striped is a RAID-0: stripe i is in column i modulo their number.
type striped struct {
	columns []*column
	stripe  int64
}

func (s *striped) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errNegative
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		number, in := at/s.stripe, at%s.stripe
		n := int64(len(p) - done)
		row, col := number/int64(len(s.columns)), number%int64(len(s.columns))
		k, err := s.columns[col].ReadAt(p[done:done+int(min(n, s.stripe-in))], row*s.stripe+in)
		done += k
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// raid5 is a RAID-5 with rotating parity, left-symmetric: the parity of row 0
// is in the last column, that of row 1 in the one before, and the data of a
// row begins behind its parity.
type raid5 struct {
	columns []*column
	stripe  int64
	without int // the column that is computed from the others, -1 for none
}

func (s *raid5) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errNegative
	}
	count := int64(len(s.columns))
	done := 0
	for done < len(p) {
		at := off + int64(done)
		number, in := at/s.stripe, at%s.stripe
		row, data := number/(count-1), number%(count-1)
		parity := count - 1 - row%count
		col := int((parity + 1 + data) % count)
		n := min(int64(len(p)-done), s.stripe-in)
		k, err := s.readColumn(p[done:done+int(n)], col, row*s.stripe+in)
		done += k
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// readColumn reads a column, and what cannot be read by parity.
func (s *raid5) readColumn(p []byte, col int, off int64) (int, error) {
	done := 0
	var failed error
	if col != s.without {
		if done, failed = s.columns[col].ReadAt(p, off); done == len(p) {
			return done, nil
		}
		if s.without >= 0 {
			return done, failed
		}
	}
	// A piece at a time, so that bytes before a second failure are given.
	const size = 4096
	var buf [size]byte
	for done < len(p) {
		part := p[done:min(done+size, len(p))]
		clear(part)
		for i, c := range s.columns {
			if i == col {
				continue
			}
			b := buf[:len(part)]
			if _, err := c.ReadAt(b, off+int64(done)); err != nil {
				if failed != nil {
					err = fmt.Errorf("%w; its parity: %w", failed, err)
				}
				return done, err
			}
			for j := range part {
				part[j] ^= b[j]
			}
		}
		done += len(part)
	}
	return done, nil
}
