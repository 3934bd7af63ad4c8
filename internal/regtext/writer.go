// Package regtext writes and reads registry values as text, in the form that
// regedit exports and imports ("Windows Registry Editor Version 5.00",
// UTF-16LE). It knows no hive and does no I/O but through the io.Writer it is
// given.
//
// What the text can hold comes back byte for byte. Names with a NUL, CR or LF
// it cannot hold, and says so. A string stands as text only if it is exactly
// one terminated UTF-16 string without such characters; every other value
// stands in hex.
//
// The form: https://support.microsoft.com/help/310516
package regtext

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Registry types with a notation of their own.
const (
	typeString = 1 // REG_SZ
	typeBinary = 3
	typeDWord  = 4
)

const header = "Windows Registry Editor Version 5.00"

// foldAt is the column from which regedit continues hex on the next line: the
// line with its ",\" has at most 80 characters.
const foldAt = 77

// Writer writes a .reg file: Key, then Value for each value of it, and so on.
// After the first error of the io.Writer nothing is written, and Err gives it.
type Writer struct {
	w     io.Writer
	line  []byte // WTF-8
	out   []byte // UTF-16LE
	size  int64
	inKey bool
	err   error
}

// NewWriter returns a Writer to w. Nothing is written before the first key.
// Each key and each value is one Write.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Size is the number of bytes written, for callers that keep files small.
func (w *Writer) Size() int64 { return w.size }

// Err is the first error of the io.Writer.
func (w *Writer) Err() error { return w.err }

// KeyName says whether a key can have that name in the text: it is not empty
// and holds no NUL, CR, LF or backslash.
func KeyName(name string) bool { return name != "" && !strings.ContainsAny(name, "\x00\r\n\\") }

// Key starts the key at path, which begins with the name of a root such as
// HKEY_LOCAL_MACHINE. It is false, and nothing is written until the next key,
// when the text cannot hold path; see [KeyName] for its names.
func (w *Writer) Key(path string) (representable bool) {
	w.inKey = false
	// A minus at the start would delete the key.
	if path == "" || path[0] == '-' {
		return false
	}
	for name := range strings.SplitSeq(path, `\`) {
		if !KeyName(name) {
			return false
		}
	}
	w.line = w.line[:0]
	if w.size == 0 {
		w.line = append(w.line, "\ufeff"+header+"\r\n"...)
	}
	w.line = append(w.line, "\r\n["...)
	w.line = append(w.line, path...)
	w.line = append(w.line, "]\r\n"...)
	w.flush()
	w.inKey = true
	return true
}

// Value writes a value of the key; "" is its default value. It is false, and
// nothing is written, when the text cannot hold the value's name, or could
// not hold the key.
func (w *Writer) Value(name string, typ uint32, data []byte) (representable bool) {
	if !w.inKey || strings.ContainsAny(name, "\x00\r\n") {
		return false
	}
	w.line = w.line[:0]
	if name == "" {
		w.line = append(w.line, '@')
	} else {
		w.quote(name)
	}
	w.line = append(w.line, '=')
	switch text, ok := plain(data); {
	case typ == typeString && ok:
		w.quote(text)
	case typ == typeDWord && len(data) == 4:
		w.line = fmt.Appendf(w.line, "dword:%08x", binary.LittleEndian.Uint32(data))
	case typ == typeBinary:
		w.line = append(w.line, "hex:"...)
		w.hex(data)
	default:
		w.line = fmt.Appendf(w.line, "hex(%x):", typ)
		w.hex(data)
	}
	w.line = append(w.line, "\r\n"...)
	w.flush()
	return true
}

// plain is the string in data, if data is exactly one terminated UTF-16
// string without NUL, CR and LF.
func plain(data []byte) (s string, ok bool) {
	if len(data) < 2 || len(data)%2 != 0 {
		return "", false
	}
	for i := 0; i < len(data); i += 2 {
		c := binary.LittleEndian.Uint16(data[i:])
		if c == 0 != (i == len(data)-2) || c == '\r' || c == '\n' {
			return "", false
		}
	}
	return wstr.FromUTF16LE(data[:len(data)-2]), true
}

func (w *Writer) quote(s string) {
	w.line = append(w.line, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			w.line = append(w.line, '\\')
		}
		w.line = append(w.line, s[i])
	}
	w.line = append(w.line, '"')
}

// hex appends data in hex behind what the line holds.
func (w *Writer) hex(data []byte) {
	col := 0
	for range wstr.Units(string(w.line)) {
		col++
	}
	for i := range data {
		w.line = hex.AppendEncode(w.line, data[i:i+1])
		if i == len(data)-1 {
			break
		}
		w.line = append(w.line, ',')
		if col += 3; col >= foldAt {
			w.line = append(w.line, "\\\r\n  "...)
			col = 2
		}
	}
}

func (w *Writer) flush() {
	if w.err != nil {
		return
	}
	w.out = wstr.AppendUTF16LE(w.out[:0], string(w.line))
	n, err := w.w.Write(w.out)
	if err == nil && n < len(w.out) {
		err = io.ErrShortWrite
	}
	w.size += int64(n)
	w.err = err
	// One large value does not hold memory for all that follow.
	if cap(w.out) > 1<<20 {
		w.line, w.out = nil, nil
	}
}
