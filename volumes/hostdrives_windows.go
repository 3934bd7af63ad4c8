package volumes

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/windows"
)

// More control codes (winioctl.h).
const (
	ioctlDiskGetPartitionInfoEx    = 0x00070048
	ioctlStorageGetDeviceNumber    = 0x002D1080
	partitionStyleMBR              = 0
	partitionStyleGPT              = 1
	diskSignature                  = 0x1B8 // in the first sector of an MBR disk
	partitionInfoSize, deviceIDLen = 144, 12
)

// HostDrives lists the drives of the host that are partitions of local disks,
// in the order of their letters. Drives that do not tell are left out.
func HostDrives() []HostDrive {
	mask, err := windows.GetLogicalDrives()
	if err != nil {
		return nil
	}
	var out []HostDrive
	for i := range 26 {
		if mask&(1<<i) == 0 {
			continue
		}
		if d, ok := hostDrive(byte('A' + i)); ok {
			out = append(out, d)
		}
	}
	return out
}

func hostDrive(letter byte) (d HostDrive, ok bool) {
	d.Root = string(rune(letter)) + `:\`
	root, err := windows.UTF16PtrFromString(d.Root)
	if err != nil {
		return d, false
	}
	if t := windows.GetDriveType(root); t != windows.DRIVE_FIXED && t != windows.DRIVE_REMOVABLE {
		return d, false
	}
	name, err := windows.UTF16PtrFromString(fmt.Sprintf(`\\.\%c:`, letter))
	if err != nil {
		return d, false
	}
	// No access is asked for: the questions need none.
	h, err := windows.CreateFile(name, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return d, false
	}
	defer windows.CloseHandle(h)
	le := binary.LittleEndian
	var info [partitionInfoSize]byte // PARTITION_INFORMATION_EX
	if ioctl(h, ioctlDiskGetPartitionInfoEx, info[:]) != nil {
		return d, false
	}
	d.Offset = int64(le.Uint64(info[8:]))
	switch le.Uint32(info[0:]) {
	case partitionStyleGPT:
		d.GUID = [16]byte(info[48:64])
		return d, d.GUID != [16]byte{}
	case partitionStyleMBR:
		var number [deviceIDLen]byte // STORAGE_DEVICE_NUMBER
		if ioctl(h, ioctlStorageGetDeviceNumber, number[:]) != nil {
			return d, false
		}
		disk, err := openDevice(fmt.Sprintf(`\\.\PhysicalDrive%d`, le.Uint32(number[4:])))
		if err != nil {
			return d, false
		}
		defer disk.closer.Close()
		var sector [512]byte
		if n, _ := disk.reader.ReadAt(sector[:], 0); n < len(sector) {
			return d, false
		}
		d.Signature = le.Uint32(sector[diskSignature:])
		return d, d.Signature != 0
	}
	return d, false
}
