package migxml

import (
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/xmlpos"
)

// malformed are files that are refused, each with where and why.
var malformed = []struct{ name, xml, want string }{
	{"empty", "", "x.xml:1:1: there is no element in the file"},
	{"white space alone", " \n\n", "x.xml:1:1: there is no element in the file"},
	{"a comment alone", "<!-- x -->", "x.xml:1:1: there is no element in the file"},
	{"unclosed root", "<migration urlid='x'>\n", "x.xml:1:1: <migration> is not closed (unexpected EOF)"},
	{"unclosed element", "<migration urlid='x'>\n <component>\n</migration>", "x.xml:2:2: <component> is not closed (element <component> closed by </migration>)"},
	{"closed by another", "<migration>\n<role></rule></migration>", "x.xml:2:1: <role> is not closed (element <role> closed by </rule>)"},
	{"closed twice", "<migration/>\n</migration>", "x.xml:2:13: unexpected end element </migration>"},
	{"cut in a tag", "<migration urlid=", "x.xml:1:18: unexpected EOF"},
	{"cut in a text", "<migration><component>x", "x.xml:1:12: <component> is not closed (unexpected EOF)"},
	{"cut in a comment", "<migration>\n<!-- x", "x.xml:1:1: <migration> is not closed (unexpected EOF)"},
	{"cut in CDATA", "<migration>\n<![CDATA[x", "x.xml:1:1: <migration> is not closed (unexpected EOF in CDATA section)"},
	{"two roots", "<migration urlid='x'/>\n<migration urlid='y'/>", "x.xml:2:1: <migration> is a second root element; a file has one"},
	{"text before", "\n x <migration/>", "x.xml:2:2: text before the root element"},
	{"text behind", "<migration/>\n\n  y", "x.xml:3:3: text after the root element"},
	{"text behind a comment", "<migration/><!-- x -->y", "x.xml:1:23: text after the root element"},
	{"unknown entity", "<migration>\n  &nbsp;</migration>", "x.xml:2:9: invalid character entity &nbsp;"},
	{"entity without end", "<migration>\n  a & b</migration>", "x.xml:2:6: invalid character entity & (no semicolon)"},
	{"entity out of range", "<migration>&#x110000;</migration>", "x.xml:1:22: invalid character entity &#x110000;"},
	{"control character", "<migration>\n a\x01</migration>", "x.xml:2:4: illegal character code U+0001"},
	{"control character by number", "<migration>&#1;</migration>", "x.xml:1:16: illegal character code U+0001"},
	{"attribute without value", "<migration>\n<component type></component></migration>", "x.xml:2:17: attribute name without = in element"},
	{"attribute without quotes", "<migration>\n<component type=System></component></migration>", "x.xml:2:18: unquoted or missing attribute value in element"},
	{"attribute with a tag in it", "<migration>\n<component type=\"<a>\"></component></migration>", "x.xml:2:19: unescaped < inside quoted string"},
	{"attribute twice", "<migration>\n<component type=\"a\" type=\"b\"/></migration>", "x.xml:2:1: <component> has the attribute type twice"},
	{"quote not closed", "<migration>\n<include filter=\"x/></migration>", "x.xml:2:22: unescaped < inside quoted string"},
	{"name that is none", "<migration>\n<1a/></migration>", "x.xml:2:4: invalid XML name: 1a"},
	{"blank before a name", "<migration>\n< component/></migration>", "x.xml:2:2: expected element name after <"},
	{"two hyphens in a comment", "<migration>\n<!-- a -- b --></migration>", "x.xml:2:11: invalid sequence \"--\" not allowed in comments"},
	{"end of CDATA in a text", "<migration>\n]]></migration>", "x.xml:2:4: unescaped ]]> not in CDATA section"},
	{"DOCTYPE", "<!DOCTYPE migration SYSTEM \"x.dtd\">\n<migration/>", "x.xml:1:1: a DOCTYPE or another <!…> declaration is not read; remove it"},
	{"entity declared", "<?xml version=\"1.0\"?>\n<!DOCTYPE a [<!ENTITY b \"c\">]><migration>&b;</migration>", "x.xml:2:1: a DOCTYPE or another <!…> declaration is not read; remove it"},
	{"wrong version of XML", "<?xml version=\"2.0\"?><migration/>", "x.xml:1:22: unsupported version \"2.0\"; only version 1.0 is supported"},
	{"encoding that is not read", "<?xml version=\"1.0\" encoding=\"EBCDIC\"?><migration/>", "x.xml:1:1: the encoding \"ebcdic\" is not read; save the file as UTF-8"},
	{"not UTF-8", "<migration>\n  B\xfcro</migration>", "x.xml:2:4: byte 0xfc is not UTF-8, and no other encoding is declared; save the file as UTF-8 or declare its encoding"},
	{"UTF-8 with mark, and not", "\xef\xbb\xbf<migration>\xff</migration>", "x.xml:1:12: byte 0xff is not UTF-8, and it starts with the mark of UTF-8; save the file as UTF-8 or declare its encoding"},
	{"UTF-16 cut in a character", "\xff\xfe<\x00m\x00i", "x.xml:1:1: UTF-16 with an odd number of bytes; the file was cut"},
	{"UTF-32", "\xff\xfe\x00\x00<\x00\x00\x00", "x.xml:1:1: UTF-32 is not read; save the file as UTF-8"},
	{"declared UTF-8, and not", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<migration>\xe4</migration>", "x.xml:2:12: byte 0xe4 is not UTF-8, and no other encoding is declared; save the file as UTF-8 or declare its encoding"},
	{"UTF-16 with the most significant byte first, unclosed", "\xfe\xff\x00<\x00m\x00>", "x.xml:1:1: <m> is not closed (unexpected EOF)"},
	{"comment behind, unclosed", "<migration/>\n<!-- x", "x.xml:2:7: unexpected EOF"},
	{"entity behind", "<migration/>&amp;", "x.xml:1:13: text after the root element"},
	{"closed in another case", "<migration><component></Component></migration>", "x.xml:1:12: <component> is not closed (element <component> closed by </Component>)"},
	{"unknown entity in an attribute", "<migration urlid='a&b;'/>", "x.xml:1:23: invalid character entity &b;"},
	{"a ZIP file", "PK\x03\x04zip", "x.xml:1:8: illegal character code U+0003"},
	{"another root", "<?xml version=\"1.0\"?>\n<html/>", "x.xml:2:1: the root element of a rule file is <migration>, not <html>"},
	{"Config.xml", "<Configuration/>", "x.xml:1:1: this is a Config.xml, not a rule file: name it with --config instead of --rules"},
	{"offline.xml", "\n\t<offline/>", "x.xml:2:2: this is an offline.xml, not a rule file: name the sources on the command line, and drives with --map"},
	{"too deep", "<migration>" + strings.Repeat("\n<role>", 300), "x.xml:257:1: elements are nested more than 256 deep"},
	{"too many elements", "<migration>" + strings.Repeat("<a/>", 1<<18) + "</migration>", "x.xml:1:1048584: more than 262144 elements"},
	{"too many attributes", "<migration>\n<a " + attributes(257) + "/></migration>", "x.xml:2:1: <a> has 257 attributes; at most 256 are read"},
	{"too large", "<migration>" + strings.Repeat(" ", xmlpos.MaxSize), "x.xml:1:1: the file has 16777227 bytes; more than 16777216 are not read"},
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a" + strings.Repeat("b", i) + "=''")
	}
	return b.String()
}

// TestMalformedKinds: each kind of mistake has its files.
func TestMalformedKinds(t *testing.T) {
	if len(malformed) < 30 {
		t.Errorf("only %d files", len(malformed))
	}
	names := map[string]bool{}
	for _, c := range malformed {
		if names[c.name] || !strings.HasPrefix(c.want, "x.xml:") {
			t.Errorf("%s is there twice, or has no place: %s", c.name, c.want)
		}
		names[c.name] = true
	}
	for kind, part := range map[string]string{
		"unclosed": "is not closed", "two roots": "second root element", "trailing text": "text after the root element", "bad entity": "invalid character entity",
		"wrong encoding": "is not UTF-8", "unknown encoding": "the encoding", "depth": "nested more than", "size": "more than 16777216 are not read", "elements": "more than 262144 elements",
	} {
		if !slices.ContainsFunc(malformed, func(c struct{ name, xml, want string }) bool { return strings.Contains(c.want, part) }) {
			t.Errorf("no file is %s", kind)
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range malformed {
		t.Run(c.name, func(t *testing.T) {
			d, _, err := Parse("x.xml", []byte(c.xml))
			if err == nil {
				t.Fatalf("%+v is read", d)
			}
			if err.Error() != c.want {
				t.Errorf("\n got %q\nwant %q", err, c.want)
			}
		})
	}
}
