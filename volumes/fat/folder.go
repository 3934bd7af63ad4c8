package fat

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// entrySize is the size of an entry of a folder.
const entrySize = 32

// Attributes of an entry. The first, and folder and archive, are those of
// Windows.
const (
	attrLabel    = 0x08
	attrLongName = 0x0F
	attrMask     = winfs.AttrReadOnly | winfs.AttrHidden | winfs.AttrSystem | winfs.AttrDirectory | winfs.AttrArchive
)

// node is a file or folder.
type node struct {
	name, short string
	parent      uint32
	first       uint32 // children in FS.kids
	count       uint32
	cluster     uint32
	size        uint32
	pos         int64 // of the entry, on the volume
	created     uint32
	modified    uint32
	accessed    uint16
	tenths      uint8 // of created: 10 ms each
	attr        uint8
	damage      string
}

// load lists all folders.
func (fs *FS) load() {
	fs.nodes = []node{{attr: winfs.AttrDirectory, cluster: fs.g.rootCluster}}
	used := map[uint32]bool{} // clusters of folders
	for i := 0; i < len(fs.nodes); i++ {
		if fs.nodes[i].attr&winfs.AttrDirectory == 0 {
			continue
		}
		first := len(fs.nodes)
		fs.loadFolder(uint32(i), used)
		fs.nodes[i].first, fs.nodes[i].count = uint32(first), uint32(len(fs.nodes)-first)
		slices.SortStableFunc(fs.nodes[first:], func(a, b node) int { return compareNames(a.name, b.name) })
	}
	fs.kids = make([]winfs.Entry, len(fs.nodes))
	for i := range fs.kids {
		fs.kids[i] = winfs.Entry(i)
	}
}

func (fs *FS) where(i uint32) string {
	if i == 0 {
		return "the root folder"
	}
	return fmt.Sprintf("the folder %q", winfs.Path(fs, winfs.Entry(i)))
}

// damaged notes what is wrong with a folder.
func (fs *FS) damaged(i uint32, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	fs.problem(fs.where(i), what)
	if n := &fs.nodes[i]; n.damage == "" {
		n.damage = what
	}
}

// loadFolder appends what is in one folder.
func (fs *FS) loadFolder(i uint32, used map[uint32]bool) {
	p := parser{fs: fs, parent: i}
	if i == 0 && fs.g.bits != 32 {
		fs.readFolder(&p, fs.g.root, fs.g.rootSize)
		return
	}
	c := fs.tab.follow(fs.nodes[i].cluster, uint32(maxFolder/fs.g.cluster)+1, true)
	count := c.count
	for k, r := range c.runs {
		end := count
		if k+1 < len(c.runs) {
			end = c.runs[k+1].index
		}
		for n := range end - r.index {
			at := r.start + n
			if used[at] {
				fs.damaged(i, "cluster %#x belongs to another folder; what is in it from there on is there, or lost", at)
				return
			}
			used[at] = true
			if fs.readFolder(&p, fs.g.pos(at), fs.g.cluster); p.end {
				return
			}
		}
	}
	switch {
	case c.err != nil:
		fs.damaged(i, "%v; the files behind are lost", c.err)
	case !c.ended:
		fs.damaged(i, "it has more than %d bytes; what lies behind is not read", maxFolder)
	}
}

// readFolder reads a piece of a folder; what cannot be read is tried by sectors.
func (fs *FS) readFolder(p *parser, pos, size int64) {
	b := make([]byte, size)
	if n, _ := fs.r.ReadAt(b, pos); n == len(b) {
		p.parse(b, pos)
		return
	}
	var first error
	for off := int64(0); off < size && !p.end; off += fs.g.sector {
		s := b[off:min(off+fs.g.sector, size)]
		if n, err := fs.r.ReadAt(s, pos+off); n < len(s) {
			if first == nil {
				first = err
			}
			p.long = longName{} // it may have begun there
			continue
		}
		p.parse(s, pos+off)
	}
	if first != nil {
		fs.damaged(p.parent, "bytes of it at %#x cannot be read (%v); the files that stand there are lost", pos, first)
	}
}

// parser takes the entries of a folder in their order.
type parser struct {
	fs     *FS
	parent uint32
	long   longName
	end    bool
}

func (p *parser) parse(b []byte, pos int64) {
	for off := 0; off+entrySize <= len(b); off += entrySize {
		e := b[off : off+entrySize]
		switch {
		case e[0] == 0:
			p.end = true
			return
		case e[0] == 0xE5: // deleted
			p.long = longName{}
		case e[11]&0x3F == attrLongName:
			p.long.add(e)
		default:
			p.take(e, pos+int64(off))
			p.long = longName{}
		}
	}
}

// take makes a node of an entry.
func (p *parser) take(e []byte, pos int64) {
	if e[11]&attrLabel != 0 {
		if p.parent == 0 && e[11]&winfs.AttrDirectory == 0 {
			if label := labelOf(e[:11]); label != "" {
				p.fs.label = label
			}
		}
		return
	}
	if bytes.Equal(e[:11], []byte(".          ")) || bytes.Equal(e[:11], []byte("..         ")) {
		return
	}
	if len(p.fs.nodes) >= maxEntries {
		if !p.end {
			p.fs.damaged(p.parent, "the volume has more than %d files; the others are not listed", maxEntries)
		}
		p.end = true
		return
	}
	le := binary.LittleEndian
	n := node{
		parent: p.parent, pos: pos,
		attr: e[11] & attrMask, tenths: e[13],
		created: uint32(le.Uint16(e[16:]))<<16 | uint32(le.Uint16(e[14:])), accessed: le.Uint16(e[18:]),
		modified: uint32(le.Uint16(e[24:]))<<16 | uint32(le.Uint16(e[22:])),
		cluster:  uint32(le.Uint16(e[26:])), size: le.Uint32(e[28:]),
	}
	if p.fs.g.bits == 32 {
		n.cluster |= uint32(le.Uint16(e[20:])&0xFFF) << 16
	}
	short := shortName(e, 0)
	n.name = p.long.name(e)
	switch {
	case n.name == "":
		n.name = shortName(e, e[12])
	case n.name != short:
		n.short = short
	}
	if n.name == "" || n.name == "." || n.name == ".." {
		p.fs.damaged(p.parent, "an entry at %#x is named %q; it is left out", pos, n.name)
		return
	}
	p.fs.nodes = append(p.fs.nodes, n)
}

// oem decodes the bytes of short names. Windows uses the code page of its
// language, which the volume does not tell; 850 has the letters of Western
// Europe, and those of 437 at the same places. Names with other letters have a
// long form, which is UTF-16.
var oem = charmap.CodePage850

// shortName is the 8.3 name of an entry; flags tell which parts of it are shown
// in lower case (Windows NT).
func shortName(e []byte, flags byte) string {
	part := func(b []byte, lower bool) string {
		var s strings.Builder
		for i, c := range bytes.TrimRight(b, " ") {
			if i == 0 && c == 0x05 && len(b) == 8 {
				c = 0xE5 // which marks deleted entries
			}
			s.WriteRune(oem.DecodeByte(c))
		}
		if lower {
			return strings.ToLower(s.String())
		}
		return s.String()
	}
	base, ext := part(e[:8], flags&0x08 != 0), part(e[8:11], flags&0x10 != 0)
	if ext == "" {
		return base
	}
	return base + "." + ext
}

// labelOf decodes the name of a volume.
func labelOf(b []byte) string {
	var s strings.Builder
	for _, c := range bytes.TrimRight(b, " \x00") {
		s.WriteRune(oem.DecodeByte(c))
	}
	if s.String() == "NO NAME" {
		return ""
	}
	return s.String()
}

// longName collects the pieces of a long name, which stand before the entry
// they belong to, the last piece first.
type longName struct {
	units [20 * 13]uint16
	count int // pieces in all, 0 when there is none
	next  int // the number of the next piece
	sum   byte
}

func (l *longName) add(e []byte) {
	n := int(e[0] & 0x3F)
	if e[0]&0x40 != 0 {
		if n < 1 || n > 20 {
			*l = longName{}
			return
		}
		l.count, l.next, l.sum = n, n, e[13]
	}
	if l.count == 0 || n != l.next || e[13] != l.sum || n == 0 {
		*l = longName{}
		return
	}
	at := 13 * (n - 1)
	for _, field := range [...][2]int{{1, 11}, {14, 26}, {28, 32}} {
		for i := field[0]; i < field[1]; i += 2 {
			l.units[at] = binary.LittleEndian.Uint16(e[i:])
			at++
		}
	}
	l.next--
}

// name is the long name of an entry, "" when there is none that belongs to it.
func (l *longName) name(e []byte) string {
	if l.count == 0 || l.next != 0 {
		return ""
	}
	var sum byte
	for _, c := range e[:11] {
		sum = sum<<7 | sum>>1
		sum += c
	}
	if sum != l.sum {
		return ""
	}
	u := l.units[:13*l.count]
	if i := slices.Index(u, 0); i >= 0 {
		u = u[:i]
	}
	return wstr.FromUTF16(u)
}

// stamp converts a date and a time of FAT, the date above; 0 for none.
func stamp(v uint32, tenths uint8) wstr.Filetime {
	d, t := v>>16, v&0xFFFF
	month, day := d>>5&15, d&31
	if month < 1 || month > 12 || day < 1 || tenths > 199 {
		return 0
	}
	return wstr.FiletimeOf(time.Date(1980+int(d>>9), time.Month(month), int(day), int(t>>11), int(t>>5&63), int(t&31)*2, int(tenths)*1e7, time.UTC))
}
