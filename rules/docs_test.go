package rules

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
)

// house is a source with everything that the document finder looks at.
var house = &machineProbe{
	source: source{
		objects: []string{
			`C:\ [pagefile.sys]`, `C:\ [todo.txt]`, `C:\Windows\System32 [a.dll]`, `C:\Program Files\App [app.exe]`, `C:\ProgramData\x [y]`, `C:\PerfLogs`,
			`C:\$Recycle.Bin`, `C:\Windows.old.000\x [y]`, `C:\Data [a.doc]`, `C:\Hidden [a.doc]`, `C:\Tools [tool.exe]`, `C:\Docs [report.doc]`, `C:\Gone`,
			`C:\Users [beside.txt]`, `C:\Users\ann [NTUSER.DAT]`, `C:\Users\bob [NTUSER.DAT]`, `C:\Users\old [NTUSER.DAT]`, `C:\Users\Public\Documents [p.doc]`,
			`C:\Users\Default [NTUSER.DAT]`, `C:\Users\Exchange [x.doc]`, `C:\Users\listed [x.doc]`, `D:\ [root.mp3]`, `D:\Music [a.mp3]`,
			`C:\Users\ann [mail.pst]`, `C:\Users\ann [ntuser.ini]`, `C:\Users\ann\AppData\Roaming [x]`, `C:\Users\ann\Project [a.c]`, `C:\Users\ann\Portable [p.exe]`,
			`C:\Users\ann\Cookies`, `C:\Users\ann\Documents [d.doc]`, `C:\Program Files\App\Inner [inner.exe]`,
			`HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1 [ProfileImagePath]`,
			`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Tool [InstallLocation]`,
			`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Docs [InstallLocation]`,
			`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\All [InstallLocation]`,
			`HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\App [DisplayIcon]`,
			`C:\Kontor, Berlin [kontor.exe]`, `C:\Kontor\x [y]`, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Kontor [DisplayIcon]`,
			`C:\Quoted [q.exe]`, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Quoted [DisplayIcon]`,
			`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\inner.exe []`,
			`HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\P [InstallLocation]`,
			`HKLM\SOFTWARE\Classes\.app []`, `HKLM\SOFTWARE\Classes\.app\ShellNew []`, `HKLM\SOFTWARE\Classes\.txt []`,
		},
		drives: map[string][]string{"Fixed": {"C:", "D:"}},
	},
	texts: map[string]string{
		`HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1 [ProfileImagePath]`: `%SystemDrive%\Users\listed`,
		`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Tool [InstallLocation]`:             `"C:\Tools\"`,
		`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Docs [InstallLocation]`:             `C:\Docs`, // holds no program
		`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\All [InstallLocation]`:              `C:\Users`,
		`HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\App [DisplayIcon]`:      `C:\Program Files\App\app.exe,0`,
		`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Kontor [DisplayIcon]`:               `C:\Kontor, Berlin\kontor.exe,-2`,
		`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Quoted [DisplayIcon]`:               `"C:\Quoted\q.exe",0`,
		`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\inner.exe []`:                       `C:\Program Files\App\Inner\inner.exe`,
		`HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\P [InstallLocation]`:                `C:\Users\ann\Portable`,
		`HKLM\SOFTWARE\Classes\.app []`: "App.Document", `HKLM\SOFTWARE\Classes\App.Document\shell\open\command []`: `"C:\Program Files\App\app.exe" "%1"`,
		`HKLM\SOFTWARE\Classes\.txt []`: "txtfile", `HKLM\SOFTWARE\Classes\txtfile\shell\open\command []`: `C:\Windows\notepad.exe %1`,
	},
	marks: map[string]string{`C:\pagefile.sys`: "hs", `C:\$Recycle.Bin`: "hs", `C:\Hidden`: "h", `C:\Gone`: "link", `C:\Users\ann\Cookies`: "link"},
}

func houseContexts() (sys, person Context) {
	machine := vars{"SYSTEMDRIVE": "C:", "WINDIR": `C:\Windows`, "PROGRAMFILES": `C:\Program Files`, "PROGRAMDATA": `C:\ProgramData`, "PROFILESFOLDER": `C:\Users`,
		"FOLDERID_PUBLIC": `C:\Users\Public`, "DEFAULTUSERPROFILE": `C:\Users\Default`, "CSIDL_COMMON_DOCUMENTS": `C:\Users\Public\Documents`}
	own := vars{"CSIDL_PROFILE": `C:\Users\ann`, "CSIDL_MYDOCUMENTS": `C:\Users\ann\Documents`, "CSIDL_APPDATA": `C:\Users\ann\AppData\Roaming`,
		"CSIDL_LOCAL_APPDATA": `C:\Users\ann\AppData\Local`, "CSIDL_QUICKLAUNCH": `C:\Users\ann\AppData\Roaming\Quick Launch`, "FOLDERID_DOWNLOADS": `D:\Downloads`}
	for k, v := range machine {
		own[k] = v
	}
	return Context{Name: "System", Env: machine}, Context{Name: "ann", User: true, Env: own}
}

// TestDocPatterns: what the document finder finds, by context and arguments.
func TestDocPatterns(t *testing.T) {
	sys, person := houseContexts()
	system := []string{`c:\kontor\* [*]`, `c:\ [todo.txt]`, `c:\data\* [*]`, `c:\docs\* [*]`, `c:\hidden\* [*]`, `c:\users [beside.txt]`, `c:\users\exchange\* [*]`, `c:\users\public\documents\* [*]`}
	for _, c := range []struct {
		args string
		ctx  Context
		want []string // all of them for "=", else some; "-" before one that is not there
		all  bool
	}{
		{``, sys, append([]string{`d:\ [root.mp3]`, `d:\music\* [*]`}, system...), true},
		{`"FALSE","TRUE","FALSE"`, sys, append([]string{`d:\ [root.mp3]`, `d:\music\* [*]`}, system...), true},
		{`"FALSE","TRUE","TRUE"`, sys, system, true},
		{`"TRUE","TRUE","TRUE"`, sys, append([]string{`c:\program files\* [*.app]`}, system...), true},
		{`"FALSE","FALSE"`, sys, []string{`c:\windows\* [*]`, `c:\program files\* [*]`, `c:\programdata\* [*]`, `c:\tools\* [*]`, `c:\program files\app\* [*]`, `c:\kontor, berlin\* [*]`, `c:\quoted\* [*]`, `d:\$recycle.bin\* [*]`, `-c:\docs\* [*]`, `-c:\users\* [*]`}, false},
		{`"TRUE","FALSE"`, sys, []string{`c:\windows\* [*]`, `-c:\program files\* [*]`, `-c:\program files\app\* [*]`, `c:\program files\app\inner\* [*]`, `c:\tools\* [*]`}, false},
		{``, person, []string{`c:\users\ann [mail.pst]`, `c:\users\ann\documents\* [*]`, `c:\users\ann\project\* [*]`, `c:\users\ann\appdata\roaming\quick launch\* [*]`, `d:\downloads\* [*]`}, true},
		{`"TRUE"`, person, []string{`c:\users\ann [mail.pst]`, `c:\users\ann\documents\* [*]`, `c:\users\ann\project\* [*]`, `c:\users\ann\appdata\roaming\quick launch\* [*]`, `d:\downloads\* [*]`}, true},
		{`"FALSE","FALSE"`, person, []string{`c:\users\ann\appdata\roaming\* [*]`, `c:\users\ann\appdata\local\* [*]`, `c:\users\ann\portable\* [*]`, `-c:\windows\* [*]`}, false},
		// ScanProgramFiles is for the system alone.
		{`"TRUE","FALSE"`, person, []string{`c:\users\ann\appdata\roaming\* [*]`, `c:\program files\app\* [*]`, `c:\program files\app\inner\* [*]`}, false},
	} {
		body := component("", role(`<rules><include><objectSet><script>MigXmlHelper.GenerateDocPatterns(`+c.args+`)</script></objectSet></include></rules>`))
		got, ws := patterns(t, house, body, c.ctx)
		if c.all && len(got) != len(c.want) {
			t.Errorf("(%s) for %s: %d patterns\n%s", c.args, c.ctx.Name, len(got), strings.Join(got, "\n"))
		}
		for _, w := range c.want {
			w, no := strings.CutPrefix(w, "-")
			if found := strings.Contains("\n"+strings.Join(got, "\n")+"\n", "\n"+w+"\n"); found == no {
				t.Errorf("(%s) for %s: %s: %t\n%s", c.args, c.ctx.Name, w, found, strings.Join(got, "\n"))
			}
		}
		if c.args == "" && !c.ctx.User && !strings.Contains(ws, `leaves out C:\Tools: a program is installed there`) {
			t.Errorf("nothing is said of C:\\Tools: %s", ws)
		}
	}
	// Files that are hidden and of the system are left out, hidden ones taken;
	// the folders of programs by the other half of the finder.
	both := func(tag, args string) string {
		return `<` + tag + `><objectSet><script>MigXmlHelper.GenerateDocPatterns(` + args + `)</script></objectSet></` + tag + `>`
	}
	sys.Probe, person.Probe = house, house
	set := mustCompile(t, []*migxml.Document{parse(t, "t.xml", component("", role(`<rules>`+both("include", `"FALSE"`)+both("exclude", `"FALSE","FALSE"`)+`</rules>`)))}, sys, person)
	for _, c := range []struct {
		node, leaf string
		o          Object
		want       bool
	}{
		{`C:\Data`, "desktop.ini", &thing{hiddenSystem: true}, false}, {`C:\Data`, "a.doc", &thing{}, true}, {`C:\Tools`, "tool.exe", &thing{}, false},
		{`C:\Users\ann\AppData\Roaming\Quick Launch`, "x.lnk", &thing{}, true}, {`C:\Users\ann\AppData\Roaming`, "x", &thing{}, false}, {`C:\Windows`, "x", &thing{}, false},
	} {
		if got := set.decideOf("", File, c.node, c.leaf, true, c.o).Take; got != c.want {
			t.Errorf("%s [%s]: %t", c.node, c.leaf, got)
		}
	}
}

// TestKept: what a restore needs is evaluated in the contexts of the source.
func TestKept(t *testing.T) {
	d := parse(t, "t.xml", component("", `<environment context="User"><variable name="Own" remap="TRUE"><text>%CSIDL_PERSONAL%\x</text></variable></environment>`+role(`<rules context="User">
<locationModify script="MigXmlHelper.RelativeMove('%CSIDL_PERSONAL%','%NOSUCH%\Docs')"><objectSet><pattern type="File">%Own%\* [*]</pattern></objectSet></locationModify></rules>
<rules><merge script="MigXmlHelper.SourcePriority()"><objectSet><pattern type="File">C:\a[1] [*]</pattern><script>MigXmlHelper.GenerateDrivePatterns("* [*.x]","Fixed")</script><pattern type="Ini">C:\x.ini|a[b]</pattern></objectSet></merge>
<excludeAttributes attributes="Security"><objectSet><pattern type="File">C:\a [*]</pattern></objectSet></excludeAttributes></rules>
<rules context="System"><conditions><condition>MigXmlHelper.DoesObjectExist("File","C:\Nosuch")</condition></conditions><merge script="MigXmlHelper.DestinationPriority()"><objectSet><pattern type="File">C:\never [*]</pattern></objectSet></merge></rules>
<rules context="System"><addObjects><conditions><condition>MigXmlHelper.DoesObjectExist("File","C:\Lab")</condition></conditions>
<object><location type="Registry">HKLM\SOFTWARE\x [y]</location><attributes>Dword</attributes><bytes>0b000000</bytes></object>
<object><location type="File">%PROGRAMFILES%\x [y.txt]</location><attributes>Hidden</attributes><bytes string="Yes">in %SYSTEMDRIVE%</bytes></object>
<object><location type="Registry">HKCU\x [y]</location></object><object><location type="File">C:\* [y]</location></object></addObjects></rules>`)))
	set, ws, err := Compile([]*migxml.Document{d}, full(lab), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range set.Kept().Rules {
		s := fmt.Sprintf("%d %s %s %s", r.Line, r.Element, r.Function, strings.Join(r.Contexts, ","))
		for _, a := range r.Args {
			s += fmt.Sprintf(" (%s|%s)", a.Written, a.Source)
		}
		for _, o := range r.Objects {
			s += fmt.Sprintf(" %s:%s", o.Kind, o.Text)
		}
		got = append(got, strings.ReplaceAll(strings.ReplaceAll(s+" "+r.Attributes, ann.Name, "ann"), bob.Name, "bob"))
	}
	want := []string{
		`3 merge SourcePriority System,ann,bob File:C:\* [*.x] File:D:\* [*.x] Ini:C:\x.ini|a[b] `,
		`4 excludeAttributes  System,ann,bob File:C:\a [*] Security`,
		`1 remap  ann (Own|) (%CSIDL_PERSONAL%\x|C:\Users\ann\Documents\x) `,
		`2 locationModify RelativeMove ann (%CSIDL_PERSONAL%|C:\Users\ann\Documents) (%NOSUCH%\Docs|) File:C:\Users\ann\Documents\x\* [*] `,
		`1 remap  bob (Own|) (%CSIDL_PERSONAL%\x|C:\Users\bob\Documents\x) `,
		`2 locationModify RelativeMove bob (%CSIDL_PERSONAL%|C:\Users\bob\Documents) (%NOSUCH%\Docs|) File:C:\Users\bob\Documents\x\* [*] `,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("\n got %s\nwant %s\n%s", strings.Join(got, "\n     "), strings.Join(want, "\n     "), messages(ws))
	}
	o := set.Kept().Objects
	if len(o) != 2 || o[0].Location != `HKLM\SOFTWARE\x [y]` || o[0].Data[0] != 11 || o[1].Location != `C:\Program Files\x [y.txt]` || string(o[1].Data) != "in C:" || !o[1].IsText {
		t.Errorf("%+v", o)
	}
	for _, w := range []string{"HKCU is the key of a user", "has a wildcard, and is no place of one object", "brackets"} {
		if !strings.Contains(messages(ws), w) {
			t.Errorf("no %q in %s", w, messages(ws))
		}
	}
	b, err := json.Marshal(set.Kept())
	var again Kept
	if err != nil || json.Unmarshal(b, &again) != nil || fmt.Sprint(again) != fmt.Sprint(*set.Kept()) {
		t.Errorf("%v: %s", err, b)
	}
}
