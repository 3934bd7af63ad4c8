package wim_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/volumes/wim"
	"github.com/coldstate/coldstate/volumes/winfs"
	"github.com/coldstate/coldstate/volumes/winfs/winfstest"
)

// long is a content of several chunks.
var long = bytes.Repeat([]byte("A line of a file that is long enough.\r\n"), 5000)

// objectID and the descriptors are only carried.
var (
	objectID    = []byte("0123456789abcdefVVVVVVVVVVVVVVVVOOOOOOOOOOOOOOOODDDDDDDDDDDDDDDD")
	descriptors = [][]byte{[]byte("descriptor number zero"), []byte("number one, of another length")}
)

// sample is two images with one of everything.
func sample() []img {
	link := []byte{0, 0, 8, 0, 10, 0, 6, 0, 'C', 0, ':', 0, '\\', 0, 'x', 0, 0, 0, 'C', 0, ':', 0, '\\', 0, 0, 0}
	return []img{
		{"First <one>"[:5], descriptors, &ent{sec: 0, kids: []*ent{
			{name: "Zoë.txt", short: "ZO~1.TXT", attr: 0x21, sec: 1, times: [3]uint64{131000000000000000, 132000000000000000, 133000000000000000}, data: []byte("Hello"), objectID: objectID},
			{name: "alpha", sec: -1, kids: []*ent{
				{name: "long.bin", attr: 0x20, sec: 1, data: long},
				{name: "LONG.TXT", attr: 0x20, sec: -1, data: []byte("upper")},
				{name: "empty", attr: 0x20, sec: -1},
			}},
			{name: "streams", attr: 0x20, sec: -1, unnamed: true, data: []byte("main"), streams: []str{{"zone", []byte("z")}, {"Author", []byte("ann")}, {"empty", nil}}},
			{name: "name one", attr: 0x20, sec: -1, group: 7, data: []byte("linked")},
			{name: "name two", attr: 0x20, sec: -1, group: 7, data: []byte("linked")},
			{name: "no link", attr: 0x20, sec: -1, group: 7, data: []byte("its group lies")},
			{name: "junction", attr: 0x410, sec: -1, tag: winfs.TagMountPoint, reparse: link},
			{name: "cloud", attr: 0x420, sec: -1, tag: 0x9000001A, reparse: []byte{1, 2, 3, 4}, data: []byte("local content")},
			{name: "cloud only", attr: 0x401420, sec: -1, tag: 0x9000001A, reparse: []byte{1, 2, 3, 4}, data: make([]byte, 100_000)},
			{name: "cloud zeros", attr: 0x420, sec: -1, tag: 0x9000001A, reparse: []byte{1, 2, 3, 4}, data: make([]byte, 1000)},
			{name: "cloud doubtful", attr: 0x401420, sec: -1, tag: 0x9000001A, reparse: []byte{1, 2, 3, 4}, data: []byte("content")},
			{name: "packed", attr: 0x420, sec: -1, tag: winfs.TagDedup, reparse: []byte{1, 2, 3, 4}},
			{name: "secret", attr: 0x4020, sec: -1, data: []byte("\x00\x01\x00\x00R\x00O\x00B\x00S\x00raw export")},
			{name: "empty folder", sec: -1, kids: []*ent{}},
			{name: "odd \xed\xa0\x80 name"[:4] + "name", attr: 0x20, sec: 99, data: []byte("x")},
		}}},
		{"Second", nil, &ent{sec: -1, kids: []*ent{{name: "only", attr: 0x20, sec: -1, data: []byte("only in the second")}}}},
	}
}

func open(t testing.TB, b []byte) *wim.File {
	t.Helper()
	f, err := wim.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func image(t testing.TB, f *wim.File, n int) *wim.FS {
	t.Helper()
	fs, err := f.Image(n)
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func lookup(t testing.TB, fs winfs.FS, path string) winfs.Entry {
	t.Helper()
	return winfstest.Entry(t, fs, path)
}

func read(fs winfs.FS, e winfs.Entry, stream string) ([]byte, error) {
	return winfstest.Read(fs, e, stream)
}

func TestImages(t *testing.T) {
	f := open(t, build(sample()).b)
	got := f.Images()
	if len(got) != 2 || got[0].Name != "First" || got[1].Name != "Second" || got[1].Number != 2 || got[1].Bytes != 2000 {
		t.Errorf("images %+v", got)
	}
	if p := f.Problems(); len(p) > 0 {
		t.Errorf("problems %q", p)
	}
	if f.Compression() != "none" {
		t.Errorf("compression %s", f.Compression())
	}
	for _, n := range []int{0, 3, -1} {
		if _, err := f.Image(n); !errors.Is(err, winfs.ErrNotFound) {
			t.Errorf("image %d: %v", n, err)
		}
	}
	if fs := image(t, f, 2); fs.Label() != "Second" || fs.Len() != 2 {
		t.Errorf("second image: %q, %d entries", fs.Label(), fs.Len())
	}
}

func TestTree(t *testing.T) {
	fs := image(t, open(t, build(sample()).b), 1)
	if p := fs.Problems(); len(p) > 0 {
		t.Errorf("problems %v", p)
	}
	kids, err := fs.Children(fs.Root())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range kids {
		names = append(names, fs.Name(e))
		if fs.Parent(e) != fs.Root() {
			t.Errorf("%s: parent %d", fs.Name(e), fs.Parent(e))
		}
	}
	want := "alpha,cloud,cloud doubtful,cloud only,cloud zeros,empty folder,junction,name one,name two,no link,odd name,packed,secret,streams,Zoë.txt"
	if got := strings.Join(names, ","); got != want {
		t.Errorf("names\n%s, want\n%s", got, want)
	}
	for path, want := range map[string]string{
		`zoË.TXT`: "Hello", `ZO~1.txt`: "Hello", `alpha\LONG.bin`: string(long), `ALPHA\long.txt`: "upper", `alpha\empty`: "",
		`streams`: "main", `name two`: "linked", `no link`: "its group lies", `cloud`: "local content",
	} {
		b, err := read(fs, lookup(t, fs, path), "")
		if err != nil || string(b) != want {
			t.Errorf("%s: %.40q, %v", path, b, err)
		}
	}
	if _, err := fs.Lookup(`alpha\missing`); !errors.Is(err, winfs.ErrNotFound) {
		t.Errorf("missing: %v", err)
	}
	if _, err := fs.Lookup(`Zoë.txt\x`); !errors.Is(err, winfs.ErrNotFound) {
		t.Errorf("below a file: %v", err)
	}
}

func TestInfo(t *testing.T) {
	fs := image(t, open(t, build(sample()).b), 1)
	e := lookup(t, fs, "Zoë.txt")
	i, err := fs.Info(e)
	if err != nil || i.Size != 5 || i.Attr != 0x21 || i.Created != 131000000000000000 || i.Accessed != 132000000000000000 || i.Modified != 133000000000000000 || i.Links != 1 || i.Start < 208 {
		t.Errorf("%+v, %v", i, err)
	}
	if fs.ShortName(e) != "ZO~1.TXT" {
		t.Errorf("short name %q", fs.ShortName(e))
	}
	if id, err := fs.ObjectID(e); err != nil || !bytes.Equal(id, objectID) {
		t.Errorf("object id %q, %v", id, err)
	}
	if sd, err := fs.Security(e); err != nil || !bytes.Equal(sd, descriptors[1]) || fs.SecurityID(e) != 2 {
		t.Errorf("descriptor %q, %v", sd, err)
	}
	if sd, err := fs.Security(lookup(t, fs, "alpha")); err != nil || sd != nil {
		t.Errorf("no descriptor: %q, %v", sd, err)
	}
	if _, err := fs.Security(lookup(t, fs, "odd name")); err == nil {
		t.Error("descriptor 99 of 2 gives no error")
	}
	one, _ := fs.Info(lookup(t, fs, "name one"))
	two, _ := fs.Info(lookup(t, fs, "name two"))
	three, _ := fs.Info(lookup(t, fs, "no link"))
	if one.File != two.File || one.Links != 2 || two.Links != 2 || three.File == one.File || three.Links != 1 {
		t.Errorf("links: %d %d, %d %d, %d %d", one.File, one.Links, two.File, two.Links, three.File, three.Links)
	}
	ids := map[winfs.FileID]bool{}
	for e := range winfs.Entry(fs.Len()) {
		i, err := fs.Info(e)
		if err != nil || i.Links == 1 && ids[i.File] {
			t.Errorf("%s: file %d, %v", winfs.Path(fs, e), i.File, err)
		}
		ids[i.File] = true
	}
	if _, err := fs.Info(winfs.Entry(fs.Len())); !errors.Is(err, winfs.ErrNotFound) {
		t.Errorf("an entry too far: %v", err)
	}
}

func TestStreams(t *testing.T) {
	fs := image(t, open(t, build(sample()).b), 1)
	e := lookup(t, fs, "streams")
	list, err := fs.Streams(e)
	var got []string
	for _, s := range list {
		b, err := read(fs, e, strings.ToUpper(s.Name))
		got = append(got, fmt.Sprintf("%s %d %s %v", s.Name, s.Size, b, err))
	}
	if want := "Author 3 ann <nil>|empty 0  <nil>|zone 1 z <nil>"; err != nil || strings.Join(got, "|") != want {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := fs.Open(e, "none"); !errors.Is(err, winfs.ErrNotFound) {
		t.Errorf("no such stream: %v", err)
	}
	if _, err := fs.Open(fs.Root(), ""); !errors.Is(err, winfs.ErrNotFound) {
		t.Errorf("content of a folder: %v", err)
	}
}

func TestReparse(t *testing.T) {
	fs := image(t, open(t, build(sample()).b), 1)
	e := lookup(t, fs, "junction")
	b, err := fs.Reparse(e)
	if err != nil {
		t.Fatal(err)
	}
	if target, err := winfs.LinkTarget(b); err != nil || target != `C:\` {
		t.Errorf("target %q, %v", target, err)
	}
	if i, _ := fs.Info(e); i.Reparse != winfs.TagMountPoint || !i.IsDir() {
		t.Errorf("%+v", i)
	}
	for name, missing := range map[string]int64{"cloud": 0, "cloud only": 100_000, "cloud zeros": 0, "cloud doubtful": 0, "alpha": 0} {
		if i, err := fs.Info(lookup(t, fs, name)); err != nil || i.Missing != missing || i.NotLocal() != (missing > 0) || i.Doubtful() != (name == "cloud doubtful") {
			t.Errorf("%s: %+v, %v", name, i, err)
		}
	}
	if b, err := fs.Reparse(lookup(t, fs, "cloud")); err != nil || string(b) != "\x1a\x00\x00\x90\x04\x00\x00\x00\x01\x02\x03\x04" {
		t.Errorf("cloud: % x, %v", b, err)
	}
	if b, err := fs.Reparse(lookup(t, fs, "streams")); err != nil || b != nil {
		t.Errorf("no reparse point: % x, %v", b, err)
	}
	// The content of a deduplicated file was never in the image: zeros or
	// nothing would be a lie.
	if _, err := fs.Open(lookup(t, fs, "packed"), ""); !errors.Is(err, winfs.ErrUnsupported) {
		t.Errorf("deduplicated: %v", err)
	}
}

func TestEncrypted(t *testing.T) {
	fs := image(t, open(t, build(sample()).b), 1)
	e := lookup(t, fs, "secret")
	if i, err := fs.Info(e); err != nil || i.Mode != winfs.Encrypted || i.Size != 22 {
		t.Errorf("%+v, %v", i, err)
	}
	if _, err := fs.Open(e, ""); !errors.Is(err, winfs.ErrUnsupported) {
		t.Errorf("open: %v", err)
	}
	s, err := fs.EFSRaw(e)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size())); err != nil || !bytes.HasSuffix(b, []byte("raw export")) {
		t.Errorf("raw export %q, %v", b, err)
	}
	if _, err := fs.EFSRaw(lookup(t, fs, "streams")); !errors.Is(err, winfs.ErrNotFound) {
		t.Errorf("raw export of a plain file: %v", err)
	}
}

// A content with another hash is given whole, with an error where it ends.
func TestHash(t *testing.T) {
	w := build(sample())
	w.b[w.blob[string(long)]+70000] ^= 1
	fs := image(t, open(t, w.b), 1)
	e := lookup(t, fs, `alpha\long.bin`)
	isDamage := func(err error) bool {
		var re *winfs.ReadError
		return errors.As(err, &re) && re.Off == 0 && re.Len == int64(len(long)) && errors.Is(err, winfs.ErrDamaged)
	}
	if b, err := read(fs, e, ""); !isDamage(err) || len(b) != len(long) || bytes.Equal(b, long) {
		t.Errorf("in one read: %v", err)
	}
	for _, step := range []int{512, 1000, 32768, 100000} {
		s, _ := fs.Open(e, "")
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.NewSectionReader(s, 0, s.Size())}, make([]byte, step))
		if n != int64(len(long)) || !isDamage(err) {
			t.Errorf("in pieces of %d: %d bytes, %v", step, n, err)
		}
	}
	// Out of order nothing can be said, and in order again it is.
	s, _ := fs.Open(e, "")
	b := make([]byte, len(long))
	if _, err := s.ReadAt(b[:10], 100000); err != nil {
		t.Errorf("a piece: %v", err)
	}
	if _, err := s.ReadAt(b[100:], 100); err != nil {
		t.Errorf("the end: %v", err)
	}
	if _, err := s.ReadAt(b[:60], 0); err != nil {
		t.Errorf("the begin: %v", err)
	}
	if n, err := s.ReadAt(b[30:], 30); !isDamage(err) || n != len(long)-30 {
		t.Errorf("the rest: %d bytes, %v", n, err)
	}
	if b, err := read(fs, lookup(t, fs, "streams"), ""); err != nil || string(b) != "main" {
		t.Errorf("another file: %q, %v", b, err)
	}
}

// Where the file ends too early, what is there is given.
func TestCutOff(t *testing.T) {
	w := build(sample())
	at := w.blob[string(long)] + 1000
	r := io.NewSectionReader(bytes.NewReader(w.b), 0, int64(len(w.b)))
	f, err := wim.Open(bad{r, at, at + 500}, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	fs := image(t, f, 1)
	s, err := fs.Open(lookup(t, fs, `alpha\long.bin`), "")
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.ReadAt(make([]byte, len(long)), 0)
	var re *winfs.ReadError
	if !errors.As(err, &re) || n != 1000 || re.Off != 1000 || re.Pos != at || !errors.Is(err, errMedium) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

var errMedium = errors.New("bad sector")

// bad is a medium that cannot be read from an offset to another.
type bad struct {
	r        io.ReaderAt
	from, to int64
}

func (b bad) ReadAt(p []byte, off int64) (int, error) {
	if off < b.to && off+int64(len(p)) > b.from {
		n, _ := b.r.ReadAt(p[:max(b.from-off, 0)], off)
		return n, errMedium
	}
	return b.r.ReadAt(p, off)
}

func TestRefused(t *testing.T) {
	put32 := func(at int, v uint32) func(*built) {
		return func(w *built) { binary.LittleEndian.PutUint32(w.b[at:], v) }
	}
	for _, tt := range []struct {
		name   string
		damage func(*built)
		is     error
		want   string
	}{
		{"no WIM file", func(w *built) { w.b[0] = 'X' }, wim.ErrNotWIM, ""},
		{"cut header", func(w *built) { w.b = w.b[:100] }, nil, "a header has 208"},
		{"pipable", func(w *built) { copy(w.b, wim.MagicPipable) }, winfs.ErrUnsupported, "pipable"},
		{"solid", put32(12, 0xE00), winfs.ErrUnsupported, "solid"},
		{"LZMS", put32(16, 0x80002), winfs.ErrUnsupported, "LZMS"},
		{"unknown version", put32(12, 0x20000), winfs.ErrUnsupported, "version 0x20000"},
		{"unknown compression", put32(16, 2), winfs.ErrUnsupported, "unknown compression"},
		{"LZX chunks", func(w *built) { put32(16, 0x40002)(w); put32(20, 64<<10)(w) }, winfs.ErrUnsupported, "LZX chunks of 64 KiB"},
		{"XPRESS chunks", func(w *built) { put32(16, 0x20002)(w); put32(20, 128<<10)(w) }, winfs.ErrUnsupported, "XPRESS chunks of 128 KiB"},
		{"chunks of nothing", func(w *built) { put32(16, 0x20002)(w); put32(20, 3000)(w) }, nil, "chunks of 3000"},
		{"split", func(w *built) { w.b[42] = 3 }, winfs.ErrUnsupported, "part 1 of 3 of a split WIM file"},
		{"longer header", put32(8, 300), nil, "a header of 300"},
		{"table behind the end", func(w *built) { w.b = w.b[:w.table] }, nil, "cut off"},
		{"table of another size", put32(64, 123456), nil, "is not compressed"},
		{"compressed table in a plain file", func(w *built) { w.b[55] = 4 }, nil, "compressed in a file that is not"},
		{"too large a table", func(w *built) { copy(w.b[48:], resHeader(w.table, 1<<40, 1<<40, 0)) }, nil, "at most"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := build(sample())
			tt.damage(w)
			_, err := wim.Open(bytes.NewReader(w.b), int64(len(w.b)))
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			var u *wim.UnsupportedError
			if errors.As(err, &u) && u.Hint == "" {
				t.Error("nothing is said of what to do")
			}
		})
	}
}

// Damage to the metadata costs what it describes.
func TestDamagedTree(t *testing.T) {
	// entryOf finds the entry of a name in the metadata of the first image.
	entryOf := func(w *built, name string) []byte {
		m := w.b[w.metadata[0]:][:w.metaLen[0]]
		i := bytes.Index(m, append([]byte{byte(2 * len(name)), 0}, utf16le(name)...))
		return m[i+2-102:]
	}
	for _, tt := range []struct {
		name   string
		damage func(*built)
		want   string // in a problem
		lost   string // a path that is not there
	}{
		{"length", func(w *built) { entryOf(w, "name one")[0] = 20 }, "the entries behind it are lost", "no link"},
		{"name", func(w *built) { entryOf(w, "LONG.TXT")[100] = 0xFE }, "names of", `alpha\LONG.TXT`},
		{"stream", func(w *built) { entryOf(w, "streams")[97] = 0x7F }, "stream", "no link"},
		{"loop", func(w *built) {
			copy(entryOf(w, "empty folder")[16:24], entryOf(w, "alpha")[16:24])
		}, "belongs to another folder", `empty folder\empty`},
		{"list outside", func(w *built) { entryOf(w, "alpha")[20] = 1 }, "cannot be there", `alpha\empty`},
		{"list at an odd place", func(w *built) { entryOf(w, "alpha")[16]++ }, "cannot be there", `alpha\empty`},
		{"dot", func(w *built) { copy(entryOf(w, "LONG.TXT")[100:], "\x02\x00.\x00") }, "named", `alpha\LONG.TXT`},
		{"descriptors", func(w *built) { w.b[w.metadata[0]+8] = 0xFF }, "security descriptor 0", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := build(sample())
			tt.damage(w)
			fs := image(t, open(t, w.b), 1)
			var all []string
			for _, p := range fs.Problems() {
				all = append(all, p.String())
			}
			text := strings.Join(all, "\n")
			if !strings.Contains(text, tt.want) || !strings.Contains(text, "SHA-1") {
				t.Errorf("problems:\n%s", text)
			}
			if _, err := fs.Lookup(tt.lost); tt.lost != "" && err == nil {
				t.Errorf("%s is there", tt.lost)
			}
			use(t, fs)
		})
	}
}

func TestNamesWithoutXML(t *testing.T) {
	w := build(sample())
	copy(w.b[w.xml+40:], "\x00<\x00<")
	f := open(t, w.b)
	if len(f.Images()) != 2 || len(f.Problems()) != 1 || !strings.Contains(f.Problems()[0], "XML") {
		t.Errorf("%+v, %q", f.Images(), f.Problems())
	}
}

func TestMissingContent(t *testing.T) {
	w := build(sample())
	i := bytes.Index(w.b[w.table:], resHeader(w.blob["main"], 4, 4, 0))
	w.b[int(w.table)+i+30] ^= 1
	fs := image(t, open(t, w.b), 1)
	e := lookup(t, fs, "streams")
	if i, err := fs.Info(e); err != nil || !strings.Contains(i.Damage, "not in this WIM file") {
		t.Errorf("%+v, %v", i, err)
	}
	if _, err := fs.Open(e, ""); !errors.Is(err, winfs.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// The integrity table is made by hand: two parts and a rest.
func TestIntegrity(t *testing.T) {
	w := build(sample())
	if _, ok, err := open(t, w.b).Integrity(context.Background()); ok || err != nil {
		t.Errorf("no table: %v, %v", ok, err)
	}
	addIntegrity(w, 100000)
	if bad, ok, err := open(t, w.b).Integrity(context.Background()); !ok || err != nil || len(bad) > 0 {
		t.Errorf("whole: %v, %v, %v", bad, ok, err)
	}
	w.b[208+150000] ^= 1
	if bad, ok, err := open(t, w.b).Integrity(context.Background()); !ok || err != nil || len(bad) != 1 || bad[0].Off != 208+100000 {
		t.Errorf("damaged: %v, %v, %v", bad, ok, err)
	}
	w.b[len(w.b)-20*int((w.table+w.tableLen-208+99999)/100000)-8]++ // one hash more than there are parts
	if _, ok, err := open(t, w.b).Integrity(context.Background()); !ok || err == nil {
		t.Errorf("a table that does not fit: %v, %v", ok, err)
	}
}

// use reads everything of fs.
func use(t testing.TB, fs *wim.FS) {
	t.Helper()
	found, err := winfstest.Use(fs, 8<<20)
	if err == nil && found+1 != fs.Len() {
		err = fmt.Errorf("%d entries of %d are reached", found+1, fs.Len())
	}
	if err != nil {
		t.Fatal(err)
	}
}
