// Package partition reads the partition tables of a disk, MBR and GPT. It
// opens no file system, and takes a volume without a table for a damaged one:
// look for bare volumes first.
//
// Entries are decoded by go-diskfs. The package checks every field of a table
// before the library sees it, and does what the library leaves out: logical
// partitions, entries longer than 128 bytes, sectors of 4096 bytes on MBR
// disks, boot flags that no specification knows, backup tables at places that
// an int of 32 bits cannot count.
//
// Sources: UEFI specification 2.10 chapter 5 (GPT, protective MBR).
package partition

import (
	"fmt"
	"io"
	"slices"
)

// Table is what the partition table of a disk says.
type Table struct {
	// Scheme is "gpt", "mbr" or "none".
	Scheme string
	// SectorSize is the unit of the table in bytes: 512 or 4096.
	SectorSize int
	// Signature is the disk signature of an MBR, as MountedDevices keeps it.
	// 0 on GPT disks.
	Signature uint32
	// DiskGUID is the GUID of a GPT disk in the byte order of the disk.
	DiskGUID [16]byte
	// Partitions are in the order of their offsets. Extended partitions are
	// not among them, the logical ones inside are.
	Partitions []Partition
	// Needs is how many bytes the disk must have for its partitions when it has
	// fewer: a clone that ended early. 0 else.
	Needs int64
	// Problems tells what is wrong with the table.
	Problems []string

	size  int64 // of the disk
	sizes []int // of sectors, in the order in which they are tried
}

// Partition is one entry of a table.
type Partition struct {
	// Number is the place in the table, from 1; logical partitions count
	// from 5.
	Number int
	// Offset and Size are bytes of the disk and lie inside of it: a partition
	// that runs past the end is cut, one that begins behind it has size 0.
	Offset, Size int64
	// Type is a name for people: "basic data", "EFI system", "0x83 Linux", or
	// the type as it is.
	Type string
	// TypeGUID and GUID are in the byte order of the disk; zero on MBR disks.
	TypeGUID, GUID [16]byte
	// MBRType is the type byte, 0 on GPT disks.
	MBRType byte
	// Name is the name in a GPT, WTF-8.
	Name string
	// Logical says whether the partition lies in an extended one.
	Logical bool
}

// The sector sizes a disk can have. Raw images do not tell theirs: both are
// tried, the common one first, or the one that is told.
var sectorSizes = [...]int{512, 4096}

// maxNeeds is above any disk: 2^56 bytes.
const maxNeeds = 1 << 56

// maxProblems bounds the list for tables that are noise.
const maxProblems = 32

// Read reads the partition table of a disk of size bytes, whose logical sectors
// have sector bytes; 0 when that is not known. A disk without a
// table gives Scheme "none" and no error; a table that is damaged gives what
// could be read, and Problems. The error is of the medium, when neither the
// start nor the end of the disk could be read.
func Read(r io.ReaderAt, size int64, sector int) (*Table, error) {
	t := &Table{Scheme: "none", size: size, sizes: sectorSizes[:]}
	if sector == sectorSizes[1] {
		t.sizes = []int{sectorSizes[1], sectorSizes[0]}
	}
	t.SectorSize = t.sizes[0]
	if size < 512 {
		return t, nil
	}
	var boot [512]byte
	_, bootErr := r.ReadAt(boot[:], 0)
	if bootErr == io.EOF {
		bootErr = nil
	}
	if bootErr != nil {
		t.problem("sector 0 cannot be read: %v", bootErr)
		clear(boot[:])
	}
	mbr := parseMBR(boot[:])

	// A GPT counts only behind a protective MBR: a disk that was repartitioned
	// with an MBR keeps the old GPT in its sectors. An MBR that is gone does
	// not speak against the GPT.
	if mbr == nil || mbr.protective || len(mbr.used()) == 0 {
		found := t.readGPT(r, mbr != nil && mbr.protective)
		if found {
			t.finish()
			return t, nil
		}
	}
	if bootErr != nil {
		return nil, fmt.Errorf("sector 0: %w", bootErr)
	}
	if mbr != nil {
		t.readMBR(r, boot[:], mbr)
	}
	t.finish()
	return t, nil
}

func (t *Table) problem(format string, args ...any) {
	switch {
	case len(t.Problems) < maxProblems:
		t.Problems = append(t.Problems, fmt.Sprintf(format, args...))
	case len(t.Problems) == maxProblems:
		t.Problems = append(t.Problems, "and more")
	}
}

// add appends a partition that begins at sector first and holds count
// sectors, cut to the disk.
func (t *Table) add(p Partition, first, count uint64) {
	sector := uint64(t.SectorSize)
	disk := uint64(t.size)
	start := disk
	if first <= disk/sector {
		start = first * sector
	}
	length := disk - start
	switch {
	case start == disk:
		t.problem("partition %d begins at sector %d, past the end of the disk (%d sectors)", p.Number, first, disk/sector)
	case count > length/sector:
		t.problem("partition %d (sectors %d to %d) runs past the end of the disk (%d sectors)", p.Number, first, first+(count-1), disk/sector)
	default:
		length = count * sector
	}
	// A table that names more than any disk has is noise.
	if end := first + count; first <= maxNeeds/sector && count <= maxNeeds/sector && end*sector > disk {
		t.Needs = max(t.Needs, int64(end*sector))
	}
	p.Offset, p.Size = int64(start), int64(length)
	t.Partitions = append(t.Partitions, p)
}

// finish orders the partitions and looks for overlaps. Overlapping partitions
// keep their sizes: the table does not say which one is right, the file
// systems inside know their own.
func (t *Table) finish() {
	if t.Needs > 0 {
		t.problem("the disk is cut short: it has %d bytes, and its partitions need %d; a clone that ended early, or an image that was not copied whole: what lies behind is lost, and files there are damaged and named", t.size, t.Needs)
	}
	slices.SortStableFunc(t.Partitions, func(a, b Partition) int {
		switch {
		case a.Offset < b.Offset:
			return -1
		case a.Offset > b.Offset:
			return 1
		}
		return a.Number - b.Number
	})
	last := -1 // the partition that reaches furthest
	for i, p := range t.Partitions {
		if p.Size == 0 {
			continue
		}
		if last >= 0 && p.Offset < t.Partitions[last].Offset+t.Partitions[last].Size {
			t.problem("partitions %d and %d overlap", t.Partitions[last].Number, p.Number)
		}
		if last < 0 || p.Offset+p.Size > t.Partitions[last].Offset+t.Partitions[last].Size {
			last = i
		}
	}
}

// readFull is ReadAt for a range that lies inside of the disk.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("offset %#x: %w", off, err)
}
