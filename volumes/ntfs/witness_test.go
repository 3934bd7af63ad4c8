package ntfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// This file damages what looks sound afterwards: only another structure of the
// volume knows better.

// rewrite changes an MFT record of v, whose sectors are right before and after.
func rewrite(tb testing.TB, v *ntfsgen.Volume, num uint64, change func(rec []byte)) *ntfsgen.Volume {
	tb.Helper()
	return rewriteAt(tb, v, v.RecordOffset(num), change)
}

// rewriteAt changes the record of 1024 bytes at pos.
func rewriteAt(tb testing.TB, v *ntfsgen.Volume, pos int64, change func(rec []byte)) *ntfsgen.Volume {
	tb.Helper()
	rec := make([]byte, 1024)
	if _, err := v.ReadAt(rec, pos); err != nil && err != io.EOF {
		tb.Fatal(err)
	}
	usa := int(binary.LittleEndian.Uint16(rec[4:]))
	for i := 1; i <= 2; i++ {
		copy(rec[512*i-2:512*i], rec[usa+2*i:])
	}
	change(rec)
	for i := 1; i <= 2; i++ {
		copy(rec[usa+2*i:usa+2*i+2], rec[512*i-2:])
		copy(rec[512*i-2:512*i], rec[usa:usa+2])
	}
	return v.Patch(pos, rec)
}

// attribute finds the nth attribute of a type without a name in a record.
func attribute(tb testing.TB, rec []byte, typ uint32, nth int) []byte {
	tb.Helper()
	for off := int(binary.LittleEndian.Uint16(rec[20:])); off+8 < len(rec); {
		n := int(binary.LittleEndian.Uint32(rec[off+4:]))
		if t := binary.LittleEndian.Uint32(rec[off:]); t == typ && rec[off+9] == 0 {
			if nth--; nth < 0 {
				return rec[off : off+n]
			}
		} else if t == typeEnd || n == 0 {
			break
		}
		off += n
	}
	tb.Fatalf("no attribute %#x", typ)
	return nil
}

// value is the value of a resident attribute.
func value(a []byte) []byte {
	at := int(binary.LittleEndian.Uint16(a[20:]))
	return a[at : at+int(binary.LittleEndian.Uint32(a[16:]))]
}

// outcomes returns the outcome of every file of v in fs: "" when it is whole,
// "gone", "lost", or what its damage says.
func outcomes(t *testing.T, v *ntfsgen.Volume, fs *FS) map[string]string {
	t.Helper()
	return outcomesBut(t, v, fs, false)
}

// outcomesBut is outcomes; nowhere says that the places of what is lost are
// not those where it was.
func outcomesBut(t *testing.T, v *ntfsgen.Volume, fs *FS, nowhere bool) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range v.Files() {
		for _, path := range f.Paths {
			e, err := fs.Lookup(path)
			if err != nil {
				out[path] = "gone"
				continue
			}
			info, err := fs.Info(e)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case info.Lost != nil:
				out[path] = "lost"
				if nowhere {
					if info.Lost.Err == nil || info.Damage == "" {
						t.Errorf("%q: %+v", path, info.Lost)
					}
					continue
				}
				if err := checkLost(fs, e, f, v.RecordOffset(f.Record)); err != nil {
					t.Errorf("%q: %v", path, err)
				}
			case info.Damage != "":
				out[path] = info.Damage
			default:
				out[path] = ""
				if err := checkFile(fs, e, f); err != nil {
					t.Errorf("%q: %v", path, err)
				}
			}
		}
	}
	walk(t, fs)
	return out
}

// expect compares outcomes: those in want contain its text, all others are
// whole.
func expect(t *testing.T, got, want map[string]string) {
	t.Helper()
	for path, how := range got {
		if w, ok := want[path]; how != "" && !ok || ok && (how == "" || !strings.Contains(how, w)) {
			t.Errorf("%q: %q, want %q", path, how, w)
		}
	}
	for path := range want {
		if _, ok := got[path]; !ok {
			t.Errorf("there is no %q", path)
		}
	}
}

// TestListDamaged: an attribute list that names too little costs a file its
// soundness, and nothing of what its records still hold.
func TestListDamaged(t *testing.T) {
	var streams, links []any
	for i := range 40 {
		streams = append(streams, ntfsgen.Stream{Name: fmt.Sprintf("stream %02d of a file with an attribute list", i), Data: ntfsgen.Text(strings.Repeat("s", 100+i))})
		links = append(links, ntfsgen.Link(fmt.Sprintf(`links\a name of some length %d.txt`, i)))
	}
	v := ntfsgen.Build(ntfsgen.Options{}, ntfsgen.Dir("links"),
		ntfsgen.File("streams.txt", append(streams, "text")...),
		ntfsgen.File("names.txt", append(links, "names")...),
		ntfsgen.File("pieces.bin", ntfsgen.Noise("pieces", 3_000_000).Split(700)),
		ntfsgen.File("plain.txt", "plain"),
	)
	// list changes the attribute list of a file, wherever it lies; change may
	// make it shorter.
	list := func(path string, change func(b []byte) []byte) *ntfsgen.Volume {
		var patch []byte
		var at int64
		w := rewrite(t, v, v.File(path).Record, func(rec []byte) {
			a := attribute(t, rec, typeAttributeList, 0)
			if a[8] == 0 {
				binary.LittleEndian.PutUint32(a[16:], uint32(len(change(value(a)))))
				return
			}
			// Its clusters are one run.
			r := a[binary.LittleEndian.Uint16(a[32:]):]
			n, m := int(r[0]&15), int(r[0]>>4)
			for k := range m {
				at |= int64(r[1+n+k]) << (8 * k) * 4096
			}
			patch = make([]byte, binary.LittleEndian.Uint64(a[48:]))
			if _, err := v.ReadAt(patch, at); err != nil {
				t.Fatal(err)
			}
			n = len(change(patch))
			binary.LittleEndian.PutUint64(a[48:], uint64(n))
			binary.LittleEndian.PutUint64(a[56:], uint64(n))
		})
		return w.Patch(at, patch)
	}
	fill := func(c byte, from func(n int) int) func(b []byte) []byte {
		return func(b []byte) []byte {
			for k := from(len(b)); k < len(b); k++ {
				b[k] = c
			}
			return b
		}
	}
	all := func(int) int { return 0 }
	half := func(n int) int { return n / 2 }
	names := v.File("names.txt").Paths
	hurt := func(paths []string, text string) map[string]string {
		m := map[string]string{}
		for _, p := range paths {
			m[p] = text
		}
		return m
	}
	type test struct {
		name  string
		v     *ntfsgen.Volume
		paths []string
		text  string
	}
	var tests []test
	for _, f := range []struct{ path string }{{"streams.txt"}, {"names.txt"}, {"pieces.bin"}} {
		p := v.File(f.path).Paths
		tests = append(tests,
			test{f.path + " zeros", list(f.path, fill(0, all)), p, "attribute list"},
			test{f.path + " ones", list(f.path, fill(0xFF, all)), p, "attribute list"},
			test{f.path + " half zeros", list(f.path, fill(0, half)), p, "attribute list"},
			test{f.path + " half ones", list(f.path, fill(0xFF, half)), p, "attribute list"},
			test{f.path + " not its own", list(f.path, func(b []byte) []byte { // it starts with $STANDARD_INFORMATION
				own := slices.Clone(b[16:24])
				for off := 0; off+26 <= len(b); off += int(binary.LittleEndian.Uint16(b[off+4:])) {
					if bytes.Equal(b[off+16:off+24], own) {
						copy(b[off+16:], binary.LittleEndian.AppendUint64(nil, v.File(f.path).Further[0]|1<<48))
					}
				}
				return b
			}), p, "does not name the record that it is in"},
			test{f.path + " another record", list(f.path, func(b []byte) []byte {
				last := lastEntry(b)
				copy(b[last+16:], binary.LittleEndian.AppendUint64(nil, v.File("plain.txt").Record|1<<48))
				return b
			}), p, "belongs to another file"},
			test{f.path + " an attribute that is not there", list(f.path, func(b []byte) []byte {
				last := lastEntry(b)
				copy(b[last:], binary.LittleEndian.AppendUint32(nil, typeEA))
				return b
			}), p, "does not have it"},
		)
	}
	// An entry less, in a list that is shorter.
	short := list("names.txt", func(b []byte) []byte {
		gone := v.File("names.txt").Further[0]
		n := 0
		for off := 0; off < len(b); {
			k := int(binary.LittleEndian.Uint16(b[off+4:]))
			if binary.LittleEndian.Uint64(b[off+16:])&(1<<48-1) != gone {
				copy(b[n:], b[off:off+k])
				n += k
			}
			off += k
		}
		return b[:n]
	})
	tests = append(tests, test{"names.txt a record less", short, names, "whose attribute list does not name it"})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fs, err := Open(tt.v, v.Size(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, outcomes(t, v, fs), hurt(tt.paths, tt.text))
			if h := fs.Health(); h.Damaged == 0 || h.Lost != 0 || h.Orphans != 0 {
				t.Errorf("%+v", h)
			}
			e, err := fs.Lookup("streams.txt")
			if err != nil {
				t.Fatal(err)
			}
			if list, err := fs.Streams(e); err != nil || len(list) != 40 {
				t.Errorf("%d streams, %v", len(list), err)
			}
			if e, err = fs.Lookup("pieces.bin"); err != nil {
				t.Fatal(err)
			}
			if err := checkStream(fs, e, "", v.File("pieces.bin").Data); err != nil && !strings.Contains(tt.name, "pieces.bin a") {
				t.Error(err)
			}
		})
	}
}

// lastEntry is the offset of the last entry of an attribute list.
func lastEntry(b []byte) (last int) {
	for off := 0; off+26 <= len(b); off += int(binary.LittleEndian.Uint16(b[off+4:])) {
		last = off
	}
	return last
}

// TestFirstRecord: of the record of $MFT and its copy the one counts that leads
// to all of it; where both lack something, what is missing is known.
func TestFirstRecord(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{MFTRuns: 4}, lostTree()...)
	data := func(rec []byte) []byte { return attribute(t, rec, typeData, 0) }
	runs := func(rec []byte) []byte {
		a := data(rec)
		return a[binary.LittleEndian.Uint16(a[32:]):]
	}
	// nth is the header of the nth run.
	nth := func(b []byte, n int) []byte {
		for ; n > 0; n-- {
			b = b[1+int(b[0]&15)+int(b[0]>>4):]
		}
		return b
	}
	for _, tt := range []struct {
		name   string
		change func(rec []byte)
		alone  bool // it cannot be found in the other copy what is missing
	}{
		{"initialised size", func(rec []byte) { binary.LittleEndian.PutUint64(data(rec)[56:], 60<<10) }, false},
		{"size", func(rec []byte) {
			binary.LittleEndian.PutUint64(data(rec)[48:], 60<<10)
			binary.LittleEndian.PutUint64(data(rec)[56:], 60<<10)
		}, true},
		{"last run shorter", func(rec []byte) { nth(runs(rec), 3)[1] = 1 }, false},
		{"last run gone", func(rec []byte) { nth(runs(rec), 3)[0] = 0 }, false},
		{"run list gone", func(rec []byte) { runs(rec)[0] = 0 }, true},
		{"first run shorter", func(rec []byte) { runs(rec)[1] -= 4 }, true},
		{"first run moved", func(rec []byte) { r := runs(rec); r[1+int(r[0]&15)] += 3 }, true},
		{"second run moved", func(rec []byte) { r := nth(runs(rec), 1); r[1+int(r[0]&15)] ^= 16 }, true},
		{"another record", func(rec []byte) { rec[44] = 77 }, true},
		{"no $DATA", func(rec []byte) { data(rec)[0] = 0x70 }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := rewrite(t, v, 0, tt.change)
			fs, err := Open(w, v.Size(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, outcomes(t, v, fs), nil)
			if h := fs.Health(); h.Damaged == 0 || !strings.Contains(h.Damage, "its copy in $MFTMirr is used") || h.Mirror != "" || h.Lost+h.Named+h.Orphans != 0 {
				t.Errorf("%+v", h)
			}
			// An old copy does not count.
			old := rewriteAt(t, v, v.MirrorOffset(), tt.change)
			if fs, err = Open(old, v.Size(), Options{}); err != nil {
				t.Fatal(err)
			}
			expect(t, outcomes(t, v, fs), nil)
			if h := fs.Health(); h.Damaged != 1 || !strings.Contains(h.Mirror, "$MFTMirr differs from $MFT in record 0") || h.Lost+h.Named+h.Orphans != 0 {
				t.Errorf("an old copy: %+v", h)
			}
			if tt.alone {
				return
			}
			both := rewriteAt(t, w, v.MirrorOffset(), tt.change)
			if fs, err = Open(both, v.Size(), Options{}); err != nil {
				t.Fatal(err)
			}
			lost, gone := 0, 0
			for path, how := range outcomesBut(t, v, fs, true) {
				switch how {
				case "", "its folder is gone":
				case "lost":
					lost++
				case "gone":
					gone++
				default:
					t.Errorf("%q: %s", path, how)
				}
			}
			// Folders that are lost take the names of their files along.
			if h := fs.Health(); lost == 0 || h.Lost < gone || gone > 0 && h.Lost == 0 || h.LostText() == "" && gone > 0 {
				t.Errorf("%d lost, %d gone: %+v", lost, gone, h)
			}
		})
	}
}

// TestInUse: a record that is marked as free is in use when both $MFT:$BITMAP
// and an index say so; one that says that it continues another and has all of a
// file is a file.
func TestInUse(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{}, append(lostTree(),
		ntfsgen.Dir("deleted", ntfsgen.File("gone.txt", "gone", func(n *ntfsgen.Node) { n.Deleted = true }), ntfsgen.File("there.txt", "there")))...)
	free := func(w *ntfsgen.Volume, path string) *ntfsgen.Volume {
		return rewrite(t, w, v.File(path).Record, func(rec []byte) { rec[22] &^= recordInUse })
	}
	continues := func(path, base string) *ntfsgen.Volume {
		return rewrite(t, v, v.File(path).Record, func(rec []byte) {
			f := v.File(base)
			binary.LittleEndian.PutUint64(rec[32:], f.Record|uint64(f.Sequence)<<48)
		})
	}
	bit := func(w *ntfsgen.Volume, num uint64, on bool) *ntfsgen.Volume {
		at := int64(-1)
		rewrite(t, v, 0, func(rec []byte) {
			a := attribute(t, rec, typeBitmap, 0)
			r := a[binary.LittleEndian.Uint16(a[32:]):]
			at = 0
			for k := range int(r[0] >> 4) {
				at |= int64(r[1+int(r[0]&15)+k]) << (8 * k) * 4096
			}
		})
		b := make([]byte, 1)
		if _, err := w.ReadAt(b, at+int64(num/8)); err != nil {
			t.Fatal(err)
		}
		b[0] &^= 1 << (num % 8)
		if on {
			b[0] |= 1 << (num % 8)
		}
		return w.Patch(at+int64(num/8), b)
	}
	const one = "one of its own"
	c := v.File(`deep\a\b\c.txt`).Record
	for _, tt := range []struct {
		name string
		v    *ntfsgen.Volume
		want map[string]string
		told bool // a problem is, though nothing is lost
	}{
		{"a file", free(v, `deep\a\b\c.txt`), map[string]string{`deep\a\b\c.txt`: "lost"}, false},
		{"one of many", free(v, `many\file with a name 77.txt`), map[string]string{`many\file with a name 77.txt`: "lost"}, false},
		{"several names", free(v, `several.txt`), map[string]string{`several.txt`: "lost", `many\other name.txt`: "lost", `deep\a\third.txt`: "lost"}, false},
		{"a folder", free(v, `deep\a`), map[string]string{`deep\a`: "lost"}, false},
		{"two", free(free(v, `deep\a`), `root.txt`), map[string]string{`deep\a`: "lost", `root.txt`: "lost"}, false},
		{"free in the bitmap as well", bit(free(v, `deep\a\b\c.txt`), c, false), map[string]string{`deep\a\b\c.txt`: "gone"}, false},
		{"another sequence number", rewrite(t, free(v, `deep\a\b\c.txt`), c, func(rec []byte) { rec[16]++ }), map[string]string{`deep\a\b\c.txt`: "gone"}, false},
		{"a deleted file and an old bit", bit(v, v.File(`deleted\gone.txt`).Record, true), nil, false},
		{"continues a file", continues(`deep\a\b\c.txt`, "root.txt"), map[string]string{`deep\a\b\c.txt`: one}, true},
		{"continues a file with a list", continues(`deep\a\b\c.txt`, "pieces.bin"), map[string]string{`deep\a\b\c.txt`: one}, true},
		{"continues a folder", continues("big.bin", "deep"), map[string]string{"big.bin": one}, true},
		{"a folder that continues a file", continues(`deep\a`, "root.txt"), map[string]string{`deep\a`: one}, true},
		{"free, and of another place", rewrite(t, free(v, `root.txt`), v.File("root.txt").Record, func(rec []byte) { rec[44], rec[16] = 200, 9 }), map[string]string{"root.txt": "lost"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs, err := Open(tt.v, v.Size(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, outcomes(t, v, fs), tt.want)
			named := map[uint64]bool{}
			for _, f := range v.Files() {
				if tt.want[f.Paths[0]] == "lost" {
					named[f.Record] = true
				}
			}
			if h := fs.Health(); h.Lost != 0 || h.Named != len(named) || h.Orphans != 0 || (h.Damaged > 0) != (len(named) > 0 || tt.told) {
				t.Errorf("%+v, want %d with names", h, len(named))
			}
			if _, err := fs.Lookup(`deleted\gone.txt`); err == nil {
				t.Error("what is deleted is listed")
			}
		})
	}
}

// TestAstray: what says that it is in a folder which is not there is in the one
// whose index has it.
func TestAstray(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{}, lostTree()...)
	parent := func(path string, ref uint64) *ntfsgen.Volume {
		return rewrite(t, v, v.File(path).Record, func(rec []byte) {
			copy(value(attribute(t, rec, typeFileName, 0)), binary.LittleEndian.AppendUint64(nil, ref))
		})
	}
	self := func(path string) uint64 { f := v.File(path); return f.Record | uint64(f.Sequence)<<48 }
	sequence := func(path string) *ntfsgen.Volume {
		return rewrite(t, v, v.File(path).Record, func(rec []byte) { rec[16] += 5 })
	}
	unmarked := func(path string) *ntfsgen.Volume {
		return rewrite(t, v, v.File(path).Record, func(rec []byte) { rec[22] &^= recordDirectory })
	}
	const astray, number = "where the index of a folder has it", "its sequence number is"
	for _, tt := range []struct {
		name string
		v    *ntfsgen.Volume
		want map[string]string
	}{
		{"a folder in itself", parent(`deep\a`, self(`deep\a`)), map[string]string{`deep\a`: astray}},
		{"a folder in none", parent(`deep\a`, 0xFFFFF|1<<48), map[string]string{`deep\a`: astray}},
		{"a folder in an old one", parent(`deep\a`, self("deep")^0x40<<48), map[string]string{`deep\a`: astray}},
		{"a folder in a file", parent(`deep\a`, self("root.txt")), map[string]string{`deep\a`: astray}},
		{"a folder of many in an old root", parent("many", 5|9<<48), map[string]string{"many": astray}},
		{"a file in none", parent(`many\file with a name 77.txt`, 0xFFFFF|1<<48), map[string]string{`many\file with a name 77.txt`: astray}},
		{"a folder that is none", unmarked(`deep\a`), map[string]string{`deep\a`: "has the index of one"}},
		{"a large folder that is none", unmarked("many"), map[string]string{"many": "has the index of one"}},
		{"the number of a folder", sequence(`deep\a`), map[string]string{`deep\a`: number}},
		{"the number of a folder of many", sequence("many"), map[string]string{"many": number}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs, err := Open(tt.v, v.Size(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := outcomes(t, v, fs)
			expect(t, got, tt.want)
			if h := fs.Health(); h.Lost+h.Named+h.Orphans != 0 || h.Damaged != len(tt.want) {
				t.Errorf("%+v", h)
			}
		})
	}
	// A name that no folder has stays an orphan, and costs no other.
	w := rewrite(t, v, v.File("root.txt").Record, func(rec []byte) {
		b := value(attribute(t, rec, typeFileName, 0))
		copy(b, binary.LittleEndian.AppendUint64(nil, 0xFFFFF|1<<48))
		b[66]++
	})
	fs, err := Open(w, v.Size(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, outcomes(t, v, fs), map[string]string{"root.txt": "gone"})
	if h := fs.Health(); h.Orphans != 1 || h.Damaged != 1 {
		t.Errorf("%+v", h)
	}
}
