package bitlocker

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/coldstate/coldstate/testimages/lockgen"
)

// fuzzSize is small, so that the metadata is a large part of a volume.
const fuzzSize = 512 << 10

func fuzzPlain() []byte {
	b := make([]byte, fuzzSize)
	copy(b, "\xEB\x52\x90NTFS    ")
	binary.LittleEndian.PutUint16(b[11:], 512)
	b[13] = 8
	for i := range 9000 {
		b[8192+i*7] = byte(i)
	}
	return b
}

// pack packs a volume into what a fuzzer can change: the pages that are not
// the same byte throughout, each behind its number.
func pack(b []byte) []byte {
	var out []byte
	for i := 0; i+512 <= len(b); i += 512 {
		if s := b[i : i+512]; !bytes.Equal(s[1:], s[:511]) {
			out = append(binary.LittleEndian.AppendUint16(out, uint16(i/512)), s...)
		}
	}
	return out
}

func unpack(b []byte) []byte {
	out := make([]byte, fuzzSize)
	for ; len(b) >= 3; b = b[min(514, len(b)):] {
		at := int(binary.LittleEndian.Uint16(b)) % (fuzzSize / 512) * 512
		copy(out[at:at+512], b[2:])
	}
	return out
}

// mend puts the checksums of all that a fuzzer may have changed right, so that
// it gets behind them.
func mend(img []byte) {
	le := binary.LittleEndian
	crc := func(b []byte, at int) { le.PutUint32(b[at:], sumOf(b, at)) }
	for i := 0; i+512 <= len(img); i += 512 {
		b := img[i:]
		switch {
		case i > 0 && bytes.HasPrefix(b, []byte(signature)):
			size := int(le.Uint16(b[8:]))
			if le.Uint16(b[10:]) == 2 {
				size *= 16
			}
			if size+8 <= len(b) {
				le.PutUint32(b[size+4:], crc32.ChecksumIEEE(b[:size]))
			}
		case bytes.HasPrefix(b, []byte("FVE-EOW\x00")):
			if n := int(le.Uint16(b[10:])); n >= 56 && n <= len(b) {
				crc(b[:n], 36)
			}
		case bytes.HasPrefix(b, []byte("FVE-EOWBM")):
			if n := int(min(le.Uint32(b[44:]), le.Uint32(b[48:]))); n >= 60 && n <= len(b) {
				crc(b[:n], 56)
			}
		case bytes.HasPrefix(b, []byte("FVE-EOWBR")):
			if n := int(le.Uint32(b[12:])); n >= 36 && n <= len(b) {
				crc(b[:n], 32)
			}
		}
	}
}

// use reads what Open took, as programs do.
func use(t *testing.T, img []byte) {
	v, err := Open(bytes.NewReader(img), int64(len(img)))
	if err != nil {
		return
	}
	_, _, _, _ = v.ID(), v.State(), v.Target(), v.Method()
	_, _ = v.Protectors(), v.Problems()
	if n := v.EncryptedBytes(); n < 0 || n > v.Size() {
		t.Errorf("%d bytes are encrypted of %d", n, v.Size())
	}
	p, err := v.Unlock(context.Background(), nil)
	if err != nil {
		return
	}
	b := make([]byte, 64<<10)
	for _, off := range []int64{0, 511, 8191, 100_000, v.Size() - 5000} {
		n, err := p.ReadAt(b, off)
		if n < 0 || n > len(b) || n < len(b) && err == nil {
			t.Errorf("at %d: %d bytes without an error", off, n)
		}
	}
}

func seeds() map[string][]byte {
	b := fuzzPlain()
	out := map[string][]byte{}
	for name, opt := range map[string]lockgen.Options{
		"xts":         {},
		"diffuser":    {Method: lockgen.CBC256Diffuser, TPM: true},
		"half":        {Method: lockgen.CBC128, State: 3, Next: 1, Mark: 100 << 10},
		"interrupted": {State: 2, Next: 4, Mark: 100 << 10, Log: 8192},
		"used only":   {UsedOnly: true, Chunk: 64 << 10, RegionSize: 200 << 10},
		"by datum":    {NoHeaderField: true},
		"decrypted":   {State: 1},
		"Vista":       {Vista: true},
	} {
		opt.ClearKey = true
		out[name], _ = lock(b, opt)
	}
	return out
}

// FuzzVolume changes sectors of volumes that open without a secret.
func FuzzVolume(f *testing.F) {
	for _, img := range seeds() {
		f.Add(pack(img))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		img := unpack(packed)
		use(t, img)
		mend(img)
		use(t, img)
	})
}

// FuzzMetadata puts any block into a volume.
func FuzzMetadata(f *testing.F) {
	imgs := seeds()
	le := binary.LittleEndian
	for name, img := range imgs {
		if name != "Vista" && name != "used only" {
			at := le.Uint64(img[176:])
			f.Add(bytes.Clone(img[at : at+2048]))
		}
	}
	base := imgs["xts"]
	at := le.Uint64(base[176:])
	f.Fuzz(func(t *testing.T, block []byte) {
		img := bytes.Clone(base)
		clear(img[at : at+4096])
		copy(img[at:at+4096], block)
		copy(img[184:200], img[176:184]) // the other copies are not asked
		copy(img[192:200], img[176:184])
		mend(img)
		use(t, img)
	})
}

// FuzzEOW puts any information about chunks and any bitmap into a volume.
func FuzzEOW(f *testing.F) {
	img, l := lock(fuzzPlain(), lockgen.Options{ClearKey: true, UsedOnly: true, Chunk: 64 << 10})
	info, bitmap := l.Places.Info[0], l.Places.Bitmaps[0]
	f.Add(bytes.Clone(img[info:info+128]), bytes.Clone(img[bitmap:bitmap+1536]))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		img := bytes.Clone(img)
		for _, at := range l.Places.Info {
			clear(img[at : at+4096])
			copy(img[at:at+4096], a)
		}
		clear(img[bitmap : bitmap+4096])
		copy(img[bitmap:bitmap+4096], b)
		mend(img)
		use(t, img)
	})
}
