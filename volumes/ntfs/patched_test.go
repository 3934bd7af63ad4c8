package ntfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// damageTree is a volume to damage.
func damageTree() []*ntfsgen.Node {
	return []*ntfsgen.Node{
		ntfsgen.File("torn.txt", "torn"),
		ntfsgen.File("fine.txt", "fine"),
		ntfsgen.File("folder\\in pieces.bin", ntfsgen.Noise("pieces", 3_000_000).Split(700)),
		ntfsgen.File("folder\\last.bin", ntfsgen.Noise("last", 400_000)),
		ntfsgen.File("secret.doc", ntfsgen.Noise("ciphertext", 5120), func(n *ntfsgen.Node) { n.EFS = bytes.Repeat([]byte("EFS!"), 144) }),
		ntfsgen.Dir("deleted folder", func(n *ntfsgen.Node) { n.Deleted = true }, ntfsgen.File("orphan.txt", "orphan")),
	}
}

// TestDamage damages one place of a volume: what it does not touch is as it
// was, and what it does is told.
func TestDamage(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{MFTRuns: 5, Free: 100}, damageTree()...)
	boot := make([]byte, 512)
	if _, err := v.ReadAt(boot, 0); err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1024)
	record := func(path string, off int64) int64 { return v.RecordOffset(v.File(path).Record) + off }
	for _, tt := range []struct {
		name    string
		v       *ntfsgen.Volume
		size    int64
		damaged []string // paths
		gone    []string // their names are left
		problem bool
		err     error
	}{
		{name: "none", v: v},
		{name: "boot sector gone", v: v.Patch(0, zeros[:512]), problem: true},
		{name: "both boot sectors gone", v: v.Patch(0, zeros[:512]).Patch(v.Size()-512, zeros[:512]), err: ErrNotNTFS},
		{name: "backup boot sector gone", v: v.Patch(v.Size()-512, zeros[:512])},
		{name: "record 0 torn", v: v.Patch(v.RecordOffset(0)+510, []byte{0xAA, 0xAA}), problem: true},
		{name: "record 0 gone", v: v.Patch(v.RecordOffset(0), zeros), problem: true},
		{name: "mirror gone", v: v.Patch(v.MirrorOffset(), zeros), problem: true},
		{name: "record torn", v: v.Patch(record("torn.txt", 1022), []byte{0xAA, 0xAA}), damaged: []string{"torn.txt"}, problem: true},
		{name: "record given up", v: v.Patch(record("torn.txt", 0), []byte("BAAD")), damaged: []string{"torn.txt"}, problem: true},
		{name: "record gone", v: v.Patch(record("torn.txt", 0), zeros), gone: []string{"torn.txt"}, problem: true},
		{name: "record garbled", v: v.Patch(record("torn.txt", 0), bytes.Repeat([]byte{0xFF}, 1024)), gone: []string{"torn.txt"}, problem: true},
		{name: "further record torn", v: v.Patch(v.RecordOffset(v.File(`folder\in pieces.bin`).Further[0])+1022, []byte{0xAA, 0xAA}),
			damaged: []string{`folder\in pieces.bin`}, problem: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs, err := Open(tt.v, tt.v.Size(), Options{})
			if !errors.Is(err, tt.err) {
				t.Fatalf("%v, want %v", err, tt.err)
			}
			if tt.err != nil {
				return
			}
			// The orphan is always told.
			if got := len(fs.Problems()) > 1; got != tt.problem {
				t.Errorf("problems %v", fs.Problems())
			}
			if h := fs.Health(); h.Lost != 0 || h.Named != len(tt.gone) || h.Orphans != 1 || h.LostText() != "" || h.OrphansText() == "" {
				t.Errorf("%+v", h)
			}
			for _, f := range v.Files() {
				path := f.Paths[0]
				e, err := fs.Lookup(path)
				if err != nil {
					t.Errorf("%q: %v", path, err)
					continue
				}
				info, err := fs.Info(e)
				if err != nil {
					t.Fatal(err)
				}
				if slices.Contains(tt.gone, path) {
					if err := checkLost(fs, e, f, tt.v.RecordOffset(f.Record)); err != nil {
						t.Errorf("%q: %v", path, err)
					}
					continue
				}
				if slices.Contains(tt.damaged, path) {
					if info.Damage == "" {
						t.Errorf("%q has no damage; problems %v", path, fs.Problems())
					}
				} else if err := checkFile(fs, e, f); err != nil {
					t.Errorf("%q: %v", path, err)
				}
			}
			orphan := v.File(`deleted folder\orphan.txt`)
			if e, err := fs.Lookup(fmt.Sprintf(`$Orphans\%d-%d orphan.txt`, orphan.Record, orphan.Sequence)); err != nil {
				t.Errorf("the orphan is not found: %v", err)
			} else if err := checkStream(fs, e, "", orphan.Data); err != nil {
				t.Errorf("the orphan: %v", err)
			}
		})
	}
}

// TestCutVolume: of a volume whose end is missing, files are whole, damaged with a
// place, or in a part of $MFT that is missing.
func TestCutVolume(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{}, damageTree()...)
	last := v.File(`folder\last.bin`)
	x := last.Extents("")[0]
	cut := x.Pos + 100_000
	if _, err := Open(v, cut, Options{}); err == nil {
		t.Fatal("a volume without $MFT is opened")
	}
	// $MFT is behind the files; a large volume whose end alone is missing has it.
	v = ntfsgen.Build(ntfsgen.Options{Size: 64 << 20}, damageTree()...)
	fs, err := Open(v, 48<<20, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(fs.Problems()) == 0 {
		t.Error("nobody says that the end is missing")
	}
	for _, f := range v.Files() {
		e, err := fs.Lookup(f.Paths[0])
		if err != nil {
			t.Errorf("%q: %v", f.Paths[0], err)
		} else if err := checkFile(fs, e, f); err != nil {
			t.Errorf("%q: %v", f.Paths[0], err)
		}
	}
}

// TestBootTooSmall: of a boot sector that makes the volume too small and its
// copy, $Bitmap tells which is right.
func TestBootTooSmall(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{MFTRuns: 3, Size: 64 << 20}, damageTree()...)
	last := v.Size() - 512
	total := func(v *ntfsgen.Volume, off int64, sectors int64) *ntfsgen.Volume {
		return v.Patch(off+40, binary.LittleEndian.AppendUint64(nil, uint64(sectors)))
	}
	sectors := v.Size()/512 - 1
	// What is behind the end of the small volume is not found.
	small := v.RecordOffset(v.File("torn.txt").Record)/512 + 64
	bitmap := v.File("$Bitmap")
	short := rewrite(t, v, bitmap.Record, func(rec []byte) {
		a := attribute(t, rec, typeData, 0)
		binary.LittleEndian.PutUint64(a[48:], uint64(small*512/4096/8+7)&^7)
	})
	for _, tt := range []struct {
		name  string
		v     *ntfsgen.Volume
		told  bool
		bytes int64
	}{
		{"right", v, false, sectors * 512},
		{"too small", total(v, 0, small), true, sectors * 512},
		{"too small by little", total(v, 0, sectors-4096), true, sectors * 512},
		{"both too small", total(total(v, 0, small), last, small), false, small * 512},
		{"too small, another copy", total(v, 0, small).Patch(last+13, []byte{1}), false, small * 512},
		{"made smaller, with an old copy", total(short, 0, small), false, small * 512},
		{"copy too large", total(v, last, sectors*2), false, sectors * 512},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs, err := Open(tt.v, tt.v.Size(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if told := strings.Contains(fmt.Sprint(fs.Problems()), "the copy of the boot sector"); told != tt.told || fs.geo.bytes != tt.bytes {
				t.Errorf("%d bytes, %v", fs.geo.bytes, fs.Problems())
			}
			if tt.bytes < sectors*512 {
				return
			}
			for _, f := range v.Files() {
				e, err := fs.Lookup(f.Paths[0])
				if err != nil {
					t.Errorf("%q: %v", f.Paths[0], err)
				} else if err := checkFile(fs, e, f); err != nil {
					t.Errorf("%q: %v", f.Paths[0], err)
				}
			}
		})
	}
}
