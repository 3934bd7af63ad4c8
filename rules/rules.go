// Package rules decides which objects of a Windows are taken, and which rule
// said so. It is given syntax trees and variables; it does no I/O.
package rules

import "github.com/coldstate/coldstate/migxml"

// Kind tells files from registry objects.
type Kind int

const (
	File     Kind = iota // folders and files
	Registry             // keys and values
)

// Env holds the variables of one context.
type Env interface {
	// Lookup finds a variable by its name without percent signs, in any case.
	Lookup(name string) (value string, ok bool)
}

// Probe answers what conditions ask about the source.
type Probe interface {
	// Exists says whether an object fits: the folder or key node, or with
	// hasLeaf a file or value leaf in it. Both may hold "*".
	Exists(kind Kind, node, leaf string, hasLeaf bool) bool
	// Drives lists the drives ("C:") of a kind: Fixed, CDROM, Removable,
	// Remote.
	Drives(kind string) []string
}

// Context is one evaluation of the rules: of the system, or of a user.
type Context struct {
	Name  string // "System", or the SID
	User  bool
	Env   Env
	Probe Probe
}

// Options are rules from the command line.
type Options struct {
	Include []string
	Exclude []string
}

// Set is a compiled set of rules.
type Set struct{}

// Compile compiles rule files for contexts.
func Compile(docs []*migxml.Document, ctxs []Context, opt Options) (*Set, []migxml.Warning, error) {
	return &Set{}, nil, nil
}

// Decision says what happens to an object.
type Decision struct {
	Take    bool
	Rule    int32 // index for Set.Rule, -1 for none
	Context int16 // index of the context
}

// RuleInfo describes a rule.
type RuleInfo struct {
	Pos           migxml.Pos
	Component     string
	Text          string
	Include       bool
	Exclude       bool
	Unconditional bool
}

// Rule describes rule i of a Decision.
func (s *Set) Rule(i int32) RuleInfo { return RuleInfo{} }

// Files is the state at the root folder of a volume.
func (s *Set) Files(volume string) *Walk { return nil }

// Keys is the state at a root key.
func (s *Set) Keys(ctx, root string) *Walk { return nil }

// Walk is the state of the rules at one folder or key.
type Walk struct{}

// Enter is the state at a child.
func (w *Walk) Enter(name string) *Walk { return nil }

// Self decides on the folder or key itself.
func (w *Walk) Self() Decision { return Decision{Rule: -1} }

// Leaf decides on a file or value.
func (w *Walk) Leaf(name string) Decision { return Decision{Rule: -1} }
