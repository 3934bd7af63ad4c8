package offline

import (
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
)

// Folder is one of the folders that Windows lets a user or the machine have
// elsewhere: Desktop, Documents, the common Start menu.
type Folder struct {
	// Name is the KNOWNFOLDERID without its prefix: "Desktop", "Documents".
	Name string `json:"name"`
	// Path is the folder in the installation's own letters, "" when it is not
	// on a disk of the machine.
	Path string `json:"path,omitempty"`
	// Remote is the server path of a folder that is redirected to one.
	Remote string `json:"remote,omitempty"`
	// From tells where the path is from: "User Shell Folders", "Shell
	// Folders" or "default".
	From string `json:"from"`

	vars []string
}

// Define sets the variables that rules know the folder by: the CSIDL_ names
// and FOLDERID_Name. A remote folder defines none.
func (f Folder) Define(e *Env) {
	for _, v := range f.vars {
		e.Set(v, f.Path)
	}
	e.Set("FOLDERID_"+f.Name, f.Path)
}

// known is a row of the tables below.
type known struct {
	name  string // KNOWNFOLDERID
	value string // of the keys User Shell Folders and Shell Folders, "" for none
	guid  string // the other name of the value, "" when the table needs none
	csidl string // variables of rules, blank between them
	// Defaults by Windows: 8.1 and later ("" for the same as Vista), Vista,
	// before Vista ("" for none). They may name rows above by a variable.
	new, vista, xp string
}

// User folders ([KNOWNFOLDERID] and the CSIDL values of the Win32 API). Rows
// that others build on come first.
var userFolders = []known{
	{"Profile", "", "", "CSIDL_PROFILE", "", `%USERPROFILE%`, `%USERPROFILE%`},
	{"RoamingAppData", "AppData", "{3EB685DB-65F9-4CF6-A03A-E3EF65729F3D}", "CSIDL_APPDATA", "", `%USERPROFILE%\AppData\Roaming`, `%USERPROFILE%\Application Data`},
	{"LocalAppData", "Local AppData", "{F1B32785-6FBA-4FCF-9D55-7B8E7F157091}", "CSIDL_LOCAL_APPDATA", "", `%USERPROFILE%\AppData\Local`, `%USERPROFILE%\Local Settings\Application Data`},
	{"LocalAppDataLow", "{A520A1A4-1780-4FF6-BD18-167343C5AF16}", "", "CSIDL_LOCAL_APPDATALOW", "", `%USERPROFILE%\AppData\LocalLow`, ""},
	{"Desktop", "Desktop", "{B4BFCC3A-DB2C-424C-B029-7FE99A87C641}", "CSIDL_DESKTOPDIRECTORY CSIDL_DESKTOP", "", `%USERPROFILE%\Desktop`, `%USERPROFILE%\Desktop`},
	{"Documents", "Personal", "{FDD39AD0-238F-46AF-ADB4-6C85480369C7}", "CSIDL_PERSONAL CSIDL_MYDOCUMENTS", "", `%USERPROFILE%\Documents`, `%USERPROFILE%\My Documents`},
	{"Downloads", "{374DE290-123F-4565-9164-39C4925E467B}", "", "CSIDL_DOWNLOADS", "", `%USERPROFILE%\Downloads`, ""},
	{"Pictures", "My Pictures", "{33E28130-4E1E-4676-835A-98395C3BC3BB}", "CSIDL_MYPICTURES", "", `%USERPROFILE%\Pictures`, `%CSIDL_PERSONAL%\My Pictures`},
	{"Music", "My Music", "{4BD8D571-6D19-48D3-BE97-422220080E43}", "CSIDL_MYMUSIC", "", `%USERPROFILE%\Music`, `%CSIDL_PERSONAL%\My Music`},
	{"Videos", "My Video", "{18989B1D-99B5-455B-841C-AB7C74E4DDFC}", "CSIDL_MYVIDEO", "", `%USERPROFILE%\Videos`, `%CSIDL_PERSONAL%\My Videos`},
	{"Favorites", "Favorites", "{1777F761-68AD-4D8A-87BD-30B759FA33DD}", "CSIDL_FAVORITES", "", `%USERPROFILE%\Favorites`, `%USERPROFILE%\Favorites`},
	{"Contacts", "{56784854-C6CB-462B-8169-88E350ACB882}", "", "CSIDL_CONTACTS", "", `%USERPROFILE%\Contacts`, ""},
	{"Links", "{BFB9D5E0-C6A9-404C-B2B2-AE6DB6AF4968}", "", "", "", `%USERPROFILE%\Links`, ""},
	{"SavedSearches", "{7D1D3A04-DEBB-4115-95CF-2F29DA2920DA}", "", "", "", `%USERPROFILE%\Searches`, ""},
	{"SavedGames", "{4C5C32FF-BB9D-43B0-B5B4-2D72E54EAAA4}", "", "", "", `%USERPROFILE%\Saved Games`, ""},
	{"Objects3D", "{31C0DD25-9439-4F12-BF41-7FF4EDA38722}", "", "", "", `%USERPROFILE%\3D Objects`, ""},
	{"StartMenu", "Start Menu", "{625B53C3-AB48-4EC1-BA1F-A1EF4146FC19}", "CSIDL_STARTMENU", "", `%CSIDL_APPDATA%\Microsoft\Windows\Start Menu`, `%USERPROFILE%\Start Menu`},
	{"Programs", "Programs", "{A77F5D77-2E2B-44C3-A6A2-ABA601054A51}", "CSIDL_PROGRAMS", "", `%CSIDL_STARTMENU%\Programs`, `%CSIDL_STARTMENU%\Programs`},
	{"Startup", "Startup", "{B97D20BB-F46A-4C97-BA10-5E3608430854}", "CSIDL_STARTUP CSIDL_ALTSTARTUP", "", `%CSIDL_PROGRAMS%\Startup`, `%CSIDL_PROGRAMS%\Startup`},
	{"AdminTools", "Administrative Tools", "{724EF170-A42D-4FEF-9F26-B60E846FBA4F}", "CSIDL_ADMINTOOLS", "", `%CSIDL_PROGRAMS%\Administrative Tools`, `%CSIDL_PROGRAMS%\Administrative Tools`},
	{"SendTo", "SendTo", "{8983036C-27C0-404B-8F08-102D10DCFD74}", "CSIDL_SENDTO", "", `%CSIDL_APPDATA%\Microsoft\Windows\SendTo`, `%USERPROFILE%\SendTo`},
	{"Recent", "Recent", "{AE50C081-EBD2-438A-8655-8A092E34987A}", "CSIDL_RECENT", "", `%CSIDL_APPDATA%\Microsoft\Windows\Recent`, `%USERPROFILE%\Recent`},
	{"NetHood", "NetHood", "{C5ABBF53-E17F-4121-8900-86626FC2C973}", "CSIDL_NETHOOD", "", `%CSIDL_APPDATA%\Microsoft\Windows\Network Shortcuts`, `%USERPROFILE%\NetHood`},
	{"PrintHood", "PrintHood", "{9274BD8D-CFD1-41C3-B35E-B13F55A758F4}", "CSIDL_PRINTHOOD", "", `%CSIDL_APPDATA%\Microsoft\Windows\Printer Shortcuts`, `%USERPROFILE%\PrintHood`},
	{"Templates", "Templates", "{A63293E8-664E-48DB-A079-DF759E0509F7}", "CSIDL_TEMPLATES", "", `%CSIDL_APPDATA%\Microsoft\Windows\Templates`, `%USERPROFILE%\Templates`},
	{"Cookies", "Cookies", "{2B0F765D-C0E9-4171-908E-08A611B84FF6}", "CSIDL_COOKIES", `%CSIDL_LOCAL_APPDATA%\Microsoft\Windows\INetCookies`, `%CSIDL_APPDATA%\Microsoft\Windows\Cookies`, `%USERPROFILE%\Cookies`},
	{"History", "History", "{D9DC8A3B-B784-432E-A781-5A1130A75963}", "CSIDL_HISTORY", "", `%CSIDL_LOCAL_APPDATA%\Microsoft\Windows\History`, `%USERPROFILE%\Local Settings\History`},
	{"InternetCache", "Cache", "{352481E8-33BE-4251-BA85-6007CAEDCF9D}", "CSIDL_INTERNET_CACHE", `%CSIDL_LOCAL_APPDATA%\Microsoft\Windows\INetCache`, `%CSIDL_LOCAL_APPDATA%\Microsoft\Windows\Temporary Internet Files`, `%USERPROFILE%\Local Settings\Temporary Internet Files`},
	{"CDBurning", "CD Burning", "{9E52AB10-F80D-49DF-ACB8-4330F5687855}", "CSIDL_CDBURN_AREA", "", `%CSIDL_LOCAL_APPDATA%\Microsoft\Windows\Burn\Burn`, `%CSIDL_LOCAL_APPDATA%\Microsoft\CD Burning`},
	{"Libraries", "{1B3EA5DC-B587-4786-B4EF-BD1DC332AEAE}", "", "", "", `%CSIDL_APPDATA%\Microsoft\Windows\Libraries`, ""},
	{"RoamingTiles", "{00BCFC5A-ED94-4E48-96A1-3F6217F21990}", "", "", `%CSIDL_LOCAL_APPDATA%\Microsoft\Windows\RoamingTiles`, "", ""},
	{"QuickLaunch", "{52A4F021-7B75-48A9-9F6B-4B87A210BC8F}", "", "CSIDL_QUICKLAUNCH", "", `%CSIDL_APPDATA%\Microsoft\Internet Explorer\Quick Launch`, `%CSIDL_APPDATA%\Microsoft\Internet Explorer\Quick Launch`},
	{"UserPinned", "{9E3995AB-1F9C-4F13-B827-48B24B6C7174}", "", "", "", `%CSIDL_QUICKLAUNCH%\User Pinned`, ""},
	{"AccountPictures", "{008CA0B1-55B4-4C56-B8A8-4DE4B299D3BE}", "", "", `%CSIDL_APPDATA%\Microsoft\Windows\AccountPictures`, "", ""},
	{"Screenshots", "{B7BEDE81-DF94-4682-A7D8-57A52620B86F}", "", "", `%CSIDL_MYPICTURES%\Screenshots`, "", ""},
	{"CameraRoll", "{AB5FB87B-7CE2-4F83-915D-550846C9537B}", "", "", `%CSIDL_MYPICTURES%\Camera Roll`, "", ""},
	{"SavedPictures", "{3B193882-D3AD-4EAB-965A-69829D1FB59F}", "", "", `%CSIDL_MYPICTURES%\Saved Pictures`, "", ""},
	{"SkyDrive", "{A52BBA46-E9E1-435F-B3D9-28DAA648C0F6}", "", "", `%USERPROFILE%\OneDrive`, "", ""},
	{"UserProgramFiles", "{5CD7AEE2-2219-4A67-B85D-6C9CE15660CB}", "", "", "", `%CSIDL_LOCAL_APPDATA%\Programs`, ""},
	{"Playlists", "{DE92C1C7-837F-4F69-A3BB-86E631204A23}", "", "CSIDL_PLAYLISTS", "", `%CSIDL_MYMUSIC%\Playlists`, `%CSIDL_MYMUSIC%\My Playlists`},
	{"OriginalImages", "{2C36C0AA-5812-4B87-BFD0-4CD0DFB19B39}", "", "", "", `%CSIDL_LOCAL_APPDATA%\Microsoft\Windows Photo Gallery\Original Images`, ""},
}

// Folders of the machine. %ALLUSERSPROFILE% is what Windows means by it:
// ProgramData, and All Users before Vista.
var machineFolders = []known{
	{"Public", "", "", "", "", `%PUBLIC%`, ""},
	{"ProgramData", "Common AppData", "{62AB5D82-FDC1-4DC3-A9DD-070D1D495D97}", "CSIDL_COMMON_APPDATA ALLUSERSAPPDATA", "", `%ProgramData%`, `%ALLUSERSPROFILE%\Application Data`},
	{"PublicDesktop", "Common Desktop", "{C4AA340D-F20F-4863-AFEF-F87EF2E6BA25}", "CSIDL_COMMON_DESKTOPDIRECTORY", "", `%PUBLIC%\Desktop`, `%ALLUSERSPROFILE%\Desktop`},
	{"PublicDocuments", "Common Documents", "{ED4824AF-DCE4-45A8-81E2-FC7965083634}", "CSIDL_COMMON_DOCUMENTS", "", `%PUBLIC%\Documents`, `%ALLUSERSPROFILE%\Documents`},
	{"PublicDownloads", "{3D644C9B-1FB8-4F30-9B45-F670235F79C0}", "", "", "", `%PUBLIC%\Downloads`, ""},
	{"PublicMusic", "CommonMusic", "{3214FAB5-9757-4298-BB61-92A9DEAA44FF}", "CSIDL_COMMON_MUSIC", "", `%PUBLIC%\Music`, `%CSIDL_COMMON_DOCUMENTS%\My Music`},
	{"PublicPictures", "CommonPictures", "{B6EBFB86-6907-413C-9AF7-4FC2ABF07CC5}", "CSIDL_COMMON_PICTURES", "", `%PUBLIC%\Pictures`, `%CSIDL_COMMON_DOCUMENTS%\My Pictures`},
	{"PublicVideos", "CommonVideo", "{2400183A-6185-49FB-A2D8-4A392A602BA3}", "CSIDL_COMMON_VIDEO", "", `%PUBLIC%\Videos`, `%CSIDL_COMMON_DOCUMENTS%\My Videos`},
	{"CommonFavorites", "Common Favorites", "", "CSIDL_COMMON_FAVORITES", "", `%PUBLIC%\Favorites`, `%ALLUSERSPROFILE%\Favorites`},
	{"CommonStartMenu", "Common Start Menu", "{A4115719-D62E-491D-AA7C-E74B8BE3B067}", "CSIDL_COMMON_STARTMENU", "", `%CSIDL_COMMON_APPDATA%\Microsoft\Windows\Start Menu`, `%ALLUSERSPROFILE%\Start Menu`},
	{"CommonPrograms", "Common Programs", "{0139D44E-6AFE-49F2-8690-3DAFCAE6FFB8}", "CSIDL_COMMON_PROGRAMS", "", `%CSIDL_COMMON_STARTMENU%\Programs`, `%CSIDL_COMMON_STARTMENU%\Programs`},
	{"CommonStartup", "Common Startup", "{82A5EA35-D9CD-47C5-9629-E15D2F714E6E}", "CSIDL_COMMON_STARTUP CSIDL_COMMON_ALTSTARTUP", "", `%CSIDL_COMMON_PROGRAMS%\StartUp`, `%CSIDL_COMMON_PROGRAMS%\Startup`},
	{"CommonAdminTools", "Common Administrative Tools", "{D0384E7D-BAC3-4797-8F14-CBA229B392B5}", "CSIDL_COMMON_ADMINTOOLS", "", `%CSIDL_COMMON_PROGRAMS%\Administrative Tools`, `%CSIDL_COMMON_PROGRAMS%\Administrative Tools`},
	{"CommonTemplates", "Common Templates", "{B94237E7-57AC-4347-9151-B08C6C32D1F7}", "CSIDL_COMMON_TEMPLATES", "", `%CSIDL_COMMON_APPDATA%\Microsoft\Windows\Templates`, `%ALLUSERSPROFILE%\Templates`},
	{"CommonOEMLinks", "OEM Links", "{C1BAE2D0-10DF-4334-BEDD-7AA20B227A9D}", "", "", `%CSIDL_COMMON_APPDATA%\OEM Links`, ""},
	{"RecordedTV", "{BD85E001-112E-431E-983B-7B15AC09FFF1}", "", "", "", `%PUBLIC%\Recorded TV`, ""},
}

// firstNew is the first build that keeps cookies and cache in INet folders.
const firstNew = 9600

const explorer = `Microsoft\Windows\CurrentVersion\Explorer`

// UserFolders resolves the folders of a user from NTUSER.DAT, which may be
// nil. own holds what values expand: the user's environment with USERPROFILE
// over that of the machine. The second result are sentences about values
// that lead nowhere, and folders on servers.
func (s *System) UserFolders(ntuser *hive.Hive, own *Env) ([]Folder, []string) {
	var k *hive.Key
	if ntuser != nil {
		if e, err := ntuser.Root().Key(`Software\` + explorer); err == nil {
			k = &e
		}
	}
	return s.folders(userFolders, k, own)
}

func (s *System) machineFolders() ([]Folder, []string) {
	var k *hive.Key
	if e, err := s.Software.Root().Key(explorer); err == nil {
		k = &e
	}
	return s.folders(machineFolders, k, s.own)
}

// folders resolves table in order: User Shell Folders by name, then by GUID,
// then what Windows last made of it in Shell Folders, then the default.
func (s *System) folders(table []known, explorer *hive.Key, own *Env) ([]Folder, []string) {
	type source struct {
		from string
		key  hive.Key
	}
	var sources []source
	if explorer != nil {
		for _, name := range []string{"User Shell Folders", "Shell Folders"} {
			if k, err := explorer.Key(name); err == nil {
				sources = append(sources, source{name, k})
			}
		}
	}
	var out []Folder
	var problems []string
	x := NewEnv(own) // own and the rows so far, server paths included
	for _, row := range table {
		f := Folder{Name: row.name, vars: strings.Fields(row.csidl)}
		try := func(from, value string) bool {
			if value == "" {
				return false
			}
			p, ok := x.Expand(value)
			switch {
			case !ok:
				if from != "default" {
					problems = append(problems, fmt.Sprintf("the folder %s is set to %s in %s, which cannot be resolved; the next best place is taken", row.name, value, from))
				}
				return false
			case strings.HasPrefix(p, `\\`):
				f.Remote, f.From = p, from
				if from != "default" {
					problems = append(problems, fmt.Sprintf("the folder %s is redirected to the server path %s; what is there is not on this disk", row.name, p))
				}
			case winpath.Letter(p) == 0:
				problems = append(problems, fmt.Sprintf("the folder %s is set to %s in %s, which is no full path; the next best place is taken", row.name, value, from))
				return false
			default:
				f.Path, f.From = winpath.Clean(p), from
			}
			return true
		}
		found := false
		for _, src := range sources {
			for _, name := range []string{row.value, row.guid} {
				if name != "" && !found {
					found = try(src.from, text(src.key, name))
				}
			}
		}
		if !found {
			found = try("default", row.byDefault(s))
		}
		if !found {
			continue
		}
		for _, v := range f.vars {
			x.Set(v, f.Path+f.Remote)
		}
		out = append(out, f)
	}
	return out, problems
}

func (k known) byDefault(s *System) string {
	switch {
	case s.XP():
		return k.xp
	case s.Build >= firstNew && k.new != "":
		return k.new
	}
	return k.vista
}
