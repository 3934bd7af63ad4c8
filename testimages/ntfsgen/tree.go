package ntfsgen

import (
	"fmt"
	"slices"
	"strings"
)

// File attributes ([MS-FSCC] 2.6) that a test may want to set. Reparse,
// sparse, compressed and encrypted follow from what a node is.
const (
	ReadOnly           = 0x1
	Hidden             = 0x2
	System             = 0x4
	Archive            = 0x20
	Normal             = 0x80
	Temporary          = 0x100
	Offline            = 0x1000
	NotIndexed         = 0x2000
	RecallOnOpen       = 0x40000
	Pinned             = 0x80000
	Unpinned           = 0x100000
	RecallOnDataAccess = 0x400000

	attrSparse     = 0x200
	attrReparse    = 0x400
	attrCompressed = 0x800
	attrEncrypted  = 0x4000
)

// A Node is a file or folder.
type Node struct {
	// Name is WTF-8. It may be a path from the folder the node stands in;
	// folders on the way are made, or are those that are there already. A
	// folder that is there already gets the children and what else is set.
	Name string
	Dir  bool
	// Short is the 8.3 name, "" for none.
	Short string
	// Links are further names, as paths from the root; files only.
	Links []string
	// Attr are the attributes of $STANDARD_INFORMATION; 0 is Archive for
	// files. What follows from the rest of the node is added.
	Attr uint32
	// Times are nil for Options.Times.
	Times *Times
	// Security is the self-relative descriptor, nil for that of the folder
	// it stands in. OwnSecurity stores it in the record rather than in $Secure.
	Security    []byte
	OwnSecurity bool
	// Data is the unnamed stream of a file; nil is an empty one.
	Data    *Data
	Streams []Stream
	// Reparse is reparse data with its header, nil for none.
	Reparse []byte
	EAs     []EA
	// ObjectID is all zeros for none.
	ObjectID [16]byte
	// EFS is the value of $EFS; the content is then taken as encrypted.
	EFS []byte
	// CaseSensitive marks a folder whose names differ in case.
	CaseSensitive bool
	// Sequence is the sequence number of the record; 0 is 1.
	Sequence uint16
	// Deleted leaves the record as deletion does: not in use, in no index,
	// its clusters free. What a deleted folder holds is in use all the same,
	// and so an orphan.
	Deleted bool

	Children []*Node
}

// Times are FILETIMEs.
type Times struct{ Created, Modified, Changed, Accessed uint64 }

// At returns four times that are all t.
func At(t uint64) Times { return Times{t, t, t, t} }

// A Stream is a named $DATA stream.
type Stream struct {
	Name string
	Data *Data
}

// An EA is an extended attribute.
type EA struct {
	Name  string // upper case, ASCII
	Value []byte
	Need  bool // FILE_NEED_EA
}

// Parts of a node besides content and children; see Dir and File.
type (
	Attr     uint32   // Node.Attr
	Short    string   // Node.Short
	Link     string   // one of Node.Links
	Security []byte   // Node.Security
	Reparse  []byte   // Node.Reparse
	ObjectID [16]byte // Node.ObjectID
)

// Dir returns a folder. Parts are children (*Node, []*Node), Attr, Short,
// Times, Security, Stream, Reparse, EA, ObjectID, or a func(*Node) for the rest.
func Dir(name string, parts ...any) *Node {
	return (&Node{Name: name, Dir: true}).Add(parts...)
}

// File returns a file. Parts are its content (string, []byte, *Data), Attr,
// Short, Link, Times, Security, Stream, Reparse, EA, ObjectID, or a
// func(*Node) for the rest. Without content it is empty.
func File(name string, parts ...any) *Node {
	return (&Node{Name: name}).Add(parts...)
}

// Add puts parts into n, as Dir and File do, and returns n.
func (n *Node) Add(parts ...any) *Node {
	for _, p := range parts {
		switch p := p.(type) {
		case *Node:
			n.Children = append(n.Children, p)
		case []*Node:
			n.Children = append(n.Children, p...)
		case string:
			n.Data = Text(p)
		case []byte:
			n.Data = Bytes(p)
		case *Data:
			n.Data = p
		case Attr:
			n.Attr |= uint32(p)
		case Short:
			n.Short = string(p)
		case Link:
			n.Links = append(n.Links, string(p))
		case Times:
			n.Times = &p
		case Security:
			n.Security = p
		case Stream:
			n.Streams = append(n.Streams, p)
		case Reparse:
			n.Reparse = p
		case EA:
			n.EAs = append(n.EAs, p)
		case ObjectID:
			n.ObjectID = p
		case func(*Node):
			p(n)
		default:
			panic(fmt.Sprintf("ntfsgen: %s cannot hold a %T", n.Name, p))
		}
	}
	return n
}

// An inode is a node with its place in the tree and in $MFT.
type inode struct {
	Node
	num      uint64
	seq      uint16
	parent   *inode
	children []*inode
	byName   map[string]*inode // the children by name, but for those that are deleted
	byFold   map[string]*inode // and by upper-cased name
	names    []*name           // of the node itself
	entries  []*name           // of the folder

	path    string
	records []uint64 // further records
	streams map[string]*stream
}

// A name is a $FILE_NAME: one in the record, and the same in the index of the
// folder.
type name struct {
	of     *inode
	parent *inode
	text   []uint16
	space  byte
}

// Namespaces of names.
const (
	spacePOSIX = 0
	spaceWin32 = 1
	spaceDOS   = 2
	spaceBoth  = 3
)

// merge adds the nodes to dir, following paths and joining folders.
func (dir *inode) merge(nodes []*Node) {
	for _, n := range nodes {
		at := dir
		names := strings.Split(n.Name, `\`)
		for _, name := range names[:len(names)-1] {
			at = at.folder(name)
		}
		at.place(names[len(names)-1], n)
	}
}

func (dir *inode) place(name string, n *Node) {
	if n.Dir {
		f := dir.folder(name)
		f.override(n)
		f.merge(n.Children)
		return
	}
	if len(n.Children) > 0 {
		panic("ntfsgen: the file " + n.Name + " has children")
	}
	if !n.Deleted && dir.child(name) != nil {
		panic("ntfsgen: there are two " + dir.join(name))
	}
	f := &inode{Node: *n, parent: dir, path: dir.join(name)}
	f.Name = name
	dir.add(f)
}

func (dir *inode) add(c *inode) {
	dir.children = append(dir.children, c)
	if c.Deleted {
		return
	}
	if dir.byName == nil {
		dir.byName, dir.byFold = map[string]*inode{}, map[string]*inode{}
	}
	dir.byName[c.Name], dir.byFold[fold(c.Name)] = c, c
}

// override takes over what n sets.
func (dir *inode) override(n *Node) {
	d := &dir.Node
	d.Attr |= n.Attr
	d.Streams = append(slices.Clip(d.Streams), n.Streams...)
	d.EAs = append(slices.Clip(d.EAs), n.EAs...)
	d.CaseSensitive = d.CaseSensitive || n.CaseSensitive
	d.Deleted = d.Deleted || n.Deleted
	d.OwnSecurity = d.OwnSecurity || n.OwnSecurity
	if n.Short != "" {
		d.Short = n.Short
	}
	if n.Times != nil {
		d.Times = n.Times
	}
	if n.Security != nil {
		d.Security = n.Security
	}
	if n.Reparse != nil {
		d.Reparse = n.Reparse
	}
	if n.EFS != nil {
		d.EFS = n.EFS
	}
	if n.ObjectID != [16]byte{} {
		d.ObjectID = n.ObjectID
	}
	if n.Sequence != 0 {
		d.Sequence = n.Sequence
	}
}

func (dir *inode) join(name string) string {
	if dir.path == "" {
		return name
	}
	return dir.path + `\` + name
}

// child returns the node in dir with this name, nil when there is none.
func (dir *inode) child(name string) *inode {
	if c := dir.byName[name]; c != nil || dir.CaseSensitive {
		return c
	}
	return dir.byFold[fold(name)]
}

func (dir *inode) folder(name string) *inode {
	if c := dir.child(name); c != nil {
		if !c.Dir {
			panic("ntfsgen: " + c.path + " is a file and a folder")
		}
		return c
	}
	c := &inode{Node: Node{Name: name, Dir: true}, parent: dir, path: dir.join(name)}
	dir.add(c)
	return c
}

// find returns the folder of a path and the last name in it.
func (root *inode) find(path string) (dir *inode, last string) {
	names := strings.Split(path, `\`)
	dir = root
	for _, name := range names[:len(names)-1] {
		next := dir.child(name)
		if next == nil || !next.Dir {
			panic("ntfsgen: the link " + path + " is in no folder")
		}
		dir = next
	}
	return dir, names[len(names)-1]
}

// all calls fn for every node below dir, folders before what they hold.
func (dir *inode) all(fn func(*inode)) {
	for _, c := range dir.children {
		fn(c)
		c.all(fn)
	}
}
