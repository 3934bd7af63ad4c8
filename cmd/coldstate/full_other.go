//go:build !windows

package main

import (
	"errors"
	"syscall"
)

// isFull says whether err means that the destination has no room left.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
