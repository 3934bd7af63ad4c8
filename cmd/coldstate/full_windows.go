package main

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isFull says whether err means that the destination has no room left.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
