package ntfs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/mutants"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
	"github.com/coldstate/coldstate/volumes/winfs/winfstest"
)

// mutantPiece is how much is read at either end of a stream, mutantRead how
// much of a volume, in bytes.
const (
	mutantPiece = 64 << 10
	mutantRead  = 4 << 20
)

func TestMain(m *testing.M) {
	mutants.Main(m, func() (out []*mutants.Base) {
		for _, b := range mutantVolumes() {
			b.prepare()
			out = append(out, &mutants.Base{Name: b.name, Weight: b.weight, Try: b.try})
		}
		return out
	})
}

// TestMutants damages volumes at random: no panic, no hang, no memory without
// bounds, and many can still be read.
func TestMutants(t *testing.T) { mutants.Test(t, 400, 10_000) }

// try opens and reads a mutant.
func (b *mutantBase) try(rnd *rand.Rand) (opened, walked bool, err error) {
	m := &mutant{r: b.img, size: b.size}
	b.mutate(rnd, m)
	fs, err := Open(m, m.size, Options{})
	if err != nil {
		if _, ok := errors.AsType[*FormatError](err); !ok && !errors.Is(err, ErrNotNTFS) {
			return false, false, fmt.Errorf("%w has no place", err)
		}
		return false, false, nil
	}
	found, err := useAll(fs)
	return true, err == nil && found >= b.entries/2, err
}

// useAll uses all of a volume, the contents within limits, and holds it to
// what winfs promises. It returns the number of entries it found.
func useAll(fs *FS) (found int, err error) {
	_, _ = fs.Free()
	h := fs.Health()
	_, _ = h.Notes(), h.Words()
	_, _ = fs.Problems(), fs.Label()
	for _, name := range []string{"$MFT", "$MFTMirr", "$LogFile", "$Volume", "$AttrDef", "$Bitmap", "$Boot", "$BadClus", "$Secure", "$UpCase", "$Extend", `$Extend\$UsnJrnl`} {
		if e, err := fs.Lookup(name); err == nil {
			budget := int64(2 * mutantPiece)
			if err := useEntry(fs, e, &budget); err != nil {
				return 0, err
			}
		}
	}
	budget := int64(mutantRead)
	return winfstest.Walk(fs, func(e winfs.Entry) error { return useEntry(fs, e, &budget) })
}

func useEntry(fs *FS, e winfs.Entry, budget *int64) error {
	info, err := fs.Info(e)
	if err != nil || info.Size < 0 || info.Links < 1 || info.Start < -1 || info.Missing < 0 {
		return fmt.Errorf("%+v, %w", info, err)
	}
	_, _ = fs.Lookup(winfs.Path(fs, e))
	if short := fs.ShortName(e); short != "" {
		_, _ = fs.Lookup(short)
	}
	if b, err := fs.Security(e); len(b) > maxDescriptor {
		return fmt.Errorf("a descriptor of %d bytes, %w", len(b), err)
	}
	_ = fs.SecurityID(e)
	b, _ := fs.Reparse(e)
	_, _ = winfs.LinkTarget(b)
	_, _ = winfs.Special(b)
	if winfs.IsCloudTag(info.Reparse) {
		root, _ := winfs.CloudRoot(fs, e)
		_, _ = info.WhyNotLocal(winfs.Path(fs, root)), info.Doubtful()
	}
	if b, err := fs.EAs(e); err == nil && b != nil {
		if _, err := winfs.ParseEAs(b); err != nil {
			return err
		}
	}
	if id, err := fs.ObjectID(e); err == nil && id != nil && (len(id) < 16 || len(id) > maxObjectID) {
		return fmt.Errorf("an object id of %d bytes", len(id))
	}
	list, err := fs.Streams(e)
	if err != nil || len(list) != info.Streams {
		return fmt.Errorf("%d streams of %d, %w", len(list), info.Streams, err)
	}
	if info.Attr&winfs.AttrEncrypted != 0 {
		_, _ = fs.EFS(e)
	}
	for k := -1; k < len(list); k++ {
		name, mode := "", info.Mode
		if k >= 0 {
			name, mode = list[k].Name, list[k].Mode
		}
		if mode&winfs.Encrypted != 0 {
			if c, err := fs.OpenRaw(e, name); err == nil {
				if err := useStream(c.Data, budget); err != nil {
					return fmt.Errorf("ciphertext of stream %q: %w", name, err)
				}
			}
		}
		s, err := fs.Open(e, name)
		if err != nil {
			continue
		}
		if err := useStream(s, budget); err != nil {
			return fmt.Errorf("stream %q: %w", name, err)
		}
	}
	return nil
}

// mutantBuffer is what streams are read to.
var mutantBuffer = make([]byte, mutantPiece)

// useStream looks at the places of a stream and reads both of its ends.
func useStream(s winfs.Stream, budget *int64) error {
	if err := winfstest.CheckPlaces(s); err != nil {
		return err
	}
	size := s.Size()
	offs := []int64{0}
	if size > mutantPiece {
		offs = append(offs, size-mutantPiece)
	}
	for _, off := range offs {
		p := mutantBuffer[:min(mutantPiece, max(*budget, 0))]
		if len(p) == 0 {
			return nil
		}
		n, err := s.ReadAt(p, off)
		*budget -= int64(n)
		want := min(int64(len(p)), max(size-off, 0))
		var re *winfs.ReadError
		switch {
		case int64(n) > want, int64(n) < want && !errors.As(err, &re), int64(n) == want && err != nil && err != io.EOF:
			return fmt.Errorf("ReadAt(%d) of %d bytes = %d, %w", off, size, n, err)
		case re != nil && (re.Off > off+int64(n) || re.Off+re.Len <= off+int64(n)):
			return fmt.Errorf("ReadAt(%d) of %d bytes = %d: %+v", off, size, n, re)
		}
	}
	return nil
}

// mutant is a volume with some sectors written over.
type mutant struct {
	r       io.ReaderAt
	size    int64 // as it is told to Open
	sectors map[int64][]byte
	order   []int64 // places of the sectors, sorted
}

const mutantSector = 512

func (m *mutant) ReadAt(p []byte, off int64) (int, error) {
	n, err := m.r.ReadAt(p, off)
	end := off + int64(n)
	k, _ := slices.BinarySearch(m.order, off-mutantSector+1)
	for ; k < len(m.order) && m.order[k] < end; k++ {
		at := m.order[k]
		b := m.sectors[at]
		if at >= off {
			copy(p[at-off:n], b)
		} else {
			copy(p[:n], b[off-at:])
		}
	}
	return n, err
}

// edit changes n bytes at off.
func (m *mutant) edit(off, n int64, fn func(b []byte)) {
	first := off / mutantSector * mutantSector
	end := (off + n + mutantSector - 1) / mutantSector * mutantSector
	b := make([]byte, end-first)
	if _, err := m.ReadAt(b, first); err != nil && err != io.EOF {
		panic(err)
	}
	fn(b[off-first:][:n])
	if m.sectors == nil {
		m.sectors = map[int64][]byte{}
	}
	for at := first; at < end; at += mutantSector {
		if _, ok := m.sectors[at]; !ok {
			k, _ := slices.BinarySearch(m.order, at)
			m.order = slices.Insert(m.order, k, at)
		}
		m.sectors[at] = b[at-first:][:mutantSector]
	}
}

// mutantBase is a volume to damage.
type mutantBase struct {
	name    string
	weight  int
	img     io.ReaderAt
	size    int64
	record  int64
	records []int64 // places of MFT records in use
	places  []place // clusters of attributes, the metadata files' and those that are decoded first
	entries int
}

// place is a run of an attribute in the volume.
type place struct{ off, n int64 }

// prepare finds the places that matter. It uses the reader under test: a
// place that it does not find is not damaged, no more.
func (b *mutantBase) prepare() {
	if v, ok := b.img.(*ntfsgen.Volume); ok && b.size <= 16<<20 {
		raw := make([]byte, b.size) // a Volume makes its contents at each read
		if _, err := v.ReadAt(raw, 0); err != nil && err != io.EOF {
			panic(err)
		}
		b.img = bytes.NewReader(raw)
	}
	fs, err := Open(b.img, b.size, Options{})
	if err != nil {
		panic(b.name + ": " + err.Error())
	}
	if b.entries, err = useAll(fs); err != nil {
		panic(b.name + ": " + err.Error())
	}
	b.record = fs.geo.record
	var rare, plain []place
	for num := range uint32(fs.mft.size / b.record) {
		rec, h, err := fs.readRecord(num)
		if err != nil {
			continue
		}
		b.records = append(b.records, fs.recordPos(num))
		attrs, _ := parseAttrs(nil, rec, h, num)
		for _, a := range attrs {
			if !a.nonResident {
				continue
			}
			runs, _ := appendRuns(nil, a.runs, a.last-a.first+1, fs.geo.clusters)
			for _, x := range runs[:min(len(runs), 3)] {
				if x.lcn < 0 {
					continue
				}
				p := place{x.lcn * fs.geo.cluster, x.n * fs.geo.cluster}
				p.n = min(p.n, b.size-p.off)
				if a.typ != typeData || num < firstUser || a.flags&attrCompression != 0 || len(a.name) > 0 {
					rare = append(rare, p)
				} else {
					plain = append(plain, p)
				}
			}
		}
	}
	b.places = append(rare, plain[:min(len(plain), 3)]...)
}

// mutate makes a mutant: a few changes, each where the reader looks.
func (b *mutantBase) mutate(rnd *rand.Rand, m *mutant) {
	for range 1 + rnd.IntN(1<<rnd.IntN(9)) {
		switch n := rnd.IntN(100); {
		case n < 2: // the boot sector, or the copy of it as well
			field := []struct{ off, n int64 }{{11, 2}, {13, 1}, {40, 8}, {48, 8}, {56, 8}, {64, 1}}[rnd.IntN(6)]
			seed := rnd.Uint64()
			for _, at := range []int64{0, b.size - 512}[:1+rnd.IntN(2)] {
				m.edit(at+field.off, field.n, func(p []byte) { mutants.Scribble(rand.New(rand.NewPCG(seed, 1)), p) })
			}
		case n < 3: // the volume claims to be huge
			m.edit(40, 8, func(p []byte) { binary.LittleEndian.PutUint64(p, 1<<(30+rnd.IntN(22))) })
			if rnd.IntN(2) == 0 {
				continue
			}
			num := []int{0, 6, 9}[rnd.IntN(3)] // $MFT, $Bitmap, $Secure
			m.edit(b.records[min(num, len(b.records)-1)], b.record, func(p []byte) {
				if fixup(p) != nil {
					return
				}
				offs := attrOffsets(p)
				if k := slices.IndexFunc(offs, func(off int) bool { return p[off] == typeData && p[off+8] != 0 }); k >= 0 {
					hugeHole(rnd, grow(p, offs[k], 16))
				}
				unfix(p)
			})
		case n < 4: // cut by a bad clone
			m.size = 512 + rnd.Int64N(b.size-512)
			if rnd.IntN(2) == 0 {
				m.size = b.size - rnd.Int64N(b.size/8)
			}
		case n < 6: // torn, or overwritten
			m.edit(b.anyRecord(rnd), b.record, func(p []byte) { mutants.Scribble(rnd, p) })
		case n < 8: // one record in the place of another
			rec := make([]byte, b.record)
			if _, err := m.ReadAt(rec, b.anyRecord(rnd)); err == nil {
				m.edit(b.anyRecord(rnd), b.record, func(p []byte) { copy(p, rec) })
			}
		case n < 40 && len(b.places) > 0:
			p := b.places[rnd.IntN(len(b.places))]
			k := min(p.n, 1<<(4+rnd.IntN(10)))
			if rnd.IntN(4) == 0 {
				p.off += rnd.Int64N(p.n-k+1) &^ 15
			}
			m.edit(p.off, k, func(p []byte) {
				if rnd.IntN(16) == 0 {
					clear(p)
				}
				for range 1 + rnd.IntN(6) {
					mutants.Scribble(rnd, p)
				}
			})
		default: // a record that passes its check
			m.edit(b.anyRecord(rnd), b.record, func(p []byte) {
				if fixup(p) != nil {
					return
				}
				mutateRecord(rnd, p)
				unfix(p)
			})
		}
	}
}

// anyRecord is the place of a record, often that of a metadata file.
func (b *mutantBase) anyRecord(rnd *rand.Rand) int64 {
	if rnd.IntN(8) == 0 {
		return b.records[rnd.IntN(min(len(b.records), 12))]
	}
	return b.records[rnd.IntN(len(b.records))]
}

// attrOffsets is where the attributes of a record are, as far as their lengths
// are good.
func attrOffsets(p []byte) (offs []int) {
	for off := int(binary.LittleEndian.Uint16(p[20:])); off+24 <= len(p); {
		n := int64(binary.LittleEndian.Uint32(p[off+4:]))
		if binary.LittleEndian.Uint32(p[off:]) == typeEnd || n < 24 || n > int64(len(p)-off) {
			break
		}
		offs = append(offs, off)
		off += int(n)
	}
	return offs
}

// mutateRecord changes an MFT record whose sectors are restored.
func mutateRecord(rnd *rand.Rand, p []byte) {
	offs := attrOffsets(p)
	if len(offs) == 0 || rnd.IntN(12) == 0 {
		mutants.Scribble(rnd, p[16:48]) // sequence, flags, used bytes, base record
		return
	}
	// What there is little of, and what is last, is as likely as the rest.
	off := offs[rnd.IntN(len(offs))]
	if rnd.IntN(2) == 0 {
		off = offs[len(offs)-1]
	}
	a := p[off:][:binary.LittleEndian.Uint32(p[off+4:])]
	switch {
	case rnd.IntN(4) == 0:
		mutants.Scribble(rnd, a[:min(24, len(a))]) // type, length, form, name, flags
	case a[8] != 0 && len(a) >= 72:
		switch at := int(binary.LittleEndian.Uint16(a[32:])); rnd.IntN(4) {
		case 0:
			mutants.Scribble(rnd, a[16:64]) // clusters, unit, sizes
		case 1:
			hugeHole(rnd, grow(p, off, 16))
		default:
			mutants.Scribble(rnd, a[min(at, len(a)-1):])
		}
	case a[8] == 0:
		at := int(binary.LittleEndian.Uint16(a[20:]))
		mutants.Scribble(rnd, a[min(at, len(a)-1):])
		if rnd.IntN(4) == 0 {
			mutants.Scribble(rnd, a[16:22]) // length and place of the value
		}
	default:
		mutants.Scribble(rnd, a)
	}
}

// grow makes the attribute at off n bytes longer, where the record has room.
func grow(p []byte, off, n int) []byte {
	size := int(binary.LittleEndian.Uint32(p[off+4:]))
	if used := int(min(binary.LittleEndian.Uint32(p[24:]), maxRecord)); off+size <= used && used+n <= len(p) {
		copy(p[off+size+n:], p[off+size:used])
		clear(p[off+size:][:n])
		size += n
		binary.LittleEndian.PutUint32(p[off+4:], uint32(size))
		binary.LittleEndian.PutUint32(p[24:], uint32(used+n))
	}
	return p[off : off+size]
}

// hugeHole makes a non-resident attribute as large as can be, by a hole.
func hugeHole(rnd *rand.Rand, a []byte) {
	at := int(binary.LittleEndian.Uint16(a[32:]))
	if at < 64 || at+12 > len(a) || binary.LittleEndian.Uint64(a[16:]) != 0 {
		return
	}
	shift := 9 + rnd.IntN(13) // of a cluster; sometimes the right one
	clusters := uint64(1) << (20 + rnd.IntN(34))
	if rnd.IntN(2) == 0 {
		clusters = math.MaxInt64>>shift - uint64(rnd.IntN(20))
	}
	list, before := a[at:], uint64(0)
	k := 0
	if n := int(list[0] & 15); rnd.IntN(2) == 0 && n > 0 && n < 5 && 1+n+int(list[0]>>4)+10 < len(list) {
		// Its first run stays.
		for i := range n {
			before |= uint64(list[1+i]) << (8 * i)
		}
		k = 1 + n + int(list[0]>>4)
	}
	rest := bytes.Clone(list[k:])
	list[k] = 8
	binary.LittleEndian.PutUint64(list[k+1:], clusters)
	list[k+9] = 0
	if rnd.IntN(2) == 0 {
		// The rest of its runs stands behind the hole.
		copy(list[k+9:], rest)
		before = binary.LittleEndian.Uint64(a[24:]) + 1
	}
	binary.LittleEndian.PutUint64(a[24:], before+clusters-1)
	size := (before + clusters) << shift
	if rnd.IntN(2) == 0 {
		size = min(size, math.MaxInt64)
	}
	size -= uint64(rnd.IntN(3000))
	for _, off := range []int{40, 48, 56} {
		binary.LittleEndian.PutUint64(a[off:], size)
	}
	if rnd.IntN(3) == 0 {
		binary.LittleEndian.PutUint16(a[12:], 1) // compressed, units of 16 clusters
		a[34] = 4
	}
}

// unfix puts the update sequence number of a record into its sectors.
func unfix(p []byte) {
	off := int(binary.LittleEndian.Uint16(p[4:]))
	for i := 1; i <= len(p)/stride && off+2*i+2 <= len(p); i++ {
		tail := p[stride*i-2 : stride*i]
		copy(p[off+2*i:], tail)
		copy(tail, p[off:off+2])
	}
}

// mutantTree is a tree with all that a volume can hold.
func mutantTree(cluster int) []*ntfsgen.Node {
	text := strings.Repeat("WOF keeps this text in chunks. ", 700)
	chunks := func(n int) (all [][]byte) {
		for i := range n {
			all = append(all, xpressRun(byte('a'+i), 4096))
		}
		return append(all, []byte("the last chunk"))
	}
	var ids ntfsgen.ObjectID
	copy(ids[:], "an object's name")
	big := bytes.Repeat([]byte("value "), 400)
	return append(matrixTree(cluster, cluster <= 4096, true),
		ntfsgen.CompactPacked("xpress4k.exe", 6*4096+14, packWof(4, chunks(6)...), ntfsgen.Xpress4K),
		ntfsgen.Compact("xpress8k.exe", []byte(text), ntfsgen.Xpress8K),
		ntfsgen.Compact("xpress16k.exe", []byte(text+text+text), ntfsgen.Xpress16K),
		ntfsgen.Compact("lzx.exe", []byte(text+text+text), ntfsgen.LZX),
		ntfsgen.Junction("junction", `C:\many`),
		ntfsgen.MountPoint("mounted", "01234567-89ab-cdef-0123-456789abcdef"),
		ntfsgen.Symlink("link", `..\somewhere`), ntfsgen.SymlinkDir("folder link", `C:\many`),
		ntfsgen.LXSymlink("lx", "/etc/hosts"),
		ntfsgen.AppExecLink("app.exe", "App_8wekyb3d8bbwe", "App!App", `C:\Program Files\app.exe`),
		ntfsgen.Dir("OneDrive", ntfsgen.CloudFile,
			ntfsgen.Placeholder("online.docx", 123_456), ntfsgen.File("here.docx", "here", ntfsgen.CloudFile)),
		ntfsgen.File("dedup.bin", ntfsgen.Zeros(70_000).Sparse(), ntfsgen.ReparseData(winfs.TagDedup, make([]byte, 100))),
		ntfsgen.File("secret.doc", ntfsgen.Noise("ciphertext", 5120), func(n *ntfsgen.Node) { n.EFS = bytes.Repeat([]byte("EFS!"), 144) }),
		ntfsgen.File("attributes.txt", "EAs", ids, ntfsgen.Short("ATTRIB~1.TXT"),
			ntfsgen.EA{Name: "$LXUID", Value: []byte{1, 2, 3, 4}}, ntfsgen.EA{Name: "$LXMOD", Value: []byte{5, 6, 7, 8}, Need: true}),
		ntfsgen.File("many attributes.txt", ntfsgen.EA{Name: "LARGE", Value: big}, ntfsgen.Short("MANYAT~1.TXT"), ntfsgen.Link(`many\link to EAs`)),
		ntfsgen.Dir("cases", func(n *ntfsgen.Node) { n.CaseSensitive = true }, ntfsgen.File("a"), ntfsgen.File("A")),
		ntfsgen.Dir("deleted folder", func(n *ntfsgen.Node) { n.Deleted = true }, ntfsgen.File("orphan.txt", "orphan")),
		ntfsgen.Dir(`a\deep\chain\of\folders`, ntfsgen.File("end", "end")),
	)
}

// mutantVolumes are the volumes that are damaged.
func mutantVolumes() []*mutantBase {
	var out []*mutantBase
	add := func(name string, weight int, opt ntfsgen.Options, nodes ...*ntfsgen.Node) {
		v := ntfsgen.Build(opt, nodes...)
		out = append(out, &mutantBase{name: name, weight: weight, img: v, size: v.Size()})
	}
	add("clusters of 4 KiB", 20, ntfsgen.Options{MFTRuns: 5, Log: ntfsgen.LogClean}, mutantTree(4096)...)
	add("clusters of 512 bytes", 12, ntfsgen.Options{Cluster: 512, MFTRuns: 40, Log: ntfsgen.LogOpen}, mutantTree(512)...)
	add("sectors of 4 KiB", 12, ntfsgen.Options{Sector: 4096}, mutantTree(4096)...)
	add("clusters of 64 KiB", 8, ntfsgen.Options{Cluster: 64 << 10, Record: 4096}, mutantTree(64<<10)...)
	add("clusters of 2 MiB", 2, ntfsgen.Options{Cluster: 2 << 20}, damageTree()...)
	add("NT 4", 6, ntfsgen.Options{Version: 0x102}, damageTree()...)
	add("attribute lists", 14, ntfsgen.Options{MFTRuns: 200, Cluster: 1024}, damageTree()...)
	var many []*ntfsgen.Node
	for i := range 1500 {
		many = append(many, ntfsgen.File(fmt.Sprintf("file number %d in a large folder.txt", i)))
	}
	add("a large index", 1, ntfsgen.Options{}, ntfsgen.Dir("large", many))
	small, _ := testVolume()
	img := small.bytes()
	out = append(out, &mutantBase{name: "the small volume", weight: 15, img: bytes.NewReader(img), size: int64(len(img))})
	disk, size := testimages.Disk()
	const first, length = 26624 * 512, 65536 * 512 // of the partition
	out = append(out, &mutantBase{name: "the sample disk", weight: 4, img: io.NewSectionReader(disk, first, min(length, size-first)), size: min(length, size-first)})
	slices.SortStableFunc(out, func(a, b *mutantBase) int { return cmp.Compare(b.weight, a.weight) })
	return out
}
