// Package xmlpos reads XML in the encodings Windows tools write into an etree
// tree that knows the line and column of every element. It knows no
// vocabulary.
//
// Accepted are UTF-8, UTF-16 of both byte orders (each with and without byte
// order mark) and the single-byte code pages of Windows, when the declaration
// names one. A document has one root element, nothing but white space,
// comments and processing instructions around it, and no DOCTYPE.
package xmlpos

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// Limits of a document. A rule file of Microsoft's has 0.3 MB, 6,000 elements
// and 15 levels; a Config.xml is smaller.
const (
	MaxSize     = 16 << 20 // bytes of the file
	maxDepth    = 256      // levels of elements
	maxElements = 1 << 18  // each costs some 300 bytes of tree
	maxAttrs    = 256      // of one element
)

// Document is a parsed file.
type Document struct {
	Name string // as given to Parse
	Root *etree.Element

	pos map[*etree.Element]Pos
}

// Pos is a place in a file. Line and Col count from 1, Col in characters.
type Pos struct{ Line, Col int }

// Error says what is wrong with a file, and where.
type Error struct {
	File string
	Pos
	Msg string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg) }

// Pos is the place of the "<" of e, zero for elements of other documents.
func (d *Document) Pos(e *etree.Element) Pos { return d.pos[e] }

// Parse reads a document. Name stands in errors, which are all *Error.
func Parse(name string, data []byte) (*Document, error) {
	if len(data) > MaxSize {
		return nil, &Error{name, Pos{1, 1}, fmt.Sprintf("the file has %d bytes; more than %d are not read", len(data), MaxSize)}
	}
	text, err := decode(name, data)
	if err != nil {
		return nil, err
	}
	places, err := scan(name, text)
	if err != nil {
		return nil, err
	}
	tree := etree.NewDocument()
	tree.ReadSettings.CharsetReader = passThrough
	tree.ReadSettings.MaxDepth = maxDepth + 1
	if err := tree.ReadFromBytes(text); err != nil {
		return nil, &Error{name, Pos{1, 1}, err.Error()}
	}
	d := &Document{Name: name, Root: tree.Root(), pos: make(map[*etree.Element]Pos, len(places))}
	n := 0
	var zip func(e *etree.Element) bool
	zip = func(e *etree.Element) bool {
		if n == len(places) || places[n].name != e.Tag {
			return false
		}
		d.pos[e] = places[n].Pos
		n++
		for _, c := range e.ChildElements() {
			if !zip(c) {
				return false
			}
		}
		return true
	}
	if !zip(d.Root) || n != len(places) {
		// Both passes use encoding/xml; this guards against a change of etree.
		return nil, &Error{name, Pos{1, 1}, "the tree and the positions of its elements disagree"}
	}
	return d, nil
}

// passThrough is the charset reader for text that is UTF-8 already, whatever
// its declaration says.
func passThrough(_ string, r io.Reader) (io.Reader, error) { return r, nil }

// place is a start tag.
type place struct {
	Pos
	name string // without prefix
}

// scan checks what etree does not (one root, nothing behind it, no DOCTYPE,
// attributes once, everything closed) and returns the start tags in order.
func scan(name string, text []byte) ([]place, error) {
	dec := xml.NewDecoder(bytes.NewReader(text))
	dec.CharsetReader = passThrough
	at := cursor{text: text, pos: Pos{1, 1}}
	var places []place
	var open []int // indexes of the open elements
	for {
		off := dec.InputOffset()
		tok, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			var se *xml.SyntaxError
			msg := err.Error()
			if errors.As(err, &se) {
				msg = se.Msg
				cut := dec.InputOffset() >= int64(len(text))
				if len(open) > 0 && (cut || strings.HasPrefix(msg, "element <")) {
					p := places[open[len(open)-1]]
					return nil, &Error{name, p.Pos, fmt.Sprintf("<%s> is not closed (%s)", p.name, msg)}
				}
			}
			return nil, &Error{name, at.to(dec.InputOffset()), strings.TrimPrefix(msg, "xml: ")}
		}
		p := at.to(off)
		fail := func(format string, args ...any) ([]place, error) {
			return nil, &Error{name, p, fmt.Sprintf(format, args...)}
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if len(open) == 0 && len(places) > 0 {
				return fail("<%s> is a second root element; a file has one", tok.Name.Local)
			}
			if len(open) == maxDepth {
				return fail("elements are nested more than %d deep", maxDepth)
			}
			if len(places) == maxElements {
				return fail("more than %d elements", maxElements)
			}
			if len(tok.Attr) > maxAttrs {
				return fail("<%s> has %d attributes; at most %d are read", tok.Name.Local, len(tok.Attr), maxAttrs)
			}
			seen := make(map[xml.Name]bool, len(tok.Attr))
			for _, a := range tok.Attr {
				if seen[a.Name] {
					return fail("<%s> has the attribute %s twice", tok.Name.Local, a.Name.Local)
				}
				seen[a.Name] = true
			}
			open = append(open, len(places))
			places = append(places, place{p, tok.Name.Local})
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				break
			}
			// encoding/xml keeps the text raw here but for entities.
			if i := bytes.IndexFunc(tok, notSpace); i >= 0 {
				where := p
				if raw := text[off:]; len(raw) > 0 {
					if j := bytes.IndexFunc(raw, notSpace); j >= 0 {
						where = at.to(off + int64(j))
					}
				}
				side := "before"
				if len(places) > 0 {
					side = "after"
				}
				return nil, &Error{name, where, "text " + side + " the root element"}
			}
		case xml.Directive:
			return fail("a DOCTYPE or another <!…> declaration is not read; remove it")
		}
	}
	if len(places) == 0 {
		return nil, &Error{name, Pos{1, 1}, "there is no element in the file"}
	}
	return places, nil
}

func notSpace(r rune) bool { return !strings.ContainsRune(" \t\r\n\ufeff", r) }

// cursor turns growing offsets into lines and columns.
type cursor struct {
	text []byte
	off  int64
	pos  Pos
}

// to moves to offset off, which is not before the last one.
func (c *cursor) to(off int64) Pos {
	off = min(off, int64(len(c.text)))
	for c.off < off {
		r, n := utf8.DecodeRune(c.text[c.off:])
		c.off += int64(n)
		if r == '\n' {
			c.pos.Line++
			c.pos.Col = 1
		} else {
			c.pos.Col++
		}
	}
	return c.pos
}
