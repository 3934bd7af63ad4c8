package ntfs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// TestHealth reads the state of volumes that were left in every state, and
// holds what it says against ntfs-3g.probe, which refuses to mount those that
// are hibernated or were not closed.
func TestHealth(t *testing.T) {
	hiberfil := func(sig string) []*ntfsgen.Node {
		return []*ntfsgen.Node{ntfsgen.Dir("Windows"), ntfsgen.File("hiberfil.sys", ntfsgen.Bytes(append([]byte(sig), make([]byte, 8192)...)).NonResident())}
	}
	for _, tt := range []struct {
		name  string
		opt   ntfsgen.Options
		files []*ntfsgen.Node
		want  winfs.Health
		words string
		notes string // what stands in them
		probe int    // exit code of ntfs-3g.probe: 0 fine, 14 hibernated, 15 not closed
	}{
		{name: "formatted", want: winfs.Health{Log: winfs.LogClosed}},
		{name: "closed", opt: ntfsgen.Options{Log: ntfsgen.LogClean}, want: winfs.Health{Log: winfs.LogClosed, LogVersion: "1.1"}},
		{name: "open", opt: ntfsgen.Options{Log: ntfsgen.LogOpen}, want: winfs.Health{Log: winfs.LogOpen, LogVersion: "1.1"}, words: "not closed", notes: "may be missing", probe: 15},
		{name: "dirty", opt: ntfsgen.Options{Flags: ntfsgen.Dirty, Log: ntfsgen.LogClean}, want: winfs.Health{Log: winfs.LogClosed, LogVersion: "1.1", Dirty: true}, words: "wants chkdsk", notes: "file by file"},
		{name: "chkdsk", opt: ntfsgen.Options{Flags: 0x4001}, want: winfs.Health{Log: winfs.LogClosed, Dirty: true, Chkdsk: true}, words: "wants chkdsk", notes: "did not end"},
		{name: "hibernated", files: hiberfil("HIBR"), want: winfs.Health{Log: winfs.LogClosed, Hibernation: winfs.Hibernated}, words: "hibernated", notes: "shutdown /s /f", probe: 14},
		{name: "hibernated xp", files: hiberfil("hibr"), want: winfs.Health{Log: winfs.LogClosed, Hibernation: winfs.Hibernated}, words: "hibernated", notes: "may be stale", probe: 14},
		{name: "resuming", files: hiberfil("RSTR"), want: winfs.Health{Log: winfs.LogClosed, Hibernation: winfs.Resuming}, words: "resume cut off", notes: "may be stale", probe: -1},
		{name: "resumed", files: hiberfil("WAKE"), want: winfs.Health{Log: winfs.LogClosed}, probe: -1},
		{name: "no memory saved", files: hiberfil("\x00\x00\x00\x00"), want: winfs.Health{Log: winfs.LogClosed}},
		{name: "fast startup", opt: ntfsgen.Options{Log: ntfsgen.LogOpen, Flags: ntfsgen.Dirty}, files: hiberfil("HIBR"),
			want:  winfs.Health{Log: winfs.LogOpen, LogVersion: "1.1", Dirty: true, Hibernation: winfs.Hibernated},
			words: "hibernated, wants chkdsk", notes: "may be stale", probe: -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := ntfsgen.Build(tt.opt, tt.files...)
			fs, err := Open(v, v.Size(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			h := fs.Health()
			tt.want.Version = "3.1"
			if h != tt.want {
				t.Errorf("%+v, want %+v", h, tt.want)
			}
			notes := strings.Join(h.Notes(), "\n")
			if h.Words() != tt.words || !strings.Contains(notes, tt.notes) || (notes == "") != (tt.notes == "") {
				t.Errorf("%q, %q; want %q, …%q…", h.Words(), notes, tt.words, tt.notes)
			}
			if tt.probe < 0 {
				return // ntfs-3g looks at no other states
			}
			needs(t, "ntfs-3g.probe")
			name := filepath.Join(t.TempDir(), "v.img")
			if err := v.WriteFile(name); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("ntfs-3g.probe", "--readwrite", name).CombinedOutput()
			code := 0
			if ee, ok := err.(*exec.ExitError); ok {
				code = ee.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != tt.probe {
				t.Errorf("ntfs-3g.probe says %d, want %d: %s", code, tt.probe, out)
			}
		})
	}
}

// TestHealthOfDamage reads volumes that miss something.
func TestHealthOfDamage(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{Log: ntfsgen.LogClean}, ntfsgen.File("a.txt", "a"), ntfsgen.File("big", ntfsgen.Noise("big", 3<<20)))
	open := func(v *ntfsgen.Volume, size int64) winfs.Health {
		t.Helper()
		fs, err := Open(v, size, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return fs.Health()
	}
	if h := open(v, v.Size()-1<<20); h.Missing != 1<<20-512 || h.Damaged != 0 || !strings.Contains(h.Notes()[0], "1048064 bytes") {
		t.Errorf("cut: %+v", h)
	}
	// The sector of a record that was half written.
	torn := v.Patch(v.RecordOffset(v.File("a.txt").Record)+510, []byte{1, 2})
	if h := open(torn, v.Size()); h.Damaged != 1 || !strings.Contains(h.Damage, "torn") || h.Words() != "1 damaged" {
		t.Errorf("torn: %+v, %q", h, h.Words())
	}
	log := v.File("$LogFile")
	at := log.Extents("")[0].Pos
	// The first page is damaged, the second says the same; then both.
	one := v.Patch(at, []byte("JUNK"))
	if h := open(one, v.Size()); h.Log != winfs.LogClosed {
		t.Errorf("one page of the journal: %+v", h)
	}
	if h := open(one.Patch(at+4096, []byte("JUNK")), v.Size()); h.Log != winfs.LogUnreadable || len(h.Notes()) != 1 {
		t.Errorf("no page of the journal: %+v", h)
	}
	// The older page says open, the newer closed.
	o := ntfsgen.Build(ntfsgen.Options{Log: ntfsgen.LogOpen}, ntfsgen.File("a.txt", "a"))
	log = o.File("$LogFile")
	at = log.Extents("")[0].Pos
	if h := open(o.Patch(at+4096+48+14, []byte{2, 0}), o.Size()); h.Log != winfs.LogClosed {
		t.Errorf("the newer page is closed: %+v", h)
	}
	if h := open(o.Patch(at+48+14, []byte{2, 0}), o.Size()); h.Log != winfs.LogOpen {
		t.Errorf("the newer page is open: %+v", h)
	}
}

// TestHealthOfMetadata damages metadata files of which no content depends.
func TestHealthOfMetadata(t *testing.T) {
	v := ntfsgen.Build(ntfsgen.Options{Log: ntfsgen.LogClean, Flags: ntfsgen.Dirty},
		ntfsgen.File("a.txt", "a"), ntfsgen.Dir("dir", ntfsgen.File("b.txt", "b")),
		ntfsgen.File("own.txt", "own", func(n *ntfsgen.Node) { n.OwnSecurity = true }))
	const others = 3 // a.txt, dir and b.txt have a descriptor in $Secure alone
	secure, upcase := v.File("$Secure"), v.File("$UpCase")
	sds := secure.Extents("$SDS")
	const block = 256 << 10
	// at damages a part of $SDS.
	at := func(v *ntfsgen.Volume, off int64, b []byte) *ntfsgen.Volume {
		for _, x := range sds {
			if off >= x.Off && off < x.Off+x.Len && x.Pos >= 0 {
				return v.Patch(x.Pos+off-x.Off, b)
			}
		}
		t.Fatalf("no cluster at %d of $SDS: %+v", off, sds)
		return nil
	}
	record := func(name string, b []byte) *ntfsgen.Volume { return v.Patch(v.RecordOffset(v.File(name).Record), b) }
	table := upcase.Extents("")[0].Pos
	zeros, ones := make([]byte, 1024), bytes.Repeat([]byte{0xFF}, 1024)
	for _, tt := range []struct {
		name                 string
		v                    *ntfsgen.Volume
		undescribed          int
		noVolume, noUpCase   bool
		words, notes, absent string
	}{
		{name: "nothing", v: v, words: "wants chkdsk", notes: "marked the volume for chkdsk", absent: "permissions"},
		{name: "$SDS zeros", v: at(at(v, 0, zeros), block, zeros), undescribed: others, words: "3 without permissions", notes: "permissions of 3 files"},
		{name: "$SDS ones", v: at(at(v, 0, ones), block, ones), undescribed: others, words: "3 without permissions", notes: "permissions of 3 files"},
		{name: "$SDS zeros, not in the copy", v: at(v, 0, zeros), words: "wants chkdsk", absent: "permissions"},
		{name: "$SDS ones, not in the copy", v: at(v, 0, ones), words: "wants chkdsk", absent: "permissions"},
		{name: "the copy alone", v: at(v, block, zeros), words: "wants chkdsk", absent: "permissions"},
		{name: "$Secure zeros", v: record("$Secure", zeros), undescribed: others, words: "3 without permissions", notes: "permissions of 3 files"},
		{name: "$Volume zeros", v: record("$Volume", zeros).Patch(v.MirrorOffset()+3*1024, zeros), noVolume: true, words: "no $Volume", notes: "not known, nor its label", absent: "Windows marked the volume for chkdsk: damage"},
		{name: "$UpCase zeros", v: record("$UpCase", zeros), noUpCase: true, words: "no $UpCase", notes: "table of capitals"},
		{name: "the table zeros", v: v.Patch(table, zeros), noUpCase: true, words: "no $UpCase", notes: "table of capitals"},
		{name: "a letter wrong", v: v.Patch(table+2*'q', []byte{'q', 0}), noUpCase: true, words: "no $UpCase", notes: "table of capitals"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs, err := Open(tt.v, tt.v.Size(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			h := fs.Health()
			if h.Undescribed != tt.undescribed || h.NoVolume != tt.noVolume || h.NoUpCase != tt.noUpCase || h.Dirty == tt.noVolume {
				t.Errorf("%+v", h)
			}
			notes := strings.Join(h.Notes(), "\n")
			if !strings.Contains(h.Words(), tt.words) || !strings.Contains(notes, tt.notes) || tt.absent != "" && strings.Contains(notes, tt.absent) {
				t.Errorf("%q, %q", h.Words(), notes)
			}
			for _, f := range v.Files() {
				e, err := fs.Lookup(f.Paths[0])
				if err != nil {
					t.Errorf("%q: %v", f.Paths[0], err)
					continue
				}
				b, err := fs.Security(e)
				if tt.undescribed > 0 && f.Paths[0] != "own.txt" {
					if err == nil {
						t.Errorf("%q has a descriptor: %x", f.Paths[0], b)
					}
				} else if err != nil || !bytes.Equal(b, f.Security) {
					t.Errorf("%q: %x, %v", f.Paths[0], b, err)
				}
				if !f.Dir {
					if err := checkStream(fs, e, "", f.Data); err != nil {
						t.Errorf("%q: %v", f.Paths[0], err)
					}
				}
			}
		})
	}
}

// TestRealHealth holds the state of volumes that Windows and others left
// against ntfs-3g.probe.
func TestRealHealth(t *testing.T) {
	for _, name := range []string{"ntfs/testfs1.img.xz", "ntfs/util-linux-ntfs.img.xz", "ntfs/dissect-ntfs.bin.gz", "ntfs/velociraptor-test.ntfs.dd.E01", "ntfs/windows_volume.qcow2"} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b := testdata(t, name)
			needs(t, "ntfs-3g.probe")
			fs, err := Open(bytes.NewReader(b), int64(len(b)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			raw := filepath.Join(t.TempDir(), "v.img")
			if err := os.WriteFile(raw, b, 0o600); err != nil {
				t.Fatal(err)
			}
			err = exec.Command("ntfs-3g.probe", "--readwrite", raw).Run()
			h := fs.Health()
			t.Logf("%+v; ntfs-3g.probe: %v", h, err)
			if h.Log == winfs.LogUnreadable || h.Version == "" || h.Damaged > 0 || h.Undescribed > 0 || h.NoVolume || h.NoUpCase {
				t.Errorf("%+v", h)
			}
			if fine := h.Log == winfs.LogClosed && h.Hibernation == ""; fine != (err == nil) {
				t.Errorf("%+v; ntfs-3g.probe: %v", h, err)
			}
		})
	}
}
