package migxml

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/coldstate/coldstate/internal/xmlpos"
)

const sampleConfig = `<?xml version="1.0" encoding="UTF-8"?>
<Configuration>
  <Applications>
    <component displayname="Word" migrate="no" ID="urn:x/word/settings"/>
  </Applications>
  <Documents/>
  <WindowsComponents>
    <component displayname="Tablet" migrate="no" ID="tablet_pc_settings">
      <component displayname="Ink" migrate="yes" ID="urn:cmi/ink/settings"/>
      <component displayname="Pen" migrate="yes" ID="urn:cmi/pen/settings"/>
    </component>
    <component displayname="Pen again" migrate="YES" ID="URN:CMI/Pen/settings"/>
  </WindowsComponents>
  <Policies>
    <ErrorControl>
      <fileError>
        <nonFatal errorCode="33">* [*]</nonFatal>
        <fatal>C:\Users\* [*]</fatal>
        <nonfatal errorCode="32, 5"> D:\* [*] </nonfatal>
      </fileError>
      <registryError errorCode="5"><nonFatal>* [*]</nonFatal><fatal errorCode="any">HKCU\X\* [*]</fatal></registryError>
    </ErrorControl>
    <HardLinkStoreControl><fileLocked>
      <createHardLink>c:\Users\* [*]</createHardLink><errorHardLink>C:\*</errorHardLink>
    </fileLocked></HardLinkStoreControl>
  </Policies>
  <ProfileControl>
    <localGroups>
      <mappings>
        <changeGroup From="Administrators" to="S-1-5-32-545" appliesTo="nonmigratedUsers">
          <include><pattern>CONTOSO\*</pattern><pattern>*</pattern></include>
          <exclude><pattern>CONTOSO\ann</pattern></exclude>
        </changeGroup>
      </mappings>
    </localGroups>
    <domains><domain from="OLD" to="NEW"/></domains>
    <users><user from="OLD\ann" to="NEW\anna"/></users>
  </ProfileControl>
</Configuration>`

func TestParseConfig(t *testing.T) {
	c, ws, err := ParseConfig("c.xml", []byte(sampleConfig))
	if err != nil || messages(ws) != `c.xml:10:7: urn:cmi/pen/settings is in a group that is off here, and line 12 lists it with "yes": what is listed twice is migrated; for it to be off, every place has to say "no"` {
		t.Fatal(err, messages(ws))
	}
	at := func(line, col int) Pos { return Pos{"c.xml", line, col} }
	comp := func(line, col int, name, id string, yes bool, inner ...*ConfigComponent) *ConfigComponent {
		return &ConfigComponent{at(line, col), name, id, yes, inner}
	}
	want := &Config{
		Pos:          at(2, 1),
		Applications: []*ConfigComponent{comp(4, 5, "Word", "urn:x/word/settings", false)},
		WindowsComponents: []*ConfigComponent{
			comp(8, 5, "Tablet", "tablet_pc_settings", false,
				comp(9, 7, "Ink", "urn:cmi/ink/settings", true), comp(10, 7, "Pen", "urn:cmi/pen/settings", true)),
			comp(12, 5, "Pen again", "URN:CMI/Pen/settings", true),
		},
		FileErrors: []ErrorRule{
			{at(17, 9), false, []uint32{33}, "* [*]"},
			{at(18, 9), true, nil, `C:\Users\* [*]`},
			{at(19, 9), false, []uint32{32, 5}, `D:\* [*]`},
		},
		RegistryErrors: []ErrorRule{
			{at(21, 36), false, []uint32{5}, "* [*]"},
			{at(21, 62), true, nil, `HKCU\X\* [*]`},
		},
		HardLinks: []HardLinkRule{{at(24, 7), true, `c:\Users\* [*]`}, {at(24, 54), false, `C:\*`}},
		Groups: []*ChangeGroup{{
			Pos: at(30, 9), From: "Administrators", To: "S-1-5-32-545", AppliesTo: NonmigratedUsers,
			Include: []Account{{at(31, 20), `CONTOSO\*`}, {at(31, 48), "*"}}, Exclude: []Account{{at(32, 20), `CONTOSO\ann`}},
		}},
		Domains: []Renaming{{at(36, 14), "OLD", "NEW"}},
		Users:   []Renaming{{at(37, 12), `OLD\ann`, `NEW\anna`}},
	}
	if len(c.Data) == 0 {
		t.Error("the file is not kept")
	}
	c.Data = nil
	if !reflect.DeepEqual(c, want) {
		got, _ := json.MarshalIndent(c, "", " ")
		exp, _ := json.MarshalIndent(want, "", " ")
		t.Errorf("got  %s\nwant %s", got, exp)
	}
	// A group that is off takes what is in it along; what is listed twice, once
	// to be migrated, is migrated.
	var off []string
	for _, k := range c.Off() {
		off = append(off, k.ID)
	}
	if got := strings.Join(off, " "); got != "urn:x/word/settings tablet_pc_settings urn:cmi/ink/settings" {
		t.Errorf("off: %s", got)
	}
}

// TestConfigReports: what is wrong with a file, and where. An error is a line
// that begins with "ERROR".
func TestConfigReports(t *testing.T) {
	group := func(attrs, inner string) string {
		return "<Configuration><ProfileControl><localGroups><mappings>\n<changeGroup " + attrs + ">" + inner + "</changeGroup>\n</mappings></localGroups></ProfileControl></Configuration>"
	}
	const all = `from="*" to="Users" appliesTo="AllUsers"`
	const everybody = "<include><pattern>*</pattern></include>"
	in := func(path, inner string) string {
		names := strings.Fields(path)
		s := "<Configuration>"
		for _, n := range names {
			s += "<" + n + ">"
		}
		s += "\n" + inner + "\n"
		for i := len(names) - 1; i >= 0; i-- {
			s += "</" + names[i] + ">"
		}
		return s + "</Configuration>"
	}
	for _, c := range []struct{ name, xml, want string }{
		{"empty", "<Configuration/>", ""},
		{"any case", "<CONFIGURATION><policies><errorcontrol/></policies></CONFIGURATION>", ""},
		{"slips of the documentation", "<Configuration><Policy><ErrorControl/></Policy><ProfileMigration><localGroups/></ProfileMigration></Configuration>", ""},
		{"changeGroup without mappings", in("ProfileControl localGroups", "<changeGroup "+all+">"+everybody+"</changeGroup>"), ""},
		{"everybody but", group(all, `<exclude><pattern>X\y</pattern></exclude>`), ""},

		{"unknown element", in("Policies", "<Fancy/>"), "c.xml:2:1: unknown element <Fancy> in <Policies>: it is ignored"},
		{"unknown attribute", group(all+` speed="1"`, everybody), "c.xml:2:1: unknown attribute speed of <changeGroup>: it is ignored"},
		{"misplaced", "<Configuration>\n <ErrorControl/></Configuration>", "c.xml:2:2: <ErrorControl> has no place in <Configuration>: it is ignored; it belongs into <Policies>"},
		{"misplaced changeGroup", in("ProfileControl", "<changeGroup/>"), "c.xml:2:1: <changeGroup> has no place in <ProfileControl>: it is ignored; it belongs into <localGroups> or <mappings>"},
		{"no migrate", in("Documents", `<component ID="x"/>`), `c.xml:2:1: <component> has no migrate="yes" or migrate="no": it is migrated`},
		{"yes and no", "<Configuration><Documents><component ID=\"a/b\" migrate=\"yes\"/></Documents><WindowsComponents>\n<component ID=\"A/B\" migrate=\"no\"/></WindowsComponents></Configuration>", `c.xml:2:1: A/B has migrate="no" here, and line 1 lists it with "yes": what is listed twice is migrated; for it to be off, every place has to say "no"`},
		{"no and no", in("Documents", `<component ID="a/b" migrate="no"/><component ID="A/B" migrate="no"/>`), ""},
		{"empty component", in("Documents", `<component migrate="yes"/>`), "c.xml:2:1: <component> has no ID and holds no other: it means nothing"},

		{"maybe", in("Documents", `<component ID="x" migrate="maybe"/>`), `ERROR c.xml:2:1: migrate="maybe" of <component> is neither "yes" nor "no"`},
		{"off without ID", in("Documents", ` <component migrate="no" displayname="x"/>`), `ERROR c.xml:2:2: <component> has no ID: nothing tells what migrate="no" is about; write ID="urlid/display name/role" of the component`},
		{"wildcard", in("Documents", `<component migrate="no" ID="urn:*"/>`), `ERROR c.xml:2:1: ID="urn:*" of <component> has a wildcard, which stands for nothing here: list each component with its own ID`},
		{"code", in("Policies ErrorControl fileError", `<fatal errorCode="0x20">* [*]</fatal>`), `ERROR c.xml:2:1: errorCode="0x20" of <fatal> is neither the decimal number of a Windows error, such as 32, nor "any"`},
		{"code of 33 bits", in("Policies ErrorControl fileError", `<nonFatal errorCode="4294967296">* [*]</nonFatal>`), `ERROR c.xml:2:1: errorCode="4294967296" of <nonFatal> is neither the decimal number of a Windows error, such as 32, nor "any"`},
		{"code of the list", in("Policies ErrorControl", `<registryError errorCode="five"/>`), `ERROR c.xml:2:1: errorCode="five" of <registryError> is neither the decimal number of a Windows error, such as 32, nor "any"`},
		{"no pattern", in("Policies ErrorControl registryError", `<nonFatal/>`), "ERROR c.xml:2:1: <nonFatal> names no objects: write a pattern, * [*] for all"},
		{"no files", in("Policies HardLinkStoreControl fileLocked", `<createHardLink> </createHardLink>`), "ERROR c.xml:2:1: <createHardLink> names no files: write a pattern, * [*] for all"},
		{"no from", group(`to="Users" appliesTo="AllUsers"`, everybody), `ERROR c.xml:2:1: <changeGroup> has no attribute from: write the local group of the source whose members are meant, or "*" for all users`},
		{"empty from", group(`from=" " to="Users" appliesTo="AllUsers"`, everybody), `ERROR c.xml:2:1: <changeGroup> has an empty from: write the local group of the source whose members are meant, or "*" for all users`},
		{"no to", group(`from="*" appliesTo="AllUsers"`, everybody), "ERROR c.xml:2:1: <changeGroup> has no attribute to: write the local group that they get"},
		{"no appliesTo", group(`from="*" to="Users"`, everybody), "ERROR c.xml:2:1: <changeGroup> has no attribute appliesTo: write MigratedUsers, NonmigratedUsers or AllUsers"},
		{"appliesTo", group(`from="*" to="Users" appliesTo="NewUsers"`, everybody), `ERROR c.xml:2:1: appliesTo="NewUsers" of <changeGroup> is none of MigratedUsers, NonmigratedUsers, AllUsers`},
		{"wild from", group(`from="Adm*" to="Users" appliesTo="AllUsers"`, everybody), `ERROR c.xml:2:1: from="Adm*" of <changeGroup> is neither the name of one group nor "*": write one <changeGroup> for each group`},
		{"wild to", group(`from="*" to="*" appliesTo="AllUsers"`, everybody), `ERROR c.xml:2:1: to="*" of <changeGroup> has a wildcard where one group is meant`},
		{"nobody", group(all, ""), "ERROR c.xml:2:1: <changeGroup> has neither <include> nor <exclude>: nothing tells whom it is about; for all users write <include><pattern>*</pattern></include>"},
		{"no pattern in include", group(all, "\n<include/>"), `ERROR c.xml:3:1: <include> has no <pattern>: write <pattern>DOMAIN\user</pattern>, or <pattern>*</pattern> for all users`},
		{"empty pattern", group(all, "<exclude>\n<pattern/></exclude>"), `ERROR c.xml:3:1: <pattern> in <exclude> has "" where DOMAIN\user, a SID or * is meant`},
		{"two backslashes", group(all, "<include><pattern>a\\b\\c</pattern></include>"), `ERROR c.xml:2:64: <pattern> in <include> has "a\b\c" where DOMAIN\user, a SID or * is meant`},
		{"domain", in("ProfileControl domains", `<domain from="A"/>`), "ERROR c.xml:2:1: <domain> has no attribute to: write what it is called on the destination"},
		{"wild user", in("ProfileControl users", `<user from="A\*" to="B\x"/>`), "ERROR c.xml:2:1: <user> has a wildcard where one name is meant"},
		{"two things", in("Documents", "<component ID=\"x\" migrate=\"\"/>\n<component migrate=\"no\"/><Fancy/>"), "c.xml:3:26: unknown element <Fancy> in <Documents>: it is ignored\n" +
			"ERROR c.xml:2:1: migrate=\"\" of <component> is neither \"yes\" nor \"no\"\nERROR c.xml:3:1: <component> has no ID: nothing tells what migrate=\"no\" is about; write ID=\"urlid/display name/role\" of the component"},

		{"rule file", "\n<migration urlid=\"x\"/>", "ERROR c.xml:2:1: this is a MigXML rule file, not a Config.xml: name it with --rules instead of --config"},
		{"offline.xml", " <offline/>", "ERROR c.xml:1:2: this is an offline.xml, not a Config.xml: name it with --offline instead of --config"},
		{"other", "<html/>", "ERROR c.xml:1:1: the root element of a Config.xml is <Configuration>, not <html>"},
		{"not closed", "<Configuration>\n  <Policies>", "ERROR c.xml:2:3: <Policies> is not closed (unexpected EOF)"},
		{"text", "Configuration", "ERROR c.xml:1:1: text before the root element"},
		{"nothing", "", "ERROR c.xml:1:1: there is no element in the file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, ws, err := ParseConfig("c.xml", []byte(c.xml))
			var got []string
			for _, w := range ws {
				got = append(got, w.String())
			}
			if err != nil {
				for line := range strings.SplitSeq(err.Error(), "\n") {
					got = append(got, "ERROR "+line)
				}
			}
			if s := strings.Join(got, "\n"); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
			if (cfg == nil) != (err != nil) {
				t.Error("a Config and an error, or neither")
			}
		})
	}
}

// TestConfigEncodings reads one file in the encodings that editors write.
func TestConfigEncodings(t *testing.T) {
	text := `<Configuration><ProfileControl><localGroups><mappings><changeGroup from="Käyttäjät" to="Администраторы" appliesTo="AllUsers"><exclude><pattern>Ä\ß</pattern></exclude></changeGroup></mappings></localGroups></ProfileControl></Configuration>`
	var wide []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for name, data := range map[string][]byte{"UTF-8": []byte(text), "UTF-8 with mark": []byte("\ufeff" + text), "UTF-16": wide} {
		c, _, err := ParseConfig("c.xml", data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if g := c.Groups[0]; g.From != "Käyttäjät" || g.To != "Администраторы" || g.Exclude[0].Text != `Ä\ß` {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

// TestRealConfig reads a file that ScanState /genconfig wrote.
func TestRealConfig(t *testing.T) {
	root := os.Getenv("COLDSTATE_TESTDATA")
	if root == "" {
		t.Skip("needs COLDSTATE_TESTDATA: a Config.xml of ScanState")
	}
	data, err := os.ReadFile(filepath.Join(root, "migxml", "conradhyler", "config.xml"))
	if err != nil {
		t.Fatal(err)
	}
	c, ws, err := ParseConfig("config.xml", data)
	if err != nil || len(ws) > 0 {
		t.Fatal(err, messages(ws))
	}
	n := 0
	var count func(list []*ConfigComponent)
	count = func(list []*ConfigComponent) {
		for _, k := range list {
			n++
			count(k.Components)
		}
	}
	count(c.WindowsComponents)
	// Of the elements <component …, by a text search.
	if want := strings.Count(string(data), "<component "); n != want || n < 100 {
		t.Errorf("%d components, the file has %d", n, want)
	}
	// Its examples of policies stand in comments.
	if len(c.Off())+len(c.FileErrors)+len(c.HardLinks)+len(c.Groups)+len(c.Users) != 0 {
		t.Errorf("comments were read: %+v", c)
	}
	// The examples are part of the grammar.
	for _, open := range []string{"<!--   Example (local group mapping):", "<!--   Example (domain and user mapping):", "<!--   Example:"} {
		data = []byte(strings.ReplaceAll(string(data), open, ""))
	}
	c, ws, err = ParseConfig("config.xml", []byte(strings.ReplaceAll(string(data), "-->", "")))
	if err != nil || len(ws) > 0 {
		t.Fatal(err, messages(ws))
	}
	if len(c.Groups) != 1 || len(c.Domains) != 1 || len(c.Users) != 1 || len(c.FileErrors) != 2 || len(c.RegistryErrors) != 1 || len(c.HardLinks) != 2 {
		t.Errorf("the examples: %+v", c)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(sampleConfig))
	for _, s := range []string{
		`<Configuration><component/><Documents><component><component ID="a" migrate="no"/></component></Documents></Configuration>`,
		`<configuration><policy><errorcontrol><fileerror errorcode="1,2"><fatal>x</fatal></fileerror></errorcontrol></policy></configuration>`,
		`<Configuration><ProfileMigration><localGroups><changeGroup from="*" to="x" appliesTo="allusers"><exclude><pattern>*</pattern></exclude></changeGroup></localGroups></ProfileMigration></Configuration>`,
		`<migration/>`, `<Configuration`, "\xff\xfe<\x00a\x00/\x00>\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, ws, err := ParseConfig("f", data)
		if (c == nil) == (err == nil) {
			t.Fatal("a Config and an error, or neither")
		}
		for _, w := range ws {
			if w.Msg == "" || w.File != "f" {
				t.Fatalf("%+v", w)
			}
		}
		if err != nil {
			var x *xmlpos.Error
			var e *Error
			if !errors.As(err, &x) && !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		ids := func(c *Config) (out []string) {
			for _, k := range c.Off() {
				if k.ID == "" {
					t.Fatalf("%+v", k)
				}
				out = append(out, k.ID)
			}
			return out
		}
		// What is written lists the same.
		again, _, err := ParseConfig("g", c.ListXML())
		if err != nil || !slices.Equal(ids(again), ids(c)) {
			t.Fatalf("%v\n%s", err, c.ListXML())
		}
		for _, g := range c.Groups {
			if g.From == "" || g.To == "" || len(g.Include)+len(g.Exclude) == 0 {
				t.Fatal(g)
			}
		}
	})
}
