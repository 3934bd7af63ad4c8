package medium

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The example of ddrescue's manual, and one by an older ddrescue.
const (
	manualMap = `# Mapfile. Created by GNU ddrescue version 1.30
# Command line: ddrescue -d -c18 /dev/fd0 fdimage mapfile
# Start time:   2015-07-21 09:37:44
# Current time: 2015-07-21 09:38:19
# Copying non-tried blocks... Pass 1 (forwards)
# current_pos  current_status  current_pass
0x00120000     ?               1
#      pos        size  status
0x00000000  0x00117000  +
0x00117000  0x00000200  -
0x00117200  0x00001000  /
0x00118200  0x00007E00  *
0x00120000  0x00048000  ?
`
	oldMap = "# Rescue Logfile. Created by GNU ddrescue version 1.14\n# current_pos  current_status\n4096     +\n0  010000  +\n4096  4096  -\n0x2000 0x1000 + # behind it\n"
)

func TestParseMap(t *testing.T) {
	for _, c := range []struct {
		name, text string
		size       int64
		bad        []Range
		finished   bool
	}{
		{"manual", manualMap, 0x168000, []Range{{0x117000, 0x168000 - 0x117000}}, false},
		{"old", oldMap, 0x3000, []Range{{4096, 4096}}, true},
		{"shorter than the copy", oldMap, 0x4000, []Range{{4096, 4096}, {0x3000, 0x1000}}, true},
		{"longer than the copy", oldMap, 5000, []Range{{4096, 904}}, true},
		{"begins late", "0 + 1\n0x1000 0x1000 +\n", 0x2000, []Range{{0, 0x1000}}, true},
		{"neighbours", "0 F\n0 1 +\n1 1 +\n2 1 ?\n3 1 +\n", 4, []Range{{2, 1}}, false},
		{"digits that are letters", "0xE8E0DB6000 +\n0x00000000 0xE8E0DB6000 +\n", 0xE8E0DB6000, nil, true},
		{"all good, Windows lines", "0 +\r\n0 100 +\r\n", 100, nil, true},
	} {
		m, err := ParseMap(c.name, []byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := m.Bad(c.size); !slices.Equal(got, c.bad) || m.Finished != c.finished {
			t.Errorf("%s: %v, %v, want %v", c.name, got, m.Finished, c.bad)
		}
	}
	if !IsMap([]byte(manualMap)) || !IsMap([]byte(oldMap)) || IsMap([]byte("0 +\n0 1 +\n")) {
		t.Error("IsMap")
	}
}

func TestParseMapErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "x.map: it has no line but comments"},
		{"# only this\n", "x.map: it has no line but comments"},
		{"0 + 1\n", "x.map: it has no blocks"},
		{"0\n", "x.map:1: 1 fields; the first line has a position, a status and a pass"},
		{"# c\n0 + 1 2 3\n", "x.map:2: more than three fields"},
		{"zero +\n", `x.map:1: the position "zero" is no number`},
		{"0 good\n", `x.map:1: the status "good" is none of ? * / - F G +`},
		{"0 + one\n", `x.map:1: the pass "one" is no number`},
		{"0 +\n\n0 100\n", "x.map:3: 2 fields; a block has a position, a size and a status"},
		{"0 +\n-5 100 +\n", `x.map:2: the position "-5" is no number`},
		{"0 +\n0 1_0 +\n", `x.map:2: the size "1_0" is no number`},
		{"0 +\n0 0 +\n", "x.map:2: a block without a byte"},
		{"0 +\n0x7fffffffffffffff 1 +\n", "x.map:2: a block of 1 bytes at 9223372036854775807"},
		{"0 +\n0 99999999999999999999 +\n", `x.map:2: the size "99999999999999999999" is no number`},
		// A text with a line or two that look like blocks.
		{"0 +\n0 16 +\nsome\nwords\n", "x.map:3: 1 fields; a block has a position, a size and a status"},
		// A map file of which nothing is left.
		{"# Mapfile. Created by GNU ddrescue version 1.27\n0 + 1\nxxxx\n", "x.map:3: 1 fields; a block has a position, a size and a status"},
		{"# Mapfile. Created by GNU ddrescue version 1.27\n\x00\x00\x00", "x.map:2: 1 fields; the first line has a position, a status and a pass"},
		{"0 +\n0 16 F\n", `x.map:2: the status "F" is none of ? * / - +`},
	} {
		_, err := ParseMap("x.map", []byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: %v\nwant %s", c.text, err, c.want)
		}
		if _, ok := errors.AsType[*MapError](err); !ok {
			t.Errorf("%q: %T", c.text, err)
		}
	}
}

// Of a damaged map what can be read counts, and what it does not say was not
// read from the disk.
func TestParseDamagedMap(t *testing.T) {
	const head = "# Mapfile. Created by GNU ddrescue version 1.27\n"
	for _, c := range []struct {
		name, text string
		size       int64
		bad        []Range
		wrong      string
	}{
		{"gap", head + "0 + 1\n0 16 +\n32 16 +\n", 48, []Range{{16, 16}}, "[x.map:4: nothing is said of the bytes from 0x10 to 0x20]"},
		{"gap, no header", "0 + 1\n0 16 +\n32 16 +\n", 48, []Range{{16, 16}}, "[x.map:3: nothing is said of the bytes from 0x10 to 0x20]"},
		{"overlap of good ones", head + "0 + 1\n0 16 +\n8 16 +\n", 24, nil, "[x.map:4: the block at 0x8 begins before the end of the one before it, which is 0x10]"},
		{"overlap with a bad one behind", head + "0 + 1\n0 100 +\n50 10 -\n", 100, []Range{{50, 10}}, "[x.map:4: the block at 0x32 begins before the end of the one before it, which is 0x64]"},
		{"overlap with a bad one in front", head + "0 + 1\n0 60 /\n50 50 +\n", 100, []Range{{0, 60}}, "[x.map:4: the block at 0x32 begins before the end of the one before it, which is 0x3c]"},
		{"bad ones over several", head + "0 + 1\n0 10 +\n20 10 +\n5 20 ?\n28 1 *\n", 30, []Range{{5, 20}, {28, 1}}, "[x.map:4: nothing is said of the bytes from 0xa to 0x14 x.map:5: the block at 0x5 begins before the end of the one before it, which is 0x1e x.map:6: nothing is said of the bytes from 0x19 to 0x1c]"},
		{"another order", head + "0 + 1\n20 10 +\n0 20 +\n", 30, nil, "[x.map:4: the block at 0x0 begins before the end of the one before it, which is 0x1e]"},
		{"garbage in the middle", head + "0 + 1\n0 16 +\n16 1\x006 +\n32 16 +\n", 48, []Range{{16, 16}}, "[x.map:4: the size \"1\\x006\" is no number x.map:5: nothing is said of the bytes from 0x10 to 0x20]"},
		{"cut", head + "0 + 1\n0 16 +\n16 16", 48, []Range{{16, 32}}, "[x.map:4: 2 fields; a block has a position, a size and a status]"},
		{"zeros behind", head + "0 + 1\n0 16 +\n\x00\x00\x00\x00", 48, []Range{{16, 32}}, "[x.map:4: 1 fields; a block has a position, a size and a status]"},
		{"no line of the state", head + "0 16 +\n16 16 -\n", 32, []Range{{16, 16}}, "[x.map: the line that says how far ddrescue came is not there]"},
		{"no line of the state, two files", "0x0 0x10 ?\n0x10 0x10 +\n", 32, []Range{{0, 16}}, "[x.map: the line that says how far ddrescue came is not there]"},
		{"another status", head + "0 + 1\n0 16 +\n16 16 F\n", 32, []Range{{16, 16}}, "[x.map:4: the status \"F\" is none of ? * / - +]"},
	} {
		m, err := ParseMap("x.map", []byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := m.Bad(c.size); !slices.Equal(got, c.bad) || fmt.Sprint(m.Wrong) != c.wrong || m.Errors != len(m.Wrong) {
			t.Errorf("%s: %v, %d errors %v\nwant %v, %s", c.name, got, m.Errors, m.Wrong, c.bad, c.wrong)
		}
	}
	// Only the first errors are kept.
	m, err := ParseMap("x.map", []byte(head+"0 +\n0 16 +\n"+strings.Repeat("?\n", 1000)))
	if err != nil || m.Errors != 1000 || len(m.Wrong) != MaxWrong || m.Wrong[4].Line != 8 {
		t.Errorf("%+v, %v", m, err)
	}
}

// Blocks in any order and over one another: a byte is good when some block
// calls it so and none calls it anything else.
func TestMapOfAnyBlocks(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text := "0 ?\n"
		var good, bad [40]bool
		for range 1 + rnd.IntN(8) {
			off := rnd.IntN(39)
			n := 1 + rnd.IntN(40-off)
			status := "+?*/-+++"[rnd.IntN(8)]
			text += fmt.Sprintf("%d 0x%x %c\n", off, n, status)
			for i := off; i < off+n; i++ {
				good[i], bad[i] = good[i] || status == '+', bad[i] || status != '+'
			}
		}
		m, err := ParseMap("x.map", []byte("# Mapfile. Created by GNU ddrescue\n"+text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		unread := map[int64]bool{}
		for _, r := range m.Bad(40) {
			for i := range r.Len {
				unread[r.Off+i] = true
			}
		}
		for i := range good {
			if unread[int64(i)] != (bad[i] || !good[i]) {
				t.Fatalf("byte %d is wrong in %v\n%s", i, m.Bad(40), text)
			}
		}
	}
}

// ddrescue itself writes the map of a copy.
func TestMapOfDdrescue(t *testing.T) {
	ddrescue, err := exec.LookPath("ddrescue")
	if err != nil {
		t.Skip("needs ddrescue")
	}
	dir := t.TempDir()
	src, dst, name := filepath.Join(dir, "disk"), filepath.Join(dir, "copy"), filepath.Join(dir, "map")
	if err := os.WriteFile(src, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(ddrescue, "--size=512KiB", "--input-position=64KiB", src, dst, name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMap(name, b)
	if err != nil || !IsMap(b) {
		t.Fatalf("%v\n%s", err, b)
	}
	if want := []Range{{0, 64 << 10}, {576 << 10, 448 << 10}}; !slices.Equal(m.Bad(1<<20), want) || m.Errors > 0 {
		t.Errorf("%v, want %v\n%s", m.Bad(1<<20), want, b)
	}
}

func FuzzParseMap(f *testing.F) {
	f.Add([]byte(manualMap), int64(0x168000))
	f.Add([]byte(oldMap), int64(5000))
	f.Add([]byte("0 +\n0 16 +\n8 16 +\n"), int64(100))
	f.Add([]byte("0 +\n0x7fffffffffffffff 1 +\n"), int64(1<<62))
	f.Add([]byte("0 +\n0 100 +\n50 10 -\n20 90 +\n100 9 ?\nx\n"), int64(200))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		m, err := ParseMap("x", data)
		if err != nil {
			if e, ok := errors.AsType[*MapError](err); !ok || e.Line > 1+strings.Count(string(data), "\n") {
				t.Fatalf("%v", err)
			}
			return
		}
		if m.Errors < len(m.Wrong) || len(m.Wrong) > MaxWrong || m.Errors > len(m.Wrong) && len(m.Wrong) < MaxWrong {
			t.Fatalf("%+v", m)
		}
		// Good and bad ranges are the copy, each byte once.
		size = max(size, 0)
		at := int64(0)
		ranges := m.Bad(size)
		for _, g := range m.Good {
			if g.Off >= size {
				break
			}
			ranges = append(ranges, Range{g.Off, min(g.Len, size-g.Off)})
		}
		slices.SortFunc(ranges, func(a, b Range) int {
			if a.Off < b.Off {
				return -1
			}
			return 1
		})
		for _, r := range ranges {
			if r.Off != at || r.Len <= 0 {
				t.Fatalf("%d bytes at %d, want them at %d", r.Len, r.Off, at)
			}
			at += r.Len
		}
		if at != size {
			t.Fatalf("%d bytes of %d", at, size)
		}
	})
}
