package migxml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Tags of version resources; the second list holds those that are numbers.
var (
	tags        = []string{"CompanyName", "FileDescription", "FileVersion", "InternalName", "LegalCopyright", "OriginalFilename", "ProductName", "ProductVersion"}
	versionTags = []string{"FileVersion", "ProductVersion"}
	objectTypes = []string{"File", "Registry", "Ini"}
)

// DriveKinds are the kinds of drives that GenerateDrivePatterns knows.
var DriveKinds = []string{"Fixed", "CDROM", "Removable", "Remote"}

// Checks of arguments. One that is left out, or NULL, passes where the number
// of arguments allows it; given asks for more.

func all(checks ...func(*Call) error) func(*Call) error {
	return func(c *Call) error {
		for _, f := range checks {
			if err := f(c); err != nil {
				return err
			}
		}
		return nil
	}
}

func missing(c *Call, i int) bool { return i >= len(c.Args) || c.Args[i].Null }

func given(args ...int) func(*Call) error {
	return func(c *Call) error {
		for _, i := range args {
			if missing(c, i) {
				return fmt.Errorf("argument %d is NULL", i+1)
			}
		}
		return nil
	}
}

// filled asks for texts that are not empty.
func filled(args ...int) func(*Call) error {
	return func(c *Call) error {
		if err := given(args...)(c); err != nil {
			return err
		}
		for _, i := range args {
			if strings.TrimSpace(c.Arg(i)) == "" {
				return fmt.Errorf("argument %d is empty", i+1)
			}
		}
		return nil
	}
}

func oneOf(i int, values ...string) func(*Call) error {
	return func(c *Call) error {
		if missing(c, i) || slices.ContainsFunc(values, func(v string) bool { return c.Is(i, v) }) {
			return nil
		}
		return fmt.Errorf("argument %d, %q, is none of %s", i+1, c.Arg(i), strings.Join(values, ", "))
	}
}

func integer(i int, low, high int64) func(*Call) error {
	return func(c *Call) error {
		if missing(c, i) {
			return nil
		}
		n, err := strconv.ParseInt(strings.TrimSpace(c.Arg(i)), 10, 64)
		if err != nil || n < low || n > high {
			return fmt.Errorf("argument %d, %q, is no whole number from %d to %d", i+1, c.Arg(i), low, high)
		}
		return nil
	}
}

// version asks for numbers with dots; what stands behind the third dot may be
// the name of a service pack.
func version(i int) func(*Call) error {
	return func(c *Call) error {
		for n, part := range strings.Split(c.Arg(i), ".") {
			if _, err := strconv.ParseUint(strings.TrimSpace(part), 10, 32); err != nil && n < 3 {
				return fmt.Errorf("argument %d, %q, is no version like 6.1.7601; patterns are not compared", i+1, c.Arg(i))
			}
		}
		return nil
	}
}

func oneCharacter(i int) func(*Call) error {
	return func(c *Call) error {
		if utf8.RuneCountInString(c.Arg(i)) != 1 {
			return fmt.Errorf("argument %d, %q, is not one character", i+1, c.Arg(i))
		}
		return nil
	}
}

// instructions asks for pairs of Add or Remove and a text.
func instructions(from int) func(*Call) error {
	return func(c *Call) error {
		for i := from; i < len(c.Args); i += 2 {
			if !c.Is(i, "Add") && !c.Is(i, "Remove") {
				return fmt.Errorf("argument %d, %q, is neither Add nor Remove", i+1, c.Arg(i))
			}
			if i+1 == len(c.Args) {
				return fmt.Errorf("there is no text for %q, argument %d", c.Arg(i), i+1)
			}
		}
		return nil
	}
}

// filePlace asks for a pattern of names: each part once.
func filePlace(c *Call) error {
	for _, part := range []string{"<F>", "<N>", "<E>"} {
		if strings.Count(strings.ToUpper(c.Arg(0)), part) != 1 {
			return fmt.Errorf("%q does not hold %s once", c.Arg(0), part)
		}
	}
	return nil
}

// Doubts about arguments.

// system tells of a kind of Windows that there is not.
func system(c *Call) error {
	if c.Is(0, "NT") || c.Is(0, "9x") {
		return nil
	}
	return fmt.Errorf("%q is neither NT nor 9x: the answer is always no; write \"NT\"", c.Arg(0))
}

// oneFile tells of a wildcard where the place of one file is asked for.
func oneFile(c *Call) error {
	if !strings.Contains(c.Arg(0), "*") {
		return nil
	}
	return fmt.Errorf("%s has a wildcard, and the version of one file is asked for: the answer is always no", c.Arg(0))
}

// comparison tells of a kind of comparison that means "different".
func comparison(c *Call) error {
	if missing(c, 1) || c.Is(1, "Equal") {
		return nil
	}
	return fmt.Errorf("%q is not Equal: what differs from the text is asked for; write \"Equal\" or NULL", c.Arg(1))
}

// keeping tells of options that do nothing.
func keeping(c *Call) error {
	const letters = "ACEHIORST"
	for i := range c.Args {
		kind, list, attributes := strings.Cut(c.Arg(i), ":")
		switch {
		case !attributes && (c.Is(i, "Security") || c.Is(i, "TimeFields")):
			continue
		case !attributes || !strings.EqualFold(kind, "FileAttrib"):
			return fmt.Errorf("%q is none of Security, TimeFields, FileAttrib:LETTERS: it does nothing", c.Arg(i))
		}
		list = strings.ToUpper(list)
		for j := range list {
			switch letter := list[j : j+1]; {
			case !strings.Contains(letters, letter):
				return fmt.Errorf("%q: %q is none of the letters %s: it does nothing", c.Arg(i), letter, letters)
			case strings.Contains(list[:j], letter):
				return fmt.Errorf("%q: %q stands there twice: it does nothing", c.Arg(i), letter)
			}
		}
		if list == "" {
			return fmt.Errorf("%q names no attributes: it does nothing", c.Arg(i))
		}
	}
	return nil
}

// Property is what FileProperties looks at.
type Property uint8

const (
	FileSize Property = iota
	DateCreated
	DateModified
	DateAccessed
)

var propertyNames = []string{"filesize", "dateCreated", "dateModified", "dateAccessed"}

func (p Property) String() string { return propertyNames[p] }

// FileProperty is a question about a file: FileProperties with its arguments.
type FileProperty struct {
	Property Property
	Op       string // "range", "neq", "lte", "lt", "eq", "gte", "gt"
	// Low and High are bytes, or days as Day makes them; equal but for "range",
	// which both belong to.
	Low, High int64
}

// Day is a date as a FileProperty compares it.
func Day(year, month, day int) int64 { return int64(year)*10000 + int64(month)*100 + int64(day) }

// Holds says whether a file with that many bytes, or with that day, fits.
func (f FileProperty) Holds(v int64) bool {
	switch f.Op {
	case "range":
		return f.Low <= v && v <= f.High
	case "neq":
		return v != f.Low
	case "lte":
		return v <= f.Low
	case "lt":
		return v < f.Low
	case "gte":
		return v >= f.Low
	case "gt":
		return v > f.Low
	}
	return v == f.Low
}

// ParseFileProperty reads the arguments of FileProperties.
func ParseFileProperty(c *Call) (FileProperty, error) {
	var f FileProperty
	i := slices.IndexFunc(propertyNames, func(s string) bool { return c.Is(0, s) })
	if i < 0 {
		return f, fmt.Errorf("argument 1, %q, is none of %s", c.Arg(0), strings.Join(propertyNames, ", "))
	}
	f.Property = Property(i)
	ops := []string{"range", "neq", "lte", "lt", "eq", "gte", "gt"}
	if i = slices.IndexFunc(ops, func(s string) bool { return c.Is(1, s) }); i < 0 {
		return f, fmt.Errorf("argument 2, %q, is none of %s", c.Arg(1), strings.Join(ops, ", "))
	}
	f.Op = ops[i]
	parse := parseDay
	if f.Property == FileSize {
		parse = parseSize
	}
	low, high := c.Arg(2), c.Arg(2)
	if f.Op == "range" {
		var ok bool
		if low, high, ok = strings.Cut(c.Arg(2), "-"); !ok {
			return f, fmt.Errorf("argument 3, %q, is no range like 1KB-1MB or 2024/01/01-2024/12/31", c.Arg(2))
		}
	}
	var err error
	if f.Low, err = parse(low); err == nil {
		f.High, err = parse(high)
	}
	if err != nil {
		return f, fmt.Errorf("argument 3, %q: %w", c.Arg(2), err)
	}
	// A sample of the documentation has the ends the other way round.
	f.Low, f.High = min(f.Low, f.High), max(f.Low, f.High)
	return f, nil
}

// parseSize reads a number of bytes with a unit.
func parseSize(s string) (int64, error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	unit := int64(1)
	for _, u := range []struct {
		name string
		n    int64
	}{{"KB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}, {"B", 1}} {
		if t, ok := strings.CutSuffix(s, u.name); ok {
			s, unit = strings.TrimSpace(t), u.n
			break
		}
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n > (1<<62)/uint64(unit) {
		return 0, fmt.Errorf("%q is no size like 500B, 20KB, 1MB or 2GB", s)
	}
	return int64(n) * unit, nil
}

// parseDay reads a date, year first.
func parseDay(s string) (int64, error) {
	parts := strings.Split(strings.TrimSpace(s), "/")
	var n [3]int
	for i := range n {
		var err error
		if len(parts) == 3 {
			n[i], err = strconv.Atoi(parts[i])
		}
		if len(parts) != 3 || err != nil || n[i] < 1 || n[i] > [...]int{9999, 12, 31}[i] || i == 0 && len(parts[0]) != 4 {
			return 0, fmt.Errorf("%q is no date like 2024/01/31", strings.TrimSpace(s))
		}
	}
	if last := time.Date(n[0], time.Month(n[1])+1, 0, 0, 0, 0, 0, time.UTC).Day(); n[2] > last {
		return 0, fmt.Errorf("%q is no date: that month has %d days", strings.TrimSpace(s), last)
	}
	return Day(n[0], n[1], n[2]), nil
}
