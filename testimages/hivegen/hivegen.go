// Package hivegen builds Windows registry hives (regf 1.3 and 1.5) from Go
// literals, for tests and for the sample disk of package testimages. It shares
// no code with package hive, so that the two can check each other.
//
// A hive it builds is what Windows would write: cells in bins, sorted
// sub-key lists with their hashes, reference-counted security cells, filled
// "largest" fields and a checksum. Options ask for the rarer forms: ri lists,
// other kinds of leaves, UTF-16 names, a dirty base block.
//
// Layout: M. Suhanov, "Windows registry file format specification".
//
// It panics when it is given what no hive can hold: it serves programmers,
// not disks.
package hivegen

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Registry value types.
const (
	None       = 0
	String     = 1 // REG_SZ
	Expand     = 2 // REG_EXPAND_SZ
	Binary     = 3
	DWord      = 4
	DWordBE    = 5
	Link       = 6
	MultiSZ    = 7
	Resource   = 8
	FullRes    = 9
	ResRequire = 10
	QWord      = 11
)

// DefaultTime is the FILETIME of keys and hives that name no other:
// 2024-05-14 08:00:00 UTC.
const DefaultTime = 133601472000000000

// A Key is one key with all that is below it.
type Key struct {
	Name     string // WTF-8: a lone surrogate is its three bytes
	UTF16    bool   // store the name as UTF-16 though Latin-1 would do
	Class    string // class name, "" for none
	Time     uint64 // FILETIME of the last write, 0 for Options.Time
	Flags    uint16 // ored into the flags of the nk cell
	Security []byte // self-relative descriptor, nil for DefaultSecurity
	Values   []Value
	Keys     []*Key
}

// A Value is one value of a key.
type Value struct {
	Name  string // WTF-8; "" is the default value
	Type  uint32
	Data  []byte
	UTF16 bool // store the name as UTF-16 though Latin-1 would do
	Cell  bool // put data of 4 bytes and less into a cell of its own
}

// K returns a key; parts are Value, []Value, *Key, []*Key.
func K(name string, parts ...any) *Key {
	k := &Key{Name: name}
	k.Add(parts...)
	return k
}

// Add puts parts (Value, []Value, *Key, []*Key) into k and returns k.
func (k *Key) Add(parts ...any) *Key {
	for _, p := range parts {
		switch p := p.(type) {
		case Value:
			k.Values = append(k.Values, p)
		case []Value:
			k.Values = append(k.Values, p...)
		case *Key:
			k.Keys = append(k.Keys, p)
		case []*Key:
			k.Keys = append(k.Keys, p...)
		default:
			panic(fmt.Sprintf("hivegen: a key cannot hold a %T", p))
		}
	}
	return k
}

// Path returns a chain of keys, one inside the other, and puts parts into the
// last one. Names are separated by backslashes.
func Path(path string, parts ...any) *Key {
	names := splitPath(path)
	k := K(names[len(names)-1], parts...)
	for i := len(names) - 2; i >= 0; i-- {
		k = K(names[i], k)
	}
	return k
}

// At returns the key at path below k, making those that are missing.
func (k *Key) At(path string) *Key {
	for _, name := range splitPath(path) {
		i := slices.IndexFunc(k.Keys, func(c *Key) bool { return compareNames(c.Name, name) == 0 })
		if i < 0 {
			k.Keys = append(k.Keys, K(name))
			i = len(k.Keys) - 1
		}
		k = k.Keys[i]
	}
	return k
}

func splitPath(path string) []string {
	var names []string
	for _, b := range bytes.Split([]byte(path), []byte(`\`)) {
		names = append(names, string(b))
	}
	return names
}

// SZ returns a REG_SZ with its final NUL.
func SZ(name, s string) Value { return Value{Name: name, Type: String, Data: UTF16Z(s)} }

// ExpandSZ returns a REG_EXPAND_SZ with its final NUL.
func ExpandSZ(name, s string) Value { return Value{Name: name, Type: Expand, Data: UTF16Z(s)} }

// Multi returns a REG_MULTI_SZ with all its NULs.
func Multi(name string, list ...string) Value {
	var b []byte
	for _, s := range list {
		b = append(b, UTF16Z(s)...)
	}
	return Value{Name: name, Type: MultiSZ, Data: append(b, 0, 0)}
}

// D returns a REG_DWORD.
func D(name string, v uint32) Value {
	return Value{Name: name, Type: DWord, Data: le.AppendUint32(nil, v)}
}

// Q returns a REG_QWORD.
func Q(name string, v uint64) Value {
	return Value{Name: name, Type: QWord, Data: le.AppendUint64(nil, v)}
}

// B returns a REG_BINARY.
func B(name string, data []byte) Value { return Value{Name: name, Type: Binary, Data: data} }

// V returns a value of any type with the bytes as they are.
func V(name string, typ uint32, data []byte) Value { return Value{Name: name, Type: typ, Data: data} }

// Symlink returns a key that is a link to the NT path target
// (\REGISTRY\MACHINE\…).
func Symlink(name, target string) *Key {
	k := K(name, Value{Name: "SymbolicLinkValue", Type: Link, Data: UTF16(target)})
	k.Flags = flagSymlink
	return k
}

// UTF16 returns s, which is WTF-8, as UTF-16LE.
func UTF16(s string) []byte {
	var b []byte
	for _, u := range units(s) {
		b = le.AppendUint16(b, u)
	}
	return b
}

// UTF16Z returns s, which is WTF-8, as UTF-16LE with a final NUL.
func UTF16Z(s string) []byte { return append(UTF16(s), 0, 0) }

// units decodes WTF-8 to UTF-16 code units.
func units(s string) []uint16 {
	var out []uint16
	for len(s) > 0 {
		if len(s) >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1] <= 0xbf {
			out = append(out, 0xd000|uint16(s[1]&0x3f)<<6|uint16(s[2]&0x3f))
			s = s[3:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			panic(fmt.Sprintf("hivegen: %q is not WTF-8", s))
		}
		if r > 0xffff {
			r -= 0x10000
			out = append(out, 0xd800|uint16(r>>10), 0xdc00|uint16(r&0x3ff))
		} else {
			out = append(out, uint16(r))
		}
		s = s[n:]
	}
	return out
}

// upper is the simple upper-case mapping of the registry: one unit to one
// unit, and neither sharp s nor dotless i change.
func upper(u uint16) uint16 {
	if u == 0xdf || u == 0x131 || u >= 0xd800 && u < 0xe000 {
		return u
	}
	if r := unicode.ToUpper(rune(u)); r <= 0xffff {
		return uint16(r)
	}
	return u
}

// compareNames compares as Windows sorts sub-keys: upper-cased code units.
func compareNames(a, b string) int {
	x, y := units(a), units(b)
	for i := range x {
		x[i] = upper(x[i])
	}
	for i := range y {
		y[i] = upper(y[i])
	}
	return slices.Compare(x, y)
}

// Options change how Build lays a hive out. The zero value gives what
// Windows 10 writes.
type Options struct {
	Minor    uint32 // 3 or 5; 0 is 5. 3 has lf lists and no big data
	FileName string // as it stands in the base block; its last 31 units are kept
	Time     uint64 // FILETIME, 0 is DefaultTime

	// List is the kind of leaf: "lf", "lh" or "li"; "" is what the minor
	// version uses. With several, the leaves of an ri list take turns.
	List []string
	// Leaf is the number of sub-keys above which a list is split into leaves
	// of that many below an ri list; 0 is 506.
	Leaf int

	// Sequence1 and Sequence2 are the sequence numbers; 0 is 1. The hive is
	// dirty when they differ.
	Sequence1, Sequence2 uint32

	// Slack is a number of bytes of 0xA5 after the last bin, as of a file
	// that was allocated larger than its hive.
	Slack int
}

const (
	baseBlockSize = 4096
	binHeaderSize = 32
	noCell        = ^uint32(0)

	flagHiveRoot = 0x0004
	flagNoDelete = 0x0008
	flagSymlink  = 0x0010
	flagLatin1   = 0x0020

	// segmentSize is what one segment of big data carries, and the largest
	// data a single cell holds in a hive that knows big data.
	segmentSize = 16344
)

var le = binary.LittleEndian

// Build lays the tree out as a hive file.
func Build(root *Key, opt Options) []byte {
	if opt.Minor == 0 {
		opt.Minor = 5
	}
	if opt.Time == 0 {
		opt.Time = DefaultTime
	}
	if opt.Leaf == 0 {
		opt.Leaf = 506
	}
	if len(opt.List) == 0 {
		opt.List = []string{"lh"}
		if opt.Minor < 5 {
			opt.List = []string{"lf"}
		}
	}
	if opt.Sequence1 == 0 {
		opt.Sequence1 = 1
	}
	if opt.Sequence2 == 0 {
		opt.Sequence2 = 1
	}
	b := &builder{opt: opt, sk: map[string]uint32{}}
	// The root is the first cell: some readers look for it there.
	rootCell := b.alloc(nkSize(root))
	b.key(root, rootCell, 0, true)
	b.closeBin()
	b.linkSecurity()

	base := make([]byte, baseBlockSize)
	copy(base, "regf")
	le.PutUint32(base[4:], opt.Sequence1)
	le.PutUint32(base[8:], opt.Sequence2)
	le.PutUint64(base[12:], opt.Time)
	le.PutUint32(base[20:], 1)
	le.PutUint32(base[24:], opt.Minor)
	le.PutUint32(base[32:], 1)
	le.PutUint32(base[36:], rootCell)
	le.PutUint32(base[40:], uint32(len(b.bins)))
	le.PutUint32(base[44:], 1)
	name := UTF16(opt.FileName)
	if len(name) > 62 {
		name = name[len(name)-62:]
	}
	copy(base[48:], name)
	PutChecksum(base)
	out := append(base, b.bins...)
	return append(out, bytes.Repeat([]byte{0xa5}, opt.Slack)...)
}

// PutChecksum writes the checksum of the base block at the start of b, for
// tests that patch a hive.
func PutChecksum(b []byte) {
	var sum uint32
	for i := 0; i < 508; i += 4 {
		sum ^= le.Uint32(b[i:])
	}
	switch sum {
	case noCell:
		sum--
	case 0:
		sum = 1
	}
	le.PutUint32(b[508:], sum)
}

type builder struct {
	opt    Options
	bins   []byte            // all bins; the last one is being filled from next to its end
	next   int               // where the next cell goes
	sk     map[string]uint32 // descriptor -> its sk cell
	skRing []uint32          // sk cells in the order they were made
}

// alloc makes a cell for n bytes and returns its offset.
func (b *builder) alloc(n int) uint32 {
	size := (n + 4 + 7) &^ 7
	if b.next+size > len(b.bins) {
		b.closeBin()
		start := len(b.bins)
		bin := make([]byte, (size+binHeaderSize+4095)&^4095)
		copy(bin, "hbin")
		le.PutUint32(bin[4:], uint32(start))
		le.PutUint32(bin[8:], uint32(len(bin)))
		if start == 0 {
			le.PutUint64(bin[20:], b.opt.Time)
		}
		b.bins = append(b.bins, bin...)
		b.next = start + binHeaderSize
	}
	off := uint32(b.next)
	le.PutUint32(b.bins[off:], uint32(-int32(size)))
	b.next += size
	return off
}

// closeBin turns the rest of the bin into one free cell.
func (b *builder) closeBin() {
	if rest := len(b.bins) - b.next; rest > 0 {
		le.PutUint32(b.bins[b.next:], uint32(rest))
		b.next = len(b.bins)
	}
}

// at returns the content of the cell at off. It is valid until the next alloc.
func (b *builder) at(off uint32) []byte {
	size := -int32(le.Uint32(b.bins[off:]))
	return b.bins[off+4 : off+uint32(size)]
}

// cell makes a cell with this content.
func (b *builder) cell(content []byte) uint32 {
	off := b.alloc(len(content))
	copy(b.at(off), content)
	return off
}

// encodeName returns a name as it is stored.
func encodeName(s string, wide bool) (name []byte, latin1 bool) {
	u := units(s)
	for _, c := range u {
		wide = wide || c > 0xff
	}
	for _, c := range u {
		if wide {
			name = le.AppendUint16(name, c)
		} else {
			name = append(name, byte(c))
		}
	}
	return name, !wide
}

func nkSize(k *Key) int {
	name, _ := encodeName(k.Name, k.UTF16)
	return 76 + len(name)
}

// key fills the nk cell at off, and makes all that k holds.
func (b *builder) key(k *Key, off, parent uint32, root bool) {
	sorted := slices.Clone(k.Keys)
	slices.SortStableFunc(sorted, func(x, y *Key) int { return compareNames(x.Name, y.Name) })
	cells := make([]uint32, len(sorted))
	for i, c := range sorted {
		cells[i] = b.alloc(nkSize(c))
		b.key(c, cells[i], off, false)
	}
	subkeys := b.subkeyList(sorted, cells)

	var values []byte
	for _, v := range k.Values {
		values = le.AppendUint32(values, b.value(v))
	}
	valueList := noCell
	if len(values) > 0 {
		valueList = b.cell(values)
	}
	class, classLen := noCell, 0
	if k.Class != "" {
		c := UTF16(k.Class)
		class, classLen = b.cell(c), len(c)
	}
	sk := b.security(k.Security)

	name, latin1 := encodeName(k.Name, k.UTF16)
	flags := k.Flags
	if latin1 {
		flags |= flagLatin1
	}
	if root {
		flags |= flagHiveRoot | flagNoDelete
	}
	time := k.Time
	if time == 0 {
		time = b.opt.Time
	}
	var maxName, maxClass, maxValueName, maxData int
	for _, c := range k.Keys {
		maxName = max(maxName, 2*len(units(c.Name)))
		maxClass = max(maxClass, 2*len(units(c.Class)))
	}
	for _, v := range k.Values {
		maxValueName = max(maxValueName, 2*len(units(v.Name)))
		maxData = max(maxData, len(v.Data))
	}
	if len(name) > 0xffff || classLen > 0xffff {
		panic("hivegen: key or class name is too long")
	}
	nk := b.at(off)
	copy(nk, "nk")
	le.PutUint16(nk[2:], flags)
	le.PutUint64(nk[4:], time)
	le.PutUint32(nk[16:], parent)
	le.PutUint32(nk[20:], uint32(len(k.Keys)))
	le.PutUint32(nk[28:], subkeys)
	le.PutUint32(nk[32:], noCell)
	le.PutUint32(nk[36:], uint32(len(k.Values)))
	le.PutUint32(nk[40:], valueList)
	le.PutUint32(nk[44:], sk)
	le.PutUint32(nk[48:], class)
	le.PutUint16(nk[52:], uint16(maxName))
	le.PutUint32(nk[56:], uint32(maxClass))
	le.PutUint32(nk[60:], uint32(maxValueName))
	le.PutUint32(nk[64:], uint32(maxData))
	le.PutUint16(nk[72:], uint16(len(name)))
	le.PutUint16(nk[74:], uint16(classLen))
	copy(nk[76:], name)
}

// subkeyList makes the list of the keys, which are sorted.
func (b *builder) subkeyList(keys []*Key, cells []uint32) uint32 {
	if len(keys) == 0 {
		return noCell
	}
	if len(keys) <= b.opt.Leaf {
		return b.leaf(b.opt.List[0], keys, cells)
	}
	ri := []byte("ri\x00\x00")
	n := 0
	for ; len(keys) > 0; n++ {
		m := min(b.opt.Leaf, len(keys))
		ri = le.AppendUint32(ri, b.leaf(b.opt.List[n%len(b.opt.List)], keys[:m], cells[:m]))
		keys, cells = keys[m:], cells[m:]
	}
	if n > 0xffff {
		panic("hivegen: too many leaves")
	}
	le.PutUint16(ri[2:], uint16(n))
	return b.cell(ri)
}

func (b *builder) leaf(kind string, keys []*Key, cells []uint32) uint32 {
	if len(keys) > 0xffff {
		panic("hivegen: a leaf holds at most 65535 keys")
	}
	list := append([]byte(kind), 0, 0)
	le.PutUint16(list[2:], uint16(len(keys)))
	for i, k := range keys {
		list = le.AppendUint32(list, cells[i])
		switch kind {
		case "lh":
			list = le.AppendUint32(list, Hash(k.Name))
		case "lf":
			list = append(list, hint(k.Name)...)
		case "li":
		default:
			panic("hivegen: no list is called " + kind)
		}
	}
	return b.cell(list)
}

// Hash returns the hash of a key name in an lh list.
func Hash(name string) uint32 {
	var h uint32
	for _, u := range units(name) {
		h = h*37 + uint32(upper(u))
	}
	return h
}

// hint returns the first four characters of a name, as an lf list keeps them;
// zeros when one of them is not Latin-1.
func hint(name string) []byte {
	out := make([]byte, 4)
	for i, u := range units(name) {
		if i == 4 {
			break
		}
		if u > 0xff {
			return make([]byte, 4)
		}
		out[i] = byte(u)
	}
	return out
}

// value makes a vk cell and its data.
func (b *builder) value(v Value) uint32 {
	name, latin1 := encodeName(v.Name, v.UTF16)
	if len(name) > 0xffff {
		panic("hivegen: value name is too long")
	}
	size, data := uint32(len(v.Data)), uint32(0)
	switch {
	case len(v.Data) <= 4 && !v.Cell:
		size |= 1 << 31
		var inline [4]byte
		copy(inline[:], v.Data)
		data = le.Uint32(inline[:])
	case len(v.Data) <= segmentSize || b.opt.Minor < 4:
		data = b.cell(v.Data)
	default:
		data = b.bigData(v.Data)
	}
	vk := make([]byte, 20, 20+len(name))
	copy(vk, "vk")
	le.PutUint16(vk[2:], uint16(len(name)))
	le.PutUint32(vk[4:], size)
	le.PutUint32(vk[8:], data)
	le.PutUint32(vk[12:], v.Type)
	// Windows leaves the flag clear on the default value.
	if latin1 && len(name) > 0 {
		le.PutUint16(vk[16:], 1)
	}
	return b.cell(append(vk, name...))
}

func (b *builder) bigData(data []byte) uint32 {
	var list []byte
	n := 0
	for ; len(data) > 0; n++ {
		m := min(segmentSize, len(data))
		// The cell is four bytes longer than what it carries, and a reader
		// must not return those: they are not zero.
		seg := append(bytes.Clone(data[:m]), 0xa5, 0xa5, 0xa5, 0xa5)
		list = le.AppendUint32(list, b.cell(seg))
		data = data[m:]
	}
	if n > 0xffff {
		panic("hivegen: value is too large")
	}
	db := make([]byte, 8)
	copy(db, "db")
	le.PutUint16(db[2:], uint16(n))
	le.PutUint32(db[4:], b.cell(list))
	return b.cell(db)
}

// security returns the sk cell of the descriptor and counts the reference.
func (b *builder) security(sd []byte) uint32 {
	if sd == nil {
		sd = defaultSecurity
	}
	off, ok := b.sk[string(sd)]
	if !ok {
		off = b.alloc(20 + len(sd))
		sk := b.at(off)
		copy(sk, "sk")
		le.PutUint32(sk[16:], uint32(len(sd)))
		copy(sk[20:], sd)
		b.sk[string(sd)] = off
		b.skRing = append(b.skRing, off)
	}
	sk := b.at(off)
	le.PutUint32(sk[12:], le.Uint32(sk[12:])+1)
	return off
}

// linkSecurity closes the ring of all sk cells.
func (b *builder) linkSecurity() {
	n := len(b.skRing)
	for i, off := range b.skRing {
		sk := b.at(off)
		le.PutUint32(sk[4:], b.skRing[(i+1)%n])
		le.PutUint32(sk[8:], b.skRing[(i+n-1)%n])
	}
}
