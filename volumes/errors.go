package volumes

import (
	"errors"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// Errors to branch on.
var (
	// ErrNotFound and ErrUnsupported are those of every file system.
	ErrNotFound    = winfs.ErrNotFound
	ErrUnsupported = winfs.ErrUnsupported
	// ErrNotDisk: the path is no disk, no image of one and no folder.
	ErrNotDisk = errors.New("is not a disk, a disk image or a folder")
	// ErrHive: the path is a registry file, which belongs to package hive.
	ErrHive = errors.New("is a registry hive, not a disk")
	// ErrSameSource: two paths are one file, device or folder.
	ErrSameSource = errors.New("is the same source")
	// ErrOverlap: a path is a part of another one, as a partition of its disk.
	ErrOverlap = errors.New("the same bytes would be there twice")
	// ErrLocked: the volume needs a key.
	ErrLocked = errors.New("locked by BitLocker")

	errUnknown  = fmt.Errorf("no known file system: %w", ErrUnsupported)
	errClosed   = errors.New("the source is closed")
	errNegative = errors.New("negative offset")
	errNoMedium = errors.New("no medium is in it") // a card reader without a card
)

// SourceError says why a path is no source. It wraps ErrNotDisk, ErrHive,
// ErrSameSource, ErrOverlap, *ContainerError or an error of the host.
type SourceError struct {
	Path string
	Err  error
	Hint string // what to do, "" when the error says it all
}

func (e *SourceError) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s: %v; %s", e.Path, e.Err, e.Hint)
}

func (e *SourceError) Unwrap() error { return e.Err }

// ContainerError says that a file is an image in a format that is not read.
// It is an ErrUnsupported.
type ContainerError struct {
	Format string // "QCOW2 image that is encrypted with AES"
}

func (e *ContainerError) Error() string {
	article := "a "
	if strings.HasPrefix(e.Format, "E") || strings.HasPrefix(e.Format, "L") || strings.HasPrefix(e.Format, "A") || strings.HasPrefix(e.Format, "xz") {
		article = "an " // E01, L01, AFF
	}
	return "is " + article + e.Format + ", which cannot be read yet"
}

func (e *ContainerError) Is(target error) bool { return target == ErrUnsupported }

// VolumeError says why a volume cannot be read. It wraps ErrLocked,
// ErrUnsupported, *ldm.MissingError, or an error of the file system.
type VolumeError struct {
	Volume *Volume
	Err    error
	Hint   string // what to do, "" when the error says it all
}

func (e *VolumeError) Error() string {
	v := e.Volume
	kind := v.Kind
	if v.Dynamic != nil {
		kind = v.Dynamic.String()
		if v.Kind != kindLDM {
			kind = v.Kind + ", " + kind
		}
	}
	if v.Image != nil {
		kind = fmt.Sprintf("%s %d", kind, v.Image.Number)
		if v.Image.Name != "" {
			kind += ": " + v.Image.Name
		}
	}
	s := fmt.Sprintf("volume %d (%s", v.Number, kind)
	if v.Source != nil {
		s += " in " + v.Source.Path
	}
	if v.Partition != nil {
		s += fmt.Sprintf(", partition %d at offset %d", v.Partition.Number, v.Offset)
	}
	s += "): " + e.Err.Error()
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

func (e *VolumeError) Unwrap() error { return e.Err }
