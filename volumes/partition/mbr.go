package partition

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/diskfs/go-diskfs/partition/mbr"
)

const (
	mbrEntries   = 446 // offset of the four entries
	mbrEntrySize = 16
	// maxLogical bounds the chain of logical partitions. Windows gives up
	// after the letters, Linux after 60.
	maxLogical = 128
)

// mbrTable is a sector 0, or the first sector of a logical partition.
type mbrTable struct {
	entries    [4]mbrEntry
	protective bool // holds an entry that announces a GPT
	oddFlags   bool // a boot flag is neither 00 nor 80
}

// mbrEntry is one of the four entries: units are sectors.
type mbrEntry struct {
	flag, typ    byte
	first, count uint32
}

func (e mbrEntry) used() bool { return e.typ != 0 && e.count != 0 }

// isExtended says whether the entry holds a chain of logical partitions.
func (e mbrEntry) isExtended() bool { return e.typ == 0x05 || e.typ == 0x0F || e.typ == 0x85 }

// parseMBR returns nil for a sector without the signature 55 AA.
func parseMBR(b []byte) *mbrTable {
	if b[510] != 0x55 || b[511] != 0xAA {
		return nil
	}
	m := new(mbrTable)
	for i := range m.entries {
		e := b[mbrEntries+i*mbrEntrySize:][:mbrEntrySize]
		m.entries[i] = mbrEntry{
			flag:  e[0],
			typ:   e[4],
			first: binary.LittleEndian.Uint32(e[8:]),
			count: binary.LittleEndian.Uint32(e[12:]),
		}
		m.protective = m.protective || e[4] == 0xEE
		m.oddFlags = m.oddFlags || e[0]&0x7F != 0
	}
	return m
}

// used returns the entries that stand for a partition on an MBR disk.
func (m *mbrTable) used() []mbrEntry {
	var u []mbrEntry
	for _, e := range m.entries {
		if e.used() && e.typ != 0xEE {
			u = append(u, e)
		}
	}
	return u
}

// readMBR fills t from sector 0.
func (t *Table) readMBR(r io.ReaderAt, boot []byte, m *mbrTable) {
	// 55 AA also ends sectors that are no MBR. Odd boot flags and a partition
	// where there is no disk make code or text of the entries.
	if m.oddFlags {
		for _, e := range m.used() {
			if e.first == 0 || int64(e.first) >= t.size/512 {
				t.problem("sector 0 has the signature of an MBR, but its entries make no sense")
				return
			}
		}
	}
	t.Scheme = "mbr"
	t.Signature = binary.LittleEndian.Uint32(boot[440:])
	t.SectorSize = t.mbrSectorSize(r, m)

	entries := m.entries
	if m.oddFlags {
		// The library refuses the whole table.
		t.problem("the MBR has boot flags other than 00 and 80")
	} else if table, err := guarded(func() (*mbr.Table, error) { return mbr.Read(memory(boot), 512, 512) }); err != nil {
		t.problem("MBR: %v", err)
	} else {
		for _, lp := range table.Partitions {
			if lp.Index >= 1 && lp.Index <= len(entries) {
				e := &entries[lp.Index-1]
				e.typ, e.first, e.count = byte(lp.Type), lp.Start, lp.Size
			}
		}
	}
	walk := ebrWalk{table: t, r: r, next: 5, visited: map[uint64]bool{}}
	for i, e := range entries {
		switch {
		case !e.used() || e.typ == 0xEE:
		case e.isExtended():
			walk.run(e)
		default:
			t.add(Partition{Number: i + 1, MBRType: e.typ, Type: typeOfByte(e.typ)}, uint64(e.first), uint64(e.count))
		}
	}
}

// mbrSectorSize finds the unit of the entries, which the MBR does not tell:
// it is the second size when no partition starts with a boot sector at the
// places that the first gives, and one does at those that the second gives.
func (t *Table) mbrSectorSize(r io.ReaderAt, m *mbrTable) int {
	for _, sector := range t.sizes {
		for _, e := range m.used() {
			var b [2]byte
			at := int64(e.first)*int64(sector) + 510
			if at+2 <= t.size && readFull(r, b[:], at) == nil && b == [2]byte{0x55, 0xAA} {
				return sector
			}
		}
	}
	return t.sizes[0]
}

// ebrWalk follows the chains of extended boot records.
type ebrWalk struct {
	table   *Table
	r       io.ReaderAt
	next    int             // number of the next logical partition
	visited map[uint64]bool // sectors of the records seen
}

// run adds the logical partitions of an extended one. In each record the first
// entry is the partition, counted from the record; the second is the next
// record, counted from the extended partition.
func (w *ebrWalk) run(ext mbrEntry) {
	t := w.table
	base := uint64(ext.first)
	sectors := uint64(t.size) / uint64(t.SectorSize)
	for at := base; ; {
		switch {
		case w.visited[at]:
			t.problem("the chain of logical partitions comes back to sector %d", at)
			return
		case len(w.visited) == maxLogical:
			t.problem("more than %d logical partitions", maxLogical)
			return
		case at >= sectors:
			t.problem("the record of logical partition %d is at sector %d, past the end of the disk (%d sectors)", w.next, at, sectors)
			return
		}
		w.visited[at] = true
		var b [512]byte
		if err := readFull(w.r, b[:], int64(at)*int64(t.SectorSize)); err != nil {
			t.problem("the record of logical partition %d at sector %d: %v", w.next, at, err)
			return
		}
		m := parseMBR(b[:])
		if m == nil {
			t.problem("the record of logical partition %d at sector %d has no signature: the partitions behind it are lost", w.next, at)
			return
		}
		if e := m.entries[0]; e.used() && !e.isExtended() {
			first := at + uint64(e.first)
			if first < base || first+uint64(e.count) > base+uint64(ext.count) {
				t.problem("logical partition %d reaches out of its extended partition", w.next)
			}
			t.add(Partition{Number: w.next, MBRType: e.typ, Type: typeOfByte(e.typ), Logical: true}, first, uint64(e.count))
			w.next++
		}
		link := m.entries[1]
		if !link.used() || !link.isExtended() {
			return
		}
		at = base + uint64(link.first)
	}
}

// typeOfByte names an MBR type.
func typeOfByte(b byte) string {
	s := fmt.Sprintf("0x%02X", b)
	if name := mbrTypes[b]; name != "" {
		s += " " + name
	}
	return s
}

// mbrTypes names the types that occur beside Windows.
var mbrTypes = map[byte]string{
	0x01: "FAT12",
	0x04: "FAT16",
	0x06: "FAT16",
	0x07: "NTFS or exFAT",
	0x0B: "FAT32",
	0x0C: "FAT32",
	0x0E: "FAT16",
	0x12: "maker's recovery",
	0x17: "NTFS, hidden",
	0x1B: "FAT32, hidden",
	0x1C: "FAT32, hidden",
	0x27: "Windows RE",
	0x42: "dynamic disk (LDM)",
	0x82: "Linux swap",
	0x83: "Linux",
	0x84: "hibernation",
	0x8E: "Linux LVM",
	0xA5: "FreeBSD",
	0xAF: "Apple HFS",
	0xDE: "maker's tools",
	0xE7: "Storage Spaces",
	0xEF: TypeEFI,
	0xFD: "Linux RAID",
}
