package plan_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
)

// sample opens the sample disk.
func sample(t *testing.T, paths ...string) (*offline.System, *volumes.Set, []*profile.User) {
	t.Helper()
	if len(paths) == 0 {
		name := filepath.Join(t.TempDir(), "disk.img")
		if err := testimages.WriteDisk(name); err != nil {
			t.Fatal(err)
		}
		paths = []string{name}
	}
	w := testwin.Open(t, testwin.Options{}, paths...)
	return w.System, w.Set, w.Users
}

// rulesOf makes a rule file of includes: "File PATTERN" or "Registry PATTERN".
func rulesOf(t *testing.T, patterns ...string) []*migxml.Document {
	t.Helper()
	var b strings.Builder
	b.WriteString(`<migration urlid="http://example.org/t"><component type="Documents"><displayName>Test</displayName><role role="Data"><rules><include><objectSet>`)
	for _, p := range patterns {
		kind, text, _ := strings.Cut(p, " ")
		b.WriteString(`<pattern type="` + kind + `">` + text + `</pattern>`)
	}
	b.WriteString(`</objectSet></include></rules></role></component></migration>`)
	d, warnings, err := migxml.Parse("t.xml", []byte(b.String()))
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	return []*migxml.Document{d}
}

// list shows a plan as sorted lines "kind path[:stream][ of user][ = outcome]".
func list(p *plan.Plan) []string {
	var out []string
	for o := range p.Objects {
		s := o.Kind + " " + string(o.Path)
		if o.Kind == "stream" || o.Kind == "value" {
			s += ":" + string(o.Stream)
		}
		if o.User != "" {
			s += " of " + o.User[strings.LastIndexByte(o.User, '-')+1:]
		}
		if o.Outcome != "" {
			s += " = " + o.Outcome
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func TestPlans(t *testing.T) {
	sys, set, users := sample(t)
	for _, tt := range []struct {
		name     string
		patterns []string
		opt      plan.Options
		want     []string // "+ text" is there, "- text" is not
	}{
		{
			name: "folders, files and streams", patterns: []string{`File C:\Users\anna\Downloads\* [*]`},
			want: []string{`+ folder C:\Users\anna\Downloads`, `- file C:\Users\anna\Documents\notes.txt`},
		},
		{
			name: "links are taken and not followed", patterns: []string{`File C:\Users\anna\* [*]`},
			want: []string{`+ link C:\Users\anna\Application Data`, `- folder C:\Users\anna\Application Data\Microsoft`},
		},
		{
			name: "a letter this Windows knew, one it did not", patterns: []string{`File E:\Data\* [*]`, `File X:\Data\* [*]`},
			want: []string{`+ folder E:\ = volume-missing`, `+ folder X:\ = volume-missing`},
		},
		{
			name: "password hives", patterns: []string{`Registry HKLM\* [*]`, `File C:\Windows\System32\config\* [*]`},
			want: []string{
				`+ key HKLM\SAM = excluded-by-policy`, `+ key HKLM\SECURITY = excluded-by-policy`,
				`+ file C:\Windows\System32\config\SAM = excluded-by-policy`, `+ file C:\Windows\System32\config\SYSTEM`,
				`+ value HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName:ComputerName`,
				`- value HKLM\SYSTEM\ControlSet001\Control\ComputerName\ComputerName:ComputerName`,
			},
		},
		{
			name: "hives that rules rarely name", patterns: []string{`Registry HKU\* [*]`, `Registry HKLM\BCD00000000\* [*]`},
			want: []string{
				`+ key HKU\.DEFAULT`, `+ key HKLM\BCD00000000 = unsupported`, `- key HKLM\COMPONENTS`,
				`+ key HKCU\Control Panel\Desktop of 1001`, `+ key HKCU = unreadable`, `- key HKU\S-1-5-18`,
				`- key HKU\S-1-5-21-3623811015-3361044348-30300820-1001\Control Panel\Desktop`,
			},
		},
		{
			name: "the keys of users who are not chosen", patterns: []string{`Registry HKU\* [*]`},
			opt: plan.Options{Selected: func(u *profile.User) bool { return u.Name == "Bob Smith" && u.Person() }},
			want: []string{
				`+ key HKU\S-1-5-21-3623811015-3361044348-30300820-1001\Control Panel\Desktop`, `- key HKCU\Control Panel\Desktop of 1001`,
				`+ key HKU\S-1-5-21-3623811015-3361044348-30300820-1001\Software\Classes`,
				`+ key HKU\S-1-5-21-3623811015-3361044348-30300820-1003 = unreadable`,
			},
		},
		{
			name: "classes", patterns: []string{`Registry HKCU\Software\Classes\* [*]`},
			want: []string{`+ key HKCU\Software\Classes of 1001`, `- key HKCU\Software of 1001`},
		},
		{
			name: "the current control set", patterns: []string{`Registry HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\* [*]`},
			want: []string{
				`+ value HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName:ComputerName`,
				`- value HKLM\SYSTEM\ControlSet001\Control\ComputerName\ComputerName:ComputerName`,
			},
		},
		{
			name: "settings of every user; a broken hive is named", patterns: []string{`Registry HKCU\Control Panel\Desktop\* [*]`},
			want: []string{`+ key HKCU\Control Panel\Desktop of 1001`, `+ key HKCU = unreadable`, `- key HKLM\SAM = excluded-by-policy`},
		},
		{
			name: "only one user's context", patterns: []string{`File %CSIDL_PERSONAL%\* [*]`},
			opt:  plan.Options{Selected: func(u *profile.User) bool { return u.Name == "Bob Smith" && u.Person() }},
			want: []string{`- folder C:\Users\anna\Documents`, `+ folder C:\Users\Bob Smith\Documents`},
		},
		{
			name: "command line", patterns: []string{`File C:\Users\anna\Documents\* [*]`},
			opt:  plan.Options{Rules: rules.Options{Include: []string{`C:\Data\* [*]`}, Exclude: []string{`C:\* [*.txt]`}}},
			want: []string{`+ file C:\Data\Projekte\Zeichnung.dwg`, `- file C:\Users\anna\Documents\notes.txt`, `+ file C:\Users\anna\Documents\budget.xlsx`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := plan.Build(context.Background(), sys, set, users, rulesOf(t, tt.patterns...), tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			got := list(p)
			if len(got) != p.Count() {
				t.Errorf("%d objects, Count says %d", len(got), p.Count())
			}
			for _, w := range tt.want {
				text := w[2:]
				found := slices.ContainsFunc(got, func(s string) bool {
					return s == text || text == `key HKCU = unreadable` && strings.HasPrefix(s, "key HKCU of") && strings.HasSuffix(s, "= unreadable")
				})
				if found != (w[0] == '+') {
					t.Errorf("%s: found %v, among %d objects such as %q", w, found, len(got), got[:min(6, len(got))])
				}
			}
			for i := 1; i < len(got); i++ {
				if got[i] == got[i-1] {
					t.Errorf("%s is there twice", got[i])
				}
			}
			if d := p.Document(); len(d.Users) != len(users) || len(d.Rules) == 0 {
				t.Errorf("plan.json has %d users and %d rules", len(d.Users), len(d.Rules))
			}
		})
	}
}

// The folder of the store is out of the rules' scope when it lies in a source
// that is a folder.
func TestStoreInTheSource(t *testing.T) {
	dir := t.TempDir()
	disk, _, _ := sample(t)
	for _, f := range []string{"SYSTEM", "SOFTWARE"} {
		b, err := disk.ReadFile(`C:\Windows\System32\config\`+f, 1<<26)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, "Windows", "System32", "config", f)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"Data/keep.txt", "Data/store/data.tar.zst.00001", "Data/store2/keep.txt"} {
		to := filepath.Join(dir, f)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sys, set, users := sample(t, dir)
	p, err := plan.Build(context.Background(), sys, set, users, rulesOf(t, `File C:\Data\* [*]`), plan.Options{StoreFolder: filepath.Join(dir, "Data", "STORE")})
	if err != nil {
		t.Fatal(err)
	}
	// The folder was named in another case: on a host that tells case apart
	// that is another folder.
	p2, err := plan.Build(context.Background(), sys, set, users, rulesOf(t, `File C:\Data\* [*]`), plan.Options{StoreFolder: filepath.Join(dir, "Data", "store")})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*plan.Plan{p, p2} {
		want := []string{`file C:\Data\keep.txt`, `file C:\Data\store2\keep.txt`, `folder C:\Data`, `folder C:\Data\store2`}
		if got := list(p); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestInterrupted(t *testing.T) {
	sys, set, users := sample(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := plan.Build(ctx, sys, set, users, rulesOf(t, `File C:\* [*]`), plan.Options{}); err != context.Canceled {
		t.Errorf("err = %v", err)
	}
}

// Conditions about the version, the architecture and the contents are about
// the source.
func TestConditions(t *testing.T) {
	sys, set, users := sample(t)
	for _, tt := range []struct {
		condition string
		want      bool
	}{
		{`MigXmlHelper.DoesOSMatch("NT","10.0.19045.*")`, true},
		{`MigXmlHelper.DoesOSMatch("NT","6.1.*")`, false},
		{`MigXmlHelper.IsOSLaterThan("NT","6.1")`, true},
		{`MigXmlHelper.IsOSEarlierThan("NT","6.1")`, false},
		{`MigXmlHelper.IsNative64Bit()`, true},
		{`MigXmlHelper.DoesObjectExist("Registry","HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion [ProductName]")`, true},
		{`MigXmlHelper.DoesObjectExist("Registry","HKLM\SOFTWARE\Micro*\Windows NT\CurrentVersion [Product*]")`, true},
		{`MigXmlHelper.DoesObjectExist("Registry","HKLM\SOFTWARE\Nowhere")`, false},
		{`MigXmlHelper.DoesObjectExist("Registry","HKLM\SAM\SAM")`, false},
		{`MigXmlHelper.DoesObjectExist("File","%WINDIR%\explorer.exe")`, true},
		{`MigXmlHelper.DoesObjectExist("File","C:\Users\*\Documents [*.docx]")`, true},
		{`MigXmlHelper.DoesObjectExist("File","C:\Users\* [*.nosuch]")`, false},
		{`MigXmlHelper.DoesObjectExist("File","X:\Data")`, false},
		{`MigXmlHelper.DoesStringContentEqual("Registry","HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName [ComputerName]","cold-pc")`, true},
		{`MigXmlHelper.DoesStringContentContain("Registry","HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion [ProductName]","Windows 7")`, false},
	} {
		text := `<migration urlid="http://example.org/t"><component type="Documents" context="System"><displayName>Test</displayName><role role="Data">` +
			`<detection><conditions><condition>` + tt.condition + `</condition></conditions></detection>` +
			`<rules><include><objectSet><pattern type="File">C:\Data\* [*]</pattern></objectSet></include></rules></role></component></migration>`
		d, _, err := migxml.Parse("t.xml", []byte(text))
		if err != nil {
			t.Fatal(tt.condition, err)
		}
		p, err := plan.Build(context.Background(), sys, set, users, []*migxml.Document{d}, plan.Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.condition, err)
			continue
		}
		if got := p.Count() > 0; got != tt.want {
			t.Errorf("%s is %v", tt.condition, got)
		}
	}
}
