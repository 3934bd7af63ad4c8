package publicdata

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
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
