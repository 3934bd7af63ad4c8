package capture_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/medium"
)

// dying is a disk that takes a number of failing reads and is dead then.
type dying struct {
	testimages.Faulty
	mu    sync.Mutex
	left  int // failing reads until it is dead; 0 for never
	fails int
}

func (d *dying) ReadAt(p []byte, off int64) (int, error) {
	d.mu.Lock()
	dead := d.left > 0 && d.fails >= d.left
	d.mu.Unlock()
	if dead {
		return 0, testimages.ErrVanished
	}
	n, err := d.Faulty.ReadAt(p, off)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && err != io.EOF {
		d.fails++
	}
	return n, err
}

// A disk that is about to die gives what is healthy before it is asked again
// for what is not: every content without a bad sector is in the store when it
// dies of the second look at the first of the others.
func TestHealthyContentsFirst(t *testing.T) {
	h := newHealthy(t)
	// A bad sector in the middle of every third content that lies in clusters
	// of its own and is read whole.
	var owners []content
	var bad []int64
	n := 0
	for _, e := range h.entries {
		f := h.fates[content{e.num, ""}]
		if f == nil || f.class != "whole" || e.base >= 0 || h.isHive(&e) || !strings.HasPrefix(f.path, `C:\Users\`) {
			continue
		}
		for _, a := range e.attrs {
			if a.typ != 128 || a.name != "" || a.flags != "N" || len(a.clusters) == 0 || a.size > 4<<20 || a.clusters[len(a.clusters)/2] == 0 {
				continue
			}
			if n++; n%2 == 0 {
				owners = append(owners, content{e.num, ""})
				bad = append(bad, windowsSector+a.clusters[len(a.clusters)/2]*(cluster/512))
			}
		}
	}
	slices.Sort(bad)
	if len(bad) < 10 {
		t.Fatalf("only %d files to be bad in", len(bad))
	}
	// A request for neighbours together, and one for the file alone.
	disk := &dying{Faulty: testimages.Faulty{R: h.disk, Size: h.size, Bad: bad}, left: 2*len(bad) + 1}
	p, _ := failingPlan(t, h.image, func(_ string, _ io.ReaderAt, _ int64, opt *medium.Options) io.ReaderAt {
		opt.Sector = 512
		return disk
	})
	if disk.fails > 0 {
		t.Fatalf("%d reads failed before the capture", disk.fails)
	}
	d := store.Memory()
	w, err := store.Create(d, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := capture.Run(context.Background(), p, w, capture.Options{}); !errors.Is(err, volumes.ErrGone) {
		t.Fatalf("the disk died, and the capture ended with %v", err)
	}
	s := reopen(t, w, d)
	got := map[content]*store.Object{}
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind != store.Part && o.File.File != 0 {
			if k := (content{int64(o.File.File & (1<<48 - 1)), string(o.Stream)}); got[k] == nil || o.Outcome != store.Linked {
				got[k] = o
			}
		}
	}
	missing := 0
	for k, f := range h.fates {
		if slices.Contains(owners, k) || f.class != "whole" || k.record == unknownRecord {
			continue
		}
		if o := got[k]; o == nil {
			t.Logf("%s (%v) is not in the store", f.path, k)
			missing++
		} else if class(o.Outcome) != "whole" || o.SHA256 != f.sum {
			t.Errorf("%s (%v): %s %s", f.path, k, o.Outcome, o.Reason)
		}
	}
	if missing > 0 {
		t.Errorf("%d healthy contents are not in the store", missing)
	}

	// A disk that lives on gives all of it, and its bad sectors are asked for
	// last.
	disk = &dying{Faulty: testimages.Faulty{R: h.disk, Size: h.size, Bad: bad}}
	p, _ = failingPlan(t, h.image, func(_ string, _ io.ReaderAt, _ int64, opt *medium.Options) io.ReaderAt {
		opt.Sector = 512
		return disk
	})
	all, res := captureAll(t, p)
	for _, f := range res.Failures {
		if f.Outcome == store.Damaged && (len(f.Ranges) != 1 || f.Ranges[0].Len > 512) {
			t.Errorf("%+v", f)
		}
	}
	if s, err = store.Open(all); err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		if o.Outcome == store.Damaged {
			damaged++
		}
	}
	if damaged < cmp.Or(len(owners), 1) {
		t.Errorf("%d contents are damaged, want %d", damaged, len(owners))
	}
	t.Logf("%d bad sectors: %d failing reads in all; a bad sector was asked for %d times at most", len(bad), disk.fails, disk.Touched())
}

// Large contents, duplicates, hard links, streams and compressed contents that
// are put off get what they would have got at once.
func TestPutOff(t *testing.T) {
	const size = 6 << 20
	huge := ntfsgen.Noise("huge", 20<<20)
	names := []string{"big.bin", "copy 1.bin", "copy 2.bin", "packed.txt", "linked.bin", "late.bin", "plain.bin", "hive.bin"}
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann"}}, Files: []*ntfsgen.Node{
		ntfsgen.File("big.bin", ntfsgen.Noise("big", size)),
		ntfsgen.File("copy 1.bin", ntfsgen.Noise("copy", size)),
		ntfsgen.File("copy 2.bin", ntfsgen.Noise("copy", size)),
		ntfsgen.File("packed.txt", ntfsgen.Words("packed", 300_000).Compress()),
		ntfsgen.File("linked.bin", ntfsgen.Noise("linked", 50_000), ntfsgen.Link("a further name.bin"), ntfsgen.Link(`Users\and another.bin`),
			ntfsgen.Stream{Name: "stream", Data: ntfsgen.Noise("stream", 40_000)}),
		ntfsgen.File("late.bin", huge),
		ntfsgen.File("hive.bin", ntfsgen.Repeat("regf and more ", size)),
		ntfsgen.File("plain.bin", ntfsgen.Noise("plain", 100_000)),
	}}
	v := ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...)
	img := filepath.Join(t.TempDir(), "c.img")
	if err := v.WriteFile(img); err != nil {
		t.Fatal(err)
	}
	want := map[string]store.Range{} // by name and stream
	var bad []int64
	hurt := func(name, stream string, off, n, at int64) {
		f := v.File(name)
		for _, x := range f.Extents(stream) {
			if x.Pos >= 0 && off >= x.Off && off < x.Off+x.Len {
				bad = append(bad, (x.Pos+off-x.Off)/512)
				want[`C:\`+name+":"+stream] = store.Range{Off: at, Len: n}
				return
			}
		}
		t.Fatalf("%s has nothing at %d", name, off)
	}
	hurt("big.bin", "", 3<<20, 512, 3<<20)
	hurt("copy 2.bin", "", 0, 512, 0)
	hurt("packed.txt", "", 70<<10, 64<<10, 64<<10)
	hurt("linked.bin", "", 4096, 512, 4096)
	hurt("linked.bin", "stream", 512, 512, 512)
	hurt("late.bin", "", 17<<20, 512, 17<<20)
	hurt("hive.bin", "", 0, 512, 0)
	slices.Sort(bad)
	for _, name := range []string{"a further name.bin", `Users\and another.bin`} {
		for _, stream := range []string{"", "stream"} {
			want[`C:\`+name+":"+stream] = want[`C:\linked.bin:`+stream]
		}
	}

	disk := &dying{Faulty: testimages.Faulty{R: v, Size: v.Size(), Bad: bad}}
	win := testwin.Open(t, testwin.Options{Volumes: volumes.Options{Medium: func(_ string, _ io.ReaderAt, _ int64, opt *medium.Options) io.ReaderAt {
		opt.Sector = 512
		return disk
	}}}, img)
	p, err := plan.Build(context.Background(), win.System, win.Set, win.Users, documents(t, "everything"), plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, res := captureAll(t, p)
	got := map[string]store.Range{}
	for _, f := range res.Failures {
		if strings.HasPrefix(f.Path, "HKLM") {
			continue
		}
		if f.Outcome != store.Damaged || len(f.Ranges) != 1 {
			t.Errorf("%+v", f)
			continue
		}
		name := f.Path
		if strings.Count(name, ":") == 1 {
			name += ":"
		}
		got[name] = f.Ranges[0]
	}
	if !maps.Equal(got, want) {
		t.Errorf("damaged are %v\nwant %v", got, want)
	}
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(string(o.Path), `C:\`)
		if o.Kind != store.File || !slices.Contains(names, name) {
			continue
		}
		f := v.File(name)
		whole := slices.Clone(f.Data.All())
		if r, ok := want[`C:\`+name+":"]; ok {
			clear(whole[r.Off : r.Off+r.Len])
		}
		if o.SHA256 != sha256.Sum256(whole) {
			t.Errorf("%s (%s) has another content", name, o.Outcome)
		}
	}
	if n := disk.Touched(); n > 7 {
		t.Errorf("a bad sector was asked for %d times", n)
	}
}
