package capture

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// A batch is some objects on their way from the medium to the store: many
// small ones, or one piece of a large content.
type batch struct {
	buf    []byte // goes back to the reader's free list
	pieces []piece
	large  *large
	// last marks the final piece of large.
	last bool
	n    int // bytes of buf that belong to large
	// bad are the ranges of this piece that cannot be read; short, when not
	// negative, is where a file ended that had become shorter.
	bad   badRanges
	short int64
	// changed says what happened to the file while it was read, "" for
	// nothing.
	changed string
}

// piece is one object whose content, if any, is whole in memory.
type piece struct {
	o       *store.Object
	content []byte
	sec     securityKey
	item    *plan.Item
	// first is the object that has the content of a further hard link.
	first *store.Object
	// stream is the content, while it still has to be read.
	stream winfs.Stream
	// later says that its content was not read: others can be first, or the disk
	// was taken away.
	later bool
	// cause is the first error of reading it, nil for none.
	cause error
}

// large is a content that goes through memory piece by piece.
type large struct {
	piece
	size   int64
	holes  []store.Range
	member *store.Member // the storing goroutine's
	// refused is set when the store cannot hold the object at all.
	refused bool
	// known, when not zero, is the hash of a content that may be stored.
	known [32]byte
	// ask wants to know whether a content that begins so may be stored
	// already, or whether the known one is.
	ask    bool
	head   [32]byte
	answer chan bool
}

// reader is the goroutine that reads.
type reader struct {
	*run
	ctx   context.Context
	order []int32
	out   chan<- *batch
	free  chan []byte

	// gone is the error of a disk that was taken away.
	gone error

	// Contents that a disk does not give at once are read last, so that a disk
	// that is about to fail gives what is healthy first: later are their items,
	// in order, and put off their objects. last is set when it is their turn.
	later  []*plan.Item
	putOff map[*store.Object]bool
	last   bool

	b     *batch
	used  int
	links map[linkKey]*store.Object
	named map[streamKey]*store.Object
	merge []extent
	tmp   []byte
}

type linkKey struct {
	volume uint8
	file   winfs.FileID
}

// all reads the whole plan. When a disk was taken away, what was read before is
// on its way, and the error is r.gone.
func (r *reader) all() error {
	err := r.items()
	if r.gone == nil {
		return err
	}
	return cmp.Or(r.flush(), r.gone)
}

func (r *reader) items() error {
	r.links = map[linkKey]*store.Object{}
	r.putOff = map[*store.Object]bool{}
	for _, i := range r.order {
		if err := r.item(&r.Items[i]); err != nil {
			return err
		}
	}
	if err := r.flush(); err != nil {
		return err
	}
	r.last = true
	maps.DeleteFunc(r.links, func(_ linkKey, o *store.Object) bool { return r.putOff[o] })
	maps.DeleteFunc(r.named, func(_ streamKey, o *store.Object) bool { return r.putOff[o] })
	for _, it := range r.later {
		if err := r.item(it); err != nil {
			return err
		}
	}
	return r.flush()
}

// skim makes the disks of the plan put off what fails, or no more, unless it is
// the turn of that.
func (r *reader) skim(on bool) {
	if r.last {
		return
	}
	for i := range r.Volumes {
		r.Volumes[i].Volume.Skim(on)
	}
}

// isLater says whether a read failed that can be put off.
func isLater(err error) bool { return errors.Is(err, volumes.ErrLater) }

// begin makes sure that there is a batch with room for n bytes.
func (r *reader) begin(n int) error {
	if r.b != nil && (len(r.b.buf)-r.used < n || len(r.b.pieces) >= 8192) {
		if err := r.flush(); err != nil {
			return err
		}
	}
	if r.b == nil {
		buf, err := r.buffer()
		if err != nil {
			return err
		}
		r.b, r.used = &batch{buf: buf}, 0
	}
	return nil
}

func (r *reader) buffer() ([]byte, error) {
	select {
	case buf := <-r.free:
		if buf == nil {
			buf = make([]byte, r.opt.Window)
		}
		return buf, nil
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
}

// flush reads what the batch still wants and sends it on.
func (r *reader) flush() error {
	if r.b == nil {
		return nil
	}
	r.skim(true)
	r.fill()
	r.skim(false)
	r.b.pieces = slices.DeleteFunc(r.b.pieces, r.putsOff)
	b := r.b
	r.b = nil
	return cmp.Or(r.send(b), r.gone)
}

// putsOff says whether p has to wait, and notes it: its content does, or is that
// of a file that does.
func (r *reader) putsOff(p piece) bool {
	if !p.later && !r.putOff[p.first] {
		return false
	}
	r.putOff[p.o] = true
	r.later = append(r.later, p.item)
	return true
}

func (r *reader) send(b *batch) error {
	select {
	case r.out <- b:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

func (r *reader) add(p piece) error {
	if err := r.begin(0); err != nil {
		return err
	}
	r.b.pieces = append(r.b.pieces, p)
	return nil
}

// link puts a further name of a file on its way, behind the first.
func (r *reader) link(p piece) error {
	if r.putsOff(p) {
		return nil
	}
	return r.add(p)
}

// item puts one object of the plan on its way.
func (r *reader) item(it *plan.Item) error {
	o, info, err := r.object(it)
	p := piece{o: o, item: it}
	if r.vanished(err) {
		return r.gone
	}
	if err != nil {
		o.Outcome, o.Reason = store.Unreadable, err.Error()
		p.cause = err
		return r.add(p)
	}
	if info.Lost != nil {
		o.Size, o.Outcome, o.Reason = info.Size, store.Unreadable, info.Lost.Error()
		p.cause = info.Lost
		return r.add(p)
	}
	fs := r.Volumes[it.Volume].FS
	if it.Kind != plan.Stream {
		if without := it.Without & migxml.Security; without != migxml.Security {
			p.sec = securityKey{it.Volume, fs.SecurityID(it.Entry), without}
		}
		if info.Reparse != 0 {
			b, err := fs.Reparse(it.Entry)
			if r.vanished(err) {
				return r.gone
			}
			if err != nil {
				o.Reason = "its reparse data cannot be read: " + err.Error()
			}
			o.Reparse = b
		}
		if x, ok := fs.(winfs.Extras); ok {
			o.Short, o.CaseSensitive = wstr.Text(x.ShortName(it.Entry)), info.CaseSensitive
			if o.EA, err = x.EAs(it.Entry); err == nil {
				o.ObjectID, err = x.ObjectID(it.Entry)
			}
			if r.vanished(err) {
				return r.gone
			}
			if err != nil {
				o.Reason = "its extended attributes cannot be read: " + err.Error()
			}
		}
	}
	name := ""
	switch it.Kind {
	case plan.Folder:
		o.Outcome = store.Captured
		if info.Damage != "" {
			o.Outcome, o.Reason = store.Damaged, info.Damage
		} else if winfs.IsCloudTag(info.Reparse) && info.Attr&winfs.AttrRecallOnOpen != 0 && o.EA == nil {
			o.Outcome, o.Reason = store.Placeholder, "what is in the folder was never listed on this machine: it is only in the cloud"
		}
		return r.add(p)
	case plan.Link:
		o.Outcome = store.Captured
		if info.Damage != "" {
			o.Outcome, o.Reason = store.Damaged, info.Damage
		}
		target, err := winfs.LinkTarget(o.Reparse)
		switch {
		case errors.Is(err, winfs.ErrUnsupported):
			// All there is of it is in the catalog.
			o.Reason = fmt.Sprintf("a link of a kind (reparse tag %#x) that only the program it belongs to follows", info.Reparse)
		case err != nil:
			o.Outcome, o.Reason = store.Unreadable, "where the link leads cannot be read: "+err.Error()
			p.cause = err
		}
		o.Target = wstr.Text(target)
		return r.add(p)
	case plan.Stream:
		ss, err := fs.Streams(it.Entry)
		if r.vanished(err) {
			return r.gone
		}
		if err != nil || int(it.Stream) >= len(ss) {
			o.Outcome, o.Reason = store.Unreadable, fmt.Sprintf("its streams changed while the capture ran (%v)", err)
			return r.add(p)
		}
		name = ss[it.Stream].Name
		o.Stream, o.Size = wstr.Text(name), ss[it.Stream].Size
		info.Mode = ss[it.Stream].Mode
		if info.Links > 1 {
			// The streams of a file with several names are those of each.
			key := streamKey{linkKey{it.Volume, info.File}, name}
			if first := r.streamLinks()[key]; first != nil {
				p.first = first
				return r.link(p)
			}
			r.streamLinks()[key] = o
		}
	case plan.File:
		o.Size = info.Size
		if info.Links > 1 {
			key := linkKey{it.Volume, info.File}
			if first := r.links[key]; first != nil {
				p.first = first
				return r.link(p)
			}
			r.links[key] = o
		}
		if info.NotLocal() {
			o.Outcome, o.Reason = store.Placeholder, info.WhyNotLocal(r.cloudRoot(it))
			return r.add(p)
		}
		if info.Doubtful() {
			o.Reason = "its attributes say that the content is only in the cloud, but all of it is here"
		}
		if what, target := winfs.Special(o.Reparse); what != "" {
			o.Reason, o.Target = what, wstr.Text(target)
		}
	}
	if info.Mode&winfs.Encrypted != 0 {
		return r.encrypted(p, name, &info)
	}
	s, err := fs.Open(it.Entry, name)
	if r.vanished(err) {
		return r.gone
	}
	if err != nil {
		o.Outcome, o.Reason = store.Unreadable, err.Error()
		if errors.Is(err, winfs.ErrUnsupported) {
			o.Outcome = store.Unsupported
		}
		p.cause = err
		return r.add(p)
	}
	o.Size = s.Size()
	o.Outcome = store.Captured
	if info.Damage != "" {
		o.Outcome, o.Reason = store.Damaged, info.Damage
	}
	return r.content(p, s)
}

// content puts an object with a content, whose size is set, on its way.
func (r *reader) content(p piece, s winfs.Stream) error {
	size := p.o.Size
	if size > smallFile {
		return r.large(p, s)
	}
	if err := r.begin(int(size)); err != nil {
		return err
	}
	p.content = r.b.buf[r.used : r.used+int(size)]
	r.used += int(size)
	p.stream = s
	r.b.pieces = append(r.b.pieces, p)
	return nil
}

// cloudRoot is the path of the folder of the account that an item belongs to,
// "" when it is not known.
func (r *reader) cloudRoot(it *plan.Item) string {
	root, ok := winfs.CloudRoot(r.Volumes[it.Volume].FS, it.Entry)
	if !ok {
		return ""
	}
	at := *it
	at.Entry = root
	return r.Path(&at)
}

type extent struct {
	pos   int64
	dst   []byte
	piece int
	off   int64 // of dst in the content
}

const (
	// mergeGap is the largest hole between two contents that is read over
	// rather than jumped: at 150 MB/s and 8 ms a jump, a disk reads 1.2 MB in
	// the time of one. On a flash disk it costs some more bytes, which come
	// faster than anything is compressed.
	mergeGap = 1 << 20
	maxRead  = 4 << 20
)

// fill reads the contents of the batch, neighbours on the medium together.
func (r *reader) fill() {
	r.merge = r.merge[:0]
	var medium io.ReaderAt
	vol := -1
	for i := range r.b.pieces {
		p := &r.b.pieces[i]
		if p.stream == nil {
			continue
		}
		if v := int(p.item.Volume); v != vol {
			r.readMerged(medium)
			vol, medium = v, nil
			if m, ok := r.Volumes[v].FS.(winfs.Medium); ok {
				medium = m.Medium()
			}
		}
		exts := p.stream.Extents()
		if medium == nil || exts == nil {
			r.readAlone(p)
			continue
		}
		for _, e := range exts {
			dst := p.content[e.Off : e.Off+e.Len]
			if e.Pos < 0 {
				clear(dst)
				continue
			}
			r.merge = append(r.merge, extent{e.Pos, dst, i, e.Off})
		}
	}
	r.readMerged(medium)
	for i := range r.b.pieces {
		p := &r.b.pieces[i]
		if p.stream != nil {
			rewritten(p.o, p.stream)
			closeStream(p.stream)
			p.stream = nil
		}
	}
}

// readMerged does the collected reads in the order of the medium.
func (r *reader) readMerged(medium io.ReaderAt) {
	m := r.merge
	r.merge = r.merge[:0]
	slices.SortFunc(m, func(a, b extent) int { return cmp.Compare(a.pos, b.pos) })
	for len(m) > 0 {
		end := m[0].pos + int64(len(m[0].dst))
		n := 1
		for !r.last && n < len(m) && m[n].pos-end <= mergeGap && m[n].pos+int64(len(m[n].dst))-m[0].pos <= maxRead {
			end = max(end, m[n].pos+int64(len(m[n].dst)))
			n++
		}
		group := m[:n]
		m = m[n:]
		if n > 1 {
			size := int(end - group[0].pos)
			if r.tmp == nil {
				r.tmp = make([]byte, maxRead)
			}
			if _, err := medium.ReadAt(r.tmp[:size], group[0].pos); err == nil {
				for _, e := range group {
					copy(e.dst, r.tmp[e.pos-group[0].pos:])
				}
				continue
			}
		}
		// A group in which something cannot be read: find out what, one by one.
		for _, e := range group {
			p := &r.b.pieces[e.piece]
			if p.later {
				continue
			}
			bad := readBad(io.NewSectionReader(medium, e.pos, int64(len(e.dst))), e.dst, 0, int64(len(e.dst)))
			if !r.waits(p, bad.err) {
				r.damage(p, e.off, bad)
			}
		}
	}
}

// readAlone reads a content that has to be decoded, or whose place is unknown.
func (r *reader) readAlone(p *piece) {
	n, err := p.stream.ReadAt(p.content, 0)
	if err == nil || errors.Is(err, io.EOF) && n == len(p.content) {
		return
	}
	if r.waits(p, err) {
		return
	}
	if shrunk(err) {
		r.changed(p.o, int64(n))
		clear(p.content[n:])
		return
	}
	if errors.Is(err, winfs.ErrUnsupported) {
		p.o.Outcome, p.o.Reason = store.Unsupported, err.Error()
		return
	}
	bad := readBad(p.stream, p.content, 0, int64(len(p.content)))
	if r.waits(p, bad.err) {
		return
	}
	_, places := errors.AsType[*winfs.ReadError](err)
	if !places && len(bad.ranges) == 1 && bad.ranges[0].Len == int64(len(p.content)) && len(p.content) > 0 {
		p.o.Outcome, p.o.Reason, p.cause = store.Unreadable, err.Error(), err
		return
	}
	r.damage(p, 0, bad)
}

// waits says whether a content was not read for a reason that is none of its
// own, and notes it.
func (r *reader) waits(p *piece, err error) bool {
	p.later = r.vanished(err) || isLater(err)
	return p.later
}

// vanished says whether err tells that a disk was taken away, and notes it:
// what is left of the plan is not damaged.
func (r *reader) vanished(err error) bool {
	if !errors.Is(err, volumes.ErrGone) {
		return false
	}
	r.gone = err
	return true
}

// shrunk says whether a read ended because the file of a host folder became
// shorter. On a raw volume the end of the medium is damage.
func shrunk(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, winfs.ErrShrunk) }

// rewritten notes that a file was written to while it was read.
func rewritten(o *store.Object, s winfs.Stream) {
	if c, ok := s.(winfs.Changer); ok && o.Outcome == store.Captured {
		if what := c.Changed(); what != "" {
			o.Outcome, o.Reason = store.Changed, what
		}
	}
}

func (r *run) changed(o *store.Object, n int64) {
	o.Outcome = store.Changed
	o.Reason = fmt.Sprintf("it had %d bytes when the capture began and %d when it was read; the rest is zeros", o.Size, n)
}

// damage notes ranges of a content that cannot be read; off is their origin.
func (r *run) damage(p *piece, off int64, bad badRanges) {
	if bad.err == nil {
		return
	}
	o := p.o
	o.Outcome = store.Damaged
	p.cause = cmp.Or(p.cause, bad.err)
	if len(bad.ranges) == 0 {
		o.Reason = "all of it was read, but not all of it is right: " + bad.err.Error()
		return
	}
	if o.Reason == "" {
		o.Reason = "not all of it can be read: " + bad.err.Error()
	}
	for _, b := range bad.ranges {
		b.Off += off
		if n := len(o.Ranges); n > 0 && o.Ranges[n-1].Off+o.Ranges[n-1].Len == b.Off {
			o.Ranges[n-1].Len += b.Len
			continue
		}
		o.Ranges = append(o.Ranges, b)
	}
	slices.SortFunc(o.Ranges, func(a, b store.Range) int { return cmp.Compare(a.Off, b.Off) })
}

// badRanges with an error and no range are those of a content that could be
// read, and that is not what it was; nobody knows where.
type badRanges struct {
	ranges []store.Range
	err    error // the first
}

// sector is the smallest piece that is tried alone.
const sector = 512

// readBad reads [off, off+n) of src into dst and gives the ranges that cannot
// be read, which are zeros in dst: halves are tried until sectors are left.
func readBad(src io.ReaderAt, dst []byte, off, n int64) (bad badRanges) {
	var try func(at, n int64)
	try = func(at, n int64) {
		k, err := src.ReadAt(dst[at-off:at-off+n], at)
		if int64(k) == n && bad.err == nil && errors.Is(err, winfs.ErrDamaged) {
			bad.err = err
		}
		if err == nil || int64(k) == n {
			return
		}
		// Nothing is gained by smaller pieces when the disk is gone or skimmed.
		gone := errors.Is(err, volumes.ErrGone) || isLater(err)
		if bad.err == nil || gone {
			bad.err = err
		}
		// Behind the end of a medium there is nothing to be found.
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if n <= sector || gone || end && k == 0 {
			clear(dst[at-off : at-off+n])
			if m := len(bad.ranges); m > 0 && bad.ranges[m-1].Off+bad.ranges[m-1].Len == at {
				bad.ranges[m-1].Len += n
			} else {
				bad.ranges = append(bad.ranges, store.Range{Off: at, Len: n})
			}
			return
		}
		half := (n/2 + sector - 1) / sector * sector
		try(at, half)
		if half < n {
			try(at+half, n-half)
		}
	}
	if n > 0 {
		try(off, n)
	}
	return bad
}

func closeStream(s winfs.Stream) {
	if c, ok := s.(io.Closer); ok {
		c.Close()
	}
}

// large sends a content through the pipeline piece by piece.
func (r *reader) large(p piece, s winfs.Stream) error {
	defer closeStream(s)
	if err := r.flush(); err != nil {
		return err
	}
	l := &large{piece: p, size: s.Size(), answer: make(chan bool, 1)}
	for _, h := range s.Holes() {
		l.holes = append(l.holes, store.Range{Off: h.Off, Len: h.Len})
	}
	buf, err := r.buffer()
	if err != nil {
		return err
	}
	later := func() error {
		r.free <- buf
		p.later = true
		r.putsOff(p)
		return nil
	}
	// A hive of that size is no SAM, but the check costs one look.
	r.skim(true)
	_, err = s.ReadAt(buf[:4], 0)
	r.skim(false)
	if isLater(err) {
		return later()
	}
	if err == nil && string(buf[:4]) == "regf" {
		whole := make([]byte, min(l.size, MaxSecretHive))
		readBad(s, whole, 0, int64(len(whole)))
		if SecretHive(whole) {
			p.o.Outcome, p.o.Reason = store.Excluded, secretReason
			return r.send(&batch{buf: buf, pieces: []piece{p}})
		}
	}
	if len(l.holes) == 0 && r.same[l.size] && p.o.Outcome == store.Captured {
		r.skim(true)
		known, err := r.duplicate(l, s, buf)
		r.skim(false)
		if err != nil || known {
			return err
		}
		if buf, err = r.buffer(); err != nil {
			return err
		}
	}
	data := dataRanges(l.size, l.holes)
	if len(data) == 0 {
		return r.send(&batch{buf: buf, large: l, last: true, short: -1})
	}
	for i, d := range data {
		for at := d.Off; at < d.Off+d.Len; {
			n := min(int64(len(buf)), d.Off+d.Len-at)
			last := i == len(data)-1 && at+n == d.Off+d.Len
			b := &batch{buf: buf, large: l, n: int(n), last: last, short: -1}
			// What is in the store is final: only a content of which nothing is
			// there can be put off.
			first := i == 0 && at == d.Off
			if first {
				r.skim(true)
			}
			b.bad = readBad(s, buf[:n], at, n)
			if first {
				r.skim(false)
			}
			switch {
			case r.vanished(b.bad.err):
				return r.gone
			case isLater(b.bad.err):
				return later()
			}
			if _, raw := r.Volumes[p.item.Volume].FS.(winfs.Medium); !raw && shrunk(b.bad.err) {
				b.short, b.bad = b.bad.ranges[0].Off, badRanges{}
			}
			if last {
				if c, ok := s.(winfs.Changer); ok {
					b.changed = c.Changed()
				}
			}
			if err := r.send(b); err != nil {
				return err
			}
			at += n
			if !last {
				if buf, err = r.buffer(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// duplicate finds out whether the content of l is in the store already; if
// so, it is on its way as a duplicate. The buffer is given back.
func (r *reader) duplicate(l *large, s winfs.Stream, buf []byte) (bool, error) {
	give := func() { r.free <- buf }
	head := buf[:64<<10]
	if _, err := s.ReadAt(head, 0); err != nil {
		give()
		return false, nil
	}
	l.head = sha256.Sum256(head)
	l.ask = true
	if err := r.send(&batch{large: l}); err != nil {
		return false, err
	}
	if ok, err := r.wait(l); err != nil || !ok {
		give()
		l.ask = false
		return false, err
	}
	h := sha256.New()
	for at := int64(0); at < l.size; {
		n := min(int64(len(buf)), l.size-at)
		if _, err := s.ReadAt(buf[:n], at); err != nil && !errors.Is(err, io.EOF) {
			give()
			l.ask = false
			return false, nil
		}
		if err := r.ctx.Err(); err != nil {
			return false, err
		}
		h.Write(buf[:n])
		at += n
	}
	give()
	h.Sum(l.known[:0])
	if err := r.send(&batch{large: l}); err != nil {
		return false, err
	}
	ok, err := r.wait(l)
	l.ask, l.known = false, [32]byte{}
	return ok, err
}

func (r *reader) wait(l *large) (bool, error) {
	select {
	case ok := <-l.answer:
		return ok, nil
	case <-r.ctx.Done():
		return false, r.ctx.Err()
	}
}

// dataRanges are the parts of a content outside of its holes.
func dataRanges(size int64, holes []store.Range) []store.Range {
	var out []store.Range
	at := int64(0)
	for _, h := range holes {
		if h.Off > at {
			out = append(out, store.Range{Off: at, Len: h.Off - at})
		}
		at = max(at, h.Off+h.Len)
	}
	if at < size {
		out = append(out, store.Range{Off: at, Len: size - at})
	}
	return out
}

type streamKey struct {
	linkKey
	name string
}

func (r *reader) streamLinks() map[streamKey]*store.Object {
	if r.named == nil {
		r.named = map[streamKey]*store.Object{}
	}
	return r.named
}
