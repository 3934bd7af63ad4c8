package ntfsgen

import (
	"crypto/sha256"
	"math/rand/v2"
	"strings"
)

// Garbage is the byte in clusters that belong to a file but hold nothing of
// its content.
const Garbage = 0xDB

// Data is the content of a stream and the form in which it is kept. The
// methods change the form and return the same Data.
type Data struct {
	// Size is the size of the content in bytes.
	Size int64
	// Bytes are the content; zeros follow up to Size. The ciphertext of an
	// encrypted stream may be longer than Size: it is stored whole.
	Bytes []byte
	// Gen is used instead of Bytes when it is not nil. It fills p with the
	// content from off on, the same each time.
	Gen func(p []byte, off int64)

	hasValid    bool // valid counts
	valid       int64
	nonResident bool
	compressed  bool
	sparse      bool
	holes       func(off, n int64) bool
	runs        int // at least so many
}

// Bytes returns a content.
func Bytes(b []byte) *Data { return &Data{Size: int64(len(b)), Bytes: b} }

// Text returns a content.
func Text(s string) *Data { return Bytes([]byte(s)) }

// Repeat returns n bytes of s repeated.
func Repeat(s string, n int64) *Data {
	return Generate(n, func(p []byte, off int64) {
		for i := range p {
			p[i] = s[(off+int64(i))%int64(len(s))]
		}
	})
}

// Zeros returns n zeros.
func Zeros(n int64) *Data { return &Data{Size: n} }

// Noise returns n bytes that do not compress and depend on seed alone.
func Noise(seed string, n int64) *Data {
	base := sha256.Sum256([]byte(seed))
	const block = 4096
	return Generate(n, func(p []byte, off int64) {
		var b [block]byte
		for len(p) > 0 {
			key := base
			le.PutUint64(key[:], le.Uint64(key[:])+uint64(off/block))
			_, _ = rand.NewChaCha8(key).Read(b[:])
			n := copy(p, b[off%block:])
			p, off = p[n:], off+int64(n)
		}
	})
}

// Words returns n bytes of text that compresses as texts do and depends on
// seed alone.
func Words(seed string, n int) *Data {
	words := strings.Fields("the cold state of a machine that does not run is a folder of letters pictures and numbers " +
		"which somebody wants back tomorrow morning Straße Übung café naïve 1024 and nothing may be missing")
	r := rand.New(rand.NewChaCha8(sha256.Sum256([]byte(seed))))
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(words[r.IntN(len(words))])
		b.WriteByte(" \n"[r.IntN(8)/7])
	}
	return Text(b.String()[:n])
}

// Generate returns a content of n bytes that is made when it is read: gen
// fills p with the content from off on.
func Generate(n int64, gen func(p []byte, off int64)) *Data {
	return &Data{Size: n, Gen: gen}
}

// NonResident keeps even a small content outside of the MFT record.
func (d *Data) NonResident() *Data { d.nonResident = true; return d }

// Compress stores the content in LZNT1. Clusters must be 4 KiB at most.
func (d *Data) Compress() *Data { d.compressed, d.nonResident = true, true; return d }

// Sparse stores zeros as holes, in units of 16 clusters.
func (d *Data) Sparse() *Data { d.sparse, d.nonResident = true, true; return d }

// Holes is Sparse for contents too large to look at: hole says whether the n
// bytes at off are a hole. The content must be zeros there.
func (d *Data) Holes(hole func(off, n int64) bool) *Data { d.holes = hole; return d.Sparse() }

// Valid sets the initialised size: what follows reads as zeros, though
// clusters of garbage are allocated.
func (d *Data) Valid(n int64) *Data {
	d.hasValid, d.valid, d.nonResident = true, n, true
	return d
}

// ValidSize is the initialised size, Size where Valid was not called.
func (d *Data) ValidSize() int64 {
	if !d.hasValid {
		return d.Size
	}
	return min(d.valid, d.Size)
}

// Split stores the content in n runs at least, if it has as many clusters,
// out of their order on the volume.
func (d *Data) Split(n int) *Data { d.runs, d.nonResident = n, true; return d }

// ReadAt reads the content as a program on Windows sees it: after the valid
// size come zeros. It reads past the end as zeros, too.
func (d *Data) ReadAt(p []byte, off int64) (int, error) {
	d.stored(p, off)
	if end := d.ValidSize(); off+int64(len(p)) > end {
		clear(p[max(0, end-off):])
	}
	return len(p), nil
}

// All returns the content as a program on Windows sees it.
func (d *Data) All() []byte {
	if d == nil {
		return nil
	}
	b := make([]byte, d.Size)
	_, _ = d.ReadAt(b, 0)
	return b
}

// stored fills p with what stands in the clusters at off.
func (d *Data) stored(p []byte, off int64) {
	n := 0
	if d.Gen != nil {
		if n = int(min(int64(len(p)), max(0, d.Size-off))); n > 0 {
			d.Gen(p[:n], off)
		}
	} else if off < int64(len(d.Bytes)) {
		n = copy(p, d.Bytes[off:])
	}
	clear(p[n:])
	if d.hasValid {
		for i := max(0, d.valid-off); i < int64(len(p)); i++ {
			p[i] = Garbage
		}
	}
}

// hole says whether the n bytes at off are all zero.
func (d *Data) hole(off, n int64) bool {
	if d.holes != nil {
		return d.holes(off, n)
	}
	buf := make([]byte, min(n, 1<<20))
	for n > 0 {
		p := buf[:min(n, int64(len(buf)))]
		d.stored(p, off)
		for _, c := range p {
			if c != 0 {
				return false
			}
		}
		off, n = off+int64(len(p)), n-int64(len(p))
	}
	return true
}
