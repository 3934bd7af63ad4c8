package store

import (
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The way of the tar to the segments. The goroutine of the Writer fills
// chunks of tar; workers compress them, in any order; one goroutine puts the
// frames into the segments in the order in which the chunks were sent, and
// makes checkpoints. Two channels carry the same jobs: work to the workers,
// order to the output.

// job is a chunk on its way, or (chunk nil) a mark between two of them.
type job struct {
	id    uint32 // number of the chunk
	tar   []byte // at most frameSize bytes
	frame []byte
	ready chan struct{} // receives once when frame is made
	mark  *mark
}

// mark asks the output for a checkpoint.
type mark struct {
	open *openMember
	done chan struct{} // closed after the checkpoint when not nil
	seal bool
}

// place is where a content begins: chunk (counted from 1) and offset in it.
type place struct{ chunk, off uint32 }

// location is where the frame of a chunk went; segment 0 while it is unknown.
type location struct {
	segment uint32
	off     uint32
}

// pendingLine is a line of the catalog that waits for its member to be in the
// segments: to its end, or a checkpoint would promise what is not there.
type pendingLine struct {
	line   []byte // without the end of the object when at is set
	at     place
	end    uint32 // chunk that holds the last byte of the member, 0 for none
	object bool
}

// output puts frames into segments and lines into the catalog.
type output struct {
	dir         Dir
	segmentSize int64

	// Owned by the output goroutine.
	seg     *outFile
	segNum  int
	journal WriteFile
	frames  []frameEntry
	tar     int64

	mu       sync.Mutex
	err      *WriteError
	where    []location // by chunk-1
	lines    []pendingLine
	lineSize int
	part     *outFile
	partNum  int
	enc      *zstd.Encoder
	files    []FileEntry // finished
	newly    []FileEntry // those finished since the last checkpoint
	objects  int64       // lines of objects in the catalog, durable or not
	durable  int64
	durTar   int64
}

// WriteError is the first failure to write a store. Nothing more can be
// written; what was durable before stays readable.
type WriteError struct {
	Name    string // the file
	Objects int64  // durable lines of the catalog
	Bytes   int64  // durable bytes of the tar
	Err     error
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("%s: %v; %d objects before it are safe in the store, which can be read up to there", e.Name, e.Err, e.Objects)
}

func (e *WriteError) Unwrap() error { return e.Err }

// failLocked keeps the first error. The caller holds mu.
func (o *output) failLocked(name string, err error) error {
	if o.err == nil {
		o.err = &WriteError{Name: name, Objects: o.durable, Bytes: o.durTar, Err: err}
	}
	return o.err
}

func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	return nil
}

// outFile is a file being written, with its hash.
type outFile struct {
	WriteFile
	name string
	size int64
	sum  hash.Hash
}

func createFile(d Dir, name string) (*outFile, error) {
	f, err := d.Create(name)
	if err != nil {
		return nil, err
	}
	return &outFile{WriteFile: f, name: name, sum: sha256.New()}, nil
}

func (f *outFile) Write(p []byte) (int, error) {
	n, err := f.WriteFile.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	f.sum.Write(p[:n])
	f.size += int64(n)
	return n, err
}

// finish makes the file durable and closes it.
func (f *outFile) finish() (FileEntry, error) {
	err := f.Sync()
	err = errors.Join(err, f.Close())
	return FileEntry{f.name, f.size, Sum(f.sum.Sum(nil))}, err
}

func hashState(h hash.Hash) []byte {
	b, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err) // crypto/sha256 gives none
	}
	return b
}

// run is the output goroutine. Jobs go back through free.
func (o *output) run(order <-chan *job, free chan<- *job) {
	for j := range order {
		if j.mark != nil {
			if o.failed() == nil {
				o.checkpoint(j.mark)
			}
			if j.mark.done != nil {
				close(j.mark.done)
			}
			continue
		}
		<-j.ready
		if o.failed() == nil {
			o.writeFrame(j)
		}
		free <- j
	}
	// Whatever is still open after an error or a checkpoint is closed here;
	// what counts has been synced.
	if o.seg != nil {
		o.seg.Close()
	}
	if o.part != nil {
		o.part.Close()
	}
	if o.journal != nil {
		o.journal.Close()
	}
}

// fail is failLocked for the output goroutine.
func (o *output) fail(name string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failLocked(name, err)
}

// room opens the next segment when n more bytes do not fit into this one.
func (o *output) room(n int64) bool {
	if o.seg != nil && o.seg.size > 0 && n > o.segmentSize-o.seg.size {
		if !o.endSegment() {
			return false
		}
	}
	if o.seg != nil {
		return true
	}
	name := segmentName(o.segNum + 1)
	if o.segNum == maxNumber {
		o.fail(name, errors.New("the store has as many segments as it can have: choose larger ones"))
		return false
	}
	seg, err := createFile(o.dir, name)
	if err != nil {
		o.fail(name, err)
		return false
	}
	o.seg = seg
	o.segNum++
	return true
}

func (o *output) endSegment() bool {
	if o.seg == nil {
		return true
	}
	e, err := o.seg.finish()
	o.seg = nil
	if err != nil {
		o.fail(e.Name, err)
		return false
	}
	o.finished(e)
	return true
}

func (o *output) finished(e FileEntry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.files = append(o.files, e)
	o.newly = append(o.newly, e)
}

func (o *output) writeFrame(j *job) {
	if !o.room(int64(len(j.frame))) {
		return
	}
	off := o.seg.size
	if _, err := o.seg.Write(j.frame); err != nil {
		o.fail(o.seg.name, err)
		return
	}
	o.frames = append(o.frames, frameEntry{uint32(len(j.frame)), uint32(len(j.tar))})
	o.tar += int64(len(j.tar))
	o.mu.Lock()
	defer o.mu.Unlock()
	o.where[j.id-1] = location{uint32(o.segNum), uint32(off)}
	o.drainLocked()
}

// drainLocked moves lines whose places are known to the catalog, in order.
func (o *output) drainLocked() {
	n := 0
	for ; n < len(o.lines) && o.err == nil; n++ {
		l := &o.lines[n]
		size := len(l.line)
		if l.end > 0 && o.where[l.end-1].segment == 0 {
			break
		}
		if l.at.chunk > 0 {
			loc := o.where[l.at.chunk-1]
			l.line = append(appendPlace(l.line, int(loc.segment), int64(loc.off), int64(l.at.off)), "}\n"...)
		}
		o.lineSize -= size
		if o.writeLine(l.line) != nil {
			break
		}
		if l.object {
			o.objects++
		}
	}
	if n == len(o.lines) {
		o.lines = o.lines[:0]
		o.lineSize = 0
	} else {
		o.lines = append(o.lines[:0], o.lines[n:]...)
	}
}

func (o *output) writeLine(line []byte) error {
	name := partName(o.partNum + 1)
	if o.part != nil {
		name = o.part.name
	} else {
		if o.partNum == maxNumber {
			return o.failLocked(name, errors.New("the catalog has as many parts as it can have"))
		}
		part, err := createFile(o.dir, name)
		if err != nil {
			return o.failLocked(name, err)
		}
		o.part = part
		o.partNum++
		o.enc.Reset(part)
	}
	if _, err := o.enc.Write(line); err != nil {
		return o.failLocked(name, err)
	}
	return nil
}

// endPart finishes the part of the catalog that is being written.
// It gives the number of objects up to its end.
func (o *output) endPart() (objects int64, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.part == nil {
		return o.objects, true
	}
	part := o.part
	o.part = nil
	err := o.enc.Close()
	e, err2 := part.finish()
	if err = errors.Join(err, err2); err != nil {
		o.failLocked(part.name, err)
		return 0, false
	}
	o.files = append(o.files, e)
	o.newly = append(o.newly, e)
	return o.objects, true
}

// checkpoint makes everything before it durable and says so in the journal,
// or, to seal, ends the last segment with the seek table.
func (o *output) checkpoint(m *mark) {
	o.mu.Lock()
	o.drainLocked()
	o.mu.Unlock()
	if m.seal {
		table, err := appendSeekTable(nil, o.frames)
		if err != nil {
			o.fail(segmentName(o.segNum), err)
			return
		}
		if !o.room(int64(len(table))) {
			return
		}
		if _, err := o.seg.Write(table); err != nil {
			o.fail(o.seg.name, err)
			return
		}
		if !o.endSegment() {
			return
		}
	} else if o.seg != nil {
		if err := o.seg.Sync(); err != nil {
			o.fail(o.seg.name, err)
			return
		}
	}
	objects, ok := o.endPart()
	if !ok {
		return
	}
	if err := o.dir.Sync(); err != nil {
		o.fail("the folder of the store", err)
		return
	}
	if m.seal {
		return
	}
	c := &checkpointLine{Objects: objects, Tar: o.tar, Frames: int64(len(o.frames)), Open: m.open}
	o.mu.Lock()
	c.Files, o.newly = o.newly, nil
	o.mu.Unlock()
	if o.seg != nil {
		c.Segment = openSegment{o.segNum, o.seg.size, hashState(o.seg.sum)}
	}
	b, err := encodeCheckpoint(c)
	if err == nil {
		_, err = o.journal.Write(b)
	}
	if err == nil {
		err = o.journal.Sync()
	}
	if err != nil {
		o.fail(journalName, err)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.durable, o.durTar = objects, o.tar
}

// compress is a worker.
func compress(work <-chan *job) {
	enc := newEncoder()
	for j := range work {
		j.frame = enc.EncodeAll(j.tar, j.frame[:0])
		j.ready <- struct{}{}
	}
}
