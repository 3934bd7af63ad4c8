package winsec

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/coldstate/coldstate/internal/le"
)

// Bits of Descriptor.Control ([MS-DTYP] 2.4.6).
const (
	DACLPresent       = 0x0004
	SACLPresent       = 0x0010
	DACLAutoInherit   = 0x0100 // "AR": asked for
	SACLAutoInherit   = 0x0200
	DACLAutoInherited = 0x0400 // "AI": done
	SACLAutoInherited = 0x0800
	DACLProtected     = 0x1000 // "P": nothing is inherited
	SACLProtected     = 0x2000
	SelfRelative      = 0x8000
)

// Bits of ACE.Flags ([MS-DTYP] 2.4.4.1).
const (
	ObjectInherit    = 0x01
	ContainerInherit = 0x02
	NoPropagate      = 0x04
	InheritOnly      = 0x08
	Inherited        = 0x10
	Critical         = 0x20
	SuccessAudit     = 0x40
	FailureAudit     = 0x80
)

// Types of ACEs.
const (
	AccessAllowed               = 0x00
	AccessDenied                = 0x01
	SystemAudit                 = 0x02
	SystemAlarm                 = 0x03
	AccessAllowedObject         = 0x05
	AccessDeniedObject          = 0x06
	SystemAuditObject           = 0x07
	SystemAlarmObject           = 0x08
	AccessAllowedCallback       = 0x09
	AccessDeniedCallback        = 0x0a
	AccessAllowedCallbackObject = 0x0b
	AccessDeniedCallbackObject  = 0x0c
	SystemAuditCallback         = 0x0d
	SystemAuditCallbackObject   = 0x0f
	MandatoryLabel              = 0x11
	ResourceAttribute           = 0x12
	ScopedPolicy                = 0x13
	ProcessTrustLabel           = 0x14
	AccessFilter                = 0x15
)

// aceTypes are the types that can be read: their names in SDDL, and whether
// they carry the object part.
var aceTypes = map[uint8]struct {
	name   string
	object bool
}{
	AccessAllowed: {"A", false}, AccessDenied: {"D", false}, SystemAudit: {"AU", false}, SystemAlarm: {"AL", false},
	AccessAllowedObject: {"OA", true}, AccessDeniedObject: {"OD", true}, SystemAuditObject: {"OU", true}, SystemAlarmObject: {"OL", true},
	AccessAllowedCallback: {"XA", false}, AccessDeniedCallback: {"XD", false}, AccessAllowedCallbackObject: {"ZA", true},
	SystemAuditCallback: {"XU", false},
	MandatoryLabel:      {"ML", false}, ResourceAttribute: {"RA", false}, ScopedPolicy: {"SP", false},
	ProcessTrustLabel: {"TL", false}, AccessFilter: {"FL", false},
}

// Descriptor is a security descriptor.
type Descriptor struct {
	Control      uint16
	Owner, Group *SID // nil: none
	// The lists are nil when they are not present, and when they are present
	// and null; Control tells which. A present null DACL allows everything
	// to everyone, an empty one nothing to anyone.
	DACL, SACL *ACL
}

// ACL is a list of access control entries, in their order, which matters.
type ACL struct {
	Revision uint8
	ACEs     []ACE
}

// ACE is one entry. Of a type that this package does not know, or whose fields
// do not fit, only Type, Flags and Raw are set.
type ACE struct {
	Type, Flags uint8
	Mask        uint32
	// The two GUIDs of an object ACE, in the byte order of the disk; nil when
	// they are not present.
	ObjectType, InheritedObjectType *[16]byte
	SID                             SID
	Data                            []byte // behind the SID: a condition, an attribute
	Raw                             []byte // the whole entry with its header
	Known                           bool
}

// Parse reads a self-relative security descriptor. Slices in the result share
// b. The error is a *FormatError.
func Parse(b []byte) (*Descriptor, error) {
	r := le.New(b, 0)
	rev := r.Uint8()
	r.Skip(1)
	d := &Descriptor{Control: r.Uint16()}
	owner, group, sacl, dacl := r.Uint32(), r.Uint32(), r.Uint32(), r.Uint32()
	if r.Err() != nil {
		return nil, wrong(0, "a security descriptor has at least 20 bytes, here are %d", len(b))
	}
	if rev != 1 {
		return nil, wrong(0, "security descriptor of revision %d, only 1 is known", rev)
	}
	if d.Control&SelfRelative == 0 {
		return nil, wrong(2, "the security descriptor holds addresses of memory, not offsets")
	}
	var err error
	if d.Owner, err = sidAt(b, owner, "owner"); err != nil {
		return nil, err
	}
	if d.Group, err = sidAt(b, group, "group"); err != nil {
		return nil, err
	}
	if d.Control&SACLPresent != 0 {
		if d.SACL, err = aclAt(b, sacl, "SACL"); err != nil {
			return nil, err
		}
	}
	if d.Control&DACLPresent != 0 {
		if d.DACL, err = aclAt(b, dacl, "DACL"); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// part is b from the offset that a descriptor's field holds.
func part(b []byte, off uint32, what string) ([]byte, error) {
	if off < 20 || int64(off) >= int64(len(b)) {
		return nil, wrong(int(min(off, 1<<31-1)), "the %s lies outside of the %d bytes of the security descriptor", what, len(b))
	}
	return b[off:], nil
}

func sidAt(b []byte, off uint32, what string) (*SID, error) {
	if off == 0 {
		return nil, nil
	}
	p, err := part(b, off, what)
	if err != nil {
		return nil, err
	}
	sid, _, err := ParseSID(p)
	if err != nil {
		return nil, shift(err, int(off), what)
	}
	return &sid, nil
}

// shift turns an error inside of a part into one of the whole.
func shift(err error, off int, what string) error {
	if e, ok := err.(*FormatError); ok {
		return wrong(off+e.Offset, "%s: %s", what, e.What)
	}
	return err
}

func aclAt(b []byte, off uint32, what string) (*ACL, error) {
	if off == 0 {
		return nil, nil
	}
	p, err := part(b, off, what)
	if err != nil {
		return nil, err
	}
	acl, err := parseACL(p)
	if err != nil {
		return nil, shift(err, int(off), what)
	}
	return acl, nil
}

func parseACL(b []byte) (*ACL, error) {
	if len(b) < 8 {
		return nil, wrong(0, "an ACL has at least 8 bytes, here are %d", len(b))
	}
	size, count := int(binary.LittleEndian.Uint16(b[2:])), int(binary.LittleEndian.Uint16(b[4:]))
	if size < 8 || size > len(b) {
		return nil, wrong(2, "ACL of %d bytes, here are %d", size, len(b))
	}
	b = b[:size]
	acl := &ACL{Revision: b[0]}
	if count > 0 && count <= (size-8)/4 {
		acl.ACEs = make([]ACE, 0, count)
	}
	off := 8
	for i := range count {
		rest := b[off:]
		if len(rest) < 4 {
			return nil, wrong(off, "ACE %d of %d starts behind the end of the list", i+1, count)
		}
		n := int(binary.LittleEndian.Uint16(rest[2:]))
		if n < 4 || n > len(rest) {
			return nil, wrong(off+2, "ACE %d has %d bytes, the list has %d left", i+1, n, len(rest))
		}
		acl.ACEs = append(acl.ACEs, parseACE(rest[:n:n]))
		off += n
	}
	return acl, nil
}

// parseACE reads one entry, raw, of at least 4 bytes.
func parseACE(raw []byte) ACE {
	a := ACE{Type: raw[0], Flags: raw[1], Raw: raw}
	typ, ok := aceTypes[a.Type]
	if !ok {
		return a
	}
	whole := a
	r := le.New(raw, 4)
	whole.Mask = r.Uint32()
	if typ.object {
		flags := r.Uint32()
		if flags&1 != 0 {
			whole.ObjectType = guid(r.Bytes(16))
		}
		if flags&2 != 0 {
			whole.InheritedObjectType = guid(r.Bytes(16))
		}
	}
	if r.Err() != nil {
		return a
	}
	sid, n, err := ParseSID(raw[r.Pos():])
	if err != nil {
		return a
	}
	whole.SID, whole.Data, whole.Known = sid, raw[r.Pos()+n:], true
	return whole
}

func guid(b []byte) *[16]byte {
	if b == nil {
		return nil
	}
	return (*[16]byte)(b)
}

// Exact says that Windows reads SDDL's text back as the same descriptor. It
// does not when an ACE is unknown, or carries an attribute or a condition that
// SDDL writes as hex.
func (d *Descriptor) Exact() bool {
	for _, acl := range []*ACL{d.DACL, d.SACL} {
		if acl == nil {
			continue
		}
		for _, a := range acl.ACEs {
			if !a.Known {
				return false
			}
			if a.carriesData() {
				if _, ok := condition(a.Data); !ok {
					return false
				}
			}
		}
	}
	return true
}

// carriesData says that what follows the SID means something. ACEs of the
// simple types are padded at times.
func (a ACE) carriesData() bool {
	switch a.Type {
	case AccessAllowedCallback, AccessDeniedCallback, AccessAllowedCallbackObject, SystemAuditCallback, ResourceAttribute, AccessFilter:
		return len(a.Data) > 0
	}
	return false
}

// SDDL is the descriptor as text, as Windows writes it ([MS-DTYP] 2.5.1.1),
// but for accounts of a domain, which stand as full SIDs. An ACE of an
// unknown kind is "(#" and its bytes in hex, see Exact.
func (d *Descriptor) SDDL() string {
	var b []byte
	if d.Owner != nil {
		b = append(append(b, "O:"...), d.Owner.sddl()...)
	}
	if d.Group != nil {
		b = append(append(b, "G:"...), d.Group.sddl()...)
	}
	if d.Control&DACLPresent != 0 {
		b = appendACL(append(b, "D:"...), d.DACL, d.Control&DACLProtected != 0, d.Control&DACLAutoInherit != 0, d.Control&DACLAutoInherited != 0)
	}
	if d.Control&SACLPresent != 0 {
		b = appendACL(append(b, "S:"...), d.SACL, d.Control&SACLProtected != 0, d.Control&SACLAutoInherit != 0, d.Control&SACLAutoInherited != 0)
	}
	return string(b)
}

func appendACL(b []byte, acl *ACL, protected, asked, inherited bool) []byte {
	if protected {
		b = append(b, 'P')
	}
	if asked {
		b = append(b, "AR"...)
	}
	if inherited {
		b = append(b, "AI"...)
	}
	if acl == nil {
		return append(b, "NO_ACCESS_CONTROL"...)
	}
	for _, a := range acl.ACEs {
		b = a.append(b)
	}
	return b
}

// named is a bit with its letters in SDDL.
type named struct {
	bit  uint32
	name string
}

var (
	flagNames = []named{
		{ObjectInherit, "OI"}, {ContainerInherit, "CI"}, {NoPropagate, "NP"}, {InheritOnly, "IO"},
		{Inherited, "ID"}, {Critical, "CR"}, {SuccessAudit, "SA"}, {FailureAudit, "FA"},
	}
	// Masks that have a name as a whole: of files and of keys.
	maskNames = map[uint32]string{
		0x1f01ff: "FA", 0x120089: "FR", 0x120116: "FW", 0x1200a0: "FX",
		0x0f003f: "KA", 0x020019: "KR", 0x020006: "KW",
	}
	rightNames = []named{
		{0x1, "CC"}, {0x2, "DC"}, {0x4, "LC"}, {0x8, "SW"}, {0x10, "RP"}, {0x20, "WP"}, {0x40, "DT"}, {0x80, "LO"}, {0x100, "CR"},
		{0x10000, "SD"}, {0x20000, "RC"}, {0x40000, "WD"}, {0x80000, "WO"},
		{0x10000000, "GA"}, {0x20000000, "GX"}, {0x40000000, "GW"}, {0x80000000, "GR"},
	}
	labelNames = []named{{0x1, "NW"}, {0x2, "NR"}, {0x4, "NX"}}
)

// appendBits appends the names of all bits of v; ok is false, and nothing is
// appended, when one has none.
func appendBits(b []byte, v uint32, names []named) (out []byte, ok bool) {
	out = b
	for _, n := range names {
		if v&n.bit != 0 {
			out = append(out, n.name...)
			v &^= n.bit
		}
	}
	if v != 0 {
		return b, false
	}
	return out, true
}

func (a ACE) append(b []byte) []byte {
	if !a.Known {
		b = append(b, "(#"...)
		b = hex.AppendEncode(b, a.Raw)
		return append(b, ')')
	}
	b = append(b, '(')
	b = append(b, aceTypes[a.Type].name...)
	b = append(b, ';')
	b, _ = appendBits(b, uint32(a.Flags), flagNames) // has a name for each of the eight bits
	b = append(b, ';')
	names := rightNames
	if a.Type == MandatoryLabel {
		names = labelNames
	}
	if whole, ok := maskNames[a.Mask]; ok && a.Type != MandatoryLabel {
		b = append(b, whole...)
	} else if bits, ok := appendBits(b, a.Mask, names); ok {
		b = bits
	} else {
		b = fmt.Appendf(b, "0x%x", a.Mask)
	}
	b = append(b, ';')
	b = appendGUID(b, a.ObjectType)
	b = append(b, ';')
	b = appendGUID(b, a.InheritedObjectType)
	b = append(b, ';')
	b = append(b, a.SID.sddl()...)
	if a.carriesData() {
		if text, ok := condition(a.Data); ok {
			b = append(append(b, ';'), text...)
		} else {
			b = append(b, ";#"...)
			b = hex.AppendEncode(b, a.Data)
		}
	}
	return append(b, ')')
}

func appendGUID(b []byte, g *[16]byte) []byte {
	if g == nil {
		return b
	}
	return fmt.Appendf(b, "%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(g[:]),
		binary.LittleEndian.Uint16(g[4:]), binary.LittleEndian.Uint16(g[6:]), g[8:10], g[10:])
}
