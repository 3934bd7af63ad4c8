package bitlocker

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A LockedError says that no secret opens the volume.
type LockedError struct {
	Protectors []Protector
	// Tried are the kinds of the secrets that fit none of the protectors of
	// their kind; Useless those of which the volume has no protector.
	Tried, Useless []string
}

func (e *LockedError) Error() string {
	var b strings.Builder
	b.WriteString("locked by BitLocker")
	if len(e.Tried) > 0 {
		fmt.Fprintf(&b, "; the %s given does not open it", strings.Join(e.Tried, " and the "))
	}
	if len(e.Useless) > 0 {
		fmt.Fprintf(&b, "; it has no protector of the kind %s", strings.Join(e.Useless, ", "))
	}
	if len(e.Protectors) == 0 {
		b.WriteString("; its metadata names no protector")
		return b.String()
	}
	b.WriteString("; it opens with: ")
	for i, p := range e.Protectors {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", p.Kind, p.ID)
	}
	return b.String()
}

// Unlock opens the volume with the clear key when it has one, and with the
// first of the secrets that fits. The error is a *LockedError when none does.
func (v *Volume) Unlock(ctx context.Context, secrets []Secret) (*Plain, error) {
	if v.meta.state == stateDecrypted {
		return v.plain(nil, 0)
	}
	var used Protector
	master, err := v.master(ctx, secrets, &used)
	if err != nil {
		return nil, err
	}
	defer clear(master)
	if v.meta.fvek == nil {
		return nil, &FormatError{v.meta.off, "the metadata holds no key of the volume"}
	}
	raw, err := openCCM(master, v.meta.fvek)
	if err != nil {
		return nil, &FormatError{v.meta.off, "the key of the volume does not open with its master key: the metadata is damaged"}
	}
	defer clear(raw)
	if len(raw) < 12 {
		return nil, &FormatError{v.meta.off, "the key of the volume is cut"}
	}
	method := binary.LittleEndian.Uint16(raw[8:])
	v.checkHash(master)
	p, err := v.plain(raw[12:], method)
	if err != nil {
		return nil, err
	}
	v.meta.method = method
	p.Used = used
	return p, nil
}

// master finds the volume master key.
func (v *Volume) master(ctx context.Context, secrets []Secret, used *Protector) ([]byte, error) {
	for i := range v.meta.vmks {
		k := &v.meta.vmks[i]
		if k.clear == nil {
			continue
		}
		if key, err := k.open(k.clear); err == nil {
			*used = k.Protector
			return key, nil
		}
		v.problem("the clear key does not open the volume: the metadata is damaged")
	}
	failed := &LockedError{Protectors: v.Protectors()}
	for _, s := range secrets {
		tried, budget := false, maxStretches
		for i := range v.meta.vmks {
			k := &v.meta.vmks[i]
			if k.Kind != s.kind {
				continue
			}
			tried = true
			salts := k.salt
			if s.kind == ExternalKey {
				if k.guid != s.id {
					continue
				}
				salts = [][]byte{nil}
			}
			for _, salt := range salts {
				key := slices.Clone(s.key)
				if salt != nil {
					if budget--; budget < 0 {
						break
					}
					var err error
					if key, err = stretch(ctx, s.key, salt); err != nil {
						return nil, err
					}
				}
				master, err := k.open(key)
				clear(key)
				if err == nil {
					*used = k.Protector
					return master, nil
				}
			}
		}
		list := &failed.Useless
		if tried {
			list = &failed.Tried
		}
		if !slices.Contains(*list, s.kind) {
			*list = append(*list, s.kind)
		}
	}
	return nil, failed
}

// open decrypts the master key that a protector keeps.
func (k *vmk) open(key []byte) ([]byte, error) {
	raw, err := openCCM(key, k.ccm)
	if err != nil {
		return nil, err
	}
	if len(raw) < 12+32 {
		return nil, errors.New("the master key is cut")
	}
	return raw[12 : 12+32], nil
}

// checkHash compares the metadata with the hash in it.
func (v *Volume) checkHash(master []byte) {
	budget := 1
	list := datums(v.meta.check, &budget)
	if len(list) == 0 {
		return
	}
	var want []byte
	switch d := list[0]; d.typ {
	case typeCCM:
		raw, err := openCCM(master, d.body)
		if err != nil || len(raw) < 12+32 {
			v.problem("the hash of the metadata does not open: the metadata may have been changed")
			return
		}
		want = raw[12 : 12+32]
	case typeKey:
		if len(d.body) < 4+32 {
			return
		}
		want = d.body[4 : 4+32]
	default:
		return
	}
	if got := sha256.Sum256(v.meta.raw); subtle.ConstantTimeCompare(got[:], want) != 1 {
		v.problem("the hash of the metadata is another one: the metadata may have been changed")
	}
}

const (
	// rounds of the hash that makes guessing slow: some tenths of a second.
	rounds = 1 << 20
	// maxStretches bounds how often that is done for one secret.
	maxStretches = 24
)

// stretch makes the key that opens a protector of a password or recovery
// password.
func stretch(ctx context.Context, key, salt []byte) ([]byte, error) {
	var block [88]byte
	copy(block[32:], key)
	copy(block[64:], salt)
	for i := range uint64(rounds) {
		if i%(1<<14) == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		binary.LittleEndian.PutUint64(block[80:], i)
		sum := sha256.Sum256(block[:])
		copy(block[:32], sum[:])
	}
	out := append([]byte(nil), block[:32]...)
	clear(block[:])
	return out, nil
}

var errCCM = errors.New("wrong key")

// openCCM decrypts a datum of AES-CCM ([NIST SP 800-38C]) with a nonce of 12
// bytes, a tag of 16, and no additional data: nonce, tag, ciphertext.
func openCCM(key, body []byte) ([]byte, error) {
	if len(body) < 12+16 || len(body)-28 > maxBlock {
		return nil, errCCM
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errCCM
	}
	nonce, tag, src := body[:12], body[12:28], body[28:]
	var counter [16]byte
	counter[0] = 2 // three bytes of length, less one
	copy(counter[1:], nonce)
	stream := cipher.NewCTR(block, counter[:])
	var first [16]byte
	stream.XORKeyStream(first[:], tag)
	out := make([]byte, len(src))
	stream.XORKeyStream(out, src)

	var mac [16]byte
	mac[0] = 7<<3 | 2 // a tag of 16 bytes, a length of three
	copy(mac[1:], nonce)
	mac[13], mac[14], mac[15] = byte(len(out)>>16), byte(len(out)>>8), byte(len(out))
	block.Encrypt(mac[:], mac[:])
	for b := out; len(b) > 0; b = b[min(16, len(b)):] {
		subtle.XORBytes(mac[:], mac[:], b[:min(16, len(b))])
		block.Encrypt(mac[:], mac[:])
	}
	if subtle.ConstantTimeCompare(mac[:], first[:]) != 1 {
		clear(out)
		return nil, errCCM
	}
	return out, nil
}
