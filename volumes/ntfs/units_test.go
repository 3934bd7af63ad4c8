package ntfs

import (
	"bytes"
	"errors"
	"testing"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// TestShortUnit reads streams of two units of LZNT1 of 16 KiB each. The first
// holds first; the second one is whole.
func TestShortUnit(t *testing.T) {
	const unit = 16 << 10
	chunks := func(s string) (b []byte) {
		for _, c := range s {
			b = append(b, aaaa(byte(c))...)
		}
		return b
	}
	for _, tt := range []struct {
		name       string
		first      []byte
		size, init int64
		bad        bool
		want       string // of the first unit: a letter for each chunk, . for zeros
	}{
		{"whole", chunks("ABCD"), 2 * unit, 2 * unit, false, "ABCD"},
		{"whole, with an end mark", append(chunks("ABCD"), 0, 0), 2 * unit, 2 * unit, false, "ABCD"},
		{"chunks of zeros at the end", chunks("AB\x00\x00"), 2 * unit, 2 * unit, false, "AB.."},
		{"zeros", nil, 2 * unit, 2 * unit, true, ""},
		{"half", chunks("AB"), 2 * unit, 2 * unit, true, ""},
		{"a chunk is missing", chunks("ABC"), 2 * unit, 2 * unit, true, ""},
		{"ends where what is initialised does", chunks("AB"), 2 * unit, 8192, false, "AB.."},
		{"ends behind what is initialised", chunks("ABC"), 2 * unit, 8192, false, "AB.."},
		{"ends before what is initialised", chunks("AB"), 2 * unit, 8193, true, ""},
		{"nothing is initialised", nil, 2 * unit, 0, false, "...."},
		{"ends where the file does", chunks("AB"), 8000, 8000, false, "AB"},
		{"ends before the file does", chunks("A"), 8000, 8000, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newVolume(256)
			v.rec(0, 1, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$MFT"), data(testRecords*testRecord, testMFT, testRecords))
			v.rec(5, 5, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "."))
			first, second := v.place(append(tt.first, make([]byte, 1024-len(tt.first))...)), v.place(chunks("WXYZ"))
			runs := []int64{first, 1, -1, 15}
			if tt.size > unit {
				runs = append(runs, second, 1, -1, 15)
			}
			v.rec(24, 1, fileFlag, stdInfo(0x820, 0), fileName(rootRef, 3, "packed"),
				nonres{typ: 0x80, flags: 1, unit: 4, size: tt.size, init: tt.init}.with(runs...))
			img := v.bytes()
			fs, err := Open(bytes.NewReader(img), int64(len(img)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			e, _ := lookup(t, fs, "packed")
			s, err := fs.Open(e, "")
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, min(tt.size, unit))
			for _, p := range [][]byte{b, b[:100]} { // whole units, and a part of one
				_, err = s.ReadAt(p, 0)
				var re *winfs.ReadError
				if !tt.bad && err != nil || tt.bad && (!errors.As(err, &re) || !errors.Is(err, errLZNT1) || re.Off != 0 || re.Len != int64(len(b))) {
					t.Fatalf("%d bytes: %+v", len(p), err)
				}
			}
			for i := range b {
				if !tt.bad && b[i] != bytes.ReplaceAll([]byte(tt.want), []byte("."), []byte{0})[i/4096] {
					t.Fatalf("byte %d is %#x", i, b[i])
				}
			}
			if tt.init < 2*unit {
				return
			}
			// What is behind it is whole.
			if _, err := s.ReadAt(b, unit); err != nil || b[0] != 'W' || b[unit-1] != 'Z' {
				t.Errorf("the second unit: %v", err)
			}
		})
	}
}
