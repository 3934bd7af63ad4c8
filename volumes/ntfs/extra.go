package ntfs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// extra is what few files have: extended attributes and an object id, 12
// bytes. The numbers are offsets in index.values plus one, 0 for none.
type extra struct{ file, ea, id uint32 }

// Bits of file.attr that no disk has.
const (
	attrExtra         = 1 << 31 // is in index.extras
	attrCaseSensitive = 1 << 30
	attrOurs          = attrExtra | attrCaseSensitive
)

const (
	// maxValues bounds the extended attributes and object ids of a volume.
	// Those of WSL take some 80 bytes a file, and most are equal.
	maxValues = 64 << 20
	// maxSameEAs bounds how many different ones are known to be equal.
	maxSameEAs = 1 << 16
	maxEA      = 64 << 10
	// maxObjectID is an id with the three ids of its birth.
	maxObjectID = 64
)

// extras takes the extended attributes and the object id of a file in; either
// may be nil.
func (sc *scanner) extras(i uint32, ea, id *attr) {
	var eas, object []byte
	switch {
	case id == nil:
	case len(id.value) < 16 || len(id.value) > maxObjectID:
		sc.damage(i, fmt.Sprintf("an object id of %d bytes", len(id.value)))
	default:
		object = id.value
	}
	switch {
	case ea == nil:
	case !ea.nonResident:
		eas = ea.value
	case ea.first != 0 || ea.size > maxEA:
		sc.damage(i, fmt.Sprintf("extended attributes of %d bytes", ea.size))
	default:
		_, size, place, err := sc.keep([]attr{*ea})
		if err != nil {
			sc.damage(i, "extended attributes: "+err.Error())
		}
		if place != noPlace {
			sc.late = append(sc.late, late{file: i, place: place, size: size, typ: typeEA})
		}
	}
	sc.extraOf(i, eas, object)
}

// extraOf keeps values of a file; nil is none.
func (sc *scanner) extraOf(i uint32, eas, id []byte) {
	e := extra{file: i}
	if len(eas) > 0 {
		list, err := winfs.ParseEAs(eas)
		if err != nil {
			sc.damage(i, err.Error())
		}
		kept := slices.DeleteFunc(list, func(e winfs.EA) bool { return strings.HasPrefix(e.Name, "$KERNEL.") })
		if len(kept) > 0 {
			b := winfs.AppendEAs(nil, kept)
			at, ok := sc.eas[string(b)]
			if !ok {
				at = sc.value(i, b)
				if len(sc.eas) < maxSameEAs {
					if sc.eas == nil {
						sc.eas = map[string]uint32{}
					}
					sc.eas[string(b)] = at
				}
			}
			e.ea = at
		}
	}
	if len(id) > 0 {
		e.id = sc.value(i, id)
	}
	if e.ea != 0 || e.id != 0 {
		sc.x.files.at(i).attr |= attrExtra
		sc.x.extras = append(sc.x.extras, e)
	}
}

// value keeps bytes in index.values.
func (sc *scanner) value(i uint32, b []byte) uint32 {
	if len(b) > sc.valueRoom {
		sc.damage(i, fmt.Sprintf("the volume has more than %d MiB of extended attributes and object ids; those of this file are left out", maxValues>>20))
		return 0
	}
	sc.valueRoom -= len(b)
	at, ok := sc.x.values.add(append(binary.AppendUvarint(nil, uint64(len(b))), b...))
	if !ok {
		return 0
	}
	return at + 1
}

// sortExtras puts the extras in order and joins those of one file.
func (sc *scanner) sortExtras() {
	x := sc.x
	slices.SortStableFunc(x.extras, func(a, b extra) int { return cmp.Compare(a.file, b.file) })
	out := x.extras[:0]
	for _, e := range x.extras {
		if k := len(out) - 1; k >= 0 && out[k].file == e.file {
			out[k].ea, out[k].id = max(out[k].ea, e.ea), max(out[k].id, e.id)
			continue
		}
		out = append(out, e)
	}
	x.extras = slices.Clip(out)
}

func (fs *FS) extraOf(e winfs.Entry) (extra, error) {
	i, f, err := fs.file(e)
	if err != nil || f.attr&attrExtra == 0 {
		return extra{}, err
	}
	k, ok := slices.BinarySearchFunc(fs.x.extras, i, func(x extra, i uint32) int { return cmp.Compare(x.file, i) })
	if !ok {
		return extra{}, nil
	}
	return fs.x.extras[k], nil
}

func (fs *FS) valueAt(at uint32) []byte {
	if at == 0 {
		return nil
	}
	b := fs.x.values.get(at - 1)
	n, k := binary.Uvarint(b)
	return bytes.Clone(b[k : k+int(n)])
}

// EAs implements winfs.Extras.
func (fs *FS) EAs(e winfs.Entry) ([]byte, error) {
	x, err := fs.extraOf(e)
	return fs.valueAt(x.ea), err
}

// ObjectID implements winfs.Extras.
func (fs *FS) ObjectID(e winfs.Entry) ([]byte, error) {
	x, err := fs.extraOf(e)
	return fs.valueAt(x.id), err
}
