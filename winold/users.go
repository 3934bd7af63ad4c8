package winold

import (
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// User is a person of an older installation.
type User struct {
	ID    string    `json:"id"`
	SID   string    `json:"sid,omitempty"`
	Name  wstr.Text `json:"name"`
	State State     `json:"state"`
	// Dir is the profile folder in the letters of the old installation.
	Dir wstr.Text `json:"folder,omitempty"`
	// Live is the profile folder that the user has in the Windows that is
	// there, in its letters; "" when there is none.
	Live wstr.Text `json:"live_folder,omitempty"`
	// By tells how Live was found: "SID", "name", or "folder" when it is only
	// the same path.
	By string `json:"by,omitempty"`
	// Settings says whether the old NTUSER.DAT can be read.
	Settings bool `json:"settings"`
	// Text says it for people.
	Text string `json:"text"`
}

// State is where the files of a user of an older installation are.
type State string

// States of users.
const (
	// Here: in the older installation.
	Here State = "here"
	// Moved: in the Windows that is there. An upgrade moves them, and leaves
	// a profile without files behind.
	Moved State = "moved"
	// Both: in both, as after a clean installation when the user goes on with
	// the same account, or when an upgrade left some behind.
	Both State = "both"
	// Skeleton: in neither. What is in the older installation are remains of
	// a profile.
	Skeleton State = "skeleton"
)

// Codes of the cases that Judge adds to users.
const (
	FilesMoved     profile.Code = "files-moved"     // State Moved
	FilesElsewhere profile.Code = "files-elsewhere" // State Both
	OnlyRemains    profile.Code = "only-remains"    // State Skeleton
)

var codes = map[State]profile.Code{Moved: FilesMoved, Both: FilesElsewhere, Skeleton: OnlyRemains}

// Judge tells for the people among users, which profile.Users found in
// o.System, where their files are. Whoever's are not here, or not only, gets
// that as a Problem and a Case; it is to be called once for each of them.
func (o *Old) Judge(users []*profile.User) []User {
	var out []User
	o.withLive(func(live *offline.System, v *volumes.Volume, why string) {
		f := o.liveUsers(live, v, why)
		for _, u := range users {
			if !u.Person() {
				continue
			}
			j := o.judge(u, f)
			if j.State != Here {
				u.Problems = append(u.Problems, offline.Problem{Where: u.Dir, What: j.Text})
				u.Cases = append(u.Cases, profile.Case{Code: codes[j.State], Where: u.Dir, What: j.Text})
			}
			out = append(out, j)
		}
	})
	return out
}

func (o *Old) judge(u *profile.User, live *liveUsers) User {
	j := User{ID: u.ID, SID: u.SID, Name: wstr.Text(u.Name), Dir: wstr.Text(u.Dir), Settings: u.HiveError == nil}
	var here, there bool
	c := live.find(u)
	if u.DirFound {
		if v, e, err := o.System.Resolve(u.Dir); err == nil {
			if fs, err := v.FS(); err == nil {
				here = hasFiles(fs, e, 0, new(int))
				if c != nil && c.fs == fs && c.dir == e {
					c = nil // a profile on another drive, which both use
				}
			}
		}
	}
	if c != nil {
		there = hasFiles(c.fs, c.dir, 0, new(int))
		j.Live, j.By = wstr.Text(c.path), c.by
	}
	place := fmt.Sprintf("%s of the Windows that is there now (%s)", j.Live, map[string]string{
		"SID":    "the account is the same",
		"name":   "the account has the same name; its SID is another one",
		"folder": "the folder has the same path",
	}[j.By])
	advice := "capture that Windows"
	if live.sys == nil {
		place = fmt.Sprintf("%s (the folder has the same path)", j.Live)
		advice = "extract that folder"
	}
	switch {
	case here && there:
		j.State = Both
		j.Text = fmt.Sprintf("%s has files here and in %s: %s as well", u.Name, place, advice)
	case here:
		j.State = Here
		j.Text = fmt.Sprintf("%s's files are here", u.Name)
	case there:
		j.State = Moved
		j.Text = fmt.Sprintf("%s's files were moved to %s: %s for them", u.Name, place, advice)
		if j.Settings {
			j.Text += "; the old settings are still here"
		}
	case j.Settings && o.hasLibrary(u):
		j.State = Here
		j.Text = fmt.Sprintf("%s's profile is here and has no files", u.Name)
	default:
		j.State = Skeleton
		j.Text = fmt.Sprintf("of %s's profile only remains are here, without files", u.Name)
		if live.why != "" {
			j.Text += "; where the files are is not known: " + live.why
		}
	}
	return j
}

// libraries are the folders that a profile has from the first logon on.
var libraries = []string{"Desktop", "Documents", "Downloads", "Pictures", "Music", "Videos", "Favorites"}

// hasLibrary says whether one of the folders for files is there, wherever the
// user has it.
func (o *Old) hasLibrary(u *profile.User) bool {
	for _, name := range libraries {
		if f := u.Folders[name]; f.Path != "" {
			if _, _, err := o.System.Resolve(f.Path); err == nil {
				return true
			}
		}
	}
	return false
}

// Bounds of the search for a person's first file.
const (
	maxLook  = 50000
	maxDepth = 64
)

// hasFiles says whether a profile folder, or one in it, holds files that a
// person may have made. Programs' own data is not looked at: every upgrade
// leaves some behind.
func hasFiles(fs volumes.FS, dir volumes.Entry, depth int, seen *int) bool {
	children, err := fs.Children(dir)
	if err != nil && len(children) == 0 || depth > maxDepth {
		return false
	}
	var subs []volumes.Entry
	for _, e := range children {
		if *seen++; *seen > maxLook {
			return true // so much is no furniture
		}
		info, err := fs.Info(e)
		if err != nil {
			return true // something is there, though it cannot be read
		}
		name := wstr.Upper(fs.Name(e))
		switch {
		case winfs.IsNameSurrogate(info.Reparse):
		case info.IsDir():
			if depth > 0 || !ownData[name] {
				subs = append(subs, e)
			}
		case depth == 0 && strings.HasPrefix(name, "NTUSER."):
		case !furniture(name):
			return true
		}
	}
	for _, e := range subs {
		if hasFiles(fs, e, depth+1, seen) {
			return true
		}
	}
	return false
}

// ownData are folders of a profile that programs fill.
var ownData = map[string]bool{
	"APPDATA": true, "APPLICATION DATA": true, "LOCAL SETTINGS": true, "MICROSOFTEDGEBACKUPS": true,
	"COOKIES": true, "NETHOOD": true, "PRINTHOOD": true, "RECENT": true, "SENDTO": true, "TEMPLATES": true,
	"START MENU": true, "LINKS": true, "SEARCHES": true, "INTELGRAPHICSPROFILES": true, "TRACING": true,
}

// furniture are files that Windows puts into every new profile.
func furniture(name string) bool {
	switch name {
	case "DESKTOP.INI", "THUMBS.DB", "BING.URL":
		return true
	}
	return strings.HasSuffix(name, ".LNK") || strings.HasSuffix(name, ".SEARCHCONNECTOR-MS")
}

// liveUsers answers which folder a user has in the Windows that is there.
type liveUsers struct {
	old   *offline.System
	sys   *offline.System // nil when there is none that can be read
	why   string          // why there is none
	users []*profile.User
	// fs is the volume on which the older installation was C:\ before it was
	// put aside; nil when it cannot be read.
	fs     volumes.FS
	prefix string // of its paths
}

// counterpart is the profile folder of a user in the Windows that is there.
type counterpart struct {
	fs   volumes.FS
	dir  volumes.Entry
	path string
	by   string
}

// liveUsers reads the users of live, which may be nil. v is the volume it is
// on.
func (o *Old) liveUsers(live *offline.System, v *volumes.Volume, why string) *liveUsers {
	f := &liveUsers{old: o.System, sys: live, why: why}
	if live != nil {
		users, _, err := profile.Users(live)
		if err != nil {
			f.why = err.Error()
		}
		for _, u := range users {
			u.Release()
			if u.Person() {
				f.users = append(f.users, u)
			}
		}
	}
	if v == nil {
		return f
	}
	if fs, err := v.FS(); err == nil {
		f.fs = fs
	}
	switch {
	case live != nil:
		f.prefix = live.VolumePrefix(v) + `\`
	case o.parent != "":
		f.prefix = o.System.Dir[:2] + `\`
	default:
		f.prefix = rawPath(v, "")
	}
	return f
}

// find finds the folder of u: by SID, for accounts of the machine by name, as
// a new installation gives them new SIDs, and else by the path it had.
func (f *liveUsers) find(u *profile.User) *counterpart {
	for _, l := range f.users {
		if u.SID != "" && l.SID == u.SID && l.KeyName != "" {
			if c := f.profile(l, "SID"); c != nil {
				return c
			}
		}
	}
	if ofMachine(u) && u.NameFrom != "" {
		for _, l := range f.users {
			if ofMachine(l) && wstr.EqualFold(l.Name, u.Name) {
				if c := f.profile(l, "name"); c != nil {
					return c
				}
			}
		}
	}
	vol, names := winpath.Split(u.Dir)
	if f.fs == nil || len(names) == 0 || !wstr.EqualFold(vol, f.old.Dir[:2]) {
		return nil
	}
	rel := strings.Join(names, `\`)
	e, err := f.fs.Lookup(rel)
	if err != nil || !isFolder(f.fs, e) {
		return nil
	}
	// A folder that the Windows that is there gives to somebody else is not
	// the user's.
	for _, l := range f.users {
		if _, n := winpath.Split(l.Dir); wstr.EqualFold(strings.Join(n, `\`), rel) && l.KeyName != "" {
			return nil
		}
	}
	return &counterpart{f.fs, e, winpath.Join(f.prefix, winfs.Path(f.fs, e)), "folder"}
}

// profile is the folder of a user of the Windows that is there.
func (f *liveUsers) profile(l *profile.User, by string) *counterpart {
	if !l.DirFound {
		return nil
	}
	v, e, err := f.sys.Resolve(l.Dir)
	if err != nil {
		return nil
	}
	fs, err := v.FS()
	if err != nil {
		return nil
	}
	return &counterpart{fs, e, l.Dir, by}
}

// ofMachine says whether the account belongs to the machine, so that a new
// installation gives it a new SID.
func ofMachine(u *profile.User) bool {
	switch u.Kind {
	case profile.Local, profile.Microsoft, profile.Builtin, profile.Unknown:
		return true
	}
	return false
}
