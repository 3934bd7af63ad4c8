package rules

import (
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
)

// The document finder: GenerateDocPatterns makes patterns for the places in
// which people keep documents. Microsoft describes what it finds ("Understand
// migration XML files") and not how it knows the folders of programs: here
// they are those that the registry names and that hold a program.

// commonFolders and personalFolders are the folders of Windows in which
// documents are looked for, by their variables.
var (
	commonFolders = []string{"CSIDL_COMMON_DESKTOPDIRECTORY", "CSIDL_COMMON_FAVORITES", "CSIDL_COMMON_DOCUMENTS",
		"CSIDL_COMMON_MUSIC", "CSIDL_COMMON_PICTURES", "CSIDL_COMMON_VIDEO", "FOLDERID_PublicDownloads"}
	personalFolders = []string{"CSIDL_MYDOCUMENTS", "CSIDL_MYPICTURES", "FOLDERID_OriginalImages", "CSIDL_MYMUSIC", "CSIDL_MYVIDEO",
		"CSIDL_FAVORITES", "CSIDL_DESKTOP", "CSIDL_QUICKLAUNCH", "FOLDERID_Contacts", "FOLDERID_Libraries", "FOLDERID_Downloads",
		"FOLDERID_SavedGames", "FOLDERID_RecordedTV"}
	// windowsFolders are never looked into, appData only for shell folders in it.
	windowsFolders = []string{"WINDIR", "ProgramFiles", "ProgramFiles(x86)", "ProgramW6432", "ProgramData", "CSIDL_COMMON_APPDATA"}
	appData        = []string{"CSIDL_APPDATA", "CSIDL_LOCAL_APPDATA", "CSIDL_LOCAL_APPDATALOW"}
	// notDocuments are folders that Windows, its Setup and its makers put into
	// the root of a drive.
	notDocuments = []string{"$Recycle.Bin", "RECYCLER", "RECYCLED", "System Volume Information", "Windows.old*", "$Windows.~BT", "$WINDOWS.~WS",
		"$WinREAgent", "$SysReset", "$GetCurrent", "PerfLogs", "Recovery", "Config.Msi", "MSOCache", "Boot", "Intel", "AMD", "NVIDIA", "Drivers", "SWSetup",
		"Program Files", "Program Files (x86)", "ProgramData", "Documents and Settings", "Windows", "WINNT"}
	// profileFiles are those in a profile folder that Windows keeps there.
	profileFiles = []string{"NTUSER.*", "UsrClass.dat*"}
)

const (
	uninstall = `Microsoft\Windows\CurrentVersion\Uninstall\*`
	appPaths  = `Microsoft\Windows\CurrentVersion\App Paths\*`
)

// finder is one call of GenerateDocPatterns.
type finder struct {
	*evaluation
	call   *migxml.Call
	action migxml.Action
	find   Finder
	list   Lister
	read   Contents
}

func (v *evaluation) docPatterns(c *migxml.Call, a migxml.Action) {
	if v.ctx.Probe == nil {
		return
	}
	w := *v
	f := finder{evaluation: &w, call: c, action: a}
	var ok [3]bool
	f.find, ok[0] = v.ctx.Probe.(Finder)
	f.list, ok[1] = v.ctx.Probe.(Lister)
	f.read, ok[2] = v.ctx.Probe.(Contents)
	if !ok[0] || !ok[1] || !ok[2] {
		v.unsupported(c, "folders are not listed")
		return
	}
	// Programs are for the system alone: the two cases of users do without.
	programs, includes, systemDrive := c.Is(0, "TRUE"), !c.Is(1, "FALSE"), c.Is(2, "TRUE")
	if includes {
		// Files that are hidden and of the system are no documents.
		w.filter = notOfSystem(v.filter)
	}
	switch {
	case includes && v.ctx.User:
		f.personal()
	case includes:
		f.common()
		f.drives(systemDrive)
		f.profiles(systemDrive)
		if programs {
			f.programs()
		}
	case v.ctx.User:
		for _, name := range appData {
			f.below(f.value(name))
		}
		f.applications(false)
	default:
		for _, name := range windowsFolders {
			if !programs || !strings.HasPrefix(name, "Program") || name == "ProgramData" {
				f.below(f.value(name))
			}
		}
		for _, d := range f.fixed(systemDrive) {
			for _, name := range notDocuments {
				if !programs || !strings.HasPrefix(name, "Program Files") {
					f.below(winpath.Join(d, name))
				}
			}
		}
		f.applications(programs)
	}
}

// value is the folder of a variable, "" when there is none.
func (f *finder) value(name string) string {
	s, _ := lookup(f.ctx.Env, name)
	if winpath.Letter(s) == 0 || strings.Contains(s, "*") {
		return ""
	}
	return winpath.Clean(s)
}

// below adds everything in folder, whose name may have wildcards.
func (f *finder) below(folder string) {
	if folder != "" {
		f.addLocation(f.call.Pos, f.call.Text, File, location{strings.TrimRight(folder, `\`) + `\*`, "*", true}, f.action)
	}
}

// file adds one file.
func (f *finder) file(folder, name string) {
	if !strings.Contains(name, "*") {
		f.addLocation(f.call.Pos, f.call.Text, File, location{strings.TrimRight(folder, `\`), name, true}, f.action)
	}
}

// fixed are the drives to look at.
func (f *finder) fixed(systemDrive bool) []string {
	if systemDrive {
		vol, _ := winpath.Volume(f.value("WINDIR"))
		return []string{vol}
	}
	return f.ctx.Probe.Drives("Fixed")
}

func (f *finder) common() {
	for _, name := range commonFolders {
		f.below(f.value(name))
	}
}

// drives adds the files and folders in the root of each drive.
func (f *finder) drives(systemDrive bool) {
	var skip []string
	for _, name := range append([]string{"PROFILESFOLDER"}, windowsFolders...) {
		skip = append(skip, f.value(name))
	}
	apps := f.installed()
	for _, d := range f.fixed(systemDrive) {
		root := strings.TrimRight(d, `\`) + `\`
		f.inRoot(root, func(e Entry) bool {
			path := winpath.Join(root, e.Name)
			return !e.Folder || !fits(notDocuments, e.Name) && !same(skip, path) && !f.isProgram(apps, path)
		})
	}
}

// inRoot adds the files and folders in folder that want lets through.
func (f *finder) inRoot(folder string, want func(Entry) bool) {
	for _, e := range f.list.List(folder) {
		if e.Link || e.Hidden && e.System || !want(e) {
			continue
		}
		if e.Folder {
			f.below(winpath.Join(folder, e.Name))
		} else {
			f.file(folder, e.Name)
		}
	}
}

// isProgram says whether path is one of the folders of programs, and tells of
// it: a folder that is left out without a word is the main complaint about
// finders.
func (f *finder) isProgram(apps []string, path string) bool {
	if !same(apps, path) {
		return false
	}
	f.warn(f.call.Pos, "%s leaves out %s: a program is installed there", f.call.Text, path)
	return true
}

// profiles adds what lies beside the profiles.
func (f *finder) profiles(systemDrive bool) {
	root := f.value("PROFILESFOLDER")
	vol, _ := winpath.Volume(root)
	if root == "" || !slices.ContainsFunc(f.fixed(systemDrive), func(d string) bool { return wstr.EqualFold(strings.TrimRight(d, `\`), vol) }) {
		return
	}
	own := []string{f.value("FOLDERID_Public"), f.value("DEFAULTUSERPROFILE"), f.value("ALLUSERSPROFILE")}
	f.find.Find(Registry, `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\*`, "ProfileImagePath", true, func(node, leaf string) bool {
		if text, ok := f.read.Text(Registry, node, leaf); ok {
			own = append(own, f.literal(text))
		}
		return true
	})
	f.inRoot(root, func(e Entry) bool {
		path := winpath.Join(root, e.Name)
		return !e.Folder || !same(own, path) && !f.probe(File, location{path, "NTUSER.DAT", true})
	})
}

// personal adds the folders of a user, and what lies in the root of the
// profile.
func (f *finder) personal() {
	for _, name := range personalFolders {
		f.below(f.value(name))
	}
	root := f.value("CSIDL_PROFILE")
	if root == "" {
		return
	}
	apps := f.installed()
	f.inRoot(root, func(e Entry) bool {
		path := winpath.Join(root, e.Name)
		if !e.Folder {
			return !fits(profileFiles, e.Name)
		}
		for _, name := range appData {
			if _, in := winpath.Rel(path, f.value(name)); in {
				return false
			}
		}
		return !f.isProgram(apps, path)
	})
}

// applications adds the folders of programs, to be excluded; those directly in
// the program folders stay when documents are looked for there.
func (f *finder) applications(programs bool) {
	for _, dir := range f.installed() {
		keep := false
		for _, name := range []string{"ProgramFiles", "ProgramFiles(x86)", "ProgramW6432"} {
			rel, in := winpath.Rel(f.value(name), dir)
			keep = keep || programs && in && f.value(name) != "" && !strings.Contains(rel, `\`)
		}
		if !keep {
			f.below(dir)
		}
	}
}

// installed are the folders of programs: those that the registry names and
// that hold a program. What is above a folder of documents, or is one, is no
// folder of a program whatever the registry says.
func (f *finder) installed() []string {
	hives := []string{`HKLM\SOFTWARE\`, `HKLM\SOFTWARE\Wow6432Node\`}
	if f.ctx.User {
		hives = append(hives, `HKCU\Software\`)
	}
	var own []string
	for _, name := range slices.Concat(commonFolders, personalFolders, appData, []string{"CSIDL_PROFILE", "PROFILESFOLDER", "FOLDERID_Public"}) {
		own = append(own, f.value(name))
	}
	var out []string
	add := func(dir string) {
		dir = strings.TrimRight(winpath.Clean(dir), `\`)
		_, names := winpath.Split(dir)
		if winpath.Letter(dir) == 0 || len(names) == 0 || strings.Contains(dir, "*") || same(out, dir) || len(out) >= maxFound {
			return
		}
		for _, o := range own {
			if _, in := winpath.Rel(dir, o); o != "" && in {
				return
			}
		}
		if f.probe(File, location{dir, "*.exe", true}) {
			out = append(out, dir)
		}
	}
	for _, h := range hives {
		for _, q := range []struct {
			key, value string
			isFile     bool
		}{
			{uninstall, "InstallLocation", false}, {uninstall, "DisplayIcon", true}, {appPaths, "", true}, {appPaths, "Path", false},
		} {
			f.find.Find(Registry, h+q.key, q.value, true, func(node, leaf string) bool {
				text, ok := f.read.Text(Registry, node, leaf)
				if !ok {
					return true
				}
				if q.isFile { // perhaps with the number of an icon behind it
					if p := f.literal(text); p != "" {
						add(winpath.Dir(p))
					}
					return true
				}
				for _, dir := range strings.Split(text, ";") {
					if p := f.literal(dir); p != "" {
						add(p)
					}
				}
				return true
			})
		}
	}
	return out
}

// programs adds the documents in the program folders: files of the types that
// a program there opens.
func (f *finder) programs() {
	var roots []string
	for _, name := range []string{"ProgramFiles", "ProgramFiles(x86)", "ProgramW6432"} {
		if r := f.value(name); r != "" && !same(roots, r) {
			roots = append(roots, r)
		}
	}
	const classes = `HKLM\SOFTWARE\Classes`
	seen := map[string]bool{}
	f.find.Find(Registry, classes+`\.*`, "", true, func(node, leaf string) bool {
		ext, ok := winpath.Rel(classes, node)
		ext = wstr.Upper(ext)
		if !ok || strings.ContainsAny(ext, `\*`) || seen[ext] || slices.Contains([]string{".EXE", ".DLL", ".COM", ".OCX", ".SYS"}, ext) {
			return true
		}
		id, ok := f.read.Text(Registry, node, leaf)
		if !ok || id == "" {
			return true
		}
		command, ok := f.read.Text(Registry, classes+`\`+id+`\shell\open\command`, "")
		if !ok {
			return true
		}
		path := f.literal(command)
		for _, r := range roots {
			if _, in := winpath.Rel(r, path); in {
				seen[ext] = true
			}
		}
		if seen[ext] {
			for _, r := range roots {
				f.addLocation(f.call.Pos, f.call.Text, File, location{r + `\*`, "*" + ext, true}, f.action)
			}
		}
		return true
	})
}

func fits(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return winpath.Match(p, name, false) })
}

func same(paths []string, path string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return p != "" && wstr.EqualFold(p, path) })
}
