// Package offline finds the Windows installations on a set of volumes and
// answers for each: what it is, which drive letter is which volume, which
// control set is in force, which folders its system variables name. It only
// reads, and it knows neither users nor rules.
package offline

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// Options say how installations are looked for; the zero value is good.
type Options struct {
	// Map overrides drive letters: upper-case letter to the number of a
	// volume. It counts for every installation.
	Map map[byte]int
	// Places say what paths of the installation are, drives and folders. They
	// override what is found out; with Replace they are all there is beside
	// the drive of the installation itself.
	Places  []Place
	Replace bool
	// Arch overrides the architecture: "32", "64" or "arm64"; "" detects it.
	// ArchFrom names who says so, "" for "--arch".
	Arch, ArchFrom string
}

// Place says what a path of the installation is.
type Place struct {
	Path   string          // `D:\`, or a folder in which a volume is mounted: `C:\Data`
	Volume *volumes.Volume // nil for one that is not among the sources
	Base   string          // the folder of the volume that it is, "" for the root
	How    string          // who says so: "offline.xml", "--map"
}

// Problem is something wrong with an installation or a profile, told for
// people.
type Problem struct {
	Where string `json:"where"` // a path, a registry key, a volume
	What  string `json:"what"`  // a sentence: what is wrong, and what to do
}

func (p Problem) String() string {
	if p.Where == "" {
		return p.What
	}
	return p.Where + ": " + p.What
}

// Drive says which volume is behind a drive letter of an installation.
type Drive struct {
	Letter byte // upper case
	Volume *volumes.Volume
	// Base is the folder of the volume that is the root of the drive, "" for
	// the root of the volume. It is set for an installation that lies below
	// another folder than the one it was installed to.
	Base string
	// How tells where the answer is from: "SystemRoot", "disk signature",
	// "partition GUID", "--map".
	How string
}

// System is one installation. Its methods are safe for concurrent use.
type System struct {
	Volume *volumes.Volume
	// Root is the Windows folder below the root of Volume: "Windows".
	Root string
	// Dir is the Windows folder in the installation's own letters:
	// `C:\Windows`.
	Dir string
	// Name is what the installation is called: Dir, or `3:\Windows` with the
	// number of the volume when several installations have the same Dir.
	Name string

	Product          string // "Windows 11 Pro"
	Edition          string // EditionID: "Professional"; "" before Vista
	Version          string // "5.1", "6.1", "10.0"
	Build            int    // 22631
	UBR              int    // the revision behind the build, 0 when there is none
	Display          string // "22H2", "1909"; "" before Windows 10
	ServicePack      string // "Service Pack 1", XP to 7
	Arch             string // "x86", "AMD64", "ARM64"; "" when nothing tells
	ArchFrom         string // what tells it: "ntoskrnl.exe", "PROCESSOR_ARCHITECTURE", "BuildLabEx", "--arch" …
	InstallationType string // "Client", "Server", "Server Core", "WindowsPE"
	InstallDate      time.Time
	ComputerName     string
	ControlSet       int // 1 for ControlSet001

	// Software and SystemHive are HKLM\SOFTWARE and HKLM\SYSTEM, in memory; nil
	// for one that cannot be used, whose Root has nothing in it.
	Software, SystemHive *hive.Hive
	// SoftwareError and SystemError say why what Windows keeps in SOFTWARE or
	// SYSTEM is not known, nil when it is: the registry file and its copies are
	// of no use, or lack what makes one that of a Windows. They are
	// *DeadHiveError.
	SoftwareError, SystemError error

	// Drives are the letters that a volume of the set answers, in order.
	Drives []Drive
	// Missing are the letters that the installation gives to volumes which
	// are not in the set, in order.
	Missing []byte
	// Mounts are the folders in which a volume of the set is mounted, those
	// nearest to a root first; MissingMounts are those whose volume is not in
	// the set.
	Mounts        []Mount
	MissingMounts []string

	Problems []Problem
	// Conflict says why the drives cannot be what a person says they are, ""
	// when they can: nothing shall be read then.
	Conflict string

	// evident: there is a Windows in the folder even if its registry does not
	// say so.
	evident bool
	// older: with no version known, the folders are laid out as before Vista.
	older bool

	set *volumes.Set
	own *Env // what Windows itself expands in registry values
	env *Env // what rules expand

	states *hiveStates
}

// Errors that callers tell apart.
var (
	// ErrPolicy is wrapped by errors about HKLM\SAM and HKLM\SECURITY, which
	// hold passwords and are never given out.
	ErrPolicy = errors.New("holds password material and is never read out")
	// ErrTooLarge is wrapped when a file is larger than the caller's limit.
	ErrTooLarge = errors.New("is too large")
)

// A VolumeMissingError says that no volume of the set answers a drive letter
// or a volume number.
type VolumeMissingError struct {
	Volume string // "D:", "7:", or the folder in which it is mounted: `C:\Data`
	Path   string // the path that names it
}

func (e *VolumeMissingError) Error() string {
	if vol, names := winpath.Split(e.Volume); len(names) > 0 {
		return fmt.Sprintf("%s: the volume that is mounted in %s is on none of the given disks; add the disk it is on, or name it with --map '%s=NUMBER'", e.Path, e.Volume, winpath.Join(vol, names...))
	}
	if winpath.Letter(e.Volume) == 0 {
		return fmt.Sprintf("%s: there is no volume %s; inspect lists the volumes with their numbers", e.Path, strings.TrimSuffix(e.Volume, ":"))
	}
	return fmt.Sprintf("%s: drive %s is on none of the given disks; add the disk it is on, or name its volume with --map %s=NUMBER",
		e.Path, e.Volume, strings.TrimSuffix(e.Volume, ":"))
}

// MaxHive is the largest registry file that is read, in bytes. The kernel
// itself refuses hives above 2 GiB; the largest seen in the field are COMPONENTS
// and SOFTWARE hives of some 200 MiB.
const MaxHive = 512 << 20

// oldPrefixes are the names of folders that Setup fills with a former or a
// coming Windows. They are no installations of their own.
var oldPrefixes = []string{"WINDOWS.OLD", "$WINDOWS.~", "$INPLACE.~TR", "$UPGRADE.~OS", "$WINREAGENT", "$RECYCLE.BIN", "SYSTEM VOLUME INFORMATION"}

// maxCandidates bounds the folders of a volume that are looked into for an
// installation. A disk has some tens of them; a backup disk may have thousands.
const maxCandidates = 20000

// Find returns every installation on the volumes of set, in the order of the
// volumes. Folders that look like one and cannot be loaded are problems, as
// are volumes that cannot be read. One in the root of a volume, or in the
// folder that was given as the source, is found without SYSTEM or SOFTWARE
// when its programs are there; with neither file, when there is no other. The
// error is about opt only.
func Find(set *volumes.Set, opt Options) ([]*System, []Problem, error) {
	if err := opt.check(set); err != nil {
		return nil, nil, err
	}
	var systems []*System
	var problems []Problem
	bare := map[*volumes.Volume][]string{}
	try := func(v *volumes.Volume, c candidate) {
		s, err := load(set, v, c.root, opt, c.top)
		if err != nil {
			problems = append(problems, Problem{Where: rawPath(v, c.root), What: fmt.Sprintf("looks like a Windows folder but is not usable: %v", err)})
			return
		}
		systems = append(systems, s)
	}
	for _, v := range set.Volumes {
		found, ps := candidates(v, maxCandidates)
		problems = append(problems, ps...)
		for _, c := range found {
			if c.bare {
				bare[v] = append(bare[v], c.root)
				continue
			}
			try(v, c)
		}
	}
	beside := len(systems) > 0
	for _, v := range set.Volumes {
		for _, root := range bare[v] {
			if beside {
				problems = append(problems, Problem{Where: rawPath(v, root), What: "looks like a Windows that has lost SYSTEM and SOFTWARE, and is left alone as there is another; if it is wanted, give its disk alone"})
				continue
			}
			try(v, candidate{root: root, top: true})
		}
	}
	nameAll(systems)
	return systems, problems, nil
}

func (opt Options) check(set *volumes.Set) error {
	if _, err := ParseArch(opt.Arch); err != nil {
		return err
	}
	return checkPlaces(set, opt)
}

// nameAll gives each system a name that no other has.
func nameAll(systems []*System) {
	count := map[string]int{}
	for _, s := range systems {
		count[wstr.Upper(s.Dir)]++
	}
	for _, s := range systems {
		s.Name = s.Dir
		if count[wstr.Upper(s.Dir)] > 1 {
			s.Name = rawPath(s.Volume, s.Root)
		}
	}
}

// rawPath is a path of v with its volume number: `2:\Windows`.
func rawPath(v *volumes.Volume, rel string) string {
	return fmt.Sprintf(`%d:\%s`, v.Number, rel)
}

// candidate is a folder that may be that of a Windows.
type candidate struct {
	root string
	top  bool // in the root of the volume, or given as the source
	bare bool // neither SYSTEM nor SOFTWARE is in it, and it is a Windows all the same
}

// candidates lists the folders of v that hold System32\config\SYSTEM or
// SOFTWARE: folders of the root, and folders in those; and folders of the root
// that hold a Windows without them. It looks into max of them.
func candidates(v *volumes.Volume, max int) ([]candidate, []Problem) {
	fs, err := v.FS()
	if err != nil {
		switch v.Kind {
		case volumes.NTFS, volumes.BitLocker, volumes.ReFS, volumes.WIMImage, volumes.HostFolder:
			return nil, []Problem{{What: err.Error()}}
		}
		return nil, nil // no Windows lies on the others
	}
	var found []candidate
	var problems []Problem
	put := putAside(v)
	try := func(rel string, top bool) bool {
		top = top && !put
		for _, name := range []string{"SYSTEM", "SOFTWARE"} {
			e, err := fs.Lookup(winpath.Join(rel, "System32", "config", name))
			if err != nil {
				continue
			}
			if info, err := fs.Info(e); err == nil && !info.IsDir() {
				found = append(found, candidate{root: rel, top: top})
				return true
			}
		}
		if top && evident(fs, rel) {
			found = append(found, candidate{root: rel, top: true, bare: true})
		}
		return false
	}
	if v.Hint != "" {
		try(v.Hint, true)
		return found, nil
	}
	budget := max
	for _, top := range folders(fs, fs.Root()) {
		name := fs.Name(top)
		if hasPrefixFold(name, oldPrefixes) {
			continue
		}
		if budget--; budget < 0 {
			break
		}
		if try(name, true) {
			continue
		}
		for _, sub := range folders(fs, top) {
			if budget--; budget < 0 {
				break
			}
			try(winpath.Join(name, fs.Name(sub)), false)
		}
	}
	if budget < 0 {
		problems = append(problems, Problem{
			Where: fmt.Sprintf("volume %d", v.Number),
			What:  fmt.Sprintf("has more than %d folders near its root; not all of them were looked into for a Windows: give the Windows folder itself as the source", max),
		})
	}
	return found, problems
}

// folders lists the real folders in dir; links are not entered.
func folders(fs volumes.FS, dir volumes.Entry) []volumes.Entry {
	children, err := fs.Children(dir)
	if err != nil {
		return nil
	}
	var out []volumes.Entry
	for _, e := range children {
		info, err := fs.Info(e)
		if err == nil && info.IsDir() && !winfs.IsNameSurrogate(info.Reparse) {
			out = append(out, e)
		}
	}
	return out
}

func hasPrefixFold(s string, prefixes []string) bool {
	up := wstr.Upper(s)
	for _, p := range prefixes {
		if strings.HasPrefix(up, p) {
			return true
		}
	}
	return false
}

// load reads what Find says of the Windows folder root of v. With degraded it
// may lack SYSTEM, SOFTWARE or what counts in them, if it is one without doubt.
func load(set *volumes.Set, v *volumes.Volume, root string, opt Options, degraded bool) (*System, error) {
	s := &System{Volume: v, Root: root, set: set, states: newHiveStates()}
	fs, err := v.FS()
	if err != nil {
		return nil, err
	}
	s.evident = degraded && evident(fs, root)
	var states [2]HiveState
	var errs [2]error
	for i, name := range hiveNames {
		rel := winpath.Join(root, "System32", "config", name)
		h, st, err := openHive(fs, rel, usable[i])
		if err != nil {
			// One that lacks what counts is better than none: letters may be in
			// it, and the kernel has the version.
			if loose, lst, lerr := openHive(fs, rel, nil); lerr == nil {
				h, st = loose, lst
			}
		}
		if errors.Is(err, volumes.ErrGone) || err != nil && !s.evident && (i == 0 || h == nil) {
			return nil, fmt.Errorf("%s: %w", rel, err)
		}
		states[i], errs[i] = st, err
		*[]**hive.Hive{&s.SystemHive, &s.Software}[i] = h
	}
	// What is said of them needs to know what they are called.
	s.Dir = winpath.Join(`C:\`, root)
	s.dead(errs)
	if err := s.read(opt); err != nil {
		return nil, err
	}
	s.dead(errs)
	if _, err := s.Software.Root().Key(ProfileList); err != nil && s.SoftwareError == nil && s.evident && states[1].refreshed().damaged() {
		s.SoftwareError = &DeadHiveError{s.Config("SOFTWARE"), "of what is damaged in it the key " + ProfileList + " is missing"}
	}
	for i, name := range hiveNames {
		path := s.Config(name)
		dead := []error{s.SystemError, s.SoftwareError}[i]
		if dead != nil {
			states[i].Unknown = s.unknown(name)
			if states[i].Error == "" {
				states[i].Unknown = dead.(*DeadHiveError).Why + ": " + states[i].Unknown
			}
		}
		s.remember(v, path, states[i])
		st, _ := s.HiveState(path)
		if p, ok := st.Tell(); ok && st.Lost() {
			s.Problems = append(s.Problems, p)
		}
		if st.Problems > 0 {
			s.problem(path, "is damaged in %d places, first at %s; what can be read of it is used", st.Problems, st.First)
		}
	}
	return s, nil
}

// read fills s from its hives and, for what they do not tell, its folders.
func (s *System) read(opt Options) (err error) {
	if s.states == nil {
		s.states = newHiveStates()
	}
	if s.ControlSet, err = controlSet(s.SystemHive); err != nil && !s.evident {
		return fmt.Errorf(`System32\config\SYSTEM: %w`, err)
	}
	s.findDrives(opt)
	if err := s.readVersion(); err != nil {
		return err
	}
	s.readMachine()
	arch, err := ParseArch(opt.Arch)
	if err != nil {
		return err
	}
	s.readArch(arch, cmp.Or(opt.ArchFrom, "--arch"))
	s.buildEnv()
	return nil
}

func (s *System) problem(where, format string, args ...any) {
	s.Problems = append(s.Problems, Problem{Where: where, What: fmt.Sprintf(format, args...)})
}

// Errors of Choose.
var (
	// ErrNoWindows: there is no installation to choose from.
	ErrNoWindows = errors.New("no Windows found")
	// ErrSeveral: the choice is not clear.
	ErrSeveral = errors.New("several Windows installations")
)

// Choose picks the installation that is called name: its Name, its Dir, or
// its path with the number of the volume; "" is the only one. Its errors wrap
// ErrNoWindows or ErrSeveral.
func Choose(systems []*System, name string) (*System, error) {
	if len(systems) == 0 {
		return nil, fmt.Errorf("%w on the given sources", ErrNoWindows)
	}
	list := make([]string, len(systems))
	for i, s := range systems {
		list[i] = s.Name
	}
	if name == "" {
		if len(systems) == 1 {
			return systems[0], nil
		}
		return nil, fmt.Errorf("%w: %s; choose one with --windows", ErrSeveral, strings.Join(list, ", "))
	}
	want := winpath.Clean(name)
	var found []*System
	for _, s := range systems {
		if wstr.EqualFold(want, s.Name) || wstr.EqualFold(want, s.Dir) || wstr.EqualFold(want, rawPath(s.Volume, s.Root)) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, fmt.Errorf("%w called %s; there is %s", ErrNoWindows, name, strings.Join(list, ", "))
	}
	return nil, fmt.Errorf("%w are called %s; choose one of %s with --windows", ErrSeveral, name, strings.Join(list, ", "))
}

// OpenAt loads the installation whose Windows folder is root, a path below
// the root of v: `Windows.old\Windows`. The folder above it is the root of
// the drive that it calls its own, as `Windows.old` is C:\ to a Windows that
// was put aside; its other letters are the volumes of set. Its Name is its
// Dir, like that of others may be.
func OpenAt(set *volumes.Set, v *volumes.Volume, root string, opt Options) (*System, error) {
	if err := opt.check(set); err != nil {
		return nil, err
	}
	s, err := load(set, v, winpath.Join("", root), opt, false)
	if err != nil {
		return nil, err
	}
	s.Name = s.Dir
	return s, nil
}
