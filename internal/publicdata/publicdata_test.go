package publicdata

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(Variable, dir)
	want := []byte("content\n")
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	names := []string{"sub/plain", "sub/packed", "sub/packed.gz"}
	for name, b := range map[string][]byte{"plain": want, "packed.gz": z.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, "sub", name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if xz, err := exec.LookPath("xz"); err != nil {
		t.Log("needs the program xz: .xz is not tried")
	} else {
		cmd := exec.Command(xz, "-c")
		cmd.Stdin = bytes.NewReader(want)
		b, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "other.xz"), b, 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, "other", "other.xz")
	}
	for _, name := range names {
		if got := Load(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A test without the data is skipped, not passed and not failed.
func TestWithoutData(t *testing.T) {
	t.Setenv(Variable, "")
	skipped := false
	t.Run("skips", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		Dir(t)
		t.Error("is not skipped")
	})
	if !skipped {
		t.Error("is not marked as skipped")
	}
}

// Each file of disks, volumes and images is used by a test.
func TestUsed(t *testing.T) {
	dir := Dir(t)
	var tests []byte
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, "_test.go") {
			b, err := os.ReadFile(path)
			tests = append(tests, b...)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, folder := range []string{"containers", "partitions", "wim", "bitlocker", "ntfs"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			n++
			name := d.Name()
			for _, ext := range []string{".gz", ".xz", ".zip"} {
				name = strings.TrimSuffix(name, ext)
			}
			// All files of that kind are used, whatever their names.
			if folder == "wim" && bytes.Contains(tests, []byte(`publicdata.Dir(t), "wim", "*.wim"`)) && filepath.Ext(name) == ".wim" {
				return nil
			}
			if !bytes.Contains(tests, []byte(name)) {
				t.Errorf("no test uses %s/%s", folder, d.Name())
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if n < 40 {
		t.Errorf("%d files", n)
	}
}
