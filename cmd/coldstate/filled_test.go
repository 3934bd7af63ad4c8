package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// TestExtractDamaged: of a file that cannot be read whole, extract gives what
// there is, with zeros in its place where there is nothing, and says so.
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
	if !strings.Contains(stderr, `1:\plain.bin: damaged: 1024 bytes cannot be read, the first at 1024: `) {
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
	// Whether it is a hive with passwords cannot be told.
	if _, err := os.Stat(filepath.Join(out, "1", "hive.bin")); err == nil || !strings.Contains(stderr, `1:\hive.bin: what it is cannot be told`) {
		t.Errorf("a file without its beginning: %v, %s", err, stderr)
	}
}
