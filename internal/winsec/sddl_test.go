package winsec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/publicdata"
	"github.com/coldstate/coldstate/internal/winsec"
)

// again reads the text of a descriptor, writes it, and reads that.
func again(t *testing.T, text string) *winsec.Descriptor {
	t.Helper()
	d, err := winsec.ParseSDDL(text)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return nil
	}
	b := d.Binary()
	back, err := winsec.Parse(b)
	if err != nil {
		t.Errorf("%s: what was written cannot be read: %v", text, err)
		return nil
	}
	if got := back.SDDL(); got != d.SDDL() {
		t.Errorf("%s becomes %s", d.SDDL(), got)
	}
	return back
}

func TestParseSDDL(t *testing.T) {
	for _, tt := range []struct{ text, want string }{ // want is "" for the same
		{"O:BAG:BAD:P(A;OICI;GXGR;;;BU)(A;OICI;GA;;;BA)(A;OICI;GA;;;SY)(A;OICI;GA;;;CO)S:P(AU;FA;GR;;;WD)", ""},
		{"", ""},
		{"D:", ""},
		{"D:PARAI", ""},
		{"D:NO_ACCESS_CONTROL", ""},
		{"S:AINO_ACCESS_CONTROL", ""},
		{"O:S-1-5-21-1-2-3-1001G:S-1-5-21-1-2-3-513D:(A;;FA;;;S-1-5-21-1-2-3-1001)", ""},
		{"O:S-1-0x123456789abc-1D:", ""},
		{"D:(D;OICINPIOIDCRSAFA;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;WD)", ""},
		{"D:(A;;FA;;;WD)(A;;0x1200a9;;;WD)(A;CIID;KA;;;WD)(A;ID;KR;;;WD)", ""},
		{"D:(OA;;RP;77b5b886-944a-11d1-aebd-0000f80367c1;77b5b888-944a-11d1-aebd-0000f80367c1;WD)", ""},
		{"D:(OD;;RP;;77b5b886-944a-11d1-aebd-0000f80367c1;WD)", ""},
		{"S:(ML;;NWNR;;;HI)", ""},
		{"D:(#7702080001020304)(A;;CC;;;WD)", ""},
		{"D:(XA;;CC;;;WD;#61727478)", ""},
		{`D:(XA;;CC;;;WD;(a Contains "b"))`, ""},
		{`D:(XA;;FX;;;BU;((@User.Title == "PM") && ((@User.Level >= 5) || (Member_of {SID(BA), SID(S-1-5-21-1-2-3-4)}))))`, ""},
		{`D:(XD;;FA;;;WD;(!(Exists @Resource.a%0020b)))`, ""},
		{`D:(XA;;FA;;;WD;(!WIN://X))(XA;;FA;;;WD;(a && (!b)))`, ""},
		{`D:(XA;;FA;;;WD;(a Any_of {1, -2, +3, 0x4f, 017, "x;)", #0aff}))`, ""},
		{"S:(RA;;;;;WD;#0102)", "S:(RA;;;;;WD;#01020000)"}, // entries are padded
		// What Windows takes as well.
		{" o:ba", "!"}, // letters of the parts are large
		{" O:ba G:sy\r\nD:P (a;oici;ga;;;bu) ", "O:BAG:SYD:P(A;OICI;GA;;;BU)"},
		{"D:(A;;0x1F01FF;;;BU)(A;;2032127;;;BU)(A;;07600777;;;BU)(A;;FRFW;;;BU)(A;;KX;;;BU)", "D:(A;;FA;;;BU)(A;;FA;;;BU)(A;;FA;;;BU)(A;;0x12019f;;;BU)(A;;KR;;;BU)"},
		{`D:(XA;;FX;;;BU;(a == 1 && b == 2 || !(c == 3)))`, `D:(XA;;FX;;;BU;(((a == 1) && (b == 2)) || (!(c == 3))))`},
		{"D:(A;;;;;WD)", ""},
		{"S:(TL;;0x1;;;S-1-19-512-8192)", "S:(TL;;CC;;;S-1-19-512-8192)"},
	} {
		if tt.want == "!" {
			if d, err := winsec.ParseSDDL(tt.text); err == nil {
				t.Errorf("%s gives %s", tt.text, d.SDDL())
			}
			continue
		}
		if tt.want == "" {
			tt.want = tt.text
		}
		if d := again(t, tt.text); d != nil && d.SDDL() != tt.want {
			t.Errorf("%s gives %s, want %s", tt.text, d.SDDL(), tt.want)
		}
	}
	// The example of the specification, byte for byte but for the places.
	d, err := winsec.Parse(unhex(t, exampleSD))
	if err != nil {
		t.Fatal(err)
	}
	b := again(t, d.SDDL()).Binary()
	if want := unhex(t, exampleSD); len(b) != len(want) || !bytes.Equal(b[20:144], want[20:144]) {
		t.Errorf("%x, want %x", b, want)
	}
}

func TestParseSDDLErrors(t *testing.T) {
	for text, want := range map[string]string{
		"X:":                                          "O:, G:, D: or S:",
		"O:BAO:BA":                                    "twice",
		"O:DA":                                        "means the same everywhere",
		"O:S-1-":                                      "no SID",
		"D:(A;;FA;;;WD":                               "does not end",
		"D:(A;;FA;;WD)":                               "5 fields",
		"D:(Q;;FA;;;WD)":                              "no type",
		"D:(A;ZZ;FA;;;WD)":                            "no flags",
		"D:(A;;ZZ;;;WD)":                              "no rights",
		"D:(A;;0x1ffffffff;;;WD)":                     "no rights",
		"D:(A;;FA;x;;WD)":                             "no GUID",
		"D:(A;;FA;;;WD;(a == 1))":                     "six fields",
		"D:(#77)":                                     "hex",
		"D:(#7702090001020304)":                       "hex",
		"D:(XA;;FA;;;WD;(a == ))":                     "operand",
		"D:(XA;;FA;;;WD;(a b))":                       "operator",
		"D:(XA;;FA;;;WD;(a == 1)":                     "does not end",
		"D:(XA;;FA;;;WD;(a == 0xg))":                  "no number",
		"D:(XA;;FA;;;WD;(a == \"))":                   "without an end",
		"D:(XA;;FA;;;WD;(a%00 == 1))":                 "four digits",
		"D:(XA;;FA;;;WD;(a Any_of {1 2}))":            ", or }",
		"D:(XA;;FA;;;WD;(a Any_of {{1}}))":            "operand",
		`S:(RA;;;;;WD;("x",TS,0x0,"v"))`:              "operator",
		strings.Repeat("D", 1<<20+1):                  "1048577 characters",
		"D:(XA;;FA;;;WD;" + strings.Repeat("(", 1000): "deep",
		"D:(XA;;FA;;;WD;(a Any_of {" + strings.Repeat("1,", 600) + "1}))": "500 parts",
		"D:" + strings.Repeat("(A;;FA;;;S-1-5-21-1-2-3-1001)", 2000):      "65535 bytes",
	} {
		d, err := winsec.ParseSDDL(text)
		var fe *winsec.FormatError
		if !errors.As(err, &fe) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, %v, want %q", text, d, err, want)
		}
	}
}

// TestSDDLOfRealVolumes turns every descriptor of real volumes into text, and
// back into the same entries.
func TestSDDLOfRealVolumes(t *testing.T) {
	publicdata.Dir(t)
	for _, name := range []string{"sds.bin.gz", "win10-Secure_SDS.bin.xz"} {
		b := publicdata.Load(t, "ntfs/"+name)
		n, whole := 0, 0
		for off := 0; off+20 <= len(b); {
			size := int(binary.LittleEndian.Uint32(b[off+16:]))
			if at := binary.LittleEndian.Uint64(b[off+8:]); off>>18&1 == 1 || size < 20 || at != uint64(off) || size > len(b)-off {
				off = off&^(1<<18-1) + 1<<18
				continue
			}
			raw := b[off+20 : off+size]
			off = (off + size + 15) &^ 15
			n++
			d, err := winsec.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			// As bytes: what was parsed is written as it was.
			if same, err := winsec.Parse(d.Binary()); err != nil || !equal(d, same) {
				t.Errorf("%s is written as another: %v", d.SDDL(), err)
			}
			if bytes.Equal(d.Binary(), raw) {
				whole++
			}
			// As text: every entry, but for what SDDL cannot say.
			back := again(t, d.SDDL())
			if back == nil {
				continue
			}
			if back.SDDL() != d.SDDL() {
				t.Errorf("%s becomes %s", d.SDDL(), back.SDDL())
			}
			// The flags of a list that is not there have no letter.
			if d.Control&winsec.SACLPresent == 0 {
				d.Control &^= winsec.SACLAutoInherit | winsec.SACLAutoInherited | winsec.SACLProtected
			}
			if d.Exact() && !equal(d, back) {
				t.Errorf("%s: other entries", d.SDDL())
			}
		}
		t.Logf("%s: %d descriptors, %d of them byte for byte as they were", name, n, whole)
		if n < 12 || whole < n*9/10 {
			t.Errorf("%s: %d descriptors, %d byte for byte", name, n, whole)
		}
	}
}

func equal(a, b *winsec.Descriptor) bool {
	const defaulted = 0x2B // owner, group, DACL, SACL: SDDL has no letters for that
	if a.Control&^defaulted != b.Control&^defaulted || (a.Owner == nil) != (b.Owner == nil) || (a.Group == nil) != (b.Group == nil) ||
		a.Owner != nil && *a.Owner != *b.Owner || a.Group != nil && *a.Group != *b.Group {
		return false
	}
	for _, l := range [][2]*winsec.ACL{{a.DACL, b.DACL}, {a.SACL, b.SACL}} {
		x, y := l[0], l[1]
		if (x == nil) != (y == nil) {
			return false
		}
		if x == nil {
			continue
		}
		if len(x.ACEs) != len(y.ACEs) {
			return false
		}
		for i := range x.ACEs {
			if !bytes.Equal(x.ACEs[i].Raw, y.ACEs[i].Raw) {
				return false
			}
		}
	}
	return true
}

func FuzzSDDL(f *testing.F) {
	for _, s := range []string{
		"O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICIIO;GA;;;CO)(OA;;RP;77b5b886-944a-11d1-aebd-0000f80367c1;;WD)S:(AU;SAFA;FA;;;WD)(ML;;NW;;;HI)",
		`D:(XA;;FX;;;S-1-1-0;(@User.Title=="PM" && (@User.Division == "Finance" || !(Exists x%0020y))))`,
		`D:(XA;;FA;;;WD;(a Any_of {1, -2, +3, 0x4f, 017, "x", #0aff, SID(BA)}))(#7702080001020304)`,
		"S:NO_ACCESS_CONTROL",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := winsec.ParseSDDL(s)
		if err != nil {
			return
		}
		b := d.Binary()
		if b == nil {
			t.Fatalf("%q cannot be written", s)
		}
		back, err := winsec.Parse(b)
		if err != nil || back.SDDL() != d.SDDL() || !equal(d, back) {
			t.Fatalf("%q becomes %q, %v", d.SDDL(), back.SDDL(), err)
		}
		if again, err := winsec.ParseSDDL(d.SDDL()); err != nil || again.SDDL() != d.SDDL() {
			t.Fatalf("%q of %q is not read again: %v", d.SDDL(), s, err)
		}
	})
}
