package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/volumes"
)

// Components lists the components of rule files that are detected on an
// installation, for the system or for one of the users selected, as a
// Config.xml does.
func Components(sys *offline.System, users []*profile.User, docs []*migxml.Document, selected func(*profile.User) bool) (*migxml.Config, error) {
	_, ctxs := contexts(sys, users, selected)
	return rules.Components(docs, ctxs)
}

// finderRules are what the file that DocRules writes says about one machine.
const finderRules = `<migration urlid="urn:coldstate:found">
  <component type="Documents" context="System"><displayName>System</displayName><role role="Data"><rules>
    <include><objectSet><script>MigXmlHelper.GenerateDocPatterns("FALSE","TRUE","FALSE")</script></objectSet></include>
    <exclude><objectSet><script>MigXmlHelper.GenerateDocPatterns("FALSE","FALSE","FALSE")</script></objectSet></exclude>
  </rules></role></component>
  <component type="Documents" context="User"><displayName>User</displayName><role role="Data"><rules>
    <include><objectSet><script>MigXmlHelper.GenerateDocPatterns("FALSE","TRUE","FALSE")</script></objectSet></include>
    <exclude><objectSet><script>MigXmlHelper.GenerateDocPatterns("FALSE","FALSE","FALSE")</script></objectSet></exclude>
  </rules></role></component>
</migration>`

// ErrNothingFound is the error of DocRules on an installation that has no
// folder of documents.
var ErrNothingFound = errors.New("the document finder finds nothing")

// maxRounds bounds how often DocRules compares what its file takes with what
// the finder takes: what is left out of one component may be in another.
const maxRounds = 4

// DocRules writes a rule file of what the document finder (GenerateDocPatterns)
// finds on an installation: a component for the system and one for each user
// selected, with the folders and files by their names. On the same machine it
// takes the same objects. The warnings name what the finder leaves out for a
// reason of its own, and what the file cannot say.
func DocRules(ctx context.Context, sys *offline.System, set *volumes.Set, users []*profile.User, selected func(*profile.User) bool) (data []byte, warnings []string, err error) {
	finder, _, err := migxml.Parse("GenerateDocPatterns", []byte(finderRules))
	if err != nil {
		return nil, nil, err
	}
	want, err := Build(ctx, sys, set, users, []*migxml.Document{finder}, Options{Selected: selected})
	if err != nil {
		return nil, nil, err
	}
	for _, w := range want.Warnings {
		warnings = append(warnings, w.Msg)
	}
	g := &docRules{names: map[string]bool{}}
	own, ctxs := contexts(sys, users, selected)
	for i := range own {
		in, out, err := rules.DocPatterns(ctxs, i)
		if err != nil {
			return nil, warnings, err
		}
		g.add(&own[i], ctxs[i].Env, in, out)
	}
	if !slices.ContainsFunc(g.components, func(k *docComponent) bool { return len(k.include) > 0 }) {
		return nil, warnings, ErrNothingFound
	}
	for round := 1; ; round++ {
		data = g.xml(sys.ComputerName)
		doc, ws, err := migxml.Parse("genmigxml", data)
		if err == nil && len(ws) > 0 {
			err = errors.New(ws[0].String())
		}
		if err != nil {
			return nil, warnings, fmt.Errorf("the rule file that was made cannot be used: %w: this is a mistake of the program", err)
		}
		have, err := Build(ctx, sys, set, users, []*migxml.Document{doc}, Options{Selected: selected})
		if err != nil {
			return nil, warnings, err
		}
		more, less := difference(have, want), difference(want, have)
		left := 0
		for _, it := range more {
			if it.Kind == Stream {
				continue // it is where its file is
			}
			path := have.Path(it)
			text := rules.FilePattern(winpath.Dir(path), winpath.Base(path))
			if it.Kind == Folder || round == maxRounds || !g.components[it.Context].leaveOut(text) {
				left++
				if left == 1 {
					warnings = append(warnings, fmt.Sprintf("%s is taken by the file and not by the finder: it cannot be told apart", path))
				}
			}
		}
		if left > 1 {
			warnings = append(warnings, fmt.Sprintf("and %d more that are taken by the file and not by the finder", left-1))
		}
		if left == 0 && len(more) > 0 {
			continue
		}
		for i, it := range less {
			if i == 10 {
				warnings = append(warnings, fmt.Sprintf("and %d more that are not in the file", len(less)-i))
				break
			}
			warnings = append(warnings, fmt.Sprintf("%s is found and is not in the file: a rule file cannot hold its name", want.Path(it)))
		}
		return data, warnings, nil
	}
}

// difference is what a has and b has not.
func difference(a, b *Plan) (out []*Item) {
	type object struct {
		volume *volumes.Volume
		entry  volumes.Entry
		kind   Kind
		stream uint16
	}
	of := func(p *Plan, it *Item) object {
		return object{p.Volumes[it.Volume].Volume, it.Entry, it.Kind, it.Stream}
	}
	have := make(map[object]bool, len(b.Items))
	for i := range b.Items {
		have[of(b, &b.Items[i])] = true
	}
	for i := range a.Items {
		if it := &a.Items[i]; !have[of(a, it)] {
			out = append(out, it)
		}
	}
	return out
}

// docRules is a rule file that is being made.
type docRules struct {
	components []*docComponent // by context
	names      map[string]bool
	percent    bool // the file needs a variable for the percent sign
}

type docComponent struct {
	*docRules
	name, context    string
	profile          string // of the user it is for, "" for the system
	include, exclude []string
	left             map[string]bool
}

func (g *docRules) add(c *Context, env rules.Env, include, exclude []string) {
	k := &docComponent{docRules: g, name: "Documents of the machine", context: "System", left: map[string]bool{}}
	if c.User != nil {
		k.name, k.context = "Documents of "+Label(c.User), "User"
		if !writable(k.name) || g.names[strings.ToLower(k.name)] {
			k.name = "Documents of " + c.User.ID
		}
		k.profile, _ = env.Lookup("CSIDL_PROFILE")
	}
	g.names[strings.ToLower(k.name)] = true
	for _, text := range include {
		if writable(text) {
			k.include = append(k.include, g.literal(text))
		}
	}
	for _, text := range exclude {
		k.leaveOut(text)
	}
	g.components = append(g.components, k)
}

// leaveOut excludes what a pattern says; false when that is not possible, or
// was to no avail.
func (k *docComponent) leaveOut(text string) bool {
	if !writable(text) || k.left[text] {
		return false
	}
	k.left[text] = true
	k.exclude = append(k.exclude, k.literal(text))
	return true
}

// writable says whether XML can hold text, and a pattern mean it.
func writable(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0xfffe || r == 0xffff }) < 0
}

// percentVariable stands for a percent sign: two of them would be taken for a
// variable.
const percentVariable = "Coldstate.Percent"

func (g *docRules) literal(text string) string {
	if strings.Count(text, "%") < 2 {
		return text
	}
	g.percent = true
	return strings.ReplaceAll(text, "%", "%"+percentVariable+"%")
}

func (g *docRules) xml(computer string) []byte {
	var b bytes.Buffer
	urlid := "urn:coldstate:found"
	if computer != "" && writable(computer) {
		urlid += ":" + strings.ToLower(computer)
	}
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>
<!--
  What the document finder (GenerateDocPatterns) found on one machine. It is meant for that machine:
  look it through, take out what is not wanted, and use it in the place of the finder.
-->
<migration urlid="%s">
`, xmlText(urlid))
	for _, k := range g.components {
		if len(k.include) > 0 {
			k.xml(&b)
		}
	}
	b.WriteString("</migration>\n")
	return b.Bytes()
}

func (k *docComponent) xml(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n  <component type=\"Documents\" context=\"%s\">\n    <displayName>%s</displayName>\n", k.context, xmlElement(k.name))
	if k.percent {
		fmt.Fprintf(b, "    <environment>\n      <variable name=\"%s\">\n        <text>%%</text>\n      </variable>\n    </environment>\n", percentVariable)
	}
	b.WriteString("    <role role=\"Data\">\n")
	if k.profile != "" && writable(k.profile) && !strings.Contains(k.profile, `"`) {
		call := fmt.Sprintf(`MigXmlHelper.IsSameObject("File","%%CSIDL_PROFILE%%","%s")`, k.literal(rules.FolderPattern(k.profile)))
		fmt.Fprintf(b, "      <detection>\n        <conditions>\n          <condition>%s</condition>\n        </conditions>\n      </detection>\n", xmlElement(call))
	}
	b.WriteString("      <rules>\n")
	write := func(element string, list []string) {
		if len(list) == 0 {
			return
		}
		name, _, _ := strings.Cut(element, " ")
		fmt.Fprintf(b, "        <%s>\n          <objectSet>\n", element)
		for _, text := range list {
			fmt.Fprintf(b, "            <pattern type=\"File\">%s</pattern>\n", xmlElement(text))
		}
		fmt.Fprintf(b, "          </objectSet>\n        </%s>\n", name)
	}
	write(`include filter='MigXmlHelper.IgnoreIrrelevantLinks()'`, k.include)
	write("exclude", k.exclude)
	b.WriteString("      </rules>\n    </role>\n  </component>\n")
}

// xmlElement is s as the text of an element, in which quotes may stand.
func xmlElement(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
