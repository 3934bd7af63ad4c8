//go:build linux

package ntfsgen_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// These tests let ntfs-3g and The Sleuth Kit read the volumes.

var le = binary.LittleEndian

func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs %s (Debian: ntfs-3g, sleuthkit)", p)
		}
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// geometries are those that readers have different code for.
var geometries = map[string]ntfsgen.Options{
	"default":            {Label: "Größe", Serial: 0x0123456789ABCDEF},
	"512-byte clusters":  {Cluster: 512},
	"64 KiB clusters":    {Cluster: 64 << 10},
	"2 MiB clusters":     {Cluster: 2 << 20},
	"4 KiB records":      {Record: 4096},
	"4 KiB sectors":      {Sector: 4096},
	"$MFT in pieces":     {MFTRuns: 40, VolumeID: [16]byte{7}},
	"$MFT in 500 pieces": {Cluster: 512, MFTRuns: 500},
	"closed log":         {Log: ntfsgen.LogClean},
	"NTFS 3.0":           {Version: 0x300},
	"NTFS 1.2":           {Version: 0x102},
}

// fit leaves out what the geometry cannot hold.
func fit(opt ntfsgen.Options, nodes []*ntfsgen.Node) []*ntfsgen.Node {
	return slices.DeleteFunc(nodes, func(n *ntfsgen.Node) bool {
		return opt.Cluster > 4096 && strings.HasPrefix(n.Name, "packed") ||
			opt.Cluster == 2<<20 && strings.HasPrefix(n.Name, "in a thousand") ||
			opt.Cluster == 512 && strings.HasPrefix(n.Name, "huge") || // more clusters than 2^31
			opt.Version == 0x102 && n.Data != nil && regexp.MustCompile("^(packed|.*sparse)").MatchString(n.Name) // ntfs-3g does not read them there
	})
}

func TestNTFS3G(t *testing.T) {
	needs(t, "ntfs-3g", "ntfscat", "ntfsinfo", "ntfsfix", "umount")
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount with ntfs-3g")
	}
	for name, opt := range geometries {
		t.Run(name, func(t *testing.T) {
			v := ntfsgen.Build(opt, fit(opt, sample())...)
			image := write(t, v)
			checkInfo(t, image, opt)
			dir := t.TempDir()
			if out, err := exec.Command("ntfs-3g", "-o", "ro,permissions,streams_interface=xattr,compression", image, dir).CombinedOutput(); err != nil {
				t.Skipf("needs to mount with ntfs-3g: %v: %s", err, out)
			}
			defer func() { run(t, "umount", dir) }()
			seen := map[string]bool{}
			for _, f := range v.Files() {
				for _, p := range f.Paths {
					seen[p] = true
					if err := check3g(dir, p, f); err != nil {
						t.Errorf("%q: %v", p, err)
					}
				}
				for _, s := range f.Streams {
					if f.Reparse == nil {
						continue
					}
					got, err := exec.Command("ntfscat", "-f", "-i", fmt.Sprint(f.Record), "-n", s.Name, image).Output()
					if err != nil || !bytes.Equal(got, s.Data.All()) {
						t.Errorf("ntfscat %q:%s: %d bytes (%v), want %d", f.Paths[0], s.Name, len(got), err, s.Data.Size)
					}
				}
			}
			err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				rel, _ := filepath.Rel(dir, name)
				if p := strings.ReplaceAll(rel, "/", `\`); p != "." && !seen[p] {
					t.Errorf("%q is listed, but was not made", p)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// checkInfo lets ntfsinfo and ntfsfix look at the volume.
func checkInfo(t *testing.T, image string, opt ntfsgen.Options) {
	t.Helper()
	info, version := run(t, "ntfsinfo", "-m", image), cmp.Or(opt.Version, 0x301)
	for _, want := range []string{
		"Volume Name: " + opt.Label, fmt.Sprintf("Volume Version: %d.%d", version>>8, version&0xFF), "Volume Flags: 0x0000",
		fmt.Sprintf("Cluster Size: %d\n", cmp.Or(opt.Cluster, 4096)),
	} {
		if !strings.Contains(info, want) {
			t.Errorf("ntfsinfo does not say %q:\n%s", want, info)
		}
	}
	if out := run(t, "ntfsfix", "-n", image); !strings.Contains(out, "processed successfully") {
		t.Error(out)
	}
}

func xattr(name, attr string) ([]byte, error) {
	b := make([]byte, 70_000)
	n, err := unix.Lgetxattr(name, attr, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", attr, err)
	}
	return b[:n], nil
}

// check3g compares a file with what ntfs-3g says of it.
func check3g(dir, path string, f ntfsgen.Placed) error {
	name := filepath.Join(dir, strings.ReplaceAll(path, `\`, "/"))
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return err
	}
	if st.Ino != f.Record {
		return fmt.Errorf("record %d, want %d", st.Ino, f.Record)
	}
	b, err := xattr(name, "system.ntfs_attrib")
	if err != nil {
		return err
	}
	attr := f.Attr
	if f.Dir {
		attr |= 0x10
	}
	if got := le.Uint32(b); got != attr {
		return fmt.Errorf("attributes %#x, want %#x", got, attr)
	}
	if b, err = xattr(name, "system.ntfs_times"); err != nil {
		return err
	}
	if got := (ntfsgen.Times{Created: le.Uint64(b), Modified: le.Uint64(b[8:]), Accessed: le.Uint64(b[16:]), Changed: le.Uint64(b[24:])}); got != *f.Times {
		return fmt.Errorf("times %v, want %v", got, *f.Times)
	}
	if b, err = xattr(name, "system.ntfs_acl"); err != nil || !bytes.Equal(b, f.Security) {
		return fmt.Errorf("security %x (%v), want %x", b, err, f.Security)
	}
	b, err = xattr(name, "system.ntfs_reparse_data")
	if f.Reparse == nil && !errors.Is(err, unix.ENODATA) || f.Reparse != nil && !bytes.Equal(b, f.Reparse) {
		return fmt.Errorf("reparse data %x (%v), want %x", b, err, f.Reparse)
	}
	if f.ObjectID != [16]byte{} {
		if b, err = xattr(name, "system.ntfs_object_id"); err != nil || !bytes.HasPrefix(b, f.ObjectID[:]) {
			return fmt.Errorf("object id %x (%v), want %x", b, err, f.ObjectID)
		}
	}
	if len(f.EAs) > 0 {
		b, err = xattr(name, "system.ntfs_ea")
		for _, e := range f.EAs {
			if err != nil || !bytes.Contains(b, append([]byte(e.Name+"\x00"), e.Value...)) {
				return fmt.Errorf("no EA %s (%v)", e.Name, err)
			}
		}
	}
	if f.Short != "" {
		if b, err = xattr(name, "system.ntfs_dos_name"); err != nil || string(b) != f.Short {
			return fmt.Errorf("8.3 name %q (%v), want %q", b, err, f.Short)
		}
	}
	for _, s := range f.Streams {
		if s.Data.Size > 60_000 || f.Reparse != nil {
			continue // extended attributes are smaller; files with reparse data show none
		}
		if b, err = xattr(name, "user."+s.Name); err != nil || !bytes.Equal(b, s.Data.All()) {
			return fmt.Errorf("stream %q: %d bytes (%v), want %d", s.Name, len(b), err, s.Data.Size)
		}
	}
	if f.Dir || f.Reparse != nil {
		return nil
	}
	r, err := os.Open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	if st.Size != f.Data.Size {
		return fmt.Errorf("size %d, want %d", st.Size, f.Data.Size)
	}
	return sameContent(r, f.Data)
}

// sameContent compares up to 16 MiB of a content, of a larger one the place
// where the sample has bytes that are not zero as well.
func sameContent(r io.ReaderAt, d *ntfsgen.Data) error {
	const most = 16 << 20
	at := []int64{0}
	if d.Size > most {
		at = append(at, 5000<<20-1000, d.Size-5000)
	}
	for _, off := range at {
		n := min(most/int64(len(at)*len(at)), d.Size-off)
		got, want := make([]byte, n), make([]byte, n)
		if k, err := r.ReadAt(got, off); int64(k) != n {
			return fmt.Errorf("%d bytes of %d at %d: %v", k, n, off, err)
		}
		_, _ = d.ReadAt(want, off)
		if !bytes.Equal(got, want) {
			return fmt.Errorf("the content at %d differs", off)
		}
	}
	return nil
}

// TestSleuthkit compares with fls, istat and icat.
func TestSleuthkit(t *testing.T) {
	needs(t, "fls", "istat", "icat")
	for name, opt := range geometries {
		if opt.Cluster == 2<<20 {
			continue // The Sleuth Kit reads clusters up to 64 KiB
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodes := slices.DeleteFunc(fit(opt, sample()), func(n *ntfsgen.Node) bool {
				return strings.HasPrefix(n.Name, "huge") // it takes runs longer than the volume for damage
			})
			v := ntfsgen.Build(opt, nodes...)
			image := write(t, v)
			listed := map[string]bool{}
			for line := range strings.Lines(run(t, "fls", "-r", "-p", "-u", image)) {
				if _, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":\t"); ok {
					listed[path] = true
				}
			}
			for _, f := range v.Files() {
				for _, p := range f.Paths {
					p = strings.ReplaceAll(p, `\`, "/")
					if p == "" || strings.Contains(p, "\xed\xa0\x80") { // it has no name, or none that can be printed
						continue
					}
					if !listed[p] {
						t.Errorf("fls does not list %q", p)
					}
					for _, s := range f.Streams {
						if !f.Dir && !listed[p+":"+s.Name] {
							t.Errorf("fls does not list the stream %q of %q", s.Name, p)
						}
					}
				}
				// istat and icat read the whole $MFT each time.
				if strings.HasPrefix(f.Paths[0], `many\`) && f.Record%100 != 0 {
					continue
				}
				checkIstat(t, image, f, int64(cmp.Or(opt.Cluster, 4096)))
				if f.Dir || f.Reparse != nil {
					continue
				}
				got, err := exec.Command("icat", image, fmt.Sprint(f.Record)).Output()
				if want := f.Data.All(); err != nil || !bytes.Equal(got, want) {
					t.Errorf("icat of %q: %v, %d bytes, want %d, or others", f.Paths[0], err, len(got), len(want))
				}
			}
		})
	}
}

var (
	istatTime  = regexp.MustCompile(`(?m)^(?:Created|File Modified|MFT Modified|Accessed):\s+(\S+ \S+) `)
	istatEntry = regexp.MustCompile(`(?m)^Entry: (\d+)\s+Sequence: (\d+)`)
	istatLinks = regexp.MustCompile(`(?m)^Links: (\d+)`)
	istatAttr  = regexp.MustCompile(`^Type: \$DATA \((\d+)-(\d+)\)\s+Name: (.*?)\s+Non-Resident`)
)

// checkIstat compares numbers, times, and the clusters of every stream.
func checkIstat(t *testing.T, image string, f ntfsgen.Placed, cluster int64) {
	t.Helper()
	cmd := exec.Command("istat", image, fmt.Sprint(f.Record))
	cmd.Env = append(os.Environ(), "TZ=UTC")
	b, err := cmd.Output()
	if err != nil {
		t.Errorf("istat of %q: %v", f.Paths[0], err)
		return
	}
	out := string(b)
	if m := istatEntry.FindStringSubmatch(out); m == nil || m[1] != fmt.Sprint(f.Record) || m[2] != fmt.Sprint(f.Sequence) {
		t.Errorf("istat of %q: %v, want entry %d, sequence %d", f.Paths[0], m, f.Record, f.Sequence)
	}
	links := len(f.Paths)
	if f.Short != "" {
		links++
	}
	if m := istatLinks.FindStringSubmatch(out); m == nil || m[1] != fmt.Sprint(links) {
		t.Errorf("istat of %q: %v, want %d links", f.Paths[0], m, links)
	}
	var times []string
	for _, x := range []uint64{f.Times.Created, f.Times.Modified, f.Times.Changed, f.Times.Accessed} {
		const unix1601 = 11644473600
		s := int64(x/10_000_000) - unix1601
		times = append(times, fmt.Sprintf("%s.%07d00", time.Unix(s, 0).UTC().Format("2006-01-02 15:04:05"), x%10_000_000))
	}
	var got []string
	for _, m := range istatTime.FindAllStringSubmatch(out, 4) {
		got = append(got, m[1])
	}
	if !slices.Equal(got, times) {
		t.Errorf("istat of %q: times %v, want %v", f.Paths[0], got, times)
	}
	// The clusters follow the line of each stream. A hole is 0, and so is what
	// lies behind the valid size of the unnamed stream; holes at the end are left out.
	name, want, at := "", []int64(nil), int64(0)
	flush := func() {
		if slices.ContainsFunc(want, func(c int64) bool { return c != 0 }) {
			t.Errorf("istat of %q: clusters %v of the stream %q are missing", f.Paths[0], want, name)
		}
		want, at = nil, 0
	}
	defer flush()
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "Type: ") {
			flush()
			if m := istatAttr.FindStringSubmatch(line); m != nil {
				if name = m[3]; name == "N/A" {
					name = ""
				}
				for _, x := range f.Extents(name) {
					for i := range x.Len / cluster {
						want = append(want, max(0, x.Pos/cluster+i))
						if x.Pos < 0 {
							want[len(want)-1] = 0
						}
					}
				}
			}
			continue
		}
		for _, c := range strings.Fields(line) {
			n, err := strconv.ParseInt(c, 10, 64)
			if err != nil || want == nil {
				break
			}
			behind := name == "" && n == 0 && at >= f.Data.ValidSize()
			if len(want) == 0 || n != want[0] && !behind {
				t.Errorf("istat of %q: cluster %d of the stream %q, want %d", f.Paths[0], n, name, want[:min(1, len(want))])
				want = nil
				return
			}
			want, at = want[1:], at+cluster
		}
	}
}

// TestLarge: a folder whose index is three blocks deep, and descriptors that
// fill more than one block of $SDS.
func TestLarge(t *testing.T) {
	needs(t, "ntfs-3g", "ntfsfix", "umount")
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount with ntfs-3g")
	}
	var many []*ntfsgen.Node
	for i := range 12_000 {
		n := ntfsgen.File(fmt.Sprintf("%d %s.txt", i*7919%12_000, strings.Repeat("x", 100)), "")
		if i%2 == 0 {
			n.Add(ntfsgen.SecurityUser(fmt.Sprintf("S-1-5-21-1-2-3-%d", i)))
		}
		many = append(many, n)
	}
	v := ntfsgen.Build(ntfsgen.Options{}, ntfsgen.Dir("many", many))
	secure := v.File("$Secure")
	if n := secure.Extents("$SDS"); n[0].Len < 4*256<<10 {
		t.Errorf("$SDS has %d bytes", n[0].Len)
	}
	image := write(t, v)
	if out := run(t, "ntfsfix", "-n", image); !strings.Contains(out, "processed successfully") {
		t.Error(out)
	}
	dir := t.TempDir()
	if out, err := exec.Command("ntfs-3g", "-o", "ro,permissions", image, dir).CombinedOutput(); err != nil {
		t.Skipf("needs to mount with ntfs-3g: %v: %s", err, out)
	}
	defer func() { run(t, "umount", dir) }()
	list, err := os.ReadDir(filepath.Join(dir, "many"))
	if err != nil || len(list) != len(many) {
		t.Errorf("%d files, %v; want %d", len(list), err, len(many))
	}
	// A look-up goes down the tree, and through $SII to the descriptor.
	for i, f := range v.Files() {
		if i%50 != 0 {
			continue
		}
		if err := check3g(dir, f.Paths[0], f); err != nil {
			t.Errorf("%q: %v", f.Paths[0], err)
		}
	}
}

// TestStates: what says that a volume was not closed.
func TestStates(t *testing.T) {
	needs(t, "ntfsinfo", "ntfsfix")
	image := write(t, ntfsgen.Build(ntfsgen.Options{Flags: ntfsgen.Dirty}))
	if out := run(t, "ntfsinfo", "-f", "-m", image); !strings.Contains(out, "Volume Flags: 0x0001 DIRTY") {
		t.Error(out)
	}
	// The status of the probe tells what keeps ntfs-3g from writing.
	needs(t, "ntfs-3g.probe")
	const unclean = 15
	for _, log := range []ntfsgen.LogState{ntfsgen.LogEmpty, ntfsgen.LogClean, ntfsgen.LogOpen} {
		want := 0
		if log == ntfsgen.LogOpen {
			want = unclean
		}
		cmd := exec.Command("ntfs-3g.probe", "--readwrite", write(t, ntfsgen.Build(ntfsgen.Options{Log: log})))
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("log %d: status %d, want %d: %s", log, got, want, out)
		}
	}
}

// TestWritable lets ntfs-3g write to the volumes: what they say is free is
// free, and their indexes take and lose names.
func TestWritable(t *testing.T) {
	needs(t, "ntfs-3g", "ntfsfix", "umount")
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount with ntfs-3g")
	}
	for name, opt := range geometries {
		if opt.Version != 0 {
			continue // ntfs-3g writes to volumes of 3.1
		}
		t.Run(name, func(t *testing.T) {
			opt.Free = max(300, 3000*512/int64(cmp.Or(opt.Cluster, 4096)))
			v := ntfsgen.Build(opt, fit(opt, sample())...)
			image := write(t, v)
			dir := t.TempDir()
			mount := func(options string) {
				if out, err := exec.Command("ntfs-3g", "-o", options, image, dir).CombinedOutput(); err != nil {
					t.Skipf("needs to mount with ntfs-3g: %v: %s", err, out)
				}
			}
			mount("permissions")
			path := func(i int) string { return filepath.Join(dir, "many", fmt.Sprintf("%d new file.txt", i)) }
			var made []int
			for i := range 300 {
				// Some are in their records, some in clusters.
				if err := os.WriteFile(path(i), bytes.Repeat([]byte("new"), i*7), 0o666); err != nil {
					t.Errorf("file %d: %v", i, err)
					break
				}
				if i%3 == 0 {
					if err := os.Remove(path(i)); err != nil {
						t.Error(err)
					}
					continue
				}
				made = append(made, i)
			}
			run(t, "umount", dir)
			if out := run(t, "ntfsfix", "-n", image); !strings.Contains(out, "processed successfully") {
				t.Error(out)
			}
			mount("ro,permissions,streams_interface=xattr,compression")
			defer func() { run(t, "umount", dir) }()
			for _, i := range made {
				if b, err := os.ReadFile(path(i)); err != nil || !bytes.Equal(b, bytes.Repeat([]byte("new"), i*7)) {
					t.Errorf("new file %d: %d bytes, %v", i, len(b), err)
				}
			}
			for _, f := range v.Files() {
				if f.Paths[0] == "many" || f.Paths[0] == "" {
					continue // their times are others
				}
				for _, p := range f.Paths {
					if err := check3g(dir, p, f); err != nil {
						t.Errorf("%q: %v", p, err)
					}
				}
			}
		})
	}
}
