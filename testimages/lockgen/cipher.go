package lockgen

import (
	"fmt"
	"math/bits"
)

// makeCipher makes the key of the volume, and what encrypts sectors with it.
func (v *Volume) makeCipher() {
	sizes := map[Method]int{CBC128Diffuser: 64, CBC256Diffuser: 64, CBC128: 16, CBC256: 32, XTS128: 32, XTS256: 64}
	n, ok := sizes[v.opt.Method]
	if !ok {
		panic(fmt.Sprintf("lockgen: method %#x", uint16(v.opt.Method)))
	}
	v.key = v.noise("volume key", n)
	switch m := v.opt.Method; m {
	case XTS128, XTS256:
		v.seal = v.xts()
	case CBC128Diffuser, CBC256Diffuser:
		size := 16
		if m == CBC256Diffuser {
			size = 32
		}
		chain := cbc(v.key[:size])
		tweak := newAES(v.key[32 : 32+size])
		v.seal = func(s []byte, off int64) {
			var key [32]byte
			le.PutUint64(key[:], uint64(off))
			le.PutUint64(key[16:], uint64(off))
			key[31] = 0x80
			tweak.Encrypt(key[:16], key[:16])
			tweak.Encrypt(key[16:], key[16:])
			for i := range s {
				s[i] ^= key[i%32]
			}
			diffuse(s)
			chain(s, off)
		}
	default:
		v.seal = cbc(v.key)
	}
}

// cbc encrypts a sector; its vector is the encrypted offset.
func cbc(key []byte) func(s []byte, off int64) {
	block := newAES(key)
	return func(s []byte, off int64) {
		var last [16]byte
		le.PutUint64(last[:], uint64(off))
		block.Encrypt(last[:], last[:])
		for ; len(s) > 0; s = s[16:] {
			for i := range last {
				s[i] ^= last[i]
			}
			block.Encrypt(s, s)
			copy(last[:], s)
		}
	}
}

// diffuse is the way of encryption: diffuser A, then B, each backwards.
// (N. Ferguson, "AES-CBC + Elephant diffuser", 2006.)
func diffuse(s []byte) {
	n := len(s) / 4
	d := make([]uint32, n)
	for i := range d {
		d[i] = le.Uint32(s[4*i:])
	}
	at := func(i int) uint32 { return d[((i%n)+n)%n] }
	for _, r := range []struct {
		cycles, a, b int
		turn         [4]int
	}{{5, -2, -5, [4]int{9, 0, 13, 0}}, {3, 2, 5, [4]int{0, 10, 0, 25}}} {
		for range r.cycles {
			for i := n - 1; i >= 0; i-- {
				d[i] -= at(i+r.a) ^ bits.RotateLeft32(at(i+r.b), r.turn[i%4])
			}
		}
	}
	for i, w := range d {
		le.PutUint32(s[4*i:], w)
	}
}

// xts encrypts a sector; its tweak is the number of the sector (IEEE 1619).
func (v *Volume) xts() func(s []byte, off int64) {
	half := len(v.key) / 2
	data, tweak := newAES(v.key[:half]), newAES(v.key[half:])
	return func(s []byte, off int64) {
		var t [16]byte
		le.PutUint64(t[:], uint64(off/v.sector))
		tweak.Encrypt(t[:], t[:])
		for ; len(s) > 0; s = s[16:] {
			for i := range t {
				s[i] ^= t[i]
			}
			data.Encrypt(s, s)
			for i := range t {
				s[i] ^= t[i]
			}
			carry := byte(0)
			for i, c := range t {
				t[i] = c<<1 | carry
				carry = c >> 7
			}
			if carry == 1 {
				t[0] ^= 0x87
			}
		}
	}
}
