package ntfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coldstate/coldstate/volumes/winfs"
)

func open(tb testing.TB, b []byte) *FS {
	tb.Helper()
	fs, err := Open(bytes.NewReader(b), int64(len(b)), Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return fs
}

func lookup(tb testing.TB, fs *FS, path string) (winfs.Entry, winfs.Info) {
	tb.Helper()
	e, err := fs.Lookup(path)
	if err != nil {
		tb.Fatal(err)
	}
	info, err := fs.Info(e)
	if err != nil {
		tb.Fatal(err)
	}
	return e, info
}

func content(fs *FS, e winfs.Entry, stream string) ([]byte, error) {
	s, err := fs.Open(e, stream)
	if err != nil {
		return nil, err
	}
	b := make([]byte, s.Size())
	if n, err := s.ReadAt(b, 0); n < len(b) || err != nil && err != io.EOF {
		return b[:n], err
	}
	return b, nil
}

func TestVolume(t *testing.T) {
	v, want := testVolume()
	img := v.bytes()
	fs := open(t, img)

	t.Run("listing", func(t *testing.T) {
		var got []string
		for e := range entries(t, fs) {
			got = append(got, winfs.Path(fs, e))
		}
		all := slices.Collect(maps.Keys(want))
		all = append(all, "dir", "dedup.doc", "cloud.doc", "partly.doc", "$Orphans",
			`$Orphans\40-1 one`, `$Orphans\40-1 one\two`)
		slices.Sort(got)
		slices.Sort(all)
		// Which of the two folders is cut from its parent is not important.
		for i := range got {
			got[i] = strings.Replace(got[i], `41-1 two\one`, `40-1 one\two`, 1)
			got[i] = strings.Replace(got[i], `41-1 two`, `40-1 one`, 1)
		}
		if !slices.Equal(got, all) {
			t.Errorf("listed %q\nwant   %q", got, all)
		}
	})

	t.Run("contents", func(t *testing.T) {
		for path, data := range want {
			e, info := lookup(t, fs, path)
			got, err := content(fs, e, "")
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes, %v; want %d", path, len(got), err, len(data))
			}
			if info.Size != int64(len(data)) {
				t.Errorf("%s: size %d, want %d", path, info.Size, len(data))
			}
			readPieces(t, fs, e, data)
		}
	})

	t.Run("names", func(t *testing.T) {
		_, a := lookup(t, fs, `HELLO WORLD.TXT`)
		_, b := lookup(t, fs, `Dir\SECOND.txt`)
		if a.File != b.File || a.File != winfs.FileID(ref(24, 2)) || a.Links != 2 || a.Streams != 1 {
			t.Errorf("%+v, %+v", a, b)
		}
		for _, p := range []string{`deleted.txt`, `HELLOW~2.TXT`, `dir\nothing`, `Hello world.txt\x`} {
			if _, err := fs.Lookup(p); !errors.Is(err, winfs.ErrNotFound) {
				t.Errorf("%s: %v", p, err)
			}
		}
		for _, p := range []string{`$MFT`, `$Extend\$Quota`, `$secure`, ``, `hellow~1.txt`, `\dir\`} {
			if _, err := fs.Lookup(p); err != nil {
				t.Error(err)
			}
		}
		if fs.Label() != "Prüfung" {
			t.Errorf("label %q", fs.Label())
		}
		if e := fs.Root(); fs.Parent(e) != e || fs.Name(e) != "" || winfs.Path(fs, e) != "" {
			t.Error("the root is not itself")
		}
	})

	t.Run("info", func(t *testing.T) {
		_, i := lookup(t, fs, "Hello world.txt")
		if i.Created != 132223104000000000 || i.Modified != i.Created+1 || i.Changed != i.Created+2 || i.Accessed != i.Created+3 || i.Attr != 0x20 {
			t.Errorf("%+v", i)
		}
		if want := int64(testMFT*testCluster + 24*testRecord); i.Start != want || i.Mode != winfs.Resident {
			t.Errorf("start %d, want %d; mode %d", i.Start, want, i.Mode)
		}
		if _, i := lookup(t, fs, "dir"); !i.IsDir() || i.Start != -1 || i.Size != 0 {
			t.Errorf("%+v", i)
		}
		for path, mode := range map[string]winfs.Mode{
			"lznt1.bin": winfs.Compressed | winfs.Partial | winfs.Sparse, "sparse.bin": winfs.Sparse | winfs.Partial,
			"cloud.doc": winfs.Sparse | winfs.Absent, "partly.doc": winfs.Sparse | winfs.Partial, "local.doc": 0,
			"secret": winfs.Encrypted, "dir\\plain.bin": 0, "wof.exe": 0,
		} {
			if _, i := lookup(t, fs, path); i.Mode != mode {
				t.Errorf("%s: mode %b, want %b", path, i.Mode, mode)
			}
		}
		for path, tag := range map[string]uint32{"wof.exe": 0, "dedup.doc": winfs.TagDedup, "cloud.doc": 0x9000701A, "link": winfs.TagSymlink, "dir": 0} {
			if _, i := lookup(t, fs, path); i.Reparse != tag {
				t.Errorf("%s: tag %#x, want %#x", path, i.Reparse, tag)
			}
		}
		e, _ := lookup(t, fs, "link")
		if b, err := fs.Reparse(e); err != nil || !bytes.Equal(b, []byte("\x0c\x00\x00\xa0\x0c\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00")) {
			t.Errorf("reparse data %x, %v", b, err)
		}
	})

	t.Run("content that is elsewhere", func(t *testing.T) {
		for path, want := range map[string]error{
			"dedup.doc": winfs.ErrUnsupported, "cloud.doc": ErrNotLocal, "partly.doc": ErrNotLocal,
		} {
			e, _ := lookup(t, fs, path)
			if _, err := fs.Open(e, ""); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", path, err, want)
			}
		}
	})

	t.Run("CompactOS", func(t *testing.T) {
		e, i := lookup(t, fs, "wof.exe")
		if i.Attr != 0x20 || i.Streams != 1 || i.Size != 3000 {
			t.Errorf("%+v", i)
		}
		if b, err := fs.Reparse(e); err != nil || b != nil {
			t.Errorf("%x, %v", b, err)
		}
		if list, err := fs.Streams(e); err != nil || len(list) != 1 || list[0].Name != "Zone.Identifier" {
			t.Errorf("%v, %v", list, err)
		}
		if b, err := content(fs, e, "wofcompresseddata"); err != nil || string(b) != string(xpressRun('W', 3000)) {
			t.Errorf("%q, %v", b, err)
		}
	})

	t.Run("streams", func(t *testing.T) {
		e, _ := lookup(t, fs, "Hello world.txt")
		list, err := fs.Streams(e)
		if err != nil || len(list) != 1 || list[0].Name != "Zone.Identifier" || list[0].Size != 14 || list[0].Mode != winfs.Resident {
			t.Errorf("%+v, %v", list, err)
		}
		if b, err := content(fs, e, "Zone.Identifier"); err != nil || string(b) != "[ZoneTransfer]" {
			t.Errorf("%q, %v", b, err)
		}
		if _, err := fs.Open(e, "nothing"); !errors.Is(err, winfs.ErrNotFound) {
			t.Error(err)
		}
	})

	t.Run("extents", func(t *testing.T) {
		e, _ := lookup(t, fs, "sparse.bin")
		s, _ := fs.Open(e, "")
		x := s.Extents()
		if len(x) != 3 || x[0].Pos != -1 || x[0].Len != 2*testCluster || x[1].Len != 1500 || x[2].Pos != -1 {
			t.Errorf("%+v", x)
		}
		if h := s.Holes(); len(h) != 1 || h[0] != (winfs.Extent{Off: 0, Len: 2 * testCluster, Pos: -1}) {
			t.Errorf("%+v", h)
		}
		e, _ = lookup(t, fs, "lznt1.bin")
		s, _ = fs.Open(e, "")
		if h := s.Holes(); len(h) != 1 || h[0] != (winfs.Extent{Off: 16 << 10, Len: 16 << 10, Pos: -1}) || s.Extents() != nil {
			t.Errorf("%+v", h)
		}
		// The extents are the content.
		e, _ = lookup(t, fs, "listed.bin")
		s, _ = fs.Open(e, "")
		var b []byte
		for _, x := range s.Extents() {
			p := make([]byte, x.Len)
			if _, err := fs.Medium().ReadAt(p, x.Pos); err != nil {
				t.Fatal(err)
			}
			b = append(b, p...)
		}
		if !bytes.Equal(b, want["listed.bin"]) {
			t.Error("the extents hold something else")
		}
	})

	t.Run("security", func(t *testing.T) {
		e, _ := lookup(t, fs, "dir")
		if b, err := fs.Security(e); err != nil || !bytes.Equal(b, testSD) || fs.SecurityID(e) != 0x100 {
			t.Errorf("%x, %v, id %#x", b, err, fs.SecurityID(e))
		}
		e, _ = lookup(t, fs, "own sd")
		if b, err := fs.Security(e); err != nil || !bytes.Equal(b, testOwnSD) || fs.SecurityID(e) <= 1<<32 {
			t.Errorf("%x, %v", b, err)
		}
		e, _ = lookup(t, fs, "secret")
		if _, err := fs.Security(e); err == nil {
			t.Error("an id that is not in $SDS is no error")
		}
		e, _ = lookup(t, fs, "link")
		if b, err := fs.Security(e); b != nil || err != nil || fs.SecurityID(e) != 0 {
			t.Errorf("%x, %v", b, err)
		}
	})

	t.Run("damage", func(t *testing.T) {
		for path, what := range map[string]string{
			"torn.txt": "torn", "baad.txt": "BAAD", `$Orphans\39-1 lost.txt`: "folder is gone", "dir": "", "listed.bin": "",
		} {
			if _, i := lookup(t, fs, path); !strings.Contains(i.Damage, what) || what == "" && i.Damage != "" {
				t.Errorf("%s: damage %q", path, i.Damage)
			}
		}
		text := fmt.Sprint(fs.Problems())
		for _, what := range []string{"MFT record 42: sector 1: torn write", "MFT record 43", "MFT record 39: its folder is gone", "lies in itself"} {
			if !strings.Contains(text, what) {
				t.Errorf("%q is not in %s", what, text)
			}
		}
	})
}

// readPieces reads a stream in odd pieces, from several goroutines.
func readPieces(t *testing.T, fs *FS, e winfs.Entry, want []byte) {
	t.Helper()
	s, err := fs.Open(e, "")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, step := range []int{1 << 20, 16 << 10, 4099, 20000, 333} {
		wg.Go(func() {
			buf := make([]byte, step)
			for off := 0; off < len(want); off += step {
				n, err := s.ReadAt(buf, int64(off))
				k := min(step, len(want)-off)
				if n != k || !bytes.Equal(buf[:n], want[off:off+k]) || k < step && err != io.EOF || k == step && err != nil {
					t.Errorf("%s: ReadAt(%d, %d) = %d, %v", winfs.Path(fs, e), step, off, n, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n, err := s.ReadAt(make([]byte, 1), int64(len(want))); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

// TestMirror breaks the first records: their copies serve.
func TestMirror(t *testing.T) {
	v, want := testVolume()
	img := v.bytes()
	for i := range 4 {
		img[testMFT*testCluster+i*testRecord+510] ^= 0x40
	}
	fs := open(t, img)
	e, _ := lookup(t, fs, "listed.bin")
	if b, err := content(fs, e, ""); err != nil || !bytes.Equal(b, want["listed.bin"]) {
		t.Error(err)
	}
	if fs.Label() != "Prüfung" || !strings.Contains(fmt.Sprint(fs.Problems()), "MFT record 0: sector 0: torn write") {
		t.Errorf("label %q, %v", fs.Label(), fs.Problems())
	}
}

// TestTornFirstRecords breaks the second sector of $MFT's record and of its
// copy: what the first sector says is enough.
func TestTornFirstRecords(t *testing.T) {
	v, want := testVolume()
	img := v.bytes()
	img[testMFT*testCluster+1022] ^= 0x40
	img[testMirror*testCluster+1022] ^= 0x40
	fs := open(t, img)
	e, _ := lookup(t, fs, "listed.bin")
	if b, err := content(fs, e, ""); err != nil || !bytes.Equal(b, want["listed.bin"]) {
		t.Error(err)
	}
	if !strings.Contains(fmt.Sprint(fs.Problems()), "no better") {
		t.Errorf("%v", fs.Problems())
	}
}

func TestBackupBoot(t *testing.T) {
	v, _ := testVolume()
	for _, tt := range []struct {
		name string
		hurt func(b []byte) []byte
	}{
		{"zero", func(b []byte) []byte { clear(b[:512]); return b }},
		{"wrong place of $MFT", func(b []byte) []byte { b[48], b[56] = 200, 201; return b }},
		{"middle", func(b []byte) []byte {
			b = append(b, make([]byte, len(b))...)
			copy(b[len(b)/2/512*512:], b[:512])
			clear(b[:512])
			return b
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := open(t, tt.hurt(bytes.Clone(v.bytes())))
			lookup(t, fs, "dir")
			if p := fs.Problems(); len(p) == 0 || p[0].Where != "sector 0" {
				t.Errorf("%v", p)
			}
		})
	}
	b := bytes.Clone(v.bytes())
	clear(b[:512])
	clear(b[len(b)-512:])
	if _, err := Open(bytes.NewReader(b), int64(len(b)), Options{}); !errors.Is(err, ErrNotNTFS) {
		t.Error(err)
	}
	if _, err := Open(bytes.NewReader(nil), 0, Options{}); !errors.Is(err, ErrNotNTFS) {
		t.Error(err)
	}
}

// TestRootGone finds the files of a volume whose root record is torn away.
func TestRootGone(t *testing.T) {
	v, want := testVolume()
	v.recs[5] = fill(testRecord, 1)
	fs := open(t, v.bytes())
	e, _ := lookup(t, fs, "dir\\plain.bin")
	if b, err := content(fs, e, ""); err != nil || !bytes.Equal(b, want["dir\\plain.bin"]) {
		t.Error(err)
	}
	if winfs.Path(fs, e) != "dir\\plain.bin" {
		t.Error(winfs.Path(fs, e))
	}
}

// TestFragmentedMFT has an $MFT in pieces: record 0 describes the first,
// record 15 in it the second, record 40 in that the third.
func TestFragmentedMFT(t *testing.T) {
	v, want := testVolume()
	delete(v.recs, 40)
	delete(v.recs, 41)
	base := ref(0, 1)
	second, third := v.place(make([]byte, 24*testRecord)), v.place(make([]byte, 16*testRecord))
	v.recs[15] = makeRecord(testRecord, 15, 1, fileFlag, base, nonres{typ: 0x80, first: 24}.with(second, 24))
	v.recs[40] = makeRecord(testRecord, 40, 1, fileFlag, base, nonres{typ: 0x80, first: 48}.with(third, 16))
	v.rec(0, 1, fileFlag, stdInfo(6, 0), res(0x20, "", attrList(0, 0, 1, 48, 40, 1, 24, 15, 1)), fileName(rootRef, 3, "$MFT"),
		data(testRecords*testRecord, testMFT, 24))
	img := v.bytes()
	mft := img[testMFT*testCluster:]
	copy(img[second*testCluster:], mft[24*testRecord:48*testRecord])
	copy(img[third*testCluster:], mft[48*testRecord:64*testRecord])
	clear(mft[24*testRecord : 64*testRecord])

	fs := open(t, img)
	for _, path := range []string{"Hello world.txt", "lznt1.bin", "secret", "own sd"} {
		e, _ := lookup(t, fs, path)
		if b, err := content(fs, e, ""); err != nil || !bytes.Equal(b, want[path]) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, i := lookup(t, fs, "own sd"); i.Start != second*testCluster+(45-24)*testRecord {
		t.Errorf("start %#x", i.Start)
	}

	// Without the record of the last piece the others are read.
	copy(img[second*testCluster+(40-24)*testRecord:], make([]byte, testRecord))
	fs = open(t, img)
	lookup(t, fs, "own sd")
	if _, err := fs.Lookup("secret"); err == nil {
		t.Error("a record of the missing piece is found")
	}
	if len(fs.Problems()) == 0 {
		t.Error("no problem is told")
	}
}

// TestMissingExtent loses an extension record: what is left is read, and the
// rest is a read error with its range.
func TestMissingExtent(t *testing.T) {
	v, want := testVolume()
	delete(v.recs, 36)
	fs := open(t, v.bytes())
	e, info := lookup(t, fs, "listed.bin")
	if info.Size != 6*testCluster || !strings.Contains(info.Damage, "record 36") {
		t.Errorf("%+v", info)
	}
	b, err := content(fs, e, "")
	var re *winfs.ReadError
	if !errors.As(err, &re) || re.Off != 2*testCluster || re.Len != 2*testCluster || !bytes.Equal(b, want["listed.bin"][:2*testCluster]) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	s, _ := fs.Open(e, "")
	tail := make([]byte, 2*testCluster)
	if _, err := s.ReadAt(tail, 4*testCluster); err != nil || !bytes.Equal(tail, want["listed.bin"][4*testCluster:]) {
		t.Error(err)
	}
	if s.Extents() != nil {
		t.Error("extents are given though a place is not known")
	}
}

// badSectors is a medium that cannot read some sectors.
type badSectors struct {
	b   []byte
	bad map[int64]bool
}

var errSector = errors.New("input/output error")

func (m badSectors) ReadAt(p []byte, off int64) (int, error) {
	for s := off / 512; s*512 < off+int64(len(p)); s++ {
		if m.bad[s] {
			n := max(s*512-off, 0)
			copy(p[:n], m.b[off:])
			return int(n), errSector
		}
	}
	n := copy(p, m.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestBadSectors(t *testing.T) {
	v, want := testVolume()
	img := v.bytes()
	fs := open(t, img)
	e, info := lookup(t, fs, "dir\\plain.bin")
	_ = e
	m := badSectors{img, map[int64]bool{
		info.Start/512 + 3:                          true,
		(testMFT*testCluster + 45*testRecord) / 512: true,
		(testMFT*testCluster+1*testRecord)/512 + 1:  true, // the mirror has it
		(testMFT*testCluster+60*testRecord)/512 + 1: true,
		(testMFT*testCluster + 61*testRecord) / 512: true,
	}}
	fs, err := Open(m, int64(len(img)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(fs.Problems())
	for _, s := range []string{"MFT record 45: cannot be read", "MFT records 60 to 61: cannot be read"} {
		if !strings.Contains(text, s) {
			t.Errorf("%q is not in %s", s, text)
		}
	}
	if _, err := fs.Lookup("own sd"); err == nil {
		t.Error("a file whose record cannot be read is listed")
	}
	lookup(t, fs, "$MFTMirr")
	e, _ = lookup(t, fs, "dir\\plain.bin")
	b, err := content(fs, e, "")
	var re *winfs.ReadError
	if !errors.As(err, &re) || !errors.Is(err, errSector) || re.Off != 1536 || re.Pos != info.Start+1536 || len(b) != 1536 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	s, _ := fs.Open(e, "")
	if _, err := s.ReadAt(b[:100], 2048); err != nil || !bytes.Equal(b[:100], want["dir\\plain.bin"][2048:2148]) {
		t.Error(err)
	}

	// A sector in the raw unit of the compressed file.
	_, info = lookup(t, fs, "lznt1.bin")
	m.bad[info.Start/512+2+5] = true
	e, _ = lookup(t, fs, "lznt1.bin")
	b, err = content(fs, e, "")
	if !errors.As(err, &re) || re.Off != 32<<10 || re.Len != 16<<10 || !bytes.Equal(b, want["lznt1.bin"][:32<<10]) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// TestCut cuts the volume at each sector: what is left is opened and read, and
// what is gone is a read error.
func TestCut(t *testing.T) {
	v, want := testVolume()
	img := v.bytes()
	opened := 0
	for n := 0; n < len(img); n += 512 {
		fs, err := Open(bytes.NewReader(img[:n]), int64(n), Options{})
		if err != nil {
			if n > 20*testCluster {
				t.Errorf("cut at %d: %v", n, err)
			}
			continue
		}
		opened++
		if n < len(img)-512 && len(fs.Problems()) == 0 {
			t.Errorf("cut at %d: no problem is told", n)
		}
		for e := range entries(t, fs) {
			b, err := content(fs, e, "")
			if data, ok := want[winfs.Path(fs, e)]; ok {
				var re *winfs.ReadError
				if err != nil && !errors.As(err, &re) {
					t.Errorf("cut at %d: %s: %v", n, winfs.Path(fs, e), err)
				}
				if err == nil && !bytes.Equal(b, data) || !bytes.HasPrefix(data, b) {
					t.Errorf("cut at %d: %s: other bytes", n, winfs.Path(fs, e))
				}
			}
		}
	}
	if opened < 300 {
		t.Errorf("only %d cut volumes could be opened", opened)
	}
}

// TestDeepFolders has more folders in each other than are allowed.
func TestDeepFolders(t *testing.T) {
	const n = 2500
	v := newVolume(n + 200)
	v.recs[0] = makeRecord(testRecord, 0, 1, fileFlag, 0, fileName(rootRef, 3, "$MFT"), data((n+64)*testRecord, testMFT, n+64))
	v.rec(5, 5, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "."))
	parent := rootRef
	for i := 24; i < n; i++ {
		v.rec(i, 1, dirFlag, stdInfo(0x10, 0), fileName(parent, 3, "d"))
		parent = ref(i, 1)
	}
	fs := open(t, v.bytes())
	seen := 0
	for e := range entries(t, fs) {
		seen++
		p := strings.Split(winfs.Path(fs, e), `\`)
		if len(p) >= 1024 {
			t.Fatalf("%d folders deep", len(p))
		}
		if p[0] != "d" && p[0] != "$Orphans" {
			t.Fatalf("a path starts with %q", p[0])
		}
	}
	if seen != n-24+1 {
		t.Errorf("%d folders are listed of %d, and $Orphans", seen, n-24)
	}
}

// TestTwoNamesOfAFolder: a folder with two names is listed once, or a walk of
// 30 such folders takes 2^30 steps.
func TestTwoNamesOfAFolder(t *testing.T) {
	v := newVolume(200)
	v.recs[0] = makeRecord(testRecord, 0, 1, fileFlag, 0, fileName(rootRef, 3, "$MFT"), data(testRecords*testRecord, testMFT, testRecords))
	v.rec(5, 5, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "."))
	parent := rootRef
	for i := 24; i < 54; i++ {
		v.rec(i, 1, dirFlag, stdInfo(0x10, 0), fileName(parent, 3, "a"), fileName(parent, 3, "b"))
		parent = ref(i, 1)
	}
	fs := open(t, v.bytes())
	if n := list(t, fs); n != 30 {
		t.Errorf("%d entries", n)
	}
}

// TestCaseTwins: names that differ only in case are different files.
func TestCaseTwins(t *testing.T) {
	v := newVolume(200)
	v.recs[0] = makeRecord(testRecord, 0, 1, fileFlag, 0, fileName(rootRef, 3, "$MFT"), data(testRecords*testRecord, testMFT, testRecords))
	v.rec(5, 5, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "."))
	for i, name := range []string{"readme", "README", "ReadMe", "$Orphans"} {
		v.rec(30+i, 1, fileFlag, stdInfo(0x20, 0), fileName(rootRef, 0, name), res(0x80, "", []byte(name)))
	}
	v.rec(40, 1, fileFlag, stdInfo(0x20, 0), fileName(ref(50, 1), 0, "x"), fileName(ref(51, 1), 0, "x"))
	v.rec(41, 1, fileFlag, stdInfo(0x20, 0), res(0x80, "", []byte("nameless")))
	fs := open(t, v.bytes())
	for _, name := range []string{"readme", "README", "ReadMe", "$Orphans"} {
		e, _ := lookup(t, fs, name)
		if b, err := content(fs, e, ""); err != nil || string(b) != name {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	lookup(t, fs, "rEADmE")
	for _, p := range []string{`$Orphans_\40-1 x`, `$Orphans_\40-1(2) x`, `$Orphans_\41-1`} {
		lookup(t, fs, p)
	}
}

// TestHugeHoles: streams that claim to be holes larger than any disk, and an
// $MFT that does, cost no more than they hold.
func TestHugeHoles(t *testing.T) {
	const most = math.MaxInt64/testCluster - 2 // clusters
	hole := func(name string, flags uint16, clusters int64) []byte {
		h := nonres{typ: 0x80, name: name, flags: flags, size: clusters*testCluster - 5, init: clusters*testCluster - 5}
		if flags&1 != 0 {
			h.unit = 4
		}
		return h.with(-1, clusters)
	}
	t.Run("compressed", func(t *testing.T) {
		for _, clusters := range []int64{most, most - 1, most - 40, 1 << 52} {
			v, _ := testVolume()
			v.rec(49, 1, fileFlag, stdInfo(0x20, 0x100), fileName(rootRef, 3, "huge"), hole("", 1, clusters))
			fs := open(t, v.bytes())
			e, info := lookup(t, fs, "huge")
			s, err := fs.Open(e, "")
			if err != nil {
				t.Fatal(err)
			}
			if clusters == 1<<52 && info.Size != clusters*testCluster-5 {
				t.Errorf("%d bytes", info.Size)
			}
			for _, off := range []int64{0, info.Size - 5000} {
				if n, err := s.ReadAt(make([]byte, 5000), max(off, 0)); info.Size > 0 && (n != 5000 || err != nil && err != io.EOF) {
					t.Errorf("%d clusters: %d bytes at %d: %v", clusters, n, off, err)
				}
			}
		}
	})
	t.Run("$Secure", func(t *testing.T) {
		v, _ := testVolume()
		entry := sdsEntry(0x100, 0, testSD)
		v.rec(9, 9, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$Secure"),
			nonres{typ: 0x80, name: "$SDS", size: 1 << 60, init: 1 << 60}.with(v.place(entry), 1, -1, 1<<50-1))
		fs := open(t, v.bytes())
		e, _ := lookup(t, fs, "Hello world.txt")
		if sd, err := fs.Security(e); err != nil || !bytes.Equal(sd, testSD) {
			t.Errorf("%x, %v", sd, err)
		}
		// The id of this one could stand behind what is read.
		e, _ = lookup(t, fs, "secret")
		if _, err := fs.Security(e); err == nil || !strings.Contains(err.Error(), "claims") {
			t.Errorf("nobody says that $SDS was not read to its end: %v", err)
		}
	})
	t.Run("$Bitmap", func(t *testing.T) {
		v, _ := testVolume()
		v.rec(6, 6, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$Bitmap"), hole("", 0x8000, 1<<45))
		binary.LittleEndian.PutUint64(v.b[40:], 1<<53)
		if free, err := open(t, v.bytes()).Free(); err == nil {
			t.Errorf("%d bytes are free", free)
		}
	})
	t.Run("$MFT", func(t *testing.T) {
		const gap = 1<<32 - 3*testRecords // records
		v, _ := testVolume()
		again := v.place(make([]byte, testRecord))
		v.rec(0, 1, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$MFT"),
			data((gap+testRecords+1)*testRecord, testMFT, testRecords, -1, gap, again, 1))
		binary.LittleEndian.PutUint64(v.b[40:], 1<<40)
		b := v.bytes()
		copy(b[again*testCluster:], makeRecord(testRecord, 49, 1, fileFlag, 0, stdInfo(0x20, 0), fileName(rootRef, 3, "far"), res(0x80, "", nil)))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		fs := open(t, b)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Errorf("%d MiB of memory", n>>20)
		}
		lookup(t, fs, "Hello world.txt")
		if len(fs.Problems()) == 0 {
			t.Error("no problem is told")
		}
	})
}
