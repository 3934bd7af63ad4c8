// Package publicdata gives tests the public data that they compare with: hives
// and disk images from other projects, too large and not ours to ship. Only
// tests import it.
package publicdata

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Variable names the environment variable with the folder of the data.
const Variable = "COLDSTATE_TESTDATA"

// Dir is the folder of the data. Without one the test is skipped.
func Dir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(Variable)
	if dir == "" {
		t.Skipf("needs %s, the folder with the public test data", Variable)
	}
	return dir
}

// Path is the file of that name below Dir, slashes between; without one it is
// that name with .xz or .gz behind it.
func Path(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Dir(t), filepath.FromSlash(name))
	for _, ext := range []string{"", ".xz", ".gz"} {
		if _, err := os.Stat(path + ext); err == nil {
			return path + ext
		}
	}
	t.Fatalf("%s has no file %s", Variable, name)
	return ""
}

// Load reads the file of that name below Dir. One that ends in .xz or .gz is
// unpacked, and its name may be given without that; a test that needs the
// program xz and has none is skipped.
func Load(t testing.TB, name string) []byte {
	t.Helper()
	path := Path(t, name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".xz":
		xz, lookErr := exec.LookPath("xz")
		if lookErr != nil {
			t.Skipf("needs the program xz to unpack %s", name)
		}
		cmd := exec.Command(xz, "-dc")
		cmd.Stdin = bytes.NewReader(b)
		b, err = cmd.Output()
	case ".gz":
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(b)); err == nil {
			b, err = io.ReadAll(z)
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return b
}
