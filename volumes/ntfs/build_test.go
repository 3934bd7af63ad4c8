package ntfs

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// This file builds NTFS volumes byte by byte, without the code under test.

// volume is a volume being built: clusters of 1 KiB, MFT records of 1 KiB.
type volume struct {
	b    []byte
	next int64 // next free cluster
	recs map[int][]byte
}

const (
	testCluster = 1024
	testRecord  = 1024
	testMFT     = 8 // cluster of $MFT
	testMirror  = 2 // before $MFT, so that a cut volume keeps it
	testRecords = 64
)

func newVolume(clusters int) *volume {
	v := &volume{b: make([]byte, clusters*testCluster+512), next: testMFT + testRecords + 4, recs: map[int][]byte{}}
	copy(v.b[3:], "NTFS    ")
	binary.LittleEndian.PutUint16(v.b[11:], 512)
	v.b[13] = testCluster / 512
	binary.LittleEndian.PutUint64(v.b[40:], uint64(clusters*testCluster/512))
	binary.LittleEndian.PutUint64(v.b[48:], testMFT)
	binary.LittleEndian.PutUint64(v.b[56:], testMirror)
	v.b[64] = 0xF6
	v.b[510], v.b[511] = 0x55, 0xAA
	copy(v.b[len(v.b)-512:], v.b[:512])
	return v
}

// place puts data into fresh clusters and returns the first.
func (v *volume) place(data []byte) int64 {
	at := v.next
	copy(v.b[at*testCluster:], data)
	v.next += int64(len(data)+testCluster-1) / testCluster
	return at
}

// bytes writes the records, and the copies of the first four.
func (v *volume) bytes() []byte {
	for num, rec := range v.recs {
		copy(v.b[testMFT*testCluster+num*testRecord:], rec)
		if num < 4 {
			copy(v.b[testMirror*testCluster+num*testRecord:], rec)
		}
	}
	return v.b
}

func utf16le(s string) []byte {
	var b []byte
	for _, c := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return b
}

func ref(num, seq int) uint64 { return uint64(num) | uint64(seq)<<48 }

// rec adds a base record with sequence number seq.
func (v *volume) rec(num, seq int, flags uint16, attrs ...[]byte) {
	v.recs[num] = makeRecord(testRecord, num, seq, flags, 0, attrs...)
}

// makeRecord builds a record with its sectors protected.
func makeRecord(size, num, seq int, flags uint16, base uint64, attrs ...[]byte) []byte {
	b := make([]byte, size)
	copy(b, "FILE")
	n := size/512 + 1
	binary.LittleEndian.PutUint16(b[4:], 0x30)
	binary.LittleEndian.PutUint16(b[6:], uint16(n))
	binary.LittleEndian.PutUint16(b[16:], uint16(seq))
	binary.LittleEndian.PutUint16(b[18:], 1)
	off := (0x30 + 2*n + 7) &^ 7
	binary.LittleEndian.PutUint16(b[20:], uint16(off))
	binary.LittleEndian.PutUint16(b[22:], flags)
	binary.LittleEndian.PutUint32(b[28:], uint32(size))
	binary.LittleEndian.PutUint64(b[32:], base)
	binary.LittleEndian.PutUint32(b[44:], uint32(num))
	for id, a := range attrs {
		binary.LittleEndian.PutUint16(a[14:], uint16(id))
		off += copy(b[off:], a)
	}
	binary.LittleEndian.PutUint32(b[off:], 0xFFFFFFFF)
	binary.LittleEndian.PutUint32(b[24:], uint32(off+8))
	protect(b)
	return b
}

// protect writes the update sequence 0x0107.
func protect(b []byte) {
	usa := b[0x30:]
	binary.LittleEndian.PutUint16(usa, 0x0107)
	for i := 1; i <= len(b)/512; i++ {
		tail := b[512*i-2:]
		copy(usa[2*i:2*i+2], tail[:2])
		binary.LittleEndian.PutUint16(tail, 0x0107)
	}
}

func res(typ uint32, name string, value []byte) []byte {
	n := utf16le(name)
	at := (24 + len(n) + 7) &^ 7
	b := make([]byte, (at+len(value)+7)&^7)
	binary.LittleEndian.PutUint32(b, typ)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
	b[9] = byte(len(n) / 2)
	binary.LittleEndian.PutUint16(b[10:], 24)
	binary.LittleEndian.PutUint32(b[16:], uint32(len(value)))
	binary.LittleEndian.PutUint16(b[20:], uint16(at))
	copy(b[24:], n)
	copy(b[at:], value)
	return b
}

// nonres is the header of an attribute outside of the record.
type nonres struct {
	typ        uint32
	name       string
	flags      uint16
	unit       byte
	first      int64
	size, init int64
}

// with adds the runs: pairs of cluster (-1 for a hole) and length.
func (h nonres) with(pairs ...int64) []byte {
	n := utf16le(h.name)
	at := (64 + len(n) + 7) &^ 7
	list, count := runList(pairs...)
	b := make([]byte, (at+len(list)+7)&^7)
	binary.LittleEndian.PutUint32(b, h.typ)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
	b[8], b[9] = 1, byte(len(n)/2)
	binary.LittleEndian.PutUint16(b[10:], 64)
	binary.LittleEndian.PutUint16(b[12:], h.flags)
	binary.LittleEndian.PutUint64(b[16:], uint64(h.first))
	binary.LittleEndian.PutUint64(b[24:], uint64(h.first+count-1))
	binary.LittleEndian.PutUint16(b[32:], uint16(at))
	b[34] = h.unit
	if h.first == 0 {
		binary.LittleEndian.PutUint64(b[40:], uint64(count*testCluster))
		binary.LittleEndian.PutUint64(b[48:], uint64(h.size))
		binary.LittleEndian.PutUint64(b[56:], uint64(h.init))
	}
	copy(b[64:], n)
	copy(b[at:], list)
	return b
}

// data is the unnamed stream with runs.
func data(size int64, pairs ...int64) []byte {
	return nonres{typ: 0x80, size: size, init: size}.with(pairs...)
}

func runList(pairs ...int64) (list []byte, count int64) {
	signed := func(v int64) []byte {
		b := binary.LittleEndian.AppendUint64(nil, uint64(v))
		n := 8
		for n > 1 && (b[n-1] == 0 && b[n-2] < 0x80 || b[n-1] == 0xFF && b[n-2] >= 0x80) {
			n--
		}
		return b[:n]
	}
	var last int64
	for i := 0; i < len(pairs); i += 2 {
		lcn, n := pairs[i], signed(pairs[i+1])
		count += pairs[i+1]
		if lcn < 0 {
			list = append(append(list, byte(len(n))), n...)
			continue
		}
		d := signed(lcn - last)
		last = lcn
		list = append(append(append(list, byte(len(n)|len(d)<<4)), n...), d...)
	}
	return append(list, 0), count
}

func stdInfo(attr, security uint32) []byte {
	v := make([]byte, 72)
	for i := range 4 {
		binary.LittleEndian.PutUint64(v[8*i:], 132223104000000000+uint64(i))
	}
	binary.LittleEndian.PutUint32(v[32:], attr)
	binary.LittleEndian.PutUint32(v[52:], security)
	return res(0x10, "", v)
}

// fileName is a $FILE_NAME; space 0 POSIX, 1 Win32, 2 DOS, 3 both.
func fileName(parent uint64, space byte, name string) []byte {
	n := utf16le(name)
	v := make([]byte, 66+len(n))
	binary.LittleEndian.PutUint64(v, parent)
	v[64], v[65] = byte(len(n)/2), space
	copy(v[66:], n)
	return res(0x30, "", v)
}

func reparse(tag uint32, body []byte) []byte {
	v := binary.LittleEndian.AppendUint32(nil, tag)
	v = binary.LittleEndian.AppendUint16(v, uint16(len(body)))
	return res(0xC0, "", append(append(v, 0, 0), body...))
}

// attrList is an $ATTRIBUTE_LIST of extents of the unnamed stream: triples of
// first cluster, record and sequence number.
func attrList(triples ...int) []byte {
	var v []byte
	for i := 0; i < len(triples); i += 3 {
		e := make([]byte, 32)
		binary.LittleEndian.PutUint32(e, 0x80)
		binary.LittleEndian.PutUint16(e[4:], 32)
		e[7] = 26
		binary.LittleEndian.PutUint64(e[8:], uint64(triples[i]))
		binary.LittleEndian.PutUint64(e[16:], ref(triples[i+1], triples[i+2]))
		v = append(v, e...)
	}
	return v
}

// sdsEntry is an entry of $SDS.
func sdsEntry(id uint32, off int64, sd []byte) []byte {
	var h uint32
	for i := 0; i+4 <= len(sd); i += 4 {
		h = h<<3 | h>>29
		h += binary.LittleEndian.Uint32(sd[i:])
	}
	b := binary.LittleEndian.AppendUint32(nil, h)
	b = binary.LittleEndian.AppendUint32(b, id)
	b = binary.LittleEndian.AppendUint64(b, uint64(off))
	b = binary.LittleEndian.AppendUint32(b, uint32(20+len(sd)))
	return append(b, sd...)
}

// aaaa is a chunk of LZNT1 that gives 4096 times c: one literal, then a copy
// of 4095 from one byte back.
func aaaa(c byte) []byte { return []byte{0x03, 0xB0, 0x02, c, 0xFC, 0x0F} }

func fill(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i*7) + byte(i>>8)
	}
	return b
}

const dirFlag, fileFlag = 3, 1

var rootRef = ref(5, 5)

// The descriptors of the test volume.
var testSD, testOwnSD = fill(64, 3), fill(48, 9)

// testVolume is a volume with one of everything. want holds the contents of
// the files that can be read.
func testVolume() (v *volume, want map[string][]byte) {
	v = newVolume(256)
	want = map[string][]byte{}
	v.rec(0, 1, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$MFT"), data(testRecords*testRecord, testMFT, testRecords))
	v.rec(1, 1, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$MFTMirr"), data(4*testRecord, testMirror, 4))
	v.rec(3, 3, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$Volume"), res(0x60, "", utf16le("Prüfung")))
	v.rec(5, 5, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "."))
	v.rec(11, 11, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "$Extend"))
	v.rec(47, 1, fileFlag, stdInfo(6, 0), fileName(ref(11, 11), 3, "$Quota"))

	// $Secure: one descriptor, whose first copy is broken.
	entry := sdsEntry(0x100, 0, testSD)
	second := bytes.Clone(entry)
	entry[30] ^= 1
	a, b := v.place(entry), v.place(second)
	v.rec(9, 9, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$Secure"),
		nonres{typ: 0x80, name: "$SDS", size: 256<<10 + 84, init: 256<<10 + 84}.with(a, 1, -1, 255, b, 1))

	// Names: a hard link, a short name, a stream.
	want["Hello world.txt"] = []byte("hello")
	want["dir\\second.txt"] = []byte("hello")
	v.rec(24, 2, fileFlag, stdInfo(0x20, 0x100),
		fileName(rootRef, 1, "Hello world.txt"), fileName(rootRef, 2, "HELLOW~1.TXT"), fileName(ref(25, 7), 0, "second.txt"),
		res(0x80, "", []byte("hello")), res(0x80, "Zone.Identifier", []byte("[ZoneTransfer]")))
	v.rec(25, 7, dirFlag, stdInfo(0x10, 0x100), fileName(rootRef, 3, "dir"))

	// Two runs, the second before the first.
	plain := fill(5000, 1)
	b2 := v.place(plain[3*testCluster:])
	a2 := v.place(plain[:3*testCluster])
	want["dir\\plain.bin"] = plain
	v.rec(26, 1, fileFlag, stdInfo(0x20, 0x100), fileName(ref(25, 7), 3, "plain.bin"), data(5000, a2, 3, b2, 2))

	// LZNT1 in units of 16 KiB: packed; zero; raw; packed, cut. The hole of
	// the first unit and the second one are one run.
	unit := func(c byte) []byte {
		return bytes.Join([][]byte{aaaa(c), aaaa(c), aaaa(c), aaaa(c), {0, 0}}, nil)
	}
	packed, raw := v.place(unit('A')), v.place(fill(16<<10, 5))
	tail := v.place(unit('B'))
	want["lznt1.bin"] = append(append(append(bytes.Repeat([]byte("A"), 16<<10), make([]byte, 16<<10)...), fill(16<<10, 5)...), bytes.Repeat([]byte("B"), 10000)...)
	v.rec(27, 1, fileFlag, stdInfo(0x820, 0x100), fileName(rootRef, 3, "lznt1.bin"),
		nonres{typ: 0x80, flags: 1, unit: 4, size: 48<<10 + 10000, init: 48<<10 + 10000}.with(packed, 1, -1, 31, raw, 16, tail, 1, -1, 15))

	// Reparse points.
	le32 := func(w ...uint32) (b []byte) {
		for _, x := range w {
			b = binary.LittleEndian.AppendUint32(b, x)
		}
		return b
	}
	v.rec(28, 1, fileFlag, stdInfo(0x620, 0), fileName(rootRef, 3, "wof.exe"),
		nonres{typ: 0x80, flags: 0x8000, size: 3000}.with(-1, 3), res(0x80, "WofCompressedData", xpressRun('W', 3000)),
		res(0x80, "Zone.Identifier", []byte("zone")), reparse(0x80000017, le32(1, 2, 1, 0)))
	want["wof.exe"] = bytes.Repeat([]byte("W"), 3000)
	v.rec(29, 1, fileFlag, stdInfo(0x620, 0), fileName(rootRef, 3, "dedup.doc"),
		nonres{typ: 0x80, flags: 0x8000, size: 3000}.with(-1, 3), reparse(0x80000013, le32(1, 2, 3)))
	v.rec(30, 1, fileFlag, stdInfo(0x501620, 0), fileName(rootRef, 3, "cloud.doc"),
		nonres{typ: 0x80, flags: 0x8000, size: 3000, init: 3000}.with(-1, 3), reparse(0x9000701A, le32(1)))
	c := v.place(fill(3000, 8))
	v.rec(31, 1, fileFlag, stdInfo(0x501620, 0), fileName(rootRef, 3, "partly.doc"),
		nonres{typ: 0x80, flags: 0x8000, size: 5000, init: 5000}.with(c, 3, -1, 2), reparse(0x9000601A, le32(1)))
	want["local.doc"] = fill(3000, 8)
	v.rec(32, 1, fileFlag, stdInfo(0x420, 0), fileName(rootRef, 3, "local.doc"), data(3000, c, 3), reparse(0x9000101A, le32(1)))
	v.rec(34, 1, fileFlag, stdInfo(0x420, 0), fileName(rootRef, 3, "link"), res(0x80, "", nil), reparse(0xA000000C, le32(1, 2, 3)))

	// Sparse, with initialised bytes that end inside a run.
	d := v.place(fill(4*testCluster, 11))
	sparse := append(append(make([]byte, 2*testCluster), fill(2*testCluster, 11)[:1500]...), make([]byte, 4*testCluster-1500)...)
	want["sparse.bin"] = sparse
	v.rec(33, 1, fileFlag, stdInfo(0x220, 0), fileName(rootRef, 3, "sparse.bin"),
		nonres{typ: 0x80, flags: 0x8000, size: int64(len(sparse)), init: 2*testCluster + 1500}.with(-1, 2, d, 4))

	// An attribute list whose extension records stand before the base.
	long := fill(6*testCluster, 13)
	p := []int64{v.place(long[:2*testCluster]), 0, 0}
	v.next++
	p[1] = v.place(long[2*testCluster : 4*testCluster])
	v.next++
	p[2] = v.place(long[4*testCluster:])
	base := ref(38, 4)
	v.recs[36] = makeRecord(testRecord, 36, 2, fileFlag, base, nonres{typ: 0x80, first: 2}.with(p[1], 2))
	v.recs[37] = makeRecord(testRecord, 37, 2, fileFlag, base, nonres{typ: 0x80, first: 4}.with(p[2], 2), fileName(ref(25, 7), 3, "further name"))
	want["listed.bin"], want["dir\\further name"] = long, long
	v.rec(38, 4, fileFlag, stdInfo(0x20, 0), res(0x20, "", attrList(0, 38, 4, 2, 36, 2, 4, 37, 2)),
		fileName(rootRef, 3, "listed.bin"), data(int64(len(long)), p[0], 2))

	// Orphans: another sequence number, and two folders that hold each other.
	want["$Orphans\\39-1 lost.txt"] = []byte("lost")
	v.rec(39, 1, fileFlag, stdInfo(0x20, 0), fileName(ref(25, 6), 3, "lost.txt"), res(0x80, "", []byte("lost")))
	v.rec(40, 1, dirFlag, stdInfo(0x10, 0), fileName(ref(41, 1), 3, "one"))
	v.rec(41, 1, dirFlag, stdInfo(0x10, 0), fileName(ref(40, 1), 3, "two"))

	// Damaged, deleted, own descriptor, encrypted.
	v.rec(42, 1, fileFlag, stdInfo(0x20, 0), fileName(rootRef, 3, "torn.txt"), res(0x80, "", []byte("torn")))
	v.recs[42][1022]++
	want["torn.txt"] = []byte("torn")
	v.rec(43, 1, fileFlag, stdInfo(0x20, 0), fileName(rootRef, 3, "baad.txt"), res(0x80, "", []byte("baad")))
	copy(v.recs[43], "BAAD")
	want["baad.txt"] = []byte("baad")
	v.rec(44, 1, 0, stdInfo(0x20, 0), fileName(rootRef, 3, "deleted.txt"), res(0x80, "", []byte("deleted")))
	v.rec(45, 1, fileFlag, res(0x10, "", make([]byte, 48)), fileName(rootRef, 3, "own sd"), res(0x50, "", testOwnSD), res(0x80, "", nil))
	want["own sd"], want["link"] = nil, nil
	want["secret"] = fill(512, 17)
	v.rec(48, 1, fileFlag, stdInfo(0x4020, 0x777), fileName(rootRef, 3, "secret"),
		nonres{typ: 0x80, flags: 0x4000, size: 512, init: 512}.with(v.place(fill(512, 17)), 1))
	return v, want
}
