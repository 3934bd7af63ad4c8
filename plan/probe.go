package plan

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/pe"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/rules"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// probe answers what rules ask about the source: rules.Probe and all that a
// Probe can be besides.
type probe struct {
	sys   *offline.System
	users []*profile.User // those below HKU
	user  *profile.User   // nil in the system context
	// hives are those beside SOFTWARE and SYSTEM, by path; nil for one that
	// cannot be read.
	hives map[string]*hive.Hive
	// unknown are the keys that were asked for in hives of the machine that
	// are of no use: the path of the hive.
	unknown map[string]string
}

func newProbe(sys *offline.System, users []*profile.User, u *profile.User) *probe {
	return &probe{sys, users, u, map[string]*hive.Hive{}, map[string]string{}}
}

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

func (p *probe) file(node, leaf string, hasLeaf bool) (found bool) {
	p.findFiles(node, leaf, hasLeaf, func(string, string) bool {
		found = true
		return false
	})
	return found
}

// Find lists what Exists asks for; folders and keys in the order of the
// source, the files of a folder before its folders.
func (p *probe) Find(kind rules.Kind, node, leaf string, hasLeaf bool, yield func(node, leaf string) bool) {
	if kind == rules.Registry {
		p.findKeys(node, leaf, hasLeaf, yield)
		return
	}
	p.findFiles(node, leaf, hasLeaf, yield)
}

func (p *probe) findFiles(node, leaf string, hasLeaf bool, yield func(node, leaf string) bool) {
	literal, wild := cutWild(node)
	if literal == "" && wild {
		// The drive itself is open.
		for _, d := range p.Drives("Fixed") {
			p.findFrom(d, node, leaf, hasLeaf, yield)
		}
		return
	}
	v, e, err := p.sys.Resolve(literal)
	if err != nil {
		return
	}
	fs, err := v.FS()
	if err != nil {
		return
	}
	q := question{sys: p.sys, pattern: wstr.Upper(winpath.Clean(node)), leaf: leaf, hasLeaf: hasLeaf, budget: probeBudget, yield: yield}
	if !wild {
		q.tell(fs, e, winpath.Clean(literal))
		return
	}
	q.below(fs, e, winpath.Clean(literal), 0)
}

// findFrom looks for a node with an open drive on one drive.
func (p *probe) findFrom(drive, node, leaf string, hasLeaf bool, yield func(node, leaf string) bool) {
	v, e, err := p.sys.Resolve(drive + `\`)
	if err != nil {
		return
	}
	if fs, err := v.FS(); err == nil {
		q := question{sys: p.sys, pattern: wstr.Upper(winpath.Clean(node)), leaf: leaf, hasLeaf: hasLeaf, budget: probeBudget, yield: yield}
		q.below(fs, e, drive, 0)
	}
}

type question struct {
	sys     *offline.System
	pattern string // the whole node pattern, upper case
	leaf    string
	hasLeaf bool
	budget  int
	// yield takes what was found; false ends the search.
	yield func(node, leaf string) bool
}

// tell yields what folder e holds of what is asked for; true ends the search.
func (q *question) tell(fs volumes.FS, e volumes.Entry, path string) bool {
	info, err := fs.Info(e)
	if err != nil || !info.IsDir() {
		return false
	}
	path = strings.TrimRight(path, `\`)
	if !q.hasLeaf || q.leaf == "" {
		return !q.yield(path, "")
	}
	children, err := fs.Children(e)
	if err != nil {
		return false
	}
	for _, c := range children {
		if q.budget--; q.budget < 0 {
			return false
		}
		name := fs.Name(c)
		if winpath.Match(q.leaf, name, false) {
			if info, err := fs.Info(c); err == nil && !info.IsDir() && !q.yield(path, name) {
				return true
			}
		}
	}
	return false
}

func (q *question) below(fs volumes.FS, e volumes.Entry, path string, depth int) bool {
	if depth > maxDepth {
		return false
	}
	if q.matches(path) && q.tell(fs, e, path) {
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

func (p *probe) registry(node, leaf string, hasLeaf bool) (found bool) {
	p.findKeys(node, leaf, hasLeaf, func(string, string) bool {
		found = true
		return false
	})
	return found
}

func (p *probe) findKeys(node, leaf string, hasLeaf bool, yield func(node, leaf string) bool) {
	literal, wild := cutWild(node)
	q := question{pattern: wstr.Upper(node), leaf: leaf, hasLeaf: hasLeaf, budget: probeBudget, yield: yield}
	switch {
	case !wild && p.hiveNames(literal) != nil:
		if !hasLeaf {
			yield(literal, "") // it has no values
		}
	case !wild:
		if k, ok := p.key(literal); ok {
			q.tellKey(k, literal)
		}
	case literal == "":
		// The root itself is open.
		for _, root := range []string{"HKLM", "HKCU", "HKCR", "HKU"} {
			if q.belowRoot(p, root) {
				return
			}
		}
	default:
		q.belowRoot(p, literal)
	}
}

// belowRoot is belowKey for a key that may be HKLM or HKU: these are no keys of
// a file, hives stand in them.
func (q *question) belowRoot(p *probe, path string) bool {
	names := p.hiveNames(path)
	if names == nil {
		k, ok := p.key(path)
		return ok && q.belowKey(k, path, 0)
	}
	if !q.hasLeaf && q.matches(path) && !q.yield(path, "") {
		return true
	}
	for _, name := range names {
		if q.belowRoot(p, path+`\`+name) {
			return true
		}
	}
	return false
}

// classes is what the key of UsrClass.dat has behind the ID of its user.
const classes = "_Classes"

// hiveNames are the hives in HKLM or HKU; nil for every other key. SAM and
// SECURITY are not read.
func (p *probe) hiveNames(path string) []string {
	switch wstr.Upper(path) {
	case "HKLM", "HKEY_LOCAL_MACHINE":
		return []string{"SOFTWARE", "SYSTEM", "COMPONENTS", "DRIVERS"}
	case "HKU", "HKEY_USERS":
		names := []string{".DEFAULT", "S-1-5-18"}
		for _, u := range p.users {
			if belowHKU(u) {
				names = append(names, u.ID, u.ID+classes)
			}
		}
		return names
	}
	return nil
}

// hive opens a registry file once.
func (p *probe) hive(path string) (*hive.Hive, error) {
	h, known := p.hives[path]
	if !known {
		h, _ = p.sys.Hive(path)
		p.hives[path] = h
	}
	if h == nil {
		return nil, fmt.Errorf("%s: %w", path, volumes.ErrNotFound)
	}
	return h, nil
}

// fileKey opens a key of a hive in System32\config.
func (p *probe) fileKey(name, path string) (hive.Key, error) {
	h, err := p.hive(p.sys.Config(name))
	if err != nil {
		return hive.Key{}, err
	}
	if path == "" {
		return h.Root(), nil
	}
	return h.Root().Key(path)
}

// key finds the key of a path whose first name is the root.
func (p *probe) key(path string) (hive.Key, bool) {
	root, rest, _ := strings.Cut(path, `\`)
	var k hive.Key
	var err error
	switch wstr.Upper(root) {
	case "HKLM", "HKEY_LOCAL_MACHINE":
		switch name, below, _ := strings.Cut(rest, `\`); wstr.Upper(name) {
		case "COMPONENTS", "DRIVERS":
			k, err = p.fileKey(name, below)
		default:
			k, err = p.sys.HKLM(rest)
		}
	case "HKU", "HKEY_USERS":
		name, below, _ := strings.Cut(rest, `\`)
		if wstr.EqualFold(name, ".DEFAULT") || wstr.EqualFold(name, "S-1-5-18") {
			k, err = p.fileKey("DEFAULT", below)
			break
		}
		if n := len(name) - len(classes); n > 0 && wstr.EqualFold(name[n:], classes) {
			name, below = name[:n], strings.TrimRight(`Software\Classes\`+below, `\`)
		}
		i := slices.IndexFunc(p.users, func(u *profile.User) bool {
			return belowHKU(u) && wstr.EqualFold(u.ID, name)
		})
		if i < 0 {
			return k, false
		}
		k, err = hkuKey(p.users[i], below, p.hive)
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
	p.note(path, err)
	return k, err == nil
}

// tellKey yields what key k holds of what is asked for; true ends the search.
func (q *question) tellKey(k hive.Key, path string) bool {
	if !q.hasLeaf {
		return !q.yield(path, "")
	}
	for v := range k.Values() {
		if q.budget--; q.budget < 0 {
			return false
		}
		if winpath.Match(q.leaf, v.Name(), false) && !q.yield(path, v.Name()) {
			return true
		}
	}
	return false
}

func (q *question) belowKey(k hive.Key, path string, depth int) bool {
	if depth > maxKeyDepth {
		return false
	}
	if q.matches(path) && q.tellKey(k, path) {
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
	seen := map[string]bool{}
	for _, d := range p.sys.Drives {
		// A volume with two letters is one drive, and so is one of which a
		// folder is another drive.
		letter := string(rune(d.Letter)) + ":"
		prefix := p.sys.VolumePrefix(d.Volume)
		at := fmt.Sprintf("%s%s", prefix, wstr.Upper(d.Base))
		if winpath.Letter(prefix) != 0 && prefix != letter || seen[at] {
			continue
		}
		seen[at] = true
		out = append(out, letter)
	}
	for _, v := range p.sys.Unlettered() {
		out = append(out, p.sys.VolumePrefix(v))
	}
	return out
}

// VolumeNames are those of volumes with a letter, or mounted in a folder:
// rules.Volumes.
func (p *probe) VolumeNames() map[string]string {
	names := map[string]string{}
	add := func(v *volumes.Volume, base string) {
		if prefix := p.sys.VolumePrefix(v); base == "" && winpath.Letter(prefix) != 0 {
			names[strconv.Itoa(v.Number)+":"] = prefix
		}
	}
	for _, d := range p.sys.Drives {
		add(d.Volume, d.Base)
	}
	for _, m := range p.sys.Mounts {
		add(m.Volume, m.Base)
	}
	return names
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
	return valueText(v), true
}

func valueText(v hive.Value) string {
	if v.Type() == hive.TypeMultiString {
		return strings.Join(v.Strings(), "\n")
	}
	return v.Text()
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

// List lists a folder.
func (p *probe) List(folder string) []rules.Entry {
	v, e, err := p.sys.Resolve(folder)
	if err != nil {
		return nil
	}
	fs, err := v.FS()
	if err != nil {
		return nil
	}
	children, err := fs.Children(e)
	if err != nil {
		return nil
	}
	out := make([]rules.Entry, 0, len(children))
	for _, c := range children {
		if info, err := fs.Info(c); err == nil {
			out = append(out, rules.Entry{
				Name: fs.Name(c), Folder: info.IsDir(), Link: winfs.IsNameSurrogate(info.Reparse),
				Hidden: info.Attr&winfs.AttrHidden != 0, System: info.Attr&winfs.AttrSystem != 0,
			})
		}
	}
	return out
}

// FileVersion is the version resource of a program.
func (p *probe) FileVersion(node, leaf string) (*pe.FileVersion, bool) {
	r, size, ok := p.Open(rules.File, node, leaf)
	if !ok {
		return nil, false
	}
	if c, ok := r.(io.Closer); ok {
		defer c.Close()
	}
	v, err := pe.Version(r, size)
	return v, err == nil
}

// Open opens the content of a file, an io.Closer perhaps, or the data of a
// value. What is not on the disk has none.
func (p *probe) Open(kind rules.Kind, node, leaf string) (io.ReaderAt, int64, bool) {
	if kind == rules.Registry {
		k, ok := p.key(node)
		if !ok {
			return nil, 0, false
		}
		v, err := k.Value(leaf)
		if err != nil {
			return nil, 0, false
		}
		b, err := v.Data()
		return bytes.NewReader(b), int64(len(b)), err == nil
	}
	v, e, err := p.sys.Resolve(p.sys.Follow(winpath.Join(node, leaf)))
	if err != nil {
		return nil, 0, false
	}
	fs, err := v.FS()
	if err != nil {
		return nil, 0, false
	}
	info, err := fs.Info(e)
	if err != nil || info.IsDir() || info.NotLocal() || info.Mode&winfs.Encrypted != 0 {
		return nil, 0, false
	}
	s, err := fs.Open(e, "")
	if err != nil {
		return nil, 0, false
	}
	return s, s.Size(), true
}

// Follow follows links.
func (p *probe) Follow(path string) string { return p.sys.Follow(path) }
