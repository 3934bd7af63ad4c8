package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/winsec"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// orphans lists the profile folders that no user of the list has: among the
// profiles, and beside profiles that are elsewhere.
func (r *reader) orphans(users []*User) []string {
	taken := map[place]bool{}
	for _, u := range users {
		if at, ok := r.place(u.Dir); u.DirFound && ok {
			taken[at] = true
		}
	}
	for _, name := range []string{"DEFAULTUSERPROFILE", "ALLUSERSPROFILE", "PUBLIC"} {
		if dir, ok := r.sys.Env().Lookup(name); ok {
			if at, ok := r.place(dir); ok {
				taken[at] = true
			}
		}
	}
	var found []string
	searched := map[place]bool{}
	if profiles, ok := r.sys.Env().Lookup("PROFILESFOLDER"); ok {
		profiles = r.sys.Follow(profiles)
		if at, ok := r.place(profiles); !ok {
			r.problem(profiles, "the folder with the profiles cannot be read; profiles without a key are not found")
		} else {
			searched[at] = true
			found = r.among(at, profiles, taken, len(users), true)
		}
	}
	for _, u := range users {
		parent := winpath.Dir(u.Dir)
		if sid := u.SID; !u.DirFound || !isAccount(sid) {
			continue
		}
		at, ok := r.place(parent)
		if !ok || searched[at] {
			continue
		}
		searched[at] = true
		found = append(found, r.among(at, parent, taken, len(users)+len(found), false)...)
	}
	return found
}

// among lists the profile folders in dir that are not taken. In the folder
// made for profiles a folder without NTUSER.DAT that looks like a profile is
// one, and of any other it is said that it is nobody's.
func (r *reader) among(at place, dir string, taken map[place]bool, n int, profiles bool) []string {
	children, err := at.fs.Children(at.entry)
	if err != nil {
		r.problem(dir, "the folder with the profiles cannot be listed (%v); profiles without a key are not found", err)
	}
	var found []string
	for _, c := range children {
		info, err := at.fs.Info(c)
		if err != nil || !info.IsDir() || winfs.IsNameSurrogate(info.Reparse) {
			continue
		}
		name := at.fs.Name(c)
		path := winpath.Join(dir, name)
		if taken[place{at.fs, c}] || notAProfile[wstr.Upper(name)] {
			continue
		}
		if _, ok := r.place(winpath.Join(path, ntuserName)); !ok {
			if !profiles {
				continue
			}
			switch files, isProfile := r.looks(place{at.fs, c}); {
			case isProfile:
			case files:
				r.problem(path, "is among the profiles, but is none and belongs to no user: it is captured only if a rule names it")
				continue
			default:
				continue
			}
		}
		if n+len(found) >= maxUsers {
			r.problem(dir, "has more than %d profiles; the rest is left out", maxUsers)
			break
		}
		found = append(found, path)
	}
	return found
}

// notAProfile are folders among the profiles that are nobody's.
var notAProfile = map[string]bool{"DEFAULT": true, "DEFAULT USER": true, "ALL USERS": true, "PUBLIC": true}

// looks says whether a folder without NTUSER.DAT looks like a profile that
// lost it: Windows makes AppData, Local Settings and the folders for files
// together. files says whether there is anything in it.
func (r *reader) looks(at place) (files, isProfile bool) {
	children, err := at.fs.Children(at.entry)
	folders := 0
	for _, c := range children {
		info, err := at.fs.Info(c)
		if err != nil {
			continue
		}
		files = true
		if !info.IsDir() || winfs.IsNameSurrogate(info.Reparse) {
			continue
		}
		switch wstr.Upper(at.fs.Name(c)) {
		case "APPDATA", "LOCAL SETTINGS":
			return true, true
		case "DESKTOP", "DOCUMENTS", "DOWNLOADS", "PICTURES", "MUSIC", "VIDEOS", "FAVORITES", "MY DOCUMENTS", "APPLICATION DATA", "START MENU":
			folders++
		}
	}
	// One that cannot be listed may be anything.
	return files || err != nil, folders >= 3 || err != nil
}

// orphan makes a user of a profile folder without a key.
func (r *reader) orphan(dir string) *User {
	u := &User{Dir: dir, DirFound: true, sys: r.sys, ID: "orphan-" + winpath.Base(dir)}
	u.SID, u.SIDFrom = r.owner(dir)
	switch {
	case r.noList && u.SID != "": // as told of SOFTWARE
	case r.noList:
		u.problem(OwnerUnknown, dir, "is a profile folder, and nothing in it tells whose it is%s", r.namesake(dir))
	case u.SID == "":
		u.problem(NoKey, dir, "is a profile folder without a key in ProfileList, and nothing in it tells whose it is%s", r.namesake(dir))
		u.Cases = append(u.Cases, Case{Code: OwnerUnknown, Where: dir, What: u.Problems[len(u.Problems)-1].What})
	default:
		u.problem(NoKey, dir, "is a profile folder without a key in ProfileList; it belongs to %s (%s)", u.SID, u.SIDFrom)
	}
	return u
}

// namesake is a hint for a folder that nothing else tells the owner of.
func (r *reader) namesake(dir string) string {
	if r.names.sam == nil {
		return ""
	}
	name, _ := r.names.folderName(winpath.Base(dir))
	for _, a := range r.names.sam.Accounts {
		if wstr.EqualFold(a.Name, name) && a.SID != "" {
			return fmt.Sprintf("; the local account %s (%s) is called that", a.Name, a.SID)
		}
	}
	return ""
}

// Places that tell whose a profile folder is, below it.
var (
	localFolders   = []string{`AppData\Local`, `Local Settings\Application Data`}
	roamingFolders = []string{`AppData\Roaming`, "Application Data"}
	// Windows keeps keys of the account in folders with its SID for a name.
	keyFolders = []string{`Microsoft\Protect`, `Microsoft\Crypto\RSA`}
)

// owner tells whose profile dir is, and by what: the name that the root key
// of UsrClass.dat may have, who may write the root key of NTUSER.DAT, the
// owner of that file or of the folder, who else than Windows may write them,
// and the SIDs that are names in it. Where a place names several accounts
// the next one is asked.
func (r *reader) owner(dir string) (sid, from string) {
	for _, local := range localFolders {
		h, err := r.sys.Hive(winpath.Join(dir, local, usrClassName))
		if err != nil {
			continue
		}
		if name, ok := strings.CutSuffix(h.Root().Name(), "_Classes"); ok {
			if sid, rest, ok := splitSID(name); ok && rest == "" && isOwner(sid) {
				return sid, "UsrClass.dat"
			}
		}
		if b, err := h.Root().Security(); err == nil {
			if _, sid := accountsOf(b); sid != "" {
				return sid, "security of UsrClass.dat"
			}
		}
	}
	if h, err := r.sys.Hive(winpath.Join(dir, ntuserName)); err == nil {
		if b, err := h.Root().Security(); err == nil {
			if owner, sid := accountsOf(b); sid != "" {
				return sid, "security of NTUSER.DAT"
			} else if owner != "" {
				return owner, "security of NTUSER.DAT"
			}
		}
	}
	var byList string
	for _, f := range []struct{ path, what string }{{winpath.Join(dir, ntuserName), ntuserName}, {dir, "the folder"}} {
		at, ok := r.place(f.path)
		if !ok {
			continue
		}
		b, err := at.fs.Security(at.entry)
		if err != nil || b == nil {
			continue
		}
		// Often the owner is Administrators or SYSTEM.
		owner, writer := accountsOf(b)
		if owner != "" {
			return owner, "owner of " + f.what
		}
		if writer != "" && byList == "" {
			byList, from = writer, "access list of "+f.what
		}
	}
	if byList != "" {
		return byList, from
	}
	var sids []string
	for _, roaming := range roamingFolders {
		for _, keys := range keyFolders {
			sids = append(sids, r.sidsIn(winpath.Join(dir, roaming, keys))...)
		}
	}
	slices.Sort(sids)
	if sids = slices.Compact(sids); len(sids) == 1 {
		return sids[0], "keys of the account"
	}
	return "", ""
}

// accountsOf reads a security descriptor: the owner, "" when it is not an
// account, and the only account that may write, "" when there is none or more.
func accountsOf(b []byte) (owner, writer string) {
	d, err := winsec.Parse(b)
	if err != nil {
		return "", ""
	}
	if d.Owner != nil {
		if sid := d.Owner.String(); isOwner(sid) {
			owner = sid
		}
	}
	if d.DACL == nil {
		return owner, ""
	}
	const (
		allowed    = 0          // ACCESS_ALLOWED_ACE
		genericAll = 0x10000000 // GENERIC_ALL
		setValue   = 0x2        // KEY_SET_VALUE, FILE_WRITE_DATA
	)
	for _, e := range d.DACL.ACEs {
		if !e.Known || e.Type != allowed || e.Mask&(genericAll|setValue) == 0 {
			continue
		}
		sid := e.SID.String()
		switch {
		case !isOwner(sid) || sid == writer:
		case writer == "":
			writer = sid
		default:
			return owner, ""
		}
	}
	return owner, writer
}

// sidsIn lists the SIDs that are names of what is in dir.
func (r *reader) sidsIn(dir string) (sids []string) {
	at, ok := r.place(dir)
	if !ok {
		return nil
	}
	// A folder that cannot be listed whole may still name one.
	children, _ := at.fs.Children(at.entry)
	for _, c := range children {
		if sid, rest, ok := splitSID(at.fs.Name(c)); ok && rest == "" && isOwner(sid) {
			sids = append(sids, sid)
		}
	}
	return sids
}

// isAccount says whether sid is of a kind that people log on with.
func isAccount(sid string) bool {
	return strings.HasPrefix(sid, "S-1-5-21-") || strings.HasPrefix(sid, "S-1-12-1-")
}

// isOwner says whether sid may be that of a profile folder: of an account, or
// of a service with an account of its own, as IIS has.
func isOwner(sid string) bool {
	for _, service := range []string{"S-1-5-80-", "S-1-5-82-", "S-1-5-83-"} {
		if strings.HasPrefix(sid, service) {
			return true
		}
	}
	return isAccount(sid)
}
