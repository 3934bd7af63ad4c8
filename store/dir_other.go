//go:build !windows

package store

import (
	"errors"
	"os"
	"syscall"
)

// syncFolder makes the names in a folder durable. File systems that refuse to
// sync a folder (EINVAL on some network shares) have nothing to offer.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
