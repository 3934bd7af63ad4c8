package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
)

// TestSaidTwice: of two answers to one question the last does not count
// without a word.
func TestSaidTwice(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	hostWindows(t, at("w"), "Windows", "TWICE")
	writeText(t, at("data/d.txt"), "d")
	writeText(t, at("other/o.txt"), "o")
	one, two := offlineXML(t, []string{at("w")}, ""), offlineXML(t, []string{at("w")}, "<mappings>\n<path>"+at("data")+`, D:\</path></mappings><mappings><path>`+at("other")+", d:</path></mappings>")
	hive := at("w/Windows/System32/config/SOFTWARE")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"inspect", "--offline", one, "--offline", one}, "--offline is given more than once"},
		{[]string{"inspect", at("w"), "--windows", `C:\Windows`, "--windows", `D:\Windows`}, "--windows is given more than once"},
		{[]string{"capture", at("w"), "--to", at("a"), "--to", at("b")}, "--to is given more than once"},
		{[]string{"inspect", at("w"), "--map", "D=" + at("data"), "--map", `d:\=` + at("other")}, "both say what D:\\ is"},
		{[]string{"inspect", at("w"), "--map", `C:\Data=` + at("data"), "--map", `c:\data\=` + at("other")}, `both say what C:\data is`},
		{[]string{"inspect", "--offline", two}, `offline.xml:6:1 and ` + two + `:6:`},
		{[]string{"reg", hive, "--windows", `C:\Windows`}, "--windows is about a Windows"},
		{[]string{"reg", hive, "--arch", "32"}, "--arch is about a Windows"},
		{[]string{"reg", hive, "--map", "D=1"}, "--map is about a Windows"},
		{[]string{"reg", hive, "--user", "anna"}, "--user is about a Windows"},
	} {
		status, _, stderr := tool(t, tt.args...)
		if status != 2 || !strings.Contains(stderr, tt.want) || !strings.Contains(stderr, "hint: leave") {
			t.Errorf("%v: status %d: %s", tt.args, status, stderr)
		}
	}
	for _, args := range [][]string{{"inspect", at("w"), "--map", "D=" + at("data"), "--map", "E=" + at("other")}, {"reg", hive, "Microsoft"},
		{"capture", at("w"), "--dry-run", "--include", `C:\x\* [*]`, "--include", `C:\y\* [*]`}} {
		if status, _, stderr := tool(t, args...); status != 0 {
			t.Errorf("%v: status %d: %s", args, status, stderr)
		}
	}
}

// TestSystemDriveTwice: the drive of the Windows under another letter, said by
// --map or an offline.xml.
func TestSystemDriveTwice(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	hostWindows(t, at("w"), "Windows", "TWICE")
	disks, err := testimages.Machine("two-windows").WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := offlineXML(t, []string{at("w/Windows")}, "<mappings><path>"+at("w")+`, C:\</path><path>`+at("w")+`, D:\</path></mappings>`)
	for _, args := range [][]string{
		{"inspect", "--offline", file}, {"capture", "--offline", file, "--dry-run"}, {"cat", "--offline", file, `D:\Users\anna\Documents\letter.txt`},
		{"inspect", at("w"), "--map", "D=1"}, {"capture", at("w"), "--map", "D=1", "--to", at("store")}, {"capture", at("w"), "--map", "D=" + at("w"), "--to", at("store")},
		{"capture", disks[0], "--windows", `3:\Windows`, "--map", "E=3", "--dry-run"},
	} {
		status, _, stderr := tool(t, args...)
		if status != 2 || !strings.Contains(stderr, "but that is the drive of this Windows, which calls it C:") || !strings.Contains(stderr, "hint: leave that drive out") {
			t.Errorf("%v: status %d: %s", args, status, stderr)
		}
	}
	// To the other Windows of that disk it is a drive like any other.
	if status, _, stderr := tool(t, "capture", disks[0], "--windows", `4:\Windows`, "--map", "E=3", "--dry-run"); status != 0 {
		t.Errorf("status %d: %s", status, stderr)
	}
	// So is a folder of the drive; what is in it is taken once.
	store := at("folder store")
	status, _, stderr := tool(t, "capture", at("w"), "--map", "D="+at("w/Users"), "--to", store, "--include", `C:\Users\* [*.txt]`, "--include", `D:\* [*.txt]`)
	if status != 0 {
		t.Errorf("status %d: %s", status, stderr)
	}
	status, stdout, stderr := tool(t, "find", store, "letter.txt")
	if status != 0 || !strings.HasSuffix(stdout, `  C:\Users\anna\Documents\letter.txt`+"\n") || strings.Count(stdout, "\n") != 1 {
		t.Errorf("status %d, %q: %s", status, stdout, stderr)
	}
}

// TestTwoLetters: one folder with two letters by an offline.xml is captured by
// the letter that a rule names.
func TestTwoLetters(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	hostWindows(t, at("w"), "Windows", "LETTERS")
	writeText(t, at("data/a.txt"), "a")
	file := offlineXML(t, []string{at("w/Windows")}, "<mappings><path>"+at("data")+`, E:\</path><path>`+at("data")+`, B:\</path></mappings>`)
	for _, letter := range []string{"B", "E"} {
		store := at("store " + letter)
		status, _, stderr := tool(t, "capture", "--offline", file, "--to", store, "--include", letter+`:\* [a.txt]`)
		if status != 0 || !strings.Contains(stderr, "the drives B: (offline.xml) and E: (offline.xml) are both volume 2") {
			t.Errorf("status %d: %s", status, stderr)
		}
		if status, stdout, _ := tool(t, "find", store, "a.txt"); status != 0 || !strings.HasSuffix(stdout, "  "+letter+":\\a.txt\n") || strings.Count(stdout, "\n") != 1 {
			t.Errorf("status %d: %q", status, stdout)
		}
	}
	// A drive that the mappings leave out, and one that is nowhere.
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--include", `X:\Photos\* [*]`}, `X:\`},
		{[]string{"--include", `X:\Photos\* [*]`, "--exclude", `X:\* [*]`}, ""},
	} {
		status, _, stderr := tool(t, append([]string{"capture", "--offline", file, "--to", filepath.Join(t.TempDir(), "s")}, tt.args...)...)
		if want := map[bool]int{true: 3, false: 0}[tt.want != ""]; status != want || !strings.Contains(stderr, tt.want) {
			t.Errorf("%v: status %d: %s", tt.args, status, stderr)
		}
	}
}
