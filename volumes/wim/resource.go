package wim

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/coldstate/coldstate/internal/le"
	"github.com/coldstate/coldstate/internal/wimcodec"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// resHeader says where a resource lies: 24 bytes.
type resHeader struct {
	stored int64 // bytes in the file
	flags  uint8
	off    int64 // in the file
	size   int64 // bytes of its content
}

// Flags of a resource.
const (
	resMetadata   = 0x2
	resCompressed = 0x4
	resSpanned    = 0x8
	resSolid      = 0x10
)

// readResHeader reads a resource header. Offsets and sizes that an int64 does
// not hold become math.MaxInt64, which no file has.
func readResHeader(r *le.Reader) resHeader {
	signed := func(v uint64) int64 { return int64(min(v, math.MaxInt64)) }
	first := r.Uint64() // 56 bits of size, 8 of flags
	return resHeader{stored: int64(first & (1<<56 - 1)), flags: uint8(first >> 56), off: signed(r.Uint64()), size: signed(r.Uint64())}
}

// A compressed resource begins with a table: where each of its chunks but the
// first begins, counted from the end of the table, in 4 bytes or, for a content
// of 4 GiB and more, in 8. A chunk that did not get smaller is stored as it is.
type resource struct {
	f     *File
	h     resHeader
	width int64 // of an entry of the table
	table int64 // bytes
}

// resource checks what can be checked of h without reading.
func (f *File) resource(h resHeader) (*resource, error) {
	s := &resource{f: f, h: h, width: 4}
	switch {
	case h.flags&(resSolid|resSpanned) != 0:
		return nil, fmt.Errorf("a solid or spanned resource: %w", winfs.ErrUnsupported)
	case h.off > f.size || h.stored > f.size-h.off:
		// What is there of it is read; a table that is not there fails below.
		if h.off >= f.size {
			return nil, &FormatError{"resource", h.off, fmt.Sprintf("it lies behind the end of the file (%d bytes); the file is cut off", f.size)}
		}
	}
	if h.flags&resCompressed == 0 {
		if h.size != h.stored {
			return nil, &FormatError{"resource", h.off, fmt.Sprintf("%d bytes are stored for %d, and it is not compressed", h.stored, h.size)}
		}
		return s, nil
	}
	if f.comp == none {
		return nil, &FormatError{"resource", h.off, "it is compressed in a file that is not"}
	}
	if h.size >= 1<<32 {
		s.width = 8
	}
	// The size is a claim, but the table it asks for must be there.
	if h.size > 0 {
		s.table = (h.size - 1) / f.chunk * s.width
	}
	if s.table > h.stored || h.size > math.MaxInt64-f.chunk {
		return nil, &FormatError{"resource", h.off, fmt.Sprintf("%d bytes of content need a table of %d bytes, and it has %d", h.size, s.table, h.stored)}
	}
	return s, nil
}

// maxGather is how much content is decoded from one read.
const maxGather = 1 << 20

// decoder is what decoding needs, kept for the next.
type decoder struct {
	xpress wimcodec.XPRESS
	in     []byte
	last   []byte
}

func (f *File) decoder() *decoder {
	d, _ := f.decoders.Get().(*decoder)
	if d == nil {
		d = new(decoder)
	}
	return d
}

// readAt fills p, which lies inside of the content, from off on. The error is a
// *winfs.ReadError with the range of the content that is lost.
func (s *resource) readAt(p []byte, off int64) (int, error) {
	if s.h.flags&resCompressed == 0 {
		n, err := s.f.r.ReadAt(p, s.h.off+off)
		if n == len(p) {
			return n, nil
		}
		return n, &winfs.ReadError{Off: off + int64(n), Len: int64(len(p) - n), Pos: s.h.off + off + int64(n), Err: cutOff(err)}
	}
	d := s.f.decoder()
	defer s.f.decoders.Put(d)
	chunk := s.f.chunk
	n := 0
	for n < len(p) {
		at := off + int64(n)
		c := at / chunk
		rest := p[n:]
		if at == c*chunk && int64(len(rest)) >= s.length(c) {
			count := int64(len(rest)) / chunk
			if at+int64(len(rest)) == s.h.size {
				count = (int64(len(rest)) + chunk - 1) / chunk
			}
			k, err := s.chunks(d, rest, c, min(max(count, 1), maxGather/chunk))
			n += k
			if err != nil {
				return n, err
			}
			continue
		}
		d.last = slices.Grow(d.last[:0], int(chunk))[:s.length(c)]
		if _, err := s.chunks(d, d.last, c, 1); err != nil {
			return n, err
		}
		n += copy(rest, d.last[at-c*chunk:])
	}
	return n, nil
}

// cutOff says what the end of a file means.
func cutOff(err error) error {
	if err == nil || err == io.EOF {
		return fmt.Errorf("the WIM file ends here; it is cut off: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// length is the number of bytes that chunk c gives.
func (s *resource) length(c int64) int64 { return min(s.f.chunk, s.h.size-c*s.f.chunk) }

// chunks decodes up to count chunks from c on into p and returns the bytes that
// they gave.
func (s *resource) chunks(d *decoder, p []byte, c, count int64) (int, error) {
	ends, err := s.ends(c, count)
	if err != nil {
		return 0, s.bad(c, -1, err)
	}
	count = int64(len(ends) - 1)
	at := s.h.off + s.table
	d.in = slices.Grow(d.in[:0], int(ends[count]-ends[0]))[:ends[count]-ends[0]]
	if k, err := s.f.r.ReadAt(d.in, at+ends[0]); k < len(d.in) {
		if count == 1 {
			return 0, s.bad(c, at+ends[0], cutOff(err))
		}
		// One after the other, so that only what is bad is lost.
		n := 0
		for k := range count {
			m, err := s.chunks(d, p[n:], c+k, 1)
			n += m
			if err != nil {
				return n, err
			}
		}
		return n, nil
	}
	n := 0
	for k := range count {
		out, in := p[n:n+int(s.length(c+k))], d.in[ends[k]-ends[0]:ends[k+1]-ends[0]]
		switch {
		case len(in) == len(out):
			copy(out, in)
		case s.f.comp == lzx:
			err = wimcodec.LZX(out, in)
		default:
			err = d.xpress.Decode(out, in)
		}
		if err != nil {
			return n, s.bad(c+k, at+ends[k], damaged{err})
		}
		n += len(out)
	}
	return n, nil
}

// damaged is an error of a decoder as a winfs.ErrDamaged.
type damaged struct{ error }

func (e damaged) Unwrap() []error { return []error{winfs.ErrDamaged, e.error} }

// ends returns where chunks from c on begin, and where the last of them ends,
// counted from the end of the table: count of them, or fewer when the table is
// wrong behind these.
func (s *resource) ends(c, count int64) ([]int64, error) {
	all, entries := s.h.stored-s.table, s.table/s.width
	out := make([]int64, count+1)
	from, to := max(c-1, 0), min(c+count, entries)
	b := make([]byte, (to-from)*s.width)
	if k, err := s.f.r.ReadAt(b, s.h.off+from*s.width); k < len(b) {
		return nil, fmt.Errorf("the table of chunks: %w", cutOff(err))
	}
	for i := range out {
		switch n := c + int64(i); {
		case n == 0:
		case n-1 == entries:
			out[i] = all
		case s.width == 8:
			out[i] = int64(min(binary.LittleEndian.Uint64(b[(n-1-from)*8:]), math.MaxInt64))
		default:
			out[i] = int64(binary.LittleEndian.Uint32(b[(n-1-from)*4:]))
		}
		if out[i] > all || i > 0 && (out[i] < out[i-1] || out[i]-out[i-1] > s.length(c+int64(i)-1)) {
			if i > 1 {
				return out[:i], nil // the chunks before are good
			}
			return nil, fmt.Errorf("the table of chunks says %d at chunk %d of %d bytes: %w", out[i], c+int64(i), all, winfs.ErrDamaged)
		}
	}
	return out, nil
}

// bad is the error of chunk c; pos is the place in the file, -1 for none.
func (s *resource) bad(c, pos int64, err error) error {
	return &winfs.ReadError{Off: c * s.f.chunk, Len: s.length(c), Pos: pos, Err: err}
}

// readAll reads the content of a resource that has at most limit bytes. Memory
// follows what is really decoded.
func (f *File) readAll(h resHeader, limit int64) ([]byte, error) {
	if h.size > limit {
		return nil, &FormatError{"resource", h.off, fmt.Sprintf("%d bytes; at most %d are read", h.size, limit)}
	}
	s, err := f.resource(h)
	if err != nil {
		return nil, err
	}
	if h.flags&resCompressed == 0 && h.size > f.size-h.off {
		return nil, &FormatError{"resource", h.off, fmt.Sprintf("%d bytes, but the file ends after %d of them; it is cut off", h.size, f.size-h.off)}
	}
	var b []byte
	for int64(len(b)) < h.size {
		n := int(min(maxGather, h.size-int64(len(b))))
		if len(b) == 0 && h.size <= 16*h.stored {
			b = make([]byte, 0, h.size) // what is usual
		}
		b = slices.Grow(b, n)
		k, err := s.readAt(b[len(b):len(b)+n], int64(len(b)))
		b = b[:len(b)+k]
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

// stream is the content of a blob. It is verified when it is read from its
// begin to its end, in whatever pieces: the read that ends it gives all bytes
// and an error that wraps winfs.ErrDamaged when they have another SHA-1.
type stream struct {
	resource
	sum [sha1.Size]byte

	mu   sync.Mutex
	hash *hasher
	// last is a chunk that was read in part, the one with the number n-1.
	last []byte
	n    int64
}

func (s *stream) Size() int64             { return s.h.size }
func (s *stream) Extents() []winfs.Extent { return nil }
func (s *stream) Holes() []winfs.Extent   { return nil }

// ReadAt implements io.ReaderAt. A chunk that cannot be read or decoded is the
// range of a *winfs.ReadError.
func (s *stream) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off)
	}
	want := len(p)
	if off >= s.h.size {
		if want == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	p = p[:min(int64(want), s.h.size-off)]
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.read(p, off)
	if err == nil {
		err = s.check(p, off)
	}
	if err == nil && n < want {
		err = io.EOF
	}
	return n, err
}

// read is readAt with a memory of one chunk, for readers in small pieces.
func (s *stream) read(p []byte, off int64) (int, error) {
	chunk := s.f.chunk
	if s.h.flags&resCompressed == 0 {
		return s.readAt(p, off)
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		c := at / chunk
		if s.n != c+1 {
			if at == c*chunk && int64(len(p)-n) >= s.length(c) {
				// Whole chunks, up to the one that is wanted in part.
				end := len(p)
				if off+int64(end) < s.h.size {
					end -= int((off + int64(end)) % chunk)
				}
				k, err := s.readAt(p[n:end], at)
				n += k
				if err != nil {
					return n, err
				}
				continue
			}
			s.n = 0
			s.last = slices.Grow(s.last[:0], int(s.length(c)))[:s.length(c)]
			if _, err := s.readAt(s.last, c*chunk); err != nil {
				return n, err
			}
			s.n = c + 1
		}
		n += copy(p[n:], s.last[at-c*chunk:])
	}
	return n, nil
}

// check takes what was read into the hash, when it goes on where that stands.
func (s *stream) check(p []byte, off int64) error {
	if off == 0 {
		s.hash = newHasher()
	}
	h := s.hash
	end := off + int64(len(p))
	if h == nil || off > h.next || end <= h.next {
		return nil
	}
	h.Write(p[h.next-off:])
	if h.next = end; end < s.h.size {
		return nil
	}
	s.hash = nil
	if sum := h.sum(); sum != s.sum {
		return &winfs.ReadError{Off: 0, Len: s.h.size, Pos: s.h.off, Err: fmt.Errorf("its SHA-1 is %x and has to be %x: %w", sum, s.sum, winfs.ErrDamaged)}
	}
	return nil
}
