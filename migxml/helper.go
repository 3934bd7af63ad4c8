package migxml

import (
	"fmt"
	"strings"
)

// host is a place where a call can stand.
type host uint16

const (
	inCondition host = 1 << iota
	inFilter
	inVariable
	inSet
	inContent // the filter of <content>
	inMerge
	inLocation
	inModify // contentModify
	inProcessing
	inObjects // addObjects and the location of an object: no documented function fits
)

var hostNames = map[host]string{
	inCondition: "a condition", inFilter: "a filter", inVariable: "a variable", inSet: "an objectSet",
	inContent: "the filter of <content>", inMerge: "<merge>", inLocation: "<locationModify>", inModify: "<contentModify>",
	inProcessing: "<processing>", inObjects: "<addObjects>",
}

// helper describes a function of the language.
type helper struct {
	name     string
	hosts    host
	min, max int
	check    func(*Call) error // of the arguments; nil for none
	internal bool              // in Microsoft's own files, without a published meaning
	// doubt says what is odd about arguments with which a call has a meaning
	// all the same; nil for none.
	doubt func(*Call) error
}

// many stands for any number of arguments.
const many = 99

// helpers are the documented functions, by name in lower case.
var helpers = func() map[string]helper {
	m := map[string]helper{}
	add := func(hosts host, min, max int, check func(*Call) error, names ...string) {
		for _, n := range names {
			m[strings.ToLower(n)] = helper{name: n, hosts: hosts, min: min, max: max, check: check}
		}
	}
	object := func(typ int, locs ...int) func(*Call) error {
		return all(given(typ), oneOf(typ, objectTypes...), filled(locs...))
	}
	add(inCondition, 2, 2, given(0, 1), "DoesOSMatch")
	add(inCondition, 2, 2, object(0, 1), "DoesObjectExist")
	add(inCondition, 2, 2, all(given(0), version(1)), "IsOSLaterThan", "IsOSEarlierThan")
	add(inCondition, 0, 0, nil, "IsNative64Bit", "IsSystemContext")
	add(inCondition, 3, 3, object(0, 1), "DoesStringContentEqual", "DoesStringContentContain")
	add(inCondition, 3, 3, object(0, 1, 2), "IsSameObject")
	add(inCondition, 4, 4, all(object(0, 1), object(2, 3)), "IsSameStringContent", "IsSameContent")
	add(inCondition, 3, 3, all(filled(0), given(1, 2), oneOf(1, tags...)), "DoesFileVersionMatch")
	add(inCondition, 3, 3, all(filled(0), given(1), oneOf(1, versionTags...), version(2)), "IsFileVersionAbove", "IsFileVersionBelow")

	add(inFilter, 0, 0, nil, "IgnoreIrrelevantLinks", "NeverRestore", "AnswerNo")
	add(inFilter, 1, 2, nil, "CompareStringContent")
	add(inFilter, 3, 3, func(c *Call) error { _, err := ParseFileProperty(c); return err }, "FileProperties")
	add(inFilter, 0, many, nil, "SameRegContent")

	add(inVariable, 2, 3, all(object(0, 1), oneOf(2, "TRUE", "FALSE")), "GetStringContent")
	add(inSet, 2, 2, all(filled(0, 1), oneOf(1, DriveKinds...)), "GenerateDrivePatterns")
	add(inSet, 2, 3, all(filled(0, 1), oneOf(0, "File", "Registry"), oneOf(2, "TRUE", "FALSE")), "GenerateUserPatterns")
	add(inSet, 0, 3, all(oneOf(0, "TRUE", "FALSE"), oneOf(1, "TRUE", "FALSE"), oneOf(2, "TRUE", "FALSE")), "GenerateDocPatterns")
	add(inContent, 0, 2, nil, "ExtractSingleFile", "ExtractMultipleFiles")
	add(inContent, 2, 3, integer(1, 0, 1000), "ExtractDirectory")

	// Functions that act at restore.
	add(inModify, 0, 1, integer(0, 0, 1<<32-1), "ConvertToDWORD")
	add(inModify, 0, 1, nil, "ConvertToString")
	add(inModify, 0, 0, nil, "ConvertToBinary")
	add(inModify, 1, 1, all(given(0), integer(0, -1<<32, 1<<32)), "OffsetValue")
	add(inModify, 2, 3, given(0, 1), "SetValueByTable")
	add(inModify, 1, many, nil, "KeepExisting")
	add(inModify, 2, many, instructions(0), "MergeMultiSzContent")
	add(inModify, 3, many, all(oneCharacter(0), instructions(1)), "MergeDelimitedContent")
	add(inModify, 0, 2, all(oneOf(0, "TRUE", "FALSE"), oneOf(1, "TRUE", "FALSE")), "MergeShellLibraries")
	add(inLocation, 1, 1, given(0), "ExactMove", "Move")
	add(inLocation, 2, 2, given(0, 1), "RelativeMove")
	add(inMerge, 0, 0, nil, "SourcePriority", "DestinationPriority", "HigherValue", "LowerValue")
	add(inMerge, 1, 1, filePlace, "FindFilePlaceByPattern")
	add(inMerge, 1, 1, oneOf(0, versionTags...), "NewestVersion")
	add(inMerge, 0, 1, nil, "LeafPattern")
	add(inProcessing, 0, 0, nil, "AskForLogoff", "KillExplorer", "RestartExplorer")
	add(inProcessing, 1, 1, given(0), "ConvertToShortFileName", "RegisterFonts", "RemoveEmptyDirectories", "StopService", "SyncSCM")
	add(inProcessing, 1, many, given(0), "StartService")
	for _, n := range []string{"AntiAlias", "ConvertScreenSaver", "ConvertShowIEOnDesktop",
		"ConvertToOfficeLangID", "MigrateActiveDesktop", "MigrateAppearanceUPM", "MigrateDisplayCS", "MigrateDisplaySS",
		"MigrateIEAutoSearch", "MigrateMouseUPM", "MigrateSoundSysTray", "MigrateTaskBarSS", "SetPstPathInMapiStruc"} {
		m[strings.ToLower(n)] = helper{name: n, hosts: inMerge | inLocation | inModify | inProcessing, max: many, internal: true}
	}
	doubt := func(f func(*Call) error, names ...string) {
		for _, n := range names {
			h := m[strings.ToLower(n)]
			h.doubt = f
			m[strings.ToLower(n)] = h
		}
	}
	doubt(system, "DoesOSMatch", "IsOSLaterThan", "IsOSEarlierThan")
	doubt(oneFile, "DoesFileVersionMatch", "IsFileVersionAbove", "IsFileVersionBelow")
	doubt(comparison, "CompareStringContent")
	doubt(keeping, "KeepExisting")
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
