package plan_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

var update = flag.Bool("update", false, "write the golden files of testdata/membership anew")

// SIDs of the machines that are made here.
const (
	machine = "S-1-5-21-1-2-3"
	corp    = "S-1-5-21-10-20-30"
	entra   = "S-1-12-1-7-8-9-10"
)

// household is a machine with its people.
type household struct {
	sam    hivegen.SAM
	users  []*profile.User
	config string // of a Config.xml: what is in <mappings>; "" for no file
	extra  string // what stands behind <localGroups>
	// skip are the users that are not captured, by ID.
	skip []string
}

func (h *household) members(t *testing.T) *plan.Membership {
	t.Helper()
	var cfg *migxml.Config
	if h.config != "" || h.extra != "" {
		cfg = parse(t, "<Configuration><ProfileControl><localGroups><mappings>\n"+h.config+"\n</mappings></localGroups>"+h.extra+"</ProfileControl></Configuration>")
	}
	return h.with(t, cfg)
}

func parse(t *testing.T, text string) *migxml.Config {
	t.Helper()
	cfg, warnings, err := migxml.ParseConfig("c.xml", []byte(text))
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	return cfg
}

func (h *household) with(t *testing.T, cfg *migxml.Config) *plan.Membership {
	t.Helper()
	h.sam.MachineSID = machine
	root, err := hive.Open(h.sam.Hive())
	if err != nil {
		t.Fatal(err)
	}
	sam, err := profile.ReadSAM(root)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Members(&offline.System{ComputerName: "PC"}, sam, h.users, cfg, func(u *profile.User) bool {
		return u.Person() && !slices.Contains(h.skip, u.ID)
	})
}

func user(kind profile.Kind, sid, domain, name, from string) *profile.User {
	return &profile.User{ID: sid, SID: sid, Kind: kind, Domain: domain, Name: name, NameFrom: from}
}

func local(rid int, name string) *profile.User {
	return user(profile.Local, fmt.Sprintf("%s-%d", machine, rid), "PC", name, "SAM")
}

// show is a plan in short: "name: groups -left", one line each, sorted.
func show(m *plan.Membership) string {
	var out []string
	for _, p := range m.Members {
		s := string(p.Name)
		if !p.Captured {
			s = "(" + s + ")"
		}
		s += ":"
		for _, g := range p.Groups {
			s += " " + string(g.Name)
		}
		for _, g := range p.Leaves {
			s += " -" + string(g.Name)
		}
		if len(p.Groups)+len(p.Leaves) > 0 || p.Captured {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// office has a little of everything. Ann administers, bob and cyd are of the
// domain, dan has no group by himself.
func office() *household {
	return &household{
		sam: hivegen.SAM{
			Users: []hivegen.User{{RID: 500, Name: "Administrator"}, {RID: 1001, Name: "ann"}, {RID: 1002, Name: "dan"}, {RID: 1003, Name: "eve"}},
			Builtin: []hivegen.Group{
				{RID: 544, Name: "Administratoren", Members: []string{machine + "-500", machine + "-1001", corp + "-512", corp + "-1103"}},
				{RID: 545, Name: "Benutzer", Members: []string{"S-1-5-4", "S-1-5-11", machine + "-1003", corp + "-513"}},
				{RID: 555, Name: "Remotedesktopbenutzer", Members: []string{corp + "-1104"}},
			},
			Aliases: []hivegen.Group{{RID: 1010, Name: "Scanner", Members: []string{machine + "-1001", corp + "-1104"}}},
		},
		users: []*profile.User{
			local(1001, "ann"), local(1002, "dan"), local(1003, "eve"),
			user(profile.Domain, corp+"-1103", "CORP", "bob", "Group Policy"),
			user(profile.Domain, corp+"-1104", "CORP", "cyd", "LogonUI"),
			user(profile.Service, "S-1-5-20", "NT AUTHORITY", "NETWORK SERVICE", "well-known SID"),
		},
	}
}

// TestMembership: one row for each question about the rules.
func TestMembership(t *testing.T) {
	const kept = "ann: Administratoren Scanner\nbob: Administratoren\ncyd: Benutzer Remotedesktopbenutzer Scanner\ndan: Benutzer\neve: Benutzer"
	rule := func(from, to, applies, inner string) string {
		return fmt.Sprintf(`<changeGroup from="%s" to="%s" appliesTo="%s">%s</changeGroup>`+"\n", from, to, applies, inner)
	}
	inc := func(patterns ...string) (s string) {
		for _, p := range patterns {
			s += "<include><pattern>" + p + "</pattern></include>"
		}
		return s
	}
	exc := func(p string) string { return "<exclude><pattern>" + p + "</pattern></exclude>" }
	changed := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(kept) }
	for _, c := range []struct {
		name, config string
		skip         string
		want         string
		warn         string // one warning; "" for none
	}{
		{"no Config.xml", "", "", kept, ""},
		{"the documented recipe", rule("*", "Users", "MigratedUsers", inc("*")), "",
			"ann: Administratoren Benutzer Scanner\nbob: Administratoren Benutzer\ncyd: Benutzer Remotedesktopbenutzer Scanner\ndan: Benutzer\neve: Benutzer", ""},
		{"by English name", rule("Administrators", "users", "AllUsers", inc("*")), "",
			"ann: Benutzer Scanner -Administratoren\nbob: Benutzer -Administratoren\ncyd: Benutzer Remotedesktopbenutzer Scanner\ndan: Benutzer\neve: Benutzer", ""},
		{"by the name on the source", rule("administratoren", "BENUTZER", "MigratedUsers", inc(`PC\ann`)), "",
			changed("ann: Administratoren Scanner", "ann: Benutzer Scanner -Administratoren"), ""},
		{"with its domain", rule(`BUILTIN\Administrators`, `BUILTIN\Users`, "MigratedUsers", inc(`PC\ann`)), "",
			changed("ann: Administratoren Scanner", "ann: Benutzer Scanner -Administratoren"), ""},
		{"by SID", rule("S-1-5-32-544", "s-1-5-32-545", "MigratedUsers", inc(`CORP\*`)), "",
			changed("bob: Administratoren", "bob: Benutzer -Administratoren"), ""},
		{"a group that only the destination has", rule("*", "Power Users", "MigratedUsers", inc(`CORP\b*`)), "",
			changed("bob: Administratoren", "bob: Administratoren Power Users"), ""},
		{"exclude beats include", rule("*", "Guests", "MigratedUsers", inc("*")+exc(`CORP\*`)), "",
			changed("ann: Administratoren Scanner", "ann: Administratoren Scanner Guests", "dan: Benutzer", "dan: Benutzer Guests", "eve: Benutzer", "eve: Benutzer Guests"), ""},
		{"only exclude is everybody but", rule("*", "Guests", "MigratedUsers", exc(`PC\*`)), "",
			changed("bob: Administratoren", "bob: Administratoren Guests", "cyd: Benutzer Remotedesktopbenutzer Scanner", "cyd: Benutzer Remotedesktopbenutzer Scanner Guests"), ""},
		{"several includes", rule("*", "Guests", "MigratedUsers", inc(`pc\ANN`, `*\cyd`)), "",
			changed("ann: Administratoren Scanner", "ann: Administratoren Scanner Guests", "cyd: Benutzer Remotedesktopbenutzer Scanner", "cyd: Benutzer Remotedesktopbenutzer Scanner Guests"), ""},
		{"a name alone is a local account", rule("*", "Guests", "MigratedUsers", inc("dan", "bob")), "",
			changed("dan: Benutzer", "dan: Benutzer Guests"), ""},
		{"a SID as pattern", rule("*", "Guests", "MigratedUsers", inc(corp+"-*")+exc(corp+"-1104")), "",
			changed("bob: Administratoren", "bob: Administratoren Guests"), ""},
		{"from is the group on the source, whatever the order", rule("Administrators", "Users", "MigratedUsers", inc("*")) + rule("Users", "Guests", "MigratedUsers", inc(`PC\*`)), "",
			"ann: Benutzer Scanner -Administratoren\nbob: Benutzer -Administratoren\ncyd: Benutzer Remotedesktopbenutzer Scanner\ndan: Guests -Benutzer\neve: Guests -Benutzer", ""},
		{"what a rule gives none takes away", rule("Administrators", "Users", "MigratedUsers", inc(`PC\ann`)) + rule("*", "Administrators", "MigratedUsers", inc("*")), "",
			"ann: Administratoren Benutzer Scanner\nbob: Administratoren\ncyd: Administratoren Benutzer Remotedesktopbenutzer Scanner\ndan: Administratoren Benutzer\neve: Administratoren Benutzer", ""},
		{"from and to are the same", rule("Administrators", "S-1-5-32-544", "MigratedUsers", inc("*")), "", kept, ""},
		{"appliesTo MigratedUsers", rule("*", "Guests", "MigratedUsers", inc(`PC\*`)), machine + "-1002",
			strings.Replace(changed("ann: Administratoren Scanner", "ann: Administratoren Scanner Guests", "eve: Benutzer", "eve: Benutzer Guests"), "dan: Benutzer\n", "", 1), ""},
		{"appliesTo NonmigratedUsers", rule("*", "Guests", "nonmigratedusers", inc(`PC\*`)), machine + "-1002",
			"(dan): Guests\n" + strings.Replace(kept, "dan: Benutzer\n", "", 1), ""},
		{"from nowhere", rule("Helden", "Users", "AllUsers", inc("*")), "", kept,
			`c.xml:2:1: from="Helden" is no group of the source and none that every Windows has: the rule reaches nobody`},
		{"to what is not there", rule("*", "Helden", "MigratedUsers", inc(`PC\ann`)), "",
			changed("ann: Administratoren Scanner", "ann: Administratoren Scanner Helden"), `c.xml:2:1: to="Helden" is no group of the source and none that every Windows has: it must be there on the destination`},
		{"to a strange SID", rule("*", "S-1-5-21-9-9-9-1000", "AllUsers", inc("*")), "", kept,
			`c.xml:2:1: to="S-1-5-21-9-9-9-1000" is the SID of no group of the source and of none that every Windows has: the rule is left out`},
		{"reaches nobody", rule("*", "Users", "AllUsers", inc(`NOWHERE\*`)), "", kept, `c.xml:2:1: the changeGroup from "*" to "Users" reaches nobody`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := office()
			h.config, h.skip = c.config, []string{c.skip}
			m := h.members(t)
			if got := show(m); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if got := strings.Join(m.Warnings, "\n"); got != c.warn {
				t.Errorf("warnings\n%s\nwant\n%s", got, c.warn)
			}
			// The fragment of Config.xml, read again, asks for the same.
			again := h.with(t, parse(t, string(m.ConfigXML())))
			if got := show(again); got != c.want && !strings.Contains(c.want, "Helden") {
				t.Errorf("by its own Config.xml\n%s\nwant\n%s\n%s", got, c.want, m.ConfigXML())
			}
		})
	}
}

// TestReasons: each membership says why.
func TestReasons(t *testing.T) {
	h := office()
	h.config = `<changeGroup from="Administrators" to="Users" appliesTo="MigratedUsers"><include><pattern>PC\ann</pattern></include></changeGroup>`
	var got []string
	for _, p := range h.members(t).Members {
		for _, g := range slices.Concat(p.Groups, p.Leaves) {
			got = append(got, fmt.Sprintf("%s %s: %s [%s]", p.Name, g.SID, g.Reason, g.Rule))
		}
	}
	for _, want := range []string{
		"ann S-1-5-32-545: changeGroup from Administrators at c.xml:2:1 [c.xml:2:1]",
		"ann S-1-5-32-544: changeGroup to Users at c.xml:2:1 [c.xml:2:1]",
		"ann " + machine + "-1010: as on the source []",
		"dan S-1-5-32-545: on the source by way of INTERACTIVE, here by name []",
		"bob S-1-5-32-544: as on the source []",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// TestNobodyIsForgotten: whoever would end up in no group, or cannot be named
// on the destination, is warned of.
func TestNobodyIsForgotten(t *testing.T) {
	orphan := &profile.User{ID: "orphan-max", Name: "max", NameFrom: "profile folder (guess)", Kind: profile.Unknown}
	h := office()
	h.sam.Builtin[1].Members = nil // nobody is in Users by way of another
	h.users = append(h.users, orphan,
		user(profile.Local, machine+"-1099", "PC", "gone", "profile folder (guess)"),
		user(profile.Domain, corp+"-1999", "CORP", "guessed", "profile folder (guess)"))
	h.sam.Builtin[0].Members = append(h.sam.Builtin[0].Members, machine+"-1099", corp+"-1999")
	h.config = `<changeGroup from="Administrators" to="Users" appliesTo="MigratedUsers"><include><pattern>CORP\nobody</pattern></include></changeGroup>`
	m := h.members(t)
	want := []string{
		`c.xml:2:1: the changeGroup from "Administrators" to "Users" reaches nobody`,
		`PC\dan: would be in no local group: it was in none on the source; a changeGroup of a Config.xml can give it one`,
		`PC\eve: would be in no local group: it was in none on the source; a changeGroup of a Config.xml can give it one`,
		`max: would be in no local group: nothing tells whose profile it is; a changeGroup of a Config.xml can give it one`,
		`PC\gone: nothing tells what its account is called on the destination: it has to be put into its groups by hand`,
	}
	if !slices.Equal(m.Warnings, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(m.Warnings, "\n"), strings.Join(want, "\n"))
	}
	// A guess never gets into a group; the SID of a domain does.
	cmd := string(m.Cmd())
	if strings.Contains(cmd, `"gone"`) || strings.Contains(cmd, "guessed\" /add") || !strings.Contains(cmd, `"`+corp+`-1999" /add`) {
		t.Error(cmd)
	}
	if !strings.Contains(cmd, "echo NOT DONE, its name cannot be written or is not known: PC\\gone\r\nset /a FAILED+=1\r\n") {
		t.Error(cmd)
	}

	// Without a SAM nothing is known of groups, and that is said.
	m = plan.Members(&offline.System{ComputerName: "PC"}, nil, h.users[:1], nil, nil)
	if m.Unread == "" || len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], "the groups of the source cannot be read") {
		t.Errorf("%q, %q", m.Unread, m.Warnings)
	}
}

// TestGuessed: a pattern with a name does not give rights to an account whose
// name is a guess; one with its SID or for everybody does, and what is excluded
// by a guess stays out.
func TestGuessed(t *testing.T) {
	for _, c := range []struct {
		inner, want string
		warned      bool
	}{
		{`<include><pattern>CORP\max</pattern></include>`, "", true},
		{`<include><pattern>*\m*</pattern></include>`, "", true},
		{`<include><pattern>CORP\*</pattern></include>`, "Administratoren", false},
		{`<include><pattern>` + corp + `-1999</pattern></include>`, "Administratoren", false},
		{`<include><pattern>CORP\max</pattern><pattern>` + corp + `-1999</pattern></include>`, "Administratoren", false},
		{`<include><pattern>*</pattern></include>`, "Administratoren", false},
		{`<include><pattern>*</pattern></include><exclude><pattern>CORP\max</pattern></exclude>`, "", false},
	} {
		h := office()
		h.users = append(h.users, user(profile.Domain, corp+"-1999", "CORP", "max", "profile folder (guess)"))
		h.config = `<changeGroup from="*" to="Administrators" appliesTo="MigratedUsers">` + c.inner + `</changeGroup>`
		m := h.members(t)
		i := slices.IndexFunc(m.Members, func(p *plan.Member) bool { return p.Name == "max" })
		got := ""
		for _, g := range m.Members[i].Groups {
			if g.SID == "S-1-5-32-544" {
				got = string(g.Name)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.inner, got, c.want)
		}
		if warned := strings.Contains(strings.Join(m.Warnings, "\n"), "its name is a guess; name its SID "+corp+"-1999"); warned != c.warned {
			t.Errorf("%s: %q", c.inner, m.Warnings)
		}
	}
}

// TestLeftOut: who and what a Config.xml cannot name stands in it as a comment;
// groups.cmd finds a group of every Windows by its SID whatever it is called.
func TestLeftOut(t *testing.T) {
	h := office()
	h.users = append(h.users, &profile.User{ID: "orphan-max", Name: "max", NameFrom: "profile folder (guess)", Kind: profile.Unknown})
	h.config = `<changeGroup from="*" to="Guests" appliesTo="MigratedUsers"><include><pattern>*</pattern></include></changeGroup>`
	if x := string(h.members(t).ConfigXML()); !strings.Contains(x, "<!-- max: left out of the group Guests, for nothing tells whose profile it is -->") {
		t.Error(x)
	}
	h = office()
	h.sam.Builtin[2].Name = `Remote "Desktop"`
	m := h.members(t)
	if x := string(m.ConfigXML()); !strings.Contains(x, `CORP\cyd: left out of the group Remote _Desktop_, whose name cannot be written here -->`) {
		t.Error(x)
	}
	if cmd := string(m.Cmd()); strings.Contains(cmd, "NOT DONE") || !strings.Contains(cmd, "set \"GROUPSID=S-1-5-32-555\"\r\nset \"NAME=Remote Desktop Users\"\r\n") {
		t.Error(cmd)
	}
}

// TestBuiltin: what the accounts are in that every Windows has is not changed,
// and they are touched only when somebody worked under them.
func TestBuiltin(t *testing.T) {
	h := office()
	h.sam.Users = append(h.sam.Users, hivegen.User{RID: 501, Name: "Gast"}, hivegen.User{RID: 1099, Name: "HomeGroupUser$"})
	h.config = `<changeGroup from="Administrators" to="Users" appliesTo="AllUsers"><include><pattern>*</pattern></include></changeGroup>
<changeGroup from="*" to="Power Users" appliesTo="NonmigratedUsers"><include><pattern>*</pattern></include></changeGroup>`
	h.users = []*profile.User{user(profile.Builtin, machine+"-500", "PC", "Administrator", "SAM")}
	m := h.members(t)
	want := "(ann): Benutzer Power Users -Administratoren\n(dan): Power Users\n(eve): Power Users\nAdministrator: Administratoren Benutzer"
	if got := show(m); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if cmd := string(m.Cmd()); strings.Contains(cmd, `"Administrator" /delete`) || !strings.Contains(cmd, `net localgroup "%GROUP%" "Administrator" /add`) {
		t.Error(cmd)
	}
}

// TestOneAccount: an account with several profiles is one member.
func TestOneAccount(t *testing.T) {
	h := office()
	real, temp := local(1001, "ann"), local(1001, "TEMP")
	real.ID += ".bak"
	real.RealID, temp.RealID, temp.NameFrom = real.ID, real.ID, "profile folder (guess)"
	h.users = []*profile.User{temp, real}
	h.skip = []string{temp.ID}
	m := h.members(t)
	if got := show(m); got != "ann: Administratoren Scanner" || m.Members[0].ID != real.ID {
		t.Errorf("%s, %+v", got, m.Members[0])
	}
}

// TestHostileNames: what a disk calls an account never becomes a command.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{`a" & del *.* & "`, "a\r\ndel *.*", "a\nb", "\x1b[2J", "a\x00b", `a\`, "\xed\xa0\x80", strings.Repeat("x", 700), "a\u2028b", "\ufeff", `CORP\admin`, "/domain"} {
		h := office()
		h.sam.Aliases[0].Name = "R&D"
		h.users = []*profile.User{user(profile.Local, machine+"-1001", "PC", name, "SAM")}
		m := h.members(t)
		// The same as the name of a group.
		for _, g := range m.Groups {
			if !g.Builtin {
				g.Name = wstr.Text(name)
			}
		}
		lines := strings.Split(string(m.Cmd()), "\r\n")
		for _, line := range lines {
			if strings.ContainsAny(line, "\r\n\x00\x1b") || strings.Count(line, `"`)%2 != 0 {
				t.Errorf("%q: %q", name, line)
			}
			if strings.HasPrefix(line, "rem ") || strings.HasPrefix(line, "echo NOT DONE") {
				if strings.ContainsAny(line, `&|<>^%"`) {
					t.Errorf("%q: %q", name, line)
				}
			}
			if strings.HasPrefix(line, "net localgroup") && !strings.Contains(line, "%GROUP%") && strings.Contains(line, " /add") {
				t.Errorf("%q: a line was made: %q", name, line)
			}
		}
		parse(t, string(m.ConfigXML()))
		if _, err := json.Marshal(m); err != nil {
			t.Error(err)
		}
	}
}

// cases are the plans whose files stand in testdata/membership. The script
// wine.sh runs each .cmd with a program that notes how net was called, and
// compares with the .calls, which are written by hand.
var cases = map[string]func() *household{
	// A German source; the destination tells no names of groups.
	"german": office,
	// Names with what the command processor acts on.
	"signs": func() *household {
		h := &household{sam: hivegen.SAM{Builtin: []hivegen.Group{{RID: 544, Name: "Administrators"}, {RID: 545, Name: "Users"}}, Aliases: []hivegen.Group{{RID: 1020, Name: "R&D (x64) 100% ^team!"}}}}
		for i, name := range []string{"Tom & Jerry", "50% off", "%PATH%", "^caret^", "bang!", "!bang! 9%", "(paren)", "it's a `test`", "a~b@c#$-_{}", "&start"} {
			h.sam.Users = append(h.sam.Users, hivegen.User{RID: uint32(1001 + i), Name: name})
			h.users = append(h.users, local(1001+i, name))
			sid := fmt.Sprintf("%s-%d", machine, 1001+i)
			h.sam.Builtin[1].Members = append(h.sam.Builtin[1].Members, sid)
			if i < 3 {
				h.sam.Aliases[0].Members = append(h.sam.Aliases[0].Members, sid)
			}
		}
		return h
	},
	// Accounts from elsewhere: of a domain that is not there, of Entra, of
	// Microsoft.
	"elsewhere": func() *household {
		h := &household{
			sam: hivegen.SAM{
				Users: []hivegen.User{{RID: 1001, Name: "mia", InternetName: "mia@example.com"}},
				Builtin: []hivegen.Group{
					{RID: 544, Name: "Administrators", Members: []string{machine + "-1001", entra, corp + "-1103", corp + "-512"}},
					{RID: 545, Name: "Users", Members: []string{"S-1-5-4", "S-1-5-11", corp + "-513"}},
					{RID: 555, Name: "Remote Desktop Users", Members: []string{corp + "-1104"}},
				},
			},
			users: []*profile.User{
				user(profile.Microsoft, machine+"-1001", "PC", "mia", "SAM"),
				user(profile.Entra, entra, "AzureAD", "NoaLevi", "IdentityStore"),
				user(profile.Entra, "S-1-12-1-1-1-1-1", "AzureAD", "Guessed", "profile folder (guess)"),
				user(profile.Domain, corp+"-1103", "CORP", "bob", "Group Policy"),
				user(profile.Domain, corp+"-1104", "", corp+"-1104", ""),
			},
		}
		h.users[0].UPN, h.users[1].UPN = "mia@example.com", "noa@contoso.com"
		return h
	},
	// Names that are not in ASCII.
	"wide": func() *household {
		h := &household{sam: hivegen.SAM{
			Builtin: []hivegen.Group{{RID: 544, Name: "Администраторы"}, {RID: 545, Name: "Käyttäjät"}},
			Aliases: []hivegen.Group{{RID: 1020, Name: "Büro für Öl & Gas"}},
		}}
		for i, name := range []string{"zoë", "日本 太郎", "Łukasz 100%"} {
			h.sam.Users = append(h.sam.Users, hivegen.User{RID: uint32(1001 + i), Name: name})
			h.users = append(h.users, local(1001+i, name))
			sid := fmt.Sprintf("%s-%d", machine, 1001+i)
			h.sam.Builtin[i%2].Members = append(h.sam.Builtin[i%2].Members, sid)
			h.sam.Aliases[0].Members = append(h.sam.Aliases[0].Members, sid)
		}
		return h
	},
	// A Config.xml takes people out of groups, renames them, and means others.
	"config": func() *household {
		h := office()
		h.skip = []string{machine + "-1003"}
		h.config = `<changeGroup from="Administrators" to="Users" appliesTo="MigratedUsers"><exclude><pattern>*\nobody</pattern></exclude></changeGroup>
<changeGroup from="*" to="Helpdesk" appliesTo="NonmigratedUsers"><include><pattern>PC\eve</pattern></include></changeGroup>`
		h.extra = `<domains><domain from="CORP" to="NEWCORP"/></domains><users><user from="PC\dan" to="NEWCORP\daniel"/></users>`
		return h
	},
}

func TestGolden(t *testing.T) {
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			m := make().members(t)
			doc, err := json.MarshalIndent(m, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			for suffix, got := range map[string][]byte{".cmd": m.Cmd(), ".xml": m.ConfigXML(), ".json": append(doc, '\n')} {
				file := filepath.Join("testdata", "membership", name+suffix)
				if *update {
					if err := os.WriteFile(file, got, 0o666); err != nil {
						t.Fatal(err)
					}
					continue
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s differs (go test ./plan -run Golden -update):\n%s", file, got)
				}
			}
			cmd := m.Cmd()
			if bytes.Count(cmd, []byte("\n")) != bytes.Count(cmd, []byte("\r\n")) {
				t.Error("a line of groups.cmd does not end in CR LF")
			}
			if _, err := os.Stat(filepath.Join("testdata", "membership", name+".calls")); err != nil {
				t.Error(err)
			}
		})
	}
}

// FuzzGroupsCmd: whatever accounts and groups are called, groups.cmd has it as
// text between quotation marks or not at all, and the Config.xml can be read.
func FuzzGroupsCmd(f *testing.F) {
	for _, s := range []string{"ann", "R&D 100% ^!", `a" & del *.*`, "x\r\ny", "日本", "%PATH%", `\`, "--", "--- ", "]]>", "<&>", "\xff", ""} {
		f.Add(s, s, "Users")
		f.Add("PC", "ann", s)
	}
	f.Fuzz(func(t *testing.T, domain, name, group string) {
		for _, builtin := range []bool{true, false} {
			g := &plan.LocalGroup{SID: "S-1-5-32-545", Name: wstr.Text(group), English: "Users", Builtin: builtin}
			account := wstr.Text(domain + `\` + name)
			m := &plan.Membership{Computer: wstr.Text(domain), Groups: []*plan.LocalGroup{g}, Members: []*plan.Member{{
				ID: "x", SID: corp + "-1", Name: wstr.Text(name), NameFrom: "SAM", Domain: wstr.Text(domain), Kind: profile.Local, Captured: true,
				Accounts: []wstr.Text{account}, Groups: []plan.Wanted{{LocalGroup: g, Name: g.Name, Reason: name}},
			}}}
			want := `"` + strings.ReplaceAll(string(account), "%", "%%") + `" /add`
			for line := range strings.SplitSeq(string(m.Cmd()), "\r\n") {
				if strings.ContainsAny(line, "\r\n\x00\x1a") || strings.Count(line, `"`)%2 != 0 {
					t.Fatalf("%q", line)
				}
				comment := strings.HasPrefix(line, "rem") || strings.HasPrefix(line, "echo NOT")
				if comment && strings.ContainsAny(line, `&|<>^%"`) {
					t.Fatalf("%q", line)
				}
				if strings.HasPrefix(line, `net localgroup "%GROUP%" "`) && !strings.Contains(line, `"%OTHER%"`) && !strings.Contains(line, want) {
					t.Fatalf("%q is not in %q", want, line)
				}
			}
			cfg, _, err := migxml.ParseConfig("c.xml", m.ConfigXML())
			if err != nil {
				t.Fatalf("%v\n%s", err, m.ConfigXML())
			}
			for _, c := range cfg.Groups {
				if c.To != group || len(c.Include) != 1 {
					t.Fatalf("%q became %q", group, c.To)
				}
			}
		}
	})
}
