package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/coldstate/coldstate/internal/wstr"
)

const (
	// MinDuplicate is the smallest content that is stored once for several
	// objects. On a corpus of profiles, copies of 16 to 64 KiB are a tenth of
	// all duplicate bytes; below, a copy costs less than looking for it.
	MinDuplicate = 16 << 10
	// headSize is the part of a content whose hash makes it a candidate.
	headSize = 64 << 10
	// minTrial is the smallest content that is tried for whether it
	// compresses; smaller ones go with the text around them.
	minTrial = 4 << 10
	// minHole and minHoles decide what becomes a sparse member: holes of at
	// least 1 MiB that are more than 64 MiB together. Others are zeros, which
	// compress to nothing.
	minHole  = 1 << 20
	minHoles = 64 << 20
	// maxPending is how many bytes of lines wait for chunks that are not full.
	maxPending = 1 << 20

	defaultSegment    = 1<<31 - 1 // FAT32 holds 4 GiB - 1, some tools 2 GiB - 1
	defaultMemory     = 40 << 20
	defaultCheckpoint = 5 * time.Second

	// Memory: the two chunks being filled and the encoder of the catalog,
	// then for each worker its encoder and two jobs of a chunk and a frame.
	memoryFixed  = 8 << 20
	memoryWorker = 8 << 20
)

// Options of a Writer. The zero value is a good run.
type Options struct {
	// Workers compress frames; 0 means as many as there are cores, at most 8,
	// and no more than Memory has room for.
	Workers int
	// Memory is the room for frames and encoders in bytes; 0 means 40 MiB.
	// One worker needs 16 MiB, each further one 8 MiB.
	Memory int64
	// Source is written into the manifest.
	Source SourceInfo
	// SameSize says whether several contents of this size are to be expected:
	// only those are remembered to find duplicates. nil means all.
	SameSize func(size int64) bool
	// SegmentSize is the largest size of a segment; 0 means 2 GiB - 1, which
	// is also the most. A frame that is larger has a segment of its own.
	SegmentSize int64
	// Checkpoint is the time between two checkpoints; 0 means 5 s. It grows
	// to a hundredth of the time that the writer has run.
	Checkpoint time.Duration
	// Created goes into the manifest; zero means the time of Create.
	Created time.Time
}

// SourceInfo says in the manifest where the store comes from. It holds no
// names of people's files; empty fields are left out.
type SourceInfo struct {
	Machine      string `json:"machine,omitempty"`
	System       string `json:"system,omitempty"` // "Windows 10 Pro"
	Version      string `json:"version,omitempty"`
	Architecture string `json:"architecture,omitempty"`
	Program      string `json:"program,omitempty"` // what made the store
}

// NotEmptyError says that the place for a new store holds something.
type NotEmptyError struct {
	State State    // of the store that is there, "" when it does not look like one
	Names []string // the first of what is there
	More  int      // how many more
}

func (e *NotEmptyError) Error() string {
	what := "it holds " + strings.Join(e.Names, ", ")
	if e.More > 0 {
		what += fmt.Sprintf(" and %d more", e.More)
	}
	switch e.State {
	case StateSealed:
		what = "it holds a finished store"
	case StateOpen:
		what = "it holds a store that was not finished"
	case StateDamaged:
		what = "it holds a store with a damaged manifest"
	}
	return "the folder for the store is not empty: " + what + "; choose another one"
}

// ObjectError refuses one object. Nothing of it was written, and the writer
// can go on.
type ObjectError struct {
	Path string
	Err  error
}

func (e *ObjectError) Error() string { return fmt.Sprintf("%s: %v", clip(e.Path), e.Err) }
func (e *ObjectError) Unwrap() error { return e.Err }

func refuse(o *Object, format string, args ...any) error {
	return &ObjectError{string(o.Path), fmt.Errorf(format, args...)}
}

var errDone = errors.New("the store is closed")

// lane is a chunk being filled. Contents that do not compress go through a
// lane of their own: an encoder passes over a frame of noise at 3 GB/s, but
// noise between texts slows the texts down.
type lane struct {
	j *job
	// cont: the chunk begins inside of a member and has to follow the chunk
	// that was sent before it.
	cont bool
	// last is the number of the chunk that got the last byte.
	last uint32
}

// Writer writes a store. It is used from one goroutine at a time. After its
// first error, other than an *ObjectError, every call returns that error.
type Writer struct {
	dir    Dir
	opt    Options
	out    *output
	work   chan *job
	order  chan *job
	free   chan *job
	wg     sync.WaitGroup
	ended  bool
	result error // what every call gives once ended

	text, noise lane
	trial       *zstd.Encoder
	trialBuf    []byte
	header      []byte
	chunks      uint32
	tarSent     int64 // bytes of tar in jobs that were sent
	member      *Member

	known    map[uint64]uint32   // first bytes of the SHA-256 -> index in contents
	heads    map[uint64]struct{} // of size and head: a hint only
	contents []content
	names    []byte         // of contents
	sds      map[string]int // descriptor -> number
	sdSize   int
	beside   map[string]bool // names of PutFile
	manifest Manifest        // as it is on the disk, and the counters
	started  time.Time
	last     time.Time // of the last checkpoint
	changed  bool      // something was put since
	outcomes map[Outcome]int64
}

// content remembers a stored content for duplicates: no pointers, so that a
// million of them cost the collector nothing.
type content struct {
	at     place
	size   int64
	sum    Sum
	name   uint32 // in Writer.names: path, then stream
	path   uint32 // their lengths
	stream uint32
}

// Create begins a store in d, which must be empty.
func Create(d Dir, opt Options) (*Writer, error) {
	es, err := d.List()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(es) > 0 {
		return nil, notEmpty(d, es)
	}
	if opt.Memory <= 0 {
		opt.Memory = defaultMemory
	}
	if opt.Workers <= 0 {
		opt.Workers = min(runtime.GOMAXPROCS(0), 8)
	}
	opt.Workers = int(max(1, min(int64(opt.Workers), (opt.Memory-memoryFixed)/memoryWorker)))
	if opt.SegmentSize <= 0 || opt.SegmentSize > defaultSegment {
		opt.SegmentSize = defaultSegment
	}
	if opt.Checkpoint <= 0 {
		opt.Checkpoint = defaultCheckpoint
	}
	if opt.SameSize == nil {
		opt.SameSize = func(int64) bool { return true }
	}
	now := time.Now()
	if opt.Created.IsZero() {
		opt.Created = now
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(frameSize), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	w := &Writer{
		dir: d, opt: opt, started: now, last: now,
		out:      &output{dir: d, segmentSize: opt.SegmentSize, enc: enc},
		trial:    newEncoder(),
		known:    map[uint64]uint32{},
		heads:    map[uint64]struct{}{},
		sds:      map[string]int{},
		beside:   map[string]bool{},
		outcomes: map[Outcome]int64{},
		manifest: Manifest{
			Format: Format, State: StateOpen, Created: opt.Created.UTC().Format(time.RFC3339),
			Source: opt.Source, Outcomes: map[Outcome]int64{}, Files: []FileEntry{},
		},
	}
	if err := writeManifest(d, &w.manifest); err != nil {
		return nil, &WriteError{Name: manifestName, Err: err}
	}
	w.out.journal, err = d.Create(journalName)
	if err != nil {
		return nil, &WriteError{Name: journalName, Err: err}
	}
	jobs := 2 + 2*opt.Workers
	w.work = make(chan *job, jobs)
	w.order = make(chan *job, jobs+1)
	w.free = make(chan *job, jobs)
	for range jobs {
		w.free <- &job{ready: make(chan struct{}, 1)}
	}
	for range opt.Workers {
		w.wg.Go(func() { compress(w.work) })
	}
	w.wg.Go(func() { w.out.run(w.order, w.free) })
	return w, nil
}

func notEmpty(d Dir, es []DirEntry) error {
	e := &NotEmptyError{}
	for i, f := range es {
		if i == 5 {
			e.More = len(es) - i
			break
		}
		e.Names = append(e.Names, f.Name)
	}
	m, err := findManifest(d)
	switch {
	case err == nil:
		e.State = m.State
	case !errors.Is(err, fs.ErrNotExist):
		e.State = StateDamaged
	}
	return e
}

// ready says why nothing can be put.
func (w *Writer) ready() error {
	if w.ended {
		return w.result
	}
	if err := w.out.failed(); err != nil {
		return fmt.Errorf("nothing more can be written: %w", err)
	}
	if w.member != nil {
		return refuse(w.member.o, "it is still being written; nothing else can be put before it is closed")
	}
	return nil
}

// Put stores an object. content is the whole content of a file, stream or
// part whose outcome keeps it, and nil for all others; it may be reused after
// the return. Put sets o.Size to the size of content when there is one,
// o.SHA256 unless it is set already, and turns the outcome captured into
// duplicate when the same content of MinDuplicate or more is stored already.
func (w *Writer) Put(o *Object, content []byte) error {
	if err := w.ready(); err != nil {
		return err
	}
	keeps := o.Kind.hasContent() && o.Outcome.Stored()
	if !keeps {
		if content != nil {
			return refuse(o, "a %s with outcome %q has no content", o.Kind, o.Outcome)
		}
		return w.putPlain(o)
	}
	switch o.Outcome {
	case Linked, Duplicate:
		return refuse(o, "the outcome %s belongs to PutLink and PutKnown", o.Outcome)
	}
	if o.Size != 0 && o.Size != int64(len(content)) {
		return refuse(o, "a size of %d bytes, but a content of %d", o.Size, len(content))
	}
	o.Size = int64(len(content))
	o.Raw = o.Outcome == EncryptedRaw || o.Raw && o.Outcome == Damaged
	o.Holes = nil
	name, err := w.checked(o)
	if err != nil {
		return err
	}
	var head Sum
	remember := o.Outcome == Captured && w.remembers(o.Size)
	if o.SHA256 == (Sum{}) {
		h := sha256.New()
		h.Write(content[:min(len(content), headSize)])
		if remember {
			head = Sum(h.Sum(nil))
		}
		h.Write(content[min(len(content), headSize):])
		o.SHA256 = Sum(h.Sum(nil))
	} else if remember && len(content) <= headSize {
		head = o.SHA256
	} else if remember {
		head = Sum(sha256.Sum256(content[:headSize]))
	}
	if remember {
		if done, err := w.putKnown(o, name); done || err != nil {
			return err
		}
	}
	l := &w.text
	if w.isNoise(content) {
		l = &w.noise
	}
	if err := w.begin(l, o, o.contentHeader(name)); err != nil {
		return err
	}
	if err := w.append(l, content); err != nil {
		return err
	}
	if err := w.append(l, zeros[:padding(o.Size)]); err != nil {
		return err
	}
	if remember {
		w.remember(o, head)
	}
	return w.line(o, o.at, l.last)
}

var zeros [64 << 10]byte

// putPlain stores an object without content: folders and links have a header,
// others a line only.
func (w *Writer) putPlain(o *Object) error {
	if err := o.check(); err != nil {
		return &ObjectError{string(o.Path), err}
	}
	end := uint32(0)
	if o.Outcome.Stored() && (o.Kind == Folder || o.Kind == Link) {
		hdr, err := o.plainHeader()
		if err != nil {
			return &ObjectError{string(o.Path), err}
		}
		if hdr != nil {
			if err := w.begin(&w.text, o, hdr); err != nil {
				return err
			}
			end = w.text.last
		}
	}
	return w.line(o, place{}, end)
}

// checked checks o and gives its name in the tar.
func (w *Writer) checked(o *Object) (string, error) {
	if len(o.Ranges) > maxRanges {
		o.Ranges = mergeRanges(o.Ranges)
	}
	err := o.check()
	var name string
	if err == nil {
		name, err = o.TarName()
	}
	if err != nil {
		return "", &ObjectError{string(o.Path), err}
	}
	return name, nil
}

// begin appends the header of a member and sets o.at to its end.
func (w *Writer) begin(l *lane, o *Object, h *tarHeader) error {
	w.header = appendHeader(w.header[:0], h)
	// A member that does not fit any more begins a frame when the last one is
	// nearly full, so that most are in one frame.
	if l.j == nil {
		l.cont = false
	} else {
		left := frameSize - len(l.j.tar)
		if left == 0 || left < frameSize/8 && int64(left) < int64(len(w.header))+h.size {
			if err := w.send(l, false); err != nil {
				return err
			}
		}
	}
	if err := w.append(l, w.header); err != nil {
		return err
	}
	o.at = place{l.j.id, uint32(len(l.j.tar))}
	return nil
}

// append puts bytes of a member into l.
func (w *Writer) append(l *lane, b []byte) error {
	for len(b) > 0 {
		if l.j != nil && len(l.j.tar) == frameSize {
			if err := w.send(l, true); err != nil {
				return err
			}
		}
		if l.j == nil {
			w.open(l)
		}
		n := min(len(b), frameSize-len(l.j.tar))
		l.j.tar = append(l.j.tar, b[:n]...)
		l.last = l.j.id
		b = b[n:]
	}
	return nil
}

// open begins a chunk.
func (w *Writer) open(l *lane) {
	j := <-w.free
	if j.tar == nil {
		j.tar = make([]byte, 0, frameSize)
		j.frame = make([]byte, 0, frameSize+frameSize>>8)
	}
	j.tar = j.tar[:0]
	w.chunks++
	j.id = w.chunks
	l.j = j
	w.out.mu.Lock()
	w.out.where = append(w.out.where, location{})
	w.out.mu.Unlock()
}

// send gives the chunk of l to the workers; more says that the next one of
// this lane goes on inside of the same member.
func (w *Writer) send(l *lane, more bool) error {
	if l.j == nil {
		return nil
	}
	other := &w.text
	if l == other {
		other = &w.noise
	}
	if other.j != nil && other.cont {
		w.push(other)
	}
	w.push(l)
	l.cont = more
	return w.out.failed()
}

func (w *Writer) push(l *lane) {
	j := l.j
	l.j, l.cont = nil, false
	w.tarSent += int64(len(j.tar))
	w.order <- j
	w.work <- j
}

// flush sends both chunks.
func (w *Writer) flush() error {
	if err := w.send(&w.noise, false); err != nil {
		return err
	}
	if err := w.send(&w.text, false); err != nil {
		return err
	}
	w.text.cont = w.member != nil
	return nil
}

// line queues the line of o, whose content begins at at and whose member ends
// in the chunk end.
func (w *Writer) line(o *Object, at place, end uint32) error {
	o.Segment, o.Frame, o.Offset = 0, 0, 0
	b := o.appendLine(nil, false)
	if at.chunk > 0 {
		b = b[:len(b)-1] // its place and the brace follow
	} else {
		b = append(b, '\n')
	}
	w.outcomes[o.Outcome]++
	w.manifest.Objects++
	w.manifest.Bytes += o.Size
	return w.queue(pendingLine{b, at, end, true})
}

func (w *Writer) queue(l pendingLine) error {
	w.changed = true
	w.out.mu.Lock()
	w.out.lines = append(w.out.lines, l)
	w.out.lineSize += len(l.line)
	size := w.out.lineSize
	if len(w.out.lines) == 1 {
		w.out.drainLocked()
	}
	var first uint32
	if size > maxPending && len(w.out.lines) > 0 {
		first = w.out.lines[0].end
	}
	w.out.mu.Unlock()
	// Lines wait for a chunk that fills slowly.
	for _, l := range []*lane{&w.text, &w.noise} {
		if first > 0 && l.j != nil && l.j.id == first {
			if err := w.send(l, false); err != nil {
				return err
			}
		}
	}
	return w.tick()
}

// tick makes a checkpoint when it is time.
func (w *Writer) tick() error {
	now := time.Now()
	if now.Sub(w.last) >= max(w.opt.Checkpoint, now.Sub(w.started)/100) {
		w.last = now
		return w.mark(false, nil)
	}
	return w.out.failed()
}

// Checkpoint makes everything that was put so far durable, without waiting
// for it. The writer does so by itself every few seconds.
func (w *Writer) Checkpoint() error {
	if w.ended {
		return w.result
	}
	w.last = time.Now()
	return w.mark(false, nil)
}

func (w *Writer) mark(seal bool, done chan struct{}) error {
	if !w.changed && !seal && done == nil {
		return w.out.failed()
	}
	w.changed = false
	if err := w.flush(); err != nil {
		if done != nil {
			close(done)
		}
		return err
	}
	m := &mark{seal: seal, done: done}
	if w.member != nil {
		m.open = w.member.journalled()
	}
	w.order <- &job{mark: m}
	return w.out.failed()
}

// isNoise says whether content does not compress, from its first 64 KiB.
func (w *Writer) isNoise(content []byte) bool {
	b := content[:min(len(content), headSize)]
	if len(b) < minTrial || entropy(b) < 7.5 {
		return false
	}
	w.trialBuf = w.trial.EncodeAll(b, w.trialBuf[:0])
	return len(w.trialBuf) > len(b)-len(b)/32
}

// entropy is that of the bytes of b, in bits a byte: a quick way to know most
// of what compresses. b has at least minTrial bytes.
func entropy(b []byte) float64 {
	var h [2][256]uint32
	i := 0
	for ; i+1 < len(b); i += 2 {
		h[0][b[i]]++
		h[1][b[i+1]]++
	}
	if i < len(b) {
		h[0][b[i]]++
	}
	var sum float64
	for c := range h[0] {
		if n := h[0][c] + h[1][c]; n > 0 {
			sum += float64(n) * math.Log2(float64(n))
		}
	}
	n := float64(len(b))
	return math.Log2(n) - sum/n
}

// remembers says whether contents of this size are kept to find duplicates.
func (w *Writer) remembers(size int64) bool {
	return size >= MinDuplicate && w.opt.SameSize(size)
}

func (s Sum) short() uint64 { return binary.LittleEndian.Uint64(s[:]) }

func headKey(size int64, head Sum) uint64 { return head.short() ^ bits.Reverse64(uint64(size)) }

// remember makes the content of o known. What it cannot hold is stored again.
func (w *Writer) remember(o *Object, head Sum) {
	n := len(o.Path) + len(o.Stream)
	if _, ok := w.known[o.SHA256.short()]; ok || o.Names != nil || len(w.names) > math.MaxInt32-n {
		return
	}
	w.heads[headKey(o.Size, head)] = struct{}{}
	w.known[o.SHA256.short()] = uint32(len(w.contents))
	w.contents = append(w.contents, content{
		at: o.at, size: o.Size, sum: o.SHA256, name: uint32(len(w.names)),
		path: uint32(len(o.Path)), stream: uint32(len(o.Stream)),
	})
	w.names = append(append(w.names, o.Path...), o.Stream...)
}

// Candidate says whether a content of this size whose first 64 KiB have this
// SHA-256 may be stored already: then it is worth to hash the whole and to
// ask PutKnown.
func (w *Writer) Candidate(size int64, head [32]byte) bool {
	if size < MinDuplicate {
		return false
	}
	_, ok := w.heads[headKey(size, head)]
	return ok
}

// PutKnown stores o, whose content has size o.Size, no holes and this
// SHA-256, as a duplicate of a content that is stored already. It gives false,
// and stores nothing, when there is none.
func (w *Writer) PutKnown(o *Object, sum [32]byte) (bool, error) {
	if err := w.ready(); err != nil {
		return false, err
	}
	if !o.Kind.hasContent() || o.Outcome != Captured {
		return false, refuse(o, "a %s with outcome %q cannot be a duplicate", o.Kind, o.Outcome)
	}
	name, err := w.checked(o)
	if err != nil {
		return false, err
	}
	old := o.SHA256
	o.SHA256 = sum
	done, err := w.putKnown(o, name)
	if !done {
		o.SHA256 = old
	}
	return done, err
}

func (w *Writer) putKnown(o *Object, name string) (bool, error) {
	i, ok := w.known[o.SHA256.short()]
	if !ok || w.contents[i].sum != o.SHA256 || w.contents[i].size != o.Size {
		return false, nil
	}
	c := w.contents[i]
	s := w.names[c.name:]
	o.Outcome = Duplicate
	o.LinkTo = wstr.Text(s[:c.path])
	o.LinkToStream = wstr.Text(s[c.path : c.path+c.stream])
	return true, w.putLink(o, name, c.at)
}

// PutLink stores o as a further name of the file whose object to was put
// before, by this writer: outcome linked. o takes size, hash and state of the
// content from to.
func (w *Writer) PutLink(o, to *Object) error {
	if err := w.ready(); err != nil {
		return err
	}
	if !o.Kind.hasContent() || o.Kind != to.Kind {
		return refuse(o, "a %s cannot be a link to a %s", o.Kind, to.Kind)
	}
	if !to.Outcome.Stored() || to.at.chunk == 0 {
		return refuse(o, "%s has no stored content to link to", clip(string(to.Path)))
	}
	o.Outcome = Linked
	o.Size, o.SHA256, o.Raw, o.EFS = to.Size, to.SHA256, to.Raw, to.EFS
	o.Ranges, o.Holes = to.Ranges, to.Holes
	o.LinkTo, o.LinkToStream, o.LinkToNames = to.Path, to.Stream, to.Names
	o.Reason = to.Reason
	name, err := w.checked(o)
	if err != nil {
		return err
	}
	return w.putLink(o, name, to.at)
}

// putLink stores o as a link to o.LinkTo, whose content is at at.
func (w *Writer) putLink(o *Object, name string, at place) error {
	hdr, err := o.linkHeader(name)
	if err != nil {
		return &ObjectError{string(o.Path), err}
	}
	// The link has to stand behind what it links to.
	l := &w.text
	if w.noise.j != nil && w.noise.j.id == at.chunk {
		l = &w.noise
	}
	if err := w.begin(l, o, hdr); err != nil {
		return err
	}
	o.at = at
	return w.line(o, at, l.last)
}

// PutFile stores a file beside the segments: the plan, the report. Its name
// is of ASCII letters, digits and "._-". Nothing in it is compressed.
func (w *Writer) PutFile(name string, b []byte) error {
	if err := w.ready(); err != nil {
		return err
	}
	if !plainFile(name) || isOurs(name) || strings.HasSuffix(name, ".new") {
		return &ObjectError{name, errors.New("a store cannot hold a file of that name")}
	}
	// Windows would take two names that differ in case for one.
	if key := strings.ToLower(name); w.beside[key] {
		return &ObjectError{name, errors.New("the store has that file already")}
	} else {
		w.beside[key] = true
	}
	f, err := createFile(w.dir, name)
	if err == nil {
		_, err = f.Write(b)
		e, err2 := f.finish()
		if err = errors.Join(err, err2); err == nil {
			w.out.finished(e)
			w.changed = true
			return nil
		}
	}
	w.out.fail(name, err)
	return w.out.failed()
}

// Security remembers a security descriptor and gives its number for
// Object.SD; equal descriptors get the same number. 0 for an empty one.
func (w *Writer) Security(sd []byte) (int, error) {
	if len(sd) == 0 {
		return 0, nil
	}
	if n, ok := w.sds[string(sd)]; ok {
		return n, nil
	}
	if w.ended {
		return 0, w.result
	}
	if err := w.out.failed(); err != nil {
		return 0, err
	}
	if w.sdSize += len(sd); w.sdSize > maxDescriptors {
		return 0, &ObjectError{"security descriptor", fmt.Errorf("the store has %d bytes of them already", maxDescriptors)}
	}
	n := len(w.sds) + 1
	w.sds[string(sd)] = n
	return n, w.queue(pendingLine{line: appendDescriptor(nil, n, sd)})
}

// Seal makes the store whole and durable. Whatever it returns, the writer is
// done.
func (w *Writer) Seal() error {
	if err := w.ready(); err != nil {
		w.end(err)
		return err
	}
	err := w.seal()
	w.end(err)
	return err
}

func (w *Writer) seal() error {
	if err := w.send(&w.noise, false); err != nil {
		return err
	}
	if err := w.append(&w.text, zeros[:2*blockSize]); err != nil {
		return err
	}
	done := make(chan struct{})
	if err := w.mark(true, done); err != nil {
		return err
	}
	<-done
	if err := w.out.failed(); err != nil {
		return err
	}
	m := w.manifest
	m.State = StateSealed
	m.Outcomes = w.outcomes
	m.TarBytes = w.tarSent
	m.Frames = int64(len(w.out.frames))
	m.Files = slices.Clone(w.out.files)
	slices.SortFunc(m.Files, func(a, b FileEntry) int { return strings.Compare(a.Name, b.Name) })
	if err := writeManifest(w.dir, &m); err != nil {
		w.out.fail(manifestName, err)
		return w.out.failed()
	}
	// The store is sealed: a journal that stays is harmless, but for the
	// person who wonders.
	err := w.out.journal.Close()
	w.out.journal = nil
	if err = errors.Join(err, w.dir.Remove(journalName), w.dir.Sync()); err != nil {
		return fmt.Errorf("the store is whole, but its journal could not be removed: %w", err)
	}
	return nil
}

// Suspend leaves the store open: readable up to the last object that was put,
// as after a crash it would be up to the last checkpoint. A member that is not
// closed is not among them. After an error it only closes what is open, and
// returns that error. Whatever it returns, the writer is done.
func (w *Writer) Suspend() error {
	if w.ended {
		return w.result
	}
	done := make(chan struct{})
	err := w.out.failed()
	if err == nil {
		if err = w.mark(false, done); err == nil {
			<-done
			err = w.out.failed()
		}
	}
	w.end(err)
	return err
}

// end stops the goroutines.
func (w *Writer) end(err error) {
	if w.ended {
		return
	}
	w.ended = true
	w.result = errDone
	if err != nil {
		w.result = fmt.Errorf("nothing more can be written: %w", err)
	}
	close(w.work)
	close(w.order)
	w.wg.Wait()
}

// Member is a large content on its way into the store.
type Member struct {
	w    *Writer
	o    *Object
	data int64 // bytes outside of the holes
	done int64
	sum  hash.Hash
	head Sum
	skip []Range // holes of the caller that are stored as zeros, in stored bytes
	tar  int64   // where the content begins in the tar
	keep bool    // remember it for duplicates
	over bool
}

// Start begins to store the content of o, size bytes with the given holes
// (sorted, apart, not empty), piece by piece: Write takes all bytes but those
// in the holes, in order; then comes Close. Between, nothing else can be put.
// Until Close the caller may set outcome, reason and ranges of o.
//
// Holes of 1 MiB or more become holes of the member when they are more than
// 64 MiB together; then o.SHA256 is that of the bytes outside of o.Holes.
// Others are stored as zeros.
func (w *Writer) Start(o *Object, size int64, holes []Range) (*Member, error) {
	if err := w.ready(); err != nil {
		return nil, err
	}
	if !o.Kind.hasContent() || !o.Outcome.Stored() || o.Outcome == Linked || o.Outcome == Duplicate {
		return nil, refuse(o, "a %s with outcome %q has no content of its own", o.Kind, o.Outcome)
	}
	if size < 0 {
		return nil, refuse(o, "a size of %d bytes", size)
	}
	if err := checkRanges(holes, size); err != nil {
		return nil, refuse(o, "holes: %w", err)
	}
	o.Size = size
	o.Holes = keptHoles(holes)
	o.Raw = o.Outcome == EncryptedRaw || o.Raw && o.Outcome == Damaged
	o.SHA256 = Sum{}
	name, err := w.checked(o)
	if err != nil {
		return nil, err
	}
	m := &Member{w: w, o: o, data: o.stored(), sum: sha256.New()}
	m.keep = o.Outcome == Captured && len(o.Holes) == 0 && w.remembers(size)
	m.skip = filled(holes, o.Holes)
	// What waits in the other lane goes first: a checkpoint in the middle of
	// the member sends both lanes, and nothing may come between its pieces.
	if err := w.send(&w.noise, false); err != nil {
		return nil, err
	}
	if err := w.begin(&w.text, o, o.contentHeader(name)); err != nil {
		return nil, err
	}
	m.tar = w.tarSent + int64(o.at.off)
	w.member = m
	return m, nil
}

// keptHoles are the holes that a member has.
func keptHoles(holes []Range) []Range {
	var kept []Range
	total := int64(0)
	for _, h := range holes {
		if n := len(kept); n > 0 && kept[n-1].Off+kept[n-1].Len == h.Off {
			kept[n-1].Len += h.Len
		} else {
			kept = append(kept, h)
		}
	}
	kept = slices.DeleteFunc(kept, func(h Range) bool { return h.Len < minHole })
	if len(kept) > maxHoles {
		sizes := make([]int64, len(kept))
		for i, h := range kept {
			sizes[i] = h.Len
		}
		slices.Sort(sizes)
		limit := sizes[len(sizes)-maxHoles]
		kept = slices.DeleteFunc(kept, func(h Range) bool { return h.Len < limit })
		kept = kept[:min(len(kept), maxHoles)]
	}
	for _, h := range kept {
		total += h.Len
	}
	if total <= minHoles {
		return nil
	}
	return kept
}

// filled are the parts of holes that kept leaves out, as places in the stored
// bytes.
func filled(holes, kept []Range) []Range {
	var out []Range
	gone := int64(0) // bytes of kept before
	for _, h := range holes {
		for len(kept) > 0 && kept[0].Off+kept[0].Len <= h.Off {
			gone += kept[0].Len
			kept = kept[1:]
		}
		if len(kept) > 0 && kept[0].Off <= h.Off {
			continue // kept holes are joined from whole ones
		}
		out = append(out, Range{h.Off - gone, h.Len})
	}
	return out
}

// ErrTooLong says that a member got more bytes than Start was told.
var ErrTooLong = errors.New("the content is longer than its size")

// Write takes the next bytes of the content. It refuses what goes beyond the
// size with ErrTooLong; the member can still be closed then.
func (m *Member) Write(p []byte) (int, error) {
	if m.over {
		return 0, errDone
	}
	n := 0
	for {
		if err := m.fillHoles(); err != nil {
			return n, err
		}
		if len(p) == 0 {
			return n, nil
		}
		end := m.data
		if len(m.skip) > 0 {
			end = m.skip[0].Off
		}
		part := p[:min(int64(len(p)), end-m.done)]
		if len(part) == 0 {
			return n, ErrTooLong
		}
		if err := m.put(part); err != nil {
			return n, err
		}
		n += len(part)
		p = p[len(part):]
	}
}

// fillHoles stores the holes that begin where the content is.
func (m *Member) fillHoles() error {
	for len(m.skip) > 0 && m.skip[0].Off == m.done {
		if err := m.zeros(m.skip[0].Len); err != nil {
			return err
		}
		m.skip = m.skip[1:]
	}
	return nil
}

func (m *Member) zeros(n int64) error {
	for n > 0 {
		k := min(n, int64(len(zeros)))
		if err := m.put(zeros[:k]); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// put stores bytes of the content.
func (m *Member) put(p []byte) error {
	for len(p) > 0 {
		k := min(len(p), frameSize)
		if m.keep && m.done < headSize {
			k = min(k, int(headSize-m.done))
		}
		m.sum.Write(p[:k])
		if err := m.w.append(&m.w.text, p[:k]); err != nil {
			return err
		}
		m.done += int64(k)
		if m.keep && m.done == headSize {
			m.head = Sum(m.sum.Sum(nil))
		}
		p = p[k:]
	}
	m.w.changed = true
	return m.w.tick()
}

// Close ends the content. When fewer bytes came than Start was told, it fills
// zeros, adds the range to o.Ranges, says so in o.Reason and turns the outcome
// captured into damaged.
func (m *Member) Close() error {
	if m.over {
		return errDone
	}
	m.over = true
	w, o := m.w, m.o
	if w.ended {
		return w.result
	}
	if err := w.out.failed(); err != nil {
		return fmt.Errorf("nothing more can be written: %w", err)
	}
	if err := m.fillHoles(); err != nil {
		return err
	}
	if m.done < m.data {
		o.short(m.done, m.data)
		if err := m.zeros(m.data - m.done); err != nil {
			return err
		}
	}
	if !o.Outcome.Stored() || o.Outcome == Linked || o.Outcome == Duplicate || o.Outcome == EncryptedRaw && !o.Raw {
		// Its member is in the tar: it cannot be taken back.
		o.Reason = strings.TrimPrefix(o.Reason+"; outcome "+string(o.Outcome), "; ")
		o.Outcome = Damaged
	}
	o.SHA256 = Sum(m.sum.Sum(nil))
	pad := o.stored()
	if err := w.append(&w.text, zeros[:padding(pad)]); err != nil {
		return err
	}
	w.member = nil
	if m.keep && o.Outcome == Captured {
		w.remember(o, m.head)
	}
	slices.SortFunc(o.Ranges, func(a, b Range) int { return int(max(-1, min(1, a.Off-b.Off))) })
	o.Ranges = joinRanges(o.Ranges)
	if len(o.Ranges) > maxRanges {
		o.Ranges = mergeRanges(o.Ranges)
	}
	if err := o.check(); err != nil {
		o.Ranges = []Range{{0, o.Size}}
		o.Reason = strings.TrimPrefix(o.Reason+"; its damaged ranges were not usable: "+err.Error(), "; ")
	}
	return w.line(o, o.at, w.text.last)
}

// short records that the stored bytes from done on are missing.
func (o *Object) short(done, data int64) {
	// From stored bytes to places in the content.
	off := done
	for _, h := range o.Holes {
		if h.Off <= off {
			off += h.Len
		}
	}
	o.Ranges = append(o.Ranges, Range{off, o.Size - off})
	if o.Outcome == Captured {
		o.Outcome = Damaged
	}
	o.Reason = strings.TrimPrefix(fmt.Sprintf("%s; only %d of %d bytes came", o.Reason, done, data), "; ")
}

// joinRanges joins sorted ranges that touch or overlap.
func joinRanges(rs []Range) []Range {
	out := rs[:0]
	for _, r := range rs {
		if n := len(out); n > 0 && r.Off <= out[n-1].Off+out[n-1].Len {
			out[n-1].Len = max(out[n-1].Len, r.Off+r.Len-out[n-1].Off)
			continue
		}
		out = append(out, r)
	}
	return out
}

// mergeRanges makes every two ranges one until there are few enough.
func mergeRanges(rs []Range) []Range {
	rs = slices.Clone(rs)
	for len(rs) > maxRanges {
		for i := 0; i < len(rs); i += 2 {
			r := rs[i]
			if i+1 < len(rs) {
				r.Len = rs[i+1].Off + rs[i+1].Len - r.Off
			}
			rs[i/2] = r
		}
		rs = rs[:(len(rs)+1)/2]
	}
	return rs
}

// journalled is what a checkpoint inside of the member keeps of it.
func (m *Member) journalled() *openMember {
	om := &openMember{Volume: m.o.File.Volume, File: m.o.File.File, Tar: m.tar, Size: m.data, Done: m.done, State: hashState(m.sum)}
	if m.o.Stream != "" {
		s := Sum(sha256.Sum256([]byte(m.o.Stream)))
		om.Stream = &s
	}
	return om
}
