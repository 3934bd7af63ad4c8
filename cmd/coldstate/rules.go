package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/pe"
	"github.com/coldstate/coldstate/internal/xmlpos"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/rules/builtin"
)

type rulesCmd struct {
	List  rulesListCmd  `cmd:"" help:"Name the built-in rule sets and what each takes."`
	Show  rulesShowCmd  `cmd:"" help:"Print a built-in rule set or a component of one, as an example for your own."`
	Check rulesCheckCmd `cmd:"" help:"Say whether a MigXML file or a Config.xml can be used."`
}

type rulesListCmd struct {
	JSON bool `help:"Print JSON." name:"json"`
}

func (rulesListCmd) Help() string {
	return "Each set with its components: the kind of data, the name by which a Config.xml\nor a table knows it, and what it takes.\n\nExample:\n  coldstate rules list"
}

// builtinSet is a built-in set as rules list shows it.
type builtinSet struct {
	Name       string             `json:"name"`
	Default    bool               `json:"default"` // used when no rules are named
	Components []builtinComponent `json:"components"`
	doc        *migxml.Document
}

type builtinComponent struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// ID is what a Config.xml calls it.
	ID    string `json:"id"`
	Takes string `json:"takes"`
	Lost  string `json:"will_not_survive,omitempty"`
}

// builtinSets reads the built-in sets.
func builtinSets() ([]builtinSet, error) {
	var sets []builtinSet
	for _, name := range builtin.Names() {
		data, err := builtin.File(name)
		if err != nil {
			return nil, err
		}
		doc, _, err := migxml.Parse("builtin:"+name, data)
		if err != nil {
			return nil, err
		}
		set := builtinSet{Name: name, Default: slices.Contains(builtin.Default(), name), doc: doc}
		for _, c := range doc.Components {
			about := c.About()
			k := builtinComponent{Name: c.DisplayName, Kind: about.Kind, Takes: about.Takes, Lost: about.Lost}
			if len(c.Roles) > 0 {
				k.ID = doc.URLID + "/" + c.DisplayName + "/" + c.Roles[0].Role
			}
			set.Components = append(set.Components, k)
		}
		sets = append(sets, set)
	}
	return sets, nil
}

func (c *rulesListCmd) Run(a *app) error {
	sets, err := builtinSets()
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"names": builtin.Names(), "default": builtin.Default(), "sets": sets})
	}
	w := bufio.NewWriter(a.stdout)
	for i, s := range sets {
		if i > 0 {
			fmt.Fprintln(w)
		}
		note := ""
		if !s.Default {
			note = "  (only when it is named: --rules builtin:" + s.Name + ")"
		}
		fmt.Fprintf(w, "%s%s\n", s.Name, note)
		for _, k := range s.Components {
			fmt.Fprintf(w, "  %-9s  %-33s  %s\n", k.Kind, k.Name, k.Takes)
		}
	}
	return w.Flush()
}

type rulesShowCmd struct {
	Name string `arg:"" help:"A set or a component of rules list."`
}

func (rulesShowCmd) Help() string {
	return "Prints a set, or one component as a rule file of its own.\n\nExample:\n  coldstate rules show documents > mine.xml\n  coldstate rules show 'Google Chrome'"
}

func (c *rulesShowCmd) Run(a *app) error {
	b, err := builtin.File(strings.TrimPrefix(c.Name, "builtin:"))
	if err != nil {
		b, err = builtinComponentFile(c.Name)
	}
	if err != nil {
		return fail(statusUsage, err, "the built-in sets are "+strings.Join(builtin.Names(), ", ")+"; rules list names their components")
	}
	_, err = a.stdout.Write(b)
	return err
}

// builtinComponentFile is a rule file of one component of a built-in set.
func builtinComponentFile(name string) ([]byte, error) {
	sets, err := builtinSets()
	if err != nil {
		return nil, err
	}
	for _, s := range sets {
		for _, c := range s.doc.Components {
			if !strings.EqualFold(c.DisplayName, name) {
				continue
			}
			data, err := builtin.File(s.Name)
			if err != nil {
				return nil, err
			}
			lines := strings.SplitAfter(string(data), "\n")[c.Pos.Line-1:]
			end := slices.IndexFunc(lines, func(l string) bool { return strings.TrimSpace(l) == "</component>" })
			text := fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<migration urlid=\"%s:%s\">\n%s</migration>\n",
				s.doc.URLID, strings.ReplaceAll(strings.ToLower(c.DisplayName), " ", "-"), strings.Join(lines[:end+1], ""))
			return []byte(text), nil
		}
	}
	return nil, fmt.Errorf("there is no built-in rule set and no component %q", name)
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
