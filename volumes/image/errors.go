package image

import (
	"errors"
	"fmt"
)

// ErrUnsupported is what every *UnsupportedError is.
var ErrUnsupported = errors.New("not supported")

var (
	errCut       = errors.New("the file ends before: it was cut short")
	errChecksum  = errors.New("the checksum does not match: the image is damaged there")
	errNotPacked = errors.New("nothing is compressed here") // a mistake of ours
	errUnread    = errors.New("the disk could not be read there when the image was made")
)

// FormatError says that an image is damaged where it describes itself.
type FormatError struct {
	Path   string
	Format string // "VHDX"
	Off    int64  // in the file, -1 when it is of no one place
	Why    string
}

func (e *FormatError) Error() string {
	if e.Off < 0 {
		return fmt.Sprintf("%s: damaged %s image: %s", e.Path, e.Format, e.Why)
	}
	return fmt.Sprintf("%s: damaged %s image: offset %#x: %s", e.Path, e.Format, e.Off, e.Why)
}

// damaged is a *FormatError for f.
func (f *file) damaged(format string, off int64, why string, args ...any) error {
	return &FormatError{Path: f.name, Format: format, Off: off, Why: fmt.Sprintf(why, args...)}
}

// UnsupportedError says that an image is whole and cannot be read here. It is
// an ErrUnsupported.
type UnsupportedError struct {
	Path   string
	Format string // "QCOW2"
	// Feature completes "a QCOW2 image …": "that is encrypted with LUKS". ""
	// when no image of the format is read.
	Feature string
	Hint    string // what to do
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s: %s cannot be read", e.Path, e.What())
}

// What names the kind of image: "QCOW2 image that is encrypted with LUKS".
func (e *UnsupportedError) What() string {
	if e.Feature == "" {
		return e.Format + " image"
	}
	return e.Format + " image " + e.Feature
}

func (e *UnsupportedError) Is(target error) bool { return target == ErrUnsupported }

// MissingError says that a file which belongs to an image is not there, or is
// another one than the image says.
type MissingError struct {
	Path   string // of the image
	Format string
	Role   string // "parent", "backing file", "segment", "piece", "extent"
	Name   string // as the image has it, or as it must be
	ID     string // the UUID or content ID that the image has of it, "" for none
	Put    string // the path at which it is looked for
	// Found is a file at its place that is another one, "" when there is
	// none; FoundID is its ID.
	Found, FoundID string
	// Tried are the places at which a parent was looked for.
	Tried []Tried
}

// Tried is a place at which a file is not, and why what is there is not it.
type Tried struct{ Path, Why string }

func (e *MissingError) Error() string {
	id := ""
	if e.ID != "" {
		id = " (" + e.ID + ")"
	}
	s := fmt.Sprintf("%s: its %s %s%s is not there", e.Path, e.Role, e.Name, id)
	if e.Found != "" {
		s = fmt.Sprintf("%s: its %s %s%s is needed, but %s is another image (%s), or was changed since", e.Path, e.Role, e.Name, id, e.Found, e.FoundID)
	}
	for i, t := range e.Tried {
		if i == 0 {
			s += "; looked for as "
		} else {
			s += ", "
		}
		s += t.Path
		if t.Why != notThere && t.Path != e.Found {
			s += " (" + t.Why + ")"
		}
	}
	return s
}

// ReadError says which bytes of a disk cannot be read, and why.
type ReadError struct {
	Off, Len int64  // on the disk
	File     string // that holds them
	Pos      int64  // in the file, -1 when it holds none
	Err      error
}

func (e *ReadError) Error() string {
	if e.Pos < 0 {
		return fmt.Sprintf("bytes %d-%d of the disk in %s: %v", e.Off, e.Off+e.Len-1, e.File, e.Err)
	}
	return fmt.Sprintf("bytes %d-%d of the disk, at offset %#x of %s: %v", e.Off, e.Off+e.Len-1, e.Pos, e.File, e.Err)
}

func (e *ReadError) Unwrap() error { return e.Err }
