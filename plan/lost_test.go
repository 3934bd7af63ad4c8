package plan

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// TestLostFiles: files whose MFT records are lost, and those whose folders are,
// have an outcome: nobody can say that no rule would have taken them.
func TestLostFiles(t *testing.T) {
	const guid = "c01d57a7-0000-4000-8000-000000000001"
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "LOST", Users: []testimages.Person{{Name: "anna", Files: []*ntfsgen.Node{
		ntfsgen.File(`Documents\a.txt`, "a"), ntfsgen.File(`Documents\b.txt`, "b"), ntfsgen.File(`Pictures\c.jpg`, "c"),
	}}}, Devices: map[string][]byte{"C:": testimages.GPTDevice(guid)}}
	whole := ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...)
	zeros, ones := make([]byte, 1024), []byte(strings.Repeat("\xFF", 1024))
	at := func(path string) int64 { return whole.RecordOffset(whole.File(path).Record) }
	a, docs := `Users\anna\Documents\a.txt`, `Users\anna\Documents`
	for _, tt := range []struct {
		name    string
		v       *ntfsgen.Volume
		include string
		exclude string
		lost    []string // planned, with nothing left but the name
		whole   []string // planned
		refused []string
	}{
		{name: "nothing", v: whole, include: `C:\Users\* [*]`, whole: []string{a}},
		{name: "a record of zeros", v: whole.Patch(at(a), zeros), include: `C:\Users\* [*]`, lost: []string{a}, whole: []string{`Users\anna\Documents\b.txt`}},
		{name: "garbage", v: whole.Patch(at(a), ones), include: `C:\Users\anna\Documents [*.txt]`, lost: []string{a}},
		{name: "no rule takes it", v: whole.Patch(at(a), ones), include: `C:\Users\anna\Pictures\* [*]`, whole: []string{`Users\anna\Pictures\c.jpg`}},
		{name: "excluded", v: whole.Patch(at(a), ones), include: `C:\Users\* [*]`, exclude: `C:\Users\anna\Documents [a*]`, whole: []string{`Users\anna\Documents\b.txt`}},
		{name: "a folder", v: whole.Patch(at(docs), zeros), include: `C:\Users\* [*]`, lost: []string{docs}, whole: []string{a, `Users\anna\Documents\b.txt`}},
		{name: "a folder and a file", v: whole.Patch(at(docs), zeros).Patch(at(a), ones), include: `C:\Users\* [*]`, lost: []string{docs},
			whole: []string{`Users\anna\Documents\b.txt`}, refused: []string{`C:\$MFT damaged 1 files`}},
		{name: "a folder and the one above", v: whole.Patch(at(docs), zeros).Patch(at(`Users\anna`), ones), include: `C:\Users\* [*]`, lost: []string{`Users\anna`},
			whole: []string{`Users\anna\Pictures\c.jpg`}, refused: []string{`C:\$MFT damaged 1 files`, `C:\$Orphans damaged 3 files`}},
		{name: "the same, and a rule for all", v: whole.Patch(at(docs), zeros).Patch(at(`Users\anna`), ones), include: `C:\* [*]`, lost: []string{`Users\anna`},
			refused: []string{`C:\$MFT damaged 1 files`}},
		{name: "a volume that no rule reaches", v: whole.Patch(at(docs), zeros).Patch(at(a), ones), include: `D:\* [*]`, refused: []string{`D:\ volume-missing`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			disk := filepath.Join(t.TempDir(), "disk.img")
			if err := (diskgen.Disk{GPT: true, Parts: []diskgen.Part{{GUID: guid, Content: tt.v}}}).Build().WriteFile(disk); err != nil {
				t.Fatal(err)
			}
			w := testwin.Open(t, testwin.Options{}, disk)
			opt := Options{Rules: rules.Options{Include: []string{tt.include}}}
			if tt.exclude != "" {
				opt.Rules.Exclude = []string{tt.exclude}
			}
			p, err := Build(t.Context(), w.System, w.Set, w.Users, nil, opt)
			if err != nil {
				t.Fatal(err)
			}
			var lost, refused []string
			planned := map[string]bool{}
			for i := range p.Items {
				it := &p.Items[i]
				path := strings.TrimPrefix(p.Path(it), `C:\`)
				info, err := p.Volumes[it.Volume].FS.Info(it.Entry)
				if err != nil {
					t.Fatal(err)
				}
				if info.Lost != nil {
					lost = append(lost, path)
					if f := whole.File(path); !f.Dir && p.Size(it) != f.Data.Size || !p.Rules.Rule(it.Rule).Include {
						t.Errorf("%s: size %d, rule %d", path, p.Size(it), it.Rule)
					}
				}
				if planned[path] {
					t.Errorf("%s is planned twice", path)
				}
				planned[path] = true
			}
			if !slices.Equal(lost, tt.lost) {
				t.Errorf("lost %q, want %q", lost, tt.lost)
			}
			for _, path := range tt.whole {
				if !planned[path] {
					t.Errorf("%s is not planned", path)
				}
			}
			if tt.exclude != "" && planned[a] {
				t.Error("what is excluded is planned")
			}
			for _, r := range p.Refused {
				if r.Outcome == Policy {
					continue
				}
				s := r.Path + " " + r.Outcome
				if i := strings.Index(r.Reason, " of "); r.Outcome == Damaged && i >= 0 {
					s += " " + strings.Join(strings.Fields(r.Reason[i+4:])[:2], " ")
				}
				refused = append(refused, s)
			}
			if !slices.Equal(refused, tt.refused) {
				t.Errorf("refused %q, want %q", refused, tt.refused)
			}
		})
	}
}
