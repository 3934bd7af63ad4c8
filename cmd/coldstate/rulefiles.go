package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/rules/builtin"
)

// ruleFileFlag names rule files.
type ruleFileFlag struct {
	Rules []string `help:"A MigXML file, builtin, or builtin:NAME; repeatable. Without it the built-in rules." placeholder:"FILE" sep:"none"`
}

// ruleFlags choose what a capture takes.
type ruleFlags struct {
	ruleFileFlag
	Include []string `help:"Take this as well: a MigXML pattern such as 'D:\\Data\\* [*]'." placeholder:"PATTERN" sep:"none"`
	Exclude []string `help:"Never take this: a MigXML pattern such as 'C:\\* [*.iso]'." placeholder:"PATTERN" sep:"none"`
	configFlag
}

// chosenRules are what ruleFlags name.
type chosenRules struct {
	docs    []*migxml.Document
	config  *migxml.Config // nil without one
	options rules.Options
}

// load reads the files that f names.
func (f *ruleFlags) load(a *app) (*chosenRules, error) {
	docs, err := a.loadRules(f.Rules)
	if err != nil {
		return nil, err
	}
	cfg, err := f.configFlag.load(a)
	if err != nil {
		return nil, err
	}
	c := &chosenRules{docs, cfg, rules.Options{Include: f.Include, Exclude: f.Exclude}}
	if cfg != nil {
		c.options.Off = cfg.Off()
	}
	return c, nil
}

// any says whether one of the flags is there.
func (f *ruleFlags) any() bool {
	return len(f.Rules)+len(f.Include)+len(f.Exclude) > 0 || f.Config != ""
}

// tellRules tells the warnings about the rules of a plan.
func (a *app) tellRules(p *plan.Plan) {
	for _, w := range p.Warnings {
		if strings.HasPrefix(w.File, "builtin:") && w.Undefined != "" {
			continue // folders that this Windows or this user does not have
		}
		a.message("warning", w.String())
	}
}

// loadRules parses the rule files that were named, or the built-in ones.
func (a *app) loadRules(names []string) ([]*migxml.Document, error) {
	if len(names) == 0 {
		names = []string{"builtin"}
	}
	var docs []*migxml.Document
	add := func(name string, data []byte) error {
		d, warnings, err := migxml.Parse(name, data)
		for _, w := range warnings {
			a.message("warning", w.String())
		}
		if err != nil {
			return fail(statusUsage, err, "correct the rule file; nothing was captured")
		}
		docs = append(docs, d)
		return nil
	}
	for _, n := range names {
		var sets []string
		if n == "builtin" {
			sets = builtin.Default()
		} else if set, ok := strings.CutPrefix(n, "builtin:"); ok {
			sets = []string{set}
		} else {
			data, err := readRuleFile(n)
			if err != nil {
				return nil, err
			}
			if err := add(n, data); err != nil {
				return nil, err
			}
			continue
		}
		for _, s := range sets {
			data, err := builtin.File(s)
			if err != nil {
				return nil, fail(statusUsage, fmt.Errorf("--rules %s: %w", n, err), "the built-in sets are "+strings.Join(builtin.Names(), ", "))
			}
			if err := add("builtin:"+s, data); err != nil {
				return nil, err
			}
		}
	}
	return docs, nil
}

// maxRuleFile is far above any rule file: the largest seen has 1 MB.
const maxRuleFile = 16 << 20

// readRuleFile reads a file of --rules.
func readRuleFile(name string) ([]byte, error) {
	data, err := readSmall(name)
	if err != nil {
		return nil, fail(statusUsage, fmt.Errorf("--rules: %w", err), "check the path; built-in rules are named builtin or builtin:NAME")
	}
	return data, nil
}

// readSmall reads a file that is no larger than rule files are.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRuleFile+1))
	if err == nil && len(data) > maxRuleFile {
		err = fmt.Errorf("%s: the file is larger than %s, and no rule file is", name, size(maxRuleFile))
	}
	return data, err
}
