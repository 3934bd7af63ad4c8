package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
)

// maxOthers bounds the profiles of one account that each of them names; three
// are rare.
const maxOthers = 20

// pair gives users that share a SID different IDs, and says how they belong
// together. The profile with the data keeps the SID for an ID: not a
// temporary one, one whose folder exists, one that is not put aside.
func (r *reader) pair(users []*User) {
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
	chosen := map[string]*User{} // by SID, of accounts with several profiles
	for sid, group := range bySID {
		if len(group) > 1 {
			chosen[sid] = slices.MinFunc(group, func(a, b *User) int { return rank(a) - rank(b) })
		}
	}
	for _, u := range users {
		switch best := chosen[u.SID]; {
		case best == nil:
			if u.KeyName == "" && u.SID != "" {
				u.ID = u.SID
			}
		case u == best:
			u.ID = u.SID
		case u.KeyName == "":
			u.ID = u.SID + "." + winpath.Base(u.Dir)
		case u.Temporary:
			u.ID = u.SID + ".temp"
		default:
			u.ID = u.KeyName
		}
	}
	// The real profiles have their IDs first: a key may bear the name of one.
	used := map[string]int{} // upper-case ID -> the last number behind it
	unique := func(u *User) {
		base, key := u.ID, wstr.Upper(u.ID)
		for used[wstr.Upper(u.ID)] > 0 {
			used[key]++
			u.ID = fmt.Sprintf("%s.%d", base, used[key])
		}
		used[wstr.Upper(u.ID)] = 1
	}
	for _, first := range []bool{true, false} {
		for _, u := range users {
			if (chosen[u.SID] == u) == first {
				unique(u)
			}
		}
	}
	for _, u := range users {
		best := chosen[u.SID]
		if best == nil {
			continue
		}
		u.RealID = best.ID
		for _, other := range bySID[u.SID] {
			if other != u && len(u.OtherIDs) < maxOthers {
				u.OtherIDs = append(u.OtherIDs, other.ID)
			}
		}
	}

	byDir := map[place]*User{}
	type account struct {
		at  place
		sid string
	}
	byAccount := map[account]*User{}
	owners := map[place]string{}
	for _, u := range users {
		at, ok := r.place(u.Dir)
		if !u.DirFound || !ok {
			continue
		}
		if same := byAccount[account{at, u.SID}]; same != nil {
			repeat, of := u, same
			if chosen[u.SID] == u {
				repeat, of = same, u
				byAccount[account{at, u.SID}] = u
			}
			repeat.RepeatOf = of.ID
			sameDir(u, same, "")
			continue
		}
		byAccount[account{at, u.SID}] = u
		other := byDir[at]
		if other == nil {
			byDir[at] = u
			continue
		}
		if _, asked := owners[at]; !asked {
			owners[at] = ""
			if sid, from := r.owner(u.Dir); sid != "" {
				owners[at] = fmt.Sprintf("; it belongs to %s (%s)", sid, from)
			}
		}
		sameDir(u, other, owners[at])
	}

	for _, u := range users {
		best := chosen[u.SID]
		if best == nil {
			if u.Backup {
				u.problem(BackupKey, u.Dir, "Windows could not load this profile and put its key aside (%s)", u.KeyName)
			}
			if u.Temporary {
				u.problem(TemporaryProfile, u.Dir, "is a temporary profile, and the account has no other; its data may be in another folder among the profiles")
			}
			continue
		}
		other, what := best.ID, fmt.Sprintf("the account has %d profiles; %s is taken for the real one", len(bySID[u.SID]), dirOf(best))
		if best == u {
			other, what = u.OtherIDs[0], fmt.Sprintf("the account has %d profiles; this one is taken for the real one", len(bySID[u.SID]))
		}
		u.with(SeveralProfiles, other, u.Dir, "%s", what)
		// One sentence is enough for people; a program may ask for the kind.
		if u.Backup {
			u.Cases = append(u.Cases, Case{Code: BackupKey, Where: u.Dir, What: what, Other: other})
		}
		if u.Temporary {
			u.Cases = append(u.Cases, Case{Code: TemporaryProfile, Where: u.Dir, What: what, Other: other})
		}
	}
}

// dirOf is the profile folder for a sentence.
func dirOf(u *User) string {
	if u.Dir == "" {
		return u.ID
	}
	return u.Dir
}

// sameDir says that two keys have one folder, and whose it is.
func sameDir(a, b *User, owner string) {
	files := "its files are captured once"
	if a.SID != b.SID {
		files += ", its settings for each of them"
	}
	what := fmt.Sprintf("is the profile folder of two keys, %s and %s%s; %s", keyOf(b), keyOf(a), owner, files)
	a.with(SharedFolder, b.ID, a.Dir, "%s", what)
	b.with(SharedFolder, a.ID, b.Dir, "%s", what)
}

func keyOf(u *User) string {
	if u.KeyName == "" {
		return u.ID
	}
	return u.KeyName
}

// shareFolders says where the profile folder of one person lies in that of
// another, or a folder that was moved in that of somebody else: its files are
// captured once.
func shareFolders(users []*User) {
	type held struct {
		u    *User
		path string
		key  string // of path, so that what lies in a folder follows it
		what string
	}
	var list []held
	add := func(u *User, path, what string) {
		list = append(list, held{u, path, strings.ReplaceAll(wstr.Upper(path), `\`, "\x00"), what})
	}
	for _, u := range users {
		if !u.Person() {
			continue
		}
		if u.DirFound {
			add(u, u.Dir, "the profile folder")
		}
		for _, f := range u.Redirected {
			if _, inside := winpath.Rel(u.Dir, f.Path); f.Path != "" && !f.Missing && !inside {
				add(u, f.Path, "the folder "+f.Folder)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b held) int { return strings.Compare(a.key, b.key) })
	var open []held // the folders on the way to the current one
	for _, h := range list {
		for len(open) > 0 {
			if _, inside := winpath.Rel(open[len(open)-1].path, h.path); inside {
				break
			}
			open = open[:len(open)-1]
		}
		for _, in := range slices.Backward(open) {
			// Of one folder of two keys there is a case already.
			if in.u == h.u || wstr.EqualFold(in.u.Dir, h.u.Dir) {
				continue
			}
			for _, of := range [][2]*User{{h.u, in.u}, {in.u, h.u}} {
				of[0].with(SharedFolder, of[1].ID, h.path, "%s of %s lies in %s of %s; its files are captured once", h.what, h.u.ID, in.what, in.u.ID)
			}
			break
		}
		open = append(open, h)
	}
}
