package plan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/profile"
)

// TestKeysOnce: however rules name the keys, each is planned once.
func TestKeysOnce(t *testing.T) {
	sys, set, users := sample(t)
	docs := rulesOf(t, `Registry HKLM\* [*]`, `Registry HKCU\* [*]`, `Registry HKU\* [*]`, `Registry HKCR\* [*]`, `Registry HKLM\SYSTEM\ControlSet001\* [*]`,
		`Registry HKLM\SYSTEM\CurrentControlSet\* [*]`, `Registry *\Desktop [*]`)
	for name, selected := range map[string]func(*profile.User) bool{
		"all users": nil,
		"one user":  func(u *profile.User) bool { return u.Name == "anna" },
		"nobody":    func(u *profile.User) bool { return false },
	} {
		p, err := plan.Build(context.Background(), sys, set, users, docs, plan.Options{Selected: selected})
		if err != nil {
			t.Fatal(err)
		}
		type id struct {
			h       *hive.Hive
			off     int64
			isValue bool
			value   string
		}
		at := map[id]string{}
		for _, k := range p.Keys {
			i := id{k.Key.Hive(), k.Key.Offset(), k.IsValue, ""}
			if k.IsValue {
				i.value = k.Value.Name()
			}
			path := k.Path.Path + " of " + k.Path.User
			if at[i] != "" {
				t.Errorf("%s: %s [%s] is %s as well", name, path, i.value, at[i])
			}
			at[i] = path
		}
		if len(p.Keys) < 500 {
			t.Errorf("%s: %d keys and values", name, len(p.Keys))
		}
	}
}

// TestExplainNames: a key has one answer under all of its names, that of the
// plan.
func TestExplainNames(t *testing.T) {
	sys, set, users := sample(t)
	const anna = "S-1-5-21-3623811015-3361044348-30300820-1001"
	const bob = "S-1-5-21-3623811015-3361044348-30300820-1002"
	only := func(u *profile.User) bool { return u.ID == anna }
	none := func(u *profile.User) bool { return false }
	for _, c := range []struct {
		rule, asked string
		selected    func(*profile.User) bool
		want        string // decision, as, user; of each answer
	}{
		{`HKU\*\Control Panel\Desktop [Wallpaper]`, `HKU\.DEFAULT\Control Panel\Desktop [Wallpaper]`, only, "taken  "},
		{`HKU\*\Control Panel\Desktop [Wallpaper]`, `HKU\S-1-5-18\Control Panel\Desktop [Wallpaper]`, only, `taken HKU\.DEFAULT\Control Panel\Desktop `},
		{`HKU\*\Control Panel\Desktop [Wallpaper]`, `HKCU\Control Panel\Desktop [Wallpaper]`, only, "taken  " + anna},
		{`HKU\*\Control Panel\Desktop [Wallpaper]`, `HKU\` + anna + `\Control Panel\Desktop [Wallpaper]`, only, `taken HKCU\Control Panel\Desktop ` + anna},
		{`HKU\*\Control Panel\Desktop [Wallpaper]`, `HKU\` + anna + `\Control Panel\Desktop [Wallpaper]`, none, `taken  `},
		{`HKU\*\Control Panel\Desktop [Wallpaper]`, `HKU\S-1-5-19\Control Panel\Desktop [Wallpaper]`, only, `would-be-taken  `},
		{`HKU\S-1-5-19`, `HKU\S-1-5-19`, only, `taken  `},
		{`HKU\` + bob + `\Control Panel\* [*]`, `HKU\` + bob + `\Control Panel\Desktop [Wallpaper]`, only, `taken  `},
		{`HKU\` + bob + `\Control Panel\* [*]`, `HKU\` + bob + `.temp\Control Panel\Desktop [Wallpaper]`, only, `not-taken  `},
		{`HKU\` + bob + `.TEMP\Control Panel\* [*]`, `HKU\` + bob + `.temp\Control Panel\Desktop [Wallpaper]`, only, `taken  `},
		{`HKU\` + bob + `_Classes\* [*]`, `HKU\` + bob + `_Classes`, only, `taken HKU\` + bob + `\Software\Classes `},
		{`HKU\` + anna + `\Control Panel\Desktop [Wallpaper]`, `HKCU\Control Panel\Desktop [Wallpaper]`, only, "taken  " + anna},
		{`HKCU\Control Panel\Desktop\* [*]`, `HKU\` + anna + `\Control Panel\Desktop [Wallpaper]`, only, `taken HKCU\Control Panel\Desktop ` + anna},
		{`HKCU\Control Panel\Desktop\* [*]`, `HKU\` + anna + `\Control Panel\Desktop [Wallpaper]`, none, `not-taken  `},
		{`HKLM\SOFTWARE\Classes\* [*]`, `HKCR\.txt`, only, `taken HKLM\SOFTWARE\Classes\.txt `},
		{`HKCR\* [*]`, `HKLM\SOFTWARE\Classes\.txt`, only, `taken  `},
		{`HKCR\* [*]`, `HKCR`, only, `taken HKLM\SOFTWARE\Classes ; taken HKCU\Software\Classes ` + anna},
		{`HKLM\SYSTEM\ControlSet001\Control\* [*]`, `HKLM\SYSTEM\ControlSet001\Control`, only, `taken HKLM\SYSTEM\CurrentControlSet\Control `},
		{`HKLM\SYSTEM\ControlSet001\Control\* [*]`, `HKLM\SYSTEM\CurrentControlSet\Control`, only, `taken  `},
	} {
		p, err := plan.Build(context.Background(), sys, set, users, rulesOf(t, "Registry "+c.rule), plan.Options{Selected: c.selected, Only: []string{c.asked}})
		if err != nil {
			t.Fatal(err)
		}
		at, err := plan.ParsePlace(c.asked)
		if err != nil {
			t.Fatal(err)
		}
		list, err := p.Explain(at)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range list {
			got = append(got, fmt.Sprintf("%s %s %s", x.Decision, x.TakenAs, x.User))
			if x.Decision == plan.Taken && (len(x.Rules) == 0 || !x.Rules[0].Wins) {
				t.Errorf("%s by %s: no rule takes it", c.asked, c.rule)
			}
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s by %s: %q, want %q", c.asked, c.rule, s, c.want)
		}
	}
}

// TestDocumentKeyNames: plan.json tells what a store calls a key.
func TestDocumentKeyNames(t *testing.T) {
	d := plan.Document{Windows: plan.Windows{ControlSet: "ControlSet002"}, Contexts: []string{"System", "S-1-5-21-7"}}
	for _, c := range []struct{ path, want, user string }{
		{`HKCR\.txt`, `HKLM\SOFTWARE\Classes\.txt HKCU\Software\Classes\.txt`, ""},
		{`HKLM\SYSTEM\controlset002\x`, `HKLM\SYSTEM\CurrentControlSet\x`, ""},
		{`HKLM\SYSTEM\ControlSet001\x`, `HKLM\SYSTEM\ControlSet001\x`, ""},
		{`HKU\s-1-5-21-7\x`, `HKCU\x`, "S-1-5-21-7"},
		{`HKU\S-1-5-21-7`, `HKCU`, "S-1-5-21-7"},
		{`HKU\S-1-5-21-7_Classes\.txt`, `HKCU\Software\Classes\.txt`, "S-1-5-21-7"},
		{`HKU\S-1-5-21-8_Classes\.txt`, `HKU\S-1-5-21-8\Software\Classes\.txt`, ""},
		{`HKU\S-1-5-18\x`, `HKU\.DEFAULT\x`, ""},
		{`HKU\System`, `HKU\System`, ""},
		{`HKCU\x`, `HKCU\x`, ""},
	} {
		names, user := d.KeyNames(c.path)
		if got := strings.Join(names, " "); got != c.want || user != c.user {
			t.Errorf("%s: %s of %q", c.path, got, user)
		}
	}
}

// TestKeysOfOthers: rules reach the keys of those who are not chosen, and stand
// against them, by the names that a plan has for them.
func TestKeysOfOthers(t *testing.T) {
	sys, set, users := sample(t)
	const bob = "S-1-5-21-3623811015-3361044348-30300820-1002" // with a temporary profile beside the real one
	for _, c := range []struct {
		include, exclude string
		taken, left      string // beginnings of paths
	}{
		{`HKU\` + bob + `\* [*]`, `HKU\` + bob + `_Classes\* [*]`, `HKU\` + bob + `\Software\`, `HKU\` + bob + `\Software\Classes\`},
		{`HKU\` + bob + `\* [*]`, `HKU\*_Classes\* [*]`, `HKU\` + bob + `\Software\`, `HKU\` + bob + `\Software\Classes\`},
		{`HKU\` + bob + `_Classes\* [*]`, "", `HKU\` + bob + `\Software\Classes\`, `HKU\` + bob + `\Control Panel`},
		{`HKU\` + bob + `\* [*]`, "", `HKU\` + bob + `\`, `HKU\` + bob + `.temp`},
		{`HKU\` + bob + `.temp\* [*]`, "", `HKU\` + bob + `.temp\`, `HKU\` + bob + `\`},
		{`HKU\*\Control Panel\* [Wallpaper]`, `HKU\` + bob + `.temp\* [*]`, `HKU\` + bob + `\Control Panel`, `HKU\` + bob + `.temp`},
		{`HKU\*\Control Panel\* [Wallpaper]`, `HKU\` + bob + `\* [*]`, `HKU\` + bob + `.temp\Control Panel`, `HKU\` + bob + `\`},
	} {
		opt := plan.Options{Selected: func(u *profile.User) bool { return u.Name == "anna" }}
		if c.exclude != "" {
			opt.Rules.Exclude = []string{c.exclude}
		}
		p, err := plan.Build(context.Background(), sys, set, users, rulesOf(t, "Registry "+c.include), opt)
		if err != nil {
			t.Fatal(err)
		}
		taken := false
		for _, k := range p.Keys {
			taken = taken || strings.HasPrefix(k.Path.Path, c.taken)
			if strings.HasPrefix(k.Path.Path+`\`, c.left) {
				t.Errorf("%s without %s: %s is taken", c.include, c.exclude, k.Path.Path)
			}
		}
		if !taken {
			t.Errorf("%s without %s: nothing of %s is taken", c.include, c.exclude, c.taken)
		}
	}
}
