package volumes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/ldm"
	"github.com/coldstate/coldstate/volumes/partition"
)

const mib = 1 << 20

// dynamicGroup is two disks: a simple volume and half of a spanned one on the
// first, with MBR; the rest of it, and half of a mirror, on the second, with
// GPT. The other half is in front of all on the first.
func dynamicGroup() *diskgen.LDMGroup {
	volume := func(label string) *ntfsgen.Volume {
		return ntfsgen.Build(ntfsgen.Options{Label: label, Size: 6 * mib},
			ntfsgen.File(`folder\large`, ntfsgen.Noise(label, 3*mib)), ntfsgen.File("small", label))
	}
	piece := func(disk int, start, size int64) diskgen.LDMPiece {
		return diskgen.LDMPiece{Disk: disk, Start: start * mib, Size: size * mib}
	}
	column := func(p ...diskgen.LDMPiece) diskgen.LDMMirror {
		return diskgen.LDMMirror{Columns: [][]diskgen.LDMPiece{p}}
	}
	id := func(n int) string { return fmt.Sprintf("0000000%d-1234-11e1-8cf9-0123456789ab", n) }
	return &diskgen.LDMGroup{
		Name: "COLD-Dg0", GUID: id(1),
		Disks: []diskgen.LDMDisk{{Name: "Disk1", GUID: id(2), Size: 20 * mib}, {Name: "Disk2", GUID: id(3), Size: 16 * mib, GPT: true, Binary: true}},
		Volumes: []diskgen.LDMVolume{
			{Name: "Volume1", GUID: id(4), Size: 6 * mib, Content: volume("Spanned"), Mirrors: []diskgen.LDMMirror{column(piece(0, 13, 2), piece(1, 0, 4))}},
			{Name: "Volume2", GUID: id(5), Size: 6 * mib, Content: volume("Simple"), Mirrors: []diskgen.LDMMirror{column(piece(0, 7, 6))}},
			{Name: "Volume3", GUID: id(6), Size: 6 * mib, Content: volume("Mirrored"), Mirrors: []diskgen.LDMMirror{column(piece(1, 5, 6)), column(piece(0, 0, 6))}},
		},
	}
}

// writeDisks makes files of the disks of a group.
func writeDisks(t *testing.T, g *diskgen.LDMGroup) []string {
	t.Helper()
	dir := t.TempDir()
	var names []string
	for i, img := range diskgen.LDM(g) {
		b := make([]byte, img.Size())
		img.ReadAt(b, 0)
		name := filepath.Join(dir, fmt.Sprintf("disk%d.img", i+1))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

func openSet(t *testing.T, paths ...string) *Set {
	t.Helper()
	s, err := Open(paths, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for i, v := range s.Volumes {
		if v.Number != i+1 || v.Source == nil || !slices.Contains(v.Source.Volumes, v) {
			t.Errorf("volume %d has number %d, source %v", i+1, v.Number, v.Source)
		}
	}
	return s
}

// tellSet lists the volumes: what they are, where, and their label or the
// reason why there is none.
func tellSet(s *Set) []string {
	var lines []string
	for _, v := range s.Volumes {
		line := fmt.Sprintf("%s %s+%d ", filepath.Base(v.Source.Path), v.Kind, v.Offset)
		if fs, err := v.FS(); err == nil {
			line += fs.Label()
		} else {
			var ve *VolumeError
			errors.As(err, &ve)
			line += ve.Err.Error() + "; " + ve.Hint
		}
		lines = append(lines, line)
	}
	return lines
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDynamicDisks(t *testing.T) {
	g := dynamicGroup()
	files := writeDisks(t, g)
	first, second := g.Disks[0].Places().Public, g.Disks[1].Places().Public
	at := func(public, n int64) int64 { return public + n*mib }
	meta := "disk2.img dynamic disk metadata (LDM)+17408 not supported; it holds no files"

	s := openSet(t, files...)
	wantLines(t, tellSet(s),
		fmt.Sprintf("disk1.img NTFS+%d Simple", at(first, 7)),
		fmt.Sprintf("disk1.img NTFS+%d Spanned", at(first, 13)),
		meta,
		// The first piece of a mirror is that of its first half.
		fmt.Sprintf("disk2.img NTFS+%d Mirrored", at(second, 5)))
	for _, src := range s.Sources {
		if len(src.Problems) > 0 {
			t.Errorf("%s: %q", src.Path, src.Problems)
		}
	}
	for i, want := range map[int]struct{ id, place string }{
		0: {"050000003412e1118cf90123456789ab", "dynamic disk, simple: Volume2 on Disk1"},
		1: {"040000003412e1118cf90123456789ab", "dynamic disk, spanned: Volume1 on Disk1, Disk2"},
		3: {"060000003412e1118cf90123456789ab", "dynamic disk, mirrored: Volume3 on Disk2, Disk1"},
	} {
		v := s.Volumes[i]
		if fmt.Sprintf("%x", v.DynamicID) != want.id || v.Dynamic == nil || v.Dynamic.String() != want.place || v.Partition != nil || v.Size != 6*mib || v.Dynamic.Group != "COLD-Dg0" {
			t.Errorf("volume %d: %x, %+v", i+1, v.DynamicID, v.Dynamic)
		}
		fs, err := v.FS()
		if err != nil {
			t.Fatal(err)
		}
		e, err := fs.Lookup(`folder\large`)
		if err != nil {
			t.Fatal(err)
		}
		f, err := fs.Open(e, "")
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 3*mib)
		if n, err := f.ReadAt(got, 0); n != len(got) || err != nil && err != io.EOF || !bytes.Equal(got, ntfsgen.Noise(fs.Label(), 3*mib).All()) {
			t.Errorf("%s: %d bytes of the file, %v", fs.Label(), n, err)
		}
	}
	if m := s.Volumes[2]; m.DynamicID != [16]byte{} || m.Dynamic != nil || m.Partition == nil || m.Kind != partition.TypeLDMMetadata {
		t.Errorf("the metadata partition: %+v", m)
	}
	// Each disk tells what lies on it, also what begins elsewhere.
	for i, want := range []string{"of volume 4, 1, 2", "of volume 2, 4"} {
		want = fmt.Sprintf("dynamic disk Disk%d {%s} of the group COLD-Dg0 with pieces %s", i+1, g.Disks[i].GUID, want)
		if d := s.Sources[i].Dynamic; d.String() != want {
			t.Errorf("got  %s\nwant %s", d, want)
		}
	}

	// The order of the sources counts, not that of the group.
	wantLines(t, tellSet(openSet(t, files[1], files[0])),
		meta,
		fmt.Sprintf("disk2.img NTFS+%d Mirrored", at(second, 5)),
		fmt.Sprintf("disk1.img NTFS+%d Simple", at(first, 7)),
		fmt.Sprintf("disk1.img NTFS+%d Spanned", at(first, 13)))

	// One disk of the two.
	s = openSet(t, files[0])
	wantLines(t, tellSet(s),
		// What is left of the mirror is on this disk.
		fmt.Sprintf("disk1.img NTFS+%d Mirrored", at(first, 0)),
		fmt.Sprintf("disk1.img NTFS+%d Simple", at(first, 7)),
		fmt.Sprintf("disk1.img dynamic disk+%d the dynamic volume Volume1 (spanned) lacks what is not given: Disk2 {%s}; add the disk as a further SOURCE", at(first, 13), g.Disks[1].GUID))
	if p := s.Volumes[0].Dynamic.Problems; len(p) != 1 || !strings.Contains(p[0], "read without Disk2 {") {
		t.Errorf("problems %q", p)
	}
	if p := s.Sources[0].Problems; len(p) != 2 || !strings.Contains(p[0], "dynamic volume Volume3: read without Disk2 {") ||
		p[1] != "add the dynamic disks Disk2 of the group COLD-Dg0 as further SOURCEs: volume 3 cannot be read without them" {
		t.Errorf("problems %q", p)
	}
	v := s.Volumes[2]
	for id, want := range map[string]bool{
		"\x04\x00\x00\x00\x34\x12\xe1\x11\x8c\xf9\x01\x23\x45\x67\x89\xab": true, // as GPT partitions have it
		"\x00\x00\x00\x04\x12\x34\x11\xe1\x8c\xf9\x01\x23\x45\x67\x89\xab": true, // as the database has it
		"\x05\x00\x00\x00\x34\x12\xe1\x11\x8c\xf9\x01\x23\x45\x67\x89\xab": false,
		strings.Repeat("\x00", 16): false,
	} {
		if v.HasDynamicID([16]byte([]byte(id))) != want {
			t.Errorf("%x: %v", id, !want)
		}
	}
	if new(Volume).HasDynamicID([16]byte{}) {
		t.Error("a volume that is not dynamic has an id")
	}
	_, err := v.FS()
	var gone *ldm.MissingError
	if !errors.As(err, &gone) || v.Reader() != nil || fmt.Sprintf("%x", v.DynamicID) != "040000003412e1118cf90123456789ab" {
		t.Errorf("%v", err)
	}
	if want := "volume 3 (dynamic disk, spanned: Volume1 on Disk1, Disk2 (not given) in " + files[0] + "): the dynamic"; !strings.HasPrefix(fmt.Sprint(err), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	// The other one: what begins on a disk that is not given stands where its
	// first piece that is given does, or at the end.
	wantLines(t, tellSet(openSet(t, files[1])),
		meta,
		fmt.Sprintf("disk2.img dynamic disk+%d the dynamic volume Volume1 (spanned) lacks what is not given: Disk1 {%s}; add the disk as a further SOURCE", at(second, 0), g.Disks[0].GUID),
		fmt.Sprintf("disk2.img NTFS+%d Mirrored", at(second, 5)),
		fmt.Sprintf("disk2.img dynamic disk+0 the dynamic volume Volume2 (simple) lacks what is not given: Disk1 {%s}; add the disk as a further SOURCE", g.Disks[0].GUID))
}

// Dynamic disks whose database is lost, and a disk that is there twice.
func TestDynamicDisksUnread(t *testing.T) {
	g := dynamicGroup()
	files := writeDisks(t, g)
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.img")
	if err := os.WriteFile(copied, b, 0o600); err != nil {
		t.Fatal(err)
	}
	places := g.Disks[0].Places()
	got := tellSet(openSet(t, files[0], copied, files[1]))
	if len(got) != 5 || got[2] != fmt.Sprintf("copy.img dynamic disk+%d another source is the same dynamic disk {%s}, and is used; start a Windows that assembles it, and give the drive it gets as source", places.Public, g.Disks[0].GUID) {
		t.Errorf("%q", got)
	}
	for _, tt := range []struct {
		name   string
		damage func(b []byte)
		want   string
	}{
		{"no header", func(b []byte) {
			for _, at := range places.Heads {
				clear(b[at:][:512])
			}
		}, "no database of a dynamic disk was found"},
		{"no database", func(b []byte) { clear(b[places.VMDB:][:512]) }, "no disk of the group COLD-Dg0 has a database that can be read"},
	} {
		bad := bytes.Clone(b)
		tt.damage(bad)
		name := filepath.Join(t.TempDir(), "bad.img")
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		wantLines(t, tellSet(openSet(t, name)), fmt.Sprintf("bad.img dynamic disk+%d %s; start a Windows that assembles it, and give the drive it gets as source", places.Public, tt.want))
	}
	// A disk that was taken out of the group keeps what it has.
	alone := dynamicGroup()
	alone.Committed = 20
	alone.Disks, alone.Volumes = alone.Disks[1:], nil
	removed := openSet(t, writeDisks(t, alone)[0], files[0])
	wantLines(t, tellSet(removed)[1:],
		fmt.Sprintf("disk1.img dynamic disk+%d the group COLD-Dg0 of dynamic disks does not have this disk {%s}; start a Windows that assembles it, and give the drive it gets as source", places.Public, g.Disks[0].GUID))
	if d := removed.Sources[0].Dynamic; d.String() != "dynamic disk Disk2 {"+g.Disks[1].GUID+"} of the group COLD-Dg0" {
		t.Errorf("%s", d)
	}
	// The second disk's database does for both.
	bad := bytes.Clone(b)
	clear(bad[places.VMDB:][:512])
	if err := os.WriteFile(copied, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openSet(t, copied, files[1])
	if got := tellSet(s); len(got) != 4 || !strings.HasSuffix(got[0], " Simple") || !strings.HasSuffix(got[1], " Spanned") || !strings.HasSuffix(got[3], " Mirrored") {
		t.Errorf("%q", got)
	}
	if p := strings.Join(s.Sources[0].Problems, "\n"); !strings.Contains(p, "its database has no head") {
		t.Errorf("problems %q", p)
	}
}
