// Package hive reads registry files: the base block, the bins and their cells
// become keys and values. It knows the format (regf) and not what any key
// means, it never writes, and it does no I/O: a hive is opened from memory.
//
// Hives come from disks of broken machines, so nothing in them is believed
// before it is checked: each count is capped by the cell that holds it, each
// walk has a budget, and one damaged cell costs what hangs on it and nothing
// else. What was left out is in [Hive.Problems]. A hive that Windows did not
// write out completely is made whole by its transaction logs, see
// [OpenWithLogs].
//
// The format: https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
package hive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/coldstate/coldstate/internal/wstr"
)

// ErrNotFound is the error of a look-up for a key or value that the hive does
// not have.
var ErrNotFound = errors.New("not in the hive")

// FormatError says that the bytes are not a hive that can be opened.
type FormatError struct {
	Offset int64  // place in the file
	What   string // what is wrong there
	Advice string // what a person can do about it
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("hive: offset %#x: %s; %s", e.Offset, e.What, e.Advice)
}

// DamageError says that a part of an open hive cannot be read.
type DamageError struct {
	Offset int64  // place in the file
	What   string // what is wrong there
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("hive: offset %#x: %s", e.Offset, e.What)
}

// Problem is damage that a hive was opened, or a list was read, in spite of.
type Problem struct {
	Offset int64  // place in the file
	What   string // what is wrong there, and what was left out because of it
}

func (p Problem) String() string { return fmt.Sprintf("offset %#x: %s", p.Offset, p.What) }

// Sizes of the format, and our limits.
const (
	baseSize    = 4096 // the base block; offsets in a hive count from behind it
	binHeader   = 32
	noCell      = 0xffffffff
	nkSize      = 76 // fixed part of a key node, its name follows
	vkSize      = 20 // fixed part of a value
	skSize      = 20 // fixed part of a security cell
	segmentSize = 16344

	maxFile     = 1 << 31 // bytes; offsets from 0x80000000 mean volatile keys in Windows
	maxDepth    = 512     // levels of keys that Windows allows
	maxProblems = 100     // problems that are kept; all are counted
)

// Hive is an open registry file. It is safe for use by several goroutines.
type Hive struct {
	base   []byte
	bins   []byte   // the bins data, cut to what is there
	ends   []uint32 // for each 4096 bytes of bins: where the bin over them ends
	header int      // bytes of a cell's header: 4, 8 in hives of Windows NT 3.1
	root   uint32
	dirty  bool

	recovery Recovery

	lostOnce sync.Once
	lost     map[uint32][]uint32 // see findLost

	homeMu          sync.Mutex // see atHome
	homeKnown, home bitmap
	homeLeft        int

	mu       sync.Mutex
	problems []Problem
	known    map[Problem]bool
	count    int
}

// Open opens the hive in b, which it keeps and does not change: names and data
// that it gives out may share its memory. A hive that was not written out
// completely opens as it is on the disk, see [Hive.Dirty] and [OpenWithLogs].
// The error is a *FormatError.
func Open(b []byte) (*Hive, error) {
	if len(b) < 4 || string(b[:4]) != "regf" {
		return nil, notHive(b)
	}
	if len(b) < baseSize+binHeader {
		return nil, &FormatError{int64(len(b)), "the file ends before the first hive bin", adviceBackup}
	}
	if int64(len(b)) > maxFile {
		return nil, &FormatError{maxFile, fmt.Sprintf("the file has %d bytes, no hive has more than 2 GiB", len(b)), "make sure that it is a registry hive"}
	}
	return open(b[:512:512], b[baseSize:])
}

// open opens a hive of the first 512 bytes of its base block and its bins.
func open(base, bins []byte) (*Hive, error) {
	h := &Hive{base: base, bins: bins}
	sumOK := checksum(h.base) == h.u32(508)
	h.dirty = !sumOK || h.u32(4) != h.u32(8)
	if sumOK && h.u32(28) != 0 {
		return nil, &FormatError{28, fmt.Sprintf("file type %d is a transaction log", h.u32(28)),
			"open the hive beside it, which has no .LOG in its name"}
	}
	if !sumOK {
		h.problem(508, "the checksum of the base block is %#x, the block gives %#x: sizes are taken from the bins", h.u32(508), checksum(h.base))
	}
	sizeOK := sumOK
	if sumOK && h.u32(40) == 0 {
		h.problem(40, "the base block says that the hive has no bins: their size is taken from the bins")
		sizeOK = false
	}
	if err := h.findBins(sizeOK); err != nil {
		return nil, err
	}
	if err := h.findRoot(); err != nil {
		return nil, err
	}
	return h, nil
}

const adviceBackup = "take the copy in System32\\config\\RegBack, a restore point, or the transaction logs beside the file"

func notHive(b []byte) error {
	e := &FormatError{What: "no regf signature", Advice: "this is no registry hive"}
	switch {
	case len(b) == 0:
		e.What, e.Advice = "the file is empty", "since Windows 10 1803 the copies in RegBack are; take the hive in System32\\config"
	case len(b) < 4:
		e.What = "the file ends before the regf signature"
	case len(b) >= baseSize+4 && string(b[baseSize:baseSize+4]) == "hbin":
		e.What, e.Advice = "the base block is destroyed, hive bins follow it", adviceBackup
	case isZero(b[:min(len(b), baseSize)]):
		e.What, e.Advice = "the base block is all zeros", adviceBackup
	}
	return e
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// checksum is the exclusive or of the first 127 numbers of the base block,
// but never 0 or 0xffffffff.
func checksum(base []byte) uint32 {
	var x uint32
	for i := 0; i < 508; i += 4 {
		x ^= binary.LittleEndian.Uint32(base[i:])
	}
	switch x {
	case 0:
		return 1
	case 0xffffffff:
		return 0xfffffffe
	}
	return x
}

// u32 is a number of the base block.
func (h *Hive) u32(off int) uint32 { return binary.LittleEndian.Uint32(h.base[off:]) }

// findBins cuts h.bins to the bins that are there and notes where they end.
// The file is often longer than the hive: Windows extends it in steps. When
// the size in the base block cannot be believed, the bins end before the
// first one whose header is wrong.
func (h *Hive) findBins(sizeOK bool) error {
	if size := int64(h.u32(40)); sizeOK {
		if size > int64(len(h.bins)) {
			h.problem(40, "the hive has %d bytes of bins, the file ends after %d", size, len(h.bins))
		} else {
			h.bins = h.bins[:size]
		}
	}
	h.ends = make([]uint32, 0, (len(h.bins)+4095)/4096)
	for off := 0; off < len(h.bins); {
		size, ok := h.binAt(off)
		if !ok {
			if !sizeOK {
				h.bins = h.bins[:off]
				break
			}
			// A sector that was never written destroys the header of a bin and
			// some cells. The rest of them may be fine: each is checked again.
			size = 4096
			for off+size < len(h.bins) {
				if _, ok := h.binAt(off + size); ok {
					break
				}
				size += 4096
			}
			h.problem(int64(off)+baseSize, "no hive bin starts here; the next one does at %#x", int64(off)+int64(size)+baseSize)
		}
		if size > len(h.bins)-off {
			if ok {
				h.problem(int64(off)+baseSize, "the hive bin has %d bytes, %d are left", size, len(h.bins)-off)
			}
			size = len(h.bins) - off
		}
		for range (size + 4095) / 4096 {
			h.ends = append(h.ends, uint32(off+size))
		}
		off += size
	}
	if len(h.bins) < binHeader {
		return &FormatError{baseSize, "no hive bin can be read", adviceBackup}
	}
	return nil
}

// binAt says whether the header of a hive bin is at off, and its size.
func (h *Hive) binAt(off int) (size int, ok bool) {
	b := h.bins[off:]
	if len(b) < binHeader || string(b[:4]) != "hbin" || binary.LittleEndian.Uint32(b[4:]) != uint32(off) {
		return 0, false
	}
	n := binary.LittleEndian.Uint32(b[8:])
	if n == 0 || n%4096 != 0 || int64(n) > 1<<31-4096 {
		return 0, false
	}
	return int(n), true
}

// findRoot finds the root key: where the base block says, else in the first
// cell, where Windows puts it, else the first key node with the root's flag.
func (h *Hive) findRoot() error {
	// Hives of Windows NT 3.1 have cell headers of 8 bytes. The version alone
	// does not decide: it is part of a block that may be damaged.
	try := func(off uint32) bool {
		for _, h.header = range [...]int{4, 8} {
			if _, err := h.node(off); err == nil {
				h.root = off
				return true
			}
		}
		h.header = 4
		return false
	}
	if h.u32(24) <= 1 {
		h.header = 8
		if _, err := h.node(h.u32(36)); err == nil {
			h.root = h.u32(36)
			return nil
		}
	}
	if try(h.u32(36)) {
		return nil
	}
	h.problem(36, "the root key is not at %#x, where the base block says", int64(h.u32(36))+baseSize)
	if try(binHeader) {
		return nil
	}
	for off := binHeader; off+8+nkSize <= len(h.bins); off += 8 {
		for _, hdr := range [...]int{4, 8} {
			b := h.bins[off+hdr:]
			if string(b[:2]) != "nk" || b[2]&FlagRoot == 0 {
				continue
			}
			h.header = hdr
			if _, err := h.node(uint32(off)); err == nil {
				h.root = uint32(off)
				return nil
			}
		}
	}
	return &FormatError{36, "no root key is in the hive", adviceBackup}
}

// cell is the body of the in-use cell at off, which counts from the first bin.
func (h *Hive) cell(off uint32) ([]byte, error) {
	at, end := int64(off), int64(0)
	if i := off >> 12; int(i) < len(h.ends) {
		end = int64(h.ends[i])
	}
	if off%8 != 0 || off < binHeader || at+int64(h.header) > end {
		return nil, damaged(off, "no cell can start here")
	}
	// Cells in use have their size negated.
	n := -int64(int32(binary.LittleEndian.Uint32(h.bins[at:])))
	if n < 0 || n == 1<<31 {
		return nil, damaged(off, "the cell is free")
	}
	if n < int64(h.header) || n > end-at {
		return nil, damaged(off, "the cell has %d bytes, its bin has %d left", n, end-at)
	}
	return h.bins[at+int64(h.header) : at+n : at+n], nil
}

// body is the body of a cell that was checked before: a hive does not change.
func (h *Hive) body(off uint32) []byte {
	n := -int64(int32(binary.LittleEndian.Uint32(h.bins[off:])))
	return h.bins[int64(off)+int64(h.header) : int64(off)+n : int64(off)+n]
}

// node is the checked body of the key node at off.
func (h *Hive) node(off uint32) ([]byte, error) {
	b, err := h.cell(off)
	if err != nil {
		return nil, err
	}
	if len(b) < nkSize || string(b[:2]) != "nk" {
		return nil, damaged(off, "this is no key node")
	}
	return b, nil
}

func damaged(off uint32, format string, args ...any) error {
	return &DamageError{int64(off) + baseSize, fmt.Sprintf(format, args...)}
}

func (h *Hive) problem(off int64, format string, args ...any) {
	h.note(Problem{off, fmt.Sprintf(format, args...)})
}

// skipped notes that what is skipped because of err.
func (h *Hive) skipped(err error, what string) {
	var d *DamageError
	if errors.As(err, &d) {
		h.note(Problem{d.Offset, d.What + ": " + what})
	}
}

func (h *Hive) note(p Problem) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// Lists are read more than once, and are damaged each time.
	if h.known[p] {
		return
	}
	h.count++
	if len(h.problems) < maxProblems {
		if h.known == nil {
			h.known = map[Problem]bool{}
		}
		h.known[p] = true
		h.problems = append(h.problems, p)
	}
}

// Problems lists the damage met up to this call, each place once, the first
// 100. It grows while the hive is read.
func (h *Hive) Problems() []Problem {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Problem(nil), h.problems...)
}

// ProblemCount counts the damage met up to this call. Beyond the hundred that
// Problems lists, a place counts each time it is met.
func (h *Hive) ProblemCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// Root is the root key; that of a nil Hive is the zero Key.
func (h *Hive) Root() Key {
	if h == nil {
		return Key{}
	}
	return Key{h: h, off: h.root}
}

// Dirty says whether newer values than those of the hive are, or were, in its
// transaction logs: Windows was interrupted while it wrote the hive, and the
// logs were not given to OpenWithLogs or could not be applied.
func (h *Hive) Dirty() bool { return h.dirty }

// Sequence returns the two sequence numbers of the base block, which differ
// while a write is under way.
func (h *Hive) Sequence() (primary, secondary uint32) { return h.u32(4), h.u32(8) }

// LastWritten is the time in the base block. Windows 8.1 and later do not
// maintain it; 0 is common.
func (h *Hive) LastWritten() wstr.Filetime {
	return wstr.Filetime(binary.LittleEndian.Uint64(h.base[12:]))
}

// Name is the name in the base block: the last 31 characters of the path that
// the hive had when Windows loaded it. It may be empty.
func (h *Hive) Name() string { return wstr.FromUTF16LE(cutNUL(h.base[48:112])) }

// Version is the version of the format, 1.0 to 1.6.
func (h *Hive) Version() (major, minor uint32) { return h.u32(20), h.u32(24) }

// cutNUL cuts UTF-16 before its first NUL, and to whole units.
func cutNUL(b []byte) []byte {
	b = b[:len(b)&^1]
	for i := 0; i < len(b); i += 2 {
		if b[i]|b[i+1] == 0 {
			return b[:i]
		}
	}
	return b
}
