package coldstate_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/coldstate/coldstate"

// mayImport is the import table of the project: for each package the packages
// of ours that it may use outside of its tests. Imports point downwards only;
// a package that is not here does not belong here yet.
var mayImport = map[string][]string{
	".":                       {},
	"internal/le":             {},
	"internal/wstr":           {},
	"internal/winpath":        {"internal/wstr"},
	"internal/winsec":         {"internal/le", "internal/wstr"},
	"internal/xmlpos":         {},
	"internal/publicdata":     {},                                // for tests only: no row below names it
	"internal/testwin":        {"volumes", "offline", "profile"}, // for tests only, too
	"internal/mutants":        {},                                // for tests only, too
	"internal/pe":             {"internal/wstr"},
	"internal/efs":            {"internal/winsec", "internal/wstr"},
	"internal/regtext":        {"internal/le", "internal/wstr"},
	"internal/wimcodec":       {},
	"volumes/winfs":           {"internal/wstr"},
	"volumes/winfs/winfstest": {"volumes/winfs"}, // for tests only
	"volumes/medium":          {},
	"volumes/partition":       {"internal/le", "internal/wstr"}, // names in a GPT are UTF-16
	"volumes/ntfs":            {"internal/le", "internal/wimcodec", "internal/wstr", "volumes/winfs"},
	"volumes/fat":             {"internal/le", "internal/wstr", "volumes/winfs"},
	"volumes/wim":             {"internal/le", "internal/wimcodec", "internal/wstr", "volumes/winfs"},
	"volumes/bitlocker":       {"internal/wstr"},
	"volumes/ldm":             {},
	"volumes/image":           {"internal/wstr"}, // names of parents are UTF-16
	"volumes":                 {"internal/le", "internal/wstr", "volumes/winfs", "volumes/medium", "volumes/image", "volumes/partition", "volumes/bitlocker", "volumes/ldm", "volumes/ntfs", "volumes/fat", "volumes/wim"},
	"hive":                    {"internal/le", "internal/wstr"},
	"internal/ini":            {"internal/winpath"},
	"migxml":                  {"internal/ini", "internal/xmlpos"},
	"store":                   {"internal/wstr"},
	"offline":                 {"volumes", "volumes/winfs", "hive", "internal/pe", "internal/winpath", "internal/winsec", "internal/wstr", "internal/xmlpos"},
	"winold":                  {"offline", "profile", "volumes", "volumes/winfs", "hive", "internal/winpath", "internal/wstr"}, // profile: whose files went over to the Windows that is there
	"profile":                 {"offline", "volumes", "volumes/winfs", "hive", "internal/le", "internal/winpath", "internal/winsec", "internal/wstr"},
	"rules":                   {"migxml", "internal/ini", "internal/pe", "internal/winpath", "internal/wstr"}, // pe: the type of a version resource
	"rules/builtin":           {},
	"inventory":               {"offline", "profile", "hive", "volumes", "internal/winpath", "internal/wstr"},
	"plan":                    {"offline", "profile", "volumes", "volumes/winfs", "hive", "migxml", "rules", "internal/pe", "internal/winpath", "internal/winsec", "internal/wstr"},
	"capture":                 {"plan", "offline", "profile", "volumes", "volumes/winfs", "hive", "migxml", "rules", "store", "internal/efs", "internal/regtext", "internal/winpath", "internal/winsec", "internal/wstr"},
	"restore/folder":          {"internal/winpath", "internal/wstr"},
	"testimages":              {"testimages/hivegen", "testimages/ntfsgen", "testimages/diskgen", "testimages/lockgen"},
	"testimages/diskgen":      {},
	"testimages/hivegen":      {},
	"testimages/lockgen":      {}, // not volumes/bitlocker, which it checks
	"testimages/ntfsgen":      {"testimages/hivegen"},
	"testimages/mktree":       {"testimages", "testimages/hivegen"}, // builds the disk of testimages
}

// mayImportAll are the packages that talk to people, and may use everything.
var mayImportAll = []string{"cmd/coldstate"}

func TestImportTable(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && name != ".") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		pkg := path.Dir(filepath.ToSlash(name))
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen[pkg] = true
		if strings.HasSuffix(name, "_test.go") || slices.Contains(mayImportAll, pkg) {
			return nil
		}
		allowed, ok := mayImport[pkg]
		if !ok {
			t.Errorf("%s: package %s is not in the import table of layout_test.go: say there what it may import", name, pkg)
			return nil
		}
		for _, imp := range f.Imports {
			p, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			ours, ok := strings.CutPrefix(p, module+"/")
			if ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s: %s must not import %s: imports point downwards only", name, pkg, ours)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range mayImport {
		if !seen[pkg] {
			t.Errorf("the import table names %s, which does not exist", pkg)
		}
	}
}
