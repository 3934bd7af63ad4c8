package profile

import (
	"errors"
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
)

// variables resolves the user's folders into u.Folders and gives the
// variables of the user's context.
func (r *reader) variables(u *User, ntuser *hive.Hive) *offline.Env {
	// own is what Windows gives the user's programs: registry values expand
	// in it.
	own := offline.NewEnv(r.sys.Own())
	own.Set("USERNAME", u.Name)
	own.Set("USERDOMAIN", u.Domain)
	own.Set("USERSID", u.SID)
	var temp string
	if u.Dir != "" {
		own.Set("USERPROFILE", u.Dir)
		vol, rest := winpath.Volume(u.Dir)
		own.Set("HOMEDRIVE", vol)
		own.Set("HOMEPATH", rest)
		temp = winpath.Join(u.Dir, `AppData\Local\Temp`)
		own.Set("APPDATA", winpath.Join(u.Dir, `AppData\Roaming`))
		own.Set("LOCALAPPDATA", winpath.Join(u.Dir, `AppData\Local`))
		if r.sys.XP() {
			temp = winpath.Join(u.Dir, `Local Settings\Temp`)
			own.Set("APPDATA", winpath.Join(u.Dir, "Application Data"))
			own.Set("LOCALAPPDATA", winpath.Join(u.Dir, `Local Settings\Application Data`))
		}
		own.Set("TEMP", temp)
		own.Set("TMP", temp)
	}
	if ntuser != nil {
		if k, err := ntuser.Root().Key("Environment"); err == nil {
			offline.AddEnvironment(own, k)
		}
	}

	folders, problems := r.sys.UserFolders(ntuser, own)
	where := winpath.Join(u.Dir, ntuserName)
	for _, p := range problems {
		u.problem(where, "%s", p)
	}
	env := own.Over(r.sys.Env())
	u.Folders = make(map[string]offline.Folder, len(folders))
	for _, f := range folders {
		// A junction in the place of a folder is never entered: rules have to
		// name the folder that it leads to.
		if to := r.sys.Follow(f.Path); f.Path != "" && !wstr.EqualFold(to, f.Path) {
			if _, _, err := r.sys.Resolve(to); err == nil {
				f.Path = to
			}
		}
		u.Folders[f.Name] = f
		f.Define(env)
		if f.Path == "" || f.From == "default" {
			continue
		}
		var missing *offline.VolumeMissingError
		if _, _, err := r.sys.Locate(f.Path); errors.As(err, &missing) {
			u.problem(where, "the folder %s cannot be reached: %v", f.Name, err)
		}
	}
	for variable, folder := range map[string]string{"APPDATA": "RoamingAppData", "LOCALAPPDATA": "LocalAppData"} {
		if f := u.Folders[folder]; f.Remote != "" {
			env.Unset(variable)
		} else {
			env.Set(variable, f.Path)
		}
	}
	for _, variable := range []string{"TEMP", "TMP"} {
		if v, _ := env.Lookup(variable); strings.HasPrefix(v, `\\`) {
			env.Set(variable, temp)
		}
	}
	return env
}
