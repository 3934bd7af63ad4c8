package diskgen_test

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/diskgen"
)

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs %s (Debian: fdisk, gdisk, dosfstools)", name)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func written(t *testing.T, img *diskgen.Image) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk")
	if err := img.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	return name
}

func gptDisk(sector int) diskgen.Disk {
	return diskgen.Disk{GPT: true, Sector: sector, GUID: "11111111-2222-4333-8444-555555555555", Parts: []diskgen.Part{
		{Kind: diskgen.EFI, Content: diskgen.FAT("SYSTEM", 4<<20)},
		{Kind: diskgen.Reserved, Size: 1 << 20},
		{GUID: "01234567-89ab-cdef-0123-456789abcdef", Name: "Größe & Co", Content: strings.NewReader(strings.Repeat("data", 1<<20))},
		{Kind: diskgen.Recovery, Size: 1 << 20, Attributes: 1<<63 | 1},
	}}
}

func mbrDisk(sector int) diskgen.Disk {
	return diskgen.Disk{Sector: sector, Signature: 0xCAFEBABE, Parts: []diskgen.Part{
		{Size: 2 << 20, Active: true},
		{Size: 1 << 20, Logical: true},
		{Size: 3 << 20, MBRType: 0x0B, Logical: true},
		{Size: 1 << 20, Logical: true},
		{Kind: diskgen.Recovery, Size: 1 << 20},
	}}
}

// TestDump compares with what sfdisk understands, 512-byte sectors: it takes the
// sector size of files from nowhere.
func TestDump(t *testing.T) {
	gpt := gptDisk(512).Build()
	dump := tool(t, "sfdisk", "-d", written(t, gpt))
	for _, want := range []string{
		"label: gpt", "label-id: 11111111-2222-4333-8444-555555555555",
		`start=        2048, size=        8192, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B`,
		`start=       10240, size=        2048, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE`,
		`start=       12288, size=        8192, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, uuid=01234567-89AB-CDEF-0123-456789ABCDEF, name="Gr\xc3\xb6\xc3\x9fe & Co"`,
		`type=DE94BBA4-06D1-4D40-A16A-BFD50179D6AC`, `attrs="RequiredPartition GUID:63"`,
	} {
		if !strings.Contains(dump, want) {
			t.Errorf("no %q in\n%s", want, dump)
		}
	}
	mbr := mbrDisk(512).Build()
	dump = regexp.MustCompile(`(?m)^.*(disk\d) : `).ReplaceAllString(tool(t, "sfdisk", "-d", written(t, mbr)), "$1 : ")
	for _, want := range []string{
		"label: dos", "label-id: 0xcafebabe",
		`disk1 : start=        2048, size=        4096, type=7, bootable`,
		`disk2 : start=        6144, size=       16384, type=f`,
		`disk3 : start=       22528, size=        2048, type=27`,
		`disk5 : start=        8192, size=        2048, type=7`,
		`disk6 : start=       12288, size=        6144, type=b`,
		`disk7 : start=       20480, size=        2048, type=7`,
	} {
		if !strings.Contains(dump, want) {
			t.Errorf("no %q in\n%s", want, dump)
		}
	}
}

// TestVerify lets sgdisk and fdisk look for faults, at both sector sizes.
func TestVerify(t *testing.T) {
	if out := tool(t, "sgdisk", "-v", written(t, gptDisk(512).Build())); !strings.Contains(out, "No problems found") {
		t.Error(out)
	}
	if out := tool(t, "sfdisk", "-V", written(t, mbrDisk(512).Build())); !strings.Contains(out, "No errors detected") {
		t.Error(out)
	}
	for _, d := range []diskgen.Disk{gptDisk(4096), mbrDisk(4096)} {
		img := d.Build()
		out := tool(t, "fdisk", "-b", "4096", "-l", written(t, img))
		for _, p := range img.Parts {
			if want := fmt.Sprintf(" %d ", p.Start/4096); !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if strings.Contains(out, "corrupt") {
			t.Error(out)
		}
	}
}

func TestContent(t *testing.T) {
	img := gptDisk(512).Build()
	p := img.Parts[2]
	b := make([]byte, p.Size)
	if _, err := img.ReadAt(b, p.Start); err != nil || !bytes.Equal(b, bytes.Repeat([]byte("data"), 1<<20)) {
		t.Errorf("the content of the partition is not at its start: %v", err)
	}
	if n, err := img.ReadAt(make([]byte, 10), img.Size()-4); n != 4 || err != io.EOF {
		t.Errorf("over the end: %d, %v", n, err)
	}
}

func TestFAT(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fat")
	if err := diskgen.WriteFile(name, diskgen.FAT("SYSTEM", 4<<20), 4<<20); err != nil {
		t.Fatal(err)
	}
	// The label counts as a file.
	out := tool(t, "fsck.fat", "-n", "-v", name)
	if !strings.Contains(out, "12 bit entries") || !strings.Contains(out, ": 1 files") {
		t.Error(out)
	}
}
