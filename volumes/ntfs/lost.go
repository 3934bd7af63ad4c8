package ntfs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// What is known of files whose MFT records are lost: the indexes of the folders
// that are whole have their names. They are read only when something is lost.

const (
	// maxLost bounds the lost records whose names are looked for.
	maxLost = 1 << 20
	// maxFound bounds the names that are found, maxNames those of one file:
	// Windows stops at 1024.
	maxFound = 1 << 20
	maxNames = 1024
	// folderBatch is how many indexes are read in the order of the medium.
	folderBatch = 4096
	// minIndexes is how much of the indexes of any volume is read; for larger
	// ones it is as much as $MFT has, which is several times what they take.
	minIndexes = 64 << 20
)

var errFree = errors.New("it is marked as free, though $MFT:$BITMAP and the index of its folder have it in use")

var errNever = errors.New("it is in use, and behind the initialised size of $MFT")

var errZeros = errors.New("it is all zeros, though it is in use")

// losses are the records that are in use and lost.
type losses struct {
	nums []uint32 // in order
	more int      // that are not in nums
	why  []lostRange
	// ext are those of nums that continued a file which is there. The files
	// in partial, by number, may have names that only indexes know.
	ext     map[uint32]bool
	partial []uint32
	// cut are the parts of $MFT that are not on the medium, or nobody knows
	// where, in order: nobody can say which records there are in use but the indexes, and the bitmap
	// if it can be read, whose records are in nums as well.
	cut   []recordSpan
	known uint32 // records that the bitmap knows of
	// doubts are records that are free, and in use by the bitmap, by number:
	// they are lost when an index names them with their sequence number. Their
	// names are in the folders of parents, or in any.
	doubts  []doubtful
	parents map[uint32]bool
	any     bool
	// said is the size of $MFT, with records that were never written;
	// byMirror says that it was found by its record's copy in $MFTMirr.
	said     int64
	byMirror bool
	// Files from first to end were made of the indexes of folders, in order
	// of their records; meta of them are NTFS's own, and extra are free by the
	// bitmap, which is older.
	first, end  uint32
	meta, extra int
}

// doubtful is a record that may be in use.
type doubtful struct {
	num uint32
	seq uint16
}

func (l *losses) doubt(num uint32, seq uint16, parents []uint32, anywhere bool) {
	if len(l.doubts) == maxLost {
		return
	}
	l.doubts = append(l.doubts, doubtful{num, seq})
	l.any = l.any || anywhere
	if l.parents == nil {
		l.parents = map[uint32]bool{}
	}
	for _, p := range parents {
		l.parents[p] = true
	}
}

// isDoubt says whether a record is in doubt, with that sequence number.
func (l *losses) isDoubt(num uint32, seq uint16) bool {
	k, ok := slices.BinarySearchFunc(l.doubts, num, func(d doubtful, num uint32) int { return cmp.Compare(d.num, num) })
	return ok && l.doubts[k].seq == seq
}

// recordSpan are the records from first up to end.
type recordSpan struct{ first, end uint32 }

// lostRange says why neighbours are lost.
type lostRange struct {
	first, n uint32
	err      error
}

// lose notes that a record is lost.
func (fs *FS) lose(num uint32, why error) {
	l := &fs.lost
	if len(l.nums) >= maxLost {
		l.more++
		return
	}
	l.nums = append(l.nums, num)
	if k := len(l.why) - 1; k >= 0 && l.why[k].first+l.why[k].n == num && (l.why[k].err == why || l.why[k].err.Error() == why.Error()) {
		l.why[k].n++
	} else if len(l.why) < maxDamage {
		l.why = append(l.why, lostRange{num, 1, why})
	}
}

// sortLost makes isLostRecord work.
func (fs *FS) sortLost() {
	l := &fs.lost
	slices.Sort(l.nums)
	slices.SortFunc(l.why, func(a, b lostRange) int { return cmp.Compare(a.first, b.first) })
}

func (fs *FS) isLostRecord(num uint32) bool {
	_, ok := slices.BinarySearch(fs.lost.nums, num)
	return ok
}

// isCut says whether a record is not on the medium.
func (l *losses) isCut(num uint32) bool {
	k, ok := slices.BinarySearchFunc(l.cut, num, func(s recordSpan, num uint32) int { return cmp.Compare(s.first, num) })
	if !ok {
		k--
	}
	return k >= 0 && num < l.cut[k].end
}

// extension notes that a lost record continued the file base: it costs no
// other.
func (fs *FS) extension(base, num uint32) {
	l := &fs.lost
	if l.ext == nil {
		l.ext = map[uint32]bool{}
	}
	l.ext[num] = true
	fs.mayLackNames(base)
}

// mayLackNames notes that some of the names of a file may be lost.
func (fs *FS) mayLackNames(num uint32) {
	l := &fs.lost
	if k := len(l.partial) - 1; k < 0 || l.partial[k] != num {
		l.partial = append(l.partial, num)
	}
}

// has says whether a file is one of those that were made of an index.
func (l *losses) has(i uint32) bool { return i >= l.first && i < l.end }

// unnamed is the number of lost records of which nothing is known.
func (l *losses) unnamed() int {
	return len(l.nums) + l.more - len(l.ext) + l.extra - int(l.end-l.first)
}

// named is the number of files that were made of an index.
func (l *losses) named() int { return int(l.end-l.first) - l.meta }

// findLost returns the file that was made for a lost record.
func (fs *FS) findLost(num uint32) (uint32, bool) {
	a, b := fs.lost.first, fs.lost.end
	for a < b {
		if m := a + (b-a)/2; fs.x.files.at(m).num < num {
			a = m + 1
		} else {
			b = m
		}
	}
	return a, a < fs.lost.end && fs.x.files.at(a).num == num
}

// lostError says what is wrong with a file that was made of an index.
func (fs *FS) lostError(i uint32) *winfs.LostError {
	f := fs.x.files.at(i)
	e := &winfs.LostError{Record: f.num, Sequence: f.seq, Dir: f.flags&flagDir != 0, Pos: fs.recordPos(f.num), Err: errors.New("see the problems of the volume")}
	if fs.lost.isDoubt(f.num, f.seq) {
		e.Err = errFree
		return e
	}
	if fs.lost.isCut(f.num) {
		if e.Err = ErrCut; e.Pos < 0 {
			e.Err = errLost
		}
		return e
	}
	k, ok := slices.BinarySearchFunc(fs.lost.why, f.num, func(r lostRange, num uint32) int { return cmp.Compare(r.first, num) })
	if !ok {
		k--
	}
	if k >= 0 && f.num-fs.lost.why[k].first < fs.lost.why[k].n {
		e.Err = fs.lost.why[k].err
	}
	return e
}

// found is a name in the index of a folder whose file, or a part of it, is
// lost.
type found struct {
	created, modified, changed, accessed wstr.Filetime
	size                                 int64
	num                                  uint32
	folder                               uint32 // index in index.files
	name                                 uint32 // offset in index.names
	attr, tag                            uint32
	seq                                  uint16
	space                                uint8
	old                                  bool // another file has the name
}

// rebuilder looks for names in the indexes of folders.
type rebuilder struct {
	fs   *FS
	poor []uint32 // files, in order, that may lack names
	// stray are names whose folder is not there, or is another, by file.
	stray map[uint32][]uint32
	// few says that nothing is looked for but records in doubt.
	few  bool
	told map[uint32]bool // folders whose sequence number is wrong
	list []found
	left int // names that are not kept
	room int64
	not  int // folders whose indexes are not read, for their size
	name []byte
}

// rebuild gives lost files the names that the indexes of folders have for them.
// Links are not resolved yet: their parents are record numbers.
func (fs *FS) rebuild() {
	x := &fs.x
	r := rebuilder{fs: fs, room: max(minIndexes, min(fs.mft.size, fs.dev.size))}
	for _, num := range fs.lost.partial {
		if i, ok := x.find(uint64(num)); ok {
			r.poor = append(r.poor, i)
		}
	}
	for i := range x.files.n {
		if f := x.files.at(i); f.links == 0 && f.num >= firstUser && f.flags&flagMadeUp == 0 {
			r.poor = append(r.poor, i)
		}
	}
	slices.Sort(r.poor)
	r.poor = slices.Compact(r.poor)
	fs.lost.first, fs.lost.end = x.files.n, x.files.n
	r.strays()
	r.few = len(fs.lost.nums) == len(fs.lost.ext) && len(fs.lost.cut) == 0 && len(r.poor) == 0
	if r.few && len(fs.lost.doubts) == 0 && len(r.stray) == 0 {
		return
	}
	r.readFolders()
	r.outdated()
	slices.SortStableFunc(r.list, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.num, b.num), cmp.Compare(a.seq, b.seq), cmp.Compare(a.folder, b.folder), cmp.Compare(a.space, b.space))
	})
	for rest := r.list; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].num == rest[0].num {
			n++
		}
		r.file(rest[:n])
		rest = rest[n:]
	}
	if r.left > 0 {
		fs.problem("$MFT", fmt.Sprintf("%d names of lost files are left out: there are too many", r.left))
	}
	if r.not > 0 {
		fs.problem("$MFT", fmt.Sprintf("the indexes of %d folders are not searched for the names of lost files: all together are larger than those of a sound volume", r.not))
	}
}

// strays finds the names whose folder is not there. Folders that are lost may
// be found yet.
func (r *rebuilder) strays() {
	fs, x := r.fs, &r.fs.x
	n := 0
	for e := range x.links.n {
		l := x.links.at(e)
		if l.parent == noParent || l.parent == extendRecord || x.files.at(l.file).num < firstUser {
			continue
		}
		p, ok := x.find(uint64(l.parent))
		switch {
		case ok:
			f := x.files.at(p)
			if f.flags&flagDir != 0 && f.seq == l.seq && p != l.file {
				continue
			}
		case l.parent == rootRecord || fs.isLostRecord(l.parent) || fs.lost.isCut(l.parent):
			continue
		}
		if n++; n > maxFound {
			return
		}
		if r.stray == nil {
			r.stray = map[uint32][]uint32{}
		}
		if list := r.stray[l.file]; len(list) < maxNames {
			r.stray[l.file] = append(list, e)
		}
	}
}

// home puts a name that is astray into the folder whose index has it.
func (r *rebuilder) home(i, folder uint32, e *indexEntry) {
	x := &r.fs.x
	f, d := x.files.at(i), x.files.at(folder)
	if f.seq != e.ref.seq() || e.parent.record() != uint64(d.num) || i == folder {
		return
	}
	r.name = appendName(r.name[:0], e.name)
	list := r.stray[i]
	k := slices.IndexFunc(list, func(at uint32) bool { return x.names.peek(x.links.at(at).name) == string(r.name) })
	if k < 0 {
		return
	}
	l := x.links.at(list[k])
	if l.parent == d.num && l.seq == e.parent.seq() {
		// The file and the index agree on another number.
		if !r.told[folder] {
			if r.told == nil {
				r.told = map[uint32]bool{}
			}
			r.told[folder] = true
			what := fmt.Sprintf("its sequence number is %d, what is in it has %d", d.seq, l.seq)
			r.fs.problem(recordName(d.num), what)
			x.hurt(folder, what)
		}
	} else {
		const what = "its name says that it is in a folder which is not there; it is where the index of a folder has it"
		r.fs.problem(recordName(f.num), what)
		x.hurt(i, what)
	}
	l.parent, l.seq = d.num, d.seq
	if r.stray[i] = slices.Delete(list, k, k+1); len(r.stray[i]) == 0 {
		delete(r.stray, i)
	}
}

// reads says whether the index of a folder is to be read.
func (r *rebuilder) reads(f *file) bool {
	l := &r.fs.lost
	return !r.few || len(r.stray) > 0 || l.any || l.parents[f.num]
}

// readFolders reads the indexes of all folders: what lies in MFT records in
// their order, the rest in the order of the medium.
func (r *rebuilder) readFolders() {
	fs, x := r.fs, &r.fs.x
	var batch []folderIndex
	flush := func() {
		slices.SortFunc(batch, func(a, b folderIndex) int { return cmp.Compare(a.start, b.start) })
		for k := range batch {
			b := &batch[k]
			// A folder that claims too much takes nothing from the others.
			if b.nodes.size > r.room {
				r.not++
				continue
			}
			r.room -= b.nodes.size
			if err := b.readBitmap(fs); err != nil {
				r.unread(b.file, fmt.Sprintf("the bitmap of its index cannot be read (%v)", err))
			}
			if bad, err := b.read(r.each(b.file)); bad > 0 {
				r.unread(b.file, fmt.Sprintf("%d of the records of its index cannot be read (%v)", bad, err))
			}
		}
		batch = batch[:0]
	}
	for i := range x.files.n {
		f := x.files.at(i)
		if f.flags&(flagDir|flagMadeUp) != flagDir || f.num < firstReserved && f.num != rootRecord && f.num != extendRecord || !r.reads(f) {
			continue
		}
		b, err := fs.indexOf(i, r.each(i))
		if err != nil {
			r.unread(i, fmt.Sprintf("its index cannot be read (%v)", err))
		}
		if b.nodes == nil {
			continue
		}
		if batch = append(batch, b); len(batch) == folderBatch {
			flush()
		}
	}
	flush()
}

// unread tells that names in a folder may be missing.
func (r *rebuilder) unread(i uint32, what string) {
	if r.few && !r.fs.lost.any && !r.fs.lost.parents[r.fs.x.files.at(i).num] {
		return // it is only asked about files that are there
	}
	what += ": files in it whose MFT records are lost may be missing"
	r.fs.problem(recordName(r.fs.x.files.at(i).num), what)
	r.fs.x.hurt(i, what)
}

// each is called for the names in the index of a folder.
func (r *rebuilder) each(folder uint32) func(*indexEntry) {
	fs, x := r.fs, &r.fs.x
	f := x.files.at(folder)
	self := makeRef(f.num, f.seq)
	return func(e *indexEntry) {
		n := e.ref.record()
		if n < firstUser || n > math.MaxUint32 {
			return
		}
		num := uint32(n)
		i, ok := x.find(n)
		if ok && r.stray[i] != nil {
			r.home(i, folder, e)
		}
		if e.parent != self {
			return
		}
		if ok {
			if _, ok := slices.BinarySearch(r.poor, i); !ok || x.files.at(i).seq != e.ref.seq() {
				return
			}
		} else if !fs.isLostRecord(num) && !fs.lost.isCut(num) && !fs.lost.isDoubt(num, e.ref.seq()) || fs.lost.ext[num] {
			return
		}
		if len(r.list) >= maxFound {
			r.left++
			return
		}
		r.name = appendName(r.name[:0], e.name)
		name, ok := x.names.add(r.name)
		if !ok {
			r.left++
			return
		}
		r.list = append(r.list, found{
			created: e.created, modified: e.modified, changed: e.changed, accessed: e.accessed,
			size: e.size, num: num, seq: e.ref.seq(), folder: folder, name: name, attr: e.attr, tag: e.tag, space: e.space,
		})
	}
}

// outdated marks names that a file in use has in the same folder: either the
// name is known, or the index is older than the file.
func (r *rebuilder) outdated() {
	x := &r.fs.x
	type key struct {
		folder uint32 // record number
		name   string
	}
	at := map[key][]int{}
	folders := map[uint32]bool{}
	for k := range r.list {
		f := &r.list[k]
		num := x.files.at(f.folder).num
		folders[num] = true
		at[key{num, x.names.peek(f.name)}] = append(at[key{num, x.names.peek(f.name)}], k)
	}
	for e := range x.links.n {
		l := x.links.at(e)
		if !folders[l.parent] {
			continue
		}
		same := key{l.parent, x.names.peek(l.name)}
		for _, k := range at[same] {
			r.list[k].old = true
		}
		delete(at, same)
	}
}

// file takes the names of one file in.
func (r *rebuilder) file(names []found) {
	fs, x := r.fs, &r.fs.x
	i, there := x.find(uint64(names[0].num))
	if there {
		// Its own names are better: those of the index are what is missing.
		bare := x.files.at(i).links == 0
		if !bare {
			names = slices.DeleteFunc(names, func(f found) bool { return f.space == 2 })
		}
		if n := r.links(i, names); n > 0 && bare {
			fs.problem(recordName(names[0].num), "in use, but it has no name; it has those of the index of its folder")
			x.hurt(i, "the name is gone; it is that of the index of its folder")
		}
		return
	}
	// The index of a folder that was not closed may know what was in the
	// record before.
	var n *found
	for k := range names {
		if f := &names[k]; !f.old && !short(names, k) && (n == nil || int16(f.seq-n.seq) > 0) {
			n = f
		}
	}
	if n == nil {
		return
	}
	seq := n.seq
	first := slices.IndexFunc(names, func(f found) bool { return f.seq == seq })
	names = names[first:]
	if end := slices.IndexFunc(names, func(f found) bool { return f.seq != seq }); end >= 0 {
		names = names[:end]
	}
	f := file{
		created: n.created, modified: n.modified, changed: n.changed, accessed: n.accessed,
		num: n.num, seq: seq, place: noPlace,
		attr: n.attr &^ (winfs.AttrDirectory | attrIndexDirectory | attrIndexView | attrOurs),
	}
	if n.attr&attrIndexDirectory != 0 {
		f.flags |= flagDir
		f.attr |= winfs.AttrDirectory
	} else {
		f.size = min(n.size, fs.geo.bytes)
		if f.attr&winfs.AttrSparse != 0 {
			f.size = min(n.size, maxStream)
		}
	}
	if fs.lost.isDoubt(f.num, f.seq) {
		fs.problem(recordName(f.num), errFree.Error())
	}
	i = x.files.n
	if f.attr&winfs.AttrReparse != 0 {
		if n.tag == winfs.TagWOF {
			f.attr &^= winfs.AttrReparse | winfs.AttrSparse // as of all files of CompactOS
		} else {
			f.flags |= flagReparse
			x.tags = append(x.tags, tag{file: i, tag: n.tag})
		}
	}
	x.files.add(f)
	if !fs.isLostRecord(f.num) && f.num < fs.lost.known {
		fs.lost.extra++
	}
	if r.links(i, names); x.links.at(x.links.n-1).parent == extendRecord {
		fs.lost.meta++
	}
	fs.lost.end = x.files.n
}

// short says whether names[k] is the 8.3 name of a long one, which stands before
// it.
func short(names []found, k int) bool {
	return names[k].space == 2 && k > 0 && names[k-1].folder == names[k].folder && names[k-1].seq == names[k].seq
}

// attrIndexView marks indexes of something else in the attributes of a
// $FILE_NAME.
const attrIndexView = 0x20000000

// links gives a file the names of names, in order of their folders, and
// returns how many. An 8.3 name is one where the folder has no other.
func (r *rebuilder) links(i uint32, names []found) (n int) {
	x := &r.fs.x
	f := x.files.at(i)
	type place struct {
		folder uint32
		name   string
	}
	seen := map[place]bool{} // an index record that is free may repeat one
	for k := range names {
		name := &names[k]
		folder := x.files.at(name.folder)
		if name.old {
			continue
		}
		at := place{name.folder, x.names.peek(name.name)}
		if seen[at] {
			continue
		}
		seen[at] = true
		if short(names, k) {
			if !names[k-1].old && n > 0 {
				r.short(name)
			}
			continue
		}
		if n == maxNames || f.links == math.MaxUint16 {
			r.left++
			continue
		}
		n++
		f.links++
		x.links.add(link{file: i, parent: folder.num, name: name.name, seq: folder.seq})
	}
	return n
}

// short gives the link that was made last an 8.3 name.
func (r *rebuilder) short(name *found) {
	x := &r.fs.x
	e := x.links.n - 1
	if k := x.short.n; k > 0 && x.short.at(k-1).entry >= e || name.name >= math.MaxUint32-maxMade {
		return
	}
	if !strings.Contains(x.names.peek(name.name), "~") {
		x.odd = append(x.odd, e)
	}
	x.short.add(shortName{e, name.name})
}

// checkMirror compares $MFTMirr with the records of $MFT that it copies.
func (fs *FS) checkMirror() {
	if fs.geo.mirror == 0 {
		return
	}
	for num := range uint32(mirrorRecords) {
		rec := make([]byte, fs.geo.record)
		pos := fs.recordPos(num)
		if pos < 0 {
			return
		}
		if num == 0 && fs.lost.byMirror {
			continue // it was told
		}
		if _, err := fs.dev.readAt(rec, pos); err != nil {
			continue
		}
		h, st, _ := openRecord(rec)
		if st != stateGood {
			continue
		}
		if what := fs.mirrorDiffers(num, rec[:h.used]); what != "" {
			fs.mirror = what
			fs.problem("$MFTMirr", what)
			return
		}
	}
}

// mirrorRecords is the number of records that every $MFTMirr has. In large
// clusters it has more beside them.
const mirrorRecords = 4

// mirrorDiffers says in what the copy of a record of $MFT is not one.
func (fs *FS) mirrorDiffers(num uint32, rec []byte) string {
	m := make([]byte, fs.geo.record)
	if _, err := fs.dev.readAt(m, fs.geo.mirror*fs.geo.cluster+int64(num)*fs.geo.record); err != nil {
		return fmt.Sprintf("the copy of record %d in $MFTMirr cannot be read: %v", num, err)
	}
	h, st, err := openRecord(m)
	switch {
	case st != stateGood && err != nil:
		return fmt.Sprintf("$MFTMirr differs from $MFT in record %d: %v", num, err)
	case st != stateGood:
		return fmt.Sprintf("$MFTMirr differs from $MFT in record %d: it is not in use there", num)
	}
	m = m[:h.used]
	// The update sequences belong to the writes.
	for _, b := range [][]byte{rec, m} {
		off, n := int(binary.LittleEndian.Uint16(b[4:])), int(binary.LittleEndian.Uint16(b[6:]))
		if end := off + 2*n; end <= len(b) {
			clear(b[off:end])
		}
	}
	if !bytes.Equal(rec, m) {
		return fmt.Sprintf("$MFTMirr differs from $MFT in record %d", num)
	}
	return ""
}
