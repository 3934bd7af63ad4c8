package plan_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
)

// The EFI system partition is readable, and no rule takes anything of it but
// one that names it, by its number or by the letter it was given.
func TestEFIPartition(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(disk); err != nil {
		t.Fatal(err)
	}
	set, err := volumes.Open([]string{disk}, volumes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if v := set.Volumes[0]; v.Kind != volumes.FAT || !v.Starts() || set.Volumes[2].Starts() {
		t.Fatalf("volume 1 is %s", v.Kind)
	}
	for _, tt := range []struct {
		name, pattern string
		places        []offline.Place
		want          []string
	}{
		{"everywhere", `*\* [*.efi]`, nil, nil},
		{"everything", `*\EFI\* [*]`, nil, nil},
		{"by number", `1:\* [*.efi]`, nil, []string{`1:\EFI\Microsoft\Boot\bootmgfw.efi`}},
		{"by letter", `S:\* [*.efi]`, []offline.Place{{Path: `S:\`, Volume: set.Volumes[0], How: "--map"}}, []string{`S:\EFI\Microsoft\Boot\bootmgfw.efi`}},
		{"everywhere, with a letter", `*\* [*.efi]`, []offline.Place{{Path: `S:\`, Volume: set.Volumes[0], How: "--map"}}, []string{`S:\EFI\Microsoft\Boot\bootmgfw.efi`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			systems, _, err := offline.Find(set, offline.Options{Places: tt.places})
			if err != nil || len(systems) != 1 {
				t.Fatalf("%d systems, %v", len(systems), err)
			}
			d, _, err := migxml.Parse("x.xml", []byte(`<migration urlid="http://example.org/efi"><component type="System" context="System"><displayName>x</displayName><role role="Data"><rules><include><objectSet><pattern type="File">`+tt.pattern+`</pattern></objectSet></include></rules></role></component></migration>`))
			if err != nil {
				t.Fatal(err)
			}
			p, err := plan.Build(context.Background(), systems[0], set, nil, []*migxml.Document{d}, plan.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for o := range p.Objects {
				if o.Outcome == "" { // and no drive that is missing
					got = append(got, string(o.Path))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
