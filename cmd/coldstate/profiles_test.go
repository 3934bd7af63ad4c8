package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
)

// profilesDisks writes the disks of the machine with the broken profiles.
func profilesDisks(t *testing.T) []string {
	t.Helper()
	paths, err := testimages.Machine("users").WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestBrokenProfiles captures the machine with the broken profiles: whatever
// is wrong with a profile, its files are in the store, once, and who has
// something elsewhere is told where.
func TestBrokenProfiles(t *testing.T) {
	to := filepath.Join(t.TempDir(), "store")
	status, stdout, stderr := tool(t, append([]string{"capture", "--to", to}, profilesDisks(t)...)...)
	if status != statusIncomplete {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	_, objects := readStore(t, to)
	times := map[string]int{}
	settings := map[string]bool{}
	for key := range objects {
		times[key.path]++
		if id, _, ok := strings.Cut(key.path, " HKCU"); ok {
			settings[id] = true
		}
	}
	want := []string{`D:\Profile\ida\Documents\ida.txt`, `D:\Musik\karl.mp3`, `D:\Bilder\karl.jpg`, `C:\Users\karl\OneDrive - Kontor\Desktop\karl.txt`,
		`C:\Users\karl\OneDrive - Kontor\Desktop\only online.bin`, `C:\Users\karl\Documents\left behind.txt`, `C:\Users\TEMP\Desktop\just now.txt`}
	for _, name := range []string{"anna", "bert", "clara", "dora", "emil", "gustav", "heidi", "jan", "deleted", "lena", "mm.KONTOR", "FionaFuchs", "fund"} {
		want = append(want, `C:\Users\`+name+`\Documents\`+name+".txt")
	}
	for _, path := range want {
		if times[path] != 1 {
			t.Errorf("%s is in the store %d times", path, times[path])
		}
	}
	// The second key of bert repeats the first: nothing is taken for it.
	for id, want := range map[string]bool{"-1011": true, "-1002": true, "-1002.bak": false} {
		if id = testimages.ProfilesSID + id; settings[id] != want {
			t.Errorf("settings of %s are in the store: %v, want %v", id, settings[id], want)
		}
	}
	for _, text := range []string{
		`the folder Documents is redirected to the server path \\fs01\home\karl; what is there is not on this disk`,
		`the folder Videos is redirected to the server path \\nas\video\karl (network drive V:)`,
		`C:\Users\gustav\NTUSER.DAT: cannot be used`,
		`C:\Users\heidi\NTUSER.DAT: does not exist`,
		`the profile folder C:\Users\frida does not exist`,
		`is the profile folder of two keys`,
		`C:\Users\Tausch: is among the profiles, but is none`,
	} {
		if !strings.Contains(stderr, text) {
			t.Errorf("not told: %s", text)
		}
	}
	if t.Failed() {
		t.Log(stderr)
		for p := range times {
			t.Log(p)
		}
	}
}
