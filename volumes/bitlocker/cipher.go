package bitlocker

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync"
)

// decrypter decrypts whole sectors in place. off is the place of the first of
// them on the encrypted volume, in bytes.
type decrypter interface {
	decrypt(b []byte, off int64)
}

// batch is how many bytes a cipher is given at once: they and what is made for
// them stay in the processor's cache.
const batch = 64 << 10

// newDecrypter makes the cipher of a volume from its key.
func newDecrypter(method uint16, key []byte, sector int64) (decrypter, error) {
	size := 16
	if method == methodCBC256Diffuser || method == methodCBC256 || method == methodXTS256 {
		size = 32
	}
	part := func(at int) (cipher.Block, error) {
		if at+size > len(key) {
			return nil, &FormatError{-1, fmt.Sprintf("a key of %d bytes for %s", len(key), methodNames[method])}
		}
		return aes.NewCipher(key[at : at+size])
	}
	first, err := part(0)
	if err != nil {
		return nil, err
	}
	switch method {
	case methodCBC128, methodCBC256:
		return &cbc{block: first, sector: int(sector)}, nil
	case methodCBC128Diffuser, methodCBC256Diffuser:
		tweak, err := part(32)
		if err != nil {
			return nil, err
		}
		return &cbc{block: first, tweak: tweak, sector: int(sector)}, nil
	case methodXTS128, methodXTS256:
		tweak, err := part(size)
		if err != nil {
			return nil, err
		}
		return &xts{data: first, tweak: tweak, sector: int(sector)}, nil
	}
	return nil, &FormatError{-1, foreign(method) + ": such a volume opens only in a Windows, which gives its plain bytes"}
}

// cbc is AES-CBC with an encrypted offset for an initialisation vector, and
// with tweak the Elephant diffuser (N. Ferguson, "AES-CBC + Elephant diffuser",
// 2006).
type cbc struct {
	block, tweak cipher.Block
	sector       int
}

// One call of the decrypter for many sectors is faster than one for each: the
// first block of a sector is then chained to the sector before it, which is
// taken back.
func (c *cbc) decrypt(b []byte, off int64) {
	var links [batch / 512][16]byte
	for len(b) >= c.sector {
		n := min(len(b), batch) / c.sector * c.sector
		part := b[:n]
		for i := 0; i < n; i += c.sector {
			iv := &links[i/c.sector]
			*iv = [16]byte{}
			binary.LittleEndian.PutUint64(iv[:], uint64(off+int64(i)))
			c.block.Encrypt(iv[:], iv[:])
			if i > 0 {
				subtle.XORBytes(iv[:], iv[:], part[i-16:i])
			}
		}
		cipher.NewCBCDecrypter(c.block, links[0][:]).CryptBlocks(part, part)
		for i := 0; i < n; i += c.sector {
			s := part[i : i+c.sector]
			if i > 0 {
				subtle.XORBytes(s[:16], s[:16], links[i/c.sector][:])
			}
			if c.tweak != nil {
				c.diffuse(s, off+int64(i))
			}
		}
		b, off = b[n:], off+int64(n)
	}
}

// diffuse takes the two diffusers and the key of the sector off a sector.
//
// The words that a diffuser takes in stand two and five behind or before, and
// begin anew at the other end. So that no index needs a remainder, there is
// room on both sides for what stands at the other.
func (c *cbc) diffuse(s []byte, off int64) {
	const room = 8
	var d [room + 1024 + room]uint32
	n := len(s) / 4
	w := d[room : room+n]
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(s[4*i:])
	}
	for range 3 {
		behind := d[room : room+n+room]
		for i := 0; i < n; i += 4 {
			if i == room {
				copy(behind[n:], behind[:room]) // as they are by then
			}
			x := behind[i : i+9 : i+9]
			x[0] += x[2] ^ x[5]
			x[1] += x[3] ^ bits.RotateLeft32(x[6], 10)
			x[2] += x[4] ^ x[7]
			x[3] += x[5] ^ bits.RotateLeft32(x[8], 25)
		}
	}
	for range 5 {
		copy(d[:room], w[n-room:])
		for i := 0; i < n; i += 4 {
			x := d[i+room-5 : i+room+4 : i+room+4]
			x[5] += x[3] ^ bits.RotateLeft32(x[0], 9)
			x[6] += x[4] ^ x[1]
			x[7] += x[5] ^ bits.RotateLeft32(x[2], 13)
			x[8] += x[6] ^ x[3]
		}
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], uint64(off))
	binary.LittleEndian.PutUint64(key[16:], uint64(off))
	key[31] = 0x80
	c.tweak.Encrypt(key[:16], key[:16])
	c.tweak.Encrypt(key[16:], key[16:])
	for i, x := range w {
		binary.LittleEndian.PutUint32(s[4*i:], x^binary.LittleEndian.Uint32(key[4*(i%8):]))
	}
}

// xts is AES-XTS ([IEEE 1619]); the number of a sector is its tweak.
//
// A decrypter of CBC gives D(c) xor the ciphertext before. So XTS is one call
// of it for many sectors, which the processor's AES instructions do in
// parallel, and one more exclusive or.
type xts struct {
	data, tweak cipher.Block
	sector      int
}

var xtsScratch = sync.Pool{New: func() any { return new([2][batch]byte) }}

func (c *xts) decrypt(b []byte, off int64) {
	buf := xtsScratch.Get().(*[2][batch]byte)
	defer xtsScratch.Put(buf)
	var zero [16]byte
	for len(b) >= c.sector {
		n := min(len(b), batch) / c.sector * c.sector
		part, masks, x := b[:n], buf[0][:n], buf[1][:n]
		for i := 0; i < n; i += c.sector {
			var t [16]byte
			binary.LittleEndian.PutUint64(t[:], uint64(off+int64(i))/uint64(c.sector))
			c.tweak.Encrypt(t[:], t[:])
			lo, hi := binary.LittleEndian.Uint64(t[:]), binary.LittleEndian.Uint64(t[8:])
			for k := i; k < i+c.sector; k += 16 {
				binary.LittleEndian.PutUint64(masks[k:], lo)
				binary.LittleEndian.PutUint64(masks[k+8:], hi)
				carry := uint64(int64(hi)>>63) & 0x87
				hi = hi<<1 | lo>>63
				lo = lo<<1 ^ carry
			}
		}
		subtle.XORBytes(x, part, masks)
		cipher.NewCBCDecrypter(c.data, zero[:]).CryptBlocks(part, x)
		subtle.XORBytes(part, part, masks)
		subtle.XORBytes(part[16:], part[16:], x[:n-16])
		b, off = b[n:], off+int64(n)
	}
}
