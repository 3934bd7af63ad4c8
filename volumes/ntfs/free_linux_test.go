package ntfs

import (
	"regexp"
	"strconv"
	"testing"
)

// TestFreeOf3G compares with what ntfsinfo says of volumes that mkntfs made.
func TestFreeOf3G(t *testing.T) {
	needs(t, "mkntfs", "ntfsinfo")
	figure := regexp.MustCompile(`Free Clusters: (\d+)`)
	for _, args := range [][]string{{"-c", "512"}, {"-c", "4096"}, {"-c", "65536"}} {
		img := makeVolume(t, 48<<20+12345*512, args...)
		m := figure.FindStringSubmatch(run3g(t, "ntfsinfo", "-m", img))
		if m == nil {
			t.Fatal("ntfsinfo prints no free clusters")
		}
		want, _ := strconv.ParseInt(m[1], 10, 64)
		fs := openFile(t, img)
		if free, err := fs.Free(); err != nil || free != want*fs.geo.cluster || want == 0 {
			t.Errorf("%q: %d bytes free, %v; ntfsinfo says %d clusters of %d", args, free, err, want, fs.geo.cluster)
		}
	}
}
