package capture_test

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
)

// Where the contents of the sample disk lie, as The Sleuth Kit's istat says:
// testdata/istat.txt. TestIstat compares it with istat; with
// COLDSTATE_UPDATE=1 it writes it.
const (
	istatFile     = "testdata/istat.txt"
	windowsSector = 26624 // start of the Windows volume
	windowsStart  = windowsSector * 512
	cluster       = 4096
	record        = 1024
	lastRecord    = 795
)

// entry is an MFT entry.
type entry struct {
	num, seq, base int64 // base is -1 in a base entry
	dir            bool
	parents        []int64 // of its names
	attrs          []attribute
}

// attribute is an attribute of it; in a base entry also those of its
// extensions.
type attribute struct {
	typ        int
	flags      string // N not resident, C compressed, S sparse
	size, init int64
	name       string
	clusters   []int64 // 0 for a hole
}

// istat parses what istat prints of an entry, false when that is not in use.
func istat(text string) (entry, bool) {
	e := entry{base: -1}
	used, attrs := false, false
	number := func(s string) int64 {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil {
			panic(fmt.Sprintf("istat: %q: %v", s, err))
		}
		return n
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "Entry: "):
			f := strings.Fields(line)
			e.num, e.seq = number(f[1]), number(f[3])
		case strings.HasPrefix(line, "Base File Record: "):
			e.base = number(strings.TrimPrefix(line, "Base File Record: "))
		case line == "Allocated File":
			used = true
		case line == "Allocated Directory":
			used, e.dir = true, true
		case strings.HasPrefix(line, "Parent MFT Entry: "):
			e.parents = append(e.parents, number(strings.Fields(line)[3]))
		case line == "Attributes: ":
			attrs = true
		case attrs && strings.HasPrefix(line, "Type: "):
			//	Type: $DATA (128-1)   Name: N/A   Non-Resident, Sparse   size: 51  init_size: 51
			a := attribute{init: -1}
			_, id, _ := strings.Cut(line, "(")
			id, _, _ = strings.Cut(id, "-")
			a.typ = int(number(id))
			_, rest, _ := strings.Cut(line, "Name: ")
			i := strings.LastIndex(rest, "   size: ")
			sizes := strings.Fields(rest[i:])
			a.size = number(sizes[1])
			if len(sizes) > 3 {
				a.init = number(sizes[3])
			}
			rest = rest[:i]
			i = strings.LastIndex(rest, "   ")
			how := rest[i+3:]
			if a.name = rest[:i]; a.name == "N/A" {
				a.name = ""
			}
			for _, f := range [][2]string{{"Non-Resident", "N"}, {"Compressed", "C"}, {"Sparse", "S"}, {"Encrypted", "E"}} {
				if strings.Contains(how, f[0]) {
					a.flags += f[1]
				}
			}
			e.attrs = append(e.attrs, a)
		case attrs && len(e.attrs) > 0:
			a := &e.attrs[len(e.attrs)-1]
			for _, f := range strings.Fields(line) {
				n, err := strconv.ParseInt(f, 10, 64)
				if err != nil {
					break
				}
				a.clusters = append(a.clusters, n)
			}
		}
	}
	return e, used
}

// text is one line for the entry and one for each attribute.
func (e entry) text() string {
	var b strings.Builder
	kind := "file"
	if e.dir {
		kind = "folder"
	}
	fmt.Fprintf(&b, "%d\t%d\t%d\t%s\t", e.num, e.seq, e.base, kind)
	for _, p := range e.parents {
		fmt.Fprintf(&b, "%d ", p)
	}
	b.WriteByte('\n')
	for _, a := range e.attrs {
		fmt.Fprintf(&b, "\t%d\t%s\t%d\t%d\t%s\t", a.typ, cmp.Or(a.flags, "-"), a.size, a.init, a.name)
		for i := 0; i < len(a.clusters); {
			n := 1
			for i+n < len(a.clusters) && (a.clusters[i] == 0 && a.clusters[i+n] == 0 || a.clusters[i] != 0 && a.clusters[i+n] == a.clusters[i]+int64(n)) {
				n++
			}
			fmt.Fprintf(&b, "%d+%d ", a.clusters[i], n)
			i += n
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// istatEntries reads the extract.
func istatEntries(t testing.TB) []entry {
	t.Helper()
	f, err := os.Open(istatFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", istatFile, err)
		}
		return n
	}
	var out []entry
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		f := strings.Split(sc.Text(), "\t")
		if f[0] != "" {
			e := entry{num: number(f[0]), seq: number(f[1]), base: number(f[2]), dir: f[3] == "folder"}
			for _, p := range strings.Fields(f[4]) {
				e.parents = append(e.parents, number(p))
			}
			out = append(out, e)
			continue
		}
		a := attribute{typ: int(number(f[1])), flags: f[2], size: number(f[3]), init: number(f[4]), name: f[5]}
		for _, run := range strings.Fields(f[6]) {
			first, n, _ := strings.Cut(run, "+")
			for k := range number(n) {
				c := number(first)
				if c > 0 || out[len(out)-1].num == 7 { // $Boot begins the volume
					c += k
				}
				a.clusters = append(a.clusters, c)
			}
		}
		e := &out[len(out)-1]
		e.attrs = append(e.attrs, a)
	}
	if sc.Err() != nil || len(out) < 500 {
		t.Fatalf("%s: %d entries, %v", istatFile, len(out), sc.Err())
	}
	return out
}

// The extract is what istat says of the disk: of all entries under
// COLDSTATE_LONG=1, else of some.
func TestIstat(t *testing.T) {
	tool, err := exec.LookPath("istat")
	if err != nil {
		t.Skip("needs istat of sleuthkit; " + istatFile + " is not compared with it")
	}
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(image); err != nil {
		t.Fatal(err)
	}
	update := os.Getenv("COLDSTATE_UPDATE") != ""
	step := int64(37)
	if update || os.Getenv("COLDSTATE_LONG") != "" {
		step = 1
	}
	var golden []entry
	if !update {
		golden = istatEntries(t)
	}
	var text strings.Builder
	for n := int64(0); n <= lastRecord; n += step {
		out, err := exec.Command(tool, "-i", "raw", "-o", strconv.Itoa(windowsSector), image, strconv.FormatInt(n, 10)).Output()
		if err != nil {
			continue // entries that were never used
		}
		e, used := istat(string(out))
		if !used {
			continue
		}
		text.WriteString(e.text())
		if update {
			continue
		}
		i, ok := slices.BinarySearchFunc(golden, n, func(e entry, n int64) int { return cmp.Compare(e.num, n) })
		if !ok || golden[i].text() != e.text() {
			t.Errorf("entry %d: istat says\n%s", n, e.text())
		}
	}
	if update {
		if err := os.WriteFile(istatFile, []byte(text.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
