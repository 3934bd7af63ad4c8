package main

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the transcript in README.md and the golden files of testdata anew")

// transcriptWidth is where lines of the transcript are cut.
const transcriptWidth = 150

// TestReadme compares the transcript in README.md with what demo prints;
// times are not compared.
func TestReadme(t *testing.T) {
	const name, first, last = "../../README.md", "    $ coldstate inspect disk.img\n", "zstd -d | tar -t\n"
	readme, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	begin := bytes.Index(readme, []byte(first))
	if begin < 0 {
		t.Fatalf("%s has no line %q", name, first)
	}
	end := begin + bytes.Index(readme[begin:], []byte(last)) + len(last)

	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	var out bytes.Buffer
	if status := run([]string{"demo", "--to", "."}, &out, &out); status != statusOK {
		t.Fatalf("status %d: %s", status, out.String())
	}
	_, shown, ok := strings.Cut(out.String(), "\n\n")
	if !ok {
		t.Fatalf("demo prints %q", out.String())
	}
	shown = shown[:strings.Index(shown, last)+len(last)]
	var want strings.Builder
	for line := range strings.Lines(shown) {
		line = strings.TrimSuffix(line, "\n")
		if r := []rune(line); len(r) > transcriptWidth {
			line = strings.TrimRight(string(r[:transcriptWidth]), " ") + " …"
		}
		want.WriteString(strings.TrimRight("    "+line, " ") + "\n")
	}
	if *update {
		b := append(append(bytes.Clone(readme[:begin]), want.String()...), readme[end:]...)
		if err := os.WriteFile(home+"/"+name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	// How long it took, and the kilobyte by which compressed times differ.
	vary := regexp.MustCompile(`after [0-9.]+m?s|[0-9]+ KiB`)
	mask := func(s string) []string { return strings.Split(vary.ReplaceAllString(s, "#"), "\n") }
	got, exp := mask(string(readme[begin:end])), mask(want.String())
	for i := range min(len(got), len(exp)) {
		// A time of another length moves where a long line is cut.
		g, w := strings.TrimSuffix(got[i], " …"), strings.TrimSuffix(exp[i], " …")
		if n := min(len(g), len(w)); g != w && (n < transcriptWidth-10 || g[:n-8] != w[:n-8]) {
			t.Errorf("line %d of the transcript is\n%s\ndemo prints\n%s", i+1, got[i], exp[i])
		}
	}
	if len(got) != len(exp) {
		t.Errorf("the transcript has %d lines, demo prints %d (go test ./cmd/coldstate -run Readme -update)", len(got), len(exp))
	}
}
