package ntfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// The stream $Secure:$SDS holds each security descriptor of the volume once,
// as a row of entries aligned to 16 bytes:
//
//	 0  4  hash of the descriptor
//	 4  4  security id
//	 8  8  offset of the entry in the stream
//	16  4  length of the entry
//	20     the descriptor
//
// Blocks of 256 KiB alternate: one with entries, one with their copies.
const (
	sdsHeader = 20
	sdsBlock  = 256 << 10
	// maxSDs bounds the ids that are remembered. Large servers have tens of
	// thousands.
	maxSDs = 4 << 20
	// maxSDS bounds how much of $SDS is read: what it claims may be a hole
	// larger than any disk.
	maxSDS = 1 << 30
)

// secure finds descriptors in $SDS. It is read when the first is asked for.
type secure struct {
	once   sync.Once
	stream winfs.Stream
	ids    map[uint32]sdsPlace
	unread error // why a part of the stream is not in ids
	err    error
	// without is the number of files whose descriptor is in neither of the two
	// places where each is kept.
	without int
}

type sdsPlace struct {
	off int64
	n   uint32 // with the header
}

// hashSD is the hash of a descriptor: rotate left by three and add, for each
// dword.
func hashSD(b []byte) uint32 {
	var h uint32
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h, 3) + binary.LittleEndian.Uint32(b)
	}
	return h
}

var errSDS = errors.New("the hash of the descriptor does not fit")

// load reads the stream and notes where each id is.
func (s *secure) load(fs *FS) {
	e, ok := fs.child(fs.tree.root, "$Secure")
	if !ok {
		s.err = errors.New("$Secure is missing")
		return
	}
	s.stream, s.err = fs.Open(e, "$SDS")
	if s.err != nil {
		return
	}
	s.ids, s.unread = readSDS(s.stream)
	if s.without = fs.undescribed(s.ids); s.without > 0 {
		// Zeros end a block, whether Windows wrote them or a program that
		// copies failing disks.
		s.unread = scanSDS(s.ids, s.stream, true)
		s.without = fs.undescribed(s.ids)
	}
}

// undescribed counts the files whose descriptor has an id that is not in ids,
// and that have none of their own.
func (fs *FS) undescribed(ids map[uint32]sdsPlace) (n int) {
	last, known := uint32(0), true // neighbours often share one
	before := uint32(noParent)
	for e := range fs.x.links.n {
		i := fs.x.links.at(e).file
		if i == before {
			continue // a further name
		}
		before = i
		f := fs.x.files.at(i)
		if f.sec == 0 || f.flags&(flagOwnSD|flagSD|flagMadeUp) != 0 || fs.lost.has(i) {
			continue
		}
		if f.sec != last {
			last = f.sec
			_, known = ids[last]
		}
		if !known && !fs.isMetadata(e) {
			n++
		}
	}
	return n
}

// undescribedFiles is the number of files whose owner and permissions are lost.
// The first call reads $SDS.
func (fs *FS) undescribedFiles() int {
	s := &fs.secure
	s.once.Do(func() { s.load(fs) })
	if s.err != nil {
		return fs.undescribed(nil)
	}
	return s.without
}

// readSDS finds the entries of a stream. Where the entries of a block are broken
// off, its copy is tried. The error is of a part that cannot be read in either
// place.
func readSDS(s winfs.Stream) (ids map[uint32]sdsPlace, unread error) {
	ids = map[uint32]sdsPlace{}
	return ids, scanSDS(ids, s, false)
}

// scanSDS is readSDS; with copies all of them are read.
func scanSDS(ids map[uint32]sdsPlace, s winfs.Stream, copies bool) (unread error) {
	buf := make([]byte, min(sdsBlock, s.Size()))
	for base := int64(0); base < s.Size(); base += 2 * sdsBlock {
		if base >= maxSDS {
			if unread == nil {
				unread = fmt.Errorf("$Secure:$SDS claims %d bytes; only the first %d MiB are read", s.Size(), maxSDS>>20)
			}
			break
		}
		var failed error
		scan := func(at int64) bool {
			if at >= s.Size() {
				return false
			}
			b := buf[:min(int64(len(buf)), s.Size()-at)]
			n, err := s.ReadAt(b, at)
			whole := n == len(b)
			if !whole {
				failed = err
			}
			b = b[:n]
			for off := 0; off+sdsHeader <= len(b); {
				id := binary.LittleEndian.Uint32(b[off+4:])
				place := binary.LittleEndian.Uint64(b[off+8:])
				size := binary.LittleEndian.Uint32(b[off+16:])
				if id == 0 || size == 0 {
					return true // the end of the used part
				}
				if size < sdsHeader || size > maxDescriptor+sdsHeader || place != uint64(base)+uint64(off) || int64(size) > int64(len(b)-off) {
					return false
				}
				// The hash is looked at when the descriptor is asked for: a
				// wrong one is read from the copy then.
				if _, ok := ids[id]; !ok && len(ids) < maxSDs {
					ids[id] = sdsPlace{base + int64(off), size}
				}
				off += (int(size) + 15) &^ 15
			}
			return whole
		}
		whole := scan(base)
		if copies || !whole {
			whole = scan(base+sdsBlock) || whole
		}
		if !whole && unread == nil {
			unread = failed
		}
	}
	return unread
}

// read returns the descriptor with that id, nil when there is none.
func (s *secure) read(id uint32) ([]byte, error) {
	p, ok := s.ids[id]
	if !ok {
		return nil, s.unread
	}
	var first error
	for _, off := range []int64{p.off, p.off + sdsBlock} {
		b := make([]byte, p.n)
		_, err := s.stream.ReadAt(b, off)
		if err == nil || len(b) == 0 {
			switch {
			case binary.LittleEndian.Uint32(b[4:]) != id:
				err = errors.New("another id is there")
			case hashSD(b[sdsHeader:]) != binary.LittleEndian.Uint32(b):
				err = errSDS
			default:
				return b[sdsHeader:], nil
			}
		}
		if first == nil {
			first = fmt.Errorf("$Secure:$SDS, offset %#x: %w", off, err)
		}
	}
	return nil, first
}

// Security reads the security descriptor of e: that of its id in $Secure, or
// the one it has for itself.
func (fs *FS) Security(e winfs.Entry) ([]byte, error) {
	_, f, err := fs.file(e)
	if err != nil {
		return nil, err
	}
	var first error
	switch {
	case f.sec == 0:
	case f.flags&flagOwnSD != 0:
		return []byte(fs.x.sds[f.sec-1]), nil
	default:
		s := &fs.secure
		s.once.Do(func() { s.load(fs) })
		if s.err != nil {
			first = s.err
			break
		}
		b, err := s.read(f.sec)
		if b != nil {
			return b, nil
		}
		first = err
		if first == nil {
			first = fmt.Errorf("security id %d is not in $Secure", f.sec)
		}
	}
	if f.flags&flagSD != 0 {
		b, err := fs.attrOf(f, typeSecurityDescriptor, maxDescriptor)
		if err == nil {
			return b, nil
		}
		if first == nil {
			first = err
		}
	}
	if first != nil {
		return nil, fmt.Errorf("%s: %w", recordName(f.num), first)
	}
	return nil, nil
}

// SecurityID is the id in $Secure, or a larger number for files that do not
// use it.
func (fs *FS) SecurityID(e winfs.Entry) uint64 {
	_, f, err := fs.file(e)
	switch {
	case err != nil:
		return 0
	case f.flags&flagOwnSD != 0:
		return 1<<32 | uint64(f.sec)
	case f.sec != 0:
		return uint64(f.sec)
	case f.flags&flagSD != 0:
		return 1<<33 | uint64(f.num)
	}
	return 0
}
