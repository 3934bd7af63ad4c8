package store_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/store"
)

// thing is an object and its content as a test made them.
type thing struct {
	o    store.Object
	data []byte
}

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func text(r *rand.Rand, n int) []byte {
	words := strings.Fields("the quick brown fox jumps over a lazy dog and HKEY_LOCAL_MACHINE 0x00000001 once more")
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%s %d ", words[r.IntN(len(words))], r.IntN(1000))
	}
	return b.Bytes()[:n]
}

// oddNames are names that occur on real volumes and that a path must not
// fall over.
var oddNames = []string{
	"plain.txt", "with space ", "dot.", "...", "Ünïcödé 日本語 😀", "lone \xed\xa0\xbd surrogate", "\xed\xb8\x80",
	"%2F", "%TEMP%.txt", "100%", "%%2F", "a%252F", "new\nline", "tab\t", "-rf", "CON", "café", "cafe\u0301",
	".", "..", "slash/inside", "nul\x00inside", `"quoted"`, "*?<>|", strings.Repeat("n", 101), strings.Repeat("ü", 120), strings.Repeat("x", 240),
}

// randomThings makes a tree. Its paths are distinct.
func randomThings(seed uint64, n int) []thing {
	r := rand.New(rand.NewPCG(seed, 1))
	ft := func() wstr.Filetime { return wstr.Filetime(132223104000000000 - r.Uint64N(1e15)) }
	folders := []string{`C:`}
	seen := map[string]bool{}
	var out []thing
	var kept [][]byte
	for i := 0; len(out) < n; i++ {
		name := oddNames[r.IntN(len(oddNames))]
		if r.IntN(3) > 0 {
			name = fmt.Sprintf("f%d-%s", i, name)
		}
		dir := folders[r.IntN(len(folders))]
		if r.IntN(20) == 0 {
			dir = "2:"
		}
		path := dir + `\` + name
		if seen[path] {
			continue
		}
		seen[path] = true
		th := thing{o: store.Object{
			Path: wstr.Text(path), Kind: store.File, Outcome: store.Captured, Attr: 0x20 | uint32(r.IntN(4)),
			Created: ft(), Modified: ft(), Changed: ft(), Accessed: ft(), File: store.FileRef{Volume: 1, File: r.Uint64()}, Rule: r.IntN(9),
		}}
		switch r.IntN(12) {
		case 0, 1:
			th.o.Kind = store.Folder
			th.o.Attr, th.o.CaseSensitive = 0x10, i%2 == 0
			if len(path) < 1000 {
				folders = append(folders, path)
			}
		case 2:
			th.o.Kind = store.Link
			th.o.Target = wstr.Text([]string{`..\x`, `C:\f1`, `\??\C:\Users`, `\\server\share\x`, `/etc/passwd`, `..\..\..\..\..\..\..\..\x`, `C:rel`, ``, `..`, `D:\..\x`}[r.IntN(10)])
			th.o.Reparse = noise(r, 20)
			th.o.Short, th.o.EA, th.o.ObjectID = "LINK~1", noise(r, 100), noise(r, 16)
		case 3:
			th.o.Kind = store.Stream
			th.o.Path = `C:\streams-of`
			th.o.Stream = wstr.Text(fmt.Sprintf("%d-%s", i, name))
			th.data = text(r, r.IntN(300))
		case 4:
			th.o.Outcome = []store.Outcome{store.Placeholder, store.Unreadable, store.Excluded, store.EncryptedSkipped}[r.IntN(4)]
			th.o.Reason = "because"
			th.o.Size = r.Int64N(1e12)
		case 5:
			th.o.Outcome = store.Damaged
			th.data = make([]byte, 5000)
			th.o.Ranges = []store.Range{{Off: 0, Len: 512}, {Off: 1024, Len: 3976}}
		case 6:
			if len(kept) > 0 {
				th.data = kept[r.IntN(len(kept))]
				break
			}
			fallthrough
		case 7:
			th.data = noise(r, 64<<10+r.IntN(200<<10))
			kept = append(kept, th.data)
		case 8:
			th.data = text(r, r.IntN(3<<19))
		case 9:
			th.o.Kind = store.Value
			th.o.Path = `HKLM\SOFTWARE\x`
			th.o.Stream = wstr.Text("name\x00odd")
			th.o.Type = 3
			th.o.Data = noise(r, 10)
		default:
			th.data = text(r, r.IntN(4000))
		}
		out = append(out, th)
	}
	return out
}

// stores says whether the store keeps a content for o.
func stores(o *store.Object) bool {
	return o.Outcome.Stored() && (o.Kind == store.File || o.Kind == store.Stream || o.Kind == store.Part)
}

// put writes things; what o becomes is kept in things.
func put(w *store.Writer, things []thing) error {
	for i := range things {
		th := &things[i]
		var data []byte
		if stores(&th.o) {
			data = append([]byte{}, th.data...)
		}
		if err := w.Put(&th.o, data); err != nil {
			return fmt.Errorf("%q: %w", th.o.Path, err)
		}
		clear(data) // the caller may use it again
	}
	return nil
}

// newStore writes things and seals.
func newStore(t testing.TB, d store.Dir, opt store.Options, things []thing) {
	t.Helper()
	opt.Created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w, err := store.Create(d, opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(w, things); err != nil {
		t.Fatal(err)
	}
	if err := w.Seal(); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, d store.Dir) *store.Store {
	t.Helper()
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func content(t testing.TB, s *store.Store, o *store.Object) []byte {
	t.Helper()
	r, err := s.Content(o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// same compares what a store gives with what was put.
func same(t *testing.T, s *store.Store, things []thing) {
	t.Helper()
	i := 0
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		if i == len(things) {
			t.Fatalf("more than %d objects", i)
		}
		th := things[i]
		i++
		if stores(o) {
			if got := content(t, s, o); !bytes.Equal(got, th.data) {
				t.Fatalf("%q: %d bytes differ from the %d put", o.Path, len(got), len(th.data))
			}
			if o.SHA256 != sha256.Sum256(th.data) {
				t.Fatalf("%q: SHA-256 %v", o.Path, o.SHA256)
			}
		} else if _, err := s.Content(o); err == nil {
			t.Fatalf("%q: a content of a %s", o.Path, o.Outcome)
		}
		o.Segment, o.Frame, o.Offset = 0, 0, 0
		want, _ := th.o.MarshalJSON()
		got, _ := o.MarshalJSON()
		if !bytes.Equal(got, want) {
			t.Fatalf("object %d is\n%s, put was\n%s", i-1, got, want)
		}
	}
	if i != len(things) {
		t.Fatalf("%d objects of %d", i, len(things))
	}
}

func verify(t testing.TB, s *store.Store) *store.Report {
	t.Helper()
	r, err := s.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sound(t testing.TB, d store.Dir) {
	t.Helper()
	r := verify(t, open(t, d))
	if !r.OK() {
		t.Fatalf("a sound store has %d problems: %v", len(r.Problems), r.Problems[:min(5, len(r.Problems))])
	}
}

// files reads all files of d.
func files(t testing.TB, d store.Dir) map[string][]byte {
	t.Helper()
	es, err := d.List()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range es {
		f, err := d.Open(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, f.Size())
		if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		f.Close()
		out[e.Name] = b
	}
	return out
}

// dirOf makes a folder in memory.
func dirOf(t testing.TB, m map[string][]byte) store.Dir {
	t.Helper()
	d := store.Memory()
	for n, b := range m {
		f, err := d.Create(n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return d
}
