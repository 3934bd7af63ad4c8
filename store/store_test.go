package store_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/coldstate/coldstate/store"
)

func TestSmoke(t *testing.T) {
	d := store.OS(t.TempDir() + "/x")
	w, err := store.Create(d, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := &store.Object{Path: `C:\a\b`, Kind: store.File, Outcome: store.Captured}
	if err := w.Put(o, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := w.Seal(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Content(o)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(b, []byte("hello")) {
			t.Fatalf("%q, %v", b, err)
		}
		j, _ := o.MarshalJSON()
		t.Logf("%s", j)
	}
}
