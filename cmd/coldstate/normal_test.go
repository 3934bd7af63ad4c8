package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

// decoy is the text that stands on the normal machine wherever Windows or a
// program keeps what nobody may read out.
const decoy = "c0rrect-h0rse-b4ttery"

// normalMachine writes the disk of a laptop: four partitions, a Windows with
// people of three kinds, an account of Windows itself and one that was never
// used, and the Windows that it was upgraded from at the time upgraded.
func normalMachine(t *testing.T, upgraded time.Time) string {
	t.Helper()
	const (
		mib     = 1 << 20
		windows = "c01d57a7-0000-4000-8000-000000000003"
		machine = "S-1-5-21-1111111111-222222222-333333333"
		bobSID  = "S-1-5-21-444444444-555555555-666666666-1104"
		carla   = "S-1-12-1-3000000001-1200000002-300000003-4"
	)
	sz, d := hivegen.SZ, hivegen.D
	day := func(s string) uint64 {
		when, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return uint64(wstr.FiletimeOf(when.Add(17 * time.Hour)))
	}
	devices := map[string][]byte{"C:": testimages.GPTDevice(windows)}
	live := &testimages.Windows{
		Edition: testimages.Windows11, Computer: "LAPTOP-4711", MachineSID: machine, Devices: devices,
		Users: []testimages.Person{
			{SID: machine + "-500", Name: "Administrator", Control: hivegen.NormalAccount | hivegen.Disabled, Groups: []uint32{544}, LastUsed: day("2023-01-01")},
			{SID: carla, Name: "carla", Profile: `C:\Users\CarlaMeier-Schönborn`, LastUsed: day("2025-12-24"), Files: []*ntfsgen.Node{ntfsgen.File(`Documents\thesis.pdf`, ntfsgen.Zeros(3*mib))}},
			{SID: bobSID, Name: "bob", Profile: `C:\Users\bob.CORP`, LastUsed: day("2026-03-02"), Files: []*ntfsgen.Node{ntfsgen.File(`Videos\talk.mp4`, ntfsgen.Zeros(20*mib))},
				Registry: func(root *hivegen.Key) {
					root.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`).Values[3] = sz("Personal", `\\fs01\home\bob\Documents`)
					root.At(`Network\H`).Add(sz("RemotePath", `\\fs01\home`), sz("UserName", `CORP\bob`), sz("Password", decoy))
					root.At(`Software\Microsoft\Windows NT\CurrentVersion\Windows`).Add(sz("Device", `\\ps01\Laser,winspool,Ne00:`))
					root.At(`Printers\Connections\,,ps01,Laser`)
				}},
			{SID: machine + "-1001", Name: "anna", FullName: "Anna Ünal", Internet: "anna@example.com", Groups: []uint32{544, 545}, LastUsed: day("2026-11-19"),
				Files: []*ntfsgen.Node{ntfsgen.File(`Pictures\holiday.jpg`, ntfsgen.Zeros(70*mib)), ntfsgen.File(`OneDrive\Documents\letter.txt`, "of anna"),
					ntfsgen.Dir(`OneDrive\Desktop`), ntfsgen.Dir(`OneDrive\Pictures`),
					ntfsgen.File(`AppData\Roaming\Microsoft\Network\Connections\Pbk\rasphone.pbk`, "[Work]\r\nType=2\r\nPhoneNumber=https://anna:"+decoy+"@vpn.example.com\r\n")},
				Registry: func(root *hivegen.Key) {
					folders := root.At(`Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders`)
					for i, v := range folders.Values {
						for name, to := range map[string]string{"Desktop": "Desktop", "Personal": "Documents", "My Pictures": "Pictures"} {
							if v.Name == name {
								folders.Values[i] = sz(name, `C:\Users\anna\OneDrive\`+to)
							}
						}
					}
					root.At(`Software\Microsoft\OneDrive\Accounts\Personal`).Add(sz("UserFolder", `C:\Users\anna\OneDrive`), sz("UserEmail", "anna@example.com"), sz("Token", decoy))
					root.At("Environment").Add(sz("GITHUB_TOKEN", decoy))
				}},
			{SID: machine + "-1007", Name: "workshop", NoFolder: true, Key: "-"},
		},
		Registry: func(hive string, root *hivegen.Key) {
			switch hive {
			case "SYSTEM":
				root.At("Setup").Add(d("UninstallWindow", 10), d("UninstallActive", 1))
				root.At(`Setup\Source OS (Updated on 11/16/2026 08:00:00)`).Add(sz("ProductName", "Windows 10 Pro"), sz("CurrentBuildNumber", "19045"))
				control := root.At(`ControlSet001\Control`)
				control.At(`Session Manager\Power`).Add(d("HiberbootEnabled", 1))
				control.At(`Session Manager\Environment`).Add(sz("API_KEY", decoy))
				control.At(`Print\Printers\Inkjet`).Add(sz("Port", "http://anna:"+decoy+"@192.168.1.9/ipp"), sz("Printer Driver", "Generic"))
				control.At(`Print\Printers\Microsoft Print to PDF`).Add(sz("Port", "PORTPROMPT:"))
			case "SOFTWARE":
				version := root.At(`Microsoft\Windows NT\CurrentVersion`)
				version.Values = slices.DeleteFunc(version.Values, func(v hivegen.Value) bool { return v.Name == "InstallDate" })
				version.Add(d("InstallDate", uint32(upgraded.Unix())), sz("ProductId", decoy), hivegen.B("DigitalProductId", []byte(decoy)))
				uninstall := root.At(`Microsoft\Windows\CurrentVersion\Uninstall`)
				for _, name := range []string{"7-Zip 23.01 (x64)", "LibreOffice 24.2", "Mozilla Thunderbird"} {
					uninstall.At(name).Add(sz("DisplayName", name), sz("UninstallString", "setup.exe /key="+decoy))
				}
				uninstall.At("{1}").Add(sz("DisplayName", "Driver support"), d("SystemComponent", 1))
				root.At(`Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\PuTTY`).Add(sz("DisplayName", "PuTTY release 0.78"))
				for _, app := range []string{"SpotifyAB.SpotifyMusic_1.2.3.0_x64__zpdnekdrzrea0", "Microsoft.Windows.Search_1.0.0.0_neutral__cw5n1h2txyewy"} {
					root.At(`Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore\` + machine + `-1001\` + app)
				}
				root.At(`Microsoft\Windows\CurrentVersion\Group Policy\State\Machine`).Add(sz("Distinguished-Name", "CN=LAPTOP-4711,DC=corp,DC=example,DC=com"))
				root.At(`Microsoft\IdentityStore\Cache\`+carla+`\IdentityCache\`+carla).Add(sz("UserName", "carla.meier-schoenborn@contoso.com"), sz("SAMName", "carla"), sz("DisplayName", "Carla"))
				session := root.At(`Microsoft\Windows\CurrentVersion\Authentication\LogonUI\SessionData\1`)
				session.Add(sz("LoggedOnSAMUser", `CORP\bob`), sz("LoggedOnUserSID", bobSID))
				root.At(`Microsoft\Windows NT\CurrentVersion\Winlogon`).Add(sz("DefaultUserName", "anna"), sz("DefaultPassword", decoy))
			}
		},
		Files: []*ntfsgen.Node{ntfsgen.File(`ProgramData\Microsoft\Wlansvc\Profiles\Interfaces\{1}\{2}.xml`, `<?xml version="1.0"?>
<WLANProfile xmlns="http://www.microsoft.com/networking/WLAN/profile/v1"><name>Home</name><SSIDConfig><SSID><name>Home</name></SSID></SSIDConfig>
<MSM><security><authEncryption><authentication>WPA2PSK</authentication></authEncryption>
<sharedKey><keyType>passPhrase</keyType><protected>false</protected><keyMaterial>`+decoy+`</keyMaterial></sharedKey></security></MSM></WLANProfile>`)},
	}
	before := &testimages.Windows{Edition: testimages.Windows10, Computer: "LAPTOP-4711", MachineSID: machine, Devices: devices, Users: []testimages.Person{
		{SID: machine + "-1001", Name: "anna", NoFolder: true}, {SID: bobSID, Name: "bob", Profile: `C:\Users\bob.CORP`, NoFolder: true},
	}}
	made := ntfsgen.At(uint64(wstr.FiletimeOf(upgraded)))
	volume := func(label string, nodes ...any) *ntfsgen.Volume {
		return ntfsgen.Build(ntfsgen.Options{Label: label}, ntfsgen.Dir("", nodes...).Children...)
	}
	disk := diskgen.Disk{GPT: true, Parts: []diskgen.Part{
		{Kind: diskgen.EFI, Content: diskgen.FAT("SYSTEM", mib), Size: mib}, {Kind: diskgen.Reserved, Size: mib},
		{GUID: windows, Content: volume("Windows", live.On("C:"), before.In("Windows.old", made))},
		{Kind: diskgen.Recovery, Content: volume("WinRE tools", ntfsgen.File(`Recovery\WindowsRE\winre.wim`, ntfsgen.Zeros(mib)))},
	}}
	name := filepath.Join(t.TempDir(), "laptop.img")
	if err := disk.Build().WriteFile(name); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestInspectNormal shows a machine as most are: all of it is on one screen,
// without a warning.
func TestInspectNormal(t *testing.T) {
	file, err := filepath.Abs("testdata/inspect-normal.txt")
	if err != nil {
		t.Fatal(err)
	}
	upgraded := time.Now().UTC().Add(-4*24*time.Hour + time.Hour)
	img := normalMachine(t, upgraded)
	t.Chdir(filepath.Dir(img))
	status, stdout, stderr := tool(t, "inspect", filepath.Base(img))
	if status != statusOK || stderr != "" {
		t.Errorf("status %d: %s", status, stderr)
	}
	golden(t, file, strings.ReplaceAll(stdout, upgraded.Format("installed 2006-01-02"), "installed four days ago"))
	fits(t, stdout, 25)
	if strings.Contains(stdout, "!") {
		t.Errorf("a normal machine gives a warning:\n%s", stdout)
	}

	// The decoys lie on the disk, and in nothing that is told of it.
	disk, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(disk, []byte(decoy)) + bytes.Count(disk, hivegen.UTF16(decoy)); n < 10 {
		t.Errorf("only %d decoys on the disk: the test could not fail", n)
	}
	for _, flag := range []string{"--all", "--json"} {
		status, stdout, stderr := tool(t, "inspect", img, flag)
		if status != statusOK || strings.Contains(stdout+stderr, decoy) {
			t.Errorf("inspect %s: status %d, holds a secret: %v", flag, status, strings.Contains(stdout+stderr, decoy))
		}
		for _, want := range []string{"anna@example.com", "workshop", `\\fs01`} {
			if flag == "--json" {
				want = strings.ReplaceAll(want, `\`, `\\`)
			}
			if !strings.Contains(stdout, want) {
				t.Errorf("inspect %s does not tell %s", flag, want)
			}
		}
	}
}
