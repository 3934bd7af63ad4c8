package rules

import (
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/ini"
	"github.com/coldstate/coldstate/migxml"
)

// Components lists the components of rule files as a Config.xml does: by
// type, in groups by kind, each role by its ID, all to be migrated. They are
// those that are detected in one of the contexts, and those whose detection
// cannot be told because they use functions that the language does not have;
// without contexts, all. Each ID is listed once, where it comes first. Of files
// with one urlid the first counts. The error is that of a Compile.
func Components(docs []*migxml.Document, ctxs []Context) (*migxml.Config, error) {
	c := &compiler{
		ctxs:     ctxs,
		warned:   map[migxml.Warning]bool{},
		unusable: map[ruleKey]*unusable{},
		exists:   map[string]bool{},
		inis:     map[string]*ini.File{},
	}
	out := &migxml.Config{}
	seen := map[string]*migxml.ConfigComponent{} // by ID, what is listed already
	urlids := map[string]bool{}
	for _, d := range docs {
		key := strings.ToLower(d.URLID)
		if d.URLID != "" && urlids[key] {
			continue
		}
		urlids[key] = true
		for _, comp := range d.Components {
			l := lister{urlid: d.URLID, all: len(ctxs) == 0}
			var at []*evaluation
			for i := range ctxs {
				at = append(at, &evaluation{compiler: c, ctx: &ctxs[i], index: int16(i), mask: migxml.UserAndSystem, urlid: d.URLID})
			}
			list := unlisted(l.component(comp, at), seen)
			if c.err != nil {
				return nil, c.err
			}
			if len(list) == 0 {
				continue
			}
			name, section := sectionOf(out, comp.Type)
			kind := comp.About().Kind
			id := name + `\` + strings.ToLower(kind)
			i := slices.IndexFunc(*section, func(g *migxml.ConfigComponent) bool { return g.ID == id })
			if i < 0 {
				i = len(*section)
				*section = append(*section, &migxml.ConfigComponent{DisplayName: kind, ID: id, Migrate: true})
			}
			g := (*section)[i]
			g.Components = merge(g.Components, list)
		}
	}
	for _, list := range []*[]*migxml.ConfigComponent{&out.Applications, &out.Documents, &out.WindowsComponents} {
		slices.SortStableFunc(*list, func(a, b *migxml.ConfigComponent) int {
			return slices.Index(migxml.Kinds, a.DisplayName) - slices.Index(migxml.Kinds, b.DisplayName)
		})
	}
	return out, nil
}

// sectionOf is where a Config.xml has the components of a type, with the name
// of the group that it stands for.
func sectionOf(c *migxml.Config, typ string) (string, *[]*migxml.ConfigComponent) {
	switch strings.ToLower(typ) {
	case "documents":
		return "documents", &c.Documents
	case "system", "device":
		return "windows_components", &c.WindowsComponents
	}
	return "applications", &c.Applications
}

type lister struct {
	urlid string
	all   bool
}

// component lists the roles of c, for the contexts of at in which it is
// detected.
func (l lister) component(c *migxml.Component, at []*evaluation) []*migxml.ConfigComponent {
	var inside []*evaluation
	if len(c.Unknown) == 0 {
		for _, v := range at {
			if v = v.inner(c.Context); v == nil {
				continue
			}
			v.define(c.Environments)
			if v.detected(c) {
				inside = append(inside, v)
			}
		}
		if len(inside) == 0 && !l.all {
			return nil
		}
	} else {
		l.all = true
	}
	return l.roles(c, c.Roles, inside)
}

func (l lister) roles(c *migxml.Component, list []*migxml.Role, at []*evaluation) (out []*migxml.ConfigComponent) {
	for _, r := range list {
		k := &migxml.ConfigComponent{Pos: r.Pos, DisplayName: c.DisplayName, ID: l.urlid + "/" + strings.ToLower(c.DisplayName+"/"+r.Role), Migrate: true}
		var inside []*evaluation
		for _, v := range at {
			inside = append(inside, v.role(r))
		}
		for _, n := range r.Components {
			k.Components = merge(k.Components, l.component(n, inside))
		}
		out = merge(out, []*migxml.ConfigComponent{k})
		// Roles in a role have its name, most often.
		out = merge(out, l.roles(c, r.Roles, inside))
	}
	return out
}

// unlisted is list without what is in seen by its ID, and puts the rest there:
// what is listed twice is only off when both say so. What is in a component
// that was listed before goes to it.
func unlisted(list []*migxml.ConfigComponent, seen map[string]*migxml.ConfigComponent) (out []*migxml.ConfigComponent) {
	for _, k := range list {
		id := strings.ToLower(k.ID)
		first := seen[id]
		if first == nil {
			seen[id] = k
			out = append(out, k)
			inner := k.Components
			k.Components = nil
			inner = unlisted(inner, seen) // which may add to k
			k.Components = append(inner, k.Components...)
			continue
		}
		first.Components = append(first.Components, unlisted(k.Components, seen)...)
	}
	return out
}

// merge adds to list those of more that it does not have by their ID; what is
// in those that it has, it gets.
func merge(list, more []*migxml.ConfigComponent) []*migxml.ConfigComponent {
	for _, k := range more {
		i := slices.IndexFunc(list, func(x *migxml.ConfigComponent) bool { return strings.EqualFold(x.ID, k.ID) })
		if i < 0 {
			list = append(list, k)
			continue
		}
		list[i].Components = merge(list[i].Components, k.Components)
	}
	return list
}
