package store

import (
	"context"
	"io"
	"iter"
)

// Store is an open store. It is safe for concurrent use.
type Store struct{}

// State of a store.
type State string

const (
	StateOpen   State = "open"
	StateSealed State = "sealed"
)

// Manifest is what coldstate.json says.
type Manifest struct {
	Format  int
	State   State
	Created string
	Source  SourceInfo
	Counts  map[Outcome]int64
	Files   []FileEntry
}

// FileEntry is one file of a store.
type FileEntry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 Sum    `json:"sha256"`
}

// Report is what Verify found.
type Report struct {
	Files, Objects, Bytes int64
	Problems              []Problem
	More                  int64 // problems beyond those listed
	Notes                 []string
}

// OK says whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Problem is one thing that is wrong with a store.
type Problem struct {
	Where string
	What  string
}

func (p Problem) String() string { return p.Where + ": " + p.What }

func Open(d Dir) (*Store, error) { return nil, errSkeleton }

func (s *Store) Close() error       { return nil }
func (s *Store) Manifest() Manifest { return Manifest{} }

func (s *Store) Objects() iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) { yield(nil, errSkeleton) }
}

func (s *Store) Content(o *Object) (io.ReadCloser, error) { return nil, errSkeleton }

// Security gives the descriptor of Object.SD.
func (s *Store) Security(n int) ([]byte, error) { return nil, errSkeleton }

func (s *Store) Verify(ctx context.Context, progress func(done, total int64)) (*Report, error) {
	return nil, errSkeleton
}
