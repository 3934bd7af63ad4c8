// Package wim reads WIM files, the images of Windows Setup and of DISM: their
// header, their table of blobs, and each image in them as a file system. It
// only reads, and knows nothing of volumes.
//
// A WIM file holds every content once, as a blob that is known by its SHA-1. An
// image is a metadata resource: a tree of names with what Windows keeps of each
// file, and the hashes of the streams. Blobs are stored as they are or in
// chunks of XPRESS or LZX.
//
// Not read, and named by an *UnsupportedError: files in several parts (.swm),
// solid files (.esd, LZMS), pipable ones, and LZX with chunks other than 32 KiB.
//
// Sources: Microsoft's "Windows Imaging File Format (WIM)" white paper and the
// comments on the format in wimlib's documentation.
package wim

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/coldstate/coldstate/internal/le"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// Magic are the first bytes of a WIM file, MagicPipable those of one that was
// made to go through a pipe.
const (
	Magic        = "MSWIM\x00\x00\x00"
	MagicPipable = "WLPWM\x00\x00\x00"
)

const (
	headerSize   = 208
	version      = 0x10D00
	versionSolid = 0xE00

	// Header flags.
	flagCompressed = 0x2
	flagXPRESS     = 0x20000
	flagLZX        = 0x40000
	flagLZMS       = 0x80000
	flagXPRESS2    = 0x200000
)

// Limits: what real files stay far below.
const (
	// maxTable is for the table of blobs: of 50 bytes each, five million.
	maxTable = 256 << 20
	// maxMetadata is for the tree of an image: three million files.
	maxMetadata = 512 << 20
	// maxXML: install.wim with eleven editions has 20 KiB.
	maxXML = 16 << 20
	// maxImages: DISM refuses more than some hundred.
	maxImages = 4096
	// maxProblems bounds the lists of what is damaged.
	maxProblems = 1000
)

// ErrNotWIM is wrapped when the file does not begin as a WIM file.
var ErrNotWIM = errors.New("is no WIM file")

// UnsupportedError names a kind of WIM file that is sound and not read. It is
// a winfs.ErrUnsupported.
type UnsupportedError struct {
	Kind string // "part 1 of 2 of a split WIM file"
	Hint string // what to do
}

func (e *UnsupportedError) Error() string        { return "is a " + e.Kind + ", which cannot be read" }
func (e *UnsupportedError) Is(target error) bool { return target == winfs.ErrUnsupported }

// FormatError says where a WIM file is damaged.
type FormatError struct {
	Where string // "blob table", "metadata of image 1"
	Off   int64  // of the file, or of the decoded resource that Where names; -1 when unknown
	What  string
}

func (e *FormatError) Error() string {
	if e.Off < 0 {
		return e.Where + ": " + e.What
	}
	return fmt.Sprintf("%s, offset %#x: %s", e.Where, e.Off, e.What)
}

// compression is how the chunks of a file are packed.
type compression uint8

const (
	none compression = iota
	xpress
	lzx
)

func (c compression) String() string { return [...]string{"none", "XPRESS", "LZX"}[c] }

// File is an open WIM file. Its methods are safe for concurrent use.
type File struct {
	r    io.ReaderAt
	size int64
	// GUID is that of the file, in its byte order.
	GUID [16]byte

	comp     compression
	chunk    int64 // bytes of content in a chunk
	blobs    blobTable
	metadata []resHeader // of the images, in order
	metaSums [][sha1.Size]byte
	images   []Image
	boot     int
	integr   resHeader
	problems []string

	decoders sync.Pool // of *decoder

	zerosMu sync.Mutex
	zeros   map[int64][sha1.Size]byte // by size: the sum of so many zeros
}

// Image is what a WIM file says of an image in it.
type Image struct {
	Number            int // from 1
	Name, Description string
	// Bytes is the size of all contents, 0 when it is not told.
	Bytes int64
	// Flags is the edition, as Setup uses it: "Professional".
	Flags string
	Boot  bool // the one that is started
}

// Open reads the head of the WIM file that r holds from its offset 0; size is
// its length in bytes. r must allow concurrent ReadAt and is the caller's to
// close.
//
// The error wraps ErrNotWIM, is or wraps an *UnsupportedError, a *FormatError
// for a file whose table of blobs cannot be found, or an error of the medium.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, size: size}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("wim: %w", err)
	}
	return f, nil
}

func (f *File) open() error {
	head := make([]byte, min(headerSize, max(f.size, 0)))
	if _, err := f.r.ReadAt(head, 0); err != nil && err != io.EOF {
		return fmt.Errorf("header: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte(MagicPipable)):
		return &UnsupportedError{"pipable WIM file", "rewrite it with `wimlib-imagex optimize --not-pipable FILE`"}
	case !bytes.HasPrefix(head, []byte(Magic)):
		return ErrNotWIM
	}
	h := le.New(head, len(Magic))
	length, v, flags, chunk := h.Uint32(), h.Uint32(), h.Uint32(), h.Uint32()
	copy(f.GUID[:], h.Bytes(16))
	part, parts, images := h.Uint16(), h.Uint16(), h.Uint32()
	table, xml := readResHeader(h), readResHeader(h)
	readResHeader(h) // the metadata of the image that is started, once more
	f.boot = int(min(h.Uint32(), maxImages+1))
	f.integr = readResHeader(h)
	if h.Err() != nil {
		return &FormatError{"header", -1, fmt.Sprintf("the file has %d bytes, a header has %d", f.size, headerSize)}
	}
	if err := f.method(v, flags, chunk); err != nil {
		return err
	}
	switch {
	case length != headerSize:
		return &FormatError{"header", 8, fmt.Sprintf("a header of %d bytes; %d are known", length, headerSize)}
	case parts > 1:
		return &UnsupportedError{fmt.Sprintf("part %d of %d of a split WIM file (.swm)", part, parts), "join its parts with `wimlib-imagex join whole.wim PARTS…` and give whole.wim"}
	}
	if err := f.readBlobs(table); err != nil {
		return err
	}
	for i := range f.metadata {
		f.images = append(f.images, Image{Number: i + 1, Boot: i+1 == f.boot})
	}
	if int64(images) != int64(len(f.images)) {
		f.problem("the header counts %d images, the blob table has %d", images, len(f.images))
	}
	f.readXML(xml)
	return nil
}

// method finds how chunks are packed, and refuses what is not known.
func (f *File) method(v, flags, chunk uint32) error {
	const apply = "apply an image of it with `wimlib-imagex apply FILE 1 FOLDER` and give the folder"
	switch {
	case v == versionSolid || flags&flagCompressed != 0 && flags&flagLZMS != 0:
		return &UnsupportedError{"solid WIM file (ESD, LZMS)", apply}
	case v != version:
		return &UnsupportedError{fmt.Sprintf("WIM file of version %#x", v), apply}
	case flags&flagCompressed == 0:
		return nil
	case flags&flagLZX != 0:
		f.comp = lzx
	case flags&(flagXPRESS|flagXPRESS2) != 0:
		f.comp = xpress
	default:
		return &UnsupportedError{fmt.Sprintf("WIM file with an unknown compression (flags %#x)", flags), apply}
	}
	f.chunk = int64(chunk)
	if chunk == 0 {
		f.chunk = 32 << 10
	}
	switch {
	case f.chunk&(f.chunk-1) != 0 || f.chunk < 4<<10 || f.chunk > 64<<20:
		return &FormatError{"header", 20, fmt.Sprintf("chunks of %d bytes", chunk)}
	case f.comp == lzx && f.chunk != 32<<10, f.comp == xpress && f.chunk > 64<<10:
		return &UnsupportedError{fmt.Sprintf("WIM file with %v chunks of %d KiB", f.comp, f.chunk>>10), "rewrite it with `wimlib-imagex optimize --recompress --chunk-size=32768 FILE`, or a" + apply[1:]}
	}
	return nil
}

func (f *File) problem(format string, args ...any) {
	if len(f.problems) < maxProblems {
		f.problems = append(f.problems, fmt.Sprintf(format, args...))
	}
}

// Images lists the images. The slice is shared.
func (f *File) Images() []Image { return f.images }

// Problems tells what is wrong with the file outside of its images.
func (f *File) Problems() []string { return slices.Clone(f.problems) }

// Compression is "none", "XPRESS" or "LZX".
func (f *File) Compression() string { return f.comp.String() }

// text decodes the UTF-16 of the XML data, replacing what is none.
func text(b []byte) string {
	b = bytes.TrimPrefix(b, []byte{0xFF, 0xFE})
	return strings.ToValidUTF8(wstr.FromUTF16LE(b), "\uFFFD")
}
