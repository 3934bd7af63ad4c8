package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/efs"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/testimages"
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

// A byte of a WIM file that is not what it was is in what cat and extract give,
// whichever way it is compressed, and both say so; as they do of a store.
func TestWrongContent(t *testing.T) {
	wimlib := needProgram(t, "wimlib-imagex")
	// The second chunk of noise is kept as it is.
	noise := ntfsgen.Noise("noise", 64<<10).All()
	words := ntfsgen.Words("words", 64<<10).All()
	ciphertext := ntfsgen.Noise("efs", 1024).All()
	raw := rawForm(t, ciphertext)
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: []*ntfsgen.Node{
		ntfsgen.File(`Documents\mixed.bin`, slices.Concat(words, noise, words)),
		ntfsgen.File(`Documents\words.txt`, ntfsgen.Words("more", 100_000)),
		ntfsgen.File(`Documents\export.bin`, raw),
		ntfsgen.File(`Documents\whole.txt`, "whole", ntfsgen.Stream{Name: "side", Data: ntfsgen.Noise("side", 5000)}),
		ntfsgen.File(`Documents\hive.bin`, append([]byte("regf"), ntfsgen.Noise("hive", 40_000).All()...)),
	}}}}
	dir := t.TempDir()
	img := filepath.Join(dir, "c.img")
	if err := ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...).WriteFile(img); err != nil {
		t.Fatal(err)
	}
	const documents = `C:\Users\ann\Documents\`
	for _, how := range []string{"none", "XPRESS", "LZX"} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, "c.wim")
			if b, err := exec.Command(wimlib, "capture", img, name, "Windows", "--norpfix", "--compress="+how).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, b)
			}
			good, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			flip := func(in []byte, off int) []byte {
				b := bytes.Clone(good)
				at := bytes.Index(good, in)
				if at < 0 {
					t.Fatalf("%d bytes are not in the file as they are", len(in))
				}
				b[at+off] ^= 0x10
				return b
			}
			write := func(b []byte) {
				if err := os.WriteFile(name, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			round := 0
			// both gives what cat and extract make of a file.
			both := func(path string) (content []byte, status [2]int, said [2]string) {
				t.Helper()
				var out string
				status[0], out, said[0] = tool(t, "cat", name, path)
				round++
				to := filepath.Join(dir, fmt.Sprint("out", round))
				var text string
				status[1], text, said[1] = tool(t, "extract", name, path, "--to", to, "--streams", to+" streams")
				said[1] += text
				var files []string
				for _, d := range []string{to, to + " streams"} {
					filepath.WalkDir(d, func(p string, e fs.DirEntry, err error) error {
						if err == nil && e.Type().IsRegular() {
							files = append(files, p)
						}
						return nil
					})
				}
				if len(files) != 1 {
					t.Fatalf("extract %s wrote %q: %s", path, files, said[1])
				}
				b, err := os.ReadFile(files[0])
				if err != nil || string(b) != out {
					t.Errorf("%s: extract and cat differ, %v", path, err)
				}
				return []byte(out), status, said
			}
			side := ntfsgen.Noise("side", 5000).All()
			hive := append([]byte("regf"), ntfsgen.Noise("hive", 40_000).All()...)
			for _, tt := range []struct {
				path    string
				content []byte
				in      []byte // as the file has it
				off     int
			}{
				{"mixed.bin", slices.Concat(words, noise, words), noise[32<<10:], 0},
				{"mixed.bin", slices.Concat(words, noise, words), noise[:32<<10], 32<<10 - 1},
				{"whole.txt:side", side, side, 4999},
				{"hive.bin", hive, hive[:32<<10], 500},
			} {
				write(flip(tt.in, tt.off))
				want := bytes.Clone(tt.content)
				want[bytes.Index(want, tt.in)+tt.off] ^= 0x10
				got, status, said := both(documents + tt.path)
				if !bytes.Equal(got, want) {
					t.Errorf("%s: not the content with the byte that is wrong", tt.path)
				}
				for i, cmd := range []string{"cat", "extract"} {
					if status[i] != statusIncomplete || !strings.Contains(said[i], tt.path+": damaged: all of it was read, but not all of it is right: ") || !strings.Contains(said[i], "SHA-1") {
						t.Errorf("%s %s: status %d: %s", cmd, tt.path, status[i], said[i])
					}
				}
				if !strings.Contains(said[0], tt.path+": not all of it is right") || !strings.Contains(said[1], "incomplete: ") || !strings.Contains(said[1], "1 damaged") {
					t.Errorf("%s: %s", tt.path, said)
				}
				if _, status, said := both(documents + "words.txt"); status != [2]int{} || said[0] != "" {
					t.Errorf("a whole file: status %d: %s", status, said)
				}
			}

			// A store has the same, and says the same.
			write(flip(noise[32<<10:], 0))
			st := filepath.Join(dir, "store")
			if status, _, said := tool(t, "capture", name, "--to", st, "--include", documents+"* [*]"); status != statusIncomplete || !strings.Contains(said, "mixed.bin: damaged: all of it was read, but not all of it is right: ") {
				t.Errorf("capture: status %d: %s", status, said)
			}
			if status, _, said := tool(t, "verify", st); status != statusOK {
				t.Errorf("verify: status %d: %s", status, said)
			}
			of, _, _ := both(documents + "mixed.bin")
			name = st
			got, status, said := both(documents + "mixed.bin")
			if !bytes.Equal(got, of) || status != [2]int{statusIncomplete, statusIncomplete} || !strings.Contains(said[0], "not all of it is right") || !strings.Contains(said[1], "not all of it is right") {
				t.Errorf("of a store: status %d, %s", status, said)
			}
			if _, status, said := both(documents + "words.txt"); status != [2]int{} {
				t.Errorf("of a store, a whole file: status %d: %s", status, said)
			}
			name = filepath.Join(dir, "c.wim")

			// The raw export of an encrypted file; the attribute lies 94 bytes before
			// the name in the metadata, which is compressed in the other formats.
			if how != "none" {
				return
			}
			b := flip(ciphertext, 77)
			at := bytes.Index(b, wstr.AppendUTF16LE(nil, "export.bin"))
			if at < 0 {
				t.Fatal("the entry is not in the metadata")
			}
			b[at-102+8+1] |= 0x40
			write(b)
			to := filepath.Join(dir, "raw")
			status2, text, said2 := tool(t, "extract", name, documents+"export.bin", "--to", to)
			if status2 != statusIncomplete || !strings.Contains(said2, "export.bin"+rawSuffix+": damaged: all of it was read, but not all of it is right: ") {
				t.Errorf("raw form: status %d: %s%s", status2, text, said2)
			}
			if b, err := os.ReadFile(filepath.Join(to, "C", "Users", "ann", "Documents", "export.bin"+rawSuffix)); err != nil || len(b) != len(raw) || bytes.Equal(b, raw) {
				t.Errorf("raw form: %d bytes, %v", len(b), err)
			}
		})
	}
}

// rawForm is a file in the raw form of EFS with a ciphertext of whole sectors.
func rawForm(t *testing.T, ciphertext []byte) []byte {
	t.Helper()
	keys := append([]byte{84, 0, 0, 0, 0, 0, 0, 0, 2}, make([]byte, 75)...)
	n := int64(len(ciphertext))
	r, err := efs.NewRaw(keys, 4096, []efs.Stream{{Size: n, Valid: n, Data: bytes.NewReader(ciphertext)}})
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, r.Size())
	if n, err := r.ReadAt(b, 0); n != len(b) {
		t.Fatal(err)
	}
	return b
}
