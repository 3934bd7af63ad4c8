package inventory

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/offline"
	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// public unpacks a hive of the public test data.
func public(t *testing.T, name string) (path string, h *hive.Hive) {
	t.Helper()
	dir := os.Getenv("COLDSTATE_TESTDATA")
	if dir == "" {
		t.Skip("needs COLDSTATE_TESTDATA, the folder of public registry files")
	}
	path = filepath.Join(dir, "hives", name)
	b, err := os.ReadFile(path)
	if err != nil {
		if _, err := exec.LookPath("xz"); err != nil {
			t.Skip("needs xz")
		}
		if b, err = exec.Command("xz", "-dc", path+".xz").Output(); err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(t.TempDir(), "hive")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if h, err = hive.Open(b); err != nil {
		t.Fatal(err)
	}
	return path, h
}

// TestPublicHives compares with what hivexget reads out of hives of real
// machines.
func TestPublicHives(t *testing.T) {
	if _, err := exec.LookPath("hivexget"); err != nil {
		t.Skip("needs hivexget (Debian package libhivex-bin)")
	}
	compare := func(what, got, path, key, value string) {
		t.Helper()
		out, err := exec.Command("hivexget", path, key, value).Output()
		if err != nil {
			t.Fatalf("hivexget %s %s: %v", key, value, err)
		}
		want := strings.TrimSpace(string(out))
		if value == "Device" {
			want, _, _ = strings.Cut(want, ",")
		}
		if got == "" || got != want {
			t.Errorf("%s is %q, hivexget says %q", what, got, want)
		}
	}
	empty, err := hive.Open(build(hivegen.K("ROOT")))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"system-win10-1709", "system-win81-sensei"} {
		path, h := public(t, name)
		inv := Read(&offline.System{ControlSet: 1, Arch: "AMD64", SystemHive: h, Software: empty}, nil)
		m, set := inv.Machine, `\ControlSet001\`
		compare("the time zone", string(m.TimeZone.Name), path, set+`Control\TimeZoneInformation`, "TimeZoneKeyName")
		compare("the host", string(m.Host), path, set+`Services\Tcpip\Parameters`, "NV Hostname")
		compare("the language", string(m.Locale.System), path, set+`Control\Nls\Language`, "Default")
		compare("the code page", string(m.Locale.ANSI), path, set+`Control\Nls\CodePage`, "ACP")
		if inv.State.FastStartup != "on" || inv.State.Shutdown == "" || inv.State.Renames == 0 || len(inv.Problems) != 0 {
			t.Errorf("%s: %+v, problems %v", name, inv.State, inv.Problems)
		}
	}
	for _, tt := range []struct {
		name     string
		programs int
	}{{"ntuser-win10-tony-big.dat", 6}, {"ntuser-win7-nfury.dat", 1}, {"ntuser-win8-bperry.dat", 1}} {
		path, h := public(t, tt.name)
		inv := Read(&offline.System{ControlSet: 1, SystemHive: empty, Software: empty}, []*profile.User{{ID: "x", Hive: h}})
		if len(inv.Programs) != tt.programs {
			t.Errorf("%s: programs %+v", tt.name, inv.Programs)
		}
		for _, p := range inv.Programs {
			compare("a program", string(p.Name), path, `\Software\Microsoft\Windows\CurrentVersion\Uninstall\`+string(p.Key), "DisplayName")
		}
		u := inv.Users[0]
		compare("the locale", string(u.Locale), path, `\Control Panel\International`, "LocaleName")
		compare("the default printer", string(u.DefaultPrinter), path, `\Software\Microsoft\Windows NT\CurrentVersion\Windows`, "Device")
		for _, d := range u.Drives {
			compare("a drive", string(d.Path), path, `\Network\`+d.Letter[:1], "RemotePath")
		}
	}
}
