package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/coldstate/coldstate/volumes"
)

// filled reads a stream of a source to its end, with zeros in the place of
// what cannot be read.
type filled struct {
	s     volumes.Stream
	off   int64
	fill  int64 // zeros that are still to be given
	lost  int64 // bytes
	first int64 // of them
	err   error // of the first of them
}

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
			return n, nil
		}
		var re *volumes.ReadError
		if !errors.As(err, &re) || errors.Is(err, volumes.ErrGone) || re.Off > f.off || re.Off+re.Len <= f.off {
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
		if f.lost == 0 {
			f.first, f.err = f.off, re.Err
		}
		f.lost += f.fill
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

// says tells what is lost.
func (f *filled) says() string {
	return fmt.Sprintf("%d bytes cannot be read, the first at %d: %v; they are zeros", f.lost, f.first, f.err)
}
