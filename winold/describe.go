package winold

import (
	"fmt"
	"time"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/profile"
)

// Summary describes an older installation for people and programs.
type Summary struct {
	// Folder is `C:\Windows.old`; Windows, what --windows takes, is "" when
	// the registry is gone.
	Folder  wstr.Text `json:"folder"`
	Windows wstr.Text `json:"windows,omitempty"`
	Kind    Kind      `json:"kind"`
	Product string    `json:"product,omitempty"`
	Version string    `json:"version,omitempty"` // "10.0.19045"
	// Gone says why there is no Windows to choose.
	Gone string `json:"registry_gone,omitempty"`

	Live        wstr.Text `json:"live,omitempty"`
	LiveProduct string    `json:"live_product,omitempty"`
	Made        string    `json:"made,omitempty"`    // 2024-05-14
	Until       string    `json:"removed,omitempty"` // 2024-05-24
	// DaysLeft is nil when there is no such time or it is unknown; Reason
	// says why, or where the figure is from.
	DaysLeft   *int   `json:"days_left,omitempty"`
	Reason     string `json:"reason,omitempty"`
	GoBack     string `json:"can_go_back,omitempty"`
	Unfinished string `json:"setup_unfinished,omitempty"`

	Users    []User   `json:"users,omitempty"`
	Problems []string `json:"problems,omitempty"`
}

// Describe says what o is. users are those of o.Judge, or nil.
func (o *Old) Describe(now time.Time, users []User) Summary {
	s := Summary{
		Folder: wstr.Text(o.Folder), Windows: wstr.Text(o.windows), Product: o.product, Version: o.version, Kind: o.Kind, Gone: o.Gone, Live: wstr.Text(o.LiveName), LiveProduct: o.LiveProduct,
		Made: date(o.Made), Until: date(o.Until), Reason: o.Reason, GoBack: o.GoBack, Unfinished: o.Unfinished, Users: users,
	}
	if n, ok := o.DaysLeft(now); ok {
		s.DaysLeft = &n
	}
	for _, p := range o.Problems {
		s.Problems = append(s.Problems, p.String())
	}
	return s
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02")
}

// Lines say the summary for people: what it is, how long it is there, whose
// files are elsewhere, and what to do.
func (s *Summary) Lines() []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	switch {
	case s.Gone != "":
		add("%s: files of an older Windows; %s", s.Folder, s.Gone)
		how := fmt.Sprintf("its files can be taken all the same: coldstate ls and extract show and copy %s", s.Folder)
		if s.Live != "" {
			how += fmt.Sprintf(", capture --include '%s\\* [*]' puts them into a store", s.Folder)
		}
		lines = append(lines, how)
	case s.Kind == NewOS:
		add("%s: %s, that a failed upgrade was to become", s.Folder, s.Product)
	case s.Kind == Upgrade:
		add("%s: %s, put aside by an upgrade that did not end", s.Folder, s.Product)
	default:
		add("%s: %s, put aside by Setup", s.Folder, s.Product)
		if s.Made != "" {
			lines[0] += " on " + s.Made
		}
	}
	if t := s.Left(); t != "" {
		add("%s", t)
	}
	if t := s.Setup(); t != "" {
		add("%s", t)
	}
	for _, u := range s.Users {
		if u.State != Here {
			add("%s", u.Text)
		}
	}
	for _, p := range s.Problems {
		add("%s", p)
	}
	return lines
}

// Left says for how long the folder is there, or why that is unknown.
func (s *Summary) Left() string {
	switch {
	case s.DaysLeft == nil:
		return s.Reason
	case *s.DaysLeft <= 0:
		return fmt.Sprintf("may be removed at any time: do not boot the Windows that is there before the capture (%s)", s.Reason)
	case *s.DaysLeft == 1:
		return fmt.Sprintf("is removed in 1 day, on %s (%s)", s.Until, s.Reason)
	}
	return fmt.Sprintf("is removed in %d days, on %s (%s)", *s.DaysLeft, s.Until, s.Reason)
}

// Setup says that Setup of the Windows that is there did not come to its end,
// "" when it did.
func (s *Summary) Setup() string {
	if s.Unfinished == "" || s.Kind == NewOS {
		return s.Unfinished
	}
	return fmt.Sprintf("%s: what is in %s is likely the state to take", s.Unfinished, s.Folder)
}

// Brief says it in one line: what it is and how long it is there.
func (s *Summary) Brief() string {
	line := fmt.Sprintf("%s: %s", s.Folder, s.Product)
	switch {
	case s.Gone != "":
		line = fmt.Sprintf("%s: files without a registry", s.Folder)
	case s.Kind == NewOS:
		line += ", of a failed upgrade"
	case s.Kind == Upgrade:
		line += ", of an unfinished upgrade"
	}
	switch {
	case s.DaysLeft == nil:
	case *s.DaysLeft <= 0:
		line += ", may be removed at any time"
	case *s.DaysLeft == 1:
		line += ", 1 day left"
	default:
		line += fmt.Sprintf(", %d days left", *s.DaysLeft)
	}
	return line
}

// JudgeAll reads the users of o and judges them; nil without a System.
func (o *Old) JudgeAll() ([]User, error) {
	if o.System == nil {
		return nil, nil
	}
	users, _, err := profile.Users(o.System)
	judged := o.Judge(users)
	for _, u := range users {
		u.Release()
	}
	return judged, err
}
