package testimages

import (
	"errors"
	"io"
	"slices"
	"sync"
	"syscall"
	"time"
)

// ErrSector is the error of a bad sector of a Faulty disk.
var ErrSector = errors.New("testimages: unrecovered read error")

// ErrVanished is the error of a Faulty disk that was taken away: what Linux
// says of such a device.
var ErrVanished error = syscall.EIO

// Faulty is a disk with bad sectors, slow ones, and a day on which it is taken
// away; and it counts what is asked of it. It may be read by several
// goroutines. The fields are set before the first read.
type Faulty struct {
	R    io.ReaderAt
	Size int64
	// Sector is the size of what fails alone; 0 means 512.
	Sector int64
	// Bad are the numbers of the sectors that cannot be read, in order.
	Bad []int64
	// Slow are the numbers of the sectors that take Delay longer, in order.
	Slow  []int64
	Delay time.Duration
	// Short makes a failing read give the bytes before the bad sector, as
	// Linux does; without it there are none, as on Windows.
	Short bool
	// Vanish is the number of reads after which there is no disk; 0 for never.
	Vanish int64

	mu      sync.Mutex
	count   Count
	touched map[int64]int
}

// Count is what was asked of a disk.
type Count struct {
	Reads, Bytes int64
	// Jumps are the reads that begin more than 128 KiB away from the end of
	// the one before, forwards or backwards.
	Jumps int64

	end int64 // of the last read
}

// The model of a hard disk: what a jump takes, and how fast bytes come.
const (
	modelJump = 8 * time.Millisecond
	modelRate = 150e6 // bytes a second
	modelSkip = 128 << 10
)

// Time is how long a modelled hard disk takes.
func (c Count) Time() time.Duration { return c.Sequential() + time.Duration(c.Jumps)*modelJump }

// Sequential is how long it takes for as many bytes in one row.
func (c Count) Sequential() time.Duration {
	return time.Duration(float64(c.Bytes) / modelRate * float64(time.Second))
}

func (c *Count) add(off, n int64) {
	c.Reads++
	c.Bytes += n
	if d := off - c.end; c.Reads > 1 && (d > modelSkip || d < -modelSkip) {
		c.Jumps++
	}
	c.end = off + n
}

// ReadAt implements io.ReaderAt.
func (f *Faulty) ReadAt(p []byte, off int64) (int, error) {
	sector := f.Sector
	if sector == 0 {
		sector = 512
	}
	n := max(min(int64(len(p)), f.Size-off), 0)
	first, end := off/sector, (off+n+sector-1)/sector
	f.mu.Lock()
	f.count.add(off, n)
	gone := f.Vanish > 0 && f.count.Reads > f.Vanish
	i, _ := slices.BinarySearch(f.Bad, first)
	bad := i < len(f.Bad) && f.Bad[i] < end
	if bad {
		if f.touched == nil {
			f.touched = map[int64]int{}
		}
		f.touched[f.Bad[i]]++
	}
	f.mu.Unlock()
	if gone {
		return 0, ErrVanished
	}
	if k, _ := slices.BinarySearch(f.Slow, first); k < len(f.Slow) && f.Slow[k] < end {
		time.Sleep(f.Delay)
	}
	switch {
	case !bad:
		return f.R.ReadAt(p, off)
	case !f.Short:
		return 0, ErrSector
	}
	k := max(f.Bad[i]*sector-off, 0)
	if got, err := f.R.ReadAt(p[:k], off); err != nil {
		return got, err
	}
	return int(k), ErrSector
}

// Count returns what was asked so far.
func (f *Faulty) Count() Count {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// Touched returns how often the bad sector was asked for that was asked for
// most.
func (f *Faulty) Touched() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	most := 0
	for _, n := range f.touched {
		most = max(most, n)
	}
	return most
}
