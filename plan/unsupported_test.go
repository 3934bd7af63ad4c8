package plan_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
)

// A drive with a file system that is not read is unsupported when a rule
// reaches it, and nobody's loss when none does.
func TestUnsupportedDrives(t *testing.T) {
	folder := t.TempDir()
	disk := filepath.Join(folder, "disk.img")
	if err := testimages.WriteDisk(disk); err != nil {
		t.Fatal(err)
	}
	for _, sig := range []string{"EXFAT   ", "ReFS\x00\x00\x00\x00"} {
		boot := make([]byte, 4096)
		copy(boot[3:], sig)
		other := filepath.Join(folder, strings.TrimRight(sig, " \x00")+".img")
		if err := os.WriteFile(other, boot, 0o666); err != nil {
			t.Fatal(err)
		}
		set, err := volumes.Open([]string{disk, other}, volumes.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		v := set.Volumes[len(set.Volumes)-1]
		systems, _, err := offline.Find(set, offline.Options{Places: []offline.Place{{Path: `D:\`, Volume: v, How: "--map"}}})
		if err != nil || len(systems) != 1 {
			t.Fatalf("%d systems, %v", len(systems), err)
		}
		for pattern, want := range map[string]string{`D:\Photos\* [*]`: plan.Unsupported, `C:\Users\anna\Documents [notes.txt]`: ""} {
			d, _, err := migxml.Parse("x.xml", []byte(`<migration urlid="http://example.org/d"><component type="System" context="System"><displayName>x</displayName><role role="Data"><rules><include><objectSet><pattern type="File">`+pattern+`</pattern></objectSet></include></rules></role></component></migration>`))
			if err != nil {
				t.Fatal(err)
			}
			p, err := plan.Build(context.Background(), systems[0], set, nil, []*migxml.Document{d}, plan.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for o := range p.Objects {
				if strings.HasPrefix(string(o.Path), `D:`) {
					got += o.Outcome
					if !strings.Contains(string(o.Reason), v.Kind) {
						t.Errorf("%s: %q does not name %s", pattern, o.Reason, v.Kind)
					}
				}
			}
			if got != want {
				t.Errorf("%s, %s: outcome %q, want %q", v.Kind, pattern, got, want)
			}
		}
	}
}
