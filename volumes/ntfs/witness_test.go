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
	// list changes the attribute list of a file, wherever it lies.
	list := func(path string, change func(b []byte)) *ntfsgen.Volume {
		out := v
		rec := rewrite(t, v, v.File(path).Record, func(rec []byte) {
			a := attribute(t, rec, typeAttributeList, 0)
			if a[8] == 0 {
				change(value(a))
				return
			}
			// Its clusters are one run.
			at := a[binary.LittleEndian.Uint16(a[32:]):]
			n, m := int(at[0]&15), int(at[0]>>4)
			lcn := int64(0)
			for k := range m {
				lcn |= int64(at[1+n+k]) << (8 * k)
			}
			b := make([]byte, binary.LittleEndian.Uint64(a[48:]))
			if _, err := v.ReadAt(b, lcn*4096); err != nil {
				t.Fatal(err)
			}
			change(b)
			out = v.Patch(lcn*4096, b)
		})
		if out == v {
			out = rec
		}
		return out
	}
	fill := func(c byte, from func(n int) int) func(b []byte) {
		return func(b []byte) {
			for k := from(len(b)); k < len(b); k++ {
				b[k] = c
			}
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
			test{f.path + " not its own", list(f.path, func(b []byte) { // it starts with $STANDARD_INFORMATION
				own := slices.Clone(b[16:24])
				for off := 0; off+26 <= len(b); off += int(binary.LittleEndian.Uint16(b[off+4:])) {
					if bytes.Equal(b[off+16:off+24], own) {
						copy(b[off+16:], binary.LittleEndian.AppendUint64(nil, v.File(f.path).Further[0]|1<<48))
					}
				}
			}), p, "does not name the record that it is in"},
			test{f.path + " another record", list(f.path, func(b []byte) {
				last := lastEntry(b)
				copy(b[last+16:], binary.LittleEndian.AppendUint64(nil, v.File("plain.txt").Record|1<<48))
			}), p, "belongs to another file"},
			test{f.path + " an attribute that is not there", list(f.path, func(b []byte) {
				last := lastEntry(b)
				copy(b[last:], binary.LittleEndian.AppendUint32(nil, typeEA))
			}), p, "does not have it"},
		)
	}
	// An entry less, in a list that is shorter.
	short := rewrite(t, v, v.File("names.txt").Record, func(rec []byte) {
		a := attribute(t, rec, typeAttributeList, 0)
		b := value(a)
		last := lastEntry(b)
		gone := slices.Clone(b[last+16 : last+24])
		n := 0
		for off := 0; off < len(b); {
			k := int(binary.LittleEndian.Uint16(b[off+4:]))
			if !bytes.Equal(b[off+16:off+24], gone) {
				copy(b[n:], b[off:off+k])
				n += k
			}
			off += k
		}
		binary.LittleEndian.PutUint32(a[16:], uint32(n))
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
