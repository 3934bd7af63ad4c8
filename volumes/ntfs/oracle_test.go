package ntfs

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// This file compares with other readers: the recorded answers beside the test
// data, The Sleuth Kit, ntfs-3g.

// needs skips the test when a program is missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s", p)
		}
	}
}

// testdata returns an image of COLDSTATE_TESTDATA, decompressed.
func testdata(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("COLDSTATE_TESTDATA")
	if dir == "" {
		t.Skip("needs COLDSTATE_TESTDATA, the folder of public test images")
	}
	full := filepath.Join(dir, filepath.FromSlash(name))
	switch filepath.Ext(name) {
	case ".xz":
		needs(t, "xz")
		b, err := exec.Command("xz", "-dc", full).Output()
		if err != nil {
			t.Fatal(err)
		}
		return b
	case ".E01":
		needs(t, "img_cat")
		b, err := exec.Command("img_cat", full).Output()
		if err != nil {
			t.Fatal(err)
		}
		return b
	case ".qcow2":
		needs(t, "qemu-img")
		raw := filepath.Join(t.TempDir(), "raw")
		if out, err := exec.Command("qemu-img", "convert", "-O", "raw", full, raw).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b, err := os.ReadFile(raw)
		if err != nil {
			t.Fatal(err)
		}
		return b
	case ".gz":
		f, err := os.Open(full)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b, err := os.ReadFile(full)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// answer is what a reader says of one file, folder or stream.
type answer struct {
	size int64
	sum  string
}

// answers reads all of a volume. Paths have slashes, and a colon before the
// name of a stream; folders end with a slash.
func answers(t *testing.T, fs *FS) map[string]answer {
	t.Helper()
	out := map[string]answer{}
	for e := range entries(t, fs) {
		info, err := fs.Info(e)
		if err != nil {
			t.Fatal(err)
		}
		path := strings.ReplaceAll(winfs.Path(fs, e), `\`, "/")
		if info.Damage != "" {
			t.Errorf("%s: damage: %s", path, info.Damage)
		}
		if info.IsDir() {
			out[path+"/"] = answer{}
		} else {
			out[path] = sumOf(t, fs, e, "", path)
		}
		list, err := fs.Streams(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			out[path+":"+s.Name] = sumOf(t, fs, e, s.Name, path)
		}
	}
	for _, p := range fs.Problems() {
		t.Errorf("problem: %s", p)
	}
	return out
}

func sumOf(t *testing.T, fs *FS, e winfs.Entry, stream, path string) answer {
	s, err := fs.Open(e, stream)
	if err != nil {
		t.Errorf("%s:%s: %v", path, stream, err)
		return answer{}
	}
	h := sha256.New()
	buf := make([]byte, 300_000) // no multiple of a unit
	for off := int64(0); off < s.Size(); {
		n, err := s.ReadAt(buf, off)
		h.Write(buf[:n])
		off += int64(n)
		if err != nil && err != io.EOF {
			t.Errorf("%s:%s: %v", path, stream, err)
			break
		}
	}
	return answer{s.Size(), fmt.Sprintf("%x", h.Sum(nil))}
}

// compareAnswers reports at most twenty differences.
func compareAnswers(t *testing.T, got, want map[string]answer) {
	t.Helper()
	n := 0
	say := func(format string, args ...any) {
		if n++; n <= 20 {
			t.Errorf(format, args...)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(want)) {
		g, ok := got[p]
		switch {
		case !ok:
			say("%q is not listed", p)
		case g != want[p]:
			say("%q: %+v, want %+v", p, g, want[p])
		}
	}
	for _, p := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[p]; !ok {
			say("%q is listed, but should not", p)
		}
	}
	t.Logf("%d entries and streams compared", len(want))
}

// TestRecordedAnswers compares with the files that list what The Sleuth Kit
// found.
func TestRecordedAnswers(t *testing.T) {
	for _, tt := range []struct {
		image, truth string
		off          int64
	}{
		{"ntfs/testfs1.img.xz", "truth/fs/ntfs__testfs1.img.tsv", 0},
		{"ntfs/mbr-ntfs-index.raw.gz", "truth/fs/ntfs__mbr-ntfs-index.raw.tsv", 128 * 512},
		{"ntfs/velociraptor-test.ntfs.dd.E01", "truth/fs/ntfs__velociraptor-test.ntfs.dd.E01.tsv", 0},
		{"ntfs/windows_volume.qcow2", "truth/fs/ntfs__windows_volume.qcow2.tsv", 0},
	} {
		t.Run(tt.image, func(t *testing.T) {
			img := testdata(t, tt.image)[tt.off:]
			want := map[string]answer{}
			sc := bufio.NewScanner(bytes.NewReader(testdata(t, tt.truth)))
			for sc.Scan() {
				f := strings.Split(sc.Text(), "\t")
				switch {
				case strings.HasPrefix(f[0], "#"):
				case f[0] == "D":
					want[f[2]+"/"] = answer{}
				default:
					size, err := strconv.ParseInt(f[3], 10, 64)
					if err != nil {
						t.Fatal(err)
					}
					want[f[2]] = answer{size, f[4]}
				}
			}
			got := answers(t, open(t, img))
			// The recorded answers leave out what starts with $ in the root.
			maps.DeleteFunc(got, func(p string, _ answer) bool { return strings.HasPrefix(p, "$") })
			compareAnswers(t, got, want)
		})
	}
}

// TestSleuthKit compares whole images with fls and icat.
func TestSleuthKit(t *testing.T) {
	needs(t, "fls", "icat")
	for _, tt := range []struct {
		image string
		off   int64
		least int // entries
	}{
		{"ntfs/dissect-ntfs.bin.gz", 0, 2000},
		{"ntfs/util-linux-ntfs.img.xz", 0, 0},
		{"ntfs/testfs1.img.xz", 0, 500},
		{"ntfs/mbr-ntfs-index.raw.gz", 128 * 512, 30},
	} {
		t.Run(tt.image, func(t *testing.T) {
			img := testdata(t, tt.image)[tt.off:]
			path := filepath.Join(t.TempDir(), "volume.img")
			if err := os.WriteFile(path, img, 0o600); err != nil {
				t.Fatal(err)
			}
			want := sleuthkit(t, path)
			if len(want) < tt.least {
				t.Errorf("fls lists only %d entries", len(want))
			}
			compareAnswers(t, answers(t, open(t, img)), want)
		})
	}
}

// sleuthkit lists an image with fls, without metadata files and deleted ones,
// and reads it with icat.
func sleuthkit(t *testing.T, path string) map[string]answer {
	t.Helper()
	out, err := exec.Command("fls", "-r", "-p", "-u", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]answer{}
	for line := range strings.Lines(string(out)) {
		// "r/r 64-128-2:\tname", folders "d/d", streams "r/r 64-128-5:\tname:stream".
		head, name, ok := strings.Cut(strings.TrimRight(line, "\n"), ":\t")
		kind, inode, ok2 := strings.Cut(head, " ")
		if !ok || !ok2 || strings.HasPrefix(kind, "V/") || strings.HasPrefix(kind, "v/") {
			continue
		}
		part := strings.Split(inode, "-")
		num, err := strconv.Atoi(part[0])
		if err != nil {
			t.Fatalf("fls says %q", line)
		}
		if num < firstReserved || strings.HasPrefix(name, "$Extend/") {
			continue
		}
		switch {
		case part[1] == "144":
			want[name+"/"] = answer{}
		case part[1] == "128":
			b, err := exec.Command("icat", path, inode).Output()
			if err != nil {
				t.Fatalf("icat %s: %v", inode, err)
			}
			want[name] = answer{int64(len(b)), fmt.Sprintf("%x", sha256.Sum256(b))}
		}
	}
	return want
}

// TestLargeClusters opens a volume of Windows 10 with clusters of 2 MiB, which
// The Sleuth Kit cannot.
func TestLargeClusters(t *testing.T) {
	dir := os.Getenv("COLDSTATE_TESTDATA")
	if dir == "" {
		t.Skip("needs COLDSTATE_TESTDATA, the folder of public test images")
	}
	f, err := os.Open(filepath.Join(dir, "ntfs", "mbr-ntfs-2m-clusters.raw.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	// 1 GiB, nearly all of it zeros.
	img := map[int64][]byte{}
	size := int64(0)
	for {
		b := make([]byte, sparsePiece)
		n, err := io.ReadFull(z, b)
		if bytes.ContainsFunc(b[:n], func(r rune) bool { return r != 0 }) {
			img[size/sparsePiece] = b[:n]
		}
		size += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const off = 128 * 512
	fs, err := Open(io.NewSectionReader(sparse(img), off, size-off), size-off, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if fs.geo.cluster != 2<<20 || fs.Label() != "2M" {
		t.Errorf("clusters of %d bytes, label %q", fs.geo.cluster, fs.Label())
	}
	got := slices.Sorted(maps.Keys(answers(t, fs)))
	want := []string{"System Volume Information/", "System Volume Information/IndexerVolumeGuid", "System Volume Information/WPSettings.dat"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// sparse is a medium in pieces; those that are missing are zeros.
type sparse map[int64][]byte

const sparsePiece = 64 << 10

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	for n := 0; n < len(p); {
		at := off + int64(n)
		part := p[n:min(len(p), n+int(sparsePiece-at%sparsePiece))]
		clear(part)
		if b := s[at/sparsePiece]; int64(len(b)) > at%sparsePiece {
			copy(part, b[at%sparsePiece:])
		}
		n += len(part)
	}
	return len(p), nil
}

// TestBareMFT lists tables that were copied alone, put behind a boot sector.
func TestBareMFT(t *testing.T) {
	for _, tt := range []struct {
		mft, fls string
		sector   uint16
		record   int64
		n        int // files, when there is no listing
	}{
		{"ntfs/mft/unicode.mft", "ntfs/mft/unicode.fls", 512, 1024, 0},
		{"ntfs/mft/4k-large.mft.xz", "ntfs/mft/4k-large.fls", 4096, 4096, 0},
		{"ntfs/mft/compressed_sparse.mft", "", 512, 1024, 1},
		{"ntfs/mft-efs-junction-compressed.MFT", "", 512, 1024, 20},
	} {
		t.Run(tt.mft, func(t *testing.T) {
			mft := testdata(t, tt.mft)
			fs := bareMFT(t, mft, tt.sector, tt.record)
			var got []string
			for e := range entries(t, fs) {
				got = append(got, strings.ReplaceAll(winfs.Path(fs, e), `\`, "/"))
			}
			if tt.fls == "" {
				if len(got) < tt.n {
					t.Errorf("%q", got)
				}
				return
			}
			var want []string
			for line := range strings.Lines(string(testdata(t, tt.fls))) {
				head, name, ok := strings.Cut(strings.TrimSpace(line), ":\t")
				f := strings.Fields(head)
				if !ok || len(f) != 2 || strings.HasPrefix(f[0], "V/") {
					continue // deleted, or made up
				}
				name, _, _ = strings.Cut(name, "\t") // times and sizes follow
				num, _ := strconv.Atoi(strings.Split(f[1], "-")[0])
				name = strings.TrimLeft(name, "/")
				if num < firstReserved || strings.HasPrefix(name, "$Extend/") || strings.Contains(f[1], "-128-") && strings.Contains(name, ":") {
					continue
				}
				want = append(want, name)
			}
			slices.Sort(got)
			slices.Sort(want)
			want = slices.Compact(want)
			if !slices.Equal(got, want) || len(want) == 0 {
				t.Errorf("listed %q\nwant   %q", got, want)
			}
		})
	}
}

// bareMFT opens a table without its volume.
func bareMFT(t *testing.T, mft []byte, sector uint16, record int64) *FS {
	t.Helper()
	const cluster = 4096
	fs := &FS{dev: device{bytes.NewReader(mft), int64(len(mft))}}
	fs.geo = geometry{sector: int64(sector), cluster: cluster, record: record, bytes: 1 << 50, clusters: 1 << 38}
	fs.mft = &plain{dev: &fs.dev, pieces: []piece{{0, 0}}, size: int64(len(mft)) / record * record, init: int64(len(mft))}
	fs.readable()
	fs.load()
	return fs
}

func TestRealSDS(t *testing.T) {
	for name, least := range map[string]int{"ntfs/win10-Secure_SDS.bin.xz": 1000, "ntfs/sds.bin.gz": 5} {
		b := testdata(t, name)
		ids, err := readSDS(resident(b))
		if err != nil {
			t.Fatal(err)
		}
		s := secure{stream: resident(b), ids: ids}
		if len(s.ids) < least {
			t.Errorf("%s: %d descriptors", name, len(s.ids))
		}
		for id := range s.ids {
			sd, err := s.read(id)
			if err != nil || len(sd) < 20 || sd[0] != 1 || binary.LittleEndian.Uint16(sd[2:])&0x8000 == 0 {
				t.Errorf("%s: id %#x: %x, %v", name, id, sd, err)
			}
		}
		t.Logf("%s: %d descriptors", name, len(s.ids))
	}
}

func TestRealBoot(t *testing.T) {
	for name, cluster := range map[string]int64{"ntfs/boot/512.boot": 512, "ntfs/boot/4k.boot": 4096} {
		g, err := parseBoot(testdata(t, name))
		if err != nil || g.cluster != cluster || g.record != 1024 {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
	if b := testdata(t, "ntfs/fuzz/oss-fuzz-53142"); Probe(b) {
		fs, err := Open(bytes.NewReader(b), int64(len(b)), Options{})
		if err == nil {
			list(t, fs)
		}
	}
}
