package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/migxml"
)

func (p *machineProbe) ControlSet() int                { return p.controlSet }
func (p *machineProbe) UserIDs() []string              { return p.ids }
func (p *machineProbe) VolumeNames() map[string]string { return p.names }

// TestNames: a rule reaches a key by each of its names.
func TestNames(t *testing.T) {
	const other = "S-1-5-21-9.temp" // has no context
	probe := &machineProbe{controlSet: 2, ids: []string{ann.Name, other, bob.Name}}
	ctxs := full(probe)
	reg := func(tag, p string) string {
		return `<` + tag + `><objectSet><pattern type="Registry">` + esc(p) + `</pattern></objectSet></` + tag + `>`
	}
	all := func(f func(p string) string, ps ...string) (out string) {
		for _, p := range ps {
			out += f(p)
		}
		return out
	}
	include := func(ps ...string) string { return all(func(p string) string { return reg("include", p) }, ps...) }
	never := func(ps ...string) string {
		return all(func(p string) string { return reg("unconditionalExclude", p) }, ps...)
	}
	one := func(context, rules string) string {
		return component(`context="`+context+`"`, role(`<rules>`+rules+`</rules>`))
	}
	hku := `HKU\` + ann.Name
	a, b, sys := ann.Name, bob.Name, "System"
	for _, c := range []struct {
		name, rules string
		taken, left []string // context, blank, object
	}{
		{"the classes of the machine", one("System", include(`HKCR\.txt\* [*]`)),
			[]string{sys + ` HKLM\SOFTWARE\Classes\.txt [x]`, sys + ` HKLM\SOFTWARE\Classes\.txt\a`}, []string{a + ` HKCU\Software\Classes\.txt [x]`, sys + ` HKLM\SOFTWARE\Classes\.doc [x]`}},
		{"and those of a user", one("User", include(`HKEY_CLASSES_ROOT\.txt\* [*]`)),
			[]string{sys + ` HKLM\SOFTWARE\Classes\.txt [x]`, a + ` HKCU\Software\Classes\.txt [x]`}, []string{a + ` HKCU\Software\.txt [x]`}},
		{"all classes", one("System", include(`HKCR`)), []string{sys + ` HKLM\SOFTWARE\Classes`}, []string{sys + ` HKLM\SOFTWARE\Classes\a`}},
		{"classes against classes", one("System", include(`HKLM\SOFTWARE\Classes\.txt\* [*]`)+never(`HKCR\.txt\* [*]`)), nil, []string{sys + ` HKLM\SOFTWARE\Classes\.txt [x]`}},
		{"the more specific of two names", one("System", include(`HKLM\SOFTWARE\Classes\* [*]`)+reg("exclude", `HKCR\.txt\* [*]`)),
			[]string{sys + ` HKLM\SOFTWARE\Classes\.doc [x]`}, []string{sys + ` HKLM\SOFTWARE\Classes\.txt [x]`}},

		{"HKU is HKCU", one("System", include(hku+`\Software\Zed [x]`)), []string{a + ` HKCU\Software\Zed [x]`}, []string{sys + ` ` + hku + `\Software\Zed [x]`, b + ` HKCU\Software\Zed [x]`}},
		{"every HKU", one("System", include(`HKU\*\Software\Zed [x]`)),
			[]string{a + ` HKCU\Software\Zed [x]`, b + ` HKCU\Software\Zed [x]`, sys + ` HKU\.DEFAULT\Software\Zed [x]`, sys + ` HKU\S-1-5-21-9\Software\Zed [x]`, a + ` HKCU\Deep\Software\Zed [x]`}, []string{a + ` HKCU\Software\Zed [y]`}},
		{"all of HKU", one("System", include(`HKU\* [*]`)), []string{a + ` HKCU`, a + ` HKCU\Software [x]`, sys + ` HKU\.DEFAULT`}, []string{sys + ` HKLM\SOFTWARE`}},
		{"the classes of a user in HKU", one("System", include(hku+`_Classes\.txt [*]`)), []string{a + ` HKCU\Software\Classes\.txt [x]`}, []string{b + ` HKCU\Software\Classes\.txt [x]`}},
		{"the classes of one without a context", one("System", include(`HKU\`+other+`_Classes\.txt [*]`)),
			[]string{sys + ` HKU\` + other + `\Software\Classes\.txt [x]`}, []string{sys + ` HKU\` + other + `_Classes\.txt [x]`, a + ` HKCU\Software\Classes\.txt [x]`}},
		{"they stand against them", one("System", include(`HKU\`+other+`\Software\* [*]`)+never(`HKU\`+other+`_Classes\* [*]`)),
			[]string{sys + ` HKU\` + other + `\Software\a [x]`}, []string{sys + ` HKU\` + other + `\Software\Classes`, sys + ` HKU\` + other + `\Software\Classes\.txt [x]`}},
		{"the classes of all", one("System", include(`HKU\*\Software\* [*]`)+never(`HKU\*_Classes\* [*]`)),
			[]string{sys + ` HKU\` + other + `\Software\a [x]`, a + ` HKCU\Software\a [x]`, sys + ` HKU\.DEFAULT\Software\Classes [x]`},
			[]string{sys + ` HKU\` + other + `\Software\Classes\.txt [x]`, a + ` HKCU\Software\Classes\.txt [x]`}},
		{"the system in HKU", one("System", include(`HKU\S-1-5-18\Software [*]`)), []string{sys + ` HKU\.DEFAULT\Software [x]`}, nil},
		{"HKU stands against HKCU", one("User", include(`HKCU\* [*]`)) + one("System", never(hku+`\Software [x]`)),
			[]string{b + ` HKCU\Software [x]`, a + ` HKCU\Software [y]`}, []string{a + ` HKCU\Software [x]`}},
		{"every HKU stands against HKCU", one("User", include(`HKCU\* [*]`)) + one("System", never(`HKU\*\Software [x]`)), []string{a + ` HKCU\Software [y]`}, []string{a + ` HKCU\Software [x]`, b + ` HKCU\Software [x]`}},
		{"so do patterns for users", one("User", include(`HKCU\* [*]`)) +
			one("System", `<unconditionalExclude><objectSet><script>MigXmlHelper.GenerateUserPatterns('Registry','HKCU\Software [x]','TRUE')</script></objectSet></unconditionalExclude>`),
			[]string{a + ` HKCU\Software [y]`}, []string{a + ` HKCU\Software [x]`, b + ` HKCU\Software [x]`}},
		{"a root with a wildcard", one("System", include(`*\Zed [x]`)), []string{sys + ` HKLM\SOFTWARE\Zed [x]`, a + ` HKCU\Software\Zed [x]`, sys + ` HKU\.DEFAULT\Zed [x]`}, []string{a + ` HKCU\Zed\a [x]`}},

		{"a root with a wildcard, for users", one("User", include(`*\Zed [x]`)), []string{sys + ` HKLM\SOFTWARE\Zed [x]`, a + ` HKCU\Software\Zed [x]`, b + ` HKCU\Zed [x]`}, nil},
		{"HKCU by a wildcard", one("User", include(`HKC*\Zed [x]`)), []string{a + ` HKCU\Zed [x]`, a + ` HKCU\a\Zed [x]`}, []string{sys + ` HKLM\SOFTWARE\Zed [x]`}},

		{"the control set in use", one("System", include(`HKLM\SYSTEM\ControlSet002\Services\* [*]`)), []string{sys + ` HKLM\SYSTEM\CurrentControlSet\Services\a [x]`}, []string{sys + ` HKLM\SYSTEM\ControlSet001\Services\a [x]`}},
		{"the other one", one("System", include(`HKLM\SYSTEM\ControlSet001\Services\* [*]`)), []string{sys + ` HKLM\SYSTEM\ControlSet001\Services\a [x]`}, []string{sys + ` HKLM\SYSTEM\CurrentControlSet\Services\a [x]`}},
		{"against it", one("System", include(`HKLM\SYSTEM\CurrentControlSet\Services\* [*]`)+never(`HKLM\SYSTEM\ControlSet002\Services\* [x]`)),
			[]string{sys + ` HKLM\SYSTEM\CurrentControlSet\Services\a [y]`}, []string{sys + ` HKLM\SYSTEM\CurrentControlSet\Services\a [x]`}},
		{"every control set", one("System", include(`HKLM\SYSTEM\ControlSet*\Services\* [*]`)), []string{sys + ` HKLM\SYSTEM\CurrentControlSet\Services\a [x]`, sys + ` HKLM\SYSTEM\ControlSet001\Services [x]`}, []string{sys + ` HKLM\SYSTEM\CurrentControlSet\Control [x]`}},
		{"all of them", one("System", include(`HKLM\SYSTEM\* [x]`)), []string{sys + ` HKLM\SYSTEM\CurrentControlSet\Services\a [x]`, sys + ` HKLM\SYSTEM\ControlSet001\Services [x]`}, nil},
	} {
		set := mustCompile(t, []*migxml.Document{parse(t, c.name, c.rules)}, ctxs...)
		for want, list := range map[bool][]string{true: c.taken, false: c.left} {
			for _, text := range list {
				ctx, object, _ := strings.Cut(text, " ")
				if got := set.takes(t, ctx, Registry, object); got != want {
					t.Errorf("%s: %s of %s: %t", c.name, object, ctx, got)
				}
			}
		}
	}
}

// TestNamesOfAttributes: metadata is left out of a key by each of its names.
func TestNamesOfAttributes(t *testing.T) {
	set := mustCompile(t, []*migxml.Document{parse(t, "t.xml", component(`context="System"`, role(`<rules>`+include(`HKCR\.txt\* [*]`)+
		attrs("-", "TimeFields", `HKCR\.txt\* [*]`)+`</rules>`)))}, full(lab)...)
	w := set.Keys("System", "HKLM").Enter("SOFTWARE").Enter("Classes").Enter(".txt")
	if got, _ := w.Without(`HKLM\SOFTWARE\Classes\.txt`); got != migxml.TimeFields {
		t.Errorf("%s", got)
	}
}

// TestNamesOnce: patterns for all users are kept once for each of them.
func TestNamesOnce(t *testing.T) {
	d := parse(t, "t.xml", component("", role(`<rules>`+include(`HKU\*\Software\Zed [x]`)+`<unconditionalExclude><objectSet><pattern type="Registry">HKU\*\Software [y]</pattern></objectSet></unconditionalExclude></rules>`)))
	set := mustCompile(t, []*migxml.Document{d}, full(lab)...)
	// In a HKCU: both, below any key of it, and both of them in its classes.
	if n := len(set.users[ann.Name].pats); n != 8 {
		t.Errorf("%d patterns of a user", n)
	}
	if n := len(set.machine.pats); n != 2 {
		t.Errorf("%d patterns of the machine", n)
	}
}

// TestBehind compares with what the texts themselves say.
func TestBehind(t *testing.T) {
	var parts []string
	for _, x := range []string{"A", "B", "*", ""} {
		for _, y := range []string{"A", "B", `\`, "*"} {
			for _, z := range []string{"A", `\`, "*", ""} {
				for _, last := range []string{`A\`, "*", `B\`} {
					parts = append(parts, collapse(x+y+z+last, '*'))
				}
			}
		}
	}
	heads := []string{`A\`, `AB\`, `BA\A\`, `A\AB\`}
	rests := []string{"", `A\`, `B\`, `AB\A\`, `B\B\A\`}
	fits := 0
	for _, node := range parts {
		for _, head := range heads {
			for _, rest := range rests {
				got := slices.ContainsFunc(behind(node, head), func(i int) bool { return winpath.Match(node[i:], rest, false) })
				want := winpath.Match(node, head+rest, false)
				if got != want {
					t.Fatalf("%q, %q, %q: %t", node, head, rest, got)
				}
				if want {
					fits++
				}
			}
		}
	}
	if fits < 100 {
		t.Errorf("only %d fit", fits)
	}
}

func TestControlSetName(t *testing.T) {
	for n, want := range map[int]string{1: "CONTROLSET001", 12: "CONTROLSET012", 999: "CONTROLSET999"} {
		if got := controlSet(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

// TestNamesOfLists: a list of a Config.xml goes by the same names.
func TestNamesOfLists(t *testing.T) {
	pats := []migxml.Pattern{{Text: `HKCR\.txt [*]`}, {Text: `HKU\` + ann.Name + `\Zed [*]`}, {Text: `HKLM\SYSTEM\ControlSet002\x [*]`}}
	l, _, err := CompileList(Registry, pats, full(&machineProbe{controlSet: 2}))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ ctx, node string }{{"System", `HKLM\SOFTWARE\Classes\.txt`}, {ann.Name, `HKCU\Zed`}, {"System", `HKLM\SYSTEM\CurrentControlSet\x`}} {
		if !l.Fits(i, c.ctx, c.node, "v", true) {
			t.Errorf("%s is not %s of %s", pats[i].Text, c.node, c.ctx)
		}
	}
	l, _, err = CompileList(Registry, []migxml.Pattern{{Text: `HKU\S-1_Classes\.txt [*]`}}, full(&machineProbe{ids: []string{"S-1"}}))
	if err != nil || !l.Fits(0, "System", `HKU\S-1\Software\Classes\.txt`, "v", true) {
		t.Error("the classes of one without a context", err)
	}
	l, _, err = CompileList(Registry, pats, full(&machineProbe{controlSet: 2}))
	if err != nil {
		t.Fatal(err)
	}
	if l.Fits(1, bob.Name, `HKCU\Zed`, "v", true) {
		t.Error("the key of another user")
	}
}

// TestVolumeNames: a rule that gives the number of a volume is one about the
// name of it.
func TestVolumeNames(t *testing.T) {
	ctxs := full(&machineProbe{names: map[string]string{"3:": "C:", "4:": `D:\Mail`}})
	file := func(tag string, ps ...string) (out string) {
		for _, p := range ps {
			out += `<` + tag + `><objectSet><pattern type="File">` + esc(p) + `</pattern></objectSet></` + tag + `>`
		}
		return out
	}
	for _, c := range []struct {
		rules       string
		taken, left []string
	}{
		{file("include", `3:\Data\* [*]`), []string{`C:\Data`, `C:\Data\a [x]`}, []string{`3:\Data`, `C:\ [x]`}},
		{file("include", `3:\`), []string{`C:\`}, []string{`C:\Data`}},
		{file("include", `4:\ [*]`), []string{`D:\Mail [x]`, `D:\Mail`}, []string{`D:\ [x]`, `D:\Mail\a [x]`}},
		{file("include", `5:\* [*]`), []string{`5:\a [x]`}, []string{`C:\a [x]`}},
		{file("include", `*3:\Data [*]`), []string{`C:\Data [x]`, `13:\Data [x]`}, []string{`C:\x [x]`}},
		{file("include", `* [*.iso]`), []string{`C:\a [x.iso]`, `D:\Mail [x.iso]`}, []string{`C:\a [x]`}},
		{file("include", `C:\Data\* [*]`) + file("unconditionalExclude", `3:\* [*.txt]`), []string{`C:\Data [x]`}, []string{`C:\Data [x.txt]`}},
		{file("include", `3:\Data\* [*]`) + file("unconditionalExclude", `C:\* [*.txt]`), []string{`C:\Data [x]`}, []string{`C:\Data [x.txt]`}},
		{file("include", `C:\* [*]`) + file("exclude", `3:\Data\* [*]`), []string{`C:\ [x]`}, []string{`C:\Data [x]`}},
		// The name is as long as what it stands for.
		{file("include", `4:\* [*]`) + file("exclude", `D:\Mail\* [*]`), nil, []string{`D:\Mail\a [x]`}},
	} {
		set := mustCompile(t, []*migxml.Document{parse(t, "t.xml", component(`context="System"`, role(`<rules>`+c.rules+`</rules>`)))}, ctxs...)
		for want, list := range map[bool][]string{true: c.taken, false: c.left} {
			for _, object := range list {
				if got := set.takes(t, "System", File, object); got != want {
					t.Errorf("%s: %s: %t", c.rules, object, got)
				}
			}
		}
	}
	set := mustCompile(t, []*migxml.Document{parse(t, "t.xml", component(`context="System"`, role(`<rules>`+file("include", `C:\* [*]`)+
		`<excludeAttributes attributes="TimeFields"><objectSet><pattern type="File">3:\Data\* [*]</pattern></objectSet></excludeAttributes></rules>`)))}, ctxs...)
	if got, _ := set.Files("C:").Enter("Data").Without(`C:\Data`); got != migxml.TimeFields {
		t.Errorf("without %s", got)
	}
	l, _, err := CompileList(File, []migxml.Pattern{{Text: `3:\Data\* [*]`}}, ctxs)
	if err != nil || !l.Fits(0, "System", `C:\Data\a`, "x", true) {
		t.Error("a list does not know the number", err)
	}
}
