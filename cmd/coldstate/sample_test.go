package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/testimages"
)

// allRules takes every file of drive C:.
const allRules = `<?xml version="1.0" encoding="UTF-8"?>
<migration urlid="http://example.org/all">
  <component type="Documents" context="System"><displayName>Everything</displayName>
    <role role="Data"><rules><include><objectSet><pattern type="File">C:\* [*]</pattern></objectSet></include></rules></role>
  </component>
</migration>`

func writeRules(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rules.xml")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

type objectKey struct{ path, stream string }

// readStore reads the whole catalog.
func readStore(t *testing.T, dir string) (*store.Store, map[objectKey]*store.Object) {
	t.Helper()
	s, err := store.Open(store.OS(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	m := map[objectKey]*store.Object{}
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		k := objectKey{string(o.Path), string(o.Stream)}
		if o.User != "" {
			k.path = o.User + " " + k.path
		}
		if o.Kind == store.Value {
			k.stream = "[" + k.stream + "]"
		}
		if m[k] != nil {
			t.Errorf("two objects are called %q", k)
		}
		m[k] = o
	}
	return s, m
}

// TestSampleDisk captures the whole sample disk and compares every object
// with the manifest that ntfs-3g made: content, sizes, times, attributes,
// descriptors, links, streams.
func TestSampleDisk(t *testing.T) {
	img := sampleDisk(t)
	dir := filepath.Join(t.TempDir(), "store")
	status, _, stderr := tool(t, "capture", img, "--to", dir, "--rules", writeRules(t, allRules), "--progress", "none")
	if status != statusOK && status != statusIncomplete {
		t.Fatalf("status %d: %s", status, stderr)
	}
	s, objects := readStore(t, dir)
	files := 0
	for k, o := range objects {
		if strings.HasPrefix(k.path, `C:\`) && o.Kind != store.Part {
			files++
		}
	}
	rows := testimages.Manifest()
	if want := len(rows); files != want {
		t.Errorf("the store has %d objects of C:, the manifest says %d", files, want)
	}
	firstOf := map[uint64]string{}
	for _, row := range rows {
		o := objects[objectKey{row.Path, row.Stream}]
		if o == nil {
			t.Errorf("%q %q is not in the store", row.Path, row.Stream)
			continue
		}
		if o.Outcome == store.Excluded {
			if !strings.Contains(strings.ToUpper(row.Path), `\CONFIG\`) && !strings.HasSuffix(row.Path, ".sys") && !strings.Contains(strings.ToUpper(row.Path), "SAM") && !strings.Contains(strings.ToUpper(row.Path), "SECURITY") {
				t.Errorf("%q is excluded by policy", row.Path)
			}
			continue
		}
		if row.Path == `C:\Users\anna\Documents\odd\volume mount point` {
			if o.Outcome != store.VolumeMissing {
				t.Errorf("%q is %s", row.Path, o.Outcome)
			}
			continue
		}
		switch row.Kind {
		case "placeholder":
			if o.Outcome != store.Placeholder || o.Size != row.Size {
				t.Errorf("%q: %s, %d bytes; want a placeholder of %d", row.Path, o.Outcome, o.Size, row.Size)
			}
		case "link":
			if o.Kind != store.Link || len(o.Reparse) == 0 {
				t.Errorf("%q: kind %s, %d bytes of reparse data", row.Path, o.Kind, len(o.Reparse))
			}
			if got, want := strings.TrimPrefix(string(o.Target), `\??\`), strings.TrimPrefix(row.Target, `\??\`); got != want {
				t.Errorf("%q leads to %q, want %q", row.Path, got, want)
			}
		case "file", "stream", "alias":
			if !o.Outcome.Stored() {
				t.Errorf("%q %q: %s: %s", row.Path, row.Stream, o.Outcome, o.Reason)
				continue
			}
			r, err := s.Content(o)
			if err != nil {
				t.Errorf("%q %q: %v", row.Path, row.Stream, err)
				continue
			}
			h := sha256.New()
			n, err := io.Copy(h, r)
			r.Close()
			if got := hex.EncodeToString(h.Sum(nil)); err != nil || n != row.Size || row.SHA256 != "-" && got != row.SHA256 {
				t.Errorf("%q %q: %d bytes, %s, %v; want %d, %s", row.Path, row.Stream, n, got, err, row.Size, row.SHA256)
			}
			if row.Kind == "file" {
				if first, ok := firstOf[row.Record]; ok && o.Outcome != store.Linked && objects[objectKey{first, ""}].Outcome != store.Linked {
					t.Errorf("%q and %q are one file, and neither is a link", row.Path, first)
				}
				firstOf[row.Record] = row.Path
			}
		}
		if row.Kind == "stream" {
			continue
		}
		if o.Attr != row.Attributes {
			t.Errorf("%q: attributes %#x, want %#x", row.Path, o.Attr, row.Attributes)
		}
		if uint64(o.Created) != row.Created || uint64(o.Modified) != row.Modified {
			t.Errorf("%q: created %d, modified %d; want %d, %d", row.Path, o.Created, o.Modified, row.Created, row.Modified)
		}
		sd, err := s.Security(o.SD)
		sum := sha256.Sum256(sd)
		if got := hex.EncodeToString(sum[:]); row.Security != "-" && (err != nil || row.Security == "" || !strings.HasPrefix(got, row.Security)) {
			t.Errorf("%q: descriptor %d (%d bytes) is %s, want %s", row.Path, o.SD, len(sd), got, row.Security)
		}
	}
	status, _, stderr = tool(t, "verify", dir, "--progress", "none")
	if status != statusOK {
		t.Errorf("verify: status %d: %s", status, stderr)
	}
}

// TestFolderAndDiskAgree captures the sample once from the image and once
// from a host folder that was extracted from it: names and contents agree.
func TestFolderAndDiskAgree(t *testing.T) {
	img := sampleDisk(t)
	base := t.TempDir()
	rules := writeRules(t, strings.ReplaceAll(allRules, `C:\*`, `C:\Users\*`))
	status, _, stderr := tool(t, "extract", img, `C:\`, "--to", filepath.Join(base, "x"))
	if status != statusOK {
		t.Fatalf("extract: status %d: %s", status, stderr)
	}
	sums := func(src, name string) map[string]store.Sum {
		dir := filepath.Join(base, name)
		if status, _, stderr := tool(t, "capture", src, "--to", dir, "--rules", rules, "--progress", "none"); status != statusOK && status != statusIncomplete {
			t.Fatalf("capture of %s: status %d: %s", src, status, stderr)
		}
		_, objects := readStore(t, dir)
		m := map[string]store.Sum{}
		for k, o := range objects {
			if o.Kind == store.File && o.Outcome.Stored() && len(o.Holes) == 0 {
				m[k.path] = o.SHA256
			}
		}
		return m
	}
	disk, folder := sums(img, "s1"), sums(filepath.Join(base, "x", "C"), "s2")
	for p, sum := range disk {
		if got, ok := folder[p]; !ok {
			t.Errorf("%q is not in the store made from the folder", p)
		} else if got != sum {
			t.Errorf("%q differs", p)
		}
	}
	if len(disk) < 20 {
		t.Errorf("only %d files to compare", len(disk))
	}
	for p := range folder {
		if _, ok := disk[p]; !ok {
			t.Errorf("%q is only in the store made from the folder", p)
		}
	}
}
