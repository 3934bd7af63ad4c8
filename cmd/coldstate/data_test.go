package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/winpath"
)

// testData is the folder of the public test data.
func testData(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("COLDSTATE_TESTDATA")
	if dir == "" {
		t.Skip("needs COLDSTATE_TESTDATA, the folder of the public test data")
	}
	return dir
}

// unpacked writes the raw form of a packed image.
func unpacked(t *testing.T, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image")
	var cmd *exec.Cmd
	switch filepath.Ext(name) {
	case ".gz":
		cmd = exec.Command(needProgram(t, "gzip"), "-dc", name)
	case ".xz":
		cmd = exec.Command(needProgram(t, "xz"), "-dc", name)
	case ".qcow2":
		cmd = exec.Command(needProgram(t, "qemu-img"), "convert", "-O", "raw", name, out)
	case ".E01":
		cmd = exec.Command(needProgram(t, "ewfexport"), "-q", "-u", "-f", "raw", "-t", strings.TrimSuffix(out, ".raw"), name)
	default:
		return name
	}
	if strings.HasSuffix(cmd.Path, "gzip") || strings.HasSuffix(cmd.Path, "xz") {
		f, err := os.Create(out)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdout = f
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, errs.String())
	}
	if _, err := os.Stat(out + ".raw"); err == nil {
		return out + ".raw"
	}
	return out
}

// entry is what a file or stream has to be: its size and hash; a folder has
// no hash.
type entry struct {
	size int64
	sum  string
}

// truthFile reads a list made with sleuthkit.
func truthFile(t *testing.T, name string) map[string]entry {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]entry{}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case strings.HasPrefix(line, "#"):
		case f[0] == "D":
			m[f[2]] = entry{}
		case f[0] == "F":
			var n int64
			if err := json.Unmarshal([]byte(f[3]), &n); err != nil {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
			m[f[2]] = entry{n, f[4]}
		}
	}
	return m
}

var flsLine = regexp.MustCompile(`^([rd-])/([rd-]) (\d+)-(\d+)-(\d+):\t(.*)$`)

// sleuthkit lists and reads a volume with fls and icat; offset is in sectors.
func sleuthkit(t *testing.T, img, offset string) map[string]entry {
	t.Helper()
	needProgram(t, "icat")
	out, err := exec.Command(needProgram(t, "fls"), "-r", "-p", "-o", offset, img).Output()
	if err != nil {
		t.Fatalf("fls cannot read %s: %v", filepath.Base(img), err)
	}
	m := map[string]entry{}
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		f := flsLine.FindStringSubmatch(sc.Text())
		if f == nil || strings.HasPrefix(f[6], "$") {
			continue // deleted, orphaned, or a metadata file
		}
		if f[4] == "144" {
			m[f[6]] = entry{}
			continue
		}
		content, err := exec.Command("icat", "-o", offset, img, f[3]+"-"+f[4]+"-"+f[5]).Output()
		if err != nil {
			t.Logf("icat %s: %v", f[6], err)
			continue
		}
		sum := sha256.Sum256(content)
		m[f[6]] = entry{int64(len(content)), hex.EncodeToString(sum[:])}
	}
	return m
}

// TestPublicVolumes lists and extracts the public NTFS volumes: names,
// contents and streams are what other implementations read.
func TestPublicVolumes(t *testing.T) {
	data := testData(t)
	for _, tt := range []struct {
		name, truth string
		prefix      string // of the NTFS volume
		offset      string // sectors, for fls
		least       int
	}{
		{"ntfs/testfs1.img.xz", "ntfs__testfs1.img.tsv", "1:", "0", 500},
		{"ntfs/mbr-ntfs-index.raw.gz", "ntfs__mbr-ntfs-index.raw.tsv", "1:", "128", 30},
		{"ntfs/velociraptor-test.ntfs.dd.E01", "ntfs__velociraptor-test.ntfs.dd.E01.tsv", "1:", "0", 9},
		{"ntfs/windows_volume.qcow2", "ntfs__windows_volume.qcow2.tsv", "1:", "0", 4},
		{"ntfs/dissect-ntfs.bin.gz", "", "1:", "0", 2000},
		{"ntfs/util-linux-ntfs.img.xz", "", "1:", "0", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := unpacked(t, filepath.Join(data, tt.name))
			var want map[string]entry
			if tt.truth != "" {
				want = truthFile(t, filepath.Join(data, "truth/fs", tt.truth))
			} else {
				want = sleuthkit(t, img, tt.offset)
			}
			if len(want) < tt.least {
				t.Fatalf("only %d entries to compare", len(want))
			}
			compareVolume(t, img, tt.prefix, want)
		})
	}
}

// compareVolume compares ls and extract with what is wanted; names are those
// of sleuthkit: slashes, streams behind a colon.
func compareVolume(t *testing.T, img, prefix string, want map[string]entry) {
	status, stdout, stderr := tool(t, "ls", img, prefix+`\`, "-r", "--json")
	if status != statusOK {
		t.Fatalf("ls: status %d: %s", status, stderr)
	}
	var nodes []node
	if err := json.Unmarshal([]byte(stdout), &nodes); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	x, streams := filepath.Join(dir, "x"), filepath.Join(dir, "streams")
	status, _, stderr = tool(t, "extract", img, "--to", x, "--streams", streams)
	if status != statusOK {
		t.Errorf("extract: status %d: %s", status, stderr)
	}
	got := map[string]bool{}
	for _, n := range nodes {
		rel, ok := winpath.Rel(prefix+`\`, string(n.Path))
		if !ok {
			t.Fatalf("%q is not below %s", n.Path, prefix)
		}
		if rel == "" {
			continue
		}
		key := strings.ReplaceAll(rel, `\`, "/")
		host := filepath.Join(x, strings.TrimSuffix(prefix, ":"), filepath.FromSlash(key))
		if n.Stream != "" {
			host = filepath.Join(streams, strings.TrimSuffix(prefix, ":"), filepath.FromSlash(key), string(n.Stream))
			key += ":" + string(n.Stream)
		}
		got[key] = true
		w, ok := want[key]
		if !ok && strings.HasPrefix(key, "$RECYCLE.BIN") {
			continue // the lists leave out all names of the root with a dollar
		}
		if !ok {
			t.Errorf("%q is shown, and is not there", key)
			continue
		}
		if n.Kind == "folder" || n.Kind == "link" {
			continue
		}
		f, err := os.Open(host)
		if err != nil {
			t.Errorf("%q was not extracted: %v", key, err)
			continue
		}
		h := sha256.New()
		size, err := io.Copy(h, f)
		f.Close()
		if sum := hex.EncodeToString(h.Sum(nil)); err != nil || size != w.size || n.Size != w.size || sum != w.sum {
			t.Errorf("%q: %d bytes (ls: %d), %s, %v; want %d, %s", key, size, n.Size, sum, err, w.size, w.sum)
		}
	}
	var missing []string
	for k := range want {
		if !got[k] {
			missing = append(missing, k)
		}
	}
	sort.Strings(missing)
	for _, k := range missing {
		t.Errorf("%q is not shown", k)
	}
}

// TestTwoMiBClusters looks at a volume that sleuthkit cannot read. ntfs-3g says
// that its root holds one folder of two files, and gives their contents.
func TestTwoMiBClusters(t *testing.T) {
	img := unpacked(t, filepath.Join(testData(t), "ntfs/mbr-ntfs-2m-clusters.raw.gz"))
	status, stdout, stderr := tool(t, "inspect", img)
	if status != statusDecision || !regexp.MustCompile(`(?m)^   1 +NTFS .* 2M `).MatchString(stdout) {
		t.Errorf("inspect: status %d: %s%s", status, stdout, stderr)
	}
	status, stdout, stderr = tool(t, "ls", img, `1:\`)
	if status != statusOK || strings.TrimSpace(stdout) == "" || strings.Count(stdout, "\n") != 1 || !strings.Contains(stdout, `1:\System Volume Information\`) {
		t.Errorf("ls: status %d: %q %s", status, stdout, stderr)
	}
	compareVolume(t, img, "1:", map[string]entry{
		"System Volume Information":                   {},
		"System Volume Information/IndexerVolumeGuid": {76, "ec5198c1d23bc26f83f8f9f748fd35bd1e990bb2bce36cb9f45f914932a341da"},
		"System Volume Information/WPSettings.dat":    {12, "04611c39c131ca9055bcd1c161567fdd463e0f3be0926d63ca369c6ee2955f3c"},
	})
}

// TestPublicHives prints every clean hive that has a truth file.
func TestPublicHives(t *testing.T) {
	data := testData(t)
	truths, err := filepath.Glob(filepath.Join(data, "truth/hives/*.tsv*"))
	if err != nil || len(truths) < 50 {
		t.Fatalf("%d truth files, %v", len(truths), err)
	}
	n := 0
	for _, truth := range truths {
		head := readMaybeXZ(t, truth)
		first, _, _ := strings.Cut(string(head), "\n")
		if !strings.Contains(first, "clean") {
			continue // its logs have to be replayed first
		}
		base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(truth), ".xz"), ".tsv")
		name := filepath.Join(data, "hives", strings.ReplaceAll(base, "__", "/"))
		if _, err := os.Stat(name); err != nil {
			name += ".xz"
		}
		n++
		t.Run(base, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "hive")
			if err := os.WriteFile(file, readMaybeXZ(t, name), 0o644); err != nil {
				t.Fatal(err)
			}
			status, stdout, stderr := tool(t, "reg", file, "--format", "tsv")
			if status != statusOK && status != statusIncomplete {
				t.Fatalf("status %d: %s", status, stderr)
			}
			got, want := sortedLines(stdout), sortedLines(string(head))
			for i := range max(len(got), len(want)) {
				g, w := "", ""
				if i < len(got) {
					g = got[i]
				}
				if i < len(want) {
					w = want[i]
				}
				if g != w {
					t.Fatalf("%d lines, want %d; the first that differs is\n%q, want\n%q", len(got), len(want), g, w)
				}
			}
		})
	}
	if n < 30 {
		t.Errorf("only %d clean hives", n)
	}
}

func readMaybeXZ(t *testing.T, name string) []byte {
	t.Helper()
	if !strings.HasSuffix(name, ".xz") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b, err := exec.Command(needProgram(t, "xz"), "-dc", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sortedLines(s string) []string {
	var out []string
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSuffix(line, "\n"))
		}
	}
	sort.Strings(out)
	return out
}
