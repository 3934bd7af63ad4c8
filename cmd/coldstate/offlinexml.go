package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/xmlpos"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
)

// workVariable is the environment variable that says to Microsoft's tools
// which folder relative paths of an offline.xml begin in.
const workVariable = "USMT_WORKING_DIR"

// readOfflineXML reads the file that --offline names.
func readOfflineXML(name string) (*offline.Config, []offline.Warning, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fail(statusUsage, fmt.Errorf("--offline: %w", err), "check the path")
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil && fi.IsDir() {
		return nil, nil, fail(statusUsage, fmt.Errorf("--offline %s: this is a folder, not a file", name), "a Windows folder is given as the source itself")
	}
	data, err := io.ReadAll(io.LimitReader(f, xmlpos.MaxSize+1))
	if err != nil {
		return nil, nil, fail(statusUsage, fmt.Errorf("--offline: %w", err), "")
	}
	cfg, warnings, err := offline.ParseConfig(name, data)
	if err != nil {
		return nil, warnings, fail(statusUsage, err, "correct the offline.xml; nothing was read from a disk")
	}
	return cfg, warnings, nil
}

// onHost makes a path of the host of one in an offline.xml. Relative ones
// begin in the working folder. A path that only a Windows can have is an error
// elsewhere.
func onHost(path string) (string, error) {
	work := os.Getenv(workVariable)
	if runtime.GOOS == "windows" {
		if len(path) == 2 && path[1] == ':' {
			path += `\`
		}
		if filepath.IsAbs(path) || filepath.VolumeName(path) != "" || work == "" {
			return path, nil
		}
		return filepath.Join(work, path), nil
	}
	local := func(p string) string {
		if filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(work, p)
	}
	if exists(local(path)) {
		return local(path), nil
	}
	if winpath.Letter(path) != 0 || strings.HasPrefix(path, `\`) {
		return "", errors.New("this is a path of Windows, and the program runs on another system; name the folder where the disk is mounted, the disk itself or an image of it")
	}
	return local(strings.ReplaceAll(path, `\`, "/")), nil
}

// winDir is a place of an offline.xml that holds a Windows.
type winDir struct {
	offline.ConfigPath
	source string // what to open
	names  []string
	// degraded: SYSTEM or SOFTWARE of it cannot be used.
	degraded bool
}

// brokenWindows is the error of a place with a Windows that cannot be used.
type brokenWindows struct {
	source string
	why    error
}

func (e *brokenWindows) Error() string { return e.why.Error() }
func (e *brokenWindows) Unwrap() error { return e.why }

// tryWinDir looks whether a path of an offline.xml is a Windows folder, has
// one in it, or is a disk with one. The error says why it is none; it is a
// *brokenWindows when there is one all the same.
func tryWinDir(p offline.ConfigPath, opt offline.Options, vopt volumes.Options) (*winDir, error) {
	path, err := onHost(p.Path)
	if err != nil {
		return nil, err
	}
	tries := []string{path}
	if fi, err := os.Stat(path); err == nil && fi.IsDir() && !isWindowsFolder(path) {
		tries = nil
		for _, name := range []string{"Windows", "WINNT"} {
			if sub, ok := childFold(path, name); ok && isWindowsFolder(sub) {
				tries = append(tries, sub)
			}
		}
		if tries == nil {
			return nil, errors.New(`there is no Windows in the folder: neither System32\config nor a folder Windows or WINNT that has it`)
		}
	}
	var why []error
	var broken string
	var degraded *winDir
	for _, source := range tries {
		names, whole, err := windowsIn(source, opt, vopt)
		if err == nil && whole {
			return &winDir{p, source, names, false}, nil
		}
		if err == nil {
			if degraded == nil {
				degraded = &winDir{p, source, names, true}
			}
			continue
		}
		var b *brokenWindows
		if broken == "" && (errors.As(err, &b) || isWindowsFolder(source)) {
			broken = source
		}
		if source != path {
			err = fmt.Errorf("%s: %w", filepath.Base(source), err)
		}
		why = append(why, err)
	}
	if degraded != nil {
		return degraded, nil
	}
	if broken != "" {
		return nil, &brokenWindows{broken, errors.Join(why...)}
	}
	return nil, errors.Join(why...)
}

// windowsIn names the installations in a source, and says whether the registry
// of one of them can be used; the error says why there is none, or is a
// *brokenWindows.
func windowsIn(source string, opt offline.Options, vopt volumes.Options) (names []string, whole bool, err error) {
	set, err := volumes.Open([]string{source}, vopt)
	var se *volumes.SourceError
	if errors.As(err, &se) {
		return nil, false, se.Err
	}
	if err != nil {
		return nil, false, err
	}
	defer set.Close()
	systems, problems, err := offline.Find(set, offline.Options{Arch: opt.Arch, ArchFrom: opt.ArchFrom})
	if err != nil {
		return nil, false, err
	}
	if len(systems) == 0 {
		// Problems of installations have a path, those of volumes have not.
		for _, p := range problems {
			if vol, _ := winpath.Volume(p.Where); vol != "" {
				return nil, false, &brokenWindows{source, errors.New(p.String())}
			}
		}
		if len(problems) > 0 {
			return nil, false, errors.New(problems[0].String())
		}
		return nil, false, errors.New("there is no Windows on it")
	}
	for _, s := range systems {
		names = append(names, s.Name+", "+s.Product)
		whole = whole || !s.Degraded()
	}
	return names, whole, nil
}

// openOffline opens what an offline.xml names.
func (a *app) openOffline(f sourceFlags, maps []mapping, opt offline.Options, vopt volumes.Options) (*source, error) {
	cfg, warnings, err := readOfflineXML(f.Offline)
	for _, w := range warnings {
		a.message("warning", w.String())
	}
	if err != nil {
		return nil, err
	}
	at := func(p xmlpos.Pos) string { return fmt.Sprintf("%s:%d:%d", cfg.Name, p.Line, p.Col) }
	var found, degraded, broken []*winDir
	var failed []func() // tell why an entry is none
	var reasons []string
	for _, d := range cfg.Dirs {
		if len(found) > 0 && !cfg.FailOnMultiple {
			break
		}
		w, err := tryWinDir(d, opt, vopt)
		switch {
		case err != nil:
			reason := fmt.Sprintf("%s: %s: %s", at(d.Pos), d.Path, strings.ReplaceAll(err.Error(), "\n", "; "))
			kind := "note"
			var b *brokenWindows
			if errors.As(err, &b) {
				kind = "warning"
				if w := (&winDir{d, b.source, []string{"cannot be used"}, true}); !listed(broken, w) {
					broken = append(broken, w)
				}
			}
			reasons = append(reasons, reason)
			failed = append(failed, func() { a.message(kind, reason) })
		case w.degraded && !listed(degraded, w):
			degraded = append(degraded, w)
		case !w.degraded && !listed(found, w):
			found = append(found, w)
		}
	}
	if len(found) == 0 && len(degraded) > 0 {
		found, degraded = degraded[:1], degraded[1:]
	}
	if len(found) == 0 {
		return nil, fail(statusDecision, fmt.Errorf("%s: none of the paths in <winDir> is a Windows that can be used\n%s", cfg.Name, strings.Join(reasons, "\n")),
			"correct the paths, or give the disk as the source: inspect shows what is on it")
	}
	for _, tell := range failed {
		tell()
	}
	for _, w := range degraded {
		a.message("warning", fmt.Sprintf("%s: %s: SYSTEM or SOFTWARE cannot be used: another path is taken; make it the only one to capture it", at(w.Pos), w.Path))
	}
	if cfg.FailOnMultiple {
		var list []string
		for _, w := range slices.Concat(found, degraded, broken) {
			for _, name := range w.names {
				list = append(list, fmt.Sprintf("%s: %s: %s", at(w.Pos), w.Path, name))
			}
		}
		if len(list) > 1 {
			return nil, fail(statusDecision, fmt.Errorf("%s: failOnMultipleWinDir is 1, and there are %d installations of Windows\n%s", cfg.Name, len(list), strings.Join(list, "\n")),
				"leave the path of one in <winDir>")
		}
	}
	chosen := found[0]
	var places []mapping
	for _, m := range cfg.Mappings {
		places = append(places, a.readMapping(m, at(m.Pos)))
	}
	if err := checkTwice(places); err != nil {
		return nil, err
	}
	opt.Replace = len(places) > 0
	places = append(places, maps...) // they come last, and count
	set, err := volumes.Open(addSources([]string{chosen.source}, places), vopt)
	if err != nil {
		return nil, a.sourceError(err)
	}
	s, err := a.findWindows(set, f, places, opt)
	if err != nil {
		return nil, err
	}
	var more []mapping
	if !opt.Replace {
		more = a.otherDrives(s, cfg)
	}
	if len(more) > 0 {
		s.Close()
		places = append(more, places...)
		if set, err = volumes.Open(addSources([]string{chosen.source}, places), vopt); err != nil {
			return nil, a.sourceError(err)
		}
		if s, err = a.findWindows(set, f, places, opt); err != nil {
			return nil, err
		}
	}
	if f.Windows != "" {
		return s, nil
	}
	// What lies on the sources of the mappings was not asked for.
	var others []string
	chosenSystems := s.systems[:0:0]
	for _, sys := range s.systems {
		if sys.Volume.Source == set.Sources[0] {
			chosenSystems = append(chosenSystems, sys)
		} else {
			others = append(others, sys.Name+", "+sys.Product)
		}
	}
	s.systems = chosenSystems
	if err := s.conflict(); err != nil {
		s.Close()
		return nil, err
	}
	for _, name := range append(others, a.unlisted(cfg, set.Sources[0], opt)...) {
		a.message("warning", fmt.Sprintf("%s: there is another Windows, which is not taken: %s", cfg.Name, name))
	}
	return s, nil
}

// hostDrives lists the drives of the host; tests have others.
var hostDrives = volumes.HostDrives

// otherDrives are the drives of the host that are drives of the chosen
// Windows, too, which lies in a folder of the host: WinPE has given them other
// letters.
func (a *app) otherDrives(s *source, cfg *offline.Config) []mapping {
	if len(s.systems) != 1 || s.systems[0].Volume.HostPath == "" || len(s.systems[0].Missing) == 0 {
		return nil
	}
	var out []mapping
	for _, d := range hostDrives() {
		if letter := s.systems[0].LetterOf(d); letter != 0 {
			a.message("note", fmt.Sprintf("%s: %s is drive %c: of the offline Windows", cfg.Name, d.Root, letter))
			out = append(out, mapping{where: cfg.Name, how: "drive " + d.Root + " of this system", path: string(rune(letter)) + `:\`, what: d.Root})
		}
	}
	return out
}

// listed says whether one of found is w under another spelling.
func listed(found []*winDir, w *winDir) bool {
	fi, err := os.Stat(w.source)
	for _, o := range found {
		if o.source == w.source {
			return true
		}
		if other, oerr := os.Stat(o.source); err == nil && oerr == nil && os.SameFile(fi, other) {
			return true
		}
	}
	return false
}

// unlisted names the installations that lie beside the chosen one and that
// the file does not list.
func (a *app) unlisted(cfg *offline.Config, src *volumes.Source, opt offline.Options) []string {
	if len(src.Volumes) != 1 || src.Volumes[0].Hint == "" {
		return nil
	}
	root := src.Volumes[0].HostPath
	set, err := volumes.Open([]string{root}, volumes.Options{})
	if err != nil {
		return nil
	}
	defer set.Close()
	systems, _, err := offline.Find(set, offline.Options{Arch: opt.Arch, ArchFrom: opt.ArchFrom})
	if err != nil {
		return nil
	}
	var names []string
next:
	for _, sys := range systems {
		dir := filepath.Join(root, filepath.FromSlash(strings.ReplaceAll(sys.Root, `\`, "/")))
		fi, err := os.Stat(dir)
		if err != nil {
			continue
		}
		for _, d := range cfg.Dirs {
			path, err := onHost(d.Path)
			if err != nil {
				continue
			}
			for _, p := range []string{path, filepath.Join(path, "Windows"), filepath.Join(path, "WINNT")} {
				if other, err := os.Stat(p); err == nil && os.SameFile(fi, other) {
					continue next
				}
			}
		}
		names = append(names, dir+", "+sys.Product)
	}
	return names
}

// readMapping finds out which of the two paths is that of the host, and says
// it where the file does not.
func (a *app) readMapping(m offline.Mapping, where string) mapping {
	p := func(m offline.Mapping) (mapping, error) {
		p := mapping{where: where, how: "offline.xml", path: m.Offline, what: m.Online}
		if _, _, ok := p.number(); ok {
			return p, nil
		}
		host, err := onHost(m.Online)
		if err == nil {
			p.what = host
			if !isDevice(host) {
				_, err = os.Stat(host)
			}
		}
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return p, err
	}
	asWritten, err := p(m)
	if err == nil {
		if !m.Sure {
			a.message("note", fmt.Sprintf("%s: %s is taken as %s of the offline Windows", where, m.Online, m.Offline))
		}
		return asWritten
	}
	if !m.Sure {
		if reversed, rerr := p(m.Reverse()); rerr == nil {
			a.message("warning", fmt.Sprintf("%s: %s is taken as %s of the offline Windows, the second path first: %s is not here (%v)", where, m.Offline, m.Online, m.Online, err))
			reversed.path = winpath.Clean(reversed.path)
			return reversed
		}
	}
	a.message("warning", fmt.Sprintf("%s: %s cannot be reached (%v): what the offline Windows has on %s is missing", where, m.Online, err, m.Offline))
	asWritten.missing = true
	return asWritten
}

// isDevice says whether a path names a device of Windows, which cannot be
// asked like a file.
func isDevice(path string) bool {
	return strings.HasPrefix(path, `\\.\`) || strings.HasPrefix(path, `\\?\`)
}

// offlinePlaces are the paths of the host that an offline.xml names, for those
// who must not write there.
func offlinePlaces(name string) []string {
	cfg, _, err := readOfflineXML(name)
	if err != nil {
		return nil // the command itself says so
	}
	var out []string
	add := func(path string) {
		if host, err := onHost(path); err == nil {
			out = append(out, host)
		}
	}
	for _, d := range cfg.Dirs {
		add(d.Path)
	}
	for _, m := range cfg.Mappings {
		add(m.Online)
	}
	return out
}
