package store_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/coldstate/coldstate/store"
)

// discard is a folder that keeps nothing.
type discard struct{ store.Dir }

type discardFile struct{}

func (discardFile) Write(p []byte) (int, error) { return len(p), nil }
func (discardFile) Sync() error                 { return nil }
func (discardFile) Close() error                { return nil }

func (d discard) Create(string) (store.WriteFile, error) { return discardFile{}, nil }
func (d discard) Rename(string, string) error            { return nil }
func (d discard) Remove(string) error                    { return nil }

// BenchmarkPut stores files of 100 B to 4 MB, 60 % of whose bytes do not
// compress.
func BenchmarkPut(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	var contents [][]byte
	total := int64(0)
	for i := range 300 {
		n := 100 << r.IntN(13)
		if i%20 == 0 {
			n = 4 << 20
		}
		var c []byte
		if r.IntN(100) < 60 {
			c = noise(r, n)
		} else {
			c = text(r, n)
		}
		contents = append(contents, c)
		total += int64(n)
	}
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		w, err := store.Create(discard{store.Memory()}, store.Options{SameSize: func(int64) bool { return false }})
		ok(b, err)
		for i, c := range contents {
			ok(b, w.Put(file(fmt.Sprintf(`C:\Users\alice\Documents\%d`, i)), c))
		}
		ok(b, w.Seal())
	}
}

// BenchmarkPutSmall stores files of 3 KB.
func BenchmarkPutSmall(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	c := text(r, 1<<20)
	w, err := store.Create(discard{store.Memory()}, store.Options{})
	ok(b, err)
	b.SetBytes(3000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i * 997 % (len(c) - 3000)
		ok(b, w.Put(file(fmt.Sprintf(`C:\Users\alice\Documents\%d`, i)), c[at:at+3000]))
	}
	ok(b, w.Seal())
}

func BenchmarkRead(b *testing.B) {
	d := store.Memory()
	things := randomThings(1, 300)
	newStore(b, d, store.Options{}, things)
	for _, name := range []string{"Content", "Verify"} {
		b.Run(name, func(b *testing.B) {
			total := int64(0)
			for b.Loop() {
				s := open(b, d)
				total = 0
				if name == "Verify" {
					r := verify(b, s)
					total = r.Bytes
				} else {
					for o, err := range s.Objects() {
						ok(b, err)
						if stores(o) {
							rc, err := s.Content(o)
							ok(b, err)
							n, err := io.Copy(io.Discard, rc)
							ok(b, err)
							total += n
						}
					}
				}
				s.Close()
			}
			b.SetBytes(total)
		})
	}
}
