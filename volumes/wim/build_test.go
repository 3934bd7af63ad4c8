package wim_test

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

// ent is a file or folder of a WIM file that a test lays out; kids make it a
// folder.
type ent struct {
	name, short string
	attr        uint32
	sec         int32 // -1 for none
	times       [3]uint64
	data        []byte
	streams     []str
	tag         uint32 // of a reparse point
	reparse     []byte // behind the header
	group       uint64
	objectID    []byte
	kids        []*ent
	// unnamed puts the unnamed stream among the further ones, as Windows does
	// when there are any.
	unnamed bool
}

type str struct {
	name string
	data []byte
}

type img struct {
	name     string
	security [][]byte
	root     *ent
}

// built is a WIM file, with the places that tests damage.
type built struct {
	b                 []byte
	blob              map[string]int64 // content -> its offset
	table, xml        int64
	tableLen          int64
	metadata, metaLen []int64
}

// build lays a WIM file out without compression ("Windows Imaging File Format
// (WIM)", Microsoft, 2007).
func build(images []img) *built {
	w := &built{b: make([]byte, 208), blob: map[string]int64{}}
	var table []byte
	add := func(content []byte, flags byte, refs uint32) (off int64) {
		off = int64(len(w.b))
		w.b = append(w.b, content...)
		sum := sha1.Sum(content)
		table = append(table, resHeader(off, int64(len(content)), int64(len(content)), flags)...)
		table = binary.LittleEndian.AppendUint16(table, 1)
		table = binary.LittleEndian.AppendUint32(table, refs)
		table = append(table, sum[:]...)
		return off
	}
	hash := func(content []byte) []byte {
		if len(content) == 0 {
			return make([]byte, 20)
		}
		if _, ok := w.blob[string(content)]; !ok {
			w.blob[string(content)] = add(content, 0, 1)
		}
		sum := sha1.Sum(content)
		return sum[:]
	}
	xml := "\uFEFF<WIM>"
	for i, m := range images {
		meta := metadata(m, hash)
		w.metadata = append(w.metadata, add(meta, 2, 1))
		w.metaLen = append(w.metaLen, int64(len(meta)))
		xml += fmt.Sprintf(`<IMAGE INDEX="%d"><NAME>%s</NAME><TOTALBYTES>%d</TOTALBYTES></IMAGE>`, i+1, m.name, 1000*(i+1))
	}
	w.table, w.tableLen = int64(len(w.b)), int64(len(table))
	w.b = append(w.b, table...)
	w.xml = int64(len(w.b))
	w.b = append(w.b, utf16le(xml+"</WIM>")...)
	h := append([]byte("MSWIM\x00\x00\x00"), make([]byte, 200)...)
	le := binary.LittleEndian
	le.PutUint32(h[8:], 208)
	le.PutUint32(h[12:], 0x10D00)
	le.PutUint16(h[40:], 1)
	le.PutUint16(h[42:], 1)
	le.PutUint32(h[44:], uint32(len(images)))
	copy(h[48:], resHeader(w.table, w.tableLen, w.tableLen, 0))
	n := int64(len(w.b)) - w.xml
	copy(h[72:], resHeader(w.xml, n, n, 0))
	copy(w.b, h)
	return w
}

func resHeader(off, stored, size int64, flags byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(stored)|uint64(flags)<<56)
	b = binary.LittleEndian.AppendUint64(b, uint64(off))
	return binary.LittleEndian.AppendUint64(b, uint64(size))
}

func utf16le(s string) []byte {
	var b []byte
	for _, c := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return b
}

func pad8(b []byte) []byte {
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

// metadata lays the tree of an image out: first its folders in depth, each with
// a list behind it.
func metadata(m img, hash func([]byte) []byte) []byte {
	le := binary.LittleEndian
	b := make([]byte, 8)
	le.PutUint32(b[4:], uint32(len(m.security)))
	for _, sd := range m.security {
		b = le.AppendUint64(b, uint64(len(sd)))
	}
	for _, sd := range m.security {
		b = append(b, sd...)
	}
	le.PutUint32(b, uint32(len(b)))
	b = pad8(b)

	var list func(kids []*ent) uint64
	put := func(e *ent) (children int) {
		at := len(b)
		b = append(b, make([]byte, 102)...)
		d := b[at:]
		attr := e.attr
		if e.kids != nil {
			attr |= 0x10
		}
		le.PutUint32(d[8:], attr)
		le.PutUint32(d[12:], uint32(e.sec))
		for i, t := range e.times {
			le.PutUint64(d[40+8*i:], t)
		}
		le.PutUint64(d[88:], e.group)
		var more [][2][]byte // name, hash
		switch {
		case attr&0x400 != 0:
			le.PutUint32(d[88:], e.tag)
			le.PutUint32(d[92:], 0)
			copy(d[64:], hash(e.reparse))
			if e.data != nil {
				more = append(more, [2][]byte{nil, hash(e.data)})
			}
		case e.unnamed:
			more = append(more, [2][]byte{nil, hash(e.data)})
		default:
			copy(d[64:], hash(e.data))
		}
		for _, s := range e.streams {
			more = append(more, [2][]byte{utf16le(s.name), hash(s.data)})
		}
		name, short := utf16le(e.name), utf16le(e.short)
		le.PutUint16(d[96:], uint16(len(more)))
		le.PutUint16(d[98:], uint16(len(short)))
		le.PutUint16(d[100:], uint16(len(name)))
		for _, s := range [][]byte{name, short} {
			if len(s) > 0 {
				b = append(append(b, s...), 0, 0)
			}
		}
		if e.objectID != nil {
			b = pad8(b)
			b = le.AppendUint32(b, 1)
			b = le.AppendUint32(b, uint32(len(e.objectID)))
			b = append(b, e.objectID...)
		}
		b = pad8(b)
		le.PutUint64(b[at:], uint64(len(b)-at))
		for _, s := range more {
			from := len(b)
			b = append(b, make([]byte, 38)...)
			copy(b[from+16:], s[1])
			le.PutUint16(b[from+36:], uint16(len(s[0])))
			if len(s[0]) > 0 {
				b = append(append(b, s[0]...), 0, 0)
			}
			b = pad8(b)
			le.PutUint64(b[from:], uint64(len(b)-from))
		}
		return at + 16
	}
	list = func(kids []*ent) uint64 {
		start := len(b)
		var places []int
		for _, k := range kids {
			places = append(places, put(k))
		}
		b = append(b, make([]byte, 8)...)
		for i, k := range kids {
			if len(k.kids) > 0 {
				at := list(k.kids)
				le.PutUint64(b[places[i]:], at)
			}
		}
		return uint64(start)
	}
	at := put(m.root)
	b = append(b, make([]byte, 8)...)
	if len(m.root.kids) > 0 {
		n := list(m.root.kids)
		le.PutUint64(b[at:], n)
	}
	return b
}
