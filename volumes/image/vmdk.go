package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"golang.org/x/text/encoding"
)

// VMDK, the format of VMware: a text (the descriptor) that names extents, which
// are flat or sparse files. The descriptor of a sparse file may be inside of it.
// Numbers are little endian, in sectors. (VMware: Virtual Disk Format 1.1;
// libyal: VMware Virtual Disk format.)
const (
	vmdkText       = "# Disk DescriptorFile"
	vmdkMagic      = "KDMV"
	vmdkMaxText    = 64 << 10
	vmdkMaxExtents = 4096
	vmdkNoParent   = "ffffffff"

	// Flags of a sparse file.
	vmdkNewlines   = 1 << 0
	vmdkZeroGrains = 1 << 2
	vmdkPacked     = 1 << 16
	vmdkMarkers    = 1 << 17

	vmdkAtEnd = math.MaxUint64 // the directory is told by a footer
)

func isVMDK(_ *file, head []byte) bool {
	return has(head, 0, vmdkMagic) || has(head, 0, vmdkText) || has(head, 0, "COWD")
}

func openVMDK(o *opener, f *file) (*disk, error) {
	head, err := f.head("VMDK", 0, 4)
	if err != nil {
		return nil, err
	}
	if has(head, 0, "# Di") {
		b, err := f.head("VMDK", 0, int(min(f.size, vmdkMaxText)))
		if err != nil {
			return nil, err
		}
		return o.vmdkDescriptor(f, b)
	}
	d := &disk{variant: "sparse"}
	s, err := openSparse(f, d)
	if err != nil {
		return nil, err
	}
	d.layout, d.size = s, s.size
	// Pieces of a split disk have no descriptor inside, or room for one.
	t := parseVMDK(s.text)
	if t.values["createtype"] == "" {
		if name := vmdkWhole(f.name); name != "" {
			if h, err := o.open(name); err == nil {
				h.Close()
				return nil, &UnsupportedError{Path: f.name, Format: "VMDK", Feature: "that is one piece of a disk", Hint: "give the whole disk: " + name}
			}
		}
		d.problem("it has no descriptor: when it is one piece of a disk in several files, give the file that names them")
		return d, nil
	}
	d.variant = t.values["createtype"]
	return d, o.vmdkParent(f, d, t)
}

// vmdkWhole is the name of the descriptor that a piece like disk-s001.vmdk
// belongs to, "" when the name is not of that kind.
func vmdkWhole(path string) string {
	base, ok := strings.CutSuffix(strings.ToLower(path), ".vmdk")
	digits := strings.TrimRight(base, "0123456789")
	if !ok || len(base)-len(digits) != 3 || !strings.HasSuffix(digits, "-s") && !strings.HasSuffix(digits, "-f") {
		return ""
	}
	return path[:len(digits)-2] + path[len(path)-5:]
}

// vmdkParent checks and opens the parent, if there is one.
func (o *opener) vmdkParent(f *file, d *disk, t *vmdkDescriptor) (err error) {
	d.id = t.values["cid"]
	id := t.values["parentcid"]
	if id == "" || id == vmdkNoParent {
		return nil
	}
	d.variant += ", differencing"
	d.parent, err = o.parent(f, "VMDK", "parent", "", id, []string{t.values["parentfilenamehint"]})
	return err
}

// vmdkDescriptor opens the extents that a descriptor names.
func (o *opener) vmdkDescriptor(f *file, b []byte) (*disk, error) {
	t := parseVMDK(b)
	d := &disk{variant: t.values["createtype"]}
	if t.bad != "" {
		return nil, f.damaged("VMDK", -1, "descriptor: %s", t.bad)
	}
	if len(t.extents) == 0 {
		return nil, f.damaged("VMDK", -1, "its descriptor names no extents")
	}
	x := &vmdkExtents{}
	opened := map[string]*file{}
	for _, e := range t.extents {
		if e.sectors > (maxSize-d.size)/512 {
			return nil, f.damaged("VMDK", -1, "descriptor: extents of more than %d bytes", int64(maxSize))
		}
		n := e.sectors * 512
		x.starts = append(x.starts, d.size)
		var l layout
		switch e.kind {
		case "ZERO":
			l = nothing{}
		case "FLAT", "VMFS", "SPARSE", "VMFSSPARSE":
			g := opened[e.file]
			if g == nil {
				var put string
				var err error
				g, put, err = o.beside(f, e.file)
				if errors.Is(err, fs.ErrNotExist) {
					return nil, &MissingError{Path: f.name, Format: "VMDK", Role: "extent", Name: e.file, Put: put}
				}
				if err != nil {
					return nil, fmt.Errorf("%s: its extent: %w", f.name, err)
				}
				opened[e.file] = g
			}
			if strings.HasSuffix(e.kind, "SPARSE") {
				s, err := openSparse(g, d)
				if err != nil {
					return nil, err
				}
				if s.size < n {
					return nil, g.damaged("VMDK", 12, "an extent of %d bytes, but %s says %d", s.size, f.name, n)
				}
				d.lookForCut(s)
				l = s
				break
			}
			if e.offset > g.size/512 || n > g.size-e.offset*512 {
				d.cutShort(g, e.offset*512+n)
			}
			l = shifted{g, e.offset * 512}
		default:
			return nil, &UnsupportedError{Path: f.name, Format: "VMDK", Feature: "with extents of the kind " + e.kind, Hint: convertHint(f.name)}
		}
		x.layouts = append(x.layouts, l)
		d.size += n
	}
	x.end = d.size
	d.layout = x
	return d, o.vmdkParent(f, d, t)
}

// vmdkDescriptor is the text of a VMDK.
type vmdkDescriptor struct {
	values  map[string]string // by the name in lower case
	extents []vmdkExtent
	bad     string // what makes no sense
}

type vmdkExtent struct {
	kind    string
	sectors int64
	file    string
	offset  int64 // sectors, of a flat one
}

// vmdkEncodings are those of names in descriptors, apart from UTF-8.
var vmdkEncodings = map[string]encoding.Encoding{
	"windows-1250": charmap.Windows1250, "windows-1251": charmap.Windows1251, "windows-1252": charmap.Windows1252,
	"windows-1253": charmap.Windows1253, "windows-1254": charmap.Windows1254, "windows-1255": charmap.Windows1255,
	"windows-1256": charmap.Windows1256, "windows-1257": charmap.Windows1257, "windows-1258": charmap.Windows1258,
	"shift_jis": japanese.ShiftJIS, "gbk": simplifiedchinese.GBK, "big5": traditionalchinese.Big5,
}

func parseVMDK(b []byte) *vmdkDescriptor {
	t := &vmdkDescriptor{values: map[string]string{}}
	text := trimNUL(string(b))
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == "encoding" {
			if e := vmdkEncodings[strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`))]; e != nil {
				if decoded, err := e.NewDecoder().String(text); err == nil {
					text = decoded
				}
			}
			break
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		words := strings.Fields(line)
		if len(words) >= 3 && (words[0] == "RW" || words[0] == "RDONLY" || words[0] == "NOACCESS") {
			e := vmdkExtent{kind: words[2]}
			if words[0] == "NOACCESS" {
				e.kind = "NOACCESS"
			}
			var err error
			if e.sectors, err = strconv.ParseInt(words[1], 10, 64); err != nil || e.sectors < 0 {
				t.bad = fmt.Sprintf("an extent of %q sectors", words[1])
			}
			if _, rest, ok := strings.Cut(line, `"`); ok {
				name, rest, _ := strings.Cut(rest, `"`)
				e.file = name
				if rest = strings.TrimSpace(rest); rest != "" {
					rest, _, _ = strings.Cut(rest, " ")
					if e.offset, err = strconv.ParseInt(rest, 10, 64); err != nil || e.offset < 0 || e.offset > maxSize/512 {
						t.bad = fmt.Sprintf("an extent at sector %q", rest)
					}
				}
			}
			if len(t.extents) == vmdkMaxExtents {
				t.bad = fmt.Sprintf("more than %d extents", vmdkMaxExtents)
				break
			}
			t.extents = append(t.extents, e)
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			value = strings.Trim(strings.TrimSpace(value), `"`)
			key = strings.ToLower(strings.TrimSpace(key))
			if key == "cid" || key == "parentcid" {
				value = strings.ToLower(value)
			}
			t.values[key] = value
		}
	}
	return t
}

// vmdkExtents is the layout of several extents.
type vmdkExtents struct {
	starts  []int64
	layouts []layout
	end     int64
}

func (x *vmdkExtents) locate(off int64) (run, error) {
	i := sort.Search(len(x.starts), func(i int) bool { return x.starts[i] > off }) - 1
	end := x.end
	if i+1 < len(x.starts) {
		end = x.starts[i+1]
	}
	r, err := x.layouts[i].locate(off - x.starts[i])
	r.n = min(r.n, end-off)
	r.unit += x.starts[i]
	return r, err
}

func (*vmdkExtents) unpack([]byte, run) error { return errNotPacked }

// nothing is an extent of zeros.
type nothing struct{}

func (nothing) locate(int64) (run, error) { return run{kind: zeros, n: math.MaxInt64}, nil }
func (nothing) unpack([]byte, run) error  { return errNotPacked }

// shifted is a flat extent that begins somewhere in its file.
type shifted struct {
	f   *file
	off int64
}

func (s shifted) locate(off int64) (run, error) {
	return run{kind: stored, n: math.MaxInt64 - off, file: s.f, at: s.off + off}, nil
}

func (shifted) unpack([]byte, run) error { return errNotPacked }

// sparse is the layout of a sparse extent: a directory of tables of grains.
type sparse struct {
	f         *file
	size      int64 // bytes of the disk
	grain     int64 // bytes
	perTable  int64
	directory int64 // offset
	flags     uint32
	text      []byte // the descriptor inside, nil for none
}

func openSparse(f *file, d *disk) (*sparse, error) {
	h, err := f.head("VMDK", 0, 512)
	if err != nil {
		return nil, err
	}
	if has(h, 0, "COWD") {
		return openCOWD(f, h)
	}
	le := binary.LittleEndian
	if !has(h, 0, vmdkMagic) {
		return nil, f.damaged("VMDK", 0, "no sparse extent is here")
	}
	at := int64(0)
	if le.Uint64(h[56:]) == vmdkAtEnd {
		// Footer and end-of-stream marker are the last two sectors.
		if at = f.size - 1024; at < 512 {
			return nil, f.damaged("VMDK", 56, "a footer is announced, but the file has %d bytes", f.size)
		}
		front := h
		if h, err = f.head("VMDK", at, 512); err != nil {
			return nil, err
		}
		if !has(h, 0, vmdkMagic) || le.Uint64(h[56:]) == vmdkAtEnd {
			return nil, f.damaged("VMDK", at, "no footer is here: the file may be cut short, as by a broken download")
		}
		// The descriptor is told in front.
		copy(h[28:44], front[28:44])
	}
	bad := func(off int64, why string, args ...any) error { return f.damaged("VMDK", at+off, why, args...) }
	if v := le.Uint32(h[4:]); v < 1 || v > 3 {
		return nil, &UnsupportedError{Path: f.name, Format: "VMDK", Feature: fmt.Sprintf("of version %d", v), Hint: convertHint(f.name)}
	}
	s := &sparse{f: f, flags: le.Uint32(h[8:]), perTable: int64(le.Uint32(h[44:]))}
	if s.flags&vmdkNewlines != 0 && !has(h, 73, "\n \r\n") {
		return nil, bad(73, "line ends in it were changed: it was copied as if it were a text; copy it again")
	}
	capacity, grain, directory := le.Uint64(h[12:]), le.Uint64(h[20:]), le.Uint64(h[56:])
	if capacity > maxSize/512 {
		return nil, bad(12, "a disk of %d sectors", capacity)
	}
	if grain > 2048 || !isPowerOfTwo(int64(grain), 8, 2048) {
		return nil, bad(20, "grains of %d sectors", grain)
	}
	if s.perTable < 1 || s.perTable > 1<<16 {
		return nil, bad(44, "tables of %d grains", s.perTable)
	}
	if s.flags&vmdkPacked != 0 && le.Uint16(h[77:]) != 1 {
		return nil, &UnsupportedError{Path: f.name, Format: "VMDK", Feature: fmt.Sprintf("with the compression %d", le.Uint16(h[77:])), Hint: convertHint(f.name)}
	}
	s.size, s.grain = int64(capacity)*512, int64(grain)*512
	tables := (s.size + s.grain*s.perTable - 1) / (s.grain * s.perTable)
	if directory > uint64(f.size)/512 || tables*4 > f.size-int64(directory)*512 {
		return nil, bad(56, "a directory of %d tables at sector %d, past the end of the file (%d bytes), which may be cut short", tables, directory, f.size)
	}
	s.directory = int64(directory) * 512
	if h[72] != 0 {
		d.problem("%s was not closed cleanly; what the machine had in its memory then is lost", f.name)
	}
	if off, n := le.Uint64(h[28:]), le.Uint64(h[36:]); off != 0 && n != 0 && off <= uint64(f.size)/512 {
		off := int64(off) * 512
		n := min(int64(min(n, vmdkMaxText/512))*512, f.size-off)
		if s.text, err = f.head("VMDK", off, int(n)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// openCOWD opens a sparse extent of ESX.
func openCOWD(f *file, h []byte) (*sparse, error) {
	le := binary.LittleEndian
	capacity, grain, directory, tables := int64(le.Uint32(h[12:])), int64(le.Uint32(h[16:])), int64(le.Uint32(h[20:])), int64(le.Uint32(h[24:]))
	s := &sparse{f: f, size: capacity * 512, grain: grain * 512, perTable: 4096, directory: directory * 512}
	if !isPowerOfTwo(grain, 1, 2048) {
		return nil, f.damaged("VMDK", 16, "grains of %d sectors", grain)
	}
	if need := (s.size + s.grain*s.perTable - 1) / (s.grain * s.perTable); tables < need || s.directory > f.size || tables*4 > f.size-s.directory {
		return nil, f.damaged("VMDK", 20, "a directory of %d tables at sector %d; %d are needed, and the file has %d bytes", tables, directory, need, f.size)
	}
	return s, nil
}

func (s *sparse) locate(off int64) (run, error) {
	i, in := off/s.grain, off%s.grain
	table, err := s.f.le32(s.directory + i/s.perTable*4)
	if err != nil {
		return run{}, err
	}
	if table == 0 {
		return run{kind: absent, n: (s.perTable-i%s.perTable)*s.grain - in}, nil
	}
	e, err := s.f.le32(int64(table)*512 + i%s.perTable*4)
	if err != nil {
		return run{}, err
	}
	n := s.grain - in
	at := int64(e) * 512
	switch {
	case e == 0:
		return run{kind: absent, n: n}, nil
	case e == 1 && s.flags&vmdkZeroGrains != 0:
		return run{kind: zeros, n: n}, nil
	case s.flags&vmdkPacked == 0:
		return run{kind: stored, n: n, file: s.f, at: at + in}, nil
	}
	size := min(s.grain, s.size-(off-in))
	r := run{kind: packed, n: n, file: s.f, at: at, unit: off - in, size: int(size), by: s, tag: (off - in) / 512}
	if s.flags&vmdkMarkers == 0 {
		r.len = int(min(2*s.grain, s.f.size-at))
	} else {
		var marker [12]byte
		if err := s.f.entry(marker[:], at); err != nil {
			return run{}, err
		}
		length := int64(binary.LittleEndian.Uint32(marker[8:]))
		if sector := binary.LittleEndian.Uint64(marker[:]); sector != uint64(r.tag) {
			return run{}, s.f.damaged("VMDK", at, "the grain of sector %d stands where that of sector %d must be", sector, r.tag)
		}
		if length > 2*s.grain {
			return run{}, s.f.damaged("VMDK", at+8, "a grain of %d compressed bytes", length)
		}
		r.at, r.len = at+12, int(length)
	}
	if r.len <= 0 || int64(r.len) > s.f.size-r.at {
		return run{}, fmt.Errorf("%s: offset %#x: a compressed grain of %d bytes: %w", s.f.name, at, r.len, errCut)
	}
	return r, nil
}

func (s *sparse) unpack(dst []byte, r run) error {
	return withPacked(r, func(src []byte) error { return inflateZlib(dst, src, int(s.grain)) })
}
