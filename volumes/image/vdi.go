package image

import (
	"encoding/binary"
	"fmt"
)

// VDI, the format of VirtualBox. Numbers are little endian. (QEMU:
// block/vdi.c; libyal: VirtualBox disk image format.)
const (
	vdiSignature = "\x7F\x10\xDA\xBE"
	vdiHeader    = 512
	vdiFree      = 0xFFFFFFFF // nothing is stored
	vdiZero      = 0xFFFFFFFE // zeros
)

func isVDI(_ *file, head []byte) bool { return has(head, 64, vdiSignature) && has(head, 0, "<<< ") }

// vdi is the layout of a VDI: a table of blocks.
type vdi struct {
	f                   *file
	table, data         int64
	block, extra, count int64
}

func openVDI(_ *opener, f *file) (*disk, error) {
	h, err := f.head("VDI", 0, vdiHeader)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	u32 := func(off int) int64 { return int64(le.Uint32(h[off:])) }
	if v := u32(68); v>>16 != 1 {
		return nil, &UnsupportedError{Path: f.name, Format: "VDI", Feature: fmt.Sprintf("of version %d", v>>16), Hint: convertHint(f.name)}
	}
	d := &disk{sector: 512}
	switch kind := u32(76); kind {
	case 1:
		d.variant = "dynamic"
	case 2:
		d.variant = "fixed"
	default:
		// The name of the parent is in the files of VirtualBox, not here.
		return nil, &UnsupportedError{Path: f.name, Format: "VDI", Feature: "that holds the changes of another one ({" + guid(h[440:456]) + "})", Hint: fmt.Sprintf("make one whole image with `VBoxManage clonemedium %s disk.vdi` and give it", f.name)}
	}
	v := &vdi{f: f, table: u32(340), data: u32(344), block: u32(376), extra: u32(380), count: u32(384)}
	if !isPowerOfTwo(v.block, 4096, 256<<20) || v.extra > v.block {
		return nil, f.damaged("VDI", 376, "blocks of %d bytes with %d more", v.block, v.extra)
	}
	size := le.Uint64(h[368:])
	if size > maxSize || (int64(size)+v.block-1)/v.block > v.count {
		return nil, f.damaged("VDI", 368, "a disk of %d bytes in %d blocks of %d", size, v.count, v.block)
	}
	if v.table > f.size || v.count*4 > f.size-v.table {
		return nil, f.damaged("VDI", 340, "a table of %d blocks at %d, past the end of the file (%d bytes), which may be cut short", v.count, v.table, f.size)
	}
	d.layout, d.size = v, int64(size)
	return d, nil
}

func (v *vdi) locate(off int64) (run, error) {
	in := off % v.block
	e, err := v.f.le32(v.table + off/v.block*4)
	if err != nil {
		return run{}, err
	}
	if e == vdiFree || e == vdiZero {
		return run{kind: zeros, n: v.block - in}, nil
	}
	return run{kind: stored, n: v.block - in, file: v.f, at: v.data + int64(e)*(v.block+v.extra) + v.extra + in}, nil
}

func (*vdi) unpack([]byte, run) error { return errNotPacked }
