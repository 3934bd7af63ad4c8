package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/restore/folder"
	"github.com/coldstate/coldstate/store"
)

type extractCmd struct {
	sourceFlags
	To        string   `required:"" help:"The folder to fill: DIR/C/Users/…" placeholder:"DIR"`
	Streams   string   `help:"Write alternate streams as files below this folder." placeholder:"DIR"`
	Overwrite bool     `help:"Replace files that are there already."`
	Source    string   `arg:"" optional:"" help:"A store, or a source: disk image, device, folder."`
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
	for _, dir := range []string{c.To, c.Streams} {
		if dir != "" && isStore(dir) {
			return usagef("%s is a store; files are not put among its own: choose another folder", dir)
		}
	}
	var err error
	if c.Source, c.Path, err = c.shift(c.Source, c.Path...); err != nil {
		return err
	}
	t, err := a.openTree(c.Source, c.sourceFlags)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := c.checkPlaces(t); err != nil {
		return err
	}
	tg, err := folder.Open(c.To, folder.Options{Overwrite: c.Overwrite, Streams: c.Streams})
	if err != nil {
		return fail(statusUsage, fmt.Errorf("--to %s: %w", c.To, err), "choose a folder that can be written to")
	}
	x := newExtraction(a, tg)
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
			a.errors(err)
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
	if err == nil {
		err = tg.PlaceLinks(x.check)
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

// checkPlaces refuses destinations that would change the source.
func (c *extractCmd) checkPlaces(t tree) error {
	dirs := []string{c.Source}
	prefixes := []string{""}
	if st, ok := t.(*sourceTree); ok {
		for _, v := range st.src.set.Volumes {
			if v.HostPath != "" {
				dirs = append(dirs, v.HostPath)
			}
			// The folder of each volume in the destination, too: that could
			// be the source.
			vol, folders := winpath.Split(st.src.prefix(v))
			prefixes = append(prefixes, filepath.Join(append([]string{strings.TrimSuffix(vol, ":")}, folders...)...))
		}
	}
	for _, dir := range dirs {
		if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
			continue
		}
		for _, to := range []struct{ flag, path string }{{"--to", c.To}, {"--streams", c.Streams}} {
			for _, prefix := range prefixes {
				if place := filepath.Join(to.path, prefix); to.path != "" && inside(place, dir) {
					return fail(statusUsage, fmt.Errorf("%s %s: %s lies in %s, in which nothing is written", to.flag, to.path, place, dir), "choose a folder elsewhere")
				}
			}
		}
	}
	return nil
}

// extraction places nodes in a folder and keeps the account.
type extraction struct {
	a  *app
	tg *folder.Target
	// done are hashes of the paths whose content is placed: a disk has many.
	// When two are alike, a hard link fails and the content is read again.
	done    map[uint64]struct{}
	seed    maphash.Seed
	links   []*node // placed last: their first name may come later
	absent  int64   // objects without content in the store
	secret  int64
	raw     int64 // encrypted files
	keys    int64
	failed  int64
	damaged int64
}

func newExtraction(a *app, tg *folder.Target) *extraction {
	return &extraction{a: a, tg: tg, done: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
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
	label := printable(p)
	if n.Kind == "stream" {
		label = printable(p + ":" + string(n.Stream))
	}
	says := func() string { return printable(fmt.Sprintf("%s: %s: %s", label, n.Outcome, n.Reason)) }
	content := n.Kind == "file" || n.Kind == "stream" || n.Kind == "part"
	if n.raw != nil {
		if n.Kind == "stream" {
			// The raw form of the file has it.
			if n.exact && n.Stream != "" {
				x.a.message("note", says())
			}
			return nil
		}
		// What Windows takes back with WriteEncryptedFileRaw.
		n.Path += rawSuffix
		n.open, n.linkTo = n.raw, ""
		x.raw++
		p = string(n.Path)
	}
	switch {
	case n.unmissed:
		return nil
	case capture.Fails(n.Outcome) && !n.Outcome.Stored(), n.Outcome.Stored() && content && n.open == nil:
		x.failed++
		x.a.message("not extracted", says())
		return nil
	case n.Outcome != "" && !n.Outcome.Stored():
		x.absent++
		if n.Outcome != store.Excluded {
			x.a.message("note", says())
		}
		return nil
	case n.damaged():
		x.damaged++
		x.a.message("note", says())
	}
	if n.name != "" {
		x.tg.Renamed++
	}
	switch n.Kind {
	case "folder":
		return x.check(p, x.tg.Folder(p, n.modified))
	case "link":
		return x.check(p, x.tg.Symlink(p, string(n.Target)))
	}
	if n.linkTo != "" && n.Kind == "file" {
		x.links = append(x.links, n)
		return nil
	}
	return x.place(n)
}

// place writes the content of n.
func (x *extraction) place(n *node) error {
	p := string(n.Path)
	r, f, secret, err := n.content()
	if err == nil && !secret && n.guarded && f != nil && f.lost > 0 {
		// A hive with passwords that lacks its beginning looks like none.
		err = errors.Join(errors.New("what it is cannot be told, as "+f.says(1)+"; extract it by its exact path"), r.Close())
	}
	if secret {
		x.secret++
		return nil
	}
	if err != nil {
		return x.check(p, err)
	}
	defer r.Close()
	told := func(path string) {
		if f.damaged() {
			x.damaged++
			x.a.message("note", printable(path)+": damaged: "+f.says(4))
		}
	}
	if n.Kind == "stream" {
		path := p + ":" + string(n.Stream)
		err := x.tg.Stream(p, string(n.Stream), &ctxReader{x.a, r})
		if err == nil {
			told(path)
		}
		return x.check(path, err)
	}
	if err := x.tg.File(p, &ctxReader{x.a, r}, n.modified); err != nil {
		return x.check(p, err)
	}
	told(p)
	x.done[maphash.String(x.seed, p)] = struct{}{}
	return nil
}

// content opens n; f tells what is damaged of it, nil when it comes from a
// store. Where its path was not named, secret says that it is a hive of password
// material, whatever it is called.
func (n *node) content() (r io.ReadCloser, f *filled, secret bool, err error) {
	if n.secret {
		return nil, nil, true, nil
	}
	if r, err = n.open(); err != nil {
		return nil, nil, false, err
	}
	if f, _ = r.(*filled); !n.guarded {
		return r, f, false, nil
	}
	head := make([]byte, 4)
	k, err := io.ReadFull(r, head)
	if err == nil && string(head) == "regf" {
		var rest []byte
		rest, err = io.ReadAll(io.LimitReader(r, capture.MaxSecretHive-4))
		head = append(head, rest...)
		k, secret = len(head), err == nil && capture.SecretHive(head)
	}
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF || secret {
		return nil, nil, secret, errors.Join(err, r.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head[:k]), r), r}, f, false, nil
}

func (x *extraction) hardLinks() error {
	for _, n := range x.links {
		if err := x.a.ctx.Err(); err != nil {
			return err
		}
		if _, ok := x.done[maphash.String(x.seed, n.linkTo)]; ok && !n.secret && x.tg.HardLink(string(n.Path), n.linkTo) == nil {
			continue
		}
		// The first name was not asked for, or the host has no hard links.
		if err := x.place(n); err != nil {
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
		return fail(statusFailed, at(path, err), "the destination is full: free room there, or extract fewer paths")
	}
	x.failed++
	x.a.errors(at(path, err))
	return nil
}

// at puts the path before an error that does not name it itself.
func at(path string, err error) error {
	if strings.HasPrefix(err.Error(), path+": ") {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
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
	say(x.raw, "%d of them encrypted: NAME"+rawSuffix+" is their raw form")
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
