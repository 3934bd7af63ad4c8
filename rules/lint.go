package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
)

// Names are what a linter knows of Windows and of the program.
type Names struct {
	// Variable says whether a Windows defines a variable, and UserVariable
	// whether it does so for users alone; both take any case.
	Variable, UserVariable func(name string) bool
	// Shipped are the urlids, in lower case, of rule files that come with the
	// program, and what these are called.
	Shipped map[string]string
}

// Lint looks for what authors of rules commonly mean otherwise than the
// language has it: excludes that do nothing, includes that nothing is left
// of, patterns that miss what they seem to name, variables that no Windows
// has or that rules of the system do not have, rules that never run, files
// with one urlid. Each warning says the better way. Variables that the files
// define need not be in names. It looks at the text alone, and warns only of
// what is so on every Windows.
func Lint(docs []*migxml.Document, names Names) []migxml.Warning {
	l := &linter{names: names, warned: map[migxml.Warning]bool{}}
	urlids := map[string]migxml.Pos{}
	for _, d := range docs {
		unused := false
		if d.URLID != "" {
			key := strings.ToLower(d.URLID)
			first, ok := urlids[key]
			if unused = ok; ok {
				l.warn(d.Pos, "the file has the urlid %q of %s: of two such files the second is not used; give it a urlid of its own", d.URLID, first.File)
			} else {
				urlids[key] = d.Pos
				if set, ok := names.Shipped[key]; ok && set != d.Pos.File {
					l.warn(d.Pos, "the file has the urlid %q of %s: together with that it is not used; give it a urlid of its own", d.URLID, set)
				}
			}
		}
		l.own = map[string]migxml.Context{}
		for _, c := range d.Components {
			l.defined(c, migxml.UserAndSystem, 0)
		}
		for _, c := range d.Components {
			l.component(c, migxml.UserAndSystem, 0)
		}
		if !unused {
			l.includes, l.never = append(l.includes, l.new.includes...), append(l.never, l.new.never...)
		}
		l.new.includes, l.new.never = nil, nil
	}
	l.above()
	return l.warnings
}

type linter struct {
	names Names
	// own are the variables of the file at hand, in lower case, with the
	// contexts that have them.
	own map[string]migxml.Context
	// scope are those that can be seen from the place at hand; conds are the
	// blocks around it that have conditions.
	scope *lintScope
	conds []int
	// perhaps is set in components that are there only when something is found.
	perhaps bool
	// includes and never are the patterns of all components, of includes and
	// of unconditionalExcludes that always act; new are those of the file at
	// hand.
	lintAll
	new lintAll

	warnings []migxml.Warning
	warned   map[migxml.Warning]bool
	blocks   int // looked at
	compared int // characters, by meet
}

// lintAll are patterns that are compared over all components.
type lintAll struct{ includes, never []*written }

// meet is meet until so much was compared that the rest is taken to meet.
func (l *linter) meet(a, b string) bool {
	if l.compared += len(a) * len(b); l.compared > maxCompared {
		return true
	}
	return meet(a, b)
}

// maxCompared bounds the work of comparing all patterns of a file: some
// seconds.
const maxCompared = 1 << 30

// over says whether a block is one too many: nested too deep, or one of too
// many. Compile refuses such files.
func (l *linter) over(depth int) bool {
	l.blocks++
	return depth > maxDepth || l.blocks > maxLintBlocks
}

// maxLintBlocks bounds the work: named blocks can be used many times.
const maxLintBlocks = 1 << 18

func (l *linter) warn(pos migxml.Pos, format string, args ...any) {
	w := migxml.Warning{Pos: pos, Msg: fmt.Sprintf(format, args...)}
	if !l.warned[w] {
		l.warned[w] = true
		l.warnings = append(l.warnings, w)
	}
}

// environments calls do for each of list and the named ones that they stand
// for, with the contexts in which they are evaluated.
func (l *linter) environments(list []*migxml.Environment, mask migxml.Context, depth int, do func(*migxml.Environment, migxml.Context)) {
	for _, e := range list {
		if l.over(depth) {
			return
		}
		in := mask & e.Context
		if in == 0 {
			in = e.Context & migxml.System // one of the system is evaluated for users, too
		}
		do(e, in)
		if e.Named != nil {
			l.environments([]*migxml.Environment{e.Named}, in, depth+1, do)
		}
	}
}

// defined collects the variables of a component.
func (l *linter) defined(c *migxml.Component, mask migxml.Context, depth int) {
	if l.over(depth) {
		return
	}
	mask &= c.Context
	define := func(e *migxml.Environment, in migxml.Context) {
		if in&migxml.System != 0 {
			in |= migxml.User // what is defined for the system is there for users
		}
		for _, v := range e.Variables {
			l.own[strings.ToLower(v.Name)] |= in
		}
	}
	l.environments(c.Environments, mask, depth, define)
	var roles func(list []*migxml.Role, depth int)
	roles = func(list []*migxml.Role, depth int) {
		for _, r := range list {
			l.environments(r.Environments, mask, depth, define)
			for _, n := range r.Components {
				l.defined(n, mask, depth+1)
			}
			if !l.over(depth) {
				roles(r.Roles, depth+1)
			}
		}
	}
	roles(c.Roles, depth)
}

// forMachine are variables of the machine that are for all users what another
// is for one.
var forMachine = map[string]string{
	"APPDATA": "CSIDL_COMMON_APPDATA", "LOCALAPPDATA": "CSIDL_COMMON_APPDATA", "CSIDL_APPDATA": "CSIDL_COMMON_APPDATA", "CSIDL_LOCAL_APPDATA": "CSIDL_COMMON_APPDATA",
	"CSIDL_PERSONAL": "CSIDL_COMMON_DOCUMENTS", "CSIDL_MYDOCUMENTS": "CSIDL_COMMON_DOCUMENTS", "FOLDERID_DOCUMENTS": "CSIDL_COMMON_DOCUMENTS",
	"CSIDL_DESKTOP": "CSIDL_COMMON_DESKTOPDIRECTORY", "CSIDL_DESKTOPDIRECTORY": "CSIDL_COMMON_DESKTOPDIRECTORY", "CSIDL_FAVORITES": "CSIDL_COMMON_FAVORITES",
	"CSIDL_MYMUSIC": "CSIDL_COMMON_MUSIC", "CSIDL_MYPICTURES": "CSIDL_COMMON_PICTURES", "CSIDL_MYVIDEO": "CSIDL_COMMON_VIDEO", "FOLDERID_DOWNLOADS": "FOLDERID_PublicDownloads",
	"CSIDL_STARTMENU": "CSIDL_COMMON_STARTMENU", "CSIDL_PROGRAMS": "CSIDL_COMMON_PROGRAMS", "CSIDL_STARTUP": "CSIDL_COMMON_STARTUP", "CSIDL_TEMPLATES": "CSIDL_COMMON_TEMPLATES",
	"CSIDL_ADMINTOOLS": "CSIDL_COMMON_ADMINTOOLS", "CSIDL_PROFILE": "PUBLIC", "USERPROFILE": "PUBLIC",
}

// variables tells of the variables in text that there are not where it stands,
// in the contexts in. The text is part of a pattern, or of what.
func (l *linter) variables(pos migxml.Pos, text, what string, in migxml.Context, names []string) {
	told := map[string]bool{}
	for _, name := range names {
		low := strings.ToLower(name)
		if told[low] {
			continue
		}
		told[low] = true
		own, mine := l.own[low]
		switch {
		case mine && own&in == 0 && own != 0 && in != 0:
			l.warn(pos, "%s: the variable %%%s%% is defined for users alone, and here it is asked for by the system: %s; define it in an <environment> without context, or write context=\"User\" here", text, name, what)
		case mine:
		case slices.Contains(noPlaces, strings.ToUpper(name)):
			l.warn(pos, "%s: %%%s%% is a place of the Explorer and no folder on a disk: %s; name the folders or keys that are meant", text, name, what)
		case !l.names.Variable(name):
			l.warn(pos, "%s: no Windows has a variable %%%s%%, and this file defines none: unless the environment of the source has it, %s; variables are %%CSIDL_PERSONAL%%, %%FOLDERID_Downloads%% and so on, or those of <environment>", text, name, what)
		case in == migxml.System && l.names.UserVariable(name):
			way := ""
			if m := forMachine[strings.ToUpper(name)]; m != "" {
				way = fmt.Sprintf("; the folder of all users is %%%s%%", m)
			}
			l.warn(pos, "%s: the variable %%%s%% is one of users, and here it is asked for by the system: %s; write context=\"User\" for the component or its rules%s", text, name, what, way)
		case strings.EqualFold(name, "ALLUSERSPROFILE"):
			l.warn(pos, "%s: rules mean the public profile by %%ALLUSERSPROFILE%%, since Windows Vista Windows itself means ProgramData; %%PUBLIC%% or %%ProgramData%% says which", text)
		}
	}
}

// noPlaces are documented variables that stand for no folder.
var noPlaces = []string{"CSIDL_BITBUCKET", "CSIDL_CONNECTIONS", "CSIDL_CONTROLS", "CSIDL_DRIVES", "CSIDL_INTERNET", "CSIDL_NETWORK", "CSIDL_PRINTERS"}

const (
	noMatch  = "the pattern matches nothing"
	noAnswer = "the answer is no"
	noValue  = "the variable stays undefined"
)

// text tells of the variables in a text that is no pattern of a rule.
func (l *linter) text(pos migxml.Pos, text, what string, in migxml.Context) {
	var names []string
	expandPlain(text, nil, symbolic{&names})
	l.variables(pos, text, what, in, names)
}

// call tells of the variables in the arguments of a call.
func (l *linter) call(c *migxml.Call, what string, in migxml.Context) {
	if c == nil {
		return
	}
	for i, a := range c.Args {
		switch {
		case c.Name == "DoesStringContentEqual" && i == 1 && c.Arg(2) == "":
			// Whether a variable has a value is asked this way.
		case c.Name == "DoesObjectExist" && i == 1 && c.Is(0, "File") || c.Name == "DoesFileVersionMatch" && i == 0:
			l.text(c.Pos, a.Value, what, in)
			l.place(c.Pos, File, a.Value, a.Value, in, what)
		case c.Name == "DoesObjectExist" && i == 1 && c.Is(0, "Registry"):
			l.text(c.Pos, a.Value, what, in)
			l.place(c.Pos, Registry, a.Value, a.Value, in, what)
		default:
			l.text(c.Pos, a.Value, what, in)
		}
	}
}

// conditions looks at what conditions ask, and at pairs that cannot hold
// together.
func (l *linter) conditions(list []*migxml.Conditions, in migxml.Context, depth int) {
	for _, c := range list {
		if l.over(depth) {
			return
		}
		if c.Named != nil {
			l.conditions([]*migxml.Conditions{c.Named}, in, depth+1)
		}
		l.conditions(c.Conditions, in, depth+1)
		for i, x := range c.Condition {
			if x.Call == nil {
				continue
			}
			l.call(x.Call, noAnswer, in)
			for _, y := range c.Condition[:i] {
				if !c.Or && contrary(x, y) {
					never := "they never are"
					if x.Call.Name == "DoesFileVersionMatch" {
						never = "hardly any file is like that" // its text may differ from its numbers
					}
					l.warn(x.Pos, "%s: line %d asks for another value of the same, and both have to be true: "+never+"; alternatives stand in <conditions operation=\"OR\">", x.Call.Text, y.Line)
					break
				}
			}
		}
	}
}

// contrary says whether two conditions ask for two values of one thing.
func contrary(x, y *migxml.Condition) bool {
	if y.Call == nil || x.Call.Name != y.Call.Name || x.Negate || y.Negate || len(x.Call.Args) != len(y.Call.Args) || len(x.Call.Args) == 0 {
		return false
	}
	last := len(x.Call.Args) - 1
	for i := range last {
		if !strings.EqualFold(x.Call.Arg(i), y.Call.Arg(i)) {
			return false
		}
	}
	a, b := x.Call.Arg(last), y.Call.Arg(last)
	switch x.Call.Name {
	case "DoesFileVersionMatch":
		return !meet(a, b) && !strings.Contains(a+b, "%")
	case "DoesOSMatch":
		// A version without a service pack fits without the dot at its end.
		return !meet(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, ".")) && !strings.Contains(a+b, "%")
	case "DoesStringContentEqual":
		return !wstr.EqualFold(a, b) && !strings.Contains(a+b, "%")
	}
	return false
}

// detections looks at what detections ask.
func (l *linter) detections(list []*migxml.Detection, mask migxml.Context, depth int) {
	for _, d := range list {
		if l.over(depth) {
			return
		}
		in := mask & d.Context
		if d.Named != nil {
			l.detections([]*migxml.Detection{d.Named}, in, depth+1)
		}
		l.conditions(d.Conditions, in, depth)
		var detects func(list []*migxml.Detect, depth int)
		detects = func(list []*migxml.Detect, depth int) {
			for _, x := range list {
				if l.over(depth) {
					return
				}
				if x.Named != nil {
					detects([]*migxml.Detect{x.Named}, depth+1)
				}
				for _, c := range x.Condition {
					l.call(c.Call, noAnswer, in)
				}
				for _, s := range x.Sets {
					l.set(s, in, depth)
				}
				detects(x.Detects, depth+1)
			}
		}
		detects(d.Detects, depth)
	}
}

// set looks at what an objectSet asks for that is no rule of its own.
func (l *linter) set(s *migxml.ObjectSet, in migxml.Context, depth int) {
	if l.over(depth) {
		return
	}
	for _, p := range s.Patterns {
		l.patternOf(p, in)
	}
	for _, c := range s.Scripts {
		switch c.Name {
		case "GenerateDrivePatterns":
			l.drives(c, in)
		case "GenerateUserPatterns":
			l.ofUsers(c)
		}
	}
	l.around(s, in, depth)
}

// around looks at the conditions of an objectSet, and at its contents.
func (l *linter) around(s *migxml.ObjectSet, in migxml.Context, depth int) {
	l.conditions(s.Conditions, in, depth)
	for _, c := range s.Condition {
		l.call(c.Call, noAnswer, in)
	}
	for _, c := range s.Contents {
		l.call(c.Filter, "it yields nothing", in)
		for _, inner := range c.Sets {
			l.set(inner, in, depth+1)
		}
	}
}

// values looks at the values of variables.
func (l *linter) values(e *migxml.Environment, in migxml.Context) {
	l.conditions(e.Conditions, in, 0)
	for _, v := range e.Variables {
		switch {
		case v.Text != nil:
			l.text(v.Pos, *v.Text, noValue, in)
		case v.Script != nil:
			l.call(v.Script, noValue, in)
		case v.Set != nil:
			l.set(v.Set, in, 0)
		}
	}
}

// written is a pattern as a file has it.
type written struct {
	pos  migxml.Pos
	text string // what messages call it: the pattern, or a call
	raw  string // the pattern
	// plain is the pattern with the variables of the file replaced.
	plain  string
	kind   Kind
	action migxml.Action
	in     migxml.Context
	// conds are the blocks around it that have conditions.
	conds []int
	loc   location
	pat   pattern
	// first is the variable of Windows that plain begins with, in upper case;
	// vars counts all of them.
	first string
	vars  int
	// unknown is set when the text does not say all of the pattern: one of its
	// variables is found out on the source.
	unknown bool
	// drives says that it is meant for every drive; extension is the type of
	// files of an <extension>.
	drives    bool
	extension string
	filtered  bool
	of        *lintBlock
}

// leftOut is an excludeAttributes, and the contexts in which it runs.
type leftOut struct {
	*migxml.Restore
	in migxml.Context
}

// lintBlock is what a component has of rules.
type lintBlock struct {
	pats    []written
	include migxml.Context // who has one
	unknown migxml.Context // who has includes whose patterns the text does not say
	docs    migxml.Context // who has includes by the document finder
	// leftOut are rules about metadata, which act on what is included.
	leftOut []leftOut
}

func (l *linter) component(c *migxml.Component, mask migxml.Context, depth int) {
	if l.over(depth) {
		return
	}
	mask &= c.Context
	if mask == 0 {
		l.warn(c.Pos, "the component %q is for %s, and what it stands in is not: it never has an effect; give both one context", c.DisplayName, people(c.Context))
		return
	}
	defer func(outer bool) { l.perhaps = outer }(l.perhaps)
	l.perhaps = l.perhaps || detected(c.Roles, 0)
	b := &lintBlock{}
	l.inside(c.Environments, mask, func() { l.rulesOf(b, c, mask, depth) })
	if len(b.pats) > maxLintPatterns {
		l.warn(c.Pos, "the component %q has %d patterns; traps are looked for in the first %d", c.DisplayName, len(b.pats), maxLintPatterns)
		b.pats, b.unknown = b.pats[:maxLintPatterns], migxml.UserAndSystem
	}
	l.patterns(b)
	l.idle(c, b)
	for i := range b.pats {
		w := &b.pats[i]
		w.of = b
		switch {
		case w.unknown:
		case w.action == migxml.Include:
			l.new.includes = append(l.new.includes, w)
		case w.action == migxml.Unconditional && len(w.conds) == 0 && !l.perhaps:
			l.new.never = append(l.new.never, w)
		}
	}
}

// detected says whether one of roles has a detection.
func detected(roles []*migxml.Role, depth int) bool {
	return slices.ContainsFunc(roles, func(r *migxml.Role) bool {
		return len(r.Detections) > 0 || depth < maxDepth && detected(r.Roles, depth+1)
	})
}

// rulesOf collects the rules of a component into b.
func (l *linter) rulesOf(b *lintBlock, c *migxml.Component, mask migxml.Context, depth int) {
	for _, x := range c.Extensions {
		b.include |= mask
		w, ok := l.place(x.Pos, File, "<extension>"+x.Text+"</extension>", `C:\* [*.`+escape(x.Text)+"]", mask, noMatch)
		if !ok {
			continue
		}
		w.drives, w.extension = true, x.Text
		b.pats = append(b.pats, w)
	}
	var rules func(list []*migxml.Rules, mask migxml.Context, depth int)
	rules = func(list []*migxml.Rules, mask migxml.Context, depth int) {
		for _, r := range list {
			if l.over(depth) {
				return
			}
			in := mask & r.Context
			if in == 0 {
				l.warn(r.Pos, "these rules are for %s, and what they stand in is for %s: they never run; leave the context out, or give the component context=\"UserAndSystem\"", people(r.Context), people(mask))
				continue
			}
			if r.Named != nil {
				rules([]*migxml.Rules{r.Named}, in, depth+1)
			}
			l.conditions(r.Conditions, in, depth)
			l.detections(r.Detections, in, depth)
			l.within(len(r.Conditions)+len(r.Detections) > 0, func() {
				for _, rule := range r.Rule {
					l.rule(b, rule, in)
				}
				for _, x := range r.Restore {
					for _, s := range x.Sets {
						l.set(s, in, depth)
					}
					if x.Element == "excludeAttributes" && x.Attributes != 0 {
						b.leftOut = append(b.leftOut, leftOut{x, in})
					}
				}
				for _, x := range r.Added {
					l.added(x, in, depth)
				}
				rules(r.Rules, in, depth+1)
			})
		}
	}
	var roles func(list []*migxml.Role, depth int)
	roles = func(list []*migxml.Role, depth int) {
		for _, r := range list {
			if l.over(depth) {
				return
			}
			l.inside(r.Environments, mask, func() {
				l.detections(r.Detections, mask, depth)
				rules(r.Rules, mask, depth)
				for _, n := range r.Components {
					l.component(n, mask, depth+1)
				}
				roles(r.Roles, depth+1)
			})
		}
	}
	roles(c.Roles, depth)
}

// added looks at the objects of an addObjects.
func (l *linter) added(a *migxml.AddObjects, in migxml.Context, depth int) {
	const what = "the object is left out"
	l.conditions(a.Conditions, in, depth)
	for _, c := range a.Condition {
		l.call(c.Call, noAnswer, in)
	}
	for _, o := range a.Objects {
		kind := File
		if o.Kind == migxml.Registry {
			kind = Registry
		}
		l.text(o.Pos, o.Location, what, in)
		w, ok := l.place(o.Pos, kind, o.Location, o.Location, in, what)
		if ok && strings.Contains(w.loc.node+w.loc.leaf, "*") {
			l.warn(o.Pos, "%s has a wildcard, and is no place of one object: %s", o.Location, what)
		}
	}
}

// maxLintPatterns bounds the patterns of a component: each is compared with
// all others.
const maxLintPatterns = 4096

// people says whom a context is for.
func people(c migxml.Context) string {
	switch c {
	case migxml.User:
		return "users"
	case migxml.System:
		return "the system"
	}
	return "both"
}

func (l *linter) rule(b *lintBlock, r *migxml.Rule, in migxml.Context) {
	if r.Broken {
		return // a warning says so
	}
	include := migxml.Context(0)
	if r.Action == migxml.Include {
		include = in
		b.include |= in
	}
	l.call(r.Filter, "the rule selects nothing", in)
	for _, s := range r.Sets {
		l.around(s, in, 0)
		l.within(len(s.Conditions)+len(s.Condition) > 0, func() { l.ruleSet(b, r, s, in, include) })
	}
}

// ruleSet collects the patterns of a set of r; include are the contexts in, or
// none when r is no include.
func (l *linter) ruleSet(b *lintBlock, r *migxml.Rule, s *migxml.ObjectSet, in, include migxml.Context) {
	add := func(w written, ok bool) {
		if w.action, w.filtered = r.Action, r.Filter != nil; !ok || w.unknown {
			b.unknown |= include
		}
		if ok {
			b.pats = append(b.pats, w)
		}
	}
	for _, p := range s.Patterns {
		switch p.Kind {
		case migxml.Ini:
			l.setting(p.Pos, p.Text, in)
			b.unknown |= include
		case migxml.Registry:
			add(l.read(p.Pos, Registry, p.Text, in))
		default:
			add(l.read(p.Pos, File, p.Text, in))
		}
	}
	for _, call := range s.Scripts {
		switch call.Name {
		case "GenerateDocPatterns":
			b.docs |= include
		case "GenerateDrivePatterns":
			add(l.drives(call, in))
		case "GenerateUserPatterns":
			l.ofUsers(call)
			b.unknown |= include
		default:
			b.unknown |= include
		}
	}
	if len(s.Contents) > 0 {
		b.unknown |= include
	}
}
