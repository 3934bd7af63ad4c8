package image

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkRead reads a disk of 256 MiB out of each container: in rows of 4 MiB
// and of 64 KiB, and 4 KiB at random places. "file" is the raw disk without this
// package.
func BenchmarkRead(b *testing.B) {
	const size = 256 << 20
	dir := b.TempDir()
	// Two of three MiB do not compress, the third is text.
	disk := make([]byte, size)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < size; i += 8 {
		v := rng.Uint64()
		for j := range 8 {
			if i>>20%3 == 2 {
				disk[i+j] = "abcdefgh"[v>>(3*j)&7]
			} else {
				disk[i+j] = byte(v >> (8 * j))
			}
		}
	}
	raw := writeFile(b, dir, "disk.raw", disk)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"file", nil},
		{"raw", nil},
		{"vhd", []string{"vpc", "subformat=dynamic,force_size=on"}},
		{"vhdx", []string{"vhdx", "subformat=dynamic"}},
		{"vmdk", []string{"vmdk", "subformat=monolithicSparse"}},
		{"vmdk-stream", []string{"vmdk", "subformat=streamOptimized"}},
		{"qcow2", []string{"qcow2", "compat=1.1"}},
		{"qcow2-zlib", []string{"qcow2", "compat=1.1", "-c"}},
		{"qcow2-zstd", []string{"qcow2", "compression_type=zstd", "-c"}},
		{"vdi", []string{"vdi", "static=off"}},
		{"e01-none", nil},
		{"e01-fast", nil},
	} {
		path := raw
		switch {
		case c.args != nil:
			path = filepath.Join(dir, c.name)
			args := append([]string{"convert", "-f", "raw", "-O", c.args[0], "-o", c.args[1]}, c.args[2:]...)
			command(b, dir, "qemu-img", append(args, raw, path)...)
		case c.name == "e01-none", c.name == "e01-fast":
			command(b, dir, "ewfacquire", "-u", "-q", "-c", c.name[4:], "-S", "1TiB", "-t", c.name, raw)
			path = filepath.Join(dir, c.name+".E01")
		}
		var r io.ReaderAt
		if c.name == "file" {
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			r = f
		} else {
			r = mustOpen(b, path)
		}
		row := func(n int64) func(*testing.B) {
			return func(b *testing.B) {
				b.SetBytes(size)
				p := make([]byte, n)
				for b.Loop() {
					for off := int64(0); off < size; off += n {
						if _, err := r.ReadAt(p, off); err != nil && err != io.EOF {
							b.Fatal(err)
						}
					}
				}
			}
		}
		b.Run("4MiB/"+c.name, row(4<<20))
		b.Run("64KiB/"+c.name, row(64<<10))
		b.Run("random4KiB/"+c.name, func(b *testing.B) {
			b.SetBytes(4096)
			rng := rand.New(rand.NewPCG(5, 6))
			p := make([]byte, 4096)
			for b.Loop() {
				if _, err := r.ReadAt(p, rng.Int64N(size/4096)*4096); err != nil && err != io.EOF {
					b.Fatal(err)
				}
			}
		})
		if path != raw {
			os.Remove(path)
		}
	}
}
