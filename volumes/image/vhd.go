package image

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// VHD, the format of Virtual PC and of Hyper-V before 2012. Numbers are big
// endian. A footer of 512 bytes stands at the end of the file, its copy at the
// start of one that is not fixed. (Virtual Hard Disk Image Format
// Specification 1.0.)
const (
	vhdFooterSize = 512
	vhdHeaderSize = 1024
	vhdFixed      = 2
	vhdDynamic    = 3
	vhdDiffering  = 4
	vhdUnused     = 0xFFFFFFFF // in the block table
)

// isVHD finds the footer. Virtual PC 2004 wrote one of 511 bytes.
func isVHD(f *file, head []byte) bool {
	return has(head, 0, "conectix\x00\x00\x00") || vhdFooter(f) != nil
}

// vhdFooter is the footer at the end of f with its place, nil for none.
func vhdFooter(f *file) *vhdFoot {
	for _, n := range [...]int64{vhdFooterSize, vhdFooterSize - 1} {
		b := make([]byte, vhdFooterSize)
		if f.size >= n && f.readFull(b[:n], f.size-n) == nil && has(b, 0, "conectix\x00\x00\x00") {
			return &vhdFoot{b, f.size - n}
		}
	}
	return nil
}

type vhdFoot struct {
	b  []byte
	at int64
}

func (v *vhdFoot) next() uint64 { return binary.BigEndian.Uint64(v.b[16:]) } // of the dynamic header
func (v *vhdFoot) size() uint64 { return binary.BigEndian.Uint64(v.b[48:]) }
func (v *vhdFoot) kind() uint32 { return binary.BigEndian.Uint32(v.b[60:]) }
func (v *vhdFoot) sum() uint32  { return binary.BigEndian.Uint32(v.b[64:]) }
func (v *vhdFoot) uuid() string { return vhdUUID(v.b[68:84]) }
func (v *vhdFoot) saved() bool  { return v.b[84] != 0 }

// vhdUUID is the text of a UUID that is stored in the order of its text.
func vhdUUID(b []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// vhdSum is the checksum of a structure that has it at offset at.
func vhdSum(b []byte, at int) uint32 {
	var sum uint32
	for i, c := range b {
		if i < at || i >= at+4 {
			sum += uint32(c)
		}
	}
	return ^sum
}

func openVHD(o *opener, f *file) (*disk, error) {
	d := &disk{}
	foot := vhdFooter(f)
	if foot == nil || vhdSum(foot.b, 64) != foot.sum() {
		copied := &vhdFoot{b: make([]byte, vhdFooterSize)}
		if f.size >= vhdFooterSize && f.readFull(copied.b, 0) == nil && has(copied.b, 0, "conectix\x00\x00\x00") {
			if foot == nil {
				d.problem("the footer at the end is not there: the end of the file is lost; the copy of the footer at the start is used")
			} else {
				d.problem("the footer at the end is damaged; its copy at the start is used")
			}
			foot = copied
		}
	}
	if foot == nil {
		return nil, f.damaged("VHD", -1, "it has no footer")
	}
	if vhdSum(foot.b, 64) != foot.sum() {
		d.problem("the checksum of the footer does not match")
	}
	if foot.saved() {
		d.problem("the virtual machine was suspended: what it had not yet written is in its memory file")
	}
	if foot.size() > maxSize {
		return nil, f.damaged("VHD", foot.at+48, "a disk of %d bytes; %d are the most", foot.size(), int64(maxSize))
	}
	d.id, d.size = foot.uuid(), int64(foot.size())
	switch kind := foot.kind(); kind {
	case vhdFixed:
		d.variant, d.layout = "fixed", flat{f}
		if foot.at == 0 {
			return nil, f.damaged("VHD", 0, "a fixed image with its footer at the start only: it was cut short")
		}
		switch {
		case d.size == 0:
			d.size = foot.at
		case d.size > foot.at:
			d.problem("the disk has %d bytes, but only %d are in the file; the others are lost", d.size, foot.at)
			d.size = foot.at
		}
		return d, nil
	case vhdDynamic, vhdDiffering:
		return o.vhdBlocks(f, d, foot)
	default:
		return nil, f.damaged("VHD", foot.at+60, "a disk of type %d", kind)
	}
}

// vhd is the layout of a dynamic or differencing image: a table of blocks, each
// with a bitmap of its sectors in front.
type vhd struct {
	f         *file
	table     int64
	block     int64
	bitmap    int64 // bytes in front of each block
	differing bool
}

func (o *opener) vhdBlocks(f *file, d *disk, foot *vhdFoot) (*disk, error) {
	if foot.next() > uint64(f.size) {
		return nil, f.damaged("VHD", foot.at+16, "a header at %d, past the end of the file", foot.next())
	}
	at := int64(foot.next())
	h, err := f.head("VHD", at, vhdHeaderSize)
	if err != nil {
		return nil, err
	}
	be := binary.BigEndian
	if !has(h, 0, "cxsparse") {
		return nil, f.damaged("VHD", at, "no header is here")
	}
	if vhdSum(h, 36) != be.Uint32(h[36:]) {
		d.problem("the checksum of the header does not match")
	}
	table, entries, block := be.Uint64(h[16:]), int64(be.Uint32(h[28:])), int64(be.Uint32(h[32:]))
	if !isPowerOfTwo(block, 4096, 256<<20) {
		return nil, f.damaged("VHD", at+32, "blocks of %d bytes", block)
	}
	if need := (d.size + block - 1) / block; entries < need {
		return nil, f.damaged("VHD", at+28, "a table of %d blocks, but the disk has %d", entries, need)
	}
	if table > uint64(f.size) || entries*4 > f.size-int64(table) {
		return nil, f.damaged("VHD", at+16, "a table of %d blocks at %d, past the end of the file (%d bytes), which may be cut short", entries, table, f.size)
	}
	v := &vhd{f: f, table: int64(table), block: block, differing: foot.kind() == vhdDiffering}
	v.bitmap = (block/512/8 + 511) &^ 511
	d.layout, d.variant = v, "dynamic"
	if v.differing {
		d.variant = "differencing"
		d.parent, err = o.parent(f, "VHD", "parent", "", vhdUUID(h[40:56]), vhdParentNames(f, h))
	}
	return d, err
}

// vhdParentNames are the names under which a header knows the parent.
func vhdParentNames(f *file, h []byte) []string {
	var relative, absolute []string
	for i := range 8 {
		e := h[576+24*i:]
		code, length, off := string(e[:4]), binary.BigEndian.Uint32(e[8:]), binary.BigEndian.Uint64(e[16:])
		if length == 0 || length > 64<<10 || off > uint64(f.size) {
			continue
		}
		b := make([]byte, length)
		if f.readFull(b, int64(off)) != nil {
			continue
		}
		switch code {
		case "W2ru":
			relative = append(relative, trimNUL(wstr.FromUTF16LE(b)))
		case "W2ku":
			absolute = append(absolute, trimNUL(wstr.FromUTF16LE(b)))
		case "MacX":
			absolute = append(absolute, trimNUL(string(b)))
		}
	}
	name := make([]uint16, 256)
	for i := range name {
		name[i] = binary.BigEndian.Uint16(h[64+2*i:])
	}
	return append(append(relative, absolute...), trimNUL(wstr.FromUTF16(name)))
}

// trimNUL cuts a string at its first NUL.
func trimNUL(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

func (v *vhd) locate(off int64) (run, error) {
	in := off % v.block
	e, err := v.f.be32(v.table + off/v.block*4)
	if err != nil {
		return run{}, err
	}
	n := v.block - in
	if e == vhdUnused {
		return run{kind: absent, n: n}, nil
	}
	at := int64(e) * 512
	if v.differing {
		// The sectors of a block that are here; the parent has the others.
		here, sectors, err := v.f.bitRun(at, in/512, n/512+1, true)
		if err != nil {
			return run{}, err
		}
		n = min(n, sectors*512-in%512)
		if !here {
			return run{kind: absent, n: n}, nil
		}
	}
	return run{kind: stored, n: n, file: v.f, at: at + v.bitmap + in}, nil
}

func (*vhd) unpack([]byte, run) error { return errNotPacked }
