package rules

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/coldstate/coldstate/internal/pe"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/migxml"
)

// thing is an Object.
type thing struct {
	size         int64
	times        map[migxml.Property]time.Time
	hiddenSystem bool
	text         string
	unreadable   bool
}

func (o *thing) Size() int64                      { return o.size }
func (o *thing) Time(p migxml.Property) time.Time { return o.times[p] }
func (o *thing) HiddenSystem() bool               { return o.hiddenSystem }
func (o *thing) Text() (string, bool)             { return o.text, !o.unreadable }

// Find lists the literal objects in their order.
func (s *source) Find(kind Kind, node, leaf string, hasLeaf bool, yield func(node, leaf string) bool) {
	p := location{node, leaf, hasLeaf}.pattern()
	for _, o := range s.objects {
		if (kind == Registry) != strings.HasPrefix(o, "HK") {
			continue
		}
		l, err := parseLocation(kind, o)
		if err == nil && l.hasLeaf == hasLeaf && plainMatch(p, l.node, l.leaf, hasLeaf) && !yield(l.node, l.leaf) {
			return
		}
	}
}

// List lists a folder: what is in objects, marks are those of its entry.
func (p *machineProbe) List(folder string) []Entry {
	folder = strings.TrimRight(folder, `\`)
	var out []Entry
	add := func(e Entry) {
		if !slices.ContainsFunc(out, func(x Entry) bool { return strings.EqualFold(x.Name, e.Name) }) {
			out = append(out, e)
		}
	}
	for _, o := range p.objects {
		l, err := parseLocation(File, o)
		if err != nil {
			continue
		}
		rel, ok := winpath.Rel(folder, l.node)
		switch {
		case !ok:
		case rel == "" && l.hasLeaf:
			m := p.marks[winpath.Join(folder, l.leaf)]
			add(Entry{Name: l.leaf, Hidden: m != "", System: m == "hs", Link: m == "link"})
		case rel != "":
			name, _, _ := strings.Cut(rel, `\`)
			m := p.marks[winpath.Join(folder, name)]
			add(Entry{Name: name, Folder: true, Hidden: m != "", System: m == "hs", Link: m == "link"})
		}
	}
	return out
}

func (p *machineProbe) FileVersion(node, leaf string) (*pe.FileVersion, bool) {
	for path, v := range p.versions {
		if strings.EqualFold(path, winpath.Join(node, leaf)) {
			return v, true
		}
	}
	return nil, false
}

func (p *machineProbe) Open(kind Kind, node, leaf string) (io.ReaderAt, int64, bool) {
	s, ok := p.Text(kind, node, leaf)
	return bytes.NewReader([]byte(s)), int64(len(s)), ok
}

func (p *machineProbe) Follow(path string) string {
	if to, ok := p.links[path]; ok {
		return to
	}
	return path
}
