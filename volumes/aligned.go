package volumes

import (
	"io"
	"sync"
)

// aligned reads any range of a device that is read in whole sectors only, as
// Windows does it. Reads that are aligned go through as they are.
type aligned struct {
	r     io.ReaderAt
	size  int64
	block int64 // a power of two, at most alignedBuffer
}

// filePage is the unit in which hosts read files: of a page that fails no
// smaller part can be read.
const filePage = 4096

// alignedBuffer is the largest piece that is read through a buffer.
const alignedBuffer = 64 << 10

var alignedBuffers = sync.Pool{New: func() any { return new([alignedBuffer]byte) }}

func (a *aligned) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errNegative
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= a.size {
			return done, io.EOF
		}
		rest := p[done:]
		if int64(len(rest)) > a.size-at {
			rest = rest[:a.size-at]
		}
		n, err := a.piece(rest, at)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Cancel ends the reads that are under way, where the device can.
func (a *aligned) Cancel() {
	if c, ok := a.r.(interface{ Cancel() }); ok {
		c.Cancel()
	}
}

// piece reads the start of p, at least one byte. The range lies in the device.
func (a *aligned) piece(p []byte, at int64) (int, error) {
	head := at & (a.block - 1)
	if whole := int64(len(p)) &^ (a.block - 1); head == 0 && whole > 0 {
		n, err := a.r.ReadAt(p[:whole], at)
		if int64(n) == whole {
			err = nil
		} else if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return n, err
	}
	buf := alignedBuffers.Get().(*[alignedBuffer]byte)
	defer alignedBuffers.Put(buf)
	// Up to the next border: what follows is aligned.
	want := (min(head+int64(len(p)), a.block) + a.block - 1) &^ (a.block - 1)
	n, err := a.r.ReadAt(buf[:want], at-head)
	if int64(n) <= head {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	return copy(p, buf[head:n]), nil
}
