package offline

import (
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
)

// ProfileList is the key with the profiles, below HKLM\SOFTWARE.
const ProfileList = currentVersion + `\ProfileList`

// Env gives the variables of the system context of rules, in the
// installation's own letters. What they do not define is looked up in the
// environment of the machine.
func (s *System) Env() *Env { return s.env }

// Own gives the environment as Windows itself sees it: what REG_EXPAND_SZ
// values of the machine mean. It differs from Env in ALLUSERSPROFILE.
func (s *System) Own() *Env { return s.own }

// ExpandPath resolves a path of the registry: variables, then plain form.
// It says whether the result is a full path on a drive.
func (s *System) ExpandPath(p string) (string, bool) {
	p, ok := s.own.Expand(p)
	// NT 4.0 and some services write \SystemRoot and \??\C:\.
	p = strings.TrimPrefix(p, `\??\`)
	if winpath.Letter(p) == 0 {
		return p, false
	}
	return winpath.Clean(p), ok
}

// buildEnv fills both environments.
func (s *System) buildEnv() {
	s.own = NewEnv(nil)
	drive := s.Dir[:2]
	s.own.Set("SystemDrive", drive)
	s.own.Set("SystemRoot", s.Dir)
	s.own.Set("windir", s.Dir)
	s.own.Set("COMPUTERNAME", s.ComputerName)

	var list hive.Key // the zero key has no values
	haveList := false
	if k, err := s.Software.Root().Key(ProfileList); err == nil {
		list, haveList = k, true
	}
	// path reads a value of ProfileList; before Vista some are names of a
	// folder among the profiles.
	path := func(base, otherwise string, names ...string) string {
		for _, name := range names {
			if !haveList {
				break
			}
			v := text(list, name)
			if v == "" {
				continue
			}
			if p, ok := s.ExpandPath(v); ok {
				return p
			}
			if base != "" && !strings.ContainsAny(v, `%\/:`) {
				return winpath.Join(base, v)
			}
			s.problem(`HKLM\SOFTWARE\`+ProfileList, "%s is %s, which is no full path; %s is taken", name, v, otherwise)
		}
		return otherwise
	}
	var profiles, allUsers, public, defaults, programData string
	if s.XP() {
		otherwise := drive + `\Documents and Settings`
		if strings.HasPrefix(s.Version, "4.") {
			otherwise = winpath.Join(s.Dir, "Profiles")
		}
		profiles = path("", otherwise, "ProfilesDirectory")
		allUsers = path(profiles, winpath.Join(profiles, "All Users"), "AllUsersProfile")
		defaults = path(profiles, winpath.Join(profiles, "Default User"), "DefaultUserProfile")
		public = allUsers
	} else {
		profiles = path("", drive+`\Users`, "ProfilesDirectory")
		public = path(profiles, winpath.Join(profiles, "Public"), "Public")
		defaults = path(profiles, winpath.Join(profiles, "Default"), "DefaultUserProfile", "Default")
		programData = path(profiles, drive+`\ProgramData`, "ProgramData")
		allUsers = programData
		s.own.Set("PUBLIC", public)
		s.own.Set("ProgramData", programData)
	}
	s.own.Set("ALLUSERSPROFILE", allUsers)
	s.programFolders()
	s.machineEnvironment()

	s.env = NewEnv(s.own)
	for name, value := range map[string]string{
		"ALLUSERSPROFILE":    public, // what rules mean by it, on every Windows
		"PROFILESFOLDER":     profiles,
		"DEFAULTUSERPROFILE": defaults,
		"SYSTEM":             winpath.Join(s.Dir, "System32"),
		"SYSTEM32":           winpath.Join(s.Dir, "System32"),
		"SYSTEM16":           winpath.Join(s.Dir, "System"),
		"SYSTEMPROFILE":      s.systemProfile(),
		"CSIDL_WINDOWS":      s.Dir,
		"CSIDL_SYSTEM":       winpath.Join(s.Dir, "System32"),
		"CSIDL_FONTS":        winpath.Join(s.Dir, "Fonts"),
		"CSIDL_COMMON_FONTS": winpath.Join(s.Dir, "Fonts"),
		"CSIDL_RESOURCES":    winpath.Join(s.Dir, "Resources"),
		"CSIDL_SYSTEMX86":    winpath.Join(s.Dir, "System32"),
		"FOLDERID_Windows":   s.Dir,
		"FOLDERID_System":    winpath.Join(s.Dir, "System32"),
		"FOLDERID_Fonts":     winpath.Join(s.Dir, "Fonts"),

		"FOLDERID_SystemX86":   winpath.Join(s.Dir, "System32"),
		"FOLDERID_ResourceDir": winpath.Join(s.Dir, "Resources"),

		"FOLDERID_UserProfiles": profiles,
	} {
		s.env.Set(name, value)
	}
	if s.Is64() {
		s.env.Set("CSIDL_SYSTEMX86", winpath.Join(s.Dir, "SysWOW64"))
		s.env.Set("FOLDERID_SystemX86", winpath.Join(s.Dir, "SysWOW64"))
	}
	for _, alias := range [][2]string{
		{"CSIDL_PROGRAM_FILES", "ProgramFiles"},
		{"CSIDL_PROGRAM_FILES_COMMON", "CommonProgramFiles"},
		{"FOLDERID_ProgramFiles", "ProgramFiles"},
		{"FOLDERID_ProgramFilesCommon", "CommonProgramFiles"},
		{"FOLDERID_ProgramFilesX64", "ProgramW6432"},
		{"FOLDERID_ProgramFilesCommonX64", "CommonProgramW6432"},
		// A 32-bit Windows has one folder, under both names.
		{"CSIDL_PROGRAM_FILESX86", "ProgramFiles"},
		{"CSIDL_PROGRAM_FILESX86", "ProgramFiles(x86)"},
		{"CSIDL_PROGRAM_FILES_COMMONX86", "CommonProgramFiles"},
		{"CSIDL_PROGRAM_FILES_COMMONX86", "CommonProgramFiles(x86)"},
		{"FOLDERID_ProgramFilesX86", "ProgramFiles"},
		{"FOLDERID_ProgramFilesX86", "ProgramFiles(x86)"},
		{"FOLDERID_ProgramFilesCommonX86", "CommonProgramFiles"},
		{"FOLDERID_ProgramFilesCommonX86", "CommonProgramFiles(x86)"},
	} {
		if v, ok := s.own.Lookup(alias[1]); ok {
			s.env.Set(alias[0], v)
		}
	}
	folders, problems := s.machineFolders()
	for _, f := range folders {
		f.Define(s.env)
	}
	for _, p := range problems {
		s.problem(`HKLM\SOFTWARE\`+explorer, "%s", p)
	}
	s.defaultFolders(defaults)
}

// programFolders sets the variables of the program folders.
func (s *System) programFolders() {
	drive := s.Dir[:2]
	k, err := s.Software.Root().Key(`Microsoft\Windows\CurrentVersion`)
	set := func(variable, value, otherwise string) {
		p := otherwise
		if err == nil {
			if v, ok := s.ExpandPath(text(k, value)); ok {
				p = v
			}
		}
		s.own.Set(variable, p)
	}
	set("ProgramFiles", "ProgramFilesDir", drive+`\Program Files`)
	set("CommonProgramFiles", "CommonFilesDir", drive+`\Program Files\Common Files`)
	if s.Is64() {
		set("ProgramW6432", "ProgramW6432Dir", drive+`\Program Files`)
		set("CommonProgramW6432", "CommonW6432Dir", drive+`\Program Files\Common Files`)
		set("ProgramFiles(x86)", "ProgramFilesDir (x86)", drive+`\Program Files (x86)`)
		set("CommonProgramFiles(x86)", "CommonFilesDir (x86)", drive+`\Program Files (x86)\Common Files`)
	}
}

// machineEnvironment adds the variables that the machine defines for
// everybody. They do not replace those above.
func (s *System) machineEnvironment() {
	if k, err := s.Control(`Control\Session Manager\Environment`); err == nil {
		AddEnvironment(s.own, k)
	}
	// What was found out, or said by a person, is surer than the text.
	s.own.Set("PROCESSOR_ARCHITECTURE", s.Arch)
}

// AddEnvironment adds to e the variables of an Environment key that e and its
// parents do not define as folders of Windows already. Values expand in e.
func AddEnvironment(e *Env, k hive.Key) {
	// Windows sets strings before strings that expand, so that these can use
	// those.
	for _, expand := range []bool{false, true} {
		n := 0
		for v := range k.Values() {
			if n++; n > maxVariables {
				break
			}
			if t := v.Type(); t != 1 && t != 2 || (t == 2) != expand {
				continue
			}
			name := wstr.Upper(v.Name())
			if name == "" || reserved[name] {
				continue
			}
			value, _ := e.Expand(v.Text())
			e.Set(name, value)
		}
	}
}

// maxVariables bounds the variables taken from one Environment key; Windows
// limits the whole block to 32,767 characters.
const maxVariables = 4096

// reserved are variables that Windows computes itself when it starts or when
// a user logs on, whatever the Environment keys say.
var reserved = map[string]bool{
	"SYSTEMDRIVE": true, "SYSTEMROOT": true, "WINDIR": true, "COMPUTERNAME": true,
	"ALLUSERSPROFILE": true, "PUBLIC": true, "PROGRAMDATA": true,
	"PROGRAMFILES": true, "PROGRAMFILES(X86)": true, "PROGRAMW6432": true,
	"COMMONPROGRAMFILES": true, "COMMONPROGRAMFILES(X86)": true, "COMMONPROGRAMW6432": true,
	"USERPROFILE": true, "USERNAME": true, "USERDOMAIN": true, "USERSID": true,
	"APPDATA": true, "LOCALAPPDATA": true, "HOMEDRIVE": true, "HOMEPATH": true,
}

// systemProfile is the profile folder of the account SYSTEM.
func (s *System) systemProfile() string {
	if k, err := s.Software.Root().Key(ProfileList + `\S-1-5-18`); err == nil {
		if p, ok := s.ExpandPath(text(k, "ProfileImagePath")); ok {
			return p
		}
	}
	return winpath.Join(s.Dir, "System32", "config", "systemprofile")
}

// defaultFolders defines CSIDL_DEFAULT_…: the folders of the profile that new
// users get a copy of.
func (s *System) defaultFolders(profile string) {
	own := NewEnv(s.own)
	own.Set("USERPROFILE", profile)
	// Without its hive the folders are the ones Windows makes.
	ntuser, err := s.Hive(winpath.Join(profile, "NTUSER.DAT"))
	if err != nil {
		ntuser = nil
	}
	folders, _ := s.UserFolders(ntuser, own)
	for _, f := range folders {
		for _, v := range f.vars {
			if name, ok := strings.CutPrefix(v, "CSIDL_"); ok {
				s.env.Set("CSIDL_DEFAULT_"+name, f.Path)
			}
		}
	}
}
