package rules

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// leaves finds the patterns of a folder whose leaf can match a name, without
// trying all of them. Folders in which nothing changes share one.
type leaves struct {
	once  sync.Once
	any   []int32            // to be tried on every name
	exact map[string][]int32 // by the whole leaf
	// ext holds suffixes like "*.TXT" by ".TXT": the last dot of a name begins
	// the only one that fits.
	ext map[string][]int32
	// exactLens and extLens have the bit of each length that is a key.
	exactLens, extLens uint64
	// prefix holds those like "~$*" by their first two bytes. They are few.
	prefix []byPrefix
}

type byPrefix struct {
	start [2]byte
	pats  []int32
}

func lengthBit(n int) uint64 { return 1 << min(n, 63) }

// fewLeaves is the number of patterns up to which trying all is as good.
const fewLeaves = 8

func (x *leaves) build(t *tree, pats []int32) {
	x.exact, x.ext = map[string][]int32{}, map[string][]int32{}
	for _, i := range pats {
		p := &t.pats[i]
		switch {
		case p.kind == leafNone: // of folders alone
		case p.kind == leafExact:
			x.exact[p.leaf] = append(x.exact[p.leaf], i)
			x.exactLens |= lengthBit(len(p.leaf))
		case p.kind == leafSuffix && strings.LastIndexByte(p.leaf, '.') == 1:
			x.ext[p.leaf[1:]] = append(x.ext[p.leaf[1:]], i)
			x.extLens |= lengthBit(len(p.leaf) - 1)
		case p.kind == leafPrefix && len(p.leaf) > 2:
			start := [2]byte{p.leaf[0], p.leaf[1]}
			n := slices.IndexFunc(x.prefix, func(b byPrefix) bool { return b.start == start })
			if n < 0 {
				n = len(x.prefix)
				x.prefix = append(x.prefix, byPrefix{start: start})
			}
			x.prefix[n].pats = append(x.prefix[n].pats, i)
		default:
			x.any = append(x.any, i)
		}
	}
}

// candidates are patterns to be tried on an object: some lists, each by rank.
type candidates [4][]int32

// next takes the first of them by rank.
func (c *candidates) next() (pat int32, ok bool) {
	from := -1
	for i, list := range c {
		if len(list) > 0 && (from < 0 || list[0] < pat) {
			from, pat = i, list[0]
		}
	}
	if from < 0 {
		return 0, false
	}
	c[from] = c[from][1:]
	return pat, true
}

// candidates are the patterns that upper may fit. pats are those of the folder.
func (x *leaves) candidates(t *tree, pats []int32, upper []byte) candidates {
	if len(pats) <= fewLeaves {
		return candidates{pats}
	}
	x.once.Do(func() { x.build(t, pats) })
	c := candidates{x.any}
	if x.exactLens&lengthBit(len(upper)) != 0 {
		c[1] = x.exact[string(upper)]
	}
	if x.extLens != 0 {
		if dot := bytes.LastIndexByte(upper, '.'); dot >= 0 && x.extLens&lengthBit(len(upper)-dot) != 0 {
			c[2] = x.ext[string(upper[dot:])]
		}
	}
	if len(upper) > 1 {
		for i := range x.prefix {
			if b := &x.prefix[i]; b.start == [2]byte(upper) {
				c[3] = b.pats
			}
		}
	}
	return c
}
