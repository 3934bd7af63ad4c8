package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
)

// TestExplainOff: a rule that is off is named with the reason, and has no say.
func TestExplainOff(t *testing.T) {
	no := "<conditions>\n<condition>MigXmlHelper.DoesObjectExist('File','C:\\Nosuch')</condition></conditions>"
	inc := include(`C:\Lab\* [*]`)
	reg := func(tag, p string) string {
		return `<` + tag + `><objectSet><pattern type="Registry">` + p + `</pattern></objectSet></` + tag + `>`
	}
	off := func(ids ...string) (list []*migxml.ConfigComponent) {
		for i, id := range ids {
			list = append(list, &migxml.ConfigComponent{Pos: migxml.Pos{File: "Config.xml", Line: 7 + i}, ID: id})
		}
		return list
	}
	second := parse(t, "second", component("", role(`<rules>`+inc+`</rules>`)))
	second.URLID = "urn:t"
	const detection, conditions, config = "its detection is false on this source", "its conditions are false on this source", "a Config.xml switches its component off"
	for _, c := range []struct {
		name, rules string
		opt         Options
		want        string // of each rule that is off: action, context, why, place
	}{
		{"nothing is off", component("", role(`<rules>`+inc+`</rules>`)), Options{}, ""},
		{"detection", component(`context="System"`, role(`<detection>`+no+`</detection><rules>`+inc+`</rules>`)), Options{}, "include 0 " + detection + " t:1"},
		{"detection of a component, its exclude too", component(`context="System"`, role(`<detection>`+no+`</detection><rules>`+inc+`<exclude><objectSet><pattern type="File">C:\Lab [a.txt]</pattern></objectSet></exclude></rules>`)), Options{},
			"exclude 0 " + detection + " t:1; include 0 " + detection + " t:1"},
		{"conditions of rules", component(`context="System"`, role(`<rules>`+no+inc+`</rules>`)), Options{}, "include 0 " + conditions + " t:1"},
		{"detects of rules", component(`context="System"`, role("<rules>\n<detects><detect><condition>MigXmlHelper.DoesObjectExist('File','C:\\Nosuch')</condition></detect></detects>"+inc+`</rules>`)), Options{}, "include 0 " + conditions + " t:2"},
		{"conditions of a set", component(`context="System"`, role("<rules><include><objectSet>\n"+no+`<pattern type="File">C:\Lab [a.txt]</pattern></objectSet></include></rules>`)), Options{}, "include 0 " + conditions + " t:2"},
		{"conditions around rules", component(`context="System"`, role(`<rules>`+no+`<rules>`+inc+`</rules></rules>`)), Options{}, "include 0 " + conditions + " t:1"},
		{"a Config.xml", component(`context="System"`, role(`<rules>`+inc+`</rules>`)), Options{Off: off("urn:t/c/data")}, "include 0 " + config + " Config.xml:7"},
		{"a Config.xml and a detection", component(`context="System"`, role(`<detection>`+no+`</detection><rules>`+inc+`</rules>`)), Options{Off: off("urn:t/other/data", "urn:t/c/data")}, "include 0 " + config + " Config.xml:8"},
		{"a Config.xml, types of files", component(`context="System"`, `<extensions><extension>txt</extension></extensions>`+role(``)), Options{Off: off("urn:t/c/data")}, "include 0 " + config + " Config.xml:7"},
		{"a Config.xml, one of two roles", component(`context="System"`, `<extensions><extension>doc</extension></extensions><role role="Settings"><rules>`+inc+`</rules></role>`+role(``)), Options{Off: off("urn:t/c/settings")}, "include 0 " + config + " Config.xml:7"},
		{"a Config.xml, a component within another", `<component type="Documents" context="System"><displayName>outer</displayName><environment><variable name="X"><text>C:\Lab</text></variable></environment><role role="Container">` +
			component("", role(`<rules>`+include(`%X% [*]`)+`</rules>`)) + `</role></component>`, Options{Off: off("urn:t/c/data")}, "include 0 " + config + " Config.xml:7"},
		{"a user who is not chosen", component(`context="User"`, role(`<rules>`+include(`C:\Lab [%NAME%*]`)+`</rules>`)), Options{Others: []Context{{Name: "eve", User: true, Env: vars{"NAME": "a"}}}}, "include 3 the user is not chosen"},
		{"such a user, and a Config.xml", component(`context="User"`, role(`<rules>`+include(`C:\Lab [%NAME%*]`)+`</rules>`)), Options{Off: off("urn:t/c/data"), Others: []Context{{Name: "eve", User: true, Env: vars{"NAME": "a"}}}}, "include 3 " + config + " Config.xml:7"},
		{"a Config.xml, one of two roles, and a type of files", component(`context="System"`, `<extensions><extension>txt</extension></extensions><role role="Settings"><rules>`+inc+`</rules></role>`+role(``)), Options{Off: off("urn:t/c/settings")}, "include 0 " + config + " Config.xml:7"},
		{"patterns for users", component(`context="System"`, role(`<rules><include><objectSet><script>MigXmlHelper.GenerateUserPatterns("File","C:\Lab [%NAME%*]","TRUE")</script></objectSet></include></rules>`)),
			Options{Others: []Context{{Name: "eve", User: true, Env: vars{"NAME": "a"}}}}, "include 0 the user is not chosen"},
		{"a filter", component(`context="System"`, role(`<rules><include filter="MigXmlHelper.AnswerNo()"><objectSet><pattern type="File">C:\Lab [a.txt]</pattern></objectSet></include></rules>`)), Options{}, "include 0 its filter lets nothing through t:1"},
		{"a second file of a urlid", component(`context="System"`, role(`<rules/>`)), Options{}, "include 0 its file has the urlid of t, and is not used second:1"},
		{"the same rule is on for another user", component("", role(`<rules context="User">`+inc+`</rules>`)), Options{Others: []Context{{Name: "eve", User: true}}}, ""},
		{"another object", component(`context="System"`, role(`<detection>`+no+`</detection><rules>`+include(`C:\Lab\x\* [*]`, `C:\Lab`, `C:\Lab [b.txt]`)+reg("include", `HKLM\* [*]`)+`</rules>`)), Options{}, ""},
	} {
		d := parse(t, "t", c.rules)
		d.URLID = "urn:t"
		docs := []*migxml.Document{d}
		if strings.Contains(c.name, "urlid") {
			docs = append(docs, second)
		}
		c.opt.Explain = true
		set, warnings, err := Compile(docs, full(lab), c.opt)
		if err != nil {
			t.Fatal(c.name, err)
		}
		c.opt.Explain = false
		plain, plainWarnings, err := Compile(docs, full(lab), c.opt)
		if err != nil || fmt.Sprint(warnings) != fmt.Sprint(plainWarnings) {
			t.Errorf("%s: %v; warnings %v, without explanations %v", c.name, err, warnings, plainWarnings)
		}
		want := plain.decide("", File, `C:\Lab`, "a.txt", true)
		decision, matches := set.Explain(File, "", `C:\Lab`, "a.txt", true, nil)
		if decision != want {
			t.Errorf("%s: %+v, want %+v", c.name, decision, want)
		}
		var got []string
		for _, m := range matches {
			r := set.Rule(m.Rule)
			if !m.Off {
				if m.Why == "" != m.Wins {
					t.Errorf("%s: %+v", c.name, m)
				}
				continue
			}
			action := "include"
			if r.Exclude {
				action = "exclude"
			}
			s := fmt.Sprintf("%s %d %s", action, m.Context, m.Why)
			if m.At.File != "" {
				s += fmt.Sprintf(" %s:%d", m.At.File, m.At.Line)
			}
			if m.Wins || r.Text == "" || m.By >= 0 {
				t.Errorf("%s: %+v of %+v", c.name, m, r)
			}
			got = append(got, s)
		}
		// The place of the document itself is its root.
		if s := strings.Join(sorted(got), "; "); s != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, s, c.want)
		}
	}
}

// TestExplainOffFilter: a rule that is off would fit only what its filter lets
// through.
func TestExplainOffFilter(t *testing.T) {
	d := parse(t, "t", component(`context="System"`, role(`<detection><conditions><condition>MigXmlHelper.DoesObjectExist('File','C:\Nosuch')</condition></conditions></detection>
<rules><include filter='MigXmlHelper.FileProperties("filesize","gt","1KB")'><objectSet><pattern type="File">C:\Lab [*]</pattern></objectSet></include></rules>`)))
	set, _, err := Compile([]*migxml.Document{d}, full(lab), Options{Explain: true})
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int64]int{1024: 0, 1025: 1} {
		if _, matches := set.Explain(File, "", `C:\Lab`, "a.txt", true, &thing{size: size}); len(matches) != want {
			t.Errorf("%d bytes: %+v", size, matches)
		}
	}
}

// TestExplainOffKeys: the same for keys, HKCU of users who are not chosen among
// them.
func TestExplainOffKeys(t *testing.T) {
	d := parse(t, "t", component(`context="User"`, role(`<rules>`+include(`HKCU\Software\Zed [x]`)+`</rules>`))+
		component(`context="System"`, role(`<detection><conditions><condition>MigXmlHelper.DoesObjectExist('File','C:\Nosuch')</condition></conditions></detection><rules>`+include(`HKCR\.txt [x]`)+`</rules>`)))
	eve := Context{Name: "S-1-5-21-9", User: true, Env: vars{}}
	set, _, err := Compile([]*migxml.Document{d}, full(lab), Options{Explain: true, Others: []Context{eve}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ctx, node string
		want      int
	}{
		{"System", `HKU\S-1-5-21-9\Software\Zed`, 1}, {"System", `HKU\S-1-5-21-99\Software\Zed`, 0}, {ann.Name, `HKCU\Software\Zed`, 0},
		{"System", `HKLM\SOFTWARE\Classes\.txt`, 1},
	} {
		_, matches := set.Explain(Registry, c.ctx, c.node, "x", true, nil)
		n := 0
		for _, m := range matches {
			if m.Off {
				n++
			}
		}
		if n != c.want {
			t.Errorf("%s: %d rules are off: %+v", c.node, n, matches)
		}
	}
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
