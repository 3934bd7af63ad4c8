package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/coldstate/coldstate/internal/publicdata"
	"github.com/coldstate/coldstate/testimages"
)

func lockedDisk(t *testing.T, kind string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "locked.img")
	r, size := testimages.Locked(kind)
	if err := testimages.WriteImage(name, r, size); err != nil {
		t.Fatal(err)
	}
	return name
}

func utf16Bytes(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// TestCaptureOfLocked captures locked disks whole, compares the catalogs with
// that of the plain disk, and looks for the keys in all that was written.
func TestCaptureOfLocked(t *testing.T) {
	rules := writeRules(t, allRules)
	plain := filepath.Join(t.TempDir(), "plain")
	if status, _, stderr := tool(t, "capture", sampleDisk(t), "--to", plain, "--rules", rules, "--progress", "none"); status != statusIncomplete && status != statusOK {
		t.Fatalf("status %d: %s", status, stderr)
	}
	_, want := readStore(t, plain)

	dir := t.TempDir()
	bek := filepath.Join(dir, "key.bin") // what it is comes from its content
	if err := os.WriteFile(bek, testimages.LockedBEK(), 0o600); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "list.txt")
	if err := os.WriteFile(list, []byte("\xEF\xBB\xBFnot this one\r\n\r\n"+testimages.RecoveryPassword+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// As Windows saves it.
	printed := filepath.Join(dir, "BitLocker Recovery Key 5AE10C55.TXT")
	if err := os.WriteFile(printed, append([]byte("\xFF\xFE"), utf16Bytes("BitLocker Drive Encryption recovery key \r\n\r\nTo verify that this is the correct recovery key, compare the start of the following identifier with the identifier value displayed on your PC.\r\n\r\nIdentifier:\r\n\r\n\t5AE10C55-32CB-047E-DD84-C6983E23B49E\r\n\r\nRecovery Key:\r\n\r\n\t"+testimages.RecoveryPassword+"\r\n")...), 0o600); err != nil {
		t.Fatal(err)
	}
	digits := strings.ReplaceAll(testimages.RecoveryPassword, "-", "")
	for _, tt := range []struct {
		name, kind string
		args       []string
		env        string
	}{
		{"recovery password", "recovery", []string{"--unlock", testimages.RecoveryPassword}, ""},
		{"without dashes", "diffuser", []string{"--unlock=" + digits}, ""},
		{"list", "used space", []string{"--unlock-file", list}, ""},
		{"file of Windows", "half", []string{"--unlock-file", printed}, ""},
		{"variable", "recovery", nil, "hunter2\n" + testimages.RecoveryPassword},
		{"password", "password", []string{"--unlock", "wrong", "--unlock", testimages.VolumePassword}, ""},
		{"BEK", "startup key", []string{"--unlock", bek}, ""},
		{"BEK as file", "startup key", []string{"--unlock-file", bek}, ""},
		{"suspended", "suspended", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(unlockVariable, tt.env)
			out := t.TempDir()
			to, log := filepath.Join(out, "store"), filepath.Join(out, "log.txt")
			args := append([]string{"capture", lockedDisk(t, tt.kind), "--to", to, "--rules", rules, "--progress", "none", "--json", "--log", log}, tt.args...)
			status, stdout, stderr := tool(t, args...)
			if status != statusIncomplete && status != statusOK {
				t.Fatalf("status %d: %s", status, stderr)
			}
			_, got := readStore(t, to)
			if len(got) != len(want) {
				t.Errorf("%d objects, the plain disk gives %d", len(got), len(want))
			}
			for k, w := range want {
				if g := got[k]; g == nil || !sameObject(*g, *w) {
					t.Errorf("%q: %+v, want %+v", k, g, w)
				}
			}

			all := contents(t, to)
			b, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			all["the log"], all["standard output"], all["standard error"] = b, []byte(stdout), []byte(stderr)
			_, inspected, _ := tool(t, append([]string{"inspect", "--json", args[1]}, tt.args...)...)
			all["inspect"] = []byte(inspected)
			v := testimages.LockedVolume(tt.kind)
			keys := [][]byte{[]byte(testimages.RecoveryPassword), []byte(digits), utf16Bytes(testimages.RecoveryPassword), []byte(testimages.VolumePassword), utf16Bytes(testimages.VolumePassword), []byte("hunter2"),
				v.VolumeKey()[:16], []byte(hex.EncodeToString(v.VolumeKey()[:16]))}
			if tt.kind == "startup key" {
				b := testimages.LockedBEK()
				keys = append(keys, b[len(b)-32:], []byte(hex.EncodeToString(b[len(b)-32:])))
			}
			for name, b := range all {
				for _, k := range keys {
					if bytes.Contains(b, k) {
						t.Errorf("%s holds the key %q", name, k)
					}
				}
			}
			if len(all) < 9 {
				t.Errorf("only %d things were searched", len(all))
			}
		})
	}
}

// sameObject compares two objects of stores but for how they lie in them.
func sameObject(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		switch x.Type().Field(i).Name {
		case "Segment", "Frame", "Offset":
			continue
		}
		if x.Type().Field(i).IsExported() && !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			return false
		}
	}
	return true
}

// A wrong key stops a job before it does anything, on every public volume too.
func TestWrongKeyOfPublicVolumes(t *testing.T) {
	wrong := "000011-000011-000011-000011-000011-000011-000011-000011"
	for _, name := range []string{"bitlk-aes-xts-128.img", "bitlk-aes-cbc-elephant-128.img", "bitlk-togo-aes-cbc-128.img"} {
		img := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(img, publicdata.Load(t, "bitlocker/"+name), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"inspect", img}, {"capture", img, "--to", filepath.Join(t.TempDir(), "store")}, {"plan", img}, {"ls", img, `1:\`}, {"inspect", img, "--unlock", wrong}, {"plan", img, "--unlock", wrong}} {
			status, out, stderr := tool(t, args...)
			if status != statusDecision || !strings.Contains(stderr, "give --unlock the recovery password with the id") {
				t.Errorf("%q: status %d: %s%s", args, status, out, stderr)
			}
			if given := len(args) > 2 && args[len(args)-1] == wrong; given && !strings.Contains(stderr, "the recovery password given does not open it") {
				t.Errorf("%q: %s", args, stderr)
			}
		}
	}
}

func TestHideKeys(t *testing.T) {
	for want, args := range map[string][]string{
		"capture d --unlock *** --to s":      {"capture", "d", "--unlock", "pass word", "--to", "s"},
		"capture d --unlock=***":             {"capture", "d", "--unlock=x"},
		"capture d --unlock-file keys --log": {"capture", "d", "--unlock-file", "keys", "--log"},
		"capture d *** --unlock":             {"capture", "d", testimages.RecoveryPassword, "--unlock"},
	} {
		if got := hideKeys(args); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// On a terminal a key is asked for, and not shown; without one, or where
// standard input is something else, nothing is asked.
func TestPrompt(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a pseudo-terminal of Linux")
	}
	python := needProgram(t, "python3")
	// Under this name the test binary is the program: see TestMain.
	exe := filepath.Join(t.TempDir(), "coldstate")
	if self, err := os.Executable(); err != nil {
		t.Fatal(err)
	} else if err := os.Symlink(self, exe); err != nil {
		t.Fatal(err)
	}
	const script = `
import os, pty, sys, time, select
answers = sys.argv[1].split('|')
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
out = b''
while True:
    try:
        b = os.read(fd, 4096)
    except OSError:
        break
    if not b:
        break
    out += b
    if out.endswith(b'leaves it locked): ') and answers:
        time.sleep(0.1)
        os.write(fd, answers.pop(0).encode() + b'\n')
_, st = os.waitpid(pid, 0)
sys.stdout.buffer.write(out)
sys.exit(os.waitstatus_to_exitcode(st))
`
	img := lockedDisk(t, "recovery")
	ls := []string{exe, "ls", img, `3:\Users`}
	for _, args := range [][]string{
		// A pseudo-terminal, but not as standard input; no terminal at all.
		append([]string{python, "-c", script, "", "/bin/sh", "-c", `exec "$0" "$@" </dev/null`}, ls...),
		append([]string{needProgram(t, "setsid"), "--wait"}, ls...),
	} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		exit, ok := err.(*exec.ExitError)
		if !ok || exit.ExitCode() != statusDecision || !bytes.Contains(out, []byte("hint: give --unlock the recovery password with the id 5AE10C55")) || bytes.Contains(out, []byte("leaves it locked")) {
			t.Errorf("%q: %v, %s", args[:3], err, out)
		}
	}
	for _, tt := range []struct {
		answers string
		status  int
		want    []string
	}{
		{"a wrong one|" + strings.Replace(testimages.RecoveryPassword, "333333", "333334", 1) + "|" + testimages.RecoveryPassword, 0,
			[]string{"locked by BitLocker; it opens with: TPM ", "it has no protector of the kind password", "group 7 of the recovery password is mistyped", `3:\Users\anna\`}},
		{"", statusDecision, []string{"Recovery password, password or .BEK file (not shown; nothing leaves it locked): ", "RESULT: failed with status 4"}},
	} {
		out, err := exec.Command(python, append([]string{"-c", script, tt.answers}, ls...)...).CombinedOutput()
		status := 0
		if err != nil {
			exit, ok := err.(*exec.ExitError)
			if !ok {
				t.Fatal(err)
			}
			status = exit.ExitCode()
		}
		if status != tt.status {
			t.Errorf("status %d, want %d: %s", status, tt.status, out)
		}
		for _, s := range tt.want {
			if !bytes.Contains(out, []byte(s)) {
				t.Errorf("%q is not shown: %s", s, out)
			}
		}
		for _, s := range slices.DeleteFunc(strings.Split(tt.answers, "|"), func(s string) bool { return s == "" }) {
			if bytes.Contains(out, []byte(s)) {
				t.Errorf("%q is shown: %s", s, out)
			}
		}
	}
}
