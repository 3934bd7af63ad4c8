package regtext

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Key is a key of a .reg file, in the order of the file; a key may come more
// than once.
type Key struct {
	Path   string // with the name of the root: HKEY_LOCAL_MACHINE\…
	Delete bool   // [-path]: the key is to be deleted
	Values []Value
	Line   int // of the file, from 1
}

// Value is a value of a key.
type Value struct {
	Name   string // "" is the default value
	Type   uint32
	Data   []byte
	Delete bool // "name"=-: the value is to be deleted
	Line   int
}

// SyntaxError says what in a .reg file cannot be read.
type SyntaxError struct {
	Line int // from 1
	What string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// Parse reads a .reg file of version 5.00, in UTF-16LE with a byte order mark,
// as regedit writes it, or in UTF-8. The error is a *SyntaxError; the keys
// before it are returned with it.
func Parse(b []byte) ([]Key, error) {
	p := &parser{line: 1}
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		if len(b)%2 != 0 {
			return nil, p.fail("the file has %d bytes, an odd number for UTF-16: it is cut", len(b))
		}
		p.rest = wstr.FromUTF16LE(b[2:])
	default:
		p.rest = string(bytes.TrimPrefix(b, []byte("\ufeff")))
		if !utf8.ValidString(p.rest) {
			return nil, p.fail("the file is neither UTF-16LE with a byte order mark nor UTF-8")
		}
	}
	err := p.file()
	return p.keys, err
}

type parser struct {
	rest string
	line int // number of the line that next gave last, or of the first
	next int
	keys []Key
}

func (p *parser) fail(format string, args ...any) error {
	return &SyntaxError{p.line, fmt.Sprintf(format, args...)}
}

// cut takes the next line off the rest; ok is false at the end.
func (p *parser) cut() (line string, ok bool) {
	if p.rest == "" {
		return "", false
	}
	p.next++
	p.line = p.next
	line, p.rest, _ = strings.Cut(p.rest, "\n")
	return strings.TrimSuffix(line, "\r"), true
}

func (p *parser) file() error {
	line, _ := p.cut()
	if strings.TrimSpace(line) != header {
		return p.fail("%.40q is not %q: export the keys again with the regedit of Windows 2000 or later", line, header)
	}
	for {
		line, ok := p.cut()
		if !ok {
			return nil
		}
		line = strings.TrimLeft(line, " \t")
		switch {
		case strings.Trim(line, " \t") == "" || line[0] == ';':
		case line[0] == '[':
			// A name may hold "]": the last one of the line ends the path.
			path, ok := strings.CutSuffix(strings.TrimRight(line[1:], " \t"), "]")
			if !ok {
				return p.fail("the name of the key has no ] at its end")
			}
			k := Key{Line: p.line}
			k.Path, k.Delete = strings.CutPrefix(path, "-")
			if k.Path == "" {
				return p.fail("the key has no name")
			}
			for name := range strings.SplitSeq(k.Path, `\`) {
				if !KeyName(name) {
					return p.fail("%.80q is no path of a key", k.Path)
				}
			}
			p.keys = append(p.keys, k)
		case line[0] == '"' || line[0] == '@':
			if len(p.keys) == 0 {
				return p.fail("a value stands before the first key")
			}
			v, err := p.value(line)
			if err != nil {
				return err
			}
			k := &p.keys[len(p.keys)-1]
			k.Values = append(k.Values, v)
		default:
			return p.fail("%.40q is neither a key nor a value", line)
		}
	}
}

// value reads name=data; line is its first line.
func (p *parser) value(line string) (Value, error) {
	v := Value{Line: p.line}
	if line[0] == '@' {
		line = line[1:]
	} else {
		var err error
		if v.Name, line, err = p.quoted(line); err != nil {
			return v, err
		}
		if v.Name == "" {
			return v, p.fail("the name is empty; the default value of a key is @")
		}
	}
	line, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), "=")
	if !ok {
		return v, p.fail("no = follows the name of the value")
	}
	line = strings.Trim(line, " \t")
	switch {
	case line == "-":
		v.Delete = true
	case strings.HasPrefix(line, `"`):
		text, rest, err := p.quoted(line)
		if err != nil {
			return v, err
		}
		if rest != "" {
			return v, p.fail("%.40q follows the string", rest)
		}
		v.Type = typeString
		v.Data = append(wstr.AppendUTF16LE(nil, text), 0, 0)
	case hasFold(line, "dword:"):
		n, err := strconv.ParseUint(line[len("dword:"):], 16, 32)
		if err != nil || len(line) > len("dword:")+8 {
			return v, p.fail("%.40q is no number of 32 bits in hex", line)
		}
		v.Type = typeDWord
		v.Data = binary.LittleEndian.AppendUint32(nil, uint32(n))
	case hasFold(line, "hex"):
		err := p.hex(&v, line[len("hex"):])
		return v, err
	default:
		return v, p.fail("%.40q is no data", line)
	}
	return v, nil
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// quoted reads the string at the start of s and gives what follows it.
func (p *parser) quoted(s string) (text, rest string, err error) {
	out := make([]byte, 0, len(s))
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return string(out), s[i+1:], nil
		case '\\':
			i++
			if i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", "", p.fail(`a backslash in a string is followed by neither \ nor "`)
			}
		case 0, '\r':
			return "", "", p.fail("the string holds a control character that regedit does not read")
		}
		out = append(out, s[i])
	}
	return "", "", p.fail("the string has no end")
}

// hex reads what follows "hex", over as many lines as end in a backslash.
func (p *parser) hex(v *Value, s string) error {
	v.Type = typeBinary
	if rest, ok := strings.CutPrefix(s, "("); ok {
		typ, rest, ok := strings.Cut(rest, ")")
		n, err := strconv.ParseUint(typ, 16, 32)
		if !ok || err != nil || len(typ) > 8 {
			return p.fail("%.40q is no type", s)
		}
		v.Type, s = uint32(n), rest
	}
	s, ok := strings.CutPrefix(s, ":")
	if !ok {
		return p.fail("no : stands before the data")
	}
	v.Data = []byte{}
	for {
		more := strings.HasSuffix(s, `\`)
		s = strings.TrimSuffix(s, `\`)
		for field := range strings.SplitSeq(s, ",") {
			field = strings.Trim(field, " \t")
			if field == "" {
				// Behind the last comma of a line.
				continue
			}
			n, err := strconv.ParseUint(field, 16, 8)
			if err != nil || len(field) > 2 {
				return p.fail("%.40q is no byte in hex", field)
			}
			v.Data = append(v.Data, byte(n))
		}
		if !more {
			return nil
		}
		if s, ok = p.cut(); !ok {
			return p.fail("the data is continued, but the file ends")
		}
		s = strings.Trim(s, " \t")
	}
}
