package medium

import (
	"errors"
	"syscall"
)

// gone says whether err tells of a device that was taken away.
func gone(err error) bool {
	for _, e := range []syscall.Errno{syscall.ENODEV, syscall.ENXIO, syscall.ENOMEDIUM, syscall.ESTALE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
