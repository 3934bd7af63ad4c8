package hive_test

import (
	"bytes"
	"crypto/sha1"
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

// logsOf reads the transaction logs beside a file of the test data, some of
// which are packed.
func logsOf(tb testing.TB, file string) []hive.Log {
	tb.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		tb.Fatal(err)
	}
	stored := map[string]string{}
	var names []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".xz")
		stored[name] = e.Name()
		names = append(names, name)
	}
	var logs []hive.Log
	for _, name := range hive.LogNames(strings.TrimSuffix(filepath.Base(file), ".xz"), names) {
		logs = append(logs, hive.Log{Name: name, Data: load(tb, filepath.Join(filepath.Dir(file), stored[name]))})
	}
	return logs
}

// eachHive calls fn for every hive of the test data, with its name as in the
// data's list, and the name of its file. Logs are none.
func eachHive(t *testing.T, fn func(t *testing.T, rel, file string)) {
	t.Helper()
	hives := filepath.Join(testdata(t), "hives")
	err := filepath.WalkDir(hives, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(hives, strings.TrimSuffix(file, ".xz"))
		if err != nil {
			return err
		}
		for _, suffix := range hive.LogSuffixes {
			if strings.HasSuffix(strings.ToUpper(rel), suffix) {
				return nil
			}
		}
		rel = filepath.ToSlash(rel)
		t.Run(rel, func(t *testing.T) { fn(t, rel, file) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// truthOf gives the sorted lines that yarp reads out of a hive; ok is false
// when the test data has none.
func truthOf(t *testing.T, rel string) (lines []string, ok bool) {
	t.Helper()
	file := filepath.Join(testdata(t), "truth", "hives", strings.ReplaceAll(rel, "/", "__")+".tsv")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		file += ".xz"
		if _, err := os.Stat(file); err != nil {
			return nil, false
		}
	}
	_, b, _ := bytes.Cut(load(t, file), []byte("\n")) // the first line tells about the file
	return sortedLines(b), true
}

// TestTruth compares every hive, with its logs, with what yarp reads out of it.
func TestTruth(t *testing.T) {
	truths, err := os.ReadDir(filepath.Join(testdata(t), "truth", "hives"))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	eachHive(t, func(t *testing.T, rel, file string) {
		want, ok := truthOf(t, rel)
		if !ok {
			if _, ok := countsOf(rel); !ok {
				t.Error("the hive has no truth, and no counts in TestCounts")
			}
			return
		}
		compared++
		b, logs := load(t, file), logsOf(t, file)
		before := sums(b, logs)
		h, err := hive.OpenWithLogs(b, logs)
		if err != nil {
			t.Fatal(err)
		}
		compareLines(t, tsv(t, h), want)
		for _, p := range h.Problems() {
			t.Log(p)
		}
		if s := h.Recovery().String(); s != "" {
			t.Log(s)
		}
		if !bytes.Equal(sums(b, logs), before) {
			t.Error("the hive or a log was changed")
		}
	})
	if compared != len(truths) || compared == 0 {
		t.Errorf("%d hives compared, the test data has the truth of %d", compared, len(truths))
	}
}

// sums gives the SHA-1 of a hive and its logs.
func sums(b []byte, logs []hive.Log) []byte {
	sum := sha1.Sum(b)
	out := sum[:]
	for _, l := range logs {
		sum := sha1.Sum(l.Data)
		out = append(out, sum[:]...)
	}
	return out
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

// counts are those of hives that have no truth of their own, and of dirty
// ones without their logs. hivex gives the same, but where a note says so.
var counts = []struct {
	name         string
	keys, values int
	dirty        bool
	problems     bool
}{
	{"dirty/NewDirtyHive1/NewDirtyHive", 5, 2, true, false},
	{"dirty/NewDirtyHive1/RecoveredHive_Windows10", 5, 1, false, false},
	{"dirty/OldDirtyHive/OldDirtyHive", 5003, 0, true, false},
	{"dirty/OldDirtyHive/RecoveredHive_Windows7", 5003, 1, false, false},
	{"dirty/win10-rathbun/BBI", 287, 1986, true, false},
	{"dirty/win10-rathbun/DEFAULT", 354, 1325, true, false},
	{"dirty/win10-rathbun/NTUSER.DAT", 3182, 5072, true, false},
	{"dirty/win10-rathbun/SECURITY", 100, 109, true, false},
	{"dirty/win10-rathbun/UsrClass.dat", 6374, 12914, true, false},
	{"dirty/win10-tony/NTUSER.DAT", 2590, 4119, true, false},
	{"dirty/win11-localservice/NTUSER.DAT", 657, 968, true, false},
	{"odd/BadListHive", 7, 0, false, true},    // one in no list; hivex has 7 as it gives a key that is in two lists twice
	{"odd/TruncatedHive", 85, 0, false, true}, // hivex says 2: the list of the others is cut off
	{"odd/TruncatedNameHive", 2, 0, false, true},
	{"odd/WrongOrderHive", 11, 0, false, false},
	{"odd/nt-hive-testhive", 528, 12, false, false},
	{"dirty/BadBaseBlockHive/BadBaseBlockHive", 5003, 0, true, true}, // hivex and yarp refuse it; its recovered twin has 5003 keys
	{"odd/winnt_error_tests.rf", 19, 5, false, true},                 // hivex refuses these two
	{"odd/winnt_value_tests.rf", 2, 57, false, true},
	{"odd/invalid_regf_checksum.rf", -1, 0, false, false}, // a base block and nothing else
}

func countsOf(name string) (int, bool) {
	for i, c := range counts {
		if c.name == name {
			return i, true
		}
	}
	return 0, false
}

// TestCounts counts keys and values, and says what is damaged.
func TestCounts(t *testing.T) {
	testdata(t)
	found := 0
	eachHive(t, func(t *testing.T, rel, file string) {
		i, ok := countsOf(rel)
		if !ok {
			return
		}
		found++
		want := counts[i]
		h, err := hive.Open(load(t, file))
		if want.keys < 0 {
			t.Log(err)
			if _, ok := errors.AsType[*hive.FormatError](err); !ok {
				t.Errorf("opened: %v", err)
			}
			return
		}
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
		if keys != want.keys || values != want.values {
			t.Errorf("%d keys and %d values, want %d and %d", keys, values, want.keys, want.values)
		}
		if h.Dirty() != want.dirty {
			t.Errorf("dirty %v", h.Dirty())
		}
		if (len(h.Problems()) > 0) != want.problems {
			t.Errorf("problems %v", h.Problems())
		}
		for _, p := range h.Problems() {
			t.Log(p)
		}
	})
	if found != len(counts) {
		t.Errorf("%d hives counted, %d are known", found, len(counts))
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
