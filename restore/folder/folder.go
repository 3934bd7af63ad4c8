// Package folder puts entries of a Windows into a plain folder of the host:
// `C:\Users\ann\x` becomes DIR/C/Users/ann/x. It keeps content, modification
// times, hard links and symbolic links whose target lies inside; it cannot
// keep owners, ACLs and Windows attributes, and it never touches anything
// outside of the folder, whatever an entry is called.
//
// Paths that are given to a Target hold names as Name writes them, so that a
// backslash only ever stands between two names.
package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
)

// Options of a target. The zero value overwrites nothing and leaves streams
// out where the host cannot hold them.
type Options struct {
	// Overwrite replaces files that exist already.
	Overwrite bool
	// Streams is a folder that gets alternate streams as files,
	// STREAMS/C/Users/ann/x/NAME; "" for none.
	Streams string
}

// Counts says what was placed, and what the host could not hold.
type Counts struct {
	Files, Folders, Links, Symlinks, Streams int64
	Bytes                                    int64
	// StreamsLeft counts streams that the host cannot keep beside a file.
	StreamsLeft int64
	// LinksLeft counts symbolic links and junctions that lead out of the
	// folder, or that the host refused.
	LinksLeft int64
	// Renamed counts names that the host cannot hold and that were written
	// with %XX escapes.
	Renamed int64
}

// Target is a folder being filled. It is used from one goroutine.
type Target struct {
	Counts
	opt     Options
	root    *os.Root
	streams *os.Root
	dirs    map[string]bool // folders known to exist, by host path
	times   []folderTime
	links   []link
}

// link is a symbolic link that is still to be placed.
type link struct {
	path string // as it was given
	name string // host path
	to   string // relative POSIX path
}

type folderTime struct {
	name string
	at   wstr.Filetime
}

// ErrExists is wrapped by the error of a file that is there already.
var ErrExists = errors.New("exists already; nothing is overwritten without --overwrite")

// Open makes dir if need be and returns it as a target.
func Open(dir string, opt Options) (*Target, error) {
	t := &Target{opt: opt, dirs: map[string]bool{".": true}}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	var err error
	if t.root, err = os.OpenRoot(dir); err != nil {
		return nil, err
	}
	if opt.Streams != "" {
		if err := os.MkdirAll(opt.Streams, 0o777); err != nil {
			return nil, errors.Join(err, t.root.Close())
		}
		if t.streams, err = os.OpenRoot(opt.Streams); err != nil {
			return nil, errors.Join(err, t.root.Close())
		}
	}
	return t, nil
}

// HostName is the place of p (`C:\Users\x`, `2:\x`) below the target, with
// slashes. Names that could lead elsewhere, or that the host cannot hold, are
// written with %XX escapes.
func (t *Target) HostName(p string) string {
	vol, names := winpath.Split(p)
	parts := make([]string, 0, len(names)+1)
	if v := strings.TrimSuffix(vol, ":"); v != "" {
		parts = append(parts, v)
	}
	for _, n := range names {
		e := escape(n, runtime.GOOS == "windows")
		if e != n {
			t.Renamed++
		}
		parts = append(parts, e)
	}
	if len(parts) == 0 {
		return "."
	}
	return path.Join(parts...)
}

// escape writes the parts of a name that the host would understand as
// something else as %XX.
func escape(name string, windows bool) string {
	bad := func(i int) bool {
		c := name[i]
		switch {
		case c == '/' || c == '\\' || c == 0:
			return true
		case !windows:
			return false
		case c < ' ' || strings.IndexByte(`<>:"|?*`, c) >= 0:
			return true
		}
		return i == len(name)-1 && (c == ' ' || c == '.')
	}
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	var b strings.Builder
	for i := range len(name) {
		if bad(i) {
			fmt.Fprintf(&b, "%%%02X", name[i])
		} else {
			b.WriteByte(name[i])
		}
	}
	s := b.String()
	if windows && !filepath.IsLocal(s) {
		// A reserved device name: CON, NUL, COM1.txt …
		s = fmt.Sprintf("%%%02X%s", s[0], s[1:])
	}
	return s
}

// Folder makes the folder p. Its time is set by Close, after its content.
func (t *Target) Folder(p string, modified wstr.Filetime) error {
	name := t.HostName(p)
	if err := t.mkdir(t.root, name); err != nil {
		return err
	}
	if modified != 0 {
		t.times = append(t.times, folderTime{name, modified})
	}
	t.Folders++
	return nil
}

// File creates the file p and fills it from r.
func (t *Target) File(p string, r io.Reader, modified wstr.Filetime) error {
	name := t.HostName(p)
	n, err := t.write(t.root, name, r, modified)
	t.Bytes += n
	if err != nil {
		return err
	}
	t.Files++
	return nil
}

func (t *Target) write(root *os.Root, name string, r io.Reader, modified wstr.Filetime) (n int64, err error) {
	if err := t.mkdir(root, path.Dir(name)); err != nil {
		return 0, err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := root.OpenFile(name, flags, 0o666)
	if errors.Is(err, fs.ErrExist) && t.opt.Overwrite {
		if err := root.Remove(name); err != nil {
			return 0, err
		}
		f, err = root.OpenFile(name, flags, 0o666)
	}
	if errors.Is(err, fs.ErrExist) {
		return 0, fmt.Errorf("%s: %w", filepath.Join(root.Name(), filepath.FromSlash(name)), ErrExists)
	}
	if err != nil {
		return 0, err
	}
	n, err = copySparse(f, r)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		// A file that is not whole must not look like one.
		return n, errors.Join(err, root.Remove(name))
	}
	if modified != 0 {
		err = root.Chtimes(name, modified.Time(), modified.Time())
	}
	return n, err
}

// copySparse copies r to f and leaves holes where a block is all zeros.
func copySparse(f *os.File, r io.Reader) (n int64, err error) {
	const block = 64 << 10
	buf := make([]byte, 16*block)
	hole := false
	for {
		k, rerr := io.ReadFull(r, buf)
		for off := 0; off < k; off += block {
			b := buf[off:min(off+block, k)]
			if len(b) == block && allZero(b) {
				if _, err := f.Seek(block, io.SeekCurrent); err != nil {
					return n, err
				}
				hole = true
			} else {
				if _, err := f.Write(b); err != nil {
					return n, err
				}
				hole = false
			}
			n += int64(len(b))
		}
		if rerr == io.EOF || rerr == io.ErrUnexpectedEOF {
			break
		}
		if rerr != nil {
			return n, rerr
		}
	}
	if hole {
		return n, f.Truncate(n)
	}
	return n, nil
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if b[0]|b[1]|b[2]|b[3]|b[4]|b[5]|b[6]|b[7] != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// Stream places the alternate stream of p: beside its file where the host is
// NTFS, in Options.Streams when that is set; elsewhere it is counted.
func (t *Target) Stream(p, stream string, r io.Reader) error {
	if t.streams != nil {
		name := path.Join(t.HostName(p), escape(Name(stream), runtime.GOOS == "windows"))
		n, err := t.write(t.streams, name, r, 0)
		t.Bytes += n
		if err == nil {
			t.Streams++
		}
		return err
	}
	if runtime.GOOS == "windows" && !strings.ContainsAny(stream, "\\/:\x00") {
		name := t.HostName(p)
		host := filepath.Join(t.root.Name(), filepath.FromSlash(name))
		// os.Root refuses the colon, and the folder of the file exists below
		// the target already: the name adds nothing but the stream to it.
		f, err := os.OpenFile(host+":"+stream, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			n, err := io.Copy(f, r)
			t.Bytes += n
			t.Streams++
			return errors.Join(err, f.Close())
		}
	}
	t.StreamsLeft++
	return nil
}

// HardLink makes p another name of the file first.
func (t *Target) HardLink(p, first string) error {
	name := t.HostName(p)
	if err := t.mkdir(t.root, path.Dir(name)); err != nil {
		return err
	}
	err := t.root.Link(t.HostName(first), name)
	if errors.Is(err, fs.ErrExist) {
		if !t.opt.Overwrite {
			return fmt.Errorf("%s: %w", name, ErrExists)
		}
		if err := t.root.Remove(name); err != nil {
			return err
		}
		err = t.root.Link(t.HostName(first), name)
	}
	if err == nil {
		t.Links++
	}
	return err
}

// Symlink notes a symbolic link or junction whose Windows target text is
// target, for PlaceLinks. Links that leave the folder, and links on hosts that
// refuse them, are counted as left.
func (t *Target) Symlink(p, target string) error {
	to, ok := LinkTarget(p, target)
	if !ok || runtime.GOOS == "windows" {
		t.LinksLeft++
		return nil
	}
	t.links = append(t.links, link{p, t.HostName(p), to})
	return nil
}

// PlaceLinks places the links that Symlink has noted. They come behind all
// else, so that nothing is written through one; and a link whose own place is
// behind another link is left out, for its target was reckoned from the path
// it has, not from where it would come to lie. Close calls it. fn gets what
// fails with a single link; an error of fn ends it.
func (t *Target) PlaceLinks(fn func(p string, err error) error) error {
	links := t.links
	t.links = nil
	for _, l := range links {
		if t.behindLink(l.name) {
			t.LinksLeft++
			continue
		}
		err := t.placeLink(l)
		if err == nil {
			continue
		}
		if err := fn(l.path, err); err != nil {
			return err
		}
	}
	return nil
}

func (t *Target) placeLink(l link) error {
	if err := t.mkdir(t.root, path.Dir(l.name)); err != nil {
		return err
	}
	err := t.root.Symlink(l.to, l.name)
	if errors.Is(err, fs.ErrExist) {
		if fi, serr := t.root.Lstat(l.name); serr == nil && !fi.IsDir() && t.opt.Overwrite {
			if err := t.root.Remove(l.name); err != nil {
				return err
			}
			err = t.root.Symlink(l.to, l.name)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", filepath.Join(t.root.Name(), filepath.FromSlash(l.name)), ErrExists)
	}
	if err != nil {
		t.LinksLeft++
		return nil
	}
	t.Symlinks++
	return nil
}

// behindLink says whether a folder on the way to name is a symbolic link on
// the host. Folders that are not there yet are none.
func (t *Target) behindLink(name string) bool {
	for i := 0; i < len(name); i++ {
		if name[i] != '/' {
			continue
		}
		fi, err := t.root.Lstat(name[:i])
		if errors.Is(err, fs.ErrNotExist) {
			return false
		}
		if err != nil || fi.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

// Name writes a name of Windows as the tar of a store has it (docs/format.md,
// Names): NUL, slash and backslash, the names "." and "..", and a percent sign
// that would look like one of these as %XX.
func Name(name string) string {
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	if !strings.ContainsAny(name, "\x00/\\%") {
		return name
	}
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c == 0 || c == '/' || c == '\\':
			fmt.Fprintf(&b, "%%%02X", c)
		case c == '%' && isEscape(name[i+1:]):
			b.WriteString("%25")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isEscape(s string) bool {
	if len(s) < 2 {
		return false
	}
	switch s[:2] {
	case "00", "25", "2E", "2F", "5C":
		return true
	}
	return false
}

// LinkTarget translates the target text of a Windows link at p to a relative
// POSIX path; ok is false when it does not stay inside of the tree that holds
// all volumes.
func LinkTarget(p, target string) (rel string, ok bool) {
	target = strings.TrimPrefix(strings.TrimPrefix(target, `\??\`), `\\?\`)
	from, names := winpath.Split(p)
	if from == "" || len(names) == 0 {
		return "", false
	}
	at := append([]string{strings.TrimSuffix(from, ":")}, names[:len(names)-1]...)
	to := at
	vol, rest := winpath.Volume(target)
	switch {
	case vol != "":
		to = []string{strings.TrimSuffix(vol, ":")}
	case strings.HasPrefix(target, `\\`) || strings.HasPrefix(target, `Volume{`):
		return "", false
	case strings.HasPrefix(target, `\`):
		to = to[:1]
	}
	to = append([]string{}, to...)
	for _, n := range strings.FieldsFunc(rest, func(r rune) bool { return r == '\\' || r == '/' }) {
		switch n {
		case ".":
		case "..":
			if len(to) < 2 {
				return "", false
			}
			to = to[:len(to)-1]
		default:
			to = append(to, Name(n))
		}
	}
	same := 0
	for same < len(at) && same < len(to) && wstr.EqualFold(at[same], to[same]) {
		same++
	}
	up := strings.Repeat("../", len(at)-same)
	rel = up + strings.Join(to[same:], "/")
	if rel = strings.TrimSuffix(rel, "/"); rel == "" {
		rel = "."
	}
	return rel, true
}

func (t *Target) mkdir(root *os.Root, name string) error {
	key := name
	if root == t.streams {
		key = ":" + name
	}
	if t.dirs[key] {
		return nil
	}
	if err := root.MkdirAll(name, 0o777); err != nil {
		return err
	}
	t.dirs[key] = true
	return nil
}

// Close places the links, sets the times of the folders and releases the
// target.
func (t *Target) Close() error {
	var errs []error
	_ = t.PlaceLinks(func(p string, err error) error {
		errs = append(errs, fmt.Errorf("%s: %w", p, err))
		return nil
	})
	for _, ft := range t.times {
		if err := t.root.Chtimes(ft.name, ft.at.Time(), ft.at.Time()); err != nil {
			errs = append(errs, err)
		}
	}
	t.times = nil
	errs = append(errs, t.root.Close())
	if t.streams != nil {
		errs = append(errs, t.streams.Close())
	}
	return errors.Join(errs...)
}
