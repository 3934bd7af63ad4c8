package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/image"
	"github.com/coldstate/coldstate/winold"
)

// sourceFlags say what the sources are, and choose among what they hold.
type sourceFlags struct {
	Offline string   `help:"An offline.xml that says where the Windows is, in the place of sources." placeholder:"FILE"`
	Windows string   `help:"Which installation, as inspect prints it, when there are several." placeholder:"PATH"`
	Map     []string `help:"That drive letter of the offline Windows, or folder in which it mounts a volume, is this volume (number of inspect) or source." placeholder:"LETTER=VOLUME" sep:"none"`
	unlockFlags
	mapFileFlags
	Arch string `help:"The architecture of the offline Windows where it is found out wrongly: 32, 64 or arm64." placeholder:"ARCH"`
}

// archVariable is the environment variable that says the architecture to
// Microsoft's tools: 32 or 64.
const archVariable = "MIG_OFFLINE_PLATFORM_ARCH"

// shift takes the arguments of a command whose first one is the source: with
// --offline there is none, and the first argument is what it is about.
func (f *sourceFlags) shift(source string, rest ...string) (string, []string, error) {
	if f.Offline == "" || source == "" {
		if f.Offline == "" && source == "" {
			return "", nil, errNoSource
		}
		return source, rest, nil
	}
	vol, _ := winpath.Volume(source)
	inside := vol != "" || len(source) > 2 && strings.EqualFold(source[:2], "HK")
	if !inside && (len(rest) > 0 || exists(source)) {
		return "", nil, f.both(source)
	}
	return "", append([]string{source}, rest...), nil
}

// shiftOne is shift for a command with one argument behind the source.
func (f *sourceFlags) shiftOne(source, arg, what string) (string, string, error) {
	var given []string
	if arg != "" {
		given = append(given, arg)
	}
	source, given, err := f.shift(source, given...)
	switch {
	case err != nil:
		return "", "", err
	case len(given) != 1:
		return "", "", fail(statusUsage, fmt.Errorf("which %s?", what), "it stands behind the source; --help has an example")
	}
	return source, given[0], nil
}

// sources is the list of sources of a command that has one, or none beside
// --offline.
func sources(path string) []string {
	if path == "" {
		return nil
	}
	return []string{path}
}

var errNoSource = fail(statusUsage, errors.New("which source?"), "name a disk image, a device or a folder, or give an offline.xml with --offline")

// both is the error of sources beside --offline.
func (f *sourceFlags) both(source string) error {
	return fail(statusUsage, fmt.Errorf("both the source %s and --offline %s say where the Windows is", source, f.Offline), "give one of them; further disks are named by the mappings of the offline.xml, or by --map")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// source is an open set of disks and, when there is one, its Windows.
type source struct {
	set      *volumes.Set
	systems  []*offline.System
	problems []offline.Problem
	// olds are the older installations in Windows.old and the like; old is the
	// one of systems, nil when that is none of them.
	olds []*winold.Old
	old  *winold.Old
	// undecided says why the only one of systems is not taken without being
	// chosen, nil when it is.
	undecided error
}

func (s *source) Close() { s.set.Close() }

// openSource opens the paths and looks for installations.
func (a *app) openSource(paths []string, f sourceFlags) (*source, error) {
	var vopt volumes.Options
	if err := a.unlockOptions(&f.unlockFlags, &vopt, true); err != nil {
		return nil, err
	}
	return a.openSourceWith(paths, f, vopt)
}

func (a *app) openSourceWith(paths []string, f sourceFlags, vopt volumes.Options) (*source, error) {
	opt := offline.Options{Arch: f.Arch}
	if v := os.Getenv(archVariable); opt.Arch == "" && v != "" {
		if v != "32" && v != "64" {
			return nil, fail(statusUsage, fmt.Errorf("the environment variable %s is %q; it has to be 32 or 64", archVariable, v), "set it right, or remove it and give --arch")
		}
		opt.Arch, opt.ArchFrom = v, archVariable
		a.message("note", fmt.Sprintf("%s is set: the Windows is taken to be a %s-bit one", archVariable, v))
	}
	if _, err := offline.ParseArch(opt.Arch); err != nil {
		return nil, fail(statusUsage, fmt.Errorf("--arch: %w", err), "leave it out where the Windows tells its architecture itself")
	}
	places, err := parseMap(f.Map)
	if err != nil {
		return nil, err
	}
	if vopt.MapFiles, err = f.mapFiles(len(paths)); err != nil {
		return nil, err
	}
	if f.Offline != "" {
		if len(paths) > 0 {
			return nil, f.both(paths[0])
		}
		return a.openOffline(f, places, opt, vopt)
	}
	if len(paths) == 0 {
		return nil, errNoSource
	}
	set, err := volumes.Open(addSources(paths, places), vopt)
	if err != nil {
		return nil, a.sourceError(err)
	}
	return a.findWindows(set, f, places, opt)
}

// findWindows looks for the installations of an open set, which it closes
// when it fails.
func (a *app) findWindows(set *volumes.Set, f sourceFlags, places []mapping, opt offline.Options) (s *source, err error) {
	defer func() {
		if err != nil {
			set.Close()
		}
	}()
	for _, p := range places {
		at := offline.Place{Path: p.path, How: p.how}
		if !p.missing {
			if at.Volume, at.Base, err = p.find(set); errors.Is(err, volumes.ErrLocked) {
				return nil, fail(statusDecision, fmt.Errorf("%s: %w", p.where, err), hintOf(err)+", or leave the mapping out")
			} else if err != nil {
				return nil, fail(statusUsage, fmt.Errorf("%s: %w", p.where, err), "name the volume by its number, as inspect lists them with all sources")
			}
		}
		opt.Places = append(opt.Places, at)
	}
	systems, problems, err := offline.Find(set, opt)
	if err != nil {
		return nil, fail(statusUsage, err, "inspect lists the volumes with their numbers")
	}
	s = &source{set: set, systems: systems, problems: problems}
	if err := s.chooseWindows(f.Windows, opt); err != nil {
		return nil, err
	}
	if err := s.conflict(); err != nil {
		return nil, err
	}
	return s, nil
}

// conflict is the error when the drives of the only installation cannot be
// what they are said to be.
func (s *source) conflict() error {
	if len(s.systems) != 1 || s.systems[0].Conflict == "" {
		return nil
	}
	return fail(statusUsage, errors.New(s.systems[0].Conflict), "leave that drive out, or name the volume that it is; inspect lists the volumes with their numbers")
}

// chooseWindows looks for older installations and leaves in s.systems those
// that the choice is among: the one called name; else those that are not
// older ones, when there are any.
func (s *source) chooseWindows(name string, opt offline.Options) error {
	var problems []offline.Problem
	s.olds, problems = winold.Find(s.set, s.systems, opt)
	s.problems = append(s.problems, problems...)
	sys, old, err := winold.Choose(s.systems, s.olds, name)
	var gone *winold.GoneError
	switch {
	case err == nil:
		s.systems, s.old = []*offline.System{sys}, old
		return nil
	case errors.As(err, &gone):
		hint := fmt.Sprintf(`take its files as they are: coldstate extract SOURCE '%s\Users' --to DIR`, gone.Old.Folder)
		if gone.Old.Live != nil {
			hint += fmt.Sprintf(`, or capture %s with --include '%s\* [*]'`, gone.Old.LiveName, gone.Old.Folder)
		}
		return fail(statusDecision, err, hint)
	case name != "":
		return fail(statusUsage, err, "inspect lists the installations")
	}
	var broken *winold.BrokenError
	if errors.As(err, &broken) {
		s.undecided = fail(statusDecision, err, fmt.Sprintf("--windows '%s' captures the older one; the files of the other can be taken with ls and extract", broken.Old.Folder))
	}
	if live := winold.Split(s.systems, s.olds); len(live) > 0 {
		s.systems = live
		return nil
	}
	s.systems = nil
	for _, o := range s.olds {
		if o.System != nil {
			s.systems = append(s.systems, o.System)
		}
	}
	return nil
}

// mapping is what a person says a path of the offline Windows is: a --map, or a
// mapping of an offline.xml.
type mapping struct {
	where   string // for messages: "--map D=2", "offline.xml:4:3"
	how     string // for the drives: "--map", "offline.xml"
	path    string // `D:\`, `C:\Data`
	what    string // a path of the host, or the number of a volume with a path on it
	missing bool   // the host has no such path
}

// number takes "2", "2:" and `2:\folder` apart.
func (p mapping) number() (n int, rel string, ok bool) {
	if n, err := strconv.Atoi(p.what); err == nil {
		return n, "", true
	}
	vol, rest := winpath.Volume(p.what)
	if n, err := strconv.Atoi(strings.TrimSuffix(vol, ":")); err == nil {
		return n, winpath.Join("", strings.Split(strings.ReplaceAll(rest, "/", `\`), `\`)...), true
	}
	return 0, "", false
}

// parseMap reads the --map flags.
func parseMap(flags []string) ([]mapping, error) {
	var out []mapping
	for _, text := range flags {
		i := strings.IndexByte(text, '=')
		if i > 2 {
			i = strings.LastIndexByte(text, '=') // the name of a folder may hold one
		}
		p := mapping{where: "--map " + text, how: "--map"}
		if i > 0 {
			p.path, p.what = text[:i], text[i+1:]
			if len(p.path) == 1 {
				p.path += ":"
			}
		}
		vol, names := winpath.Split(p.path)
		if p.what == "" || winpath.Letter(vol) == 0 || len(p.path) > 2 && p.path[2] != '\\' && p.path[2] != '/' {
			return nil, fail(statusUsage, fmt.Errorf("--map %s: a drive letter and the number of a volume, or a source, are wanted", text), `for example --map D=2, --map D=/dev/sdb1 or --map 'C:\Data=3'; inspect lists the volumes with their numbers`)
		}
		p.path = winpath.Join(vol+`\`, names...)
		out = append(out, p)
	}
	return out, checkTwice(out)
}

// checkTwice refuses two mappings of one place.
func checkTwice(places []mapping) error {
	for i, p := range places {
		for _, o := range places[:i] {
			if wstr.EqualFold(o.path, p.path) {
				return fail(statusUsage, fmt.Errorf("%s and %s: both say what %s is", o.where, p.where, p.path), "leave one of them out")
			}
		}
	}
	return nil
}

// checkRepeated refuses a flag that is given twice and holds one value: the
// last would count without a word.
func checkRepeated(kctx *kong.Context) error {
	seen := map[*kong.Flag]bool{}
	for _, p := range kctx.Path {
		if p.Flag == nil || p.Flag.IsCumulative() || p.Flag.IsBool() {
			continue
		}
		if seen[p.Flag] {
			return fail(statusUsage, fmt.Errorf("--%s is given more than once, and holds one value", p.Flag.Name), "leave the one that counts")
		}
		seen[p.Flag] = true
	}
	return nil
}

// addSources adds the sources that only places name.
func addSources(paths []string, places []mapping) []string {
	paths = paths[:len(paths):len(paths)]
next:
	for _, p := range places {
		if _, _, ok := p.number(); ok || p.missing {
			continue
		}
		for _, path := range paths {
			if _, ok := hostRel(volumeFolder(path), p.what); ok || path == p.what {
				continue next
			}
		}
		paths = append(paths, p.what)
	}
	return paths
}

// volumeFolder is the folder of the host that stands for a volume when path
// is given as source: path, or the one above when it is a Windows folder.
func volumeFolder(path string) string {
	if isWindowsFolder(path) {
		return filepath.Dir(path)
	}
	return path
}

// isWindowsFolder says whether path holds System32\config, in any case.
func isWindowsFolder(path string) bool {
	path, ok := childFold(path, "System32")
	if ok {
		path, ok = childFold(path, "config")
	}
	fi, err := os.Stat(path)
	return ok && err == nil && fi.IsDir()
}

// childFold finds an entry of a folder without regard to case; an exact match
// comes first.
func childFold(dir, name string) (string, bool) {
	path := filepath.Join(dir, name)
	if exists(path) {
		return path, true
	}
	es, err := os.ReadDir(dir)
	if err != nil {
		return "", false
	}
	for _, e := range es {
		if strings.EqualFold(e.Name(), name) {
			return filepath.Join(dir, e.Name()), true
		}
	}
	return "", false
}

// hostRel is the path of what below the folder dir, with backslashes; ok is
// false when it is not below it, and when dir is no folder.
func hostRel(dir, what string) (rel string, ok bool) {
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return "", false
	}
	real := func(p string) (string, error) {
		p, err := filepath.Abs(p)
		if err == nil {
			p, err = filepath.EvalSymlinks(p)
		}
		return p, err
	}
	d, err1 := real(dir)
	w, err2 := real(what)
	if err1 != nil || err2 != nil {
		return "", false
	}
	rel, err := filepath.Rel(d, w)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", false
	}
	if rel == "." {
		return "", true
	}
	return strings.ReplaceAll(filepath.ToSlash(rel), "/", `\`), true
}

// find is the volume of an open set that p names, and the folder on it.
func (p mapping) find(set *volumes.Set) (*volumes.Volume, string, error) {
	if n, rel, ok := p.number(); ok {
		if n < 1 || n > len(set.Volumes) {
			return nil, "", fmt.Errorf("there is no volume %d: the given sources have %d volumes", n, len(set.Volumes))
		}
		v := set.Volumes[n-1]
		if rel != "" {
			fs, err := v.FS()
			if err != nil {
				return nil, "", err
			}
			if _, err := fs.Lookup(rel); err != nil {
				return nil, "", fmt.Errorf("%s: %w", rel, err)
			}
		}
		return v, rel, nil
	}
	for _, src := range set.Sources {
		if src.Path == p.what && src.Kind != volumes.Folder {
			v, err := onlyVolume(src)
			return v, "", err
		}
		for _, v := range src.Volumes {
			if v.HostPath == "" {
				continue
			}
			if rel, ok := hostRel(v.HostPath, p.what); ok {
				return v, rel, nil
			}
		}
	}
	for _, src := range set.Sources {
		if src.Path == p.what {
			v, err := onlyVolume(src)
			return v, "", err
		}
	}
	return nil, "", fmt.Errorf("%s is not among the sources", p.what)
}

// onlyVolume is the one volume of a source that can be read.
func onlyVolume(src *volumes.Source) (*volumes.Volume, error) {
	var readable []*volumes.Volume
	var errs []error
	for _, v := range src.Volumes {
		switch _, err := v.FS(); {
		case v.Starts():
		case err == nil:
			readable = append(readable, v)
		case errors.Is(err, volumes.ErrLocked):
			errs = []error{err} // what else there is matters less
		case !slices.ContainsFunc(errs, func(e error) bool { return errors.Is(e, volumes.ErrLocked) }):
			errs = append(errs, err)
		}
	}
	switch {
	case len(readable) == 1:
		return readable[0], nil
	case len(readable) == 0 && len(errs) == 1:
		return nil, errs[0]
	case len(readable) == 0 && len(errs) > 0:
		return nil, fmt.Errorf("%s holds no volume that can be read: %w", src.Path, errors.Join(errs...))
	}
	return nil, fmt.Errorf("%s holds %d volumes that can be read", src.Path, len(readable))
}

// sourceError gives an error of volumes.Open its status: what was named wrongly
// is a matter of usage, what is broken or not there is a failure, and what a
// person has to decide is that.
func (a *app) sourceError(err error) error {
	var src *volumes.SourceError
	if !errors.As(err, &src) {
		return fail(statusFailed, err, "")
	}
	status := statusFailed
	var missing *image.MissingError
	switch {
	case errors.Is(err, volumes.ErrMap):
		status = statusDecision
	case errors.As(err, &missing):
		// The source is there, and not whole.
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, volumes.ErrNotDisk), errors.Is(err, volumes.ErrHive), errors.Is(err, volumes.ErrUnsupported),
		errors.Is(err, volumes.ErrSameSource), errors.Is(err, volumes.ErrOverlap), errors.Is(err, volumes.ErrNotMap):
		status = statusUsage
	}
	return fail(status, fmt.Errorf("%s: %w", src.Path, src.Err), src.Hint)
}

// system is the one installation a job is about.
func (s *source) system() (*offline.System, error) {
	switch len(s.systems) {
	case 1:
		if s.undecided != nil {
			return nil, s.undecided
		}
		if err := s.conflict(); err != nil {
			return nil, err
		}
		if err := s.wrongKeys(); err != nil {
			return nil, err
		}
		return s.systems[0], nil
	case 0:
		why, hint := "no Windows was found on the sources", "give the disk that holds the Windows folder; inspect shows what is on each volume"
		locked := s.lockedHint()
		for _, p := range s.problems {
			// What to do is said once.
			why += "; " + strings.TrimSuffix(p.String(), "; "+locked)
		}
		for _, o := range s.olds {
			why += "; " + o.Folder + ": " + o.Gone
			hint = "take the files of " + o.Folder + " as they are, with ls and extract"
		}
		hint = cmp.Or(locked, s.cutHint(), hint)
		return nil, fail(statusDecision, errors.New(why), hint)
	}
	names := make([]string, len(s.systems))
	for i, sys := range s.systems {
		names[i] = sys.Name
	}
	return nil, fail(statusDecision, fmt.Errorf("the sources hold %d installations of Windows: %s", len(names), strings.Join(names, ", ")), "choose one with --windows, as inspect prints it")
}

// prefix is what paths on v begin with: the letter of the only installation,
// or the volume's number.
func (s *source) prefix(v *volumes.Volume) string {
	if len(s.systems) == 1 {
		return s.systems[0].VolumePrefix(v)
	}
	return strconv.Itoa(v.Number) + ":"
}

// isStore says whether path is a folder that holds a store.
func isStore(path string) bool {
	for _, name := range []string{"coldstate.json", "coldstate.json.new"} {
		if fi, err := os.Stat(filepath.Join(path, name)); err == nil && fi.Mode().IsRegular() {
			return true
		}
	}
	return false
}
