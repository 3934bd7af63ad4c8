package rules

import (
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/migxml"
)

// content adds patterns of the files whose paths stand in the contents of
// objects.
func (v *evaluation) content(c *migxml.Content, a migxml.Action) {
	if c.Filter == nil {
		return
	}
	seen := map[location]bool{}
	for _, s := range c.Sets {
		if !v.holds(s) {
			continue
		}
		for _, text := range v.contentTexts(c, s) {
			for _, l := range v.extract(c.Filter, text) {
				if !seen[l] {
					seen[l] = true
					v.addLocation(c.Pos, c.Filter.Text, File, l, a)
				}
			}
		}
	}
}

// contentTexts are the contents of the objects of s.
func (v *evaluation) contentTexts(c *migxml.Content, s *migxml.ObjectSet) (texts []string) {
	// Settings of INI files are no objects that a source could list.
	rest := *s
	rest.Patterns = nil
	for _, p := range s.Patterns {
		if p.Kind != migxml.Ini {
			rest.Patterns = append(rest.Patterns, p)
			continue
		}
		o := v.setting(p.Text)
		if !o.found {
			continue
		}
		if f := v.iniFile(c.Filter, o.location); f != nil {
			for _, sec := range f.Sections {
				for _, x := range sec.Settings {
					if winpath.Match(o.setting.Section, sec.Name, false) && winpath.Match(o.setting.Setting, x.Name, false) {
						texts = append(texts, x.Value)
					}
				}
			}
		}
	}
	v.objects(&rest, func(p placed) bool {
		if !p.hasLeaf {
			return true // folders and keys have no content
		}
		if text, found, ok := v.read(c.Filter, object{placed: p, found: true}); ok && found {
			texts = append(texts, text)
		}
		return true
	})
	return texts
}

// extract is what a content function makes of one content: locations of files
// and folders that exist.
func (v *evaluation) extract(c *migxml.Call, text string) (out []location) {
	// The strings of a REG_MULTI_SZ come in lines.
	pieces := strings.Split(text, "\n")
	if c.Name != "ExtractMultipleFiles" {
		pieces = pieces[:1]
	}
	separators := c.Arg(0)
	for _, s := range pieces {
		parts := []string{s}
		if separators != "" {
			parts = strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) })
			if c.Name != "ExtractMultipleFiles" && len(parts) > 1 {
				parts = parts[:1]
			}
		}
		for _, part := range parts {
			if l, ok := v.extractOne(c, part); ok {
				out = append(out, l)
			}
		}
	}
	return out
}

func (v *evaluation) extractOne(c *migxml.Call, text string) (location, bool) {
	path := v.literal(text)
	if path == "" || strings.Contains(path, "*") {
		return location{}, false
	}
	if c.Name == "ExtractDirectory" {
		n, _ := strconv.Atoi(strings.TrimSpace(c.Arg(1)))
		for range n {
			if _, names := winpath.Split(path); len(names) == 0 {
				return location{}, false
			}
			path = winpath.Dir(path)
		}
		path = winpath.Clean(path)
		l := location{node: strings.TrimRight(path, `\`)}
		if winpath.Letter(path) == 0 || !v.probe(File, l) {
			return location{}, false
		}
		if suffix, undefined := expand(c.Arg(2), v.vars, v.ctx.Env); suffix != "" && undefined == "" {
			m, err := parseLocation(File, escape(l.node)+`\`+strings.TrimLeft(suffix, `\`))
			return m, err == nil
		}
		return l, true
	}
	try := func(path string) (location, bool) {
		path = winpath.Clean(path)
		if winpath.Letter(path) == 0 || winpath.Base(path) == "" {
			return location{}, false
		}
		l := location{strings.TrimRight(winpath.Dir(path), `\`), winpath.Base(path), true}
		return l, v.probe(File, l)
	}
	if winpath.Letter(path) != 0 {
		return try(path)
	}
	for _, hint := range strings.Split(c.Arg(1), ";") {
		if dir := v.literal(hint); dir != "" {
			if l, ok := try(winpath.Join(dir, path)); ok {
				return l, true
			}
		}
	}
	return location{}, false
}

// literal is a path as programs write it, with its variables replaced: without
// the quotes around it and the prefixes that Windows allows.
func (v *evaluation) literal(s string) string {
	s = strings.Trim(s, " \t\r\n\x00")
	if s != "" && s[0] == '"' {
		s, _, _ = strings.Cut(s[1:], `"`)
	}
	s, undefined := expandPlain(s, v.vars, v.ctx.Env)
	if undefined != "" {
		return ""
	}
	for _, prefix := range []string{`\\?\`, `\??\`} {
		s = strings.TrimPrefix(s, prefix)
	}
	return strings.TrimRight(strings.ReplaceAll(s, "/", `\`), `\`)
}
