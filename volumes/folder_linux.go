package volumes

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// hostState is what Linux tells of the file system below a folder.
type hostState struct {
	dev uint64 // of the root
	// attributes: the extended attributes of ntfs-3g and of the kernel's ntfs3
	// tell the Windows attributes.
	attributes bool
	// ntfs3g: also times, reparse data and, as "user.NAME", named streams. On
	// ntfs3 the user attributes are extended attributes of Windows.
	ntfs3g bool

	mu      sync.Mutex
	foreign map[[2]uint64]FileID // files of other devices below the root
}

// Extended attributes (ntfs-3g manual page, "Extended attributes"; Linux
// Documentation/filesystems/ntfs3.rst). The _be forms are big-endian on every
// machine.
const (
	xattrAttributes = "system.ntfs_attrib_be"
	xattrTimes      = "system.ntfs_times_be"
	xattrReparse    = "system.ntfs_reparse_data"
	xattrDOSName    = "system.ntfs_dos_name"
	xattrACL        = "system.ntfs_acl"      // ntfs-3g
	xattrSecurity   = "system.ntfs_security" // ntfs3
	xattrStream     = "user."
)

// maxXattr is the kernel's limit for the value of an extended attribute.
const maxXattr = 64 << 10

func (f *folder) hostOpen() error {
	var st unix.Statx_t
	if err := statx(f.root, &st); err != nil {
		return err
	}
	f.host.dev = unix.Mkdev(st.Dev_major, st.Dev_minor)
	f.host.attributes = len(xattr(f.root, xattrAttributes, 4)) == 4
	f.host.ntfs3g = len(xattr(f.root, xattrTimes, 32)) == 32
	f.host.foreign = map[[2]uint64]FileID{}
	return nil
}

func (f *folder) hostLabel() string { return "" }

// longPath is where a path gets too long for the kernel, which takes 4095
// bytes.
const longPath = 4000

// withPath calls fn with a path of e that the kernel takes. Windows allows
// paths many times longer; those go through an open folder on the way.
func (f *folder) withPath(e Entry, fn func(path string) error) error {
	path := f.path(e)
	if len(path) < longPath {
		return fn(path)
	}
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Open(f.root, flags, 0)
	if err != nil {
		return err
	}
	defer func() { unix.Close(fd) }()
	names := f.names(e)
	for {
		n, size := 0, 0
		for n < len(names) && size+len(names[n]) < longPath-64 {
			size += len(names[n]) + 1
			n++
		}
		rel := strings.Join(names[:n], "/")
		if names = names[n:]; len(names) == 0 {
			return fn(fmt.Sprintf("/proc/self/fd/%d/%s", fd, rel))
		}
		next, err := unix.Openat(fd, rel, flags, 0)
		if err != nil {
			return err
		}
		unix.Close(fd)
		fd = next
	}
}

// openHost opens a file or folder itself, never what it links to, and leaves
// its access time alone where that is allowed.
func openHost(path string, flags int) (*os.File, error) {
	flags |= os.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK
	file, err := os.OpenFile(path, flags|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) {
		file, err = os.OpenFile(path, flags, 0)
	}
	return file, err
}

func (f *folder) hostNames(dir Entry) (names []string, err error) {
	err = f.withPath(dir, func(path string) error {
		d, err := openHost(path, unix.O_DIRECTORY)
		if err != nil {
			// A junction has no children. Other reparse points that are
			// folders do, and ntfs-3g shows them as links that lead nowhere.
			if i, ierr := f.hostInfo(dir); ierr == nil && i.Reparse != 0 {
				if winfs.IsNameSurrogate(i.Reparse) {
					return nil
				}
				return errHidden(i.Reparse)
			}
			return err
		}
		defer d.Close()
		names, err = d.Readdirnames(-1)
		return err
	})
	return names, err
}

// errHidden is for reparse points that ntfs-3g shows as broken links.
func errHidden(tag uint32) error {
	return fmt.Errorf("the host does not show what is behind reparse tag %#08x (give the device itself as source): %w", tag, ErrUnsupported)
}

// statx is lstat with the time of creation.
func statx(path string, st *unix.Statx_t) error {
	const mask = unix.STATX_BASIC_STATS | unix.STATX_BTIME
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, mask, st)
	if err != unix.ENOSYS && err != unix.EPERM {
		return err
	}
	// Kernels before 4.11, and sandboxes that do not know the call.
	var old unix.Stat_t
	if err := unix.Lstat(path, &old); err != nil {
		return err
	}
	*st = unix.Statx_t{
		Mask: unix.STATX_BASIC_STATS, Mode: uint16(old.Mode), Nlink: uint32(old.Nlink), Ino: old.Ino,
		Size: uint64(old.Size), Blocks: uint64(old.Blocks),
		Mtime:     unix.StatxTimestamp{Sec: int64(old.Mtim.Sec), Nsec: uint32(old.Mtim.Nsec)},
		Ctime:     unix.StatxTimestamp{Sec: int64(old.Ctim.Sec), Nsec: uint32(old.Ctim.Nsec)},
		Atime:     unix.StatxTimestamp{Sec: int64(old.Atim.Sec), Nsec: uint32(old.Atim.Nsec)},
		Dev_major: unix.Major(old.Dev), Dev_minor: unix.Minor(old.Dev),
	}
	return nil
}

func filetime(t unix.StatxTimestamp) wstr.Filetime {
	const epochGap = 11644473600 // seconds from 1601 to 1970
	if t.Sec < -epochGap {
		return 0
	}
	return wstr.Filetime(uint64(t.Sec+epochGap)*1e7 + uint64(t.Nsec/100))
}

// xattr reads an extended attribute of up to max bytes, nil when there is
// none.
func xattr(path, name string, max int) []byte {
	b := make([]byte, max)
	n, err := unix.Lgetxattr(path, name, b)
	if err != nil {
		return nil
	}
	return b[:n]
}

func (f *folder) hostInfo(e Entry) (i Info, err error) {
	err = f.withPath(e, func(path string) error {
		i, err = f.infoOf(path)
		return err
	})
	return i, err
}

func (f *folder) infoOf(path string) (Info, error) {
	var st unix.Statx_t
	if err := statx(path, &st); err != nil {
		return Info{}, err
	}
	i := Info{
		File: f.fileID(&st), Start: -1, Links: 1,
		Modified: filetime(st.Mtime), Changed: filetime(st.Ctime), Accessed: filetime(st.Atime),
	}
	if st.Mask&unix.STATX_BTIME != 0 {
		i.Created = filetime(st.Btime)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		i.Attr |= winfs.AttrDirectory
	case unix.S_IFLNK:
		i.Attr |= winfs.AttrReparse
		i.Reparse = winfs.TagSymlink
		i.Links = int(st.Nlink)
	case unix.S_IFREG:
		i.Links = int(st.Nlink)
		i.Size = int64(st.Size)
		if st.Mode&0o222 == 0 {
			i.Attr |= winfs.AttrReadOnly
		}
		if i.Size > 0 && st.Blocks < (st.Size+511)/512 {
			i.Mode |= winfs.Sparse
		}
	default:
		i.Attr |= winfs.AttrSystem
		i.Damage = "is a pipe, a socket or a device of the host"
	}
	if f.host.attributes {
		f.ntfsInfo(path, &st, &i)
	}
	if i.Attr == 0 {
		i.Attr = winfs.AttrNormal
	}
	return i, nil
}

// ntfsInfo puts what the NTFS drivers tell over what every file system does.
func (f *folder) ntfsInfo(path string, st *unix.Statx_t, i *Info) {
	if b := xattr(path, xattrAttributes, 4); len(b) == 4 {
		// The type of the file is the host's to tell.
		i.Attr = binary.BigEndian.Uint32(b) | i.Attr&(winfs.AttrDirectory|winfs.AttrReparse)
	}
	if i.Attr&winfs.AttrCompressed != 0 && !i.IsDir() {
		i.Mode |= winfs.Compressed
	}
	if i.Attr&winfs.AttrEncrypted != 0 && !i.IsDir() {
		i.Mode |= winfs.Encrypted
	}
	if i.Attr&winfs.AttrSparse != 0 && st.Blocks == 0 && i.Size > 0 {
		i.Mode |= winfs.Sparse | winfs.Absent
	}
	if i.Attr&winfs.AttrSparse != 0 && !i.IsDir() && (st.Blocks == 0 || i.Attr&winfs.AttrCompressed == 0) {
		i.Missing = max(0, i.Size-int64(st.Blocks)*512)
	}
	if !f.host.ntfs3g {
		return
	}
	if b := xattr(path, xattrTimes, 32); len(b) == 32 {
		at := func(n int) wstr.Filetime { return wstr.Filetime(binary.BigEndian.Uint64(b[8*n:])) }
		i.Created, i.Modified, i.Accessed, i.Changed = at(0), at(1), at(2), at(3)
	}
	if i.Attr&winfs.AttrReparse != 0 {
		if b := xattr(path, xattrReparse, maxXattr); len(b) >= 4 {
			i.Reparse = binary.LittleEndian.Uint32(b)
			if !winfs.IsNameSurrogate(i.Reparse) && st.Mode&unix.S_IFMT == unix.S_IFLNK {
				i.Damage = errHidden(i.Reparse).Error()
			}
		}
	}
	// The record counts an 8.3 name as a link.
	if i.Links > 1 && len(xattr(path, xattrDOSName, 64)) > 0 {
		i.Links--
	}
	names, _ := streamNames(path)
	i.Streams = len(names)
}

// fileID is the inode. Files of another file system that is mounted below the
// root get numbers that no inode has.
func (f *folder) fileID(st *unix.Statx_t) FileID {
	dev := unix.Mkdev(st.Dev_major, st.Dev_minor)
	if dev == f.host.dev {
		return FileID(st.Ino)
	}
	f.host.mu.Lock()
	defer f.host.mu.Unlock()
	key := [2]uint64{dev, st.Ino}
	id, ok := f.host.foreign[key]
	if !ok {
		id = 1<<63 | FileID(len(f.host.foreign))
		f.host.foreign[key] = id
	}
	return id
}

// streamNames lists the named streams that ntfs-3g shows.
func streamNames(path string) ([]string, error) {
	size, err := unix.Llistxattr(path, nil)
	if err != nil || size == 0 {
		if err == unix.ENOTSUP {
			err = nil
		}
		return nil, err
	}
	b := make([]byte, size+1024)
	if size, err = unix.Llistxattr(path, b); err != nil {
		return nil, err
	}
	var names []string
	for name := range strings.SplitSeq(string(b[:size]), "\x00") {
		if name, ok := strings.CutPrefix(name, xattrStream); ok && name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

func (f *folder) hostStreams(e Entry) (list []StreamInfo, err error) {
	if !f.host.ntfs3g {
		return nil, nil
	}
	err = f.withPath(e, func(path string) error {
		names, err := streamNames(path)
		for _, name := range names {
			// The kernel says 64 KiB of everything longer.
			n, xerr := unix.Lgetxattr(path, xattrStream+name, nil)
			if xerr != nil {
				err = errors.Join(err, fmt.Errorf("stream %s: %w", name, xerr))
				continue
			}
			list = append(list, StreamInfo{Name: name, Size: int64(n), Start: -1})
		}
		return err
	})
	return list, err
}

func (f *folder) hostReparse(e Entry) (data []byte, err error) {
	err = f.withPath(e, func(path string) error {
		i, err := f.infoOf(path)
		if err != nil || i.Reparse == 0 {
			return err
		}
		if f.host.ntfs3g {
			if data = xattr(path, xattrReparse, maxXattr); len(data) >= 8 {
				return nil
			}
		}
		target, err := os.Readlink(path)
		if err == nil {
			data = symlinkBuffer(target)
		}
		return err
	})
	return data, err
}

func (f *folder) hostSecurity(e Entry) (sd []byte, err error) {
	if !f.host.attributes {
		return nil, nil
	}
	name := xattrSecurity
	if f.host.ntfs3g {
		name = xattrACL
	}
	err = f.withPath(e, func(path string) error {
		b := make([]byte, maxXattr)
		n, err := unix.Lgetxattr(path, name, b)
		if err == unix.ENODATA || err == unix.ENOTSUP {
			return nil
		}
		if err == nil {
			sd = bytes.Clone(b[:n])
		}
		return err
	})
	return sd, err
}

func (f *folder) hostOpenStream(e Entry, stream string) (file hostFile, err error) {
	err = f.withPath(e, func(path string) error {
		if stream == "" {
			file, err = openRegular(path)
		} else {
			file, err = f.openXattr(path, stream)
		}
		return err
	})
	if errors.Is(err, unix.ELOOP) {
		if i, ierr := f.hostInfo(e); ierr == nil && i.Reparse != 0 {
			if winfs.IsNameSurrogate(i.Reparse) {
				return memoryFile{bytes.NewReader(nil)}, nil // a link has no content of its own
			}
			return nil, errHidden(i.Reparse)
		}
	}
	return file, err
}

// openXattr reads a named stream, which the kernel gives whole or not at all.
func (f *folder) openXattr(path, stream string) (hostFile, error) {
	if !f.host.ntfs3g {
		return nil, fmt.Errorf("stream %s: %w", stream, ErrNotFound)
	}
	b := make([]byte, maxXattr)
	n, err := unix.Lgetxattr(path, xattrStream+stream, b)
	switch err {
	case nil:
		return memoryFile{bytes.NewReader(bytes.Clone(b[:n]))}, nil
	case unix.ENODATA:
		return nil, fmt.Errorf("stream %s: %w", stream, ErrNotFound)
	case unix.ERANGE, unix.E2BIG:
		return nil, fmt.Errorf("stream %s is longer than the 64 KiB that the host shows (give the device itself as source): %w", stream, ErrUnsupported)
	}
	return nil, fmt.Errorf("stream %s: %w", stream, err)
}

// memoryFile is a small stream that was read whole.
type memoryFile struct{ *bytes.Reader }

func (memoryFile) Close() error    { return nil }
func (memoryFile) Holes() []Extent { return nil }

// Modified never changes: the content was read whole.
func (memoryFile) Modified() (time.Time, error) { return time.Time{}, nil }

// regular is an open file.
type regular struct {
	*os.File
	size  int64
	holes []Extent
}

func (r *regular) Size() int64     { return r.size }
func (r *regular) Holes() []Extent { return r.holes }

func openRegular(path string) (hostFile, error) {
	file, err := openHost(path, 0)
	if err != nil {
		return nil, err
	}
	fi, err := file.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%s has no content: %w", kindOf(fi.Mode()), ErrUnsupported)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	r := &regular{File: file, size: fi.Size()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Blocks*512 < r.size {
		r.holes = findHoles(file, r.size)
	}
	return r, nil
}

func kindOf(m fs.FileMode) string {
	if m.IsDir() {
		return "a folder"
	}
	return "a pipe, a socket or a device of the host"
}

// maxHoles bounds the list for files that are more holes than data.
const maxHoles = 1 << 16

// findHoles asks the file system where it holds nothing. One that does not
// know says that all is data.
func findHoles(file *os.File, size int64) []Extent {
	var holes []Extent
	for at := int64(0); at < size && len(holes) < maxHoles; {
		hole, err := file.Seek(at, unix.SEEK_HOLE)
		if err != nil || hole >= size || hole < at {
			return holes
		}
		data, err := file.Seek(hole, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || err == nil && data > size {
			data, err = size, nil
		}
		if err != nil || data <= hole {
			return holes
		}
		holes = append(holes, Extent{Off: hole, Len: data - hole, Pos: -1})
		at = data
	}
	return holes
}
