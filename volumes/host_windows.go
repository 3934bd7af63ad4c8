package volumes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/coldstate/coldstate/internal/wstr"
)

const privilegeHint = "run it as administrator"

// Control codes that golang.org/x/sys/windows does not name (winioctl.h).
const (
	ioctlDiskGetLengthInfo    = 0x0007405C
	ioctlDiskGetDriveGeometry = 0x00070000
	ioctlStorageCheckVerify2  = 0x002D0800
	fsctlAllowExtendedDASDIO  = 0x00090083
)

// hostPath makes the root of a bare drive letter, which would be the current
// folder of that drive.
func hostPath(path string) string {
	if len(path) == 2 && path[1] == ':' {
		return path + `\`
	}
	return path
}

// isDevicePath: `\\.\PhysicalDrive0`, `\\.\D:`, `\\?\Volume{…}`. With more
// behind it, it is a folder or a file on the device.
func isDevicePath(path string) bool {
	path = strings.ReplaceAll(path, "/", `\`)
	rest, ok := strings.CutPrefix(path, `\\.\`)
	if !ok {
		rest, ok = strings.CutPrefix(path, `\\?\`)
		ok = ok && (len(rest) == 2 && rest[1] == ':' || len(rest) > 6 && strings.EqualFold(rest[:6], "Volume"))
	}
	return ok && rest != "" && !strings.Contains(rest, `\`)
}

func folderPath(path string) (string, error) { return filepath.Abs(path) }

func openDir(path string) (*os.File, error) { return os.Open(path) }

func deviceName(path string, _ os.FileInfo) string {
	return wstr.Upper(strings.ReplaceAll(path, "/", `\`)[4:])
}

// deviceParts: the letter of a volume and its disk may be given together, as
// behind the letter of a BitLocker volume are other bytes.
func deviceParts(string) []identity { return nil }

type device struct {
	reader io.ReaderAt
	closer io.Closer
	size   int64
	sector int64       // what fails alone
	fine   io.ReaderAt // nil: Windows reads devices without a cache
}

// handleReader reads a device or file that was opened for synchronous I/O.
// The system serialises its reads.
type handleReader struct{ h windows.Handle }

// maxDeviceRead is what one request to a driver asks for.
const maxDeviceRead = 16 << 20

func (r handleReader) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		at := uint64(off) + uint64(done)
		o := windows.Overlapped{Offset: uint32(at), OffsetHigh: uint32(at >> 32)}
		var n uint32
		err := windows.ReadFile(r.h, p[done:min(len(p), done+maxDeviceRead)], &n, &o)
		done += int(n)
		switch {
		case err == windows.ERROR_HANDLE_EOF || err == nil && n == 0:
			return done, io.EOF
		case err != nil:
			return done, err
		}
	}
	return done, nil
}

func (r handleReader) Close() error { return windows.CloseHandle(r.h) }

// Cancel ends the reads that are under way: the system does one after the
// other, and one that hangs would stop all of them.
func (r handleReader) Cancel() { windows.CancelIoEx(r.h, nil) }

// openDevice opens a disk or volume for reading in whole sectors, which is all
// that Windows allows.
func openDevice(path string) (*device, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(name, windows.GENERIC_READ, share, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return nil, err
	}
	// The last sector of a volume holds the copy of its boot sector, and is
	// behind what the file system counts. Disks refuse the call.
	_ = ioctl(h, fsctlAllowExtendedDASDIO, nil)

	var length [8]byte
	var size int64
	if err := ioctl(h, ioctlDiskGetLengthInfo, length[:]); err == nil {
		size = int64(binary.LittleEndian.Uint64(length[:]))
	} else if end, serr := windows.Seek(h, 0, io.SeekEnd); serr == nil && end > 0 {
		size = end // Wine, and drivers that make a device of a file
	} else {
		windows.CloseHandle(h)
		return nil, fmt.Errorf("size of the device: %w", err)
	}
	block := int64(512)
	var geometry [24]byte // DISK_GEOMETRY
	if ioctl(h, ioctlDiskGetDriveGeometry, geometry[:]) == nil {
		if b := int64(binary.LittleEndian.Uint32(geometry[20:])); b >= 512 && b <= alignedBuffer && b&(b-1) == 0 {
			block = b
		}
	} else if size%4096 == 0 {
		block = 4096 // whole sectors of either size
	}
	r := handleReader{h}
	return &device{reader: &aligned{r: r, size: size, block: block}, closer: r, size: size, sector: block}, nil
}

// noMedium says whether a device could not be asked as it is empty.
func noMedium(err error) bool {
	return errors.Is(err, windows.ERROR_NOT_READY) || errors.Is(err, windows.ERROR_NO_MEDIA_IN_DRIVE)
}

func ioctl(h windows.Handle, code uint32, out []byte) error {
	var p *byte
	if len(out) > 0 {
		p = &out[0]
	}
	var n uint32
	if err := windows.DeviceIoControl(h, code, nil, 0, p, uint32(len(out)), &n, nil); err != nil {
		return err
	}
	if int(n) < len(out) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// maxLocalDisks bounds the numbers that are tried: drives have no list that
// every Windows and WinPE gives.
const maxLocalDisks = 32

// LocalDisks lists the paths of the disks of this machine, without card readers
// that are empty.
func LocalDisks() ([]string, error) {
	var disks []string
	for i := range maxLocalDisks {
		path := fmt.Sprintf(`\\.\PhysicalDrive%d`, i)
		name, err := windows.UTF16PtrFromString(path)
		if err != nil {
			return nil, err
		}
		// No access is asked for: what cannot be read is a disk all the same.
		h, err := windows.CreateFile(name, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
		if err == nil {
			verr := ioctl(h, ioctlStorageCheckVerify2, nil)
			windows.CloseHandle(h)
			if noMedium(verr) {
				continue
			}
		} else if !errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
			continue
		}
		disks = append(disks, path)
	}
	return disks, nil
}
