// Package inventory answers what a rebuild of a machine needs and no capture
// of files tells: programs to install, printers, network drives, Wi-Fi and VPN
// connections to set up, the domain or tenant to join, language and time zone,
// and what was left unfinished. It reads them from the registry and a few
// files of an installation that is not running.
//
// It reads by name the values that it gives out, and no others. Passwords,
// keys of networks and products, tokens, recovery keys and the values of
// environment variables are not among them; what a person wrote into a URL
// before its "@" is cut out. Wi-Fi profiles hold keys beside the names: those
// elements are passed over.
//
// Everything is bounded: a hive of a broken disk cannot make the answer large.
package inventory

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
)

// Limits. They are far above what machines of people have; what is beyond
// them is left out with a problem that says so.
const (
	maxKeys     = 20000 // keys or values looked at in one place; large machines have some 2,000 Uninstall keys
	maxPrograms = 5000
	maxApps     = 5000
	maxItems    = 1000    // of any other list
	maxText     = 1024    // bytes of a text; names shown in Windows have at most 260 characters
	maxFile     = 1 << 20 // bytes of a Wi-Fi profile (some 1 KiB) or a phone book (some 2 KiB an entry)
)

// Inventory is what a rebuild of one installation needs. Its JSON form is
// described in docs/inspect-json.md.
type Inventory struct {
	Machine  Machine   `json:"machine"`
	State    State     `json:"state"`
	Programs []Program `json:"programs"`
	// Updates is the number of entries of the list of programs that are
	// updates of Windows or of another program; they are left out.
	Updates  int       `json:"updates_left_out"`
	Apps     []App     `json:"store_apps"`
	Printers []Printer `json:"printers"`
	WiFi     []WiFi    `json:"wifi"`
	// Phonebook are the dial-up and VPN connections of all users.
	Phonebook []Connection `json:"phonebook"`
	Users     []User       `json:"users"`
	// Problems say what could not be read.
	Problems []offline.Problem `json:"problems,omitempty"`
}

// User is what a rebuild needs of one user. Services are left out.
type User struct {
	// ID is that of profile.User.
	ID string `json:"id"`
	// Unread says why nothing of the registry of the user is here, "" when it
	// was read.
	Unread         string       `json:"unread,omitempty"`
	Drives         []Drive      `json:"network_drives"`
	Printers       []Printer    `json:"printers"`
	DefaultPrinter wstr.Text    `json:"default_printer,omitempty"`
	OneDrive       []OneDrive   `json:"onedrive"`
	SyncRoots      []SyncRoot   `json:"sync_roots,omitempty"`
	Phonebook      []Connection `json:"phonebook,omitempty"`
	// Work are the tenants that the user added a work account of.
	Work []Tenant `json:"work_accounts,omitempty"`
	// Locale is the name of the format settings: "de-DE".
	Locale    wstr.Text   `json:"locale,omitempty"`
	Languages []wstr.Text `json:"languages,omitempty"`
	// Keyboards are the layouts in their order, as eight hexadecimal digits.
	Keyboards []wstr.Text `json:"keyboards,omitempty"`
}

// Read gathers the inventory of sys. users are those of profile.Users; hives
// that were set aside are read again one at a time. What cannot be read is in
// Problems.
func Read(sys *offline.System, users []*profile.User) *Inventory {
	r := &reader{sys: sys, inv: &Inventory{
		Programs: []Program{}, Apps: []App{}, Printers: []Printer{}, WiFi: []WiFi{}, Phonebook: []Connection{}, Users: []User{},
	}, full: map[string]bool{}, seen: map[string]bool{}}
	for _, dead := range []struct {
		err  error
		what string
	}{
		{sys.SoftwareError, "programs, apps, printers and Wi-Fi networks are those that other places tell of"},
		{sys.SystemError, "the domain, the time zone, services and how Windows was shut down are not known"},
	} {
		if e, ok := errors.AsType[*offline.DeadHiveError](dead.err); ok {
			r.problem(e.Path, "cannot be used: %s", dead.what)
		}
	}
	r.machine()
	r.state()
	r.programs()
	apps := newApps(r, users)
	apps.machine()
	r.printers()
	r.wifi()
	if dir, ok := sys.Env().Lookup("CSIDL_COMMON_APPDATA"); ok {
		r.inv.Phonebook = append(r.inv.Phonebook, r.phonebook(sys.Follow(dir))...)
	}
	for _, u := range users {
		if !u.Person() {
			continue
		}
		if len(r.inv.Users) == maxItems {
			r.tooMany("the users", maxItems)
			break
		}
		r.inv.Users = append(r.inv.Users, r.user(u, apps))
	}
	r.inv.Apps = apps.list()
	sortPrograms(r.inv.Programs)
	return r.inv
}

type reader struct {
	sys  *offline.System
	inv  *Inventory
	full map[string]bool // lists that are said to be cut
	seen map[string]bool // programs of users: ID and key
}

// user reads what is one user's.
func (r *reader) user(u *profile.User, apps *apps) User {
	out := User{ID: u.ID, Drives: []Drive{}, Printers: []Printer{}, OneDrive: []OneDrive{}}
	if u.Hive == nil {
		// It was set aside to save memory, and is so again afterwards.
		defer u.Release()
	}
	out.SyncRoots = r.syncRoots(u)
	r.userMSI(u)
	if _, err := u.HKCU(""); err != nil {
		out.Unread = err.Error()
	} else {
		r.userPrograms(u)
		out.Drives = r.drives(u)
		out.Printers, out.DefaultPrinter = r.userPrinters(u)
		out.OneDrive = r.oneDrive(u)
		out.Work = r.work(u)
		out.Locale, out.Languages, out.Keyboards = r.userLocale(u)
	}
	apps.user(u)
	if dir, ok := u.Env().Lookup("CSIDL_APPDATA"); ok && u.DirFound {
		out.Phonebook = r.phonebook(r.sys.Follow(dir))
	}
	return out
}

func (r *reader) problem(where, format string, args ...any) {
	if len(r.inv.Problems) < maxItems {
		r.inv.Problems = append(r.inv.Problems, offline.Problem{Where: where, What: fmt.Sprintf(format, args...)})
	}
}

// tooMany says once that what has more than max entries.
func (r *reader) tooMany(what string, max int) {
	if !r.full[what] {
		r.full[what] = true
		r.problem(what, "has more than %d entries; the rest is left out of the inventory", max)
	}
}

// keys iterates over the first keys below k.
func (r *reader) keys(k hive.Key) iter.Seq[hive.Key] {
	return bounded(k.Subkeys(), func() { r.tooMany(k.Path(), maxKeys) })
}

// values iterates over the first values of k.
func (r *reader) values(k hive.Key) iter.Seq[hive.Value] {
	return bounded(k.Values(), func() { r.tooMany(k.Path(), maxKeys) })
}

func bounded[T any](all iter.Seq[T], more func()) iter.Seq[T] {
	return func(yield func(T) bool) {
		n := 0
		for x := range all {
			if n++; n > maxKeys {
				more()
				return
			}
			if !yield(x) {
				return
			}
		}
	}
}

// software opens a key of HKLM\SOFTWARE; ok is false when it is not there.
func (r *reader) software(path string) (hive.Key, bool) {
	k, err := r.sys.Software.Root().Key(path)
	return k, err == nil
}

// control opens a key of the control set; ok is false when it is not there.
func (r *reader) control(path string) (hive.Key, bool) {
	k, err := r.sys.Control(path)
	return k, err == nil
}

// text reads a string value in its plain form, "" when it is not there.
func text(k hive.Key, name string) wstr.Text {
	s, _ := k.String(name)
	return plain(s)
}

// plain is s without what is behind its end, the blanks around it and a
// password in a URL, cut to maxText bytes.
func plain(s string) wstr.Text {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return wstr.Text(clip(withoutLogin(strings.TrimSpace(s))))
}

// clip cuts s to maxText bytes, between characters.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// withoutLogin cuts user and password out of a URL: ports of printers and
// folders of a web server may have them.
func withoutLogin(s string) string {
	from := 0
	for {
		i := strings.Index(s[from:], "://")
		if i < 0 {
			return s
		}
		from += i + len("://")
		host := s[from:]
		if end := strings.IndexAny(host, "/\\?#"); end >= 0 {
			host = host[:end]
		}
		if at := strings.LastIndexByte(host, '@'); at >= 0 {
			s = s[:from] + s[from+at+1:]
		}
	}
}
