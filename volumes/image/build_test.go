package image

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"hash/crc32"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// Writers of small images, from the specifications, without the code under
// test.

// folder is a folder of the host in memory.
type folder map[string][]byte

type memFile struct {
	*bytes.Reader
	name string
}

func (f memFile) Close() error               { return nil }
func (f memFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f memFile) Name() string               { return f.name }
func (f memFile) Mode() fs.FileMode          { return 0o600 }
func (f memFile) ModTime() time.Time         { return time.Time{} }
func (f memFile) IsDir() bool                { return false }
func (f memFile) Sys() any                   { return nil }

func (d folder) options() Options {
	return Options{Open: func(path string) (File, error) {
		b, ok := d[path]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return memFile{bytes.NewReader(b), path}, nil
	}}
}

func (d folder) open(t testing.TB, path string) *Image {
	t.Helper()
	img, err := Open(path, d.options())
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// buffer is a file that grows where it is written to.
type buffer struct{ b []byte }

func (w *buffer) at(off int, p []byte) {
	if n := off + len(p); n > len(w.b) {
		w.b = append(w.b, make([]byte, n-len(w.b))...)
	}
	copy(w.b[off:], p)
}

func (w *buffer) le16(off int, v uint16) { w.at(off, binary.LittleEndian.AppendUint16(nil, v)) }
func (w *buffer) le32(off int, v uint32) { w.at(off, binary.LittleEndian.AppendUint32(nil, v)) }
func (w *buffer) le64(off int, v uint64) { w.at(off, binary.LittleEndian.AppendUint64(nil, v)) }
func (w *buffer) be32(off int, v uint32) { w.at(off, binary.BigEndian.AppendUint32(nil, v)) }
func (w *buffer) be64(off int, v uint64) { w.at(off, binary.BigEndian.AppendUint64(nil, v)) }

// end gives the next multiple of align at the end of the file.
func (w *buffer) end(align int) int { return (len(w.b) + align - 1) / align * align }

func utf16LE(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// id is a UUID in the order of its text.
func id(n byte) []byte { return bytes.Repeat([]byte{n}, 16) }

// idText is the text of id, which is the same in both byte orders.
func idText(n byte) string {
	x := fmt.Sprintf("%02x", n)
	r := func(k int) string { return strings.Repeat(x, k) }
	return r(4) + "-" + r(2) + "-" + r(2) + "-" + r(2) + "-" + r(6)
}

// here says which sectors of a disk an image holds.
type here func(sector int) bool

func all(int) bool { return true }

// block says whether any of n sectors from first on is held.
func (h here) block(first, n int) bool {
	for i := range n {
		if h(first + i) {
			return true
		}
	}
	return false
}

// mix is what a disk is whose sectors are those of top where top holds them,
// and those of below else.
func mix(top, below []byte, has here) []byte {
	out := bytes.Clone(top)
	for i := 0; i < len(out); i += 512 {
		if !has(i / 512) {
			s := out[i:min(i+512, len(out))]
			clear(s)
			if i < len(below) {
				copy(s, below[i:])
			}
		}
	}
	return out
}

func ones(b []byte, without int) uint32 {
	var sum uint32
	for i, c := range b {
		if i < without || i >= without+4 {
			sum += uint32(c)
		}
	}
	return ^sum
}

// vhdSpec is a dynamic or differencing VHD; with a block of 0 a fixed one.
type vhdSpec struct {
	disk       []byte
	block      int
	has        here
	id, parent byte // parent 0: none
	name       string
	locators   map[string]string // by code
}

func (s vhdSpec) build() []byte {
	var foot buffer
	foot.at(0, []byte("conectix"))
	foot.be32(8, 2)
	foot.be32(12, 0x10000)
	foot.be64(16, 512)
	foot.at(28, []byte("win "))
	foot.be64(40, uint64(len(s.disk)))
	foot.be64(48, uint64(len(s.disk)))
	kind := uint32(3)
	switch {
	case s.block == 0:
		kind = 2
		foot.be64(16, 1<<64-1)
	case s.parent != 0:
		kind = 4
	}
	foot.be32(60, kind)
	foot.at(68, id(s.id))
	foot.at(511, []byte{0})
	foot.be32(64, ones(foot.b, 64))
	if s.block == 0 {
		return append(bytes.Clone(s.disk), foot.b...)
	}
	w := &buffer{}
	w.at(0, foot.b)
	blocks := (len(s.disk) + s.block - 1) / s.block
	const table = 2048
	head := &buffer{}
	head.at(0, []byte("cxsparse"))
	head.be64(8, 1<<64-1)
	head.be64(16, table)
	head.be32(24, 0x10000)
	head.be32(28, uint32(blocks))
	head.be32(32, uint32(s.block))
	head.at(1023, []byte{0})
	w.at(table, bytes.Repeat([]byte{255}, (blocks*4+511)/512*512))
	if s.parent != 0 {
		head.at(40, id(s.parent))
		for i, u := range utf16.Encode([]rune(s.name)) {
			head.at(64+2*i, binary.BigEndian.AppendUint16(nil, u))
		}
		i := 0
		for code, path := range s.locators {
			b := utf16LE(path)
			if code == "MacX" {
				b = []byte(path)
			}
			at := w.end(512)
			w.at(at, b)
			head.at(576+24*i, []byte(code))
			head.be32(576+24*i+4, 512)
			head.be32(576+24*i+8, uint32(len(b)))
			head.be64(576+24*i+16, uint64(at))
			i++
		}
	}
	head.be32(36, ones(head.b, 36))
	w.at(512, head.b)
	for i := range blocks {
		per := s.block / 512
		if !s.has.block(i*per, per) {
			continue
		}
		at := w.end(512)
		w.be32(table+4*i, uint32(at/512))
		bitmap := make([]byte, (per/8+511)/512*512)
		for j := range per {
			if s.has(i*per + j) {
				bitmap[j/8] |= 0x80 >> (j % 8)
			}
		}
		w.at(at, bitmap)
		data := make([]byte, s.block)
		copy(data, s.disk[i*s.block:])
		for j := range per {
			if s.parent != 0 && !s.has(i*per+j) {
				copy(data[j*512:], bytes.Repeat([]byte("stale!"), 100)[:512]) // must not be read
			}
		}
		w.at(at+len(bitmap), data)
	}
	w.at(w.end(512), foot.b)
	return w.b
}

// vhdxSpec is a dynamic or differencing VHDX.
type vhdxSpec struct {
	disk       []byte
	block      int // 0: 1 MiB
	sector     int // 0: 512
	has        here
	id, parent byte
	locator    map[string]string
	states     map[int]uint64 // other states of blocks
	log        func(w *buffer, off, size int)
}

const (
	vhdxLogAt, vhdxMetaAt, vhdxBATAt = 1 << 20, 2 << 20, 3 << 20
)

func mixed(text string) []byte {
	text = strings.ReplaceAll(text, "-", "")
	b := make([]byte, 16)
	fmt.Sscanf(text, "%x", &b)
	slices.Reverse(b[:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	return b
}

func castagnoliOf(b []byte) uint32 {
	return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
}

func (s vhdxSpec) build() []byte {
	if s.block == 0 {
		s.block = 1 << 20
	}
	if s.sector == 0 {
		s.sector = 512
	}
	w := &buffer{}
	w.at(0, []byte("vhdxfile"))
	for i, off := range []int{64 << 10, 128 << 10} {
		h := &buffer{b: make([]byte, 4096)}
		h.at(0, []byte("head"))
		h.le64(8, uint64(7+i))
		h.at(16, id(0xF0))
		h.at(32, id(s.id))
		if s.log != nil {
			h.at(48, id(0x10))
		}
		h.le16(66, 1)
		h.le32(68, 1<<20)
		h.le64(72, vhdxLogAt)
		h.le32(4, castagnoliOf(h.b))
		w.at(off, h.b)
	}
	for _, off := range []int{192 << 10, 256 << 10} {
		r := &buffer{b: make([]byte, 64<<10)}
		r.at(0, []byte("regi"))
		r.le32(8, 2)
		r.at(16, mixed("2dc27766-f623-4200-9d64-115e9bfd4a08"))
		r.le64(32, vhdxBATAt)
		r.le32(40, 1<<20)
		r.le32(44, 1)
		r.at(48, mixed("8b7ca206-4790-4b9a-b8fe-575f050f886e"))
		r.le64(64, vhdxMetaAt)
		r.le32(72, 1<<20)
		r.le32(76, 1)
		r.le32(4, castagnoliOf(r.b))
		w.at(off, r.b)
	}
	m := &buffer{b: make([]byte, 64<<10)}
	m.at(0, []byte("metadata"))
	items := 0
	item := func(guid string, flags uint32, b []byte) {
		at := len(m.b)
		m.at(at, b)
		m.at(32+32*items, mixed(guid))
		m.le32(32+32*items+16, uint32(at))
		m.le32(32+32*items+20, uint32(len(b)))
		m.le32(32+32*items+24, flags)
		items++
	}
	u32 := func(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
	var flags uint32
	if s.parent != 0 {
		flags = 2
	}
	item("caa16737-fa36-4d43-b3b6-33f0aa44e76b", 4, append(u32(uint32(s.block)), u32(flags)...))
	item("2fa54224-cd1b-4876-b211-5dbed83bf4b8", 6, binary.LittleEndian.AppendUint64(nil, uint64(len(s.disk))))
	item("beca12ab-b2e6-4523-93ef-c309e000c746", 6, id(0xDD))
	item("8141bf1d-a96f-4709-ba47-f233a8faab5f", 6, u32(uint32(s.sector)))
	item("cda348c7-445d-4471-9cc9-e9885251c556", 6, u32(4096))
	if s.parent != 0 {
		l := &buffer{}
		l.at(0, mixed("b04aefb7-d19e-4a81-b789-25b8e9445913"))
		l.le16(18, uint16(len(s.locator)))
		l.at(20+12*len(s.locator)-1, []byte{0})
		i := 0
		for k, v := range s.locator {
			for j, text := range []string{k, v} {
				at := len(l.b)
				l.at(at, utf16LE(text))
				l.le32(20+12*i+4*j, uint32(at))
				l.le16(20+12*i+8+2*j, uint16(2*len(text)))
			}
			i++
		}
		item("a8d35f2d-b30b-454d-abf7-d3d84834ab0c", 4, l.b)
	}
	m.le16(10, uint16(items))
	w.at(vhdxMetaAt, m.b)
	w.at(vhdxBATAt+1<<20-1, []byte{0})
	ratio := int(int64(s.sector) << 23 / int64(s.block))
	per := s.block / 512
	for i := range (len(s.disk) + s.block - 1) / s.block {
		chunk := i / ratio
		entry := vhdxBATAt + 8*(i+chunk)
		if state, ok := s.states[i]; ok {
			w.le64(entry, state)
			continue
		}
		if !s.has.block(i*per, per) {
			continue
		}
		at := w.end(1 << 20)
		data := make([]byte, s.block)
		copy(data, s.disk[i*s.block:])
		w.at(at, data)
		state := uint64(6)
		if s.parent != 0 {
			state = 7
			entry := vhdxBATAt + 8*(chunk*(ratio+1)+ratio)
			bitmap := int(binary.LittleEndian.Uint64(w.b[entry:]) &^ 0xFFFFF)
			if bitmap == 0 {
				bitmap = w.end(1 << 20)
				w.at(bitmap, make([]byte, 1<<20))
				w.le64(entry, uint64(bitmap)|6)
			}
			sectors := s.block / s.sector
			for j := range sectors {
				bit := i%ratio*sectors + j
				if s.has((i*s.block + j*s.sector) / 512) {
					w.b[bitmap+bit/8] |= 1 << (bit % 8)
				} else {
					copy(w.b[at+j*s.sector:], bytes.Repeat([]byte("stale!"), 1000)[:s.sector])
				}
			}
		}
		w.le64(entry, uint64(at)|state)
	}
	if s.log != nil {
		w.at(vhdxLogAt+1<<20-1, []byte{0})
		s.log(w, vhdxLogAt, 1<<20)
	}
	return w.b
}

// change is one change of a file in a log: data of whole pages, or zeros.
type change struct {
	off  int
	data []byte
	zero int
}

// logEntryOf is an entry of a VHDX log: changes of a file.
func logEntryOf(seq uint64, tail int, fileSize int, changes ...change) []byte {
	w := &buffer{}
	var pages int
	for _, c := range changes {
		pages += max(1, len(c.data)/4096)
	}
	data := (64 + 32*pages + 4095) / 4096 * 4096
	n := 0
	desc := func(sig string, a uint32, b, c uint64) {
		at := 64 + 32*n
		w.at(at, []byte(sig))
		w.le32(at+4, a)
		w.le64(at+8, b)
		w.le64(at+16, c)
		w.le64(at+24, seq)
		n++
	}
	for _, c := range changes {
		if c.data == nil {
			desc("zero", 0, uint64(c.zero), uint64(c.off))
			continue
		}
		for i := 0; i < len(c.data); i += 4096 {
			p := c.data[i : i+4096]
			desc("desc", binary.LittleEndian.Uint32(p[4092:]), binary.LittleEndian.Uint64(p), uint64(c.off+i))
			w.at(data, []byte("data"))
			w.le32(data+4, uint32(seq>>32))
			w.at(data+8, p[8:4092])
			w.le32(data+4092, uint32(seq))
			data += 4096
		}
	}
	if len(w.b) < data {
		w.at(data-1, []byte{0})
	}
	w.at(0, []byte("loge"))
	w.le32(8, uint32(len(w.b)))
	w.le32(12, uint32(tail))
	w.le64(16, seq)
	w.le32(24, uint32(n))
	w.at(32, id(0x10))
	w.le64(48, uint64(fileSize))
	w.le64(56, uint64(fileSize))
	w.le32(4, 0)
	w.le32(4, castagnoliOf(w.b))
	return w.b
}

// vmdkSpec is a sparse VMDK with a descriptor inside.
type vmdkSpec struct {
	disk   []byte
	grain  int // sectors; 0: 8
	has    here
	packed bool
	footer bool // the directory is told at the end
	zero   here // grains that are stored as zero
	text   string
}

func (s vmdkSpec) build() []byte {
	if s.grain == 0 {
		s.grain = 8
	}
	const perTable = 512
	w := &buffer{}
	h := &buffer{b: make([]byte, 512)}
	h.at(0, []byte("KDMV"))
	h.le32(4, 1)
	flags := uint32(1)
	if s.zero != nil {
		flags |= 4
	}
	if s.packed {
		flags |= 0x30000
		h.le16(77, 1)
		h.le32(4, 3)
	}
	h.le32(8, flags)
	h.le64(12, uint64(len(s.disk)/512))
	h.le64(20, uint64(s.grain))
	if s.text != "" {
		h.le64(28, 1)
		h.le64(36, 4)
		w.at(512, []byte(s.text))
	}
	h.le32(44, perTable)
	h.at(73, []byte("\n \r\n"))
	grains := (len(s.disk)/512 + s.grain - 1) / s.grain
	tables := (grains + perTable - 1) / perTable
	directory := 8 * 512
	if s.footer {
		// Grains come first.
		w.at(8*512-1, []byte{0})
	} else {
		w.at(directory, make([]byte, (tables*4+511)/512*512+tables*perTable*4))
	}
	entries := make([]uint32, tables*perTable)
	for i := range grains {
		switch {
		case s.zero != nil && s.zero.block(i*s.grain, 1):
			entries[i] = 1
			continue
		case !s.has.block(i*s.grain, s.grain):
			continue
		}
		data := make([]byte, s.grain*512)
		copy(data, s.disk[i*s.grain*512:])
		at := w.end(512)
		entries[i] = uint32(at / 512)
		if s.packed {
			var z bytes.Buffer
			zw := zlib.NewWriter(&z)
			zw.Write(data[:min(len(data), len(s.disk)-i*s.grain*512)])
			zw.Close()
			w.le64(at, uint64(i*s.grain))
			w.le32(at+8, uint32(z.Len()))
			w.at(at+12, z.Bytes())
		} else {
			w.at(at, data)
		}
	}
	if s.footer {
		directory = w.end(512)
	}
	table := directory + (tables*4+511)/512*512
	for i := range tables {
		w.le32(directory+4*i, uint32((table+i*perTable*4)/512))
	}
	for i, e := range entries {
		w.le32(table+4*i, e)
	}
	h.le64(56, uint64(directory/512))
	if s.footer {
		at := w.end(512)
		w.le64(at, 1)
		w.le32(at+12, 3) // the marker of a footer
		w.at(at+512, h.b)
		w.at(at+1024, make([]byte, 512))
		h.le64(56, 1<<64-1)
	}
	w.at(0, h.b)
	return w.b
}

// cowd is a sparse extent of ESX.
func cowd(disk []byte, has here) []byte {
	w := &buffer{}
	grains := (len(disk) + 511) / 512
	tables := (grains + 4095) / 4096
	w.at(0, []byte("COWD"))
	w.le32(4, 1)
	w.le32(8, 3)
	w.le32(12, uint32(len(disk)/512))
	w.le32(16, 1)
	w.le32(20, 4)
	w.le32(24, uint32(tables))
	w.at(2048+511, []byte{0})
	for i := range tables {
		at := w.end(512)
		w.le32(2048+4*i, uint32(at/512))
		w.at(at, make([]byte, 4096*4))
	}
	for i := range grains {
		if has(i) {
			at := w.end(512)
			w.at(at, disk[i*512:i*512+512])
			table := int(binary.LittleEndian.Uint32(w.b[2048+i/4096*4:])) * 512
			w.le32(table+i%4096*4, uint32(at/512))
		}
	}
	return w.b
}

// qcowSpec is a QCOW2 image.
type qcowSpec struct {
	disk         []byte
	size         int // 0: that of disk
	bits         int // 0: 9
	version      int // 0: 3
	has          here
	zero         here // clusters marked as zero (version 3)
	packed       here // clusters that are compressed
	backing      string
	backingFmt   string
	incompatible uint64
	crypt        uint32
	extended     bool
}

func (s qcowSpec) build() []byte {
	if s.bits == 0 {
		s.bits = 9
	}
	if s.version == 0 {
		s.version = 3
	}
	if s.size == 0 {
		s.size = len(s.disk)
	}
	cluster := 1 << s.bits
	entry := 8
	if s.extended {
		entry = 16
		s.incompatible |= 1 << 4
	}
	per := cluster / entry
	w := &buffer{}
	w.at(0, []byte("QFI\xFB"))
	w.be32(4, uint32(s.version))
	w.be32(20, uint32(s.bits))
	w.be64(24, uint64(s.size))
	w.be32(32, s.crypt)
	clusters := (s.size + cluster - 1) / cluster
	tables := (clusters + per - 1) / per
	w.be32(36, uint32(tables))
	w.be64(40, uint64(2*cluster))
	w.be64(48, uint64(cluster)) // reference counts: of nothing
	w.be32(56, 1)
	off := 72
	if s.version == 3 {
		w.be64(72, s.incompatible)
		w.be32(96, 4)
		w.be32(100, 104)
		off = 104
	}
	if s.backingFmt != "" {
		w.be32(off, 0xE2792ACA)
		w.be32(off+4, uint32(len(s.backingFmt)))
		w.at(off+8, []byte(s.backingFmt))
		off += 8 + (len(s.backingFmt)+7)/8*8
	}
	w.be64(off, 0)
	off += 8
	if s.backing != "" {
		w.be64(8, uint64(off))
		w.be32(16, uint32(len(s.backing)))
		w.at(off, []byte(s.backing))
	}
	w.at(2*cluster+(tables*8+cluster-1)/cluster*cluster-1, []byte{0})
	for i := range clusters {
		sectors := cluster / 512
		first := i * sectors
		data := make([]byte, cluster)
		if i*cluster < len(s.disk) {
			copy(data, s.disk[i*cluster:])
		}
		zero := s.zero != nil && s.zero(first)
		if !zero && !s.has.block(first, sectors) {
			continue
		}
		l1 := 2*cluster + i/per*8
		l2 := int(binary.BigEndian.Uint64(w.b[l1:]) & 0x00FFFFFFFFFFFE00)
		if l2 == 0 {
			l2 = w.end(cluster)
			w.at(l2, make([]byte, cluster))
			w.be64(l1, uint64(l2)|1<<63)
		}
		e := l2 + i%per*entry
		switch {
		case zero && s.extended:
			w.be64(e+8, 0xFFFFFFFF<<32)
		case zero:
			w.be64(e, 1)
		case s.packed != nil && s.packed(first):
			var z bytes.Buffer
			zw, _ := flate.NewWriter(&z, 9)
			zw.Write(data)
			zw.Close()
			at := w.end(1) // they begin anywhere
			w.at(at, z.Bytes())
			x := 62 - (s.bits - 8)
			count := uint64((at+z.Len()-1)/512 - at/512)
			w.be64(e, 1<<62|count<<x|uint64(at))
		default:
			at := w.end(cluster)
			w.at(at, data)
			w.be64(e, uint64(at)|1<<63)
			if s.extended {
				part := sectors / 32
				var bits uint64
				for j := range 32 {
					if s.has(first + j*part) {
						bits |= 1 << j
					} else {
						w.at(at+j*part*512, bytes.Repeat([]byte{'s'}, part*512))
					}
				}
				w.be64(e+8, bits)
			}
		}
	}
	if s.size > 0 && len(w.b)%cluster != 0 {
		w.at(w.end(cluster)-1, []byte{0})
	}
	return w.b
}

// vdi is a dynamic VDI.
func vdiImage(disk []byte, block int, has here) []byte {
	w := &buffer{}
	blocks := (len(disk) + block - 1) / block
	data := (512 + blocks*4 + 511) / 512 * 512
	w.at(0, []byte("<<< Oracle VM VirtualBox Disk Image >>>\n"))
	w.le32(64, 0xBEDA107F)
	w.le32(68, 0x10001)
	w.le32(72, 0x190)
	w.le32(76, 1)
	w.le32(340, 512)
	w.le32(344, uint32(data))
	w.le32(360, 512)
	w.le64(368, uint64(len(disk)))
	w.le32(376, uint32(block))
	w.le32(384, uint32(blocks))
	w.at(440, id(0xAB))
	w.at(data-1, []byte{0})
	next := 0
	for i := range blocks {
		e := uint32(0xFFFFFFFF)
		if has.block(i*block/512, block/512) {
			b := make([]byte, block)
			copy(b, disk[i*block:])
			w.at(data+next*block, b)
			e = uint32(next)
			next++
		} else if i%2 == 1 {
			e = 0xFFFFFFFE
		}
		w.le32(512+4*i, e)
	}
	return w.b
}

// ewfSpec is an E01 image.
type ewfSpec struct {
	disk     []byte
	chunk    int  // sectors; 0: 4
	packed   here // chunks that are compressed, by their first sector
	segments int  // 0: 1
	unread   []Range
	perTable int // chunks; 0: 8
}

// build gives the segments under their names.
func (s ewfSpec) build(name string) folder {
	if s.chunk == 0 {
		s.chunk = 4
	}
	if s.segments == 0 {
		s.segments = 1
	}
	if s.perTable == 0 {
		s.perTable = 8
	}
	files := folder{}
	size := s.chunk * 512
	chunks := (len(s.disk) + size - 1) / size
	section := func(w *buffer, kind string, body []byte, last bool) {
		at := len(w.b)
		d := &buffer{b: make([]byte, 72)}
		d.at(0, []byte(kind))
		next := at + 76 + len(body)
		if last {
			next = at
		}
		d.le64(16, uint64(next))
		d.le64(24, uint64(76+len(body)))
		d.le32(72, adler32.Checksum(d.b))
		w.at(at, d.b)
		w.at(at+76, body)
	}
	for n := range s.segments {
		w := &buffer{}
		w.at(0, []byte("EVF\x09\x0D\x0A\xFF\x00\x01"))
		w.le16(9, uint16(n+1))
		w.le16(11, 0)
		if n == 0 {
			v := &buffer{b: make([]byte, 1048)}
			v.le32(0, 1)
			v.le32(4, uint32(chunks))
			v.le32(8, uint32(s.chunk))
			v.le32(12, 512)
			v.le64(16, uint64(len(s.disk)/512))
			v.le32(1048, adler32.Checksum(v.b))
			section(w, "volume", v.b, false)
		}
		first, last := chunks*n/s.segments, chunks*(n+1)/s.segments
		for first < last {
			m := min(s.perTable, last-first)
			sectors := &buffer{}
			base := len(w.b)
			t := &buffer{b: make([]byte, 20)}
			t.le32(0, uint32(m))
			t.le64(8, uint64(base))
			t.le32(20, adler32.Checksum(t.b[:20]))
			var entries []byte
			for i := first; i < first+m; i++ {
				data := s.disk[i*size : min((i+1)*size, len(s.disk))]
				e := uint32(76 + len(sectors.b))
				if s.packed != nil && s.packed(i*s.chunk) {
					var z bytes.Buffer
					zw := zlib.NewWriter(&z)
					zw.Write(data)
					zw.Close()
					data, e = z.Bytes(), e|1<<31
				} else {
					data = binary.LittleEndian.AppendUint32(bytes.Clone(data), adler32.Checksum(data))
				}
				sectors.at(len(sectors.b), data)
				entries = binary.LittleEndian.AppendUint32(entries, e)
			}
			section(w, "sectors", sectors.b, false)
			t.at(24, entries)
			t.le32(24+len(entries), adler32.Checksum(entries))
			section(w, "table", t.b, false)
			section(w, "table2", t.b, false)
			first += m
		}
		if n < s.segments-1 {
			section(w, "next", nil, true)
		} else {
			if len(s.unread) > 0 {
				e := &buffer{b: make([]byte, 520)}
				e.le32(0, uint32(len(s.unread)))
				for _, r := range s.unread {
					e.le32(len(e.b), uint32(r.Off/512))
					e.le32(len(e.b), uint32(r.Len/512))
				}
				e.le32(len(e.b), adler32.Checksum(e.b[520:]))
				section(w, "error2", e.b, false)
			}
			h := &buffer{b: make([]byte, 32)}
			h.at(0, []byte("sixteen bytes, 1"))
			h.le32(32, adler32.Checksum(h.b))
			section(w, "hash", h.b, false)
			section(w, "done", nil, true)
		}
		files[fmt.Sprintf("%s.E%02d", name, n+1)] = w.b
	}
	return files
}
