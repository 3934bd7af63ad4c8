package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/testimages"
)

// samSecrets gives the credential entries 13 to 16 of every user's V value of
// a SAM hive: what must never leave the source.
func samSecrets(t *testing.T, b []byte) (out [][]byte) {
	t.Helper()
	h, err := hive.Open(b)
	if err != nil {
		return nil
	}
	err = hive.Walk(h.Root(), func(k hive.Key) error {
		v, err := k.Value("V")
		if err != nil || !strings.Contains(strings.ToLower(k.Path()), `users\`) {
			return nil
		}
		data, err := v.Data()
		if err != nil {
			return nil
		}
		for i := 13; i <= 16 && 12*i+8 <= len(data); i++ {
			off := 0xcc + int64(binary.LittleEndian.Uint32(data[12*i:]))
			n := int64(binary.LittleEndian.Uint32(data[12*i+4:]))
			if n < 16 || off+n > int64(len(data)) {
				continue
			}
			// Headers of entries are common bytes; hashes are 16 and more.
			e := data[off : off+n]
			out = append(out, e[len(e)-16:])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// contents gives everything a store holds, compressed and not.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	var stream []byte
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		out[name] = b
		switch base := filepath.Base(name); {
		case strings.HasPrefix(base, "data.tar.zst"):
			stream = append(stream, b...)
		case strings.HasSuffix(base, ".zst"):
			r, err := zstd.NewReader(bytes.NewReader(b))
			if err != nil {
				return err
			}
			defer r.Close()
			if out[name+" decompressed"], err = io.ReadAll(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := zstd.NewReader(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if out["the tar"], err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNoPasswordMaterial captures whole volumes, with SAM and SECURITY hives
// in all the places where Windows and people keep copies, and finds no byte
// of any credential entry in the store, the log or the output.
func TestNoPasswordMaterial(t *testing.T) {
	all := strings.ReplaceAll(allRules, "</rules>", `<include><objectSet><pattern type="Registry">HKLM\* [*]</pattern></objectSet></include></rules>`)
	rules := writeRules(t, all)

	t.Run("sample disk", func(t *testing.T) {
		img := sampleDisk(t)
		secrets := testimages.Secrets()
		if len(secrets) < 6 {
			t.Fatalf("only %d secrets to look for", len(secrets))
		}
		raw, err := os.ReadFile(img)
		if err != nil {
			t.Fatal(err)
		}
		onDisk := 0
		for _, s := range secrets {
			if bytes.Contains(raw, s) {
				onDisk++
			}
		}
		if onDisk == 0 {
			t.Fatal("the sample disk holds none of the secrets: the test could not fail")
		}
		look(t, img, rules, secrets)
	})

	t.Run("copies", func(t *testing.T) {
		base := t.TempDir()
		win := filepath.Join(base, "disk")
		if status, _, stderr := tool(t, "extract", sampleDisk(t), `C:\`, `C:\Windows\System32\config\SAM`, "--to", base, "--overwrite"); status > statusIncomplete {
			t.Fatalf("extract: %d: %s", status, stderr)
		}
		if err := os.Rename(filepath.Join(base, "C"), win); err != nil {
			t.Fatal(err)
		}
		sam := testimages.SAM().Hive()
		hives := map[string][]byte{"generated": sam}
		secrets := testimages.SAM().Secrets()
		if data := os.Getenv("COLDSTATE_TESTDATA"); data != "" {
			for name, b := range realSAMs(t, data) {
				hives[name] = b
				found := samSecrets(t, b)
				if len(found) == 0 {
					t.Errorf("%s gives no credential entry to look for: the test could not fail for it", name)
				}
				secrets = append(secrets, found...)
			}
		} else {
			t.Log("COLDSTATE_TESTDATA is not set: only the generated SAM is looked for")
		}
		n := 0
		for name, b := range hives {
			for _, p := range []string{
				`Windows/System32/config/SAM`, `Windows/System32/config/RegBack/SAM`, `Windows/System32/config/SAM.LOG1`, `Windows/System32/config/sam.sav`,
				`Windows/repair/sam`, `Windows.old/Windows/System32/config/SAM`, `System Volume Information/_restore{1}/RP1/snapshot/_REGISTRY_MACHINE_SAM`,
				`Users/anna/Documents/SAM`, `Users/anna/Documents/sam copy.hiv`, `Users/anna/Documents/backup.bin`, `Users/anna/sam.reg`,
			} {
				host := filepath.Join(win, filepath.FromSlash(p))
				if name != "generated" {
					host += "-" + filepath.Base(name)
				}
				if err := os.MkdirAll(filepath.Dir(host), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(host, b, 0o644); err != nil {
					t.Fatal(err)
				}
				n++
			}
		}
		t.Logf("%d files, %d secrets", n, len(secrets))
		look(t, win, rules, secrets)
	})
}

// TestNoPasswordMaterialOfAccounts has real SAMs in the place where the
// accounts and groups are read from, dirty ones with their logs: names and
// members are given out, no credential entry is.
func TestNoPasswordMaterialOfAccounts(t *testing.T) {
	data := testData(t)
	base := t.TempDir()
	win := filepath.Join(base, "disk")
	if status, _, stderr := tool(t, "extract", sampleDisk(t), `C:\Windows`, `C:\Users\anna\NTUSER.DAT`, "--to", base, "--overwrite"); status > statusIncomplete {
		t.Fatalf("extract: %d: %s", status, stderr)
	}
	if err := os.Rename(filepath.Join(base, "C"), win); err != nil {
		t.Fatal(err)
	}
	sam := filepath.Join(win, "Windows", "System32", "config", "SAM")
	for name, b := range realSAMs(t, data) {
		secrets := samSecrets(t, b)
		if len(secrets) == 0 {
			t.Errorf("%s gives no credential entry to look for: the test could not fail for it", name)
		}
		if err := os.WriteFile(sam, b, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, suffix := range []string{".LOG", ".LOG1", ".LOG2"} {
			log, err := os.ReadFile(name + suffix)
			if err != nil {
				if err := os.RemoveAll(sam + suffix); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := os.WriteFile(sam+suffix, log, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		store := filepath.Join(t.TempDir(), "store")
		found := map[string][]byte{}
		for _, args := range [][]string{
			{"inspect", win, "--json"}, {"inspect", win, "--all"}, {"plan", win, "--json"}, {"plan", win, "--cmd"}, {"plan", win, "--config-xml"},
			{"capture", win, "--to", store},
		} {
			status, stdout, stderr := tool(t, args...)
			if status != statusOK && status != statusIncomplete {
				t.Fatalf("%s: %q: status %d: %s", name, args, status, stderr)
			}
			found[args[0]+" "+strings.Join(args[2:], " ")] = []byte(stdout + stderr)
		}
		if !bytes.Contains(found["plan --json"], []byte("S-1-5-32-544")) {
			t.Errorf("%s: the plan names no group: the test could not fail", name)
		}
		for where, b := range contents(t, store) {
			found[where] = b
		}
		for where, b := range found {
			for _, s := range secrets {
				if bytes.Contains(b, s) || bytes.Contains(b, []byte(hexOf(s))) {
					t.Errorf("%s: %s holds password material", name, where)
					break
				}
			}
		}
	}
}

// look runs every command that could show a secret and searches what it left.
func look(t *testing.T, src, rules string, secrets [][]byte) {
	t.Helper()
	dir := t.TempDir()
	to, log := filepath.Join(dir, "store"), filepath.Join(dir, "run.log")
	found := map[string][]byte{}
	for _, args := range [][]string{
		{"capture", src, "--to", to, "--rules", rules, "--log", log, "--progress", "plain"},
		{"capture", src, "--dry-run", "--json", "--rules", rules},
		{"inspect", src, "--json"}, {"inspect", src, "--all"},
		{"plan", src}, {"plan", src, "--json"}, {"plan", src, "--cmd"}, {"plan", src, "--config-xml"},
		{"verify", to},
		{"ls", "-r", "--json", to},
		{"reg", src, `HKLM\SYSTEM`, "--format", "json"},
		{"reg", src, `HKLM\SAM`}, {"reg", src, `HKLM\SECURITY`, "--format", "reg"},
		{"extract", src, "--to", filepath.Join(dir, "x")},
		{"extract", to, "--to", filepath.Join(dir, "y")},
	} {
		status, stdout, stderr := tool(t, args...)
		if args[0] == "capture" && status != statusOK && status != statusIncomplete {
			t.Fatalf("%q: status %d: %s", args, status, stderr)
		}
		found[strings.Join(args, " ")] = []byte(stdout + stderr)
	}
	for name, b := range contents(t, to) {
		found[name] = b
	}
	for name := range found {
		for _, s := range secrets {
			if bytes.Contains(found[name], s) || bytes.Contains(found[name], []byte(strings.ToLower(hexOf(s)))) {
				t.Errorf("%s holds password material", name)
				break
			}
		}
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		if bytes.Contains(b, s) || bytes.Contains(b, []byte(hexOf(s))) {
			t.Error("the log holds password material")
		}
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

// realSAMs reads the SAM hives of the public test data.
func realSAMs(t *testing.T, data string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(filepath.Join(data, "hives"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(strings.ToLower(d.Name()), "sam") || strings.Contains(d.Name(), "LOG") {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".xz") {
			if b, err = exec.Command(needProgram(t, "xz"), "-dc", name).Output(); err != nil {
				return err
			}
		}
		out[name] = b
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 5 {
		t.Fatalf("only %d SAM hives in %s", len(out), data)
	}
	return out
}
