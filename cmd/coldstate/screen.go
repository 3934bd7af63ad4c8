package main

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// screenWidth is the width of what inspect prints, whatever the terminal: the
// console of WinPE has 80 columns, and a file is read on any.
const screenWidth = 80

// columns is how many columns of a terminal s takes: East Asian characters and
// emoji two, marks that combine with the character before them none.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// head is the longest start of s that takes at most n columns.
func head(s string, n int) string {
	for i, r := range s {
		if n -= runeColumns(r); n < 0 {
			return s[:i]
		}
	}
	return s
}

// tail is the longest end of s that takes at most n columns. It does not begin
// with a mark that belongs to the character before.
func tail(s string, n int) string {
	r := []rune(s)
	i := len(r)
	for i > 0 && n >= runeColumns(r[i-1]) {
		i--
		n -= runeColumns(r[i])
	}
	for i < len(r) && runeColumns(r[i]) == 0 {
		i++
	}
	return string(r[i:])
}

// clip makes s, a sentence, fit into n columns: what is cut off its end is
// shown as "…". It is printable.
func clip(s string, n int) string {
	s = printable(s)
	if columns(s) <= n {
		return s
	}
	return strings.TrimRight(head(s, n-1), " ,;:(") + "…"
}

// squeeze makes s, a name or a path, fit into n columns: the middle is left
// out, as names differ in their beginnings and paths in their ends. It is
// printable.
func squeeze(s string, n int) string {
	s = printable(s)
	if columns(s) <= n {
		return s
	}
	end := tail(s, (n-1)*2/3)
	return head(s, n-1-columns(end)) + "…" + end
}

// wrap breaks s, a sentence, into lines of at most n columns, of which the last
// of max is cut. They are printable.
func wrap(s string, n, max int) []string {
	s = printable(s)
	var lines []string
	for columns(s) > n && len(lines) < max-1 {
		line := head(s, n+1)
		if i := strings.LastIndexByte(line, ' '); i > len(line)/2 {
			line = line[:i]
		} else {
			line = head(s, n)
		}
		lines = append(lines, line)
		s = strings.TrimLeft(s[len(line):], " ")
	}
	return append(lines, clip(s, n))
}

// fill puts those of more behind s that fit into n columns.
func fill(s string, n int, more ...string) string {
	for _, m := range more {
		if m != "" && columns(printable(s+", "+m)) <= n {
			s += ", " + m
		}
	}
	return s
}

// left and right put blanks around s to fill n columns.
func left(s string, n int) string  { return s + strings.Repeat(" ", max(0, n-columns(s))) }
func right(s string, n int) string { return strings.Repeat(" ", max(0, n-columns(s))) + s }

// short writes a number of bytes in at most eight columns: "1023 MiB".
func short(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	for _, unit := range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		f /= 1024
		switch {
		case f < 9.95:
			return fmt.Sprintf("%.1f %s", f, unit)
		case f < 999.5:
			return fmt.Sprintf("%.0f %s", f, unit)
		}
	}
	return fmt.Sprintf("%.0f EiB", f)
}

// count writes "1 printer", "2 printers".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
