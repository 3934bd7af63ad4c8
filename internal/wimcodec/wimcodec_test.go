package wimcodec

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
)

// chunk is one of testdata/chunks.bin.gz: what libwim's compressors made of
// text, machine code with E8 calls, noise, zeros and long matches.
type chunk struct {
	lzx  bool
	size int
	sum  [32]byte // SHA-256 of the decoded bytes
	src  []byte
}

func chunks(t testing.TB) []chunk {
	f, err := os.Open("testdata/chunks.bin.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var out []chunk
	for len(b) > 0 {
		n := binary.LittleEndian.Uint32(b[5:])
		c := chunk{lzx: b[0] == 2, size: int(binary.LittleEndian.Uint32(b[1:])), sum: [32]byte(b[9:]), src: b[41 : 41+n]}
		out = append(out, c)
		b = b[41+n:]
	}
	return out
}

func decode(c chunk, dst, src []byte) error {
	if c.lzx {
		return LZX(dst, src)
	}
	var x XPRESS
	return x.Decode(dst, src)
}

func TestChunks(t *testing.T) {
	n := map[bool]int{}
	for i, c := range chunks(t) {
		n[c.lzx]++
		dst := make([]byte, c.size)
		if err := decode(c, dst, c.src); err != nil || sha256.Sum256(dst) != c.sum {
			t.Errorf("chunk %d (LZX: %v, %d bytes from %d): %v, other bytes: %v", i, c.lzx, c.size, len(c.src), err, sha256.Sum256(dst) != c.sum)
		}
	}
	if n[true] < 10 || n[false] < 20 {
		t.Errorf("%d chunks of LZX, %d of XPRESS", n[true], n[false])
	}
}

// A damaged chunk gives an error or other bytes, and never anything behind dst.
func TestDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for _, c := range chunks(t) {
		for range 200 {
			src := bytes.Clone(c.src)
			for range 1 + r.IntN(4) {
				src[r.IntN(len(src))] ^= byte(1 << r.IntN(8))
			}
			src = src[:r.IntN(len(src)+1)]
			room := bytes.Repeat([]byte{0xA5}, c.size+64)
			if err := decode(c, room[:c.size:c.size], src); err != nil {
				refused++
				if !errors.Is(err, ErrData) {
					t.Fatalf("%v is no ErrData", err)
				}
			}
			if !bytes.Equal(room[c.size:], bytes.Repeat([]byte{0xA5}, 64)) {
				t.Fatal("bytes behind dst were written")
			}
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}

func TestRefused(t *testing.T) {
	full := bytes.Repeat([]byte{0x99}, xpressTable)   // 512 codes of 9 bits: complete
	many := bytes.Repeat([]byte{0x88}, xpressTable)   // 512 codes of 8 bits
	few := append([]byte{0x01}, make([]byte, 255)...) // only symbol 0, code 0
	for name, c := range map[string]struct {
		size int
		src  []byte
		ok   bool
	}{
		"nothing":            {1, nil, false},
		"no data, all zeros": {4, full, true}, // zeros behind the end are symbol 0
		"too many codes":     {4, many, false},
		"no such code":       {4, append(bytes.Clone(few), 0xFF, 0xFF), false},
		"empty":              {0, nil, true},
		"too large":          {64<<10 + 1, full, false},
	} {
		var x XPRESS
		if err := x.Decode(make([]byte, c.size), c.src); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := LZX(make([]byte, LZXChunk+1), full); !errors.Is(err, ErrData) {
		t.Error(err)
	}
	if err := LZX(nil, nil); err != nil {
		t.Error(err)
	}
}

func fuzz(f *testing.F, lzx bool) {
	for _, c := range chunks(f) {
		if c.lzx == lzx && len(c.src) < 4000 {
			f.Add(uint16(c.size), c.src)
		}
	}
	f.Fuzz(func(t *testing.T, size uint16, src []byte) {
		n := min(int(size), LZXChunk)
		c := chunk{lzx: lzx}
		a, b := make([]byte, n), bytes.Repeat([]byte{1}, n)
		errA, errB := decode(c, a, src), decode(c, b, src)
		if (errA == nil) != (errB == nil) {
			t.Fatalf("%v, then %v", errA, errB)
		}
		if errA == nil && !bytes.Equal(a, b) {
			t.Fatal("what dst held before is in the result")
		}
		if errA != nil && !errors.Is(errA, ErrData) {
			t.Fatal(errA)
		}
	})
}

func FuzzXPRESS(f *testing.F) { fuzz(f, false) }
func FuzzLZX(f *testing.F)    { fuzz(f, true) }

func BenchmarkDecode(b *testing.B) {
	for name, lzx := range map[string]bool{"XPRESS": false, "LZX": true} {
		b.Run(name, func(b *testing.B) {
			var cs []chunk
			n := 0
			for _, c := range chunks(b) {
				if c.lzx == lzx {
					cs, n = append(cs, c), n+c.size
				}
			}
			dst := make([]byte, 64<<10)
			var x XPRESS
			b.SetBytes(int64(n))
			for b.Loop() {
				for _, c := range cs {
					if lzx {
						LZX(dst[:c.size], c.src)
					} else {
						x.Decode(dst[:c.size], c.src)
					}
				}
			}
		})
	}
}
