package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/restore/folder"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// strangeFS says of every file that its content, or that of its streams, is
// not to be had, as NTFS says it of EFS and of placeholders.
type strangeFS struct {
	volumes.FS
	change func(*volumes.Info)
	list   error
}

func (f strangeFS) Info(e volumes.Entry) (volumes.Info, error) {
	i, err := f.FS.Info(e)
	if !i.IsDir() {
		f.change(&i)
	}
	return i, err
}

func (f strangeFS) Streams(e volumes.Entry) ([]volumes.StreamInfo, error) {
	return []volumes.StreamInfo{{Name: "s", Size: 3, Mode: winfs.Encrypted}}, nil
}

func (f strangeFS) Children(e volumes.Entry) ([]volumes.Entry, error) {
	c, err := f.FS.Children(e)
	return c, errors.Join(err, f.list)
}

// put extracts a walk of fs and gives what lies in the destination.
func put(t *testing.T, fs volumes.FS) (files []string, status int, stderr string) {
	t.Helper()
	dir := t.TempDir()
	tg, err := folder.Open(dir, folder.Options{Streams: filepath.Join(dir, "streams")})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	a := &app{ctx: t.Context(), stdout: &b, stderr: &b}
	x := newExtraction(a, tg)
	w := sourceWalk{fs: fs, deep: true, fn: x.put}
	if err := w.walk(fs.Root(), `1:\`, 0); err != nil {
		t.Fatal(err)
	}
	if err := tg.Close(); err != nil {
		t.Fatal(err)
	}
	status = a.finish(x.report(dir))
	err = filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, status, b.String()
}

// Contents that are ciphertext or only in the cloud are not given out as the
// file, and the status tells.
func TestNoContent(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := volumes.Open([]string{dir}, volumes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	fs, err := set.Volumes[0].FS()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		fs      strangeFS
		outcome store.Outcome // of the file
		status  int
		files   []string
	}{
		{"sound", strangeFS{change: func(i *volumes.Info) {}}, "", 0, []string{"1/a.txt"}},
		{"EFS", strangeFS{change: func(i *volumes.Info) { i.Mode |= winfs.Encrypted }}, store.EncryptedSkipped, 3, nil},
		{"EFS stream", strangeFS{change: func(i *volumes.Info) { i.Streams = 1 }}, "", 3, []string{"1/a.txt"}},
		{"cloud", strangeFS{change: func(i *volumes.Info) { i.Reparse, i.Missing = 0x9000001A, i.Size }}, store.Placeholder, 0, nil},
		{"cloud by its attribute", strangeFS{change: func(i *volumes.Info) {
			i.Reparse, i.Missing, i.Attr = 0x9000601A, 1, i.Attr|winfs.AttrRecallOnDataAccess
		}}, store.Placeholder, 0, nil},
		{"folder that is listed in part", strangeFS{change: func(i *volumes.Info) {}, list: errors.New("bad index")}, "", 3, []string{"1/a.txt"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.fs.FS = fs
			files, status, stderr := put(t, tt.fs)
			if status != tt.status || !slices.Equal(files, tt.files) {
				t.Errorf("status %d, files %q; want %d, %q\n%s", status, files, tt.status, tt.files, stderr)
			}
			if tt.name == "EFS stream" && !strings.Contains(stderr, `not extracted: 1:\a.txt:s: encrypted-skipped: `) {
				t.Errorf("the stream is given out: %s", stderr)
			}
			w := sourceWalk{fs: tt.fs, deep: true, fn: func(n *node) error {
				if n.Kind == "file" && (n.Outcome != tt.outcome || (n.open == nil) != (tt.outcome != "")) {
					t.Errorf("outcome %q, can be opened: %v", n.Outcome, n.open != nil)
				}
				return nil
			}}
			if err := w.walk(fs.Root(), `1:\`, 0); err != nil {
				t.Error(err)
			}
		})
	}
}

// newStore makes a store of objects; those with content are files and streams.
func newStore(t *testing.T, fill func(w *store.Writer) error) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	w, err := store.Create(store.OS(dir), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fill(w), w.Seal()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A further name of a damaged file is as damaged as the first.
func TestLinkedDamage(t *testing.T) {
	dir := newStore(t, func(w *store.Writer) error {
		first := &store.Object{Kind: store.File, Path: `C:\a`, Outcome: store.Damaged, Reason: "bad sector", Ranges: []store.Range{{Off: 0, Len: 1}}}
		return errors.Join(w.Put(first, []byte("\x00bc")), w.PutLink(&store.Object{Kind: store.File, Path: `C:\b`}, first))
	})
	for _, p := range []string{`C:\a`, `C:\b`} {
		if status, stdout, stderr := tool(t, "cat", dir, p); status != statusIncomplete || stdout != "\x00bc" {
			t.Errorf("cat %s: status %d, %q\n%s", p, status, stdout, stderr)
		}
		if status, _, stderr := tool(t, "extract", dir, p, "--to", t.TempDir()); status != statusIncomplete || !strings.Contains(stderr, "bad sector") {
			t.Errorf("extract %s: status %d\n%s", p, status, stderr)
		}
	}
}

// The registries of several users stand side by side.
func TestListUsers(t *testing.T) {
	dir := newStore(t, func(w *store.Writer) error {
		var errs []error
		for _, sid := range []string{"S-1-5-21-1", "S-1-5-21-2"} {
			errs = append(errs, w.Put(&store.Object{Kind: store.Key, Path: `HKCU\Software\A/B`, User: sid, Outcome: store.Captured}, nil),
				w.Put(&store.Object{Kind: store.Value, Path: `HKCU\Software\A/B`, Stream: "v", User: sid, Outcome: store.Captured, Type: 1}, nil))
		}
		return errors.Join(errs...)
	})
	for _, p := range []string{"", "HKCU", `HKCU\Software`} {
		_, stdout, stderr := tool(t, "ls", dir, p)
		for _, sid := range []string{"S-1-5-21-1", "S-1-5-21-2"} {
			if strings.Count(stdout, "[user "+sid+"]") != 1 {
				t.Errorf("ls %s:\n%s%s", p, stdout, stderr)
			}
		}
	}
	if status, stdout, stderr := tool(t, "ls", dir, `hkcu\software\a/b`); status != statusOK || strings.Count(stdout, "\n") != 2 {
		t.Errorf("status %d:\n%s%s", status, stdout, stderr)
	}
}

// Every name is shown, found and placed in one way, that of the tar.
func TestOddNames(t *testing.T) {
	names := []string{`a\b`, "a%5Cb", "a%255Cb", "a/b", "a%2Fb", ".", "..", "%2E", "100%", "%20", ".ssh", "a"}
	if runtime.GOOS == "windows" {
		names = slices.DeleteFunc(names, func(n string) bool { return strings.ContainsAny(n, "/") })
	}
	want := map[string]string{} // shown, by content
	dir := newStore(t, func(w *store.Writer) error {
		var errs []error
		for _, n := range names {
			for _, p := range [][]wstr.Text{{wstr.Text(n)}, {"d", wstr.Text(n), "f"}} {
				if len(p) == 1 && n == "a" {
					continue
				}
				if len(p) == 1 {
					p = []wstr.Text{"e", p[0]}
				}
				o := &store.Object{Kind: store.File, Path: wstr.Text(`C:\` + join(p)), Names: p, Outcome: store.Captured}
				tar, err := o.TarName()
				if err != nil {
					t.Fatal(err)
				}
				want[tar] = `C:\` + strings.ReplaceAll(strings.TrimPrefix(tar, "C/"), "/", `\`)
				if err := w.Put(o, []byte(tar)); err != nil {
					errs = append(errs, err)
				}
			}
		}
		return errors.Join(errs...)
	})
	x := t.TempDir()
	if status, _, stderr := tool(t, "extract", dir, "--to", x); status != statusOK {
		t.Fatalf("extract: status %d: %s", status, stderr)
	}
	_, stdout, _ := tool(t, "find", dir, "*", "--json")
	var nodes []node
	if err := json.Unmarshal([]byte(stdout), &nodes); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, n := range nodes {
		shown[string(n.Path)] = true
	}
	for tar, path := range want {
		if b, err := os.ReadFile(filepath.Join(x, filepath.FromSlash(tar))); string(b) != tar {
			t.Errorf("%s: %q, %v", tar, b, err)
		}
		if !shown[path] {
			t.Errorf("find does not show %s", path)
		}
		if status, stdout, stderr := tool(t, "cat", dir, path); status != statusOK || stdout != tar {
			t.Errorf("cat %s: status %d, %q\n%s", path, status, stdout, stderr)
		}
		if status, stdout, _ := tool(t, "ls", dir, path); status != statusOK || strings.Count(stdout, "\n") != 1 {
			t.Errorf("ls %s: status %d, %q", path, status, stdout)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	// The same from a host folder, where names are those of the tar's tree.
	src := t.TempDir()
	sourceNames := []string{`a\b`, "a%5Cb", "a%2Fb", "100%", ".ssh"}
	for _, n := range sourceNames {
		if err := errors.Join(os.Mkdir(filepath.Join(src, n), 0o777), os.WriteFile(filepath.Join(src, n, "f"), []byte(n), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	x = t.TempDir()
	if status, _, stderr := tool(t, "extract", src, "--to", x); status != statusOK || !strings.Contains(stderr, "3 names written with %XX") {
		t.Fatalf("extract: status %d: %s", status, stderr)
	}
	for _, n := range sourceNames {
		if b, err := os.ReadFile(filepath.Join(x, "1", folder.Name(n), "f")); string(b) != n {
			t.Errorf("%s: %q, %v", n, b, err)
		}
		if status, stdout, stderr := tool(t, "cat", src, `1:\`+folder.Name(n)+`\F`); status != statusOK || stdout != n {
			t.Errorf("cat %s: status %d, %q\n%s", folder.Name(n), status, stdout, stderr)
		}
	}
	if _, stdout, _ := tool(t, "find", src, `a\b`); strings.Contains(stdout, `1:\a\b`) {
		t.Errorf("one name is shown as two: %s", stdout)
	}
}

func join(names []wstr.Text) string {
	var s []string
	for _, n := range names {
		s = append(s, string(n))
	}
	return strings.Join(s, `\`)
}

// Copies of SAM are found by what they are, unless their path is given.
func TestRenamedHives(t *testing.T) {
	src := t.TempDir()
	sam := testimages.SAM().Hive()
	clear(sam[48:112])
	if err := errors.Join(os.Mkdir(filepath.Join(src, "d"), 0o777), os.WriteFile(filepath.Join(src, "d", "backup.hiv"), sam, 0o666),
		os.WriteFile(filepath.Join(src, "d", "short"), []byte("re"), 0o666), os.WriteFile(filepath.Join(src, "d", "other"), []byte("regf is no hive"), 0o666),
		os.Link(filepath.Join(src, "d", "backup.hiv"), filepath.Join(src, "d", "zweitname"))); err != nil {
		t.Fatal(err)
	}
	x := t.TempDir()
	status, _, stderr := tool(t, "extract", src, `1:\d`, "--to", x)
	if status != statusOK || !strings.Contains(stderr, "2 files with password material left out") {
		t.Errorf("status %d: %s", status, stderr)
	}
	for name, want := range map[string]string{"short": "re", "other": "regf is no hive"} {
		if b, err := os.ReadFile(filepath.Join(x, "1", "d", name)); string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for _, name := range []string{"backup.hiv", "zweitname"} {
		if _, err := os.Stat(filepath.Join(x, "1", "d", name)); err == nil {
			t.Errorf("%s was given out", name)
		}
	}
	if status, _, stderr := tool(t, "extract", src, `1:\d\backup.hiv`, "--to", x); status != statusOK {
		t.Errorf("status %d: %s", status, stderr)
	}
	if b, err := os.ReadFile(filepath.Join(x, "1", "d", "backup.hiv")); !bytes.Equal(b, sam) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// A Windows below a folder of the volume has its letters, too.
func TestWindowsInFolder(t *testing.T) {
	base := t.TempDir()
	if status, _, stderr := tool(t, "extract", sampleDisk(t), `C:\Windows`, `C:\Users\anna\Documents`, "--to", base); status != statusOK {
		t.Fatalf("extract: status %d: %s", status, stderr)
	}
	src := filepath.Join(base, "src")
	if err := errors.Join(os.Mkdir(src, 0o777), os.Rename(filepath.Join(base, "C"), filepath.Join(src, "old%2E"))); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{`C:\Users`}, {`c:\users`, "-r"}} {
		status, stdout, stderr := tool(t, append([]string{"ls", src}, args...)...)
		if status != statusOK || !strings.Contains(stdout, `C:\Users\anna\`) {
			t.Errorf("ls %q: status %d:\n%s%s", args, status, stdout, stderr)
		}
	}
	_, stdout, _ := tool(t, "ls", src)
	if !strings.Contains(stdout, `C:\`) || !strings.Contains(stdout, `1:\`) {
		t.Errorf("ls:\n%s", stdout)
	}
	_, stdout, _ = tool(t, "find", src, `C:\Users\*\notes.txt`)
	if strings.Count(stdout, "\n") != 1 {
		t.Errorf("find:\n%s", stdout)
	}
	if status, stdout, stderr := tool(t, "cat", src, `1:\old%252E\Users\anna\Documents\notes.txt`); status != statusOK || stdout == "" {
		t.Errorf("cat by number: status %d: %s", status, stderr)
	}
	if status, stdout, stderr := tool(t, "cat", src, `1:\old%2E\Users\anna\Documents\notes.txt`); status != statusOK || stdout == "" {
		t.Errorf("cat by number and real name: status %d: %s", status, stderr)
	}
	x := t.TempDir()
	tool(t, "extract", src, `C:\Users\anna`, "--to", x)
	if _, err := os.Stat(filepath.Join(x, "C", "Users", "anna", "Documents", "notes.txt")); err != nil {
		t.Error(err)
	}
}

// The names of people's trees are those of the tar.
func TestNamesOfTheTar(t *testing.T) {
	for _, n := range []string{"a", ".", "..", "...", `\`, "/", "%", "%%2F", "%2", "%2e", "%2E", "%5C%00", "a\x00", "\xed\xa0\x80", "C:"} {
		o := &store.Object{Kind: store.File, Path: wstr.Text(`C:\` + n), Names: []wstr.Text{wstr.Text(n)}}
		if tar, err := o.TarName(); err != nil || tar != "C/"+folder.Name(n) {
			t.Errorf("%q: %q in the tar (%v), %q here", n, tar, err, folder.Name(n))
		}
	}
}
