package winold

import (
	"context"
	"encoding/binary"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

const (
	diskSignature  = 0x629458e4
	partitionStart = 1 << 20
)

// disk is an MBR disk with one partition.
type disk struct{ vol *ntfsgen.Volume }

func (d disk) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < 512 {
		var mbr [512]byte
		binary.LittleEndian.PutUint32(mbr[0x1b8:], diskSignature)
		mbr[0x1be+4] = 7
		binary.LittleEndian.PutUint32(mbr[0x1be+8:], partitionStart/512)
		binary.LittleEndian.PutUint32(mbr[0x1be+12:], uint32(d.vol.Size()/512))
		mbr[510], mbr[511] = 0x55, 0xaa
		copy(p, mbr[off:])
	}
	if end := off + int64(len(p)); end > partitionStart {
		skip := max(0, partitionStart-off)
		if n, err := d.vol.ReadAt(p[skip:min(int64(len(p)), partitionStart+d.vol.Size()-off)], off+skip-partitionStart); err != nil && err != io.EOF {
			return n, err
		}
	}
	return len(p), nil
}

// image writes a disk with f and further nodes.
func (f files) image(t *testing.T, nodes ...*ntfsgen.Node) string {
	t.Helper()
	all := slices.Clone(nodes)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		all = append(all, ntfsgen.File(strings.ReplaceAll(name, "/", `\`), f[name]))
	}
	vol := ntfsgen.Build(ntfsgen.Options{Start: partitionStart / 512}, all...)
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteImage(path, disk{vol}, partitionStart+vol.Size()); err != nil {
		t.Fatal(err)
	}
	return path
}

func mounted(values ...any) *hivegen.Key { return hivegen.K("MountedDevices", values...) }

// self is what MountedDevices says of the partition of the disk.
func self() []byte {
	b := make([]byte, 12)
	binary.LittleEndian.PutUint32(b, diskSignature)
	binary.LittleEndian.PutUint64(b[4:], partitionStart)
	return b
}

// The junctions of a Windows.old say C:\, which is the other Windows to
// whoever takes it at its word.
func TestJunctions(t *testing.T) {
	const guid = "629458e4-0000-0000-0000-100000000000" // of the partition
	made := time.Date(2024, 5, 20, 8, 0, 0, 0, time.UTC)
	w, n := ten, eleven
	w.local, n.local = []string{"anna"}, []string{"anna", "bob"}
	n.installed = uint32(made.Add(time.Hour).Unix())
	w.system = []any{mounted(hivegen.B(`\DosDevices\C:`, self()), hivegen.B(`\DosDevices\E:`, self()))}
	f := w.in(n.in(files{}, ""), "Windows.old/")
	f["Windows.old/Users/anna/NTUSER.DAT"] = ntuser()
	f["Windows.old/Users/anna/AppData/Roaming/old.txt"] = []byte("old")
	f["Windows.old/Users/anna/Documents/letter.txt"] = []byte("old")
	f["Users/anna/AppData/Roaming/live.txt"] = []byte("live")
	f["Users/bob/Documents/live.txt"] = []byte("live")
	f["live.txt"] = []byte("live")
	_, olds := open(t, f.image(t,
		ntfsgen.Dir("Windows.old", ntfsgen.At(uint64(wstr.FiletimeOf(made)))),
		ntfsgen.Junction(`Windows.old\Documents and Settings`, `C:\Users`),
		ntfsgen.Junction(`Windows.old\Users\anna\Application Data`, `C:\Users\anna\AppData\Roaming`),
		ntfsgen.Junction(`Windows.old\Users\anna\live only`, `C:\Users\bob\Documents`),
		ntfsgen.Junction(`Windows.old\Users\anna\by volume`, `Volume{`+guid+`}\Users\anna\AppData`),
		ntfsgen.Junction(`Windows.old\Users\anna\AppData\Local\Application Data`, `C:\Users\anna\AppData\Local`),
		ntfsgen.SymlinkDir(`Windows.old\Users\anna\up`, `..\..\..\..\Users\bob`),
		ntfsgen.MountPoint(`Windows.old\Users\anna\mounted`, guid),
	))
	if len(olds) != 1 || !olds[0].Made.Equal(made) {
		t.Fatal(olds)
	}
	if n, ok := olds[0].DaysLeft(made.Add(96 * time.Hour)); n != 6 || !ok {
		t.Errorf("%d days are left, %v", n, ok)
	}
	s := olds[0].System
	for _, p := range s.Problems {
		if !strings.Contains(p.What, "the letter E: is ignored") {
			t.Error(p)
		}
	}
	for path, want := range map[string]string{
		`C:\Documents and Settings\anna\Documents\letter.txt`: `C:\Users\anna\Documents\letter.txt`,
		`C:\Users\anna\Application Data\old.txt`:              `C:\Users\anna\AppData\Roaming\old.txt`,
		`C:\Users\anna\live only\live.txt`:                    `C:\Users\bob\Documents\live.txt`, // which is not in Windows.old
		`C:\Users\anna\by volume\Roaming\old.txt`:             `C:\Users\anna\AppData\Roaming\old.txt`,
		`C:\Users\anna\up\Documents\live.txt`:                 `C:\Users\bob\Documents\live.txt`,
		`C:\Users\anna\mounted\Users`:                         `C:\Users`,
	} {
		got := s.Follow(path)
		if got != want {
			t.Errorf("%s leads to %s, want %s", path, got, want)
		}
		_, rel, err := s.Locate(got)
		if err != nil || !strings.HasPrefix(rel, `Windows.old\`) {
			t.Errorf("%s leads out of Windows.old, to %s (%v)", path, rel, err)
		}
		if _, _, err := s.Resolve(got); (err != nil) != strings.Contains(want, "bob") {
			t.Errorf("%s: %v", got, err)
		}
	}

	users, _, err := profile.Users(s)
	if err != nil {
		t.Fatal(err)
	}
	// A rule that names no drive, one for C:, one for a drive that is ignored,
	// one for a user's folder.
	p, err := plan.Build(context.Background(), s, olds[0].set, users, nil, plan.Options{
		Rules: rules.Options{Include: []string{`* [*.txt]`, `C:\Users\* [*]`, `E:\* [*]`, `%PROFILESFOLDER%\* [*]`}},
	})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for o := range p.Objects {
		path := string(o.Path)
		if kinds[path] != "" {
			t.Errorf("%s is taken twice", path)
		}
		kinds[path] = o.Kind
		if path == `E:\` && o.Outcome == plan.VolumeMissing {
			continue // of which nothing is taken
		}
		if strings.Contains(path, "live.txt") || !strings.HasPrefix(path, `C:\Users`) {
			t.Errorf("%s is taken", path)
		}
	}
	for path, want := range map[string]string{
		`C:\Users\anna\Documents\letter.txt`:                   "file",
		`C:\Users\anna\AppData\Roaming\old.txt`:                "file",
		`C:\Users\anna\Application Data`:                       "link",
		`C:\Users\anna\live only`:                              "link",
		`C:\Users\anna\by volume`:                              "link",
		`C:\Users\anna\mounted`:                                "link",
		`C:\Users\anna\up`:                                     "link",
		`C:\Users\anna\AppData\Local\Application Data`:         "link",
		`C:\Users\anna\Application Data\old.txt`:               "",
		`C:\Users\anna\AppData\Local\Application Data\x`:       "",
		`C:\Users\anna\mounted\Users\bob\Documents\live.txt`:   "",
		`C:\Users\anna\mounted\Windows.old\Users\anna\mounted`: "",
		`C:\Users\anna\live only\live.txt`:                     "",
		`C:\Users\anna\by volume\Roaming\old.txt`:              "",
		`C:\Users\anna\Application Data\Microsoft\Windows\x`:   "",
		`C:\Users\anna\NTUSER.DAT`:                             "file",
	} {
		if kinds[path] != want {
			t.Errorf("%s is %q, want %q", path, kinds[path], want)
		}
	}

	if d := p.Document().Windows.Drives; len(d) != 1 || d[0].Letter != "C:" || d[0].Base != "Windows.old" {
		t.Errorf("drives %v", d)
	}

	// A rule that names the volume by its number is taken at its word.
	p, err = plan.Build(context.Background(), s, olds[0].set, users, nil, plan.Options{Rules: rules.Options{Include: []string{`1:\Users\bob\* [*]`, `* [*.txt]`}, Exclude: []string{`* [letter.txt]`}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for o := range p.Objects {
		got = append(got, string(o.Path))
	}
	slices.Sort(got)
	got = slices.DeleteFunc(got, func(p string) bool { return !strings.HasSuffix(p, ".txt") })
	if g := strings.Join(got, " "); g != `1:\Users\bob\Documents\live.txt C:\Users\anna\AppData\Roaming\old.txt` {
		t.Errorf("taken: %s", g)
	}
}

// To the Windows that is there Windows.old is a folder like any other; what is
// secret in it stays out.
func TestLive(t *testing.T) {
	w := ten
	w.local = []string{"anna"}
	f := w.in(eleven.in(files{}, ""), "Windows.old/")
	f["Windows.old/Users/anna/letter.txt"] = []byte("old")
	systems, olds := open(t, f.image(t, ntfsgen.Junction(`Windows.old\Users\anna\Application Data`, `C:\Users\anna\AppData\Roaming`)))
	var docs []*migxml.Document
	p, err := plan.Build(context.Background(), systems[0], olds[0].set, nil, docs, plan.Options{Rules: rules.Options{Include: []string{`C:\* [*]`}}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for o := range p.Objects {
		got[string(o.Path)] = o.Kind + " " + o.Outcome
	}
	for path, want := range map[string]string{
		`C:\Windows.old\Users\anna\letter.txt`:               "file ",
		`C:\Windows.old\Users\anna\Application Data`:         "link ",
		`C:\Windows.old\Windows\System32\config\SYSTEM`:      "file ",
		`C:\Windows.old\Windows\System32\config\SAM`:         "file " + plan.Policy,
		`C:\Windows\System32\config\SAM`:                     "file " + plan.Policy,
		`C:\Windows.old\Users\anna\Application Data\old.txt`: "",
	} {
		if got[path] != want {
			t.Errorf("%s: %q, want %q", path, got[path], want)
		}
	}
	// The same of the old one by itself.
	p, err = plan.Build(context.Background(), olds[0].System, olds[0].set, nil, nil, plan.Options{Rules: rules.Options{Include: []string{`C:\* [*]`}}})
	if err != nil {
		t.Fatal(err)
	}
	got = map[string]string{}
	for o := range p.Objects {
		got[string(o.Path)] = o.Kind + " " + o.Outcome
	}
	for path, want := range map[string]string{
		`C:\`: "folder ", `C:\Users\anna\letter.txt`: "file ", `C:\Windows\System32\config\SYSTEM`: "file ",
		`C:\Windows\System32\config\SAM`: "file " + plan.Policy, `C:\Windows.old`: "", `1:\`: "",
	} {
		if got[path] != want {
			t.Errorf("of the old one %s: %q, want %q", path, got[path], want)
		}
	}
}
