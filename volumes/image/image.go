// Package image opens container files of disks as flat bytes: raw and split
// raw images, VHD, VHDX, VMDK, QCOW2, VDI and E01. It only reads, and knows
// nothing of what is on the disk.
//
// What a file is comes from its content. Extents and segments of it are looked
// for beside it and in folders below, never elsewhere. A parent is looked for
// where the image says: by the relative path, by the absolute one where this
// host has it, and then beside the image by its name. Only regular files are
// opened; a parent must be the one by its ID where the format has one, and
// outside of the image's folder an image or a disk: an image is no reason to
// open other files of the host. Image.Notes names each parent.
//
// # Memory
//
// Tables are read piece by piece when they are needed. An image with all its
// parents keeps at most 16 MiB of table pieces and unpacked blocks, and a few
// dozen bytes for each segment, table or log record; a read of a compressed
// block takes up to twice the block besides.
package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Image is an open image. Its methods may be called from several goroutines.
type Image struct {
	// Format is "raw", "split raw", "VHD", "VHDX", "VMDK", "QCOW2", "VDI" or
	// "E01".
	Format string
	// Variant is the kind of image in that format: "dynamic", "fixed",
	// "differencing", "streamOptimized", "version 3". "" for raw.
	Variant string
	// Size is the size of the disk in bytes.
	Size int64
	// SectorSize is the logical sector size that the image states, 0 when it
	// states none.
	SectorSize int
	// Problems says what is wrong with the image, or what its bytes lack.
	Problems []string
	// Cut is the file that ends too early, nil when none was seen to.
	Cut *Cut
	// Notes says which parents are read.
	Notes []string
	// Files are the files of the host that are read: the one that was given,
	// then parents, extents and segments.
	Files []HostFile
	// Hashes are those of the whole disk that its maker recorded (E01).
	Hashes []Hash
	// Unread are the ranges that the maker could not read (E01). Reading them
	// is an error, as it was then.
	Unread []Range

	top   *disk
	files []*file
}

// HostFile is a file of the host.
type HostFile struct {
	Path string
	Info fs.FileInfo
}

// Hash is a checksum of the bytes of a disk.
type Hash struct {
	Name string // "MD5", "SHA1"
	Sum  []byte
}

// Range is a row of bytes of the disk.
type Range struct{ Off, Len int64 }

// File is what an image reads of a file of the host.
type File interface {
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

// Options say how images are opened; the zero value is good.
type Options struct {
	// Open opens a file that is there, and fails with fs.ErrNotExist when it
	// is not. nil opens regular files of the host.
	Open func(path string) (File, error)
}

// Open opens the image in the file at path. A file in no known format is a raw
// image. The errors are *FormatError, *MissingError, *UnsupportedError, and
// those of the host.
func Open(path string, opt Options) (*Image, error) {
	o := newOpener(opt)
	img, err := o.image(path)
	if err != nil {
		o.close()
		return nil, err
	}
	return img, nil
}

func (o *opener) image(path string) (*Image, error) {
	f, err := o.file(path)
	if err != nil {
		return nil, err
	}
	o.depth = 1
	o.chain = append(o.chain, f)
	d, err := o.disk(f, "")
	if err != nil {
		return nil, err
	}
	img := &Image{
		Format: d.format, Variant: d.variant, Size: d.size, SectorSize: d.sector,
		Problems: d.problems, Hashes: d.hashes, Unread: d.unread,
		Cut: d.cut,
		top: d, files: o.files,
	}
	for p := d.parent; p != nil; p = p.parent {
		img.Notes = append(img.Notes, p.used)
		if img.Cut == nil {
			img.Cut = p.cut
		}
		for _, problem := range p.problems {
			if !strings.Contains(problem, p.name) {
				problem = p.name + ": " + problem
			}
			img.Problems = append(img.Problems, problem)
		}
	}
	for _, f := range o.files {
		img.Files = append(img.Files, f.parts...)
	}
	return img, nil
}

// ReadAt reads bytes of the disk. An error that is not io.EOF is a *ReadError,
// and names the bytes that cannot be read; those in front of it are in p.
func (m *Image) ReadAt(p []byte, off int64) (int, error) { return m.top.ReadAt(p, off) }

// Close closes all files of the image.
func (m *Image) Close() error {
	var errs []error
	for _, f := range m.files {
		errs = append(errs, f.close())
	}
	m.files = nil
	return errors.Join(errs...)
}

// Limits of all formats.
const (
	// maxSize is the largest disk of all these formats: VHDX and VMDK end at
	// 64 TiB, E01 and QCOW2 in practice far below.
	maxSize = 64 << 40
	// maxChain is how many images may stand on one another. Hyper-V and
	// VMware allow 50 and 32; longer ones read too slowly to be used.
	maxChain = 64
)

// disk is one image of a chain.
type disk struct {
	layout
	format, variant string
	name            string // of its file
	id              string // what a child knows it by, "" when the format has none
	size            int64
	sector          int
	parent          *disk
	cut             *Cut
	used            string // what it is the parent of, for people
	problems        []string
	hashes          []Hash
	unread          []Range
	cache           *cache
}

func (d *disk) problem(format string, args ...any) {
	d.problems = append(d.problems, fmt.Sprintf(format, args...))
}

type format struct {
	name  string
	probe func(f *file, head []byte) bool
	open  func(o *opener, f *file) (*disk, error)
}

// formats are in the order in which they are tried.
func formats() []format {
	return []format{
		{"VHDX", starts("vhdxfile"), openVHDX},
		{"QCOW2", starts("QFI\xFB"), openQCOW},
		{"VMDK", isVMDK, openVMDK},
		{"E01", starts(ewfSignature), openEWF},
		{"Ex01", starts("EVF2\x0D\x0A\x81\x00"), openEWF2},
		{"L01", isL01, openL01},
		{"VDI", isVDI, openVDI},
		{"VHD", isVHD, openVHD},
	}
}

func starts(signature string) func(*file, []byte) bool {
	return func(_ *file, head []byte) bool { return has(head, 0, signature) }
}

// has says whether b holds s at offset off.
func has(b []byte, off int, s string) bool {
	return len(b) >= off+len(s) && string(b[off:off+len(s)]) == s
}

// disk opens what f holds: an image of that format, or of the one that its
// content shows when format is "".
func (o *opener) disk(f *file, format string) (*disk, error) {
	head := make([]byte, min(f.size, 512))
	// A raw disk whose sector 0 cannot be read may be read elsewhere.
	n, _ := f.ReadAt(head, 0)
	head = head[:n]
	d := &disk{layout: flat{f}, format: "raw", size: f.size}
	if len(f.parts) > 1 {
		d.format = "split raw"
	}
	for _, c := range formats() {
		if format == c.name || format == "" && c.probe(f, head) {
			var err error
			if d, err = c.open(o, f); err != nil {
				return nil, err
			}
			d.format = c.name
			break
		}
	}
	if d.size < 0 || d.size > maxSize {
		return nil, f.damaged(d.format, -1, "a disk of %d bytes; %d are the most", d.size, int64(maxSize))
	}
	d.lookForCut(d.layout)
	d.name, d.cache = f.name, o.cache
	return d, nil
}

// flat is the layout of a raw image.
type flat struct{ f *file }

func (l flat) locate(off int64) (run, error) {
	return run{kind: stored, n: l.f.size - off, file: l.f, at: off}, nil
}

func (flat) unpack([]byte, run) error { return errNotPacked }
