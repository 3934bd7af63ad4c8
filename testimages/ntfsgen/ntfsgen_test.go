package ntfsgen_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// sample is a volume with one of everything.
func sample() []*ntfsgen.Node {
	type n = ntfsgen.Node
	const anna = "S-1-5-21-1-2-3-1001"
	var many []*n
	for i := range 700 {
		many = append(many, ntfsgen.File(fmt.Sprintf("a file with a name that is not short %04d.txt", i*7919%700), fmt.Sprint("content ", i)))
	}
	streams := ntfsgen.File("streams.txt", "main")
	for i := range 40 {
		streams.Add(ntfsgen.Stream{Name: fmt.Sprintf("stream number %d", i), Data: ntfsgen.Words("s", 100+i)})
	}
	linked := ntfsgen.File("linked.txt", "linked")
	for i := range 20 {
		linked.Add(ntfsgen.Link(fmt.Sprintf(`Users\anna\another name of the same file %d.txt`, i)))
	}
	return []*n{
		ntfsgen.Dir("many", many),
		ntfsgen.Dir(`Users\anna`, ntfsgen.SecurityUser(anna), ntfsgen.Times{Created: 130000000000000000, Modified: 130000000010000000, Changed: 130000000020000000, Accessed: 130000000030000000},
			ntfsgen.File("notes.txt", "hello", ntfsgen.Attr(ntfsgen.Hidden), ntfsgen.Stream{Name: "Zone.Identifier", Data: ntfsgen.Text("[ZoneTransfer]\r\nZoneId=3\r\n")}),
			ntfsgen.File("Brief an die Behörde.docx", ntfsgen.Noise("letter", 5000), ntfsgen.Short("BRIEFA~1.DOC")),
			ntfsgen.Dir("empty"),
		),
		ntfsgen.Dir("Windows", ntfsgen.SecuritySystem(), ntfsgen.Attr(ntfsgen.System),
			ntfsgen.File(`System32\ntoskrnl.exe`, ntfsgen.Noise("kernel", 300000).Split(9))),
		linked, streams,
		ntfsgen.File("packed.txt", ntfsgen.Words("packed", 300_001).Compress()),
		ntfsgen.File("packed in pieces.bin", ntfsgen.Bytes(bytes.Join([][]byte{ntfsgen.Words("p", 70000).All(), make([]byte, 200000), ntfsgen.Noise("n", 140000).All(), ntfsgen.Words("q", 50000).All()}, nil)).Compress().Split(11)),
		ntfsgen.File("sparse.bin", ntfsgen.Bytes(bytes.Join([][]byte{make([]byte, 200000), ntfsgen.Noise("n", 140000).All(), make([]byte, 333333)}, nil)).Sparse()),
		ntfsgen.File("huge and sparse.bin", ntfsgen.Generate(1<<40, func(p []byte, off int64) {
			for i := range p {
				if at := off + int64(i); at>>20 == 5000 {
					p[i] = byte(at)
				} else {
					p[i] = 0
				}
			}
		}).Holes(func(off, n int64) bool { return off>>20 > 5000 || (off+n-1)>>20 < 5000 })),
		ntfsgen.File("half written.bin", ntfsgen.Noise("half", 100000).Valid(33333)),
		ntfsgen.File("in a thousand pieces.bin", ntfsgen.Noise("pieces", 8_000_000).Split(1500)),
		ntfsgen.File("empty.txt"),
		ntfsgen.File("outside.txt", ntfsgen.Text("small but not resident").NonResident()),
		ntfsgen.Junction("Documents and Settings", `C:\Users`, ntfsgen.Attr(ntfsgen.Hidden|ntfsgen.System), ntfsgen.SecurityNoListing()),
		ntfsgen.MountPoint("Data", "01234567-89ab-cdef-0123-456789abcdef"),
		ntfsgen.Symlink("link.txt", `Users\anna\notes.txt`),
		ntfsgen.SymlinkDir("All Users", `C:\ProgramData`),
		ntfsgen.File("with id.txt", "id", ntfsgen.ObjectID{1, 2, 3, 4, 5}, ntfsgen.EA{Name: "$LXUID", Value: []byte{1, 0, 0, 0}}, ntfsgen.EA{Name: "$LXGID", Value: bytes.Repeat([]byte("g"), 3000)}),
		ntfsgen.Placeholder("online only.docx", 123456),
		ntfsgen.Compact("compact.exe", ntfsgen.Noise("c", 20000).All(), ntfsgen.LZX),
		ntfsgen.File("deleted.txt", "gone", func(n *n) { n.Deleted = true }),
		ntfsgen.Dir("case", func(n *n) { n.CaseSensitive = true }, ntfsgen.File("a.txt", "small"), ntfsgen.File("A.txt", "large")),
		ntfsgen.File("lone \xed\xa0\x80 surrogate.txt", "odd"),
		ntfsgen.File("own descriptor.txt", "own", ntfsgen.SecurityUser(anna), func(n *n) { n.OwnSecurity = true }),
	}
}

func write(t *testing.T, v *ntfsgen.Volume) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "volume")
	if err := v.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestWriteFile(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{Label: "Test"}, sample()...)
	v = v.Patch(v.RecordOffset(40)+100, []byte("patched")).Patch(v.Size()-3, []byte("end"))
	got, err := os.ReadFile(write(t, v))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, v.Size())
	if n, err := v.ReadAt(want, 0); int64(n) != v.Size() || err != nil {
		t.Fatalf("%d bytes of %d: %v", n, v.Size(), err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the file differs from the volume")
	}
	if !bytes.HasSuffix(want, []byte("end")) || !bytes.Contains(want, []byte("patched")) {
		t.Error("the patches are not there")
	}
	// Pieces of any size at any place are the same bytes.
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		off, n := r.Int64N(v.Size()), r.IntN(20000)
		b := make([]byte, n)
		k, err := v.ReadAt(b, off)
		if k != int(min(int64(n), v.Size()-off)) || (k < n) != (err == io.EOF) || !bytes.Equal(b[:k], want[off:off+int64(k)]) {
			t.Fatalf("ReadAt(%d bytes, %d): %d, %v", n, off, k, err)
		}
	}
}

// TestSameBytes: the same literals give the same volume.
func TestSameBytes(t *testing.T) {
	sum := func() [32]byte {
		v := ntfsgen.Build(ntfsgen.Options{Label: "Test"}, sample()...)
		b := make([]byte, v.Size())
		if _, err := v.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(b)
	}
	if first, second := sum(), sum(); first != second {
		t.Error("two volumes of the same literals differ")
	}
}

// TestFast: some hundred files are built in well under a second.
func TestFast(t *testing.T) {
	nodes := sample()
	start := time.Now()
	ntfsgen.Build(ntfsgen.Options{Label: "Test"}, nodes...)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("the sample takes %v", d)
	}
}

func TestFiles(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{}, sample()...)
	paths := map[string]bool{}
	for _, f := range v.Files() {
		for _, p := range f.Paths {
			if paths[p] {
				t.Errorf("%q is there twice", p)
			}
			paths[p] = true
		}
		if f.Times == nil || f.Security == nil {
			t.Errorf("%q lacks times or a descriptor", f.Paths[0])
		}
	}
	for _, p := range []string{"", "Users", `Users\anna\notes.txt`, `Users\anna\another name of the same file 3.txt`, `case\a.txt`, `case\A.txt`} {
		if !paths[p] {
			t.Errorf("no %q", p)
		}
	}
	if paths["deleted.txt"] {
		t.Error("deleted.txt is listed")
	}
	f := v.File("in a thousand pieces.bin")
	if x := f.Extents(""); len(x) < 1500 || x[0].Off != 0 || len(f.Further) == 0 {
		t.Errorf("%d extents, further records %v", len(x), f.Further)
	}
	notes := v.File(`Users\anna\notes.txt`)
	if string(notes.Data.All()) != "hello" || notes.Extents("") != nil {
		t.Error("notes.txt is not in its record")
	}
}

// TestRefusals: what no volume can hold is the mistake of a programmer.
func TestRefusals(t *testing.T) {
	for what, build := range map[string]func(){
		"two of a name":    func() { ntfsgen.Build(ntfsgen.Options{}, ntfsgen.File("a"), ntfsgen.File("A")) },
		"file and folder":  func() { ntfsgen.Build(ntfsgen.Options{}, ntfsgen.File("a"), ntfsgen.File(`a\b`)) },
		"link to nowhere":  func() { ntfsgen.Build(ntfsgen.Options{}, ntfsgen.File("a", ntfsgen.Link(`b\c`))) },
		"cluster":          func() { ntfsgen.Build(ntfsgen.Options{Cluster: 3000}) },
		"small cluster":    func() { ntfsgen.Build(ntfsgen.Options{Cluster: 512, Sector: 4096}) },
		"volume too small": func() { ntfsgen.Build(ntfsgen.Options{Size: 1 << 20}, ntfsgen.File("a", ntfsgen.Noise("", 2<<20))) },
		"unknown part":     func() { ntfsgen.File("a", 7) },
		"compressed 64K": func() {
			ntfsgen.Build(ntfsgen.Options{Cluster: 65536}, ntfsgen.File("a", ntfsgen.Words("", 100).Compress()))
		},
		"name": func() { ntfsgen.Build(ntfsgen.Options{}, ntfsgen.File(strings.Repeat("x", 256))) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			build()
		}()
	}
}

// TestUpcase compares with the table that mkntfs writes, which is that of
// Windows 7.
func TestUpcase(t *testing.T) {
	for _, p := range []string{"mkntfs", "ntfscat"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s (Debian: ntfs-3g)", p)
		}
	}
	name := filepath.Join(t.TempDir(), "volume")
	if err := os.WriteFile(name, make([]byte, 4<<20), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkntfs", "-q", "-F", "-Q", name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	theirs, err := exec.Command("ntfscat", "-f", "-i", "10", name).Output()
	if err != nil || len(theirs) < 131072 {
		t.Fatalf("%d bytes: %v", len(theirs), err)
	}
	differ := 0
	for i, c := range ntfsgen.Upcase() {
		if want := binary.LittleEndian.Uint16(theirs[2*i:]); c != want {
			if differ++; differ < 20 {
				t.Errorf("U+%04X: U+%04X, want U+%04X", i, c, want)
			}
		}
	}
}
