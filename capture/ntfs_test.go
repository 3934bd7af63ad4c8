package capture_test

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
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

// Every kind of reparse point has the outcome that fits what is on the disk.
func TestReparsePoints(t *testing.T) {
	const remote = ntfsgen.Attr(ntfsgen.Archive | ntfsgen.Offline | ntfsgen.RecallOnDataAccess)
	tag := func(tag uint32, body ...byte) ntfsgen.Reparse { return ntfsgen.ReparseData(tag, body) }
	half := append(bytes.Repeat([]byte("half"), 32<<10), make([]byte, 172_032)...)
	hole := func() *ntfsgen.Data {
		return ntfsgen.Zeros(70_000).Holes(func(int64, int64) bool { return true })
	}
	nfs := append([]byte("SOCK\x00\x00\x00\x00"), 0, 0, 0, 0)
	objects, s, res := captureNTFS(t,
		ntfsgen.Dir("OneDrive - Contoso", ntfsgen.CloudFile,
			ntfsgen.Dir("Documents", ntfsgen.CloudFile,
				ntfsgen.File("local.txt", "local", ntfsgen.CloudFile),
				ntfsgen.File("called remote.txt", "called remote", ntfsgen.CloudFile, remote),
				ntfsgen.Placeholder("online.doc", 123_456, ntfsgen.Link(`Users\ann\OneDrive - Contoso\second name.doc`)),
				ntfsgen.File("half.bin", ntfsgen.Bytes(half).Sparse(), remote, ntfsgen.CloudFile),
				ntfsgen.File("sparse.bin", ntfsgen.Bytes(half).Sparse(), ntfsgen.CloudFile)),
			ntfsgen.Dir("never opened", ntfsgen.CloudFile, ntfsgen.Attr(ntfsgen.RecallOnOpen))),
		ntfsgen.Placeholder("without a root.doc", 5000),
		ntfsgen.File("archived.doc", hole(), remote, tag(0xC0000004, 1, 2, 3, 4)),
		ntfsgen.Junction("Application Data", `C:\Users\ann\AppData\Roaming`),
		ntfsgen.MountPoint("disk", "01234567-89ab-cdef-0123-456789abcdef"),
		ntfsgen.Symlink("link.txt", `..\bob\x.txt`),
		ntfsgen.SymlinkDir("linked", `C:\Windows`),
		ntfsgen.LXSymlink("lx", "/bin/sh"),
		ntfsgen.File("global", tag(0xA0000019, 1, 2, 3, 4)),
		ntfsgen.AppExecLink("wt.exe", "Microsoft.WindowsTerminal_8wekyb3d8bbwe", "Microsoft.WindowsTerminal_8wekyb3d8bbwe!App", `C:\Program Files\WindowsApps\wt.exe`),
		ntfsgen.File("socket", tag(winfs.TagAFUnix)), ntfsgen.File("pipe", tag(winfs.TagLXFIFO)),
		ntfsgen.File("tty", tag(winfs.TagLXChar), ntfsgen.EA{Name: "$LXDEV", Value: make([]byte, 8)}), ntfsgen.File("sda", tag(winfs.TagLXBlock)),
		ntfsgen.File("nfs", tag(winfs.TagNFS, nfs...)),
		ntfsgen.File("dedup.doc", hole(), tag(winfs.TagDedup, make([]byte, 20)...)),
		ntfsgen.File("container.dll", hole(), tag(0x80000018, make([]byte, 20)...)),
		ntfsgen.File("tagged.txt", "tagged", tag(0x80000099, 1, 2, 3, 4)),
		ntfsgen.Compact("compact.exe", bytes.Repeat([]byte("compact"), 3000), ntfsgen.LZX),
	)
	const account = `C:\Users\ann\OneDrive - Contoso`
	for name, want := range map[string]struct {
		kind    store.Kind
		outcome store.Outcome
		size    int64
		reason  string // a part of it; "" for none at all
		target  string
		content string
	}{
		`OneDrive - Contoso`:                             {kind: store.Folder, outcome: store.Captured},
		`OneDrive - Contoso\Documents\local.txt`:         {kind: store.File, outcome: store.Captured, size: 5, content: "local"},
		`OneDrive - Contoso\Documents\called remote.txt`: {kind: store.File, outcome: store.Captured, size: 13, reason: "all of it is on this disk", content: "called remote"},
		`OneDrive - Contoso\Documents\online.doc`:        {kind: store.File, outcome: store.Placeholder, size: 123_456, reason: "only in the cloud, synchronised with " + account},
		`OneDrive - Contoso\second name.doc`:             {kind: store.File, outcome: store.Placeholder, size: 123_456, reason: "only in the cloud, synchronised with " + account},
		`OneDrive - Contoso\Documents\half.bin`:          {kind: store.File, outcome: store.Placeholder, size: int64(len(half)), reason: "only 131072 of its 303104 bytes are on this disk"},
		`OneDrive - Contoso\Documents\sparse.bin`:        {kind: store.File, outcome: store.Captured, size: int64(len(half)), content: string(half)},
		`OneDrive - Contoso\never opened`:                {kind: store.Folder, outcome: store.Placeholder, reason: "never listed"},
		"without a root.doc":                             {kind: store.File, outcome: store.Placeholder, size: 5000, reason: "only in the cloud"},
		"archived.doc":                                   {kind: store.File, outcome: store.Placeholder, size: 70_000, reason: "storage that the server"},
		"Application Data":                               {kind: store.Link, outcome: store.Captured, target: `C:\Users\ann\AppData\Roaming`},
		"disk":                                           {kind: store.Link, outcome: store.Captured, target: `\??\Volume{01234567-89ab-cdef-0123-456789abcdef}\`},
		"link.txt":                                       {kind: store.Link, outcome: store.Captured, target: `..\bob\x.txt`},
		"linked":                                         {kind: store.Link, outcome: store.Captured, target: `C:\Windows`},
		"lx":                                             {kind: store.Link, outcome: store.Captured, target: "/bin/sh"},
		"global":                                         {kind: store.Link, outcome: store.Captured, reason: "0xa0000019"},
		"wt.exe":                                         {kind: store.File, outcome: store.Captured, reason: "Store alias", target: `C:\Program Files\WindowsApps\wt.exe`},
		"socket":                                         {kind: store.File, outcome: store.Captured, reason: "socket of Linux"},
		"pipe":                                           {kind: store.File, outcome: store.Captured, reason: "pipe of Linux"},
		"tty":                                            {kind: store.File, outcome: store.Captured, reason: "device of Linux"},
		"sda":                                            {kind: store.File, outcome: store.Captured, reason: "device of Linux"},
		"nfs":                                            {kind: store.File, outcome: store.Captured, reason: `"SOCK"`},
		"dedup.doc":                                      {kind: store.File, outcome: store.Unsupported, size: 70_000, reason: "deduplicated"},
		"container.dll":                                  {kind: store.File, outcome: store.Unsupported, size: 70_000, reason: "0x80000018"},
		"tagged.txt":                                     {kind: store.File, outcome: store.Captured, size: 6, content: "tagged"},
		"compact.exe":                                    {kind: store.File, outcome: store.Captured, size: 21_000, content: strings.Repeat("compact", 3000)},
	} {
		o := objects[name]
		if o == nil {
			t.Errorf("%s is not in the catalog", name)
			continue
		}
		if o.Kind != want.kind || o.Outcome != want.outcome || o.Size != want.size || string(o.Target) != want.target ||
			!strings.Contains(o.Reason, want.reason) || (o.Reason == "") != (want.reason == "") {
			t.Errorf("%s: %s %s, %d bytes, %q to %q", name, o.Kind, o.Outcome, o.Size, o.Reason, o.Target)
		}
		if (o.Reparse == nil) != (name == "compact.exe") {
			t.Errorf("%s: reparse data %x", name, o.Reparse)
		}
		if want.content != "" {
			r, err := s.Content(o)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			b, err := io.ReadAll(r)
			if err != nil || string(b) != want.content {
				t.Errorf("%s: %d bytes, %v", name, len(b), err)
			}
			r.Close()
		}
	}
	for path := range objects {
		if strings.HasPrefix(path, `Application Data\`) || strings.HasPrefix(path, `linked\`) {
			t.Errorf("%s: a link was entered", path)
		}
	}
	if n := res.Counts[store.Placeholder].Objects; n != 6 {
		t.Errorf("%d placeholders", n)
	}
}
