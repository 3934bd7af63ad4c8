package efs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sort"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Stream is one encrypted data stream of a file.
type Stream struct {
	// Name is "" for the unnamed stream.
	Name string
	// Size is its size in bytes; Valid how much of it was ever written.
	Size, Valid int64
	// Data gives the ciphertext up to Size, rounded up to whole blocks of 512
	// bytes.
	Data io.ReaderAt
	// Sparse says that the stream may have holes; Holes are those that it
	// has, in order.
	Sparse bool
	Holes  []Hole
}

// Hole is a part of a stream that has no clusters.
type Hole struct{ Off, Len int64 }

const (
	block      = 512      // of the cipher
	segment    = 64 << 10 // content of a data segment
	segmentEnd = 512      // what stands before the content
	// encryption is the length of the header in it; Windows always takes that.
	encryption = segmentEnd - 16
	// maxSparse bounds the sparse streams that can be laid out: the places of
	// their segments are kept in memory.
	maxSparse = 1 << 40
	// maxStream bounds a stream so that no sum below can wrap.
	maxStream = 1 << 60
)

// Raw is a file in the raw form of EFS, made as it is read: nothing but the
// headers is kept. Its ReadAt may be used concurrently.
//
// The form is that of Windows where it is known: data segments of 64 KiB
// behind headers of 512 bytes ([MS-EFSR] 2.2.3).
type Raw struct {
	parts []rawPart
	size  int64
	shift byte // log2 of the cluster size
	unit  int64
}

// rawPart is a piece of the form: bytes, or the segments of a stream.
type rawPart struct {
	off  int64
	head []byte
	s    *Stream
	// starts are the places of the segments of a sparse stream in the part.
	starts []int64
}

// NewRaw makes the raw form of a file from the value of its $EFS and its
// encrypted streams. cluster is the cluster size of its volume in bytes.
func NewRaw(metadata []byte, cluster int64, streams []Stream) (*Raw, error) {
	if len(metadata) == 0 || len(metadata) > maxMetadata {
		return nil, fmt.Errorf("$EFS has %d bytes", len(metadata))
	}
	if cluster < 512 || cluster&(cluster-1) != 0 {
		return nil, fmt.Errorf("clusters of %d bytes", cluster)
	}
	r := &Raw{shift: byte(bits.Len64(uint64(cluster)) - 1), unit: min(16*cluster, segment)}
	// "ROBS" in UTF-16, then the stream of the metadata: one segment.
	b := append([]byte{0, 1, 0, 0}, utf16("ROBS")...)
	b = append(b, make([]byte, 8)...)
	b = appendStream(b, []byte{0x10, 0x19})
	b = appendSegment(b, 16+len(metadata))
	r.add(rawPart{head: append(b, metadata...)}, int64(len(b)+len(metadata)))
	for i := range streams {
		s := &streams[i]
		if s.Size < 0 || s.Size > maxStream {
			return nil, fmt.Errorf("stream %q of %d bytes", s.Name, s.Size)
		}
		name := "::$DATA"
		if s.Name != "" {
			name = ":" + s.Name + ":$DATA"
		}
		h := appendStream(nil, utf16(name))
		r.add(rawPart{head: h}, int64(len(h)))
		if s.Size == 0 {
			continue
		}
		p := rawPart{s: s}
		n := (s.Size-1)/segment*segmentEnd + segmentEnd + padded(s.Size)
		if s.Sparse {
			if s.Size > maxSparse {
				return nil, fmt.Errorf("sparse stream %q of %d bytes: more than %d: %w", s.Name, s.Size, int64(maxSparse), errors.ErrUnsupported)
			}
			n = 0
			for k := int64(0); k*segment < s.Size; k++ {
				p.starts = append(p.starts, n)
				n += segmentEnd
				for _, size := range r.blocks(s, k) {
					n += size
				}
			}
		}
		r.add(p, n)
	}
	return r, nil
}

func (r *Raw) add(p rawPart, n int64) {
	p.off = r.size
	r.parts = append(r.parts, p)
	r.size += n
}

// Size is the size of the raw form in bytes.
func (r *Raw) Size() int64 { return r.size }

func utf16(s string) []byte { return wstr.AppendUTF16LE(nil, s) }

func padded(n int64) int64 { return (n + block - 1) / block * block }

// appendStream appends the header of a marshaled stream ([MS-EFSR] 2.2.3.1):
//
//	 0  4  length
//	 4  8  "NTFS" in UTF-16
//	12  4  0: encrypted, or metadata
//	16  8  0
//	24  4  length of the name
//	28     the name
func appendStream(b, name []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(28+len(name)))
	b = append(append(b, utf16("NTFS")...), make([]byte, 12)...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(name)))
	return append(b, name...)
}

// appendSegment appends the header of a data segment of n bytes in all
// ([MS-EFSR] 2.2.3.2).
func appendSegment(b []byte, n int) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	return append(append(b, utf16("GURE")...), 0, 0, 0, 0)
}

// blocks returns the sizes of the data blocks of segment k: one, or for a
// sparse stream one a unit, 0 for holes.
func (r *Raw) blocks(s *Stream, k int64) []int64 {
	off := k * segment
	n := min(segment, padded(s.Size)-off)
	if !s.Sparse {
		return []int64{n}
	}
	var out []int64
	for at := int64(0); at < n; at += r.unit {
		size := min(r.unit, n-at)
		if s.isHole(off+at, min(off+at+size, s.Size)) {
			size = 0
		}
		out = append(out, size)
	}
	return out
}

// isHole says whether one hole has all of [off, end).
func (s *Stream) isHole(off, end int64) bool {
	i := sort.Search(len(s.Holes), func(i int) bool { return s.Holes[i].Off+s.Holes[i].Len > off })
	return i < len(s.Holes) && s.Holes[i].Off <= off && end <= s.Holes[i].Off+s.Holes[i].Len
}

// header is what stands before the content of segment k, segmentEnd bytes:
// the header of the segment, then that of the encryption ([MS-EFSR] 2.2.3.3):
//
//	 0  8  offset in the stream
//	 8  4  length of the header
//	12  4  bytes within the size of the stream
//	16  4  bytes that were written
//	22  1  log2 of the data unit, 23 of the chunk, the same
//	24  1  log2 of the cluster
//	25  1  1
//	26  2  number of data blocks
//	28     their sizes
//	       "EXTD", 16, 1 for sparse streams, 0
func (r *Raw) header(s *Stream, k int64, blocks []int64) []byte {
	off := k * segment
	n := min(segment, padded(s.Size)-off)
	within := min(segment, s.Size-off)
	valid := min(max(s.Valid-off, 0), within)
	shift := byte(max(9, bits.Len64(uint64(n-1))))
	if s.Sparse {
		shift = byte(bits.Len64(uint64(r.unit)) - 1)
	}
	total := int64(segmentEnd)
	for _, size := range blocks {
		total += size
	}
	b := appendSegment(make([]byte, 0, segmentEnd), int(total))
	b = binary.LittleEndian.AppendUint64(b, uint64(off))
	b = binary.LittleEndian.AppendUint32(b, encryption)
	b = binary.LittleEndian.AppendUint32(b, uint32(within))
	b = binary.LittleEndian.AppendUint32(b, uint32(valid))
	b = append(b, 0, 0, shift, shift, r.shift, 1)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(blocks)))
	for _, size := range blocks {
		b = binary.LittleEndian.AppendUint32(b, uint32(size))
	}
	b = append(b, "EXTD"...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	flags := uint32(0)
	if s.Sparse {
		flags = 1
	}
	b = binary.LittleEndian.AppendUint32(b, flags)
	return b[:segmentEnd]
}

// ReadAt implements io.ReaderAt.
func (r *Raw) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("a read at offset %d", off)
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= r.size {
			return n, io.EOF
		}
		i := sort.Search(len(r.parts), func(i int) bool { return r.parts[i].off > at }) - 1
		part := &r.parts[i]
		at -= part.off
		if part.s == nil {
			n += copy(p[n:], part.head[at:])
			continue
		}
		k, err := r.readSegment(part, p[n:], at)
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// readSegment reads at off in a part, within one segment.
func (r *Raw) readSegment(part *rawPart, p []byte, off int64) (int, error) {
	k := off / (segmentEnd + segment)
	start := k * (segmentEnd + segment)
	if part.starts != nil {
		k = int64(sort.Search(len(part.starts), func(i int) bool { return part.starts[i] > off }) - 1)
		start = part.starts[k]
	}
	off -= start
	blocks := r.blocks(part.s, k)
	n := 0
	if off < segmentEnd {
		n = copy(p, r.header(part.s, k, blocks)[off:])
		off += int64(n)
	}
	// The blocks stand side by side; those without bytes are left out.
	at, unit := int64(segmentEnd), int64(0)
	for _, size := range blocks {
		if n == len(p) {
			break
		}
		if off < at+size {
			want := min(int64(len(p)-n), at+size-off)
			got, err := part.s.Data.ReadAt(p[n:n+int(want)], k*segment+unit+off-at)
			n += got
			off += int64(got)
			if int64(got) < want {
				if err == nil || err == io.EOF {
					err = io.ErrUnexpectedEOF
				}
				return n, err
			}
		}
		at += size
		unit += r.unit
	}
	return n, nil
}
