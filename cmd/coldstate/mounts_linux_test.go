package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// The mount point of a volume that is not there has one outcome, whether its
// volume is given as image or as the folder in which the host shows it.
func TestMountPointOfFolderSource(t *testing.T) {
	ntfs3g, umount := needProgram(t, "ntfs-3g"), needProgram(t, "umount")
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount with ntfs-3g")
	}
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: []*ntfsgen.Node{
		ntfsgen.File(`Documents\plain.txt`, "plain"),
	}}}}
	img, dir := filepath.Join(t.TempDir(), "c.img"), t.TempDir()
	nodes := append(w.On("C:"), ntfsgen.MountPoint(`Data\Lost`, "99999999-9999-4999-8999-999999999999"))
	if err := ntfsgen.Build(ntfsgen.Options{}, nodes...).WriteFile(img); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(ntfs3g, "-o", "ro,streams_interface=xattr", img, dir).CombinedOutput(); err != nil {
		t.Skipf("needs ntfs-3g to mount: %v: %s", err, out)
	}
	defer exec.Command(umount, dir).Run()
	for _, source := range []string{img, dir} {
		status, _, stderr := tool(t, "capture", source, "--to", filepath.Join(t.TempDir(), "store"), "--include", `C:\Data\* [*]`, "--progress", "none")
		if status != statusIncomplete || !strings.Contains(stderr, `not captured: C:\Data\Lost: volume-missing: the volume that is mounted in the folder is not among the sources`) {
			t.Errorf("%s: status %d, %s", source, status, stderr)
		}
	}
}
