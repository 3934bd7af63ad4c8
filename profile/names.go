package profile

import (
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/winsec"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
)

// identity is what one source says of a SID.
type identity struct {
	name, domain, fullName, upn string
	from                        string
}

// names holds what the machine remembers of the names behind SIDs. Windows
// asks a domain controller or the cloud for them; offline only traces of
// earlier answers are left.
type names struct {
	sys *offline.System
	sam *SAM
	// bySID has the sources in the order in which they are believed.
	bySID   map[string][]identity
	domains domains
	tasks   map[string]identity // of scheduled tasks by SID; nil before they are read
}

const windowsKey = `Microsoft\Windows\CurrentVersion`

// maxTraces bounds the keys read from each source of names.
const maxTraces = 10000

func readNames(sys *offline.System, sam *SAM) *names {
	n := &names{sys: sys, sam: sam, bySID: map[string][]identity{}}
	if sam != nil {
		for _, a := range sam.Accounts {
			if a.SID != "" {
				n.add(a.SID, identity{name: a.Name, domain: sys.ComputerName, fullName: a.FullName, upn: a.Internet, from: "SAM"})
			}
		}
	}
	n.identityStore()
	n.logonUI()
	n.groupPolicy()
	if sam != nil {
		// A Microsoft account has a SID of its own beside that of the local
		// account it is bound to.
		for _, a := range sam.Accounts {
			for _, id := range n.bySID[a.InternetSID] {
				n.add(a.SID, identity{fullName: id.fullName, upn: id.upn, from: id.from})
			}
		}
	}
	n.readDomains()
	return n
}

func (n *names) add(sid string, id identity) {
	sid = strings.ToUpper(sid)
	if strings.HasPrefix(sid, "S-1-") && (id.name != "" || id.fullName != "" || id.upn != "") {
		n.bySID[sid] = append(n.bySID[sid], id)
	}
}

// below calls fn for the keys below the key at path of SOFTWARE.
func (n *names) below(path string, fn func(k hive.Key)) {
	k, err := n.sys.Software.Root().Key(path)
	if err != nil {
		return
	}
	left := maxTraces
	for sub := range k.Subkeys() {
		if left--; left < 0 {
			return
		}
		fn(sub)
	}
}

// identityStore reads the cache of Entra and Microsoft accounts that have
// logged on (Windows 10 and later).
func (n *names) identityStore() {
	const store = `Microsoft\IdentityStore`
	read := func(k hive.Key, sid, user string) {
		id := identity{name: value(k, "SAMName"), fullName: value(k, "DisplayName"), upn: value(k, user), from: "IdentityStore"}
		id.domain, id.name = splitName(id.name)
		n.add(sid, id)
	}
	n.below(store+`\Cache`, func(k hive.Key) {
		if sub, err := k.Key(`IdentityCache\` + k.Name()); err == nil {
			read(sub, k.Name(), "UserName")
		}
	})
	n.below(store+`\LogonCache`, func(provider hive.Key) {
		if _, err := provider.Key("Sid2Name"); err != nil {
			return
		}
		n.below(store+`\LogonCache\`+provider.Name()+`\Sid2Name`, func(k hive.Key) {
			read(k, k.Name(), "IdentityName")
		})
	})
}

// logonUI reads who logged on last, and in which sessions.
func (n *names) logonUI() {
	const ui = windowsKey + `\Authentication\LogonUI`
	read := func(k hive.Key, prefix string) {
		id := identity{fullName: value(k, prefix+"DisplayName"), from: "LogonUI"}
		id.domain, id.name = splitName(value(k, prefix+"SAMUser"))
		if user := value(k, prefix+"User"); strings.Contains(user, "@") {
			_, id.upn = splitName(user)
		} else if id.name == "" {
			id.domain, id.name = splitName(user)
		}
		if id.domain == "." {
			id.domain = n.sys.ComputerName
		}
		n.add(value(k, prefix+"UserSID"), id)
	}
	if k, err := n.sys.Software.Root().Key(ui); err == nil {
		read(k, "LastLoggedOn")
	}
	n.below(ui+`\SessionData`, func(k hive.Key) { read(k, "LoggedOn") })
}

// groupPolicy reads the domain users for whom policies were applied.
func (n *names) groupPolicy() {
	const policy = windowsKey + `\Group Policy`
	n.below(policy+`\DataStore`, func(k hive.Key) {
		sub, err := k.Key("0")
		if err != nil {
			return
		}
		if name := value(sub, "szName"); name != "" {
			id := identity{from: "Group Policy"}
			if strings.Contains(name, "=") {
				id.fullName, id.domain = distinguished(name)
			} else {
				id.domain, id.name = splitName(name)
			}
			n.add(k.Name(), id)
		}
		if dn := value(sub, "DNName"); dn != "" {
			full, domain := distinguished(dn)
			n.add(k.Name(), identity{fullName: full, domain: domain, from: "Group Policy"})
		}
	})
	n.below(policy+`\State`, func(k hive.Key) {
		full, domain := distinguished(value(k, "Distinguished-Name"))
		n.add(k.Name(), identity{fullName: full, domain: domain, from: "Group Policy"})
	})
}

// splitName takes DOMAIN\name apart.
func splitName(s string) (domain, name string) {
	if i := strings.IndexByte(s, '\\'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return "", s
}

// distinguished reads the common name and the DNS domain out of
// "CN=Anna Smith,OU=Staff,DC=contoso,DC=com". A comma in a name is escaped.
func distinguished(dn string) (cn, domain string) {
	var part strings.Builder
	var labels []string
	end := func() {
		key, v, ok := strings.Cut(part.String(), "=")
		part.Reset()
		if !ok {
			return
		}
		switch key = strings.TrimSpace(key); {
		case strings.EqualFold(key, "CN") && cn == "":
			cn = v
		case strings.EqualFold(key, "DC"):
			labels = append(labels, v)
		}
	}
	for i := 0; i < len(dn); i++ {
		switch {
		case dn[i] == '\\' && i+1 < len(dn):
			i++
			part.WriteByte(dn[i])
		case dn[i] == ',':
			end()
		default:
			part.WriteByte(dn[i])
		}
	}
	end()
	return cn, strings.Join(labels, ".")
}

// kind tells the kind of the account from its SID and from what is known of
// it.
func (n *names) kind(u *User) Kind {
	sid := u.SID
	switch {
	case sid == "":
		return Unknown
	case strings.HasPrefix(sid, "S-1-12-1-"):
		return Entra
	case strings.HasPrefix(sid, "S-1-11-96-"):
		return Microsoft
	case strings.HasPrefix(sid, "S-1-5-21-"):
	case strings.HasPrefix(sid, "S-1-5-"):
		return Service
	default:
		return Unknown
	}
	if n.sam == nil || n.sam.Machine == "" {
		// Only Active Directory gives profiles a GUID.
		if u.adGUID {
			return Domain
		}
		for _, id := range n.bySID[sid] {
			if id.domain != "" && wstr.EqualFold(id.domain, n.sys.ComputerName) {
				return Local
			}
		}
		return Unknown
	}
	rid, ok := strings.CutPrefix(sid, n.sam.Machine+"-")
	switch {
	case !ok:
		return Domain
	case rid == "503" || rid == "504": // DefaultAccount, WDAGUtilityAccount in any language
		return Service
	case len(rid) < 4: // below 1000
		return Builtin
	}
	if a, ok := n.sam.Find(sid); ok && a.Internet != "" {
		return Microsoft
	}
	return Local
}

// name fills in what the account is called. ntuser may be nil.
func (n *names) name(u *User, ntuser *hive.Hive) {
	u.Kind = n.kind(u)
	if a, ok := n.sam.Find(u.SID); ok {
		u.Disabled, u.lastLogon = a.Disabled, a.LastLogon
	}
	for _, id := range n.bySID[u.SID] {
		n.take(u, id)
	}
	if ntuser != nil {
		n.fromNTUSER(u, ntuser)
	}
	if u.Name == "" && isAccount(u.SID) {
		n.take(u, n.fromTasks(u.SID))
	}
	n.domainGroups(u)
	if u.Kind == Local && n.sam.current(n.sys) {
		if _, ok := n.sam.Find(u.SID); !ok {
			u.problem(AccountDeleted, u.Dir, "the account %s is not in the SAM any more: it was deleted, the profile was left", u.SID)
		}
	}
	if sid, err := winsec.ParseSIDString(u.SID); err == nil && u.Kind == Service {
		if known, ok := sid.WellKnownName(); ok {
			u.Domain, u.Name = splitName(known)
			u.NameFrom = "well-known SID"
		}
	}
	if u.Name == "" && u.UPN != "" {
		u.Name, u.NameFrom = u.UPN, u.UPNFrom
	}
	if u.Name == "" && !u.Temporary && u.Dir != "" {
		if guess, domain := n.folderName(winpath.Base(u.Dir)); guess != "" {
			u.Name, u.NameFrom = guess, "profile folder (guess)"
			if u.Domain == "" && u.Kind != Local && u.Kind != Builtin {
				u.Domain = domain
			}
			if u.Kind != Service {
				u.problem(NameGuessed, u.Dir, "the name of the account %s is in no place that was searched; %s is guessed from the folder", orNone(u.SID), guess)
			}
		}
	}
	if u.Name == "" {
		if u.Name = u.SID; u.Name == "" {
			u.Name = u.ID
		}
		u.problem(NameUnknown, u.Dir, "the name of the account %s is in no place that was searched; it is shown by its SID", orNone(u.SID))
	}
	if u.Kind == Domain {
		if u.Domain = n.short(u.SID, u.Domain); u.Domain == "" {
			u.Domain = n.domain(u.SID)
		}
	}
	switch {
	case u.Domain != "":
	case u.Kind == Entra:
		u.Domain = "AzureAD"
	case u.Kind == Local || u.Kind == Builtin || u.Kind == Microsoft:
		u.Domain = n.sys.ComputerName
	}
}

func orNone(sid string) string {
	if sid == "" {
		return "without a SID"
	}
	return sid
}

// take enters what u lacks from id; an earlier source is believed more.
func (n *names) take(u *User, id identity) {
	set := func(to *string, s string) bool {
		if *to != "" || s == "" {
			return false
		}
		*to = s
		return true
	}
	if set(&u.Name, id.name) {
		u.NameFrom = id.from
	}
	set(&u.Domain, id.domain)
	set(&u.FullName, id.fullName)
	if set(&u.UPN, id.upn) {
		u.UPNFrom = id.from
	}
}

// fromNTUSER reads the traces of the user's names in the user's own hive.
func (n *names) fromNTUSER(u *User, ntuser *hive.Hive) {
	if k, err := ntuser.Root().Key(`Software\` + windowsKey + `\Explorer`); err == nil {
		n.take(u, identity{name: value(k, "Logon User Name"), from: "Explorer"})
	}
	// OneDrive notes under which names it ran, with semicolons between when
	// there were several.
	if k, err := ntuser.Root().Key(`Software\Microsoft\OneDrive`); err == nil {
		name, domain := value(k, "UserNameCollection"), value(k, "UserDomainCollection")
		if !strings.ContainsAny(name+domain, ";,|") {
			if u.Kind != Domain || wstr.EqualFold(domain, n.sys.ComputerName) {
				domain = ""
			}
			n.take(u, identity{name: name, from: "OneDrive"})
			if u.NameFrom == "OneDrive" {
				n.take(u, identity{domain: wstr.Upper(domain)})
			}
		}
	}
	// One key for each account the user ever had: only a single one tells.
	single := func(path string, mail func(k hive.Key) string) string {
		k, err := ntuser.Root().Key(path)
		if err != nil {
			return ""
		}
		found, left := "", maxTraces
		for sub := range k.Subkeys() {
			s := mail(sub)
			switch {
			case !strings.Contains(s, "@") || wstr.EqualFold(s, found):
			case found != "":
				return ""
			default:
				found = s
			}
			if left--; left < 0 {
				return ""
			}
		}
		return found
	}
	const office = `Software\Microsoft\Office\16.0\Common\Identity\Identities`
	suffix := map[Kind]string{Microsoft: "_LIVEID", Entra: "_ADAL", Domain: "_ADAL"}[u.Kind]
	ofKind := func(k hive.Key) bool { return suffix != "" && strings.HasSuffix(wstr.Upper(k.Name()), suffix) }
	upn := func(s, from string) { n.take(u, identity{upn: s, from: from}) }
	switch u.Kind {
	case Microsoft:
		upn(single(`Software\Microsoft\IdentityCRL\UserExtendedProperties`, hive.Key.Name), "IdentityCRL")
		upn(single(`Software\Microsoft\OneDrive\Accounts`, func(k hive.Key) string {
			if wstr.EqualFold(k.Name(), "Personal") {
				return value(k, "UserEmail")
			}
			return ""
		}), "OneDrive")
	case Entra, Domain:
		upn(single(`Software\Microsoft\Windows NT\CurrentVersion\WorkplaceJoin\JoinInfo`, func(k hive.Key) string { return value(k, "UserEmail") }), "WorkplaceJoin")
		upn(single(`Software\Microsoft\OneDrive\Accounts`, func(k hive.Key) string {
			if strings.HasPrefix(wstr.Upper(k.Name()), "BUSINESS") {
				return value(k, "UserEmail")
			}
			return ""
		}), "OneDrive")
	}
	if suffix != "" {
		upn(single(office, func(k hive.Key) string {
			if ofKind(k) {
				return value(k, "EmailAddress")
			}
			return ""
		}), "Office")
	}
	if u.FullName == "" && suffix != "" {
		if k, err := ntuser.Root().Key(office); err == nil {
			for sub := range k.Subkeys() {
				if ofKind(sub) && u.UPN != "" && wstr.EqualFold(value(sub, "EmailAddress"), u.UPN) {
					u.FullName = value(sub, "FriendlyName")
					break
				}
			}
		}
	}
}

// domainGroups reads the groups of the domain that the account was in when
// policies were applied last.
func (n *names) domainGroups(u *User) {
	if !isAccount(u.SID) {
		return
	}
	k, err := n.sys.Software.Root().Key(windowsKey + `\Group Policy\` + u.SID + `\GroupMembership`)
	if err != nil {
		return
	}
	for v := range k.Values() {
		if len(u.DomainGroups) == maxDomainGroups {
			return
		}
		sid := strings.ToUpper(strings.TrimSpace(v.Text()))
		if _, err := winsec.ParseSIDString(sid); err != nil || domainOf(sid) == "" || n.sam != nil && domainOf(sid) == n.sam.Machine {
			continue
		}
		u.DomainGroups = append(u.DomainGroups, sid)
	}
}

// maxDomainGroups is above the number of groups that Windows puts into a
// token, 1024.
const maxDomainGroups = 2000

// folderName is the name of an account as far as its profile folder tells:
// Windows adds the computer or domain, and a number, when the name is taken.
func (n *names) folderName(base string) (name, domain string) {
	if i := strings.LastIndexByte(base, '.'); i > 0 && len(base)-i == 4 && strings.Trim(base[i+1:], "0123456789") == "" {
		base = base[:i]
	}
	i := strings.LastIndexByte(base, '.')
	if i <= 0 {
		return base, ""
	}
	suffix := base[i+1:]
	if n.sys.ComputerName != "" && wstr.EqualFold(suffix, n.sys.ComputerName) {
		return base[:i], ""
	}
	if k, err := n.sys.Software.Root().Key(`Microsoft\Windows NT\CurrentVersion\Winlogon`); err == nil {
		for _, name := range []string{"CachePrimaryDomain", "DefaultDomainName", "AltDefaultDomainName"} {
			if d := value(k, name); d != "" && wstr.EqualFold(d, suffix) {
				return base[:i], d
			}
		}
	}
	for _, d := range n.domains.name {
		if wstr.EqualFold(d, suffix) {
			return base[:i], d
		}
	}
	return base, ""
}

// serviceName says whether u is an account that Windows makes for itself
// under the SID of a local user.
func (n *names) serviceName(u *User) bool {
	if u.Kind == Domain || u.Kind == Entra {
		return false
	}
	return ServiceAccount(u.Name, n.sys.ComputerName)
}

// ServiceAccount says whether Windows makes a local account of that name on
// that computer for itself, with a SID like those of people.
func ServiceAccount(name, computer string) bool {
	name, computer = wstr.Upper(name), wstr.Upper(computer)
	switch name {
	case "DEFAULTUSER0", "DEFAULTUSER1", "DEFAULTUSER100000", "WDAGUTILITYACCOUNT", "WSIACCOUNT",
		"HOMEGROUPUSER$", "SUPPORT_388945A0", "HELPASSISTANT", "ASPNET":
		return true
	}
	return computer != "" && (name == "IUSR_"+computer || name == "IWAM_"+computer)
}
