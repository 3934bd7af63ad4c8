package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
)

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
	real := map[string]*User{} // by SID, of accounts with several profiles
	used := map[string]bool{}
	for _, u := range users {
		group := bySID[u.SID]
		switch {
		case len(group) < 2:
			if u.KeyName == "" && u.SID != "" {
				u.ID = u.SID
			}
		default:
			best := slices.MinFunc(group, func(a, b *User) int { return rank(a) - rank(b) })
			real[u.SID] = best
			switch {
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
	}
	// The real profiles have their IDs first: a key may bear the name of one.
	id := func(u *User) {
		for n := 2; used[wstr.Upper(u.ID)]; n++ {
			u.ID = fmt.Sprintf("%s.%d", strings.TrimSuffix(u.ID, fmt.Sprintf(".%d", n-1)), n)
		}
		used[wstr.Upper(u.ID)] = true
	}
	for _, u := range users {
		if real[u.SID] == u {
			id(u)
		}
	}
	for _, u := range users {
		if real[u.SID] != u {
			id(u)
		}
	}
	for _, u := range users {
		if best := real[u.SID]; best != nil {
			u.RealID = best.ID
			for _, other := range bySID[u.SID] {
				if other != u {
					u.OtherIDs = append(u.OtherIDs, other.ID)
				}
			}
		}
	}

	byDir := map[place]*User{}
	for _, u := range users {
		at, ok := r.place(u.Dir)
		if !u.DirFound || !ok {
			continue
		}
		other := byDir[at]
		if other == nil {
			byDir[at] = u
			continue
		}
		if u.SID == other.SID {
			repeat, of := u, other
			if real[u.SID] == u {
				repeat, of = other, u
				byDir[at] = u
			}
			repeat.RepeatOf = of.ID
		}
		r.sameDir(u, other)
	}

	for _, u := range users {
		best := real[u.SID]
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
func (r *reader) sameDir(a, b *User) {
	what := fmt.Sprintf("is the profile folder of two keys, %s and %s", keyOf(b), keyOf(a))
	if owner, from := r.owner(a.Dir); a.SID != b.SID && owner != "" {
		what += fmt.Sprintf("; it belongs to %s (%s)", owner, from)
	}
	files := "; its files are captured once"
	if a.SID != b.SID {
		files += ", its settings for each of them"
	}
	a.with(SharedFolder, b.ID, a.Dir, "%s%s", what, files)
	b.with(SharedFolder, a.ID, b.Dir, "%s%s", what, files)
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
		for _, in := range open {
			// Of one folder of two keys there is a case already.
			if in.u == h.u || wstr.EqualFold(in.u.Dir, h.u.Dir) {
				continue
			}
			for _, of := range [][2]*User{{h.u, in.u}, {in.u, h.u}} {
				of[0].with(SharedFolder, of[1].ID, h.path, "%s of %s lies in %s of %s; its files are captured once", h.what, h.u.ID, in.what, in.u.ID)
			}
		}
		open = append(open, h)
	}
}
