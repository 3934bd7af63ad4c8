package volumes

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/diskgen"
)

// A stick is a source by itself, whatever fills it.
func TestFATSource(t *testing.T) {
	if _, err := exec.LookPath("mcopy"); err != nil {
		t.Skip("needs the program mcopy")
	}
	if _, err := exec.LookPath("mkfs.vfat"); err != nil {
		t.Skip("needs the program mkfs.vfat")
	}
	folder := t.TempDir()
	img, file := filepath.Join(folder, "stick.img"), filepath.Join(folder, "A long name.txt")
	if err := errors.Join(os.WriteFile(img, make([]byte, 40<<20), 0o666), os.WriteFile(file, []byte("hello"), 0o666)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"mkfs.vfat", "-n", "STICK", img}, {"mcopy", "-i", img, file, "::/"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
	}
	s, err := Open([]string{img}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Sources[0].Kind != VolumeImage || s.Volumes[0].Kind != FAT {
		t.Errorf("%s, %s", s.Sources[0].Kind, s.Volumes[0].Kind)
	}
	fs, err := s.Volumes[0].FS()
	if err != nil || fs.Label() != "STICK" {
		t.Fatal(fs, err)
	}
	e, err := fs.Lookup("a LONG name.txt")
	if err != nil {
		t.Fatal(err)
	}
	r, err := fs.Open(e, "")
	b := make([]byte, 5)
	if err == nil {
		_, err = r.ReadAt(b, 0)
	}
	if err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
}

// What is told apart and not read is unsupported, and says what to do.
func TestUnsupportedVolumes(t *testing.T) {
	for _, boot := range [][]byte{at(3, "EXFAT   "), at(3, "ReFS\x00\x00\x00\x00")} {
		s, err := Open([]string{writeFile(t, "x.img", boot)}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Volumes[0].FS()
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "mount it") || !strings.Contains(err.Error(), s.Volumes[0].Kind) {
			t.Errorf("%s: %v", s.Volumes[0].Kind, err)
		}
		s.Close()
	}
}

func writeFile(t *testing.T, name string, b []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

// The empty volumes of the disks that tests write.
func TestGeneratedFAT(t *testing.T) {
	var b bytes.Buffer
	const size = 4 << 20
	if _, err := b.ReadFrom(io.NewSectionReader(diskgen.FAT("SYSTEM", size), 0, size)); err != nil {
		t.Fatal(err)
	}
	s, err := Open([]string{writeFile(t, "efi.img", b.Bytes())}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fs, err := s.Volumes[0].FS()
	if err != nil || fs.Label() != "SYSTEM" || fs.Len() != 1 || len(fs.Problems()) > 0 {
		t.Errorf("%v, %v", fs, err)
	}
}
