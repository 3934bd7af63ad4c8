package plan_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// A folder that no rule can reach is not entered: what is in it is not looked
// at, not even by its name.
func TestUnreachable(t *testing.T) {
	const files = 20_000 // Progress counts in steps of 16,384 entries
	other := ntfsgen.Dir("Other")
	for i := range files {
		other.Add(ntfsgen.File(fmt.Sprintf("%d.txt", i)))
	}
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann"}}}
	name := filepath.Join(t.TempDir(), "c.img")
	if err := ntfsgen.Build(ntfsgen.Options{}, append(w.On("C:"), other, ntfsgen.Dir("Lab", ntfsgen.File("a.txt", "a")))...).WriteFile(name); err != nil {
		t.Fatal(err)
	}
	open := testwin.Open(t, testwin.Options{}, name)
	for rule, entered := range map[string]bool{
		`C:\Lab\* [*]`:       false,
		`C:\Oth\* [*]`:       false,
		`C:\Other2\* [*]`:    false,
		`C:\Lab\*\Other [*]`: false,
		`C:\Oth* [*.doc]`:    true, // any file there may be one
		`C:\* [*.doc]`:       true,
		`C:\Other [1.txt]`:   true,
	} {
		seen := int64(0)
		p, err := plan.Build(context.Background(), open.System, open.Set, open.Users, rulesOf(t, "File "+rule), plan.Options{Progress: func(n int64) { seen = n }})
		if err != nil {
			t.Fatal(err)
		}
		if (seen > 0) != entered {
			t.Errorf("%s: %d entries or more were looked at", rule, seen)
		}
		if rule == `C:\Other [1.txt]` && len(p.Items) != 1 {
			t.Errorf("%s: %d objects", rule, len(p.Items))
		}
	}
	// An exclude of everything in it is as good.
	d := ruleFile(t, `<include><objectSet><pattern type="File">C:\* [*]</pattern></objectSet></include><unconditionalExclude><objectSet><pattern type="File">C:\Other\* [*]</pattern></objectSet></unconditionalExclude>`)
	seen := int64(0)
	if _, err := plan.Build(context.Background(), open.System, open.Set, open.Users, d, plan.Options{Progress: func(n int64) { seen = n }}); err != nil || seen > 0 {
		t.Errorf("an excluded folder: %d entries or more were looked at, %v", seen, err)
	}
}
