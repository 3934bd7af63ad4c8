// Package ini reads the settings files that Windows programs kept before the
// registry, as GetPrivateProfileString reads them: sections in brackets, lines
// "name=value", comments behind ";". It never fails: a line that is none of
// these means nothing.
//
// It also takes apart the locations by which MigXML names settings.
package ini

import (
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
)

// File is the settings of a file in their order.
type File struct {
	Sections []Section
}

// Section is a part of a file. Several sections of a file may have one name.
type Section struct {
	Name     string
	Line     int // counts from 1
	Settings []Setting
}

// Setting is one line of a section.
type Setting struct {
	Name, Value string
	Line        int
}

// maxSettings bounds what is kept of one file. Windows reads 64 KB of a
// section.
const maxSettings = 1 << 16

// Parse reads the text of a file.
func Parse(text string) *File {
	f := &File{}
	line, n := 0, 0
	for more := true; more && n < maxSettings; {
		var s string
		s, text, more = strings.Cut(text, "\n")
		line++
		s = strings.Trim(s, " \t\r")
		switch {
		case s == "" || s[0] == ';':
			continue
		case s[0] == '[':
			name, _, closed := strings.Cut(s[1:], "]")
			if !closed {
				// Windows takes the rest of the line.
				name = s[1:]
			}
			f.Sections = append(f.Sections, Section{Name: strings.Trim(name, " \t"), Line: line})
			n++
			continue
		}
		name, value, ok := strings.Cut(s, "=")
		name = strings.TrimRight(name, " \t")
		if !ok || name == "" || len(f.Sections) == 0 {
			continue
		}
		last := &f.Sections[len(f.Sections)-1]
		last.Settings = append(last.Settings, Setting{name, unquote(strings.TrimLeft(value, " \t")), line})
		n++
	}
	return f
}

// unquote takes away one pair of quotes around a value.
func unquote(s string) string {
	if n := len(s); n > 1 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}

// Each calls yield with the settings that fit the patterns, in which "*"
// stands for any characters and case does not count, until it returns false.
// Of settings with the same names only the first is one: Windows never reads
// the others.
func (f *File) Each(section, setting string, yield func(section string, s Setting) bool) {
	seen := map[string]bool{}
	for _, sec := range f.Sections {
		if !winpath.Match(section, sec.Name, false) {
			continue
		}
		for _, s := range sec.Settings {
			if !winpath.Match(setting, s.Name, false) {
				continue
			}
			key := strings.ToUpper(sec.Name) + "\x00" + strings.ToUpper(s.Name)
			if seen[key] {
				continue
			}
			seen[key] = true
			if !yield(sec.Name, s) {
				return
			}
		}
	}
}

// Value is the value of the first setting that fits the patterns.
func (f *File) Value(section, setting string) (value string, ok bool) {
	f.Each(section, setting, func(_ string, s Setting) bool {
		value, ok = s.Value, true
		return false
	})
	return value, ok
}

// Location names settings: `file|section[setting]`.
type Location struct {
	// File is the path as it was written, with "^" before literal brackets.
	File string
	// Section and Setting are patterns with "*"; all else is literal.
	Section, Setting string
}

// ParseLocation takes a location apart. "^" makes "[", "]" and "^" literal.
func ParseLocation(text string) (Location, error) {
	text = strings.Trim(text, " \t\r\n")
	file, rest, ok := strings.Cut(text, "|")
	file = strings.Trim(file, " \t")
	if !ok || file == "" {
		return Location{}, fmt.Errorf(`"%s" names no setting; one is written file|section[setting]`, text)
	}
	l := Location{File: file}
	var part strings.Builder
	bracket := false
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch {
		case c == '^' && i+1 < len(rest) && strings.IndexByte("[]^", rest[i+1]) >= 0:
			i++
			part.WriteByte(rest[i])
		case c == '[' && !bracket:
			bracket = true
			l.Section = strings.Trim(part.String(), " \t")
			part.Reset()
		case c == ']' && bracket && i == len(rest)-1:
			l.Setting = strings.Trim(part.String(), " \t")
			if l.Section == "" || l.Setting == "" {
				return Location{}, fmt.Errorf(`"%s" lacks the name of the section or the setting; all are "*"`, text)
			}
			return l, nil
		case c == '[' || c == ']':
			return Location{}, fmt.Errorf(`the brackets of "%s" do not pair; a bracket that is part of a name is written ^[ or ^]`, text)
		default:
			part.WriteByte(c)
		}
	}
	return Location{}, fmt.Errorf(`"%s" names no setting; one is written file|section[setting]`, text)
}
