package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Decoders and buffers go round: a block of 64 KiB would otherwise cost more
// to set up than to unpack.
var (
	flateReaders = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}
	zlibReaders  sync.Pool
	zstdReaders  = sync.Pool{New: func() any {
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			panic(err) // the options are constants
		}
		return r
	}}
	packedBuffers = sync.Pool{New: func() any { return new([]byte) }}
)

// maxWindow bounds the memory of a zstd frame. A cluster is 2 MiB at most.
const maxWindow = 8 << 20

// withPacked reads the stored bytes of r and passes them to fn, which must not
// keep them.
func withPacked(r run, fn func([]byte) error) error {
	buf := packedBuffers.Get().(*[]byte)
	defer packedBuffers.Put(buf)
	if cap(*buf) < r.len {
		*buf = make([]byte, r.len)
	}
	b := (*buf)[:r.len]
	if err := r.file.readFull(b, r.at); err != nil {
		return err
	}
	return fn(b)
}

// inflate fills dst from raw deflate data that end with it. What follows them
// is ignored.
func inflate(dst, src []byte) error {
	r := flateReaders.Get().(io.ReadCloser)
	defer flateReaders.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(src), nil); err != nil {
		return unpackError("deflate", err)
	}
	return unpackError("deflate", readAll(r, dst, len(dst)))
}

// inflateZlib fills dst from zlib data of at most most bytes, and verifies
// their checksum. What follows them is ignored.
func inflateZlib(dst, src []byte, most int) error {
	in := bytes.NewReader(src)
	r, _ := zlibReaders.Get().(io.ReadCloser)
	var err error
	if r == nil {
		r, err = zlib.NewReader(in)
	} else {
		err = r.(zlib.Resetter).Reset(in, nil)
	}
	if r != nil {
		defer zlibReaders.Put(r)
	}
	if err == nil {
		err = readAll(r, dst, most)
	}
	return unpackError("zlib", err)
}

// unzstd fills dst from a zstd frame that ends with it. What follows it is
// ignored.
func unzstd(dst, src []byte) error {
	n, err := zstdFrame(src)
	if err != nil {
		return unpackError("zstd", err)
	}
	r := zstdReaders.Get().(*zstd.Decoder)
	defer zstdReaders.Put(r)
	if err = r.Reset(bytes.NewReader(src[:n])); err == nil {
		err = readAll(r, dst, len(dst))
	}
	return unpackError("zstd", err)
}

// zstdFrame is the length of the frame at the start of src: the next one may
// follow it, and is another cluster. (RFC 8878, 3.1.1.)
func zstdFrame(src []byte) (int, error) {
	var h zstd.Header
	if err := h.Decode(src); err != nil {
		return 0, err
	}
	if h.Skippable {
		return 0, errors.New("no zstd data are here")
	}
	at := h.HeaderSize
	for last := false; !last; {
		if len(src)-at < 3 {
			return 0, io.ErrUnexpectedEOF
		}
		b := int(src[at]) | int(src[at+1])<<8 | int(src[at+2])<<16
		n := b >> 3
		if b>>1&3 == 1 {
			n = 1 // a byte that is repeated
		}
		if n > len(src)-at-3 {
			return 0, io.ErrUnexpectedEOF
		}
		at, last = at+3+n, b&1 != 0
	}
	if h.HasCheckSum {
		if len(src)-at < 4 {
			return 0, io.ErrUnexpectedEOF
		}
		at += 4
	}
	return at, nil
}

// readAll fills dst with the first of the bytes that r has, which are at most
// most. It reads r to its end, where decoders find what is wrong.
func readAll(r io.Reader, dst []byte, most int) error {
	if _, err := io.ReadFull(r, dst); err != nil {
		return err
	}
	var rest [512]byte
	for n := len(dst); ; {
		k, err := r.Read(rest[:])
		if n += k; n > most {
			return errTooMuch
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

var errTooMuch = errors.New("there is more in a compressed block than it holds")

func unpackError(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the %s data end too early: the image is damaged there", what)
	case errors.Is(err, zlib.ErrChecksum):
		return errChecksum
	}
	return fmt.Errorf("%w: the image is damaged there", err)
}
