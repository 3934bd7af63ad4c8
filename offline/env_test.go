package offline

import (
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/hivegen"
)

func TestExpand(t *testing.T) {
	e := NewEnv(nil)
	e.Set("A", "one")
	e.Set("b(x86)", "%A%")
	e.Set("EMPTY", "")
	child := NewEnv(e)
	child.Set("a", "two")
	for _, tt := range []struct {
		in, want string
		ok       bool
	}{
		{`no variable`, `no variable`, true},
		{`%A%\x`, `two\x`, true},
		{`%a%%B(X86)%`, `two%A%`, true},
		{`%NONE%\%A%`, `%NONE%\two`, false},
		{`100% of %A%`, `100% of two`, false},
		{`100%`, `100%`, true},
		{`50%%`, `50%%`, true},
		{`%EMPTY%`, `%EMPTY%`, false},
	} {
		got, ok := child.Expand(tt.in)
		if got != tt.want || ok != tt.ok {
			t.Errorf("Expand(%q) = %q, %v; want %q, %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
	over := child.Over(nil)
	if v, _ := over.Lookup("A"); v != "two" {
		t.Error(v)
	}
	if _, ok := over.Lookup("B(X86)"); ok {
		t.Error("the old parent is still there")
	}
	over.Unset("a")
	if _, ok := over.Lookup("A"); ok {
		t.Error("A is still defined")
	}
	if v, _ := child.Lookup("A"); v != "two" {
		t.Error("Unset reached the original")
	}
}

// xp is a German Windows XP on D:.
func xp() *machine {
	m := newMachine().current(hivegen.SZ("CurrentVersion", "5.1"), hivegen.SZ("CurrentBuildNumber", "2600"), hivegen.SZ("SystemRoot", `D:\WINDOWS`)).
		control(`Session Manager\Environment`, hivegen.SZ("PROCESSOR_ARCHITECTURE", "x86")).
		profileList(hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Dokumente und Einstellungen`), hivegen.SZ("AllUsersProfile", "All Users"),
			hivegen.SZ("DefaultUserProfile", "Default User"))
	m.root = "WINDOWS"
	m.software.At(explorer+`\User Shell Folders`).Add(
		hivegen.ExpandSZ("Common Documents", `%ALLUSERSPROFILE%\Dokumente`), hivegen.ExpandSZ("Common AppData", `%ALLUSERSPROFILE%\Anwendungsdaten`))
	m.software.At(`Microsoft\Windows\CurrentVersion`).Add(hivegen.SZ("ProgramFilesDir", `D:\Programme`), hivegen.SZ("CommonFilesDir", `D:\Programme\Gemeinsame Dateien`))
	return m
}

func TestSystemVariables(t *testing.T) {
	vista32 := newMachine().current(hivegen.SZ("CurrentVersion", "6.1"), hivegen.SZ("CurrentBuildNumber", "7601"), hivegen.SZ("SystemRoot", `C:\Windows`)).
		control(`Session Manager\Environment`, hivegen.SZ("PROCESSOR_ARCHITECTURE", "x86"))
	moved := eleven()
	moved.software.At(explorer+`\User Shell Folders`).Add(
		hivegen.ExpandSZ("Common Documents", `E:\Shared\Documents`), hivegen.SZ("CommonMusic", `\\nas\music`), hivegen.ExpandSZ("CommonVideo", `%NOWHERE%\Videos`),
		hivegen.SZ("{3D644C9B-1FB8-4F30-9B45-F670235F79C0}", `E:\Shared\Downloads`))
	moved.software.At(explorer+`\Shell Folders`).Add(hivegen.SZ("Common Documents", `C:\Users\Public\Documents`), hivegen.SZ("CommonVideo", `E:\Shared\Videos`))

	for _, tt := range []struct {
		name     string
		m        *machine
		want     string
		problems []string
	}{
		{"Windows 11", eleven(), `
SYSTEMDRIVE=C:
WINDIR=C:\Windows
SystemRoot=C:\Windows
SYSTEM16=C:\Windows\System
SYSTEM32=C:\Windows\System32
ALLUSERSPROFILE=C:\Users\Public
ALLUSERSAPPDATA=C:\ProgramData
ProgramData=C:\ProgramData
PUBLIC=C:\Users\Public
PROFILESFOLDER=C:\Users
DEFAULTUSERPROFILE=C:\Users\Default
SYSTEMPROFILE=C:\Windows\System32\config\systemprofile
ProgramFiles=C:\Program Files
ProgramFiles(x86)=C:\Program Files (x86)
CommonProgramFiles(x86)=C:\Program Files (x86)\Common Files
CSIDL_PROGRAM_FILESX86=C:\Program Files (x86)
CSIDL_PROGRAM_FILES_COMMON=C:\Program Files\Common Files
CSIDL_COMMON_APPDATA=C:\ProgramData
CSIDL_COMMON_DOCUMENTS=C:\Users\Public\Documents
CSIDL_COMMON_FAVORITES=C:\Users\Public\Favorites
CSIDL_COMMON_STARTUP=C:\ProgramData\Microsoft\Windows\Start Menu\Programs\StartUp
CSIDL_COMMON_ALTSTARTUP=C:\ProgramData\Microsoft\Windows\Start Menu\Programs\StartUp
CSIDL_FONTS=C:\Windows\Fonts
CSIDL_DEFAULT_APPDATA=C:\Users\Default\AppData\Roaming
CSIDL_DEFAULT_QUICKLAUNCH=C:\Users\Default\AppData\Roaming\Microsoft\Internet Explorer\Quick Launch
CSIDL_DEFAULT_DOWNLOADS=C:\Users\Default\Downloads
FOLDERID_PublicDownloads=C:\Users\Public\Downloads
FOLDERID_ProgramFilesX86=C:\Program Files (x86)
FOLDERID_ProgramFilesX64=C:\Program Files
COMPUTERNAME=COLD
TEMP=C:\Windows\TEMP
JAVA_BIN=D:\jdk\bin
CSIDL_DESKTOP=-
USERPROFILE=-
APPDATA=-`, nil},
		{"Windows 7, 32 bits, without ProfileList", vista32, `
ProgramFiles=C:\Program Files
ProgramFiles(x86)=-
CSIDL_PROGRAM_FILESX86=C:\Program Files
CSIDL_SYSTEMX86=C:\Windows\System32
PROFILESFOLDER=C:\Users
DEFAULTUSERPROFILE=C:\Users\Default
ALLUSERSPROFILE=C:\Users\Public
CSIDL_DEFAULT_COOKIES=C:\Users\Default\AppData\Roaming\Microsoft\Windows\Cookies`, nil},
		{"German XP on D:", xp(), `
SYSTEMDRIVE=D:
WINDIR=D:\WINDOWS
PROFILESFOLDER=D:\Dokumente und Einstellungen
ALLUSERSPROFILE=D:\Dokumente und Einstellungen\All Users
DEFAULTUSERPROFILE=D:\Dokumente und Einstellungen\Default User
CSIDL_COMMON_DOCUMENTS=D:\Dokumente und Einstellungen\All Users\Dokumente
CSIDL_COMMON_MUSIC=D:\Dokumente und Einstellungen\All Users\Dokumente\My Music
CSIDL_COMMON_APPDATA=D:\Dokumente und Einstellungen\All Users\Anwendungsdaten
CSIDL_COMMON_DESKTOPDIRECTORY=D:\Dokumente und Einstellungen\All Users\Desktop
CSIDL_PROGRAM_FILES=D:\Programme
COMMONPROGRAMFILES=D:\Programme\Gemeinsame Dateien
CSIDL_DEFAULT_LOCAL_APPDATA=D:\Dokumente und Einstellungen\Default User\Local Settings\Application Data
CSIDL_DEFAULT_DOWNLOADS=-
FOLDERID_PublicDownloads=-
PUBLIC=-`, nil},
		{"moved common folders", moved, `
CSIDL_COMMON_DOCUMENTS=E:\Shared\Documents
CSIDL_COMMON_MUSIC=-
CSIDL_COMMON_VIDEO=E:\Shared\Videos
FOLDERID_PublicDownloads=E:\Shared\Downloads`, []string{"redirected to the server path \\\\nas\\music", "set to %NOWHERE%\\Videos"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.m.mustRead(t, nil, 0, Options{})
			for line := range strings.SplitSeq(strings.TrimSpace(tt.want), "\n") {
				name, want, _ := strings.Cut(line, "=")
				got, ok := s.Env().Lookup(name)
				if !ok {
					got = "-"
				}
				if got != want {
					t.Errorf("%%%s%% is %s, want %s", name, got, want)
				}
			}
			checkProblems(t, s.Problems, tt.problems)
		})
	}
	s := eleven().mustRead(t, nil, 0, Options{})
	if v, _ := s.Own().Lookup("ALLUSERSPROFILE"); v != `C:\ProgramData` {
		t.Errorf("to Windows itself ALLUSERSPROFILE is %s", v)
	}
}

// Every variable that the reference names for the system context is defined
// on a 64-bit Windows.
func TestSystemVariablesAreComplete(t *testing.T) {
	s := eleven().mustRead(t, nil, 0, Options{})
	for _, name := range strings.Fields(`ALLUSERSAPPDATA ALLUSERSPROFILE COMMONPROGRAMFILES COMMONPROGRAMFILES(X86) CSIDL_COMMON_ADMINTOOLS
		CSIDL_COMMON_ALTSTARTUP CSIDL_COMMON_APPDATA CSIDL_COMMON_DESKTOPDIRECTORY CSIDL_COMMON_DOCUMENTS CSIDL_COMMON_FAVORITES CSIDL_COMMON_MUSIC
		CSIDL_COMMON_PICTURES CSIDL_COMMON_PROGRAMS CSIDL_COMMON_STARTMENU CSIDL_COMMON_STARTUP CSIDL_COMMON_TEMPLATES CSIDL_COMMON_VIDEO
		CSIDL_DEFAULT_APPDATA CSIDL_DEFAULT_LOCAL_APPDATA CSIDL_DEFAULT_COOKIES CSIDL_DEFAULT_CONTACTS CSIDL_DEFAULT_DESKTOP CSIDL_DEFAULT_DOWNLOADS
		CSIDL_DEFAULT_FAVORITES CSIDL_DEFAULT_HISTORY CSIDL_DEFAULT_INTERNET_CACHE CSIDL_DEFAULT_PERSONAL CSIDL_DEFAULT_MYDOCUMENTS
		CSIDL_DEFAULT_MYPICTURES CSIDL_DEFAULT_MYMUSIC CSIDL_DEFAULT_MYVIDEO CSIDL_DEFAULT_RECENT CSIDL_DEFAULT_SENDTO CSIDL_DEFAULT_STARTMENU
		CSIDL_DEFAULT_PROGRAMS CSIDL_DEFAULT_STARTUP CSIDL_DEFAULT_TEMPLATES CSIDL_DEFAULT_QUICKLAUNCH CSIDL_FONTS CSIDL_PROGRAM_FILES
		CSIDL_PROGRAM_FILESX86 CSIDL_PROGRAM_FILES_COMMON CSIDL_PROGRAM_FILES_COMMONX86 CSIDL_RESOURCES CSIDL_SYSTEM CSIDL_WINDOWS
		DEFAULTUSERPROFILE PROFILESFOLDER PROGRAMFILES PROGRAMFILES(X86) SYSTEM SYSTEM16 SYSTEM32 SYSTEMPROFILE SYSTEMROOT WINDIR SYSTEMDRIVE COMPUTERNAME`) {
		if _, ok := s.Env().Lookup(name); !ok {
			t.Errorf("%%%s%% is not defined", name)
		}
	}
}
