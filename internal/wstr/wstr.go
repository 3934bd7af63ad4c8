// Package wstr holds text and time as Windows keeps them: UTF-16 that need
// not be well formed, upper case without a locale, and FILETIMEs.
//
// In memory every Windows name is a Go string in WTF-8: UTF-8 in which a lone
// surrogate is encoded as if it were a character (three bytes, ED A0..BF xx).
// So every sequence of UTF-16 units has exactly one string, and back
// (https://simonsapin.github.io/wtf-8/).
package wstr

import (
	"encoding/binary"
	"sync"
	"unicode"
	"unicode/utf8"
)

// FromUTF16LE decodes little-endian UTF-16 to WTF-8. The last byte of an odd
// number is left out.
func FromUTF16LE(b []byte) string {
	// Most names are ASCII: one pass, one allocation.
	out := make([]byte, 0, len(b)/2+len(b)/8)
	for i := 0; i+1 < len(b); i += 2 {
		c := uint16(b[i]) | uint16(b[i+1])<<8
		if c < utf8.RuneSelf {
			out = append(out, byte(c))
			continue
		}
		if isHigh(c) && i+3 < len(b) {
			if d := uint16(b[i+2]) | uint16(b[i+3])<<8; isLow(d) {
				out = utf8.AppendRune(out, pair(c, d))
				i += 2
				continue
			}
		}
		out = appendUnit(out, c)
	}
	return string(out)
}

// FromUTF16 decodes UTF-16 units to WTF-8.
func FromUTF16(u []uint16) string { return string(AppendUTF16(nil, u)) }

// AppendUTF16 appends the WTF-8 of u to dst.
func AppendUTF16(dst []byte, u []uint16) []byte {
	for i := 0; i < len(u); i++ {
		c := u[i]
		if isHigh(c) && i+1 < len(u) && isLow(u[i+1]) {
			dst = utf8.AppendRune(dst, pair(c, u[i+1]))
			i++
			continue
		}
		dst = appendUnit(dst, c)
	}
	return dst
}

// FromLatin1 decodes bytes whose values are the code points, as hives keep
// short names.
func FromLatin1(b []byte) string {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			out := append(make([]byte, 0, 2*len(b)), b[:i]...)
			for _, c := range b[i:] {
				out = utf8.AppendRune(out, rune(c))
			}
			return string(out)
		}
	}
	return string(b)
}

// ToUTF16 encodes s. Bytes that are neither UTF-8 nor an encoded surrogate
// become U+FFFD.
func ToUTF16(s string) []uint16 {
	out := make([]uint16, 0, len(s))
	for c := range Units(s) {
		out = append(out, c)
	}
	return out
}

// AppendUTF16LE appends s as little-endian UTF-16, without a terminator.
func AppendUTF16LE(dst []byte, s string) []byte {
	for c := range Units(s) {
		dst = binary.LittleEndian.AppendUint16(dst, c)
	}
	return dst
}

// Units iterates over the UTF-16 units of s.
func Units(s string) func(yield func(uint16) bool) {
	return func(yield func(uint16) bool) {
		for i := 0; i < len(s); {
			if c := s[i]; c < utf8.RuneSelf {
				if !yield(uint16(c)) {
					return
				}
				i++
				continue
			}
			if c, ok := surrogateAt(s, i); ok {
				if !yield(c) {
					return
				}
				i += 3
				continue
			}
			r, n := utf8.DecodeRuneInString(s[i:])
			i += n
			if r >= 0x10000 {
				r -= 0x10000
				if !yield(uint16(0xd800|r>>10)) || !yield(uint16(0xdc00|r&0x3ff)) {
					return
				}
				continue
			}
			if !yield(uint16(r)) {
				return
			}
		}
	}
}

// IsUTF8 says whether s holds no lone surrogate and no broken byte.
func IsUTF8(s string) bool { return utf8.ValidString(s) }

// UpperUnit is the upper case of one UTF-16 unit as NTFS and the registry
// compare names: the simple mapping, without a locale, never to another
// plane (reference: the $UpCase table; hives.md section 9 rule 11).
func UpperUnit(c uint16) uint16 {
	if c < utf8.RuneSelf {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		return c
	}
	return upcase()[c]
}

var upcase = sync.OnceValue(func() *[65536]uint16 {
	var t [65536]uint16
	for i := range t {
		t[i] = uint16(i)
		// U+0131 (dotless i) and U+017F (long s) fold onto ASCII letters in
		// Unicode; Windows keeps them apart.
		if i == 0x131 || i == 0x17f || i == 0xdf {
			continue
		}
		if u := unicode.ToUpper(rune(i)); u < 0x10000 && (i < utf8.RuneSelf || u >= utf8.RuneSelf) {
			t[i] = uint16(u)
		}
	}
	return &t
})

// Upper is the upper case of s, unit by unit.
func Upper(s string) string {
	ascii := true
	change := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		ascii = ascii && c < utf8.RuneSelf
		change = change || 'a' <= c && c <= 'z'
	}
	if ascii {
		if !change {
			return s
		}
		b := []byte(s)
		for i, c := range b {
			if 'a' <= c && c <= 'z' {
				b[i] = c - ('a' - 'A')
			}
		}
		return string(b)
	}
	u := ToUTF16(s)
	for i, c := range u {
		u[i] = UpperUnit(c)
	}
	return FromUTF16(u)
}

// EqualFold says whether a and b are one name to Windows.
func EqualFold(a, b string) bool {
	i := 0
	for ; i < len(a) && i < len(b); i++ {
		c, d := a[i], b[i]
		if c >= utf8.RuneSelf || d >= utf8.RuneSelf {
			return Upper(a) == Upper(b)
		}
		if c != d && UpperUnit(uint16(c)) != UpperUnit(uint16(d)) {
			return false
		}
	}
	return i == len(a) && i == len(b)
}

// Compare orders names by their upper-cased units, as directories and
// registry keys are sorted: -1, 0 or 1.
func Compare(a, b string) int {
	for i := 0; ; i++ {
		switch {
		case i == len(a) && i == len(b):
			return 0
		case i == len(a):
			return -1
		case i == len(b):
			return 1
		case a[i] >= utf8.RuneSelf || b[i] >= utf8.RuneSelf:
			return compareUnits(ToUTF16(a[i:]), ToUTF16(b[i:]))
		}
		if c, d := UpperUnit(uint16(a[i])), UpperUnit(uint16(b[i])); c != d {
			if c < d {
				return -1
			}
			return 1
		}
	}
}

func compareUnits(a, b []uint16) int {
	for i := range min(len(a), len(b)) {
		if c, d := UpperUnit(a[i]), UpperUnit(b[i]); c != d {
			if c < d {
				return -1
			}
			return 1
		}
	}
	switch {
	case len(a) < len(b):
		return -1
	case len(a) > len(b):
		return 1
	}
	return 0
}

func isHigh(c uint16) bool { return c&0xfc00 == 0xd800 }
func isLow(c uint16) bool  { return c&0xfc00 == 0xdc00 }

func pair(hi, lo uint16) rune {
	return 0x10000 + rune(hi&0x3ff)<<10 + rune(lo&0x3ff)
}

// appendUnit appends one unit that is not part of a pair.
func appendUnit(dst []byte, c uint16) []byte {
	if c&0xf800 == 0xd800 {
		return append(dst, 0xe0|byte(c>>12), 0x80|byte(c>>6)&0x3f, 0x80|byte(c)&0x3f)
	}
	return utf8.AppendRune(dst, rune(c))
}

// surrogateAt decodes an encoded lone surrogate at s[i:].
func surrogateAt(s string, i int) (uint16, bool) {
	if s[i] != 0xed || i+2 >= len(s) || s[i+1] < 0xa0 || s[i+1] > 0xbf || s[i+2]&0xc0 != 0x80 {
		return 0, false
	}
	return 0xd000 | uint16(s[i+1]&0x3f)<<6 | uint16(s[i+2]&0x3f), true
}
