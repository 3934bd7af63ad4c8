package ntfs

import (
	"fmt"
	"math/bits"

	"github.com/coldstate/coldstate/internal/le"
)

// Limits of the format. Clusters reach 2 MiB since Windows 10 1709.
const (
	minSector  = 256
	maxSector  = 4096
	maxCluster = 2 << 20
	minRecord  = 512
	maxRecord  = 64 << 10
)

// geometry is what the boot sector says. Every field of it was checked
// against the others, but not against the medium.
type geometry struct {
	sector   int64 // bytes
	cluster  int64 // bytes
	record   int64 // bytes of an MFT record
	bytes    int64 // of the volume, without the backup boot sector
	clusters int64 // of the volume; the last one may be cut
	mft      int64 // first cluster of $MFT
	mirror   int64 // first cluster of $MFTMirr, 0 when it is not known
}

// Probe says whether sector, the first 512 bytes of a volume or more, looks
// like an NTFS boot sector.
func Probe(sector []byte) bool {
	_, err := parseBoot(sector)
	return err == nil
}

// parseBoot reads a boot sector:
//
//	 3  8  "NTFS    "
//	11  2  bytes per sector
//	13  1  sectors per cluster; above 0x80 the negative log2 of them
//	40  8  sectors of the volume
//	48  8  first cluster of $MFT
//	56  8  first cluster of $MFTMirr
//	64  1  clusters per MFT record; negative: -log2 of its bytes
//
// The jump, the media byte and the 55 AA at the end are not asked for: tools
// that make or repair volumes get them wrong, and nothing depends on them.
func parseBoot(b []byte) (geometry, error) {
	var g geometry
	bad := func(off int64, format string, args ...any) (geometry, error) {
		return geometry{}, &FormatError{"boot sector", off, fmt.Sprintf(format, args...)}
	}
	if len(b) < 512 {
		return bad(-1, "%d bytes, a boot sector has 512", len(b))
	}
	r := le.New(b, 3)
	if id := r.Bytes(8); string(id) != "NTFS    " {
		return bad(3, "the signature is %q", id)
	}
	sector := int64(r.Uint16())
	perCluster := int64(r.Uint8())
	r.Seek(40)
	total, mft, mirror := r.Uint64(), r.Uint64(), r.Uint64()
	perRecord := int8(r.Uint8())
	if err := r.Err(); err != nil {
		return bad(-1, "%v", err)
	}

	if !isPower(sector) || sector < minSector || sector > maxSector {
		return bad(11, "%d bytes per sector", sector)
	}
	if perCluster > 0x80 {
		if perCluster < 0xf0 {
			return bad(13, "%#x sectors per cluster", perCluster)
		}
		perCluster = 1 << (256 - perCluster)
	}
	if !isPower(perCluster) || perCluster*sector > maxCluster {
		return bad(13, "%d sectors per cluster of %d bytes each", perCluster, sector)
	}
	g.sector, g.cluster = sector, sector*perCluster

	switch {
	case perRecord > 0:
		g.record = int64(perRecord) * g.cluster
	case perRecord > -31:
		g.record = 1 << -perRecord
	}
	if !isPower(g.record) || g.record < minRecord || g.record > maxRecord {
		return bad(64, "MFT records of %d bytes (byte %#x)", g.record, uint8(perRecord))
	}
	if total == 0 || total > uint64(1<<62/sector) {
		return bad(40, "%d sectors", total)
	}
	g.bytes = int64(total) * sector
	g.clusters = (g.bytes + g.cluster - 1) / g.cluster
	if mft == 0 || mft >= uint64(g.clusters) { // the boot sector is in cluster 0
		return bad(48, "$MFT starts at cluster %d of %d", mft, g.clusters)
	}
	if mirror >= uint64(g.clusters) {
		mirror = 0 // only $MFT is needed
	}
	g.mft, g.mirror = int64(mft), int64(mirror)
	return g, nil
}

// mirrored is the number of MFT records that are taken from $MFTMirr where $MFT
// fails: four, or as many as a cluster holds, but none of a user's file: whether
// Windows keeps copies of those up to date is not documented, and an old record
// would pass as the file.
func (g *geometry) mirrored() int64 {
	if g.mirror == 0 {
		return 0
	}
	return min(max(mirrorRecords, g.cluster/g.record), firstUser)
}

func isPower(n int64) bool { return n > 0 && bits.OnesCount64(uint64(n)) == 1 }

// largerBoot takes a copy of the boot sector for one that makes the volume too
// small: what lies behind its end would be damage. The size of $Bitmap, a bit
// for each cluster, tells which of the two is right. A volume that was made
// smaller may have an old copy, but not an old $Bitmap.
func (fs *FS) largerBoot() error {
	if fs.geo.bytes+2*maxSector > fs.dev.size {
		return nil // it fills the medium
	}
	bits := fs.bitmapBits()
	fits := func(g *geometry) bool { return bits >= g.clusters-bitmapSlack && bits <= g.clusters+bitmapSlack }
	if bits == 0 || bits <= fs.geo.clusters+bitmapSlack {
		return nil
	}
	small := fs.geo
	for _, off := range candidates(fs.dev.size)[1:] {
		var b [512]byte
		if _, err := fs.dev.readAt(b[:], off); err != nil {
			continue
		}
		g, err := parseBoot(b[:])
		if err != nil || !fits(&g) || g.bytes <= small.bytes || g.bytes > fs.dev.size || g.cluster != small.cluster || g.record != small.record || g.mft != small.mft {
			continue
		}
		fs.problems, fs.geo = nil, g
		if err := fs.bootstrap(); err != nil {
			fs.problems, fs.geo = nil, small
			return fs.bootstrap()
		}
		fs.problem("sector 0", fmt.Sprintf("it says that the volume has %d bytes, $Bitmap has %d clusters; the copy of the boot sector at byte %d, with %d bytes, is used", small.bytes, bits, off, g.bytes))
		return nil
	}
	return nil
}

const (
	bitmapRecord = 6
	// bitmapSlack is by how many bits $Bitmap may be longer than the volume: it
	// ends with a whole number of 8 bytes.
	bitmapSlack = 128
)

// bitmapBits is the number of bits of $Bitmap, 0 when that is not known.
func (fs *FS) bitmapBits() int64 {
	rec := make([]byte, fs.geo.record)
	if _, err := fs.mft.ReadAt(rec, bitmapRecord*fs.geo.record); err != nil {
		return 0
	}
	h, st, _ := openRecord(rec)
	if st != stateGood || h.hasNum && h.num != bitmapRecord {
		return 0
	}
	attrs, _ := parseAttrs(nil, rec, h, bitmapRecord)
	for k := range attrs {
		if a := &attrs[k]; a.typ == typeData && len(a.name) == 0 && a.nonResident && a.first == 0 && a.size < maxStream/8 {
			return 8 * a.size
		}
	}
	return 0
}
