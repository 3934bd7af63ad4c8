package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// What was given as source and is not captured is told before the work starts.
func TestUnreached(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, size int, at map[int]string) string {
		b := make([]byte, size)
		for off, s := range at {
			copy(b[off:], s)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	exfat := write("exfat.img", 1<<20, map[int]string{3: "EXFAT   ", 510: "\x55\xAA"})
	refs := write("refs.img", 1<<20, map[int]string{3: "ReFS\x00\x00\x00\x00", 510: "\x55\xAA"})
	ext := write("ext.img", 1<<20, map[int]string{1024 + 56: "\x53\xEF"})
	data := filepath.Join(dir, "data.img")
	if err := ntfsgen.Build(ntfsgen.Options{}, ntfsgen.File("a.txt", "a")).WriteFile(data); err != nil {
		t.Fatal(err)
	}
	disk := sampleDisk(t)
	_, _, stderr := tool(t, "capture", disk, exfat, refs, ext, data, "--dry-run")
	for _, want := range []string{
		"warning: 4: nothing of this volume (exFAT in " + exfat + ") is captured, as it cannot be read here: mount it and give the folder as source",
		"warning: 5: nothing of this volume (ReFS in " + refs + ") is captured",
		"warning: 6: nothing of this volume (ext in " + ext + ") is captured",
		"warning: 7: nothing of this volume (NTFS in " + data + ") is captured: it has no drive letter in this Windows, and no rule reaches it; --map D=7",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%s\nis not in\n%s", want, stderr)
		}
	}
	// Neither is said of what a rule reaches, and of the partitions beside C:.
	_, _, stderr = tool(t, "capture", disk, exfat, data, "--map", "X="+exfat, "--map", "Y="+data, "--include", `X:\* [*]`, "--include", `Y:\* [*]`, "--dry-run")
	if strings.Contains(stderr, "nothing of this volume") {
		t.Error(stderr)
	}
	// Rules about keys leave out every file, and that is no news; a drive that
	// the rules do not reach has a letter all the same.
	none := filepath.Join(dir, "none.xml")
	if err := os.WriteFile(none, []byte(`<migration urlid="x"/>`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{disk, exfat, data, "--include", `HKLM\SOFTWARE\* [*]`},
		{disk, data, "--map", "Y=" + data, "--include", `Y:\* [*]`},
		{disk, data, "--map", "Y=" + data, "--include", `C:\Users\* [*]`},
	} {
		args = append(append([]string{"capture"}, args...), "--rules", none, "--dry-run")
		if _, _, stderr = tool(t, args...); strings.Contains(stderr, "nothing of this volume") || strings.Contains(stderr, "drive letter") {
			t.Errorf("%q: %s", args, stderr)
		}
	}
}

// A letter for a locked source: it is said that it is locked, and what opens
// it; the letter is given when it is open.
func TestMapOfLocked(t *testing.T) {
	locked := lockedDisk(t, "recovery")
	disk := sampleDisk(t)
	for _, mapped := range []string{"D=" + locked, `D=6:\Users`} {
		status, _, stderr := tool(t, "capture", disk, locked, "--map", mapped, "--dry-run")
		if status != statusDecision || !strings.Contains(stderr, "locked by BitLocker") || !strings.Contains(stderr, "give --unlock the recovery password with the id ") || !strings.Contains(stderr, "or leave the mapping out") {
			t.Errorf("--map %s: status %d, %s", mapped, status, stderr)
		}
	}
	status, _, stderr := tool(t, "capture", disk, locked, "--windows", "C:\\Windows", "--map", "D="+locked, "--unlock", testimages.RecoveryPassword, "--dry-run")
	if strings.Contains(stderr, "locked by BitLocker") {
		t.Errorf("status %d, %s", status, stderr)
	}
}

// Where a cut image is why there is no Windows, the hint says so.
func TestCutHint(t *testing.T) {
	b, err := os.ReadFile(sampleDisk(t))
	if err != nil {
		t.Fatal(err)
	}
	const first = 26624 * 512  // of the partition of Windows
	const cut = first + 48<<10 // within $MFT
	for want, b := range map[string][]byte{
		"it has 13680640 of at least 47185920 bytes; copy it again":                        b[:cut],
		"the last 33504768 bytes of volume 1 are not there; copy it again, whole, or from": b[first:cut],
	} {
		path := filepath.Join(t.TempDir(), "cut.img")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"inspect", path}, {"capture", path, "--dry-run"}} {
			status, _, stderr := tool(t, args...)
			if status != statusDecision || !strings.Contains(stderr, "hint: "+path+" is cut short: "+want) {
				t.Errorf("%s: status %d, %s", args[0], status, stderr)
			}
		}
	}
}

// What an image says of itself, and which parent it stands on, is told by
// inspect and before a capture.
func TestImageNotes(t *testing.T) {
	qemu := needProgram(t, "qemu-img")
	disk := sampleDisk(t)
	dir := filepath.Join(t.TempDir(), "overlay")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "top.qcow2")
	if out, err := exec.Command(qemu, "create", "-q", "-f", "qcow2", "-b", disk, "-F", "raw", path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[79] |= 2 // corrupt
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := tool(t, "inspect", path, "--json")
	if status != statusOK || !strings.Contains(stdout, disk+" is read as the backing file of "+path+", outside of its folder") || !strings.Contains(stdout, "QEMU has marked "+path+" as corrupt") {
		t.Errorf("inspect: status %d, %s%s", status, stdout, stderr)
	}
	status, _, stderr = tool(t, "capture", path, "--dry-run")
	if status != statusOK && status != statusIncomplete || !strings.Contains(stderr, "note: "+path+": "+disk+" is read as the backing file of") || !strings.Contains(stderr, "warning: "+path+": QEMU has marked") {
		t.Errorf("capture: status %d, %s", status, stderr)
	}
}
