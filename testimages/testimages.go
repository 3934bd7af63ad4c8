package testimages

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/coldstate/coldstate/testimages/diskgen"
)

//go:embed disk.img.zst
var diskFile []byte

//go:embed two-windows.pages.zst
var twoWindowsFile []byte

//go:embed no-windows.pages.zst
var noWindowsFile []byte

//go:embed manifest.txt
var manifestText string

var le = binary.LittleEndian

// pageSize is the unit in which images are packed. A page that is not there
// is zeros, or in a variant the page of the disk.
const pageSize = 4096

// packMagic starts a packed image; the size of the image (uint64), the number
// of pages (uint32), the pages' numbers (uint32 each) and their content follow.
const packMagic = "pages 1\n"

// image is a disk in memory. It may be read by several goroutines.
type image struct {
	size  int64
	pages map[uint32][]byte
	below *image // what pages that are not here hold; nil for zeros
}

func unpack(file []byte, below *image) *image {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		panic("testimages: " + err.Error())
	}
	defer d.Close()
	b, err := d.DecodeAll(file, nil)
	if err != nil || len(b) < len(packMagic)+12 || string(b[:len(packMagic)]) != packMagic {
		panic(fmt.Sprintf("testimages: the built-in image is damaged (%v): run testimages/build.sh", err))
	}
	b = b[len(packMagic):]
	img := &image{size: int64(le.Uint64(b)), pages: map[uint32][]byte{}, below: below}
	n := int(le.Uint32(b[8:]))
	numbers, content := b[12:12+4*n], b[12+4*n:]
	for i := range n {
		img.pages[le.Uint32(numbers[4*i:])] = content[i*pageSize : (i+1)*pageSize : (i+1)*pageSize]
	}
	return img
}

// Pack writes an image of size bytes in the form that is embedded here: the
// pages that are not zero or, with below, that differ from it.
func Pack(w io.Writer, r, below io.ReaderAt, size int64) error {
	var numbers, content []byte
	n := uint32(0)
	zero := make([]byte, pageSize)
	for off := int64(0); off < size; off += pageSize {
		page, old := make([]byte, pageSize), zero
		if err := readPage(r, page, off); err != nil {
			return err
		}
		if below != nil {
			old = make([]byte, pageSize)
			if err := readPage(below, old, off); err != nil {
				return err
			}
		}
		if !bytes.Equal(page, old) {
			numbers = le.AppendUint32(numbers, uint32(off/pageSize))
			content = append(content, page...)
			n++
		}
	}
	head := le.AppendUint64([]byte(packMagic), uint64(size))
	head = le.AppendUint32(head, n)
	_, err := w.Write(append(append(head, numbers...), content...))
	return err
}

func readPage(r io.ReaderAt, page []byte, off int64) error {
	_, err := r.ReadAt(page, off)
	if err == io.EOF {
		err = nil
	}
	return err
}

// ReadAt implements io.ReaderAt.
func (m *image) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("testimages: negative offset %d", off)
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= m.size {
			return n, io.EOF
		}
		in := at % pageSize
		want := p[n:min(len(p), n+int(min(pageSize-in, m.size-at)))]
		if page := m.page(uint32(at / pageSize)); page != nil {
			copy(want, page[in:])
		} else {
			clear(want)
		}
		n += len(want)
	}
	return n, nil
}

// page returns a page, nil when it is zeros.
func (m *image) page(i uint32) []byte {
	for ; m != nil; m = m.below {
		if p, ok := m.pages[i]; ok {
			return p
		}
	}
	return nil
}

// patch returns a variant of m in which fn has changed the bytes at off.
func (m *image) patch(off, n int64, fn func(b []byte)) *image {
	first, last := off/pageSize, (off+n-1)/pageSize
	buf := make([]byte, (last-first+1)*pageSize)
	if _, err := m.ReadAt(buf, first*pageSize); err != nil && err != io.EOF {
		panic("testimages: " + err.Error())
	}
	fn(buf[off-first*pageSize:][:n])
	over := &image{size: m.size, pages: map[uint32][]byte{}, below: m}
	for i := first; i <= last; i++ {
		over.pages[uint32(i)] = buf[(i-first)*pageSize:][:pageSize]
	}
	return over
}

var disk = sync.OnceValue(func() *image { return unpack(diskFile, nil) })

// Disk returns the sample disk and its size in bytes. It is unpacked when it
// is first asked for, and takes about 4 MiB of memory.
func Disk() (io.ReaderAt, int64) {
	d := disk()
	return d, d.size
}

// WriteDisk writes the sample disk as a sparse file.
func WriteDisk(path string) error {
	r, size := Disk()
	return WriteImage(path, r, size)
}

// WriteImage writes an image as a sparse file; zeros become holes where the
// host has them.
func WriteImage(path string, r io.ReaderAt, size int64) error {
	return diskgen.WriteFile(path, r, size)
}

// A Row is one object on the sample disk.
type Row struct {
	// Kind is "file", "folder", "stream", "link" (a junction or symbolic
	// link), "placeholder" (a cloud file whose content is not there) or
	// "alias" (a Store alias, APPEXECLINK).
	Kind string
	// Size is the size of the content, of a placeholder the size of what is not there.
	Size int64
	// SHA256 is the hash of the content in hex; "-" where there is none.
	SHA256 string
	// Path is like C:\Users\anna; names are WTF-8.
	Path string
	// Stream is the name of the alternate stream of a row of kind "stream".
	Stream string
	// Record is the number of the MFT record: hard links share it.
	Record uint64
	// Attributes are the Windows file attributes in $STANDARD_INFORMATION,
	// with the folder bit as ntfs-3g adds it.
	Attributes uint32
	// Created and Modified are FILETIMEs.
	Created, Modified uint64
	// Security is the hash of the self-relative security descriptor: the
	// first 16 hex digits of its SHA-256.
	Security string
	// Target is the substitute name of a link.
	Target string
}

// Manifest returns what is on the Windows volume, sorted by path and stream.
// NTFS's own files are not in it.
func Manifest() []Row {
	var rows []Row
	for line := range strings.Lines(manifestText) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 11 {
			panic(fmt.Sprintf("testimages: manifest.txt: %q has %d fields, not 11", line, len(f)))
		}
		number := func(s string, base int) uint64 {
			n, err := strconv.ParseUint(s, base, 64)
			if err != nil {
				panic("testimages: manifest.txt: " + err.Error())
			}
			return n
		}
		rows = append(rows, Row{
			Kind: f[0], Size: int64(number(f[1], 10)), SHA256: f[2], Path: f[3], Stream: f[4], Record: number(f[5], 10),
			Attributes: uint32(number(f[6], 16)), Created: number(f[7], 10), Modified: number(f[8], 10), Security: f[9], Target: f[10],
		})
	}
	return rows
}
