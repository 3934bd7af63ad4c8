package hive_test

import (
	"encoding/binary"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

var le = binary.LittleEndian

const none = 0xffffffff

// image lays out cells by hand, so that they can be wrong. It knows nothing of
// what is in them.
type image struct {
	bins   []byte
	header int // of a cell: 4, or 8 as in Windows NT 3.1
	minor  uint32
	root   uint32
}

func newImage() *image {
	return &image{bins: make([]byte, 32), header: 4, minor: 5}
}

// cell appends a cell with body and returns its offset.
func (m *image) cell(body []byte) uint32 {
	off := len(m.bins)
	align := 8
	if m.header == 8 {
		align = 16
	}
	n := (m.header + len(body) + align - 1) / align * align
	m.bins = append(m.bins, make([]byte, n)...)
	le.PutUint32(m.bins[off:], uint32(-n))
	copy(m.bins[off+m.header:], body)
	return uint32(off)
}

// body is the rest of the image from the body of the cell at off.
func (m *image) body(off uint32) []byte { return m.bins[int(off)+m.header:] }

// put16 and put32 change a field of the cell at off.
func (m *image) put16(off uint32, at int, v uint16) { le.PutUint16(m.body(off)[at:], v) }
func (m *image) put32(off uint32, at int, v uint32) { le.PutUint32(m.body(off)[at:], v) }

// nk appends a key node without subkeys and values.
func (m *image) nk(name string, parent uint32) uint32 {
	b := make([]byte, 76+len(name))
	copy(b, "nk")
	le.PutUint16(b[2:], 0x20)
	le.PutUint32(b[16:], parent)
	for _, at := range []int{28, 32, 40, 44, 48} {
		le.PutUint32(b[at:], none)
	}
	le.PutUint16(b[72:], uint16(len(name)))
	copy(b[76:], name)
	return m.cell(b)
}

// list appends a list of subkeys.
func (m *image) list(sig string, offs ...uint32) uint32 {
	b := le.AppendUint16([]byte(sig), uint16(len(offs)))
	for _, off := range offs {
		b = le.AppendUint32(b, off)
		if sig == "lf" || sig == "lh" {
			b = append(b, 0, 0, 0, 0)
		}
	}
	return m.cell(b)
}

// subkeys gives the key at off a list.
func (m *image) subkeys(off, list uint32, count uint32) {
	m.put32(off, 20, count)
	m.put32(off, 28, list)
}

// values gives the key at off values.
func (m *image) values(off uint32, vks ...uint32) {
	var b []byte
	for _, vk := range vks {
		b = le.AppendUint32(b, vk)
	}
	m.put32(off, 36, uint32(len(vks)))
	m.put32(off, 40, m.cell(b))
}

// vk appends a value.
func (m *image) vk(name string, typ, size, data uint32) uint32 {
	b := make([]byte, 20+len(name))
	copy(b, "vk")
	le.PutUint16(b[2:], uint16(len(name)))
	le.PutUint32(b[4:], size)
	le.PutUint32(b[8:], data)
	le.PutUint32(b[12:], typ)
	le.PutUint16(b[16:], 1)
	copy(b[20:], name)
	return m.cell(b)
}

// bytes is the whole file: one bin over everything.
func (m *image) bytes() []byte {
	bins := append([]byte(nil), m.bins...)
	if rest := 4096 - len(bins)%4096; rest < 4096 {
		if rest >= 8 {
			free := make([]byte, rest)
			le.PutUint32(free, uint32(rest))
			bins = append(bins, free...)
		} else {
			bins = append(bins, make([]byte, rest)...)
		}
	}
	copy(bins, "hbin")
	le.PutUint32(bins[8:], uint32(len(bins)))
	b := make([]byte, 4096)
	copy(b, "regf")
	le.PutUint32(b[4:], 1)
	le.PutUint32(b[8:], 1)
	le.PutUint32(b[20:], 1)
	le.PutUint32(b[24:], m.minor)
	le.PutUint32(b[32:], 1)
	le.PutUint32(b[36:], m.root)
	le.PutUint32(b[40:], uint32(len(bins)))
	le.PutUint32(b[44:], 1)
	hivegen.PutChecksum(b)
	return append(b, bins...)
}

// sample is a hive with something of everything.
func sample(opt hivegen.Options) []byte {
	long := make([]byte, 40000)
	for i := range long {
		long[i] = byte(i * 7)
	}
	root := hivegen.K("ROOT",
		hivegen.SZ("", "default"),
		hivegen.D("Number", 0x12345678),
		hivegen.Q("Big", 1<<40),
		hivegen.V("BE", hive.TypeDWordBigEndian, []byte{0, 0, 1, 2}),
		hivegen.ExpandSZ("Expand", `%SystemRoot%\x`),
		hivegen.Multi("Multi", "a", "b c"),
		hivegen.B("Short", []byte("abc")),
		hivegen.B("Empty", nil),
		hivegen.B("Cell", []byte("12345")),
		hivegen.B("db", []byte("db\x01\x00HELLO, this is not big data")),
		hivegen.B("Large", long[:16344]),
		hivegen.B("Huge", long),
		hivegen.V("Odd type", 0xffff0012, []byte{1}),
		hivegen.Value{Name: "Wide", UTF16: true, Type: hive.TypeBinary, Data: []byte{1, 2, 3, 4}, Cell: true},
		hivegen.Symlink("Link", `\Registry\Machine\Other`),
		hivegen.Path(`Software\Microsoft\Windows`, hivegen.SZ("x", "y")),
		&hivegen.Key{Name: "Ключ", Class: "a class", Time: 132223104001234567},
		hivegen.K("lone\xed\xa0\xbd", hivegen.SZ("naïve", "é")),
	)
	many := hivegen.K("many")
	for i := range 40 {
		many.Add(hivegen.K("key"+string(rune('A'+i/26))+string(rune('a'+i%26)), hivegen.D("i", uint32(i))))
	}
	root.Add(many)
	return hivegen.Build(root, opt)
}
