package main

import (
	"fmt"
)

// mapFileFlags name the map files of images that ddrescue made.
type mapFileFlags struct {
	MapFile []string `help:"The map file that ddrescue wrote beside a copy: what it never read counts as bad sectors. The first belongs to the first SOURCE, and so on; - for a SOURCE without one. IMAGE.map is found without it." placeholder:"FILE" sep:"none"`
}

// mapFiles are volumes.Options.MapFiles for that many sources.
func (f *mapFileFlags) mapFiles(sources int) ([]string, error) {
	if len(f.MapFile) > sources {
		what := fmt.Sprintf("there are %d sources and %d map files", sources, len(f.MapFile))
		if sources == 1 {
			what = fmt.Sprintf("there is one source and %d map files", len(f.MapFile))
		}
		return nil, fail(statusUsage, fmt.Errorf("--map-file %s: %s", f.MapFile[sources], what), "the first map file belongs to the first source, and so on; put - for a source without one")
	}
	return f.MapFile, nil
}
