package volumes

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes/medium"
)

// faultySource opens the sample disk with faults.
func faultySource(t *testing.T, image string, disk *testimages.Faulty) (*Set, error) {
	t.Helper()
	disk.R, disk.Size = testimages.Disk()
	s, err := Open([]string{image}, Options{Medium: func(_ string, _ io.ReaderAt, size int64, opt *medium.Options) io.ReaderAt {
		if size != disk.Size {
			t.Errorf("%d bytes", size)
		}
		opt.Sector = 512
		return disk
	}})
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

// Every sector of the tables and of the volume's start is there twice: one of
// them may be bad, and the Windows volume is found and opens all the same.
func TestFailingTables(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(image); err != nil {
		t.Fatal(err)
	}
	const last, start, end = 94207, 26624, 92159
	var sectors []int64
	for s := range int64(34) {
		sectors = append(sectors, s, last-s, start+s)
	}
	sectors = append(sectors, end)
	for _, bad := range sectors {
		s, err := faultySource(t, image, &testimages.Faulty{Bad: []int64{bad}, Short: bad%2 == 0})
		if err != nil {
			t.Errorf("sector %d: %v", bad, err)
			continue
		}
		if len(s.Volumes) != 3 || s.Volumes[2].Offset != start*512 || s.Volumes[2].Size != (end-start+1)*512 || s.Volumes[2].Kind != NTFS {
			t.Errorf("sector %d: the volumes are %s", bad, kinds(s.Sources[0]))
			continue
		}
		if _, err := s.Volumes[2].FS(); err != nil {
			t.Errorf("sector %d: %v", bad, err)
		}
		if got := s.Sources[0].Bad(); len(got) > 1 || len(got) == 1 && got[0] != (medium.Range{Off: bad * 512, Len: 512}) {
			t.Errorf("sector %d: bad are %v", bad, got)
		}
	}
	// A volume without a table has the copy of its boot sector.
	r, _ := testimages.Disk()
	volume := filepath.Join(t.TempDir(), "volume.img")
	if err := testimages.WriteImage(volume, io.NewSectionReader(r, start*512, (end-start+1)*512), (end-start+1)*512); err != nil {
		t.Fatal(err)
	}
	s, err := Open([]string{volume}, Options{Medium: func(_ string, r io.ReaderAt, size int64, opt *medium.Options) io.ReaderAt {
		return &testimages.Faulty{R: r, Size: size, Bad: []int64{0}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Volumes[0].FS(); err != nil || s.Sources[0].Kind != VolumeImage {
		t.Errorf("%s, %v", kinds(s.Sources[0]), err)
	}
	// A disk none of which can be read is an error, and a list of disks has it
	// as one.
	all := make([]int64, last+1)
	for i := range all {
		all[i] = int64(i)
	}
	if s, err := faultySource(t, image, &testimages.Faulty{Bad: all}); err == nil {
		t.Errorf("%s", kinds(s.Sources[0]))
	} else if _, ok := errors.AsType[*SourceError](err); !ok {
		t.Error(err)
	}
}

// A disk that is gone while $MFT is read gives no volume with what was there.
func TestVanishingVolume(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(image); err != nil {
		t.Fatal(err)
	}
	whole := &testimages.Faulty{}
	s, err := faultySource(t, image, whole)
	if err != nil {
		t.Fatal(err)
	}
	before := whole.Count().Reads
	if _, err := s.Volumes[2].FS(); err != nil {
		t.Fatal(err)
	}
	for n := before; n < whole.Count().Reads-1; n++ {
		s, err := faultySource(t, image, &testimages.Faulty{Vanish: n})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Volumes[2].FS(); !errors.Is(err, ErrGone) {
			t.Errorf("after %d reads: %v, want ErrGone", n, err)
		}
	}
}

// A damaged map file counts as far as it can be read, and is told; one of which
// nothing is left ends the work, as what was never read is not known.
func TestDamagedMapFile(t *testing.T) {
	const head = "# Mapfile. Created by GNU ddrescue version 1.27\n"
	for _, c := range []struct {
		name, file, text string
		option           string // "beside" for the file itself
		unread           int64
		bad              int
		say              string
		err              error
	}{
		{"gap", "disk.img.map", head + "0 + 1\n0 4096 +\n8192 0x10000000 +\n", "", 4096, 1, "its map file PATH is damaged, and what it does not say counts as never read: line 4: nothing is said of the bytes from 0x1000 to 0x2000", nil},
		{"gap, named", "disk.txt", head + "0 + 1\n0 4096 +\n8192 0x10000000 +\n", "beside", 4096, 1, "its map file PATH is damaged", nil},
		{"overlap", "disk.map", head + "0 + 1\n0 0x10000000 +\n4096 512 -\n", "", 512, 1, "line 4: the block at 0x1000 begins before", nil},
		{"many", "disk.map", head + "0 + 1\n0 0x10000000 +\n?\n?\n?\n?\n?\n?\n?\n", "", 0, 0, "; and 2 more", nil},
		{"no first line", "disk.map", head + "0 4096 +\n4096 512 ?\n4608 0x10000000 +\n", "", 512, 1, "the line that says how far ddrescue came is not there", nil},
		{"nothing is left", "disk.img.map", head + "xxxx\n", "", 0, 0, "", ErrMap},
		{"nothing is left, not wanted", "disk.img.map", head + "xxxx\n", "-", 0, 0, "", nil},
		{"good, not wanted", "disk.img.map", "0 +\n0 512 -\n", "-", 0, 0, "", nil},
		{"nothing is left, named", "disk.img.map", head + "xxxx\n", "beside", 0, 0, "", ErrNotMap},
		{"no map", "disk.img.map", "\x00\x00\x00\x00", "", 0, 0, "the file PATH beside it has the name of a map file and is not used: is no map file of ddrescue: line 1: 1 fields", nil},
		{"no map, named", "x", "hello\n", "beside", 0, 0, "", ErrNotMap},
		{"not there, named", "x", "", "gone", 0, 0, "", fs.ErrNotExist},
		{"a log", "disk.img.log", "Copied by hand on Tuesday.\n", "", 0, 0, "", nil},
		{"a log of which nothing is left", "disk.log", head + "\x00\x00", "", 0, 0, "", ErrMap},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			image, name := filepath.Join(dir, "disk.img"), filepath.Join(dir, c.file)
			if err := os.WriteFile(image, windowsDisk(), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			option := c.option
			switch option {
			case "beside":
				option = name
			case "gone":
				option = filepath.Join(dir, "gone.map")
			}
			s, err := Open([]string{image}, Options{MapFiles: []string{option}})
			if c.err != nil || err != nil {
				if se, ok := errors.AsType[*SourceError](err); !ok || !errors.Is(err, c.err) || se.Hint == "" || se.Path == image {
					t.Errorf("%v, want %v", err, c.err)
				}
				return
			}
			defer s.Close()
			src := s.Sources[0]
			if src.Unread != c.unread || len(src.Bad()) != c.bad {
				t.Errorf("%d bytes unread, bad %v", src.Unread, src.Bad())
			}
			if said := strings.Join(src.Problems, "\n"); !strings.Contains(said, strings.ReplaceAll(c.say, "PATH", name)) || c.say == "" && said != "" {
				t.Errorf("%s", said)
			}
		})
	}
}

// Map files are found by name and taken by content.
func TestMapFileNames(t *testing.T) {
	const good = "# Mapfile. Created by GNU ddrescue version 1.27\n0x00  +\n0x00000000  0x00001000  +\n0x00001000  0x00000200  ?\n0x00001200  0x01000000  +\n"
	for _, c := range []struct {
		name, text string
		found      bool
	}{
		{"disk.img.map", good, true},
		{"disk.img.mapfile", good, true},
		{"disk.img.log", good, true},
		{"disk.map", good, true},
		{"disk.logfile", good, true},
		{"disk.map", "0 +\n0 512 +\n512 512 -\n1024 9999999 +\n", true},
		{"disk.map", "key=value\n", false},
		{"disk.log", "", false},
		{"other.map", good, false},
		{"disk.img.txt", good, false},
	} {
		dir := t.TempDir()
		image, name := filepath.Join(dir, "disk.img"), filepath.Join(dir, c.name)
		if err := os.WriteFile(image, windowsDisk(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open([]string{image}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		src := s.Sources[0]
		if c.found != (src.Map == name) || c.found != (src.Unread == 512) || c.found != (len(src.Bad()) == 1) {
			t.Errorf("%s %q: map %q, %d bytes unread, bad %v", c.name, c.text, src.Map, src.Unread, src.Bad())
		}
	}
}
