package store

import (
	"errors"
	"time"
)

var errSkeleton = errors.New("store: not written yet")

// Options of a Writer. The zero value is a good run.
type Options struct {
	// Workers compress frames; 0 means as many as there are cores, at most 8,
	// and no more than Memory has room for.
	Workers int
	// Memory is the room for frames and encoders in bytes; 0 means 40 MiB.
	Memory int64
	// Source is written into the manifest.
	Source SourceInfo
	// SameSize says whether several contents of this size are to be expected:
	// only those are remembered to find duplicates. nil means all.
	SameSize func(size int64) bool
	// SegmentSize is the largest size of a segment; 0 means 2 GiB - 1.
	SegmentSize int64
	// Checkpoint is the time between two checkpoints; 0 means 5 s.
	Checkpoint time.Duration
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

type place struct{ chunk, off uint32 }

// Writer writes a store. It is used from one goroutine at a time. After its
// first error every call returns that error.
type Writer struct{}

func Create(d Dir, opt Options) (*Writer, error) { return nil, errSkeleton }

func (w *Writer) Put(o *Object, content []byte) error { return errSkeleton }

func (w *Writer) Start(o *Object, size int64, holes []Range) (*Member, error) {
	return nil, errSkeleton
}

func (w *Writer) Candidate(size int64, head [32]byte) bool { return false }

func (w *Writer) PutKnown(o *Object, sum [32]byte) (bool, error) { return false, errSkeleton }

func (w *Writer) PutLink(o, to *Object) error { return errSkeleton }

func (w *Writer) PutFile(name string, b []byte) error { return errSkeleton }

// Security remembers a security descriptor and gives its number for
// Object.SD; equal descriptors get the same number. 0 for an empty one.
func (w *Writer) Security(sd []byte) (int, error) { return 0, errSkeleton }

func (w *Writer) Seal() error    { return errSkeleton }
func (w *Writer) Suspend() error { return errSkeleton }

// Member is a large content on its way into the store.
type Member struct{}

func (m *Member) Write(p []byte) (int, error) { return 0, errSkeleton }
func (m *Member) Close() error                { return errSkeleton }
