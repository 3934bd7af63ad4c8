package migxml

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// referenceElements are the elements of Microsoft's "XML Elements Library",
// one a line: name, parents, attributes. It is written from that page and not
// from the tables of this package.
const referenceElements = `
migration             | - | urlid
namedElements         | migration |
library               | migration |
_locDefinition        | migration |
component             | migration role | type context defaultSupported hidden
displayName           | component | _locID
manufacturer          | component | _locID
version               | component | _locID
description           | component | _locID
paths                 | component |
path                  | paths |
icon                  | component |
windowsObjects        | component |
extensions            | component |
extension             | extensions |
environment           | component role namedElements | name context
role                  | component role | role
plugin                | role |
detection             | role namedElements | name context
detects               | role rules namedElements | name context
detect                | detects detect namedElements | name context
conditions            | detection conditions rules addObjects objectSet environment namedElements | operation name
condition             | conditions detect objectSet addObjects | negation
rules                 | role rules namedElements | name context
include               | rules | filter
exclude               | rules | filter
unconditionalExclude  | rules |
merge                 | rules | script
contentModify         | rules | script
locationModify        | rules | script
destinationCleanup    | rules | filter
includeAttributes     | rules | attributes
excludeAttributes     | rules | attributes
addObjects            | rules |
object                | addObjects |
location              | object | type
attributes            | object |
bytes                 | object | string expand
externalProcess       | rules | when
commandLine           | externalProcess |
processing            | rules | when
objectSet             | variable content include exclude merge contentModify locationModify destinationCleanup includeAttributes excludeAttributes unconditionalExclude detect |
pattern               | objectSet | type
script                | variable objectSet processing location addObjects |
content               | objectSet | filter
variable              | environment | name remap
text                  | variable |
`

// referenceFunctions are the functions of that page, one a line: where they
// can stand, a call, and the smallest and the largest number of arguments
// (* for any).
const referenceFunctions = `
condition | DoesOSMatch("NT","5.0.*") | 2 2
condition | IsNative64Bit() | 0 0
condition | IsOSLaterThan("NT","6.0") | 2 2
condition | IsOSEarlierThan("NT","6.0") | 2 2
condition | DoesObjectExist("File","C:\a") | 2 2
condition | DoesFileVersionMatch("C:\a.exe","FileVersion","6.*") | 3 3
condition | IsFileVersionAbove("C:\a.exe","FileVersion","6.0") | 3 3
condition | IsFileVersionBelow("C:\a.exe","ProductVersion","6.0") | 3 3
condition | IsSystemContext() | 0 0
condition | DoesStringContentEqual("Registry","HKLM\a [b]","") | 3 3
condition | DoesStringContentContain("Registry","HKLM\a [b]","c") | 3 3
condition | IsSameObject("File","C:\a","C:\b") | 3 3
condition | IsSameContent("File","C:\a","Registry","HKLM\a [b]") | 4 4
condition | IsSameStringContent("File","C:\a","Registry","HKLM\a [b]") | 4 4
content | ExtractSingleFile(";","%a%") | 0 2
content | ExtractMultipleFiles(";","%a%") | 0 2
content | ExtractDirectory(NULL,"1","* [*]") | 2 3
contentModify | ConvertToDWORD("1") | 0 1
contentModify | ConvertToString("1") | 0 1
contentModify | ConvertToBinary() | 0 0
contentModify | OffsetValue("-2") | 1 1
contentModify | SetValueByTable("a","c","e") | 2 3
contentModify | KeepExisting("Security","FileAttrib:HRS") | 1 *
contentModify | MergeMultiSzContent("Add","a") | 2 *
contentModify | MergeDelimitedContent(";","Add","a") | 3 *
contentModify | MergeShellLibraries("TRUE","TRUE") | 0 2
include exclude destinationCleanup | CompareStringContent("a","Equal") | 1 2
include exclude destinationCleanup | IgnoreIrrelevantLinks() | 0 0
include exclude destinationCleanup | AnswerNo() | 0 0
include exclude destinationCleanup | NeverRestore() | 0 0
include exclude destinationCleanup | FileProperties("filesize","gt","1MB") | 3 3
exclude | SameRegContent() | 0 *
locationModify | ExactMove("C:\a") | 1 1
locationModify | Move("C:\a") | 1 1
locationModify | RelativeMove("C:\a","C:\b") | 2 2
merge | SourcePriority() | 0 0
merge | DestinationPriority() | 0 0
merge | FindFilePlaceByPattern("<F> (<N>).<E>") | 1 1
merge | NewestVersion("FileVersion") | 1 1
merge | HigherValue() | 0 0
merge | LowerValue() | 0 0
merge | LeafPattern("a") | 0 1
variable | GetStringContent("Registry","HKLM\a [b]","TRUE") | 2 3
objectSet | GenerateDrivePatterns("* [*]","Fixed") | 2 2
objectSet | GenerateUserPatterns("File","%a%\* [*]","FALSE") | 2 3
objectSet | GenerateDocPatterns("FALSE","TRUE","FALSE") | 0 3
processing | AskForLogoff() | 0 0
processing | ConvertToShortFileName("HKLM\a [b]") | 1 1
processing | KillExplorer() | 0 0
processing | RestartExplorer() | 0 0
processing | RegisterFonts("C:\a") | 1 1
processing | RemoveEmptyDirectories("C:\a\*") | 1 1
processing | StartService("a","b") | 1 *
processing | StopService("a") | 1 1
processing | SyncSCM("a") | 1 1
`

// referenceInternal are functions of Microsoft's own files without a published
// meaning, and referenceNone names that people write and that do not exist.
const (
	referenceInternal = `AntiAlias ConvertScreenSaver ConvertShowIEOnDesktop ConvertToOfficeLangID MigrateActiveDesktop MigrateAppearanceUPM
MigrateDisplayCS MigrateDisplaySS MigrateIEAutoSearch MigrateMouseUPM MigrateSoundSysTray MigrateTaskBarSS SetPstPathInMapiStruc`
	referenceNone = `IsFileMoreRecentThan ExactRename AddFilter GenerateFilterPatterns DoesRegistryValueExist RemoveLinks`
)

// rows are the lines of a table above, taken apart.
func rows(table string, fields int) (out [][]string) {
	for _, line := range strings.Split(strings.TrimSpace(table), "\n") {
		f := strings.SplitN(line, "|", fields)
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		out = append(out, f)
	}
	return out
}

// manual is docs/rules.md.
func manual(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestReferenceElements: every element of the documentation is read in each of
// its places, with its attributes in any case, and docs/rules.md says what is
// done with it; and no other is.
func TestReferenceElements(t *testing.T) {
	text := manual(t)
	parents := map[string]string{}
	attributes := map[string][]string{}
	for _, r := range rows(referenceElements, 3) {
		parents[r[0]], _, _ = strings.Cut(r[1], " ") // the first is no descendant of its own
		attributes[r[0]] = strings.Fields(r[2])
		if !strings.Contains(text, "`"+r[0]+"`") {
			t.Errorf("docs/rules.md does not name <%s>", r[0])
		}
	}
	// around is the file with inner in the element of that name.
	var around func(element, inner string) string
	around = func(element, inner string) string {
		s := "<" + element + ">" + inner + "</" + element + ">"
		if p := parents[element]; p != "-" {
			return around(p, s)
		}
		return s
	}
	refused := func(s string) string {
		_, ws, err := Parse("x.xml", []byte(s))
		if err != nil {
			return err.Error()
		}
		for _, w := range ws {
			if strings.Contains(w.Msg, "unknown") || strings.Contains(w.Msg, "has no place") || strings.Contains(w.Msg, "is written") {
				return w.String()
			}
		}
		return ""
	}
	for _, r := range rows(referenceElements, 3) {
		name := r[0]
		for _, parent := range strings.Fields(r[1]) {
			if parent == "-" {
				continue
			}
			if m := refused(around(parent, "<"+name+"/>")); m != "" {
				t.Errorf("<%s> in <%s>: %s", name, parent, m)
			}
			other := strings.ToUpper(name[:1]) + name[1:]
			if m := refused(around(parent, "<"+other+"/>")); other != name && parent != "paths" && parent != "location" && !strings.Contains(m, "<"+other+"> is written <"+name+">") {
				t.Errorf("<%s> in <%s>: %s", other, parent, m)
			}
		}
		for _, a := range attributes[name] {
			if !strings.Contains(text, "`"+a+"`") {
				t.Errorf("docs/rules.md does not name %s of <%s>", a, name)
			}
			s := strings.Replace(around(name, ""), "<"+name+">", "<"+name+` `+a+`="">`, 1)
			if m := refused(s); strings.Contains(m, "attribute") {
				t.Errorf("%s of <%s>: %s", a, name, m)
			}
		}
	}
	for _, e := range elements {
		list, ok := attributes[e.name]
		if !ok && e.name != "supportedComponents" { // of the manifests of Windows
			t.Errorf("<%s> is no element of the documentation", e.name)
		}
		for _, a := range strings.Fields(e.attrs) {
			if a != "*" && !slices.Contains(list, a) {
				t.Errorf("<%s> has no attribute %s", e.name, a)
			}
		}
	}
}

// TestReferenceFunctions: every function of the documentation is understood
// where it can stand and with as many arguments as it has, nowhere else and
// with no others, and docs/rules.md says what is done with it; and there is no
// other one.
func TestReferenceFunctions(t *testing.T) {
	text := manual(t)
	place := map[string]string{
		"condition":          `<detection><conditions><condition>%s</condition></conditions></detection>`,
		"include":            `<rules><include filter="%s"><objectSet/></include></rules>`,
		"exclude":            `<rules><exclude filter="%s"><objectSet/></exclude></rules>`,
		"destinationCleanup": `<rules><destinationCleanup filter="%s"><objectSet/></destinationCleanup></rules>`,
		"variable":           `<environment><variable name="x"><script>%s</script></variable></environment>`,
		"objectSet":          `<rules><include><objectSet><script>%s</script></objectSet></include></rules>`,
		"content":            `<rules><include><objectSet><content filter="%s"><objectSet/></content></objectSet></include></rules>`,
		"merge":              `<rules><merge script="%s"><objectSet/></merge></rules>`,
		"locationModify":     `<rules><locationModify script="%s"><objectSet/></locationModify></rules>`,
		"contentModify":      `<rules><contentModify script="%s"><objectSet/></contentModify></rules>`,
		"processing":         `<rules><processing when="post-apply"><script>%s</script></processing></rules>`,
	}
	// said is what is said of a call in a place.
	said := func(where, call string) string {
		call = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;").Replace(call)
		_, ws, err := Parse("x.xml", []byte(`<migration urlid="x"><component type="System"><displayName>c</displayName><role role="Data">`+fmt.Sprintf(place[where], call)+`</role></component></migration>`))
		if err != nil {
			t.Fatal(err)
		}
		return messages(ws)
	}
	known := map[string]bool{}
	for _, r := range rows(referenceFunctions, 3) {
		call := r[1]
		name, list, _ := strings.Cut(strings.TrimSuffix(call, ")"), "(")
		known[strings.ToLower(name)] = true
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/rules.md does not name %s", name)
		}
		for where := range place {
			m := said(where, "MigXmlHelper."+call)
			if slices.Contains(strings.Fields(r[0]), where) {
				for _, same := range []string{"MigXmlHelper." + call, "migxmlhelper." + strings.ToLower(name) + " (" + list + ")", "MigsysHelperFunction." + call,
					"MigXmlHelper." + name + "( " + strings.ReplaceAll(strings.ReplaceAll(list, ",", " , "), `"`, "'") + " )"} {
					if m := said(where, same); m != "" {
						t.Errorf("%s in %s: %s", same, where, m)
					}
				}
			} else if !strings.Contains(m, "cannot stand in") && !(name == "SameRegContent" && strings.Contains("include destinationCleanup", where)) {
				t.Errorf("%s in %s is not refused: %q", name, where, m)
			}
		}
		var low, high int
		if n, _ := fmt.Sscan(r[2], &low, &high); n < 2 {
			high = many
		}
		args := []string{}
		if list != "" {
			args = strings.Split(list, ",")
		}
		for n := range min(high, 6) + 2 {
			a := slices.Clone(args[:min(n, len(args))])
			for len(a) < n {
				a = append(a, `"Add"`)
			}
			m := said(strings.Fields(r[0])[0], "MigXmlHelper."+name+"("+strings.Join(a, ",")+")")
			if counted := strings.Contains(m, "arguments instead of"); counted != (n < low || n > high) {
				t.Errorf("%s with %d arguments: %q", name, n, m)
			}
		}
	}
	for _, name := range strings.Fields(referenceInternal) {
		known[strings.ToLower(name)] = true
		for _, where := range []string{"merge", "locationModify", "contentModify", "processing"} {
			if m := said(where, "MigXmlHelper."+name+`("a","b")`); !strings.Contains(m, "has no published meaning") {
				t.Errorf("%s in %s: %q", name, where, m)
			}
		}
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/rules.md does not name %s", name)
		}
	}
	for _, name := range strings.Fields(referenceNone) {
		for where := range place {
			if m := said(where, "MigXmlHelper."+name+"()"); !strings.Contains(m, "unknown function MigXmlHelper."+name) {
				t.Errorf("%s in %s: %q", name, where, m)
			}
		}
	}
	for name, h := range helpers {
		if !known[name] {
			t.Errorf("%s is no function of the documentation", h.name)
		}
	}
}
