package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
)

// TestRecoveredHives: what the logs gave to registry files, and what it does
// not say anything of, is told once, and stands in plan.json.
func TestRecoveredHives(t *testing.T) {
	for _, name := range []string{"dirty", "dirty-win7", "dirty-xp"} {
		t.Run(name, func(t *testing.T) {
			m := testimages.Machine(name)
			paths, err := m.WriteTo(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			store := filepath.Join(t.TempDir(), "store")
			status, _, stderr := tool(t, "capture", paths[0], "--to", store)
			if status != 0 {
				t.Errorf("status %d: %s", status, stderr)
			}
			config := m.Installations[0].Dir + `\System32\config\`
			user := m.Installations[0].User("anna").Profile + `\NTUSER.DAT`
			for path, want := range map[string]int{config + "SYSTEM": 1, config + "SOFTWARE": 1, user: 1, config + "DEFAULT": 0} {
				if n := strings.Count(stderr, path+": the hive was not written out completely: 1 change of "); n != want {
					t.Errorf("%s is told %d times, want %d: %s", path, n, want, stderr)
				}
			}
			b, err := os.ReadFile(filepath.Join(store, "plan.json"))
			if err != nil {
				t.Fatal(err)
			}
			var doc struct {
				Hives []struct {
					Path, From string
					Recovery   struct{ Applied []struct{ Entries int } }
				}
				Windows struct {
					Computer string
					From     string `json:"architecture_from"`
				}
			}
			if err := json.Unmarshal(b, &doc); err != nil {
				t.Fatal(err)
			}
			applied := map[string]int{}
			for _, h := range doc.Hives {
				applied[h.Path] = len(h.Recovery.Applied)
				if h.From != h.Path {
					t.Errorf("%+v", h)
				}
			}
			for _, path := range []string{config + "SYSTEM", config + "SOFTWARE", user} {
				if applied[path] != 1 {
					t.Errorf("plan.json has %d logs of %s", applied[path], path)
				}
			}
			if doc.Windows.Computer != testimages.DirtyComputer || doc.Windows.From != "ntoskrnl.exe" {
				t.Errorf("%+v", doc.Windows)
			}
		})
	}
}

// TestReplacedHive: a registry file that another stands in for is told once,
// as a warning.
func TestReplacedHive(t *testing.T) {
	r, size := testimages.Broken("no system hive")
	disk := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteImage(disk, r, size); err != nil {
		t.Fatal(err)
	}
	_, _, stderr := tool(t, "capture", disk, "--dry-run")
	if strings.Count(stderr, "is read in its place") != 1 || !strings.Contains(stderr, `coldstate: warning: C:\Windows\System32\config\SYSTEM: cannot be used (`) {
		t.Error(stderr)
	}
}
