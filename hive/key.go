package hive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Flags of a key.
const (
	FlagVolatile   = 0x0001
	FlagRoot       = 0x0004
	FlagNoDelete   = 0x0008
	FlagLink       = 0x0010 // a symbolic link, see [Key.Link]
	FlagLatin1     = 0x0020 // how the name is kept
	FlagPredefined = 0x0040 // see [Key.Predefined]
)

// Places in a key node, behind the cell's header.
const (
	nkFlags     = 2
	nkTime      = 4
	nkLayer     = 13
	nkParent    = 16
	nkSubkeys   = 20
	nkList      = 28
	nkValues    = 36
	nkValueList = 40
	nkSecurity  = 44
	nkClass     = 48
	nkNameLen   = 72
	nkClassLen  = 74
)

// Key is a key of a hive, a small value. It remembers the way by which it was
// reached. The zero Key has no name, no values and no subkeys, so that what a
// look-up gave with an error can be asked all the same.
type Key struct {
	h     *Hive
	up    *Key
	w     *walk // nil outside of Walk
	off   uint32
	depth int
}

func (k Key) u32(at int) uint32 {
	if k.h == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(k.h.bins[int(k.off)+k.h.header+at:])
}

func (k Key) u16(at int) uint16 {
	if k.h == nil {
		return 0
	}
	return binary.LittleEndian.Uint16(k.h.bins[int(k.off)+k.h.header+at:])
}

// rawName is the name as it is kept, cut by its cell.
func (k Key) rawName() (b []byte, latin1 bool) {
	if k.h == nil {
		return nil, true
	}
	b = k.h.body(k.off)[nkSize:]
	if n := int(k.u16(nkNameLen)); n < len(b) {
		b = b[:n]
	}
	return b, k.u16(nkFlags)&FlagLatin1 != 0
}

// Name is the key's name. It may hold any character, even a backslash; the
// name of a hive's root means nothing.
func (k Key) Name() string { return decodeName(k.rawName()) }

func decodeName(b []byte, latin1 bool) string {
	if latin1 {
		return wstr.FromLatin1(b)
	}
	return wstr.FromUTF16LE(b)
}

// appendName appends a name as decodeName gives it; nearly all are Latin-1.
func appendName(dst, b []byte, latin1 bool) []byte {
	if !latin1 {
		return append(dst, wstr.FromUTF16LE(b)...)
	}
	for _, c := range b {
		dst = utf8.AppendRune(dst, rune(c))
	}
	return dst
}

// Path is the names on the way from the root of the hive to k, with
// backslashes between; "" for the root.
func (k Key) Path() string {
	var buf [256]byte
	return string(k.appendPath(buf[:0]))
}

func (k Key) appendPath(dst []byte) []byte {
	if k.up == nil {
		return dst
	}
	if k.up.up != nil {
		dst = append(k.up.appendPath(dst), '\\')
	}
	b, latin1 := k.rawName()
	return appendName(dst, b, latin1)
}

// Depth is the number of keys above k.
func (k Key) Depth() int { return k.depth }

// Parent is the key by which k was reached; ok is false for the root.
func (k Key) Parent() (p Key, ok bool) {
	if k.up == nil {
		return Key{}, false
	}
	return *k.up, true
}

// Hive is the hive that k belongs to.
func (k Key) Hive() *Hive { return k.h }

// Offset is the place of the key's cell in the file.
func (k Key) Offset() int64 { return int64(k.off) + baseSize }

// LastWrite is the time of the last change of the key or of its values.
func (k Key) LastWrite() wstr.Filetime {
	return wstr.Filetime(uint64(k.u32(nkTime)) | uint64(k.u32(nkTime+4))<<32)
}

// Flags are the flags of the key node; unknown ones occur.
func (k Key) Flags() uint16 { return k.u16(nkFlags) }

// Class is the class name, "" for none.
func (k Key) Class() (string, error) {
	off, n := k.u32(nkClass), int(k.u16(nkClassLen))
	if off == noCell || n == 0 {
		return "", nil
	}
	b, err := k.h.cell(off)
	if err != nil {
		return "", err
	}
	if n > len(b) {
		return wstr.FromUTF16LE(b), damaged(off, "the class name has %d bytes, its cell %d", n, len(b))
	}
	return wstr.FromUTF16LE(b[:n]), nil
}

// Security is the self-relative security descriptor of the key, nil for none.
// It shares the hive's memory.
func (k Key) Security() ([]byte, error) {
	off := k.u32(nkSecurity)
	if off == noCell || k.h == nil {
		return nil, nil
	}
	b, err := k.h.cell(off)
	if err != nil {
		return nil, err
	}
	if len(b) < skSize || string(b[:2]) != "sk" {
		return nil, damaged(off, "this is no security cell")
	}
	if n := binary.LittleEndian.Uint32(b[16:]); int64(n) > int64(len(b)-skSize) {
		return nil, damaged(off, "the security descriptor has %d bytes, its cell %d", n, len(b)-skSize)
	} else {
		b = b[skSize : skSize+int(n)]
	}
	return b[:len(b):len(b)], nil
}

// Volatile says that the key is gone when Windows shuts down. No such key
// should be in a file; in hives of a running Windows they occur.
func (k Key) Volatile() bool { return k.Flags()&FlagVolatile != 0 }

// Predefined is the handle, such as 0x80000001 for HKEY_CURRENT_USER, that the
// key stands for; ok is false for keys that are not of this kind, which is all
// but a few under Perflib. Such a key has no values: the handle is kept in the
// place of their number.
func (k Key) Predefined() (handle uint32, ok bool) {
	if k.Flags()&FlagPredefined == 0 {
		return 0, false
	}
	return k.u32(nkValues), true
}

// Layer is what a key of a differencing hive does to the key of the same path
// in the hive below it. Windows 10 and later use such hives for containers.
type Layer uint8

const (
	LayerMerge          Layer = iota // both keys are one; in ordinary hives all are such
	LayerTombstone                   // the key is deleted
	LayerSupersedeLocal              // the key replaces the other one, subkeys are merged
	LayerSupersedeTree               // the key replaces the other one and all below it
)

var layerNames = [...]string{"merge", "tombstone", "supersede-local", "supersede-tree"}

func (l Layer) String() string { return layerNames[l&3] }

// Layer is what the key does to that of a hive below. Only version 1.6 has
// layers; in hives of other versions it is LayerMerge.
func (k Key) Layer() Layer {
	if !k.h.layered() {
		return LayerMerge
	}
	return Layer(k.u16(nkLayer) & 3)
}

// InheritClass says that the class name is that of the key of the same path in
// the hive below.
func (k Key) InheritClass() bool { return k.h.layered() && k.u16(nkLayer)&0x80 != 0 }

func (h *Hive) layered() bool { return h != nil && h.u32(24) >= 6 }

// Link is the target of a symbolic link, an absolute path of the NT object
// manager such as \Registry\Machine\System\CurrentControlSet; ok is false
// when k is no link.
func (k Key) Link() (target string, ok bool) {
	if k.Flags()&FlagLink == 0 {
		return "", false
	}
	v, err := k.Value("SymbolicLinkValue")
	if err != nil || v.Type() != TypeLink {
		return "", false
	}
	return v.Text(), true
}

// NumSubkeys is the number of subkeys that the key node claims.
func (k Key) NumSubkeys() int { return clampInt(k.u32(nkSubkeys)) }

// NumValues is the number of values that the key node claims.
func (k Key) NumValues() int {
	if k.Flags()&FlagPredefined != 0 {
		return 0
	}
	return clampInt(k.u32(nkValues))
}

func clampInt(n uint32) int { return int(min(n, 1<<31-1)) }

// Subkeys iterates over the keys below k, in the order of the hive, which is
// that of their upper-cased names. A subkey that cannot be read is left out
// and noted in the hive's Problems, as is one that is also above k. When the
// list is damaged, keys that name k as their parent and are in no list follow.
func (k Key) Subkeys() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		n := k.u32(nkSubkeys)
		if n == 0 {
			return
		}
		if k.depth >= maxDepth {
			k.h.problem(k.Offset(), "the key is %d levels deep: %d subkeys are left out", k.depth, n)
			return
		}
		l := list{Key: k, up: &k, yield: yield, room: uint32(len(k.h.bins)/nkSize) + 1}
		if !l.read(k.u32(nkList), true) {
			return
		}
		if l.seen != n {
			l.bad = true
			k.h.problem(k.Offset(), "the key claims %d subkeys, its list has %d", n, l.seen)
		}
		if l.bad {
			l.adopt()
		}
	}
}

// list is one reading of a subkey list.
type list struct {
	Key
	up    *Key
	yield func(Key) bool
	seen  uint32 // entries met
	room  uint32 // entries that the hive can hold
	bad   bool   // subkeys are missing
}

// read goes through the list at off. It is false when the reader wants no
// more, or the budget is spent.
func (l *list) read(off uint32, index bool) bool {
	h := l.h
	b, err := h.cell(off)
	if err != nil {
		h.skipped(err, "a list of subkeys is left out")
		l.bad = true
		return true
	}
	elem := 8
	switch {
	case len(b) < 4:
		elem = 0
	case string(b[:2]) == "lf" || string(b[:2]) == "lh":
	case string(b[:2]) == "li":
		elem = 4
	case string(b[:2]) == "ri" && index:
		n := h.fit(off, int(binary.LittleEndian.Uint16(b[2:])), len(b)-4, 4)
		for i := range n {
			if !l.read(binary.LittleEndian.Uint32(b[4+4*i:]), false) {
				return false
			}
		}
		return true
	default:
		elem = 0
	}
	if elem == 0 {
		h.problem(int64(off)+baseSize, "this is no list of subkeys: it is left out")
		l.bad = true
		return true
	}
	n := h.fit(off, int(binary.LittleEndian.Uint16(b[2:])), len(b)-4, elem)
	for i := range n {
		if l.room == 0 || !l.w.spend(elem+nkSize) {
			h.problem(int64(off)+baseSize, "the list has more entries than the hive can have keys: the rest is left out")
			return false
		}
		l.room--
		l.seen++
		if sub, ok := l.child(binary.LittleEndian.Uint32(b[4+elem*i:])); ok && !l.yield(sub) {
			return false
		}
	}
	return true
}

// child checks one entry of a list.
func (l *list) child(off uint32) (Key, bool) {
	sub, ok := l.key(off)
	if !ok {
		l.bad = true
		return Key{}, false
	}
	if p := sub.u32(nkParent); p != l.off {
		if l.h.atHome(off, p) {
			l.h.problem(sub.Offset(), "the key is in the list of %#x and in that of its parent %#x: it is read there", l.Offset(), int64(p)+baseSize)
			l.bad = true
			return Key{}, false
		}
		l.h.problem(sub.Offset(), "the key names %#x as its parent, and is in the list of %#x", int64(p)+baseSize, l.Offset())
	}
	return sub, true
}

// key is the subkey at off.
func (l *list) key(off uint32) (Key, bool) {
	h := l.h
	b, err := h.node(off)
	if err != nil {
		h.skipped(err, "a subkey is left out")
		return Key{}, false
	}
	sub := Key{h: h, up: l.up, w: l.w, off: off, depth: l.depth + 1}
	for up := l.up; up != nil; up = up.up {
		if up.off == off {
			h.problem(sub.Offset(), "the key is below itself: it is left out there")
			return Key{}, false
		}
	}
	h.checkName(off, int(sub.u16(nkNameLen)), len(b)-nkSize, sub.u16(nkFlags)&FlagLatin1 != 0)
	return sub, true
}

// fit caps a count by the bytes that hold its elements.
func (h *Hive) fit(off uint32, n, room, elem int) int {
	if c := room / elem; n > c {
		h.problem(int64(off)+baseSize, "the list claims %d entries, its cell has room for %d", n, c)
		return c
	}
	return n
}

func (h *Hive) checkName(off uint32, n, room int, latin1 bool) {
	if n > room {
		h.problem(int64(off)+baseSize, "the name has %d bytes, its cell %d: it is cut", n, room)
	}
	if !latin1 && n&1 != 0 {
		h.problem(int64(off)+baseSize, "the name has %d bytes, an odd number for UTF-16: the last one is cut", n)
	}
}

// Subkey finds the subkey of that name. The error wraps [ErrNotFound].
func (k Key) Subkey(name string) (Key, error) {
	want := wstr.ToUTF16(wstr.Upper(name))
	// The lists are sorted, or should be: what the disk says about order and
	// hashes is not needed to find a name.
	for sub := range k.Subkeys() {
		if b, latin1 := sub.rawName(); equalName(b, latin1, want) {
			return sub, nil
		}
	}
	return Key{}, fmt.Errorf("hive: key %q below %q: %w", name, k.Path(), ErrNotFound)
}

// Key finds a key below k by its path: names with backslashes between, in any
// case; empty names are passed over. Names that are empty or hold a backslash,
// which Windows does not make, are for Subkey. The error wraps [ErrNotFound].
func (k Key) Key(path string) (Key, error) {
	at := k
	for name := range strings.SplitSeq(path, `\`) {
		if name == "" {
			continue
		}
		sub, err := at.Subkey(name)
		if err != nil {
			return Key{}, err
		}
		at = sub
	}
	return at, nil
}

// equalName compares a name as it is kept with upper-cased units.
func equalName(b []byte, latin1 bool, want []uint16) bool {
	if latin1 {
		if len(b) != len(want) {
			return false
		}
		for i, c := range b {
			if wstr.UpperUnit(uint16(c)) != want[i] {
				return false
			}
		}
		return true
	}
	if len(b)/2 != len(want) {
		return false
	}
	for i, w := range want {
		if wstr.UpperUnit(binary.LittleEndian.Uint16(b[2*i:])) != w {
			return false
		}
	}
	return true
}

// SkipKey is returned by the function of Walk to leave out what is below a key.
//
//lint:ignore ST1012 it is no error, and named like filepath.SkipDir
var SkipKey = errors.New("skip this key")

// ErrBudget is the error of a Walk that met more than an honest hive of its
// size can hold.
var ErrBudget = errors.New("hive: the lists of the hive lead to the same cells again and again; the rest is left out")

// walk is what one Walk has done and may do.
type walk struct {
	been   bitmap // keys visited
	left   int64  // bytes
	broken bool
}

// spend takes n bytes off the budget; outside of a Walk there is none.
func (w *walk) spend(n int) bool {
	if w == nil {
		return true
	}
	if w.left -= int64(n); w.left < 0 {
		w.broken = true
	}
	return !w.broken
}

// Walk calls fn for k and all keys below it, each before its subkeys and each
// once. It ends with the first error of fn but SkipKey. What may be read
// through the keys given to fn (list entries, values, data) is limited to
// many times the size of the hive; beyond that data cannot be read and the
// walk ends with ErrBudget.
func Walk(k Key, fn func(Key) error) error {
	if k.h == nil {
		return nil
	}
	size := len(k.h.bins)
	k.w = &walk{been: make(bitmap, size>>9+1), left: 16*int64(size) + 1<<20}
	return k.w.key(k, fn)
}

func (w *walk) key(k Key, fn func(Key) error) error {
	if !w.been.set(k.off) {
		k.h.problem(k.Offset(), "the key is in more than one list: it is read where it was met first")
		return nil
	}
	if err := fn(k); err == SkipKey {
		return nil
	} else if err != nil {
		return err
	}
	if k.u32(nkSubkeys) > 0 {
		return w.below(k, fn)
	}
	if w.broken {
		return ErrBudget
	}
	return nil
}

// below walks the subkeys of k. It is apart from key as the iteration costs
// memory, and most keys have none.
func (w *walk) below(k Key, fn func(Key) error) error {
	var err error
	for sub := range k.Subkeys() {
		if err = w.key(sub, fn); err != nil {
			return err
		}
	}
	if w.broken {
		return ErrBudget
	}
	return nil
}
