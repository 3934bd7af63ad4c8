// Package volumes finds the file systems on disks, in disk images and in host
// folders, and opens them. It only reads.
//
// What a path is comes from its content, never from its name. A volume that
// cannot be read is still a volume, with its number and the reason: the disks
// of a machine are told whole.
package volumes

import (
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/coldstate/coldstate/volumes/bitlocker"
	"github.com/coldstate/coldstate/volumes/fat"
	"github.com/coldstate/coldstate/volumes/image"
	"github.com/coldstate/coldstate/volumes/ldm"
	"github.com/coldstate/coldstate/volumes/medium"
	"github.com/coldstate/coldstate/volumes/ntfs"
	"github.com/coldstate/coldstate/volumes/partition"
	"github.com/coldstate/coldstate/volumes/wim"
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

// Cut says how many bytes there are of how many.
type Cut = image.Cut

// Kinds of sources. An image in a container is named by its format: "VHD image",
// "VHDX image", "VMDK image", "QCOW2 image", "VDI image", "E01 image", "split raw
// image"; whether it holds a partition table is told by Source.Table.
const (
	DiskImage   = "disk image"   // a raw file with a partition table
	VolumeImage = "volume image" // a raw file that is one volume
	WIMFile     = "WIM file"     // each image in it is a volume
	Device      = "device"
	Folder      = "folder"
)

// Kinds of volumes that a program may want to tell apart. Others are named by
// what they are: "ext", "Linux swap", "Storage Spaces".
const (
	NTFS       = "NTFS"
	FAT        = "FAT"
	ExFAT      = "exFAT"
	ReFS       = "ReFS"
	BitLocker  = "BitLocker"
	WIMImage   = "WIM image"
	HostFolder = "folder"
	Unknown    = "unknown"
)

// Options say how sources are opened; the zero value is good.
type Options struct {
	// KeepGoing makes a path that cannot be opened a Source with Err set,
	// instead of the end of Open. It is for lists that nobody typed: a card
	// reader without a card is among the disks of a machine.
	KeepGoing bool
	// Unlock are tried on volumes that BitLocker has locked.
	Unlock []bitlocker.Secret
	// Ask, when not nil, is asked for a further secret as long as none opens a
	// volume; ok is false to leave it locked. The error says what opens it.
	// Calls do not overlap. What it gives is tried on the volumes after it too.
	Ask func(v *Volume, locked error) (s bitlocker.Secret, ok bool)
	// MapFiles[i] is the map file of GNU ddrescue that belongs to the i-th
	// path. "" looks for one beside an image, "-" takes none.
	MapFiles []string
	// Medium, when not nil, is asked for each disk or image before anything is
	// read: it may put a reader of its own in the place of r, and change how
	// failing reads are treated. It is for tests of failing disks.
	Medium func(path string, r io.ReaderAt, size int64, opt *medium.Options) io.ReaderAt
}

// Set is an open set of sources: the disks of one machine.
type Set struct {
	Sources []*Source
	// Volumes are those of all sources, in order; Volumes[i].Number is i+1.
	Volumes []*Volume
}

// Source is one path that was given to Open.
type Source struct {
	Path string // as it was given
	// Kind is "disk image", "volume image", "device", "folder" or "WIM file", for
	// an image in a container "VHDX image" and its like; "" when Err is set.
	Kind string
	// Size is the size of the disk in bytes, 0 for folders.
	Size int64
	// Files are the files that are read besides Path: pieces, extents,
	// segments and parents of an image.
	Files []string
	// Table is the partition table, nil for bare volumes and folders.
	Table *partition.Table
	// Volumes are those that begin on the source.
	Volumes  []*Volume
	Problems []string
	// Notes says which parents of an image are read.
	Notes []string
	// Cut is the file of an image that ends too early, or the disk or raw image
	// that is shorter than its partitions; nil when none was seen to be.
	Cut *Cut
	// Dynamic is set for a disk of a group of dynamic disks, nil for others.
	Dynamic *DynamicDisk
	// Map is the path of the map file of an image, "" when there is none, and
	// Unread the number of bytes that it does not call good.
	Map    string
	Unread int64
	// Err says why the source could not be opened (Options.KeepGoing).
	Err error

	reader io.ReaderAt
	closer io.Closer
	medium *medium.Reader // what reader is, or stands on; nil for folders
	sector int            // logical sector size, 0 when the source does not tell
	ldm    *ldm.Disk
	ldmErr error     // why a dynamic disk has no ldm
	wim    *wim.File // nil for all but WIM files
}

// Volume is a part of a source, or of several dynamic disks, that may hold a
// file system.
type Volume struct {
	// Number counts from 1 over all sources in order and then by offset,
	// unreadable volumes included.
	Number    int
	Source    *Source
	Partition *partition.Partition // nil for bare volumes, folders and volumes of dynamic disks
	// Offset and Size are bytes of the source; 0 for folders and for images in
	// WIM files. The offset of a volume of dynamic disks is that of its first
	// piece on a disk that was given, 0 when none was.
	Offset, Size int64
	// Kind is what the volume holds: "NTFS", "BitLocker", "folder", "unknown" …
	// It is "BitLocker" for one that BitLocker keeps, until FS has unlocked it:
	// then it is what is inside.
	Kind string
	// Encryption is how BitLocker keeps the volume; nil for other volumes,
	// before FS was called, and where its metadata cannot be read.
	Encryption *Encryption
	// HostPath is the folder of the host that is the root, "" for disks.
	HostPath string
	// Hint is the name of the Windows folder below the root when the source
	// was given as that folder, "" otherwise.
	Hint string
	// DynamicID is the GUID of a volume of dynamic disks, in the byte order that
	// it has behind "DMIO:ID:" in MountedDevices; zero for other volumes.
	DynamicID [16]byte
	// Dynamic is how a volume of dynamic disks lies on them, nil for others.
	Dynamic *Dynamic
	// Image is what a WIM file says of this image in it, nil for other volumes.
	Image *wim.Image

	reason error // why a volume of kindLDM cannot be read

	keys  *keys
	plain io.ReaderAt // what is inside an unlocked BitLocker volume

	once sync.Once
	fs   FS
	err  error
}

// FS opens the file system on first use and keeps it; Set.Close closes it. The
// error is a *VolumeError that says why the volume cannot be read.
func (v *Volume) FS() (FS, error) {
	v.once.Do(func() { v.fs, v.err = v.open() })
	return v.fs, v.err
}

func (v *Volume) open() (FS, error) {
	if v.Kind == BitLocker {
		if err := v.openLocked(); err != nil {
			return nil, err
		}
	}
	switch v.Kind {
	case HostFolder:
		fs, err := openFolder(v.HostPath)
		if err != nil {
			return nil, &VolumeError{Volume: v, Err: err}
		}
		return fs, nil
	case NTFS:
		fs, err := ntfs.Open(v.Reader(), v.Size, ntfs.Options{})
		if v.gone() {
			err = ErrGone // what was read before is not the volume
		}
		if err != nil {
			return nil, &VolumeError{Volume: v, Err: err}
		}
		return fs, nil
	case FAT:
		fs, err := fat.Open(v.Reader(), v.Size)
		if err != nil {
			return nil, &VolumeError{Volume: v, Err: err, Hint: "when it is no FAT volume, or a very damaged one, it can only be copied as a whole"}
		}
		return fs, nil
	case WIMImage:
		fs, err := v.Source.wim.Image(v.Image.Number)
		if err != nil {
			return nil, &VolumeError{Volume: v, Err: err}
		}
		return fs, nil
	}
	err := &VolumeError{Volume: v, Err: ErrUnsupported, Hint: "only NTFS and FAT volumes can be read"}
	switch v.Kind {
	case ExFAT, ReFS:
		err.Hint = "mount it and give the folder as source"
	case partition.TypeLDMMetadata:
		err.Hint = "it holds no files"
	case kindLDM:
		err.Hint = "start a Windows that assembles it, and give the drive it gets as source"
		if v.reason != nil {
			err.Err = v.reason
		}
		if missing, ok := errors.AsType[*ldm.MissingError](v.reason); ok {
			err.Hint = "add the disk as a further SOURCE"
			if len(missing.Disks) > 1 {
				err.Hint = "add the disks as further SOURCEs"
			}
		}
	case kindSpaces:
		err.Hint = "start a Windows that assembles it, and give the drive it gets as source"
	case Unknown:
		err.Err = errUnknown
		err.Hint = "when there should be a Windows on it, it is encrypted by another product, or its start is overwritten"
	}
	return nil, err
}

// Starts says whether the volume is there for machines to start from, an EFI
// system partition, and holds nothing of people.
func (v *Volume) Starts() bool { return v.Partition != nil && v.Partition.Type == partition.TypeEFI }

// HoldsFiles says whether the volume is of a kind that a Windows keeps files
// of people on, readable here or not.
func (v *Volume) HoldsFiles() bool {
	switch v.Kind {
	case NTFS, FAT, ExFAT, ReFS, BitLocker, WIMImage, HostFolder, kindLDM, kindSpaces:
		return true
	}
	return false
}

// Reader returns the bytes of the volume, nil for folders, for images in WIM
// files and for volumes of dynamic disks that cannot be put together.
// The bytes of a BitLocker volume are the encrypted ones until FS has unlocked it.
func (v *Volume) Reader() *io.SectionReader {
	if v.plain != nil {
		return io.NewSectionReader(v.plain, 0, v.Size)
	}
	if v.Image != nil {
		return nil
	}
	if v.Dynamic != nil {
		if v.Dynamic.reader == nil {
			return nil
		}
		return io.NewSectionReader(v.Dynamic.reader, 0, v.Size)
	}
	if v.Source == nil || v.Source.reader == nil {
		return nil
	}
	return io.NewSectionReader(v.Source.reader, v.Offset, v.Size)
}

// Open opens image files, devices and folders of the host: the disks of one
// machine. Its errors are *SourceError.
func Open(paths []string, opt Options) (*Set, error) {
	s := new(Set)
	var seen []identity
	for i, path := range paths {
		src, id, err := openSource(path, opt.source(i))
		if err == nil {
			for i, other := range seen {
				if same := overlap(other, id, s.Sources[i].Path); same != nil {
					hint := "name each disk or folder once"
					if errors.Is(same, ErrOverlap) {
						hint = "give the whole, or the part that is wanted"
					}
					err = &SourceError{Path: path, Err: same, Hint: hint}
					src.close()
					break
				}
			}
		}
		if err != nil && !opt.KeepGoing {
			return nil, errors.Join(err, s.Close())
		}
		if err != nil {
			src = &Source{Path: path, Err: err}
		}
		seen = append(seen, id)
		s.Sources = append(s.Sources, src)
	}
	s.assemble()
	k := &keys{secrets: slices.Clone(opt.Unlock), ask: opt.Ask}
	for _, v := range s.Volumes {
		v.keys = k
	}
	return s, nil
}

// Close closes the file systems and the sources. Nothing that came from them
// may be used after.
func (s *Set) Close() error {
	var errs []error
	for _, v := range s.Volumes {
		// A volume that nobody has opened stays closed.
		v.once.Do(func() { v.err = &VolumeError{Volume: v, Err: errClosed} })
		if v.fs != nil {
			errs = append(errs, v.fs.Close())
		}
	}
	for _, src := range s.Sources {
		errs = append(errs, src.close())
	}
	return errors.Join(errs...)
}

func (src *Source) close() error {
	if src.closer == nil {
		return nil
	}
	err := src.closer.Close()
	src.closer = nil
	return err
}
