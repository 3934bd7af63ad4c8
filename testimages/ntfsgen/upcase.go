package ntfsgen

import (
	"cmp"
	"encoding/binary"
	"sync"
	"unicode"

	"github.com/coldstate/coldstate/testimages/hivegen"
)

var le = binary.LittleEndian

// Upcase returns the table $UpCase: for each UTF-16 unit the one it is compared
// as. It is that of Windows 7 and later: the simple mappings of Unicode 5 whose
// capital leads back to the letter.
func Upcase() *[65536]uint16 { return upcaseTable() }

var upcaseTable = sync.OnceValue(func() *[65536]uint16 {
	var table [65536]uint16
	for i := range table {
		c := rune(i)
		table[i] = uint16(i)
		u := unicode.ToUpper(c)
		if u != c && u <= 0xffff && unicode.ToLower(u) == c && !cameLater(c) {
			table[i] = uint16(u)
		}
	}
	return &table
})

// cameLater says whether Unicode gave a letter its capital after version 5.
func cameLater(c rune) bool {
	for _, r := range later {
		if r[0] <= c && c <= r[1] {
			return true
		}
	}
	return false
}

// later are the ranges in which Unicode gained capitals after version 5.
var later = [][2]rune{
	{0x23f, 0x240}, {0x252, 0x252}, {0x25c, 0x25c}, {0x261, 0x261}, {0x265, 0x266}, {0x26a, 0x26a}, {0x26c, 0x26c},
	{0x282, 0x282}, {0x287, 0x287}, {0x29d, 0x29e}, {0x3f3, 0x3f3}, {0x525, 0x52f}, {0x10d0, 0x10ff}, {0x13f8, 0x13fd},
	{0x1c80, 0x1c88}, {0x1d8e, 0x1d8e}, {0x2c5f, 0x2c5f}, {0x2cec, 0x2cf3}, {0x2d27, 0x2d2d}, {0xa661, 0xa661},
	{0xa699, 0xa69b}, {0xa791, 0xabbf},
}

// utf16le returns s, which is WTF-8, as bytes on the disk.
func utf16le(s string) []byte { return hivegen.UTF16(s) }

// units returns s, which is WTF-8, as UTF-16 units.
func units(s string) []uint16 {
	b := utf16le(s)
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = le.Uint16(b[2*i:])
	}
	return u
}

// fold returns s in a form that is the same for names that differ in case only.
func fold(s string) string {
	up := Upcase()
	b := utf16le(s)
	for i := 0; i < len(b); i += 2 {
		le.PutUint16(b[i:], up[le.Uint16(b[i:])])
	}
	return string(b)
}

// compareNames orders names as $I30 does: upper-cased units, then as they are.
func compareNames(a, b []uint16) int {
	up := Upcase()
	for i := range min(len(a), len(b)) {
		if c := cmp.Compare(up[a[i]], up[b[i]]); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	for i := range a {
		if c := cmp.Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}
