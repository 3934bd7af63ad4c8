package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
)

// TestTruncatedDisk cuts the sample disk off, at every 512 bytes of what is
// not zero when COLDSTATE_LONG is set and at every 61st of them else, and
// looks at what is left as inspect and extract do. Nothing panics; an error is
// an answer.
func TestTruncatedDisk(t *testing.T) {
	step := 61
	if os.Getenv("COLDSTATE_LONG") != "" {
		step = 1
	} else {
		t.Log("every 61st place; all of them with COLDSTATE_LONG=1")
	}
	name := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(name); err != nil {
		t.Fatal(err)
	}
	disk, size := testimages.Disk()
	var cuts []int64
	sector := make([]byte, 512)
	before := false
	for off := int64(0); off < size; off += 512 {
		if _, err := disk.ReadAt(sector, off); err != nil {
			t.Fatal(err)
		}
		zero := true
		for _, c := range sector {
			zero = zero && c == 0
		}
		// In a run of zeros one place is like the next.
		if !zero || before || off%(64<<10) == 0 {
			cuts = append(cuts, off)
		}
		before = !zero
	}
	whole, tried := 0, 0
	// Backwards: each cut shortens the file a little more.
	for i := len(cuts) - 1; i >= 0; i -= step {
		if err := os.Truncate(name, cuts[i]); err != nil {
			t.Fatal(err)
		}
		tried++
		if lookAt(t, name, i%(16*step) < step) {
			whole++
		}
	}
	t.Logf("%d cuts, a Windows was found in %d", tried, whole)
	if whole == 0 || whole == tried {
		t.Error("the cuts do not go through the volume")
	}
}

// lookAt finds Windows and its users and, with deep, reads the start of every
// stream.
func lookAt(t *testing.T, name string, deep bool) bool {
	t.Helper()
	set, err := volumes.Open([]string{name}, volumes.Options{})
	if err != nil {
		return false
	}
	defer set.Close()
	systems, _, err := offline.Find(set, offline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, sys := range systems {
		if _, _, err := profile.Users(sys); err != nil {
			t.Fatal(err)
		}
	}
	if deep {
		tr := &sourceTree{&source{set: set, systems: systems}}
		err := tr.each("", true, func(n *node) error {
			if n.open == nil {
				return nil
			}
			r, err := n.open()
			if err != nil {
				return nil
			}
			defer r.Close()
			io.CopyN(io.Discard, r, 1<<16)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return len(systems) > 0
}
