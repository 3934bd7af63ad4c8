package le_test

import (
	"errors"
	"testing"

	"github.com/coldstate/coldstate/internal/le"
)

func TestFieldsInOrder(t *testing.T) {
	b := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xff, 0xff, 0xff, 0xff}
	r := le.New(b, 0)
	if got := r.Uint8(); got != 1 {
		t.Errorf("Uint8 = %#x", got)
	}
	if got := r.Uint16(); got != 0x0302 {
		t.Errorf("Uint16 = %#x", got)
	}
	if got := r.Uint32(); got != 0x07060504 {
		t.Errorf("Uint32 = %#x", got)
	}
	if got := r.Uint64(); got != 0x0f0e0d0c0b0a0908 {
		t.Errorf("Uint64 = %#x", got)
	}
	if got := r.Int32(); got != -1 {
		t.Errorf("Int32 = %d", got)
	}
	if r.Err() != nil || r.Rest() != 0 {
		t.Errorf("at the end: err %v, rest %d", r.Err(), r.Rest())
	}
}

func TestFirstFailureStays(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*le.Reader)
		off  int
	}{
		{"past the end", func(r *le.Reader) { r.Skip(2); r.Uint32() }, 2},
		{"negative length", func(r *le.Reader) { r.Bytes(-1) }, 0},
		{"huge length", func(r *le.Reader) { r.Skip(1); r.Bytes(1<<31 - 1) }, 1},
		{"seek outside", func(r *le.Reader) { r.Seek(5) }, 5},
		{"seek before", func(r *le.Reader) { r.Seek(-1) }, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := le.New([]byte{1, 2, 3, 4}, 0)
			tt.do(r)
			r.Seek(0)
			if got := r.Uint8(); got != 0 {
				t.Errorf("a read after the failure gives %d", got)
			}
			var re *le.RangeError
			if !errors.As(r.Err(), &re) || re.Off != tt.off {
				t.Errorf("err = %v, want a RangeError at %d", r.Err(), tt.off)
			}
		})
	}
	if le.New([]byte{1}, 2).Err() == nil {
		t.Error("a cursor outside of its buffer has no error")
	}
}

func TestBytesCannotGrowIntoTheBuffer(t *testing.T) {
	b := []byte{1, 2, 3, 4}
	_ = append(le.New(b, 0).Bytes(2), 9)
	if b[2] != 3 {
		t.Error("append overwrote the buffer")
	}
}
