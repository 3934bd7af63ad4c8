package regtext_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/regtext"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

func utf16(s string) []byte { return wstr.AppendUTF16LE(nil, s) }

// count is n bytes: 0, 1, 2 …
func count(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// values have one notation each; text is what stands in the file.
var values = []struct {
	name string
	typ  uint32
	data []byte
	text string
}{
	{"", 1, utf16("default\x00"), `@="default"`},
	{"empty", 1, utf16("\x00"), `"empty"=""`},
	{`q"u\o`, 1, utf16("C:\\Users\\\"a\"\x00"), `"q\"u\\o"="C:\\Users\\\"a\""`},
	{"no end", 1, utf16("ab"), `"no end"=hex(1):61,00,62,00`},
	{"two strings", 1, utf16("a\x00b\x00"), `"two strings"=hex(1):61,00,00,00,62,00,00,00`},
	{"two ends", 1, utf16("a\x00\x00"), `"two ends"=hex(1):61,00,00,00,00,00`},
	{"line", 1, utf16("a\nb\x00"), `"line"=hex(1):61,00,0a,00,62,00,00,00`},
	{"return", 1, utf16("a\r\x00"), `"return"=hex(1):61,00,0d,00,00,00`},
	{"odd", 1, []byte("a\x00\x00"), `"odd"=hex(1):61,00,00`},
	{"nothing", 1, []byte{}, `"nothing"=hex(1):`},
	{"lone", 1, []byte{0x3d, 0xd8, 0, 0}, "\"lone\"=\"\xed\xa0\xbd\""},
	{"tab\there", 1, utf16("a\tb\x01\x00"), "\"tab\there\"=\"a\tb\x01\""},
	{"e", 2, utf16("%a%\x00"), `"e"=hex(2):25,00,61,00,25,00,00,00`},
	{"d", 4, []byte{0x2a, 0, 0, 0xff}, `"d"=dword:ff00002a`},
	{"short d", 4, []byte{1, 2, 3}, `"short d"=hex(4):01,02,03`},
	{"big-endian d", 5, []byte{0, 0, 0, 1}, `"big-endian d"=hex(5):00,00,00,01`},
	{"m", 7, utf16("a\x00\x00"), `"m"=hex(7):61,00,00,00,00,00`},
	{"q", 11, count(8), `"q"=hex(b):00,01,02,03,04,05,06,07`},
	{"none", 0, []byte{}, `"none"=hex(0):`},
	{"property", 0xffff0012, []byte{1}, `"property"=hex(ffff0012):01`},
	{"RID", 0x1f4, []byte{}, `"RID"=hex(1f4):`},
	{"b", 3, []byte{}, `"b"=hex:`},
	{"-", 3, []byte("-"), `"-"=hex:2d`},
	{"@", 1, utf16("@\x00"), `"@"="@"`},
	{"Ключ=1", 1, utf16("имя\x00"), `"Ключ=1"="имя"`},
	// 20 bytes just fit behind this name, as on every page about this value.
	{"Scancode Map", 3, count(20), `"Scancode Map"=hex:00,01,02,03,04,05,06,07,08,09,0a,0b,0c,0d,0e,0f,10,11,12,13`},
	{"Scancode Mop", 3, count(21), `"Scancode Mop"=hex:00,01,02,03,04,05,06,07,08,09,0a,0b,0c,0d,0e,0f,10,11,12,13,\` + "\r\n  14"},
	// As the regedit of Windows folds it.
	{"Path", 2, utf16("%SystemRoot%\\System32\\rasppp.dll\x00"), `"Path"=hex(2):25,00,53,00,79,00,73,00,74,00,65,00,6d,00,52,00,6f,00,6f,00,74,\` + "\r\n" +
		`  00,25,00,5c,00,53,00,79,00,73,00,74,00,65,00,6d,00,33,00,32,00,5c,00,72,00,\` + "\r\n" +
		`  61,00,73,00,70,00,70,00,70,00,2e,00,64,00,6c,00,6c,00,00,00`},
	{"a", 3, count(50), `"a"=hex:00,01,02,03,04,05,06,07,08,09,0a,0b,0c,0d,0e,0f,10,11,12,13,14,15,16,\` + "\r\n" +
		`  17,18,19,1a,1b,1c,1d,1e,1f,20,21,22,23,24,25,26,27,28,29,2a,2b,2c,2d,2e,2f,\` + "\r\n" + `  30,31`},
	{strings.Repeat("n", 100), 3, count(3), `"` + strings.Repeat("n", 100) + "\"=hex:00,\\\r\n  01,02"},
}

func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w := regtext.NewWriter(&out)
	if w.Size() != 0 || out.Len() != 0 {
		t.Error("something is written before the first key")
	}
	want := "\ufeffWindows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\a]b]\r\n"
	if !w.Key(`HKEY_LOCAL_MACHINE\SOFTWARE\a]b`) {
		t.Error("the key is refused")
	}
	for _, v := range values {
		if !w.Value(v.name, v.typ, v.data) {
			t.Errorf("%q is refused", v.name)
		}
		want += v.text + "\r\n"
	}
	w.Key(`HKEY_LOCAL_MACHINE\empty`)
	want += "\r\n[HKEY_LOCAL_MACHINE\\empty]\r\n"
	if got := wstr.FromUTF16LE(out.Bytes()); got != want {
		a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
		for i := range max(len(a), len(b)) {
			if i >= len(a) || i >= len(b) || a[i] != b[i] {
				t.Fatalf("line %d is %q, want %q", i+1, a[min(i, len(a)-1)], b[min(i, len(b)-1)])
			}
		}
	}
	if !bytes.HasPrefix(out.Bytes(), []byte{0xff, 0xfe, 'W', 0}) {
		t.Errorf("the file starts with %x", out.Bytes()[:4])
	}
	if w.Size() != int64(out.Len()) || w.Err() != nil {
		t.Errorf("size %d, written %d, %v", w.Size(), out.Len(), w.Err())
	}
	for _, line := range strings.Split(want, "\r\n") {
		if strings.Contains(line, "hex") && len(line) > 80 && !strings.HasSuffix(line, `=hex:00,\`) {
			t.Errorf("%d characters: %s", len(line), line)
		}
	}

	keys, err := regtext.Parse(out.Bytes())
	if err != nil || len(keys) != 2 || keys[0].Path != `HKEY_LOCAL_MACHINE\SOFTWARE\a]b` || len(keys[0].Values) != len(values) {
		t.Fatalf("%v, %v", keys, err)
	}
	for i, v := range keys[0].Values {
		if v.Name != values[i].name || v.Type != values[i].typ || !bytes.Equal(v.Data, values[i].data) {
			t.Errorf("%q comes back as %q %d %x", values[i].name, v.Name, v.Type, v.Data)
		}
	}
}

func TestNotRepresentable(t *testing.T) {
	var out bytes.Buffer
	w := regtext.NewWriter(&out)
	if w.Value("early", 1, nil) {
		t.Error("a value before the first key")
	}
	for _, path := range []string{"", "-HKEY_USERS", `HKEY_USERS\a` + "\x00b", "HKEY_USERS\\a\r", "HKEY_USERS\\a\nb", `HKEY_USERS\`, `HKEY_USERS\\a`} {
		if w.Key(path) {
			t.Errorf("the key %q is written", path)
		}
		if w.Value("v", 1, nil) {
			t.Errorf("a value of the key %q is written", path)
		}
	}
	if out.Len() != 0 {
		t.Errorf("%q is written", out.Bytes())
	}
	w.Key("HKEY_USERS")
	n := w.Size()
	for _, name := range []string{"\x00", "a\rb", "a\n"} {
		if w.Value(name, 1, nil) {
			t.Errorf("the value %q is written", name)
		}
	}
	if w.Size() != n || !w.Value("v", 1, nil) || w.Size() == n {
		t.Error("sizes")
	}
	for name, want := range map[string]bool{"": false, `a\b`: false, "a\x00": false, "a/b": true, "]": true} {
		if regtext.KeyName(name) != want {
			t.Errorf("KeyName(%q)", name)
		}
	}
}

type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(b []byte) (int, error) {
	if len(b) > f.left {
		n := f.left
		f.left = 0
		return n, errFull
	}
	f.left -= len(b)
	return len(b), nil
}

func TestWriteError(t *testing.T) {
	f := &failing{left: 200}
	w := regtext.NewWriter(f)
	for range 20 {
		w.Key("HKEY_USERS")
		w.Value("a", 3, count(10))
	}
	if !errors.Is(w.Err(), errFull) || w.Size() != 200 {
		t.Errorf("%v, %d", w.Err(), w.Size())
	}
}

func TestParse(t *testing.T) {
	const head = "Windows Registry Editor Version 5.00\n\n"
	b := []byte("\ufeff" + head + "; a comment\n\n" +
		"[HKEY_CURRENT_USER\\a]  \n  ; another\n\"x\" = \"y\"\n\"z\"=-\n@=HEX(2): 61, 00 ,\\\n  62,00,\\\n\t00,00\n" +
		"[-HKEY_CURRENT_USER\\b]\n\n[HKEY_CURRENT_USER\\a]\n\"d\"=dword:1")
	got, err := regtext.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []regtext.Key{
		{Path: `HKEY_CURRENT_USER\a`, Line: 5, Values: []regtext.Value{
			{Name: "x", Type: 1, Data: utf16("y\x00"), Line: 7},
			{Name: "z", Delete: true, Line: 8},
			{Type: 2, Data: utf16("ab\x00"), Line: 9},
		}},
		{Path: `HKEY_CURRENT_USER\b`, Delete: true, Line: 12},
		{Path: `HKEY_CURRENT_USER\a`, Line: 14, Values: []regtext.Value{{Name: "d", Type: 4, Data: []byte{1, 0, 0, 0}, Line: 15}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}

	for _, tt := range []struct {
		text, want string
		line       int
	}{
		{"", "is not", 1},
		{"REGEDIT4\n", "is not", 1},
		{head + "\"a\"=\"b\"", "before the first key", 3},
		{head + "[HKEY_USERS\n", "no ] at its end", 3},
		{head + "[]\n", "no name", 3},
		{head + "[-]\n", "no name", 3},
		{head + "[HKEY_USERS\\\\a]\n", "no path", 3},
		{head + "[HKEY_USERS\\a\x00]\n", "no path", 3},
		{head + "[A]\nnonsense", "neither a key nor a value", 4},
		{head + "[A]\n\"a", "has no end", 4},
		{head + "[A]\n\"a\\n\"=\"\"", "followed by neither", 4},
		{head + "[A]\n\"a\\", "followed by neither", 4},
		{head + "[A]\n\"\"=\"\"", "the name is empty", 4},
		{head + "[A]\n\"a\"", "no =", 4},
		{head + "[A]\n@:1", "no =", 4},
		{head + "[A]\n@=", "no data", 4},
		{head + "[A]\n@=1", "no data", 4},
		{head + "[A]\n@=\"a\" b", "follows the string", 4},
		{head + "[A]\n@=\"a", "has no end", 4},
		{head + "[A]\n@=\"a\x00\"", "control character", 4},
		{head + "[A]\n@=dword:", "no number", 4},
		{head + "[A]\n@=dword:123456789", "no number", 4},
		{head + "[A]\n@=dword:0000000001", "no number", 4},
		{head + "[A]\n@=hex 00", "no :", 4},
		{head + "[A]\n@=hex(:00", "no type", 4},
		{head + "[A]\n@=hex(123456789):00", "no type", 4},
		{head + "[A]\n@=hex:0g", "no byte", 4},
		{head + "[A]\n@=hex:001", "no byte", 4},
		{head + "[A]\n@=hex:00,\\\n  01,\\\n  zz", "no byte", 6},
		{head + "[A]\n@=hex:00,\\\n", "continued", 4},
		{"\xff", "neither UTF-16LE", 1},
		{"\xff\xfea", "odd number", 1},
	} {
		_, err := regtext.Parse([]byte(tt.text))
		var se *regtext.SyntaxError
		if !errors.As(err, &se) || se.Line != tt.line || !strings.Contains(se.What, tt.want) {
			t.Errorf("%q: %v, want line %d: %s", tt.text, err, tt.line, tt.want)
		}
	}
}

// TestHivexregedit merges our text into a hive with another program, and reads
// the hive: every value is there as it was.
func TestHivexregedit(t *testing.T) {
	program, err := exec.LookPath("hivexregedit")
	if err != nil {
		t.Skip("needs the program hivexregedit (Debian: libwin-hivex-perl)")
	}
	const prefix = `HKEY_LOCAL_MACHINE\SOFTWARE`
	type value struct {
		path, name string
		typ        uint32
		data       string
	}
	var want []value
	var out bytes.Buffer
	w := regtext.NewWriter(&out)
	for _, path := range []string{`Vendor`, `Vendor\Product]x[`, `Ключ`} {
		if !w.Key(prefix + `\` + path) {
			t.Fatal(path)
		}
		for i, v := range values {
			if v.name == "lone" {
				continue // the program wants UTF-8
			}
			if !w.Value(v.name, v.typ, v.data) {
				t.Fatal(v.name)
			}
			want = append(want, value{path, v.name, v.typ, string(v.data)})
			if i == 0 {
				long := bytes.Repeat(count(251), 20)
				w.Value("long", 3, long)
				want = append(want, value{path, "long", 3, string(long)})
			}
		}
	}
	name := filepath.Join(t.TempDir(), "hive")
	if err := os.WriteFile(name, hivegen.Build(hivegen.K("ROOT"), hivegen.Options{}), 0o666); err != nil {
		t.Fatal(err)
	}
	// The program reads UTF-8 with Unix line ends.
	text := strings.ReplaceAll(strings.TrimPrefix(wstr.FromUTF16LE(out.Bytes()), "\ufeff"), "\r\n", "\n")
	cmd := exec.Command(program, "--merge", "--prefix", prefix, name)
	cmd.Stdin = strings.NewReader(text)
	cmd.Env = append(os.Environ(), "PERL_UNICODE=SD") // it is a Perl program, and leaves UTF-8 to the environment
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("hivexregedit --merge: %v: %s", err, msg)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	h, err := hive.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	var got []value
	err = hive.Walk(h.Root(), func(k hive.Key) error {
		for v := range k.Values() {
			d, err := v.Data()
			if err != nil {
				return err
			}
			got = append(got, value{k.Path(), v.Name(), v.Type(), string(d)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	order := func(a, b value) int { return strings.Compare(a.path+"\x00"+a.name, b.path+"\x00"+b.name) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if !slices.Equal(got, want) {
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("value %d of %d: %q, want %q", i, len(want), fmt.Sprint(got[min(i, len(got)-1)]), fmt.Sprint(want[min(i, len(want)-1)]))
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	var out bytes.Buffer
	w := regtext.NewWriter(&out)
	w.Key(`HKEY_USERS\a`)
	for _, v := range values {
		w.Value(v.name, v.typ, v.data)
	}
	if keys, err := regtext.Parse(out.Bytes()); err != nil || len(keys) != 1 {
		f.Fatalf("the seed does not parse: %v", err)
	}
	f.Add(out.Bytes())
	f.Add([]byte("Windows Registry Editor Version 5.00\n[A\\b]\n\"x\"=hex(7):00,\\\n 01\n\"d\"=-\n[-A]\n"))
	f.Add([]byte("REGEDIT4\n[A]\n"))
	f.Add([]byte{0xff, 0xfe, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := regtext.Parse(b)
		if err != nil {
			return
		}
		// What was read can be written, and reads back the same.
		var out bytes.Buffer
		w := regtext.NewWriter(&out)
		var want []regtext.Key
		for _, k := range keys {
			if k.Delete || k.Path[0] == '-' {
				continue
			}
			if !w.Key(k.Path) {
				t.Fatalf("key %q is read and cannot be written", k.Path)
			}
			k.Line = 0
			vs := k.Values
			k.Values = nil
			for _, v := range vs {
				if v.Delete {
					continue
				}
				if !w.Value(v.Name, v.Type, v.Data) {
					t.Fatalf("value %q is read and cannot be written", v.Name)
				}
				v.Line = 0
				k.Values = append(k.Values, v)
			}
			want = append(want, k)
		}
		if len(want) == 0 {
			return
		}
		got, err := regtext.Parse(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i].Line = 0
			for j := range got[i].Values {
				got[i].Values[j].Line = 0
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\nis read back as\n%+v", want, got)
		}
	})
}
