package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/rules/builtin"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes"
)

// TestMissingVolumes: whatever a rule names and nothing answers is an outcome.
func TestMissingVolumes(t *testing.T) {
	anna := testimages.Person{Name: "anna"}
	away := testimages.Person{Name: "anna", Profile: `E:\Profiles\anna`}
	music := testimages.Person{Name: "anna", Registry: shellFolder("My Music", `H:\Music`)}
	var docs []*migxml.Document
	for _, n := range builtin.Default() {
		b, err := builtin.File(n)
		if err != nil {
			t.Fatal(err)
		}
		d, _, err := migxml.Parse("builtin:"+n, b)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
	}
	usb := hivegen.UTF16(`_??_USBSTOR#Disk&Ven_X&Prod_Y&Rev_1#1&0#{53f56307-b6bf-11d0-94f2-00a0c91efb8b}`)
	for _, tt := range []struct {
		name    string
		who     testimages.Person
		docs    []*migxml.Document
		include []string
		devices map[string][]byte
		place   func(*volumes.Set) offline.Options
		want    []string
		reason  string // in the first
		links   []string
	}{
		{name: "built-in rules", who: anna, docs: docs},
		{name: "built-in rules and letters of disks that were once here", who: anna, docs: docs, devices: map[string][]byte{"F:": testimages.GPTDevice(nameGUID(9)), "G:": usb}},
		{name: "a profile", who: away, docs: docs, want: []string{`E:\ volume-missing`, `E:\Profiles\anna volume-missing`}, reason: `a rule for the profile of LOST\anna (E:\Profiles\anna) names drive E:, which nothing on the sources answers`},
		{name: "a profile, whatever the rules are", who: away, include: []string{`C:\Windows [explorer.exe]`}, want: []string{`E:\Profiles\anna volume-missing`}, reason: `the profile folder of LOST\anna is on E:, which is not among the sources: give its disk as well, name its volume with --map 'E=NUMBER', or leave the user out with --not-user 'LOST\anna'`},
		{name: "a redirected folder", who: music, docs: docs, want: []string{`H:\ volume-missing`}, reason: `a rule for Music of LOST\anna (H:\Music) names drive H:, which nothing on the sources answers`},
		{name: "a letter that is nowhere", who: anna, include: []string{`X:\Photos\* [*]`}, want: []string{`X:\ volume-missing`}, reason: `--include 'X:\Photos\* [*]' names drive X:, which nothing on the sources answers, and which is no fixed disk of this Windows: give that disk as well, name its volume with --map X=NUMBER, or leave it out with --exclude 'X:\* [*]'`},
		{name: "a USB disk", who: anna, include: []string{`G:\* [*]`}, devices: map[string][]byte{"G:": usb}, want: []string{`G:\ volume-missing`}},
		{name: "a disk that was once here", who: anna, include: []string{`F:\* [*]`}, devices: map[string][]byte{"F:": testimages.GPTDevice(nameGUID(9))}, want: []string{`F:\ volume-missing`}, reason: "which this Windows had on a disk that is not among the sources"},
		{name: "everywhere", who: anna, include: []string{`* [*.nosuch]`}, devices: map[string][]byte{"F:": testimages.GPTDevice(nameGUID(9)), "G:": usb}, links: []string{`F:\`}},
		{name: "mappings that leave a drive out", who: anna, include: []string{`D:\* [*]`, `E:\* [z.txt]`}, devices: map[string][]byte{"D:": testimages.GPTDevice(nameGUID(2))}, want: []string{`D:\ volume-missing`}, reason: "which this Windows had on a disk",
			place: func(set *volumes.Set) offline.Options {
				return offline.Options{Replace: true, Places: []offline.Place{{Path: `E:\`, Volume: set.Volumes[1], How: "offline.xml"}}}
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &testimages.Windows{Edition: testimages.Windows10, Computer: "LOST", Users: []testimages.Person{tt.who}, Devices: tt.devices}
			p := planOf(t, namesDisk(t, w, ntfsgen.File("z.txt", "z")), tt.docs, tt.include, tt.place)
			var got []string
			for i, r := range p.Refused {
				got = append(got, r.Path+" "+r.Outcome)
				if i == 0 && !strings.Contains(r.Reason, tt.reason) {
					t.Errorf("reason %q, want %q", r.Reason, tt.reason)
				}
				if r.Path == away.Profile && p.Owners[r.Owner] != `LOST\anna` {
					t.Errorf("owner %q", p.Owners[r.Owner])
				}
			}
			got = slices.DeleteFunc(got, func(s string) bool { return !strings.HasSuffix(s, VolumeMissing) && strings.HasPrefix(s, "HK") })
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if !slices.Equal(p.LinksOnly, tt.links) {
				t.Errorf("links %q, want %q", p.LinksOnly, tt.links)
			}
		})
	}
}
