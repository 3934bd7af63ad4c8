package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
)

// without asks what is left out of the metadata of a location.
func (s *Set) without(t testing.TB, ctx string, kind Kind, text string) (migxml.Attributes, []*AttributeRule) {
	t.Helper()
	l, err := parseLocation(kind, text)
	if err != nil {
		t.Fatal(err)
	}
	root, rest, more := strings.Cut(l.node, `\`)
	w := s.Files(root)
	if kind == Registry {
		w = s.Keys(ctx, root)
	}
	if more {
		for _, name := range strings.Split(rest, `\`) {
			w = w.Enter(name)
		}
	}
	if l.hasLeaf {
		return w.WithoutOf(l.node, l.leaf, nil)
	}
	return w.Without(l.node)
}

// attrs writes includeAttributes (+) or excludeAttributes (-) and its patterns.
func attrs(sign, list string, patterns ...string) string {
	element := map[string]string{"+": "includeAttributes", "-": "excludeAttributes"}[sign]
	var sets strings.Builder
	for _, p := range patterns {
		kind := "File"
		if strings.HasPrefix(p, "HK") {
			kind = "Registry"
		}
		fmt.Fprintf(&sets, `<pattern type=%q>%s</pattern>`, kind, esc(p))
	}
	return fmt.Sprintf(`<%s attributes=%q><objectSet>%s</objectSet></%[1]s>`, element, list, &sets)
}

func TestWithout(t *testing.T) {
	const file, folder = `C:\Lab\Sub [a.txt]`, `C:\Lab\Sub`
	lab := include(`C:\Lab\* [*]`)
	own := func(attrs, rules string) string { return component(attrs, role(`<rules>`+rules+`</rules>`)) }
	no := "<conditions><condition>MigXmlHelper.IsSystemContext()</condition></conditions>"
	for _, c := range []struct{ name, rules, at, want string }{
		{"none", own("", lab), file, ""},
		{"Security", own("", lab+attrs("-", "Security", `C:\Lab\* [*]`)), file, "Security"},
		{"of a folder", own("", lab+attrs("-", "Security", `C:\Lab\* [*]`)), folder, "Security"},
		{"of files alone", own("", lab+attrs("-", "Security", `C:\Lab\* [*.txt]`)), folder, ""},
		{"of folders alone", own("", lab+attrs("-", "Security", `C:\Lab\*`)), folder, "Security"},
		{"of folders alone, a file", own("", lab+attrs("-", "Security", `C:\Lab\*`)), file, ""},
		{"both", own("", lab+attrs("-", "TimeFields, Security", `C:\Lab\* [*]`)), file, "Security,TimeFields"},
		{"in quotes", own("", lab+attrs("-", "'Security','TimeFields'", `C:\Lab\* [*]`)), file, "Security,TimeFields"},
		{"parts", own("", lab+attrs("-", "owner,LastAccessTime", `C:\Lab\* [*]`)), file, "Owner,LastAccessTime"},
		{"by parts", own("", lab+attrs("-", "Owner,Group", `C:\Lab\* [*]`)+attrs("-", "DACL,SACL", `C:\Lab\* [*.txt]`)), file, "Security"},
		{"elsewhere", own("", lab+attrs("-", "Security", `C:\Other\* [*]`)), file, ""},
		{"a closer include", own("", lab+attrs("-", "Security", `C:\Lab\* [*]`)+attrs("+", "Security", `C:\Lab\Sub\* [*]`)), file, ""},
		{"a closer exclude", own("", lab+attrs("+", "Security", `C:\Lab\* [*]`)+attrs("-", "Security", `C:\Lab\Sub\* [*]`)), file, "Security"},
		{"a closer include of a part", own("", lab+attrs("-", "Security", `C:\Lab\* [*]`)+attrs("+", "DACL", `C:\Lab\Sub\* [*]`)), file, "Owner,Group,SACL"},
		{"a closer include of another", own("", lab+attrs("-", "Security", `C:\Lab\* [*]`)+attrs("+", "TimeFields", `C:\Lab\Sub\* [*]`)), file, "Security"},
		{"a tie", own("", lab+attrs("+", "Security", `C:\Lab\* [*]`)+attrs("-", "Security", `C:\Lab\* [*]`)), file, "Security"},
		{"an include alone", own("", lab+attrs("+", "TimeFields", `C:\Lab\* [*]`)), file, ""},
		{"another component takes it too", own("", lab+attrs("-", "Security", `C:\Lab\* [*]`)) + own("", include(`C:\* [*]`)), file, ""},
		{"and before", own("", include(`C:\* [*]`)) + own("", lab+attrs("-", "Security", `C:\Lab\* [*]`)), file, ""},
		{"another component, by name", own("", lab+attrs("-", "Security", `C:\Lab\* [*]`)) + own("", include(`C:\Lab\Sub [a.txt]`)), file, ""},
		{"another component takes it and leaves out less", own("", lab+attrs("-", "Security,TimeFields", `C:\Lab\* [*]`)) + own("", include(`C:\* [*]`)+attrs("-", "Security", `C:\* [*.txt]`)), file, "Security"},
		{"another component excludes it", own("", lab+attrs("-", "Security", `C:\Lab\* [*]`)) + own("", include(`C:\* [*]`)+strings.ReplaceAll(include(`C:\Lab\* [*]`), "include", "exclude")), file, "Security"},
		{"in a component that does not take it", own("", lab) + own("", include(`C:\Other\* [*]`)+attrs("-", "Security", `C:\Lab\* [*]`)), file, ""},
		{"in a component without includes", own("", lab) + own("", attrs("-", "Security", `C:\Lab\* [*]`)), file, ""},
		{"not taken", own("", include(`C:\Lab\* [*.doc]`)+attrs("-", "Security", `C:\Lab\* [*]`)), file, ""},
		{"conditions that do not hold", component(`context="User"`, role(`<rules>`+lab+`</rules><rules>`+no+attrs("-", "Security", `C:\Lab\* [*]`)+`</rules>`)), file, ""},
		{"a variable", own(`context="User"`, include(`%CSIDL_PERSONAL%\* [*]`)+attrs("-", "Security", `%CSIDL_PERSONAL%\* [*]`)), `C:\Users\ann\Documents [x]`, "Security"},
		{"of one user alone", own(`context="User"`, include(`C:\Users\* [*]`)+attrs("-", "Security", `%CSIDL_PERSONAL%\* [*]`)), `C:\Users\ann\Documents [x]`, ""},
		{"a key", own("", include(`HKLM\Software\Lab\* [*]`)+attrs("-", "TimeFields", `HKLM\Software\Lab\*`)), `HKLM\Software\Lab\x`, "TimeFields"},
		{"a key of a user", own("", include(`HKCU\Software\Lab\* [*]`)+attrs("-", "TimeFields", `HKCU\Software\Lab\*`)), `HKCU\Software\Lab\x`, "TimeFields"},
		{"a value", own("", include(`HKCU\Software\Lab\* [*]`)+attrs("-", "TimeFields", `HKCU\Software\Lab\*`)), `HKCU\Software\Lab [x]`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := mustCompile(t, []*migxml.Document{parse(t, "a", c.rules)}, system, user("ann"), user("bob"))
			kind := File
			if strings.HasPrefix(c.at, "HK") {
				kind = Registry
			}
			got, by := set.without(t, user("ann").Name, kind, c.at)
			if got.String() != c.want {
				t.Errorf("%s lacks %q, want %q", c.at, got, c.want)
			}
			var said migxml.Attributes
			for _, r := range by {
				said |= r.Attributes
				if r.Include || r.Pos.Line == 0 || r.Component == "" || r.Text == "" {
					t.Errorf("by %+v", r)
				}
			}
			if said&got != got || (got == 0) != (len(by) == 0) {
				t.Errorf("%q is left out by %q of %d rules", got, said, len(by))
			}
		})
	}
}

// TestWithoutKeepsDecisions: what is taken does not depend on rules about
// metadata.
func TestWithoutKeepsDecisions(t *testing.T) {
	docs := builtinRules(t)
	set := mustCompile(t, docs, benchContexts()...)
	more := parse(t, "attributes", component("", role(`<rules>`+include(`C:\Nowhere\* [*]`)+attrs("-", "Security", `C:\* [*]`)+`</rules>`)))
	also := mustCompile(t, append(docs, more), benchContexts()...)
	disk := benchDisk(20_000)
	a, n := disk.walk(set.Files("C:"))
	if b, _ := disk.walk(also.Files("C:")); a != b || a < n/5 {
		t.Errorf("%d objects of %d are taken, with rules about metadata %d", a, n, b)
	}
}
