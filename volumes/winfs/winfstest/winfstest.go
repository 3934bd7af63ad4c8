// Package winfstest holds file systems to what winfs promises. Only tests
// import it.
package winfstest

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// Entry is the entry at a path that must be there.
func Entry(t testing.TB, fs winfs.FS, path string) winfs.Entry {
	t.Helper()
	e, err := fs.Lookup(path)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Read reads a stream in one piece: all of it, or what is in front of what
// cannot be read, and why.
func Read(fs winfs.FS, e winfs.Entry, stream string) ([]byte, error) {
	s, err := fs.Open(e, stream)
	if err != nil {
		return nil, err
	}
	b := make([]byte, s.Size())
	n, err := s.ReadAt(b, 0)
	if err == io.EOF && n == len(b) {
		err = nil
	}
	return b[:n], err
}

// Use uses all of a file system: it walks the tree to its end, asks each entry
// for all that there is of it, and reads contents, as many bytes as budget. It
// returns the number of entries that it found, the root apart.
func Use(fs winfs.FS, budget int64) (found int, err error) {
	_, _ = fs.Problems(), fs.Label()
	if c, ok := fs.(winfs.Checker); ok {
		h := c.Health()
		_, _ = h.Notes(), h.Words()
	}
	if s, ok := fs.(winfs.Spacer); ok {
		_, _ = s.Free()
	}
	return Walk(fs, func(e winfs.Entry) error { return useEntry(fs, e, &budget) })
}

// Walk calls use for the root and for every entry below it, and holds the tree
// to be one. It returns the number of entries that it found, the root apart.
func Walk(fs winfs.FS, use func(winfs.Entry) error) (found int, err error) {
	if err := use(fs.Root()); err != nil {
		return 0, err
	}
	seen := make([]bool, fs.Len())
	stack := []winfs.Entry{fs.Root()}
	for len(stack) > 0 {
		d := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		kids, err := fs.Children(d)
		if err != nil {
			return found, fmt.Errorf("%q: %w", winfs.Path(fs, d), err)
		}
		for _, e := range kids {
			if int(e) >= len(seen) || seen[e] {
				return found, fmt.Errorf("entry %d of %d is listed twice", e, len(seen))
			}
			seen[e] = true
			found++
			if fs.Parent(e) != d || fs.Name(e) == "" {
				return found, fmt.Errorf("entry %d, %q, is not in its parent", e, winfs.Path(fs, e))
			}
			if err := use(e); err != nil {
				return found, fmt.Errorf("%q: %w", winfs.Path(fs, e), err)
			}
			if info, _ := fs.Info(e); info.IsDir() {
				stack = append(stack, e)
			}
		}
	}
	return found, nil
}

func useEntry(fs winfs.FS, e winfs.Entry, budget *int64) error {
	info, err := fs.Info(e)
	if err != nil || info.Size < 0 || info.Links < 1 || info.Start < -1 || info.Missing < 0 {
		return fmt.Errorf("%+v, %w", info, err)
	}
	_, _ = fs.Lookup(winfs.Path(fs, e))
	_, _ = fs.Security(e)
	_ = fs.SecurityID(e)
	b, _ := fs.Reparse(e)
	_, _ = winfs.LinkTarget(b)
	_, _ = winfs.Special(b)
	if x, ok := fs.(winfs.Extras); ok {
		if short := x.ShortName(e); short != "" {
			_, _ = fs.Lookup(short)
		}
		_, _ = x.ObjectID(e)
		_, _ = x.EAs(e)
	}
	if x, ok := fs.(winfs.RawExporter); ok {
		_, _ = x.EFSRaw(e)
	}
	list, err := fs.Streams(e)
	if err != nil || len(list) != info.Streams {
		return fmt.Errorf("%d streams of %d, %w", len(list), info.Streams, err)
	}
	for _, s := range append(list, winfs.StreamInfo{}) {
		r, err := fs.Open(e, s.Name)
		if err != nil {
			continue
		}
		if err := UseStream(r, budget); err != nil {
			return fmt.Errorf("stream %q: %w", s.Name, err)
		}
	}
	return nil
}

// piece is how much of a stream is read at once.
const piece = 64 << 10

// CheckPlaces holds the extents and the holes of a stream to what they
// promise.
func CheckPlaces(s winfs.Stream) error {
	size := s.Size()
	if size < 0 {
		return fmt.Errorf("%d bytes", size)
	}
	var at int64
	extents := s.Extents()
	for _, x := range extents {
		if x.Off != at || x.Len <= 0 || x.Pos < -1 {
			return fmt.Errorf("extent %+v at %d", x, at)
		}
		at += x.Len
	}
	if extents != nil && at != size {
		return fmt.Errorf("%d bytes in extents of %d", at, size)
	}
	at = 0
	for _, x := range s.Holes() {
		if x.Off < at || x.Len <= 0 || x.Off > size-x.Len {
			return fmt.Errorf("hole %+v of %d bytes", x, size)
		}
		at = x.Off + x.Len
	}
	return nil
}

// UseStream looks at the places of a stream, and reads it from its begin to
// its end, or as much of either end as budget allows.
func UseStream(s winfs.Stream, budget *int64) error {
	if err := CheckPlaces(s); err != nil {
		return err
	}
	size := s.Size()
	b := make([]byte, min(piece, size))
	read := func(off int64) (next int64, err error) {
		n, err := s.ReadAt(b, off)
		want := min(int64(len(b)), size-off)
		*budget -= max(int64(n), 512)
		re, failed := errors.AsType[*winfs.ReadError](err)
		switch {
		case int64(n) > want, int64(n) < want && !failed, int64(n) == want && err != nil && err != io.EOF && !errors.Is(err, winfs.ErrDamaged):
			return 0, fmt.Errorf("ReadAt(%d) of %d bytes = %d, %w", off, size, n, err)
		case int64(n) < want && (re.Len <= 0 || re.Off+re.Len <= off+int64(n)):
			return 0, fmt.Errorf("ReadAt(%d) of %d bytes = %d: %+v", off, size, n, re)
		case int64(n) < want:
			return re.Off + re.Len, nil
		}
		return off + want, nil
	}
	for off := int64(0); off < size && *budget > 0; {
		next, err := read(off)
		if err != nil {
			return err
		}
		off = next
	}
	if size > piece {
		if _, err := read(size - piece); err != nil {
			return err
		}
	}
	return nil
}
