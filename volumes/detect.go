package volumes

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/coldstate/coldstate/volumes/bitlocker"
	"github.com/coldstate/coldstate/volumes/image"
	"github.com/coldstate/coldstate/volumes/ntfs"
	"github.com/coldstate/coldstate/volumes/partition"
)

// Kinds of volumes that need a person's help.
const (
	kindLDM    = "dynamic disk"
	kindSpaces = "Storage Spaces"
)

// found gives a raw image its kind. Containers and devices have theirs.
func (src *Source) found(kind string) {
	if src.Kind == "" {
		src.Kind = kind
	}
}

// detect finds what the bytes of a file or device are, and fills Kind (of a raw
// image), Table, Volumes and Problems of src. name is the path for hints.
func (src *Source) detect(name string) error {
	r, size := src.reader, src.Size
	device := src.Kind == Device
	if !device {
		if err := refuse(r, size, name); err != nil {
			return err
		}
		if src.isWIM() {
			return src.readWIM(name)
		}
	}
	// A bare volume has the signature of an MBR as well: it goes first.
	if kind := volumeKind(r, 0, size); kind != "" {
		src.Volumes = []*Volume{{Size: size, Kind: kind}}
		src.found(VolumeImage)
		return nil
	}
	table, err := partition.Read(r, size, src.sector)
	if err != nil || table.Scheme == "none" || table.Scheme == "mbr" && len(table.Partitions) == 0 {
		// Where sector 0 is overwritten or bad, the backup of an NTFS boot
		// sector in the last one still tells.
		if hasBackupBoot(r, 0, size) {
			src.Volumes = []*Volume{{Size: size, Kind: NTFS}}
			what := "is no boot sector"
			if err != nil {
				what = "cannot be read"
			}
			src.Problems = append(src.Problems, "sector 0 "+what+", but the last sector is the backup of a boot sector")
			src.found(VolumeImage)
			return nil
		}
		if err != nil {
			hint := "the start of the disk cannot be read: copy it with ddrescue and give the copy"
			if !device && src.Kind != "" {
				hint = "the start of the disk in it cannot be read: copy the image again, whole"
			}
			return &SourceError{Path: name, Err: err, Hint: hint}
		}
		if !device {
			return notDisk(r, size, name, table)
		}
		// An empty disk is one of the disks of the machine.
		src.Problems = append(append(src.Problems, table.Problems...), "no partition table and no known file system")
		return nil
	}
	src.Table = table
	src.found(DiskImage)
	src.Problems = append(src.Problems, table.Problems...)
	if table.Needs > size && src.Cut == nil {
		src.Cut = &Cut{Path: name, Size: size, Need: table.Needs}
	}
	for i := range table.Partitions {
		p := &table.Partitions[i]
		src.Volumes = append(src.Volumes, &Volume{Partition: p, Offset: p.Offset, Size: p.Size, Kind: partitionKind(r, p)})
	}
	src.readLDM()
	return nil
}

// partitionKind is the kind of the volume in a partition.
func partitionKind(r io.ReaderAt, p *partition.Partition) string {
	// The content of one member of a set of disks may look like a file
	// system, and is not one.
	switch {
	case p.Type == partition.TypeLDMMetadata:
		return p.Type
	case isLDM(p):
		return kindLDM
	case p.Type == partition.TypeStorageSpaces || p.MBRType == 0xE7:
		return kindSpaces
	}
	kind := contentKind(r, p.Offset, p.Size)
	if kind == Unknown && (p.Type == partition.TypeReserved || p.Type == partition.TypeBIOSBoot) {
		return p.Type
	}
	return kind
}

// contentKind is the kind of what lies at off.
func contentKind(r io.ReaderAt, off, size int64) string {
	if kind := volumeKind(r, off, size); kind != "" {
		return kind
	}
	if hasBackupBoot(r, off, size) {
		return NTFS
	}
	return Unknown
}

// bytesAt reads n bytes at off, fewer when the medium ends or fails there.
func bytesAt(r io.ReaderAt, size, off int64, n int) []byte {
	if off < 0 || off >= size {
		return nil
	}
	b := make([]byte, min(int64(n), size-off))
	n, _ = r.ReadAt(b, off)
	return b[:n]
}

// has says whether b holds s at offset off.
func has(b []byte, off int, s string) bool {
	return len(b) >= off+len(s) && string(b[off:off+len(s)]) == s
}

// volumeKind says what starts at off, "" when it is nothing known.
func volumeKind(r io.ReaderAt, off, size int64) string {
	r = io.NewSectionReader(r, off, size)
	boot := bytesAt(r, size, 0, 512)
	switch {
	case len(boot) < 512:
		return ""
	case bitlocker.Probe(boot):
		return BitLocker // To Go: what looks like FAT is for Windows without BitLocker
	case ntfs.Probe(boot):
		return NTFS
	case has(boot, 3, "EXFAT   "):
		return ExFAT
	case has(boot, 3, "ReFS\x00\x00\x00\x00"):
		return ReFS
	case isFAT(boot):
		return FAT
	case has(boot, 0, "LUKS\xBA\xBE"):
		return "LUKS"
	case has(boot, 0, "XFSB"):
		return "XFS"
	case has(boot, 32, "NXSB"):
		return "APFS"
	}
	// Signatures further in. A disk with a table has none of them there: GPT
	// entries end at 17 KiB, and their names do not read so.
	for _, s := range [...]struct {
		off  int64
		sig  string
		kind string
	}{
		{1024, "H+", "HFS+"},
		{1024, "HX", "HFS+"},
		{1024 + 56, "\x53\xEF", "ext"},
		{512, "LABELONE", "Linux LVM"},
		{4096 - 10, "SWAPSPACE2", "Linux swap"},
		{65536 + 64, "_BHRfS_M", "Btrfs"},
	} {
		if string(bytesAt(r, size, s.off, len(s.sig))) == s.sig && !(s.off > 0 && s.off <= 4096 && looksPartitioned(boot)) {
			return s.kind
		}
	}
	return ""
}

// looksPartitioned says whether a sector 0 holds a table with entries.
func looksPartitioned(boot []byte) bool {
	if boot[510] != 0x55 || boot[511] != 0xAA {
		return false
	}
	for e := boot[446:510]; len(e) > 0; e = e[16:] {
		if e[0]&0x7F == 0 && e[4] != 0 && binary.LittleEndian.Uint32(e[8:]) != 0 && binary.LittleEndian.Uint32(e[12:]) != 0 {
			return true
		}
	}
	return false
}

// isFAT checks the BIOS parameter block, as the words "FAT16" and "FAT32" also
// stand in boot code of MBRs (Microsoft FAT specification 3.1).
func isFAT(b []byte) bool {
	sector, cluster := binary.LittleEndian.Uint16(b[11:]), b[13]
	reserved, fats, media := binary.LittleEndian.Uint16(b[14:]), b[16], b[21]
	return b[510] == 0x55 && b[511] == 0xAA &&
		(b[0] == 0xEB || b[0] == 0xE9) &&
		(has(b, 54, "FAT") || has(b, 82, "FAT32")) &&
		sector >= 512 && sector <= 4096 && sector&(sector-1) == 0 &&
		cluster != 0 && cluster&(cluster-1) == 0 &&
		reserved != 0 && (fats == 1 || fats == 2) && (media == 0xF0 || media >= 0xF8)
}

// hasBackupBoot looks for the copy of an NTFS boot sector in the last sector
// of a volume whose first one says nothing.
func hasBackupBoot(r io.ReaderAt, off, size int64) bool {
	for _, sector := range [...]int64{512, 4096} {
		if size < 2*sector {
			continue
		}
		at := off + size - size%sector - sector
		if b := bytesAt(r, off+size, at, 512); len(b) == 512 && ntfs.Probe(b) {
			return true
		}
	}
	return false
}

// Containers that are not read, by their first bytes (reference: the file
// formats' own specifications, collected by libyal).
var containers = [...]struct {
	off     int64
	sig     string
	format  string
	convert string // what makes a raw image of it; %s is the path
}{
	{0, "AFF10\x0D\x0A\x00", "AFF image", "convert it with `affconvert -r %s`"},
	{0, "\x1F\x8B\x08", "gzip file", "unpack it with `gzip -dk %s`"},
	{0, "\xFD7zXZ\x00", "xz file", "unpack it with `xz -dk %s`"},
	{0, "\x28\xB5\x2F\xFD", "zstd file", "unpack it with `zstd -d %s`"},
	{0, "BZh", "bzip2 file", "unpack it with `bzip2 -dk %s`"},
	{0, "PK\x03\x04", "zip file", "unpack it first"},
	{0, "7z\xBC\xAF\x27\x1C", "7z file", "unpack it first"},
	{32769, "CD001", "CD or DVD image", "mount it and give the folder"},
}

// refuse recognises what is no flat image of a disk.
func refuse(r io.ReaderAt, size int64, name string) error {
	if size == 0 {
		return &SourceError{Path: name, Err: fmt.Errorf("%w: it is empty", ErrNotDisk), Hint: "check that the copy of the disk was finished"}
	}
	container := func(format, convert string) error {
		if bytes.Contains([]byte(convert), []byte("%s")) {
			convert = fmt.Sprintf(convert, name)
		}
		return &SourceError{Path: name, Err: &ContainerError{Format: format}, Hint: convert}
	}
	head := bytesAt(r, size, 0, 512)
	if has(head, 0, "regf") {
		return &SourceError{Path: name, Err: ErrHive, Hint: fmt.Sprintf("`coldstate reg %s` reads it", name)}
	}
	for _, c := range containers {
		b := head
		if c.off > 0 {
			// A stick made from such an image has a table as well: it is a disk.
			if len(head) == 512 && looksPartitioned(head) {
				continue
			}
			b = bytesAt(r, size, c.off, len(c.sig))
		}
		if has(b, 0, c.sig) {
			return container(c.format, c.convert)
		}
	}
	return nil
}

// notDisk is the error for a file in which nothing was recognised.
func notDisk(r io.ReaderAt, size int64, name string, t *partition.Table) error {
	why := "no partition table and no known file system at its start"
	if t.Scheme == "mbr" {
		why = "its partition table is empty"
	}
	if _, err := r.ReadAt(make([]byte, min(size, 512)), 0); err != nil && err != io.EOF {
		return &SourceError{Path: name, Err: fmt.Errorf("what it holds is not known: its start cannot be read: %w", err), Hint: "copy it again, whole, or from the disk"}
	} else if head := bytesAt(r, size, 0, 16); allZero(head) {
		why += ", which is zeros"
	} else {
		why += fmt.Sprintf(" (first bytes % x)", head)
	}
	hint := "give a disk, a raw image of one, or a Windows folder; an image may be cut off or encrypted"
	if first := image.FirstPiece(name); first != "" {
		hint = "when it is a piece of a split image, give the first one: " + first
	}
	return &SourceError{Path: name, Err: fmt.Errorf("%w: %s", ErrNotDisk, why), Hint: hint}
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
