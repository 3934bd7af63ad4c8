package medium

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Map is what a map file of GNU ddrescue says of a copy (ddrescue manual,
// "Mapfile structure").
type Map struct {
	// Good are the ranges that were read from the disk, in order and apart.
	Good []Range
	// Finished is false when the copy was not brought to its end.
	Finished bool
}

// MapError says what is wrong with a map file, and where.
type MapError struct {
	Name string
	Line int // from 1; 0 when the whole file is meant
	What string
}

func (e *MapError) Error() string {
	if e.Line == 0 {
		return e.Name + ": " + e.What
	}
	return fmt.Sprintf("%s:%d: %s", e.Name, e.Line, e.What)
}

// MaxMap is far above the size of any map file: a line has some 30 bytes, and
// ddrescue itself gets slow above some hundred thousand of them.
const MaxMap = 64 << 20

// IsMap says whether data begins as ddrescue begins its map files, of any
// version.
func IsMap(data []byte) bool {
	return bytes.HasPrefix(data, []byte("# Mapfile. Created by GNU ddrescue")) ||
		bytes.HasPrefix(data, []byte("# Rescue Logfile. Created by GNU ddrescue"))
}

// ParseMap reads a map file. name is for errors, which are *MapError.
//
//	# comments
//	position  status  [pass]     where ddrescue was
//	position  size    status     one line for each block
//
// Numbers are decimal, octal with a leading 0 or hexadecimal with 0x. Blocks
// follow each other without a gap. Only "+" is good: "?" was not tried, "*" not
// trimmed, "/" not scraped, "-" is bad.
func ParseMap(name string, data []byte) (*Map, error) {
	m := new(Map)
	line, state := 0, false
	at, first := int64(0), true
	bad := func(format string, args ...any) (*Map, error) {
		return nil, &MapError{name, line, fmt.Sprintf(format, args...)}
	}
	if len(data) > MaxMap {
		return bad("the file is larger than %d bytes", MaxMap)
	}
	for text := range strings.Lines(string(data)) {
		line++
		text, _, _ = strings.Cut(text, "#")
		var f [4]string
		n := 0
		for s := range strings.FieldsSeq(text) {
			if n == len(f) {
				return bad("more than three fields")
			}
			f[n] = s
			n++
		}
		switch {
		case n == 0:
			continue
		case !state:
			if n < 2 || n > 3 {
				return bad("%d fields; the first line has a position, a status and a pass", n)
			}
			if _, err := number(f[0]); err != nil {
				return bad("the position %q is no number", f[0])
			}
			if len(f[1]) != 1 || !strings.Contains("?*/-FG+", f[1]) {
				return bad("the status %q is none of ? * / - F G +", f[1])
			}
			if n == 3 {
				if _, err := number(f[2]); err != nil {
					return bad("the pass %q is no number", f[2])
				}
			}
			m.Finished = f[1] == "+"
			state = true
			continue
		case n != 3:
			return bad("%d fields; a block has a position, a size and a status", n)
		}
		pos, err := number(f[0])
		if err != nil {
			return bad("the position %q is no number", f[0])
		}
		size, err := number(f[1])
		switch {
		case err != nil:
			return bad("the size %q is no number", f[1])
		case size == 0:
			return bad("a block without a byte")
		case pos > 1<<63-1-size:
			return bad("a block of %d bytes at %d", size, pos)
		case !first && pos > at:
			return bad("nothing is said of the bytes from %#x to %#x", at, pos)
		case !first && pos < at:
			return bad("the block at %#x begins before the end of the one before it, which is %#x", pos, at)
		case len(f[2]) != 1 || !strings.Contains("?*/-+", f[2]):
			return bad("the status %q is none of ? * / - +", f[2])
		}
		first, at = false, pos+size
		if f[2] != "+" {
			continue
		}
		if k := len(m.Good) - 1; k >= 0 && m.Good[k].Off+m.Good[k].Len == pos {
			m.Good[k].Len += size
		} else {
			m.Good = append(m.Good, Range{pos, size})
		}
	}
	switch {
	case !state:
		return nil, &MapError{name, 0, "it is no map file of ddrescue: it has no line but comments"}
	case first:
		return nil, &MapError{name, 0, "it has no blocks"}
	}
	return m, nil
}

// number reads a number as C does.
func number(s string) (int64, error) {
	// ParseInt takes underscores with base 0, and 0o and 0b, which C does not.
	if strings.ContainsAny(s, "_oOB+-") || strings.HasPrefix(s, "0b") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(s, 0, 64)
}

// Bad are the ranges of a copy of size bytes that were not read from the disk:
// whatever the map does not call good, before its first and behind its last
// block too.
func (m *Map) Bad(size int64) []Range {
	var out []Range
	at := int64(0)
	add := func(end int64) {
		if end = min(end, size); at < end {
			out = append(out, Range{at, end - at})
		}
	}
	for _, g := range m.Good {
		add(g.Off)
		at = g.Off + g.Len
	}
	add(size)
	return out
}
