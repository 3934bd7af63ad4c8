package migxml

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/xmlpos"
)

func messages(ws []Warning) string {
	var s []string
	for _, w := range ws {
		s = append(s, w.String())
	}
	return strings.Join(s, "\n")
}

const sample = `<?xml version="1.0"?>
<migration urlid="urn:x">
  <component type="Documents" context="User" defaultSupported="NO">
    <displayName>Büro</displayName>
    <environment name=""><variable name="%A%"><text> C:\x </text></variable></environment>
    <role role="Data">
      <detects><detect><condition negation="yes">MigXmlHelper.DoesObjectExist("File", 'C:\a "b"')</condition></detect></detects>
      <rules context="System">
        <include filter='MigXMLHelper.IgnoreIrrelevantLinks()'>
          <objectSet>
            <!-- a comment --><pattern type="File"> %A%\* <!-- within -->[*]
            </pattern>
            <script>MigXmlHelper.GenerateDrivePatterns ("* [*.tmp]", "Fixed")</script>
          </objectSet>
        </include>
        <merge script="MigXmlHelper.SourcePriority()"><objectSet><pattern type="File">C:\*</pattern></objectSet></merge>
        <locationModify script="MigXmlHelper.RelativeMove('a','b')"><objectSet><content filter="MigXmlHelper.ExtractSingleFile(NULL)"><objectSet/></content></objectSet></locationModify>
        <processing when="apply-success"><script>MigXmlHelper.SyncSCM("x")</script></processing>
      </rules>
    </role>
  </component>
</migration>`

func TestParse(t *testing.T) {
	d, ws, err := Parse("s.xml", []byte(sample))
	if err != nil || len(ws) > 0 {
		t.Fatal(err, messages(ws))
	}
	if d.URLID != "urn:x" || len(d.Components) != 1 {
		t.Fatalf("%+v", d)
	}
	c := d.Components[0]
	if c.Context != User || c.DefaultSupported || c.DisplayName != "Büro" || c.Type != "Documents" || (c.Pos != Pos{"s.xml", 3, 3}) {
		t.Errorf("%+v", c)
	}
	if v := c.Environments[0].Variables[0]; v.Name != "A" || *v.Text != `C:\x` {
		t.Errorf("%+v", v)
	}
	q := c.Roles[0].Detections[0].Detects[0].Condition[0]
	if !q.Negate || q.Call.Name != "DoesObjectExist" || q.Call.Arg(0) != "File" || q.Call.Arg(1) != `C:\a "b"` || q.Call.Arg(2) != "" {
		t.Errorf("%+v", q.Call)
	}
	r := c.Roles[0].Rules[0]
	if r.Context != System || len(r.Rule) != 1 || len(r.Restore) != 3 || r.Rule[0].Filter.Name != "IgnoreIrrelevantLinks" {
		t.Fatalf("%+v", r)
	}
	set := r.Rule[0].Sets[0]
	if len(set.Patterns) != 1 || set.Patterns[0].Text != `%A%\* [*]` || (set.Patterns[0].Pos != Pos{"s.xml", 11, 31}) {
		t.Errorf("%+v", set.Patterns)
	}
	if len(set.Scripts) != 1 || set.Scripts[0].Arg(0) != "* [*.tmp]" {
		t.Errorf("%+v", set.Scripts)
	}
	if a := r.Restore[1].Script.Args; len(a) != 2 || a[1].Value != "b" || r.Restore[0].Element != "merge" || r.Restore[2].When != "apply-success" {
		t.Errorf("%+v", r.Restore)
	}
}

// TestReports: each line of a file is a construct, and each wanted text a
// warning with the line it must name.
func TestReports(t *testing.T) {
	in := func(rules string) string {
		return "<migration urlid=\"x\"><component type=\"System\"><displayName>x</displayName><role role=\"Data\"><rules>\n" + rules + "\n</rules></role></component></migration>"
	}
	roles := func(s string) string {
		return "<migration urlid=\"x\"><component type=\"System\"><displayName>x</displayName>\n" + s + "\n</component></migration>"
	}
	named := func(s string) string {
		return "<migration urlid=\"x\"><namedElements><rules name=\"a\"/></namedElements><component type=\"System\"><displayName>x</displayName><role role=\"Data\">\n" + s + "\n</role></component></migration>"
	}
	inc := func(s string) string { return in("<include><objectSet>\n" + s + "\n</objectSet></include>") }
	for _, c := range []struct {
		name, xml string
		warning   string // one, with its line; "" for none
	}{
		{"fine", inc(`<pattern type="File">C:\x</pattern>`), ""},
		{"unknown element", in(`<include/><fancy/>`), "x.xml:2:11: unknown element <fancy>"},
		{"unknown attribute", inc(`<pattern type="File" speed="1">C:\x</pattern>`), "x.xml:3:1: unknown attribute speed"},
		{"misplaced", inc(`<merge/>`), "x.xml:3:1: <merge> has no place in <objectSet>"},
		{"other case", inc(`<Pattern type="File">C:\x</Pattern>`), "x.xml:3:1: <Pattern> is written <pattern>"},
		{"other case of an attribute", inc(`<pattern Type="file">C:\x</pattern>`), "x.xml:3:1: the attribute Type of <pattern> is written type"},
		{"no object set", in(`<include/>`), "x.xml:2:1: <include> has no <objectSet>"},
		{"no type", inc(`<pattern>C:\x</pattern>`), "x.xml:3:1: <pattern> has no type"},
		{"wrong type", inc(`<pattern type="Folder">C:\x</pattern>`), `x.xml:3:1: type="Folder"`},
		{"empty", inc(`<pattern type="File"> </pattern>`), "x.xml:3:1: <pattern> is empty"},
		{"unknown function", inc(`<script>MigXmlHelper.GenerateFilterPatterns()</script>`), "x.xml:3:1: unknown function MigXmlHelper.GenerateFilterPatterns: the component cannot be used"},
		{"function out of place", inc(`<script>MigXmlHelper.AnswerNo()</script>`), "x.xml:3:1: MigXmlHelper.AnswerNo cannot stand in an objectSet"},
		{"arguments", inc(`<script>MigXmlHelper.GenerateDrivePatterns("*")</script>`), "x.xml:3:1: MigXmlHelper.GenerateDrivePatterns has 1 arguments instead of 2"},
		{"no call", inc(`<script>GenerateDrivePatterns("*","Fixed")</script>`), "the prefix MigXmlHelper"},
		{"open quote", inc(`<script>MigXmlHelper.GenerateDrivePatterns("*,"Fixed")</script>`), `x.xml:3:1: "MigXmlHelper`},
		{"context", "<migration urlid=\"x\">\n<component type=\"System\" context=\"Everybody\"/></migration>", `x.xml:2:1: context="Everybody"`},
		{"no urlid", "<migration/>", "x.xml:1:1: <migration> has no urlid"},
		{"reference", in(`<rules name="nowhere"/>`), `x.xml:2:1: <rules> names "nowhere"`},
		{"processing at capture", in(`<processing when="pre-scan"><script>MigXmlHelper.KillExplorer()</script></processing>`), `x.xml:2:1: <processing when="pre-scan">`},

		{"processing at another time", in(`<processing when="later"><script>MigXmlHelper.KillExplorer()</script></processing>`), `x.xml:2:1: when="later" of <processing> is not one of`},
		{"programs", in(`<externalProcess when="pre-scan"><commandLine>a.exe /x</commandLine></externalProcess>`), "x.xml:2:34: the program of <externalProcess> is never run, when=\"pre-scan\": a.exe /x"},
		{"programs at restore", in(`<externalProcess when="pre-apply"><commandLine>x</commandLine></externalProcess>`), "x.xml:2:35: the program of <externalProcess> is never run"},
		{"content", inc(`<content filter="MigXmlHelper.ExtractSingleFile(NULL,NULL)"><objectSet/></content>`), ""},
		{"content without filter", inc(`<content><objectSet/></content>`), "x.xml:3:1: <content> has no filter"},
		{"content without set", inc(`<content filter="MigXmlHelper.ExtractSingleFile(NULL,NULL)"/>`), "x.xml:3:1: <content> has no <objectSet>: it yields nothing"},
		{"content with another function", inc(`<content filter="MigXmlHelper.AnswerNo()"><objectSet/></content>`), "MigXmlHelper.AnswerNo cannot stand in the filter of <content>"},
		{"levels", inc(`<content filter="MigXmlHelper.ExtractDirectory(NULL,'one')"><objectSet/></content>`), `MigXmlHelper.ExtractDirectory: argument 2, "one", is no whole number`},
		{"ini", inc(`<pattern type="Ini">C:\x.ini|a[b]</pattern>`), ""},
		{"ini without setting", inc(`<pattern type="Ini">C:\x.ini|a</pattern>`), "x.xml:3:1: pattern of type Ini: "},
		{"objects", in(`<addObjects><object><location type="Registry">HKLM\x [y]</location><attributes>DWORD</attributes><bytes>0B000000</bytes></object></addObjects>`), ""},
		{"an object nowhere", in(`<addObjects><object><attributes>None</attributes></object></addObjects>`), "x.xml:2:13: <object> has no <location>"},
		{"an object of no kind", in(`<addObjects><object><location type="Ini">x</location></object></addObjects>`), `x.xml:2:21: type="Ini" of <location>`},
		{"bytes that are none", in(`<addObjects><object><location type="File">C:\x [y]</location><bytes>abc</bytes></object></addObjects>`), "x.xml:2:62: <bytes> holds no pairs"},
		{"attributes of another kind", in(`<addObjects><object><location type="File">C:\x [y]</location><attributes>Hidden, Dword</attributes></object></addObjects>`), `"Dword" is no attribute of an object of the kind File`},
		{"objects by script", in(`<addObjects><script>MigXmlHelper.AnswerNo()</script></addObjects>`), "MigXmlHelper.AnswerNo cannot stand in <addObjects>"},
		{"attributes", in(`<excludeAttributes attributes="Security, creationtime"><objectSet/></excludeAttributes>`), ""},
		{"unknown attributes", in(`<excludeAttributes attributes="Security,Colour"><objectSet/></excludeAttributes>`), `x.xml:2:1: "Colour" in attributes="Security,Colour" of <excludeAttributes>`},
		{"no attributes", in(`<includeAttributes><objectSet/></includeAttributes>`), "<includeAttributes> names no attributes"},
		{"merge without script", in(`<merge><objectSet/></merge>`), "x.xml:2:1: <merge> has no script"},
		{"merge with another function", in(`<merge script="MigXmlHelper.ExactMove('C:\x')"><objectSet/></merge>`), "MigXmlHelper.ExactMove cannot stand in <merge>"},
		{"a clean-up whose filter is not understood", in(`<destinationCleanup filter="MigXmlHelper.AnswerNo"><objectSet/></destinationCleanup>`), "deletes nothing"},
		{"document finder", inc(`<script>MigXmlHelper.GenerateDocPatterns("FALSE")</script>`), ""},
		{"document finder, perhaps", inc(`<script>MigXmlHelper.GenerateDocPatterns("perhaps")</script>`), `MigXmlHelper.GenerateDocPatterns: argument 1, "perhaps", is none of TRUE, FALSE`},
		{"internal", in(`<contentModify script="MigXmlHelper.ConvertToOfficeLangID()"><objectSet/></contentModify>`), "MigXmlHelper.ConvertToOfficeLangID has no published meaning"},
		{"four roles", `<migration urlid="x"><component type="System"><role role="Data"/><role role="Settings"/><role role="Binaries"/>` + "\n" + `<role role="Data"/></component></migration>`, "x.xml:2:1: a component has at most three roles"},
		{"rules in a container", `<migration urlid="x"><component type="System"><role role="Container">` + "\n" + `<rules/></role></component></migration>`, "x.xml:2:1: a role of the kind Container"},
		{"no name", "<migration urlid=\"x\">\n<component type=\"System\"><role role=\"Data\"/></component></migration>", "x.xml:2:1: <component> has no <displayName>"},
		{"no role", "<migration urlid=\"x\">\n<component type=\"System\"><displayName>x</displayName></component></migration>", "x.xml:2:1: <component> has no <role>: it takes nothing"},
		{"no role, but a type of files", "<migration urlid=\"x\">\n<component type=\"System\"><displayName>x</displayName><extensions><extension>txt</extension></extensions></component></migration>", "x.xml:2:1: <component> has no <role>: a Config.xml cannot switch it off"},
		{"a role of no kind", roles("<role/>"), "x.xml:2:1: <role> has no role: it counts as one of the kind Settings"},
		{"two roles of a kind", roles(`<role role="Data"/><role role="Data"/>`), "x.xml:2:20: a component has one role of the kind Data; this is another"},
		{"two roles", roles(`<role role="Data"/><role role="Settings"/>`), ""},
		{"two containers", roles(`<role role="Container"/><role role="Container"/>`), ""},
		{"roles of two kinds in each other", roles(`<role role="Data"><role role="Settings"/></role>`), "x.xml:2:19: a role in one of the kind Data is of that kind, too; this one is of the kind Settings"},
		{"roles of a kind in each other", roles(`<role role="Data"><role role="Data"/></role>`), ""},
		{"components of two types in each other", roles(`<role role="Container"><component type="Documents"><displayName>y</displayName><role role="Data"/></component></role>`), "x.xml:2:24: a component in one of the type System is of that type, too; this one is of the type Documents"},
		{"components of a type in each other", roles(`<role role="Container"><component type="System"><displayName>y</displayName><role role="Data"><role role="Data"/></role></component></role>`), ""},
		{"a component in a role of another kind", roles(`<role role="Data"><component type="System"><displayName>y</displayName><role role="Settings"/></component></role>`), "x.xml:2:72: a component in a role of the kind Data has roles of that kind, too; this one is of the kind Settings"},
		{"a component in a role of its kind", roles(`<role role="Data"><component type="System"><displayName>y</displayName><role role="Data"/></component></role><role role="Settings"/>`), ""},
		{"own content beside a name", named(`<rules name="a"><include><objectSet/></include></rules>`), `x.xml:2:1: <rules> stands for what <namedElements> has as "a", and its own content is ignored; leave the name out`},
		{"a name", named(`<rules name="a"/>`), ""},
		{"own content beside a name that is nowhere", named(`<rules name="b"><include><objectSet/></include></rules>`), `x.xml:2:1: <rules> names "b", which is not in <namedElements>: it is empty, and its own content is ignored`},
		{"two values", `<migration urlid="x"><component type="System"><environment><variable name="a"><text/>` + "\n" + `<script/></variable></environment></component></migration>`, "x.xml:2:1: a <variable> has one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, ws, err := Parse("x.xml", []byte(c.xml))
			got := messages(ws)
			if c.warning == "" && got != "" || !strings.Contains(got, c.warning) {
				t.Errorf("warnings:\n%s\nwant %s", got, c.warning)
			}
			if d == nil || err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNotRules(t *testing.T) {
	for _, c := range []struct{ xml, want string }{
		{"<Configuration/>", "x.xml:1:1: this is a Config.xml"},
		{"\n <offline/>", "x.xml:2:2: this is an offline.xml"},
		{"<html/>", "not <html>"},
		{"text", "x.xml:1:1: text before the root element"},
	} {
		_, _, err := Parse("x.xml", []byte(c.xml))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.xml, err)
		}
	}
}

// TestRealFiles reads rule files of administrators. Each is either used, and
// what of it has no effect is named, or refused with the reason.
func TestRealFiles(t *testing.T) {
	root := os.Getenv("COLDSTATE_TESTDATA")
	if root == "" {
		t.Skip("needs COLDSTATE_TESTDATA: the rule files of administrators")
	}
	want := map[string][]string{ // warnings as line:column, or the error
		"changhaitravis/Mig-SecureCRT.xml":            {"6:7 <include> has no <objectSet>", "7:3 <merge> has no place in <include>"},
		"changhaitravis/MigApp-ExcelLockboxMacro.xml": nil,
		"changhaitravis/MigApp-WinSCP-standalone.xml": nil, // IsNative64Bit asks the Probe
		"conradhyler/config.xml":                      {"ERROR 2:1 this is a Config.xml"},
		"conradhyler/offline.xml":                     {"ERROR 8:11 text after the root element"},
		"gsxryan/ExcludeFolders.xml":                  {"9:5 unknown attribute id", `12:9 role="data" is written "Data"`, "14:17 <Exclude> is written <exclude>"},
		"gsxryan/ExcludeOneDriveUserFolders.xml":      {"9:5 unknown attribute id", `12:9 role="data" is written "Data"`, "14:17 <Exclude> is written <exclude>"},
		"gsxryan/Win7and8toWin10StickyNotes.xml":      nil,
		"gsxryan/xlsmacros.xml":                       nil,
		"msdocs/custom-example-1-migtestapp.xml":      nil,
		"msdocs/custom-example-2-myvideos.xml":        nil,
		"msdocs/offline-example.xml":                  {"ERROR 1:1 this is an offline.xml"},
		"msdocs/reroute-folder.xml":                   nil,
		"nerdygriffin/MigAppData.xml":                 nil,
		"supergrate/MigSgAdditional.xml":              {"8:13 <destinationCleanup> has no place in <role>", "42:13 <destinationCleanup> has no place in <role>"},
		"usmt-helper/backup.xml":                      nil,
		"usmt-helper/file1.xml":                       nil,
		"usmt-helper/reg.xml":                         {`5:5 type="User" is not one of`},
	}
	files, err := filepath.Glob(filepath.Join(root, "migxml", "*", "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no rule files below ", root)
	}
	for _, file := range files {
		rel, _ := filepath.Rel(filepath.Join(root, "migxml"), file)
		rel = filepath.ToSlash(rel)
		t.Run(rel, func(t *testing.T) {
			expected, ok := want[rel]
			if !ok {
				t.Fatal("nothing is known of this file: say what it does")
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d, ws, err := Parse("f", data)
			var got []string
			for _, w := range ws {
				got = append(got, strings.TrimPrefix(w.String(), "f:"))
			}
			var errs []error
			switch e := err.(type) {
			case nil:
				if len(d.Components) == 0 {
					t.Error("no components")
				}
			case interface{ Unwrap() []error }:
				errs = e.Unwrap()
			default:
				errs = []error{e}
			}
			for _, e := range errs {
				var u *UnsupportedError
				var x *xmlpos.Error
				var m *Error
				if !errors.As(e, &u) && !errors.As(e, &x) && !errors.As(e, &m) {
					t.Errorf("%T: %v", e, e)
				}
				got = append(got, "ERROR "+strings.TrimPrefix(e.Error(), "f:"))
			}
			if !slices.EqualFunc(got, expected, func(g, w string) bool {
				return strings.HasPrefix(strings.Replace(g, ": ", " ", 1), w)
			}) {
				t.Errorf("got  %q\nwant %q", got, expected)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	for _, s := range []string{
		`<migration urlid="x"><namedElements><rules name="a"><rules name="a"/></rules></namedElements></migration>`,
		`<migration><component><role><rules><include filter="MigXmlHelper.FileProperties('a','b','c')"/></rules></role></component></migration>`,
		`<migration><component><extensions><extension>.x</extension></extensions></component></migration>`,
		`<Configuration/>`, `<migration`, "\xff\xfe<\x00a\x00/\x00>\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, ws, err := Parse("f", data)
		if (d == nil) == (err == nil) {
			t.Fatal("a document and an error, or neither")
		}
		for _, w := range ws {
			if w.Msg == "" || w.File != "f" {
				t.Fatalf("%+v", w)
			}
		}
	})
}

func FuzzCall(f *testing.F) {
	for _, s := range []string{
		`MigXmlHelper.Name("a",'b',NULL)`, `migxmlhelper . F ( )`, `MigXmlHelper.F("a"`, `MigXmlHelper.F(,)`, `Other.F()`, `MigXmlHelper.F(TRUE) x`, ``,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, args, err := parseCall(s)
		if err != nil {
			return
		}
		// What was understood can be written again.
		var b strings.Builder
		b.WriteString("MigXmlHelper." + name + "(")
		for i, a := range args {
			if i > 0 {
				b.WriteString(", ")
			}
			switch {
			case a.Null:
				b.WriteString("null")
			case strings.Contains(a.Value, `"`):
				b.WriteString("'" + a.Value + "'")
			default:
				b.WriteString(`"` + a.Value + `"`)
			}
		}
		n, again, err := parseCall(b.String() + ")")
		if err != nil || n != name || !slices.Equal(again, args) {
			t.Fatalf("%q: %q %v, then %q %v %v", s, name, args, n, again, err)
		}
	})
}
