package offline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// A DeadHiveError says that a registry file of an installation cannot be used,
// so that nobody can tell what is in it.
type DeadHiveError struct {
	Path string // `C:\Windows\System32\config\SYSTEM`
	Why  string // "not found", "offset 0x24: no root key is in the hive"
}

func (e *DeadHiveError) Error() string { return e.Path + ": cannot be used (" + e.Why + ")" }

// hiveNames are the registry files that tell what an installation is, and
// usable what they have to have.
var (
	hiveNames = [...]string{"SYSTEM", "SOFTWARE"}
	usable    = [...]func(*hive.Hive) error{
		func(h *hive.Hive) error { _, err := controlSet(h); return err },
		func(h *hive.Hive) error { _, err := versionKey(h); return err },
	}
)

// Degraded says whether SYSTEM or SOFTWARE is of no use.
func (s *System) Degraded() bool { return s.SystemError != nil || s.SoftwareError != nil }

// dead sets SystemError and SoftwareError, in the order of hiveNames.
func (s *System) dead(errs [2]error) {
	for i, to := range [...]*error{&s.SystemError, &s.SoftwareError} {
		if errs[i] != nil {
			*to = &DeadHiveError{Path: s.Config(hiveNames[i]), Why: reason(errs[i])}
		}
	}
}

// unknown says what is not known without a registry file, and what to do.
func (s *System) unknown(name string) string {
	if name == "SYSTEM" {
		where := "This Windows is taken to be on " + s.Dir[:2]
		if how := s.systemDrive().How; how != "assumed" {
			where = fmt.Sprintf("This Windows is on %s (%s)", s.Dir[:2], how)
		}
		return "drive letters, computer name and time zone are not known. " + where + ", other volumes have their numbers; --map D=NUMBER says which is D:"
	}
	version := "the version"
	if s.Version != "" {
		version = "the edition"
	}
	profiles, _ := s.env.Lookup("PROFILESFOLDER")
	return fmt.Sprintf("%s, the list of the users and where shared folders were moved to are not known. Users are those with a folder in %s; --include takes what lies elsewhere", version, profiles)
}

// Unlettered are the volumes that may be drives of the installation and whose
// letters are not known, as SYSTEM is of no use.
func (s *System) Unlettered() []*volumes.Volume {
	if s.SystemError == nil {
		return nil
	}
	if _, err := s.SystemHive.Root().Key("MountedDevices"); err == nil {
		return nil
	}
	var out []*volumes.Volume
	for _, v := range s.set.Volumes {
		if v.HoldsFiles() && !v.Starts() && winpath.Letter(s.VolumePrefix(v)) == 0 {
			out = append(out, v)
		}
	}
	return out
}

// evidence are files that Setup puts into every Windows folder, of Windows 2000
// to 11. Two of them are asked for, as one may be lost with a bad sector.
var evidence = []string{`System32\ntoskrnl.exe`, `System32\ntdll.dll`, `System32\kernel32.dll`, `explorer.exe`, `System32\winlogon.exe`, `System32\smss.exe`}

// preinstalled are files of the Windows that machines are installed, started
// and repaired with, which has nothing of people.
var preinstalled = []string{`System32\winpeshl.exe`, `System32\wpeinit.exe`, `System32\wpeutil.exe`, `System32\startnet.cmd`}

// registryFiles are the names with which files of System32\config begin.
var registryFiles = []string{"SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT", "REGBACK"}

// evident says whether the folder rel is that of a Windows by its programs and
// by what is in System32\config besides SYSTEM and SOFTWARE, unless the volume
// has lost that folder.
func evident(fs volumes.FS, rel string) bool {
	is := func(name string) bool {
		e, err := fs.Lookup(winpath.Join(rel, name))
		if err != nil {
			return false
		}
		info, err := fs.Info(e)
		return err != nil || !info.IsDir() && info.Size > 0 // a file that cannot be read is one
	}
	if _, err := fs.Lookup(winpath.Join(rel, "System32")); err != nil {
		return false
	}
	n := 0
	for _, name := range evidence {
		if is(name) {
			n++
		}
	}
	if n < 2 || slices.ContainsFunc(preinstalled, is) {
		return false
	}
	config, err := fs.Lookup(winpath.Join(rel, "System32", "config"))
	if err != nil {
		c, ok := fs.(winfs.Checker)
		return ok && c.Health().Lost+c.Health().Named > 0
	}
	if info, err := fs.Info(config); err == nil && !info.IsDir() {
		return false
	}
	children, err := fs.Children(config)
	return err != nil || slices.ContainsFunc(children, func(e volumes.Entry) bool { return hasPrefixFold(fs.Name(e), registryFiles) })
}

// putAside says whether v is a folder of the host that Setup made for a former
// or coming Windows, or lies in one.
func putAside(v *volumes.Volume) bool {
	return slices.ContainsFunc(strings.FieldsFunc(v.HostPath, func(r rune) bool { return r == '/' || r == '\\' }),
		func(name string) bool { return hasPrefixFold(name, oldPrefixes) })
}

// Places of profiles below the root of the drive.
const (
	newProfiles = "Users"
	oldProfiles = "Documents and Settings"
)

// oldFolders says whether profiles are where they were before Vista, when
// nothing tells the version.
func (s *System) oldFolders() bool {
	fs, err := s.Volume.FS()
	if err != nil {
		return false
	}
	is := func(name string) bool {
		e, err := fs.Lookup(winpath.Join(s.systemDrive().Base, name))
		if err != nil {
			return false
		}
		info, err := fs.Info(e)
		return err == nil && info.IsDir() && !winfs.IsNameSurrogate(info.Reparse)
	}
	return is(oldProfiles) && !is(newProfiles)
}

// letterSaid is the letter that a person gives to the drive of the
// installation, and who says so; 0 for none.
func (s *System) letterSaid(opt Options, base string) (byte, string) {
	for _, p := range opt.Places {
		if vol, names := winpath.Split(p.Path); p.Volume == s.Volume && len(names) == 0 && wstr.EqualFold(p.Base, base) {
			return winpath.Letter(vol), p.How
		}
	}
	for _, letter := range slices.Sorted(maps.Keys(opt.Map)) {
		if opt.Map[letter] == s.Volume.Number && base == "" {
			return letter, "--map"
		}
	}
	return 0, ""
}

// maxHints bounds the users that are asked for the letter of their drive.
const maxHints = 20

// shellFolders is the key in which a user's folders stand with their letters.
const shellFolders = `Software\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders`

// letterHint tells by which letter the users of the volume know it, and how:
// the list of the users, or the folders of a user. What leads to no folder of
// the volume is another drive. 0 is for none.
func (s *System) letterHint(base string) (byte, string) {
	fs, err := s.Volume.FS()
	if err != nil {
		return 0, ""
	}
	leads := func(path string) byte {
		vol, names := winpath.Split(path)
		letter := winpath.Letter(vol)
		if letter == 0 || len(names) == 0 {
			return 0
		}
		if _, err := fs.Lookup(winpath.Join(base, names...)); err != nil {
			return 0
		}
		return letter
	}
	if list, err := s.Software.Root().Key(ProfileList); err == nil {
		for k := range list.Subkeys() {
			if letter := leads(text(k, "ProfileImagePath")); letter != 0 {
				return letter, "ProfileList"
			}
		}
	}
	asked := 0
	for _, profiles := range []string{newProfiles, oldProfiles} {
		top, err := fs.Lookup(winpath.Join(base, profiles))
		if err != nil {
			continue
		}
		for _, dir := range folders(fs, top) {
			rel := winpath.Join(base, profiles, fs.Name(dir))
			h, _, err := openHive(fs, winpath.Join(rel, "NTUSER.DAT"), nil)
			if err != nil {
				continue
			}
			if asked++; asked > maxHints {
				return 0, ""
			}
			k, err := h.Root().Key(shellFolders)
			if err != nil {
				continue
			}
			for v := range k.Values() {
				path := v.Text()
				_, names := winpath.Split(path)
				if _, own := winpath.Rel(rel, winpath.Join(base, names...)); !own {
					continue // it may be there and on another drive
				}
				if letter := leads(path); letter != 0 {
					return letter, "folders of " + fs.Name(dir)
				}
			}
		}
	}
	return 0, ""
}
