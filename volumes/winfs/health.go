package winfs

import (
	"fmt"
	"strings"
)

// Checker is implemented by an FS that knows in what state its volume was
// left. Health reads a few kilobytes, and the security descriptors.
type Checker interface {
	Health() Health
}

// What Windows left on a volume.
const (
	LogClosed     = "closed"     // Windows closed the volume
	LogOpen       = "open"       // it did not: a crash, a cut, or it is suspended
	LogUnreadable = "unreadable" // nothing can be said

	Hibernated = "hibernated" // memory is saved: hibernation, or Fast Startup
	Resuming   = "resuming"   // a start out of that memory did not end
)

// Health is the state a volume was left in. Nothing of it keeps a volume from
// being read.
type Health struct {
	// Version is that of the file system: "3.1".
	Version string `json:"version,omitempty"`
	// Dirty says that Windows wants chkdsk to look at the volume.
	Dirty bool `json:"dirty,omitempty"`
	// Chkdsk says that a chkdsk of the volume did not end.
	Chkdsk bool `json:"chkdsk_underway,omitempty"`
	// Log is what $LogFile says, LogVersion its version: 2.0 is left by
	// Windows 8 and later when they do not close the volume.
	Log        string `json:"log,omitempty"`
	LogVersion string `json:"log_version,omitempty"`
	// Hibernation is what hiberfil.sys says, "" when no memory is saved.
	Hibernation string `json:"hibernation,omitempty"`
	// Damaged is the number of damaged places in the metadata, Damage the
	// first of them.
	Damaged int    `json:"damaged,omitempty"`
	Damage  string `json:"damage,omitempty"`
	// Lost is the number of files of which not even the name is known, as
	// their MFT records are lost; Named that of those whose records are lost
	// and whose names are in the indexes of their folders; Orphans that of
	// names whose folder is lost.
	Lost    int `json:"lost_files,omitempty"`
	Named   int `json:"lost_files_named,omitempty"`
	Orphans int `json:"orphans,omitempty"`
	// Mirror says in what $MFTMirr, the copy of the first MFT records, is not
	// one; "" when it is.
	Mirror string `json:"mft_mirror,omitempty"`
	// Undescribed is the number of files and folders whose owner and permissions
	// are lost, as $Secure is.
	Undescribed int `json:"files_without_permissions,omitempty"`
	// NoVolume says that $Volume cannot be read, so that nobody knows what Dirty
	// and Chkdsk are; NoUpCase that the table of capitals cannot.
	NoVolume bool `json:"no_volume_file,omitempty"`
	NoUpCase bool `json:"no_upcase,omitempty"`
	// Missing is how many bytes at the end of the volume the medium does not
	// have.
	Missing int64 `json:"missing,omitempty"`
}

// Words names what is wrong in a few words, "" when nothing is.
func (h *Health) Words() string {
	var w []string
	switch h.Hibernation {
	case Hibernated:
		w = append(w, "hibernated")
	case Resuming:
		w = append(w, "resume cut off")
	}
	if h.Log == LogOpen && h.Hibernation == "" {
		w = append(w, "not closed")
	}
	if h.Log == LogUnreadable {
		w = append(w, "no journal")
	}
	if h.Missing > 0 {
		w = append(w, "cut short")
	}
	if h.Damaged > 0 {
		w = append(w, fmt.Sprintf("%d damaged", h.Damaged))
	}
	if n := h.Lost + h.Named; n > 0 {
		w = append(w, fmt.Sprintf("%d files lost", n))
	}
	if h.Undescribed > 0 {
		w = append(w, fmt.Sprintf("%d without permissions", h.Undescribed))
	}
	if h.NoVolume {
		w = append(w, "no $Volume")
	}
	if h.NoUpCase {
		w = append(w, "no $UpCase")
	}
	if h.Dirty || h.Chkdsk {
		w = append(w, "wants chkdsk")
	}
	return strings.Join(w, ", ")
}

// Notes says in a sentence each what is wrong and what it means for a
// capture; the worst first.
func (h *Health) Notes() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch h.Hibernation {
	case Hibernated:
		add("may be stale (hibernated or Fast Startup): the newest changes may be only in hiberfil.sys; start Windows once and shutdown /s /f, or accept")
	case Resuming:
		add("may be stale (a start out of hibernation did not end): start Windows once and shutdown /s /f, or accept")
	}
	if h.Log == LogOpen && h.Hibernation == "" {
		add("may be stale (not closed: crash, power cut, pulled while in use, or its Windows is hibernated): the newest changes to names, sizes and folders may be missing, as the journal $LogFile is not replayed")
	}
	if h.Log == LogUnreadable {
		add("may be stale (whether it was closed is not known, as its journal $LogFile cannot be read): the newest changes may be missing")
	}
	if h.Missing > 0 {
		add("cut short (a clone that ended early, or an image that is cut): files that lie in its last %d bytes, which are not on this medium, are damaged and named", h.Missing)
	}
	if text := h.LostText(); text != "" {
		add("%s", text)
	}
	if h.Named > 0 {
		add("the MFT records of %d files or folders are lost: the indexes of their folders still have their names, sizes and dates, so each is listed and named; their content cannot be captured", h.Named)
	}
	if text := h.OrphansText(); text != "" {
		add("%s", text)
	}
	if h.Mirror != "" && !strings.Contains(h.Damage, h.Mirror) {
		add("%s: the files are read without it, but it cannot stand in when $MFT fails", h.Mirror)
	}
	if h.Damaged > 0 {
		where, first := "a place", ""
		if h.Damaged > 1 {
			where, first = fmt.Sprintf("%d places", h.Damaged), "the first: "
		}
		add("the file system is damaged in %s: files it concerns are named, others are whole (%s%s)", where, first, h.Damage)
	}
	if h.Undescribed > 0 {
		add("the owner and permissions of %d files or folders are lost (the place of them, $Secure, is damaged): their content is captured; restored, they get those of the folder they are put into", h.Undescribed)
	}
	if h.NoUpCase {
		add("the table of capitals of the volume, $UpCase, is damaged: names are found without it, and nothing that is captured depends on it; more of the file system may be damaged")
	}
	switch {
	case h.NoVolume:
		add("whether Windows marked the volume for chkdsk is not known, nor its label, as $Volume cannot be read: damage is told where it is met, file by file")
	case h.Chkdsk:
		add("a chkdsk of the volume did not end: what it was about to repair is read as it is")
	case h.Dirty:
		add("Windows marked the volume for chkdsk: damage that it expects is told where it is met, file by file")
	}
	return out
}

// LostText says what Lost means, "" for nothing.
func (h *Health) LostText() string {
	if h.Lost == 0 {
		return ""
	}
	return fmt.Sprintf("the MFT records of %d files or folders are lost: no index of a folder that can be read has their names, they are not listed anywhere, and cannot be captured", h.Lost)
}

// OrphansText says what Orphans means, "" for nothing.
func (h *Health) OrphansText() string {
	if h.Orphans == 0 {
		return ""
	}
	return fmt.Sprintf("the folders of %d files or folders are lost: they are in $Orphans, where only rules for the whole volume reach them; extract SOURCE '…\\$Orphans' gives them", h.Orphans)
}
