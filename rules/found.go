package rules

import (
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/ini"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/migxml"
)

// DocPatterns is what GenerateDocPatterns() makes for the context i of ctxs:
// patterns that say the same without the function, but for files that are
// hidden and of the system, which it leaves out. Excludes that nothing that is
// included has to do with are not among them.
func DocPatterns(ctxs []Context, i int) (include, exclude []string, err error) {
	c := &compiler{ctxs: ctxs, warned: map[migxml.Warning]bool{}, unusable: map[ruleKey]*unusable{}, exists: map[string]bool{}, inis: map[string]*ini.File{}}
	find := func(includes string, a migxml.Action) (out []placed) {
		v := &evaluation{compiler: c, ctx: &ctxs[i], index: int16(i), mask: migxml.UserAndSystem, scope: &scope{collect: &out}}
		args := []migxml.Arg{{Value: "FALSE"}, {Value: includes}, {Value: "FALSE"}}
		v.docPatterns(&migxml.Call{Name: "GenerateDocPatterns", Args: args, Text: "MigXmlHelper.GenerateDocPatterns"}, a)
		return out
	}
	in, out := find("TRUE", migxml.Include), find("FALSE", migxml.Exclude)
	if c.err != nil {
		return nil, nil, c.err
	}
	// All are a file, or a folder with everything in it.
	top := func(p placed) string { return strings.TrimSuffix(p.node, `\*`) }
	add := func(list *[]string, p placed) {
		if text := p.text(); !slices.ContainsFunc(*list, func(s string) bool { return strings.EqualFold(s, text) }) {
			*list = append(*list, text)
		}
	}
	for _, e := range out {
		if slices.ContainsFunc(in, func(p placed) bool {
			rel, below := winpath.Rel(top(p), top(e))
			return p.leaf == "*" && below && rel != ""
		}) {
			add(&exclude, e)
		}
	}
	for _, p := range in {
		// On a tie the exclude wins.
		if !slices.ContainsFunc(out, func(e placed) bool { return strings.EqualFold(e.text(), p.text()) }) {
			add(&include, p)
		}
	}
	return include, exclude, nil
}

// FilePattern is the pattern of one file.
func FilePattern(folder, name string) string {
	return location{strings.TrimRight(folder, `\`), name, true}.text()
}

// FolderPattern is the pattern of one folder.
func FolderPattern(path string) string {
	return location{node: strings.TrimRight(path, `\`)}.text()
}
