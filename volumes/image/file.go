package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"

	"github.com/coldstate/coldstate/internal/wstr"
)

// file is a file of the host, or several that are one in pieces.
type file struct {
	io.ReaderAt
	name   string
	size   int64
	parts  []HostFile
	closer []io.Closer
	cache  *cache
}

func (f *file) close() error {
	var errs []error
	for _, c := range f.closer {
		errs = append(errs, c.Close())
	}
	f.closer = nil
	return errors.Join(errs...)
}

// same says whether two are one file of the host.
func (f *file) same(g *file) bool { return os.SameFile(f.parts[0].Info, g.parts[0].Info) }

// opener opens the files of one image.
type opener struct {
	open  func(string) (File, error)
	names func(dir string) []string // what a folder holds
	cache *cache
	files []*file
	chain []*file // the image and its parents, as far as they are open
	depth int
	tries int // parents that were opened, the right one or not
}

func newOpener(opt Options) *opener {
	o := &opener{open: opt.Open, cache: newCache(), names: func(string) []string { return nil }}
	if o.open == nil {
		o.open = openHost
		o.names = func(dir string) []string {
			d, err := os.Open(dir)
			if err != nil {
				return nil
			}
			defer d.Close()
			names, _ := d.Readdirnames(maxNames)
			return names
		}
	}
	return o
}

// maxNames bounds how much of a folder is searched for a name in other case.
const maxNames = 100_000

// openHost opens a regular file. Anything else could wait for ever when it is
// opened (a pipe), or is not what an image may name (a device).
func openHost(path string) (File, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	// What is open counts, not what was there a moment before.
	if fi, err = f.Stat(); err == nil && !fi.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

var errNotRegular = errors.New("not a regular file")

func (o *opener) close() { o.forget(0) }

// forget closes the files that were opened after the first n.
func (o *opener) forget(n int) {
	for _, f := range o.files[n:] {
		f.close()
	}
	o.files = o.files[:n]
}

// file opens the file at path, with the further pieces of a split one.
func (o *opener) file(path string) (*file, error) {
	f, err := o.one(path)
	if err != nil {
		return nil, err
	}
	return o.join(f)
}

// one opens the file at path and nothing else.
func (o *opener) one(path string) (*file, error) {
	h, err := o.open(path)
	if err != nil {
		return nil, err
	}
	f := &file{ReaderAt: h, name: path, closer: []io.Closer{h}, cache: o.cache}
	o.files = append(o.files, f)
	fi, err := h.Stat()
	if err != nil {
		return nil, err
	}
	f.size = fi.Size()
	f.parts = []HostFile{{path, fi}}
	return f, nil
}

// beside opens the file of f's folder that an image knows by name. put is where
// it is looked for. The error is fs.ErrNotExist when it is not there.
func (o *opener) beside(f *file, name string) (g *file, put string, err error) {
	for _, p := range places(f.name, []string{name}) {
		if p.outside {
			continue
		}
		if put == "" {
			put = p.path
		}
		if g, err = o.anyCase(p.path, o.one); !errors.Is(err, fs.ErrNotExist) {
			return g, p.path, err
		}
	}
	return nil, put, fs.ErrNotExist
}

// anyCase opens the file at path, or else one whose name differs in case only.
func (o *opener) anyCase(path string, open func(string) (*file, error)) (*file, error) {
	f, err := open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if other := o.otherCase(path); other != "" {
			return open(other)
		}
	}
	return f, err
}

// otherCase finds a file whose name differs from path in case only.
func (o *opener) otherCase(path string) string {
	dir, base := filepath.Split(path)
	for _, name := range o.names(filepath.Clean(dir)) {
		if name != base && wstr.EqualFold(name, base) {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

// readFull fills b from off on.
func (f *file) readFull(b []byte, off int64) error {
	n, err := f.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = errCut
	}
	return fmt.Errorf("%s: offset %#x: %w", f.name, off, err)
}

// head reads the n bytes at off of a structure that must be there.
func (f *file) head(format string, off int64, n int) ([]byte, error) {
	if off < 0 || int64(n) > f.size-off {
		return nil, f.damaged(format, off, "%d bytes must be here, but the file has %d: it may be cut short", n, f.size)
	}
	b := make([]byte, n)
	return b, f.readFull(b, off)
}

// tablePiece is how much of a table is read at once; a power of two.
const tablePiece = 32 << 10

// piece gives bytes from off on out of the cache: at least one, as many as
// come with it. They must not be changed.
func (f *file) piece(off int64) ([]byte, error) {
	if off < 0 || off >= f.size {
		return nil, fmt.Errorf("%s: offset %#x: %w", f.name, off, errCut)
	}
	start := off &^ (tablePiece - 1)
	key := cacheKey{f, start, false}
	b := f.cache.get(key)
	if b == nil {
		b = make([]byte, min(tablePiece, f.size-start))
		if err := f.readFull(b, start); err != nil {
			return nil, err
		}
		f.cache.put(key, b)
	}
	return b[off-start:], nil
}

// entry fills b with the entry of a table at off. Where the piece of the table
// around it cannot be read, it is tried alone.
func (f *file) entry(b []byte, off int64) error {
	if p, err := f.piece(off); err == nil && len(p) >= len(b) {
		copy(b, p)
		return nil
	}
	if off < 0 {
		return fmt.Errorf("%s: a table at a negative offset", f.name)
	}
	return f.readFull(b, off)
}

func (f *file) be32(off int64) (uint32, error) {
	var b [4]byte
	err := f.entry(b[:], off)
	return binary.BigEndian.Uint32(b[:]), err
}

func (f *file) be64(off int64) (uint64, error) {
	var b [8]byte
	err := f.entry(b[:], off)
	return binary.BigEndian.Uint64(b[:]), err
}

func (f *file) le32(off int64) (uint32, error) {
	var b [4]byte
	err := f.entry(b[:], off)
	return binary.LittleEndian.Uint32(b[:]), err
}

func (f *file) le64(off int64) (uint64, error) {
	var b [8]byte
	err := f.entry(b[:], off)
	return binary.LittleEndian.Uint64(b[:]), err
}

// bitRun says what bit number i of the bitmap at off is, and how many of the
// next bits, at most max, are the same.
func (f *file) bitRun(off, i, max int64, msbFirst bool) (set bool, n int64, err error) {
	for n < max {
		b, err := f.piece(off + (i+n)/8)
		if err != nil {
			return false, 0, err
		}
		for _, c := range b {
			if msbFirst {
				c = bits.Reverse8(c)
			}
			first := (i + n) % 8
			c >>= first
			if n == 0 {
				set = c&1 != 0
			}
			if set {
				c = ^c
			}
			same := min(int64(bits.TrailingZeros8(c)), 8-first)
			n += same
			if same < 8-first || n >= max {
				return set, min(n, max), nil
			}
		}
	}
	return set, max, nil
}

// guid is the text of a GUID that is stored as Windows does.
func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:16])
}

// isPowerOfTwo says so of n in a range.
func isPowerOfTwo(n, least, most int64) bool {
	return n >= least && n <= most && n&(n-1) == 0
}
