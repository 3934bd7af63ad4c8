package fat

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// page is how much of a table is read at once: a multiple of 3, so that no
// entry of 12 bits lies on two, and of all sector sizes.
const page = 3 * 16 << 10

// maxPages is how many are kept: 3 MiB.
const maxPages = 64

// table is the file allocation table: for each cluster the one behind it in its
// file. There are copies of it.
type table struct {
	r io.ReaderAt
	g *geometry

	mu    sync.Mutex
	pages map[pageKey]*tablePage
	tick  uint64
}

type pageKey struct {
	copy int
	n    int64
}

type tablePage struct {
	b    []byte // may be short where the medium is
	err  error  // of what is missing
	used uint64
}

// get is the entry of a cluster in a copy of the table.
func (t *table) get(cluster uint32, copy int) (uint32, error) {
	at := int64(cluster) * int64(t.g.bits) / 8
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.page(pageKey{copy, at / page})
	at %= page
	size := int64(2)
	if t.g.bits == 32 {
		size = 4
	}
	if at+size > int64(len(p.b)) {
		err := p.err
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, fmt.Errorf("file allocation table, entry %d: %w", cluster, err)
	}
	return entry(p.b[at:], cluster, t.g.bits), nil
}

// entry is the value at the begin of b, the entry with that number.
func entry(b []byte, n uint32, bits int) uint32 {
	switch {
	case bits == 32:
		return binary.LittleEndian.Uint32(b) & 0x0FFFFFFF
	case bits == 16:
		return uint32(binary.LittleEndian.Uint16(b))
	case n%2 == 0:
		return uint32(binary.LittleEndian.Uint16(b) & 0xFFF)
	}
	return uint32(binary.LittleEndian.Uint16(b) >> 4)
}

func (t *table) page(k pageKey) *tablePage {
	t.tick++
	if p := t.pages[k]; p != nil {
		p.used = t.tick
		return p
	}
	if t.pages == nil {
		t.pages = map[pageKey]*tablePage{}
	}
	if len(t.pages) >= maxPages {
		var oldest pageKey
		for k, p := range t.pages {
			if o := t.pages[oldest]; o == nil || p.used < o.used {
				oldest = k
			}
		}
		delete(t.pages, oldest)
	}
	p := t.load(k)
	p.used = t.tick
	t.pages[k] = p
	return p
}

// load reads a page; of one that cannot be read whole what comes before the
// damage.
func (t *table) load(k pageKey) *tablePage {
	b := make([]byte, min(page, t.g.tableSize-k.n*page))
	n, err := t.r.ReadAt(b, t.g.table+int64(k.copy)*t.g.tableSize+k.n*page)
	return &tablePage{b: b[:n], err: err}
}

// each calls fn with the entry of every cluster.
func (t *table) each(fn func(uint32)) error {
	first := uint32(0)
	per := uint32(page * 8 / t.g.bits)
	for n := int64(0); n*page < t.g.tableSize; n++ {
		p := t.load(pageKey{t.g.active, n})
		for i := range per {
			c := first + i
			if c < firstCluster {
				continue
			}
			if !t.g.isCluster(c) {
				return nil
			}
			at := int(i) * t.g.bits / 8
			if at+max(2, t.g.bits/8) > len(p.b) {
				if p.err == nil {
					p.err = io.ErrUnexpectedEOF
				}
				return fmt.Errorf("file allocation table: %w", p.err)
			}
			fn(entry(p.b[at:], c, t.g.bits))
		}
		first += per
	}
	return nil
}

// run is a piece of a file without gaps on the medium.
type run struct {
	index uint32 // of its first cluster in the file
	start uint32 // its first cluster
}

// chain is where the content of a file lies.
type chain struct {
	runs  []run
	count uint32 // clusters
	ended bool   // by the mark of the last cluster
	err   error  // why there are not as many as were wanted, nil when there are
}

// follow finds the clusters from first on: want of them; with whole, for
// folders, all that there are, and at most want. When a copy of the table breaks
// off, the others are tried.
func (t *table) follow(first, want uint32, whole bool) chain {
	best := t.followIn(first, want, whole, t.g.active)
	for c := 0; c < t.g.tables && best.err != nil && t.g.mirrored; c++ {
		if c == t.g.active {
			continue
		}
		if other := t.followIn(first, want, whole, c); other.err == nil || other.count > best.count {
			best = other
		}
	}
	return best
}

// followIn is follow in one copy. A chain that comes back to a cluster of it has
// no end, and is cut where it does.
func (t *table) followIn(first, want uint32, whole bool, copy int) (c chain) {
	end := uint32(0x0FFFFFF8)
	if t.g.bits < 32 {
		end = 1<<t.g.bits - 8
	}
	defer func() {
		if c.overlaps() {
			c.count, c.ended = t.distinct(first, copy), false
			c.cut()
			c.err = fmt.Errorf("its chain of clusters runs in a circle after %d: %w", c.count, winfs.ErrDamaged)
		}
	}()
	for at := first; c.count < want; {
		switch {
		case at >= end && c.count > 0:
			if c.ended = true; !whole {
				c.err = fmt.Errorf("its chain of clusters ends after %d of %d: %w", c.count, want, winfs.ErrDamaged)
			}
			return c
		case !t.g.isCluster(at):
			c.err = fmt.Errorf("its chain of clusters leads to %#x after %d: %w", at, c.count, winfs.ErrDamaged)
			return c
		}
		if n := len(c.runs); n == 0 || c.runs[n-1].start+(c.count-c.runs[n-1].index) != at {
			c.runs = append(c.runs, run{c.count, at})
		}
		if c.count++; c.count == want && !whole {
			break
		}
		next, err := t.get(at, copy)
		if err != nil {
			c.err = err
			return c
		}
		at = next
	}
	return c
}

// overlaps says whether a cluster is in the chain twice.
func (c *chain) overlaps() bool {
	if len(c.runs) < 2 {
		return false
	}
	type span struct{ from, to uint32 }
	spans := make([]span, len(c.runs))
	for i, r := range c.runs {
		end := c.count
		if i+1 < len(c.runs) {
			end = c.runs[i+1].index
		}
		spans[i] = span{r.start, r.start + (end - r.index)}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for i := range spans[1:] {
		if spans[i].to > spans[i+1].from {
			return true
		}
	}
	return false
}

// distinct counts the clusters of a chain that runs in a circle (Brent's
// algorithm).
func (t *table) distinct(first uint32, copy int) uint32 {
	next := func(n uint32) uint32 { n, _ = t.get(n, copy); return n }
	power, circle := uint32(1), uint32(1)
	for mark, at := first, next(first); at != mark && t.g.isCluster(at); circle++ {
		if circle == power {
			mark, power, circle = at, power*2, 0
		}
		at = next(at)
	}
	a, b := first, first
	for range circle {
		b = next(b)
	}
	n := circle
	for ; a != b && n < t.g.clusters; n++ {
		a, b = next(a), next(b)
	}
	return n
}

// cut drops the runs behind count.
func (c *chain) cut() {
	for n := len(c.runs); n > 0 && c.runs[n-1].index >= c.count; n-- {
		c.runs = c.runs[:n-1]
	}
}
