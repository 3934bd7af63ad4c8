package offline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/coldstate/coldstate/internal/publicdata"
	"github.com/coldstate/coldstate/internal/xmlpos"
)

// describe writes a Config in one line for comparison.
func (c *Config) describe() string {
	var b strings.Builder
	for _, d := range c.Dirs {
		fmt.Fprintf(&b, "dir %d:%d %s; ", d.Pos.Line, d.Pos.Col, d.Path)
	}
	for _, m := range c.Mappings {
		fmt.Fprintf(&b, "map %d:%d %s = %s", m.Pos.Line, m.Pos.Col, m.Online, m.Offline)
		if m.Sure {
			b.WriteString(" sure")
		}
		b.WriteString("; ")
	}
	fmt.Fprintf(&b, "multiple %v", c.FailOnMultiple)
	return b.String()
}

var configs = []struct {
	name, xml string
	want      string
	warnings  []string
}{
	{"the documented sample", "<offline>\n     <winDir>\n          <path>C:\\Windows</path>\n          <path>D:\\Windows</path>\n          <path>E:\\</path>\n     </winDir>\n     <failOnMultipleWinDir>1</failOnMultipleWinDir>\n</offline>\n",
		`dir 3:11 C:\Windows; dir 4:11 D:\Windows; dir 5:11 E:\; multiple true`, nil},
	{"any case, declaration, namespace, comments", `<?xml version="1.0" encoding="UTF-8"?><!-- x --><OFFLINE xmlns="urn:x"><WINDIR><!-- y --><Path> D:\Windows <!-- z --></Path></WINDIR><FailOnMultipleWinDir> 0 </FailOnMultipleWinDir></OFFLINE>`,
		`dir 1:90 D:\Windows; multiple false`, nil},
	{"several winDir, other hosts' paths", `<offline><winDir><path>..\w</path></winDir><winDir><path>"/mnt/My disk/Windows"</path><path>disk.img</path></winDir></offline>`,
		`dir 1:18 ..\w; dir 1:52 /mnt/My disk/Windows; dir 1:87 disk.img; multiple false`, nil},
	{"mappings", `<offline><winDir><path>D:\Windows</path></winDir><mappings><path>D:\, C:\</path><path>E:,C:/Data/</path><path>2:\x, f:</path></mappings></offline>`,
		`dir 1:18 D:\Windows; map 1:60 D:\ = C:\; map 1:81 E: = C:\Data; map 1:105 2:\x = F:\ sure; multiple false`, nil},
	{"a mapping that can only be read backwards", `<offline><winDir><path>w</path></winDir><mappings><path>D:\, /mnt/d</path></mappings></offline>`,
		`dir 1:18 w; map 1:51 /mnt/d = D:\ sure; multiple false`, []string{`f.xml:1:51: the mapping is read as /mnt/d is D:\ of the offline Windows`}},
	{"attributes", `<offline><winDir><path>w</path></winDir><mappings><path ONLINE="/mnt/a, b" offline="D:"/></mappings></offline>`,
		`dir 1:18 w; map 1:51 /mnt/a, b = D:\ sure; multiple false`, nil},
	{"commas in names", `<offline><winDir><path>a, b</path></winDir><mappings><path>D:\x, y, C:\a,b</path></mappings></offline>`,
		`dir 1:18 a, b; map 1:54 D:\x, y = C:\a,b; multiple false`, nil},
	{"what has no effect", "<offline a='1'>text\n<winDir b='2'><path c='3'>w</path><x/></winDir>\n<mappings/>\n<domains><path>x</path></domains></offline>",
		`dir 2:15 w; multiple false`, []string{"f.xml:1:1: the attribute a of <offline>", `f.xml:1:1: the text "text" in <offline>`, "f.xml:2:1: the attribute b of <winDir>",
			"f.xml:2:15: the attribute c of <path>", "f.xml:2:35: <x> is not known", "f.xml:4:1: <domains> is not known"}},
}

func TestParseConfig(t *testing.T) {
	for _, tt := range configs {
		t.Run(tt.name, func(t *testing.T) {
			c, warnings, err := ParseConfig("f.xml", []byte(tt.xml))
			if err != nil {
				t.Fatal(err)
			}
			if got := c.describe(); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
			if len(warnings) != len(tt.warnings) {
				t.Errorf("%d warnings, want %d: %v", len(warnings), len(tt.warnings), warnings)
			}
			for i, w := range tt.warnings {
				if i < len(warnings) && !strings.HasPrefix(warnings[i].String(), w) {
					t.Errorf("warning %q, want %q", warnings[i], w)
				}
			}
		})
	}
}

var badConfigs = []struct{ name, xml, want string }{
	{"another file", "\n<migration urlid='x'/>", "f.xml:2:1: <migration> is not <offline>; this is a file of migration rules: give it with --rules"},
	{"a Config.xml", "<Configuration/>", "give it with --config"},
	{"something", "<a/>", "f.xml:1:1: <a> is not <offline>, with which"},
	{"no winDir", "<offline>\n</offline>", "f.xml:1:1: there is no <winDir> with a <path>"},
	{"no path", "<offline>\n <winDir/>\n</offline>", "f.xml:2:2: <winDir> holds no <path>"},
	{"no path element", "<offline>\n <winDir>C:\\Windows</winDir>\n</offline>", `f.xml:2:2: <winDir> holds the text "C:\\Windows"; put each folder into a <path>`},
	{"empty path", "<offline>\n <winDir><path> </path></winDir>\n</offline>", "f.xml:2:10: the path is empty; name a Windows folder"},
	{"path over two lines", "<offline><winDir><path>C:\\\nWindows</path></winDir></offline>", "f.xml:1:18: the path goes over several lines"},
	{"path outside", "<offline>\n<path>C:\\Windows</path></offline>", "f.xml:2:1: <path> stands outside"},
	{"yes", "<offline><winDir><path>w</path></winDir>\n<failOnMultipleWinDir>yes</failOnMultipleWinDir></offline>", `f.xml:2:1: <failOnMultipleWinDir> is "yes"; it has to be 1`},
	{"twice", "<offline><winDir><path>w</path></winDir><failOnMultipleWinDir>1</failOnMultipleWinDir>\n<failOnMultipleWinDir>0</failOnMultipleWinDir></offline>", "f.xml:2:1: <failOnMultipleWinDir> is given a second time"},
	{"one path", "<offline><winDir><path>w</path></winDir><mappings>\n<path>C:\\</path></mappings></offline>", `f.xml:2:1: "C:\\" is not two paths with a comma`},
	{"three paths", "<offline><winDir><path>w</path></winDir><mappings>\n<path>C:\\, D:\\, E:\\</path></mappings></offline>", "f.xml:2:1: it is not clear at which comma"},
	{"half a mapping", "<offline><winDir><path>w</path></winDir><mappings>\n<path>C:\\,</path></mappings></offline>", "f.xml:2:1: the path is empty; a mapping needs two paths"},
	{"no path of a Windows", "<offline><winDir><path>w</path></winDir><mappings>\n<path>/mnt/a, /mnt/b</path></mappings></offline>", `f.xml:2:1: "/mnt/b" is no path that a Windows has`},
	{"no path of a Windows by attribute", "<offline><winDir><path>w</path></winDir><mappings>\n<path online='C:\\' offline='C:Data'/></mappings></offline>", `f.xml:2:1: "C:Data" is no path that a Windows has`},
	{"one attribute", "<offline><winDir><path>w</path></winDir><mappings>\n<path online='C:\\'/></mappings></offline>", "f.xml:2:1: <path> has only one of the attributes"},
	{"text and attributes", "<offline><winDir><path>w</path></winDir><mappings>\n<path online='C:\\' offline='D:\\'>x</path></mappings></offline>", "f.xml:2:1: the mapping stands both"},
	{"mapping as text", "<offline><winDir><path>w</path></winDir>\n<mappings>C:\\, D:\\</mappings></offline>", "f.xml:2:1: <mappings> holds the text"},
	{"not well formed", "<offline>\n<winDir>\n<path>C:\\Windows</winDir></offline>", "f.xml:3:1: <path> is not closed"},
	{"too many", "<offline><winDir>" + strings.Repeat("<path>w</path>", maxConfigPaths+1) + "</winDir></offline>", "more than 1000 paths"},
}

func TestParseConfigErrors(t *testing.T) {
	for _, tt := range badConfigs {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := ParseConfig("f.xml", []byte(tt.xml))
			var e *xmlpos.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, %v; want an error with %q", c, err, tt.want)
			}
		})
	}
}

func utf16File(s string) []byte {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func TestParseConfigEncoding(t *testing.T) {
	const text = "<offline><winDir><path>D:\\Büro €</path></winDir></offline>"
	for name, data := range map[string][]byte{
		"UTF-16":       utf16File(text),
		"UTF-8 mark":   []byte("\xef\xbb\xbf" + text),
		"windows-1252": []byte("<?xml version='1.0' encoding='windows-1252'?><offline><winDir><path>D:\\B\xfcro \x80</path></winDir></offline>"),
	} {
		c, _, err := ParseConfig(name, data)
		if err != nil || c.Dirs[0].Path != `D:\Büro €` {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

// TestRealConfigs reads files that people have published.
func TestRealConfigs(t *testing.T) {
	c, warnings, err := ParseConfig("offline.xml", publicdata.Load(t, "migxml/msdocs/offline-example.xml"))
	if err != nil || len(warnings) != 0 {
		t.Fatalf("%v, %v", warnings, err)
	}
	if got := c.describe(); got != `dir 3:11 C:\Windows; dir 4:11 D:\Windows; dir 5:11 E:\; multiple true` {
		t.Error(got)
	}
	// This one ends in a letter behind the root element.
	_, _, err = ParseConfig("offline.xml", publicdata.Load(t, "migxml/conradhyler/offline.xml"))
	if err == nil || err.Error() != "offline.xml:8:11: text after the root element" {
		t.Errorf("%v", err)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, c := range configs {
		f.Add([]byte(c.xml))
	}
	for _, c := range badConfigs {
		if len(c.xml) < 4096 {
			f.Add([]byte(c.xml))
		}
	}
	f.Add(utf16File(configs[0].xml))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, warnings, err := ParseConfig("f", data)
		for _, w := range warnings {
			if w.Pos.Line < 1 || w.Pos.Col < 1 || w.Msg == "" {
				t.Fatalf("warning %+v", w)
			}
		}
		if err != nil {
			var e *xmlpos.Error
			if !errors.As(err, &e) || e.Line < 1 || e.Col < 1 || e.Msg == "" {
				t.Fatalf("%T %+v", err, err)
			}
			return
		}
		if len(c.Dirs) == 0 || len(c.Dirs)+len(c.Mappings) > maxConfigPaths {
			t.Fatalf("%+v", c)
		}
		for _, m := range c.Mappings {
			if m.Online == "" || !isWindowsPath(m.Offline) {
				t.Fatalf("%+v", m)
			}
		}
	})
}
