package migxml

import (
	"fmt"
	"strings"
	"testing"
)

// TestKept: what acts at restore is in the tree with all that it needs.
func TestKept(t *testing.T) {
	d, ws, err := Parse("x.xml", []byte(`<migration urlid="x"><component type="System"><displayName>x</displayName>
<environment><variable name="A" remap="TRUE"><objectSet><pattern type="File">C:\a [*.exe]</pattern></objectSet></variable></environment>
<role role="Data"><rules>
<merge script="MigXmlHelper.FindFilePlaceByPattern('&lt;F> (&lt;N>).&lt;E>')"><objectSet><pattern type="File">C:\a\* [*]</pattern></objectSet></merge>
<locationModify script="MigXmlHelper.RelativeMove('C:\a','D:\b')"><objectSet><pattern type="File">C:\a\* [*]</pattern></objectSet></locationModify>
<contentModify script="MigXmlHelper.ConvertToDWORD('7')"><objectSet><pattern type="Registry">HKCU\a [b]</pattern></objectSet></contentModify>
<destinationCleanup filter="MigXmlHelper.FileProperties('filesize','gt','1MB')"><objectSet><pattern type="File">C:\a\* [*]</pattern></objectSet></destinationCleanup>
<includeAttributes attributes="security"><objectSet><pattern type="File">C:\a\* [*]</pattern></objectSet></includeAttributes>
<excludeAttributes attributes="Owner,LastWrittenTime"><objectSet><pattern type="File">C:\a [*]</pattern></objectSet></excludeAttributes>
<processing when="post-apply"><script>MigXmlHelper.StartService("s")</script><script>MigXmlHelper.RestartExplorer()</script></processing>
<addObjects>
<conditions><condition>MigXmlHelper.IsNative64Bit()</condition></conditions>
<object><location type="Registry">HKLM\x [y]</location><attributes>DWORD</attributes><bytes>0B,00 00
00</bytes></object>
<object><location type="File">C:\a [b]</location><attributes>Hidden, read-only</attributes><bytes string="Yes" expand="No">%x%</bytes></object>
</addObjects>
</rules></role></component></migration>`))
	if err != nil || len(ws) > 0 {
		t.Fatal(err, messages(ws))
	}
	c := d.Components[0]
	if v := c.Environments[0].Variables[0]; !v.Remap || v.Set == nil || v.Set.Patterns[0].Text != `C:\a [*.exe]` {
		t.Errorf("%+v", v)
	}
	r := c.Roles[0].Rules[0]
	var got []string
	for _, x := range r.Restore {
		s := fmt.Sprintf("%d %s %s %s", x.Line, x.Element, x.When, x.Attributes)
		for _, call := range []*Call{x.Script, x.Filter} {
			if call != nil {
				s += " " + call.Name + call.Arg(0)
			}
		}
		got = append(got, strings.Join(strings.Fields(fmt.Sprint(s, " ", len(x.Sets))), " "))
	}
	want := []string{
		"4 merge FindFilePlaceByPattern<F> (<N>).<E> 1", `5 locationModify RelativeMoveC:\a 1`, "6 contentModify ConvertToDWORD7 1", "7 destinationCleanup FilePropertiesfilesize 1",
		"8 includeAttributes Security 1", "9 excludeAttributes Owner,LastWrittenTime 1", "10 processing post-apply StartServices 0", "10 processing post-apply RestartExplorer 0",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
	a := r.Added[0]
	if len(a.Conditions) != 1 || len(a.Objects) != 2 {
		t.Fatalf("%+v", a)
	}
	if o := a.Objects[0]; o.Kind != Registry || o.Location != `HKLM\x [y]` || o.Attributes[0] != "Dword" || string(o.Data) != "\x0b\x00\x00\x00" || o.IsText {
		t.Errorf("%+v", o)
	}
	if o := a.Objects[1]; o.Kind != File || fmt.Sprint(o.Attributes) != "[Hidden Read-only]" || string(o.Data) != "%x%" || !o.IsText || o.Expand {
		t.Errorf("%+v", o)
	}
	if len(d.Data) == 0 {
		t.Error("the file is not kept")
	}
}

// TestUnknown: a function that does not exist disables the component in which
// it stands, also when it stands in a named block, and no other.
func TestUnknown(t *testing.T) {
	cond := func(f string) string {
		return `<conditions><condition>MigXmlHelper.` + f + `()</condition></conditions>`
	}
	d, ws, err := Parse("x.xml", []byte(`<migration urlid="x"><namedElements>
<detection name="d"><conditions name="c"/></detection>
<conditions name="c">`+cond("Perhaps")+`</conditions>
<conditions name="loop"><conditions name="LOOP"/></conditions>
<rules name="r"><include filter="MigXmlHelper.Maybe()"><objectSet/></include></rules>
</namedElements>
<component type="System"><displayName>direct</displayName><role role="Data"><detection>`+cond("ExactRename")+`</detection></role></component>
<component type="System"><displayName>named</displayName><role role="Data"><detection name="D"/><rules><conditions name="loop"/></rules></role></component>
<component type="System"><displayName>fine</displayName><role role="Data"><detection>`+cond("IsNative64Bit")+`</detection></role></component>
<component type="System"><displayName>outer</displayName><role role="Container">
<component type="System"><displayName>inner</displayName><role role="Data"><rules name="r"/></role></component></role></component>
</migration>`))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	var walk func(list []*Component)
	walk = func(list []*Component) {
		for _, c := range list {
			got += c.DisplayName
			for _, u := range c.Unknown {
				got += fmt.Sprintf(" %s@%d", u.Name, u.Line)
			}
			got += "; "
			for _, r := range c.Roles {
				walk(r.Components)
			}
		}
	}
	walk(d.Components)
	if want := "direct ExactRename@7; named Perhaps@3; fine; outer; inner Maybe@5; "; got != want {
		t.Errorf("%s\nwant %s\n%s", got, want, messages(ws))
	}
	if m := messages(ws); !strings.Contains(m, "MigXmlHelper.Perhaps: the components that use it cannot be used") || !strings.Contains(m, "MigXmlHelper.ExactRename: the component cannot be used") {
		t.Error(m)
	}
}
