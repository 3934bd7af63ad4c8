package inventory

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/profile"
)

const uninstall = `Microsoft\Windows\CurrentVersion\Uninstall`

// Program is an entry of the list of installed programs.
type Program struct {
	// Name is the DisplayName, or the name of the key when there is none.
	Name      wstr.Text `json:"name"`
	Version   wstr.Text `json:"version,omitempty"`
	Publisher wstr.Text `json:"publisher,omitempty"`
	// Installed is a date, "2024-05-14".
	Installed string `json:"installed,omitempty"`
	// DateFrom is "InstallDate", or "key" for the last change of the key,
	// which an update of the program moves.
	DateFrom string `json:"installed_from,omitempty"`
	// Size is what the installer says, in bytes.
	Size int64 `json:"size,omitempty"`
	// View is "64" or "32": which view of the registry the entry is in. It is
	// "" for users and on a 32-bit Windows.
	View string `json:"view,omitempty"`
	// User is the ID of the user whose program it is, "" for all users.
	User string `json:"user,omitempty"`
	// Hidden: Windows does not show it (SystemComponent, or no DisplayName).
	Hidden bool `json:"hidden,omitempty"`
	// Key is the name of the entry: the product code of MSI packages.
	Key wstr.Text `json:"key"`
	MSI bool      `json:"msi,omitempty"`
}

// App is a package of the Store.
type App struct {
	// Family is the name of the package family, which installers take:
	// "Microsoft.WindowsCalculator_8wekyb3d8bbwe".
	Family  wstr.Text `json:"family"`
	Name    wstr.Text `json:"name"`
	Version wstr.Text `json:"version"`
	// Provisioned: every new user of the machine gets it.
	Provisioned bool `json:"provisioned,omitempty"`
	// Users are the IDs of the users who have it.
	Users []string `json:"users,omitempty"`
	// System: a part of Windows. Framework: other packages bring it along.
	System    bool `json:"system,omitempty"`
	Framework bool `json:"framework,omitempty"`
}

// programs reads both views of the machine.
func (r *reader) programs() {
	view := ""
	if r.sys.Is64() {
		view = "64"
		if k, ok := r.software(`Wow6432Node\` + uninstall); ok {
			r.uninstall(k, "32", "")
		}
	}
	if k, ok := r.software(uninstall); ok {
		r.uninstall(k, view, "")
	}
}

// userPrograms reads the programs of u alone.
func (r *reader) userPrograms(u *profile.User) {
	for _, path := range []string{`Software\` + uninstall, `Software\Wow6432Node\` + uninstall} {
		if k, err := u.HKCU(path); err == nil {
			r.uninstall(k, "", u.ID)
		}
	}
}

// userMSI reads what MSI keeps in the machine's registry about packages that
// one user installed: it is there when the user's own registry is not.
func (r *reader) userMSI(u *profile.User) {
	if u.SID == "" || u.ID != u.SID {
		return // another profile of the same account has it
	}
	list, ok := r.software(`Microsoft\Windows\CurrentVersion\Installer\UserData\` + u.SID + `\Products`)
	if !ok {
		return
	}
	for k := range r.keys(list) {
		props, err := k.Subkey("InstallProperties")
		if err != nil {
			continue
		}
		r.add(props, unpackGUID(k.Name()), "", u.ID, true)
	}
}

func (r *reader) uninstall(list hive.Key, view, user string) {
	for k := range r.keys(list) {
		msi, _ := k.DWord("WindowsInstaller")
		r.add(k, k.Name(), view, user, msi == 1)
	}
}

// updates are the values of ReleaseType that are no programs.
var updates = map[string]bool{"UPDATE": true, "HOTFIX": true, "SECURITY UPDATE": true, "UPDATE ROLLUP": true, "SERVICE PACK": true, "SERVICEPACK": true}

// add adds the entry that k describes, unless it is an update.
func (r *reader) add(k hive.Key, key, view, user string, msi bool) {
	if text(k, "ParentKeyName") != "" || text(k, "ParentDisplayName") != "" || updates[wstr.Upper(string(text(k, "ReleaseType")))] {
		r.inv.Updates++
		return
	}
	if user != "" {
		// MSI writes about a package in both registries.
		id := user + "\\" + wstr.Upper(key)
		if r.seen[id] {
			return
		}
		r.seen[id] = true
	}
	if len(r.inv.Programs) == maxPrograms {
		r.tooMany("the list of installed programs", maxPrograms)
		return
	}
	p := Program{Name: text(k, "DisplayName"), Version: text(k, "DisplayVersion"), Publisher: text(k, "Publisher"), View: view, User: user, Key: plain(key), MSI: msi}
	component, _ := k.DWord("SystemComponent")
	p.Hidden = component == 1
	if p.Name == "" {
		p.Name, p.Hidden = p.Key, true
	}
	if n, ok := k.DWord("EstimatedSize"); ok {
		p.Size = int64(n) << 10
	}
	if t, err := time.Parse("20060102", string(text(k, "InstallDate"))); err == nil {
		p.Installed, p.DateFrom = t.Format(time.DateOnly), "InstallDate"
	} else if t := k.LastWrite().Time(); k.LastWrite() != 0 && t.Year() >= 1993 && t.Year() < 2100 {
		p.Installed, p.DateFrom = t.UTC().Format(time.DateOnly), "key"
	}
	r.inv.Programs = append(r.inv.Programs, p)
}

// sortPrograms orders by name.
func sortPrograms(list []Program) {
	slices.SortStableFunc(list, func(a, b Program) int {
		return cmp.Or(wstr.Compare(string(a.Name), string(b.Name)), cmp.Compare(a.User, b.User), cmp.Compare(a.View, b.View), wstr.Compare(string(a.Key), string(b.Key)))
	})
}

// unpackGUID gives the product code that MSI writes as a row of 32 digits
// with its parts turned round; other names are returned as they are.
func unpackGUID(s string) string {
	if len(s) != 32 {
		return s
	}
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return s
		}
	}
	var b strings.Builder
	b.WriteByte('{')
	at := 0
	for i, n := range []int{8, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2} {
		if i == 1 || i == 2 || i == 3 || i == 5 {
			b.WriteByte('-')
		}
		for j := at + n - 1; j >= at; j-- {
			b.WriteByte(s[j])
		}
		at += n
	}
	b.WriteByte('}')
	return strings.ToUpper(b.String())
}

const (
	allUserStore = `Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore`
	repository   = `Software\Classes\Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\Repository\Packages`
	// publisherWindows signs the apps that are parts of Windows.
	publisherWindows = "cw5n1h2txyewy"
)

// apps gathers the packages by their family.
type apps struct {
	r      *reader
	ids    map[string]string // SID to ID of the user
	family map[string]*App
}

func newApps(r *reader, users []*profile.User) *apps {
	a := &apps{r: r, ids: map[string]string{}, family: map[string]*App{}}
	for _, u := range users {
		if u.Person() && u.SID != "" && u.ID == u.SID {
			a.ids[wstr.Upper(u.SID)] = u.ID
		}
	}
	return a
}

// machine reads what the machine's registry tells of all users.
func (a *apps) machine() {
	store, ok := a.r.software(allUserStore)
	if !ok {
		return
	}
	for k := range a.r.keys(store) {
		id, person := a.ids[wstr.Upper(k.Name())]
		provisioned := wstr.EqualFold(k.Name(), "Applications")
		if !person && !provisioned {
			continue
		}
		for p := range a.r.keys(k) {
			a.add(p.Name(), id, provisioned)
		}
	}
}

// user reads the packages of u from its own registry.
func (a *apps) user(u *profile.User) {
	k, err := u.HKCU(repository)
	if err != nil {
		return
	}
	for p := range a.r.keys(k) {
		a.add(p.Name(), u.ID, false)
	}
}

// frameworks begin the names of packages that come along with others.
var frameworks = []string{"Microsoft.VCLibs.", "Microsoft.NET.Native.", "Microsoft.UI.Xaml.", "Microsoft.WindowsAppRuntime.", "Microsoft.Services.Store.Engagement", "Microsoft.Advertising.Xaml", "Microsoft.WinJS."}

// add notes a package by its full name: name, version, architecture, resource
// and publisher, with underscores between. Parts of a package for one language
// or one scale are left out.
func (a *apps) add(full, user string, provisioned bool) {
	part := strings.Split(full, "_")
	if len(part) != 5 || part[0] == "" || part[4] == "" || len(full) > maxText {
		return
	}
	if res := wstr.Upper(part[3]); res != "" && res != "~" && res != "NEUTRAL" {
		return
	}
	name := part[0] + "_" + part[4]
	app := a.family[wstr.Upper(name)]
	if app == nil {
		if len(a.family) == maxApps {
			a.r.tooMany("the list of Store apps", maxApps)
			return
		}
		app = &App{Family: plain(name), Name: plain(part[0]), System: wstr.EqualFold(part[4], publisherWindows)}
		for _, f := range frameworks {
			app.Framework = app.Framework || len(part[0]) >= len(f) && wstr.EqualFold(part[0][:len(f)], f)
		}
		a.family[wstr.Upper(name)] = app
	}
	if newer(part[1], string(app.Version)) {
		app.Version = plain(part[1])
	}
	app.Provisioned = app.Provisioned || provisioned
	if user != "" && !slices.Contains(app.Users, user) {
		app.Users = append(app.Users, user)
	}
}

// newer compares versions such as "11.2311.0.0".
func newer(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		if c := cmp.Or(cmp.Compare(len(x[i]), len(y[i])), strings.Compare(x[i], y[i])); c != 0 {
			return c > 0
		}
	}
	return len(x) > len(y) || b == ""
}

// list gives the packages in the order of their names.
func (a *apps) list() []App {
	out := make([]App, 0, len(a.family))
	for _, app := range a.family {
		out = append(out, *app)
	}
	slices.SortFunc(out, func(x, y App) int { return wstr.Compare(string(x.Family), string(y.Family)) })
	return out
}
