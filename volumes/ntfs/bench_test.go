package ntfs

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// benchVolume opens the volume that COLDSTATE_NTFS_BENCH names, a large bare
// NTFS volume; without it, one of 20,000 files that is made here.
func benchVolume(tb testing.TB) (io.ReaderAt, int64) {
	tb.Helper()
	name := os.Getenv("COLDSTATE_NTFS_BENCH")
	if name == "" {
		b := manyFiles(20_000)
		return bytes.NewReader(b), int64(len(b))
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

// manyFiles is a volume with n files of 3000 bytes, a hundred in each folder.
// Half of them have a short name as well.
func manyFiles(n int) []byte {
	records := 24 + n + n/100
	v := newVolume(testMFT + records + 100)
	v.next = int64(testMFT + records)
	at := v.place(fill(3000, 1))
	put := func(num int, rec []byte) { copy(v.b[testMFT*testCluster+num*testRecord:], rec) }
	put(0, makeRecord(testRecord, 0, 1, fileFlag, 0, fileName(rootRef, 3, "$MFT"), data(int64(records)*testRecord, testMFT, int64(records))))
	put(5, makeRecord(testRecord, 5, 5, dirFlag, 0, stdInfo(6, 0), fileName(rootRef, 3, ".")))
	parent := rootRef
	for i, num := 0, 24; num < records; num++ {
		if num%101 == 24 {
			put(num, makeRecord(testRecord, num, 1, dirFlag, 0, stdInfo(0x10, 0x100), fileName(rootRef, 3, fmt.Sprintf("folder %d", num))))
			parent = ref(num, 1)
			continue
		}
		attrs := [][]byte{stdInfo(0x20, 0x100), fileName(parent, 1, fmt.Sprintf("A document number %x.docx", i*7919%n)), data(3000, at, 3)}
		if i%2 == 0 {
			attrs = append(attrs, fileName(parent, 2, fmt.Sprintf("ADOC~%d.DOC", i%1000)))
		}
		put(num, makeRecord(testRecord, num, 1, fileFlag, 0, attrs...))
		i++
	}
	return v.b
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
	defer runtime.KeepAlive(f)
	fs, err := Open(f, size, Options{})
	if err != nil {
		t.Fatal(err)
	}
	opened := heap()
	n := list(t, fs)
	after := heap()
	per := float64(after-before) / float64(n)
	t.Logf("%d entries, %d files: %.1f bytes an entry (%.1f before listing)", n, fs.x.files.n, per, float64(opened-before)/float64(n))
	if per > 150 {
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

// TestManifest compares every file of the volume with a list of rows
// "sha256 size path".
func TestManifest(t *testing.T) {
	name := os.Getenv("COLDSTATE_NTFS_MANIFEST")
	if name == "" {
		t.Skip("needs COLDSTATE_NTFS_MANIFEST, the contents of the volume of COLDSTATE_NTFS_BENCH")
	}
	f, size := benchVolume(t)
	fs, err := Open(f, size, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := answers(t, fs)
	maps.DeleteFunc(got, func(path string, _ answer) bool {
		return strings.HasSuffix(path, "/") || strings.HasSuffix(path, ":Zone.Identifier")
	})
	want := map[string]answer{}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		sum, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, path, _ := strings.Cut(rest, " ")
		size, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		want[path] = answer{size, sum}
	}
	compareAnswers(t, got, want)
}
