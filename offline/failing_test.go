package offline

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/medium"
)

// A bad sector in any place of a registry file of the machine costs the keys
// there: the Windows is found, and what is missing is said.
func TestHiveWithBadSectors(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(image); err != nil {
		t.Fatal(err)
	}
	r, size := testimages.Disk()
	open := func(bad []int64) ([]*System, *volumes.Set) {
		set, err := volumes.Open([]string{image}, volumes.Options{Medium: func(_ string, _ io.ReaderAt, _ int64, opt *medium.Options) io.ReaderAt {
			opt.Sector = 512
			return &testimages.Faulty{R: r, Size: size, Bad: bad}
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { set.Close() })
		systems, _, err := Find(set, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return systems, set
	}
	whole, set := open(nil)
	fs, err := set.Volumes[2].FS()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"SOFTWARE", "SYSTEM"} {
		e, err := fs.Lookup(`Windows\System32\config\` + name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := fs.Open(e, "")
		if err != nil {
			t.Fatal(err)
		}
		tested, kept := 0, 0
		for _, x := range s.Extents() {
			for at := int64(0); at < x.Len; at += 512 {
				n := min(512, x.Len-at)
				systems, _ := open([]int64{(set.Volumes[2].Offset + x.Pos + at) / 512})
				tested++
				if len(systems) != 1 {
					t.Errorf("%s, byte %d: %d systems", name, x.Off+at, len(systems))
					continue
				}
				if !systems[0].Degraded() {
					kept++
				}
				st, ok := systems[0].HiveState(`C:\Windows\System32\config\` + name)
				if !ok || st.Fallback == "" && st.Error == "" && st.Unreadable != n {
					t.Errorf("%s, byte %d: %+v", name, x.Off+at, st)
				}
				if p, ok := st.Tell(); !ok || !st.Lost() || !strings.Contains(p.What, "cannot be") {
					t.Errorf("%s, byte %d: %v is told", name, x.Off+at, p)
				}
				if systems[0].Dir != whole[0].Dir {
					t.Errorf("%s, byte %d: the Windows is %s", name, x.Off+at, systems[0].Dir)
				}
			}
		}
		t.Logf("%s: with %d of %d sectors bad, one at a time, it tells what the Windows is", name, kept, tested)
		if kept < tested*3/4 || tested < 10 {
			t.Errorf("%s: it is of use with only %d of %d bad sectors", name, kept, tested)
		}
	}
}
