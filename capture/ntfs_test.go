package capture_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/internal/wstr"
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
		`OneDrive - Contoso\Documents\called remote.txt`: {kind: store.File, outcome: store.Captured, size: 13, reason: "all of it is here", content: "called remote"},
		`OneDrive - Contoso\Documents\online.doc`:        {kind: store.File, outcome: store.Placeholder, size: 123_456, reason: "only in the cloud, synchronised with " + account},
		`OneDrive - Contoso\second name.doc`:             {kind: store.File, outcome: store.Placeholder, size: 123_456, reason: "only in the cloud, synchronised with " + account},
		`OneDrive - Contoso\Documents\half.bin`:          {kind: store.File, outcome: store.Placeholder, size: int64(len(half)), reason: "only 131072 of its 303104 bytes are on this disk"},
		`OneDrive - Contoso\Documents\sparse.bin`:        {kind: store.File, outcome: store.Captured, size: int64(len(half)), content: string(half)},
		`OneDrive - Contoso\never opened`:                {kind: store.Folder, outcome: store.Placeholder, reason: "never listed"},
		"without a root.doc":                             {kind: store.File, outcome: store.Placeholder, size: 5000, reason: "only in the cloud"},
		"archived.doc":                                   {kind: store.File, outcome: store.Placeholder, size: 70_000, reason: "storage that the server"},
		"Application Data":                               {kind: store.Link, outcome: store.Captured, target: `C:\Users\ann\AppData\Roaming`},
		"disk":                                           {kind: store.Folder, outcome: store.VolumeMissing, reason: "the volume that is mounted in the folder is not among the sources"},
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
		if (o.Reparse == nil) != (name == "compact.exe" || name == "disk") {
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

// efsOf is $EFS of version 2 that one user can open: [MS-EFSR] 2.2.2.1.
func efsOf(user string) func(*ntfsgen.Node) {
	le := binary.LittleEndian
	t := make([]byte, 20)
	le.PutUint32(t, 20)
	le.PutUint32(t[4:], 20)
	le.PutUint32(t[16:], 40)
	t = wstr.AppendUTF16LE(append(t, bytes.Repeat([]byte{0xAB}, 20)...), user+"\x00")
	sid := []byte{1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xE9, 3, 0, 0}
	c := make([]byte, 28)
	le.PutUint32(c[4:], 28)
	le.PutUint32(c[8:], 3)
	le.PutUint32(c[12:], uint32(len(t)))
	le.PutUint32(c[16:], uint32(28+len(sid)))
	c = append(append(c, sid...), t...)
	e := make([]byte, 20)
	le.PutUint32(e[4:], 20)
	e = append(e, c...)
	le.PutUint32(e, uint32(len(e)))
	b := make([]byte, 84)
	le.PutUint32(b[8:], 2)
	le.PutUint32(b[64:], 84)
	b = append(append(b, 1, 0, 0, 0), e...)
	le.PutUint32(b, uint32(len(b)))
	return func(n *ntfsgen.Node) { n.EFS = b }
}

// ciphertext is a content of n bytes as EFS stores it: to the end of the block.
func ciphertext(n int64) *ntfsgen.Data {
	d := ntfsgen.Bytes(ntfsgen.Noise(fmt.Sprint("efs", n), (n+511)/512*512).All())
	d.Size = n
	return d
}

// Encrypted files are kept as ciphertext with what opens them, in the raw form
// of Windows, and are told from others by tar as well.
func TestEncrypted(t *testing.T) {
	ann := efsOf("ann(ann@PC)")
	p := windowsWith(t,
		ntfsgen.File("small.txt", ciphertext(1000), ann, ntfsgen.Stream{Name: "note", Data: ciphertext(700)}, ntfsgen.Link(`Users\ann\twice.txt`)),
		ntfsgen.File("large.bin", ciphertext(9_000_001), ann),
		ntfsgen.File("empty.txt", ann),
		ntfsgen.File("odd.txt", ciphertext(10), func(n *ntfsgen.Node) { n.EFS = append([]byte{84, 0, 0, 0, 0, 0, 0, 0, 9}, make([]byte, 75)...) }),
		ntfsgen.Dir("folder", ann, ntfsgen.File("plain.txt", "plain")))
	if n, first := capture.Encrypted(p); n != 5 || first == "" {
		t.Errorf("%d encrypted files, the first %q", n, first)
	}
	d, res := captureAll(t, p)
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	objects := objectsBelow(t, s)
	key := store.EFSKey{SID: "S-1-5-21-1-2-3-1001", Name: "ann(ann@PC)", Thumbprint: strings.Repeat("ab", 20)}
	for name, want := range map[string]struct {
		outcome store.Outcome
		size    int64 // before it was encrypted
		tar     string
		streams [][]byte
	}{
		"small.txt":      {store.EncryptedRaw, 1000, "efs/C/Users/ann/small.txt", [][]byte{ciphertext(1000).Bytes, ciphertext(700).Bytes}},
		"small.txt:note": {store.EncryptedRaw, 700, "streams/C/Users/ann/small.txt/note", [][]byte{ciphertext(700).Bytes}},
		"large.bin":      {store.EncryptedRaw, 9_000_001, "efs/C/Users/ann/large.bin", nil},
		"empty.txt":      {store.EncryptedRaw, 0, "efs/C/Users/ann/empty.txt", nil},
		"odd.txt":        {store.EncryptedRaw, 10, "efs/C/Users/ann/odd.txt", [][]byte{ciphertext(10).Bytes}},
	} {
		o := objects[name]
		if o == nil {
			t.Errorf("%s is not in the catalog", name)
			continue
		}
		tar, err := o.TarName()
		if o.Outcome != want.outcome || !o.Raw || o.EFS == nil || o.EFS.Size != want.size || tar != want.tar {
			t.Errorf("%s: %s %s, %+v, %s, %v", name, o.Outcome, o.Reason, o.EFS, tar, err)
			continue
		}
		if odd := name == "odd.txt"; odd == slices.Equal(o.EFS.Users, []store.EFSKey{key}) || odd == (o.Reason == "") || o.EFS.Agents != nil {
			t.Errorf("%s: %+v, %s", name, o.EFS, o.Reason)
		}
		r, err := s.Content(o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, err := io.ReadAll(r)
		r.Close()
		if err != nil || int64(len(b)) != o.Size || !bytes.HasPrefix(b, []byte("\x00\x01\x00\x00R\x00O\x00B\x00S\x00")) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(b), o.Size, err)
		}
		for _, c := range want.streams {
			if !bytes.Contains(b, c) {
				t.Errorf("%s: the ciphertext is not in the raw form", name)
			}
		}
		if name == "large.bin" {
			c := ciphertext(9_000_001).Bytes
			if !bytes.Contains(b, c[:65536]) || !bytes.HasSuffix(b, c[len(c)/65536*65536:]) || len(b) < len(c)+len(c)/65536*512 {
				t.Errorf("large.bin: %d bytes", len(b))
			}
		}
	}
	if o := objects["twice.txt"]; o == nil || o.Outcome != store.Linked || !o.Raw || o.EFS == nil {
		t.Errorf("a second name: %+v", o)
	}
	if o := objects[`folder\plain.txt`]; o == nil || o.Outcome != store.Captured || o.Raw || o.EFS != nil {
		t.Errorf("a plain file in an encrypted folder: %+v", o)
	}
	if len(res.Keys) != 1 || res.Keys[key] != 4 {
		t.Errorf("who can decrypt: %+v", res.Keys)
	}

	skipped := store.Memory()
	w, err := store.Create(skipped, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	res, err = capture.Run(context.Background(), p, w, capture.Options{SkipEncrypted: true})
	if err != nil || res.Counts[store.EncryptedSkipped].Objects != 7 || res.Counts[store.EncryptedRaw].Objects != 0 {
		t.Errorf("skipped: %+v, %v", res.Counts, err)
	}
}
