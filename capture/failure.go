package capture

import (
	"errors"
	"io/fs"
	"runtime"
	"syscall"

	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
)

// Numbers of Windows errors ([MS-ERREF] 2.2) by which a Config.xml tells
// failures apart.
const (
	errorAccessDenied     = 5
	errorInvalidDrive     = 15
	errorCRC              = 23
	errorSharingViolation = 32
	errorNotSupported     = 50
	errorRegistryCorrupt  = 1015
	errorFileCorrupt      = 1392
)

// RefusedFailure is the failure of an object that a plan has given its outcome
// already; ok is false for one that does not make a run incomplete.
func RefusedFailure(r *plan.Refused) (f Failure, ok bool) {
	o := refusedObject(r)
	f = failure(o, nil)
	f.Trouble.Tree = isTree(o)
	return f, Fails(o.Outcome)
}

// isTree says whether an object that a plan gave its outcome stands for what
// is below it as well: nobody could look what is there.
func isTree(o *store.Object) bool { return o.Kind == store.Folder || o.Kind == store.Key }

func failure(o *store.Object, cause error) Failure {
	f := Failure{Path: displayPath(o), Outcome: o.Outcome, Reason: o.Reason, Ranges: o.Ranges}
	f.Trouble = plan.Trouble{Kind: kinds[o.Kind], Path: string(o.Path), User: o.User, Code: code(o, cause)}
	if o.Kind == store.Value {
		f.Trouble.Value = string(o.Stream)
	}
	return f
}

var kinds = map[store.Kind]plan.Kind{
	store.File: plan.File, store.Folder: plan.Folder, store.Link: plan.Link, store.Stream: plan.Stream, store.Key: plan.Key, store.Value: plan.Value,
}

// code is the number of the error that a Windows would report for a failure:
// that of the host when it is one, else the one that says the same as the
// outcome.
func code(o *store.Object, cause error) uint32 {
	registry := o.Kind == store.Key || o.Kind == store.Value
	if errno, ok := errors.AsType[syscall.Errno](cause); ok && runtime.GOOS == "windows" && 0 < errno && errno < 1<<29 {
		return uint32(errno) // above are Go's own
	}
	switch {
	case errors.Is(cause, fs.ErrPermission):
		return errorAccessDenied
	case o.Outcome == store.VolumeMissing:
		return errorInvalidDrive
	case o.Outcome == store.Unsupported:
		return errorNotSupported
	case o.Outcome == store.Changed:
		return errorSharingViolation // a program had it open
	case registry:
		return errorRegistryCorrupt
	case len(o.Ranges) > 0:
		return errorCRC
	}
	return errorFileCorrupt
}
