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

	"github.com/coldstate/coldstate/internal/pe"
	"github.com/coldstate/coldstate/internal/xmlpos"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/rules/builtin"
)

type rulesCmd struct {
	List  rulesListCmd  `cmd:"" help:"Name the built-in rule sets and what each takes."`
	Show  rulesShowCmd  `cmd:"" help:"Print a built-in rule set or a component of one, as an example for your own."`
	Check rulesCheckCmd `cmd:"" help:"Say whether a MigXML file or a Config.xml can be used."`

	Genconfig rulesGenconfigCmd `cmd:"" help:"Write a Config.xml that lists the components of rules."`
	Genmigxml rulesGenmigxmlCmd `cmd:"" help:"Write a rule file of the documents that are found on a machine."`
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
	JSON bool     `help:"Print JSON." name:"json"`
	File []string `arg:"" help:"MigXML or Config.xml files; MigXML files are looked at together, as a capture uses them."`
}

func (rulesCheckCmd) Help() string {
	return `Status 0 when every file can be used, else 2. Warnings tell where and what is
better: excludes that do nothing, rules that take nothing, patterns that miss
what they seem to name, wildcards that are none, variables that no Windows has.

Example:
  coldstate rules check our.xml`
}

// checked is what rules check says of a file.
type checked struct {
	File     string    `json:"file"`
	Kind     string    `json:"kind,omitempty"` // MigXML, Config.xml; left out when it cannot be read
	Usable   bool      `json:"usable"`
	Error    *finding  `json:"error,omitempty"`
	More     []finding `json:"more_errors,omitempty"`
	Warnings []finding `json:"warnings"`

	err error
}

type finding struct {
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

func (c *rulesCheckCmd) Run(a *app) error {
	var list []*checked
	var docs []*migxml.Document
	warnings := map[*checked][]migxml.Warning{}
	of := map[string]*checked{}
	for _, name := range c.File {
		k := &checked{File: name}
		list = append(list, k)
		var data []byte
		if data, k.err = readSmall(name); k.err != nil {
			continue
		}
		k.Kind = "MigXML"
		if isConfig(name, data) {
			k.Kind = "Config.xml"
			var cfg *migxml.Config
			if cfg, warnings[k], k.err = migxml.ParseConfig(name, data); k.err == nil {
				var more []migxml.Warning
				more, k.err = checkConfig(cfg)
				warnings[k] = append(append(warnings[k], more...), unknownVariables(cfg)...)
			}
			continue
		}
		doc, ws, err := migxml.Parse(name, data)
		if warnings[k], k.err = ws, err; err != nil {
			continue
		}
		if docs = append(docs, doc); of[name] == nil {
			of[name] = k
		}
		// What is wrong with patterns Lint says, whatever conditions they stand
		// under.
		_, _, k.err = rules.Compile([]*migxml.Document{doc}, []rules.Context{
			{Name: "System", Env: anyEnv{}, Probe: anyProbe{}}, {Name: "a user", User: true, Env: anyEnv{}, Probe: anyProbe{}},
		}, rules.Options{})
	}
	for _, w := range rules.Lint(docs, lintNames()) {
		k := of[w.File]
		warnings[k] = append(warnings[k], w)
	}
	var last error
	for _, k := range list {
		k.Usable = k.err == nil
		slices.SortStableFunc(warnings[k], func(x, y migxml.Warning) int {
			return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Col, y.Col))
		})
		warnings[k] = slices.Compact(warnings[k])
		k.Warnings = []finding{}
		for _, w := range warnings[k] {
			k.Warnings = append(k.Warnings, finding{w.Line, w.Col, w.Msg})
			if !c.JSON {
				a.message("warning", w.String())
			}
		}
		if k.err != nil {
			errs := findingsOf(k.err)
			k.Error, k.More = &errs[0], errs[1:]
			if last != nil {
				a.errors(last)
			}
			last = fail(statusUsage, k.err, "")
			continue
		}
		if !c.JSON {
			fmt.Fprintf(a.stdout, "%s: can be used\n", printable(k.File))
		}
	}
	if c.JSON {
		if err := printJSON(a.stdout, list); err != nil {
			return err
		}
	}
	return last
}

// lintNames are what rules check knows of Windows and of the built-in sets.
func lintNames() rules.Names {
	n := rules.Names{Variable: offline.IsVariable, UserVariable: offline.IsUserVariable, Shipped: map[string]string{}}
	if sets, err := builtinSets(); err == nil {
		for _, s := range sets {
			n.Shipped[strings.ToLower(s.doc.URLID)] = "builtin:" + s.Name
		}
	}
	return n
}

// findingsOf are the errors that were joined to err, or err itself.
func findingsOf(err error) (list []finding) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			list = append(list, findingsOf(e)...)
		}
	}
	if list == nil {
		list = append(list, findingOf(err))
	}
	return list
}

func findingOf(err error) finding {
	var e *migxml.Error
	var x *xmlpos.Error
	var u *migxml.UnsupportedError
	switch {
	case errors.As(err, &x):
		return finding{x.Line, x.Col, x.Msg}
	case errors.As(err, &e):
		return finding{e.Line, e.Col, e.Msg}
	case errors.As(err, &u):
		return finding{u.Line, u.Col, strings.TrimPrefix(u.Error(), u.Pos.String()+": ")}
	}
	return finding{Message: err.Error()}
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
