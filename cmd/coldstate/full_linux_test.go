package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coldstate/coldstate/store"
)

// windowsFolder makes a host folder with a Windows of the sample's hives and
// one file of n bytes that do not compress.
func windowsFolder(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	status, _, stderr := tool(t, "extract", sampleDisk(t), `C:\Windows\System32\config\SYSTEM`, `C:\Windows\System32\config\SOFTWARE`, "--to", dir)
	if status != statusOK {
		t.Fatalf("extract: status %d: %s", status, stderr)
	}
	noise := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(noise)
	big := filepath.Join(dir, "C", "Users", "anna", "noise.bin")
	if err := os.MkdirAll(filepath.Dir(big), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(big, noise, 0o644); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "C")
}

// TestDestinationFull captures into a file system that has no room: one that
// is seen to be too small before the start, and one that fills up.
func TestDestinationFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a small tmpfs")
	}
	src := windowsFolder(t, 12<<20)
	rules := writeRules(t, strings.ReplaceAll(allRules, `C:\*`, `C:\Users\*`))
	mount := func(size string) string {
		dir := t.TempDir()
		if err := syscall.Mount("coldstate-test", dir, "tmpfs", 0, "size="+size); err != nil {
			t.Skipf("needs tmpfs: %v", err)
		}
		t.Cleanup(func() { syscall.Unmount(dir, 0) })
		return filepath.Join(dir, "store")
	}
	t.Run("too small from the start", func(t *testing.T) {
		to := mount("1m")
		status, _, stderr := tool(t, "capture", src, "--to", to, "--rules", rules, "--progress", "none")
		if status != statusFailed || !strings.Contains(stderr, "are free there") || !strings.Contains(stderr, "--no-space-check") || !strings.Contains(stderr, "RESULT: failed: nothing was written") {
			t.Errorf("status %d: %s", status, stderr)
		}
		if _, err := os.Stat(to); err == nil {
			t.Error("something was written")
		}
	})
	t.Run("no room for the result", func(t *testing.T) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skipf("needs /dev/full: %v", err)
		}
		defer full.Close()
		to := filepath.Join(t.TempDir(), "store")
		var errs bytes.Buffer
		status := run([]string{"capture", src, "--to", to, "--rules", rules, "--progress", "none", "--json"}, full, &errs)
		if want := "RESULT: failed: the result could not be printed; the capture itself ended, and " + to + " is whole"; status != statusFailed || !strings.Contains(errs.String(), want) {
			t.Errorf("status %d: %s", status, errs.String())
		}
		if status, _, stderr := tool(t, "verify", to); status != statusOK {
			t.Errorf("status %d: %s", status, stderr)
		}
	})
	t.Run("holes take no room", func(t *testing.T) {
		sparse := filepath.Join(src, "Users", "anna", "disk.vhd")
		if err := os.WriteFile(sparse, []byte("head"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(sparse, 1<<30); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(sparse)
		to := mount("15m")
		if status, _, stderr := tool(t, "capture", src, "--to", to, "--rules", rules, "--progress", "none"); status != statusOK {
			t.Errorf("status %d: %s", status, stderr)
		}
	})
	t.Run("fills up", func(t *testing.T) {
		to := mount("6m")
		status, _, stderr := tool(t, "capture", src, "--to", to, "--rules", rules, "--progress", "none")
		if status != statusFailed || !strings.Contains(stderr, "no space left") || !strings.Contains(stderr, "hint: the destination is full") || !strings.Contains(stderr, "RESULT: failed: "+to+" is not sealed") {
			t.Errorf("status %d: %s", status, stderr)
		}
		if lines := strings.Split(strings.TrimSpace(stderr), "\n"); !strings.HasPrefix(lines[len(lines)-1], "RESULT: ") {
			t.Errorf("the last line is %q", lines[len(lines)-1])
		}
		// What is there does not look whole.
		if status, _, stderr := tool(t, "verify", to); status == statusOK {
			t.Errorf("verify: status %d: %s", status, stderr)
		}
		if s, err := store.Open(store.OS(to)); err == nil {
			if s.Manifest().State == store.StateSealed {
				t.Error("the store says that it is sealed")
			}
			s.Close()
		}
	})
	t.Run("extract", func(t *testing.T) {
		to := mount("2m")
		status, _, stderr := tool(t, "extract", src, "--to", to)
		if status != statusFailed || !strings.Contains(stderr, "hint: the destination is full") || !strings.Contains(stderr, "RESULT: failed: ") {
			t.Errorf("status %d: %s", status, stderr)
		}
		if _, err := os.Stat(filepath.Join(to, "C", "Users", "anna", "noise.bin")); err == nil {
			t.Error("a file that is not whole was left")
		}
	})
}
