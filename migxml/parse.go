package migxml

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/coldstate/coldstate/internal/xmlpos"
)

// maxReports bounds what is told about one file.
const maxReports = 200

// element describes an element of the language.
type element struct {
	name     string // proper spelling
	attrs    string // names, separated by blanks
	children string // names, separated by blanks; "*" for anything
}

// elements are the documented elements, by name in lower case.
var elements = func() map[string]*element {
	const sets = "objectSet"
	const inner = "conditions detects rules include exclude unconditionalExclude merge contentModify locationModify" +
		" destinationCleanup addObjects externalProcess processing includeAttributes excludeAttributes"
	m := map[string]*element{}
	for _, e := range []element{
		{"migration", "urlid", "component namedElements library _locDefinition"},
		{"library", "*", "*"},
		{"_locDefinition", "*", "*"},
		{"windowsObjects", "*", "*"},
		{"supportedComponents", "*", "*"},
		{"namedElements", "", "environment rules conditions detection detects detect"},
		{"component", "type context defaultSupported hidden",
			"displayName manufacturer version description paths icon extensions environment role windowsObjects supportedComponents"},
		{"displayName", "_locID", ""},
		{"manufacturer", "_locID", ""},
		{"version", "_locID", ""},
		{"description", "_locID", ""},
		{"paths", "*", "*"},
		{"icon", "*", "*"},
		{"plugin", "*", "*"},
		{"extensions", "", "extension"},
		{"extension", "", ""},
		{"role", "role", "environment detection detects component role plugin rules"},
		{"environment", "name context", "variable conditions"},
		{"variable", "name remap", "text script objectSet"},
		{"text", "", ""},
		{"script", "", ""},
		{"rules", "name context", inner},
		{"detection", "name context", "conditions"},
		{"detects", "name context", "detect"},
		{"detect", "name context", "condition objectSet detect"},
		{"conditions", "name operation", "conditions condition"},
		{"condition", "negation", ""},
		{"include", "filter", sets},
		{"exclude", "filter", sets},
		{"unconditionalExclude", "", sets},
		{"merge", "script", sets},
		{"contentModify", "script", sets},
		{"locationModify", "script", sets},
		{"destinationCleanup", "filter", sets},
		{"includeAttributes", "attributes", sets},
		{"excludeAttributes", "attributes", sets},
		{"addObjects", "", "object conditions condition script"},
		{"object", "", "location attributes bytes"},
		{"location", "type", "script"},
		{"attributes", "", ""},
		{"bytes", "string expand", ""},
		{"externalProcess", "when", "commandLine"},
		{"commandLine", "", ""},
		{"processing", "when", "script"},
		{"objectSet", "", "pattern script content conditions condition"},
		{"pattern", "type", ""},
		{"content", "filter", "objectSet"},
	} {
		m[strings.ToLower(e.name)] = &e
	}
	return m
}()

// Parse reads a rule file. The error is an *xmlpos.Error or *Error: the file
// is no rule file.
func Parse(name string, data []byte) (*Document, []Warning, error) {
	x, err := xmlpos.Parse(name, data)
	if err != nil {
		return nil, nil, err
	}
	p := &parser{x: x}
	root := x.Root
	switch strings.ToLower(root.Tag) {
	case "migration":
	case "configuration":
		return nil, nil, &Error{p.pos(root), "this is a Config.xml, not a rule file: name it with --config instead of --rules"}
	case "offline":
		return nil, nil, &Error{p.pos(root), "this is an offline.xml, not a rule file: name the sources on the command line, and drives with --map"}
	default:
		return nil, nil, &Error{p.pos(root), fmt.Sprintf("the root element of a rule file is <migration>, not <%s>", root.Tag)}
	}
	doc := p.migration(root)
	doc.Data = data
	p.resolve()
	slices.SortStableFunc(p.warnings, func(a, b Warning) int { return cmp.Or(a.Line-b.Line, a.Col-b.Col) })
	if p.left > 0 {
		p.warnings = append(p.warnings, Warning{Pos: Pos{File: name}, Msg: fmt.Sprintf("%d more warnings are left out", p.left)})
	}
	return doc, p.warnings, nil
}

type parser struct {
	x        *xmlpos.Document
	warnings []Warning
	left     int
	told     map[string]bool // names of functions without meaning that were warned of

	named struct {
		environment map[string]*Environment
		rules       map[string]*Rules
		conditions  map[string]*Conditions
		detection   map[string]*Detection // both kinds
		detect      map[string]*Detect
	}
	references []func()
	// outer is the component around the element at hand, nil for none, and in
	// the kind of the role around it.
	outer *Component
	in    string
	// unknown collects the functions that do not exist, and the named blocks
	// that are used, of the component or named block at hand.
	unknown    *unknown
	components []*unknown
	blocks     map[string]*unknown // by kind and name
}

// unknown is what keeps a component, or a named block, from being used.
type unknown struct {
	component *Component // nil for a named block
	calls     []Unknown
	uses      []string // keys of parser.blocks
}

func (p *parser) pos(e *etree.Element) Pos {
	at := p.x.Pos(e)
	return Pos{p.x.Name, at.Line, at.Col}
}

func (p *parser) warn(e *etree.Element, format string, args ...any) {
	if len(p.warnings) == maxReports {
		p.left++
		return
	}
	p.warnings = append(p.warnings, Warning{Pos: p.pos(e), Msg: fmt.Sprintf(format, args...)})
}

// children checks the attributes of e and returns its child elements that the
// language allows there, with their proper names.
func (p *parser) children(e *etree.Element) []child {
	desc := elements[strings.ToLower(e.Tag)]
	p.attributes(e, desc)
	if desc.children == "*" {
		return nil
	}
	allowed := strings.Fields(desc.children)
	var out []child
	for _, c := range e.ChildElements() {
		known := elements[strings.ToLower(c.Tag)]
		switch {
		case known == nil:
			p.warn(c, "unknown element <%s>: it is ignored", c.Tag)
			continue
		case !slices.Contains(allowed, known.name):
			p.warn(c, "<%s> has no place in <%s>: it is ignored", known.name, desc.name)
			continue
		case known.name != c.Tag:
			p.warn(c, "<%s> is written <%s>", c.Tag, known.name)
		}
		out = append(out, child{c, known.name})
	}
	return out
}

type child struct {
	*etree.Element
	name string
}

func (p *parser) attributes(e *etree.Element, desc *element) {
	if desc.attrs == "*" {
		return
	}
	allowed := strings.Fields(desc.attrs)
	for _, a := range e.Attr {
		if a.Space != "" || a.Key == "xmlns" { // of XML itself
			continue
		}
		i := slices.IndexFunc(allowed, func(s string) bool { return strings.EqualFold(s, a.Key) })
		switch {
		case i < 0:
			p.warn(e, "unknown attribute %s of <%s>: it is ignored", a.Key, desc.name)
		case allowed[i] != a.Key:
			p.warn(e, "the attribute %s of <%s> is written %s", a.Key, desc.name, allowed[i])
		}
	}
}

// attr returns an attribute of e by its name in any case.
func attr(e *etree.Element, name string) (string, bool) {
	for _, a := range e.Attr {
		if a.Space == "" && strings.EqualFold(a.Key, name) {
			return strings.TrimSpace(a.Value), true
		}
	}
	return "", false
}

// text is all text in e, white space around it removed.
func text(e *etree.Element) string {
	var b strings.Builder
	for _, t := range e.Child {
		if c, ok := t.(*etree.CharData); ok {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// enum reads an attribute with a fixed list of values; the first is the
// default. What is not in the list counts as the default.
func (p *parser) enum(e *etree.Element, name string, values ...string) string {
	v, ok := attr(e, name)
	if !ok {
		return values[0]
	}
	i := slices.IndexFunc(values, func(s string) bool { return strings.EqualFold(s, v) })
	switch {
	case i < 0:
		p.warn(e, "%s=%q is not one of %s; %s is taken", name, v, strings.Join(values, ", "), values[0])
		return values[0]
	case values[i] != v:
		p.warn(e, "%s=%q is written %q", name, v, values[i])
	}
	return values[i]
}

func (p *parser) context(e *etree.Element) Context {
	switch p.enum(e, "context", "UserAndSystem", "User", "System") {
	case "User":
		return User
	case "System":
		return System
	}
	return UserAndSystem
}

// yes reads a truth value in any of its spellings.
func (p *parser) yes(e *etree.Element, name string, def bool) bool {
	v, ok := attr(e, name)
	switch strings.ToLower(v) {
	case "yes", "true":
		return true
	case "no", "false":
		return false
	}
	if ok {
		p.warn(e, "%s=%q is neither Yes nor No", name, v)
	}
	return def
}

func (p *parser) migration(e *etree.Element) *Document {
	d := &Document{Pos: p.pos(e)}
	d.URLID, _ = attr(e, "urlid")
	if d.URLID == "" {
		p.warn(e, "<migration> has no urlid: it cannot be told from other files")
	}
	for _, c := range p.children(e) {
		switch c.name {
		case "component":
			d.Components = append(d.Components, p.component(c.Element))
		case "namedElements":
			p.namedElements(c.Element)
		}
	}
	return d
}

func (p *parser) namedElements(e *etree.Element) {
	for _, c := range p.children(e) {
		name, _ := attr(c.Element, "name")
		if name == "" {
			p.warn(c.Element, "<%s> in <namedElements> has no name: nothing can use it", c.name)
			continue
		}
		key := strings.ToLower(name)
		twice := false
		p.unknown = &unknown{}
		if k := blockKey(c.name, name); p.blocks[k] == nil {
			if p.blocks == nil {
				p.blocks = map[string]*unknown{}
			}
			p.blocks[k] = p.unknown
		}
		switch c.name {
		case "environment":
			twice = define(&p.named.environment, key, p.environment(c.Element, true))
		case "rules":
			twice = define(&p.named.rules, key, p.rules(c.Element, true))
		case "conditions":
			twice = define(&p.named.conditions, key, p.conditions(c.Element, true))
		case "detection":
			twice = define(&p.named.detection, key, p.detection(c.Element, true))
		case "detects":
			twice = define(&p.named.detection, key, p.detects(c.Element, true))
		case "detect":
			twice = define(&p.named.detect, key, p.detect(c.Element, true))
		}
		if twice {
			p.warn(c.Element, "<%s> named %q is defined twice: the first one counts", c.name, name)
		}
	}
}

// blockKey names a named block. <detection> and <detects> are one kind.
func blockKey(element, name string) string {
	if strings.EqualFold(element, "detects") {
		element = "detection"
	}
	return strings.ToLower(element + " " + name)
}

func define[T any](m *map[string]T, key string, v T) (twice bool) {
	if _, ok := (*m)[key]; ok {
		return true
	}
	if *m == nil {
		*m = map[string]T{}
	}
	(*m)[key] = v
	return false
}

// reference notes that e, unless it is a definition, may name a block of
// <namedElements>. It says whether it does.
func reference[T any](p *parser, e *etree.Element, definition bool, m *map[string]T, set func(T)) bool {
	name, _ := attr(e, "name")
	if definition || name == "" {
		return false
	}
	if p.unknown != nil {
		p.unknown.uses = append(p.unknown.uses, blockKey(e.Tag, name))
	}
	own := len(e.ChildElements()) > 0
	p.references = append(p.references, func() {
		v, ok := (*m)[strings.ToLower(name)]
		switch {
		case !ok && own:
			p.warn(e, "<%s> names %q, which is not in <namedElements>: it is empty, and its own content is ignored; leave the name out to use that", e.Tag, name)
			return
		case !ok:
			p.warn(e, "<%s> names %q, which is not in <namedElements>: it is empty", e.Tag, name)
			return
		case own:
			p.warn(e, "<%s> stands for what <namedElements> has as %q, and its own content is ignored; leave the name out to use that", e.Tag, name)
		}
		set(v)
	})
	return true
}

// resolve connects references to definitions, which may stand behind them.
func (p *parser) resolve() {
	for _, f := range p.references {
		f()
	}
	for _, u := range p.components {
		u.component.Unknown = u.calls
		seen := map[string]bool{}
		uses := u.uses
		for len(uses) > 0 {
			key := uses[0]
			uses = uses[1:]
			b := p.blocks[key]
			if b == nil || seen[key] {
				continue
			}
			seen[key] = true
			u.component.Unknown = append(u.component.Unknown, b.calls...)
			uses = append(slices.Clip(uses), b.uses...)
		}
	}
}

func (p *parser) component(e *etree.Element) *Component {
	c := &Component{Pos: p.pos(e)}
	defer func(outer *unknown) { p.unknown = outer }(p.unknown)
	p.unknown = &unknown{component: c}
	p.components = append(p.components, p.unknown)
	if _, ok := attr(e, "type"); !ok {
		p.warn(e, "<component> has no type")
	}
	c.Type = p.enum(e, "type", "Application", "System", "Device", "Documents")
	c.Context = p.context(e)
	c.DefaultSupported = p.yes(e, "defaultSupported", true)
	outer, in := p.outer, p.in
	if outer != nil && outer.Type != c.Type {
		p.warn(e, "a component in one of the type %s is of that type, too; this one is of the type %s, and it is used all the same", outer.Type, c.Type)
	}
	defer func() { p.outer, p.in = outer, in }()
	p.outer = c
	kinds := map[string]bool{}
	for _, k := range p.children(e) {
		switch k.name {
		case "displayName":
			c.DisplayName = text(k.Element)
		case "description":
			p.attributes(k.Element, elements["description"])
			c.Description = strings.Join(strings.Fields(text(k.Element)), " ")
		case "environment":
			c.Environments = append(c.Environments, p.environment(k.Element, false))
		case "extensions":
			for _, x := range p.children(k.Element) {
				if t := strings.TrimPrefix(text(x.Element), "."); t != "" {
					c.Extensions = append(c.Extensions, Extension{p.pos(x.Element), t})
				}
			}
		case "role":
			p.in = ""
			r := p.role(k.Element)
			switch {
			case len(c.Roles) == 3:
				p.warn(k.Element, "a component has at most three roles; this is one more, and it is used")
			case kinds[r.Role] && r.Role != "Container":
				p.warn(k.Element, "a component has one role of the kind %s; this is another, and it is used; the <rules> of both can stand in one role", r.Role)
			case in != "" && in != "Container" && in != r.Role:
				p.warn(k.Element, "a component in a role of the kind %s has roles of that kind, too; this one is of the kind %s, and it is used all the same", in, r.Role)
			}
			kinds[r.Role] = true
			c.Roles = append(c.Roles, r)
		default: // of no effect: the name, the version, what is internal
			p.attributes(k.Element, elements[strings.ToLower(k.name)])
		}
	}
	if c.DisplayName == "" {
		p.warn(e, "<component> has no <displayName>: reports have no name for it, and a Config.xml cannot switch it off")
	}
	switch {
	case len(c.Roles) > 0:
	case len(c.Extensions) > 0:
		p.warn(e, "<component> has no <role>: a Config.xml cannot switch it off, as its name there ends with the role; an empty <role role=\"Data\"/> is enough")
	default:
		p.warn(e, "<component> has no <role>: it takes nothing")
	}
	return c
}

func (p *parser) role(e *etree.Element) *Role {
	r := &Role{Pos: p.pos(e), Role: p.enum(e, "role", "Settings", "Data", "Binaries", "Container")}
	if _, ok := attr(e, "role"); !ok {
		p.warn(e, "<role> has no role: it counts as one of the kind Settings")
	}
	if in := p.in; in != "" && in != r.Role {
		p.warn(e, "a role in one of the kind %s is of that kind, too; this one is of the kind %s, and it is used all the same", in, r.Role)
	}
	defer func(in string) { p.in = in }(p.in)
	p.in = r.Role
	for _, c := range p.children(e) {
		switch c.name {
		case "environment":
			r.Environments = append(r.Environments, p.environment(c.Element, false))
		case "detection":
			r.Detections = append(r.Detections, p.detection(c.Element, false))
		case "detects":
			r.Detections = append(r.Detections, p.detects(c.Element, false))
		case "component":
			r.Components = append(r.Components, p.component(c.Element))
		case "role":
			r.Roles = append(r.Roles, p.role(c.Element))
		case "rules":
			if r.Role == "Container" {
				p.warn(c.Element, "a role of the kind Container holds components and no rules; they are used all the same")
			}
			r.Rules = append(r.Rules, p.rules(c.Element, false))
		}
	}
	return r
}

func (p *parser) environment(e *etree.Element, definition bool) *Environment {
	v := &Environment{Pos: p.pos(e), Context: p.context(e)}
	children := p.children(e)
	if reference(p, e, definition, &p.named.environment, func(n *Environment) { v.Named = n }) {
		return v
	}
	for _, c := range children {
		switch c.name {
		case "conditions":
			v.Conditions = append(v.Conditions, p.conditions(c.Element, false))
		case "variable":
			v.Variables = append(v.Variables, p.variable(c.Element))
		}
	}
	return v
}

func (p *parser) variable(e *etree.Element) Variable {
	v := Variable{Pos: p.pos(e)}
	v.Name, _ = attr(e, "name")
	v.Name = strings.Trim(v.Name, "%")
	if v.Name == "" {
		p.warn(e, "<variable> has no name")
	}
	v.Remap = p.yes(e, "remap", false)
	for i, c := range p.children(e) {
		if i > 0 {
			p.warn(c.Element, "a <variable> has one <text>, <script> or <objectSet>; this one more is ignored")
			continue
		}
		switch c.name {
		case "text":
			s := text(c.Element)
			v.Text = &s
		case "script":
			v.Script, _ = p.call(c.Element, text(c.Element), inVariable)
		case "objectSet":
			v.Set = p.objectSet(c.Element)
		}
	}
	return v
}

func (p *parser) detection(e *etree.Element, definition bool) *Detection {
	d := &Detection{Pos: p.pos(e), Context: p.context(e)}
	children := p.children(e)
	if reference(p, e, definition, &p.named.detection, func(n *Detection) { d.Named = n }) {
		return d
	}
	for _, c := range children {
		d.Conditions = append(d.Conditions, p.conditions(c.Element, false))
	}
	return d
}

func (p *parser) detects(e *etree.Element, definition bool) *Detection {
	d := &Detection{Pos: p.pos(e), Context: p.context(e)}
	children := p.children(e)
	if reference(p, e, definition, &p.named.detection, func(n *Detection) { d.Named = n }) {
		return d
	}
	for _, c := range children {
		d.Detects = append(d.Detects, p.detect(c.Element, false))
	}
	return d
}

func (p *parser) detect(e *etree.Element, definition bool) *Detect {
	d := &Detect{Pos: p.pos(e), Context: p.context(e)}
	children := p.children(e)
	if reference(p, e, definition, &p.named.detect, func(n *Detect) { d.Named = n }) {
		return d
	}
	for _, c := range children {
		switch c.name {
		case "condition":
			d.Condition = append(d.Condition, p.condition(c.Element))
		case "objectSet":
			d.Sets = append(d.Sets, p.objectSet(c.Element))
		case "detect":
			d.Detects = append(d.Detects, p.detect(c.Element, false))
		}
	}
	return d
}

func (p *parser) conditions(e *etree.Element, definition bool) *Conditions {
	v := &Conditions{Pos: p.pos(e), Or: p.enum(e, "operation", "AND", "OR") == "OR"}
	children := p.children(e)
	if reference(p, e, definition, &p.named.conditions, func(n *Conditions) { v.Named = n }) {
		return v
	}
	for _, c := range children {
		switch c.name {
		case "conditions":
			v.Conditions = append(v.Conditions, p.conditions(c.Element, false))
		case "condition":
			v.Condition = append(v.Condition, p.condition(c.Element))
		}
	}
	return v
}

func (p *parser) condition(e *etree.Element) *Condition {
	p.children(e)
	c := &Condition{Pos: p.pos(e), Negate: p.yes(e, "negation", false)}
	c.Call, _ = p.call(e, text(e), inCondition)
	return c
}

func (p *parser) rules(e *etree.Element, definition bool) *Rules {
	r := &Rules{Pos: p.pos(e), Context: p.context(e)}
	children := p.children(e)
	if reference(p, e, definition, &p.named.rules, func(n *Rules) { r.Named = n }) {
		return r
	}
	for _, c := range children {
		switch c.name {
		case "conditions":
			r.Conditions = append(r.Conditions, p.conditions(c.Element, false))
		case "detects":
			r.Detections = append(r.Detections, p.detects(c.Element, false))
		case "rules":
			r.Rules = append(r.Rules, p.rules(c.Element, false))
		case "include":
			r.Rule = append(r.Rule, p.rule(c.Element, Include))
		case "exclude":
			r.Rule = append(r.Rule, p.rule(c.Element, Exclude))
		case "unconditionalExclude":
			r.Rule = append(r.Rule, p.rule(c.Element, Unconditional))
		case "merge", "contentModify", "locationModify", "destinationCleanup", "includeAttributes", "excludeAttributes":
			if x := p.restore(c); x != nil {
				r.Restore = append(r.Restore, x)
			}
		case "addObjects":
			r.Added = append(r.Added, p.addObjects(c.Element))
		case "externalProcess":
			r.Restore = append(r.Restore, p.externalProcess(c.Element)...)
		case "processing":
			r.Restore = append(r.Restore, p.processing(c.Element)...)
		}
	}
	return r
}

func (p *parser) rule(e *etree.Element, a Action) *Rule {
	r := &Rule{Pos: p.pos(e), Action: a}
	// The documentation gives "No" as the default of an exclude's filter, and an
	// unconditionalExclude no filter: it holds for everything.
	if f, ok := attr(e, "filter"); ok && a != Unconditional && f != "" && !strings.EqualFold(f, "No") {
		if r.Filter, ok = p.call(e, f, inFilter); !ok {
			r.Broken = true
		} else if r.Filter.Name == "SameRegContent" && a == Include {
			p.warn(e, "MigXmlHelper.SameRegContent is for <exclude>: it compares with the destination, and this <include> takes every object")
		}
	}
	for _, c := range p.children(e) {
		r.Sets = append(r.Sets, p.objectSet(c.Element))
	}
	if len(r.Sets) == 0 {
		p.warn(e, "<%s> has no <objectSet>: it selects nothing", a)
	}
	return r
}

func (p *parser) objectSet(e *etree.Element) *ObjectSet {
	s := &ObjectSet{Pos: p.pos(e)}
	for _, c := range p.children(e) {
		switch c.name {
		case "conditions":
			s.Conditions = append(s.Conditions, p.conditions(c.Element, false))
		case "condition":
			s.Condition = append(s.Condition, p.condition(c.Element))
		case "pattern":
			p.pattern(c.Element, s)
		case "script":
			if call, ok := p.call(c.Element, text(c.Element), inSet); ok {
				s.Scripts = append(s.Scripts, call)
			}
		case "content":
			s.Contents = append(s.Contents, p.content(c.Element))
		}
	}
	return s
}

func (p *parser) content(e *etree.Element) *Content {
	c := &Content{Pos: p.pos(e)}
	if f, ok := attr(e, "filter"); ok {
		c.Filter, _ = p.call(e, f, inContent)
	} else {
		p.warn(e, "<content> has no filter: it yields nothing")
	}
	for _, k := range p.children(e) {
		c.Sets = append(c.Sets, p.objectSet(k.Element))
	}
	if len(c.Sets) == 0 {
		p.warn(e, "<content> has no <objectSet>: it yields nothing")
	}
	return c
}

func (p *parser) pattern(e *etree.Element, s *ObjectSet) {
	p.children(e)
	pat := Pattern{Pos: p.pos(e), Text: text(e)}
	typ, ok := attr(e, "type")
	switch strings.ToLower(typ) {
	case "file":
		pat.Kind = File
	case "registry":
		pat.Kind = Registry
	case "ini":
		pat.Kind = Ini
	default:
		if !ok {
			p.warn(e, "<pattern> has no type: it matches nothing")
		} else {
			p.warn(e, "type=%q of <pattern> is none of File, Registry, Ini: it matches nothing", typ)
		}
		return
	}
	if pat.Text == "" {
		p.warn(e, "<pattern> is empty: it matches nothing")
		return
	}
	if pat.Kind == Ini {
		if err := checkIni(pat.Text); err != nil {
			p.warn(e, "%v: it matches nothing", err)
			return
		}
	}
	s.Patterns = append(s.Patterns, pat)
}

// call reads the text of a call that stands in h; ok is false, and a report
// was made, when it cannot be carried out.
func (p *parser) call(e *etree.Element, s string, h host) (c *Call, ok bool) {
	s = strings.TrimSpace(s)
	name, args, err := parseCall(s)
	if err != nil {
		p.warn(e, "%q yields nothing: %v", s, err)
		return nil, false
	}
	f, known := helpers[strings.ToLower(name)]
	if !known {
		where := "the component cannot be used"
		if p.unknown == nil || p.unknown.component == nil {
			where = "the components that use it cannot be used"
		}
		p.warn(e, "unknown function MigXmlHelper.%s: %s", name, where)
		if p.unknown != nil {
			p.unknown.calls = append(p.unknown.calls, Unknown{p.pos(e), name})
		}
		return nil, false
	}
	switch {
	case f.hosts&h == 0:
		p.warn(e, "MigXmlHelper.%s cannot stand in %s: it yields nothing", f.name, hostNames[h])
		return nil, false
	case len(args) < f.min || len(args) > f.max:
		p.warn(e, "MigXmlHelper.%s has %d arguments instead of %s: it yields nothing", f.name, len(args), between(f.min, f.max))
		return nil, false
	}
	c = &Call{p.pos(e), f.name, args, s}
	if f.check != nil {
		if err := f.check(c); err != nil {
			p.warn(e, "MigXmlHelper.%s: %v: it yields nothing", f.name, err)
			return nil, false
		}
	}
	if f.doubt != nil {
		if err := f.doubt(c); err != nil {
			p.warn(e, "MigXmlHelper.%s: %v", f.name, err)
		}
	}
	if f.internal && !p.told[f.name] {
		if p.told == nil {
			p.told = map[string]bool{}
		}
		p.told[f.name] = true
		p.warn(e, "MigXmlHelper.%s has no published meaning: a restore leaves what it is for as it was", f.name)
	}
	return c, true
}

func between(a, b int) string {
	if a == b {
		return fmt.Sprint(a)
	}
	if b == many {
		return fmt.Sprintf("%d or more", a)
	}
	return fmt.Sprintf("%d to %d", a, b)
}
