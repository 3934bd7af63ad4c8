package hive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// LogSuffixes are the ends of the names of transaction logs, which lie beside
// the hive. Their case varies, even between the logs of one hive.
var LogSuffixes = []string{".LOG1", ".LOG2", ".LOG"}

// LogNames picks the transaction logs of the hive file called name out of the
// names in its folder, whatever their case, in the order of LogSuffixes. Of
// several names that differ in case only, as in a folder that is not of
// Windows, it takes the one that begins exactly with name, or the first.
func LogNames(name string, folder []string) []string {
	var out []string
	for _, suffix := range LogSuffixes {
		best := -1
		for i, n := range folder {
			// Folding can change the length of a name in bytes, but not that
			// of the suffix.
			if cut := len(n) - len(suffix); cut > 0 && wstr.EqualFold(n[:cut], name) && strings.EqualFold(n[cut:], suffix) {
				if n[:cut] == name {
					best = i
					break
				}
				if best < 0 {
					best = i
				}
			}
		}
		if best >= 0 {
			out = append(out, folder[best])
		}
	}
	return out
}

// Log is a transaction log of a hive, as it lies beside it.
type Log struct {
	Name string // for messages; its end tells .LOG from .LOG1 and .LOG2
	Data []byte
}

// Recovery tells what the transaction logs gave to a hive. Its zero value is
// that of a hive that needed none.
type Recovery struct {
	Dirty       bool          `json:"dirty,omitempty"`       // the file itself was not written out completely
	Applied     []AppliedLog  `json:"applied,omitempty"`     // in the order in which they were applied
	Rejected    []RejectedLog `json:"rejected,omitempty"`    // logs that gave nothing
	BaseBlock   string        `json:"baseBlock,omitempty"`   // the log that the base block was taken from, "" for the hive's own
	Unrecovered string        `json:"unrecovered,omitempty"` // why newer changes are missing, a sentence; "" when the hive is whole
}

// AppliedLog is a log whose changes are in the hive.
type AppliedLog struct {
	Name    string `json:"name"`
	Format  string `json:"format"`  // "HvLE", since Windows 8.1, or "DIRT"
	Entries int    `json:"entries"` // 1 for DIRT
	Pages   int    `json:"pages"`   // of 4096 bytes for HvLE, of 512 for DIRT
	First   uint32 `json:"first"`   // sequence numbers of the first and the last entry
	Last    uint32 `json:"last"`
}

// RejectedLog is a log of a dirty hive that gave nothing.
type RejectedLog struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// String says it in one line, "" when there is nothing to tell.
func (r Recovery) String() string {
	if !r.Dirty {
		return ""
	}
	var parts []string
	for _, a := range r.Applied {
		n := fmt.Sprintf("%d changes", a.Entries)
		if a.Entries == 1 {
			n = "1 change"
		}
		parts = append(parts, fmt.Sprintf("%s of %s replayed (%s)", n, a.Name, a.Format))
	}
	if r.BaseBlock != "" {
		parts = append(parts, "base block taken from "+r.BaseBlock)
	}
	if r.Unrecovered != "" {
		parts = append(parts, "the newest changes may be missing: "+r.Unrecovered)
	}
	return "the hive was not written out completely: " + strings.Join(parts, "; ")
}

// Recovery tells what was replayed, and why something could not be. It is the
// zero value for hives from Open and for clean ones.
func (h *Hive) Recovery() Recovery { return h.recovery }

// OpenWithLogs opens the hive in b together with its transaction logs: when
// Windows was interrupted before it wrote the hive out, the changes in the
// logs are applied. A clean hive ignores its logs, as Windows does; they hold
// what it has, or is older. What was done is in [Hive.Recovery].
//
// Neither b nor the logs are changed. A hive that needs no log keeps b, as
// with Open; for others the changes go to a copy, which is never larger than
// b and the logs together, and b is not kept. The error is a *FormatError.
func OpenWithLogs(b []byte, logs []Log) (*Hive, error) {
	own := ownBase(b)
	if own == baseClean || own == baseOther {
		return Open(b)
	}
	r := Recovery{Dirty: true}
	apply := r.choose(b, own == baseDirty, logs)
	if len(apply) == 0 {
		return r.open(b)
	}
	base, bins := r.replay(b, own == baseDirty, apply)
	h, err := open(base, bins)
	if err != nil {
		// The file itself may be more than what the logs made of it.
		for _, a := range r.Applied {
			r.Rejected = append(r.Rejected, RejectedLog{a.Name, "with its changes the hive cannot be opened"})
		}
		r.Applied, r.BaseBlock = nil, ""
		r.Unrecovered = "With the changes of its logs the hive cannot be opened, so it is read without them."
		return r.open(b)
	}
	h.dirty = r.Unrecovered != ""
	h.recovery = r
	return h, nil
}

// open opens b as it is.
func (r Recovery) open(b []byte) (*Hive, error) {
	h, err := Open(b)
	if err != nil {
		var e *FormatError
		if errors.As(err, &e) && len(r.Rejected) > 0 {
			e.What += ". " + strings.TrimSuffix(r.Unrecovered, ".")
		}
		return nil, err
	}
	h.recovery = r
	return h, nil
}

// What the base block of a file says about it.
const (
	baseClean  = iota
	baseDirty  // a write was under way
	baseBroken // torn, or gone: a log may have a copy
	baseOther  // no hive at all: a log, or too short for one
)

func ownBase(b []byte) int {
	switch {
	case len(b) < baseSize+binHeader || int64(len(b)) > maxFile:
		return baseOther
	case string(b[:4]) != "regf" || checksum(b) != binary.LittleEndian.Uint32(b[508:]):
		return baseBroken
	case binary.LittleEndian.Uint32(b[28:]) != 0:
		return baseOther
	case binary.LittleEndian.Uint32(b[4:]) != binary.LittleEndian.Uint32(b[8:]):
		return baseDirty
	}
	return baseClean
}

// choose gives the logs to apply to b, in order, and says why the others are
// not among them. intact says whether the base block of b can be believed.
func (r *Recovery) choose(b []byte, intact bool, logs []Log) (apply []*txLog) {
	// No hive that the file and its logs can make is larger than both.
	room := int64(len(b) - baseSize)
	for _, l := range logs {
		room += int64(len(l.Data))
	}
	room = min(room, maxFile-baseSize)

	var old, recent []*txLog
	numbered, modern := false, false
	for _, log := range logs {
		numbered = numbered || len(log.Data) > 0 && !hasSuffixFold(log.Name, ".LOG")
	}
	for _, log := range logs {
		l, err := readLog(log, room)
		switch {
		case numbered && hasSuffixFold(log.Name, ".LOG"):
			// Windows Setup leaves it.
			r.reject(log, "a .LOG is not used when there are others")
			continue
		case err != nil:
			r.reject(log, err.Error())
		case l.format == formatDIRT:
			old = append(old, l)
		default:
			recent = append(recent, l)
		}
		modern = modern || isHvLE(log.Data)
	}
	if modern {
		// Windows 8.1 and later leave the logs of the Windows before them
		// where they are, and no longer write the time that would tell.
		for _, l := range old {
			r.reject(l.Log, "it is of an older Windows than the other log")
		}
		slices.SortStableFunc(recent, func(x, y *txLog) int { return seqCompare(x.seq, y.seq) })
		apply = r.chain(b, intact, recent)
	} else {
		apply = r.newest(b, intact, old)
	}
	if len(apply) == 0 && r.Unrecovered == "" {
		r.Unrecovered = r.nothing(logs)
	}
	return apply
}

func hasSuffixFold(name, suffix string) bool {
	return len(name) >= len(suffix) && strings.EqualFold(name[len(name)-len(suffix):], suffix)
}

// replay applies logs to a copy of the bins of b, and gives it with the base
// block that belongs to it.
func (r *Recovery) replay(b []byte, intact bool, logs []*txLog) (base, bins []byte) {
	size := int64(len(b) - baseSize)
	for _, l := range logs {
		size = max(size, l.reach)
	}
	bins = make([]byte, size)
	copy(bins, b[baseSize:])
	for _, l := range logs {
		a := AppliedLog{Name: l.Name, Format: l.format, Entries: len(l.changes), First: l.changes[0].seq}
		for _, c := range l.changes {
			for _, p := range c.pages {
				copy(bins[p.off:], p.data)
				a.Pages += len(p.data) / l.pageSize
			}
			a.Last = c.seq
		}
		r.Applied = append(r.Applied, a)
	}
	last := logs[len(logs)-1]
	if !intact {
		r.BaseBlock = last.Name
	}
	return last.header(), bins
}

// seqCompare compares sequence numbers, which wrap.
func seqCompare(a, b uint32) int {
	switch d := int32(a - b); {
	case d < 0:
		return -1
	case d > 0:
		return 1
	}
	return 0
}

// chain gives the logs of the new format that follow on the hive and on each
// other. They are sorted.
func (r *Recovery) chain(b []byte, intact bool, logs []*txLog) (apply []*txLog) {
	// A base block that is whole but for its checksum was not torn by Windows.
	primary, secondary := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
	stands := intact || string(b[:4]) == "regf" && primary == secondary
	var torn string
	for _, l := range logs {
		// When the base block is gone nothing says where the hive stands. A
		// log whose changes the hive has does no harm: entries hold whole
		// pages, and the last one of each page wins. So all that the logs
		// have in one row is applied.
		if stands && seqCompare(l.seq, secondary) < 0 {
			r.reject(l.Log, fmt.Sprintf("it begins with change %d, and the hive has all before %d", l.seq, secondary))
			continue
		}
		if len(l.changes) == 0 {
			why := "it holds no change"
			if l.torn != "" {
				why = l.torn
				torn = l.Name + ": " + why
			}
			r.reject(l.Log, why)
			continue
		}
		if len(apply) > 0 {
			before := apply[len(apply)-1]
			next := before.changes[len(before.changes)-1].seq + 1
			switch d := seqCompare(l.seq, next); {
			case d == 0:
			case !intact && d > 0:
				// Only the newest log is sure to be what the hive lacks.
				for _, x := range apply {
					r.reject(x.Log, fmt.Sprintf("changes %d to %d are missing between it and %s", next, l.seq-1, l.Name))
				}
				apply = nil
			case d > 0:
				r.reject(l.Log, fmt.Sprintf("it begins with change %d, and %d is not there", l.seq, next))
				torn = fmt.Sprintf("Changes from %d on are missing.", next)
				if before.torn != "" {
					torn = before.Name + ": " + before.torn
				}
				continue
			default:
				r.reject(l.Log, fmt.Sprintf("it begins with change %d, which %s has as well", l.seq, before.Name))
				continue
			}
		}
		apply = append(apply, l)
		torn = ""
		if l.torn != "" {
			torn = l.Name + ": " + l.torn
		}
	}
	r.Unrecovered = torn
	return apply
}

// newest gives the one log of the old format that belongs to the hive.
func (r *Recovery) newest(b []byte, intact bool, logs []*txLog) (apply []*txLog) {
	// The sequence numbers do not tell: Windows XP writes other ones into the
	// log than Vista. The time of the last write does. The first bin has a
	// copy of it, of the write before the one that was interrupted.
	since := binary.LittleEndian.Uint64(b[12:])
	if !intact {
		since = 0
		if string(b[baseSize:baseSize+4]) == "hbin" {
			since = binary.LittleEndian.Uint64(b[baseSize+20:])
		}
	}
	var best *txLog
	for _, l := range logs {
		switch {
		case l.time() < since:
			r.reject(l.Log, "it is older than the hive: "+wstr.Filetime(l.time()).String())
		case best == nil:
			best = l
		case l.time() > best.time():
			r.reject(best.Log, "it is older than "+l.Name)
			best = l
		default:
			r.reject(l.Log, "it is not newer than "+best.Name)
		}
	}
	if best == nil {
		return nil
	}
	return []*txLog{best}
}

func (r *Recovery) reject(l Log, why string) {
	r.Rejected = append(r.Rejected, RejectedLog{l.Name, why})
}

// nothing says why no log gave anything.
func (r *Recovery) nothing(logs []Log) string {
	if len(logs) == 0 {
		return "No transaction log lies beside the hive."
	}
	var all []string
	for _, x := range r.Rejected {
		all = append(all, x.Name+": "+x.Why)
	}
	return "No transaction log can be applied (" + strings.Join(all, "; ") + ")."
}
