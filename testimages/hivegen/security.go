package hivegen

import (
	"fmt"
	"strconv"
	"strings"
)

// SID returns the binary form of a security identifier such as S-1-5-32-544
// ([MS-DTYP] 2.4.2.2).
func SID(s string) []byte {
	parts := strings.Split(s, "-")
	if len(parts) < 3 || parts[0] != "S" || parts[1] != "1" || len(parts) > 3+15 {
		panic(fmt.Sprintf("hivegen: %q is no SID", s))
	}
	b := []byte{1, byte(len(parts) - 3)}
	authority := parseNumber(s, parts[2], 48)
	for shift := 40; shift >= 0; shift -= 8 {
		b = append(b, byte(authority>>shift))
	}
	for _, p := range parts[3:] {
		b = le.AppendUint32(b, uint32(parseNumber(s, p, 32)))
	}
	return b
}

func parseNumber(sid, s string, bits int) uint64 {
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		panic(fmt.Sprintf("hivegen: %q is no SID: %v", sid, err))
	}
	return n
}

// An ACE allows (or denies) a SID a mask of rights.
type ACE struct {
	SID   string
	Mask  uint32
	Flags byte // 3: inherited by objects and containers; 0x10: was inherited
	Deny  bool
}

// Descriptor returns a self-relative security descriptor with owner, group
// and a DACL of these entries ([MS-DTYP] 2.4.6). Further control bits are
// ored in (0x0400 DACL auto-inherited, 0x1000 DACL protected).
func Descriptor(owner, group string, control uint16, aces ...ACE) []byte {
	return descriptor(owner, group, control, nil, aces)
}

// descriptor also takes the entries of a SACL, which comes first when there
// are any.
func descriptor(owner, group string, control uint16, audit, aces []ACE) []byte {
	sd := make([]byte, 20)
	sd[0] = 1
	control |= 0x8004
	if len(audit) > 0 {
		control |= 0x0010
		le.PutUint32(sd[12:], uint32(len(sd)))
		sd = append(sd, acl(audit, 2)...)
	}
	le.PutUint16(sd[2:], control)
	le.PutUint32(sd[16:], uint32(len(sd)))
	sd = append(sd, acl(aces, 0)...)
	le.PutUint32(sd[4:], uint32(len(sd)))
	sd = append(sd, SID(owner)...)
	le.PutUint32(sd[8:], uint32(len(sd)))
	return append(sd, SID(group)...)
}

// acl encodes entries of type typ (0 allow, 2 audit); those that deny are of type 1.
func acl(aces []ACE, typ byte) []byte {
	b := []byte{2, 0, 0, 0, 0, 0, 0, 0}
	for _, a := range aces {
		sid := SID(a.SID)
		t := typ
		if a.Deny {
			t = 1
		}
		b = append(b, t, a.Flags)
		b = le.AppendUint16(b, uint16(8+len(sid)))
		b = le.AppendUint32(b, a.Mask)
		b = append(b, sid...)
	}
	le.PutUint16(b[2:], uint16(len(b)))
	le.PutUint16(b[4:], uint16(len(aces)))
	return b
}

const (
	keyAllAccess = 0xf003f
	keyRead      = 0x20019
)

// defaultSecurity is O:BA G:BA D:(SYSTEM full)(Administrators full)(Users read).
var defaultSecurity = Descriptor("S-1-5-32-544", "S-1-5-32-544", 0,
	ACE{SID: "S-1-5-18", Mask: keyAllAccess, Flags: 2},
	ACE{SID: "S-1-5-32-544", Mask: keyAllAccess, Flags: 2},
	ACE{SID: "S-1-5-32-545", Mask: keyRead, Flags: 2})

// DefaultSecurity returns the descriptor of keys that name no other: owner
// and group Administrators; SYSTEM and Administrators full, Users read.
func DefaultSecurity() []byte { return append([]byte(nil), defaultSecurity...) }
