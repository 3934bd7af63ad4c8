package volumes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// makeTree makes the files of a literal; names that end in a slash are
// folders.
func makeTree(t *testing.T, dir string, tree map[string]string) {
	t.Helper()
	for name, content := range tree {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// openOne opens one source and its only volume.
func openOne(t *testing.T, path string) (*Volume, FS) {
	t.Helper()
	s, err := Open([]string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if len(s.Volumes) != 1 {
		t.Fatalf("%d volumes", len(s.Volumes))
	}
	fs, err := s.Volumes[0].FS()
	if err != nil {
		t.Fatal(err)
	}
	return s.Volumes[0], fs
}

func lookup(t *testing.T, fs FS, path string) (Entry, Info) {
	t.Helper()
	e, err := fs.Lookup(path)
	if err != nil {
		t.Fatal(err)
	}
	i, err := fs.Info(e)
	if err != nil {
		t.Fatal(err)
	}
	return e, i
}

func TestFolder(t *testing.T) {
	dir := tempDir(t)
	big := strings.Repeat("0123456789abcdef", 20000)
	makeTree(t, dir, map[string]string{
		"Users/Ann/Documents/Brief.txt":  "hello",
		"Users/Ann/Documents/empty":      "",
		"Users/Ann/Pictures/big.bin":     big,
		"Users/Äöü ß/Ünïcode 😀.txt":      "x",
		"Users/Default/":                 "",
		"Program Files/a.dll":            "MZ",
		"zz-last":                        "z",
		"AA_underscore sorts by units":   "u",
		"AAz letters before underscores": "v",
	})
	when := time.Date(2020, 2, 29, 12, 34, 56, 789012300, time.UTC)
	brief := filepath.Join(dir, "Users", "Ann", "Documents", "Brief.txt")
	if err := os.Chtimes(brief, when, when); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(brief, filepath.Join(dir, "Users", "link.txt")); err != nil {
		t.Fatal(err)
	}
	v, fs := openOne(t, dir)
	if v.Kind != HostFolder || v.Number != 1 || v.Hint != "" || v.Source.Kind != Folder || v.Partition != nil {
		t.Errorf("%+v", v)
	}
	seen := checkFS(t, fs)
	if len(seen) != 17 {
		t.Errorf("%d objects: %v", len(seen), seen)
	}
	if o := seen[`Users\Ann\Pictures\big.bin`]; o.Size != int64(len(big)) {
		t.Errorf("%+v", o)
	}
	e, i := lookup(t, fs, `users\ANN\documents\BRIEF.TXT`)
	if fs.Name(e) != "Brief.txt" || i.Size != 5 || i.Links != 2 || i.IsDir() {
		t.Errorf("%s %+v", fs.Name(e), i)
	}
	if i.Modified != wstr.FiletimeOf(when) {
		t.Errorf("modified %v, want %v", i.Modified, when)
	}
	if _, link := lookup(t, fs, `Users\link.txt`); link.File != i.File {
		t.Errorf("two names of one file have ids %d and %d", i.File, link.File)
	}
	if _, other := lookup(t, fs, `zz-last`); other.File == i.File || other.Links != 1 {
		t.Errorf("%+v", other)
	}
	if _, i := lookup(t, fs, "users"); !i.IsDir() || i.Size != 0 {
		t.Errorf("%+v", i)
	}
	if _, err := fs.Lookup(`zz-last\x`); err == nil {
		t.Error("a file has a child")
	}
	if _, err := fs.Open(fs.Root(), ""); err == nil {
		t.Error("a folder has content")
	}
	if _, err := fs.Info(1 << 30); !errors.Is(err, ErrNotFound) {
		t.Errorf("an entry that was never given: %v", err)
	}
}

// The root as the Windows folder opens the volume, and says so.
func TestFolderHint(t *testing.T) {
	dir := tempDir(t)
	makeTree(t, dir, map[string]string{
		"WINNT/system32/CONFIG/SOFTWARE": "regf",
		"Users/Ann/x":                    "x",
		"Windows.old/Windows/x":          "x",
		"half/System32/config":           "a file",
	})
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, root, hint string }{
		{dir, root, ""},
		{filepath.Join(dir, "WINNT"), root, "WINNT"},
		{filepath.Join(dir, "WINNT") + string(filepath.Separator), root, "WINNT"},
		{filepath.Join(dir, "Windows.old"), filepath.Join(root, "Windows.old"), ""},
		{filepath.Join(dir, "half"), filepath.Join(root, "half"), ""},
	} {
		v, fs := openOne(t, tt.path)
		if v.HostPath != tt.root || v.Hint != tt.hint {
			t.Errorf("%s: root %s, hint %q, want %s, %q", tt.path, v.HostPath, v.Hint, tt.root, tt.hint)
		}
		if tt.hint != "" {
			lookup(t, fs, `users\ann\X`)
		}
	}
}

// More streams than open files, read at once, evicted and opened again.
func TestFolderManyStreams(t *testing.T) {
	dir := tempDir(t)
	const files = 3 * maxOpenFiles
	tree := map[string]string{}
	for i := range files {
		tree[fmt.Sprintf("%03d", i)] = strings.Repeat(fmt.Sprintf("%03d ", i), 100)
	}
	makeTree(t, dir, tree)
	_, fs := openOne(t, dir)
	streams := make([]Stream, files)
	for i := range files {
		e, _ := lookup(t, fs, fmt.Sprintf("%03d", i))
		s, err := fs.Open(e, "")
		if err != nil {
			t.Fatal(err)
		}
		streams[i] = s
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, s := range streams {
				p := make([]byte, 8)
				want := strings.Repeat(fmt.Sprintf("%03d ", i), 2)
				if n, err := s.ReadAt(p, 40); n != 8 || err != nil || string(p) != want {
					t.Errorf("file %d: %q, %v", i, p[:n], err)
				}
			}
		})
	}
	wg.Wait()
	f := fs.(*folder)
	if n := len(f.files.open); n > maxOpenFiles {
		t.Errorf("%d files are open", n)
	}
	for _, h := range f.files.open {
		if h.users != 0 {
			t.Errorf("%d users of entry %d are left", h.users, h.key.entry)
		}
	}
	if err := fs.Close(); err != nil {
		t.Error(err)
	}
	if _, err := streams[0].ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("a closed file system was read")
	}
}

// What is cut off while it is read is an error with its place.
func TestFolderFileShrinks(t *testing.T) {
	dir := tempDir(t)
	makeTree(t, dir, map[string]string{"a": strings.Repeat("a", 1000)})
	_, fs := openOne(t, dir)
	e, _ := lookup(t, fs, "a")
	s, err := fs.Open(e, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "a"), 400); err != nil {
		t.Skipf("needs a host where open files can be cut: %v", err)
	}
	n, err := s.ReadAt(make([]byte, 500), 300)
	var re *ReadError
	if n != 100 || !errors.As(err, &re) || re.Off != 400 || re.Len != 400 || re.Pos != -1 {
		t.Errorf("%d, %v (%+v)", n, err, re)
	}
}

func TestSymlinkBuffer(t *testing.T) {
	// A relative link to `..\Ä`, by [MS-FSCC] 2.1.2.4: 12 bytes of fields, then
	// the name twice.
	want := "\x0C\x00\x00\xA0" + "\x1C\x00\x00\x00" + "\x00\x00\x08\x00\x08\x00\x08\x00" + "\x01\x00\x00\x00" + strings.Repeat(".\x00.\x00\\\x00\xC4\x00", 2)
	if got := symlinkBuffer("../Ä"); string(got) != want {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	if got := symlinkBuffer(`C:\x`); got[16] != 0 {
		t.Errorf("a path with a drive letter is not relative: %x", got)
	}
	if n := len(symlinkBuffer(strings.Repeat("x", 100000))); n > 16<<10 {
		t.Errorf("%d bytes: Windows allows 16 KiB", n)
	}
}

func TestFolderSymlinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs symbolic links without a privilege")
	}
	dir := tempDir(t)
	makeTree(t, dir, map[string]string{"real/file": "content"})
	for link, to := range map[string]string{"to-dir": "real", "to-file": "real/file", "to-nothing": "/no/where", "loop": "loop", "up": ".."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	_, fs := openOne(t, dir)
	checkFS(t, fs)
	for _, name := range []string{"to-dir", "to-file", "to-nothing", "loop", "up"} {
		e, i := lookup(t, fs, name)
		if i.Reparse != winfs.TagSymlink || i.Attr&winfs.AttrReparse == 0 || i.Size != 0 {
			t.Errorf("%s: %+v", name, i)
		}
		if kids, err := fs.Children(e); len(kids) > 0 {
			t.Errorf("%s was followed: %v, %v", name, kids, err)
		}
		if s, err := fs.Open(e, ""); err == nil && s.Size() != 0 {
			t.Errorf("%s was followed", name)
		}
	}
	e, _ := lookup(t, fs, "to-file")
	if b, err := fs.Reparse(e); err != nil || !bytes.Equal(b, symlinkBuffer("real/file")) {
		t.Errorf("%x, %v", b, err)
	}
}

func TestFolderSparse(t *testing.T) {
	name := filepath.Join(tempDir(t), "sparse")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("data"), 8<<20); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(12 << 20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, fs := openOne(t, filepath.Dir(name))
	checkFS(t, fs)
	e, i := lookup(t, fs, "sparse")
	s, err := fs.Open(e, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Holes()) == 0 {
		t.Skip("needs a temporary folder whose file system keeps holes")
	}
	if s.Holes()[0].Off != 0 || s.Holes()[0].Len > 8<<20 || i.Mode&winfs.Sparse == 0 {
		t.Errorf("holes %+v, mode %b", s.Holes(), i.Mode)
	}
	p := make([]byte, 4)
	if _, err := s.ReadAt(p, 8<<20); err != nil && err != io.EOF || string(p) != "data" {
		t.Errorf("%q, %v", p, err)
	}
}
