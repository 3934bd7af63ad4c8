package profile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/winsec"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

const (
	ntuserName   = "NTUSER.DAT"
	usrClassName = `Microsoft\Windows\UsrClass.dat` // below the local AppData
)

// State bits of a key of ProfileList.
const (
	stateTemporary = 0x800
	stateBackup    = 0x8000
)

// maxUsers bounds the profiles of one installation. Terminal servers have
// some hundreds.
const maxUsers = 10000

// maxKept bounds the bytes of user hives that are kept in memory at once.
// Hives of people have 1 to 20 MiB; a WinPE machine may have 512 MiB.
const maxKept = 64 << 20

// reader gathers what Users needs of one installation.
type reader struct {
	sys      *offline.System
	names    *names
	kept     int64 // bytes of hives read so far
	keep     int64
	problems []Problem
	noList   bool // SOFTWARE, which has the list of the users, is of no use
}

// Users returns every profile of sys: the keys of ProfileList in their order,
// then the profile folders without a key. What is wrong with one profile is
// in its Problems, what concerns all of them is the second result. The error
// is only about a ProfileList that cannot be read; the folders are returned
// all the same. When the whole of SOFTWARE is of no use, as SoftwareError of
// sys says, the folders are all there is, and that is no error.
func Users(sys *offline.System) ([]*User, []Problem, error) { return users(sys, maxKept) }

// users keeps hives in memory until they have more than keep bytes.
func users(sys *offline.System, keep int64) ([]*User, []Problem, error) {
	r := &reader{sys: sys, keep: keep}
	r.names = readNames(sys, r.readSAM())

	var users []*User
	list, err := sys.Software.Root().Key(offline.ProfileList)
	if err != nil && sys.SoftwareError != nil {
		r.noList, err = true, nil
	} else if err != nil {
		err = fmt.Errorf(`HKLM\SOFTWARE\%s, the list of the users, cannot be read: %w`, offline.ProfileList, err)
	} else {
		for k := range list.Subkeys() {
			if len(users) == maxUsers {
				r.problem(`HKLM\SOFTWARE\`+offline.ProfileList, "has more than %d profiles; the rest is left out", maxUsers)
				break
			}
			if sid, _, ok := splitSID(k.Name()); ok {
				users = append(users, r.fromKey(k, sid))
			}
		}
	}
	for _, dir := range r.orphans(users) {
		users = append(users, r.orphan(dir))
	}
	r.pair(users)
	for _, u := range users {
		r.fill(u)
	}
	shareFolders(users)
	return users, r.problems, err
}

func (r *reader) problem(where, format string, args ...any) {
	r.problems = append(r.problems, Problem{Where: where, What: fmt.Sprintf(format, args...)})
}

// readSAM reads the local accounts, nil when they cannot be.
func (r *reader) readSAM() *SAM {
	path := r.sys.Config("SAM")
	sam, err := Accounts(r.sys)
	if err != nil {
		r.problem(path, "cannot be read (%s); names of local accounts are guessed from other places", why(err, path))
	}
	if sam != nil {
		for _, p := range sam.Problems {
			r.problem(sam.From, "%s", p)
		}
	}
	return sam
}

// isNotFound says that err is about a file that does not exist.
func isNotFound(err error) bool { return errors.Is(err, volumes.ErrNotFound) }

// splitSID takes the name of a key of ProfileList apart: the SID, and what
// somebody put behind it, mostly ".bak".
func splitSID(name string) (sid, suffix string, ok bool) {
	end := len(name)
	for i, c := range []byte(name) {
		if !(c >= '0' && c <= '9' || c == '-' || i == 0 && (c == 'S' || c == 's')) {
			end = i
			break
		}
	}
	sid = strings.ToUpper(name[:end])
	if _, err := winsec.ParseSIDString(sid); err != nil {
		return "", "", false
	}
	return sid, name[end:], true
}

// fromKey reads a key of ProfileList.
func (r *reader) fromKey(k hive.Key, sid string) *User {
	_, suffix, _ := splitSID(k.Name())
	u := &User{SID: sid, SIDFrom: "ProfileList", ID: sid, KeyName: k.Name(), sys: r.sys}
	where := `HKLM\SOFTWARE\` + offline.ProfileList + `\` + k.Name()
	u.State, _ = k.DWord("State")
	u.Backup = suffix != "" || u.State&stateBackup != 0
	u.Temporary = u.State&stateTemporary != 0
	u.Roaming = value(k, "CentralProfile")
	if last := loadTime(k); last.Time != 0 {
		u.Uses = append(u.Uses, last)
	}
	u.adGUID = value(k, "Guid") != ""

	path := value(k, "ProfileImagePath")
	if path == "" {
		u.problem(NoPath, where, "names no profile folder; the user's files are found only if another rule takes them")
		return u
	}
	dir, ok := r.sys.ExpandPath(path)
	switch {
	case strings.HasPrefix(dir, `\\`):
		u.problem(RemoteProfile, where, "the profile folder is %s on a server, not on this disk", dir)
		return u
	case !ok:
		u.problem(NoPath, where, "the profile folder %s is no full path; it cannot be found", path)
		return u
	}
	u.Dir = dir
	r.findDir(u, where)
	// Windows names the folder of a profile for one session TEMP. Somebody may
	// be called that.
	base := wstr.Upper(winpath.Base(u.Dir))
	if base == "TEMP" || strings.HasPrefix(base, "TEMP.") {
		a, ok := r.names.sam.Find(sid)
		u.Temporary = u.Temporary || !ok || !wstr.EqualFold(a.Name, "TEMP")
	}
	return u
}

// findDir looks for the profile folder, through links if it was moved.
func (r *reader) findDir(u *User, where string) {
	isDir := func(path string) (bool, error) {
		v, e, err := r.sys.Resolve(path)
		if err != nil {
			return false, err
		}
		fs, err := v.FS()
		if err != nil {
			return false, err
		}
		info, err := fs.Info(e)
		return err == nil && info.IsDir() && !winfs.IsNameSurrogate(info.Reparse), err
	}
	ok, err := isDir(u.Dir)
	if !ok {
		if to := r.sys.Follow(u.Dir); !wstr.EqualFold(to, u.Dir) {
			if found, _ := isDir(to); found {
				u.Dir, ok = to, true
			}
		}
	}
	u.DirFound = ok
	var missing *offline.VolumeMissingError
	switch {
	case ok:
	case errors.As(err, &missing):
		u.problem(VolumeMissing, where, "the profile folder cannot be reached: %v", err)
	case errors.Is(err, volumes.ErrNotFound):
		u.problem(NoFolder, where, "the profile folder %s does not exist", u.Dir)
	case err != nil:
		u.problem(NoFolder, where, "the profile folder cannot be read: %v", err)
	default:
		u.problem(NoFolder, where, "%s is not a folder", u.Dir)
	}
}

// loadTime is the time of last use that ProfileList has. Both halves must be
// there and give a date.
func loadTime(k hive.Key) LastUse {
	var last LastUse
	// Windows 7 to 10 1803 write ProfileLoadTime as zeros.
	for _, name := range []string{"LocalProfileLoadTime", "LocalProfileUnloadTime", "ProfileLoadTime"} {
		high, ok1 := k.DWord(name + "High")
		low, ok2 := k.DWord(name + "Low")
		t := wstr.Filetime(uint64(high)<<32 | uint64(low))
		if ok1 && ok2 && plausible(t) && t > last.Time {
			last = LastUse{Time: t, From: "ProfileList"}
		}
	}
	return last
}

// plausible says whether t is a date on which somebody may have used Windows.
func plausible(t wstr.Filetime) bool { return t > firstNT && t < lastDate }

var (
	firstNT  = wstr.FiletimeOf(time.Date(1993, 1, 1, 0, 0, 0, 0, time.UTC))
	lastDate = wstr.FiletimeOf(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
)

// fill reads the profile: its hives, name, folders and variables.
func (r *reader) fill(u *User) {
	if u.SID != "" && r.names.kind(u) == Service {
		// Nothing of a service's profile is needed, and there may be many.
		u.Kind = Service
		u.HiveError = errors.New("the profile of a service is not read")
		r.names.name(u, nil)
		u.env = r.sys.Env()
		return
	}
	ntuser := r.openNTUSER(u)
	r.names.name(u, ntuser)
	if r.names.serviceName(u) {
		u.Kind = Service
	}
	own := r.variables(u, ntuser)
	r.openClasses(u)
	r.lastUse(u)
	u.env = own
	r.tellHive(u, winpath.Join(u.Dir, ntuserName), u.Hive)
	r.tellHive(u, u.classesPath, u.Classes)
	if r.kept > r.keep {
		u.Hive, u.Classes = nil, nil
	}
}

// openNTUSER reads NTUSER.DAT, nil when it cannot be.
func (r *reader) openNTUSER(u *User) *hive.Hive {
	if !u.DirFound {
		u.HiveError = errors.New("there is no profile folder, so no NTUSER.DAT")
		return nil
	}
	path := winpath.Join(u.Dir, ntuserName)
	u.Hive, u.HiveError = r.open(path)
	const lost = "the user's settings cannot be captured, the files can; which folders the user had elsewhere is not known"
	switch {
	case u.HiveError == nil:
	case isNotFound(u.HiveError):
		u.problem(NoHive, path, "does not exist: %s", lost)
	default:
		u.problem(DeadHive, path, "cannot be used (%s): %s", why(u.HiveError, path), lost)
	}
	return u.Hive
}

// tellHive tells what was amiss with a hive that is used all the same.
func (r *reader) tellHive(u *User, path string, h *hive.Hive) {
	if h == nil {
		return
	}
	if st, ok := r.sys.HiveState(path); ok {
		p, tell := st.Tell()
		switch {
		case !tell:
		case st.Fallback != "":
			u.problem(SubstituteHive, p.Where, "%s", p.What)
		case st.Lost():
			u.problem(DirtyHive, p.Where, "%s", p.What)
		default: // nothing is wrong with what is read
			u.Cases = append(u.Cases, Case{Code: ReplayedHive, Where: p.Where, What: p.What})
		}
	}
	switch list := h.Problems(); len(list) {
	case 0:
	case 1:
		u.problem(DamagedHive, path, "is damaged: %s; what can be read of it is used", list[0])
	default:
		u.problem(DamagedHive, path, "is damaged in %d places, first at %s; what can be read of it is used", h.ProblemCount(), list[0])
	}
}

// open reads a hive and counts its bytes.
func (r *reader) open(path string) (*hive.Hive, error) {
	h, err := r.sys.Hive(path)
	if err == nil {
		r.kept += r.size(path)
	}
	return h, err
}

// size is the size of a file, 0 when it cannot be told.
func (r *reader) size(path string) int64 {
	at, ok := r.place(path)
	if !ok {
		return 0
	}
	info, err := at.fs.Info(at.entry)
	if err != nil {
		return 0
	}
	return info.Size
}

// openClasses reads UsrClass.dat, which a new profile or one of NT 4.0 has
// not.
func (r *reader) openClasses(u *User) {
	local, ok := u.Folders["LocalAppData"]
	if !u.DirFound || !ok || local.Path == "" {
		return
	}
	path := winpath.Join(local.Path, usrClassName)
	if _, _, err := r.sys.Resolve(path); err != nil {
		return
	}
	u.classesPath = path
	u.Classes, u.classesErr = r.open(path)
	if u.classesErr != nil {
		u.problem(DeadClasses, path, `cannot be used (%s): what the user has below Software\Classes cannot be captured`, why(u.classesErr, path))
	}
}

// lastUse gathers what tells of a use, and takes the best signal.
func (r *reader) lastUse(u *User) {
	add := func(t wstr.Filetime, from string) {
		if plausible(t) {
			u.Uses = append(u.Uses, LastUse{Time: t, From: from})
		}
	}
	if u.DirFound {
		for _, ext := range []string{"", ".LOG", ".LOG1", ".LOG2"} {
			add(r.modified(winpath.Join(u.Dir, ntuserName+ext)), ntuserName+ext)
			if u.classesPath != "" {
				add(r.modified(u.classesPath+ext), "UsrClass.dat"+ext)
			}
		}
	}
	add(u.lastLogon, "SAM")
	slices.SortStableFunc(u.Uses, func(a, b LastUse) int { return cmp.Compare(b.Time, a.Time) })
	// Windows itself goes by the times in ProfileList. Updates touch
	// NTUSER.DAT of all users, its logs less often. The SAM knows only of
	// logons with the password of the machine's own account.
	rank := func(l LastUse) int {
		switch l.From {
		case "ProfileList":
			return 0
		case "SAM":
			return 2
		}
		return 1
	}
	if len(u.Uses) > 0 {
		u.LastUse = slices.MinFunc(u.Uses, func(a, b LastUse) int { return rank(a) - rank(b) })
	}
}

func (r *reader) modified(path string) wstr.Filetime {
	at, ok := r.place(path)
	if !ok {
		return 0
	}
	info, err := at.fs.Info(at.entry)
	if err != nil {
		return 0
	}
	return info.Modified
}

// place finds the entry at path.
func (r *reader) place(path string) (place, bool) { return placeOf(r.sys, path) }

// why is the text of err without path, which the sentence around it names, and
// without advice: the outcome of what is lost gives it.
func why(err error, path string) string {
	fe, broken := errors.AsType[*hive.FormatError](err)
	if _, unread := errors.AsType[*volumes.ReadError](err); broken && !unread {
		return fmt.Sprintf("offset %#x: %s", fe.Offset, fe.What)
	}
	return strings.TrimPrefix(err.Error(), path+": ")
}

// value reads a string value without what is behind its end; "" when it is
// not there.
func value(k hive.Key, name string) string {
	s, _ := k.String(name)
	return strings.TrimSpace(s)
}
