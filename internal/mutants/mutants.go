// Package mutants has tests damage what they read at random, in child
// processes: no panic, no hang, no memory without bounds, and many of the
// damaged ones can still be read. Only tests import it.
package mutants

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a mutant may cost.
const (
	Memory = 512 << 20 // bytes of the process
	Time   = 30 * time.Second
)

// Environment variables: childEnv makes the test binary a child that tries
// mutants, oneEnv names the one mutant that Test tries, to repeat a failure,
// and longEnv asks for the long form of tests.
const (
	childEnv = "COLDSTATE_TEST_MUTANTS_CHILD"
	oneEnv   = "COLDSTATE_MUTANT"
	longEnv  = "COLDSTATE_LONG"
)

// Base is something to damage.
type Base struct {
	Name   string
	Weight int // how often it is chosen
	// Try makes a mutant with rnd and uses it: whether it could be opened, and
	// whether it was walked to its end. The error is what no damage excuses.
	Try func(rnd *rand.Rand) (opened, walked bool, err error)
}

// Main is the TestMain of a package with Test.
func Main(m *testing.M, bases func() []*Base) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		panic(err)
	}
	debug.SetMaxStack(64 << 20)
	debug.SetMemoryLimit(Memory / 2) // what is garbage does not count
	if err := json.NewEncoder(os.Stdout).Encode(j.run(bases())); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// job is what a child process does: the mutants First, First+Step, ….
type job struct{ First, Step, Count int }

// result is what came of it.
type result struct {
	Mutants, Opened, Walked int
	Failures                []string
	MostMemory              int64 // bytes of the process
	Bases                   map[string][3]int
}

// Test tries so many mutants, the larger number with COLDSTATE_LONG=1. It runs
// in child processes, as a stack overflow or the end of memory cannot be
// caught; at least 3 of 10 mutants have to be walked to the end.
func Test(t *testing.T, short, long int) {
	count, children := short, 2
	if os.Getenv(longEnv) != "" {
		count = long
	} else {
		t.Logf("%d mutants; %d with %s=1", short, long, longEnv)
	}
	first := 0
	one := os.Getenv(oneEnv)
	if one != "" {
		var err error
		if first, err = strconv.Atoi(one); err != nil {
			t.Fatal(err)
		}
		count, children = 1, 1
	}
	results := make([]result, children)
	times := make([]time.Duration, children)
	var wg sync.WaitGroup
	for i := range children {
		wg.Go(func() {
			var err error
			n := (count + children - 1 - i) / children
			if results[i], times[i], err = start(t.Context(), job{first + i, children, n}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	sum := result{Bases: map[string][3]int{}}
	var cpu time.Duration
	for i, r := range results {
		cpu += times[i]
		sum.Mutants += r.Mutants
		sum.Opened += r.Opened
		sum.Walked += r.Walked
		sum.MostMemory = max(sum.MostMemory, r.MostMemory)
		sum.Failures = append(sum.Failures, r.Failures...)
		for name, n := range r.Bases {
			s := sum.Bases[name]
			sum.Bases[name] = [3]int{s[0] + n[0], s[1] + n[1], s[2] + n[2]}
		}
	}
	for i, f := range sum.Failures {
		if i == 10 {
			t.Errorf("and %d failures more", len(sum.Failures)-i)
			break
		}
		t.Error(f)
	}
	t.Logf("%d mutants, %d opened, %d walked to the end, %d MiB of memory at most, %v of the processors", sum.Mutants, sum.Opened, sum.Walked, sum.MostMemory>>20, cpu.Round(time.Second/10))
	for _, name := range slices.Sorted(maps.Keys(sum.Bases)) {
		n := sum.Bases[name]
		t.Logf("%s: %d mutants, %d opened, %d walked", name, n[0], n[1], n[2])
	}
	if sum.Mutants != count {
		t.Errorf("%d mutants are missing", count-sum.Mutants)
	}
	if one == "" && sum.Walked < sum.Mutants*3/10 {
		t.Error("so few of the mutants can be read that they test little")
	}
}

// start runs a job in a child process.
func start(ctx context.Context, j job) (r result, cpu time.Duration, err error) {
	in, err := json.Marshal(j)
	if err != nil {
		return r, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	exe, err := os.Executable()
	if err != nil {
		return r, 0, err
	}
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stdin = bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		// The child says on its standard error which mutant it is at.
		said := errs.String()
		last := said[strings.LastIndex(said, "\x01")+1:]
		return r, 0, fmt.Errorf("%w at %.5000s", err, last)
	}
	return r, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), json.Unmarshal(out, &r)
}

func (j job) run(bases []*Base) result {
	r := result{Bases: map[string][3]int{}}
	total := 0
	for _, b := range bases {
		total += b.Weight
	}
	for i := range j.Count {
		seed := j.First + i*j.Step
		fmt.Fprintf(os.Stderr, "\x01mutant %d\n", seed)
		rnd := rand.New(rand.NewPCG(uint64(seed), 3))
		var base *Base
		for k, n := 0, rnd.IntN(total); n >= 0; k++ {
			base = bases[k]
			n -= base.Weight
		}
		r.try(fmt.Sprintf("mutant %d of %s (repeat it with %s=%d)", seed, base.Name, oneEnv, seed), base, rnd)
	}
	return r
}

// try tries a mutant, and looks at what it costs.
func (r *result) try(name string, base *Base, rnd *rand.Rand) {
	watch := time.AfterFunc(Time, func() {
		buf := make([]byte, 1<<16)
		fmt.Fprintf(os.Stderr, "%s takes more than %v\n%s", name, Time, buf[:runtime.Stack(buf, true)])
		os.Exit(3)
	})
	defer watch.Stop()
	n := r.Bases[base.Name]
	opened, walked := false, false
	func() {
		defer func() {
			if v := recover(); v != nil {
				r.Failures = append(r.Failures, fmt.Sprintf("%s: panic: %v\n%.3000s", name, v, debug.Stack()))
			}
		}()
		var err error
		if opened, walked, err = base.Try(rnd); err != nil {
			r.Failures = append(r.Failures, fmt.Sprintf("%s: %v", name, err))
		}
	}()
	r.Mutants++
	n[0]++
	if opened {
		r.Opened++
		n[1]++
	}
	if walked {
		r.Walked++
		n[2]++
	}
	r.Bases[base.Name] = n
	used := memoryPeak()
	if r.MostMemory = max(r.MostMemory, used); used > detector*Memory {
		r.Failures = append(r.Failures, fmt.Sprintf("%s: %d MiB of memory", name, used>>20))
		resetMemoryPeak()
	}
}

// resetMemoryPeak sets the highest memory of the process back to what it is,
// where that can be done.
func resetMemoryPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// memoryPeak is the highest memory of the process; what the run time of Go
// holds where the system does not tell.
func memoryPeak() int64 {
	if b, err := os.ReadFile("/proc/self/status"); err == nil {
		for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
			if rest, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
				if n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err == nil {
					return n << 10
				}
			}
		}
	}
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// numbers are those that break arithmetic.
var numbers = []uint64{
	0, 1, 2, 7, 8, 0x17, 0x18, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0xFF, 0x100, 0x3FF, 0x400, 0x7FFF, 0x8000, 0xFFFF, 0x10000,
	0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 32, 1 << 40, 1 << 48, 1<<62 - 1, 1 << 62, math.MaxInt64 - 1, math.MaxInt64, 1 << 63, math.MaxUint64,
}

// Scribble changes up to eight bytes of b.
func Scribble(rnd *rand.Rand, b []byte) {
	if len(b) == 0 {
		return
	}
	at := rnd.IntN(len(b))
	width := 1 << rnd.IntN(4)
	if rnd.IntN(2) == 0 {
		at &^= width - 1
	}
	width = min(width, len(b)-at)
	var old, v [8]byte
	copy(old[:], b[at:at+width])
	u := binary.LittleEndian.Uint64(old[:])
	switch rnd.IntN(5) {
	case 0:
		u ^= 1 << rnd.IntN(8*width)
	case 1:
		u = rnd.Uint64()
	case 2:
		u = numbers[rnd.IntN(len(numbers))]
	case 3:
		u += uint64(rnd.IntN(17)) - 8
	case 4:
		from := rnd.IntN(len(b) - width + 1)
		copy(old[:], b[from:from+width])
		u = binary.LittleEndian.Uint64(old[:])
	}
	binary.LittleEndian.PutUint64(v[:], u)
	copy(b[at:at+width], v[:])
}

// Place is a part of a base in which changes count: a header, a table.
type Place struct{ Off, Len int }

// Damage gives a copy of b with a few changes: most in places, others anywhere.
// A few copies are cut.
func Damage(rnd *rand.Rand, b []byte, places []Place) []byte {
	b = bytes.Clone(b)
	for range 1 + rnd.IntN(1<<rnd.IntN(6)) {
		if len(b) == 0 {
			break
		}
		p := Place{0, len(b)}
		if len(places) > 0 && rnd.IntN(8) > 0 {
			p = places[rnd.IntN(len(places))]
		}
		if p.Off >= len(b) {
			continue
		}
		part := b[p.Off:min(p.Off+p.Len, len(b))]
		switch n := rnd.IntN(100); {
		case n < 2:
			if rnd.IntN(2) == 0 {
				b = b[:rnd.IntN(len(b))]
			} else {
				b = b[:len(b)-rnd.IntN(len(b)/8+1)]
			}
		case n < 4: // overwritten
			k := min(len(part), 1<<(4+rnd.IntN(9)))
			at := rnd.IntN(len(part) - k + 1)
			if rnd.IntN(2) == 0 {
				clear(part[at : at+k])
			} else {
				for i := range part[at : at+k] {
					part[at+i] = byte(rnd.Uint32())
				}
			}
		case n < 6: // a part in the place of another
			k := min(len(part), 1<<(3+rnd.IntN(7)))
			copy(part[rnd.IntN(len(part)-k+1):][:k], part[rnd.IntN(len(part)-k+1):])
		default:
			Scribble(rnd, part)
		}
	}
	return b
}
