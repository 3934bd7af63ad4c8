package xmlpos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/beevik/etree"
)

const sample = "<?xml version=\"1.0\"?>\r\n" +
	"<!-- ü --><root a='1'>\r\n" +
	"\t<ä:sub xmlns:ä=\"x\"/>é<b\n  c='d'\n></b>\r\n" +
	"𝄞<x/><last/></root>\r\n"

var samplePlaces = []string{"root 2:11", "sub 3:2", "b 3:23", "x 6:2", "last 6:6"}

func utf16Bytes(s string, order binary.AppendByteOrder, bom bool) []byte {
	var b []byte
	if bom {
		b = order.AppendUint16(b, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func places(d *Document) []string {
	var out []string
	var walk func(e *etree.Element)
	walk = func(e *etree.Element) {
		p := d.Pos(e)
		out = append(out, fmt.Sprintf("%s %d:%d", e.Tag, p.Line, p.Col))
		for _, c := range e.ChildElements() {
			walk(c)
		}
	}
	walk(d.Root)
	return out
}

func TestEncodings(t *testing.T) {
	declared := strings.Replace(sample, `version="1.0"`, `version="1.0" encoding="UTF-16"`, 1)
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"UTF-8", []byte(sample)},
		{"UTF-8 with mark", []byte("\xef\xbb\xbf" + sample)},
		{"UTF-16LE with mark", utf16Bytes(sample, binary.LittleEndian, true)},
		{"UTF-16BE with mark", utf16Bytes(sample, binary.BigEndian, true)},
		{"UTF-16LE", utf16Bytes(sample, binary.LittleEndian, false)},
		{"UTF-16BE", utf16Bytes(sample, binary.BigEndian, false)},
		{"UTF-16, declared", utf16Bytes(declared, binary.LittleEndian, true)},
		{"UTF-8, declared as UTF-16", []byte(declared)},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Parse("f.xml", c.data)
			if err != nil {
				t.Fatal(err)
			}
			if got := places(d); fmt.Sprint(got) != fmt.Sprint(samplePlaces) {
				t.Errorf("\n got %q\nwant %q", got, samplePlaces)
			}
		})
	}
}

func TestCodePages(t *testing.T) {
	for _, c := range []struct{ label, bytes, want string }{
		{"windows-1252", "B\xfcro \x80 \x96", "Büro € –"},
		{"WINDOWS-1252", "\xfc", "ü"},
		{"iso-8859-1", "B\xfcro \x80", "Büro €"},
		{"ISO-8859-15", "\xa4", "€"},
		{"windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
	} {
		d, err := Parse("f.xml", []byte(`<?xml version='1.0' encoding='`+c.label+`' ?><a>`+c.bytes+`</a>`))
		if err != nil {
			t.Errorf("%s: %v", c.label, err)
		} else if got := d.Root.Text(); got != c.want {
			t.Errorf("%s: %q, want %q", c.label, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	deep := strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1)
	var attrs strings.Builder
	for i := range maxAttrs + 1 {
		fmt.Fprintf(&attrs, " a%d='1'", i)
	}
	for _, c := range []struct{ name, data, want string }{
		{"empty", "", "f.xml:1:1: there is no element"},
		{"white space", " \n", "f.xml:1:1: there is no element"},
		{"text", "hello", "f.xml:1:1: text before the root element"},
		{"text behind", "<a/>\n  s", "f.xml:2:3: text after the root element"},
		{"two roots", "<a/>\n <b/>", "f.xml:2:2: <b> is a second root"},
		{"doctype", "\n<!DOCTYPE a [<!ENTITY x \"y\">]><a/>", "f.xml:2:1: a DOCTYPE"},
		{"entity", "<a>\n&x;</a>", "f.xml:2:"},
		{"ampersand", "<a>\nR&D</a>", "f.xml:2:"},
		{"not closed", "<a>\n  <b>\n</a>\n", "f.xml:2:3: <b> is not closed (element <b> closed by </a>)"},
		{"cut", "<a>\n  <b>text", "f.xml:2:3: <b> is not closed"},
		{"cut in a tag", "<a>\n  <b c='", "f.xml:1:1: <a> is not closed"},
		{"attribute twice", "<a>\n<b c='1' c='2'/></a>", "f.xml:2:1: <b> has the attribute c twice"},
		{"byte", "<a>\nB\xfcro</a>", "f.xml:2:2: byte 0xfc is not UTF-8"},
		{"byte behind a mark", "\xef\xbb\xbf<a>\xff</a>", "f.xml:1:4: byte 0xff is not UTF-8, and it starts with the mark"},
		{"unknown encoding", `<?xml version="1.0" encoding="EBCDIC"?><a/>`, `f.xml:1:1: the encoding "ebcdic" is not read`},
		{"UTF-32", "\xff\xfe\x00\x00<\x00\x00\x00", "f.xml:1:1: UTF-32"},
		{"half a unit", "\xff\xfe<\x00a", "odd number of bytes"},
		{"control character", "<a>\x01</a>", "f.xml:1:"},
		{"deep", deep, "nested more than 256 deep"},
		{"attributes", "<a" + attrs.String() + "/>", "has 257 attributes"},
		{"elements", "<a>" + strings.Repeat("<b/>", maxElements) + "</a>", "more than 262144 elements"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f.xml", []byte(c.data))
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	if _, err := Parse("f.xml", make([]byte, MaxSize+1)); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("too large: %v", err)
	}
}

func FuzzXML(f *testing.F) {
	for _, s := range []string{
		sample, "<a/>", "<a b='c' d=\"e\">f<!-- g --><![CDATA[h]]>&amp;</a>", "<a><b></a>", "<!DOCTYPE a><a/>", "<a/><b/>",
		"<?xml version='1.0' encoding='windows-1252'?><a>\xfc</a>", "<x:a xmlns:x='y'/>", "<a></a\n>", "<:a/>", "<a:b:c/>",
	} {
		f.Add([]byte(s))
	}
	f.Add(utf16Bytes(sample, binary.LittleEndian, true))
	f.Add(utf16Bytes(sample, binary.BigEndian, false))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse("f", data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Col < 1 || e.Msg == "" || e.File != "f" {
				t.Fatalf("%T %+v", err, err)
			}
			return
		}
		text, err := decode("f", data)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		var walk func(e *etree.Element)
		walk = func(e *etree.Element) {
			p := d.Pos(e)
			if p.Line < 1 || p.Line > len(lines) || p.Col < 1 {
				t.Fatalf("<%s> at %v", e.Tag, p)
			}
			line := []rune(lines[p.Line-1])
			if p.Col > len(line) || line[p.Col-1] != '<' {
				t.Fatalf("<%s> is said to be at %v of %q", e.Tag, p, text)
			}
			for _, c := range e.ChildElements() {
				walk(c)
			}
		}
		walk(d.Root)
	})
}
