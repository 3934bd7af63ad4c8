package ntfsgen

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/bits"
	"os"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/testimages/hivegen"
)

// Options describe a volume. The zero value is what Windows formats on a
// small disk of 512-byte sectors: clusters of 4 KiB, records of 1 KiB.
type Options struct {
	// Size is the size of the partition in bytes, a multiple of the sector;
	// 0 is what the files need and a tenth more, in whole MiB.
	Size int64
	// Cluster is the cluster size in bytes, a power of two from the sector
	// size to 2 MiB; 0 is 4096.
	Cluster int
	// Record is the size of MFT records, 1024 or 4096; 0 is 1024, or 4096
	// with sectors of 4096 bytes.
	Record int
	// Sector is the sector size, 512 to 4096; 0 is 512.
	Sector int
	// Start is the first sector of the partition, as it stands in the boot sector.
	Start  uint32
	Label  string
	Serial uint64 // 0 is one that is made up of the label
	// Version is the version of NTFS: 0x301, 0x300 (Windows 2000: records do
	// not know their number) or 0x102 (NT 4: no $Secure either); 0 is 0x301.
	Version uint16
	// Flags are those of $VOLUME_INFORMATION: 1 is dirty.
	Flags uint16
	// Log is the state of $LogFile.
	Log LogState
	// Times are those of all that names no others; zero is 2024-05-14 08:00 UTC.
	Times Times
	// Security is the descriptor of the root, and of all that names no other
	// and is in no folder that does; nil is SecurityPublic.
	Security []byte
	// MFTRuns is the number of runs of $MFT at least; 0 is 1.
	MFTRuns int
	// FirstRecord is the record number of the first file; 0 is 40.
	FirstRecord int
	// VolumeID is the object id of the volume, all zeros for none.
	VolumeID [16]byte
	// Free is a number of clusters that stay free behind the files.
	Free int64
}

// LogState is what $LogFile says.
type LogState int

const (
	LogEmpty LogState = iota // all ones, as after formatting by ntfs-3g
	LogClean                 // closed by Windows
	LogOpen                  // Windows did not close the volume
)

// Flags of $VOLUME_INFORMATION.
const (
	Dirty            = 0x0001
	UpgradeOnMount   = 0x0004
	ModifiedByChkdsk = 0x8000
)

func (o *Options) old() bool { return o.Version < 0x301 }
func (o *Options) nt4() bool { return o.Version < 0x300 }

// defaults fills in what zero values stand for, and refuses what cannot be.
func (o *Options) defaults() {
	o.Sector = cmp.Or(o.Sector, 512)
	o.Cluster = cmp.Or(o.Cluster, max(4096, o.Sector))
	o.Version = cmp.Or(o.Version, 0x301)
	o.FirstRecord = cmp.Or(o.FirstRecord, 40)
	o.MFTRuns = max(1, o.MFTRuns)
	if o.Record == 0 {
		o.Record = 1024
		if o.Sector == 4096 {
			o.Record = 4096
		}
	}
	if o.Times == (Times{}) {
		o.Times = At(hivegen.DefaultTime)
	}
	if o.Security == nil {
		o.Security = SecurityPublic()
	}
	if o.Serial == 0 {
		o.Serial = 0xC01D000000000000 | uint64(hivegen.Hash(o.Label))
	}
	power := func(what string, n, least, most int) {
		if n < least || n > most || bits.OnesCount(uint(n)) != 1 {
			panic(fmt.Sprintf("ntfsgen: a %s of %d bytes", what, n))
		}
	}
	power("sector", o.Sector, 512, 4096)
	power("cluster", o.Cluster, o.Sector, 2<<20)
	power("record", o.Record, 1024, 4096)
	if o.Size%int64(o.Sector) != 0 {
		panic(fmt.Sprintf("ntfsgen: a volume of %d bytes is no number of sectors", o.Size))
	}
	if o.FirstRecord < 32 {
		panic(fmt.Sprintf("ntfsgen: the first file cannot have record %d", o.FirstRecord))
	}
}

// An extent is a piece of the volume with a content.
type extent struct {
	at, n int64
	b     []byte                    // the content, zeros follow
	fill  func(p []byte, off int64) // instead of b
	off   int64                     // added to the offsets that fill gets
}

// A Volume is a finished volume. It may be read by several goroutines.
type Volume struct {
	size    int64
	opt     Options
	extents []extent // sorted by at
	root    *inode
	meta    map[string]*inode
	mftRuns []run
	patches []extent // on top of the extents, the last ones win
}

// Size is the size of the volume in bytes.
func (v *Volume) Size() int64 { return v.size }

// ReadAt implements io.ReaderAt.
func (v *Volume) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("ntfsgen: negative offset %d", off)
	}
	n := int(max(0, min(int64(len(p)), v.size-off)))
	p = p[:n:n]
	clear(p)
	end := off + int64(n)
	i, _ := slices.BinarySearchFunc(v.extents, off, func(e extent, off int64) int { return cmp.Compare(e.at+e.n-1, off) })
	for ; i < len(v.extents) && v.extents[i].at < end; i++ {
		v.extents[i].read(p, off)
	}
	for _, e := range v.patches {
		e.read(p, off)
	}
	if n < cap(p) || end == v.size && n == 0 {
		return n, io.EOF
	}
	return n, nil
}

// read copies what e has of the len(p) bytes at off.
func (e *extent) read(p []byte, off int64) {
	from, to := max(e.at, off), min(e.at+e.n, off+int64(len(p)))
	if from >= to {
		return
	}
	out, in := p[from-off:to-off], from-e.at
	switch {
	case e.fill != nil:
		e.fill(out, in+e.off)
	case in < int64(len(e.b)):
		clear(out[copy(out, e.b[in:]):])
	default:
		clear(out)
	}
}

// WriteFile writes the volume as a sparse file.
func (v *Volume) WriteFile(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if err := f.Truncate(v.size); err != nil {
		return err
	}
	const page = 64 << 10
	buf, zero := make([]byte, page), make([]byte, page)
	done := int64(0)
	for _, e := range slices.Concat(v.extents, v.patches) {
		if e.at < done {
			done = 0 // a patch
		}
		for at := max(done, e.at/page*page); at < e.at+e.n; at += page {
			n, err := v.ReadAt(buf, at)
			if err != nil && err != io.EOF {
				return err
			}
			done = at + page
			if bytes.Equal(buf[:n], zero[:n]) {
				continue
			}
			if _, err := f.WriteAt(buf[:n], at); err != nil {
				return err
			}
		}
	}
	return nil
}

// Patch returns a volume in which the bytes at off are b; v stays as it is.
func (v *Volume) Patch(off int64, b []byte) *Volume {
	if off < 0 || off+int64(len(b)) > v.size {
		panic(fmt.Sprintf("ntfsgen: a patch of %d bytes at %d is outside of the volume", len(b), off))
	}
	w := *v
	w.patches = append(slices.Clip(v.patches), extent{at: off, n: int64(len(b)), b: slices.Clone(b)})
	return &w
}

// A Placed is a file or folder with its place on the volume.
type Placed struct {
	// Paths are all its names, the first being that of the literal; without a
	// leading backslash, "" for the root.
	Paths []string
	// Node is what was asked for, with what it inherits: Attr, Times and
	// Security are set as they stand on the disk.
	Node
	Record   uint64
	Sequence uint16
	// Further are the records that an attribute list leads to.
	Further []uint64

	streams map[string]*stream
	cluster int64
}

// An Extent is a run of a stream in bytes; Pos is the place on the volume, -1
// for a hole.
type Extent struct{ Off, Pos, Len int64 }

// Extents returns the runs of a stream, nil for one in the record. They reach
// to the end of the last cluster, past the size.
func (p *Placed) Extents(stream string) []Extent {
	s := p.streams[stream]
	if s == nil {
		return nil
	}
	var list []Extent
	var off int64
	for _, r := range s.runs {
		pos := int64(-1)
		if r.lcn != hole {
			pos = r.lcn * p.cluster
		}
		list = append(list, Extent{off, pos, r.n * p.cluster})
		off += r.n * p.cluster
	}
	return list
}

// Files returns what is on the volume, folders before what they hold, without
// the metadata files and what is deleted.
func (v *Volume) Files() []Placed {
	files := []Placed{v.placed(v.root)}
	v.root.all(func(n *inode) {
		for at := n; at != v.root; at = at.parent {
			if at.Deleted {
				return
			}
		}
		files = append(files, v.placed(n))
	})
	return files
}

func (v *Volume) placed(n *inode) Placed {
	p := Placed{Paths: append([]string{n.path}, n.Links...), Node: n.Node, Record: n.num, Sequence: n.seq, Further: n.records,
		streams: n.streams, cluster: int64(v.opt.Cluster)}
	p.Children = nil
	return p
}

// File returns the file or folder of a path, also one that is deleted or a
// metadata file such as $MFT or $Extend\$Reparse.
func (v *Volume) File(path string) Placed {
	if n := v.meta[path]; n != nil {
		return v.placed(n)
	}
	at := v.root
	if path != "" {
		for _, name := range strings.Split(path, `\`) {
			i := slices.IndexFunc(at.children, func(c *inode) bool { return c.Name == name })
			if i < 0 {
				panic("ntfsgen: there is no " + path)
			}
			at = at.children[i]
		}
	}
	return v.placed(at)
}

// RecordOffset returns where on the volume an MFT record stands.
func (v *Volume) RecordOffset(num uint64) int64 {
	off := int64(num) * int64(v.opt.Record)
	for _, r := range v.mftRuns {
		n := r.n * int64(v.opt.Cluster)
		if off < n {
			return r.lcn*int64(v.opt.Cluster) + off
		}
		off -= n
	}
	panic(fmt.Sprintf("ntfsgen: there is no record %d", num))
}

// MirrorOffset returns where $MFTMirr stands.
func (v *Volume) MirrorOffset() int64 {
	mirror := v.File("$MFTMirr")
	return mirror.Extents("")[0].Pos
}

// A builder lays a volume out.
type builder struct {
	opt     Options
	cluster int64
	next    int64 // first cluster that was not given out
	used    []run // given out and in use
	extents []extent
	mft     map[uint64][]byte
	last    uint64 // highest record number that is taken
	root    *inode
	meta    map[uint64]*inode
	secure  securityIDs
}

// Build makes a volume that holds the nodes.
func Build(opt Options, nodes ...*Node) *Volume {
	opt.defaults()
	b := &builder{opt: opt, cluster: int64(opt.Cluster), mft: map[uint64][]byte{}}
	b.root = &inode{Node: Node{Dir: true, Attr: Hidden | System, Times: &opt.Times, Security: opt.Security}, num: recRoot, seq: recRoot}
	b.root.parent = b.root
	b.root.merge(nodes)
	b.system()
	v := &Volume{opt: opt, root: b.root, meta: map[string]*inode{}}
	for _, n := range b.meta {
		v.meta[n.path] = n
	}
	v.size, v.mftRuns = b.write()
	v.extents = b.extents
	slices.SortFunc(v.extents, func(x, y extent) int { return cmp.Compare(x.at, y.at) })
	for i := 1; i < len(v.extents); i++ {
		if x, y := v.extents[i-1], v.extents[i]; x.at+x.n > y.at {
			panic(fmt.Sprintf("ntfsgen: two contents at %d", y.at))
		}
	}
	return v
}

func (b *builder) clustersFor(n int64) int64 { return (n + b.cluster - 1) / b.cluster }

// alloc gives out n clusters in pieces runs, if there are as many clusters.
// Several runs do not touch, and every second pair of them is swapped.
func (b *builder) alloc(n int64, pieces int) []run {
	return b.allocSegments([]int64{n}, pieces)
}

// allocSegments gives out clusters for segments of these lengths; negative
// ones are holes.
func (b *builder) allocSegments(segments []int64, pieces int) []run {
	var stored int64
	for _, n := range segments {
		stored += max(0, n)
	}
	longest := max(1, stored/int64(max(1, pieces)))
	var runs []run
	var places []int // of the stored runs
	for _, n := range segments {
		if n < 0 {
			runs = append(runs, run{hole, -n})
			continue
		}
		for n > 0 {
			m := n
			if pieces > 1 {
				m = min(n, longest)
			}
			places = append(places, len(runs))
			runs = append(runs, run{0, m})
			n -= m
		}
	}
	if pieces > 1 {
		for i := 0; i+1 < len(places); i += 2 {
			places[i], places[i+1] = places[i+1], places[i]
		}
	}
	for _, i := range places {
		runs[i].lcn = b.next
		b.next += runs[i].n
		if pieces > 1 {
			b.next++
		}
		b.used = append(b.used, run{runs[i].lcn, runs[i].n})
	}
	return joinRuns(runs)
}

// joinRuns makes one run of neighbours.
func joinRuns(runs []run) []run {
	var out []run
	for _, r := range runs {
		if n := len(out) - 1; n >= 0 && (r.lcn == hole && out[n].lcn == hole || r.lcn != hole && out[n].lcn != hole && out[n].lcn+out[n].n == r.lcn) {
			out[n].n += r.n
			continue
		}
		out = append(out, r)
	}
	return out
}

// store puts content into one run of clusters.
func (b *builder) store(content []byte) *stream {
	n := int64(len(content))
	s := &stream{runs: b.alloc(b.clustersFor(n), 1), size: n, valid: n}
	b.put(s, content)
	return s
}

// put writes content into the stored runs of s in their order.
func (b *builder) put(s *stream, content []byte) {
	var at int64
	for _, r := range s.runs {
		if r.lcn == hole {
			continue
		}
		n := r.n * b.cluster
		if at < int64(len(content)) {
			b.extents = append(b.extents, extent{at: r.lcn * b.cluster, n: n, b: content[at:]})
		}
		at += n
	}
}

// place lays the content of a stream out in clusters; flags are those of its
// attribute.
func (b *builder) place(d *Data, encrypted bool) (s *stream, flags uint16) {
	s = &stream{size: d.Size, valid: d.ValidSize()}
	stored := max(d.Size, int64(len(d.Bytes)))
	if encrypted {
		flags |= flagEncrypted
	}
	switch {
	case d.compressed:
		b.placeCompressed(s, d)
		return s, flags | flagCompressed
	case d.sparse:
		s.unit = 4
		b.placeSparse(s, d)
		return s, flags | flagSparse
	}
	s.runs = b.alloc(b.clustersFor(stored), d.runs)
	b.putData(s, d)
	return s, flags
}

// putData writes the content of s into those of its runs that are no holes,
// and garbage behind its end.
func (b *builder) putData(s *stream, d *Data) {
	end := max(d.Size, int64(len(d.Bytes)))
	fill := func(p []byte, off int64) {
		d.stored(p, off)
		for i := max(0, end-off); i < int64(len(p)); i++ {
			p[i] = Garbage
		}
	}
	var off int64
	for _, r := range s.runs {
		n := r.n * b.cluster
		if r.lcn != hole {
			e := extent{at: r.lcn * b.cluster, n: n, fill: fill, off: off}
			if d.Gen == nil && !d.hasValid && off+n <= int64(len(d.Bytes)) {
				e = extent{at: e.at, n: n, b: d.Bytes[off:]}
			}
			b.extents = append(b.extents, e)
		}
		off += n
	}
}

const compressionUnit = 16 // clusters

func (b *builder) placeSparse(s *stream, d *Data) {
	unit := compressionUnit * b.cluster
	var segments []int64
	for off := int64(0); off < d.Size; {
		n := int64(unit)
		empty := d.hole(off, min(n, d.Size-off))
		// One look is enough for what is nothing but a hole.
		if d.holes != nil && empty && d.holes(off, d.Size-off) {
			n = d.Size - off
		}
		n = b.clustersFor(min(n, d.Size-off))
		if empty {
			segments = append(segments, -n)
		} else {
			segments = append(segments, n)
		}
		off += n * b.cluster
	}
	s.runs = b.allocSegments(segments, d.runs)
	b.putData(s, d)
}

func (b *builder) placeCompressed(s *stream, d *Data) {
	if b.cluster > 4096 {
		panic("ntfsgen: only clusters of up to 4096 bytes can be compressed")
	}
	s.unit = 4
	unit := compressionUnit * b.cluster
	var segments []int64
	var packed []byte
	buf := make([]byte, unit)
	for off := int64(0); off < d.Size; off += unit {
		d.stored(buf, off)
		if isZero(buf) {
			segments = append(segments, -compressionUnit)
			continue
		}
		z := lznt1(buf)
		n := b.clustersFor(int64(len(z)))
		if n >= compressionUnit {
			segments = append(segments, compressionUnit)
			packed = append(packed, buf...)
			continue
		}
		segments = append(segments, n, n-compressionUnit)
		packed = append(packed, z...)
		packed = append(packed, make([]byte, n*b.cluster-int64(len(z)))...)
	}
	s.runs = b.allocSegments(segments, d.runs)
	b.put(s, packed)
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
