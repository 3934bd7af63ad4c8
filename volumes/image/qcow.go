package image

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
)

// QCOW2, the format of QEMU. Numbers are big endian. (QEMU:
// docs/interop/qcow2.txt.)
const (
	qcowOffset     = 0x00FFFFFFFFFFFE00 // of a table or cluster in an entry
	qcowCompressed = 1 << 62
	qcowZero       = 1
	qcowMaxL1      = 1 << 27 // entries; far more than 64 TiB take

	// Bits of incompatible features.
	qcowDirty      = 1 << 0
	qcowCorrupt    = 1 << 1
	qcowExternal   = 1 << 2
	qcowZstd       = 1 << 3
	qcowSubcluster = 1 << 4

	qcowExtBacking  = 0xE2792ACA
	qcowExtFeatures = 0x6803F857
	qcowExtDataFile = 0x44415441
)

// qcow is the layout of a QCOW2 image: two levels of tables.
type qcow struct {
	f           *file
	bits        uint
	l1          int64
	v3          bool
	zstd        bool
	subclusters bool // entries of 16 bytes, with a bitmap of 32 subclusters
	// The table of the tables of reference counts, of 2^refOrder bits each.
	refTable, refEntries int64
	refOrder             uint
}

func openQCOW(o *opener, f *file) (*disk, error) {
	h, err := f.head("QCOW2", 0, int(min(f.size, 112)))
	if err != nil {
		return nil, err
	}
	be := binary.BigEndian
	if len(h) < 72 {
		return nil, f.damaged("QCOW2", 0, "a header of %d bytes", len(h))
	}
	no := func(feature, hint string) error {
		return &UnsupportedError{Path: f.name, Format: "QCOW2", Feature: feature, Hint: hint}
	}
	version := be.Uint32(h[4:])
	d := &disk{variant: fmt.Sprintf("version %d", version)}
	q := &qcow{f: f, bits: uint(be.Uint32(h[20:])), v3: version >= 3}
	var incompatible uint64
	headerSize := int64(72)
	switch version {
	case 2:
	case 3:
		if len(h) < 104 {
			return nil, f.damaged("QCOW2", 0, "a header of %d bytes", len(h))
		}
		incompatible, headerSize = be.Uint64(h[72:]), int64(be.Uint32(h[100:]))
		if headerSize < 104 || headerSize > 4096 {
			return nil, f.damaged("QCOW2", 100, "a header of %d bytes", headerSize)
		}
	default:
		return nil, no(fmt.Sprintf("of version %d", version), convertHint(f.name))
	}
	if q.bits < 9 || q.bits > 21 {
		return nil, f.damaged("QCOW2", 20, "clusters of 2^%d bytes", q.bits)
	}
	size, l1Size, l1 := be.Uint64(h[24:]), int64(be.Uint32(h[36:])), be.Uint64(h[40:])
	if size > maxSize {
		return nil, f.damaged("QCOW2", 24, "a disk of %d bytes; %d are the most", size, int64(maxSize))
	}
	ext := f.qcowExtensions(headerSize, int64(1)<<q.bits)
	switch crypt := be.Uint32(h[32:]); crypt {
	case 0:
	case 1:
		return nil, no("that is encrypted with AES", convertHint(f.name))
	case 2:
		return nil, no("that is encrypted with LUKS", "convert it with `qemu-img convert --object secret,id=k,data=PASSWORD --image-opts driver=qcow2,encrypt.key-secret=k,file.filename="+f.name+" -O raw disk.img` and give disk.img")
	default:
		return nil, no(fmt.Sprintf("with the encryption %d", crypt), convertHint(f.name))
	}
	if incompatible&qcowExternal != 0 {
		return nil, no(fmt.Sprintf("with an external data file (%s)", trimNUL(string(ext[qcowExtDataFile]))), convertHint(f.name))
	}
	if other := incompatible &^ (qcowDirty | qcowCorrupt | qcowZstd | qcowSubcluster); other != 0 {
		return nil, no("with the feature "+qcowFeature(ext[qcowExtFeatures], other), convertHint(f.name))
	}
	if incompatible&qcowZstd != 0 {
		if headerSize < 105 || len(h) < 105 || h[104] != 1 {
			return nil, no("with an unknown compression", convertHint(f.name))
		}
		q.zstd = true
	}
	if incompatible&qcowDirty != 0 {
		d.problem("%s was not closed cleanly; what the machine had in its memory then is lost", f.name)
	}
	if incompatible&qcowCorrupt != 0 {
		d.problem("QEMU has marked %s as corrupt: its tables may say wrong what is where, so that files may hold bytes of others; `qemu-img check %[1]s` says what is wrong, and `qemu-img check -r all` repairs a copy of it", f.name)
	}
	if n := be.Uint32(h[60:]); n > 0 {
		d.problem("it holds %d snapshots of earlier states; the newest state is read", n)
	}
	if q.subclusters = incompatible&qcowSubcluster != 0; q.subclusters {
		d.variant += ", extended L2"
		if q.bits < 14 {
			return nil, f.damaged("QCOW2", 20, "clusters of 2^%d bytes with subclusters", q.bits)
		}
	}
	perL1 := int64(1) << (q.bits + q.l2Bits()) // bytes of the disk
	if need := (int64(size) + perL1 - 1) / perL1; l1Size < need {
		return nil, f.damaged("QCOW2", 36, "a table of %d entries, but the disk takes %d", l1Size, need)
	}
	if l1Size > qcowMaxL1 || l1 > uint64(f.size) || l1Size*8 > f.size-int64(l1) {
		return nil, f.damaged("QCOW2", 40, "a table of %d entries at %d, past the end of the file (%d bytes), which may be cut short", l1Size, l1, f.size)
	}
	q.l1 = int64(l1)
	if refs, n := be.Uint64(h[48:]), int64(be.Uint32(h[56:])); refs <= uint64(f.size) && n <= f.size>>q.bits {
		q.refTable, q.refEntries, q.refOrder = int64(refs), n<<q.bits/8, 4
		if version >= 3 {
			q.refOrder = uint(min(be.Uint32(h[96:]), 6))
		}
	}
	d.layout, d.size = q, int64(size)

	if off, n := be.Uint64(h[8:]), be.Uint32(h[16:]); off != 0 && n != 0 {
		if n > 1023 || off > uint64(f.size) {
			return nil, f.damaged("QCOW2", 8, "the name of the backing file has %d bytes at %d", n, off)
		}
		b, err := f.head("QCOW2", int64(off), int(n))
		if err != nil {
			return nil, err
		}
		format, err := qcowBackingFormat(f, string(ext[qcowExtBacking]))
		if err != nil {
			return nil, err
		}
		name := string(b)
		// "json:…", "nbd://…"; C: is a drive.
		if i := strings.IndexByte(name, ':'); i > 1 && !strings.ContainsAny(name[:i], `/\`) && !strings.HasPrefix(name, "file:") {
			return nil, no("whose backing file is not a file beside it ("+name+")", convertHint(f.name))
		}
		name = strings.TrimPrefix(strings.TrimPrefix(name, "file://"), "file:")
		d.parent, err = o.parent(f, "QCOW2", "backing file", format, "", []string{name})
		if err != nil {
			return nil, err
		}
		if short := d.size - d.parent.size; short > 0 {
			d.parent.used += fmt.Sprintf(", and ends %d bytes before the disk does: they are zero unless it was cut short", short)
		}
	}
	return d, nil
}

// qcowBackingFormat is the format by the name that QEMU gives it. An image
// says so that a raw disk whose user wrote the start of an image into it is
// not taken for that image.
func qcowBackingFormat(f *file, name string) (string, error) {
	format, ok := map[string]string{"": "", "raw": "raw", "qcow2": "QCOW2", "vpc": "VHD", "vhdx": "VHDX", "vmdk": "VMDK", "vdi": "VDI", "file": "raw", "host_device": "raw"}[name]
	if !ok {
		return "", &UnsupportedError{Path: f.name, Format: "QCOW2", Feature: "whose backing file has the format " + name, Hint: convertHint(f.name)}
	}
	return format, nil
}

// qcowExtensions reads the header extensions: what is damaged of them is not
// there.
func (f *file) qcowExtensions(off, end int64) map[uint32][]byte {
	ext := map[uint32][]byte{}
	for range 64 {
		var h [8]byte
		if off+8 > end || f.readFull(h[:], off) != nil {
			break
		}
		id, n := binary.BigEndian.Uint32(h[:]), int64(binary.BigEndian.Uint32(h[4:]))
		if id == 0 || n > 64<<10 || n > end-off-8 {
			break
		}
		b := make([]byte, n)
		if f.readFull(b, off+8) != nil {
			break
		}
		ext[id] = b
		off += 8 + (n+7)&^7
	}
	return ext
}

// qcowFeature names the lowest of the feature bits.
func qcowFeature(table []byte, features uint64) string {
	bit := bits.TrailingZeros64(features)
	for ; len(table) >= 48; table = table[48:] {
		if table[0] == 0 && int(table[1]) == bit {
			return trimNUL(string(table[2:48]))
		}
	}
	return fmt.Sprintf("bit %d", bit)
}

// l2Bits is the logarithm of the entries of a table of the second level, which
// fills a cluster.
func (q *qcow) l2Bits() uint {
	if q.subclusters {
		return q.bits - 4
	}
	return q.bits - 3
}

func (q *qcow) locate(off int64) (run, error) {
	cluster := int64(1) << q.bits
	in := off & (cluster - 1)
	i := off >> q.bits
	e, err := q.f.be64(q.l1 + i>>q.l2Bits()*8)
	if err != nil {
		return run{}, err
	}
	l2 := int64(e & qcowOffset)
	i &= 1<<q.l2Bits() - 1
	if l2 == 0 {
		return run{kind: absent, n: ((1<<q.l2Bits())-i)<<q.bits - in}, nil
	}
	if l2&(cluster-1) != 0 {
		return run{}, q.f.damaged("QCOW2", q.l1, "a table at %#x, which is not the start of a cluster", l2)
	}
	at := l2 + i*8
	if q.subclusters {
		at = l2 + i*16
	}
	if e, err = q.f.be64(at); err != nil {
		return run{}, err
	}
	if e&qcowCompressed != 0 {
		return q.compressed(off, e, at)
	}
	host, n := int64(e&qcowOffset), cluster-in
	if q.subclusters {
		var status uint64
		if status, err = q.f.be64(at + 8); err != nil {
			return run{}, err
		}
		return q.subcluster(host, in, at, status)
	}
	switch {
	case q.v3 && e&qcowZero != 0:
		return run{kind: zeros, n: n}, nil
	case host == 0:
		return run{kind: absent, n: n}, nil
	case host&(cluster-1) != 0:
		return run{}, q.f.damaged("QCOW2", at, "a cluster at %#x, which is not the start of one", host)
	}
	return run{kind: stored, n: n, file: q.f, at: host + in}, nil
}

// subcluster finds the bytes of one of the 32 parts of a cluster: each is
// stored, zero, or not there.
func (q *qcow) subcluster(host, in, at int64, status uint64) (run, error) {
	part := int64(1) << (q.bits - 5)
	i := in / part
	of := func(i int64) uint64 { return status >> i & (1<<32 | 1) }
	n := part - in%part
	for j := i + 1; j < 32 && of(j) == of(i); j++ {
		n += part
	}
	switch of(i) {
	case 0:
		return run{kind: absent, n: n}, nil
	case 1 << 32:
		return run{kind: zeros, n: n}, nil
	case 1:
		if host == 0 || host&(1<<q.bits-1) != 0 {
			return run{}, q.f.damaged("QCOW2", at, "a cluster at %#x, which is not the start of one", host)
		}
		return run{kind: stored, n: n, file: q.f, at: host + in}, nil
	}
	return run{}, q.f.damaged("QCOW2", at+8, "a subcluster that is stored and zero at once")
}

// compressed is the run of a compressed cluster: its data begin anywhere, and
// end somewhere in the last of a number of sectors.
func (q *qcow) compressed(off int64, e uint64, at int64) (run, error) {
	from, sectors := q.place(e)
	n := min(sectors*512-from&511, q.f.size-from)
	if n <= 0 {
		return run{}, q.f.damaged("QCOW2", at, "a compressed cluster at %#x, past the end of the file, which may be cut short", from)
	}
	cluster := int64(1) << q.bits
	in := off & (cluster - 1)
	return run{kind: packed, n: cluster - in, file: q.f, at: from, unit: off - in, size: int(cluster), len: int(n), by: q}, nil
}

// place is where the data of a compressed cluster begin, and how many sectors
// they touch.
func (q *qcow) place(e uint64) (from, sectors int64) {
	x := 62 - (q.bits - 8)
	return int64(e & (1<<x - 1)), int64(e>>x&(1<<(q.bits-8)-1)) + 1
}

func (q *qcow) unpack(dst []byte, r run) error {
	return withPacked(r, func(src []byte) error {
		if q.zstd {
			return unzstd(dst, src)
		}
		return inflate(dst, src)
	})
}
