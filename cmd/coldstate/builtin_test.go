package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/migxml"
	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
)

// TestCaptureApps captures the machine that has something of each program into
// a store: what belongs to a program is there with its content, and what will
// not survive is said once, of what is there, and kept in the store.
func TestCaptureApps(t *testing.T) {
	m := testimages.Machine("apps")
	disks, err := m.WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "store")
	status, _, stderr := tool(t, "capture", disks[0], "--to", dir, "--rules", "builtin", "--rules", "builtin:machine", "--progress", "none")
	if status != statusOK {
		t.Fatalf("status %d: %s", status, stderr)
	}
	s, objects := readStore(t, dir)
	users := map[string]string{"": ""}
	for _, u := range m.Installations[0].Users {
		users[u.Name] = u.SID + " "
	}
	for _, a := range testimages.Apps("apps") {
		find := func(path string) *store.Object {
			key, value, ok := strings.Cut(strings.TrimSuffix(path, "]"), " [")
			if !ok || !strings.HasPrefix(path, "HK") {
				return objects[objectKey{path, ""}]
			}
			if strings.HasPrefix(key, "HKCU") {
				key = users[a.User] + key
			}
			return objects[objectKey{key, "[" + value + "]"}]
		}
		for _, path := range a.Stays {
			if find(path) != nil {
				t.Errorf("%s: %s is in the store", a.Name, path)
			}
		}
		for _, path := range a.Comes {
			o := find(path)
			if o == nil {
				t.Errorf("%s: %s is not in the store", a.Name, path)
				continue
			}
			if o.Outcome == store.Placeholder && strings.HasSuffix(path, "only online.bin") {
				continue
			}
			if !o.Outcome.Stored() {
				t.Errorf("%s: %s: %s", a.Name, path, o.Outcome)
			}
			if o.Kind == store.Value || strings.HasSuffix(path, `\hosts`) {
				continue
			}
			vol, rest, _ := strings.Cut(path, `:\`)
			content, err := s.Content(o)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 200)
			n, _ := content.Read(got)
			content.Close()
			if want := m.Content(m.Installations[0].Letters[vol+":"], rest); string(got[:n]) != string(want) {
				t.Errorf("%s holds %q, want %q", path, got[:n], want)
			}
		}
	}

	for _, want := range []string{
		"will not survive: Google Chrome, Microsoft Edge, Brave, Vivaldi, Chromium, Opera: saved passwords, cookies and cards",
		"will not survive: Wi-Fi networks: ", "will not survive: Encryption keys: ", "will not survive: Cloud folders: ",
	} {
		if strings.Count(stderr, want) != 1 {
			t.Errorf("%q is said %d times in\n%s", want, strings.Count(stderr, want), stderr)
		}
	}
	if strings.Contains(stderr, "Whole profile") {
		t.Errorf("of rules that are not used is said\n%s", stderr)
	}
	data, err := os.ReadFile(filepath.Join(dir, "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc plan.Document
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(stderr, "will not survive: "); n != len(doc.Losses) || n < 5 {
		t.Errorf("%d losses are said, %d are in plan.json", n, len(doc.Losses))
	}
	// The store says them again, whoever has it later.
	_, _, again := tool(t, "ls", dir)
	for _, l := range doc.Losses {
		if !strings.Contains(again, "will not survive: "+l.Components[0]) {
			t.Errorf("ls does not say what is lost of %s:\n%s", l.Components[0], again)
		}
	}
	_, stdout, _ := tool(t, "verify", dir, "--json")
	var verified struct {
		Losses []plan.Loss `json:"will_not_survive"`
	}
	if err := json.Unmarshal([]byte(stdout), &verified); err != nil || !reflect.DeepEqual(verified.Losses, doc.Losses) {
		t.Errorf("verify --json: %v, %+v; plan.json has %+v", err, verified.Losses, doc.Losses)
	}
	for _, total := range doc.Totals {
		if !slices.Contains(migxml.Kinds, total.Kind) {
			t.Errorf("%s has the kind %q", total.Component, total.Kind)
		}
	}
}

// TestNothingToLose: a machine with documents alone costs no word.
func TestNothingToLose(t *testing.T) {
	disks, err := testimages.Machine("xp").WriteTo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := tool(t, "capture", disks[0], "--dry-run", "--progress", "none")
	if status != statusOK || strings.Contains(stderr, "warning") || strings.Contains(stderr, "survive") {
		t.Errorf("status %d: %s", status, stderr)
	}
	for line := range strings.Lines(stdout) {
		if !strings.HasPrefix(line, "OWNER") && !strings.Contains(line, "Documents") && !strings.Contains(line, "Settings") && !strings.Contains(line, "Browsers") {
			t.Errorf("the table has the line %s", line)
		}
	}
}

func TestByKind(t *testing.T) {
	got := ""
	for _, k := range byKind([]plan.Total{
		{Owner: "b", Kind: "Mail", Component: "Outlook", Objects: 2, Bytes: 900},
		{Owner: "a", Kind: "Pictures", Component: "Pictures", Objects: 1, Bytes: 700},
		{Owner: "a", Kind: "Documents", Component: "Documents", Objects: 3, Bytes: 600},
		{Owner: "a", Kind: "Documents", Component: "Desktop", Objects: 4, Bytes: 200},
		{Owner: "a", Kind: "Documents", Component: "Desktop", Objects: 1, Bytes: 1},
	}) {
		b, _ := json.Marshal(k.Total)
		got += string(b) + strings.Join(k.what, ",") + "\n"
	}
	want := `{"owner":"a","kind":"Documents","component":"","objects":8,"bytes":801}Documents,Desktop
{"owner":"a","kind":"Pictures","component":"","objects":1,"bytes":700}Pictures
{"owner":"b","kind":"Mail","component":"","objects":2,"bytes":900}Outlook
`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestRulesShow: rules list names every component, and rules show prints each
// as a file that can be used.
func TestRulesShow(t *testing.T) {
	status, list, _ := tool(t, "rules", "list")
	if status != statusOK {
		t.Fatal(status)
	}
	status, out, _ := tool(t, "rules", "list", "--json")
	var doc struct{ Sets []builtinSet }
	if err := json.Unmarshal([]byte(out), &doc); err != nil || status != statusOK || len(doc.Sets) == 0 {
		t.Fatal(status, err)
	}
	seen := map[string]bool{}
	for _, s := range doc.Sets {
		for _, c := range s.Components {
			if seen[strings.ToLower(c.Name)] {
				t.Errorf("two components are called %s", c.Name)
			}
			seen[strings.ToLower(c.Name)] = true
			line := ""
			for l := range strings.Lines(list) {
				if strings.HasPrefix(l, fmt.Sprintf("  %-9s  %-33s  ", c.Kind, c.Name)) {
					line = l
				}
			}
			if !strings.Contains(line, c.Takes) {
				t.Errorf("rules list says of %s: %q", c.Name, line)
			}
			status, out, stderr := tool(t, "rules", "show", strings.ToUpper(c.Name))
			d, ws, err := migxml.Parse("show.xml", []byte(out))
			if status != statusOK || err != nil || len(ws) > 0 || len(d.Components) != 1 || d.Components[0].DisplayName != c.Name || d.URLID == "" {
				t.Errorf("%s: status %d, %v %v %s\n%s", c.Name, status, err, ws, stderr, out)
			}
			if !strings.HasPrefix(c.ID, "urn:coldstate:rules:"+s.Name+"/"+c.Name+"/") {
				t.Errorf("%s has the ID %s", c.Name, c.ID)
			}
		}
	}
	if status, _, stderr := tool(t, "rules", "show", "nosuch"); status != statusUsage || !strings.Contains(stderr, "documents") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
