package volumes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages"
	"github.com/coldstate/coldstate/testimages/diskgen"
	"github.com/coldstate/coldstate/testimages/lockgen"
	"github.com/coldstate/coldstate/volumes/bitlocker"
	"github.com/coldstate/coldstate/volumes/medium"
)

func lockedDisk(t *testing.T, kind string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk.img")
	r, size := testimages.Locked(kind)
	if err := testimages.WriteImage(name, r, size); err != nil {
		t.Fatal(err)
	}
	return name
}

func secretsOf(t *testing.T, texts ...string) []bitlocker.Secret {
	t.Helper()
	var out []bitlocker.Secret
	for _, text := range texts {
		s, err := bitlocker.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// openBitLocker opens a source, and its last volume.
func openBitLocker(t *testing.T, name string, opt Options) (*Volume, FS, error) {
	t.Helper()
	s, err := Open([]string{name}, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	v := s.Volumes[len(s.Volumes)-1]
	if v.Kind != BitLocker || v.Encryption != nil {
		t.Errorf("before it is opened: %s, %+v", v.Kind, v.Encryption)
	}
	fs, err := v.FS()
	return v, fs, err
}

// Volumes of every kind open to what was locked, byte for byte.
func TestUnlock(t *testing.T) {
	disk, _ := testimages.Disk()
	bek, err := bitlocker.ParseBEK(testimages.LockedBEK())
	if err != nil {
		t.Fatal(err)
	}
	for kind, secrets := range map[string][]bitlocker.Secret{
		"recovery":    secretsOf(t, "wrong", testimages.RecoveryPassword),
		"password":    secretsOf(t, testimages.VolumePassword),
		"startup key": {bek},
		"suspended":   nil,
		"diffuser":    secretsOf(t, testimages.RecoveryPassword),
		"used space":  secretsOf(t, testimages.RecoveryPassword),
		"half":        secretsOf(t, testimages.RecoveryPassword),
	} {
		t.Run(kind, func(t *testing.T) {
			v, fs, err := openBitLocker(t, lockedDisk(t, kind), Options{Unlock: secrets})
			if err != nil {
				t.Fatal(err)
			}
			if v.Kind != NTFS || fs.Label() != "Windows" {
				t.Errorf("%s %q", v.Kind, fs.Label())
			}
			want, got := make([]byte, v.Size), make([]byte, v.Size)
			if _, err := disk.ReadAt(want, v.Offset); err != nil {
				t.Fatal(err)
			}
			if _, err := v.Reader().ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v, or other bytes than those of the plain disk", err)
			}
			e := v.Encryption
			if e == nil || len(e.ID) != 36 || len(e.Problems) > 0 || e.Opened == nil || len(e.Protectors) == 0 || e.Method == "" {
				t.Fatalf("%+v", e)
			}
			l := testimages.LockedVolume(kind)
			for i, p := range e.Protectors {
				if p.ID != l.Protectors[i].ID {
					t.Errorf("protector %+v, want %+v", p, l.Protectors[i])
				}
			}
			words, notes := e.Words(), strings.Join(e.Notes(), "\n")
			switch kind {
			case "suspended":
				if !e.Suspended || e.Opened.Kind != bitlocker.ClearKey || words != "protection off" || !strings.Contains(notes, "opens without a key") {
					t.Errorf("%+v, %q, %q", e, words, notes)
				}
			case "half":
				if e.State != bitlocker.Paused || e.Target != bitlocker.Decrypted || e.Encrypted != 15<<20+512 || words != "BitLocker paused" {
					t.Errorf("%+v, %q", e, words)
				}
			default:
				if e.State != bitlocker.Encrypted || e.Suspended || e.UsedSpaceOnly != (kind == "used space") || words+notes != "" {
					t.Errorf("%+v, %q, %q", e, words, notes)
				}
			}
		})
	}
}

func TestStaysLocked(t *testing.T) {
	wrong := strings.Replace(testimages.RecoveryPassword, "333333", "000011", 1)
	for _, tt := range []struct {
		kind    string
		secrets []string
		want    []string
	}{
		{"recovery", nil, []string{"locked by BitLocker; it opens with: TPM ", "; give --unlock the recovery password with the id "}},
		{"recovery", []string{wrong}, []string{"the recovery password given does not open it"}},
		{"recovery", []string{"hello"}, []string{"it has no protector of the kind password"}},
		{"password", []string{"hello", wrong}, []string{"the password and the recovery password given does not open it", "or the password"}},
		{"startup key", nil, []string{"the .BEK file with the id "}},
		{"TPM", nil, []string{"only in the machine it belongs to"}},
	} {
		v, _, err := openBitLocker(t, lockedDisk(t, tt.kind), Options{Unlock: secretsOf(t, tt.secrets...)})
		var ve *VolumeError
		var le *bitlocker.LockedError
		if !errors.Is(err, ErrLocked) || !errors.As(err, &ve) || !errors.As(err, &le) || errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", tt.kind, err)
			continue
		}
		want := append(tt.want, "volume 3 (BitLocker in "+v.Source.Path+", partition 3 at offset 13631488)")
		for _, p := range testimages.LockedVolume(tt.kind).Protectors {
			want = append(want, p.ID)
		}
		for _, s := range want {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v\nwithout %q", tt.kind, err, s)
			}
		}
		for _, s := range tt.secrets {
			if b, _ := json.Marshal(v.Encryption); strings.Contains(err.Error()+fmt.Sprintf("%+v", v.Encryption)+string(b), s) {
				t.Errorf("%s: %v shows a secret", tt.kind, err)
			}
		}
		if v.Kind != BitLocker || v.Encryption == nil || v.Encryption.Opened != nil {
			t.Errorf("%s: %s, %+v", tt.kind, v.Kind, v.Encryption)
		}
	}
}

// What is typed is asked for until it opens the volume, or nothing comes.
func TestAsk(t *testing.T) {
	name := lockedDisk(t, "recovery")
	answers := secretsOf(t, "no", testimages.RecoveryPassword)
	asked := 0
	ask := func(v *Volume, err error) (bitlocker.Secret, bool) {
		if v.Number != 3 || v.Encryption == nil || !strings.Contains(err.Error(), "it opens with") {
			t.Errorf("volume %d, %v", v.Number, err)
		}
		asked++
		if asked > len(answers) {
			return bitlocker.Secret{}, false
		}
		return answers[asked-1], true
	}
	if v, _, err := openBitLocker(t, name, Options{Ask: ask}); err != nil || v.Kind != NTFS || asked != 2 {
		t.Errorf("%v after %d answers", err, asked)
	}
	asked, answers = 0, nil
	if _, _, err := openBitLocker(t, name, Options{Ask: ask}); !errors.Is(err, ErrLocked) || asked != 1 {
		t.Errorf("%v after %d answers", err, asked)
	}
	asked = 0
	if _, _, err := openBitLocker(t, lockedDisk(t, "suspended"), Options{Ask: ask}); err != nil || asked != 0 {
		t.Errorf("%v after %d answers", err, asked)
	}
}

// A piece that a conversion was at is damaged; the rest is read.
func TestInterruptedConversion(t *testing.T) {
	v, fs, err := openBitLocker(t, lockedDisk(t, "interrupted"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if v.Kind != NTFS || fs.Len() < 500 {
		t.Errorf("%s, %d entries", v.Kind, fs.Len())
	}
	notes := v.Encryption.Notes()
	if v.Encryption.State != bitlocker.Interrupted || len(notes) != 2 || !strings.Contains(notes[0], "may be half converted") {
		t.Errorf("%+v, %q", v.Encryption, notes)
	}
}

// A stick of BitLocker To Go that holds no NTFS.
func TestUnlockedFAT(t *testing.T) {
	const size = 8 << 20
	l := lockgen.Lock(diskgen.FAT("STICK", size), size, lockgen.Options{ToGo: true, ClearKey: true, Header: 1 << 20, Sector: 512})
	name := filepath.Join(t.TempDir(), "stick.img")
	if err := testimages.WriteImage(name, l, size); err != nil {
		t.Fatal(err)
	}
	v, fs, err := openBitLocker(t, name, Options{})
	if err != nil || v.Kind != FAT || fs.Label() != "STICK" || !v.Encryption.Suspended {
		t.Errorf("%s, %v, %+v", v.Kind, err, v.Encryption)
	}
}

// Metadata that is lost is told as what it is.
func TestLostMetadata(t *testing.T) {
	r, size := testimages.Locked("suspended")
	b := make([]byte, size)
	if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	for _, off := range testimages.LockedVolume("suspended").Places.Metadata {
		clear(b[13631488+off:][:64<<10])
	}
	name := filepath.Join(t.TempDir(), "disk.img")
	if err := testimages.WriteImage(name, bytes.NewReader(b), size); err != nil {
		t.Fatal(err)
	}
	v, _, err := openBitLocker(t, name, Options{})
	var fe *bitlocker.FormatError
	if !errors.Is(err, ErrLocked) || !errors.As(err, &fe) || v.Encryption != nil || !strings.Contains(err.Error(), "no copy of the metadata can be used") {
		t.Errorf("%v, %+v", err, v.Encryption)
	}
}

// Bad sectors of a disk are those of what is inside, and no others.
func TestUnlockedFailingDisk(t *testing.T) {
	name := lockedDisk(t, "suspended")
	places := testimages.LockedVolume("suspended").Places
	const start = 13631488 / 512
	var bad []int64
	r := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		n := 64 + r.Int64N(32<<20/512-64)
		own := n*512 >= places.Header && n*512 < places.Header+8192
		for _, at := range places.Metadata {
			own = own || n*512 >= at && n*512 < at+64<<10
		}
		if !own {
			bad = append(bad, start+n)
		}
	}
	slices.Sort(bad)
	bad = slices.Compact(bad)
	v, _, err := openBitLocker(t, name, Options{Medium: func(_ string, r io.ReaderAt, size int64, opt *medium.Options) io.ReaderAt {
		opt.Sector = 512
		return &testimages.Faulty{R: r, Size: size, Bad: bad, Short: true}
	}})
	if v.Kind != NTFS {
		t.Fatalf("%s: %v", v.Kind, err)
	}
	disk, _ := testimages.Disk()
	want := make([]byte, v.Size)
	if _, err := disk.ReadAt(want, v.Offset); err != nil {
		t.Fatal(err)
	}
	plain := v.Reader()
	var got []int64
	var try func(off, n int64)
	try = func(off, n int64) {
		b := make([]byte, n)
		k, err := plain.ReadAt(b, off)
		if !bytes.Equal(b[:k], want[off:off+int64(k)]) {
			t.Fatalf("other bytes at %#x", off)
		}
		switch {
		case int64(k) == n:
		case n == 512:
			got = append(got, (v.Offset+off)/512)
			if !errors.Is(err, testimages.ErrSector) {
				t.Errorf("%#x: %v", off, err)
			}
		default:
			try(off, n/2)
			try(off+n/2, n/2)
		}
	}
	for off := int64(0); off < v.Size; off += 4 << 20 {
		try(off, 4<<20)
	}
	if !slices.Equal(got, bad) {
		t.Errorf("bad are %d, want %d", got, bad)
	}
}
