package rules

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/pe"
	"github.com/coldstate/coldstate/migxml"
)

func component(attrs, inner string) string {
	return `<component type="Documents" ` + attrs + `><displayName>c</displayName>` + inner + `</component>`
}

func role(inner string) string { return `<role role="Data">` + inner + `</role>` }

func include(patterns ...string) string {
	s := "<include><objectSet>"
	for _, p := range patterns {
		kind := "File"
		if strings.HasPrefix(p, "HK") {
			kind = "Registry"
		}
		s += `<pattern type="` + kind + `">` + esc(p) + `</pattern>`
	}
	return s + "</objectSet></include>"
}

var (
	ann = user("ann")
	bob = user("bob")
)

// full gives every context a probe.
func full(p Probe) []Context {
	ctxs := []Context{system, ann, bob}
	for i := range ctxs {
		ctxs[i].Probe = p
	}
	return ctxs
}

// machineProbe answers everything.
type machineProbe struct {
	source
	bits64     bool
	controlSet int
	ids        []string          // of those below HKU
	names      map[string]string // of volumes
	version    string
	texts      map[string]string // by location
	marks      map[string]string // by path: "h", "hs", "link"
	versions   map[string]*pe.FileVersion
	links      map[string]string
}

func (p *machineProbe) Native64Bit() bool { return p.bits64 }
func (p *machineProbe) Version() string   { return p.version }
func (p *machineProbe) Text(kind Kind, node, leaf string) (string, bool) {
	for l, s := range p.texts {
		if strings.EqualFold(l, node+" ["+leaf+"]") {
			return s, true
		}
	}
	return "", false
}

var lab = &machineProbe{
	source: source{
		objects: []string{`C:\Lab`, `C:\Lab [tool.exe]`, `HKLM\SOFTWARE\Zed`, `HKLM\SOFTWARE\Zed [Path]`, `HKCU\Software\Own`, `C:\Users\ann\Documents`},
		drives:  map[string][]string{"Fixed": {"C:", "D:"}, "CDROM": {"E:"}},
	},
	bits64:  true,
	version: "6.1.7601.Service Pack 1",
	texts: map[string]string{
		`HKLM\SOFTWARE\Zed [Path]`:     `C:\Lab`,
		`HKLM\SOFTWARE\Zed [Raw]`:      `%SystemDrive%\Lab`,
		`HKLM\SOFTWARE\Zed [Brackets]`: `C:\a[1]`,
		`HKLM\SOFTWARE\Zed [Star]`:     `C:\*`,
		`HKLM\SOFTWARE\Zed [Edition]`:  `Professional`,
	},
}

// TestTaken asks what rules take, each case with the rules in its way.
func TestTaken(t *testing.T) {
	text := func(name, value string) string {
		return `<variable name="` + name + `"><text>` + esc(value) + `</text></variable>`
	}
	when := func(condition string) string {
		return component("", role(`<detection><conditions>`+condition+`</conditions></detection><rules>`+include(`C:\Lab\* [*]`)+`</rules>`))
	}
	cond := func(call string) string { return `<condition>` + esc(call) + `</condition>` }
	not := func(call string) string { return `<condition negation="Yes">` + esc(call) + `</condition>` }
	for _, c := range []struct {
		name, rules string
		taken, left []string
	}{
		{"component User, rules System: never runs", component(`context="User"`, role(`<rules context="System">`+include(`C:\Lab\* [*]`)+`</rules>`)),
			nil, []string{`C:\Lab [a.txt]`}},
		{"component System: no user's variables", component(`context="System"`, role(`<rules>`+include(`%CSIDL_PERSONAL%\* [*]`)+`</rules>`)),
			nil, []string{`C:\Users\ann\Documents [a.txt]`}},
		{"user variables, once for each", component(`context="User"`, role(`<rules>`+include(`%csidl_personal%\* [*]`)+`</rules>`)),
			[]string{`C:\Users\ann\Documents [a.txt]`, `C:\Users\bob\Documents\x [a.txt]`}, []string{`C:\Users\carl\Documents [a.txt]`}},
		{"the folder itself", component("", role(`<rules>`+include(`C:\Lab\ [*]`)+`</rules>`)),
			[]string{`C:\Lab`, `C:\Lab [a.txt]`}, []string{`C:\Lab\Sub`, `C:\`}},
		{"folders below", component("", role(`<rules>`+include(`C:\Lab\* [*]`)+`</rules>`)),
			[]string{`C:\Lab`, `C:\Lab\Sub`}, []string{`C:\`, `C:\Lab2`}},
		{"no folders with an extension", component("", role(`<rules>`+include(`C:\Lab\* [*.txt]`)+`</rules>`)),
			[]string{`C:\Lab\Sub [a.txt]`}, []string{`C:\Lab`, `C:\Lab\Sub`}},
		{"folders only", component("", role(`<rules>`+include(`C:\Lab\*`)+`</rules>`)),
			[]string{`C:\Lab`, `C:\Lab\Sub\Deep`}, []string{`C:\Lab [a.txt]`, `C:\Lab\Sub [a.txt]`}},
		{"empty brackets are the folder", component("", role(`<rules>`+include(`C:\Lab[]`)+`</rules>`)),
			[]string{`C:\Lab`}, []string{`C:\Lab [a.txt]`, `C:\Lab\Sub`}},
		{"the root folder of a drive", component("", role(`<rules>`+include(`C:\* [*]`)+`</rules>`)),
			[]string{`C:\`, `C:\ [a.txt]`, `C:\a\b [c]`}, []string{`D:\`, `D:\ [a.txt]`}},
		{"files of the root folder", component("", role(`<rules>`+include(`C:\ [*.sys]`)+`</rules>`)),
			[]string{`C:\ [PAGEFILE.SYS]`}, []string{`C:\`, `C:\a [b.sys]`}},
		{"a volume without letter", component("", role(`<rules>`+include(`2:\Data\* [*]`, `*\Mail [*]`)+`</rules>`)),
			[]string{`2:\Data [a]`, `3:\x\mail [a]`, `3:\mail [a]`}, []string{`2:\ [a]`, `2:\x [a]`}},
		{"part of a name", component("", role(`<rules>`+include(`C:\Win*\x [*]`)+`</rules>`)),
			[]string{`C:\Windows\x [a]`, `C:\Win\a\x [a]`, `C:\windows.old\b\x [a]`}, []string{`C:\wi\x [a]`, `C:\Windows\y [a]`}},
		{"other cases and alphabets", component("", role(`<rules>`+include(`C:\ÄÖÜ\* [Ж*.TXT]`)+`</rules>`)),
			[]string{`C:\äöü [жук.txt]`}, []string{`C:\aou [жук.txt]`}},
		{"keys and values", component("", role(`<rules>`+include(`HKEY_LOCAL_MACHINE\SOFTWARE\Zed\* [*]`, `HKCU\Software\Own []`)+`</rules>`)),
			[]string{`HKLM\Software\Zed`, `HKLM\SOFTWARE\zed []`, `HKLM\SOFTWARE\Zed\Sub [x]`, `HKCU\Software\Own []`},
			[]string{`HKCU\Software\Own`, `HKCU\Software\Own [x]`, `HKLM\SOFTWARE [x]`}},
		{"no HKCU for the system", component(`context="System"`, role(`<rules>`+include(`HKCU\Software\* [*]`)+`</rules>`)),
			nil, []string{`HKCU\Software [x]`}},

		{"filters at capture", component("", role(`<rules><include filter="MigXmlHelper.IgnoreIrrelevantLinks()"><objectSet><pattern type="File">C:\a [*]</pattern></objectSet></include>`+
			`<include filter='migxmlhelper.NeverRestore ( )'><objectSet><pattern type="File">C:\b [*]</pattern></objectSet></include>`+
			`<include filter="MigXmlHelper.AnswerNo()"><objectSet><pattern type="File">C:\c [*]</pattern></objectSet></include></rules>`)),
			[]string{`C:\a [x]`, `C:\b [x]`}, []string{`C:\c [x]`}},
		{"an exclude that does not apply", component("", role(`<rules>`+include(`C:\a [*]`)+`<exclude filter="MigXmlHelper.AnswerNo()"><objectSet><pattern type="File">C:\a [*]</pattern></objectSet></exclude></rules>`)),
			[]string{`C:\a [x]`}, nil},
		{"drive patterns", component("", role(`<rules><include><objectSet><script>MigXmlHelper.GenerateDrivePatterns ("* [*.mp3]", "fixed")</script></objectSet></include></rules>`)),
			[]string{`C:\ [a.mp3]`, `D:\x [a.mp3]`}, []string{`E:\ [a.mp3]`, `C:\ [a.txt]`}},
		{"extensions", component("", `<extensions><extension>mp3</extension><extension>.flac</extension></extensions>`+role("")),
			[]string{`C:\ [a.mp3]`, `D:\x [a.FLAC]`}, []string{`E:\ [a.mp3]`}},
		{"an extension is literal", component("", `<extensions><extension>a[1]</extension><extension>b^</extension></extensions>`+role("")),
			[]string{`C:\ [x.a^[1^]]`, `C:\ [x.b^^]`}, []string{`C:\ [x.a1]`}},
		{"user patterns", component(`context="System"`, role(`<rules><include><objectSet><script>MigXmlHelper.GenerateUserPatterns("File","%CSIDL_PERSONAL%\* [*.doc]","TRUE")</script></objectSet></include></rules>`)),
			[]string{`C:\Users\ann\Documents [a.doc]`, `C:\Users\bob\Documents\x [a.doc]`}, []string{`C:\Users\carl\Documents [a.doc]`}},
		{"other users' patterns", component(`context="User"`, role(`<rules>`+include(`C:\Users\* [*]`)+`<exclude><objectSet><script>MigXmlHelper.GenerateUserPatterns("File","%CSIDL_PROFILE%\* [*]","FALSE")</script></objectSet></exclude></rules>`)),
			[]string{`C:\Users\ann [x]`, `C:\Users\x [y]`}, nil},

		{"variables", component("", `<environment>`+text("Root", `%SYSTEMDRIVE%\Lab`)+text("Deep", `%root%\Sub`)+`</environment>`+role(`<rules>`+include(`%DEEP%\* [*]`)+`</rules>`)),
			[]string{`C:\Lab\Sub [x]`}, []string{`C:\Lab [x]`}},
		{"a text of rules is rule language", component("", `<environment>`+text("All", `C:\Lab\* [a*]`)+`</environment>`+role(`<rules>`+include(`%All%`)+`</rules>`)),
			[]string{`C:\Lab\x [a.txt]`}, []string{`C:\Lab [b.txt]`}},
		{"a value of the source is literal", component("", `<environment><variable name="B"><script>MigXmlHelper.GetStringContent("Registry","HKLM\SOFTWARE\Zed [Brackets]")</script></variable></environment>`+role(`<rules>`+include(`%B%\* [*]`)+`</rules>`)),
			[]string{`C:\a^[1^] [x]`}, []string{`C:\a [x]`, `C:\a1 [x]`}},
		{"an asterisk from the source", component("", `<environment><variable name="B"><script>MigXmlHelper.GetStringContent("Registry","HKLM\SOFTWARE\Zed [Star]")</script></variable></environment>`+role(`<rules>`+include(`%B%\* [*]`)+`</rules>`)),
			nil, []string{`C:\a [x]`}},
		{"a value with a variable in it", component("", `<environment><variable name="B"><script>MigXmlHelper.GetStringContent("Registry","HKLM\SOFTWARE\Zed [Raw]")</script></variable></environment>`+role(`<rules>`+include(`%B%\* [*]`)+`</rules>`)),
			[]string{`C:\Lab [x]`}, nil},
		{"the inner variable hides the outer", component("", `<environment>`+text("R", `C:\a`)+`</environment><role role="Data"><environment>`+text("R", `C:\b`)+`</environment><rules>`+include(`%R% [*]`)+`</rules></role>`),
			[]string{`C:\b [x]`}, []string{`C:\a [x]`}},
		{"a variable of the system in rules of users", component("", `<environment context="System">`+text("R", `%PROGRAMFILES%\Zed`)+`</environment>`+role(`<rules context="User">`+include(`%R% [*]`)+`</rules>`)),
			[]string{`C:\Program Files\Zed [x]`}, nil},
		{"an environment whose conditions fail", component("", `<environment><conditions>`+not("MigXmlHelper.IsNative64Bit()")+`</conditions>`+text("R", `C:\a`)+`</environment>`+role(`<rules>`+include(`%R% [*]`)+`</rules>`)),
			nil, []string{`C:\a [x]`}},
		{"a percent sign", component("", role(`<rules>`+include(`C:\100% [*]`, `C:\a%\b%\* [*]`)+`</rules>`)),
			[]string{`C:\100% [x]`, `C:\a%\b% [x]`}, nil},

		{"detected folder", when(cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`)), []string{`C:\Lab [x]`}, nil},
		{"detected file without brackets", when(cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab\TOOL.exe")`)), []string{`C:\Lab [x]`}, nil},
		{"detected with wildcard", when(cond(`MigXmlHelper.DoesObjectExist("File","C:\* [*.exe]")`)), []string{`C:\Lab [x]`}, nil},
		{"not detected", when(cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)), nil, []string{`C:\Lab [x]`}},
		{"detected value", when(cond(`MigXMLHelper.DoesObjectExist('Registry','HKLM\Software\Zed\ [path]')`)), []string{`C:\Lab [x]`}, nil},
		{"AND by default", when(cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`) + cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)), nil, []string{`C:\Lab [x]`}},
		{"OR", component("", role(`<detection><conditions operation="or">`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`)+`</conditions></detection><rules>`+include(`C:\Lab [*]`)+`</rules>`)),
			[]string{`C:\Lab [x]`}, nil},
		{"negation", when(not(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)), []string{`C:\Lab [x]`}, nil},
		{"a question that makes no sense is never true", when(not(`MigXmlHelper.DoesObjectExist("Folder","C:\Lab")`)), nil, []string{`C:\Lab [x]`}},
		{"old conditions of an object set are all needed", component("", role(`<rules><include><objectSet>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`)+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)+`<pattern type="File">C:\a [*]</pattern></objectSet></include></rules>`)),
			nil, []string{`C:\a [x]`}},
		{"a detect with patterns of drives", component("", role(`<detects><detect><objectSet><script>MigXmlHelper.GenerateDrivePatterns("* [*.exe]","Fixed")</script></objectSet></detect></detects><rules>`+include(`C:\a [*]`)+`</rules>`)),
			[]string{`C:\a [x]`}, nil},
		{"nested detects are all needed", component("", role(`<detects><detect>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`)+`<detect>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)+`</detect></detect></detects><rules>`+include(`C:\a [*]`)+`</rules>`)),
			nil, []string{`C:\a [x]`}},
		{"a plain variable compared as text", when(cond(`MigXmlHelper.DoesStringContentEqual("File","%CSIDL_USER%","")`) + not(`MigXmlHelper.DoesStringContentEqual("Registry","%SYSTEMDRIVE%","D:")`)), []string{`C:\Lab [x]`}, nil},
		{"detects of rules", component("", role(`<rules><detects><detect>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)+`</detect></detects>`+include(`C:\a [*]`)+`</rules>`)),
			nil, []string{`C:\a [x]`}},
		{"several detections are alternatives", component("", role(`<detection><conditions>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)+`</conditions></detection><detects><detect>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`)+`</detect></detects><rules>`+include(`C:\Lab [*]`)+`</rules>`)),
			[]string{`C:\Lab [x]`}, nil},
		{"every detect, one condition of each", component("", role(`<detects><detect>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`)+`</detect><detect>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)+`</detect></detects><rules>`+include(`C:\Lab [*]`)+`</rules>`)),
			nil, []string{`C:\Lab [x]`}},
		{"a detect with objects", component("", role(`<detects><detect><objectSet><pattern type="File">C:\Lab2</pattern><pattern type="Registry">HKLM\SOFTWARE\Zed</pattern></objectSet></detect></detects><rules>`+include(`C:\Lab [*]`)+`</rules>`)),
			[]string{`C:\Lab [x]`}, nil},
		{"a named detect", `<namedElements><detect name="there">` + cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`) + `</detect></namedElements>` +
			component("", role(`<detects><detect name="THERE"/></detects><rules>`+include(`C:\Lab [*]`)+`</rules>`)),
			nil, []string{`C:\Lab [a.txt]`}},
		{"a detect of the system is asked there for users too", component("", role(`<detects><detect context="System">`+cond(`MigXmlHelper.IsSystemContext()`)+`</detect></detects><rules>`+include(`%CSIDL_PERSONAL%\* [*]`)+`</rules>`)),
			[]string{`C:\Users\ann\Documents [a.txt]`}, nil},
		{"a detect of users is not asked of the system", component("", role(`<detects><detect context="User">`+not(`MigXmlHelper.IsSystemContext()`)+`</detect><detect>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`)+`</detect></detects><rules context="System">`+include(`C:\Lab [*]`)+`</rules>`)),
			[]string{`C:\Lab [a.txt]`}, nil},
		{"nested, too", component("", role(`<detects><detect>`+`<detect context="User">`+not(`MigXmlHelper.IsSystemContext()`)+`</detect>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`)+`</detect></detects><rules context="System">`+include(`C:\Lab [*]`)+`</rules>`)),
			[]string{`C:\Lab [a.txt]`}, nil},
		{"with detects of users alone, the system has nothing", component("", role(`<detects><detect><detect context="User">`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`)+`</detect></detect></detects><rules context="System">`+include(`C:\Lab [*]`)+`</rules><rules>`+include(`%CSIDL_PERSONAL%\* [*]`)+`</rules>`)),
			[]string{`C:\Users\ann\Documents [a.txt]`}, []string{`C:\Lab [a.txt]`}},
		{"the context of a named detection counts", `<namedElements><detection name="there" context="System"><conditions>` + cond(`MigXmlHelper.IsSystemContext()`) + `</conditions></detection></namedElements>` +
			component("", role(`<detection name="there"/><rules>`+include(`%CSIDL_PERSONAL%\* [*]`)+`</rules>`)),
			[]string{`C:\Users\ann\Documents [a.txt]`}, nil},
		{"and narrows", `<namedElements><detection name="there" context="User"><conditions>` + cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`) + `</conditions></detection></namedElements>` +
			component("", role(`<detection name="there"/><rules context="System">`+include(`C:\Lab [*]`)+`</rules>`)),
			nil, []string{`C:\Lab [a.txt]`}},
		{"detected for one user", component(`context="User"`, role(`<detection><conditions>`+cond(`MigXmlHelper.DoesObjectExist("File","%CSIDL_PERSONAL%")`)+`</conditions></detection><rules>`+include(`%CSIDL_PERSONAL%\* [*]`)+`</rules>`)),
			[]string{`C:\Users\ann\Documents [x]`}, []string{`C:\Users\bob\Documents [x]`}},
		{"a detection of the system answers for users", component("", role(`<detection context="System"><conditions>`+cond(`MigXmlHelper.IsSystemContext()`)+`</conditions></detection><rules context="User">`+include(`%CSIDL_PERSONAL%\* [*]`)+`</rules>`)),
			[]string{`C:\Users\bob\Documents [x]`}, nil},
		{"not detected: not even its unconditional excludes", component("", role(`<rules>`+include(`C:\Lab\* [*]`)+`</rules>`)) +
			component("", role(`<detection><conditions>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)+`</conditions></detection><rules><unconditionalExclude><objectSet><pattern type="File">C:\Lab\* [*]</pattern></objectSet></unconditionalExclude></rules>`)),
			[]string{`C:\Lab [x]`}, nil},
		{"conditions of one object set", component("", role(`<rules><include><objectSet><conditions>`+cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab2")`)+`</conditions><pattern type="File">C:\a [*]</pattern></objectSet><objectSet><pattern type="File">C:\b [*]</pattern></objectSet></include></rules>`)),
			[]string{`C:\b [x]`}, []string{`C:\a [x]`}},
		{"versions", when(cond(`MigXmlHelper.DoesOSMatch("NT","6.1.*")`) + cond(`MigXmlHelper.IsOSLaterThan("NT","6.1")`) + cond(`MigXmlHelper.IsOSLaterThan("NT","6.0")`) + cond(`MigXmlHelper.IsOSEarlierThan("NT","6.1.7602")`) +
			not(`MigXmlHelper.IsOSEarlierThan("NT","6.1.7601")`) + not(`MigXmlHelper.IsOSLaterThan("NT","10.0")`) + not(`MigXmlHelper.IsOSLaterThan("9x","4.0")`) + not(`MigXmlHelper.DoesOSMatch("NT","6.1")`)),
			[]string{`C:\Lab [x]`}, nil},
		{"contents", when(cond(`MigXmlHelper.DoesStringContentEqual("Registry","HKLM\SOFTWARE\Zed [Edition]","professional")`) + cond(`MigXmlHelper.DoesStringContentContain("Registry","HKLM\SOFTWARE\Zed [Edition]","SION")`) +
			not(`MigXmlHelper.DoesStringContentContain("Registry","HKLM\SOFTWARE\Zed [Edition]","Home")`) + cond(`MigXmlHelper.DoesStringContentEqual("Registry","HKLM\SOFTWARE\Zed [None]","")`) +
			cond(`MigXmlHelper.IsSameStringContent("Registry","HKLM\SOFTWARE\Zed [Edition]","Registry","HKLM\SOFTWARE\Zed [Edition]")`)),
			[]string{`C:\Lab [x]`}, nil},
		{"same place", when(cond(`MigXmlHelper.IsSameObject("File","%SYSTEMDRIVE%\LAB\","c:\lab")`) + not(`MigXmlHelper.IsSameObject("File","C:\Lab","C:\Lab2")`)),
			[]string{`C:\Lab [x]`}, nil},

		{"nested component in a container", component("", `<environment>`+text("R", `C:\a`)+`</environment><role role="Container">`+component("", role(`<rules>`+include(`%R% [*]`)+`</rules>`))+`</role>`),
			[]string{`C:\a [x]`}, nil},
		{"nested rules and roles", component("", role(`<role role="Data"><rules context="User"><rules context="UserAndSystem">`+include(`C:\a [*]`, `%CSIDL_PERSONAL% [*]`)+`</rules></rules></role>`)),
			[]string{`C:\a [x]`, `C:\Users\bob\Documents [x]`}, nil},
		{"named elements", `<namedElements><rules name="take">` + include(`%R% [*]`) + `</rules><environment name="env">` + text("R", `C:\a`) + `</environment><detection name="there"><conditions name="cond"/></detection><conditions name="cond">` + cond(`MigXmlHelper.DoesObjectExist("File","C:\Lab")`) + `</conditions></namedElements>` +
			component("", `<environment name="ENV"/>`+role(`<detection name="there"/><rules name="take">`+include(`C:\ignored [*]`)+`</rules>`)),
			[]string{`C:\a [x]`}, []string{`C:\ignored [x]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := mustCompile(t, []*migxml.Document{parse(t, "t.xml", c.rules)}, full(lab)...)
			ask := func(text string, want bool) {
				kind := File
				if strings.HasPrefix(text, "HK") {
					kind = Registry
				}
				if got := set.takes(t, ann.Name, kind, text); got != want {
					t.Errorf("%s: taken is %t", text, got)
				}
			}
			for _, o := range c.taken {
				ask(o, true)
			}
			for _, o := range c.left {
				ask(o, false)
			}
		})
	}
}

// TestUserKeys: the values of a user are judged in the context of that user,
// those of the machine in all.
func TestUserKeys(t *testing.T) {
	d := parse(t, "t.xml", component(`context="User"`, role(`<rules>`+include(`HKCU\Software\%USERNAME%\* [*]`, `HKLM\SOFTWARE\Zed\* [*]`)+
		`<unconditionalExclude><objectSet><pattern type="Registry">HKCU\Software\%USERNAME% [secret]</pattern></objectSet></unconditionalExclude></rules>`)))
	a, b := ann, bob
	a.Env, b.Env = vars{"USERNAME": "ann"}, vars{"USERNAME": "bob"}
	set := mustCompile(t, []*migxml.Document{d}, system, a, b)
	for _, c := range []struct {
		ctx, object string
		want        bool
	}{
		{a.Name, `HKCU\Software\ann [x]`, true},
		{a.Name, `HKCU\Software\ann [Secret]`, false},
		{a.Name, `HKCU\Software\bob [x]`, false},
		{b.Name, `HKCU\Software\bob [x]`, true},
		{"System", `HKCU\Software\bob [x]`, false},
		{"System", `HKLM\SOFTWARE\Zed\a [x]`, true},
		{b.Name, `HKLM\SOFTWARE\Zed\a [x]`, true},
		{"nobody", `HKCU\Software\bob [x]`, false},
	} {
		if got := set.takes(t, c.ctx, Registry, c.object); got != c.want {
			t.Errorf("%s for %s: %t", c.object, c.ctx, got)
		}
	}
	w := set.Keys(a.Name, "HKCU").Enter("Software").Enter("ann")
	if d := w.Leaf("x"); d.Context != 1 || set.Rule(d.Rule).Text != `HKCU\Software\%USERNAME%\* [*]` || !set.Rule(d.Rule).Include {
		t.Errorf("%+v %+v", d, set.Rule(d.Rule))
	}
	if d := w.Leaf("secret"); d.Take || !set.Rule(d.Rule).Unconditional {
		t.Errorf("%+v %+v", d, set.Rule(d.Rule))
	}
	if n := set.Rules(); n != 3 {
		t.Errorf("%d rules, 3 are written", n)
	}
}

// TestLiteralValues: what variables of the source hold is literal.
func TestLiteralValues(t *testing.T) {
	c := user("a[1]^x")
	c.Env.(vars)["STAR"] = `C:\*`
	d := parse(t, "t.xml", component("", role(`<rules>`+include(`%CSIDL_PERSONAL%\* [*]`, `%STAR%\* [*]`)+`</rules>`)))
	set, ws, err := Compile([]*migxml.Document{d}, []Context{system, c}, Options{})
	if err != nil || len(ws) != 1 || !strings.Contains(ws[0].Msg, "%STAR%") {
		t.Fatal(err, messages(ws))
	}
	if !set.decide("", File, `C:\Users\a[1]^x\Documents\y`, "z", true).Take || set.decide("", File, `C:\Users\a\Documents`, "z", true).Take {
		t.Error("brackets in the name of a profile")
	}
	if set.decide("", File, `C:\y`, "z", true).Take {
		t.Error("an asterisk of the source is a wildcard")
	}
}

// TestAnyRoot: a pattern of the registry may leave its root open.
func TestAnyRoot(t *testing.T) {
	reg := func(tag, p string) string {
		return `<` + tag + `><objectSet><pattern type="Registry">` + p + `</pattern></objectSet></` + tag + `>`
	}
	d := parse(t, "t.xml", component("", role(`<rules>`+reg("include", `*\Zed\* [*]`)+reg("unconditionalExclude", `HK*\Zed\* [secret]`)+`</rules>`)))
	set := mustCompile(t, []*migxml.Document{d}, system, ann, bob)
	for _, c := range []struct {
		ctx, object string
		want        bool
	}{
		{"System", `HKLM\SOFTWARE\Zed\a [x]`, true},
		{"System", `HKLM\SOFTWARE\Zed\a [secret]`, false},
		{ann.Name, `HKCU\Software\Zed [x]`, true},
		{bob.Name, `HKCU\Software\Zed [secret]`, false},
		{ann.Name, `HKCU\Software\Other [x]`, false},
	} {
		if got := set.takes(t, c.ctx, Registry, c.object); got != c.want {
			t.Errorf("%s for %s: %t", c.object, c.ctx, got)
		}
	}
}

// TestEnds: a Walk ends where nothing can be taken.
func TestEnds(t *testing.T) {
	d := parse(t, "t.xml", block(`I C:\Lab\* [*] ; E C:\Lab\Sub\* [*] ; I C:\Lab\Sub\Deep\* [*] ; E C:\Lab\Sub2\* [*.txt] // I C:\Users\* [*.txt] // U C:\Users\bob\* [*] // I D:\A\* [*] ; E D:\A\B\* [*] // I D:\Win*\x [*]`, "System", "File"))
	set := mustCompile(t, []*migxml.Document{d}, system)
	walk := func(path string) *Walk {
		names := strings.Split(path, `\`)
		w := set.Files(names[0])
		for _, n := range names[1:] {
			w = w.Enter(n)
		}
		return w
	}
	for path, alive := range map[string]bool{
		`C:`: true, `E:`: false, `D:`: true, `D:\A\B`: false, `D:\A\c`: true, `D:\Windows\y`: true, `D:\x`: false,
		`C:\Windows`: false, `C:\lab`: true, `C:\Lab\Sub`: true, `C:\Lab\Sub\x`: false,
		`C:\Lab\Sub\Deep\x`: true, `C:\Lab\Sub2\x`: true, `C:\Users\ann`: true, `C:\Users\bob`: false, `C:\Users\bob\x`: false,
	} {
		if got := walk(path) != nil; got != alive {
			t.Errorf("%s: a walk is %t", path, got)
		}
	}
	if a := walk(`C:\Lab\x`); a != a.Enter("y") {
		t.Error("folders in which nothing changes do not share a Walk")
	}
	var none *Walk
	if none.Enter("x") != nil || none.Self().Take || none.Leaf("x") != nothing || !reflect.DeepEqual(set.Rule(-1), RuleInfo{}) {
		t.Error("a nil Walk takes something")
	}
	var noSet *Set
	if noSet.Files("C:") != nil || noSet.Keys("System", "HKLM") != nil {
		t.Error("a nil Set takes something")
	}
}

func messages(ws []migxml.Warning) string {
	var s []string
	for _, w := range ws {
		s = append(s, w.String())
	}
	return strings.Join(s, "\n")
}

func TestWarnings(t *testing.T) {
	take := func(p ...string) string { return role(`<rules>` + include(p...) + `</rules>`) }
	for _, c := range []struct {
		name, rules string
		want        []string // in the warnings, in order; as many as there are
	}{
		{"quiet", component("", take(`%CSIDL_PERSONAL%\* [*]`, `HKCU\Software\* [*]`, `C:\x`)), nil},
		{"undefined", component("", take(`%NOSUCH%\* [*]`)), []string{`t.xml:1:`, `%NOSUCH%\* [*]: %NOSUCH% is not defined; it matches nothing for ` + ann.Name + ", " + bob.Name}},
		{"undefined, with excludes from it", component("", role(`<rules>`+include(`%NOSUCH%\* [*]`)+`<exclude><objectSet><pattern type="File">%NOSUCH%\* [*.tmp]</pattern></objectSet></exclude></rules>`)), []string{`%NOSUCH%\* [*]: %NOSUCH% is not defined`}},
		{"undefined for the system alone", component(`context="System"`, take(`%CSIDL_PERSONAL%\* [*]`)), []string{`%CSIDL_PERSONAL% is not defined; it matches nothing for System`}},
		{"HKCU of the system", component(`context="System"`, take(`HKCU\Software\* [*]`)), []string{"HKCU is the key of a user (", "); it matches nothing for System"}},
		{"brackets", component("", take(`C:\a[1]\x [*]`)), []string{`brackets`}},
		{"no drive", component("", take(`Users\x [*]`)), []string{`does not start with a drive`}},
		{"no root key", component("", role(`<rules><include><objectSet><pattern type="Registry">SOFTWARE\x [*]</pattern></objectSet></include></rules>`)), []string{`does not start with HKLM`}},
		{"question mark", component("", take(`C:\x [*.tx?]`)), []string{`"?" is no wildcard`}},
		{"star dot star", component("", take(`C:\x [*.*]`)), []string{`[*.*] leaves out names without a dot`}},
		{"kind of drive", component("", role(`<rules><include><objectSet><script>MigXmlHelper.GenerateDrivePatterns("* [*]","remote")</script></objectSet></include></rules>`)), []string{`no volume counts as Remote`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, ws, err := Compile([]*migxml.Document{parse(t, "t.xml", c.rules)}, full(lab), Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := messages(ws)
			if (len(ws) > 0) != (len(c.want) > 0) || len(ws) > 1 {
				t.Errorf("%d warnings:\n%s", len(ws), got)
			}
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("no %q in\n%s", w, got)
				}
			}
		})
	}
}

func TestSecondURLID(t *testing.T) {
	a := parse(t, "same", component("", role(`<rules>`+include(`C:\a [*]`)+`</rules>`)))
	b := parse(t, "same", component("", role(`<rules>`+include(`C:\b [*]`)+`</rules>`)))
	set, ws, err := Compile([]*migxml.Document{a, b}, full(lab), Options{})
	if err != nil || len(ws) != 1 || !strings.Contains(ws[0].Msg, `urlid "urn:same"`) {
		t.Fatal(err, messages(ws))
	}
	if !set.takes(t, "", File, `C:\a [x]`) || set.takes(t, "", File, `C:\b [x]`) {
		t.Error("not the first file is used")
	}
}

func TestUnsupported(t *testing.T) {
	for _, c := range []struct{ call, what string }{
		{"MigXmlHelper.IsNative64Bit()", "MigXmlHelper.IsNative64Bit"},
		{`MigXmlHelper.DoesOSMatch("NT","*")`, "MigXmlHelper.DoesOSMatch"},
		{`MigXmlHelper.DoesStringContentEqual("Registry","HKLM\x [y]","z")`, "MigXmlHelper.DoesStringContentEqual"},
		{`MigXmlHelper.DoesObjectExist("Ini","C:\x.ini|a[b]")`, "MigXmlHelper.DoesObjectExist"},
		{`MigXmlHelper.DoesFileVersionMatch("C:\x","FileVersion","1.*")`, "MigXmlHelper.DoesFileVersionMatch"},
		{`MigXmlHelper.IsSameContent("File","C:\x","File","C:\y")`, "MigXmlHelper.IsSameContent"},
		{`MigXmlHelper.ExactRename("x")`, "MigXmlHelper.ExactRename"},
	} {
		d := parse(t, "t.xml", "\n"+component("", role(`<detection><conditions><condition>`+esc(c.call)+`</condition></conditions></detection><rules>`+include(`C:\a [*]`)+`</rules>`)))
		_, _, err := Compile([]*migxml.Document{d}, full(&source{}), Options{})
		var u *migxml.UnsupportedError
		if !errors.As(err, &u) || u.What != c.what || u.Pos.Line != 2 || u.Pos.File != "t.xml" {
			t.Errorf("%s: %v", c.call, err)
		}
	}
}

func TestBlocksThatNameThemselves(t *testing.T) {
	for _, rules := range []string{
		`<namedElements><rules name="a"><rules name="a"/></rules></namedElements>` + component("", role(`<rules name="a"/>`)),
		`<namedElements><conditions name="a"><conditions name="a"/></conditions></namedElements>` + component("", role(`<rules><conditions name="a"/>`+include(`C:\a [*]`)+`</rules>`)),
	} {
		_, _, err := Compile([]*migxml.Document{parse(t, "t.xml", rules)}, full(lab), Options{})
		var e *migxml.Error
		if !errors.As(err, &e) {
			t.Errorf("no error: %v", err)
		}
	}
	// Twenty levels, each used twice, are a million blocks of rules with
	// two patterns each.
	var b strings.Builder
	b.WriteString("<namedElements>")
	for i := range 30 {
		next := string(rune('a'+(i+1)/26)) + string(rune('a'+(i+1)%26))
		b.WriteString(`<rules name="` + string(rune('a'+i/26)) + string(rune('a'+i%26)) + `"><rules name="` + next + `"/><rules name="` + next + `"/></rules>`)
	}
	b.WriteString("</namedElements>" + component("", role(`<rules name="aa"/>`)))
	if _, _, err := Compile([]*migxml.Document{parse(t, "t.xml", b.String())}, []Context{system}, Options{}); err == nil {
		t.Error("a billion blocks are compiled")
	}
}

func TestCommandLine(t *testing.T) {
	d := parse(t, "t.xml", component("", role(`<rules>`+include(`C:\Lab\* [*]`)+`</rules>`)))
	set, ws, err := Compile([]*migxml.Document{d}, full(lab), Options{
		Include: []string{`D:\Extra\* [*]`, `%CSIDL_PERSONAL%\* [*]`, `HKCU\Software\Own\* [*]`},
		Exclude: []string{`* [*.iso]`, `C:\Lab\Big\* [*]`},
	})
	if err != nil || len(ws) > 0 {
		t.Fatal(err, messages(ws))
	}
	for object, want := range map[string]bool{
		`D:\Extra\a [x]`: true, `C:\Users\bob\Documents [x]`: true, `C:\Lab [x]`: true, `HKCU\Software\Own [x]`: true,
		`D:\Extra\a [x.ISO]`: false, `C:\Lab\Big [x]`: false, `D:\ [x]`: false,
	} {
		kind := File
		if object[0] == 'H' {
			kind = Registry
		}
		if got := set.takes(t, ann.Name, kind, object); got != want {
			t.Errorf("%s: %t", object, got)
		}
	}
	if r := set.Rule(set.decide("", File, `D:\Extra`, "x.iso", true).Rule); r.Pos.File != "--exclude" || !r.Unconditional || r.Text != "* [*.iso]" {
		t.Errorf("%+v", r)
	}
	if r := set.Rule(set.decide("", File, `D:\Extra`, "x", true).Rule); r.Pos.File != "--include" || !r.Include {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{"", "foo", `*.iso`, `C:\a[`, `%NOSUCH%\* [*]`, `C:\a] [*]`, "[x]"} {
		if _, _, err := Compile(nil, full(lab), Options{Exclude: []string{bad}}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	_, ws, err = Compile(nil, full(lab), Options{Include: []string{`C:\Users\ann\Downloads`}})
	if err != nil || len(ws) != 1 || !strings.Contains(ws[0].Msg, `C:\Users\ann\Downloads\* [*]`) {
		t.Error("no hint that a bare folder is a folder alone:", err, messages(ws))
	}
}

func TestSingle(t *testing.T) {
	s := Single(File, `C:\Lab\*`, "*.txt", true)
	if !s.Files("C:").Enter("Lab").Enter("x").Leaf("A.TXT").Take || s.Files("C:").Enter("Lab").Self().Take || s.Files("C:").Enter("x") != nil {
		t.Error("Single of files")
	}
	s = Single(Registry, `HKCU\Software\Zed`, "", false)
	if w := s.Keys("System", "HKCU").Enter("Software").Enter("zed"); !w.Self().Take || w.Leaf("").Take {
		t.Error("Single of keys")
	}
}

// TestOneScopePerMeaning: what says the same in every context is kept once.
func TestOneScopePerMeaning(t *testing.T) {
	d := parse(t, "t.xml", component("", role(`<rules>`+include(`C:\Lab\* [*]`, `C:\b [*]`)+`</rules>`))+
		component("", role(`<rules>`+include(`HKLM\SOFTWARE\Zed\* [*]`)+`<unconditionalExclude><objectSet><pattern type="File">C:\x\* [*]</pattern></objectSet></unconditionalExclude></rules>`)))
	set := mustCompile(t, []*migxml.Document{d}, full(lab)...)
	if len(set.files.pats) != 3 || len(set.machine.pats) != 1 || len(set.users) != 0 {
		t.Errorf("%d file patterns, %d of the registry, %d users", len(set.files.pats), len(set.machine.pats), len(set.users))
	}
}

func TestParseLocation(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		text string
		want location
	}{
		{File, ` C:\A B\ [*.txt] `, location{`C:\A B`, "*.txt", true}},
		{File, `C:\A[x]`, location{`C:\A`, "x", true}},
		{File, `C:\A\ []`, location{`C:\A`, "", false}},
		{File, `C:\a^[1^]^^^x [^[b^].txt ]`, location{`C:\a[1]^^x`, "[b].txt", true}},
		{File, `C:/A/b`, location{`C:\A\b`, "", false}},
		{File, `C:\\A\\`, location{`C:\A`, "", false}},
		{File, `\\?\C:\A`, location{`C:\A`, "", false}},
		{File, `\\server\share [x]`, location{`\\server\share`, "x", true}},
		{File, `C:\A\** [**]`, location{`C:\A\*`, "*", true}},
		{Registry, `HKEY_CURRENT_USER\A []`, location{`HKCU\A`, "", true}},
		{Registry, `hklm\A/B`, location{`HKLM\A/B`, "", false}},
		{Registry, `HKU`, location{`HKU`, "", false}},
	} {
		if got, err := parseLocation(c.kind, c.text); err != nil || got != c.want {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
	for _, bad := range []string{"", `[x]`, `\`, `C:\a [b] [c]`, `C:\a [b]c`, `C:\a [b`, `C:\a b]`, `C:\a [[b]]`, strings.Repeat("x", maxPattern+1)} {
		if l, err := parseLocation(File, bad); err == nil {
			t.Errorf("%.20q is %+v", bad, l)
		}
	}
}

func TestSpecificity(t *testing.T) {
	// From the most specific down; equal ones in a row.
	order := [][]string{
		{`C:\Lab [a.txt]`, `C:\Lab`},
		{`C:\Lab [a*.txt]`},
		{`C:\Lab [*.txt]`},
		{`C:\Lab [*]`},
		{`C:\Lab\Sub\* [a.txt]`, `C:\Lab\Sub\*`},
		{`C:\Lab\Sub\* [*]`},
		{`C:\Lab*wxyz\* [*]`},
		{`C:\Lab\*\b\* [*]`},
		{`C:\Lab\* [*]`, `D:\Lab\* [*]`},
		{`C:\Lab* [*]`},
		{`C:\*\Sub\* [*]`},
		{`C:\* [*.txt]`},
		{`C:\* [*]`},
	}
	var all []pattern
	var rank []int
	for i, row := range order {
		for _, text := range row {
			l, err := parseLocation(File, text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, l.pattern())
			rank = append(rank, i)
		}
	}
	for i := range all {
		for j := range all {
			want := rank[j] - rank[i]
			got := all[i].spec.compare(all[j].spec)
			if got > 0 != (want > 0) || got < 0 != (want < 0) {
				// Nodes without wildcard match one folder: their own length
				// never decides.
				if all[i].spec.node == 1 && all[j].spec.node == 1 && all[i].node != all[j].node {
					continue
				}
				t.Errorf("%+v and %+v: %d", all[i], all[j], got)
			}
		}
	}
	if !slices.IsSortedFunc(all, func(a, b pattern) int { return b.spec.compare(a.spec) }) {
		t.Error("not in order")
	}
}

// TestRealFiles compiles the rule files of administrators that can be read.
func TestRealFiles(t *testing.T) {
	root := os.Getenv("COLDSTATE_TESTDATA")
	if root == "" {
		t.Skip("needs COLDSTATE_TESTDATA: the rule files of administrators")
	}
	for _, c := range []struct {
		file, object string
		want         bool
		warnings     string
		unsupported  string // by a Probe that knows no versions
	}{
		{"changhaitravis/Mig-SecureCRT.xml", `C:\Program Files\VanDyke Software\SecureCRT\Config [x]`, false, "", ""},
		{"changhaitravis/MigApp-ExcelLockboxMacro.xml", `C:\Program Files\Microsoft Office\Office16\XLSTART [x]`, true, "%ProgramFiles(x86)% is not defined", ""},
		{"changhaitravis/MigApp-WinSCP-standalone.xml", `HKCU\Software\Martin Prikryl\WinSCP 2\Sessions\x [HostName]`, true, "", "MigXmlHelper.IsNative64Bit"},
		{"gsxryan/ExcludeFolders.xml", `C:\x [x]`, false, "%CSIDL_COMMON_DESKTOPDIRECTORY% is not defined", ""},
		{"gsxryan/xlsmacros.xml", `C:\Users\ann\AppData\Roaming\Microsoft\Excel\XLSTART [PERSONAL.XLSB]`, true, "", ""},
		{"msdocs/custom-example-2-myvideos.xml", `C:\Users\ann\Videos [a.mp4]`, true, "", ""},
		{"msdocs/reroute-folder.xml", `C:\EngineeringDrafts\a [b]`, true, "", ""},
		{"nerdygriffin/MigAppData.xml", `C:\Users\bob\AppData\Local\x [y]`, true, "", ""},
		{"supergrate/MigSgAdditional.xml", `C:\Users\ann\AppData\Local\Google\Chrome\User Data\Default [Bookmarks]`, true, "", ""},
		{"supergrate/MigSgAdditional.xml", `C:\Users\ann\AppData\Local\Google\Chrome\User Data\Default\Cache [x]`, false, "", ""},
		{"usmt-helper/backup.xml", `C:\Program Files\USMTTestFolder\a [USMTTestFile.txt]`, true, "", ""},
		{"usmt-helper/reg.xml", `HKCU\Software\Zed [x]`, true, "", ""},
		{"usmt-helper/reg.xml", `HKCU\Software\Microsoft\x [x]`, false, "", ""},
		{"usmt-helper/reg.xml", `HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment [Path]`, true, "", ""},
		{"usmt-helper/reg.xml", `HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment [PROCESSOR_LEVEL]`, false, "", ""},
	} {
		t.Run(c.file+" "+c.object, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(root, "migxml", filepath.FromSlash(c.file)))
			if err != nil {
				t.Fatal(err)
			}
			d, _, err := migxml.Parse(c.file, data)
			if err != nil {
				t.Fatal(err)
			}
			knows := &machineProbe{bits64: true, source: source{drives: map[string][]string{"Fixed": {"C:"}}, objects: []string{
				`HKLM\SOFTWARE\Wow6432Node\Martin Prikryl\WinSCP 2 [Installations]`,
				`C:\Users\ann\Videos`, `C:\Users\ann\AppData\Local\Google\Chrome\User Data`}}}
			person := func(name string) Context {
				c := user(name)
				e := c.Env.(vars)
				e["USERPROFILE"], e["CSIDL_MYVIDEO"] = e["CSIDL_PROFILE"], e["CSIDL_PROFILE"]+`\Videos`
				e["CSIDL_APPDATA"] = e["CSIDL_PROFILE"] + `\AppData\Roaming`
				c.Probe = knows
				return c
			}
			sys := system
			sys.Probe = knows
			set, ws, err := Compile([]*migxml.Document{d}, []Context{sys, person("ann"), person("bob")}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := messages(ws); !strings.Contains(got, c.warnings) {
				t.Errorf("warnings: %s", got)
			}
			kind := File
			if c.object[0] == 'H' {
				kind = Registry
			}
			if got := set.takes(t, ann.Name, kind, c.object); got != c.want {
				t.Errorf("taken is %t", got)
			}
			_, _, err = Compile([]*migxml.Document{d}, full(&source{}), Options{})
			var u *migxml.UnsupportedError
			if errors.As(err, &u); (err != nil) != (c.unsupported != "") || err != nil && u.What != c.unsupported {
				t.Errorf("without versions: %v", err)
			}
		})
	}
}

// A volume that is none of the installation's own is reached by its name only.
func TestNamedFiles(t *testing.T) {
	set, _, err := Compile(nil, []Context{system}, Options{Include: []string{`* [*.txt]`, `2:\Data\* [*]`, `C:\* [*]`}, Exclude: []string{`*\tmp\* [*]`}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		volume, folder, leaf string
		all, named           bool
	}{
		{"1:", "", "a.txt", true, false},
		{"1:", "Data", "a.txt", true, false},
		{"2:", "", "a.txt", true, false},
		{"2:", "Data", "a.txt", true, true},
		{"2:", "Data", "a.doc", true, true},
		{"2:", `Data\tmp`, "a.doc", false, false},
		{"2:", `Other`, "a.txt", true, false},
		{"C:", "x", "a.doc", true, true},
	} {
		for _, w := range []struct {
			name string
			at   *Walk
			want bool
		}{{"Files", set.Files(tt.volume), tt.all}, {"NamedFiles", set.NamedFiles(tt.volume), tt.named}} {
			at := w.at
			for _, name := range strings.Split(tt.folder, `\`) {
				if name != "" {
					at = at.Enter(name)
				}
			}
			if got := at.Leaf(tt.leaf).Take; got != w.want {
				t.Errorf(`%s: %s\%s\%s: %t, want %t`, w.name, tt.volume, tt.folder, tt.leaf, got, w.want)
			}
		}
	}
	if set.NamedFiles("1:") != nil {
		t.Error("volume 1 is walked though no rule names it")
	}
	if (*Set)(nil).NamedFiles("1:") != nil {
		t.Error("no rules")
	}
}

// TestRestoreWritesMost asks under which rule an object is recorded that
// several take, when a restore writes less for some of them.
func TestRestoreWritesMost(t *testing.T) {
	filter := func(call, pattern string) string {
		return `<include filter="MigXmlHelper.` + call + `()"><objectSet><pattern type="File">` + pattern + `</pattern></objectSet></include>`
	}
	setting := `<include><objectSet><pattern type="Ini">C:\Lab\a.ini|S[k]</pattern></objectSet></include>`
	exclude := func(pattern string) string {
		return `<exclude><objectSet><pattern type="File">` + pattern + `</pattern></objectSet></exclude>`
	}
	one := func(rules string) string { return component("", role(`<rules>`+rules+`</rules>`)) }
	probe := &machineProbe{source: source{objects: []string{`C:\Lab [a.ini]`}}, texts: map[string]string{`C:\Lab [a.ini]`: "[S]\nk=v"}}
	for _, c := range []struct{ name, rules, filter, by string }{
		{"another component takes it all", one(filter("NeverRestore", `C:\Lab [a.ini]`)) + one(include(`C:\* [*.ini]`)), "", `C:\* [*.ini]`},
		{"so does the component itself", one(filter("NeverRestore", `C:\Lab [a.ini]`) + include(`C:\* [*]`)), "", `C:\* [*]`},
		{"everything, and never", one(filter("NeverRestore", `C:\Lab\* [*]`)) + one(include(`C:\* [*]`)), "", `C:\* [*]`},
		{"everything, and never, by one component", one(filter("NeverRestore", `C:\Lab\* [*]`) + include(`C:\* [*]`)), "", `C:\* [*]`},
		{"never, by all rules", one(filter("NeverRestore", `C:\Lab [a.ini]`)) + one(filter("NeverRestore", `C:\Lab\* [*]`)), "NeverRestore", `C:\Lab [a.ini]`},
		{"an exclude between them", one(filter("NeverRestore", `C:\Lab [a.ini]`) + exclude(`C:\Lab\* [*]`) + include(`C:\* [*]`)), "NeverRestore", `C:\Lab [a.ini]`},
		{"an exclude of another component", one(filter("NeverRestore", `C:\Lab [a.ini]`)+exclude(`C:\Lab\* [*]`)) + one(include(`C:\* [*]`)), "", `C:\* [*]`},
		{"a setting and the file", one(setting) + one(include(`C:\Lab [*.ini]`)), "", `C:\Lab [*.ini]`},
		{"a setting and never", one(filter("NeverRestore", `C:\Lab [a.ini]`)) + one(setting), "", `C:\Lab\a.ini|S[k]`},
		{"links and a setting", one(setting) + one(filter("IgnoreIrrelevantLinks", `C:\* [*]`)), "IgnoreIrrelevantLinks", `C:\* [*]`},
		{"links and the file", one(filter("IgnoreIrrelevantLinks", `C:\Lab [a.ini]`)) + one(include(`C:\Lab\* [*]`)), "", `C:\Lab\* [*]`},
	} {
		set := mustCompile(t, []*migxml.Document{parse(t, c.name, c.rules)}, Context{Name: "System", Env: system.Env, Probe: probe})
		d := set.decide("System", File, `C:\Lab`, "a.ini", true)
		r := set.Rule(d.Rule)
		if !d.Take || r.Text != c.by || !strings.Contains(r.Filter, c.filter) || (r.Filter == "") != (c.filter == "") {
			t.Errorf("%s: %+v by %+v", c.name, d, r)
		}
		explained, matches := set.Explain(File, "System", `C:\Lab`, "a.ini", true, nil)
		if explained != d {
			t.Errorf("%s: explained as %+v", c.name, explained)
		}
		for _, m := range matches {
			if m.Wins != (m.Rule == d.Rule) || m.Wins != (m.Why == "") {
				t.Errorf("%s: %+v", c.name, m)
			}
		}
		if strings.HasPrefix(c.name, "an exclude between") && (len(matches) != 3 || matches[1].By != d.Rule || matches[1].Why != "another rule of its component is more specific") {
			t.Errorf("%s: %+v", c.name, matches)
		}
		// A folder or file that no rule fits better goes on as before.
		if c.name == "an exclude between them" && set.takes(t, "System", File, `C:\Lab [b.ini]`) {
			t.Errorf("%s: the exclude has no effect", c.name)
		}
	}
}

// An unconditionalExclude has no filter: one that is written is ignored, and not
// what it excludes.
func TestFilterOfUnconditionalExclude(t *testing.T) {
	for _, filter := range []string{"MigXmlHelper.SameRegContent()", "MigXmlHelper.NoSuch()", "MigXmlHelper.FileProperties('fileSize','GTE','100 MB')"} {
		d, ws, err := migxml.Parse("t.xml", []byte(`<migration urlid="http://example.org/t">`+component("", role(`<rules>`+include(`C:\Lab\* [*]`)+
			`<unconditionalExclude filter="`+filter+`"><objectSet><pattern type="File">C:\Lab\* [*.iso]</pattern></objectSet></unconditionalExclude></rules>`))+`</migration>`))
		if err != nil || !strings.Contains(messages(ws), "it is ignored") {
			t.Fatal(err, ws)
		}
		set, _, err := Compile([]*migxml.Document{d}, full(lab), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if set.takes(t, "", File, `C:\Lab [x.iso]`) || !set.takes(t, "", File, `C:\Lab [x.txt]`) {
			t.Errorf("%s: the exclude does not act", filter)
		}
	}
}
