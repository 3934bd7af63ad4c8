package offline

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes"
)

// lookup is fs.Lookup for callers that name the path in their own way.
func lookup(fs volumes.FS, rel string) (volumes.Entry, error) {
	e, err := fs.Lookup(rel)
	if errors.Is(err, volumes.ErrNotFound) {
		err = volumes.ErrNotFound
	}
	return e, err
}

// readFile reads the unnamed stream of the file at rel below the root of fs.
func readFile(fs volumes.FS, rel string, max int64) ([]byte, error) {
	b, bad, err := readDamaged(fs, rel, max)
	if err == nil && bad.bytes > 0 {
		return nil, fmt.Errorf("reading its content: %w", bad.err)
	}
	return b, err
}

// unreadable are the bytes of a file that the disk does not give.
type unreadable struct {
	bytes, first int64
	err          error
	// wrong is set when all was read and is not what it was: nobody knows where.
	wrong error
}

// readDamaged is readFile for files that are worth having with zeros where the
// disk fails. A file of which nothing can be read is an error.
func readDamaged(fs volumes.FS, rel string, max int64) ([]byte, unreadable, error) {
	var bad unreadable
	e, err := lookup(fs, rel)
	if err != nil {
		return nil, bad, err
	}
	info, err := fs.Info(e)
	if err != nil {
		return nil, bad, err
	}
	if info.IsDir() {
		return nil, bad, errors.New("is a folder, not a file")
	}
	st, err := fs.Open(e, "")
	if err != nil {
		return nil, bad, err
	}
	size := st.Size()
	if size > max {
		return nil, bad, fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLarge, size, max)
	}
	b := make([]byte, size)
	for at := int64(0); at < size; {
		n, err := st.ReadAt(b[at:], at)
		if at += int64(n); at >= size {
			if err != io.EOF {
				bad.wrong = err
			}
			break
		}
		if err == nil || err == io.EOF {
			return nil, bad, fmt.Errorf("reading its content: %w", io.ErrUnexpectedEOF)
		}
		if errors.Is(err, volumes.ErrGone) {
			return nil, bad, fmt.Errorf("reading its content: %w", err)
		}
		// On with the next sector. What is known to be bad costs no read.
		next := min((at/sector+1)*sector, size)
		clear(b[at:next])
		if bad.bytes == 0 {
			bad.first, bad.err = at, err
		}
		bad.bytes += next - at
		at = next
	}
	if size > 0 && bad.bytes == size {
		return nil, bad, fmt.Errorf("reading its content: %w", bad.err)
	}
	return b, bad, nil
}

// sector is the smallest part of a file that can be lost alone.
const sector = 512

// controlSet tells which control set Windows uses when it starts: Current of
// the Select key, then Default, then LastKnownGood, then the lowest there is.
func controlSet(system *hive.Hive) (int, error) {
	root := system.Root()
	if sel, err := root.Key("Select"); err == nil {
		for _, name := range []string{"Current", "Default", "LastKnownGood"} {
			if n, ok := sel.DWord(name); ok && n > 0 && n < 1000 {
				if _, err := root.Key(controlSetName(int(n))); err == nil {
					return int(n), nil
				}
			}
		}
	}
	lowest := 0
	for k := range root.Subkeys() {
		name := k.Name()
		if len(name) == 13 && wstr.EqualFold(name[:10], "ControlSet") {
			if n, err := strconv.Atoi(name[10:]); err == nil && n > 0 && (lowest == 0 || n < lowest) {
				lowest = n
			}
		}
	}
	if lowest == 0 {
		return 0, errors.New(`has no control set; the registry file is not that of a Windows, or is damaged`)
	}
	return lowest, nil
}

func controlSetName(n int) string { return fmt.Sprintf("ControlSet%03d", n) }

// Control opens a key of the control set in force, by its path below it. The
// error is SystemError when there is one.
func (s *System) Control(path string) (hive.Key, error) {
	if s.SystemError != nil {
		return hive.Key{}, s.SystemError
	}
	return s.SystemHive.Root().Key(winpath.Join(controlSetName(s.ControlSet), path))
}

// HKLM opens a key of the machine by its path with or without
// HKEY_LOCAL_MACHINE: SOFTWARE and SYSTEM, where CurrentControlSet is the set
// in force. SAM and SECURITY give an error that wraps ErrPolicy, keys that do
// not exist one that wraps hive.ErrNotFound, and those that may have existed
// SoftwareError or SystemError.
func (s *System) HKLM(path string) (hive.Key, error) {
	_, names := winpath.Split(path)
	if len(names) > 0 && (wstr.EqualFold(names[0], "HKLM") || wstr.EqualFold(names[0], "HKEY_LOCAL_MACHINE")) {
		names = names[1:]
	}
	if len(names) == 0 {
		return hive.Key{}, fmt.Errorf("HKLM: %w: it is no key of its own; name SOFTWARE or SYSTEM in it", hive.ErrNotFound)
	}
	var root hive.Key
	switch wstr.Upper(names[0]) {
	case "SOFTWARE":
		root = s.Software.Root()
	case "SYSTEM":
		root = s.SystemHive.Root()
		if len(names) > 1 && wstr.EqualFold(names[1], "CurrentControlSet") {
			names[1] = controlSetName(s.ControlSet)
		}
	case "SAM", "SECURITY":
		return hive.Key{}, fmt.Errorf(`HKLM\%s %w`, wstr.Upper(names[0]), ErrPolicy)
	default:
		return hive.Key{}, fmt.Errorf(`HKLM\%s: %w: only SOFTWARE and SYSTEM are kept in files`, names[0], hive.ErrNotFound)
	}
	dead := s.SoftwareError
	if wstr.EqualFold(names[0], "SYSTEM") {
		dead = s.SystemError
	}
	if root.Hive() == nil && dead != nil {
		return hive.Key{}, dead
	}
	if len(names) == 1 {
		return root, nil
	}
	k, err := root.Key(strings.Join(names[1:], `\`))
	if err != nil && dead != nil {
		return hive.Key{}, dead
	}
	if err != nil {
		return hive.Key{}, fmt.Errorf(`HKLM\%s: %w`, strings.Join(names, `\`), err)
	}
	return k, nil
}

// text reads a string value with the garbage behind its first NUL and the
// blanks around it cut off; "" when it is not there.
func text(k hive.Key, name string) string {
	v, ok := k.String(name)
	if !ok {
		return ""
	}
	return strings.TrimSpace(v)
}
