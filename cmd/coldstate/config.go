package main

import (
	"fmt"
	"io"
	"os"

	"github.com/coldstate/coldstate/internal/xmlpos"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
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
	return cfg, nil
}

// configWithoutEffect lists what of a Config.xml a capture does not act on.
func configWithoutEffect(c *migxml.Config) []migxml.Warning {
	if c == nil {
		return nil
	}
	var out []migxml.Warning
	for _, r := range append(c.FileErrors[:len(c.FileErrors):len(c.FileErrors)], c.RegistryErrors...) {
		name := "nonFatal"
		if r.Fatal {
			name = "fatal"
		}
		out = append(out, migxml.Warning{Pos: r.Pos, Msg: fmt.Sprintf("<%s> has no effect: a capture goes on after every error, lists what it could not take, and ends with status 3", name)})
	}
	for _, r := range c.HardLinks {
		name := "errorHardLink"
		if r.Link {
			name = "createHardLink"
		}
		out = append(out, migxml.Warning{Pos: r.Pos, Msg: fmt.Sprintf("<%s> has no effect: the store is not made of hard links", name)})
	}
	return out
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
