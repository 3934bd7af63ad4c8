package capture_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// TestUndescribed captures from volumes that lost the owners and permissions of
// their files, and from one that did not: every content is in the store, each
// object says what it lacks, and how many they are is in the result.
func TestUndescribed(t *testing.T) {
	const reason = "its owner and permissions cannot be read"
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: []*ntfsgen.Node{
		ntfsgen.File("plain.txt", "plain", ntfsgen.Stream{Name: "zone", Data: ntfsgen.Bytes([]byte("z"))}, ntfsgen.Link(`Users\ann\second name.txt`)),
		ntfsgen.File("torn.txt", "torn"),
		ntfsgen.File("own.txt", "own", ntfsgen.SecurityUser("S-1-5-21-1-2-3-1001"), func(n *ntfsgen.Node) { n.OwnSecurity = true }),
		ntfsgen.File("large.bin", ntfsgen.Noise("large", 5<<20)),
		ntfsgen.Dir("folder", ntfsgen.File("inside.txt", "inside")),
	}}}}
	v := ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...)
	v = v.Patch(v.RecordOffset(v.File(`Users\ann\torn.txt`).Record)+1022, []byte{0xAA, 0xAA})
	secure := v.File("$Secure")
	zeros := v
	for _, x := range secure.Extents("$SDS") {
		if x.Pos >= 0 {
			zeros = zeros.Patch(x.Pos, make([]byte, x.Len))
		}
	}
	for _, tt := range []struct {
		name string
		v    *ntfsgen.Volume
		lost bool
	}{
		{"whole", v, false},
		{"$SDS zeros", zeros, true},
		{"$Secure zeros", v.Patch(v.RecordOffset(secure.Record), make([]byte, 1024)), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "c.img")
			if err := tt.v.WriteFile(name); err != nil {
				t.Fatal(err)
			}
			d, res := captureAll(t, planBy(t, name, `<include><objectSet><pattern type="File">C:\Users\ann\* [*]</pattern></objectSet></include>`))
			if res.AllFailures != 1 {
				t.Errorf("%d failures, want that of torn.txt: %+v", res.AllFailures, res.Failures)
			}
			s, err := store.Open(d)
			if err != nil {
				t.Fatal(err)
			}
			var n int64
			for o, err := range s.Objects() {
				if err != nil {
					t.Fatal(err)
				}
				path := string(o.Path)
				describes := (o.Kind == store.File || o.Kind == store.Folder) && !strings.HasSuffix(path, "own.txt") && o.Outcome != store.Excluded
				told := strings.HasSuffix(o.Reason, reason)
				if strings.Contains(o.Reason, reason) {
					n++
				}
				if describes && told != tt.lost || told && o.SD != 0 || strings.Count(o.Reason, reason) > 1 {
					t.Errorf("%s: descriptor %d, %q", path, o.SD, o.Reason)
				}
				if o.Kind == store.File && !o.Outcome.Stored() {
					t.Errorf("%s is %s: %s", path, o.Outcome, o.Reason)
				}
				if strings.HasSuffix(path, "torn.txt") && (o.Outcome != store.Damaged || !strings.Contains(o.Reason, "torn write")) {
					t.Errorf("%s is %s: %s", path, o.Outcome, o.Reason)
				}
			}
			if res.Undescribed != n || (n > 5) != tt.lost || !tt.lost && n != 0 {
				t.Errorf("%d objects without owner and permissions, %d of the catalog say so", res.Undescribed, n)
			}
		})
	}
}
