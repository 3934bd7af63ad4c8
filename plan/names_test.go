package plan

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes"
)

func nameGUID(n int) string { return fmt.Sprintf("c01d57a7-0000-4000-8000-%012d", n) }

// namesDisk is a disk with volume 1, on which w is, and volume 2 with data.
func namesDisk(t *testing.T, w *testimages.Windows, data ...*ntfsgen.Node) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := (diskgen.Disk{GPT: true, Parts: []diskgen.Part{
		{GUID: nameGUID(1), Content: ntfsgen.Build(ntfsgen.Options{}, w.On("C:")...)},
		{GUID: nameGUID(2), Content: ntfsgen.Build(ntfsgen.Options{}, data...)},
	}}).Build().WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// shellFolder sets a folder of a user.
func shellFolder(name, path string) func(*hivegen.Key) {
	return func(root *hivegen.Key) {
		f := root.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`)
		f.Values = slices.DeleteFunc(f.Values, func(v hivegen.Value) bool { return v.Name == name })
		f.Add(hivegen.ExpandSZ(name, path))
	}
}

type planned struct {
	*Plan
	sys   *offline.System
	lines []string // "path kind", or "path outcome"
}

// planOf plans a disk. place makes Options of the open set.
func planOf(t *testing.T, disk string, docs []*migxml.Document, include []string, place func(*volumes.Set) offline.Options) planned {
	t.Helper()
	w := testwin.Open(t, testwin.Options{Offline: place}, disk)
	if len(w.Problems) != 0 {
		t.Fatal(w.Problems)
	}
	p, err := Build(context.Background(), w.System, w.Set, w.Users, docs, Options{Rules: rules.Options{Include: include}})
	if err != nil {
		t.Fatal(err)
	}
	out := planned{Plan: p, sys: w.System}
	for o := range p.Objects {
		switch {
		case o.Outcome != "":
			out.lines = append(out.lines, string(o.Path)+" "+o.Outcome)
		case o.Kind != "key" && o.Kind != "value":
			out.lines = append(out.lines, string(o.Path)+" "+o.Kind)
		}
	}
	slices.Sort(out.lines)
	seen := map[string]string{}
	for i := range p.Items {
		it := &p.Items[i]
		if it.Kind == Folder {
			continue
		}
		id := fmt.Sprint(p.Volumes[it.Volume].Volume.Number, it.Entry, it.Kind, it.Stream)
		if other, ok := seen[id]; ok {
			t.Errorf("%s is %s as well", p.Path(it), other)
		}
		seen[id] = p.Path(it)
	}
	return out
}

func (p planned) files() []string {
	return slices.DeleteFunc(slices.Clone(p.lines), func(s string) bool { return !strings.HasSuffix(s, " file") })
}

// TestSeveralLetters: of a volume with several letters, each is obeyed, and
// each file is taken once, by the letter that a rule names.
func TestSeveralLetters(t *testing.T) {
	w := func() *testimages.Windows {
		return &testimages.Windows{Edition: testimages.Windows10, Computer: "LETTERS",
			Users:   []testimages.Person{{Name: "anna", Registry: shellFolder("Personal", `D:\Docs`)}},
			Devices: map[string][]byte{"C:": testimages.GPTDevice(nameGUID(1)), "B:": testimages.GPTDevice(nameGUID(2)), "D:": testimages.GPTDevice(nameGUID(2))}}
	}
	data := []*ntfsgen.Node{ntfsgen.File(`Docs\letter.doc`, "l"), ntfsgen.File(`Photos\a.jpg`, "a"), ntfsgen.File(`Photos\b.doc`, "b"), ntfsgen.File("c.iso", "c")}
	everywhere := func(t *testing.T, body string) []*migxml.Document {
		d, ws, err := migxml.Parse("t.xml", []byte(`<migration urlid="http://example.org/t"><component type="Documents" context="UserAndSystem"><displayName>T</displayName><role role="Data"><rules><include><objectSet>`+body+`</objectSet></include></rules></role></component></migration>`))
		if err != nil || len(ws) > 0 {
			t.Fatal(ws, err)
		}
		return []*migxml.Document{d}
	}
	for _, tt := range []struct {
		name    string
		xml     string
		include []string
		want    []string
	}{
		{"one letter each", "", []string{`B:\Photos\* [*.jpg]`, `D:\* [c.iso]`}, []string{`B:\Photos\a.jpg file`, `D:\c.iso file`}},
		{"both for the same", "", []string{`B:\Photos\* [*]`, `D:\Photos\* [*]`}, []string{`D:\Photos\a.jpg file`, `D:\Photos\b.doc file`}},
		{"a redirected folder", `<pattern type="File">%CSIDL_PERSONAL%\* [*]</pattern>`, []string{`B:\* [*.iso]`}, []string{`B:\c.iso file`, `D:\Docs\letter.doc file`}},
		{"a wildcard", `<pattern type="File">%CSIDL_PERSONAL%\* [*]</pattern>`, []string{`* [*.doc]`}, []string{`B:\Photos\b.doc file`, `D:\Docs\letter.doc file`}},
		{"all fixed drives", `<pattern type="File">%CSIDL_PERSONAL%\* [*]</pattern><script>MigXmlHelper.GenerateDrivePatterns("* [*.doc]", "Fixed")</script>`, nil, []string{`B:\Photos\b.doc file`, `D:\Docs\letter.doc file`}},
		{"the number", "", []string{`2:\Photos\* [*]`, `D:\* [*.jpg]`}, []string{`B:\Photos\b.doc file`, `D:\Photos\a.jpg file`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var docs []*migxml.Document
			if tt.xml != "" {
				docs = everywhere(t, tt.xml)
			}
			p := planOf(t, namesDisk(t, w(), data...), docs, tt.include, nil)
			if got := p.files(); !slices.Equal(got, tt.want) {
				t.Errorf("\n got %q\nwant %q", got, tt.want)
			}
			if len(p.sys.Problems) != 1 || !strings.Contains(p.sys.Problems[0].String(), "the drives B: (partition GUID) and D: (partition GUID) are both volume 2") {
				t.Errorf("problems %v", p.sys.Problems)
			}
		})
	}
	// A letter beside the one that was found.
	one := w()
	delete(one.Devices, "B:")
	p := planOf(t, namesDisk(t, one, data...), nil, []string{`A:\Photos\* [*.jpg]`, `D:\* [*.iso]`, `%CSIDL_PERSONAL%\* [*]`}, func(*volumes.Set) offline.Options { return offline.Options{Map: map[byte]int{'A': 2}} })
	if want := []string{`A:\Photos\a.jpg file`, `D:\Docs\letter.doc file`, `D:\c.iso file`}; !slices.Equal(p.files(), want) {
		t.Errorf("\n got %q\nwant %q", p.files(), want)
	}
	if len(p.sys.Problems) != 1 || !strings.Contains(p.sys.Problems[0].What, "A: (--map) and D: (partition GUID)") {
		t.Errorf("problems %v", p.sys.Problems)
	}
}

// TestFolderDrives: a folder of a volume with a letter is another drive, or two.
func TestFolderDrives(t *testing.T) {
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "FOLDERS", Devices: map[string][]byte{"D:": testimages.GPTDevice(nameGUID(2))},
		Users: []testimages.Person{{Name: "anna", Files: []*ntfsgen.Node{ntfsgen.File(`Documents\l.txt`, "l"), ntfsgen.Junction("Here", `C:\Users\anna`)}}}}
	disk := namesDisk(t, w, ntfsgen.File(`Old\x.txt`, "x"), ntfsgen.File(`Old\y.txt`, "y"), ntfsgen.File("z.txt", "z"))
	at := func(volume int, base string, letters ...string) func(*volumes.Set) offline.Options {
		return func(set *volumes.Set) (opt offline.Options) {
			for _, l := range letters {
				opt.Places = append(opt.Places, offline.Place{Path: l + `:\`, Volume: set.Volumes[volume-1], Base: base, How: "--map"})
			}
			return opt
		}
	}
	for _, tt := range []struct {
		name    string
		include []string
		place   func(*volumes.Set) offline.Options
		want    []string
	}{
		{"of the system drive", []string{`C:\Users\* [*.txt]`, `E:\* [l.*]`}, at(1, "Users", "E"), []string{`C:\Users\anna\Documents\l.txt file`}},
		{"of the system drive by its letter only", []string{`E:\* [*.txt]`}, at(1, "Users", "E"), []string{`E:\anna\Documents\l.txt file`}},
		{"of the system drive and all of it", []string{`C:\* [*]`, `E:\* [*]`}, at(1, "Users", "E"), nil},
		{"of another drive", []string{`D:\* [*.txt]`, `E:\* [x.txt]`}, at(2, "Old", "E"), []string{`D:\Old\y.txt file`, `D:\z.txt file`, `E:\x.txt file`}},
		{"of another drive, wildcard", []string{`* [*.txt]`, `E:\* [x.txt]`}, at(2, "Old", "E"), []string{`C:\Users\anna\Documents\l.txt file`, `D:\Old\y.txt file`, `D:\z.txt file`, `E:\x.txt file`}},
		{"twice", []string{`E:\* [x.txt]`, `B:\* [*]`}, at(2, "Old", "E", "B"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := planOf(t, disk, nil, tt.include, tt.place)
			switch {
			case tt.want != nil:
				if got := p.files(); !slices.Equal(got, tt.want) {
					t.Errorf("\n got %q\nwant %q", got, tt.want)
				}
			case tt.name == "twice":
				// Either letter is obeyed.
				if got := p.files(); len(got) != 2 {
					t.Errorf("got %q", got)
				}
			default:
				for _, want := range []string{`C:\Users\anna\Documents\l.txt file`, `C:\Users\anna\Here link`} {
					if !slices.Contains(p.lines, want) {
						t.Errorf("no %s", want)
					}
				}
			}
		})
	}
}
