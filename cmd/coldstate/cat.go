package main

import (
	"fmt"
	"io"

	"github.com/coldstate/coldstate/internal/winpath"
)

type catCmd struct {
	sourceFlags
	Source string `arg:"" optional:"" help:"A store, or a source: disk image, device, folder."`
	Path   string `arg:"" optional:"" help:"A file in it; FILE:STREAM for an alternate stream."`
}

func (catCmd) Help() string {
	return `Example:
  coldstate cat disk.img 'C:\Users\anna\Desktop\todo.txt'
  coldstate cat store 'C:\Users\anna\Downloads\setup.exe:Zone.Identifier'`
}

func (c *catCmd) Run(a *app) error {
	var err error
	if c.Source, c.Path, err = c.shiftOne(c.Source, c.Path, "file"); err != nil {
		return err
	}
	t, err := a.openTree(c.Source, c.sourceFlags)
	if err != nil {
		return err
	}
	defer t.Close()
	_, stream := winpath.CutStream(c.Path)
	done, below := false, false
	err = t.each(c.Path, false, func(n *node) error {
		if !n.exact {
			below = true
			return nil
		}
		if n.Kind == "stream" && stream == "" || done {
			return nil
		}
		if n.open == nil {
			if n.Reason != "" {
				return fail(statusFailed, fmt.Errorf("%s: it has no content here: %s: %s", c.Path, n.Outcome, n.Reason), "")
			}
			return errNoContent(c.Path, n.Kind)
		}
		done = true
		return c.print(a, n)
	})
	if err == errStop {
		return nil
	}
	if err == nil && below && !done {
		return errNoContent(c.Path, "folder")
	}
	if err == nil && !done {
		return notFound(c.Path)
	}
	return err
}

// print gives the content of n out; what cannot be read of a source is zeros,
// as whoever takes the rest has to know where it stands.
func (c *catCmd) print(a *app, n *node) error {
	r, err := n.open()
	if err != nil {
		return at(c.Path, err)
	}
	defer r.Close()
	f, _ := r.(*filled)
	if _, err := io.Copy(a.stdout, &ctxReader{a, r}); err != nil {
		return at(c.Path, err)
	}
	if f.damaged() {
		a.message("note", c.Path+": damaged: "+f.says(maxSaidRanges))
	}
	switch {
	case n.damaged():
		return fail(statusIncomplete, fmt.Errorf("%s: %s: %s", c.Path, n.Outcome, n.Reason), "")
	case !f.damaged():
		return errStop
	case f.lost > 0:
		return fail(statusIncomplete, fmt.Errorf("%s: %d of %d bytes are zeros, as they cannot be read", c.Path, f.lost, n.Size), "")
	}
	return fail(statusIncomplete, fmt.Errorf("%s: not all of it is right", c.Path), "")
}

func errNoContent(path, kind string) error {
	return fail(statusUsage, fmt.Errorf("%s: this is a %s, which has no content", path, kind), "ls lists folders, reg prints registry keys")
}

// ctxReader ends a copy when the person interrupts it.
type ctxReader struct {
	a *app
	r io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.a.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
