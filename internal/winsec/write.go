package winsec

import "encoding/binary"

// Binary is the descriptor in self-relative form: header, SACL, DACL, owner,
// group, as Windows lays it out. ACEs are written as their Raw bytes, so a
// descriptor that Parse gave comes back with the same entries. A list that does
// not fit into 65535 bytes gives nil.
func (d *Descriptor) Binary() []byte {
	b := make([]byte, 20)
	b[0] = 1
	binary.LittleEndian.PutUint16(b[2:], d.Control|SelfRelative)
	for _, l := range []struct {
		acl     *ACL
		present bool
		at      int
	}{{d.SACL, d.Control&SACLPresent != 0, 12}, {d.DACL, d.Control&DACLPresent != 0, 16}} {
		if l.acl == nil || !l.present {
			continue
		}
		binary.LittleEndian.PutUint32(b[l.at:], uint32(len(b)))
		size := 8
		for _, a := range l.acl.ACEs {
			size += len(a.Raw)
		}
		if size > 65535 || len(l.acl.ACEs) > 65535 {
			return nil
		}
		b = append(b, l.acl.Revision, 0)
		b = binary.LittleEndian.AppendUint16(b, uint16(size))
		b = binary.LittleEndian.AppendUint16(b, uint16(len(l.acl.ACEs)))
		b = append(b, 0, 0)
		for _, a := range l.acl.ACEs {
			b = append(b, a.Raw...)
		}
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	for _, s := range []struct {
		sid *SID
		at  int
	}{{d.Owner, 4}, {d.Group, 8}} {
		if s.sid != nil {
			binary.LittleEndian.PutUint32(b[s.at:], uint32(len(b)))
			b = s.sid.AppendBinary(b)
		}
	}
	return b
}

// encode sets Raw from the fields of a known ACE; ok is false when it is too
// long.
func (a *ACE) encode() (ok bool) {
	b := []byte{a.Type, a.Flags, 0, 0}
	b = binary.LittleEndian.AppendUint32(b, a.Mask)
	if aceTypes[a.Type].object {
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		if a.ObjectType != nil {
			b[at] |= 1
			b = append(b, a.ObjectType[:]...)
		}
		if a.InheritedObjectType != nil {
			b[at] |= 2
			b = append(b, a.InheritedObjectType[:]...)
		}
	}
	b = append(a.SID.AppendBinary(b), a.Data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	if len(b) > 65535-8 {
		return false
	}
	binary.LittleEndian.PutUint16(b[2:], uint16(len(b)))
	a.Raw = b
	return true
}
