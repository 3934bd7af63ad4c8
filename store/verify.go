package store

import (
	"context"
	"errors"
)

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
	Where string // a file of the store, or the path of an object
	What  string
}

func (p Problem) String() string { return p.Where + ": " + p.What }

func (s *Store) Verify(ctx context.Context, progress func(done, total int64)) (*Report, error) {
	return nil, errors.New("store: Verify is not written yet")
}
