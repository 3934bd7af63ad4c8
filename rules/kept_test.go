package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
)

// kept lists what a restore is told, one line for each rule.
func kept(set *Set) string {
	var lines []string
	for _, r := range set.Kept().Rules {
		s := r.Component + " " + r.Element
		if r.Filter != "" {
			s += " " + r.Filter
		}
		s += " " + strings.Join(r.Contexts, ",")
		for _, a := range r.Args {
			s += fmt.Sprintf(" (%s|%s)", a.Written, a.Source)
		}
		for _, o := range r.Objects {
			s += fmt.Sprintf(" %s:%s", o.Kind, o.Text)
		}
		lines = append(lines, s)
	}
	return strings.NewReplacer(ann.Name, "ann", bob.Name, "bob").Replace(strings.Join(lines, "\n"))
}

// TestKeptSelection: rules of what is taken that act at a restore are kept.
func TestKeptSelection(t *testing.T) {
	rule := func(tag, attrs, typ, p string) string {
		return `<` + tag + attrs + `><objectSet><pattern type="` + typ + `">` + p + `</pattern></objectSet></` + tag + `>`
	}
	same := ` filter="MigXmlHelper.SameRegContent()"`
	no := `<conditions><condition>MigXmlHelper.DoesObjectExist("File","C:\Nosuch")</condition></conditions>`
	merge := ` script="MigXmlHelper.SourcePriority()"`
	for _, c := range []struct{ name, context, rules, want string }{
		{"settings", "System", rule("include", "", "Ini", `C:\Lab\a.ini|S[k]`) + rule("include", "", "Ini", `%SYSTEMDRIVE%\Lab\a.ini|S[l]`),
			"c include System Ini:C:\\Lab\\a.ini|S[k]\nc include System Ini:C:\\Lab\\a.ini|S[l]"},
		{"an exclude of settings", "System", rule("exclude", "", "Ini", `C:\Lab\a.ini|S[k]`), `c exclude System Ini:C:\Lab\a.ini|S[k]`},
		{"an unconditionalExclude of settings", "System", rule("unconditionalExclude", "", "Ini", `C:\Lab\a.ini|S[k]`), `c unconditionalExclude System Ini:C:\Lab\a.ini|S[k]`},
		{"what the destination has already", "User", rule("exclude", same, "Registry", `HKCU\Software\Zed\* [*]`), `c exclude MigXmlHelper.SameRegContent() ann,bob Registry:HKCU\Software\Zed\* [*]`},
		{"a filter that lets nothing through", "System", rule("include", ` filter="MigXmlHelper.AnswerNo()"`, "Ini", `C:\Lab\a.ini|S[k]`), ""},
		{"other rules", "System", rule("include", "", "File", `C:\Lab [a.ini]`) + rule("exclude", "", "File", `C:\Lab [*]`), ""},
		{"settings beside files", "System", `<exclude><objectSet><pattern type="Ini">C:\Lab\a.ini|S[k]</pattern><pattern type="File">C:\Lab [a.ini]</pattern></objectSet></exclude>`, `c exclude System Ini:C:\Lab\a.ini|S[k]`},
		{"no place of a setting", "System", rule("exclude", "", "Ini", `C:\Lab\*.ini|S[k]`), ""},
		{"conditions of the rules", "System", no + rule("exclude", "", "Ini", `C:\Lab\a.ini|S[k]`), ""},
		{"conditions of the set", "System", `<exclude><objectSet>` + no + `<pattern type="Ini">C:\Lab\a.ini|S[k]</pattern></objectSet></exclude>`, ""},
		{"conditions of the set of a merge", "System", `<merge` + merge + `><objectSet>` + no + `<pattern type="Ini">C:\Lab\a.ini|S[k]</pattern></objectSet></merge>`, ""},
		{"a merge of a setting is not one of the file", "System", rule("merge", merge, "Ini", `C:\Lab\a.ini|S[k]`), `c merge System Ini:C:\Lab\a.ini|S[k]`},
		{"other names of keys", "UserAndSystem", rule("merge", merge, "Registry", `HKCR\.txt\* [*]`), "c merge System Registry:HKLM\\SOFTWARE\\Classes\\.txt\\* [*]\nc merge ann,bob Registry:HKLM\\SOFTWARE\\Classes\\.txt\\* [*] Registry:HKCU\\Software\\Classes\\.txt\\* [*]"},
		{"the control set", "System", rule("merge", merge, "Registry", `HKEY_LOCAL_MACHINE\system\controlset002\x [*]`), `c merge System Registry:HKLM\SYSTEM\CurrentControlSet\x [*]`},
	} {
		probe := &machineProbe{controlSet: 2, source: source{objects: []string{`C:\Lab [a.ini]`}}, texts: map[string]string{`C:\Lab [a.ini]`: "[S]\nk=v"}}
		set := mustCompile(t, []*migxml.Document{parse(t, "t", component(`context="`+c.context+`"`, role(`<rules>`+c.rules+`</rules>`)))}, full(probe)...)
		if got := kept(set); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestKeptRemap: variables that are to be remapped are kept once, for the
// component that has them, if it is in use.
func TestKeptRemap(t *testing.T) {
	env := func(name string) string {
		return `<environment><variable name="` + name + `" remap="TRUE"><text>C:\` + name + `</text></variable></environment>`
	}
	detection := func(file string) string {
		return `<detection><conditions><condition>MigXmlHelper.DoesObjectExist("File","` + file + `")</condition></conditions></detection>`
	}
	for _, c := range []struct{ name, rules, want string }{
		{"of a component and a role", component(`context="System"`, env("A")+role(env("B")+`<rules/>`)), "c remap System (A|) (C:\\A|C:\\A)\nc remap System (B|) (C:\\B|C:\\B)"},
		{"with a detection in the role", component(`context="System"`, env("A")+role(env("B")+detection(`C:\Lab`)+`<rules/>`)), "c remap System (A|) (C:\\A|C:\\A)\nc remap System (B|) (C:\\B|C:\\B)"},
		{"not in use", component(`context="System"`, env("A")+role(env("B")+detection(`C:\Nosuch`)+`<rules/>`)), ""},
		{"within another", `<component type="Documents" context="System"><displayName>outer</displayName>` + env("O") + `<role role="Container">` + component("", env("A")+role(`<rules/>`)) + `</role></component>`,
			"outer remap System (O|) (C:\\O|C:\\O)\nc remap System (A|) (C:\\A|C:\\A)"},
	} {
		set := mustCompile(t, []*migxml.Document{parse(t, "t", c.rules)}, full(lab)...)
		if got := kept(set); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestKeptComponents: what a restore asks about components, of those in use.
func TestKeptComponents(t *testing.T) {
	off := `<detection><conditions><condition>MigXmlHelper.DoesObjectExist("File","C:\Nosuch")</condition></conditions></detection>`
	d := parse(t, "t", `<component type="System" context="User" defaultSupported="No"><displayName>a</displayName>`+role(`<rules/>`)+`</component>
<component type="Documents"><displayName>b</displayName><role role="Container"><component type="Application" context="System"><displayName>in b</displayName>`+role(`<rules/>`)+`</component></role></component>
<component type="Documents"><displayName>off</displayName>`+role(off+`<rules/>`)+`</component>`)
	set := mustCompile(t, []*migxml.Document{d}, full(lab)...)
	var got []string
	for _, c := range set.Kept().Components {
		got = append(got, strings.NewReplacer(ann.Name, "ann", bob.Name, "bob").Replace(fmt.Sprintf("%s:%d %s %s %s %t %s", c.File, c.Line, c.URLID, c.Component, c.Type, c.DefaultSupported, strings.Join(c.Contexts, ","))))
	}
	want := []string{"t:1 urn:t a System false ann,bob", "t:2 urn:t b Documents true System,ann,bob", "t:2 urn:t in b Application true System"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
	// The contexts of rules tell for whom an object is that they share.
	d = parse(t, "t", component("", role(`<rules>`+include(`C:\Lab\* [*]`)+`</rules><rules context="User">`+include(`C:\Shared [*]`)+`</rules>`)))
	set = mustCompile(t, []*migxml.Document{d}, full(lab)...)
	for i, want := range []string{"[0 1 2]", "[1 2]"} {
		if got := fmt.Sprint(set.Rule(int32(i)).Contexts); got != want {
			t.Errorf("%s: %s", set.Rule(int32(i)).Text, got)
		}
	}
}

// TestKeptWhole: nothing of a rule that acts at restore is lost on the way, and
// nothing is kept that would act on more than was meant.
func TestKeptWhole(t *testing.T) {
	rules := func(body string) string { return role(`<rules context="System">` + body + `</rules>`) }
	set := func(p string) string { return `<objectSet><pattern type="File">` + p + `</pattern></objectSet>` }
	object := func(kind, location string) string {
		return `<addObjects><object><location type="` + kind + `">` + location + `</location><attributes>` + map[string]string{"File": "Directory", "Registry": "String"}[kind] + `</attributes><bytes string="Yes">text</bytes></object></addObjects>`
	}
	for _, c := range []struct{ name, body, want string }{
		{"a filter", `<destinationCleanup filter="MigXmlHelper.FileProperties('filesize','gt','1MB')">` + set(`C:\a\* [*]`) + `</destinationCleanup>`,
			`destinationCleanup MigXmlHelper.FileProperties('filesize','gt','1MB') [{File C:\a\* [*]}]; `},
		{"a filter that is not understood", `<destinationCleanup filter="MigXmlHelper.FileProperties('filesize','about','1MB')">` + set(`C:\a\* [*]`) + `</destinationCleanup>`, ``},
		{"no pattern that is known", `<destinationCleanup>` + set(`%NOSUCH%\* [*]`) + `</destinationCleanup><merge script="MigXmlHelper.SourcePriority()">` + set(`%NOSUCH%\* [*]`) + `</merge>`, ``},
		{"one of two patterns", `<destinationCleanup>` + set(`%NOSUCH%\* [*]`) + set(`C:\a [*]`) + `</destinationCleanup>`, `destinationCleanup  [{File C:\a [*]}]; `},
		{"no set", `<processing when="post-apply"><script>MigXmlHelper.SyncSCM('s')</script></processing>`, `processing  []; `},
		{"data of a value", object("Registry", `HKLM\SOFTWARE\x [y]`), `HKLM\SOFTWARE\x [y] "text" true`},
		{"data of a file", object("File", `C:\a [b]`), `C:\a [b] "text" true`},
		{"a file without brackets", object("File", `C:\a\b`), `C:\a\b "text" true`},
		{"a key has no data", object("Registry", `HKLM\SOFTWARE\x`), `HKLM\SOFTWARE\x "" false`},
		{"the root of a drive has no data", object("File", `C:\`), `C:\ "" false`},
	} {
		d := parse(t, "t.xml", component("", rules(c.body)))
		s, _, err := Compile([]*migxml.Document{d}, full(lab), Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range s.Kept().Rules {
			got += fmt.Sprintf("%s %s %v; ", r.Element, r.Filter, r.Objects)
		}
		for _, o := range s.Kept().Objects {
			got += fmt.Sprintf("%s %q %t", o.Location, o.Data, o.IsText)
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
