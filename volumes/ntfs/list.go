package ntfs

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Limits of an attribute list. Windows stops at 256 KiB.
const (
	maxListBytes   = 4 << 20
	maxListEntries = 65536
)

// listEntry is one entry of an $ATTRIBUTE_LIST:
//
//	 0  4  attribute type
//	 4  2  length of the entry
//	 6  1  characters of the name
//	 7  1  offset of the name
//	 8  8  first cluster of the extent in the stream
//	16  8  record that holds it
//	24  2  id of the attribute in that record
type listEntry struct {
	typ   uint32
	id    uint16
	first int64
	ref   reference
	name  []byte // UTF-16LE
}

// parseList reads an attribute list. After an error it returns the entries
// before the damage.
func parseList(b []byte) ([]listEntry, error) {
	var list []listEntry
	for off := 0; off < len(b); {
		bad := func(format string, args ...any) error {
			return &FormatError{"attribute list", int64(off), fmt.Sprintf(format, args...)}
		}
		room := len(b) - off
		if room < 26 {
			// A tail too short for an entry is padding when it is empty.
			for _, c := range b[off:] {
				if c != 0 {
					return list, bad("%d bytes are left", room)
				}
			}
			return list, nil
		}
		e := b[off:]
		n := int(binary.LittleEndian.Uint16(e[4:]))
		if n < 26 || n > room {
			return list, bad("an entry of %d bytes, %d are left", n, room)
		}
		if len(list) == maxListEntries {
			return list, bad("more than %d entries", maxListEntries)
		}
		x := listEntry{
			typ: binary.LittleEndian.Uint32(e),
			ref: reference(binary.LittleEndian.Uint64(e[16:])),
			id:  binary.LittleEndian.Uint16(e[24:]),
		}
		first := binary.LittleEndian.Uint64(e[8:])
		if first > math.MaxInt64 {
			return list, bad("first cluster %d", first)
		}
		x.first = int64(first)
		if nl, at := 2*int(e[6]), int(e[7]); nl > 0 {
			if at+nl > n {
				return list, bad("its name lies outside")
			}
			x.name = e[at : at+nl : at+nl]
		}
		list = append(list, x)
		off += n
	}
	return list, nil
}
