package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// badDisk fails every read that touches a bad sector, as a disk does.
type badDisk struct {
	data []byte
	bad  map[int64]bool // sector numbers
	end  int64          // reads behind it find nothing; 0 for no end
	n    int
}

var errSector = errors.New("input/output error")

func (d *badDisk) ReadAt(p []byte, off int64) (int, error) {
	d.n++
	if d.end > 0 && off+int64(len(p)) > d.end {
		if off >= d.end {
			return 0, io.EOF
		}
		return copy(p, d.data[off:d.end]), io.EOF
	}
	for s := off / sector; s*sector < off+int64(len(p)); s++ {
		if d.bad[s] {
			return 0, errSector
		}
	}
	return copy(p, d.data[off:]), nil
}

func TestReadBad(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for trial := range 300 {
		size := int64(1 + rng.IntN(200_000))
		d := &badDisk{data: make([]byte, size), bad: map[int64]bool{}}
		for i := range d.data {
			d.data[i] = byte(1 + i%250)
		}
		want := bytes.Clone(d.data)
		var ranges []store.Range
		for s := int64(0); s*sector < size; s++ {
			// Bad sectors come alone and in runs.
			if rng.IntN(40) == 0 || d.bad[s-1] && rng.IntN(3) > 0 {
				d.bad[s] = true
				n := min(sector, size-s*sector)
				clear(want[s*sector : s*sector+n])
				if k := len(ranges); k > 0 && ranges[k-1].Off+ranges[k-1].Len == s*sector {
					ranges[k-1].Len += n
				} else {
					ranges = append(ranges, store.Range{Off: s * sector, Len: n})
				}
			}
		}
		got := make([]byte, size)
		for i := range got {
			got[i] = 0xff
		}
		bad := readBad(d, got, 0, size)
		if !bytes.Equal(got, want) {
			t.Fatalf("trial %d: the content differs", trial)
		}
		if !slices.Equal(bad.ranges, ranges) {
			t.Fatalf("trial %d: ranges %v, want %v", trial, bad.ranges, ranges)
		}
		if (bad.err != nil) != (len(ranges) > 0) {
			t.Fatalf("trial %d: error %v with %d ranges", trial, bad.err, len(ranges))
		}
	}
}

// A medium that ends early costs few reads, however much is missing.
func TestReadBehindTheEnd(t *testing.T) {
	d := &badDisk{data: make([]byte, 64<<20), end: 1<<20 + 100}
	got := bytes.Repeat([]byte{1}, len(d.data))
	bad := readBad(d, got, 0, int64(len(got)))
	if len(bad.ranges) != 1 || bad.ranges[0].Off > d.end || bad.ranges[0].Off < d.end-sector || bad.ranges[0].Off+bad.ranges[0].Len != int64(len(got)) {
		t.Errorf("ranges %v, the medium ends at %d", bad.ranges, d.end)
	}
	if d.n > 200 {
		t.Errorf("%d reads", d.n)
	}
}

func TestDataRanges(t *testing.T) {
	// ranges makes ranges of pairs of offset and length.
	ranges := func(n ...int64) (out []store.Range) {
		for i := 0; i < len(n); i += 2 {
			out = append(out, store.Range{Off: n[i], Len: n[i+1]})
		}
		return out
	}
	for _, tt := range []struct {
		size        int64
		holes, want []store.Range
	}{
		{10, nil, ranges(0, 10)},
		{10, ranges(0, 10), nil},
		{10, ranges(0, 3), ranges(3, 7)},
		{10, ranges(3, 3, 8, 2), ranges(0, 3, 6, 2)},
		{0, nil, nil},
	} {
		if got := dataRanges(tt.size, tt.holes); !slices.Equal(got, tt.want) {
			t.Errorf("dataRanges(%d, %v) = %v, want %v", tt.size, tt.holes, got, tt.want)
		}
	}
}

func TestSecretHive(t *testing.T) {
	sam := testimages.SAM().Hive()
	renamed := bytes.Clone(sam)
	clear(renamed[48:112]) // a hive that was saved with reg save has no name
	for _, tt := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"SAM", sam, true},
		{"SAM without its name", renamed, true},
		{"log of SAM", testimages.SAMLog(), true},
		{"text", bytes.Repeat([]byte("text"), 1000), false},
		{"regf and nothing", append([]byte("regf"), make([]byte, 8000)...), false},
		{"short", []byte("regf"), false},
	} {
		if got := SecretHive(tt.b); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// refusing is a content whose reads all fail, the last error for ever.
type refusing struct {
	errs  []error
	reads int
}

func (r *refusing) ReadAt([]byte, int64) (int, error) {
	r.reads++
	return 0, r.errs[min(r.reads, len(r.errs))-1]
}

func (r *refusing) Size() int64             { return 8 << 10 }
func (r *refusing) Extents() []winfs.Extent { return nil }
func (r *refusing) Holes() []winfs.Extent   { return nil }
func (r *refusing) Changed() string         { return "changed" }

// A content that has to wait is asked for no more, and nothing is said of it yet.
func TestWaits(t *testing.T) {
	for _, err := range []error{volumes.ErrLater, volumes.ErrGone} {
		wrapped := fmt.Errorf("a place: %w", err)
		check := func(how string, r *reader, p *piece, s *refusing, reads int) {
			t.Helper()
			if !p.later || s.reads != reads || p.o.Outcome != store.Captured || errors.Is(r.gone, err) != (err == volumes.ErrGone) {
				t.Errorf("%s, %v: %d reads, %+v, %s", how, err, s.reads, p, p.o.Outcome)
			}
		}
		content := func(s *refusing) (*reader, *piece) {
			p := piece{o: &store.Object{Outcome: store.Captured}, item: &plan.Item{}, content: make([]byte, s.Size()), stream: s}
			r := &reader{run: &run{Plan: &plan.Plan{Volumes: make([]plan.Volume, 1)}}, ctx: context.Background(), putOff: map[*store.Object]bool{}, last: true}
			r.b = &batch{pieces: []piece{p}}
			return r, &r.b.pieces[0]
		}

		s := &refusing{errs: []error{wrapped}}
		r, p := content(s)
		r.readAlone(p)
		check("alone", r, p, s, 1)

		s = &refusing{errs: []error{winfs.ErrDamaged, winfs.ErrDamaged, wrapped}}
		r, p = content(s)
		r.readAlone(p)
		check("damaged elsewhere", r, p, s, 4)

		// Two parts of it, far from each other.
		s = &refusing{errs: []error{wrapped}}
		r, p = content(s)
		r.merge = []extent{{0, p.content[:4096], 0, 0}, {1 << 30, p.content[4096:], 0, 4096}}
		r.readMerged(s)
		check("in places", r, p, s, 1)

		s = &refusing{errs: []error{wrapped}}
		r, _ = content(s)
		whole := piece{o: &store.Object{Outcome: store.Captured}}
		r.b.pieces = append(r.b.pieces, whole)
		out := make(chan *batch, 1)
		r.out = out
		ferr := r.flush()
		if b := <-out; len(b.pieces) != 1 || b.pieces[0].o != whole.o || !errors.Is(ferr, err) && err == volumes.ErrGone || ferr != nil && err == volumes.ErrLater {
			t.Errorf("%v: %d pieces, %v", err, len(b.pieces), ferr)
		}
	}
}

// What is damaged stays that when it changes as well.
func TestRewritten(t *testing.T) {
	for before, after := range map[store.Outcome]store.Outcome{store.Captured: store.Changed, store.Damaged: store.Damaged} {
		o := &store.Object{Outcome: before}
		if rewritten(o, &refusing{}); o.Outcome != after {
			t.Errorf("%s became %s", before, o.Outcome)
		}
	}
}
