package capture_test

import (
	"context"
	"io"
	"os"
	"testing"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/rules/builtin"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/medium"
)

// readOrder captures an image by rules, and gives what was asked of the disk
// until the plan was made, and in all.
func readOrder(t testing.TB, image string, docs []*migxml.Document) (planned, all testimages.Count) {
	t.Helper()
	var disk *testimages.Faulty
	win := testwin.Open(t, testwin.Options{Volumes: volumes.Options{Medium: func(_ string, r io.ReaderAt, size int64, _ *medium.Options) io.ReaderAt {
		disk = &testimages.Faulty{R: r, Size: size}
		return disk
	}}}, image)
	p, err := plan.Build(context.Background(), win.System, win.Set, win.Users, docs, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	planned = disk.Count()
	w, err := store.Create(store.OS(t.TempDir()+"/store"), store.Options{SameSize: capture.SameSize(p)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := capture.Run(context.Background(), p, w, capture.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Suspend(); err != nil {
		t.Fatal(err)
	}
	return planned, disk.Count()
}

// The order of the reads of a whole capture. Jumps and bytes are counted, the
// time is that of a modelled disk: 8 ms a jump, 150 MB/s. COLDSTATE_IMAGE names
// an image of one's own; without it, it is the sample disk.
func BenchmarkReadOrder(b *testing.B) {
	image := os.Getenv("COLDSTATE_IMAGE")
	if image == "" {
		image = b.TempDir() + "/disk.img"
		if err := testimages.WriteDisk(image); err != nil {
			b.Fatal(err)
		}
	}
	for _, rules := range []string{"everything", "builtin"} {
		b.Run(rules, func(b *testing.B) { benchmarkReadOrder(b, image, documents(b, rules)) })
	}
}

// documents are rules that take everything, or the built-in ones.
func documents(t testing.TB, rules string) []*migxml.Document {
	t.Helper()
	texts := map[string][]byte{"all": []byte(everything)}
	if rules == "builtin" {
		clear(texts)
		for _, name := range builtin.Default() {
			b, err := builtin.File(name)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = b
		}
	}
	var docs []*migxml.Document
	for name, text := range texts {
		d, _, err := migxml.Parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
	}
	return docs
}

func benchmarkReadOrder(b *testing.B, image string, docs []*migxml.Document) {
	for range b.N {
		planned, all := readOrder(b, image, docs)
		b.ReportMetric(float64(planned.Reads), "reads-to-plan")
		b.ReportMetric(float64(planned.Jumps), "jumps-to-plan")
		b.ReportMetric(float64(all.Reads), "reads")
		b.ReportMetric(float64(all.Bytes)/(1<<20), "MiB")
		b.ReportMetric(float64(all.Jumps), "jumps")
		b.ReportMetric(all.Time().Seconds(), "modelled-s")
		b.ReportMetric(all.Time().Seconds()/all.Sequential().Seconds(), "x-sequential")
	}
}

// The sample disk holds what real ones do, and is read in few requests: neither
// is a file read for itself where its neighbours are read as well, nor does the
// reading go back and forth.
func TestReadOrder(t *testing.T) {
	planned, all := readOrder(t, sampleDisk(t), documents(t, "everything"))
	t.Logf("%d reads and %d jumps until the plan was made; %d reads, %d bytes and %d jumps in all", planned.Reads, planned.Jumps, all.Reads, all.Bytes, all.Jumps)
	if all.Reads > 150 || all.Jumps > 65 {
		t.Errorf("%d reads and %d jumps; 103 and 42 were enough", all.Reads, all.Jumps)
	}
}
