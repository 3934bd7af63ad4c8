package plan

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// probe answers what detection rules ask about the source: rules.Probe,
// rules.Platform and rules.Contents.
type probe struct {
	sys  *offline.System
	user *profile.User // nil in the system context
}

func newProbe(sys *offline.System, u *profile.User) *probe { return &probe{sys, u} }

// probeBudget bounds the entries one wildcard question may look at: a
// detection that needs more is a mistake in the rule.
const probeBudget = 2_000_000

// Exists says whether an object fits: a folder or key when hasLeaf is false,
// else a file or value in it. Node and leaf are expanded; "*" in a node spans
// levels.
func (p *probe) Exists(kind rules.Kind, node, leaf string, hasLeaf bool) bool {
	if kind == rules.Registry {
		return p.registry(node, leaf, hasLeaf)
	}
	return p.file(node, leaf, hasLeaf)
}

func (p *probe) file(node, leaf string, hasLeaf bool) bool {
	literal, wild := cutWild(node)
	v, e, err := p.sys.Resolve(literal)
	if err != nil {
		return false
	}
	fs, err := v.FS()
	if err != nil {
		return false
	}
	q := question{sys: p.sys, pattern: wstr.Upper(winpath.Clean(node)), leaf: leaf, hasLeaf: hasLeaf, budget: probeBudget}
	if !wild {
		return q.fits(fs, e)
	}
	return q.below(fs, e, winpath.Clean(literal), 0)
}

type question struct {
	sys     *offline.System
	pattern string // the whole node pattern, upper case
	leaf    string
	hasLeaf bool
	budget  int
}

// fits says whether folder e holds what is asked for.
func (q *question) fits(fs volumes.FS, e volumes.Entry) bool {
	info, err := fs.Info(e)
	if err != nil || !info.IsDir() {
		return false
	}
	if !q.hasLeaf || q.leaf == "" {
		return true
	}
	children, err := fs.Children(e)
	if err != nil {
		return false
	}
	for _, c := range children {
		if q.budget--; q.budget < 0 {
			return false
		}
		if info, err := fs.Info(c); err == nil && !info.IsDir() && winpath.Match(q.leaf, fs.Name(c), false) {
			return true
		}
	}
	return false
}

func (q *question) below(fs volumes.FS, e volumes.Entry, path string, depth int) bool {
	if depth > maxDepth {
		return false
	}
	if q.matches(path) && q.fits(fs, e) {
		return true
	}
	children, err := fs.Children(e)
	if err != nil {
		return false
	}
	for _, c := range children {
		if q.budget--; q.budget < 0 {
			return false
		}
		info, err := fs.Info(c)
		if err == nil && info.Reparse == winfs.TagMountPoint && q.mounted(winpath.Join(path, fs.Name(c)), depth+1) {
			return true
		}
		if err != nil || !info.IsDir() || winfs.IsNameSurrogate(info.Reparse) {
			continue
		}
		if q.below(fs, c, winpath.Join(path, fs.Name(c)), depth+1) {
			return true
		}
	}
	return false
}

// mounted asks the volume that is mounted in the folder path, if that is how
// the volume is called.
func (q *question) mounted(path string, depth int) bool {
	v, base, ok := q.sys.MountAt(path)
	if !ok || v == nil || !wstr.EqualFold(q.sys.Path(v, base), path) {
		return false
	}
	fs, err := v.FS()
	if err != nil {
		return false
	}
	e, err := fs.Lookup(base)
	return err == nil && q.below(fs, e, path, depth)
}

// matches says whether the node pattern fits the path of a folder: `X\*`
// fits X itself as well.
func (q *question) matches(path string) bool {
	if head, ok := strings.CutSuffix(q.pattern, `\*`); ok && winpath.Match(head, path, false) {
		return true
	}
	return winpath.Match(q.pattern, path, false)
}

func (p *probe) registry(node, leaf string, hasLeaf bool) bool {
	literal, wild := cutWild(node)
	k, ok := p.key(literal)
	if !ok {
		return false
	}
	q := question{pattern: wstr.Upper(node), leaf: leaf, hasLeaf: hasLeaf, budget: probeBudget}
	if !wild {
		return q.keyFits(k)
	}
	return q.belowKey(k, literal, 0)
}

// key finds the key of a path whose first name is the root.
func (p *probe) key(path string) (hive.Key, bool) {
	root, rest, _ := strings.Cut(path, `\`)
	var k hive.Key
	var err error
	switch wstr.Upper(root) {
	case "HKLM", "HKEY_LOCAL_MACHINE":
		k, err = p.sys.HKLM(rest)
	case "HKCR", "HKEY_CLASSES_ROOT":
		k, err = p.sys.HKLM(winpath.Join(`SOFTWARE\Classes`, rest))
	case "HKCU", "HKEY_CURRENT_USER":
		if p.user == nil {
			return k, false
		}
		k, err = p.user.HKCU(rest)
	default:
		return k, false
	}
	return k, err == nil
}

func (q *question) keyFits(k hive.Key) bool {
	if !q.hasLeaf {
		return true
	}
	for v := range k.Values() {
		if q.budget--; q.budget < 0 {
			return false
		}
		if winpath.Match(q.leaf, v.Name(), false) {
			return true
		}
	}
	return false
}

func (q *question) belowKey(k hive.Key, path string, depth int) bool {
	if depth > maxKeyDepth {
		return false
	}
	if q.matches(path) && q.keyFits(k) {
		return true
	}
	for sub := range k.Subkeys() {
		if q.budget--; q.budget < 0 {
			return false
		}
		if q.belowKey(sub, path+`\`+sub.Name(), depth+1) {
			return true
		}
	}
	return false
}

// cutWild gives the folders or keys above the first "*" of node.
func cutWild(node string) (literal string, wild bool) {
	i := strings.IndexByte(node, '*')
	if i < 0 {
		return strings.TrimRight(node, `\`), false
	}
	node = node[:i]
	j := strings.LastIndexByte(node, '\\')
	if j < 0 {
		return "", true
	}
	return node[:j], true
}

// Drives lists the source's drives of a kind. A disk that is not running
// does not tell fixed from removable: every volume of the given sources
// counts as fixed, because it was handed over as part of the machine.
func (p *probe) Drives(kind string) []string {
	if !strings.EqualFold(kind, "Fixed") {
		return nil
	}
	var out []string
	for _, d := range p.sys.Drives {
		if d.Volume != nil {
			out = append(out, string(rune(d.Letter))+":")
		}
	}
	return out
}

// Native64Bit says whether the source is a 64-bit Windows.
func (p *probe) Native64Bit() bool { return p.sys.Is64() }

// Version is the source's: "10.0.19045.", "6.1.7601.Service Pack 1".
func (p *probe) Version() string {
	return fmt.Sprintf("%s.%d.%s", p.sys.Version, p.sys.Build, p.sys.ServicePack)
}

// maxText is the largest file whose text a rule can ask for.
const maxText = 1 << 20

// Text is the content of a registry value, or of a file of up to 1 MiB, as
// text.
func (p *probe) Text(kind rules.Kind, node, leaf string) (string, bool) {
	if kind == rules.File {
		b, err := p.sys.ReadFile(winpath.Join(node, leaf), maxText)
		if err != nil {
			return "", false
		}
		return fileText(b), true
	}
	k, ok := p.key(node)
	if !ok {
		return "", false
	}
	v, err := k.Value(leaf)
	if err != nil {
		return "", false
	}
	if v.Type() == hive.TypeMultiString {
		return strings.Join(v.Strings(), "\n"), true
	}
	return v.Text(), true
}

// fileText decodes a file by its byte order mark; without one it is UTF-8 if
// it can be, else Latin-1.
func fileText(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return wstr.FromUTF16LE(b[2:])
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		return string(b[3:])
	case utf8.Valid(b):
		return string(b)
	}
	return wstr.FromLatin1(b)
}
