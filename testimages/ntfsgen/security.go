package ntfsgen

import (
	"cmp"
	"slices"

	"github.com/coldstate/coldstate/testimages/hivegen"
)

// Rights in presets, and flags of an entry.
const (
	fullAccess   = 0x1F01FF
	modifyAccess = 0x1301BF
	readAccess   = 0x1200A9
	toAll        = 0x03 // inherited by files and folders

	sidSystem = "S-1-5-18"
	sidAdmins = "S-1-5-32-544"
	sidUsers  = "S-1-5-32-545"
	sidWorld  = "S-1-1-0"
	sidAuth   = "S-1-5-11"
)

// SecuritySystem is the descriptor of what belongs to Windows: SYSTEM and
// Administrators full, Users read.
func SecuritySystem() Security {
	return hivegen.Descriptor(sidSystem, sidSystem, 0x1000, hivegen.ACE{SID: sidSystem, Mask: fullAccess, Flags: toAll},
		hivegen.ACE{SID: sidAdmins, Mask: fullAccess, Flags: toAll}, hivegen.ACE{SID: sidUsers, Mask: readAccess, Flags: toAll})
}

// SecurityPublic is the descriptor of the root of a volume, and so of all
// that names no other: authenticated users may change.
func SecurityPublic() Security {
	return hivegen.Descriptor(sidAdmins, sidSystem, 0, hivegen.ACE{SID: sidAdmins, Mask: fullAccess, Flags: toAll},
		hivegen.ACE{SID: sidSystem, Mask: fullAccess, Flags: toAll}, hivegen.ACE{SID: sidAuth, Mask: modifyAccess, Flags: toAll},
		hivegen.ACE{SID: sidUsers, Mask: readAccess, Flags: toAll})
}

// SecurityUser is the descriptor of a profile: owned by the user, closed to
// others but SYSTEM and Administrators.
func SecurityUser(sid string) Security {
	return hivegen.Descriptor(sid, sid, 0x1000, hivegen.ACE{SID: sidSystem, Mask: fullAccess, Flags: toAll},
		hivegen.ACE{SID: sidAdmins, Mask: fullAccess, Flags: toAll}, hivegen.ACE{SID: sid, Mask: fullAccess, Flags: toAll})
}

// SecurityNoListing is the descriptor of the junctions that Windows makes for
// old programs: nobody may list them.
func SecurityNoListing() Security {
	return hivegen.Descriptor(sidSystem, sidSystem, 0x1000, hivegen.ACE{SID: sidWorld, Mask: 0x1, Deny: true},
		hivegen.ACE{SID: sidWorld, Mask: readAccess}, hivegen.ACE{SID: sidSystem, Mask: fullAccess}, hivegen.ACE{SID: sidAdmins, Mask: fullAccess})
}

// securityIDs gives out the ids of $Secure, in the order of first use.
type securityIDs struct {
	ids  map[string]uint32
	list [][]byte
}

const firstSecurityID = 0x100

func (s *securityIDs) id(sd []byte) uint32 {
	if id, ok := s.ids[string(sd)]; ok {
		return id
	}
	if s.ids == nil {
		s.ids = map[string]uint32{}
	}
	id := uint32(firstSecurityID + len(s.list))
	s.ids[string(sd)] = id
	s.list = append(s.list, sd)
	return id
}

// sdsBlock is the size of a block of $SDS; every second one is a copy of the
// one before it.
const sdsBlock = 0x40000

// streams returns $SDS and the sorted entries of $SDH and $SII.
func (s *securityIDs) streams() (sds []byte, sdh, sii []entry) {
	type row struct {
		hash, id uint32
		entry    entry
	}
	var byHash []row
	at := 0
	for i, sd := range s.list {
		n := 20 + len(sd)
		if at%(2*sdsBlock)+n > sdsBlock {
			at = (at/(2*sdsBlock) + 1) * 2 * sdsBlock
		}
		id := uint32(firstSecurityID + i)
		hash := descriptorHash(sd)
		// The header in $SDS is also the data in both indexes.
		head := le.AppendUint32(nil, hash)
		head = le.AppendUint32(head, id)
		head = le.AppendUint64(head, uint64(at))
		head = le.AppendUint32(head, uint32(n))
		if need := at + sdsBlock + n; need > len(sds) {
			sds = append(sds, make([]byte, need-len(sds))...)
		}
		copy(sds[at:], append(slices.Clone(head), sd...))
		copy(sds[at+sdsBlock:], sds[at:at+n])
		at = (at + n + 15) &^ 15

		// Windows pads the entries of $SDH with the letters "II".
		e := viewEntry(head[:8], append(slices.Clone(head), "I\x00I\x00"...))
		le.PutUint16(e.data[2:], 20)
		byHash = append(byHash, row{hash, id, e})
		sii = append(sii, viewEntry(head[4:8], head))
	}
	slices.SortFunc(byHash, func(a, b row) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.id, b.id)) })
	for _, r := range byHash {
		sdh = append(sdh, r.entry)
	}
	return sds, sdh, sii
}

// descriptorHash is the hash of a descriptor in $Secure.
func descriptorHash(sd []byte) (h uint32) {
	for i := 0; i+4 <= len(sd); i += 4 {
		h = h<<3 | h>>29
		h += le.Uint32(sd[i:])
	}
	return h
}
