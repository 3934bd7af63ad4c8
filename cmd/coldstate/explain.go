package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
)

type explainCmd struct {
	sourceFlags
	userFlags
	ruleFlags
	JSON   bool     `help:"Print JSON." name:"json"`
	Source string   `arg:"" optional:"" help:"A store, or a source: disk image, device, folder."`
	Path   []string `arg:"" optional:"" help:"What to explain: a file, folder, FILE:STREAM, registry key, or 'KEY [VALUE]'."`
}

func (explainCmd) Help() string {
	return `With the same flags as capture: what it would do with each path, the rule that
decides, and the rules that fit as well and why they lost. Of a store: what
happened to it, and by which rule; why others lost only the source can tell.
Status 0 when every path was explained, whatever the answer.

Example:
  coldstate explain disk.img 'C:\Users\anna\Documents\letter.docx'
  coldstate explain disk.img 'HKCU\Control Panel\Desktop [Wallpaper]' --rules our.xml
  coldstate explain store 'C:\Users\anna\Downloads\setup.exe:Zone.Identifier'`
}

func (c *explainCmd) Run(a *app) error {
	source, paths, err := c.shift(c.Source, c.Path...)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fail(statusUsage, errors.New("which path?"), "it stands behind the source; --help has an example")
	}
	places := make([]plan.Place, len(paths))
	for i, path := range paths {
		if places[i], err = plan.ParsePlace(path); err != nil {
			return fail(statusUsage, err, "")
		}
	}
	if source != "" && isStore(source) {
		return c.store(a, source, places)
	}
	chosen, err := c.ruleFlags.load(a)
	if err != nil {
		return err
	}
	src, err := a.openUsers(sources(source), c.sourceFlags, &c.userFlags, nil)
	if err != nil {
		return err
	}
	defer src.Close()
	p, err := plan.Build(a.ctx, src.sys, src.set, src.users, chosen.docs, plan.Options{Selected: c.selected, Rules: chosen.options, Config: chosen.config, Only: paths})
	if err != nil {
		return buildError(err)
	}
	a.tellRules(p)
	list := []plan.Explained{}
	for _, at := range places {
		more, err := p.Explain(at)
		if err != nil {
			return fail(statusUsage, err, "")
		}
		list = append(list, more...)
	}
	if c.JSON {
		return printJSON(a.stdout, list)
	}
	w := bufio.NewWriter(a.stdout)
	for i := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printExplained(w, &list[i])
	}
	return w.Flush()
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", " ")
	return e.Encode(v)
}

// placeName is a place as people write it.
func placeName(path, kind, stream string) string {
	switch kind {
	case "stream":
		return path + ":" + stream
	case "value":
		return path + " [" + stream + "]"
	}
	return path
}

// told writes text in lines of at most 80 characters, indented.
func told(w io.Writer, indent int, text string) {
	for _, line := range fold(printable(text), 80-indent) {
		fmt.Fprintf(w, "%*s%s\n", indent, "", line)
	}
}

// asIs writes text that may be a path in one line, however long: where a path
// was cut nobody could tell whether a blank belongs there.
func asIs(w io.Writer, indent int, text string) {
	fmt.Fprintf(w, "%*s%s\n", indent, "", printable(text))
}

// tellBrackets tells how a file is written here, when at looks like a rule's
// way to write one and is not there.
func tellBrackets(w io.Writer, path, kind string) {
	folder, leaf, ok := strings.Cut(strings.TrimSuffix(path, "]"), " [")
	if kind == "value" || kind == "key" || !ok || !strings.HasSuffix(path, "]") || strings.Contains(leaf, `\`) {
		return
	}
	told(w, 2, "rules have brackets around the name of a file; here it is written")
	asIs(w, 4, winpath.Join(folder, leaf))
}

// decisions in words; the outcomes of a plan stand for themselves.
var decisions = map[string]string{
	plan.Taken:         "taken",
	plan.WouldBeTaken:  "it would be taken if it were there",
	plan.NotTaken:      "not taken",
	plan.Policy:        "NOT taken: excluded by policy",
	plan.Unreadable:    "in scope, but UNREADABLE",
	plan.Damaged:       "in scope, but DAMAGED",
	plan.VolumeMissing: "in scope, but its VOLUME IS MISSING",
	plan.Unsupported:   "in scope, but NOT SUPPORTED",
}

// shownRules is how many rules are printed of one place: every exclude of every
// component may fit.
const shownRules = 6

func printExplained(w io.Writer, x *plan.Explained) {
	asIs(w, 0, placeName(string(x.Path), x.Kind, string(x.Stream)))
	what := x.Kind
	if x.Owner != "" {
		what += " of " + x.Owner
	}
	if !x.Exists {
		what += "; " + string(x.Missing)
		if x.Missing == "" {
			what += "not there"
		}
	}
	told(w, 2, what)
	if !x.Exists {
		tellBrackets(w, string(x.Path), x.Kind)
	}
	decision := decisions[x.Decision]
	if x.Reason != "" {
		decision += ": " + string(x.Reason)
	}
	on, off := x.Rules, []plan.ExplainedRule(nil)
	if i := slices.IndexFunc(on, func(r plan.ExplainedRule) bool { return r.Off }); i >= 0 {
		on, off = on[:i], on[i:]
	}
	won := len(on) > 0 && on[0].Wins
	if len(on) == 0 {
		decision += "; no rule fits it"
	}
	if x.TakenAs != "" {
		asIs(w, 2, decision+", as "+string(x.TakenAs))
	} else {
		told(w, 2, decision)
	}
	tellWithout(w, x.Without)
	for i := range x.WithoutBy {
		r := &x.WithoutBy[i]
		printRule(w, r, "excludeAttributes", "")
	}
	if x.Below && x.Decision != plan.Taken {
		told(w, 2, "rules can take what is in it")
	}
	for i := range on {
		r := &on[i]
		if more := len(on) - i; i >= shownRules && more > 1 {
			told(w, 2, fmt.Sprintf("and %d rules more that fit; --json has them", more))
			break
		}
		switch {
		case r.Wins:
			told(w, 2, "the rule that decides:")
		case i == 0, i == 1 && won:
			told(w, 2, "rules that fit as well:")
		}
		printLoser(w, r, "lost: ")
	}
	for i := range off {
		if more := len(off) - i; i >= shownRules && more > 1 {
			told(w, 2, fmt.Sprintf("and %d rules more that are off; --json has them", more))
			break
		}
		if i == 0 {
			told(w, 2, "rules that would fit, but are off:")
		}
		printLoser(w, &off[i], "off: ")
	}
}

// printLoser prints a rule that fits, and why it does not decide.
func printLoser(w io.Writer, r *plan.ExplainedRule, how string) {
	printRule(w, &r.RuleDoc, r.Action, people(r))
	if !strings.EqualFold(string(r.As), string(r.Pattern)) {
		asIs(w, 6, "that is "+string(r.As))
	}
	if r.Why != "" {
		by := ""
		if r.ByFile != "" {
			by = " (" + ruleAt(r.ByFile, r.ByLine) + ")"
		}
		told(w, 6, how+r.Why+by)
	}
}

// tellWithout tells what was left out of the metadata.
func tellWithout(w io.Writer, without string) {
	if without != "" {
		told(w, 2, "without "+strings.ReplaceAll(without, ",", ", ")+": left out of its metadata by an excludeAttributes")
	}
}

func ruleAt(file string, line int) string {
	if line > 0 {
		return fmt.Sprintf("%s:%d", file, line)
	}
	return file
}

// people are those for whom a rule is the same; not all when they are many.
func people(r *plan.ExplainedRule) string {
	names := append([]string{r.Context}, r.AlsoFor...)
	if more := len(names) - 3; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), more)
	}
	return strings.Join(names, ", ")
}

// printRule prints where a rule stands, and its text.
func printRule(w io.Writer, r *plan.RuleDoc, action, who string) {
	at := ruleAt(r.File, r.Line)
	if r.Component != "" && r.Component != r.File {
		at += "  " + r.Component
	}
	if who != "" {
		at += ", for " + who
	}
	asIs(w, 4, at)
	text := string(r.Pattern)
	if action != "" {
		text = action + " " + text
	}
	asIs(w, 6, text)
	if r.Filter != "" {
		asIs(w, 6, "filter "+r.Filter)
	}
}

// happened is what a store says of a place.
type happened struct {
	Path     wstr.Text     `json:"path"`
	Stream   wstr.Text     `json:"stream,omitempty"`
	Kind     string        `json:"kind,omitempty"`
	User     string        `json:"user,omitempty"`
	Owner    string        `json:"owner,omitempty"` // what User is called
	InScope  bool          `json:"in_scope"`
	Outcome  store.Outcome `json:"outcome,omitempty"`
	Reason   wstr.Text     `json:"reason,omitempty"`
	Without  string        `json:"without,omitempty"` // of the metadata, by an excludeAttributes
	Ranges   []store.Range `json:"ranges,omitempty"`
	Size     int64         `json:"size"`
	SharesBy wstr.Text     `json:"content_of,omitempty"` // of further names and duplicates
	In       wstr.Text     `json:"in,omitempty"`         // the .reg file that holds a key or value
	Segment  int           `json:"segment,omitempty"`
	Frame    int64         `json:"frame,omitempty"`
	Offset   int64         `json:"offset,omitempty"`
	// Below counts the objects in a folder or key that is not in scope itself.
	Below int           `json:"below,omitempty"`
	Rule  *plan.RuleDoc `json:"rule,omitempty"`
	// Contexts are those in which the rule was evaluated: System, users.
	Contexts []string `json:"contexts,omitempty"`
}

// store tells what happened to places.
func (c *explainCmd) store(a *app, name string, places []plan.Place) error {
	if c.ruleFlags.any() {
		return fail(statusUsage, fmt.Errorf("%s is a store: what happened to its objects was decided when it was made", name), "without --rules, --include, --exclude and --config it says by which rule; give the source to try others")
	}
	t, err := a.openTree(name, c.sourceFlags)
	if err != nil {
		return err
	}
	defer t.Close()
	s := t.(*storeTree).s
	var doc plan.Document
	data, err := s.ReadFile("plan.json")
	if err == nil {
		err = json.Unmarshal(data, &doc)
	}
	if err != nil {
		a.message("warning", fmt.Sprintf("plan.json of the store cannot be read, so that rules cannot be named: %v", err))
	}
	// A key has one name in a store.
	type where struct {
		paths []string
		user  string
	}
	asked := make([]where, len(places))
	for i, at := range places {
		asked[i].paths = []string{at.Path}
		if at.Registry {
			asked[i].paths, asked[i].user = doc.KeyNames(at.Path)
		}
	}
	found := make([][]happened, len(places))
	below := make([]int, len(places))
	var damage error
	for o, err := range s.Objects() {
		if err != nil {
			damage = err
			continue
		}
		if a.ctx.Err() != nil {
			return a.ctx.Err()
		}
		for i, at := range places {
			var rel string
			ok := false
			for _, path := range asked[i].paths {
				if rel, ok = winpath.Rel(path, objectPath(o)); !ok && string(o.Path) != objectPath(o) {
					rel, ok = winpath.Rel(path, string(o.Path))
				}
				if ok {
					break
				}
			}
			if !ok || o.Kind == store.Part || asked[i].user != "" && o.User != asked[i].user {
				continue
			}
			exact := rel == "" && at.IsValue == (o.Kind == store.Value) && (at.Stream != "") == (o.Kind == store.Stream)
			if at.IsValue {
				exact = exact && wstr.EqualFold(string(o.Stream), at.Value)
			} else if at.Stream != "" {
				exact = exact && wstr.EqualFold(string(o.Stream), at.Stream)
			}
			if !exact {
				below[i]++
				continue
			}
			h := happened{
				Path: o.Path, Stream: o.Stream, Kind: string(o.Kind), User: o.User, Owner: doc.Label(o.User), InScope: true, Outcome: o.Outcome, Reason: wstr.Text(o.Reason), Without: o.Without,
				Ranges: o.Ranges, Size: o.Size, SharesBy: o.LinkTo, In: o.In, Segment: o.Segment, Frame: o.Frame, Offset: o.Offset,
			}
			if o.Rule > 0 && o.Rule <= len(doc.Rules) {
				r := doc.Rules[o.Rule-1]
				for _, i := range r.Contexts {
					if i >= 0 && int(i) < len(doc.Contexts) {
						h.Contexts = append(h.Contexts, doc.Label(doc.Contexts[i]))
					}
				}
				r.Contexts = nil // indexes of plan.json
				h.Rule = &r
			}
			found[i] = append(found[i], h)
		}
	}
	if damage != nil {
		return fail(statusFailed, fmt.Errorf("the catalog of the store is damaged, and what is not found in it may have been there: %w", damage), "coldstate verify tells what is damaged")
	}
	all := []happened{}
	for i, at := range places {
		if len(found[i]) == 0 {
			h := happened{Path: wstr.Text(at.Path), Stream: wstr.Text(cmp.Or(at.Stream, at.Value))}
			if !at.IsValue && at.Stream == "" {
				h.Below = below[i]
			}
			switch {
			case at.IsValue:
				h.Kind = "value"
			case at.Stream != "":
				h.Kind = "stream"
			}
			found[i] = []happened{h}
		}
		all = append(all, found[i]...)
	}
	if c.JSON {
		return printJSON(a.stdout, all)
	}
	w := bufio.NewWriter(a.stdout)
	for i := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printHappened(w, &all[i])
	}
	return w.Flush()
}

func printHappened(w io.Writer, h *happened) {
	asIs(w, 0, placeName(string(h.Path), h.Kind, string(h.Stream)))
	if !h.InScope {
		told(w, 2, "not in scope: no rule of the capture took it, or it was not there")
		tellBrackets(w, string(h.Path), h.Kind)
		if h.Below > 0 {
			told(w, 2, fmt.Sprintf("%d objects in it are in the store", h.Below))
		}
		return
	}
	what := h.Kind
	if h.User != "" {
		what += " of " + cmp.Or(h.Owner, h.User)
	}
	if h.Kind == "file" || h.Kind == "stream" || h.Kind == "value" {
		what += fmt.Sprintf(", %d bytes", h.Size)
	}
	told(w, 2, what)
	outcome := string(h.Outcome)
	if h.Reason != "" {
		outcome += ": " + string(h.Reason)
	}
	told(w, 2, outcome)
	tellWithout(w, h.Without)
	for i, r := range h.Ranges {
		if i == 10 {
			told(w, 4, fmt.Sprintf("and %d ranges more; --json has them", len(h.Ranges)-i))
			break
		}
		told(w, 4, fmt.Sprintf("%d bytes at %d read as zeros", r.Len, r.Off))
	}
	switch {
	case h.SharesBy != "":
		asIs(w, 2, "its content is that of "+string(h.SharesBy))
	case h.In != "":
		asIs(w, 2, "it lies in "+string(h.In))
	case h.Segment > 0:
		told(w, 2, fmt.Sprintf("it lies in segment %d, frame at %d, at byte %d of the frame", h.Segment, h.Frame, h.Offset))
	}
	if h.Rule != nil {
		told(w, 2, "by the rule:")
		who := h.Owner
		if h.User == "" && len(h.Contexts) == 1 {
			who = h.Contexts[0]
		}
		printRule(w, h.Rule, "", who)
	}
}
