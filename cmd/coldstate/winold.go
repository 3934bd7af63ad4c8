package main

import (
	"time"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/winold"
)

// tellOlds says at the head of a capture which older installations there are:
// of the one that is captured what became of its users (who are told as their
// problems as well), of the others that they are there. Their registries are
// not needed after that. It returns how many of the users have files somewhere
// else than in the installation that is captured.
func (s *source) tellOlds(a *app, users []*profile.User) (elsewhere int) {
	defer func() {
		for _, o := range s.olds {
			o.Release()
		}
	}()
	now := time.Now()
	for _, o := range s.olds {
		if o == s.old {
			d := o.Describe(now, nil)
			for _, line := range d.Lines() {
				a.message("note", line)
			}
			for _, u := range o.Judge(users) {
				if u.State != winold.Here {
					a.message("warning", u.Text)
					elsewhere++
				}
			}
			continue
		}
		d := o.Describe(now, nil)
		text := d.Brief() + ", is not captured, but for files that a rule reaches there"
		if s.old != nil {
			text = d.Brief() + ", is not captured"
		}
		if d.Windows != "" {
			text += "; --windows '" + o.Folder + "' captures it"
		}
		a.message("note", text)
		if d.Unfinished != "" && s.old == nil {
			a.message("warning", d.Setup())
		}
	}
	return elsewhere
}

// describeOlds describes the older installations for inspect.
func (s *source) describeOlds() []winold.Summary {
	var out []winold.Summary
	for _, o := range s.olds {
		users, err := o.JudgeAll()
		d := o.Describe(time.Now(), users)
		if err != nil {
			d.Problems = append(d.Problems, err.Error())
		}
		out = append(out, d)
	}
	return out
}

// oldOf is the older installation that sys is, nil when it is none.
func (s *source) oldOf(sys *offline.System) *winold.Old {
	for _, o := range s.olds {
		if o.System == sys {
			return o
		}
	}
	return nil
}
