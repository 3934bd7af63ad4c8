package ntfs

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// TestMatrixNTFS3G compares the volumes of all geometries with what ntfs-3g
// reads of them.
func TestMatrixNTFS3G(t *testing.T) {
	needsNTFS3G(t)
	matrix(t, func(t *testing.T, v *ntfsgen.Volume) {
		img := filepath.Join(t.TempDir(), "volume.img")
		if err := v.WriteFile(img); err != nil {
			t.Fatal(err)
		}
		g := &tree3g{t: t, streams: map[string][]byte{}}
		for _, f := range v.Files() {
			for _, s := range f.Streams {
				for _, p := range f.Paths {
					g.streams[strings.ReplaceAll(p, `\`, "/")+":"+s.Name] = s.Data.All()
				}
			}
		}
		dir, unmount := mount(t, img, "ro,streams_interface=windows,permissions")
		want := g.expected(dir)
		unmount()
		compareAnswers(t, answers(t, openFile(t, img)), want)
	})
}
