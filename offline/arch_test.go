package offline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// Machines of programs, as the PE format numbers them.
const (
	pe386   = 0x014C
	peAMD64 = 0x8664
	peARM64 = 0xAA64
)

func TestArch(t *testing.T) {
	const kernel = "Windows/System32/ntoskrnl.exe"
	ten := func(env, lab string) *machine {
		m := newMachine().current(hivegen.SZ("CurrentBuildNumber", "19045"), hivegen.SZ("CurrentVersion", "6.3"), hivegen.SZ("SystemRoot", `C:\Windows`))
		if env != "" {
			m.control(`Session Manager\Environment`, hivegen.SZ("PROCESSOR_ARCHITECTURE", env))
		}
		if lab != "" {
			m.current(hivegen.SZ("BuildLabEx", lab))
		}
		return m
	}
	const (
		lab64  = "19041.1.amd64fre.vb_release.191206-1406"
		lab32  = "19041.1.x86fre.vb_release.191206-1406"
		labARM = "22621.1.arm64fre.ni_release.220506-1250"
	)
	for _, tt := range []struct {
		name     string
		m        *machine
		files    map[string][]byte
		opt      Options
		want     string // Arch by ArchFrom
		x86      string // %ProgramFiles(x86)%
		csidl    string // %CSIDL_PROGRAM_FILESX86%
		problems []string
	}{
		{"64-bit, all agree", ten("AMD64", lab64), map[string][]byte{kernel: testimages.Program(peAMD64, "10.0.19041.3636"), "Windows/SysWOW64/x": nil}, Options{},
			"AMD64 by ntoskrnl.exe", `C:\Program Files (x86)`, `C:\Program Files (x86)`, nil},
		{"32-bit, all agree", ten("x86", lab32), map[string][]byte{kernel: testimages.Program(pe386, "")}, Options{},
			"x86 by ntoskrnl.exe", "", `C:\Program Files`, nil},
		{"ARM64, all agree", ten("ARM64", labARM), map[string][]byte{kernel: testimages.Program(peARM64, ""), "Windows/SysArm32/x": nil, "Windows/SysWOW64/x": nil}, Options{},
			"ARM64 by ntoskrnl.exe", `C:\Program Files (x86)`, `C:\Program Files (x86)`, nil},
		{"ARM64 without SysArm32, as Windows 11 24H2", ten("ARM64", labARM), map[string][]byte{kernel: testimages.Program(peARM64, ""), "Windows/SysWOW64/x": nil}, Options{},
			"ARM64 by ntoskrnl.exe", `C:\Program Files (x86)`, `C:\Program Files (x86)`, nil},
		{"registry only", ten("AMD64", ""), nil, Options{}, "AMD64 by PROCESSOR_ARCHITECTURE", `C:\Program Files (x86)`, `C:\Program Files (x86)`, nil},
		{"build only", ten("", labARM), nil, Options{}, "ARM64 by BuildLabEx", `C:\Program Files (x86)`, `C:\Program Files (x86)`, nil},
		{"kernel only", ten("", ""), map[string][]byte{kernel: testimages.Program(pe386, "")}, Options{}, "x86 by ntoskrnl.exe", "", `C:\Program Files`, nil},
		{"folders only", ten("", ""), map[string][]byte{"Program Files (x86)/x": nil}, Options{}, "AMD64 by the folder Program Files (x86)", `C:\Program Files (x86)`, `C:\Program Files (x86)`, nil},
		{"folders of 32 bits only", ten("", ""), map[string][]byte{"Program Files/x": nil}, Options{}, "x86 by its folders", "", `C:\Program Files`, nil},
		{"nothing", ten("", ""), map[string][]byte{kernel: []byte("MZ, and no more")}, Options{}, " by ", "", `C:\Program Files`, []string{"neither the registry nor the files tell the architecture"}},
		{"the registry lies", ten("x86", lab32), map[string][]byte{kernel: testimages.Program(peAMD64, ""), "Windows/SysWOW64/x": nil}, Options{},
			"AMD64 by ntoskrnl.exe", `C:\Program Files (x86)`, `C:\Program Files (x86)`,
			[]string{"it is AMD64 by ntoskrnl.exe, x86 by PROCESSOR_ARCHITECTURE, x86 by BuildLabEx, 64-bit by the folder SysWOW64; AMD64 is taken"}},
		{"a folder too many", ten("x86", lab32), map[string][]byte{kernel: testimages.Program(pe386, ""), "Windows/SysWOW64/x": nil}, Options{},
			"x86 by ntoskrnl.exe", "", `C:\Program Files`, []string{"64-bit by the folder SysWOW64; x86 is taken"}},
		{"said, and so", ten("AMD64", lab64), nil, Options{Arch: "64"}, "AMD64 by --arch", `C:\Program Files (x86)`, `C:\Program Files (x86)`, nil},
		{"64 bits of the kind it is", ten("ARM64", labARM), nil, Options{Arch: "64", ArchFrom: "VARIABLE"}, "ARM64 by VARIABLE", `C:\Program Files (x86)`, `C:\Program Files (x86)`, nil},
		{"said against all", ten("AMD64", lab64), nil, Options{Arch: "32", ArchFrom: "VARIABLE"}, "x86 by VARIABLE", "", `C:\Program Files`,
			[]string{"taken to be x86, as VARIABLE says; by PROCESSOR_ARCHITECTURE it is AMD64"}},
		{"said where nothing tells", ten("", ""), nil, Options{Arch: "64"}, "AMD64 by --arch", `C:\Program Files (x86)`, `C:\Program Files (x86)`, nil},
		{"said ARM64", ten("", ""), nil, Options{Arch: "arm64"}, "ARM64 by --arch", `C:\Program Files (x86)`, `C:\Program Files (x86)`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string][]byte{}
			tt.m.install(files, "Windows")
			for name, b := range tt.files {
				files[name] = b
			}
			systems, problems, err := Find(openSet(t, tree(t, files)), tt.opt)
			if err != nil || len(systems) != 1 || len(problems) != 0 {
				t.Fatalf("%d systems, %v, %v", len(systems), problems, err)
			}
			s := systems[0]
			if got := s.Arch + " by " + s.ArchFrom; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			checkProblems(t, s.Problems, tt.problems)
			for name, want := range map[string]string{
				"ProgramFiles(x86)": tt.x86, "CSIDL_PROGRAM_FILESX86": tt.csidl, "PROCESSOR_ARCHITECTURE": s.Arch, "ProgramFiles": `C:\Program Files`,
				"FOLDERID_ProgramFilesX86": tt.csidl, "CSIDL_PROGRAM_FILES_COMMONX86": tt.csidl + `\Common Files`,
				"ProgramW6432":    map[bool]string{true: `C:\Program Files`}[s.Is64()],
				"CSIDL_SYSTEMX86": map[bool]string{true: `C:\Windows\SysWOW64`, false: `C:\Windows\System32`}[s.Is64()],
			} {
				if got, _ := s.Env().Lookup(name); got != want {
					t.Errorf("%%%s%% is %q, want %q", name, got, want)
				}
			}
		})
	}
	if _, _, err := Find(openSet(t, t.TempDir()), Options{Arch: "16"}); err == nil || !strings.Contains(err.Error(), `"16" is not known`) {
		t.Errorf("%v", err)
	}
}

// TestWow6432Node: what 32-bit programs see of HKLM\SOFTWARE is a key beside
// the rest, and is nowhere else.
func TestWow6432Node(t *testing.T) {
	m := eleven()
	m.software.At(`Wow6432Node\Vendor`).Add(hivegen.SZ("x", "32"))
	s := m.mustRead(t, nil, 0, Options{})
	k, err := s.HKLM(`HKLM\SOFTWARE\Wow6432Node\Vendor`)
	if err != nil || text(k, "x") != "32" {
		t.Errorf("%v", err)
	}
	if _, err := s.HKLM(`HKLM\SOFTWARE\Vendor`); err == nil {
		t.Error("a key of the 32-bit view stands in the other")
	}
}

// TestKernelVersion: a Windows whose SOFTWARE does not say its version has
// that of its kernel.
func TestKernelVersion(t *testing.T) {
	for _, tt := range []struct {
		name    string
		m       *machine
		kernel  string
		want    string // product, version, build
		problem string
	}{
		{"no build", newMachine().current(hivegen.SZ("CurrentVersion", "6.1"), hivegen.SZ("SystemRoot", `C:\Windows`)), "6.1.7601.24545", "Windows 7|6.1|7601", "does not name both version and build"},
		{"nothing", newMachine().current(hivegen.SZ("SystemRoot", `C:\Windows`)), "10.0.22621.1", "Windows 11|10.0|22621", "does not name both version and build"},
		{"the registry is believed first", newMachine().current(hivegen.SZ("CurrentVersion", "6.1"), hivegen.SZ("CurrentBuildNumber", "7600"), hivegen.SZ("SystemRoot", `C:\Windows`)), "6.1.7601.24545", "Windows 7|6.1|7600", ""},
		{"the key is gone", newMachine(), "6.3.9600.20778", "Windows 8.1|6.3|9600", "the version is that of ntoskrnl.exe"},
		{"the key and the kernel are gone", newMachine(), "", "", `has no key Microsoft\Windows NT\CurrentVersion`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string][]byte{}
			tt.m.control(`Session Manager\Environment`, hivegen.SZ("PROCESSOR_ARCHITECTURE", "AMD64")).control("ProductOptions", hivegen.SZ("ProductType", "WinNT"))
			tt.m.install(files, "Windows")
			if tt.kernel != "" {
				files["Windows/System32/ntoskrnl.exe"] = testimages.Program(peAMD64, tt.kernel)
			}
			systems, problems, err := Find(openSet(t, tree(t, files)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				checkProblems(t, problems, []string{tt.problem})
				return
			}
			if len(systems) != 1 {
				t.Fatalf("%v", problems)
			}
			s := systems[0]
			if got := fmt.Sprintf("%s|%s|%d", s.Product, s.Version, s.Build); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if found := strings.Contains(fmt.Sprint(s.Problems), tt.problem); tt.problem != "" && !found {
				t.Errorf("no problem with %q: %v", tt.problem, s.Problems)
			}
		})
	}
}

func TestProductNames(t *testing.T) {
	for _, tt := range []struct {
		product, edition, kind, version string
		build                           int
		want                            string
	}{
		{"Windows 10 Pro", "Professional", "Client", "10.0", 22631, "Windows 11 Pro"},
		{"Windows 10 Home", "Core", "Client", "10.0", 22000, "Windows 11 Home"},
		{"Windows 10 Home", "Core", "Client", "10.0", 21999, "Windows 10 Home"},
		{"Windows 10 Pro N", "ProfessionalN", "Client", "10.0", 26100, "Windows 11 Pro N"},
		{"Windows 10 Enterprise LTSC 2024", "EnterpriseS", "Client", "10.0", 26100, "Windows 11 Enterprise LTSC 2024"},
		{"Windows 10 Enterprise LTSC 2021", "EnterpriseS", "Client", "10.0", 19044, "Windows 10 Enterprise LTSC 2021"},
		{"Windows 10 Enterprise 2016 LTSB", "EnterpriseS", "Client", "10.0", 14393, "Windows 10 Enterprise 2016 LTSB"},
		{"Windows 11 Pro", "Professional", "Client", "10.0", 26100, "Windows 11 Pro"},
		{"Windows 10 Pro", "Professional", "", "10.0", 26200, "Windows 11 Pro"},
		{"", "Professional", "Client", "10.0", 22631, "Windows 11 Pro"},
		{"", "CoreSingleLanguage", "Client", "10.0", 19045, "Windows 10 Home Single Language"},
		{"", "", "Client", "10.0", 19045, "Windows 10"},
		{"Windows Server 2025 Standard", "ServerStandard", "Server", "10.0", 26100, "Windows Server 2025 Standard"},
		{"Windows Server 2022 Datacenter", "ServerDatacenter", "Server Core", "10.0", 20348, "Windows Server 2022 Datacenter"},
		{"Windows Server 2019 Standard Evaluation", "ServerStandardEval", "Server", "10.0", 17763, "Windows Server 2019 Standard Evaluation"},
		{"Windows Server 2016 Essentials", "ServerSolution", "Server", "10.0", 14393, "Windows Server 2016 Essentials"},
		{"", "ServerStandard", "Server", "10.0", 26100, "Windows Server 2025 Standard"},
		{"", "ServerDatacenter", "", "10.0", 20348, "Windows Server 2022 Datacenter"},
		{"", "", "Server", "10.0", 25398, "Windows Server"},
		{"", "", "Server", "6.3", 9600, "Windows Server 2012 R2"},
		{"", "", "Server", "6.0", 6003, "Windows Server 2008"},
		{"Windows 8.1 Pro", "Professional", "Client", "6.3", 9600, "Windows 8.1 Pro"},
		{"Windows 8 Enterprise", "Enterprise", "Client", "6.2", 9200, "Windows 8 Enterprise"},
		{"", "", "Client", "6.2", 9200, "Windows 8"},
		{"Windows 7 Ultimate", "Ultimate", "Client", "6.1", 7601, "Windows 7 Ultimate"},
		{"Windows Server (R) 2008 Standard", "ServerStandard", "Server", "6.0", 6002, "Windows Server 2008 Standard"},
		{"Windows Vista (TM) Business", "Business", "Client", "6.0", 6002, "Windows Vista Business"},
		{"Windows Vista\u2122 Home Premium", "HomePremium", "Client", "6.0", 6002, "Windows Vista Home Premium"},
		{"Hyper-V Server", "ServerHyperCore", "Server Core", "10.0", 17763, "Hyper-V Server"},
	} {
		if got := productName(tt.product, tt.edition, tt.kind, tt.version, tt.build); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// TestOldEditions: before Vista only SYSTEM tells the edition.
func TestOldEditions(t *testing.T) {
	for _, tt := range []struct {
		product, version string
		build            string
		kind             string   // ProductType
		suites           []string // ProductSuite
		wpa              string
		want             string
	}{
		{"Microsoft Windows XP", "5.1", "2600", "WinNT", nil, "", "Windows XP Professional"},
		{"Microsoft Windows XP", "5.1", "2600", "WinNT", []string{"Personal"}, "", "Windows XP Home Edition"},
		{"Microsoft Windows XP", "5.1", "2600", "WinNT", []string{"Terminal Server"}, "MediaCenter", "Windows XP Media Center Edition"},
		{"Microsoft Windows XP", "5.1", "2600", "WinNT", nil, "TabletPC", "Windows XP Tablet PC Edition"},
		{"Microsoft Windows XP", "5.2", "3790", "WinNT", nil, "", "Windows XP Professional x64 Edition"},
		{"Microsoft Windows Server 2003", "5.2", "3790", "ServerNT", nil, "", "Windows Server 2003 Standard Edition"},
		{"Microsoft Windows Server 2003 R2", "5.2", "3790", "LanmanNT", []string{"Terminal Server", "Enterprise"}, "", "Windows Server 2003 R2 Enterprise Edition"},
		{"Microsoft Windows Server 2003", "5.2", "3790", "ServerNT", []string{"Blade"}, "", "Windows Server 2003 Web Edition"},
		{"Microsoft Windows Server 2003", "5.2", "3790", "ServerNT", []string{"Enterprise", "DataCenter"}, "", "Windows Server 2003 Datacenter Edition"},
		{"Microsoft Windows 2000", "5.0", "2195", "WinNT", nil, "", "Windows 2000 Professional"},
		{"Microsoft Windows 2000", "5.0", "2195", "ServerNT", nil, "", "Windows 2000 Server"},
		{"Microsoft Windows 2000", "5.0", "2195", "ServerNT", []string{"Enterprise"}, "", "Windows 2000 Advanced Server"},
		{"", "5.1", "2600", "WinNT", []string{"Personal"}, "", "Windows XP Home Edition"},
		{"", "5.2", "3790", "ServerNT", nil, "", "Windows Server 2003 Standard Edition"},
		{"", "4.0", "1381", "WinNT", nil, "", "Windows NT 4.0"},
	} {
		m := newMachine().current(hivegen.SZ("ProductName", tt.product), hivegen.SZ("CurrentVersion", tt.version), hivegen.SZ("CurrentBuildNumber", tt.build))
		m.control("ProductOptions", hivegen.SZ("ProductType", tt.kind), hivegen.Multi("ProductSuite", tt.suites...))
		if tt.wpa != "" {
			m.system.At(`WPA\` + tt.wpa).Add(hivegen.D("Installed", 1))
		}
		s, err := m.read(t, nil, 0, Options{})
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
		} else if s.Product != tt.want {
			t.Errorf("%+v: %q", tt, s.Product)
		}
	}
}

// TestEditions: the machines of the test images are told by the names that
// people have for them.
func TestEditions(t *testing.T) {
	for _, e := range []testimages.Edition{testimages.WindowsXP, testimages.WindowsVista, testimages.Windows7, testimages.Windows81, testimages.Windows10, testimages.Windows11, testimages.Server2022} {
		version := e.CurrentVersion
		if e.Build >= 10240 {
			version = "10.0"
		}
		kind := e.InstallationType
		if kind == "" {
			kind = "Client"
		}
		s := &System{Version: version, InstallationType: kind, SystemHive: openKey(t, hivegen.K("ROOT"))}
		name := productName(e.ProductName, e.EditionID, kind, version, e.Build)
		if s.XP() {
			name = s.oldEdition(name)
		}
		if name != e.Name {
			t.Errorf("%q, want %q", name, e.Name)
		}
	}
}

func openKey(t *testing.T, k *hivegen.Key) *hive.Hive {
	t.Helper()
	h, err := hive.Open(hivegen.Build(k, hivegen.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return h
}
