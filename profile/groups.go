package profile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/le"
	"github.com/coldstate/coldstate/internal/winsec"
	"github.com/coldstate/coldstate/internal/wstr"
)

// Group is a group of the SAM.
type Group struct {
	// SID is S-1-5-32-RID for a group that every Windows has, and that of the
	// machine with the RID for others; "" when the latter cannot be read.
	SID string
	// Name and Comment are in the language of the Windows: a group is known
	// by its SID.
	Name    string
	Comment string
	Builtin bool // one of the domain BUILTIN, S-1-5-32
	// Members are SIDs in the order of the SAM: local accounts, and those of
	// domains, of Entra and well-known ones, whose names are not stored here.
	Members []string

	rid uint32
}

// builtinDomain is the SID of the domain that the groups of every Windows
// belong to.
const builtinDomain = "S-1-5-32"

// Limits of what is read of one SAM. Servers with file shares are seen with
// some thousand groups.
const (
	maxGroups  = 20000
	maxMembers = 500000 // of all groups together
)

// GroupsOf lists the local groups that name sid as a member, in the order of
// Groups. s may be nil.
func (s *SAM) GroupsOf(sid string) []*Group {
	if s == nil || sid == "" {
		return nil
	}
	var list []*Group
	for i := range s.Groups {
		if slices.Contains(s.Groups[i].Members, sid) {
			list = append(list, &s.Groups[i])
		}
	}
	return list
}

// Implicit lists the SIDs that an account carries by itself when it logs on
// at the machine, though no list of members names it: Everyone, INTERACTIVE,
// Authenticated Users, Local account, and its primary group, which is taken
// to be that of all users (RID 513) for an account of a domain. It is nil for
// a SID that nobody logs on with. s may be nil.
func (s *SAM) Implicit(sid string) []string {
	if !isAccount(sid) {
		return nil
	}
	const (
		everyone      = "S-1-1-0"
		interactive   = "S-1-5-4"
		authenticated = "S-1-5-11"
		local         = "S-1-5-113"
		guest         = "501"
		domainUsers   = 513
		domainGuests  = 514
	)
	cut := strings.LastIndexByte(sid, '-')
	domain, rid := sid[:cut], sid[cut+1:]
	list := []string{everyone, interactive}
	// Guests are not authenticated.
	if rid != guest {
		list = append(list, authenticated)
	}
	switch {
	case strings.HasPrefix(sid, "S-1-12-1-"):
	case s != nil && domain == s.Machine:
		list = append(list, local)
		primary := uint32(domainUsers)
		if a, ok := s.Find(sid); ok && a.PrimaryGroup != 0 {
			primary = a.PrimaryGroup
		}
		list = append(list, fmt.Sprintf("%s-%d", domain, primary))
	case rid == guest:
		list = append(list, fmt.Sprintf("%s-%d", domain, domainGuests))
	default:
		list = append(list, fmt.Sprintf("%s-%d", domain, domainUsers))
	}
	return list
}

// Indirect is a group that an account is in though the group does not name
// it.
type Indirect struct {
	Group *Group `json:"group"`
	// Through is the member of the group that the account carries.
	Through string `json:"through"`
}

// IndirectGroupsOf lists the groups that sid is in by way of a SID that it
// carries by itself (Implicit) or that is in more, as those of groups of the
// domain in User.DomainGroups. Groups that name sid itself are left out. s may
// be nil.
func (s *SAM) IndirectGroupsOf(sid string, more ...string) []Indirect {
	if s == nil || sid == "" {
		return nil
	}
	carried := append(s.Implicit(sid), more...)
	var list []Indirect
	for i := range s.Groups {
		g := &s.Groups[i]
		if slices.Contains(g.Members, sid) {
			continue
		}
		for _, m := range g.Members {
			if slices.Contains(carried, m) {
				list = append(list, Indirect{g, m})
				break
			}
		}
	}
	return list
}

// groups reads the groups of both domains below SAM\Domains.
func (s *SAM) groups(domains hive.Key) {
	left := maxMembers
	for _, d := range []struct {
		name, sid string
		builtin   bool
	}{{"Builtin", builtinDomain, true}, {"Account", s.Machine, false}} {
		domain, err := domains.Key(d.name)
		if err != nil {
			s.problem("has no key SAM\\Domains\\%s; the groups of that domain are missing: %v", d.name, err)
			continue
		}
		aliases, err := domain.Key("Aliases")
		if err != nil {
			s.problem("has no key SAM\\Domains\\%s\\Aliases; the groups of that domain are missing: %v", d.name, err)
			continue
		}
		s.aliases(aliases, d.sid, d.builtin, &left)
		if d.builtin {
			continue
		}
		if k, err := domain.Key("Groups"); err == nil {
			s.global(k, &left)
		}
	}
	if left < 0 {
		s.problem("the groups have more than %d members; the rest is left out", maxMembers)
	}
}

// ridNames reads the key Names below the key of users or groups: a key for
// each name, whose default value has the RID for a type.
func ridNames(k hive.Key) map[uint32]string {
	names := map[uint32]string{}
	if k, err := k.Key("Names"); err == nil {
		for sub := range k.Subkeys() {
			if v, err := sub.Value(""); err == nil && len(names) < maxAccounts {
				names[uint32(v.Type())] = sub.Name()
			}
		}
	}
	return names
}

// rid reads the name of a key that stands for a RID; ok is false for Names
// and Members.
func rid(name string) (n uint32, ok bool) {
	if len(name) != 8 {
		return 0, false
	}
	u, err := strconv.ParseUint(name, 16, 32)
	return uint32(u), err == nil
}

// data reads a value of k.
func data(k hive.Key, name string) ([]byte, error) {
	v, err := k.Value(name)
	if err != nil {
		return nil, err
	}
	return v.Data()
}

// aliases reads the local groups below the key Aliases of a domain with that
// SID. Each lists its members; an index gives the groups of each member. What
// one of them lacks is taken from the other.
func (s *SAM) aliases(k hive.Key, domain string, builtin bool, left *int) {
	names := ridNames(k)
	first := len(s.Groups)
	byRID := map[uint32]int{}
	for sub := range k.Subkeys() {
		n, ok := rid(sub.Name())
		if !ok {
			continue
		}
		if len(s.Groups) == maxGroups {
			s.problem("there are more than %d groups; the rest is left out", maxGroups)
			break
		}
		g := Group{Name: names[n], Builtin: builtin, rid: n}
		if domain != "" {
			g.SID = fmt.Sprintf("%s-%d", domain, n)
		}
		b, err := data(sub, "C")
		if err == nil {
			err = g.alias(b, left)
		}
		if err != nil {
			s.problem("the group %s cannot be read whole (%v); its members are those that the index of members names", orRID(g.Name, n), err)
		}
		byRID[n] = len(s.Groups)
		s.Groups = append(s.Groups, g)
	}

	index, err := k.Key("Members")
	if err != nil {
		if !errors.Is(err, hive.ErrNotFound) {
			s.problem("the index of the members of groups cannot be read: %v", err)
		}
		return
	}
	indexed := make([]map[string]bool, len(s.Groups)-first)
	for d := range index.Subkeys() {
		for m := range d.Subkeys() {
			n, ok := rid(m.Name())
			if !ok {
				continue
			}
			member := fmt.Sprintf("%s-%d", strings.ToUpper(d.Name()), n)
			if _, err := winsec.ParseSIDString(member); err != nil {
				s.problem("the index of the members of groups has %q, which is no SID", d.Name())
				break
			}
			b, err := data(m, "")
			if err != nil {
				s.problem("the groups of %s cannot be read in the index of members: %v", member, err)
			}
			for r := le.New(b, 0); r.Rest() >= 4; {
				i, ok := byRID[r.Uint32()]
				if !ok {
					continue // of a group that was deleted
				}
				if *left--; *left < 0 {
					return
				}
				if indexed[i-first] == nil {
					indexed[i-first] = map[string]bool{}
				}
				indexed[i-first][member] = true
			}
		}
	}
	for i := range indexed {
		g := &s.Groups[first+i]
		var lacks []string
		for _, m := range g.Members {
			if !indexed[i][m] {
				lacks = append(lacks, m)
			}
			delete(indexed[i], m)
		}
		if len(lacks) > 0 {
			s.problem("the group %s lists %s, whom the index of members does not have in it; they are taken for members", orRID(g.Name, g.rid), some(lacks))
		}
		if len(indexed[i]) > 0 {
			more := make([]string, 0, len(indexed[i]))
			for m := range indexed[i] {
				more = append(more, m)
			}
			slices.Sort(more)
			g.Members = append(g.Members, more...)
			s.problem("the group %s does not list %s, whom the index of members has in it; they are taken for members", orRID(g.Name, g.rid), some(more))
		}
	}
}

// some is the list for a sentence, cut when it is long.
func some(list []string) string {
	const most = 5
	if n := len(list); n > most {
		return fmt.Sprintf("%s and %d others", strings.Join(list[:most], ", "), n-most)
	}
	return strings.Join(list, ", ")
}

func orRID(name string, rid uint32) string {
	if name == "" {
		return fmt.Sprintf("with the RID %d", rid)
	}
	return name
}

// The C value of a local group: thirteen numbers, and behind them the data
// that they give the places of. Offsets count from 52. The security
// descriptor is of no use here.
const (
	aliasBase    = 52
	aliasName    = 16 // offset, length in bytes, a third number
	aliasComment = 28
	aliasMembers = 40 // offset, length in bytes, number of members
)

// alias reads the C value of a local group: the members are binary SIDs, one
// behind the other. What is in front of damage is kept.
func (g *Group) alias(c []byte, left *int) error {
	if len(c) < aliasBase {
		return fmt.Errorf("the value C has %d bytes, its entries alone have %d", len(c), aliasBase)
	}
	name, err := groupText(c, aliasBase, aliasName)
	if err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if name != "" {
		g.Name = name
	}
	if g.Comment, err = groupText(c, aliasBase, aliasComment); err != nil {
		return fmt.Errorf("comment: %w", err)
	}
	b, count, err := groupList(c, aliasBase, aliasMembers)
	if err != nil {
		return err
	}
	for i := range count {
		sid, n, err := winsec.ParseSID(b)
		if err != nil {
			return fmt.Errorf("member %d of %d: %w", i+1, count, err)
		}
		if *left--; *left < 0 {
			return nil
		}
		b = b[n:]
		g.Members = append(g.Members, sid.String())
	}
	return nil
}

// groupText reads a text of a C value whose offset and length stand at entry.
func groupText(c []byte, base, entry int) (string, error) {
	const max = 2 * 4096
	r := le.New(c, entry)
	off, size := int64(r.Uint32()), int64(r.Uint32())
	if r.Err() != nil || size > max || size%2 != 0 || size > int64(len(c))-int64(base)-off {
		return "", fmt.Errorf("%d bytes at offset %#x of %d are no text", size, int64(base)+off, len(c))
	}
	return cut(wstr.FromUTF16LE(c[int64(base)+off:][:size])), nil
}

// groupList finds the members of a C value, whose offset, length and number
// stand at entry.
func groupList(c []byte, base, entry int) (b []byte, count uint32, err error) {
	r := le.New(c, entry)
	off, size := int64(r.Uint32()), int64(r.Uint32())
	count = r.Uint32()
	if r.Err() != nil || size > int64(len(c))-int64(base)-off {
		return nil, 0, fmt.Errorf("members: %d bytes at offset %#x of %d", size, int64(base)+off, len(c))
	}
	if count == 0 {
		return nil, 0, nil
	}
	return c[int64(base)+off:][:size], count, nil
}

// The C value of a global group: offsets count from 68.
const (
	globalBase    = 68
	globalName    = 32
	globalComment = 44
	globalMembers = 56
)

// global reads the global groups: on a client there is one, whose RID is 513
// and which every account is in.
func (s *SAM) global(k hive.Key, left *int) {
	names := ridNames(k)
	for sub := range k.Subkeys() {
		n, ok := rid(sub.Name())
		if !ok {
			continue
		}
		if len(s.Global) == maxGroups {
			s.problem("there are more than %d global groups; the rest is left out", maxGroups)
			return
		}
		g := Group{Name: names[n], rid: n}
		if s.Machine != "" {
			g.SID = fmt.Sprintf("%s-%d", s.Machine, n)
		}
		b, err := data(sub, "C")
		if err == nil {
			err = g.global(b, s.Machine, left)
		}
		if err != nil {
			s.problem("the global group %s cannot be read whole: %v", orRID(g.Name, n), err)
		}
		s.Global = append(s.Global, g)
	}
}

// global reads the C value of a global group, whose members are RIDs of
// accounts of the same domain.
func (g *Group) global(c []byte, machine string, left *int) error {
	if len(c) < globalBase {
		return fmt.Errorf("the value C has %d bytes, its entries alone have %d", len(c), globalBase)
	}
	name, err := groupText(c, globalBase, globalName)
	if err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if name != "" {
		g.Name = name
	}
	if g.Comment, err = groupText(c, globalBase, globalComment); err != nil {
		return fmt.Errorf("comment: %w", err)
	}
	// The length is the room that is set aside, the number is what counts.
	b, count, err := groupList(c, globalBase, globalMembers)
	if err != nil {
		return err
	}
	if int64(count) > int64(len(b))/4 {
		return fmt.Errorf("members: %d in %d bytes", count, len(b))
	}
	for r := le.New(b, 0); count > 0 && machine != ""; count-- {
		if *left--; *left < 0 {
			return nil
		}
		g.Members = append(g.Members, fmt.Sprintf("%s-%d", machine, r.Uint32()))
	}
	return nil
}
