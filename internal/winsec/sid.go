// Package winsec reads and writes the security data of Windows: SIDs and self-relative
// security descriptors as they stand in file systems and hives, and their
// text forms. It looks no name up and decides no access.
//
// The formats: [MS-DTYP] 2.4.2 (SID), 2.4.4 (ACE), 2.4.5 (ACL), 2.4.6
// (SECURITY_DESCRIPTOR), 2.5.1 (SDDL).
package winsec

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxSubs is the number of sub-authorities that Windows allows in a SID.
const maxSubs = 15

// FormatError says where bytes are not what they should be.
type FormatError struct {
	Offset int // place in the bytes that were given
	What   string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("security data: offset %#x: %s", e.Offset, e.What)
}

func wrong(off int, format string, args ...any) error {
	return &FormatError{off, fmt.Sprintf(format, args...)}
}

// SID names an account or a group. SIDs can be compared with == and serve as
// keys of maps. The zero SID is none.
type SID struct {
	auth uint64 // identifier authority, 48 bits
	n    uint8
	set  bool
	subs [maxSubs]uint32
}

// NewSID makes the SID S-1-auth-subs. It panics when there are more than 15
// subs or auth has more than 48 bits: it is for SIDs that the program names.
func NewSID(auth uint64, subs ...uint32) SID {
	if len(subs) > maxSubs || auth >= 1<<48 {
		panic("winsec: no SID is that long")
	}
	s := SID{auth: auth, n: uint8(len(subs)), set: true}
	copy(s.subs[:], subs)
	return s
}

// ParseSID reads the binary SID at the start of b and returns the number of
// its bytes. The error is a *FormatError.
func ParseSID(b []byte) (SID, int, error) {
	if len(b) < 8 {
		return SID{}, 0, wrong(0, "a SID has at least 8 bytes, here are %d", len(b))
	}
	if b[0] != 1 {
		return SID{}, 0, wrong(0, "SID of revision %d, only 1 is known", b[0])
	}
	n := int(b[1])
	if n > maxSubs {
		return SID{}, 0, wrong(1, "SID of %d sub-authorities, Windows allows %d", n, maxSubs)
	}
	size := 8 + 4*n
	if len(b) < size {
		return SID{}, 0, wrong(1, "SID of %d bytes, here are %d", size, len(b))
	}
	s := SID{n: uint8(n), set: true}
	for _, c := range b[2:8] {
		s.auth = s.auth<<8 | uint64(c)
	}
	for i := range n {
		s.subs[i] = binary.LittleEndian.Uint32(b[8+4*i:])
	}
	return s, size, nil
}

// ParseSIDString reads the form S-1-5-21-…: numbers in decimal, or in hex
// with 0x in front, as Windows reads them.
func ParseSIDString(text string) (SID, error) {
	parts := strings.Split(text, "-")
	if len(parts) < 3 || parts[0] != "S" && parts[0] != "s" || parts[1] != "1" {
		return SID{}, fmt.Errorf("%q is no SID: it does not start with S-1-", text)
	}
	number := func(s string, bits int) (uint64, error) {
		base := 10
		if len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") {
			s, base = s[2:], 16
		}
		n, err := strconv.ParseUint(s, base, bits)
		if err != nil {
			return 0, fmt.Errorf("%q is no SID: %q is no number of %d bits", text, s, bits)
		}
		return n, nil
	}
	s := SID{set: true}
	var err error
	if s.auth, err = number(parts[2], 48); err != nil {
		return SID{}, err
	}
	if len(parts)-3 > maxSubs {
		return SID{}, fmt.Errorf("%q is no SID: Windows allows %d sub-authorities", text, maxSubs)
	}
	for i, p := range parts[3:] {
		n, err := number(p, 32)
		if err != nil {
			return SID{}, err
		}
		s.subs[i] = uint32(n)
		s.n++
	}
	return s, nil
}

// IsZero says that s is the zero SID, which is none.
func (s SID) IsZero() bool { return !s.set }

// Equal says that s and t are the same SID; so does ==.
func (s SID) Equal(t SID) bool { return s == t }

// String is the form S-1-5-21-…, "" for the zero SID. An identifier authority
// of more than 32 bits is in hex ([MS-DTYP] 2.4.2.1).
func (s SID) String() string {
	if !s.set {
		return ""
	}
	b := append(make([]byte, 0, 64), "S-1-"...)
	if s.auth < 1<<32 {
		b = strconv.AppendUint(b, s.auth, 10)
	} else {
		b = fmt.Appendf(b, "0x%012x", s.auth)
	}
	for _, n := range s.subs[:s.n] {
		b = append(b, '-')
		b = strconv.AppendUint(b, uint64(n), 10)
	}
	return string(b)
}

// AppendBinary appends the binary form to dst, nothing for the zero SID.
func (s SID) AppendBinary(dst []byte) []byte {
	if !s.set {
		return dst
	}
	dst = append(dst, 1, s.n, byte(s.auth>>40), byte(s.auth>>32), byte(s.auth>>24), byte(s.auth>>16), byte(s.auth>>8), byte(s.auth))
	for _, n := range s.subs[:s.n] {
		dst = binary.LittleEndian.AppendUint32(dst, n)
	}
	return dst
}

// Authority is the identifier authority: 5 for Windows NT.
func (s SID) Authority() uint64 { return s.auth }

// Subs are the sub-authorities.
func (s SID) Subs() []uint32 { return append([]uint32(nil), s.subs[:s.n]...) }

// RID is the last sub-authority, the account's number in its domain; ok is
// false when there is none.
func (s SID) RID() (rid uint32, ok bool) {
	if s.n == 0 {
		return 0, false
	}
	return s.subs[s.n-1], true
}

// Prefix is s without its RID, the SID of the domain or machine; ok is false
// when there is no RID.
func (s SID) Prefix() (p SID, ok bool) {
	if s.n == 0 {
		return SID{}, false
	}
	s.n--
	s.subs[s.n] = 0
	return s, true
}

// WithRID is the SID of an account of the domain or machine s; ok is false
// when s is full or none.
func (s SID) WithRID(rid uint32) (a SID, ok bool) {
	if !s.set || s.n == maxSubs {
		return SID{}, false
	}
	s.subs[s.n] = rid
	s.n++
	return s, true
}

// HasPrefix says that s is p or has all its parts at the start.
func (s SID) HasPrefix(p SID) bool {
	return s.set && p.set && s.auth == p.auth && s.n >= p.n && slices.Equal(s.subs[:p.n], p.subs[:p.n])
}

// IsAccount says that s belongs to a machine or a domain (S-1-5-21-…) or to
// Microsoft Entra (S-1-12-1-…), and not to Windows itself.
func (s SID) IsAccount() bool {
	return s.auth == 5 && s.n == 5 && s.subs[0] == 21 || s.auth == 12 && s.n == 5 && s.subs[0] == 1
}
