//go:build linux

package volumes

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// tool finds a program, also where only root looks.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		p := filepath.Join(dir, name)
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return p
		}
	}
	t.Skipf("needs %s", name)
	return ""
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestFolderNames(t *testing.T) {
	dir := tempDir(t)
	// Not UTF-8, a lone surrogate, a backslash, a trailing dot, names that
	// differ only in case.
	names := []string{"latin1 \xe4", "surrogate \xed\xa0\x80", `back\slash`, "dot.", "Case", "CASE", "case", "*?<>|\"", "con"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, fs := openOne(t, dir)
	checkFS(t, fs)
	kids, err := fs.Children(fs.Root())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range kids {
		s, err := fs.Open(k, "")
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, s.Size())
		if _, err := s.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		if string(b) != fs.Name(k) {
			t.Errorf("%q holds %q", fs.Name(k), b)
		}
		got = append(got, fs.Name(k))
	}
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("got  %q\nwant %q", got, names)
	}
	for path, want := range map[string]string{"case": "case", "Case": "Case", "CASE": "CASE", "cASE": "CASE"} {
		if e, err := fs.Lookup(path); err != nil || fs.Name(e) != want {
			t.Errorf("Lookup(%q) = %q, %v, want %q", path, fs.Name(e), err, want)
		}
	}
}

// Paths that are longer than the kernel takes in one call.
func TestFolderLongPaths(t *testing.T) {
	dir := tempDir(t)
	name := strings.Repeat("n", 250)
	fd, err := unix.Open(dir, unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	const depth = 60
	for range depth {
		if err := unix.Mkdirat(fd, name, 0o700); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, name, unix.O_DIRECTORY, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		fd = next
	}
	file, err := unix.Openat(fd, "file", unix.O_CREAT|unix.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(file, []byte("deep")); err != nil {
		t.Fatal(err)
	}
	unix.Close(file)
	unix.Close(fd)
	_, fs := openOne(t, dir)
	seen := checkFS(t, fs)
	if o := seen[strings.Repeat(name+`\`, depth)+"file"]; o.Size != 4 || len(seen) != depth+2 {
		t.Errorf("%d objects, file %+v", len(seen), o)
	}
}

// What is neither file, folder nor link is told, and opening it does not wait.
func TestFolderPipe(t *testing.T) {
	dir := tempDir(t)
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, fs := openOne(t, dir)
	e, i := lookup(t, fs, "pipe")
	if i.Damage == "" {
		t.Errorf("%+v", i)
	}
	if _, err := fs.Open(e, ""); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
	if _, err := Open([]string{filepath.Join(dir, "pipe")}, Options{}); !errors.Is(err, ErrNotDisk) {
		t.Error(err)
	}
	if _, err := Open([]string{"/dev/null"}, Options{}); !errors.Is(err, ErrNotDisk) {
		t.Error(err)
	}
}

// Reading leaves the access times of the source alone.
func TestFolderAccessTime(t *testing.T) {
	dir := tempDir(t)
	makeTree(t, dir, map[string]string{"a": "a"})
	old := unix.NsecToTimespec(1e18)
	for _, p := range []string{dir, filepath.Join(dir, "a")} {
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, p, []unix.Timespec{old, unix.NsecToTimespec(15e17)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	_, fs := openOne(t, dir)
	checkFS(t, fs)
	for _, path := range []string{"", "a"} {
		if _, i := lookup(t, fs, path); i.Accessed.Time().Unix() != 1e9 || i.Modified.Time().Unix() != 15e8 {
			t.Errorf("%q: accessed %v, modified %v", path, i.Accessed, i.Modified)
		}
	}
}

func TestLocalDisks(t *testing.T) {
	sys := tempDir(t)
	for name, size := range map[string]string{
		"sda": "1000", "sdb": "0", "sdaa": "5", "nvme10n1": "7", "nvme2n1": "7", "loop0": "8", "ram1": "9", "zram0": "1", "sr0": "2",
		"mmcblk0": "3", "mmcblk0boot0": "4", "dm-0": "5", "md126": "6", "cciss!c0d0": "7", "fd0": "8", "vda": "garbage",
	} {
		makeTree(t, sys, map[string]string{name + "/size": size + "\n"})
	}
	got, err := localDisks(sys, "/dev")
	want := []string{"/dev/cciss/c0d0", "/dev/md126", "/dev/mmcblk0", "/dev/nvme2n1", "/dev/nvme10n1", "/dev/sda", "/dev/vda", "/dev/sdaa"}
	slices.Sort(want)
	sorted := slices.Clone(got)
	slices.Sort(sorted)
	if err != nil || !slices.Equal(sorted, want) {
		t.Errorf("got  %q, %v\nwant %q", got, err, want)
	}
	for _, order := range [][2]string{{"/dev/nvme2n1", "/dev/nvme10n1"}, {"/dev/sda", "/dev/sdaa"}} {
		if slices.Index(got, order[0]) > slices.Index(got, order[1]) {
			t.Errorf("%s comes after %s", order[0], order[1])
		}
	}
	if _, err := localDisks(filepath.Join(sys, "nothing"), "/dev"); err == nil {
		t.Error("a system without a list of disks has none")
	}
	if _, err := LocalDisks(); err != nil {
		t.Logf("this machine: %v", err)
	}
}

func TestBlockDevice(t *testing.T) {
	losetup := tool(t, "losetup")
	image := write(t, "disk.img", windowsDisk())
	out, err := exec.Command(losetup, "--find", "--show", "--read-only", image).Output()
	if err != nil {
		t.Skipf("needs a loop device: %v", err)
	}
	dev := strings.TrimSpace(string(out))
	defer exec.Command(losetup, "--detach", dev).Run()
	s, err := Open([]string{dev}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want, err := detectBytes(windowsDisk(), "x")
	if err != nil {
		t.Fatal(err)
	}
	want.Kind = Device
	if got := kinds(s.Sources[0]); got != kinds(want) || s.Sources[0].Size != want.Size {
		t.Errorf("got  %s\nwant %s", got, kinds(want))
	}
	other := filepath.Join(tempDir(t), "disk")
	if err := os.Symlink(dev, other); err != nil {
		t.Fatal(err)
	}
	if _, err := Open([]string{dev, other}, Options{}); !errors.Is(err, ErrSameSource) {
		t.Errorf("one device by two names: %v", err)
	}
}

// ntfsVolume makes an NTFS image and mounts it with ntfs-3g, twice: fill
// writes to it, and after that it is mounted read-only at the path returned.
func ntfsVolume(t *testing.T, fill func(dir string)) (image, dir string) {
	t.Helper()
	mkntfs, ntfs3g, umount := tool(t, "mkntfs"), tool(t, "ntfs-3g"), tool(t, "umount")
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount with ntfs-3g")
	}
	tmp := tempDir(t)
	image, dir = filepath.Join(tmp, "ntfs.img"), filepath.Join(tmp, "mnt")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 64<<20); err != nil {
		t.Fatal(err)
	}
	run(t, mkntfs, "-q", "-F", "-L", "Test", image)
	mount := func(options string) {
		t.Helper()
		if out, err := exec.Command(ntfs3g, "-o", options, image, dir).CombinedOutput(); err != nil {
			t.Skipf("needs ntfs-3g to mount: %v\n%s", err, out)
		}
	}
	mount("streams_interface=xattr")
	fill(dir)
	run(t, umount, dir)
	mount("ro,streams_interface=xattr")
	t.Cleanup(func() { exec.Command(umount, "-l", dir).Run() })
	return image, dir
}

// setXattr writes what ntfs-3g turns into streams and attributes.
func setXattr(t *testing.T, path, name string, value []byte) {
	t.Helper()
	if err := unix.Lsetxattr(path, name, value, 0); err != nil {
		t.Fatalf("%s %s: %v", path, name, err)
	}
}

// junction is the reparse data of a junction ([MS-FSCC] 2.1.2.5).
func junction(target string) []byte {
	sub := wstr.AppendUTF16LE(nil, `\??\`+target)
	print := wstr.AppendUTF16LE(nil, target)
	le := binary.LittleEndian
	var b []byte
	b = le.AppendUint32(b, winfs.TagMountPoint)
	b = le.AppendUint16(b, uint16(8+len(sub)+2+len(print)+2))
	b = le.AppendUint16(b, 0)
	for _, n := range []int{0, len(sub), len(sub) + 2, len(print)} {
		b = le.AppendUint16(b, uint16(n))
	}
	b = append(append(b, sub...), 0, 0)
	return append(append(b, print...), 0, 0)
}

// One volume through the host's ntfs-3g and through package ntfs.
func TestAgainstNTFS(t *testing.T) {
	when := []byte{0x01, 0xD5, 0xEE, 0xFB, 1, 2, 3, 4}
	image, dir := ntfsVolume(t, func(dir string) {
		makeTree(t, dir, map[string]string{
			"Windows/System32/config/SOFTWARE": "regf",
			"Users/Ann/empty":                  "",
			"Users/Ann/small":                  "resident",
			"Users/Ann/big":                    strings.Repeat("not resident ", 100000),
			"Users/Ann/Äöü 😀":                  "x",
			"Users/Ann/surrogate \xed\xa0\x80": "y",
			"Users/Ann/junction/":              "",
			"Users/Ann/onedrive/":              "",
		})
		for i := range 300 {
			makeTree(t, dir, map[string]string{fmt.Sprintf("many/file number %d", i): strings.Repeat("m", i*7)})
		}
		small := filepath.Join(dir, "Users/Ann/small")
		setXattr(t, small, "user.stream", []byte("a stream"))
		setXattr(t, small, "user.Zone.Identifier", []byte("[ZoneTransfer]\r\nZoneId=3\r\n"))
		setXattr(t, filepath.Join(dir, "Users"), "user.on a folder", bytes.Repeat([]byte("s"), 5000))
		setXattr(t, small, "system.ntfs_attrib_be", []byte{0, 0, 0, 0x27})
		setXattr(t, small, "system.ntfs_times_be", bytes.Repeat(when, 4))
		if err := os.Link(small, filepath.Join(dir, "Users/second name")); err != nil {
			t.Fatal(err)
		}
		setXattr(t, filepath.Join(dir, "Users/Ann/big"), "system.ntfs_dos_name", []byte("BIG~1"))
		setXattr(t, filepath.Join(dir, "Users/Ann/junction"), "system.ntfs_reparse_data", junction(`C:\Windows`))
		f, err := os.Create(filepath.Join(dir, "Users/Ann/sparse"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt([]byte("end"), 5<<20); err != nil {
			t.Fatal(err)
		}
	})
	v, host := openOne(t, dir)
	if v.Kind != HostFolder {
		t.Errorf("kind %s", v.Kind)
	}
	seen := checkFS(t, host)
	if o := seen[`Users\Ann\small`]; o.Streams == "" || o.Links != 2 {
		t.Errorf("%+v", o)
	}
	if o := seen[`Users\Ann\big`]; o.Links != 1 {
		t.Errorf("an 8.3 name counts as a link: %+v", o)
	}
	if o := seen[`Users\Ann\junction`]; o.Reparse != winfs.TagMountPoint || !o.Dir {
		t.Errorf("%+v", o)
	}
	e, i := lookup(t, host, `users\ann\SMALL`)
	want := wstr.Filetime(binary.BigEndian.Uint64(when))
	if i.Attr != 0x27 || i.Created != want || i.Modified != want || i.Accessed != want {
		t.Errorf("%+v", i)
	}
	if sd, err := host.Security(e); err != nil || len(sd) < 20 || sd[0] != 1 {
		t.Errorf("descriptor %x, %v", sd, err)
	}
	e, _ = lookup(t, host, `Users\Ann\junction`)
	if b, err := host.Reparse(e); err != nil || !bytes.Equal(b, junction(`C:\Windows`)) {
		t.Errorf("%x, %v", b, err)
	}
	if kids, err := host.Children(e); err != nil || len(kids) > 0 {
		t.Errorf("a junction was entered: %v, %v", kids, err)
	}

	raw, fs := openOne(t, image)
	if raw.Kind != NTFS || raw.Source.Kind != VolumeImage {
		t.Errorf("%s, %s", raw.Kind, raw.Source.Kind)
	}
	all := checkFS(t, fs)
	for path := range all {
		// ntfs-3g hides the files of the file system itself.
		if strings.HasPrefix(path, "$") {
			delete(all, path)
		}
	}
	compare(t, seen, all, "the host", "package ntfs")
	for path := range seen {
		a, ia := lookup(t, host, path)
		b, ib := lookup(t, fs, path)
		if ia.Attr != ib.Attr || ia.Created != ib.Created || ia.Modified != ib.Modified || ia.Changed != ib.Changed {
			t.Errorf("%q:\nhost %+v\nntfs %+v", path, ia, ib)
		}
		sa, err := host.Security(a)
		if err != nil {
			t.Fatal(err)
		}
		if sb, err := fs.Security(b); err != nil || !bytes.Equal(sa, sb) {
			t.Errorf("%q: descriptors differ, %v\nhost %x\nntfs %x", path, err, sa, sb)
		}
	}
}

// What ntfs-3g cannot show is told, not left out.
func TestNTFS3GHides(t *testing.T) {
	cloud := append(binary.LittleEndian.AppendUint32(nil, 0x9000601A), 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	image, dir := ntfsVolume(t, func(dir string) {
		makeTree(t, dir, map[string]string{"OneDrive/": "", "file": "cloud", "long": "", "plain": "x"})
		setXattr(t, filepath.Join(dir, "OneDrive"), "system.ntfs_reparse_data", cloud)
		setXattr(t, filepath.Join(dir, "file"), "system.ntfs_reparse_data", cloud)
		setXattr(t, filepath.Join(dir, "long"), "user.short", []byte("s"))
	})
	ntfs3g, umount := tool(t, "ntfs-3g"), tool(t, "umount")
	run(t, umount, dir)
	run(t, ntfs3g, "-o", "streams_interface=windows", image, dir)
	long := bytes.Repeat([]byte("long"), 50000)
	err := os.WriteFile(filepath.Join(dir, "long:stream"), long, 0o600)
	run(t, umount, dir)
	if err != nil {
		t.Fatal(err)
	}
	run(t, ntfs3g, "-o", "ro,streams_interface=xattr", image, dir)

	_, host := openOne(t, dir)
	e, i := lookup(t, host, "OneDrive")
	if i.Reparse != 0x9000601A || !i.IsDir() {
		t.Errorf("%+v", i)
	}
	if _, err := host.Children(e); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a folder whose children are hidden: %v", err)
	}
	e, i = lookup(t, host, "file")
	if i.Reparse != 0x9000601A || i.Damage == "" {
		t.Errorf("%+v", i)
	}
	if _, err := host.Open(e, ""); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a file whose content is hidden: %v", err)
	}
	e, i = lookup(t, host, "long")
	if i.Streams != 2 {
		t.Errorf("%+v", i)
	}
	if _, err := host.Open(e, "stream"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a stream that is too long for the host: %v", err)
	}
	if s, err := host.Open(e, "short"); err != nil || s.Size() != 1 {
		t.Errorf("%v", err)
	}

	_, fs := openOne(t, image)
	e, _ = lookup(t, fs, "long")
	s, err := fs.Open(e, "stream")
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(long))
	if _, err := s.ReadAt(got, 0); err != nil && err != io.EOF || !bytes.Equal(got, long) {
		t.Errorf("package ntfs reads the stream wrong: %v", err)
	}
}

// compare tells what differs between two views.
func compare(t *testing.T, a, b map[string]object, nameA, nameB string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(a)) {
		if o, ok := b[path]; !ok {
			t.Errorf("%q is only in %s", path, nameA)
		} else if o != a[path] {
			t.Errorf("%q:\n%s %+v\n%s %+v", path, nameA, a[path], nameB, o)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[path]; !ok {
			t.Errorf("%q is only in %s", path, nameB)
		}
	}
}

// fakeSys is a part of /sys: files by name, and links whose names end in "@".
func fakeSys(t *testing.T, entries map[string]string) string {
	t.Helper()
	sys := t.TempDir()
	for name, content := range entries {
		link := strings.HasSuffix(name, "@")
		name = filepath.Join(sys, strings.TrimSuffix(name, "@"))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if link {
			err = os.Symlink(filepath.Join(sys, content), name)
		} else {
			err = os.WriteFile(name, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return sys
}

// What a device is a part of, as the kernel tells it.
func TestDeviceParts(t *testing.T) {
	image := write(t, "disk.img", windowsDisk())
	sys := fakeSys(t, map[string]string{
		"dev/block/8:0@": "devices/ata1/block/sda", "devices/ata1/block/sda/dev": "8:0\n",
		"dev/block/8:1@": "devices/ata1/block/sda/sda1", "devices/ata1/block/sda/sda1/dev": "8:1\n", "devices/ata1/block/sda/sda1/partition": "1\n",
		"dev/block/8:2@": "devices/ata1/block/sda/sda2", "devices/ata1/block/sda/sda2/dev": "8:2\n", "devices/ata1/block/sda/sda2/partition": "2\n",
		"dev/block/7:0@": "devices/virtual/block/loop0", "devices/virtual/block/loop0/dev": "7:0\n", "devices/virtual/block/loop0/loop/backing_file": image + "\n",
		"dev/block/259:0@": "devices/virtual/block/loop0/loop0p1", "devices/virtual/block/loop0/loop0p1/dev": "259:0\n", "devices/virtual/block/loop0/loop0p1/partition": "1\n",
		// kpartx on sda, and an opened BitLocker volume in it.
		"dev/block/253:0@": "devices/virtual/block/dm-0", "devices/virtual/block/dm-0/dm/uuid": "part1-mpath-1\n", "devices/virtual/block/dm-0/slaves/sda@": "devices/ata1/block/sda",
		"dev/block/253:1@": "devices/virtual/block/dm-1", "devices/virtual/block/dm-1/dm/uuid": "CRYPT-BITLK-1\n", "devices/virtual/block/dm-1/slaves/sda2@": "devices/ata1/block/sda/sda2",
	})
	fi, err := os.Stat(image)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]identity{"image": {info: fi}}
	for name, number := range map[string]string{"sda": "8:0", "sda1": "8:1", "sda2": "8:2", "loop0": "7:0", "loop0p1": "259:0", "kpartx": "253:0", "bitlk": "253:1", "unknown": "1:1"} {
		all[name] = identity{device: "device " + number, partOf: devicePartsIn(sys, "device "+number)}
	}
	var got []string
	for _, a := range slices.Sorted(maps.Keys(all)) {
		for _, b := range slices.Sorted(maps.Keys(all)) {
			err := overlap(all[a], all[b], a)
			switch {
			case a == b && !errors.Is(err, ErrSameSource) || a != b && err != nil && !errors.Is(err, ErrOverlap):
				t.Errorf("%s, %s: %v", a, b, err)
			case a != b && err != nil:
				got = append(got, b+" "+strings.TrimSuffix(err.Error(), ": "+ErrOverlap.Error()))
			}
		}
	}
	slices.Sort(got)
	if want := []string{
		"image has loop0 as a part", "image has loop0p1 as a part", "kpartx is a part of sda",
		"loop0 has loop0p1 as a part", "loop0 is a part of image", "loop0p1 is a part of image", "loop0p1 is a part of loop0",
		"sda has kpartx as a part", "sda has sda1 as a part", "sda has sda2 as a part", "sda1 is a part of sda", "sda2 is a part of sda",
	}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// The same with devices of this machine.
func TestOverlap(t *testing.T) {
	image := write(t, "disk.img", windowsDisk())
	losetup := tool(t, "losetup")
	out, err := exec.Command(losetup, "--find", "--show", "--partscan", image).CombinedOutput()
	if err != nil {
		t.Skipf("needs loop devices: %v, %s", err, out)
	}
	loop := strings.TrimSpace(string(out))
	t.Cleanup(func() { run(t, losetup, "--detach", loop) })
	_, err = Open([]string{image, loop}, Options{})
	if !errors.Is(err, ErrOverlap) || !strings.Contains(fmt.Sprint(err), loop+": is a part of "+image+": the same bytes would be there twice; ") {
		t.Error(err)
	}
	s, err := Open([]string{loop, image}, Options{KeepGoing: true})
	if err != nil || !errors.Is(s.Sources[1].Err, ErrOverlap) || len(s.Volumes) != 4 {
		t.Errorf("%v, %+v", err, s)
	}
	s.Close()
	t.Run("partitions", func(t *testing.T) {
		// Nodes of the partitions, also where nothing makes them by itself.
		var parts []string
		for i := 1; i <= 2; i++ {
			name := fmt.Sprintf("%sp%d", filepath.Base(loop), i)
			b, err := os.ReadFile(filepath.Join("/sys/class/block", name, "dev"))
			if err != nil {
				t.Skipf("needs partitions of loop devices: %v", err)
			}
			var major, minor uint32
			fmt.Sscanf(string(b), "%d:%d", &major, &minor)
			node := filepath.Join(t.TempDir(), name)
			if err := unix.Mknod(node, unix.S_IFBLK|0o600, int(unix.Mkdev(major, minor))); err != nil {
				t.Skipf("needs device nodes: %v", err)
			}
			parts = append(parts, node)
		}
		for _, paths := range [][]string{{loop, parts[0]}, {parts[0], loop}, {image, parts[1]}} {
			if _, err := Open(paths, Options{}); !errors.Is(err, ErrOverlap) {
				t.Errorf("%q: %v", paths, err)
			}
		}
		s, err := Open(parts, Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	})
}
