package ntfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// bootSector is a boot sector with these fields.
func bootSector(sector uint16, perCluster byte, total uint64, mft uint64, record byte) []byte {
	b := make([]byte, 512)
	copy(b[3:], "NTFS    ")
	binary.LittleEndian.PutUint16(b[11:], sector)
	b[13] = perCluster
	binary.LittleEndian.PutUint64(b[40:], total)
	binary.LittleEndian.PutUint64(b[48:], mft)
	binary.LittleEndian.PutUint64(b[56:], mft+1)
	b[64] = record
	return b
}

func TestBoot(t *testing.T) {
	for _, tt := range []struct {
		sector          uint16
		perCluster, rec byte
		cluster, record int64
	}{
		{512, 0x01, 0x02, 512, 1024}, {512, 0x02, 0x01, 1024, 1024}, {512, 0x04, 0xF6, 2048, 1024},
		{512, 0x08, 0xF6, 4096, 1024}, {512, 0x10, 0xF6, 8 << 10, 1024}, {512, 0x20, 0xF6, 16 << 10, 1024},
		{512, 0x40, 0xF6, 32 << 10, 1024}, {512, 0x80, 0xF6, 64 << 10, 1024}, {512, 0xF8, 0xF6, 128 << 10, 1024},
		{512, 0xF7, 0xF6, 256 << 10, 1024}, {512, 0xF6, 0xF6, 512 << 10, 1024}, {512, 0xF5, 0xF6, 1 << 20, 1024},
		{512, 0xF4, 0xF6, 2 << 20, 1024}, {4096, 0x01, 0x01, 4096, 4096}, {4096, 0x10, 0xF4, 64 << 10, 4096},
		{1024, 0x04, 0xF6, 4096, 1024}, {512, 0x08, 0xF7, 4096, 512}, {256, 0x10, 0xF6, 4096, 1024},
	} {
		g, err := parseBoot(bootSector(tt.sector, tt.perCluster, 1<<20, 4, tt.rec))
		if err != nil || g.cluster != tt.cluster || g.record != tt.record || g.sector != int64(tt.sector) {
			t.Errorf("%+v: %+v, %v", tt, g, err)
		}
		if g.bytes != int64(tt.sector)<<20 || g.clusters*g.cluster != g.bytes {
			t.Errorf("%+v: %d bytes, %d clusters", tt, g.bytes, g.clusters)
		}
	}
	for name, b := range map[string][]byte{
		"short":                     make([]byte, 511),
		"zero":                      make([]byte, 512),
		"sector 513":                bootSector(513, 8, 1<<20, 4, 0xF6),
		"sector 0":                  bootSector(0, 8, 1<<20, 4, 0xF6),
		"sector 8192":               bootSector(8192, 8, 1<<20, 4, 0xF6),
		"3 sectors per cluster":     bootSector(512, 3, 1<<20, 4, 0xF6),
		"0 sectors per cluster":     bootSector(512, 0, 1<<20, 4, 0xF6),
		"clusters of 4 MiB":         bootSector(512, 0xF3, 1<<30, 4, 0xF6),
		"0x81 sectors per cluster":  bootSector(512, 0x81, 1<<20, 4, 0xF6),
		"records of 256 bytes":      bootSector(512, 8, 1<<20, 4, 0xF8),
		"records of 128 KiB":        bootSector(512, 8, 1<<20, 4, 0xEF),
		"records of 0 bytes":        bootSector(512, 8, 1<<20, 4, 0),
		"records of 3 clusters":     bootSector(512, 2, 1<<20, 4, 3),
		"no sectors":                bootSector(512, 8, 0, 4, 0xF6),
		"2^63 sectors":              bootSector(512, 8, 1<<63, 4, 0xF6),
		"$MFT at the boot sector":   bootSector(512, 8, 1<<20, 0, 0xF6),
		"$MFT behind the end":       bootSector(512, 8, 1<<20, 1<<17, 0xF6),
		"$MFT at a negative number": bootSector(512, 8, 1<<20, 1<<63+5, 0xF6),
	} {
		var fe *FormatError
		if g, err := parseBoot(b); !errors.As(err, &fe) {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
		if Probe(b) {
			t.Errorf("%s: Probe says yes", name)
		}
	}
}

func TestFixup(t *testing.T) {
	for _, size := range []int{512, 1024, 2048, 4096} {
		rec := makeRecord(size, 7, 1, 1, 0, res(0x80, "", fill(size/2, 3)))
		if got := binary.LittleEndian.Uint16(rec[510:]); got != 0x0107 {
			t.Fatalf("the builder writes %#x", got)
		}
		if err := fixup(rec); err != nil {
			t.Errorf("%d: %v", size, err)
		}
		if !bytes.Contains(rec, fill(size/2, 3)) {
			t.Errorf("%d: the content is not restored", size)
		}
	}
	for _, tt := range []struct {
		name string
		hurt func(b []byte)
		want error
	}{
		{"first sector", func(b []byte) { b[510]++ }, errTorn},
		{"last sector", func(b []byte) { b[4095]++ }, errTorn},
		{"count 8", func(b []byte) { b[6] = 8 }, errFixupArray},
		{"count 0", func(b []byte) { b[6] = 0 }, errFixupArray},
		{"count 0xFFFF", func(b []byte) { b[6], b[7] = 0xFF, 0xFF }, errFixupArray},
		{"array over the end of the sector", func(b []byte) { b[4], b[5] = 0xFC, 1 }, errFixupArray},
		{"array in the signature", func(b []byte) { b[4] = 0 }, errFixupArray},
	} {
		rec := makeRecord(4096, 7, 1, 1, 0)
		tt.hurt(rec)
		if err := fixup(rec); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestOpenRecord(t *testing.T) {
	good := func() []byte { return makeRecord(1024, 7, 9, 3, 0, stdInfo(0, 0), res(0x80, "x", []byte("1234"))) }
	for _, tt := range []struct {
		name string
		hurt func(b []byte)
		want state
	}{
		{"sound", func(b []byte) {}, stateGood},
		{"zero", func(b []byte) { clear(b) }, stateUnused},
		{"zero signature", func(b []byte) { clear(b[:4]) }, stateBad},
		{"INDX", func(b []byte) { copy(b, "INDX") }, stateBad},
		{"not in use", func(b []byte) { b[22] = 2 }, stateUnused},
		{"BAAD", func(b []byte) { copy(b, "BAAD") }, stateDamaged},
		{"torn", func(b []byte) { b[1023]++ }, stateDamaged},
		{"used too large", func(b []byte) { b[26] = 1 }, stateDamaged},
		{"attributes behind the end", func(b []byte) { b[21] = 0x10 }, stateBad},
		{"attributes in the header", func(b []byte) { b[20] = 8 }, stateBad},
	} {
		b := good()
		tt.hurt(b)
		if _, st, err := openRecord(b); st != tt.want || (err != nil) != (st >= stateDamaged) {
			t.Errorf("%s: state %d, %v, want %d", tt.name, st, err, tt.want)
		}
	}
	b := good()
	h, _, err := openRecord(b)
	if err != nil || h.seq != 9 || h.num != 7 || !h.hasNum || h.flags != 3 {
		t.Errorf("%+v, %v", h, err)
	}
	attrs, err := parseAttrs(nil, b, h, 7)
	if err != nil || len(attrs) != 2 || attrs[1].typ != typeData || string(attrs[1].value) != "1234" || string(attrs[1].name) != "x\x00" || attrs[1].id != 1 {
		t.Errorf("%+v, %v", attrs, err)
	}
}

func TestParseAttrs(t *testing.T) {
	resident := func() []byte { return res(0x80, "ab", []byte("12345678")) }
	outside := func() []byte { return nonres{typ: 0x80, name: "ab", size: 100, init: 100}.with(5, 1) }
	for _, tt := range []struct {
		name string
		make func() []byte
		hurt func(a []byte)
		want string
	}{
		{"sound", resident, func(a []byte) {}, ""},
		{"sound", outside, func(a []byte) {}, ""},
		{"length 0", resident, func(a []byte) { a[4] = 0 }, "length 0"},
		{"length 20", resident, func(a []byte) { a[4] = 20 }, "length 20"},
		{"length over the end", resident, func(a []byte) { a[6] = 1 }, "bytes are left"},
		{"garbage above the length", outside, func(a []byte) { a[7] = 0x99 }, ""},
		{"value outside", resident, func(a []byte) { a[16] = 200 }, "bytes of value"},
		{"value of 4 GiB", resident, func(a []byte) { a[19] = 0xFF }, "bytes of value"},
		{"value offset", resident, func(a []byte) { a[21] = 0xFF }, "bytes of value"},
		{"name outside", resident, func(a []byte) { a[9] = 0xFF }, "name"},
		{"name offset", outside, func(a []byte) { a[11] = 0xFF }, "name"},
		{"run list outside", outside, func(a []byte) { a[33] = 0xFF }, "run list"},
		{"run list in the header", outside, func(a []byte) { a[32] = 8 }, "run list"},
		{"clusters backwards", outside, func(a []byte) { a[16] = 9 }, "clusters"},
		{"negative cluster", outside, func(a []byte) { a[31] = 0x80 }, "clusters"},
		{"negative size", outside, func(a []byte) { a[55] = 0x80 }, "size"},
	} {
		a := tt.make()
		tt.hurt(a)
		rec := makeRecord(1024, 7, 1, 1, 0, stdInfo(0, 0), a)
		h, _, err := openRecord(rec)
		if err != nil {
			t.Fatal(err)
		}
		attrs, err := parseAttrs(nil, rec, h, 7)
		switch {
		case tt.want == "" && (err != nil || len(attrs) != 2):
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || len(attrs) != 1):
			t.Errorf("%s: %d attributes, %v, want %q", tt.name, len(attrs), err, tt.want)
		}
	}
}

func TestRuns(t *testing.T) {
	const clusters = 1 << 24
	for _, tt := range []struct {
		name  string
		list  string
		count int64
		want  []run
		err   string
	}{
		// The first two are the examples of the libfsntfs and linux-ntfs texts.
		{"one run", "\x21\x18\x34\x56\x00", 0x18, []run{{0x5634, 0x18}}, ""},
		{"backwards", "\x31\x38\x73\x25\x34\x32\x14\x01\xe5\x11\x02\x31\x42\xaa\x00\x03\x00", 0x38 + 0x114 + 0x42,
			[]run{{0x342573, 0x38}, {0x342573 + 0x211e5, 0x114}, {0x342573 + 0x211e5 + 0x300aa, 0x42}}, ""},
		{"negative", "\x11\x30\x60\x21\x10\x00\x01\x11\x20\xe0\x00", 0x60, []run{{0x60, 0x30}, {0x160, 0x10}, {0x140, 0x20}}, ""},
		{"holes", "\x11\x30\x20\x01\x60\x11\x10\x30\x00", 0xa0, []run{{0x20, 0x30}, {hole, 0x60}, {0x50, 0x10}}, ""},
		{"neighbours become one", "\x11\x10\x20\x11\x10\x10\x01\x04\x01\x04\x00", 0x28, []run{{0x20, 0x20}, {hole, 8}}, ""},
		{"old hole", "\x11\x04\xff\x11\x04\x10\x00", 8, []run{{hole, 4}, {0x10, 4}}, ""},
		{"empty", "\x00", 0, nil, ""},
		{"8 bytes each", "\x88\x01\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00", 1, []run{{7, 1}}, ""},

		{"no end", "\x11\x04\x10", 4, []run{{0x10, 4}}, "no end"},
		{"cut length", "\x21\x04\x10", 4, []run{{lost, 4}}, "no end"},
		{"nothing", "", 4, []run{{lost, 4}}, "no end"},
		{"early end", "\x11\x04\x10\x00", 6, []run{{0x10, 4}, {lost, 2}}, "2 clusters early"},
		{"too much", "\x11\x04\x10\x11\x04\x10\x00", 6, []run{{0x10, 4}, {lost, 2}}, "4 clusters where 2"},
		{"length 0", "\x11\x00\x10\x00", 4, []run{{lost, 4}}, "0 clusters"},
		{"negative length", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\x00", 4, []run{{lost, 4}}, "clusters"},
		{"length of 9 bytes", "\x19\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00", 1, []run{{lost, 1}}, "header 0x19"},
		{"place of 9 bytes", "\x91\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00", 1, []run{{lost, 1}}, "header 0x91"},
		{"no length", "\x10\x01\x00", 1, []run{{lost, 1}}, "header 0x10"},
		{"before the volume", "\x11\x01\x80\x00", 1, []run{{lost, 1}}, "cluster -128"},
		{"behind the volume", "\x41\x01\x00\x00\x00\x01\x00", 1, []run{{lost, 1}}, "of a volume"},
		{"over the end", "\x41\x02\xff\xff\xff\x00\x00", 2, []run{{lost, 2}}, "of a volume"},
		{"overflow", "\x81\x01\xff\xff\xff\xff\xff\xff\xff\x7f\x00", 1, []run{{lost, 1}}, "of a volume"},
		{"sum overflows", "\x11\x01\x10\x81\x01\xff\xff\xff\xff\xff\xff\xff\x7f\x00", 2, []run{{0x10, 1}, {lost, 1}}, "beyond any volume"},
	} {
		got, err := appendRuns(nil, []byte(tt.list), tt.count, clusters)
		if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
		}
		if tt.want != nil && !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		checkRuns(t, got, tt.count)
	}
}

// checkRuns says that runs hold count clusters, and come back from the index.
func checkRuns(t *testing.T, runs []run, count int64) {
	t.Helper()
	var n int64
	for _, x := range runs {
		if x.n <= 0 {
			t.Errorf("a run of %d clusters", x.n)
		}
		n += x.n
	}
	if n != count {
		t.Errorf("%v: %d clusters, want %d", runs, n, count)
	}
	s := openRuns(encodeRuns(nil, runs, 4, 100, 50))
	if s.unit != 4 || s.init != 50 {
		t.Errorf("unit %d, init %d", s.unit, s.init)
	}
	for _, x := range runs {
		if got := s.next(); got != x {
			t.Errorf("stored %v, got back %v", x, got)
		}
	}
	if got := s.next(); got.n != 0 {
		t.Errorf("%v behind the end", got)
	}
}

func TestList(t *testing.T) {
	good := attrList(0, 38, 4, 2, 36, 2, 4, 37, 2)
	list, err := parseList(good)
	if err != nil || len(list) != 3 || list[1].first != 2 || list[1].ref != makeRef(36, 2) || list[1].typ != typeData {
		t.Fatalf("%+v, %v", list, err)
	}
	for name, tt := range map[string]struct {
		hurt func(b []byte) []byte
		n    int
		err  string
	}{
		"a few zeros":    {func(b []byte) []byte { return append(b, make([]byte, 16)...) }, 3, ""},
		"zeros behind":   {func(b []byte) []byte { return append(b, make([]byte, 40)...) }, 3, "entry of 0 bytes"},
		"all zeros":      {func(b []byte) []byte { clear(b); return b }, 0, "entry of 0 bytes"},
		"end mark":       {func(b []byte) []byte { copy(b[32:], "\xFF\xFF\xFF\xFF"); b[36] = 0; return b }, 1, "entry of 0 bytes"},
		"entry length 0": {func(b []byte) []byte { b[36] = 0; return b }, 1, "entry of 0 bytes"},
		"entry too long": {func(b []byte) []byte { b[69] = 1; return b }, 2, "are left"},
		"name outside":   {func(b []byte) []byte { b[38] = 4; return b }, 1, "name"},
		"first negative": {func(b []byte) []byte { b[32+15] = 0x80; return b }, 1, "first cluster"},
		"cut":            {func(b []byte) []byte { return b[:80] }, 2, "are left"},
		"empty":          {func(b []byte) []byte { return nil }, 0, ""},
		"too many":       {func(b []byte) []byte { return bytes.Repeat(b, maxListEntries/2) }, maxListEntries, "more than"},
	} {
		list, err := parseList(tt.hurt(bytes.Clone(good)))
		if len(list) != tt.n || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %d entries, %v; want %d, %q", name, len(list), err, tt.n, tt.err)
		}
	}
}

// TestLZNT1 has the sample of [MS-XCA] 3.3 and hand-made streams.
func TestLZNT1(t *testing.T) {
	sample := "F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\x00"
	packed := "\x38\xb0\x88\x46\x23\x20\x00\x20\x47\x20\x41\x00\x10\xa2\x47\x01\xa0\x45\x20\x44\x00\x08\x45\x01\x50\x79\x00\xc0\x45\x20\x05\x24\x13\x88\x05\xb4\x02\x4a\x44\xef\x03\x58\x02\x8c\x09\x16\x01\x48\x45\x00\xbe\x00\x9e\x00\x04\x01\x18\x90\x00"
	for _, tt := range []struct {
		name, src, want string
		err             bool
	}{
		{"[MS-XCA]", packed, sample, false},
		{"run of one byte", string(aaaa('A')), strings.Repeat("A", 4096), false},
		{"two chunks", string(aaaa('A')) + string(aaaa('B')), strings.Repeat("A", 4096) + strings.Repeat("B", 4096), false},
		{"raw chunk", "\x03\x30abcd", "abcd", false},
		{"short chunk, then another", "\x03\x30abcd\x03\x30efgh", "abcd" + strings.Repeat("\x00", 4092) + "efgh", false},
		{"nothing", "", "", false},
		{"end mark", "\x00\x00\x03\x30abcd", "", false},
		{"one byte", "\x03", "", false},
		{"chunk over the end", "\x04\x30abcd", "", true},
		{"copy from before the chunk", "\x02\xb0\x01\x00\x10", "", true},
		{"first token is a copy", "\x02\xb0\x01\x00\x00", "", true},
		{"copy from before, in the second chunk", string(aaaa('A')) + "\x02\xb0\x01\x00\x00", "", true},
		{"half a token", "\x02\xb0\x02a\x00", "", true},
	} {
		dst := fill(16<<10, 0xEE)
		n, err := decodeLZNT1(dst, []byte(tt.src), 0)
		if (err != nil) != tt.err || tt.err != errors.Is(err, errLZNT1) {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if err != nil {
			continue
		}
		want := append([]byte(tt.want), make([]byte, len(dst)-len(tt.want))...)
		if n != len(dst) || !bytes.Equal(dst, want) {
			t.Errorf("%s: %q", tt.name, bytes.TrimRight(dst, "\x00"))
		}
		// A buffer that ends inside of a chunk gets its start.
		for _, k := range []int{0, 1, 100, 4095, 4097} {
			part := make([]byte, k)
			if _, err := decodeLZNT1(part, []byte(tt.src), 0); err != nil || !bytes.Equal(part, want[:k]) {
				t.Errorf("%s: the first %d bytes: %v", tt.name, k, err)
			}
		}
	}
}

// TestLZNT1Early: what must come out of chunks does, or there is an error.
func TestLZNT1Early(t *testing.T) {
	a := string(aaaa('A'))
	for _, tt := range []struct {
		name, src string
		whole     int // the largest need without an error
		good      int // bytes that are good with one
	}{
		{"nothing", "", 0, 0},
		{"zeros", strings.Repeat("\x00", 4096), 0, 0},
		{"one byte", "\x03", 0, 0},
		{"a chunk", a, 4096, 4096},
		{"a chunk, then zeros", a + strings.Repeat("\x00", 4000), 4096, 4096},
		{"two chunks", a + a, 8192, 8192},
		{"all", a + a + a + a, 16384, 16384},
		{"a chunk of zeros", string(aaaa(0)) + a, 8192, 8192},
		{"short at the end", a + "\x03\x30abcd", 4100, 4096},
		{"short in the middle", "\x03\x30abcd" + a, 4, 0},
		{"packed and short", a + "\x04\xb0\x00abcd", 4100, 4096},
	} {
		for need := 0; need <= 16<<10; need++ {
			if need > tt.whole+2 && need%1024 != 0 {
				continue
			}
			dst := make([]byte, 16<<10)
			n, err := decodeLZNT1(dst, []byte(tt.src), need)
			switch {
			case need <= tt.whole && (err != nil || n != len(dst)):
				t.Fatalf("%s: need %d: %d bytes, %v", tt.name, need, n, err)
			case need > tt.whole && (!errors.Is(err, errLZNT1) || n != tt.good):
				t.Fatalf("%s: need %d: %d bytes, %v; want an error after %d", tt.name, need, n, err, tt.good)
			}
		}
	}
}

// TestUnits cuts run lists at units of 4 clusters of 1 KiB and looks what
// each unit is.
func TestUnits(t *testing.T) {
	const z, r, p, l = unitZero, unitRaw, unitPacked, unitLost
	for _, tt := range []struct {
		name string
		runs []run
		size int64
		want []unitKind
	}{
		{"raw", []run{{10, 4}}, 4096, []unitKind{r}},
		{"packed", []run{{10, 1}, {hole, 3}}, 4096, []unitKind{p}},
		{"zero", []run{{hole, 4}}, 4096, []unitKind{z}},
		{"merged holes", []run{{10, 1}, {hole, 11}, {20, 1}, {hole, 3}}, 16 << 10, []unitKind{p, z, z, p}},
		{"merged runs", []run{{10, 7}, {hole, 1}}, 8 << 10, []unitKind{r, p}},
		{"run into a packed unit", []run{{10, 6}, {hole, 2}}, 8 << 10, []unitKind{r, p}},
		{"scattered", []run{{10, 1}, {20, 1}, {hole, 2}, {5, 2}, {1, 2}}, 8 << 10, []unitKind{p, r}},
		{"cut at the end", []run{{10, 4}, {20, 2}}, 6000, []unitKind{r, r}},
		{"packed at the end", []run{{10, 4}, {20, 1}, {hole, 1}}, 6000, []unitKind{r, p}},
		{"lost", []run{{10, 4}, {lost, 4}, {30, 4}}, 12 << 10, []unitKind{r, l, r}},
		{"lost within", []run{{10, 1}, {lost, 3}}, 4096, []unitKind{l}},
		{"missing", []run{{10, 4}}, 8 << 10, []unitKind{r, l}},
	} {
		fs := &FS{geo: geometry{cluster: 1024, clusters: 1000}}
		s := fs.compressedOf(tt.runs, 2, tt.size, tt.size)
		var got []unitKind
		i := 0
		for off := int64(0); off < s.raw.size; off += s.unit {
			var k unitKind
			k, _, i = s.look(nil, off, i)
			got = append(got, k)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestReadSDS(t *testing.T) {
	// Three descriptors; the second block of entries; a broken first copy.
	b := make([]byte, 4*sdsBlock)
	put := func(id uint32, off int64) {
		e := sdsEntry(id, off, fill(100, byte(id)))
		copy(b[off:], e)
		copy(b[off+sdsBlock:], e)
	}
	put(0x100, 0)
	put(0x101, 128)
	put(0x102, 2*sdsBlock)
	put(0x103, 2*sdsBlock+128)
	b[128+40] ^= 0xFF        // descriptor 0x101 has another hash
	b[2*sdsBlock+128+9] = 77 // entry 0x103 says it is elsewhere
	ids, err := readSDS(resident(b))
	if err != nil {
		t.Fatal(err)
	}
	s := secure{stream: resident(b), ids: ids}
	if len(s.ids) != 4 {
		t.Errorf("%d ids: %v", len(s.ids), s.ids)
	}
	for id := uint32(0x100); id < 0x104; id++ {
		if sd, err := s.read(id); err != nil || !bytes.Equal(sd, fill(100, byte(id))) {
			t.Errorf("%#x: %x, %v", id, sd, err)
		}
	}
	b[sdsBlock+128+40] ^= 0xFF
	if _, err := s.read(0x101); !errors.Is(err, errSDS) {
		t.Errorf("both copies are broken: %v", err)
	}
	if sd, err := s.read(0x200); sd != nil || err != nil {
		t.Errorf("%x, %v", sd, err)
	}
}

func TestArena(t *testing.T) {
	var a arena
	var offs []uint32
	var want [][]byte
	for i, n := range []int{1, 100, arenaSize - 100, 200, 3 * arenaSize, 5, arenaSize, 1} {
		b := fill(n, byte(i))
		off, ok := a.add(b)
		if !ok {
			t.Fatal("full")
		}
		offs, want = append(offs, off), append(want, b)
	}
	for i, off := range offs {
		if !bytes.HasPrefix(a.get(off), want[i]) {
			t.Errorf("%d: something else comes back", i)
		}
	}
	var n names
	for i := range 50_000 {
		s := fmt.Sprint(strings.Repeat("x", i%765), i%10)
		off, ok := n.add([]byte(s))
		if !ok {
			t.Fatal("full")
		}
		if i%1000 == 0 {
			n.seal()
			if n.get(off) != s {
				t.Fatalf("%q is %q", s, n.get(off))
			}
		}
	}
}
