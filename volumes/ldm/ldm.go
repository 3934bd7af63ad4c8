// Package ldm reads the database of Windows' dynamic disks (Logical Disk
// Manager) and puts the volumes together that lie on them. It opens no file
// system, and does not know which partitions of a disk are dynamic.
//
// Dynamic disks come in groups. Each disk of a group has a private region of
// 1 MiB, at the end of an MBR disk or in a partition of its own on a GPT disk,
// with a copy of the one database that describes all volumes of the group:
//
//	PRIVHEAD   who the disk is, where its regions are: three copies
//	TOCBLOCK   where in the private region the database is: two copies, and two older ones
//	VMDB       head of the database
//	VBLK       its records, in blocks of 128 bytes
//	KLOG       journal; the changes themselves are in the records
//
// Disk groups, disks, volumes, components (the mirrors of a volume) and
// partitions (pieces of a disk) are records that name each other. All numbers
// are big-endian.
//
// Reading is Disk by Disk (ReadDisk), then all disks at once (Assemble): a
// disk that is not there is known from the database of another one.
//
// Sources: the LDM Documentation of the Linux-NTFS project, and the disks of
// Windows Server 2003 R2 and 2008 R2 that libldm is tested with.
package ldm

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrNoDatabase: the disk has no private header, it is not dynamic or what
// says so is lost.
var ErrNoDatabase = errors.New("no database of a dynamic disk was found")

// Limits of a private region. Windows makes 1 MiB and blocks of 128 bytes.
const (
	maxPrivate  = 16 << 20
	minBlock    = 64
	maxBlock    = 4096
	maxProblems = 32
	// maxBytes bounds every place and length, so that sums of a few do not wrap.
	maxBytes = 1 << 60
	// block is the unit of the records, also on disks with larger sectors.
	block = 512
)

// GUID is a GUID in the order of its text, as the records keep it.
type GUID [16]byte

// String writes the GUID in lower case without braces.
func (g GUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:])
}

// Mixed is the GUID in the byte order of Windows' memory, of a GPT and of
// the registry: the first three groups are little-endian.
func (g GUID) Mixed() [16]byte {
	return [16]byte{g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]}
}

// parseGUID reads the text form, which zeros may follow.
func parseGUID(b []byte) (g GUID, ok bool) {
	s, _, _ := bytes.Cut(b, []byte{0})
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return g, false
	}
	n, err := hex.Decode(g[:], bytes.ReplaceAll(s, []byte("-"), nil))
	return g, err == nil && n == 16
}

// Disk is one dynamic disk.
type Disk struct {
	// Name is that in the group, "Disk1"; Assemble sets it. It stays "" when
	// the group does not have the disk, or no database can be read.
	Name      string
	GUID      GUID
	Group     GUID   // of the disk group
	GroupName string // "PC-Dg0"
	// Problems is what of its private region is damaged or older.
	Problems []string

	r      io.ReaderAt
	size   int64
	public region
	db     *database // nil when it cannot be read
	dbErr  error     // why
}

// region is a part of a disk in bytes.
type region struct{ off, size int64 }

// String names the disk: "Disk1 {…}", or "{…}".
func (d *Disk) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s {%s}", d.Name, d.GUID))
}

func (d *Disk) problem(format string, args ...any) {
	if len(d.Problems) < maxProblems {
		d.Problems = append(d.Problems, fmt.Sprintf(format, args...))
	}
}

// ReadDisk reads the private header and the database of a disk of size bytes.
// off and length are the place of the LDM metadata partition of a GPT disk;
// length is 0 for an MBR disk, where the header is in sector 6 and the private
// region at the end. The error is ErrNoDatabase when there is no header. A
// disk whose database cannot be read is a Disk all the same: another disk of
// its group has the same database.
func ReadDisk(r io.ReaderAt, size, off, length int64) (*Disk, error) {
	d := &Disk{r: r, size: size}
	var heads []privhead
	look := func(b []byte, at int64, where string) {
		h, err := parsePrivhead(b)
		switch {
		case errors.Is(err, errSignature):
			return
		case err != nil:
			d.problem("the private header in %s (byte %d): %v", where, at, err)
			return
		}
		heads = append(heads, h)
	}
	if length == 0 {
		for _, at := range []int64{6 * 512, 6 * 4096} {
			if b, err := readRange(r, size, at, 512); err == nil {
				look(b, at, "sector 6")
			}
		}
		length = min(size, 1<<20)
		off = size - length
	}
	length = min(length, maxPrivate)
	area, lost := readArea(r, size, off, length)
	for at := 0; at+512 <= len(area); at += 512 {
		look(area[at:at+512], off+int64(at), "the private region")
	}
	if len(heads) == 0 {
		if len(d.Problems) > 0 {
			return nil, fmt.Errorf("%w: %s", ErrNoDatabase, strings.Join(d.Problems, "; "))
		}
		if lost > 0 {
			return nil, fmt.Errorf("%w: %d bytes of the place where it is cannot be read", ErrNoDatabase, lost)
		}
		return nil, ErrNoDatabase
	}
	// The first whole copy says who the disk is: others may be left from what
	// the disk was before.
	best := heads[max(0, slices.IndexFunc(heads, func(h privhead) bool { return h.sumOK }))]
	for _, h := range heads {
		if h.sumOK && best.sumOK && h.disk == best.disk && h.group == best.group && h.sequence > best.sequence {
			best = h
		}
	}
	if !best.sumOK {
		d.problem("no copy of the private header has the right checksum; the best one is used")
	}
	d.GUID, d.Group, d.GroupName, d.public = best.disk, best.group, best.groupName, best.public
	d.db, d.dbErr = d.readDatabase(best)
	return d, nil
}

// readRange reads n bytes at off, all of them.
func readRange(r io.ReaderAt, size, off int64, n int) ([]byte, error) {
	if off < 0 || off > size || int64(n) > size-off {
		return nil, fmt.Errorf("byte %d: %w", off, io.ErrUnexpectedEOF)
	}
	b := make([]byte, n)
	if k, err := r.ReadAt(b, off); k < n {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("byte %d: %w", off+int64(k), err)
	}
	return b, nil
}

// readArea reads up to length bytes at off; what the medium does not give is
// zero, and counted.
func readArea(r io.ReaderAt, size, off, length int64) (b []byte, lost int64) {
	if off < 0 || off >= size {
		return nil, length
	}
	b = make([]byte, min(length, size-off))
	lost = length - int64(len(b))
	if n, _ := r.ReadAt(b, off); n == len(b) {
		return b, lost
	}
	const piece = 4096
	for at := 0; at < len(b); at += piece {
		p := b[at:min(at+piece, len(b))]
		if n, _ := r.ReadAt(p, off+int64(at)); n < len(p) {
			clear(p[n:])
			lost += int64(len(p) - n)
		}
	}
	return b, lost
}

var errSignature = errors.New("no signature")

// privhead is a private header (LDM Documentation, "PRIVHEAD").
type privhead struct {
	sumOK           bool
	sequence        uint64 // the TOCBLOCK in force has the same
	disk, group     GUID
	groupName       string
	sector          int64
	public, private region
	toc             [2]uint64 // sectors of the private region
}

func parsePrivhead(b []byte) (h privhead, err error) {
	c := cursor{b: b}
	if string(c.bytes(8)) != "PRIVHEAD" {
		return h, errSignature
	}
	h.sumOK = c.uint32() == byteSum(b, 8)
	if major := c.uint16(); major != 2 {
		return h, fmt.Errorf("version %d, and only 2 is known", major)
	}
	c.skip(2 + 8) // minor version: 11 of Windows 2000 to 2003, 12 of later ones; time
	h.sequence = c.uint64()
	c.skip(16) // where the copies are
	disk := c.bytes(64)
	c.skip(64) // host
	group := c.bytes(64)
	h.groupName = text(c.bytes(31))
	h.sector = int64(c.uint32())
	c.skip(8) // flags, slices
	publicStart, publicSize := c.uint64(), c.uint64()
	privateStart, privateSize := c.uint64(), c.uint64()
	h.toc = [2]uint64{c.uint64(), c.uint64()}
	if c.bad {
		return h, errors.New("it ends early")
	}
	var okDisk, okGroup bool
	h.disk, okDisk = parseGUID(disk)
	h.group, okGroup = parseGUID(group)
	if !okDisk || !okGroup {
		return h, errors.New("it names no disk or no disk group")
	}
	switch h.sector {
	case 512, 1024, 2048, 4096:
	default:
		return h, fmt.Errorf("sectors of %d bytes", h.sector)
	}
	if h.public, err = makeRegion(publicStart, publicSize, h.sector); err != nil {
		return h, fmt.Errorf("the public region %w", err)
	}
	if h.private, err = makeRegion(privateStart, privateSize, h.sector); err != nil {
		return h, fmt.Errorf("the private region %w", err)
	}
	if h.private.size > maxPrivate {
		return h, fmt.Errorf("the private region has %d bytes, at most %d are known", h.private.size, maxPrivate)
	}
	return h, nil
}

// makeRegion turns sectors into bytes.
func makeRegion(start, size uint64, sector int64) (region, error) {
	limit := uint64(maxBytes / sector)
	if size == 0 || start > limit || size > limit {
		return region{}, fmt.Errorf("of %d sectors at %d is none", size, start)
	}
	return region{int64(start) * sector, int64(size) * sector}, nil
}

// byteSum is the checksum of headers: the sum of all bytes but those of the
// checksum itself, which stands at offset at.
func byteSum(b []byte, at int) uint32 {
	var sum uint32
	for i, c := range b {
		if i < at || i >= at+4 {
			sum += uint32(c)
		}
	}
	return sum
}

// text is a string that zeros may follow, with what is not printable ASCII
// as question marks.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, string(b))
}

// cursor reads big-endian fields and cannot leave its bytes. After its first
// failure it gives zeros.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) bytes(n int) []byte {
	if c.bad || n < 0 || n > len(c.b) {
		c.bad = true
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) skip(n int) { c.bytes(n) }

func (c *cursor) uint8() uint8 {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// number reads a number behind its length in bytes.
func (c *cursor) number() uint64 {
	n := int(c.uint8())
	if n > 8 {
		c.bad = true
	}
	var v uint64
	for _, x := range c.bytes(n) {
		v = v<<8 | uint64(x)
	}
	return v
}

// string reads a string behind its length in bytes.
func (c *cursor) string() string { return text(c.bytes(int(c.uint8()))) }

func (c *cursor) guid() (g GUID) {
	copy(g[:], c.bytes(16))
	return g
}
