package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/winsec"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
)

// Membership is the plan of who shall be in which local groups of the
// destination: the groups of the source, changed by the ProfileControl of a
// Config.xml. It knows groups by their SIDs, so that the languages of source
// and destination do not matter.
type Membership struct {
	Machine  string    `json:"machine_sid,omitempty"`
	Computer wstr.Text `json:"computer,omitempty"`
	// Unread says why the groups of the source are not known; "" when they
	// are.
	Unread  string        `json:"groups_unread,omitempty"`
	Config  string        `json:"config,omitempty"` // name of the Config.xml, "" without one
	Groups  []*LocalGroup `json:"groups"`           // that a member was in, shall be in, or leaves
	Members []*Member     `json:"members"`          // those that are captured first
	// Warnings are about the Config.xml and about people: whoever would end
	// up in no group, and whom nothing can be written for.
	Warnings []string `json:"warnings,omitempty"`
}

// LocalGroup is a local group.
type LocalGroup struct {
	SID     string    `json:"sid,omitempty"` // "" for a group that only the Config.xml names
	Name    wstr.Text `json:"name"`          // on the source, else English, else as the Config.xml has it
	English string    `json:"english,omitempty"`
	Comment wstr.Text `json:"comment,omitempty"`
	Builtin bool      `json:"builtin,omitempty"` // every Windows has it
	// Others are members that are none of Membership.Members: groups of
	// domains, accounts of Windows itself, accounts that were deleted.
	Others []string `json:"others,omitempty"`

	order int
}

// Member is an account, and what becomes of its memberships.
type Member struct {
	ID       string    `json:"id"`
	SID      string    `json:"sid,omitempty"`
	Name     wstr.Text `json:"name"`
	NameFrom string    `json:"name_from,omitempty"` // "" when Name is only a stand-in
	Domain   wstr.Text `json:"domain,omitempty"`
	UPN      wstr.Text `json:"upn,omitempty"`
	Kind     string    `json:"kind"`
	Captured bool      `json:"captured"`
	// Accounts are the names under which the destination may know the
	// account, in the form that "net localgroup" takes, the best first. AddSID
	// says that its SID means the same account there.
	Accounts []wstr.Text `json:"accounts,omitempty"`
	AddSID   bool        `json:"sid_valid_on_destination,omitempty"`

	Source []Held `json:"source_groups,omitempty"`
	// Groups are those that it shall be in, Leaves those that it is to be
	// taken out of. For accounts that are not captured they hold only what
	// the Config.xml asks for.
	Groups   []Wanted `json:"groups,omitempty"`
	Leaves   []Wanted `json:"leaves,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Held is a membership on the source.
type Held struct {
	*LocalGroup `json:"-"`
	SID         string    `json:"sid,omitempty"`
	Name        wstr.Text `json:"name"`
	// Through is a SID that the account carries and that is the member; ""
	// when the account itself is.
	Through string `json:"through,omitempty"`
}

// By names the SID that the account is in the group through.
func (h Held) By() string { return throughName(h.Through) }

// Wanted is a membership on the destination.
type Wanted struct {
	*LocalGroup `json:"-"`
	SID         string    `json:"sid,omitempty"`
	Name        wstr.Text `json:"name"`
	Reason      string    `json:"reason"`
	Rule        string    `json:"rule,omitempty"` // place of the changeGroup
	// Always: every Windows has the account in the group, nothing is to be
	// done.
	Always bool `json:"always,omitempty"`
}

// RIDs of groups of every Windows, S-1-5-32-RID.
const (
	ridAdministrators = 544
	ridUsers          = 545
	ridGuests         = 546
	ridPowerUsers     = 547
	ridManaged        = 581
)

func builtinSID(rid uint32) string { return winsec.NewSID(5, 32, rid).String() }

// asOnSource is the reason of a membership that is kept.
const asOnSource = "as on the source"

// Members makes the plan for the users of sys that selected accepts; nil
// accepts every person. The accounts that are not captured are in it too, as a
// Config.xml can have rules for them. sam may be nil when it cannot be read,
// cfg when there is none. See docs/decisions/0012-group-membership.md.
func Members(sys *offline.System, sam *profile.SAM, users []*profile.User, cfg *migxml.Config, selected func(*profile.User) bool) *Membership {
	if selected == nil {
		selected = (*profile.User).Person
	}
	b := &memberBuilder{
		m: &Membership{Computer: wstr.Text(sys.ComputerName), Groups: []*LocalGroup{}, Members: []*Member{}}, sam: sam, cfg: cfg,
		computer: sys.ComputerName, bySID: map[string]*LocalGroup{}, byName: map[string]*LocalGroup{},
	}
	if sam != nil {
		b.m.Machine = sam.Machine
		for i := range sam.Groups {
			b.sourceGroup(&sam.Groups[i])
		}
	} else {
		b.m.Unread = "the accounts and groups of the source cannot be read"
	}
	b.people(users, selected)
	b.keep()
	if cfg != nil {
		b.m.Config = cfg.File
		b.apply()
	}
	for _, p := range b.list {
		b.finish(p)
	}
	b.groups()
	return b.m
}

type memberBuilder struct {
	m        *Membership
	sam      *profile.SAM
	cfg      *migxml.Config
	computer string
	list     []*person
	all      []*LocalGroup
	bySID    map[string]*LocalGroup
	byName   map[string]*LocalGroup // upper case
}

// person is a Member being made.
type person struct {
	*Member
	user *profile.User // nil for an account without a profile
	// base are the groups that "from" looks at: those of the source that the
	// account itself is in, and Users when the plan makes it so.
	base []*LocalGroup
}

func (b *memberBuilder) warn(format string, args ...any) {
	b.m.Warnings = append(b.m.Warnings, fmt.Sprintf(format, args...))
}

// newGroup makes a group known.
func (b *memberBuilder) newGroup(g *LocalGroup) *LocalGroup {
	g.order = len(b.all)
	b.all = append(b.all, g)
	if g.SID != "" {
		b.bySID[g.SID] = g
	}
	if key := wstr.Upper(string(g.Name)); b.byName[key] == nil {
		b.byName[key] = g
	}
	return g
}

func (b *memberBuilder) sourceGroup(g *profile.Group) {
	if g.SID != "" && b.bySID[g.SID] != nil {
		return
	}
	l := &LocalGroup{SID: g.SID, Name: wstr.Text(g.Name), English: englishName(g.SID), Comment: wstr.Text(g.Comment), Builtin: g.Builtin}
	if l.Name == "" {
		l.Name = wstr.Text(cmp.Or(l.English, l.SID))
	}
	b.newGroup(l)
}

// englishName is the name of a group of every Windows, without BUILTIN\.
func englishName(sid string) string {
	s, err := winsec.ParseSIDString(sid)
	if err != nil {
		return ""
	}
	name, _ := s.WellKnownName()
	name, ok := strings.CutPrefix(name, `BUILTIN\`)
	if !ok {
		return ""
	}
	return name
}

// group finds a group by what a Config.xml calls it: a SID, its name on the
// source, its English name.
func (b *memberBuilder) group(text string) *LocalGroup {
	if domain, name, ok := strings.Cut(text, `\`); ok && (wstr.EqualFold(domain, "BUILTIN") || domain == "." || wstr.EqualFold(domain, b.computer)) {
		text = name
	}
	if sid, err := winsec.ParseSIDString(text); err == nil {
		if g := b.bySID[sid.String()]; g != nil {
			return g
		}
		if english := englishName(sid.String()); english != "" {
			return b.newGroup(&LocalGroup{SID: sid.String(), Name: wstr.Text(english), English: english, Builtin: true})
		}
		return nil
	}
	if g := b.byName[wstr.Upper(text)]; g != nil {
		return g
	}
	for rid := uint32(ridAdministrators); rid < 600; rid++ {
		sid := builtinSID(rid)
		if english := englishName(sid); wstr.EqualFold(english, text) {
			if g := b.bySID[sid]; g != nil {
				return g
			}
			return b.newGroup(&LocalGroup{SID: sid, Name: wstr.Text(english), English: english, Builtin: true})
		}
	}
	return nil
}

// people lists the accounts: one for each SID, though it may have several
// profiles.
func (b *memberBuilder) people(users []*profile.User, selected func(*profile.User) bool) {
	bySID := map[string]*person{}
	var rest []*person
	for _, u := range users {
		if u.Kind == profile.Service {
			continue
		}
		captured := selected(u)
		if p := bySID[u.SID]; u.SID != "" && p != nil {
			// The account is captured when one of its profiles is. What the
			// real one tells of names is believed.
			p.Captured = p.Captured || captured
			if u.RealID != "" && u.RealID == u.ID {
				p.user = u
				p.describe(u)
			}
			continue
		}
		p := &person{Member: &Member{Captured: captured, SID: u.SID}, user: u}
		p.describe(u)
		if u.SID != "" {
			bySID[u.SID] = p
		}
		rest = append(rest, p)
	}
	if b.sam != nil {
		for _, a := range b.sam.Accounts {
			if a.SID == "" || bySID[a.SID] != nil || profile.ServiceAccount(a.Name, b.computer) {
				continue
			}
			p := &person{Member: &Member{ID: a.SID, SID: a.SID, Name: wstr.Text(a.Name), NameFrom: "SAM", Domain: wstr.Text(b.computer), UPN: wstr.Text(a.Internet), Kind: profile.Local}}
			switch {
			case a.RID < 1000:
				p.Kind = profile.Builtin
			case a.Internet != "":
				p.Kind = profile.Microsoft
			}
			bySID[a.SID] = p
			rest = append(rest, p)
		}
	}
	slices.SortStableFunc(rest, func(x, y *person) int {
		if x.Captured == y.Captured {
			return 0
		}
		if x.Captured {
			return -1
		}
		return 1
	})
	b.list = rest
	for _, p := range rest {
		b.m.Members = append(b.m.Members, p.Member)
		b.names(p)
	}
}

func (p *person) describe(u *profile.User) {
	p.ID, p.Name, p.NameFrom, p.Domain, p.UPN, p.Kind = u.ID, wstr.Text(u.Name), u.NameFrom, wstr.Text(u.Domain), wstr.Text(u.UPN), u.Kind
}

// Label is what the account is called towards people.
func (m *Member) Label() string {
	switch {
	case m.NameFrom == "":
		return m.ID
	case m.Domain != "":
		return string(m.Domain) + `\` + string(m.Name)
	}
	return string(m.Name)
}

// certain says whether the name is the account's and not a guess, and one that
// Windows allows: nobody is put into a group by a guess, and an account whose
// name on the disk is "CORP\x" is not that of CORP.
func (m *Member) certain() bool {
	return m.NameFrom != "" && !strings.Contains(m.NameFrom, "guess") && m.Name != "" && !strings.ContainsAny(string(m.Name), `"/\[]:;|=,+*?<>`)
}

// address says whether the account has a mail address that can be written.
func (m *Member) address() bool {
	return strings.Contains(string(m.UPN), "@") && !strings.ContainsAny(string(m.UPN), `"/\[]:;|,*?<>`)
}

// names fills in what the account is called on the destination.
func (b *memberBuilder) names(p *person) {
	domain, name, kind := string(p.Domain), string(p.Name), p.Kind
	sid, err := winsec.ParseSIDString(p.SID)
	p.AddSID = err == nil && (kind == profile.Domain || kind == profile.Entra) && len(sid.Subs()) >= 4
	if d, n, ok := b.renamed(p); ok {
		p.AddSID = false
		domain, name = d, n
		switch {
		case domain == "" || domain == "." || wstr.EqualFold(domain, b.computer):
			kind, domain = profile.Local, ""
		case wstr.EqualFold(domain, "AzureAD"):
			kind = profile.Entra
			p.Accounts = []wstr.Text{wstr.Text(`AzureAD\` + name)}
			return
		default:
			kind = profile.Domain
		}
		if kind == profile.Local {
			p.Accounts = []wstr.Text{wstr.Text(name)}
			return
		}
		p.Accounts = []wstr.Text{wstr.Text(domain + `\` + name)}
		return
	}
	switch kind {
	case profile.Local, profile.Builtin:
		if p.certain() {
			p.Accounts = []wstr.Text{p.Name}
		}
	case profile.Microsoft:
		// A local account that is bound to one of Microsoft's. On the
		// destination it may come back under its local name, or be made anew
		// by a logon, which names it by the address.
		if p.certain() && p.NameFrom == "SAM" {
			p.Accounts = append(p.Accounts, p.Name)
		}
		if p.address() {
			p.Accounts = append(p.Accounts, `MicrosoftAccount\`+p.UPN)
		}
	case profile.Entra:
		switch {
		case p.address():
			p.Accounts = []wstr.Text{`AzureAD\` + p.UPN}
		case p.certain():
			p.Accounts = []wstr.Text{`AzureAD\` + p.Name}
		}
	case profile.Domain:
		// A name without its domain would be looked for among the local
		// accounts first.
		if p.certain() && domain != "" && !strings.Contains(domain, `\`) {
			p.Accounts = []wstr.Text{wstr.Text(domain + `\` + name)}
		}
	default:
		switch {
		case !p.certain() || domain == "" || strings.Contains(domain, `\`):
		case wstr.EqualFold(domain, b.computer):
			p.Accounts = []wstr.Text{p.Name}
		default:
			p.Accounts = []wstr.Text{wstr.Text(domain + `\` + name)}
		}
	}
}

// renamed says what the Config.xml calls the account on the destination. What
// it says of the account comes before what it says of the domain.
func (b *memberBuilder) renamed(p *person) (domain, name string, ok bool) {
	if b.cfg == nil || !p.certain() {
		return "", "", false
	}
	for _, r := range b.cfg.Users {
		d, n, ok := strings.Cut(r.From, `\`)
		if !ok {
			d, n = b.computer, r.From
		}
		if wstr.EqualFold(d, string(p.Domain)) && (wstr.EqualFold(n, string(p.Name)) || p.UPN != "" && wstr.EqualFold(n, string(p.UPN))) {
			if d, n, ok = strings.Cut(r.To, `\`); !ok {
				d, n = "", r.To
			}
			return d, n, true
		}
	}
	for _, r := range b.cfg.Domains {
		if p.Domain != "" && winpath.Match(r.From, string(p.Domain), false) {
			return r.To, string(p.Name), true
		}
	}
	return "", "", false
}

// keep plans what the source has.
func (b *memberBuilder) keep() {
	for _, p := range b.list {
		add := func(g *LocalGroup, reason string) {
			p.base = append(p.base, g)
			if p.Captured {
				p.want(g, reason, "")
			}
		}
		person := false // in a group that says what sort of person it is
		for _, g := range b.sam.GroupsOf(p.SID) {
			l := b.of(g)
			if l == nil {
				continue
			}
			p.Source = append(p.Source, Held{LocalGroup: l, SID: l.SID, Name: l.Name})
			switch l.SID {
			case builtinSID(ridAdministrators), builtinSID(ridUsers), builtinSID(ridGuests), builtinSID(ridPowerUsers):
				person = true
			}
			if !l.Builtin && wstr.EqualFold(string(l.Name), "HomeUsers") {
				// The group of HomeGroup, which Windows 10 1803 took away.
				continue
			}
			add(l, asOnSource)
		}
		var more []string
		if p.user != nil {
			more = p.user.DomainGroups
		}
		for _, in := range b.sam.IndirectGroupsOf(p.SID, more...) {
			l := b.of(in.Group)
			if l == nil {
				continue
			}
			p.Source = append(p.Source, Held{LocalGroup: l, SID: l.SID, Name: l.Name, Through: in.Through})
			if l.SID == builtinSID(ridUsers) && !person {
				add(l, "on the source by way of "+throughName(in.Through)+", here by name")
			}
		}
	}
}

// throughName names the member of a group by way of which others are in it.
func throughName(sid string) string {
	s, err := winsec.ParseSIDString(sid)
	if err != nil {
		return sid
	}
	if name, ok := s.WellKnownName(); ok {
		if _, short, ok := strings.Cut(name, `\`); ok {
			return short
		}
		return name
	}
	if rid, ok := s.RID(); ok && s.IsAccount() {
		switch rid {
		case 512:
			return "Domain Admins"
		case 513:
			return "Domain Users"
		}
	}
	return sid
}

func (b *memberBuilder) of(g *profile.Group) *LocalGroup {
	if g.SID != "" {
		return b.bySID[g.SID]
	}
	return b.byName[wstr.Upper(g.Name)]
}

// want adds a membership, once.
func (p *person) want(g *LocalGroup, reason, rule string) {
	for i := range p.Groups {
		if w := &p.Groups[i]; w.LocalGroup == g {
			if rule != "" && !strings.Contains(w.Reason, rule) {
				w.Reason += "; " + reason
				w.Rule = cmp.Or(w.Rule, rule)
			}
			return
		}
	}
	p.Groups = append(p.Groups, Wanted{LocalGroup: g, SID: g.SID, Name: g.Name, Reason: reason, Rule: rule, Always: p.always(g)})
}

// always says whether every Windows has the account in the group.
func (p *person) always(g *LocalGroup) bool {
	sid, err := winsec.ParseSIDString(p.SID)
	if err != nil || p.Kind != profile.Builtin {
		return false
	}
	rid, _ := sid.RID()
	switch rid {
	case 500:
		return g.SID == builtinSID(ridAdministrators)
	case 501:
		return g.SID == builtinSID(ridGuests)
	case 503:
		return g.SID == builtinSID(ridManaged)
	}
	return false
}

// apply carries out the changeGroups: all that reach an account count, their
// "from" means the source's groups whatever the order is, and what one of
// them gives none takes away.
func (b *memberBuilder) apply() {
	type change struct {
		to, from *LocalGroup // from is nil for "*"
		rule     *migxml.ChangeGroup
	}
	changes := map[*person][]change{}
	for _, g := range b.cfg.Groups {
		to := b.group(g.To)
		if to == nil {
			if strings.HasPrefix(strings.ToUpper(g.To), "S-1-") {
				b.warn("%s: to=\"%s\" is the SID of no group of the source and of none that every Windows has: the rule is left out", g.Pos, g.To)
				continue
			}
			b.warn("%s: to=\"%s\" is no group of the source and none that every Windows has: it must be there on the destination", g.Pos, g.To)
			to = b.newGroup(&LocalGroup{Name: wstr.Text(g.To)})
		}
		var from *LocalGroup
		if g.From != "*" {
			if from = b.group(g.From); from == nil {
				b.warn("%s: from=\"%s\" is no group of the source and none that every Windows has: the rule reaches nobody", g.Pos, g.From)
				continue
			}
		}
		reached := false
		for _, p := range b.list {
			switch {
			case g.AppliesTo == migxml.MigratedUsers && !p.Captured, g.AppliesTo == migxml.NonmigratedUsers && p.Captured:
			case !p.Captured && p.Kind == profile.Builtin: // the destination has its own
			case from != nil && !slices.Contains(p.base, from):
			case !b.reaches(g, p):
			default:
				reached = true
				changes[p] = append(changes[p], change{to, from, g})
			}
		}
		if !reached {
			b.warn("%s: the changeGroup from \"%s\" to \"%s\" reaches nobody", g.Pos, g.From, g.To)
		}
	}
	for _, p := range b.list {
		given := map[*LocalGroup]bool{}
		for _, c := range changes[p] {
			given[c.to] = true
		}
		for _, c := range changes[p] {
			reason := fmt.Sprintf("changeGroup from %s", c.rule.From)
			p.want(c.to, reason+" at "+c.rule.Pos.String(), c.rule.Pos.String())
			if c.from == nil || given[c.from] || p.always(c.from) || slices.ContainsFunc(p.Leaves, func(w Wanted) bool { return w.LocalGroup == c.from }) {
				continue
			}
			p.Groups = slices.DeleteFunc(p.Groups, func(w Wanted) bool { return w.LocalGroup == c.from })
			p.Leaves = append(p.Leaves, Wanted{
				LocalGroup: c.from, SID: c.from.SID, Name: c.from.Name, Rule: c.rule.Pos.String(),
				Reason: fmt.Sprintf("changeGroup to %s at %s", c.rule.To, c.rule.Pos),
			})
		}
	}
}

// reaches says whether the patterns of g mean p: exclude beats include, and
// no include means everybody.
func (b *memberBuilder) reaches(g *migxml.ChangeGroup, p *person) bool {
	if slices.ContainsFunc(g.Exclude, func(a migxml.Account) bool { return b.means(a.Text, p) }) {
		return false
	}
	if len(g.Include) == 0 {
		return true
	}
	guessed := ""
	for _, a := range g.Include {
		if !b.means(a.Text, p) {
			continue
		}
		// Nobody gets rights by a guess.
		if !p.certain() && b.named(a.Text, p) {
			guessed = a.Text
			continue
		}
		return true
	}
	if guessed != "" {
		p.warn(b, fmt.Sprintf("%s: the pattern %s is not taken to mean it, for its name is a guess; name its SID %s if it does", g.Pos, guessed, p.SID))
	}
	return false
}

// named says whether a pattern that means p does so by its name alone.
func (b *memberBuilder) named(pattern string, p *person) bool {
	if pattern == "*" || strings.HasPrefix(strings.ToUpper(pattern), "S-1-") {
		return false
	}
	_, name, ok := strings.Cut(pattern, `\`)
	if !ok {
		name = pattern
	}
	return strings.Trim(name, "*") != "" && !(p.UPN != "" && winpath.Match(name, string(p.UPN), false))
}

// means says whether a pattern of accounts means p: "*", a SID, an address,
// DOMAIN\name with "*" in both parts, or the name of a local account.
func (b *memberBuilder) means(pattern string, p *person) bool {
	match := func(pattern string, s wstr.Text) bool {
		return s != "" && winpath.Match(pattern, string(s), false)
	}
	if pattern == "*" {
		return true
	}
	if strings.HasPrefix(strings.ToUpper(pattern), "S-1-") {
		return match(pattern, wstr.Text(p.SID))
	}
	local := p.Kind == profile.Local || p.Kind == profile.Microsoft || p.Kind == profile.Builtin
	domain, name, ok := strings.Cut(pattern, `\`)
	if !ok {
		return strings.Contains(pattern, "@") && match(pattern, p.UPN) || local && match(pattern, p.Name)
	}
	if !match(domain, p.Domain) && !(local && (domain == "." || match(domain, wstr.Text(b.computer)))) && !(domain == "*" && p.Domain == "") {
		return false
	}
	return match(name, p.Name) || match(name, p.UPN)
}

// finish warns of whoever would end up in no group, or cannot be named.
func (b *memberBuilder) finish(p *person) {
	slices.SortStableFunc(p.Groups, func(x, y Wanted) int { return cmp.Compare(x.order, y.order) })
	if len(p.Groups) == 0 {
		if !p.Captured {
			return
		}
		why := "it was in none on the source"
		switch {
		case len(p.Leaves) > 0:
			why = "the Config.xml takes it out of all it was in"
		case p.SID == "":
			why = "nothing tells whose profile it is"
		case b.sam == nil:
			why = "the groups of the source cannot be read"
		case len(p.Source) > 0:
			why = "on the source it was only in groups that are not carried over"
		}
		p.warn(b, fmt.Sprintf("would be in no local group: %s; a changeGroup of a Config.xml can give it one", why))
		return
	}
	if len(p.Accounts) == 0 && !p.AddSID {
		p.warn(b, "nothing tells what its account is called on the destination: it has to be put into its groups by hand")
	}
}

func (p *person) warn(b *memberBuilder, text string) {
	p.Warnings = append(p.Warnings, text)
	b.warn("%s: %s", p.Label(), text)
}

// groups lists the groups that matter, with the members that are nobody here.
func (b *memberBuilder) groups() {
	used := map[*LocalGroup]bool{}
	known := map[string]bool{}
	for _, p := range b.list {
		known[p.SID] = true
		for _, h := range p.Source {
			used[h.LocalGroup] = true
		}
		for _, w := range slices.Concat(p.Groups, p.Leaves) {
			used[w.LocalGroup] = true
		}
	}
	if b.sam != nil {
		for i := range b.sam.Groups {
			g := &b.sam.Groups[i]
			l := b.of(g)
			for _, sid := range g.Members {
				if l != nil && !known[sid] && !slices.Contains(l.Others, sid) {
					l.Others = append(l.Others, sid)
					used[l] = true
				}
			}
		}
	}
	for _, g := range b.all {
		if used[g] {
			b.m.Groups = append(b.m.Groups, g)
		}
	}
}
