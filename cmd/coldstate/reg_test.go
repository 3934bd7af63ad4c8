package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// dirtyHive writes a hive and its logs under these names: what is in the file,
// in the first log, and in the second.
func dirtyHive(t *testing.T, names ...string) (file string) {
	t.Helper()
	var states [][]byte
	for _, state := range []string{"file", "first", "second"} {
		root := hivegen.K("ROOT", hivegen.SZ("newest", state), hivegen.K("in the "+state))
		states = append(states, hivegen.Build(root, hivegen.Options{}))
	}
	dir := t.TempDir()
	for i, b := range [][]byte{
		hivegen.Sequence(states[0], 8, 7),
		hivegen.LogHvLE(7, states[0], states[1]),
		hivegen.LogHvLE(8, states[1], states[2]),
	} {
		if i < len(names) {
			if err := os.WriteFile(filepath.Join(dir, names[i]), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return filepath.Join(dir, names[0])
}

// TestRegLogs reads dirty hives with what lies beside them.
func TestRegLogs(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files []string
		args  []string
		want  string // the value that is newest
		note  string
	}{
		{"no logs", []string{"NTUSER.DAT"}, nil, "file", "No transaction log lies beside the hive."},
		{"both", []string{"NTUSER.DAT", "NTUSER.DAT.LOG1", "NTUSER.DAT.LOG2"}, nil, "second", "1 change of NTUSER.DAT.LOG1 replayed (HvLE); 1 change of NTUSER.DAT.LOG2 replayed (HvLE)"},
		{"whatever their case", []string{"NTUSER.DAT", "ntuser.dat.LOG2", "Ntuser.dat.log1"}, nil, "second", "1 change of ntuser.dat.LOG2 replayed (HvLE); 1 change of Ntuser.dat.log1 replayed"},
		{"one", []string{"SOFTWARE", "software.log1"}, nil, "first", "1 change of software.log1 replayed (HvLE)\n"},
		{"of another hive", []string{"SYSTEM", "SYSTEM2.LOG1", "xSYSTEM.LOG2"}, nil, "file", "No transaction log"},
		{"not wanted", []string{"NTUSER.DAT", "NTUSER.DAT.LOG1", "NTUSER.DAT.LOG2"}, []string{"--no-logs"}, "file", "Its transaction logs were not read."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := dirtyHive(t, tt.files...)
			args := append([]string{"reg", file}, tt.args...)
			status, stdout, stderr := tool(t, args...)
			if status != statusOK || !strings.Contains(stdout, "newest REG_SZ "+tt.want+"\n") || !strings.Contains(stdout, "[in the "+tt.want+"]") {
				t.Errorf("status %d, %q, want %q", status, stdout, tt.want)
			}
			kind := "note"
			if tt.want == "file" {
				kind = "warning"
			}
			if !strings.HasPrefix(stderr, "coldstate: "+kind+": "+file+": the hive was not written out completely: ") || !strings.Contains(stderr, tt.note) {
				t.Errorf("%q, want %q", stderr, tt.note)
			}
			_, stdout, _ = tool(t, append(args, "--format", "json")...)
			var list []struct {
				Hive     string
				Recovery hive.Recovery
			}
			if err := json.Unmarshal([]byte(stdout), &list); err != nil {
				t.Fatal(err)
			}
			if r := list[0].Recovery; list[0].Hive != file || !r.Dirty || len(r.Applied) != strings.Count(tt.note, "replayed") || (r.Unrecovered == "") != (len(r.Applied) > 0) {
				t.Errorf("%+v", list[0])
			}
		})
	}

	t.Run("no base block", func(t *testing.T) {
		file := dirtyHive(t, "NTUSER.DAT", "NTUSER.DAT.LOG1", "NTUSER.DAT.LOG2")
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		clear(b[:4096])
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
		status, stdout, stderr := tool(t, "reg", file)
		if status != statusOK || !strings.Contains(stdout, "newest REG_SZ second") || !strings.Contains(stderr, "base block taken from NTUSER.DAT.LOG2") {
			t.Errorf("status %d: %q %q", status, stdout, stderr)
		}
		if status, _, stderr := tool(t, "reg", file, "--no-logs"); status != statusFailed || !strings.Contains(stderr, "hive bins follow it") {
			t.Errorf("without logs: status %d: %q", status, stderr)
		}
	})

	t.Run("clean", func(t *testing.T) {
		file := dirtyHive(t, "NTUSER.DAT", "NTUSER.DAT.LOG1", "NTUSER.DAT.LOG2")
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, hivegen.Sequence(b, 7, 7), 0o644); err != nil {
			t.Fatal(err)
		}
		status, stdout, stderr := tool(t, "reg", file)
		if status != statusOK || stderr != "" || !strings.Contains(stdout, "newest REG_SZ file") {
			t.Errorf("status %d: %q %q", status, stdout, stderr)
		}
	})
}

// TestRegFacts shows what keys have beside values.
func TestRegFacts(t *testing.T) {
	root := hivegen.K("ROOT",
		&hivegen.Key{Name: "classy", Class: "a class", Time: 132223104001234567},
		hivegen.Symlink("link", `\REGISTRY\MACHINE\SOFTWARE\x`),
		&hivegen.Key{Name: "predefined", Flags: 0x40},
		&hivegen.Key{Name: "volatile", Flags: 1},
		hivegen.K("gone"),
		hivegen.Path(`ControlSet001\Control\Lsa`, &hivegen.Key{Name: "JD", Class: "0a1b2c3d"}, &hivegen.Key{Name: "Other", Class: "seen"}),
	)
	h := hivegen.Build(root, hivegen.Options{})
	binary.LittleEndian.PutUint32(h[24:], 6)
	hivegen.PutChecksum(h)
	at := bytes.Index(h, []byte("gone")) - 76 // its key node
	h[at+13] = 0x81
	file := filepath.Join(t.TempDir(), "HIVE")
	if err := os.WriteFile(file, h, 0o644); err != nil {
		t.Fatal(err)
	}

	status, stdout, stderr := tool(t, "reg", file)
	if status != statusOK {
		t.Errorf("status %d: %s", status, stderr)
	}
	for _, want := range []string{
		"[classy] 2020-01-01T00:00:00.1234567Z class=\"a class\"\n",
		" symlink=\"\\\\REGISTRY\\\\MACHINE\\\\SOFTWARE\\\\x\"\n",
		"Z predefined=\"0x0\"\n", "Z volatile\n", "Z layer=\"tombstone\" inheritClass\n", "Lsa\\JD] 2024-05-14T08:00:00Z classLength=8\n", "class=\"seen\"",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in %s", want, stdout)
		}
	}
	_, asJSON, _ := tool(t, "reg", file, "--format", "json")
	var list []map[string]any
	if err := json.Unmarshal([]byte(asJSON), &list); err != nil {
		t.Fatal(err)
	}
	facts := map[any]map[string]any{}
	for _, m := range list {
		if m["value"] == nil {
			facts[m["key"]] = m
			if sd, _ := m["security"].(string); !strings.HasPrefix(sd, "O:BAG:BAD:") || !strings.Contains(sd, "(A;CI;KA;;;SY)") {
				t.Errorf("%v: security %q", m["key"], sd)
			}
		}
	}
	for _, tt := range []struct {
		key, name string
		want      any
	}{
		{"classy", "class", "a class"},
		{"classy", "modified", "2020-01-01T00:00:00.1234567Z"},
		{"link", "symlink", `\REGISTRY\MACHINE\SOFTWARE\x`},
		{"predefined", "predefined", "0x0"},
		{"volatile", "volatile", true},
		{"gone", "layer", "tombstone"},
		{"gone", "inheritClass", true},
		{"", "class", nil},
		{`ControlSet001\Control\Lsa\JD`, "class", nil},
		{`ControlSet001\Control\Lsa\JD`, "classLength", 8.0},
	} {
		if got := facts[tt.key][tt.name]; got != tt.want {
			t.Errorf("%s: %s %v, want %v", tt.key, tt.name, got, tt.want)
		}
	}
	if strings.Contains(stdout+asJSON, "0a1b2c3d") {
		t.Error("a part of the boot key is shown")
	}
}

// TestRegSecretLogs has password material that only a log holds.
func TestRegSecretLogs(t *testing.T) {
	sam := testimages.SAM().Hive()
	before := bytes.Clone(sam)
	for _, s := range testimages.SAM().Secrets() {
		for i := bytes.Index(before, s); i >= 0; i = bytes.Index(before, s) {
			clear(before[i : i+len(s)])
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "SAM")
	log := hivegen.LogHvLE(4, before, sam)
	for name, b := range map[string][]byte{"SAM": hivegen.Sequence(before, 5, 4), "sam.log1": log} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Contains(log, testimages.SAM().Secrets()[0]) {
		t.Fatal("the log has no secret: the test could not fail")
	}
	for _, format := range []string{"text", "json", "tsv", "reg"} {
		status, stdout, stderr := tool(t, "reg", file, "--format", format)
		if want := statusOK; format != "reg" && status != want || !strings.Contains(stderr, "replayed") {
			t.Errorf("%s: status %d: %s", format, status, stderr)
		}
		for _, s := range testimages.SAM().Secrets() {
			if newNeedles([][]byte{s}).in([]byte(stdout + stderr)) {
				t.Errorf("%s shows password material", format)
			}
		}
	}
}

// TestRegTruth prints every hive of the test data, with its logs beside it as
// they were found, and compares with what yarp reads.
func TestRegTruth(t *testing.T) {
	data := testData(t)
	xz := needProgram(t, "xz")
	read := func(file string) []byte {
		b, err := os.ReadFile(file)
		if strings.HasSuffix(file, ".xz") {
			b, err = exec.Command(xz, "-dc", file).Output()
		}
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// The folders of the data, with all packed files unpacked.
	dir := t.TempDir()
	hives := filepath.Join(data, "hives")
	err := filepath.WalkDir(hives, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(hives, strings.TrimSuffix(file, ".xz"))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(rel)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), read(file), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	truths, err := filepath.Glob(filepath.Join(data, "truth", "hives", "*"))
	if err != nil || len(truths) == 0 {
		t.Fatal("no truth", err)
	}
	for _, truth := range truths {
		rel := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(truth), ".xz"), ".tsv")
		rel = strings.ReplaceAll(rel, "__", "/")
		t.Run(rel, func(t *testing.T) {
			file := filepath.Join(dir, filepath.FromSlash(rel))
			if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			status, stdout, stderr := tool(t, "reg", file, "--format", "tsv")
			// SAN_OTHER has a wrong checksum, which is told.
			if status != statusOK && !strings.HasSuffix(rel, "SAN_OTHER") {
				t.Errorf("status %d: %s", status, stderr)
			}
			_, want, _ := strings.Cut(string(read(truth)), "\n")
			got, lines := strings.Split(stdout, "\n"), strings.Split(want, "\n")
			slices.Sort(got)
			slices.Sort(lines)
			if !slices.Equal(got, lines) {
				t.Errorf("%d lines, other than the %d of the truth", len(got), len(lines))
			}
		})
	}
}
