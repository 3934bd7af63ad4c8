package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/coldstate/coldstate/store"
)

// smallThings make a store of a few KiB in which every kind of line and
// member occurs.
func smallThings() []thing {
	r := rand.New(rand.NewPCG(9, 9))
	out := []thing{
		{o: store.Object{Path: `C:\a`, Kind: store.Folder, Outcome: store.Captured}},
		{o: *file(`C:\a\text.txt`), data: text(r, 700)},
		{o: *file(`C:\a\empty`)},
		{o: store.Object{Path: `C:\a\text.txt`, Stream: "Zone.Identifier", Kind: store.Stream, Outcome: store.Captured}, data: []byte("[ZoneTransfer]")},
		{o: store.Object{Path: `C:\link`, Kind: store.Link, Outcome: store.Captured, Target: `C:\a`}},
		{o: store.Object{Path: `C:\cloud`, Kind: store.File, Outcome: store.Placeholder, Size: 1 << 30, Reason: "only in the cloud"}},
		{o: store.Object{Path: `HKLM\x`, Stream: "v", Kind: store.Value, Outcome: store.Captured, Type: 1, Data: []byte("x")}},
		{o: *file(`C:\b` + strings.Repeat("ü", 80)), data: noise(r, 300)},
	}
	return out
}

func smallStore(t testing.TB) map[string][]byte {
	t.Helper()
	d := store.Memory()
	w, err := store.Create(d, store.Options{SegmentSize: 600, Created: time.Unix(1e9, 0), Source: store.SourceInfo{Machine: "PC"}})
	ok(t, err)
	things := smallThings()
	ok(t, put(w, things[:4]))
	ok(t, w.Checkpoint())
	sd, err := w.Security([]byte{1, 2, 3})
	ok(t, err)
	things[4].o.SD = sd
	ok(t, put(w, things[4:]))
	l := file(`C:\hard`)
	ok(t, w.PutLink(l, &things[1].o))
	ok(t, w.PutFile("plan.json", []byte("{}\n")))
	ok(t, w.Seal())
	return files(t, d)
}

// use reads everything that can be read, as a command would. It gives the
// contents that came out whole.
func use(d store.Dir) (whole map[string][]byte, err error) {
	s, err := store.Open(d)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	whole = map[string][]byte{}
	n := 0
	for o, err := range s.Objects() {
		if n++; n > 10000 {
			return whole, errors.New("no end of objects")
		}
		if err != nil {
			continue
		}
		if name, err := o.TarName(); err == nil {
			for p := range strings.SplitSeq(name, "/") {
				if p == "" || p == "." || p == ".." || strings.Contains(p, "\x00") {
					return nil, fmt.Errorf("unsafe name %q", name)
				}
			}
		}
		if o.SD > 0 {
			s.Security(o.SD)
		}
		r, err := s.Content(o)
		if err != nil {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(r, 1<<22))
		r.Close()
		if err == nil {
			whole[string(o.Path)+":"+string(o.Stream)] = b
		}
	}
	return whole, nil
}

// broken opens and verifies d, and says whether damage was noticed.
func broken(t testing.TB, d store.Dir) bool {
	s, err := store.Open(d)
	if err != nil {
		return true
	}
	defer s.Close()
	r, err := s.Verify(t.Context(), nil)
	return err != nil || !r.OK()
}

func TestEveryBit(t *testing.T) {
	all := smallStore(t)
	sound(t, dirOf(t, all))
	size := 0
	names := slices.Sorted(maps.Keys(all))
	if len(names) < 6 {
		t.Fatalf("a store of %q is too simple", names)
	}
	want, err := use(dirOf(t, all))
	ok(t, err)
	for _, name := range names {
		b := all[name]
		size += len(b)
		for i := range b {
			for bit := range 8 {
				if testing.Short() && (i+bit)%7 != 0 {
					continue
				}
				b[i] ^= 1 << bit
				d := dirOf(t, all)
				if !broken(t, d) {
					t.Errorf("%s: bit %d of byte %d: not noticed", name, bit, i)
				}
				// What comes out without an error is right, and whatever does not
				// touch the bit comes out.
				got, err := use(d)
				if err != nil {
					t.Errorf("%s: bit %d of byte %d: %v", name, bit, i, err)
				}
				for k, v := range got {
					if w, ok := want[k]; ok && !bytes.Equal(v, w) {
						t.Errorf("%s: bit %d of byte %d: %q is wrong", name, bit, i, k)
					}
				}
				if !strings.HasPrefix(name, "data") && !strings.HasPrefix(name, "catalog") && len(got) != len(want) {
					t.Errorf("%s: bit %d of byte %d: %d contents of %d came out", name, bit, i, len(got), len(want))
				}
				b[i] ^= 1 << bit
			}
		}
	}
	t.Logf("%d bits", size*8)
}

// In a larger store a flipped bit costs only what lies in its frame.
func TestFlippedBytes(t *testing.T) {
	d := store.Memory()
	things := randomThings(77, 150)
	newStore(t, d, store.Options{SegmentSize: 2 << 20}, things)
	all := files(t, d)
	names := slices.Sorted(maps.Keys(all))
	want, err := use(dirOf(t, all))
	ok(t, err)
	r := rand.New(rand.NewPCG(1, 1))
	n := 60
	if testing.Short() {
		n = 10
	}
	for range n {
		name := names[r.IntN(len(names))]
		b := all[name]
		i, x := r.IntN(len(b)), byte(1+r.IntN(255))
		b[i] ^= x
		d := dirOf(t, all)
		s, err := store.Open(d)
		ok(t, err)
		rep := verify(t, s)
		if rep.OK() {
			t.Errorf("%s: byte %d: not noticed", name, i)
		}
		got, err := use(d)
		ok(t, err)
		for k, v := range got {
			if !bytes.Equal(v, want[k]) {
				t.Errorf("%s: byte %d: %q is wrong", name, i, k)
			}
		}
		// Verify names exactly the objects that do not come out.
		if strings.HasPrefix(name, "data") {
			named := 0
			for _, p := range rep.Problems {
				if strings.Contains(p.Where, `:\`) {
					named++
				}
			}
			if lost := len(want) - len(got); named > lost+1 || named < lost-1 && rep.More == 0 {
				// A member whose padding was hit is whole; links are told with
				// what they share.
				dups := 0
				for _, th := range things {
					if th.o.Outcome == store.Duplicate {
						dups++
					}
				}
				if named+dups < lost || named > lost+1 {
					t.Errorf("%s: byte %d: %d objects are named, %d are lost: %v", name, i, named, lost, rep.Problems[:min(5, len(rep.Problems))])
				}
			}
		}
		b[i] ^= x
		s.Close()
	}
}

func TestTruncated(t *testing.T) {
	all := smallStore(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b := all[name]
		for n := 0; n < len(b); n += max(1, min(512, len(b)/5)) {
			all[name] = b[:n]
			if !broken(t, dirOf(t, all)) {
				t.Errorf("%s cut to %d of %d bytes: not noticed", name, n, len(b))
			}
			use(dirOf(t, all))
		}
		delete(all, name)
		if !broken(t, dirOf(t, all)) {
			t.Errorf("%s is missing: not noticed", name)
		}
		use(dirOf(t, all))
		all[name] = append(slices.Clone(b), 0)
		if !broken(t, dirOf(t, all)) {
			t.Errorf("%s is a byte longer: not noticed", name)
		}
		all[name] = b
	}
	sound(t, dirOf(t, all))
}

func TestRearranged(t *testing.T) {
	for name, change := range map[string]func(m map[string][]byte){
		"segments swapped": func(m map[string][]byte) {
			a, b := "data.tar.zst.00001", "data.tar.zst.00002"
			m[a], m[b] = m[b], m[a]
		},
		"segment too many": func(m map[string][]byte) { m["data.tar.zst.00009"] = m["data.tar.zst.00001"] },
		"part too many":    func(m map[string][]byte) { m["catalog.00009.jsonl.zst"] = m["catalog.00001.jsonl.zst"] },
		"plan changed":     func(m map[string][]byte) { m["plan.json"] = []byte("[]\n") },
	} {
		all := smallStore(t)
		change(all)
		if !broken(t, dirOf(t, all)) {
			t.Errorf("%s: not noticed", name)
		}
	}
	all := smallStore(t)
	all["holiday.jpg"] = nil
	s := open(t, dirOf(t, all))
	if r := verify(t, s); !r.OK() || len(r.Notes) != 1 {
		t.Errorf("a strange file: %v, %v", r.Problems, r.Notes)
	}
}

// What the files' hashes cannot show, because they are gone with the manifest,
// the catalog and the tar show against each other.
func TestCatalogAgainstTar(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	ok(t, err)
	dec, err := zstd.NewReader(nil)
	ok(t, err)
	const part = "catalog.00001.jsonl.zst"
	for name, tt := range map[string]struct {
		change func(lines []string) []string
		want   string
	}{
		"as it was":       {func(l []string) []string { return l }, ""},
		"line deleted":    {func(l []string) []string { return l[1:] }, "not in the catalog"},
		"content deleted": {func(l []string) []string { return slices.Delete(l, 1, 2) }, "not in the catalog"},
		"line doubled":    {func(l []string) []string { return slices.Insert(l, 0, l[0]) }, "not in the tar"},
		"renamed":         {func(l []string) []string { l[1] = strings.ReplaceAll(l[1], "text.txt", "other.txt"); return l }, "header"},
		"another size":    {func(l []string) []string { l[1] = strings.ReplaceAll(l[1], `"size":700`, `"size":699`); return l }, "SHA-256"},
		"another hash":    {func(l []string) []string { l[1] = strings.ReplaceAll(l[1], `"sha256":"`, `"sha256":"00`); return l }, "hexadecimal"},
		"climbing": {func(l []string) []string {
			l[1] = strings.ReplaceAll(l[1], `C:\\a\\text.txt`, `C:\\..\\..\\x`)
			return l
		}, "header"},
		"no volume":   {func(l []string) []string { l[1] = strings.ReplaceAll(l[1], `C:\\a\\text.txt`, `\\etc\\x`); return l }, "volume"},
		"far segment": {func(l []string) []string { l[1] = strings.ReplaceAll(l[1], `"segment":1`, `"segment":99`); return l }, "not in the"},
		"far frame":   {func(l []string) []string { l[1] = strings.ReplaceAll(l[1], `"frame":0`, `"frame":77`); return l }, ""},
		"no JSON":     {func(l []string) []string { l[1] = "{" + l[1]; return l }, "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			all := smallStore(t)
			delete(all, "coldstate.json")
			b, err := dec.DecodeAll(all[part], nil)
			ok(t, err)
			lines := tt.change(strings.SplitAfter(strings.TrimSuffix(string(b), "\n"), "\n"))
			all[part] = enc.EncodeAll([]byte(strings.Join(lines, "")+"\n"), nil)
			s := open(t, dirOf(t, all))
			if s.Manifest().State != store.StateDamaged || s.Damage() == nil {
				t.Errorf("a missing manifest: %+v", s.Manifest())
			}
			r := verify(t, s)
			problems := fmt.Sprint(r.Problems[1:])
			if name == "as it was" && len(r.Problems) != 1 || name != "as it was" && (len(r.Problems) < 2 || !strings.Contains(problems, tt.want)) {
				t.Errorf("%v", r.Problems)
			}
		})
	}
}

// bombs are frames that ask for more than a reader should give.
func TestBombs(t *testing.T) {
	huge := binary.LittleEndian.AppendUint32(nil, 0xFD2FB528)
	huge = append(huge, 0xE0) // single segment, eight bytes of size
	huge = binary.LittleEndian.AppendUint64(huge, 8<<40)
	huge = append(huge, 3, 0, 0, 0)
	window := append(binary.LittleEndian.AppendUint32(nil, 0xFD2FB528), 0x80, 0xff, 1, 0, 0, 0, 3, 0, 0)
	many := append(binary.LittleEndian.AppendUint32(nil, 0xFD2FB528), 0xA0, 0, 0, 0, 1)
	many = append(many, bytes.Repeat([]byte{0, 0, 0}, 8<<20)...) // blocks of nothing
	rle := append(binary.LittleEndian.AppendUint32(nil, 0xFD2FB528), 0xA0, 0, 4, 0, 0)
	for range 10000 {
		rle = append(rle, 0x02, 0, 0x10, 'x') // 128 KiB of x
	}
	for name, b := range map[string][]byte{"size": huge, "window": window, "many": many, "rle": rle, "empty": nil} {
		all := smallStore(t)
		all["data.tar.zst.00001"] = b
		if !broken(t, dirOf(t, all)) {
			t.Errorf("%s: not noticed", name)
		}
		_, err := use(dirOf(t, all))
		ok(t, err)
	}
	// A catalog of one endless line.
	enc, err := zstd.NewWriter(nil)
	ok(t, err)
	all := smallStore(t)
	all["catalog.00001.jsonl.zst"] = enc.EncodeAll(bytes.Repeat([]byte("x"), 64<<20), nil)
	if !broken(t, dirOf(t, all)) {
		t.Error("an endless line: not noticed")
	}
}

// failDir fails at its n-th change, like a full disk, and keeps failing. It
// loses what was not synced.
type failDir struct {
	store.Dir
	left    int
	ops     int
	files   map[string]*failFile
	durable map[string]*failFile // names as of the last Sync of the folder
}

type failFile struct {
	d      *failDir
	b      []byte
	synced int
}

var errFull = errors.New("no space left on device")

func newFailDir(left int) *failDir {
	return &failDir{left: left, files: map[string]*failFile{}, durable: map[string]*failFile{}}
}

func (d *failDir) step() error {
	d.ops++
	if d.left--; d.left < 0 {
		return errFull
	}
	return nil
}

func (d *failDir) Create(name string) (store.WriteFile, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	if d.files[name] != nil {
		return nil, fmt.Errorf("%s exists", name)
	}
	f := &failFile{d: d}
	d.files[name] = f
	return f, nil
}

func (d *failDir) Open(name string) (store.ReadFile, error) { return d.after(false).Open(name) }
func (d *failDir) List() ([]store.DirEntry, error)          { return d.after(false).List() }

func (d *failDir) Rename(old, new string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.files[new] = d.files[old]
	delete(d.files, old)
	return nil
}

func (d *failDir) Remove(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	delete(d.files, name)
	return nil
}

func (d *failDir) Sync() error {
	if err := d.step(); err != nil {
		return err
	}
	d.durable = maps.Clone(d.files)
	return nil
}

func (f *failFile) Write(p []byte) (int, error) {
	if err := f.d.step(); err != nil {
		n := len(p) / 2 // a torn write
		f.b = append(f.b, p[:n]...)
		return n, err
	}
	f.b = append(f.b, p...)
	return len(p), nil
}

func (f *failFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	f.synced = len(f.b)
	return nil
}

func (f *failFile) Close() error { return nil }

// after is the folder as a reader finds it; lost means behind a power cut, as
// bad as it can be.
func (d *failDir) after(lost bool) store.Dir {
	m := store.Memory()
	names := d.files
	if lost {
		names = d.durable
	}
	for n, f := range names {
		b := f.b
		if lost {
			b = b[:f.synced]
		}
		w, _ := m.Create(n)
		w.Write(b)
	}
	return m
}

// A disk that is full, or a power cut, at every single change.
func TestFailEverywhere(t *testing.T) {
	things := smallThings()
	r := rand.New(rand.NewPCG(4, 4))
	for i := range 6 {
		things = append(things, thing{o: *file(fmt.Sprintf(`C:\n%d`, i)), data: noise(r, 400_000)}, thing{o: *file(fmt.Sprintf(`C:\t%d`, i)), data: text(r, 100_000)})
	}
	capture := func(d store.Dir) (puts int, err error) {
		w, err := store.Create(d, store.Options{SegmentSize: 500_000, Workers: 1, Checkpoint: time.Hour})
		if err != nil {
			return 0, err
		}
		for i, th := range things {
			err = put(w, []thing{th})
			if err == nil && i%5 == 4 {
				err = w.Checkpoint()
			}
			if err == nil && i == 3 {
				err = w.PutFile("plan.json", []byte("{}"))
			}
			if err == nil && i == 10 {
				var m *store.Member
				if m, err = w.Start(file(`C:\large`), 2<<20, nil); err == nil {
					for range 4 {
						if _, err = m.Write(noise(r, 1<<19)); err != nil {
							break
						}
						if err = w.Checkpoint(); err != nil {
							break
						}
					}
					if err == nil {
						err = m.Close()
					}
				}
			}
			if err != nil {
				var we *store.WriteError
				if !errors.As(err, &we) || !errors.Is(err, errFull) {
					return i, fmt.Errorf("not a WriteError of the disk: %w", err)
				}
				if again := w.Put(file(`C:\again`), nil); again == nil {
					return i, errors.New("the writer goes on after an error")
				}
				if w.Suspend() == nil {
					return i, errors.New("Suspend is content after an error")
				}
				return i, err
			}
		}
		return len(things), w.Seal()
	}
	total := newFailDir(1 << 30)
	if _, err := capture(total); err != nil {
		t.Fatal(err)
	}
	sound(t, total.after(true))
	if total.ops < 50 {
		t.Fatalf("only %d changes", total.ops)
	}
	best := 0
	for n := range total.ops {
		d := newFailDir(n)
		_, err := capture(d)
		if err == nil {
			// The order of the changes is not the same in each run.
			continue
		}
		if !errors.Is(err, errFull) {
			t.Fatalf("change %d: %v", n, err)
		}
		for _, lost := range []bool{false, true} {
			after := d.after(lost)
			s, err := store.Open(after)
			if err != nil {
				if !errors.Is(err, store.ErrNotStore) && n > 6 {
					t.Errorf("change %d, lost %v: %v", n, lost, err)
				}
				continue
			}
			rep := verify(t, s)
			got := 0
			for o, err := range s.Objects() {
				if err != nil {
					t.Fatalf("change %d, lost %v: %v", n, lost, err)
				}
				got++
				if stores(o) {
					content(t, s, o)
				}
			}
			sealed := s.Manifest().State == store.StateSealed
			if s.Manifest().State == store.StateDamaged {
				if n > 6 {
					t.Errorf("change %d, lost %v: %v", n, lost, s.Damage())
				}
			} else if !rep.OK() {
				t.Fatalf("change %d, lost %v, state %s: %v", n, lost, s.Manifest().State, rep.Problems)
			}
			if sealed && got != len(things)+1 {
				t.Fatalf("change %d, lost %v: it looks sealed with %d objects", n, lost, got)
			}
			if !sealed {
				best = max(best, got)
			}
			s.Close()
		}
	}
	if best < len(things)/2 {
		t.Errorf("at most %d objects of %d could be read", best, len(things))
	}
}
