package plan

import (
	"encoding/json"
	"fmt"
)

// RuleFileDoc says what a rule file beside plan.json was.
type RuleFileDoc struct {
	File string `json:"file"` // in the store
	Name string `json:"name"` // as it was given: a path, builtin:NAME
}

// RuleFile is a file that goes into a store so that a restore needs no rule
// files again.
type RuleFile struct {
	Name   string // in the store
	Source string // what it was called; "" for what the plan itself makes
	Data   []byte
}

// Names of files in a store. Rule files count from 1.
const (
	ruleFileName    = "rules-%03d.xml"
	ruleConfigName  = "rules-config.xml"
	restoreFileName = "restore-rules.json"
)

// RuleFiles are the rule files in their order, the Config.xml, and what they
// say about a restore as it was evaluated on the source.
func (p *Plan) RuleFiles() []RuleFile {
	var out []RuleFile
	for i, d := range p.Sources {
		out = append(out, RuleFile{fmt.Sprintf(ruleFileName, i+1), d.Pos.File, d.Data})
	}
	if p.Config != nil {
		out = append(out, RuleFile{ruleConfigName, p.Config.Pos.File, p.Config.Data})
	}
	b, err := json.MarshalIndent(p.Rules.Kept(), "", " ")
	if err != nil {
		panic(err) // texts, numbers and bytes only
	}
	return append(out, RuleFile{restoreFileName, "", append(b, '\n')})
}
