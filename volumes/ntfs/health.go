package ntfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/volumes/winfs"
)

var _ winfs.Checker = (*FS)(nil)

// Flags of $VOLUME_INFORMATION.
const (
	volumeDirty  = 0x0001
	volumeChkdsk = 0x4000 // chkdsk is underway
)

// volumeInformation takes the attribute of that name of $Volume in:
//
//	 8  1  major version
//	 9  1  minor version
//	10  2  flags
func (fs *FS) volumeInformation(v []byte) {
	if len(v) >= 12 {
		fs.version = fmt.Sprintf("%d.%d", v[8], v[9])
		fs.flags = binary.LittleEndian.Uint16(v[10:])
	}
}

// Health implements winfs.Checker.
func (fs *FS) Health() winfs.Health {
	h := winfs.Health{
		Version: fs.version,
		Dirty:   fs.flags&volumeDirty != 0,
		Chkdsk:  fs.flags&volumeChkdsk != 0,
		Missing: max(0, fs.geo.bytes-fs.dev.size),
		Lost:    fs.lost.unnamed(),
		Named:   fs.lost.named(),
		Mirror:  fs.mirror,
		Orphans: fs.orphans,

		NoVolume:    fs.version == "",
		NoUpCase:    !fs.upCase(),
		Undescribed: fs.undescribedFiles(),
	}
	h.Log, h.LogVersion = fs.logState()
	h.Hibernation = fs.hibernation()
	h.Damaged = len(fs.problems) + fs.more
	if len(fs.problems) > 0 {
		p := fs.problems[0]
		if h.Missing > 0 && p.Where == "volume" {
			// It is told by Missing.
			if h.Damaged--; h.Damaged > 0 && len(fs.problems) > 1 {
				p = fs.problems[1]
			}
		}
		if h.Damaged > 0 {
			h.Damage = p.String()
		}
	}
	return h
}

// upCase says whether the table of capitals, which is not used, looks like one:
// the letters of ASCII tell it from zeros and from other data.
func (fs *FS) upCase() bool {
	b, _ := fs.head("$UpCase", 512)
	if len(b) < 512 {
		return false
	}
	for c := range uint16(128) {
		want := c
		if c >= 'a' && c <= 'z' {
			want -= 'a' - 'A'
		}
		if binary.LittleEndian.Uint16(b[2*c:]) != want {
			return false
		}
	}
	return true
}

// head reads the beginning of a file of the root folder, up to n bytes.
func (fs *FS) head(name string, n int64) ([]byte, error) {
	e, ok := fs.child(fs.tree.root, name)
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, winfs.ErrNotFound)
	}
	s, err := fs.Open(e, "")
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(n, s.Size()))
	if len(b) == 0 {
		return b, nil
	}
	k, err := s.ReadAt(b, 0)
	if k == len(b) {
		err = nil
	}
	return b[:k], err
}

// The pages at the start of $LogFile tell how it was left; the second stands
// at the size of a page, and the later of the two counts:
//
//	 0  4  "RSTR", "CHKD" after chkdsk
//	 4  4  update sequence array
//	16  4  size of a page
//	24  2  offset of the restart area
//	26  2  minor version, 28 major
//
// and the restart area:
//
//	 0  8  log sequence number
//	12  2  first client in use, 0xFFFF for none
//	14  2  flags; 2: the volume is closed
const (
	logPage       = 4096
	maxLogPage    = 64 << 10
	logRestart    = 'R' | 'S'<<8 | 'T'<<16 | 'R'<<24
	logAfterCheck = 'C' | 'H'<<8 | 'K'<<16 | 'D'<<24
)

// logState says how $LogFile was left, and its version.
func (fs *FS) logState() (state, version string) {
	// A read error behind the pages does not matter.
	b, _ := fs.head("$LogFile", 2*maxLogPage)
	return logOf(b)
}

// logOf is logState of the beginning of $LogFile.
func logOf(b []byte) (state, version string) {
	const unknown = winfs.LogUnreadable
	if len(b) < logPage {
		return unknown, ""
	}
	if len(bytes.TrimLeft(b[:logPage], "\xFF")) == 0 {
		return winfs.LogClosed, "" // never written since it was formatted or repaired
	}
	state = unknown
	var newest uint64
	page := int64(binary.LittleEndian.Uint32(b[16:]))
	if page < stride || page > maxLogPage || page&(page-1) != 0 {
		page = logPage
	}
	for _, off := range []int64{0, page} {
		if off+page > int64(len(b)) {
			continue
		}
		p := append([]byte(nil), b[off:off+page]...)
		if sig := binary.LittleEndian.Uint32(p); sig != logRestart && sig != logAfterCheck || fixup(p) != nil {
			continue
		}
		at := int(binary.LittleEndian.Uint16(p[24:]))
		if at < 30 || at+16 > len(p) {
			continue
		}
		lsn := binary.LittleEndian.Uint64(p[at:])
		if state != unknown && lsn <= newest {
			continue
		}
		newest = lsn
		version = fmt.Sprintf("%d.%d", binary.LittleEndian.Uint16(p[28:]), binary.LittleEndian.Uint16(p[26:]))
		state = winfs.LogOpen
		if binary.LittleEndian.Uint16(p[at+12:]) == 0xFFFF || binary.LittleEndian.Uint16(p[at+14:])&2 != 0 {
			state = winfs.LogClosed
		}
	}
	return state, version
}

// hibernation reads what hiberfil.sys begins with: after a resume Windows
// overwrites it.
func (fs *FS) hibernation() string {
	b, err := fs.head("hiberfil.sys", 4)
	if err != nil || len(b) < 4 {
		return ""
	}
	switch strings.ToUpper(string(b)) {
	case "HIBR":
		return winfs.Hibernated
	case "RSTR":
		return winfs.Resuming
	}
	return ""
}
