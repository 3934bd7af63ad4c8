package wim_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/coldstate/coldstate/internal/mutants"
	"github.com/coldstate/coldstate/volumes/wim"
	"github.com/coldstate/coldstate/volumes/winfs/winfstest"
)

func TestMain(m *testing.M) { mutants.Main(m, mutantFiles) }

// Damaged WIM files: no panic, no hang, no memory without bounds, and many of
// them are walked to the end.
func TestMutants(t *testing.T) { mutants.Test(t, 500, 20_000) }

// mutantFiles are the files that are damaged: ours, and those of wimlib where
// there is one.
func mutantFiles() []*mutants.Base {
	var out []*mutants.Base
	add := func(name string, weight int, b []byte, places ...mutants.Place) {
		entries := 0
		if _, walked, err := walk(b, &entries); !walked {
			panic(fmt.Sprint(name, ": ", err))
		}
		out = append(out, &mutants.Base{Name: name, Weight: weight, Try: func(rnd *rand.Rand) (bool, bool, error) {
			found := 0
			opened, walked, err := walk(mutants.Damage(rnd, b, places), &found)
			return opened, walked && found >= entries/2, err
		}})
	}
	ours := func(w *built) []mutants.Place {
		list := []mutants.Place{{Off: 0, Len: 208}, {Off: int(w.table), Len: int(w.tableLen)}, {Off: int(w.xml), Len: len(w.b) - int(w.xml)}}
		for i, at := range w.metadata {
			p := mutants.Place{Off: int(at), Len: int(w.metaLen[i])}
			list = append(list, p, p, p, p)
		}
		return list
	}
	w := build(sample())
	add("ours", 4, w.b, ours(w)...)
	w = small()
	addIntegrity(w, 1000)
	add("ours, with an integrity table", 2, w.b, ours(w)...)
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	files, err := packedIn(dir)
	if err != nil {
		panic(err)
	}
	for i, b := range files {
		add("wimlib "+[]string{"none", "XPRESS", "LZX"}[i], 3, b, mutants.Place{Off: 0, Len: 208}, mutants.Place{Off: 208, Len: len(b) / 2}, mutants.Place{Off: len(b) / 2, Len: len(b)})
	}
	return out
}

// walk opens all images of a file and uses what is in them.
func walk(b []byte, found *int) (opened, walked bool, err error) {
	f, err := wim.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return false, false, nil
	}
	_ = f.Problems()
	images := f.Images()
	for i := range images[:min(len(images), 5)] {
		fs, err := f.Image(i + 1)
		if err != nil {
			continue
		}
		opened = true
		n, err := winfstest.Use(fs, 8<<20)
		if err != nil {
			return true, false, err
		}
		*found += n
	}
	return opened, opened, nil
}
