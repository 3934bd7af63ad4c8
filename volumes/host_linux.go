package volumes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const privilegeHint = "run it as root (sudo); in a container, allow it the device"

func hostPath(path string) string { return path }

// isDevicePath: on Linux the file itself tells that it is a device.
func isDevicePath(string) bool { return false }

// folderPath is the place of a folder without links.
func folderPath(path string) (string, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// openDir opens a folder to list it.
func openDir(path string) (*os.File, error) { return openHost(path, syscall.O_DIRECTORY) }

// deviceName is the device number: one device has many names.
func deviceName(path string, fi os.FileInfo) string {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("device %d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
	return path
}

// deviceParts lists what a block device shows the bytes of: a partition those
// of its disk, a loop device those of a file.
func deviceParts(name string) []identity { return devicePartsIn("/sys", name) }

func devicePartsIn(sys, name string) []identity {
	number, ok := strings.CutPrefix(name, "device ")
	if !ok {
		return nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(sys, "dev/block", number))
	if err != nil {
		return nil
	}
	line := func(elem ...string) string {
		b, err := os.ReadFile(filepath.Join(elem...))
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(string(b), "\n")
	}
	var parts []identity
	// Partitions by the device mapper, as kpartx makes them. Other devices of
	// it show other bytes: decrypted ones, or those of several disks.
	if strings.HasPrefix(line(dir, "dm/uuid"), "part") {
		below, _ := filepath.Glob(filepath.Join(dir, "slaves/*/dev"))
		for _, dev := range below {
			disk := "device " + line(dev)
			parts = append(append(parts, identity{device: disk}), devicePartsIn(sys, disk)...)
		}
	}
	if line(dir, "partition") != "" {
		dir = filepath.Dir(dir)
		parts = append(parts, identity{device: "device " + line(dir, "dev")})
	}
	if file := line(dir, "loop/backing_file"); file != "" {
		if fi, err := os.Stat(file); err == nil {
			parts = append(parts, identity{info: fi})
		}
	}
	return parts
}

type device struct {
	reader io.ReaderAt
	closer io.Closer
	size   int64
	sector int64       // what fails alone
	fine   io.ReaderAt // reads whole sectors around the page cache, nil when it cannot be done
}

// openDevice opens a block device. Linux reads it through the page cache, so
// any range can be read, in requests as large as the device takes, and ahead.
func openDevice(path string) (*device, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return nil, err
	}
	d := &device{reader: f, closer: f, size: size, sector: filePage}
	// The cache reads whole pages and ahead; one bad sector would take the
	// seven beside it with it.
	if direct, err := os.OpenFile(path, unix.O_DIRECT, 0); err == nil {
		d.fine, d.closer = direct, twoFiles{f, direct}
		d.sector = sectorSize(direct, size)
	}
	return d, nil
}

// noMedium says whether a device could not be opened as it is empty.
func noMedium(err error) bool { return errors.Is(err, unix.ENOMEDIUM) }

// sectorSize is the size of what a device reads or fails to read at once: its
// physical sectors, where it tells them.
func sectorSize(f *os.File, size int64) int64 {
	sector := int64(512)
	for _, ioctl := range []uint{unix.BLKSSZGET, unix.BLKPBSZGET} {
		if n, err := unix.IoctlGetInt(int(f.Fd()), ioctl); err == nil && n > int(sector) && n <= filePage && n&(n-1) == 0 && size%int64(n) == 0 {
			sector = int64(n)
		}
	}
	return sector
}

type twoFiles [2]*os.File

func (t twoFiles) Close() error { return errors.Join(t[0].Close(), t[1].Close()) }

// LocalDisks lists the paths of the disks of this machine: whole disks, also
// RAID devices made of them, without loop, RAM, optical and floppy devices.
func LocalDisks() ([]string, error) { return localDisks("/sys/block", "/dev") }

func localDisks(sys, dev string) ([]string, error) {
	list, err := os.ReadDir(sys)
	if err != nil {
		return nil, fmt.Errorf("the disks of this machine are not listed in %s: %w", sys, cause(err))
	}
	var disks []string
	for _, e := range list {
		name := e.Name()
		if slices.ContainsFunc(notDisks, func(p string) bool { return strings.HasPrefix(name, p) }) || strings.Contains(name, "boot") {
			continue
		}
		// An empty card reader is a disk of size 0.
		b, err := os.ReadFile(filepath.Join(sys, name, "size"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n == 0 {
			continue
		}
		// The kernel writes "!" for a slash in a name.
		disks = append(disks, filepath.Join(dev, strings.ReplaceAll(name, "!", "/")))
	}
	slices.SortFunc(disks, compareNumbered)
	return disks, nil
}

// notDisks begin the names of block devices that hold no Windows, or that are
// a view of another device.
var notDisks = []string{"loop", "ram", "zram", "sr", "fd", "dm-", "mtdblock"}

// compareNumbered orders names with the numbers in them: nvme2n1 before
// nvme10n1, and sdb before sdaa.
func compareNumbered(a, b string) int {
	for a != "" && b != "" {
		x, y := firstRun(a), firstRun(b)
		if x != y {
			// The longer of two numbers, or of two rows of letters that
			// begin as disks do, is the later one.
			if len(x) != len(y) && (isDigit(x[0]) && isDigit(y[0]) || x[0] == y[0] && !isDigit(x[0])) {
				return len(x) - len(y)
			}
			return strings.Compare(x, y)
		}
		a, b = a[len(x):], b[len(y):]
	}
	return len(a) - len(b)
}

// firstRun is the start of s that is all digits or all something else.
func firstRun(s string) string {
	i := 1
	for i < len(s) && isDigit(s[i]) == isDigit(s[0]) {
		i++
	}
	return s[:i]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
