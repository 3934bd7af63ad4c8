package ntfs

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// benchVolume opens the volume that COLDSTATE_NTFS_BENCH names, a large bare
// NTFS volume.
func benchVolume(tb testing.TB) (*os.File, int64) {
	tb.Helper()
	name := os.Getenv("COLDSTATE_NTFS_BENCH")
	if name == "" {
		tb.Skip("needs COLDSTATE_NTFS_BENCH, the path of a large NTFS volume image")
	}
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	return f, st.Size()
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func list(tb testing.TB, fs *FS) (n int) {
	for e := range entries(tb, fs) {
		_ = e
		n++
	}
	return n
}

// entries iterates over all entries below the root.
func entries(tb testing.TB, fs *FS) func(func(winfs.Entry) bool) {
	return func(yield func(winfs.Entry) bool) {
		stack := []winfs.Entry{fs.Root()}
		for len(stack) > 0 {
			d := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			kids, err := fs.Children(d)
			if err != nil {
				tb.Fatal(err)
			}
			for _, k := range kids {
				info, err := fs.Info(k)
				if err != nil {
					tb.Fatal(err)
				}
				if !yield(k) {
					return
				}
				if info.IsDir() {
					stack = append(stack, k)
				}
			}
		}
	}
}

// TestIndexMemory holds the index to 150 bytes a file.
func TestIndexMemory(t *testing.T) {
	f, size := benchVolume(t)
	before := heap()
	fs, err := Open(f, size, Options{})
	if err != nil {
		t.Fatal(err)
	}
	opened := heap()
	n := list(t, fs)
	after := heap()
	per := float64(after-before) / float64(n)
	t.Logf("%d entries, %d files: %.1f bytes an entry (%.1f before listing)", n, fs.x.files.n, per, float64(opened-before)/float64(n))
	if n > 100_000 && per > 150 {
		t.Errorf("%.1f bytes a file, at most 150 are allowed", per)
	}
	runtime.KeepAlive(fs)
}

// BenchmarkReadMFT is the floor of BenchmarkOpen: reading $MFT and nothing
// else.
func BenchmarkReadMFT(b *testing.B) {
	f, size := benchVolume(b)
	fs := &FS{dev: device{f, size}}
	if err := fs.boot(); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, scanSize)
	for b.Loop() {
		for off := int64(0); off < fs.mft.size; off += int64(len(buf)) {
			if _, err := fs.mft.ReadAt(buf, off); err != nil && err != io.EOF {
				b.Fatal(err)
			}
		}
	}
	b.SetBytes(fs.mft.size)
}

// BenchmarkOpen opens a volume.
func BenchmarkOpen(b *testing.B) {
	f, size := benchVolume(b)
	n := uint32(0)
	for b.Loop() {
		fs, err := Open(f, size, Options{})
		if err != nil {
			b.Fatal(err)
		}
		n = fs.x.links.n
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
}

// BenchmarkList opens a volume, lists every folder and describes every entry.
func BenchmarkList(b *testing.B) {
	f, size := benchVolume(b)
	n := 0
	for b.Loop() {
		fs, err := Open(f, size, Options{})
		if err != nil {
			b.Fatal(err)
		}
		n = list(b, fs)
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
}

// BenchmarkReadAll reads every stream in the order of the medium.
func BenchmarkReadAll(b *testing.B) {
	f, size := benchVolume(b)
	fs, err := Open(f, size, Options{})
	if err != nil {
		b.Fatal(err)
	}
	type item struct {
		e     winfs.Entry
		start int64
	}
	var items []item
	for e := range entries(b, fs) {
		if info, _ := fs.Info(e); !info.IsDir() {
			items = append(items, item{e, info.Start})
		}
	}
	slices.SortFunc(items, func(x, y item) int {
		switch {
		case x.start < y.start:
			return -1
		case x.start > y.start:
			return 1
		}
		return 0
	})
	buf := make([]byte, 1<<20)
	var total int64
	b.ResetTimer()
	for b.Loop() {
		total = 0
		for _, it := range items {
			s, err := fs.Open(it.e, "")
			if err != nil {
				b.Fatal(err)
			}
			for off := int64(0); off < s.Size(); off += int64(len(buf)) {
				n, err := s.ReadAt(buf, off)
				if err != nil && err != io.EOF {
					b.Fatal(fmt.Errorf("%s: %w", winfs.Path(fs, it.e), err))
				}
				total += int64(n)
			}
		}
	}
	b.SetBytes(total)
	b.ReportMetric(float64(len(items))*float64(b.N)/b.Elapsed().Seconds(), "files/s")
}
