package migxml

import (
	"fmt"
	"strings"
	"testing"
)

// TestArguments gives every function good and bad arguments, each in a place
// where it can stand.
func TestArguments(t *testing.T) {
	place := map[host]string{
		inCondition:  `<detection><conditions><condition>%s</condition></conditions></detection>`,
		inFilter:     `<rules><include filter="%s"><objectSet/></include></rules>`,
		inVariable:   `<environment><variable name="x"><script>%s</script></variable></environment>`,
		inSet:        `<rules><include><objectSet><script>%s</script></objectSet></include></rules>`,
		inContent:    `<rules><include><objectSet><content filter="%s"><objectSet/></content></objectSet></include></rules>`,
		inMerge:      `<rules><merge script="%s"><objectSet/></merge></rules>`,
		inLocation:   `<rules><locationModify script="%s"><objectSet/></locationModify></rules>`,
		inModify:     `<rules><contentModify script="%s"><objectSet/></contentModify></rules>`,
		inProcessing: `<rules><processing when="post-apply"><script>%s</script></processing></rules>`,
	}
	tested := map[string]bool{}
	for _, c := range []struct {
		host      host
		good, bad []string
	}{
		{inCondition, []string{
			`DoesOSMatch("NT","5.0.*")`, `IsNative64Bit()`, `IsSystemContext ( )`, `IsOSLaterThan("NT","6.0")`, `IsOSEarlierThan("9x","5.1.2600.Service Pack 2")`,
			`DoesObjectExist("File","C:\x")`, `DoesFileVersionMatch("C:\x [y]","productversion","8.*")`, `IsFileVersionAbove("x","FileVersion","6.0.1.2")`,
			`IsFileVersionBelow("x","ProductVersion","7")`, `DoesStringContentEqual("Registry","x","")`, `DoesStringContentContain("File","x","y")`,
			`IsSameObject("File","a","b")`, `IsSameContent("File","a","Registry","b")`, `IsSameStringContent("Ini","a","File","b")`,
		}, []string{
			`DoesOSMatch("NT")`, `IsNative64Bit("x")`, `IsSystemContext(NULL)`, `IsOSLaterThan("NT","6.*")`, `IsOSEarlierThan("NT","new")`, `DoesObjectExist("File")`,
			`DoesFileVersionMatch("x","Colour","8")`, `IsFileVersionAbove("x","CompanyName","a")`, `IsFileVersionBelow("x","FileVersion","6.*")`,
			`DoesStringContentEqual("Registry","x")`, `DoesStringContentContain("x")`, `IsSameObject("File","a")`, `IsSameContent("a","b")`, `IsSameStringContent()`,
			`DoesOSMatch(NULL,"*")`, `DoesOSMatch("NT",NULL)`, `IsOSLaterThan(NULL,"6.0")`, `DoesObjectExist("Folder","C:\x")`, `DoesObjectExist("File",NULL)`, `DoesObjectExist(NULL,"C:\x")`,
			`DoesObjectExist("File"," ")`, `IsSameObject("Fil","C:\a","C:\b")`, `IsSameObject("File","C:\a",NULL)`, `IsSameContent("File","C:\a","Reg","C:\b")`, `IsSameContent("File",NULL,"File","C:\b")`,
			`IsSameStringContent("Text","a","File","b")`, `DoesStringContentEqual("Reg","x","")`, `DoesStringContentContain("File",NULL,"y")`,
			`DoesFileVersionMatch(NULL,"FileVersion","6.*")`, `DoesFileVersionMatch("C:\a.exe",NULL,"6.*")`, `DoesFileVersionMatch("C:\a.exe","FileVersion",NULL)`,
			`IsFileVersionBelow("C:\a.exe",NULL,"6")`,
			`AnswerNo()`,
		}},
		{inFilter, []string{
			`IgnoreIrrelevantLinks()`, `NeverRestore()`, `AnswerNo()`, `CompareStringContent('a','Equal')`, `CompareStringContent('a',NULL)`, `CompareStringContent('a')`,
			`SameRegContent()`, `FileProperties('filesize','range','1KB-1MB')`,
		}, []string{
			`IgnoreIrrelevantLinks('x')`, `NeverRestore(NULL)`, `AnswerNo('x')`, `CompareStringContent()`, `FileProperties('filesize','gt')`, `FileProperties('size','gt','1')`,
			`FileProperties('dateModified','gt','2024/02/31')`, `FileProperties('dateModified','range','2024/02/01-2023/02/29')`,
		}},
		{inVariable, []string{`GetStringContent("Registry","HKLM\x [y]")`, `GetStringContent("Ini","a|b[c]","false")`, `GetStringContent("File","x")`},
			[]string{`GetStringContent("Registry")`, `GetStringContent("Folder","x")`, `GetStringContent("Registry","x","perhaps")`, `GetStringContent(NULL,"x")`, `GetStringContent("Registry","")`}},
		{inSet, []string{`GenerateDrivePatterns("* [*]","Fixed")`, `GenerateUserPatterns("File","%X%\* [*]","FALSE")`, `GenerateUserPatterns("registry","x")`, `GenerateDocPatterns()`,
			`GenerateDocPatterns("FALSE","TRUE",FALSE)`, `GenerateDocPatterns(NULL,"FALSE")`},
			[]string{`GenerateDrivePatterns("*")`, `GenerateDrivePatterns("* [*]","Fxed")`, `GenerateDrivePatterns(NULL,"Fixed")`, `GenerateDrivePatterns("","Fixed")`, `GenerateDrivePatterns("* [*]",NULL)`,
				`GenerateUserPatterns("File",NULL,"FALSE")`, `GenerateUserPatterns(NULL,"x")`, `GenerateUserPatterns("Ini","x","TRUE")`, `GenerateUserPatterns("File")`, `GenerateUserPatterns("File","x","1")`,
				`GenerateDocPatterns("x")`, `GenerateDocPatterns("TRUE","TRUE","TRUE","TRUE")`, `GetStringContent("Registry","x")`}},
		{inContent, []string{`ExtractSingleFile(',','%a%;%b%')`, `ExtractSingleFile(NULL,NULL)`, `ExtractMultipleFiles()`, `ExtractDirectory(NULL,'1')`, `ExtractDirectory(NULL,'1','* [*]')`},
			[]string{`ExtractSingleFile('a','b','c')`, `ExtractMultipleFiles('a','b','c')`, `ExtractDirectory()`, `ExtractDirectory(NULL,'-1')`, `ExtractDirectory(NULL,'x')`}},
		{inMerge, []string{`SourcePriority()`, `DestinationPriority()`, `FindFilePlaceByPattern('&lt;F> (&lt;N>).&lt;e>')`, `NewestVersion('FileVersion')`, `HigherValue()`, `LowerValue()`, `LeafPattern('x')`},
			[]string{`SourcePriority('x')`, `DestinationPriority('x')`, `FindFilePlaceByPattern('&lt;F> (&lt;N>)')`, `FindFilePlaceByPattern('&lt;F>&lt;F>&lt;N>&lt;E>')`,
				`NewestVersion('CompanyName')`, `HigherValue('1')`, `LowerValue('1')`, `LeafPattern('x','y')`, `OffsetValue('1')`}},
		{inLocation, []string{`ExactMove('C:\x')`, `Move('C:\x')`, `RelativeMove('C:\x','D:\y')`},
			[]string{`ExactMove()`, `ExactMove(NULL)`, `Move('a','b')`, `RelativeMove('a')`, `RelativeMove('a',NULL)`}},
		{inModify, []string{`ConvertToDWORD('1')`, `ConvertToDWORD(NULL)`, `ConvertToString()`, `ConvertToBinary()`, `OffsetValue('-2')`, `SetValueByTable('a,b','c,d',NULL)`, `SetValueByTable('a','b')`,
			`KeepExisting('Security','FileAttrib:HRS')`, `MergeMultiSzContent('Add','x','remove','y')`, `MergeDelimitedContent(';','Add','x')`, `MergeShellLibraries('TRUE','TRUE')`, `AntiAlias()`},
			[]string{`ConvertToDWORD('one')`, `ConvertToString('a','b')`, `ConvertToBinary('x')`, `OffsetValue('x')`, `OffsetValue(NULL)`, `SetValueByTable('a')`, `SetValueByTable(NULL,'b')`,
				`KeepExisting()`, `MergeMultiSzContent('Add')`, `MergeMultiSzContent('Put','x')`, `MergeMultiSzContent('Add','x','Remove')`, `MergeDelimitedContent(';;','Add','x')`,
				`MergeDelimitedContent(';','Put','x')`, `MergeShellLibraries('x')`}},
		{inProcessing, []string{`AskForLogoff()`, `ConvertToShortFileName('HKCU\x [y]')`, `KillExplorer()`, `RestartExplorer()`, `RegisterFonts('C:\x')`, `RemoveEmptyDirectories('C:\x\*')`,
			`StartService('a','b','c')`, `StopService('a')`, `SyncSCM('a')`, `AntiAlias()`},
			[]string{`AskForLogoff('x')`, `ConvertToShortFileName()`, `KillExplorer(1)`, `RestartExplorer(1)`, `RegisterFonts()`, `RemoveEmptyDirectories(NULL)`, `StartService()`, `StopService()`, `SyncSCM('a','b')`}},
	} {
		for i, call := range append(c.good, c.bad...) {
			call = "MigXmlHelper." + call
			name := strings.ToLower(call[len("MigXmlHelper."):strings.IndexByte(call, '(')])
			tested[strings.TrimSpace(name)] = true
			body := fmt.Sprintf(place[c.host], call)
			_, ws, err := Parse("x.xml", []byte(`<migration urlid="x"><component type="System"><displayName>x</displayName><role role="Data">`+body+`</role></component></migration>`))
			if strings.Contains(body, "<environment>") {
				_, ws, err = Parse("x.xml", []byte(`<migration urlid="x"><component type="System"><displayName>x</displayName>`+body+`<role role="Data"/></component></migration>`))
			}
			if err != nil {
				t.Fatal(err)
			}
			got := messages(ws)
			bad := strings.Contains(got, "yields nothing")
			if want := i >= len(c.good); bad != want {
				t.Errorf("%s in %s: refused is %t\n%s", call, hostNames[c.host], bad, got)
			}
		}
	}
	for name, h := range helpers {
		if !tested[name] && !h.internal {
			t.Errorf("nothing is tested of %s", h.name)
		}
	}
	// 14 conditions, 6 filters, GetStringContent, 3 generators, 3 of content,
	// 9 to modify, 3 to move, 7 to merge, 9 to process; 13 internal ones.
	if len(helpers) != 55+13 {
		t.Errorf("%d functions", len(helpers))
	}
}

// TestDoubts: calls whose arguments are odd and have a meaning all the same.
func TestDoubts(t *testing.T) {
	condition := `<role role="Data"><detection><conditions><condition>%s</condition></conditions></detection></role>`
	filter := `<role role="Data"><rules><%[2]s filter="%[1]s"><objectSet/></%[2]s></rules></role>`
	modify := `<role role="Data"><rules><contentModify script="%s"><objectSet/></contentModify></rules></role>`
	include := func(s string) string { return fmt.Sprintf(filter, s, "include") }
	exclude := func(s string) string { return fmt.Sprintf(filter, s, "exclude") }
	for _, c := range []struct{ body, want string }{
		{fmt.Sprintf(condition, `MigXmlHelper.DoesOSMatch("WinNT","*")`), `"WinNT" is neither NT nor 9x: the answer is always no; write "NT"`},
		{fmt.Sprintf(condition, `MigXmlHelper.IsOSLaterThan("Windows","6.0")`), `"Windows" is neither NT nor 9x`},
		{fmt.Sprintf(condition, `MigXmlHelper.IsOSEarlierThan("","6.0")`), `"" is neither NT nor 9x`},
		{fmt.Sprintf(condition, `MigXmlHelper.DoesFileVersionMatch("C:\*\a.exe","FileVersion","6.*")`), `C:\*\a.exe has a wildcard, and the version of one file is asked for: the answer is always no`},
		{fmt.Sprintf(condition, `MigXmlHelper.IsFileVersionAbove("C:\A [*.exe]","FileVersion","6")`), `C:\A [*.exe] has a wildcard`},
		{fmt.Sprintf(condition, `MigXmlHelper.DoesOSMatch("9X","*")`), ""},
		{fmt.Sprintf(condition, `MigXmlHelper.DoesOSMatch("nt","*")`), ""},
		{include(`MigXmlHelper.CompareStringContent('a','Equals')`), `"Equals" is not Equal: what differs from the text is asked for; write "Equal" or NULL`},
		{include(`MigXmlHelper.CompareStringContent('a','equal')`), ""},
		{include(`MigXmlHelper.CompareStringContent('a',NULL)`), ""},
		{include(`MigXmlHelper.SameRegContent()`), "MigXmlHelper.SameRegContent is for <exclude>"},
		{exclude(`MigXmlHelper.SameRegContent()`), ""},
		{fmt.Sprintf(modify, `MigXmlHelper.KeepExisting('Security','Foo')`), `"Foo" is none of Security, TimeFields, FileAttrib:LETTERS`},
		{fmt.Sprintf(modify, `MigXmlHelper.KeepExisting('FileAttrib:AZ')`), `"Z" is none of the letters ACEHIORST: it does nothing`},
		{fmt.Sprintf(modify, `MigXmlHelper.KeepExisting('FileAttrib:RHR')`), `"R" stands there twice`},
		{fmt.Sprintf(modify, `MigXmlHelper.KeepExisting('FileAttrib: R')`), `" " is none of the letters`},
		{fmt.Sprintf(modify, `MigXmlHelper.KeepExisting('FileAttrib:')`), `names no attributes`},
		{fmt.Sprintf(modify, `MigXmlHelper.KeepExisting('security','TimeFields','fileattrib:hRs')`), ""},
	} {
		d, ws, err := Parse("x.xml", []byte(`<migration urlid="x"><component type="System"><displayName>x</displayName>`+c.body+`</component></migration>`))
		if err != nil {
			t.Fatal(err)
		}
		if got := messages(ws); got == "" != (c.want == "") || !strings.Contains(got, c.want) || strings.Contains(got, "yields nothing") || len(ws) > 1 {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
		if r := d.Components[0].Roles[0]; len(r.Rules) > 0 && len(r.Rules[0].Rule) > 0 && (r.Rules[0].Rule[0].Broken || r.Rules[0].Rule[0].Filter == nil) || len(r.Detections) > 0 && r.Detections[0].Conditions[0].Condition[0].Call == nil {
			t.Errorf("%s: it is not used", c.body)
		}
	}
}

func TestFileProperty(t *testing.T) {
	for _, c := range []struct {
		property, op, value string
		want                FileProperty
		err                 string
	}{
		{"filesize", "gt", "1MB", FileProperty{FileSize, "gt", 1 << 20, 1 << 20}, ""},
		{"FileSize", "EQ", " 12 ", FileProperty{FileSize, "eq", 12, 12}, ""},
		{"filesize", "lte", "3 gb", FileProperty{FileSize, "lte", 3 << 30, 3 << 30}, ""},
		{"filesize", "range", "1KB-1MB", FileProperty{FileSize, "range", 1 << 10, 1 << 20}, ""},
		{"filesize", "range", "2MB-10B", FileProperty{FileSize, "range", 10, 2 << 20}, ""},
		{"dateModified", "range", "2030/01/01-2030/01/31", FileProperty{DateModified, "range", 20300101, 20300131}, ""},
		{"dateAccessed", "neq", "2030/1/2", FileProperty{DateAccessed, "neq", 20300102, 20300102}, ""},
		{"datecreated", "lt", "1999/12/31", FileProperty{DateCreated, "lt", 19991231, 19991231}, ""},
		{"filesize", "range", "1MB", FileProperty{}, "no range"},
		{"filesize", "gt", "1TB", FileProperty{}, "no size"},
		{"filesize", "gt", "-1", FileProperty{}, "no size"},
		{"filesize", "gt", "99999999999GB", FileProperty{}, "no size"},
		{"filesize", "gt", "", FileProperty{}, "no size"},
		{"filesize", "near", "1", FileProperty{}, "argument 2"},
		{"dateModified", "eq", "31/01/2030", FileProperty{}, "no date"},
		{"dateModified", "eq", "2024/02/29", FileProperty{DateModified, "eq", 20240229, 20240229}, ""},
		{"dateModified", "eq", "2023/02/29", FileProperty{}, "that month has 28 days"},
		{"dateModified", "eq", "2030/11/31", FileProperty{}, "that month has 30 days"},
		{"dateModified", "eq", "2030/13/01", FileProperty{}, "no date"},
		{"dateModified", "eq", "2030-01-01", FileProperty{}, "no date"},
		{"dateModified", "eq", "1MB", FileProperty{}, "no date"},
	} {
		got, err := ParseFileProperty(&Call{Args: []Arg{{Value: c.property}, {Value: c.op}, {Value: c.value}}})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%s %s %s: %+v, %v", c.property, c.op, c.value, got, err)
		}
	}
	f := func(op string, low, high int64) FileProperty { return FileProperty{FileSize, op, low, high} }
	for _, c := range []struct {
		f    FileProperty
		want [3]bool // of 9, 10, 11
	}{
		{f("range", 10, 11), [3]bool{false, true, true}},
		{f("neq", 10, 10), [3]bool{true, false, true}},
		{f("lte", 10, 10), [3]bool{true, true, false}},
		{f("lt", 10, 10), [3]bool{true, false, false}},
		{f("eq", 10, 10), [3]bool{false, true, false}},
		{f("gte", 10, 10), [3]bool{false, true, true}},
		{f("gt", 10, 10), [3]bool{false, false, true}},
	} {
		for i, want := range c.want {
			if got := c.f.Holds(int64(9 + i)); got != want {
				t.Errorf("%+v: %d is %t", c.f, 9+i, got)
			}
		}
	}
}

func TestAttributes(t *testing.T) {
	for a, want := range map[Attributes]string{0: "", Security: "Security", TimeFields | Owner: "TimeFields,Owner", DACL | SACL | CreationTime: "DACL,SACL,CreationTime"} {
		if got := a.String(); got != want {
			t.Errorf("%d: %s, want %s", a, got, want)
		}
	}
}

// FuzzArguments checks the arguments of every function with any text.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{"1KB-2MB", "2024/01/31", "<F><N><E>", "6.1.7601", "Add", "", "TRUE", "-1"} {
		f.Add("FileProperties", "filesize", "gt", s)
		f.Add("MergeMultiSzContent", "Add", s, s)
	}
	f.Fuzz(func(t *testing.T, name, a, b, c string) {
		call := &Call{Name: name, Args: []Arg{{Value: a}, {Value: b}, {Value: c}}}
		for _, h := range helpers {
			for n := h.min; n <= min(h.max, 3) && h.check != nil; n++ {
				k := *call
				k.Args = k.Args[:n]
				h.check(&k)
			}
		}
		p, err := ParseFileProperty(call)
		if err != nil {
			return
		}
		if p.Low > p.High || p.Low < 0 || p.Op != "range" && p.Low != p.High {
			t.Fatalf("%q %q %q: %+v", a, b, c, p)
		}
		if p.Op == "range" && !(p.Holds(p.Low) && p.Holds(p.High)) {
			t.Fatalf("%+v does not hold its ends", p)
		}
	})
}
