package hive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// The two formats of logs, by the signatures behind their base blocks.
const (
	formatDIRT = "DIRT" // until Windows 8: one set of pages of 512 bytes
	formatHvLE = "HvLE" // since Windows 8.1: entries, each a set of whole pages
)

// Sizes and types of logs.
const (
	logBase     = 512 // a log has the first sector of the base block only
	entryHeader = 40
	typeHive    = 0
	typeDIRT    = 1
	typeDIRT2   = 2 // of Windows 2000 and older
	typeHvLE    = 6
)

// txLog is a log that has been checked. Its pages share the log's memory.
type txLog struct {
	Log
	format   string
	seq      uint32
	pageSize int // that counts: 512 or 4096
	changes  []change
	reach    int64  // bytes of bins that the changes need
	torn     string // what is wrong with the entry behind the last one, "" when the log just ends there
}

// change is an entry of a log, or all of an old one.
type change struct {
	seq   uint32
	size  uint32 // of the bins after it
	flags uint32
	pages []page
}

// page is a piece of the bins, of one or more pages.
type page struct {
	off  uint32
	data []byte
}

// readLog checks a log. Changes for places beyond room bytes of bins are not
// taken: no hive that the file and its logs can make is larger.
func readLog(log Log, room int64) (*txLog, error) {
	b := log.Data
	switch {
	case len(b) == 0:
		return nil, errors.New("it is empty")
	case len(b) <= logBase || string(b[:4]) != "regf":
		return nil, errors.New("it is no transaction log")
	case checksum(b) != binary.LittleEndian.Uint32(b[508:]):
		return nil, errors.New("the checksum of its base block is wrong")
	}
	l := &txLog{Log: log, seq: binary.LittleEndian.Uint32(b[4:])}
	if second := binary.LittleEndian.Uint32(b[8:]); l.seq != second {
		return nil, fmt.Errorf("its own writing was interrupted (sequence %d and %d)", l.seq, second)
	}
	switch t := binary.LittleEndian.Uint32(b[28:]); t {
	case typeDIRT, typeDIRT2:
		l.format, l.pageSize = formatDIRT, 512
		return l, l.readPages(room)
	case typeHvLE:
		l.format, l.pageSize = formatHvLE, 4096
		l.readEntries(room)
		return l, nil
	default:
		return nil, fmt.Errorf("file type %d is not that of a transaction log", t)
	}
}

// isHvLE says whether b is meant to be a log of the new format, readable or not.
func isHvLE(b []byte) bool {
	return len(b) >= logBase+4 && (binary.LittleEndian.Uint32(b[28:]) == typeHvLE || string(b[logBase:logBase+4]) == formatHvLE)
}

// readPages reads a log of the old format: behind the base block a bitmap of
// sectors of the bins, and these sectors.
func (l *txLog) readPages(room int64) error {
	b := l.Data
	// All hives of Windows have a factor of 1; the format allows for larger
	// sectors.
	sector := 512 * int64(max(1, binary.LittleEndian.Uint32(b[44:])&0xf))
	size := binary.LittleEndian.Uint32(b[40:])
	if sector+4 > int64(len(b)) || string(b[sector:sector+4]) != formatDIRT {
		return errors.New("it has no DIRT behind its base block")
	}
	if size == 0 || size%4096 != 0 {
		return fmt.Errorf("it says that the hive has %d bytes, which no hive has", size)
	}
	mapEnd := sector + 4 + int64(size/4096)
	if mapEnd > int64(len(b)) {
		return errors.New("it ends within its bitmap")
	}
	c := change{seq: l.seq, size: size}
	at := (mapEnd + sector - 1) / sector * sector
	for i, m := range b[sector+4 : mapEnd] {
		for ; m != 0; m &= m - 1 {
			off := int64(i)*4096 + int64(bits.TrailingZeros8(m))*512
			if at+512 > int64(len(b)) {
				return errors.New("it ends before its last page")
			}
			if off+512 > room {
				return fmt.Errorf("it has a page for %#x, where the hive cannot reach", off+baseSize)
			}
			l.reach = off + 512
			if n := len(c.pages); n > 0 && int64(c.pages[n-1].off)+int64(len(c.pages[n-1].data)) == off {
				p := &c.pages[n-1]
				p.data = p.data[:len(p.data)+512]
			} else {
				c.pages = append(c.pages, page{uint32(off), b[at : at+512]})
			}
			at += 512
		}
	}
	l.changes = []change{c}
	return nil
}

// readEntries reads a log of the new format as far as its entries follow on
// each other. Behind them are older ones, which have been dealt with, or
// anything else.
func (l *txLog) readEntries(room int64) {
	rest := l.Data[logBase:]
	for want := l.seq; len(rest) >= entryHeader && string(rest[:4]) == formatHvLE && binary.LittleEndian.Uint32(rest[12:]) == want; want++ {
		c, size, err := readEntry(rest, room)
		if err != nil {
			l.torn = fmt.Sprintf("change %d is damaged and was left out, with what may follow it: %v", want, err)
			return
		}
		for _, p := range c.pages {
			l.reach = max(l.reach, int64(p.off)+int64(len(p.data)))
		}
		l.changes = append(l.changes, c)
		rest = rest[size:]
	}
}

// readEntry reads the entry at the start of b, and its size.
func readEntry(b []byte, room int64) (change, uint32, error) {
	c := change{seq: binary.LittleEndian.Uint32(b[12:]), size: binary.LittleEndian.Uint32(b[16:]), flags: binary.LittleEndian.Uint32(b[8:])}
	size, n := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[20:])
	// The hash of the header comes first: it protects the size.
	if marvin32(b[:32]) != binary.LittleEndian.Uint64(b[32:]) {
		return c, 0, errors.New("the hash of its header is wrong")
	}
	if size < 512 || size%512 != 0 || int64(size) > int64(len(b)) {
		return c, 0, fmt.Errorf("its size is %d, the log has %d bytes left", size, len(b))
	}
	b = b[:size]
	if marvin32(b[entryHeader:]) != binary.LittleEndian.Uint64(b[24:]) {
		return c, 0, errors.New("the hash of its data is wrong")
	}
	if c.size == 0 || c.size%4096 != 0 {
		return c, 0, fmt.Errorf("it says that the hive has %d bytes, which no hive has", c.size)
	}
	if n == 0 || int64(n) > int64(len(b)-entryHeader)/8 {
		return c, 0, fmt.Errorf("it claims %d pages", n)
	}
	refs, data := b[entryHeader:entryHeader+8*n], b[entryHeader+8*n:]
	for ; len(refs) > 0; refs = refs[8:] {
		off, n := binary.LittleEndian.Uint32(refs), binary.LittleEndian.Uint32(refs[4:])
		switch {
		case n == 0 || n%4096 != 0 || int64(n) > int64(len(data)):
			return c, 0, fmt.Errorf("a page has %d bytes, %d are left", n, len(data))
		case int64(off)+int64(n) > int64(c.size):
			return c, 0, fmt.Errorf("a page of %d bytes for %#x is behind the end of the hive", n, int64(off)+baseSize)
		case int64(off)+int64(n) > room:
			return c, 0, fmt.Errorf("it has a page for %#x, where the hive cannot reach", int64(off)+baseSize)
		}
		c.pages = append(c.pages, page{off, data[:n]})
		data = data[n:]
	}
	return c, size, nil
}

// time is when the hive was written last, as of the log.
func (l *txLog) time() uint64 { return binary.LittleEndian.Uint64(l.Data[12:]) }

// header is the base block of the hive after the last change of the log, as
// Windows writes it. The log's copy is newer than the hive's own: it was made
// from memory.
func (l *txLog) header() []byte {
	b := append([]byte(nil), l.Data[:logBase]...)
	binary.LittleEndian.PutUint32(b[28:], typeHive)
	c := l.changes[len(l.changes)-1]
	binary.LittleEndian.PutUint32(b[40:], c.size)
	if l.format == formatHvLE {
		binary.LittleEndian.PutUint32(b[4:], c.seq+1)
		binary.LittleEndian.PutUint32(b[8:], c.seq+1)
		flags := binary.LittleEndian.Uint32(b[144:])
		binary.LittleEndian.PutUint32(b[144:], flags&^1|c.flags&1)
	}
	binary.LittleEndian.PutUint32(b[508:], checksum(b))
	return b
}

// marvin32 is the hash of the new format, with the seed of the registry.
func marvin32(b []byte) uint64 {
	lo, hi := uint32(0x7a4e55c5), uint32(0x82ef4d88)
	for ; len(b) >= 4; b = b[4:] {
		lo, hi = marvinMix(lo, hi, binary.LittleEndian.Uint32(b))
	}
	last := uint32(0x80)
	for i := len(b) - 1; i >= 0; i-- {
		last = last<<8 | uint32(b[i])
	}
	lo, hi = marvinMix(lo, hi, last)
	lo, hi = marvinMix(lo, hi, 0)
	return uint64(hi)<<32 | uint64(lo)
}

func marvinMix(lo, hi, v uint32) (uint32, uint32) {
	lo += v
	hi ^= lo
	lo = bits.RotateLeft32(lo, 20) + hi
	hi = bits.RotateLeft32(hi, 9) ^ lo
	lo = bits.RotateLeft32(lo, 27) + hi
	return lo, bits.RotateLeft32(hi, 19)
}
