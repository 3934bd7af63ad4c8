package testimages_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/coldstate/coldstate/testimages"
)

// TestLocked lets dislocker open the volume of each locked disk that it can
// read, and compares what comes out with the volume of the sample disk.
func TestLocked(t *testing.T) {
	if _, err := exec.LookPath("dislocker-file"); err != nil {
		t.Skip("needs the program dislocker-file (Debian package; .ci/run installs it)")
	}
	const windowsOffset, windowsSize = 26624 * 512, 65536 * 512
	d, _ := testimages.Disk()
	want := make([]byte, windowsSize)
	if _, err := d.ReadAt(want, windowsOffset); err != nil {
		t.Fatal(err)
	}
	bek := filepath.Join(t.TempDir(), "key.BEK")
	if err := os.WriteFile(bek, testimages.LockedBEK(), 0o644); err != nil {
		t.Fatal(err)
	}
	for kind, how := range map[string][]string{
		"recovery":    {"-p" + testimages.RecoveryPassword},
		"password":    {"-u" + testimages.VolumePassword},
		"startup key": {"-f", bek},
		"suspended":   {"-c"},
		"diffuser":    {"-p" + testimages.RecoveryPassword},
	} {
		t.Run(kind, func(t *testing.T) {
			r, size := testimages.Locked(kind)
			name := filepath.Join(t.TempDir(), "disk.img")
			if err := testimages.WriteImage(name, r, size); err != nil {
				t.Fatal(err)
			}
			out := name + ".plain"
			args := append([]string{"-q", "-V", name, "-O", "13631488"}, how...)
			if b, err := exec.Command("dislocker-file", append(args, "--", out)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, b)
			}
			got, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes come out that are not those of the sample disk", len(got))
			}
		})
	}
}
