package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
)

func TestFailureCodes(t *testing.T) {
	for _, tt := range []struct {
		o     store.Object
		cause error
		want  uint32
	}{
		{store.Object{Kind: store.File, Outcome: store.Damaged, Ranges: []store.Range{{Len: 512}}}, errors.New("x"), 23},
		{store.Object{Kind: store.File, Outcome: store.Damaged}, nil, 1392},
		{store.Object{Kind: store.File, Outcome: store.Unreadable}, fmt.Errorf("x: %w", &fs.PathError{Err: fs.ErrPermission}), 5},
		{store.Object{Kind: store.File, Outcome: store.Changed}, nil, 32},
		{store.Object{Kind: store.Folder, Outcome: store.VolumeMissing}, nil, 15},
		{store.Object{Kind: store.File, Outcome: store.Unsupported}, nil, 50},
		{store.Object{Kind: store.Value, Outcome: store.Unreadable}, errors.New("x"), 1015},
		{store.Object{Kind: store.Key, Outcome: store.Unsupported}, nil, 50},
	} {
		if got := failure(&tt.o, tt.cause).Trouble.Code; got != tt.want {
			t.Errorf("%s %s (%v): %d, want %d", tt.o.Kind, tt.o.Outcome, tt.cause, got, tt.want)
		}
	}
	f, ok := RefusedFailure(&plan.Refused{Path: `HKCU\X`, User: "S-1", Kind: plan.Key, Outcome: plan.Unreadable, Reason: "r"})
	if !ok || f.Trouble != (plan.Trouble{Kind: plan.Key, Path: `HKCU\X`, User: "S-1", Code: 1015, Tree: true}) {
		t.Errorf("%+v, %t", f, ok)
	}
	if _, ok := RefusedFailure(&plan.Refused{Path: `C:\pagefile.sys`, Outcome: plan.Policy}); ok {
		t.Error("what policy excludes is a failure")
	}
}
