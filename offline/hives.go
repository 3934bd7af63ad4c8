package offline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"weak"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes"
)

// HiveState tells how a registry file was opened.
type HiveState struct {
	Path string `json:"path"` // the file that was asked for: `C:\Windows\System32\config\SYSTEM`
	// From is the file that was read: Path, unless Path is of no use and
	// another file stands in for it; "" when there is none.
	From string `json:"from,omitempty"`
	// Fallback names what From is, "" for Path itself: "RegBack", "backup
	// copy", "repair", "mandatory profile".
	Fallback string `json:"fallback,omitempty"`
	// Modified is when a fallback was last written, as far as its file system
	// tells: 2024-05-14T08:00:00Z.
	Modified string `json:"from_modified,omitempty"`
	// Recovery tells what the transaction logs gave.
	Recovery hive.Recovery `json:"recovery,omitzero"`
	// Problems counts what was found damaged in it so far, First is the first
	// of these.
	Problems int    `json:"problems,omitempty"`
	First    string `json:"first_problem,omitempty"`
	// Unreadable is the number of bytes that the disk did not give: the keys
	// and values there are missing.
	Unreadable int64 `json:"unreadable_bytes,omitempty"`
	// Wrong says how it is known that the content is not what it was, though all
	// of it was read: a WIM file has a hash of it. "" when nothing says so.
	Wrong string `json:"wrong,omitempty"`
	// UnreadLogs names the transaction logs of a hive that needs them that
	// lie beside it and cannot be read, with the reason.
	UnreadLogs []string `json:"unreadable_logs,omitempty"`
	// Error says why Path itself could not be used, "" when it was.
	Error string `json:"error,omitempty"`
	// Unknown says what of the installation is not known for want of the
	// registry file, and what to do; "" when it, or a copy, tells.
	Unknown string `json:"unknown,omitempty"`

	open weak.Pointer[hive.Hive]
}

// Lost says whether something of the registry file is missing: newer changes,
// or all of it.
func (st HiveState) Lost() bool {
	return st.Error != "" || st.Unknown != "" || st.Recovery.Unrecovered != "" || st.Unreadable > 0 || st.Wrong != "" || len(st.UnreadLogs) > 0
}

// damaged says whether keys may be missing that Windows has written.
func (st HiveState) damaged() bool {
	return st.Problems > 0 || st.Unreadable > 0 || st.Wrong != "" || st.Recovery.Unrecovered != ""
}

// Tell is what people have to know of the registry file; ok is false when it
// was whole by itself.
func (st HiveState) Tell() (p Problem, ok bool) {
	p.Where = st.Path
	more := st.Recovery.String()
	if len(st.UnreadLogs) > 0 && len(st.Recovery.Applied)+len(st.Recovery.Rejected) == 0 {
		more = "" // it would say that there are no logs
	}
	switch {
	case st.Fallback != "":
		date := ""
		if st.Modified != "" {
			date = " of " + st.Modified[:10]
		}
		p.What = fmt.Sprintf("cannot be used (%s); %s (%s%s) is read in its place: what changed since then is missing", st.Error, st.From, st.Fallback, date)
		if more != "" {
			p.What += "; " + more
		}
	case st.Error != "":
		p.What = fmt.Sprintf("cannot be used (%s), and no copy of it was found that can be", st.Error)
	case more != "":
		p.What = more
	case st.Unreadable == 0 && st.Wrong == "" && len(st.UnreadLogs) == 0 && st.Unknown == "":
		return p, false
	}
	if len(st.UnreadLogs) > 0 {
		if p.What != "" {
			p.What = strings.TrimSuffix(p.What, ".") + "; "
		}
		p.What += "the newest changes may be missing, for logs beside it cannot be read: " + strings.Join(st.UnreadLogs, ", ")
	}
	if st.Unreadable > 0 {
		if p.What != "" {
			p.What += "; "
		}
		p.What += fmt.Sprintf("%d bytes of it cannot be read from the disk: the keys and values there are missing", st.Unreadable)
	}
	if st.Wrong != "" {
		if p.What != "" {
			p.What += "; "
		}
		p.What += "all of it was read, but not all of it is right: keys and values may be missing or wrong (" + st.Wrong + ")"
	}
	if st.Unknown != "" {
		if p.What != "" {
			p.What = strings.TrimSuffix(p.What, ".") + ": "
		}
		p.What += st.Unknown
	}
	return p, true
}

// hiveStates remembers the registry files of a System that were opened.
type hiveStates struct {
	mu sync.Mutex
	by map[string]HiveState // by path in upper case
	// unread is what HiveFiles could not read, and logs the logs, for NoteHive.
	unread map[string]unreadable
	logs   map[string][]string
}

func newHiveStates() *hiveStates {
	return &hiveStates{by: map[string]HiveState{}, unread: map[string]unreadable{}, logs: map[string][]string{}}
}

// refreshed is st with the damage that its hive has met so far.
func (st HiveState) refreshed() HiveState {
	if h := st.open.Value(); h != nil {
		st.count(h)
	}
	return st
}

func (st *HiveState) count(h *hive.Hive) {
	if n := h.ProblemCount(); n > st.Problems {
		st.Problems = n
		st.First = h.Problems()[0].String()
	}
}

// HiveStates tells how each registry file was opened that was opened so far,
// in the order of their paths.
func (s *System) HiveStates() []HiveState {
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	out := make([]HiveState, 0, len(s.states.by))
	for key, st := range s.states.by {
		st = st.refreshed()
		s.states.by[key] = st
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
	return st.refreshed(), ok
}

// HiveStateOf tells how h was opened; false when it is no registry file of s.
func (s *System) HiveStateOf(h *hive.Hive) (HiveState, bool) {
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	for _, st := range s.states.by {
		if st.open.Value() == h {
			return st.refreshed(), true
		}
	}
	return HiveState{}, false
}

// Missing says in a sentence what of the registry file is not there to be
// read; "" for nothing.
func (st HiveState) Missing() string {
	text := ""
	if p, ok := st.Tell(); ok && st.Lost() {
		text = p.String()
	}
	text = strings.TrimSuffix(text, ".")
	if st.Problems > 0 {
		if text != "" {
			text += "; "
		} else {
			text = st.Path + ": "
		}
		text += fmt.Sprintf("damaged in %d places, first at %s: keys and values there are missing", st.Problems, st.First)
	}
	return text
}

// remember keeps the state of the registry file at path, a hive on v.
func (s *System) remember(v *volumes.Volume, path string, st HiveState) {
	st.Path = path
	switch {
	case st.From != "" && st.Fallback == "":
		st.From = path
	case st.From != "":
		st.From = s.Path(v, st.From)
	}
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	key := wstr.Upper(path)
	if old, ok := s.states.by[key]; ok && old.From == st.From {
		old = old.refreshed()
		st.Unknown = cmp.Or(st.Unknown, old.Unknown)
		if old.Problems > st.Problems {
			st.Problems, st.First = old.Problems, old.First
		}
	}
	s.states.by[key] = st
}

// Hive opens the registry file at path. The changes in its transaction logs
// are applied to a copy in memory. When the file does not open, a copy that
// Windows or a person made of it is read in its place; HiveState tells. The
// error is that of the file itself.
func (s *System) Hive(path string) (*hive.Hive, error) {
	v, rel, err := s.Locate(path)
	if err != nil {
		return nil, err
	}
	fs, err := v.FS()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	h, st, err := openHive(fs, rel, nil)
	if err == nil || !errors.Is(err, volumes.ErrNotFound) { // most users lack one hive or another
		s.remember(v, winpath.Clean(path), st)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// HiveFiles reads the registry file at path, of at most max bytes, with the
// transaction logs beside it, for callers that have to do with its bytes. It
// knows no fallback.
func (s *System) HiveFiles(path string, max int64) ([]byte, []hive.Log, error) {
	v, rel, err := s.Locate(path)
	if err != nil {
		return nil, nil, err
	}
	fs, err := v.FS()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	b, bad, err := readDamaged(fs, rel, max)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	logs, unread := readLogs(fs, rel)
	key := wstr.Upper(winpath.Clean(path))
	s.states.mu.Lock()
	s.states.unread[key], s.states.logs[key] = bad, unread
	s.states.mu.Unlock()
	return b, logs, nil
}

// NoteHive tells HiveStates of a hive that was opened from HiveFiles.
func (s *System) NoteHive(path string, h *hive.Hive) {
	v, rel, err := s.Locate(path)
	if err != nil {
		return
	}
	st := HiveState{From: rel}
	key := wstr.Upper(winpath.Clean(path))
	s.states.mu.Lock()
	st.lacks(s.states.unread[key])
	unread := s.states.logs[key]
	s.states.mu.Unlock()
	st.opened(h, unread)
	s.remember(v, winpath.Clean(path), st)
}

// readLogs reads the transaction logs of the hive at rel, and names those that
// lie there and cannot be read.
func readLogs(fs volumes.FS, rel string) (logs []hive.Log, unread []string) {
	for _, suffix := range hive.LogSuffixes {
		e, err := lookup(fs, rel+suffix)
		if err != nil {
			continue
		}
		switch b, err := readFile(fs, rel+suffix, MaxHive); {
		case err != nil:
			unread = append(unread, fmt.Sprintf("%s (%v)", fs.Name(e), err))
		case len(b) > 0:
			logs = append(logs, hive.Log{Name: fs.Name(e), Data: b})
		}
	}
	return logs, unread
}

// readHive opens the registry file at rel with its logs. usable, unless nil,
// says what a hive that opens lacks. What the disk does not give of it and of
// its logs is in st.
func readHive(fs volumes.FS, rel string, usable func(*hive.Hive) error) (h *hive.Hive, st HiveState, err error) {
	b, bad, err := readDamaged(fs, rel, MaxHive)
	if err != nil {
		return nil, st, err
	}
	logs, unread := readLogs(fs, rel)
	h, err = hive.OpenWithLogs(b, logs)
	if err == nil && usable != nil {
		err = usable(h)
	}
	if err != nil && bad.bytes > 0 {
		err = fmt.Errorf("%d bytes of it cannot be read from the disk (%w), and without them it is of no use: %w", bad.bytes, bad.err, err)
	}
	if err != nil {
		return nil, st, err
	}
	st.lacks(bad)
	st.opened(h, unread)
	return h, st, nil
}

// openHive opens the registry file at rel, or what stands in for it. In the
// state Path is missing, and From is a path below the root of fs.
func openHive(fs volumes.FS, rel string, usable func(*hive.Hive) error) (*hive.Hive, HiveState, error) {
	h, st, err := readHive(fs, rel, usable)
	if err == nil {
		st.From = rel
		return h, st, nil
	}
	why := reason(err)
	for _, f := range fallbacks(fs, rel) {
		h, st, ferr := readHive(fs, f.path, usable)
		if ferr != nil {
			continue
		}
		st.From, st.Fallback, st.Error = f.path, f.what, why
		if f.modified > 0 {
			st.Modified = f.modified.Time().UTC().Format("2006-01-02T15:04:05Z")
		}
		return h, st, nil
	}
	return nil, HiveState{Error: why}, err
}

// reason is why a registry file could not be opened, without what to do, which
// is done.
func reason(err error) string {
	var fe *hive.FormatError
	if errors.As(err, &fe) && !errors.As(err, new(*volumes.ReadError)) {
		return fmt.Sprintf("offset %#x: %s", fe.Offset, fe.What)
	}
	return err.Error()
}

// lacks notes what the disk did not give, or not as it was.
func (st *HiveState) lacks(bad unreadable) {
	if st.Unreadable = bad.bytes; bad.wrong != nil {
		st.Wrong = bad.wrong.Error()
	}
}

// opened notes how h was opened; unread are the logs that could not be read,
// which a clean hive does not need.
func (st *HiveState) opened(h *hive.Hive, unread []string) {
	if st.Recovery = h.Recovery(); st.Recovery.Dirty {
		st.UnreadLogs = unread
	}
	st.open = weak.Make(h)
	st.count(h)
}

// fallback is a file that may stand in for a hive.
type fallback struct {
	path     string // below the root of the volume
	what     string
	modified wstr.Filetime
}

// copySuffixes are what people and programs put behind the name of a hive
// when they put a copy aside.
var copySuffixes = []string{".bak", ".old", ".backup", ".copy", ".orig", "_bak", "_old"}

// fallbacks lists the files that may stand in for the hive at rel, best first:
// RegBack, which Windows filled every ten days up to Windows 10 1803 (and
// leaves empty since); copies beside the hive, the newest first; the mandatory
// form of a user's hive; and last what Setup left when Windows was installed:
// the folder repair and the .sav files of XP.
func fallbacks(fs volumes.FS, rel string) []fallback {
	dir, name := winpath.Dir(rel), winpath.Base(rel)
	var out []fallback
	add := func(path, what string) {
		e, err := lookup(fs, path)
		if err != nil {
			return
		}
		if info, err := fs.Info(e); err == nil && !info.IsDir() && info.Size > 0 {
			out = append(out, fallback{path, what, info.Modified})
		}
	}
	config := wstr.EqualFold(winpath.Base(dir), "config")
	if config {
		add(winpath.Join(dir, "RegBack", name), "RegBack")
	}
	beside := len(out)
	for _, suffix := range copySuffixes {
		add(rel+suffix, "backup copy")
	}
	slices.SortStableFunc(out[beside:], func(a, b fallback) int { return cmp.Compare(b.modified, a.modified) })
	switch {
	case config:
		add(winpath.Join(winpath.Dir(winpath.Dir(dir)), "repair", name), "repair")
		add(rel+".sav", "backup copy of Setup")
	case wstr.EqualFold(name, "NTUSER.DAT"):
		add(winpath.Join(dir, "NTUSER.MAN"), "mandatory profile")
	}
	return out
}
