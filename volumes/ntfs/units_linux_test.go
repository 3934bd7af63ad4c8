package ntfs

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// TestCompressedNTFS3G lets ntfs-3g write, rewrite, extend and cut compressed
// files in many ways, and reads them.
func TestCompressedNTFS3G(t *testing.T) {
	needsNTFS3G(t)
	img := filepath.Join(t.TempDir(), "v.img")
	if err := os.WriteFile(img, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(img, 64<<20); err != nil {
		t.Fatal(err)
	}
	run3g(t, "mkntfs", "-q", "-F", "-c", "4096", img)
	dir, unmount := mount(t, img, "compression")
	dir = filepath.Join(dir, "packed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	run3g(t, "setfattr", "-h", "-v", "0x10080000", "-n", "system.ntfs_attrib", dir)
	rnd := rand.New(rand.NewSource(1))
	random := make([]byte, 3000)
	rnd.Read(random)
	pools := [][]byte{[]byte("the quick brown fox "), {0}, random, append(make([]byte, 9000), random...)}
	want := map[string][]byte{}
	write := func(name string) error {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer func() { f.Close() }()
		var b []byte
		for range 1 + rnd.Intn(6) {
			size := int64(len(b))
			grow := func(n int64) {
				if n > int64(len(b)) {
					b = append(b, make([]byte, n-int64(len(b)))...)
				}
			}
			at := size
			switch rnd.Intn(4) {
			case 0:
				at = size + []int64{1, 5000, 60000, 150000}[rnd.Intn(4)]
			case 1:
				at = rnd.Int63n(size + 1)
			case 2:
				n := []int64{size / 2, size + 7000, size + 100000, max(0, size-1)}[rnd.Intn(4)]
				if err := f.Truncate(n); err != nil {
					return err
				}
				grow(n)
				b = b[:n]
				continue
			}
			pool, n := pools[rnd.Intn(len(pools))], []int{1, 100, 4096, 5000, 30000, 65536, 90000}[rnd.Intn(7)]
			p := bytes.Repeat(pool, n/len(pool)+1)[:n]
			if _, err := f.WriteAt(p, at); err != nil {
				return err
			}
			grow(at + int64(len(p)))
			copy(b[at:], p)
			if rnd.Intn(3) == 0 {
				if err := f.Close(); err != nil {
					return err
				}
				if f, err = os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0); err != nil {
					return err
				}
			}
		}
		want[name] = b
		return nil
	}
	for i := range 30 {
		if err := write(fmt.Sprint("file ", i)); err != nil {
			t.Fatal(err)
		}
	}
	unmount()
	fs := openFile(t, img)
	packed := 0
	for name, b := range want {
		e, info := lookup(t, fs, `packed\`+name)
		if info.Mode&winfs.Compressed != 0 {
			packed++
		}
		s, err := fs.Open(e, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size()))
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(b), err)
		}
	}
	if packed < 15 {
		t.Errorf("only %d of %d files are compressed", packed, len(want))
	}
}
