// Package efs reads who can decrypt a file of the Encrypting File System, and
// writes encrypted files in the raw form that Windows takes back. It decrypts
// nothing.
//
// The formats: [MS-EFSR] 2.2.2 (metadata, the attribute $EFS of NTFS) and
// 2.2.3 (raw data: OpenEncryptedFileRaw, WriteEncryptedFileRaw).
package efs

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/internal/winsec"
	"github.com/coldstate/coldstate/internal/wstr"
)

// Key is one key that opens a file: a certificate of a user or a recovery
// agent. Fields that the metadata do not tell are empty.
type Key struct {
	SID        string // S-1-5-…
	Name       string // "anna(anna@PC)", as Windows shows it
	Thumbprint string // SHA-1 of the certificate, lower-case hexadecimal
	Container  string // of the private key
	Provider   string
}

// Metadata is what $EFS tells without a key.
type Metadata struct {
	// Version is that of EFS: 1 to 3 up to Windows 10, 4 and 5 with keys on
	// smart cards and in newer ones.
	Version uint32
	Users   []Key // of the data decryption field
	Agents  []Key // of the data recovery field
}

// Limits of $EFS. NTFS itself allows 256 KiB.
const (
	maxMetadata = 256 << 10
	maxKeys     = 4096
	maxText     = 2048 // bytes of a name
	maxDepth    = 8    // of data in data
)

// FormatError says what is wrong with metadata, and where.
type FormatError struct {
	Off  int
	What string
}

func (e *FormatError) Error() string { return fmt.Sprintf("$EFS: offset %#x: %s", e.Off, e.What) }

func bad(off int, format string, args ...any) error {
	return &FormatError{off, fmt.Sprintf(format, args...)}
}

// Parse reads the value of $EFS. With an error it returns what was read
// before the damage, never nil.
//
//	 0  4  length
//	 8  4  version of EFS
//	16 16  id
//	32 16  hash (versions 1 to 3)
//	64  4  offset of the keys of users, 68 of agents (versions 1 to 3)
//	32  4  offset of the keys of users, 36 of agents (versions 4 and 5)
func Parse(b []byte) (*Metadata, error) {
	m := &Metadata{}
	if len(b) < 40 || len(b) > maxMetadata {
		return m, bad(0, "%d bytes", len(b))
	}
	if n := binary.LittleEndian.Uint32(b); uint64(n) > uint64(len(b)) || n < 40 {
		return m, bad(0, "a length of %d bytes, there are %d", n, len(b))
	} else {
		b = b[:n]
	}
	m.Version = binary.LittleEndian.Uint32(b[8:])
	lists, read := 64, readKeys
	switch {
	case m.Version == 4 || m.Version == 5:
		lists, read = 32, readProtectors
	case m.Version == 0 || m.Version > 5:
		return m, bad(8, "version %d is not known", m.Version)
	case len(b) < 72:
		return m, bad(0, "%d bytes", len(b))
	}
	var err error
	for i, to := range []*[]Key{&m.Users, &m.Agents} {
		off := binary.LittleEndian.Uint32(b[lists+4*i:])
		if off == 0 {
			continue
		}
		keys, e := read(b, int64(off))
		*to = keys
		if err == nil {
			err = e
		}
	}
	return m, err
}

// part returns n bytes of b at off, nil when they are not there.
func part(b []byte, off, n int64) []byte {
	if off < 0 || n < 0 || off > int64(len(b)) || n > int64(len(b))-off {
		return nil
	}
	return b[off : off+n : off+n]
}

// readKeys reads a key list of version 1 ([MS-EFSR] 2.2.2.1.1): a count, then
// entries behind their lengths.
func readKeys(b []byte, off int64) ([]Key, error) {
	head := part(b, off, 4)
	if head == nil {
		return nil, bad(int(off), "a list of keys outside")
	}
	count := binary.LittleEndian.Uint32(head)
	if count > maxKeys {
		return nil, bad(int(off), "%d keys", count)
	}
	var keys []Key
	at := off + 4
	for range count {
		h := part(b, at, 20)
		if h == nil {
			return keys, bad(int(at), "a key outside")
		}
		n := int64(binary.LittleEndian.Uint32(h))
		e := part(b, at, n)
		if n < 20 || e == nil {
			return keys, bad(int(at), "a key of %d bytes", n)
		}
		cred := int64(binary.LittleEndian.Uint32(h[4:]))
		c := part(e, cred, 28)
		if c == nil {
			return keys, bad(int(at), "the certificate of a key lies outside")
		}
		keys = append(keys, readCredential(e[cred:]))
		at += n
	}
	return keys, nil
}

// readCredential reads a public key information ([MS-EFSR] 2.2.2.1.3); what is
// not sound in it is left out.
func readCredential(b []byte) (k Key) {
	word := func(off int) int64 { return int64(binary.LittleEndian.Uint32(b[off:])) }
	if at := word(4); at > 0 && at < int64(len(b)) {
		if sid, _, err := winsec.ParseSID(b[at:]); err == nil {
			k.SID = sid.String()
		}
	}
	if word(8) != 3 {
		return k
	}
	// Certificate data ([MS-EFSR] 2.2.2.1.4); offsets count from its start.
	t := part(b, word(16), word(12))
	if len(t) < 20 {
		return k
	}
	field := func(off int) int64 { return int64(binary.LittleEndian.Uint32(t[off:])) }
	k.Thumbprint = thumbprint(part(t, field(0), field(4)))
	k.Container, k.Provider, k.Name = text(t, field(8)), text(t, field(12)), text(t, field(16))
	return k
}

func thumbprint(b []byte) string {
	if len(b) != 20 {
		return ""
	}
	return hex.EncodeToString(b)
}

// text reads UTF-16LE up to NUL or the end.
func text(b []byte, off int64) string {
	if off <= 0 || off >= int64(len(b)) {
		return ""
	}
	b = b[off:]
	b = b[:min(len(b), maxText)&^1]
	for i := 0; i < len(b); i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			b = b[:i]
			break
		}
	}
	return wstr.FromUTF16LE(b)
}

// Types and roles of an EFSX datum ([MS-EFSR] 2.2.2.2.2).
const (
	typeBlob      = 1
	typeProtector = 3
	flagComplex   = 2

	roleCertificate = 1
	roleDisplay     = 3
	roleContainer   = 4
	roleProvider    = 5
	roleSID         = 6
)

// readProtectors reads a protector list of version 2 ([MS-EFSR] 2.2.2.2.1):
// its size, a count, then a datum for each protector.
func readProtectors(b []byte, off int64) ([]Key, error) {
	head := part(b, off, 6)
	if head == nil {
		return nil, bad(int(off), "a list of protectors outside")
	}
	size := int64(binary.LittleEndian.Uint32(head))
	list := part(b, off, size)
	if list == nil || size < 6 {
		return nil, bad(int(off), "a list of protectors of %d bytes", size)
	}
	var keys []Key
	at := int64(6)
	for range binary.LittleEndian.Uint16(head[4:]) {
		d := datum(list, at)
		if d == nil || len(keys) == maxKeys {
			return keys, bad(int(off+at), "a protector outside")
		}
		var k Key
		k.fill(d, 0)
		keys = append(keys, k)
		at += int64(len(d))
	}
	return keys, nil
}

// datum returns the datum at off, nil when none can be there:
//
//	0  2  size
//	2  2  role
//	4  2  type
//	6  2  flags; 2: it holds data
func datum(b []byte, off int64) []byte {
	h := part(b, off, 8)
	if h == nil {
		return nil
	}
	n := int64(binary.LittleEndian.Uint16(h))
	if n < 8 {
		return nil
	}
	return part(b, off, n)
}

// fill takes what a datum tells, and those in it.
func (k *Key) fill(d []byte, depth int) {
	role, typ, flags := binary.LittleEndian.Uint16(d[2:]), binary.LittleEndian.Uint16(d[4:]), binary.LittleEndian.Uint16(d[6:])
	head := int64(8)
	if typ == typeBlob || typ == typeProtector {
		head = 12
	}
	body := part(d, head, int64(len(d))-head)
	if body == nil || depth == maxDepth {
		return
	}
	if flags&flagComplex != 0 || typ == typeProtector {
		for at := int64(0); ; {
			in := datum(body, at)
			if in == nil {
				return
			}
			k.fill(in, depth+1)
			at += int64(len(in))
		}
	}
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	utf16 := func() string { return strings.TrimRight(wstr.FromUTF16LE(body[:min(len(body), maxText)&^1]), "\x00") }
	switch role {
	case roleSID:
		if sid, _, err := winsec.ParseSID(body); err == nil {
			set(&k.SID, sid.String())
		}
	case roleCertificate:
		set(&k.Thumbprint, thumbprint(body))
	case roleDisplay:
		set(&k.Name, utf16())
	case roleContainer:
		set(&k.Container, utf16())
	case roleProvider:
		set(&k.Provider, utf16())
	}
}
