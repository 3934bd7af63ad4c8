package volumes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// sectorDevice refuses what Windows refuses on a device: ranges that are not
// whole sectors.
type sectorDevice struct {
	data  []byte
	block int64
	reads int
	bad   int64 // a sector that cannot be read, 0 for none
}

func (d *sectorDevice) ReadAt(p []byte, off int64) (int, error) {
	d.reads++
	if off%d.block != 0 || int64(len(p))%d.block != 0 || len(p) == 0 {
		return 0, fmt.Errorf("the parameter is incorrect: %d bytes at %d", len(p), off)
	}
	for i := int64(0); i < int64(len(p)); i += d.block {
		if d.bad != 0 && off+i == d.bad {
			return int(i), errors.New("cyclic redundancy check")
		}
		if off+i >= int64(len(d.data)) {
			return int(i), io.EOF
		}
		copy(p[i:i+d.block], d.data[off+i:])
	}
	return len(p), nil
}

func TestAligned(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, block := range []int64{512, 4096, alignedBuffer} {
		data := make([]byte, 4*alignedBuffer)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		size := int64(len(data))
		d := &sectorDevice{data: data, block: block}
		a := &aligned{r: d, size: size, block: block}
		want := bytes.NewReader(data)
		for range 2000 {
			off := rng.Int64N(size + 10)
			p := make([]byte, rng.IntN(3*int(block)+2))
			q := make([]byte, len(p))
			n, err := a.ReadAt(p, off)
			m, werr := want.ReadAt(q, off)
			if len(p) == 0 {
				continue
			}
			if n != m || err != werr || !bytes.Equal(p[:n], q[:m]) {
				t.Fatalf("block %d: %d bytes at %d: %d, %v, want %d, %v", block, len(p), off, n, err, m, werr)
			}
		}
		// What is aligned costs one read.
		d.reads = 0
		if _, err := a.ReadAt(make([]byte, 2*alignedBuffer), alignedBuffer); err != nil || d.reads != 1 {
			t.Errorf("block %d: %d reads, %v", block, d.reads, err)
		}
	}
}

// Bytes before a bad sector are given, and only they.
func TestAlignedBadSector(t *testing.T) {
	data := bytes.Repeat([]byte{7}, 64<<10)
	a := &aligned{r: &sectorDevice{data: data, block: 512, bad: 8192}, size: int64(len(data)), block: 512}
	for _, off := range []int64{0, 100, 8000, 8191} {
		p := make([]byte, 16<<10)
		if n, err := a.ReadAt(p, off); int64(n) != 8192-off || err == nil || err == io.EOF {
			t.Errorf("at %d: %d bytes, %v", off, n, err)
		}
	}
	if n, err := a.ReadAt(make([]byte, 100), 8192+512); n != 100 || err != nil {
		t.Errorf("behind it: %d, %v", n, err)
	}
	if n, err := a.ReadAt(make([]byte, 10), 8200); n != 0 || err == nil {
		t.Errorf("in it: %d, %v", n, err)
	}
	if _, err := a.ReadAt(make([]byte, 10), -1); err == nil {
		t.Error("a negative offset")
	}
}
