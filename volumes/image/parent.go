package image

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// place is where a file that an image names may be.
type place struct {
	path string
	// named: the image names this place, and not only a file of that name.
	named bool
	// outside: it is not in the folder of the image or below.
	outside bool
}

// places are where the files of those names may be: where the relative paths
// lead from the folder of image, then where the absolute ones are on this
// host, then beside the image. Servers, devices and streams are no places.
func places(image string, names []string) []place {
	dir := filepath.Dir(image)
	var relative, absolute, beside []place
	for _, name := range names {
		// A slash is a separator on both systems. A backslash is a letter on
		// Unix; in the name of a disk image it is a separator.
		slashed := strings.ReplaceAll(name, `\`, "/")
		if rest, ok := strings.CutPrefix(slashed, "file://"); ok { // of a Mac
			slashed = rest[max(strings.IndexByte(rest, '/'), 0):]
		}
		if rest, ok := strings.CutPrefix(slashed, "//?/"); ok && len(rest) > 1 && rest[1] == ':' {
			slashed = rest
		}
		drive := len(slashed) > 1 && slashed[1] == ':'
		switch {
		case !strings.HasPrefix(slashed, "/") && !drive:
			p := path.Clean(slashed)
			down := p
			for strings.HasPrefix(down, "../") {
				down = down[3:]
			}
			switch {
			case !isName(down):
			case down == p:
				relative = append(relative, place{filepath.Join(dir, p), true, false})
			case dir == ".":
				relative = append(relative, place{filepath.FromSlash(p), true, true})
			default:
				// The system resolves the dots: dir may be a link.
				relative = append(relative, place{strings.TrimSuffix(dir, string(filepath.Separator)) + filepath.FromSlash("/"+p), true, true})
			}
		case drive || name[0] != '\\' || runtime.GOOS == "windows":
			if p := absolutePath(slashed); p != "" {
				absolute = append(absolute, place{p, true, !isBelow(dir, p)})
			}
		}
		if base := slashed[strings.LastIndexByte(slashed, '/')+1:]; isName(base) {
			beside = append(beside, place{filepath.Join(dir, base), false, false})
		}
	}
	var list []place
next:
	for _, p := range append(append(relative, absolute...), beside...) {
		for _, other := range list {
			if filepath.Clean(other.path) == filepath.Clean(p.path) {
				continue next
			}
		}
		list = append(list, p)
	}
	return list
}

// isName says whether a path with slashes leads to a file below a folder, and
// to nothing else: NUL and the like are devices of Windows, what is behind a
// colon is a stream.
func isName(slashed string) bool {
	return slashed != "." && filepath.IsLocal(filepath.FromSlash(slashed)) && !strings.ContainsAny(slashed, "\x00:")
}

// absolutePath is an absolute path as this host has it, "" when it has none or
// it is none of a file on a disk.
func absolutePath(slashed string) string {
	const volume = "//?/Volume{01234567-89ab-cdef-0123-456789abcdef}/"
	switch {
	case runtime.GOOS != "windows":
		if len(slashed) > 1 && slashed[0] == '/' && slashed[1] != '/' && isName(slashed[1:]) {
			return path.Clean(slashed)
		}
	case len(slashed) > 3 && slashed[1:3] == ":/" && (slashed[0]|0x20) >= 'a' && (slashed[0]|0x20) <= 'z':
		if isName(slashed[3:]) {
			return filepath.Clean(filepath.FromSlash(slashed))
		}
	case len(slashed) > len(volume) && strings.EqualFold(slashed[:11], volume[:11]) && slashed[len(volume)-2:len(volume)] == "}/":
		// The two in front of the name of a volume stay as they are.
		if isName(slashed[len(volume):]) && !strings.ContainsAny(slashed[4:len(volume)-1], `/:`) {
			return filepath.FromSlash(slashed)
		}
	}
	return ""
}

func isBelow(dir, p string) bool {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(abs, p)
	return err == nil && filepath.IsLocal(rel)
}

// maxTries bounds the files that are opened as parents, so that images that
// name many wrong ones, each with parents of its own, come to an end.
const maxTries = 8 * maxChain

// parent opens the parent of f: the first file of those names whose ID is id.
// format is that of the parent, "" when its content shall tell. Any file will
// do when id is "", but outside of the image's folder only one that is an image
// or begins as a disk does: what an image says is no reason to read /etc/shadow
// or a device.
func (o *opener) parent(f *file, child, role, format, id string, names []string, ids ...string) (*disk, error) {
	missing := &MissingError{Path: f.name, Format: child, Role: role, ID: id}
	for _, name := range names {
		if missing.Name = name; name != "" {
			break
		}
	}
	if missing.Name == "" {
		missing.Name = "without a name"
	}
	if o.depth >= maxChain {
		return nil, f.damaged(child, -1, "more than %d images stand on one another", maxChain)
	}
	o.depth++
	defer func() { o.depth-- }()
	var failed error // of the first file that is at a place which f names
	for _, at := range places(f.name, names) {
		if !at.outside {
			missing.Put = at.path // beside, as these come last
		}
		opened := len(o.files)
		d, p, err := o.tryParent(f, child, format, at)
		why := ""
		switch {
		case errors.Is(err, errTries):
			return nil, f.damaged(child, -1, "%v", err)
		case p == nil && errors.Is(err, fs.ErrNotExist):
			why = notThere
		case p == nil:
			why = hostCause(err).Error()
		case err != nil:
			why = "cannot be read"
			if failed == nil && !errors.Is(err, errItself) {
				failed = err
			}
			if at.named && failed == nil {
				failed = f.damaged(child, -1, "the chain of parents is a circle: %s is its own ancestor", p.name)
			}
		case id == "" && at.outside && !d.isDisk():
			why = "neither an image nor a disk; such a file is taken only beside the image"
		case id != "" && (d.format != child || !slices.Contains(append(ids, id), d.id)):
			why = "another image, or changed since: " + d.id
			if d.format != child {
				why = "another image: a " + d.format + " one"
			}
			if missing.Found == "" {
				missing.Found, missing.FoundID = p.name, d.id
				if d.format != child {
					missing.FoundID = "a " + d.format + " image"
				}
			}
		default:
			where := ""
			if at.outside {
				where = ", outside of its folder"
			}
			d.used = fmt.Sprintf("%s is read as the %s of %s%s", p.name, role, f.name, where)
			return d, nil
		}
		o.forget(opened)
		missing.Tried = append(missing.Tried, Tried{at.path, why})
	}
	if failed != nil && missing.Found == "" {
		return nil, failed
	}
	return nil, missing
}

// notThere is why a place is not the right one when nothing is there.
const notThere = "not there"

var (
	errTries  = fmt.Errorf("more than %d files were opened as its parents", maxTries)
	errItself = errors.New("the image itself")
)

// tryParent opens what is at a place. p is nil when there is no file.
func (o *opener) tryParent(f *file, child, format string, at place) (d *disk, p *file, err error) {
	if p, err = o.anyCase(at.path, o.file); err != nil {
		return nil, nil, err
	}
	if o.tries++; o.tries > maxTries {
		return nil, p, errTries
	}
	for _, c := range o.chain {
		if c.same(p) || c.name == p.name {
			return nil, p, errItself
		}
	}
	if at.outside && p.size == 0 {
		return nil, nil, errors.New("empty") // or of /proc, where reading may wait
	}
	o.chain = append(o.chain, p)
	d, err = o.disk(p, format)
	o.chain = o.chain[:len(o.chain)-1]
	return d, p, err
}

// isDisk says whether d is an image, or a raw disk or volume by its first
// sectors.
func (d *disk) isDisk() bool {
	if d.format != "raw" && d.format != "split raw" {
		return true
	}
	b := make([]byte, 4096+8)
	n, _ := d.ReadAt(b, 0)
	b = b[:n]
	return d.size%512 == 0 && (has(b, 510, "\x55\xAA") || has(b, 512, "EFI PART") || bytes.HasSuffix(b, []byte("EFI PART")))
}

// hostCause is err without the path in it.
func hostCause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
