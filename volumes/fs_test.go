package volumes

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// object is what two views of one file must agree on.
type object struct {
	Dir     bool
	Size    int64
	SHA256  [sha256.Size]byte
	Links   int
	Reparse uint32
	Streams string
}

// checkFS walks fs and holds it to what winfs.FS promises. It returns what it
// saw, by path.
func checkFS(t *testing.T, fs FS) map[string]object {
	t.Helper()
	seen := map[string]object{}
	root := fs.Root()
	if fs.Name(root) != "" || fs.Parent(root) != root {
		t.Errorf("root is named %q, its parent is %d", fs.Name(root), fs.Parent(root))
	}
	if e, err := fs.Lookup(""); err != nil || e != root {
		t.Errorf(`Lookup("") = %d, %v`, e, err)
	}
	if _, err := fs.Lookup(`no such folder\no such file`); !errors.Is(err, ErrNotFound) {
		t.Errorf("a path that is not there: %v", err)
	}
	given := map[Entry]string{}
	var walk func(e Entry, path string)
	walk = func(e Entry, path string) {
		if int(e) >= fs.Len() {
			t.Errorf("%s: entry %d, but Len is %d", path, e, fs.Len())
		}
		if other, ok := given[e]; ok {
			t.Fatalf("entry %d is %s and %s", e, path, other)
		}
		given[e] = path
		if got := winfs.Path(fs, e); got != path {
			t.Errorf("path %q, want %q", got, path)
		}
		info, err := fs.Info(e)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		o := object{Dir: info.IsDir(), Size: info.Size, Links: info.Links, Reparse: info.Reparse}
		if info.Links < 1 || info.Size < 0 {
			t.Errorf("%s: %+v", path, info)
		}
		data, err := fs.Reparse(e)
		if err != nil || (data != nil) != (info.Reparse != 0) {
			t.Errorf("%s: reparse tag %#x, data of %d bytes, %v", path, info.Reparse, len(data), err)
		}
		if data != nil && (len(data) < 8 || uint32(data[0])|uint32(data[1])<<8|uint32(data[2])<<16|uint32(data[3])<<24 != info.Reparse) {
			t.Errorf("%s: reparse tag %#x, data %x", path, info.Reparse, data)
		}
		sd, err := fs.Security(e)
		if id := fs.SecurityID(e); err != nil || (len(sd) > 0) != (id != 0) {
			t.Errorf("%s: descriptor of %d bytes, id %d, %v", path, len(sd), id, err)
		}
		list, err := fs.Streams(e)
		if err != nil || len(list) != info.Streams {
			t.Errorf("%s: %d streams, %v; Info says %d", path, len(list), err, info.Streams)
		}
		for _, s := range list {
			sum, size := readStream(t, fs, e, s.Name)
			if size != s.Size {
				t.Errorf("%s:%s: size %d, Streams says %d", path, s.Name, size, s.Size)
			}
			o.Streams += fmt.Sprintf("%s %d %x ", s.Name, size, sum[:4])
		}
		if _, err := fs.Open(e, "no such stream"); err == nil {
			t.Errorf("%s: a stream that is not there was opened", path)
		}
		if !info.IsDir() {
			if info.Damage == "" {
				var size int64
				o.SHA256, size = readStream(t, fs, e, "")
				if size != info.Size {
					t.Errorf("%s: size %d, Info says %d", path, size, info.Size)
				}
			}
			seen[path] = o
			return
		}
		seen[path] = o
		if winfs.IsNameSurrogate(info.Reparse) {
			return
		}
		kids, err := fs.Children(e)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		again, err := fs.Children(e)
		if err != nil || !slices.Equal(kids, again) {
			t.Errorf("%s: listed %v, then %v, %v", path, kids, again, err)
		}
		if !slices.IsSortedFunc(kids, func(a, b Entry) int { return wstr.Compare(fs.Name(a), fs.Name(b)) }) {
			t.Errorf("%s: children are not sorted", path)
		}
		folded := map[string]int{}
		for _, k := range kids {
			folded[wstr.Upper(fs.Name(k))]++
		}
		for _, k := range kids {
			name := fs.Name(k)
			if name == "" || fs.Parent(k) != e {
				t.Errorf("%s: child %q has parent %d", path, name, fs.Parent(k))
			}
			sub := name
			if path != "" {
				sub = path + `\` + name
			}
			if !strings.Contains(name, `\`) {
				if got, err := fs.Lookup(sub); err != nil || got != k {
					t.Errorf("Lookup(%q) = %d, %v, want %d", sub, got, err, k)
				}
				if got, err := fs.Lookup(wstr.Upper(sub)); folded[wstr.Upper(name)] == 1 && wstr.IsUTF8(sub) && (err != nil || got != k) {
					t.Errorf("Lookup(%q) = %d, %v, want %d", wstr.Upper(sub), got, err, k)
				}
			}
			walk(k, sub)
		}
	}
	walk(root, "")
	return seen
}

// readStream reads a stream whole, and in pieces from several goroutines.
func readStream(t *testing.T, fs FS, e Entry, name string) (sum [sha256.Size]byte, size int64) {
	t.Helper()
	at := winfs.Path(fs, e) + ":" + name
	s, err := fs.Open(e, name)
	if err != nil {
		t.Errorf("%s: %v", at, err)
		return sum, -1
	}
	whole, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size()))
	if err != nil || int64(len(whole)) != s.Size() {
		t.Errorf("%s: %d bytes of %d, %v", at, len(whole), s.Size(), err)
	}
	if n, err := s.ReadAt(make([]byte, 1), s.Size()); n != 0 || err != io.EOF {
		t.Errorf("%s: read at the end: %d, %v", at, n, err)
	}
	if n, err := s.ReadAt(make([]byte, len(whole)+10), 0); n != len(whole) || err != io.EOF {
		t.Errorf("%s: read past the end: %d of %d, %v", at, n, len(whole), err)
	}
	if len(whole) > 2 {
		var wg sync.WaitGroup
		for i := range int64(4) {
			wg.Go(func() {
				off := i * int64(len(whole)) / 4
				p := make([]byte, min(1000, int64(len(whole))-off))
				if n, err := s.ReadAt(p, off); n != len(p) || err != nil && err != io.EOF || !bytes.Equal(p, whole[off:off+int64(len(p))]) {
					t.Errorf("%s: %d bytes at %d differ: %d, %v", at, len(p), off, n, err)
				}
			})
		}
		wg.Wait()
	}
	for _, h := range s.Holes() {
		if h.Pos != -1 || h.Off < 0 || h.Len <= 0 || h.Off+h.Len > s.Size() {
			t.Errorf("%s: hole %+v of %d", at, h, s.Size())
		} else if !allZero(whole[h.Off : h.Off+h.Len]) {
			t.Errorf("%s: hole %+v is not zero", at, h)
		}
	}
	return sha256.Sum256(whole), int64(len(whole))
}

// tempDir is t.TempDir for Wine as well, where os.RemoveAll needs a call that
// Wine 8 lacks.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "volumes")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if os.RemoveAll(dir) == nil {
			return
		}
		var paths []string
		_ = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			paths = append(paths, path)
			return err
		})
		for _, path := range slices.Backward(paths) {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
	})
	return dir
}
