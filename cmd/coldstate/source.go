package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
)

// sourceFlags choose among what the sources hold.
type sourceFlags struct {
	Windows string   `help:"Which installation, as inspect prints it, when there are several." placeholder:"PATH"`
	Map     []string `help:"That drive letter of the offline Windows is this volume: D=2 (number of inspect)." placeholder:"LETTER=VOLUME" sep:"none"`
}

// source is an open set of disks and, when there is one, its Windows.
type source struct {
	set      *volumes.Set
	systems  []*offline.System
	problems []offline.Problem
}

func (s *source) Close() { s.set.Close() }

// openSource opens the paths and looks for installations.
func (a *app) openSource(paths []string, f sourceFlags) (*source, error) {
	return a.openSourceWith(paths, f, volumes.Options{})
}

func (a *app) openSourceWith(paths []string, f sourceFlags, vopt volumes.Options) (*source, error) {
	set, err := volumes.Open(paths, vopt)
	if err != nil {
		return nil, a.sourceError(err)
	}
	opt := offline.Options{}
	for _, m := range f.Map {
		letter, vol, ok := strings.Cut(m, "=")
		n, err := strconv.Atoi(strings.TrimSuffix(vol, ":"))
		letter = strings.ToUpper(strings.TrimSuffix(letter, ":"))
		if !ok || err != nil || len(letter) != 1 || letter[0] < 'A' || letter[0] > 'Z' {
			set.Close()
			return nil, fail(statusUsage, fmt.Errorf("--map %s: a drive letter and the number of a volume are wanted", m), "for example --map D=2; inspect lists the volumes with their numbers")
		}
		if opt.Map == nil {
			opt.Map = map[byte]int{}
		}
		opt.Map[letter[0]] = n
	}
	systems, problems, err := offline.Find(set, opt)
	if err != nil {
		set.Close()
		return nil, fail(statusUsage, err, "inspect lists the volumes with their numbers")
	}
	s := &source{set, systems, problems}
	if f.Windows != "" {
		sys, err := offline.Choose(systems, f.Windows)
		if err != nil {
			set.Close()
			return nil, fail(statusUsage, err, "inspect lists the installations")
		}
		s.systems = []*offline.System{sys}
	}
	return s, nil
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
		var why strings.Builder
		why.WriteString("no Windows was found on the sources")
		for _, p := range s.problems {
			why.WriteString("; " + p.String())
		}
		for _, v := range s.set.Volumes {
			// A Windows could be behind these.
			if _, err := v.FS(); err != nil && (v.Kind == "NTFS" || v.Kind == "BitLocker" || v.Kind == "ReFS") {
				fmt.Fprintf(&why, "; %v", err)
			}
		}
		return nil, fail(statusDecision, errors.New(why.String()), "give the disk that holds the Windows folder; inspect shows what is on each volume")
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
