package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
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

// TestCompressedNTFS3G lets ntfs-3g write, rewrite, extend and cut compressed
// files in many ways, and reads them.
func TestCompressedNTFS3G(t *testing.T) {
	needsNTFS3G(t)
	img := filepath.Join(t.TempDir(), "v.img")
	if err := os.WriteFile(img, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(img, 64<<20); err != nil {
		t.Fatal(err)
	}
	run3g(t, "mkntfs", "-q", "-F", "-c", "4096", img)
	dir, unmount := mount(t, img, "compression")
	dir = filepath.Join(dir, "packed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	run3g(t, "setfattr", "-h", "-v", "0x10080000", "-n", "system.ntfs_attrib", dir)
	rnd := rand.New(rand.NewSource(1))
	random := make([]byte, 3000)
	rnd.Read(random)
	pools := [][]byte{[]byte("the quick brown fox "), {0}, random, append(make([]byte, 9000), random...)}
	want := map[string][]byte{}
	write := func(name string) error {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer func() { f.Close() }()
		var b []byte
		for range 1 + rnd.Intn(6) {
			size := int64(len(b))
			grow := func(n int64) {
				if n > int64(len(b)) {
					b = append(b, make([]byte, n-int64(len(b)))...)
				}
			}
			at := size
			switch rnd.Intn(4) {
			case 0:
				at = size + []int64{1, 5000, 60000, 150000}[rnd.Intn(4)]
			case 1:
				at = rnd.Int63n(size + 1)
			case 2:
				n := []int64{size / 2, size + 7000, size + 100000, max(0, size-1)}[rnd.Intn(4)]
				if err := f.Truncate(n); err != nil {
					return err
				}
				grow(n)
				b = b[:n]
				continue
			}
			p := bytes.Repeat(pools[rnd.Intn(len(pools))], 90000)[:[]int{1, 100, 4096, 5000, 30000, 65536, 90000}[rnd.Intn(7)]]
			if _, err := f.WriteAt(p, at); err != nil {
				return err
			}
			grow(at + int64(len(p)))
			copy(b[at:], p)
			if rnd.Intn(3) == 0 {
				if err := f.Close(); err != nil {
					return err
				}
				if f, err = os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0); err != nil {
					return err
				}
			}
		}
		want[name] = b
		return nil
	}
	for i := range 30 {
		if err := write(fmt.Sprint("file ", i)); err != nil {
			t.Fatal(err)
		}
	}
	unmount()
	fs := openFile(t, img)
	packed := 0
	for name, b := range want {
		e, info := lookup(t, fs, `packed\`+name)
		if info.Mode&winfs.Compressed != 0 {
			packed++
		}
		s, err := fs.Open(e, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size()))
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(b), err)
		}
	}
	if packed < 15 {
		t.Errorf("only %d of %d files are compressed", packed, len(want))
	}
}
