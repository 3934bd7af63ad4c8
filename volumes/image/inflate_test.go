package image

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"fmt"
	"math/bits"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func deflated(b []byte) []byte {
	var z bytes.Buffer
	w, _ := flate.NewWriter(&z, 9)
	w.Write(b)
	w.Close()
	return z.Bytes()
}

func zlibbed(b []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(b)
	w.Close()
	return z.Bytes()
}

func zstded(t *testing.T, b []byte, checksum bool) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(checksum))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

// Compressed data give a whole block and nothing more, and their checksum is
// reached.
func TestUnpackExactly(t *testing.T) {
	const size, most = 3000, 4096
	block := dense(1, size)
	// What follows the data of a cluster are often those of the next one.
	next := func(b []byte, more ...byte) []byte { return append(bytes.Clone(b), more...) }
	longer := func(n int) []byte { return append(bytes.Clone(block), dense(2, n)...) }
	wrong := func(b []byte, fromEnd int) []byte {
		b = bytes.Clone(b)
		b[len(b)-fromEnd] ^= 1
		return b
	}
	zl := func(dst, src []byte) error { return inflateZlib(dst, src, most) }
	zeros := make([]byte, size)
	for _, tt := range []struct {
		name   string
		unpack func(dst, src []byte) error
		src    []byte
		want   []byte // nil: an error
	}{
		{"deflate", inflate, deflated(block), block},
		{"deflate, next", inflate, next(deflated(block), deflated(longer(9))...), block},
		{"deflate, shorter", inflate, deflated(block[:size-1]), nil},
		{"deflate, longer", inflate, deflated(longer(1)), nil},
		{"deflate, longer than any buffer", inflate, deflated(longer(1 << 20)), nil},
		{"deflate, cut", inflate, deflated(block)[:len(deflated(block))-1], nil},
		{"zlib", zl, zlibbed(block), block},
		{"zlib, next", zl, next(zlibbed(block), []byte("trailing")...), block},
		{"zlib, whole block", zl, zlibbed(longer(most - size)), block},
		{"zlib, whole block, wrong checksum", zl, wrong(zlibbed(longer(most-size)), 1), nil},
		{"zlib, longer", zl, zlibbed(longer(most - size + 1)), nil},
		{"zlib, longer than any buffer", zl, zlibbed(longer(1 << 20)), nil},
		{"zlib, shorter", zl, zlibbed(block[:size-1]), nil},
		{"zlib, wrong checksum", zl, wrong(zlibbed(block), 4), nil},
		{"zlib, cut in the checksum", zl, zlibbed(block)[:len(zlibbed(block))-1], nil},
		{"zlib, no checksum", zl, zlibbed(block)[:len(zlibbed(block))-4], nil},
		{"zstd", unzstd, zstded(t, block, false), block},
		{"zstd, checksum", unzstd, zstded(t, block, true), block},
		{"zstd, zeros", unzstd, zstded(t, zeros, false), zeros},
		{"zstd, next frame", unzstd, next(zstded(t, block, true), zstded(t, block, false)...), block},
		{"zstd, next bytes", unzstd, next(zstded(t, block, false), []byte("trailing")...), block},
		{"zstd, shorter", unzstd, zstded(t, block[:size-1], false), nil},
		{"zstd, shorter, next frame", unzstd, next(zstded(t, block[:size-1], false), zstded(t, block, false)...), nil},
		{"zstd, longer", unzstd, zstded(t, longer(1), false), nil},
		{"zstd, wrong checksum", unzstd, wrong(zstded(t, block, true), 2), nil},
		{"zstd, cut in the checksum", unzstd, zstded(t, block, true)[:len(zstded(t, block, true))-1], nil},
		{"zstd, cut", unzstd, zstded(t, block, false)[:len(zstded(t, block, false))-1], nil},
		{"zstd, to be skipped", unzstd, next([]byte{0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0}, zstded(t, block, false)...), nil},
		{"zstd, nothing", unzstd, nil, nil},
	} {
		dst := make([]byte, size)
		switch err := tt.unpack(dst, tt.src); {
		case tt.want == nil && err == nil:
			t.Errorf("%s: no error", tt.name)
		case tt.want != nil && (err != nil || !bytes.Equal(dst, tt.want)):
			t.Errorf("%s: %v, byte %d differs", tt.name, err, firstDifference(dst, tt.want))
		}
	}
}

// Whatever bit of an E01 is wrong, and whatever bit of the compressed grains of
// a VMDK: a read is right, or an error.
func TestFlippedBits(t *testing.T) {
	disk := dense(1, 18*512)
	for i := range disk {
		if i/512%3 == 2 {
			disk[i] = "text that compresses well, "[i%27] // matches and literals
		}
	}
	vmdk := vmdkSpec{disk: disk, has: all, packed: true, text: fmt.Sprintf(descriptorText, "1a", "ffffffff", "streamOptimized", "", "")}.build()
	for name, tt := range map[string]struct {
		files folder
		from  int
	}{
		"E01":  {ewfSpec{disk: disk, packed: all}.build("x"), 8}, // behind the signature
		"VMDK": {folder{"x": vmdk}, 8*512 + 512 + 2048},          // behind the tables
	} {
		first := tt.files.first()
		whole := tt.files[first]
		failed := 0
		for at := tt.from; at < len(whole); at++ {
			for bit := range 8 {
				if bit != at*5%8 && bit != 7-at%8 {
					continue // some of each byte are enough
				}
				b := bytes.Clone(whole)
				b[at] ^= 1 << bit
				img, err := Open(first, folder{first: b}.options())
				if err != nil {
					failed++
					continue
				}
				bad := false
				for off := 0; off < len(disk); off += 512 {
					p := make([]byte, 512)
					if _, err := img.ReadAt(p, int64(off)); err != nil {
						bad = true
					} else if !bytes.Equal(p, disk[off:off+512]) {
						t.Fatalf("%s: bit %d at %#x (%#x): sector %d is wrong and there is no error", name, bit, at, whole[at], off/512)
					}
				}
				if bad {
					failed++
				}
			}
		}
		if n := len(whole) - tt.from; failed < n/2 {
			t.Errorf("%s: %d flips in %d bytes were told", name, failed, n)
		}
	}
}

// The same of whole bytes, and of rows of them, as a bad sector gives.
func TestOverwrittenChunks(t *testing.T) {
	disk := dense(1, 64*512)
	whole := ewfSpec{disk: disk, packed: all}.build("x")["x.E01"]
	for at := 1200; at < len(whole)-600; at += 37 {
		for k := range 3 {
			b := bytes.Clone(whole)
			row := b[at : at+[]int{1, 16, 512}[k]]
			for i := range row {
				row[i] = bits.Reverse8(row[i]) + byte(k)
			}
			img, err := Open("x.E01", folder{"x.E01": b}.options())
			if err != nil {
				continue
			}
			for off := 0; off < len(disk); off += 2048 {
				p := make([]byte, 2048)
				if _, err := img.ReadAt(p, int64(off)); err == nil && !bytes.Equal(p, disk[off:off+2048]) {
					t.Fatalf("%d bytes at %#x: chunk %d is wrong and there is no error", len(row), at, off/2048)
				}
			}
		}
	}
}
