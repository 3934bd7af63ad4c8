package ntfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// oddVolume has the files that Windows makes seldom.
func oddVolume() *volume {
	v := newVolume(256)
	bitmap := bytes.Repeat([]byte{0xFF}, testRecords/8)
	bitmap[60/8] &^= 1 << (60 % 8)
	v.rec(0, 1, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$MFT"), data(testRecords*testRecord, testMFT, testRecords),
		nonres{typ: 0xB0, size: testRecords / 8, init: testRecords / 8}.with(v.place(bitmap), 1))
	v.rec(5, 5, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "."))
	sds := sdsEntry(0x100, 0, testSD)
	v.rec(9, 9, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$Secure"),
		nonres{typ: 0x80, name: "$SDS", size: int64(len(sds)), init: int64(len(sds))}.with(v.place(sds), 1))

	// Reparse data and a descriptor outside of the record.
	link := []byte("\x0c\x00\x00\xa0\x04\x00\x00\x00link")
	v.rec(24, 1, fileFlag, stdInfo(0x420, 0), fileName(rootRef, 3, "far link"), res(0x80, "", nil),
		nonres{typ: 0xC0, size: 12, init: 12}.with(v.place(link), 1))
	v.rec(25, 1, fileFlag, stdInfo(0x20, 0), fileName(rootRef, 3, "far sd"), res(0x80, "", nil),
		nonres{typ: 0x50, size: 48, init: 48}.with(v.place(testOwnSD), 1))
	// An id that $SDS does not hold, with a descriptor beside it; and one with
	// both, where the id counts.
	v.rec(26, 1, fileFlag, stdInfo(0x20, 0x999), fileName(rootRef, 3, "no such id"), res(0x50, "", testOwnSD), res(0x80, "", nil))
	v.rec(27, 1, fileFlag, stdInfo(0x20, 0x100), fileName(rootRef, 3, "both"), res(0x50, "", testOwnSD), res(0x80, "", nil))
	// Everything in an extension record.
	v.recs[29] = makeRecord(testRecord, 29, 1, fileFlag, ref(28, 3), fileName(rootRef, 3, "spread"),
		res(0x50, "", testOwnSD), res(0x80, "", []byte("content")), res(0x80, "s", []byte("stream")), reparse(0xA000001D, []byte("data")))
	list := attrList(0, 29, 1)
	more := bytes.Clone(list)
	binary.LittleEndian.PutUint32(more, 0xC0)
	list = append(list, more...)
	v.rec(28, 3, fileFlag, stdInfo(0x420, 0), nonres{typ: 0x20, size: 64, init: 64}.with(v.place(list), 1))
	// An attribute list that is cut: the extension record points back.
	v.recs[31] = makeRecord(testRecord, 31, 1, fileFlag, ref(30, 1), res(0x80, "", []byte("found")))
	v.rec(30, 1, fileFlag, stdInfo(0x20, 0), res(0x20, "", attrList(0, 30, 1, 0, 31, 1)[:40]), fileName(rootRef, 3, "cut list"))
	// One that names the record of another file, and a record that is free.
	v.rec(32, 1, fileFlag, stdInfo(0x20, 0), res(0x20, "", attrList(0, 31, 1, 0, 61, 1)), fileName(rootRef, 3, "thief"), res(0x80, "", []byte("own")))

	wof := func(num int, name string, words ...uint32) {
		var b []byte
		for _, w := range words {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
		v.rec(num, 1, fileFlag, stdInfo(0x620, 0), fileName(rootRef, 3, name), nonres{typ: 0x80, flags: 0x8000, size: 3000}.with(-1, 3), reparse(0x80000017, b))
	}
	wof(33, "wof XPRESS4K", 1, 2, 1, 0)
	wof(34, "wof XPRESS8K", 1, 2, 1, 2)
	wof(35, "wof XPRESS16K", 1, 2, 1, 3)
	wof(36, "wof algorithm 9", 1, 2, 1, 9)
	wof(37, "wof WIM", 1, 1, 2, 0)
	wof(38, "wof provider 7", 1, 7)

	// A cloud file with clusters that were never written.
	v.rec(39, 1, fileFlag, stdInfo(0x1420, 0), fileName(rootRef, 3, "half written cloud"),
		nonres{typ: 0x80, size: 2000, init: 1000}.with(v.place(fill(2000, 1)), 2), reparse(0x9000001A, []byte{1, 2, 3, 4}))
	v.rec(40, 1, fileFlag, stdInfo(0x420, 0), fileName(rootRef, 3, "resident cloud"), res(0x80, "", []byte("here")), reparse(0x9000001A, []byte{1, 2, 3, 4}))

	// Sizes that are no sizes; two extents for one cluster; a hole in a
	// compressed stream without units; another method.
	v.rec(41, 1, fileFlag, stdInfo(0x20, 0), fileName(rootRef, 3, "huge"), data(1<<60, 200, 2))
	v.rec(42, 1, fileFlag, stdInfo(0x20, 0), fileName(rootRef, 3, "longer than its clusters"), data(5000, 200, 2))
	v.rec(43, 1, fileFlag, stdInfo(0x20, 0), fileName(rootRef, 3, "behind the volume"), data(2048, 5000, 2))
	v.rec(44, 1, fileFlag, stdInfo(0x820, 0), fileName(rootRef, 3, "no unit"), nonres{typ: 0x80, flags: 1, size: 2048, init: 2048}.with(200, 2))
	v.rec(45, 1, fileFlag, stdInfo(0x820, 0), fileName(rootRef, 3, "method 2"), nonres{typ: 0x80, flags: 2, unit: 4, size: 2048, init: 2048}.with(200, 2))
	v.rec(46, 1, fileFlag, stdInfo(0x820, 0), fileName(rootRef, 3, "huge unit"), nonres{typ: 0x80, flags: 1, unit: 200, size: 2048, init: 2048}.with(200, 2))
	// Only a short name; no times; a name of nothing.
	v.rec(47, 1, fileFlag, stdInfo(0x20, 0), fileName(rootRef, 2, "SHORT~1.TXT"), res(0x80, "", nil))
	v.rec(48, 1, fileFlag, fileName(rootRef, 3, "no times"), res(0x80, "", nil))
	v.rec(49, 1, fileFlag, stdInfo(0x20, 0), fileName(rootRef, 3, ""), fileName(rootRef, 3, "named"), res(0x80, "", nil))
	// Garbage: the bitmap knows which of them matters.
	v.recs[60] = fill(testRecord, 1)
	v.recs[62] = fill(testRecord, 1)
	return v
}

func TestOddFiles(t *testing.T) {
	fs := open(t, oddVolume().bytes())
	text := fmt.Sprint(fs.Problems())
	for _, s := range []string{"MFT record 62", "MFT record 30: attribute list", "MFT record 32: the attributes in record 31", "record 61 are gone"} {
		if !strings.Contains(text, s) {
			t.Errorf("%q is not in %s", s, text)
		}
	}
	if strings.Contains(text, "MFT record 60") {
		t.Errorf("garbage that is not in use is a problem: %s", text)
	}
	for path, want := range map[string]string{
		"spread": "content", "cut list": "found", "thief": "own", "resident cloud": "here", "SHORT~1.TXT": "", "no times": "", "named": "", "far link": "",
	} {
		e, _ := lookup(t, fs, path)
		if b, err := content(fs, e, ""); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
	for path, want := range map[string]string{"far link": "\x0c\x00\x00\xa0\x04\x00\x00\x00link", "spread": "\x1d\x00\x00\xa0\x04\x00\x00\x00data", "both": ""} {
		e, info := lookup(t, fs, path)
		b, err := fs.Reparse(e)
		if err != nil || string(b) != want || want != "" && info.Reparse != binary.LittleEndian.Uint32(b) {
			t.Errorf("%s: %q, %v, tag %#x", path, b, err, info.Reparse)
		}
	}
	for path, want := range map[string][]byte{"far sd": testOwnSD, "no such id": testOwnSD, "both": testSD, "spread": testOwnSD} {
		e, _ := lookup(t, fs, path)
		if b, err := fs.Security(e); err != nil || !bytes.Equal(b, want) || fs.SecurityID(e) == 0 {
			t.Errorf("%s: %x, %v", path, b, err)
		}
	}
	e, _ := lookup(t, fs, "spread")
	if b, err := content(fs, e, "s"); err != nil || string(b) != "stream" {
		t.Errorf("%q, %v", b, err)
	}
	for _, name := range []string{"XPRESS4K", "XPRESS8K", "XPRESS16K"} {
		e, _ := lookup(t, fs, "wof "+name)
		var fe *FormatError
		if _, err := fs.Open(e, ""); !errors.As(err, &fe) || !strings.Contains(err.Error(), wofName) {
			t.Errorf("%s without its stream: %v", name, err)
		}
	}
	for _, name := range []string{"algorithm 9", "WIM", "provider 7"} {
		e, _ := lookup(t, fs, "wof "+name)
		if _, err := fs.Open(e, ""); !errors.Is(err, winfs.ErrUnsupported) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	e, _ = lookup(t, fs, "half written cloud")
	if _, err := fs.Open(e, ""); !errors.Is(err, ErrNotLocal) {
		t.Error(err)
	}
	for path, want := range map[string]int64{"huge": 2048, "longer than its clusters": 5000, "behind the volume": 2048, "method 2": 2048, "huge unit": 2048, "no unit": 2048, "no times": 0, "named": 0} {
		e, info := lookup(t, fs, path)
		if info.Size != want || info.Damage == "" {
			t.Errorf("%s: %+v", path, info)
		}
		_, err := content(fs, e, "")
		var re *winfs.ReadError
		whole := path == "huge" || path == "no unit" || want == 0
		if errors.As(err, &re) == whole {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := fs.Children(e); err == nil {
		t.Error("a file is a folder")
	}
	if _, err := fs.Open(fs.Root(), ""); !errors.Is(err, winfs.ErrNotFound) {
		t.Error(err)
	}
	if _, err := fs.Info(winfs.Entry(fs.Len())); !errors.Is(err, winfs.ErrNotFound) {
		t.Error(err)
	}
	if fs.Name(1<<31) != "" || fs.Parent(1<<31) != fs.Root() || fs.Close() != nil {
		t.Error("an entry that is none")
	}
}

// TestNothingSaved reads the records of attribute lists a second time.
func TestNothingSaved(t *testing.T) {
	img := oddVolume().bytes()
	fs := &FS{dev: device{bytes.NewReader(img), int64(len(img))}}
	if err := fs.boot(); err != nil {
		t.Fatal(err)
	}
	sc := scanner{fs: fs, x: &fs.x}
	sc.scan()
	sc.merge()
	fs.sortNamed()
	fs.build()
	e, _ := lookup(t, fs, "spread")
	if b, err := content(fs, e, ""); err != nil || string(b) != "content" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestManyLists has lists that name each record from each file: the work has
// an end.
func TestManyLists(t *testing.T) {
	const n = 400
	v := newVolume(n + 700)
	v.recs[0] = makeRecord(testRecord, 0, 1, fileFlag, 0, fileName(rootRef, 3, "$MFT"), data((n+64)*testRecord, testMFT, n+64))
	v.rec(5, 5, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "."))
	v.next = n + 100
	var triples []int
	for i := range 16_000 {
		triples = append(triples, i, i%n, 1)
	}
	list := attrList(triples...)
	at := v.place(list)
	for i := 24; i < n; i++ {
		v.rec(i, 1, fileFlag, stdInfo(0x20, 0), nonres{typ: 0x20, size: int64(len(list)), init: int64(len(list))}.with(at, int64(len(list)/testCluster)),
			fileName(rootRef, 3, fmt.Sprintf("file %d", i)), res(0x80, "", []byte("x")))
	}
	fs := open(t, v.bytes())
	if got := len(fs.children(fs.tree.root)); got != n-24 {
		t.Errorf("%d files", got)
	}
	if !strings.Contains(fmt.Sprint(fs.x.damage), "more records than it can have") {
		t.Error("the work has no end")
	}
}

// TestConcurrent uses one volume from several goroutines.
func TestConcurrent(t *testing.T) {
	v, want := testVolume()
	fs := open(t, v.bytes())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for path, data := range want {
				e, err := fs.Lookup(path)
				if err != nil {
					t.Error(err)
					return
				}
				if b, err := content(fs, e, ""); err != nil || !bytes.Equal(b, data) {
					t.Errorf("%s: %v", path, err)
				}
				_, _ = fs.Security(e)
				_, _ = fs.Reparse(e)
			}
		})
	}
	wg.Wait()
}
