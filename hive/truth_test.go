package hive_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winsec"
)

// testdata is the folder of real hives, which are not part of the project.
func testdata(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("COLDSTATE_TESTDATA")
	if dir == "" {
		tb.Skip("needs COLDSTATE_TESTDATA, the folder of real hives")
	}
	return dir
}

// load reads a file of the test data; names ending in .xz are unpacked.
func load(tb testing.TB, name string) []byte {
	tb.Helper()
	if !strings.HasSuffix(name, ".xz") {
		b, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	if _, err := exec.LookPath("xz"); err != nil {
		tb.Skip("needs the program xz to unpack ", name)
	}
	b, err := exec.Command("xz", "-dc", name).Output()
	if err != nil {
		tb.Fatalf("xz -dc %s: %v", name, err)
	}
	return b
}

// tsv is the sorted lines of a hive.
func tsv(tb testing.TB, h *hive.Hive) []string {
	tb.Helper()
	var out []byte
	err := hive.Walk(h.Root(), func(k hive.Key) error {
		path := k.Path()
		out = hive.AppendTSVKey(out, path)
		for v := range k.Values() {
			var err error
			if out, err = hive.AppendTSVValue(out, path, v); err != nil {
				tb.Logf("%q, value %q: %v", path, v.Name(), err)
			}
		}
		return nil
	})
	if err != nil {
		tb.Error(err)
	}
	return sortedLines(out)
}

func sortedLines(b []byte) []string {
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	slices.Sort(lines)
	return lines
}

// replayed are the hives whose truth holds what only their logs have.
var replayed = map[string]bool{
	"dirty/BadBaseBlockHive/BadBaseBlockHive": true,
	"dirty/NewDirtyHive1/NewDirtyHive":        true,
	"dirty/OldDirtyHive/OldDirtyHive":         true,
	"dirty/win10-rathbun/BBI":                 true,
	"dirty/win10-rathbun/DEFAULT":             true,
	"dirty/win10-rathbun/NTUSER.DAT":          true,
	"dirty/win10-rathbun/SECURITY":            true,
	"dirty/win10-rathbun/UsrClass.dat":        true,
	"dirty/win10-tony/NTUSER.DAT":             true,
	"dirty/win11-localservice/NTUSER.DAT":     true,
}

// TestTruth compares every clean hive with what yarp reads out of it.
func TestTruth(t *testing.T) {
	dir := testdata(t)
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("needs the program xz")
	}
	compared := 0
	hives := filepath.Join(dir, "hives")
	err := filepath.WalkDir(hives, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(hives, strings.TrimSuffix(name, ".xz"))
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		truth := filepath.Join(dir, "truth", "hives", strings.ReplaceAll(rel, "/", "__")+".tsv")
		if _, err := os.Stat(truth); errors.Is(err, fs.ErrNotExist) {
			truth += ".xz"
			if _, err := os.Stat(truth); err != nil {
				return nil
			}
		}
		t.Run(rel, func(t *testing.T) {
			if replayed[rel] {
				t.Skip("its truth is after the replay of its logs")
			}
			h, err := hive.Open(load(t, name))
			if err != nil {
				t.Fatal(err)
			}
			_, want, _ := bytes.Cut(load(t, truth), []byte("\n")) // the first line tells about the file
			compareLines(t, tsv(t, h), sortedLines(want))
			for _, p := range h.Problems() {
				t.Log(p)
			}
			compared++
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if compared != 50 && !t.Failed() {
		t.Errorf("%d hives compared, the test data has 50", compared)
	}
}

// compareLines reports the differences of two sorted lists.
func compareLines(t *testing.T, got, want []string) {
	t.Helper()
	shown := 0
	differ := func(what, line string) {
		if shown++; shown <= 10 {
			t.Errorf("%s: %q", what, line)
		}
	}
	for len(got) > 0 || len(want) > 0 {
		switch {
		case len(want) == 0 || len(got) > 0 && got[0] < want[0]:
			differ("only here", got[0])
			got = got[1:]
		case len(got) == 0 || got[0] > want[0]:
			differ("only in the truth", want[0])
			want = want[1:]
		default:
			got, want = got[1:], want[1:]
		}
	}
	if shown > 10 {
		t.Errorf("and %d more lines", shown-10)
	}
}

// TestCounts reads hives that have no truth of their own, or are not clean,
// and compares the number of keys and values with hivex, which reads them
// without their logs as well.
func TestCounts(t *testing.T) {
	dir := testdata(t)
	for _, tt := range []struct {
		name         string
		keys, values int
		dirty        bool
		problems     bool
	}{
		{"dirty/NewDirtyHive1/NewDirtyHive", 5, 2, true, false},
		{"dirty/OldDirtyHive/OldDirtyHive", 5003, 0, true, false},
		{"dirty/OldDirtyHive/RecoveredHive_Windows7", 5003, 1, false, false},
		{"dirty/win10-rathbun/BBI", 287, 1986, true, false},
		{"dirty/win10-rathbun/DEFAULT", 354, 1325, true, false},
		{"dirty/win10-rathbun/NTUSER.DAT.xz", 3182, 5072, true, false},
		{"dirty/win10-rathbun/SECURITY", 100, 109, true, false},
		{"dirty/win10-rathbun/UsrClass.dat.xz", 6374, 12914, true, false},
		{"dirty/win10-tony/NTUSER.DAT.xz", 2590, 4119, true, false},
		{"dirty/win11-localservice/NTUSER.DAT", 657, 968, true, false},
		{"odd/BadListHive", 6, 0, false, true}, // hivex says 7: it gives the key that is in two lists twice
		{"odd/TruncatedHive", 2, 0, false, true},
		{"odd/TruncatedNameHive", 2, 0, false, true},
		{"odd/WrongOrderHive", 11, 0, false, false},
		{"odd/nt-hive-testhive", 528, 12, false, false},
		{"dirty/BadBaseBlockHive/BadBaseBlockHive", 5003, 0, true, true}, // hivex and yarp refuse it; its recovered twin has 5003 keys
		{"odd/winnt_error_tests.rf", 15, 5, false, true},                 // hivex refuses these two
		{"odd/winnt_value_tests.rf", 2, 57, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := hive.Open(load(t, filepath.Join(dir, "hives", tt.name)))
			if err != nil {
				t.Fatal(err)
			}
			keys, values := 0, 0
			for _, l := range tsv(t, h) {
				if l[0] == 'K' {
					keys++
				} else {
					values++
				}
			}
			if keys != tt.keys || values != tt.values {
				t.Errorf("%d keys and %d values, want %d and %d", keys, values, tt.keys, tt.values)
			}
			if h.Dirty() != tt.dirty {
				t.Errorf("dirty %v", h.Dirty())
			}
			if (len(h.Problems()) > 0) != tt.problems {
				t.Errorf("problems %v", h.Problems())
			}
			for _, p := range h.Problems() {
				t.Log(p)
			}
		})
	}
}

// TestClassAndSecurity reads the class names and descriptors of real hives,
// which the truth does not hold: the keys of Lsa have classes of eight hex
// digits, and every descriptor can be parsed.
func TestClassAndSecurity(t *testing.T) {
	dir := testdata(t)
	for _, name := range []string{"system-win10-1709.xz", "system-win81-sensei.xz", "nt4/system.reg.xz", "ntuser-xp-is-joe.dat.xz", "ntuser-win10-default.dat"} {
		t.Run(name, func(t *testing.T) {
			h, err := hive.Open(load(t, filepath.Join(dir, "hives", name)))
			if err != nil {
				t.Fatal(err)
			}
			classes, owners := 0, map[string]bool{}
			err = hive.Walk(h.Root(), func(k hive.Key) error {
				c, err := k.Class()
				if err != nil {
					t.Errorf("%s: class: %v", k.Path(), err)
				}
				if up, ok := k.Parent(); ok && strings.EqualFold(up.Name(), "Lsa") && slices.Contains([]string{"JD", "Skew1", "GBG", "Data"}, k.Name()) {
					// The text is a part of the machine's key: not to be printed.
					if len(c) != 8 || strings.Trim(strings.ToLower(c), "0123456789abcdef") != "" {
						t.Errorf("%s: the class is not eight hex digits", k.Path())
					}
					classes++
				}
				sd, err := k.Security()
				if err != nil {
					t.Errorf("%s: security: %v", k.Path(), err)
				}
				d, err := winsec.Parse(sd)
				if err != nil {
					t.Errorf("%s: security: %v", k.Path(), err)
				} else if d.Owner == nil {
					t.Errorf("%s: no owner", k.Path())
				} else {
					owners[d.Owner.String()] = true
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			// NT 4.0 has them from service pack 3 on, when syskey was run.
			if modern := strings.HasPrefix(name, "system"); modern != (classes > 0) {
				t.Errorf("%d classes of Lsa", classes)
			}
			if !owners["S-1-5-32-544"] && !owners["S-1-5-18"] {
				t.Errorf("neither Administrators nor SYSTEM own a key: %v", owners)
			}
		})
	}
}
