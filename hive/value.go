package hive

import (
	"encoding/binary"
	"fmt"
	"iter"
	"strconv"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Types of values. Any other number is legal and occurs: SAM keeps RIDs in
// it, property stores numbers from 0xffff0000.
const (
	TypeNone                     = 0
	TypeString                   = 1 // REG_SZ
	TypeExpandString             = 2
	TypeBinary                   = 3
	TypeDWord                    = 4
	TypeDWordBigEndian           = 5
	TypeLink                     = 6
	TypeMultiString              = 7
	TypeResourceList             = 8
	TypeFullResourceDescriptor   = 9
	TypeResourceRequirementsList = 10
	TypeQWord                    = 11
)

var typeNames = [...]string{
	"REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN", "REG_LINK",
	"REG_MULTI_SZ", "REG_RESOURCE_LIST", "REG_FULL_RESOURCE_DESCRIPTOR", "REG_RESOURCE_REQUIREMENTS_LIST", "REG_QWORD",
}

// Type is a type of values, for printing.
type Type uint32

// String is the name that Windows gives the type, or its number: "0xffff0012".
func (t Type) String() string {
	if int64(t) < int64(len(typeNames)) {
		return typeNames[t]
	}
	return "0x" + strconv.FormatUint(uint64(t), 16)
}

// Places in a value, behind the cell's header.
const (
	vkNameLen = 2
	vkLen     = 4
	vkData    = 8
	vkType    = 12
	vkFlags   = 16

	vkLatin1    = 1       // of the flags
	vkTombstone = 2       // of the flags
	vkInline    = 1 << 31 // of the length: the data is in the place of its offset
)

// Value is a value of a key, itself a small value.
type Value struct {
	h   *Hive
	w   *walk
	off uint32
}

// Values iterates over the values of k, in the order in which they were
// made. A value that cannot be read is left out and noted in the hive's
// Problems.
func (k Key) Values() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		h := k.h
		n := k.NumValues()
		if n == 0 {
			return
		}
		off := k.u32(nkValueList)
		b, err := h.cell(off)
		if err != nil {
			h.skipped(err, "a list of values is left out")
			return
		}
		n = h.fit(off, n, len(b), 4)
		for i := range n {
			if !k.w.spend(4 + vkSize) {
				h.problem(k.Offset(), "the values of the hive are in more lists than one: the rest is left out")
				return
			}
			v := Value{h, k.w, binary.LittleEndian.Uint32(b[4*i:])}
			body, err := h.cell(v.off)
			if err == nil && (len(body) < vkSize || string(body[:2]) != "vk") {
				err = damaged(v.off, "this is no value")
			}
			if err != nil {
				h.skipped(err, "a value is left out")
				continue
			}
			h.checkName(v.off, int(v.u16(vkNameLen)), len(body)-vkSize, v.u16(vkFlags)&vkLatin1 != 0)
			if !yield(v) {
				return
			}
		}
	}
}

// Value finds a value by its name, in any case; "" is the default value. The
// error wraps [ErrNotFound].
func (k Key) Value(name string) (Value, error) {
	want := wstr.ToUTF16(wstr.Upper(name))
	for v := range k.Values() {
		if b, latin1 := v.rawName(); equalName(b, latin1, want) {
			return v, nil
		}
	}
	return Value{}, fmt.Errorf("hive: value %q of %q: %w", name, k.Path(), ErrNotFound)
}

// String is the text of a value of type REG_SZ or REG_EXPAND_SZ; ok is false
// when there is none that can be read.
func (k Key) String(name string) (s string, ok bool) {
	v, err := k.Value(name)
	if err != nil || v.Type() != TypeString && v.Type() != TypeExpandString {
		return "", false
	}
	b, err := v.Data()
	if err != nil {
		return "", false
	}
	return wstr.FromUTF16LE(cutNUL(b)), true
}

// DWord is the number in a value of type REG_DWORD, or of four bytes
// REG_BINARY; ok is false when there is none that can be read.
func (k Key) DWord(name string) (n uint32, ok bool) {
	v, err := k.Value(name)
	if err != nil {
		return 0, false
	}
	x, ok := v.Uint()
	if !ok || v.Size() != 4 || v.Type() == TypeQWord {
		return 0, false
	}
	return uint32(x), true
}

func (v Value) u32(at int) uint32 {
	return binary.LittleEndian.Uint32(v.h.bins[int(v.off)+v.h.header+at:])
}

func (v Value) u16(at int) uint16 {
	return binary.LittleEndian.Uint16(v.h.bins[int(v.off)+v.h.header+at:])
}

// rawName is the name as it is kept, cut by its cell.
func (v Value) rawName() (b []byte, latin1 bool) {
	b = v.h.body(v.off)[vkSize:]
	if n := int(v.u16(vkNameLen)); n < len(b) {
		b = b[:n]
	}
	return b, v.u16(vkFlags)&vkLatin1 != 0
}

// Name is the value's name, "" for the default value of a key.
func (v Value) Name() string { return decodeName(v.rawName()) }

// Type is the type of the value, one of the Type constants or any number.
func (v Value) Type() uint32 { return v.u32(vkType) }

// Size is the length of the data that the value claims, in bytes.
func (v Value) Size() int { return clampInt(v.u32(vkLen) &^ vkInline) }

// Tombstone says that the value deletes that of the same name in the hive
// below, see [Layer]. It has no data.
func (v Value) Tombstone() bool { return v.h.layered() && v.u16(vkFlags)&vkTombstone != 0 }

// Offset is the place of the value's cell in the file.
func (v Value) Offset() int64 { return int64(v.off) + baseSize }

// Data is the value's data as it is on the disk, of Size bytes. It shares the
// hive's memory unless it is in pieces. When a part is unreadable the bytes
// before it come with the error, a *DamageError or ErrBudget.
func (v Value) Data() ([]byte, error) {
	n := int64(v.u32(vkLen) &^ vkInline)
	if v.u32(vkLen)&vkInline != 0 {
		at := int(v.off) + v.h.header + vkData
		if n > 4 {
			return v.h.bins[at : at+4 : at+4], damaged(v.off, "the value claims %d bytes of data in a field of 4", n)
		}
		return v.h.bins[at : at+int(n) : at+int(n)], nil
	}
	if n == 0 {
		return []byte{}, nil
	}
	off := v.u32(vkData)
	b, err := v.h.cell(off)
	if err != nil {
		return nil, err
	}
	if !v.w.spend(int(min(n, int64(len(v.h.bins))))) {
		return nil, ErrBudget
	}
	// Versions before 1.4 keep data of any length in one cell.
	if n <= int64(len(b)) {
		return b[:n:n], nil
	}
	if n > segmentSize && len(b) >= 8 && string(b[:2]) == "db" {
		return v.segments(off, b, n)
	}
	return b, damaged(off, "the data has %d bytes, its cell %d", n, len(b))
}

// segments puts the data together that the big-data record b lists.
func (v Value) segments(off uint32, b []byte, n int64) ([]byte, error) {
	h := v.h
	if n > int64(len(h.bins)) {
		return nil, damaged(off, "the data has %d bytes, the hive %d", n, len(h.bins))
	}
	count := int(binary.LittleEndian.Uint16(b[2:]))
	if want := int((n + segmentSize - 1) / segmentSize); count != want {
		h.problem(int64(off)+baseSize, "the data has %d segments, its length needs %d", count, want)
	}
	listOff := binary.LittleEndian.Uint32(b[4:])
	list, err := h.cell(listOff)
	if err != nil {
		return nil, err
	}
	count = h.fit(listOff, count, len(list), 4)
	out := make([]byte, 0, min(n, int64(count)*segmentSize))
	for i := range count {
		rest := n - int64(len(out))
		if rest == 0 {
			break
		}
		at := binary.LittleEndian.Uint32(list[4*i:])
		seg, err := h.cell(at)
		if err != nil {
			return out, err
		}
		// The cell of a full segment has four bytes more.
		take := min(rest, segmentSize)
		if int64(len(seg)) < take {
			return append(out, seg...), damaged(at, "the segment has %d bytes, its cell %d", take, len(seg))
		}
		out = append(out, seg[:take]...)
	}
	if int64(len(out)) < n {
		return out, damaged(off, "the data has %d bytes, its segments %d", n, len(out))
	}
	return out, nil
}

// Text is the value for reading: strings up to their first NUL, numbers in
// decimal, "" for other types and for data that cannot be read.
func (v Value) Text() string {
	switch v.Type() {
	case TypeString, TypeExpandString, TypeLink:
		b, err := v.Data()
		if err != nil {
			return ""
		}
		return wstr.FromUTF16LE(cutNUL(b))
	case TypeDWord, TypeDWordBigEndian, TypeQWord:
		if n, ok := v.Uint(); ok {
			return strconv.FormatUint(n, 10)
		}
	}
	return ""
}

// Strings are the strings of a REG_MULTI_SZ, empty ones among them kept, or
// the one of another string type; nil for other types and for data that
// cannot be read.
func (v Value) Strings() []string {
	switch v.Type() {
	case TypeString, TypeExpandString, TypeLink:
		return []string{v.Text()}
	case TypeMultiString:
	default:
		return nil
	}
	b, err := v.Data()
	if err != nil {
		return nil
	}
	b = b[:len(b)&^1]
	// Each string ends with a NUL, the list with an empty string. Either may
	// be missing; more of them are padding.
	for len(b) > 0 && b[len(b)-1]|b[len(b)-2] == 0 {
		b = b[:len(b)-2]
	}
	var out []string
	for len(b) > 0 {
		s := cutNUL(b)
		out = append(out, wstr.FromUTF16LE(s))
		b = b[min(len(s)+2, len(b)):]
	}
	return out
}

// Uint is the number in a REG_DWORD, REG_DWORD_BIG_ENDIAN or REG_QWORD, or in
// four or eight bytes of REG_BINARY. Longer data of a numeric type is cut.
func (v Value) Uint() (n uint64, ok bool) {
	b, err := v.Data()
	if err != nil {
		return 0, false
	}
	switch t := v.Type(); {
	case t == TypeDWord && len(b) >= 4, t == TypeBinary && len(b) == 4:
		return uint64(binary.LittleEndian.Uint32(b)), true
	case t == TypeDWordBigEndian && len(b) >= 4:
		return uint64(binary.BigEndian.Uint32(b)), true
	case t == TypeQWord && len(b) >= 8, t == TypeBinary && len(b) == 8:
		return binary.LittleEndian.Uint64(b), true
	}
	return 0, false
}
