// Package capture reads every object of a plan once, in the order in which
// the contents lie on the medium, and puts it into a store with its outcome.
// It chooses nothing: what is in scope, and why, is the plan's.
//
// Three goroutines work on batches of some megabytes: one reads, one hashes
// (on all cores) and one hands the contents to the store, whose own workers
// compress. So the medium is never idle while something is compressed.
package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// Options of Run. The zero value is a good run.
type Options struct {
	// Window is the size of one batch of contents in memory, in bytes; three
	// are in flight. 0 means 8 MiB.
	Window int
	// SkipEncrypted leaves the files that EFS encrypted out, which makes the
	// run incomplete. They are kept as ciphertext otherwise.
	SkipEncrypted bool
	// Progress is called from one goroutine after every batch.
	Progress func(Progress)
	// Failed is called, from one goroutine, for every object that makes the
	// run incomplete, once it has its outcome in the store. An error of it
	// ends the run, and is the error of Run.
	Failed func(Failure) error
}

// Progress is how far a run is.
type Progress struct {
	Objects, AllObjects int64
	Bytes, AllBytes     int64
	Doing               string // path of the object at hand
}

// Failure is an object that was in scope and is not, or not wholly, captured.
type Failure struct {
	Path    string // with stream, value and user, for people
	Outcome store.Outcome
	Reason  string
	Ranges  []store.Range
	// Trouble is the same for a plan.ErrorControl.
	Trouble plan.Trouble
}

// Count is the number of objects with one outcome, and their bytes.
type Count struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

// Result is what became of the plan. The counts add up to the plan.
type Result struct {
	Counts map[store.Outcome]Count
	// Failures are the first of the objects that make the run incomplete.
	Failures []Failure
	// AllFailures is their number.
	AllFailures int64
	// Keys counts the encrypted files that are kept by who can decrypt them.
	Keys map[store.EFSKey]int64
	// Undescribed counts the files and folders whose owner and permissions
	// cannot be read. Their content is captured, and their outcome tells of it
	// alone; the catalog has the reason with each.
	Undescribed int64
	// Unrepresentable counts registry values that .reg text cannot hold;
	// they stand in the catalog.
	Unrepresentable int64
}

// Total is the number of objects that got an outcome.
func (r *Result) Total() (n int64) {
	for _, c := range r.Counts {
		n += c.Objects
	}
	return n
}

// Incomplete says whether something in scope was not, or not wholly,
// captured. Files whose content is only in the cloud do not count: they are
// listed.
func (r *Result) Incomplete() bool { return r.AllFailures > 0 }

// Fails says whether an outcome makes the run incomplete.
func Fails(o store.Outcome) bool {
	switch o {
	case store.Damaged, store.Unreadable, store.Unsupported, store.EncryptedSkipped, store.Changed, store.VolumeMissing:
		return true
	}
	return false
}

const (
	// maxFailures bounds the list in memory; all of them are in the catalog.
	maxFailures = 1000
	// smallFile is the size up to which a content is put together in memory
	// beside its neighbours on the medium. Larger ones are read alone.
	smallFile = 4 << 20
)

// Run captures p into w. It neither seals nor suspends w: the caller does,
// knowing how the run ended. An error means that the run could not go on;
// trouble with single objects is in the Result.
func Run(ctx context.Context, p *plan.Plan, w *store.Writer, opt Options) (*Result, error) {
	if opt.Window == 0 {
		opt.Window = 8 << 20
	}
	opt.Window = max(opt.Window, smallFile)
	r := &run{
		Plan: p, w: w, opt: opt,
		res:      &Result{Counts: map[store.Outcome]Count{}},
		security: map[securityKey]int{},
		causes:   map[*store.Object]error{},
		same:     sameSizes(p),
	}
	r.progress.AllObjects = int64(p.Count())
	for i := range p.Items {
		r.progress.AllBytes += p.Size(&p.Items[i])
	}
	for i := range p.Keys {
		if p.Keys[i].IsValue {
			r.progress.AllBytes += int64(p.Keys[i].Value.Size())
		}
	}
	r.refusing = true
	for i := range p.Refused {
		if err := r.refused(&p.Refused[i]); err != nil {
			return r.res, err
		}
	}
	r.refusing = false
	if err := r.registry(ctx); err != nil {
		return r.res, err
	}
	if err := r.files(ctx); err != nil {
		return r.res, err
	}
	if n := r.res.Total(); n != r.progress.AllObjects {
		return r.res, fmt.Errorf("the plan holds %d objects and %d got an outcome: this is a mistake of the program, do not rely on the store", r.progress.AllObjects, n)
	}
	return r.res, nil
}

// Estimate is the number of content bytes that a store of p holds before
// compression, at the most: holes, contents that are only in the cloud and
// further names of a file take no room.
func Estimate(p *plan.Plan) (n int64) {
	links := map[linkKey]bool{}
	for i := range p.Items {
		it := &p.Items[i]
		fs := p.Volumes[it.Volume].FS
		if it.Kind != plan.File {
			n += p.Size(it)
			continue
		}
		info, err := fs.Info(it.Entry)
		if err != nil || info.Lost != nil || info.NotLocal() {
			continue
		}
		if key := (linkKey{it.Volume, info.File}); info.Links > 1 {
			if links[key] {
				continue
			}
			links[key] = true
		}
		n += info.Size
		if info.Mode&winfs.Sparse == 0 {
			continue
		}
		if s, err := fs.Open(it.Entry, ""); err == nil {
			for _, h := range s.Holes() {
				n -= h.Len
			}
			closeStream(s)
		}
	}
	for i := range p.Keys {
		if p.Keys[i].IsValue {
			n += int64(p.Keys[i].Value.Size())
		}
	}
	return n
}

// SameSize says whether contents of that size occur more than once in the
// plan, for store.Options.
func SameSize(p *plan.Plan) func(int64) bool {
	same := sameSizes(p)
	return func(n int64) bool { return same[n] }
}

// sameSizes finds the sizes that occur more than once: only contents of those
// can be duplicates.
func sameSizes(p *plan.Plan) map[int64]bool {
	var sizes []int64
	for i := range p.Items {
		if n := p.Size(&p.Items[i]); n >= store.MinDuplicate {
			sizes = append(sizes, n)
		}
	}
	slices.Sort(sizes)
	same := map[int64]bool{}
	for i := 1; i < len(sizes); i++ {
		if sizes[i] == sizes[i-1] {
			same[sizes[i]] = true
		}
	}
	return same
}

type run struct {
	*plan.Plan
	w        *store.Writer
	opt      Options
	res      *Result
	progress Progress
	security map[securityKey]int
	// undescribed is the error of a disk that was taken away before all descriptors
	// of what was read from it were.
	undescribed error
	same        map[int64]bool
	// cause is why the object at hand failed, nil when its outcome says all.
	cause error
	// partial are the bytes of the large content at hand that progress has
	// counted already.
	partial int64
	// refusing says that the object at hand has its outcome from the plan.
	refusing bool
	// causes are those of files that may have further names.
	causes map[*store.Object]error
}

type securityKey struct {
	volume  uint8
	id      uint64
	without migxml.Attributes // parts of Security that are left out
}

// put hands a finished object to the store and counts its outcome.
func (r *run) put(o *store.Object, content []byte) error {
	if !o.Outcome.Stored() {
		content, o.Raw, o.EFS = nil, false, nil
	}
	err := r.w.Put(o, content)
	if err != nil {
		return r.refusedByStore(o, err)
	}
	return r.count(o)
}

// refusedByStore gives an object that the store cannot hold the outcome
// unsupported: one odd name does not end a run. Other errors are the run's.
func (r *run) refusedByStore(o *store.Object, err error) error {
	var oe *store.ObjectError
	if !errors.As(err, &oe) || o.Kind == store.Part {
		return err
	}
	vol, _ := winpath.Volume(string(o.Path))
	stand := &store.Object{
		// The file reference makes the name unique; the reason tells the real one.
		Path: wstr.Text(fmt.Sprintf(`%s\(object %d-%x-%d)`, vol, o.File.Volume, o.File.File, r.progress.Objects)),
		Kind: o.Kind, User: o.User, File: o.File, Outcome: store.Unsupported,
		Reason: fmt.Sprintf("%q (stream %q) cannot be stored: %v", string(o.Path), string(o.Stream), err),
	}
	if o.Kind == store.Stream {
		stand.Stream = "stream"
	}
	if vol == "" {
		stand.Path = wstr.Text(fmt.Sprintf(`HKLM\(object %d)`, r.progress.Objects))
	}
	if err := r.w.Put(stand, nil); err != nil {
		return err
	}
	return r.count(stand)
}

// count records the outcome of an object of the plan. The error is that of
// Options.Failed.
func (r *run) count(o *store.Object) error {
	if o.Kind == store.Part {
		return nil
	}
	if o.EFS != nil && o.Kind == store.File && o.Outcome.Stored() {
		for _, k := range o.EFS.Users {
			if r.res.Keys == nil {
				r.res.Keys = map[store.EFSKey]int64{}
			}
			if _, ok := r.res.Keys[k]; ok || len(r.res.Keys) < maxFailures {
				r.res.Keys[k]++
			}
		}
	}
	c := r.res.Counts[o.Outcome]
	c.Objects++
	c.Bytes += o.Size
	r.res.Counts[o.Outcome] = c
	r.progress.Objects++
	r.progress.Bytes += o.Size - r.partial
	r.partial = 0
	if !Fails(o.Outcome) {
		return nil
	}
	f := failure(o, r.cause)
	f.Trouble.Tree = r.refusing && isTree(o)
	r.res.AllFailures++
	if len(r.res.Failures) < maxFailures {
		r.res.Failures = append(r.res.Failures, f)
	}
	if r.opt.Failed != nil {
		return r.opt.Failed(f)
	}
	return nil
}

func displayPath(o *store.Object) string {
	s := string(o.Path)
	switch o.Kind {
	case store.Stream:
		s += ":" + string(o.Stream)
	case store.Value:
		s += " [" + string(o.Stream) + "]"
	}
	if o.User != "" {
		s += " of " + o.User
	}
	return s
}

func (r *run) tell(doing string) {
	if r.opt.Progress != nil {
		r.progress.Doing = doing
		r.opt.Progress(r.progress)
	}
}

func (r *run) refused(f *plan.Refused) error { return r.put(refusedObject(f), nil) }

func refusedObject(f *plan.Refused) *store.Object {
	return &store.Object{
		Path: wstr.Text(f.Path), Names: texts(f.Names), Stream: wstr.Text(f.Stream), Kind: store.Kind(f.Kind.String()), User: f.User,
		Outcome: store.Outcome(f.Outcome), Reason: f.Reason,
	}
}

// files captures the items of all volumes: folders first, so that whoever
// unpacks the tar has them, then everything else by its place on the medium.
func (r *run) files(ctx context.Context) error {
	order, err := r.order()
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	read, hashed := make(chan *batch, 1), make(chan *batch, 1)
	// Three buffers go round: being read, being hashed, being stored.
	free := make(chan []byte, 3)
	for range cap(free) {
		free <- nil
	}
	var gone error
	g.Go(func() error {
		defer close(read)
		rd := &reader{run: r, ctx: ctx, order: order, out: read, free: free}
		err := rd.all()
		if gone = rd.gone; gone != nil {
			return nil // what was read before is stored
		}
		return err
	})
	g.Go(func() error {
		defer close(hashed)
		return hashAll(ctx, read, hashed)
	})
	g.Go(func() error { return r.storeAll(ctx, hashed, free) })
	return cmp.Or(g.Wait(), gone, r.undescribed)
}

// order sorts the items: folders in the order of the walk, then by volume and
// place. Entries of one file have one place and stay in the order of the walk.
func (r *run) order() ([]int32, error) {
	if len(r.Items) > 1<<31-1 {
		return nil, errors.New("more than 2,147,483,647 objects: capture fewer volumes at a time")
	}
	order := make([]int32, len(r.Items))
	start := make([]int64, len(r.Items))
	for i := range r.Items {
		order[i] = int32(i)
		it := &r.Items[i]
		fs := r.Volumes[it.Volume].FS
		switch it.Kind {
		case plan.Folder:
			start[i] = -2
		case plan.Stream:
			start[i] = -1
			if ss, err := fs.Streams(it.Entry); err == nil && int(it.Stream) < len(ss) {
				start[i] = ss[it.Stream].Start
			}
		default:
			start[i] = -1
			if info, err := fs.Info(it.Entry); err == nil {
				start[i] = info.Start
			}
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		va, vb := r.Items[a].Volume, r.Items[b].Volume
		if va != vb {
			return cmp.Compare(va, vb)
		}
		if start[a] != start[b] {
			return cmp.Compare(start[a], start[b])
		}
		return cmp.Compare(a, b)
	})
	return order, nil
}

// object describes an item for the catalog; its outcome is set later.
func (r *run) object(it *plan.Item) (*store.Object, winfs.Info, error) {
	v := &r.Volumes[it.Volume]
	o := &store.Object{
		Path: wstr.Text(r.Path(it)),
		Kind: store.Kind(it.Kind.String()),
		Rule: int(it.Rule) + 1,
	}
	o.Names = ambiguous(v, it.Entry)
	info, err := v.FS.Info(it.Entry)
	if err != nil {
		return o, info, err
	}
	o.File = store.FileRef{Volume: v.Volume.Number, File: uint64(info.File)}
	if it.Kind == plan.Stream {
		return o, info, nil
	}
	o.Attr = info.Attr
	o.Created, o.Modified, o.Changed, o.Accessed = info.Created, info.Modified, info.Changed, info.Accessed
	leaveOut(o, it.Without)
	return o, info, nil
}

// leaveOut takes out of o the times that the rules leave out, and names what
// they leave out. The descriptor is left to describe.
func leaveOut(o *store.Object, without migxml.Attributes) {
	o.Without = without.String()
	if without&migxml.CreationTime != 0 {
		o.Created = 0
	}
	if without&migxml.LastAccessTime != 0 {
		o.Accessed = 0
	}
	if without&migxml.LastWrittenTime != 0 {
		o.Modified = 0
	}
	if without&migxml.TimeFields == migxml.TimeFields {
		o.Changed = 0
	}
}

// ambiguous gives the names of an entry's path when one of them holds a
// backslash, so that the path alone could mean another.
func ambiguous(v *plan.Volume, e winfs.Entry) []wstr.Text {
	fs, bad := v.FS, false
	var names []string
	for at := e; at != fs.Root() && len(names) < 1024; at = fs.Parent(at) {
		name := fs.Name(at)
		bad = bad || strings.Contains(name, `\`)
		names = append(names, name)
	}
	if !bad {
		return nil
	}
	slices.Reverse(names)
	if v.Base != "" {
		names = names[min(len(names), 1+strings.Count(v.Base, `\`)):]
	}
	return texts(append(v.Names(), names...))
}

func texts(names []string) []wstr.Text {
	if names == nil {
		return nil
	}
	out := make([]wstr.Text, len(names))
	for i, n := range names {
		out[i] = wstr.Text(n)
	}
	return out
}
