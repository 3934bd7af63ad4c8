package winsec_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/publicdata"
	"github.com/coldstate/coldstate/internal/winsec"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

var sids = []struct{ hex, text string }{
	{"01 01 000000000000 00000000", "S-1-0-0"},
	{"01 01 000000000001 00000000", "S-1-1-0"},
	{"01 01 000000000005 12000000", "S-1-5-18"},
	{"01 02 000000000005 20000000 20020000", "S-1-5-32-544"},
	{"01 05 000000000005 15000000 a065cf7e 784b9b5f e77c8770 091c0100", "S-1-5-21-2127521184-1604012920-1887927527-72713"},
	{"01 00 000000000005", "S-1-5"},
	{"01 01 0000ffffffff ffffffff", "S-1-4294967295-4294967295"},
	{"01 01 000100000000 01000000", "S-1-0x000100000000-1"},
	{"01 01 ffffffffffff 01000000", "S-1-0xffffffffffff-1"},
	{"01 0f 000000000005" + strings.Repeat("01000000", 15), "S-1-5" + strings.Repeat("-1", 15)},
}

func TestSID(t *testing.T) {
	for _, tt := range sids {
		b := unhex(t, tt.hex)
		sid, n, err := winsec.ParseSID(append(b, 0xee))
		if err != nil || n != len(b) || sid.String() != tt.text {
			t.Errorf("%s: %v, %d bytes, %v", tt.text, sid, n, err)
		}
		if got := sid.AppendBinary(nil); !bytes.Equal(got, b) {
			t.Errorf("%s: %x", tt.text, got)
		}
		back, err := winsec.ParseSIDString(tt.text)
		if err != nil || !back.Equal(sid) || back != sid {
			t.Errorf("%s: %v, %v", tt.text, back, err)
		}
		for i := range b {
			if _, _, err := winsec.ParseSID(b[:i]); err == nil {
				t.Errorf("%s: %d bytes of it are a SID", tt.text, i)
			}
		}
	}
	for _, s := range []string{"0200000000000005", "0110000000000005" + strings.Repeat("01000000", 16)} {
		var fe *winsec.FormatError
		if sid, _, err := winsec.ParseSID(unhex(t, s)); !errors.As(err, &fe) {
			t.Errorf("%s: %v, %v", s, sid, err)
		}
	}
	for _, s := range []string{
		"", "S", "S-1", "S-2-5", "X-1-5", "S-1-", "S-1-5-", "S-1-5-x", "S-1-5-4294967296", "S-1-0x1000000000000", "S-1-5--1", "S-1-5-+1",
		"S-1-5" + strings.Repeat("-1", 16),
	} {
		if sid, err := winsec.ParseSIDString(s); err == nil {
			t.Errorf("%q is %v", s, sid)
		}
	}
	if sid, err := winsec.ParseSIDString("s-1-0x5-0x20-544"); err != nil || sid.String() != "S-1-5-32-544" {
		t.Errorf("%v, %v", sid, err)
	}
}

func TestSIDParts(t *testing.T) {
	sid := winsec.NewSID(5, 21, 1, 2, 3, 1001)
	domain := winsec.NewSID(5, 21, 1, 2, 3)
	if p, ok := sid.Prefix(); !ok || p != domain {
		t.Errorf("prefix %v", p)
	}
	if rid, ok := sid.RID(); !ok || rid != 1001 {
		t.Errorf("RID %d", rid)
	}
	if a, ok := domain.WithRID(1001); !ok || a != sid {
		t.Errorf("with RID %v", a)
	}
	if !sid.HasPrefix(domain) || !sid.HasPrefix(sid) || domain.HasPrefix(sid) || sid.HasPrefix(winsec.NewSID(5, 21, 9)) || sid.HasPrefix(winsec.SID{}) {
		t.Error("HasPrefix")
	}
	for s, want := range map[winsec.SID]bool{
		sid: true, domain: false, winsec.NewSID(12, 1, 1, 2, 3, 4): true,
		winsec.NewSID(5, 18): false, winsec.NewSID(5, 80, 1, 2, 3, 4): false, {}: false,
	} {
		if s.IsAccount() != want {
			t.Errorf("%v: account %v", s, !want)
		}
	}
	var zero winsec.SID
	if _, ok := zero.Prefix(); ok || !zero.IsZero() || zero.String() != "" || zero.AppendBinary(nil) != nil {
		t.Error("the zero SID")
	}
	if _, ok := zero.WithRID(1); ok {
		t.Error("an account of no domain")
	}
	for s, want := range map[string]string{
		"S-1-5-18": `NT AUTHORITY\SYSTEM`, "S-1-5-32-544": `BUILTIN\Administrators`, "S-1-1-0": "Everyone", "S-1-5-21-1-2-3-500": "",
	} {
		sid, err := winsec.ParseSIDString(s)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := sid.WellKnownName(); got != want || ok != (want != "") {
			t.Errorf("%s is %q", s, got)
		}
	}
}

// exampleSD is the example of [MS-DTYP] 2.5.1.4.
const exampleSD = `01 00 14 b0 90 00 00 00 a0 00 00 00 14 00 00 00
	30 00 00 00 02 00 1c 00 01 00 00 00 02 80 14 00
	00 00 00 80 01 01 00 00 00 00 00 01 00 00 00 00
	02 00 60 00 04 00 00 00 00 03 18 00 00 00 00 a0
	01 02 00 00 00 00 00 05 20 00 00 00 21 02 00 00
	00 03 18 00 00 00 00 10 01 02 00 00 00 00 00 05
	20 00 00 00 20 02 00 00 00 03 14 00 00 00 00 10
	01 01 00 00 00 00 00 05 12 00 00 00 00 03 14 00
	00 00 00 10 01 01 00 00 00 00 00 03 00 00 00 00
	01 02 00 00 00 00 00 05 20 00 00 00 20 02 00 00
	01 02 00 00 00 00 00 05 20 00 00 00 20 02 00 00`

// sd makes a descriptor without owner and group whose DACL holds aces in hex.
func sd(tb testing.TB, control uint16, aces ...string) []byte {
	list := []byte{}
	for _, a := range aces {
		list = append(list, unhex(tb, a)...)
	}
	b := []byte{1, 0}
	b = binary.LittleEndian.AppendUint16(b, control|winsec.SelfRelative|winsec.DACLPresent)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 4, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(8+len(list)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(aces)))
	return append(append(b, 0, 0), list...)
}

func TestSDDL(t *testing.T) {
	const everyone = "01 01 000000000001 00000000"
	for _, tt := range []struct {
		name  string
		b     []byte
		want  string
		exact bool
	}{
		// The document writes the letters of flags and rights in the order CIOI
		// and GRGX; Windows writes them as here.
		{"the example of the specification", unhex(t, exampleSD),
			"O:BAG:BAD:P(A;OICI;GXGR;;;BU)(A;OICI;GA;;;BA)(A;OICI;GA;;;SY)(A;OICI;GA;;;CO)S:P(AU;FA;GR;;;WD)", true},
		{"empty", sd(t, 0), "D:", true},
		{"flags of the list", sd(t, 0x1500), "D:PARAI", true},
		{"no list, which allows all", []byte{1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "D:NO_ACCESS_CONTROL", true},
		{"nothing", []byte{1, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "", true},
		{"denied, all flags", sd(t, 0, "01 ff 1400 ff010f00"+everyone), "D:(D;OICINPIOIDCRSAFA;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;WD)", true},
		{"files", sd(t, 0, "00 00 1400 ff011f00"+everyone, "00 00 1400 a9001200"+everyone), "D:(A;;FA;;;WD)(A;;0x1200a9;;;WD)", true},
		{"keys", sd(t, 0, "00 12 1400 3f000f00"+everyone, "00 10 1400 19000200"+everyone), "D:(A;CIID;KA;;;WD)(A;ID;KR;;;WD)", true},
		{"an object", sd(t, 0, "05 00 3800 10000000 03000000 86b8b5774a94d111aebd0000f80367c1 88b8b5774a94d111aebd0000f80367c1"+everyone),
			"D:(OA;;RP;77b5b886-944a-11d1-aebd-0000f80367c1;77b5b888-944a-11d1-aebd-0000f80367c1;WD)", true},
		{"an object's inherited type alone", sd(t, 0, "06 00 2800 10000000 02000000 86b8b5774a94d111aebd0000f80367c1"+everyone),
			"D:(OD;;RP;;77b5b886-944a-11d1-aebd-0000f80367c1;WD)", true},
		{"a label", sd(t, 0, "11 00 1400 03000000 01 01 000000000010 00300000"), "D:(ML;;NWNR;;;HI)", true},
		{"a condition", sd(t, 0, "09 00 1800 01000000"+everyone+"61727478"), "D:(XA;;CC;;;WD;#61727478)", false},
		{"a condition in words", sd(t, 0, "09 00 2800 01000000"+everyone+"61727478 f802000000 6100 1002000000 6200 86 00"),
			`D:(XA;;CC;;;WD;(a Contains "b"))`, true},
		{"padding", sd(t, 0, "00 00 1800 01000000"+everyone+"00000000"), "D:(A;;CC;;;WD)", true},
		{"an unknown type", sd(t, 0, "77 02 0800 01020304", "00 00 1400 01000000"+everyone), "D:(#7702080001020304)(A;;CC;;;WD)", false},
		{"a known type without its SID", sd(t, 0, "00 00 0800 01000000"), "D:(#0000080001000000)", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := winsec.Parse(tt.b)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.SDDL(); got != tt.want || d.Exact() != tt.exact {
				t.Errorf("%s, exact %v, want %s", got, d.Exact(), tt.want)
			}
			for i := range tt.b {
				// Cut anywhere: an error or not, but never a panic.
				if d, err := winsec.Parse(tt.b[:i:i]); err == nil {
					_ = d.SDDL()
				}
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	good := unhex(t, exampleSD)
	patch := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], v)
		return b
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"short", good[:19], "at least 20 bytes"},
		{"revision", patch(0, 2), "revision 2"},
		{"absolute", patch(3, 0x30), "addresses of memory"},
		{"owner in the header", patch(4, 8), "owner lies outside"},
		{"owner outside", patch(4, 0xff, 0xff, 0xff, 0xff), "owner lies outside"},
		{"owner cut", good[:len(good)-28], "owner"},
		{"group cut", good[:len(good)-4], "group: SID of 16 bytes"},
		{"list longer than all", patch(0x32, 0xff, 0xff), "DACL: ACL of 65535 bytes"},
		{"list of no size", patch(0x32, 0, 0), "DACL: ACL of 0 bytes"},
		{"more entries than fit", patch(0x34, 5), "ACE 5 of 5 starts behind"},
		{"65535 entries", patch(0x34, 0xff, 0xff), "ACE 5 of 65535 starts behind"},
		{"entry of no size", patch(0x3a, 0, 0), "ACE 1 has 0 bytes"},
		{"entry past the list", patch(0x3a, 0xff, 0), "ACE 1 has 255 bytes"},
		{"SACL at the end", patch(12, byte(len(good)-1)), "SACL: an ACL has at least 8 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := winsec.Parse(tt.b)
			var fe *winsec.FormatError
			if !errors.As(err, &fe) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, %v, want an error about %q", d, err, tt.want)
			}
		})
	}
}

// TestSDS parses every descriptor of the $Secure:$SDS streams of real volumes.
func TestSDS(t *testing.T) {
	publicdata.Dir(t)
	for name, want := range map[string]int{"sds.bin.gz": 12, "win10-Secure_SDS.bin.xz": 1730} {
		t.Run(name, func(t *testing.T) {
			b := publicdata.Load(t, "ntfs/"+name)
			n, unknown := 0, 0
			sddl := map[string]bool{}
			// Entries start at multiples of 16; each block of 256 KiB has a copy
			// behind it.
			for off := 0; off+20 <= len(b); {
				if off>>18&1 == 1 {
					off += 1 << 18
					continue
				}
				size := int(binary.LittleEndian.Uint32(b[off+16:]))
				if at := binary.LittleEndian.Uint64(b[off+8:]); size < 20 || at != uint64(off) || size > len(b)-off {
					off = off&^(1<<18-1) + 1<<18
					continue
				}
				raw := b[off+20 : off+size]
				if got := hash(raw); got != binary.LittleEndian.Uint32(b[off:]) {
					t.Fatalf("offset %#x: the entry's hash is wrong", off)
				}
				d, err := winsec.Parse(raw)
				if err != nil {
					t.Errorf("offset %#x: %v", off, err)
				} else {
					sddl[d.SDDL()] = true
					if !d.Exact() {
						unknown++
					}
					if d.Owner == nil || d.DACL == nil {
						t.Errorf("offset %#x: no owner, or no DACL: %s", off, d.SDDL())
					}
				}
				n++
				off = (off + size + 15) &^ 15
			}
			t.Logf("%d descriptors, %d texts, %d not exact", n, len(sddl), unknown)
			// Two hold resource attributes, which stand in hex; hundreds hold conditions.
			if unknown > 2 {
				t.Errorf("%d descriptors have no text that Windows reads", unknown)
			}
			if n != want {
				t.Errorf("%d descriptors, want %d", n, want)
			}
		})
	}
}

// hash is the hash of $SDS: each word added after a rotation by three.
func hash(b []byte) uint32 {
	var h uint32
	for ; len(b) >= 4; b = b[4:] {
		h = binary.LittleEndian.Uint32(b) + (h<<3 | h>>29)
	}
	return h
}

func FuzzParse(f *testing.F) {
	for _, b := range [][]byte{unhex(f, exampleSD), sd(f, 0, "77 02 0800 01020304"), sd(f, 0, "05 00 0c00 10000000 03000000"), nil, {1, 0, 4, 0x80}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := winsec.Parse(b)
		if err != nil {
			return
		}
		if s := d.SDDL(); strings.ContainsAny(s, "\x00\n ") {
			t.Errorf("%q", s)
		}
		for _, acl := range []*winsec.ACL{d.DACL, d.SACL} {
			if acl == nil {
				continue
			}
			for _, a := range acl.ACEs {
				if a.Known != !a.SID.IsZero() {
					t.Errorf("%+v", a)
				}
			}
		}
	})
}

func FuzzSID(f *testing.F) {
	for _, s := range sids {
		f.Add(unhex(f, s.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sid, n, err := winsec.ParseSID(b)
		if err != nil {
			return
		}
		if !bytes.Equal(sid.AppendBinary(nil), b[:n]) {
			t.Errorf("%x -> %v -> %x", b[:n], sid, sid.AppendBinary(nil))
		}
		back, err := winsec.ParseSIDString(sid.String())
		if err != nil || back != sid {
			t.Errorf("%v: %v, %v", sid, back, err)
		}
	})
}
