// Package pe reads what a program or library says of itself: the machine it
// is for, and its version resource. It reads nothing else of the file and
// runs nothing.
//
// Source: Microsoft PE Format specification; VS_VERSIONINFO, VS_FIXEDFILEINFO,
// StringFileInfo and StringTable of the Win32 documentation.
package pe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Machines that a Windows can run on (IMAGE_FILE_MACHINE_…).
const (
	MachineI386  = 0x014C
	MachineARMNT = 0x01C4
	MachineIA64  = 0x0200
	MachineAMD64 = 0x8664
	MachineARM64 = 0xAA64
)

// ErrNotPE is wrapped when a file is no program of Windows, or is cut within
// its headers.
var ErrNotPE = errors.New("is no Windows program")

// ErrNoVersion is wrapped when a program has no version resource.
var ErrNoVersion = errors.New("has no version resource")

// A FormatError says where the version resource of a program is damaged.
type FormatError struct {
	Offset int64 // in the file
	What   string
}

func (e *FormatError) Error() string { return fmt.Sprintf("offset %#x: %s", e.Offset, e.What) }

// Limits of what is followed. The headers of a program lie in its first page
// or two; the loader itself takes at most 96 sections.
const (
	maxHeader   = 1 << 20 // where the PE header may begin
	maxSections = 96
	maxEntries  = 4096    // of one resource directory
	maxVersion  = 1 << 16 // bytes: the length of a version resource has 16 bits
)

var le = binary.LittleEndian

// image is a program whose headers are sound.
type image struct {
	r        io.ReaderAt
	machine  uint16
	optional []byte // the optional header
	sections []byte // 40 bytes each
}

// read fills b from off; what is not there is ErrNotPE.
func read(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it ends at %#x", ErrNotPE, off+int64(n))
	}
	return err
}

// coff reads the file header, which says where the others are.
func coff(r io.ReaderAt) (off int64, header [24]byte, err error) {
	var dos [64]byte
	if err := read(r, dos[:], 0); err != nil {
		return 0, header, err
	}
	if dos[0] != 'M' || dos[1] != 'Z' {
		return 0, header, ErrNotPE
	}
	off = int64(le.Uint32(dos[0x3C:])) // e_lfanew
	if off > maxHeader {
		return 0, header, fmt.Errorf("%w: its header is said to be at %#x", ErrNotPE, off)
	}
	if err := read(r, header[:], off); err != nil {
		return 0, header, err
	}
	if string(header[:4]) != "PE\x00\x00" {
		return 0, header, fmt.Errorf("%w: there is no PE header at %#x", ErrNotPE, off)
	}
	return off, header, nil
}

// Machine reads for which machine the program in r is: one of the constants
// above, or another number.
func Machine(r io.ReaderAt) (uint16, error) {
	_, header, err := coff(r)
	if err != nil {
		return 0, err
	}
	return le.Uint16(header[4:]), nil
}

func open(r io.ReaderAt) (*image, error) {
	off, header, err := coff(r)
	if err != nil {
		return nil, err
	}
	im := &image{r: r, machine: le.Uint16(header[4:])}
	n := int(le.Uint16(header[6:]))
	if n > maxSections {
		return nil, fmt.Errorf("%w: it is said to have %d sections", ErrNotPE, n)
	}
	im.optional = make([]byte, le.Uint16(header[20:]))
	if err := read(r, im.optional, off+24); err != nil {
		return nil, err
	}
	im.sections = make([]byte, 40*n)
	if err := read(r, im.sections, off+24+int64(len(im.optional))); err != nil {
		return nil, err
	}
	return im, nil
}

// resources gives the address of the resource directory; ok is false when
// there is none.
func (im *image) resources() (rva uint32, ok bool) {
	if len(im.optional) < 2 {
		return 0, false
	}
	at := 92 // NumberOfRvaAndSizes
	switch le.Uint16(im.optional) {
	case 0x10B: // PE32
	case 0x20B: // PE32+
		at = 108
	default:
		return 0, false
	}
	const resource = 2 // IMAGE_DIRECTORY_ENTRY_RESOURCE
	if len(im.optional) < at+4+8*(resource+1) || le.Uint32(im.optional[at:]) <= resource {
		return 0, false
	}
	rva = le.Uint32(im.optional[at+4+8*resource:])
	return rva, rva != 0
}

// offset turns an address of the loaded program into a place in the file.
func (im *image) offset(rva uint32) (int64, bool) {
	for s := im.sections; len(s) >= 40; s = s[40:] {
		va, size, raw := le.Uint32(s[12:]), le.Uint32(s[16:]), le.Uint32(s[20:])
		if rva >= va && rva-va < size {
			return int64(raw) + int64(rva-va), true
		}
	}
	return 0, false
}

// child finds an entry of the resource directory at off, which counts from
// base: the one with the number id, or the first when id is 0. It gives where
// that leads, and whether to another directory.
func (im *image) child(base, off int64, id uint32) (to int64, dir bool, err error) {
	var header [16]byte
	if err := read(im.r, header[:], base+off); err != nil {
		return 0, false, err
	}
	n := int64(le.Uint16(header[12:])) + int64(le.Uint16(header[14:])) // named ones first
	if n > maxEntries {
		return 0, false, &FormatError{base + off, fmt.Sprintf("a resource directory of %d entries", n)}
	}
	entries := make([]byte, 8*n)
	if err := read(im.r, entries, base+off+16); err != nil {
		return 0, false, err
	}
	for e := entries; len(e) > 0; e = e[8:] {
		if id == 0 || le.Uint32(e) == id {
			to := le.Uint32(e[4:])
			return int64(to &^ (1 << 31)), to>>31 != 0, nil
		}
	}
	return 0, false, ErrNoVersion
}

// Version reads the version resource of the program of size bytes in r: that
// of the first language it has. Errors wrap ErrNotPE or ErrNoVersion, are a
// *FormatError, or come from r.
func Version(r io.ReaderAt, size int64) (*FileVersion, error) {
	im, err := open(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, err
	}
	rva, ok := im.resources()
	if !ok {
		return nil, ErrNoVersion
	}
	base, ok := im.offset(rva)
	if !ok {
		return nil, &FormatError{0, fmt.Sprintf("the resources, at %#x when loaded, lie in no section", rva)}
	}
	// Three levels: kind of resource, name, language.
	var at int64
	const version = 16 // RT_VERSION
	for level, id := range [3]uint32{version, 0, 0} {
		to, dir, err := im.child(base, at, id)
		if err != nil {
			return nil, err
		}
		if dir != (level < 2) {
			return nil, &FormatError{base + at, "the resource directory has the wrong depth"}
		}
		at = to
	}
	var data [16]byte // IMAGE_RESOURCE_DATA_ENTRY
	if err := read(im.r, data[:], base+at); err != nil {
		return nil, err
	}
	off, ok := im.offset(le.Uint32(data[0:]))
	n := le.Uint32(data[4:])
	if !ok || n > maxVersion {
		return nil, &FormatError{base + at, fmt.Sprintf("a version resource of %d bytes at %#x when loaded", n, le.Uint32(data[0:]))}
	}
	b := make([]byte, n)
	if err := read(im.r, b, off); err != nil {
		return nil, err
	}
	v := parseVersion(b)
	if v == nil {
		return nil, &FormatError{off, "is no version resource"}
	}
	return v, nil
}
