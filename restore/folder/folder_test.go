package folder_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/restore/folder"
)

func TestTree(t *testing.T) {
	dir := t.TempDir()
	tg, err := folder.Open(dir, folder.Options{Streams: filepath.Join(dir, "streams")})
	if err != nil {
		t.Fatal(err)
	}
	const when = wstr.Filetime(132223104000000000)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(tg.Folder(`C:\Users\ann\empty`, when))
	check(tg.File(`C:\Users\ann\a.txt`, strings.NewReader("hello"), when))
	check(tg.HardLink(`C:\Users\ann\b.txt`, `C:\Users\ann\a.txt`))
	check(tg.Stream(`C:\Users\ann\a.txt`, "Zone.Identifier", strings.NewReader("z")))
	check(tg.File(`2:\x`, strings.NewReader("two"), 0))
	big := make([]byte, 1<<20)
	big[1<<19] = 1
	check(tg.File(`C:\sparse`, bytes.NewReader(big), 0))
	check(tg.File(`C:\zeros`, bytes.NewReader(big[:1<<18]), 0))
	check(tg.Symlink(`C:\Users\all`, `\??\C:\Users\ann`))
	check(tg.Symlink(`C:\Users\out`, `..\..\..\etc`))
	err = tg.File(`C:\Users\ann\a.txt`, strings.NewReader("again"), 0)
	if !errors.Is(err, folder.ErrExists) {
		t.Errorf("a second file of that name: %v", err)
	}
	check(tg.Close())
	for name, want := range map[string]string{
		"C/Users/ann/a.txt": "hello", "C/Users/ann/b.txt": "hello", "2/x": "two",
		"streams/C/Users/ann/a.txt/Zone.Identifier": "z",
		"C/sparse": string(big), "C/zeros": string(big[:1<<18]),
	} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for _, name := range []string{"C/Users/ann/a.txt", "C/Users/ann/empty"} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil || !fi.ModTime().Equal(when.Time()) {
			t.Errorf("%s: modified %v, %v", name, fi.ModTime(), err)
		}
	}
	if runtime.GOOS != "windows" {
		if to, err := os.Readlink(filepath.Join(dir, "C/Users/all")); to != "ann" {
			t.Errorf("the junction leads to %q, %v", to, err)
		}
		if tg.LinksLeft != 1 {
			t.Errorf("%d links left, want the one that leads out", tg.LinksLeft)
		}
	}
}

// Every name, however hostile, lands below the target.
func TestNothingLeavesTheTarget(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "a", "b")
	tg, err := folder.Open(dir, folder.Options{Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{
		`C:\..\..\..\x`, `C:\.\x`, `..\x`, `D:\..`, "C:\\a\x00b", `C:\a/../../../../x`, `/etc/x`, `\\server\share\x`, `C:\%2E%2E\x`,
	} {
		if err := tg.File(p, strings.NewReader("x"), 0); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
	// A link placed first must not carry a later file out.
	_ = tg.Symlink(`C:\out`, `..\..`)
	_ = tg.Symlink(`C:\up`, `C:\..\..\..`)
	_ = tg.File(`C:\out\y`, strings.NewReader("x"), 0)
	_ = tg.File(`C:\up\y`, strings.NewReader("x"), 0)
	if err := tg.Close(); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(outer, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(name, dir+string(filepath.Separator)) {
			t.Errorf("%s is outside of the target", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLinkTarget(t *testing.T) {
	for _, tt := range []struct {
		at, target, want string
		ok               bool
	}{
		{`C:\Users\ann\l`, `..\Documents`, "../Documents", true},
		{`C:\Users\ann\torture\l`, `..\Documents`, "../Documents", true},
		{`C:\Users\l`, `\??\C:\Users\ann`, "ann", true},
		{`C:\Users\l`, `D:\x y`, "../../D/x y", true},
		{`C:\Users\l`, `\Windows`, "../Windows", true},
		{`C:\l`, `..\..\x`, "", false},
		{`C:\l`, `\\server\share`, "", false},
		{`C:\l`, `\??\Volume{1-2}\`, "", false},
		{`C:\a\l`, `.`, ".", true},
		{`C:\a\l`, `C:\`, "..", true},
	} {
		got, ok := folder.LinkTarget(tt.at, tt.target)
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s -> %s: %q, %v, want %q, %v", tt.at, tt.target, got, ok, tt.want, tt.ok)
		}
	}
}
