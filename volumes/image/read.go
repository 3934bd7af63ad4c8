package image

import (
	"container/list"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// layout says where the bytes of a disk are.
type layout interface {
	// locate says where the bytes from off on are; off lies on the disk.
	locate(off int64) (run, error)
	// unpack fills dst with the first bytes of a packed run's unit.
	unpack(dst []byte, r run) error
}

type runKind uint8

const (
	zeros  runKind = iota // nothing is stored, and the bytes are zero
	absent                // nothing is stored: the parent has them; zeros without one
	stored                // as they are, in file from at on
	packed                // in a unit that unpack gives
	unread                // the maker of the image could not read them
)

// run is a row of bytes that are in one place.
type run struct {
	kind runKind
	n    int64 // bytes from the asked offset on, at least 1
	file *file
	at   int64
	// Of a packed run: where the unit begins on the disk, its bytes there,
	// its bytes in file; who unpacks it, and what that needs to know.
	unit int64
	size int
	len  int
	by   layout
	tag  int64
}

// ReadAt reads bytes of the disk.
func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &ReadError{Off: off, Len: int64(len(p)), File: d.name, Pos: -1, Err: errors.New("negative offset")}
	}
	if off >= d.size {
		return 0, io.EOF
	}
	var end error
	if rest := d.size - off; int64(len(p)) > rest {
		p, end = p[:rest], io.EOF
	}
	for done := 0; done < len(p); {
		n, err := d.read(p[done:], off+int64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	return len(p), end
}

// read reads at least one byte at the start of p, all of which is on the disk.
func (d *disk) read(p []byte, off int64) (int, error) {
	r, err := d.find(off)
	if err != nil {
		return 0, err
	}
	n := min(r.n, int64(len(p)))
	switch r.kind {
	case stored, absent:
		// Neighbours are read in one go.
		for n < int64(len(p)) {
			next, err := d.find(off + n)
			if err != nil || next.kind != r.kind || r.kind == stored && (next.file != r.file || next.at != r.at+n) {
				break
			}
			n = min(n+next.n, int64(len(p)))
		}
	}
	whole := p
	p = p[:n]
	switch r.kind {
	case absent:
		if d.parent == nil || off >= d.parent.size {
			clear(p)
			return len(p), nil
		}
		got, err := d.parent.ReadAt(p, off)
		if err == io.EOF {
			clear(p[got:])
			return len(p), nil
		}
		return got, err
	case stored:
		got, err := r.file.ReadAt(p, r.at)
		if got == len(p) {
			return got, nil
		}
		if err == nil || err == io.EOF {
			err = errCut
		}
		return got, &ReadError{Off: off + int64(got), Len: n - int64(got), File: r.file.name, Pos: r.at + int64(got), Err: err}
	case packed:
		if off == r.unit && len(p) == r.size && len(whole) > len(p) {
			return d.unpackRow(whole, off, r)
		}
		if err := d.unpackTo(p, off, r); err != nil {
			return 0, r.failed(err)
		}
		return len(p), nil
	case unread:
		return 0, &ReadError{Off: off, Len: r.n, File: d.name, Pos: -1, Err: errUnread}
	}
	clear(p)
	return len(p), nil
}

// find is locate with its errors given a place, and its answers checked.
func (d *disk) find(off int64) (run, error) {
	r, err := d.locate(off)
	if err != nil {
		return run{}, &ReadError{Off: off, Len: min(512, d.size-off), File: d.name, Pos: -1, Err: err}
	}
	r.n = min(r.n, d.size-off)
	if r.n <= 0 {
		return run{}, &ReadError{Off: off, Len: d.size - off, File: d.name, Pos: -1, Err: errors.New("the image describes no bytes there")}
	}
	return r, nil
}

// failed is the error for a packed run.
func (r *run) failed(err error) error {
	return &ReadError{Off: r.unit, Len: int64(r.size), File: r.file.name, Pos: r.at, Err: err}
}

// maxRow bounds the units that are unpacked at once, each with a buffer.
const maxRow = 64

// unpackRow fills the start of p with whole units, of which r is the first, on
// all processors.
func (d *disk) unpackRow(p []byte, off int64, r run) (int, error) {
	row := []run{r}
	n := int64(r.size)
	for len(row) < maxRow && n < int64(len(p)) {
		next, err := d.find(off + n)
		if err != nil || next.kind != packed || next.unit != off+n || int64(next.size) > int64(len(p))-n || next.n != int64(next.size) {
			break
		}
		row = append(row, next)
		n += int64(next.size)
	}
	errs := make([]error, len(row))
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(row) {
				return
			}
			u := &row[i]
			at := u.unit - off
			errs[i] = u.by.unpack(p[at:at+int64(u.size)], *u)
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(row)) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return int(row[i].unit - off), row[i].failed(err)
		}
	}
	return int(n), nil
}

// unpackTo fills p with the bytes at off, which are in the unit of r.
func (d *disk) unpackTo(p []byte, off int64, r run) error {
	if off == r.unit && len(p) == r.size {
		return r.by.unpack(p, r)
	}
	key := cacheKey{r.file, r.at, true}
	unit := d.cache.get(key)
	if unit == nil {
		unit = make([]byte, r.size)
		if err := r.by.unpack(unit, r); err != nil {
			return err
		}
		d.cache.put(key, unit)
	}
	if in := off - r.unit; in < 0 || in > int64(len(unit))-int64(len(p)) {
		return errors.New("two blocks of the disk share the compressed bytes at one place")
	}
	copy(p, unit[off-r.unit:])
	return nil
}

// cache keeps what was used last of all files of an image: pieces of tables
// and unpacked blocks. What it gives is shared and must not be changed.
type cache struct {
	mu    sync.Mutex
	used  int
	items map[cacheKey]*list.Element
	order list.List // the one used last is in front
}

type cacheKey struct {
	file     *file
	at       int64
	unpacked bool
}

type cacheItem struct {
	key  cacheKey
	data []byte
}

// cacheSize bounds the bytes of a cache: enough for the tables of 100 GiB in
// clusters of 64 KiB.
const cacheSize = 16 << 20

func newCache() *cache { return &cache{items: map[cacheKey]*list.Element{}} }

func (c *cache) get(key cacheKey) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.items[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cacheItem).data
}

func (c *cache) put(key cacheKey, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items[key] != nil {
		return
	}
	c.items[key] = c.order.PushFront(&cacheItem{key, data})
	c.used += len(data)
	// A block larger than the cache stays until the next one.
	for c.used > cacheSize && c.order.Len() > 1 {
		e := c.order.Back()
		item := c.order.Remove(e).(*cacheItem)
		delete(c.items, item.key)
		c.used -= len(item.data)
	}
}
