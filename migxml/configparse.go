package migxml

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"github.com/coldstate/coldstate/internal/xmlpos"
)

// configElements are the elements of a Config.xml, by name in lower case. One
// that stands in a place more than once counts as if it were one.
var configElements = func() map[string]*element {
	m := map[string]*element{}
	for _, e := range []element{
		{"Configuration", "", "Applications Documents WindowsComponents Policies ProfileControl"},
		{"Applications", "", "component"},
		{"Documents", "", "component"},
		{"WindowsComponents", "", "component"},
		{"component", "displayname migrate ID", "component"},
		{"Policies", "", "ErrorControl HardLinkStoreControl"},
		{"ErrorControl", "", "fileError registryError"},
		{"fileError", "errorCode", "nonFatal fatal"},
		{"registryError", "errorCode", "nonFatal fatal"},
		{"nonFatal", "errorCode", ""},
		{"fatal", "errorCode", ""},
		{"HardLinkStoreControl", "", "fileLocked"},
		{"fileLocked", "", "createHardLink errorHardLink"},
		{"createHardLink", "", ""},
		{"errorHardLink", "", ""},
		{"ProfileControl", "", "localGroups domains users"},
		{"localGroups", "", "mappings changeGroup"},
		{"mappings", "", "changeGroup"},
		{"changeGroup", "from to appliesTo", "include exclude"},
		{"include", "", "pattern"},
		{"exclude", "", "pattern"},
		{"pattern", "", ""},
		{"domains", "", "domain"},
		{"domain", "from to", ""},
		{"users", "", "user"},
		{"user", "from to", ""},
	} {
		m[strings.ToLower(e.name)] = &e
	}
	// Slips of Microsoft's pages.
	m["policy"], m["profilemigration"] = m["policies"], m["profilecontrol"]
	return m
}()

// ParseConfig reads a Config.xml. Names of elements, attributes and enumerated
// values are accepted in any case, as the documentation varies in it. What the
// language does not know is a Warning. A value that it does not know is an
// error, as the run would not do what the file asks for. Warnings come with
// and without an error. The error is an *xmlpos.Error or *Error for a file
// that is no Config.xml, otherwise it joins an *Error for each thing that is
// wrong, up to 200 of them.
func ParseConfig(name string, data []byte) (*Config, []Warning, error) {
	x, err := xmlpos.Parse(name, data)
	if err != nil {
		return nil, nil, err
	}
	p := &configParser{x: x}
	root := x.Root
	switch strings.ToLower(root.Tag) {
	case "configuration":
	case "migration":
		return nil, nil, &Error{p.pos(root), "this is a MigXML rule file, not a Config.xml: name it with --rules instead of --config"}
	case "offline":
		return nil, nil, &Error{p.pos(root), "this is an offline.xml, not a Config.xml: name it with --offline instead of --config"}
	default:
		return nil, nil, &Error{p.pos(root), fmt.Sprintf("the root element of a Config.xml is <Configuration>, not <%s>", root.Tag)}
	}
	c := p.configuration(root)
	c.Data = data
	p.both(c)
	slices.SortStableFunc(p.warnings, func(a, b Warning) int { return cmp.Or(a.Line-b.Line, a.Col-b.Col) })
	slices.SortStableFunc(p.wrong, func(a, b *Error) int { return cmp.Or(a.Line-b.Line, a.Col-b.Col) })
	if p.left > 0 {
		p.warnings = append(p.warnings, Warning{Pos: Pos{File: name}, Msg: fmt.Sprintf("%d more warnings are left out", p.left)})
	}
	if len(p.wrong) > 0 {
		errs := make([]error, len(p.wrong))
		for i, e := range p.wrong {
			errs[i] = e
		}
		return nil, p.warnings, errors.Join(errs...)
	}
	return c, p.warnings, nil
}

type configParser struct {
	x        *xmlpos.Document
	warnings []Warning
	left     int
	wrong    []*Error
}

func (p *configParser) pos(e *etree.Element) Pos {
	at := p.x.Pos(e)
	return Pos{p.x.Name, at.Line, at.Col}
}

func (p *configParser) warn(e *etree.Element, format string, args ...any) {
	p.warnAt(p.pos(e), format, args...)
}

func (p *configParser) warnAt(at Pos, format string, args ...any) {
	if len(p.warnings) == maxReports {
		p.left++
		return
	}
	p.warnings = append(p.warnings, Warning{Pos: at, Msg: fmt.Sprintf(format, args...)})
}

// both tells of components that are switched off in one place, and listed to
// be migrated in another.
func (p *configParser) both(c *Config) {
	on := map[string]*ConfigComponent{}
	c.components(func(k *ConfigComponent, yes bool) {
		if id := strings.ToLower(k.ID); yes && on[id] == nil {
			on[id] = k
		}
	})
	c.components(func(k *ConfigComponent, yes bool) {
		if other := on[strings.ToLower(k.ID)]; !yes && other != nil {
			what := `has migrate="no"`
			if k.Migrate {
				what = "is in a group that is off"
			}
			p.warnAt(k.Pos, `%s %s here, and line %d lists it with "yes": what is listed twice is migrated; for it to be off, every place has to say "no"`, k.ID, what, other.Line)
		}
	})
}

func (p *configParser) fail(e *etree.Element, format string, args ...any) {
	if len(p.wrong) < maxReports {
		p.wrong = append(p.wrong, &Error{p.pos(e), fmt.Sprintf(format, args...)})
	}
}

// children checks the attributes of e and returns its child elements that the
// language allows there, with their proper names.
func (p *configParser) children(e *etree.Element) []child {
	desc := configElements[strings.ToLower(e.Tag)]
	attrs := strings.Fields(desc.attrs)
	for _, a := range e.Attr {
		if a.Space != "" || a.Key == "xmlns" {
			continue
		}
		if !slices.ContainsFunc(attrs, func(s string) bool { return strings.EqualFold(s, a.Key) }) {
			p.warn(e, "unknown attribute %s of <%s>: it is ignored", a.Key, desc.name)
		}
	}
	allowed := strings.Fields(desc.children)
	var out []child
	for _, c := range e.ChildElements() {
		known := configElements[strings.ToLower(c.Tag)]
		switch {
		case known == nil:
			p.warn(c, "unknown element <%s> in <%s>: it is ignored", c.Tag, desc.name)
			continue
		case !slices.Contains(allowed, known.name):
			p.warn(c, "<%s> has no place in <%s>: it is ignored%s", known.name, desc.name, home(known.name))
			continue
		}
		out = append(out, child{c, known.name})
	}
	return out
}

// home says where an element belongs.
func home(name string) string {
	var parents []string
	for key, e := range configElements {
		if strings.ToLower(e.name) == key && slices.Contains(strings.Fields(e.children), name) && e.name != name {
			parents = append(parents, "<"+e.name+">")
		}
	}
	if len(parents) == 0 {
		return ""
	}
	slices.Sort(parents)
	return "; it belongs into " + strings.Join(parents, " or ")
}

func (p *configParser) configuration(e *etree.Element) *Config {
	c := &Config{Pos: p.pos(e)}
	for _, k := range p.children(e) {
		switch k.name {
		case "Applications":
			c.Applications = append(c.Applications, p.components(k.Element)...)
		case "Documents":
			c.Documents = append(c.Documents, p.components(k.Element)...)
		case "WindowsComponents":
			c.WindowsComponents = append(c.WindowsComponents, p.components(k.Element)...)
		case "Policies":
			p.policies(k.Element, c)
		case "ProfileControl":
			p.profileControl(k.Element, c)
		}
	}
	return c
}

func (p *configParser) components(e *etree.Element) []*ConfigComponent {
	var out []*ConfigComponent
	for _, k := range p.children(e) {
		c := &ConfigComponent{Pos: p.pos(k.Element), Migrate: true}
		c.DisplayName, _ = attr(k.Element, "displayname")
		c.ID, _ = attr(k.Element, "ID")
		migrate, ok := attr(k.Element, "migrate")
		switch {
		case !ok:
			p.warn(k.Element, `<component> has no migrate="yes" or migrate="no": it is migrated`)
		case strings.EqualFold(migrate, "yes"):
		case strings.EqualFold(migrate, "no"):
			c.Migrate = false
		default:
			p.fail(k.Element, `migrate="%s" of <component> is neither "yes" nor "no"`, migrate)
		}
		c.Components = p.components(k.Element)
		switch {
		case strings.Contains(c.ID, "*"):
			p.fail(k.Element, "ID=\"%s\" of <component> has a wildcard, which stands for nothing here: list each component with its own ID", c.ID)
		case c.ID != "" || len(c.Components) > 0:
		case c.Migrate:
			p.warn(k.Element, "<component> has no ID and holds no other: it means nothing")
		default:
			p.fail(k.Element, `<component> has no ID: nothing tells what migrate="no" is about; write ID="urlid/display name/role" of the component`)
		}
		out = append(out, c)
	}
	return out
}

func (p *configParser) policies(e *etree.Element, c *Config) {
	for _, k := range p.children(e) {
		for _, f := range p.children(k.Element) {
			switch f.name {
			case "fileError":
				c.FileErrors = append(c.FileErrors, p.errorRules(f.Element)...)
			case "registryError":
				c.RegistryErrors = append(c.RegistryErrors, p.errorRules(f.Element)...)
			case "fileLocked":
				for _, r := range p.children(f.Element) {
					p.children(r.Element)
					rule := HardLinkRule{p.pos(r.Element), r.name == "createHardLink", text(r.Element)}
					if rule.Pattern == "" {
						p.fail(r.Element, "<%s> names no files: write a pattern, * [*] for all", r.name)
					}
					c.HardLinks = append(c.HardLinks, rule)
				}
			}
		}
	}
}

func (p *configParser) errorRules(e *etree.Element) []ErrorRule {
	// The documentation has errorCode on the list, its samples on the rules.
	list, _ := p.codes(e, nil)
	var out []ErrorRule
	for _, k := range p.children(e) {
		p.children(k.Element)
		r := ErrorRule{Pos: p.pos(k.Element), Fatal: k.name == "fatal", Pattern: text(k.Element)}
		r.Codes, _ = p.codes(k.Element, list)
		if r.Pattern == "" {
			p.fail(k.Element, "<%s> names no objects: write a pattern, * [*] for all", k.name)
		}
		out = append(out, r)
	}
	return out
}

// codes reads the attribute errorCode: one number or several with commas
// between them, or "any".
func (p *configParser) codes(e *etree.Element, def []uint32) (codes []uint32, ok bool) {
	s, ok := attr(e, "errorCode")
	if !ok {
		return def, true
	}
	if strings.EqualFold(s, "any") {
		return nil, true
	}
	for part := range strings.SplitSeq(s, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(part), 10, 32)
		if err != nil {
			p.fail(e, `errorCode="%s" of <%s> is neither the decimal number of a Windows error, such as 32, nor "any"`, s, configElements[strings.ToLower(e.Tag)].name)
			return nil, false
		}
		codes = append(codes, uint32(n))
	}
	return codes, true
}

func (p *configParser) profileControl(e *etree.Element, c *Config) {
	for _, k := range p.children(e) {
		inside := p.children(k.Element)
		switch k.name {
		case "localGroups":
			for _, m := range inside {
				if m.name == "changeGroup" {
					c.Groups = append(c.Groups, p.changeGroup(m.Element))
					continue
				}
				for _, g := range p.children(m.Element) {
					c.Groups = append(c.Groups, p.changeGroup(g.Element))
				}
			}
		case "domains":
			c.Domains = append(c.Domains, p.renamings(inside)...)
		case "users":
			c.Users = append(c.Users, p.renamings(inside)...)
		}
	}
}

func (p *configParser) renamings(list []child) []Renaming {
	var out []Renaming
	for _, k := range list {
		p.children(k.Element)
		r := Renaming{Pos: p.pos(k.Element)}
		r.From, _ = p.required(k, "from", "what it is called on the source")
		r.To, _ = p.required(k, "to", "what it is called on the destination")
		// LoadState's /mu takes no wildcards, and /md only in the old name.
		if strings.Contains(r.To, "*") || k.name == "user" && strings.Contains(r.From, "*") {
			p.fail(k.Element, "<%s> has a wildcard where one name is meant", k.name)
		}
		out = append(out, r)
	}
	return out
}

// required reads an attribute that must be there; what says what it is for.
func (p *configParser) required(k child, name, what string) (string, bool) {
	v, ok := attr(k.Element, name)
	if v == "" {
		state := "has no attribute " + name
		if ok {
			state = "has an empty " + name
		}
		p.fail(k.Element, "<%s> %s: write %s", k.name, state, what)
		return "", false
	}
	return v, true
}

func (p *configParser) changeGroup(e *etree.Element) *ChangeGroup {
	k := child{e, "changeGroup"}
	g := &ChangeGroup{Pos: p.pos(e)}
	g.From, _ = p.required(k, "from", `the local group of the source whose members are meant, or "*" for all users`)
	var ok bool
	if g.To, ok = p.required(k, "to", "the local group that they get"); ok && strings.Contains(g.To, "*") {
		p.fail(e, "to=\"%s\" of <changeGroup> has a wildcard where one group is meant", g.To)
	}
	if g.From != "*" && strings.Contains(g.From, "*") {
		p.fail(e, `from="%s" of <changeGroup> is neither the name of one group nor "*": write one <changeGroup> for each group`, g.From)
	}
	if v, ok := p.required(k, "appliesTo", "MigratedUsers, NonmigratedUsers or AllUsers"); ok {
		i := slices.IndexFunc(appliesToNames, func(s string) bool { return strings.EqualFold(s, v) })
		if i < 0 {
			p.fail(e, "appliesTo=\"%s\" of <changeGroup> is none of MigratedUsers, NonmigratedUsers, AllUsers", v)
		} else {
			g.AppliesTo = AppliesTo(i)
		}
	}
	some := false
	for _, list := range p.children(e) {
		some = true
		patterns := p.children(list.Element)
		if len(patterns) == 0 {
			p.fail(list.Element, "<%s> has no <pattern>: write <pattern>DOMAIN\\user</pattern>, or <pattern>*</pattern> for all users", list.name)
		}
		for _, pat := range patterns {
			p.children(pat.Element)
			a := Account{p.pos(pat.Element), text(pat.Element)}
			if a.Text == "" || strings.Count(a.Text, `\`) > 1 {
				p.fail(pat.Element, `<pattern> in <%s> has "%s" where DOMAIN\user, a SID or * is meant`, list.name, a.Text)
			}
			if list.name == "include" {
				g.Include = append(g.Include, a)
			} else {
				g.Exclude = append(g.Exclude, a)
			}
		}
	}
	if !some {
		p.fail(e, "<changeGroup> has neither <include> nor <exclude>: nothing tells whom it is about; for all users write <include><pattern>*</pattern></include>")
	}
	return g
}
