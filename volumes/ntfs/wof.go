package ntfs

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/coldstate/coldstate/internal/wimcodec"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// A file of CompactOS (compact /exe) has an unnamed stream without clusters
// and its content, in compressed chunks, in the stream wofName. Windows shows
// it as an ordinary file, and so does this package: without the reparse point,
// that stream, and the attributes that come of them. ([MS-FSCC] 2.1.2.1;
// the Windows Overlay Filter in wimlib's documentation.)
const wofName = "WofCompressedData"

// wofData is how much of the reparse data tells the algorithm: the header of
// 8 bytes, then the version and the provider of the filter, the version and
// the algorithm of the provider.
const wofData = 24

// wofAlgorithm is how the chunks of a file are compressed; 0 for a file whose
// content cannot be read.
type wofAlgorithm uint8

const (
	wofXPRESS4K wofAlgorithm = 1 + iota
	wofLZX
	wofXPRESS8K
	wofXPRESS16K
)

var wofChunk = [...]int64{wofXPRESS4K: 4 << 10, wofLZX: wimcodec.LZXChunk, wofXPRESS8K: 8 << 10, wofXPRESS16K: 16 << 10}

// wofOf reads the algorithm of reparse data, which may be cut.
func wofOf(b []byte) wofAlgorithm {
	if len(b) < wofData {
		return 0
	}
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(b[8+4*i:]) }
	if word(0) != 1 || word(1) != 2 || word(2) != 1 || word(3) > 3 {
		return 0
	}
	return wofAlgorithm(1 + word(3))
}

// markPacked sets flagPacked on the files of CompactOS that can be read.
func (fs *FS) markPacked() {
	for _, t := range fs.x.tags {
		f := fs.x.files.at(t.file)
		if t.alg == 0 || f.flags&flagDir != 0 || f.flags&flagData == 0 || f.size == 0 {
			continue
		}
		if _, ok := fs.packed(t.file); ok {
			f.flags |= flagPacked
		}
	}
}

// packed is the stream with the chunks of a file.
func (fs *FS) packed(i uint32) (*named, bool) {
	for k, end := fs.named(i); k < end; k++ {
		if s := fs.x.named.at(k); isWofName(fs.x.names.get(s.name)) {
			return s, true
		}
	}
	return nil, false
}

func isWofName(name string) bool { return len(name) == len(wofName) && wstr.EqualFold(name, wofName) }

// unpack opens the content of a file with flagPacked.
func (fs *FS) unpack(i uint32, f *file) (winfs.Stream, error) {
	s, ok := fs.packed(i)
	if !ok {
		return nil, &FormatError{recordName(f.num), -1, "the stream " + wofName + " is gone since the volume was opened"}
	}
	raw, err := fs.content(f, wofName, s.mode, s.size, s.place)
	if err != nil {
		return nil, err
	}
	return newWof(raw, f.size, fs.wofOf(i))
}

func (fs *FS) wofOf(i uint32) wofAlgorithm {
	if t, ok := fs.findTag(i); ok {
		return t.alg
	}
	return 0
}

// wof is the content of a file of CompactOS. raw holds a table with the end of
// each chunk but the last, counted from the end of the table, then the chunks.
// A chunk that did not get smaller is stored as it is.
type wof struct {
	raw   winfs.Stream
	size  int64
	alg   wofAlgorithm
	chunk int64
	width int64 // of an entry of the table, 4 or 8 bytes
	table int64 // bytes

	mu     sync.Mutex
	xpress wimcodec.XPRESS
	// last is the chunk decoded last, n its number plus one.
	last []byte
	n    int64
}

func newWof(raw winfs.Stream, size int64, alg wofAlgorithm) (*wof, error) {
	s := &wof{raw: raw, size: size, alg: alg, chunk: wofChunk[alg], width: 4}
	if size > 1<<32-1 {
		s.width = 8
	}
	// size is a claim, but the table it asks for must be there.
	s.table = ((size - 1) / s.chunk) * s.width
	if s.table > raw.Size() {
		return nil, fmt.Errorf("CompactOS: %d bytes of content need a table of %d bytes, and the stream %s has %d: %w", size, s.table, wofName, raw.Size(), wimcodec.ErrData)
	}
	return s, nil
}

func (s *wof) Size() int64             { return s.size }
func (s *wof) Extents() []winfs.Extent { return nil }
func (s *wof) Holes() []winfs.Extent   { return nil }

// ReadAt implements io.ReaderAt. A chunk that cannot be read or decoded is the
// range of a *winfs.ReadError.
func (s *wof) ReadAt(p []byte, off int64) (int, error) {
	want := len(p)
	p, err := clip(p, off, s.size)
	if err != nil || len(p) == 0 {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(p) {
		k, err := s.read(p[n:], off+int64(n))
		n += k
		if err != nil {
			return n, err
		}
	}
	if n < want {
		return n, io.EOF
	}
	return n, nil
}

// read reads some of p: a part of one chunk, or whole chunks whose data are
// not more than maxGather.
func (s *wof) read(p []byte, off int64) (int, error) {
	c := off / s.chunk
	if s.n == c+1 {
		return copy(p, s.last[off-c*s.chunk:]), nil
	}
	whole := off == c*s.chunk && int64(len(p)) >= s.length(c)
	if !whole {
		if s.last == nil {
			s.last = make([]byte, s.chunk)
		}
		s.n = 0
		s.last = s.last[:s.length(c)]
		if _, err := s.chunks(s.last, c, 1); err != nil {
			return 0, err
		}
		s.n = c + 1
		return copy(p, s.last[off-c*s.chunk:]), nil
	}
	count := int64(len(p)) / s.chunk
	if off+int64(len(p)) == s.size {
		count = (int64(len(p)) + s.chunk - 1) / s.chunk
	}
	return s.chunks(p, c, min(max(count, 1), maxGather/s.chunk))
}

// length is the number of bytes that chunk c gives.
func (s *wof) length(c int64) int64 { return min(s.chunk, s.size-c*s.chunk) }

// chunks decodes up to count chunks from c on into p and returns the bytes
// that they gave.
func (s *wof) chunks(p []byte, c, count int64) (int, error) {
	ends, err := s.ends(c, count)
	if err != nil {
		return 0, s.bad(c, -1, err)
	}
	count = int64(len(ends) - 1)
	buf := make([]byte, ends[count]-ends[0])
	if _, err := s.raw.ReadAt(buf, s.table+ends[0]); err != nil && len(buf) > 0 {
		if count == 1 {
			return 0, s.bad(c, s.table+ends[0], err)
		}
		buf = nil // one after the other, so that only what is bad is lost
	}
	n := 0
	for k := range count {
		out := p[n : n+int(s.length(c+k))]
		if buf == nil {
			if _, err := s.chunks(out, c+k, 1); err != nil {
				return n, err
			}
		} else if err := s.decode(out, buf[ends[k]-ends[0]:ends[k+1]-ends[0]]); err != nil {
			return n, s.bad(c+k, -1, err)
		}
		n += len(out)
	}
	return n, nil
}

// ends returns where chunks from c on start, and where the last of them ends,
// counted from the end of the table: count of them, or fewer when the table is
// wrong behind these.
func (s *wof) ends(c, count int64) ([]int64, error) {
	all := s.raw.Size() - s.table
	out := make([]int64, count+1)
	from, to := max(c-1, 0), min(c+count, s.table/s.width)
	b := make([]byte, (to-from)*s.width)
	if _, err := s.raw.ReadAt(b, from*s.width); err != nil && len(b) > 0 {
		return nil, fmt.Errorf("the table of chunks: %w", err)
	}
	for i := range out {
		switch n := c + int64(i); {
		case n == 0:
		case n-1 == s.table/s.width:
			out[i] = all
		case s.width == 8:
			out[i] = int64(binary.LittleEndian.Uint64(b[(n-1-from)*8:]))
		default:
			out[i] = int64(binary.LittleEndian.Uint32(b[(n-1-from)*4:]))
		}
		if out[i] < 0 || out[i] > all || i > 0 && (out[i] < out[i-1] || out[i]-out[i-1] > s.length(c+int64(i)-1)) {
			if i > 1 {
				return out[:i], nil // the chunks before are good
			}
			return nil, fmt.Errorf("the table of chunks says %d: %w", out[i], wimcodec.ErrData)
		}
	}
	return out, nil
}

func (s *wof) decode(dst, src []byte) error {
	switch {
	case len(src) == len(dst):
		copy(dst, src)
		return nil
	case s.alg == wofLZX:
		return wimcodec.LZX(dst, src)
	}
	return s.xpress.Decode(dst, src)
}

// bad is the error of chunk c. at is the place in raw where it begins, -1 when
// err is not of the medium.
func (s *wof) bad(c, at int64, err error) error {
	pos := int64(-1)
	if re, ok := err.(*winfs.ReadError); ok && at >= 0 {
		pos, err = re.Pos, re.Err
	}
	return &winfs.ReadError{Off: c * s.chunk, Len: s.length(c), Pos: pos, Err: fmt.Errorf("CompactOS: %w", err)}
}
