package hive_test

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// seeds are small hives of all versions and kinds of lists.
func seeds() [][]byte {
	return [][]byte{
		sample(hivegen.Options{}),
		sample(hivegen.Options{Minor: 3}),
		sample(hivegen.Options{Minor: 3, List: []string{"li"}, Leaf: 7}),
		sample(hivegen.Options{List: []string{"lf", "li", "lh"}, Leaf: 3, Slack: 5000, Sequence1: 2}),
	}
}

// TestMutants changes small hives at random: no panic, no hang, no memory
// beyond a multiple of the hive, and most of them can still be read.
func TestMutants(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	base := seeds()
	opened, walked := 0, 0
	const mutants = 5000
	for i := range mutants {
		b := append([]byte(nil), base[i%len(base)]...)
		for range 1 + rnd.IntN(40) {
			// Half of the changes hit the cells at the front, where the lists
			// and keys are; some write the numbers that break arithmetic.
			at := rnd.IntN(len(b))
			if rnd.IntN(2) == 0 {
				at = 4096 + rnd.IntN(8192)
			}
			switch rnd.IntN(4) {
			case 0:
				b[at] ^= 1 << rnd.IntN(8)
			case 1:
				b[at] = byte(rnd.Uint32())
			case 2:
				at = min(at&^3, len(b)-4)
				le.PutUint32(b[at:], []uint32{0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, 0x20, 0xffff}[rnd.IntN(8)])
			case 3: // one cell's offset in the place of another
				at, from := min(at&^3, len(b)-4), 4096+rnd.IntN(8192)&^3
				copy(b[at:at+4], b[from:from+4])
			}
		}
		if rnd.IntN(4) > 0 {
			hivegen.PutChecksum(b)
		}
		if rnd.IntN(16) == 0 {
			b = b[:rnd.IntN(len(b))]
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		h, err := hive.Open(b)
		if err == nil {
			opened++
			if use(h) > 10 {
				walked++
			}
		}
		runtime.ReadMemStats(&after)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("mutant %d: %v", i, d)
		}
		// The total over its life, garbage included.
		if n := after.TotalAlloc - before.TotalAlloc; n > 200<<20 {
			t.Errorf("mutant %d: %d bytes allocated for a hive of %d", i, n, len(b))
		}
	}
	t.Logf("%d of %d mutants opened, %d had more than ten keys", opened, mutants, walked)
	if opened < mutants/2 || walked < mutants*3/10 {
		t.Errorf("only %d of %d mutants opened and %d had more than ten keys: they test little", opened, mutants, walked)
	}
}

func FuzzHive(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("regf"))
	f.Add(make([]byte, 8192))
	for _, b := range seeds() {
		h, err := hive.Open(b)
		if err != nil || use(h) < 40 {
			f.Fatalf("a seed does not open: %v", err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := hive.Open(b)
		if err != nil {
			return
		}
		use(h)
		if h.Root().Path() != "" {
			t.Error("the root has a path")
		}
	})
}
