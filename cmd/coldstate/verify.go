package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/coldstate/coldstate/store"
)

type verifyCmd struct {
	JSON     bool   `help:"Print JSON." name:"json"`
	Progress string `help:"auto, plain, json or none." enum:"auto,plain,json,none" default:"auto"`
	Store    string `arg:"" help:"The folder of the store."`
}

func (verifyCmd) Help() string {
	return `Reads every byte of the store: its manifest, segments, frames, the catalog and
the SHA-256 of every content. Status 0 when all is whole.

Example:
  coldstate verify /media/stick/store`
}

func (c *verifyCmd) Run(a *app) error {
	s, err := openStore(c.Store)
	if err != nil {
		a.result("failed: " + err.Error())
		return err
	}
	defer s.Close()
	pr := a.newProgress(c.Progress)
	rep, err := s.Verify(a.ctx, func(done, total int64) {
		pr.update(progressLine{Doing: "verifying", Bytes: done, AllBytes: total})
	})
	pr.done()
	if err != nil {
		a.result(fmt.Sprintf("failed: %s could not be checked: %v", c.Store, err))
		return err
	}
	state := s.Manifest().State
	if c.JSON {
		type problem struct{ Where, What string }
		var ps []problem
		for _, p := range rep.Problems {
			ps = append(ps, problem{p.Where, p.What})
		}
		err := json.NewEncoder(a.stdout).Encode(map[string]any{
			"state": state, "ok": rep.OK() && state == store.StateSealed, "files": rep.Files, "objects": rep.Objects, "bytes": rep.Bytes,
			"problems": ps, "more": rep.More, "notes": rep.Notes, "will_not_survive": lossesOf(s),
		})
		if err != nil {
			return err
		}
	}
	for _, n := range rep.Notes {
		a.message("note", n)
	}
	for _, p := range rep.Problems {
		a.message("damage", p.String())
	}
	if rep.More > 0 {
		a.message("damage", fmt.Sprintf("and %d more", rep.More))
	}
	switch {
	case !rep.OK():
		a.result(fmt.Sprintf("damaged: %s has %d problems; what is not named above can still be extracted", c.Store, int64(len(rep.Problems))+rep.More))
		return fail(statusFailed, errors.New(""), "extract takes out what is whole; capture the source again if it still exists")
	case state != store.StateSealed:
		a.result(fmt.Sprintf("not sealed: what %s holds is whole (%d objects, %s), but the capture did not end", c.Store, rep.Objects, size(rep.Bytes)))
		return fail(statusFailed, errors.New(""), "capture the source again into another folder, or extract what is here")
	}
	a.result(fmt.Sprintf("whole: %s holds %d objects, %s, in %d files; every hash agrees", c.Store, rep.Objects, size(rep.Bytes), rep.Files))
	return nil
}

// openStore opens the store at path or says what to do.
func openStore(path string) (*store.Store, error) {
	s, err := store.Open(store.OS(path))
	if err != nil {
		return nil, fail(statusFailed, fmt.Errorf("%s: %w", path, err), "give the folder that holds coldstate.json")
	}
	return s, nil
}
