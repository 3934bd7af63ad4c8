package volumes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// identity tells whether two paths are one thing.
type identity struct {
	info   os.FileInfo // nil for device paths of Windows
	device string      // names the device, "" for files and folders
	// partOf is what a device is a part of, or shows the bytes of.
	partOf []identity
}

func (a identity) same(b identity) bool {
	if a.device != "" || b.device != "" {
		return a.device == b.device
	}
	return a.info != nil && b.info != nil && os.SameFile(a.info, b.info)
}

// overlap is the error for two paths of which one is given already, nil when
// they have no bytes in common.
func overlap(earlier, later identity, path string) error {
	isPart := func(part, whole identity) bool { return slices.ContainsFunc(part.partOf, whole.same) }
	switch {
	case later.same(earlier):
		return fmt.Errorf("%w as %s", ErrSameSource, path)
	case isPart(later, earlier):
		return fmt.Errorf("is a part of %s: %w", path, ErrOverlap)
	case isPart(earlier, later):
		return fmt.Errorf("has %s as a part: %w", path, ErrOverlap)
	}
	return nil
}

func openSource(path string) (*Source, identity, error) {
	path = hostPath(path)
	if isDevicePath(path) {
		return deviceSource(path, nil)
	}
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, identity{}, &SourceError{Path: path, Err: cause(err), Hint: "check the spelling, and that the disk is connected"}
	case err != nil:
		return nil, identity{}, hostError(path, err)
	case fi.IsDir():
		return folderSource(path)
	case fi.Mode()&fs.ModeDevice != 0 && fi.Mode()&fs.ModeCharDevice == 0:
		return deviceSource(path, fi)
	case !fi.Mode().IsRegular():
		return nil, identity{}, &SourceError{Path: path, Err: fmt.Errorf("%w (%s)", ErrNotDisk, fi.Mode().Type())}
	}
	return fileSource(path)
}

func fileSource(path string) (*Source, identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, identity{}, hostError(path, err)
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, identity{}, hostError(path, err)
	}
	src := &Source{Path: path, Size: fi.Size(), reader: f, closer: f}
	err = src.detect(path)
	if next := nextPiece(path); next != "" && !errors.Is(err, ErrUnsupported) {
		err = &SourceError{Path: path, Err: &ContainerError{Format: "split raw image"}, Hint: fmt.Sprintf("join its pieces with `cat %s* > disk.img` and give disk.img", strings.TrimRight(path, "0123456789"))}
	}
	if err != nil {
		f.Close()
		return nil, identity{}, err
	}
	return src, identity{info: fi}, nil
}

// nextPiece finds the file behind image.000 or image.001, "" when there is
// none.
func nextPiece(path string) string {
	base := strings.TrimRight(path, "0123456789")
	digits := path[len(base):]
	if len(digits) < 2 || !strings.HasSuffix(base, ".") {
		return ""
	}
	last := digits[len(digits)-1]
	if last > '1' || strings.Trim(digits[:len(digits)-1], "0") != "" {
		return ""
	}
	next := path[:len(path)-1] + string(last+1)
	if fi, err := os.Stat(next); err != nil || !fi.Mode().IsRegular() {
		return ""
	}
	return next
}

func deviceSource(path string, fi os.FileInfo) (*Source, identity, error) {
	dev, err := openDevice(path)
	if err != nil {
		return nil, identity{}, hostError(path, err)
	}
	src := &Source{Path: path, Kind: Device, Size: dev.size, reader: dev.reader, closer: dev.closer}
	if src.Size <= 0 {
		src.close()
		return nil, identity{}, &SourceError{Path: path, Err: errors.New("the device has no size"), Hint: "check that there is a medium in it"}
	}
	if err := src.detect(path); err != nil {
		src.close()
		return nil, identity{}, err
	}
	name := deviceName(path, fi)
	return src, identity{device: name, partOf: deviceParts(name)}, nil
}

func folderSource(path string) (*Source, identity, error) {
	dir, err := folderPath(path)
	if err != nil {
		return nil, identity{}, hostError(path, err)
	}
	v := &Volume{Kind: HostFolder, HostPath: dir}
	if parent := filepath.Dir(dir); parent != dir && isWindowsFolder(dir) {
		v.HostPath, v.Hint = parent, filepath.Base(dir)
	}
	// A folder that cannot be listed is told now.
	d, err := openDir(v.HostPath)
	if err != nil {
		return nil, identity{}, hostError(path, err)
	}
	defer d.Close()
	fi, err := d.Stat()
	if err != nil {
		return nil, identity{}, hostError(path, err)
	}
	return &Source{Path: path, Kind: Folder, Volumes: []*Volume{v}}, identity{info: fi}, nil
}

// isWindowsFolder says whether dir holds System32\config, in any case.
func isWindowsFolder(dir string) bool {
	for _, want := range [...]string{"System32", "config"} {
		d, err := openDir(dir)
		if err != nil {
			return false
		}
		names, _ := d.Readdirnames(-1)
		d.Close()
		found := ""
		for _, name := range names {
			if name == want || found == "" && wstr.EqualFold(name, want) {
				found = name
			}
		}
		if found == "" {
			return false
		}
		dir = filepath.Join(dir, found)
	}
	fi, err := os.Stat(dir)
	return err == nil && fi.IsDir()
}

// hostError makes a SourceError of an error of the host.
func hostError(path string, err error) error {
	e := &SourceError{Path: path, Err: cause(err)}
	if errors.Is(err, fs.ErrPermission) {
		e.Hint = privilegeHint
	}
	return e
}

// cause is err without the path that it repeats.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
