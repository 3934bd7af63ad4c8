package hive

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
)

// AppendTSVKey appends the line of a key to dst: "K", a tab, and path as
// [Key.Path] gives it.
func AppendTSVKey(dst []byte, path string) []byte {
	dst = append(dst, "K\t"...)
	dst = appendTSVText(dst, path)
	return append(dst, '\n')
}

// AppendTSVValue appends the line of a value of the key at path to dst: "V",
// path, name, type, the length in bytes and the SHA-1 of the data in hex,
// with tabs between. A value whose data cannot be read has "-" for the
// SHA-1, and the error is returned.
func AppendTSVValue(dst []byte, path string, v Value) ([]byte, error) {
	dst = append(dst, "V\t"...)
	dst = appendTSVText(dst, path)
	dst = append(dst, '\t')
	dst = appendTSVName(dst, v)
	dst = append(dst, '\t')
	dst = append(dst, Type(v.Type()).String()...)
	dst = append(dst, '\t')
	dst = strconv.AppendInt(dst, int64(v.Size()), 10)
	dst = append(dst, '\t')
	b, err := v.Data()
	if err != nil {
		return append(dst, "-\n"...), err
	}
	sum := sha1.Sum(b)
	dst = hex.AppendEncode(dst, sum[:])
	return append(dst, '\n'), nil
}

// appendTSVName appends the name of v, without the string where it can.
func appendTSVName(dst []byte, v Value) []byte {
	b, latin1 := v.rawName()
	if latin1 && isPlain(b) {
		return append(dst, b...)
	}
	return appendTSVText(dst, decodeName(b, latin1))
}

// isPlain says whether b is ASCII without control characters.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// appendTSVText appends s with its control characters escaped, as a line has
// no other way to hold them. Backslashes stand as they are.
func appendTSVText(dst []byte, s string) []byte {
	for len(s) > 0 {
		n := 0
		for n < len(s) && s[n] >= ' ' && s[n] != 0x7f {
			n++
		}
		dst = append(dst, s[:n]...)
		if s = s[n:]; s == "" {
			break
		}
		switch c := s[0]; c {
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case 0:
			dst = append(dst, `\0`...)
		default:
			dst = append(dst, `\x`...)
			dst = hex.AppendEncode(dst, []byte{c})
		}
		s = s[1:]
	}
	return dst
}
