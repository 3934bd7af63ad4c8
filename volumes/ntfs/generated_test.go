//go:build linux

package ntfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// These tests make volumes with mkntfs and ntfs-3g, and compare with what
// ntfs-3g reads of them.

func run3g(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// mount mounts a volume and returns its folder and the function that unmounts
// it.
func mount(t *testing.T, img, options string) (string, func()) {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("ntfs-3g", "-o", options, img, dir).CombinedOutput()
	if err != nil {
		t.Skipf("needs to mount with ntfs-3g: %v: %s", err, out)
	}
	done := false
	unmount := func() {
		if done {
			return
		}
		done = true
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	}
	t.Cleanup(unmount)
	return dir, unmount
}

func needsNTFS3G(t *testing.T) {
	t.Helper()
	needs(t, "mkntfs", "ntfs-3g", "umount", "setfattr", "getfattr")
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount with ntfs-3g")
	}
}

// tree3g fills a mounted volume. Streams holds what was written to named
// streams.
type tree3g struct {
	t       *testing.T
	dir     string
	rnd     *rand.Rand
	streams map[string][]byte
}

func (g *tree3g) path(name string) string { return filepath.Join(g.dir, filepath.FromSlash(name)) }

func (g *tree3g) mkdir(name string) {
	g.t.Helper()
	if err := os.MkdirAll(g.path(name), 0o755); err != nil {
		g.t.Fatal(err)
	}
}

func (g *tree3g) write(name string, b []byte) {
	g.t.Helper()
	if err := os.WriteFile(g.path(name), b, 0o644); err != nil {
		g.t.Fatal(err)
	}
}

func (g *tree3g) noise(n int) []byte {
	b := make([]byte, n)
	for i := 0; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], g.rnd.Uint64())
	}
	return b
}

func (g *tree3g) stream(name, stream string, b []byte) {
	g.t.Helper()
	g.write(name+":"+stream, b)
	g.streams[name+":"+stream] = b
}

// attrib sets the Windows attributes.
func (g *tree3g) attrib(name string, attr uint32) {
	g.t.Helper()
	run3g(g.t, "setfattr", "-h", "-n", "system.ntfs_attrib_be", "-v", fmt.Sprintf("0x%08x", attr), g.path(name))
}

func (g *tree3g) common() {
	for _, n := range []int{0, 1, 200, 600, 700, 4095, 4096, 4097, 65535, 65536, 65537, 300_001} {
		g.write(fmt.Sprintf("size %d.bin", n), g.noise(n))
	}
	g.mkdir("a/b/c/d")
	g.write("a/b/c/d/deep.txt", []byte("deep"))
	if err := os.Link(g.path("size 600.bin"), g.path("a/hard link")); err != nil {
		g.t.Fatal(err)
	}
	if err := os.Link(g.path("size 65537.bin"), g.path("a/b/hard link 2")); err != nil {
		g.t.Fatal(err)
	}
	g.stream("size 1.bin", "Zone.Identifier", []byte("[ZoneTransfer]\r\nZoneId=3\r\n"))
	g.stream("size 4096.bin", "big stream", g.noise(100_000))
	g.stream("size 4096.bin", "another", nil)
	g.stream("a/b", "stream of a folder", []byte("x"))

	f, err := os.Create(g.path("sparse.bin"))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, off := range []int64{1 << 20, 5<<20 + 77777, 12 << 20} {
		if _, err := f.WriteAt(g.noise(5000), off); err != nil {
			g.t.Fatal(err)
		}
	}
	if err := f.Truncate(13 << 20); err != nil {
		g.t.Fatal(err)
	}
	f.Close()

	for _, name := range []string{"Ünïcödé 日本語 😀.txt", "trailing dot.", "trailing space ", "semi;colon & [x] %TEMP%.txt",
		"back\\slash", "CON", "a*b?c", strings.Repeat("x", 255), "high \xed\xa0\xbd alone", "low \xed\xb8\x80 alone"} {
		if err := os.WriteFile(g.path(name), []byte(name), 0o644); err != nil {
			g.t.Logf("ntfs-3g does not make %q: %v", name, err)
		}
	}
}

// lznt1 makes a folder of compressed files.
func (g *tree3g) lznt1() {
	g.mkdir("lznt1")
	g.attrib("lznt1", 0x810)
	text := bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog. "), 20_000)
	zeros := make([]byte, 270_000)
	mixed := append(append(append([]byte{}, text[:200_000]...), g.noise(150_000)...), text[:77_777]...)
	island := make([]byte, 500_000)
	for _, at := range []int{0, 150_000, 262_144, 499_999} {
		island[at] = 'x'
	}
	for name, b := range map[string][]byte{
		"text": text, "zeros": zeros, "noise": g.noise(300_000), "mixed": mixed, "islands": island,
		"zero tail": append(bytes.Clone(text[:100]), make([]byte, 458_755)...), "small": text[:3000], "unit": text[:65536], "unit and one": text[:65537],
	} {
		g.write("lznt1/"+name, b)
	}
}

// expected reads a volume with ntfs-3g.
func (g *tree3g) expected(dir string) map[string]answer {
	want := map[string]answer{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if strings.Contains(name, "\\") {
			name = strings.ReplaceAll(name, "\\", "/") // as answers writes it
		}
		if d.IsDir() {
			want[name+"/"] = answer{}
			return nil
		}
		b, err := os.ReadFile(path)
		want[name] = answer{int64(len(b)), fmt.Sprintf("%x", sha256.Sum256(b))}
		return err
	})
	if err != nil {
		g.t.Fatal(err)
	}
	for name, b := range g.streams {
		want[name] = answer{int64(len(b)), fmt.Sprintf("%x", sha256.Sum256(b))}
	}
	return want
}

const mountRW = "streams_interface=windows,compression,permissions"

func TestGenerated(t *testing.T) {
	needsNTFS3G(t)
	for _, tt := range []struct {
		name string
		size int64
		args []string
	}{
		{"512", 64 << 20, []string{"-c", "512"}},
		{"1024", 64 << 20, []string{"-c", "1024"}},
		{"2048", 64 << 20, []string{"-c", "2048"}},
		{"4096", 64 << 20, []string{"-c", "4096"}},
		{"8192", 64 << 20, []string{"-c", "8192"}},
		{"16384", 64 << 20, []string{"-c", "16384"}},
		{"32768", 64 << 20, []string{"-c", "32768"}},
		{"65536", 128 << 20, []string{"-c", "65536"}},
		{"131072", 256 << 20, []string{"-c", "131072"}},
		{"262144", 256 << 20, []string{"-c", "262144"}},
		{"524288", 512 << 20, []string{"-c", "524288"}},
		{"1048576", 512 << 20, []string{"-c", "1048576"}},
		{"2097152", 1 << 30, []string{"-c", "2097152"}},
		{"4Kn", 64 << 20, []string{"-s", "4096", "-c", "4096"}},
		{"4Kn, 64 KiB", 128 << 20, []string{"-s", "4096", "-c", "65536"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := makeVolume(t, tt.size, tt.args...)
			g := &tree3g{t: t, rnd: rand.New(rand.NewPCG(1, 2)), streams: map[string][]byte{}}
			var unmount func()
			g.dir, unmount = mount(t, img, mountRW)
			g.common()
			fsys := openFile(t, img)
			if fsys.geo.cluster <= 4096 {
				g.lznt1()
			}
			unmount()
			compareWith3G(t, g, img)
		})
	}
}

func makeVolume(t *testing.T, size int64, args ...string) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "volume.img")
	if err := os.WriteFile(img, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(img, size); err != nil {
		t.Fatal(err)
	}
	run3g(t, "mkntfs", append([]string{"-F", "-Q", "-q", "-L", "generated"}, append(args, img)...)...)
	return img
}

func openFile(t *testing.T, img string) *FS {
	t.Helper()
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := Open(f, st.Size(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

func compareWith3G(t *testing.T, g *tree3g, img string) *FS {
	t.Helper()
	fsys := openFile(t, img)
	dir, unmount := mount(t, img, "ro,streams_interface=windows,permissions")
	want := g.expected(dir)
	unmount()
	compareAnswers(t, answers(t, fsys), want)
	if fsys.Label() != "generated" {
		t.Errorf("label %q", fsys.Label())
	}
	return fsys
}

// TestGeneratedLargeFolder has a folder of 5000 files, half of them deleted,
// some replaced.
func TestGeneratedLargeFolder(t *testing.T) {
	needsNTFS3G(t)
	img := makeVolume(t, 64<<20)
	g := &tree3g{t: t, rnd: rand.New(rand.NewPCG(1, 3)), streams: map[string][]byte{}}
	var unmount func()
	g.dir, unmount = mount(t, img, "streams_interface=windows")
	g.mkdir("many")
	for i := range 5000 {
		g.write(fmt.Sprintf("many/file %d", i), fmt.Append(nil, i))
	}
	for i := 1; i < 5000; i += 2 {
		if err := os.Remove(g.path(fmt.Sprintf("many/file %d", i))); err != nil {
			t.Fatal(err)
		}
	}
	g.mkdir("others")
	for i := range 700 {
		g.write(fmt.Sprintf("others/file %d", i), fmt.Append(nil, -i))
	}
	unmount()
	compareWith3G(t, g, img)
}

// TestGeneratedFragments has a file of more than 1000 runs, and one with so
// many names and streams that its attribute list is not resident.
func TestGeneratedFragments(t *testing.T) {
	needsNTFS3G(t)
	img := makeVolume(t, 40<<20)
	g := &tree3g{t: t, rnd: rand.New(rand.NewPCG(1, 4)), streams: map[string][]byte{}}
	var unmount func()
	g.dir, unmount = mount(t, img, "streams_interface=windows")
	g.mkdir("many names")
	g.write("many names/file", []byte("file"))
	for i := range 60 {
		if err := os.Link(g.path("many names/file"), g.path(fmt.Sprintf("many names/link number %d of the file", i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 200 {
		b := g.noise(i * 9)
		g.write(fmt.Sprintf("many names/file:stream number %d", i), b)
		for k := -1; k < 60; k++ {
			name := "many names/file"
			if k >= 0 {
				name = fmt.Sprintf("many names/link number %d of the file", k)
			}
			g.streams[fmt.Sprintf("%s:stream number %d", name, i)] = b
		}
	}
	// Fill the volume, free half of the files, write into the gaps. ntfs-3g
	// takes clusters from two regions in turn.
	g.mkdir("fill")
	n := 0
	for ; ; n++ {
		if err := os.WriteFile(g.path(fmt.Sprintf("fill/%d", n)), make([]byte, 8192), 0o644); err != nil {
			_ = os.Remove(g.path(fmt.Sprintf("fill/%d", n)))
			break
		}
	}
	for i := range n {
		if i%4 > 1 {
			continue
		}
		if err := os.Remove(g.path(fmt.Sprintf("fill/%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	g.write("fragmented.bin", g.noise(n/2*8192*9/10))
	if err := os.RemoveAll(g.path("fill")); err != nil {
		t.Fatal(err)
	}
	unmount()
	fsys := compareWith3G(t, g, img)
	e, _ := lookup(t, fsys, "fragmented.bin")
	s, err := fsys.Open(e, "")
	if err != nil {
		t.Fatal(err)
	}
	if x := s.Extents(); len(x) < 1000 {
		t.Errorf("the file has only %d runs", len(x))
	} else {
		t.Logf("%d runs", len(x))
	}
}

// TestGeneratedMetadata compares times, attributes, descriptors and reparse
// data.
func TestGeneratedMetadata(t *testing.T) {
	needsNTFS3G(t)
	img := makeVolume(t, 64<<20)
	g := &tree3g{t: t, rnd: rand.New(rand.NewPCG(1, 5)), streams: map[string][]byte{}}
	var unmount func()
	g.dir, unmount = mount(t, img, "streams_interface=windows,permissions")
	g.mkdir("folder")
	paths := []string{"folder"}
	for i, attr := range []uint32{0x20, 0x21, 0x22, 0x26, 0x120, 0x1020, 0x2020} {
		name := fmt.Sprintf("file %x", attr)
		g.write(name, []byte(name))
		g.attrib(name, attr)
		// O:BAG:SYD:(A;;FA;;;S-1-12-1-<i>-2-3-4): revision, control 0x8004.
		sd := "0100048014000000240000000000000030000000" + // header: owner at 0x14, group at 0x24, DACL at 0x30
			"01020000000000052000000020020000" + // S-1-5-32-544
			"010100000000000512000000" + // S-1-5-18
			"0200" + "2800" + "01000000" + // ACL of 40 bytes, one entry
			"00002000" + "ff011f00" + fmt.Sprintf("010400000000000c%02x000000020000000300000004000000", i+1)
		run3g(t, "setfattr", "-h", "-n", "system.ntfs_acl", "-v", "0x"+sd, g.path(name))
		times := make([]byte, 0, 32)
		for k := range 4 {
			times = binary.LittleEndian.AppendUint64(times, 132223104000000000+uint64(i)*1e9+uint64(k)*12345)
		}
		run3g(t, "setfattr", "-h", "-n", "system.ntfs_times", "-v", "0x"+hex.EncodeToString(times), g.path(name))
		paths = append(paths, name)
	}
	links := map[string]string{
		"symlink":  "0c0000a00c000000000000000000000001000000",
		"wof":      "170000801000000001000000020000000100000003000000",
		"cloud":    "1a700090040000000100ff00",
		"appalias": "1b00008004000000030000000000",
	}
	for name, b := range links {
		g.write(name, nil)
		run3g(t, "setfattr", "-h", "-n", "system.ntfs_reparse_data", "-v", "0x"+b[:len(b)/8*8], g.path(name))
	}
	unmount()

	fsys := openFile(t, img)
	dir, unmount := mount(t, img, "ro,permissions")
	get := func(name, attr string) []byte {
		out, err := exec.Command("getfattr", "-h", "--only-values", "-n", attr, filepath.Join(dir, name)).Output()
		if err != nil {
			t.Fatalf("getfattr %s %s: %v", attr, name, err)
		}
		return out
	}
	byID := map[uint64][]byte{}
	for _, name := range paths {
		e, info := lookup(t, fsys, name)
		times := get(name, "system.ntfs_times")
		for k, got := range []uint64{uint64(info.Created), uint64(info.Modified), uint64(info.Accessed), uint64(info.Changed)} {
			if want := binary.LittleEndian.Uint64(times[8*k:]); got != want {
				t.Errorf("%s: time %d is %d, want %d", name, k, got, want)
			}
		}
		if want := binary.LittleEndian.Uint32(get(name, "system.ntfs_attrib")); info.Attr != want {
			t.Errorf("%s: attributes %#x, want %#x", name, info.Attr, want)
		}
		want := get(name, "system.ntfs_acl")
		got, err := fsys.Security(e)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: descriptor %x, %v, want %x", name, got, err, want)
		}
		id := fsys.SecurityID(e)
		if old, ok := byID[id]; ok && !bytes.Equal(old, got) || id == 0 {
			t.Errorf("%s: security id %d stands for two descriptors", name, id)
		}
		byID[id] = got
	}
	if len(byID) < 8 {
		t.Errorf("only %d descriptors", len(byID))
	}
	unmount()
	for name, b := range links {
		raw, err := hex.DecodeString(b[:len(b)/8*8])
		if err != nil {
			t.Fatal(err)
		}
		e, info := lookup(t, fsys, name)
		got, err := fsys.Reparse(e)
		if err != nil || !bytes.Equal(got, raw) || info.Reparse != binary.LittleEndian.Uint32(raw) || info.Attr&winfs.AttrReparse == 0 {
			t.Errorf("%s: reparse data %x, %v, want %x; %+v", name, got, err, raw, info)
		}
	}
}
