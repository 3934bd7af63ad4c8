package testimages

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/testimages/hivegen"
)

// Machines of program files ([Microsoft PE format] "Machine Types").
const (
	machineI386  = 0x014C
	machineAMD64 = 0x8664
	machineARM64 = 0xAA64
)

// Program returns a small program file: valid headers for a machine, and a
// version resource when version is not "". version is like "10.0.19041.3636".
func Program(machine uint16, version string) []byte {
	const (
		text, rsrc     = 0x200, 0x400 // places in the file
		textAt, rsrcAt = 0x1000, 0x2000
		directories    = 16
	)
	var resource []byte
	if version != "" {
		resource = versionResource(rsrcAt, version)
	}
	wide := machine != machineI386
	optional := 96 + 8*directories
	if wide {
		optional = 112 + 8*directories
	}
	b := make([]byte, (rsrc+len(resource)+511)&^511)
	copy(b, "MZ")
	le.PutUint32(b[0x3C:], 0x80)
	h := b[0x80:]
	copy(h, "PE\x00\x00")
	le.PutUint16(h[4:], machine)
	le.PutUint16(h[6:], 2) // sections
	le.PutUint16(h[20:], uint16(optional))
	le.PutUint16(h[22:], 0x22) // executable, large addresses
	o := h[24:]
	le.PutUint16(o, 0x10B)
	if wide {
		le.PutUint16(o, 0x20B)
		le.PutUint64(o[24:], 0x140000000)
	} else {
		le.PutUint16(h[22:], 0x102) // executable, 32 bits
		le.PutUint32(o[28:], 0x400000)
	}
	le.PutUint32(o[4:], 512)
	le.PutUint32(o[16:], textAt) // entry point
	le.PutUint32(o[20:], textAt)
	le.PutUint32(o[32:], 0x1000) // alignment in memory
	le.PutUint32(o[36:], 512)    // and in the file
	le.PutUint16(o[40:], 10)
	le.PutUint16(o[48:], 10)
	le.PutUint32(o[56:], 0x3000)
	le.PutUint32(o[60:], text)
	le.PutUint16(o[68:], 1) // native
	dirs := o[optional-8*directories:]
	le.PutUint32(o[optional-8*directories-4:], directories)
	if resource != nil {
		le.PutUint32(dirs[16:], rsrcAt)
		le.PutUint32(dirs[20:], uint32(len(resource)))
	}
	section := func(s []byte, name string, size, at, file int, flags uint32) {
		copy(s, name)
		le.PutUint32(s[8:], uint32(size))
		le.PutUint32(s[12:], uint32(at))
		le.PutUint32(s[16:], uint32((size+511)&^511))
		le.PutUint32(s[20:], uint32(file))
		le.PutUint32(s[36:], flags)
	}
	section(o[optional:], ".text", 1, textAt, text, 0x60000020)
	section(o[optional+40:], ".rsrc", len(resource), rsrcAt, rsrc, 0x40000040)
	b[text] = 0xC3 // ret
	copy(b[rsrc:], resource)
	return b
}

// versionResource returns a resource section that is loaded at base and holds
// a version resource in US English.
func versionResource(base int, version string) []byte {
	var n [4]uint16
	for i, s := range strings.SplitN(version, ".", 4) {
		v, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			panic(fmt.Sprintf("testimages: %q is no version", version))
		}
		n[i] = uint16(v)
	}
	fixed := make([]byte, 52)
	le.PutUint32(fixed, 0xFEEF04BD)
	le.PutUint32(fixed[4:], 0x10000)
	for _, at := range []int{8, 16} { // of the file and of the product
		le.PutUint16(fixed[at:], n[1])
		le.PutUint16(fixed[at+2:], n[0])
		le.PutUint16(fixed[at+4:], n[3])
		le.PutUint16(fixed[at+6:], n[2])
	}
	str := func(name, value string) []byte { return versionBlock(name, true, hivegen.UTF16Z(value)) }
	info := versionBlock("VS_VERSION_INFO", false, fixed,
		versionBlock("StringFileInfo", true, nil, versionBlock("040904B0", true, nil,
			str("CompanyName", "Microsoft Corporation"), str("FileVersion", version), str("ProductVersion", version))),
		versionBlock("VarFileInfo", true, nil, versionBlock("Translation", false, []byte{9, 4, 0xB0, 4})))

	// Three directories of one entry each: type 16, name 1, language 0x409.
	b := make([]byte, 3*24+16)
	for i, id := range []uint32{16, 1, 0x409} {
		d := b[24*i:]
		le.PutUint16(d[14:], 1)
		le.PutUint32(d[16:], id)
		next := uint32(24 * (i + 1))
		if i < 2 {
			next |= 1 << 31
		}
		le.PutUint32(d[20:], next)
	}
	le.PutUint32(b[72:], uint32(base+len(b)))
	le.PutUint32(b[76:], uint32(len(info)))
	return append(b, info...)
}

// versionBlock returns a block of a version resource (VS_VERSIONINFO).
func versionBlock(name string, text bool, value []byte, children ...[]byte) []byte {
	b := make([]byte, 6)
	b = append(b, hivegen.UTF16Z(name)...)
	pad := func() {
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	pad()
	b = append(b, value...)
	for _, c := range children {
		pad()
		b = append(b, c...)
	}
	le.PutUint16(b, uint16(len(b)))
	n := len(value)
	if text {
		n /= 2
		le.PutUint16(b[4:], 1)
	}
	le.PutUint16(b[2:], uint16(n))
	return b
}
