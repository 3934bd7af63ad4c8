package migxml

import (
	"fmt"
	"strings"
)

// host is a place where a call can stand.
type host uint8

const (
	inCondition host = 1 << iota
	inFilter
	inVariable
	inSet
	inModify // merge, locationModify, contentModify: nothing of it acts at capture
	inProcessing
	inContent // the filter of <content>
	anywhere  = 0xff
)

var hostNames = map[host]string{
	inCondition: "a condition", inFilter: "a filter", inVariable: "a variable", inSet: "an objectSet",
	inModify: "this attribute", inProcessing: "<processing>", inContent: "<content>",
}

// helper describes a function of the language.
type helper struct {
	name     string
	hosts    host
	min, max int
	missing  string // why the program does not do it; "" when it does
}

const (
	needVersions = "version resources of programs are not read"
	needContent  = "rules do not look into files and values"
)

// helpers are the documented functions, by name in lower case.
var helpers = func() map[string]helper {
	m := map[string]helper{}
	add := func(hosts host, min, max int, missing string, names ...string) {
		for _, n := range names {
			m[strings.ToLower(n)] = helper{n, hosts, min, max, missing}
		}
	}
	add(inCondition, 2, 2, "", "DoesOSMatch", "IsOSLaterThan", "IsOSEarlierThan", "DoesObjectExist")
	add(inCondition, 0, 0, "", "IsNative64Bit", "IsSystemContext")
	add(inCondition, 3, 3, "", "DoesStringContentEqual", "DoesStringContentContain", "IsSameObject")
	add(inCondition, 4, 4, "", "IsSameStringContent")
	add(inCondition, 4, 4, needContent, "IsSameContent")
	add(inCondition, 3, 3, needVersions, "DoesFileVersionMatch", "IsFileVersionAbove", "IsFileVersionBelow")

	add(inFilter, 0, 0, "", "IgnoreIrrelevantLinks", "NeverRestore", "AnswerNo")
	add(inFilter, 1, 2, needContent, "CompareStringContent")
	add(inFilter, 3, 3, "rules do not see sizes and times", "FileProperties")
	add(inFilter, 0, 9, "rules do not see the destination", "SameRegContent")

	add(inVariable, 2, 3, "", "GetStringContent")
	add(inSet, 2, 2, "", "GenerateDrivePatterns")
	add(inSet, 2, 3, "", "GenerateUserPatterns")
	add(inSet, 0, 3, "documents are not searched for by file type", "GenerateDocPatterns")
	add(inContent, 0, 9, needContent, "ExtractSingleFile", "ExtractMultipleFiles", "ExtractDirectory")

	// Functions that act at restore: any number of arguments, as their
	// values are looked at then.
	add(inModify, 0, 99, "", "ConvertToDWORD", "ConvertToString", "ConvertToBinary", "OffsetValue", "SetValueByTable",
		"KeepExisting", "MergeMultiSzContent", "MergeDelimitedContent", "MergeShellLibraries",
		"ExactMove", "Move", "RelativeMove",
		"SourcePriority", "DestinationPriority", "FindFilePlaceByPattern", "NewestVersion", "HigherValue", "LowerValue",
		"LeafPattern")
	add(inProcessing, 0, 99, "", "AskForLogoff", "ConvertToShortFileName", "KillExplorer", "RegisterFonts",
		"RemoveEmptyDirectories", "RestartExplorer", "StartService", "StopService", "SyncSCM")
	// Functions of Microsoft's own files without a published meaning.
	add(inModify|inProcessing, 0, 99, "", "AntiAlias", "ConvertScreenSaver", "ConvertShowIEOnDesktop",
		"ConvertToOfficeLangID", "MigrateActiveDesktop", "MigrateAppearanceUPM", "MigrateDisplayCS", "MigrateDisplaySS",
		"MigrateIEAutoSearch", "MigrateMouseUPM", "MigrateSoundSysTray", "MigrateTaskBarSS", "SetPstPathInMapiStruc")
	return m
}()

// parseCall takes the text of a call apart. The prefix is checked, the name
// is not.
func parseCall(text string) (name string, args []Arg, err error) {
	s := text
	space := func() { s = strings.TrimLeft(s, " \t\r\n") }
	word := func() string {
		i := 0
		for i < len(s) && (s[i] == '_' || '0' <= s[i] && s[i] <= '9' || 'a' <= s[i]|0x20 && s[i]|0x20 <= 'z') {
			i++
		}
		w := s[:i]
		s = s[i:]
		space()
		return w
	}
	eat := func(c byte) bool {
		if s == "" || s[0] != c {
			return false
		}
		s = s[1:]
		space()
		return true
	}
	space()
	name = word()
	if name == "" {
		return "", nil, fmt.Errorf("a call like MigXmlHelper.Name(\"argument\") is expected")
	}
	if eat('.') {
		// Microsoft's FAQ writes MigsysHelperFunction.
		if !strings.EqualFold(name, "MigXmlHelper") && !strings.EqualFold(name, "MigSysHelperFunction") {
			return "", nil, fmt.Errorf("%q is not MigXmlHelper", name)
		}
		name = word()
	} else {
		return "", nil, fmt.Errorf("the prefix MigXmlHelper and a dot are missing")
	}
	if name == "" || !eat('(') {
		return "", nil, fmt.Errorf("a function name and \"(\" are expected after MigXmlHelper")
	}
	for !eat(')') {
		if len(args) > 0 && !eat(',') {
			return "", nil, fmt.Errorf("\",\" or \")\" is expected after argument %d", len(args))
		}
		if s != "" && (s[0] == '"' || s[0] == '\'') {
			i := strings.IndexByte(s[1:], s[0])
			if i < 0 {
				return "", nil, fmt.Errorf("the quote of argument %d is not closed", len(args)+1)
			}
			args = append(args, Arg{Value: s[1 : 1+i]})
			s = s[i+2:]
			space()
			continue
		}
		switch w := word(); {
		case w == "":
			return "", nil, fmt.Errorf("argument %d is not in quotes", len(args)+1)
		case strings.EqualFold(w, "NULL"):
			args = append(args, Arg{Null: true})
		default: // TRUE, 1
			args = append(args, Arg{Value: w})
		}
	}
	if s != "" {
		return "", nil, fmt.Errorf("there is text after the call: %q", s)
	}
	return name, args, nil
}
