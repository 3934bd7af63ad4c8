package plan

import (
	"fmt"
	"slices"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/rules"
)

// ErrorControl is what a Config.xml says about errors of single objects.
type ErrorControl struct {
	files, registry errorRules
}

type errorRules struct {
	rules []migxml.ErrorRule
	fits  *rules.List
}

// CompileErrors makes the ErrorControl of a Config.xml ready for contexts; nil
// stands for a Config.xml that has none, and for none. The error is a
// *migxml.Error.
func CompileErrors(c *migxml.Config, ctxs []rules.Context) (*ErrorControl, []migxml.Warning, error) {
	if c == nil || len(c.FileErrors)+len(c.RegistryErrors) == 0 {
		return nil, nil, nil
	}
	var warnings []migxml.Warning
	compile := func(kind rules.Kind, list []migxml.ErrorRule) (errorRules, error) {
		pats := make([]migxml.Pattern, len(list))
		for i, r := range list {
			pats[i] = migxml.Pattern{Pos: r.Pos, Text: r.Pattern}
		}
		l, ws, err := rules.CompileList(kind, pats, ctxs)
		warnings = append(warnings, ws...)
		return errorRules{list, l}, err
	}
	var e ErrorControl
	var err error
	if e.files, err = compile(rules.File, c.FileErrors); err == nil {
		e.registry, err = compile(rules.Registry, c.RegistryErrors)
	}
	if err != nil {
		return nil, warnings, err
	}
	return &e, warnings, nil
}

// Idle tells of rules that never decide, as one before them fits all that they
// do; of the first hundreds.
func (e *ErrorControl) Idle() []migxml.Warning {
	if e == nil {
		return nil
	}
	return append(e.files.idle(), e.registry.idle()...)
}

func (e *errorRules) idle() (warnings []migxml.Warning) {
	for j := range e.rules[:min(len(e.rules), maxCompared)] {
		for i := range e.rules[:j] {
			r, first := &e.rules[j], &e.rules[i]
			codes := first.Codes == nil || r.Codes != nil && !slices.ContainsFunc(r.Codes, func(c uint32) bool { return !slices.Contains(first.Codes, c) })
			// A tree that nobody can look into may fit a fatal rule, and lie
			// above what a nonFatal one is about.
			trees := first.Fatal || !r.Fatal || e.fits.Everywhere(i)
			if codes && trees && e.fits.Within(j, i) {
				warnings = append(warnings, migxml.Warning{Pos: r.Pos, Msg: fmt.Sprintf("%s never decides: %s in line %d fits the same before it, and of the rules that fit the first counts; put the more special one first", r.Pattern, first.Pattern, first.Line)})
				break
			}
		}
	}
	return warnings
}

// maxCompared bounds the rules that are compared with each other.
const maxCompared = 500

// ErrorControl is that of the plan's Config.xml. Its variables are those of
// the source, for the system and every user whose rules run.
func (p *Plan) ErrorControl() (*ErrorControl, []migxml.Warning, error) {
	ctxs := make([]rules.Context, len(p.Contexts))
	for i, c := range p.Contexts {
		ctxs[i] = rules.Context{Name: c.Name, User: c.User != nil, Probe: newProbe(p.System, p.Users, c.User)}
		if c.User != nil {
			ctxs[i].Env = c.User.Env()
		} else {
			ctxs[i].Env = p.System.Env()
		}
	}
	return CompileErrors(p.Config, ctxs)
}

// Trouble is an object that could not be captured as it is.
type Trouble struct {
	Kind Kind
	Path string // `C:\folder\file`, `HKCU\Key`; not the stream or value
	// Value is the name of the value when Kind is Value, User the ID of the
	// user whose HKCU it is.
	Value, User string
	// Tree says that Path stands for all that may be below it, too: a volume
	// that is missing, a folder or registry file that cannot be read.
	Tree bool
	// Code is the number of the Windows error that stands for what happened.
	Code uint32
}

// Rule is the first rule that fits t, nil when there is none. A tree of which
// nobody knows what is in it fits a fatal rule that may be about something in
// it, and a nonFatal one that is about everything in it.
func (e *ErrorControl) Rule(t Trouble) *migxml.ErrorRule {
	if e == nil {
		return nil
	}
	of := &e.files
	if t.Kind == Key || t.Kind == Value {
		of = &e.registry
	}
	for i := range of.rules {
		r := &of.rules[i]
		if (r.Codes == nil || slices.Contains(r.Codes, t.Code)) && of.match(i, t) {
			return r
		}
	}
	return nil
}

func (r *errorRules) match(i int, t Trouble) bool {
	inside := func() bool {
		return len(t.Path) > len(`C:\`) && r.fits.Fits(i, t.User, winpath.Dir(t.Path), winpath.Base(t.Path), true)
	}
	whole := func() bool { return r.fits.Fits(i, t.User, t.Path, "", false) }
	switch t.Kind {
	case Folder, Key:
		switch {
		case !t.Tree:
			return whole()
		case r.rules[i].Fatal:
			return r.fits.Reaches(i, t.User, t.Path)
		}
		return r.fits.Covers(i, t.User, t.Path)
	case Value:
		return r.fits.Fits(i, t.User, t.Path, t.Value, true)
	case Link: // to a file or to a folder
		return inside() || whole()
	case Stream: // of a file or of a folder
		return inside() || whole()
	}
	return inside()
}
