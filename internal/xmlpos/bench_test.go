package xmlpos

import (
	"strings"
	"testing"
)

// BenchmarkParse reads a file of the size of Microsoft's largest, 0.3 MB.
func BenchmarkParse(b *testing.B) {
	data := []byte("<a>" + strings.Repeat("\n    <include>\n      <pattern type=\"File\">%CSIDL_APPDATA%\\Some\\Folder\\* [*]</pattern>\n    </include>", 3000) + "\n</a>")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse("x", data); err != nil {
			b.Fatal(err)
		}
	}
}
