package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// TestExtractDamaged: of a file that cannot be read whole, extract and cat give
// what there is, with zeros where there is nothing, and say so.
func TestExtractDamaged(t *testing.T) {
	plain, packed := ntfsgen.Noise("plain", 100_000), ntfsgen.Words("packed", 300_000).Compress()
	v := ntfsgen.Build(ntfsgen.Options{}, ntfsgen.File("plain.bin", plain), ntfsgen.File("packed.txt", packed), ntfsgen.File("whole.txt", ntfsgen.Noise("whole", 5000)),
		ntfsgen.File("hive.bin", ntfsgen.Repeat("regf and more", 20_000)))
	d := diskgen.Disk{GPT: true, Parts: []diskgen.Part{{Content: v}}}.Build()
	disk := filepath.Join(t.TempDir(), "disk.img")
	if err := d.WriteFile(disk); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(disk)
	if err != nil {
		t.Fatal(err)
	}
	start := int64(bytes.Index(raw, []byte("NTFS    ")) - 3)
	pos := func(path string, off int64) int64 {
		f := v.File(path)
		for _, x := range f.Extents("") {
			if off >= x.Off && off < x.Off+x.Len && x.Pos >= 0 {
				return start + x.Pos + off - x.Off
			}
		}
		t.Fatalf("%s has nothing at %d", path, off)
		return 0
	}
	var lines strings.Builder
	bad := []int64{pos("plain.bin", 1024), pos("plain.bin", 50_176), pos("packed.txt", 64<<10), pos("hive.bin", 0)}
	lines.WriteString("0 + 1\n")
	at := int64(0)
	slices.Sort(bad)
	for _, off := range bad {
		off -= off % 512
		fmt.Fprintf(&lines, "%#x %#x +\n%#x 0x200 -\n", at, off-at, off)
		at = off + 512
	}
	fmt.Fprintf(&lines, "%#x %#x +\n", at, int64(len(raw))-at)
	if err := os.WriteFile(disk+".map", []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	status, _, stderr := tool(t, "extract", disk, "--to", out)
	if status != statusIncomplete || !strings.Contains(stderr, "; 2 damaged, 1 failed") {
		t.Errorf("status %d: %s", status, stderr)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(out, "1", name))
		if err != nil {
			t.Error(err)
		}
		return b
	}
	want := bytes.Clone(plain.All())
	clear(want[1024:1536])
	clear(want[50_176 : 50_176+512])
	if !bytes.Equal(read("plain.bin"), want) {
		t.Error("plain.bin is not what it was, with two sectors of zeros")
	}
	if !strings.Contains(stderr, `1:\plain.bin: damaged: 1024 bytes cannot be read and are zeros: 512 at 1024, 512 at 50176 (`) {
		t.Error(stderr)
	}
	want = bytes.Clone(packed.All())
	clear(want[64<<10 : 128<<10]) // a unit
	if !bytes.Equal(read("packed.txt"), want) {
		t.Error("packed.txt is not what it was, with one unit of zeros")
	}
	if len(read("whole.txt")) != 5000 {
		t.Error("a whole file is not there")
	}
	// cat gives the same, and says the same; its status is that of extract.
	for name, want := range map[string][]byte{"plain.bin": read("plain.bin"), "packed.txt": read("packed.txt")} {
		status, stdout, stderr := tool(t, "cat", disk, `1:\`+name)
		if status != statusIncomplete || stdout != string(want) || !strings.Contains(stderr, " cannot be read and are zeros: ") {
			t.Errorf("cat %s: status %d, %d bytes: %s", name, status, len(stdout), stderr)
		}
	}
	status, stdout, said := tool(t, "cat", disk, `1:\hive.bin`)
	if status != statusIncomplete || stdout[:512] != string(make([]byte, 512)) || !strings.Contains(said, "512 at 0 (byte ") {
		t.Errorf("cat hive.bin: status %d, %d bytes: %s", status, len(stdout), said)
	}
	if status, stdout, stderr := tool(t, "cat", disk, `1:\whole.txt`); status != statusOK || len(stdout) != 5000 || stderr != "" {
		t.Errorf("cat whole.txt: status %d, %d bytes: %s", status, len(stdout), stderr)
	}
	// Whether it is a hive with passwords cannot be told.
	if _, err := os.Stat(filepath.Join(out, "1", "hive.bin")); err == nil || !strings.Contains(stderr, `1:\hive.bin: what it is cannot be told`) {
		t.Errorf("a file without its beginning: %v, %s", err, stderr)
	}
}

// Ranges that meet are one, and there is an end to what is said.
func TestFilledSays(t *testing.T) {
	f := &filled{}
	for i := range int64(2 * maxSaidRanges) {
		f.off, f.fill = i*1024, 512
		f.lose(io.ErrUnexpectedEOF)
		if i == 0 {
			f.off = 512
			f.lose(io.EOF)
		}
	}
	if got, want := f.says(2), "1024512 bytes cannot be read and are zeros: 1536 at 0, 512 at 2048, and 1997 places more (unexpected EOF)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if len(f.ranges) != maxSaidRanges {
		t.Errorf("%d ranges are kept", len(f.ranges))
	}
}
