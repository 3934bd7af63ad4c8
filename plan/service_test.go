package plan

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// TestServices: the keys of service accounts are below HKU, and have an outcome
// when a rule reaches them.
func TestServices(t *testing.T) {
	const whole, dead, none, torn = "S-1-5-80-1", "S-1-5-80-2", "S-1-5-80-3", "S-1-5-80-4"
	hive := func(parts ...any) string {
		return string(hivegen.Build(hivegen.K("ROOT", parts...), hivegen.Options{}))
	}
	const classes = `\AppData\Local\Microsoft\Windows\UsrClass.dat`
	w := &testimages.Windows{
		Edition: testimages.Windows10, Computer: "SERVICES",
		Devices: map[string][]byte{"C:": testimages.GPTDevice(nameGUID(1))},
		Files: []*ntfsgen.Node{
			ntfsgen.File(`Svc\`+whole+`\NTUSER.DAT`, hive(hivegen.Path(`Software\Zed`, hivegen.SZ("Of", "service")))),
			ntfsgen.File(`Svc\`+whole+classes, hive(hivegen.K(".own", hivegen.SZ("", "ownfile")))),
			ntfsgen.File(`Svc\`+dead+`\NTUSER.DAT`, strings.Repeat("x", 8192)),
			ntfsgen.File(`Svc\`+torn+`\NTUSER.DAT`, hive(hivegen.Path(`Software\Zed`, hivegen.SZ("Of", "torn")))),
			ntfsgen.File(`Svc\`+torn+classes, strings.Repeat("x", 8192)),
		},
		Users: []testimages.Person{{Name: "anna"}},
		Registry: func(hive string, root *hivegen.Key) {
			if hive != "SOFTWARE" {
				return
			}
			for _, id := range []string{whole, dead, none, torn} {
				root.At(`Microsoft\Windows NT\CurrentVersion\ProfileList\`+id).Add(hivegen.ExpandSZ("ProfileImagePath", `C:\Svc\`+id), hivegen.B("Sid", hivegen.SID(id)))
			}
		},
	}
	win := testwin.Open(t, testwin.Options{}, namesDisk(t, w))
	of := func(id, path string) string { return `HKU\` + id + path }
	for _, c := range []struct {
		include []string
		want    []string // those of services
	}{
		{[]string{`HKU\` + whole + `\* [*]`}, []string{of(whole, ""), of(whole, `\Software`), of(whole, `\Software\Classes`), of(whole, `\Software\Classes\.own`),
			of(whole, `\Software\Classes\.own []`), of(whole, `\Software\Zed`), of(whole, `\Software\Zed [Of]`)}},
		{[]string{`HKU\` + whole + `_Classes\.own [*]`}, []string{of(whole, `\Software\Classes\.own`), of(whole, `\Software\Classes\.own []`)}},
		{[]string{`HKU\*\Zed [Of]`}, []string{of(whole, `\Software\Zed [Of]`), of(dead, " unreadable"), of(torn, `\Software\Classes unreadable`), of(torn, `\Software\Zed [Of]`)}},
		{[]string{`HKU\` + torn + `\Software\Zed [Of]`}, []string{of(torn, `\Software\Zed [Of]`)}},
		{[]string{`HKU\` + dead + `\Software\Zed [Of]`}, []string{of(dead, " unreadable")}},
		{[]string{`HKU\` + none + `\Software\Zed [Of]`}, []string{of(none, " unreadable")}},
		{[]string{`HKU\S-1-5-20\* [*]`}, []string{`HKU\S-1-5-20`}},
		{[]string{`HKLM\SOFTWARE\Zed [*]`, `HKCU\* [*]`}, nil},
	} {
		p, err := Build(context.Background(), win.System, win.Set, win.Users, nil, Options{Rules: rules.Options{Include: c.include}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for o := range p.Objects {
			if !strings.HasPrefix(string(o.Path), `HKU\S-1-5-`) {
				continue
			}
			line := string(o.Path)
			if o.Kind == "value" {
				line += " [" + string(o.Stream) + "]"
			}
			if o.Outcome != "" {
				line += " " + o.Outcome
			}
			if o.Owner != "" {
				t.Errorf("%s belongs to %s", line, o.Owner)
			}
			got = append(got, line)
		}
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%q:\n got %q\nwant %q", c.include, got, c.want)
		}
	}
	// What conditions are told is what a plan has.
	_, ctxs := contexts(win.System, win.Users, (*profile.User).Person)
	for text, want := range map[string]bool{
		`HKU\` + whole + `\Software\Zed [Of]`:       true,
		`HKU\` + whole + `_Classes\.own`:            true,
		`HKU\` + whole + `\Software\Classes\.own`:   true,
		`HKU\` + torn + `\Software\Classes\.own`:    false,
		`HKU\` + dead + `\Software\Zed`:             false,
		`HKU\` + none:                               false,
		`HKU\` + whole + `\Software\Zed [NotThere]`: false,
	} {
		node, leaf, hasLeaf := strings.Cut(text, " [")
		if got := ctxs[0].Probe.Exists(rules.Registry, node, strings.TrimSuffix(leaf, "]"), hasLeaf); got != want {
			t.Errorf("%s exists: %t", text, got)
		}
	}
}
