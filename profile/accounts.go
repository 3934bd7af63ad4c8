package profile

import (
	"fmt"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/offline"
)

// maxSAM is the largest SAM that is read, in bytes.
const maxSAM = 128 << 20

// Accounts reads the local accounts and groups of sys from System32\config\SAM
// with its logs, or from the copies that Windows keeps when that file cannot
// be read: SAM.From and SAM.Problems say which. The error is about a SAM of
// which something is missing as a whole; the SAM is nil when nothing could be
// read. The bytes of the hive, which hold passwords, are wiped.
func Accounts(sys *offline.System) (*SAM, error) {
	path := sys.Config("SAM")
	sam, err := readSAMFile(sys, path)
	if sam != nil {
		return sam, err
	}
	// RegBack is kept up to date until Windows 10 1709, and empty after;
	// repair is from the time of the installation, or of a backup by hand.
	for _, copy := range []string{winpath.Join(sys.Dir, "System32", "config", "RegBack", "SAM"), winpath.Join(sys.Dir, "repair", "SAM")} {
		s, e := readSAMFile(sys, copy)
		if s == nil || e != nil {
			continue
		}
		s.problem("cannot be used (%s); the accounts and groups are those of the older copy %s", why(err, path), copy)
		return s, nil
	}
	return nil, err
}

// current says whether s tells of accounts that were deleted: it is whole, and
// no older copy.
func (s *SAM) current(sys *offline.System) bool {
	return s != nil && len(s.Accounts) > 0 && s.From == sys.Config("SAM") && s.Recovery.Unrecovered == ""
}

// readSAMFile reads the SAM at path. Nothing of it stays in memory.
func readSAMFile(sys *offline.System, path string) (*SAM, error) {
	b, logs, err := sys.HiveFiles(path, maxSAM)
	if err != nil {
		return nil, err
	}
	defer func() {
		clear(b)
		for _, l := range logs {
			clear(l.Data)
		}
	}()
	h, err := hive.OpenWithLogs(b, logs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer wipe(h)
	sam, err := ReadSAM(h)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	if sam == nil {
		return nil, err
	}
	sam.From, sam.Recovery = path, h.Recovery()
	sys.NoteHive(path, h)
	// In the words in which all registry files are told of.
	if st, ok := sys.HiveState(path); ok && st.Lost() {
		if p, ok := st.Tell(); ok {
			sam.problem("%s", p.What)
		}
	}
	return sam, err
}

// wipe clears the data of every value of h, a hive that nobody else has. A
// hive that was recovered is a copy of the file, out of the caller's reach.
func wipe(h *hive.Hive) {
	// The error is that of a damaged hive, whose rest cannot be reached.
	_ = hive.Walk(h.Root(), func(k hive.Key) error {
		for v := range k.Values() {
			if b, err := v.Data(); err == nil {
				clear(b)
			}
		}
		return nil
	})
}
