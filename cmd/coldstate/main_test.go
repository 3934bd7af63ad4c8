package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/coldstate/coldstate/testimages"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"coldstate": main})
}

// TestScripts runs testdata/script: the command line as people use it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"disk":    cmdDisk,
			"machine": cmdMachine,
			"status":  cmdStatus,
			"result":  cmdResult,
			"shorten": cmdShorten,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, errors.New("unknown condition " + cond)
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("TMPDIR", e.WorkDir)
			e.Setenv("TEMP", e.WorkDir)
			return nil
		},
	})
}

// disk FILE [VARIANT] writes the sample disk, or a damaged variant of it; the
// variant "locked KIND" is one that BitLocker keeps.
func cmdDisk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: disk FILE [VARIANT]")
	}
	name := ts.MkAbs(args[0])
	if len(args) == 1 {
		ts.Check(testimages.WriteDisk(name))
		return
	}
	read := testimages.Broken
	if kind, ok := strings.CutPrefix(args[1], "locked "); ok {
		read, args[1] = testimages.Locked, kind
	}
	r, size := read(args[1])
	ts.Check(testimages.WriteImage(name, r, size))
}

// machine NAME writes the disks of a machine of tests: NAME-0.img and so on.
func cmdMachine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: machine NAME")
	}
	_, err := testimages.Machine(args[0]).WriteTo(ts.MkAbs("."))
	ts.Check(err)
}

// status N COMMAND… runs a command that has to end with status N.
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("status %d, want %d", got, want)
	}
}

// shorten FILE BYTES cuts a file.
func cmdShorten(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shorten FILE BYTES")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

// result PREFIX: the last line of standard error is "RESULT: PREFIX…".
func cmdResult(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: result PREFIX")
	}
	lines := bytes.Split(bytes.TrimSpace([]byte(ts.ReadFile("stderr"))), []byte("\n"))
	if last := lines[len(lines)-1]; !bytes.HasPrefix(last, []byte("RESULT: "+args[0])) {
		ts.Fatalf("the last line is %q", last)
	}
}

// tool runs the program in this process.
func tool(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(args, &out, &errs)
	return status, out.String(), errs.String()
}

// sampleDisk writes the sample disk for a test.
func sampleDisk(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteDisk(name); err != nil {
		t.Fatal(err)
	}
	return name
}

func needProgram(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("needs the program %s (Debian package; .ci/run installs it)", name)
	}
	return p
}
