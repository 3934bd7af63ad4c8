package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// The part of tar that the store uses: POSIX ustar, pax records where a member
// does not fit, and GNU's sparse format 1.0. archive/tar cannot write the
// last, and refuses names that are not UTF-8 in places.

const (
	blockSize = 512
	// ustarMax is the largest number of eleven octal digits.
	ustarMax = 1<<33 - 1
	// maxPax bounds the records of one member: a path of 32767 UTF-16 units
	// is at most 98301 bytes, escapes triple a part of them.
	maxPax = 1 << 20
)

// Types of members.
const (
	typeFile    = '0'
	typeLink    = '1'
	typeSymlink = '2'
	typeFolder  = '5'
	typePax     = 'x'
)

// tarHeader describes a member.
type tarHeader struct {
	name     string // a folder's ends in "/"
	typ      byte
	size     int64 // of the data in the tar, with the sparse map
	mtime    int64
	link     string
	realSize int64  // of a sparse member, otherwise -1
	sparse   []byte // map of a sparse member, whole blocks
}

// contentHeader is the header of o, which has a content of its own, under name.
func (o *Object) contentHeader(name string) *tarHeader {
	h := &tarHeader{name: name, typ: typeFile, size: o.Size, mtime: unixSeconds(o.Modified), realSize: -1}
	if len(o.Holes) > 0 {
		h.sparse = sparseMap(o.Size, o.Holes)
		h.realSize = o.Size
		h.size = o.stored() + int64(len(h.sparse))
	}
	return h
}

// linkHeader is the header of o, which shares the content of o.LinkTo.
func (o *Object) linkHeader(name string) (*tarHeader, error) {
	to := Object{Path: o.LinkTo, Names: o.LinkToNames, Stream: o.LinkToStream, Raw: o.Raw, Kind: File}
	if to.Stream != "" {
		to.Kind = Stream
	} else if _, _, ok := cutVolume(string(to.Path)); !ok {
		to.Kind = Part
	}
	first, err := to.TarName()
	if err != nil {
		return nil, fmt.Errorf("link to %q: %w", clip(string(o.LinkTo)), err)
	}
	return &tarHeader{name: name, typ: typeLink, mtime: unixSeconds(o.Modified), link: first, realSize: -1}, nil
}

// plainHeader is the header of a folder or link, nil when it has none.
func (o *Object) plainHeader() (*tarHeader, error) {
	name, err := o.TarName()
	if err != nil {
		return nil, err
	}
	h := &tarHeader{name: name, mtime: unixSeconds(o.Modified), realSize: -1}
	if o.Kind == Folder {
		h.name += "/"
		h.typ = typeFolder
		return h, nil
	}
	h.typ = typeSymlink
	if h.link, err = o.posixTarget(); err != nil || h.link == "" {
		return nil, err
	}
	return h, nil
}

// memberHeader is the header of the member that o has in the tar, nil when it
// has none.
func (o *Object) memberHeader() (*tarHeader, error) {
	if !o.Outcome.Stored() {
		return nil, nil
	}
	switch o.Kind {
	case Folder, Link:
		return o.plainHeader()
	case Key, Value:
		return nil, nil
	}
	name, err := o.TarName()
	if err != nil {
		return nil, err
	}
	if o.Outcome == Linked || o.Outcome == Duplicate {
		return o.linkHeader(name)
	}
	return o.contentHeader(name), nil
}

func padding(n int64) int64 { return -n & (blockSize - 1) }

// unixSeconds brings f into the range of a ustar header.
func unixSeconds(f wstr.Filetime) int64 {
	return min(max(f.Time().Unix(), 0), ustarMax)
}

// appendHeader appends the blocks of a member up to the first byte of its
// content.
func appendHeader(dst []byte, h *tarHeader) []byte {
	var pax []byte
	name, prefix, ok := splitName(h.name)
	if h.realSize >= 0 {
		pax = appendPax(pax, "GNU.sparse.major", "1")
		pax = appendPax(pax, "GNU.sparse.minor", "0")
		pax = appendPax(pax, "GNU.sparse.name", h.name)
		pax = appendPax(pax, "GNU.sparse.realsize", strconv.FormatInt(h.realSize, 10))
		name, prefix = plainName("GNUSparseFile.0/"+h.name), ""
	} else if !ok {
		pax = appendPax(pax, "path", h.name)
		name, prefix = plainName(h.name), ""
	}
	link := h.link
	if len(link) > 100 || !isASCII(link) {
		pax = appendPax(pax, "linkpath", link)
		link = plainName(link)
	}
	size := h.size
	if size > ustarMax {
		pax = appendPax(pax, "size", strconv.FormatInt(size, 10))
		size = ustarMax
	}
	if len(pax) > 0 {
		dst = appendBlock(dst, "PaxHeaders/x", "", typePax, int64(len(pax)), h.mtime, "")
		dst = append(dst, pax...)
		dst = append(dst, make([]byte, padding(int64(len(pax))))...)
	}
	dst = appendBlock(dst, name, prefix, h.typ, size, h.mtime, link)
	return append(dst, h.sparse...)
}

// appendBlock appends one ustar header. Fields: POSIX.1-2024, pax, "ustar
// Interchange Format".
func appendBlock(dst []byte, name, prefix string, typ byte, size, mtime int64, link string) []byte {
	var b [blockSize]byte
	mode := int64(0o644)
	switch typ {
	case typeFolder:
		mode = 0o755
	case typeSymlink:
		mode = 0o777
	}
	copy(b[0:100], name)
	putOctal(b[100:108], mode)
	putOctal(b[108:116], 0)
	putOctal(b[116:124], 0)
	putOctal(b[124:136], size)
	putOctal(b[136:148], mtime)
	b[156] = typ
	copy(b[157:257], link)
	copy(b[257:265], "ustar\x0000")
	putOctal(b[329:337], 0)
	putOctal(b[337:345], 0)
	copy(b[345:500], prefix)
	sum := checksum(&b)
	putOctal(b[148:155], sum)
	b[155] = ' '
	return append(dst, b[:]...)
}

// checksum adds the bytes of b with its checksum field read as spaces.
func checksum(b *[blockSize]byte) (sum int64) {
	for i, c := range b {
		if 148 <= i && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	return sum
}

func putOctal(f []byte, n int64) {
	for i := len(f) - 2; i >= 0; i-- {
		f[i] = '0' + byte(n&7)
		n >>= 3
	}
}

// splitName splits a name of a ustar header. ok is false when it does not fit.
func splitName(s string) (name, prefix string, ok bool) {
	if !isASCII(s) {
		return "", "", false
	}
	if len(s) <= 100 {
		return s, "", true
	}
	if len(s) > 256 {
		return "", "", false
	}
	// The name gets as much as it can hold; its first byte follows a slash
	// and it is not empty when s ends in one.
	i := strings.IndexByte(s[len(s)-101:], '/')
	if i < 0 {
		return "", "", false
	}
	i += len(s) - 101
	if i == 0 || i > 155 || i == len(s)-1 {
		return "", "", false
	}
	return s[i+1:], s[:i], true
}

// plainName is the name for programs that do not know pax.
func plainName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 0x80 || c < ' ' {
			b[i] = '_'
		}
	}
	return string(b[:min(len(b), 100)])
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// appendPax appends "length key=value\n"; the length counts itself.
func appendPax(dst []byte, key, value string) []byte {
	n := len(key) + len(value) + 3
	size := n + len(strconv.Itoa(n))
	if len(strconv.Itoa(size)) != len(strconv.Itoa(n)) {
		size++
	}
	dst = strconv.AppendInt(dst, int64(size), 10)
	dst = append(dst, ' ')
	dst = append(dst, key...)
	dst = append(dst, '=')
	dst = append(dst, value...)
	return append(dst, '\n')
}

// sparseMap is the map of GNU's sparse format 1.0: decimal numbers, one a
// line: how many pieces of data, then offset and size of each. The last has
// size 0 and marks the end.
func sparseMap(size int64, holes []Range) []byte {
	var b []byte
	n := 0
	add := func(off, size int64) {
		b = strconv.AppendInt(b, off, 10)
		b = append(b, '\n')
		b = strconv.AppendInt(b, size, 10)
		b = append(b, '\n')
		n++
	}
	at := int64(0)
	for _, h := range holes {
		if h.Off > at {
			add(at, h.Off-at)
		}
		at = h.Off + h.Len
	}
	if at < size {
		add(at, size-at)
	}
	add(size, 0)
	b = append(strconv.AppendInt(nil, int64(n), 10), append([]byte{'\n'}, b...)...)
	return append(b, make([]byte, padding(int64(len(b))))...)
}

// Reading, for Verify.

var (
	errTarEnd  = errors.New("end of the tar")
	errTarZero = errors.New("a single block of zeros inside the tar")
)

// readHeader reads the blocks of a member up to the first byte of its
// content. It gives errTarEnd at the two blocks of zeros that end a tar.
func readHeader(r io.Reader) (*tarHeader, error) {
	h := &tarHeader{realSize: -1}
	err := readBlock(r, h)
	if err != nil {
		return nil, err
	}
	if h.typ == typePax {
		if h.size > maxPax {
			return nil, fmt.Errorf("pax records of %d bytes", h.size)
		}
		pax := make([]byte, h.size+padding(h.size))
		if _, err := io.ReadFull(r, pax); err != nil {
			return nil, noEOF(err)
		}
		pax = pax[:h.size]
		if err := readBlock(r, h); err != nil {
			return nil, noEOF(err)
		}
		if err := h.apply(pax); err != nil {
			return nil, err
		}
	}
	switch h.typ {
	case typeFile, typeLink, typeSymlink, typeFolder:
	default:
		return nil, fmt.Errorf("member of type %q", h.typ)
	}
	if h.realSize >= 0 {
		if h.sparse, err = readSparseMap(r, h.size); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func readBlock(r io.Reader, h *tarHeader) error {
	var b [blockSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return err
	}
	if b == [blockSize]byte{} {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return noEOF(err)
		}
		if b != [blockSize]byte{} {
			return errTarZero
		}
		return errTarEnd
	}
	sum, err := octal(b[148:154])
	if err != nil || sum != checksum(&b) {
		return errors.New("a header's checksum does not fit")
	}
	if string(b[257:265]) != "ustar\x0000" {
		return errors.New("a header is not of the ustar format")
	}
	if h.size, err = octal(b[124:135]); err != nil {
		return err
	}
	if h.mtime, err = octal(b[136:147]); err != nil {
		return err
	}
	h.typ = b[156]
	h.name = cString(b[0:100])
	if p := cString(b[345:500]); p != "" {
		h.name = p + "/" + h.name
	}
	h.link = cString(b[157:257])
	return nil
}

// apply puts the values of pax records into h.
func (h *tarHeader) apply(pax []byte) error {
	for len(pax) > 0 {
		num, _, ok := bytes.Cut(pax[:min(len(pax), 8)], []byte{' '})
		n, err := strconv.Atoi(string(num))
		if !ok || err != nil || n < len(num)+4 || n > len(pax) || pax[n-1] != '\n' {
			return errors.New("a broken pax record")
		}
		key, value, ok := strings.Cut(string(pax[len(num)+1:n-1]), "=")
		if !ok {
			return errors.New("a pax record without value")
		}
		pax = pax[n:]
		var num64 int64
		switch key {
		case "size", "GNU.sparse.realsize":
			if num64, err = strconv.ParseInt(value, 10, 64); err != nil || num64 < 0 {
				return fmt.Errorf("pax record %s=%q", key, value)
			}
		}
		switch key {
		case "path", "GNU.sparse.name":
			h.name = value
		case "linkpath":
			h.link = value
		case "size":
			h.size = num64
		case "GNU.sparse.realsize":
			h.realSize = num64
		case "GNU.sparse.major", "GNU.sparse.minor":
		default:
			return fmt.Errorf("unknown pax record %q", key)
		}
	}
	return nil
}

// readSparseMap reads the map in front of the data of a sparse member.
func readSparseMap(r io.Reader, size int64) ([]byte, error) {
	var b []byte
	lines, want := 0, 1
	for int64(len(b)) < size && len(b) < maxSparseMap {
		b = append(b, make([]byte, blockSize)...)
		block := b[len(b)-blockSize:]
		if _, err := io.ReadFull(r, block); err != nil {
			return nil, noEOF(err)
		}
		n := bytes.Count(block, []byte{'\n'})
		if lines == 0 && n > 0 {
			first, _, _ := bytes.Cut(b, []byte{'\n'})
			count, err := strconv.Atoi(string(first))
			if err != nil || count < 1 || count > maxSparseMap {
				return nil, errors.New("a broken sparse map")
			}
			want = 1 + 2*count
		}
		if lines += n; lines >= want {
			return b, nil
		}
	}
	return nil, errors.New("a broken sparse map")
}

func octal(f []byte) (int64, error) {
	n, err := strconv.ParseInt(string(f), 8, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a number of a tar header", f)
	}
	return n, nil
}

func cString(f []byte) string {
	if i := bytes.IndexByte(f, 0); i >= 0 {
		f = f[:i]
	}
	return string(f)
}

// noEOF makes an end of input inside of something an error.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
