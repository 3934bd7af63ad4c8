package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
)

const (
	// frameSize is the most content of a frame that this package writes.
	frameSize = 1 << 20
	// maxFrame is the most content of a frame that it reads: whoever claims
	// more is refused before memory is taken.
	maxFrame = 16 << 20
	// maxFrameBytes bounds a compressed frame: stored blocks cost three bytes
	// for each 128 KiB, header and checksum 22.
	maxFrameBytes = maxFrame + 1<<16

	zstdMagic      = 0xFD2FB528
	skipMagic      = 0x184D2A50 // to …5F
	seekTableMagic = 0x184D2A5E
	seekableMagic  = 0x8F92EAB1
)

// newEncoder gives an encoder for EncodeAll by one goroutine. With a window of
// one frame it takes 3 MiB instead of 18 at the same ratio and speed. Blocks
// that do not compress are stored at 3 GB/s.
func newEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(frameSize),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithSingleSegment(true))
	if err != nil {
		panic(err) // only options that do not exist fail
	}
	return e
}

// newDecoder gives a decoder whose DecodeAll is safe for concurrent use.
func newDecoder() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxFrame), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err)
	}
	return d
}

// errSkippable says that a skippable frame stands where a frame was looked for.
var errSkippable = errors.New("a skippable frame")

// readFrame reads the compressed frame at off of r, which ends at end, without
// decompressing it. size is the size of its content. io.EOF at end.
// Format: RFC 8878 section 3.1.1.
func readFrame(r io.ReaderAt, off, end int64) (frame []byte, size int, err error) {
	if off == end {
		return nil, 0, io.EOF
	}
	if off < 0 || off > end {
		return nil, 0, fmt.Errorf("offset %d is outside of the segment of %d bytes", off, end)
	}
	br := bufio.NewReaderSize(io.NewSectionReader(r, off, end-off), 128<<10)
	take := func(n int) ([]byte, error) {
		if n > maxFrameBytes-len(frame) {
			return nil, fmt.Errorf("more than %d bytes", maxFrameBytes)
		}
		at := len(frame)
		frame = append(frame, make([]byte, n)...)
		_, err := io.ReadFull(br, frame[at:])
		return frame[at:], noEOF(err)
	}
	b, err := take(4)
	if err != nil {
		return nil, 0, err
	}
	switch magic := binary.LittleEndian.Uint32(b); {
	case magic&^0xf == skipMagic:
		return nil, 0, errSkippable
	case magic != zstdMagic:
		return nil, 0, fmt.Errorf("no zstd frame begins here (%#08x)", magic)
	}
	if b, err = take(1); err != nil {
		return nil, 0, err
	}
	desc := b[0]
	single := desc&0x20 != 0
	fcs := []int{0, 2, 4, 8}[desc>>6]
	if single && fcs == 0 {
		fcs = 1
	}
	if fcs == 0 || desc&0x0b != 0 {
		return nil, 0, fmt.Errorf("frame descriptor %#02x is none that a store uses: the size of the content stands in each frame, a dictionary in none", desc)
	}
	if !single {
		if b, err = take(1); err != nil {
			return nil, 0, err
		}
		if w := windowSize(b[0]); w > maxFrame {
			return nil, 0, fmt.Errorf("the frame claims a window of %d bytes", w)
		}
	}
	if b, err = take(fcs); err != nil {
		return nil, 0, err
	}
	var n uint64
	switch fcs {
	case 1:
		n = uint64(b[0])
	case 2:
		n = uint64(binary.LittleEndian.Uint16(b)) + 256
	case 4:
		n = uint64(binary.LittleEndian.Uint32(b))
	case 8:
		n = binary.LittleEndian.Uint64(b)
	}
	if n > maxFrame {
		return nil, 0, fmt.Errorf("the frame claims %d bytes of content, more than %d", n, maxFrame)
	}
	for last := false; !last; {
		if b, err = take(3); err != nil {
			return nil, 0, err
		}
		h := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		last = h&1 != 0
		body := int(h >> 3)
		if body > 128<<10 {
			return nil, 0, fmt.Errorf("a block of %d bytes", body)
		}
		switch h >> 1 & 3 {
		case 1:
			body = 1
		case 3:
			return nil, 0, errors.New("a block of the reserved type")
		}
		if _, err = take(body); err != nil {
			return nil, 0, err
		}
	}
	if desc&4 != 0 {
		if _, err = take(4); err != nil {
			return nil, 0, err
		}
	}
	return frame, int(n), nil
}

func windowSize(b byte) uint64 {
	base := uint64(1) << (10 + b>>3)
	return base + base/8*uint64(b&7)
}

// decodeFrame decompresses what readFrame gave.
func decodeFrame(d *zstd.Decoder, frame []byte, size int) ([]byte, error) {
	out, err := d.DecodeAll(frame, make([]byte, 0, size))
	if err == nil && len(out) != size {
		err = fmt.Errorf("%d bytes of content instead of %d", len(out), size)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// frameEntry is one line of the seek table.
type frameEntry struct{ compressed, content uint32 }

// appendSeekTable appends the skippable frame that the zstd seekable format
// (version 0.1.0, facebook/zstd contrib/seekable_format) puts at the end: magic,
// size, then for each frame its compressed size and the size of its content,
// then number of frames, descriptor, magic.
func appendSeekTable(dst []byte, frames []frameEntry) ([]byte, error) {
	n := int64(len(frames))*8 + 9
	if n > math.MaxUint32 {
		return nil, errors.New("too many frames for a seek table")
	}
	dst = binary.LittleEndian.AppendUint32(dst, seekTableMagic)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	for _, f := range frames {
		dst = binary.LittleEndian.AppendUint32(dst, f.compressed)
		dst = binary.LittleEndian.AppendUint32(dst, f.content)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(frames)))
	dst = append(dst, 0)
	return binary.LittleEndian.AppendUint32(dst, seekableMagic), nil
}
