package image

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
)

// EWF, the format of EnCase, in files .E01, .E02 …: chunks of the disk, each
// compressed or not and with a checksum, in sections. Numbers are little
// endian. (libyal: Expert Witness Compression Format.)
const (
	ewfSignature  = "EVF\x09\x0D\x0A\xFF\x00"
	ewfFileHeader = 13
	ewfSection    = 76
	ewfTable      = 24
	// Bounds of what an image can make us keep or repeat.
	ewfMaxSegments = 20_000
	ewfMaxSections = 1 << 20
	ewfMaxRanges   = 1 << 20
	ewfMaxEntries  = 1 << 24
	ewfPacked      = 1 << 31
)

// ewf is the layout of an E01 image.
type ewf struct {
	chunk  int64 // bytes
	size   int64
	tables []*ewfChunks
	known  int64 // chunks in the tables
	why    error // why there are no more
	cut    *Cut  // set when that is because a segment ends too early
	unread []Range
}

// ewfChunks is a table: where a row of chunks is in a segment.
type ewfChunks struct {
	f     *file
	first int64 // number of the first chunk
	count int64
	end   int64 // of the chunk data
	// Where the table and its copy are, 0 for none.
	at, copied int64

	once sync.Once
	// What the first look at the whole table gives.
	entries  int64 // offset of the entries that are used
	base     uint64
	overflow int64 // the first entry without a flag: offsets are past 2 GiB
	err      error
}

func openEWF2(_ *opener, f *file) (*disk, error) {
	return nil, &UnsupportedError{Path: f.name, Format: "Ex01", Hint: fmt.Sprintf("convert it with `ewfexport -f raw %s` of libewf 2014 or newer, or with the program that made it, and give the raw image", f.name)}
}

func isL01(_ *file, head []byte) bool {
	return has(head, 0, "LVF\x09\x0D\x0A\xFF\x00") || has(head, 0, "LEF2\x0D\x0A\x81\x00")
}

func openL01(_ *opener, f *file) (*disk, error) {
	return nil, &UnsupportedError{Path: f.name, Format: "L01", Hint: "it holds files and no disk: take them out with the program that made it, and give the folder"}
}

// ewfSegment is the path of segment n of the image whose first segment is at
// path: .E01 to .E99, .EAA to .EZZ, .FAA to .ZZZ. "" when there is none.
func ewfSegment(path string, n int) string {
	ext := filepath.Ext(path)
	if len(ext) != 4 {
		return ""
	}
	letter, a := ext[1], byte('A')
	if letter >= 'a' && letter <= 'z' {
		a = 'a'
	}
	base := path[:len(path)-3]
	if n < 100 {
		return fmt.Sprintf("%s%c%02d", base, letter, n)
	}
	n -= 100
	letter += byte(min(n/(26*26), 26))
	if letter > a+25 {
		return ""
	}
	return fmt.Sprintf("%s%c%c%c", base, letter, a+byte(n/26%26), a+byte(n%26))
}

func openEWF(o *opener, f *file) (*disk, error) {
	d := &disk{}
	e := &ewf{}
	segment := f
	for n := 1; ; n++ {
		done, err := o.ewfSegment(segment, n, d, e)
		if err != nil {
			return nil, err
		}
		if done || e.why != nil {
			break
		}
		path := ewfSegment(f.name, n+1)
		if path == "" || n >= ewfMaxSegments {
			return nil, f.damaged("E01", -1, "there is no name for segment %d", n+1)
		}
		segment, _, err = o.beside(f, filepath.Base(path))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &MissingError{Path: f.name, Format: "E01", Role: "segment", Name: filepath.Base(path), Put: path}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: its segment: %w", f.name, err)
		}
	}
	if e.chunk == 0 {
		if e.why != nil {
			return nil, e.why
		}
		return nil, f.damaged("E01", -1, "it does not say how large the disk is")
	}
	if need := (e.size + e.chunk - 1) / e.chunk; e.known < need {
		if e.why == nil {
			e.why = f.damaged("E01", -1, "the tables hold %d chunks, but the disk has %d", e.known, need)
		}
		d.cut = e.cut
		if e.known == 0 && e.cut != nil {
			return nil, f.damaged("E01", -1, "%s is cut short: it has %d bytes and needs %d at least; the table that says where the parts of the disk are stands behind them, so that nothing can be read", e.cut.Path, e.cut.Size, e.cut.Need)
		}
		d.problem("the bytes from %d on cannot be read: %v", e.known*e.chunk, e.why)
	} else if e.why != nil {
		d.problem("its end is damaged or not there, behind the last bytes of the disk: %v", e.why)
	}
	if e.unread = merged(e.unread); len(e.unread) > 0 {
		var n int64
		for _, r := range e.unread {
			n += r.Len
		}
		d.problem("%d bytes in %d ranges could not be read when the image was made", n, len(e.unread))
	}
	d.layout, d.size, d.unread = e, e.size, e.unread
	return d, nil
}

// merged gives ranges in order, without those that touch.
func merged(list []Range) []Range {
	slices.SortFunc(list, func(a, b Range) int { return cmp.Compare(a.Off, b.Off) })
	var out []Range
	for _, r := range list {
		if n := len(out); n > 0 && r.Off <= out[n-1].Off+out[n-1].Len {
			out[n-1].Len = max(out[n-1].Len, r.Off+r.Len-out[n-1].Off)
			continue
		}
		out = append(out, r)
	}
	return out
}

// ewfSegment reads the sections of one segment; done is set by the last one.
// What is wrong with a section is kept in e.why: the chunks in front of it can
// be read.
func (o *opener) ewfSegment(f *file, n int, d *disk, e *ewf) (done bool, err error) {
	h, err := f.head("E01", 0, ewfFileHeader)
	if err != nil {
		return false, err
	}
	number := int(binary.LittleEndian.Uint16(h[9:]))
	if !has(h, 0, ewfSignature) {
		return false, f.damaged("E01", 0, "segment %d does not begin like one", n)
	}
	if number != n {
		if n == 1 {
			first := ewfSegment(f.name, 1)
			return false, &UnsupportedError{Path: f.name, Format: "E01", Feature: fmt.Sprintf("of which only segment %d is given", number), Hint: "give the first segment: " + first}
		}
		return false, f.damaged("E01", 9, "segment %d stands where segment %d must be", number, n)
	}
	var table *ewfChunks // the last one
	var data int64       // end of the last section with chunks
	le := binary.LittleEndian
	for off, sections := int64(ewfFileHeader), 0; ; sections++ {
		s, err := f.head("E01", off, ewfSection)
		if off+ewfSection > f.size {
			e.cut = &Cut{f.name, f.size, off + ewfSection}
		}
		if err == nil && adler32.Checksum(s[:72]) != le.Uint32(s[72:]) {
			err = f.damaged("E01", off, "the description of a section is damaged")
		}
		if err == nil && sections > ewfMaxSections {
			err = f.damaged("E01", off, "more than %d sections", ewfMaxSections)
		}
		if err != nil {
			e.why = err
			return false, nil
		}
		kind, next, size := trimNUL(string(s[:16])), le.Uint64(s[16:]), le.Uint64(s[24:])
		body := off + ewfSection
		end := off + int64(min(size, uint64(f.size-off)))
		switch kind {
		case "volume", "disk":
			if e.chunk == 0 {
				err = e.volume(f, d, body, end-body)
			}
		case "sectors":
			data, table = end, nil
			// Some programs write 0 for sizes that 32 bits do not hold.
			if end <= body && next > uint64(body) {
				data = int64(min(next, uint64(f.size)))
			}
		case "table":
			table, err = e.table(f, body, end, data)
		case "table2":
			if table != nil && table.copied == 0 {
				table.copied = body
			} else if table == nil {
				table, err = e.table(f, body, end, data)
			}
		case "hash":
			if b := make([]byte, 16); f.readFull(b, body) == nil && len(d.hashes) == 0 {
				d.hashes = append(d.hashes, Hash{"MD5", b})
			}
		case "digest":
			if b := make([]byte, 36); f.readFull(b, body) == nil {
				d.hashes = nil
				for _, h := range [...]Hash{{"MD5", b[:16]}, {"SHA1", b[16:]}} {
					if !isZero(h.Sum) {
						d.hashes = append(d.hashes, h)
					}
				}
			}
		case "error2":
			err = e.errors(f, body, end-body)
		case "done":
			return true, nil
		case "next":
			return false, nil
		}
		if err == nil && (next <= uint64(off) || next > uint64(f.size)) {
			err = f.damaged("E01", off+16, "section %s is followed by one at %#x; the file has %#x bytes and may be cut short", kind, next, f.size)
			if next > uint64(f.size) && next < maxSize {
				e.cut = &Cut{f.name, f.size, int64(next) + ewfSection}
			}
		}
		if err != nil {
			if e.cut == nil && size > uint64(f.size-off) && size < maxSize {
				e.cut = &Cut{f.name, f.size, off + int64(size)}
			}
			e.why = err
			return false, nil
		}
		off = int64(next)
	}
}

// volume reads the size of the disk.
func (e *ewf) volume(f *file, d *disk, at, n int64) error {
	le := binary.LittleEndian
	n = min(n, 1052)
	if n < 94 {
		return f.damaged("E01", at, "the description of the disk has %d bytes", n)
	}
	b, err := f.head("E01", at, int(n))
	if err != nil {
		return err
	}
	sum := len(b) - 4
	if n != 1052 {
		b, sum = b[:94], 90 // of SMART
		d.variant = "SMART"
	}
	if adler32.Checksum(b[:sum]) != le.Uint32(b[sum:]) {
		return f.damaged("E01", at, "the description of the disk is damaged")
	}
	perChunk, sector, sectors := int64(le.Uint32(b[8:])), int64(le.Uint32(b[12:])), le.Uint64(b[16:])
	if n != 1052 {
		sectors = uint64(le.Uint32(b[16:]))
	}
	if !isPowerOfTwo(sector, 512, 1<<16) {
		return f.damaged("E01", at+12, "sectors of %d bytes", sector)
	}
	if perChunk < 1 || perChunk*sector > 16<<20 {
		return f.damaged("E01", at+8, "chunks of %d sectors", perChunk)
	}
	if sectors > uint64(maxSize/sector) {
		return f.damaged("E01", at+16, "a disk of %d sectors", sectors)
	}
	e.chunk, e.size = perChunk*sector, int64(sectors)*sector
	d.sector = int(sector)
	return nil
}

// table enters a table of chunks. What is in it is looked at when the first of
// its chunks is read.
func (e *ewf) table(f *file, at, end, data int64) (*ewfChunks, error) {
	b, err := f.head("E01", at, ewfTable)
	if err != nil {
		return nil, err
	}
	t := &ewfChunks{f: f, first: e.known, count: int64(binary.LittleEndian.Uint32(b)), at: at, end: data}
	if t.end == 0 {
		t.end = end // SMART keeps the chunks behind the table
	}
	if t.count > ewfMaxEntries || t.count*4 > f.size-at-ewfTable {
		return nil, f.damaged("E01", at, "a table of %d chunks", t.count)
	}
	if t.count > 0 {
		e.tables = append(e.tables, t)
		e.known += t.count
	}
	return t, nil
}

// errors reads the ranges that were not read.
func (e *ewf) errors(f *file, at, n int64) error {
	b, err := f.head("E01", at, 4)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	count := int64(le.Uint32(b))
	if count > ewfMaxRanges || count*8 > n-520 {
		return f.damaged("E01", at, "a list of %d ranges that could not be read", count)
	}
	if b, err = f.head("E01", at+520, int(count*8)); err != nil {
		return err
	}
	if e.chunk == 0 {
		return f.damaged("E01", at, "ranges that could not be read, in front of the size of the disk")
	}
	for ; len(b) > 0; b = b[8:] {
		// The unit is a sector; all are of 512 bytes where this was seen.
		r := Range{int64(le.Uint32(b)) * 512, int64(le.Uint32(b[4:])) * 512}
		if r.Off < e.size && r.Len > 0 {
			r.Len = min(r.Len, e.size-r.Off)
			e.unread = append(e.unread, r)
		}
	}
	return nil
}

// load looks at the whole table: which copy of it is good, and where its
// offsets pass what 31 bits hold.
func (t *ewfChunks) load() error {
	t.once.Do(func() {
		for _, at := range [...]int64{t.at, t.copied} {
			if at == 0 {
				continue
			}
			if err := t.check(at); err == nil {
				t.err = nil
				return
			} else if t.err == nil {
				t.err = err
			}
		}
	})
	return t.err
}

func (t *ewfChunks) check(at int64) error {
	le := binary.LittleEndian
	h, err := t.f.head("E01", at, ewfTable)
	if err != nil {
		return err
	}
	if int64(le.Uint32(h)) != t.count || adler32.Checksum(h[:20]) != le.Uint32(h[20:]) {
		return t.f.damaged("E01", at, "the head of a table of chunks is damaged")
	}
	sum := adler32.New()
	base, overflow := le.Uint64(h[8:]), t.count
	off := at + ewfTable
	var last int64 = -1
	for i := int64(0); i < t.count; {
		p, err := t.f.piece(off + i*4)
		if err != nil || len(p) < 4 {
			// Sections begin anywhere, so an entry may lie in two pieces.
			p = make([]byte, 4)
			if err := t.f.readFull(p, off+i*4); err != nil {
				return err
			}
		}
		p = p[:min(int64(len(p))/4, t.count-i)*4]
		sum.Write(p)
		for ; len(p) > 0; p, i = p[4:], i+1 {
			v := le.Uint32(p)
			if overflow == t.count && last >= 0 {
				// The chunk in front ends where this one begins. The first one
				// that ends past 2 GiB is the last one with a flag.
				if next := int64(v &^ ewfPacked); next < last && int64(v) > last {
					overflow = i
				}
			}
			last = int64(v &^ ewfPacked)
		}
	}
	// Older programs write no checksum behind the entries.
	var b [4]byte
	if t.f.readFull(b[:], off+t.count*4) == nil && sum.Sum32() != le.Uint32(b[:]) && t.copied != 0 {
		return t.f.damaged("E01", off, "the checksum of a table of chunks does not match")
	}
	t.entries, t.base, t.overflow = off, base, overflow
	return nil
}

// entry gives the place of chunk i of the table.
func (t *ewfChunks) entry(i int64) (off int64, packed bool, err error) {
	v, err := t.f.le32(t.entries + i*4)
	if err != nil {
		return 0, false, err
	}
	if i >= t.overflow {
		return int64(t.base) + int64(v), false, nil
	}
	return int64(t.base) + int64(v&^ewfPacked), v&ewfPacked != 0, nil
}

func (e *ewf) locate(off int64) (run, error) {
	limit := e.size
	if len(e.unread) > 0 {
		i := sort.Search(len(e.unread), func(i int) bool { return e.unread[i].Off+e.unread[i].Len > off })
		if i < len(e.unread) {
			r := e.unread[i]
			if r.Off <= off {
				return run{kind: unread, n: r.Off + r.Len - off}, nil
			}
			limit = r.Off
		}
	}
	chunk := off / e.chunk
	if chunk >= e.known {
		return run{}, e.why
	}
	t := e.tables[sort.Search(len(e.tables), func(i int) bool { return e.tables[i].first > chunk })-1]
	if err := t.load(); err != nil {
		return run{}, err
	}
	i := chunk - t.first
	at, isPacked, err := t.entry(i)
	if err != nil {
		return run{}, err
	}
	end := t.end
	if i+1 < t.count {
		if end, _, err = t.entry(i + 1); err != nil {
			return run{}, err
		}
	}
	start := chunk * e.chunk
	size := min(e.chunk, e.size-start)
	if at < 0 || end <= at || end > t.f.size || !isPacked && end-at < size+4 || isPacked && end-at > 2*e.chunk+64<<10 && i+1 < t.count {
		return run{}, t.f.damaged("E01", t.entries+i*4, "chunk %d is said to be at %#x to %#x of %#x bytes", chunk, at, end, t.f.size)
	}
	r := run{kind: packed, n: min(start+size, limit) - off, file: t.f, at: at, unit: start, size: int(size), by: e}
	if isPacked {
		r.tag, r.len = 1, int(min(end-at, 2*e.chunk+64<<10))
	} else {
		r.len = int(min(end-at, e.chunk+4))
	}
	return r, nil
}

// unpack verifies the checksum of the chunk, which zlib data have in them.
func (e *ewf) unpack(dst []byte, r run) error {
	return withPacked(r, func(src []byte) error {
		if r.tag == 1 {
			return inflateZlib(dst, src, int(e.chunk)) // the last one may be whole
		}
		n := len(src) - 4
		if adler32.Checksum(src[:n]) != binary.LittleEndian.Uint32(src[n:]) {
			return errChecksum
		}
		copy(dst, src[:n])
		return nil
	})
}

// convertHint says how to make a raw image of one that is not read.
func convertHint(path string) string {
	return fmt.Sprintf("convert it with `qemu-img convert -O raw %s disk.img` and give disk.img", strings.ReplaceAll(path, "`", ""))
}
