package volumes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/image"
	"github.com/coldstate/coldstate/volumes/medium"
)

// identity tells whether two paths are one thing.
type identity struct {
	info   os.FileInfo // nil for device paths of Windows
	device string      // names the device, "" for files and folders
	// partOf is what a device or image is a part of, or shows the bytes of.
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

func openSource(path string, opt sourceOptions) (*Source, identity, error) {
	path = hostPath(path)
	if isDevicePath(path) {
		return deviceSource(path, nil, opt)
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
		return deviceSource(path, fi, opt)
	case !fi.Mode().IsRegular():
		return nil, identity{}, &SourceError{Path: path, Err: fmt.Errorf("%w (%s)", ErrNotDisk, fi.Mode().Type())}
	}
	return fileSource(path, opt)
}

// fileSource opens a file: the disk in an image, or the image that is the disk.
func fileSource(path string, opt sourceOptions) (*Source, identity, error) {
	return imageSource(path, image.Options{}, opt)
}

func imageSource(path string, opt image.Options, sopt sourceOptions) (*Source, identity, error) {
	img, err := image.Open(path, opt)
	if err != nil {
		return nil, identity{}, imageError(path, err)
	}
	src := &Source{Path: path, Size: img.Size, Problems: img.Problems, Notes: img.Notes, Cut: img.Cut, reader: img, closer: img, sector: img.SectorSize}
	if img.Format != "raw" {
		src.Kind = img.Format + " image"
	}
	id := identity{info: img.Files[0].Info}
	for _, f := range img.Files[1:] {
		src.Files = append(src.Files, f.Path)
		id.partOf = append(id.partOf, identity{info: f.Info})
	}
	var bad []medium.Range
	for _, r := range img.Unread {
		bad = append(bad, medium.Range{Off: r.Off, Len: r.Len})
	}
	err = src.guard(sopt, medium.Options{Bad: bad})
	if err == nil {
		err = src.detect(path)
	}
	if err != nil {
		img.Close()
		return nil, identity{}, err
	}
	return src, id, nil
}

// imageError makes a SourceError of an error of image.Open.
func imageError(path string, err error) error {
	if no, ok := errors.AsType[*image.UnsupportedError](err); ok {
		e := &SourceError{Path: path, Err: &ContainerError{Format: no.What()}, Hint: no.Hint}
		if no.Path != path {
			e.Err = fmt.Errorf("it stands on %s, which %w", no.Path, e.Err)
		}
		return e
	}
	if missing, ok := errors.AsType[*image.MissingError](err); ok {
		hint := fmt.Sprintf("put it there as %s", missing.Put)
		if missing.Found != "" {
			hint = fmt.Sprintf("put the right one there as %s", missing.Put)
		}
		if missing.Put == "" {
			hint = "put it into the same folder, under the name it had"
		}
		return &SourceError{Path: path, Err: err, Hint: hint}
	}
	if _, ok := errors.AsType[*image.FormatError](err); ok {
		return &SourceError{Path: path, Err: err, Hint: "copy the image again, or convert it to a raw one with the program that made it"}
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok && pe.Path != path {
		return &SourceError{Path: path, Err: err} // another file of the image
	}
	return hostError(path, err)
}

func deviceSource(path string, fi os.FileInfo, opt sourceOptions) (*Source, identity, error) {
	dev, err := openDevice(path)
	if noMedium(err) {
		return nil, identity{}, &SourceError{Path: path, Err: errNoMedium, Hint: "put one in, or leave it out"}
	}
	if err != nil {
		return nil, identity{}, hostError(path, err)
	}
	src := &Source{Path: path, Kind: Device, Size: dev.size, reader: dev.reader, closer: dev.closer}
	if src.Size <= 0 {
		src.close()
		return nil, identity{}, &SourceError{Path: path, Err: errors.New("the device has no size"), Hint: "check that there is a medium in it"}
	}
	err = src.guard(opt, medium.Options{Sector: dev.sector, Fine: dev.fine, Timeout: deviceTimeout})
	if err == nil {
		err = src.detect(path)
	}
	if err != nil {
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
