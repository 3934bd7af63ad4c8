package ntfs

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
)

func readAll(t *testing.T, s winfs.Stream) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size()))
	if err != nil {
		t.Error(err)
	}
	return b
}

// TestEncrypted reads the ciphertext of files in every form, behind the size
// of the file up to the block that was encrypted.
func TestEncrypted(t *testing.T) {
	efs := func(n *ntfsgen.Node) { n.EFS = append([]byte{84, 0, 0, 0, 0, 0, 0, 0, 2}, make([]byte, 75)...) }
	large := func(n *ntfsgen.Node) { n.EFS = append([]byte{0, 0x40, 0, 0, 0, 0, 0, 0, 2}, make([]byte, 16384-9)...) }
	sized := func(n int64) *ntfsgen.Data {
		b := ntfsgen.Noise(fmt.Sprint(n), (n+511)/512*512).All()
		d := ntfsgen.Bytes(b)
		d.Size = n
		return d
	}
	many := func(n *ntfsgen.Node) {
		for i := range 30 {
			n.Add(ntfsgen.Stream{Name: fmt.Sprintf("a stream with a long name %d", i), Data: sized(int64(700 + i))})
		}
	}
	holes := ntfsgen.Bytes(append(append(ntfsgen.Noise("a", 65536).All(), make([]byte, 131072)...), ntfsgen.Noise("b", 65536).All()...)).Sparse()
	v := ntfsgen.Build(ntfsgen.Options{},
		ntfsgen.File("empty", efs), ntfsgen.File("1", sized(1), efs), ntfsgen.File("512", sized(512), efs), ntfsgen.File("5000", sized(5000).Split(2), large),
		ntfsgen.File("valid", sized(9000).Valid(4096), efs), ntfsgen.File("streams", sized(100), efs, many),
		ntfsgen.File("holes", holes, efs),
		ntfsgen.File("plain", "plain"), ntfsgen.Dir("folder", efs))
	fs, err := Open(v, v.Size(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkVolume(t, fs, v)
	for _, f := range v.Files() {
		e, info := lookup(t, fs, f.Paths[0])
		if f.EFS == nil {
			if _, err := fs.EFS(e); err == nil {
				t.Errorf("%s has $EFS", f.Paths[0])
			}
			if _, err := fs.OpenRaw(e, ""); err == nil {
				t.Errorf("%s opens as encrypted", f.Paths[0])
			}
			continue
		}
		if b, err := fs.EFS(e); err != nil || !bytes.Equal(b, f.EFS) {
			t.Errorf("%s: $EFS of %d bytes, %v", f.Paths[0], len(b), err)
		}
		if f.Dir {
			continue
		}
		check := func(name string, d *ntfsgen.Data) {
			if d == nil {
				d = ntfsgen.Bytes(nil)
			}
			c, err := fs.OpenRaw(e, name)
			if err != nil || c.Size != d.Size || c.Valid != d.ValidSize() || c.Cluster != 4096 {
				t.Errorf("%s:%s: %+v, %v", f.Paths[0], name, c, err)
				return
			}
			want := make([]byte, (d.Size+511)/512*512)
			copy(want, d.Bytes)
			clear(want[min(int64(len(want)), (d.ValidSize()+511)/512*512):])
			if b := readAll(t, c.Data); !bytes.Equal(b, want) {
				t.Errorf("%s:%s: %d bytes, want %d", f.Paths[0], name, len(b), len(want))
			}
		}
		check("", f.Data)
		for _, s := range f.Streams {
			check(s.Name, s.Data)
		}
		if f.Paths[0] == "holes" {
			if c, err := fs.OpenRaw(e, ""); err != nil || !c.Sparse || len(c.Data.Holes()) != 1 || c.Data.Holes()[0].Len != 131072 {
				t.Errorf("holes: %+v, %v", c, err)
			}
		}
		if info.Mode&winfs.Encrypted == 0 {
			t.Errorf("%s: mode %b", f.Paths[0], info.Mode)
		}
		if _, err := fs.OpenRaw(e, "no such stream"); err == nil {
			t.Error("a stream that is not there opens")
		}
	}
}
