package ntfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// checkLost compares a file whose MFT record is lost, at pos, with what the
// index of its folder says of it.
func checkLost(fs *FS, e winfs.Entry, f ntfsgen.Placed, pos int64) error {
	info, err := fs.Info(e)
	if err != nil {
		return err
	}
	attr := f.Attr
	size := int64(0)
	if f.Dir {
		attr |= winfs.AttrDirectory
	} else if f.Data != nil {
		size = f.Data.Size
	}
	var tag uint32
	if f.Reparse != nil {
		tag = binary.LittleEndian.Uint32(f.Reparse)
		attr |= winfs.AttrReparse
	}
	switch {
	case info.Lost == nil || info.Damage != info.Lost.Error():
		return fmt.Errorf("it is not lost; damage %q", info.Damage)
	case uint64(info.Lost.Record) != f.Record || info.Lost.Sequence != f.Sequence || info.Lost.Pos != pos || info.Lost.Err == nil || info.Lost.Dir != f.Dir:
		return fmt.Errorf("%+v, want record %d-%d at %d", info.Lost, f.Record, f.Sequence, pos)
	case !strings.Contains(info.Damage, fmt.Sprintf("record %d at byte %d of the volume", f.Record, pos)) || !strings.Contains(info.Damage, "ddrescue"):
		return errors.New(info.Damage)
	case uint64(info.File) != f.Record|uint64(f.Sequence)<<48:
		return fmt.Errorf("file %#x", uint64(info.File))
	case info.Size != size || info.Attr != attr || info.Links != len(f.Paths) || info.Reparse != tag:
		return fmt.Errorf("%+v, want size %d, attributes %#x, %d links, tag %#x", info, size, attr, len(f.Paths), tag)
	}
	if got := (ntfsgen.Times{Created: uint64(info.Created), Modified: uint64(info.Modified), Changed: uint64(info.Changed), Accessed: uint64(info.Accessed)}); got != *f.Times {
		return fmt.Errorf("times %v, want %v", got, *f.Times)
	}
	var lost *winfs.LostError
	if _, err := fs.Open(e, ""); !errors.As(err, &lost) {
		return fmt.Errorf("it opens: %v", err)
	}
	if _, err := fs.Reparse(e); f.Reparse != nil && !errors.As(err, &lost) {
		return fmt.Errorf("its reparse data: %v", err)
	}
	if got := fs.ShortName(e); fs.Name(e) == f.Name && got != f.Short {
		return fmt.Errorf("short name %q, want %q", got, f.Short)
	}
	if kids, err := fs.Children(e); (err == nil) != f.Dir {
		return fmt.Errorf("children: %v", err)
	} else if (len(kids) == 0) != (len(f.Children) == 0) && f.Dir && f.Reparse != nil {
		return fmt.Errorf("%d children", len(kids))
	}
	return nil
}

// lostTree is a volume whose records are to be lost.
func lostTree() []*ntfsgen.Node {
	var many []*ntfsgen.Node
	for i := range 150 {
		many = append(many, ntfsgen.File(fmt.Sprintf("file with a name %d.txt", i), fmt.Sprint("content ", i)))
	}
	return []*ntfsgen.Node{
		ntfsgen.File("root.txt", "root", ntfsgen.Attr(ntfsgen.Hidden|ntfsgen.ReadOnly)),
		ntfsgen.File("several.txt", "several", ntfsgen.Link(`many\other name.txt`), ntfsgen.Link(`deep\a\third.txt`)),
		ntfsgen.File("a long name with a short one.txt", "short", ntfsgen.Short("ALONGN~1.TXT")),
		ntfsgen.File("odd short name.html", "short", ntfsgen.Short("ODD.HTM")),
		ntfsgen.File("big.bin", ntfsgen.Noise("big", 300_000)),
		ntfsgen.File("alone \xed\xa0\xbd \xe2\x98\x83.txt", "a lone surrogate"),
		ntfsgen.File("streams.txt", "s", ntfsgen.Stream{Name: "one", Data: ntfsgen.Text("1")}),
		ntfsgen.Dir("many", many),
		ntfsgen.Dir("deep", ntfsgen.Dir("a", ntfsgen.Dir("b", ntfsgen.File("c.txt", "c"), ntfsgen.File("d.bin", ntfsgen.Noise("d", 70_000))))),
		ntfsgen.Dir("empty"),
		ntfsgen.Junction("junction", `C:\Users`),
		ntfsgen.File("pieces.bin", ntfsgen.Noise("pieces", 3_000_000).Split(700)),
	}
}

// unreadable cannot read some bytes.
type unreadable struct {
	io.ReaderAt
	off, n int64
}

func (u unreadable) ReadAt(p []byte, off int64) (int, error) {
	if off < u.off+u.n && u.off < off+int64(len(p)) {
		return 0, errSector
	}
	return u.ReaderAt.ReadAt(p, off)
}

// TestLost loses every record of a volume in turn, in every way: its file is
// listed under all of its names, and all others are whole.
func TestLost(t *testing.T) {
	ways := []struct {
		name string
		lose func(v *ntfsgen.Volume, off, n int64) io.ReaderAt
	}{
		{"read error", func(v *ntfsgen.Volume, off, n int64) io.ReaderAt { return unreadable{v, off, n} }},
		{"zeros", func(v *ntfsgen.Volume, off, n int64) io.ReaderAt { return v.Patch(off, make([]byte, n)) }},
		{"garbage", func(v *ntfsgen.Volume, off, n int64) io.ReaderAt {
			return v.Patch(off, bytes.Repeat([]byte{0xE5}, int(n)))
		}},
	}
	for k, opt := range []ntfsgen.Options{{MFTRuns: 3}, {Sector: 4096, Cluster: 4096, Record: 4096}, {Cluster: 512}, {Cluster: 64 << 10}} {
		v := ntfsgen.Build(opt, lostTree()...)
		opt.Record = max(opt.Record, 1024)
		for n, f := range v.Files() {
			if f.Paths[0] == "" || n > 40 && k > 0 || f.Record < uint64(max(4, opt.Cluster/opt.Record)) {
				continue // $MFTMirr has it, or it is like many others
			}
			way := ways[n%3]
			t.Run(fmt.Sprintf("%d/%s/%s", k, way.name, f.Paths[0]), func(t *testing.T) {
				pos := v.RecordOffset(f.Record)
				fs, err := Open(way.lose(v, pos, int64(opt.Record)), v.Size(), Options{})
				if err != nil {
					t.Fatal(err)
				}
				// The records that continue it are no file, and part of the loss.
				if h := fs.Health(); h.Lost != 0 || h.Named != 1 || h.Orphans != 0 || h.LostText() != "" || len(h.Notes()) < 2 || h.Words() == "" {
					t.Errorf("%+v", h)
				}
				for _, g := range v.Files() {
					for _, path := range g.Paths {
						e, err := fs.Lookup(path)
						if err == nil && g.Record == f.Record {
							err = checkLost(fs, e, g, pos)
						} else if err == nil {
							err = checkFile(fs, e, g)
						}
						if err != nil {
							t.Errorf("%q: %v", path, err)
						}
					}
				}
				walk(t, fs)
			})
		}
	}
}

// indexPlaces finds the index records of a volume that hold an entry for a
// file: an independent look at the bytes.
func indexPlaces(t testing.TB, v *ntfsgen.Volume, f, folder ntfsgen.Placed) (places []int64) {
	t.Helper()
	b := make([]byte, v.Size())
	if _, err := v.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	want := binary.LittleEndian.AppendUint64(nil, f.Record|uint64(f.Sequence)<<48)
	parent := binary.LittleEndian.AppendUint64(nil, folder.Record|uint64(folder.Sequence)<<48)
	for at := 0; at+4096 <= len(b); at += 512 {
		if string(b[at:at+4]) != "INDX" {
			continue
		}
		for k := 64; k+24 < 4096; k += 8 {
			if bytes.Equal(b[at+k:at+k+8], want) && bytes.Equal(b[at+k+16:at+k+24], parent) {
				places = append(places, int64(at))
				break
			}
		}
	}
	return places
}

// TestLostIndex loses records and what knows their names: what is left without
// a name is counted, what is whole is whole, and folders whose index cannot be
// read say so.
func TestLostIndex(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{}, lostTree()...)
	lose := func(r io.ReaderAt, path string) io.ReaderAt {
		return unreadable{r, v.RecordOffset(v.File(path).Record), 1024}
	}
	file := v.File(`many\file with a name 77.txt`)
	places := indexPlaces(t, v, file, v.File("many"))
	if len(places) != 1 {
		t.Fatalf("%q is in %d index records", file.Paths[0], len(places))
	}
	check := func(name string, r io.ReaderAt, want winfs.Health, gone, lost, damaged []string) *FS {
		t.Helper()
		fs, err := Open(r, v.Size(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		h := fs.Health()
		if h.Lost != want.Lost || h.Named != want.Named || h.Orphans != want.Orphans {
			t.Errorf("%s: %+v, want %+v", name, h, want)
		}
		in := func(list []string, path string) bool {
			for _, s := range list {
				if s == path {
					return true
				}
			}
			return false
		}
		for _, f := range v.Files() {
			for _, path := range f.Paths {
				e, err := fs.Lookup(path)
				switch {
				case in(gone, path):
					if !errors.Is(err, winfs.ErrNotFound) {
						t.Errorf("%s: %q: %v", name, path, err)
					}
				case err != nil:
					t.Errorf("%s: %q: %v", name, path, err)
				case in(lost, path):
					if err := checkLost(fs, e, f, v.RecordOffset(f.Record)); err != nil {
						t.Errorf("%s: %q: %v", name, path, err)
					}
				case in(damaged, path):
					if info, err := fs.Info(e); err != nil || info.Damage == "" || info.Lost != nil {
						t.Errorf("%s: %q: %+v, %v", name, path, info, err)
					}
				default:
					if err := checkFile(fs, e, f); err != nil {
						t.Errorf("%s: %q: %v", name, path, err)
					}
				}
			}
		}
		walk(t, fs)
		return fs
	}
	many := []string{"many"}
	in77 := []string{file.Paths[0]}
	check("index alone", unreadable{v, places[0], 512}, winfs.Health{}, nil, nil, nil)
	check("record and its index record", unreadable{lose(v, file.Paths[0]), places[0] + 1024, 512}, winfs.Health{Lost: 1}, in77, nil, many)
	check("another record", unreadable{lose(v, "root.txt"), places[0], 512}, winfs.Health{Named: 1}, nil, []string{"root.txt"}, many)
	torn := v.Patch(places[0]+1022, []byte{1, 2})
	check("torn index record", lose(torn, file.Paths[0]), winfs.Health{Lost: 1}, in77, nil, many)
	garbage := v.Patch(places[0], make([]byte, 4096))
	check("index record of zeros", lose(garbage, file.Paths[0]), winfs.Health{Lost: 1}, in77, nil, many)
	// One that stands in the wrong place.
	moved := v.Patch(places[0]+16, []byte{0xEE})
	check("index record of elsewhere", lose(moved, file.Paths[0]), winfs.Health{Lost: 1}, in77, nil, many)

	// A folder and what is in it: the file has no name, the folder has.
	both := lose(lose(v, `deep\a\b`), `deep\a\b\c.txt`)
	check("folder and file", both, winfs.Health{Lost: 1, Named: 1}, []string{`deep\a\b\c.txt`}, []string{`deep\a\b`}, nil)
	// A folder and the one above it: what is left of the inner one is nothing
	// but a place for orphans.
	fs := check("folder and folder", lose(lose(v, `deep\a\b`), `deep\a`), winfs.Health{Lost: 1, Named: 1, Orphans: 2},
		[]string{`deep\a\b`, `deep\a\b\c.txt`, `deep\a\b\d.bin`}, []string{`deep\a`}, nil)
	c := v.File(`deep\a\b\c.txt`)
	if e, err := fs.Lookup(fmt.Sprintf(`$Orphans\%d-%d c.txt`, c.Record, c.Sequence)); err != nil {
		t.Error(err)
	} else if err := checkStream(fs, e, "", c.Data); err != nil {
		t.Error(err)
	}
	// The root has no other index.
	check("root", lose(unreadable{v, v.RecordOffset(5), 1024}, "root.txt"), winfs.Health{Lost: 1}, []string{"root.txt"}, nil, []string{""})

	// The record that continues a file costs only that.
	pieces := v.File("pieces.bin")
	fs = check("a further record", unreadable{v, v.RecordOffset(pieces.Further[0]), 1024}, winfs.Health{}, nil, nil, []string{"pieces.bin"})
	if text := fmt.Sprint(fs.Problems()); !strings.Contains(text, fmt.Sprint("record ", pieces.Further[0])) {
		t.Error(text)
	}
}

// TestLostLinks: of a file with many names, some are in a record that is lost.
func TestLostLinks(t *testing.T) {
	var links []any
	for i := range 60 {
		links = append(links, ntfsgen.Link(fmt.Sprintf(`links\a name of some length %d.txt`, i)))
	}
	v := ntfsgen.Build(ntfsgen.Options{}, ntfsgen.Dir("links"), ntfsgen.File("many names.txt", append(links, ntfsgen.Noise("n", 50_000).Split(10))...))
	f := v.File("many names.txt")
	if len(f.Further) < 2 {
		t.Fatalf("further records: %v", f.Further)
	}
	for _, num := range f.Further {
		fs, err := Open(unreadable{v, v.RecordOffset(num), 1024}, v.Size(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if h := fs.Health(); h.Lost != 0 || h.Named != 0 || h.Orphans != 0 {
			t.Errorf("%+v", h)
		}
		for _, path := range f.Paths {
			e, err := fs.Lookup(path)
			if err != nil {
				t.Errorf("without record %d: %v", num, err)
				continue
			}
			info, err := fs.Info(e)
			if err != nil || info.Links != len(f.Paths) || info.Damage == "" || info.Lost != nil {
				t.Errorf("%q: %d links of %d, %q, %v", path, info.Links, len(f.Paths), info.Damage, err)
			}
		}
	}
}

// TestNameless: a record whose $FILE_NAME is destroyed has the name that its
// folder knows.
func TestNameless(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{}, lostTree()...)
	f := v.File("root.txt")
	off := v.RecordOffset(f.Record)
	rec := make([]byte, 1024)
	if _, err := v.ReadAt(rec, off); err != nil {
		t.Fatal(err)
	}
	// Its length is 0: what stands behind it is lost as well.
	i := bytes.Index(rec, utf16le("root.txt")) - 66 - 24
	fs, err := Open(v.Patch(off+int64(i)+4, []byte{0, 0, 0, 0}), v.Size(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := fs.Lookup("root.txt")
	if err != nil {
		t.Fatal(err, fs.Problems())
	}
	if info, err := fs.Info(e); err != nil || !strings.Contains(info.Damage, "name") || fs.Health().Orphans != 0 {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestLostStale: an index that is older than the records does not win.
func TestLostStale(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{}, ntfsgen.File("old.txt", "old"), ntfsgen.File("new.txt", "new"), ntfsgen.File("another.txt", "another"))
	old, root := v.File("old.txt"), v.File("")
	// The root knows another file by the record of old.txt: with a name that a
	// file in use has, and with one that none has.
	for _, path := range []string{"new.txt", "another.txt"} {
		f := v.File(path)
		at := indexPlaces(t, v, f, root)[0]
		block := make([]byte, 4096)
		if _, err := v.ReadAt(block, at); err != nil {
			t.Fatal(err)
		}
		i := bytes.Index(block, binary.LittleEndian.AppendUint64(nil, f.Record|uint64(f.Sequence)<<48))
		w := v.Patch(at+int64(i), binary.LittleEndian.AppendUint64(nil, old.Record|uint64(old.Sequence+1)<<48))
		want := old.Sequence
		gone := int64(old.Record)
		r := unreadable{w, v.RecordOffset(old.Record), 1024}
		if path == "another.txt" {
			// Its own record is free.
			w = w.Patch(v.RecordOffset(f.Record)+22, []byte{0, 0})
			r.ReaderAt, want = w, old.Sequence+1
		}
		fs, err := Open(r, v.Size(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		kids, err := fs.Children(fs.Root())
		if err != nil || fs.Health().Named != 1 || fs.Health().Lost != 0 {
			t.Fatalf("%+v, %v", fs.Health(), err)
		}
		var lost []string
		for _, e := range kids {
			info, err := fs.Info(e)
			if err != nil {
				t.Fatal(err)
			}
			if info.Lost != nil {
				lost = append(lost, fmt.Sprintf("%s %d-%d", fs.Name(e), info.Lost.Record, info.Lost.Sequence))
			}
		}
		name := map[string]string{"new.txt": "old.txt", "another.txt": "another.txt"}[path]
		if w := fmt.Sprintf("%s %d-%d", name, gone, want); len(lost) != 1 || lost[0] != w {
			t.Errorf("%q, want %q", lost, w)
		}
	}
}

// TestMirrorDiffers: a $MFTMirr that is no copy is told.
func TestMirrorDiffers(t *testing.T) {
	for _, opt := range []ntfsgen.Options{{}, {Record: 4096}, {Cluster: 512}, {Cluster: 64 << 10}} {
		v := ntfsgen.Build(opt, ntfsgen.File("a.txt", "a"))
		size := int64(max(opt.Record, 1024))
		for num := range int64(4) {
			at := v.MirrorOffset() + num*size
			for _, tt := range []struct {
				name string
				r    io.ReaderAt
				want string
			}{
				{"none", v, ""},
				{"garbage", v.Patch(at, bytes.Repeat([]byte{0xA5}, int(size))), fmt.Sprintf("$MFTMirr differs from $MFT in record %d: the signature", num)},
				{"zeros", v.Patch(at, make([]byte, size)), fmt.Sprintf("$MFTMirr differs from $MFT in record %d", num)},
				{"another date", v.Patch(at+100, []byte{0x77}), fmt.Sprintf("$MFTMirr differs from $MFT in record %d", num)},
				{"unreadable", unreadable{v, at, 512}, fmt.Sprintf("the copy of record %d in $MFTMirr cannot be read", num)},
			} {
				fs, err := Open(tt.r, v.Size(), Options{})
				if err != nil {
					t.Fatal(err)
				}
				h := fs.Health()
				if !strings.HasPrefix(h.Mirror, tt.want) || (h.Mirror == "") != (tt.want == "") || (h.Damaged > 0) != (tt.want != "") || !strings.Contains(strings.Join(h.Notes(), "\n"), tt.want) {
					t.Errorf("%+v, record %d, %s: %+v, want %q", opt, num, tt.name, h, tt.want)
				}
				if e, err := fs.Lookup("a.txt"); err != nil {
					t.Error(err)
				} else if err := checkFile(fs, e, v.File("a.txt")); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// TestLostCut: files whose MFT records lie behind the end of a medium that is
// cut have their names.
func TestLostCut(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{MFTRuns: 12, Free: 300}, lostTree()...)
	files := v.Files()
	var last int64
	for _, f := range files {
		last = max(last, v.RecordOffset(f.Record))
	}
	for _, size := range []int64{last, last - 20<<10, last - 100<<10} {
		fs, err := Open(v, size, Options{})
		if err != nil {
			t.Fatal(err)
		}
		gone, named := 0, 0
		for _, f := range files {
			pos := v.RecordOffset(f.Record)
			if pos+1024 <= size {
				continue
			}
			gone++
			e, err := fs.Lookup(f.Paths[0])
			if err != nil {
				continue
			}
			named++
			if err := checkLost(fs, e, f, pos); err != nil {
				t.Errorf("%d bytes: %q: %v", size, f.Paths[0], err)
			}
			var lost *winfs.LostError
			if _, err := fs.Open(e, ""); !errors.As(err, &lost) || !errors.Is(err, ErrCut) {
				t.Error(err)
			}
		}
		if h := fs.Health(); gone == 0 || named == 0 || h.Named != named || h.Lost < gone-named || h.Missing == 0 {
			t.Errorf("%d bytes: %d records are gone, %d have names; %+v", size, gone, named, h)
		}
	}
}

// TestLostDeep: a chain of folders that is torn, and longer than folders may
// be: each of the files is listed once.
func TestLostDeep(t *testing.T) {
	const depth = 1300
	tree := ntfsgen.Dir("d", ntfsgen.File("f.txt", "f"))
	for range depth - 1 {
		tree = ntfsgen.Dir("d", tree, ntfsgen.File("f.txt", "f"))
	}
	v := ntfsgen.Build(ntfsgen.Options{}, tree)
	files := v.Files()
	path := func(n int) string { return strings.Repeat(`d\`, n-1) + "d" }
	for _, gone := range [][]int{{20}, {20, 21}, {1200}, {5, 6, 1250, 1251}} {
		var r io.ReaderAt = v
		lost := map[uint64]bool{}
		for _, n := range gone {
			f := v.File(path(n))
			lost[f.Record] = true
			r = unreadable{r, v.RecordOffset(f.Record), 1024}
		}
		fs, err := Open(r, v.Size(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[uint64]bool{}
		paths := map[string]bool{}
		for e := range entries(t, fs) {
			info, err := fs.Info(e)
			if err != nil {
				t.Fatal(err)
			}
			num := uint64(info.File & (1<<48 - 1))
			p := winfs.Path(fs, e)
			if seen[num] || paths[p] || (info.Lost != nil) != lost[num] {
				t.Fatalf("record %d, %.100q: listed before %v %v, lost %v", num, p, seen[num], paths[p], info.Lost)
			}
			seen[num], paths[p] = true, true
		}
		h := fs.Health()
		for _, f := range files {
			if !seen[f.Record] && !lost[f.Record] && f.Record != 5 {
				t.Errorf("without %v: record %d is not listed", gone, f.Record)
			}
			if lost[f.Record] && seen[f.Record] {
				delete(lost, f.Record)
			}
		}
		if len(lost) != h.Lost || h.Lost+h.Named != len(gone) {
			t.Errorf("without %v: %d are not listed, %+v", gone, len(lost), h)
		}
	}
}

// TestHealthyReads: where nothing is lost, no index is read.
func TestHealthyReads(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{}, lostTree()...)
	many := v.File("many")
	places := indexPlaces(t, v, v.File(`many\file with a name 77.txt`), many)
	bad := &testimages.Faulty{R: v, Size: v.Size(), Bad: []int64{places[0] / 512}}
	fs, err := Open(bad, v.Size(), Options{})
	if err != nil || bad.Touched() > 0 || len(fs.Problems()) > 0 {
		t.Errorf("%v, the index was read %d times, %v", err, bad.Touched(), fs.Problems())
	}
}

// FuzzIndex: what an index record says is in it, and nothing else.
func FuzzIndex(f *testing.F) {
	v := ntfsgen.Build(ntfsgen.Options{}, lostTree()...)
	places := indexPlaces(f, v, v.File(`many\file with a name 77.txt`), v.File("many"))
	b := make([]byte, 4096)
	if _, err := v.ReadAt(b, places[0]); err != nil {
		f.Fatal(err)
	}
	f.Add(b, uint8(0))
	f.Add(b[:512], uint8(0))
	root := indexRootOf(f, v, v.File("deep").Record)
	f.Add(root, uint8(1))
	f.Add(root[:40], uint8(1))
	for _, at := range []int{24, 28, 64 + 8, 64 + 10, 64 + 12, 64 + 16 + 64} {
		c := bytes.Clone(b)
		c[at] ^= 0xFF
		f.Add(c, uint8(0))
		c = bytes.Clone(root)
		if at -= 32; at > 0 {
			c[at] ^= 0xFF
			f.Add(c, uint8(1))
		}
	}
	f.Add(append([]byte("INDX"), make([]byte, 4092)...), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		n := 0
		each := func(e *indexEntry) {
			n++
			if len(e.name) == 0 || len(e.name) > 510 || len(e.name)%2 != 0 || e.size < 0 {
				t.Fatalf("%+v", e)
			}
			_ = wstr.FromUTF16LE(e.name)
		}
		if kind%2 == 1 {
			block, err := parseIndexRoot(b, each)
			if block != 0 && (!isPower(block) || block > maxBlock) || block == 0 && err == nil {
				t.Fatalf("index records of %d bytes, %v", block, err)
			}
		} else if err := parseIndexRecord(bytes.Clone(b), int64(binary.LittleEndian.Uint16(append(bytes.Clone(b), make([]byte, 18)...)[16:])), each); err == nil && string(b[:4]) != "INDX" {
			t.Fatal("no signature")
		}
		if n > len(b)/82 {
			t.Fatalf("%d names in %d bytes", n, len(b))
		}
	})
}

// indexRootOf is the value of the $INDEX_ROOT of a folder.
func indexRootOf(tb testing.TB, v *ntfsgen.Volume, num uint64) []byte {
	tb.Helper()
	rec := make([]byte, 1024)
	if _, err := v.ReadAt(rec, v.RecordOffset(num)); err != nil {
		tb.Fatal(err)
	}
	for off := int(binary.LittleEndian.Uint16(rec[20:])); off < 1000; off += int(binary.LittleEndian.Uint32(rec[off+4:])) {
		if binary.LittleEndian.Uint32(rec[off:]) == 0x90 {
			at := off + int(binary.LittleEndian.Uint16(rec[off+20:]))
			return rec[at : at+int(binary.LittleEndian.Uint32(rec[off+16:]))]
		}
	}
	tb.Fatal("no $INDEX_ROOT")
	return nil
}
