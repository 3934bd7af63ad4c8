package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/internal/wstr"
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
			if newNeedles(secrets).in(b) {
				t.Errorf("%s: %s holds password material", name, where)
			}
		}
	}
}

// look runs every command that could show a secret and searches what it left.
func look(t *testing.T, src, rules string, secrets [][]byte) {
	t.Helper()
	dir := t.TempDir()
	to, log := filepath.Join(dir, "store"), filepath.Join(dir, "run.log")
	x, y := filepath.Join(dir, "x"), filepath.Join(dir, "y")
	found := map[string][]byte{}
	for _, c := range []struct {
		status []int
		args   []string
	}{
		{[]int{statusOK, statusIncomplete}, []string{"capture", src, "--to", to, "--rules", rules, "--log", log, "--progress", "plain"}},
		{[]int{statusOK, statusIncomplete}, []string{"capture", src, "--dry-run", "--json", "--rules", rules}},
		{[]int{statusOK}, []string{"inspect", src, "--json"}},
		{[]int{statusOK}, []string{"inspect", src, "--all"}},
		{[]int{statusOK}, []string{"plan", src}},
		{[]int{statusOK}, []string{"plan", src, "--json"}},
		{[]int{statusOK}, []string{"plan", src, "--cmd"}},
		{[]int{statusOK}, []string{"plan", src, "--config-xml"}},
		{[]int{statusOK}, []string{"verify", to}},
		{[]int{statusOK}, []string{"ls", "-r", "--json", to}},
		{[]int{statusOK}, []string{"reg", src, `HKLM\SYSTEM`, "--format", "json"}},
		{[]int{statusUsage}, []string{"reg", src, `HKLM\SAM`}},
		{[]int{statusUsage}, []string{"reg", src, `HKLM\SECURITY`, "--format", "reg"}},
		{[]int{statusOK, statusIncomplete}, []string{"extract", src, "--to", x}},
		{[]int{statusOK, statusIncomplete}, []string{"extract", to, "--to", y}},
	} {
		status, stdout, stderr := tool(t, c.args...)
		if !slices.Contains(c.status, status) {
			t.Errorf("%q: status %d: %s", c.args, status, stderr)
		}
		found[strings.Join(c.args, " ")] = []byte(stdout + stderr)
	}
	for name, b := range contents(t, to) {
		found[name] = b
	}
	for _, root := range []string{x, y, log} {
		n := 0
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				n++
				found[name], err = os.ReadFile(name)
			}
			return err
		})
		if err != nil || n == 0 {
			t.Errorf("%s: %d files, %v", root, n, err)
		}
	}
	n := newNeedles(secrets)
	for name, b := range found {
		if n.in(b) {
			t.Errorf("%s holds password material", name)
		}
	}
}

// needles looks for secrets in every form in which a program could give them
// out, in one pass.
type needles struct {
	raw, digits map[[8]byte][][]byte // by their first bytes
	first       [2][1 << 16]bool     // of these
}

func newNeedles(secrets [][]byte) *needles {
	n := &needles{raw: map[[8]byte][][]byte{}, digits: map[[8]byte][][]byte{}}
	add := func(m map[[8]byte][][]byte, first *[1 << 16]bool, b []byte) {
		m[[8]byte(b)] = append(m[[8]byte(b)], b)
		first[binary.LittleEndian.Uint16(b)] = true
	}
	for _, s := range secrets {
		add(n.raw, &n.first[0], s)
		add(n.digits, &n.first[1], []byte(hex.EncodeToString(s)))
		// Base64 at each of the three places that a byte can have in a group;
		// the groups at either end, which hold other bytes as well, are left out.
		for pad := range 3 {
			text := base64.StdEncoding.EncodeToString(append(make([]byte, pad), s...))
			add(n.raw, &n.first[0], []byte(text[4:len(text)-4]))
		}
	}
	return n
}

// in says whether b holds one of the secrets, as it is or in its text: of that,
// nothing but the hexadecimal digits counts, so that "hex:aa,bb,\" of .reg
// files, which are UTF-16, "AA BB", "aabb" and "aa-bb" are all one.
func (n *needles) in(b []byte) bool {
	digits := make([]byte, 0, len(b))
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
			digits = append(digits, c)
		case 'A' <= c && c <= 'F':
			digits = append(digits, c|0x20)
		}
	}
	search := func(b []byte, m map[[8]byte][][]byte, first *[1 << 16]bool) bool {
		for i := 0; i+8 <= len(b); i++ {
			if !first[uint16(b[i])|uint16(b[i+1])<<8] {
				continue
			}
			for _, s := range m[[8]byte(b[i:])] {
				if bytes.HasPrefix(b[i:], s) {
					return true
				}
			}
		}
		return false
	}
	return search(b, n.raw, &n.first[0]) || search(digits, n.digits, &n.first[1])
}

// TestNeedles: secrets are found in every form in which a program could give
// them out.
func TestNeedles(t *testing.T) {
	secret := []byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff")
	reg := "\"x\"=hex:00,11,22,33,44,55,66,77,\\\r\n  88,99,aa,bb,cc,dd,ee,ff\r\n"
	for name, text := range map[string]string{
		"raw": "abc" + string(secret), "hex": "00112233445566778899aabbccddeeff", "HEX": "00112233445566778899AABBCCDDEEFF",
		".reg": reg, ".reg in UTF-16": string(wstr.AppendUTF16LE(nil, reg)), "blanks": "00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF",
		"base64": base64.StdEncoding.EncodeToString(secret), "base64 behind a byte": base64.StdEncoding.EncodeToString(append([]byte("z"), secret...)),
		"base64 behind two": base64.StdEncoding.EncodeToString(append([]byte("zz"), secret...)) + "=",
	} {
		if !newNeedles([][]byte{secret}).in([]byte(text)) {
			t.Errorf("not found as %s", name)
		}
	}
	if newNeedles([][]byte{secret}).in([]byte("00112233445566778899aabbccddeef")) {
		t.Error("found where it is not")
	}
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
