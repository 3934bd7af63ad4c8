package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// tellUnreached tells before a capture of what was given as source and of
// which nothing is taken, without an outcome that says so: volumes without a
// drive letter that cannot be read, and those that no rule reaches. Partitions
// for machines to start from, and those of other systems beside a volume that
// is captured or has a letter, are nobody's loss; nor is anything when the
// rules are not about files.
func (s *source) tellUnreached(a *app, p *plan.Plan) {
	if !p.Rules.TakesFiles() {
		return
	}
	used := map[*volumes.Source]bool{}
	use := func(v *volumes.Volume) {
		used[v.Source] = true
		if v.Dynamic != nil {
			for _, piece := range v.Dynamic.Extents {
				used[piece.Source] = true
			}
		}
	}
	planned := map[*volumes.Volume]bool{}
	for i := range p.Volumes {
		planned[p.Volumes[i].Volume] = true
		use(p.Volumes[i].Volume)
	}
	for _, d := range p.System.Drives {
		use(d.Volume)
	}
	for _, v := range s.set.Volumes {
		name := s.prefix(v)
		if planned[v] || v.Starts() || refusedWhole(p, name) {
			continue
		}
		_, err := v.FS()
		switch {
		case errors.Is(err, volumes.ErrLocked):
			// The plan has an outcome for it.
		case err != nil && (!used[v.Source] || v.HoldsFiles()):
			where := ""
			if v.Source != nil {
				where = " in " + v.Source.Path
			}
			a.message("warning", fmt.Sprintf("%s nothing of this volume (%s%s) is captured, as it cannot be read here: %s", name, v.Kind, where, hintOf(err)))
		case err == nil && !used[v.Source]:
			a.message("warning", fmt.Sprintf("%s nothing of this volume (%s in %s) is captured: it has no drive letter in this Windows, and no rule reaches it; --map D=%d gives it the letter that it had", name, v.Kind, v.Source.Path, v.Number))
		}
	}
}

// refusedWhole says whether the volume with that prefix has an outcome.
func refusedWhole(p *plan.Plan, prefix string) bool {
	for i := range p.Refused {
		if strings.TrimSuffix(p.Refused[i].Path, `\`) == strings.TrimSuffix(prefix, `\`) {
			return true
		}
	}
	return false
}

// hintOf is what to do about a volume that cannot be read, or why it cannot.
func hintOf(err error) string {
	if ve, ok := errors.AsType[*volumes.VolumeError](err); ok && ve.Hint != "" {
		return ve.Hint
	}
	return err.Error()
}

// cutHint says what to do when a source ends too early, "" when none was seen
// to.
func (s *source) cutHint() string {
	for _, src := range s.set.Sources {
		if c := src.Cut; c != nil {
			return fmt.Sprintf("%s is cut short: it has %d of at least %d bytes; copy it again, whole, or from the disk", c.Path, c.Size, c.Need)
		}
	}
	for _, v := range s.set.Volumes {
		fs, err := v.FS()
		if err != nil {
			continue
		}
		if c, ok := fs.(winfs.Checker); ok && v.Source != nil {
			if h := c.Health(); h.Missing > 0 {
				return fmt.Sprintf("%s is cut short: the last %d bytes of volume %d are not there; copy it again, whole, or from the disk", v.Source.Path, h.Missing, v.Number)
			}
		}
	}
	return ""
}
