package bitlocker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/coldstate/coldstate/internal/mutants"
)

func TestMain(m *testing.M) { mutants.Main(m, mutantVolumes) }

// Damaged volumes: no panic, no hang, no memory without bounds, and many of
// them are unlocked and read to the end.
func TestMutants(t *testing.T) { mutants.Test(t, 500, 10_000) }

func mutantVolumes() []*mutants.Base {
	var out []*mutants.Base
	imgs := seeds()
	for _, name := range slices.Sorted(maps.Keys(imgs)) {
		img := imgs[name]
		places := []mutants.Place{{Off: 0, Len: 512}}
		// The copies of the metadata and whatever else is not content.
		for i := 512; i+512 <= len(img); i += 512 {
			if bytes.HasPrefix(img[i:], []byte(signature)) {
				p := mutants.Place{Off: i, Len: 2048}
				places = append(places, p, p)
			}
			if bytes.HasPrefix(img[i:], []byte("FVE-EOW")) {
				places = append(places, mutants.Place{Off: i, Len: 512})
			}
		}
		out = append(out, &mutants.Base{Name: name, Weight: 1, Try: func(rnd *rand.Rand) (bool, bool, error) {
			b := mutants.Damage(rnd, img, places)
			if rnd.IntN(4) > 0 {
				if rnd.IntN(2) == 0 && len(b) == len(img) {
					// The same change in all copies: none of them is better.
					at := places[1].Off
					for _, p := range places[1:] {
						if p.Len == 2048 {
							copy(b[p.Off:p.Off+p.Len], b[at:at+2048])
						}
					}
				}
				mend(b)
			}
			return readAll(b)
		}})
	}
	return out
}

// readAll unlocks a volume and reads it to its end.
func readAll(img []byte) (opened, walked bool, err error) {
	v, err := Open(bytes.NewReader(img), int64(len(img)))
	if err != nil {
		return false, false, nil
	}
	_, _, _, _ = v.ID(), v.State(), v.Target(), v.Method()
	_, _ = v.Protectors(), v.Problems()
	if n := v.EncryptedBytes(); n < 0 || n > v.Size() {
		return false, false, fmt.Errorf("%d bytes are encrypted of %d", n, v.Size())
	}
	p, err := v.Unlock(context.Background(), nil)
	if err != nil {
		return false, false, nil
	}
	b := make([]byte, 64<<10)
	var given int64
	for off := int64(0); off < v.Size(); {
		n, err := p.ReadAt(b, off)
		want := min(int64(len(b)), v.Size()-off)
		switch {
		case n < 0 || int64(n) > want:
			return true, false, fmt.Errorf("at %d: %d bytes of %d", off, n, want)
		case int64(n) < want && (err == nil || err == io.EOF):
			return true, false, fmt.Errorf("at %d: %d bytes of %d, %v", off, n, want, err)
		}
		given += int64(n)
		if off += int64(n); int64(n) < want {
			off += 512 - off%512
		}
	}
	return true, given >= v.Size()/2, nil
}
