package profile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/volumes"
)

// Redirected is a folder of a user that is not in the profile folder, or that
// a cloud keeps.
type Redirected struct {
	// Folder is the KNOWNFOLDERID: "Documents".
	Folder string
	// Path is where it is, in the installation's letters; "" when it is on a
	// server. It is captured from there.
	Path string
	// Remote is the server path: `\\fs01\home\anna`. What is there is not on
	// the disks. Drive is the letter it is set to when that is a network
	// drive of the user.
	Remote string
	Drive  string
	// Cloud is the folder of a cloud that Path is in: `C:\Users\anna\OneDrive
	// - Contoso`, Account the account of it where it is known. Files there may
	// not be on the disk.
	Cloud   string
	Account string
	// Missing: Path is not on the given disks.
	Missing bool
	// Left is the folder in the profile that Remote or Path is set in place
	// of, when it still has something in it.
	Left string
	// Cached is the folder with copies that Windows kept of Remote (Offline
	// Files), "" for none.
	Cached string
}

// cloudRoot is a folder that a cloud keeps.
type cloudRoot struct{ path, account string }

// cloudRoots lists the OneDrive folders of a user with the profile folder dir.
func (r *reader) cloudRoots(dir string, ntuser *hive.Hive, own *offline.Env) []cloudRoot {
	var roots []cloudRoot
	add := func(path, account string) {
		if path, ok := own.Expand(path); ok && winpath.Letter(path) != 0 {
			path = winpath.Clean(path)
			// Left by an account that is gone it may be the profile folder.
			if _, all := winpath.Rel(path, dir); all {
				return
			}
			if !slices.ContainsFunc(roots, func(c cloudRoot) bool { return wstr.EqualFold(c.path, path) }) {
				roots = append(roots, cloudRoot{path, account})
			}
		}
	}
	if ntuser == nil {
		return nil
	}
	if k, err := ntuser.Root().Key(`Software\Microsoft\OneDrive\Accounts`); err == nil {
		// A key without a mail address is left from an account that is gone.
		for _, signedIn := range []bool{true, false} {
			for a := range k.Subkeys() {
				if mail := value(a, "UserEmail"); (mail != "") == signedIn {
					add(value(a, "UserFolder"), mail)
				}
			}
		}
	}
	for _, name := range []string{"OneDriveCommercial", "OneDriveConsumer", "OneDrive"} {
		if v, ok := own.Lookup(name); ok {
			add(v, "")
		}
	}
	if k, err := ntuser.Root().Key(`Software\Microsoft\OneDrive`); err == nil {
		add(value(k, "UserFolder"), "")
	}
	return roots
}

// networkDrive is the server path behind a drive letter of a user, "" when it
// has none. Only drives that Windows connects again at each logon are kept.
func (r *reader) networkDrive(u *User, ntuser *hive.Hive, letter byte) string {
	unc := func(s string) string {
		if strings.HasPrefix(s, `\\`) {
			return strings.TrimRight(s, `\`)
		}
		return ""
	}
	if ntuser != nil {
		if k, err := ntuser.Root().Key(`Network\` + string(rune(letter))); err == nil {
			if s := unc(value(k, "RemotePath")); s != "" {
				return s
			}
		}
	}
	if a, ok := r.names.sam.Find(u.SID); ok && wstr.EqualFold(a.HomeDrive, string(rune(letter))+":") {
		return unc(a.HomeDir)
	}
	return ""
}

// redirect looks at where the folders of a user are: those on network drives
// become remote, and all that are not in the profile folder, or in that of a
// cloud, are noted in u.Redirected.
func (r *reader) redirect(u *User, ntuser *hive.Hive, own *offline.Env, folders []offline.Folder) {
	usual, _ := r.sys.UserFolders(nil, own)
	clouds := r.cloudRoots(u.Dir, ntuser, own)
	where := winpath.Join(u.Dir, ntuserName)
	for i := range folders {
		f := &folders[i]
		if f.Path == "" && f.Remote == "" {
			continue
		}
		red := Redirected{Folder: f.Name, Path: f.Path, Remote: f.Remote}
		var missing *offline.VolumeMissingError
		_, _, err := r.sys.Locate(f.Path)
		if f.Path != "" && errors.As(err, &missing) {
			letter := winpath.Letter(f.Path)
			if unc := r.networkDrive(u, ntuser, letter); unc != "" {
				_, rest := winpath.Volume(f.Path)
				red.Drive = string(rune(letter)) + ":"
				red.Remote, red.Path = strings.TrimRight(unc+rest, `\`), ""
				f.Remote, f.Path = red.Remote, ""
			}
		}
		// A junction in the place of a folder is never entered: rules have to
		// name the folder that it leads to.
		linked := false
		if to := r.sys.Follow(f.Path); f.Path != "" && !wstr.EqualFold(to, f.Path) {
			if _, ok := r.place(to); ok {
				dir := winpath.Dir(f.Path)
				linked = wstr.EqualFold(r.sys.Follow(dir), dir)
				f.Path, red.Path = to, to
			}
		}
		// What follows another folder that was moved is told with that one.
		if f.From == "default" && !linked {
			continue
		}
		for _, c := range clouds {
			if _, inside := winpath.Rel(c.path, f.Path); inside && f.Path != "" {
				red.Cloud, red.Account = c.path, c.account
				break
			}
		}
		if _, inside := winpath.Rel(u.Dir, f.Path); inside && f.Path != "" && red.Cloud == "" {
			continue
		}
		red.Left = r.left(f, usual)
		switch {
		case red.Remote != "":
			through := ""
			if red.Drive != "" {
				through = fmt.Sprintf(" (network drive %s)", red.Drive)
			}
			what := fmt.Sprintf(`the folder %s is redirected to the server path %s%s; what is there is not on this disk`, f.Name, red.Remote, through)
			if red.Cached = r.offlineFiles(red.Remote); red.Cached != "" {
				what += "; copies of some of it may be in the Offline Files, " + red.Cached
			}
			u.problem(RedirectedFolder, where, "%s", what)
		case missing != nil:
			red.Missing = true
			u.problem(FolderMissing, where, "the folder %s cannot be reached: %v", f.Name, err)
		default:
			if _, ok := r.place(f.Path); !ok {
				red.Missing = true
				u.problem(FolderMissing, where, "the folder %s is set to %s, which does not exist", f.Name, f.Path)
			}
		}
		u.Redirected = append(u.Redirected, red)
	}
	slices.SortFunc(u.Redirected, func(a, b Redirected) int { return strings.Compare(a.Folder, b.Folder) })
}

// left is the usual place of f when f was moved from there and something
// stayed.
func (r *reader) left(f *offline.Folder, usual []offline.Folder) string {
	i := slices.IndexFunc(usual, func(o offline.Folder) bool { return o.Name == f.Name })
	if i < 0 || usual[i].Path == "" || wstr.EqualFold(usual[i].Path, f.Path) {
		return ""
	}
	at, ok := r.place(usual[i].Path)
	if !ok {
		return ""
	}
	children, err := at.fs.Children(at.entry)
	if err != nil && !errors.Is(err, volumes.ErrNotFound) {
		return usual[i].Path
	}
	for _, c := range children {
		if !wstr.EqualFold(at.fs.Name(c), "desktop.ini") {
			return usual[i].Path
		}
	}
	return ""
}

// offlineFiles is the folder with the copies that Windows keeps of a server
// path, "" when it has none.
func (r *reader) offlineFiles(remote string) string {
	names := strings.FieldsFunc(remote, func(c rune) bool { return c == '\\' })
	if len(names) < 2 {
		return ""
	}
	// Below the version of the format; the first two names are server and share.
	dir := winpath.Join(winpath.Join(r.sys.Dir, "CSC", "v2.0.6", "namespace"), names...)
	if _, ok := r.place(dir); !ok {
		return ""
	}
	return dir
}
