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

// inflate fills dst from raw deflate data. What follows is ignored.
func inflate(dst, src []byte) error {
	r := flateReaders.Get().(io.ReadCloser)
	defer flateReaders.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(src), nil); err != nil {
		return unpackError("deflate", err)
	}
	_, err := io.ReadFull(r, dst)
	return unpackError("deflate", err)
}

// inflateZlib fills dst from zlib data; where dst is all of them, the checksum
// is verified.
func inflateZlib(dst, src []byte) error {
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
		_, err = io.ReadFull(r, dst)
	}
	if err == nil {
		// The checksum is read with the end.
		var more [1]byte
		if _, end := r.Read(more[:]); end != nil && end != io.EOF {
			err = end
		}
	}
	return unpackError("zlib", err)
}

// unzstd fills dst from a zstd frame. What follows is ignored.
func unzstd(dst, src []byte) error {
	r := zstdReaders.Get().(*zstd.Decoder)
	defer zstdReaders.Put(r)
	err := r.Reset(bytes.NewReader(src))
	if err == nil {
		_, err = io.ReadFull(r, dst)
	}
	return unpackError("zstd", err)
}

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
