package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// dynamicMachine writes the two dynamic disks of a machine: its Windows is on a
// simple volume of the first, and D: on a spanned one over both.
func dynamicMachine(t *testing.T) (first, second string, data []byte) {
	t.Helper()
	const mib = 1 << 20
	system, software := hivegen.K("ROOT"), hivegen.K("ROOT")
	system.At("Select").Add(hivegen.D("Current", 1))
	system.At(`ControlSet001\Control\ComputerName\ComputerName`).Add(hivegen.SZ("ComputerName", "COLD"))
	system.At(`ControlSet001\Control\Session Manager\Environment`).Add(hivegen.SZ("PROCESSOR_ARCHITECTURE", "AMD64"))
	// As Windows' memory has the GUIDs below.
	id := func(n byte) []byte {
		return append([]byte("DMIO:ID:"), n, 0, 0, 0, 0x34, 0x12, 0xE1, 0x11, 0x8C, 0xF9, 1, 0x23, 0x45, 0x67, 0x89, 0xAB)
	}
	system.At("MountedDevices").Add(hivegen.B(`\DosDevices\C:`, id(4)), hivegen.B(`\DosDevices\D:`, id(5)), hivegen.B(`\DosDevices\E:`, id(9)))
	software.At(`Microsoft\Windows NT\CurrentVersion`).Add(hivegen.SZ("CurrentVersion", "6.1"), hivegen.SZ("CurrentBuild", "7601"), hivegen.SZ("CurrentBuildNumber", "7601"),
		hivegen.SZ("ProductName", "Windows 7 Professional"), hivegen.SZ("EditionID", "Professional"), hivegen.SZ("SystemRoot", `C:\Windows`))
	software.At(`Microsoft\Windows NT\CurrentVersion\ProfileList`).Add(hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Users`))

	large := ntfsgen.Noise("large", 5*mib)
	windows := ntfsgen.Build(ntfsgen.Options{Label: "Windows"},
		ntfsgen.File(`Windows\System32\config\SYSTEM`, hivegen.Build(system, hivegen.Options{})),
		ntfsgen.File(`Windows\System32\config\SOFTWARE`, hivegen.Build(software, hivegen.Options{})),
		ntfsgen.File(`Windows\explorer.exe`, "MZ"), ntfsgen.Dir("Users"))
	files := ntfsgen.Build(ntfsgen.Options{Label: "Data"}, ntfsgen.File(`photos\large`, large))
	round := func(n int64) int64 { return (n + mib - 1) / mib * mib }
	on := func(p ...diskgen.LDMPiece) []diskgen.LDMMirror {
		return []diskgen.LDMMirror{{Columns: [][]diskgen.LDMPiece{p}}}
	}
	guid := func(n int) string { return fmt.Sprintf("%08d-1234-11e1-8cf9-0123456789ab", n) }
	w, f := round(windows.Size()), round(files.Size())
	g := &diskgen.LDMGroup{Name: "COLD-Dg0", GUID: guid(1),
		Disks: []diskgen.LDMDisk{{Name: "Disk1", GUID: guid(2), Size: w + 6*mib}, {Name: "Disk2", GUID: guid(3), Size: f + 3*mib, GPT: true}},
		Volumes: []diskgen.LDMVolume{
			{Name: "Volume1", GUID: guid(4), Size: windows.Size(), Content: windows, Mirrors: on(diskgen.LDMPiece{Disk: 0, Size: w})},
			{Name: "Volume2", GUID: guid(5), Size: files.Size(), Content: files, Mirrors: on(diskgen.LDMPiece{Disk: 0, Start: w, Size: 3 * mib}, diskgen.LDMPiece{Disk: 1, Size: f - 3*mib})},
		}}
	dir := t.TempDir()
	var names []string
	for i, img := range diskgen.LDM(g) {
		b := make([]byte, img.Size())
		img.ReadAt(b, 0)
		name := filepath.Join(dir, string(rune('a'+i))+".img")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names[0], names[1], large.All()
}

// The letters of dynamic volumes are those of MountedDevices, over all disks.
func TestDynamicMachine(t *testing.T) {
	a, b, data := dynamicMachine(t)
	type drive struct {
		Letter string
		Volume int
		How    string
	}
	inspectJSON := func(args ...string) (in struct {
		Sources []struct {
			Volumes []struct {
				Number              int
				Kind, Label, Letter string
				Unread              string `json:"unreadable"`
			}
			Problems []string
		}
		Windows []struct{ Drives []drive }
	}) {
		t.Helper()
		status, stdout, stderr := tool(t, append([]string{"inspect", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(stdout), &in); err != nil || len(in.Windows) != 1 {
			t.Fatalf("status %d, %v: %s%s", status, err, stdout, stderr)
		}
		return in
	}
	in := inspectJSON(a, b)
	if got := fmt.Sprint(in.Windows[0].Drives); got != "[{C: 1 SystemRoot, dynamic volume GUID} {D: 2 dynamic volume GUID}]" {
		t.Errorf("drives %s", got)
	}
	if v := in.Sources[0].Volumes; len(v) != 2 || v[0].Label != "Windows" || v[0].Letter != "C:" || v[1].Label != "Data" || v[1].Letter != "D:" || v[1].Kind != "NTFS" {
		t.Errorf("volumes %+v", v)
	}

	// Every byte, through the extents of a file that lies on both disks.
	out := t.TempDir()
	if status, _, stderr := tool(t, "extract", a, `D:\photos`, "--to", out); status == statusOK || !strings.Contains(stderr, "Disk2 {") {
		t.Errorf("extract without the second disk: status %d: %s", status, stderr)
	}
	store := filepath.Join(t.TempDir(), "store")
	rules := writeRules(t, strings.ReplaceAll(allRules, `C:\* [*]`, `D:\* [*]`))
	if status, _, stderr := tool(t, "capture", a, b, "--to", store, "--rules", rules, "--progress", "none"); status != statusOK {
		t.Fatalf("capture: status %d: %s", status, stderr)
	}
	if status, _, stderr := tool(t, "extract", store, "--to", out); status != statusOK {
		t.Fatalf("extract: status %d: %s", status, stderr)
	}
	got, err := os.ReadFile(filepath.Join(out, "D", "photos", "large"))
	if err != nil || string(got) != string(data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}

	// Without the second disk D: is known, and the disk that it needs.
	in = inspectJSON(a)
	v := in.Sources[0].Volumes
	if len(v) != 2 || v[1].Letter != "D:" || v[1].Kind != "dynamic disk" || !strings.Contains(v[1].Unread, "Disk2 {00000003-1234-11e1-8cf9-0123456789ab}") || !strings.Contains(v[1].Unread, "add the disk") {
		t.Errorf("volumes %+v", v)
	}
	if p := in.Sources[0].Problems; len(p) != 1 || !strings.Contains(p[0], "add the dynamic disks Disk2 of the group COLD-Dg0") {
		t.Errorf("problems %q", p)
	}
	status, _, stderr := tool(t, "capture", a, "--to", filepath.Join(t.TempDir(), "store"), "--rules", rules, "--progress", "none")
	if status != statusIncomplete || !strings.Contains(stderr, "Disk2") {
		t.Errorf("capture without the second disk: status %d: %s", status, stderr)
	}
}
