package medium

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
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
	// Wrong are the first MaxWrong of the Errors that the file has. What it
	// says in other places counts; what it does not say was not read.
	Wrong  []*MapError
	Errors int
}

// MaxWrong bounds the errors of a map file that are kept.
const MaxWrong = 5

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
const MaxMap = 32 << 20

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
//
// Of a damaged file the lines count that can be read: Map.Wrong has the others.
// It is an error only when none is a block, or when less than half of them are
// and the file does not begin as a map file either.
func ParseMap(name string, data []byte) (*Map, error) {
	m := new(Map)
	p := mapParser{m: m}
	line := 0
	wrong := func(what string) {
		if m.Errors++; len(m.Wrong) < MaxWrong {
			m.Wrong = append(m.Wrong, &MapError{name, line, what})
		}
	}
	if len(data) > MaxMap {
		return nil, &MapError{name, 0, fmt.Sprintf("the file is larger than %d bytes", MaxMap)}
	}
	for text := range strings.Lines(string(data)) {
		line++
		text, _, _ = strings.Cut(text, "#")
		if what := p.line(text); what != "" {
			wrong(what)
		}
	}
	line = 0
	if p.lines == 0 || !IsMap(data) && p.lines < m.Errors {
		what := "it has no line but comments"
		if m.Errors > 0 {
			return nil, m.Wrong[0]
		} else if p.state {
			what = "it has no blocks"
		}
		return nil, &MapError{name, 0, what}
	}
	if !p.state {
		wrong("the line that says how far ddrescue came is not there")
	}
	m.Good = p.good()
	return m, nil
}

// mapParser takes in a map file by its lines.
type mapParser struct {
	m     *Map
	state bool // the line of the state was there
	said  []said
	lines int   // with blocks
	end   int64 // of the block in front
}

// said is a block of a map.
type said struct {
	Range
	good bool
}

// line takes in a line without its comment: what is wrong with it, or "".
func (p *mapParser) line(text string) string {
	var f []string
	for s := range strings.FieldsSeq(text) {
		if len(f) == 3 {
			return "more than three fields"
		}
		f = append(f, s)
	}
	switch {
	case len(f) == 0:
		return ""
	case !p.state && p.lines == 0 && p.m.Errors == 0 && !isBlock(f):
		return p.first(f)
	case len(f) != 3:
		return fmt.Sprintf("%d fields; a block has a position, a size and a status", len(f))
	}
	pos, err := number(f[0])
	if err != nil {
		return fmt.Sprintf("the position %q is no number", f[0])
	}
	size, err := number(f[1])
	switch {
	case err != nil:
		return fmt.Sprintf("the size %q is no number", f[1])
	case size == 0:
		return "a block without a byte"
	case pos > 1<<63-1-size:
		return fmt.Sprintf("a block of %d bytes at %d", size, pos)
	case !isStatus(f[2], "?*/-+"):
		return fmt.Sprintf("the status %q is none of ? * / - +", f[2])
	}
	k, end := len(p.said)-1, p.end
	first, good := k < 0, f[2] == "+"
	if !first && pos == end && p.said[k].good == good {
		p.said[k].Len += size
	} else {
		p.said = append(p.said, said{Range{pos, size}, good})
	}
	p.end = pos + size
	p.lines++
	switch {
	case !first && pos > end:
		return fmt.Sprintf("nothing is said of the bytes from %#x to %#x", end, pos)
	case !first && pos < end:
		return fmt.Sprintf("the block at %#x begins before the end of the one before it, which is %#x", pos, end)
	}
	return ""
}

// first takes in the line that says where ddrescue was.
func (p *mapParser) first(f []string) string {
	if len(f) < 2 {
		return fmt.Sprintf("%d fields; the first line has a position, a status and a pass", len(f))
	}
	if _, err := number(f[0]); err != nil {
		return fmt.Sprintf("the position %q is no number", f[0])
	}
	if !isStatus(f[1], "?*/-FG+") {
		return fmt.Sprintf("the status %q is none of ? * / - F G +", f[1])
	}
	if len(f) == 3 {
		if _, err := number(f[2]); err != nil {
			return fmt.Sprintf("the pass %q is no number", f[2])
		}
	}
	p.m.Finished = f[1] == "+"
	p.state = true
	return ""
}

// isBlock says whether the fields of a line are those of a block, and not of
// the first line.
func isBlock(f []string) bool {
	if len(f) != 3 || !isStatus(f[2], "?*/-+") {
		return false
	}
	_, err := number(f[1])
	return err == nil
}

func isStatus(s, of string) bool { return len(s) == 1 && strings.Contains(of, s) }

// good are the ranges that some block calls good and none calls anything else.
func (p *mapParser) good() []Range {
	bad := union(p.said, false)
	var out []Range
	for _, g := range union(p.said, true) {
		end := g.Off + g.Len
		for len(bad) > 0 && bad[0].Off < end {
			b := bad[0]
			if b.Off > g.Off {
				out = append(out, Range{g.Off, b.Off - g.Off})
			}
			g.Off = max(g.Off, b.Off+b.Len)
			if g.Off >= end {
				break // it may reach into the next one
			}
			bad = bad[1:]
		}
		if g.Off < end {
			out = append(out, Range{g.Off, end - g.Off})
		}
	}
	return out
}

// union are the ranges of the blocks that are good, or not, in order and apart.
func union(all []said, good bool) []Range {
	var list []Range
	for _, s := range all {
		if s.good == good {
			list = append(list, s.Range)
		}
	}
	slices.SortFunc(list, func(a, b Range) int { return cmp.Compare(a.Off, b.Off) })
	var out []Range
	for _, r := range list {
		if k := len(out) - 1; k >= 0 && r.Off <= out[k].Off+out[k].Len {
			out[k].Len = max(out[k].Len, r.Off+r.Len-out[k].Off)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// number reads a number as C does.
func number(s string) (int64, error) {
	// ParseInt takes underscores with base 0, and 0o and 0b, which C does not.
	// (A B elsewhere is a digit of a hexadecimal number.)
	if strings.ContainsAny(s, "_oO+-") || strings.HasPrefix(strings.ToLower(s), "0b") {
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
