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
	return nil, &FormatError{-1, fmt.Sprintf("cipher %#x, which is not known", method)}
}

// cbc is AES-CBC with an encrypted offset for an initialisation vector, and
// with tweak the Elephant diffuser (N. Ferguson, "AES-CBC + Elephant diffuser",
// 2006).
type cbc struct {
	block, tweak cipher.Block
	sector       int
}

func (c *cbc) decrypt(b []byte, off int64) {
	var iv [16]byte
	for ; len(b) >= c.sector; b, off = b[c.sector:], off+int64(c.sector) {
		clear(iv[:])
		binary.LittleEndian.PutUint64(iv[:], uint64(off))
		c.block.Encrypt(iv[:], iv[:])
		s := b[:c.sector]
		cipher.NewCBCDecrypter(c.block, iv[:]).CryptBlocks(s, s)
		if c.tweak != nil {
			c.diffuse(s, off)
		}
	}
}

func (c *cbc) diffuse(s []byte, off int64) {
	var d [1024]uint32
	n := len(s) / 4
	for i := range n {
		d[i] = binary.LittleEndian.Uint32(s[4*i:])
	}
	w := d[:n]
	rb := [4]int{0, 10, 0, 25}
	for range 3 {
		for i := range w {
			w[i] += w[(i+2)%n] ^ bits.RotateLeft32(w[(i+5)%n], rb[i%4])
		}
	}
	ra := [4]int{9, 0, 13, 0}
	for range 5 {
		for i := range w {
			w[i] += w[(i+n-2)%n] ^ bits.RotateLeft32(w[(i+n-5)%n], ra[i%4])
		}
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], uint64(off))
	binary.LittleEndian.PutUint64(key[16:], uint64(off))
	key[31] = 0x80
	c.tweak.Encrypt(key[:16], key[:16])
	c.tweak.Encrypt(key[16:], key[16:])
	for i := range w {
		binary.LittleEndian.PutUint32(s[4*i:], w[i]^binary.LittleEndian.Uint32(key[4*(i%8):]))
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

const xtsBatch = 64 << 10

var xtsScratch = sync.Pool{New: func() any { return new([2][xtsBatch]byte) }}

func (c *xts) decrypt(b []byte, off int64) {
	buf := xtsScratch.Get().(*[2][xtsBatch]byte)
	defer xtsScratch.Put(buf)
	var zero [16]byte
	for len(b) >= c.sector {
		n := min(len(b), xtsBatch) / c.sector * c.sector
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
