package lockgen_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/lockgen"
	"github.com/coldstate/coldstate/testimages/ntfsgen"
)

const (
	recovery = "135795-246906-000011-720885-111111-222222-333333-444444"
	second   = "000000-000022-000033-000044-000055-000066-000077-000088"
	password = "a pass word"
)

// plain is a volume with files, and with room that is zeros.
func plain(sector int) *ntfsgen.Volume {
	return ntfsgen.Build(ntfsgen.Options{Sector: sector, Size: 24 << 20},
		ntfsgen.File("noise.bin", ntfsgen.Noise("lockgen", 3<<20)),
		ntfsgen.File("words.txt", ntfsgen.Words("lockgen", 300<<10)),
	)
}

var methods = map[string]lockgen.Method{
	"CBC 128 and diffuser": lockgen.CBC128Diffuser, "CBC 256 and diffuser": lockgen.CBC256Diffuser,
	"CBC 128": lockgen.CBC128, "CBC 256": lockgen.CBC256, "XTS 128": lockgen.XTS128, "XTS 256": lockgen.XTS256,
}

func write(t *testing.T, name string, r io.ReaderAt, size int64) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	b := make([]byte, size)
	if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// sum is the SHA-256 of the first size bytes of r.
func sum(t *testing.T, r io.ReaderAt, size int64) string {
	t.Helper()
	h := sha256.New()
	if n, err := io.Copy(h, io.NewSectionReader(r, 0, size)); err != nil || n != size {
		t.Fatal(n, err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func need(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs the program %s (Debian package; .ci/run installs it)", name)
	}
}

// dislocked decrypts a volume with dislocker, and gives the sum of what comes out.
func dislocked(t *testing.T, img string, how ...string) string {
	t.Helper()
	out := img + ".plain"
	cmd := exec.Command("dislocker-file", append(append([]string{"-q", "-V", img}, how...), "--", out)...)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("dislocker-file %s: %v\n%s", how[0][:2], err, b)
	}
	defer os.Remove(out)
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return sum(t, f, fi.Size())
}

// all is a volume with one protector of each kind.
func all(v *ntfsgen.Volume, method lockgen.Method) *lockgen.Volume {
	return lockgen.Lock(v, v.Size(), lockgen.Options{Method: method, RecoveryPasswords: []string{recovery, second}, Passwords: []string{password}, StartupKey: true, TPM: true, Seed: "all"})
}

// TestDislocker compares volumes as dislocker decrypts them with the plain ones.
func TestDislocker(t *testing.T) {
	need(t, "dislocker-file")
	for name, method := range methods {
		for _, sector := range []int{512, 4096} {
			t.Run(fmt.Sprintf("%s, %d", name, sector), func(t *testing.T) {
				v := plain(sector)
				l := lockgen.Lock(v, v.Size(), lockgen.Options{Method: method, ClearKey: true})
				hows := [][]string{{"-c"}}
				if method == lockgen.XTS128 && sector == 512 {
					l = all(v, method)
					bek := write(t, l.BEKName(), bytes.NewReader(l.BEK()), int64(len(l.BEK())))
					hows = [][]string{{"-p" + recovery}, {"-u" + password}, {"-f", bek}}
				}
				img := write(t, "locked.img", l, l.Size())
				want := sum(t, v, v.Size())
				for _, how := range hows {
					if got := dislocked(t, img, how...); got != want {
						t.Errorf("with %s: %s, want %s", how[0][:2], got, want)
					}
				}
			})
		}
	}
	v := plain(512)
	want := sum(t, v, v.Size())
	for name, opt := range map[string]lockgen.Options{
		"suspended": {ClearKey: true, RecoveryPasswords: []string{recovery}},
		"To Go":     {ClearKey: true, ToGo: true, Header: 5 << 18},
	} {
		l := lockgen.Lock(v, v.Size(), opt)
		if got := dislocked(t, write(t, "locked.img", l, l.Size()), "-c"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	// dislocker gives the encrypted part of a volume that was half encrypted.
	const mark = 9 << 20
	l := lockgen.Lock(v, v.Size(), lockgen.Options{ClearKey: true, Mark: mark, State: 3})
	if got, want := dislocked(t, write(t, "locked.img", l, l.Size()), "-c"), sum(t, v, mark); got != want {
		t.Errorf("half: %s, want %s", got, want)
	}
}

// TestLibbde compares volumes as bdemount shows them with the plain ones.
func TestLibbde(t *testing.T) {
	need(t, "bdemount")
	v := plain(512)
	want := sum(t, v, v.Size())
	const umlauts = "pässwörd ☃"
	for name, tt := range map[string]struct {
		opt lockgen.Options
		how []string
	}{
		"diffuser, recovery password": {lockgen.Options{Method: lockgen.CBC256Diffuser, RecoveryPasswords: []string{recovery}}, []string{"-r", recovery}},
		"XTS, password":               {lockgen.Options{Passwords: []string{umlauts}}, []string{"-p", umlauts}},
	} {
		l := lockgen.Lock(v, v.Size(), tt.opt)
		img := write(t, "locked.img", l, l.Size())
		dir := t.TempDir()
		if b, err := exec.Command("bdemount", append(tt.how, img, dir)...).CombinedOutput(); err != nil {
			if bytes.Contains(b, []byte("fuse")) {
				t.Skipf("needs FUSE: %v: %s", err, b)
			}
			t.Errorf("%s: %v: %s", name, err, b)
			continue
		}
		f, err := os.Open(filepath.Join(dir, "bde1"))
		if err == nil {
			if got := sum(t, f, l.Size()); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			f.Close()
		}
		if b, uerr := exec.Command("umount", dir).CombinedOutput(); uerr != nil || err != nil {
			t.Fatal(err, uerr, string(b))
		}
	}
}

// TestCryptsetup lets cryptsetup find the key of the volume in the metadata.
func TestCryptsetup(t *testing.T) {
	need(t, "cryptsetup")
	v := plain(512)
	for name, l := range map[string]*lockgen.Volume{
		"all":       all(v, lockgen.XTS256),
		"used only": lockgen.Lock(v, v.Size(), lockgen.Options{UsedOnly: true, Chunk: 1 << 20, RecoveryPasswords: []string{recovery}, Passwords: []string{password}}),
	} {
		img := write(t, "locked.img", l, l.Size())
		for _, secret := range []string{recovery, password} {
			cmd := exec.Command("cryptsetup", "bitlkDump", "--dump-volume-key", "-q", img)
			cmd.Stdin = strings.NewReader(secret)
			b, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v: %s", name, err, b)
			}
			_, dump, _ := strings.Cut(string(b), "MK dump:")
			if got := strings.Join(strings.Fields(dump), ""); got != hex.EncodeToString(l.VolumeKey()) {
				t.Errorf("%s: the key is %s, want %x", name, got, l.VolumeKey())
			}
		}
	}
}
