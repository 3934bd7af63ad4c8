package offline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/pe"
	"github.com/coldstate/coldstate/internal/wstr"
)

const currentVersion = `Microsoft\Windows NT\CurrentVersion`

// firstWindows11 is the first build of Windows 11. Its ProductName still says
// Windows 10, to this day.
const firstWindows11 = 22000

// versionKey is the key in which an installation says what it is.
func versionKey(software *hive.Hive) (hive.Key, error) {
	k, err := software.Root().Key(currentVersion)
	if errors.Is(err, hive.ErrNotFound) {
		return k, fmt.Errorf("has no key %s; the registry file is not that of a Windows, or is damaged", currentVersion)
	}
	if err != nil {
		return k, fmt.Errorf("%s: %w", currentVersion, err)
	}
	return k, nil
}

// firstWindows10 is the first build that keeps its revision in a value.
const firstWindows10 = 10240

// readVersion reads what the installation calls itself.
func (s *System) readVersion() error {
	k, err := versionKey(s.Software)
	if err != nil {
		// The zero key has no values. The kernel says the rest.
		switch kerr := s.kernelVersion(); {
		case kerr != nil && !s.evident:
			return fmt.Errorf(`System32\config\SOFTWARE: %w`, err)
		case kerr != nil:
			s.problem(s.kernel(), "%v: the version of Windows is not known", kerr)
			s.older = s.oldFolders()
		case s.Software != nil:
			s.problem(s.Config("SOFTWARE"), "%v: the version is that of ntoskrnl.exe", err)
		}
		s.InstallationType = s.productType()
		s.Product = productName("", "", s.InstallationType, s.Version, s.Build)
		return nil
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
	if s.Version == "" || s.Build == 0 {
		version, build := s.Version, s.Build
		if s.kernelVersion() == nil {
			s.problem(`HKLM\SOFTWARE\`+currentVersion, "does not name both version and build; they are those of ntoskrnl.exe")
		}
		s.Version, s.Build = cmp.Or(version, s.Version), cmp.Or(build, s.Build)
	}
	if s.Version == "" && s.Build == 0 {
		err := fmt.Errorf(`%s names neither a version nor a build; Windows was never set up here, or the registry file is damaged`, currentVersion)
		if !s.evident {
			return fmt.Errorf(`System32\config\SOFTWARE: %w`, err)
		}
		s.SoftwareError = &DeadHiveError{s.Config("SOFTWARE"), err.Error()}
		s.older = s.oldFolders()
	}
	if n, ok := k.DWord("UBR"); ok {
		s.UBR = int(n)
	} else if s.Build < firstWindows10 {
		// "7601.24384.amd64fre.win7sp1_ldr_escrow.190220-1800"; Windows 10
		// has there what it was made of.
		lab := strings.SplitN(text(k, "BuildLabEx"), ".", 3)
		if n, err := strconv.ParseUint(lab[min(1, len(lab)-1)], 10, 16); err == nil && lab[0] == strconv.Itoa(s.Build) {
			s.UBR = int(n)
		}
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
	s.Product = productName(text(k, "ProductName"), s.Edition, s.InstallationType, s.Version, s.Build)
	if s.XP() {
		s.Product = s.oldEdition(s.Product)
	}
	return nil
}

// kernelVersion takes Version and Build from the version resource of the
// kernel.
func (s *System) kernelVersion() error {
	v, e, err := s.Resolve(s.kernel())
	if err != nil {
		return err
	}
	r, err := openFile(v, e)
	if err != nil {
		return err
	}
	f, err := pe.Version(r, r.Size())
	if err != nil {
		return err
	}
	s.Version, s.Build = fmt.Sprintf("%d.%d", f.Product[0], f.Product[1]), int(f.Product[2])
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

// marks are what Windows puts into names for lawyers.
var marks = strings.NewReplacer("(TM)", "", "(R)", "", "\u2122", "", "\u00ae", "")

// productName is the name of the product for people, from its ProductName,
// EditionID and InstallationType, of which each may be "".
func productName(name, edition, installationType, version string, build int) string {
	name = strings.Join(strings.Fields(marks.Replace(name)), " ")
	if rest, ok := strings.CutPrefix(name, "Microsoft "); ok && strings.HasPrefix(rest, "Windows") {
		name = rest
	}
	client := wstr.EqualFold(installationType, "Client") ||
		installationType == "" && !strings.Contains(name, "Server") && !hasPrefixFold(edition, []string{"SERVER"})
	switch {
	case name == "" && client:
		name = strings.TrimSpace(clientName(version, build) + " " + editionNames[wstr.Upper(edition)])
	case name == "":
		name = strings.TrimSpace(serverName(build) + " " + serverEditions[wstr.Upper(edition)])
	case client && build >= firstWindows11:
		if rest, ok := strings.CutPrefix(name, "Windows 10"); ok {
			name = "Windows 11" + rest
		}
	}
	return name
}

// clientName is the name of a Windows for people's desks.
func clientName(version string, build int) string {
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
		if build >= firstWindows11 {
			return "Windows 11"
		}
		return "Windows 10"
	case "":
		return "Windows"
	}
	return "Windows NT " + version
}

// serverName is the name of a server by its build: servers do not share the
// builds of each other, even where they share a version.
func serverName(build int) string {
	name := "Windows Server"
	for _, s := range [...]struct {
		first int
		name  string
	}{
		{2195, "Windows 2000 Server"}, {3790, "Windows Server 2003"}, {6001, "Windows Server 2008"}, {7600, "Windows Server 2008 R2"},
		{9200, "Windows Server 2012"}, {9600, "Windows Server 2012 R2"}, {14393, "Windows Server 2016"}, {16299, "Windows Server"},
		{17763, "Windows Server 2019"}, {18362, "Windows Server"}, {20348, "Windows Server 2022"}, {25398, "Windows Server"},
		{26100, "Windows Server 2025"}, {26101, "Windows Server"},
	} {
		if build >= s.first {
			name = s.name
		}
	}
	return name
}

// editionNames are what people call the EditionIDs of clients.
var editionNames = map[string]string{
	"CORE": "Home", "COREN": "Home N", "CORESINGLELANGUAGE": "Home Single Language", "CORECOUNTRYSPECIFIC": "Home China",
	"PROFESSIONAL": "Pro", "PROFESSIONALN": "Pro N", "PROFESSIONALWORKSTATION": "Pro for Workstations", "PROFESSIONALEDUCATION": "Pro Education",
	"ENTERPRISE": "Enterprise", "ENTERPRISEN": "Enterprise N", "ENTERPRISES": "Enterprise LTSC", "EDUCATION": "Education", "EDUCATIONN": "Education N",
	"IOTENTERPRISE": "IoT Enterprise", "IOTENTERPRISES": "IoT Enterprise LTSC", "CLOUD": "S", "SERVERRDSH": "Enterprise multi-session",
}

var serverEditions = map[string]string{
	"SERVERSTANDARD": "Standard", "SERVERDATACENTER": "Datacenter", "SERVERENTERPRISE": "Enterprise", "SERVERSOLUTION": "Essentials", "SERVERWEB": "Web",
}

// oldEdition adds to the name of a Windows before Vista which one it is,
// which only SYSTEM tells.
func (s *System) oldEdition(product string) string {
	var suites []string
	if k, err := s.Control(`Control\ProductOptions`); err == nil {
		if v, err := k.Value("ProductSuite"); err == nil {
			suites = v.Strings()
		}
	}
	suite := func(name string) bool {
		return slices.ContainsFunc(suites, func(s string) bool { return wstr.EqualFold(strings.TrimSpace(s), name) })
	}
	server := s.InstallationType == "Server"
	edition := ""
	switch {
	case s.Version == "5.1" && suite("Personal"):
		edition = "Home Edition"
	case s.Version == "5.1" && s.setup("MediaCenter"):
		edition = "Media Center Edition"
	case s.Version == "5.1" && s.setup("TabletPC"):
		edition = "Tablet PC Edition"
	case s.Version == "5.1" && !server, s.Version == "5.0" && !server:
		edition = "Professional"
	case s.Version == "5.2" && !server:
		edition = "Professional x64 Edition"
	case s.Version == "5.0" && suite("DataCenter"):
		edition = "Datacenter Server"
	case s.Version == "5.0" && suite("Enterprise"):
		edition = "Advanced Server"
	case s.Version == "5.0" && server && !strings.HasSuffix(product, "Server"):
		edition = "Server"
	case s.Version == "5.2" && suite("DataCenter"):
		edition = "Datacenter Edition"
	case s.Version == "5.2" && suite("Enterprise"):
		edition = "Enterprise Edition"
	case s.Version == "5.2" && suite("Blade"):
		edition = "Web Edition"
	case s.Version == "5.2" && (suite("Small Business") || suite("Small Business(Restricted)")):
		edition = "for Small Business Server"
	case s.Version == "5.2":
		edition = "Standard Edition"
	}
	if edition == "" || strings.HasSuffix(product, edition) {
		return product
	}
	return product + " " + edition
}

// setup says whether the key WPA of SYSTEM tells that this kind of XP is
// installed.
func (s *System) setup(kind string) bool {
	k, err := s.SystemHive.Root().Key(`WPA\` + kind)
	if err != nil {
		return false
	}
	n, ok := k.DWord("Installed")
	return ok && n != 0
}

// XP says whether folders are laid out as before Vista: profiles in
// Documents and Settings, no AppData, no Public.
func (s *System) XP() bool {
	if s.Version == "" {
		return s.older
	}
	major, _, _ := strings.Cut(s.Version, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n < 6
}

// readMachine reads the computer's name.
func (s *System) readMachine() {
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
	if s.ComputerName == "" && s.SystemError == nil {
		s.problem(`HKLM\SYSTEM`, "the computer's name is not in it; local accounts are shown without it")
	}
}
