package winsec

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"

	"github.com/coldstate/coldstate/internal/wstr"
)

// maxSDDL is above every text that a descriptor of 64 KiB has.
const maxSDDL = 1 << 20

// ParseSDDL reads a descriptor from its text ([MS-DTYP] 2.5.1.1), what SDDL
// writes and what Windows does. Not read are the aliases of accounts of a
// domain (DA, LA, …), whose meaning depends on the machine, and resource
// attributes in words. The error is a *FormatError with the offset in text.
func ParseSDDL(text string) (*Descriptor, error) {
	if len(text) > maxSDDL {
		return nil, wrong(0, "a descriptor of %d characters", len(text))
	}
	p := &sddlParser{s: text}
	d := &Descriptor{Control: SelfRelative}
	seen := map[byte]bool{}
	for p.space(); p.at < len(p.s); p.space() {
		if p.at+1 >= len(p.s) || p.s[p.at+1] != ':' || strings.IndexByte("OGDS", p.s[p.at]) < 0 {
			return nil, wrong(p.at, "O:, G:, D: or S: is expected")
		}
		part := p.s[p.at]
		if seen[part] {
			return nil, wrong(p.at, "%c: stands there twice", part)
		}
		seen[part] = true
		p.at += 2
		p.space()
		var err error
		switch part {
		case 'O':
			d.Owner, err = p.sid()
		case 'G':
			d.Group, err = p.sid()
		case 'D':
			d.Control |= DACLPresent
			d.DACL, err = p.acl(&d.Control, DACLProtected, DACLAutoInherit, DACLAutoInherited)
		case 'S':
			d.Control |= SACLPresent
			d.SACL, err = p.acl(&d.Control, SACLProtected, SACLAutoInherit, SACLAutoInherited)
		}
		if err != nil {
			return nil, err
		}
	}
	return d, nil
}

type sddlParser struct {
	s  string
	at int
	// tokens of the condition at hand.
	tokens int
}

func (p *sddlParser) space() {
	for p.at < len(p.s) && (p.s[p.at] == ' ' || p.s[p.at] == '\t' || p.s[p.at] == '\n' || p.s[p.at] == '\r') {
		p.at++
	}
}

// take goes over what stands there, if it does.
func (p *sddlParser) take(s string) bool {
	if !strings.HasPrefix(p.s[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

var byAlias = sync.OnceValue(func() map[string]SID {
	m := map[string]SID{}
	for sid, k := range known() {
		if k.alias != "" {
			m[k.alias] = sid
		}
	}
	return m
})

// sid reads an alias or S-1-….
func (p *sddlParser) sid() (*SID, error) {
	start := p.at
	if p.take("S-") {
		for p.at < len(p.s) {
			c := p.s[p.at] | 0x20
			// Only the authority may be in hex, so D: and others end a SID.
			hexed := 'a' <= c && c <= 'f' || c == 'x'
			inHex := strings.LastIndexByte(p.s[start:p.at], '-') == len("S-1") && (c == 'x' || strings.HasPrefix(strings.ToLower(p.s[start+len("S-1-"):p.at]), "0x"))
			if c != '-' && ('0' > c || c > '9') && !(hexed && inHex) {
				break
			}
			p.at++
		}
		sid, err := ParseSIDString(p.s[start:p.at])
		if err != nil {
			return nil, wrong(start, "%q is no SID", p.s[start:p.at])
		}
		return &sid, nil
	}
	if len(p.s)-p.at >= 2 {
		if sid, ok := byAlias()[strings.ToUpper(p.s[p.at:p.at+2])]; ok {
			p.at += 2
			return &sid, nil
		}
	}
	return nil, wrong(start, "%q is no SID, and no alias that means the same everywhere", p.s[start:min(len(p.s), start+12)])
}

func (p *sddlParser) acl(control *uint16, protected, asked, inherited uint16) (*ACL, error) {
	for {
		switch {
		case p.take("P"):
			*control |= protected
		case p.take("AR"):
			*control |= asked
		case p.take("AI"):
			*control |= inherited
		case p.take("NO_ACCESS_CONTROL"):
			return nil, nil
		default:
			acl := &ACL{Revision: 2}
			size := 8
			for p.space(); p.at < len(p.s) && p.s[p.at] == '('; p.space() {
				start := p.at
				a, err := p.ace()
				if err != nil {
					return nil, err
				}
				if size += len(a.Raw); size > 65535 {
					return nil, wrong(start, "a list of more than 65535 bytes")
				}
				if aceTypes[a.Type].object {
					acl.Revision = 4
				}
				acl.ACEs = append(acl.ACEs, a)
			}
			return acl, nil
		}
	}
}

// field reads up to one of the characters in end.
func (p *sddlParser) field(end string) string {
	n := strings.IndexAny(p.s[p.at:], end)
	if n < 0 {
		n = len(p.s) - p.at
	}
	f := p.s[p.at : p.at+n]
	p.at += n
	return strings.Trim(f, " \t\r\n")
}

// ace reads (type;flags;rights;object;inherited object;sid;data).
func (p *sddlParser) ace() (ACE, error) {
	var a ACE
	start := p.at
	p.at++ // (
	if p.take("#") {
		raw, err := hex.DecodeString(p.field(")"))
		if err != nil || len(raw) < 4 || int(binary.LittleEndian.Uint16(raw[2:])) != len(raw) || !p.take(")") {
			return a, wrong(start, "no entry in hex")
		}
		return parseACE(raw), nil
	}
	var f [5]string
	var places [5]int
	for i := range f {
		places[i] = p.at
		f[i] = p.field(";)")
		if !p.take(";") {
			return a, wrong(p.at, "an entry of %d fields; it has six", i+1)
		}
	}
	found := false
	for typ, t := range aceTypes {
		if strings.EqualFold(t.name, f[0]) {
			a.Type, found = typ, true
		}
	}
	if !found {
		return a, wrong(places[0], "%q is no type of an entry", f[0])
	}
	flags, ok := parseBits(f[1], flagNames)
	if !ok {
		return a, wrong(places[1], "%q are no flags of an entry", f[1])
	}
	a.Flags = uint8(flags)
	if a.Mask, ok = parseRights(f[2], a.Type == MandatoryLabel); !ok {
		return a, wrong(places[2], "%q are no rights", f[2])
	}
	for i, to := range []**[16]byte{&a.ObjectType, &a.InheritedObjectType} {
		if f[3+i] == "" {
			continue
		}
		g, ok := parseGUID(f[3+i])
		if !ok || !aceTypes[a.Type].object {
			return a, wrong(places[3+i], "%q is no GUID, or the entry has none", f[3+i])
		}
		*to = g
	}
	p.space()
	sid, err := p.sid()
	if err != nil {
		return a, err
	}
	a.SID, a.Known = *sid, true
	p.space()
	if p.take(";") {
		p.space()
		at := p.at
		a.Data = []byte{0}
		if !a.carriesData() {
			return a, wrong(at, "an entry of this type has six fields")
		}
		if p.take("#") {
			if a.Data, err = hex.DecodeString(p.field(")")); err != nil {
				return a, wrong(at, "no bytes in hex")
			}
		} else if a.Data, err = p.condition(); err != nil {
			return a, err
		}
	}
	p.space()
	if !p.take(")") {
		return a, wrong(p.at, "the entry does not end")
	}
	if !a.encode() {
		return a, wrong(start, "an entry of more than 65527 bytes")
	}
	// What is padded stands in Data as it does after Parse.
	return parseACE(a.Raw), nil
}

// parseBits reads letters of bits, two for each.
func parseBits(s string, names []named) (v uint32, ok bool) {
	for ; s != ""; s = s[2:] {
		if len(s) < 2 {
			return 0, false
		}
		found := false
		for _, n := range names {
			if strings.EqualFold(n.name, s[:2]) {
				v, found = v|n.bit, true
			}
		}
		if !found {
			return 0, false
		}
	}
	return v, true
}

// wholeRights are the letters of whole masks, those for keys as well.
var wholeRights = sync.OnceValue(func() []named {
	out := []named{{0x020019, "KX"}}
	for mask, name := range maskNames {
		out = append(out, named{mask, name})
	}
	return append(out, rightNames...)
})

func parseRights(s string, label bool) (uint32, bool) {
	if s != "" && '0' <= s[0] && s[0] <= '9' {
		v, err := strconv.ParseUint(s, 0, 32) // 0x hex, 0 octal
		return uint32(v), err == nil && !strings.Contains(s, "_")
	}
	if label {
		return parseBits(s, labelNames)
	}
	return parseBits(s, wholeRights())
}

func parseGUID(s string) (*[16]byte, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return nil, false
	}
	b, err := hex.DecodeString(s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:])
	if err != nil {
		return nil, false
	}
	g := [16]byte(b)
	g[0], g[1], g[2], g[3] = b[3], b[2], b[1], b[0]
	g[4], g[5], g[6], g[7] = b[5], b[4], b[7], b[6]
	return &g, true
}

// maxNested bounds the parentheses of a condition.
const maxNested = 200

// condition reads a conditional expression in parentheses ([MS-DTYP]
// 2.5.1.2.2) and gives its tokens, in postfix order behind "artx".
func (p *sddlParser) condition() ([]byte, error) {
	p.tokens = 0
	b, err := p.term([]byte("artx"), 0)
	if err != nil {
		return nil, err
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b, nil
}

// token counts one.
func (p *sddlParser) token() error {
	if p.tokens++; p.tokens > maxTokens {
		return wrong(p.at, "a condition of more than %d parts", maxTokens)
	}
	return nil
}

// term reads what stands in parentheses: terms joined by one operator or by
// several, && before ||.
func (p *sddlParser) term(b []byte, depth int) ([]byte, error) {
	p.space()
	if depth > maxNested || !p.take("(") {
		return nil, wrong(p.at, "( is expected, no more than %d deep", maxNested)
	}
	b, err := p.or(b, depth)
	if err != nil {
		return nil, err
	}
	p.space()
	if !p.take(")") {
		return nil, wrong(p.at, ") is expected")
	}
	return b, nil
}

func (p *sddlParser) or(b []byte, depth int) ([]byte, error) {
	return p.joined(b, "||", 0xa1, func(b []byte) ([]byte, error) {
		return p.joined(b, "&&", 0xa0, func(b []byte) ([]byte, error) { return p.simple(b, depth) })
	})
}

func (p *sddlParser) joined(b []byte, op string, tok byte, next func([]byte) ([]byte, error)) ([]byte, error) {
	b, err := next(b)
	for err == nil {
		if p.space(); !p.take(op) {
			return b, nil
		}
		if err = p.token(); err == nil {
			if b, err = next(b); err == nil {
				b = append(b, tok)
			}
		}
	}
	return nil, err
}

// simple reads a term in parentheses, a negation, a test with one operand or
// one with two, or an attribute alone.
func (p *sddlParser) simple(b []byte, depth int) ([]byte, error) {
	p.space()
	if err := p.token(); err != nil {
		return nil, err
	}
	if p.at < len(p.s) && p.s[p.at] == '(' {
		return p.term(b, depth+1)
	}
	if p.take("!") {
		var err error
		if p.space(); strings.HasPrefix(p.s[p.at:], "(") {
			b, err = p.term(b, depth+1)
		} else {
			b, err = p.operand(b, false) // an attribute that is true or not
		}
		if err != nil {
			return nil, err
		}
		return append(b, 0xa2), nil
	}
	word := p.s[p.at:]
	for n, c := range []byte(word) {
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') {
			word = word[:n]
			break
		}
	}
	for tok, name := range prefixed {
		if tok == 0xa2 || !strings.EqualFold(strings.TrimSpace(name), word) {
			continue
		}
		p.at += len(word)
		b, err := p.operand(b, true)
		if err != nil {
			return nil, err
		}
		return append(b, tok), nil
	}
	b, err := p.operand(b, true)
	if err != nil {
		return nil, err
	}
	p.space()
	var tok byte
	best := ""
	for t, name := range infix {
		if name = strings.TrimSpace(name); t < 0xa0 && len(name) > len(best) && len(p.s)-p.at >= len(name) && strings.EqualFold(p.s[p.at:p.at+len(name)], name) {
			tok, best = t, name
		}
	}
	if rest := p.s[p.at:]; best == "" && (strings.HasPrefix(rest, ")") || strings.HasPrefix(rest, "&&") || strings.HasPrefix(rest, "||")) {
		return b, nil // an attribute that is true or not
	}
	if best == "" {
		return nil, wrong(p.at, "an operator is expected")
	}
	p.at += len(best)
	if b, err = p.operand(b, true); err != nil {
		return nil, err
	}
	return append(b, tok), nil
}

// operand reads a literal, an attribute or, when composite, a list of
// literals.
func (p *sddlParser) operand(b []byte, composite bool) ([]byte, error) {
	p.space()
	if err := p.token(); err != nil {
		return nil, err
	}
	start := p.at
	if start == len(p.s) {
		return nil, wrong(start, "an operand is expected")
	}
	sized := func(tok byte, v []byte) []byte {
		b = binary.LittleEndian.AppendUint32(append(b, tok), uint32(len(v)))
		return append(b, v...)
	}
	switch c := p.s[start]; {
	case c == '"':
		n := strings.IndexByte(p.s[start+1:], '"')
		if n < 0 {
			return nil, wrong(start, "a string without an end")
		}
		p.at += n + 2
		return sized(0x10, wstr.AppendUTF16LE(nil, p.s[start+1:start+1+n])), nil
	case c == '#':
		p.at++
		for p.at < len(p.s) && strings.IndexByte("0123456789abcdefABCDEF", p.s[p.at]) >= 0 {
			p.at++
		}
		v, err := hex.DecodeString(p.s[start+1 : p.at])
		if err != nil {
			return nil, wrong(start, "no bytes in hex")
		}
		return sized(0x18, v), nil
	case c == '{' && composite:
		p.at++
		var list []byte
		for first := true; ; first = false {
			if p.space(); p.take("}") {
				return sized(0x50, list), nil
			}
			if !first && !p.take(",") {
				return nil, wrong(p.at, ", or } is expected")
			}
			var err error
			if list, err = p.operand(list, false); err != nil {
				return nil, err
			}
		}
	case p.take("SID("):
		sid, err := p.sid()
		if err != nil {
			return nil, err
		}
		if !p.take(")") {
			return nil, wrong(p.at, ") is expected")
		}
		return sized(0x51, sid.AppendBinary(nil)), nil
	case c == '+' || c == '-' || '0' <= c && c <= '9':
		return p.number(b)
	}
	tok := byte(0xf8)
	for t, prefix := range attributePrefix {
		if prefix != "" && len(p.s)-p.at >= len(prefix) && strings.EqualFold(p.s[p.at:p.at+len(prefix)], prefix) {
			tok = t
			p.at += len(prefix)
			break
		}
	}
	name, err := p.attribute()
	if err != nil {
		return nil, err
	}
	return sized(tok, wstr.AppendUTF16LE(nil, name)), nil
}

// attribute reads a name as attributeName writes it.
func (p *sddlParser) attribute() (string, error) {
	start := p.at
	var units []byte
	for p.at < len(p.s) {
		c := p.s[p.at]
		if c == '%' {
			if len(p.s)-p.at < 5 {
				return "", wrong(p.at, "%% and four digits are expected")
			}
			v, err := strconv.ParseUint(p.s[p.at+1:p.at+5], 16, 16)
			if err != nil {
				return "", wrong(p.at, "%% and four digits are expected")
			}
			units = binary.LittleEndian.AppendUint16(units, uint16(v))
			p.at += 5
			continue
		}
		if c < 0x80 && ('0' > c || c > '9') && ('a' > c|0x20 || c|0x20 > 'z') && strings.IndexByte(":./_", c) < 0 {
			break
		}
		n := 1
		for c >= 0x80 && p.at+n < len(p.s) && p.s[p.at+n]&0xC0 == 0x80 {
			n++
		}
		units = wstr.AppendUTF16LE(units, p.s[p.at:p.at+n])
		p.at += n
	}
	if len(units) == 0 {
		return "", wrong(start, "an operand is expected")
	}
	return wstr.FromUTF16LE(units), nil
}

// number reads an integer; in a token it has its sign and its base.
func (p *sddlParser) number(b []byte) ([]byte, error) {
	start := p.at
	sign := byte(3)
	switch {
	case p.take("+"):
		sign = 1
	case p.take("-"):
		sign = 2
	}
	at := p.at
	for p.at < len(p.s) && strings.IndexByte("0123456789abcdefABCDEFxX", p.s[p.at]) >= 0 {
		p.at++
	}
	digits := strings.ToLower(p.s[at:p.at])
	base, code := 10, byte(2)
	switch {
	case strings.HasPrefix(digits, "0x"):
		digits, base, code = digits[2:], 16, 3
	case len(digits) > 1 && digits[0] == '0':
		digits, base, code = digits[1:], 8, 1
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if limit := uint64(1<<63 - 1); err != nil || v > limit && !(sign == 2 && v == limit+1) {
		return nil, wrong(start, "%q is no number", p.s[start:p.at])
	}
	if sign == 2 {
		v = -v
	}
	b = binary.LittleEndian.AppendUint64(append(b, 4), v)
	return append(b, sign, code), nil
}
