package bitlocker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coldstate/coldstate/testimages/lockgen"
)

const (
	recovery1 = "135795-246906-000011-720885-111111-222222-333333-444444"
	recovery2 = "000000-000022-000033-000044-000055-000066-000077-000088"
	plainSize = 4<<20 + 4096
)

// plainBytes are a volume with a boot sector, noise, and room that is zeros.
func plainBytes(sector int) []byte {
	b := make([]byte, plainSize)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		if page := i / 4096; page < 30 || page%64 > 40 {
			b[i] = byte(r.Uint32())
		}
	}
	copy(b, "\xEB\x52\x90NTFS    ")
	binary.LittleEndian.PutUint16(b[11:], uint16(sector))
	b[13] = 8
	copy(b[plainSize-512:], b[:512])
	return b
}

// lock locks b, and gives the bytes of the locked volume.
func lock(b []byte, opt lockgen.Options) ([]byte, *lockgen.Volume) {
	v := lockgen.Lock(bytes.NewReader(b), int64(len(b)), opt)
	out := make([]byte, len(b))
	if _, err := v.ReadAt(out, 0); err != nil && err != io.EOF {
		panic(err)
	}
	return out, v
}

func open(t *testing.T, img []byte) *Volume {
	t.Helper()
	v, err := Open(bytes.NewReader(img), int64(len(img)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func unlock(t *testing.T, v *Volume, secrets ...Secret) *Plain {
	t.Helper()
	p, err := v.Unlock(t.Context(), secrets)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func secret(t testing.TB, text string) Secret {
	t.Helper()
	s, err := ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// same compares p with want, read as a whole and in pieces of any length.
func same(t *testing.T, p *Plain, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := p.ReadAt(got, 0); n != len(want) || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if !bytes.Equal(got, want) {
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("byte %#x is another one", i)
			}
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		off := r.IntN(len(want))
		n := min(1+r.IntN(1<<uint(r.IntN(18))), len(want)-off)
		if k, err := p.ReadAt(got[:n], int64(off)); k != n || err != nil || !bytes.Equal(got[:n], want[off:off+n]) {
			t.Fatalf("%d bytes at %#x: %d, %v, or other bytes", n, off, k, err)
		}
	}
	if n, err := p.ReadAt(got[:10], p.Size()-4); n != 4 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

// TestForms opens volumes of every form, and compares all bytes.
func TestForms(t *testing.T) {
	forms := map[string]lockgen.Options{
		"all":          {},
		"half":         {Mark: 2<<20 + 4096, State: 3, Next: 1},
		"used only":    {UsedOnly: true, Chunk: 64 << 10},
		"many regions": {UsedOnly: true, Chunk: 64 << 10, RegionSize: 1<<20 + 12288},
		"To Go":        {ToGo: true, Header: 32 << 10},
		"by datum":     {NoHeaderField: true},
		"decrypted":    {State: 1},
		"Vista":        {Vista: true},
	}
	for m := lockgen.CBC128Diffuser; m <= lockgen.XTS256; m++ {
		for _, sector := range []int{512, 4096} {
			b := plainBytes(sector)
			for name, opt := range forms {
				if sector != 512 && name != "all" && name != "half" && name != "many regions" {
					continue
				}
				t.Run(fmt.Sprintf("%#x, %d, %s", uint16(m), sector, name), func(t *testing.T) {
					opt.Method, opt.ClearKey = m, true
					img, _ := lock(b, opt)
					v := open(t, img)
					if !v.Suspended() || v.UsedSpaceOnly() != opt.UsedOnly || v.Method() != methodNames[uint16(m)] {
						t.Errorf("suspended %v, used only %v, %s", v.Suspended(), v.UsedSpaceOnly(), v.Method())
					}
					wantState, wantTarget, wantMark := Encrypted, "", int64(plainSize)
					switch name {
					case "half":
						wantState, wantTarget, wantMark = Paused, Decrypted, opt.Mark
					case "decrypted":
						wantState, wantMark = Decrypted, 0
					}
					if v.State() != wantState || v.Target() != wantTarget || v.EncryptedBytes() != wantMark {
						t.Errorf("%q, %q, %d", v.State(), v.Target(), v.EncryptedBytes())
					}
					p := unlock(t, v)
					same(t, p, b)
					if len(v.Problems()) > 0 {
						t.Error(v.Problems())
					}
					if name != "decrypted" && p.Used.Kind != ClearKey {
						t.Errorf("opened with %+v", p.Used)
					}
				})
			}
		}
	}
}

func TestUnlock(t *testing.T) {
	b := plainBytes(512)
	img, l := lock(b, lockgen.Options{TPM: true, RecoveryPasswords: []string{recovery1, recovery2}, Passwords: []string{"hünter2 ☃ 𝄞"}, StartupKey: true})
	bek, err := ParseBEK(l.BEK())
	if err != nil {
		t.Fatal(err)
	}
	var other *lockgen.Volume
	_, other = lock(b, lockgen.Options{StartupKey: true, Seed: "other"})
	foreignBEK, err := ParseBEK(other.BEK())
	if err != nil {
		t.Fatal(err)
	}
	v := open(t, img)
	var kinds []string
	for i, p := range v.Protectors() {
		kinds = append(kinds, p.Kind)
		if p.ID != l.Protectors[i].ID || p.Changed == 0 {
			t.Errorf("protector %d: %+v, want %s", i, p, l.Protectors[i].ID)
		}
	}
	if want := []string{TPM, RecoveryPassword, RecoveryPassword, Password, ExternalKey}; !slices.Equal(kinds, want) {
		t.Errorf("protectors %q", kinds)
	}
	if v.Suspended() {
		t.Error("a locked volume is no suspended one")
	}
	wrongPassword := secret(t, "hunter2")
	wrongRecovery := secret(t, strings.Replace(recovery1, "333333", "000011", 1))
	for i, s := range [][]Secret{
		{secret(t, recovery1)}, {secret(t, recovery2)}, {secret(t, "hünter2 ☃ 𝄞")}, {bek},
		{foreignBEK, wrongPassword, wrongRecovery, bek},
	} {
		p := unlock(t, open(t, img), s...)
		if got := make([]byte, 4096); i == 0 {
			same(t, p, b)
		} else if _, err := p.ReadAt(got, 8192); err != nil || !bytes.Equal(got, b[8192:8192+4096]) {
			t.Errorf("secret %d: %v, or other bytes", i, err)
		}
		if want := l.Protectors[[]int{1, 2, 3, 4, 4}[i]].ID; p.Used.ID != want {
			t.Errorf("secret %d opened protector %+v, not %s", i, p.Used, want)
		}
	}
	_, err = v.Unlock(t.Context(), []Secret{foreignBEK, wrongPassword, wrongRecovery})
	var locked *LockedError
	if !errors.As(err, &locked) || !slices.Equal(locked.Tried, []string{ExternalKey, Password, RecoveryPassword}) || locked.Useless != nil {
		t.Errorf("wrong secrets: %#v", err)
	}
	for _, p := range l.Protectors {
		if !strings.Contains(err.Error(), p.ID) {
			t.Errorf("%v does not name %s", err, p.ID)
		}
	}
	tpm, _ := lock(b, lockgen.Options{TPM: true})
	_, err = open(t, tpm).Unlock(t.Context(), []Secret{wrongPassword})
	if !errors.As(err, &locked) || !slices.Equal(locked.Useless, []string{Password}) || locked.Tried != nil {
		t.Errorf("a TPM only: %#v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Unlock(ctx, []Secret{wrongPassword}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// A conversion that was interrupted costs the piece that it was at.
func TestInterrupted(t *testing.T) {
	b := plainBytes(512)
	const mark, n = 3 << 20, 64 << 10
	img, l := lock(b, lockgen.Options{ClearKey: true, Mark: mark, State: 2, Next: 4, Log: n})
	if l.Places.Metadata[2] < mark+n && l.Places.Metadata[2]+64<<10 > mark {
		t.Fatal("the place is one of BitLocker's own")
	}
	v := open(t, img)
	if v.State() != Interrupted || v.Target() != Encrypted || len(v.Problems()) != 1 || !strings.Contains(v.Problems()[0], "65536 bytes at byte 3145728") {
		t.Errorf("%s, %s, %q", v.State(), v.Target(), v.Problems())
	}
	p := unlock(t, v)
	got := make([]byte, len(b))
	if k, err := p.ReadAt(got, 0); k != mark || !errors.Is(err, ErrInterrupted) {
		t.Errorf("%d bytes, %v", k, err)
	}
	if _, err := p.ReadAt(got[mark+n:], mark+n); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(got[:mark], b[:mark]) || !bytes.Equal(got[mark+n:], b[mark+n:]) {
		t.Error("other bytes around the place")
	}
	img, _ = lock(b, lockgen.Options{ClearKey: true, State: 5, Next: 1, Mark: mark})
	v = open(t, img)
	same(t, unlock(t, v), b)
	if v.State() != Interrupted || v.Target() != Decrypted || len(v.Problems()) != 1 {
		t.Errorf("%s, %s, %q", v.State(), v.Target(), v.Problems())
	}
}

// recheck puts the checksum of the metadata at off right.
func recheck(img []byte, off int64) {
	size := int64(binary.LittleEndian.Uint16(img[off+8:])) * 16
	binary.LittleEndian.PutUint32(img[off+size+4:], crc32.ChecksumIEEE(img[off:off+size]))
}

func TestDamage(t *testing.T) {
	b := plainBytes(512)
	img, l := lock(b, lockgen.Options{ClearKey: true})
	eow := lockgen.Options{ClearKey: true, UsedOnly: true, Chunk: 64 << 10, RegionSize: 3 << 19}
	eowImg, el := lock(b, eow)
	wipe := func(off int64, n int) func([]byte) {
		return func(img []byte) { clear(img[off : off+int64(n)]) }
	}
	flip := func(off int64) func([]byte) { return func(img []byte) { img[off] ^= 1 } }
	all := func(list ...func([]byte)) func([]byte) {
		return func(img []byte) {
			for _, f := range list {
				f(img)
			}
		}
	}
	meta := l.Places.Metadata
	// boot keeps one of the places in the boot sector.
	boot := func(img []byte) { clear(img[176+8 : 176+24]) }
	for name, tt := range map[string]struct {
		img     []byte
		damage  func(img []byte)
		problem string
		err     string
	}{
		"first copy wiped":        {img, wipe(meta[0], 2000), "no metadata is here", ""},
		"first copy's sum":        {img, flip(meta[0] + 70), "checksum", ""},
		"two copies":              {img, all(flip(meta[0]+70), wipe(meta[1], 2000)), "checksum", ""},
		"a place of three":        {img, boot, "", ""},
		"others from a bad copy":  {img, all(boot, flip(meta[0]+70)), "checksum", ""},
		"all copies":              {img, all(flip(meta[0]+70), flip(meta[1]+70), wipe(meta[2], 2000)), "", "no copy of the metadata"},
		"places outside":          {img, func(img []byte) { copy(img[176:], bytes.Repeat([]byte{0xFF, 0xFF, 0xFF, 0x7F}, 6)) }, "", "no place for metadata"},
		"version 3":               {img, func(img []byte) { setVersion(img, meta, 3) }, "", "version 3"},
		"version 1 of 7":          {img, func(img []byte) { setVersion(img, meta, 1) }, "", "another one"},
		"changed by somebody":     {img, func(img []byte) { img[meta[0]+64+41]++; recheck(img, meta[0]) }, "may have been changed", ""},
		"header outside":          {img, func(img []byte) { setAll(img, meta, 56, 1<<62) }, "", "the start of the volume would be"},
		"header of nothing":       {img, func(img []byte) { setAll(img, meta, 56, 0) }, "", "the start of the volume would be"},
		"list of keys of nothing": {img, func(img []byte) { setAll(img, meta, 64, 1<<32) }, "", "list of keys"},
		"sectors of 0 bytes":      {img, wipe(11, 2), "", "sectors of 0 bytes"},

		"one list of chunks":   {eowImg, flip(el.Places.Info[0] + 20), "checksum", ""},
		"no list of chunks":    {eowImg, all(flip(el.Places.Info[0]+20), wipe(el.Places.Info[1], 50)), "", "nothing tells which parts are"},
		"no bitmap":            {eowImg, all(wipe(el.Places.Bitmaps[0], 8), wipe(el.Places.Bitmaps[1], 8), flip(el.Places.Bitmaps[2])), "", "nothing tells which parts are"},
		"an older bitmap":      {eowImg, flip(el.Places.Bitmaps[0] + 512 + 100), "one of the two bitmaps", ""},
		"places of no list":    {eowImg, wipe(200, 16), "", "nothing tells which parts are"},
		"decrypted, list lost": {decrypted(b, eow), all(flip(el.Places.Info[0]+20), wipe(el.Places.Info[1], 50)), "nothing tells which parts are", ""},
		"regions over each other": {eowImg, func(img []byte) {
			at := el.Places.Bitmaps[1]
			binary.LittleEndian.PutUint64(img[at+20:], 0x2000)
			head := bytes.Clone(img[at : at+512])
			clear(head[56:60])
			binary.LittleEndian.PutUint32(img[at+56:], crc32.ChecksumIEEE(head))
		}, "", "regions overlap"},
	} {
		t.Run(name, func(t *testing.T) {
			img := bytes.Clone(tt.img)
			tt.damage(img)
			v, err := Open(bytes.NewReader(img), int64(len(img)))
			if tt.err != "" {
				var fe *FormatError
				if !errors.As(err, &fe) || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			p := unlock(t, v)
			problems := strings.Join(v.Problems(), "\n")
			if tt.problem == "" && problems != "" || !strings.Contains(problems, tt.problem) {
				t.Errorf("problems %q, want %q", problems, tt.problem)
			}
			if name == "decrypted, list lost" {
				return // the bitmaps are no zeros then
			}
			same(t, p, b)
		})
	}
}

func decrypted(b []byte, opt lockgen.Options) []byte {
	opt.State = 1
	img, _ := lock(b, opt)
	return img
}

func setVersion(img []byte, places [3]int64, n uint16) {
	for _, off := range places {
		binary.LittleEndian.PutUint16(img[off+10:], n)
		recheck(img, off)
	}
}

func setAll(img []byte, places [3]int64, at int64, n uint64) {
	for _, off := range places {
		binary.LittleEndian.PutUint64(img[off+at:], n)
		recheck(img, off)
	}
}

// A lost bitmap costs its region.
func TestLostRegion(t *testing.T) {
	b := plainBytes(512)
	const region = 1 << 20
	img, l := lock(b, lockgen.Options{ClearKey: true, UsedOnly: true, Chunk: 64 << 10, RegionSize: region})
	for i := range 2 {
		damaged := bytes.Clone(img)
		clear(damaged[l.Places.Bitmaps[2*i]:][:1536])
		v := open(t, damaged)
		p := unlock(t, v)
		if len(v.Problems()) != 1 || !strings.Contains(v.Problems()[0], "nothing tells what is encrypted in a part") {
			t.Error(v.Problems())
		}
		from := int64(0x2000 + 2*i*region)
		got := make([]byte, 512)
		for off := int64(0); off < plainSize; off += 4096 {
			// What BitLocker has moved or keeps for itself is no part of the region.
			_, n, zero := p.find(off)
			_, err := p.ReadAt(got, off)
			switch {
			case zero || off < 8192 || n < 512:
			case off >= l.Places.Logs[2*i] && off < l.Places.Logs[2*i]+8192:
				// Its place is lost with the bitmap.
			case off >= from && off < from+region:
				if err == nil {
					t.Fatalf("region %d: %#x is read", 2*i, off)
				}
			case err != nil || !bytes.Equal(got, b[off:off+512]):
				t.Fatalf("region %d is lost: %#x: %v, or other bytes", 2*i, off, err)
			}
		}
	}
}

// Images that were cut open as far as they go.
func TestCut(t *testing.T) {
	b := plainBytes(512)
	for name, opt := range map[string]lockgen.Options{"all": {}, "used only": {UsedOnly: true, Chunk: 64 << 10, RegionSize: 1 << 20}, "half": {Mark: 3 << 20, State: 3}} {
		opt.ClearKey = true
		img, l := lock(b, opt)
		ends := []int64{plainSize - 4096, plainSize - 100, l.Places.Metadata[2] + 5000, l.Places.Metadata[1] + 5000}
		if opt.UsedOnly {
			ends = append(ends[:2], slices.Max(append(l.Places.Bitmaps, l.Places.Logs...))+8192)
		}
		for _, end := range ends {
			v := open(t, img[:end])
			p := unlock(t, v)
			got := make([]byte, end)
			whole := end / 512 * 512
			if _, err := p.ReadAt(got[:whole], 0); err != nil || !bytes.Equal(got[:whole], b[:whole]) {
				t.Errorf("%s, cut to %d: %v, or other bytes", name, end, err)
			}
			if n, err := p.ReadAt(got, whole); end == plainSize-100 && !strings.HasPrefix(name, "half") && (n != 0 || err == nil) {
				t.Errorf("%s, cut to %d: %d bytes of a sector that is cut, %v", name, end, n, err)
			}
		}
	}
	img, _ := lock(b, lockgen.Options{ClearKey: true})
	for _, end := range []int64{0, 511, 1 << 16, 200 << 10} {
		if _, err := Open(bytes.NewReader(img), end); err == nil {
			t.Errorf("a volume of %d bytes opens", end)
		}
	}
}

// failing fails at a range.
type failing struct {
	io.ReaderAt
	from, to int64
}

var errBad = errors.New("bad sector")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off < f.to && off+int64(len(p)) > f.from {
		n, _ := f.ReaderAt.ReadAt(p[:max(f.from-off, 0)], off)
		return n, errBad
	}
	return f.ReaderAt.ReadAt(p, off)
}

// A bad sector costs itself.
func TestReadError(t *testing.T) {
	b := plainBytes(512)
	for m := lockgen.CBC128Diffuser; m <= lockgen.XTS256; m++ {
		img, _ := lock(b, lockgen.Options{Method: m, ClearKey: true})
		const bad = 123 * 512
		v, err := Open(failing{bytes.NewReader(img), bad, bad + 512}, plainSize)
		if err != nil {
			t.Fatal(err)
		}
		p := unlock(t, v)
		got := make([]byte, plainSize)
		if n, err := p.ReadAt(got, 7); n != bad-7 || !errors.Is(err, errBad) || !bytes.Equal(got[:n], b[7:bad]) {
			t.Errorf("%#x: %d bytes, %v, or other bytes", uint16(m), n, err)
		}
		if n, err := p.ReadAt(got[bad+512:], bad+512); err != nil || !bytes.Equal(got[bad+512:], b[bad+512:]) {
			t.Errorf("%#x: behind it: %d bytes, %v, or other bytes", uint16(m), n, err)
		}
	}
}

func TestConcurrentReads(t *testing.T) {
	b := plainBytes(512)
	for m := lockgen.CBC128Diffuser; m <= lockgen.XTS256; m++ {
		img, _ := lock(b, lockgen.Options{Method: m, ClearKey: true})
		p := unlock(t, open(t, img))
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				got := make([]byte, 300<<10)
				for off := g * 1000; off+len(got) < len(b); off += 400 << 10 {
					if _, err := p.ReadAt(got, int64(off)); err != nil || !bytes.Equal(got, b[off:off+len(got)]) {
						t.Errorf("%#x at %d: %v, or other bytes", uint16(m), off, err)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestForeignMethod(t *testing.T) {
	b := plainBytes(512)
	img, _ := lock(b, lockgen.Options{ClearKey: true, Edit: func(block []byte) { binary.LittleEndian.PutUint16(block[64+36:], 0x9001) }})
	v := open(t, img)
	if !strings.Contains(v.Method(), "hardware encryption") {
		t.Error(v.Method())
	}
	// The key tells its method more surely.
	same(t, unlock(t, v), b)
	if v.Method() != "AES-XTS 128" {
		t.Error(v.Method())
	}
	for _, m := range []uint16{0, 0x9001, 0x8006} {
		if _, err := newDecrypter(m, make([]byte, 64), 512); err == nil || !strings.Contains(err.Error(), "hardware encryption") {
			t.Errorf("%#x: %v", m, err)
		}
	}
	for m := uint16(methodCBC128Diffuser); m <= methodXTS256; m++ {
		if _, err := newDecrypter(m, make([]byte, 15), 512); err == nil {
			t.Errorf("%#x takes a key of 15 bytes", m)
		}
	}
}

// Keys of protectors that are too many are not tried without end.
func TestManyProtectors(t *testing.T) {
	if testing.Short() {
		t.Skip("needs seconds for hashes: not with -short")
	}
	b := plainBytes(512)
	img, l := lock(b, lockgen.Options{Passwords: []string{"a"}})
	v := open(t, img)
	for len(v.meta.vmks) < 200 {
		k := v.meta.vmks[0]
		k.salt = [][]byte{bytes.Repeat([]byte{byte(len(v.meta.vmks))}, 16)}
		v.meta.vmks = append(v.meta.vmks, k)
	}
	v.meta.vmks = v.meta.vmks[1:]
	counter := &counted{Context: t.Context()}
	if _, err := v.Unlock(counter, []Secret{secret(t, "a")}); err == nil {
		t.Error(l.Protectors, "opens")
	}
	if most := maxStretches * rounds / (1 << 14); counter.n > most {
		t.Errorf("%d looks at the context, at most %d are expected", counter.n, most)
	}
}

type counted struct {
	context.Context
	n int
}

func (c *counted) Err() error { c.n++; return nil }
