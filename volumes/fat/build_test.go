package fat_test

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// file is a file or, with kids, a folder of a volume that a test lays out.
type file struct {
	long    string // "" for none
	short   string // as it stands in the entry: 11 bytes
	flags   byte   // of lower case
	attr    byte
	tenths  byte
	created [2]uint16 // date, time
	written [2]uint16
	read    uint16
	data    []byte
	kids    []*file
	step    int // clusters lie that far from each other; 0 is 1
}

// volume is what build makes, with the places that tests damage.
type volume struct {
	b       []byte
	bits    int
	cluster int
	table   int // offset of the first table
	tables  [2]int
	root    int               // offset of the root folder
	first   map[string]uint32 // the first cluster of what has that short name
	data    int
}

// build lays a volume out ("FAT: General Overview of On-Disk Format"): clusters
// of so many bytes, so many of them.
func build(bits, cluster, clusters int, label string, kids ...*file) *volume {
	le := binary.LittleEndian
	const sector = 512
	reserved, rootEntries := 1, 64
	if bits == 32 {
		reserved, rootEntries = 32, 0
	}
	perTable := ((clusters+2)*bits/8 + sector) / sector
	w := &volume{bits: bits, cluster: cluster, table: reserved * sector, first: map[string]uint32{}}
	w.tables = [2]int{w.table, w.table + perTable*sector}
	w.root = w.table + 2*perTable*sector
	w.data = w.root + rootEntries*32
	total := (w.data + clusters*cluster) / sector
	w.b = make([]byte, total*sector)
	b := w.b
	copy(b, "\xEB\x58\x90MSDOS5.0")
	le.PutUint16(b[11:], sector)
	b[13] = byte(cluster / sector)
	le.PutUint16(b[14:], uint16(reserved))
	b[16] = 2
	le.PutUint16(b[17:], uint16(rootEntries))
	b[21] = 0xF8
	le.PutUint32(b[32:], uint32(total))
	ext := 36
	if bits == 32 {
		le.PutUint32(b[36:], uint32(perTable))
		le.PutUint16(b[48:], 1)
		ext = 64
		le.PutUint32(b[44:], 2)
		copy(b[sector:], "RRaA")
		copy(b[sector+484:], "rrAa\xFF\xFF\xFF\xFF")
	} else {
		le.PutUint16(b[22:], uint16(perTable))
	}
	b[ext+2] = 0x29
	copy(b[ext+7:], "NO NAME    ")
	copy(b[ext+18:], map[int]string{12: "FAT12   ", 16: "FAT16   ", 32: "FAT32   "}[bits])
	b[510], b[511] = 0x55, 0xAA
	w.set(0, 0xFFFFFF8)
	w.set(1, 0xFFFFFFF)

	next := uint32(2)
	// put writes content into clusters and returns the first.
	put := func(content []byte, step int) uint32 {
		if len(content) == 0 {
			return 0
		}
		step = max(step, 1)
		first, n := next, (len(content)+cluster-1)/cluster
		for i := range n {
			c := first + uint32(i*step)
			copy(b[w.data+int(c-2)*cluster:], content[i*cluster:min(len(content), (i+1)*cluster)])
			if i == n-1 {
				w.set(c, 0xFFFFFFF)
			} else {
				w.set(c, c+uint32(step))
			}
		}
		next = first + uint32((n-1)*step) + 1
		return first
	}
	entry := func(f *file, start uint32, size int) []byte {
		e := make([]byte, 32)
		copy(e, f.short)
		e[11], e[12], e[13] = f.attr, f.flags, f.tenths
		le.PutUint16(e[14:], f.created[1])
		le.PutUint16(e[16:], f.created[0])
		le.PutUint16(e[18:], f.read)
		le.PutUint16(e[20:], uint16(start>>16))
		le.PutUint16(e[22:], f.written[1])
		le.PutUint16(e[24:], f.written[0])
		le.PutUint16(e[26:], uint16(start))
		le.PutUint32(e[28:], uint32(size))
		return e
	}
	var list func(kids []*file, self, parent uint32) []byte
	list = func(kids []*file, self, parent uint32) []byte {
		var out []byte
		if self != 0 {
			out = append(out, entry(&file{short: ".          ", attr: 0x10}, self, 0)...)
			out = append(out, entry(&file{short: "..         ", attr: 0x10}, parent, 0)...)
		} else if label != "" {
			out = append(out, entry(&file{short: label, attr: 0x08}, 0, 0)...)
		}
		for _, f := range kids {
			out = append(out, longEntries(f.long, f.short)...)
			var start uint32
			size := len(f.data)
			if f.kids != nil {
				f.attr |= 0x10
				size = 0
				// Its entries are written when its files have places: room for
				// them comes first.
				room := 64
				for _, k := range f.kids {
					room += 32 + len(longEntries(k.long, k.short))
				}
				start = put(make([]byte, room), f.step)
				content := list(f.kids, start, self)
				step := max(f.step, 1)
				for i := 0; i*cluster < len(content); i++ {
					copy(b[w.data+int(int(start)-2+i*step)*cluster:], content[i*cluster:min(len(content), (i+1)*cluster)])
				}
			} else {
				start = put(f.data, f.step)
			}
			w.first[f.short] = start
			out = append(out, entry(f, start, size)...)
		}
		return out
	}
	if bits == 32 {
		room := 32
		for _, k := range kids {
			room += 32 + len(longEntries(k.long, k.short))
		}
		root := put(make([]byte, room), 1)
		w.root = w.data + int(root-2)*cluster
		copy(b[w.root:], list(kids, 0, 0))
	} else {
		copy(b[w.root:], list(kids, 0, 0))
	}
	return w
}

// set writes an entry of both tables.
func (w *volume) set(n, v uint32) {
	for c := range w.tables {
		w.setIn(c, n, v)
	}
}

func (w *volume) setIn(c int, n, v uint32) {
	b := w.b[w.tables[c]:]
	switch w.bits {
	case 32:
		binary.LittleEndian.PutUint32(b[4*n:], v&0x0FFFFFFF)
	case 16:
		binary.LittleEndian.PutUint16(b[2*n:], uint16(v))
	default:
		at := n + n/2
		old := binary.LittleEndian.Uint16(b[at:])
		if n%2 == 0 {
			old = old&0xF000 | uint16(v&0xFFF)
		} else {
			old = old&0x000F | uint16(v<<4)
		}
		binary.LittleEndian.PutUint16(b[at:], old)
	}
}

// longEntries are those before an entry that has a long name.
func longEntries(long, short string) []byte {
	if long == "" {
		return nil
	}
	var sum byte
	for i := range 11 {
		sum = (sum&1)<<7 + sum>>1 + short[i]
	}
	u := utf16.Encode([]rune(strings.ReplaceAll(long, "\u2400", "\U0001F600")))
	n := (len(u) + 12) / 13
	if len(u) < 13*n {
		u = append(u, 0)
	}
	for len(u) < 13*n {
		u = append(u, 0xFFFF)
	}
	var out []byte
	for i := n; i >= 1; i-- {
		e := make([]byte, 32)
		if e[0] = byte(i); i == n {
			e[0] |= 0x40
		}
		e[11], e[13] = 0x0F, sum
		for k, at := range []int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30} {
			binary.LittleEndian.PutUint16(e[at:], u[13*(i-1)+k])
		}
		out = append(out, e...)
	}
	return out
}
