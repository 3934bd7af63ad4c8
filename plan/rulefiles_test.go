package plan_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// date is a FILETIME of a day and hour of January 2030, in UTC. The local time
// of the machine is two hours ahead.
func date(day, hour uint64) uint64 {
	const y2030 = 135379296000000000 // 2030-01-01 00:00
	return y2030 + ((day-1)*24+hour)*3600*10_000_000
}

var officeDisk = sync.OnceValue(func() *diskgen.Image {
	file := func(name string, parts ...any) *ntfsgen.Node {
		if len(parts) == 0 {
			parts = []any{name}
		}
		return ntfsgen.File(name, parts...)
	}
	at := func(t uint64) ntfsgen.Times { return ntfsgen.Times{Created: t, Modified: t, Changed: t, Accessed: t} }
	w := &testimages.Windows{
		Edition: testimages.Windows10, Computer: "OFFICE",
		Devices: map[string][]byte{"C:": testimages.GPTDevice("c01d57a7-0000-4000-8000-00000000f11e")},
		Users: []testimages.Person{
			{Name: "anna", Files: []*ntfsgen.Node{
				file(`Documents\letter.docx`), file(`Documents\desktop.ini`, "x", ntfsgen.Attr(ntfsgen.Hidden|ntfsgen.System)), file(`Desktop\todo.txt`), file(`Videos\trip.mp4`), file(`Music\song.mp3`), file(`Pictures\a.jpg`), file(`Pictures\a.tmp`),
				file(`Downloads\setup.exe`), file(`Downloads\desktop.ini`), file(`mail.pst`), file(`Project\main.c`),
				file(`AppData\Local\Google\Chrome\User Data\Default\Bookmarks`), file(`AppData\Local\Google\Chrome\User Data\Default\Cache\f_000001`),
				file(`AppData\Local\Microsoft\Edge\User Data\Default\Bookmarks`), file(`AppData\Local\Microsoft\Edge\User Data\Default\Cache\f_000002`),
				file(`AppData\Roaming\Microsoft\Excel\XLSTART\PERSONAL.XLSB`), file(`AppData\Roaming\Microsoft\Sticky Notes\StickyNotes.snt`), file(`AppData\Roaming\Other\x.dat`),
			}, Registry: func(root *hivegen.Key) {
				root.At(`Software\Martin Prikryl\WinSCP 2\Sessions\host`).Add(hivegen.SZ("HostName", "example.com"))
				root.At(`Software\Microsoft\Other`).Add(hivegen.SZ("x", "y"))
				root.At(`Software\MyApp\Toolbar`).Add(hivegen.D("Visible", 1))
				root.At(`Software\MyApp`).Add(hivegen.D("ShowTips", 1), hivegen.SZ("Display", "1024"))
				root.At(`Software\USMTTESTKEY\Sub`).Add(hivegen.SZ("MyKey", "a"), hivegen.SZ("Other", "b"))
				root.At(`Environment`).Add(hivegen.SZ("EDITOR", "vi"))
			}},
			{Name: "bert", Files: []*ntfsgen.Node{file(`Videos\party.mp4`), file(`Documents\b.txt`), file(`AppData\Local\Temp\x.tmp`)}},
		},
		Registry: func(hive string, root *hivegen.Key) {
			switch hive {
			case "SYSTEM":
				root.At(`ControlSet001\Control\Session Manager\Environment`).Add(hivegen.SZ("TOOLS", `C:\Tools`))
			case "SOFTWARE":
				root.At(`MyApp`).Add(hivegen.SZ("win32_version", "9"))
				root.At(`MyApp\Installer`).Add(hivegen.SZ("EXEPATH", `C:\Program Files\MyApp\myapp.exe`))
				root.At(`WOW6432Node\Martin Prikryl\WinSCP 2`).Add(hivegen.D("Installations", 1))
				root.At(`USMTTESTKEY`).Add(hivegen.SZ("A", "1"))
				root.At(`Lists`).Add(hivegen.ExpandSZ("One", `"%SystemDrive%\Data\list.txt",-3`), hivegen.Multi("Many", `C:\Data\list.txt`, `C:\Nosuch\x`, `C:\Data\2029.log`))
				root.At(`Microsoft\Windows\CurrentVersion\Uninstall\Portable`).Add(hivegen.SZ("InstallLocation", `C:\Portable`))
			}
		},
		Files: []*ntfsgen.Node{
			file(`Data\list.txt`, "first\nsecond"), file(`Data\copy.txt`, "first\nsecond"), file(`Data\small.bin`, ntfsgen.Zeros(1<<20)), file(`Data\big.bin`, ntfsgen.Zeros(1<<20+1)),
			file(`Data\2029.log`, "x", at(date(1, 0)-1-2*3600*10_000_000)), file(`Data\jan.log`, "x", at(date(31, 21))), file(`Data\feb.log`, "x", at(date(31, 22))),
			file(`Data\app.ini`, "[Main]\r\nFile=C:\\Data\\list.txt\r\n[Old]\r\nFile=C:\\Nosuch\r\n"),
			ntfsgen.Junction("Link", `C:\Data`), file(`Portable\portable.exe`, testimages.Program(0x8664, "1.2.3.4")),
			file(`Program Files\MyApp\myapp.exe`, testimages.Program(0x8664, "9.0.21.5")), file(`Program Files\VanDyke Software\SecureCRT\Config\Global.ini`),
			file(`Program Files\USMTTestFolder\a\USMTTestFile.txt`), file(`Program Files\USMTDIRTestFolder\b\c.txt`), file(`Program Files\Windows NT\x.dll`),
			file(`Program Files (x86)\Microsoft Office\Office16\XLSTART\lock.xlam`), file(`Program Files (x86)\Windows Mail\x.dll`),
			file(`EngineeringDrafts\part.dwg`), file(`PerfLogs\x.blg`), file(`Temp\t.txt`), file(`boot.dat`), file(`Users\Public\Documents\UPCentral\USMTab\ModernAppSettingsBackup.lst`),
			file(`Users\Public\Desktop\app.lnk`),
		},
	}
	return diskgen.Disk{GPT: true, Parts: []diskgen.Part{
		{GUID: "c01d57a7-0000-4000-8000-00000000f11e", Content: ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...)},
	}}.Build()
})

func officeImage(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := officeDisk().WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHelpersOnADisk: the functions that read the disk, on a disk.
func TestHelpersOnADisk(t *testing.T) {
	sys, set, users := sample(t, officeImage(t))
	taken := func(body string) []string {
		t.Helper()
		d, ws, err := migxml.Parse("t.xml", []byte(`<migration urlid="http://example.org/t"><component type="Documents" context="System"><displayName>Test</displayName>`+body+`</component></migration>`))
		if err != nil || len(ws) > 0 {
			t.Fatal(err, ws)
		}
		p, err := plan.Build(context.Background(), sys, set, users, []*migxml.Document{d}, plan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return list(p)
	}
	for _, tt := range []struct {
		condition string
		want      bool
	}{
		{`DoesFileVersionMatch("%ProgramFiles%\MyApp\myapp.exe","ProductVersion","9.*")`, true},
		{`DoesFileVersionMatch("C:\Program Files\MyApp [myapp.exe]","CompanyName","Microsoft*")`, true},
		{`DoesFileVersionMatch("C:\Data\list.txt","FileVersion","*")`, false},
		{`IsFileVersionAbove("C:\Program Files\MyApp\myapp.exe","FileVersion","9.0.3")`, true},
		{`IsFileVersionBelow("C:\Program Files\MyApp\myapp.exe","FileVersion","9.0.3")`, false},
		{`IsFileVersionBelow("C:\Nosuch\myapp.exe","FileVersion","9.0.3")`, false},
		{`IsSameContent("File","C:\Data\list.txt","File","C:\Data [copy.txt]")`, true},
		{`IsSameContent("File","C:\Data\small.bin","File","C:\Data\big.bin")`, false},
		{`IsSameContent("Registry","HKLM\SOFTWARE\MyApp [win32_version]","Registry","HKLM\SOFTWARE\USMTTESTKEY [A]")`, false},
		{`IsSameObject("File","C:\Link\list.txt","C:\Data\list.txt")`, true},
		{`IsSameObject("File","C:\Link","C:\Temp")`, false},
		{`DoesObjectExist("Ini","C:\Data\app.ini|main[file]")`, true},
		{`DoesStringContentEqual("Ini","C:\Data\app.ini|Old[File]","c:\nosuch")`, true},
		{`DoesObjectExist("File","*\Data [list.txt]")`, true},
	} {
		got := taken(`<role role="Data"><detection><conditions><condition>MigXmlHelper.` + tt.condition + `</condition></conditions></detection>` +
			`<rules><include><objectSet><pattern type="File">C:\Temp [*]</pattern></objectSet></include></rules></role>`)
		if (len(got) > 0) != tt.want {
			t.Errorf("%s is %t", tt.condition, !tt.want)
		}
	}
	for _, tt := range []struct{ name, set, want string }{
		{"a file by a value", `<include><objectSet><content filter="MigXmlHelper.ExtractSingleFile(',',NULL)"><objectSet><pattern type="Registry">HKLM\SOFTWARE\Lists [One]</pattern></objectSet></content></objectSet></include>`,
			`file C:\Data\list.txt`},
		{"files by a value", `<include><objectSet><content filter="MigXmlHelper.ExtractMultipleFiles(NULL,NULL)"><objectSet><pattern type="Registry">HKLM\SOFTWARE\* [Many]</pattern></objectSet></content></objectSet></include>`,
			`file C:\Data\2029.log; file C:\Data\list.txt`},
		{"a folder by a setting", `<include><objectSet><content filter="MigXmlHelper.ExtractDirectory(NULL,'1')"><objectSet><pattern type="Ini">C:\Data\app.ini|*[File]</pattern></objectSet></content></objectSet></include>`,
			`folder C:\; folder C:\Data`},
		{"sizes", `<include filter='MigXmlHelper.FileProperties("filesize","gt","1MB")'><objectSet><pattern type="File">C:\Data\* [*.bin]</pattern></objectSet></include>`, `file C:\Data\big.bin`},
		{"sizes from to", `<include filter='MigXmlHelper.FileProperties("filesize","range","1MB-1MB")'><objectSet><pattern type="File">C:\Data\* [*.bin]</pattern></objectSet></include>`, `file C:\Data\small.bin`},
		{"days of the source", `<include filter='MigXmlHelper.FileProperties("dateModified","range","2030/01/01-2030/01/31")'><objectSet><pattern type="File">C:\Data\* [*.log]</pattern></objectSet></include>`, `file C:\Data\jan.log`},
		{"contents", `<include filter="MigXmlHelper.CompareStringContent('FIRST&#10;second','Equal')"><objectSet><pattern type="File">C:\Data\* [*.*t]</pattern></objectSet></include>`, `file C:\Data\copy.txt; file C:\Data\list.txt`},
		{"contents of values", `<exclude filter="MigXmlHelper.CompareStringContent('9','Equal')"><objectSet><pattern type="Registry">HKLM\SOFTWARE\MyApp\* [*]</pattern></objectSet></exclude><include><objectSet><pattern type="Registry">HKLM\SOFTWARE\MyApp\* [*]</pattern></objectSet></include>`,
			`key HKLM\SOFTWARE\MyApp; key HKLM\SOFTWARE\MyApp\Installer; value HKLM\SOFTWARE\MyApp\Installer:EXEPATH`},
		{"settings", `<include><objectSet><pattern type="Ini">C:\Data\app.ini|Main[*]</pattern></objectSet></include>`, `file C:\Data\app.ini`},
	} {
		if got := strings.Join(taken(`<role role="Data"><rules>`+tt.set+`</rules></role>`), "; "); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
	// The document finder in both contexts: documents wherever they are, and
	// no programs.
	d, _, err := migxml.Parse("t.xml", []byte(`<migration urlid="http://example.org/t"><component type="Documents"><displayName>Test</displayName><role role="Data"><rules>
<include filter='MigXmlHelper.IgnoreIrrelevantLinks()'><objectSet><script>MigXmlHelper.GenerateDocPatterns ("FALSE")</script></objectSet></include>
<exclude><objectSet><script>MigXmlHelper.GenerateDocPatterns ("FALSE", "FALSE", "FALSE")</script></objectSet></exclude></rules></role></component></migration>`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(context.Background(), sys, set, users, []*migxml.Document{d}, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := list(p)
	for _, w := range []string{
		`+ file C:\Users\anna\Documents\letter.docx`, `+ file C:\Users\anna\mail.pst`, `+ file C:\Users\anna\Project\main.c`, `+ file C:\EngineeringDrafts\part.dwg`, `+ file C:\Data\list.txt`,
		`+ file C:\boot.dat`, `+ file C:\Users\Public\Desktop\app.lnk`, `+ file C:\Users\bert\Videos\party.mp4`,
		`- file C:\Users\anna\Documents\desktop.ini`, `- file C:\Portable\portable.exe`, `- file C:\Program Files\MyApp\myapp.exe`, `- file C:\Users\anna\NTUSER.DAT`,
		`- file C:\Users\anna\AppData\Roaming\Other\x.dat`, `- file C:\PerfLogs\x.blg`, `- file C:\Windows\explorer.exe`, `- link C:\Link`,
	} {
		if slices.Contains(got, w[2:]) != (w[0] == '+') {
			t.Errorf("%s", w)
		}
	}
	if !slices.ContainsFunc(p.Warnings, func(w migxml.Warning) bool { return strings.Contains(w.Msg, `leaves out C:\Portable`) }) {
		t.Error("nothing is said of the folder that is left out")
	}
}

// TestRealFiles plans one disk with each rule file of an administrator that is
// one, and compares with a list: "+" is what it takes, "-" what it keeps out
// when all users' files are asked for besides.
func TestRealFiles(t *testing.T) {
	root := os.Getenv("COLDSTATE_TESTDATA")
	if root == "" {
		t.Skip("needs COLDSTATE_TESTDATA: the rule files of administrators")
	}
	files, err := filepath.Glob(filepath.Join(root, "migxml", "*", "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no rule files below ", root)
	}
	sys, set, users := sample(t, officeImage(t))
	build := func(docs []*migxml.Document, include ...string) []string {
		t.Helper()
		p, err := plan.Build(context.Background(), sys, set, users, docs, plan.Options{Rules: rules.Options{Include: include}})
		if err != nil {
			t.Fatal(err)
		}
		return list(p)
	}
	all := build(nil, `C:\* [*]`)
	var b bytes.Buffer
	n := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(filepath.Join(root, "migxml"), file)
		d, _, err := migxml.Parse(filepath.ToSlash(rel), data)
		if err != nil {
			// Config.xml, offline.xml, and one that is no XML: package migxml
			// tests what is said of them.
			continue
		}
		n++
		fmt.Fprintf(&b, "%s\n", filepath.ToSlash(rel))
		for _, o := range build([]*migxml.Document{d}) {
			fmt.Fprintf(&b, "+ %s\n", o)
		}
		left := build([]*migxml.Document{d}, `C:\* [*]`)
		for _, o := range all {
			if _, found := slices.BinarySearch(left, o); !found {
				fmt.Fprintf(&b, "- %s\n", o)
			}
		}
		b.WriteString("\n")
	}
	if n != 15 {
		t.Errorf("%d rule files are used; 15 are well formed", n)
	}
	golden := filepath.Join("testdata", "rulefiles.golden")
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got, exp := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(exp)) {
		if i >= len(got) || i >= len(exp) || got[i] != exp[i] {
			t.Fatalf("line %d:\n got %q\nwant %q", i+1, got[i:min(i+3, len(got))], exp[i:min(i+3, len(exp))])
		}
	}
}
