package image

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/publicdata"
)

// needs skips a test without a program.
func needs(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("needs the program %s", program)
	}
	return path
}

func command(t testing.TB, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(needs(t, name), args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out
}

// patchy is a disk with rows of noise, text and zeros, none of which begins
// where a block does.
func patchy(seed uint64, size int) []byte {
	rng := rand.New(rand.NewPCG(seed, 15))
	b := make([]byte, size)
	for off := 0; off < size; {
		n := min(1+rng.IntN(size/24), size-off)
		row := b[off : off+n]
		switch rng.IntN(5) {
		case 0:
			for i := range row {
				row[i] = byte(rng.Uint32())
			}
		case 1:
			copy(row, bytes.Repeat(fmt.Appendf(nil, "row %d of the disk\n", off), n/16+1))
		case 2:
			row[0], row[n-1] = 1, 2
		}
		off += n
	}
	return b
}

func writeFile(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sameBytes compares a disk with what it must be: as a whole, and at random
// places from several goroutines.
func sameBytes(t testing.TB, img io.ReaderAt, size int64, want []byte) {
	t.Helper()
	if size != int64(len(want)) {
		t.Fatalf("%d bytes, want %d", size, len(want))
	}
	got := make([]byte, len(want))
	if n, err := img.ReadAt(got, 0); n != len(got) || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if i := firstDifference(got, want); i >= 0 {
		t.Fatalf("byte %#x differs: %#x, want %#x", i, got[i], want[i])
	}
	if len(want) == 0 {
		return
	}
	errs := make(chan error, 4)
	for g := range 4 {
		go func() {
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			for range 200 {
				off := rng.IntN(len(want))
				n := rng.IntN(min(1<<uint(rng.IntN(22)), len(want)) + 1)
				p := make([]byte, n)
				got, err := img.ReadAt(p, int64(off))
				left := min(n, len(want)-off)
				if got != left || (left < n) != (err == io.EOF) || err != nil && err != io.EOF || !bytes.Equal(p[:got], want[off:off+got]) {
					errs <- fmt.Errorf("ReadAt(%d bytes, %#x) = %d, %v; same bytes: %v", n, off, got, err, bytes.Equal(p[:got], want[off:off+got]))
					return
				}
			}
			errs <- nil
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	if n, err := img.ReadAt(make([]byte, 1), int64(len(want))); n != 0 || err != io.EOF {
		t.Errorf("behind the end: %d bytes, %v", n, err)
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

func mustOpen(t testing.TB, path string) *Image {
	t.Helper()
	img, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}

// Images that qemu-img makes of a disk read as the disk.
func TestQEMUImages(t *testing.T) {
	needs(t, "qemu-img")
	for _, tt := range []struct{ name, format, options, want string }{
		{"vhd dynamic", "vpc", "subformat=dynamic,force_size=on", "VHD dynamic"},
		{"vhd fixed", "vpc", "subformat=fixed,force_size=on", "VHD fixed"},
		{"vhdx dynamic", "vhdx", "subformat=dynamic,block_size=1M", "VHDX dynamic"},
		{"vhdx 32 MiB blocks", "vhdx", "subformat=dynamic,block_size=32M", "VHDX dynamic"},
		{"vhdx fixed", "vhdx", "subformat=fixed", "VHDX fixed"},
		{"vmdk sparse", "vmdk", "subformat=monolithicSparse", "VMDK monolithicSparse"},
		{"vmdk stream", "vmdk", "subformat=streamOptimized", "VMDK streamOptimized"},
		{"vmdk flat", "vmdk", "subformat=monolithicFlat", "VMDK monolithicFlat"},
		{"vmdk split sparse", "vmdk", "subformat=twoGbMaxExtentSparse", "VMDK twoGbMaxExtentSparse"},
		{"vmdk split flat", "vmdk", "subformat=twoGbMaxExtentFlat", "VMDK twoGbMaxExtentFlat"},
		{"vmdk zero grains", "vmdk", "subformat=monolithicSparse,zeroed_grain=on", "VMDK monolithicSparse"},
		{"qcow2 v2", "qcow2", "compat=0.10", "QCOW2 version 2"},
		{"qcow2 v3", "qcow2", "compat=1.1", "QCOW2 version 3"},
		{"qcow2 512", "qcow2", "cluster_size=512", "QCOW2 version 3"},
		{"qcow2 2M", "qcow2", "cluster_size=2M", "QCOW2 version 3"},
		{"qcow2 extended", "qcow2", "extended_l2=on", "QCOW2 version 3, extended L2"},
		{"qcow2 packed", "qcow2", "-c", "QCOW2 version 3"},
		{"qcow2 packed 2M", "qcow2", "cluster_size=2M -c", "QCOW2 version 3"},
		{"qcow2 zstd", "qcow2", "compression_type=zstd -c", "QCOW2 version 3"},
		{"qcow2 zstd extended", "qcow2", "extended_l2=on,compression_type=zstd -c", "QCOW2 version 3, extended L2"},
		{"vdi", "vdi", "", "VDI dynamic"},
		{"vdi fixed", "vdi", "static=on", "VDI fixed"},
		{"raw", "raw", "", "raw "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for seed, size := range map[uint64]int{1: 9<<20 + 512*77, 2: 20 << 20} {
				want := patchy(seed, size)
				writeFile(t, dir, "disk.raw", want)
				out := filepath.Join(dir, fmt.Sprintf("%d.image", seed))
				args := []string{"convert", "-f", "raw", "-O", tt.format}
				options, packed := strings.CutSuffix(tt.options, "-c")
				if options = strings.TrimSpace(options); options != "" {
					args = append(args, "-o", options)
				}
				if packed {
					args = append(args, "-c")
				}
				command(t, dir, "qemu-img", append(args, "disk.raw", out)...)
				// What the tool reads itself is the truth: some formats round
				// the size up.
				command(t, dir, "qemu-img", "convert", "-f", tt.format, "-O", "raw", out, "truth.raw")
				truth, err := os.ReadFile(filepath.Join(dir, "truth.raw"))
				if err != nil {
					t.Fatal(err)
				}
				img := mustOpen(t, out)
				if img.Cut != nil {
					t.Errorf("%+v", img.Cut)
				}
				// Cut anywhere, it is told with sizes.
				if fi, err := os.Stat(out); err == nil && seed == 2 && tt.format != "raw" && fi.Size() > 1<<20 { // not of the text that names the files
					testCut(t, out, fi.Size(), truth)
				}
				if got := img.Format + " " + img.Variant; got != tt.want || len(img.Problems) > 0 {
					t.Errorf("got %q %q, want %q", got, img.Problems, tt.want)
				}
				sameBytes(t, img, img.Size, truth)
				if !bytes.HasPrefix(truth, want) {
					t.Error("the tool has changed the disk")
				}
			}
		})
	}
}

// testCut cuts a copy of an image of so many bytes. Where the tables are
// behind the cut it is not opened.
func testCut(t *testing.T, path string, size int64, truth []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	for _, to := range []int64{size / 2 &^ 511, size / 10 * 9, size - 33_333, size - 1} {
		cut := writeFile(t, filepath.Dir(path), "cut", b[:to])
		img, err := Open(cut, Options{})
		if err != nil {
			if _, ok := errors.AsType[*FormatError](err); !ok {
				t.Errorf("cut to %d of %d bytes: %v", to, size, err)
			}
			continue
		}
		opened++
		whole := img.Format == "raw" // a fixed VHD, whose footer is cut off
		if _, err := img.ReadAt(make([]byte, 1<<20), img.Size-1<<20); !whole && err != io.EOF && err != nil && img.Cut == nil {
			t.Errorf("cut to %d of %d bytes: %v, and nothing is said", to, size, err)
		}
		if c := img.Cut; c != nil && (c.Size != to || c.Need <= to || c.Need > size+2<<20) {
			t.Errorf("cut to %d of %d bytes: %+v", to, size, c)
		}
		if lost, err := readAround(img, truth); err != nil || lost > 0 && img.Cut == nil {
			t.Errorf("cut to %d of %d bytes: %d bytes are lost, %v, and it says %+v", to, size, lost, err, img.Cut)
		}
		img.Close()
	}
	if opened == 0 {
		t.Logf("cut it is not opened")
	}
}

// Overlays read as QEMU reads them: with a raw and a QCOW2 backing file that
// is smaller, and a chain of three.
func TestQEMUBacking(t *testing.T) {
	needs(t, "qemu-io")
	for _, options := range []string{"compat=0.10", "compat=1.1", "cluster_size=4k", "extended_l2=on"} {
		t.Run(options, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, dir, "base.raw", patchy(3, 6<<20))
			command(t, dir, "qemu-img", "create", "-q", "-f", "qcow2", "-o", options, "-b", "base.raw", "-F", "raw", "middle.qcow2", "8M")
			command(t, dir, "qemu-img", "create", "-q", "-f", "qcow2", "-o", options, "-b", "./middle.qcow2", "-F", "qcow2", "top.qcow2", "10M")
			command(t, dir, "qemu-io", "-c", "write -P 7 100k 300k", "-c", "write -z 2M 192k", "-c", "write -P 8 7M 1k", "middle.qcow2")
			command(t, dir, "qemu-io", "-c", "write -P 9 300k 5k", "-c", "write -z 3M 64k", "-c", "write -z 100k 4k", "-c", "write -P 5 9M 64k", "-c", "write -P 6 5000k 2k", "top.qcow2")
			command(t, dir, "qemu-img", "convert", "-O", "raw", "top.qcow2", "truth.raw")
			truth, err := os.ReadFile(filepath.Join(dir, "truth.raw"))
			if err != nil {
				t.Fatal(err)
			}
			img := mustOpen(t, filepath.Join(dir, "top.qcow2"))
			sameBytes(t, img, img.Size, truth)
			var names []string
			for _, f := range img.Files {
				names = append(names, filepath.Base(f.Path))
			}
			if fmt.Sprint(names) != "[top.qcow2 middle.qcow2 base.raw]" {
				t.Errorf("%q", names)
			}
		})
	}
}

// A backing file is found where qemu-img finds it: above the folder of the
// image, and at an absolute path.
func TestQEMUBackingElsewhere(t *testing.T) {
	needs(t, "qemu-img")
	root := t.TempDir()
	for _, dir := range []string{"base", "vm/anna", "linked"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	disk := patchy(7, 3<<20)
	disk[510], disk[511] = 0x55, 0xAA
	writeFile(t, root, "base/disk.raw", disk)
	command(t, root, "qemu-img", "create", "-q", "-f", "qcow2", "-b", "disk.raw", "-F", "raw", "base/middle.qcow2")
	// The dots go by where a linked folder is, as the system takes them.
	if err := os.Symlink(filepath.Join(root, "vm", "anna"), filepath.Join(root, "linked", "anna")); err != nil {
		t.Skipf("needs links: %v", err)
	}
	for _, backing := range []struct{ name, format string }{
		{"../../base/middle.qcow2", "qcow2"}, {filepath.Join(root, "base", "middle.qcow2"), "qcow2"},
		{"../../base/disk.raw", "raw"}, {filepath.Join(root, "base", "disk.raw"), "raw"},
	} {
		command(t, root, "qemu-img", "create", "-q", "-f", "qcow2", "-b", backing.name, "-F", backing.format, "vm/anna/top.qcow2", "4M")
		for _, path := range []string{"vm/anna/top.qcow2", "linked/anna/top.qcow2"} {
			path = filepath.Join(root, path)
			command(t, root, "qemu-img", "convert", "-O", "raw", path, "truth.raw")
			truth, err := os.ReadFile(filepath.Join(root, "truth.raw"))
			if err != nil {
				t.Fatal(err)
			}
			img := mustOpen(t, path)
			sameBytes(t, img, img.Size, truth)
			if len(img.Notes) == 0 || !strings.Contains(img.Notes[0], "outside of its folder") {
				t.Errorf("%s: %q", backing.name, img.Notes)
			}
		}
	}
}

// What ewfacquire makes of a disk reads as the disk, in one segment and in
// many, compressed or not.
func TestEWFAcquire(t *testing.T) {
	needs(t, "ewfacquire")
	for _, tt := range []struct{ format, compression, segment, chunk string }{
		{"encase6", "none", "1MiB", "64"},
		{"encase6", "fast", "1TiB", "64"},
		{"encase6", "best", "1MiB", "128"},
		{"encase6", "empty-block", "1MiB", "16"},
		{"encase1", "fast", "1GiB", "64"},
		{"encase1", "none", "1GiB", "64"},
		{"encase5", "fast", "1MiB", "64"},
		{"encase7", "fast", "1GiB", "64"},
		{"ftk", "fast", "1MiB", "64"},
		{"linen6", "fast", "1MiB", "64"},
		{"ewfx", "fast", "1MiB", "64"},
		{"smart", "fast", "1MiB", "64"},
		{"smart", "none", "1MiB", "64"},
	} {
		t.Run(strings.Join([]string{tt.format, tt.compression, tt.segment, tt.chunk}, " "), func(t *testing.T) {
			dir := t.TempDir()
			want := patchy(4, 5<<20+512*9)
			writeFile(t, dir, "disk.raw", want)
			command(t, dir, "ewfacquire", "-u", "-q", "-f", tt.format, "-c", tt.compression, "-S", tt.segment, "-b", tt.chunk, "-d", "sha1", "-t", "image", "disk.raw")
			names, _ := filepath.Glob(filepath.Join(dir, "image.*01"))
			if len(names) != 1 {
				t.Fatalf("%q", names)
			}
			img := mustOpen(t, names[0])
			sameBytes(t, img, img.Size, want)
			if (len(img.Files) > 1) != (tt.segment == "1MiB" && len(want) > 2<<20) && tt.compression == "none" {
				t.Errorf("%d files", len(img.Files))
			}
			if len(img.Hashes) == 0 || len(img.Problems) > 0 || img.SectorSize != 512 {
				t.Errorf("%+v", img)
			}
		})
	}
}

// A disk beyond .E99.
func TestEWFManySegments(t *testing.T) {
	if testing.Short() || runtime.GOARCH == "386" {
		t.Skip("needs 110 MB of memory twice and as much disk; not with -short or on 386")
	}
	needs(t, "ewfacquire")
	dir := t.TempDir()
	want := patchy(5, 1<<20)
	rng := rand.New(rand.NewPCG(9, 9))
	for len(want) < 105<<20 {
		for range 1 << 17 {
			v := rng.Uint64()
			want = append(want, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
		}
	}
	writeFile(t, dir, "disk.raw", want)
	command(t, dir, "ewfacquire", "-u", "-q", "-c", "none", "-S", "1MiB", "-t", "image", "disk.raw")
	img := mustOpen(t, filepath.Join(dir, "image.E01"))
	if last := filepath.Base(img.Files[len(img.Files)-1].Path); last <= "image.E99" || len(img.Files) < 101 {
		t.Fatalf("%d segments, the last is %s", len(img.Files), last)
	}
	sameBytes(t, img, img.Size, want)
}

// unpacked is a file of the public data as a file of that name in a folder of
// the test.
func unpacked(t *testing.T, name string) string {
	t.Helper()
	path := publicdata.Path(t, name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Base(path)
	switch filepath.Ext(path) {
	case ".gz":
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
		base = strings.TrimSuffix(base, ".gz")
	case ".zip":
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := z.File[0].Open()
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		base = strings.TrimSuffix(base, ".zip")
	}
	return writeFile(t, t.TempDir(), base, b)
}

// Images that other programs made read as qemu-img and ewfexport read them.
func TestPublicImages(t *testing.T) {
	for _, tt := range []struct{ file, format string }{
		{"containers/dynamic.vhd.gz", "VHD"},
		{"containers/fixed.vhdx.gz", "VHDX"},
		{"containers/gpt-windows-skeleton.vhdx.zip", "VHDX"},
		{"containers/sparse-ext2.vmdk", "VMDK"},
		{"ntfs/windows_volume.qcow2", "QCOW2"},
		{"ntfs/velociraptor-test.ntfs.dd.E01", "E01"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			path := unpacked(t, tt.file)
			dir := filepath.Dir(path)
			img := mustOpen(t, path)
			if img.Format != tt.format {
				t.Errorf("a %s image", img.Format)
			}
			h := sha256.New()
			if n, err := io.Copy(h, io.NewSectionReader(img, 0, img.Size)); n != img.Size || err != nil {
				t.Fatalf("%d of %d bytes, %v", n, img.Size, err)
			}
			var truth []byte
			if tt.format == "E01" {
				command(t, dir, "ewfexport", "-u", "-q", "-f", "raw", "-t", "truth", path)
				truth, _ = os.ReadFile(filepath.Join(dir, "truth.raw"))
			} else {
				command(t, dir, "qemu-img", "convert", "-O", "raw", path, "truth.raw")
				truth, _ = os.ReadFile(filepath.Join(dir, "truth.raw"))
			}
			if want := sha256.Sum256(truth); !bytes.Equal(h.Sum(nil), want[:]) || img.Size != int64(len(truth)) {
				t.Errorf("%d bytes with SHA-256 %x; want %d with %x", img.Size, h.Sum(nil), len(truth), want)
			}
			sameBytes(t, img, img.Size, truth)
			t.Logf("%s, %d bytes, SHA-256 %x, %q", img.Variant, img.Size, h.Sum(nil), img.Problems)
		})
	}
}
