package offline

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes"
)

// device is what a value of SYSTEM\MountedDevices says of a volume.
type device struct {
	kind      deviceKind
	signature uint32   // deviceMBR: the disk signature
	offset    int64    // deviceMBR: the first byte of the partition
	guid      [16]byte // deviceGPT: the GUID of the partition, or of a volume of a dynamic disk
}

type deviceKind byte

const (
	deviceOther deviceKind = iota // removable drives, network disks, CD-ROMs
	deviceMBR
	deviceGPT
)

// parseDevice reads the data of a value of SYSTEM\MountedDevices.
func parseDevice(b []byte) device {
	switch {
	case len(b) == 12:
		offset := binary.LittleEndian.Uint64(b[4:])
		if offset>>63 != 0 {
			return device{}
		}
		return device{kind: deviceMBR, signature: binary.LittleEndian.Uint32(b), offset: int64(offset)}
	case len(b) == 24 && bytes.HasPrefix(b, []byte("DMIO:ID:")):
		return device{kind: deviceGPT, guid: [16]byte(b[8:])}
	}
	return device{}
}

// is says whether v is the volume that d describes.
func (d device) is(v *volumes.Volume) bool {
	if v.DynamicID != [16]byte{} {
		return d.kind == deviceGPT && v.HasDynamicID(d.guid)
	}
	if v.Partition == nil || v.Source == nil || v.Source.Table == nil {
		return false
	}
	p, t := v.Partition, v.Source.Table
	switch d.kind {
	case deviceMBR:
		// Disks without a signature would all be one.
		return t.Scheme == "mbr" && d.signature != 0 && t.Signature == d.signature && p.Offset == d.offset
	case deviceGPT:
		return p.GUID != [16]byte{} && p.GUID == d.guid
	}
	return false
}

func (d device) how(v *volumes.Volume) string {
	switch {
	case d.kind == deviceMBR:
		return "disk signature"
	case v.DynamicID != [16]byte{}:
		return "dynamic volume GUID"
	}
	return "partition GUID"
}

// mountedLetter is the letter in the name `\DosDevices\C:`, 0 for other names.
func mountedLetter(name string) byte {
	const prefix = `\DosDevices\`
	if len(name) != len(prefix)+2 || !wstr.EqualFold(name[:len(prefix)], prefix) {
		return 0
	}
	return winpath.Letter(name[len(prefix):])
}

// checkPlaces refuses letters that are none and volumes that are not in set.
func checkPlaces(set *volumes.Set, opt Options) error {
	for letter, n := range opt.Map {
		if letter < 'A' || letter > 'Z' {
			return fmt.Errorf("%q is no drive letter; map one of A to Z to a volume", string(rune(letter)))
		}
		if n < 1 || n > len(set.Volumes) {
			return fmt.Errorf("drive %c: cannot be volume %d: the given sources have %d volumes", letter, n, len(set.Volumes))
		}
	}
	for _, p := range opt.Places {
		if vol, _ := winpath.Split(p.Path); winpath.Letter(vol) == 0 || strings.HasPrefix(p.Path, `\\`) {
			return fmt.Errorf(`%q is no path of a Windows; write it like D:\ or C:\Data`, p.Path)
		}
		if p.Volume != nil && !slices.Contains(set.Volumes, p.Volume) {
			return fmt.Errorf("%s: its volume is not among the sources", p.Path)
		}
	}
	return nil
}

// findDrives fills Dir, Drives, Missing and Mounts. The letter of the system
// volume is the one that Windows used for itself; those of the others are in
// MountedDevices, which also holds stale ones: an entry counts when its
// partition exists. What a person says overrides both, but the system volume
// keeps its own letter, with which every path in the registry begins.
func (s *System) findDrives(opt Options) {
	system := s.placeSystem(opt)
	s.Drives = []Drive{system}
	s.mountedDevices()
	if opt.Replace {
		found := s.Drives
		s.Drives = s.Drives[:1:1]
		for _, p := range opt.Places {
			s.place(p, system)
		}
		for _, d := range found[1:] {
			s.Missing = append(s.Missing, d.Letter) // unless the mappings have it
			if now, ok := s.drive(d.Letter); !ok || now.Volume != d.Volume {
				s.problem(s.Dir, "drive %c: is volume %d by its %s, but the mappings of offline.xml replace all drives and do not say so", d.Letter, d.Volume.Number, d.How)
			}
		}
	} else {
		for _, p := range opt.Places {
			s.place(p, system)
		}
	}
	for letter, n := range opt.Map {
		s.place(Place{Path: string(rune(letter)) + `:\`, Volume: s.set.Volumes[n-1], How: "--map"}, system)
	}
	slices.SortFunc(s.Drives, func(a, b Drive) int { return int(a.Letter) - int(b.Letter) })
	s.Missing = slices.DeleteFunc(s.Missing, func(letter byte) bool { _, ok := s.drive(letter); return ok })
	slices.Sort(s.Missing)
	s.Missing = slices.Compact(s.Missing)
	s.checkNames(system)
	s.sortMounts()
	s.findMounts(opt.Replace)
}

// checkNames tells of places that are two drives, and sets Conflict when one
// of them is the drive of the installation itself.
func (s *System) checkNames(system Drive) {
	for i, d := range s.Drives {
		for _, o := range s.Drives[:i] {
			if o.Volume != d.Volume || !wstr.EqualFold(o.Base, d.Base) {
				continue
			}
			other := d
			if d.Letter == system.Letter {
				other = o
			}
			if other != d || o.Letter == system.Letter {
				s.Conflict = fmt.Sprintf("drive %c: is %s, as %s says; but that is the drive of this Windows, which calls it %c:", other.Letter, whereabouts(d.Volume, d.Base), other.How, system.Letter)
				s.problem(s.Dir, "%s", s.Conflict)
				continue
			}
			s.problem(s.Dir, "the drives %c: (%s) and %c: (%s) are both %s: each file of it is taken once, by the letter that a rule names; what no rule names by its letter is taken as %s",
				o.Letter, o.How, d.Letter, d.How, whereabouts(d.Volume, d.Base), s.Path(d.Volume, d.Base))
		}
	}
}

// mountedDevices enters the drives that MountedDevices names.
func (s *System) mountedDevices() {
	k, err := s.SystemHive.Root().Key("MountedDevices")
	if err != nil {
		return
	}
	for v := range k.Values() {
		letter := mountedLetter(v.Name())
		if letter == 0 {
			continue
		}
		data, err := v.Data()
		if err != nil {
			s.problem(`HKLM\SYSTEM\MountedDevices`, "the entry of drive %c: cannot be read (%v); name its volume with --map %c=NUMBER", letter, err, letter)
			continue
		}
		if dev := parseDevice(data); dev.kind != deviceOther {
			s.addDrive(letter, dev)
		}
	}
}

// LetterOf is the letter that the installation gives to the partition of a
// drive of the host, 0 for none. Those that a volume of the set answers are
// not among them.
func (s *System) LetterOf(d volumes.HostDrive) byte {
	k, err := s.SystemHive.Root().Key("MountedDevices")
	if err != nil {
		return 0
	}
	for v := range k.Values() {
		letter := mountedLetter(v.Name())
		data, err := v.Data()
		if letter == 0 || err != nil || !slices.Contains(s.Missing, letter) {
			continue
		}
		switch dev := parseDevice(data); dev.kind {
		case deviceGPT:
			if dev.guid == d.GUID && d.GUID != [16]byte{} {
				return letter
			}
		case deviceMBR:
			if dev.signature == d.Signature && d.Signature != 0 && dev.offset == d.Offset {
				return letter
			}
		}
	}
	return 0
}

// placeSystem tells the drive of the system volume and sets Dir. What a person
// says counts where nothing else tells it.
func (s *System) placeSystem(opt Options) Drive {
	d := Drive{Volume: s.Volume, How: "SystemRoot"}
	var installed []string // the Windows folder below its drive, as it was installed
	if k, err := s.Software.Root().Key(currentVersion); err == nil {
		for _, name := range []string{"SystemRoot", "PathName"} {
			if p := text(k, name); winpath.Letter(p) != 0 {
				d.Letter = winpath.Letter(p)
				_, installed = winpath.Split(p)
				break
			}
		}
	}
	if d.Letter == 0 {
		d.Letter, d.How = s.mountedAs(s.Volume), "MountedDevices"
	}
	_, root := winpath.Split(s.Root)
	if base := strings.Join(root[:max(0, len(root)-1)], `\`); d.Letter == 0 && s.Degraded() {
		if d.Letter, d.How = s.letterSaid(opt, base); d.Letter == 0 {
			d.Letter, d.How = s.letterHint(base)
		}
	}
	if d.Letter == 0 {
		d.Letter, d.How = 'C', "assumed"
	}
	if d.How == "assumed" && s.SystemError == nil {
		s.problem(`HKLM\SOFTWARE\`+currentVersion, "SystemRoot names no drive letter; C: is assumed for the drive of this Windows")
	}
	// Copied into another folder, the installation still believes it is where
	// it was: `OldDisk\Windows` is C:\Windows, and its C:\ is OldDisk.
	at := len(root) - len(installed)
	if len(installed) == 0 || at < 0 || !slices.EqualFunc(root[at:], installed, wstr.EqualFold) {
		at = len(root) - 1
	}
	d.Base = strings.Join(root[:at], `\`)
	s.Dir = winpath.Join(string(d.Letter)+`:\`, root[at:]...)
	return d
}

// mountedAs is the first letter that MountedDevices gives to v, 0 for none.
func (s *System) mountedAs(v *volumes.Volume) byte {
	var first byte
	k, err := s.SystemHive.Root().Key("MountedDevices")
	if err != nil {
		return 0
	}
	for val := range k.Values() {
		letter := mountedLetter(val.Name())
		data, err := val.Data()
		if letter == 0 || err != nil || !parseDevice(data).is(v) {
			continue
		}
		if first == 0 || letter < first {
			first = letter
		}
	}
	return first
}

// addDrive enters the volume that dev describes, when there is one.
func (s *System) addDrive(letter byte, dev device) {
	var found []*volumes.Volume
	for _, v := range s.set.Volumes {
		if dev.is(v) {
			found = append(found, v)
		}
	}
	// Clones of a disk have its signature and GUIDs. The one that Windows is
	// on is the disk that its letters speak of.
	i := max(0, slices.IndexFunc(found, func(v *volumes.Volume) bool { return v.Source == s.Volume.Source }))
	system := s.Drives[0]
	switch {
	case letter == system.Letter:
		if slices.Contains(found, s.Volume) && system.Base == "" {
			s.Drives[0].How += ", " + dev.how(s.Volume)
		}
		if len(found) > 0 && !slices.Contains(found, s.Volume) {
			s.problem(`HKLM\SYSTEM\MountedDevices`, "gives drive %c: to volume %d, but this Windows is on volume %d and calls its own drive %c:; volume %d is shown by its number",
				letter, found[0].Number, s.Volume.Number, letter, found[0].Number)
		}
	case len(found) == 0:
		s.Missing = append(s.Missing, letter)
	case found[i] == s.Volume && (system.Base == "" || s.mountedAs(s.Volume) == system.Letter):
		s.problem(`HKLM\SYSTEM\MountedDevices`, "gives drive %c: to the volume that this Windows calls %c:; the letter %c: is ignored", letter, system.Letter, letter)
	default:
		if len(found) > 1 {
			s.problem(`HKLM\SYSTEM\MountedDevices`, "drive %c: fits %d volumes, as clones of a disk do; volume %d is taken, --map %c=NUMBER names another",
				letter, len(found), found[i].Number, letter)
		}
		s.setDrive(Drive{Letter: letter, Volume: found[i], How: dev.how(found[i])})
	}
}

// setDrive enters d, in the place of what had its letter.
func (s *System) setDrive(d Drive) {
	for i := range s.Drives {
		if s.Drives[i].Letter == d.Letter {
			s.Drives[i] = d
			return
		}
	}
	s.Drives = append(s.Drives, d)
}

// volumeByName finds the volume that Windows calls `Volume{guid}`: through
// MountedDevices, else the GUID is that of a GPT partition, or is made of
// the signature of an MBR disk and the offset of the partition on it.
func (s *System) volumeByName(name string) *volumes.Volume {
	var devices []device
	if k, err := s.SystemHive.Root().Key("MountedDevices"); err == nil {
		if v, err := k.Value(`\??\` + name); err == nil {
			if data, err := v.Data(); err == nil {
				devices = append(devices, parseDevice(data))
			}
		}
	}
	if guid, ok := parseGUID(name[len("Volume"):]); ok {
		devices = append(devices, device{kind: deviceGPT, guid: guid})
		if le := binary.LittleEndian; le.Uint32(guid[4:]) == 0 && guid[15]&0x80 == 0 {
			devices = append(devices, device{kind: deviceMBR, signature: le.Uint32(guid[:]), offset: int64(le.Uint64(guid[8:]))})
		}
	}
	var first *volumes.Volume
	for _, d := range devices {
		for _, v := range s.set.Volumes {
			switch {
			case !d.is(v):
			case v.Source == s.Volume.Source: // and not on a clone of its disk
				return v
			case first == nil:
				first = v
			}
		}
	}
	return first
}

// parseGUID reads {xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx} into the byte order
// of disks and of memory.
func parseGUID(s string) (g [16]byte, ok bool) {
	if len(s) != 38 || s[0] != '{' || s[37] != '}' || s[9] != '-' || s[14] != '-' || s[19] != '-' || s[24] != '-' {
		return g, false
	}
	b, err := hex.DecodeString(s[1:9] + s[10:14] + s[15:19] + s[20:24] + s[25:37])
	if err != nil {
		return g, false
	}
	slices.Reverse(b[0:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	return [16]byte(b), true
}
