package ntfsgen

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"

	"github.com/coldstate/coldstate/testimages/hivegen"
)

// Records of the metadata files.
const (
	recMFT      = 0
	recMirror   = 1
	recLog      = 2
	recVolume   = 3
	recAttrDef  = 4
	recRoot     = 5
	recBitmap   = 6
	recBoot     = 7
	recBadClus  = 8
	recSecure   = 9 // $Quota in NT 4
	recUpCase   = 10
	recExtend   = 11
	recReserved = 12 // to 15
	recFurther  = 16 // to 23: further records of $MFT itself
	recQuota    = 24
	recObjID    = 25
	recReparse  = 26
)

const (
	bootSize = 8192
	logSize  = 512 << 10
	spare    = 16 // records for what the root may need
)

// system adds the metadata files to the tree, and numbers all of it.
func (b *builder) system() {
	b.meta = map[uint64]*inode{recRoot: b.root}
	meta := func(dir *inode, num uint64, name string) *inode {
		n := &inode{Node: Node{Name: name, Attr: Hidden | System, Times: &b.opt.Times, Security: b.opt.Security}, num: num, seq: uint16(max(1, num)), parent: dir, path: dir.join(name)}
		if num > recReserved+3 {
			n.seq = 1
		}
		b.meta[num] = n
		b.addName(n, dir, name, spaceBoth)
		return n
	}
	for num, name := range []string{"$MFT", "$MFTMirr", "$LogFile", "$Volume", "$AttrDef", ".", "$Bitmap", "$Boot", "$BadClus", "$Secure", "$UpCase", "$Extend"} {
		switch {
		case num == recRoot:
			b.addName(b.root, b.root, name, spaceBoth)
		case num == recExtend && b.opt.nt4():
		case num == recSecure && b.opt.nt4():
			meta(b.root, recSecure, "$Quota")
		default:
			meta(b.root, uint64(num), name)
		}
	}
	if x := b.meta[recExtend]; x != nil {
		x.Dir = true
		meta(x, recQuota, "$Quota")
		meta(x, recObjID, "$ObjId")
		meta(x, recReparse, "$Reparse")
	}

	num := uint64(b.opt.FirstRecord)
	b.root.all(func(n *inode) {
		n.num, n.seq = num, cmp.Or(n.Sequence, 1)
		num++
		if n.Times == nil {
			n.Times = &b.opt.Times
		}
		if n.Security == nil {
			n.Security = n.parent.Security
		}
		if n.EFS != nil {
			n.Attr |= attrEncrypted
		}
		if n.Reparse != nil {
			n.Attr |= attrReparse
		}
		if d := n.Data; d != nil && d.sparse {
			n.Attr |= attrSparse
		}
		if d := n.Data; d != nil && d.compressed {
			n.Attr |= attrCompressed
		}
		if n.Attr&^(attrEncrypted|attrReparse|attrSparse|attrCompressed) == 0 && !n.Dir {
			n.Attr |= Archive
		}
		n.Attr &^= Normal
		space := byte(spaceBoth)
		if n.Short != "" {
			space = spaceWin32
			b.addName(n, n.parent, n.Short, spaceDOS)
		} else if !isShort(n.Name) {
			space = spaceWin32
		}
		if n.parent.CaseSensitive {
			space = spacePOSIX
		}
		b.addName(n, n.parent, n.Name, space)
		for _, link := range n.Links {
			if n.Dir {
				panic("ntfsgen: the folder " + n.path + " has a hard link")
			}
			dir, last := b.root.find(link)
			b.addName(n, dir, last, spacePOSIX)
		}
	})
	b.last = num - 1
}

// addName gives n a name in dir.
func (b *builder) addName(n, dir *inode, text string, space byte) {
	u := units(text)
	if len(u) == 0 || len(u) > 255 || slices.Contains(u, '\\') {
		panic("ntfsgen: no file can be named " + text)
	}
	x := &name{of: n, parent: dir, text: u, space: space}
	n.names = append(n.names, x)
	if n.Deleted {
		return
	}
	dir.entries = append(dir.entries, x)
}

// isShort says whether a name is an 8.3 name as it stands.
func isShort(name string) bool {
	base, ext, _ := bytes.Cut([]byte(name), []byte("."))
	ok := func(s []byte, most int) bool {
		for _, c := range s {
			if c <= ' ' || c >= 0x7F || bytes.IndexByte([]byte(`"*+,./:;<=>?[\]|`), c) >= 0 || 'a' <= c && c <= 'z' {
				return false
			}
		}
		return len(s) <= most
	}
	return len(base) > 0 && ok(base, 8) && ok(ext, 3)
}

// fileName returns the $FILE_NAME of a name.
func (b *builder) fileName(x *name) []byte {
	n := x.of
	v := make([]byte, 66+2*len(x.text))
	le.PutUint64(v, b.reference(x.parent.num, x.parent.seq))
	putTimes(v[8:], n.Times)
	if s := n.streams[""]; s != nil {
		_, stored := s.clusters()
		le.PutUint64(v[40:], uint64(stored*b.cluster))
		le.PutUint64(v[48:], uint64(s.size))
	} else if n.Data != nil {
		le.PutUint64(v[40:], uint64(align8(len(n.Data.Bytes))))
		le.PutUint64(v[48:], uint64(n.Data.Size))
	}
	attr := n.Attr
	if n.Dir {
		attr |= 0x10000000
	}
	if n.num == recSecure && !b.opt.nt4() || recQuota <= n.num && n.num <= recReparse {
		attr |= 0x20000000
	}
	le.PutUint32(v[56:], attr)
	if n.Reparse != nil {
		le.PutUint32(v[60:], le.Uint32(n.Reparse))
	} else if len(n.EAs) > 0 {
		packed, _, _ := packEAs(n.EAs)
		le.PutUint32(v[60:], uint32(packed))
	}
	v[64], v[65] = byte(len(x.text)), x.space
	for i, c := range x.text {
		le.PutUint16(v[66+2*i:], c)
	}
	return v
}

func putTimes(b []byte, t *Times) {
	for i, x := range []uint64{t.Created, t.Modified, t.Changed, t.Accessed} {
		le.PutUint64(b[8*i:], x)
	}
}

// packEAs returns $EA, the size that $EA_INFORMATION gives for it in packed
// form, and how many EAs are needed to understand the file.
func packEAs(eas []EA) (packed int, value []byte, needed int) {
	for _, e := range eas {
		n := 8 + len(e.Name) + 1 + len(e.Value)
		b := make([]byte, (n+3)&^3)
		le.PutUint32(b, uint32(len(b)))
		if e.Need {
			b[4] = 0x80
			needed++
		}
		b[5] = byte(len(e.Name))
		le.PutUint16(b[6:], uint16(len(e.Value)))
		copy(b[8:], e.Name)
		copy(b[9+len(e.Name):], e.Value)
		value = append(value, b...)
		packed += n - 3
	}
	return packed, value, needed
}

// standard returns the attributes that every file begins with.
func (b *builder) standard(n *inode) []*attribute {
	v := make([]byte, 72)
	putTimes(v, n.Times)
	le.PutUint32(v[32:], n.Attr)
	if n.CaseSensitive {
		le.PutUint32(v[40:], 1)
	}
	var attrs []*attribute
	if b.opt.nt4() || n.OwnSecurity {
		attrs = append(attrs, resident(typeStandard, "", v[:48]), resident(typeSecurity, "", n.Security))
	} else {
		le.PutUint32(v[52:], b.secure.id(n.Security))
		attrs = append(attrs, resident(typeStandard, "", v))
	}
	for _, x := range n.names {
		attrs = append(attrs, resident(typeName, "", b.fileName(x)))
	}
	return attrs
}

// fileAttributes returns the attributes of a file or folder but for its
// index. Contents are put into clusters.
func (b *builder) fileAttributes(n *inode) []*attribute {
	n.streams = map[string]*stream{}
	type content struct {
		name string
		data *Data
	}
	var contents []content
	if !n.Dir {
		if n.Data == nil {
			n.Data = Bytes(nil)
		}
		contents = append(contents, content{"", n.Data})
	}
	for _, s := range n.Streams {
		contents = append(contents, content{s.Name, s.Data})
	}
	// The names are not final before the sizes are known, but as long.
	used := 0
	for _, a := range b.standard(n) {
		used += a.size()
	}
	var attrs []*attribute
	add := func(a *attribute) {
		used += a.size()
		attrs = append(attrs, a)
	}
	if n.ObjectID != [16]byte{} {
		add(resident(typeObjectID, "", n.ObjectID[:]))
	}
	// What has a place of its own elsewhere when it is too long for the record.
	const header = 24 + 64
	large := func(typ uint32, name string, v []byte) {
		a := resident(typ, name, v)
		if used+a.size()+len(contents)*header > b.room() && len(v) > 64 {
			a = nonResident(typ, name, 0, b.store(v))
		}
		add(a)
	}
	if n.Reparse != nil {
		large(typeReparse, "", n.Reparse)
	}
	if len(n.EAs) > 0 {
		packed, v, needed := packEAs(n.EAs)
		info := le.AppendUint16(nil, uint16(packed))
		info = le.AppendUint16(info, uint16(needed))
		add(resident(typeEAInfo, "", le.AppendUint32(info, uint32(len(v)))))
		large(typeEA, "", v)
	}
	if n.EFS != nil {
		large(typeLogged, "$EFS", n.EFS)
	}
	for i, c := range contents {
		d := c.data
		if d == nil {
			d = Bytes(nil)
		}
		var a *attribute
		if !d.nonResident && n.EFS == nil && d.Size <= int64(b.opt.Record) && int64(len(d.Bytes)) <= d.Size {
			a = resident(typeData, c.name, d.All())
			if left := len(contents) - 1 - i; used+a.size()+left*header > b.room() && d.Size > 64 {
				a = nil
			}
		}
		if a == nil {
			s, flags := b.place(d, n.EFS != nil)
			n.streams[c.name] = s
			a = nonResident(typeData, c.name, flags, s)
		}
		add(a)
	}
	return attrs
}

// further gives out the number of a record for what one record cannot hold.
func (b *builder) further() uint64 {
	b.last++
	return b.last
}

// write lays the volume out, and returns its size and the runs of $MFT.
func (b *builder) write() (size int64, mft []run) {
	place := func(num uint64, n int64) { // a metadata file in one run
		b.meta[num].streams = map[string]*stream{"": {runs: b.alloc(b.clustersFor(n), 1), size: n, valid: n}}
	}
	mirrored := max(4, b.cluster/int64(b.opt.Record))
	place(recBoot, bootSize)
	place(recMirror, mirrored*int64(b.opt.Record))
	place(recLog, logSize)
	place(recAttrDef, int64(len(attrDef())))
	place(recUpCase, 2*int64(len(Upcase())))

	// Contents first: the entries of folders say how large they are.
	attrs := map[*inode][]*attribute{}
	b.root.all(func(n *inode) {
		before := len(b.used)
		attrs[n] = b.fileAttributes(n)
		if n.Deleted {
			b.used = b.used[:before]
		}
	})
	b.root.all(func(n *inode) {
		b.writeNode(n, attrs[n])
	})
	rootAttrs := b.fileAttributes(b.root)
	b.secure.id(b.opt.Security)
	b.writeExtend()
	b.writeSecure()

	// $MFT: whole clusters, and as many records as its mirror.
	perCluster := max(1, b.cluster/int64(b.opt.Record))
	records := int64(b.last) + 1 + spare
	records = max(records, mirrored, 64)
	records = (records + max(perCluster, 8) - 1) / max(perCluster, 8) * max(perCluster, 8)
	mftSize := records * int64(b.opt.Record)
	mft = b.allocMFT(mftSize)
	b.meta[recMFT].streams = map[string]*stream{"": {runs: mft, size: mftSize, valid: mftSize}}
	mftBits := make([]byte, align8(int(records+7)/8))
	mftBitmap := &stream{runs: b.alloc(b.clustersFor(int64(len(mftBits))), 1), size: int64(len(mftBits)), valid: int64(len(mftBits))}

	// The size of the volume, with room for the index of the root and what
	// else is to come.
	total := b.next + b.clustersFor(int64(len(b.root.entries))*1400+8*indexSize) + b.opt.Free
	total += total/10 + 8
	total += b.clustersFor(total/4 + 8)
	size = b.opt.Size
	if size == 0 {
		const whole = 1 << 20
		size = (total*b.cluster + int64(b.opt.Sector) + whole - 1) / whole * whole
	}
	sectors := size/int64(b.opt.Sector) - 1
	clusters := sectors / (b.cluster / int64(b.opt.Sector))
	place(recBitmap, int64(align8(int(clusters+7)/8)))
	b.meta[recBadClus].streams = map[string]*stream{"$Bad": {runs: []run{{hole, clusters}}, size: clusters * b.cluster}}

	b.writeNode(b.root, rootAttrs)
	b.writeMetadata(mftBitmap)
	if b.next > clusters {
		panic("ntfsgen: the files need more than the volume has")
	}

	// Which records are in use, and their bytes.
	table := make([]byte, 0, mftSize)
	for num := range uint64(records) {
		rec, ok := b.mft[num]
		if !ok {
			rec = b.record(num, 1, 0, 0, 0, nil)
		}
		if ok && le.Uint16(rec[22:])&recordInUse != 0 || num >= recFurther && num < recQuota {
			mftBits[num/8] |= 1 << (num % 8)
		}
		table = append(table, rec...)
	}
	b.put(mftBitmap, mftBits)
	b.put(b.meta[recMFT].streams[""], table)
	b.put(b.meta[recMirror].streams[""], table[:mirrored*int64(b.opt.Record)])

	bitmap := make([]byte, b.meta[recBitmap].streams[""].size)
	mark := func(from, to int64) {
		for c := from; c < to; c++ {
			bitmap[c/8] |= 1 << (c % 8)
		}
	}
	for _, r := range b.used {
		mark(r.lcn, r.lcn+r.n)
	}
	mark(clusters, int64(len(bitmap))*8)
	b.put(b.meta[recBitmap].streams[""], bitmap)

	boot := b.bootSector(sectors, mft[0].lcn)
	b.put(b.meta[recBoot].streams[""], boot)
	b.extents = append(b.extents, extent{at: sectors * int64(b.opt.Sector), n: int64(b.opt.Sector), b: boot})
	return size, mft
}

// allocMFT gives out the clusters of $MFT. Its first run holds the records
// with which a reader finds the others.
func (b *builder) allocMFT(size int64) []run {
	all := b.clustersFor(size)
	first := min(all, b.clustersFor(recQuota*int64(b.opt.Record)))
	if b.opt.MFTRuns <= 1 || first == all {
		return b.alloc(all, 1)
	}
	runs := b.alloc(first, 1)
	b.next++
	return joinRuns(append(runs, b.alloc(all-first, b.opt.MFTRuns-1)...))
}

// writeNode writes the record of a file or folder.
func (b *builder) writeNode(n *inode, attrs []*attribute) {
	attrs = append(b.standard(n), attrs...)
	flags := uint16(recordInUse)
	if n.Dir {
		flags |= recordFolder
		used := 0
		for _, a := range attrs {
			used += a.size()
		}
		// Blocks need two more attributes.
		const room = 24 + 8 + 64 + 8 + 32 + 24 + 8 + 16
		x := b.buildIndex(typeName, collateFileName, b.folderEntries(n), b.room()-used-room)
		attrs = append(attrs, b.indexAttributes("$I30", x)...)
	}
	seq := n.seq
	if n.Deleted {
		flags &^= recordInUse
		seq++
	}
	n.records = b.writeFile(file{n.num, seq, flags, attrs, b.further})
}

// writeExtend writes $Extend and the files in it.
func (b *builder) writeExtend() {
	x := b.meta[recExtend]
	if x == nil {
		return
	}
	b.writeNode(x, nil)
	view := func(num uint64, attrs ...*attribute) {
		n := b.meta[num]
		n.records = b.writeFile(file{num, n.seq, recordInUse | recordExtend | recordView, append(b.standard(n), attrs...), b.further})
	}
	tree := func(name string, collation uint32, entries []entry) []*attribute {
		return b.indexAttributes(name, b.buildIndex(0, collation, entries, 300))
	}

	// $Quota: the defaults and one owner, without limits.
	control := func(flags uint32, sid []byte) []byte {
		v := make([]byte, 48)
		le.PutUint32(v, 2)
		le.PutUint32(v[4:], flags)
		le.PutUint64(v[16:], b.opt.Times.Created)
		for i := 24; i < 40; i++ {
			v[i] = 0xFF
		}
		return append(v, sid...)
	}
	admins := hivegen.SID(sidAdmins)
	word := func(v uint32) []byte { return le.AppendUint32(nil, v) }
	view(recQuota, append(tree("$O", collateSID, []entry{viewEntry(admins, word(0x100))}),
		tree("$Q", collateULong, []entry{viewEntry(word(1), control(1, nil)), viewEntry(word(0x100), control(1, admins))})...)...)

	// $ObjId and $Reparse lead to the files by id and by tag.
	type row struct{ key, data []byte }
	var ids, tags []row
	if b.opt.VolumeID != [16]byte{} {
		ids = append(ids, row{b.opt.VolumeID[:], append(le.AppendUint64(nil, b.reference(recVolume, recVolume)), make([]byte, 48)...)})
	}
	note := func(n *inode) {
		ref := b.reference(n.num, n.seq)
		if n.Deleted {
			return
		}
		if n.ObjectID != [16]byte{} {
			ids = append(ids, row{n.ObjectID[:], append(le.AppendUint64(nil, ref), make([]byte, 48)...)})
		}
		if n.Reparse != nil {
			tags = append(tags, row{key: le.AppendUint64(slices.Clone(n.Reparse[:4]), ref)})
		}
	}
	note(b.root)
	b.root.all(note)
	entries := func(rows []row) (out []entry) {
		slices.SortFunc(rows, func(x, y row) int {
			for i := 0; i < len(x.key); i += 4 {
				if c := cmp.Compare(le.Uint32(x.key[i:]), le.Uint32(y.key[i:])); c != 0 {
					return c
				}
			}
			return 0
		})
		for _, r := range rows {
			out = append(out, viewEntry(r.key, r.data))
		}
		return out
	}
	view(recObjID, tree("$O", collateULongs, entries(ids))...)
	view(recReparse, tree("$R", collateULongs, entries(tags))...)
}

// writeSecure writes $Secure, when all ids are given out.
func (b *builder) writeSecure() {
	n := b.meta[recSecure]
	flags := uint16(recordInUse)
	attrs := b.standard(n)
	if b.opt.nt4() {
		attrs = append(attrs, resident(typeData, "", nil))
	} else {
		sds, sdh, sii := b.secure.streams()
		s := b.store(sds)
		n.streams = map[string]*stream{"$SDS": s}
		attrs = append(attrs, nonResident(typeData, "$SDS", 0, s))
		attrs = append(attrs, b.indexAttributes("$SDH", b.buildIndex(0, collateHash, sdh, 200))...)
		attrs = append(attrs, b.indexAttributes("$SII", b.buildIndex(0, collateULong, sii, 200))...)
		flags |= recordView
	}
	n.records = b.writeFile(file{n.num, n.seq, flags, attrs, b.further})
}

// writeMetadata writes the records and contents of the other metadata files.
func (b *builder) writeMetadata(mftBitmap *stream) {
	content := func(num uint64, v []byte) { b.put(b.meta[num].streams[""], v) }
	content(recAttrDef, attrDef())
	table := make([]byte, 0, 2*len(Upcase()))
	for _, c := range Upcase() {
		table = le.AppendUint16(table, c)
	}
	content(recUpCase, table)
	content(recLog, b.logFile())

	for num := range uint64(recReserved + 4) {
		n := b.meta[num]
		if num == recRoot || num == recSecure || num == recExtend && n != nil {
			continue
		}
		if n == nil { // reserved
			n = &inode{Node: Node{Attr: Hidden | System, Times: &b.opt.Times, Security: b.opt.Security}, num: num, seq: uint16(num)}
		}
		attrs := b.standard(n)
		switch num {
		case recVolume:
			attrs = append(attrs, resident(typeLabel, "", utf16le(b.opt.Label)), resident(typeData, "", nil))
			info := make([]byte, 12)
			info[8], info[9] = byte(b.opt.Version>>8), byte(b.opt.Version)
			le.PutUint16(info[10:], b.opt.Flags)
			attrs = append(attrs, resident(typeVolume, "", info))
			if b.opt.VolumeID != [16]byte{} {
				attrs = append(attrs, resident(typeObjectID, "", b.opt.VolumeID[:]))
			}
		case recBadClus:
			attrs = append(attrs, resident(typeData, "", nil), nonResident(typeData, "$Bad", 0, n.streams["$Bad"]))
		case recMFT:
			attrs = append(attrs, nonResident(typeData, "", 0, n.streams[""]), nonResident(typeBitmap, "", 0, mftBitmap))
		default:
			if s := n.streams[""]; s != nil {
				attrs = append(attrs, nonResident(typeData, "", 0, s))
			} else {
				attrs = append(attrs, resident(typeData, "", nil))
			}
		}
		further := b.further
		if num == recMFT {
			next := uint64(recFurther)
			further = func() uint64 {
				if next == recQuota {
					panic("ntfsgen: $MFT has too many runs")
				}
				next++
				return next - 1
			}
		}
		b.writeFile(file{num, n.seq, recordInUse, attrs, further})
	}
}

func (b *builder) bootSector(sectors, mft int64) []byte {
	s := make([]byte, b.opt.Sector)
	copy(s, "\xebR\x90NTFS    ")
	le.PutUint16(s[11:], uint16(b.opt.Sector))
	s[13] = sizeCode(b.cluster/int64(b.opt.Sector), 128)
	s[21] = 0xF8
	le.PutUint16(s[24:], 63)
	le.PutUint16(s[26:], 255)
	le.PutUint32(s[28:], b.opt.Start)
	s[36], s[38] = 0x80, 0x80
	le.PutUint64(s[40:], uint64(sectors))
	le.PutUint64(s[48:], uint64(mft))
	le.PutUint64(s[56:], uint64(b.meta[recMirror].streams[""].runs[0].lcn))
	s[64] = b.recordCode(int64(b.opt.Record))
	s[68] = b.recordCode(indexSize)
	le.PutUint64(s[72:], b.opt.Serial)
	s[510], s[511] = 0x55, 0xAA
	return s
}

// sizeCode writes n down, or above most its negative logarithm.
func sizeCode(n, most int64) byte {
	if n <= most {
		return byte(n)
	}
	return byte(-bits.TrailingZeros64(uint64(n)))
}

// recordCode is a size in clusters, or where it is less than one the negative
// logarithm of its bytes.
func (b *builder) recordCode(n int64) byte {
	if n >= b.cluster {
		return byte(n / b.cluster)
	}
	return byte(-bits.TrailingZeros64(uint64(n)))
}

// logFile returns the content of $LogFile.
func (b *builder) logFile() []byte {
	log := bytes.Repeat([]byte{0xFF}, logSize)
	if b.opt.Log == LogEmpty {
		return log
	}
	const page, usa, area = 4096, 30, 48
	for i := range 2 {
		p := log[i*page : (i+1)*page]
		clear(p)
		copy(p, "RSTR")
		le.PutUint32(p[16:], page) // system page
		le.PutUint32(p[20:], page) // log page
		le.PutUint16(p[24:], area)
		le.PutUint16(p[26:], 1) // version 1.1
		le.PutUint16(p[28:], 1)
		r := p[area:]
		le.PutUint64(r, uint64(0x100000+i)) // LSN: the second page is newer
		le.PutUint16(r[8:], 1)              // one client
		le.PutUint16(r[10:], 0xFFFF)        // free list
		le.PutUint16(r[12:], 0xFFFF)        // list of those in use
		le.PutUint16(r[14:], 2)             // clean
		if b.opt.Log == LogOpen {
			le.PutUint16(r[10:], 0xFFFF)
			le.PutUint16(r[12:], 0)
			le.PutUint16(r[14:], 0)
		} else {
			le.PutUint16(r[10:], 0)
		}
		le.PutUint32(r[16:], uint32(67-bits.Len(logSize))) // bits of a sequence number
		le.PutUint16(r[20:], 48+160)                       // length of the area
		le.PutUint16(r[22:], 48)                           // where the clients are
		le.PutUint64(r[24:], logSize)
		le.PutUint16(r[36:], 48) // header of a log record
		le.PutUint16(r[38:], 64) // first record in a page
		c := r[48:]
		le.PutUint16(c[16:], 0xFFFF)
		le.PutUint16(c[18:], 0xFFFF)
		le.PutUint32(c[28:], 8)
		copy(c[32:], utf16le("NTFS"))
		protect(p, usa)
	}
	return log
}

// attrDef returns the content of $AttrDef.
func attrDef() []byte {
	const (
		indexed  = 0x02
		resident = 0x40
		logged   = 0x80
	)
	var b []byte
	for _, a := range []struct {
		name     string
		typ      uint32
		flags    uint32
		min, max int64 // -1: any
	}{
		{"$STANDARD_INFORMATION", typeStandard, resident, 48, 72},
		{"$ATTRIBUTE_LIST", typeList, logged, 0, -1},
		{"$FILE_NAME", typeName, resident | indexed, 68, 578},
		{"$OBJECT_ID", typeObjectID, resident, 0, 256},
		{"$SECURITY_DESCRIPTOR", typeSecurity, logged, 0, -1},
		{"$VOLUME_NAME", typeLabel, resident, 2, 256},
		{"$VOLUME_INFORMATION", typeVolume, resident, 12, 12},
		{"$DATA", typeData, 0, 0, -1},
		{"$INDEX_ROOT", typeIndexRoot, resident, 0, -1},
		{"$INDEX_ALLOCATION", typeIndexAlloc, logged, 0, -1},
		{"$BITMAP", typeBitmap, logged, 0, -1},
		{"$REPARSE_POINT", typeReparse, logged, 0, 16384},
		{"$EA_INFORMATION", typeEAInfo, resident, 8, 8},
		{"$EA", typeEA, 0, 0, 65536},
		{"$LOGGED_UTILITY_STREAM", typeLogged, logged, 0, 65536},
	} {
		e := make([]byte, 160)
		copy(e, utf16le(a.name))
		le.PutUint32(e[128:], a.typ)
		le.PutUint32(e[140:], a.flags)
		le.PutUint64(e[144:], uint64(a.min))
		le.PutUint64(e[152:], uint64(a.max))
		b = append(b, e...)
	}
	return append(b, make([]byte, 160)...)
}
