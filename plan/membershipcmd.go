package plan

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coldstate/coldstate/internal/winsec"
)

// What groups.cmd keeps to:
//
//   - Names from the disk stand in it as text between quotation marks, where
//     only "%" means something, and never go through CALL, a pipe or a second
//     expansion. Names that could end a quotation or a line are refused.
//   - Groups of every Windows are found by their SIDs when it runs: the
//     destination may speak another language. PowerShell knows them, else
//     WMIC, else the names on the source and in English are tried.
//   - It runs under the command processor of Wine 8 as well, which takes "&&"
//     and "||" for "&" and goes over an expanded value a second time.
//   - The lines with names are plain "net localgroup", so that one of them can
//     be typed by hand.
//   - The file is UTF-8 without a mark. When it has other characters than
//     ASCII it switches the code page of its window, sees whether that had an
//     effect, and switches back.

// cmdHead is the beginning of groups.cmd; cmdUTF8 follows when it is needed.
const (
	cmdHead = `@echo off
rem Puts the accounts of %s into their local groups on this Windows.
rem Run it as administrator, when the local accounts are there. It can be run
rem again. It ends with errorlevel 0 when everybody is where the plan says.
setlocal EnableExtensions DisableDelayedExpansion
set "FAILED=0"
if not defined TEMP set "TEMP=%%SystemRoot%%\Temp"
set "OUT=%%TEMP%%\coldstate-groups-%%RANDOM%%.txt"
set "FIND=%%SystemRoot%%\System32\find.exe"
set "NOUTF8="
set "CODEPAGE="
`
	cmdUTF8 = `for /f "tokens=2 delims=:." %%C in ('chcp') do set "CODEPAGE=%%C"
chcp 65001 >nul 2>nul
set "NOUTF8=é"
set "NOUTF8=%NOUTF8:~1%"
if defined NOUTF8 echo This window shows names wrongly that are not in ASCII; they will not be found. Run this file in a window of its own.
`
	cmdTail = `
if exist "%OUT%" del "%OUT%"
if defined CODEPAGE chcp %CODEPAGE% >nul 2>nul
if "%FAILED%"=="0" echo Everybody is in the groups of the plan.
if "%FAILED%"=="0" exit /b 0
echo %FAILED% could not be done, see above. A local account has to be made first: net user NAME * /add
exit /b 1

:find
set "GROUP="
for /f "usebackq delims=" %%N in (` + "`" + `powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "(New-Object System.Security.Principal.SecurityIdentifier('%GROUPSID%')).Translate([System.Security.Principal.NTAccount]).Value.Split('\')[-1]" 2^>nul ^<nul` + "`" + `) do set "GROUP=%%N"
if defined GROUP exit /b 0
for /f "usebackq tokens=1,* delims==" %%A in (` + "`" + `wmic path Win32_Group where "LocalAccount=TRUE and SID='%GROUPSID%'" get Name /value 2^>nul ^<nul` + "`" + `) do for /f "delims=" %%N in ("%%B") do set "GROUP=%%N"
if defined GROUP exit /b 0
net localgroup "%NAME%" >nul 2>nul
if not errorlevel 1 set "GROUP=%NAME%"
if defined GROUP exit /b 0
set "GROUP=%NAME%"
if "%NAME%"=="%ENGLISH%" exit /b 0
net localgroup "%ENGLISH%" >nul 2>nul
if not errorlevel 1 set "GROUP=%ENGLISH%"
exit /b 0

:create
net localgroup "%GROUP%" /add >"%OUT%" 2>&1
if not errorlevel 1 exit /b 0
:exists
"%FIND%" " 1379" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
"%FIND%" " 2223" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
if exist "%OUT%" type "%OUT%"
set /a FAILED+=1
exit /b 1

:notadded
"%FIND%" " 1378" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
if not defined OTHER goto :refused
net localgroup "%GROUP%" "%OTHER%" /add >>"%OUT%" 2>&1
if not errorlevel 1 exit /b 0
powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "$ErrorActionPreference='Stop'; try { Add-LocalGroupMember -Name $env:GROUP -Member $env:OTHER } catch { if ($_.FullyQualifiedErrorId -like 'MemberExists*') { exit 0 }; ([ADSI]('WinNT://./'+$env:GROUP+',group')).psbase.Invoke('Add','WinNT://'+$env:OTHER) }" >>"%OUT%" 2>&1 <nul
if not errorlevel 1 exit /b 0
:refused
if exist "%OUT%" type "%OUT%"
set /a FAILED+=1
exit /b 1

:notremoved
"%FIND%" " 1377" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
if not defined OTHER goto :refused
net localgroup "%GROUP%" "%OTHER%" /delete >>"%OUT%" 2>&1
if not errorlevel 1 exit /b 0
powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "$ErrorActionPreference='Stop'; try { Remove-LocalGroupMember -Name $env:GROUP -Member $env:OTHER } catch { if ($_.FullyQualifiedErrorId -like 'MemberNotFound*') { exit 0 }; ([ADSI]('WinNT://./'+$env:GROUP+',group')).psbase.Invoke('Remove','WinNT://'+$env:OTHER) }" >>"%OUT%" 2>&1 <nul
if not errorlevel 1 exit /b 0
goto :refused
`
)

// Cmd is groups.cmd: lines of "net localgroup" that make the plan true, for
// use by hand on the destination.
func (m *Membership) Cmd() []byte {
	var b strings.Builder
	for _, removing := range []bool{false, true} {
		for _, g := range m.Groups {
			m.cmdGroup(&b, g, removing)
		}
	}
	for _, p := range m.Members {
		if p.Captured && len(p.Groups) == 0 {
			fmt.Fprintf(&b, "\nrem %s: in no group\n", cmdComment(p.Label()))
		}
	}
	body := b.String()
	computer := string(m.Computer)
	if computer == "" {
		computer = "the source"
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, cmdHead, cmdComment(computer))
	if !ascii(out.String()) || !ascii(body) {
		out.WriteString(cmdUTF8)
	}
	out.WriteString(body)
	out.WriteString(cmdTail)
	return bytes.ReplaceAll(out.Bytes(), []byte("\n"), []byte("\r\n"))
}

// cmdGroup writes the lines about one group, if there are any.
func (m *Membership) cmdGroup(b *strings.Builder, g *LocalGroup, removing bool) {
	var lines strings.Builder
	group := string(g.Name)
	groupOK := cmdName(group) && !strings.Contains(group, `\`)
	if !groupOK && g.Builtin && g.English != "" {
		group, groupOK = g.English, true // it is found by its SID
	}
	groupOK = groupOK && (g.SID == "" || validSID(g.SID))
	name := `"%GROUP%"`
	if !g.Builtin {
		name = cmdQuote(group)
	}
	for _, p := range m.Members {
		list, verb, failed := p.Groups, "/add", ":notadded"
		if removing {
			list, verb, failed = p.Leaves, "/delete", ":notremoved"
		}
		for _, w := range list {
			if w.LocalGroup != g {
				continue
			}
			kind := p.Kind
			if !p.Captured {
				kind += ", not captured"
			}
			fmt.Fprintf(&lines, "rem %s (%s): %s\n", cmdComment(p.Label()), cmdComment(kind), cmdComment(w.Reason))
			var forms []string
			for _, a := range p.Accounts {
				if cmdName(string(a)) {
					forms = append(forms, cmdQuote(string(a)))
				}
			}
			// Many versions of net refuse a SID, and names of more than 20
			// characters; PowerShell takes both.
			more := ""
			switch {
			case p.AddSID && validSID(p.SID):
				more = p.SID
				if len(forms) == 0 {
					forms = append(forms, cmdQuote(more))
				}
			case len(forms) > 1:
				more = strings.Trim(forms[len(forms)-1], `"`)
			}
			switch {
			case w.Always:
				fmt.Fprintf(&lines, "rem (every Windows has it so)\n")
				continue
			case len(forms) == 0 || !groupOK:
				fmt.Fprintf(&lines, "echo NOT DONE, its name cannot be written or is not known: %s\nset /a FAILED+=1\n", cmdComment(p.Label()))
				continue
			}
			who := forms[0]
			if who == cmdQuote(more) && p.NameFrom != "" {
				who += " " + cmdComment(p.Label())
			}
			fmt.Fprintf(&lines, "echo   %s\n", who)
			fmt.Fprintf(&lines, "set \"OTHER=%s\"\n", more)
			fmt.Fprintf(&lines, "net localgroup %s %s %s >\"%%OUT%%\" 2>&1", name, forms[0], verb)
			fmt.Fprintf(&lines, "\nif errorlevel 1 call %s\n", failed)
		}
	}
	if lines.Len() == 0 {
		return
	}
	fmt.Fprintf(b, "\nrem --- %s", cmdComment(string(g.Name)))
	if g.English != "" && string(g.Name) != g.English {
		fmt.Fprintf(b, ", in English %s", g.English)
	}
	if g.SID != "" {
		fmt.Fprintf(b, " (%s)", cmdComment(g.SID))
	}
	b.WriteString("\n")
	switch {
	case !groupOK:
	case g.Builtin:
		english := g.English
		if english == "" {
			english = group
		}
		fmt.Fprintf(b, "set \"GROUPSID=%s\"\nset \"NAME=%s\"\nset \"ENGLISH=%s\"\n", g.SID, cmdText(group), cmdText(english))
		if !ascii(group) {
			b.WriteString("if defined NOUTF8 set \"NAME=%ENGLISH%\"\n")
		}
		b.WriteString("call :find\necho %GROUPSID% is \"%GROUP%\"\n")
	default:
		fmt.Fprintf(b, "echo %s\nset \"GROUP=%s\"\n", name, cmdText(group))
		if g.SID != "" && !removing {
			if ascii(group) {
				fmt.Fprintf(b, "net localgroup %s /add >\"%%OUT%%\" 2>&1\nif errorlevel 1 call :exists\n", name)
			} else {
				b.WriteString("if not defined NOUTF8 call :create\n")
			}
		}
	}
	b.WriteString(lines.String())
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func validSID(s string) bool {
	_, err := winsec.ParseSIDString(s)
	return err == nil
}

// maxCmdName is above the longest name of an account with its domain: 256
// characters of a name, 255 of a domain.
const maxCmdName = 600

// cmdName says whether s can stand between quotation marks in a batch file as
// the name of an account or group. Windows lets no name have what is refused
// here; a damaged or a hostile disk can.
func cmdName(s string) bool {
	return s != "" && len(s) <= maxCmdName && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return r == '"' || r == '/' || r < ' ' || 0x7f <= r && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff
	}) < 0 && !strings.HasSuffix(s, `\`)
}

// cmdText is s for a place between quotation marks.
func cmdText(s string) string { return strings.ReplaceAll(s, "%", "%%") }

func cmdQuote(s string) string { return `"` + cmdText(s) + `"` }

// cmdComment is s for a comment or ECHO: what the command processor could act
// on becomes "_".
func cmdComment(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxCmdName {
			break
		}
		switch {
		case r >= 0xa0 && r != utf8.RuneError && r != 0x2028 && r != 0x2029 && r != 0xfeff,
			'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune(` .,:;-_\@#$+='*()`, r):
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

// ConfigXML is a Config.xml that makes the plan true when LoadState reads it:
// a changeGroup for each group. It names groups as the source does, as
// LoadState wants a destination of the same language.
func (m *Membership) ConfigXML() []byte {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Configuration>\n  <ProfileControl>\n    <localGroups>\n      <mappings>\n")
	change := func(g *LocalGroup, from string, list []*Member) {
		applies := "MigratedUsers"
		for _, p := range list {
			if !p.Captured {
				applies = "AllUsers"
			}
		}
		if g.SID != "" && string(g.Name) != g.SID {
			fmt.Fprintf(&b, "        <!-- %s", xmlComment(g.SID))
			if g.English != "" && g.English != string(g.Name) {
				fmt.Fprintf(&b, ", in English %s", xmlComment(g.English))
			}
			b.WriteString(" -->\n")
		}
		fmt.Fprintf(&b, "        <changeGroup from=\"%s\" to=\"%s\" appliesTo=\"%s\">\n          <include>\n", xmlText(from), xmlText(string(g.Name)), applies)
		for _, p := range list {
			fmt.Fprintf(&b, "            <pattern>%s</pattern>\n", xmlText(p.pattern()))
		}
		b.WriteString("          </include>\n        </changeGroup>\n")
	}
	// Whoever leaves a group does so by the rule that gives the first of the
	// others; the rest is from all.
	left := map[*Member]bool{}
	for _, g := range m.Groups {
		if !xmlName(string(g.Name)) {
			for _, p := range m.Members {
				if slices.ContainsFunc(p.Groups, func(w Wanted) bool { return w.LocalGroup == g }) {
					fmt.Fprintf(&b, "        <!-- %s: left out of the group %s, whose name cannot be written here -->\n",
						xmlComment(cmdComment(p.Label())), xmlComment(cmdComment(string(g.Name))))
				}
			}
			continue
		}
		var list []*Member
		for _, p := range m.Members {
			pattern := p.pattern()
			for _, w := range p.Groups {
				switch {
				case w.LocalGroup != g:
				case pattern == "":
					fmt.Fprintf(&b, "        <!-- %s: left out of the group %s, for nothing tells whose profile it is -->\n",
						xmlComment(cmdComment(p.Label())), xmlComment(cmdComment(string(g.Name))))
				default:
					list = append(list, p)
				}
			}
		}
		if len(list) > 0 {
			change(g, "*", list)
		}
		for _, p := range list {
			if left[p] {
				continue
			}
			left[p] = true
			for _, w := range p.Leaves {
				if xmlName(string(w.Name)) {
					change(g, string(w.Name), []*Member{p})
				}
			}
		}
	}
	for _, p := range m.Members {
		if p.Captured && len(p.Groups) == 0 {
			fmt.Fprintf(&b, "        <!-- %s: in no group -->\n", xmlComment(cmdComment(p.Label())))
		}
	}
	b.WriteString("      </mappings>\n    </localGroups>\n  </ProfileControl>\n</Configuration>\n")
	return []byte(strings.ReplaceAll(b.String(), "\n", "\r\n"))
}

// pattern is the account in a Config.xml, "" when nothing would mean it.
func (m *Member) pattern() string {
	if m.certain() && m.Domain != "" && xmlName(string(m.Domain)) && xmlName(string(m.Name)) {
		return string(m.Domain) + `\` + string(m.Name)
	}
	if validSID(m.SID) {
		return m.SID
	}
	return ""
}

// xmlName says whether s can be one part of an account or a group in a
// Config.xml.
func xmlName(s string) bool {
	return cmdName(s) && !strings.ContainsAny(s, `\*`) && strings.TrimSpace(s) == s && strings.IndexFunc(s, func(r rune) bool { return r == 0xfffe || r == 0xffff }) < 0
}

func xmlText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

// xmlComment is s within a comment, which two hyphens would end.
func xmlComment(s string) string {
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "- -")
	}
	return s
}
