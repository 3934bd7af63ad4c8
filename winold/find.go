package winold

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// maxFolders bounds the folders that are looked into below one folder of
// Setup. Windows.old has some ten.
const maxFolders = 2000

// Find returns the older installations on the volumes of set, in the order of
// the volumes and of the folders' names. systems are those that offline.Find
// found on it; one of a source that is the folder Windows.old itself is the
// System of an Old. Folders that cannot be read are problems.
func Find(set *volumes.Set, systems []*offline.System, opt offline.Options) ([]*Old, []offline.Problem) {
	f := &finder{set: set, systems: systems, opt: opt}
	for _, v := range set.Volumes {
		fs, err := v.FS()
		if err != nil {
			continue // offline.Find has told it
		}
		if v.HostPath != "" {
			f.given(v, fs)
		}
		if v.Hint == "" {
			f.volume(v, fs)
		}
	}
	f.name()
	for _, o := range f.olds {
		o.lifetime()
		if s := o.System; s != nil {
			o.windows, o.product, o.version = s.Name, s.Product, fmt.Sprintf("%s.%d", s.Version, s.Build)
		}
	}
	return f.olds, f.problems
}

type finder struct {
	set      *volumes.Set
	systems  []*offline.System
	opt      offline.Options
	olds     []*Old
	problems []offline.Problem
}

// Split takes the installations that are the System of an Old out of systems.
func Split(systems []*offline.System, olds []*Old) []*offline.System {
	return slices.DeleteFunc(slices.Clone(systems), func(s *offline.System) bool {
		return slices.ContainsFunc(olds, func(o *Old) bool { return o.System == s })
	})
}

// given looks whether the source is an older installation itself, as in
// D:\Windows.old or D:\Windows.old\Windows.
func (f *finder) given(v *volumes.Volume, fs volumes.FS) {
	kind, parent := hostKind(v.HostPath)
	if kind == "" {
		return
	}
	when := made(fs, fs.Root())
	found := false
	for _, s := range f.systems {
		if s.Volume != v {
			continue
		}
		// One that lies deeper is another one, copied into it.
		if _, names := winpath.Split(s.Root); len(names) == 1 || kind == Upgrade {
			f.olds = append(f.olds, &Old{System: s, Volume: v, Kind: kind, Folder: v.HostPath, parent: parent, Made: when, set: f.set})
			found = true
		}
	}
	if !found && hasRemains(fs, fs.Root(), kind) {
		f.olds = append(f.olds, &Old{Volume: v, Kind: kind, Folder: v.HostPath, parent: parent, Made: when, Gone: noRegistry, set: f.set})
	}
}

const noRegistry = "its registry is gone, as when Disk Cleanup has run in part"

// hostKind tells whether a folder of the host is one that Setup made, and the
// root of the volume that it is in.
func hostKind(path string) (kind Kind, root string) {
	at := path
	for range 3 { // $WINDOWS.~BT\NewOS, $WINDOWS.~Q\DATA, $INPLACE.~TR\$Machine\DATA
		up := filepath.Dir(at)
		if up == at {
			break
		}
		switch k := KindOf(filepath.Base(at)); {
		case k == WindowsOld && at == path, k == Upgrade,
			k == NewOS && wstr.EqualFold(path, filepath.Join(at, "NewOS")):
			return k, up
		}
		at = up
	}
	return "", ""
}

// volume looks at the folders in the root of v, and for a Windows.old that
// somebody put into another folder.
func (f *finder) volume(v *volumes.Volume, fs volumes.FS) {
	for _, top := range folders(fs, fs.Root()) {
		name := fs.Name(top)
		switch kind := KindOf(name); kind {
		case WindowsOld:
			f.folder(v, fs, top, name, kind, 1)
		case Upgrade:
			// $WINDOWS.~Q\DATA\Windows, $INPLACE.~TR\$Machine\DATA\Windows
			f.folder(v, fs, top, name, kind, 3)
		case NewOS:
			if e, err := fs.Lookup(winpath.Join(name, "NewOS")); err == nil && isFolder(fs, e) {
				f.folder(v, fs, e, winpath.Join(name, fs.Name(e)), kind, 1)
			}
		default:
			children, _ := fs.Children(top)
			for _, sub := range children {
				if KindOf(fs.Name(sub)) == WindowsOld && isFolder(fs, sub) {
					f.folder(v, fs, sub, winpath.Join(name, fs.Name(sub)), WindowsOld, 1)
				}
			}
		}
	}
}

// folder looks for Windows folders in the folder root, depth levels deep.
func (f *finder) folder(v *volumes.Volume, fs volumes.FS, e volumes.Entry, root string, kind Kind, depth int) {
	when := made(fs, e)
	add := func(root string, s *offline.System, gone string) {
		o := &Old{System: s, Volume: v, Root: root, Kind: kind, Gone: gone, Made: when, set: f.set}
		if _, names := winpath.Split(root); kind == WindowsOld && len(names) > 1 {
			o.elsewhere = true
		} else {
			if o.Live = f.live(v); o.Live == nil {
				o.Broken = broken(v, fs)
			}
		}
		f.olds = append(f.olds, o)
	}
	budget := maxFolders
	var bare []string // folders without a registry
	var look func(e volumes.Entry, rel string, depth int) bool
	look = func(e volumes.Entry, rel string, depth int) bool {
		found := false
		subs := folders(fs, e)
		for _, sub := range subs {
			if budget--; budget < 0 {
				return found
			}
			dir := winpath.Join(rel, fs.Name(sub))
			if !hasConfig(fs, dir) {
				continue
			}
			found = true
			s, err := offline.OpenAt(f.set, v, dir, f.opt)
			if err != nil {
				add(rel, nil, fmt.Sprintf("its registry cannot be used: %v", err))
				continue
			}
			add(rel, s, "")
		}
		if found {
			return true
		}
		if hasRemains(fs, e, kind) {
			bare = append(bare, rel)
		}
		for _, sub := range subs {
			if depth > 1 && look(sub, winpath.Join(rel, fs.Name(sub)), depth-1) {
				found = true
			}
		}
		return found
	}
	found := look(e, root, depth)
	if budget < 0 {
		f.problems = append(f.problems, offline.Problem{Where: rawPath(v, root),
			What: fmt.Sprintf("has more than %d folders; not all of them were looked into for an older Windows", maxFolders)})
	}
	if found {
		return
	}
	for _, rel := range bare {
		add(rel, nil, noRegistry)
	}
}

// live finds the Windows on v: the newest, when there are several.
func (f *finder) live(v *volumes.Volume) *offline.System {
	var best *offline.System
	for _, s := range f.systems {
		// One in a folder of its own, as of a copied disk, is not the one that
		// Setup put in the place of another.
		if s.Volume != v || base(s) != "" {
			continue
		}
		if best == nil || s.InstallDate.After(best.InstallDate) {
			best = s
		}
	}
	return best
}

// broken finds a Windows folder in the root of a volume.
func broken(v *volumes.Volume, fs volumes.FS) string {
	for _, e := range folders(fs, fs.Root()) {
		if name := fs.Name(e); KindOf(name) == "" && hasConfig(fs, name) {
			return rawPath(v, name)
		}
	}
	return ""
}

// base is the folder that is the root of the system's own drive.
func base(s *offline.System) string {
	_, rel, err := s.Locate(s.Dir[:2] + `\`)
	if err != nil {
		return ""
	}
	return rel
}

// made tells when a folder was made, the zero time when it does not.
func made(fs volumes.FS, e volumes.Entry) time.Time {
	info, err := fs.Info(e)
	// Vista was the first to make them.
	if err != nil || info.Created <= wstr.FiletimeOf(time.Date(2006, 1, 1, 0, 0, 0, 0, time.UTC)) {
		return time.Time{}
	}
	return info.Created.Time()
}

// name gives each Old a Folder that no other has, and its System a Name.
func (f *finder) name() {
	count := map[string]int{}
	for _, o := range f.olds {
		if o.Folder == "" {
			o.Folder = rawPath(o.Volume, o.Root)
			if live := f.live(o.Volume); live != nil {
				o.Folder = live.Path(o.Volume, o.Root)
			}
		}
		count[wstr.Upper(o.Folder)]++
	}
	for _, o := range f.olds {
		if o.parent != "" {
			continue
		}
		if count[wstr.Upper(o.Folder)] > 1 {
			o.Folder = rawPath(o.Volume, o.Root)
		}
		if o.System != nil {
			inside, _ := winpath.Rel(o.Root, o.System.Root)
			o.System.Name = winpath.Join(o.Folder, inside)
		}
	}
}

// hasConfig says whether dir is a Windows folder as far as its registry goes.
func hasConfig(fs volumes.FS, dir string) bool {
	for _, name := range []string{"SYSTEM", "SOFTWARE"} {
		if e, err := fs.Lookup(winpath.Join(dir, "System32", "config", name)); err == nil {
			if info, err := fs.Info(e); err == nil && !info.IsDir() {
				return true
			}
		}
	}
	return false
}

// hasRemains says whether a folder without a registry is worth telling: one
// of Setup's when profiles are in it, a Windows.old when anything is.
func hasRemains(fs volumes.FS, e volumes.Entry, kind Kind) bool {
	children, err := fs.Children(e)
	if err != nil {
		return kind == WindowsOld
	}
	for _, c := range children {
		if !isFolder(fs, c) {
			continue
		}
		switch wstr.Upper(fs.Name(c)) {
		case "USERS", "DOCUMENTS AND SETTINGS":
		default:
			if kind != WindowsOld {
				continue
			}
		}
		if inside, err := fs.Children(c); err != nil || len(inside) > 0 {
			return true
		}
	}
	return false
}

// folders lists the real folders in dir; links are not entered.
func folders(fs volumes.FS, dir volumes.Entry) []volumes.Entry {
	children, err := fs.Children(dir)
	if err != nil && len(children) == 0 {
		return nil
	}
	var out []volumes.Entry
	for _, e := range children {
		if isFolder(fs, e) {
			out = append(out, e)
		}
	}
	return out
}

func isFolder(fs volumes.FS, e volumes.Entry) bool {
	info, err := fs.Info(e)
	return err == nil && info.IsDir() && !winfs.IsNameSurrogate(info.Reparse)
}

// rawPath is a path of v with its volume number: `2:\Windows.old`.
func rawPath(v *volumes.Volume, rel string) string {
	return winpath.Join(fmt.Sprintf(`%d:\`, v.Number), rel)
}

// A GoneError says that an installation was chosen whose registry is gone.
type GoneError struct{ Old *Old }

func (e *GoneError) Error() string {
	return fmt.Sprintf("%s holds no Windows that can be captured: %s", e.Old.Folder, e.Old.Gone)
}

// A BrokenError says that the only installation that can be used is an older
// one, while there is another one whose registry cannot be used.
type BrokenError struct{ Old *Old }

func (e *BrokenError) Error() string {
	return fmt.Sprintf("the registry of %s cannot be used, and %s is an older Windows", e.Old.Broken, e.Old.Folder)
}

// Choose picks an installation by what inspect calls it: for one of systems
// its Name, its Dir or its path with the number of the volume, for an older
// one its folder or the Windows folder in it. "" is the only one of systems,
// else the only older one. The Old is nil when the choice is none of olds.
// Errors wrap offline.ErrNoWindows or offline.ErrSeveral, or are *GoneError or
// *BrokenError.
func Choose(systems []*offline.System, olds []*Old, name string) (*offline.System, *Old, error) {
	live := Split(systems, olds)
	var usable []*Old
	for _, o := range olds {
		if o.System != nil {
			usable = append(usable, o)
		}
	}
	if name == "" {
		switch {
		case len(live) == 1:
			return live[0], nil, nil
		case len(live) == 0 && len(usable) == 1 && usable[0].Broken != "":
			return nil, nil, &BrokenError{usable[0]}
		case len(live) == 0 && len(usable) == 1:
			return usable[0].System, usable[0], nil
		case len(live) == 0 && len(usable) == 0:
			return nil, nil, fmt.Errorf("%w on the given sources", offline.ErrNoWindows)
		}
		return nil, nil, fmt.Errorf("%w: %s; choose one with --windows", offline.ErrSeveral, list(live, usable))
	}
	want := winpath.Clean(name)
	if len(live) > 0 {
		s, err := offline.Choose(live, name)
		if err == nil || errors.Is(err, offline.ErrSeveral) {
			return s, nil, err
		}
	}
	fits := func(names []string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return wstr.EqualFold(n, want) || wstr.EqualFold(n, name) })
	}
	var found []*Old
	for _, o := range olds {
		// What inspect prints is unique; the other names may not be.
		if fits([]string{o.Folder}) || o.System != nil && fits([]string{o.System.Name}) {
			found = []*Old{o}
			break
		}
		if fits(o.names()) || len(live) == 0 && o.System != nil && fits([]string{o.System.Dir}) {
			found = append(found, o)
		}
	}
	switch {
	case len(found) == 1 && found[0].System == nil:
		return nil, nil, &GoneError{found[0]}
	case len(found) == 1:
		return found[0].System, found[0], nil
	case len(found) > 1:
		return nil, nil, fmt.Errorf("%w are called %s; choose one of %s with --windows", offline.ErrSeveral, name, list(nil, found))
	case len(live)+len(usable) == 0:
		return nil, nil, fmt.Errorf("%w on the given sources", offline.ErrNoWindows)
	}
	return nil, nil, fmt.Errorf("%w called %s; there is %s", offline.ErrNoWindows, name, list(live, usable))
}

func list(live []*offline.System, olds []*Old) string {
	var names []string
	for _, s := range live {
		names = append(names, s.Name)
	}
	for _, o := range olds {
		if o.System != nil {
			names = append(names, o.System.Name)
		} else {
			names = append(names, o.Folder)
		}
	}
	return strings.Join(names, ", ")
}
