package rules

import (
	"strings"

	"github.com/coldstate/coldstate/migxml"
)

// variables are those that rule files define, innermost scope first. The
// contexts' own stand behind them.
type variables struct {
	outer *variables
	m     map[string]variable // by name in lower case
	// made is what defines them.
	made []*migxml.Environment
}

// variable is a value, plain and as part of a pattern. A text written in a
// rule file is rule language in patterns: its "*" and brackets mean what they
// mean there. Everything that comes from the source is literal.
type variable struct {
	plain   string
	pattern string
}

func newVariables(outer *variables) *variables { return &variables{outer: outer} }

func (s *variables) lookup(name string) (variable, bool) {
	name = strings.ToLower(name)
	for ; s != nil; s = s.outer {
		if v, ok := s.m[name]; ok {
			return v, true
		}
	}
	return variable{}, false
}

func (s *variables) set(name string, v variable) {
	if s.m == nil {
		s.m = map[string]variable{}
	}
	s.m[strings.ToLower(name)] = v
}

// escape makes text literal in a pattern, but for "*", for which there is no
// escape.
func escape(text string) string {
	if !strings.ContainsAny(text, "^[]") {
		return text
	}
	return strings.NewReplacer("^", "^^", "[", "^[", "]", "^]").Replace(text)
}

// expand replaces the variables of the text of a pattern. undefined is the
// name of the first that has no value, or one that a pattern cannot hold.
func expand(text string, vars *variables, env Env) (out, undefined string) {
	return replace(text, func(name string) (string, bool) {
		if v, ok := vars.lookup(name); ok {
			return v.pattern, true
		}
		s, ok := lookup(env, name)
		if !ok || s == "" || strings.Contains(s, "*") {
			return "", false
		}
		return escape(s), true
	})
}

// expandPlain replaces the variables of a text that is no pattern.
func expandPlain(text string, vars *variables, env Env) (out, undefined string) {
	return replace(text, func(name string) (string, bool) {
		if v, ok := vars.lookup(name); ok {
			return v.plain, true
		}
		return lookup(env, name)
	})
}

// expandKnown replaces the variables that env has, and leaves others as they
// are: so does Windows with the text of a value.
func expandKnown(text string, env Env) string {
	out, _ := replaced(text, func(name string) (string, bool) { return lookup(env, name) }, false)
	return out
}

func lookup(env Env, name string) (string, bool) {
	if env == nil {
		return "", false
	}
	return env.Lookup(name)
}

// replace replaces every %name% of text. A percent sign that begins no name
// stands for itself.
func replace(text string, value func(name string) (string, bool)) (out, undefined string) {
	return replaced(text, value, true)
}

// replaced replaces every %name% of text. One without a value ends it with all,
// else its percent sign stands for itself.
func replaced(text string, value func(name string) (string, bool), all bool) (out, undefined string) {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '%')
		if i < 0 {
			break
		}
		j := strings.IndexByte(text[i+1:], '%')
		if j < 0 {
			break
		}
		name := text[i+1 : i+1+j]
		v, ok := "", false
		if name != "" && !strings.ContainsAny(name, `\[]*/`) {
			if v, ok = value(name); !ok && all {
				return "", name
			}
		}
		if !ok {
			b.WriteString(text[:i+1])
			text = text[i+1:]
			continue
		}
		b.WriteString(text[:i])
		b.WriteString(v)
		if b.Len() > maxPattern {
			return b.String(), "" // refused by its length
		}
		text = text[i+j+2:]
	}
	b.WriteString(text)
	return b.String(), ""
}

// define makes the variables of list, in a scope of their own.
func (v *evaluation) define(list []*migxml.Environment) {
	v.vars = newVariables(v.vars)
	v.vars.made = list
	for _, e := range list {
		v.environment(e)
	}
}

// variablesOf are the variables s as they are for user u: a rule that asks for
// a pattern of each user means the folders of each.
func (v *evaluation) variablesOf(s *variables, u *Context) *variables {
	if s == nil || u == v.ctx {
		return s
	}
	type key struct {
		*variables
		*Context
	}
	if v.ofUsers == nil {
		v.ofUsers = map[any]*variables{}
	}
	k := key{s, u}
	out, ok := v.ofUsers[k]
	if !ok {
		w := *v
		w.ctx, w.mask, w.remaps = u, migxml.UserAndSystem, nil
		w.vars = v.variablesOf(s.outer, u)
		w.define(s.made)
		out = w.vars
		v.ofUsers[k] = out
	}
	return out
}

// environment defines the variables of e.
func (v *evaluation) environment(e *migxml.Environment) {
	if !v.enter(e.Pos) {
		return
	}
	defer func() { v.depth-- }()
	w := v.inner(e.Context)
	if w == nil {
		// What a rule file defines for the system is there for users too, as
		// the variables of the system are. Its values are those of the system.
		if w = v.system(e.Context); w == nil {
			return
		}
	}
	w.vars = v.vars
	if e.Named != nil {
		w.environment(e.Named)
		return
	}
	for _, c := range e.Conditions {
		if !w.conditions(c) {
			return
		}
	}
	for _, x := range e.Variables {
		if x.Name == "" {
			continue
		}
		switch {
		case x.Text != nil:
			plain, u := expandPlain(*x.Text, w.vars, w.ctx.Env)
			pattern, u2 := expand(*x.Text, w.vars, w.ctx.Env)
			if u == "" && u2 == "" && len(plain) <= maxPattern && len(pattern) <= maxPattern {
				v.vars.set(x.Name, variable{plain, pattern})
			}
		case x.Script != nil:
			if s, ok := w.stringContent(x.Script); ok && s != "" && !strings.Contains(s, "*") {
				v.vars.set(x.Name, variable{s, escape(s)})
			}
		case x.Set != nil:
			if o, ok := w.firstObject(x.Set); ok && !strings.Contains(o.node+o.leaf, "*") {
				v.vars.set(x.Name, variable{o.plain(), o.location.text()})
			}
		}
		if x.Remap {
			v.keepRemap(x)
		}
	}
}

// system is the evaluation of an element of context m in the system's
// context, for a user who is not in m; nil when there is none.
func (v *evaluation) system(m migxml.Context) *evaluation {
	if !v.ctx.User || m&migxml.System == 0 {
		return nil
	}
	for i := range v.ctxs {
		if !v.ctxs[i].User {
			w := *v
			w.ctx, w.index, w.mask = &v.ctxs[i], int16(i), migxml.System
			return &w
		}
	}
	return nil
}
