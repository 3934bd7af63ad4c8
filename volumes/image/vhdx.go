package image

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// VHDX, the format of Hyper-V since 2012. Numbers are little endian.
// ([MS-VHDX].)
const (
	vhdxHeaderSize = 4 << 10
	vhdxTableSize  = 64 << 10 // of region tables and metadata tables
	vhdxMaxEntries = 2047
	vhdxMaxItem    = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc32c is the checksum of b with the four bytes at offset at taken as zero.
func crc32c(b []byte, at int) uint32 {
	sum := crc32.Update(0, castagnoli, b[:at])
	sum = crc32.Update(sum, castagnoli, make([]byte, 4))
	return crc32.Update(sum, castagnoli, b[at+4:])
}

const (
	vhdxBAT      = "2dc27766-f623-4200-9d64-115e9bfd4a08"
	vhdxMetadata = "8b7ca206-4790-4b9a-b8fe-575f050f886e"

	vhdxFileParameters = "caa16737-fa36-4d43-b3b6-33f0aa44e76b"
	vhdxVirtualSize    = "2fa54224-cd1b-4876-b211-5dbed83bf4b8"
	vhdxDiskID         = "beca12ab-b2e6-4523-93ef-c309e000c746"
	vhdxLogicalSector  = "8141bf1d-a96f-4709-ba47-f233a8faab5f"
	vhdxPhysicalSector = "cda348c7-445d-4471-9cc9-e9885251c556"
	vhdxParentLocator  = "a8d35f2d-b30b-454d-abf7-d3d84834ab0c"

	vhdxParentType = "b04aefb7-d19e-4a81-b789-25b8e9445913"
)

// States of a block in the table.
const (
	vhdxNotPresent = 0
	vhdxUndefined  = 1
	vhdxZero       = 2
	vhdxUnmapped   = 3
	vhdxUnmapped95 = 5 // the same in drafts of the format
	vhdxPresent    = 6
	vhdxPartly     = 7
)

// vhdx is the layout of a VHDX.
type vhdx struct {
	f         *file
	table     int64
	tableSize int64
	block     int64
	ratio     int64 // blocks to a block of bitmaps
	sector    int64
	differing bool
}

func openVHDX(o *opener, f *file) (*disk, error) {
	d := &disk{}
	header, err := vhdxHeader(f, d)
	if err != nil {
		return nil, err
	}
	if err := replayVHDX(f, d, header); err != nil {
		return nil, err
	}
	regions, err := vhdxRegions(f, d)
	if err != nil {
		return nil, err
	}
	items, err := vhdxItems(f, regions[vhdxMetadata])
	if err != nil {
		return nil, err
	}
	fixed := func(id string, n int) ([]byte, error) {
		b, ok := items[id]
		if !ok || len(b) < n {
			return nil, f.damaged("VHDX", regions[vhdxMetadata].off, "the metadata item {%s} is not there", id)
		}
		return b, nil
	}
	params, err := fixed(vhdxFileParameters, 8)
	if err != nil {
		return nil, err
	}
	size, err := fixed(vhdxVirtualSize, 8)
	if err != nil {
		return nil, err
	}
	sector, err := fixed(vhdxLogicalSector, 4)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	bat := regions[vhdxBAT]
	v := &vhdx{f: f, table: bat.off, tableSize: bat.size, block: int64(le.Uint32(params)), sector: int64(le.Uint32(sector))}
	flags := le.Uint32(params[4:])
	v.differing = flags&2 != 0
	if !isPowerOfTwo(v.block, 1<<20, 256<<20) {
		return nil, f.damaged("VHDX", -1, "blocks of %d bytes", v.block)
	}
	if v.sector != 512 && v.sector != 4096 {
		return nil, f.damaged("VHDX", -1, "sectors of %d bytes", v.sector)
	}
	if le.Uint64(size) > maxSize {
		return nil, f.damaged("VHDX", -1, "a disk of %d bytes; %d are the most", le.Uint64(size), int64(maxSize))
	}
	v.ratio = (v.sector << 23) / v.block
	d.size, d.sector, d.id = int64(le.Uint64(size)), int(v.sector), guid(header[32:48])
	if blocks := (d.size + v.block - 1) / v.block; blocks > 0 && (v.index(blocks-1)+1)*8 > v.tableSize {
		return nil, f.damaged("VHDX", bat.off, "a table of %d bytes, but the disk has %d blocks", v.tableSize, blocks)
	}
	d.layout = v
	switch {
	case v.differing:
		d.variant = "differencing"
		return d, o.vhdxParent(f, d, items[vhdxParentLocator])
	case flags&1 != 0:
		d.variant = "fixed"
	default:
		d.variant = "dynamic"
	}
	return d, nil
}

// vhdxHeader reads the two headers and gives the one that counts.
func vhdxHeader(f *file, d *disk) ([]byte, error) {
	var best []byte
	for _, off := range [...]int64{64 << 10, 128 << 10} {
		b, err := f.head("VHDX", off, vhdxHeaderSize)
		if err != nil {
			return nil, err
		}
		if !has(b, 0, "head") || crc32c(b, 4) != binary.LittleEndian.Uint32(b[4:]) {
			continue
		}
		if best == nil || binary.LittleEndian.Uint64(b[8:]) > binary.LittleEndian.Uint64(best[8:]) {
			best = b
		}
	}
	if best == nil {
		return nil, f.damaged("VHDX", 64<<10, "both headers are damaged")
	}
	if v := binary.LittleEndian.Uint16(best[66:]); v != 1 {
		return nil, &UnsupportedError{Path: f.name, Format: "VHDX", Feature: "of a version other than 1", Hint: convertHint(f.name)}
	}
	return best, nil
}

type region struct{ off, size int64 }

// vhdxRegions reads the table of regions; the second is a copy of the first.
func vhdxRegions(f *file, d *disk) (map[string]region, error) {
	le := binary.LittleEndian
	for _, off := range [...]int64{192 << 10, 256 << 10} {
		b, err := f.head("VHDX", off, vhdxTableSize)
		if err != nil {
			return nil, err
		}
		n := int(le.Uint32(b[8:]))
		if !has(b, 0, "regi") || crc32c(b, 4) != le.Uint32(b[4:]) || n < 0 || n > vhdxMaxEntries {
			d.problem("the region table at %#x is damaged", off)
			continue
		}
		regions := map[string]region{}
		for i := range n {
			e := b[16+32*i:]
			id, at, size, required := guid(e), le.Uint64(e[16:]), int64(le.Uint32(e[24:])), le.Uint32(e[28:])&1 != 0
			switch id {
			case vhdxBAT, vhdxMetadata:
			default:
				if required {
					return nil, &UnsupportedError{Path: f.name, Format: "VHDX", Feature: "with a region {" + id + "}", Hint: convertHint(f.name)}
				}
				continue
			}
			if at < 1<<20 || at > uint64(f.size) || size > f.size-int64(at) {
				return nil, f.damaged("VHDX", off+16+32*int64(i), "a region of %d bytes at %d; the file has %d and may be cut short", size, at, f.size)
			}
			regions[id] = region{int64(at), size}
		}
		for _, id := range [...]string{vhdxBAT, vhdxMetadata} {
			if _, ok := regions[id]; !ok {
				return nil, f.damaged("VHDX", off, "the region {%s} is not in the table", id)
			}
		}
		return regions, nil
	}
	return nil, f.damaged("VHDX", 192<<10, "both region tables are damaged")
}

// vhdxItems reads the metadata.
func vhdxItems(f *file, r region) (map[string][]byte, error) {
	if r.size < vhdxTableSize {
		return nil, f.damaged("VHDX", r.off, "a metadata region of %d bytes", r.size)
	}
	b, err := f.head("VHDX", r.off, vhdxTableSize)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	n := int(le.Uint16(b[10:]))
	if !has(b, 0, "metadata") || n > vhdxMaxEntries {
		return nil, f.damaged("VHDX", r.off, "no metadata table is here")
	}
	items := map[string][]byte{}
	for i := range n {
		e := b[32+32*i:]
		id, off, size, flags := guid(e), int64(le.Uint32(e[16:])), int64(le.Uint32(e[20:])), le.Uint32(e[24:])
		switch id {
		case vhdxFileParameters, vhdxVirtualSize, vhdxDiskID, vhdxLogicalSector, vhdxPhysicalSector, vhdxParentLocator:
		default:
			if flags&4 != 0 {
				return nil, &UnsupportedError{Path: f.name, Format: "VHDX", Feature: "with metadata {" + id + "}", Hint: convertHint(f.name)}
			}
			continue
		}
		if off < vhdxTableSize || size > vhdxMaxItem || off > r.size || size > r.size-off {
			return nil, f.damaged("VHDX", r.off+32+32*int64(i), "a metadata item of %d bytes at %d of its region", size, off)
		}
		if items[id] != nil {
			return nil, f.damaged("VHDX", r.off+32+32*int64(i), "the metadata item {%s} is there twice", id)
		}
		if items[id], err = f.head("VHDX", r.off+off, int(size)); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// vhdxParent opens the parent that a locator names.
func (o *opener) vhdxParent(f *file, d *disk, b []byte) error {
	le := binary.LittleEndian
	if len(b) < 20 {
		return f.damaged("VHDX", -1, "a differencing image without a parent locator")
	}
	if id := guid(b); id != vhdxParentType {
		return &UnsupportedError{Path: f.name, Format: "VHDX", Feature: "with a parent locator {" + id + "}", Hint: convertHint(f.name)}
	}
	text := func(off uint32, n uint16) string {
		if uint64(off)+uint64(n) > uint64(len(b)) {
			return ""
		}
		return trimNUL(wstr.FromUTF16LE(b[off : uint64(off)+uint64(n)]))
	}
	keys := map[string]string{}
	for i := range int(le.Uint16(b[18:])) {
		e := 20 + 12*i
		if e+12 > len(b) {
			return f.damaged("VHDX", -1, "a parent locator with more entries than it has room for")
		}
		keys[text(le.Uint32(b[e:]), le.Uint16(b[e+8:]))] = text(le.Uint32(b[e+4:]), le.Uint16(b[e+10:]))
	}
	id := func(key string) string { return strings.ToLower(strings.Trim(keys[key], "{}")) }
	linkage := id("parent_linkage")
	if linkage == "" {
		return f.damaged("VHDX", -1, "a parent locator without parent_linkage")
	}
	var also []string
	if second := id("parent_linkage2"); second != "" {
		also = append(also, second)
	}
	var err error
	d.parent, err = o.parent(f, "VHDX", "parent", "", linkage, []string{keys["relative_path"], keys["absolute_win32_path"], keys["volume_path"]}, also...)
	return err
}

// index is the place in the table of the entry of block i: the entry of a block
// of bitmaps follows every ratio others.
func (v *vhdx) index(i int64) int64 { return i + i/v.ratio }

func (v *vhdx) entry(index int64) (state uint64, off int64, err error) {
	if (index+1)*8 > v.tableSize {
		return 0, 0, v.f.damaged("VHDX", v.table, "entry %d is not in the table", index)
	}
	e, err := v.f.le64(v.table + index*8)
	if e>>63 != 0 {
		return 0, 0, v.f.damaged("VHDX", v.table+index*8, "a block at %#x", e)
	}
	return e & 7, int64(e &^ 0xFFFFF), err
}

func (v *vhdx) locate(off int64) (run, error) {
	i, in := off/v.block, off%v.block
	n := v.block - in
	state, at, err := v.entry(v.index(i))
	if err != nil {
		return run{}, err
	}
	switch state {
	case vhdxNotPresent:
		return run{kind: absent, n: n}, nil
	case vhdxUndefined, vhdxZero, vhdxUnmapped, vhdxUnmapped95:
		return run{kind: zeros, n: n}, nil
	case vhdxPresent:
	case vhdxPartly:
		if !v.differing {
			return run{}, v.f.damaged("VHDX", v.table+v.index(i)*8, "a block that is partly in a parent, but the image has none")
		}
		state, bitmap, err := v.entry(v.index(i/v.ratio*v.ratio+v.ratio-1) + 1)
		if err != nil {
			return run{}, err
		}
		if state != vhdxPresent {
			return run{}, v.f.damaged("VHDX", v.table, "the bitmap of the sectors of block %d is not there", i)
		}
		here, sectors, err := v.f.bitRun(bitmap, i%v.ratio*(v.block/v.sector)+in/v.sector, n/v.sector+1, false)
		if err != nil {
			return run{}, err
		}
		n = min(n, sectors*v.sector-in%v.sector)
		if !here {
			return run{kind: absent, n: n}, nil
		}
	default:
		return run{}, v.f.damaged("VHDX", v.table+v.index(i)*8, "block %d is in the unknown state %d", i, state)
	}
	if at < 1<<20 {
		return run{}, v.f.damaged("VHDX", v.table+v.index(i)*8, "block %d lies at %#x, in the headers", i, at)
	}
	return run{kind: stored, n: n, file: v.f, at: at + in}, nil
}

func (*vhdx) unpack([]byte, run) error { return errNotPacked }

// isZero says whether b is all zeros.
func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }
