package store_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/coldstate/coldstate/store"
)

// FuzzOpenStore changes a real store and reads all of it. The catalog is
// handed over decompressed, so that changes reach the lines.
func FuzzOpenStore(f *testing.F) {
	all := smallStore(f)
	dec, err := zstd.NewReader(nil)
	ok(f, err)
	enc, err := zstd.NewWriter(nil)
	ok(f, err)
	var catalog []byte
	for _, n := range slices.Sorted(maps.Keys(all)) {
		if bytes.HasPrefix([]byte(n), []byte("catalog")) {
			catalog, err = dec.DecodeAll(all[n], catalog)
			ok(f, err)
		}
	}
	if len(catalog) < 1000 {
		f.Fatal("the seed has no catalog")
	}
	d, w := store.Memory(), (*store.Writer)(nil)
	w, err = store.Create(d, store.Options{SegmentSize: 600, Checkpoint: time.Hour})
	ok(f, err)
	ok(f, put(w, smallThings()))
	ok(f, w.Suspend())
	opened := files(f, d)
	f.Add(all["coldstate.json"], catalog, all["data.tar.zst.00001"], []byte(nil))
	f.Add(opened["coldstate.json"], catalog, opened["data.tar.zst.00001"], opened["journal"])
	f.Add([]byte(nil), catalog, all["data.tar.zst.00001"], []byte(nil))
	f.Fuzz(func(t *testing.T, manifest, catalog, segment, journal []byte) {
		m := maps.Clone(all)
		m["coldstate.json"], m["data.tar.zst.00001"] = manifest, segment
		if len(journal) > 0 {
			m["journal"] = journal
		}
		for n := range m {
			if bytes.HasPrefix([]byte(n), []byte("catalog")) {
				delete(m, n)
			}
		}
		m["catalog.00001.jsonl.zst"] = enc.EncodeAll(catalog, nil)
		if manifest == nil {
			delete(m, "coldstate.json")
		}
		d := dirOf(t, m)
		if _, err := use(d); err != nil && !isOpenError(d) {
			t.Fatal(err)
		}
		broken(t, d)
	})
}

// isOpenError says whether d cannot be opened at all.
func isOpenError(d store.Dir) bool {
	s, err := store.Open(d)
	if err == nil {
		s.Close()
	}
	return err != nil
}
