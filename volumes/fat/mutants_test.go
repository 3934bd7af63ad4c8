package fat_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/coldstate/coldstate/internal/mutants"
	"github.com/coldstate/coldstate/volumes/fat"
	"github.com/coldstate/coldstate/volumes/winfs/winfstest"
)

func TestMain(m *testing.M) { mutants.Main(m, mutantVolumes) }

// Damaged volumes: no panic, no hang, no memory without bounds, and many of
// them are walked to the end.
func TestMutants(t *testing.T) { mutants.Test(t, 300, 15_000) }

func mutantVolumes() []*mutants.Base {
	var out []*mutants.Base
	for _, k := range []struct{ bits, cluster, clusters, weight int }{{12, 512, 600, 4}, {12, 4096, 100, 3}, {16, 512, 5000, 3}, {32, 512, 66000, 1}} {
		w := build(k.bits, k.cluster, k.clusters, "LABEL      ", sample()...)
		use := func(b []byte) (opened bool, found int, err error) {
			fs, err := fat.Open(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				return false, 0, nil
			}
			found, err = winfstest.Use(fs, 4<<20)
			return true, found, err
		}
		_, entries, err := use(w.b)
		if err != nil {
			panic(err)
		}
		// The boot sector, the tables of the clusters in use, the folders.
		entry := 60 * k.bits / 8
		boot, root := mutants.Place{Off: 0, Len: 128}, mutants.Place{Off: w.root, Len: 1024}
		places := []mutants.Place{boot, {Off: w.tables[0], Len: entry}, {Off: w.tables[0], Len: entry}, {Off: w.tables[1], Len: entry}, root, root, root}
		for _, name := range []string{"FOLDER     ", "DEEPER     "} {
			p := mutants.Place{Off: w.data + int(w.first[name]-2)*w.cluster, Len: min(w.cluster, 1024)}
			places = append(places, p, p)
		}
		out = append(out, &mutants.Base{Name: fmt.Sprintf("FAT%d, clusters of %d", k.bits, k.cluster), Weight: k.weight, Try: func(rnd *rand.Rand) (bool, bool, error) {
			opened, found, err := use(mutants.Damage(rnd, w.b, places))
			return opened, opened && err == nil && found >= entries/2, err
		}})
	}
	return out
}
