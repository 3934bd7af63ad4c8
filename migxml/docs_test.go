package migxml

import (
	"os"
	"strings"
	"testing"
)

// TestDocumented: docs/rules.md has every element and every function.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range elements {
		if !strings.Contains(string(b), "`"+e.name+"`") {
			t.Errorf("docs/rules.md does not name <%s>", e.name)
		}
	}
	for _, h := range helpers {
		if !strings.Contains(string(b), "`"+h.name+"`") {
			t.Errorf("docs/rules.md does not name %s", h.name)
		}
	}
}
