package offline

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes"
)

// BenchmarkMountPoints looks for mounted volumes among 100,000 files.
func BenchmarkMountPoints(b *testing.B) {
	var nodes []*ntfsgen.Node
	for i := range 100_000 {
		nodes = append(nodes, ntfsgen.File(fmt.Sprintf(`a\%d\%d`, i/1000, i)))
	}
	nodes = append(nodes, ntfsgen.MountPoint("m", mountGUIDs[0]))
	path := filepath.Join(b.TempDir(), "disk.img")
	d := diskgen.Disk{GPT: true, Parts: []diskgen.Part{{Content: ntfsgen.Build(ntfsgen.Options{}, nodes...)}}}
	if err := d.Build().WriteFile(path); err != nil {
		b.Fatal(err)
	}
	set, err := volumes.Open([]string{path}, volumes.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer set.Close()
	for b.Loop() {
		if got, _ := mountPoints(set.Volumes[0]); len(got) != 1 {
			b.Fatal(got)
		}
	}
}
