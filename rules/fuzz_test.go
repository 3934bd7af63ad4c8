package rules

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coldstate/coldstate/migxml"
)

// FuzzPattern parses a pattern and compares the walk to a path with the
// matcher for whole paths.
func FuzzPattern(f *testing.F) {
	for _, p := range []string{
		`C:\Lab\* [*.txt]`, `C:\*\Lab\* [*]`, `C:\Lab`, `C:\a*b\c* [a*b*c]`, `* [*.iso]`, `C:\Lab\ [^[k^].txt]`, `c*`, `C:\A*\B\*C* []`,
		`HKCU\Software\* []`, `HK*\x [*]`, `C:\[`, `\\?\C:\x`, `C:\ä* [Ö]`, `C:\a^`,
	} {
		f.Add(p, `C:\Lab\sub`, "a.txt", true)
		f.Add(p, `C:\Other\Lab`, "", false)
	}
	f.Fuzz(func(t *testing.T, text, node, leaf string, hasLeaf bool) {
		// Paths are made of names: no separators at the ends or in a row. Long
		// texts make the plain matcher slow and show nothing.
		if len(text) > 200 || len(node) > 200 || len(leaf) > 100 || !utf8.ValidString(text+node+leaf) {
			return
		}
		names := strings.Split(node, `\`)
		for _, n := range names {
			if n == "" {
				return
			}
		}
		for kind := range Registry + 1 {
			l, err := parseLocation(kind, text)
			if err != nil {
				continue
			}
			p := compiled{pattern: l.pattern(), action: migxml.Include}
			p.kind = p.leafKind()
			tr := newTree([]compiled{p})
			w := tr.root(names[0])
			for _, n := range names[1:] {
				w = w.Enter(n)
			}
			var got bool
			if hasLeaf {
				got = w.Leaf(leaf).Take
			} else {
				got = w.Self().Take
			}
			if want := plainMatch(p.pattern, node, leaf, hasLeaf); got != want {
				t.Fatalf("%q (%q %q %t) and %q %q %t: %t, want %t", text, p.node, p.leaf, p.hasLeaf, node, leaf, hasLeaf, got, want)
			}
			// The text of what was understood means the same.
			again := escape(l.node)
			if l.hasLeaf {
				again += " [" + escape(l.leaf) + "]"
			}
			if l2, err := parseLocation(kind, again); err != nil || l2 != l {
				t.Fatalf("%q is %+v, but %q is %+v, %v", text, l, again, l2, err)
			}
		}
	})
}

// FuzzLint looks for traps in any rule file: each is told with its place.
func FuzzLint(f *testing.F) {
	for _, s := range []string{
		component("", role(`<rules>`+include(`C:\a`, `C:\*\b\* [*.doc]`, `HKCU\a`, `%CSIDL_PERSONAL%\* [*]`)+`</rules>`)),
		component(`context="System"`, `<environment context="User"><variable name="A"><text>%B%</text></variable></environment>`+role(`<rules context="User"/><rules>`+include(`%A%\* [*]`)+`</rules>`)),
		`<namedElements><rules name="a"><rules name="a"/><rules name="a"/></rules></namedElements>` + component("", role(`<rules name="a"/>`)),
		`<namedElements><conditions name="a"><conditions name="a"/><conditions name="a"/></conditions></namedElements>` + component("", role(`<detection><conditions name="a"/></detection>`)),
		`<namedElements><environment name="a"/><detects name="a"><detect name="b"/></detects><detect name="b"><detect name="b"/><detect name="b"/></detect></namedElements>` + component("", `<environment name="a"/>`+role(`<detects name="a"/>`)),
		component("", role(`<rules>`+include(`C:\* [*]`)+attrs("-", "Security", `C:\* [*]`)+`<exclude><objectSet><script>MigXmlHelper.GenerateDrivePatterns("* [*.%a%]","Fixed")</script><content filter="MigXmlHelper.ExtractSingleFile(NULL,'%a%')"><objectSet/></content></objectSet></exclude></rules>`)),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		d, _, err := migxml.Parse("f", []byte(`<migration urlid="x">`+body+`</migration>`))
		if err != nil {
			return
		}
		for _, w := range Lint([]*migxml.Document{d, d}, names) {
			if w.File != "f" || w.Line < 1 || w.Col < 1 || w.Msg == "" {
				t.Fatalf("%+v", w)
			}
		}
	})
}

// FuzzCompile compiles any rule file and asks about a few objects.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		component("", `<extensions><extension>x]</extension></extensions>`+role(`<rules>`+include(`%CSIDL_PERSONAL%\* [*]`, `HKCU\a [b]`)+`</rules>`)),
		component("", `<environment><variable name="A"><text>%A%%A%</text></variable><variable name="B"><script>MigXmlHelper.GetStringContent("Registry","HKLM\x [y]")</script></variable></environment>`+role(`<rules>`+include(`%A%\* [*]`)+`</rules>`)),
		component("", role(`<detects><detect><condition>MigXmlHelper.DoesObjectExist("File","C:\*")</condition></detect></detects><rules>`+include(`C:\a [*]`)+`</rules>`)),
		`<namedElements><rules name="a"><rules name="a"/></rules></namedElements>` + component("", role(`<rules name="a"/>`)),
		block(`I C:\Lab\* [*] ; E C:\*\Sub\* [*.txt] // U C:\* [a*b]`, "UserAndSystem", "File"),
		component("", role(`<rules><include><objectSet><script>MigXmlHelper.GenerateUserPatterns("File","%CSIDL_PROFILE%\* [*]","FALSE")</script></objectSet></include></rules>`)),
		component("", `<environment><variable name="A" remap="TRUE"><text>HK*</text></variable></environment>`+role(`<rules>`+include(`HKU\*\a [b]`, `HKCR\* [*]`, `HKLM\S*\a`)+attrs("-", "TimeFields", `HKU\* [*]`)+
			`<unconditionalExclude><objectSet><script>MigXmlHelper.GenerateUserPatterns("Registry","%A%\Software []","TRUE")</script></objectSet></unconditionalExclude></rules>`)),
		component("", role(`<detection><conditions><condition>MigXmlHelper.AnswerNo()</condition></conditions></detection><rules><include filter="MigXmlHelper.NeverRestore()"><objectSet><pattern type="Ini">C:\a.ini|b[c]</pattern><pattern type="File">C:\Lab\* [*]</pattern></objectSet></include></rules>`)),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		d, _, err := migxml.Parse("f", []byte(`<migration urlid="x">`+body+`</migration>`))
		if err != nil {
			return
		}
		set, _, err := Compile([]*migxml.Document{d}, full(lab)[:2], Options{Explain: true, Others: full(lab)[2:]})
		if err != nil {
			return
		}
		for _, path := range []string{`C:\Lab\Sub`, `C:\Users\ann\Documents\x`, `D:\a`} {
			d := set.decide("", File, path, "a.txt", true)
			if d.Take && !set.Rule(d.Rule).Include {
				t.Fatalf("%s is taken by %+v", path, set.Rule(d.Rule))
			}
			set.decide("", File, path, "", false)
		}
		want := set.decide(ann.Name, Registry, `HKCU\Software`, "", true)
		if got, _ := set.Explain(Registry, ann.Name, `HKCU\Software`, "", true, nil); got.Take != want.Take || want.Rule >= 0 && got != want {
			t.Fatalf("explained as %+v, is %+v", got, want)
		}
		set.Explain(Registry, "", `HKU\`+bob.Name+`\Software`, "", true, nil)
	})
}
