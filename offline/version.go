package offline

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/winpath"
	"github.com/coldstate/coldstate/internal/wstr"
)

const currentVersion = `Microsoft\Windows NT\CurrentVersion`

// firstWindows11 is the first build of Windows 11. Its ProductName still says
// Windows 10, to this day.
const firstWindows11 = 22000

// readVersion reads what the installation calls itself.
func (s *System) readVersion() error {
	k, err := s.Software.Root().Key(currentVersion)
	if err != nil {
		if errors.Is(err, hive.ErrNotFound) {
			return fmt.Errorf(`System32\config\SOFTWARE: has no key %s; the registry file is not that of a Windows, or is damaged`, currentVersion)
		}
		return fmt.Errorf(`System32\config\SOFTWARE: %s: %w`, currentVersion, err)
	}
	s.Version = text(k, "CurrentVersion")
	if major, ok := k.DWord("CurrentMajorVersionNumber"); ok {
		// CurrentVersion stays at 6.3 from Windows 8.1 on.
		minor, _ := k.DWord("CurrentMinorVersionNumber")
		s.Version = fmt.Sprintf("%d.%d", major, minor)
	}
	// CurrentBuild is a relic in XP: "1.511.1 () (Obsolete data - do not use)".
	for _, name := range []string{"CurrentBuildNumber", "CurrentBuild"} {
		if n, err := strconv.Atoi(text(k, name)); err == nil && n > 0 {
			s.Build = n
			break
		}
	}
	if s.Version == "" && s.Build == 0 {
		return fmt.Errorf(`System32\config\SOFTWARE: %s names neither a version nor a build; Windows was never set up here, or the registry file is damaged`, currentVersion)
	}
	if n, ok := k.DWord("UBR"); ok {
		s.UBR = int(n)
	}
	s.Edition = text(k, "EditionID")
	s.Display = text(k, "DisplayVersion")
	if s.Display == "" {
		s.Display = text(k, "ReleaseId")
	}
	s.ServicePack = text(k, "CSDVersion")
	s.InstallationType = text(k, "InstallationType")
	if s.InstallationType == "" {
		s.InstallationType = s.productType()
	}
	if n, ok := k.DWord("InstallDate"); ok && n > 0 {
		s.InstallDate = time.Unix(int64(n), 0).UTC()
	}
	s.Product = productName(text(k, "ProductName"), s.InstallationType, s.Version, s.Build)
	return nil
}

// productType is the installation type of a Windows before 7, which has no
// value of its own for it.
func (s *System) productType() string {
	k, err := s.Control(`Control\ProductOptions`)
	if err != nil {
		return ""
	}
	switch wstr.Upper(text(k, "ProductType")) {
	case "WINNT":
		return "Client"
	case "SERVERNT", "LANMANNT":
		return "Server"
	}
	return ""
}

// productName is the name of the product for people.
func productName(name, installationType, version string, build int) string {
	client := wstr.EqualFold(installationType, "Client") ||
		installationType == "" && !strings.Contains(name, "Server")
	if client && build >= firstWindows11 {
		if rest, ok := strings.CutPrefix(name, "Windows 10"); ok {
			return "Windows 11" + rest
		}
		if name == "" {
			return "Windows 11"
		}
	}
	if name != "" {
		return name
	}
	if !client {
		return "Windows Server"
	}
	switch version {
	case "5.0":
		return "Windows 2000"
	case "5.1", "5.2":
		return "Windows XP"
	case "6.0":
		return "Windows Vista"
	case "6.1":
		return "Windows 7"
	case "6.2":
		return "Windows 8"
	case "6.3":
		return "Windows 8.1"
	case "10.0":
		return "Windows 10"
	}
	return "Windows NT " + version
}

// XP says whether folders are laid out as before Vista: profiles in
// Documents and Settings, no AppData, no Public.
func (s *System) XP() bool {
	major, _, _ := strings.Cut(s.Version, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n < 6
}

// readMachine reads the computer's name and its architecture, unless arch
// says what that is.
func (s *System) readMachine(arch string) {
	if k, err := s.Control(`Control\ComputerName\ComputerName`); err == nil {
		s.ComputerName = text(k, "ComputerName")
	}
	if s.ComputerName == "" {
		if k, err := s.Control(`Services\Tcpip\Parameters`); err == nil {
			if s.ComputerName = text(k, "NV Hostname"); s.ComputerName == "" {
				s.ComputerName = text(k, "Hostname")
			}
		}
	}
	if s.ComputerName == "" {
		s.problem(`HKLM\SYSTEM`, "the computer's name is not in it; local accounts are shown without it")
	}
	if s.Arch = arch; s.Arch == "" {
		s.Arch = s.findArch()
	}
	if s.Arch == "" {
		s.problem(s.Dir, "neither the registry nor the folders tell the architecture; say it with --arch, or %%ProgramFiles(x86)%% and the like stay undefined")
	}
}

// findArch asks the registry, then the folders.
func (s *System) findArch() string {
	if k, err := s.Control(`Control\Session Manager\Environment`); err == nil {
		if a := archName(text(k, "PROCESSOR_ARCHITECTURE")); a != "" {
			return a
		}
	}
	if k, err := s.Software.Root().Key(currentVersion); err == nil {
		// "22621.1.amd64fre.ni_release.220506-1250"
		for _, name := range []string{"BuildLabEx", "BuildLab"} {
			for _, part := range strings.FieldsFunc(wstr.Upper(text(k, name)), func(r rune) bool { return r == '.' || r == '_' }) {
				part = strings.TrimSuffix(strings.TrimSuffix(part, "FRE"), "CHK")
				if a := archName(part); a != "" {
					return a
				}
			}
		}
	}
	if _, _, err := s.Resolve(winpath.Join(s.Dir, "SysWOW64")); err == nil {
		return "AMD64"
	}
	return ""
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
func (s *System) Is64() bool { return s.Arch == "AMD64" || s.Arch == "ARM64" || s.Arch == "IA64" }

// parseArch reads Options.Arch.
func parseArch(s string) (string, error) {
	switch strings.ToLower(s) {
	case "":
		return "", nil
	case "32", "x86":
		return "x86", nil
	case "64", "amd64":
		return "AMD64", nil
	case "arm64":
		return "ARM64", nil
	}
	return "", fmt.Errorf("architecture %q is not known; say 32, 64 or arm64", s)
}
