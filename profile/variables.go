package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
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
		// Folders on servers are told below, with what is known of them.
		if !slices.ContainsFunc(folders, func(f offline.Folder) bool {
			return f.Remote != "" && strings.HasPrefix(p, fmt.Sprintf("the folder %s is redirected to the server path %s", f.Name, f.Remote))
		}) {
			u.problem(FolderUnresolved, where, "%s", p)
		}
	}
	r.redirect(u, ntuser, own, folders)
	env := own.Over(r.sys.Env())
	u.Folders = make(map[string]offline.Folder, len(folders))
	for _, f := range folders {
		u.Folders[f.Name] = f
		f.Define(env)
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
