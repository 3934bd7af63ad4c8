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

	status, _, stderr := tool(t, "capture", disk, "--to", filepath.Join(t.TempDir(), "store"), "--include", `HKLM\SYSTEM\Setup\* [*]`)
	if status != statusIncomplete || !strings.Contains(stderr, `HKLM\SYSTEM: damaged: C:\Windows\System32\config\SYSTEM: cannot be used`) || !strings.Contains(stderr, "RESULT: incomplete") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// TestLostChanges: what a registry file lacks is an outcome, in the status and
// in the store, for whoever it is in scope.
func TestLostChanges(t *testing.T) {
	m := testimages.Machine("dirty")
	paths, err := m.WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if status, _, stderr := tool(t, "extract", paths[0], "--to", out); status != 0 && status != statusIncomplete {
		t.Fatalf("status %d: %s", status, stderr)
	}
	logs, err := filepath.Glob(filepath.Join(out, "C", "Users", "anna", "*.LOG*"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	for _, name := range logs {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	capture := func(args ...string) (status int, stderr string, damaged []string) {
		store := filepath.Join(t.TempDir(), "store")
		status, _, stderr = tool(t, append([]string{"capture", filepath.Join(out, "C"), "--to", store}, args...)...)
		s, err := openStore(store)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		seen := map[string]int{}
		for o, err := range s.Objects() {
			if err != nil {
				t.Fatal(err)
			}
			if o.Kind == "key" {
				seen[o.User+string(o.Path)]++
			}
			if o.Outcome == "damaged" {
				damaged = append(damaged, string(o.Path))
			}
		}
		for path, n := range seen {
			if n != 1 {
				t.Errorf("%s has %d outcomes", path, n)
			}
		}
		return status, stderr, damaged
	}
	for _, rule := range []string{`HKCU\* [*]`, `HKCU\Software\* [*]`} {
		status, stderr, damaged := capture("--rules", "builtin:documents", "--include", rule)
		if status != statusIncomplete || len(damaged) != 1 || damaged[0] != "HKCU" || !strings.Contains(stderr, "damaged: C:\\Users\\anna\\NTUSER.DAT") {
			t.Errorf("%s: status %d, damaged %q: %s", rule, status, damaged, stderr)
		}
	}
	if status, stderr, damaged := capture("--rules", "builtin:documents"); status != 0 || damaged != nil {
		t.Errorf("no rule names the registry: status %d, %q: %s", status, damaged, stderr)
	}
}
