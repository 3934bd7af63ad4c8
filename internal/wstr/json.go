package wstr

import (
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// Text is a WTF-8 string that keeps its lone surrogates in JSON: they are
// written \ud83d, where encoding/json writes U+FFFD for a plain string.
type Text string

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) { return AppendJSON(nil, string(t)), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(b []byte) error {
	s, err := fromJSON(b)
	*t = Text(s)
	return err
}

// AppendJSON appends s as a JSON string to dst. Lone surrogates become
// \ud83d, other broken bytes U+FFFD; the result is ASCII-safe where JSON
// needs it and otherwise UTF-8.
func AppendJSON(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			if u, ok := surrogateAt(s, i); ok {
				dst = append(dst, '\\', 'u', hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15])
				i += 3
				continue
			}
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
}

var errJSONString = errors.New("not a JSON string")

func fromJSON(b []byte) (string, error) {
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return "", errJSONString
	}
	b = b[1 : len(b)-1]
	plain := true
	for _, c := range b {
		if c == '\\' || c == '"' || c < ' ' {
			plain = false
			break
		}
	}
	if plain {
		return string(b), nil
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			if b[i] == '"' || b[i] < ' ' {
				return "", errJSONString
			}
			out = append(out, b[i])
			i++
			continue
		}
		u, ok := unitEscape(b[i:])
		if !ok {
			// One of the two-byte escapes: the standard decoder knows them.
			if i+2 > len(b) {
				return "", errJSONString
			}
			var s string
			if err := json.Unmarshal([]byte{'"', '\\', b[i+1], '"'}, &s); err != nil {
				return "", err
			}
			out = append(out, s...)
			i += 2
			continue
		}
		i += 6
		if isHigh(u) {
			if lo, ok := unitEscape(b[i:]); ok && isLow(lo) {
				out = utf8.AppendRune(out, pair(u, lo))
				i += 6
				continue
			}
		}
		out = appendUnit(out, u)
	}
	return string(out), nil
}

// unitEscape decodes \u0041 and its like at the start of b.
func unitEscape(b []byte) (uint16, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return uint16(u), err == nil
}
