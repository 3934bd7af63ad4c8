package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

type lsCmd struct {
	sourceFlags
	JSON      bool   `help:"Print JSON." name:"json"`
	Recursive bool   `help:"Everything below as well, streams included." short:"r"`
	Source    string `arg:"" optional:"" help:"A store, or a source: disk image, device, folder."`
	Path      string `arg:"" optional:"" help:"A folder or file in it; without one the volumes are listed."`
}

func (lsCmd) Help() string {
	return `A backslash, a slash or a NUL in a name is shown as %5C, %2F, %00, as in the
tar of a store; a % that would look like one of these as %25. Without PATH, ls
of a store says what will not work on another machine of what is in it.

Example:
  coldstate ls disk.img 'C:\Users'
  coldstate ls /media/stick/store 'C:\Users\anna\Documents' --json`
}

func (c *lsCmd) Run(a *app) error {
	var given []string
	if c.Path != "" {
		given = append(given, c.Path)
	}
	source, given, err := c.shift(c.Source, given...)
	if err != nil {
		return err
	}
	path := ""
	if len(given) > 0 {
		path = given[0]
	}
	t, err := a.openTree(source, c.sourceFlags)
	if err != nil {
		return err
	}
	defer t.Close()
	if st, ok := t.(*storeTree); ok && path == "" && !c.JSON {
		a.tellLosses(lossesOf(st.s))
	}
	p := newPrinter(a.stdout, c.JSON)
	var nodes []*node
	gaps := 0
	err = t.each(path, c.Recursive, func(n *node) error {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		if n.gap {
			gaps++
		}
		if c.Recursive {
			return p.print(n)
		}
		nodes = append(nodes, n)
		return nil
	})
	// The folder itself is not one of its entries.
	nodes = slices.DeleteFunc(nodes, func(n *node) bool { return n.exact && !n.gap && (n.Kind == "folder" || n.Kind == "key") })
	slices.SortStableFunc(nodes, func(a, b *node) int {
		return cmp.Or(wstr.Compare(string(a.Path), string(b.Path)), strings.Compare(a.User, b.User))
	})
	for _, n := range nodes {
		if perr := p.print(n); err == nil {
			err = perr
		}
	}
	return a.shown(p, gaps, err)
}

// shown ends a list: what was found is printed whatever happened.
func (a *app) shown(p *printer, gaps int, err error) error {
	if cerr := p.close(); err == nil {
		err = cerr
	}
	if err == nil && gaps > 0 {
		a.result(fmt.Sprintf("incomplete: %d files, folders or volumes could not be listed or read", gaps))
		return fail(statusIncomplete, errors.New(""), "")
	}
	return err
}

type findCmd struct {
	sourceFlags
	JSON   bool   `help:"Print JSON." name:"json"`
	Source string `arg:"" optional:"" help:"A store, or a source: disk image, device, folder."`
	Name   string `arg:"" optional:"" help:"A name with * and ?, or a path with backslashes."`
}

func (findCmd) Help() string {
	return `NAME is matched against the last name of each path, or against the whole
path when it holds a backslash. Case does not count.

Example:
  coldstate find disk.img '*.pst'
  coldstate find store 'C:\Users\*\Desktop\*.lnk'`
}

func (c *findCmd) Run(a *app) error {
	var err error
	if c.Source, c.Name, err = c.shiftOne(c.Source, c.Name, "name"); err != nil {
		return err
	}
	t, err := a.openTree(c.Source, c.sourceFlags)
	if err != nil {
		return err
	}
	defer t.Close()
	p := newPrinter(a.stdout, c.JSON)
	whole := strings.Contains(c.Name, `\`)
	gaps := 0
	err = t.each("", true, func(n *node) error {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		if n.gap {
			gaps++
			a.message("note", fmt.Sprintf("%s: %s: %s", printable(string(n.Path)), n.Outcome, n.Reason))
		}
		s := string(n.Path)
		if !whole {
			s = s[strings.LastIndexByte(s, '\\')+1:]
			if n.Stream != "" {
				s = string(n.Stream)
			}
		}
		if !winpath.Match(c.Name, s, true) && !(n.name != "" && n.Stream == "" && winpath.Match(c.Name, n.name, true)) {
			return nil
		}
		return p.print(n)
	})
	return a.shown(p, gaps, err)
}

// printer prints nodes as text lines or as a JSON array, one node a line.
type printer struct {
	w    *bufio.Writer
	json bool
	n    int
}

func newPrinter(w io.Writer, asJSON bool) *printer {
	return &printer{w: bufio.NewWriterSize(w, 64<<10), json: asJSON}
}

func (p *printer) print(n *node) error {
	if p.json {
		sep := ",\n"
		if p.n == 0 {
			sep = "[\n"
		}
		b, err := json.Marshal(n)
		if err != nil {
			return err
		}
		p.w.WriteString(sep)
		p.n++
		_, err = p.w.Write(b)
		return err
	}
	p.n++
	name := string(n.Path)
	switch n.Kind {
	case "stream":
		name += ":" + string(n.Stream)
	case "value":
		name += " [" + string(n.Stream) + "]"
	case "link":
		name += " -> " + string(n.Target)
	case "folder":
		if !strings.HasSuffix(name, `\`) {
			name += `\`
		}
	}
	date := ""
	if n.modified != 0 {
		date = n.modified.Time().Format("2006-01-02 15:04:05")
	}
	size := fmt.Sprint(n.Size)
	if n.Kind == "folder" || n.Kind == "key" || n.Kind == "link" {
		size = "-"
	}
	note := ""
	if n.User != "" {
		note = "  [user " + n.User + "]"
	}
	if n.Outcome != "" && n.Outcome != "captured" {
		note += "  [" + string(n.Outcome)
		if n.Reason != "" {
			note += ": " + string(n.Reason)
		}
		note += "]"
	}
	if n.Without != "" {
		note += "  [without " + n.Without + "]"
	}
	_, err := fmt.Fprintf(p.w, "%s %14s  %-19s  %s%s\n", attrText(n), size, date, printable(name), printable(note))
	return err
}

func (p *printer) close() error {
	if p.json {
		end := "\n]\n"
		if p.n == 0 {
			end = "[]\n"
		}
		p.w.WriteString(end)
	}
	return p.w.Flush()
}

// attrText shows the attributes people know, one letter each.
func attrText(n *node) string {
	b := []byte("------")
	switch n.Kind {
	case "folder":
		b[0] = 'd'
	case "link":
		b[0] = 'l'
	case "stream":
		b[0] = 's'
	case "key":
		b[0] = 'k'
	case "value":
		b[0] = 'v'
	case "part":
		b[0] = 'p'
	}
	for i, f := range []struct {
		bit  uint32
		char byte
	}{{winfs.AttrReadOnly, 'r'}, {winfs.AttrHidden, 'h'}, {winfs.AttrSystem, 's'}, {winfs.AttrCompressed, 'c'}, {winfs.AttrEncrypted, 'e'}} {
		if n.Attr&f.bit != 0 {
			b[i+1] = f.char
		}
	}
	return string(b)
}
