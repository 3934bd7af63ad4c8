package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/rules/builtin"
)

// lintFile is a rule file of one component, its rules from line 4 on.
func lintFile(rules string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<migration urlid="http://example.org/lint">
<component type="Documents" context="UserAndSystem"><displayName>Lab</displayName><role role="Data"><rules>
` + rules + `
</rules></role></component>
</migration>`
}

func lintRule(element, pattern string) string {
	kind := "File"
	if strings.HasPrefix(pattern, "HK") {
		kind = "Registry"
	}
	inner := `<pattern type="` + kind + `">` + pattern + `</pattern>`
	if strings.HasPrefix(pattern, "MigXmlHelper") {
		inner = `<script>` + pattern + `</script>`
	}
	return fmt.Sprintf("<%s><objectSet>%s</objectSet></%s>", element, inner, element)
}

// TestLint has for each trap a file that falls into it and one that comes
// near and does not.
func TestLint(t *testing.T) {
	type rule struct{ element, pattern string }
	in := func(p string) rule { return rule{"include", p} }
	ex := func(p string) rule { return rule{"exclude", p} }
	never := func(p string) rule { return rule{"unconditionalExclude", p} }
	for _, c := range []struct {
		trap  string
		rules []rule
		line  int    // of the only warning; 0 for none
		want  string // part of it
		way   string // the better way
	}{
		{"exclude by extension on the drive", []rule{in(`C:\Lab\* [*]`), ex(`C:\* [*.txt]`)}, 5, "the include of line 4, C:\\Lab\\* [*], is more specific", "unconditionalExclude"},
		{"the same in the folder", []rule{in(`C:\Lab\* [*]`), ex(`C:\Lab\* [*.txt]`)}, 0, "", ""},
		{"the same as unconditionalExclude", []rule{in(`C:\Lab\* [*]`), never(`C:\* [*.txt]`)}, 0, "", ""},
		{"on all drives", []rule{in(`%CSIDL_PERSONAL%\* [*]`), ex(`MigXmlHelper.GenerateDrivePatterns("* [*.mp3]", "Fixed")`)}, 5, "does nothing", "unconditionalExclude"},
		{"on all drives, includes on the drive", []rule{in(`C:\* [*]`), ex(`MigXmlHelper.GenerateDrivePatterns("* [*.mp3]", "Fixed")`)}, 0, "", ""},
		{"beside the document finder", []rule{in(`MigXmlHelper.GenerateDocPatterns("FALSE")`), ex(`C:\* [*.mp3]`)}, 5, "GenerateDocPatterns finds are more specific", "unconditionalExclude"},
		{"a folder beside the document finder", []rule{in(`MigXmlHelper.GenerateDocPatterns("FALSE")`), ex(`C:\Lab\* [*]`)}, 0, "", ""},
		{"exclude of what nothing includes", []rule{in(`C:\Lab\* [*]`), ex(`C:\Other\* [*]`)}, 5, "nothing in its component includes", "unconditionalExclude"},
		{"variables may lie in each other", []rule{in(`%CSIDL_PROFILE%\* [*]`), ex(`%CSIDL_PERSONAL%\* [*]`)}, 0, "", ""},
		{"no include", []rule{ex(`C:\Lab\* [*]`)}, 4, `the component "Lab" includes nothing`, "unconditionalExclude"},
		{"the number of a volume", []rule{in(`D:\* [*]`), ex(`3:\Tmp\* [*]`)}, 0, "", ""},
		{"no include, but unconditional", []rule{never(`C:\Lab\* [*]`)}, 0, "", ""},
		{"exclude of the same", []rule{in(`C:\Lab\* [*]`), ex(`c:\lab\* [*]`)}, 4, "takes nothing, as line 5 excludes the same", "take one of them out"},
		{"unconditionalExclude above", []rule{in(`C:\Lab\Sub\* [*.txt]`), never(`C:\Lab\* [*]`)}, 4, "the <unconditionalExclude> of line 5", "more specific include"},
		{"unconditionalExclude below", []rule{in(`C:\Lab\* [*]`), never(`C:\Lab\Sub\* [*]`)}, 0, "", ""},
		{"anywhere", []rule{in(`C:\*\Lab\* [*]`)}, 4, `misses C:\Lab, which is in the root`, `C:\Lab\* [*]`},
		{"exclude anywhere", []rule{in(`C:\* [*.txt]`), ex(`C:\*\Lab\* [*]`)}, 5, `misses C:\Lab, which is in the root`, `C:\Lab\* [*]`},
		{"exclude anywhere, of a folder that is included", []rule{in(`C:\inetpub\* [*]`), ex(`C:\*\Lab\* [*]`)}, 5, `does nothing, as the include of line 4, C:\inetpub\* [*], is more specific: `, "unconditionalExclude"},
		{"exclude anywhere, of folders of variables, too", []rule{in(`%PUBLIC%\* [*]`), in(`%CSIDL_PROFILE%\* [*.pst]`), in(`%SystemDrive%\Users\* [*.kdbx]`), in(`C:\inetpub\* [*]`), ex(`C:\*\Lab\* [*]`)}, 8, `does nothing, as the include of line 6, %SystemDrive%\Users\* [*.kdbx], is more specific (but where the folder of a variable is the root of a drive)`, "unconditionalExclude"},
		{"exclude anywhere on a drive, of folders of variables", []rule{in(`%PUBLIC%\* [*]`), ex(`D:\*\Lab\* [*]`)}, 5, `does nothing, as the include of line 4, %PUBLIC%\* [*], is more specific (but where`, "unconditionalExclude"},
		{"exclude anywhere on the drive of Windows", []rule{in(`C:\inetpub\* [*]`), ex(`%SystemDrive%\*\Lab\* [*]`)}, 5, `does nothing, as the include of line 4`, "unconditionalExclude"},
		{"exclude anywhere, of the drive of Windows", []rule{in(`%SystemDrive%\* [*]`), in(`C:\inetpub\* [*]`), ex(`C:\*\Lab\* [*]`)}, 6, `misses C:\Lab, which is in the root`, `C:\Lab\* [*]`},
		{"exclude anywhere, of what is found", []rule{in(`MigXmlHelper.GenerateDocPatterns("FALSE")`), ex(`C:\*\Lab\* [*]`), ex(`C:\Lab\* [*]`)}, 5, "GenerateDocPatterns finds are more specific", "unconditionalExclude"},
		{"exclude anywhere in Documents", []rule{in(`%CSIDL_PROFILE%\* [*]`), ex(`%CSIDL_PERSONAL%\*\X\* [*]`)}, 5, `misses %CSIDL_PERSONAL%\X, which is directly in`, `%CSIDL_PERSONAL%\X\* [*]`},
		{"exclude anywhere in the profile", []rule{in(`%CSIDL_PROFILE%\Favorites\* [*]`), ex(`%CSIDL_PROFILE%\*\Links\* [*]`)}, 5, `does nothing`, "unconditionalExclude"},
		{"exclude on the drive, of a folder on the drive of Windows", []rule{in(`%SystemDrive%\Lab\* [*]`), ex(`D:\* [*.mp3]`)}, 5, `does nothing, as the include of line 4`, "unconditionalExclude"},
		{"exclude in a folder on the drive of Windows", []rule{in(`%SystemDrive%\Lab\* [*]`), ex(`D:\Lab\* [*.mp3]`)}, 0, "", ""},
		{"exclude in a folder, beside a variable", []rule{in(`%PUBLIC%\* [*]`), in(`C:\Lab\* [*]`), ex(`C:\Lab*\* [*.mp3]`)}, 0, "", ""},
		{"exclude on the drive, where it counts", []rule{in(`%PUBLIC%\* [*]`), in(`C:\* [*]`), ex(`C:\*\Lab\* [*]`), ex(`C:\Lab\* [*]`)}, 0, "", ""},
		{"anywhere, with the root", []rule{in(`C:\*\Lab\* [*]`), in(`C:\Lab\* [*]`)}, 0, "", ""},
		{"any user", []rule{in(`C:\Users\*\Lab\* [*]`)}, 0, "", ""},
		{"not recursive", []rule{in(`C:\Lab\ [*]`)}, 4, "not of the folders in it", `C:\Lab\* [*]`},
		{"meant not to be recursive", []rule{in(`C:\Lab [*]`)}, 0, "", ""},
		{"the folder alone", []rule{in(`C:\Lab`)}, 4, "the folder alone", `C:\Lab\* [*]`},
		{"the folder and what is in it", []rule{in(`C:\Lab`), in(`C:\Lab [*.txt]`)}, 0, "", ""},
		{"folders alone", []rule{in(`C:\Lab\*`)}, 4, "about folders alone", `C:\Lab\* [*]`},
		{"the key alone", []rule{in(`HKLM\Software\Lab`)}, 4, "the key alone", `HKLM\Software\Lab\* [*]`},
		{"a value", []rule{in(`HKLM\Software\Lab [Color]`)}, 0, "", ""},
		{"question mark", []rule{in(`C:\Lab\* [a?.txt]`)}, 4, `"?" is no wildcard`, `C:\Lab\* [a*.txt] has any characters in its place`},
		{"question mark in a value", []rule{in(`HKLM\Software\Lab [What?]`)}, 0, "", ""},
		{"doc", []rule{in(`C:\Lab\* [*.doc]`)}, 4, "does not match .docx", "[*.doc*]"},
		{"doc and docx", []rule{in(`C:\Lab\* [*.doc]`), in(`C:\Lab\* [*.docx]`)}, 0, "", ""},
		{"doc*", []rule{in(`C:\Lab\* [*.doc*]`)}, 0, "", ""},
		{"brackets of a name", []rule{in(`C:\Lab\* [a[1].txt]`)}, 4, "brackets", "^["},
		{"key with a question mark", []rule{in(`HKCU\Software\Z?d\* [*]`)}, 4, `"?" is no wildcard, and stands for itself in the name of a key`, `HKCU\Software\Z*d\* [*]`},
		{"key of a device", []rule{in(`HKLM\SYSTEM\CurrentControlSet\Control\DeviceClasses\x\##?#USB* [*]`)}, 0, "", ""},
		{"exclude of a key", []rule{in(`HKLM\Software\Lab\* [*]`), ex(`HKLM\Software\Other\* [*]`)}, 5, "nothing in its component includes", "unconditionalExclude"},
		{"exclude of a key by another name", []rule{in(`HKLM\Software\Classes\* [*]`), ex(`HKCR\.txt [*]`)}, 0, "", ""},
		{"exclude of a key of a user by another name", []rule{in(`HKCU\Software\* [*]`), ex(`HKU\S-1-5-21-1-2-3-1001\Software\Lab\* [*]`)}, 0, "", ""},
		{"exclude of a key of any user", []rule{in(`HKCU\Software\* [*]`), ex(`HKU\*\Software\Lab\* [*]`)}, 5, `the exclude does nothing, as the include of line 4, HKCU\Software\* [*], is more specific`, "unconditionalExclude"},
		{"exclude of a value of any user", []rule{in(`HKCU\Control Panel\Desktop\* [*]`), ex(`HKU\*\Control Panel\Desktop [Wallpaper]`)}, 5, `the exclude does nothing, as the include of line 4`, "unconditionalExclude"},
		{"exclude of a key of any user, included so", []rule{in(`HKU\*\Software\* [*]`), ex(`HKU\*\Software\Lab\* [*]`)}, 0, "", ""},
		{"exclude of what no user has included", []rule{in(`HKCU\Software [*]`), ex(`HKU\*\Printers\* [*]`)}, 5, "nothing in its component includes", "unconditionalExclude"},
		{"exclude in any control set", []rule{in(`HKLM\SYSTEM\CurrentControlSet\Lab\* [*]`), ex(`HKLM\SYSTEM\ControlSet*\Lab [x]`)}, 5, `the exclude does nothing, as the include of line 4`, "unconditionalExclude"},
		{"exclude in any control set, included so", []rule{in(`HKLM\SYSTEM\*\Lab\* [*]`), ex(`HKLM\SYSTEM\ControlSet*\Lab [x]`)}, 0, "", ""},
		{"exclude of a key of the system by another name", []rule{in(`HKU\.DEFAULT\Lab\* [*]`), ex(`HKU\S-1-5-18\Lab [x]`)}, 0, "", ""},
		{"exclude of a control set", []rule{in(`HKLM\SYSTEM\CurrentControlSet\Lab\* [*]`), ex(`HKLM\SYSTEM\ControlSet001\Lab [x]`)}, 0, "", ""},
		{"exclude of a control set with a wildcard", []rule{in(`HKLM\SYSTEM\Con*\Lab\* [*]`), ex(`HKLM\SYSTEM\CurrentControlSet\Lab [x]`)}, 0, "", ""},
		{"keys with slashes", []rule{in(`HKLM/Software/Zed/* [*]`)}, 4, `keys are parted by "\", not by "/"`, "matches nothing"},
		{"keys alone", []rule{in(`HKCU\Control Panel\*`)}, 4, "about keys alone, not about the values in them", `HKCU\Control Panel\* [*]`},
		{"keys, and values", []rule{in(`HKCU\Control Panel\*`), in(`HKCU\Control Panel\* [*]`)}, 0, "", ""},
		{"a value as a key", []rule{in(`HKLM\Software\Lab\Color`)}, 4, "the key alone", `the value Color of HKLM\Software\Lab is HKLM\Software\Lab [Color]`},
		{"a file as a folder", []rule{in(`C:\Lab\x.txt`)}, 4, "a folder alone", `a file of that name is C:\Lab [x.txt], `},
		{"a file with a long type as a folder", []rule{in(`C:\Lab\x.sqlite3`)}, 4, "a folder alone", `a file of that name is C:\Lab [x.sqlite3], `},
		{"a folder with a dot", []rule{in(`C:\Lab\Contoso.Client`)}, 4, `is the folder alone, without what is in it; everything in it is`, `C:\Lab\Contoso.Client\* [*]`},
		{"a file in the root as a folder", []rule{in(`C:\x.txt`)}, 4, "a folder alone", `a file of that name is C:\ [x.txt], `},
		{"files as folders", []rule{in(`C:\Lab\*.txt`)}, 4, "about folders of such names alone", `files of such names are C:\Lab [*.txt], and with the folders below C:\Lab\* [*.txt]`},
		{"star dot star as a folder", []rule{in(`C:\Lab\*.*`)}, 4, "about folders alone", `with the files it is C:\Lab\* [*]`},
		{"star dot star", []rule{in(`C:\Lab\* [*.*]`)}, 4, "[*.*] leaves out names without a dot", "[*] is every file"},
		{"no drive", []rule{in(`Lab\* [*]`)}, 4, `"Lab\* [*]" does not start with a drive`, "the pattern matches nothing"},
		{"no root key", []rule{in(`HKXX\a [b]`)}, 4, `does not start with HKLM, HKCU, HKCR or HKU`, "the pattern matches nothing"},
		{"anywhere on the drive of Windows", []rule{in(`%SYSTEMDRIVE%\*\X\* [*]`)}, 4, `misses %SYSTEMDRIVE%\X, which is in the root`, `%SYSTEMDRIVE%\X\* [*]`},
		{"anywhere on the drive of Windows, with the root", []rule{in(`%SYSTEMDRIVE%\*\X\* [*]`), in(`%systemdrive%\X\* [*]`)}, 0, "", ""},
		{"anywhere in Documents", []rule{in(`%CSIDL_PERSONAL%\*\X\* [*]`)}, 4, `misses %CSIDL_PERSONAL%\X, which is directly in %CSIDL_PERSONAL%`, `%CSIDL_PERSONAL%\X\* [*]`},
		{"anywhere in Documents, and there", []rule{in(`%CSIDL_PERSONAL%\*\X\* [*]`), in(`%CSIDL_PERSONAL%\X\* [*]`)}, 0, "", ""},
		{"of each program", []rule{in(`%CSIDL_LOCAL_APPDATA%\*\Settings\* [*]`), in(`%PROFILESFOLDER%\*\X\* [*]`), in(`%CSIDL_PROGRAM_FILES%\*\X\* [*]`)}, 0, "", ""},
		{"anywhere on all drives", []rule{in(`MigXmlHelper.GenerateDrivePatterns('*\X\* [*]','Fixed')`)}, 4, `misses X, which is in the root`, `wanted as well: X\* [*]`},
		{"anywhere on all drives, with the roots", []rule{in(`MigXmlHelper.GenerateDrivePatterns('*\X\* [*]','Fixed')`), in(`MigXmlHelper.GenerateDrivePatterns('\X\* [*]','Fixed')`)}, 0, "", ""},
		{"doc on all drives", []rule{in(`MigXmlHelper.GenerateDrivePatterns("* [*.doc]","Fixed")`)}, 4, "[*.doc] does not match .docx", "[*.doc*]"},
		{"doc and docx on all drives", []rule{in(`MigXmlHelper.GenerateDrivePatterns("* [*.doc]","Fixed")`), in(`MigXmlHelper.GenerateDrivePatterns("* [*.docx]","Fixed")`)}, 0, "", ""},
		{"drives that there are not", []rule{in(`MigXmlHelper.GenerateDrivePatterns("* [*.mp3]","Removable")`)}, 4, "no volume counts as Removable", "all volumes are Fixed"},
		{"brackets on all drives", []rule{in(`MigXmlHelper.GenerateDrivePatterns("* [a[1].txt]","Fixed")`)}, 4, "brackets", "^["},
		{"exclude on all drives of what is included on all", []rule{in(`MigXmlHelper.GenerateDrivePatterns("* [*.mp3]","Fixed")`), ex(`MigXmlHelper.GenerateDrivePatterns("Music\* [*.mp3]","Fixed")`)}, 0, "", ""},
		{"exclude on a drive of what is included on all", []rule{in(`MigXmlHelper.GenerateDrivePatterns("Music\* [*]","Fixed")`), ex(`D:\* [*.mp3]`)}, 5, "does nothing, as the include of line 4", "unconditionalExclude"},
		{"never on all drives", []rule{in(`D:\Music\* [*.mp3]`), never(`MigXmlHelper.GenerateDrivePatterns("* [*.mp3]","Fixed")`)}, 4, "the <unconditionalExclude> of line 5", "more specific include"},
		{"never on one drive", []rule{in(`MigXmlHelper.GenerateDrivePatterns("* [*.mp3]","Fixed")`), never(`C:\* [*]`)}, 0, "", ""},
		{"exclude on one drive", []rule{in(`MigXmlHelper.GenerateDrivePatterns("* [*.mp3]","Fixed")`), ex(`C:\* [*.mp3]`)}, 0, "", ""},
		{"the default value is not the key", []rule{in(`HKLM\Software\Lab []`), never(`HKLM\Software\* [x]`)}, 0, "", ""},
		{"a key is not its default value", []rule{in(`HKLM\Software\Lab`), in(`HKLM\Software\Lab [x]`), never(`HKLM\Software\* []`)}, 0, "", ""},
		{"a variable of the environment, perhaps", []rule{in(`%LABS%\* [*]`), ex(`C:\* [*.mp3]`)}, 4, "no Windows has a variable %LABS%", "<environment>"},
		{"brackets for each user", []rule{in(`MigXmlHelper.GenerateUserPatterns("File","%CSIDL_PERSONAL%\* [a[1]]","TRUE")`)}, 4, "brackets", "^["},
		{"escaped brackets of a name", []rule{in(`C:\Lab\* [a^[1^].txt]`)}, 0, "", ""},
		{"unknown variable", []rule{in(`%CSIDL_PERSONNAL%\Lab\* [*]`)}, 4, "no Windows has a variable %CSIDL_PERSONNAL%", "%CSIDL_PERSONAL%"},
		{"known variable", []rule{in(`%csidl_personal%\Lab\* [*]`)}, 0, "", ""},
	} {
		var lines []string
		for _, r := range c.rules {
			lines = append(lines, lintRule(r.element, r.pattern))
		}
		doc, warnings, err := migxml.Parse("lint.xml", []byte(lintFile(strings.Join(lines, "\n"))))
		if err != nil {
			t.Errorf("%s: %v", c.trap, err)
			continue
		}
		warnings = append(warnings, Lint([]*migxml.Document{doc}, names)...)
		_, _, err = Compile([]*migxml.Document{doc}, []Context{{Name: "System", Env: someEnv{}, Probe: noProbe{}}, {Name: "u", User: true, Env: someEnv{}, Probe: noProbe{}}}, Options{})
		if err != nil {
			t.Errorf("%s: %v", c.trap, err)
		}
		switch {
		case c.line == 0 && len(warnings) > 0:
			t.Errorf("%s: no trap, and yet: %v", c.trap, warnings)
		case c.line == 0:
		case len(warnings) != 1:
			t.Errorf("%s: %d warnings: %v", c.trap, len(warnings), warnings)
		case warnings[0].Line != c.line || warnings[0].Col < 1 || !strings.Contains(warnings[0].Msg, c.want) || !strings.Contains(warnings[0].Msg, c.way):
			t.Errorf("%s: %v, want line %d, %q and %q", c.trap, warnings[0], c.line, c.want, c.way)
		}
	}
}

// names are what the command knows.
var names = Names{Variable: offline.IsVariable, UserVariable: offline.IsUserVariable}

// TestLintWhole has for each trap that is about more than the rules of one
// block a whole file, and one that comes near and does not.
func TestLintWhole(t *testing.T) {
	comp := func(attrs, inner string) string {
		return `<component type="Documents" ` + attrs + `><displayName>Lab</displayName>` + inner + `</component>`
	}
	rules := func(attrs, inner string) string {
		return `<role role="Data"><rules ` + attrs + ">\n" + inner + "\n</rules></role>"
	}
	env := func(attrs, inner string) string { return "<environment " + attrs + ">" + inner + "</environment>" }
	text := func(s string) string { return `<variable name="Own"><text>` + s + `</text></variable>` }
	detect := func(attrs, calls string) string {
		return `<role role="Data"><detection ` + attrs + ">\n" + calls + `</detection><rules>` + lintRule("include", `C:\Lab\* [*]`) + `</rules></role>`
	}
	cond := func(call string) string { return `<condition>MigXmlHelper.` + call + "</condition>\n" }
	docs, lab := lintRule("include", `%CSIDL_PERSONAL%\Lab\* [*]`), lintRule("include", `C:\Lab\* [*]`)
	six := "<conditions>" + cond(`DoesOSMatch("NT","6.*")`) + "</conditions>"
	maybe := env("", six+text(`C:\A`)+`<variable name="Two"><text>C:\B</text></variable>`)
	named := `<namedElements><rules name="N">` + six + lintRule("exclude", `C:\Lab\* [*]`) + `</rules></namedElements>`
	without := `<excludeAttributes attributes="Security"><objectSet><pattern type="File">C:\Lab\* [*]</pattern></objectSet></excludeAttributes>`
	for _, c := range []struct {
		trap      string
		body      string // from line 3 on
		line, col int    // of the only warning; 0 for none
		want, way string
	}{
		{"variable of users in a component of the system", comp(`context="System"`, rules("", docs)), 4, 21, "the variable %CSIDL_PERSONAL% is one of users", "the folder of all users is %CSIDL_COMMON_DOCUMENTS%"},
		{"APPDATA in one", comp(`context="System"`, rules("", lintRule("include", `%APPDATA%\Lab\* [*]`))), 4, 21, "the variable %APPDATA% is one of users", `context="User"`},
		{"without one of the machine", comp(`context="System"`, rules("", lintRule("exclude", `%CSIDL_COOKIES%\* [*]`)+lab)), 4, 21, "the variable %CSIDL_COOKIES% is one of users", `context="User"`},
		{"in rules of the system", comp("", rules(`context="System"`, docs)), 4, 21, "the variable %CSIDL_PERSONAL% is one of users", `context="User"`},
		{"for both", comp("", rules("", docs)), 0, 0, "", ""},
		{"for users", comp(`context="User"`, rules("", docs)), 0, 0, "", ""},
		{"of the machine for users", comp(`context="User"`, rules("", lintRule("include", `%CSIDL_COMMON_APPDATA%\Lab\* [*]`))), 0, 0, "", ""},
		{"of the machine for the system", comp(`context="System"`, rules("", lintRule("include", `%CSIDL_COMMON_APPDATA%\Lab\* [*]`))), 0, 0, "", ""},
		{"one that both have", comp(`context="System"`, rules("", lintRule("include", `%TEMP%\Lab\* [*]`))), 0, 0, "", ""},
		{"ours", comp(`context="System"`, env("", text(`C:\Lab`))+rules("", lintRule("include", `%Own%\* [*]`))), 0, 0, "", ""},
		{"ours of users, for the system", comp("", env(`context="User"`, text(`C:\Lab`))+rules(`context="System"`, lintRule("include", `%own%\* [*]`))), 4, 21, "the variable %own% is defined for users alone", "<environment> without context"},
		{"ours of the system, for users", comp("", env(`context="System"`, text(`C:\Lab`))+rules(`context="User"`, lintRule("include", `%Own%\* [*]`))), 0, 0, "", ""},
		{"ours of the system, in a component of users", comp(`context="User"`, env(`context="System"`, text(`C:\Lab`))+rules("", lintRule("include", `%Own%\* [*]`))), 0, 0, "", ""},
		{"the value of ours", comp("", "\n"+env(`context="System"`, text(`%APPDATA%\Lab`))+rules("", lintRule("include", `%Own%\* [*]`))), 4, 31, "the variable %APPDATA% is one of users", "the variable stays undefined"},
		{"in a detection", comp(`context="System"`, detect("", "<conditions>"+cond(`DoesObjectExist("File","%CSIDL_APPDATA%\Lab")`)+"</conditions>")), 4, 13, "the variable %CSIDL_APPDATA% is one of users", "the answer is no"},
		{"in a detection of users", comp("", detect(`context="User"`, "<conditions>"+cond(`DoesObjectExist("File","%CSIDL_APPDATA%\Lab")`)+"</conditions>")), 0, 0, "", ""},
		{"unknown in a detection", comp("", detect("", "<conditions>"+cond(`DoesObjectExist("File","%LABB%\Lab")`)+"</conditions>")), 4, 13, "no Windows has a variable %LABB%", "the answer is no"},
		{"in an old detection", comp(`context="System"`, `<role role="Data"><detects><detect>`+"\n"+cond(`DoesObjectExist("File","%CSIDL_APPDATA%\Lab")`)+`</detect></detects><rules>`+lab+`</rules></role>`), 4, 1, "the variable %CSIDL_APPDATA% is one of users", "the answer is no"},
		{"in a rule about metadata", comp(`context="System"`, rules("", strings.Replace(without, "C:", "%CSIDL_PROFILE%", 1)+lab)), 4, 53, "the variable %CSIDL_PROFILE% is one of users", "%PUBLIC%"},
		{"HKCU for the system", comp(`context="System"`, rules("", lintRule("include", `HKCU\Software\Lab\* [*]`))), 4, 21, "HKCU is the key of a user", `context="User"`},
		{"HKCU for both", comp("", rules("", lintRule("include", `HKCU\Software\Lab\* [*]`))), 0, 0, "", ""},
		{"no place on a disk", comp("", rules("", lintRule("include", `%CSIDL_PRINTERS%\* [*]`))), 4, 21, "no folder on a disk", "name the folders or keys"},
		{"ALLUSERSPROFILE", comp("", rules("", lintRule("include", `%ALLUSERSPROFILE%\Lab\* [*]`))), 4, 21, "since Windows Vista Windows itself means ProgramData", "%ProgramData%"},
		{"rules that never run", comp(`context="User"`, rules(`context="System"`, lab)), 3, 92, "these rules are for the system, and what they stand in is for users: they never run", "UserAndSystem"},
		{"components that never run", `<component type="Documents" context="User"><displayName>out</displayName><role role="Container">` + "\n" + comp(`context="System"`, rules("", lab)) + `</role></component>`, 4, 1, `the component "Lab" is for the system, and what it stands in is not`, "one context"},
		{"two versions, both", comp("", detect("", "<conditions>\n"+cond(`DoesFileVersionMatch("C:\a.exe","FileVersion","5.*")`)+cond(`DoesFileVersionMatch("C:\a.exe","FileVersion","6.*")`)+"</conditions>")), 6, 1, "both have to be true: hardly any file is like that", `operation="OR"`},
		{"two versions, either", comp("", detect("", `<conditions operation="OR">`+cond(`DoesFileVersionMatch("C:\a.exe","FileVersion","5.*")`)+cond(`DoesFileVersionMatch("C:\a.exe","FileVersion","6.*")`)+"</conditions>")), 0, 0, "", ""},
		{"two versions that meet", comp("", detect("", "<conditions>"+cond(`DoesFileVersionMatch("C:\a.exe","FileVersion","5.*")`)+cond(`DoesFileVersionMatch("C:\a.exe","FileVersion","*.1")`)+"</conditions>")), 0, 0, "", ""},
		{"two lines", comp("", detect("", "<conditions>"+cond(`DoesOSMatch("NT","6.*")`)+cond(`DoesOSMatch("NT","10.*")`)+"</conditions>")), 5, 1, "they never are", `operation="OR"`},
		{"two lines that are one", comp("", detect("", "<conditions>"+cond(`DoesOSMatch("NT","10.0.19045")`)+cond(`DoesOSMatch("NT","10.0.19045.")`)+"</conditions>")), 0, 0, "", ""},
		{"question mark in a detection", comp("", detect("", "<conditions>"+cond(`DoesObjectExist("File","C:\x?.txt")`)+"</conditions>")), 4, 13, `"?" is no wildcard`, `C:\x*.txt`},
		{"brackets in a detection", comp("", detect("", "<conditions>"+cond(`DoesObjectExist("File","C:\a[1] [x]")`)+"</conditions>")), 4, 13, `brackets`, `^[`},
		{"HKCU of the system in a detection", comp(`context="System"`, detect("", "<conditions>"+cond(`DoesObjectExist("Registry","HKCU\Software\Lab")`)+"</conditions>")), 4, 13, "HKCU is the key of a user", "the answer is no"},
		{"whether a variable has a value", comp("", detect("", "<conditions>"+cond(`DoesStringContentEqual("File","%MAYBE%","")`)+"</conditions>")), 0, 0, "", ""},
		{"two files", comp("", detect("", "<conditions>"+cond(`DoesFileVersionMatch("C:\a.exe","FileVersion","5.*")`)+cond(`DoesFileVersionMatch("C:\b.exe","FileVersion","6.*")`)+"</conditions>")), 0, 0, "", ""},
		{"variable in drive patterns", comp("", rules("", lintRule("include", `MigXmlHelper.GenerateDrivePatterns("%CSIDL_PERSONAL%\* [*]","Fixed")`))), 4, 21, "variables are not replaced in the argument of GenerateDrivePatterns", "<pattern>"},
		{"variable in user patterns", comp(`context="System"`, rules("", lintRule("include", `MigXmlHelper.GenerateUserPatterns("File","%CSIDL_PERSONAL%\* [*]","TRUE")`))), 0, 0, "", ""},
		{"exclude in another component", comp("", rules("", lab)) + comp("", rules("", lintRule("include", `D:\* [*]`)+"\n"+lintRule("exclude", `C:\Lab\* [*.mp3]`))), 7, 21, "nothing in its component includes what it names", "unconditionalExclude"},
		{"exclude in a component of its own", comp("", rules("", lab)) + comp("", rules("", lintRule("exclude", `C:\Lab\* [*.mp3]`))), 6, 21, `the component "Lab" includes nothing`, "unconditionalExclude"},
		{"exclude of a name anywhere", comp("", rules("", lab+"\n"+lintRule("exclude", `C:\*b\* [*]`))), 5, 21, "the exclude does nothing", "unconditionalExclude"},
		{"a drive of ours", comp("", env("", text("C:"))+rules("", lintRule("include", `%Own%\* [*]`)+"\n"+lintRule("exclude", `C:\* [*.mp3]`))), 0, 0, "", ""},
		{"a folder of ours", comp("", env("", text(`C:\Lab`))+rules("", lintRule("include", `%Own%\* [*]`)+"\n"+lintRule("exclude", `C:\* [*.mp3]`))), 5, 21, "the include of line 4, %Own%\\* [*], is more specific:", "unconditionalExclude"},
		{"a wildcard of ours", comp("", env("", text(`C:\A\*`))+rules("", lintRule("include", `%Own% [*]`)+lintRule("include", `%Own%\b [*]`)+"\n"+lintRule("exclude", `%Own%\c\* [*.y]`))), 0, 0, "", ""},
		{"ours in ours", comp("", env("", text(`C:`)+`<variable name="Own2"><text>%own%\*</text></variable>`)+rules("", lintRule("include", `%Own2% [*]`)+lintRule("exclude", `C:\* [*.y]`))), 0, 0, "", ""},
		{"CSIDL_PERSONAL of ours", comp("", env("", `<variable name="CSIDL_PERSONAL"><text>C:\</text></variable>`)+rules("", lintRule("include", `%CSIDL_PERSONAL%\* [*]`)+lintRule("exclude", `C:\* [*.mp3]`))), 0, 0, "", ""},
		{"ours under a condition", comp("", env("", "<conditions>"+cond(`IsNative64Bit()`)+"</conditions>"+text(`C:\Lab`))+rules("", lintRule("include", `%Own%\* [*]`)+lintRule("exclude", `C:\* [*.mp3]`))), 0, 0, "", ""},
		{"ours twice", comp("", env("", text(`C:\Lab`)+text(`C:`))+rules("", lintRule("include", `%Own%\* [*]`)+lintRule("exclude", `C:\* [*.mp3]`))), 0, 0, "", ""},
		{"ours twice, the other way round", comp("", env("", text(`C:`)+text(`C:\Lab`))+rules("", lintRule("include", `%Own%\* [*]`)+lintRule("exclude", `C:\* [*.mp3]`))), 4, 105, "the exclude does nothing", "unconditionalExclude"},
		{"ours for each context", comp("", env(`context="User"`, text(`C:`))+env(`context="System"`, text(`C:\Lab`))+rules("", lintRule("include", `%Own%\* [*]`)+lintRule("exclude", `C:\* [*.mp3]`))), 0, 0, "", ""},
		{"ours for one context", comp("", env(`context="User"`, `<variable name="PUBLIC"><text>C:\Lab</text></variable>`)+rules("", lintRule("include", `%PUBLIC%\* [*]`)+lintRule("exclude", `C:\Lab\* [*]`))), 0, 0, "", ""},
		{"that of the system, for users", comp(`context="User"`, env(`context="System"`, text(`%TEMP%\Lab`))+rules("", lintRule("include", `%Own%\* [*]`)+lintRule("exclude", `%TEMP%\Lab\* [*]`))), 0, 0, "", ""},
		{"two of ours under a condition", comp("", maybe+rules("", lintRule("include", `%Own%\* [*]`)+lintRule("exclude", `%Two%\* [*]`))), 0, 0, "", ""},
		{"exclude of ours under a condition", comp("", maybe+rules("", lab+lintRule("exclude", `%Two%\* [*]`))), 0, 0, "", ""},
		{"anywhere, of ours under a condition", comp("", maybe+rules("", lintRule("include", `C:\*\%Two%\* [*]`))), 0, 0, "", ""},
		{"an include of another context", comp("", `<role role="Data"><rules context="User">`+lintRule("include", `C:\* [*]`)+`</rules><rules context="System">`+lab+"\n"+lintRule("exclude", `C:\* [*.mp3]`)+`</rules></role>`), 4, 21, "the exclude does nothing, as the include of line 3", "unconditionalExclude"},
		{"a document finder of another context", comp("", `<role role="Data"><rules context="System">`+lintRule("include", `MigXmlHelper.GenerateDocPatterns("FALSE")`)+`</rules><rules context="User">`+lab+"\n"+lintRule("exclude", `C:\Other\* [*.mp3]`)+`</rules></role>`), 4, 21, "nothing in its component includes", "unconditionalExclude"},
		{"below one in another TEMP", comp(`context="User"`, rules("", lintRule("include", `%TEMP%\Lab\* [*]`))) + comp(`context="System"`, rules("", lintRule("unconditionalExclude", `%TEMP%\* [*]`))), 0, 0, "", ""},
		{"below HKCU of the system", comp(`context="User"`, rules("", lintRule("include", `HKCU\Software\Lab\* [*]`))) + comp(`context="System"`, rules("", lintRule("unconditionalExclude", `HKCU\Software\* [*]`))), 6, 34, "HKCU is the key of a user", `context="User"`},
		{"ours from the registry", comp("", env("", `<variable name="Own"><script>MigXmlHelper.GetStringContent("Registry","HKLM\Software\Lab [Key]")</script></variable>`)+rules("", `<include><objectSet><pattern type="Registry">%Own%\* [*]</pattern><pattern type="File">%Own%</pattern></objectSet></include>`+lintRule("exclude", `C:\* [*.mp3]`))), 0, 0, "", ""},
		{"ours of a role, another of another", comp("", `<role role="Data">`+env("", text("C:"))+"<rules>"+lintRule("include", `%Own%\* [*]`)+`</rules></role><role role="Settings">`+env("", text(`C:\Lab`))+"<rules>"+lintRule("include", `%Own%\* [*]`)+lintRule("exclude", `C:\* [*.mp3]`)+"</rules></role>"), 0, 0, "", ""},
		{"a key in our variable", comp("", env("", text(`HKLM\Software\Wow6432Node`))+rules("", `<include><objectSet><pattern type="Registry">%Own%\Lab\* [*]</pattern></objectSet></include>`)), 0, 0, "", ""},
		{"brackets below our variable", comp("", env("", text(`C:\Lab`))+rules("", lintRule("include", `%Own%\* [a[1]]`))), 4, 21, `the brackets of "%Own%\* [a[1]]" do not pair`, "^["},
		{"excluded under a condition", comp("", rules("", "<rules>"+lintRule("include", `C:\Lab\* [*]`)+"</rules><rules>"+six+lintRule("exclude", `C:\Lab\* [*]`)+"</rules>")), 0, 0, "", ""},
		{"excluded in a set under a condition", comp("", rules("", lab+strings.Replace(lintRule("exclude", `C:\Lab\* [*]`), "<objectSet>", "<objectSet>"+six, 1))), 0, 0, "", ""},
		{"never under a condition", comp("", rules("", "<rules>"+lab+"</rules><rules>"+six+lintRule("unconditionalExclude", `C:\Lab\* [*]`)+"</rules>")), 0, 0, "", ""},
		{"excluded when detected", comp("", rules("", lab+`<rules><detects><detect>`+cond(`IsNative64Bit()`)+`</detect></detects>`+lintRule("exclude", `C:\Lab\* [*]`)+"</rules>")), 0, 0, "", ""},
		{"both under one condition", comp("", rules("", six+"<rules>"+lab+"</rules>\n<rules>"+lintRule("exclude", `C:\Lab\* [*]`)+"</rules>")), 5, 41, "the include takes nothing, as line 6 excludes the same", "take one of them out"},
		{"excluded by a named block under a condition", named + comp("", rules("", lab+`<rules name="N"/>`)), 0, 0, "", ""},
		{"excluded in another context", comp("", `<role role="Data"><rules context="UserAndSystem">`+lab+`</rules><rules context="System">`+lintRule("exclude", `C:\Lab\* [*]`)+`</rules></role>`), 0, 0, "", ""},
		{"excluded where nothing is included", comp("", `<role role="Data"><rules context="User">`+lab+"</rules>\n<rules context=\"System\">"+lintRule("exclude", `C:\Lab\* [*.mp3]`)+`</rules></role>`), 4, 45, `the component "Lab" includes nothing for the system`, "the context of the include"},
		{"excluded with a filter that is broken", comp("", rules("", lab+"\n"+strings.Replace(lintRule("exclude", `C:\Lab\* [*]`), "<exclude", `<exclude filter="MigXmlHelper.SourcePriority()"`, 1))), 5, 1, "cannot stand in a filter", "yields nothing"},
		{"included with a filter that is broken", comp("", rules("", strings.Replace(lab, "<include", `<include filter="MigXmlHelper.SourcePriority()"`, 1)+lab)), 4, 1, "cannot stand in a filter", "yields nothing"},
		{"below an unconditionalExclude of another component", comp("", rules("", lab)) + comp("", rules("", lintRule("unconditionalExclude", `C:\* [*]`))), 4, 21, "as the <unconditionalExclude> of line 6, C:\\* [*], is stronger", "those of other components and files as well"},
		{"below one of types", comp("", rules("", lab)) + comp("", rules("", lintRule("unconditionalExclude", `C:\* [*.mp3]`))), 0, 0, "", ""},
		{"below one of a component that may not be there", comp("", rules("", lab)) + comp("", `<role role="Data"><detection>`+six+`</detection><rules>`+lintRule("unconditionalExclude", `C:\* [*]`)+`</rules></role>`), 0, 0, "", ""},
		{"below one under a condition", comp("", rules("", lab)) + comp("", rules("", six+lintRule("unconditionalExclude", `C:\* [*]`))), 0, 0, "", ""},
		{"below one for users", comp("", rules("", lab)) + comp(`context="User"`, rules("", lintRule("unconditionalExclude", `C:\* [*]`))), 0, 0, "", ""},
		{"below one for the system", comp("", rules("", lab)) + comp(`context="System"`, rules("", lintRule("unconditionalExclude", `C:\* [*]`))), 4, 21, "the include takes nothing", "unconditionalExclude"},
		{"below one in Documents", comp("", rules("", docs)) + comp("", rules("", lintRule("unconditionalExclude", `%csidl_personal%\* [*]`))), 4, 21, "the include takes nothing", "unconditionalExclude"},
		{"an extension", `<component type="Documents"><displayName>Lab</displayName>` + "\n<extensions><extension>doc</extension></extensions>" + `<role role="Data"/></component>`, 4, 13, "<extension>doc</extension> does not match .docx", "<extension>docx</extension> is wanted as well"},
		{"two extensions", `<component type="Documents"><displayName>Lab</displayName><extensions><extension>doc</extension><extension>docx</extension></extensions><role role="Data"/></component>`, 0, 0, "", ""},
		{"excluded from extensions", `<component type="Documents"><displayName>Lab</displayName><extensions><extension>mp3</extension></extensions>` + rules("", lintRule("exclude", `C:\Lab\* [*]`)) + "</component>", 0, 0, "", ""},
		{"a setting without a drive", comp("", rules("", `<include><objectSet><pattern type="Ini">lab.ini|a[b]</pattern></objectSet></include>`)), 4, 21, "is not file|section[setting] with the full path", "the pattern matches nothing"},
		{"a setting", comp("", rules("", `<include><objectSet><pattern type="Ini">%WINDIR%\lab.ini|a[b]</pattern></objectSet></include>`)), 0, 0, "", ""},
		{"an object with a wildcard", comp("", rules("", lab+"\n<addObjects><object><location type=\"File\">C:\\*\\x [y]</location><attributes>Hidden</attributes></object></addObjects>")), 5, 13, "has a wildcard, and is no place of one object", "left out"},
		{"an object of nowhere", comp("", rules("", lab+"\n<addObjects><object><location type=\"File\">x\\y [z]</location><attributes>Hidden</attributes></object></addObjects>")), 5, 13, "does not start with a drive", "left out"},
		{"brackets of a merge", comp("", rules("", lab+"\n"+`<merge script="MigXmlHelper.SourcePriority()"><objectSet><pattern type="File">C:\Lab\* [a[1]]</pattern></objectSet></merge>`)), 5, 58, "brackets", "^["},
		{"excludeAttributes in a component of its own", comp("", rules("", lab)) + comp("", rules("", without)), 6, 1, "<excludeAttributes> has no say over other components", "belongs into the component of the include"},
		{"excludeAttributes for another context", comp("", `<role role="Data"><rules context="User">`+lab+"</rules>\n"+`<rules context="System">`+without+"</rules></role>"), 4, 25, `includes nothing for the system, and <excludeAttributes> has no say over other contexts`, "give it the context of the include"},
		{"excludeAttributes for one of the contexts", comp("", `<role role="Data"><rules>`+lab+`</rules><rules context="System">`+without+"</rules></role>"), 0, 0, "", ""},
		{"excludeAttributes beside the include", comp("", rules("", lab+without)), 0, 0, "", ""},
	} {
		t.Run(c.trap, func(t *testing.T) {
			doc, warnings, err := migxml.Parse("lint.xml", []byte("<?xml version=\"1.0\"?>\n<migration urlid=\"urn:lint\">\n"+c.body+"\n</migration>"))
			if err != nil {
				t.Fatal(err)
			}
			warnings = append(warnings, Lint([]*migxml.Document{doc}, names)...)
			p := &machineProbe{source: source{drives: map[string][]string{"Fixed": {"C:"}}}, version: "10.0.19045.", bits64: true}
			_, _, err = Compile([]*migxml.Document{doc}, []Context{{Name: "System", Env: someEnv{}, Probe: p}, {Name: "u", User: true, Env: someEnv{}, Probe: p}}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.line == 0 && len(warnings) > 0:
				t.Errorf("no trap, and yet: %v", warnings)
			case c.line == 0:
			case len(warnings) == 0:
				t.Error("it is not told")
			case warnings[0].Line != c.line || warnings[0].Col != c.col || !strings.Contains(warnings[0].Msg, c.want) || !strings.Contains(warnings[0].Msg, c.way) || len(warnings) > 1:
				t.Errorf("%v, want %d:%d, %q and %q", warnings, c.line, c.col, c.want, c.way)
			}
		})
	}
}

// TestLintShipped: a file that has the urlid of one that comes with the
// program is not used beside it.
func TestLintShipped(t *testing.T) {
	d, _, err := migxml.Parse("a.xml", []byte(lintFile(lintRule("include", `C:\Lab\* [*]`))))
	if err != nil {
		t.Fatal(err)
	}
	n := names
	n.Shipped = map[string]string{"http://example.org/lint": "builtin:lab"}
	if ws := Lint([]*migxml.Document{d}, n); len(ws) != 1 || ws[0].Line != 2 || ws[0].Col != 1 || !strings.Contains(ws[0].Msg, "of builtin:lab") || !strings.Contains(ws[0].Msg, "urlid of its own") {
		t.Error(ws)
	}
	d.Pos.File = "builtin:lab"
	if ws := Lint([]*migxml.Document{d}, n); len(ws) > 0 {
		t.Error(ws)
	}
}

type someEnv struct{}

func (someEnv) Lookup(name string) (string, bool) { return `C:\` + name, true }

type noProbe struct{}

func (noProbe) Exists(Kind, string, string, bool) bool { return false }
func (noProbe) Drives(string) []string                 { return []string{"C:"} }
func (noProbe) List(string) []Entry                    { return nil }
func (noProbe) Find(Kind, string, string, bool, func(node, leaf string) bool) {
}
func (noProbe) Text(Kind, string, string) (string, bool) { return "", false }

// TestLintUrlid compares the urlids of files.
func TestLintUrlid(t *testing.T) {
	var docs []*migxml.Document
	for _, name := range []string{"a.xml", "b.xml"} {
		d, _, err := migxml.Parse(name, []byte(lintFile(lintRule("include", `C:\Lab\* [*]`))))
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
	}
	ws := Lint(docs, names)
	if len(ws) != 1 || ws[0].File != "b.xml" || ws[0].Line == 0 || !strings.Contains(ws[0].Msg, "of a.xml") {
		t.Errorf("%v", ws)
	}
	docs[1].URLID += "/b"
	if ws := Lint(docs, names); len(ws) > 0 {
		t.Errorf("%v", ws)
	}
}

// TestLintVariablesOfTheFile has a variable that the file defines.
func TestLintVariablesOfTheFile(t *testing.T) {
	text := strings.Replace(lintFile(lintRule("include", `%LabFolder%\* [*]`)), "<role", `<environment><variable name="LabFolder"><text>C:\Lab</text></variable></environment><role`, 1)
	d, _, err := migxml.Parse("a.xml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if ws := Lint([]*migxml.Document{d}, names); len(ws) > 0 {
		t.Errorf("%v", ws)
	}
}

// TestLintBuiltin: the built-in sets are examples, and fall into no trap.
func TestLintBuiltin(t *testing.T) {
	var docs []*migxml.Document
	for _, name := range builtin.Names() {
		data, err := builtin.File(name)
		if err != nil {
			t.Fatal(err)
		}
		d, ws, err := migxml.Parse("builtin:"+name, data)
		if err != nil || len(ws) > 0 {
			t.Fatal(err, ws)
		}
		docs = append(docs, d)
	}
	for _, w := range Lint(docs, names) {
		t.Error(w)
	}
}

// TestLintLarge: the work is bounded, whatever a file has in it.
func TestLintLarge(t *testing.T) {
	twice := func(element string) string {
		s := ""
		for i := range 60 {
			s += fmt.Sprintf(`<%s name="n%d"><%[1]s name="n%d"/><%[1]s name="n%[3]d"/></%[1]s>`, element, i, i+1)
		}
		return s
	}
	var many strings.Builder
	for i := range 20_000 {
		many.WriteString(include(fmt.Sprintf(`C:\%s%d\* [*]`, strings.Repeat("*a", 40), i)))
		many.WriteString(strings.ReplaceAll(include(fmt.Sprintf(`C:\%s%d\* [*]`, strings.Repeat("*b", 40), i)), "include", "exclude"))
	}
	for name, body := range map[string]string{
		"rules":      `<namedElements>` + twice("rules") + `</namedElements>` + component("", role(`<rules name="n0"/>`)),
		"conditions": `<namedElements>` + twice("conditions") + `</namedElements>` + component("", role(`<detection><conditions name="n0"/></detection>`)),
		"patterns":   component("", role(`<rules>`+many.String()+`</rules>`)),
	} {
		start := time.Now()
		d := parse(t, "large", body)
		ws := Lint([]*migxml.Document{d}, names)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: %s", name, took)
		}
		if name == "patterns" && !strings.Contains(messages(ws), "has 40000 patterns; traps are looked for in the first 4096") {
			t.Errorf("%d warnings, and nobody is told", len(ws))
		}
	}
}

func TestMeet(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"*", "", true}, {"a", "", false}, {"*", "*", true}, {"a*", "*b", true}, {"a*c", "ab*", true},
		{"*.txt", "*.doc", false}, {"*.txt", "a*", true}, {`C:\A\*`, `C:\A\`, true}, {`C:\*\A\*`, `C:\A\*`, true}, {`C:\A\`, `C:\B\*`, false}, {"a*b", "b*a", false},
	} {
		if got := meet(c.a, c.b); got != c.want {
			t.Errorf("meet(%q, %q) = %t", c.a, c.b, got)
		}
		if got := meet(c.b, c.a); got != c.want {
			t.Errorf("meet(%q, %q) = %t", c.b, c.a, got)
		}
	}
}

// TestLintConditions: what is wrong with patterns is told whatever conditions
// they stand under.
func TestLintConditions(t *testing.T) {
	const condition = `<conditions><condition>MigXmlHelper.DoesObjectExist("File","C:\Nowhere")</condition></conditions>`
	patterns := include(`C:\A [a[1].txt]`, `C:\A\* [a?.txt]`, `Lab\* [*]`, `HKCU\a [b]`, `C:\A\* [*.doc]`, `C:\B`, `%LABB%\x [y]`) + `<include><objectSet><pattern type="Registry">HKXX\a [b]</pattern></objectSet></include>`
	for name, body := range map[string]string{
		"none":          `<rules>` + patterns + `</rules>`,
		"of detection":  `<detection>` + condition + `</detection><rules>` + patterns + `</rules>`,
		"of rules":      `<rules>` + condition + patterns + `</rules>`,
		"of inner ones": `<rules>` + condition + `<rules>` + patterns + `</rules></rules>`,
		"of sets":       `<rules>` + strings.ReplaceAll(patterns, "<objectSet>", "<objectSet>"+condition) + `</rules>`,
		"of a filter":   `<rules>` + strings.ReplaceAll(patterns, "<include>", `<include filter="MigXmlHelper.NeverRestore()">`) + `</rules>`,
	} {
		ws := Lint([]*migxml.Document{parse(t, "t.xml", component(`context="System"`, role(body)))}, names)
		got := messages(ws)
		for _, want := range []string{"brackets", `"?" is no wildcard`, "does not start with a drive", "HKCU is the key of a user", ".docx", "the folder alone", "%LABB%", "does not start with HKLM"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", name, want, got)
			}
		}
		if len(ws) != 8 {
			t.Errorf("%s: %d warnings\n%s", name, len(ws), got)
		}
	}
}

// TestLintAbove: an unconditionalExclude of another file is told with that
// file, unless it is not used.
func TestLintAbove(t *testing.T) {
	a := parse(t, "a.xml", component("", role(`<rules>`+include(`C:\Lab\* [*]`)+`</rules>`)))
	b := parse(t, "b.xml", component("", role(`<rules>`+lintRule("unconditionalExclude", `C:\* [*]`)+`</rules>`)))
	if ws := Lint([]*migxml.Document{a, b}, names); len(ws) != 1 || ws[0].File != "a.xml" || !strings.Contains(ws[0].Msg, "of b.xml:1, C:\\* [*], is stronger") {
		t.Error(ws)
	}
	b.URLID = a.URLID
	if ws := Lint([]*migxml.Document{a, b}, names); len(ws) != 1 || ws[0].File != "b.xml" {
		t.Error(ws)
	}
}
