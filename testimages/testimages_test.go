package testimages_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
)

// windowsSector is where the NTFS volume starts, in sectors.
const windowsSector = "26624"

func wholeDisk(t testing.TB) []byte {
	t.Helper()
	r, size := testimages.Disk()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, size))
	if err != nil || int64(len(b)) != size {
		t.Fatalf("read %d of %d bytes: %v", len(b), size, err)
	}
	return b
}

func TestDiskReadsAnyRange(t *testing.T) {
	b := wholeDisk(t)
	r, size := testimages.Disk()
	for _, c := range []struct{ off, n int64 }{{0, 1}, {511, 2}, {4095, 2}, {26624*512 - 1, 10000}, {size - 5, 5}, {size / 3, 1 << 20}} {
		got := make([]byte, c.n)
		if _, err := r.ReadAt(got, c.off); err != nil {
			t.Errorf("ReadAt(%d bytes, %d): %v", c.n, c.off, err)
		}
		if !bytes.Equal(got, b[c.off:c.off+c.n]) {
			t.Errorf("ReadAt(%d bytes, %d) gives other bytes", c.n, c.off)
		}
	}
	if n, err := r.ReadAt(make([]byte, 10), size-4); n != 4 || err != io.EOF {
		t.Errorf("ReadAt over the end: %d, %v", n, err)
	}
}

func TestWriteDisk(t *testing.T) {
	name := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(name); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, wholeDisk(t)) {
		t.Error("the file differs from the disk")
	}
}

func TestEmbeddedFilesAreSmall(t *testing.T) {
	var sum int64
	for _, name := range []string{"disk.img.zst", "two-windows.pages.zst", "no-windows.pages.zst"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	if sum > 320<<10 {
		t.Errorf("the images take %d bytes in the executable", sum)
	}
}

func TestManifest(t *testing.T) {
	kinds := map[string]int{}
	seen := map[string]bool{}
	for _, r := range testimages.Manifest() {
		kinds[r.Kind]++
		id := r.Path + "\x00" + r.Stream
		if seen[id] || !strings.HasPrefix(r.Path, `C:\`) {
			t.Errorf("row %q is there twice, or is no path", id)
		}
		seen[id] = true
		if (r.Kind == "file" || r.Kind == "stream") != (len(r.SHA256) == 64) {
			t.Errorf("%s %s has the hash %q", r.Kind, r.Path, r.SHA256)
		}
		if r.Kind == "link" && r.Target == "" {
			t.Errorf("link %s leads nowhere", r.Path)
		}
	}
	for kind, least := range map[string]int{"file": 250, "folder": 100, "stream": 40, "link": 15, "placeholder": 1, "alias": 1} {
		if kinds[kind] < least {
			t.Errorf("%d rows of kind %s, want %d at least", kinds[kind], kind, least)
		}
	}
	for _, path := range []string{
		`C:\Windows\System32\config\SAM`, `C:\Users\anna\NTUSER.DAT`, `C:\Users\Bob Smith\NTUSER.DAT`, `C:\Users\zoë\NTUSER.DAT`,
		"C:\\Users\\anna\\Documents\\odd\\surrogate\\lone \xed\xa0\x80 surrogate.txt", testimages.TornPath,
	} {
		if !seen[path+"\x00"] {
			t.Errorf("the manifest has no %q", path)
		}
	}
}

// TestSleuthkit compares the manifest with a second reader of the disk.
func TestSleuthkit(t *testing.T) {
	for _, tool := range []string{"fls", "icat"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs fls and icat (Debian: sleuthkit)")
		}
	}
	name := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(name); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("fls", "-r", "-p", "-u", "-F", "-o", windowsSector, name).Output()
	if err != nil {
		t.Fatal(err)
	}
	// fls prints a line for each name and each stream; $ files are NTFS's own.
	listed := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		_, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":\t")
		if ok {
			listed[path] = true
		}
	}
	for _, r := range testimages.Manifest() {
		if r.Kind != "file" && r.Kind != "stream" {
			continue
		}
		path := strings.ReplaceAll(strings.TrimPrefix(r.Path, `C:\`), `\`, "/")
		if r.Stream != "" {
			path += ":" + r.Stream
		}
		// fls cannot print a lone surrogate.
		if !listed[path] && !strings.Contains(path, "\xed\xa0\x80") && !(r.Kind == "stream" && r.Attributes&0x10 != 0) {
			t.Errorf("fls does not list %q", path)
		}
		// Each icat reads the whole MFT: not for the 120 alike files.
		if r.Kind == "file" && r.Size < 10<<20 && !strings.Contains(r.Path, `\many\`) {
			b, err := exec.Command("icat", "-o", windowsSector, name, fmt.Sprint(r.Record)).Output()
			if err != nil {
				t.Errorf("icat %s: %v", r.Path, err)
			}
			if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != r.SHA256 {
				t.Errorf("%s: icat reads %d bytes with the hash %s, the manifest says %d and %s", r.Path, len(b), got, r.Size, r.SHA256)
			}
		}
	}
	for path := range listed {
		if strings.Contains(path, "deleted") {
			t.Errorf("the deleted %s is listed", path)
		}
	}
}

func TestBrokenDiffer(t *testing.T) {
	whole := sha256.Sum256(wholeDisk(t))
	sums := map[[32]byte]string{whole: "the disk"}
	for _, name := range testimages.BrokenNames() {
		r, size := testimages.Broken(name)
		b, err := io.ReadAll(io.NewSectionReader(r, 0, size))
		if err != nil || int64(len(b)) != size {
			t.Fatalf("%s: read %d of %d bytes: %v", name, len(b), size, err)
		}
		sum := sha256.Sum256(b)
		if other, ok := sums[sum]; ok {
			t.Errorf("%s is the same as %s", name, other)
		}
		sums[sum] = name
	}
	if sha256.Sum256(wholeDisk(t)) != whole {
		t.Error("a variant changed the disk itself")
	}
}

func TestSecretsAreOnTheDisk(t *testing.T) {
	b := wholeDisk(t)
	for i, s := range testimages.Secrets() {
		// A long secret may be cut by the edge of a cluster or sector.
		if !bytes.Contains(b, s[:16]) {
			t.Errorf("secret %d is not on the disk", i)
		}
	}
}
