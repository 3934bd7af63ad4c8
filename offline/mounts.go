package offline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// Mount is a folder of the installation in which a volume is mounted, so that
// `C:\Data\x` is `x` on that volume.
type Mount struct {
	Path   string // the folder, in the installation's own letters: `C:\Data`
	Volume *volumes.Volume
	Base   string // the folder of the volume that is mounted, "" for its root
	// How tells where the answer is from: "Volume{…}", the name by which
	// Windows mounts it, "offline.xml", "--map".
	How string
}

// mountPoint is a mounted volume as the folder on the disk says it.
type mountPoint struct {
	rel    string // below the root of its volume
	target string // "Volume{…}"
}

// Bounds of the search for mounted volumes. Administrators mount volumes in
// folders near the root; package managers of programmers make thousands of
// junctions deep below it.
const (
	maxMountDepth  = 6
	maxMountPoints = 2048
	maxNestedMount = 8 // volumes mounted in mounted volumes
	// maxHostEntries is how many entries of a folder of the host are looked at,
	// those near the root first and none of Windows' own: a second on a slow
	// disk. What is mounted deeper stays a link.
	maxHostEntries = 10_000
)

// mountPoints lists the folders of v in which a volume is mounted, in the
// order of their depth. more is set when not all junctions were looked at.
func mountPoints(v *volumes.Volume) (found []mountPoint, more bool) {
	fs, err := v.FS()
	if err != nil {
		return nil, false
	}
	type candidate struct {
		e     winfs.Entry
		depth int
	}
	var list []candidate
	look := func(e winfs.Entry, depth int) (below bool) {
		info, err := fs.Info(e)
		if err != nil || !info.IsDir() {
			return false
		}
		if info.Reparse != winfs.TagMountPoint {
			return !winfs.IsNameSurrogate(info.Reparse)
		}
		if depth < 0 {
			depth = 0
			for at := e; at != fs.Root() && depth <= maxMountDepth; at = fs.Parent(at) {
				depth++
			}
		}
		if depth > 0 && depth <= maxMountDepth {
			list = append(list, candidate{e, depth})
		}
		return false
	}
	if v.HostPath == "" {
		for e := range winfs.Entry(fs.Len()) {
			look(e, -1)
		}
	} else {
		// A folder of the host is listed as it is asked for.
		level, budget := []winfs.Entry{fs.Root()}, maxHostEntries
		for depth := 1; depth <= maxMountDepth && len(level) > 0; depth++ {
			var next []winfs.Entry
			for _, dir := range level {
				if budget < 0 {
					break
				}
				kids, _ := fs.Children(dir)
				for _, e := range kids {
					if budget--; budget < 0 {
						depth = maxMountDepth
						break
					}
					if look(e, depth) && !(depth == 1 && wstr.EqualFold(fs.Name(e), "Windows")) {
						next = append(next, e)
					}
				}
			}
			level = next
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(a.depth, b.depth) })
	if len(list) > maxMountPoints {
		list, more = list[:maxMountPoints], true
	}
	for _, c := range list {
		b, err := fs.Reparse(c.e)
		if err != nil {
			continue
		}
		target, err := winfs.LinkTarget(b)
		if err != nil {
			continue
		}
		if name, ok := volumeName(target); ok {
			found = append(found, mountPoint{winfs.Path(fs, c.e), name})
		}
	}
	return found, more
}

// volumeName gives the "Volume{…}" of a link to the root of a volume.
func volumeName(target string) (string, bool) {
	target = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(target, `\??\`), `\\?\`), `\`)
	if len(target) != len("Volume")+38 || !wstr.EqualFold(target[:len("Volume{")], "Volume{") || target[len(target)-1] != '}' {
		return "", false
	}
	return target, true
}

// findMounts fills Mounts and MissingMounts from the folders on the volumes
// that have a name so far, and then on those that got one by it. When the
// mappings replace what is found, a volume that they leave out is missing.
func (s *System) findMounts(replace bool) {
	var walk []*volumes.Volume
	for _, v := range s.set.Volumes {
		if winpath.Letter(s.Path(v, "")) != 0 {
			walk = append(walk, v)
		}
	}
	if d := s.systemDrive(); d.Base != "" && !slices.Contains(walk, d.Volume) {
		walk = append(walk, d.Volume)
	}
	done := map[*volumes.Volume]bool{}
	for len(walk) > 0 && len(done) < 256 {
		v := walk[0]
		walk = walk[1:]
		if done[v] {
			continue
		}
		done[v] = true
		points, more := mountPoints(v)
		if more {
			s.problem(s.Path(v, ""), "has more than %d junctions; volumes mounted in folders are looked for in the first of them only: name others with --map FOLDER=NUMBER", maxMountPoints)
		}
		for _, p := range points {
			path := s.Path(v, p.rel)
			if winpath.Letter(path) == 0 || s.mountAt(path) != nil {
				continue // outside of a drive of this Windows, or said by a person
			}
			to := s.volumeByName(p.target)
			if to == nil || replace && winpath.Letter(s.Path(to, "")) == 0 {
				s.MissingMounts = append(s.MissingMounts, path)
				continue
			}
			if d := s.systemDrive(); to == d.Volume && d.Base != "" {
				// To a Windows that was put into a folder its volume is that
				// folder; what is beside it belongs to another one.
				continue
			}
			s.Mounts = append(s.Mounts, Mount{Path: path, Volume: to, How: p.target})
			if !done[to] {
				walk = append(walk, to)
			}
		}
		s.sortMounts()
	}
}

// sortMounts puts the folder after which a volume is named first.
func (s *System) sortMounts() {
	slices.SortStableFunc(s.Mounts, func(a, b Mount) int {
		return cmp.Or(cmp.Compare(strings.Count(a.Path, `\`), strings.Count(b.Path, `\`)), wstr.Compare(wstr.Upper(a.Path), wstr.Upper(b.Path)))
	})
	slices.SortFunc(s.MissingMounts, wstr.Compare)
}

// mountAt is the mount in the folder path, nil for none.
func (s *System) mountAt(path string) *Mount {
	for i := range s.Mounts {
		if wstr.EqualFold(s.Mounts[i].Path, path) {
			return &s.Mounts[i]
		}
	}
	return nil
}

// MountAt tells the volume that is mounted in the folder path, which is
// clean. known is false for folders in which none is; v is nil when the
// volume is not among the sources.
func (s *System) MountAt(path string) (v *volumes.Volume, base string, known bool) {
	if m := s.mountAt(path); m != nil {
		return m.Volume, m.Base, true
	}
	return nil, "", slices.ContainsFunc(s.MissingMounts, func(p string) bool { return wstr.EqualFold(p, path) })
}

// MountOf finds the folder on the way of path, a clean path with a letter, in
// which a volume is mounted: the innermost, under the name that counts. rel is
// what is behind it.
func (s *System) MountOf(path string) (m Mount, rel string, ok bool) {
	for range maxNestedMount {
		at, in := s.mounted(path)
		if at == nil {
			break
		}
		m, rel, ok = *at, in, true
		named := s.Path(at.Volume, winpath.Join(at.Base, in))
		if wstr.EqualFold(named, path) || winpath.Letter(named) == 0 {
			break
		}
		path = named
	}
	return m, rel, ok
}

// mounted replaces the mounted folder on the way of path, which has a letter.
// The innermost counts. It gives the mount and the path below it.
func (s *System) mounted(path string) (m *Mount, rel string) {
	for i := range s.Mounts {
		if in, ok := winpath.Rel(s.Mounts[i].Path, path); ok && (m == nil || len(s.Mounts[i].Path) > len(m.Path)) {
			m, rel = &s.Mounts[i], in
		}
	}
	return m, rel
}

// missingMount is the folder on the way of path whose volume is not here.
func (s *System) missingMount(path string) string {
	for _, p := range s.MissingMounts {
		if in, ok := winpath.Rel(p, path); ok && in != "" {
			return p
		}
	}
	return ""
}

// place enters what a person says a path of the installation is.
func (s *System) place(p Place, system Drive) {
	vol, names := winpath.Split(p.Path)
	letter := winpath.Letter(vol)
	switch {
	case p.Volume == nil && len(names) > 0:
		s.MissingMounts = append(s.MissingMounts, winpath.Clean(p.Path))
	case p.Volume == nil:
		if letter != system.Letter {
			s.Drives = slices.DeleteFunc(s.Drives, func(d Drive) bool { return d.Letter == letter })
			s.Missing = append(s.Missing, letter)
		}
	case letter == system.Letter && len(names) == 0:
		if p.Volume != system.Volume || !wstr.EqualFold(p.Base, system.Base) {
			s.problem(s.Dir, "drive %c: is the drive of this Windows, on %s; that it is %s, as %s says, is ignored", letter, whereabouts(system.Volume, system.Base), whereabouts(p.Volume, p.Base), p.How)
		}
	case len(names) == 0:
		s.setDrive(Drive{Letter: letter, Volume: p.Volume, Base: p.Base, How: p.How})
	default:
		m := Mount{Path: winpath.Clean(p.Path), Volume: p.Volume, Base: p.Base, How: p.How}
		if old := s.mountAt(m.Path); old != nil {
			*old = m
		} else {
			s.Mounts = append(s.Mounts, m)
		}
	}
}

// whereabouts is a volume or a folder of it for people.
func whereabouts(v *volumes.Volume, base string) string {
	if base == "" {
		return fmt.Sprintf("volume %d", v.Number)
	}
	return rawPath(v, base)
}
