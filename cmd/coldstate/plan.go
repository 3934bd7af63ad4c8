package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coldstate/coldstate/plan"
)

type planCmd struct {
	sourceFlags
	userFlags
	configFlag
	JSON      bool     `help:"Print JSON." name:"json" xor:"form"`
	Cmd       bool     `help:"Print a batch file of \"net localgroup\" lines for the destination." xor:"form"`
	ConfigXML bool     `help:"Print a Config.xml that LoadState makes the same of." name:"config-xml" xor:"form"`
	Source    []string `arg:"" optional:"" help:"Disk images, devices or folders: the disks of one machine."`
}

func (planCmd) Help() string {
	return `The local groups that each user was in on the source, those it shall be in on
the destination, and why. In the table "+" is a group that an account gets,
"-" one that it is taken out of, "." one that it is in without being put there.
A capture stores the same as plan.json, Config.xml and groups.cmd.

Example:
  coldstate plan disk.img
  coldstate plan disk.img --config Config.xml --json
  coldstate plan D:\Windows --cmd > groups.cmd`
}

func (c *planCmd) Run(a *app) error {
	cfg, err := c.configFlag.load(a)
	if err != nil {
		return err
	}
	w, err := a.openUsers(c.Source, c.sourceFlags, &c.userFlags, func(w *inhabited) {
		for _, p := range append(slices.Clone(w.sys.Problems), w.problems...) {
			a.message("note", p.String())
		}
	})
	if err != nil {
		return err
	}
	defer w.Close()
	m := plan.Members(w.sys, a.accounts(w.sys), w.users, cfg, c.selected)
	for _, w := range m.Warnings {
		a.message("warning", w)
	}
	switch {
	case c.JSON:
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", " ")
		return e.Encode(m)
	case c.Cmd:
		_, err = a.stdout.Write(m.Cmd())
	case c.ConfigXML:
		_, err = a.stdout.Write(m.ConfigXML())
	default:
		err = printMembership(a.stdout, m)
	}
	return err
}

// printMembership prints the plan as a table of 80 columns: a row for each
// membership, "+" for one that the account shall have, "-" for one that is
// taken away, "." for one that is only told of.
func printMembership(out io.Writer, m *plan.Membership) error {
	w := bufio.NewWriter(out)
	t := membershipTable{w}
	t.row("USER", "KIND", " ", "GROUP", "WHY")
	for _, p := range m.Members {
		if !p.Captured && len(p.Groups)+len(p.Leaves) == 0 {
			continue
		}
		kind := p.Kind
		user := p.Label()
		if !p.Captured {
			kind = "(" + kind + ")"
		}
		row := func(mark, group, why string) {
			t.row(user, kind, mark, group, why)
			user, kind = "", ""
		}
		for _, g := range p.Groups {
			mark, why := "+", g.Reason
			if g.Always {
				mark, why = ".", "on every Windows"
			}
			row(mark, string(g.Name), why)
		}
		for _, g := range p.Leaves {
			row("-", string(g.Name), g.Reason)
		}
		if len(p.Groups) == 0 && p.Captured {
			row("!", "(none)", "would be in no local group")
		}
		for _, h := range p.Source {
			if h.Through != "" && !slices.ContainsFunc(p.Groups, func(g plan.Wanted) bool { return g.LocalGroup == h.LocalGroup }) {
				row(".", string(h.Name), "by way of "+h.By())
			}
		}
	}
	if rest := notShown(m); rest > 0 {
		fmt.Fprintf(w, "\n%d accounts of the source are not captured and in no rule; --json has them.\n", rest)
	}
	return w.Flush()
}

func notShown(m *plan.Membership) (n int) {
	for _, p := range m.Members {
		if !p.Captured && len(p.Groups)+len(p.Leaves) == 0 {
			n++
		}
	}
	return n
}

type membershipTable struct{ w io.Writer }

// Columns of the table; together with the blanks between them they have 80.
const (
	userColumn  = 22
	kindColumn  = 9
	groupColumn = 22
	whyColumn   = 80 - userColumn - kindColumn - groupColumn - 5
)

func (t membershipTable) row(user, kind, mark, group, why string) {
	u, k, g, y := fold(printable(user), userColumn), fold(kind, kindColumn), fold(printable(group), groupColumn), fold(printable(why), whyColumn)
	m := []string{mark}
	at := func(list []string, i int) string {
		if i < len(list) {
			return list[i]
		}
		return ""
	}
	for i := range max(len(u), len(k), len(g), len(y)) {
		line := fmt.Sprintf("%-*s %-*s %-1s %-*s %s", userColumn, at(u, i), kindColumn, at(k, i), at(m, i), groupColumn, at(g, i), at(y, i))
		fmt.Fprintln(t.w, strings.TrimRight(line, " "))
	}
}

// fold breaks s into lines of at most width characters, at blanks where there
// are some.
func fold(s string, width int) []string {
	var out []string
	for utf8.RuneCountInString(s) > width {
		r := []rune(s)
		cut := width
		for i := width; i > 0; i-- {
			if r[i] == ' ' {
				cut = i
				break
			}
		}
		out = append(out, string(r[:cut]))
		s = strings.TrimLeft(string(r[cut:]), " ")
	}
	if s != "" || len(out) == 0 {
		out = append(out, s)
	}
	return out
}
