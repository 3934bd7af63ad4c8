// Package volumes finds the file systems on disks, in disk images and in host
// folders, and opens them. It only reads.
package volumes

import (
	"fmt"
	"io"
	"sync"

	"github.com/coldstate/coldstate/volumes/partition"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// The vocabulary of a Windows file system, so that packages above need only
// this one.
type (
	FS         = winfs.FS
	Entry      = winfs.Entry
	FileID     = winfs.FileID
	Info       = winfs.Info
	Mode       = winfs.Mode
	Stream     = winfs.Stream
	StreamInfo = winfs.StreamInfo
	Extent     = winfs.Extent
	Medium     = winfs.Medium
	Problem    = winfs.Problem
	ReadError  = winfs.ReadError
)

// Errors of every file system.
var (
	ErrNotFound    = winfs.ErrNotFound
	ErrUnsupported = winfs.ErrUnsupported
)

// Options say how sources are opened; the zero value is good.
type Options struct{}

// Set is an open set of sources: the disks of one machine.
type Set struct {
	Sources []*Source
	// Volumes are those of all sources, in order; Volumes[i].Number is i+1.
	Volumes []*Volume
}

// Source is one path that was given to Open.
type Source struct {
	Path string
	// Kind is "disk image", "volume image", "device" or "folder".
	Kind string
	// Size is the size in bytes, 0 for folders.
	Size int64
	// Table is the partition table, nil for bare volumes and folders.
	Table    *partition.Table
	Volumes  []*Volume
	Problems []string

	r      io.ReaderAt
	closer io.Closer
}

// Volume is a part of a source that may hold a file system.
type Volume struct {
	// Number counts from 1 over all sources in order and then by offset,
	// unreadable volumes included.
	Number    int
	Source    *Source
	Partition *partition.Partition // nil for bare volumes and folders
	// Offset and Size are bytes of the source; 0 for folders.
	Offset, Size int64
	// Kind is what the volume holds: "NTFS", "FAT", "exFAT", "ReFS",
	// "BitLocker", "folder", "unknown" …
	Kind string
	// HostPath is the folder on the host that is the root, "" for disks.
	HostPath string
	// Hint is the name of the Windows folder below the root when the source
	// was given as that folder.
	Hint string

	mu   sync.Mutex
	fs   FS
	err  error
	done bool
}

// FS opens the file system on first use and keeps it. Its error says why the
// volume cannot be read.
func (v *Volume) FS() (FS, error) {
	return nil, fmt.Errorf("volume %d (%s): %w", v.Number, v.Kind, ErrUnsupported)
}

// Open opens image files, devices and folders of the host.
func Open(paths []string, opt Options) (*Set, error) {
	return &Set{}, nil
}

// Close closes the file systems and the sources.
func (s *Set) Close() error { return nil }

// LocalDisks lists the paths of the disks of this machine.
func LocalDisks() ([]string, error) { return nil, nil }
