// Package fat reads FAT12, FAT16 and FAT32 volumes: sticks, cards, data
// partitions, EFI system partitions. It only reads, and knows nothing of drive
// letters.
//
// All folders are listed when a volume is opened; of the file allocation table
// only the pages that are asked for are in memory.
//
// FAT keeps local times and does not say of which zone. They are given as if
// they were UTC, so that everybody sees the hour that the owner saw, and the
// same volume reads the same everywhere.
//
// Source: Microsoft's "FAT: General Overview of On-Disk Format", version 1.03,
// and its long names ("Long Filename Specification").
package fat

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"github.com/coldstate/coldstate/internal/le"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// ErrNotFAT is wrapped when the boot sector is none of a FAT volume.
var ErrNotFAT = errors.New("is no FAT volume")

// FormatError says where a volume is damaged.
type FormatError struct {
	Where string // "boot sector", "file allocation table", `the folder "DCIM"`
	Off   int64  // of the volume, -1 when unknown
	What  string
}

func (e *FormatError) Error() string {
	if e.Off < 0 {
		return e.Where + ": " + e.What
	}
	return fmt.Sprintf("%s, offset %#x: %s", e.Where, e.Off, e.What)
}

const (
	// maxFolder is the largest folder that Windows makes, in bytes.
	maxFolder = 2 << 20
	// maxEntries is more files than a FAT32 volume takes by its documentation
	// (4,177,920).
	maxEntries  = 1 << 22
	maxProblems = 1000
	// firstCluster is the number of the first cluster with content.
	firstCluster = 2
)

// geometry is what the boot sector says; offsets and sizes are in bytes.
type geometry struct {
	bits        int   // 12, 16 or 32
	sector      int64 // 512 to 4096
	cluster     int64
	table       int64  // offset of the first file allocation table
	tableSize   int64  // of one
	tables      int    // how many there are
	active      int    // the one that counts
	mirrored    bool   // the others are copies of it
	root        int64  // offset of the root folder, for 12 and 16 bits
	rootSize    int64  // of it
	rootCluster uint32 // for 32 bits
	data        int64  // offset of the first cluster
	clusters    uint32 // how many there are
	size        int64  // of the volume, as it says
	info        int64  // offset of the FSInfo sector, 0 for none
	dirty       bool
	label       string
}

// parseBoot reads a boot sector of 512 bytes (specification, "Boot Sector and
// BPB"). size is that of the medium.
func parseBoot(b []byte, size int64) (g geometry, err error) {
	bad := func(off int64, format string, args ...any) (geometry, error) {
		return g, &FormatError{"boot sector", off, fmt.Sprintf(format, args...)}
	}
	if len(b) < 512 || b[510] != 0x55 || b[511] != 0xAA || b[0] != 0xEB && b[0] != 0xE9 {
		return g, ErrNotFAT
	}
	r := le.New(b, 11)
	sector, perCluster := int64(r.Uint16()), int64(r.Uint8())
	reserved, tables, rootEntries := int64(r.Uint16()), int64(r.Uint8()), int64(r.Uint16())
	total := int64(r.Uint16())
	r.Skip(1) // media
	perTable := int64(r.Uint16())
	r.Skip(8) // tracks, heads, hidden sectors
	if total32 := int64(r.Uint32()); total == 0 {
		total = total32
	}
	flagsAt, labelAt := 37, 43
	if perTable == 0 {
		perTable = int64(r.Uint32())
		ext := r.Uint16()
		r.Skip(2) // version
		g.rootCluster = r.Uint32()
		g.info = int64(r.Uint16()) * sector
		if g.bits, g.mirrored = 32, ext&0x80 == 0; !g.mirrored {
			g.active = int(ext & 0xF)
		}
		flagsAt, labelAt = 65, 71
	} else {
		g.mirrored = true
	}
	if b[flagsAt+1] == 0x28 || b[flagsAt+1] == 0x29 { // the fields behind are there
		g.dirty = b[flagsAt]&1 != 0
		if b[flagsAt+1] == 0x29 {
			g.label = labelOf(b[labelAt : labelAt+11])
		}
	}
	switch {
	case sector < 512 || sector > 4096 || bits.OnesCount64(uint64(sector)) != 1:
		return bad(11, "sectors of %d bytes", sector)
	case bits.OnesCount64(uint64(perCluster)) != 1:
		return bad(13, "%d sectors in a cluster", perCluster)
	case reserved == 0 || tables == 0 || perTable == 0 || total == 0:
		return bad(14, "%d reserved sectors, %d tables of %d sectors, %d sectors in all", reserved, tables, perTable, total)
	case g.bits != 32 && rootEntries == 0:
		return bad(17, "no room for a root folder")
	case int64(g.active) >= tables:
		return bad(40, "table %d of %d is the one that counts", g.active, tables)
	}
	g.sector, g.cluster, g.size = sector, sector*perCluster, total*sector
	g.table, g.tableSize, g.tables = reserved*sector, perTable*sector, int(tables)
	g.root = g.table + tables*g.tableSize
	g.rootSize = rootEntries * entrySize
	g.data = g.root + (g.rootSize+sector-1)/sector*sector
	if g.data >= g.size || g.data >= size {
		return bad(22, "the tables end at %d, but the volume has %d bytes and the medium %d", g.data, g.size, size)
	}
	n := (g.size - g.data) / g.cluster
	if g.bits == 0 {
		if g.bits = 16; n < 4085 {
			g.bits = 12
		}
	}
	// A table that is too short for the volume ends it.
	n = min(n, g.tableSize*8/int64(g.bits)-firstCluster, 0x0FFFFFF5)
	if n < 1 {
		return bad(36, "there is no cluster")
	}
	g.clusters = uint32(n)
	return g, nil
}

// isCluster says whether n is the number of a cluster.
func (g *geometry) isCluster(n uint32) bool {
	return n >= firstCluster && n-firstCluster < g.clusters
}

// pos is the offset of a cluster.
func (g *geometry) pos(n uint32) int64 { return g.data + int64(n-firstCluster)*g.cluster }

// FS is an open volume. Its methods are safe for concurrent use.
type FS struct {
	r        io.ReaderAt
	medium   int64 // bytes of r
	g        geometry
	tab      table
	nodes    []node
	kids     []winfs.Entry // i at i: the children of a folder are a piece of it
	label    string
	problems []winfs.Problem
	unclean  bool
}

var (
	_ winfs.FS      = (*FS)(nil)
	_ winfs.Medium  = (*FS)(nil)
	_ winfs.Spacer  = (*FS)(nil)
	_ winfs.Checker = (*FS)(nil)
	_ winfs.Extras  = (*FS)(nil)
)

// Open reads the volume that r holds from its offset 0; size is the number of
// bytes of the medium. A volume that claims more is opened as far as it goes. r
// must allow concurrent ReadAt and is not closed by Close.
//
// The error wraps ErrNotFAT, is or wraps a *FormatError, or is of the medium.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	boot := make([]byte, 512)
	if n, err := r.ReadAt(boot, 0); n < len(boot) {
		if err == io.EOF {
			err = ErrNotFAT
		}
		return nil, fmt.Errorf("fat: boot sector: %w", err)
	}
	g, err := parseBoot(boot, size)
	if err != nil {
		return nil, fmt.Errorf("fat: %w", err)
	}
	fs := &FS{r: r, medium: size, g: g, label: g.label}
	fs.tab = table{r: r, g: &fs.g}
	if g.size > size {
		fs.problem("volume", fmt.Sprintf("%d bytes, but the medium has only %d", g.size, size))
	}
	fs.unclean = g.dirty || fs.notClosed()
	fs.load()
	return fs, nil
}

// notClosed looks at the bits of the second entry of the table, which are
// cleared while a volume is in use or has met errors.
func (fs *FS) notClosed() bool {
	v, err := fs.tab.get(1, fs.g.active)
	switch {
	case err != nil:
		return false
	case fs.g.bits == 32:
		return v&0x0C000000 != 0x0C000000
	case fs.g.bits == 16:
		return v&0xC000 != 0xC000
	}
	return false // 12 bits have no room for it
}

func (fs *FS) problem(where, what string) {
	if len(fs.problems) < maxProblems {
		fs.problems = append(fs.problems, winfs.Problem{Where: where, What: what})
	}
}

// Close releases nothing: the medium is the caller's.
func (fs *FS) Close() error { return nil }

// Medium is the volume as it was given to Open.
func (fs *FS) Medium() io.ReaderAt { return fs.r }

// Label is the name of the volume.
func (fs *FS) Label() string { return fs.label }

// Problems lists what is damaged.
func (fs *FS) Problems() []winfs.Problem { return slices.Clone(fs.problems) }

// Health is the state the volume was left in.
func (fs *FS) Health() winfs.Health {
	h := winfs.Health{Version: fmt.Sprintf("FAT%d", fs.g.bits), Dirty: fs.unclean, Damaged: len(fs.problems), Missing: max(fs.g.size-fs.medium, 0)}
	if h.Missing > 0 {
		h.Damaged-- // told by itself
	}
	for _, p := range fs.problems {
		if p.Where != "volume" {
			h.Damage = p.String()
			break
		}
	}
	return h
}

// maxCount is the largest table that is read to count what is free.
const maxCount = 16 << 20

// Free counts the clusters that no file has. Of volumes with a very large table
// it is what the volume says itself, which may be old.
func (fs *FS) Free() (int64, error) {
	if fs.g.tableSize > maxCount && fs.g.info > 0 {
		b := make([]byte, 512)
		if _, err := fs.r.ReadAt(b, fs.g.info); err == nil && string(b[:4]) == "RRaA" && string(b[484:488]) == "rrAa" {
			r := le.New(b, 488)
			if n := r.Uint32(); n <= fs.g.clusters {
				return int64(n) * fs.g.cluster, nil
			}
		}
	}
	free := int64(0)
	err := fs.tab.each(func(v uint32) {
		if v == 0 {
			free++
		}
	})
	return free * fs.g.cluster, err
}
