package diskgen

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"unicode/utf16"
)

// A Kind says what a partition is for, and gives its type in either table.
type Kind int

const (
	Data     Kind = iota // basic data; 07 in an MBR
	EFI                  // EFI system partition
	Reserved             // Microsoft reserved partition, without content
	Recovery             // Windows RE
)

// kinds are the types of the kinds in a GPT and in an MBR, and their names.
var kinds = map[Kind]struct {
	guid string
	mbr  byte
	name string
}{
	Data:     {"ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", 0x07, "Basic data partition"},
	EFI:      {"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", 0xEF, "EFI system partition"},
	Reserved: {"e3c9e316-0b5c-4db8-817d-f92df00215ae", 0x07, "Microsoft reserved partition"},
	Recovery: {"de94bba4-06d1-4d40-a16a-bfd50179d6ac", 0x27, "Windows RE"},
}

// A Disk is a disk with a partition table. The zero values of its fields and
// of those of its partitions are good: Disk{Parts: …}.Build().
type Disk struct {
	// GPT is a GUID partition table, else an MBR.
	GPT bool
	// Sector is 512 or 4096 bytes; 0 is 512.
	Sector int
	// Size is the size in bytes, 0 as much as the partitions need.
	Size int64
	// Signature is that of an MBR; 0 is made up.
	Signature uint32
	// GUID is that of a GPT; "" is made up.
	GUID  string
	Parts []Part
}

// A Part is a partition. A row of Logical ones stands in one extended
// partition of an MBR.
type Part struct {
	Kind Kind
	// Type is a GUID of a GPT that no Kind has, MBRType one of an MBR.
	Type    string
	MBRType byte
	// GUID is that of the partition; "" is made up.
	GUID string
	// Name is that in a GPT; "" is that of its kind.
	Name string
	// Attributes are those in a GPT: 1 required, 1<<63 no drive letter.
	Attributes uint64
	// Start is the first byte, 0 the next free MiB; Size is the size in bytes,
	// 0 that of the content.
	Start, Size int64
	Active      bool // in an MBR
	Logical     bool // in an MBR
	// Content is what the partition holds; nil is zeros. With a method Size it
	// says how large it is.
	Content io.ReaderAt
}

// An Image is a finished disk. It may be read by several goroutines when the
// contents may.
type Image struct {
	// Parts are the partitions with Start, Size and GUIDs filled in, in the order of the
	// literal.
	Parts []Part
	// Signature is that of an MBR, and GUID that of a GPT.
	Signature uint32
	GUID      string

	size   int64
	pieces []piece // later ones win
}

type piece struct {
	at, n int64
	r     io.ReaderAt
}

const mib = 1 << 20

// Build lays the disk out. It panics when the partitions do not fit.
func (d Disk) Build() *Image {
	d.Sector = cmp.Or(d.Sector, 512)
	if d.Sector != 512 && d.Sector != 4096 {
		panic(fmt.Sprintf("diskgen: sectors of %d bytes", d.Sector))
	}
	img := &Image{Parts: slices.Clone(d.Parts), Signature: cmp.Or(d.Signature, 0xC01D0000|uint32(len(d.Parts))), GUID: d.GUID}
	if img.GUID == "" {
		img.GUID = madeUpGUID(0, len(d.Parts))
	}
	next := int64(mib)
	for i := range img.Parts {
		p := &img.Parts[i]
		if s, ok := p.Content.(interface{ Size() int64 }); ok && p.Size == 0 {
			p.Size = s.Size()
		}
		if p.Logical { // a MiB in front of it holds its own table
			next = max(next+mib, p.Start)
		}
		p.Start = cmp.Or(p.Start, next)
		if p.GUID == "" {
			p.GUID = madeUpGUID(i+1, int(p.Start/mib))
		}
		if p.Size <= 0 || p.Size%int64(d.Sector) != 0 || p.Start%int64(d.Sector) != 0 {
			panic(fmt.Sprintf("diskgen: partition %d of %d bytes at %d", i+1, p.Size, p.Start))
		}
		next = max(next, (p.Start+p.Size+mib-1)/mib*mib)
		if p.Content != nil {
			img.pieces = append(img.pieces, piece{p.Start, p.Size, p.Content})
		}
	}
	img.size = cmp.Or(d.Size, next+mib)
	if next > img.size {
		panic(fmt.Sprintf("diskgen: the partitions need %d bytes, the disk has %d", next, img.size))
	}
	if d.GPT {
		d.gpt(img)
	} else {
		d.mbr(img)
	}
	return img
}

// madeUpGUID is a GUID of version 4 that depends on its numbers alone.
func madeUpGUID(a, b int) string {
	return fmt.Sprintf("c01d57a7-%04x-4000-8000-%012x", a, b)
}

// Size is the size of the disk in bytes.
func (m *Image) Size() int64 { return m.size }

// ReadAt implements io.ReaderAt.
func (m *Image) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("diskgen: negative offset %d", off)
	}
	n := int(max(0, min(int64(len(p)), m.size-off)))
	short := n < len(p)
	p = p[:n]
	clear(p)
	for _, x := range m.pieces {
		from, to := max(x.at, off), min(x.at+x.n, off+int64(n))
		if from >= to {
			continue
		}
		if _, err := x.r.ReadAt(p[from-off:to-off], from-x.at); err != nil && err != io.EOF {
			return 0, err
		}
	}
	if short {
		return n, io.EOF
	}
	return n, nil
}

// WriteFile writes the disk as a sparse file; zeros become holes where the
// host has them.
func (m *Image) WriteFile(path string) error { return WriteFile(path, m, m.size) }

// WriteFile writes size bytes of r as a sparse file.
func WriteFile(path string, r io.ReaderAt, size int64) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if err := f.Truncate(size); err != nil {
		return err
	}
	const chunk, page = mib, 4096
	buf, zero := make([]byte, chunk), make([]byte, page)
	for off := int64(0); off < size; off += chunk {
		b := buf[:min(chunk, size-off)]
		if _, err := r.ReadAt(b, off); err != nil && err != io.EOF {
			return err
		}
		for at := 0; at < len(b); at += page {
			p := b[at:min(at+page, len(b))]
			if bytes.Equal(p, zero[:len(p)]) {
				continue
			}
			if _, err := f.WriteAt(p, off+int64(at)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Image) put(at int64, b []byte) {
	m.pieces = append(m.pieces, piece{at, int64(len(b)), bytes.NewReader(b)})
}

// mbr writes the table of an MBR, and those of its logical partitions.
func (d *Disk) mbr(img *Image) {
	le := binary.LittleEndian
	sector := int64(d.Sector)
	table := func() []byte {
		b := make([]byte, sector)
		b[510], b[511] = 0x55, 0xAA
		return b
	}
	entry := func(b []byte, i int, typ byte, active bool, start, size int64) {
		if i == 4 {
			panic("diskgen: an MBR has four entries")
		}
		e := b[446+16*i:]
		if active {
			e[0] = 0x80
		}
		copy(e[1:], "\xfe\xff\xff")
		e[4] = typ
		copy(e[5:], "\xfe\xff\xff")
		le.PutUint32(e[8:], uint32(start/sector))
		le.PutUint32(e[12:], uint32(size/sector))
	}
	first := table()
	le.PutUint32(first[440:], img.Signature)
	n := 0
	typ := func(p Part) byte { return cmp.Or(p.MBRType, kinds[p.Kind].mbr) }
	for i := 0; i < len(img.Parts); {
		p := img.Parts[i]
		if !p.Logical {
			entry(first, n, typ(p), p.Active, p.Start, p.Size)
			n, i = n+1, i+1
			continue
		}
		end := i
		for end < len(img.Parts) && img.Parts[end].Logical {
			end++
		}
		row := img.Parts[i:end]
		base := row[0].Start - mib
		last := row[len(row)-1]
		entry(first, n, 0x0F, false, base, last.Start+last.Size-base)
		for k, p := range row {
			at := p.Start - mib
			b := table()
			entry(b, 0, typ(p), false, p.Start-at, p.Size) // counts from here
			if k+1 < len(row) {
				next := row[k+1]
				entry(b, 1, 0x05, false, next.Start-mib-base, next.Size+mib) // counts from the first
			}
			img.put(at, b)
		}
		n, i = n+1, end
	}
	img.put(0, first)
}

// gpt writes both copies of a GPT and the protective MBR.
func (d *Disk) gpt(img *Image) {
	le := binary.LittleEndian
	sector := int64(d.Sector)
	const entries, entrySize = 128, 128
	last := img.size/sector - 1
	tableSectors := entries * entrySize / sector

	table := make([]byte, entries*entrySize)
	for i, p := range img.Parts {
		e := table[entrySize*i:]
		copy(e, mixedGUID(cmp.Or(p.Type, kinds[p.Kind].guid)))
		copy(e[16:], mixedGUID(p.GUID))
		le.PutUint64(e[32:], uint64(p.Start/sector))
		le.PutUint64(e[40:], uint64((p.Start+p.Size)/sector-1))
		le.PutUint64(e[48:], p.Attributes)
		for k, c := range utf16.Encode([]rune(cmp.Or(p.Name, kinds[p.Kind].name))) {
			le.PutUint16(e[56+2*k:], c)
		}
	}
	header := func(own, other, at int64) []byte {
		b := make([]byte, sector)
		copy(b, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
		le.PutUint64(b[24:], uint64(own))
		le.PutUint64(b[32:], uint64(other))
		le.PutUint64(b[40:], uint64(2+tableSectors))
		le.PutUint64(b[48:], uint64(last-tableSectors-1))
		copy(b[56:], mixedGUID(img.GUID))
		le.PutUint64(b[72:], uint64(at))
		le.PutUint32(b[80:], entries)
		le.PutUint32(b[84:], entrySize)
		le.PutUint32(b[88:], crc32.ChecksumIEEE(table))
		le.PutUint32(b[16:], crc32.ChecksumIEEE(b[:92]))
		return b
	}
	mbr := make([]byte, sector)
	copy(mbr[446:], "\x00\x00\x02\x00\xee\xff\xff\xff\x01\x00\x00\x00")
	le.PutUint32(mbr[458:], uint32(min(last, 1<<32-1)))
	mbr[510], mbr[511] = 0x55, 0xAA

	img.put(0, mbr)
	img.put(sector, header(1, last, 2))
	img.put(2*sector, table)
	img.put((last-tableSectors)*sector, table)
	img.put(last*sector, header(last, 1, last-tableSectors))
}

// FAT returns an empty FAT12 volume of size bytes, 1 to 8 MiB, as content of
// a partition that a test needs to be there.
func FAT(label string, size int64) io.ReaderAt {
	le := binary.LittleEndian
	const sector, perCluster, fatSectors, rootEntries = 512, 8, 12, 512
	b := make([]byte, sector*(1+2*fatSectors+rootEntries*32/sector))
	copy(b, "\xeb\x3c\x90MSDOS5.0")
	le.PutUint16(b[11:], sector)
	b[13] = perCluster
	le.PutUint16(b[14:], 1) // reserved
	b[16] = 2
	le.PutUint16(b[17:], rootEntries)
	le.PutUint16(b[19:], uint16(size/sector))
	b[21] = 0xF8
	le.PutUint16(b[22:], fatSectors)
	le.PutUint16(b[24:], 63)
	le.PutUint16(b[26:], 255)
	b[36], b[38] = 0x80, 0x29
	le.PutUint32(b[39:], 0xC01D57A7)
	copy(b[43:54], fmt.Sprintf("%-11s", label))
	copy(b[54:], "FAT12   ")
	b[510], b[511] = 0x55, 0xAA
	for i := range int64(2) {
		copy(b[sector*(1+i*fatSectors):], "\xf8\xff\xff")
	}
	root := b[sector*(1+2*fatSectors):]
	copy(root, fmt.Sprintf("%-11s\x08", label))
	return io.NewSectionReader(zeroPadded{b, size}, 0, size)
}

// zeroPadded reads as b and zeros up to size.
type zeroPadded struct {
	b    []byte
	size int64
}

func (z zeroPadded) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(z.b)) {
		n = copy(p, z.b[off:])
	}
	clear(p[n:])
	return len(p), nil
}
