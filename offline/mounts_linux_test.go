package offline

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// A folder in which the host shows the volume has the mount points that the
// volume has.
func TestMountsOfHostFolder(t *testing.T) {
	for _, program := range []string{"ntfs-3g", "umount"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs the program %s", program)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount with ntfs-3g")
	}
	const lost = "99999999-9999-4999-8999-999999999999"
	img := filepath.Join(t.TempDir(), "c.img")
	windows := volume("Windows", eleven().nodes("Windows",
		ntfsgen.MountPoint("Lost", lost),
		ntfsgen.MountPoint(`Users\anna\Archive`, lost),
		ntfsgen.MountPoint(`Deep\2\3\4\5\six`, lost),
		ntfsgen.MountPoint(`Deep\2\3\4\5\6\seven`, lost),
		ntfsgen.Junction("Documents and Settings", `C:\Users`),
		ntfsgen.File(`Users\anna\x.txt`, "x"),
	)...)
	if err := windows.WriteFile(img); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if out, err := exec.Command("ntfs-3g", "-o", "ro,streams_interface=xattr", img, dir).CombinedOutput(); err != nil {
		t.Skipf("needs ntfs-3g to mount: %v: %s", err, out)
	}
	defer exec.Command("umount", dir).Run()
	var missing []string
	for _, source := range []string{img, dir} {
		set := openSet(t, source)
		systems, problems, err := Find(set, Options{})
		if err != nil || len(systems) != 1 || len(problems) != 0 {
			t.Fatalf("%s: %v, %v, %v", source, systems, problems, err)
		}
		missing = append(missing, strings.Join(systems[0].MissingMounts, ", "))
		set.Close()
	}
	if want := `C:\Deep\2\3\4\5\six, C:\Lost, C:\Users\anna\Archive`; !slices.Equal(missing, []string{want, want}) {
		t.Errorf("missing %q, want %s", missing, want)
	}
}
