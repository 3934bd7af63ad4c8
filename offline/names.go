package offline

import "strings"

// otherVariables are defined by a Windows beside those of its folders.
const otherVariables = "" +
	"SYSTEMDRIVE SYSTEMROOT WINDIR COMPUTERNAME PUBLIC PROGRAMDATA ALLUSERSPROFILE PROFILESFOLDER DEFAULTUSERPROFILE " +
	"SYSTEM SYSTEM32 SYSTEM16 SYSTEMPROFILE PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432 COMMONPROGRAMFILES " +
	"COMMONPROGRAMFILES(X86) COMMONPROGRAMW6432 PROCESSOR_ARCHITECTURE PROCESSOR_IDENTIFIER PROCESSOR_LEVEL " +
	"PROCESSOR_REVISION NUMBER_OF_PROCESSORS OS PATH PATHEXT COMSPEC DRIVERDATA PSMODULEPATH " +
	"USERNAME USERDOMAIN USERSID USERPROFILE HOMEDRIVE HOMEPATH APPDATA LOCALAPPDATA TEMP TMP ONEDRIVE " +
	"ONEDRIVECONSUMER ONEDRIVECOMMERCIAL " +
	"CSIDL_WINDOWS CSIDL_SYSTEM CSIDL_SYSTEMX86 CSIDL_FONTS CSIDL_COMMON_FONTS CSIDL_RESOURCES CSIDL_BITBUCKET " +
	"CSIDL_PROGRAM_FILES CSIDL_PROGRAM_FILESX86 CSIDL_PROGRAM_FILES_COMMON CSIDL_PROGRAM_FILES_COMMONX86 " +
	"FOLDERID_WINDOWS FOLDERID_SYSTEM FOLDERID_SYSTEMX86 FOLDERID_FONTS FOLDERID_RESOURCEDIR FOLDERID_USERPROFILES " +
	"FOLDERID_PROGRAMFILES FOLDERID_PROGRAMFILESX86 FOLDERID_PROGRAMFILESX64 FOLDERID_PROGRAMFILESCOMMON " +
	"FOLDERID_PROGRAMFILESCOMMONX86 FOLDERID_PROGRAMFILESCOMMONX64"

var variableNames = func() map[string]bool {
	names := map[string]bool{}
	for _, name := range strings.Fields(otherVariables) {
		names[name] = true
	}
	for _, table := range [][]known{userFolders, machineFolders} {
		for _, row := range table {
			names["FOLDERID_"+strings.ToUpper(row.name)] = true
			for _, v := range strings.Fields(row.csidl) {
				names[strings.ToUpper(v)] = true
			}
		}
	}
	return names
}()

// IsUserVariable says whether a variable that every Windows, or one of its
// versions, defines is one of users alone, in any case: the system does not
// have it. TEMP, USERNAME and others that both have are none.
func IsUserVariable(name string) bool { return userNames[strings.ToUpper(name)] }

var userNames = func() map[string]bool {
	names := map[string]bool{}
	for _, name := range strings.Fields("USERPROFILE USERSID HOMEDRIVE HOMEPATH APPDATA LOCALAPPDATA ONEDRIVE ONEDRIVECONSUMER ONEDRIVECOMMERCIAL") {
		names[name] = true
	}
	for _, row := range userFolders {
		names["FOLDERID_"+strings.ToUpper(row.name)] = true
		for _, v := range strings.Fields(row.csidl) {
			names[strings.ToUpper(v)] = true
		}
	}
	return names
}()

// IsVariable says whether every Windows, or one of its versions, defines a
// variable of that name, in any case. The environment of a machine or a user
// may define others.
func IsVariable(name string) bool {
	name = strings.ToUpper(name)
	return variableNames[name] || strings.HasPrefix(name, "CSIDL_DEFAULT_")
}
