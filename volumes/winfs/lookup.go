package winfs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Shorter is an FS in which files may have 8.3 names.
type Shorter interface {
	FS
	ShortName(Entry) string
}

// LookupSorted is Lookup for an FS whose folders are sorted by name, without
// regard to case: the name that is the same counts, then one in other case,
// then an 8.3 name.
func LookupSorted(fs Shorter, path string) (Entry, error) {
	e := fs.Root()
	for name := range strings.SplitSeq(path, `\`) {
		if name == "" {
			continue
		}
		kids, err := fs.Children(e)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, ErrNotFound)
		}
		k, ok := findSorted(fs, kids, name)
		if !ok {
			return 0, fmt.Errorf("%s: %w", path, ErrNotFound)
		}
		e = k
	}
	return e, nil
}

func findSorted(fs Shorter, kids []Entry, name string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(kids, name, func(e Entry, name string) int { return wstr.Compare(fs.Name(e), name) })
	if ok {
		first := kids[i]
		for ; i < len(kids) && wstr.EqualFold(fs.Name(kids[i]), name); i++ {
			if fs.Name(kids[i]) == name {
				return kids[i], true
			}
		}
		return first, true
	}
	for _, e := range kids {
		if short := fs.ShortName(e); short != "" && wstr.EqualFold(short, name) {
			return e, true
		}
	}
	return 0, false
}
