package offline

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/internal/xmlpos"
)

// Config is an offline.xml: where the Windows is, and which of its paths are
// where. The paths are those of the host, and are looked up by nobody here.
//
// The grammar is that of Microsoft's User State Migration Tool:
//
//	<offline>
//	  <winDir> <path>DIR</path> … </winDir>
//	  <mappings> <path>ONLINE, OFFLINE</path> … </mappings>
//	  <failOnMultipleWinDir>0|1</failOnMultipleWinDir>
//	</offline>
//
// with names in any case, any number of winDir elements, and, as an addition
// of this program, <path online="…" offline="…"/> in mappings.
type Config struct {
	Name string // of the file, for messages
	// Dirs are the places that may be the Windows, best first. There is one
	// at least.
	Dirs []ConfigPath
	// Mappings replace the drives that are found out, when there are any.
	Mappings []Mapping
	// FailOnMultiple makes more than one Windows among Dirs an error.
	FailOnMultiple bool
	// Pos is the place of the root element.
	Pos xmlpos.Pos
}

// ConfigPath is a path of an offline.xml with its place in it.
type ConfigPath struct {
	Path string
	Pos  xmlpos.Pos
}

// Mapping says where a path of the offline Windows is reached.
type Mapping struct {
	// Online is the path by which the data is reached where the program runs,
	// Offline the one that the offline Windows has for it: `C:\`, `C:\Data`.
	Online, Offline string
	// Sure is set when only this direction makes sense: the file says so by
	// attributes, or Online can be no path of a Windows.
	Sure bool
	Pos  xmlpos.Pos
}

// Reverse is m read the other way round.
func (m Mapping) Reverse() Mapping {
	m.Online, m.Offline = m.Offline, m.Online
	return m
}

// Warning is something in an offline.xml that has no effect, or not the one
// that it may be there for.
type Warning struct {
	File string
	Pos  xmlpos.Pos
	Msg  string
}

func (w Warning) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", w.File, w.Pos.Line, w.Pos.Col, w.Msg)
}

// maxConfigPaths bounds the paths of an offline.xml: a machine has 26 letters
// and some folders.
const maxConfigPaths = 1000

// ParseConfig reads an offline.xml. Name stands in errors, which are
// *xmlpos.Error, and in warnings.
func ParseConfig(name string, data []byte) (*Config, []Warning, error) {
	d, err := xmlpos.Parse(name, data)
	if err != nil {
		return nil, nil, err
	}
	p := &configParser{doc: d, c: &Config{Name: d.Name, Pos: d.Pos(d.Root)}}
	if err := p.root(d.Root); err != nil {
		return nil, p.warnings, err
	}
	return p.c, p.warnings, nil
}

type configParser struct {
	doc      *xmlpos.Document
	c        *Config
	warnings []Warning
	multiple bool // failOnMultipleWinDir was seen
}

func (p *configParser) fail(e *etree.Element, format string, args ...any) error {
	return &xmlpos.Error{File: p.doc.Name, Pos: p.doc.Pos(e), Msg: fmt.Sprintf(format, args...)}
}

func (p *configParser) warn(e *etree.Element, format string, args ...any) {
	p.warnings = append(p.warnings, Warning{p.doc.Name, p.doc.Pos(e), fmt.Sprintf(format, args...)})
}

func is(e *etree.Element, name string) bool { return wstr.EqualFold(e.Tag, name) }

// otherFiles are the root elements of files that are taken for an offline.xml.
var otherFiles = map[string]string{
	"MIGRATION":     "this is a file of migration rules: give it with --rules",
	"CONFIGURATION": "this is a Config.xml: give it with --config",
}

func (p *configParser) root(e *etree.Element) error {
	if !is(e, "offline") {
		if advice := otherFiles[wstr.Upper(e.Tag)]; advice != "" {
			return p.fail(e, "<%s> is not <offline>; %s", e.Tag, advice)
		}
		return p.fail(e, "<%s> is not <offline>, with which the file has to begin", e.Tag)
	}
	p.attributes(e)
	p.text(e)
	for _, c := range e.ChildElements() {
		var err error
		switch {
		case is(c, "winDir"):
			err = p.winDir(c)
		case is(c, "mappings"):
			err = p.mappings(c)
		case is(c, "failOnMultipleWinDir"):
			err = p.failOnMultiple(c)
		case is(c, "path"):
			return p.fail(c, "<path> stands outside of <winDir> and <mappings>; put it into the one that it belongs to")
		default:
			p.unknown(c)
		}
		if err != nil {
			return err
		}
	}
	if len(p.c.Dirs) == 0 {
		return p.fail(e, `there is no <winDir> with a <path>; name the Windows folder: <winDir><path>D:\Windows</path></winDir>`)
	}
	return nil
}

// attributes warns of all but known ones.
func (p *configParser) attributes(e *etree.Element, known ...string) {
next:
	for _, a := range e.Attr {
		if a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns" || a.Space == "xml" {
			continue
		}
		for _, k := range known {
			if wstr.EqualFold(a.Key, k) {
				continue next
			}
		}
		p.warn(e, "the attribute %s of <%s> is not known and has no effect", a.Key, e.Tag)
	}
}

// text warns of text where only elements belong.
func (p *configParser) text(e *etree.Element) {
	if t := ownText(e); t != "" {
		p.warn(e, "the text %q in <%s> has no effect", short(t), e.Tag)
	}
}

func (p *configParser) unknown(e *etree.Element) {
	p.warn(e, "<%s> is not known here and has no effect", e.Tag)
}

// ownText is all text of e that is in no element below it, trimmed.
func ownText(e *etree.Element) string {
	var b strings.Builder
	for _, t := range e.Child {
		if c, ok := t.(*etree.CharData); ok {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

func short(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// leaf is the text of an element that has no others in it.
func (p *configParser) leaf(e *etree.Element) string {
	for _, c := range e.ChildElements() {
		p.unknown(c)
	}
	return unquote(ownText(e))
}

// unquote takes away the quotation marks that people put around paths.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	return s
}

func (p *configParser) room(e *etree.Element) error {
	if len(p.c.Dirs)+len(p.c.Mappings) >= maxConfigPaths {
		return p.fail(e, "more than %d paths", maxConfigPaths)
	}
	return nil
}

func (p *configParser) winDir(e *etree.Element) error {
	p.attributes(e)
	if t := ownText(e); t != "" {
		return p.fail(e, "<%s> holds the text %q; put each folder into a <path> of its own", e.Tag, short(t))
	}
	n := 0
	for _, c := range e.ChildElements() {
		if !is(c, "path") {
			p.unknown(c)
			continue
		}
		p.attributes(c)
		path := p.leaf(c)
		if err := checkConfigPath(path); err != "" {
			return p.fail(c, "%s; name a Windows folder, the root of its drive, a disk or an image", err)
		}
		if err := p.room(c); err != nil {
			return err
		}
		p.c.Dirs = append(p.c.Dirs, ConfigPath{path, p.doc.Pos(c)})
		n++
	}
	if n == 0 {
		return p.fail(e, "<%s> holds no <path>; name the Windows folder in one", e.Tag)
	}
	return nil
}

// checkConfigPath says what is wrong with a path as such.
func checkConfigPath(path string) string {
	switch {
	case path == "":
		return "the path is empty"
	case strings.ContainsAny(path, "\x00\r\n"):
		return "the path goes over several lines"
	}
	return ""
}

func (p *configParser) failOnMultiple(e *etree.Element) error {
	p.attributes(e)
	if p.multiple {
		return p.fail(e, "<%s> is given a second time", e.Tag)
	}
	p.multiple = true
	switch t := p.leaf(e); t {
	case "1":
		p.c.FailOnMultiple = true
	case "0":
	default:
		return p.fail(e, "<%s> is %q; it has to be 1 (several Windows are an error) or 0", e.Tag, short(t))
	}
	return nil
}

func (p *configParser) mappings(e *etree.Element) error {
	p.attributes(e)
	if t := ownText(e); t != "" {
		return p.fail(e, "<%s> holds the text %q; put each mapping into a <path> of its own", e.Tag, short(t))
	}
	for _, c := range e.ChildElements() {
		if !is(c, "path") {
			p.unknown(c)
			continue
		}
		if err := p.room(c); err != nil {
			return err
		}
		m, err := p.mapping(c)
		if err != nil {
			return err
		}
		p.c.Mappings = append(p.c.Mappings, m)
	}
	return nil
}

// mapping reads one pair of paths.
func (p *configParser) mapping(e *etree.Element) (Mapping, error) {
	p.attributes(e, "online", "offline")
	m := Mapping{Pos: p.doc.Pos(e)}
	text := p.leaf(e)
	attr := func(name string) (string, bool) {
		for _, a := range e.Attr {
			if a.Space == "" && wstr.EqualFold(a.Key, name) {
				return unquote(a.Value), true
			}
		}
		return "", false
	}
	online, ok1 := attr("online")
	offline, ok2 := attr("offline")
	switch {
	case ok1 && ok2:
		if text != "" {
			return m, p.fail(e, "the mapping stands both in attributes and in the text %q; leave one of them", short(text))
		}
		m.Online, m.Offline, m.Sure = online, offline, true
	case ok1 || ok2:
		return m, p.fail(e, `<%s> has only one of the attributes online and offline; give both: <path online="E:\" offline="D:\"/>`, e.Tag)
	default:
		a, b, err := splitMapping(text)
		if err != "" {
			return m, p.fail(e, `%s; write it as <path>E:\, D:\</path> or <path online="E:\" offline="D:\"/>: first where the data is reached, then what the offline Windows calls it`, err)
		}
		m.Online, m.Offline = a, b
		switch first, second := isWindowsPath(a), isWindowsPath(b); {
		case first && !second:
			m, m.Sure = m.Reverse(), true
			p.warn(e, "the mapping is read as %s is %s of the offline Windows: %s can be no path of a Windows", m.Online, m.Offline, m.Online)
		case second && !first:
			m.Sure = true
		}
	}
	for _, path := range []string{m.Online, m.Offline} {
		if err := checkConfigPath(path); err != "" {
			return m, p.fail(e, "%s; a mapping needs two paths", err)
		}
	}
	if !isWindowsPath(m.Offline) {
		return m, p.fail(e, `%q is no path that a Windows has; write a drive, D:\, or a folder, C:\Data`, short(m.Offline))
	}
	m.Offline = winpath.Clean(m.Offline)
	return m, nil
}

// isWindowsPath says whether p begins with a drive letter.
func isWindowsPath(p string) bool {
	return winpath.Letter(p) != 0 && (len(p) == 2 || p[2] == '\\' || p[2] == '/')
}

// splitMapping takes "a, b" apart. Paths may hold commas: the split is the one
// of which a side is a path of a Windows, if only one is so.
func splitMapping(text string) (a, b, problem string) {
	parts := strings.Split(text, ",")
	switch {
	case len(parts) == 1:
		return "", "", fmt.Sprintf("%q is not two paths with a comma between", short(text))
	case len(parts) == 2:
		return unquote(parts[0]), unquote(parts[1]), ""
	case len(parts) > 64:
		return "", "", "the mapping holds too many commas"
	}
	n := 0
	for i := 1; i < len(parts); i++ {
		x, y := unquote(strings.Join(parts[:i], ",")), unquote(strings.Join(parts[i:], ","))
		if isWindowsPath(y) {
			a, b = x, y
			n++
		}
	}
	if n != 1 {
		return "", "", "it is not clear at which comma the first path ends"
	}
	return a, b, ""
}
