package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/volumes"
)

// filled reads a stream of a source to its end, with zeros in the place of
// what cannot be read.
type filled struct {
	s      volumes.Stream
	off    int64
	fill   int64         // zeros that are still to be given
	lost   int64         // bytes
	ranges []store.Range // of them, the first maxSaidRanges
	more   int64         // ranges behind those
	end    int64         // of the last one
	err    error         // of the first of them
	// wrong is set when all was read and is not what it was: nobody knows where.
	wrong error
	// strict ends with the error of what cannot be read, in place of zeros.
	strict bool
}

// maxSaidRanges bounds the ranges of a file that are named one by one.
const maxSaidRanges = 1000

// sector is the smallest piece that a medium loses.
const sector = 512

func (f *filled) Read(p []byte) (int, error) {
	for {
		left := f.s.Size() - f.off
		switch {
		case left <= 0:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		case f.fill > 0:
			n := int(min(f.fill, int64(len(p)), left))
			clear(p[:n])
			f.off += int64(n)
			f.fill -= int64(n)
			return n, nil
		}
		part := p[:min(int64(len(p)), left)]
		n, err := f.s.ReadAt(part, f.off)
		f.off += int64(n)
		if n == len(part) {
			// An error that comes with all bytes is about what they are.
			if err != nil && err != io.EOF {
				f.wrong = cmp.Or(f.wrong, err)
			}
			return n, nil
		}
		var re *volumes.ReadError
		if f.strict || !errors.As(err, &re) || errors.Is(err, volumes.ErrGone) || re.Off > f.off || re.Off+re.Len <= f.off {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		}
		// The error is about the rest of the request; of what lies on the
		// medium as it is, the next sector may be good.
		f.fill = re.Off + re.Len - f.off
		if re.Off == f.off && re.Pos >= 0 {
			f.fill = min(f.fill, sector-re.Pos%sector)
		}
		f.fill = min(f.fill, f.s.Size()-f.off)
		f.lose(re.Err)
		if n > 0 {
			return n, nil
		}
	}
}

func (f *filled) Close() error {
	if c, ok := f.s.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// lose notes that the next fill bytes are zeros.
func (f *filled) lose(err error) {
	k := len(f.ranges)
	switch {
	case f.lost == 0:
		f.err = err
		f.ranges = append(f.ranges, store.Range{Off: f.off, Len: f.fill})
	case f.end == f.off && f.more == 0:
		f.ranges[k-1].Len += f.fill
	case f.end == f.off:
	case k < maxSaidRanges:
		f.ranges = append(f.ranges, store.Range{Off: f.off, Len: f.fill})
	default:
		f.more++
	}
	f.lost += f.fill
	f.end = f.off + f.fill
}

// damaged says whether what was read so far is not what it was. Contents that
// do not come from a source, of which f is nil, are not.
func (f *filled) damaged() bool { return f != nil && (f.lost > 0 || f.wrong != nil) }

// says tells what is damaged, with the first n ranges of what is lost.
func (f *filled) says(n int) string {
	if f.lost == 0 {
		return "all of it was read, but not all of it is right: " + f.wrong.Error()
	}
	list := make([]string, 0, min(n, len(f.ranges))+1)
	for _, r := range f.ranges[:min(n, len(f.ranges))] {
		list = append(list, fmt.Sprintf("%d at %d", r.Len, r.Off))
	}
	if more := int64(len(f.ranges)-len(list)) + f.more; more > 0 {
		list = append(list, fmt.Sprintf("and %d places more", more))
	}
	text := fmt.Sprintf("%d bytes cannot be read and are zeros: %s (%v)", f.lost, strings.Join(list, ", "), f.err)
	if f.wrong != nil {
		text += fmt.Sprintf("; not all of the rest is right: %v", f.wrong)
	}
	return text
}
