package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/coldstate/coldstate/internal/pe"
	"github.com/coldstate/coldstate/internal/xmlpos"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/rules/builtin"
)

type rulesCmd struct {
	List  rulesListCmd  `cmd:"" help:"Name the built-in rule sets."`
	Show  rulesShowCmd  `cmd:"" help:"Print a built-in rule set, as an example for your own."`
	Check rulesCheckCmd `cmd:"" help:"Say whether a MigXML file or a Config.xml can be used."`
}

type rulesListCmd struct {
	JSON bool `help:"Print JSON." name:"json"`
}

func (rulesListCmd) Help() string { return "Example:\n  coldstate rules list" }

func (c *rulesListCmd) Run(a *app) error {
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"names": builtin.Names(), "default": builtin.Default()})
	}
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
	File []string `arg:"" help:"MigXML or Config.xml files."`
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
		doc, warnings, err := (*migxml.Document)(nil), []migxml.Warning(nil), error(nil)
		if isConfig(name, data) {
			var cfg *migxml.Config
			if cfg, warnings, err = migxml.ParseConfig(name, data); err == nil {
				warnings = append(warnings, configWithoutEffect(cfg)...)
			}
		} else if doc, warnings, err = migxml.Parse(name, data); err == nil {
			var more []migxml.Warning
			_, more, err = rules.Compile([]*migxml.Document{doc}, []rules.Context{
				{Name: "System", Env: anyEnv{}, Probe: anyProbe{}}, {Name: "a user", User: true, Env: anyEnv{}, Probe: anyProbe{}},
			}, rules.Options{})
			warnings = append(warnings, more...)
		}
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

// isConfig says whether a file is a Config.xml by its root element.
func isConfig(name string, data []byte) bool {
	x, err := xmlpos.Parse(name, data)
	return err == nil && strings.EqualFold(x.Root.Tag, "Configuration")
}

// anyEnv defines every variable: which ones a Windows has is seen when it is
// captured.
type anyEnv struct{}

func (anyEnv) Lookup(name string) (string, bool) { return `C:\` + name, true }

// anyProbe stands for a Windows of which nothing is known: nothing is found,
// and every question has an answer.
type anyProbe struct{}

func (anyProbe) Exists(rules.Kind, string, string, bool) bool   { return false }
func (anyProbe) Drives(string) []string                         { return []string{"C:"} }
func (anyProbe) Native64Bit() bool                              { return true }
func (anyProbe) Version() string                                { return "10.0.19045." }
func (anyProbe) Text(rules.Kind, string, string) (string, bool) { return "", false }
func (anyProbe) Find(rules.Kind, string, string, bool, func(node, leaf string) bool) {
}
func (anyProbe) List(string) []rules.Entry                                  { return nil }
func (anyProbe) FileVersion(string, string) (*pe.FileVersion, bool)         { return nil, false }
func (anyProbe) Open(rules.Kind, string, string) (io.ReaderAt, int64, bool) { return nil, 0, false }
