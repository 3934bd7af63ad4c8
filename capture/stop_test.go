package capture_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
)

// An error of Failed ends the run behind the object: it has its outcome in the
// store, and nothing was put in after it.
func TestFailedEndsTheRun(t *testing.T) {
	name := filepath.Join(t.TempDir(), "disk.img")
	r, size := testimages.Broken("torn record")
	if err := testimages.WriteImage(name, r, size); err != nil {
		t.Fatal(err)
	}
	p := planOf(t, name)
	_, whole := captureAll(t, p)
	stop := errors.New("stop")
	for _, f := range whole.Failures {
		d := store.Memory()
		w, err := store.Create(d, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		res, err := capture.Run(context.Background(), p, w, capture.Options{Failed: func(g capture.Failure) error {
			calls++
			if g.Path != f.Path {
				return nil
			}
			return stop
		}})
		if !errors.Is(err, stop) {
			t.Fatalf("%s: error %v", f.Path, err)
		}
		if last := res.Failures[len(res.Failures)-1]; last.Path != f.Path || len(res.Failures) != calls {
			t.Errorf("%s: %d failures and %d calls, the last is %s", f.Path, len(res.Failures), calls, last.Path)
		}
		if res.Total() == int64(p.Count()) {
			t.Errorf("%s: the run went to its end", f.Path)
		}
		s := reopen(t, w, d)
		n := int64(0)
		for _, err := range s.Objects() {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n < res.Total() {
			t.Errorf("%s: %d objects in the store, %d were counted", f.Path, n, res.Total())
		}
	}
	if len(whole.Failures) < 3 {
		t.Errorf("only %d failures on the disk", len(whole.Failures))
	}
}
