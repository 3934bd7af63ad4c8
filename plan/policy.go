package plan

import (
	"io"
	"slices"
	"strings"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes"
)

// policyReason says why a file is never captured, whatever a rule says.
const policyReason = "it holds password material or memory of the old machine; it is never captured, whatever a rule says"

// orphansFolder is the folder of a volume with what is in lost folders.
const orphansFolder = "$Orphans"

// inSecretFolder says whether folders are a place where Windows keeps the
// hives of accounts and secrets, or copies of them: config, config\RegBack,
// repair (XP), the snapshots of System Restore.
func inSecretFolder(folders []string) bool {
	up := func(i int) string { // counted from the innermost
		if i >= len(folders) {
			return ""
		}
		return wstr.Upper(folders[len(folders)-1-i])
	}
	switch up(0) {
	case "CONFIG":
		return up(1) == "SYSTEM32" || up(1) == "SYSTEM"
	case "REGBACK":
		return up(1) == "CONFIG" && up(2) == "SYSTEM32"
	case "REPAIR":
		return up(1) == "WINDOWS" || up(1) == "WINNT"
	case "SNAPSHOT":
		for i := range folders {
			if up(i) == "SYSTEM VOLUME INFORMATION" {
				return true
			}
		}
	}
	return false
}

// forbiddenFile says whether policy keeps the file out of every store: hives
// and databases of secrets, and the files that hold the memory of the machine.
// folders are the names of the folders above it.
func forbiddenFile(folders []string, name string, fs volumes.FS, e volumes.Entry, info *volumes.Info) bool {
	switch wstr.Upper(name) {
	case "PAGEFILE.SYS", "HIBERFIL.SYS", "SWAPFILE.SYS":
		return len(folders) == 0 || len(folders) == 1 && isWindowsOld(folders[0])
	}
	return SecretFile(folders, name, fs, e, info)
}

// SecretFile says whether a file holds password material: SAM and SECURITY
// with their logs and copies, and the database of a domain controller. folders
// are the names of the folders above it.
func SecretFile(folders []string, name string, fs volumes.FS, e volumes.Entry, info *volumes.Info) bool {
	up := wstr.Upper(name)
	// Files of lost folders have their record before their name.
	lost := len(folders) > 0 && folders[0] == orphansFolder
	if lost && len(folders) == 1 {
		_, up, _ = strings.Cut(up, " ")
	}
	if up == "NTDS.DIT" {
		return true
	}
	if !isSecretHiveName(up) {
		return false
	}
	if inSecretFolder(folders) {
		return true
	}
	// Logs do not tell what they are the logs of, where the folder does not.
	if lost && slices.ContainsFunc(hive.LogSuffixes, func(s string) bool { return strings.HasSuffix(up, wstr.Upper(s)) }) {
		return true
	}
	// A file of that name anywhere else is a person's own, unless it is a hive.
	return info.Size >= 512 && startsWithRegf(fs, e)
}

// isSecretHiveName knows the names under which Windows keeps the two hives:
// SAM, SAM.LOG1, SAM.sav, SAM{guid}.TM.blf, _REGISTRY_MACHINE_SAM.
func isSecretHiveName(up string) bool {
	for _, h := range []string{"SAM", "SECURITY"} {
		rest, ok := strings.CutPrefix(strings.TrimPrefix(up, "_REGISTRY_MACHINE_"), h)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '{' || rest[0] == '_' || rest[0] == '-' || rest[0] == ' ' || rest[0] == '(' || rest[0] == '~') {
			return true
		}
	}
	return false
}

func isWindowsOld(name string) bool { return winpath.Match("Windows.old*", name, false) }

func startsWithRegf(fs volumes.FS, e volumes.Entry) bool {
	s, err := fs.Open(e, "")
	if err != nil {
		return false
	}
	if c, ok := s.(io.Closer); ok {
		defer c.Close()
	}
	var b [4]byte
	if _, err := s.ReadAt(b[:], 0); err != nil {
		// Too damaged to tell: the name decides.
		return true
	}
	return string(b[:]) == "regf"
}

// hostPath is the path below the root of a folder source at which the host
// folder store lies, in upper case; "" when it lies elsewhere.
func hostPath(v *volumes.Volume, store string) string {
	if store == "" || v.HostPath == "" {
		return ""
	}
	rel, ok := relHost(v.HostPath, store)
	if !ok {
		return ""
	}
	return wstr.Upper(rel)
}
