package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// A registry file of a WIM file that is not what it was is said to be so, though
// it opens.
func TestWrongHive(t *testing.T) {
	wimlib := needProgram(t, "wimlib-imagex")
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann"}}}
	dir := t.TempDir()
	img, name := filepath.Join(dir, "c.img"), filepath.Join(dir, "c.wim")
	v := ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...)
	if err := v.WriteFile(img); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command(wimlib, "capture", img, name, "Windows", "--norpfix", "--compress=none").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	rules := writeRules(t, strings.Replace(allRules, `<pattern type="File">C:\* [*]</pattern>`, `<pattern type="Registry">HKLM\Software\* [*]</pattern>`, 1))
	capture := func(to string) (int, string) {
		status, _, said := tool(t, "capture", name, "--to", filepath.Join(dir, to), "--rules", rules)
		return status, said
	}
	if status, said := capture("good"); status != statusOK || strings.Contains(said, "not all of it is right") {
		t.Fatalf("status %d: %s", status, said)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	software := v.File(`Windows\System32\config\SOFTWARE`).Data.All()
	at := bytes.Index(b, software)
	value := bytes.Index(software, wstr.AppendUTF16LE(nil, "Windows 10"))
	if at < 0 || value < 0 {
		t.Fatalf("SOFTWARE is at %d of the file, a name at %d of it", at, value)
	}
	b[at+value] ^= 1 // of a text
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	status, said := capture("wrong")
	if status != statusIncomplete || !strings.Contains(said, `warning: C:\Windows\System32\config\SOFTWARE: all of it was read, but not all of it is right: keys and values may be missing or wrong (`) || !strings.Contains(said, "SHA-1") {
		t.Errorf("status %d: %s", status, said)
	}
}
