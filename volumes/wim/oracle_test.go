package wim_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/publicdata"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/ntfs"
	"github.com/coldstate/coldstate/volumes/wim"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// wimlib runs wimlib-imagex and returns what it prints.
func wimlib(t testing.TB, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("wimlib-imagex"); err != nil {
		t.Skip("needs the program wimlib-imagex")
	}
	var out, errs bytes.Buffer
	cmd := exec.Command("wimlib-imagex", args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("wimlib-imagex %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

func openFile(t testing.TB, name string) *wim.File {
	t.Helper()
	h, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	fi, err := h.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := wim.Open(h, fi.Size())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

// paths lists an image as `wimlib-imagex dir` does.
func paths(t testing.TB, fs *wim.FS) []string {
	out := []string{"/"}
	for e := range winfs.Entry(fs.Len()) {
		if e != fs.Root() {
			out = append(out, "/"+strings.ReplaceAll(winfs.Path(fs, e), `\`, "/"))
		}
	}
	slices.Sort(out)
	return out
}

func dir(t testing.TB, name string, image int) []string {
	out := strings.Split(strings.TrimSuffix(wimlib(t, "dir", name, strconv.Itoa(image)), "\n"), "\n")
	slices.Sort(out)
	return out
}

// sums hashes the files below a folder of the host.
func sums(t testing.TB, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(root, name)
		out["/"+filepath.ToSlash(rel)] = fmt.Sprintf("%d %x", len(b), sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// contents hashes the files of an image, read in pieces of step bytes.
func contents(t testing.TB, fs *wim.FS, step int) map[string]string {
	t.Helper()
	out := map[string]string{}
	for e := range winfs.Entry(fs.Len()) {
		if i, err := fs.Info(e); err != nil || i.IsDir() || i.Reparse != 0 {
			continue
		}
		name := "/" + strings.ReplaceAll(winfs.Path(fs, e), `\`, "/")
		s, err := fs.Open(e, "")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		h := sha256.New()
		n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{io.NewSectionReader(s, 0, s.Size())}, make([]byte, step))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = fmt.Sprintf("%d %x", n, h.Sum(nil))
	}
	return out
}

func compare(t testing.TB, got, want map[string]string) {
	t.Helper()
	if len(want) == 0 {
		t.Error("there is nothing to compare with")
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s: %s, want %s", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

// The WIM files of other projects, listed and unpacked by wimlib.
func TestPublicFiles(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(publicdata.Dir(t), "wim", "*.wim"))
	if err != nil || len(names) < 7 {
		t.Fatalf("%d WIM files in the public data, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f := openFile(t, name)
			if p := f.Problems(); len(p) > 0 {
				t.Errorf("problems %q", p)
			}
			if got := strings.Count(wimlib(t, "info", name), "Index:  "); got-1 != len(f.Images()) && got != len(f.Images()) {
				t.Errorf("%d images, wimlib has %d", len(f.Images()), got)
			}
			if bad, _, err := f.Integrity(t.Context()); err != nil || len(bad) > 0 {
				t.Errorf("integrity: %v, %v", bad, err)
			}
			for _, m := range f.Images() {
				fs := image(t, f, m.Number)
				if p := fs.Problems(); len(p) > 0 {
					t.Errorf("image %d: problems %v", m.Number, p)
				}
				if got, want := paths(t, fs), dir(t, name, m.Number); !slices.Equal(got, want) {
					t.Errorf("image %d: %q, want %q", m.Number, got, want)
				}
				if strings.HasPrefix(filepath.Base(name), "corrupted") {
					e := lookup(t, fs, "file")
					_, err := read(fs, e, "")
					var re *winfs.ReadError
					if !errors.Is(err, winfs.ErrDamaged) || !errors.As(err, &re) || re.Len <= 0 {
						t.Errorf("the damaged file: %v", err)
					}
					continue
				}
				to := t.TempDir()
				wimlib(t, "apply", name, strconv.Itoa(m.Number), to)
				compare(t, contents(t, fs, 1<<20), sums(t, to))
				compareDetails(t, fs, wimlib(t, "dir", name, strconv.Itoa(m.Number), "--detailed"))
			}
		})
	}
}

// compareDetails holds the metadata against `wimlib-imagex dir --detailed`.
func compareDetails(t testing.TB, fs *wim.FS, text string) {
	t.Helper()
	n := 0
	for _, part := range strings.Split(text, strings.Repeat("-", 76)) {
		field := map[string]string{}
		for _, line := range strings.Split(part, "\n") {
			if k, v, ok := strings.Cut(line, "="); ok {
				if k = strings.TrimSpace(k); field[k] == "" {
					field[k] = strings.Trim(strings.TrimSpace(v), `"`)
				}
			}
		}
		path, ok := field["Full Path"]
		if !ok {
			continue
		}
		n++
		e := lookup(t, fs, strings.ReplaceAll(path, "/", `\`))
		i, err := fs.Info(e)
		sd, err2 := fs.Security(e)
		id, err3 := fs.ObjectID(e)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		const clock = "Mon Jan 02 15:04:05 2006 UTC"
		got := map[string]string{
			"Attributes": fmt.Sprintf("0x%08x", i.Attr), "Short Name": fs.ShortName(e), "Security Descriptor": fmt.Sprintf("%x", sd),
			"Creation Time": i.Created.Time().Format(clock), "Last Write Time": i.Modified.Time().Format(clock), "Last Access Time": i.Accessed.Time().Format(clock),
			"Link Count": strconv.Itoa(i.Links),
		}
		if len(id) > 0 {
			got["Object ID"] = fmt.Sprintf("0x%x", id[:16])
		}
		if field["Object ID"] != "" && len(id) == 0 {
			t.Errorf("%s: no object id, want %s", path, field["Object ID"])
		}
		for k, v := range got {
			if field[k] != v {
				t.Errorf("%s: %s %q, want %q", path, k, v, field[k])
			}
		}
	}
	if n != fs.Len() {
		t.Errorf("%d entries, wimlib has %d", fs.Len(), n)
	}
}

// tree writes files of all sizes that matter to chunks.
func tree(t testing.TB) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "tree")
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	words := func(n int) []byte {
		var b []byte
		for len(b) < n {
			b = fmt.Appendf(b, "%d word %x\r\n", r.IntN(1000), r.IntN(50))
		}
		return b[:n]
	}
	write := func(name string, b []byte) {
		name = filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, b, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{0, 1, 10, 4095, 4096, 4097, 32767, 32768, 32769, 65536, 300000} {
		write(fmt.Sprintf("words/%d", n), words(n))
		write(fmt.Sprintf("noise/%d", n), noise(n))
		write(fmt.Sprintf("zeros/%d", n), make([]byte, n))
	}
	write("mixed", slices.Concat(words(50000), noise(70000), make([]byte, 200000), words(1<<20)))
	write("calls", bytes.Repeat([]byte{0xE8, 1, 2, 0, 0, 0x90, 0xE8, 0xFF, 0xFF, 0xFF, 0xFF}, 9000))
	write("Ünïcödé/日本語/😀.txt", []byte("names"))
	write(strings.Repeat("deep/", 60)+"file", []byte("deep"))
	if err := os.Link(filepath.Join(root, "mixed"), filepath.Join(root, "second name")); err != nil {
		t.Fatal(err)
	}
	return root
}

// Every compression and chunk size that is read, by wimlib's compressor.
func TestCompressions(t *testing.T) {
	root := tree(t)
	want := sums(t, root)
	for _, how := range [][]string{
		{"--compress=none"}, {"--compress=XPRESS"}, {"--compress=LZX"}, {"--compress=XPRESS", "--chunk-size=4K"},
		{"--compress=XPRESS", "--chunk-size=8K"}, {"--compress=XPRESS", "--chunk-size=16K"}, {"--compress=XPRESS", "--chunk-size=64K"},
	} {
		t.Run(strings.Join(how, " "), func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "x.wim")
			wimlib(t, append([]string{"capture", root, name, "The image", "A description", "--check"}, how...)...)
			f := openFile(t, name)
			if m := f.Images(); len(m) != 1 || m[0].Name != "The image" || m[0].Description != "A description" || m[0].Bytes == 0 {
				t.Errorf("images %+v", m)
			}
			fs := image(t, f, 1)
			if p := append(f.Problems(), fmt.Sprint(fs.Problems())); len(p) != 1 || p[0] != "[]" {
				t.Errorf("problems %q", p)
			}
			if got, want := paths(t, fs), dir(t, name, 1); !slices.Equal(got, want) {
				t.Errorf("%d paths, want %d", len(got), len(want))
			}
			for _, step := range []int{1 << 20, 10000, 32 << 10} {
				compare(t, contents(t, fs, step), want)
			}
			one, _ := fs.Info(lookup(t, fs, "mixed"))
			two, _ := fs.Info(lookup(t, fs, "second name"))
			if one.File != two.File || one.Links != 2 {
				t.Errorf("hard links: %+v, %+v", one, two)
			}
			if bad, ok, err := f.Integrity(t.Context()); !ok || err != nil || len(bad) > 0 {
				t.Errorf("integrity: %v, %v, %v", bad, ok, err)
			}
		})
	}
}

// What is not read is named.
func TestUnsupportedByWimlib(t *testing.T) {
	root := tree(t)
	for _, tt := range []struct {
		name string
		how  []string
		want string
	}{
		{"solid", []string{"--solid"}, "solid"},
		{"LZMS", []string{"--compress=LZMS"}, "LZMS"},
		{"pipable", []string{"--pipable"}, "pipable"},
		{"large chunks", []string{"--compress=LZX", "--chunk-size=64K"}, "LZX chunks of 64 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "x.wim")
			wimlib(t, append([]string{"capture", root, name}, tt.how...)...)
			unsupported(t, name, tt.want)
		})
	}
	t.Run("split", func(t *testing.T) {
		folder := t.TempDir()
		name := filepath.Join(folder, "x.wim")
		wimlib(t, "capture", root, name, "--compress=none")
		wimlib(t, "split", name, filepath.Join(folder, "part.swm"), "1")
		unsupported(t, filepath.Join(folder, "part.swm"), "part 1 of")
		unsupported(t, filepath.Join(folder, "part2.swm"), "part 2 of")
	})
}

func unsupported(t *testing.T, name, want string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = wim.Open(bytes.NewReader(b), int64(len(b)))
	if !errors.Is(err, winfs.ErrUnsupported) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// A volume that wimlib captures through ntfs-3g has in the WIM file what our
// NTFS reader sees on it: names, attributes, times, descriptors, streams, links,
// reparse points, object ids, contents.
func TestCaptureOfNTFS(t *testing.T) {
	sid := func(sub uint32) []byte {
		return binary.LittleEndian.AppendUint32([]byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0}, sub)
	}
	sd := append([]byte{1, 0, 0, 0x80, 20, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, append(sid(544), sid(545)...)...)
	vol := ntfsgen.Build(ntfsgen.Options{Label: "Data"},
		ntfsgen.File(`Users\anna\notes.txt`, "hello", ntfsgen.Stream{Name: "Zone.Identifier", Data: ntfsgen.Text("[ZoneTransfer]")}, ntfsgen.Stream{Name: "empty", Data: ntfsgen.Text("")}),
		ntfsgen.File(`Users\anna\long file name.txt`, ntfsgen.Words("w", 300_000), ntfsgen.Attr(ntfsgen.ReadOnly), ntfsgen.Short("LONGFI~1.TXT"), ntfsgen.ObjectID([]byte("0123456789abcdef"))),
		ntfsgen.File(`Users\anna\noise`, ntfsgen.Noise("n", 90_000), ntfsgen.Security(sd)),
		ntfsgen.File(`Users\anna\first`, ntfsgen.Text("two names"), ntfsgen.Link(`Users\anna\second`)),
		ntfsgen.Dir("Windows", ntfsgen.Attr(ntfsgen.System)),
		ntfsgen.Junction("Documents and Settings", `C:\Users`),
		ntfsgen.Symlink("link", `Users\anna\notes.txt`),
	)
	folder := t.TempDir()
	raw, packed := filepath.Join(folder, "vol.img"), filepath.Join(folder, "vol.wim")
	out, err := os.Create(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, io.NewSectionReader(vol, 0, vol.Size())); err != nil {
		t.Fatal(err)
	}
	out.Close()
	wimlib(t, "capture", raw, packed, "Volume", "--compress=LZX", "--norpfix")
	src, err := ntfs.Open(vol, vol.Size(), ntfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fs := image(t, openFile(t, packed), 1)
	if got, want := describe(t, fs), describe(t, src); got != want {
		t.Errorf("the image has\n%s\nand the volume\n%s", got, want)
	}
}

// describe writes all of a file system down, but what WIM files do not keep.
func describe(t *testing.T, fs winfs.FS) string {
	var b strings.Builder
	files := map[winfs.FileID]int{}
	extra := fs.(winfs.Extras)
	var walk func(e winfs.Entry, path string)
	walk = func(e winfs.Entry, path string) {
		i, err := fs.Info(e)
		if err != nil {
			t.Fatal(err)
		}
		if files[i.File] == 0 {
			files[i.File] = len(files) + 1
		}
		sec, err := fs.Security(e)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		rep, err := fs.Reparse(e)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		id, err := extra.ObjectID(e)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		short := extra.ShortName(e)
		if e == fs.Root() {
			short = ""
		}
		fmt.Fprintf(&b, "%s file %d attr %x times %v %v %v links %d reparse %x %x short %q id %x security %x\n", path, files[i.File], i.Attr, i.Created, i.Modified, i.Accessed, i.Links, i.Reparse, rep, short, id, sec)
		list, err := fs.Streams(e)
		if err != nil {
			t.Fatal(err)
		}
		if !i.IsDir() && i.Reparse == 0 {
			list = append(list, winfs.StreamInfo{Size: i.Size})
		}
		for _, s := range list {
			r, err := fs.Open(e, s.Name)
			if err != nil {
				t.Fatal(err)
			}
			c, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
			fmt.Fprintf(&b, "    stream %q %d %x %v\n", s.Name, s.Size, sha256.Sum256(c), err)
		}
		if i.IsDir() && !winfs.IsNameSurrogate(i.Reparse) {
			kids, err := fs.Children(e)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range kids {
				if name := fs.Name(k); name != "System Volume Information" {
					walk(k, path+`\`+name)
				}
			}
		}
	}
	walk(fs.Root(), "")
	return b.String()
}

// A content of more than 4 GiB has a table with entries of 8 bytes. Its chunks
// are stored as they are, and made when they are read.
func TestLargeContent(t *testing.T) {
	const chunk, size = 32 << 10, 4<<30 + 100000
	const entries = (size - 1) / chunk
	w := build(sample())
	binary.LittleEndian.PutUint32(w.b[16:], 0x20002)
	i := bytes.Index(w.b[w.table:], resHeader(w.blob["main"], 4, 4, 0))
	table := make([]byte, 0, 8*entries)
	for c := range int64(entries) {
		table = binary.LittleEndian.AppendUint64(table, uint64((c+1)*chunk))
	}
	copy(w.b[int(w.table)+i:], resHeader(int64(len(w.b)), int64(len(table))+size, size, 4))
	r := &generated{head: append(w.b, table...)}
	f, err := wim.Open(r, int64(len(r.head))+size)
	if err != nil {
		t.Fatal(err)
	}
	fs := image(t, f, 1)
	e := lookup(t, fs, "streams")
	if i, err := fs.Info(e); err != nil || i.Size != size {
		t.Errorf("%+v, %v", i, err)
	}
	s, err := fs.Open(e, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{0, chunk - 3, 1<<31 - 5, 1<<32 - 7, 1<<32 + 50000, size - 10} {
		b, want := make([]byte, 10), make([]byte, 10)
		if n, err := s.ReadAt(b, off); n != len(b) || err != nil {
			t.Errorf("offset %d: %d bytes, %v", off, n, err)
		}
		r.ReadAt(want, int64(len(r.head))+off)
		if !bytes.Equal(b, want) {
			t.Errorf("offset %d: % x, want % x", off, b, want)
		}
	}
	if n, err := s.ReadAt(make([]byte, 20), size-10); n != 10 || err != io.EOF {
		t.Errorf("over the end: %d bytes, %v", n, err)
	}
}

// generated is a file with bytes that tell their place behind head.
type generated struct{ head []byte }

func (g *generated) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(g.head)) {
		n = copy(p, g.head[off:])
	}
	for ; n < len(p); n++ {
		at := off + int64(n) - int64(len(g.head))
		p[n] = byte(at ^ at>>8 ^ at>>16 ^ at>>24 ^ at>>32)
	}
	return n, nil
}
