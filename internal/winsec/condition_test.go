package winsec

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/wstr"
)

// token is a token with a value behind it.
func token(t byte, value string) string {
	return string(binary.LittleEndian.AppendUint32([]byte{t}, uint32(len(value)))) + value
}

func text(t byte, s string) string { return token(t, string(wstr.AppendUTF16LE(nil, s))) }

func number(t byte, n int64, sign, base byte) string {
	return string(t) + string(binary.LittleEndian.AppendUint64(nil, uint64(n))) + string([]byte{sign, base})
}

func TestCondition(t *testing.T) {
	admins := token(0x51, string(NewSID(5, 32, 544).AppendBinary(nil)))
	users := token(0x51, string(NewSID(5, 32, 545).AppendBinary(nil)))
	for _, tt := range []struct{ in, want string }{
		// The example of [MS-DTYP] 2.4.4.17.9, with all its parentheses.
		{text(0xf9, "Title") + text(0x10, "PM") + "\x80" + text(0xf9, "Division") + text(0x10, "Finance") + "\x80" +
			text(0xf9, "Division") + text(0x10, "Sales") + "\x80\xa1\xa0",
			`((@User.Title == "PM") && ((@User.Division == "Finance") || (@User.Division == "Sales")))`},
		// What protects the folders of packages of the Windows store.
		{text(0xf8, "WIN://SYSAPPID") + text(0x10, "MICROSOFT.GETHELP_8WEKYB3D8BBWE") + "\x86\x00\x00\x00",
			`(WIN://SYSAPPID Contains "MICROSOFT.GETHELP_8WEKYB3D8BBWE")`},
		{token(0x50, admins+users) + "\x89", "(Member_of {SID(BA), SID(BU)})"},
		{admins + "\x92\xa2", "(!(Not_Member_of_Any SID(BA)))"},
		{text(0xfa, "a b-c") + "\x87", "(Exists @Resource.a%0020b%002dc)"},
		{text(0xfb, "é") + token(0x18, "\x01\xff") + "\x81", "(@Device.é != #01ff)"},
		{text(0xf8, "n") + number(4, 42, 3, 2) + "\x85", "(n >= 42)"},
		{text(0xf8, "n") + number(1, -42, 2, 2) + "\x82", "(n < -42)"},
		{text(0xf8, "n") + number(2, 42, 1, 3) + "\x83", "(n <= +0x2a)"},
		{text(0xf8, "n") + number(3, 8, 3, 1) + "\x84", "(n > 010)"},
		{text(0xf8, "n") + token(0x50, "") + "\x8f", "(n Not_Any_of {})"},

		{"", ""},
		{"\x00\x00\x00\x00", ""},
		{text(0xf8, "n"), ""},                                                 // no operator
		{text(0xf8, "n") + text(0xf8, "n"), ""},                               // no operator
		{"\x87", ""},                                                          // no operand
		{text(0xf8, "n") + "\x80", ""},                                        // one operand
		{text(0xf8, "n") + "\x87\x00\x00\x00\x00", ""},                        // more than padding
		{text(0xf8, "n") + "\x99", ""},                                        // an unknown token
		{text(0xf8, "") + "\x87", ""},                                         // no name
		{token(0xf8, "abc") + "\x87", ""},                                     // half a character
		{text(0xf8, "n") + text(0x10, `a"b`) + "\x80", ""},                    // no text can say it
		{text(0xf8, "n") + number(4, -1, 3, 2) + "\x80", ""},                  // a sign that is none
		{text(0xf8, "n") + number(4, 1, 3, 9) + "\x80", ""},                   // a base that is none
		{token(0x50, token(0x50, admins)) + "\x89", ""},                       // a list in a list
		{token(0x51, "\x01\x01\x00\x00\x00\x00\x00\x05") + "\x89", ""},        // half a SID
		{"\xf8\xff\xff\xff\xff" + "n\x00\x87", ""},                            // past the end
		{"\x04\x00", ""},                                                      // cut
		{text(0xf8, "n") + "\x87" + strings.Repeat("\xa2", maxTokens+10), ""}, // too long
	} {
		got, ok := condition([]byte("artx" + tt.in))
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %v, want %q", tt.in, got, ok, tt.want)
		}
		for i := range tt.in {
			condition([]byte("artx" + tt.in[:i]))
		}
	}
	if _, ok := condition([]byte("xtra")); ok {
		t.Error("no signature")
	}
}

func FuzzCondition(f *testing.F) {
	f.Add([]byte("artx" + text(0xf8, "WIN://SYSAPPID") + text(0x10, "A") + "\x86\x00\x00\x00"))
	f.Add([]byte("artx" + text(0xf8, "n") + number(4, 42, 3, 2) + "\x85" + token(0x50, token(0x51, "x")) + "\x89\xa0"))
	f.Add([]byte("artx\x87"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := condition(b)
		if ok && (len(s) < 3 || s[0] != '(' || s[len(s)-1] != ')') || !ok && s != "" {
			t.Errorf("%q, %v", s, ok)
		}
	})
}
