// Package migxml reads rule files of the User State Migration Tool into a
// syntax tree with positions. It expands no variable, evaluates no condition
// and matches nothing; package rules does.
//
// Names of elements and enumerated values are accepted in any case. Elements
// and attributes that the language does not know are Warnings. A function
// that it does not know disables its component, see Component.Unknown.
//
// The language is documented in Microsoft's "USMT XML Elements Library".
package migxml

import (
	"fmt"
	"strings"
)

// Pos is a place in a rule file. Line and Col count from 1, Col in
// characters; both are 0 for rules that do not come from a file.
type Pos struct {
	File      string
	Line, Col int
}

func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Warning is something in a rule file that does not stop a run.
type Warning struct {
	Pos
	Msg string
	// Undefined is the variable that a pattern names and the source does not
	// have, so that it matches nothing; "" for every other warning.
	Undefined string
}

func (w Warning) String() string { return w.Pos.String() + ": " + w.Msg }

// Error says why a file is not a rule file that can be used.
type Error struct {
	Pos
	Msg string
}

func (e *Error) Error() string { return e.Pos.String() + ": " + e.Msg }

// UnsupportedError names an element or helper function that cannot be carried
// out. Leaving it out silently would take something else than the file asks
// for.
type UnsupportedError struct {
	Pos
	What string // "MigXmlHelper.FileProperties"
	Why  string // what it would be needed for, or what to do; may be ""
}

func (e *UnsupportedError) Error() string {
	s := fmt.Sprintf("%s: %s is not supported", e.Pos, e.What)
	if e.Why != "" {
		s += " (" + e.Why + ")"
	}
	return s
}

// Context says in which evaluations of the rules an element takes part: a
// set of bits.
type Context uint8

const (
	System        Context = 1 << iota // once, with the variables of the system
	User                              // once for every user
	UserAndSystem = System | User
)

func (c Context) String() string {
	return [...]string{"none", "System", "User", "UserAndSystem"}[c&UserAndSystem]
}

// Kind tells what a pattern is about.
type Kind uint8

const (
	File Kind = iota
	Registry
	Ini
)

func (k Kind) String() string { return [...]string{"File", "Registry", "Ini"}[k] }

// Document is a rule file.
type Document struct {
	Pos        Pos
	URLID      string
	Components []*Component
	// Data is the file as it was given to Parse, for those who keep it.
	Data []byte
}

// Component is the unit of precedence: its rules see only each other.
type Component struct {
	Pos
	Type             string // "System", "Application", "Device", "Documents", as written
	Context          Context
	DisplayName      string
	Description      string // white space as single blanks; see About
	DefaultSupported bool
	Environments     []*Environment
	Extensions       []Extension
	Roles            []*Role
	// Unknown are the functions that the language does not have, in the
	// component itself and in the named blocks that it uses. What the
	// component asks for cannot be told then.
	Unknown []Unknown
}

// Unknown is a call of a function that the language does not have.
type Unknown struct {
	Pos
	Name string // as written, without prefix
}

// Extension stands for all files of one type on all fixed drives.
type Extension struct {
	Pos
	Text string // without dot
}

// Role groups rules within a component.
type Role struct {
	Pos
	Role         string // "Container", "Binaries", "Settings", "Data", as written
	Environments []*Environment
	Detections   []*Detection // both kinds
	Components   []*Component
	Roles        []*Role
	Rules        []*Rules
}

// Environment defines variables.
//
// In this and the following types, Named is the block of <namedElements> that
// a name refers to; the content of the element itself is then empty.
type Environment struct {
	Pos
	Context    Context
	Conditions []*Conditions
	Variables  []Variable
	Named      *Environment
}

// Variable has a text, a script or a set of objects, of which the first that
// exists is the value; none of them when it stays undefined.
type Variable struct {
	Pos
	Name   string // without percent signs
	Text   *string
	Script *Call
	Set    *ObjectSet
	// Remap says that objects below the variable's place on the source go to
	// its place on the destination.
	Remap bool
}

// Detection is a <detection>, or its older form <detects>: whether the
// component is there. It is true when all Conditions and all Detects are.
type Detection struct {
	Pos
	Context    Context
	Conditions []*Conditions
	Detects    []*Detect
	Named      *Detection
}

// Detect is true when one of its conditions or sets is, and all of its inner
// Detects.
type Detect struct {
	Pos
	Context   Context
	Condition []*Condition
	Sets      []*ObjectSet
	Detects   []*Detect
	Named     *Detect
}

// Conditions combines its members with AND, or with OR.
type Conditions struct {
	Pos
	Or         bool
	Conditions []*Conditions
	Condition  []*Condition
	Named      *Conditions
}

// Condition is one question.
type Condition struct {
	Pos
	Negate bool
	Call   *Call // nil when the text is no call that can stand here: never true
}

// Rules is a block of rules.
type Rules struct {
	Pos
	Context    Context
	Conditions []*Conditions
	Detections []*Detection
	Rules      []*Rules
	Rule       []*Rule
	Restore    []*Restore
	Added      []*AddObjects
	Named      *Rules
}

// Action is what a rule does.
type Action uint8

const (
	Include Action = iota
	Exclude
	Unconditional // unconditionalExclude
)

func (a Action) String() string {
	return [...]string{"include", "exclude", "unconditionalExclude"}[a]
}

// Rule is an include, exclude or unconditionalExclude.
type Rule struct {
	Pos
	Action Action
	Filter *Call // nil for none
	// Broken is set when there is a filter that cannot be understood; the
	// rule then selects nothing.
	Broken bool
	Sets   []*ObjectSet
}

// Restore is a rule that acts when a store is restored, and has no effect on
// which objects are captured. includeAttributes and excludeAttributes act at
// capture too, on the metadata of the objects.
type Restore struct {
	Pos
	// Element is the proper name of it: merge, locationModify, contentModify,
	// destinationCleanup, includeAttributes, excludeAttributes, and
	// externalProcess and processing at the times of a restore.
	Element    string
	When       string // of externalProcess and processing
	Script     *Call  // of merge, locationModify, contentModify, processing
	Filter     *Call  // of destinationCleanup, nil for none
	Command    string // of externalProcess
	Attributes Attributes
	Sets       []*ObjectSet
}

// Attributes are parts of the metadata of an object: a set of bits.
type Attributes uint8

// The parts of Security, then those of TimeFields.
const (
	Owner Attributes = 1 << iota
	Group
	DACL
	SACL
	CreationTime
	LastAccessTime
	LastWrittenTime

	Security   = Owner | Group | DACL | SACL
	TimeFields = CreationTime | LastAccessTime | LastWrittenTime
)

var attributeNames = []struct {
	name string
	bits Attributes
}{
	{"Security", Security}, {"TimeFields", TimeFields}, {"Owner", Owner}, {"Group", Group}, {"DACL", DACL}, {"SACL", SACL},
	{"CreationTime", CreationTime}, {"LastAccessTime", LastAccessTime}, {"LastWrittenTime", LastWrittenTime},
}

// String lists the parts as rule files name them: "Security,CreationTime".
func (a Attributes) String() string {
	var names []string
	for _, n := range attributeNames {
		if a&n.bits == n.bits {
			names = append(names, n.name)
			a &^= n.bits
		}
	}
	return strings.Join(names, ",")
}

// AddObjects are objects that a restore treats as if the source had them,
// when the conditions hold on the source.
type AddObjects struct {
	Pos
	Conditions []*Conditions
	Condition  []*Condition
	Objects    []*Object
}

// Object is one object of AddObjects.
type Object struct {
	Pos
	Kind       Kind   // File or Registry
	Location   string // encoded, with variables
	Attributes []string
	// Data is the content: nil for none, else bytes, or with IsText a text in
	// which variables are replaced when Expand is set.
	Data   []byte
	IsText bool
	Expand bool
}

// ObjectSet is the union of its patterns, scripts and contents, when its
// conditions hold.
type ObjectSet struct {
	Pos
	Conditions []*Conditions
	Condition  []*Condition
	Patterns   []Pattern
	Scripts    []*Call
	Contents   []*Content
}

// Content stands for the files whose paths are the contents of objects.
type Content struct {
	Pos
	Filter *Call // ExtractSingleFile, …; nil when it cannot be understood: yields nothing
	Sets   []*ObjectSet
}

// Pattern is the text of a pattern, white space around it removed.
type Pattern struct {
	Pos
	Kind Kind
	Text string
}

// Call is a call of a helper function.
type Call struct {
	Pos
	Name string // proper spelling, without prefix
	Args []Arg
	Text string // as written
}

// Arg is an argument: a text, or NULL.
type Arg struct {
	Value string
	Null  bool
}

// Arg returns argument i, "" when it is NULL or left out.
func (c *Call) Arg(i int) string {
	if i < len(c.Args) {
		return c.Args[i].Value
	}
	return ""
}

// Is says whether argument i is s, without regard to case.
func (c *Call) Is(i int, s string) bool { return strings.EqualFold(c.Arg(i), s) }
