package capture_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
)

const everything = `<migration urlid="http://example.org/all"><component type="Documents"><displayName>All</displayName><role role="Data"><rules>
<include><objectSet><pattern type="File">C:\* [*]</pattern><pattern type="Registry">HKCU\* [*]</pattern><pattern type="Registry">HKLM\* [*]</pattern></objectSet></include>
</rules></role></component></migration>`

// reopen ends a store without sealing it, and opens what is in it.
func reopen(t *testing.T, w *store.Writer, d store.Dir) *store.Store {
	t.Helper()
	if err := w.Suspend(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// planOf plans everything on an image or in a folder.
func planOf(t *testing.T, path string) *plan.Plan {
	t.Helper()
	w := testwin.Open(t, testwin.Options{}, path)
	d, _, err := migxml.Parse("all.xml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(context.Background(), w.System, w.Set, w.Users, []*migxml.Document{d}, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// captureAll captures p into a sealed store in memory.
func captureAll(t *testing.T, p *plan.Plan) (store.Dir, *capture.Result) {
	t.Helper()
	d := store.Memory()
	w, err := store.Create(d, store.Options{SameSize: capture.SameSize(p)})
	if err != nil {
		t.Fatal(err)
	}
	res, err := capture.Run(context.Background(), p, w, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Seal(); err != nil {
		t.Fatal(err)
	}
	return d, res
}

func sampleDisk(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(name); err != nil {
		t.Fatal(err)
	}
	return name
}

// Every object of the plan has exactly one line in the catalog, and the
// outcomes add up to the plan.
func TestTotalsEqualThePlan(t *testing.T) {
	p := planOf(t, sampleDisk(t))
	d, res := captureAll(t, p)
	if res.Total() != int64(p.Count()) {
		t.Errorf("%d outcomes, the plan has %d objects", res.Total(), p.Count())
	}
	type id struct{ path, stream, user, kind string }
	planned := map[id]int{}
	for o := range p.Objects {
		planned[id{string(o.Path), string(o.Stream), o.User, o.Kind}]++
	}
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[store.Outcome]int64{}
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind == store.Part {
			continue
		}
		planned[id{string(o.Path), string(o.Stream), o.User, string(o.Kind)}]--
		counts[o.Outcome]++
		if capture.Fails(o.Outcome) && o.Reason == "" {
			t.Errorf("%s %s has outcome %s and no reason", o.Path, o.Stream, o.Outcome)
		}
	}
	for k, n := range planned {
		if n != 0 {
			t.Errorf("%v: %d more in the plan than in the catalog", k, n)
		}
	}
	for o, c := range res.Counts {
		// The catalog calls further names of damaged files links.
		if counts[o] != c.Objects {
			t.Errorf("%s: %d in the catalog, %d in the result", o, counts[o], c.Objects)
		}
	}
}

// A run that is interrupted leaves a store that is open and reads up to its
// last durable object.
func TestInterrupted(t *testing.T) {
	p := planOf(t, sampleDisk(t))
	for _, after := range []int64{0, 1} {
		d := store.Memory()
		w, err := store.Create(d, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		if after == 0 {
			cancel()
		}
		_, err = capture.Run(ctx, p, w, capture.Options{Progress: func(capture.Progress) { cancel() }})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("err = %v", err)
		}
		s := reopen(t, w, d)
		if st := s.Manifest().State; st != store.StateOpen {
			t.Errorf("state %s", st)
		}
		n := 0
		for o, err := range s.Objects() {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if o.Outcome.Stored() && o.Kind == store.File {
				r, err := s.Content(o)
				if err != nil {
					t.Fatalf("%s: %v", o.Path, err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					t.Errorf("%s: %v", o.Path, err)
				}
				r.Close()
			}
		}
		if n == 0 || n >= p.Count() {
			t.Errorf("%d objects are readable, the plan has %d", n, p.Count())
		}
	}
}

// A destination that fails ends the run with its error.
func TestStoreFails(t *testing.T) {
	p := planOf(t, sampleDisk(t))
	d := &failing{Dir: store.Memory(), left: 20_000}
	w, err := store.Create(d, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := capture.Run(context.Background(), p, w, capture.Options{}); err == nil {
		err = w.Seal()
		if err == nil {
			t.Fatal("nobody noticed that the destination failed")
		}
		if !errors.Is(err, errFull) {
			t.Errorf("err = %v", err)
		}
	} else if !errors.Is(err, errFull) {
		t.Errorf("err = %v", err)
	}
}

var errFull = errors.New("no space left on device")

// failing is a Dir that takes so many bytes.
type failing struct {
	store.Dir
	left int
}

func (d *failing) Create(name string) (store.WriteFile, error) {
	f, err := d.Dir.Create(name)
	return &failingFile{f, d}, err
}

type failingFile struct {
	store.WriteFile
	d *failing
}

func (f *failingFile) Write(p []byte) (int, error) {
	if f.d.left -= len(p); f.d.left < 0 {
		return 0, errFull
	}
	return f.WriteFile.Write(p)
}

// Large contents, duplicates among them, and sparse ones come back as they
// were, from a host folder.
func TestLargeContents(t *testing.T) {
	dir := t.TempDir()
	makeWindows(t, dir)
	noise := make([]byte, 9<<20+123)
	rng := rand.NewChaCha8([32]byte{7})
	rng.Read(noise)
	other := slices.Clone(noise)
	other[len(other)-1] ^= 1 // same size and head, another content
	files := map[string][]byte{"a": noise, "b": noise, "c": other, "small": noise[:100_000], "small too": noise[:100_000], "empty": {}, "edge": noise[:4<<20], "edge1": noise[:4<<20+1]}
	for name, b := range files {
		write(t, filepath.Join(dir, "Data", name), b)
	}
	sparse := make([]byte, 80<<20)
	copy(sparse[len(sparse)-4:], "tail")
	files["sparse"] = sparse
	write(t, filepath.Join(dir, "Data", "sparse"), nil)
	f, err := os.OpenFile(filepath.Join(dir, "Data", "sparse"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("tail"), int64(len(sparse)-4)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	d, res := captureAll(t, planOf(t, dir))
	if n := res.Counts[store.Duplicate].Objects; n != 2 {
		t.Errorf("%d duplicates, want b or a, and one of the small ones", n)
	}
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		want, ok := files[filepath.Base(filepath.FromSlash(lastName(string(o.Path))))]
		if !ok || o.Kind != store.File {
			continue
		}
		n++
		r, err := s.Content(o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v, want %d", o.Path, len(got), err, len(want))
		}
	}
	if n != len(files) {
		t.Errorf("%d files are in the store, want %d", n, len(files))
	}
}

// makeWindows makes a host folder the root of a Windows: the sample's hives.
func makeWindows(t *testing.T, dir string) {
	t.Helper()
	sys := planOf(t, sampleDisk(t)).System
	for _, f := range []string{"SYSTEM", "SOFTWARE"} {
		b, err := sys.ReadFile(`C:\Windows\System32\config\`+f, 1<<26)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "Windows/System32/config", f), b)
	}
}

func lastName(p string) string {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] == '\\' {
			return p[i+1:]
		}
	}
	return p
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A file of a host folder that is written to while it is read says so.
func TestChangedWhileReading(t *testing.T) {
	dir := t.TempDir()
	makeWindows(t, dir)
	for name, change := range map[string]func(string) error{
		"grows":   func(p string) error { return os.Truncate(p, 100<<20) },
		"shrinks": func(p string) error { return os.Truncate(p, 1<<20) },
		"stays":   func(string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			big := filepath.Join(dir, "Data", "big")
			write(t, big, slices.Repeat([]byte("0123456789abcdef"), 96<<16))
			p := planOf(t, dir)
			w, err := store.Create(store.Memory(), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			done := false
			res, err := capture.Run(context.Background(), p, w, capture.Options{Progress: func(pr capture.Progress) {
				if pr.Doing == `C:\Data\big` && !done {
					done = true
					if err := change(big); err != nil {
						t.Error(err)
					}
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Seal(); err != nil {
				t.Fatal(err)
			}
			got := res.Counts[store.Changed].Objects
			if want := int64(1); name == "stays" && got != 0 || name != "stays" && got != want {
				t.Errorf("%d objects changed while they were read; failures %+v", got, res.Failures)
			}
		})
	}
}

// A content that is damaged, and whose bytes are stored already, is no
// duplicate and ends no run; names with backslashes are told apart.
func TestOddObjects(t *testing.T) {
	if os.PathSeparator == '\\' {
		t.Skip("needs a host whose names may hold backslashes")
	}
	dir := t.TempDir()
	makeWindows(t, filepath.Join(dir, "old disk", "PC"))
	for _, name := range []string{`old disk/PC/we\ird.txt`, `old disk/PC/d\\e/SAM`, `old disk/PC/a\b`, `old disk/PC/a/b`, `old disk/PC/..\up`, `old disk/PC/we\ird/x\y`} {
		write(t, dir+"/"+name, append([]byte("regf"), make([]byte, 600)...))
	}
	d, res := captureAll(t, planOf(t, filepath.Join(dir, "old disk", "PC")))
	if n := res.Counts[store.Excluded].Objects; n < 1 {
		t.Errorf("%d objects are excluded by policy", n)
	}
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		key := string(o.Path)
		for _, n := range o.Names {
			key += "|" + string(n)
		}
		key += "/" + string(o.Kind) + o.User + string(o.Stream)
		if names[key] {
			t.Errorf("two objects are called %q", key)
		}
		names[key] = true
	}
}
