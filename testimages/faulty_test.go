package testimages

import (
	"bytes"
	"testing"
	"time"
)

func TestFaulty(t *testing.T) {
	data := bytes.Repeat([]byte{1}, 10*512)
	f := &Faulty{R: bytes.NewReader(data), Size: int64(len(data)), Bad: []int64{3, 7}}
	p := make([]byte, 10*512)
	for _, c := range []struct {
		off, n int64
		short  bool
		want   int
		err    error
	}{
		{0, 3 * 512, false, 3 * 512, nil},
		{0, 3*512 + 1, false, 0, ErrSector},
		{0, 3*512 + 1, true, 3 * 512, ErrSector},
		{4*512 - 1, 1, true, 0, ErrSector},
		{4 * 512, 3 * 512, true, 3 * 512, nil},
		{5 * 512, 5 * 512, true, 2 * 512, ErrSector},
	} {
		f.Short = c.short
		if n, err := f.ReadAt(p[:c.n], c.off); n != c.want || err != c.err {
			t.Errorf("%d bytes at %d: %d, %v, want %d, %v", c.n, c.off, n, err, c.want, c.err)
		}
	}
	if f.Touched() != 3 {
		t.Errorf("sector 3 was asked for %d times", f.Touched())
	}
	f.Vanish = f.Count().Reads + 1
	if _, err := f.ReadAt(p[:512], 0); err != nil {
		t.Error(err)
	}
	if _, err := f.ReadAt(p[:512], 0); err != ErrVanished {
		t.Error(err)
	}
	slow := &Faulty{R: bytes.NewReader(data), Size: int64(len(data)), Slow: []int64{2}, Delay: 20 * time.Millisecond}
	start := time.Now()
	slow.ReadAt(p, 0)
	if d := time.Since(start); d < slow.Delay {
		t.Errorf("a slow sector took %v", d)
	}
}

func TestCount(t *testing.T) {
	var c Count
	for _, r := range [][2]int64{{1 << 30, 1 << 20}, {1<<30 + 1<<20, 1000}, {1<<30 + 1<<20 + 1000 + 128<<10, 10}, {0, 150e6}, {300e6, 0}} {
		c.add(r[0], r[1])
	}
	if c.Reads != 5 || c.Jumps != 2 || c.Time() != c.Sequential()+16*time.Millisecond || c.Sequential().Round(time.Second/10) != time.Second {
		t.Errorf("%+v: %v, %v", c, c.Time(), c.Sequential())
	}
}
