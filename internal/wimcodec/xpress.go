package wimcodec

import (
	"encoding/binary"
	"fmt"
)

const (
	xpressSymbols = 512
	xpressTable   = xpressSymbols / 2 // bytes of code lengths before the data
	maxCode       = 15                // bits
	fastBits      = 10                // codes up to here are found in one step
)

// huffman is a canonical code of at most maxCode bits.
type huffman struct {
	// fast holds for each fastBits bits the symbol that they begin with, and
	// its length in the low 4 bits; 0 for codes that are longer.
	fast [1 << fastBits]uint16
	// first is the first code of a length, index its place in symbols.
	first, index, count [maxCode + 1]uint32
	symbols             [xpressSymbols]uint16
}

// build makes the code of the lengths in table, low nibble first.
func (h *huffman) build(table []byte) error {
	clear(h.count[:])
	for _, b := range table {
		h.count[b&15]++
		h.count[b>>4]++
	}
	h.count[0] = 0
	var code, at uint32
	var next [maxCode + 1]uint32
	for n := 1; n <= maxCode; n++ {
		code = (code + h.count[n-1]) << 1
		if code+h.count[n] > 1<<n {
			return fmt.Errorf("%w: XPRESS: more codes of %d bits than there can be", ErrData, n)
		}
		h.first[n], h.index[n], next[n] = code, at, at
		at += h.count[n]
	}
	clear(h.fast[:])
	for sym := range xpressSymbols {
		n := uint32(table[sym/2]>>(4*(sym&1))) & 15
		if n == 0 {
			continue
		}
		i := next[n]
		next[n]++
		h.symbols[i] = uint16(sym)
		if n <= fastBits {
			from := (h.first[n] + i - h.index[n]) << (fastBits - n)
			for k := range uint32(1) << (fastBits - n) {
				h.fast[from+k] = uint16(sym)<<4 | uint16(n)
			}
		}
	}
	return nil
}

// slow finds the symbol of the 15 bits in v, one of a long code, and its length.
func (h *huffman) slow(v uint32) (sym, n uint32, ok bool) {
	for n = fastBits + 1; n <= maxCode; n++ {
		code := v >> (maxCode - n)
		if code-h.first[n] < h.count[n] && code >= h.first[n] {
			return uint32(h.symbols[h.index[n]+code-h.first[n]]), n, true
		}
	}
	return 0, 0, false
}

// XPRESS decodes chunks of XPRESS Huffman. Its zero value is ready; it is not
// for use by several goroutines at once.
type XPRESS struct{ code huffman }

// Decode fills dst, at most 64 KiB, from src. After an error, what is in dst
// means nothing.
func (x *XPRESS) Decode(dst, src []byte) error {
	if len(dst) > 64<<10 {
		return fmt.Errorf("%w: an XPRESS chunk of %d bytes", ErrData, len(dst))
	}
	if len(dst) == 0 {
		return nil
	}
	if len(src) < xpressTable {
		return fmt.Errorf("%w: an XPRESS chunk of %d bytes has no room for its code lengths", ErrData, len(src))
	}
	if err := x.code.build(src[:xpressTable]); err != nil {
		return err
	}
	// Bits come from words of 16 bits, highest first; the lengths of long
	// matches are bytes that stand behind the words taken so far. So when a
	// word is taken is part of the format: before a symbol when fewer than 15
	// bits are left, before an offset when fewer than 16 are. Words behind the
	// end are zeros.
	in := xpressTable
	var bits uint32 // the highest left bits are next
	var left uint
	n := 0
	for n < len(dst) {
		if left < 15 {
			if in+2 <= len(src) {
				bits |= uint32(binary.LittleEndian.Uint16(src[in:])) << (16 - left)
			}
			in += 2
			left += 16
		}
		var sym, length uint32
		if f := x.code.fast[bits>>(32-fastBits)]; f != 0 {
			sym, length = uint32(f>>4), uint32(f&15)
		} else {
			var ok bool
			if sym, length, ok = x.code.slow(bits >> (32 - maxCode)); !ok {
				return fmt.Errorf("%w: XPRESS: no symbol has the code at byte %d", ErrData, n)
			}
		}
		bits <<= length
		left -= uint(length)
		if sym < 256 {
			dst[n] = byte(sym)
			n++
			continue
		}
		size, k := int(sym&15), uint(sym>>4&15)
		if left < 16 {
			if in+2 <= len(src) {
				bits |= uint32(binary.LittleEndian.Uint16(src[in:])) << (16 - left)
			}
			in += 2
			left += 16
		}
		dist := 1 << k
		if k > 0 {
			dist |= int(bits >> (32 - k))
			bits <<= k
			left -= k
		}
		if size == 15 {
			if in >= len(src) {
				return fmt.Errorf("%w: XPRESS: the length of the match at byte %d is missing", ErrData, n)
			}
			size += int(src[in])
			in++
			if size == 15+255 {
				if in+2 > len(src) {
					return fmt.Errorf("%w: XPRESS: the length of the match at byte %d is missing", ErrData, n)
				}
				size = int(binary.LittleEndian.Uint16(src[in:]))
				in += 2
			}
		}
		size += 3
		if dist > n || size > len(dst)-n {
			return fmt.Errorf("%w: XPRESS: a match of %d bytes from %d back at byte %d of %d", ErrData, size, dist, n, len(dst))
		}
		if dist >= size {
			copy(dst[n:n+size], dst[n-dist:])
			n += size
			continue
		}
		for range size {
			dst[n] = dst[n-dist]
			n++
		}
	}
	return nil
}
