package hivegen_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/hivegen"
)

// tree holds every form a key or value can take.
func tree() *hivegen.Key {
	many := hivegen.K("many")
	for i := range 1300 {
		many.Add(hivegen.K(fmt.Sprintf("key %04d", (i*7919)%1300), hivegen.D("n", uint32(i))))
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 5000)
	k := hivegen.K("ROOT",
		many,
		hivegen.K("types",
			hivegen.SZ("", "default"), hivegen.SZ("sz", "text ü 日本 😀"), hivegen.ExpandSZ("expand", `%SystemRoot%\x`),
			hivegen.B("binary", []byte{1, 2, 3, 4, 5}), hivegen.D("dword", 0xdeadbeef),
			hivegen.V("dword be", hivegen.DWordBE, []byte{0, 0, 1, 2}), hivegen.Multi("multi", "a", "b c", "d"),
			hivegen.Q("qword", 1<<40+7), hivegen.V("none", hivegen.None, nil), hivegen.V("odd type", 0xffff0012, []byte{9}),
			hivegen.V("unterminated", hivegen.String, []byte("a\x00b\x00c"))),
		hivegen.K("data", hivegen.B("16344", big[:16344]), hivegen.B("16345", big[:16345]), hivegen.B("80000", big),
			hivegen.Value{Name: "small cell", Type: 3, Data: []byte{7}, Cell: true}),
		hivegen.K("Ωmega 日本", hivegen.SZ("Ωvalue", "x")),
		hivegen.K("Übung", hivegen.SZ("größe", "y")),
		&hivegen.Key{Name: "wide", UTF16: true, Values: []hivegen.Value{{Name: "wide value", UTF16: true, Type: 1, Data: hivegen.UTF16Z("z")}}},
		&hivegen.Key{Name: "classy", Class: "the class", Time: 130000000000000000},
		&hivegen.Key{Name: "guarded", Security: hivegen.Descriptor("S-1-5-18", "S-1-5-18", 0x1000, hivegen.ACE{SID: "S-1-1-0", Mask: 0x20019})},
		hivegen.Symlink("link", `\REGISTRY\MACHINE\SOFTWARE\x`),
	)
	k.At(`deep\er\still`).Add(hivegen.SZ("here", "yes"))
	return k
}

func variants() map[string]hivegen.Options {
	return map[string]hivegen.Options{
		"windows 10": {FileName: `\SystemRoot\System32\Config\TEST`},
		"minor 3":    {Minor: 3},
		"li leaves":  {Minor: 3, List: []string{"li"}, Leaf: 700},
		"mixed":      {List: []string{"lh", "lf", "li"}, Leaf: 100},
		"slack":      {Slack: 5000},
	}
}

// TestHivex has the hives read by hivex, which shares nothing with us.
func TestHivex(t *testing.T) {
	if _, err := exec.LookPath("hivexml"); err != nil {
		t.Skip("needs hivexml (Debian: libhivex-bin)")
	}
	for name, opt := range variants() {
		t.Run(name, func(t *testing.T) {
			checkTree(t, tree(), readHivex(t, hivegen.Build(tree(), opt)), "")
		})
	}
}

type node struct {
	Name   string `xml:"name,attr"`
	Nodes  []node `xml:"node"`
	Values []struct {
		Key      string   `xml:"key,attr"`
		Type     string   `xml:"type,attr"`
		Value    string   `xml:"value,attr"`
		Encoding string   `xml:"encoding,attr"`
		Default  string   `xml:"default,attr"`
		Text     string   `xml:",chardata"`
		Strings  []string `xml:"string"`
	} `xml:"value"`
}

func readHivex(t *testing.T, hive []byte) node {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hive")
	if err := os.WriteFile(file, hive, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("hivexml", file).Output()
	if err != nil {
		t.Fatalf("hivexml: %v", err)
	}
	var doc struct {
		Node node `xml:"node"`
	}
	if err := xml.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Node
}

func checkTree(t *testing.T, want *hivegen.Key, got node, path string) {
	t.Helper()
	if path != "" && got.Name != want.Name {
		t.Errorf("%s: hivex calls the key %q", path, got.Name)
	}
	if len(got.Values) != len(want.Values) || len(got.Nodes) != len(want.Keys) {
		t.Fatalf("%s: hivex sees %d values and %d keys, want %d and %d", path, len(got.Values), len(got.Nodes), len(want.Values), len(want.Keys))
	}
	for i, v := range want.Values {
		g := got.Values[i]
		if g.Key != v.Name && v.Name != "" {
			t.Errorf(`%s: value %d is called %q, want %q`, path, i, g.Key, v.Name)
		}
		switch {
		case v.Type == hivegen.Binary && g.Encoding == "base64":
			b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(g.Value))
			if err != nil || !bytes.Equal(b, v.Data) {
				t.Errorf("%s: value %s has other data (%d bytes, want %d)", path, v.Name, len(b), len(v.Data))
			}
		case v.Type == hivegen.DWord:
			var n int32
			fmt.Sscan(g.Value, &n)
			if want := int32(v.Data[0]) | int32(v.Data[1])<<8 | int32(v.Data[2])<<16 | int32(v.Data[3])<<24; n != want {
				t.Errorf("%s: value %s is %s, want %d", path, v.Name, g.Value, want)
			}
		}
	}
	for _, k := range want.Keys {
		i := slices.IndexFunc(got.Nodes, func(n node) bool { return n.Name == k.Name })
		if i < 0 {
			t.Errorf("%s: hivex does not see the key %q", path, k.Name)
			continue
		}
		checkTree(t, k, got.Nodes[i], path+`\`+k.Name)
	}
}

func sampleSAM() *hivegen.SAM {
	const m = "S-1-5-21-1004336348-1177238915-682003330"
	return &hivegen.SAM{
		MachineSID: m,
		Users: []hivegen.User{
			{RID: 500, Name: "Administrator", Control: 0x211},
			{RID: 1001, Name: "anna", FullName: "Anna Ünal", InternetName: "anna@example.com"},
		},
		Builtin: []hivegen.Group{
			{RID: 544, Name: "Administrators", Members: []string{m + "-500", m + "-1001", "S-1-5-21-1-2-3-512"}},
			{RID: 545, Name: "Users", Members: []string{"S-1-5-4", "S-1-5-11"}},
		},
		Aliases: []hivegen.Group{{RID: 1005, Name: "Scanner operators", Members: []string{m + "-1001"}}},
	}
}

// TestSAM has the accounts and groups read by chntpw's samusrgrp.
func TestSAM(t *testing.T) {
	if _, err := exec.LookPath("samusrgrp"); err != nil {
		t.Skip("needs samusrgrp (Debian: chntpw)")
	}
	file := filepath.Join(t.TempDir(), "SAM")
	if err := os.WriteFile(file, sampleSAM().Hive(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("samusrgrp", "-L", file).CombinedOutput()
	if err != nil {
		t.Fatalf("samusrgrp: %v\n%s", err, out)
	}
	for _, want := range []string{
		"Administrators", "Scanner operators", "anna",
		"S-1-5-21-1004336348-1177238915-682003330-500", "S-1-5-21-1-2-3-512",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("samusrgrp does not see %s:\n%s", want, out)
		}
	}
}

func TestSecretsStandInTheHive(t *testing.T) {
	sam := sampleSAM()
	hive := sam.Hive()
	secrets := sam.Secrets()
	if len(secrets) != 1+5*len(sam.Users) {
		t.Errorf("%d secrets", len(secrets))
	}
	for i, s := range secrets {
		if len(s) < 16 || !bytes.Contains(hive, s) {
			t.Errorf("secret %d (%d bytes) is not in the hive", i, len(s))
		}
	}
}

func TestBuildIsReproducible(t *testing.T) {
	if !bytes.Equal(hivegen.Build(tree(), hivegen.Options{}), hivegen.Build(tree(), hivegen.Options{})) {
		t.Error("two builds of the same tree differ")
	}
}

// TestHash checks known lh hashes: h = h*37 + upper-cased unit.
func TestHash(t *testing.T) {
	for name, want := range map[string]uint32{"": 0, "a": 65, "AB": 65*37 + 66, "ab": 65*37 + 66, "ß": 0xdf, "ä": 0xc4} {
		if got := hivegen.Hash(name); got != want {
			t.Errorf("Hash(%q) = %#x, want %#x", name, got, want)
		}
	}
}
