package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
)

// machineDisk writes the only disk of a machine as disk.img of a new folder,
// which is the current one until the test ends.
func machineDisk(t *testing.T, name string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	paths, err := testimages.Machine(name).WriteTo(".")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(paths[0], "disk.img"); err != nil {
		t.Fatal(err)
	}
	return "disk.img"
}

// TestInspectDead is what a person sees of a Windows without its registry.
func TestInspectDead(t *testing.T) {
	status, stdout, stderr := tool(t, "inspect", machineDisk(t, "no-registry"))
	if status != statusOK || stderr != "" {
		t.Errorf("status %d: %s", status, stderr)
	}
	const want = `disk.img  disk image, 8.0 MiB, GPT
 VOL     KIND           SIZE      FREE  NAME                  STATE
   1     FAT         1.0 MiB   992 KiB  EFI system
   2     -           1.0 MiB            Microsoft reserved
   3  C: NTFS        2.0 MiB   812 KiB  Windows               no damage seen
   4     NTFS        2.0 MiB   1.0 MiB  Data                  no damage seen

C:\Windows  Windows 10, build 19045, AMD64
  computer name unknown
  USER                   KIND          SIZE  LAST USE    REMARKS
  anna                   local       16 KiB  2024-05-14  admin
  bob                    local       16 KiB  2024-05-14

  ! SOFTWARE cannot be read: offset 0x0: the base block is all zeros; the users
    are those with a folder
  ! SYSTEM cannot be read: offset 0x0: the file is empty; --map D=NUMBER says
    which volume is D:
`
	if stdout != want {
		t.Errorf("got\n%s\nwant\n%s", stdout, want)
	}
	_, stdout, _ = tool(t, "inspect", "disk.img", "--json")
	for _, want := range []string{
		`"unknown": "the edition, the list of the users and`, `"unknown": "drive letters, computer name and time zone are not known. This Windows is taken to be on C:`,
		`"what": "cannot be used: programs, apps, `,
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %s in %s", want, stdout)
		}
	}
}

// captured are the files and settings of people in a store, with their
// contents; drive replaces "4:".
func captured(t *testing.T, path, drive string) map[string]string {
	t.Helper()
	s, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out := map[string]string{}
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		if p := string(o.Path); !strings.HasPrefix(p, "HKLM") {
			if rest, ok := strings.CutPrefix(p, "4:"); ok {
				p = drive + rest
			}
			out[p+":"+string(o.Stream)+" of "+string(o.User)] = fmt.Sprint(o.Outcome, o.Kind, o.Size, o.SHA256)
		}
	}
	return out
}

// TestCaptureDead: without SOFTWARE, SYSTEM or both people get the same files
// as with them, and it is said that something is missing.
func TestCaptureDead(t *testing.T) {
	letter := map[string]string{`Users\anna`: "anna", `Users\bob`: "bob"}
	capture := func(name string, status int, args ...string) (map[string]string, string) {
		t.Helper()
		disk := machineDisk(t, name)
		got, _, stderr := tool(t, append([]string{"capture", disk, "--to", "store"}, args...)...)
		if got != status {
			t.Fatalf("%s: status %d, want %d: %s", name, got, status, stderr)
		}
		if got, _, stderr := tool(t, "verify", "store"); got != statusOK {
			t.Errorf("%s: verify: status %d: %s", name, got, stderr)
		}
		for folder, user := range letter {
			if name == "xp" || name == "no-registry-xp" {
				break
			}
			path := `C:\` + folder + `\Documents\letter of ` + user + `.txt`
			if got, stdout, stderr := tool(t, "ls", "store", path); got != statusOK || !strings.Contains(stdout, path) {
				t.Errorf("%s: ls %s: status %d: %s%s", name, path, got, stdout, stderr)
			}
		}
		return captured(t, "store", "D:"), stderr
	}
	healthy, _ := capture("healthy", statusOK)
	for _, want := range []string{`C:\Users\anna\Documents\letter of anna.txt: of `, `C:\Users\bob\Desktop\bob.txt: of `, `D:\Accounts\2023.xls: of `} {
		if _, ok := healthy[want]; !ok {
			t.Fatalf("%s is not in the store: %q", want, slices.Collect(maps.Keys(healthy)))
		}
	}
	xp, _ := capture("xp", statusOK)
	for _, tt := range []struct {
		name string
		lost []string
		want map[string]string
		args []string
	}{
		{"no-software", []string{"SOFTWARE"}, healthy, nil},
		{"no-system", []string{"SYSTEM"}, healthy, nil},
		{"no-system", []string{"SYSTEM"}, healthy, []string{"--map", "D=4"}},
		{"no-registry", []string{"SOFTWARE", "SYSTEM"}, healthy, nil},
		{"no-registry", []string{"SOFTWARE", "SYSTEM"}, healthy, []string{"--rules", "builtin", "--rules", "builtin:machine"}},
		{"no-registry-xp", []string{"SOFTWARE", "SYSTEM"}, xp, nil},
	} {
		t.Run(strings.Join(append([]string{tt.name}, tt.args...), " "), func(t *testing.T) {
			got, stderr := capture(tt.name, statusIncomplete, tt.args...)
			for path, what := range tt.want {
				if got[path] != what {
					t.Errorf("%s is %q, want %q", path, got[path], what)
				}
			}
			for _, name := range tt.lost {
				if n := strings.Count(stderr, `not captured: HKLM\`+name+`: unreadable: `); n != 1 {
					t.Errorf("the loss of %s is told %d times: %s", name, n, stderr)
				}
				if n := strings.Count(stderr, `warning: `+testimages.Machine(tt.name).Installations[0].Dir+`\System32\config\`+name+`: cannot be used (`); n != 1 {
					t.Errorf("the state of %s is told %d times: %s", name, n, stderr)
				}
			}
			if !strings.Contains(stderr, "RESULT: incomplete: ") {
				t.Errorf("the last line does not tell: %s", stderr)
			}
		})
	}
}

// TestDeadQuestions: the other commands answer, and do not take what is
// unknown for what is not there.
func TestDeadQuestions(t *testing.T) {
	disk := machineDisk(t, "no-registry")
	rules := filepath.Join(".", "our.xml")
	if err := os.WriteFile(rules, []byte(`<migration urlid="http://www.microsoft.com/migration/1.0/migxmlext/our">
 <component type="Application" context="System"><displayName>Ours</displayName><role role="Settings">
  <detects><detect><condition>MigXmlHelper.DoesObjectExist("Registry","HKLM\SOFTWARE\Ours")</condition></detect></detects>
  <rules><include><objectSet><pattern type="File">C:\Ours\* [*]</pattern></objectSet></include></rules>
 </role></component></migration>`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		status int
		args   []string
		stdout string
		stderr string
	}{
		{statusOK, []string{"plan", disk}, "Administrators", `note: C:\Windows\System32\config\SOFTWARE: cannot be used`},
		{statusOK, []string{"ls", disk, `C:\Users\anna\Documents`}, "letter of anna.txt", ""},
		{statusOK, []string{"explain", disk, `C:\Users\anna\Documents\letter of anna.txt`}, "  taken\n", ""},
		{statusOK, []string{"explain", disk, `HKLM\SYSTEM\Setup`}, `config\SYSTEM: cannot be used`, ""},
		{statusFailed, []string{"reg", disk, `HKLM\SOFTWARE\Microsoft`}, "", `C:\Windows\System32\config\SOFTWARE: cannot be used (offset 0x0: the base block is all zeros)`},
		{statusOK, []string{"reg", disk, `HKCU\Software`}, "Explorer", ""},
		{statusIncomplete, []string{"capture", disk, "--to", "store", "--rules", rules}, "",
			`warning: rules: they ask for HKLM\SOFTWARE\Ours, and nobody can tell whether that is there, as C:\Windows\System32\config\SOFTWARE cannot be used`},
	} {
		status, stdout, stderr := tool(t, tt.args...)
		if status != tt.status || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%s: status %d, want %d\n%s%s", tt.args[0], status, tt.status, stdout, stderr)
		}
		if n := strings.Count(stderr, "nobody can tell"); tt.status == statusIncomplete && n != 1 {
			t.Errorf("%s: what is unknown is told %d times: %s", tt.args[0], n, stderr)
		}
	}
}

// TestDeadLetters: what lies on drives whose letters are not known is missing,
// and says so, until somebody says which volumes they are.
func TestDeadLetters(t *testing.T) {
	paths, err := testimages.Machine("swapped").WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// The disks as folders, and SYSTEM gone.
	t.Chdir(t.TempDir())
	for _, drive := range []string{"C", "D", "E"} {
		// The second disk has no Windows to give it letters.
		args := []string{"extract", paths[0], drive + `:\`, "--to", drive}
		if drive == "E" {
			args = []string{"extract", paths[1], `1:\`, "--to", drive}
		}
		if status, _, stderr := tool(t, args...); status != statusOK && status != statusIncomplete {
			t.Fatalf("status %d: %s", status, stderr)
		}
	}
	find := func(name string) string {
		t.Helper()
		found := ""
		if err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Name() == name {
				found = path
			}
			return err
		}); err != nil || found == "" {
			t.Fatalf("%s: %v", name, err)
		}
		return found
	}
	windows := filepath.Dir(filepath.Dir(find("System32")))
	data, more := filepath.Dir(find("Documents of anna")), filepath.Dir(find("Profiles"))
	if err := os.Remove(filepath.Join(windows, "Windows", "System32", "config", "SYSTEM")); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := tool(t, "capture", windows, data, more, "--to", "first")
	for _, want := range []string{`D:\: volume-missing: `, `E:\: volume-missing: `, `--map`} {
		if status != statusIncomplete || !strings.Contains(stderr, want) {
			t.Errorf("status %d, no %q in %s", status, want, stderr)
		}
	}
	status, _, stderr = tool(t, "capture", windows, "--map", "D="+data, "--map", "E="+more, "--to", "second")
	if status != statusIncomplete || strings.Contains(stderr, "volume-missing") {
		t.Errorf("status %d: %s", status, stderr)
	}
	got := captured(t, "second", "")
	for _, path := range []string{`D:\Documents of anna\on drive D.txt`, `E:\Profiles\bob\Documents\letter of bob.txt`} {
		if !strings.HasPrefix(got[path+": of "], "captured") {
			t.Errorf("%s: %q", path, got[path+": of "])
		}
	}
}
