package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/plan"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// A Windows that was put to sleep is said to be stale before the work starts,
// in the plan of the store too; the capture goes on and is complete.
func TestHealthOfHibernated(t *testing.T) {
	memory := ntfsgen.Bytes(append([]byte("HIBR"), make([]byte, 8192)...)).NonResident()
	w := &testimages.Windows{Edition: testimages.Windows10, Computer: "PC", Users: []testimages.Person{{Name: "ann", Files: []*ntfsgen.Node{ntfsgen.File(`Documents\letter.txt`, "letter")}}},
		Files: []*ntfsgen.Node{ntfsgen.File("hiberfil.sys", memory)}}
	dir := t.TempDir()
	img := filepath.Join(dir, "c.img")
	if err := ntfsgen.Build(ntfsgen.Options{Flags: ntfsgen.Dirty, Log: ntfsgen.LogOpen}, w.On("C:")...).WriteFile(img); err != nil {
		t.Fatal(err)
	}
	status, out, _ := tool(t, "inspect", img)
	if status != 0 || !strings.Contains(out, "hibernated, wants…") || !strings.Contains(out, "! may be stale") || !strings.Contains(out, "or accept\n") {
		t.Errorf("inspect: %d, %s", status, out)
	}
	if status, out, _ = tool(t, "inspect", "--all", img); status != 0 || !strings.Contains(out, "hibernated, wants chkdsk\n") || !strings.Contains(out, "shutdown /s /f") || !strings.Contains(out, "marked the volume for chkdsk") {
		t.Errorf("inspect --all: %d, %s", status, out)
	}
	var in struct {
		Sources []struct {
			Volumes []struct{ Health *winfs.Health }
		}
	}
	status, out, _ = tool(t, "inspect", "--json", img)
	want := winfs.Health{Version: "3.1", Dirty: true, Log: winfs.LogOpen, LogVersion: "1.1", Hibernation: winfs.Hibernated}
	if err := json.Unmarshal([]byte(out), &in); status != 0 || err != nil || in.Sources[0].Volumes[0].Health == nil || *in.Sources[0].Volumes[0].Health != want {
		t.Errorf("inspect --json: %d, %v, %s", status, err, out)
	}

	to := filepath.Join(dir, "store")
	status, out, msg := tool(t, "capture", img, "--to", to)
	if status != 0 || !strings.Contains(msg, "C: may be stale") || !strings.Contains(out+msg, "RESULT: complete") {
		t.Errorf("capture: %d, %s%s", status, out, msg)
	}
	s, err := store.Open(store.OS(to))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b, err := s.ReadFile("plan.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc plan.Document
	if err := json.Unmarshal(b, &doc); err != nil || len(doc.Volumes) != 1 || doc.Volumes[0].Health == nil || *doc.Volumes[0].Health != want || len(doc.Volumes[0].Notes) != 2 || doc.Volumes[0].Free == nil {
		t.Errorf("plan.json: %v, %+v", err, doc.Volumes)
	}
}
