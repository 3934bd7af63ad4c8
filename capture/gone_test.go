package capture_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/medium"
	"github.com/coldstate/coldstate/volumes/ntfs"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// witness is a disk that notes which of its sectors were given out.
type witness struct {
	testimages.Faulty
	mu    sync.Mutex
	given map[int64]bool // the last one in part, as contents end; nil while nobody notes
}

func (d *witness) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.Faulty.ReadAt(p, off)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.given != nil {
		for s := (off + 511) / 512; s*512 < off+int64(n); s++ {
			d.given[s] = true
		}
	}
	return n, err
}

// Whenever a disk is taken away: every content that it gave until then is in the
// store, nothing there is other than it was, and the store is whole.
func TestGone(t *testing.T) {
	h := newHealthy(t)
	var bad []int64
	owners := map[content]bool{}
	places := map[content][]int64{} // sectors of contents that are read as they are
	n := 0
	for _, e := range h.entries {
		if e.base >= 0 || h.isHive(&e) {
			continue
		}
		for _, a := range e.attrs {
			k := content{e.num, a.name}
			f := h.fates[k]
			if a.typ != 128 || f == nil || f.class != "whole" || a.flags != "N" || len(a.clusters) == 0 || a.size > 4<<20 || a.init < a.size || slices.Contains(a.clusters, 0) {
				continue
			}
			for s := int64(0); s*512 < a.size; s++ {
				places[k] = append(places[k], windowsSector+a.clusters[s*512/cluster]*(cluster/512)+s%(cluster/512))
			}
			if n++; n%8 == 0 {
				owners[k] = true
				bad = append(bad, places[k][len(places[k])/2])
			}
		}
	}
	slices.Sort(bad)
	if len(places) < 70 {
		t.Fatalf("only %d contents lie in clusters", len(places))
	}
	most, last := 0, false
	for reads := int64(1); !last; reads += 1 + reads/7 {
		disk := &witness{Faulty: testimages.Faulty{R: h.disk, Size: h.size, Bad: bad}}
		p, _ := failingPlan(t, h.image, func(_ string, _ io.ReaderAt, _ int64, opt *medium.Options) io.ReaderAt {
			opt.Sector = 512
			return disk
		})
		// Descriptors are read on the side, by whom nothing is put off: what fails at
		// that moment is narrowed, and lost when the disk dies of that.
		for i := range p.Items {
			p.Items[i].Without = migxml.Security
		}
		disk.Vanish = disk.Count().Reads + reads
		disk.given = map[int64]bool{}
		d := store.Memory()
		w, err := store.Create(d, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = capture.Run(context.Background(), p, w, capture.Options{})
		if last = err == nil; !last && !errors.Is(err, volumes.ErrGone) {
			t.Fatalf("after %d reads: %v", reads, err)
		}
		s := reopen(t, w, d)
		if r, err := s.Verify(context.Background(), nil); err != nil || len(r.Problems) > 0 {
			t.Errorf("after %d reads: %v, %+v", reads, err, r)
		}
		got := map[content]bool{}
		for o, err := range s.Objects() {
			if err != nil {
				t.Fatal(err)
			}
			if o.Kind != store.File && o.Kind != store.Stream || o.File.File == 0 {
				continue
			}
			k := content{int64(o.File.File & (1<<48 - 1)), string(o.Stream)}
			f := h.fates[k]
			got[k] = true
			switch c := class(o.Outcome); {
			case f == nil:
				t.Errorf("after %d reads: %s is in the store", reads, o.Path)
			case owners[k] && c == "damaged" && len(o.Ranges) == 1 && o.Ranges[0].Len <= 512:
			case owners[k] && o.Outcome == store.Linked:
			case owners[k] || c != f.class || o.Outcome != store.Linked && o.SHA256 != f.sum:
				t.Errorf("after %d reads: %s: %s %v %s, want %s", reads, o.Path, o.Outcome, o.Ranges, o.Reason, f.class)
			}
		}
		whole := 0
		for _, k := range slices.SortedFunc(maps.Keys(places), func(a, b content) int { return int(a.record - b.record) }) {
			if owners[k] || slices.ContainsFunc(places[k], func(s int64) bool { return !disk.given[s] }) {
				continue
			}
			if whole++; !got[k] {
				t.Errorf("after %d reads: %s was read, and is not in the store", reads, h.fates[k].path)
			}
		}
		most = max(most, whole)
	}
	if most < 50 {
		t.Errorf("never more than %d contents were read", most)
	}
}

// hooked is a volume some of whose calls fail for an entry, or whose streams
// change while they are read.
type hooked struct {
	*ntfs.FS
	call    string
	entry   winfs.Entry
	err     error
	changed string
}

func (h *hooked) fails(call string, e winfs.Entry) error {
	if call == h.call && e == h.entry {
		return h.err
	}
	return nil
}

func (h *hooked) Info(e winfs.Entry) (winfs.Info, error) {
	i, err := h.FS.Info(e)
	return i, cmp.Or(h.fails("Info", e), err)
}

func (h *hooked) Streams(e winfs.Entry) ([]winfs.StreamInfo, error) {
	s, err := h.FS.Streams(e)
	return s, cmp.Or(h.fails("Streams", e), err)
}

func (h *hooked) Open(e winfs.Entry, stream string) (winfs.Stream, error) {
	if err := h.fails("Open", e); err != nil {
		return nil, err
	}
	s, err := h.FS.Open(e, stream)
	if err == nil && h.changed != "" && e == h.entry {
		return changing{s, h.changed}, nil
	}
	return s, err
}

func (h *hooked) Reparse(e winfs.Entry) ([]byte, error) {
	b, err := h.FS.Reparse(e)
	return b, cmp.Or(h.fails("Reparse", e), err)
}

func (h *hooked) EAs(e winfs.Entry) ([]byte, error) {
	b, err := h.FS.EAs(e)
	return b, cmp.Or(h.fails("EAs", e), err)
}

func (h *hooked) ObjectID(e winfs.Entry) ([]byte, error) {
	b, err := h.FS.ObjectID(e)
	return b, cmp.Or(h.fails("ObjectID", e), err)
}

func (h *hooked) EFS(e winfs.Entry) ([]byte, error) {
	b, err := h.FS.EFS(e)
	return b, cmp.Or(h.fails("EFS", e), err)
}

type changing struct {
	winfs.Stream
	what string
}

func (c changing) Changed() string { return c.what }

// hook gives a plan of a disk whose volume C: is hooked, and of the items in it
// that are wanted the one that is read last.
func hook(t *testing.T, image string, wanted func(*plan.Item, *winfs.Info) bool) (*plan.Plan, *hooked, *plan.Item) {
	t.Helper()
	p, _ := failingPlan(t, image, nil)
	var item *plan.Item
	last := int64(-1)
	for i := range p.Items {
		it := &p.Items[i]
		if p.Volumes[it.Volume].Prefix != "C:" {
			continue
		}
		info, err := p.Volumes[it.Volume].FS.Info(it.Entry)
		if err != nil {
			t.Fatal(err)
		}
		if wanted(it, &info) && info.Start > last {
			item, last = it, info.Start
		}
	}
	if item == nil {
		t.Fatal("no such item in the plan")
	}
	v := &p.Volumes[item.Volume]
	h := &hooked{FS: v.FS.(*ntfs.FS), entry: item.Entry}
	v.FS = h
	return p, h, item
}

// fewFiles is a disk with files that the sample disk does not have.
func fewFiles(t *testing.T) string {
	t.Helper()
	data := ntfsgen.Noise("efs", 1024)
	data.Size = 1000
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: []*ntfsgen.Node{
		ntfsgen.File(`Documents\secret.txt`, data, func(n *ntfsgen.Node) { n.EFS = append([]byte{84, 0, 0, 0, 0, 0, 0, 0, 2}, make([]byte, 75)...) }),
		ntfsgen.File(`Documents\small.bin`, ntfsgen.Noise("small", 100_000)),
		ntfsgen.File(`Documents\large.bin`, ntfsgen.Noise("large", 6<<20)),
	}}}}
	image := filepath.Join(t.TempDir(), "c.img")
	if err := ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...).WriteFile(image); err != nil {
		t.Fatal(err)
	}
	return image
}

// A disk that is taken away while something of an object other than its content
// is read is no reason to call the object unreadable.
func TestGoneInMetadata(t *testing.T) {
	sample, few := sampleDisk(t), fewFiles(t)
	file := func(it *plan.Item, info *winfs.Info) bool {
		return it.Kind == plan.File && info.Mode&winfs.Encrypted == 0 && info.Links == 1 && !info.NotLocal() && info.Size > 0
	}
	for call, wanted := range map[string]func(*plan.Item, *winfs.Info) bool{
		"Info":     file,
		"Open":     file,
		"EAs":      file,
		"ObjectID": file,
		"Reparse":  func(it *plan.Item, info *winfs.Info) bool { return it.Kind == plan.Link },
		"Streams":  func(it *plan.Item, info *winfs.Info) bool { return it.Kind == plan.Stream },
		"EFS": func(it *plan.Item, info *winfs.Info) bool {
			return it.Kind == plan.File && info.Mode&winfs.Encrypted != 0
		},
	} {
		t.Run(call, func(t *testing.T) {
			image := sample
			if call == "EFS" {
				image = few
			}
			p, h, it := hook(t, image, wanted)
			h.call, h.err = call, volumes.ErrGone
			d := store.Memory()
			w, err := store.Create(d, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := capture.Run(context.Background(), p, w, capture.Options{}); !errors.Is(err, volumes.ErrGone) {
				t.Errorf("the capture ended with %v", err)
			}
			s := reopen(t, w, d)
			n := 0
			for o, err := range s.Objects() {
				if err != nil {
					t.Fatal(err)
				}
				n++
				if string(o.Path) == p.Path(it) && (o.Kind == store.Stream) == (it.Kind == plan.Stream) || strings.Contains(o.Reason, volumes.ErrGone.Error()) {
					t.Errorf("%s is in the store: %s %s", o.Path, o.Outcome, o.Reason)
				}
			}
			// All that comes before it is there.
			if late := call == "Open" || call == "EAs" || call == "ObjectID"; late && n < int(p.Count())-10 || n < 100 {
				t.Errorf("only %d of %d objects are in the store", n, p.Count())
			}
		})
	}
}

// A content that changed while it was read is called so, however large it is.
func TestChangedContent(t *testing.T) {
	image := fewFiles(t)
	for _, name := range []string{"small.bin", "large.bin"} {
		p, h, it := hook(t, image, func(_ *plan.Item, info *winfs.Info) bool {
			return info.Size == map[string]int64{"small.bin": 100_000, "large.bin": 6 << 20}[name]
		})
		h.changed = "it was written to meanwhile"
		_, res := captureAll(t, p)
		if c := res.Counts[store.Changed].Objects; c != 1 {
			t.Errorf("%s: %d objects changed", name, c)
		}
		for _, f := range res.Failures {
			if f.Outcome == store.Changed && (f.Path != p.Path(it) || f.Reason != h.changed) {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}
