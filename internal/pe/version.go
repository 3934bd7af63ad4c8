package pe

import (
	"fmt"

	"github.com/coldstate/coldstate/internal/wstr"
)

// FileVersion is the version resource of a program.
type FileVersion struct {
	// File and Product are the four numbers of VS_FIXEDFILEINFO, the most
	// significant first: 10, 0, 19041, 3636. Zeros when there is none.
	File, Product [4]uint16
	// Strings are those of the first table of StringFileInfo by their names
	// as they are written: "FileVersion", "ProductName". nil for none.
	Strings map[string]string
}

// String is the version of the file: "10.0.19041.3636".
func (v *FileVersion) String() string { return dotted(v.File) }

// ProductVersion is the version of the product it came with.
func (v *FileVersion) ProductVersion() string { return dotted(v.Product) }

func dotted(v [4]uint16) string { return fmt.Sprintf("%d.%d.%d.%d", v[0], v[1], v[2], v[3]) }

// maxStrings bounds the strings of a version resource. Programs have about ten.
const maxStrings = 1024

// node is one block of a version resource: a key, a value, blocks below it.
type node struct {
	key   string
	value []byte // as its length says, capped at the end of the block
	body  []byte // from the value to the end of the block
	below []byte
}

// next takes the first block off b, which begins on a multiple of four bytes
// of the resource. ok is false at the end, and where b makes no sense.
//
//	0  u16 length of the block
//	2  u16 length of the value: in bytes, in units for strings
//	4  u16 1 for text, 0 for bytes
//	6  key, UTF-16, NUL; then to a multiple of four
func next(b []byte) (n node, rest []byte, ok bool) {
	if len(b) < 8 {
		return n, nil, false
	}
	length, value, text := int(le.Uint16(b)), int(le.Uint16(b[2:])), le.Uint16(b[4:]) == 1
	if length < 8 || length > len(b) {
		return n, nil, false
	}
	block := b[:length:length]
	end := 6
	for end+2 <= length && le.Uint16(block[end:]) != 0 {
		end += 2
	}
	n.key = wstr.FromUTF16LE(block[6:end])
	n.body = block[min(align(end+2), length):]
	if text {
		value *= 2
	}
	n.value = n.body[:min(value, len(n.body))]
	n.below = n.body[min(align(value), len(n.body)):]
	return n, b[min(align(length), len(b)):], true
}

func align(n int) int { return (n + 3) &^ 3 }

// parseVersion reads a version resource, nil when b is none.
func parseVersion(b []byte) *FileVersion {
	root, _, ok := next(b)
	if !ok || root.key != "VS_VERSION_INFO" {
		return nil
	}
	v := &FileVersion{}
	if f := root.value; len(f) >= 52 && le.Uint32(f) == 0xFEEF04BD { // VS_FIXEDFILEINFO
		for i := range 4 {
			// Two numbers of 32 bits, each with its upper half first.
			at := 4 * (i / 2)
			shift := 16 - 16*(i%2)
			v.File[i] = uint16(le.Uint32(f[8+at:]) >> shift)
			v.Product[i] = uint16(le.Uint32(f[16+at:]) >> shift)
		}
	}
	info, rest, ok := next(root.below)
	for ok && info.key != "StringFileInfo" {
		info, rest, ok = next(rest)
	}
	if !ok {
		return v
	}
	table, _, ok := next(info.below)
	if !ok {
		return v
	}
	s, rest, ok := next(table.below)
	for ok && len(v.Strings) < maxStrings {
		if v.Strings == nil {
			v.Strings = map[string]string{}
		}
		// Some compilers count the value in bytes, some in units: the NUL
		// tells where it ends.
		value := s.body
		for i := 0; i+2 <= len(value); i += 2 {
			if le.Uint16(value[i:]) == 0 {
				value = value[:i]
				break
			}
		}
		if len(s.value) == 0 {
			value = nil
		}
		v.Strings[s.key] = wstr.FromUTF16LE(value[:len(value)&^1])
		s, rest, ok = next(rest)
	}
	return v
}
