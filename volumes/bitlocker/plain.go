package bitlocker

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"
)

// vistaPlain is how much of the start of a volume Vista leaves as it is.
const vistaPlain = 0x2000

// ErrInterrupted is the error of reads from the place where a conversion was
// interrupted: nobody knows which of its bytes are encrypted.
var ErrInterrupted = errors.New("BitLocker was interrupted while it converted this place")

// span is a range of the volume.
type span struct{ off, end int64 }

// Plain is the plain view of an unlocked volume. ReadAt is safe for concurrent
// use.
type Plain struct {
	// Used is the protector that opened the volume; zero for a volume that is
	// decrypted already.
	Used Protector

	v        *Volume
	cipher   decrypter // nil: nothing is encrypted
	reserved []span    // BitLocker's own areas, which read as zeros; in order
}

func (v *Volume) plain(key []byte, method uint16) (*Plain, error) {
	p := &Plain{v: v}
	if v.meta.state != stateDecrypted {
		c, err := newDecrypter(method, key, v.sector)
		if err != nil {
			return nil, err
		}
		p.cipher = c
	}
	add := func(off, n int64) {
		if off > 0 && off < v.size && n > 0 {
			p.reserved = append(p.reserved, span{off, min(off+n, v.size)})
		}
	}
	block := int64(maxBlock)
	if v.meta.version == 1 {
		cluster := max(v.sector*int64(v.boot[13]), v.sector)
		block = (cluster + 0x3FFF) / cluster * cluster
	}
	for _, c := range v.meta.copies {
		add(c, block)
	}
	add(v.meta.headerAt, v.meta.header)
	if v.eow != nil {
		for _, s := range v.eow.reserved {
			add(s.off, s.end-s.off)
		}
	}
	p.reserved = merge(p.reserved)
	return p, nil
}

// merge sorts spans, and makes one of those that touch.
func merge(list []span) []span {
	slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.off, b.off) })
	var out []span
	for _, s := range list {
		if n := len(out); n > 0 && s.off <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, s.end)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// Size is the length of the volume in bytes.
func (p *Plain) Size() int64 { return p.v.size }

// ReadAt implements io.ReaderAt at any offset and length.
func (p *Plain) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("a read at offset %d", off)
	}
	n := 0
	for n < len(b) {
		at := off + int64(n)
		if at >= p.v.size {
			return n, io.EOF
		}
		k, err := p.read(b[n:], at)
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// read reads some of b.
func (p *Plain) read(b []byte, off int64) (int, error) {
	phys, n, zero := p.find(off)
	if int64(len(b)) > n {
		b = b[:n]
	}
	if zero {
		clear(b)
		return len(b), nil
	}
	sealed, n, err := p.sealed(phys)
	if err != nil {
		return 0, err
	}
	if int64(len(b)) > n {
		b = b[:n]
	}
	if !sealed {
		n, err := p.full(b, phys)
		if p.v.meta.version == 1 && off < vistaPlain {
			p.v.unveil(b[:n], off)
		}
		return n, err
	}
	sector := p.v.sector
	if in := phys % sector; in != 0 || int64(len(b)) < sector {
		var buf [4096]byte
		s := buf[:sector]
		if _, err := p.full(s, phys-in); err != nil {
			return 0, err
		}
		p.cipher.decrypt(s, phys-in)
		return copy(b, s[in:]), nil
	}
	return p.decrypt(b[:int64(len(b))/sector*sector], phys)
}

// piece is what is read before it is decrypted; while that goes on the next one
// is read.
const piece = 512 << 10

// decrypt reads whole encrypted sectors, and decrypts what it got of them.
func (p *Plain) decrypt(b []byte, off int64) (n int, err error) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for n < len(b) && err == nil {
		part, at := b[n:min(n+piece, len(b))], off+int64(n)
		var k int
		k, err = p.full(part, at)
		part = part[:int64(k)/p.v.sector*p.v.sector]
		n += len(part)
		if n < len(b) && err == nil {
			wg.Go(func() { p.cipher.decrypt(part, at) })
		} else {
			p.cipher.decrypt(part, at)
		}
	}
	return n, err
}

// full fills b, or gives an error.
func (p *Plain) full(b []byte, off int64) (int, error) {
	n, err := p.v.r.ReadAt(b, off)
	if n == len(b) {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// find returns where off of the plain view lies on the encrypted volume, and
// for how many bytes that holds.
func (p *Plain) find(off int64) (phys, n int64, zero bool) {
	if off < p.v.meta.header {
		return p.v.meta.headerAt + off, p.v.meta.header - off, false
	}
	i := sort.Search(len(p.reserved), func(i int) bool { return p.reserved[i].end > off })
	for ; i < len(p.reserved); i++ {
		switch s := p.reserved[i]; {
		case s.off <= off && s.end > off:
			return 0, s.end - off, true
		case s.off > off:
			return off, s.off - off, false
		}
	}
	return off, p.v.size - off, false
}

// sealed says whether a place is encrypted, and for how many bytes that holds.
func (p *Plain) sealed(phys int64) (bool, int64, error) {
	v := p.v
	switch {
	case p.cipher == nil:
		return false, v.size - phys, nil
	case v.meta.version == 1 && phys < vistaPlain:
		return false, vistaPlain - phys, nil
	case v.eow != nil:
		return v.eow.sealed(phys, v.size)
	}
	mark := v.meta.watermark / v.sector * v.sector
	switch {
	case phys < mark:
		return true, mark - phys, nil
	case phys < mark+v.meta.logged:
		return false, 0, ErrInterrupted
	}
	return false, v.size - phys, nil
}

// unveil gives the boot sector of a Vista volume back what BitLocker changed
// in it. b is what lies at off.
func (v *Volume) unveil(b []byte, off int64) {
	var mirror [8]byte
	binary.LittleEndian.PutUint64(mirror[:], v.meta.mirror)
	for at, s := range map[int64]string{3: "NTFS    ", 56: string(mirror[:])} {
		for i := range int64(len(s)) {
			if k := at + i - off; k >= 0 && k < int64(len(b)) {
				b[k] = s[i]
			}
		}
	}
}
