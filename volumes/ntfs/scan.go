package ntfs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

const (
	// scanSize is the size of the reads of the pass over $MFT.
	scanSize = 4 << 20
	// maxSaved is how much of the records that belong together is kept until
	// the pass is over; others are read a second time.
	maxSaved = 32 << 20
	// maxOwnSDs is how much of the descriptors outside of $Secure is kept.
	maxOwnSDs = 16 << 20
	// maxDescriptor is the largest security descriptor.
	maxDescriptor = 64 << 10
	maxProblems   = 1000
	// maxStream bounds a stream in bytes, so that sums with a unit or a
	// cluster stay in range. Windows stops at 8 PiB.
	maxStream = 1 << 62
)

// scanner fills the index from the records of $MFT.
type scanner struct {
	fs *FS
	x  *index

	// Files with an attribute list, and the records these lists may name.
	lists []uint32 // index of the file
	ext   []extension
	torn  map[uint32]string // what is wrong with those that are read all the same
	saved map[uint32][]byte
	room  int // left of maxSaved
	// listWork is how many list entries may still be followed: lists that
	// share clusters could name every record from every file.
	listWork int64
	byBase   []extension

	late      []late            // values outside of the record
	eas       map[string]uint32 // extended attributes that are kept, in index.values
	sdRoom    int
	valueRoom int
	sdIndex   map[string]uint32

	bitmap     []byte // $MFT:$BITMAP, read when the first bad record asks for it
	haveBitmap bool

	// Memory that is used again for each record.
	attrs, data []attr
	runs        []run
	enc, name   []byte
	space       []byte // name spaces of the links of the file at hand
}

// extension is a record that continues another.
type extension struct {
	num    uint32
	base   reference
	listed bool // an attribute list names it
}

// late is a value that is read after the pass.
type late struct {
	file, place, typ uint32
	size             int64
}

// scan makes the pass.
func (sc *scanner) scan() {
	type block struct {
		first uint32 // number of the first record
		buf   []byte
		bad   []badRecords
	}
	size := sc.fs.geo.record
	free := make(chan []byte, 2)
	full := make(chan block, 1)
	step := scanSize / size * size
	if all := sc.fs.mft.size / size * size; all < step {
		step = max(all, size)
	}
	free <- make([]byte, step)
	if sc.fs.mft.size > step {
		free <- make([]byte, step)
	}
	go func() {
		defer close(full)
		for _, r := range sc.fs.mftRanges {
			for off := r.off; off < r.end; off += step {
				buf := <-free
				n := min(step, r.end-off)
				bad := sc.fs.readRecords(buf[:n], off)
				full <- block{uint32(off / size), buf[:n], bad}
			}
		}
	}()
	for b := range full {
		for _, bad := range b.bad {
			sc.fs.problem(recordRange(bad.first, bad.n), "cannot be read: "+bad.err.Error())
		}
		for i := int64(0); i < int64(len(b.buf)); i += size {
			num := b.first + uint32(i/size)
			for len(b.bad) > 0 && int64(num) >= int64(b.bad[0].first)+int64(b.bad[0].n) {
				b.bad = b.bad[1:]
			}
			switch {
			case len(b.bad) == 0 || num < b.bad[0].first:
				sc.record(num, b.buf[i:i+size:i+size])
			case !sc.unreadable(num) && sc.allocated(num):
				sc.lose(num, b.bad[0].err)
			}
		}
		free <- b.buf[:cap(b.buf)]
	}
	sc.cutOff()
	sc.fs.sortLost()
}

// cutOff loses the records that are not on the medium, or hidden.
func (sc *scanner) cutOff() {
	size := sc.fs.geo.record
	at := int64(0)
	for k := 0; k <= len(sc.fs.mftRanges); k++ {
		r := byteRange{sc.fs.mft.size, sc.fs.mft.size}
		if k < len(sc.fs.mftRanges) {
			r = sc.fs.mftRanges[k]
		}
		if first, end := at/size, min(r.off/size, math.MaxUint32); first < end {
			sc.fs.lost.cut = append(sc.fs.lost.cut, recordSpan{uint32(first), uint32(end)})
			// Beyond the bitmap, each may have been a file.
			sc.readBitmap()
			n := max(end-max(first, int64(len(sc.bitmap))*8, firstUser), 0)
			sc.fs.lost.more = int(min(int64(sc.fs.lost.more)+n, 1<<30))
		}
		for ; at+size <= r.off && sc.bitmapHas(at/size); at += size {
			if num := uint32(at / size); sc.inBitmap(num) {
				why := ErrCut
				if sc.fs.recordPos(num) < 0 {
					why = errLost
				}
				sc.lose(num, why)
			}
		}
		at = r.end
	}
	// Behind the initialised size, no record should be in use.
	never := false
	for num := sc.fs.mft.size / size; num < sc.fs.lost.said/size && num < math.MaxUint32 && sc.bitmapHas(num); num++ {
		if sc.inBitmap(uint32(num)) {
			sc.lose(uint32(num), errNever)
			never = true
		}
	}
	if never {
		sc.fs.problem(recordName(0), fmt.Sprintf("$MFT has records in use behind its initialised size of %d bytes", sc.fs.mft.size))
	}
}

func recordRange(first, n uint32) string {
	if n == 1 {
		return recordName(first)
	}
	return fmt.Sprintf("MFT records %d to %d", first, first+n-1)
}

// unreadable takes a record that could not be read from $MFTMirr; false when
// that does not have it.
func (sc *scanner) unreadable(num uint32) bool {
	raw := sc.fs.readMirror(num)
	if raw != nil {
		sc.record(num, raw)
	}
	return raw != nil
}

// lose notes a record that is in use and lost.
func (sc *scanner) lose(num uint32, why error) {
	if num >= firstUser {
		sc.fs.lose(num, why)
	}
}

// record takes one record in. raw is changed.
func (sc *scanner) record(num uint32, raw []byte) {
	h, st, err := openRecord(raw)
	if st >= stateDamaged && int64(num) < sc.fs.geo.mirrored() {
		if m := sc.fs.readMirror(num); m != nil {
			if mh, mst, _ := openRecord(m); mst == stateGood {
				sc.fs.problem(recordName(num), err.Error()+"; its copy in $MFTMirr is used")
				raw, h, st, err = m, mh, mst, nil
			}
		}
	}
	switch st {
	case stateUnused:
		// Programs that copy failing disks put zeros where they could not read.
		if num >= firstUser && binary.LittleEndian.Uint32(raw) == 0 && sc.inBitmap(num) {
			sc.fs.problem(recordName(num), "is in use, and all zeros")
			sc.lose(num, errZeros)
		}
		if binary.LittleEndian.Uint32(raw) != 0 {
			sc.free(num, h, raw)
		}
		return
	case stateBad:
		if sc.allocated(num) {
			sc.fs.problem(recordName(num), err.Error())
			sc.lose(num, err)
		}
		return
	case stateDamaged:
		sc.fs.problem(recordName(num), err.Error())
	}
	sc.attrs = sc.attrs[:0]
	var what error
	extends := h.base != 0 && h.base.record() != uint64(num)
	if extends {
		// $STANDARD_INFORMATION never leaves the first record of a file.
		sc.attrs, what = parseAttrs(sc.attrs, raw, h, num)
		if extends = !slices.ContainsFunc(sc.attrs, func(a attr) bool { return a.typ == typeStandardInformation }); !extends && what == nil {
			what = fmt.Errorf("the record says that it continues record %d, and is one of its own", h.base.record())
		}
	} else {
		sc.attrs, what = parseAttrs(sc.attrs, raw, h, num)
	}
	if extends {
		sc.ext = append(sc.ext, extension{num: num, base: h.base})
		if err != nil && len(sc.torn) < maxDamage {
			if sc.torn == nil {
				sc.torn = map[uint32]string{}
			}
			sc.torn[num] = err.Error()
		}
		sc.save(num, raw[:h.used])
		return
	}

	f := file{num: num, seq: h.seq, place: noPlace}
	if h.flags&recordDirectory != 0 {
		f.flags |= flagDir
		f.attr = winfs.AttrDirectory
	}
	sc.x.setInUse(num)
	i := sc.x.files.add(f)
	if err != nil {
		sc.x.hurt(i, err.Error())
	}
	if what != nil {
		sc.damage(i, what.Error())
	}
	if f.flags&flagDir == 0 && slices.ContainsFunc(sc.attrs, func(a attr) bool { return a.typ == typeIndexRoot && bytes.Equal(a.name, i30) }) {
		p := sc.x.files.at(i)
		p.flags |= flagDir
		p.attr |= winfs.AttrDirectory
		sc.damage(i, "the record is not marked as that of a folder, and has the index of one")
	}
	if h.hasNum && h.num != num {
		sc.damage(i, fmt.Sprintf("the record says that it is number %d", h.num))
	}
	if slices.ContainsFunc(sc.attrs, func(a attr) bool { return a.typ == typeAttributeList }) {
		sc.lists = append(sc.lists, i)
		sc.save(num, raw[:h.used])
		return
	}
	sc.fill(i, sc.attrs)
}

// free looks at a record that is marked as free. When $MFT:$BITMAP says that it
// is in use, that bit may be old, or the mark wrong: the index of its folder
// knows.
func (sc *scanner) free(num uint32, h header, raw []byte) {
	if num < firstUser || !sc.inBitmap(num) {
		return
	}
	if h.hasNum && h.num != num {
		err := fmt.Errorf("it says that it is number %d", h.num)
		sc.fs.problem(recordName(num), "is in use, and "+err.Error())
		sc.lose(num, err)
		return
	}
	if h.base != 0 {
		return // the file that it continues has a list
	}
	h.used = int(min(binary.LittleEndian.Uint32(raw[24:]), uint32(len(raw))))
	sc.attrs, _ = parseAttrs(sc.attrs[:0], raw, h, num)
	list := false
	var parents []uint32
	for k := range sc.attrs {
		switch a := &sc.attrs[k]; a.typ {
		case typeFileName:
			if parent, _, _, ok := parseName(a.value); ok {
				parents = append(parents, parent)
			}
		case typeAttributeList:
			list = true
		}
	}
	if len(parents) > 0 || list {
		sc.fs.lost.doubt(num, h.seq, parents, list)
	}
}

// noPlace is the place of a file without an unnamed stream.
const noPlace = math.MaxUint32

// damage tells of damage both in the volume's problems and the file's.
func (sc *scanner) damage(f uint32, what string) {
	sc.fs.problem(recordName(sc.x.files.at(f).num), what)
	sc.x.hurt(f, what)
}

func (sc *scanner) save(num uint32, rec []byte) {
	if len(rec) > sc.room {
		return
	}
	sc.room -= len(rec)
	if sc.saved == nil {
		sc.saved = map[uint32][]byte{}
	}
	sc.saved[num] = bytes.Clone(rec)
}

// load returns a record in use that the pass came by.
func (sc *scanner) load(num uint32) ([]byte, header, error) {
	if rec, ok := sc.saved[num]; ok {
		// The fixed part was checked, and the sectors restored, before.
		return rec, savedHeader(rec), nil
	}
	return sc.fs.readRecord(num)
}

func savedHeader(rec []byte) header {
	return header{
		seq:   binary.LittleEndian.Uint16(rec[16:]),
		first: int(binary.LittleEndian.Uint16(rec[20:])),
		flags: binary.LittleEndian.Uint16(rec[22:]),
		used:  len(rec),
		base:  reference(binary.LittleEndian.Uint64(rec[32:])),
	}
}

// allocated asks $MFT:$BITMAP whether a record is in use; yes, when that
// cannot be read.
func (sc *scanner) allocated(num uint32) bool {
	return !sc.bitmapHas(int64(num)) || sc.inBitmap(num)
}

// inBitmap says whether a record is in use as far as the bitmap can be read.
func (sc *scanner) inBitmap(num uint32) bool {
	return sc.bitmapHas(int64(num)) && sc.bitmap[num/8]>>(num%8)&1 != 0
}

// bitmapHas says whether the bitmap can be read up to a record.
func (sc *scanner) bitmapHas(num int64) bool {
	sc.readBitmap()
	return num/8 < int64(len(sc.bitmap))
}

func (sc *scanner) readBitmap() {
	if sc.haveBitmap {
		return
	}
	sc.haveBitmap = true
	want := max(sc.fs.mft.size, sc.fs.lost.said)/sc.fs.geo.record/8 + 1
	if s := sc.fs.mftBitmap; s != nil {
		b := make([]byte, min(want, s.Size(), math.MaxUint32/8+1))
		if n, _ := s.ReadAt(b, 0); n == len(b) {
			sc.bitmap = b
			sc.fs.lost.known = uint32(min(int64(n)*8, math.MaxUint32))
		}
	}
}

// merge takes in the files whose attributes lie in several records.
func (sc *scanner) merge() {
	sc.listWork = 16*maxListEntries + 4*sc.fs.mft.size/sc.fs.geo.record
	for _, i := range sc.lists {
		num := sc.x.files.at(i).num
		attrs, problems, err := sc.gather(num)
		for _, p := range problems {
			sc.damage(i, p)
		}
		if err != nil {
			sc.damage(i, err.Error())
		}
		sc.fill(i, attrs)
	}
	sc.unlisted()
	for _, l := range sc.late {
		n, what := l.size, "the extended attributes"
		if l.typ == typeReparsePoint {
			n, what = min(n, wofData), "the reparse data"
		}
		b := make([]byte, n)
		if _, err := sc.fs.stored(l.size, l.place).ReadAt(b, 0); err != nil && n > 0 {
			sc.damage(l.file, what+" cannot be read: "+err.Error())
			continue
		}
		if l.typ == typeReparsePoint {
			sc.tag(l.file, b)
		} else {
			sc.extraOf(l.file, b, nil)
		}
	}
	sc.eas = nil
	sc.sortExtras()
	slices.SortFunc(sc.x.tags, func(a, b tag) int { return cmp.Compare(a.file, b.file) })
}

// tag notes the reparse tag of a file, of reparse data of at least 8 bytes.
func (sc *scanner) tag(i uint32, data []byte) {
	t := tag{file: i, tag: binary.LittleEndian.Uint32(data)}
	if t.tag == winfs.TagWOF {
		t.alg = wofOf(data)
	}
	sc.x.tags = append(sc.x.tags, t)
}

// gather returns the attributes of a file with an attribute list from all of
// its records, and what is wrong with them.
func (sc *scanner) gather(num uint32) ([]attr, []string, error) {
	rec, h, err := sc.load(num)
	if err != nil {
		return nil, nil, err
	}
	var problems []string
	attrs, _ := parseAttrs(nil, rec, h, num) // its damage was told when the pass came by
	list, err := sc.fs.listOf(attrs)
	if err == nil && !slices.ContainsFunc(list, func(e listEntry) bool { return e.ref.record() == uint64(num) }) {
		err = &FormatError{"attribute list", -1, "it does not name the record that it is in"}
	}
	if err != nil {
		problems = append(problems, err.Error())
	}
	sc.listWork -= int64(len(list))
	if sc.listWork < 0 {
		return attrs, problems, &FormatError{"attribute list", -1, "the lists of this volume name more records than it can have; the rest is not followed"}
	}
	self := makeRef(num, h.seq)
	var nums []uint32
	whole := err == nil
	for _, e := range list {
		n := e.ref.record()
		if n == uint64(num) {
			continue
		}
		if n > math.MaxUint32 {
			problems = append(problems, fmt.Sprintf("the attribute list names record %d", n))
			whole = false
			continue
		}
		nums = append(nums, uint32(n))
	}
	slices.Sort(nums)
	nums = slices.Compact(nums)
	nums = slices.DeleteFunc(nums, func(n uint32) bool {
		k, ok := sc.findExt(n)
		if ok {
			sc.ext[k].listed = true
			ok = sc.ext[k].base == self
		}
		if !ok {
			if sc.fs.isLostRecord(n) {
				sc.fs.extension(num, n)
			} else {
				whole = false
			}
			problems = append(problems, fmt.Sprintf("the attributes in record %d are gone: it is not in use, or belongs to another file", n))
		}
		return !ok
	})
	if !whole {
		// The list is not to be trusted; take what points back, and look for
		// names in the indexes.
		sc.fs.mayLackNames(num)
		nums = append(nums, sc.pointBack(self)...)
		slices.Sort(nums)
		nums = slices.Compact(nums)
	}
	for _, n := range nums {
		if what := sc.torn[n]; what != "" {
			problems = append(problems, fmt.Sprintf("the attributes in record %d: %s", n, what))
		}
		rec, h, err := sc.load(n)
		if err == nil {
			attrs, err = parseAttrs(attrs, rec, h, n)
		}
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	if len(problems) == 0 {
		if e := unmet(list, attrs); e != nil {
			sc.fs.mayLackNames(num)
			problems = append(problems, fmt.Sprintf("the attribute list names an attribute %#x in record %d, which does not have it", e.typ, e.ref.record()))
		}
	}
	return attrs, problems, nil
}

// unmet is an entry of list whose attribute is not in attrs, nil for none.
func unmet(list []listEntry, attrs []attr) *listEntry {
	type key struct {
		rec   uint64
		typ   uint32
		first int64
	}
	have := make(map[key]int, len(attrs))
	for k := range attrs {
		a := &attrs[k]
		have[key{uint64(a.rec), a.typ, a.first}]++
	}
	for k := range list {
		e := &list[k]
		x := key{e.ref.record(), e.typ, e.first}
		if have[x]--; have[x] < 0 {
			return e
		}
	}
	return nil
}

// findExt finds the record n in ext.
func (sc *scanner) findExt(n uint32) (int, bool) {
	return slices.BinarySearchFunc(sc.ext, n, func(x extension, n uint32) int { return cmp.Compare(x.num, n) })
}

// pointBack returns the records that say that they continue self.
func (sc *scanner) pointBack(self reference) (nums []uint32) {
	if sc.byBase == nil {
		sc.byBase = slices.Clone(sc.ext)
		slices.SortStableFunc(sc.byBase, func(a, b extension) int { return cmp.Compare(a.base, b.base) })
	}
	i, _ := slices.BinarySearchFunc(sc.byBase, self, func(x extension, r reference) int { return cmp.Compare(x.base, r) })
	for ; i < len(sc.byBase) && sc.byBase[i].base == self; i++ {
		nums = append(nums, sc.byBase[i].num)
		if k, ok := sc.findExt(sc.byBase[i].num); ok {
			sc.ext[k].listed = true
		}
	}
	return nums
}

// unlisted hurts the files that are continued by records which no attribute
// list names: what these hold is missing.
func (sc *scanner) unlisted() {
	for _, x := range sc.ext {
		if x.listed {
			continue
		}
		i, ok := sc.fileOf(x.base)
		if !ok {
			continue
		}
		sc.damage(i, fmt.Sprintf("record %d says that it continues this file, whose attribute list does not name it: what it holds is left out", x.num))
		sc.fs.mayLackNames(sc.x.files.at(i).num)
	}
}

// fileOf finds a file before the index is whole.
func (sc *scanner) fileOf(ref reference) (uint32, bool) {
	a, b := uint32(0), sc.x.files.n
	for a < b {
		if m := a + (b-a)/2; uint64(sc.x.files.at(m).num) < ref.record() {
			a = m + 1
		} else {
			b = m
		}
	}
	if a == sc.x.files.n {
		return 0, false
	}
	f := sc.x.files.at(a)
	return a, makeRef(f.num, f.seq) == ref
}

// listOf reads the attribute list among attrs.
func (fs *FS) listOf(attrs []attr) ([]listEntry, error) {
	k := slices.IndexFunc(attrs, func(a attr) bool { return a.typ == typeAttributeList })
	if k < 0 {
		return nil, nil
	}
	a := &attrs[k]
	b := a.value
	if a.nonResident {
		if a.first != 0 || a.size > maxListBytes {
			return nil, &FormatError{"attribute list", -1, fmt.Sprintf("%d bytes", a.size)}
		}
		runs, size, err := fs.geo.layout(nil, attrs[k:k+1], a.size)
		if err != nil {
			return nil, fmt.Errorf("attribute list: %w", err)
		}
		b = make([]byte, size)
		if n, err := fs.plainOf(runs, size, min(size, a.init)).ReadAt(b, 0); n < len(b) {
			list, _ := parseList(b[:n])
			return list, fmt.Errorf("attribute list: %w", err)
		}
	}
	return parseList(b)
}

// layout makes the runs of a stream from its extents, in order of their first
// cluster, and returns its size. Whatever is missing is lost; a size that no
// volume of this size can hold is cut to the clusters there are.
func (g *geometry) layout(dst []run, exts []attr, size int64) ([]run, int64, error) {
	var problem error
	note := func(err error) {
		if problem == nil {
			problem = err
		}
	}
	var at int64
	for i := range exts {
		a := &exts[i]
		switch {
		case a.last >= maxStream/g.cluster:
			note(fmt.Errorf("cluster %d of a stream", a.last))
			continue
		case a.first < at:
			note(fmt.Errorf("two extents hold cluster %d of the stream", a.first))
			continue
		case a.first > at:
			note(fmt.Errorf("the extent with the clusters %d to %d of the stream is missing", at, a.first-1))
			dst = addRun(dst, run{lost, a.first - at})
		}
		var err error
		dst, err = appendRuns(dst, a.runs, a.last-a.first+1, g.clusters)
		if err != nil {
			note(fmt.Errorf("run list: %w", err))
		}
		at = a.last + 1
	}
	if all := at * g.cluster; size > all {
		if size > g.bytes {
			note(fmt.Errorf("%d bytes in %d clusters; cut to %d bytes", size, at, all))
			return dst, all, problem
		}
		note(fmt.Errorf("%d bytes, but only %d clusters", size, at))
		dst = addRun(dst, run{lost, (size - all + g.cluster - 1) / g.cluster})
	}
	return dst, size, problem
}

// fill takes the attributes of a file in.
func (sc *scanner) fill(i uint32, attrs []attr) {
	x := sc.x
	f := x.files.at(i)
	haveSI, long := false, false
	var dos, sd, reparse, ea, id *attr
	first := x.links.n
	sc.space = sc.space[:0]
	sc.data = sc.data[:0]
	for k := range attrs {
		a := &attrs[k]
		switch a.typ {
		case typeStandardInformation:
			if v := a.value; len(v) >= 48 && !haveSI {
				haveSI = true
				f.created = wstr.Filetime(binary.LittleEndian.Uint64(v))
				f.modified = wstr.Filetime(binary.LittleEndian.Uint64(v[8:]))
				f.changed = wstr.Filetime(binary.LittleEndian.Uint64(v[16:]))
				f.accessed = wstr.Filetime(binary.LittleEndian.Uint64(v[24:]))
				f.attr |= binary.LittleEndian.Uint32(v[32:]) &^ (winfs.AttrDirectory | attrOurs)
				// The word that was the version number; its other bits mean
				// other things.
				if f.flags&flagDir != 0 && binary.LittleEndian.Uint32(v[40:])&1 != 0 {
					f.attr |= attrCaseSensitive
				}
				if len(v) >= 72 {
					f.sec = binary.LittleEndian.Uint32(v[52:])
				}
			}
		case typeFileName:
			const space = 65 // offset of the name space: 0 POSIX, 1 Win32, 2 DOS, 3 both
			switch {
			case len(a.value) > space && a.value[space] == 2:
				dos = a
			case sc.addLink(i, a.value):
				sc.space = append(sc.space, a.value[space])
				long = true
			}
		case typeSecurityDescriptor:
			if sd == nil {
				sd = a
				f.flags |= flagSD
			}
		case typeVolumeName:
			if f.num == 3 && len(a.value) <= 256 {
				sc.fs.label = wstr.FromUTF16LE(a.value)
			}
		case typeVolumeInformation:
			if f.num == 3 {
				sc.fs.volumeInformation(a.value)
			}
		case typeReparsePoint:
			if reparse == nil {
				reparse = a
			}
		case typeEA:
			if ea == nil {
				ea = a
			}
		case typeObjectID:
			if id == nil && !a.nonResident {
				id = a
			}
		case typeData:
			sc.data = append(sc.data, *a)
		}
	}
	switch {
	case dos != nil && long:
		sc.shortOf(i, dos.value, first, sc.space)
	case dos != nil:
		// The long name is lost; the short one is better than none.
		sc.addLink(i, dos.value)
	}
	if ea != nil || id != nil {
		sc.extras(i, ea, id)
	}
	if !haveSI && f.num >= firstUser {
		sc.damage(i, "no $STANDARD_INFORMATION: times, attributes and owner are unknown")
	}
	if sd != nil && f.sec == 0 && !sd.nonResident {
		sc.ownSD(f, sd.value)
	}
	if reparse != nil {
		sc.reparse(i, reparse)
	}
	sc.streams(i)
}

// addLink takes a $FILE_NAME in.
func (sc *scanner) addLink(i uint32, v []byte) bool {
	parent, seq, raw, ok := parseName(v)
	if !ok {
		sc.damage(i, "a $FILE_NAME without a name")
		return false
	}
	sc.name = appendName(sc.name[:0], raw)
	name, ok := sc.x.names.add(sc.name)
	if !ok {
		sc.damage(i, "names of more than 4 GiB; this one is left out")
		return false
	}
	f := sc.x.files.at(i)
	if f.links < math.MaxUint16 {
		f.links++
	}
	sc.x.links.add(link{file: i, parent: parent, name: name, seq: seq})
	return true
}

// parseName reads a $FILE_NAME: the record number and the sequence number of
// the folder, and the name in UTF-16LE.
func parseName(v []byte) (parent uint32, seq uint16, raw []byte, ok bool) {
	if len(v) < 66 || 66+2*int(v[64]) > len(v) || v[64] == 0 {
		return 0, 0, nil, false
	}
	ref := reference(binary.LittleEndian.Uint64(v))
	parent = noParent
	if ref.record() < noParent {
		parent = uint32(ref.record())
	}
	return parent, ref.seq(), v[66 : 66+2*int(v[64])], true
}

// appendName appends the WTF-8 of UTF-16LE.
func appendName(dst, b []byte) []byte {
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] >= 0x80 || b[i+1] != 0 {
			return append(dst, wstr.FromUTF16LE(b[i:])...)
		}
		dst = append(dst, b[i])
	}
	return dst
}

// ownSD keeps a descriptor of a file that does not use $Secure. Most of them
// are equal.
func (sc *scanner) ownSD(f *file, b []byte) {
	n, ok := sc.sdIndex[string(b)]
	if !ok {
		if len(b) > maxDescriptor || len(b) > sc.sdRoom {
			return
		}
		sc.sdRoom -= len(b)
		s := string(b)
		sc.x.sds = append(sc.x.sds, s)
		n = uint32(len(sc.x.sds))
		if sc.sdIndex == nil {
			sc.sdIndex = map[string]uint32{}
		}
		sc.sdIndex[s] = n
	}
	f.sec = n
	f.flags |= flagOwnSD
}

func (sc *scanner) reparse(i uint32, a *attr) {
	f := sc.x.files.at(i)
	if !a.nonResident {
		if len(a.value) < 8 {
			sc.damage(i, fmt.Sprintf("reparse data of %d bytes", len(a.value)))
			return
		}
		f.flags |= flagReparse
		sc.tag(i, a.value)
		return
	}
	if a.first != 0 || a.size < 8 || a.size > maxReparse {
		sc.damage(i, fmt.Sprintf("reparse data of %d bytes", a.size))
		return
	}
	f.flags |= flagReparse
	_, size, place, err := sc.keep([]attr{*a})
	if err != nil {
		sc.damage(i, "reparse data: "+err.Error())
	}
	if place != noPlace {
		sc.late = append(sc.late, late{file: i, place: place, size: size, typ: typeReparsePoint})
	}
}

// streams takes the $DATA attributes in sc.data in.
func (sc *scanner) streams(i uint32) {
	if len(sc.data) > 1 {
		slices.SortStableFunc(sc.data, func(a, b attr) int {
			if c := bytes.Compare(a.name, b.name); c != 0 {
				return c
			}
			return cmp.Compare(a.first, b.first)
		})
	}
	for rest := sc.data; len(rest) > 0; {
		n := 1
		for n < len(rest) && bytes.Equal(rest[n].name, rest[0].name) {
			n++
		}
		sc.stream(i, rest[:n])
		rest = rest[n:]
	}
}

// stream takes one stream in, all of its extents.
func (sc *scanner) stream(i uint32, exts []attr) {
	f := sc.x.files.at(i)
	name := exts[0].name
	if f.flags&flagDir != 0 && len(name) == 0 {
		sc.damage(i, "a folder with an unnamed stream")
		return
	}
	s := named{file: i}
	if k := slices.IndexFunc(exts, func(a attr) bool { return !a.nonResident }); k >= 0 {
		a := &exts[k]
		s.size, s.place = int64(len(a.value)), a.rec
		s.mode = winfs.Resident
		if a.flags&attrEncrypted != 0 {
			s.mode |= winfs.Encrypted
		}
		if len(exts) > 1 {
			sc.damage(i, streamName(name)+"resident and not resident at once")
		}
	} else {
		var err error
		s.mode, s.size, s.place, err = sc.keep(exts)
		if err != nil {
			sc.damage(i, streamName(name)+err.Error())
		}
	}
	if len(name) == 0 {
		f.size, f.place, f.mode = s.size, s.place, s.mode
		f.flags |= flagData
		return
	}
	sc.name = appendName(sc.name[:0], name)
	at, ok := sc.x.names.add(sc.name)
	if !ok {
		sc.damage(i, "names of more than 4 GiB; a stream is left out")
		return
	}
	s.name = at
	if f.streams < math.MaxUint16 {
		f.streams++
	}
	sc.x.named.add(s)
}

func streamName(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	return fmt.Sprintf("stream %q: ", wstr.FromUTF16LE(raw))
}

var errNoFirst = errors.New("the extent with the size is missing; the size is that of the clusters found")

// keep stores the runs of a stream in the index.
func (sc *scanner) keep(exts []attr) (mode winfs.Mode, size int64, place uint32, err error) {
	g := &sc.fs.geo
	a := &exts[0]
	size, init, unit := a.size, a.init, a.unit
	if a.first != 0 {
		last := exts[len(exts)-1].last
		if last >= maxStream/g.cluster {
			return 0, 0, noPlace, fmt.Errorf("cluster %d of a stream", last)
		}
		size = (last + 1) * g.cluster
		init, unit = size, 0
		err = errNoFirst
		if a.flags&attrCompression != 0 {
			unit = 4 // no other is made
		}
	}
	var what error
	sc.runs, size, what = g.layout(sc.runs[:0], exts, size)
	if err == nil {
		err = what
	}
	if a.flags&attrCompression == 0 {
		unit = 0 // sparse streams have one, which means nothing
	} else if unit == 0 {
		err = cmp.Or(err, errors.New("compressed, without a compression unit"))
	}
	if a.flags&attrCompression > 1 || unit > 0 && g.cluster<<min(unit, 40) > maxUnit {
		err = cmp.Or(err, fmt.Errorf("compression method %d with units of 2^%d clusters", a.flags&attrCompression, unit))
		sc.runs = append(sc.runs[:0], run{lost, (size-1)/g.cluster + 1})
		if size == 0 {
			sc.runs = sc.runs[:0]
		}
		unit = 0
	}
	mode = g.modeOf(sc.runs, a.flags, unit, size)
	sc.enc = encodeRuns(sc.enc[:0], sc.runs, unit, size, init)
	place, ok := sc.x.runs.add(sc.enc)
	if !ok || place == noPlace {
		return mode, size, noPlace, errors.New("run lists of more than 4 GiB; this one is left out")
	}
	return mode, size, place, err
}

// modeOf tells how a stream that is not resident is kept.
func (g *geometry) modeOf(runs []run, flags uint16, unit uint8, size int64) winfs.Mode {
	var mode winfs.Mode
	if flags&attrEncrypted != 0 {
		mode |= winfs.Encrypted
	}
	if flags&attrSparse != 0 {
		mode |= winfs.Sparse
	}
	if unit > 0 {
		mode |= winfs.Compressed
	}
	clusters, gaps := false, false
	var at int64
	for _, x := range runs {
		if at*g.cluster >= size {
			break
		}
		switch x.lcn {
		case hole:
			// The end of a compressed unit is a hole that holds nothing.
			whole := (at + 1<<unit - 1) >> unit << unit
			if whole*g.cluster < size && (whole+1<<unit <= at+x.n || (at+x.n)*g.cluster >= size && whole == at) {
				gaps = true
			}
		default:
			clusters = true
		}
		at += x.n
	}
	switch {
	case gaps && !clusters:
		mode |= winfs.Absent | winfs.Sparse
	case gaps:
		mode |= winfs.Partial | winfs.Sparse
	}
	return mode
}
