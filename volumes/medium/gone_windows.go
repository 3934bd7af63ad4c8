package medium

import (
	"errors"

	"golang.org/x/sys/windows"
)

// gone says whether err tells of a device that was taken away.
func gone(err error) bool {
	for _, e := range []windows.Errno{
		windows.ERROR_NOT_READY, windows.ERROR_DEV_NOT_EXIST, windows.ERROR_NO_SUCH_DEVICE, windows.ERROR_FILE_INVALID,
		windows.ERROR_MEDIA_CHANGED, windows.ERROR_NO_MEDIA_IN_DRIVE, windows.ERROR_DEVICE_NOT_CONNECTED, windows.ERROR_DEVICE_REMOVED,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
