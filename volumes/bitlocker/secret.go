package bitlocker

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Secret is something that a person has to unlock volumes with. It prints as
// what kind of secret it is, never as the secret.
type Secret struct {
	kind string // of the protectors that it may open
	key  []byte // 32 bytes
	id   [16]byte
}

// Kind is the kind of the protectors that the secret may open.
func (s Secret) Kind() string { return s.kind }

func (s Secret) String() string { return "a " + s.kind }

// Format keeps the secret out of every text.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// A PasswordError says which group of a recovery password is mistyped.
type PasswordError struct {
	Group int // from 1; 0 when it is not about one
	What  string
}

func (e *PasswordError) Error() string {
	if e.Group == 0 {
		return "the recovery password " + e.What
	}
	return fmt.Sprintf("group %d of the recovery password %s", e.Group, e.What)
}

// ParseSecret reads what a person typed: 48 digits, in groups of six with
// anything between them that is no digit or letter, are a recovery password;
// all else is a password, but for numbers of about that length. The error, a
// *PasswordError, is about a recovery password that cannot be one, and names the
// group but not the digits.
func ParseSecret(text string) (Secret, error) {
	if groups, ok := digitGroups(text); ok {
		return recoverySecret(groups)
	}
	sum := sha256.New()
	for _, u := range utf16.Encode([]rune(text)) {
		sum.Write([]byte{byte(u), byte(u >> 8)})
	}
	twice := sha256.Sum256(sum.Sum(nil))
	return Secret{kind: Password, key: twice[:]}, nil
}

// digitGroups says whether text is meant as a recovery password, and gives its
// groups.
func digitGroups(text string) ([]string, bool) {
	text = strings.TrimSpace(text)
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	digits := 0
	for _, r := range text {
		switch {
		case isDigit(r):
			digits++
		case r == '-' || r == ' ' || r == '\u2013' || r == '\u2010' || r == '\u2011' || r == '.' || r == '\t':
		default:
			return nil, false
		}
	}
	groups := strings.FieldsFunc(text, func(r rune) bool { return !isDigit(r) })
	// Seven or nine groups are a slip of the finger, and so are some digits more
	// or less where nothing parts the groups; a date is a password.
	if len(groups) < 6 {
		return []string{strings.Join(groups, "")}, digits >= 42 && digits <= 54
	}
	return groups, digits >= 36
}

func recoverySecret(groups []string) (Secret, error) {
	if len(groups) == 1 {
		all := groups[0]
		if len(all) != 48 {
			return Secret{}, &PasswordError{What: fmt.Sprintf("has %d digits; it has 48", len(all))}
		}
		groups = nil
		for i := 0; i < 48; i += 6 {
			groups = append(groups, all[i:i+6])
		}
	}
	if len(groups) != 8 {
		return Secret{}, &PasswordError{What: fmt.Sprintf("has %d groups; it has eight of six digits each", len(groups))}
	}
	var key [16]byte
	for i, g := range groups {
		if len(g) != 6 {
			return Secret{}, &PasswordError{i + 1, fmt.Sprintf("has %d digits instead of six", len(g))}
		}
		n, err := strconv.ParseUint(g, 10, 32)
		if err != nil || n%11 != 0 || n/11 > 0xFFFF {
			return Secret{}, &PasswordError{i + 1, "is mistyped: its digits do not fit together"}
		}
		binary.LittleEndian.PutUint16(key[2*i:], uint16(n/11))
	}
	sum := sha256.Sum256(key[:])
	return Secret{kind: RecoveryPassword, key: sum[:]}, nil
}

// IsBEK says whether b is the content of a .BEK file, as far as it looks like
// one.
func IsBEK(b []byte) bool {
	if len(b) < 48+8 || len(b) > 64<<10 {
		return false
	}
	le := binary.LittleEndian
	return le.Uint32(b) >= 48 && le.Uint32(b) <= uint32(len(b)) && le.Uint32(b[4:]) == 1 && le.Uint32(b[8:]) == 48
}

// ParseBEK reads a file with a startup or recovery key.
func ParseBEK(b []byte) (Secret, error) {
	if !IsBEK(b) {
		return Secret{}, errors.New("is no file with a BitLocker key (.BEK)")
	}
	budget := maxDatums
	for _, d := range datums(b[48:binary.LittleEndian.Uint32(b)], &budget) {
		if d.typ != typeExternal || len(d.body) < 24 {
			continue
		}
		for _, p := range datums(d.body[24:], &budget) {
			if p.typ == typeKey && len(p.body) >= 4+32 {
				return Secret{kind: ExternalKey, key: append([]byte(nil), p.body[4:4+32]...), id: [16]byte(d.body)}, nil
			}
		}
	}
	return Secret{}, errors.New("is a file like one with a BitLocker key (.BEK), but holds no key")
}
