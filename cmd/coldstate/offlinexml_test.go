package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
	"github.com/coldstate/coldstate/volumes"
)

// hostWindows makes a Windows folder on the host, with a user, and gives the
// folder that is its drive.
func hostWindows(t *testing.T, drive, folder, computer string) {
	t.Helper()
	system := hivegen.K("ROOT", hivegen.K("Select", hivegen.D("Current", 1)))
	system.At(`ControlSet001\Control\ComputerName\ComputerName`).Add(hivegen.SZ("ComputerName", computer))
	system.At(`ControlSet001\Control\Session Manager\Environment`).Add(hivegen.SZ("PROCESSOR_ARCHITECTURE", "AMD64"))
	software := hivegen.K("ROOT")
	software.At(`Microsoft\Windows NT\CurrentVersion`).Add(hivegen.SZ("CurrentVersion", "6.1"), hivegen.SZ("CurrentBuildNumber", "7601"),
		hivegen.SZ("ProductName", "Windows 7 Professional"), hivegen.SZ("SystemRoot", `C:\`+folder), hivegen.SZ("InstallationType", "Client"))
	software.At(`Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1001`).Add(hivegen.ExpandSZ("ProfileImagePath", `%SystemDrive%\Users\anna`))
	write := func(name string, b []byte) {
		path := filepath.Join(drive, folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("System32/config/SYSTEM", hivegen.Build(system, hivegen.Options{}))
	write("System32/config/SOFTWARE", hivegen.Build(software, hivegen.Options{}))
	write("../Users/anna/NTUSER.DAT", hivegen.Build(hivegen.K("ROOT", hivegen.K("Software")), hivegen.Options{}))
	write("../Users/anna/Documents/letter.txt", []byte("of "+computer))
}

// writeText writes a file and gives its path.
func writeText(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// offlineXML writes an offline.xml.
func offlineXML(t *testing.T, winDirs []string, rest string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("<offline>\n<winDir>\n")
	for _, d := range winDirs {
		fmt.Fprintf(&b, "<path>%s</path>\n", d)
	}
	b.WriteString("</winDir>\n" + rest + "\n</offline>\n")
	return writeText(t, filepath.Join(t.TempDir(), "offline.xml"), b.String())
}

// computers are the names of the computers that inspect finds.
func computers(t *testing.T, stdout string) string {
	t.Helper()
	var in struct {
		Windows []struct {
			Computer     string
			Architecture string
		}
	}
	if err := json.Unmarshal([]byte(stdout), &in); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	var names []string
	for _, w := range in.Windows {
		names = append(names, w.Computer+" "+w.Architecture)
	}
	return strings.Join(names, ", ")
}

func TestOfflineXML(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	hostWindows(t, at("first"), "Windows", "FIRST")
	hostWindows(t, at("second"), "WINNT", "SECOND")
	hostWindows(t, at("double"), "Windows", "DOUBLE")
	hostWindows(t, at("double"), "Windows2", "DOUBLE2")
	writeText(t, at("data/folder/d.txt"), "d")
	writeText(t, at("empty/x"), "")
	disk := sampleDisk(t)
	disks, err := testimages.Machine("two-windows").WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	two := disks[0]
	if disks, err = testimages.Machine("no-software").WriteTo(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	dead := disks[0]
	t.Chdir(root)

	for _, tt := range []struct {
		name    string
		winDirs []string
		rest    string
		args    []string
		env     map[string]string
		status  int
		want    string // computers
		stderr  []string
		not     string // of stderr
	}{
		{name: "the folder itself", winDirs: []string{at("first/Windows")}, want: "FIRST AMD64", not: "warning"},
		{name: "the first that is one", winDirs: []string{at("gone/Windows"), at("empty"), at("second/WINNT"), at("first/Windows")}, want: "SECOND AMD64", not: "warning"},
		{name: "the root of a drive", winDirs: []string{at("first")}, want: "FIRST AMD64"},
		{name: "the root of a drive with WINNT", winDirs: []string{at("second") + string(filepath.Separator)}, want: "SECOND AMD64"},
		{name: "relative", winDirs: []string{`first\Windows`}, want: "FIRST AMD64"},
		{name: "relative to the working folder", winDirs: []string{"Windows"}, env: map[string]string{workVariable: at("first")}, want: "FIRST AMD64"},
		{name: "a disk", winDirs: []string{disk}, want: "COLD-PC AMD64"},
		{name: "a disk with two", winDirs: []string{two}, want: "TEN-PC AMD64, ELEVEN-PC AMD64"},
		{name: "an unlisted one beside it", winDirs: []string{at("double/Windows")}, want: "DOUBLE AMD64", stderr: []string{"warning: ", "there is another Windows, which is not taken: " + at("double/Windows2") + ", Windows 7 Professional"}},
		{name: "a listed one beside it", winDirs: []string{at("double/Windows"), at("double/Windows2")}, want: "DOUBLE AMD64", not: "warning"},

		{name: "one without SOFTWARE", winDirs: []string{at("empty"), dead}, want: "DATA-PC AMD64", stderr: []string{"there is no Windows in the folder"}},
		{name: "one without SOFTWARE before a whole one", winDirs: []string{dead, at("first")}, want: "FIRST AMD64", stderr: []string{"warning: ", "offline.xml:3:1: " + dead + ": SYSTEM or SOFTWARE cannot be used: another path is taken"}},
		{name: "one without SOFTWARE counts", winDirs: []string{at("first"), dead}, rest: "<failOnMultipleWinDir>1</failOnMultipleWinDir>", status: 4, stderr: []string{"there are 2 installations"}},

		{name: "none", winDirs: []string{at("gone/Windows"), at("empty"), at("data/folder/d.txt")}, status: 4,
			stderr: []string{"error: ", "offline.xml: none of the paths in <winDir> is a Windows", "offline.xml:3:1: " + at("gone/Windows") + ": ", "offline.xml:4:1: " + at("empty") + ": there is no Windows in the folder",
				"offline.xml:5:1: " + at("data/folder/d.txt") + ": ", "hint: ", "RESULT: failed with status 4"}},
		{name: "multiple", winDirs: []string{at("gone"), at("first/Windows"), at("second"), at("first")}, rest: "<failOnMultipleWinDir>1</failOnMultipleWinDir>", status: 4,
			stderr: []string{"failOnMultipleWinDir is 1, and there are 2 installations", "offline.xml:4:1: " + at("first/Windows") + `: C:\Windows, Windows 7 Professional`, "offline.xml:5:1: " + at("second") + `: C:\WINNT, Windows 7 Professional`}},
		{name: "multiple on one disk", winDirs: []string{two}, rest: "<failOnMultipleWinDir>1</failOnMultipleWinDir>", status: 4, stderr: []string{"there are 2 installations"}},
		{name: "the same twice is not multiple", winDirs: []string{at("first/Windows"), at("first"), at("gone")}, rest: "<failOnMultipleWinDir>1</failOnMultipleWinDir>", want: "FIRST AMD64"},
		{name: "multiple and no matter", winDirs: []string{at("first/Windows"), at("second")}, rest: "<failOnMultipleWinDir>0</failOnMultipleWinDir>", want: "FIRST AMD64"},

		{name: "beside a source", winDirs: []string{at("first")}, args: []string{disk}, status: 2, stderr: []string{"both the source " + disk + " and --offline", "hint: give one of them"}},
		{name: "not well formed", winDirs: []string{at("first") + "</path><path>"}, rest: "</winDir>", status: 2, stderr: []string{"offline.xml:", "hint: correct the offline.xml"}},
		{name: "unknown element", winDirs: []string{at("first")}, rest: "<domains/>", want: "FIRST AMD64", stderr: []string{"warning: ", "offline.xml:5:1: <domains> is not known"}},

		{name: "arch", winDirs: []string{at("first")}, args: []string{"--arch", "32"}, want: "FIRST x86"},
		{name: "arch of the environment", winDirs: []string{at("first")}, env: map[string]string{archVariable: "32"}, want: "FIRST x86", stderr: []string{"note: MIG_OFFLINE_PLATFORM_ARCH is set"}},
		{name: "arch over the environment", winDirs: []string{at("first")}, args: []string{"--arch", "arm64"}, env: map[string]string{archVariable: "32"}, want: "FIRST ARM64", not: archVariable},
		{name: "wrong arch", winDirs: []string{at("first")}, args: []string{"--arch", "16"}, status: 2, stderr: []string{`architecture "16" is not known`}},
		{name: "wrong arch of the environment", winDirs: []string{at("first")}, env: map[string]string{archVariable: "amd"}, status: 2, stderr: []string{`MIG_OFFLINE_PLATFORM_ARCH is "amd"`}},
		{name: "windows", winDirs: []string{two}, args: []string{"--windows", `4:\Windows`}, want: "ELEVEN-PC AMD64"},
		{name: "no such windows", winDirs: []string{two}, args: []string{"--windows", `1:\Windows`}, status: 2, stderr: []string{"inspect lists the installations"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			status, stdout, stderr := tool(t, append([]string{"inspect", "--json", "--offline", offlineXML(t, tt.winDirs, tt.rest)}, tt.args...)...)
			if status != tt.status {
				t.Fatalf("status %d, want %d: %s", status, tt.status, stderr)
			}
			if tt.status == 0 {
				if got := computers(t, stdout); got != tt.want {
					t.Errorf("found %s, want %s", got, tt.want)
				}
			}
			for _, want := range tt.stderr {
				if !strings.Contains(stderr, want) {
					t.Errorf("no %q in %s", want, stderr)
				}
			}
			if tt.not != "" && strings.Contains(stderr, tt.not) {
				t.Errorf("%q in %s", tt.not, stderr)
			}
		})
	}
	if runtime.GOOS != "windows" {
		status, _, stderr := tool(t, "inspect", "--offline", offlineXML(t, []string{`D:\Windows`}, ""))
		if status != 4 || !strings.Contains(stderr, `D:\Windows: this is a path of Windows, and the program runs on another system; name the folder where the disk is mounted`) {
			t.Errorf("status %d: %s", status, stderr)
		}
	}
}

// TestMappings: what an offline.xml and --map say of drives.
func TestMappings(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	hostWindows(t, at("w"), "Windows", "MAPPED")
	writeText(t, at("data/folder/d.txt"), "d")
	writeText(t, at("w/Other/o.txt"), "o")
	disk := sampleDisk(t)
	disks, err := testimages.Machine("two-windows").WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		mappings string
		args     []string
		files    map[string]string // paths in the Windows and their contents
		stderr   []string
		status   int
	}{
		{name: "a folder as drive", mappings: "<path>" + at("data") + `, D:\</path>`, files: map[string]string{`D:\folder\d.txt`: "d"}},
		{name: "a folder of a folder as drive", mappings: "<path>" + at("data/folder") + `, D:</path>`, files: map[string]string{`D:\d.txt`: "d"}},
		{name: "a folder as mounted folder", mappings: "<path>" + at("data") + `, C:\Data</path>`, files: map[string]string{`C:\Data\folder\d.txt`: "d", `C:\Users\anna\Documents\letter.txt`: "of MAPPED"}},
		{name: "a folder of the source", mappings: "<path>" + at("w/Other") + `, E:\</path>`, files: map[string]string{`E:\o.txt`: "o"}},
		{name: "attributes", mappings: `<path online="` + at("data") + `" offline="F:\"/>`, files: map[string]string{`F:\folder\d.txt`: "d"}},
		{name: "the wrong way round", mappings: `<path>D:\, ` + at("data") + "</path>", files: map[string]string{`D:\folder\d.txt`: "d"}, stderr: []string{"offline.xml:6:1: the mapping is read as " + at("data")}},
		{name: "a number", mappings: `<path>1:\Other, G:\</path>`, files: map[string]string{`G:\o.txt`: "o"}},
		{name: "--map beside it", mappings: "<path>" + at("data") + `, D:\</path>`, args: []string{"--map", "H=" + at("w/Other"), "--map", `C:\Data=` + at("data/folder")}, files: map[string]string{`H:\o.txt`: "o", `D:\folder\d.txt`: "d", `C:\Data\d.txt`: "d"}},
		{name: "--map over it", mappings: "<path>" + at("data") + `, D:\</path>`, args: []string{"--map", "D=" + at("w/Other")}, files: map[string]string{`D:\o.txt`: "o"}},
		{name: "an image", mappings: "<path>" + disk + `, D:\</path>`, files: map[string]string{`D:\Users\anna\Documents\empty.txt`: "", `C:\Users\anna\Documents\letter.txt`: "of MAPPED"}, stderr: []string{"there is another Windows, which is not taken: "}},
		{name: "an image of several volumes", mappings: "<path>" + disks[0] + `, D:\</path>`, status: 2, stderr: []string{"offline.xml:6:1: " + disks[0] + " holds 2 volumes that can be read"}},
		{name: "a folder that is not there", mappings: "<path>" + at("gone") + `, D:\</path>`, files: map[string]string{`C:\Users\anna\Documents\letter.txt`: "of MAPPED"},
			stderr: []string{"warning: ", "offline.xml:6:1: " + at("gone") + " cannot be reached", `what the offline Windows has on D:\ is missing`}},
		{name: "a number that is not there", mappings: `<path>7:\, G:\</path>`, status: 2, stderr: []string{"offline.xml:6:1: there is no volume 7"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := offlineXML(t, []string{at("w/Windows")}, "<mappings>\n"+tt.mappings+"</mappings>")
			if tt.status != 0 {
				status, _, stderr := tool(t, append([]string{"inspect", "--offline", file}, tt.args...)...)
				if status != tt.status {
					t.Errorf("status %d: %s", status, stderr)
				}
				for _, want := range tt.stderr {
					if !strings.Contains(stderr, want) {
						t.Errorf("no %q in %s", want, stderr)
					}
				}
			}
			for path, want := range tt.files {
				status, stdout, stderr := tool(t, append([]string{"cat", "--offline", file, path}, tt.args...)...)
				if status != 0 || stdout != want {
					t.Errorf("%s: status %d, %q: %s", path, status, stdout, stderr)
				}
				for _, want := range tt.stderr {
					if !strings.Contains(stderr, want) {
						t.Errorf("no %q in %s", want, stderr)
					}
				}
			}
		})
	}
	if runtime.GOOS == "windows" {
		return
	}
	// Both are paths of a Windows here, and only the second is there: in a
	// folder whose name looks like a drive.
	t.Chdir(root)
	writeText(t, filepath.Join(root, `E:\`, "e.txt"), "e")
	file := offlineXML(t, []string{at("w/Windows")}, `<mappings><path>D:\, E:\</path></mappings>`)
	status, stdout, stderr := tool(t, "cat", "--offline", file, `D:\e.txt`)
	if status != 0 || stdout != "e" || !strings.Contains(stderr, `E:\ is taken as D:\ of the offline Windows, the second path first: D:\ is not here`) {
		t.Errorf("status %d, %q: %s", status, stdout, stderr)
	}
}

// TestHostDrives: in WinPE the other drives of the Windows have other letters;
// they are known by their partitions.
func TestHostDrives(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	hostWindows(t, at("w"), "Windows", "PE")
	const gpt, mbr = "c01d57a7-0000-4000-8000-000000000004", 0x629458E4
	system := hivegen.K("ROOT", hivegen.K("Select", hivegen.D("Current", 1)), hivegen.K("ControlSet001"))
	system.At("MountedDevices").Add(hivegen.B(`\DosDevices\D:`, testimages.GPTDevice(gpt)), hivegen.B(`\DosDevices\E:`, testimages.MBRDevice(mbr, 1<<20)),
		hivegen.B(`\DosDevices\F:`, testimages.MBRDevice(mbr, 2<<20)))
	writeText(t, at("w/Windows/System32/config/SYSTEM"), string(hivegen.Build(system, hivegen.Options{})))
	writeText(t, at("host x/d.txt"), "d")
	writeText(t, at("host y/e.txt"), "e")
	writeText(t, at("host z/z.txt"), "z")
	defer func(old func() []volumes.HostDrive) { hostDrives = old }(hostDrives)
	hostDrives = func() []volumes.HostDrive {
		return []volumes.HostDrive{
			{Root: at("host z"), Signature: mbr, Offset: 3 << 20}, {Root: at("host y"), Signature: mbr, Offset: 1 << 20},
			{Root: at("host x"), GUID: [16]byte(testimages.GPTDevice(gpt)[8:])}, {Root: at("w")},
		}
	}
	file := offlineXML(t, []string{at("w/Windows")}, "")
	for path, want := range map[string]string{`D:\d.txt`: "d", `E:\e.txt`: "e", `C:\Users\anna\Documents\letter.txt`: "of PE"} {
		status, stdout, stderr := tool(t, "cat", "--offline", file, path)
		if status != 0 || stdout != want || !strings.Contains(stderr, "note: "+file+": "+at("host x")+" is drive D: of the offline Windows") || strings.Contains(stderr, "host z") {
			t.Errorf("%s: status %d, %q: %s", path, status, stdout, stderr)
		}
	}
	// Mappings replace what is found out.
	file = offlineXML(t, []string{at("w/Windows")}, "<mappings><path>"+at("host z")+`, D:\</path></mappings>`)
	if status, stdout, stderr := tool(t, "cat", "--offline", file, `D:\z.txt`); status != 0 || stdout != "z" || strings.Contains(stderr, "host x") {
		t.Errorf("status %d, %q: %s", status, stdout, stderr)
	}
	if status, stdout, _ := tool(t, "cat", "--offline", file, `E:\e.txt`); status != 1 {
		t.Errorf("status %d, %q", status, stdout)
	}
	file = offlineXML(t, []string{at("w/Windows")}, "<mappings><path>"+at("gone")+`, D:\</path></mappings>`)
	if status, stdout, stderr := tool(t, "cat", "--offline", file, `D:\d.txt`); status != 1 || strings.Contains(stderr, "host x") {
		t.Errorf("status %d, %q: %s", status, stdout, stderr)
	}
}

// TestOfflineCommands: each command that takes a source takes an offline.xml
// in its place.
func TestOfflineCommands(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	hostWindows(t, at("w"), "Windows", "FOLDER-PC")
	file := offlineXML(t, []string{at("w")}, "")
	const letter = `C:\Users\anna\Documents\letter.txt`
	for _, tt := range []struct {
		args   []string
		status int
		want   string // of stdout
	}{
		{[]string{"inspect"}, 0, "FOLDER-PC"},
		{[]string{"ls"}, 0, `C:\`},
		{[]string{"ls", `C:\Users\anna\Documents`}, 0, letter},
		{[]string{"ls", `1:\Users\anna\Documents`}, 0, `letter.txt`},
		{[]string{"find", "letter.*"}, 0, letter},
		{[]string{"cat", letter}, 0, "of FOLDER-PC"},
		{[]string{"reg", `HKLM\SYSTEM\CurrentControlSet\Control\ComputerName`, `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`}, 0, "FOLDER-PC"},
		{[]string{"extract", letter, "--to", at("out")}, 0, ""},
		{[]string{"extract", "--to", at("all")}, 0, ""},
		{[]string{"capture", "--to", at("store")}, 0, ""},
		{[]string{"capture", "--dry-run", "--json"}, 0, `"windows"`},
		{[]string{"plan"}, 0, "anna"},
		{[]string{"plan", at("w")}, 2, ""},
		{[]string{"ls", at("w"), letter}, 2, ""},
		{[]string{"cat", at("w"), letter}, 2, ""},
		{[]string{"find", at("w"), "x"}, 2, ""},
		{[]string{"capture", at("w"), "--dry-run"}, 2, ""},
		{[]string{"cat"}, 2, ""},
		{[]string{"find"}, 2, ""},
		{[]string{"capture", "--to", filepath.Join(root, "w", "Users", "store")}, 2, ""},
		{[]string{"inspect", "--log", filepath.Join(root, "w", "log.txt")}, 2, ""},
	} {
		status, stdout, stderr := tool(t, append(tt.args, "--offline", file)...)
		if status != tt.status || !strings.Contains(stdout, tt.want) {
			t.Errorf("%v: status %d, want %d; %q in %s; %s", tt.args, status, tt.status, tt.want, stdout, stderr)
		}
	}
	for _, name := range []string{"out/C/Users/anna/Documents/letter.txt", "all/C/Users/anna/Documents/letter.txt"} {
		if b, err := os.ReadFile(at(filepath.FromSlash(name))); err != nil || string(b) != "of FOLDER-PC" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "w", "log.txt")); err == nil {
		t.Error("the log lies in the source")
	}
	if status, stdout, _ := tool(t, "cat", at("store"), letter); status != 0 || stdout != "of FOLDER-PC" {
		t.Errorf("from the store: status %d, %q", status, stdout)
	}
	// Without either there is no source.
	for _, args := range [][]string{{"ls"}, {"cat"}, {"find"}, {"extract", "--to", at("x")}, {"reg"}, {"capture", "--to", at("x")}} {
		if status, _, stderr := tool(t, args...); status != 2 || !strings.Contains(stderr, "which source?") {
			t.Errorf("%v: status %d: %s", args, status, stderr)
		}
	}
}

// TestMountedFolder: every command finds what is on a volume in a folder, once.
func TestMountedFolder(t *testing.T) {
	for _, name := range []string{"mounted", "mounted-mbr"} {
		t.Run(name, func(t *testing.T) {
			paths, err := testimages.Machine(name).WriteTo(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			disk := paths[0]
			const plan, text = `C:\Data\Projects\plan.txt`, "This is Projects\\plan.txt.\r\n"
			status, stdout, stderr := tool(t, "cat", disk, plan)
			if status != 0 || stdout != text {
				t.Errorf("cat: status %d, %q: %s", status, stdout, stderr)
			}
			for _, args := range [][]string{{"find", disk, "plan.txt"}, {"ls", disk, `C:\Data\Projects`}, {"ls", "-r", disk, `C:\Data`}, {"ls", "-r", disk}} {
				status, stdout, stderr := tool(t, args...)
				// The folder is the root of the volume, and no link beside it.
				link := strings.Contains(stdout, `C:\Data ->`) || strings.Contains(stdout, "C:\\Data\n")
				if status != 0 || strings.Count(stdout, plan) != 1 || link || strings.Contains(stdout, `C:\Data\\`) {
					t.Errorf("%v: status %d, %s: %s", args, status, stdout, stderr)
				}
			}
			if status, stdout, _ := tool(t, "ls", disk, `C:\`); status != 0 || !strings.Contains(stdout, `C:\Data\`) {
				t.Errorf("ls: status %d: %s", status, stdout)
			}
			for i, args := range [][]string{{`C:\`}, {plan}, {`C:\Data`}, nil} {
				out := filepath.Join(t.TempDir(), "out")
				status, _, stderr := tool(t, append([]string{"extract", disk, "--to", out}, args...)...)
				b, err := os.ReadFile(filepath.Join(out, "C", "Data", "Projects", "plan.txt"))
				if status != 0 && status != 3 || string(b) != text {
					t.Errorf("extract %d: status %d, %q, %v: %s", i, status, b, err, stderr)
				}
			}
			store := filepath.Join(t.TempDir(), "store")
			// anna's Documents of the one hold a volume that is not there.
			status, _, stderr = tool(t, "capture", disk, "--to", store, "--include", `C:\Data\* [*]`)
			gone := strings.Contains(stderr, `not captured: C:\Users\anna\Documents\gone: volume-missing: `)
			if lost := name == "mounted"; gone != lost || (status == 3) != lost || status != 0 && status != 3 {
				t.Errorf("capture: status %d: %s", status, stderr)
			}
			status, stdout, _ = tool(t, "ls", "-r", store, `C:\Data`)
			if want := []string{`C:\Data\Projects\plan.txt`, `C:\Data\Projects\`}; status != 0 || strings.Count(stdout, want[0]) != 1 || strings.Count(stdout, want[1]+"\n") != 1 {
				t.Errorf("store: status %d: %s", status, stdout)
			}
			if status, stdout, _ := tool(t, "cat", store, plan); status != 0 || stdout != text {
				t.Errorf("store: status %d, %q", status, stdout)
			}
		})
	}
}

// TestBrokenWinDir: an entry of an offline.xml that is none is told, and one
// that is a broken Windows counts when several are not to be.
func TestBrokenWinDir(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	hostWindows(t, at("good"), "Windows", "GOOD")
	hostWindows(t, at("bad"), "Windows", "BAD")
	if err := os.WriteFile(at("bad/Windows/System32/config/SYSTEM"), []byte("no hive"), 0o666); err != nil {
		t.Fatal(err)
	}
	writeText(t, at("empty/Windows/System32/config/x"), "")
	dirs := []string{at("gone"), at("bad/Windows"), at("bad"), at("empty"), at("good")}
	status, stdout, stderr := tool(t, "inspect", "--json", "--offline", offlineXML(t, dirs, ""))
	if status != 0 || computers(t, stdout) != "GOOD AMD64" {
		t.Errorf("status %d: %s", status, stderr)
	}
	for _, want := range []string{"note: ", "offline.xml:3:1: " + at("gone") + ": ", "warning: ", "offline.xml:4:1: " + at("bad/Windows") + ": ", "offline.xml:6:1: " + at("empty") + ": "} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in %s", want, stderr)
		}
	}
	for _, line := range strings.Split(stderr, "\n") {
		if strings.Contains(line, at("gone")) != strings.HasPrefix(line, "coldstate: note: ") && strings.Contains(line, "offline.xml:") {
			t.Errorf("line %s", line)
		}
	}
	const one = "<failOnMultipleWinDir>1</failOnMultipleWinDir>"
	status, _, stderr = tool(t, "inspect", "--offline", offlineXML(t, dirs, one))
	if status != 4 || !strings.Contains(stderr, "there are 3 installations") || !strings.Contains(stderr, at("bad/Windows")+": cannot be used") {
		t.Errorf("status %d: %s", status, stderr)
	}
	if status, _, stderr = tool(t, "inspect", "--offline", offlineXML(t, []string{at("gone"), at("good")}, one)); status != 0 {
		t.Errorf("status %d: %s", status, stderr)
	}
}
