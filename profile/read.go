package profile

import (
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
}

// Users returns every profile of sys: the keys of ProfileList in their order,
// then the profile folders without a key. What is wrong with one profile is
// in its Problems, what concerns all of them is the second result. The error
// is only about a ProfileList that cannot be read; the folders are returned
// all the same.
func Users(sys *offline.System) ([]*User, []Problem, error) { return users(sys, maxKept) }

// users keeps hives in memory until they have more than keep bytes.
func users(sys *offline.System, keep int64) ([]*User, []Problem, error) {
	r := &reader{sys: sys, keep: keep}
	r.names = readNames(sys, r.readSAM())

	var users []*User
	list, err := sys.Software.Root().Key(offline.ProfileList)
	if err != nil {
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
	pair(users)
	for _, u := range users {
		r.fill(u)
	}
	return users, r.problems, err
}

func (r *reader) problem(where, format string, args ...any) {
	r.problems = append(r.problems, Problem{Where: where, What: fmt.Sprintf(format, args...)})
}

func (u *User) problem(where, format string, args ...any) {
	u.Problems = append(u.Problems, Problem{Where: where, What: fmt.Sprintf(format, args...)})
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
	u := &User{SID: sid, ID: sid, KeyName: k.Name(), sys: r.sys}
	where := `HKLM\SOFTWARE\` + offline.ProfileList + `\` + k.Name()
	u.State, _ = k.DWord("State")
	u.Backup = suffix != "" || u.State&stateBackup != 0
	u.Temporary = u.State&stateTemporary != 0
	u.Roaming = value(k, "CentralProfile")
	u.LastUse = loadTime(k)
	u.adGUID = value(k, "Guid") != ""

	path := value(k, "ProfileImagePath")
	if path == "" {
		u.problem(where, "names no profile folder; the user's files are found only if another rule takes them")
		return u
	}
	dir, ok := r.sys.ExpandPath(path)
	switch {
	case strings.HasPrefix(dir, `\\`):
		u.problem(where, "the profile folder is %s on a server, not on this disk", dir)
		return u
	case !ok:
		u.problem(where, "the profile folder %s is no full path; it cannot be found", path)
		return u
	}
	u.Dir = dir
	r.findDir(u, where)
	// Windows names the folder of a profile for one session TEMP.
	base := wstr.Upper(winpath.Base(u.Dir))
	if base == "TEMP" || strings.HasPrefix(base, "TEMP.") {
		u.Temporary = true
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
		u.problem(where, "the profile folder cannot be reached: %v", err)
	case errors.Is(err, volumes.ErrNotFound):
		u.problem(where, "the profile folder %s does not exist", u.Dir)
	case err != nil:
		u.problem(where, "the profile folder cannot be read: %v", err)
	default:
		u.problem(where, "%s is not a folder", u.Dir)
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

// orphans lists the folders among the profiles that hold an NTUSER.DAT and
// that no user of the list has.
func (r *reader) orphans(users []*User) []string {
	profiles, ok := r.sys.Env().Lookup("PROFILESFOLDER")
	if !ok {
		return nil
	}
	profiles = r.sys.Follow(profiles)
	v, e, err := r.sys.Resolve(profiles)
	if err != nil {
		r.problem(profiles, "the folder with the profiles cannot be read: %v", err)
		return nil
	}
	fs, err := v.FS()
	if err != nil {
		return nil
	}
	children, err := fs.Children(e)
	if err != nil {
		r.problem(profiles, "the folder with the profiles cannot be listed (%v); profiles without a key are not found", err)
		return nil
	}
	taken := map[string]bool{}
	for _, u := range users {
		taken[wstr.Upper(u.Dir)] = true
	}
	for _, name := range []string{"DEFAULTUSERPROFILE", "ALLUSERSPROFILE", "PUBLIC"} {
		if dir, ok := r.sys.Env().Lookup(name); ok {
			taken[wstr.Upper(dir)] = true
		}
	}
	var found []string
	for _, c := range children {
		info, err := fs.Info(c)
		if err != nil || !info.IsDir() || winfs.IsNameSurrogate(info.Reparse) {
			continue
		}
		name := fs.Name(c)
		dir := winpath.Join(profiles, name)
		if taken[wstr.Upper(dir)] || notAProfile[wstr.Upper(name)] {
			continue
		}
		if _, _, err := r.sys.Resolve(winpath.Join(dir, ntuserName)); err != nil {
			continue
		}
		if len(users)+len(found) >= maxUsers {
			r.problem(profiles, "has more than %d profiles; the rest is left out", maxUsers)
			break
		}
		found = append(found, dir)
	}
	return found
}

// notAProfile are folders among the profiles that are nobody's.
var notAProfile = map[string]bool{"DEFAULT": true, "DEFAULT USER": true, "ALL USERS": true, "PUBLIC": true}

// orphan makes a user of a profile folder without a key.
func (r *reader) orphan(dir string) *User {
	u := &User{Dir: dir, DirFound: true, sys: r.sys, ID: "orphan-" + winpath.Base(dir)}
	u.SID = r.owner(dir)
	if u.SID == "" {
		u.problem(dir, "is a profile folder without a key in ProfileList, and nothing in it tells whose it is")
	} else {
		u.problem(dir, "is a profile folder without a key in ProfileList; it belongs to %s", u.SID)
	}
	return u
}

// owner tells whose profile dir is: by the name that the root key of
// UsrClass.dat may have, then by the owner of NTUSER.DAT.
func (r *reader) owner(dir string) string {
	for _, local := range []string{`AppData\Local`, `Local Settings\Application Data`} {
		h, err := r.sys.Hive(winpath.Join(dir, local, usrClassName))
		if err != nil {
			continue
		}
		if name, ok := strings.CutSuffix(h.Root().Name(), "_Classes"); ok {
			if sid, rest, ok := splitSID(name); ok && rest == "" && isAccount(sid) {
				return sid
			}
		}
	}
	for _, path := range []string{winpath.Join(dir, ntuserName), dir} {
		v, e, err := r.sys.Resolve(path)
		if err != nil {
			continue
		}
		fs, err := v.FS()
		if err != nil {
			continue
		}
		b, err := fs.Security(e)
		if err != nil || b == nil {
			continue
		}
		d, err := winsec.Parse(b)
		if err != nil || d.Owner == nil {
			continue
		}
		// Often the owner is Administrators or SYSTEM.
		if sid := d.Owner.String(); isAccount(sid) {
			return sid
		}
	}
	return ""
}

// isAccount says whether sid is of a kind that people log on with.
func isAccount(sid string) bool {
	return strings.HasPrefix(sid, "S-1-5-21-") || strings.HasPrefix(sid, "S-1-12-1-")
}

// pair gives users that share a SID different IDs, and says how they belong
// together. The profile with the data keeps the SID for an ID: not a
// temporary one, one whose folder exists, one that is not put aside.
func pair(users []*User) {
	bySID := map[string][]*User{}
	for _, u := range users {
		if u.SID != "" {
			bySID[u.SID] = append(bySID[u.SID], u)
		}
	}
	rank := func(u *User) int {
		n := 0
		for i, bad := range []bool{u.Backup, u.KeyName == "", u.Temporary, !u.DirFound} {
			if bad {
				n |= 1 << i
			}
		}
		return n
	}
	used := map[string]bool{}
	for _, u := range users {
		group := bySID[u.SID]
		if len(group) < 2 {
			if u.KeyName == "" && u.SID != "" {
				u.ID = u.SID
			}
			continue
		}
		best := slices.MinFunc(group, func(a, b *User) int { return rank(a) - rank(b) })
		switch {
		case u == best:
			u.ID = u.SID
			u.problem(u.Dir, "the account has %d profiles; this one is taken for the real one", len(group))
		case u.KeyName == "":
			u.ID = u.SID + "." + winpath.Base(u.Dir)
		case u.Temporary:
			u.ID = u.SID + ".temp"
		default:
			u.ID = u.KeyName
		}
		if u != best {
			u.problem(u.Dir, "the account has %d profiles; %s is taken for the real one", len(group), best.Dir)
		}
	}
	byDir := map[string]*User{}
	for _, u := range users {
		if u.DirFound {
			if other := byDir[wstr.Upper(u.Dir)]; other != nil {
				u.problem(u.Dir, "is the profile folder of two keys, %s and %s", other.KeyName, u.KeyName)
				other.problem(u.Dir, "is the profile folder of two keys, %s and %s", other.KeyName, u.KeyName)
			} else {
				byDir[wstr.Upper(u.Dir)] = u
			}
		}
		for n := 2; used[wstr.Upper(u.ID)]; n++ {
			u.ID = fmt.Sprintf("%s.%d", strings.TrimSuffix(u.ID, fmt.Sprintf(".%d", n-1)), n)
		}
		used[wstr.Upper(u.ID)] = true
	}
	for _, u := range users {
		if u.Backup && len(bySID[u.SID]) == 1 {
			u.problem(u.Dir, "Windows could not load this profile and put its key aside (%s)", u.KeyName)
		}
		if u.Temporary && len(bySID[u.SID]) == 1 {
			u.problem(u.Dir, "is a temporary profile, and the account has no other; its data may be in another folder among the profiles")
		}
	}
}

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
	damage(u, winpath.Join(u.Dir, ntuserName), u.Hive)
	damage(u, u.classesPath, u.Classes)
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
	switch {
	case u.HiveError == nil:
		if u.Hive.Dirty() {
			u.problem(path, "was not closed properly: the newest settings stand in its logs")
		}
	case errors.Is(u.HiveError, volumes.ErrNotFound):
		u.problem(path, "does not exist: the user's settings cannot be captured, the files can")
	default:
		u.problem(path, "cannot be used (%s): the user's settings cannot be captured, the files can", why(u.HiveError, path))
	}
	return u.Hive
}

// damage tells what is broken in a hive that can be read all the same.
func damage(u *User, path string, h *hive.Hive) {
	if h == nil {
		return
	}
	switch list := h.Problems(); len(list) {
	case 0:
	case 1:
		u.problem(path, "is damaged: %s; what can be read of it is used", list[0])
	default:
		u.problem(path, "is damaged in %d places, first at %s; what can be read of it is used", h.ProblemCount(), list[0])
	}
}

// open reads a hive and counts its bytes.
func (r *reader) open(path string) (*hive.Hive, error) {
	b, err := r.sys.ReadFile(path, offline.MaxHive)
	if err != nil {
		return nil, err
	}
	h, err := hive.Open(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.kept += int64(len(b))
	return h, nil
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
		u.problem(path, `cannot be used (%s): what the user has below Software\Classes cannot be captured`, why(u.classesErr, path))
	}
}

// lastUse falls back to other signals where ProfileList has none.
func (r *reader) lastUse(u *User) {
	if u.LastUse.Time != 0 || !u.DirFound {
		return
	}
	// Updates of Windows touch NTUSER.DAT of all users, its logs less often.
	paths := []string{ntuserName, ntuserName + ".LOG", ntuserName + ".LOG1", ntuserName + ".LOG2"}
	for _, name := range paths {
		if t := r.modified(winpath.Join(u.Dir, name)); plausible(t) && t > u.LastUse.Time {
			u.LastUse = LastUse{Time: t, From: name}
		}
	}
	for _, ext := range []string{"", ".LOG1", ".LOG2"} {
		if u.classesPath == "" {
			break
		}
		if t := r.modified(u.classesPath + ext); plausible(t) && t > u.LastUse.Time {
			u.LastUse = LastUse{Time: t, From: "UsrClass.dat" + ext}
		}
	}
	if u.LastUse.Time == 0 && plausible(u.lastLogon) {
		u.LastUse = LastUse{Time: u.lastLogon, From: "SAM"}
	}
}

func (r *reader) modified(path string) wstr.Filetime {
	v, e, err := r.sys.Resolve(path)
	if err != nil {
		return 0
	}
	fs, err := v.FS()
	if err != nil {
		return 0
	}
	info, err := fs.Info(e)
	if err != nil {
		return 0
	}
	return info.Modified
}

// why is the text of err without path, which the sentence around it names.
func why(err error, path string) string {
	return strings.TrimPrefix(err.Error(), path+": ")
}

// value reads a string value without what is behind its end; "" when it is
// not there.
func value(k hive.Key, name string) string {
	s, _ := k.String(name)
	return strings.TrimSpace(s)
}
