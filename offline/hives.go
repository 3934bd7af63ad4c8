package offline

import (
	"slices"
	"sync"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes"
)

// HiveState tells how a registry file was opened.
type HiveState struct {
	Path string `json:"path"` // the file that was asked for: `C:\Windows\System32\config\SYSTEM`
	// From is the file that was read: Path, unless Path is of no use and
	// another file stands in for it.
	From string `json:"from,omitempty"`
	// Fallback names what From is, "" for Path itself: "RegBack", "backup
	// copy", "repair".
	Fallback string `json:"fallback,omitempty"`
	// Recovery tells what the transaction logs gave.
	Recovery hive.Recovery `json:"recovery,omitzero"`
	// Problems counts what is damaged in it, First is the first of these.
	Problems int    `json:"problems,omitempty"`
	First    string `json:"first_problem,omitempty"`
	// Error says why Path itself could not be opened, "" when it was.
	Error string `json:"error,omitempty"`
}

// hiveStates remembers the registry files of a System that were opened.
type hiveStates struct {
	mu sync.Mutex
	by map[string]HiveState // by path in upper case
}

// HiveStates tells how each registry file was opened that was opened so far,
// in the order of their paths.
func (s *System) HiveStates() []HiveState {
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	out := make([]HiveState, 0, len(s.states.by))
	for _, st := range s.states.by {
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b HiveState) int { return wstr.Compare(a.Path, b.Path) })
	return out
}

// HiveState tells how the registry file at path was opened; false when it was
// not.
func (s *System) HiveState(path string) (HiveState, bool) {
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	st, ok := s.states.by[wstr.Upper(winpath.Clean(path))]
	return st, ok
}

// OpenAt loads the installation whose Windows folder is root, a path below
// the root of v: `Windows.old\Windows`. The folder above it is the root of
// the drive that it calls its own, as `Windows.old` is C:\ to a Windows that
// was put aside; its other letters are the volumes of set. Name is Dir.
func OpenAt(set *volumes.Set, v *volumes.Volume, root string, opt Options) (*System, error) {
	arch, err := parseArch(opt.Arch)
	if err != nil {
		return nil, err
	}
	if err := checkMap(set, opt.Map); err != nil {
		return nil, err
	}
	s, err := load(set, v, root, arch, opt.Map)
	if err != nil {
		return nil, err
	}
	s.Name = s.Dir
	return s, nil
}
