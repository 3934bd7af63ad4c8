package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
)

func TestExtras(t *testing.T) {
	caseSensitive := func(n *ntfsgen.Node) { n.CaseSensitive = true }
	many := func(n *ntfsgen.Node) { // an attribute list, so that the extras come with the second pass
		for i := range 30 {
			n.Add(ntfsgen.Stream{Name: fmt.Sprintf("a stream with a long name %d", i), Data: ntfsgen.Words("s", 200)})
		}
	}
	wsl := []any{ntfsgen.EA{Name: "$LXUID", Value: []byte{0xE8, 3, 0, 0}}, ntfsgen.EA{Name: "$LXMOD", Value: []byte{0xA4, 0x81, 0, 0}}}
	v := ntfsgen.Build(ntfsgen.Options{},
		ntfsgen.Dir("Documents and Settings", ntfsgen.Short("DOCUME~1"),
			ntfsgen.Dir("Application Data", ntfsgen.Short("APPLIC~1"), caseSensitive,
				ntfsgen.File("a.txt", "small"), ntfsgen.File("A.txt", "large")),
			ntfsgen.File("A long name.docx", "1", ntfsgen.Short("ALONGN~1.DOC"), ntfsgen.Link("another name for the same.docx")),
			ntfsgen.File("A long name (2).docx", "2", ntfsgen.Short("AL2C4F~1.DOC")),
			ntfsgen.File("A long name (200).docx", "200", ntfsgen.Short("ALON~200.DOC")),
			ntfsgen.File("A long name (201).docx", "201", ntfsgen.Short("ALO~9999.DOC")),
			ntfsgen.File("brief an die behörde.txt", "3", ntfsgen.Short("BRIEFA~1.TXT")),
			ntfsgen.File("Behörde.text", "4", ntfsgen.Short("BEHÖRD~1.TEX")),
			ntfsgen.File("set by hand.text", "5", ntfsgen.Short("HAND")),
			ntfsgen.File("set by hand, too.text", "5", ntfsgen.Short("HAND.2")),
			ntfsgen.File("  .a+b,c;d=e[f].x y+z", "6", ntfsgen.Short("A_B_C_~1.XY_")),
			ntfsgen.File("no extension at all", "7", ntfsgen.Short("NOEXTE~2")),
			ntfsgen.File(".profile", "8", ntfsgen.Short("PROFIL~1"))),
		ntfsgen.File("wsl", append(wsl, "one")...),
		ntfsgen.File("wsl too", append(wsl, "two", ntfsgen.ObjectID{9, 8, 7, 6, 5, 4, 3, 2, 1})...),
		ntfsgen.File("id only.doc", ntfsgen.ObjectID{1, 2, 3}),
		ntfsgen.File("large", ntfsgen.EA{Name: "BIG", Value: bytes.Repeat([]byte("b"), 30_000), Need: true}),
		ntfsgen.File("cache.exe", ntfsgen.EA{Name: "$KERNEL.PURGE.ESBCACHE", Value: []byte("cache")}),
		ntfsgen.File("cache too.exe", ntfsgen.EA{Name: "$KERNEL.PURGE.ESBCACHE", Value: []byte("cache")}, ntfsgen.EA{Name: "MINE", Value: []byte("x")}),
		ntfsgen.File("list of all.bin", append(wsl, "main", ntfsgen.ObjectID{5}, ntfsgen.Short("LISTOF~1.BIN"), many)...),
		ntfsgen.File("large list.bin", "main", ntfsgen.EA{Name: "BIG", Value: bytes.Repeat([]byte("c"), 20_000)}, ntfsgen.ObjectID{6}, many),
	)
	fs, err := Open(v, v.Size(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkVolume(t, fs, v)

	e, err := fs.Lookup(`docume~1\APPLIC~1\a.txt`)
	if err != nil || winfs.Path(fs, e) != `Documents and Settings\Application Data\a.txt` {
		t.Errorf("through short names: %q, %v", winfs.Path(fs, e), err)
	}
	for _, path := range []string{`DOCUME~2`, `Documents and Settings\ALONGN~1.DOC.X`, `Documents and Settings\HAND.3`, `ALONGN~1.DOC`, `DOCUME~1\HAN`} {
		if e, err := fs.Lookup(path); !errors.Is(err, winfs.ErrNotFound) {
			t.Errorf("%s: %q, %v", path, winfs.Path(fs, e), err)
		}
	}
	// Those that Windows makes of the long name take no room for a name.
	stored := 0
	for i := range fs.x.short.n {
		if fs.x.short.at(i).name < 1<<31 {
			stored++
		}
	}
	// All but AL2C4F~1.DOC, ALON~200.DOC, ALO~9999.DOC, BEHÖRD~1.TEX, HAND, HAND.2.
	if stored != 6 {
		t.Errorf("%d of %d short names are stored", stored, fs.x.short.n)
	}
}

// TestManyExtras holds what a volume full of them costs: short names that
// follow from the long ones, and the same attributes for all.
func TestManyExtras(t *testing.T) {
	const n = 700
	var files []*ntfsgen.Node
	for i := range n {
		files = append(files, ntfsgen.File(fmt.Sprintf("%c%c%c document.docx", 'a'+i/676, 'a'+i/26%26, 'a'+i%26), "x",
			ntfsgen.Short(strings.ToUpper(fmt.Sprintf("%c%c%cDOC~1.DOC", 'a'+i/676, 'a'+i/26%26, 'a'+i%26))),
			ntfsgen.EA{Name: "$LXUID", Value: []byte{0, 0, 0, byte(i & 1)}}))
	}
	v := ntfsgen.Build(ntfsgen.Options{}, ntfsgen.Dir("all", files))
	fs, err := Open(v, v.Size(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkVolume(t, fs, v)
	if fs.x.short.n != n || len(fs.x.odd) != 0 || len(fs.x.extras) != n {
		t.Errorf("%d short names, %d odd ones, %d extras", fs.x.short.n, len(fs.x.odd), len(fs.x.extras))
	}
	for i := range fs.x.short.n {
		if fs.x.short.at(i).name < 1<<31 {
			t.Fatalf("%q is stored", fs.shortText(*fs.x.short.at(i)))
		}
	}
	size := 0
	for _, p := range fs.x.values.parts {
		size += len(p)
	}
	if size > 100 {
		t.Errorf("%d bytes of attributes, though there are two different lists", size)
	}
}
