package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// This file reads the volumes that package ntfsgen writes, and compares with
// the literals they were made of.

// checkVolume compares everything that fs tells with what v was made of.
func checkVolume(t *testing.T, fs *FS, v *ntfsgen.Volume) {
	t.Helper()
	for _, p := range fs.Problems() {
		t.Errorf("problem: %s", p)
	}
	want := map[string]bool{}
	for _, f := range v.Files() {
		for _, path := range f.Paths {
			want[path] = true
			e, err := fs.Lookup(path)
			if err != nil {
				t.Errorf("%q: %v", path, err)
				continue
			}
			if err := checkFile(fs, e, f); err != nil {
				t.Errorf("%q: %v", path, err)
			}
		}
	}
	for e := range entries(t, fs) {
		if path := winfs.Path(fs, e); !want[path] {
			t.Errorf("%q is listed, but was not made", path)
		}
	}
}

func checkFile(fs *FS, e winfs.Entry, f ntfsgen.Placed) error {
	info, err := fs.Info(e)
	if err != nil {
		return err
	}
	attr := f.Attr
	if f.Dir {
		attr |= winfs.AttrDirectory
	}
	switch {
	case info.Damage != "":
		return errors.New("damage: " + info.Damage)
	case uint64(info.File) != f.Record|uint64(f.Sequence)<<48:
		return fmt.Errorf("file %#x, want record %d, sequence number %d", uint64(info.File), f.Record, f.Sequence)
	case info.Attr != attr:
		return fmt.Errorf("attributes %#x, want %#x", info.Attr, attr)
	case info.Links != len(f.Paths):
		return fmt.Errorf("%d links, want %d", info.Links, len(f.Paths))
	}
	if got := (ntfsgen.Times{Created: uint64(info.Created), Modified: uint64(info.Modified), Changed: uint64(info.Changed), Accessed: uint64(info.Accessed)}); got != *f.Times {
		return fmt.Errorf("times %v, want %v", got, *f.Times)
	}
	if sd, err := fs.Security(e); err != nil || !bytes.Equal(sd, f.Security) {
		return fmt.Errorf("security %x (%w), want %x", sd, err, f.Security)
	}
	if data, err := fs.Reparse(e); err != nil || !bytes.Equal(data, f.Reparse) {
		return fmt.Errorf("reparse data %x (%v), want %x", data, err, f.Reparse)
	}
	if !f.Dir {
		switch err := checkStream(fs, e, "", f.Data); {
		case f.Reparse == nil && err != nil:
			return err
		case f.Reparse != nil && err != nil && !errors.Is(err, ErrNotLocal) && !errors.Is(err, winfs.ErrUnsupported):
			return err
		}
		if size := f.Data.Size; info.Size != size {
			return fmt.Errorf("size %d, want %d", info.Size, size)
		}
	}
	if err := checkExtras(fs, e, f); err != nil {
		return err
	}
	list, err := fs.Streams(e)
	if err != nil {
		return err
	}
	if len(list) != len(f.Streams) {
		return fmt.Errorf("%d streams, want %d", len(list), len(f.Streams))
	}
	for _, s := range f.Streams {
		if err := checkStream(fs, e, s.Name, s.Data); err != nil {
			return fmt.Errorf("stream %q: %w", s.Name, err)
		}
	}
	return nil
}

// checkExtras compares what few files have.
func checkExtras(fs *FS, e winfs.Entry, f ntfsgen.Placed) error {
	if info, err := fs.Info(e); err != nil || info.CaseSensitive != f.CaseSensitive {
		return fmt.Errorf("case sensitive %v (%w), want %v", info.CaseSensitive, err, f.CaseSensitive)
	}
	var want []winfs.EA
	for _, a := range f.EAs {
		if !strings.HasPrefix(a.Name, "$KERNEL.") {
			want = append(want, winfs.EA{Name: a.Name, Value: a.Value, Need: a.Need})
		}
	}
	b, err := fs.EAs(e)
	if err != nil {
		return err
	}
	if got, err := winfs.ParseEAs(b); err != nil || !slices.EqualFunc(got, want, func(a, b winfs.EA) bool {
		return a.Name == b.Name && bytes.Equal(a.Value, b.Value) && a.Need == b.Need
	}) {
		return fmt.Errorf("extended attributes %v (%w), want %v", got, err, want)
	}
	id, err := fs.ObjectID(e)
	if want := f.ObjectID[:]; err != nil || f.ObjectID == [16]byte{} && id != nil || f.ObjectID != [16]byte{} && !bytes.Equal(id, want) {
		return fmt.Errorf("object id %x (%w), want %x", id, err, want)
	}
	short := ""
	if winfs.Path(fs, e) == f.Paths[0] {
		short = f.Short // the pair of the first name
	}
	if got := fs.ShortName(e); got != short {
		return fmt.Errorf("short name %q, want %q", got, short)
	}
	if short != "" {
		dir := f.Paths[0][:len(f.Paths[0])-len(fs.Name(e))]
		for _, name := range []string{short, strings.ToLower(short)} {
			if got, err := fs.Lookup(dir + name); err != nil || got != e {
				return fmt.Errorf("lookup of %q: entry %d (%w), want %d", dir+name, got, err, e)
			}
		}
	}
	return nil
}

// checkStream compares a stream; of a very large one only the parts around
// the ends of its extents.
func checkStream(fs *FS, e winfs.Entry, name string, d *ntfsgen.Data) error {
	s, err := fs.Open(e, name)
	if err != nil {
		return err
	}
	if d == nil {
		d = ntfsgen.Bytes(nil)
	}
	if s.Size() != d.Size {
		return fmt.Errorf("size %d, want %d", s.Size(), d.Size)
	}
	const chunk = 300_001
	at := []int64{}
	if d.Size < 64<<20 {
		for off := int64(0); off < d.Size; off += chunk {
			at = append(at, off)
		}
	} else {
		for _, x := range s.Extents() {
			at = append(at, max(0, x.Off-chunk/2), x.Off, max(0, x.Off+x.Len-chunk/2))
		}
		at = append(at, d.Size-1)
	}
	got, want := make([]byte, chunk), make([]byte, chunk)
	for _, off := range at {
		n := min(chunk, d.Size-off)
		if k, err := s.ReadAt(got[:n], off); int64(k) != n || err != nil && err != io.EOF {
			return fmt.Errorf("%d bytes of %d at %d: %w", k, n, off, err)
		}
		_, _ = d.ReadAt(want[:n], off)
		if !bytes.Equal(got[:n], want[:n]) {
			i := 0
			for got[i] == want[i] {
				i++
			}
			return fmt.Errorf("the byte at %d is %#x, want %#x", off+int64(i), got[i], want[i])
		}
	}
	return nil
}

// TestMachines walks every volume of every machine.
func TestMachines(t *testing.T) {
	for _, name := range testimages.MachineNames() {
		t.Run(name, func(t *testing.T) {
			m := testimages.Machine(name)
			n := 0
			for _, v := range m.Volumes {
				if v.NTFS == nil {
					continue
				}
				n++
				fs, err := Open(io.NewSectionReader(m.Reader(v.Disk), v.Offset, v.Size), v.Size, Options{})
				if err != nil {
					t.Fatalf("volume %d: %v", v.Number, err)
				}
				checkVolume(t, fs, v.NTFS)
			}
			if n == 0 {
				t.Error("no volume of NTFS")
			}
		})
	}
}

// matrixTree is a tree that has everything a geometry can change.
func matrixTree(cluster int, compressed, fragmented bool) []*ntfsgen.Node {
	// A few MiB in all, whatever the cluster.
	const most = 2 << 20
	runs := 1
	if fragmented {
		runs = min(300, most/cluster)
	}
	unit := min(16*cluster, most/8)
	packed := ntfsgen.Bytes(slices.Concat(ntfsgen.Words("p", 3*unit+cluster/2).All(), make([]byte, 4*unit), ntfsgen.Noise("n", int64(2*unit)).All(), ntfsgen.Words("q", unit+700).All()))
	var many []*ntfsgen.Node
	for i := range 200 {
		many = append(many, ntfsgen.File(fmt.Sprintf("%s %d.txt", strings.Repeat("long name ", 1+i%9), i), fmt.Sprint("content ", i)))
	}
	tree := []*ntfsgen.Node{
		ntfsgen.Dir("many", many),
		ntfsgen.File("plain.bin", ntfsgen.Noise("plain", int64(min(100*cluster, most)+77)).Split(runs/3+1)),
		ntfsgen.File("pieces.bin", ntfsgen.Noise("pieces", int64(runs*cluster)).Split(runs)),
		ntfsgen.File("sparse.bin", ntfsgen.Bytes(packed.Bytes).Sparse().Split(runs/10+1)),
		ntfsgen.File("half.bin", ntfsgen.Noise("half", most/8).Valid(most/16+5)),
		ntfsgen.File("resident.txt", "resident", ntfsgen.Link(`many\second name.txt`), ntfsgen.Stream{Name: "stream", Data: ntfsgen.Noise("s", int64(cluster+1))}),
		ntfsgen.File("own.txt", "own", ntfsgen.SecurityUser("S-1-5-21-1-2-3-1001"), func(n *ntfsgen.Node) { n.OwnSecurity = true }),
		ntfsgen.File("deleted.txt", "gone", func(n *ntfsgen.Node) { n.Deleted = true }),
	}
	if compressed {
		tree = append(tree, ntfsgen.File("packed.bin", packed.Compress().Split(runs/10+1)),
			ntfsgen.File("packed.txt", ntfsgen.Words("w", 200_000).Compress()),
			ntfsgen.File("packed half.txt", ntfsgen.Words("h", 40*cluster).Compress().Valid(int64(20*cluster+5))),
			ntfsgen.File("streams.txt", "s", ntfsgen.Stream{Name: "packed", Data: ntfsgen.Words("s", 33*cluster).Compress()}))
	}
	return tree
}

// matrix runs fn for volumes of all geometries: cluster × record × sector
// size, each whole and in fragments, and where clusters are small enough for
// it with compressed files and without.
func matrix(t *testing.T, fn func(t *testing.T, v *ntfsgen.Volume)) {
	volumes := 0
	sizes := map[string]map[any]int{}
	count := func(what string, v any) {
		if sizes[what] == nil {
			sizes[what] = map[any]int{}
		}
		sizes[what][v]++
	}
	both := []bool{false, true}
	for _, sector := range []int{512, 1024, 2048, 4096} {
		for cluster := sector; cluster <= 2<<20; cluster *= 4 {
			for _, record := range []int{1024, 4096} {
				for _, compressed := range both {
					if compressed && cluster > 4096 {
						continue // Windows compresses nothing there
					}
					for _, fragmented := range both {
						volumes++
						count("sector", sector)
						count("cluster", cluster)
						count("record", record)
						count("compressed", compressed)
						count("fragmented", fragmented)
						name := fmt.Sprintf("sector %d cluster %d record %d compressed %v fragmented %v", sector, cluster, record, compressed, fragmented)
						t.Run(name, func(t *testing.T) {
							opt := ntfsgen.Options{Sector: sector, Cluster: cluster, Record: record, Label: "Matrix"}
							if fragmented {
								opt.MFTRuns = 30
							}
							fn(t, ntfsgen.Build(opt, matrixTree(cluster, compressed, fragmented)...))
						})
					}
				}
			}
		}
	}
	for what, n := range map[string]int{"sector": 4, "cluster": 12, "record": 2, "compressed": 2, "fragmented": 2} {
		if len(sizes[what]) < n {
			t.Errorf("%s: only %v", what, sizes[what])
		}
	}
	if volumes < 60 {
		t.Errorf("%d volumes", volumes)
	}
	t.Logf("%d volumes: %v", volumes, sizes)
}

// TestMatrix compares with what the volumes were made of.
func TestMatrix(t *testing.T) {
	matrix(t, func(t *testing.T, v *ntfsgen.Volume) {
		t.Parallel()
		fs, err := Open(v, v.Size(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		checkVolume(t, fs, v)
	})
}
