package xmlpos

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// codePages are the single-byte encodings a declaration may name.
var codePages = map[string]encoding.Encoding{
	"windows-1250": charmap.Windows1250,
	"windows-1251": charmap.Windows1251,
	"windows-1252": charmap.Windows1252,
	"windows-1253": charmap.Windows1253,
	"windows-1254": charmap.Windows1254,
	"windows-1255": charmap.Windows1255,
	"windows-1256": charmap.Windows1256,
	"windows-1257": charmap.Windows1257,
	"windows-1258": charmap.Windows1258,
	"cp1252":       charmap.Windows1252,
	// Browsers read Latin-1 as windows-1252, and so do the editors that
	// write it.
	"iso-8859-1":  charmap.Windows1252,
	"latin1":      charmap.Windows1252,
	"iso-8859-15": charmap.ISO8859_15,
}

var declaration = regexp.MustCompile(`^\s*<\?xml[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']`)

// decode returns data as UTF-8 without byte order mark (XML 1.0 appendix F).
// The declaration stays as it is.
func decode(name string, data []byte) ([]byte, error) {
	var utf16 encoding.Encoding
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return valid(name, data[3:], "it starts with the mark of UTF-8")
	case bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")):
		return nil, &Error{name, Pos{1, 1}, "UTF-32 is not read; save the file as UTF-8"}
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		utf16, data = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), data[2:]
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		utf16, data = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), data[2:]
	case len(data) > 1 && data[0] != 0 && data[1] == 0:
		utf16 = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case len(data) > 1 && data[0] == 0 && data[1] != 0:
		utf16 = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	if utf16 != nil {
		if len(data)%2 != 0 {
			return nil, &Error{name, Pos{1, 1}, "UTF-16 with an odd number of bytes; the file was cut"}
		}
		text, err := utf16.NewDecoder().Bytes(data)
		if err != nil {
			return nil, &Error{name, Pos{1, 1}, err.Error()}
		}
		return text, nil
	}
	label := "utf-8"
	if m := declaration.FindSubmatch(data[:min(len(data), 256)]); m != nil {
		label = strings.ToLower(string(m[1]))
	}
	switch label {
	case "utf-8", "utf8", "us-ascii", "ascii",
		"utf-16", "utf-16le", "utf-16be", "unicode": // saved as UTF-8 after it was declared
		return valid(name, data, "no other encoding is declared")
	}
	page, ok := codePages[label]
	if !ok {
		return nil, &Error{name, Pos{1, 1}, fmt.Sprintf("the encoding %q is not read; save the file as UTF-8", label)}
	}
	text, err := page.NewDecoder().Bytes(data)
	if err != nil {
		return nil, &Error{name, Pos{1, 1}, err.Error()}
	}
	return text, nil
}

// valid returns text when it is UTF-8.
func valid(name string, text []byte, why string) ([]byte, error) {
	if utf8.Valid(text) {
		return text, nil
	}
	off := 0
	for off < len(text) {
		r, n := utf8.DecodeRune(text[off:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		off += n
	}
	c := cursor{text: text, pos: Pos{1, 1}}
	return nil, &Error{name, c.to(int64(off)),
		fmt.Sprintf("byte 0x%02x is not UTF-8, and %s; save the file as UTF-8 or declare its encoding", text[off], why)}
}
