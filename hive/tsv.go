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
	dst = appendTSVText(dst, v.Name())
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

// appendTSVText appends s with its control characters escaped, as a line has
// no other way to hold them. Backslashes stand as they are.
func appendTSVText(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= ' ' && c != 0x7f:
			dst = append(dst, c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == 0:
			dst = append(dst, `\0`...)
		default:
			dst = append(dst, `\x`...)
			dst = hex.AppendEncode(dst, []byte{c})
		}
	}
	return dst
}
