package rules

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

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

// TestTenTimes: rules for programs that are not there change nothing of what
// is taken.
func TestTenTimes(t *testing.T) {
	disk := benchDisk(200_000)
	few, many := mustCompile(t, builtinRules(t), benchContexts()...), mustCompile(t, manyRules(t, 10), benchContexts()...)
	if n, m := len(few.files.pats), len(many.files.pats); m < 6*n {
		t.Errorf("%d patterns, and those of ten times the rules are %d", n, m)
	}
	taken, _ := disk.walk(few.Files("C:"))
	also, _ := disk.walk(many.Files("C:"))
	// Some folders that are excluded have another name, too.
	if also < taken || also > taken+taken/1000 {
		t.Errorf("%d objects are taken, by ten times the rules %d", taken, also)
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
const bytesPerPattern = 512
