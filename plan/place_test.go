package plan_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
)

func TestParsePlace(t *testing.T) {
	for _, c := range []struct {
		text string
		want plan.Place
		bad  string // part of the error
	}{
		{`c:/Users//ann\`, plan.Place{Path: `C:\Users\ann`, Folder: true}, ""},
		{`C:`, plan.Place{Path: `C:\`}, ""},
		{` \\?\C:\a b\c.txt `, plan.Place{Path: `C:\a b\c.txt`}, ""},
		{`2:\x`, plan.Place{Path: `2:\x`}, ""},
		{`C:\a.exe:Zone.Identifier`, plan.Place{Path: `C:\a.exe`, Stream: "Zone.Identifier"}, ""},
		{`C:\a\:x`, plan.Place{Path: `C:\a`, Stream: "x"}, ""},
		{`C:\a:`, plan.Place{Path: `C:\a`}, ""},
		{`HKEY_CURRENT_USER\Software\\x\`, plan.Place{Registry: true, Path: `HKCU\Software\x`}, ""},
		{`hklm`, plan.Place{Registry: true, Path: `HKLM`}, ""},
		{`HKCU\a [b c]`, plan.Place{Registry: true, Path: `HKCU\a`, Value: "b c", IsValue: true}, ""},
		{`HKCU\a []`, plan.Place{Registry: true, Path: `HKCU\a`, IsValue: true}, ""},
		{`HKCU\a [b\c]`, plan.Place{Registry: true, Path: `HKCU\a`, Value: `b\c`, IsValue: true}, ""},
		{`HKCU [x]`, plan.Place{Registry: true, Path: `HKCU`, Value: "x", IsValue: true}, ""},
		{`HKCU\a[b]`, plan.Place{Registry: true, Path: `HKCU\a[b]`}, ""},
		{`HKCR\.txt`, plan.Place{Registry: true, Path: `HKCR\.txt`}, ""},
		{`Users\ann`, plan.Place{}, "begins with a drive"},
		{`\\server\share`, plan.Place{}, "begins with a drive"},
		{`\0:0`, plan.Place{}, "begins with a drive"},
		{``, plan.Place{}, "begins with a drive"},
		{`HKXX\a`, plan.Place{}, "begins with a drive"},
		{`C:\*.txt`, plan.Place{}, "one path is explained at a time"},
		{`C:\a?`, plan.Place{}, "one path is explained at a time"},
	} {
		got, err := plan.ParsePlace(c.text)
		if c.bad != "" {
			if err == nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%q: %+v, %v; want an error with %q", c.text, got, err, c.bad)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%q: %+v, %v; want %+v", c.text, got, err, c.want)
		}
	}
}

// FuzzParsePlace reads what explain gets as its argument, and explains it: a
// place that is read has a root, its own text is read as the same place, and
// everything has a decision.
func FuzzParsePlace(f *testing.F) {
	for _, s := range []string{
		`C:\Users\anna\Documents\letter.docx`, `c:/users/`, `C:`, `2:\x`, `\\?\C:\x`, `C:\a:b`, `C:\a:b:$DATA`, `C:\:x`, `HKCU`, `HKCU\Control Panel\Desktop [Wallpaper]`,
		`HKLM\SYSTEM\CurrentControlSet\Control []`, `HKU\.DEFAULT\x`, `HKU\S-1-5-18`, `HKCR\.txt []`, `HKCU [x]`, `HKCU\a [b]c]`, `HKEY_LOCAL_MACHINE\`, `HKLM\ [[]`, "C:\\a\x00b", "\xff:\\", `1234:\`,
	} {
		f.Add(s)
	}
	name := filepath.Join(f.TempDir(), "disk.img")
	if err := testimages.WriteDisk(name); err != nil {
		f.Fatal(err)
	}
	w := testwin.Open(f, testwin.Options{}, name)
	p, err := plan.Build(context.Background(), w.System, w.Set, w.Users, nil, plan.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := plan.ParsePlace(text)
		if err != nil {
			return
		}
		root, _, _ := strings.Cut(at.Path, `\`)
		if at.Registry != slices.Contains([]string{"HKLM", "HKCU", "HKCR", "HKU"}, root) || !at.Registry && !strings.HasSuffix(root, ":") {
			t.Fatalf("%q: %+v has no root", text, at)
		}
		if at.IsValue && !at.Registry || at.Value != "" && !at.IsValue || at.Stream != "" && at.Registry || strings.Contains(at.Path, `\\`) {
			t.Fatalf("%q: %+v", text, at)
		}
		again := at.Path
		switch {
		case at.IsValue:
			again += " [" + at.Value + "]"
		case at.Stream != "":
			again += ":" + at.Stream
		case at.Folder && !strings.HasSuffix(again, `\`):
			again += `\`
		}
		// Blanks around a text are not of it, and those of a name at its end
		// are lost with them. A colon in a name begins the name of a stream.
		plain := strings.TrimSpace(again) == again && strings.TrimSpace(at.Path) == at.Path
		if _, names := winpath.Split(at.Path); plain && (at.Registry || !strings.Contains(strings.Join(names, ""), ":")) {
			if b, err := plan.ParsePlace(again); err != nil || b.Path != at.Path || b.Stream != at.Stream || b.Value != at.Value || b.IsValue != at.IsValue {
				t.Fatalf("%q is %+v, but %q is %+v, %v", text, at, again, b, err)
			}
		}
		list, err := p.Explain(at)
		if err != nil {
			return // a volume that there is not
		}
		for _, x := range list {
			if x.Decision == "" || x.Decision == plan.Taken || len(x.Rules) > 0 {
				t.Fatalf("%q: without any rule %+v", text, x)
			}
		}
	})
}

// TestPlaceOfTheStore asks the questions of the precedence file that are about
// where the store lies. Files of both drives are those that it lists.
func TestPlaceOfTheStore(t *testing.T) {
	data, err := os.ReadFile("../rules/testdata/precedence.txt")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{} // path -> id
	want := map[string][]string{}
	for _, line := range strings.Split(string(data), "\n") {
		fields := strings.Split(line, "|")
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		switch id, isFile := strings.CutPrefix(fields[0], "object f"); {
		case isFile:
			files[fields[1]] = "f" + id
		case len(fields) == 4 && fields[1] == "plan":
			want[fields[0]] = strings.Fields(fields[3])
		}
	}
	dirs := map[string]string{"C": t.TempDir(), "D": t.TempDir()}
	put := func(path string, b []byte) {
		to := filepath.Join(append([]string{dirs[path[:1]]}, strings.Split(path[3:], `\`)...)...)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	disk, _, _ := sample(t)
	for _, f := range []string{"SYSTEM", "SOFTWARE"} {
		b, err := disk.ReadFile(`C:\Windows\System32\config\`+f, 1<<26)
		if err != nil {
			t.Fatal(err)
		}
		put(`C:\Windows\System32\config\`+f, b)
	}
	for path := range files {
		put(path, []byte(path))
	}
	for id, q := range map[string]struct {
		store string
		rules string
	}{
		"Q12": {filepath.Join(dirs["C"], "Lab", "Sub"), `<include><objectSet><pattern type="File">C:\Lab\* [*]</pattern></objectSet></include><exclude><objectSet><pattern type="File">C:\* [*.txt]</pattern></objectSet></exclude>`},
		"Q13": {dirs["D"], `<include><objectSet><pattern type="File">C:\* [*.mp3]</pattern><pattern type="File">D:\* [*.mp3]</pattern></objectSet></include>`},
	} {
		expected, ok := want[id]
		if !ok {
			t.Errorf("%s is not in the file", id)
		}
		delete(want, id)
		w := testwin.Open(t, testwin.Options{Offline: func(*volumes.Set) offline.Options { return offline.Options{Map: map[byte]int{'D': 2}} }}, dirs["C"], dirs["D"])
		for _, store := range []string{q.store, ""} {
			p, err := plan.Build(context.Background(), w.System, w.Set, w.Users, ruleFile(t, q.rules), plan.Options{StoreFolder: store, Selected: func(*profile.User) bool { return false }})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for o := range p.Objects {
				if o.Kind == "file" {
					got = append(got, files[string(o.Path)])
				}
			}
			slices.Sort(got)
			slices.Sort(expected)
			if same := slices.Equal(got, expected); same != (store != "") {
				t.Errorf("%s, store %q: %v, the file has %v", id, store, got, expected)
			}
		}
	}
	for id := range want {
		t.Errorf("nothing asks %s", id)
	}
}

// ruleFile makes a rule file of what is in <rules>.
func ruleFile(t *testing.T, rules string) []*migxml.Document {
	t.Helper()
	d, ws, err := migxml.Parse("t.xml", []byte(`<migration urlid="http://example.org/t"><component type="Documents"><displayName>Test</displayName><role role="Data"><rules>`+rules+`</rules></role></component></migration>`))
	if err != nil || len(ws) > 0 {
		t.Fatal(err, ws)
	}
	return []*migxml.Document{d}
}
