package capture_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/medium"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// content names what a file reference and a stream stand for, whatever the
// path is: files whose folder is lost get another one.
type content struct {
	record int64
	stream string
}

// fate is what became of a content.
type fate struct {
	objects int // entries of the catalog: one for each name
	class   string
	ranges  []store.Range
	sum     store.Sum
	holes   []store.Range
	path    string
	paths   []string // of all objects, in order
	size    int64
	reason  string
}

// classes are the outcomes that are told apart: whether a content is stored for
// itself or as another's depends on what the other one is.
func class(o store.Outcome) string {
	switch o {
	case store.Captured, store.Linked, store.Duplicate:
		return "whole"
	}
	return string(o)
}

// failingPlan plans everything on a disk; nil when no Windows is found on it.
func failingPlan(t *testing.T, image string, wrap func(path string, r io.ReaderAt, size int64, opt *medium.Options) io.ReaderAt) (*plan.Plan, *volumes.Set) {
	t.Helper()
	set, err := volumes.Open([]string{image}, volumes.Options{Medium: wrap})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	systems, _, err := offline.Find(set, offline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(systems) != 1 {
		return nil, set
	}
	users, _, err := profile.Users(systems[0])
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := migxml.Parse("all.xml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(context.Background(), systems[0], set, users, []*migxml.Document{d}, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p, set
}

// fates captures a plan, and tells what became of the contents, and of objects
// that stand for what has no name.
func fates(t *testing.T, p *plan.Plan) (map[content]*fate, map[string]string) {
	t.Helper()
	d, _ := captureAll(t, p)
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	out, nameless := map[content]*fate{}, map[string]string{}
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		if o.Path == `C:\$MFT` || o.Path == `C:\$Orphans` && o.File.File == 0 {
			nameless[string(o.Path)] = string(o.Outcome) + ": " + o.Reason
		}
		if o.Kind == store.Part || o.File.File == 0 || o.File.File == 1<<48-1 {
			continue // not of the volume; made up by the reader
		}
		k := content{int64(o.File.File & (1<<48 - 1)), string(o.Stream)}
		f := out[k]
		if f == nil {
			f = &fate{class: class(o.Outcome), path: string(o.Path)}
			out[k] = f
		}
		f.objects++
		f.paths = append(f.paths, orphanNumber.ReplaceAllString(string(o.Path), "$1 "))
		if o.Kind == store.File {
			f.size = o.Size
		}
		if o.Outcome != store.Linked {
			f.class, f.ranges, f.sum, f.holes, f.reason = class(o.Outcome), o.Ranges, o.SHA256, o.Holes, o.Reason
		}
	}
	for _, f := range out {
		slices.Sort(f.paths)
	}
	return out, nameless
}

// orphanNumber tells several names of one file apart.
var orphanNumber = regexp.MustCompile(`^(C:\\\$Orphans\\\d+-\d+)\(\d+\) `)

// truth says what bad sectors cost, of the run lists of istat.
type truth struct {
	lost    map[int64]bool            // the file is not there
	hurt    map[int64]bool            // something of the file is not known
	streams map[content]bool          // the stream is not there
	names   map[int64][]nameAt        // all names that are there, of records that lost some
	ranges  map[content][]store.Range // bytes that are not there
	fatal   bool                      // nothing can be read
	// unnamed are the lost files that no index names; as many as maybe more are
	// counted with them, as what they belong to is lost in part.
	unnamed, maybe int
	named          int  // lost files that have names
	either         int  // lost files that istat does not know
	mirror         bool // the copy of a record is lost that $MFT has
}

// place is a cluster of an attribute.
type place struct {
	entry, attr int
	vcn         int64
}

type layout struct {
	entries []entry
	byNum   map[int64]int
	owner   map[int64][]place  // by cluster
	known   map[int64][]nameAt // by entry: what the indexes of folders say
	heldBy  map[int64][]nameAt // by extension entry: the names that it holds
	further map[int64][]int64  // by base entry: its extensions
}

// nameAt is a name in the index of a folder.
type nameAt struct {
	of, folder int64
	block      int64 // cluster of the index record, 0 in the root of the index
	record     int64 // entry that holds that root
	name       string
	dos        bool
}

func newLayout(t testing.TB, disk io.ReaderAt) *layout {
	l := &layout{entries: istatEntries(t), byNum: map[int64]int{}, owner: map[int64][]place{}, known: map[int64][]nameAt{},
		heldBy: map[int64][]nameAt{}, further: map[int64][]int64{}}
	for i, e := range l.entries {
		l.byNum[e.num] = i
		if e.base >= 0 {
			l.further[e.base] = append(l.further[e.base], e.num)
		}
		for k, a := range e.attrs {
			for vcn, c := range a.clusters {
				if c > 0 {
					l.owner[c] = append(l.owner[c], place{i, k, int64(vcn)})
				}
			}
		}
	}
	at := func(c, off int64, n int) []byte {
		b := make([]byte, n)
		if _, err := disk.ReadAt(b, windowsStart+c*cluster+off); err != nil {
			t.Fatal(err)
		}
		// The last bytes of each sector stand in front.
		usa, k := binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:])
		for i := 1; i < int(k); i++ {
			copy(b[512*i-2:512*i], b[int(usa)+2*i:])
		}
		// What is behind the bytes in use is older.
		used := binary.LittleEndian.Uint32(b[24:])
		if string(b[:4]) == "INDX" {
			used = 24 + binary.LittleEndian.Uint32(b[28:])
		}
		return b[:used]
	}
	mft := l.entries[0].attrs[slices.IndexFunc(l.entries[0].attrs, func(a attribute) bool { return a.typ == 128 })].clusters
	raw := func(num int64) []byte { return at(mft[num*record/cluster], num*record%cluster, record) }
	// An entry of an index: the file, 8 bytes, a $FILE_NAME.
	look := func(b []byte, folder *entry, n nameAt) {
		for k := 0; k+82 < len(b); k += 8 {
			ref := binary.LittleEndian.Uint64(b[k:])
			i, ok := l.byNum[int64(ref&(1<<48-1))]
			if !ok || ref != reference(&l.entries[i]) || binary.LittleEndian.Uint64(b[k+16:]) != reference(folder) {
				continue
			}
			size := int(b[k+80]) * 2
			n.of, n.folder, n.dos = l.entries[i].num, folder.num, b[k+81] == 2
			n.name = wstr.FromUTF16LE(b[k+82 : k+82+size])
			l.known[n.of] = append(l.known[n.of], n)
		}
	}
	for i := range l.entries {
		e := &l.entries[i]
		if !e.dir {
			continue
		}
		look(raw(e.num), e, nameAt{record: e.num})
		for _, num := range l.further[e.num] {
			look(raw(num), e, nameAt{record: num})
		}
		for _, a := range e.attrs {
			if a.typ != 160 || a.name != "$I30" {
				continue
			}
			for _, c := range a.clusters {
				if c != 0 {
					look(at(c, 0, cluster), e, nameAt{block: c})
				}
			}
		}
	}
	for i := range l.entries {
		e := &l.entries[i]
		if e.base < 0 {
			for _, p := range e.parents {
				if e.num != rootRecord && !slices.ContainsFunc(l.known[e.num], func(n nameAt) bool { return n.folder == p && !n.dos }) {
					t.Fatalf("entry %d: no name of it is found in the index of %d", e.num, p)
				}
			}
			continue
		}
		b := raw(e.num)
		for _, n := range l.known[e.base] {
			want := binary.LittleEndian.AppendUint64(nil, reference(&l.entries[l.byNum[n.folder]]))
			name := wstr.AppendUTF16LE(nil, n.name)
			for k := 0; k+66+len(name) <= len(b); k += 8 {
				if bytes.Equal(b[k:k+8], want) && bytes.Equal(b[k+66:k+66+len(name)], name) {
					l.heldBy[e.num] = append(l.heldBy[e.num], n)
				}
			}
		}
	}
	return l
}

func reference(e *entry) uint64 { return uint64(e.num) | uint64(e.seq)<<48 }

// names gives the names of an entry that are left when records and index
// records are bad: its own, and those that the indexes of folders have.
func (l *layout) names(num int64, own bool, records, blocks map[int64]bool) (out []nameAt) {
	there := func(n nameAt) bool {
		if records[n.folder] {
			return false
		}
		if n.block != 0 {
			return !blocks[n.block]
		}
		return !records[n.record]
	}
	for _, n := range l.known[num] {
		if n.dos {
			continue
		}
		held := own
		for _, x := range l.further[num] {
			held = held && !(records[x] && slices.Contains(l.heldBy[x], n))
		}
		if held || there(n) {
			out = append(out, n)
		}
	}
	if own && len(out) > 0 {
		return out
	}
	for _, n := range l.known[num] {
		if n.dos && there(n) && !slices.ContainsFunc(out, func(o nameAt) bool { return o.folder == n.folder }) {
			out = append(out, n)
		}
	}
	return out
}

// path is where a name should be found.
func (l *layout) path(tr *truth, n nameAt) string {
	const volume = "C:"
	if n.folder == rootRecord {
		return volume + `\` + n.name
	}
	names := l.known[n.folder]
	if tr.lost[n.folder] {
		names = tr.names[n.folder]
	}
	if len(names) == 0 {
		e := &l.entries[l.byNum[n.of]]
		return fmt.Sprintf(`%s\$Orphans\%d-%d %s`, volume, e.num, e.seq, n.name)
	}
	k := max(0, slices.IndexFunc(names, func(n nameAt) bool { return !n.dos }))
	return l.path(tr, names[k]) + `\` + n.name
}

// unknownRecord is a sparse file larger than its volume, which istat refuses
// ("Run length is larger than file system").
const unknownRecord = 428

const (
	rootRecord   = 5
	unitClusters = 16 // of a compression unit
)

// truth works out what the sectors of the volume in bad cost. They are numbers
// of 512 bytes from its start, in order.
func (l *layout) truth(bad []int64) *truth {
	tr := &truth{lost: map[int64]bool{}, hurt: map[int64]bool{}, streams: map[content]bool{}, names: map[int64][]nameAt{}, ranges: map[content][]store.Range{}}
	records, mirror := map[int64]bool{}, map[int64]bool{} // that are bad
	blocks := map[int64]bool{}                            // clusters of indexes
	folders := map[int64]bool{}                           // that have them
	lists := map[int64]bool{}                             // attribute lists
	bitmap := false                                       // of $MFT
	for _, s := range bad {
		within := s % (cluster / 512) * 512
		for _, pl := range l.owner[s/(cluster/512)] {
			e, off := &l.entries[pl.entry], pl.vcn*cluster+within
			a := &e.attrs[pl.attr]
			switch {
			case e.num == 0 && a.typ == 128:
				if off < a.size {
					records[off/record] = true
				}
			case e.num == 0 && a.typ == 176:
				bitmap = bitmap || off < a.size
			case e.num == 1 && a.typ == 128:
				mirror[off/record] = true
			case a.typ == 160 && a.name == "$I30":
				blocks[s/(cluster/512)] = true
				if e.base < 0 {
					folders[e.num] = true
				}
			case e.base >= 0 || e.num < 24:
				// The base entry has it as well; or NTFS's own.
			case a.typ == 32:
				if off < a.size {
					tr.hurt[e.num] = true
					lists[e.num] = true
				}
			case a.typ == 128:
				n := int64(512)
				if strings.Contains(a.flags, "C") {
					n = unitClusters * cluster
					off -= off % n
				}
				k := content{e.num, a.name}
				if end := min(off+n, a.size, a.init); off < end {
					tr.ranges[k] = append(tr.ranges[k], store.Range{Off: off, Len: end - off})
				}
			}
		}
	}
	for n := range int64(4) {
		tr.mirror = tr.mirror || mirror[n] && !records[n]
		if !mirror[n] {
			delete(records, n)
		}
	}
	partial := map[int64]bool{}
	for n := range records {
		if n == 0 {
			tr.fatal = true
		}
		i, ok := l.byNum[n]
		if n == unknownRecord {
			tr.either++
		}
		if !ok {
			if bitmap && n >= 24 && n != unknownRecord {
				tr.unnamed++ // nobody knows that it was not in use
			}
			continue
		}
		e := &l.entries[i]
		if n == rootRecord {
			tr.hurt[n] = true // what is in it says so
			continue
		}
		if e.base < 0 {
			tr.lost[n] = true
			continue
		}
		switch {
		case records[e.base]:
			tr.unnamed++
		case lists[e.base]:
			tr.maybe++
		}
		partial[e.base] = true
		tr.hurt[e.base] = true
		for _, a := range e.attrs {
			if a.typ == 128 {
				tr.streams[content{e.base, a.name}] = true
			}
		}
	}
	for n := range tr.lost {
		tr.names[n] = l.names(n, false, records, blocks)
		switch own := l.entries[l.byNum[n]].parents; {
		case n < 24:
		case len(tr.names[n]) == 0:
			tr.unnamed++
		case !slices.Contains(own, 11): // $Extend
			tr.named++
		}
	}
	for n := range partial {
		if !tr.lost[n] {
			tr.names[n] = l.names(n, true, records, blocks)
		}
	}
	// What else would be in the folder is only asked when something is lost.
	searched := tr.unnamed+tr.either+len(partial) > 0 || slices.ContainsFunc(slices.Collect(maps.Keys(tr.lost)), func(n int64) bool { return n >= 24 })
	for n := range folders {
		if searched && !tr.lost[n] && !records[n] {
			tr.hurt[n] = true
		}
	}
	for _, e := range l.entries {
		// Where a file belongs whose folder is gone, and has no name, is not known.
		if slices.ContainsFunc(e.parents, func(n int64) bool { return tr.lost[n] && len(tr.names[n]) == 0 }) {
			tr.hurt[e.num] = true
		}
	}
	for k, rs := range tr.ranges {
		slices.SortFunc(rs, func(a, b store.Range) int { return cmp.Compare(a.Off, b.Off) })
		out := rs[:1]
		for _, r := range rs[1:] {
			switch last := &out[len(out)-1]; {
			case r.Off < last.Off+last.Len: // two sectors of one unit
			case r.Off == last.Off+last.Len:
				last.Len += r.Len
			default:
				out = append(out, r)
			}
		}
		tr.ranges[k] = out
	}
	return tr
}

// want is what should become of a content that is f on a healthy disk; nil when
// it should be gone: it has no name, or is a part of something that is listed.
// whole is its content.
func (h *healthy) want(tr *truth, k content, f *fate, whole []byte) *fate {
	w := *f
	names, changed := tr.names[k.record]
	switch {
	case tr.lost[k.record] && (len(names) == 0 || k.stream != ""), tr.streams[k]:
		return nil
	case tr.lost[k.record]:
		w.class, w.ranges, w.sum = string(store.Unreadable), nil, store.Sum{}
	case tr.hurt[k.record] && w.class == "whole":
		w.class = string(store.Damaged)
	}
	if !changed {
		names = slices.DeleteFunc(slices.Clone(h.known[k.record]), func(n nameAt) bool { return n.dos })
	}
	if k.record != rootRecord {
		w.paths = nil
		for _, n := range names {
			w.paths = append(w.paths, h.path(tr, n))
		}
		slices.Sort(w.paths)
		w.objects = len(w.paths)
	}
	if rs := tr.ranges[k]; len(rs) > 0 && (w.class == "whole" || w.class == string(store.Damaged)) {
		w.class, w.ranges = string(store.Damaged), rs
		w.sum = sumWithout(whole, rs, w.holes)
	}
	return &w
}

// sumWithout is the hash of a content with zeros in the bad ranges, holes left
// out.
func sumWithout(whole []byte, bad, holes []store.Range) store.Sum {
	b := slices.Clone(whole)
	for _, r := range bad {
		clear(b[r.Off : r.Off+r.Len])
	}
	h := sha256.New()
	at := int64(0)
	for _, r := range holes {
		h.Write(b[at:r.Off])
		at = r.Off + r.Len
	}
	h.Write(b[at:])
	return store.Sum(h.Sum(nil))
}

// healthy is what the sample disk gives without faults.
type healthy struct {
	*layout
	image    string
	disk     io.ReaderAt
	size     int64
	fates    map[content]*fate
	contents map[content][]byte
}

func newHealthy(t *testing.T) *healthy {
	t.Helper()
	h := &healthy{image: sampleDisk(t), contents: map[content][]byte{}}
	h.disk, h.size = testimages.Disk()
	h.layout = newLayout(t, h.disk)
	p, set := failingPlan(t, h.image, nil)
	if p == nil {
		t.Fatal("no Windows on the sample disk")
	}
	var nameless map[string]string
	if h.fates, nameless = fates(t, p); len(nameless) > 0 {
		t.Fatalf("on a healthy disk: %v", nameless)
	}
	walkVolume(t, windowsVolume(t, set), func(k content, s volumes.Stream) {
		b := make([]byte, s.Size())
		if _, err := s.ReadAt(b, 0); err != nil && len(b) > 0 {
			t.Fatal(err)
		}
		h.contents[k] = b
	})
	// The run lists are of these files: a content is where istat says.
	checked := 0
	for _, e := range h.entries {
		for _, a := range e.attrs {
			b, ok := h.contents[content{e.num, a.name}]
			if !ok || a.typ != 128 || a.flags != "N" || e.base >= 0 {
				continue
			}
			raw := make([]byte, len(a.clusters)*cluster)
			for i, c := range a.clusters {
				if _, err := h.disk.ReadAt(raw[i*cluster:][:cluster], windowsStart+c*cluster); err != nil {
					t.Fatal(err)
				}
			}
			clear(raw[min(a.init, int64(len(raw))):])
			if int64(len(b)) != a.size || string(b) != string(raw[:a.size]) {
				t.Fatalf("entry %d, stream %q: the clusters of istat hold something else", e.num, a.name)
			}
			checked++
		}
	}
	for k, f := range h.fates {
		if _, ok := h.byNum[k.record]; !ok && k.record != unknownRecord {
			t.Fatalf("istat does not know record %d, %s", k.record, f.path)
		}
		if w := h.want(&truth{}, k, f, h.contents[k]); k.record != unknownRecord && !slices.Equal(w.paths, f.paths) {
			t.Fatalf("%v has the paths %q, and %q by the indexes", k, f.paths, w.paths)
		}
	}
	if checked < 90 {
		t.Fatalf("only %d contents lie in clusters", checked)
	}
	return h
}

func windowsVolume(t *testing.T, set *volumes.Set) *volumes.Volume {
	t.Helper()
	for _, v := range set.Volumes {
		if v.Offset == windowsStart {
			return v
		}
	}
	t.Fatal("the Windows volume is not there")
	return nil
}

// walkVolume opens every stream of every file of a volume, each once.
func walkVolume(t *testing.T, v *volumes.Volume, fn func(content, volumes.Stream)) {
	t.Helper()
	fs, err := v.FS()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[content]bool{}
	var walk func(e volumes.Entry)
	walk = func(e volumes.Entry) {
		info, err := fs.Info(e)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{""}
		ss, _ := fs.Streams(e)
		for _, s := range ss {
			names = append(names, s.Name)
		}
		for _, name := range names {
			k := content{int64(info.File & (1<<48 - 1)), name}
			if seen[k] {
				continue
			}
			seen[k] = true
			if s, err := fs.Open(e, name); err == nil {
				fn(k, s)
			}
		}
		if info.IsDir() && info.Reparse == 0 {
			kids, err := fs.Children(e)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range kids {
				walk(k)
			}
		}
	}
	walk(fs.Root())
}

// The kinds of metadata that bad sectors hit.
var metadata = []string{"$MFT", "$MFTMirr", "an index", "a hive"}

// kinds counts the kinds of metadata that bad sectors hit.
func (h *healthy) kinds(bad []int64, count map[string]int) {
	hit := map[string]bool{}
	for _, s := range bad {
		for _, pl := range h.owner[s/(cluster/512)] {
			e := &h.entries[pl.entry]
			switch a := &e.attrs[pl.attr]; {
			case e.num == 0 && a.typ == 128:
				hit[metadata[0]] = true
			case e.num == 1 && a.typ == 128:
				hit[metadata[1]] = true
			case a.typ == 160 && a.name == "$I30":
				hit[metadata[2]] = true
			case a.typ == 128 && h.isHive(e):
				hit[metadata[3]] = true
			}
		}
	}
	for k := range hit {
		count[k]++
	}
}

// isHive says whether an entry is a registry file of the Windows.
func (h *healthy) isHive(e *entry) bool {
	f := h.fates[content{e.num, ""}]
	if f == nil || e.base >= 0 {
		return false
	}
	switch strings.ToUpper(f.path[strings.LastIndexByte(f.path, '\\')+1:]) {
	case "SOFTWARE", "SYSTEM", "NTUSER.DAT", "USRCLASS.DAT":
		return true
	}
	return false
}

// badSectors chooses n sectors of the Windows volume. The kinds that metadata
// is made of are all among them when there is room, else by turns.
func (h *healthy) badSectors(rng *rand.Rand, seed, n int) []int64 {
	set := map[int64]bool{}
	one := func(clusters []int64) {
		c := clusters[rng.IntN(len(clusters))]
		set[c*(cluster/512)+rng.Int64N(cluster/512)] = true
	}
	attr := func(num int64, typ int) []int64 {
		for _, a := range h.entries[h.byNum[num]].attrs {
			if a.typ == typ && len(a.clusters) > 0 {
				return a.clusters
			}
		}
		return nil
	}
	var indexes, hives []int64
	for _, e := range h.entries {
		for _, a := range e.attrs {
			if a.typ == 160 && a.name == "$I30" {
				indexes = append(indexes, a.clusters...)
			}
		}
		if h.isHive(&e) {
			hives = append(hives, attr(e.num, 128)...)
		}
	}
	special := []func(){
		func() {},
		func() { one(attr(0, 128)) },
		func() { one(attr(1, 128)) },
		func() { one(indexes) },
		func() { one(hives) },
	}
	if n == 1 {
		special[seed%len(special)]()
	} else {
		for _, f := range special {
			f()
		}
	}
	for len(set) < n {
		// Alone and in rows, as heads and dust make them.
		s := rng.Int64N(windowsSectors)
		for range 1 + rng.IntN(4)*rng.IntN(4) {
			if len(set) < n && s < windowsSectors {
				set[s] = true
			}
			s++
		}
	}
	// Of what is there twice, one is left: $MFT's own record, the boot sector.
	mirror := attr(1, 128)[0] * (cluster / 512)
	for i := range int64(2) {
		if set[attr(0, 128)[0]*(cluster/512)+i] {
			delete(set, mirror)
			delete(set, mirror+1)
		}
	}
	if set[0] {
		delete(set, windowsSectors-1)
	}
	return slices.Sorted(maps.Keys(set))
}

const windowsSectors = 65536

// A disk with bad sectors: what is damaged, and where, is what istat's run
// lists say. A file whose MFT record is bad is unreadable under each name that
// an index knows which can be read, and one of those that an object stands for
// when none does; files of folders whose record is bad are where the indexes
// say. Everything else is there, and equal. A bad registry file is no reason for
// no plan: there is one unless the folder Windows has lost its name. All seeds under COLDSTATE_LONG=1,
// else some.
func TestBadSectors(t *testing.T) {
	h := newHealthy(t)
	seeds := 200
	if os.Getenv("COLDSTATE_LONG") == "" {
		seeds = 5
		t.Logf("%d seeds for each number of bad sectors; 200 with COLDSTATE_LONG=1", seeds)
	}
	damaged, named, unnamed, without, touched := 0, 0, 0, 0, 0
	kinds := map[string]int{}
	for _, n := range []int{1, 10, 100, 1000} {
		for seed := range seeds {
			rng := rand.New(rand.NewPCG(uint64(seed), uint64(n)))
			bad := h.badSectors(rng, seed, n)
			tr := h.truth(bad)
			if tr.fatal {
				t.Fatalf("%d sectors, seed %d: a mistake of the test: the volume is lost", n, seed)
			}
			on := make([]int64, len(bad))
			for i, s := range bad {
				on[i] = windowsSector + s
			}
			disk := &testimages.Faulty{R: h.disk, Size: h.size, Bad: on, Short: seed%2 == 1}
			name := fmt.Sprintf("%d sectors, seed %d", n, seed)
			found := h.check(t, name, disk, tr)
			if !found {
				without++
			}
			named, unnamed = named+tr.named, unnamed+tr.unnamed
			h.kinds(bad, kinds)
			damaged += len(tr.ranges)
			touched = max(touched, disk.Touched())
			if t.Failed() {
				t.Fatalf("%s: the bad sectors are %v", name, bad)
			}
		}
	}
	t.Logf("%d contents with bad ranges, %d files without a record that have a name and %d that have none; on %d of %d disks no Windows was found; disks with bad sectors in %v; a bad sector was asked for %d times at most",
		damaged, named, unnamed, without, 4*seeds, kinds, touched)
	for _, k := range metadata {
		if kinds[k] == 0 {
			t.Errorf("no bad sector is in %s", k)
		}
	}
	if damaged == 0 || named == 0 || unnamed == 0 {
		t.Error("an outcome does not occur")
	}
	if touched > 7 {
		t.Errorf("a bad sector was asked for %d times", touched)
	}
}

// check compares what a failing disk gives with the truth, and says whether
// there was a Windows to be captured.
func (h *healthy) check(t *testing.T, name string, disk *testimages.Faulty, tr *truth) bool {
	t.Helper()
	p, set := failingPlan(t, h.image, func(_ string, _ io.ReaderAt, _ int64, opt *medium.Options) io.ReaderAt {
		opt.Sector = 512
		return disk
	})
	defer set.Close()
	if p == nil {
		if !h.gone(`C:\Windows`, tr) {
			t.Errorf("%s: no Windows is found, and its folder is there", name)
		}
		h.checkVolume(t, name, windowsVolume(t, set), tr)
		return false
	}
	got, nameless := fates(t, p)
	h.checkHealth(t, name, p.Volumes[0].FS, tr)
	h.checkNameless(t, name, nameless, tr)
	for k, f := range h.fates {
		if k.record == unknownRecord {
			delete(got, k)
			continue
		}
		want := h.want(tr, k, f, h.contents[k])
		g := got[k]
		delete(got, k)
		switch {
		case want == nil && g == nil:
		case want == nil:
			t.Errorf("%s: %s (%v): %s, and should be lost", name, f.path, k, g.class)
		case g == nil:
			t.Errorf("%s: %s (%v) is lost, want %s %v", name, f.path, k, want.class, want.ranges)
		case g.class != want.class || !slices.Equal(g.ranges, want.ranges) || g.objects != want.objects:
			t.Errorf("%s: %s (%v): %d × %s %v (%s), want %d × %s %v", name, f.path, k, g.objects, g.class, g.ranges, g.reason, want.objects, want.class, want.ranges)
		case !slices.Equal(g.paths, want.paths):
			t.Errorf("%s: %v is in %q, want %q", name, k, g.paths, want.paths)
		case g.sum != want.sum:
			t.Errorf("%s: %s (%v): the content differs", name, f.path, k)
		case g.size != want.size:
			t.Errorf("%s: %s (%v): %d bytes, want %d", name, f.path, k, g.size, want.size)
		case tr.lost[k.record] && !strings.Contains(g.reason, h.placeOf(k.record)):
			t.Errorf("%s: %s (%v): %q does not tell of %q", name, f.path, k, g.reason, h.placeOf(k.record))
		}
	}
	for k, g := range got {
		// A folder in which a volume is mounted is one only while its reparse
		// data can be read.
		if w := h.want(tr, k, &fate{}, nil); w != nil && tr.lost[k.record] && g.class == w.class && slices.Equal(g.paths, w.paths) {
			continue
		}
		if g.class != string(store.Excluded) {
			t.Errorf("%s: %s (%v) is %s, and nothing on the healthy disk", name, g.path, k, g.class)
		}
	}
	return true
}

// gone says whether nothing tells of a folder any more: neither its record nor
// an index.
func (h *healthy) gone(path string, tr *truth) bool {
	for k, f := range h.fates {
		if f.path == path {
			return tr.lost[k.record] && len(tr.names[k.record]) == 0
		}
	}
	return false
}

// placeOf names an MFT record and its place.
func (h *healthy) placeOf(num int64) string {
	for _, a := range h.entries[0].attrs {
		if a.typ == 128 {
			return fmt.Sprintf("MFT record %d at byte %d of the volume is lost", num, a.clusters[num*record/cluster]*cluster+num*record%cluster)
		}
	}
	return "no $MFT"
}

// checkHealth compares what is counted with the truth.
func (h *healthy) checkHealth(t *testing.T, name string, fs volumes.FS, tr *truth) {
	t.Helper()
	got := fs.(winfs.Checker).Health()
	if got.Lost < tr.unnamed || got.Lost > tr.unnamed+tr.maybe+tr.either || got.Named < tr.named || got.Named > tr.named+tr.either {
		t.Errorf("%s: %d files are lost without a name and %d with one, want %d (and %d perhaps) and %d", name, got.Lost, got.Named, tr.unnamed, tr.maybe, tr.named)
	}
	if (got.Mirror != "") != tr.mirror {
		t.Errorf("%s: $MFTMirr: %q, want one: %v", name, got.Mirror, tr.mirror)
	}
}

// checkNameless: what has no name has one object that stands for all of it.
func (h *healthy) checkNameless(t *testing.T, name string, got map[string]string, tr *truth) {
	t.Helper()
	text, ok := got[`C:\$MFT`]
	for n := tr.unnamed; n <= tr.unnamed+tr.maybe+tr.either; n++ {
		if n == 0 && !ok || n > 0 && strings.HasPrefix(text, fmt.Sprintf("%s: the MFT records of %d files or folders are lost: ", store.Damaged, n)) {
			delete(got, `C:\$MFT`)
			break
		}
	}
	if len(got) > 0 || tr.unnamed > 0 && !ok {
		t.Errorf("%s: for what has no name stand %q, and it is %d files", name, text, tr.unnamed)
	}
}

// checkVolume is check for a disk whose Windows is lost: the volume is read
// file by file, sector by sector.
func (h *healthy) checkVolume(t *testing.T, name string, v *volumes.Volume, tr *truth) {
	t.Helper()
	got := map[content]bool{}
	if fs, err := v.FS(); err != nil {
		t.Fatal(err)
	} else {
		h.checkHealth(t, name, fs, tr)
	}
	walkVolume(t, v, func(k content, s volumes.Stream) {
		got[k] = true
		whole, ok := h.contents[k]
		if !ok {
			t.Errorf("%s: %v is nothing on the healthy disk", name, k)
			return
		}
		var ranges []store.Range
		b := make([]byte, s.Size())
		for at := int64(0); at < s.Size(); {
			n, err := s.ReadAt(b[at:], at)
			if at += int64(n); err == nil || at >= s.Size() {
				break
			}
			end := min((at/512+1)*512, s.Size())
			clear(b[at:end])
			if i := len(ranges) - 1; i >= 0 && ranges[i].Off+ranges[i].Len == at {
				ranges[i].Len += end - at
			} else {
				ranges = append(ranges, store.Range{Off: at, Len: end - at})
			}
			at = end
		}
		want := tr.ranges[k]
		if k.record == unknownRecord {
			return
		}
		if !slices.Equal(ranges, want) {
			t.Errorf("%s: %v: bad are %v, want %v", name, k, ranges, want)
		} else if sumWithout(whole, want, nil) != sumWithout(b, nil, nil) {
			t.Errorf("%s: %v: the content differs", name, k)
		}
	})
	for k := range h.contents {
		if k.record == unknownRecord {
			continue
		}
		if gone := tr.lost[k.record] || tr.streams[k]; gone == got[k] {
			t.Errorf("%s: %v: lost %v, want %v", name, k, !got[k], gone)
		}
	}
}

// A disk that is taken away ends the capture; what was captured until then can
// be read.
func TestDiskVanishes(t *testing.T) {
	h := newHealthy(t)
	disk := &testimages.Faulty{R: h.disk, Size: h.size}
	p, _ := failingPlan(t, h.image, func(string, io.ReaderAt, int64, *medium.Options) io.ReaderAt { return disk })
	before := disk.Count().Reads
	_, res := captureAll(t, p)
	failures := map[string]bool{}
	for _, f := range res.Failures {
		failures[f.Path] = true
	}
	all := disk.Count().Reads - before
	for i := range int64(5) {
		disk := &testimages.Faulty{R: h.disk, Size: h.size, Vanish: before + all*i/5 + 1}
		p, _ := failingPlan(t, h.image, func(string, io.ReaderAt, int64, *medium.Options) io.ReaderAt { return disk })
		d := store.Memory()
		w, err := store.Create(d, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		res, err := capture.Run(context.Background(), p, w, capture.Options{})
		if !errors.Is(err, volumes.ErrGone) {
			for _, f := range res.Failures {
				t.Log(f)
			}
			t.Fatalf("after %d of %d reads: %v, want ErrGone", disk.Vanish, before+all, err)
		}
		for _, f := range res.Failures {
			if !failures[f.Path] {
				t.Errorf("%s is said to be %s: %s", f.Path, f.Outcome, f.Reason)
			}
		}
		s := reopen(t, w, d)
		n := int64(0)
		for o, err := range s.Objects() {
			if err != nil {
				t.Fatal(err)
			}
			if o.Kind != store.Part {
				n++
			}
		}
		if n != res.Total() {
			t.Errorf("%d objects are in the store, %d have an outcome", n, res.Total())
		}
	}
}

// A sector that takes longer than the time limit is a bad one.
func TestSlowSectors(t *testing.T) {
	h := newHealthy(t)
	var k content
	var file attribute
	for _, e := range h.entries {
		for _, a := range e.attrs {
			if f := h.fates[content{e.num, ""}]; e.base < 0 && a.typ == 128 && a.flags == "N" && a.name == "" && a.size > 64<<10 && f != nil && f.class == "whole" && strings.HasPrefix(f.path, `C:\Users\`) {
				k, file = content{e.num, ""}, a
			}
		}
	}
	if file.size == 0 {
		t.Fatal("no file to be slow in")
	}
	slow := file.clusters[5]*(cluster/512) + 3
	disk := &testimages.Faulty{R: h.disk, Size: h.size, Slow: []int64{windowsSector + slow}, Delay: 600 * time.Millisecond}
	p, _ := failingPlan(t, h.image, func(_ string, _ io.ReaderAt, _ int64, opt *medium.Options) io.ReaderAt {
		opt.Sector, opt.Timeout = 512, 300*time.Millisecond
		return disk
	})
	all, _ := fates(t, p)
	got, want := all[k], h.want(h.truth([]int64{slow}), k, h.fates[k], h.contents[k])
	if got == nil || got.class != want.class || !slices.Equal(got.ranges, want.ranges) || got.sum != want.sum {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}
