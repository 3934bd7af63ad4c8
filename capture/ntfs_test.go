package capture_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// windowsWith is the plan of everything on a system volume with these files
// in the profile of a user called ann.
func windowsWith(t *testing.T, files ...*ntfsgen.Node) *plan.Plan {
	t.Helper()
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: files}}}
	name := filepath.Join(t.TempDir(), "c.img")
	if err := ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...).WriteFile(name); err != nil {
		t.Fatal(err)
	}
	return planOf(t, name)
}

// objectsBelow gives the objects of a store below the profile of ann, by the
// rest of their paths and ":stream".
func objectsBelow(t *testing.T, s *store.Store) map[string]*store.Object {
	t.Helper()
	const profile = `C:\Users\ann\`
	out := map[string]*store.Object{}
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Path) > len(profile) && o.Path[:len(profile)] == profile && o.Kind != store.Key && o.Kind != store.Value {
			name := string(o.Path[len(profile):])
			if o.Kind == store.Stream {
				name += ":" + string(o.Stream)
			}
			out[name] = o
		}
	}
	return out
}

// captureNTFS captures files in the profile of ann.
func captureNTFS(t *testing.T, files ...*ntfsgen.Node) (map[string]*store.Object, *store.Store, *capture.Result) {
	t.Helper()
	d, res := captureAll(t, windowsWith(t, files...))
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	return objectsBelow(t, s), s, res
}

// What few files have is in the catalog.
func TestExtras(t *testing.T) {
	objects, _, _ := captureNTFS(t,
		ntfsgen.File("A long name.docx", "1", ntfsgen.Short("ALONGN~1.DOC"), ntfsgen.Link(`Users\ann\second name`), ntfsgen.ObjectID{1, 2, 3}),
		ntfsgen.Dir("rootfs", func(n *ntfsgen.Node) { n.CaseSensitive = true }, ntfsgen.EA{Name: "$LXMOD", Value: []byte{0xED, 0x41, 0, 0}},
			ntfsgen.File("Makefile", "a"), ntfsgen.File("makefile", "b")),
		ntfsgen.LXSymlink("link", "/etc/passwd", ntfsgen.EA{Name: "$LXUID", Value: []byte{0xE8, 3, 0, 0}}),
		ntfsgen.File("cached.exe", "x", ntfsgen.EA{Name: "$KERNEL.PURGE.ESBCACHE", Value: []byte("x")}),
	)
	ea := func(name string, v ...byte) []byte { return winfs.AppendEAs(nil, []winfs.EA{{Name: name, Value: v}}) }
	id := append([]byte{1, 2, 3}, make([]byte, 13)...)
	for name, want := range map[string]store.Object{
		"A long name.docx": {Short: "ALONGN~1.DOC", ObjectID: id},
		"second name":      {ObjectID: id},
		"rootfs":           {CaseSensitive: true, EA: ea("$LXMOD", 0xED, 0x41, 0, 0)},
		`rootfs\Makefile`:  {},
		`rootfs\makefile`:  {},
		"link":             {EA: ea("$LXUID", 0xE8, 3, 0, 0), Target: "/etc/passwd"},
		"cached.exe":       {},
	} {
		o := objects[name]
		if o == nil {
			t.Errorf("%s is not in the catalog", name)
			continue
		}
		if o.Outcome != store.Captured && o.Outcome != store.Linked {
			t.Errorf("%s: %s, %s", name, o.Outcome, o.Reason)
		}
		if o.Short != want.Short || !bytes.Equal(o.EA, want.EA) || !bytes.Equal(o.ObjectID, want.ObjectID) || o.CaseSensitive != want.CaseSensitive || o.Target != want.Target {
			t.Errorf("%s: short %q, attributes %q, object id %x, case sensitive %v, target %q", name, o.Short, o.EA, o.ObjectID, o.CaseSensitive, o.Target)
		}
	}
}
