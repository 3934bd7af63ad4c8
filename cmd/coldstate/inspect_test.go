package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/profile"
	"github.com/coldstate/coldstate/testimages"
)

// inspectDisk runs inspect on the sample disk in a folder where it is called
// disk.img.
func inspectDisk(t *testing.T, args ...string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := testimages.WriteDisk("disk.img"); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := tool(t, append([]string{"inspect", "disk.img"}, args...)...)
	if status != statusOK || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	return stdout
}

// golden compares text with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got, want := strings.Split(text, "\n"), strings.Split(string(b), "\n")
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("line %d is\n%s, in %s\n%s\n(go test ./cmd/coldstate -run Inspect -update writes it anew)", i+1, got[i], filepath.Base(name), want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d lines, in %s %d", len(got), filepath.Base(name), len(want))
	}
}

// fits checks what the screen of inspect promises: lines of at most 80 columns,
// at most 25 of them, no control codes.
func fits(t *testing.T, text string, lines int) {
	t.Helper()
	list := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	// The prompt takes a line.
	if len(list) >= lines {
		t.Errorf("%d lines", len(list))
	}
	for _, line := range list {
		if n := columns(line); n > screenWidth {
			t.Errorf("%d columns: %s", n, line)
		}
		if line != printable(line) || strings.TrimRight(line, " ") != line {
			t.Errorf("%q", line)
		}
	}
	if t.Failed() {
		t.Logf("\n%s", text)
	}
}

func TestInspectGolden(t *testing.T) {
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		file string
		args []string
	}{{"inspect.txt", nil}, {"inspect-all.txt", []string{"--all"}}, {"inspect.json", []string{"--json"}}} {
		t.Run(tt.file, func(t *testing.T) {
			text := inspectDisk(t, tt.args...)
			golden(t, filepath.Join(dir, tt.file), text)
			if tt.args == nil {
				fits(t, text, 25)
			}
		})
	}
}

// TestInspectFits shows machines that are not normal: the lines stay on the
// screen.
func TestInspectFits(t *testing.T) {
	for _, name := range []string{"two windows", "torn record", "baad record", "no system hive", "boot sector gone"} {
		img := filepath.Join(t.TempDir(), "disk.img")
		r, size := testimages.Broken(name)
		if err := testimages.WriteImage(img, r, size); err != nil {
			t.Fatal(err)
		}
		status, stdout, stderr := tool(t, "inspect", img)
		if status != statusOK {
			t.Errorf("%s: status %d: %s", name, status, stderr)
		}
		fits(t, stdout, 40)
	}
	status, stdout, stderr := tool(t, append([]string{"inspect"}, profilesDisks(t)...)...)
	if status != statusOK {
		t.Errorf("status %d: %s", status, stderr)
	}
	fits(t, stdout, 40)
	for _, want := range []string{
		`(?m)^  gustav +local .* no settings$`, `(?m)^  frida +local +- +- +no folder$`, `(?m)^  anna +local .* put aside \(\.bak\), real`, `(?m)^  clara +local .* no key$`,
		`(?m)^    Desktop in OneDrive - Kontor; Documents on \\\\fs01\\home\\karl$`, `(?m)^    Music in D:\\Musik; Pictures in D:\\Bilder; `,
		`(?m)^  fiona@kontor.example +entra .* admin$`, `(?m)^  ! C:\\Users\\Tausch: is among the profiles, but is none`,
	} {
		if !regexp.MustCompile(want).MatchString(stdout) {
			t.Errorf("nothing fits %s in\n%s", want, stdout)
		}
	}
}

// TestInspectMachines shows every test machine: each fits on the screen, and
// says what it is.
func TestInspectMachines(t *testing.T) {
	for _, name := range testimages.MachineNames() {
		t.Run(name, func(t *testing.T) {
			m := testimages.Machine(name)
			paths, err := m.WriteTo(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			status, stdout, stderr := tool(t, append([]string{"inspect"}, paths...)...)
			if status != statusOK || stderr != "" {
				t.Errorf("status %d: %s", status, stderr)
			}
			lines := 25
			if name == "users" {
				lines = 40 // twenty people
			}
			fits(t, stdout, lines)
			want := []string{"^ VOL "}
			for _, v := range m.Volumes {
				want = append(want, fmt.Sprintf("^%4d  ", v.Number))
			}
			for _, w := range m.Installations {
				if w.Old != "" {
					want = append(want, `\\`+regexp.QuoteMeta(w.Old)+": Windows ")
					continue
				}
				computer := w.Computer
				if strings.HasPrefix(name, "dirty") {
					// The files say STALE-PC, the logs have the new name.
					computer = "FRESH-PC"
					want = append(want, "^  logs replayed: .*SOFTWARE, SYSTEM$")
				}
				if w.Dead["SYSTEM"] != nil {
					want = append(want, `^  ! SYSTEM cannot be read: `, `--map\s+D=NUMBER\s+says`)
					computer = "name unknown"
				}
				if w.Dead["SOFTWARE"] != nil {
					want = append(want, `^  ! SOFTWARE cannot be read: `, `the\s+users\s+are\s+those\s+with`)
				}
				want = append(want, "^  computer "+regexp.QuoteMeta(computer)+"(,|$)")
				for _, u := range w.Users {
					want = append(want, `^  ([^ ]*\\)?`+regexp.QuoteMeta(u.Name)+" ")
				}
			}
			for _, re := range want {
				if !regexp.MustCompile("(?m)" + re).MatchString(stdout) {
					t.Errorf("nothing fits %s in\n%s", re, stdout)
				}
			}
		})
	}
}

// TestInspectFile: standard output that is a file gets the same text as one
// that is not.
func TestInspectFile(t *testing.T) {
	want := inspectDisk(t)
	f, err := os.Create("out.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if status := run([]string{"inspect", "disk.img"}, f, f); status != statusOK {
		t.Fatalf("status %d", status)
	}
	b, err := os.ReadFile("out.txt")
	if err != nil || string(b) != want {
		t.Errorf("%v: the file has\n%s", err, b)
	}
}

// TestInspectDocumented: every field of inspect --json is in the document that
// describes it, and every field that the document names is in the program.
func TestInspectDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/inspect-json.md")
	if err != nil {
		t.Fatal(err)
	}
	// The first column of a table has fields; further ones stand in the text.
	documented, named := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|.*$").FindAllStringSubmatch(string(doc), -1) {
		for _, name := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(m[0], -1) {
			named[name[1]] = true
		}
		for _, name := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(m[1], -1) {
			documented[name[1]] = true
		}
	}
	b, err := json.Marshal(evilInspection("x"))
	if err != nil {
		t.Fatal(err)
	}
	var all any
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	fields := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for name, x := range v {
				fields[name] = true
				walk(x)
			}
		}
	}
	walk(all)
	for name := range fields {
		if !named[name] {
			t.Errorf("docs/inspect-json.md does not describe %q", name)
		}
	}
	for name := range documented {
		if !fields[name] {
			t.Errorf("docs/inspect-json.md describes %q, which nothing has", name)
		}
	}
}

// Nothing that a registry says makes a line of its own in inspect.
func TestInspectLines(t *testing.T) {
	const evil = "x\nRESULT: complete"
	in := evilInspection(evil)
	for _, all := range []bool{false, true} {
		var b bytes.Buffer
		if err := in.print(&b, all); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "\nRESULT") {
			t.Errorf("a line is forged:\n%s", b.String())
		}
		if !all {
			fits(t, b.String(), 40)
		}
	}
}

// TestInspectWide prints names of all widths and lengths.
func TestInspectWide(t *testing.T) {
	for _, name := range []string{
		strings.Repeat("日本語", 40), strings.Repeat("e\u0301", 90), strings.Repeat("long ", 60), strings.Repeat("x", 300), "\x1b[2J" + strings.Repeat("\u202e", 50),
		"\xff\xfe", strings.Repeat("😀", 60), "",
	} {
		var b bytes.Buffer
		if err := evilInspection(name).print(&b, false); err != nil {
			t.Fatal(err)
		}
		fits(t, b.String(), 40)
	}
}

// evilInspection has the same text wherever a disk can put one.
func evilInspection(s string) *inspection {
	in := &inspection{}
	fillText(reflect.ValueOf(in).Elem(), s, 0)
	in.Windows[0].Users[0].Kind = profile.Entra
	in.Windows[0].Inventory.State.Shutdown = s + "T"
	return in
}

// fillText sets every text that v holds, and makes lists of one element.
func fillText(v reflect.Value, s string, depth int) {
	if depth > 12 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(1 << 30)
	case reflect.Int64:
		v.SetInt(1 << 60)
	case reflect.Uint32:
		v.SetUint(1000)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillText(v.Elem(), s, depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillText(v.Index(0), s, depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fillText(v.Field(i), s, depth+1)
			}
		}
	}
}

// TestInspectFolderDrives: a drive that is a folder of a volume is shown as
// that.
func TestInspectFolderDrives(t *testing.T) {
	disk := sampleDisk(t)
	for _, args := range [][]string{{"--all"}, nil} {
		status, stdout, stderr := tool(t, append([]string{"inspect", disk, "--map", `D=3:\Windows`, "--map", `C:\Data=3:\Users`}, args...)...)
		if status != 0 || !strings.Contains(stdout, `D: is 3:\Windows`) || !strings.Contains(stdout, `C:\Data is 3:\Users`) || strings.Contains(stdout, "D: is volume") {
			t.Errorf("status %d: %s %s", status, stdout, stderr)
		}
	}
	var in struct {
		Windows []struct {
			Drives []struct{ Letter, Base string }
			Mounts []struct{ Folder, Base string } `json:"mounted_folders"`
		}
	}
	status, stdout, stderr := tool(t, "inspect", disk, "--json", "--map", `D=3:\Windows`, "--map", `C:\Data=3:\Users`)
	if err := json.Unmarshal([]byte(stdout), &in); status != 0 || err != nil || len(in.Windows) != 1 {
		t.Fatal(status, err, stderr)
	}
	drives, mounts := in.Windows[0].Drives, in.Windows[0].Mounts
	if len(drives) != 2 || drives[0].Base != "" || drives[1].Letter != "D:" || drives[1].Base != "Windows" || len(mounts) == 0 || mounts[0].Base != "Users" {
		t.Errorf("%+v %+v", drives, mounts)
	}
}
