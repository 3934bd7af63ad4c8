package capture_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/efs"
	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/store"
	"github.com/coldstate/coldstate/volumes"
)

// sampleWIM packs the Windows of the sample disk, as wimlib reads it through
// ntfs-3g.
func sampleWIM(t *testing.T, disk, how string) string {
	t.Helper()
	if _, err := exec.LookPath("wimlib-imagex"); err != nil {
		t.Skip("needs the program wimlib-imagex")
	}
	set, err := volumes.Open([]string{disk}, volumes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	folder := t.TempDir()
	raw, packed := filepath.Join(folder, "vol.img"), filepath.Join(folder, "windows.wim")
	f, err := os.Create(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, set.Volumes[2].Reader()); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if b, err := exec.Command("wimlib-imagex", "capture", raw, packed, "Windows", "--norpfix", "--compress="+how).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return packed
}

// objects are those of a store that lie on C: and are files or streams.
func objects(t *testing.T, d store.Dir) map[string]*store.Object {
	t.Helper()
	s, err := store.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out := map[string]*store.Object{}
	for o, err := range s.Objects() {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(o.Path), `C:\`) && (o.Kind == store.File || o.Kind == store.Stream) {
			c := *o
			out[string(o.Path)+":"+string(o.Stream)] = &c
		}
	}
	return out
}

// A capture of an image in a WIM file has what one of the disk has.
func TestWIM(t *testing.T) {
	disk := sampleDisk(t)
	want, _ := captureAll(t, planOf(t, disk))
	got, _ := captureAll(t, planOf(t, sampleWIM(t, disk, "XPRESS")))
	a, b := objects(t, got), objects(t, want)
	text := func(o *store.Object) string {
		if o == nil {
			return "missing"
		}
		// Which of two equal contents is the duplicate depends on their order.
		return fmt.Sprintf("%v %d %s %v", o.Outcome.Stored(), o.Size, o.SHA256, o.Modified)
	}
	same := 0
	for name, o := range b {
		// wimlib leaves two folders out. Of what is encrypted or elsewhere a WIM
		// file keeps something else, and a sparse file is whole in it.
		if strings.HasPrefix(name, `C:\$Recycle.Bin\`) || strings.HasPrefix(name, `C:\System Volume Information\`) || !o.Outcome.Stored() || o.Raw || len(o.Holes) > 0 {
			continue
		}
		if text(a[name]) != text(o) {
			t.Errorf("%s: %s, want %s", name, text(a[name]), text(o))
		}
		same++
	}
	if same < 200 {
		t.Errorf("only %d files were compared", same)
	}
}

// A content that does not have its SHA-1 is stored, and damaged.
func TestWIMDamagedContent(t *testing.T) {
	name := sampleWIM(t, sampleDisk(t), "none")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var path string
	good := objects(t, func() store.Dir { d, _ := captureAll(t, planOf(t, name)); return d }())
	for _, p := range []string{`C:\Users\anna\Documents\manuscript.txt:`, `C:\Users\anna\Documents\notes.txt:`} {
		o := good[p]
		if o == nil || o.Outcome != store.Captured {
			t.Fatalf("%s: %+v", p, o)
		}
		path = p
	}
	set, err := volumes.Open([]string{name}, volumes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fs, err := set.Volumes[0].FS()
	if err != nil {
		t.Fatal(err)
	}
	e, err := fs.Lookup(strings.TrimSuffix(strings.TrimPrefix(path, `C:\`), ":"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := fs.Open(e, "")
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, s.Size())
	if _, err := s.ReadAt(content, 0); err != nil {
		t.Fatal(err)
	}
	set.Close()
	i := bytes.Index(b, content)
	if i < 0 {
		t.Fatal("the content is not in the file as it is")
	}
	b[i+len(content)/2] ^= 1
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
	d, res := captureAll(t, planOf(t, name))
	bad := objects(t, d)
	if o := bad[path]; o == nil || o.Outcome != store.Damaged || !strings.Contains(o.Reason, "SHA-1") || len(o.Ranges) != 0 || o.Size != int64(len(content)) {
		t.Errorf("%s: %+v", path, o)
	}
	for p, o := range bad {
		if p != path && o.Outcome != good[p].Outcome {
			t.Errorf("%s: %s, and %s before", p, o.Outcome, good[p].Outcome)
		}
	}
	if res.Total() == 0 {
		t.Error("nothing was captured")
	}
}

// A file that EFS encrypted is in a WIM file as its raw export, and in the
// store as that of a disk is: as it can be given back, with who can decrypt it.
func TestWIMEncrypted(t *testing.T) {
	for _, tt := range []struct {
		name, doubt string
		size        int64 // of what was encrypted
		damage      func(raw []byte) []byte
	}{
		{"whole", "", 1000, func(raw []byte) []byte { return raw }},
		{"no raw export", "who can decrypt it is not wholly known: raw form of EFS: ", 0, func([]byte) []byte { return []byte("something else, of some length") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			packed := sampleWIM(t, sampleDisk(t), "none")
			raw := tt.damage(rawForm(t))
			file := filepath.Join(t.TempDir(), "raw")
			if err := os.WriteFile(file, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			const path = `C:\Users\anna\Documents\locked export.txt`
			if b, err := exec.Command("wimlib-imagex", "update", packed, "1", "--command", fmt.Sprintf("add '%s' '/Users/anna/Documents/locked export.txt'", file)).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, b)
			}
			// The attribute of the entry, whose name is 102 bytes into it.
			b, err := os.ReadFile(packed)
			if err != nil {
				t.Fatal(err)
			}
			at := bytes.Index(b, wstr.AppendUTF16LE(nil, "locked export.txt"))
			if at < 0 {
				t.Fatal("the entry is not in the metadata")
			}
			b[at-102+8+1] |= 0x40
			if err := os.WriteFile(packed, b, 0o600); err != nil {
				t.Fatal(err)
			}
			d, _ := captureAll(t, planOf(t, packed))
			o := objects(t, d)[path+":"]
			if o == nil {
				t.Fatal("it is not in the store")
			}
			sum := sha256.Sum256(raw)
			if o.Outcome != store.EncryptedRaw || !o.Raw || o.Size != int64(len(raw)) || o.SHA256 != store.Sum(sum) || o.EFS == nil || !strings.HasPrefix(o.Reason, tt.doubt) || tt.doubt == "" && o.Reason != "" {
				t.Errorf("%+v", o)
			}
			if o.EFS != nil && o.EFS.Size != tt.size {
				t.Errorf("%+v", o.EFS)
			}
		})
	}
}

// rawForm is a file of 1,000 bytes in the raw form of EFS.
func rawForm(t *testing.T) []byte {
	t.Helper()
	keys := append([]byte{84, 0, 0, 0, 0, 0, 0, 0, 2}, make([]byte, 75)...)
	r, err := efs.NewRaw(keys, 4096, []efs.Stream{{Size: 1000, Valid: 1000, Data: bytes.NewReader(bytes.Repeat([]byte("cipher"), 200))}})
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, r.Size())
	if n, err := r.ReadAt(b, 0); n != len(b) {
		t.Fatal(err)
	}
	return b
}
