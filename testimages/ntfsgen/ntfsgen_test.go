package ntfsgen_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

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
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(v.Size()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.NewOffsetWriter(f, 0), io.NewSectionReader(v, 0, v.Size())); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestAllOfIt reads the volume once from end to end.
func TestAllOfIt(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{Label: "Test"}, sample()...)
	info, err := os.Stat(write(t, v))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() != v.Size() {
		t.Errorf("%d bytes, want %d", info.Size(), v.Size())
	}
}
