package ntfsgen

import (
	"cmp"
	"fmt"
	"slices"
)

// Attribute types.
const (
	typeStandard   = 0x10
	typeList       = 0x20
	typeName       = 0x30
	typeObjectID   = 0x40
	typeSecurity   = 0x50
	typeLabel      = 0x60
	typeVolume     = 0x70
	typeData       = 0x80
	typeIndexRoot  = 0x90
	typeIndexAlloc = 0xA0
	typeBitmap     = 0xB0
	typeReparse    = 0xC0
	typeEAInfo     = 0xD0
	typeEA         = 0xE0
	typeLogged     = 0x100
	typeEnd        = 0xFFFFFFFF
)

// Flags of an attribute.
const (
	flagCompressed = 0x0001
	flagEncrypted  = 0x4000
	flagSparse     = 0x8000
)

// Flags of a record.
const (
	recordInUse  = 1
	recordFolder = 2
	recordExtend = 4
	recordView   = 8
)

// hole is the lcn of a run without clusters.
const hole = -1

// A run is n clusters from lcn on.
type run struct{ lcn, n int64 }

// A stream is the value of a non-resident attribute. Sizes are in bytes.
type stream struct {
	runs        []run
	size, valid int64
	unit        byte // log2 of the clusters of a compression unit, 0 for none
}

func (s *stream) clusters() (all, stored int64) {
	for _, r := range s.runs {
		all += r.n
		if r.lcn != hole {
			stored += r.n
		}
	}
	return all, stored
}

// An attribute is one attribute, or one piece of a non-resident one.
type attribute struct {
	typ     uint32
	name    string
	flags   uint16
	value   []byte  // resident
	stream  *stream // non-resident
	indexed bool

	first int64 // VCN of the piece
	runs  []run // of the piece
	id    uint16
	at    uint64 // reference of the record that holds it, for the list
}

func resident(typ uint32, name string, value []byte) *attribute {
	return &attribute{typ: typ, name: name, value: value, indexed: typ == typeName}
}

func nonResident(typ uint32, name string, flags uint16, s *stream) *attribute {
	return &attribute{typ: typ, name: name, flags: flags, stream: s, runs: s.runs}
}

func align8(n int) int { return (n + 7) &^ 7 }

// size returns the number of bytes that encode gives.
func (a *attribute) size() int {
	name := 2 * len(units(a.name))
	if a.stream == nil {
		return align8(align8(24+name) + len(a.value))
	}
	return align8(align8(a.fixed()+name) + len(mappingPairs(a.runs)))
}

// fixed returns the size of the header of a non-resident attribute.
func (a *attribute) fixed() int {
	if a.first == 0 && a.stream.unit != 0 {
		return 72
	}
	return 64
}

func (a *attribute) encode(clusterSize int64) []byte {
	b := make([]byte, a.size())
	name := utf16le(a.name)
	le.PutUint32(b, a.typ)
	le.PutUint32(b[4:], uint32(len(b)))
	b[9] = byte(len(name) / 2)
	le.PutUint16(b[12:], a.flags)
	le.PutUint16(b[14:], a.id)
	if a.stream == nil {
		at := align8(24 + len(name))
		le.PutUint16(b[10:], 24)
		le.PutUint32(b[16:], uint32(len(a.value)))
		le.PutUint16(b[20:], uint16(at))
		if a.indexed {
			b[22] = 1
		}
		copy(b[24:], name)
		copy(b[at:], a.value)
		return b
	}
	s := a.stream
	fixed := a.fixed()
	at := align8(fixed + len(name))
	b[8] = 1
	le.PutUint16(b[10:], uint16(fixed))
	copy(b[fixed:], name)
	last := a.first - 1
	for _, r := range a.runs {
		last += r.n
	}
	le.PutUint64(b[16:], uint64(a.first))
	le.PutUint64(b[24:], uint64(last))
	le.PutUint16(b[32:], uint16(at))
	if a.first == 0 {
		all, stored := s.clusters()
		le.PutUint64(b[40:], uint64(all*clusterSize))
		le.PutUint64(b[48:], uint64(s.size))
		le.PutUint64(b[56:], uint64(s.valid))
		if s.unit != 0 {
			b[34] = s.unit
			le.PutUint64(b[64:], uint64(stored*clusterSize))
		}
	}
	copy(b[at:], mappingPairs(a.runs))
	return b
}

// mappingPairs encodes runs. The first lcn counts from 0.
func mappingPairs(runs []run) []byte {
	var b []byte
	var last int64
	for _, r := range runs {
		at := len(b)
		b = appendSigned(append(b, 0), r.n)
		b[at] = byte(len(b) - at - 1)
		if r.lcn != hole {
			n := len(b)
			b = appendSigned(b, r.lcn-last)
			b[at] |= byte(len(b)-n) << 4
			last = r.lcn
		}
	}
	return append(b, 0)
}

// appendSigned appends v in as few little-endian bytes as keep its sign.
func appendSigned(b []byte, v int64) []byte {
	for {
		b = append(b, byte(v))
		sign := int8(v)
		v >>= 8
		if v == 0 && sign >= 0 || v == -1 && sign < 0 {
			return b
		}
	}
}

// cut splits a non-resident attribute into pieces of limit bytes at most.
func (a *attribute) cut(limit int) []*attribute {
	if a.stream == nil || a.size() <= limit {
		return []*attribute{a}
	}
	var pieces []*attribute
	rest := *a
	for rest.size() > limit {
		n := 1
		piece := rest
		for n < len(rest.runs) {
			piece.runs = rest.runs[:n+1]
			if piece.size() > limit {
				break
			}
			n++
		}
		piece.runs = rest.runs[:n]
		pieces = append(pieces, &piece)
		next := rest
		for _, r := range piece.runs {
			next.first += r.n
		}
		next.runs = rest.runs[n:]
		rest = next
	}
	return append(pieces, &rest)
}

// recordHeader returns the offset of the update sequence array and of the
// first attribute of an MFT record.
func (b *builder) recordHeader() (usa, first int) {
	usa = 0x30
	if b.opt.old() {
		usa = 0x2A
	}
	return usa, align8(usa + 2*(b.opt.Record/512+1))
}

// room is what the attributes of one record may take together.
func (b *builder) room() int {
	_, first := b.recordHeader()
	return b.opt.Record - first - 8
}

// record encodes one record with these attributes, which get their ids here.
func (b *builder) record(num uint64, seq, flags uint16, base uint64, links int, attrs []*attribute) []byte {
	usa, first := b.recordHeader()
	rec := make([]byte, b.opt.Record)
	copy(rec, "FILE")
	le.PutUint16(rec[16:], seq)
	le.PutUint16(rec[18:], uint16(links))
	le.PutUint16(rec[20:], uint16(first))
	le.PutUint16(rec[22:], flags)
	le.PutUint32(rec[28:], uint32(b.opt.Record))
	le.PutUint64(rec[32:], base)
	le.PutUint16(rec[40:], uint16(len(attrs)))
	if !b.opt.old() {
		le.PutUint32(rec[44:], uint32(num))
	}
	at := first
	for _, a := range attrs {
		e := a.encode(b.cluster)
		if at+len(e)+8 > len(rec) {
			panic(fmt.Sprintf("ntfsgen: the attributes of record %d do not fit", num))
		}
		at += copy(rec[at:], e)
	}
	le.PutUint32(rec[at:], typeEnd)
	le.PutUint32(rec[24:], uint32(at+8))
	protect(rec, usa)
	return rec
}

// protect moves the last two bytes of each 512 into the update sequence array.
func protect(b []byte, usa int) {
	const number = 1
	n := len(b) / 512
	le.PutUint16(b[4:], uint16(usa))
	le.PutUint16(b[6:], uint16(n+1))
	le.PutUint16(b[usa:], number)
	for i := 1; i <= n; i++ {
		tail := b[512*i-2 : 512*i]
		copy(b[usa+2*i:], tail)
		le.PutUint16(tail, number)
	}
}

// sortAttributes brings attributes into the order that drivers rely on.
func sortAttributes(attrs []*attribute) {
	slices.SortStableFunc(attrs, func(a, c *attribute) int {
		return cmp.Or(cmp.Compare(a.typ, c.typ), compareNames(units(a.name), units(c.name)), cmp.Compare(a.first, c.first))
	})
}

// file is what writeFile needs to know of a file.
type file struct {
	num   uint64
	seq   uint16
	flags uint16
	attrs []*attribute
	// further returns the number of the next free record for what does not
	// fit into the first.
	further func() uint64
}

// writeFile writes a file's record and, where one is too small, an attribute
// list and further records. It returns the numbers of those.
func (b *builder) writeFile(f file) (further []uint64) {
	sortAttributes(f.attrs)
	links, total := 0, 0
	for _, a := range f.attrs {
		total += a.size()
		if a.typ == typeName {
			links++
		}
	}
	if total <= b.room() {
		number(f.attrs)
		b.mft[f.num] = b.record(f.num, f.seq, f.flags, 0, links, f.attrs)
		return nil
	}

	// Cut what is too long even for a record of its own. What begins a file
	// like $MFT must stay findable from its first record, so a first piece
	// never needs more than half of it.
	var pieces []*attribute
	for _, a := range f.attrs {
		limit := b.room()
		if a.size() > limit/2 {
			limit /= 2
		}
		pieces = append(pieces, a.cut(limit)...)
	}
	listSize := 0
	for _, a := range pieces {
		listSize += align8(26 + 2*len(units(a.name)))
	}
	// A list of up to a quarter of the record is resident.
	list := resident(typeList, "", make([]byte, listSize))
	if listSize > b.room()/4 {
		s := &stream{runs: b.alloc(b.clustersFor(int64(listSize)), 1), size: int64(listSize), valid: int64(listSize)}
		list = nonResident(typeList, "", 0, s)
	}

	type group struct {
		num   uint64
		used  int
		attrs []*attribute
	}
	groups := []*group{{num: f.num, used: list.size(), attrs: []*attribute{list}}}
	put := func(a *attribute, try ...*group) {
		for _, g := range try {
			// Two pieces of one attribute are never in one record.
			piece := func(c *attribute) bool { return c.stream != nil && c.stream == a.stream }
			if g.used+a.size() <= b.room() && !slices.ContainsFunc(g.attrs, piece) {
				g.used += a.size()
				g.attrs = append(g.attrs, a)
				a.at = b.reference(g.num, f.seq)
				return
			}
		}
		g := &group{num: f.further(), used: a.size(), attrs: []*attribute{a}}
		a.at = b.reference(g.num, f.seq)
		groups = append(groups, g)
	}
	// The base record keeps what describes the file and its index.
	first := func(a *attribute) bool {
		return a.typ == typeStandard || a.typ == typeIndexRoot && a.name == "$I30" || f.num == 0 && a.typ == typeData && a.first == 0
	}
	for _, a := range pieces {
		if first(a) {
			put(a, groups[0])
		}
	}
	for _, a := range pieces {
		if !first(a) {
			put(a, groups[0], groups[len(groups)-1])
		}
	}
	for i, g := range groups {
		sortAttributes(g.attrs)
		number(g.attrs)
		if i > 0 {
			further = append(further, g.num)
		}
	}
	var body []byte
	for _, a := range pieces {
		name := utf16le(a.name)
		e := make([]byte, align8(26+len(name)))
		le.PutUint32(e, a.typ)
		le.PutUint16(e[4:], uint16(len(e)))
		e[6], e[7] = byte(len(name)/2), 26
		le.PutUint64(e[8:], uint64(a.first))
		le.PutUint64(e[16:], a.at)
		le.PutUint16(e[24:], a.id)
		copy(e[26:], name)
		body = append(body, e...)
	}
	if list.stream != nil {
		b.put(list.stream, body)
	} else {
		copy(list.value, body)
	}
	for i, g := range groups {
		if i == 0 {
			b.mft[g.num] = b.record(g.num, f.seq, f.flags, 0, links, g.attrs)
		} else {
			b.mft[g.num] = b.record(g.num, f.seq, f.flags&recordInUse, b.reference(f.num, f.seq), 0, g.attrs)
		}
	}
	return further
}

func number(attrs []*attribute) {
	for i, a := range attrs {
		a.id = uint16(i)
	}
}

// reference is a record number with its sequence number.
func (b *builder) reference(num uint64, seq uint16) uint64 { return num | uint64(seq)<<48 }
