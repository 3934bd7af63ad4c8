package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/capture"
	"github.com/coldstate/coldstate/internal/xmlpos"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/store"
)

// configFlag names a Config.xml.
type configFlag struct {
	Config string `help:"A Config.xml: components that are off, which errors end a capture, and the groups of the accounts." placeholder:"FILE"`
}

// load reads the Config.xml; nil without one. Its warnings are told.
func (f *configFlag) load(a *app) (*migxml.Config, error) {
	name := f.Config
	if name == "" {
		return nil, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fail(statusUsage, fmt.Errorf("--config: %w", err), "check the path")
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, xmlpos.MaxSize+1))
	if err != nil {
		return nil, fail(statusUsage, fmt.Errorf("--config: %w", err), "")
	}
	cfg, warnings, err := migxml.ParseConfig(name, data)
	for _, w := range warnings {
		a.message("warning", w.String())
	}
	if err != nil {
		return nil, fail(statusUsage, err, "correct the Config.xml; nothing was written")
	}
	if _, err := checkConfig(cfg); err != nil {
		return nil, fail(statusUsage, err, "correct the Config.xml; nothing was written")
	}
	return cfg, nil
}

// checkConfig looks at the patterns of a Config.xml, nil for none, and tells of
// those that mean less than they seem to and of what a capture does not act on.
// Variables are taken as defined.
func checkConfig(c *migxml.Config) ([]migxml.Warning, error) {
	if c == nil {
		return nil, nil
	}
	ctxs := []rules.Context{{Name: "System", Env: anyEnv{}}, {Name: "a user", User: true, Env: anyEnv{}}}
	control, warnings, err := plan.CompileErrors(c, ctxs)
	if err != nil {
		return warnings, err
	}
	warnings = append(warnings, control.Idle()...)
	pats := make([]migxml.Pattern, len(c.HardLinks))
	for i, r := range c.HardLinks {
		pats[i] = migxml.Pattern{Pos: r.Pos, Text: r.Pattern}
		if !strings.HasSuffix(r.Pattern, "]") {
			pats[i].Text += " [*]" // one of Microsoft's samples leaves it out
		}
	}
	_, more, err := rules.CompileList(rules.File, pats, ctxs)
	warnings = append(warnings, more...)
	for _, r := range c.HardLinks {
		name := "errorHardLink"
		if r.Link {
			name = "createHardLink"
		}
		warnings = append(warnings, migxml.Warning{Pos: r.Pos, Msg: fmt.Sprintf("<%s> has no effect at a capture: nothing locks the files of a Windows that is not running, and the store is not made of hard links; it is kept in the store", name)})
	}
	return warnings, err
}

// unknownVariables tells of variables in the patterns of a Config.xml that no
// Windows has.
func unknownVariables(c *migxml.Config) (warnings []migxml.Warning) {
	tell := func(kind rules.Kind, pos migxml.Pos, text string) {
		env := namesEnv{}
		// A text that is no pattern is an error, which checkConfig tells.
		rules.CompileList(kind, []migxml.Pattern{{Pos: pos, Text: text}}, []rules.Context{{Name: "System", Env: env}})
		for _, name := range slices.Sorted(maps.Keys(env)) {
			if !offline.IsVariable(name) {
				warnings = append(warnings, migxml.Warning{Pos: pos, Msg: fmt.Sprintf("%s: no Windows has a variable %%%s%%: unless the environment of the source has it, the pattern matches nothing; %%CSIDL_PROFILE%%, %%SystemDrive%% and so on are known, and * stands for any folder", text, name)})
			}
		}
	}
	for _, r := range c.FileErrors {
		tell(rules.File, r.Pos, r.Pattern)
	}
	for _, r := range c.RegistryErrors {
		tell(rules.Registry, r.Pos, r.Pattern)
	}
	for _, r := range c.HardLinks {
		tell(rules.File, r.Pos, r.Pattern)
	}
	return warnings
}

// namesEnv notes which variables are asked for.
type namesEnv map[string]bool

func (e namesEnv) Lookup(name string) (string, bool) {
	e[name] = true
	return anyEnv{}.Lookup(name)
}

// stopError ends a capture at something that could not be captured.
type stopError struct {
	f    capture.Failure
	rule *migxml.ErrorRule // nil for --on-error stop
}

const stopHint = "without --on-error stop and without <fatal> in the Config.xml a capture goes on, lists what it could not take, and ends with status 3"

func (e *stopError) Error() string {
	return fmt.Sprintf("%s: %s: %s (Windows error %d); the capture ends here, by %s", e.f.Path, e.f.Outcome, e.f.Reason, e.f.Trouble.Code, e.by())
}

// by is what says that the capture ends there.
func (e *stopError) by() string {
	if e.rule == nil {
		return "--on-error stop"
	}
	return fmt.Sprintf("%s: <fatal>%s</fatal>", e.rule.Pos, e.rule.Pattern)
}

// judge says of each failure whether it ends the capture: what the Config.xml
// says, else what --on-error says. Files that --efs skip leaves out are no
// errors.
func (c *captureCmd) judge(a *app, p *plan.Plan) (func(capture.Failure) error, error) {
	control, warnings, err := p.ErrorControl()
	for _, w := range warnings {
		if w.Undefined != "" { // checkConfig told the others
			a.message("warning", w.String())
		}
	}
	if err != nil {
		return nil, fail(statusUsage, err, "correct the Config.xml; nothing was written")
	}
	return func(f capture.Failure) error {
		if f.Outcome == store.EncryptedSkipped {
			return nil
		}
		rule := control.Rule(f.Trouble)
		switch {
		case rule != nil && !rule.Fatal:
			c.nonFatal++
			return nil
		case rule != nil || c.OnError == "stop":
			return &stopError{f, rule}
		}
		return nil
	}, nil
}

// accounts reads the accounts and groups of sys, nil when that is impossible,
// which is told.
func (a *app) accounts(sys *offline.System) *profile.SAM {
	sam, err := profile.Accounts(sys)
	if err != nil {
		a.message("warning", fmt.Sprintf("the local accounts and groups cannot be read whole: %v; the group-membership plan lacks them", err))
	}
	return sam
}
