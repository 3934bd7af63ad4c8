package inventory

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/testwin"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

const (
	pcSID   = "S-1-5-21-3623811015-3361044348-30300820"
	annaSID = pcSID + "-1001"
	deadSID = pcSID + "-1002"
)

// secret is the text that stands wherever a machine keeps what nobody may
// read out. It has a form that survives in JSON, as text and as UTF-16.
const secret = "Tr0ub4dor-and-3"

// packed is how MSI writes {12345678-9ABC-DEF0-0123-456789ABCDEF}: the digits
// of the first three parts backwards, those of the bytes behind them swapped.
const packed = "87654321CBA90FED1032547698BADCFE"

// sz, d and multi are short for what most tables below are made of.
var (
	sz    = hivegen.SZ
	d     = hivegen.D
	multi = hivegen.Multi
)

// machine is the volume of a machine, made as a folder of the host.
type machine struct {
	software, system *hivegen.Key
	files            map[string][]byte // below the root, slashes between
}

func newMachine() *machine {
	m := &machine{software: hivegen.K("ROOT"), system: hivegen.K("ROOT"), files: map[string][]byte{}}
	m.software.At(`Microsoft\Windows NT\CurrentVersion`).Add(sz("CurrentVersion", "6.3"), d("CurrentMajorVersionNumber", 10),
		sz("CurrentBuildNumber", "19045"), sz("SystemRoot", `C:\Windows`), sz("InstallationType", "Client"))
	m.software.At(offline.ProfileList).Add(hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Users`), hivegen.ExpandSZ("ProgramData", `%SystemDrive%\ProgramData`))
	m.system.At("Select").Add(d("Current", 1))
	m.control(`Control\ComputerName\ComputerName`).Add(sz("ComputerName", "COLD-PC"))
	m.control(`Control\Session Manager\Environment`).Add(sz("PROCESSOR_ARCHITECTURE", "AMD64"))
	return m
}

func (m *machine) control(path string) *hivegen.Key { return m.system.At(`ControlSet001\` + path) }

// user adds a profile with what is in its NTUSER.DAT.
func (m *machine) user(sid, name string, root *hivegen.Key) {
	m.software.At(offline.ProfileList + `\` + sid).Add(hivegen.ExpandSZ("ProfileImagePath", `C:\Users\`+name))
	m.files["Users/"+name+"/NTUSER.DAT"] = build(root)
}

func build(k *hivegen.Key) []byte { return hivegen.Build(k, hivegen.Options{}) }

// read makes the folder, finds the Windows in it and reads its inventory.
func (m *machine) read(t *testing.T) *Inventory {
	t.Helper()
	root := t.TempDir()
	m.files["Windows/System32/config/SYSTEM"] = build(m.system)
	m.files["Windows/System32/config/SOFTWARE"] = build(m.software)
	for name, b := range m.files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return readFolder(t, root)
}

func readFolder(t *testing.T, root string) *Inventory {
	t.Helper()
	w := testwin.Open(t, testwin.Options{}, root)
	if len(w.Problems) != 0 {
		t.Fatal(w.Problems)
	}
	return Read(w.System, w.Users)
}

func wlan(name, extra string) []byte {
	return []byte(`<?xml version="1.0"?>
<WLANProfile xmlns="http://www.microsoft.com/networking/WLAN/profile/v1">
	<name>` + name + `</name>
	<SSIDConfig>` + extra + `</SSIDConfig>
	<connectionType>ESS</connectionType>
	<MSM><security>
		<authEncryption><authentication>WPA2PSK</authentication><encryption>AES</encryption></authEncryption>
		<sharedKey><keyType>passPhrase</keyType><protected>false</protected><keyMaterial>` + secret + `</keyMaterial></sharedKey>
	</security></MSM>
</WLANProfile>`)
}

const pbk = `[Office VPN]
Encoding=1
PBVersion=6
Type=2
CustomAuthData=` + secret + `

MEDIA=rastapi
Port=VPN2-0
PhoneNumber=https://anna:` + secret + `@vpn.example.com/sstp
AreaCode=
PhoneNumber=second.example.com

[Büro]
Type=1
PhoneNumber=0049 30 1234
`

// full is a machine with one of everything, and decoys beside it.
func full() *machine {
	m := newMachine()
	uninstall := m.software.At(`Microsoft\Windows\CurrentVersion\Uninstall`)
	uninstall.At("7-Zip").Add(sz("DisplayName", "7-Zip 23.01 (x64)"), sz("DisplayVersion", "23.01"), sz("Publisher", "Igor Pavlov"), d("EstimatedSize", 5610), sz("InstallDate", "20240131"),
		sz("UninstallString", `x.exe /password=`+secret), sz("InstallSource", `\\srv\`+secret))
	uninstall.At("{90160000-008C-0000-1000-0000000FF1CE}").Add(sz("DisplayName", "Office 16 Extensibility"), d("SystemComponent", 1), d("WindowsInstaller", 1), sz("InstallDate", "2024/01/31"), sz("ProductID", secret))
	uninstall.At("AddressBook")
	uninstall.At("KB5034122").Add(sz("DisplayName", "Update for Windows"), sz("ParentKeyName", "OperatingSystem"))
	uninstall.At("KB1").Add(sz("DisplayName", "Security Update 1"), sz("ReleaseType", "Security Update"))
	m.software.At(`Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\PuTTY`).Add(sz("DisplayName", "PuTTY release 0.78"), sz("InstallDate", "20230411"))
	for _, sid := range []string{annaSID, deadSID, "S-1-5-18"} {
		m.software.At(`Microsoft\Windows\CurrentVersion\Installer\UserData\`+sid+`\Products\`+packed+`\InstallProperties`).Add(
			sz("DisplayName", "Per-user package"), sz("DisplayVersion", "1.2"), sz("InstallDate", "20220202"), sz("ProductID", secret))
	}
	store := m.software.At(`Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore`)
	store.At(`Applications\Microsoft.WindowsCalculator_2020.1906.55.0_neutral_~_8wekyb3d8bbwe`)
	store.At(`Staged\Not.Installed_1.0.0.0_x64__8wekyb3d8bbwe`)
	store.At(`S-1-5-18\Microsoft.System_1.0.0.0_x64__cw5n1h2txyewy`)
	store.At(annaSID + `\Microsoft.WindowsCalculator_11.2311.0.0_x64__8wekyb3d8bbwe`)
	store.At(annaSID + `\Microsoft.WindowsCalculator_11.2311.0.0_neutral_split.scale-100_8wekyb3d8bbwe`)
	store.At(deadSID + `\Microsoft.VCLibs.140.00_14.0.33519.0_x64__8wekyb3d8bbwe`)

	cv := m.software.At(`Microsoft\Windows NT\CurrentVersion`).Add(sz("RegisteredOwner", "Anna"), sz("RegisteredOrganization", "Example"),
		hivegen.B("DigitalProductId", []byte(secret)), sz("ProductId", secret))
	cv.At("Winlogon").Add(sz("DefaultUserName", "anna"), sz("DefaultPassword", secret), sz("AutoAdminLogon", "1"))
	m.software.At(`Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform`).Add(sz("BackupProductKeyDefault", secret))
	m.software.At(`Microsoft\Windows\CurrentVersion\Group Policy\State\Machine`).Add(sz("Distinguished-Name", "CN=COLD-PC,OU=Büro,DC=corp,DC=example,DC=com"))
	m.software.At(`Microsoft\Enrollments\{1}`).Add(sz("ProviderID", "MS DM Server"), sz("UPN", "anna@example.com"), sz("AADResourceID", secret), sz("DMPCertThumbPrint", secret))
	m.software.At(`Microsoft\Enrollments\Status`)
	m.software.At(`Microsoft\Windows\CurrentVersion\Explorer\SyncRootManager\Dropbox!` + annaSID + `!Personal\UserSyncRoots`).Add(sz(annaSID, `C:\Users\anna\Dropbox`))
	m.software.At(`Microsoft\Windows\CurrentVersion\Setup\State`).Add(sz("ImageState", "IMAGE_STATE_UNDEPLOYABLE"))
	m.software.At(`Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending`)
	m.software.At(`Policies\Microsoft\FVE`).Add(sz("RecoveryPassword", secret))

	m.control(`Services\Tcpip\Parameters`).Add(sz("Hostname", "cold-pc"), sz("Domain", "corp.example.com"))
	join := m.control(`Control\CloudDomainJoin`)
	join.At(`JoinInfo\00AA`).Add(sz("TenantId", "11111111-2222-3333-4444-555555555555"), sz("UserEmail", "anna@example.com"), hivegen.B("TransportKey", []byte(secret)))
	join.At(`TenantInfo\11111111-2222-3333-4444-555555555555`).Add(sz("DisplayName", "Example GmbH"), sz("MdmEnrollmentUrl", secret))
	m.control(`Control\SystemInformation`).Add(sz("SystemManufacturer", "LENOVO"), sz("SystemProductName", "20XW"))
	m.control(`Control\TimeZoneInformation`).Add(hivegen.V("TimeZoneKeyName", 1, append(hivegen.UTF16Z("W. Europe Standard Time"), hivegen.UTF16(secret)...)),
		d("Bias", 0xffffffc4), d("ActiveTimeBias", 0xffffff88), d("RealTimeIsUniversal", 1))
	m.control(`Control\Nls\Language`).Add(sz("Default", "0407"), sz("InstallLanguage", "0409"))
	m.control(`Control\Nls\CodePage`).Add(sz("ACP", "1252"), sz("OEMCP", "850"))
	m.control(`Control\MUI\UILanguages\de-DE`)
	m.control(`Control\Windows`).Add(hivegen.B("ShutdownTime", binary.LittleEndian.AppendUint64(nil, hivegen.DefaultTime)))
	m.control(`Control\Session Manager\Power`).Add(d("HiberbootEnabled", 1))
	m.control(`Control\Power`).Add(d("HibernateEnabled", 0))
	m.control(`Control\Session Manager`).Add(multi("BootExecute", "autocheck autochk  *", `autocheck autochk /r \??\D:`),
		multi("PendingFileRenameOperations", `\??\C:\a`, "", `\??\C:\b`, `!\??\C:\c`))
	m.control(`Control\Session Manager\Environment`).Add(sz("API_TOKEN", secret))

	printers := m.control(`Control\Print\Printers`)
	printers.At("Microsoft Print to PDF").Add(sz("Printer Driver", "Microsoft Print To PDF"), sz("Port", "PORTPROMPT:"))
	printers.At("Laser").Add(sz("Name", "Laser"), sz("Printer Driver", "HP Universal"), sz("Port", "IP_10.0.0.5"), sz("Location", "Büro 2"), sz("Share Name", "laser"))
	printers.At("Web").Add(sz("Port", "http://anna:"+secret+"@ps:631/ipp"))
	m.control(`Control\Print\Monitors\Standard TCP/IP Port\Ports\IP_10.0.0.5`).Add(sz("HostName", ""), sz("IPAddress", "10.0.0.5"), d("PortNumber", 9100), sz("SNMP Community", secret))
	m.control(`Control\Print\Connections\,,ps02,All users`)

	user := hivegen.K("ROOT")
	user.At(`Network\Z`).Add(sz("RemotePath", `\\fs01\öffentlich`), sz("UserName", `CORP\anna`), sz("ProviderName", "Microsoft Windows Network"), sz("Password", secret))
	user.At(`Network\W`).Add(sz("RemotePath", "https://anna:"+secret+"@dav.example.com/x"), d("UserName", 0))
	user.At(`Network\LPT1`).Add(sz("RemotePath", `\\ps\x`))
	user.At(`Printers\Connections\,,ps01,HP 4. Stock`).Add(sz("Server", `\\ps01`))
	user.At(`Software\Microsoft\Windows NT\CurrentVersion\Windows`).Add(sz("Device", `\\ps01\HP 4. Stock,winspool,Ne00:`))
	accounts := user.At(`Software\Microsoft\OneDrive\Accounts`)
	accounts.At("Personal").Add(sz("UserFolder", `C:\Users\anna\OneDrive`)) // not signed in
	accounts.At("Business1").Add(sz("UserFolder", `C:\Users\anna\OneDrive - Example`), sz("UserEmail", "anna@example.com"), sz("DisplayName", "Example"), sz("RefreshToken", secret))
	accounts.At(`Business1\Tenants\Example`).Add(sz(`C:\Users\anna\OneDrive - Example`, ""), sz(`C:\Users\anna\Example\Team`, ""))
	user.At(`Software\Microsoft\Windows NT\CurrentVersion\WorkplaceJoin\JoinInfo\01`).Add(sz("TenantId", "9"), sz("UserEmail", "anna@partner.example"), sz("Token", secret))
	user.At(`Software\Microsoft\Windows\CurrentVersion\Uninstall\Teams`).Add(sz("DisplayName", "Teams"), sz("InstallDate", "20240101"))
	user.At(`Software\Microsoft\Windows\CurrentVersion\Uninstall\{12345678-9abc-def0-0123-456789abcdef}`).Add(sz("DisplayName", "Per-user package"))
	user.At(`Control Panel\International`).Add(sz("LocaleName", "de-DE"))
	user.At(`Control Panel\International\User Profile`).Add(multi("Languages", "de-DE", "en-GB"))
	user.At(`Keyboard Layout\Preload`).Add(sz("1", "00000407"), sz("2", "d0010409"), sz("4", "00000000"))
	user.At(`Keyboard Layout\Substitutes`).Add(sz("d0010409", "00020409"))
	user.At("Environment").Add(sz("GITHUB_TOKEN", secret))
	m.user(annaSID, "anna", user)
	classes := hivegen.K("ROOT")
	classes.At(`Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\Repository\Packages\Contoso.App_1.10.0.0_x64__abcdefghijklm`)
	classes.At(`Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\Repository\Packages\Contoso.App_1.9.0.0_x64__abcdefghijklm`)
	m.files["Users/anna/AppData/Local/Microsoft/Windows/UsrClass.dat"] = build(classes)
	m.files["Users/anna/AppData/Roaming/Microsoft/Network/Connections/Pbk/rasphone.pbk"] = []byte("\ufeff" + pbk)
	m.user(deadSID, "dead", hivegen.K("ROOT"))
	m.files["Users/dead/NTUSER.DAT"] = []byte("no hive " + secret)

	const interfaces = "ProgramData/Microsoft/Wlansvc/Profiles/Interfaces/"
	m.files[interfaces+"{1}/{a}.xml"] = wlan("Café", "<SSID><hex>436166C3A9</hex><name>Café</name></SSID>")
	m.files[interfaces+"{1}/{b}.xml"] = wlan("odd", "<SSID><hex>FF00FF</hex></SSID><nonBroadcast>true</nonBroadcast>")
	m.files[interfaces+"{2}/{c}.XML"] = wlan("Café", "<SSID><name>Café</name></SSID>")
	m.files[interfaces+"{2}/{d}.xml"] = wlan("x", "<SSID><name>broken</name></SSID>&"+secret)
	m.files[interfaces+"{2}/notes.txt"] = []byte(secret)
	m.files["ProgramData/Microsoft/Network/Connections/Pbk/rasphone.pbk"] = []byte("[All users]\r\nType=2\r\nPhoneNumber=10.1.1.1\r\n")
	return m
}

// TestInventory reads a machine with one of everything.
func TestInventory(t *testing.T) {
	inv := full().read(t)
	check := func(what string, got any, want string) {
		t.Helper()
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(got); err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(want)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := strings.TrimSpace(b.String()); got != compact.String() {
			t.Errorf("%s is\n%s, want\n%s", what, got, compact.String())
		}
	}
	const day = "2024-05-14" // hivegen.DefaultTime
	check("programs", inv.Programs, `[
		{"name":"7-Zip 23.01 (x64)","version":"23.01","publisher":"Igor Pavlov","installed":"2024-01-31","installed_from":"InstallDate","size":5744640,"view":"64","key":"7-Zip"},
		{"name":"AddressBook","installed":"`+day+`","installed_from":"key","view":"64","hidden":true,"key":"AddressBook"},
		{"name":"Office 16 Extensibility","installed":"`+day+`","installed_from":"key","view":"64","hidden":true,"key":"{90160000-008C-0000-1000-0000000FF1CE}","msi":true},
		{"name":"Per-user package","version":"1.2","installed":"2022-02-02","installed_from":"InstallDate","user":"`+annaSID+`","key":"{12345678-9ABC-DEF0-0123-456789ABCDEF}","msi":true},
		{"name":"Per-user package","version":"1.2","installed":"2022-02-02","installed_from":"InstallDate","user":"`+deadSID+`","key":"{12345678-9ABC-DEF0-0123-456789ABCDEF}","msi":true},
		{"name":"PuTTY release 0.78","installed":"2023-04-11","installed_from":"InstallDate","view":"32","key":"PuTTY"},
		{"name":"Teams","installed":"2024-01-01","installed_from":"InstallDate","user":"`+annaSID+`","key":"Teams"}]`)
	if inv.Updates != 2 {
		t.Errorf("%d updates, want 2", inv.Updates)
	}
	check("apps", inv.Apps, `[
		{"family":"Contoso.App_abcdefghijklm","name":"Contoso.App","version":"1.10.0.0","users":["`+annaSID+`"]},
		{"family":"Microsoft.VCLibs.140.00_8wekyb3d8bbwe","name":"Microsoft.VCLibs.140.00","version":"14.0.33519.0","users":["`+deadSID+`"],"framework":true},
		{"family":"Microsoft.WindowsCalculator_8wekyb3d8bbwe","name":"Microsoft.WindowsCalculator","version":"2020.1906.55.0","provisioned":true,"users":["`+annaSID+`"]}]`)
	check("machine", inv.Machine, `{"computer":"COLD-PC","host_name":"cold-pc","dns_suffix":"corp.example.com","domain":"corp.example.com","domain_from":"group policy",
		"distinguished_name":"CN=COLD-PC,OU=Büro,DC=corp,DC=example,DC=com",
		"entra":[{"tenant_id":"11111111-2222-3333-4444-555555555555","tenant":"Example GmbH","user":"anna@example.com"}],
		"mdm":[{"provider":"MS DM Server","user":"anna@example.com"}],"manufacturer":"LENOVO","model":"20XW","registered_owner":"Anna","registered_organization":"Example",
		"time_zone":{"name":"W. Europe Standard Time","bias_minutes":-60,"hardware_clock_utc":true},
		"locale":{"system_language":"0407","install_language":"0409","ansi_code_page":"1252","oem_code_page":"850","display_languages":["de-DE"]}}`)
	check("state", inv.State, `{"last_shutdown":"2024-05-14T08:00:00Z","unfinished_setup":["the state of the image is IMAGE_STATE_UNDEPLOYABLE"],
		"fast_startup":"on","hibernation":"off","scheduled_checks":["autocheck autochk /r \\??\\D:"],"pending_renames":2,"pending_restart":["servicing of Windows"]}`)
	check("printers", inv.Printers, `[
		{"name":"Laser","driver":"HP Universal","port":"IP_10.0.0.5","host":"10.0.0.5","host_port":9100,"location":"Büro 2","share":"laser"},
		{"name":"Microsoft Print to PDF","driver":"Microsoft Print To PDF","port":"PORTPROMPT:","virtual":true},
		{"name":"Web","port":"http://ps:631/ipp"},
		{"name":"\\\\ps02\\All users","connection":true}]`)
	check("Wi-Fi", inv.WiFi, `[
		{"ssid":"Café","authentication":"WPA2PSK"},
		{"ssid":"odd","ssid_hex":"ff00ff","authentication":"WPA2PSK","hidden":true}]`)
	check("phone book", inv.Phonebook, `[{"name":"All users","kind":"vpn","server":"10.1.1.1"}]`)
	if len(inv.Users) != 2 {
		t.Fatalf("%d users", len(inv.Users))
	}
	check("anna", inv.Users[0], `{"id":"`+annaSID+`",
		"network_drives":[{"letter":"W:","path":"https://dav.example.com/x"},{"letter":"Z:","path":"\\\\fs01\\öffentlich","as":"CORP\\anna","provider":"Microsoft Windows Network"}],
		"printers":[{"name":"\\\\ps01\\HP 4. Stock","connection":true}],"default_printer":"\\\\ps01\\HP 4. Stock",
		"onedrive":[{"account":"Business1","email":"anna@example.com","folder":"C:\\Users\\anna\\OneDrive - Example","tenant":"Example","libraries":["C:\\Users\\anna\\Example\\Team"]}],
		"sync_roots":[{"provider":"Dropbox","folder":"C:\\Users\\anna\\Dropbox"}],
		"phonebook":[{"name":"Office VPN","kind":"vpn","server":"https://vpn.example.com/sstp"},{"name":"Büro","kind":"phone","server":"0049 30 1234"}],
		"work_accounts":[{"tenant_id":"9","user":"anna@partner.example"}],
		"locale":"de-DE","languages":["de-DE","en-GB"],"keyboards":["00000407","00020409"]}`)
	if u := inv.Users[1]; u.ID != deadSID || u.Unread == "" || len(u.Drives) != 0 {
		t.Errorf("the user without settings is %+v", u)
	}
	if len(inv.Problems) != 1 || !strings.HasSuffix(inv.Problems[0].Where, `{2}\{d}.xml`) {
		t.Errorf("problems %v", inv.Problems)
	}
}

// TestNoSecrets looks for the decoys of the full machine in its inventory.
func TestNoSecrets(t *testing.T) {
	m := full()
	inv := m.read(t)
	onDisk := 0
	for _, b := range m.files {
		onDisk += bytes.Count(b, []byte(secret)) + bytes.Count(b, hivegen.UTF16(secret))
	}
	if onDisk < 20 {
		t.Errorf("only %d decoys on the disk: the test could not fail", onDisk)
	}
	b, err := json.Marshal(inv)
	if err != nil {
		t.Fatal(err)
	}
	// The words of errors may hold pieces of them.
	for _, s := range []string{secret, "Tr0ub", "dor-and-3"} {
		if i := bytes.Index(b, []byte(s)); i >= 0 {
			t.Errorf("a secret is in the inventory: …%s…", b[max(0, i-80):i+len(s)])
		}
		if strings.Contains(fmt.Sprintf("%+v", inv), s) {
			t.Error("a secret is in the inventory")
		}
	}
}

// TestEmpty reads a machine that has nothing: lists are lists all the same.
func TestEmpty(t *testing.T) {
	m := newMachine()
	m.user(annaSID, "anna", hivegen.K("ROOT"))
	b, err := json.Marshal(m.read(t))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"machine":{"computer":"COLD-PC","time_zone":{"bias_minutes":0},"locale":{}},"state":{},"programs":[],"updates_left_out":0,"store_apps":[],"printers":[],"wifi":[],` +
		`"phonebook":[],"users":[{"id":"` + annaSID + `","network_drives":[],"printers":[],"onedrive":[]}]}`
	if string(b) != want {
		t.Errorf("got %s, want %s", b, want)
	}
}

func TestDomain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		build func(m *machine)
		want  string
	}{
		{"workgroup with a suffix", func(m *machine) {
			m.control(`Services\Tcpip\Parameters`).Add(sz("NV Domain", "fritz.box"))
			m.control(`Services\Netlogon`).Add(d("Start", 3))
		}, " "},
		{"Netlogon", func(m *machine) {
			m.control(`Services\Tcpip\Parameters`).Add(sz("NV Domain", "corp.example.com"), sz("Domain", "other"))
			m.control(`Services\Netlogon`).Add(d("Start", 2))
		}, "corp.example.com Netlogon"},
		{"NT domain", func(m *machine) {
			m.control(`Services\Netlogon`).Add(d("Start", 2))
			m.software.At(`Microsoft\Windows NT\CurrentVersion\Winlogon`).Add(sz("CachePrimaryDomain", "CORP"))
		}, "CORP Netlogon"},
		{"place in the directory", func(m *machine) {
			m.software.At(`Microsoft\Windows\CurrentVersion\Group Policy\State\Machine`).Add(sz("Distinguished-Name", `cn=PC01, ou=A, dc=corp, dc=example`))
		}, "corp.example group policy"},
		{"history", func(m *machine) {
			m.software.At(`Microsoft\Windows\CurrentVersion\Group Policy\History`).Add(sz("MachineDomain", "corp.example"))
		}, "corp.example group policy"},
	} {
		m := newMachine()
		tt.build(m)
		got := m.read(t).Machine
		if s := string(got.Domain) + " " + got.DomainFrom; s != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, s, tt.want)
		}
	}
}

// TestXP reads what Windows XP keeps elsewhere.
func TestXP(t *testing.T) {
	m := newMachine()
	m.software = hivegen.K("ROOT")
	m.software.At(`Microsoft\Windows NT\CurrentVersion`).Add(sz("CurrentVersion", "5.1"), sz("CurrentBuildNumber", "2600"), sz("SystemRoot", `C:\WINDOWS`))
	m.software.At(offline.ProfileList).Add(hivegen.ExpandSZ("ProfilesDirectory", `%SystemDrive%\Documents and Settings`), sz("AllUsersProfile", "All Users"))
	m.control(`Control\Session Manager\Environment`).Values = []hivegen.Value{sz("PROCESSOR_ARCHITECTURE", "x86")}
	m.control(`Control\TimeZoneInformation`).Add(sz("StandardName", "Westeuropäische Normalzeit"), d("DisableAutoDaylightTimeSet", 1))
	wzc := make([]byte, 0x2b8)
	copy(wzc[16:], "\x08\x00\x00\x00Heimnetz")
	copy(wzc[0x40:], secret)
	long := bytes.Clone(wzc)
	long[16] = 33
	m.software.At(`Microsoft\WZCSVC\Parameters\Interfaces\{1}`).Add(hivegen.B("Static#0000", wzc), hivegen.B("Static#0001", long), hivegen.B("Static#0002", wzc[:30]), hivegen.B("ActiveSettings", wzc), d("Static#0003", 8))
	m.software.At(`Microsoft\Windows\CurrentVersion\Uninstall\Game`).Add(sz("DisplayName", "Game"), sz("InstallDate", "20040229"))
	inv := m.read(t)
	if len(inv.WiFi) != 1 || inv.WiFi[0].SSID != "Heimnetz" {
		t.Errorf("Wi-Fi %v", inv.WiFi)
	}
	if z := inv.Machine.TimeZone; z.Name != "Westeuropäische Normalzeit" || !z.NoDaylight {
		t.Errorf("time zone %+v", z)
	}
	if len(inv.Programs) != 1 || inv.Programs[0].View != "" {
		t.Errorf("programs %+v", inv.Programs)
	}
}

// TestBounds gives a machine more than a machine has.
func TestBounds(t *testing.T) {
	m := newMachine()
	long := strings.Repeat("ü", maxText)
	uninstall := m.software.At(`Microsoft\Windows\CurrentVersion\Uninstall`)
	for i := range maxPrograms + 10 {
		uninstall.Add(hivegen.K(fmt.Sprintf("p%05d", i), sz("DisplayName", fmt.Sprintf("p%05d", i))))
	}
	for i := range maxItems + 10 {
		m.control(`Control\Print\Printers`).Add(hivegen.K(fmt.Sprintf("p%05d", i), sz("Location", long)))
	}
	user := hivegen.K("ROOT")
	for i := range maxItems + 10 {
		user.At(`Printers\Connections`).Add(hivegen.K(fmt.Sprintf(",,ps,p%05d", i)))
	}
	m.user(annaSID, "anna", user)
	m.files["ProgramData/Microsoft/Network/Connections/Pbk/rasphone.pbk"] = bytes.Repeat([]byte("[x]\n"), maxItems+10)
	m.files["Users/anna/AppData/Roaming/Microsoft/Network/Connections/Pbk/rasphone.pbk"] = make([]byte, maxFile+1)
	inv := m.read(t)
	if len(inv.Programs) != maxPrograms || len(inv.Printers) != maxItems || len(inv.Users[0].Printers) != maxItems || len(inv.Phonebook) != maxItems {
		t.Errorf("%d programs, %d printers, %d of the user, %d connections", len(inv.Programs), len(inv.Printers), len(inv.Users[0].Printers), len(inv.Phonebook))
	}
	if s := string(inv.Printers[0].Location); len(s) > maxText || !strings.HasSuffix(s, "ü…") {
		t.Errorf("a text has %d bytes and ends in %q", len(s), s[len(s)-4:])
	}
	var said []string
	for _, p := range inv.Problems {
		said = append(said, p.Where)
	}
	for _, want := range []string{"the list of installed programs", "the list of printers", `C:\ProgramData\Microsoft\Network\Connections\Pbk\rasphone.pbk`, `C:\Users\anna\AppData\Roaming\Microsoft\Network\Connections\Pbk\rasphone.pbk`} {
		if n := len(said) - len(slices.DeleteFunc(slices.Clone(said), func(s string) bool { return s == want })); n != 1 {
			t.Errorf("%q is said %d times: %q", want, n, said)
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"  x \x00y":                           "x",
		"http://a:b@c/d":                      "http://c/d",
		"http://c/d@e":                        "http://c/d@e",
		"see ftp://u@h/ https://u:p@w:q@h2#x": "see ftp://h/ https://h2#x",
		"://@":                                "://",
		"://@://@x":                           "://://x",
	} {
		if got := plain(in); string(got) != want {
			t.Errorf("plain(%q) is %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		packed: "{12345678-9ABC-DEF0-0123-456789ABCDEF}", "x": "x", strings.Repeat("g", 32): strings.Repeat("g", 32),
	} {
		if got := unpackGUID(in); got != want {
			t.Errorf("unpackGUID(%q) is %q, want %q", in, got, want)
		}
	}
	for _, tt := range [][2]string{{"1.10", "1.9"}, {"2", "1.9.9"}, {"1.0.1", "1.0"}, {"1", ""}} {
		if !newer(tt[0], tt[1]) || newer(tt[1], tt[0]) {
			t.Errorf("%q is newer than %q", tt[0], tt[1])
		}
	}
}

func TestReadWiFi(t *testing.T) {
	utf16 := append([]byte{0xff, 0xfe}, hivegen.UTF16(string(wlan("Netz", "<SSID><name>Netz</name></SSID>")))...)
	for _, tt := range []struct {
		name string
		in   []byte
		want string // SSID, or an error
	}{
		{"hex before name", wlan("p", "<SSID><hex>41</hex><name>B</name></SSID>"), "A"},
		{"two names", wlan("p", "<SSID><name>A</name></SSID><SSID><name>B</name></SSID>"), "A"},
		{"only a profile", wlan("p", ""), "p"},
		{"UTF-16", utf16, "Netz"},
		{"bad hex", wlan("p", "<SSID><hex>4</hex></SSID>"), "p"},
		{"too long", wlan("p", "<SSID><hex>"+strings.Repeat("41", 33)+"</hex></SSID>"), "33 bytes; 32 is the most"},
		{"no profile", []byte("<x/>"), "names no network"},
		{"empty", nil, "names no network"},
		{"cut", wlan("p", "")[:300], "cut off"},
		{"not nested", []byte("<a></b>"), "no well-formed XML"},
		{"deep", []byte(strings.Repeat("<a>", 40)), "too deep"},
	} {
		w, err := readWiFi(tt.in)
		got := string(w.SSID)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestPhonebook(t *testing.T) {
	list, more := readPhonebook([]byte("PhoneNumber=lost\n[]\n[B\xfcro]\nPHONENUMBER= 1 \ntype=7\nnonsense"))
	if more || len(list) != 1 || list[0] != (Connection{Name: "Büro", Server: "1"}) {
		t.Errorf("%+v, %v", list, more)
	}
}

// TestMovedFolders: links stand for ProgramData and AppData.
func TestMovedFolders(t *testing.T) {
	m := newMachine()
	m.user(annaSID, "anna", hivegen.K("ROOT"))
	roaming := ntfsgen.File(`Profile data\Microsoft\Network\Connections\Pbk\rasphone.pbk`, "[Work]\n")
	programData := ntfsgen.File(`Moved\Microsoft\Wlansvc\Profiles\Interfaces\{1}\{2}.xml`, wlan("Netz", ""))
	vol := ntfsgen.Build(ntfsgen.Options{}, ntfsgen.File(`Windows\System32\config\SYSTEM`, build(m.system)), ntfsgen.File(`Windows\System32\config\SOFTWARE`, build(m.software)),
		ntfsgen.File(`Users\anna\NTUSER.DAT`, m.files["Users/anna/NTUSER.DAT"]), ntfsgen.Junction(`Users\anna\AppData`, `C:\Elsewhere`), ntfsgen.Junction(`Elsewhere\Roaming`, `C:\Profile data`),
		ntfsgen.Junction("ProgramData", `C:\Moved`), roaming, programData)
	img := filepath.Join(t.TempDir(), "volume.img")
	b := make([]byte, vol.Size())
	if _, err := vol.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(img, b, 0o666); err != nil {
		t.Fatal(err)
	}
	inv := readFolder(t, img)
	if len(inv.WiFi) != 1 || inv.WiFi[0].SSID != "Netz" || len(inv.Users) != 1 || len(inv.Users[0].Phonebook) != 1 {
		t.Errorf("Wi-Fi %v, users %+v, problems %v", inv.WiFi, inv.Users, inv.Problems)
	}
}

func FuzzReadWiFi(f *testing.F) {
	f.Add(wlan("Café", "<SSID><hex>436166C3A9</hex></SSID>"))
	f.Add([]byte("<WLANProfile><name>&amp;</name></WLANProfile>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := readWiFi(bytes.Clone(b))
		if err == nil && (w.SSID == "" || len(w.SSID) > maxText) {
			t.Errorf("%q", w.SSID)
		}
	})
}

func FuzzReadPhonebook(f *testing.F) {
	f.Add([]byte(pbk))
	f.Add([]byte("[\xff]\r\nType=2\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _ := readPhonebook(b)
		for _, c := range list {
			if len(c.Name) > maxText || len(c.Server) > maxText {
				t.Errorf("%d, %d bytes", len(c.Name), len(c.Server))
			}
		}
	})
}

// FuzzPlain: what is printed as it is holds no user name of a URL.
func FuzzPlain(f *testing.F) {
	f.Add("http://u:p@h/x://@")
	f.Fuzz(func(t *testing.T, s string) {
		got := withoutLogin(s)
		if got != withoutLogin(got) || len(got) > len(s) {
			t.Errorf("%q becomes %q and then %q", s, got, withoutLogin(got))
		}
		if p := plain(s); len(p) > maxText || wstr.IsUTF8(s) && !wstr.IsUTF8(string(p)) {
			t.Errorf("%q", p)
		}
	})
}

// FuzzRead reads hives with any content.
func FuzzRead(f *testing.F) {
	m := full()
	software, system := build(m.software), build(m.system)
	f.Add(software, system, m.files["Users/anna/NTUSER.DAT"])
	empty := build(hivegen.K("ROOT"))
	f.Add(empty, empty, empty)
	f.Fuzz(func(t *testing.T, software, system, ntuser []byte) {
		sys := &offline.System{ControlSet: 1, Arch: "AMD64"}
		u := &profile.User{ID: annaSID, SID: annaSID}
		for _, h := range []struct {
			to *(*hive.Hive)
			b  []byte
		}{{&sys.Software, software}, {&sys.SystemHive, system}, {&u.Hive, ntuser}} {
			opened, err := hive.Open(h.b)
			if err != nil {
				return
			}
			*h.to = opened
		}
		inv := Read(sys, []*profile.User{u})
		if _, err := json.Marshal(inv); err != nil {
			t.Fatal(err)
		}
		if len(inv.Programs) > maxPrograms || len(inv.Printers) > maxItems || len(inv.Problems) > maxItems || len(inv.Users) != 1 {
			t.Errorf("%d programs, %d printers, %d problems, %d users", len(inv.Programs), len(inv.Printers), len(inv.Problems), len(inv.Users))
		}
	})
}
