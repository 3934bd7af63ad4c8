package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestExplainAgreesWithThePlan asks for every file, folder, link and stream of
// drive C:, and for every key and value of a plan, and compares with what a
// plan of the whole disk has.
func TestExplainAgreesWithThePlan(t *testing.T) {
	img := sampleDisk(t)
	type object struct {
		Path, Stream, Kind, User, Outcome, Decision string
	}
	list := func(what string, args ...string) []object {
		t.Helper()
		status, stdout, stderr := tool(t, args...)
		if status != statusOK && status != statusIncomplete {
			t.Fatalf("%v: status %d: %s", args, status, stderr)
		}
		var out []object
		var err error
		if what == "plan" {
			var doc struct{ Objects []object }
			err = json.Unmarshal([]byte(stdout), &doc)
			out = doc.Objects
		} else {
			err = json.Unmarshal([]byte(stdout), &out)
		}
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	key := func(o object) object {
		o.Outcome, o.Decision = "", ""
		return o
	}
	flags := []string{"--include", `HKLM\SYSTEM\CurrentControlSet\Control\* [*]`, "--include", `C:\Windows\System32\config\* [*]`, "--exclude", `C:\* [*.xlsx]`}
	planned := map[object]string{}
	var places []string
	asked := map[string]bool{}
	ask := func(o object) {
		name := placeName(o.Path, o.Kind, o.Stream)
		if !asked[name] {
			asked[name] = true
			places = append(places, name)
		}
	}
	for _, o := range list("plan", append([]string{"capture", img, "--dry-run", "--json", "--progress", "none"}, flags...)...) {
		want := "taken"
		if o.Outcome != "" {
			want = o.Outcome
		}
		planned[key(o)] = want
		if strings.HasPrefix(o.Path, "HK") && !strings.ContainsAny(o.Stream, "[]") {
			ask(o)
		}
	}
	all := list("tree", "ls", img, `C:\`, "-r", "--json")
	for _, o := range all {
		if o.Outcome == "" && !strings.ContainsAny(o.Path, "%?*/\uFFFD") && !strings.HasSuffix(o.Path, " ") && !strings.Contains(o.Path[2:], ":") {
			ask(o)
		}
	}
	if len(places) < 500 {
		t.Fatalf("only %d places to ask for", len(places))
	}
	counts := map[string]int{}
	for _, o := range list("explained", append(append([]string{"explain", img, "--json"}, flags...), places...)...) {
		want, ok := planned[key(o)]
		counts[o.Decision]++
		switch {
		case !ok && o.Decision != "not-taken" && o.Decision != "would-be-taken":
			if o.Decision == "unreadable" || o.Decision == "damaged" {
				continue // what it lies in has that outcome in the plan
			}
			t.Errorf("%+v: it is not in the plan", o)
		case ok && o.Decision != want:
			t.Errorf("%+v: the plan has it as %s", o, want)
		}
	}
	if counts["taken"] < 100 || counts["not-taken"] < 100 || counts["excluded-by-policy"] == 0 {
		t.Errorf("decisions: %v", counts)
	}
	t.Log(len(places), counts)
}
