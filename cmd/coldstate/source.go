package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/winold"
)

// sourceFlags choose among what the sources hold.
type sourceFlags struct {
	Windows string   `help:"Which installation, as inspect prints it, when there are several." placeholder:"PATH"`
	Map     []string `help:"That drive letter of the offline Windows is this volume (number of inspect) or source." placeholder:"LETTER=VOLUME" sep:"none"`
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
}

func (s *source) Close() { s.set.Close() }

// openSource opens the paths and looks for installations.
func (a *app) openSource(paths []string, f sourceFlags) (*source, error) {
	return a.openSourceWith(paths, f, volumes.Options{})
}

func (a *app) openSourceWith(paths []string, f sourceFlags, vopt volumes.Options) (*source, error) {
	mapped, paths, err := parseMap(f.Map, paths)
	if err != nil {
		return nil, err
	}
	set, err := volumes.Open(paths, vopt)
	if err != nil {
		return nil, a.sourceError(err)
	}
	opt := offline.Options{Map: map[byte]int{}}
	for _, m := range mapped {
		n := m.volume
		if m.source >= 0 {
			if n, err = onlyVolume(set.Sources[m.source]); err != nil {
				set.Close()
				return nil, fail(statusUsage, fmt.Errorf("--map %s: %w", m.text, err), "name the volume by its number, as inspect lists them with all sources")
			}
		}
		opt.Map[m.letter] = n
	}
	systems, problems, err := offline.Find(set, opt)
	if err != nil {
		set.Close()
		return nil, fail(statusUsage, err, "inspect lists the volumes with their numbers")
	}
	s := &source{set: set, systems: systems, problems: problems}
	if err := s.chooseWindows(f.Windows, opt); err != nil {
		set.Close()
		return nil, err
	}
	return s, nil
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
		return fail(statusDecision, err, fmt.Sprintf(`take its files as they are: coldstate extract SOURCE '%[1]s\Users' --to DIR, or capture --include '%[1]s\* [*]'`, gone.Old.Folder))
	case name != "":
		return fail(statusUsage, err, "inspect lists the installations")
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

// mapping is one --map: a letter and the number of a volume, or the index of
// a source that holds one.
type mapping struct {
	text   string
	letter byte
	volume int
	source int // -1 when volume is given
}

// parseMap reads the --map flags. Sources that only they name are added to
// paths.
func parseMap(flags, paths []string) ([]mapping, []string, error) {
	var out []mapping
	paths = slices.Clone(paths)
	for _, text := range flags {
		letter, what, ok := strings.Cut(text, "=")
		letter = strings.ToUpper(strings.TrimSuffix(letter, ":"))
		if !ok || what == "" || len(letter) != 1 || letter[0] < 'A' || letter[0] > 'Z' {
			return nil, nil, fail(statusUsage, fmt.Errorf("--map %s: a drive letter and the number of a volume, or a source, are wanted", text), "for example --map D=2 or --map D=/dev/sdb1; inspect lists the volumes with their numbers")
		}
		m := mapping{text: text, letter: letter[0], source: -1}
		if n, err := strconv.Atoi(strings.TrimSuffix(what, ":")); err == nil {
			m.volume = n
		} else if i := slices.Index(paths, what); i >= 0 {
			m.source = i
		} else {
			m.source = len(paths)
			paths = append(paths, what)
		}
		out = append(out, m)
	}
	return out, paths, nil
}

// onlyVolume is the number of the one volume of a source that can be read.
func onlyVolume(src *volumes.Source) (int, error) {
	var readable []int
	for _, v := range src.Volumes {
		if _, err := v.FS(); err == nil {
			readable = append(readable, v.Number)
		}
	}
	if len(readable) != 1 {
		return 0, fmt.Errorf("%s holds %d volumes that can be read", src.Path, len(readable))
	}
	return readable[0], nil
}

// sourceError gives an error of volumes.Open its status.
func (a *app) sourceError(err error) error {
	var src *volumes.SourceError
	if errors.As(err, &src) {
		return fail(statusUsage, fmt.Errorf("%s: %w", src.Path, src.Err), src.Hint)
	}
	return fail(statusFailed, err, "")
}

// system is the one installation a job is about.
func (s *source) system() (*offline.System, error) {
	switch len(s.systems) {
	case 1:
		return s.systems[0], nil
	case 0:
		why, hint := "no Windows was found on the sources", "give the disk that holds the Windows folder; inspect shows what is on each volume"
		for _, p := range s.problems {
			why += "; " + p.String()
		}
		for _, o := range s.olds {
			why += "; " + o.Folder + ": " + o.Gone
			hint = "take the files of " + o.Folder + " as they are, with ls and extract"
		}
		for _, v := range s.set.Volumes {
			var ve *volumes.VolumeError
			if _, err := v.FS(); errors.As(err, &ve) && errors.Is(err, volumes.ErrLocked) && ve.Hint != "" {
				hint = ve.Hint
			}
		}
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
