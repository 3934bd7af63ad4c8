package rules

import (
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/migxml"
)

// lintScope are the variables of a component or a role, as far as the text of
// the file says what they are.
type lintScope struct {
	outer *lintScope
	m     map[string]lintValue // by name in lower case
}

// lintValue is what a variable stands for.
type lintValue struct {
	in migxml.Context // who has it
	// text is the value as part of a pattern, with variables of Windows in it;
	// it counts when known is set.
	text  string
	known bool
}

func (s *lintScope) lookup(name string) (lintValue, bool) {
	name = strings.ToLower(name)
	for ; s != nil; s = s.outer {
		if v, ok := s.m[name]; ok {
			return v, true
		}
	}
	return lintValue{}, false
}

// inside calls do with the variables of list, which is evaluated in mask.
func (l *linter) inside(list []*migxml.Environment, mask migxml.Context, do func()) {
	defer func(outer *lintScope) { l.scope = outer }(l.scope)
	l.scope = &lintScope{outer: l.scope, m: map[string]lintValue{}}
	l.environments(list, mask, 0, func(e *migxml.Environment, in migxml.Context) {
		l.values(e, in)
		for _, v := range e.Variables {
			x := lintValue{in: in}
			if v.Text != nil && len(e.Conditions) == 0 {
				x.text, x.known = l.resolve(File, *v.Text, in)
			}
			if in&migxml.System != 0 && in&migxml.User == 0 {
				// Users have the value of the system.
				x.in, x.known = migxml.UserAndSystem, x.known && !strings.Contains(x.text, "%")
			}
			key := strings.ToLower(v.Name)
			if first, ok := l.scope.m[key]; ok && first.in != x.in {
				// Of two for the same the later counts.
				x.known = x.known && first.known && x.text == first.text
				x.in |= first.in
			}
			l.scope.m[key] = x
		}
	})
	do()
}

// resolve replaces the variables of the file in the text of a pattern that is
// evaluated in the contexts in, and leaves those of Windows. What has no value
// that the text of the file says makes known false; something of the kind
// stands in its place then.
func (l *linter) resolve(kind Kind, text string, in migxml.Context) (out string, known bool) {
	known = true
	out, _ = replace(text, func(name string) (string, bool) {
		s := "%" + name + "%"
		v, own := l.scope.lookup(name)
		switch {
		case own && v.known && in != 0 && v.in&in == in:
			s = v.text
		case own || l.own[strings.ToLower(name)] != 0 || !l.names.Variable(name):
			known = false
			s = "UNKNOWN"
			if strings.HasPrefix(strings.TrimLeft(text, blanks), "%"+name+"%") {
				s = map[Kind]string{File: `C:\UNKNOWN`, Registry: `HKLM\UNKNOWN`}[kind]
			}
		}
		return s, true
	})
	return out, known && len(out) <= maxPattern
}

// symbolic gives every variable a value that stands for it.
type symbolic struct{ names *[]string }

func (s symbolic) Lookup(name string) (string, bool) {
	*s.names = append(*s.names, name)
	switch up := strings.ToUpper(name); up {
	case "SYSTEMDRIVE", "HOMEDRIVE":
		return "C:", true
	case "HOMEPATH":
		return `\` + up, true
	case "USERNAME", "USERDOMAIN", "USERSID", "COMPUTERNAME", "OS":
		return up, true
	default:
		return `C:\` + up, true
	}
}

// read takes the text of a pattern apart, and tells of variables that there
// are not and of what makes it match nothing.
func (l *linter) read(pos migxml.Pos, kind Kind, text string, in migxml.Context) (w written, ok bool) {
	l.text(pos, text, noMatch, in)
	return l.place(pos, kind, text, text, in, noMatch)
}

// place takes the text of a pattern or a location apart, and tells why there
// is no such object: then what is so. Messages call it shown.
func (l *linter) place(pos migxml.Pos, kind Kind, shown, text string, in migxml.Context, what string) (w written, ok bool) {
	plain, known := l.resolve(kind, text, in)
	var names []string
	out, _ := expand(plain, nil, symbolic{&names})
	loc, err := parseLocation(kind, out)
	if err != nil {
		if _, e := parseLocation(kind, text); e != nil {
			err = e // the same, and the text as it is written
		}
		if shown != text {
			err = fmt.Errorf("%s: %w", shown, err)
		}
		l.warn(pos, "%v: %s", err, what)
		return w, false
	}
	w = written{pos: pos, text: shown, raw: text, plain: plain, kind: kind, in: in, conds: l.conds, loc: loc, pat: loc.pattern(), vars: len(names), unknown: !known}
	if len(names) > 0 && strings.HasPrefix(plain, "%") {
		w.first = strings.ToUpper(names[0])
	}
	better := ""
	if s := strings.ReplaceAll(shown, "?", "*"); s != shown {
		better = "; " + s + " has any characters in its place"
	}
	switch {
	case kind == Registry && in == migxml.System && isHKCU(loc.node):
		l.warn(pos, "%s: HKCU is the key of a user (context=\"User\" asks every user, HKU\\.DEFAULT is the one of the system), and here it is asked for by the system: %s", shown, what)
	case kind == Registry && isOpen(loc.node) && strings.Contains(strings.SplitN(loc.node, `\`, 2)[0], "/"):
		l.warn(pos, `%s: keys are parted by "\", not by "/": %s`, shown, what)
	case kind == File && strings.Contains(loc.node+loc.leaf, "?"):
		l.warn(pos, `%s: "?" is no wildcard, and no name has one: %s%s`, shown, what, better)
	case kind == Registry && strings.Contains(strings.ReplaceAll(loc.node, "#?#", ""), "?") && !strings.Contains(loc.node, "??"):
		l.warn(pos, `%s: "?" is no wildcard, and stands for itself in the name of a key%s`, shown, better)
	}
	if kind == File && loc.leaf == "*.*" {
		l.warn(pos, "%s: [*.*] leaves out names without a dot; [*] is every file", shown)
	}
	return w, true
}

// setting looks at the place of a setting of an INI file.
func (l *linter) setting(pos migxml.Pos, text string, in migxml.Context) {
	l.text(pos, text, noMatch, in)
	plain, known := l.resolve(File, text, in)
	var names []string
	v := &evaluation{ctx: &Context{Env: symbolic{&names}}}
	if known && !v.setting(plain).found {
		l.warn(pos, "%s is not file|section[setting] with the full path of a file without wildcards: %s", text, noMatch)
	}
}

// drives reads a call of GenerateDrivePatterns; ok is false for one whose
// patterns the text does not say.
func (l *linter) drives(c *migxml.Call, in migxml.Context) (w written, ok bool) {
	if strings.Count(c.Arg(0), "%") > 1 {
		l.warn(c.Pos, "%s: variables are not replaced in the argument of GenerateDrivePatterns, and no folder has percent signs like these; write the folder as it is called, or a <pattern>", c.Text)
		return w, false
	}
	if !c.Is(1, "Fixed") {
		l.warn(c.Pos, noDrives, c.Text, c.Arg(1))
		return w, false
	}
	w, ok = l.place(c.Pos, File, c.Text, `C:\`+strings.TrimLeft(c.Arg(0), `\`), in, noMatch)
	w.drives = true
	return w, ok
}

// ofUsers looks at a call of GenerateUserPatterns.
func (l *linter) ofUsers(c *migxml.Call) {
	kind := File
	if c.Is(0, "Registry") {
		kind = Registry
	}
	l.text(c.Pos, c.Arg(1), noMatch, migxml.User)
	l.place(c.Pos, kind, c.Arg(1), c.Arg(1), migxml.User, noMatch)
}

// patternOf looks at a pattern that is no rule of its own.
func (l *linter) patternOf(p migxml.Pattern, in migxml.Context) {
	switch p.Kind {
	case migxml.Ini:
		l.setting(p.Pos, p.Text, in)
	case migxml.Registry:
		l.read(p.Pos, Registry, p.Text, in)
	default:
		l.read(p.Pos, File, p.Text, in)
	}
}

// within calls do for what a condition stands before.
func (l *linter) within(conditional bool, do func()) {
	if !conditional {
		do()
		return
	}
	defer func(outer []int) { l.conds = outer }(l.conds)
	l.blocks++
	l.conds = append(l.conds[:len(l.conds):len(l.conds)], l.blocks)
	do()
}
