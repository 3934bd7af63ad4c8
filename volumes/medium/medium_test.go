package medium

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var errSector = errors.New("medium error")

// disk is a medium with faults, and counts what is asked of it.
type disk struct {
	mu     sync.Mutex
	data   []byte
	sector int64
	bad    map[int64]int           // number of the sector: how often it fails, -1 for always
	slow   map[int64]chan struct{} // a read of the sector waits for it
	short  bool                    // gives the bytes before a bad sector
	gone   error

	reads   int
	bytes   int64
	touched map[int64]int // bad sectors: how often they were asked for
	order   []int64       // places of the reads
}

func newDisk(size int, sector int64, bad ...int64) *disk {
	d := &disk{data: make([]byte, size), sector: sector, bad: map[int64]int{}, slow: map[int64]chan struct{}{}, touched: map[int64]int{}}
	rng := rand.New(rand.NewPCG(uint64(size), 7))
	for i := 0; i < size; i += 7 {
		d.data[i] = byte(1 + rng.Uint32()%255) // zeros are what bad sectors become
	}
	for _, s := range bad {
		d.bad[s] = -1
	}
	return d
}

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	d.bytes += int64(len(p))
	d.order = append(d.order, off)
	if d.gone != nil {
		return 0, d.gone
	}
	n := copy(p, d.data[min(off, int64(len(d.data))):])
	for s := off / d.sector; s*d.sector < off+int64(n); s++ {
		if c := d.slow[s]; c != nil {
			d.touched[s]++
			d.mu.Unlock()
			<-c
			d.mu.Lock()
		}
		if d.bad[s] == 0 {
			continue
		}
		d.touched[s]++
		d.bad[s]--
		if !d.short {
			clear(p)
			return 0, errSector
		}
		k := int(max(s*d.sector-off, 0))
		clear(p[k:])
		return k, errSector
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// want is the content with zeros in the bad sectors, and these as ranges.
func (d *disk) want() ([]byte, []Range) {
	b := bytes.Clone(d.data)
	var out []Range
	for s := int64(0); s*d.sector < int64(len(b)); s++ {
		if d.bad[s] >= 0 {
			continue
		}
		off, end := s*d.sector, min((s+1)*d.sector, int64(len(b)))
		clear(b[off:end])
		if k := len(out) - 1; k >= 0 && out[k].Off+out[k].Len == off {
			out[k].Len += end - off
		} else {
			out = append(out, Range{off, end - off})
		}
	}
	return b, out
}

// readAll reads as a caller without a plan does: on from behind what is bad,
// size bytes at once.
func readAll(t *testing.T, m *Reader, size int) []byte {
	t.Helper()
	out := make([]byte, m.Size())
	for at := int64(0); at < m.Size(); {
		p := out[at:min(at+int64(size), m.Size())]
		n, err := m.ReadAt(p, at)
		var bad *Error
		switch {
		case err == nil:
			at += int64(n)
		case errors.As(err, &bad):
			if bad.Off != at+int64(n) || bad.Len <= 0 || bad.Off+bad.Len > at+int64(len(p)) {
				t.Fatalf("%d bytes at %d: %d, %+v", len(p), at, n, bad)
			}
			clear(p[n : int64(n)+bad.Len])
			at = bad.Off + bad.Len
		default:
			t.Fatal(err)
		}
	}
	return out
}

// Whatever fails and however it is read: every good byte, and exactly the bad
// sectors, none of which is asked for more than a handful of times.
func TestNarrow(t *testing.T) {
	for trial := range uint64(100) {
		rng := rand.New(rand.NewPCG(trial, 1))
		sector := []int64{512, 4096}[trial%2]
		size := 1 + rng.IntN(6<<20)
		if trial%5 > 0 {
			size = (size + 4095) &^ 4095
		}
		d := newDisk(size, sector)
		d.short = trial%3 == 0
		sectors := (int64(size) + sector - 1) / sector
		for range rng.IntN(30) {
			s := rng.Int64N(sectors)
			for range 1 + rng.IntN(4) {
				d.bad[s] = -1
				s = min(s+1, sectors-1)
			}
		}
		want, ranges := d.want()
		m := New(d, int64(size), Options{Sector: sector})
		for _, step := range []int{1 + rng.IntN(8<<20), 64 << 10, 4096} {
			if got := readAll(t, m, step); !bytes.Equal(got, want) {
				t.Fatalf("trial %d, %d at once: the content differs", trial, step)
			}
			if got := m.Bad(); !slices.Equal(got, ranges) {
				t.Fatalf("trial %d, %d at once: bad are %v, want %v", trial, step, got, ranges)
			}
		}
		for s, n := range d.touched {
			// The request, the sizes of the parts, once more at the end.
			if n > 7 {
				t.Errorf("trial %d: sector %d of %d was asked for %d times", trial, s, sectors, n)
			}
		}
	}
}

// A sector that was found is not asked for again, by no way of reading; nor is
// what was read beside it, for a while.
func TestMemory(t *testing.T) {
	d := newDisk(4<<20, 512, 1000, 1001, 5000)
	m := New(d, 4<<20, Options{})
	if _, err := m.ReadAt(make([]byte, 4<<20), 0); err == nil {
		t.Fatal("no error")
	}
	reads := d.reads
	// By halves, as capture does it.
	var halves func(off, n int64)
	halves = func(off, n int64) {
		if _, err := m.ReadAt(make([]byte, n), off); err != nil && n > 512 {
			halves(off, n/2)
			halves(off+n/2, n/2)
		}
	}
	halves(0, 4<<20)
	if d.reads != reads {
		t.Errorf("%d reads more to narrow what is known", d.reads-reads)
	}
	touched := d.touched[1000]
	m.slots = [kept]slot{} // the content is forgotten, the places are not
	if _, err := m.ReadAt(make([]byte, 1<<20), 0); err == nil {
		t.Fatal("no error")
	}
	if d.touched[1000] != touched {
		t.Error("a bad sector was asked for again")
	}
}

// All that is healthy in a request is read before anything that failed in a
// small piece is tried again.
func TestHealthyFirst(t *testing.T) {
	d := newDisk(1<<20, 512, 100)
	m := New(d, 1<<20, Options{})
	m.ReadAt(make([]byte, 1<<20), 0)
	// The last read but one is the second try of the bad sector; the last finds
	// out whether the disk is still there.
	if last := d.order[len(d.order)-2:]; last[0] != 100*512 || last[1] == last[0] {
		t.Errorf("the last reads are at %d", last)
	}
	// The parts of one size come before those of the next.
	if d.order[1] != 0 || d.order[16] != 15<<16 || d.order[17] != 0 {
		t.Errorf("the reads are at %v", d.order[:20])
	}
}

// A sector that can be read the second time is good.
func TestRetry(t *testing.T) {
	for fails, good := range map[int]bool{4: true, 6: false} {
		d := newDisk(1<<20, 512)
		d.bad[100] = fails
		m := New(d, 1<<20, Options{})
		got := make([]byte, 1<<20)
		_, err := m.ReadAt(got, 0)
		if (err == nil) != good || good && !bytes.Equal(got, d.data) {
			t.Errorf("%d failures: %v after %d", fails, err, d.touched[100])
		}
	}
}

// On a medium without faults every request goes through, once and as it is.
func TestHealthy(t *testing.T) {
	d := newDisk(32<<20, 512)
	for _, opt := range []Options{{}, {Timeout: time.Minute}} {
		d.reads = 0
		m := New(d, 32<<20, opt)
		want := 1
		if opt.Timeout > 0 {
			want = 8
		}
		p := make([]byte, 32<<20)
		if n, err := m.ReadAt(p, 0); n != len(p) || err != nil || !bytes.Equal(p, d.data) || d.reads != want {
			t.Errorf("%d bytes, %v, %d reads", n, err, d.reads)
		}
		if n, err := m.ReadAt(p[:100], 32<<20-10); n != 10 || err != io.EOF {
			t.Errorf("at the end: %d, %v", n, err)
		}
		if n, err := m.ReadAt(p[:100], 32<<20); n != 0 || err != io.EOF {
			t.Errorf("behind the end: %d, %v", n, err)
		}
		if _, err := m.ReadAt(p[:100], -1); err == nil {
			t.Error("a negative offset")
		}
	}
}

// A sector that hangs is bad after the time limit, and what is around it good.
func TestTimeout(t *testing.T) {
	d := newDisk(1<<20, 512)
	// What hangs comes back some time, as drives do.
	slow := readerFunc(func(p []byte, off int64) (int, error) {
		if off <= 1000*512 && 1000*512 < off+int64(len(p)) {
			time.Sleep(250 * time.Millisecond)
		}
		return d.ReadAt(p, off)
	})
	m := New(slow, 1<<20, Options{Timeout: 100 * time.Millisecond, Sector: 4096})
	got := make([]byte, 1<<20)
	n, err := m.ReadAt(got, 0)
	at := 1000 * 512 &^ 4095
	if n != at || !errors.Is(err, ErrTimeout) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if want := []Range{{int64(at), 4096}}; !slices.Equal(m.Bad(), want) {
		t.Errorf("bad are %v, want %v", m.Bad(), want)
	}
	if !bytes.Equal(got[:at], d.data[:at]) || !bytes.Equal(got[at+4096:], d.data[at+4096:]) {
		t.Error("the rest is not whole")
	}
}

// A device that never answers leaves a bounded number of reads behind, and is
// gone.
func TestHangsForEver(t *testing.T) {
	d := newDisk(8<<20, 512)
	block := make(chan struct{})
	for s := range int64(len(d.data) / 512) {
		if s >= 8 {
			d.slow[s] = block
		}
	}
	m := New(d, 8<<20, Options{Timeout: 10 * time.Millisecond})
	if _, err := m.ReadAt(make([]byte, 4096), 0); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if _, err := m.ReadAt(make([]byte, 64<<10), 1<<20); err == nil {
			t.Fatal("no error")
		}
	}
	if _, err := m.ReadAt(make([]byte, 4096), 0); !errors.Is(err, ErrGone) {
		t.Errorf("%v, want ErrGone", err)
	}
	if n := len(m.hanging); n > maxHanging {
		t.Errorf("%d reads hang", n)
	}
	close(block)
}

// A medium that is taken away is told from one with bad sectors, at once.
func TestGone(t *testing.T) {
	for i, err := range []error{syscall.EIO, io.EOF, syscall.EIO} {
		d := newDisk(64<<20, 512)
		m := New(d, 64<<20, Options{})
		if _, err := m.ReadAt(make([]byte, 1<<20), 0); err != nil {
			t.Fatal(err)
		}
		d.gone = err
		reads := d.reads
		for off := int64(1 << 20); off < 64<<20; off += 1 << 20 {
			// The last one is never asked for more than a sector.
			if _, err := m.ReadAt(make([]byte, []int{1 << 20, 1 << 20, 200}[i]), off); !errors.Is(err, ErrGone) {
				t.Fatalf("at %d: %v", off, err)
			}
		}
		if n := d.reads - reads; n > 30 {
			t.Errorf("%d reads of what is gone", n)
		}
		if bad := m.Bad(); len(bad) > 0 {
			t.Errorf("bad are %v", bad)
		}
	}
}

// A disk that vanishes while a request is narrowed is gone, and nothing of the
// request counts as bad.
func TestGoneWithin(t *testing.T) {
	d := newDisk(8<<20, 512, 9000)
	m := New(d, 8<<20, Options{})
	p := make([]byte, 1<<20)
	if _, err := m.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	r := m.r
	m.r = readerFunc(func(p []byte, off int64) (int, error) {
		if len(p) == 512 {
			d.gone = syscall.EIO
		}
		return r.ReadAt(p, off)
	})
	if _, err := m.ReadAt(p, 4<<20); !errors.Is(err, ErrGone) || len(m.Bad()) > 0 {
		t.Errorf("%v; bad are %v", err, m.Bad())
	}
}

// A large area that fails is no reason to give the medium up, and one that was
// never there gives its own error.
func TestNotGone(t *testing.T) {
	d := newDisk(8<<20, 512)
	for s := range int64(8192) {
		d.bad[4096+s] = -1
	}
	m := New(d, 8<<20, Options{})
	want, ranges := d.want()
	if got := readAll(t, m, 1<<20); !bytes.Equal(got, want) || !slices.Equal(m.Bad(), ranges) {
		t.Errorf("bad are %v, want %v", m.Bad(), ranges)
	}
	d = newDisk(1<<20, 512)
	d.gone = errors.New("no medium")
	m = New(d, 1<<20, Options{})
	if _, err := m.ReadAt(make([]byte, 512), 0); errors.Is(err, ErrGone) || !errors.Is(err, d.gone) {
		t.Errorf("%v, want %v", err, d.gone)
	}
}

// Failing reads that take long are not made for ever.
func TestPatience(t *testing.T) {
	d := newDisk(4<<20, 512)
	for s := range int64(len(d.data) / 512) {
		if s%3 == 1 {
			d.bad[s] = -1
		}
	}
	slow := readerFunc(func(p []byte, off int64) (int, error) {
		n, err := d.ReadAt(p, off)
		if err != nil {
			time.Sleep(time.Millisecond)
		}
		return n, err
	})
	m := New(slow, 4<<20, Options{Patience: 50 * time.Millisecond})
	start := time.Now()
	_, err := m.ReadAt(make([]byte, 4<<20), 0)
	if took := time.Since(start); err == nil || took > 5*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	var bad int64
	for _, b := range m.Bad() {
		bad += b.Len
	}
	if bad < 4<<20/3 {
		t.Errorf("%d bytes are bad", bad)
	}
}

type readerFunc func(p []byte, off int64) (int, error)

func (f readerFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

// Ranges that a map calls unread are never asked for.
func TestUnread(t *testing.T) {
	d := newDisk(1<<20, 512)
	m := New(d, 1<<20, Options{Bad: []Range{{1000, 24}, {4096, 8192}, {1<<20 - 100, 5000}, {-10, 20}, {2 << 20, 5}}})
	want := []Range{{0, 10}, {1000, 24}, {4096, 8192}, {1<<20 - 100, 100}}
	if got := m.Bad(); !slices.Equal(got, want) {
		t.Fatalf("bad are %v, want %v", got, want)
	}
	got := readAll(t, m, 100_000)
	for _, r := range want {
		clear(d.data[r.Off : r.Off+r.Len])
	}
	if !bytes.Equal(got, d.data) {
		t.Error("the content differs")
	}
	if _, err := m.ReadAt(make([]byte, 10), 5000); !errors.Is(err, ErrUnread) {
		t.Error(err)
	}
}

// The parts of a failed request are read by the other reader.
func TestFine(t *testing.T) {
	coarse := newDisk(1<<20, 4096, 100)
	fine := newDisk(1<<20, 512, 801)
	m := New(coarse, 1<<20, Options{Fine: fine})
	_, err := m.ReadAt(make([]byte, 1<<20), 0)
	if want := []Range{{801 * 512, 512}}; err == nil || !slices.Equal(m.Bad(), want) {
		t.Errorf("bad are %v, %v, want %v", m.Bad(), err, want)
	}
	if coarse.reads != 1 {
		t.Errorf("%d reads of the coarse one", coarse.reads)
	}
}

func TestConcurrent(t *testing.T) {
	d := newDisk(4<<20, 512, 10, 3000, 3001, 8000)
	d.short = true
	want, ranges := d.want()
	m := New(d, 4<<20, Options{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if got := readAll(t, m, 100_000*(i+1)); !bytes.Equal(got, want) {
				t.Error("the content differs")
			}
		})
	}
	wg.Wait()
	if !slices.Equal(m.Bad(), ranges) {
		t.Errorf("bad are %v, want %v", m.Bad(), ranges)
	}
}

func BenchmarkReadAt(b *testing.B) {
	r := bytes.NewReader(make([]byte, 64<<20))
	for name, opt := range map[string]Options{"plain": {}, "limit": {Timeout: time.Minute}} {
		b.Run(name, func(b *testing.B) {
			m := New(r, 64<<20, opt)
			p := make([]byte, 1<<20)
			b.SetBytes(1 << 20)
			for i := range b.N {
				if _, err := m.ReadAt(p, int64(i%64)<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("none", func(b *testing.B) {
		p := make([]byte, 1<<20)
		b.SetBytes(1 << 20)
		for i := range b.N {
			if _, err := r.ReadAt(p, int64(i%64)<<20); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// While somebody skims, a request that fails is made once and put off; later
// it is narrowed as any other, and no bad sector is asked for more often.
func TestSkim(t *testing.T) {
	for _, short := range []bool{false, true} {
		d := newDisk(16<<20, 512, 3000, 3001, 9000, 20_001)
		d.short = short
		m := New(d, 16<<20, Options{})
		m.Skim(true)
		p := make([]byte, 1<<20)
		put := 0
		for range 3 {
			for at := int64(0); at < 16<<20; at += 1 << 20 {
				n, err := m.ReadAt(p, at)
				var bad *Error
				switch {
				case err == nil:
				case errors.Is(err, ErrLater) && errors.As(err, &bad) && bad.Off == at+int64(n):
					put++
				default:
					t.Fatalf("at %d: %d, %v", at, n, err)
				}
			}
		}
		if put != 9 || d.reads != 3*16-6 || len(m.Bad()) > 0 {
			t.Errorf("%d requests put off in %d reads, want 9 in 42; bad are %v", put, d.reads, m.Bad())
		}
		// A smaller one may be good.
		if _, err := m.ReadAt(p[:4096], 1<<20); err != nil {
			t.Error(err)
		}
		// What cannot wait is narrowed.
		m.Insist(true)
		if n, err := m.ReadAt(p[:4096], 9000*512-512); n != 512 || errors.Is(err, ErrLater) {
			t.Errorf("%d, %v", n, err)
		}
		m.Insist(false)
		if _, err := m.ReadAt(p[:4096], 3000*512); !errors.Is(err, ErrLater) {
			t.Error(err)
		}
		m.Skim(false)
		want, ranges := d.want()
		if got := readAll(t, m, 1<<20); !bytes.Equal(got, want) || !slices.Equal(m.Bad(), ranges) {
			t.Errorf("bad are %v, want %v", m.Bad(), ranges)
		}
		for s, n := range d.touched {
			if n > 7 {
				t.Errorf("sector %d was asked for %d times", s, n)
			}
		}
	}
}

// A medium that is taken away while somebody skims is gone, one with a large
// bad place is not.
func TestSkimGone(t *testing.T) {
	for _, gone := range []error{errSector, nil} {
		d := newDisk(64<<20, 512)
		m := New(d, 64<<20, Options{})
		p := make([]byte, 1<<20)
		if _, err := m.ReadAt(p, 0); err != nil {
			t.Fatal(err)
		}
		d.gone = gone
		for s := int64(4096); s < 32<<20/512; s++ {
			d.bad[s] = -1
		}
		m.Skim(true)
		reads := d.reads
		var err error
		for at := int64(2 << 20); at < 32<<20; at += 1 << 20 {
			if _, err = m.ReadAt(p, at); !errors.Is(err, ErrLater) && !errors.Is(err, ErrGone) {
				t.Fatalf("at %d: %v", at, err)
			}
		}
		if n := d.reads - reads; errors.Is(err, ErrGone) != (gone != nil) || n > 35 || gone != nil && n > maxRow+2 {
			t.Errorf("gone %v: %v after %d reads", gone, err, n)
		}
	}
}

// errNoDevice is what this host says of a device that was taken away.
var errNoDevice = map[bool]error{true: syscall.Errno(55), false: syscall.ENXIO}[runtime.GOOS == "windows"] // ERROR_DEV_NOT_EXIST

// A device that says that it is gone is asked once more whether it is, whatever
// was read before and however patient one still is.
func TestGoneSaid(t *testing.T) {
	for _, patience := range []time.Duration{time.Hour, time.Nanosecond} {
		d := newDisk(8<<20, 512, 9000)
		m := New(d, 8<<20, Options{Patience: patience})
		p := make([]byte, 1<<20)
		if _, err := m.ReadAt(p, 0); err != nil {
			t.Fatal(err)
		}
		reads, r := d.reads, m.r
		m.r = readerFunc(func(p []byte, off int64) (int, error) {
			n, err := r.ReadAt(p, off)
			if d.reads == reads+1+5 { // the request and some parts
				d.gone = errNoDevice
			}
			return n, err
		})
		if n, err := m.ReadAt(p, 4<<20); !errors.Is(err, ErrGone) || len(m.Bad()) > 0 {
			t.Errorf("%d bytes, %v; bad are %v", n, err, m.Bad())
		}
		if n := d.reads - reads; n > 1+5+1+2 {
			t.Errorf("%d reads", n)
		}
	}
	// The same while somebody skims.
	d := newDisk(8<<20, 512)
	m := New(d, 8<<20, Options{})
	p := make([]byte, 1<<20)
	if _, err := m.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	m.Skim(true)
	d.gone = errNoDevice
	if _, err := m.ReadAt(p, 4<<20); !errors.Is(err, ErrGone) || d.reads != 1+1+2 {
		t.Errorf("%v after %d reads", err, d.reads)
	}
	// One that says so of a single place is there.
	d = newDisk(8<<20, 512)
	odd := readerFunc(func(p []byte, off int64) (int, error) {
		if off <= 5<<20 && 5<<20 < off+int64(len(p)) {
			return 0, errNoDevice
		}
		return d.ReadAt(p, off)
	})
	m = New(odd, 8<<20, Options{})
	if got := readAll(t, m, 1<<20); !bytes.Equal(got[:5<<20], d.data[:5<<20]) || !slices.Equal(m.Bad(), []Range{{5 << 20, 512}}) {
		t.Errorf("bad are %v", m.Bad())
	}
}

// What a read gives before it fails is good in whole sectors only.
func TestPartOfSector(t *testing.T) {
	d := newDisk(1<<20, 512)
	const at = 900 * 512
	odd := readerFunc(func(p []byte, off int64) (int, error) {
		if off > at+511 || off+int64(len(p)) <= at {
			return d.ReadAt(p, off)
		}
		n := int(max(at+100-off, 0)) // some of the bad sector as well
		copy(p[:min(n, len(p))], d.data[off:])
		return min(n, len(p)), errSector
	})
	m := New(odd, 1<<20, Options{})
	want := bytes.Clone(d.data)
	clear(want[at : at+512])
	if got := readAll(t, m, 1<<20); !bytes.Equal(got, want) || !slices.Equal(m.Bad(), []Range{{at, 512}}) {
		t.Errorf("bad are %v", m.Bad())
	}

	// A request that begins within a sector has not read that.
	d = newDisk(1<<20, 512, 100)
	d.short = true
	m = New(d, 1<<20, Options{})
	p := make([]byte, 64<<10)
	if n, err := m.ReadAt(p, 300); n != 100*512-300 || err == nil {
		t.Fatalf("%d, %v", n, err)
	}
	if n, err := m.ReadAt(p[:512], 0); n != 512 || err != nil || !bytes.Equal(p[:512], d.data[:512]) {
		t.Errorf("the first sector: %d, %v, or it has another content", n, err)
	}
}

// What was read of a large request before it failed is not read again.
func TestReadBefore(t *testing.T) {
	for _, off := range []int64{0, 1000} {
		d := newDisk(12<<20, 512, 6<<20/512)
		d.short = true
		m := New(d, 12<<20, Options{})
		p := make([]byte, 8<<20)
		if n, err := m.ReadAt(p, off); int64(n) != 6<<20-off || err == nil {
			t.Fatalf("%d, %v", n, err)
		}
		want, _ := d.want()
		if !bytes.Equal(p, want[off:off+8<<20]) || !slices.Equal(m.Bad(), []Range{{6 << 20, 512}}) {
			t.Errorf("bad are %v, or the content differs", m.Bad())
		}
		for _, at := range d.order[1:] {
			if at < 4<<20 {
				t.Errorf("read again at %d", at)
			}
		}
	}
}

// Requests that were put off are narrowed at once when it is their turn, and not
// put off again when all of them could be read then.
func TestTurn(t *testing.T) {
	touched := func(skim bool) int {
		d := newDisk(1<<20, 512, 1000)
		m := New(d, 1<<20, Options{})
		if skim {
			m.Skim(true)
			m.ReadAt(make([]byte, 1<<20), 0)
			m.Skim(false)
		}
		m.ReadAt(make([]byte, 1<<20), 0)
		return d.touched[1000]
	}
	if a, b := touched(false), touched(true); a != b {
		t.Errorf("a bad sector is asked for %d times, and %d times when it was put off", a, b)
	}

	d := newDisk(1<<20, 512)
	d.bad[1000] = 1
	m := New(d, 1<<20, Options{})
	p := make([]byte, 1<<20)
	m.Skim(true)
	if _, err := m.ReadAt(p, 0); !errors.Is(err, ErrLater) {
		t.Fatal(err)
	}
	m.Skim(false)
	if _, err := m.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	m.slots = [kept]slot{}
	m.Skim(true)
	if n, err := m.ReadAt(p, 0); n != len(p) || err != nil || !bytes.Equal(p, d.data) {
		t.Errorf("%d, %v", n, err)
	}
}

// The list of what was put off has an end.
func TestPutOffBound(t *testing.T) {
	d := newDisk(1<<20, 512, 1000, 1500)
	m := New(d, 1<<20, Options{})
	m.putOff = make([]badRange, maxPutOff-1)
	m.Skim(true)
	for _, s := range []int64{1000, 1500} {
		if _, err := m.ReadAt(make([]byte, 512), s*512); !errors.Is(err, ErrLater) {
			t.Error(err)
		}
	}
	if n := len(m.putOff); n != maxPutOff {
		t.Errorf("%d requests are noted", n)
	}
}

// A sector without an answer in time is asked for no second time.
func TestTimeoutOnce(t *testing.T) {
	d := newDisk(64<<10, 512)
	var alone atomic.Int32
	slow := readerFunc(func(p []byte, off int64) (int, error) {
		if off <= 51_200 && 51_200 < off+int64(len(p)) {
			if len(p) == 512 {
				alone.Add(1)
			}
			time.Sleep(200 * time.Millisecond)
		}
		return d.ReadAt(p, off)
	})
	m := New(slow, 64<<10, Options{Timeout: 100 * time.Millisecond})
	if _, err := m.ReadAt(make([]byte, 64<<10), 0); !errors.Is(err, ErrTimeout) {
		t.Fatal(err)
	}
	if n := alone.Load(); n != 1 {
		t.Errorf("the sector was asked for %d times alone", n)
	}
}
