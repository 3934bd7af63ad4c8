package volumes

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/volumes/image"
	"github.com/coldstate/coldstate/volumes/ldm"
)

// ntfsBoot is a boot sector of a volume of the given number of sectors.
func ntfsBoot(sectors uint64) []byte {
	b := make([]byte, 512)
	copy(b, "\xEB\x52\x90NTFS    ")
	le := binary.LittleEndian
	le.PutUint16(b[11:], 512)
	b[13], b[21] = 8, 0xF8
	le.PutUint64(b[40:], sectors-1)
	le.PutUint64(b[48:], 4)
	le.PutUint64(b[56:], sectors/16)
	b[64], b[68] = 0xF6, 0xF4
	b[510], b[511] = 0x55, 0xAA
	return b
}

func fatBoot() []byte {
	b := make([]byte, 512)
	copy(b, "\xEB\x58\x90MSDOS5.0")
	binary.LittleEndian.PutUint16(b[11:], 512)
	b[13], b[14], b[16], b[21] = 8, 32, 2, 0xF8
	copy(b[82:], "FAT32   ")
	b[510], b[511] = 0x55, 0xAA
	return b
}

// at is a sector with s at offset off.
func at(off int, s string) []byte {
	b := make([]byte, max(512, off+len(s)))
	copy(b[off:], s)
	return b
}

type mbrEntry struct {
	typ          byte
	first, count uint32
}

// diskBytes is a disk of the given size with an MBR and pieces by offset.
func diskBytes(size int, entries []mbrEntry, parts map[int][]byte) []byte {
	b := make([]byte, size)
	for i, e := range entries {
		p := b[446+16*i:]
		p[4] = e.typ
		binary.LittleEndian.PutUint32(p[8:], e.first)
		binary.LittleEndian.PutUint32(p[12:], e.count)
	}
	b[510], b[511] = 0x55, 0xAA
	for off, p := range parts {
		copy(b[off:], p)
	}
	return b
}

func windowsDisk() []byte {
	return diskBytes(2<<20, []mbrEntry{{7, 2048, 1024}, {0x0C, 128, 256}, {7, 1024, 512}, {0x42, 3072, 1024}}, map[int][]byte{
		128 * 512:  fatBoot(),
		1024 * 512: at(3, "-FVE-FS-"),
		2048 * 512: ntfsBoot(1024),
		3072 * 512: ntfsBoot(1024), // what a mirrored disk looks like
	})
}

// fakeFile is a file of the host with those bytes.
type fakeFile struct {
	*bytes.Reader
	name string
}

func (f fakeFile) Close() error               { return nil }
func (f fakeFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f fakeFile) Name() string               { return f.name }
func (f fakeFile) Mode() fs.FileMode          { return 0o600 }
func (f fakeFile) ModTime() time.Time         { return time.Time{} }
func (f fakeFile) IsDir() bool                { return false }
func (f fakeFile) Sys() any                   { return nil }

// detectBytes opens a file of that name and content, the only one there is.
func detectBytes(b []byte, name string) (*Source, error) {
	src, _, err := imageSource(name, image.Options{Open: func(path string) (image.File, error) {
		if path != name {
			return nil, fs.ErrNotExist
		}
		return fakeFile{bytes.NewReader(b), path}, nil
	}}, sourceOptions{})
	return src, err
}

func kinds(src *Source) string {
	s := src.Kind
	for _, v := range src.Volumes {
		s += fmt.Sprintf(" %s@%d+%d", v.Kind, v.Offset, v.Size)
	}
	return s
}

func TestDetect(t *testing.T) {
	backup := make([]byte, 1<<20)
	copy(backup[len(backup)-512:], ntfsBoot(2048))
	lostBoot := windowsDisk()
	clear(lostBoot[2048*512 : 2048*512+512])
	copy(lostBoot[3071*512:], ntfsBoot(1024))
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"disk", windowsDisk(), "disk image FAT@65536+131072 BitLocker@524288+262144 NTFS@1048576+524288 dynamic disk@1572864+524288"},
		{"disk, boot sector lost", lostBoot, "disk image FAT@65536+131072 BitLocker@524288+262144 NTFS@1048576+524288 dynamic disk@1572864+524288"},
		{"unknown content", diskBytes(1<<20, []mbrEntry{{7, 128, 256}}, nil), "disk image unknown@65536+131072"},
		{"NTFS", append(ntfsBoot(2048), make([]byte, 1<<20-512)...), "volume image NTFS@0+1048576"},
		{"NTFS, boot sector lost", backup, "volume image NTFS@0+1048576"},
		{"FAT", fatBoot(), "volume image FAT@0+512"},
		{"exFAT", at(3, "EXFAT   "), "volume image exFAT@0+512"},
		{"ReFS", at(3, "ReFS\x00\x00\x00\x00"), "volume image ReFS@0+512"},
		{"BitLocker", at(3, "-FVE-FS-"), "volume image BitLocker@0+512"},
		{"BitLocker To Go", func() []byte {
			b := fatBoot()
			copy(b[3:], "MSWIN4.1")
			copy(b[424:], "\x3B\xD6\x67\x49\x29\x2E\xD8\x4A\x83\x99\xF6\xA3\x39\xE3\xD0\x01")
			return b
		}(), "volume image BitLocker@0+512"},
		{"a stick of Windows 98", func() []byte {
			b := fatBoot()
			copy(b[3:], "MSWIN4.1")
			return b
		}(), "volume image FAT@0+512"},
		{"ext", at(1024+56, "\x53\xEF"), "volume image ext@0+1082"},
		{"LUKS", at(0, "LUKS\xBA\xBE"), "volume image LUKS@0+512"},
		{"Linux swap", at(4086, "SWAPSPACE2"), "volume image Linux swap@0+4096"},
		{"disk that was a CD image", diskBytes(1<<20, []mbrEntry{{7, 128, 256}}, map[int][]byte{32769: []byte("CD001"), 65536: ntfsBoot(256)}), "disk image NTFS@65536+131072"},
		{"old ext under a table", diskBytes(1<<20, []mbrEntry{{7, 128, 256}}, map[int][]byte{1024 + 56: []byte("\x53\xEF"), 65536: ntfsBoot(256)}), "disk image NTFS@65536+131072"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src, err := detectBytes(tt.data, "x")
			if err != nil {
				t.Fatal(err)
			}
			if got := kinds(src); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	for _, tt := range []struct {
		name string
		data []byte
		is   error
		want string
	}{
		{"empty", nil, ErrNotDisk, "x: is not a disk, a disk image or a folder: it is empty; check"},
		{"zeros", make([]byte, 1<<20), ErrNotDisk, "no partition table and no known file system at its start, which is zeros"},
		{"text", bytes.Repeat([]byte("hello "), 1000), ErrNotDisk, "(first bytes 68 65 6c 6c 6f"},
		{"tiny", []byte("x"), ErrNotDisk, "(first bytes 78)"},
		{"empty MBR", diskBytes(1<<20, nil, nil), ErrNotDisk, "its partition table is empty"},
		{"hive", at(0, "regf"), ErrHive, "x: is a registry hive, not a disk; `coldstate reg x` reads it"},
		{"QCOW2", at(0, "QFI\xFB\x00\x00\x00\x01"), ErrUnsupported, "x: is a QCOW2 image of version 1, which cannot be read yet; convert it with `qemu-img convert -O raw x disk.img` and give disk.img"},
		{"QCOW2, cut", at(0, "QFI\xFB\x00\x00\x00\x02"), nil, "x: damaged QCOW2 image: offset 0x14: clusters of 2^0 bytes; copy the image again"},
		{"dynamic VHD, cut", at(0, "conectix\x00\x00\x00\x02"), nil, "damaged VHD image"},
		{"VHDX, cut", at(0, "vhdxfile"), nil, "damaged VHDX image: offset 0x10000: 4096 bytes must be here, but the file has 512"},
		{"VMDK, cut", at(0, "KDMV"), ErrUnsupported, "VMDK image"},
		{"VMDK text", at(0, "# Disk DescriptorFile\nversion=1"), nil, "names no extents"},
		{"VMDK text, alone", at(0, "# Disk DescriptorFile\nRW 100 SPARSE \"disk-s001.vmdk\"\n"), nil, "x: x: its extent disk-s001.vmdk is not there; put it there as disk-s001.vmdk"},
		{"VDI", append(at(0, "<<< Oracle VM VirtualBox Disk Image >>>\n")[:64], "\x7F\x10\xDA\xBE"...), nil, "damaged VDI image"},
		{"arrows", at(0, "<<< here"), ErrNotDisk, "no partition table"},
		{"E01, cut", at(0, "EVF\x09\x0D\x0A\xFF\x00\x01\x01"), nil, "damaged E01 image"},
		{"Ex01", at(0, "EVF2\x0D\x0A\x81\x00"), ErrUnsupported, "x: is an Ex01 image, which cannot be read yet; convert it with `ewfexport -f raw x`"},
		{"L01", at(0, "LVF\x09\x0D\x0A\xFF\x00"), ErrUnsupported, "L01 image"},
		{"WIM", at(0, "MSWIM\x00\x00\x00"), ErrUnsupported, "WIM file"},
		{"gzip", at(0, "\x1F\x8B\x08"), ErrUnsupported, "`gzip -dk x`"},
		{"ISO", at(32769, "CD001"), ErrUnsupported, "CD or DVD image"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src, err := detectBytes(tt.data, "x")
			var se *SourceError
			if tt.is != nil && !errors.Is(err, tt.is) || !errors.As(err, &se) || se.Path != "x" || se.Hint == "" {
				t.Fatalf("%v (%+v)", err, src)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

// vhdFooterBytes is the footer of a VHD of that type.
func vhdFooterBytes(typ byte) []byte {
	b := make([]byte, 512)
	copy(b, "conectix\x00\x00\x00\x02")
	b[63] = typ
	return b
}

// A fixed VHD is the disk it holds, also with a footer of 2004.
func TestFixedVHD(t *testing.T) {
	disk := windowsDisk()
	want, err := detectBytes(disk, "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 1} {
		b := append(bytes.Clone(disk), vhdFooterBytes(2)[:512-cut]...)
		got, err := detectBytes(b, "x")
		if err != nil {
			t.Fatal(err)
		}
		got.Kind = strings.ReplaceAll(got.Kind, "VHD", "disk")
		if got.Size != int64(len(disk)) || kinds(got) != kinds(want) {
			t.Errorf("footer of %d bytes: %d bytes, %s; want %d, %s", 512-cut, got.Size, kinds(got), len(disk), kinds(want))
		}
	}
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	name = filepath.Join(tempDir(t), name)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Volumes are numbered over all sources, then by offset, also those that
// cannot be read.
func TestOpenNumbers(t *testing.T) {
	folder := tempDir(t)
	s, err := Open([]string{write(t, "b.img", windowsDisk()), folder, write(t, "a.img", fatBoot())}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []string
	for i, v := range s.Volumes {
		if v.Number != i+1 || v.Source == nil {
			t.Errorf("volume %d has number %d", i+1, v.Number)
		}
		got = append(got, fmt.Sprintf("%s %s", v.Source.Kind, v.Kind))
	}
	want := []string{"disk image FAT", "disk image BitLocker", "disk image NTFS", "disk image dynamic disk", "folder folder", "volume image FAT"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if p := s.Volumes[2].Partition; p == nil || p.Number != 1 || s.Sources[0].Table == nil || s.Sources[2].Table != nil {
		t.Errorf("partition %+v", p)
	}
	for i, want := range []string{
		"volume 1 (FAT in " + s.Sources[0].Path + ", partition 2 at offset 65536): fat: boot sector, ",
		"volume 2 (BitLocker in " + s.Sources[0].Path + ", partition 3 at offset 524288): locked by BitLocker; ",
	} {
		_, err := s.Volumes[i].FS()
		var ve *VolumeError
		if !errors.As(err, &ve) || ve.Volume != s.Volumes[i] || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if _, err := s.Volumes[1].FS(); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	if _, err := s.Volumes[0].FS(); err == nil || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrLocked) {
		t.Error(err) // it is damaged: a boot sector without the rest
	}
	if _, err := s.Volumes[3].FS(); !errors.Is(err, ldm.ErrNoDatabase) {
		t.Error(err)
	}
	if _, err := s.Volumes[2].FS(); err == nil {
		t.Error("a volume that is a boot sector and zeros was opened")
	}
	b := make([]byte, 8)
	if _, err := s.Volumes[2].Reader().ReadAt(b, 3); err != nil || string(b) != "NTFS    " {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := s.Volumes[4].FS(); err != nil {
		t.Error(err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := tempDir(t)
	image := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(image, windowsDisk(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(image, filepath.Join(dir, "other name.img")); err != nil {
		t.Fatal(err)
	}
	makeTree(t, dir, map[string]string{"Windows/System32/config/SYSTEM": "regf", "split.001": string(windowsDisk()), "split.003": "x", "alone.001": string(windowsDisk()), "late.001": string(windowsDisk()), "late.002": string(make([]byte, 4096))})
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		paths []string
		is    error
		want  string
	}{
		{[]string{in("no such file")}, os.ErrNotExist, "no such file: "},
		{[]string{image, image}, ErrSameSource, image + ": is the same source as " + image},
		{[]string{image, in("other name.img")}, ErrSameSource, "other name.img: is the same source as " + image},
		{[]string{dir, in("Windows")}, ErrSameSource, "Windows: is the same source as " + dir},
		{[]string{in("Windows/System32/config/SYSTEM")}, ErrHive, "coldstate reg"},
		{[]string{in("split.001")}, nil, "its piece " + in("split.002") + " is not there; put it there as " + in("split.002")},
		{[]string{in("late.002")}, ErrNotDisk, "when it is a piece of a split image, give the first one: " + in("late.001")},
		{[]string{in("late.001"), in("late.002")}, ErrNotDisk, "give the first one"},
	} {
		s, err := Open(tt.paths, Options{})
		var se *SourceError
		if s != nil || tt.is != nil && !errors.Is(err, tt.is) || !errors.As(err, &se) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q:\ngot  %v\nwant %v: %s", tt.paths, err, tt.is, tt.want)
		}
	}
	s, err := Open([]string{in("no such file"), image, in("alone.001"), image}, Options{KeepGoing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if len(s.Sources) != 4 || len(s.Volumes) != 8 || s.Sources[0].Err == nil || s.Sources[1].Err != nil || s.Sources[2].Err != nil || !errors.Is(s.Sources[3].Err, ErrSameSource) {
		t.Errorf("%+v", s.Sources)
	}
}

func TestClose(t *testing.T) {
	s, err := Open([]string{tempDir(t), write(t, "d.img", windowsDisk())}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Volumes[0].FS(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if _, err := s.Volumes[3].FS(); err == nil {
		t.Error("a closed source was opened")
	}
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("COLDSTATE_TESTDATA")
	if dir == "" {
		t.Skip("needs COLDSTATE_TESTDATA")
	}
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	var r io.Reader
	switch filepath.Ext(name) {
	case ".gz":
		r, err = gzip.NewReader(bytes.NewReader(b))
	case ".zip":
		var z *zip.Reader
		if z, err = zip.NewReader(bytes.NewReader(b), int64(len(b))); err == nil {
			r, err = z.File[0].Open()
		}
	case ".xz":
		xz, lerr := exec.LookPath("xz")
		if lerr != nil {
			t.Skip("needs xz")
		}
		cmd := exec.Command(xz, "-dc")
		cmd.Stdin = bytes.NewReader(b)
		out, xerr := cmd.Output()
		r, err = bytes.NewReader(out), xerr
	default:
		return b
	}
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRealSources(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"containers/dynamic.vhd.gz", "VHD image NTFS@65536+7340032"},
		{"containers/fixed.vhdx.gz", "VHDX image NTFS@65536+7340032"},
		{"containers/gpt-windows-skeleton.vhdx.zip", "VHDX image NTFS@65536+3145728"},
		{"containers/sparse-ext2.vmdk", "VMDK image ext@0+102400"},
		{"ntfs/velociraptor-test.ntfs.dd.E01", "E01 image NTFS@"},
		{"ntfs/windows_volume.qcow2", "QCOW2 image NTFS@0+"},
		{"wim/LZX.wim", "WIM file WIM image@0+0"},
		{"wim/MultiImage.wim", "WIM file WIM image@0+0 WIM image@0+0 WIM image@0+0"},
		{"ntfs/mbr-ntfs-index.raw.gz", "disk image NTFS@65536+30408704"},
		{"ntfs/testfs1.img.xz", "volume image NTFS@0+"},
		{"ntfs/util-linux-ntfs.img.xz", "volume image NTFS@0+"},
		{"bitlocker/bitlk-aes-xts-128.img.xz", "volume image BitLocker@0+104857600"},
		{"bitlocker/bitlk-togo-aes-cbc-128.img.xz", "volume image BitLocker@0+"},
		{"partitions/gpt-512-3p.raw.gz", "disk image unknown@17408+15872 unknown@33280+32768 unknown@66048+965632"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			src, err := detectBytes(testdata(t, tt.file), "x")
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = kinds(src)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// An image that is cut anywhere is a source with fewer volumes, or an error;
// never a panic, and never a volume outside of the file.
func TestTruncated(t *testing.T) {
	images := map[string][]byte{"disk": windowsDisk()}
	if os.Getenv("COLDSTATE_TESTDATA") != "" {
		images["mbr-ntfs-index"] = testdata(t, "ntfs/mbr-ntfs-index.raw.gz")
		images["gpt"] = testdata(t, "partitions/gpt-512-3p.raw.gz")
	}
	for name, b := range images {
		cuts := []int{0, 1, 2, 511, 512, 513, 1023, 1024, 4095, 4096, 32768, 65535, 65536, 65537, 66048, 66560, len(b) - 1, len(b)}
		for i := range 40 {
			cuts = append(cuts, len(b)*i/40, len(b)*i/40/512*512)
		}
		for _, n := range cuts {
			src, err := detectBytes(b[:n], name)
			useSource(t, src, err)
		}
	}
}

// useSource looks at everything that a source offers.
func useSource(t *testing.T, src *Source, err error) {
	t.Helper()
	if err != nil {
		var se *SourceError
		if !errors.As(err, &se) || err.Error() == "" || src != nil {
			t.Fatalf("%v, %v", err, src)
		}
		return
	}
	for i, v := range src.Volumes {
		v.Source, v.Number = src, i+1
		if v.Kind == "" || v.Offset < 0 || v.Size < 0 || v.Offset > src.Size || v.Size > src.Size-v.Offset {
			t.Fatalf("%+v of %d bytes", v, src.Size)
		}
		fs, err := v.FS()
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without text")
			}
			continue
		}
		if kids, err := fs.Children(fs.Root()); err == nil {
			for _, k := range kids[:min(len(kids), 100)] {
				fs.Name(k)
				_, _ = fs.Info(k)
			}
		}
		if err := fs.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(diskBytes(3072, []mbrEntry{{7, 1, 4}, {5, 5, 1}}, map[int][]byte{512: ntfsBoot(4)}))
	f.Add(append(ntfsBoot(4), make([]byte, 1536)...))
	f.Add(fatBoot())
	f.Add(at(3, "-FVE-FS-"))
	f.Add(at(0, "QFI\xFB"))
	f.Add(at(1024+56, "\x53\xEF"))
	f.Add(at(0, "regf"))
	f.Add(append(diskBytes(1536, []mbrEntry{{0xEE, 1, 7}}, nil), at(0, "conectix\x00\x00")...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		src, err := detectBytes(b, "x")
		useSource(t, src, err)
	})
}

// A disk that is shorter than its partitions is told with both sizes, and so
// is a container whose file ends early.
func TestCutSource(t *testing.T) {
	dir := t.TempDir()
	disk := make([]byte, 8<<20)
	copy(disk[446:], []byte{0, 0, 0, 0, 7, 0, 0, 0})
	binary.LittleEndian.PutUint32(disk[446+8:], 2048)
	binary.LittleEndian.PutUint32(disk[446+12:], 20<<11)
	disk[510], disk[511] = 0x55, 0xAA
	path := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(path, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := Open([]string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	src := set.Sources[0]
	if c := src.Cut; c == nil || *c != (Cut{Path: path, Size: 8 << 20, Need: 21 << 20}) {
		t.Errorf("%+v", src.Cut)
	}
	if said := strings.Join(src.Problems, "\n"); !strings.Contains(said, "the disk is cut short: it has 8388608 bytes, and its partitions need 22020096;") {
		t.Error(said)
	}
}
