package plan

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes"
)

// mountsDisk is a disk with C:, a volume 2 that is mounted in C:\Data and
// again in C:\Other, and D:, which is mounted in C:\Dee, too. C:\Lost has a
// volume that is not there.
func mountsDisk(t *testing.T) string {
	t.Helper()
	guid := func(n int) string { return fmt.Sprintf("c01d57a7-0000-4000-8000-%012d", n) }
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "MOUNTS", Users: []testimages.Person{{Name: "anna"}},
		Devices: map[string][]byte{"C:": testimages.GPTDevice(guid(1)), "D:": testimages.GPTDevice(guid(3))},
		Files: []*ntfsgen.Node{
			ntfsgen.MountPoint("Data", guid(2)), ntfsgen.MountPoint("Other", guid(2)), ntfsgen.MountPoint("Dee", guid(3)), ntfsgen.MountPoint("Lost", guid(9)),
		}}
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := (diskgen.Disk{GPT: true, Parts: []diskgen.Part{
		{GUID: guid(1), Content: ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...)},
		{GUID: guid(2), Content: ntfsgen.Build(ntfsgen.Options{}, ntfsgen.File("a.txt", "a", ntfsgen.Stream{Name: "s", Data: ntfsgen.Text("s")}), ntfsgen.File(`sub\b.doc`, "b"))},
		{GUID: guid(3), Content: ntfsgen.Build(ntfsgen.Options{}, ntfsgen.File("d.txt", "d"), ntfsgen.File("e.iso", "e"))},
	}}).Build().WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMounts: a volume is captured once, under the name it has, and a rule
// that spells out another name is followed all the same.
func TestMounts(t *testing.T) {
	disk := mountsDisk(t)
	data := []string{`C:\Data folder`, `C:\Data\a.txt file`, `C:\Data\a.txt stream s`, `C:\Data\sub folder`, `C:\Data\sub\b.doc file`}
	for _, tt := range []struct {
		name             string
		include, exclude []string
		opt              offline.Options
		want             []string
		links            []string
		only             string // when not "", only paths that begin so are compared
	}{
		{name: "the folder", include: []string{`C:\Data\* [*]`}, want: data},
		{name: "a file in it", include: []string{`C:\Data\sub [b.doc]`}, want: []string{`C:\Data\sub\b.doc file`}},
		{name: "everything on C:", include: []string{`C:\* [*]`}, only: `C:\D`, want: append(slices.Clone(data), `C:\Dee folder`, `C:\Dee\d.txt file`, `C:\Dee\e.iso file`, `C:\Documents and Settings link`)},
		{name: "everything on C: and what is mounted there under its own name", include: []string{`C:\* [*]`, `D:\* [*]`}, only: `C:\De`, want: []string{`C:\Dee link`}},
		{name: "everything on C: and some under its own name", include: []string{`C:\* [*]`, `D:\* [*.txt]`}, only: `C:\De`, want: []string{`C:\Dee folder`, `C:\Dee\e.iso file`}},
		{name: "a kind of file on both", include: []string{`C:\* [*.iso]`, `D:\* [*.txt]`}, want: []string{`C:\Lost volume-missing`, `D:\d.txt file`}},
		{name: "a kind of file on C:", include: []string{`C:\* [*.iso]`}, want: []string{`C:\Dee\e.iso file`, `C:\Lost volume-missing`}},
		{name: "everything on C:, the other folders", include: []string{`C:\* [*]`}, only: `C:\O`, want: []string{`C:\Other link`}},
		{name: "everything on C:, what is lost", include: []string{`C:\* [*]`}, only: `C:\L`, want: []string{`C:\Lost volume-missing`}},
		{name: "everything on C: but what is lost", include: []string{`C:\* [*]`}, exclude: []string{`C:\Lost\* [*]`}, only: `C:\L`},
		{name: "everything anywhere, what is lost", include: []string{`* [*]`}, only: `C:\L`, want: []string{`C:\Lost link`}, links: []string{`C:\Lost`}},
		{name: "everything anywhere", include: []string{`* [*]`}, only: `C:\De`, want: []string{`C:\Dee link`}, links: []string{`C:\Lost`}},
		{name: "a kind of file anywhere on C:", include: []string{`C:\* [*.doc]`}, want: []string{`C:\Data\sub\b.doc file`, `C:\Lost volume-missing`}},
		{name: "the number of a drive", include: []string{`3:\* [*.txt]`, `D:\* [*.iso]`}, want: []string{`D:\d.txt file`, `D:\e.iso file`}},
		{name: "the number of a drive, without a kind of file", include: []string{`3:\* [*]`}, exclude: []string{`D:\* [*.iso]`}, want: []string{`D:\ folder`, `D:\d.txt file`}},
		{name: "a drive without a kind of file by its number", include: []string{`D:\* [*]`}, exclude: []string{`3:\* [*.iso]`}, want: []string{`D:\ folder`, `D:\d.txt file`}},
		{name: "a drive and its number", include: []string{`D:\* [*]`, `3:\* [*]`}, exclude: []string{`3:\* [*.txt]`, `D:\* [*.iso]`}, want: []string{`D:\ folder`}},
		{name: "an exclude", include: []string{`C:\Data\* [*]`}, exclude: []string{`C:\Data\sub\* [*]`}, want: data[:3]},
		{name: "another folder of the same volume", include: []string{`C:\Other\* [*.txt]`}, want: []string{`C:\Other\a.txt file`, `C:\Other\a.txt stream s`}},
		{name: "both folders", include: []string{`C:\Other\* [*]`, `C:\Data\* [*.txt]`}, want: []string{`C:\Data\a.txt file`, `C:\Data\a.txt stream s`, `C:\Other folder`, `C:\Other\sub folder`, `C:\Other\sub\b.doc file`}},
		{name: "the folder of a drive", include: []string{`C:\Dee\* [*]`}, want: []string{`C:\Dee folder`, `C:\Dee\d.txt file`, `C:\Dee\e.iso file`}},
		{name: "a drive and its folder", include: []string{`C:\Dee\* [*.iso]`, `D:\* [*]`}, want: []string{`D:\ folder`, `D:\d.txt file`, `D:\e.iso file`}},
		{name: "by number", include: []string{`2:\* [*.txt]`}, want: data[1:3]},
		{name: "by number and by folder", include: []string{`2:\* [*]`, `C:\Data\* [*.txt]`}, want: data},
		{name: "by number without a kind of file", include: []string{`2:\* [*]`}, exclude: []string{`C:\* [*.doc]`}, want: data[:4]},
		{name: "by folder without the number", include: []string{`C:\Data\* [*]`}, exclude: []string{`2:\sub\* [*]`}, want: data[:3]},
		{name: "a wildcard for the drive", include: []string{`*\* [*.doc]`}, want: []string{`C:\Data\sub\b.doc file`}, links: []string{`C:\Lost`}},
		{name: "the folder of a lost volume", include: []string{`C:\Lost\* [*]`}, want: []string{`C:\Lost volume-missing`}},
		{name: "a place that is said", include: []string{`C:\Documents\* [*]`, `E:\* [*]`}, opt: offline.Options{Places: []offline.Place{{Path: `C:\Documents`, How: "--map"}, {Path: `E:\`, How: "--map"}}},
			want: []string{`C:\Documents volume-missing`, `E:\ volume-missing`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := testwin.Open(t, testwin.Options{Offline: func(*volumes.Set) offline.Options { return tt.opt }}, disk)
			if len(w.Problems) != 0 {
				t.Fatal(w.Problems)
			}
			p, err := Build(context.Background(), w.System, w.Set, w.Users, nil, Options{Rules: rules.Options{Include: tt.include, Exclude: tt.exclude}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for o := range p.Objects {
				s := string(o.Path) + " " + o.Kind
				if o.Stream != "" {
					s += " " + string(o.Stream)
				}
				if o.Outcome != "" {
					s = string(o.Path) + " " + o.Outcome
				}
				if strings.HasPrefix(s, tt.only) {
					got = append(got, s)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("\n got %q\nwant %q", got, tt.want)
			}
			if !slices.Equal(p.LinksOnly, tt.links) {
				t.Errorf("links %q, want %q", p.LinksOnly, tt.links)
			}
			// The content of each file is in the plan once.
			seen := map[string]string{}
			for i := range p.Items {
				it := &p.Items[i]
				if it.Kind != File && it.Kind != Stream {
					continue
				}
				id := fmt.Sprint(p.Volumes[it.Volume].Volume.Number, it.Entry, it.Kind, it.Stream)
				if other, ok := seen[id]; ok {
					t.Errorf("%s is %s as well", p.Path(it), other)
				}
				seen[id] = p.Path(it)
			}
		})
	}
}

// TestDetectMounts: detection goes through mounted folders.
func TestDetectMounts(t *testing.T) {
	set, err := volumes.Open([]string{mountsDisk(t)}, volumes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	systems, _, err := offline.Find(set, offline.Options{})
	if err != nil || len(systems) != 1 {
		t.Fatal(systems, err)
	}
	p := newProbe(systems[0], nil, nil)
	for _, tt := range []struct {
		node, leaf string
		want       bool
	}{
		{`C:\Data`, "a.txt", true}, {`C:\Data\sub`, "b.doc", true}, {`C:\*`, "b.doc", true}, {`C:\Data\*`, "b.doc", true}, {`C:\Data\sub\*`, "b.doc", true}, {`C:\Dee`, "d.txt", true},
		{`C:\Data`, "d.txt", false}, {`C:\*`, "no.doc", false}, {`C:\Lost\*`, "a.txt", false},
	} {
		if got := p.Exists(rules.File, tt.node, tt.leaf, true); got != tt.want {
			t.Errorf(`%s [%s]: %v`, tt.node, tt.leaf, got)
		}
	}
}

// TestMountsInDocuments: folders of a user in which volumes are mounted, one
// that is not there, and one that has a letter that no rule reaches.
func TestMountsInDocuments(t *testing.T) {
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "MOUNTS", Devices: map[string][]byte{"D:": testimages.GPTDevice(nameGUID(2))},
		Users: []testimages.Person{{Name: "anna", Files: []*ntfsgen.Node{ntfsgen.Dir("Documents", ntfsgen.File("l.txt", "l"), ntfsgen.MountPoint("gone", nameGUID(9)), ntfsgen.MountPoint("Data2", nameGUID(2)))}}}}
	p := planOf(t, namesDisk(t, w, ntfsgen.File(`sub\z.txt`, "z"), ntfsgen.MountPoint("again", nameGUID(2))), nil, []string{`%CSIDL_PERSONAL%\* [*]`}, nil)
	want := []string{`C:\Users\anna\Documents folder`, `C:\Users\anna\Documents\Data2 folder`, `C:\Users\anna\Documents\Data2\again link`, `C:\Users\anna\Documents\Data2\sub folder`,
		`C:\Users\anna\Documents\Data2\sub\z.txt file`, `C:\Users\anna\Documents\My Pictures link`, `C:\Users\anna\Documents\gone volume-missing`, `C:\Users\anna\Documents\l.txt file`}
	if !slices.Equal(p.lines, want) {
		t.Errorf("\n got %q\nwant %q", p.lines, want)
	}
	for i := range p.Items {
		if o := p.Owners[p.Items[i].Owner]; o != `MOUNTS\anna` {
			t.Errorf("%s is of %q", p.Path(&p.Items[i]), o)
		}
	}
	if len(p.Refused) != 1 || p.Owners[p.Refused[0].Owner] != `MOUNTS\anna` || !strings.Contains(p.Refused[0].Reason, `--exclude 'C:\Users\anna\Documents\gone\* [*]'`) {
		t.Errorf("%+v", p.Refused)
	}
}

// TestExplainNumbers: what is asked by the number of a volume is answered by
// its name, and rules that give the number are known for it.
func TestExplainNumbers(t *testing.T) {
	w := testwin.Open(t, testwin.Options{}, mountsDisk(t))
	for _, tt := range []struct{ include, exclude, asked, want string }{
		{`3:\* [*.txt]`, "", `D:\d.txt`, "taken  3:\\* [*.txt]"},
		{`3:\* [*.txt]`, "", `3:\d.txt`, "taken D:\\d.txt 3:\\* [*.txt]"},
		{`D:\* [*.txt]`, "", `3:\D.TXT`, "taken D:\\d.txt D:\\* [*.txt]"},
		{`D:\* [*]`, `3:\* [*.txt]`, `3:\d.txt`, "not-taken  3:\\* [*.txt]"},
		{`D:\* [*]`, "", `3:\`, "taken D:\\ D:\\* [*]"},
		{`3:\* [*]`, "", `3:\none`, "would-be-taken  3:\\* [*]"},
		{`2:\sub [*]`, "", `C:\Data\sub\b.doc`, "taken  2:\\sub [*]"},
		{`2:\* [*]`, "", `2:\`, "taken C:\\Data 2:\\* [*]"},
		{`C:\Data\* [*]`, `2:\sub\* [*]`, `2:\sub\b.doc`, "not-taken  2:\\sub\\* [*]"},
	} {
		opt := Options{Rules: rules.Options{Include: []string{tt.include}}, Only: []string{tt.asked}}
		if tt.exclude != "" {
			opt.Rules.Exclude = []string{tt.exclude}
		}
		p, err := Build(context.Background(), w.System, w.Set, w.Users, nil, opt)
		if err != nil {
			t.Fatal(err)
		}
		at, err := ParsePlace(tt.asked)
		if err != nil {
			t.Fatal(err)
		}
		list, err := p.Explain(at)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%s %s", list[0].Decision, list[0].TakenAs)
		for _, r := range list[0].Rules {
			if r.Wins {
				got += " " + string(r.Pattern)
			}
		}
		if got != tt.want {
			t.Errorf("%s by %s without %s: %q, want %q", tt.asked, tt.include, tt.exclude, got, tt.want)
		}
	}
}
