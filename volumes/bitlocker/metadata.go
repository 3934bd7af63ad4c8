package bitlocker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Bounds of the metadata. Windows writes blocks of some 2 KiB with at most a
// dozen protectors.
const (
	maxBlock  = 64 << 10 // bytes of a block with what follows it
	maxDatums = 512
	maxVMKs   = 64
	maxHeader = 64 << 20 // bytes of the relocated start of the volume
)

// metadata is one of the three copies.
type metadata struct {
	off         int64 // in the volume
	raw         []byte
	version     uint16
	state, next uint16
	watermark   int64 // bytes before it are encrypted
	logged      int64 // bytes behind it were being converted
	header      int64 // length of the relocated start of the volume
	headerAt    int64 // where it lies
	mirror      uint64
	copies      [3]int64
	volumeID    [16]byte
	method      uint16
	vmks        []vmk
	fvek        []byte // an AES-CCM datum
	check       []byte // the datum with the hash of raw, encrypted
}

// vmk is the volume master key as one protector keeps it.
type vmk struct {
	Protector
	guid  [16]byte
	salt  [][]byte // of stretched passwords
	clear []byte
	ccm   []byte
}

// Types of datums.
const (
	typeKey      = 1
	typeString   = 2
	typeStretch  = 3
	typeCCM      = 5
	typeVMK      = 8
	typeExternal = 9
	typeHeader   = 15
	roleFVEK     = 3
)

// datum is a record of the metadata.
type datum struct {
	role, typ uint16
	body      []byte
}

// datums splits b. Whatever follows a datum that is none is left out.
func datums(b []byte, budget *int) []datum {
	var out []datum
	for len(b) >= 8 && *budget > 0 {
		n := int(binary.LittleEndian.Uint16(b))
		if n < 8 || n > len(b) {
			break
		}
		*budget--
		out = append(out, datum{binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint16(b[4:]), b[8:n]})
		b = b[n:]
	}
	return out
}

// findMetadata reads the first copy of the metadata that is whole.
func (v *Volume) findMetadata() error {
	at := func(i int) int64 { return int64(binary.LittleEndian.Uint64(v.boot[i:])) }
	var places []int64
	vista := false
	var eowPlaces []int64
	if i := bytes.Index(v.boot[:], fveGUID); i >= 0 && i+40 <= 512 {
		places = []int64{at(i + 16), at(i + 24), at(i + 32)}
	} else if i := bytes.Index(v.boot[:], eowGUID); i >= 0 && i+56 <= 512 {
		places = []int64{at(i + 16), at(i + 24), at(i + 32)}
		eowPlaces = []int64{at(i + 40), at(i + 48)}
	} else {
		cluster := v.sector * int64(v.boot[13])
		if lcn := at(56); cluster > 0 && lcn > 0 && lcn <= v.size/cluster {
			places = []int64{lcn * cluster}
		}
		vista = true
	}
	var errs []error
	for i := 0; i < len(places) && i < 9; i++ {
		m, err := v.readBlock(places[i], vista)
		if m != nil {
			// A damaged copy still tells where the others are.
			for _, c := range m.copies {
				if !slices.Contains(places, c) {
					places = append(places, c)
				}
			}
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if len(errs) > 0 {
			v.problem("the copy of the metadata at %#x is used; %s", places[i], sentence(errs))
		}
		v.meta = *m
		v.usedOnly = eowPlaces != nil
		switch {
		case v.State() == Interrupted && v.usedOnly:
			v.problem("a conversion was interrupted: a piece of the volume may be half converted, and reads wrongly then")
		case v.State() == Interrupted && m.logged == 0:
			v.problem("a conversion was interrupted at byte %d of the volume: what lies there may be half converted, and reads wrongly then", m.watermark)
		case v.State() == Interrupted:
			v.problem("a conversion was interrupted: %d bytes at byte %d of the volume may be half converted, and count as damaged", m.logged, m.watermark)
		}
		if !v.usedOnly {
			return nil
		}
		err = v.findEOW(eowPlaces)
		if err != nil && m.state == stateDecrypted {
			// Nothing is encrypted: the list only says what reads as zeros.
			v.problem("%v", err)
			err = nil
		}
		return err
	}
	return &FormatError{-1, "no copy of the metadata can be used (" + sentence(errs) + ")"}
}

// readBlock reads the copy at off. With an error, the metadata that it returns
// has only its list of copies.
func (v *Volume) readBlock(off int64, vista bool) (*metadata, error) {
	if off <= 0 || off%v.sector != 0 || off > v.size-512 {
		return nil, &FormatError{off, "no place for metadata"}
	}
	b := make([]byte, min(maxBlock, v.size-off))
	n, err := io.ReadFull(io.NewSectionReader(v.r, off, int64(len(b))), b)
	if b = b[:n]; err != nil && n < 1024 {
		return nil, fmt.Errorf("BitLocker: offset %#x: the metadata: %w", off, err)
	}
	le := binary.LittleEndian
	if len(b) < 112 || string(b[:8]) != signature {
		return nil, &FormatError{off, "no metadata is here"}
	}
	m := &metadata{off: off, version: le.Uint16(b[10:])}
	for i := range m.copies {
		m.copies[i] = int64(le.Uint64(b[32+8*i:]))
	}
	size := int(le.Uint16(b[8:]))
	switch m.version {
	case 1:
	case 2:
		size *= 16
	default:
		return m, &FormatError{off, fmt.Sprintf("metadata of version %d; versions 1 and 2 are known", m.version)}
	}
	if (m.version == 1) != vista {
		return m, &FormatError{off, fmt.Sprintf("metadata of version %d in a volume of another one", m.version)}
	}
	if size < 112 || size > len(b)-8 {
		return m, &FormatError{off, fmt.Sprintf("metadata of %d bytes", size)}
	}
	m.raw = b[:size]
	tail := b[size:]
	if crc32.ChecksumIEEE(m.raw) != le.Uint32(tail[4:]) {
		return m, &FormatError{off, "the checksum of the metadata is wrong"}
	}
	m.state, m.next = le.Uint16(b[12:]), le.Uint16(b[14:])
	m.watermark = int64(le.Uint64(b[16:]))
	if m.watermark <= 0 || m.watermark > math.MaxInt64/2 {
		m.watermark = math.MaxInt64 / 2 // all, also of a sector that was cut
	}
	if m.state == stateDirty || m.state == stateSwitching {
		m.logged = int64(le.Uint32(b[24:]))
	}
	if n := int(le.Uint16(tail)); n >= 8+8 && n <= len(tail) {
		m.check = tail[8:n]
	} else if len(tail) > 16 {
		m.check = tail[8:]
	}
	if m.version == 1 {
		m.mirror = le.Uint64(b[56:])
	} else {
		m.header = int64(le.Uint32(b[28:])) * v.sector
		m.headerAt = int64(le.Uint64(b[56:]))
	}
	if err := m.dataset(); err != nil {
		return m, err
	}
	if m.version == 2 && (m.header < v.sector || m.header > maxHeader || m.header%v.sector != 0 ||
		m.headerAt < m.header || m.headerAt%v.sector != 0 || m.headerAt > v.size-m.header) {
		return m, &FormatError{off, fmt.Sprintf("the start of the volume would be %d bytes at %#x", m.header, m.headerAt)}
	}
	return m, nil
}

// dataset reads the keys and their protectors.
func (m *metadata) dataset() error {
	le := binary.LittleEndian
	b := m.raw[64:]
	m.volumeID = [16]byte(b[16:])
	m.method = le.Uint16(b[36:])
	end := int(min(le.Uint32(b), uint32(len(b))))
	if end < 48 {
		return &FormatError{m.off + 64, fmt.Sprintf("a list of keys of %d bytes", end)}
	}
	budget := maxDatums
	for _, d := range datums(b[48:end], &budget) {
		switch {
		case d.typ == typeVMK && len(d.body) >= 28 && len(m.vmks) < maxVMKs:
			k := vmk{guid: [16]byte(d.body)}
			k.ID = guid(k.guid)
			k.Changed = wstr.Filetime(le.Uint64(d.body[16:]))
			p := le.Uint16(d.body[26:]) & 0xFF00
			if k.Kind = kinds[p]; k.Kind == "" {
				k.Kind = fmt.Sprintf("protector %#04x", p)
			}
			k.read(datums(d.body[28:], &budget))
			m.vmks = append(m.vmks, k)
		case d.role == roleFVEK && d.typ == typeCCM && m.fvek == nil:
			m.fvek = d.body
		case d.typ == typeHeader && len(d.body) >= 16 && m.version == 2 && m.header == 0:
			m.headerAt, m.header = int64(le.Uint64(d.body)), int64(min(le.Uint64(d.body[8:]), maxHeader+1))
		}
	}
	return nil
}

// read takes the properties of a protector.
func (k *vmk) read(list []datum) {
	for _, d := range list {
		switch d.typ {
		case typeString:
			if k.Name == "" {
				k.Name = strings.TrimRight(wstr.FromUTF16LE(d.body), "\x00")
			}
		case typeStretch:
			if len(d.body) >= 20 {
				k.salt = append(k.salt, d.body[4:20])
			}
		case typeKey:
			if k.Kind == ClearKey && len(d.body) >= 4+32 && k.clear == nil {
				k.clear = d.body[4 : 4+32]
			}
		case typeCCM:
			if k.ccm == nil {
				k.ccm = d.body
			}
		}
	}
}
