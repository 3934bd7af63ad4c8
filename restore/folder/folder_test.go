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

// Chains of links, however they are put together, resolve below the target.
func TestLinksStayInside(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a host where links are placed")
	}
	type link struct{ at, target string }
	for _, chain := range [][]link{
		{{`C:\l`, `C:\`}, {`C:\l\l\x`, `D:\outside`}},
		{{`C:\l\l\x`, `D:\outside`}, {`C:\l`, `C:\`}},
		{{`C:\a\b\c\up`, `C:\`}, {`C:\a\b\c\up\deep\er\x`, `..\..\..\..\..\..\outside`}},
		{{`C:\a\b\up`, `C:\`}, {`C:\a\b\up\a\b\up\x`, `D:\outside\secret`}},
		{{`C:\a`, `C:\b`}, {`C:\b`, `C:\c\d`}, {`C:\a\x`, `D:\outside`}, {`C:\b\y`, `D:\outside`}},
		{{`C:\a`, `D:\`}, {`D:\b`, `C:\a\b\..\..\..`}, {`C:\a\b\x`, `..\..\outside`}},
		{{`C:\l`, `.`}, {`C:\l\l\l\l\x`, `D:\outside\secret`}},
		{{`C:\l`, `C:\L`}, {`C:\L`, `C:\`}, {`C:\l\l\l\x`, `D:\outside`}},
		{{`C:\x/y`, `C:\`}, {`C:\x\y\z\w`, `D:\outside`}},
	} {
		outer := t.TempDir()
		// What a chain that leads out would find, at every height.
		for _, d := range []string{"outside", "D/outside", "x/outside", "x/D/outside", "x/y/outside", "x/y/D/outside"} {
			if err := os.MkdirAll(filepath.Join(outer, d), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(outer, d, "secret"), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		dir := filepath.Join(outer, "x", "y", "to")
		// Twice: links of an earlier run are there already in the second.
		for range 2 {
			tg, err := folder.Open(dir, folder.Options{Overwrite: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []string{`C:\inside`, `D:\outside\secret`, `C:\outside\secret`} {
				if err := tg.File(f, strings.NewReader("x"), 0); err != nil {
					t.Error(err)
				}
			}
			for _, l := range chain {
				if err := tg.Symlink(l.at, l.target); err != nil {
					t.Errorf("%v: %v", l, err)
				}
			}
			if err := tg.Close(); err != nil && !errors.Is(err, folder.ErrExists) {
				t.Errorf("%v: %v", chain, err)
			}
			if int(tg.Symlinks+tg.LinksLeft) > len(chain) || tg.Symlinks == 0 && tg.LinksLeft == 0 {
				t.Errorf("%v: %d links placed, %d left", chain, tg.Symlinks, tg.LinksLeft)
			}
		}
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			t.Fatal(err)
		}
		err = filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
			if err != nil || d.Type()&os.ModeSymlink == 0 {
				return err
			}
			to, err := filepath.EvalSymlinks(name)
			if err == nil && to != real && !strings.HasPrefix(to, real+string(filepath.Separator)) {
				t.Errorf("%v: %s leads to %s", chain, name, to)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", `a\b`: "a%5Cb", "a/b": "a%2Fb", "a%5Cb": "a%255Cb", "100%": "100%", "%20": "%20", "a\x00": "a%00", ".": "%2E", "..": "%2E%2E", "...": "...", "%2525": "%252525",
	} {
		if got := folder.Name(in); got != want {
			t.Errorf("Name(%q) = %q, want %q", in, got, want)
		}
	}
}
