package offline

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// drive finds the drive of a letter.
func (s *System) drive(letter byte) (Drive, bool) {
	for _, d := range s.Drives {
		if d.Letter == letter {
			return d, true
		}
	}
	return Drive{}, false
}

// Locate tells which volume answers path and where on it: `C:\Users\x` or
// `2:\Users\x` gives the volume and `Users\x`. A path through a folder in which
// a volume is mounted leads to that volume; that of the folder itself gives the
// root of the volume. Nothing is looked up. The error is a
// *VolumeMissingError, or says that path names no volume.
func (s *System) Locate(path string) (*volumes.Volume, string, error) {
	vol, names := winpath.Split(path)
	rel := strings.Join(names, `\`)
	switch letter := winpath.Letter(vol); {
	case strings.HasPrefix(path, `\\`):
		return nil, "", fmt.Errorf("%s: lies on a server, not on a disk of this machine", path)
	case vol == "":
		return nil, "", fmt.Errorf(`%s: names no volume; write it like C:\folder or 2:\folder`, path)
	case letter != 0:
		return s.locate(winpath.Join(vol+`\`, rel), path)
	}
	n, err := strconv.Atoi(strings.TrimSuffix(vol, ":"))
	if err != nil || n < 1 || n > len(s.set.Volumes) {
		return nil, "", &VolumeMissingError{Volume: vol, Path: path}
	}
	return s.set.Volumes[n-1], rel, nil
}

// locate is Locate for a clean path with a letter; asked stands in errors.
func (s *System) locate(path, asked string) (*volumes.Volume, string, error) {
	for range maxNestedMount {
		if lost := s.missingMount(path); lost != "" {
			return nil, "", &VolumeMissingError{Volume: lost, Path: asked}
		}
		m, rel := s.mounted(path)
		if m == nil {
			break
		}
		// The folder may not be what the volume is called, and more may be
		// mounted under that name.
		named := s.Path(m.Volume, winpath.Join(m.Base, rel))
		if wstr.EqualFold(named, path) || winpath.Letter(named) == 0 {
			return m.Volume, winpath.Join(m.Base, rel), nil
		}
		path = named
	}
	vol, names := winpath.Split(path)
	d, ok := s.drive(winpath.Letter(vol))
	if !ok {
		return nil, "", &VolumeMissingError{Volume: vol, Path: asked}
	}
	return d.Volume, winpath.Join(d.Base, names...), nil
}

// Resolve finds the entry of a path like `C:\Users\x` or `2:\Users\x`. Links
// are not followed. Errors: *VolumeMissingError, one that says why the volume
// cannot be read, one that wraps volumes.ErrNotFound.
func (s *System) Resolve(path string) (*volumes.Volume, volumes.Entry, error) {
	v, rel, err := s.Locate(path)
	if err != nil {
		return nil, 0, err
	}
	fs, err := v.FS()
	if err != nil {
		return v, 0, fmt.Errorf("%s: %w", path, err)
	}
	e, err := lookup(fs, rel)
	if err != nil {
		return v, 0, fmt.Errorf("%s: %w", path, err)
	}
	return v, e, nil
}

// VolumePrefix is how paths on v begin: "C:" when the installation has a
// letter for it, else the folder in which it is mounted, `C:\Data`, else its
// number, "2:".
func (s *System) VolumePrefix(v *volumes.Volume) string {
	// The system drive may have been mapped a second letter; its own counts.
	if d := s.systemDrive(); d.Volume == v && d.Base == "" {
		return string(d.Letter) + ":"
	}
	for _, d := range s.Drives {
		if d.Volume == v && d.Base == "" {
			return string(d.Letter) + ":"
		}
	}
	for _, m := range s.Mounts {
		if m.Volume == v && m.Base == "" {
			return m.Path
		}
	}
	return strconv.Itoa(v.Number) + ":"
}

// Path is the path of an entry of v in the installation's own letters, from
// its path rel below the root of the volume.
func (s *System) Path(v *volumes.Volume, rel string) string {
	for _, d := range s.Drives {
		if d.Volume != v || d.Base == "" {
			continue
		}
		if in, ok := winpath.Rel(d.Base, rel); ok {
			return winpath.Join(string(d.Letter)+`:\`, in)
		}
	}
	prefix := s.VolumePrefix(v)
	if winpath.Letter(prefix) == 0 {
		for _, m := range s.Mounts {
			if m.Volume != v || m.Base == "" {
				continue
			}
			if in, ok := winpath.Rel(m.Base, rel); ok {
				return winpath.Join(m.Path, in)
			}
		}
	}
	if rel == "" && winpath.Letter(prefix) != 0 && len(prefix) > 2 {
		return prefix
	}
	return winpath.Join(prefix+`\`, rel)
}

func (s *System) systemDrive() Drive {
	d, _ := s.drive(winpath.Letter(s.Dir))
	return d
}

// ReadFile reads a file of at most max bytes. A larger one gives an error
// that wraps ErrTooLarge.
func (s *System) ReadFile(path string, max int64) ([]byte, error) {
	v, rel, err := s.Locate(path)
	if err != nil {
		return nil, err
	}
	fs, err := v.FS()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	b, err := readFile(fs, rel, max)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// Config is the path of a file in System32\config.
func (s *System) Config(name string) string {
	return winpath.Join(s.Dir, "System32", "config", name)
}

// maxLinks bounds the links followed for one path, as Windows bounds them.
const maxLinks = 63

// Follow gives the path that path means to Windows: junctions, folder links
// and mounted volumes on the way are replaced by what they lead to, as with
// profiles that were moved to another drive. What cannot be followed is
// returned as far as it was.
func (s *System) Follow(path string) string {
	if vol, _ := winpath.Volume(path); vol == "" {
		return path
	}
	at := winpath.Clean(path)
	for range maxLinks {
		next, ok := s.followOnce(at)
		if !ok {
			break
		}
		at = next
	}
	return at
}

// followOnce replaces the first link on the way of a clean path.
func (s *System) followOnce(path string) (string, bool) {
	vol, names := winpath.Split(path)
	dir := vol + `\`
	for i, name := range names {
		if m := s.mountAt(winpath.Join(dir, name)); m != nil {
			if named := s.Path(m.Volume, m.Base); !wstr.EqualFold(named, m.Path) && winpath.Letter(named) != 0 {
				return winpath.Join(named, names[i+1:]...), true
			}
		}
		v, e, err := s.Resolve(winpath.Join(dir, name))
		if err != nil {
			return "", false
		}
		fs, err := v.FS()
		if err != nil {
			return "", false
		}
		info, err := fs.Info(e)
		if err != nil {
			return "", false
		}
		if info.Reparse == winfs.TagMountPoint || info.Reparse == winfs.TagSymlink {
			b, err := fs.Reparse(e)
			if err != nil {
				return "", false
			}
			target, err := winfs.LinkTarget(b)
			if err != nil {
				return "", false
			}
			to, ok := s.linkPath(dir, target)
			return winpath.Join(to, names[i+1:]...), ok
		}
		dir = winpath.Join(dir, name)
	}
	return "", false
}

// linkPath is the path that the target of a link in dir means.
func (s *System) linkPath(dir, target string) (string, bool) {
	target = strings.TrimPrefix(strings.TrimPrefix(target, `\??\`), `\\?\`)
	switch {
	case winpath.Letter(target) != 0:
		return winpath.Clean(target), true
	case strings.HasPrefix(target, `\\`):
		return "", false
	case len(target) > 7 && wstr.EqualFold(target[:7], "Volume{"):
		guid, rest, _ := strings.Cut(target, `\`)
		v := s.volumeByName(guid)
		if v == nil {
			return "", false
		}
		prefix := s.VolumePrefix(v)
		if d := s.systemDrive(); d.Volume == v && d.Base != "" {
			// Its own volume is, to a Windows that was put into a folder, that
			// folder: links in Windows.old never lead out of it.
			prefix = string(d.Letter) + ":"
		}
		return winpath.Join(prefix+`\`, rest), true
	case strings.HasPrefix(target, `\`):
		return winpath.Join(dir[:strings.IndexByte(dir, ':')+1]+`\`, target), true
	}
	at := winpath.Clean(dir)
	for _, name := range strings.Split(target, `\`) {
		switch name {
		case ".", "":
		case "..":
			at = winpath.Dir(at)
		default:
			at = winpath.Join(at, name)
		}
	}
	return at, true
}
