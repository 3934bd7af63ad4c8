package capture_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/internal/winsec"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// planBy plans an image with one rule file; rules are what is in <rules>.
func planBy(t *testing.T, path, rules string) *plan.Plan {
	t.Helper()
	w := testwin.Open(t, testwin.Options{}, path)
	d, ws, err := migxml.Parse("own.xml", []byte(`<migration urlid="http://example.org/own"><component type="Documents"><displayName>Own</displayName><role role="Data"><rules>
`+rules+`
</rules></role></component></migration>`))
	if err != nil || len(ws) > 0 {
		t.Fatal(err, ws)
	}
	p, err := plan.Build(context.Background(), w.System, w.Set, w.Users, []*migxml.Document{d}, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What excludeAttributes leaves out of the metadata is not in the store, the
// catalog names it, and explain tells the same with the rule.
func TestWithoutAttributes(t *testing.T) {
	const sid = "S-1-5-21-1-2-3-1001"
	const created, modified, changed, accessed = 130000000000000000, 130000000010000000, 130000000020000000, 130000000030000000
	times := ntfsgen.Times{Created: created, Modified: modified, Changed: changed, Accessed: accessed}
	security := ntfsgen.SecurityUser(sid)
	file := func(name string, more ...any) *ntfsgen.Node {
		return ntfsgen.File(name, append([]any{"content of " + name, times, security}, more...)...)
	}
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: []*ntfsgen.Node{
		file("whole.txt"),
		ntfsgen.Dir("bare", times, security,
			file("plain.txt", ntfsgen.Stream{Name: "zone", Data: ntfsgen.Bytes([]byte("z"))}, ntfsgen.Link(`Users\ann\second name.txt`)),
			ntfsgen.Symlink("link", `..\whole.txt`, times, security),
			ntfsgen.Dir("kept", times, security, file("inside.txt")),
			file("two.txt", ntfsgen.Link(`Users\ann\bare\three.txt`)),
			file("four.txt", ntfsgen.Link(`Users\ann\dates\five.txt`), ntfsgen.Link(`Users\Public\six.txt`))),
		ntfsgen.Dir("dates"),
		file("owner.txt", func(n *ntfsgen.Node) { n.OwnSecurity = true }), file("access.txt"), file("dates.txt"), file("born.txt"),
	}}}}
	name := filepath.Join(t.TempDir(), "c.img")
	if err := ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...).WriteFile(name); err != nil {
		t.Fatal(err)
	}
	leave := func(attributes, pattern string) string {
		return `<excludeAttributes attributes="` + attributes + `"><objectSet><pattern type="File">C:\Users\ann\` + pattern + `</pattern></objectSet></excludeAttributes>` + "\n"
	}
	p := planBy(t, name, `<include><objectSet><pattern type="File">C:\Users\ann\* [*]</pattern><pattern type="Registry">HKCU\Environment\* [*]</pattern></objectSet></include>
`+leave("Security,TimeFields", `bare\* [*]`)+
		`<includeAttributes attributes="Security,TimeFields"><objectSet><pattern type="File">C:\Users\ann\bare\kept\* [*]</pattern></objectSet></includeAttributes>
`+leave("Owner", `[owner.txt]`)+leave("DACL,SACL", `[access.txt]`)+leave("TimeFields", `[dates.txt]`)+leave("CreationTime", `[born.txt]`)+leave("TimeFields", `dates\* [*]`)+
		`<excludeAttributes attributes="Security,TimeFields"><objectSet><pattern type="Registry">HKCU\Environment</pattern></objectSet></excludeAttributes>`)
	d, res := captureAll(t, p)
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	if res.Incomplete() {
		t.Error("metadata that rules leave out makes no run incomplete")
	}
	objects := objectsBelow(t, s)
	whole := "O:" + sid + "G:" + sid + "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + sid + ")"
	all := [4]uint64{created, modified, changed, accessed}
	const both = "Security,TimeFields"
	for path, want := range map[string]struct {
		without  string
		security string // SDDL, "" for none
		times    [4]uint64
		line     int
	}{
		"whole.txt":            {"", whole, all, 0},
		"bare":                 {both, "", [4]uint64{}, 3},
		`bare\plain.txt`:       {"", whole, all, 0}, // it is the same file as
		"second name.txt":      {"", whole, all, 0}, // this name, which no such rule is for
		`bare\two.txt`:         {both, "", [4]uint64{}, 3},
		`bare\three.txt`:       {both, "", [4]uint64{}, 3},
		`bare\four.txt`:        {"TimeFields", whole, [4]uint64{}, 3},
		`dates\five.txt`:       {"TimeFields", whole, [4]uint64{}, 9},
		`bare\link`:            {both, "", [4]uint64{}, 3},
		`bare\kept`:            {"", whole, all, 0},
		`bare\kept\inside.txt`: {"", whole, all, 0},
		"owner.txt":            {"Owner", strings.TrimPrefix(whole, "O:"+sid), all, 5},
		"access.txt":           {"DACL,SACL", "O:" + sid + "G:" + sid, all, 6},
		"dates.txt":            {"TimeFields", whole, [4]uint64{}, 7},
		"born.txt":             {"CreationTime", whole, [4]uint64{0, modified, changed, accessed}, 8},
	} {
		o := objects[path]
		if o == nil {
			t.Errorf("%s is not in the catalog", path)
			continue
		}
		got := ""
		if o.SD != 0 {
			b, err := s.Security(o.SD)
			if err != nil {
				t.Fatal(err)
			}
			sd, err := winsec.Parse(b)
			if err != nil {
				t.Errorf("%s: its security descriptor: %v", path, err)
				continue
			}
			got = sd.SDDL()
		}
		if o.Without != want.without || got != want.security || [4]uint64{uint64(o.Created), uint64(o.Modified), uint64(o.Changed), uint64(o.Accessed)} != want.times {
			t.Errorf("%s: without %q, security %q, times %d %d %d %d", path, o.Without, got, o.Created, o.Modified, o.Changed, o.Accessed)
		}
		if o.Attr == 0 && o.Kind == store.File {
			t.Errorf("%s: its attributes are gone", path)
		}
		at, err := plan.ParsePlace(`C:\Users\ann\` + path)
		if err != nil {
			t.Fatal(err)
		}
		x, err := p.Explain(at)
		if err != nil {
			t.Fatal(err)
		}
		line := 0
		for _, r := range x[0].WithoutBy {
			line = r.Line
		}
		if x[0].Decision != plan.Taken || x[0].Without != want.without || line != want.line || len(x[0].WithoutBy) > 1 {
			t.Errorf("%s: explained as %s without %q by %+v", path, x[0].Decision, x[0].Without, x[0].WithoutBy)
		}
	}
	if o := objects[`bare\plain.txt:zone`]; o == nil || o.Outcome != store.Captured || o.Without != "" {
		t.Errorf("the stream: %+v", o)
	}
	keys := 0
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind != store.Key {
			continue
		}
		keys++
		if o.Without != "LastWrittenTime" || o.Modified != 0 {
			t.Errorf("%s: without %q, last written %d", o.Path, o.Without, o.Modified)
		}
	}
	if keys == 0 {
		t.Error("no key was captured")
	}
	// Whoever runs it is told, with the number of objects.
	told := ""
	for _, w := range p.Warnings {
		told += w.String() + "\n"
	}
	for _, want := range []string{
		"own.xml:3:1: as this <excludeAttributes> asks for, 5 objects are kept without Security,TimeFields",
		"own.xml:9:1: as this <excludeAttributes> asks for, 2 objects are kept without TimeFields",
		"own.xml:5:1: as this <excludeAttributes> asks for, 1 object is kept without Owner:",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("nobody is told %q:\n%s", want, told)
		}
	}
	if r, err := s.Verify(context.Background(), nil); err != nil || !r.OK() {
		t.Errorf("the store: %v, %+v", err, r)
	}
}

// A descriptor that cannot be taken apart is kept whole where rules want all of
// it, and not at all where they leave a part out; the reason says which.
func TestWithoutPartsOfDamaged(t *testing.T) {
	bad := ntfsgen.Security(slices.Concat([]byte{2, 0, 4, 0x80}, make([]byte, 40)))
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: []*ntfsgen.Node{
		ntfsgen.File("kept.txt", "kept", bad), ntfsgen.File("bare.txt", "bare", bad),
	}}}}
	name := filepath.Join(t.TempDir(), "c.img")
	if err := ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...).WriteFile(name); err != nil {
		t.Fatal(err)
	}
	d, res := captureAll(t, planBy(t, name, `<include><objectSet><pattern type="File">C:\Users\ann [*.txt]</pattern></objectSet></include>
<excludeAttributes attributes="Owner"><objectSet><pattern type="File">C:\Users\ann [bare.txt]</pattern></objectSet></excludeAttributes>`))
	if res.AllFailures != 0 || res.Undescribed != 1 {
		t.Errorf("%d failures, %d without owner and permissions", res.AllFailures, res.Undescribed)
	}
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		switch string(o.Path) {
		case `C:\Users\ann\kept.txt`:
			n++
			if b, err := s.Security(o.SD); err != nil || !slices.Equal(b, []byte(bad)) || o.Reason != "" {
				t.Errorf("kept whole: %d bytes, error %v, %q", len(b), err, o.Reason)
			}
		case `C:\Users\ann\bare.txt`:
			n++
			if o.SD != 0 || !strings.HasPrefix(o.Reason, "its owner and permissions are damaged, so that the parts that rules leave out") || strings.Contains(o.Reason, "cannot be read") {
				t.Errorf("without a part: descriptor %d, %q", o.SD, o.Reason)
			}
		}
	}
	if n != 2 {
		t.Errorf("%d files of two", n)
	}
}
