package wim

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/coldstate/coldstate/internal/le"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// blobEntry is the size of an entry of the blob table: a resource header, the
// part, the number of references, the SHA-1.
const blobEntry = 24 + 2 + 4 + sha1.Size

// blobTable finds blobs by their hash.
type blobTable struct {
	raw []byte
	// order are the entries of contents, sorted by hash.
	order []uint32
}

// readBlobs reads the blob table. Metadata resources stand in it in the order
// of the images.
func (f *File) readBlobs(h resHeader) error {
	raw, err := f.readAll(h, maxTable)
	if err != nil {
		if len(raw) < blobEntry {
			return fmt.Errorf("blob table: %w", err)
		}
		f.problem("the blob table is damaged after %d bytes: %v", len(raw), err)
	}
	if len(raw)%blobEntry != 0 && err == nil {
		f.problem("the blob table has %d bytes, which are no whole number of entries", len(raw))
	}
	raw = raw[:len(raw)/blobEntry*blobEntry]
	t := &f.blobs
	t.raw = raw
	for i := range uint32(len(raw) / blobEntry) {
		e := t.header(i)
		if e.flags&resMetadata == 0 {
			t.order = append(t.order, i)
			continue
		}
		if len(f.metadata) == maxImages {
			f.problem("more than %d images", maxImages)
			continue
		}
		f.metadata = append(f.metadata, e)
		f.metaSums = append(f.metaSums, [sha1.Size]byte(t.sum(i)))
	}
	slices.SortFunc(t.order, func(a, b uint32) int { return cmp.Or(bytes.Compare(t.sum(a), t.sum(b)), cmp.Compare(a, b)) })
	return nil
}

func (t *blobTable) entry(i uint32) []byte { return t.raw[int(i)*blobEntry:][:blobEntry] }
func (t *blobTable) sum(i uint32) []byte   { return t.entry(i)[30:] }
func (t *blobTable) header(i uint32) resHeader {
	return readResHeader(le.New(t.entry(i), 0))
}

// find looks a content up.
func (t *blobTable) find(sum [sha1.Size]byte) (resHeader, bool) {
	k, ok := slices.BinarySearchFunc(t.order, sum[:], func(i uint32, sum []byte) int { return bytes.Compare(t.sum(i), sum) })
	if !ok {
		return resHeader{}, false
	}
	return t.header(t.order[k]), true
}

// content opens a blob; the hash that is zeros is the empty content.
func (f *File) content(sum [sha1.Size]byte) (winfs.Stream, error) {
	if sum == ([sha1.Size]byte{}) {
		return &stream{resource: resource{f: f}}, nil
	}
	h, ok := f.blobs.find(sum)
	if !ok {
		return nil, missing(sum)
	}
	s, err := f.resource(h)
	if err != nil {
		return nil, fmt.Errorf("content %x: %w", sum, err)
	}
	return &stream{resource: *s, sum: sum}, nil
}

// missing is the error of a content that the file does not hold.
func missing(sum [sha1.Size]byte) error {
	return fmt.Errorf("its content %x is not in this WIM file, which needs another one beside it (a delta WIM): %w", sum, winfs.ErrNotFound)
}

// hasher is a SHA-1 and how far it is.
type hasher struct {
	hash.Hash
	next int64
}

func newHasher() *hasher { return &hasher{Hash: sha1.New()} }

func (h *hasher) sum() (sum [sha1.Size]byte) {
	h.Sum(sum[:0])
	return sum
}

// Integrity reads the whole file and compares it with its integrity table. ok
// is false when the file has none. bad are the parts that differ, as ranges of
// the file.
func (f *File) Integrity(ctx context.Context) (bad []winfs.Extent, ok bool, err error) {
	h := f.integr
	if h.stored == 0 || h.off == 0 {
		return nil, false, nil
	}
	h.flags &^= resCompressed
	b, err := f.readAll(h, maxTable)
	if err != nil {
		return nil, true, fmt.Errorf("wim: integrity table: %w", err)
	}
	r := le.New(b, 0)
	size, count, chunk := r.Uint32(), r.Uint32(), int64(r.Uint32())
	end := int64(0) // of the blob table, where the hashed part ends
	head := make([]byte, 24)
	if _, err := f.r.ReadAt(head, 48); err != nil && err != io.EOF {
		return nil, true, fmt.Errorf("wim: header: %w", err)
	}
	if t := readResHeader(le.New(head, 0)); t.off <= f.size && t.stored <= f.size-t.off {
		end = t.off + t.stored
	}
	n := int64(0)
	if chunk > 0 && end > headerSize {
		n = (end - headerSize + chunk - 1) / chunk
	}
	if r.Err() != nil || int64(size) > int64(len(b)) || int64(size) < 12+sha1.Size*int64(count) || n != int64(count) || chunk > 1<<30 {
		return nil, true, &FormatError{"integrity table", h.off, fmt.Sprintf("%d hashes of %d bytes each for %d bytes", count, chunk, end-headerSize)}
	}
	buf := make([]byte, min(chunk, maxGather))
	for i := range n {
		if err := ctx.Err(); err != nil {
			return bad, true, err
		}
		part := winfs.Extent{Off: headerSize + i*chunk, Pos: headerSize + i*chunk}
		part.Len = min(chunk, end-part.Off)
		sum := sha1.New()
		_, err := io.CopyBuffer(sum, io.NewSectionReader(f.r, part.Off, part.Len), buf)
		if err != nil || !bytes.Equal(sum.Sum(nil), r.Bytes(sha1.Size)) {
			bad = append(bad, part)
			if err != nil {
				r.Skip(sha1.Size)
			}
		}
	}
	return bad, true, nil
}

var byteOrder = binary.LittleEndian

// maxZeros bounds the contents that are compared with zeros, 5 seconds of
// hashing.
const maxZeros = 8 << 30

// isZeros says whether a content of size bytes is nothing but zeros.
func (f *File) isZeros(sum [sha1.Size]byte, size int64) bool {
	if size == 0 || size > maxZeros {
		return false
	}
	f.zerosMu.Lock()
	defer f.zerosMu.Unlock()
	of, ok := f.zeros[size]
	if !ok {
		h, block := sha1.New(), make([]byte, 64<<10)
		for n := size; n > 0; n -= int64(len(block)) {
			h.Write(block[:min(n, int64(len(block)))])
		}
		of = [sha1.Size]byte(h.Sum(nil))
		if f.zeros == nil || len(f.zeros) > 10_000 {
			f.zeros = map[int64][sha1.Size]byte{}
		}
		f.zeros[size] = of
	}
	return of == sum
}
