package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/coldstate/coldstate/restore/folder"
	"github.com/coldstate/coldstate/store"
)

type extractCmd struct {
	sourceFlags
	To        string   `required:"" help:"The folder to fill: DIR/C/Users/…" placeholder:"DIR"`
	Streams   string   `help:"Write alternate streams as files below this folder." placeholder:"DIR"`
	Overwrite bool     `help:"Replace files that are there already."`
	Source    string   `arg:"" help:"A store, or a source: disk image, device, folder."`
	Path      []string `arg:"" optional:"" help:"What to take, with everything below; without a path everything."`
}

func (extractCmd) Help() string {
	return `Files keep their content and time of modification. What a folder of this host
cannot hold (owners, permissions, Windows attributes; alternate streams unless
the host is Windows or --streams is given) is counted and said at the end.

Example:
  coldstate extract store 'C:\Users\anna\Documents' --to rescued
  coldstate extract /dev/sda --to rescued 'C:\Users\anna'`
}

func (c *extractCmd) Run(a *app) error {
	if isStore(c.To) {
		return usagef("%s is a store; files are not put among its own: choose another folder for --to", c.To)
	}
	t, err := a.openTree(c.Source, c.sourceFlags)
	if err != nil {
		return err
	}
	defer t.Close()
	tg, err := folder.Open(c.To, folder.Options{Overwrite: c.Overwrite, Streams: c.Streams})
	if err != nil {
		return fail(statusUsage, fmt.Errorf("--to %s: %w", c.To, err), "choose a folder that can be written to")
	}
	x := &extraction{a: a, tg: tg, done: map[string]bool{}}
	paths := c.Path
	if len(paths) == 0 {
		paths = []string{""}
	}
	for _, p := range paths {
		err = t.each(p, true, x.put)
		var f *failure
		if errors.As(err, &f) && f.status == statusIncomplete {
			// The catalog has lost lines; everything else is placed.
			x.failed++
			a.message("error", err.Error())
			a.message("hint", f.hint)
			err = nil
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		err = x.hardLinks()
	}
	if cerr := tg.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		a.result(fmt.Sprintf("failed: %s holds %d files of what was asked for", c.To, tg.Files))
		return err
	}
	return x.report(c.To)
}

// extraction places nodes in a folder and keeps the account.
type extraction struct {
	a  *app
	tg *folder.Target
	// done are the paths whose content is placed.
	done    map[string]bool
	links   []*node // placed last: their first name may come later
	absent  int64   // objects without content in the store
	secret  int64
	keys    int64
	failed  int64
	damaged int64
}

func (x *extraction) put(n *node) error {
	if err := x.a.ctx.Err(); err != nil {
		return err
	}
	p := string(n.Path)
	switch n.Kind {
	case "key", "value":
		x.keys++
		return nil
	}
	if n.Outcome != "" && !n.Outcome.Stored() {
		x.absent++
		if n.Outcome != store.Excluded {
			x.a.message("note", fmt.Sprintf("%s: %s: %s", p, n.Outcome, n.Reason))
		}
		return nil
	}
	if n.Outcome == store.Damaged || n.Outcome == store.Changed {
		x.damaged++
		x.a.message("note", fmt.Sprintf("%s: %s: %s", p, n.Outcome, n.Reason))
	}
	switch n.Kind {
	case "folder":
		return x.check(p, x.tg.Folder(p, n.modified))
	case "link":
		return x.check(p, x.tg.Symlink(p, string(n.Target)))
	}
	if n.secret {
		x.secret++
		return nil
	}
	if n.linkTo != "" && n.Kind == "file" {
		x.links = append(x.links, n)
		return nil
	}
	r, err := n.open()
	if err != nil {
		return x.check(p, err)
	}
	defer r.Close()
	if n.Kind == "stream" {
		return x.check(p+":"+string(n.Stream), x.tg.Stream(p, string(n.Stream), r))
	}
	if err := x.check(p, x.tg.File(p, r, n.modified)); err != nil {
		return err
	}
	x.done[p] = true
	return nil
}

func (x *extraction) hardLinks() error {
	for _, n := range x.links {
		p := string(n.Path)
		if x.done[n.linkTo] && x.tg.HardLink(p, n.linkTo) == nil {
			continue
		}
		// The first name was not asked for, or the host has no hard links.
		r, err := n.open()
		if err == nil {
			err = x.tg.File(p, r, n.modified)
			r.Close()
		}
		if err := x.check(p, err); err != nil {
			return err
		}
	}
	return nil
}

// check counts a failure of one object; it ends the run only when the target
// itself is full or gone.
func (x *extraction) check(path string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, x.a.ctx.Err()) && x.a.ctx.Err() != nil {
		return err
	}
	if isFull(err) {
		return fail(statusFailed, fmt.Errorf("%s: %w", path, err), "the destination is full: free room there, or extract fewer paths")
	}
	x.failed++
	x.a.message("error", fmt.Sprintf("%s: %v", path, err))
	return nil
}

func (x *extraction) report(to string) error {
	c := x.tg.Counts
	abs, err := filepath.Abs(to)
	if err != nil {
		abs = to
	}
	var parts []string
	say := func(n int64, format string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, n))
		}
	}
	say(c.Symlinks, "%d links")
	say(c.Streams, "%d streams")
	say(c.StreamsLeft, "%d streams left out (this host keeps none; --streams DIR writes them)")
	say(c.LinksLeft, "%d links left out (they lead elsewhere, or this host refuses them)")
	say(c.Renamed, "%d names written with %%XX escapes")
	say(x.secret, "%d files with password material left out (give their exact path)")
	say(x.keys, "%d registry objects left out (see the registry folder)")
	say(x.absent, "%d objects without content")
	say(x.damaged, "%d damaged")
	say(x.failed, "%d failed")
	text := fmt.Sprintf("%d files, %s, %d folders in %s", c.Files+c.Links, size(c.Bytes), c.Folders, abs)
	if len(parts) > 0 {
		text += "; " + strings.Join(parts, ", ")
	}
	if x.failed > 0 || x.damaged > 0 {
		x.a.result("incomplete: " + text)
		return fail(statusIncomplete, errors.New(""), "")
	}
	x.a.result("extracted " + text)
	return nil
}
