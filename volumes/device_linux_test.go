package volumes

import (
	"bytes"
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

	"golang.org/x/sys/unix"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes/medium"
)

// loopDevice makes a block device of an image.
func loopDevice(t *testing.T, image string, sector int, args ...string) string {
	t.Helper()
	losetup := tool(t, "losetup")
	args = append([]string{"--find", "--show", "--read-only", fmt.Sprintf("--sector-size=%d", sector)}, append(args, image)...)
	out, err := exec.Command(losetup, args...).Output()
	if err != nil {
		t.Skipf("needs a loop device with sectors of %d bytes: %v", sector, err)
	}
	dev := strings.TrimSpace(string(out))
	t.Cleanup(func() { exec.Command(losetup, "--detach", dev).Run() })
	return dev
}

// A device of any sector size gives its bytes at any place, in requests of any
// size, the last sector included.
func TestDeviceReads(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(image); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	for _, sector := range []int{512, 4096} {
		dev := loopDevice(t, image, sector)
		d, err := openDevice(dev)
		if err != nil {
			t.Fatal(err)
		}
		defer d.closer.Close()
		if d.size != int64(len(want)) || d.sector != int64(sector) {
			t.Errorf("sectors of %d: %d bytes in sectors of %d", sector, d.size, d.sector)
		}
		if d.fine == nil {
			t.Fatalf("sectors of %d: not read around the cache", sector)
		}
		for name, r := range map[string]io.ReaderAt{
			"device": medium.New(d.reader, d.size, medium.Options{Sector: d.sector, Fine: d.fine, Timeout: deviceTimeout}),
			// As it is when reads of the cache fail.
			"around the cache": medium.New(failing{}, d.size, medium.Options{Sector: d.sector, Fine: d.fine, Timeout: deviceTimeout}),
		} {
			for _, c := range [][2]int64{{0, 8 << 20}, {1, 1}, {511, 2}, {12345, 70001}, {d.size - 1, 1}, {d.size - 10000, 10000}, {13<<20 - 3, 5 << 20}} {
				p := make([]byte, c[1])
				if n, err := r.ReadAt(p, c[0]); int64(n) != c[1] || err != nil || !bytes.Equal(p, want[c[0]:c[0]+c[1]]) {
					t.Errorf("%s, sectors of %d: %d bytes at %d: %d, %v", name, sector, c[1], c[0], n, err)
				}
			}
			if n, err := r.ReadAt(make([]byte, 100), d.size-10); n != 10 || err != io.EOF {
				t.Errorf("%s: at the end: %d, %v", name, n, err)
			}
		}
		for _, f := range d.closer.(twoFiles) {
			if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_ACCMODE != unix.O_RDONLY {
				t.Errorf("the device is open for more than reading: %#x, %v", flags, err)
			}
		}
		s, err := Open([]string{dev}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if len(s.Volumes) != 3 {
			t.Fatalf("%s", kinds(s.Sources[0]))
		}
		if _, err := s.Volumes[2].FS(); err != nil {
			t.Error(err)
		}
	}
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, unix.EIO }

// A partition is a device of its own.
func TestPartitionDevice(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(image); err != nil {
		t.Fatal(err)
	}
	dev := loopDevice(t, image, 512, "--partscan")
	name := filepath.Base(dev)
	number, err := os.ReadFile(filepath.Join("/sys/block", name, name+"p3", "dev"))
	if err != nil {
		t.Skipf("needs a kernel that finds partitions on loop devices: %v", err)
	}
	var major, minor uint32
	if _, err := fmt.Sscanf(string(number), "%d:%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	// Where no udev makes it.
	part := filepath.Join(t.TempDir(), "part3")
	if err := unix.Mknod(part, unix.S_IFBLK|0o600, int(unix.Mkdev(major, minor))); err != nil {
		t.Skipf("needs to make device files: %v", err)
	}
	s, err := Open([]string{part}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if v := s.Volumes[0]; len(s.Volumes) != 1 || v.Kind != NTFS || v.Size != 65536*512 || s.Sources[0].Kind != Device {
		t.Fatalf("%s", kinds(s.Sources[0]))
	}
	if _, err := s.Volumes[0].FS(); err != nil {
		t.Error(err)
	}
}

// A device with a bad sector, as the kernel has it: the sector is found, and
// nothing beside it.
func TestFailingDevice(t *testing.T) {
	dmsetup := tool(t, "dmsetup")
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(image); err != nil {
		t.Fatal(err)
	}
	dev := loopDevice(t, image, 512)
	const bad, sectors = 30001, 94208
	name := fmt.Sprintf("coldstate-test-%d", os.Getpid())
	cmd := exec.Command(dmsetup, "create", "--readonly", name)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("0 %d linear %s 0\n%d 1 error\n%d %d linear %s %d\n", bad, dev, bad, bad+1, sectors-bad-1, dev, bad+1))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("needs the device mapper: %v: %s", err, out)
	}
	defer exec.Command(dmsetup, "remove", name).Run()
	s, err := Open([]string{"/dev/mapper/" + name}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := make([]byte, 4<<20)
	s.Sources[0].reader.ReadAt(p, 14<<20)
	if got, want := s.Sources[0].Bad(), []medium.Range{{Off: bad * 512, Len: 512}}; !slices.Equal(got, want) {
		t.Errorf("bad are %v, want %v", got, want)
	}
}

// An empty card reader is said to be empty, and does not end a list of disks.
func TestNoMedium(t *testing.T) {
	for err, want := range map[error]bool{
		&fs.PathError{Op: "open", Path: "/dev/sdx", Err: unix.ENOMEDIUM}: true, unix.EACCES: false, nil: false,
	} {
		if noMedium(err) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
	// A loop device without a file is a device of no size.
	empty := ""
	for i := range 64 {
		name := fmt.Sprintf("/dev/loop%d", i)
		_, err := os.Stat(fmt.Sprintf("/sys/block/loop%d/loop", i))
		if f, oerr := os.Open(name); oerr == nil {
			f.Close()
			if errors.Is(err, os.ErrNotExist) {
				empty = name
				break
			}
		}
	}
	if empty == "" {
		t.Skip("needs a loop device that is free")
	}
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(image); err != nil {
		t.Fatal(err)
	}
	_, err := Open([]string{empty}, Options{})
	s, kerr := Open([]string{empty, image}, Options{KeepGoing: true})
	if kerr != nil {
		t.Fatal(kerr)
	}
	defer s.Close()
	if _, serr := os.Stat(filepath.Join("/sys/block", filepath.Base(empty), "loop")); serr == nil {
		t.Skip("needs a loop device that nobody else takes")
	}
	if err == nil || !strings.Contains(err.Error(), "medium") {
		t.Errorf("%v", err)
	}
	if len(s.Sources) != 2 || s.Sources[0].Err == nil || len(s.Sources[1].Volumes) != 3 {
		t.Errorf("%d sources, %v", len(s.Sources), s.Sources[0].Err)
	}
}
