package ntfsgen

import "slices"

// Reparse tags ([MS-FSCC] 2.1.2.1).
const (
	tagMountPoint = 0xA0000003
	tagSymlink    = 0xA000000C
	tagWOF        = 0x80000017
	tagAppExec    = 0x8000001B
	tagLXSymlink  = 0xA000001D
	tagCloud      = 0x9000001A
)

// ReparseData returns reparse data of any Microsoft tag with its header.
func ReparseData(tag uint32, body []byte) Reparse {
	b := le.AppendUint32(nil, tag)
	b = le.AppendUint16(b, uint16(len(body)))
	return append(append(b, 0, 0), body...)
}

// linkBody is the body of links: what Windows follows, and what it shows.
func linkBody(substitute, print string, flags []byte) []byte {
	s, p := utf16le(substitute), utf16le(print)
	var b []byte
	for _, n := range []int{0, len(s), len(s) + 2, len(p)} {
		b = le.AppendUint16(b, uint16(n))
	}
	b = append(b, flags...)
	return slices.Concat(b, s, []byte{0, 0}, p, []byte{0, 0})
}

// Junction returns a folder that leads to a folder, given as C:\Users.
// Further parts are those of Dir.
func Junction(name, target string, parts ...any) *Node {
	n := Dir(name, parts...)
	n.Reparse = ReparseData(tagMountPoint, linkBody(`\??\`+target, target, nil))
	return n
}

// MountPoint returns a folder in which a volume is mounted: guid is like
// 01234567-89ab-cdef-0123-456789abcdef.
func MountPoint(name, guid string, parts ...any) *Node {
	n := Dir(name, parts...)
	n.Reparse = ReparseData(tagMountPoint, linkBody(`\??\Volume{`+guid+`}\`, "", nil))
	return n
}

// Symlink returns a symbolic link to a file; target is absolute (C:\x, \\server\x)
// or relative (..\x).
func Symlink(name, target string, parts ...any) *Node {
	n := File(name, parts...)
	n.Reparse = symlink(target)
	return n
}

// SymlinkDir returns a symbolic link to a folder.
func SymlinkDir(name, target string, parts ...any) *Node {
	n := Dir(name, parts...)
	n.Reparse = symlink(target)
	return n
}

func symlink(target string) Reparse {
	substitute, flags := target, []byte{1, 0, 0, 0}
	switch {
	case len(target) > 2 && target[1] == ':':
		substitute, flags = `\??\`+target, make([]byte, 4)
	case len(target) > 2 && target[:2] == `\\`:
		substitute, flags = `\??\UNC`+target[1:], make([]byte, 4)
	}
	return ReparseData(tagSymlink, linkBody(substitute, target, flags))
}

// LXSymlink returns a symbolic link of the Windows subsystem for Linux.
func LXSymlink(name, target string, parts ...any) *Node {
	n := File(name, parts...)
	n.Reparse = ReparseData(tagLXSymlink, append([]byte{2, 0, 0, 0}, target...))
	return n
}

// AppExecLink returns a Store alias.
func AppExecLink(name, pkg, entryPoint, target string, parts ...any) *Node {
	body := []byte{3, 0, 0, 0}
	for _, s := range []string{pkg, entryPoint, target, "0"} {
		body = append(append(body, utf16le(s)...), 0, 0)
	}
	n := File(name, parts...)
	n.Reparse = ReparseData(tagAppExec, body)
	return n
}

// Placeholder returns a file of a cloud provider of which nothing is on the
// disk. The tag's number of the provider is 7.
func Placeholder(name string, size int64, parts ...any) *Node {
	n := File(name, parts...)
	n.Attr |= Archive | Offline | Unpinned | RecallOnDataAccess
	n.Data = Zeros(size).Holes(func(int64, int64) bool { return true })
	n.Reparse = ReparseData(tagCloud|0x7000, []byte{1, 0, 0, 0})
	return n
}

// CloudFile is a part of File and Dir: it marks a file whose content is on the
// disk, or a folder, as one of a cloud provider.
func CloudFile(n *Node) { n.Reparse = ReparseData(tagCloud|0x7000, []byte{1, 0, 0, 0}) }

// Algorithms of CompactOS.
const (
	Xpress4K  = 0
	LZX       = 1
	Xpress8K  = 2
	Xpress16K = 3
)

// Compact returns a file of CompactOS (compact /exe) whose chunks are all
// stored as they are, which every algorithm allows.
func Compact(name string, content []byte, algorithm uint32, parts ...any) *Node {
	chunk := int64(4096)
	switch algorithm {
	case LZX:
		chunk = 32 << 10
	case Xpress8K:
		chunk = 8 << 10
	case Xpress16K:
		chunk = 16 << 10
	}
	var packed []byte
	for at := chunk; at < int64(len(content)); at += chunk {
		packed = le.AppendUint32(packed, uint32(at))
	}
	return CompactPacked(name, int64(len(content)), append(packed, content...), algorithm, parts...)
}

// CompactPacked is Compact for a stream WofCompressedData that stands.
func CompactPacked(name string, size int64, packed []byte, algorithm uint32, parts ...any) *Node {
	n := File(name, parts...)
	n.Data = Zeros(size).Holes(func(int64, int64) bool { return true }).Valid(0)
	n.Streams = append(n.Streams, Stream{Name: "WofCompressedData", Data: Bytes(packed).NonResident()})
	var body []byte
	for _, v := range []uint32{1, 2, 1, algorithm} {
		body = le.AppendUint32(body, v)
	}
	n.Reparse = ReparseData(tagWOF, body)
	return n
}
