package migxml

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/coldstate/coldstate/internal/ini"
)

// whens are the times of externalProcess and processing; those with "scan" in
// their name are those of a capture.
var whens = []string{"pre-scan", "scan-success", "post-scan", "pre-apply", "apply-success", "post-apply"}

// when reads the time of an element; ok is false for one that cannot act, and
// a report was made.
func (p *parser) when(e *etree.Element) (string, bool) {
	v, _ := attr(e, "when")
	i := slices.IndexFunc(whens, func(s string) bool { return strings.EqualFold(s, v) })
	if i < 0 {
		p.warn(e, "when=%q of <%s> is not one of %s: it does nothing", v, e.Tag, strings.Join(whens, ", "))
		return "", false
	}
	return whens[i], true
}

// restore reads a rule that acts on the objects of a restore.
func (p *parser) restore(c child) *Restore {
	r := &Restore{Pos: p.pos(c.Element), Element: c.name}
	host := map[string]host{"merge": inMerge, "locationModify": inLocation, "contentModify": inModify}[c.name]
	switch s, ok := attr(c.Element, "script"); {
	case host == 0:
	case !ok:
		p.warn(c.Element, "<%s> has no script: it does nothing", c.name)
	default:
		r.Script, _ = p.call(c.Element, s, host)
	}
	if s, ok := attr(c.Element, "filter"); ok && s != "" && c.name == "destinationCleanup" {
		if r.Filter, ok = p.call(c.Element, s, inFilter); !ok {
			// Without its filter it would delete more than it is meant to.
			p.warn(c.Element, "<destinationCleanup> whose filter cannot be understood deletes nothing")
			return nil
		}
	}
	if strings.HasSuffix(c.name, "Attributes") {
		r.Attributes = p.attributeList(c)
	}
	for _, k := range p.children(c.Element) {
		r.Sets = append(r.Sets, p.objectSet(k.Element))
	}
	if len(r.Sets) == 0 {
		p.warn(c.Element, "<%s> has no <objectSet>: it does nothing", c.name)
	}
	return r
}

// attributeList reads the attributes of includeAttributes and excludeAttributes.
func (p *parser) attributeList(c child) Attributes {
	v, _ := attr(c.Element, "attributes")
	var a Attributes
	// The documentation shows each name in quotes of its own.
	for _, name := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(", \t\r\n\"'", r) }) {
		i := slices.IndexFunc(attributeNames, func(n struct {
			name string
			bits Attributes
		}) bool {
			return strings.EqualFold(n.name, name)
		})
		if i < 0 {
			p.warn(c.Element, "%q in attributes=%q of <%s> is neither Security nor TimeFields nor a part of them: it is ignored", name, v, c.name)
			continue
		}
		a |= attributeNames[i].bits
	}
	if a == 0 {
		p.warn(c.Element, "<%s> names no attributes: it does nothing", c.name)
	}
	return a
}

// externalProcess reads programs that are to be run. None is: their commands
// are kept for people to read.
func (p *parser) externalProcess(e *etree.Element) (out []*Restore) {
	when, ok := p.when(e)
	for _, c := range p.children(e) {
		p.warn(c.Element, "the program of <externalProcess> is never run, when=%q: %s", when, shorten(text(c.Element)))
		if ok && !strings.Contains(when, "scan") {
			out = append(out, &Restore{Pos: p.pos(c.Element), Element: "externalProcess", When: when, Command: text(c.Element)})
		}
	}
	return out
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

// processing reads calls of functions that act on the running Windows.
func (p *parser) processing(e *etree.Element) (out []*Restore) {
	when, ok := p.when(e)
	if strings.Contains(when, "scan") {
		p.warn(e, "<processing when=%q> would act on the running Windows, not on the source: it is left out", when)
	}
	for _, c := range p.children(e) {
		call, known := p.call(c.Element, text(c.Element), inProcessing)
		if ok && known && !strings.Contains(when, "scan") {
			out = append(out, &Restore{Pos: p.pos(c.Element), Element: "processing", When: when, Script: call})
		}
	}
	return out
}

// addObjects reads objects that a restore treats as if the source had them.
func (p *parser) addObjects(e *etree.Element) *AddObjects {
	a := &AddObjects{Pos: p.pos(e)}
	for _, c := range p.children(e) {
		switch c.name {
		case "conditions":
			a.Conditions = append(a.Conditions, p.conditions(c.Element, false))
		case "condition":
			a.Condition = append(a.Condition, p.condition(c.Element))
		case "script":
			p.call(c.Element, text(c.Element), inObjects)
		case "object":
			if o := p.object(c.Element); o != nil {
				a.Objects = append(a.Objects, o)
			}
		}
	}
	return a
}

// Attributes that an added object can have, by kind.
var objectAttributes = map[Kind][]string{
	File: {"Archive", "Read-only", "System", "Hidden", "Directory"},
	Registry: {"None", "String", "ExpandString", "Binary", "Dword", "Qword", "MultiString",
		"REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_QWORD", "REG_MULTI_SZ"},
}

// object reads one object; nil when it has no place, and a report was made.
func (p *parser) object(e *etree.Element) *Object {
	o := &Object{Pos: p.pos(e)}
	var attributes *etree.Element
	for _, c := range p.children(e) {
		switch c.name {
		case "location":
			switch typ, _ := attr(c.Element, "type"); {
			case strings.EqualFold(typ, "File"):
			case strings.EqualFold(typ, "Registry"):
				o.Kind = Registry
			default:
				p.warn(c.Element, "type=%q of <location> is neither File nor Registry: the object is left out", typ)
				return nil
			}
			o.Location = text(c.Element)
			for _, s := range p.children(c.Element) {
				p.call(s.Element, text(s.Element), inObjects)
			}
		case "attributes":
			p.children(c.Element)
			attributes = c.Element
		case "bytes":
			p.children(c.Element)
			o.IsText = p.yes(c.Element, "string", false)
			o.Expand = p.yes(c.Element, "expand", true)
			if o.IsText {
				o.Data = []byte(text(c.Element))
				break
			}
			digits := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", ",", "").Replace(text(c.Element))
			b, err := hex.DecodeString(digits)
			if err != nil {
				p.warn(c.Element, "<bytes> holds no pairs of hexadecimal digits (%v): the object has no content", err)
			}
			if err == nil {
				o.Data = b
			}
		}
	}
	if o.Location == "" {
		p.warn(e, "<object> has no <location>: it is left out")
		return nil
	}
	if attributes != nil {
		for _, a := range strings.Split(text(attributes), ",") {
			a = strings.TrimSpace(a)
			known := objectAttributes[o.Kind]
			i := slices.IndexFunc(known, func(s string) bool { return strings.EqualFold(s, a) })
			if i < 0 {
				p.warn(attributes, "%q is no attribute of an object of the kind %s (%s): it is ignored", a, o.Kind, strings.Join(known, ", "))
				continue
			}
			o.Attributes = append(o.Attributes, known[i])
		}
	}
	return o
}

// checkIni says what is wrong with a pattern of type Ini before its variables
// are expanded.
func checkIni(s string) error {
	if _, err := ini.ParseLocation(s); err != nil {
		return fmt.Errorf("pattern of type Ini: %w", err)
	}
	return nil
}
