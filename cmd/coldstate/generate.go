package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/rules"
)

// toFileFlag says where a file that a command makes goes.
type toFileFlag struct {
	To string `help:"The new file; without it the text is printed." placeholder:"FILE"`
}

// check refuses a file that is there already or that lies in a source.
func (f *toFileFlag) check(sources []string) error {
	if f.To == "" {
		return nil
	}
	if _, err := os.Lstat(f.To); err == nil {
		return f.taken()
	}
	for _, src := range sources {
		if inside(f.To, src) {
			return fail(statusUsage, fmt.Errorf("--to %s: it lies in the source %s, which is never written to", f.To, src), "name a file on another disk")
		}
	}
	return nil
}

func (f *toFileFlag) taken() error {
	return fail(statusUsage, fmt.Errorf("--to %s exists already; nothing is overwritten", f.To), "name a new file")
}

// write writes the file, or prints it; what says what is in it.
func (f *toFileFlag) write(a *app, data []byte, what string) error {
	if f.To == "" {
		_, err := a.stdout.Write(data)
		return err
	}
	file, err := os.OpenFile(f.To, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return f.taken()
	}
	if err != nil {
		return fail(statusFailed, fmt.Errorf("--to: %w", err), "name a file in a folder that can be written to")
	}
	_, err = file.Write(data)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(f.To)
		return fail(statusFailed, fmt.Errorf("--to: %w", err), "nothing of it was left; free room there or name a file elsewhere")
	}
	a.result(fmt.Sprintf("complete: %s in %s", what, f.To))
	return nil
}

type rulesGenconfigCmd struct {
	sourceFlags
	userFlags
	ruleFileFlag
	toFileFlag
	Source []string `arg:"" optional:"" help:"Disk images, devices or folders: the disks of one machine. Without it all components are listed."`
}

func (rulesGenconfigCmd) Help() string {
	return `Writes a Config.xml with the components of the rules, all migrate="yes", to be
edited and given to capture with --config and the same --rules. With a source
it lists those that are detected there.

Example:
  coldstate rules genconfig disk.img --to Config.xml
  coldstate rules genconfig --rules builtin --rules our.xml > Config.xml`
}

func (c *rulesGenconfigCmd) Run(a *app) error {
	if err := c.check(c.places()); err != nil {
		return err
	}
	docs, err := a.loadRules(c.Rules)
	if err != nil {
		return err
	}
	var cfg *migxml.Config
	if len(c.Source) == 0 && c.Offline == "" {
		cfg, err = rules.Components(docs, nil)
	} else {
		cfg, err = c.detected(a, docs)
	}
	if err != nil {
		return buildError(err)
	}
	n := countComponents(cfg.Applications) + countComponents(cfg.Documents) + countComponents(cfg.WindowsComponents)
	if n == 0 {
		why := "the rules have no components"
		if len(c.places()) > 0 {
			why = "none of the components is detected on this source"
		}
		a.message("warning", why+": the Config.xml lists nothing")
	}
	return c.write(a, cfg.ListXML(), fmt.Sprintf("%d components", n))
}

func (c *rulesGenconfigCmd) places() []string {
	if c.Offline != "" {
		return offlinePlaces(c.Offline)
	}
	return c.Source
}

// detected lists the components that are detected on the source.
func (c *rulesGenconfigCmd) detected(a *app, docs []*migxml.Document) (*migxml.Config, error) {
	w, err := a.openUsers(c.Source, c.sourceFlags, &c.userFlags, nil)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	return plan.Components(w.sys, w.users, docs, c.selected)
}

// countComponents counts what is in the groups of a section.
func countComponents(list []*migxml.ConfigComponent) (n int) {
	var count func(list []*migxml.ConfigComponent)
	count = func(list []*migxml.ConfigComponent) {
		for _, k := range list {
			n++
			count(k.Components)
		}
	}
	for _, g := range list {
		count(g.Components)
	}
	return n
}

type rulesGenmigxmlCmd struct {
	sourceFlags
	userFlags
	toFileFlag
	Source []string `arg:"" optional:"" help:"Disk images, devices or folders: the disks of one machine."`
}

func (rulesGenmigxmlCmd) Help() string {
	return `Writes a rule file of what the document finder (GenerateDocPatterns) finds on a
machine: its folders and files by their names, to be looked through, cut down
and given to capture of that machine with --rules.

Example:
  coldstate rules genmigxml disk.img --to documents.xml`
}

func (c *rulesGenmigxmlCmd) Run(a *app) error {
	dirs := c.Source
	if c.Offline != "" {
		dirs = offlinePlaces(c.Offline)
	}
	if err := c.check(dirs); err != nil {
		return err
	}
	w, err := a.openUsers(c.Source, c.sourceFlags, &c.userFlags, nil)
	if err != nil {
		return err
	}
	defer w.Close()
	data, warnings, err := plan.DocRules(a.ctx, w.sys, w.set, w.users, c.selected)
	for _, text := range warnings {
		a.message("warning", text)
	}
	if err != nil {
		return err
	}
	return c.write(a, data, "what the document finder finds")
}
