package store_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/store"
)

func TestRoundTrip(t *testing.T) {
	for seed := range uint64(4) {
		for _, where := range []string{"memory", "folder"} {
			for _, segment := range []int64{0, 300_000} {
				t.Run(fmt.Sprintf("%d/%s/%d", seed, where, segment), func(t *testing.T) {
					d := store.Memory()
					if where == "folder" {
						d = store.OS(t.TempDir() + "/new/store")
					}
					things := randomThings(seed, 100)
					newStore(t, d, store.Options{SegmentSize: segment, Checkpoint: time.Duration(seed) * time.Millisecond}, things)
					s := open(t, d)
					m := s.Manifest()
					if m.State != store.StateSealed || m.Objects != int64(len(things)) {
						t.Errorf("manifest: %+v", m)
					}
					same(t, s, things)
					sound(t, d)
					es, _ := d.List()
					for _, e := range es {
						if segment > 0 && strings.HasPrefix(e.Name, "data") && e.Size > 1<<20+1000 || e.Name == "journal" {
							t.Errorf("%s of %d bytes", e.Name, e.Size)
						}
					}
					if segment > 0 && len(es) < 5 {
						t.Errorf("only %d files", len(es))
					}
				})
			}
		}
	}
}

func TestEmptyStore(t *testing.T) {
	d := store.Memory()
	newStore(t, d, store.Options{}, nil)
	same(t, open(t, d), nil)
	sound(t, d)
}

func file(path string) *store.Object {
	return &store.Object{Path: wstr.Text(path), Kind: store.File, Outcome: store.Captured, Modified: 132223104000000000}
}

func create(t testing.TB, opt store.Options) (store.Dir, *store.Writer) {
	t.Helper()
	d := store.Memory()
	w, err := store.Create(d, opt)
	if err != nil {
		t.Fatal(err)
	}
	return d, w
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDuplicatesAndLinks(t *testing.T) {
	d, w := create(t, store.Options{SameSize: func(n int64) bool { return n != 70001 }})
	r := rand.New(rand.NewPCG(1, 2))
	big, odd, small := noise(r, 70000), noise(r, 70001), noise(r, store.MinDuplicate-1)
	a, b := file(`C:\a`), file(`C:\b`)
	ok(t, w.Put(a, big))
	ok(t, w.Put(b, big))
	if a.Outcome != store.Captured || b.Outcome != store.Duplicate || b.LinkTo != `C:\a` || b.SHA256 != a.SHA256 {
		t.Fatalf("a %+v\nb %+v", a, b)
	}
	for i, data := range [][]byte{odd, odd, small, small} {
		o := file(fmt.Sprintf(`C:\other%d`, i))
		ok(t, w.Put(o, data))
		if o.Outcome != store.Captured {
			t.Fatalf("%+v", o)
		}
	}
	damaged := file(`C:\damaged`)
	damaged.Outcome = store.Damaged
	ok(t, w.Put(damaged, big))
	if damaged.Outcome != store.Damaged {
		t.Fatal("a damaged content became a duplicate")
	}
	l, ll := file(`C:\link`), file(`C:\link to link`)
	ok(t, w.PutLink(l, b))
	ok(t, w.PutLink(ll, l))
	if l.Outcome != store.Linked || ll.LinkTo != `C:\link` || ll.Size != 70000 {
		t.Fatalf("%+v", ll)
	}
	// A large one, asked for before it is read a second time.
	large := text(r, 5<<20)
	m, err := w.Start(file(`C:\large`), int64(len(large)), nil)
	ok(t, err)
	if _, err := m.Write(large); err != nil {
		t.Fatal(err)
	}
	ok(t, m.Close())
	head := sha256.Sum256(large[:64<<10])
	if !w.Candidate(int64(len(large)), head) || w.Candidate(int64(len(large))-1, head) || w.Candidate(int64(len(large)), [32]byte{1}) {
		t.Error("Candidate is wrong")
	}
	if !w.Candidate(70000, sha256.Sum256(big[:64<<10])) {
		t.Error("a content that was put is no candidate")
	}
	again := file(`C:\large again`)
	again.Size = int64(len(large))
	if done, err := w.PutKnown(again, sha256.Sum256([]byte("x"))); done || err != nil || again.SHA256 != (store.Sum{}) {
		t.Fatal(done, err)
	}
	if done, err := w.PutKnown(again, sha256.Sum256(large)); !done || err != nil {
		t.Fatal(done, err)
	}
	ok(t, w.Seal())
	sound(t, d)
	s := open(t, d)
	want := map[wstr.Text][]byte{`C:\a`: big, `C:\b`: big, `C:\damaged`: big, `C:\link`: big, `C:\link to link`: big,
		`C:\other0`: odd, `C:\other1`: odd, `C:\other2`: small, `C:\other3`: small, `C:\large`: large, `C:\large again`: large}
	for o, err := range s.Objects() {
		ok(t, err)
		if !bytes.Equal(content(t, s, o), want[o.Path]) {
			t.Errorf("%s differs", o.Path)
		}
		delete(want, o.Path)
	}
	if len(want) > 0 {
		t.Errorf("missing: %d", len(want))
	}
	if m := s.Manifest(); m.Outcomes[store.Duplicate] != 2 || m.Outcomes[store.Linked] != 2 || m.Outcomes[store.Captured] != 6 {
		t.Errorf("%v", m.Outcomes)
	}
}

// A member with holes, larger than a ustar header can say.
func TestSparse(t *testing.T) {
	const size = 200 << 20
	for _, tt := range []struct {
		name  string
		size  int64
		holes []store.Range
		kept  int
	}{
		{"one hole", 9 << 30, []store.Range{{Off: 1000, Len: 9<<30 - 2000}}, 1},
		{"all hole", size, []store.Range{{Off: 0, Len: size}}, 1},
		{"hole at the end", size, []store.Range{{Off: 4096, Len: size - 4096}}, 1},
		{"neighbours", size, []store.Range{{Off: 0, Len: size / 2}, {Off: size / 2, Len: size/2 - 1}}, 1},
		{"small ones are zeros", size, []store.Range{{Off: 10, Len: 5}, {Off: 1000, Len: size - 100000}, {Off: size - 5000, Len: 4000}, {Off: size - 1, Len: 1}}, 1},
		{"not enough", 60 << 20, []store.Range{{Off: 1 << 20, Len: 59 << 20}}, 0},
		{"none", 3 << 20, nil, 0},
		{"empty", 0, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, w := create(t, store.Options{})
			o := file(`C:\sparse`)
			m, err := w.Start(o, tt.size, tt.holes)
			ok(t, err)
			// The byte at offset x is x*7 outside of the holes.
			at, want := int64(0), sha256.New()
			buf := make([]byte, 0, 1000)
			holes := tt.holes
			kept := o.Holes
			for at < tt.size {
				if len(holes) > 0 && holes[0].Off == at {
					h := holes[0]
					holes = holes[1:]
					if len(kept) == 0 || h.Off < kept[0].Off || h.Off >= kept[0].Off+kept[0].Len {
						want.Write(make([]byte, h.Len))
					}
					at += h.Len
					continue
				}
				end := min(tt.size, at+777)
				if len(holes) > 0 {
					end = min(end, holes[0].Off)
				}
				buf = buf[:0]
				for ; at < end; at++ {
					buf = append(buf, byte(at*7))
				}
				want.Write(buf)
				if _, err := m.Write(buf); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := m.Write([]byte{1}); !errors.Is(err, store.ErrTooLong) {
				t.Fatalf("a byte too many: %v", err)
			}
			var refused *store.ObjectError
			if err := w.Put(file(`C:\x`), nil); !errors.As(err, &refused) {
				t.Fatalf("Put inside of a member: %v", err)
			}
			ok(t, m.Close())
			ok(t, w.Put(file(`C:\behind`), []byte("behind")))
			ok(t, w.Seal())
			sound(t, d)
			s := open(t, d)
			for o, err := range s.Objects() {
				ok(t, err)
				if o.Path == `C:\behind` {
					if got := content(t, s, o); string(got) != "behind" {
						t.Errorf("behind: %q", got)
					}
					continue
				}
				if len(o.Holes) != tt.kept || o.Size != tt.size || o.SHA256 != store.Sum(want.Sum(nil)) {
					t.Fatalf("%d holes, size %d, %v instead of %x", len(o.Holes), o.Size, o.SHA256, want.Sum(nil))
				}
				checkSparse(t, s, o, tt.holes)
			}
		})
	}
}

// checkSparse reads o, whose byte at offset x is x*7 outside of holes.
func checkSparse(t *testing.T, s *store.Store, o *store.Object, holes []store.Range) {
	r, err := s.Content(o)
	ok(t, err)
	defer r.Close()
	buf := make([]byte, 1<<20)
	zero := make([]byte, 1<<20)
	at := int64(0)
	for {
		n, err := r.Read(buf)
		for b := buf[:n]; len(b) > 0; {
			for len(holes) > 0 && holes[0].Off+holes[0].Len <= at {
				holes = holes[1:]
			}
			k := int64(len(b))
			if len(holes) > 0 && at >= holes[0].Off {
				k = min(k, holes[0].Off+holes[0].Len-at)
				if !bytes.Equal(b[:k], zero[:k]) {
					t.Fatalf("not zero at %d", at)
				}
			} else {
				if len(holes) > 0 {
					k = min(k, holes[0].Off-at)
				}
				for i, c := range b[:k] {
					if c != byte((at+int64(i))*7) {
						t.Fatalf("wrong byte at %d", at+int64(i))
					}
				}
			}
			b = b[k:]
			at += k
		}
		if err == io.EOF {
			break
		}
		ok(t, err)
	}
	if at != o.Size {
		t.Fatalf("%d bytes of %d", at, o.Size)
	}
}

func TestShortMember(t *testing.T) {
	d, w := create(t, store.Options{})
	o := file(`C:\short`)
	m, err := w.Start(o, 200<<20, []store.Range{{Off: 1000, Len: 100 << 20}})
	ok(t, err)
	_, err = m.Write(make([]byte, 5000))
	ok(t, err)
	ok(t, m.Close())
	if o.Outcome != store.Damaged || len(o.Ranges) != 1 || o.Ranges[0] != (store.Range{Off: 100<<20 + 5000, Len: 100<<20 - 5000}) || !strings.Contains(o.Reason, "5000 of") {
		t.Errorf("%+v", o)
	}
	// Whatever the caller says at the end, the member is there.
	p := file(`C:\p`)
	m, err = w.Start(p, 10, nil)
	ok(t, err)
	_, err = m.Write(make([]byte, 10))
	ok(t, err)
	p.Outcome, p.Reason = store.Unreadable, "gone"
	p.Ranges = []store.Range{{Off: 5, Len: 2}, {Off: 0, Len: 2}, {Off: 1, Len: 3}}
	ok(t, m.Close())
	if p.Outcome != store.Damaged || p.Reason != "gone; outcome unreadable" || len(p.Ranges) != 2 || p.Ranges[0] != (store.Range{Off: 0, Len: 4}) {
		t.Errorf("%+v", p)
	}
	ok(t, w.Seal())
	sound(t, d)
}

func TestRefused(t *testing.T) {
	_, w := create(t, store.Options{})
	long := make([]byte, 13<<20)
	for name, put := range map[string]func() error{
		"no outcome":   func() error { return w.Put(&store.Object{Path: `C:\x`, Kind: store.File}, nil) },
		"no kind":      func() error { return w.Put(&store.Object{Path: `C:\x`, Outcome: store.Captured}, nil) },
		"no volume":    func() error { return w.Put(file(`x\y`), nil) },
		"relative":     func() error { return w.Put(file(`C:x`), nil) },
		"empty name":   func() error { return w.Put(file(`C:\a\\b`), nil) },
		"slash at end": func() error { return w.Put(file(`C:\a\`), nil) },
		"size":         func() error { o := file(`C:\a`); o.Size = 2; return w.Put(o, []byte("a")) },
		"content of key": func() error {
			return w.Put(&store.Object{Path: `HKLM\x`, Kind: store.Key, Outcome: store.Captured}, []byte("a"))
		},
		"content lost": func() error {
			return w.Put(&store.Object{Path: `C:\x`, Kind: store.File, Outcome: store.Unreadable}, []byte("a"))
		},
		"names":           func() error { o := file(`C:\a\b`); o.Names = []wstr.Text{`a`, `c`}; return w.Put(o, nil) },
		"linked by Put":   func() error { o := file(`C:\a`); o.Outcome = store.Linked; return w.Put(o, nil) },
		"link to nothing": func() error { return w.PutLink(file(`C:\a`), file(`C:\b`)) },
		"part elsewhere": func() error {
			return w.Put(&store.Object{Path: `C:\x`, Kind: store.Part, Outcome: store.Captured}, nil)
		},
		"ranges": func() error {
			o := file(`C:\a`)
			o.Ranges = []store.Range{{Off: 0, Len: 2}}
			return w.Put(o, []byte("a"))
		},
		"holes":     func() error { _, err := w.Start(file(`C:\a`), 10, []store.Range{{Off: 5, Len: 6}}); return err },
		"negative":  func() error { _, err := w.Start(file(`C:\a`), -1, nil); return err },
		"line":      func() error { o := file(`C:\a`); o.Reparse = long; return w.Put(o, nil) },
		"file name": func() error { return w.PutFile("../x", nil) },
		"our file":  func() error { return w.PutFile("data.tar.zst.00009", nil) },
		"manifest":  func() error { return w.PutFile("coldstate.json", nil) },
	} {
		var refused *store.ObjectError
		if err := put(); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ok(t, w.PutFile("plan.json", []byte("{}")))
	if err := w.PutFile("PLAN.json", nil); err == nil {
		t.Error("two files of one name")
	}
	ok(t, w.Put(file(`C:\x`), nil))
	ok(t, w.Seal())
	if err := w.Put(file(`C:\y`), nil); err == nil {
		t.Error("Put after Seal")
	}
	if err := w.Seal(); err == nil {
		t.Error("Seal after Seal")
	}
}

func TestNotEmpty(t *testing.T) {
	d, w := create(t, store.Options{})
	check := func(want store.State, text string) {
		t.Helper()
		_, err := store.Create(d, store.Options{})
		var e *store.NotEmptyError
		if !errors.As(err, &e) || e.State != want || !strings.Contains(err.Error(), text) {
			t.Errorf("%v", err)
		}
	}
	check(store.StateOpen, "was not finished")
	ok(t, w.Seal())
	check(store.StateSealed, "a finished store")
	d = dirOf(t, map[string][]byte{"holiday.jpg": nil})
	check("", "holiday.jpg")
	d = dirOf(t, map[string][]byte{"coldstate.json": []byte("{}")})
	check(store.StateDamaged, "damaged manifest")
	if _, err := store.Open(store.Memory()); !errors.Is(err, store.ErrNotStore) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := store.Open(store.OS(t.TempDir() + "/none")); !errors.Is(err, store.ErrNotStore) {
		t.Errorf("no folder: %v", err)
	}
}

func TestSuspend(t *testing.T) {
	things := randomThings(3, 100)
	d, w := create(t, store.Options{SegmentSize: 500_000, Checkpoint: time.Millisecond})
	ok(t, put(w, things))
	ok(t, w.PutFile("plan.json", []byte("{}")))
	m, err := w.Start(file(`C:\unfinished`), 10<<20, nil)
	ok(t, err)
	_, err = m.Write(noise(rand.New(rand.NewPCG(1, 1)), 3<<20))
	ok(t, err)
	ok(t, w.Suspend())
	s := open(t, d)
	if s.Manifest().State != store.StateOpen {
		t.Errorf("state %s", s.Manifest().State)
	}
	same(t, s, things)
	sound(t, d)
	b, err := s.ReadFile("plan.json")
	if err != nil || string(b) != "{}" {
		t.Errorf("plan.json: %q, %v", b, err)
	}
	if _, err := s.ReadFile("journal"); err == nil {
		t.Error("the journal can be read as a file of the store")
	}
}

// Checkpoints in the middle of large contents, with small ones that do not
// compress waiting: every content comes back.
func TestCheckpointsInLargeContents(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for trial := range 20 {
		d, w := create(t, store.Options{Checkpoint: time.Hour, Workers: 1 + trial%2})
		want := map[string][]byte{}
		for i := range 12 {
			name := fmt.Sprintf(`C:\%d`, i)
			var b []byte
			switch r.IntN(3) {
			case 0:
				b = noise(r, 20_000+r.IntN(200_000))
			case 1:
				b = text(r, 20_000+r.IntN(200_000))
			case 2:
				b = append(text(r, 1<<20), noise(r, 1<<20+r.IntN(1<<20))...)
				m, err := w.Start(file(name), int64(len(b)), nil)
				ok(t, err)
				for rest := b; len(rest) > 0; {
					n := min(len(rest), 1+r.IntN(600_000))
					_, err := m.Write(rest[:n])
					ok(t, err)
					rest = rest[n:]
					if r.IntN(2) == 0 {
						ok(t, w.Checkpoint())
					}
				}
				ok(t, m.Close())
				want[name] = b
				continue
			}
			ok(t, w.Put(file(name), b))
			want[name] = b
			if r.IntN(3) == 0 {
				ok(t, w.Checkpoint())
			}
		}
		// Every second store is left open in the middle of a large content.
		if trial%2 == 0 {
			ok(t, w.Seal())
		} else {
			ok(t, w.Put(file(`C:\waiting`), noise(r, 50_000)))
			m, err := w.Start(file(`C:\unfinished`), 4<<20, nil)
			ok(t, err)
			_, err = m.Write(text(r, 2<<20))
			ok(t, err)
			ok(t, w.Suspend())
		}
		sound(t, d)
		s := open(t, d)
		n := 0
		for o, err := range s.Objects() {
			ok(t, err)
			if b, known := want[string(o.Path)]; known {
				n++
				if got := content(t, s, o); !bytes.Equal(got, b) {
					t.Fatalf("trial %d: %s differs", trial, o.Path)
				}
			}
		}
		if n != len(want) {
			t.Errorf("trial %d: %d contents of %d", trial, n, len(want))
		}
	}
}

// A cut after the last byte of a large content, before its line: the store is
// open, and sound.
func TestSuspendBehindTheContent(t *testing.T) {
	d, w := create(t, store.Options{Checkpoint: time.Hour})
	ok(t, w.Put(file(`C:\small`), []byte("small")))
	m, err := w.Start(file(`C:\whole`), 3<<20, nil)
	ok(t, err)
	_, err = m.Write(noise(rand.New(rand.NewPCG(1, 1)), 3<<20))
	ok(t, err)
	ok(t, w.Checkpoint())
	ok(t, w.Suspend())
	sound(t, d)
	s := open(t, d)
	n := 0
	for o, err := range s.Objects() {
		ok(t, err)
		if o.Path == `C:\small` {
			n++
		}
	}
	if n != 1 || s.Manifest().State != store.StateOpen {
		t.Errorf("%d objects, state %s", n, s.Manifest().State)
	}
}

func TestSecurity(t *testing.T) {
	d, w := create(t, store.Options{})
	for i, want := range []int{1, 2, 1, 0} {
		sd := [][]byte{{1}, {2, 3}, {1}, nil}[i]
		n, err := w.Security(sd)
		if err != nil || n != want {
			t.Errorf("%v: %d, %v", sd, n, err)
		}
		o := file(fmt.Sprintf(`C:\%d`, i))
		o.SD = n
		ok(t, w.Put(o, nil))
	}
	ok(t, w.Seal())
	sound(t, d)
	s := open(t, d)
	if b, err := s.Security(2); err != nil || !bytes.Equal(b, []byte{2, 3}) {
		t.Errorf("%v, %v", b, err)
	}
	if _, err := s.Security(3); err == nil {
		t.Error("a descriptor that is not there")
	}
}

// A chunk of noise that never fills must not hold back the lines behind it.
func TestSlowLane(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	d, w := create(t, store.Options{Checkpoint: time.Hour})
	n := 0
	add := func(data []byte) {
		o := file(fmt.Sprintf(`C:\%d`, n))
		n++
		ok(t, w.Put(o, data))
	}
	add(noise(r, 20_000))
	for range 8000 {
		add([]byte("x"))
	}
	add(noise(r, 3<<20))
	for range 100 {
		add(text(r, 30000))
		add(noise(r, 30000))
	}
	ok(t, w.Seal())
	sound(t, d)
	if got := open(t, d).Manifest().Objects; got != int64(n) {
		t.Errorf("%d of %d", got, n)
	}
}
