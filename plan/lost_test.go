package plan

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes"
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
	for _, tt := range []struct {
		name    string
		v       *ntfsgen.Volume
		include string
		want    []string // refused
	}{
		{"nothing", whole, `C:\Users\* [*]`, nil},
		{"a record of zeros", whole.Patch(at(`Users\anna\Documents\a.txt`), zeros), `C:\Users\* [*]`, []string{`C:\$MFT damaged 1 files`}},
		{"garbage", whole.Patch(at(`Users\anna\Documents\a.txt`), ones), `C:\Users\anna\Pictures\* [*]`, []string{`C:\$MFT damaged 1 files`}},
		{"a folder", whole.Patch(at(`Users\anna\Documents`), zeros), `C:\Users\* [*]`, []string{`C:\$MFT damaged 1 files`, `C:\$Orphans damaged 3 files`}},
		{"a folder, and a rule for all", whole.Patch(at(`Users\anna\Documents`), zeros), `C:\* [*]`, []string{`C:\$MFT damaged 1 files`}},
		{"a volume that no rule reaches", whole.Patch(at(`Users\anna\Documents\a.txt`), zeros), `D:\* [*]`, []string{`D:\ volume-missing`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			disk := filepath.Join(t.TempDir(), "disk.img")
			if err := (diskgen.Disk{GPT: true, Parts: []diskgen.Part{{GUID: guid, Content: tt.v}}}).Build().WriteFile(disk); err != nil {
				t.Fatal(err)
			}
			set, err := volumes.Open([]string{disk}, volumes.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			systems, problems, err := offline.Find(set, offline.Options{})
			if err != nil || len(systems) != 1 {
				t.Fatal(systems, problems, err)
			}
			users, _, err := profile.Users(systems[0])
			if err != nil {
				t.Fatal(err)
			}
			p, err := Build(t.Context(), systems[0], set, users, nil, Options{Rules: rules.Options{Include: []string{tt.include}}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range p.Refused {
				if r.Outcome == Policy {
					continue
				}
				s := r.Path + " " + r.Outcome
				if i := strings.Index(r.Reason, " of "); r.Outcome == Damaged && i >= 0 {
					s += " " + strings.Join(strings.Fields(r.Reason[i+4:])[:2], " ")
				}
				got = append(got, s)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("refused %q, want %q", got, tt.want)
			}
		})
	}
}
