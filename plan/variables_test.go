package plan_test

import (
	"strings"
	"testing"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
)

// The variables of Microsoft's "Recognized environment variables", and those
// that rule files use besides. Folders that are no place on a disk (the
// recycle bin, the control panel) have none.
const (
	systemVariables = `ALLUSERSAPPDATA ALLUSERSPROFILE COMMONPROGRAMFILES COMMONPROGRAMFILES(X86) CSIDL_COMMON_ADMINTOOLS CSIDL_COMMON_ALTSTARTUP
CSIDL_COMMON_APPDATA CSIDL_COMMON_DESKTOPDIRECTORY CSIDL_COMMON_DOCUMENTS CSIDL_COMMON_FAVORITES CSIDL_COMMON_MUSIC CSIDL_COMMON_PICTURES
CSIDL_COMMON_PROGRAMS CSIDL_COMMON_STARTMENU CSIDL_COMMON_STARTUP CSIDL_COMMON_TEMPLATES CSIDL_COMMON_VIDEO CSIDL_DEFAULT_APPDATA
CSIDL_DEFAULT_LOCAL_APPDATA CSIDL_DEFAULT_COOKIES CSIDL_DEFAULT_CONTACTS CSIDL_DEFAULT_DESKTOP CSIDL_DEFAULT_DOWNLOADS CSIDL_DEFAULT_FAVORITES
CSIDL_DEFAULT_HISTORY CSIDL_DEFAULT_INTERNET_CACHE CSIDL_DEFAULT_PERSONAL CSIDL_DEFAULT_MYDOCUMENTS CSIDL_DEFAULT_MYPICTURES CSIDL_DEFAULT_MYMUSIC
CSIDL_DEFAULT_MYVIDEO CSIDL_DEFAULT_RECENT CSIDL_DEFAULT_SENDTO CSIDL_DEFAULT_STARTMENU CSIDL_DEFAULT_PROGRAMS CSIDL_DEFAULT_STARTUP
CSIDL_DEFAULT_TEMPLATES CSIDL_DEFAULT_QUICKLAUNCH CSIDL_FONTS CSIDL_COMMON_FONTS CSIDL_PROGRAM_FILES CSIDL_PROGRAM_FILESX86 CSIDL_PROGRAM_FILES_COMMON
CSIDL_PROGRAM_FILES_COMMONX86 CSIDL_RESOURCES CSIDL_SYSTEM CSIDL_SYSTEMX86 CSIDL_WINDOWS DEFAULTUSERPROFILE PROFILESFOLDER PROGRAMFILES
PROGRAMFILES(X86) PROGRAMDATA PUBLIC SYSTEM SYSTEM16 SYSTEM32 SYSTEMPROFILE SYSTEMROOT WINDIR SYSTEMDRIVE COMPUTERNAME PROGRAMW6432
FOLDERID_Public FOLDERID_PublicDesktop FOLDERID_PublicDocuments FOLDERID_PublicDownloads FOLDERID_PublicMusic FOLDERID_PublicPictures
FOLDERID_PublicVideos FOLDERID_RecordedTV FOLDERID_ProgramData FOLDERID_ProgramFiles FOLDERID_ProgramFilesX86 FOLDERID_ProgramFilesX64
FOLDERID_ProgramFilesCommon FOLDERID_ProgramFilesCommonX86 FOLDERID_ProgramFilesCommonX64 FOLDERID_Windows FOLDERID_System FOLDERID_SystemX86
FOLDERID_Fonts FOLDERID_ResourceDir FOLDERID_UserProfiles FOLDERID_CommonStartMenu FOLDERID_CommonPrograms FOLDERID_CommonStartup
FOLDERID_CommonAdminTools FOLDERID_CommonTemplates`
	userVariables = `APPDATA LOCALAPPDATA CSIDL_ADMINTOOLS CSIDL_ALTSTARTUP CSIDL_APPDATA CSIDL_CDBURN_AREA CSIDL_CONTACTS CSIDL_COOKIES CSIDL_DESKTOP
CSIDL_DESKTOPDIRECTORY CSIDL_FAVORITES CSIDL_HISTORY CSIDL_INTERNET_CACHE CSIDL_LOCAL_APPDATA CSIDL_MYDOCUMENTS CSIDL_PERSONAL CSIDL_MYMUSIC
CSIDL_MYPICTURES CSIDL_MYVIDEO CSIDL_NETHOOD CSIDL_PLAYLISTS CSIDL_PRINTHOOD CSIDL_PROFILE CSIDL_PROGRAMS CSIDL_RECENT CSIDL_SENDTO CSIDL_STARTMENU
CSIDL_STARTUP CSIDL_TEMPLATES CSIDL_QUICKLAUNCH HOMEPATH HOMEDRIVE TEMP TMP USERPROFILE USERSID USERNAME USERDOMAIN FOLDERID_OriginalImages
FOLDERID_Contacts FOLDERID_Libraries FOLDERID_Downloads FOLDERID_SavedGames FOLDERID_Desktop FOLDERID_Documents FOLDERID_Profile
FOLDERID_RoamingAppData FOLDERID_LocalAppData FOLDERID_LocalAppDataLow FOLDERID_UserProgramFiles FOLDERID_QuickLaunch`
	noPlaces = `CSIDL_BITBUCKET CSIDL_CONNECTIONS CSIDL_CONTROLS CSIDL_DRIVES CSIDL_INTERNET CSIDL_NETWORK CSIDL_PRINTERS`
)

func TestVariables(t *testing.T) {
	sys, _, users := sample(t, officeImage(t))
	for _, name := range strings.Fields(systemVariables) {
		if v, ok := sys.Env().Lookup(name); !ok || v == "" {
			t.Errorf("%%%s%% is not defined for the system", name)
		}
	}
	var anna *profile.User
	for _, u := range users {
		if u.Name == "anna" {
			anna = u
		}
	}
	for _, name := range strings.Fields(systemVariables + " " + userVariables) {
		if v, ok := anna.Env().Lookup(name); !ok || v == "" {
			t.Errorf("%%%s%% is not defined for a user", name)
		}
	}
	for _, name := range strings.Fields(userVariables) {
		if v, ok := sys.Env().Lookup(name); ok && name != "TEMP" && name != "TMP" && name != "USERNAME" {
			t.Errorf("%%%s%% of users is %s for the system", name, v)
		}
	}
	// What rules check says of a name is so. A machine may define USERNAME and
	// USERDOMAIN for its services.
	for _, name := range strings.Fields(systemVariables + " " + userVariables) {
		_, system := sys.Env().Lookup(name)
		if !offline.IsVariable(name) || offline.IsUserVariable(strings.ToLower(name)) != !system && name != "USERDOMAIN" && name != "USERNAME" {
			t.Errorf("%%%s%%: a variable %t, of users alone %t; the system has it: %t", name, offline.IsVariable(name), offline.IsUserVariable(name), system)
		}
	}
	for _, name := range strings.Fields(noPlaces) {
		if v, ok := anna.Env().Lookup(name); ok {
			t.Errorf("%%%s%% is %s; it is no place on a disk", name, v)
		}
	}
	for name, want := range map[string]string{
		"SYSTEM16": `C:\Windows\System`, "SYSTEM32": `C:\Windows\System32`, "CSIDL_SYSTEMX86": `C:\Windows\SysWOW64`, "FOLDERID_SystemX86": `C:\Windows\SysWOW64`,
		"PROGRAMFILES": `C:\Program Files`, "CSIDL_PROGRAM_FILESX86": `C:\Program Files (x86)`, "ALLUSERSPROFILE": `C:\Users\Public`, "ALLUSERSAPPDATA": `C:\ProgramData`,
		"FOLDERID_ProgramFilesCommonX86": `C:\Program Files (x86)\Common Files`, "FOLDERID_ProgramFilesCommonX64": `C:\Program Files\Common Files`,
		"CSIDL_DEFAULT_APPDATA": `C:\Users\Default\AppData\Roaming`, "CSIDL_PLAYLISTS": `C:\Users\anna\Music\Playlists`, "FOLDERID_ResourceDir": `C:\Windows\Resources`,
		"TOOLS": `C:\Tools`, "EDITOR": "vi", // of the machine's environment, and of the user's
	} {
		if v, _ := anna.Env().Lookup(name); !strings.EqualFold(v, want) {
			t.Errorf("%%%s%% is %q, want %q", name, v, want)
		}
	}
	if v, ok := sys.Env().Lookup("EDITOR"); ok {
		t.Errorf("a variable of a user is %s for the system", v)
	}
}
