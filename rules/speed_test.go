package rules

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/migxml"
)

// manyRules are the built-in rules n times: each further time for other
// programs, whose folders and keys have other names.
func manyRules(t testing.TB, n int) []*migxml.Document {
	t.Helper()
	docs := builtinRules(t)
	first := docs
	for i := 1; i < n; i++ {
		for _, d := range first {
			k, _, err := migxml.Parse(fmt.Sprint(d.Pos.File, i), renamed(d.Data, i))
			if err != nil {
				t.Fatal(err)
			}
			docs = append(docs, k)
		}
	}
	return docs
}

// renamed gives the rules of a file another urlid, and the first literal name
// of each of its patterns another ending. Patterns without one are for
// everything below a folder, or for a type of file, and stay as they are.
func renamed(data []byte, i int) []byte {
	suffix := fmt.Sprintf("%d", i)
	data = bytes.Replace(data, []byte(`urlid="`), []byte(`urlid="x`+suffix), 1)
	var out []string
	for _, line := range strings.Split(string(data), "\n") {
		if from := strings.Index(line, "<pattern"); from >= 0 && !strings.Contains(line, `"Ini"`) {
			start := from + strings.IndexByte(line[from:], '>') + 1
			end := start + strings.IndexByte(line[start:]+"<", '<')
			line = line[:start] + rename(line[start:end], suffix) + line[end:]
		}
		out = append(out, line)
	}
	return []byte(strings.Join(out, "\n"))
}

func rename(pattern, suffix string) string {
	root, rest, ok := strings.Cut(pattern, `\`)
	if !ok {
		return pattern // "* [*.iso]"
	}
	name := rest
	if i := strings.IndexAny(rest, `\[`); i >= 0 {
		name = rest[:i]
	}
	if name = strings.TrimRight(name, " "); name == "" || strings.Contains(name, "*") {
		return pattern
	}
	return root + `\` + name + suffix + rest[len(name):]
}

// BenchmarkTenTimes is BenchmarkWalk with ten times the rules.
func BenchmarkTenTimes(b *testing.B) {
	disk := benchDisk(1_000_000)
	set := mustCompile(b, manyRules(b, 10), benchContexts()...)
	b.ReportAllocs()
	var n int
	for b.Loop() {
		_, n = disk.walk(set.Files("C:"))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/object")
	b.ReportMetric(float64(len(set.files.pats)), "patterns")
}

// TestSpeed: walking is at least 20 times as fast as trying every pattern, and
// ten times the rules cost at most 1.3 times as much.
func TestSpeed(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a minute of quiet")
	}
	disk := benchDisk(200_000)
	few, many := mustCompile(t, builtinRules(t), benchContexts()...), mustCompile(t, manyRules(t, 10), benchContexts()...)
	if n, m := few.Rules(), many.Rules(); m < 9*n {
		t.Errorf("%d rules, and ten times as many are %d", n, m)
	}
	// The best of several runs in turns is the least disturbed.
	best := func(old, d time.Duration) time.Duration {
		if old == 0 || d < old {
			return d
		}
		return old
	}
	var one, ten time.Duration
	var objects, taken, also int
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range 12 {
		start := cpuTime()
		taken, objects = disk.walk(few.Files("C:"))
		one = best(one, cpuTime()-start)
		start = cpuTime()
		also, _ = disk.walk(many.Files("C:"))
		ten = best(ten, cpuTime()-start)
	}
	// Some folders that are excluded have another name, too.
	if also < taken || also > taken+taken/1000 {
		t.Errorf("%d objects are taken, by ten times the rules %d", taken, also)
	}
	small := benchDisk(1000)
	start := cpuTime()
	_, n := small.plain(few.files.pats, "C:")
	plain := cpuTime() - start
	perWalk, perPlain := float64(one)/float64(objects), float64(plain)/float64(n)
	t.Logf("%.0f ns an object with %d patterns, %.0f ns with %d: %.2f times; plainly %.0f ns: %.0f times",
		perWalk, len(few.files.pats), float64(ten)/float64(objects), len(many.files.pats), float64(ten)/float64(one), perPlain, perPlain/perWalk)
	if perPlain < 20*perWalk {
		t.Errorf("only %.1f times as fast as trying every pattern", perPlain/perWalk)
	}
	if float64(ten) > 1.3*float64(one) {
		t.Errorf("ten times the rules take %.2f times as long", float64(ten)/float64(one))
	}
}

// TestMemory: what a compiled set keeps is bounded by the number of patterns.
func TestMemory(t *testing.T) {
	docs, ctxs := manyRules(t, 10), benchContexts()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	set := mustCompile(t, docs, ctxs...)
	used := int64(heap()) - int64(before)
	n := len(set.files.pats) + len(set.machine.pats)
	for _, u := range set.users {
		n += len(u.pats)
	}
	per := float64(used) / float64(n)
	t.Logf("%d patterns, %d KiB, %.0f bytes each", n, used>>10, per)
	if per > bytesPerPattern {
		t.Errorf("a pattern keeps %.0f bytes; %d are stated", per, bytesPerPattern)
	}
	runtime.KeepAlive(set)
	runtime.KeepAlive(docs)
}

// bytesPerPattern is what docs/performance.md states.
const bytesPerPattern = 600
