package winfs

import (
	"encoding/binary"
	"fmt"
)

// EA is an extended attribute.
type EA struct {
	Name  string // ASCII on every real disk; bytes as they are
	Value []byte
	// Need says that who does not understand the attribute must not open the
	// file (FILE_NEED_EA).
	Need bool
}

// maxEAs is the largest list of extended attributes of a file.
const maxEAs = 64 << 10

// ParseEAs reads a list of FILE_FULL_EA_INFORMATION ([MS-FSCC] 2.4.16). After
// an error it returns the attributes before the damage. Values share b.
func ParseEAs(b []byte) ([]EA, error) {
	var out []EA
	if len(b) > maxEAs {
		return nil, fmt.Errorf("extended attributes of %d bytes; there are at most %d", len(b), maxEAs)
	}
	for off := 0; off < len(b); {
		e := b[off:]
		if len(e) < 8 {
			return out, fmt.Errorf("extended attribute at %d: %d bytes are left", off, len(e))
		}
		next := int64(binary.LittleEndian.Uint32(e))
		name, value := int(e[5]), int(binary.LittleEndian.Uint16(e[6:]))
		if name == 0 {
			return out, fmt.Errorf("extended attribute at %d: no name", off)
		}
		end := 8 + name + 1 + value
		if end > len(e) || next != 0 && (next < int64(end) || next > int64(len(e))) {
			return out, fmt.Errorf("extended attribute at %d: %d bytes, the next %d further, %d are left", off, end, next, len(e))
		}
		out = append(out, EA{Name: string(e[8 : 8+name]), Value: e[end-value : end : end], Need: e[4]&0x80 != 0})
		if next == 0 {
			break
		}
		off += int(next)
	}
	return out, nil
}

// AppendEAs lays out what ParseEAs reads; names and values are such as it gives.
func AppendEAs(dst []byte, list []EA) []byte {
	for i, e := range list {
		at := len(dst)
		dst = binary.LittleEndian.AppendUint32(dst, 0)
		flags := byte(0)
		if e.Need {
			flags = 0x80
		}
		dst = append(dst, flags, byte(len(e.Name)))
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(e.Value)))
		dst = append(append(append(dst, e.Name...), 0), e.Value...)
		if i < len(list)-1 {
			for (len(dst)-at)%4 != 0 {
				dst = append(dst, 0)
			}
			binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at))
		}
	}
	return dst
}
