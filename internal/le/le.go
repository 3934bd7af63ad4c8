// Package le reads little-endian fields out of bytes that nobody vouches for.
//
// A Reader is a cursor that cannot leave its buffer and remembers its first
// failure: read a row of fields, look at Err once, use the fields after. It
// knows no format.
package le

import (
	"encoding/binary"
	"fmt"
)

// RangeError says that a field lies outside of the buffer.
type RangeError struct {
	Off  int // offset of the field in the buffer
	Want int // bytes of the field
	Size int // bytes of the buffer
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("offset %#x: %d bytes wanted, the structure has %d", e.Off, e.Want, e.Size)
}

// Reader is a cursor over a buffer. After its first failure every read
// returns zero and Err tells what failed.
type Reader struct {
	b   []byte
	off int
	err error
}

// New returns a cursor over b that stands at offset at.
func New(b []byte, at int) *Reader {
	r := &Reader{b: b, off: at}
	if at < 0 || at > len(b) {
		r.fail(0)
	}
	return r
}

// Err returns the first failure, nil when every read was inside the buffer.
func (r *Reader) Err() error { return r.err }

// Pos returns the offset of the next field.
func (r *Reader) Pos() int { return r.off }

// Rest returns the number of bytes behind the cursor, 0 after a failure.
func (r *Reader) Rest() int {
	if r.err != nil {
		return 0
	}
	return len(r.b) - r.off
}

// Seek puts the cursor at offset at.
func (r *Reader) Seek(at int) {
	if r.err != nil {
		return
	}
	r.off = at
	if at < 0 || at > len(r.b) {
		r.fail(0)
	}
}

// Skip passes over n bytes.
func (r *Reader) Skip(n int) { r.Bytes(n) }

// Bytes returns the next n bytes, which share the buffer's memory and cannot
// be appended to in place; nil when there are fewer.
func (r *Reader) Bytes(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b)-r.off {
		r.fail(n)
		return nil
	}
	b := r.b[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

// Uint8 reads one byte.
func (r *Reader) Uint8() uint8 {
	if b := r.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 reads two bytes.
func (r *Reader) Uint16() uint16 {
	if b := r.Bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads four bytes.
func (r *Reader) Uint32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads eight bytes.
func (r *Reader) Uint64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Int32 reads a signed number of four bytes.
func (r *Reader) Int32() int32 { return int32(r.Uint32()) }

// Int64 reads a signed number of eight bytes.
func (r *Reader) Int64() int64 { return int64(r.Uint64()) }

func (r *Reader) fail(want int) {
	r.err = &RangeError{Off: r.off, Want: want, Size: len(r.b)}
}
