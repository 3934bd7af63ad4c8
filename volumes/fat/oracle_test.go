package fat_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/volumes/fat"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// run starts a program of dosfstools, mtools or The Sleuth Kit, in UTC and UTF-8.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs the program %s", name)
	}
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8", "MTOOLS_SKIP_CHECK=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

// hostTree writes files to be copied, with times of their own.
func hostTree(t testing.TB, limit int) string {
	t.Helper()
	root := t.TempDir()
	r := rand.New(rand.NewPCG(3, 4))
	write := func(name string, n int) {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		name = filepath.Join(root, name)
		at := time.Date(1980+r.IntN(57), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), 2*r.IntN(30), 0, time.UTC)
		for _, err := range []error{os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, b, 0o666), os.Chtimes(name, at, at)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, n := range []int{0, 1, 511, 512, 513, 4095, 4096, 4097, 32768, 100000, 1 << 20} {
		if n <= limit {
			write(fmt.Sprintf("sizes/%d.bin", n), n)
		}
	}
	write("README", 100)
	write("lower case.txt", 100)
	write("autoexec.bat", 100)
	write("Mixed.Case", 100)
	write("Ünïcödé/日本語/naïve café.txt", 100)
	write(strings.Repeat("l", 150)+".txt", 100)
	write("deep/"+strings.Repeat("er/", 20)+"file", 100)
	for i := range 300 {
		write(fmt.Sprintf("many/a file with the number %d", i), i%7)
	}
	return root
}

// fls lists a volume: path -> size and times, as The Sleuth Kit has them.
func fls(t testing.TB, img string) map[string]string {
	out := map[string]string{}
	for line := range strings.SplitSeq(run(t, "fls", "-m", "/", "-r", "-u", "-z", "UTC", img), "\n") {
		f := strings.Split(line, "|")
		if len(f) < 11 || strings.HasPrefix(f[1], "/$") || strings.HasSuffix(f[1], "(Volume Label Entry)") {
			continue
		}
		kind := f[3][:1]
		size := f[6]
		if kind == "d" {
			size = "0"
		}
		out[f[1]] = strings.Join([]string{kind, size, f[8], f[7], f[10]}, " ") // modified, accessed, created
	}
	return out
}

var attributeLine = regexp.MustCompile(`(?m)^([ADHRS]*) ?::(/.*)$`)

// The volumes of mkfs.vfat, filled and changed by mtools, as mtools and The
// Sleuth Kit read them.
func TestOtherReaders(t *testing.T) {
	for _, tt := range []struct {
		name  string
		size  int64
		limit int // of files
		args  []string
	}{
		{"FAT12", 4 << 20, 1 << 20, []string{"-F", "12"}},
		{"FAT12, large clusters", 32 << 20, 1 << 20, []string{"-F", "12", "-s", "32"}},
		{"FAT16", 40 << 20, 1 << 20, []string{"-F", "16"}},
		{"FAT16, one table", 20 << 20, 1 << 20, []string{"-F", "16", "-f", "1", "-s", "2"}},
		{"FAT32, clusters of 512", 40 << 20, 1 << 20, []string{"-F", "32", "-s", "1"}},
		{"FAT32", 600 << 20, 1 << 20, []string{"-F", "32"}},
		{"FAT32, sectors of 4096", 300 << 20, 1 << 20, []string{"-F", "32", "-S", "4096", "-s", "1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			img := filepath.Join(folder, "fat.img")
			f, err := os.Create(img)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := f.Truncate(tt.size); err != nil {
				t.Fatal(err)
			}
			run(t, "mkfs.vfat", append(tt.args, "-n", "THE LABEL", img)...)
			root := hostTree(t, tt.limit)
			names, err := filepath.Glob(filepath.Join(root, "*"))
			if err != nil {
				t.Fatal(err)
			}
			run(t, "mcopy", append([]string{"-i", img, "-s", "-m", "-n"}, append(names, "::/")...)...)
			// Holes between the files, and a file that lies in them.
			for i := range 300 {
				if i%2 == 0 {
					run(t, "mdel", "-i", img, fmt.Sprintf("::/many/a file with the number %d", i))
				}
			}
			run(t, "mcopy", "-i", img, "-m", filepath.Join(root, "sizes", "100000.bin"), "::/in the holes.bin")
			run(t, "mattrib", "-i", img, "+h", "+s", "::/README")
			run(t, "mattrib", "-i", img, "+r", "-a", "::/lower case.txt")

			fs, err := fat.Open(f, tt.size)
			if err != nil {
				t.Fatal(err)
			}
			if p := fs.Problems(); len(p) > 0 || fs.Label() != "THE LABEL" || fs.Health().Dirty {
				t.Errorf("problems %v, label %q, %+v", p, fs.Label(), fs.Health())
			}
			out := filepath.Join(folder, "out")
			if err := os.Mkdir(out, 0o777); err != nil {
				t.Fatal(err)
			}
			run(t, "mcopy", "-i", img, "-s", "-m", "-n", "::/", out)
			equal(t, "contents", contents(t, fs), hostSums(t, out))

			attrs := map[string]string{}
			for _, m := range attributeLine.FindAllStringSubmatch(run(t, "mattrib", "-i", img, "-/", "-X", "::"), -1) {
				if m[2] != "/" {
					attrs[m[2]] = m[1]
				}
			}
			equal(t, "attributes", attributes(fs), attrs)
			equal(t, "times", times(t, fs), fls(t, img))

			// fsck.vfat tells "N/M clusters" in use.
			m := regexp.MustCompile(`(\d+)/(\d+) clusters`).FindStringSubmatch(run(t, "fsck.vfat", "-n", img))
			free, err := fs.Free()
			if m == nil || err != nil {
				t.Fatal(m, err)
			}
			used, _ := strconv.ParseInt(m[1], 10, 64)
			all, _ := strconv.ParseInt(m[2], 10, 64)
			if cluster := free / (all - used); free != (all-used)*cluster || cluster&(cluster-1) != 0 {
				t.Errorf("free %d bytes, fsck.vfat has %d of %d clusters in use", free, used, all)
			}
		})
	}
}

func equal(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if len(want) < 100 {
		t.Errorf("%s: only %d to compare with", what, len(want))
	}
	n := 0
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			if n++; n < 10 {
				t.Errorf("%s of %s: %q, want %q", what, name, got[name], want[name])
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d, want %d", what, len(got), len(want))
	}
}

func path(fs winfs.FS, e winfs.Entry) string {
	return "/" + strings.ReplaceAll(winfs.Path(fs, e), `\`, "/")
}

func contents(t *testing.T, fs *fat.FS) map[string]string {
	out := map[string]string{}
	for e := range winfs.Entry(fs.Len()) {
		if i, _ := fs.Info(e); i.IsDir() {
			continue
		}
		s, err := fs.Open(e, "")
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(s, 0, s.Size())); err != nil {
			t.Errorf("%s: %v", path(fs, e), err)
		}
		out[path(fs, e)] = fmt.Sprintf("%x", h.Sum(nil))
	}
	return out
}

func hostSums(t *testing.T, root string) map[string]string {
	out := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(root, name)
		out["/"+filepath.ToSlash(rel)] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// attributes are those of mattrib -X.
func attributes(fs *fat.FS) map[string]string {
	out := map[string]string{}
	for e := winfs.Entry(1); int(e) < fs.Len(); e++ {
		i, _ := fs.Info(e)
		s := ""
		for _, a := range []struct {
			bit  uint32
			name string
		}{{winfs.AttrArchive, "A"}, {winfs.AttrDirectory, "D"}, {winfs.AttrSystem, "S"}, {winfs.AttrHidden, "H"}, {winfs.AttrReadOnly, "R"}} {
			if i.Attr&a.bit != 0 {
				s += a.name
			}
		}
		out[path(fs, e)] = s
	}
	return out
}

func times(t *testing.T, fs *fat.FS) map[string]string {
	out := map[string]string{}
	for e := winfs.Entry(1); int(e) < fs.Len(); e++ {
		i, err := fs.Info(e)
		if err != nil {
			t.Fatal(err)
		}
		kind := "r"
		if i.IsDir() {
			kind = "d"
		}
		out[path(fs, e)] = fmt.Sprintf("%s %d %d %d %d", kind, i.Size, i.Modified.Time().Unix(), i.Accessed.Time().Unix(), i.Created.Time().Unix())
	}
	return out
}
