package hive

import (
	"bytes"
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/testimages/hivegen"
	"www.velocidex.com/golang/regparser"
)

// The second reader is regparser. It panics, hangs and exhausts memory on
// damaged hives, so it runs in a child process with a time limit, and it has
// known deviations, which are listed here: any other difference is a failure.
var deviations = map[string]string{
	"resident":  "data in the value itself always comes back as 4 bytes",
	"db":        "data that begins with the letters db is taken for a big-data record",
	"big data":  "the last bytes of big data are lost when its last cell is exactly filled",
	"raw names": "names come back as they are stored, whatever the flag for UTF-16 or Latin-1 says (compared as stored)",
	"seconds":   "times are cut to whole seconds (compared so)",
}

const regparserEnv = "COLDSTATE_TEST_REGPARSER_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(regparserEnv) != "" {
		if err := regparserChild(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(MutantsEnv) != "" {
		MutantsChild()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// regparserChild prints what regparser reads.
func regparserChild(r io.Reader, w io.Writer) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	reg, err := regparser.NewRegistry(bytes.NewReader(b))
	if err != nil {
		return err
	}
	root := reg.OpenKey("")
	if root == nil {
		return fmt.Errorf("no root key")
	}
	var out bytes.Buffer
	var key func(k *regparser.CM_KEY_NODE, path string)
	key = func(k *regparser.CM_KEY_NODE, path string) {
		fmt.Fprintf(&out, "K %q\t%d\n", path, k.LastWriteTime().Unix())
		if k.Flags()&FlagPredefined == 0 {
			for _, v := range k.Values() {
				d := v.ValueData().Data
				fmt.Fprintf(&out, "V %q %q\t%d %d %x\n", path, v.ValueName(), v.Type(), len(d), sha1.Sum(d))
			}
		}
		for _, s := range k.Subkeys() {
			key(s, path+`\`+s.Name())
		}
	}
	key(root, "")
	_, err = w.Write(out.Bytes())
	return err
}

// readRegparser runs the child on b.
func readRegparser(t *testing.T, b []byte) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), regparserEnv+"=1", "GOMEMLIMIT=512MiB")
	cmd.Stdin = bytes.NewReader(b)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("regparser in a child process: %v", err)
	}
	items := map[string]string{}
	for line := range strings.Lines(string(out)) {
		id, what, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		items[id] += what + ";"
	}
	return items
}

// compareRegparser counts the known deviations, and fails for others.
//
// An item is a key or a value, named by its path and name as they are stored;
// it has the seconds of the key, or type, length and SHA-1 of the value.
func compareRegparser(t *testing.T, b []byte, seen map[string]int) {
	t.Helper()
	h, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	theirs := readRegparser(t, b)
	ours := map[string]string{}
	alike := map[string]string{} // what a known deviation makes of it, and its name behind "="
	err = Walk(h.Root(), func(k Key) error {
		path := ""
		for up := &k; up.up != nil; up = up.up {
			name, _ := up.rawName()
			path = `\` + string(name) + path
		}
		id := fmt.Sprintf("K %q", path)
		ours[id] += fmt.Sprintf("%d;", k.LastWrite().Time().Unix())
		seen["seconds"]++
		if name, latin1 := k.rawName(); string(name) != k.Name() || !latin1 {
			seen["raw names"]++
		}
		for v := range k.Values() {
			d, err := v.Data()
			if err != nil {
				return err
			}
			name, _ := v.rawName()
			id := fmt.Sprintf("V %q %q", path, name)
			ours[id] += fmt.Sprintf("%d %d %x;", v.Type(), len(d), sha1.Sum(d))
			// The same value as regparser is known to give it.
			with, why := d, ""
			switch {
			case v.u32(vkLen)&vkInline != 0:
				at := int(v.off) + h.header + vkData
				with, why = h.bins[at:at+4], "resident"
			case len(d) <= segmentSize && bytes.HasPrefix(d, []byte("db")):
				with, why = nil, "db"
			case len(d) > segmentSize:
				if rest := len(d) % segmentSize; (rest+4)%8 == 0 && rest > 4 {
					with, why = d[:len(d)-4], "big data"
				}
			}
			alike[id] += fmt.Sprintf("%d %d %x;", v.Type(), len(with), sha1.Sum(with))
			if why != "" {
				alike[id+"="] += why
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range ours {
		got, ok := theirs[id]
		switch why := alike[id+"="]; {
		case !ok:
			t.Errorf("regparser has no %s", id)
		case got == want:
		case why == "db" || got == alike[id] && why != "":
			for name := range deviations {
				if strings.Contains(why, name) {
					seen[name]++
				}
			}
		default:
			t.Errorf("%s: regparser says %s, this package %s", id, got, want)
		}
	}
	for id := range theirs {
		if _, ok := ours[id]; !ok {
			t.Errorf("only regparser has %s", id)
		}
	}
}

// damagedHives are those of which regparser, which takes all failures for
// empty lists, reads something else; their own tests say what is to be read.
var damagedHives = map[string]string{
	"odd/BadListHive":              "the key in two lists is read twice, the one in none not at all",
	"odd/TruncatedHive":            "keys whose list is cut off are not found",
	"odd/TruncatedNameHive":        "a name past its cell is read on into the next",
	"odd/invalid_regf_checksum.rf": "it has no bins",
	"odd/winnt_error_tests.rf":     "it hangs",
	"odd/winnt_value_tests.rf":     "data past its field is read",
}

// unpack reads a file of the test data with its logs applied.
func unpack(t *testing.T, file string) []byte {
	t.Helper()
	read := func(file string) []byte {
		b, err := os.ReadFile(file)
		if strings.HasSuffix(file, ".xz") {
			b, err = exec.Command("xz", "-dc", file).Output()
		}
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		files[strings.TrimSuffix(e.Name(), ".xz")] = filepath.Join(filepath.Dir(file), e.Name())
	}
	var logs []Log
	for _, name := range LogNames(strings.TrimSuffix(filepath.Base(file), ".xz"), slices.Collect(maps.Keys(files))) {
		logs = append(logs, Log{name, read(files[name])})
	}
	b := read(file)
	h, err := OpenWithLogs(b, logs)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Recovery().Applied) > 0 {
		b = append(append(bytes.Clone(h.base), make([]byte, baseSize-len(h.base))...), h.bins...)
	}
	return b
}

func TestRegparser(t *testing.T) {
	seen := map[string]int{}
	t.Run("generated", func(t *testing.T) {
		long := bytes.Repeat([]byte("0123456789abcdef"), 3000)
		root := hivegen.K("ROOT",
			hivegen.SZ("s", "text"), hivegen.B("three", []byte("abc")), hivegen.B("db", []byte("db\x01\x00HELLO, this is not big data!")),
			hivegen.B("exact", long[:16344+16]), hivegen.B("big", long[:40000]),
			hivegen.K("Ключ", hivegen.SZ("имя", "x")), hivegen.K("é"),
		)
		for i := range 1300 {
			root.Add(hivegen.K(fmt.Sprintf("key%04d", i)))
		}
		b := hivegen.Build(root, hivegen.Options{})
		// The builder leaves four spare bytes in each cell of big data: make
		// them data.
		h, err := Open(b)
		if err != nil {
			t.Fatal(err)
		}
		v, err := h.Root().Value("exact")
		if err != nil {
			t.Fatal(err)
		}
		b[v.Offset()+4+vkLen] += 4
		compareRegparser(t, b, seen)
		for name := range maps.Keys(deviations) {
			if seen[name] == 0 {
				t.Errorf("regparser does not deviate here as the list says: %s", deviations[name])
			}
		}
	})
	dir := os.Getenv("COLDSTATE_TESTDATA")
	if dir == "" {
		t.Log("real hives are left out: needs COLDSTATE_TESTDATA")
		return
	}
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("needs the program xz")
	}
	hives, compared := filepath.Join(dir, "hives"), map[string]bool{}
	err := filepath.WalkDir(hives, func(file string, d fs.DirEntry, err error) error {
		rel := filepath.ToSlash(strings.TrimSuffix(strings.TrimPrefix(file, hives+string(filepath.Separator)), ".xz"))
		if err != nil || d.IsDir() || slices.Contains(LogSuffixes, strings.ToUpper(filepath.Ext(rel))) {
			return err
		}
		t.Run(rel, func(t *testing.T) {
			compared[rel] = true
			if why, ok := damagedHives[rel]; ok {
				t.Skip("needs a hive without damage, to be compared: ", why)
			}
			compareRegparser(t, unpack(t, file), seen)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for rel := range damagedHives {
		if !compared[rel] {
			t.Errorf("%s is not there", rel)
		}
	}
	if len(compared) < 60 {
		t.Errorf("only %d hives", len(compared))
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%d times: %s", seen[name], deviations[name])
	}
}
