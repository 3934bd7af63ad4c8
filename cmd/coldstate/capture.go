package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/volumes"
)

type captureCmd struct {
	sourceFlags
	userFlags
	ruleFlags
	To           string   `help:"The folder of the store; it must be new or empty." placeholder:"STORE"`
	EFS          string   `help:"Files that are encrypted with EFS: raw keeps them as ciphertext with who can decrypt them, skip leaves them out (status 3), abort captures nothing when there are any." name:"efs" enum:"abort,skip,raw" default:"raw"`
	OnError      string   `help:"After something that cannot be captured whole: continue lists it and ends with status 3, stop ends there with status 1. A Config.xml can say so of some." enum:"continue,stop" default:"continue"`
	DryRun       bool     `help:"Say what would be taken, and write nothing."`
	Strict       bool     `help:"Files whose content is only in the cloud make the status 3."`
	NoSpaceCheck bool     `help:"Begin even if the destination seems too small."`
	Memory       string   `help:"Upper bound of the memory, for example 256M." placeholder:"SIZE"`
	SegmentSize  string   `help:"Largest size of a segment of the store." default:"2G" placeholder:"SIZE"`
	Progress     string   `help:"auto, plain, json or none." enum:"auto,plain,json,none" default:"auto"`
	JSON         bool     `help:"Print the plan (--dry-run) or the result as JSON." name:"json"`
	Source       []string `arg:"" optional:"" help:"Disk images, devices or folders: the disks of one machine."`

	elsewhere int // users whose files are not in the older Windows that is captured
	nonFatal  int // failures that the Config.xml calls nonFatal
}

func (captureCmd) Help() string {
	return `Status: 0 complete, 1 failed, 2 usage, 3 finished but something in scope was
not captured (listed), 4 a decision or a key is needed, 130 interrupted.

Example:
  coldstate capture /dev/sda --to /media/stick/anna-pc
  coldstate capture disk.img --to store --rules builtin --rules our.xml --exclude 'C:\* [*.iso]'
  coldstate capture disk.img --to store --config Config.xml --on-error stop
  coldstate capture \\.\PhysicalDrive0 --dry-run`
}

func (c *captureCmd) Run(a *app) error {
	start := time.Now()
	err := c.run(a, start)
	if err != nil && a.ending == "" {
		if errors.Is(err, context.Canceled) {
			a.result("interrupted: nothing was written")
		} else {
			a.result("failed: nothing was written")
		}
	}
	return err
}

func (c *captureCmd) run(a *app, start time.Time) error {
	if c.To == "" && !c.DryRun {
		return fail(statusUsage, errors.New("where to? --to STORE names the folder of the store"), "--dry-run says what would be taken, without a store")
	}
	segment, err := parseSize(c.SegmentSize)
	if err != nil || segment < 64<<10 {
		return usagef("--segment-size %s: a size from 64K to 2G is wanted", c.SegmentSize)
	}
	window, room, err := c.limitMemory()
	if err != nil {
		return err
	}
	if !c.DryRun {
		dirs := c.Source
		if c.Offline != "" {
			dirs = offlinePlaces(c.Offline)
		}
		if err := checkTarget(c.To, dirs); err != nil {
			return err
		}
	}
	chosen, err := c.ruleFlags.load(a)
	if err != nil {
		return err
	}
	warnings, err := checkConfig(chosen.config)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		a.message("warning", w.String())
	}
	src, err := a.openUsers(c.Source, c.sourceFlags, &c.userFlags, func(w *inhabited) {
		w.tellHealth(a)
		tellSystem(a, w.sys, w.users, w.problems)
		c.elsewhere = w.tellOlds(a, w.users)
	})
	if err != nil {
		return err
	}
	defer src.Close()
	sys, users := src.sys, src.users
	pr := a.newProgress(c.Progress)
	p, err := plan.Build(a.ctx, sys, src.set, users, chosen.docs, plan.Options{
		Selected:    c.selected,
		Rules:       chosen.options,
		Accounts:    a.accounts(sys),
		Config:      chosen.config,
		StoreFolder: c.To,
		Progress:    func(n int64) { pr.update(progressLine{Doing: "looking", Objects: n}) },
	})
	pr.done()
	if err != nil {
		return buildError(err)
	}
	src.tellUnreached(a, p)
	a.tellRules(p)
	for _, w := range p.Membership.Warnings {
		a.message("warning", w)
	}
	for _, path := range p.LinksOnly {
		if len(path) <= len(`E:\`) {
			a.message("warning", fmt.Sprintf("%s is a drive of this Windows that is not among the sources; rules that are about all drives do not reach it: give its disk as well, or name its volume with --map %c=NUMBER", path[:2], path[0]))
			continue
		}
		a.message("warning", fmt.Sprintf("%s: the volume that is mounted in this folder is not among the sources; the folder is taken as the link that it is, without what is behind it", path))
	}
	a.tellLosses(p.Losses())
	if c.EFS == "abort" {
		if n, first := capture.Encrypted(p); n > 0 {
			return fail(statusDecision, fmt.Errorf("%d files are encrypted with EFS, the first %s", n, first), "--efs raw keeps them as ciphertext, which the keys of their users open on the new Windows; --efs skip leaves them out")
		}
	}
	judge, err := c.judge(a, p)
	if err != nil {
		return err
	}
	before := &capture.Result{}
	for i := range p.Refused {
		if f, fails := capture.RefusedFailure(&p.Refused[i]); fails {
			before.Failures = append(before.Failures, f)
			before.AllFailures++
			if err := judge(f); err != nil {
				c.tellEnd(a, p, before, err, start)
				a.result("failed: " + err.Error() + "; nothing was written")
				return fail(statusFailed, err, stopHint)
			}
		}
	}
	c.nonFatal = 0 // they are judged again as they get their outcome
	if p.Count() == 0 {
		a.message("warning", "the rules choose nothing on this source")
	}
	if c.DryRun {
		return c.dryRun(a, p)
	}
	return c.store(a, p, pr, judge, store.Options{SegmentSize: segment, Memory: room}, window, start)
}

// tellSystem tells the problems of the system and of its users, and in one line
// each which registry files were brought up to date by their logs, and which
// are not what was asked for.
func tellSystem(a *app, sys *offline.System, users []*profile.User, problems []profile.Problem) {
	lost := map[string]bool{}
	states := sys.HiveStates()
	for _, st := range states {
		if p, ok := st.Tell(); ok && st.Lost() {
			lost[p.String()] = true
		}
	}
	told := map[string]bool{}
	tell := func(prefix, text, whole string) {
		kind := "note"
		if lost[whole] {
			kind = "warning"
		}
		told[whole] = true
		a.message(kind, prefix+text)
	}
	for _, p := range sys.Problems {
		tell("", p.String(), p.String())
	}
	for _, p := range problems {
		tell("", p.String(), p.String())
	}
	for _, u := range users {
		for _, p := range u.Problems {
			tell(plan.Label(u)+": ", plan.UserProblem(u, p), p.String())
		}
	}
	for _, st := range states {
		if p, ok := st.Tell(); ok && !told[p.String()] && st.From != "" {
			tell("", p.String(), p.String())
		}
	}
}

// Room of the parts of a capture, when --memory does not say less. The rest is
// the index of the volume: some 110 bytes a file.
const (
	defaultMemory = 224 << 20
	windowRoom    = 8 << 20  // three of them
	storeRoom     = 40 << 20 // frames and encoders
)

// limitMemory bounds the heap, and gives the window and the store's share. The
// runtime's limit is soft.
func (c *captureCmd) limitMemory() (window int, room int64, err error) {
	limit := int64(defaultMemory)
	if c.Memory != "" {
		n, err := parseSize(c.Memory)
		if err != nil || n < 64<<20 {
			return 0, 0, usagef("--memory %s: a size of at least 64M is wanted", c.Memory)
		}
		limit = n - n/8
	}
	debug.SetMemoryLimit(limit)
	// The buffers are few and large and live as long as the run: a heap that
	// may double before it is swept would be mostly waste.
	debug.SetGCPercent(25)
	return int(min(windowRoom, limit/16)), min(storeRoom, limit/4), nil
}

// checkTarget refuses a destination before the work of looking is done.
func checkTarget(to string, sources []string) error {
	for _, src := range sources {
		if fi, err := os.Stat(src); err == nil && fi.IsDir() && plan.HostBelow(src, to) {
			return fail(statusUsage, fmt.Errorf("--to %s: it lies in the source %s, which is never written to", to, src), "name a folder on another disk")
		}
	}
	es, err := os.ReadDir(to)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fail(statusUsage, fmt.Errorf("--to: %w", err), "name a folder that does not exist yet, or an empty one")
	case len(es) == 0:
		return nil
	}
	what := "is not empty"
	if isStore(to) {
		what = "holds a store already"
	}
	return fail(statusUsage, fmt.Errorf("--to %s: the folder %s; a store is never written over or into other files", to, what), "name a new folder")
}

// buildError gives an error of a plan its status.
func buildError(err error) error {
	var unsupported *migxml.UnsupportedError
	if errors.As(err, &unsupported) || errors.Is(err, context.Canceled) {
		return err
	}
	return fail(statusUsage, err, "")
}

// dryRun says what a capture would take.
func (c *captureCmd) dryRun(a *app, p *plan.Plan) error {
	totals := p.Totals()
	var bytes int64
	for _, t := range totals {
		bytes += t.Bytes
	}
	if c.JSON {
		if err := planJSON(a.stdout, p, totals); err != nil {
			return err
		}
	} else {
		w := bufio.NewWriter(a.stdout)
		fmt.Fprintf(w, "%-22s %-10s %8s %10s  %s\n", "OWNER", "KIND", "OBJECTS", "SIZE", "WHAT")
		for _, k := range byKind(totals) {
			owner := k.Owner
			if owner == "" {
				owner = "(machine)"
			}
			fmt.Fprintf(w, "%-22s %-10s %8d %10s  %s\n", printable(owner), cmp.Or(k.Kind, "-"), k.Objects, size(k.Bytes), printable(strings.Join(k.what, ", ")))
		}
		for _, r := range p.Refused {
			fmt.Fprintf(w, "%s: %s: %s\n", printable(r.Path), r.Outcome, printable(r.Reason))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	free := ""
	if c.To != "" {
		if n, err := freeAt(c.To); err == nil {
			free = fmt.Sprintf("; %s are free at %s", size(n), c.To)
		}
	}
	most := capture.Estimate(p)
	a.result(fmt.Sprintf("dry run: %d objects, %s; a store of up to %s, about %s of reading; nothing was written%s",
		p.Count(), size(bytes), size(most+catalogRoom(p)), readingTime(most), free))
	return nil
}

// kindTotal is what one owner has of one kind of data.
type kindTotal struct {
	plan.Total          // without Component
	what       []string // the components, the largest first
}

// byKind adds the totals of components up by owner and kind: the owners with
// the most first, and of each the kinds.
func byKind(totals []plan.Total) []*kindTotal {
	var out []*kindTotal
	owners := map[string]int64{}
	for _, t := range totals {
		owners[t.Owner] += t.Bytes
		i := slices.IndexFunc(out, func(k *kindTotal) bool { return k.Owner == t.Owner && k.Kind == t.Kind })
		if i < 0 {
			i = len(out)
			out = append(out, &kindTotal{Total: plan.Total{Owner: t.Owner, Kind: t.Kind}})
		}
		k := out[i]
		k.Objects += t.Objects
		k.Bytes += t.Bytes
		if !slices.Contains(k.what, t.Component) { // of two profiles of one account
			k.what = append(k.what, t.Component)
		}
	}
	slices.SortStableFunc(out, func(a, b *kindTotal) int {
		return cmp.Or(cmp.Compare(owners[b.Owner], owners[a.Owner]), cmp.Compare(a.Owner, b.Owner), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// readingTime estimates how long reading takes from an ordinary disk.
func readingTime(n int64) string {
	// 100 MB/s is a hard disk with some seeking, 400 MB/s a SATA flash disk.
	slow, fast := time.Duration(n/100e6+1)*time.Second, time.Duration(n/400e6+1)*time.Second
	return fmt.Sprintf("%s (flash) to %s (hard disk)", fast, slow)
}

// planJSON streams the plan: a plan may have millions of objects.
func planJSON(out io.Writer, p *plan.Plan, totals []plan.Total) error {
	w := bufio.NewWriterSize(out, 256<<10)
	head, err := json.Marshal(p.Document())
	if err != nil {
		return err
	}
	w.Write(head[:len(head)-1])
	w.WriteString(`,"objects":[`)
	first := true
	for o := range p.Objects {
		b, err := json.Marshal(o)
		if err != nil {
			return err
		}
		if !first {
			w.WriteByte(',')
		}
		first = false
		w.WriteByte('\n')
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	w.WriteString("\n]}\n")
	return w.Flush()
}

// checkSpace compares the free room of the destination with the estimate.
func (c *captureCmd) checkSpace(a *app, p *plan.Plan) error {
	free, err := freeAt(c.To)
	if err != nil {
		return nil // the first write will tell
	}
	most := capture.Estimate(p) + catalogRoom(p)
	switch {
	case free >= most:
	case c.NoSpaceCheck || free >= most/4:
		// Documents and programs shrink to a half or a third; only text and
		// empty databases to less than a quarter.
		a.message("note", fmt.Sprintf("%s are free at %s for %s before compression: it may not fit", size(free), c.To, size(most)))
	default:
		return fail(statusFailed, fmt.Errorf("--to %s: %s are free there, for %s before compression: it is not likely to fit", c.To, size(free), size(most)),
			"choose another destination, leave something out with --exclude, or try all the same with --no-space-check")
	}
	return nil
}

// catalogRoom estimates the room of the catalog: a line of it has some 40
// bytes when it is compressed.
func catalogRoom(p *plan.Plan) int64 { return int64(p.Count()) * 64 }

// freeAt is the free room where a folder is, or will be.
func freeAt(dir string) (int64, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0, err
	}
	for {
		if fi, err := os.Stat(dir); err == nil && fi.IsDir() {
			return freeSpace(dir)
		}
		up := filepath.Dir(dir)
		if up == dir {
			return 0, fmt.Errorf("no folder on the way to %s exists", dir)
		}
		dir = up
	}
}

// store runs the capture and tells its end.
func (c *captureCmd) store(a *app, p *plan.Plan, pr *progress, judge func(capture.Failure) error, opt store.Options, window int, start time.Time) error {
	if err := c.checkSpace(a, p); err != nil {
		return err
	}
	sys := p.System
	opt.SameSize = capture.SameSize(p)
	opt.Source = store.SourceInfo{
		Machine: sys.ComputerName, System: sys.Product, Version: fmt.Sprintf("%s.%d", sys.Version, sys.Build),
		Architecture: sys.Arch, Program: "coldstate " + version,
	}
	w, err := store.Create(store.OS(c.To), opt)
	if err != nil {
		return fail(statusUsage, fmt.Errorf("--to: %w", err), "name a new folder on a disk that can be written to")
	}
	doc, err := json.MarshalIndent(p.Document(), "", " ")
	if err == nil {
		err = w.PutFile("plan.json", append(doc, '\n'))
	}
	if err == nil {
		err = w.PutFile("Config.xml", p.Membership.ConfigXML())
	}
	if err == nil {
		err = w.PutFile("groups.cmd", p.Membership.Cmd())
	}
	for _, f := range p.RuleFiles() {
		if err == nil {
			err = w.PutFile(f.Name, f.Data)
		}
	}
	var res *capture.Result
	if err == nil {
		res, err = capture.Run(a.ctx, p, w, capture.Options{
			Window:        window,
			SkipEncrypted: c.EFS == "skip",
			Failed:        judge,
			Progress: func(cp capture.Progress) {
				pr.update(progressLine{Doing: "capturing", Path: cp.Doing, Objects: cp.Objects, AllFiles: cp.AllObjects, Bytes: cp.Bytes, AllBytes: cp.AllBytes})
			},
		})
	}
	if err == nil {
		err = w.Seal()
	}
	pr.done()
	if err != nil {
		return c.ended(a, w, p, res, err, start)
	}
	return c.report(a, p, res, start)
}

// ended tells what a capture that did not come to its end has left.
func (c *captureCmd) ended(a *app, w *store.Writer, p *plan.Plan, res *capture.Result, err error, start time.Time) error {
	serr := w.Suspend()
	c.tellEnd(a, p, res, err, start)
	left := "what was captured so far can be read with ls and extract"
	switch {
	case serr != nil:
		left = "what was durable by then can be read with ls and extract"
	case res != nil:
		left = fmt.Sprintf("%d of %d objects are in it and can be read with ls and extract", res.Total(), p.Count())
	}
	if errors.Is(err, context.Canceled) || a.ctx.Err() != nil {
		a.result(fmt.Sprintf("interrupted: %s is not sealed; %s", c.To, left))
		return fail(statusInterrupted, errors.New(""), "")
	}
	hint := "the source was not changed; capture it again into a new folder"
	if errors.Is(err, volumes.ErrGone) {
		hint = "connect the disk again, by another cable or port if there is one, and capture it again into a new folder; a disk that does so again is copied with ddrescue first"
	}
	ending := "failed: "
	var stop *stopError
	if errors.As(err, &stop) {
		hint = stopHint
		ending += "stopped at an error; "
	}
	if isFull(err) {
		hint = "the destination is full: free room there or choose another one, and capture again into a new folder"
	}
	a.result(fmt.Sprintf("%s%s is not sealed; %s", ending, c.To, left))
	return fail(statusFailed, err, hint)
}

// tellEnd tells what was not captured until a capture ended for err, res nil
// when it had not begun. The object at which it stopped is named by err.
func (c *captureCmd) tellEnd(a *app, p *plan.Plan, res *capture.Result, err error, start time.Time) {
	if res == nil {
		res = &capture.Result{}
	}
	told := *res
	var stop *stopError
	if errors.As(err, &stop) && told.AllFailures > 0 {
		told.AllFailures--
		told.Failures = told.Failures[:min(int64(len(told.Failures)), told.AllFailures)]
	}
	tellFailures(a, &told)
	if !c.JSON || c.DryRun {
		return
	}
	doc := c.document(p, res, time.Since(start))
	doc["complete"] = false
	doc["ended"] = err.Error()
	if stop != nil {
		m := failureJSON(&stop.f)
		m["windows_error"] = stop.f.Trouble.Code
		m["by"] = stop.by()
		doc["stop"] = m
	}
	json.NewEncoder(a.stdout).Encode(doc) // err is what matters
}

// document is the result of a capture in JSON.
func (c *captureCmd) document(p *plan.Plan, res *capture.Result, took time.Duration) map[string]any {
	counts := res.Counts
	if counts == nil {
		counts = map[store.Outcome]capture.Count{}
	}
	list := []map[string]any{} // the catalog has those beyond the first thousand
	for i := range res.Failures {
		list = append(list, failureJSON(&res.Failures[i]))
	}
	return map[string]any{
		"store": c.To, "complete": !c.incomplete(res), "objects": res.Total(), "planned": p.Count(), "outcomes": counts,
		"not_captured": list, "not_captured_count": res.AllFailures, "non_fatal": c.nonFatal, "without_permissions": res.Undescribed,
		"seconds": took.Round(100 * time.Millisecond).Seconds(), "store_bytes": folderSize(c.To),
	}
}

func (c *captureCmd) incomplete(res *capture.Result) bool {
	return res.Incomplete() || c.Strict && res.Counts[store.Placeholder].Objects > 0
}

// tellFailures names the objects that are not, or not wholly, captured.
func tellFailures(a *app, res *capture.Result) {
	for _, f := range res.Failures {
		text := fmt.Sprintf("%s: %s: %s", f.Path, f.Outcome, f.Reason)
		if len(f.Ranges) > 0 {
			text += fmt.Sprintf(" (%d ranges, first at %d)", len(f.Ranges), f.Ranges[0].Off)
		}
		a.message("not captured", text)
	}
	if more := res.AllFailures - int64(len(res.Failures)); more > 0 {
		a.message("not captured", fmt.Sprintf("and %d more; ls --json shows every outcome", more))
	}
}

// report prints what became of every object.
func (c *captureCmd) report(a *app, p *plan.Plan, res *capture.Result, start time.Time) error {
	took := time.Since(start).Round(100 * time.Millisecond)
	tellFailures(a, res)
	if n := res.Undescribed; n > 0 {
		a.message("warning", fmt.Sprintf("the owner and permissions of %d files or folders cannot be read; restored, they get those of the folder they are put into (in the store they are named with that reason)", n))
	}
	tellKeys(a, res)
	var stored, bytes int64
	var also []string
	for _, o := range []store.Outcome{store.Captured, store.Linked, store.Duplicate, store.EncryptedRaw} {
		stored += res.Counts[o].Objects
		bytes += res.Counts[o].Bytes
	}
	for _, c := range []struct {
		outcome store.Outcome
		what    string
	}{
		{store.Duplicate, "of them duplicates"}, {store.Linked, "of them further names of a file"}, {store.EncryptedRaw, "of them encrypted with EFS"},
		{store.Placeholder, "only in the cloud, listed"}, {store.Excluded, "excluded by policy"},
	} {
		if n := res.Counts[c.outcome].Objects; n > 0 {
			also = append(also, fmt.Sprintf("%d %s", n, c.what))
		}
	}
	if c.nonFatal > 0 {
		also = append(also, fmt.Sprintf("%d by errors that %s calls nonFatal", c.nonFatal, c.Config))
	}
	if c.JSON {
		if err := json.NewEncoder(a.stdout).Encode(c.document(p, res, took)); err != nil {
			state := "whole"
			if c.incomplete(res) {
				state = "incomplete, and what is missing is listed in it"
			}
			a.result(fmt.Sprintf("failed: the result could not be printed; the capture itself ended, and %s is %s", c.To, state))
			return err
		}
	}
	text := fmt.Sprintf("%d of %d objects, %s, in %s (%s) after %s", stored, p.Count(), size(bytes), c.To, size(folderSize(c.To)), took)
	if len(also) > 0 {
		text += "; " + strings.Join(also, ", ")
	}
	if c.elsewhere > 0 {
		text += fmt.Sprintf("; the files of %d of the users are elsewhere (named above)", c.elsewhere)
	}
	if c.incomplete(res) {
		if res.AllFailures > 0 {
			text = fmt.Sprintf("%d NOT wholly captured (named above and in the store); %s", res.AllFailures, text)
		}
		a.result("incomplete: " + text)
		return fail(statusIncomplete, errors.New(""), "")
	}
	a.result("complete: " + text)
	return nil
}

// tellKeys says who can decrypt the encrypted files of the store: without
// their certificates nobody ever will.
func tellKeys(a *app, res *capture.Result) {
	list := slices.SortedFunc(maps.Keys(res.Keys), func(x, y store.EFSKey) int {
		return cmp.Or(cmp.Compare(res.Keys[y], res.Keys[x]), strings.Compare(x.SID, y.SID), strings.Compare(x.Thumbprint, y.Thumbprint))
	})
	for i, k := range list {
		if i == 10 {
			a.message("note", fmt.Sprintf("and %d certificates more; ls --json shows those of each file", len(list)-i))
			break
		}
		a.message("note", fmt.Sprintf("%d encrypted files can be decrypted by %s, certificate %s", res.Keys[k], cmp.Or(string(k.Name), k.SID, "an unnamed user"), cmp.Or(k.Thumbprint, "unknown")))
	}
	if len(list) > 0 {
		a.message("hint", "the certificate and its private key must reach the new Windows, as a .pfx exported by the user; without them the files stay closed")
	}
}

func failureJSON(f *capture.Failure) map[string]any {
	m := map[string]any{"path": wstr.Text(f.Path), "outcome": f.Outcome, "reason": wstr.Text(f.Reason)}
	if len(f.Ranges) > 0 {
		m["ranges"] = f.Ranges
	}
	return m
}

func folderSize(dir string) (n int64) {
	es, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range es {
		if fi, err := e.Info(); err == nil {
			n += fi.Size()
		}
	}
	return n
}
