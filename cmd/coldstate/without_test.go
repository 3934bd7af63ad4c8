package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWithoutAttributes: what an excludeAttributes leaves out is told by
// capture, ls and explain, of the source and of the store.
func TestWithoutAttributes(t *testing.T) {
	img, dir := sampleDisk(t), t.TempDir()
	rules := filepath.Join(dir, "bare.xml")
	if err := os.WriteFile(rules, []byte(`<?xml version="1.0" encoding="UTF-8"?>
<migration urlid="urn:example:bare"><component type="Documents"><displayName>Bare</displayName><role role="Data"><rules>
<include><objectSet><pattern type="File">C:\Users\* [*]</pattern></objectSet></include>
<excludeAttributes attributes="Security,LastAccessTime"><objectSet><pattern type="File">C:\Users\* [*.docx]</pattern></objectSet></excludeAttributes>
</rules></role></component></migration>`), 0o644); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "store")
	_, _, stderr := tool(t, "capture", img, "--to", to, "--rules", rules, "--progress", "none")
	if !strings.Contains(stderr, "bare.xml:4:1: as this <excludeAttributes> asks for, ") || !strings.Contains(stderr, "are kept without Security,LastAccessTime") {
		t.Errorf("capture does not tell: %s", stderr)
	}
	_, list, _ := tool(t, "ls", to, `C:\Users`, "-r")
	path := ""
	for _, line := range strings.Split(list, "\n") {
		i := strings.Index(line, `C:\`)
		if bare := strings.Contains(line, "[without Security,LastAccessTime]"); i < 0 || bare != strings.Contains(line, ".docx  [") {
			if i >= 0 {
				t.Errorf("ls: %s", line)
			}
			continue
		} else if bare && path == "" {
			path, _, _ = strings.Cut(line[i:], "  [")
		}
	}
	if path == "" {
		t.Fatalf("ls names no file without all of its metadata:\n%s", list)
	}
	for _, args := range [][]string{{"explain", to, path}, {"explain", img, path, "--rules", rules}} {
		status, stdout, stderr := tool(t, args...)
		if status != statusOK || !strings.Contains(stdout, "without Security, LastAccessTime: left out of its metadata by an") {
			t.Errorf("%v: status %d: %s%s", args, status, stdout, stderr)
		}
		if args[1] == img && (!strings.Contains(stdout, "bare.xml:4") || !strings.Contains(stdout, `excludeAttributes C:\Users\* [*.docx]`)) {
			t.Errorf("%v: %s", args, stdout)
		}
	}
	for _, args := range [][]string{{"explain", to, path, "--json"}, {"explain", img, path, "--rules", rules, "--json"}, {"ls", to, path, "--json"}} {
		if _, stdout, _ := tool(t, args...); !strings.Contains(strings.ReplaceAll(stdout, `": "`, `":"`), `"without":"Security,LastAccessTime"`) {
			t.Errorf("%v: %s", args, stdout)
		}
	}
}
