package hive_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// What a mutant may cost: as much memory as eight times its files, and some
// for the run time of Go, which lets garbage grow to 4 MiB and keeps more.
const (
	mutantMemory  = 8
	mutantRuntime = 8 << 20
	mutantTime    = 30 * time.Second
)

// mutantJob is what a child process does.
type mutantJob struct {
	Hives [][2]string // file and name of hives; "" for those made here
	Sets  [][]string  // dirty hives: the file, and its logs
	First int         // numbers of the mutants
	Count int
	Logs  int // and as many mutants of logs
}

// mutantResult is what came of it.
type mutantResult struct {
	Mutants, Opened, Walked    int
	Logs, LogsOpened, Replayed int
	Failures                   []string
	MostMemory                 float64 // times the size of the files
	Measured                   bool
}

// TestMutants changes hives and logs at random: no panic, no hang, no memory
// beyond a multiple of the files, and most can still be read. It runs in
// child processes, as a stack overflow or the end of memory cannot be caught.
func TestMutants(t *testing.T) {
	job := mutantJob{Count: 200, Logs: 80}
	if os.Getenv("COLDSTATE_LONG") != "" {
		job.Count, job.Logs = 5000, 500
	} else {
		t.Logf("%d mutants of hives and %d of logs; 5,000 and 500 with COLDSTATE_LONG=1", job.Count, job.Logs)
	}
	dir := t.TempDir()
	if data := os.Getenv("COLDSTATE_TESTDATA"); data == "" {
		t.Log("only generated hives: real ones need COLDSTATE_TESTDATA")
	} else if _, err := exec.LookPath("xz"); err == nil {
		job.Hives, job.Sets = realHives(t, dir)
	}
	var sum mutantResult
	const parts = 10 // a child that dies takes a tenth with it
	for part := range parts {
		job := job
		job.First, job.Count, job.Logs = part*job.Count/parts, job.Count/parts, job.Logs/parts
		r := runMutants(t, job)
		sum.Mutants += r.Mutants
		sum.Opened += r.Opened
		sum.Walked += r.Walked
		sum.Logs += r.Logs
		sum.LogsOpened += r.LogsOpened
		sum.Replayed += r.Replayed
		sum.MostMemory = max(sum.MostMemory, r.MostMemory)
		sum.Measured = r.Measured
		for _, f := range r.Failures {
			t.Error(f)
		}
	}
	t.Logf("%d mutants of hives, %d opened, %d walked to the end; %d of logs, %d opened, %d replayed", sum.Mutants, sum.Opened, sum.Walked, sum.Logs, sum.LogsOpened, sum.Replayed)
	if sum.Measured {
		t.Logf("the most memory was %.1f times the size of the files", sum.MostMemory)
	} else {
		t.Log("memory is measured on Linux only")
	}
	if sum.Mutants != job.Count/parts*parts || sum.Logs != job.Logs/parts*parts {
		t.Error("mutants are missing")
	}
	if sum.Walked < sum.Mutants*3/10 || sum.LogsOpened < sum.Logs*3/10 || sum.Replayed < sum.Logs*3/10 {
		t.Error("so few of the mutants can be read that they test little")
	}
}

// realHives writes the unpacked hives of the test data to dir.
func realHives(t *testing.T, dir string) (hives [][2]string, sets [][]string) {
	eachHive(t, func(t *testing.T, rel, file string) {
		write := func(name string, b []byte) string {
			out := filepath.Join(dir, strings.ReplaceAll(rel, "/", "__")+name)
			if err := os.WriteFile(out, b, 0o644); err != nil {
				t.Fatal(err)
			}
			return out
		}
		b := load(t, file)
		set := []string{write("", b)}
		hives = append(hives, [2]string{set[0], rel})
		if h, err := hive.Open(b); err == nil && !h.Dirty() {
			return
		}
		for _, l := range logsOf(t, file) {
			set = append(set, write(" "+l.Name, l.Data))
		}
		if len(set) > 1 {
			sets = append(sets, set)
		}
	})
	return hives, sets
}

// runMutants runs a job in a child process.
func runMutants(t *testing.T, job mutantJob) mutantResult {
	t.Helper()
	in, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), hive.MutantsEnv+"=1")
	cmd.Stdin = bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var r mutantResult
	if err != nil {
		t.Fatalf("mutants %d to %d: %v\n%.4000s", job.First, job.First+job.Count, err, errs.String())
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func init() {
	hive.MutantsChild = func() {
		var job mutantJob
		if err := json.NewDecoder(os.Stdin).Decode(&job); err != nil {
			panic(err)
		}
		debug.SetMaxStack(64 << 20)
		if err := json.NewEncoder(os.Stdout).Encode(job.run()); err != nil {
			panic(err)
		}
	}
}

func (job mutantJob) run() (r mutantResult) {
	load := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			panic(err)
		}
		return b
	}
	names := [][2]string{{"", "seed 0"}, {"", "seed 1"}, {"", "seed 2"}, {"", "seed 3"}, {"", "large"}}
	made := append(seeds(), large())
	names = append(names, job.Hives...)
	for i := range job.Count {
		n := job.First + i
		rnd := rand.New(rand.NewPCG(uint64(n), 1))
		at := rnd.IntN(len(names))
		if rnd.IntN(3) == 0 {
			at = rnd.IntN(len(made))
		}
		var b []byte
		if at < len(made) {
			b = bytes.Clone(made[at])
		} else {
			b = load(names[at][0])
		}
		b = mutateHive(rnd, b)
		r.Mutants++
		h, walked := r.try(fmt.Sprintf("mutant %d of %s", n, names[at][1]), b, nil)
		if h != nil {
			r.Opened++
		}
		if walked {
			r.Walked++
		}
	}
	for i := range job.Logs {
		n := job.First + i
		rnd := rand.New(rand.NewPCG(uint64(n), 2))
		b, logs, name := madeSet(rnd)
		if len(job.Sets) > 0 && rnd.IntN(3) > 0 {
			set := job.Sets[rnd.IntN(len(job.Sets))]
			b, logs, name = load(set[0]), nil, filepath.Base(set[0])
			for _, file := range set[1:] {
				logs = append(logs, hive.Log{Name: filepath.Base(file), Data: load(file)})
			}
		}
		for i := range logs {
			logs[i].Data = mutateLog(rnd, logs[i].Data)
		}
		if rnd.IntN(8) == 0 {
			logs[rnd.IntN(len(logs))].Data = nil
		}
		r.Logs++
		h, _ := r.try(fmt.Sprintf("log mutant %d of %s", n, name), b, logs)
		if h != nil {
			r.LogsOpened++
			if len(h.Recovery().Applied) > 0 {
				r.Replayed++
			}
		}
	}
	return r
}

// try opens and reads a mutant, and looks at what it costs.
func (r *mutantResult) try(name string, b []byte, logs []hive.Log) (h *hive.Hive, walked bool) {
	watch := time.AfterFunc(mutantTime, func() {
		buf := make([]byte, 1<<16)
		fmt.Fprintf(os.Stderr, "%s takes more than %v\n%s", name, mutantTime, buf[:runtime.Stack(buf, true)])
		os.Exit(3)
	})
	defer watch.Stop()
	size := len(b)
	for _, l := range logs {
		size += len(l.Data)
	}
	base, measured := resetPeak()
	h, err := hive.OpenWithLogs(b, logs)
	if err == nil {
		use(h)
		walked = hive.Walk(h.Root(), func(hive.Key) error { return nil }) == nil
	}
	if measured {
		r.Measured = true
		more := peak() - base
		// The files were in memory before.
		if times := 1 + float64(max(0, more-mutantRuntime))/float64(size); times > mutantMemory {
			r.Failures = append(r.Failures, fmt.Sprintf("%s: %d bytes of memory beside the %d of the files", name, more, size))
		} else if size > 1<<20 {
			r.MostMemory = max(r.MostMemory, 1+float64(more)/float64(size))
		}
	}
	runtime.KeepAlive(b)
	return h, walked
}

// resetPeak sets the highest memory of the process back to what it is.
func resetPeak() (bytes int64, ok bool) {
	if os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) != nil {
		return 0, false
	}
	debug.FreeOSMemory()
	if os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) != nil {
		return 0, false
	}
	return peak(), true
}

// peak is the highest memory of the process since the last reset.
func peak() int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return n << 10
		}
	}
	return 0
}

// large is a hive of some megabytes.
func large() []byte {
	root := hivegen.K("ROOT")
	for i := range 200 {
		k := hivegen.K(fmt.Sprintf("key %03d", i))
		for j := range 40 {
			k.Add(hivegen.K(fmt.Sprintf("sub %03d", j), hivegen.SZ("path", strings.Repeat(`C:\folder`, j)), hivegen.D("n", uint32(j))))
		}
		root.Add(k)
	}
	root.Add(hivegen.K("data", hivegen.B("big", make([]byte, 1<<20))))
	return hivegen.Build(root, hivegen.Options{})
}

// madeSet is a dirty hive with the logs of either format.
func madeSet(rnd *rand.Rand) (b []byte, logs []hive.Log, name string) {
	if rnd.IntN(2) == 0 {
		s := states(5)
		return hivegen.Sequence(s[0], 5, 4), []hive.Log{log(".LOG1", hivegen.LogHvLE(4, s[0], s[1], s[2])), log(".LOG2", hivegen.LogHvLE(6, s[2:]...))}, "HvLE"
	}
	s := states(3)
	return hivegen.Sequence(s[0], 2, 1), []hive.Log{log(".LOG1", hivegen.LogDIRT(s[0], s[2])), log(".LOG2", hivegen.LogDIRT(s[0], s[3]))}, "DIRT"
}

// mutate changes b from offset from on; some changes write the numbers that
// break arithmetic, or one place's number into another.
func mutate(rnd *rand.Rand, b []byte, from, to int) {
	if to-from < 8 {
		return
	}
	at := from + rnd.IntN(to-from-4)
	switch rnd.IntN(4) {
	case 0:
		b[at] ^= 1 << rnd.IntN(8)
	case 1:
		b[at] = byte(rnd.Uint32())
	case 2:
		le.PutUint32(b[at&^3:], []uint32{0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, 0x20, 0xffff}[rnd.IntN(8)])
	case 3:
		other := from + rnd.IntN(to-from-4)
		copy(b[at&^3:][:4], b[other&^3:])
	}
}

// mutateHive changes a hive. Half of the changes hit the cells at the front.
func mutateHive(rnd *rand.Rand, b []byte) []byte {
	if len(b) < 4096+64 {
		return b
	}
	for range 1 + rnd.IntN(60) {
		switch rnd.IntN(4) {
		case 0:
			mutate(rnd, b, 0, len(b))
		case 1:
			mutate(rnd, b, 4096, min(len(b), 4096+8192))
		default: // a record somewhere
			at := 4096 + rnd.IntN(len(b)-4096)
			for _, sig := range []string{"nk", "lh", "lf", "li", "ri", "vk", "db", "sk"}[rnd.IntN(8):] {
				if i := bytes.Index(b[at:], []byte(sig)); i >= 0 {
					at += i
					mutate(rnd, b, max(0, at-4), min(len(b), at+80))
					break
				}
			}
		}
	}
	if rnd.IntN(4) > 0 {
		hivegen.PutChecksum(b)
	}
	if rnd.IntN(16) == 0 {
		b = b[:rnd.IntN(len(b))]
	}
	return b
}

// mutateLog changes a log, mostly with hashes that are right again.
func mutateLog(rnd *rand.Rand, b []byte) []byte {
	if len(b) < 1024 {
		return b
	}
	for range 1 + rnd.IntN(8) {
		switch rnd.IntN(12) {
		case 0:
			mutate(rnd, b, 0, 512)
		case 1:
			mutate(rnd, b, 512, 512+64)
		case 2, 3, 4:
			mutate(rnd, b, 1024, len(b))
		default: // the header or the pages of some entry
			at := 512
			for range rnd.IntN(5) {
				if n := int64(le.Uint32(b[at+4:])); n >= 512 && int64(at)+n+512 <= int64(len(b)) {
					at += int(n)
				}
			}
			mutate(rnd, b, at+16, min(len(b), at+60+rnd.IntN(1<<rnd.IntN(14))))
		}
	}
	if rnd.IntN(4) > 0 {
		b = mend(b)
	}
	if rnd.IntN(16) == 0 {
		b = b[:rnd.IntN(len(b))]
	}
	return b
}
