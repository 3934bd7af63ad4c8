package ntfs

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A stream with LZNT1 is compressed in units of chunks of 4096 bytes
// ([MS-XCA] 2.5).
const (
	lzntChunk = 4096
	// maxUnit bounds a unit. Windows makes units of 64 KiB at most.
	maxUnit = 1 << 20
)

var errLZNT1 = errors.New("LZNT1")

// decodeLZNT1 fills dst from src. Chunks that are shorter than they could be,
// and what no chunk gives, are zeros. After an error dst[:n] is good.
//
// dst[:need] must come out of chunks: it is an error when one ends before that.
// Zeros are no reason for it. A unit of zeros is a hole, and those among other
// data are a chunk of six bytes; neither Windows nor ntfs-3g ends a unit before
// the initialised size of its stream.
func decodeLZNT1(dst, src []byte, need int) (n int, err error) {
	in := 0
	for n < len(dst) {
		if in+2 > len(src) {
			break
		}
		h := binary.LittleEndian.Uint16(src[in:])
		if h == 0 {
			break
		}
		in += 2
		size := int(h&0xFFF) + 1
		if size > len(src)-in {
			return n, fmt.Errorf("%w: a chunk of %d bytes, %d are left", errLZNT1, size, len(src)-in)
		}
		out := dst[n:min(n+lzntChunk, len(dst))]
		var k int
		if h&0x8000 == 0 {
			k = copy(out, src[in:in+size])
		} else if k, err = lzntDecodeChunk(out, src[in:in+size]); err != nil {
			return n, fmt.Errorf("%w, in the chunk at %#x", err, in-2)
		}
		if k < len(out) && n+k < need {
			return n, fmt.Errorf("%w: the chunk at %#x gives %d bytes, at least %d are missing", errLZNT1, in-2, k, min(len(out), need-n)-k)
		}
		clear(out[k:])
		n += len(out)
		in += size
	}
	if n < need {
		return n, fmt.Errorf("%w: the unit ends after %d of %d bytes", errLZNT1, n, need)
	}
	clear(dst[n:])
	return len(dst), nil
}

// lzntDecodeChunk decodes one compressed chunk and returns the bytes it gave.
func lzntDecodeChunk(dst, src []byte) (int, error) {
	n := 0
	// A token of 16 bits holds a distance and a length; the further into the
	// chunk, the more bits the distance takes: at n up to 16 it has 4 of them.
	shift, limit := uint(12), 16
	for in := 0; in < len(src) && n < len(dst); {
		flags := src[in]
		in++
		for bit := 0; bit < 8 && in < len(src) && n < len(dst); bit++ {
			if flags>>bit&1 == 0 {
				dst[n] = src[in]
				n++
				in++
				continue
			}
			if in+2 > len(src) {
				return n, fmt.Errorf("%w: half a token", errLZNT1)
			}
			w := int(binary.LittleEndian.Uint16(src[in:]))
			in += 2
			for n > limit {
				limit <<= 1
				shift--
			}
			length, dist := w&(1<<shift-1)+3, w>>shift+1
			if dist > n {
				return n, fmt.Errorf("%w: a copy from %d bytes back at byte %d", errLZNT1, dist, n)
			}
			length = min(length, len(dst)-n)
			if dist >= length {
				copy(dst[n:n+length], dst[n-dist:])
				n += length
				continue
			}
			for range length {
				dst[n] = dst[n-dist]
				n++
			}
		}
	}
	return n, nil
}
