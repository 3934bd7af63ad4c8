package main

import (
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/rules/builtin"
)

type rulesCmd struct {
	List  rulesListCmd  `cmd:"" help:"Name the built-in rule sets."`
	Show  rulesShowCmd  `cmd:"" help:"Print a built-in rule set, as an example for your own."`
	Check rulesCheckCmd `cmd:"" help:"Say whether a MigXML file can be used."`
}

type rulesListCmd struct{}

func (rulesListCmd) Help() string { return "Example:\n  coldstate rules list" }

func (rulesListCmd) Run(a *app) error {
	inDefault := map[string]bool{}
	for _, n := range builtin.Default() {
		inDefault[n] = true
	}
	for _, n := range builtin.Names() {
		note := ""
		if !inDefault[n] {
			note = "  (only by name: --rules builtin:" + n + ")"
		}
		if _, err := fmt.Fprintf(a.stdout, "%s%s\n", n, note); err != nil {
			return err
		}
	}
	return nil
}

type rulesShowCmd struct {
	Name string `arg:"" help:"A name of rules list."`
}

func (rulesShowCmd) Help() string {
	return "Example:\n  coldstate rules show documents > mine.xml"
}

func (c *rulesShowCmd) Run(a *app) error {
	b, err := builtin.File(strings.TrimPrefix(c.Name, "builtin:"))
	if err != nil {
		return fail(statusUsage, err, "the built-in sets are "+strings.Join(builtin.Names(), ", "))
	}
	_, err = a.stdout.Write(b)
	return err
}

type rulesCheckCmd struct {
	File []string `arg:"" help:"MigXML files."`
}

func (rulesCheckCmd) Help() string {
	return "Status 0 when every file can be used (warnings are printed), else 2.\n\nExample:\n  coldstate rules check our.xml"
}

func (c *rulesCheckCmd) Run(a *app) error {
	var last error
	for _, name := range c.File {
		data, err := readRuleFile(name)
		if err != nil {
			return err
		}
		_, warnings, err := migxml.Parse(name, data)
		for _, w := range warnings {
			a.message("warning", w.String())
		}
		if err != nil {
			if last != nil {
				a.message("error", last.Error())
			}
			last = fail(statusUsage, err, "")
			continue
		}
		fmt.Fprintf(a.stdout, "%s: can be used\n", name)
	}
	return last
}
