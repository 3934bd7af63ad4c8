package ntfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Attribute types.
const (
	typeStandardInformation = 0x10
	typeAttributeList       = 0x20
	typeFileName            = 0x30
	typeObjectID            = 0x40
	typeSecurityDescriptor  = 0x50
	typeVolumeName          = 0x60
	typeVolumeInformation   = 0x70
	typeData                = 0x80
	typeBitmap              = 0xB0
	typeReparsePoint        = 0xC0
	typeEA                  = 0xE0
	typeLoggedUtility       = 0x100
	typeEnd                 = 0xFFFFFFFF
)

// Flags of a record.
const (
	recordInUse     = 1
	recordDirectory = 2
)

// Flags of an attribute.
const (
	attrCompression = 0x00FF // 0 none, 1 LZNT1
	attrEncrypted   = 0x4000
	attrSparse      = 0x8000
)

// stride is the unit of the update sequence, whatever the sector size is.
const stride = 512

// maxAttrs bounds the attributes of one record; a record of 64 KiB holds 2730
// of the smallest.
const maxAttrs = 4096

var errFixupArray = errors.New("the update sequence array does not fit the record")

// errTorn says that a record was being written when the machine stopped.
var errTorn = errors.New("torn write: the sector carries another update sequence number")

// fixup puts back the last two bytes of each 512-byte stride of rec. NTFS
// swaps them for a counter when it writes, so that a torn write shows. Strides
// with the right counter are restored even when others are torn.
func fixup(rec []byte) error {
	if len(rec) < stride || len(rec)%stride != 0 {
		return errFixupArray
	}
	off, n := int(binary.LittleEndian.Uint16(rec[4:])), int(binary.LittleEndian.Uint16(rec[6:]))
	if n != len(rec)/stride+1 || off < 8 || off+2*n > stride-2 {
		return errFixupArray
	}
	var err error
	usn := binary.LittleEndian.Uint16(rec[off:])
	for i := 1; i < n; i++ {
		tail := rec[stride*i-2 : stride*i]
		if binary.LittleEndian.Uint16(tail) != usn {
			if err == nil {
				err = fmt.Errorf("sector %d: %w", i-1, errTorn)
			}
			continue
		}
		copy(tail, rec[off+2*i:off+2*i+2])
	}
	return err
}

// reference is a file reference: 48 bits record number, 16 bits sequence.
type reference uint64

func (r reference) record() uint64 { return uint64(r) & (1<<48 - 1) }
func (r reference) seq() uint16    { return uint16(r >> 48) }

func makeRef(num uint32, seq uint16) reference { return reference(num) | reference(seq)<<48 }

// header is the fixed part of an MFT record:
//
//	 0  4  "FILE"; "BAAD" after chkdsk found it torn
//	 4  2  offset of the update sequence array
//	 6  2  entries of it
//	16  2  sequence number
//	20  2  offset of the first attribute
//	22  2  flags
//	24  4  used bytes
//	32  8  base record, 0 in a base record
//	44  4  number of the record, since Windows XP
type header struct {
	seq   uint16
	flags uint16
	first int // offset of the first attribute
	used  int
	base  reference
	num   uint32 // only when hasNum
	// hasNum is false for the record layout of Windows 2000 and older.
	hasNum bool
}

// state is the outcome of reading a record.
type state uint8

const (
	stateUnused  state = iota // never written, or not in use
	stateGood                 // in use
	stateDamaged              // in use, but not to be trusted
	stateBad                  // not a record
)

// openRecord checks rec, the raw bytes of an MFT record, restores its sectors
// in place and reads its header. What it has to complain about is in the
// error, for stateDamaged and stateBad.
func openRecord(rec []byte) (header, state, error) {
	var h header
	if len(rec) < minRecord {
		return h, stateBad, fmt.Errorf("%d bytes", len(rec))
	}
	sig := binary.LittleEndian.Uint32(rec)
	switch sig {
	case 'F' | 'I'<<8 | 'L'<<16 | 'E'<<24, 'B' | 'A'<<8 | 'A'<<16 | 'D'<<24:
	case 0:
		for _, c := range rec {
			if c != 0 {
				return h, stateBad, errors.New("no FILE signature")
			}
		}
		return h, stateUnused, nil
	default:
		return h, stateBad, fmt.Errorf("the signature is %q, not FILE", rec[:4])
	}
	torn := fixup(rec)
	if sig&0xFF == 'B' && torn == nil {
		torn = errors.New("chkdsk marked the record as damaged (BAAD)")
	}
	h.seq = binary.LittleEndian.Uint16(rec[16:])
	h.first = int(binary.LittleEndian.Uint16(rec[20:]))
	h.flags = binary.LittleEndian.Uint16(rec[22:])
	used := binary.LittleEndian.Uint32(rec[24:])
	h.base = reference(binary.LittleEndian.Uint64(rec[32:]))
	if usa := binary.LittleEndian.Uint16(rec[4:]); usa >= 0x30 {
		h.num, h.hasNum = binary.LittleEndian.Uint32(rec[44:]), true
	}
	if h.flags&recordInUse == 0 {
		return h, stateUnused, nil
	}
	h.used = int(min(int64(used), int64(len(rec))))
	if int64(used) > int64(len(rec)) && torn == nil {
		torn = fmt.Errorf("%d bytes used of %d", used, len(rec))
	}
	if h.first < 0x28 || h.first > h.used {
		return h, stateBad, fmt.Errorf("attributes start at %#x, the record ends at %#x", h.first, h.used)
	}
	if torn != nil {
		return h, stateDamaged, torn
	}
	return h, stateGood, nil
}

// attr is one attribute, or one extent of it. The slices share the record's
// memory.
type attr struct {
	typ   uint32
	flags uint16
	id    uint16
	rec   uint32 // number of the record that holds it
	name  []byte // UTF-16LE
	// nonResident tells which of the fields below are set.
	nonResident bool
	value       []byte // resident
	// first and last cluster of the extent in the stream; last is first-1 for
	// an empty one.
	first, last int64
	runs        []byte
	unit        uint8 // log2 of the clusters of a compression unit
	size, init  int64 // of the whole stream, only when first is 0
}

// parseAttrs appends the attributes of the record to dst. rec was restored by
// openRecord. After an error dst holds those that came before the damage.
func parseAttrs(dst []attr, rec []byte, h header, num uint32) ([]attr, error) {
	b := rec[:min(h.used, len(rec))]
	off := h.first
	for range maxAttrs {
		if off > len(b)-4 {
			return dst, &FormatError{recordName(num), int64(off), "the end mark of the attributes is missing"}
		}
		typ := binary.LittleEndian.Uint32(b[off:])
		if typ == typeEnd {
			// Behind the mark and the word after it nothing is used. What edits
			// a record may leave the count too large, but not the attributes
			// that the mark then hides.
			for _, c := range b[min(off+8, len(b)):] {
				if c != 0 {
					return dst, &FormatError{recordName(num), int64(off), "the end mark of the attributes stands before the end of them"}
				}
			}
			return dst, nil
		}
		room := len(b) - off
		if room < 24 {
			return dst, &FormatError{recordName(num), int64(off), fmt.Sprintf("attribute %#x: %d bytes are left", typ, room)}
		}
		n := int64(binary.LittleEndian.Uint32(b[off+4:]))
		if n > int64(room) && b[off+8] != 0 {
			n &= 0xFFFF // old volumes leave garbage in the upper half
		}
		if n > int64(room) || n < 24 || n%8 != 0 {
			return dst, &FormatError{recordName(num), int64(off), fmt.Sprintf("attribute %#x: length %d, %d bytes are left", typ, n, room)}
		}
		dst = append(dst, attr{})
		a := &dst[len(dst)-1]
		if err := a.parse(b[off : off+int(n)]); err != "" {
			return dst[:len(dst)-1], &FormatError{recordName(num), int64(off), fmt.Sprintf("attribute %#x: %s", typ, err)}
		}
		a.rec = num
		off += int(n)
	}
	return dst, &FormatError{recordName(num), int64(off), fmt.Sprintf("more than %d attributes", maxAttrs)}
}

// parse reads the attribute that fills b, which has at least 24 bytes. It
// returns what is wrong.
func (a *attr) parse(b []byte) string {
	a.typ = binary.LittleEndian.Uint32(b)
	a.nonResident = b[8] != 0
	a.flags = binary.LittleEndian.Uint16(b[12:])
	a.id = binary.LittleEndian.Uint16(b[14:])
	if n := 2 * int(b[9]); n > 0 {
		at := int(binary.LittleEndian.Uint16(b[10:]))
		if at+n > len(b) {
			return "its name lies outside"
		}
		a.name = b[at : at+n : at+n]
	}
	if !a.nonResident {
		n, at := int64(binary.LittleEndian.Uint32(b[16:])), int64(binary.LittleEndian.Uint16(b[20:]))
		if at+n > int64(len(b)) {
			return fmt.Sprintf("%d bytes of value at %#x, it has %d", n, at, len(b))
		}
		a.value = b[at : at+n : at+n]
		return ""
	}
	if len(b) < 64 {
		return fmt.Sprintf("non-resident with %d bytes", len(b))
	}
	first, last := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	if first > math.MaxInt64 || last+1 < first || last+1 > math.MaxInt64 {
		return fmt.Sprintf("clusters %d to %d", first, last)
	}
	a.first, a.last = int64(first), int64(last+1)-1
	at := int(binary.LittleEndian.Uint16(b[32:]))
	if at < 64 || at > len(b) {
		return fmt.Sprintf("run list at %#x, it has %d bytes", at, len(b))
	}
	a.runs = b[at:len(b):len(b)]
	if a.first == 0 {
		a.unit = b[34]
		size, init := binary.LittleEndian.Uint64(b[48:]), binary.LittleEndian.Uint64(b[56:])
		if size > math.MaxInt64 {
			return fmt.Sprintf("size %d", size)
		}
		a.size, a.init = int64(size), int64(min(init, size))
	}
	return ""
}

func recordName(num uint32) string { return fmt.Sprintf("MFT record %d", num) }
