package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/internal/pe"
	"github.com/coldstate/coldstate/migxml"
)

// workshop is a source with programs, settings files and lists of files.
var workshop = &machineProbe{
	source: source{
		objects: []string{
			`C:\`, `C:\Zed`, `C:\Zed [zed.exe]`, `C:\Zed [zed.ini]`, `C:\Zed [notes.txt]`, `C:\Zed\Sub [deep.exe]`, `C:\Tools [tool.exe]`, `C:\Data`, `C:\Data\Sub`,
			`HKLM\SOFTWARE\Zed`, `HKLM\SOFTWARE\Zed [Icon]`, `HKLM\SOFTWARE\Zed [List]`, `HKLM\SOFTWARE\Zed [Multi]`, `HKLM\SOFTWARE\Zed [Quoted]`,
			`C:\Zed [big.log]`, `C:\Zed [big.ini]`, `C:\ [a.txt]`, `C:\ [b.txt]`,
			`HKLM\SOFTWARE\Zed [Gone]`, `HKLM\SOFTWARE\Zed [Raw]`, `HKLM\SOFTWARE\Zed [Two]`, `HKLM\SOFTWARE\Zed [Bare]`, `HKLM\SOFTWARE\Zed\Sub [Icon]`, `HKCU\Software\Own [File]`,
		},
		drives: map[string][]string{"Fixed": {"C:"}},
	},
	bits64:  true,
	version: "10.0.19045.",
	texts: map[string]string{
		`HKLM\SOFTWARE\Zed [Icon]`:     `C:\Zed\zed.exe,-2`,
		`HKLM\SOFTWARE\Zed [List]`:     `C:\Zed\zed.exe;C:\Gone\x.txt;C:\Zed\notes.txt`,
		`HKLM\SOFTWARE\Zed [Multi]`:    "C:\\Zed\\zed.exe\nC:\\Zed\\notes.txt",
		`HKLM\SOFTWARE\Zed [Quoted]`:   ` "C:\Zed\zed.exe" /open "%1"`,
		`HKLM\SOFTWARE\Zed [Gone]`:     `C:\Gone\x.txt`,
		`HKLM\SOFTWARE\Zed [Raw]`:      `%SystemDrive%\Zed\notes.txt`,
		`HKLM\SOFTWARE\Zed [Bare]`:     `tool.exe`,
		`HKLM\SOFTWARE\Zed [Two]`:      `C:\a.txt,C:\b.txt`,
		`HKLM\SOFTWARE\Zed [Half]`:     `%SystemDrive%\%NOSUCH% 100%\Zed`,
		`HKLM\SOFTWARE\Zed\Sub [Icon]`: `C:\Zed\Sub\deep.exe`,
		`HKCU\Software\Own [File]`:     `C:\Zed\notes.txt`,
		`C:\Zed [zed.ini]`:             "[Main]\nPath=C:\\Data\\Sub\\x.dat\nEmpty=\n[a^b]\nk[1]=v\n",
		`C:\Zed [notes.txt]`:           "Plain text",
		`C:\Zed [zed.exe]`:             "MZ",
		`C:\Tools [tool.exe]`:          "MZ",
	},
	versions: map[string]*pe.FileVersion{
		`C:\Zed\zed.exe`: {File: [4]uint16{8, 0, 10, 1}, Product: [4]uint16{9, 1, 0, 0},
			Strings: map[string]string{"CompanyName": "Zed & Söhne", "FileVersion": "8, 0, 10, 1", "ProductVersion": "9.1 beta"}},
		`C:\Tools\tool.exe`: {Strings: map[string]string{"FileVersion": "2.5 (r7)"}},
	},
	links: map[string]string{`C:\Link`: `C:\Data`},
}

// answers says whether a condition is true, in the system's context.
func answers(t *testing.T, p Probe, call string, negate bool) bool {
	t.Helper()
	neg := ""
	if negate {
		neg = ` negation="Yes"`
	}
	ctx := system
	ctx.Probe = p
	set := mustCompile(t, []*migxml.Document{parse(t, "t.xml", component("", role(`<detection><conditions><condition`+neg+`>`+esc(call)+`</condition></conditions></detection><rules>`+include(`C:\Lab\* [*]`)+`</rules>`)))}, ctx)
	return set.takes(t, "System", File, `C:\Lab [x]`)
}

// TestConditions: every function that can stand in a condition.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		call string
		want bool
	}{
		{`DoesFileVersionMatch("C:\Zed\zed.exe","FileVersion","8.*")`, true}, // by the numbers
		{`DoesFileVersionMatch("C:\Zed [ZED.EXE]","fileversion","8, 0,*")`, true},
		{`DoesFileVersionMatch("C:\Zed\zed.exe","ProductVersion","9.1 BETA")`, true},
		{`DoesFileVersionMatch("C:\Zed\zed.exe","ProductVersion","9.1.0.0")`, true},
		{`DoesFileVersionMatch("C:\Zed\zed.exe","ProductVersion","8.*")`, false},
		{`DoesFileVersionMatch("C:\Zed\zed.exe","CompanyName","*söhne")`, true},
		{`DoesFileVersionMatch("C:\Zed\zed.exe","CompanyName","*.*")`, false},
		{`DoesFileVersionMatch("C:\Zed\notes.txt","FileVersion","*")`, false}, // no program
		{`DoesFileVersionMatch("C:\Zed\*.exe","FileVersion","*")`, false},     // no place of one file
		{`DoesFileVersionMatch("%NOSUCH%","FileVersion","*")`, false},
		{`IsFileVersionAbove("C:\Zed\zed.exe","FileVersion","8.0.9.9")`, true},
		{`IsFileVersionAbove("C:\Zed\zed.exe","FileVersion","8.0.10.1")`, false},
		{`IsFileVersionAbove("C:\Zed\zed.exe","FileVersion","8.0.10")`, true},
		{`IsFileVersionAbove("C:\Zed\zed.exe","FileVersion","9")`, false},
		{`IsFileVersionBelow("C:\Zed\zed.exe","FileVersion","8.0.10.2")`, true},
		{`IsFileVersionBelow("C:\Zed\zed.exe","FileVersion","8.0.10.1")`, false},
		{`IsFileVersionBelow("C:\Zed\zed.exe","ProductVersion","10")`, true},
		{`IsFileVersionAbove("C:\Tools\tool.exe","FileVersion","2")`, true}, // the text alone says it
		{`IsFileVersionBelow("C:\Tools\tool.exe","FileVersion","2.0.1")`, false},
		{`IsFileVersionBelow("C:\Tools\tool.exe","ProductVersion","9")`, false}, // nothing says it

		{`DoesObjectExist("Ini","C:\Zed\zed.ini|main[path]")`, true},
		{`DoesObjectExist("Ini","C:\Zed\zed.ini|*[P*]")`, true},
		{`DoesObjectExist("Ini","C:\Zed\zed.ini|a^^b[k^[1^]]")`, true},
		{`DoesObjectExist("Ini","C:\Zed\zed.ini|main[nosuch]")`, false},
		{`DoesObjectExist("Ini","C:\Zed\none.ini|main[path]")`, false},
		{`DoesObjectExist("Ini","C:\Zed\zed.ini")`, false},
		{`DoesStringContentEqual("Ini","C:\Zed\zed.ini|Main[Path]","c:\data\sub\X.dat")`, true},
		{`DoesStringContentContain("Ini","C:\Zed\zed.ini|Main[Path]","SUB")`, true},
		{`DoesStringContentEqual("File","C:\Zed\notes.txt","plain TEXT")`, true},
		{`DoesStringContentContain("File","C:\Zed [notes.txt]","in te")`, true},
		{`DoesStringContentEqual("Registry","HKLM\SOFTWARE\Zed [Nosuch]","")`, true},
		{`DoesStringContentContain("Registry","HKLM\SOFTWARE\Zed [Nosuch]","x")`, false},
		{`DoesStringContentContain("Registry","HKLM\SOFTWARE\Zed [Nosuch]","")`, false}, // in nothing there is not even nothing
		{`DoesStringContentContain("Ini","C:\Zed\zed.ini|Main[Nosuch]","")`, false},
		{`DoesStringContentContain("Ini","C:\Zed\zed.ini|Main[Empty]","")`, true},
		{`DoesStringContentEqual("File","C:\Zed [nosuch.txt]","")`, true},
		{`IsSameStringContent("Registry","HKCU\Software\Own [File]","File","C:\Zed\notes.txt")`, false},
		{`IsSameStringContent("Ini","C:\Zed\zed.ini|Main[Path]","Ini","C:\Zed\ZED.INI|main[path]")`, true},
		{`IsSameContent("File","C:\Zed\zed.exe","File","C:\Tools [tool.exe]")`, true},
		{`IsSameContent("File","C:\Zed\zed.exe","File","C:\Zed\notes.txt")`, false},
		{`IsSameContent("File","C:\Zed\zed.exe","File","C:\Zed\nosuch")`, false},
		{`IsSameContent("Registry","HKLM\SOFTWARE\Zed [Gone]","Registry","HKLM\SOFTWARE\Zed [Gone]")`, true},
		{`IsSameContent("Ini","C:\Zed\zed.ini|Main[Empty]","Ini","C:\Zed\zed.ini|Main[Nosuch]")`, false},
		{`IsSameObject("File","C:\Link","C:\Data")`, true}, // a junction
		{`IsSameObject("File","C:\Link","C:\Zed")`, false},
		{`IsSameObject("Ini","C:\Zed\zed.ini|main[path]","C:\zed\ZED.ini|MAIN[Path]")`, true},
		{`IsSameObject("Ini","C:\Zed\zed.ini|main[path]","C:\zed\ZED.ini|MAIN[Other]")`, false},
		{`IsSameObject("Registry","HKLM\SOFTWARE\Zed [Icon]","HKEY_LOCAL_MACHINE\Software\ZED [icon]")`, true},
		{`IsOSLaterThan("NT","10.0")`, true}, {`IsOSLaterThan("NT","10.0.19045")`, true}, {`IsOSLaterThan("NT","10.0.19046")`, false},
		{`IsOSEarlierThan("NT","10.0.22000")`, true}, {`IsOSEarlierThan("9x","99.0")`, false},
		{`IsOSEarlierThan("NT","5.1.2600.Service Pack 2")`, false},
		{`DoesOSMatch("NT","10.0.*")`, true}, {`DoesOSMatch("9x","*")`, false}, {`DoesOSMatch("NT","10.0.19045.")`, true},
		{`DoesOSMatch("NT","10.0.19045")`, true}, {`DoesOSMatch("NT","10.0.1904")`, false}, {`DoesOSMatch("NT","*.19045")`, true},
		{`IsNative64Bit()`, true}, {`IsSystemContext()`, true},
	} {
		call := "MigXmlHelper." + c.call
		if got := answers(t, workshop, call, false); got != c.want {
			t.Errorf("%s: %t", c.call, got)
		}
		if got := answers(t, workshop, call, true); got == c.want {
			t.Errorf("not %s: %t", c.call, got)
		}
	}
}

// TestNoAnswer: of what is there and cannot be read nothing is said, neither
// that it is so nor that it is not; an undefined variable makes no text.
func TestNoAnswer(t *testing.T) {
	for _, call := range []string{
		`DoesStringContentEqual("File","C:\Zed [big.log]","")`, `DoesStringContentContain("File","C:\Zed\big.log","x")`,
		`IsSameStringContent("File","C:\Zed\big.log","File","C:\Zed\notes.txt")`, `DoesStringContentEqual("Ini","C:\Zed\big.ini|a[b]","")`,
	} {
		for _, negate := range []bool{false, true} {
			if answers(t, workshop, "MigXmlHelper."+call, negate) {
				t.Errorf("%s, negated %t: true", call, negate)
			}
		}
		_, ws := patterns(t, workshop, component("", role(`<detection><conditions><condition>MigXmlHelper.`+esc(call)+`</condition></conditions></detection><rules>`+include(`C:\Lab\* [*]`)+`</rules>`)), system)
		if !strings.Contains(ws, "is too large for a text (1 MiB at most), or cannot be read") {
			t.Errorf("%s: %s", call, ws)
		}
	}
	// %NOSUCH% is not "": nothing equals it, and nothing contains it.
	for _, call := range []string{
		`DoesStringContentEqual("Registry","HKLM\SOFTWARE\Zed [Nosuch]","%NOSUCH%")`, `DoesStringContentContain("Registry","HKLM\SOFTWARE\Zed [Icon]","%NOSUCH%")`,
	} {
		if answers(t, workshop, "MigXmlHelper."+call, false) {
			t.Errorf("%s is true", call)
		}
		if !answers(t, workshop, "MigXmlHelper."+call, true) {
			t.Errorf("not %s is false", call)
		}
	}
}

// TestVariables: values of variables from all their sources.
func TestVariables(t *testing.T) {
	get := func(args string) string { return `<script>MigXmlHelper.GetStringContent(` + esc(args) + `)</script>` }
	first := func(kind, p string) string {
		return `<objectSet><pattern type="` + kind + `">` + esc(p) + `</pattern></objectSet>`
	}
	for _, c := range []struct{ name, value, pattern, taken string }{
		{"setting of a file", get(`"Ini","C:\Zed\zed.ini|Main[Path]"`), `%V%`, `C:\Data\Sub\x.dat`},
		{"expanded", get(`"Registry","HKLM\SOFTWARE\Zed [Raw]"`), `%V%`, `C:\Zed\notes.txt`},
		{"not expanded", get(`"Registry","HKLM\SOFTWARE\Zed [Raw]","FALSE"`), `%V%`, ""}, // no location
		{"what Windows does not know stays", get(`"Registry","HKLM\SOFTWARE\Zed [Half]"`), `%V%`, `C:\%NOSUCH% 100%\Zed`},
		{"a file gives nothing", get(`"File","C:\Zed\notes.txt"`), `C:\a%V%`, ""},
		{"nothing there", get(`"Registry","HKLM\SOFTWARE\Zed [Nosuch]"`), `C:\a%V%`, ""},
		{"HKCU of the system", get(`"Registry","HKCU\Software\Own [File]"`), `%V%`, ""},
		{"the first file", first("File", `C:\Zed\* [*.exe]`), `%V%`, `C:\Zed [zed.exe]`},
		{"the first folder", first("File", `C:\Data`), `%V%\* [*]`, `C:\Data [x]`},
		{"no object", first("File", `C:\Zed\* [*.com]`), `C:\a%V% [*]`, ""},
	} {
		ctx := system
		ctx.Probe = workshop
		d := parse(t, "t.xml", component(`context="System"`, `<environment><variable name="V">`+c.value+`</variable></environment>`+role(`<rules>`+include(c.pattern)+`</rules>`)))
		set := mustCompile(t, []*migxml.Document{d}, ctx)
		if c.taken == "" {
			if set.files != nil && len(set.files.pats) > 0 {
				t.Errorf("%s: %+v", c.name, set.files.pats)
			}
		} else if !set.takes(t, "System", File, c.taken) {
			t.Errorf("%s: %s is not taken", c.name, c.taken)
		}
	}
}

// patterns are the patterns that rules make in the context of the system, or
// with user set in that of a user alone.
func patterns(t *testing.T, p Probe, body string, ctxs ...Context) ([]string, string) {
	t.Helper()
	for i := range ctxs {
		ctxs[i].Probe = p
	}
	set, ws, err := Compile([]*migxml.Document{parse(t, "t.xml", body)}, ctxs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range set.files.pats {
		x := &set.files.pats[i]
		s := strings.ToLower(x.pattern.text())
		if x.action != migxml.Include {
			s = x.action.String() + " " + s
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out, messages(ws)
}

// TestContent: files whose paths stand in values.
func TestContent(t *testing.T) {
	for _, c := range []struct{ filter, kind, pattern, want string }{
		{`ExtractSingleFile(',',NULL)`, "Registry", `HKLM\SOFTWARE\Zed [Icon]`, `c:\zed [zed.exe]`},
		{`ExtractSingleFile(NULL,NULL)`, "Registry", `HKLM\SOFTWARE\Zed [Icon]`, ``}, // "zed.exe,-2" is not there
		{`ExtractSingleFile(',',NULL)`, "Registry", `HKLM\SOFTWARE\Zed [Two]`, `c:\ [a.txt]`},
		{`ExtractMultipleFiles(',',NULL)`, "Registry", `HKLM\SOFTWARE\Zed [Two]`, `c:\ [a.txt]; c:\ [b.txt]`},
		{`ExtractSingleFile(',')`, "Registry", `HKLM\SOFTWARE\Zed\* [Icon]`, `c:\zed [zed.exe]; c:\zed\sub [deep.exe]`},
		{`ExtractSingleFile(NULL,NULL)`, "Registry", `HKLM\SOFTWARE\Zed [Multi]`, `c:\zed [zed.exe]`},
		{`ExtractSingleFile()`, "Registry", `HKLM\SOFTWARE\Zed [Quoted]`, `c:\zed [zed.exe]`},
		{`ExtractSingleFile()`, "Registry", `HKLM\SOFTWARE\Zed [Gone]`, ``},
		{`ExtractSingleFile()`, "Registry", `HKLM\SOFTWARE\Zed [Raw]`, `c:\zed [notes.txt]`},
		{`ExtractSingleFile(NULL,'C:\Nowhere;%SYSTEMDRIVE%\Tools')`, "Registry", `HKLM\SOFTWARE\Zed [Bare]`, `c:\tools [tool.exe]`},
		{`ExtractSingleFile(NULL,NULL)`, "Registry", `HKLM\SOFTWARE\Zed [Bare]`, ``},
		{`ExtractSingleFile()`, "Registry", `HKLM\SOFTWARE\Zed`, ``},        // a key has no content
		{`ExtractSingleFile()`, "Registry", `HKCU\Software\Own [File]`, ``}, // of no user
		{`ExtractMultipleFiles(';',NULL)`, "Registry", `HKLM\SOFTWARE\Zed [List]`, `c:\zed [notes.txt]; c:\zed [zed.exe]`},
		{`ExtractMultipleFiles(NULL,NULL)`, "Registry", `HKLM\SOFTWARE\Zed [Multi]`, `c:\zed [notes.txt]; c:\zed [zed.exe]`},
		{`ExtractDirectory(NULL,'1','* [*]')`, "Registry", `HKLM\SOFTWARE\Zed [Raw]`, `c:\zed\* [*]`},
		{`ExtractDirectory(',','1')`, "Registry", `HKLM\SOFTWARE\Zed [Icon]`, `c:\zed`},
		{`ExtractDirectory(NULL,'2','* [*]')`, "Registry", `HKLM\SOFTWARE\Zed [Raw]`, `c:\* [*]`},
		{`ExtractDirectory(NULL,'3','* [*]')`, "Registry", `HKLM\SOFTWARE\Zed [Raw]`, ``},
		{`ExtractDirectory(NULL,'1','* [*]')`, "Registry", `HKLM\SOFTWARE\Zed [Gone]`, ``},
		{`ExtractDirectory(NULL,'1')`, "Ini", `C:\Zed\zed.ini|Main[P*]`, `c:\data\sub`},
	} {
		got, _ := patterns(t, workshop, component("", role(`<rules><include><objectSet><content filter="MigXmlHelper.`+c.filter+`"><objectSet><pattern type="`+c.kind+`">`+esc(c.pattern)+`</pattern></objectSet></content></objectSet></include></rules>`)), system)
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s of %s: %q, want %q", c.filter, c.pattern, s, c.want)
		}
	}
}

// TestIniPatterns: a pattern of settings takes the file that has one of them.
func TestIniPatterns(t *testing.T) {
	ini := func(tag, p string) string {
		return `<` + tag + `><objectSet><pattern type="Ini">` + esc(p) + `</pattern></objectSet></` + tag + `>`
	}
	for _, c := range []struct {
		pattern, want string
		warning       string
	}{
		{`C:\Zed\zed.ini|Main[P*]`, `c:\zed [zed.ini]`, ""},
		{`%SYSTEMDRIVE%\Zed\zed.ini|*[*]`, `c:\zed [zed.ini]`, ""},
		{`C:\Zed\zed.ini|Main[Nosuch]`, ``, ""},
		{`C:\Zed\none.ini|Main[Path]`, ``, ""},
		{`C:\Zed\*.ini|Main[Path]`, ``, "without wildcards"},
		{`zed.ini|Main[Path]`, ``, "full path"},
		{`%NOSUCH%|Main[Path]`, ``, "%NOSUCH% is not defined"},
	} {
		got, ws := patterns(t, workshop, component(`context="System"`, role(`<rules>`+ini("include", c.pattern)+ini("exclude", c.pattern)+ini("unconditionalExclude", c.pattern)+`</rules>`)), system)
		if s := strings.Join(got, "; "); s != c.want || !strings.Contains(ws, c.warning) {
			t.Errorf("%s: %q, want %q; %s", c.pattern, s, c.want, ws)
		}
	}
	set := mustCompile(t, []*migxml.Document{parse(t, "t.xml", component("", role(`<rules>`+ini("include", `C:\Zed\zed.ini|Main[P*]`)+`</rules>`)))}, full(workshop)...)
	if r := set.Rule(set.decide("", File, `C:\Zed`, "zed.ini", true).Rule); !r.Ini || r.Text != `C:\Zed\zed.ini|Main[P*]` {
		t.Errorf("%+v", r)
	}
}

// TestFilters asks about files with and without what filters look at.
func TestFilters(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	small, big := &thing{size: 1 << 20, text: "Hello"}, &thing{size: 1<<20 + 1, unreadable: true}
	old := &thing{times: map[migxml.Property]time.Time{migxml.DateCreated: day("2019-12-31 23:59"), migxml.DateModified: day("2030-01-31 23:00"), migxml.DateAccessed: day("2031-05-05 00:00")}}
	link := &thing{size: -1, unreadable: true}
	for _, c := range []struct {
		filter           string
		o                Object
		include, exclude bool // taken by an include, left by an exclude with the filter
	}{
		{`FileProperties('filesize','gt','1MB')`, small, false, false}, // exactly 1 MB
		{`FileProperties('filesize','gt','1MB')`, big, true, true},
		{`FileProperties('filesize','gte','1MB')`, small, true, true},
		{`FileProperties('filesize','range','1MB-1KB')`, small, true, true},
		{`FileProperties('filesize','range','1KB-1MB')`, big, false, false},
		{`FileProperties('dateModified','range','2030/01/01-2030/01/31')`, old, true, true},
		{`FileProperties('dateModified','lt','2030/01/31')`, old, false, false},
		{`FileProperties('dateCreated','lte','2019/12/31')`, old, true, true},
		{`FileProperties('dateAccessed','eq','2031/05/05')`, old, true, true},
		{`FileProperties('dateAccessed','neq','2031/05/05')`, old, false, false},
		{`FileProperties('dateAccessed','eq','2031/05/05')`, small, true, false}, // no date: taken, and not excluded
		{`FileProperties('filesize','gt','1MB')`, link, true, false},
		{`FileProperties('filesize','gt','1MB')`, nil, true, false},
		{`CompareStringContent('hello','Equal')`, small, true, true},
		{`CompareStringContent('%WORD%','Equal')`, small, true, true},
		{`CompareStringContent('other','Equal')`, small, false, false},
		{`CompareStringContent('hello',NULL)`, small, false, false},
		{`CompareStringContent('other','different')`, small, true, true},
		{`CompareStringContent('hello','Equal')`, big, true, false}, // cannot be read
		{`AnswerNo()`, small, false, false},
		{`IgnoreIrrelevantLinks()`, small, true, true},
		{`NeverRestore()`, small, true, true},
		{`SameRegContent()`, small, true, false},
	} {
		pattern := `<objectSet><pattern type="File">C:\Lab\* [*]</pattern></objectSet>`
		ctx := system
		ctx.Env = vars{"WORD": "HELLO"}
		filter := ` filter="MigXmlHelper.` + c.filter + `">`
		d := parse(t, "t.xml", component("", role(`<rules><include`+filter+pattern+`</include></rules>`)))
		in := mustCompile(t, []*migxml.Document{d}, ctx)
		d = parse(t, "t.xml", component("", role(`<rules><include>`+pattern+`</include><exclude`+filter+pattern+`</exclude></rules>`)))
		ex := mustCompile(t, []*migxml.Document{d}, ctx)
		if got := in.decideOf("", File, `C:\Lab\Sub`, "x", true, c.o).Take; got != c.include {
			t.Errorf("include %s of %+v: %t", c.filter, c.o, got)
		}
		if got := !ex.decideOf("", File, `C:\Lab\Sub`, "x", true, c.o).Take; got != c.exclude {
			t.Errorf("exclude %s of %+v: %t", c.filter, c.o, got)
		}
		// Folders are not judged by what files have.
		if got := ex.decide("", File, `C:\Lab\Sub`, "", false).Take; !got && strings.Contains(c.filter, "(f") {
			t.Errorf("exclude %s leaves out folders", c.filter)
		}
	}
	// A filter that does not let an object through leaves it to the next rule.
	d := parse(t, "t.xml", component("", role(`<rules>`+include(`C:\* [*]`)+`<exclude filter="MigXmlHelper.FileProperties('filesize','gt','1MB')"><objectSet><pattern type="File">C:\Lab\* [*]</pattern></objectSet></exclude></rules>`)))
	set := mustCompile(t, []*migxml.Document{d}, system)
	if !set.decideOf("", File, `C:\Lab`, "x", true, small).Take || set.decideOf("", File, `C:\Lab`, "x", true, big).Take {
		t.Error("a size excludes the wrong files")
	}
	if r := set.Rule(set.decideOf("", File, `C:\Lab`, "x", true, big).Rule); r.Filter != "MigXmlHelper.FileProperties('filesize','gt','1MB')" {
		t.Errorf("%+v", r)
	}
}

// TestUserPatterns: a pattern is that of every user.
func TestUserPatterns(t *testing.T) {
	d := parse(t, "t.xml", component(`context="User"`, role(`<rules><include><objectSet><script>MigXmlHelper.GenerateUserPatterns("Registry","HKCU\Software\Zed\* [*]","TRUE")</script></objectSet></include></rules>`)))
	set := mustCompile(t, []*migxml.Document{d}, system, ann, bob)
	for _, c := range []struct {
		ctx, object string
		want        bool
	}{
		{ann.Name, `HKCU\Software\Zed [x]`, true}, {bob.Name, `HKCU\Software\Zed [x]`, true},
		{"System", `HKU\` + bob.Name + `\Software\Zed [x]`, false}, {"System", `HKU\.DEFAULT\Software\Zed [x]`, false},
	} {
		if got := set.takes(t, c.ctx, Registry, c.object); got != c.want {
			t.Errorf("%s of %s: %t", c.object, c.ctx, got)
		}
	}
}

// TestUserPatternsVariables: variables of the rule file have the values of the
// user whom a pattern is for.
func TestUserPatternsVariables(t *testing.T) {
	text := func(context, name, value string) string {
		return `<environment` + context + `><variable name="` + name + `"><text>` + esc(value) + `</text></variable></environment>`
	}
	d := parse(t, "t.xml", component(`context="System"`, text("", "SUB", "Work")+text("", "OWN", `%CSIDL_PERSONAL%\%SUB%`)+text(` context="System"`, "ALL", `C:\All`)+
		role(text("", "DEEP", `%OWN%\Deep`)+`<rules><include><objectSet>`+
			`<script>MigXmlHelper.GenerateUserPatterns('File','%CSIDL_PROFILE%\%SUB% [*.a]','TRUE')</script>`+
			`<script>MigXmlHelper.GenerateUserPatterns('File','%DEEP% [*.b]','TRUE')</script>`+
			`<script>MigXmlHelper.GenerateUserPatterns('File','%ALL% [*.c]','TRUE')</script></objectSet></include></rules>`))+
		component(`context="User"`, text("", "OWN", `%CSIDL_PERSONAL%\Own`)+role(`<rules><include><objectSet>`+
			`<script>MigXmlHelper.GenerateUserPatterns('File','%OWN% [*.d]','FALSE')</script></objectSet></include></rules>`)))
	set, warnings, err := Compile([]*migxml.Document{d}, []Context{system, ann, bob}, Options{})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, messages(warnings))
	}
	for object, want := range map[string]bool{
		`C:\Users\ann\Work [x.a]`: true, `C:\Users\bob\Work [x.a]`: true, `C:\Users\carl\Work [x.a]`: false,
		`C:\Users\ann\Documents\Work\Deep [x.b]`: true, `C:\Users\bob\Documents\Work\Deep [x.b]`: true, `C:\All [x.c]`: true,
		`C:\Users\ann\Documents\Own [x.d]`: true, `C:\Users\bob\Documents\Own [x.d]`: true, `C:\Users\ann\Documents [x.d]`: false,
	} {
		if got := set.takes(t, ann.Name, File, object); got != want {
			t.Errorf("%s: %t", object, got)
		}
	}
}

// TestDisabled: a component with a function that does not exist stops a run.
func TestDisabled(t *testing.T) {
	bad := component("", role(`<rules><include filter="MigXmlHelper.Perhaps()"><objectSet><pattern type="File">C:\a [*]</pattern></objectSet></include></rules>`))
	d := parse(t, "t.xml", component("", role(`<rules>`+include(`C:\b [*]`)+`</rules>`))+"\n"+bad)
	_, _, err := Compile([]*migxml.Document{d}, full(lab), Options{})
	if err == nil || !strings.HasPrefix(err.Error(), "t.xml:2:") || !strings.Contains(err.Error(), `MigXmlHelper.Perhaps is not supported (the language has no such function, so what the component "c" asks for`) {
		t.Error(err)
	}
	off := []*migxml.ConfigComponent{{ID: "urn:t.xml/c/data"}}
	if _, _, err := Compile([]*migxml.Document{d}, full(lab), Options{Off: off}); err != nil {
		t.Errorf("it is switched off, and still: %v", err)
	}
}

func ExampleSet_Explain() {
	d, _, err := migxml.Parse("lab.xml", []byte(`<migration urlid="urn:lab"><component type="Documents"><displayName>Lab</displayName><role role="Data"><rules>
<include><objectSet><pattern type="File">C:\Lab\* [*]</pattern></objectSet></include>
<exclude><objectSet><pattern type="File">C:\* [*.txt]</pattern></objectSet></exclude>
</rules></role></component></migration>`))
	if err != nil {
		panic(err)
	}
	set, _, err := Compile([]*migxml.Document{d}, []Context{{Name: "System"}}, Options{})
	if err != nil {
		panic(err)
	}
	decision, matches := set.Explain(File, "System", `C:\Lab`, "a.txt", true, nil)
	fmt.Println(decision.Take)
	for _, m := range matches {
		fmt.Printf("%s %s %t %q\n", set.Rule(m.Rule).Pos, m.Pattern, m.Wins, m.Why)
	}
	// Output:
	// true
	// lab.xml:2:21 C:\LAB\* [*] true ""
	// lab.xml:3:21 C:\* [*.TXT] false "another rule of its component is more specific"
}
