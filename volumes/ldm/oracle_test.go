package ldm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/publicdata"
	"github.com/coldstate/coldstate/volumes/partition"
)

// ldmtool runs the tool of libldm, another reader of these disks, on files.
func ldmtool(t *testing.T, out any, files []string, args ...string) {
	t.Helper()
	var all []string
	for _, f := range files {
		all = append(all, "-d", f)
	}
	cmd := exec.Command("ldmtool", append(all, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(b, out)
	}
	if err != nil {
		t.Fatalf("ldmtool %q: %v\n%s%s", args, err, b, &stderr)
	}
}

// describe is what ldmtool says of the first disk group of the files.
func describe(t *testing.T, files []string) []string {
	t.Helper()
	if _, err := exec.LookPath("ldmtool"); err != nil {
		t.Skip("needs ldmtool")
	}
	var groups []string
	ldmtool(t, &groups, files, append([]string{"scan"}, files...)...)
	if len(groups) == 0 {
		t.Fatal("ldmtool finds no disk group")
	}
	var g struct {
		Name           string
		Volumes, Disks []string
	}
	ldmtool(t, &g, files, "show", "diskgroup", groups[0])
	lines := []string{fmt.Sprintf("group %s %s", g.Name, groups[0])}
	starts := map[string]int64{}
	for _, name := range g.Disks {
		var d struct {
			Name, GUID, Device string
			Present            bool
			Start              int64 `json:"data-start"`
		}
		ldmtool(t, &d, files, "show", "disk", groups[0], name)
		starts[name] = d.Start
		lines = append(lines, fmt.Sprintf("disk %s %s %s", d.Name, d.GUID, filepath.Base(d.Device)))
	}
	for _, name := range g.Volumes {
		var v struct {
			Name, GUID, Type string
			Size             int64
			Partitions       []string
		}
		ldmtool(t, &v, files, "show", "volume", groups[0], name)
		s := fmt.Sprintf("volume %s %s %s %d", v.Name, v.GUID, v.Type, v.Size)
		for _, name := range v.Partitions {
			var p struct {
				Start, Size int64
				Disk        string
			}
			ldmtool(t, &p, files, "show", "partition", groups[0], name)
			s += fmt.Sprintf(" %s:%d+%d", p.Disk, starts[p.Disk]+p.Start, p.Size)
		}
		lines = append(lines, s)
	}
	slices.Sort(lines)
	return lines
}

// readFiles assembles image files.
func readFiles(t *testing.T, files []string) *Group {
	t.Helper()
	var disks []*Disk
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			t.Fatal(err)
		}
		table, err := partition.Read(f, size, 0)
		if err != nil {
			t.Fatal(err)
		}
		var off, length int64
		for _, p := range table.Partitions {
			if p.Type == partition.TypeLDMMetadata {
				off, length = p.Offset, p.Size
			}
		}
		d, err := ReadDisk(f, size, off, length)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(d.Problems) > 0 {
			t.Errorf("%s: %q", name, d.Problems)
		}
		disks = append(disks, d)
	}
	groups := Assemble(disks)
	if len(groups) != 1 || len(groups[0].Problems) > 0 || groups[0].Err != nil {
		t.Fatalf("%d groups, problems %q", len(groups), groups[0].Problems)
	}
	return groups[0]
}

// tell is the same of a Group.
func tell(g *Group, files []string) []string {
	lines := []string{fmt.Sprintf("group %s %s", g.Name, g.GUID)}
	seen := map[string]bool{}
	for _, v := range g.Volumes {
		layout := v.Layout
		switch {
		case layout == "simple" && len(v.Extents) > 1:
			layout = "spanned" // on one disk, which Windows calls simple
		case layout == "RAID-5":
			layout = "RAID5"
		}
		s := fmt.Sprintf("volume %s %s %s %d", v.Name, v.GUID, layout, v.Size/512)
		for _, e := range v.Extents {
			s += fmt.Sprintf(" %s:%d+%d", e.Name, e.Off/512, e.Len/512)
			device := "."
			for i, d := range g.Disks {
				if d == e.Disk {
					device = filepath.Base(files[i])
				}
			}
			if !seen[e.Name] {
				lines = append(lines, fmt.Sprintf("disk %s %s %s", e.Name, e.GUID, device))
				seen[e.Name] = true
			}
		}
		lines = append(lines, s)
	}
	slices.Sort(lines)
	return lines
}

func compare(t *testing.T, files []string) *Group {
	t.Helper()
	g := readFiles(t, files)
	want, got := describe(t, files), tell(g, files)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nldmtool\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return g
}

// What the tests write is what another reader finds in it.
func TestAgainstLdmtool(t *testing.T) {
	g := testGroup(512)
	g.Volumes = g.Volumes[:6] // ldmtool knows no mirrors of stripes
	dir := t.TempDir()
	var files []string
	for i, m := range makeMedia(g) {
		b := make([]byte, m.Size())
		m.ReadAt(b, 0)
		name := filepath.Join(dir, fmt.Sprintf("disk%d.img", i))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	compare(t, files)
	compare(t, files[1:3])
}

// The disks of Windows Server 2003 R2 and 2008 R2 that libldm is tested with,
// as they are in test/data/ldm-data.tar.xz of its repository. Each volume holds
// an NTFS whose name is that of its layout.
func TestWindowsDisks(t *testing.T) {
	archive := filepath.Join(publicdata.Dir(t), "ldm", "ldm-data.tar.xz")
	if _, err := os.Stat(archive); err != nil {
		t.Skipf("needs ldm/ldm-data.tar.xz in %s", publicdata.Variable)
	}
	dir := t.TempDir()
	if out, err := exec.Command("tar", "-C", dir, "-xJf", archive).CombinedOutput(); err != nil {
		t.Skipf("needs tar and xz: %v, %s", err, out)
	}
	// All disks of each group at once.
	for _, release := range []string{"2003r2", "2008r2"} {
		files, err := filepath.Glob(filepath.Join(dir, "ldm-"+release+"-*.img"))
		if err != nil || len(files) < 9 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		g := compare(t, files)
		for _, v := range g.Volumes {
			b := make([]byte, 11)
			if v.Err != nil || len(v.Problems) > 0 {
				t.Errorf("%s %s: %v, %q", release, v.Name, v.Err, v.Problems)
			} else if _, err := v.Reader().ReadAt(b, 0); err != nil || string(b[3:]) != "NTFS    " {
				t.Errorf("%s %s: %q, %v", release, v.Name, b, err)
			}
		}
	}
	for _, tt := range []struct {
		set    string
		disks  int
		volume string
	}{
		{"2003r2-simple", 1, "Volume1"},
		{"2003r2-spanned", 2, "Volume2"},
		{"2003r2-striped", 2, "Stripe1"},
		{"2003r2-mirrored", 2, "Volume3"},
		{"2003r2-raid5", 3, "Raid1"},
		{"2008r2-spanned", 2, "Volume1"},
		{"2008r2-striped", 2, "Volume2"},
		{"2008r2-mirrored", 2, "Volume3"},
		{"2008r2-raid5", 3, "Volume4"},
	} {
		t.Run(tt.set, func(t *testing.T) {
			var files []string
			for i := range tt.disks {
				files = append(files, filepath.Join(dir, fmt.Sprintf("ldm-%s-%d.img", tt.set, i+1)))
			}
			find := func(g *Group) *Volume {
				return g.Volumes[slices.IndexFunc(g.Volumes, func(v *Volume) bool { return v.Name == tt.volume })]
			}
			whole := func(v *Volume) []byte {
				if v.Err != nil {
					t.Error(v.Err)
					return nil
				}
				b := make([]byte, v.Size)
				if n, err := v.Reader().ReadAt(b, 0); n < len(b) {
					t.Errorf("%d bytes: %v", n, err)
				}
				return b
			}
			g := compare(t, files)
			content := whole(find(g))
			// The boot sector and its backup, and a file in between.
			if !bytes.HasPrefix(content[3:], []byte("NTFS    ")) || !bytes.Contains(content, []byte("Filesystem test")) {
				t.Error("the volume holds no NTFS with the file that libldm looks for")
			}
			redundant := strings.HasSuffix(tt.set, "mirrored") || strings.HasSuffix(tt.set, "raid5")
			for i := range files {
				if tt.disks == 1 {
					continue
				}
				rest := slices.Delete(slices.Clone(files), i, i+1)
				v := find(readFiles(t, rest))
				switch {
				case !redundant && v.Err == nil:
					t.Errorf("without disk %d the volume is read", i+1)
				case redundant && !bytes.Equal(whole(v), content):
					t.Errorf("without disk %d the bytes differ", i+1)
				}
			}
		})
	}
}
