package offline

import (
	"fmt"
	"strings"

	"github.com/coldstate/coldstate/internal/pe"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes"
)

// sign is what one place says of the architecture.
type sign struct {
	arch string // "x86", "AMD64" …, "64" when only the width is told
	from string
}

func (a sign) String() string {
	switch a.arch {
	case "64":
		return "64-bit by " + a.from
	}
	return a.arch + " by " + a.from
}

// agree says whether two signs can be true at once.
func (a sign) agree(b sign) bool {
	return a.arch == b.arch || a.arch == "64" && is64(b.arch) || b.arch == "64" && is64(a.arch)
}

// readArch tells the architecture. said is what a person says it is, "" for
// nothing, and saidBy names where.
func (s *System) readArch(said, saidBy string) {
	signs := s.archSigns()
	if len(signs) > 0 {
		s.Arch, s.ArchFrom = signs[0].arch, signs[0].from
		if s.Arch == "64" {
			s.Arch = "AMD64"
		}
		for _, other := range signs[1:] {
			if !signs[0].agree(other) {
				list := make([]string, len(signs))
				for i, sg := range signs {
					list[i] = sg.String()
				}
				s.problem(s.Dir, "the architecture is not clear: it is %s; %s is taken, --arch says otherwise", strings.Join(list, ", "), s.Arch)
				break
			}
		}
	}
	if said == "" {
		if s.Arch == "" {
			s.problem(s.Dir, "neither the registry nor the files tell the architecture; say it with --arch, or %%ProgramFiles(x86)%% and the like stay undefined")
		}
		return
	}
	found, foundBy := s.Arch, s.ArchFrom
	s.Arch, s.ArchFrom = said, saidBy
	switch {
	case said == "64" && is64(found):
		s.Arch = found // 64 bits, of the kind that it is
	case said == "64":
		s.Arch = "AMD64"
	}
	if found != "" && found != s.Arch {
		s.problem(s.Dir, "the architecture is taken to be %s, as %s says; by %s it is %s", s.Arch, saidBy, foundBy, found)
	}
}

// archSigns asks every place that tells the architecture, the surest first:
// the kernel itself, what the registry says of the machine and of the build,
// and last the folders, of which a person may have made or removed any.
func (s *System) archSigns() []sign {
	var signs []sign
	add := func(arch, from string) {
		if arch != "" {
			signs = append(signs, sign{arch, from})
		}
	}
	if v, e, err := s.Resolve(s.kernel()); err == nil {
		if r, err := openFile(v, e); err == nil {
			if m, err := pe.Machine(r); err == nil {
				add(machines[m], "ntoskrnl.exe")
			}
		}
	}
	if k, err := s.Control(`Control\Session Manager\Environment`); err == nil {
		add(archName(text(k, "PROCESSOR_ARCHITECTURE")), "PROCESSOR_ARCHITECTURE")
	}
	if k, err := s.Software.Root().Key(currentVersion); err == nil {
		// "22621.1.amd64fre.ni_release.220506-1250"
		for _, name := range []string{"BuildLabEx", "BuildLab"} {
			arch := ""
			for _, part := range strings.FieldsFunc(wstr.Upper(text(k, name)), func(r rune) bool { return r == '.' || r == '_' }) {
				part = strings.TrimSuffix(strings.TrimSuffix(part, "FRE"), "CHK")
				if arch = archName(part); arch != "" {
					break
				}
			}
			if arch != "" {
				add(arch, name)
				break
			}
		}
	}
	add(s.folderArch(len(signs) == 0))
	return signs
}

// folderArch asks the folders. That there is none of a 64-bit Windows means
// little (WinPE and Nano Server have none), unless nothing else tells.
func (s *System) folderArch(only bool) (arch, from string) {
	has := func(path string) bool {
		v, e, err := s.Resolve(path)
		if err != nil {
			return false
		}
		fs, err := v.FS()
		if err != nil {
			return false
		}
		info, err := fs.Info(e)
		return err == nil && info.IsDir()
	}
	switch {
	case has(winpath.Join(s.Dir, "SysArm32")):
		return "ARM64", "the folder SysArm32"
	case has(winpath.Join(s.Dir, "SysWOW64")):
		return "64", "the folder SysWOW64"
	case has(s.Dir[:2] + `\Program Files (x86)`):
		return "64", "the folder Program Files (x86)"
	case only && has(winpath.Join(s.Dir, "System32")) && has(s.Dir[:2]+`\Program Files`):
		return "x86", "its folders"
	}
	return "", ""
}

// kernel is the path of the kernel, whose file tells what Windows it is.
func (s *System) kernel() string { return winpath.Join(s.Dir, "System32", "ntoskrnl.exe") }

// openFile opens the unnamed stream of a file.
func openFile(v *volumes.Volume, e volumes.Entry) (volumes.Stream, error) {
	fs, err := v.FS()
	if err != nil {
		return nil, err
	}
	return fs.Open(e, "")
}

var machines = map[uint16]string{
	pe.MachineI386: "x86", pe.MachineAMD64: "AMD64", pe.MachineARM64: "ARM64", pe.MachineIA64: "IA64", pe.MachineARMNT: "ARM",
}

// archName is the name that Windows has for an architecture in
// PROCESSOR_ARCHITECTURE, "" for none that is known.
func archName(s string) string {
	switch wstr.Upper(s) {
	case "X86":
		return "x86"
	case "AMD64", "ARM64", "IA64", "ARM":
		return wstr.Upper(s)
	}
	return ""
}

// Is64 says whether the installation is a 64-bit one, with two folders for
// programs and a second view of HKLM\SOFTWARE.
func (s *System) Is64() bool { return is64(s.Arch) }

func is64(arch string) bool { return arch == "AMD64" || arch == "ARM64" || arch == "IA64" }

// ParseArch reads what Options.Arch may be: "32", "64" (of whatever kind, "64"),
// "arm64", and the names that Windows has. "" stays "".
func ParseArch(s string) (string, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "":
		return "", nil
	case "32", "x86":
		return "x86", nil
	case "64":
		return "64", nil
	case "amd64", "x64":
		return "AMD64", nil
	case "arm64":
		return "ARM64", nil
	}
	return "", fmt.Errorf("architecture %q is not known; say 32, 64 or arm64", s)
}
