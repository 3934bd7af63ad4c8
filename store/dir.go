package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Dir is where a store lives: a flat folder of files. Implementations need
// not be safe for concurrent use of one file, but different files may be used
// by different goroutines.
type Dir interface {
	// Create makes a file that must not exist yet. The folder itself is made
	// when it is missing.
	Create(name string) (WriteFile, error)
	// Open opens a file for reading; a missing one wraps fs.ErrNotExist.
	Open(name string) (ReadFile, error)
	// Rename replaces new when it exists.
	Rename(old, new string) error
	Remove(name string) error
	// List gives what the folder holds, sorted by name; a missing folder
	// wraps fs.ErrNotExist.
	List() ([]DirEntry, error)
	// Sync makes created, renamed and removed names durable.
	Sync() error
}

// DirEntry is one name of a Dir. Size is -1 for what is not a plain file.
type DirEntry struct {
	Name string
	Size int64
}

// WriteFile is a file being written from its start.
type WriteFile interface {
	io.Writer
	Sync() error
	Close() error
}

// ReadFile is an open file; ReadAt is safe for concurrent use.
type ReadFile interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// OS is the folder at path of the host.
func OS(path string) Dir { return osDir(path) }

type osDir string

func (d osDir) String() string { return string(d) }

func (d osDir) name(n string) (string, error) {
	if n == "" || n == "." || n == ".." || strings.ContainsAny(n, "/\\:\x00") {
		return "", fmt.Errorf("%q is not the name of a file of a store", n)
	}
	return filepath.Join(string(d), n), nil
}

func (d osDir) Create(name string) (WriteFile, error) {
	p, err := d.name(name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(string(d), 0o700); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d osDir) Open(name string) (ReadFile, error) {
	p, err := d.name(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a plain file", p)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &osFile{f, fi.Size()}, nil
}

type osFile struct {
	*os.File
	size int64
}

func (f *osFile) Size() int64 { return f.size }

func (d osDir) Rename(old, new string) error {
	o, err := d.name(old)
	if err != nil {
		return err
	}
	n, err := d.name(new)
	if err != nil {
		return err
	}
	return os.Rename(o, n)
}

func (d osDir) Remove(name string) error {
	p, err := d.name(name)
	if err != nil {
		return err
	}
	return os.Remove(p)
}

func (d osDir) List() ([]DirEntry, error) {
	es, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	out := make([]DirEntry, 0, len(es))
	for _, e := range es {
		size := int64(-1)
		// A name that vanishes between the two calls is listed without size.
		if fi, err := e.Info(); err == nil && fi.Mode().IsRegular() {
			size = fi.Size()
		}
		out = append(out, DirEntry{e.Name(), size})
	}
	return out, nil
}

func (d osDir) Sync() error { return syncFolder(string(d)) }

// Memory is an empty folder in memory.
func Memory() Dir { return &memDir{files: map[string]*memFile{}} }

type memDir struct {
	mu    sync.Mutex
	files map[string]*memFile
}

type memFile struct {
	mu sync.Mutex
	b  []byte
}

func (d *memDir) Create(name string) (WriteFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[name] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	f := &memFile{}
	d.files[name] = f
	return f, nil
}

func (d *memDir) Open(name string) (ReadFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	if f == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return f, nil
}

func (d *memDir) Rename(old, new string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[old]
	if f == nil {
		return &fs.PathError{Op: "rename", Path: old, Err: fs.ErrNotExist}
	}
	delete(d.files, old)
	d.files[new] = f
	return nil
}

func (d *memDir) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(d.files, name)
	return nil
}

func (d *memDir) List() ([]DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]DirEntry, 0, len(d.files))
	for n, f := range d.files {
		out = append(out, DirEntry{n, f.Size()})
	}
	slices.SortFunc(out, func(a, b DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (d *memDir) Sync() error { return nil }

func (f *memFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.b = append(f.b, p...)
	return len(p), nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off < 0 || off >= int64(len(f.b)) {
		return 0, io.EOF
	}
	n := copy(p, f.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Size() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.b))
}

func (f *memFile) Sync() error  { return nil }
func (f *memFile) Close() error { return nil }
