package ntfs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coldstate/coldstate/internal/wimcodec"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// xpressRun is a chunk of XPRESS Huffman with n times c: the literal, and one
// match. All symbols have codes of nine bits, which are their numbers.
func xpressRun(c byte, n int) []byte {
	out := bytes.Repeat([]byte{0x99}, 256)
	bits := uint32(c)<<23 | 271<<14 // distance 1, and a length that follows
	out = binary.LittleEndian.AppendUint16(out, uint16(bits>>16))
	out = binary.LittleEndian.AppendUint16(out, uint16(bits))
	out = append(out, 0, 0, 255) // one word more is taken before the length
	return binary.LittleEndian.AppendUint16(out, uint16(n-1-3))
}

// packWof makes the stream of chunks.
func packWof(width int, chunks ...[]byte) []byte {
	var table []byte
	var at uint64
	for _, c := range chunks[:len(chunks)-1] {
		at += uint64(len(c))
		if width == 8 {
			table = binary.LittleEndian.AppendUint64(table, at)
		} else {
			table = binary.LittleEndian.AppendUint32(table, uint32(at))
		}
	}
	return append(table, bytes.Join(chunks, nil)...)
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(3, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestWofStream reads files of several chunks in pieces of all sizes.
func TestWofStream(t *testing.T) {
	for _, tt := range []struct {
		alg  wofAlgorithm
		last int
	}{{wofXPRESS4K, 1}, {wofXPRESS4K, 4096}, {wofXPRESS8K, 500}, {wofXPRESS16K, 16383}} {
		chunk := int(wofChunk[tt.alg])
		var packed [][]byte
		var want []byte
		for i := range 70 {
			n := chunk
			if i == 69 {
				n = tt.last
			}
			switch {
			case i%3 == 1 || n < 300:
				raw := noise(n)
				packed, want = append(packed, raw), append(want, raw...)
			default:
				packed, want = append(packed, xpressRun(byte(i), n)), append(want, bytes.Repeat([]byte{byte(i)}, n)...)
			}
		}
		s, err := newWof(resident(packWof(4, packed...)), int64(len(want)), tt.alg)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size()+10)); err != nil || !bytes.Equal(b, want) {
			t.Errorf("algorithm %d: %d bytes of %d, %v", tt.alg, len(b), len(want), err)
		}
		r := rand.New(rand.NewPCG(1, 1))
		for range 500 {
			off, n := r.Int64N(s.Size()), r.IntN(5*chunk)
			b := make([]byte, n)
			k, err := s.ReadAt(b, off)
			end := min(off+int64(n), s.Size())
			if (err == io.EOF) != (off+int64(n) > s.Size()) || err != nil && err != io.EOF || !bytes.Equal(b[:k], want[off:end]) {
				t.Fatalf("algorithm %d: %d bytes at %d: %d, %v", tt.alg, n, off, k, err)
			}
		}
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				b := make([]byte, chunk/2+7)
				for off := int64(g); off+int64(len(b)) < s.Size(); off += int64(len(b)) {
					if _, err := s.ReadAt(b, off); err != nil || !bytes.Equal(b, want[off:off+int64(len(b))]) {
						t.Error("together with others:", off, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

// badStream is a stream with a range that cannot be read.
type badStream struct {
	resident
	bad winfs.Extent
}

func (s badStream) ReadAt(p []byte, off int64) (int, error) {
	if off < s.bad.Off+s.bad.Len && off+int64(len(p)) > s.bad.Off {
		n := copy(p, s.resident[off:max(off, s.bad.Off)])
		return n, &winfs.ReadError{Off: off + int64(n), Len: s.bad.Len, Pos: 512 * 77, Err: errors.New("bad sector")}
	}
	return s.resident.ReadAt(p, off)
}

// lostOf reads a stream as a caller does that wants all that can be read.
func lostOf(t *testing.T, s winfs.Stream, want []byte) (lost []winfs.Extent) {
	t.Helper()
	for off := int64(0); off < s.Size(); {
		b := make([]byte, s.Size()-off)
		n, err := s.ReadAt(b, off)
		if !bytes.Equal(b[:n], want[off:off+int64(n)]) {
			t.Errorf("%d wrong bytes at %d", n, off)
		}
		off += int64(n)
		if err == nil {
			continue
		}
		var re *winfs.ReadError
		if !errors.As(err, &re) || re.Off != off || re.Len <= 0 {
			t.Fatalf("at %d: %#v", off, err)
		}
		lost = append(lost, winfs.Extent{Off: re.Off, Len: re.Len, Pos: re.Pos})
		off += re.Len
	}
	return lost
}

// What is damaged costs the chunks that it is in, no more.
func TestWofDamage(t *testing.T) {
	const chunk = 4096
	var chunks [][]byte
	var want []byte
	for i := range 10 {
		chunks, want = append(chunks, xpressRun(byte(i), chunk)), append(want, bytes.Repeat([]byte{byte(i)}, chunk)...)
	}
	size := int64(len(chunks[0]))
	whole := packWof(4, chunks...)
	open := func(raw winfs.Stream) winfs.Stream {
		s, err := newWof(raw, int64(len(want)), wofXPRESS4K)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	clone := func(change func(b []byte)) winfs.Stream {
		b := bytes.Clone(whole)
		change(b)
		return open(resident(b))
	}
	lost := func(from, n int64, pos int64) winfs.Extent {
		return winfs.Extent{Off: from * chunk, Len: n * chunk, Pos: pos}
	}
	for name, tt := range map[string]struct {
		s    winfs.Stream
		lost []winfs.Extent
	}{
		"nothing":        {open(resident(whole)), nil},
		"data":           {clone(func(b []byte) { clear(b[36+3*size:][:size]) }), []winfs.Extent{lost(3, 1, -1)}},
		"first data":     {clone(func(b []byte) { clear(b[36:][:size]) }), []winfs.Extent{lost(0, 1, -1)}},
		"table":          {clone(func(b []byte) { b[4*4+3] = 0x80 }), []winfs.Extent{lost(4, 1, -1), lost(5, 1, -1)}},
		"first entry":    {clone(func(b []byte) { b[3] = 0x80 }), []winfs.Extent{lost(0, 1, -1), lost(1, 1, -1)}},
		"last entry":     {clone(func(b []byte) { b[8*4+3] = 0x80 }), []winfs.Extent{lost(8, 1, -1), lost(9, 1, -1)}},
		"end is missing": {open(resident(whole[:len(whole)-10])), []winfs.Extent{lost(9, 1, -1)}},
		"bad sector":     {open(badStream{resident(whole), winfs.Extent{Off: 36 + 5*size + 20, Len: 10}}), []winfs.Extent{lost(5, 1, 512*77)}},
	} {
		if got := lostOf(t, tt.s, want); !slices.Equal(got, tt.lost) {
			t.Errorf("%s: lost %v, want %v", name, got, tt.lost)
		}
	}
	if _, err := newWof(resident(make([]byte, 35)), 10*chunk, wofXPRESS4K); !errors.Is(err, wimcodec.ErrData) {
		t.Errorf("a table that is not there: %v", err)
	}
	if _, err := newWof(resident(whole), 1<<62, wofXPRESS4K); !errors.Is(err, wimcodec.ErrData) {
		t.Errorf("a size without end: %v", err)
	}
}

// pattern is a raw stream of CompactOS with size bytes of content, no chunk of
// which got smaller; it is not kept anywhere.
type pattern struct {
	resident
	size, table int64
}

func (s pattern) Size() int64 { return s.table + s.size }

func (s pattern) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		at := off + int64(i)
		if at < s.table {
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], uint64(at/8+1)*wimcodec.LZXChunk)
			p[i] = b[at%8]
			continue
		}
		p[i] = byte((at - s.table) >> 13)
	}
	return len(p), nil
}

// From 4 GiB on the entries of the table have eight bytes.
func TestWofLarge(t *testing.T) {
	const size = 5<<30 + 100
	s, err := newWof(pattern{size: size, table: (size - 1) / wimcodec.LZXChunk * 8}, size, wofLZX)
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{0, 1<<32 - 5, 1 << 32, size - 300} {
		b := make([]byte, 200)
		if _, err := s.ReadAt(b, off); err != nil {
			t.Fatal(err)
		}
		for i, c := range b {
			if c != byte((off+int64(i))>>13) {
				t.Fatalf("byte %d is %#x", off+int64(i), c)
			}
		}
	}
}

// TestPublicWof decodes streams that Windows made; the sums are those of
// wimlib's decoder.
func TestPublicWof(t *testing.T) {
	for _, tt := range []struct {
		name string
		alg  wofAlgorithm
		size int64
		sum  string
	}{
		{"ntfs/wof/test4k.WofCompressedData.gz", wofXPRESS4K, 24408, "231b24a3e3e9b28d37fb79a0bfc5697f6c83b9935bd04a73dfeb99a63ac15b02"},
		{"ntfs/wof/test16k.WofCompressedData.gz", wofXPRESS16K, 17004, "b464e168c66a4ec8c27c6155b53600d45c3d7f6542765fb184b614a6aee49206"},
	} {
		b := testdata(t, tt.name)
		if bytes.HasPrefix(b, []byte{0x1F, 0x8B}) {
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		s, err := newWof(resident(b), tt.size, tt.alg)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size()))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(got); hex.EncodeToString(sum[:]) != tt.sum {
			t.Errorf("%s: %x", tt.name, sum)
		}
	}
}

func FuzzWof(f *testing.F) {
	f.Add(packWof(4, xpressRun('a', 4096), xpressRun('b', 1000)), int64(5096), uint8(wofXPRESS4K))
	f.Add(packWof(4, noise(wimcodec.LZXChunk), noise(30)), int64(wimcodec.LZXChunk+30), uint8(wofLZX))
	f.Add([]byte(strings.Repeat("\xff", 100)), int64(1<<40), uint8(wofXPRESS16K))
	f.Fuzz(func(t *testing.T, raw []byte, size int64, alg uint8) {
		if size <= 0 || alg == 0 || int(alg) >= len(wofChunk) {
			return
		}
		s, err := newWof(resident(raw), size, wofAlgorithm(alg))
		if err != nil {
			return
		}
		b := make([]byte, 100_000)
		reads := 0
		for off := int64(0); off < s.Size(); reads++ {
			n, err := s.ReadAt(b, off)
			off += int64(n)
			var re *winfs.ReadError
			switch {
			case err == nil || err == io.EOF:
			case !errors.As(err, &re) || re.Off != off || re.Len <= 0 || re.Len > s.chunk:
				t.Fatalf("at %d: %v", off, err)
			default:
				off += re.Len
			}
			if n == 0 && err == nil {
				t.Fatalf("nothing was read at %d", off)
			}
		}
	})
}
