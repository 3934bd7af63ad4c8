package bitlocker

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/publicdata"
)

// public are volumes that Windows encrypted. The sums are of the whole plain
// volume, or with first of its start, as dislocker gives them.
var public = []struct {
	name    string
	secrets []string // passwords, and names of files
	first   int64
	sum     string
	method  string
}{
	{"bitlk-aes-cbc-128-4k.img", []string{"anaconda", "482548-408683-386023-032725-083754-344718-228228-361845"}, 0, "2bf0ee1198cfcc95654636c045f72a91727f7d5b1208db88eafb77ac65b60109", "AES-CBC 128"},
	{"bitlk-aes-cbc-128.img", []string{"anaconda", "042647-302313-590458-071500-554323-116567-412181-516978"}, 0, "04500a8120ba355ed206284e03e26e59b7e1f1832868e1d69bb47023ebd3460f", "AES-CBC 128"},
	{"bitlk-aes-cbc-elephant-128.img", []string{"anaconda", "529573-278784-259347-197835-171457-264044-610280-313269"}, 0, "b18e4f956295bc0f327e551322261fb9c74ac0d3ce58bf3b806e98474e1619ea", "AES-CBC 128 with Elephant diffuser"},
	{"bitlk-aes-xts-128-startup-key.img", []string{"363770-230505-096371-652674-567006-579150-291038-408111", "4381F759-C4F8-4DE0-BB61-FC33A831BDA5.BEK"}, 0, "bbb68369d8f7badb2c2330349d9d0cf12e68f54eece25e718d2bb13feba23f7a", "AES-XTS 128"},
	{"bitlk-aes-xts-128-two-recovery.img", []string{"anaconda", "478401-067859-043868-000935-121330-337425-718509-484979", "297693-343387-338492-284526-405482-424886-634931-555093"}, 0, "15570b2a7a1255e2d0f34a0ff82b6e255d8a7e25c24c7849c91321bcb1858cb3", "AES-XTS 128"},
	{"bitlk-aes-xts-128.img", []string{"anaconda", "235818-357951-253979-013365-241120-245575-342914-591910"}, 0, "674e3a976927fd62f3fc26df2c695cac75b8d364e3b45393717efa971f16db0f", "AES-XTS 128"},
	{"bitlk-togo-aes-cbc-128.img", []string{"anaconda", "607552-529496-550902-707531-545787-248358-370216-060401"}, 0, "3fb19a2b9cf89962216cc7b27f7127ea7f241c39b7b340d7431a232f81c36eb1", "AES-CBC 128"},
	{"fve-aes-xts_256.bin", []string{"password12!@"}, 1 << 20, "97bf8c2f03f00cb68e4c06da5fa350a487a2621500e077f5adf6ca107a5a1394", "AES-XTS 256"},
	{"fve-aes_128_diffuser.bin", []string{"password12!@"}, 1 << 20, "8032eb9a468de7fb26c65af5f66db7643f7d64c8d9e95b25b8446d53edf18da7", "AES-CBC 128 with Elephant diffuser"},
	{"fve-aes_256.bin", []string{"password12!@"}, 1 << 20, "748d38148ef4dd46cc9154428e0cc8a33848e1223819289592879fadd12dd259", "AES-CBC 256"},
	{"fve-recovery_key.bin", []string{"fve-recovery_key.bek"}, 1 << 20, "094b5de3c2ced88c6f76a097e266a00a53e1851c65e567c4304c5a7921f3a320", ""},
	{"fve-suspended-clearkey.bin", []string{""}, 1 << 20, "4fd74b23f26f9891d91ccc80741f6102f5ef4d74c41e11e291ece719d17c6f29", ""},
}

// volumeSize is the size that the boot sector of the plain volume claims; the
// images of some are cut.
func volumeSize(t *testing.T, p *Plain) int64 {
	var b [512]byte
	if _, err := p.ReadAt(b[:], 0); err != nil {
		t.Fatal(err)
	}
	return int64(binary.LittleEndian.Uint64(b[40:]))*int64(binary.LittleEndian.Uint16(b[11:])) + int64(binary.LittleEndian.Uint16(b[11:]))
}

func secretOf(t *testing.T, text string) []Secret {
	switch {
	case text == "":
		return nil
	case len(text) > 4 && (text[len(text)-4:] == ".BEK" || text[len(text)-4:] == ".bek"):
		s, err := ParseBEK(publicdata.Load(t, "bitlocker/"+text))
		if err != nil {
			t.Fatal(err)
		}
		return []Secret{s}
	}
	s, err := ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return []Secret{s}
}

func TestPublicVolumes(t *testing.T) {
	for _, tt := range public {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			img := publicdata.Load(t, "bitlocker/"+tt.name)
			for i, secret := range tt.secrets {
				v, err := Open(bytes.NewReader(img), int64(len(img)))
				if err != nil {
					t.Fatal(err)
				}
				p, err := v.Unlock(t.Context(), secretOf(t, secret))
				if err != nil {
					t.Errorf("secret %d: %v", i, err)
					continue
				}
				if len(v.Problems()) > 0 {
					t.Error(v.Problems())
				}
				if v.State() != Encrypted || tt.method != "" && v.Method() != tt.method {
					t.Errorf("%s, %s", v.State(), v.Method())
				}
				n := p.Size()
				if tt.first > 0 {
					n = tt.first
					if size := volumeSize(t, p); size < n {
						t.Errorf("the plain volume has %d bytes", size)
					}
				}
				h := sha256.New()
				if _, err := io.CopyBuffer(h, io.NewSectionReader(p, 0, n), make([]byte, 1<<20)); err != nil {
					t.Fatal(err)
				}
				if sum := hex.EncodeToString(h.Sum(nil)); sum != tt.sum {
					t.Errorf("secret %d: plain bytes %s, want %s", i, sum, tt.sum)
				}
			}
			v, err := Open(bytes.NewReader(img), int64(len(img)))
			if err != nil {
				t.Fatal(err)
			}
			if v.Suspended() {
				return
			}
			wrong, _ := ParseSecret("000011-000011-000011-000011-000011-000011-000011-000011")
			_, err = v.Unlock(t.Context(), []Secret{wrong})
			var locked *LockedError
			if !errors.As(err, &locked) || len(locked.Protectors) == 0 || len(locked.Tried)+len(locked.Useless) != 1 {
				t.Errorf("a wrong key: %v", err)
			}
		})
	}
}

func TestVista(t *testing.T) {
	img := publicdata.Load(t, "bitlocker/fve-vista.bin")
	v, err := Open(bytes.NewReader(img), int64(len(img)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := v.Unlock(t.Context(), secretOf(t, "517506-503998-044583-576191-587004-635965-501270-087802"))
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Problems()) > 0 {
		t.Error(v.Problems())
	}
	got := make([]byte, 512)
	if _, err := p.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(img[:512])
	copy(want[3:], "NTFS    ")
	copy(want[56:64], got[56:64])
	if !bytes.Equal(got, want) || bytes.Equal(got[56:64], img[56:64]) {
		t.Errorf("boot sector %x", got)
	}
	// What the boot sector names is where it says.
	cluster := int64(got[13]) * 512
	for _, at := range []int{48, 56} {
		off := int64(binary.LittleEndian.Uint64(got[at:])) * cluster
		b := make([]byte, 4)
		if _, err := p.ReadAt(b, off); off < int64(len(img)) && (err != nil || string(b) != "FILE") {
			t.Errorf("at %d of the boot sector: %q at %d, %v", at, b, off, err)
		}
	}
}

// The first 33 MiB of a volume of Windows 7, without any metadata: it is told
// what is gone.
func TestPublicHeader(t *testing.T) {
	img := publicdata.Load(t, "bitlocker/util-linux-bitlocker-win7-header.img")
	if !Probe(img[:512]) {
		t.Error("it is not known as BitLocker")
	}
	_, err := Open(bytes.NewReader(img), int64(len(img)))
	if err == nil || !strings.Contains(err.Error(), "no copy of the metadata can be used") {
		t.Error(err)
	}
}
