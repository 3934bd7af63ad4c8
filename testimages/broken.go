package testimages

import (
	"fmt"
	"io"
	"slices"
)

// Places on the sample disk that variants damage.
const (
	windowsOffset = 26624 * 512 // the NTFS partition
	windowsSize   = 65536 * 512
	mftRecordSize = 1024
	clusterSize   = 4096
)

// variants are the disks that Broken knows. A function gets the sample disk.
var variants = map[string]func(*image) *image{
	// An image that was cut short in the middle of the NTFS volume.
	"cut": func(d *image) *image {
		return &image{size: windowsOffset + windowsSize/2 + 1000, below: d}
	},
	// An image that ends inside the partition table.
	"cut in the table": func(d *image) *image { return &image{size: 2*512 + 100, below: d} },
	// Neither the protective MBR nor either GPT is there; the volumes are.
	"no partition table": func(d *image) *image {
		return zero(zero(d, 0, 34*512), d.size-33*512, 33*512)
	},
	// The first GPT header has a wrong checksum, the backup is good.
	"first table damaged": func(d *image) *image { return d.patch(512, 512, func(b []byte) { b[60] ^= 0xff }) },
	// Only the backup at the end of the disk is left.
	"first table gone": func(d *image) *image { return zero(d, 0, 34*512) },
	// The entries of the partitions say that they are larger than the disk.
	"partition beyond the end": func(d *image) *image {
		return d.patch(1024+2*128+40, 8, func(b []byte) { copy(b, "\x00\x00\x00\x7f\x00\x00\x00\x00") })
	},
	// The NTFS boot sector is gone, the backup in the last sector is good.
	"boot sector gone": func(d *image) *image { return zero(d, windowsOffset, 512) },
	// The boot sector has its signature and nonsense fields; the backup is good.
	"boot sector damaged": func(d *image) *image {
		return d.patch(windowsOffset+11, 60, func(b []byte) {
			for i := range b {
				b[i] = 0xff
			}
		})
	},
	// Both boot sectors are gone.
	"no boot sector": func(d *image) *image {
		return zero(zero(d, windowsOffset, 512), windowsOffset+windowsSize-512, 512)
	},
	// The record of notes.txt was not written to its end: TornPath.
	"torn record": func(d *image) *image {
		return d.patch(recordOffset(TornPath), mftRecordSize, func(b []byte) { b[1022] ^= 0x55 })
	},
	// chkdsk gave up on the record of TornPath.
	"baad record": func(d *image) *image {
		return d.patch(recordOffset(TornPath), 4, func(b []byte) { copy(b, "BAAD") })
	},
	// The first record of the MFT is damaged, its copy in $MFTMirr is good.
	"first record torn": func(d *image) *image {
		return d.patch(mftOffset(), mftRecordSize, func(b []byte) { b[510] ^= 0x55 })
	},
	// The volume says that it was not closed.
	"dirty volume": func(d *image) *image { return setDirty(setDirty(d, mftOffset()), mirrorOffset()) },
	// Windows was hibernated, or shut down with Fast Startup.
	"hibernated": func(d *image) *image {
		off := fileOffset(d, `C:\hiberfil.sys`)
		return d.patch(off, 4, func(b []byte) { copy(b, "HIBR") })
	},
	// The hive SYSTEM has lost its signature.
	"no system hive": func(d *image) *image {
		return d.patch(fileOffset(d, `C:\Windows\System32\config\SYSTEM`), 4, func(b []byte) { clear(b) })
	},
	// There is a second Windows in the folder Windows2, of the computer OTHER-PC.
	"two windows": func(d *image) *image { return unpack(twoWindowsFile, d) },
	// The folder Windows is not there.
	"no windows": func(d *image) *image { return unpack(noWindowsFile, d) },
	// No disk at all: a text.
	"text": func(*image) *image {
		return (&image{size: 100000}).patch(0, 100000, func(b []byte) {
			for i := range b {
				b[i] = "this is no disk, only a text\n"[i%29]
			}
		})
	},
	"zeros": func(*image) *image { return &image{size: 1 << 20} },
	"empty": func(*image) *image { return &image{} },
}

// TornPath is the file whose MFT record the variants "torn record" and "baad
// record" damage.
const TornPath = `C:\Users\anna\Documents\notes.txt`

// BrokenNames returns the names that Broken knows, sorted.
func BrokenNames() []string {
	var list []string
	for name := range variants {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// Broken returns a variant of the sample disk and its size; broken.go says
// what each is. It panics when there is none of that name.
func Broken(name string) (io.ReaderAt, int64) {
	v, ok := variants[name]
	if !ok {
		panic(fmt.Sprintf("testimages: there is no variant %q", name))
	}
	img := v(disk())
	return img, img.size
}

func zero(d *image, off, n int64) *image {
	return d.patch(off, n, func(b []byte) { clear(b) })
}

// bootField returns a 64-bit field of the NTFS boot sector, a cluster number,
// as a place on the disk.
func bootField(off int64) int64 {
	b := make([]byte, 8)
	if _, err := disk().ReadAt(b, windowsOffset+off); err != nil {
		panic("testimages: " + err.Error())
	}
	return windowsOffset + int64(le.Uint64(b))*clusterSize
}

func mftOffset() int64    { return bootField(48) }
func mirrorOffset() int64 { return bootField(56) }

// recordOffset returns where on the disk the MFT record of path is. The MFT of
// the sample disk is in one piece.
func recordOffset(path string) int64 {
	for _, r := range Manifest() {
		if r.Path == path {
			return mftOffset() + int64(r.Record)*mftRecordSize
		}
	}
	panic("testimages: the manifest has no " + path)
}

// attribute calls fn with the place and the bytes of each attribute of the
// record at off.
func attribute(d *image, off int64, fn func(at int64, b []byte)) {
	rec := make([]byte, mftRecordSize)
	if _, err := d.ReadAt(rec, off); err != nil {
		panic("testimages: " + err.Error())
	}
	for at := int(le.Uint16(rec[20:])); at+8 < mftRecordSize && le.Uint32(rec[at:]) != 0xffffffff; at += int(le.Uint32(rec[at+4:])) {
		fn(off+int64(at), rec[at:])
	}
}

// fileOffset returns where on the disk the content of a non-resident file starts.
func fileOffset(d *image, path string) int64 {
	var off int64
	attribute(d, recordOffset(path), func(_ int64, b []byte) {
		if le.Uint32(b) != 0x80 || b[8] != 1 || b[9] != 0 {
			return
		}
		run := b[le.Uint16(b[32:]):]
		n, m := int(run[0]&15), int(run[0]>>4)
		var lcn int64
		for i := range m {
			lcn |= int64(run[1+n+i]) << (8 * i)
		}
		off = windowsOffset + lcn*clusterSize
	})
	if off == 0 {
		panic("testimages: " + path + " has no clusters")
	}
	return off
}

// setDirty sets the flag "dirty" in record 3, $Volume, of the MFT at mft.
func setDirty(d *image, mft int64) *image {
	out := d
	attribute(d, mft+3*mftRecordSize, func(at int64, b []byte) {
		if le.Uint32(b) == 0x70 {
			out = out.patch(at+int64(le.Uint16(b[20:]))+10, 1, func(b []byte) { b[0] |= 1 })
		}
	})
	return out
}
