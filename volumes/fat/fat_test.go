package fat_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/volumes/fat"
	"github.com/coldstate/coldstate/volumes/winfs"
	"github.com/coldstate/coldstate/volumes/winfs/winfstest"
)

// long is a content of several clusters that tells its places.
var long = func() (b []byte) {
	for i := range 2000 {
		b = fmt.Appendf(b, "%06d\n", i)
	}
	return b
}()

func sample() []*file {
	return []*file{
		{long: "A long file name.txt", short: "ALONGF~1TXT", attr: 0x21, data: []byte("hello"), created: [2]uint16{0x58AE, 0x4321}, tenths: 150, written: [2]uint16{0x58AF, 0x8C61}, read: 0x58B0},
		{short: "PLAIN   TXT", attr: 0x20, data: long},
		{short: "LOWER   TXT", flags: 0x18, attr: 0x26},
		{short: "\x8Ench    \x99  ", attr: 0x20, data: []byte("code page 850")},
		{short: "\x05XX        ", attr: 0x20, data: []byte("E5")},
		{long: "Ünïcödé 日本 \U0001F600.jpeg", short: "NCD~1   JPE", attr: 0x20, data: long[:513], step: 3},
		{long: "folder", short: "FOLDER     ", kids: []*file{
			{short: "SPREAD  BIN", attr: 0x20, data: long, step: 2},
			{long: strings.Repeat("long ", 50) + "name", short: "LONGLO~1   ", attr: 0x20, data: []byte("255")},
			{short: "DEEPER     ", kids: []*file{{short: "LAST       ", attr: 0x20, data: []byte("last")}}},
			{short: "EMPTY      ", kids: []*file{}},
		}},
	}
}

// kinds are volumes of each width, with clusters of different sizes.
var kinds = []struct{ bits, cluster, clusters int }{{12, 512, 4000}, {12, 4096, 100}, {16, 512, 5000}, {16, 2048, 65000}, {32, 512, 66000}, {32, 4096, 70000}}

func open(t testing.TB, b []byte) *fat.FS {
	t.Helper()
	fs, err := fat.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func lookup(t testing.TB, fs winfs.FS, path string) winfs.Entry {
	t.Helper()
	return winfstest.Entry(t, fs, path)
}

func read(t testing.TB, fs winfs.FS, path string) ([]byte, error) {
	t.Helper()
	return winfstest.Read(fs, lookup(t, fs, path), "")
}

func TestVolumes(t *testing.T) {
	for _, k := range kinds {
		t.Run(fmt.Sprintf("FAT%d, clusters of %d", k.bits, k.cluster), func(t *testing.T) {
			w := build(k.bits, k.cluster, k.clusters, "MY STICK   ", sample()...)
			fs := open(t, w.b)
			if h := fs.Health(); h.Version != fmt.Sprintf("FAT%d", k.bits) || h.Dirty || h.Damaged != 0 || len(fs.Problems()) > 0 {
				t.Errorf("%+v, %v", h, fs.Problems())
			}
			if fs.Label() != "MY STICK" {
				t.Errorf("label %q", fs.Label())
			}
			kids, err := fs.Children(fs.Root())
			var names []string
			for _, e := range kids {
				names = append(names, fs.Name(e))
			}
			want := "A long file name.txt|folder|lower.txt|PLAIN.TXT|Änch.Ö|ÕXX|Ünïcödé 日本 \U0001F600.jpeg"
			if got := strings.Join(names, "|"); err != nil || got != want {
				t.Errorf("%s\nwant %s, %v", got, want, err)
			}
			for path, want := range map[string]string{
				"a LONG file name.TXT": "hello", "alongf~1.txt": "hello", "PLAIN.txt": string(long), "lower.txt": "", `folder\spread.bin`: string(long),
				"Ünïcödé 日本 \U0001F600.jpeg": string(long[:513]), `FOLDER\Deeper\last`: "last", `folder\LONGLO~1`: "255", "ÄNCH.Ö": "code page 850", "õxx": "E5",
			} {
				if b, err := read(t, fs, path); err != nil || string(b) != want {
					t.Errorf("%s: %.30q, %v", path, b, err)
				}
			}
			if _, err := fs.Lookup(`folder\none`); !errors.Is(err, winfs.ErrNotFound) {
				t.Errorf("none: %v", err)
			}
			used := 0
			for n := range uint32(k.clusters) {
				if w.get(n+2) != 0 {
					used++
				}
			}
			if n, err := fs.Free(); err != nil || n != int64(k.clusters-used)*int64(k.cluster) {
				t.Errorf("free %d, %v, want %d", n, err, (k.clusters-used)*k.cluster)
			}
			use(t, fs)
		})
	}
}

// get reads an entry of the first table.
func (w *volume) get(n uint32) uint32 {
	b := w.b[w.table:]
	switch w.bits {
	case 32:
		return binary.LittleEndian.Uint32(b[4*n:])
	case 16:
		return uint32(binary.LittleEndian.Uint16(b[2*n:]))
	}
	v := binary.LittleEndian.Uint16(b[n+n/2:])
	if n%2 == 1 {
		return uint32(v >> 4)
	}
	return uint32(v & 0xFFF)
}

func TestInfo(t *testing.T) {
	fs := open(t, build(16, 512, 5000, "", sample()...).b)
	e := lookup(t, fs, "A long file name.txt")
	i, err := fs.Info(e)
	// 2024-05-14 08:25:02 and 1.5 s; 2024-05-15 17:35:02; 2024-05-16.
	if err != nil || i.Size != 5 || i.Attr != 0x21 || i.Created.String() != "2024-05-14T08:25:03.5Z" || i.Modified.String() != "2024-05-15T17:35:02Z" || i.Accessed.String() != "2024-05-16T00:00:00Z" || i.Links != 1 {
		t.Errorf("%+v: %v, %v, %v; %v", i, i.Created, i.Modified, i.Accessed, err)
	}
	if i, _ := fs.Info(lookup(t, fs, "lower.txt")); i.Attr != 0x26 || i.Created != 0 || i.Start != -1 {
		t.Errorf("%+v", i)
	}
	if fs.ShortName(e) != "ALONGF~1.TXT" || fs.ShortName(lookup(t, fs, "PLAIN.TXT")) != "" {
		t.Errorf("short names %q, %q", fs.ShortName(e), fs.ShortName(lookup(t, fs, "PLAIN.TXT")))
	}
	if _, err := fs.Open(e, "stream"); !errors.Is(err, winfs.ErrNotFound) {
		t.Errorf("a stream: %v", err)
	}
	if _, err := fs.Open(lookup(t, fs, "folder"), ""); !errors.Is(err, winfs.ErrNotFound) {
		t.Errorf("content of a folder: %v", err)
	}
	ids := map[winfs.FileID]bool{}
	for e := range winfs.Entry(fs.Len()) {
		i, err := fs.Info(e)
		if err != nil || ids[i.File] {
			t.Errorf("%s: file %d, %v", fs.Name(e), i.File, err)
		}
		ids[i.File] = true
	}
}

func TestExtents(t *testing.T) {
	w := build(12, 512, 4000, "", sample()...)
	fs := open(t, w.b)
	for _, path := range []string{"PLAIN.TXT", `folder\SPREAD.BIN`, "A long file name.txt", "lower.txt"} {
		s, err := fs.Open(lookup(t, fs, path), "")
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		at := int64(0)
		for _, x := range s.Extents() {
			if x.Off != at || x.Len <= 0 {
				t.Fatalf("%s: %+v behind %d", path, x, at)
			}
			got = append(got, w.b[x.Pos:x.Pos+x.Len]...)
			at += x.Len
		}
		want, _ := read(t, fs, path)
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the extents hold %d bytes, the file %d", path, len(got), len(want))
		}
		// In pieces that begin and end anywhere.
		for _, step := range []int{1, 7, 511, 512, 513, 5000} {
			got = got[:0]
			b := make([]byte, step)
			for off := int64(0); ; {
				n, err := s.ReadAt(b, off)
				got = append(got, b[:n]...)
				off += int64(n)
				if err == io.EOF {
					break
				}
				if err != nil || n != step {
					t.Fatalf("%s: %d of %d bytes, %v", path, n, step, err)
				}
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: in pieces of %d it differs", path, step)
			}
		}
	}
}

// What is wrong with a chain of clusters is the loss of what lies behind.
func TestDamagedChains(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(w *volume, at func(i uint32) uint32) // at gives the i-th cluster of PLAIN.TXT
		good   int                                       // bytes
		want   string
	}{
		{"too short", func(w *volume, at func(uint32) uint32) { w.set(at(4), 0xFFFFFFF) }, 5 * 512, "ends after 5 of 28"},
		{"to nowhere", func(w *volume, at func(uint32) uint32) { w.set(at(4), 0xFF0) }, 5 * 512, "leads to 0xff0"},
		{"to a free one", func(w *volume, at func(uint32) uint32) { w.set(at(4), 0) }, 5 * 512, "leads to 0x0"},
		{"to a bad one", func(w *volume, at func(uint32) uint32) { w.set(at(4), 0xFF7) }, 5 * 512, "leads to 0xff7"},
		{"circle", func(w *volume, at func(uint32) uint32) { w.set(at(10), at(3)) }, 11 * 512, "runs in a circle after 11"},
		{"circle of one", func(w *volume, at func(uint32) uint32) { w.set(at(6), at(6)) }, 7 * 512, "runs in a circle after 7"},
		{"circle to the start", func(w *volume, at func(uint32) uint32) { w.set(at(20), at(0)) }, 21 * 512, "runs in a circle after 21"},
		{"only in the first table", func(w *volume, at func(uint32) uint32) { w.setIn(0, at(4), 0) }, len(long), ""},
		{"only in the second table", func(w *volume, at func(uint32) uint32) { w.setIn(1, at(4), 0) }, len(long), ""},
		{"no chain", func(w *volume, at func(uint32) uint32) {
			i := bytes.Index(w.b, []byte("PLAIN   TXT"))
			w.b[i+26], w.b[i+27] = 0, 0
		}, 0, "leads to 0x0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := build(12, 512, 4000, "", sample()...)
			tt.damage(w, func(i uint32) uint32 { return w.first["PLAIN   TXT"] + i })
			fs := open(t, w.b)
			b, err := read(t, fs, "PLAIN.TXT")
			if !bytes.Equal(b, long[:tt.good]) {
				t.Errorf("%d bytes, want %d", len(b), tt.good)
			}
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var re *winfs.ReadError
			if !errors.As(err, &re) || re.Off != int64(tt.good) || re.Len != int64(len(long)-tt.good) || !errors.Is(err, winfs.ErrDamaged) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			s, _ := fs.Open(lookup(t, fs, "PLAIN.TXT"), "")
			if s.Extents() != nil {
				t.Error("a broken chain has extents")
			}
			use(t, fs)
		})
	}
}

func TestDamagedFolders(t *testing.T) {
	entryOf := func(w *volume, short string) []byte {
		i := bytes.Index(w.b, []byte(short))
		return w.b[i : i+32]
	}
	for _, tt := range []struct {
		name   string
		damage func(*volume)
		want   string // in a problem, "" for none
		lost   string // a path that is not there
		there  string // one that is
	}{
		{"loop", func(w *volume) {
			binary.LittleEndian.PutUint16(entryOf(w, "DEEPER     ")[26:], uint16(w.first["FOLDER     "]))
		}, "belongs to another folder", `folder\DEEPER\LAST`, `folder\SPREAD.BIN`},
		{"no cluster", func(w *volume) { entryOf(w, "DEEPER     ")[26] = 0; entryOf(w, "DEEPER     ")[27] = 0 }, "leads to 0x0", `folder\DEEPER\LAST`, `folder\SPREAD.BIN`},
		{"chain cut", func(w *volume) { w.set(w.first["FOLDER     "], 0) }, "leads to 0x0 after 1", `folder\DEEPER`, `folder\SPREAD.BIN`},
		{"checksum of a long name", func(w *volume) { entryOf(w, "FOLDER     ")[0] = 'X' }, "", "folder", "XOLDER"},
		{"order of a long name", func(w *volume) {
			i := bytes.Index(w.b, []byte("ALONGF~1TXT"))
			w.b[i-32] = 7
		}, "", "A long file name.txt", "ALONGF~1.TXT"},
		{"deleted", func(w *volume) { entryOf(w, "PLAIN   TXT")[0] = 0xE5 }, "", "PLAIN.TXT", "lower.txt"},
		{"end", func(w *volume) { entryOf(w, "PLAIN   TXT")[0] = 0 }, "", "lower.txt", "A long file name.txt"},
		{"dots", func(w *volume) { copy(entryOf(w, "PLAIN   TXT"), ".          "); entryOf(w, "LOWER   TXT")[0] = ' ' }, "", "PLAIN.TXT", "folder"},
		{"no name", func(w *volume) { copy(entryOf(w, "PLAIN   TXT"), "           ") }, "named", "PLAIN.TXT", "folder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := build(16, 512, 5000, "", sample()...)
			tt.damage(w)
			fs := open(t, w.b)
			if text := fmt.Sprint(fs.Problems()); tt.want == "" && text != "[]" || !strings.Contains(text, tt.want) {
				t.Errorf("problems %s, want %q", text, tt.want)
			}
			if _, err := fs.Lookup(tt.lost); err == nil {
				t.Errorf("%s is there", tt.lost)
			}
			lookup(t, fs, tt.there)
			use(t, fs)
		})
	}
}

var errMedium = errors.New("bad sector")

// badMedium cannot be read from an offset to another.
type badMedium struct {
	b        []byte
	from, to int64
}

func (m badMedium) ReadAt(p []byte, off int64) (int, error) {
	if off < m.to && off+int64(len(p)) > m.from {
		return copy(p[:max(m.from-off, 0)], m.b[min(off, int64(len(m.b))):]), errMedium
	}
	return bytes.NewReader(m.b).ReadAt(p, off)
}

func TestBadSectors(t *testing.T) {
	w := build(16, 512, 5000, "", sample()...)
	at := func(short string) int64 { return int64(w.data) + int64(w.first[short]-2)*512 }
	size := int64(len(w.b))
	t.Run("content", func(t *testing.T) {
		fs, err := fat.Open(badMedium{w.b, at("PLAIN   TXT") + 1024, at("PLAIN   TXT") + 1536}, size)
		if err != nil {
			t.Fatal(err)
		}
		b, err := read(t, fs, "PLAIN.TXT")
		var re *winfs.ReadError
		if !errors.As(err, &re) || len(b) != 1024 || re.Off != 1024 || re.Pos != at("PLAIN   TXT")+1024 || !errors.Is(err, errMedium) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
	t.Run("folder", func(t *testing.T) {
		fs, err := fat.Open(badMedium{w.b, at("FOLDER     "), at("FOLDER     ") + 512}, size)
		if err != nil {
			t.Fatal(err)
		}
		if p := fmt.Sprint(fs.Problems()); !strings.Contains(p, "cannot be read") {
			t.Errorf("problems %s", p)
		}
		if i, err := fs.Info(lookup(t, fs, "folder")); err != nil || i.Damage == "" {
			t.Errorf("%+v, %v", i, err)
		}
		lookup(t, fs, `folder\DEEPER\LAST`) // in the next cluster
	})
	t.Run("first table", func(t *testing.T) {
		fs, err := fat.Open(badMedium{w.b, int64(w.tables[0]), int64(w.tables[0]) + 512}, size)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := read(t, fs, "PLAIN.TXT"); err != nil || !bytes.Equal(b, long) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
	t.Run("cut off", func(t *testing.T) {
		n := at("PLAIN   TXT") + 700
		fs := open(t, w.b[:n])
		b, err := read(t, fs, "PLAIN.TXT")
		var re *winfs.ReadError
		if !errors.As(err, &re) || len(b) != 700 || re.Off != 700 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		if h := fs.Health(); h.Missing != size-n || h.Damaged == 0 {
			t.Errorf("%+v", h)
		}
	})
}

func TestHealth(t *testing.T) {
	for _, bits := range []int{16, 32} {
		clusters := map[int]int{16: 5000, 32: 66000}[bits]
		for _, tt := range []struct {
			name   string
			damage func(*volume)
		}{
			{"in use", func(w *volume) { w.set(1, 0xFFFFFFF&^(1<<(bits-1)|1<<27)) }},
			{"errors", func(w *volume) { w.set(1, 0xFFFFFFF&^(1<<(bits-2)|1<<26)) }},
			{"boot sector", func(w *volume) { w.b[map[int]int{16: 37, 32: 65}[bits]] = 1 }},
		} {
			w := build(bits, 512, clusters, "")
			if h := open(t, w.b).Health(); h.Dirty {
				t.Errorf("FAT%d: %+v", bits, h)
			}
			tt.damage(w)
			if h := open(t, w.b).Health(); !h.Dirty {
				t.Errorf("FAT%d, %s: %+v", bits, tt.name, h)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(b []byte)
		is     error
		want   string
	}{
		{"no signature", func(b []byte) { b[510] = 0 }, fat.ErrNotFAT, ""},
		{"no jump", func(b []byte) { b[0] = 0 }, fat.ErrNotFAT, ""},
		{"sectors", func(b []byte) { b[12] = 3 }, nil, "sectors of 768 bytes"},
		{"clusters", func(b []byte) { b[13] = 3 }, nil, "3 sectors in a cluster"},
		{"no cluster size", func(b []byte) { b[13] = 0 }, nil, "0 sectors in a cluster"},
		{"no tables", func(b []byte) { b[16] = 0 }, nil, "0 tables"},
		{"no root folder", func(b []byte) { b[17], b[18] = 0, 0 }, nil, "no room for a root folder"},
		{"nothing in all", func(b []byte) { copy(b[32:36], "\x00\x00\x00\x00") }, nil, "0 sectors in all"},
		{"tables too large", func(b []byte) { b[22], b[23] = 0xFF, 0xFF }, nil, "the tables end at"},
		{"smaller than its tables", func(b []byte) { copy(b[32:36], "\x05\x00\x00\x00") }, nil, "the tables end at"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := build(16, 512, 5000, "", sample()...).b
			tt.damage(b)
			_, err := fat.Open(bytes.NewReader(b), int64(len(b)))
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	if _, err := fat.Open(bytes.NewReader(make([]byte, 100)), 100); !errors.Is(err, fat.ErrNotFAT) {
		t.Errorf("100 bytes: %v", err)
	}
	// A table of FAT32 that claims 4 GiB costs no memory and no time.
	b := build(32, 512, 66000, "", sample()...).b
	copy(b[36:], "\xFF\xFF\xFF\x00")
	if _, err := fat.Open(bytes.NewReader(b), int64(len(b))); err == nil || !strings.Contains(err.Error(), "the tables end at") {
		t.Errorf("a table of 4 GiB: %v", err)
	}
}

// use reads everything of fs.
func use(t testing.TB, fs *fat.FS) {
	t.Helper()
	found, err := winfstest.Use(fs, 1<<20)
	if err == nil && found+1 != fs.Len() {
		err = fmt.Errorf("%d entries of %d are reached", found+1, fs.Len())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// FuzzVolume is for the boot sector, the tables and the folders. Only the part
// of a volume before its contents is the input: 64 KiB of zeros lie behind.
func FuzzVolume(f *testing.F) {
	for _, k := range []struct{ bits, cluster, clusters int }{{12, 512, 100}, {16, 512, 4200}, {32, 512, 1000}} {
		w := build(k.bits, k.cluster, k.clusters, "LABEL      ", sample()...)
		f.Add(w.b[:min(len(w.b), w.data+60*k.cluster)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<18 {
			return
		}
		b = append(bytes.Clone(b), make([]byte, 64<<10)...)
		if fs, err := fat.Open(bytes.NewReader(b), int64(len(b))); err == nil {
			use(t, fs)
		}
	})
}

// FuzzFolder puts its input into the root folder of a sound volume.
func FuzzFolder(f *testing.F) {
	w := build(12, 512, 100, "", sample()...)
	f.Add(w.b[w.root : w.root+64*32])
	f.Fuzz(func(t *testing.T, root []byte) {
		b := bytes.Clone(w.b)
		copy(b[w.root:w.data], root)
		use(t, open(t, b))
	})
}
