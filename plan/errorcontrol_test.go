package plan_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
)

func TestErrorControl(t *testing.T) {
	cfg, _, err := migxml.ParseConfig("c.xml", []byte(`<Configuration><Policies><ErrorControl><fileError>
<nonFatal errorCode="33">* [*]</nonFatal>
<fatal errorCode="any">C:\Users\* [*]</fatal>
<fatal>D:\Links\folder</fatal>
</fileError><registryError>
<nonFatal errorCode="5">* [*]</nonFatal>
<fatal>HKCU\SOFTWARE\Microsoft\* [*]</fatal>
<fatal>HKLM\SOFTWARE [Name]</fatal>
</registryError></ErrorControl></Policies></Configuration>`))
	if err != nil {
		t.Fatal(err)
	}
	e, ws, err := plan.CompileErrors(cfg, []rules.Context{{Name: "System"}, {Name: "S-1", User: true}})
	if err != nil || len(ws) != 1 || ws[0].Line != 4 {
		t.Fatal(err, ws)
	}
	for _, tt := range []struct {
		t    plan.Trouble
		line int // of the rule, 0 for none
	}{
		{plan.Trouble{Kind: plan.File, Path: `C:\Users\a\x.docx`, Code: 33}, 2},
		{plan.Trouble{Kind: plan.File, Path: `C:\Users\a\x.docx`, Code: 5}, 3},
		{plan.Trouble{Kind: plan.Stream, Path: `C:\Users\a\x.docx`, Code: 5}, 3},
		{plan.Trouble{Kind: plan.Folder, Path: `C:\Users\a`, Code: 5}, 3},
		{plan.Trouble{Kind: plan.File, Path: `D:\pub\y.txt`, Code: 5}, 0},
		{plan.Trouble{Kind: plan.File, Path: `D:\pub\y.txt`, Code: 33}, 2},
		{plan.Trouble{Kind: plan.Folder, Path: `D:\`, Code: 33}, 2},
		{plan.Trouble{Kind: plan.Link, Path: `D:\Links\folder`, Code: 5}, 4},
		{plan.Trouble{Kind: plan.File, Path: `D:\Links\folder`, Code: 5}, 0},
		{plan.Trouble{Kind: plan.Key, Path: `HKCU\Software\Microsoft\X`, User: "S-1", Code: 1015}, 7},
		{plan.Trouble{Kind: plan.Value, Path: `HKCU\Software\Microsoft`, Value: "v", User: "S-1", Code: 1015}, 7},
		{plan.Trouble{Kind: plan.Value, Path: `HKCU\Software\Microsoft`, Value: "v", User: "S-1", Code: 5}, 6},
		{plan.Trouble{Kind: plan.Value, Path: `HKLM\SOFTWARE`, Value: "name", Code: 1015}, 8},
		{plan.Trouble{Kind: plan.Value, Path: `HKLM\SOFTWARE`, Value: "other", Code: 1015}, 0},
		{plan.Trouble{Kind: plan.Key, Path: `HKLM\SOFTWARE`, Code: 1015}, 0},
	} {
		line := 0
		if r := e.Rule(tt.t); r != nil {
			line = r.Line
		}
		if line != tt.line {
			t.Errorf("%+v: the rule of line %d, want %d", tt.t, line, tt.line)
		}
	}
	// What stands for all below it: a fatal rule that may be about something of
	// it, a nonFatal one that is about all of it.
	cfg, _, err = migxml.ParseConfig("c.xml", []byte(`<Configuration><Policies><ErrorControl><fileError>
<nonFatal>C:\Users\anna\* [*.tmp]</nonFatal>
<nonFatal>E:\Old\* [*]</nonFatal>
<fatal>E:\Data\* [*]</fatal>
<fatal>C:\Users\anna\* [*.docx]</fatal>
<nonFatal>* [*]</nonFatal>
</fileError><registryError>
<fatal errorCode="1015">HKCU\* [Wallpaper]</fatal>
<fatal>HKCR\.txt []</fatal>
</registryError></ErrorControl></Policies></Configuration>`))
	if err != nil {
		t.Fatal(err)
	}
	if e, _, err = plan.CompileErrors(cfg, []rules.Context{{Name: "System"}, {Name: "S-1", User: true}}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		t    plan.Trouble
		line int
	}{
		{plan.Trouble{Kind: plan.Folder, Path: `E:\`, Tree: true}, 4},
		{plan.Trouble{Kind: plan.Folder, Path: `E:\`}, 6},
		{plan.Trouble{Kind: plan.Folder, Path: `E:\Data\x`, Tree: true}, 4},
		{plan.Trouble{Kind: plan.Folder, Path: `E:\Old`, Tree: true}, 3},
		{plan.Trouble{Kind: plan.Folder, Path: `E:\Database`, Tree: true}, 6},
		{plan.Trouble{Kind: plan.Folder, Path: `C:\Users\anna\Documents\mount`, Tree: true}, 5},
		{plan.Trouble{Kind: plan.Folder, Path: `C:\Users\anna\Documents\mount`}, 6},
		{plan.Trouble{Kind: plan.Folder, Path: `D:\`, Tree: true}, 6},
		{plan.Trouble{Kind: plan.Key, Path: `HKCU`, User: "S-1", Code: 1015, Tree: true}, 8},
		{plan.Trouble{Kind: plan.Key, Path: `HKCU`, User: "S-2", Code: 1015, Tree: true}, 0},
		{plan.Trouble{Kind: plan.Key, Path: `HKCU`, User: "S-1", Code: 1015}, 0},
		{plan.Trouble{Kind: plan.Key, Path: `HKLM\SOFTWARE`, Code: 1015, Tree: true}, 9},
		{plan.Trouble{Kind: plan.Key, Path: `HKLM\SYSTEM`, Code: 1015, Tree: true}, 0},
	} {
		line := 0
		if r := e.Rule(tt.t); r != nil {
			line = r.Line
		}
		if line != tt.line {
			t.Errorf("%+v: the rule of line %d, want %d", tt.t, line, tt.line)
		}
	}
	// Rules behind one that fits all that they do.
	cfg, _, err = migxml.ParseConfig("c.xml", []byte(`<Configuration><Policies><ErrorControl><fileError>
<nonFatal errorCode="5">* [*]</nonFatal>
<fatal>C:\Users\* [*]</fatal>
<fatal errorCode="5">C:\Data\* [*]</fatal>
<fatal errorCode="5,6">C:\Data\* [*]</fatal>
<nonFatal>C:\Users\anna\* [*.txt]</nonFatal>
<nonFatal>D:\Old\* [*]</nonFatal>
<fatal>D:\Old\x [*]</fatal>
<nonFatal>D:\Old\x [*]</nonFatal>
<nonFatal>D:\* [*]</nonFatal>
<fatal>D:\Data</fatal>
<fatal>%X%\* [*]</fatal>
<nonFatal>%x%\y [z]</nonFatal>
</fileError><registryError>
<nonFatal>* [*]</nonFatal>
<fatal>HKCU\* [*]</fatal>
<fatal>HKCR\a []</fatal>
</registryError></ErrorControl></Policies></Configuration>`))
	if err != nil {
		t.Fatal(err)
	}
	if e, _, err = plan.CompileErrors(cfg, []rules.Context{{Name: "System", Env: oneVar{}}, {Name: "S-1", User: true, Env: oneVar{}}}); err != nil {
		t.Fatal(err)
	}
	var idle []int
	for _, w := range e.Idle() {
		idle = append(idle, w.Line)
	}
	if want := []int{4, 6, 9, 11, 13, 16, 17}; !slices.Equal(idle, want) {
		t.Errorf("rules that never decide: lines %v, want %v\n%v", idle, want, e.Idle())
	}
	if (*plan.ErrorControl)(nil).Idle() != nil {
		t.Error("without an ErrorControl there are idle rules")
	}
	// A plan's rules go by the names that its objects have.
	cfg, _, err = migxml.ParseConfig("c.xml", []byte(`<Configuration><Policies><ErrorControl>
<fileError><fatal>3:\Users\* [*]</fatal></fileError>
<registryError><fatal>HKLM\SYSTEM\ControlSet001\* [*]</fatal></registryError></ErrorControl></Policies></Configuration>`))
	if err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(disk); err != nil {
		t.Fatal(err)
	}
	w := testwin.Open(t, testwin.Options{}, disk)
	p, err := plan.Build(t.Context(), w.System, w.Set, w.Users, nil, plan.Options{Config: cfg, Rules: rules.Options{Include: []string{`C:\Data\* [*]`}}})
	if err != nil {
		t.Fatal(err)
	}
	if e, _, err = p.ErrorControl(); err != nil {
		t.Fatal(err)
	}
	for _, at := range []plan.Trouble{{Kind: plan.File, Path: `C:\Users\a\x.docx`}, {Kind: plan.Key, Path: `HKLM\SYSTEM\CurrentControlSet\Control`}} {
		if e.Rule(at) == nil {
			t.Errorf("%s: no rule", at.Path)
		}
	}
	none, _, err := plan.CompileErrors(&migxml.Config{}, nil)
	if err != nil || none.Rule(plan.Trouble{Path: `C:\x`}) != nil {
		t.Errorf("without an ErrorControl: %v, %v", none, err)
	}
}

type oneVar struct{}

func (oneVar) Lookup(name string) (string, bool) { return `E:\X`, true }
