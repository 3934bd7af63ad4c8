//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

var le = binary.LittleEndian

// Windows file attributes.
const (
	readOnly   = 0x1
	hidden     = 0x2
	system     = 0x4
	archive    = 0x20
	notIndexed = 0x2000
)

// A volume is a mounted NTFS volume that is being filled. Paths are relative
// to its root, with slashes. The first error sticks.
type volume struct {
	root  string
	err   error
	made  []string // in the order of creation
	patch []string

	// reparse data is set after all else: from then on the kernel sees a
	// link, or refuses the file.
	reparse map[string][]byte
}

// An object says what a file or folder has beside its content.
type object struct {
	attr    uint32
	sd      []byte
	streams []stream
	short   string // 8.3 name
	reparse []byte
	ea      []byte
}

type stream struct{ name, content string }

func (v *volume) fail(path string, err error) {
	if v.err == nil && err != nil {
		v.err = fmt.Errorf("%s: %w", path, err)
	}
}

func (v *volume) host(path string) string { return filepath.Join(v.root, path) }

// dir makes a folder; folders above it are made when they are missing.
func (v *volume) dir(path string, o ...object) {
	if v.err != nil {
		return
	}
	if _, err := os.Lstat(v.host(path)); err == nil {
		v.set(path, o)
		return
	}
	if up := filepath.Dir(path); up != "." {
		v.dir(up)
	}
	v.fail(path, os.Mkdir(v.host(path), 0o777))
	v.made = append(v.made, path)
	v.set(path, o)
}

// file makes a file.
func (v *volume) file(path, content string, o ...object) {
	if v.err != nil {
		return
	}
	v.dir(filepath.Dir(path))
	if _, err := os.Lstat(v.host(path)); err == nil {
		v.fail(path, errors.New("is there already"))
		return
	}
	v.fail(path, os.WriteFile(v.host(path), []byte(content), 0o666))
	v.made = append(v.made, path)
	v.set(path, o)
}

// link gives the file at old one more name.
func (v *volume) link(old, path string) {
	if v.err == nil {
		v.fail(path, os.Link(v.host(old), v.host(path)))
	}
}

func (v *volume) xattr(path, name string, data []byte) {
	if v.err == nil {
		if err := unix.Lsetxattr(v.host(path), name, data, 0); err != nil {
			v.fail(path, fmt.Errorf("setting %s: %w", name, err))
		}
	}
}

func (v *volume) set(path string, list []object) {
	for _, o := range list {
		if o.sd != nil {
			v.xattr(path, "system.ntfs_acl", o.sd)
		}
		for _, s := range o.streams {
			v.xattr(path, "user."+s.name, []byte(s.content))
		}
		if o.ea != nil {
			v.xattr(path, "system.ntfs_ea", o.ea)
		}
		if o.short != "" {
			v.xattr(path, "system.ntfs_dos_name", []byte(o.short))
		}
		if o.attr != 0 {
			v.xattr(path, "system.ntfs_attrib", le.AppendUint32(nil, o.attr))
		}
		if o.reparse != nil {
			v.reparse[path] = o.reparse
		}
	}
}

// record returns the number of the file's MFT record.
func (v *volume) record(path string) uint64 {
	var st unix.Stat_t
	if v.err == nil {
		v.fail(path, unix.Lstat(v.host(path), &st))
	}
	return st.Ino
}

// finish gives every object fixed times, folders after what is in them, and
// the links their reparse data.
func (v *volume) finish() {
	for _, path := range slices.Backward(v.made) {
		t := timesOf(path)
		b := le.AppendUint64(nil, t[0])
		b = le.AppendUint64(b, t[1])
		b = le.AppendUint64(b, t[1])
		b = le.AppendUint64(b, t[1])
		v.xattr(path, "system.ntfs_times", b)
		if data, ok := v.reparse[path]; ok {
			v.xattr(path, "system.ntfs_reparse_data", data)
		}
	}
}

// timesOf returns the FILETIMEs of creation and modification: between 2019
// and 2024, with parts of seconds, fixed by the path.
func timesOf(path string) [2]uint64 {
	h := fnv.New64a()
	h.Write([]byte(path))
	const second, day = 10000000, 86400 * 10000000
	n := h.Sum64()
	created := 131905152001234567 + n%1600*day + n>>32%86400*second
	return [2]uint64{created, created + n>>16%300*day + 7654321}
}

// Security descriptors.

const (
	fullAccess  = 0x1f01ff
	readExecute = 0x1200a9
	modify      = 0x1301bf
	inherit     = 3
	inherited   = 0x10

	trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	localSystem      = "S-1-5-18"
	administrators   = "S-1-5-32-544"
	users            = "S-1-5-32-545"
	none             = testimages.MachineSID + "-513"
)

func sdSystem() []byte {
	return hivegen.Descriptor(trustedInstaller, trustedInstaller, 0x1000,
		hivegen.ACE{SID: trustedInstaller, Mask: fullAccess, Flags: inherit},
		hivegen.ACE{SID: localSystem, Mask: modify, Flags: inherit},
		hivegen.ACE{SID: administrators, Mask: modify, Flags: inherit},
		hivegen.ACE{SID: users, Mask: readExecute, Flags: inherit})
}

func sdConfig() []byte {
	return hivegen.Descriptor(administrators, localSystem, 0x1000,
		hivegen.ACE{SID: localSystem, Mask: fullAccess, Flags: inherit},
		hivegen.ACE{SID: administrators, Mask: fullAccess, Flags: inherit})
}

func sdProfile(sid string) []byte {
	return hivegen.Descriptor(sid, none, 0x1000,
		hivegen.ACE{SID: localSystem, Mask: fullAccess, Flags: inherit},
		hivegen.ACE{SID: administrators, Mask: fullAccess, Flags: inherit},
		hivegen.ACE{SID: sid, Mask: fullAccess, Flags: inherit})
}

func sdInherited(sid string) []byte {
	return hivegen.Descriptor(sid, none, 0x0400,
		hivegen.ACE{SID: localSystem, Mask: fullAccess, Flags: inherited},
		hivegen.ACE{SID: administrators, Mask: fullAccess, Flags: inherited},
		hivegen.ACE{SID: sid, Mask: fullAccess, Flags: inherited})
}

func sdPrivate(sid string) []byte {
	return hivegen.Descriptor(sid, none, 0x1000, hivegen.ACE{SID: sid, Mask: fullAccess})
}

func sdEveryone() []byte {
	return hivegen.Descriptor(administrators, localSystem, 0,
		hivegen.ACE{SID: "S-1-1-0", Mask: fullAccess, Flags: inherit})
}

func sdDenied(sid string) []byte {
	return hivegen.Descriptor(administrators, administrators, 0x1000,
		hivegen.ACE{SID: users, Mask: 0x10000, Deny: true},
		hivegen.ACE{SID: sid, Mask: modify},
		hivegen.ACE{SID: testimages.ScannerSID, Mask: readExecute},
		hivegen.ACE{SID: localSystem, Mask: fullAccess})
}

// Reparse data ([MS-FSCC] 2.1.2).

func reparse(tag uint32, data []byte) []byte {
	b := le.AppendUint32(nil, tag)
	b = le.AppendUint16(b, uint16(len(data)))
	return append(append(b, 0, 0), data...)
}

func names(substitute, print string, flags []byte) []byte {
	s, p := hivegen.UTF16(substitute), hivegen.UTF16(print)
	b := le.AppendUint16(nil, 0)
	b = le.AppendUint16(b, uint16(len(s)))
	b = le.AppendUint16(b, uint16(len(s)+2))
	b = le.AppendUint16(b, uint16(len(p)))
	b = append(b, flags...)
	b = append(append(b, s...), 0, 0)
	return append(append(b, p...), 0, 0)
}

func junction(target string) []byte {
	return reparse(0xa0000003, names(`\??\`+target, target, nil))
}

func symlink(target string, relative bool) []byte {
	if relative {
		return reparse(0xa000000c, names(target, target, []byte{1, 0, 0, 0}))
	}
	return reparse(0xa000000c, names(`\??\`+target, target, []byte{0, 0, 0, 0}))
}

// cloud is what the cloud filter keeps: flags, a size, and its own structure,
// which nobody needs to read.
func cloud() []byte {
	return reparse(0x9000701a, append([]byte{1, 0, 0x40, 0, 'F', 'e', 'R', 'p'}, make([]byte, 56)...))
}

func appExec(parts ...string) []byte {
	b := []byte{3, 0, 0, 0}
	for _, p := range parts {
		b = append(b, hivegen.UTF16Z(p)...)
	}
	return reparse(0x8000001b, b)
}

// A patch list has one line for each thing that ntfs-3g cannot write:
//
//	attributes RECORD HEX PATH     of $STANDARD_INFORMATION
//	size RECORD SIZE PATH          for the manifest alone
//	name OLD NEW                   in UTF-16 hex, everywhere on the volume

func (v *volume) patchAttributes(path string, attr uint32, size int64) {
	v.patch = append(v.patch, fmt.Sprintf("attributes %d %08x %s", v.record(path), attr, path),
		fmt.Sprintf("size %d %d %s", v.record(path), size, path))
}

func (v *volume) patchName(from, to string) {
	v.patch = append(v.patch, fmt.Sprintf("name %x %x", hivegen.UTF16(from), hivegen.UTF16(to)))
}

// remove makes path and all below it deleted files.
func (v *volume) remove(path string) {
	if v.err != nil {
		return
	}
	v.fail(path, os.RemoveAll(v.host(path)))
	v.made = slices.DeleteFunc(v.made, func(p string) bool { return p == path || strings.HasPrefix(p, path+"/") })
}

// exists is used to refuse filling a volume twice.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
