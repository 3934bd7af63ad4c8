package winfstest

import (
	"io"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// broken is a file system of a root and one file, with mistakes.
type broken struct {
	winfs.FS
	name    string
	parent  winfs.Entry
	kids    []winfs.Entry
	streams int
	file    winfs.Stream
}

func (b *broken) Problems() []winfs.Problem                       { return nil }
func (b *broken) Label() string                                   { return "" }
func (b *broken) Root() winfs.Entry                               { return 0 }
func (b *broken) Len() int                                        { return 2 }
func (b *broken) Name(winfs.Entry) string                         { return b.name }
func (b *broken) Parent(winfs.Entry) winfs.Entry                  { return b.parent }
func (b *broken) Children(winfs.Entry) ([]winfs.Entry, error)     { return b.kids, nil }
func (b *broken) Lookup(string) (winfs.Entry, error)              { return 0, winfs.ErrNotFound }
func (b *broken) Security(winfs.Entry) ([]byte, error)            { return nil, nil }
func (b *broken) SecurityID(winfs.Entry) uint64                   { return 0 }
func (b *broken) Reparse(winfs.Entry) ([]byte, error)             { return nil, nil }
func (b *broken) Streams(winfs.Entry) ([]winfs.StreamInfo, error) { return nil, nil }
func (b *broken) Open(e winfs.Entry, s string) (winfs.Stream, error) {
	if e == 0 {
		return nil, winfs.ErrNotFound
	}
	return b.file, nil
}

func (b *broken) Info(e winfs.Entry) (winfs.Info, error) {
	i := winfs.Info{Links: 1, Start: -1, Streams: b.streams}
	if e == 0 {
		i.Attr = winfs.AttrDirectory
	}
	return i, nil
}

// stream gives n bytes of every read of size bytes, with an error.
type stream struct {
	size    int64
	extents []winfs.Extent
	holes   []winfs.Extent
	n       int
	err     error
}

func (s *stream) Size() int64             { return s.size }
func (s *stream) Extents() []winfs.Extent { return s.extents }
func (s *stream) Holes() []winfs.Extent   { return s.holes }
func (s *stream) ReadAt(p []byte, off int64) (int, error) {
	if s.n < 0 {
		return int(min(int64(len(p)), s.size-off)), s.err
	}
	return s.n, s.err
}

// Each promise that is broken is found; a file system that keeps them is not
// blamed.
func TestUse(t *testing.T) {
	good := func() *broken {
		return &broken{name: "f", kids: []winfs.Entry{1}, file: &stream{size: 1000, n: -1}}
	}
	for _, tt := range []struct {
		name   string
		change func(b *broken)
		want   string
	}{
		{"good", func(*broken) {}, ""},
		{"an error with its range", func(b *broken) {
			b.file = &stream{size: 1000, n: 500, err: &winfs.ReadError{Off: 500, Len: 500, Pos: -1, Err: io.ErrUnexpectedEOF}}
		}, ""},
		{"damaged at the end", func(b *broken) { b.file = &stream{size: 1000, n: -1, err: winfs.ErrDamaged} }, ""},
		{"twice", func(b *broken) { b.kids = []winfs.Entry{1, 1} }, "listed twice"},
		{"beyond", func(b *broken) { b.kids = []winfs.Entry{7} }, "entry 7 of 2"},
		{"parent", func(b *broken) { b.parent = 1 }, "is not in its parent"},
		{"no name", func(b *broken) { b.name = "" }, "is not in its parent"},
		{"streams", func(b *broken) { b.streams = 1 }, "0 streams of 1"},
		{"size", func(b *broken) { b.file = &stream{size: -1} }, "-1 bytes"},
		{"short", func(b *broken) { b.file = &stream{size: 1000, n: 5} }, "ReadAt(0) of 1000 bytes = 5"},
		{"range in front", func(b *broken) { b.file = &stream{size: 1000, n: 5, err: &winfs.ReadError{Off: 0, Len: 5}} }, "ReadAt(0) of 1000 bytes = 5"},
		{"extents", func(b *broken) { b.file = &stream{size: 1000, n: -1, extents: []winfs.Extent{{Off: 0, Len: 999}}} }, "999 bytes in extents of 1000"},
		{"extents apart", func(b *broken) { b.file = &stream{size: 1000, n: -1, extents: []winfs.Extent{{Off: 1, Len: 999}}} }, "extent {"},
		{"hole", func(b *broken) { b.file = &stream{size: 1000, n: -1, holes: []winfs.Extent{{Off: 900, Len: 101}}} }, "hole {"},
	} {
		b := good()
		tt.change(b)
		n, err := Use(b, 1<<20)
		if tt.want == "" && (err != nil || n != 1) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %d entries, %v, want %q", tt.name, n, err, tt.want)
		}
	}
}
