package hive

import (
	"encoding/binary"
	"iter"
)

// A damaged list of subkeys does not take the keys with it: each key node
// names its parent. Those that are in no list are lost keys, and are read
// below the parent that they name when its list is damaged. The cells of keys
// that Windows deletes are free, so they are not among them.

// adopt gives the lost keys of the list's owner.
func (l *list) adopt() {
	l.h.lostOnce.Do(l.h.findLost)
	lost := l.h.lost[l.off]
	if len(lost) > 0 {
		l.h.problem(l.Offset(), "keys that are in no list name the key as their parent, and are read below it: %d", len(lost))
	}
	for _, off := range lost {
		if !l.w.spend(nkSize) {
			return
		}
		if sub, ok := l.key(off); ok && !l.yield(sub) {
			return
		}
	}
}

// findLost finds the key nodes that are in use and in the list of no other,
// by the parents that they name.
func (h *Hive) findLost() {
	size := len(h.bins)>>9 + 1
	listed, read := make(bitmap, size), make(bitmap, size)
	left := len(h.bins) // each list is read once
	for _, b := range h.nodes() {
		if binary.LittleEndian.Uint32(b[nkSubkeys:]) == 0 {
			continue
		}
		h.entries(binary.LittleEndian.Uint32(b[nkList:]), read, &left, func(sub uint32) bool {
			listed.set(sub)
			return true
		})
	}
	h.lost = map[uint32][]uint32{}
	for off, b := range h.nodes() {
		up := binary.LittleEndian.Uint32(b[nkParent:])
		if off == h.root || !listed.set(off) {
			continue
		}
		if _, err := h.node(up); err == nil {
			h.lost[up] = append(h.lost[up], off)
		}
	}
}

// nodes iterates over the key nodes that are in use, in the order of their
// places. Where the chain of cells is broken it looks for the next key node.
func (h *Hive) nodes() iter.Seq2[uint32, []byte] {
	return func(yield func(uint32, []byte) bool) {
		for off := int64(binHeader); off+int64(h.header)+nkSize <= int64(len(h.bins)); {
			if off%4096 == 0 && string(h.bins[off:off+4]) == "hbin" {
				off += binHeader
				continue
			}
			n := int64(int32(binary.LittleEndian.Uint32(h.bins[off:])))
			size := max(n, -n)
			if size < int64(h.header) || size%8 != 0 || size > int64(h.ends[off>>12])-off {
				off += 8
				continue
			}
			b := h.bins[off+int64(h.header) : off+size]
			if n < 0 && len(b) >= nkSize && string(b[:2]) == "nk" && !yield(uint32(off), b) {
				return
			}
			off += size
		}
	}
}

// atHome says whether the key node at off is in the list of the parent that it
// names. It is looked for once, and in no more places than the hive has.
func (h *Hive) atHome(off, up uint32) bool {
	h.homeMu.Lock()
	defer h.homeMu.Unlock()
	if h.homeKnown == nil {
		size := len(h.bins)>>9 + 1
		h.homeKnown, h.home, h.homeLeft = make(bitmap, size), make(bitmap, size), len(h.bins)
	}
	if !h.homeKnown.set(off) {
		return h.home.has(off)
	}
	b, err := h.node(up)
	if err != nil {
		return false
	}
	h.entries(binary.LittleEndian.Uint32(b[nkList:]), nil, &h.homeLeft, func(sub uint32) bool {
		if sub == off {
			h.home.set(off)
		}
		return sub != off
	})
	return h.home.has(off)
}

// entries calls fn for the entries of the list at off until it is false, or no
// more are left. Lists that are in read are left out, the others are noted
// there.
func (h *Hive) entries(off uint32, read bitmap, left *int, fn func(uint32) bool) bool {
	b, err := h.cell(off)
	if err != nil || len(b) < 4 || read != nil && !read.set(off) {
		return true
	}
	elem := 8
	switch string(b[:2]) {
	case "lf", "lh":
	case "li", "ri":
		elem = 4
	default:
		return true
	}
	n := min(int(binary.LittleEndian.Uint16(b[2:])), (len(b)-4)/elem)
	for i := range n {
		if *left--; *left < 0 {
			return false
		}
		sub := binary.LittleEndian.Uint32(b[4+elem*i:])
		if b[0] == 'r' {
			// An index leads to leaves only.
			if leaf, err := h.cell(sub); err == nil && len(leaf) > 0 && leaf[0] == 'l' && !h.entries(sub, read, left, fn) {
				return false
			}
			continue
		}
		if !fn(sub) {
			return false
		}
	}
	return true
}

// bitmap has one bit for each 8 bytes of bins.
type bitmap []uint64

func (m bitmap) has(off uint32) bool {
	word := int64(off >> 9)
	return word < int64(len(m)) && m[word]&(1<<(off>>3&63)) != 0
}

// set sets the bit of off, and says whether it was clear. Places behind the
// bins have none.
func (m bitmap) set(off uint32) bool {
	word, bit := int64(off>>9), uint64(1)<<(off>>3&63)
	if word >= int64(len(m)) || m[word]&bit != 0 {
		return false
	}
	m[word] |= bit
	return true
}
