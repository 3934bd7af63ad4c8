// Package rules decides which objects of a Windows are taken, and which rule
// said so. It is given syntax trees, variables and answers to the questions
// of conditions; it does no I/O itself.
//
// Compile turns the patterns of all files, components and contexts into one
// Set. A Walk goes through the folders of a volume, or the keys of a hive, in
// step with the caller and knows in each of them which patterns can still
// match there.
//
// # Which rule wins
//
// Within one component, in one context, the most specific pattern that
// matches an object decides; when an include and an exclude are equally
// specific, the exclude does. More specific is, in this order: a node without
// "*"; the longer text before the first "*" of the node; more literal
// characters in the node; no leaf, or a leaf without "*"; more literal
// characters in the leaf. An object is taken when the rules of any component
// take it, and no unconditionalExclude of any component matches it.
package rules

import (
	"io"
	"slices"
	"time"

	"github.com/coldstate/coldstate/internal/pe"
	"github.com/coldstate/coldstate/migxml"
)

// Kind tells files from registry objects.
type Kind int

const (
	File     Kind = iota // folders and files
	Registry             // keys and values
)

func (k Kind) String() string {
	if k == Registry {
		return "Registry"
	}
	return "File"
}

// Env holds the variables of one context.
type Env interface {
	// Lookup finds a variable by its name without percent signs, in any case.
	Lookup(name string) (value string, ok bool)
}

// Probe answers what conditions ask about the source. It may also implement
// Platform, Contents, Finder, Lister, Programs and Data; without them, rules
// that ask for these are refused with a *migxml.UnsupportedError. With Paths,
// places that are reached by links are known to be the same.
type Probe interface {
	// Exists says whether at least one object fits: the folder or key node,
	// or with hasLeaf a file or value leaf in it ("": the default value).
	// Both may hold "*", which stands for any characters, in node "\" too;
	// everything else is literal. Single makes a Set that finds them.
	Exists(kind Kind, node, leaf string, hasLeaf bool) bool
	// Drives lists the drives ("C:") of a kind: Fixed, CDROM, Removable,
	// Remote.
	Drives(kind string) []string
}

// Platform is implemented by a Probe that knows the version of the source.
type Platform interface {
	// Native64Bit says whether the source is a 64-bit Windows.
	Native64Bit() bool
	// Version is "major.minor.build.service pack": "6.1.7601.Service Pack 1",
	// "10.0.19045.".
	Version() string
}

// Contents is implemented by a Probe that can read values and small files as
// text.
type Contents interface {
	// Text is the content of one object: strings as they are, numbers in
	// decimal, the strings of a REG_MULTI_SZ joined by line feeds.
	Text(kind Kind, node, leaf string) (text string, ok bool)
}

// Finder is implemented by a Probe that can list the objects of a location.
type Finder interface {
	// Find calls yield with every object that Exists would find, under its
	// names on the source and in their order, until yield returns false. Leaf
	// is "" for folders and keys.
	Find(kind Kind, node, leaf string, hasLeaf bool, yield func(node, leaf string) bool)
}

// Lister is implemented by a Probe that can list a folder.
type Lister interface {
	List(folder string) []Entry
}

// Entry is what is in a folder.
type Entry struct {
	Name         string
	Folder, Link bool
	Hidden       bool // with System as well: a file of Windows itself
	System       bool
}

// Programs is implemented by a Probe that reads version resources.
type Programs interface {
	// FileVersion is the version resource of the file leaf in node.
	FileVersion(node, leaf string) (*pe.FileVersion, bool)
}

// Data is implemented by a Probe that can read the bytes of objects.
type Data interface {
	// Open gives the bytes of a file, or the data of a value.
	Open(kind Kind, node, leaf string) (r io.ReaderAt, size int64, ok bool)
}

// Paths is implemented by a Probe that can follow links.
type Paths interface {
	// Follow gives the path that path leads to.
	Follow(path string) string
}

// Object tells of a file or value what filters ask. Its methods are called
// only when a rule needs them.
type Object interface {
	// Size is the number of bytes of a file, negative when it has none that
	// could be compared (links, values).
	Size() int64
	// Time is one of the dates of a file, in the local time of the source;
	// zero when it has none.
	Time(migxml.Property) time.Time
	// HiddenSystem says whether a file is hidden and of the system, both.
	HiddenSystem() bool
	// Text is the content as Contents has it.
	Text() (string, bool)
}

// Context is one evaluation of the rules: of the system, or of a user.
type Context struct {
	Name  string // "System", or the SID
	Label string // what people call it in warnings; "" for Name
	User  bool
	Env   Env   // nil: no variables
	Probe Probe // nil: nothing exists
}

// Options are rules from the command line.
type Options struct {
	// Include and Exclude are patterns, of files when they start with a
	// drive, a variable or "*", of the registry when they start with a root
	// key. Include acts as a component of its own in all contexts, Exclude as
	// unconditionalExclude.
	Include, Exclude []string
	// Off are the components that a Config.xml switches off, by their IDs:
	// urlid/displayName/role in any case. They are as if they were not in the
	// rule files.
	Off []*migxml.ConfigComponent
	// Explain compiles what Set.Explain tells of rules that are off, too: those
	// whose detection or conditions are false, those that a Config.xml switches
	// off, and those of Others, users who are not chosen. In a Match the indexes
	// of their contexts follow those of the others.
	Explain bool
	Others  []Context
}

// Set is a compiled set of rules. It is safe for concurrent use.
type Set struct {
	rules   []RuleInfo
	files   *tree
	machine *tree            // registry but HKCU; keys by the names of names.go
	users   map[string]*tree // HKCU by context name
	kept    Kept
	alsoIn  map[int32][]int16 // further contexts of a scope
	idle    []idleRule
	others  []string // of Options.Others
}

// Decision says what happens to an object.
type Decision struct {
	Take bool
	// Rule is an index for Set.Rule: the include that takes the object, or
	// an exclude that stands against it; -1 when no rule matches, or none
	// that could take anything there.
	Rule int32
	// Context is the index of the context in which the rule was evaluated.
	Context int16
}

var nothing = Decision{Rule: -1, Context: -1}

// RuleInfo describes a rule.
type RuleInfo struct {
	Pos       migxml.Pos // File is "--include" or "--exclude" for rules of the command line
	Component string     // displayName
	// About is what the component says of itself; nil for rules of the
	// command line.
	About *migxml.About
	Text  string // the pattern or script as written

	Include, Exclude, Unconditional bool // one of them
	// Filter is the call of the filter as written, "" for none. NeverRestore,
	// IgnoreIrrelevantLinks and SameRegContent act at restore.
	Filter string
	// Contexts are the indexes of those in which it was evaluated.
	Contexts []int16
	// Ini says that the rule asks for settings of the file, not for the whole
	// of it; Text names them.
	Ini bool
}

// Rule describes rule i of a Decision; the zero value for -1.
func (s *Set) Rule(i int32) RuleInfo {
	if i < 0 || int(i) >= len(s.rules) {
		return RuleInfo{}
	}
	return s.rules[i]
}

// Rules is the number of rules; all have an index below.
func (s *Set) Rules() int { return len(s.rules) }

// TakesFiles says whether there is an include of files or folders.
func (s *Set) TakesFiles() bool {
	return s != nil && s.files != nil && slices.ContainsFunc(s.files.pats, func(p compiled) bool { return p.action == migxml.Include })
}
