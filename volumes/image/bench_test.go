package image

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkRead reads a disk of 256 MiB out of each container, in turns: in rows
// of 4 MiB and of 64 KiB, and 4 KiB at random places. "file" is the raw disk
// without this package. It gives the fastest turn of each in MB/s, and in per
// cent of the file's.
func BenchmarkRead(b *testing.B) { benchmarkRead(b, 0) }

// BenchmarkUnpack does the same with containers that are compressed or have
// checksums.
func BenchmarkUnpack(b *testing.B) { benchmarkRead(b, 1) }

func benchmarkRead(b *testing.B, kind int) {
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
	type container struct {
		name string
		r    io.ReaderAt
		best [3]time.Duration
	}
	var list []*container
	type recipe struct {
		name string
		args []string
	}
	for _, c := range [][]recipe{{
		{"file", nil},
		{"raw", nil},
		{"vhd", []string{"vpc", "subformat=dynamic,force_size=on"}},
		{"vhdx", []string{"vhdx", "subformat=dynamic"}},
		{"vmdk", []string{"vmdk", "subformat=monolithicSparse"}},
		{"qcow2", []string{"qcow2", "compat=1.1"}},
		{"vdi", []string{"vdi", "static=off"}},
	}, {
		{"file", nil},
		{"vmdk-stream", []string{"vmdk", "subformat=streamOptimized"}},
		{"qcow2-zlib", []string{"qcow2", "compat=1.1", "-c"}},
		{"qcow2-zstd", []string{"qcow2", "compression_type=zstd", "-c"}},
		{"e01-none", nil},
		{"e01-fast", nil},
	}}[kind] {
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
		x := &container{name: c.name}
		if c.name == "file" {
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			x.r = f
		} else {
			x.r = mustOpen(b, path)
		}
		list = append(list, x)
	}
	p := make([]byte, 4<<20)
	read := func(r io.ReaderAt, p []byte, off int64) {
		if n, err := r.ReadAt(p, off); n != len(p) && err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		for _, c := range list {
			for i, n := range []int64{4 << 20, 64 << 10, 4 << 10} {
				began := time.Now()
				if n == 4<<10 {
					for range 4096 {
						read(c.r, p[:n], rng.Int64N(size/n)*n)
					}
				} else {
					for off := int64(0); off < size; off += n {
						read(c.r, p[:n], off)
					}
				}
				if d := time.Since(began); c.best[i] == 0 || d < c.best[i] {
					c.best[i] = d
				}
			}
		}
	}
	table := ""
	for _, c := range list {
		s := fmt.Sprintf("\n%-12s", c.name)
		for i, n := range []int64{size, size, 4096 * 4096} {
			s += fmt.Sprintf(" %6.0f MB/s %4.0f %%", float64(n)/c.best[i].Seconds()/1e6, 100*float64(list[0].best[i])/float64(c.best[i]))
		}
		table += s
	}
	b.Log(table)
}
