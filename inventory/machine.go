package inventory

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/profile"
)

// Machine is what the machine is called and where it belongs.
type Machine struct {
	Computer wstr.Text `json:"computer,omitempty"`
	// Host and Suffix are its name in DNS.
	Host   wstr.Text `json:"host_name,omitempty"`
	Suffix wstr.Text `json:"dns_suffix,omitempty"`
	// Domain is the Active Directory domain that it is a member of, "" for
	// none. DomainFrom tells where that is from.
	Domain     wstr.Text `json:"domain,omitempty"`
	DomainFrom string    `json:"domain_from,omitempty"`
	// DN is its place in the directory: "CN=PC01,OU=Sales,DC=example,DC=com".
	DN wstr.Text `json:"distinguished_name,omitempty"`
	// Entra are the Microsoft Entra tenants that it is joined to, MDM the
	// services that manage it.
	Entra        []Tenant     `json:"entra,omitempty"`
	MDM          []Enrollment `json:"mdm,omitempty"`
	Manufacturer wstr.Text    `json:"manufacturer,omitempty"`
	Model        wstr.Text    `json:"model,omitempty"`
	Owner        wstr.Text    `json:"registered_owner,omitempty"`
	Organization wstr.Text    `json:"registered_organization,omitempty"`
	TimeZone     TimeZone     `json:"time_zone"`
	Locale       Locale       `json:"locale"`
}

// Tenant is a Microsoft Entra tenant.
type Tenant struct {
	ID   wstr.Text `json:"tenant_id,omitempty"`
	Name wstr.Text `json:"tenant,omitempty"`
	User wstr.Text `json:"user,omitempty"` // who joined
}

// Enrollment is a service that manages the machine.
type Enrollment struct {
	Provider wstr.Text `json:"provider"`
	User     wstr.Text `json:"user,omitempty"`
}

// TimeZone is where the clock of the machine stands.
type TimeZone struct {
	// Name is the key of the zone ("W. Europe Standard Time"), before Vista
	// the name as it is shown.
	Name wstr.Text `json:"name,omitempty"`
	// Bias is how many minutes UTC is ahead of standard time: -60 in Berlin.
	Bias int `json:"bias_minutes"`
	// NoDaylight: the clock is not put forward in summer.
	NoDaylight bool `json:"no_daylight_saving,omitempty"`
	// UTC: the clock of the hardware runs in UTC.
	UTC bool `json:"hardware_clock_utc,omitempty"`
}

// Locale is the language of the machine. Languages are LCIDs as four
// hexadecimal digits ("0407").
type Locale struct {
	System   wstr.Text   `json:"system_language,omitempty"`
	Install  wstr.Text   `json:"install_language,omitempty"`
	ANSI     wstr.Text   `json:"ansi_code_page,omitempty"`
	OEM      wstr.Text   `json:"oem_code_page,omitempty"`
	Packages []wstr.Text `json:"display_languages,omitempty"` // "de-DE"
}

// State is what the machine was about to do when it was last used.
type State struct {
	// Shutdown is when Windows last shut down or slept, RFC 3339 in UTC.
	Shutdown string `json:"last_shutdown,omitempty"`
	// Setup says what of Setup is not finished; none in a normal machine.
	Setup []string `json:"unfinished_setup,omitempty"`
	// FastStartup and Hibernation are "on" or "off", "" when the registry does
	// not say. On: shutting down may leave the volumes hibernated.
	FastStartup string `json:"fast_startup,omitempty"`
	Hibernation string `json:"hibernation,omitempty"`
	// Checks are the programs that run before Windows starts, but for the
	// usual one: checks of a volume that were asked for.
	Checks []wstr.Text `json:"scheduled_checks,omitempty"`
	// Renames is the number of files to be moved or deleted at the next start.
	Renames int `json:"pending_renames,omitempty"`
	// Restart names what waits for a restart.
	Restart []string `json:"pending_restart,omitempty"`
}

// OneDrive is an account of OneDrive that is signed in.
type OneDrive struct {
	Account wstr.Text `json:"account"` // "Personal", "Business1"
	Email   wstr.Text `json:"email"`
	Folder  wstr.Text `json:"folder,omitempty"`
	Tenant  wstr.Text `json:"tenant,omitempty"` // name or number of the company
	// Libraries are the folders of SharePoint and Teams that are kept in step.
	Libraries []wstr.Text `json:"libraries,omitempty"`
}

// SyncRoot is a folder that a cloud provider keeps in step.
type SyncRoot struct {
	Provider wstr.Text `json:"provider"` // "OneDrive", "Dropbox"
	Folder   wstr.Text `json:"folder"`
}

func (r *reader) machine() {
	m := &r.inv.Machine
	m.Computer = plain(r.sys.ComputerName)
	if k, ok := r.control(`Services\Tcpip\Parameters`); ok {
		if m.Host = text(k, "NV Hostname"); m.Host == "" {
			m.Host = text(k, "Hostname")
		}
		if m.Suffix = text(k, "NV Domain"); m.Suffix == "" {
			m.Suffix = text(k, "Domain")
		}
	}
	r.domain()
	if k, ok := r.control(`Control\CloudDomainJoin`); ok {
		m.Entra = r.tenants(k.Key(`JoinInfo`))
		for i := range m.Entra {
			if t, err := k.Key(winpath.Join("TenantInfo", string(m.Entra[i].ID))); err == nil && m.Entra[i].ID != "" {
				m.Entra[i].Name = text(t, "DisplayName")
			}
		}
	}
	if list, ok := r.software(`Microsoft\Enrollments`); ok {
		for k := range r.keys(list) {
			if p := text(k, "ProviderID"); p != "" && len(m.MDM) < maxItems {
				m.MDM = append(m.MDM, Enrollment{p, text(k, "UPN")})
			}
		}
	}
	if k, ok := r.control(`Control\SystemInformation`); ok {
		m.Manufacturer, m.Model = text(k, "SystemManufacturer"), text(k, "SystemProductName")
	}
	if k, ok := r.software(`Microsoft\Windows NT\CurrentVersion`); ok {
		m.Owner, m.Organization = text(k, "RegisteredOwner"), text(k, "RegisteredOrganization")
	}
	if k, ok := r.control(`Control\TimeZoneInformation`); ok {
		z := &m.TimeZone
		if z.Name = text(k, "TimeZoneKeyName"); z.Name == "" {
			z.Name = text(k, "StandardName")
		}
		bias, _ := k.DWord("Bias")
		z.Bias = int(int32(bias))
		for _, name := range []string{"DynamicDaylightTimeDisabled", "DisableAutoDaylightTimeSet"} {
			if n, ok := k.DWord(name); ok && n != 0 {
				z.NoDaylight = true
			}
		}
		n, _ := k.DWord("RealTimeIsUniversal")
		z.UTC = n != 0
	}
	if k, ok := r.control(`Control\Nls\Language`); ok {
		m.Locale.System, m.Locale.Install = text(k, "Default"), text(k, "InstallLanguage")
	}
	if k, ok := r.control(`Control\Nls\CodePage`); ok {
		m.Locale.ANSI, m.Locale.OEM = text(k, "ACP"), text(k, "OEMCP")
	}
	if list, ok := r.control(`Control\MUI\UILanguages`); ok {
		for k := range r.keys(list) {
			if len(m.Locale.Packages) < maxItems {
				m.Locale.Packages = append(m.Locale.Packages, plain(k.Name()))
			}
		}
	}
}

// domain tells the Active Directory domain. A suffix in DNS alone is no proof:
// the machines of a workgroup may have one. What a member alone has are its
// place in the directory, which group policy notes, and a Netlogon service
// that starts by itself. The name in SECURITY is not read.
func (r *reader) domain() {
	m := &r.inv.Machine
	if k, ok := r.software(`Microsoft\Windows\CurrentVersion\Group Policy\State\Machine`); ok {
		m.DN = text(k, "Distinguished-Name")
	}
	if d := domainOf(string(m.DN)); d != "" {
		m.Domain, m.DomainFrom = plain(d), "group policy"
		return
	}
	if k, ok := r.software(`Microsoft\Windows\CurrentVersion\Group Policy\History`); ok {
		if d := text(k, "MachineDomain"); d != "" {
			m.Domain, m.DomainFrom = d, "group policy"
			return
		}
	}
	k, ok := r.control(`Services\Netlogon`)
	if !ok {
		return
	}
	if n, ok := k.DWord("Start"); !ok || n != 2 {
		return
	}
	if m.Domain = m.Suffix; m.Domain == "" {
		if k, ok := r.software(`Microsoft\Windows NT\CurrentVersion\Winlogon`); ok {
			m.Domain = text(k, "CachePrimaryDomain")
		}
	}
	if m.Domain != "" {
		m.DomainFrom = "Netlogon"
	}
}

// domainOf gives "example.com" for a distinguished name that ends in
// DC=example,DC=com.
func domainOf(dn string) string {
	var parts []string
	for part := range strings.SplitSeq(dn, ",") {
		if name, ok := cutPrefixFold(strings.TrimSpace(part), "DC="); ok {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, ".")
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// tenants reads a key JoinInfo, which has a key for each certificate that was
// given out, if it was found.
func (r *reader) tenants(list hive.Key, err error) []Tenant {
	if err != nil {
		return nil
	}
	var out []Tenant
	for k := range r.keys(list) {
		t := Tenant{ID: text(k, "TenantId"), User: text(k, "UserEmail")}
		if (t.ID != "" || t.User != "") && len(out) < maxItems {
			out = append(out, t)
		}
	}
	return out
}

func (r *reader) state() {
	st := &r.inv.State
	if k, ok := r.control(`Control\Windows`); ok {
		if v, err := k.Value("ShutdownTime"); err == nil && v.Size() == 8 {
			if n, ok := v.Uint(); ok && n > 0 && n < math.MaxInt64 {
				st.Shutdown = wstr.Filetime(n).Time().UTC().Format(time.RFC3339)
			}
		}
	}
	r.setup()
	if k, ok := r.control(`Control\Session Manager\Power`); ok {
		st.FastStartup = onOff(k.DWord("HiberbootEnabled"))
	}
	if k, ok := r.control(`Control\Power`); ok {
		st.Hibernation = onOff(k.DWord("HibernateEnabled"))
	}
	if k, ok := r.control(`Control\Session Manager`); ok {
		if v, err := k.Value("BootExecute"); err == nil {
			for _, s := range v.Strings() {
				s := plain(s)
				if s != "" && !strings.EqualFold(strings.Join(strings.Fields(string(s)), " "), "autocheck autochk *") && len(st.Checks) < maxItems {
					st.Checks = append(st.Checks, s)
				}
			}
		}
		// Pairs of a file and its new name, which is "" for one to delete.
		for _, name := range []string{"PendingFileRenameOperations", "PendingFileRenameOperations2"} {
			if v, err := k.Value(name); err == nil {
				st.Renames += (len(v.Strings()) + 1) / 2
			}
		}
	}
	for _, p := range []struct{ path, what string }{
		{`Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending`, "servicing of Windows"},
		{`Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired`, "Windows Update"},
	} {
		if _, ok := r.software(p.path); ok {
			st.Restart = append(st.Restart, p.what)
		}
	}
}

// setup tells what of Setup is not finished.
func (r *reader) setup() {
	st := &r.inv.State
	if k, err := r.sys.SystemHive.Root().Key("Setup"); err == nil {
		for _, v := range []struct{ name, what string }{
			{"SystemSetupInProgress", "Setup of Windows was not finished"},
			{"OOBEInProgress", "the first start with its questions was not finished"},
			{"Respecialize", "the machine was prepared for other hardware (sysprep)"},
		} {
			if n, ok := k.DWord(v.name); ok && n != 0 {
				st.Setup = append(st.Setup, v.what)
			}
		}
	}
	if k, ok := r.software(`Microsoft\Windows\CurrentVersion\Setup\State`); ok {
		if s := text(k, "ImageState"); s != "" && !strings.EqualFold(string(s), "IMAGE_STATE_COMPLETE") {
			st.Setup = append(st.Setup, "the state of the image is "+string(s))
		}
	}
}

func onOff(n uint32, ok bool) string {
	switch {
	case !ok:
		return ""
	case n == 0:
		return "off"
	}
	return "on"
}

// oneDrive reads the accounts of OneDrive that have somebody signed in: the
// keys of accounts that were never used look alike but for the address.
func (r *reader) oneDrive(u *profile.User) []OneDrive {
	out := []OneDrive{}
	list, err := u.HKCU(`Software\Microsoft\OneDrive\Accounts`)
	if err != nil {
		return out
	}
	for k := range r.keys(list) {
		a := OneDrive{Account: plain(k.Name()), Email: text(k, "UserEmail"), Folder: text(k, "UserFolder"), Tenant: text(k, "DisplayName")}
		if a.Email == "" || len(out) == maxItems {
			continue
		}
		if a.Tenant == "" {
			a.Tenant = text(k, "ConfiguredTenantId")
		}
		if tenants, err := k.Key("Tenants"); err == nil {
			for t := range r.keys(tenants) {
				// The names of the values are the folders.
				for v := range r.values(t) {
					if p := plain(v.Name()); p != "" && p != a.Folder && !slices.Contains(a.Libraries, p) && len(a.Libraries) < maxItems {
						a.Libraries = append(a.Libraries, p)
					}
				}
			}
		}
		out = append(out, a)
	}
	return out
}

// syncRoots reads where cloud providers keep folders of u. The keys are called
// "provider!SID!account".
func (r *reader) syncRoots(u *profile.User) []SyncRoot {
	if u.SID == "" || u.ID != u.SID {
		return nil
	}
	list, ok := r.software(`Microsoft\Windows\CurrentVersion\Explorer\SyncRootManager`)
	if !ok {
		return nil
	}
	var out []SyncRoot
	for k := range r.keys(list) {
		roots, err := k.Key("UserSyncRoots")
		if err != nil {
			continue
		}
		provider, _, _ := strings.Cut(k.Name(), "!")
		if dir := text(roots, u.SID); dir != "" && len(out) < maxItems {
			out = append(out, SyncRoot{plain(provider), dir})
		}
	}
	return out
}

// work reads the tenants that u added a work account of.
func (r *reader) work(u *profile.User) []Tenant {
	return r.tenants(u.HKCU(`Software\Microsoft\Windows NT\CurrentVersion\WorkplaceJoin\JoinInfo`))
}

// userLocale reads the formats, languages and keyboard layouts of u.
func (r *reader) userLocale(u *profile.User) (locale wstr.Text, languages, keyboards []wstr.Text) {
	if k, err := u.HKCU(`Control Panel\International`); err == nil {
		if locale = text(k, "LocaleName"); locale == "" {
			locale = text(k, "Locale") // before Vista, an LCID
		}
	}
	if k, err := u.HKCU(`Control Panel\International\User Profile`); err == nil {
		if v, err := k.Value("Languages"); err == nil {
			for _, s := range v.Strings() {
				if s := plain(s); s != "" && len(languages) < maxItems {
					languages = append(languages, s)
				}
			}
		}
	}
	if k, err := u.HKCU(`Keyboard Layout\Preload`); err == nil {
		// The values are called "1", "2" and so on.
		substitutes, serr := u.HKCU(`Keyboard Layout\Substitutes`)
		for n := range 64 {
			s := text(k, strconv.Itoa(n+1))
			if s == "" {
				break
			}
			if serr == nil {
				if other := text(substitutes, string(s)); other != "" {
					s = other
				}
			}
			keyboards = append(keyboards, s)
		}
	}
	return locale, languages, keyboards
}
