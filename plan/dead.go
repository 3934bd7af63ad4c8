package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/rules"
)

// machineHive is SOFTWARE or SYSTEM: hive is nil when there is none, err says
// why it is of no use.
type machineHive struct {
	name string
	hive *hive.Hive
	err  error
}

func (p *Plan) machineHives() []machineHive {
	s := p.System
	return []machineHive{{"SOFTWARE", s.Software, s.SoftwareError}, {"SYSTEM", s.SystemHive, s.SystemError}}
}

// deadHives gives HKLM\SOFTWARE and HKLM\SYSTEM their outcome when they are of
// no use, whatever the rules reach: who the users are and which drives are
// theirs stands there, so that nobody can say that a plan has all of it.
func (b *builder) deadHives() {
	for _, h := range b.machineHives() {
		at := `HKLM\` + h.name
		if h.err == nil || !b.onTheWay(at) || b.refused(at) {
			continue
		}
		outcome := Unreadable
		if h.hive != nil {
			outcome = Damaged
			b.Keys = slices.DeleteFunc(b.Keys, func(it KeyItem) bool { return !it.IsValue && it.Path.Path == at })
		}
		reason := h.err.Error()
		if st, ok := b.System.HiveState(b.System.Config(h.name)); ok && st.Unknown != "" {
			reason = st.Missing()
		}
		b.refuse(Refused{Path: at, Kind: Key, Outcome: outcome, Reason: reason})
	}
}

// tellUnknown warns once for each registry file that rules ask and that cannot
// be read: they took what they asked for as not there.
func (p *Plan) tellUnknown(ctxs ...[]rules.Context) {
	asked := map[string]map[string]string{} // by hive: the keys by their names in upper case
	for _, list := range ctxs {
		for _, c := range list {
			if pr, ok := c.Probe.(*probe); ok {
				for path, dead := range pr.unknown {
					if asked[dead] == nil {
						asked[dead] = map[string]string{}
					}
					asked[dead][wstr.Upper(path)] = path
				}
			}
		}
	}
	for _, dead := range slices.Sorted(maps.Keys(asked)) {
		keys := asked[dead]
		first := keys[slices.Min(slices.Collect(maps.Keys(keys)))]
		if n := len(keys) - 1; n > 0 {
			first += fmt.Sprintf(" and %d more", n)
		}
		p.Warnings = append(p.Warnings, migxml.Warning{Pos: migxml.Pos{File: "rules"},
			Msg: "they ask for " + first + ", and nobody can tell whether that is there, as " + dead + " cannot be used. It is taken as not there, so that what depends on it may be left out; --include takes it all the same"})
	}
}

// note remembers that what was asked for below path cannot be known for err.
func (p *probe) note(path string, err error) {
	if dead, ok := errors.AsType[*offline.DeadHiveError](err); ok {
		p.unknown[path] = cmp.Or(dead.Path, path)
	}
}
