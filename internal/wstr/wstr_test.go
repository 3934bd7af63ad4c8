package wstr_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/coldstate/coldstate/internal/wstr"
)

func TestUTF16BothWays(t *testing.T) {
	for _, tt := range []struct {
		name string
		u    []uint16
		want string
	}{
		{"ascii", []uint16{'a', '.', 'b'}, "a.b"},
		{"pair", []uint16{0xd83d, 0xde00}, "😀"},
		{"lone high", []uint16{'x', 0xd83d, 'y'}, "x\xed\xa0\xbdy"},
		{"lone low", []uint16{0xde00}, "\xed\xb8\x80"},
		{"reversed pair", []uint16{0xde00, 0xd83d}, "\xed\xb8\x80\xed\xa0\xbd"},
		{"high then pair", []uint16{0xd800, 0xd83d, 0xde00}, "\xed\xa0\x80😀"},
		{"NUL", []uint16{'a', 0, 'b'}, "a\x00b"},
		{"end of plane", []uint16{0xffff}, "\uffff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b []byte
			for _, c := range tt.u {
				b = append(b, byte(c), byte(c>>8))
			}
			if got := wstr.FromUTF16LE(b); got != tt.want {
				t.Errorf("FromUTF16LE = %q, want %q", got, tt.want)
			}
			if got := wstr.FromUTF16(tt.u); got != tt.want {
				t.Errorf("FromUTF16 = %q, want %q", got, tt.want)
			}
			if got := wstr.ToUTF16(tt.want); !slices.Equal(got, tt.u) {
				t.Errorf("ToUTF16 = %x, want %x", got, tt.u)
			}
			if got := wstr.AppendUTF16LE(nil, tt.want); !slices.Equal(got, b) {
				t.Errorf("AppendUTF16LE = %x, want %x", got, b)
			}
			j, err := json.Marshal(wstr.Text(tt.want))
			if err != nil {
				t.Fatal(err)
			}
			var back wstr.Text
			if err := json.Unmarshal(j, &back); err != nil || string(back) != tt.want {
				t.Errorf("through JSON %s: %q, %v", j, back, err)
			}
		})
	}
	if got := wstr.FromUTF16LE([]byte{'a', 0, 'b'}); got != "a" {
		t.Errorf("an odd byte: %q", got)
	}
}

func TestJSON(t *testing.T) {
	for in, want := range map[string]string{
		"a\"b\\c\n\x00": `"a\"b\\c\u000a\u0000"`,
		"\xed\xa0\xbd":  `"\ud83d"`,
		"é\xff":         "\"é\ufffd\"",
	} {
		if got := string(wstr.AppendJSON(nil, in)); got != want {
			t.Errorf("AppendJSON(%q) = %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		`"\ud83d\ude00"`:    "😀",
		`"\ud83dx"`:         "\xed\xa0\xbdx",
		`"\t\/\"\\\u0041"`:  "\t/\"\\A",
		`"\ude00\ud83d\n!"`: "\xed\xb8\x80\xed\xa0\xbd\n!",
	} {
		var got wstr.Text
		if err := json.Unmarshal([]byte(in), &got); err != nil || string(got) != want {
			t.Errorf("%s = %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{`1`, `"\q"`, `{}`} {
		var got wstr.Text
		if err := got.UnmarshalJSON([]byte(in)); err == nil {
			t.Errorf("%s is accepted as %q", in, got)
		}
	}
}

func TestUpper(t *testing.T) {
	for in, want := range map[string]string{
		"abc.XYZ1": "ABC.XYZ1", "äöüß": "ÄÖÜß", "ıſ": "ıſ", "привет": "ПРИВЕТ",
		"ÿ": "Ÿ", "𐐨": "𐐨", "a\xed\xa0\x80": "A\xed\xa0\x80", "ﬀ": "ﬀ",
	} {
		if got := wstr.Upper(in); got != want {
			t.Errorf("Upper(%q) = %q, want %q", in, got, want)
		}
		if !wstr.EqualFold(in, want) || wstr.Compare(in, want) != 0 {
			t.Errorf("%q and %q are not one name", in, want)
		}
	}
	// The registry sorts "_" (0x5F) behind "Z" because names are upper-cased.
	order := []string{"", "A", "a1", "b", "Z", "_", "ä", "\xed\xa0\x80", "\uffff"}
	for i := range order {
		for j := range order {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := wstr.Compare(order[i], order[j]); got != want {
				t.Errorf("Compare(%q, %q) = %d, want %d", order[i], order[j], got, want)
			}
			if got := wstr.EqualFold(order[i], order[j]); got != (want == 0) {
				t.Errorf("EqualFold(%q, %q) = %v", order[i], order[j], got)
			}
		}
	}
}

func TestLatin1(t *testing.T) {
	if got := wstr.FromLatin1([]byte{'a', 0xe4, 0xff}); got != "aäÿ" {
		t.Errorf("%q", got)
	}
}

func TestFiletime(t *testing.T) {
	// 128166372003061629 is the sample of Microsoft's FILETIME page.
	for f, want := range map[wstr.Filetime]string{
		0:                  "",
		1:                  "1601-01-01T00:00:00.0000001Z",
		128166372003061629: "2007-02-22T17:00:00.3061629Z",
		132223104000000000: "2020-01-01T00:00:00Z",
	} {
		if got := f.String(); got != want {
			t.Errorf("%d = %s, want %s", f, got, want)
		}
	}
	if got := wstr.FiletimeOf(time.Date(2020, 1, 1, 0, 0, 0, 123456789, time.UTC)); got != 132223104001234567 {
		t.Errorf("FiletimeOf = %d", got)
	}
	_ = wstr.Filetime(1<<64 - 1).String() // must not panic
}

func FuzzUTF16(f *testing.F) {
	for _, s := range []string{"", "abc", "äö😀", "\xed\xa0\xbd"} {
		f.Add(wstr.AppendUTF16LE(nil, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b)&^1]
		s := wstr.FromUTF16LE(b)
		if got := wstr.AppendUTF16LE(nil, s); !slices.Equal(got, b) {
			t.Fatalf("%x -> %q -> %x", b, s, got)
		}
		var back wstr.Text
		if err := json.Unmarshal(wstr.AppendJSON(nil, s), &back); err != nil || string(back) != s {
			t.Fatalf("JSON of %q: %q, %v", s, back, err)
		}
		u := make([]uint16, len(b)/2)
		for i := range u {
			u[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
		}
		if wstr.IsUTF8(s) && s != string(utf16.Decode(u)) {
			t.Fatalf("%q differs from the standard library", s)
		}
		if wstr.Compare(s, wstr.Upper(s)) != 0 {
			t.Fatalf("%q differs from its upper case", s)
		}
	})
}
