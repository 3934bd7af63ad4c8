package ntfs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// TestEncryptedOf3G reads a file that ntfs-3g wrote in its raw form.
func TestEncryptedOf3G(t *testing.T) {
	needsNTFS3G(t)
	img := filepath.Join(t.TempDir(), "v.img")
	if err := os.WriteFile(img, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	run3g(t, "mkntfs", "-F", "-Q", img)
	dir, unmount := mount(t, img, "efs_raw")
	data := ntfsgen.Noise("efs", 1024).All()
	// The raw form of ntfs-3g: ciphertext in whole blocks, then how much of
	// the last one is padding.
	name := filepath.Join(dir, "secret.txt")
	if err := os.WriteFile(name, append(bytes.Clone(data), 24, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	meta := append([]byte{84, 0, 0, 0, 0, 0, 0, 0, 2}, make([]byte, 75)...)
	if out, err := exec.Command("setfattr", "-n", "system.ntfs_efsinfo", "-v", fmt.Sprintf("0x%x", meta), name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	unmount()
	b, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	fs, err := Open(bytes.NewReader(b), int64(len(b)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, info := lookup(t, fs, "secret.txt")
	if info.Size != 1000 || info.Attr&winfs.AttrEncrypted == 0 || info.Mode&winfs.Encrypted == 0 {
		t.Errorf("%+v", info)
	}
	if got, err := fs.EFS(e); err != nil || !bytes.Equal(got, meta) {
		t.Errorf("$EFS %x, %v", got, err)
	}
	c, err := fs.OpenRaw(e, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, c.Data); c.Size != 1000 || !bytes.Equal(got, data) {
		t.Errorf("size %d, %d bytes", c.Size, len(got))
	}
}
