// Package lockgen locks volumes with BitLocker, for tests: it writes the
// metadata and encrypts the bytes of any plain volume. It follows the libbde
// documentation of the format (https://github.com/libyal/libbde), and shares no
// code with what reads such volumes.
//
// The volume's own areas lie where the plain volume has zeros, which is what
// they read as: a reader that is right gives exactly the bytes of the plain
// volume.
package lockgen

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// A Method is a cipher.
type Method uint16

// Methods.
const (
	CBC128Diffuser Method = 0x8000 + iota
	CBC256Diffuser
	CBC128
	CBC256
	XTS128
	XTS256
)

// Protectors of Options.
const (
	protectorClear    = 0x0000
	protectorTPM      = 0x0100
	protectorExternal = 0x0200
	protectorRecovery = 0x0800
	protectorPassword = 0x2000
)

// Options say how a volume is locked. Without any protector nothing opens it.
type Options struct {
	Method Method // 0 is XTS128, on Vista CBC128Diffuser
	Sector int64  // 0 is what the boot sector of the plain volume says
	// Vista writes the format of Windows Vista, ToGo the start of a removable
	// disk: what looks like FAT to a Windows without BitLocker.
	Vista, ToGo bool

	RecoveryPasswords, Passwords []string
	StartupKey                   bool // see BEK
	ClearKey                     bool // protection is suspended
	TPM                          bool // a protector that opens in its machine only

	// State and Next are the states of the conversion; 0 is 4, encrypted.
	State, Next uint16
	// Mark is how many bytes from the start are encrypted; 0 is all.
	Mark int64
	// Log is the length of what a conversion was at when it was interrupted.
	Log uint32

	// UsedOnly leaves chunks of zeros as they are (encrypt on write). Regions
	// of the bitmaps are of RegionSize; 0 is one for all.
	UsedOnly   bool
	Chunk      int64 // 0 is 8 MiB
	RegionSize int64

	// Header is the length of the relocated start; 0 is 8 KiB.
	Header int64
	// NoHeaderField leaves the length of the relocated start to its datum.
	NoHeaderField bool
	// Seed makes keys and identifiers.
	Seed string
	// Edit changes the metadata before its checksums are made.
	Edit func(block []byte)
}

// A Protector is one of the keys of a volume.
type Protector struct {
	Kind uint16
	ID   string
}

// Places are the offsets of what BitLocker keeps on a volume, in bytes.
type Places struct {
	Metadata [3]int64
	Header   int64
	Info     [2]int64 // of encrypt on write
	Bitmaps  []int64
	Logs     []int64
}

// Volume is a locked volume.
type Volume struct {
	Protectors []Protector
	Places     Places

	opt     Options
	plain   io.ReaderAt
	size    int64
	sector  int64
	header  int64 // length of the relocated start
	patches []patch
	zeros   []bool // pages of the plain volume
	taken   []bool // pages that hold something of BitLocker
	regions []region
	seal    func(sector []byte, off int64)

	id        [16]byte
	master    []byte
	key       []byte
	external  []byte
	extID     [16]byte
	nonce     uint32
	protector int
}

type patch struct {
	off int64
	b   []byte
}

type region struct {
	off, size int64
	bits      []byte
}

const (
	page      = 4096
	blockSize = 64 << 10
	// created is the FILETIME of all there is.
	created = 133500000000000000
)

var le = binary.LittleEndian

// Lock locks the volume in the first size bytes of plain. It panics when that
// is not possible.
func Lock(plain io.ReaderAt, size int64, opt Options) *Volume {
	v := &Volume{opt: opt, plain: plain, size: size}
	v.defaults()
	v.id = [16]byte(v.noise("volume", 16))
	v.master = v.noise("master key", 32)
	v.findZeros()
	v.place()
	v.makeCipher()
	if opt.UsedOnly {
		v.writeEOW()
	}
	block := v.metadata()
	for _, off := range v.Places.Metadata {
		v.patches = append(v.patches, patch{off, block})
	}
	v.patches = append(v.patches, patch{0, v.bootSector()})
	return v
}

func (v *Volume) defaults() {
	o := &v.opt
	if o.Method == 0 {
		o.Method = XTS128
		if o.Vista {
			o.Method = CBC128Diffuser
		}
	}
	boot := make([]byte, 512)
	must(v.plain.ReadAt(boot, 0))
	v.sector = o.Sector
	if v.sector == 0 {
		v.sector = int64(le.Uint16(boot[11:]))
	}
	if v.sector < 512 || v.sector > page || v.size%v.sector != 0 {
		panic(fmt.Sprintf("lockgen: sectors of %d bytes in a volume of %d", v.sector, v.size))
	}
	if o.State == 0 {
		o.State = 4
	}
	if o.Next == 0 {
		o.Next = o.State
	}
	if o.Chunk == 0 {
		o.Chunk = 8 << 20
	}
	if !o.Vista {
		v.header = o.Header
		if v.header == 0 {
			v.header = 8192
		}
	}
}

// noise makes n bytes that depend on the seed and on what they are for.
func (v *Volume) noise(what string, n int) []byte {
	var out []byte
	for i := 0; len(out) < n; i++ {
		sum := sha256.Sum256([]byte(v.opt.Seed + "\x00" + what + "\x00" + strconv.Itoa(i)))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

func (v *Volume) findZeros() {
	v.zeros = make([]bool, v.size/page)
	v.taken = make([]bool, len(v.zeros))
	b := make([]byte, 1<<20)
	zero := make([]byte, page)
	for off := int64(0); off < v.size; off += int64(len(b)) {
		n := min(int64(len(b)), v.size-off)
		must(v.plain.ReadAt(b[:n], off))
		for at := int64(0); at+page <= n; at += page {
			v.zeros[(off+at)/page] = bytes.Equal(b[at:at+page], zero)
		}
	}
}

// find takes n bytes of zeros at or behind off, or anywhere.
func (v *Volume) find(off, n int64) int64 {
	pages := int((n + page - 1) / page)
	first := int(max(off, v.header, 0x2000) / page)
	for i := range v.zeros {
		i = (i + first) % len(v.zeros)
		if int64(i)*page < max(v.header, 0x2000) || i+pages > len(v.zeros) {
			continue
		}
		ok := true
		for k := i; k < i+pages && ok; k++ {
			ok = v.zeros[k] && !v.taken[k]
		}
		if ok {
			for k := i; k < i+pages; k++ {
				v.taken[k] = true
			}
			return int64(i) * page
		}
	}
	panic(fmt.Sprintf("lockgen: the volume has no %d bytes of zeros in one piece", n))
}

func (v *Volume) place() {
	p := &v.Places
	first := v.find(v.size/8, blockSize+v.header)
	p.Metadata = [3]int64{first, v.find(v.size*3/8, blockSize), v.find(v.size*5/8, blockSize)}
	p.Header = first + blockSize
	if !v.opt.UsedOnly {
		return
	}
	info := v.find(v.size/2, 2*page)
	p.Info = [2]int64{info, info + page}
	step := v.opt.RegionSize
	if step == 0 {
		step = v.size
	}
	for off := int64(0x2000); off < v.size; off += step {
		r := region{off: off, size: min(step, v.size-off)}
		chunks := (r.size + v.opt.Chunk - 1) / v.opt.Chunk
		r.bits = bytes.Repeat([]byte{0xFF}, int(chunks+7)/8) // what is behind the last chunk is ones
		p.Bitmaps = append(p.Bitmaps, v.find(info, bitmapSize(len(r.bits))))
		p.Logs = append(p.Logs, v.find(info, logSize))
		v.regions = append(v.regions, r)
	}
	for _, r := range v.regions {
		for i := range (r.size + v.opt.Chunk - 1) / v.opt.Chunk {
			from := r.off + i*v.opt.Chunk
			if v.empty(from, min(from+v.opt.Chunk, r.off+r.size)) {
				r.bits[i/8] &^= 1 << (i % 8)
			}
		}
	}
}

// empty says whether a range of the plain volume is zeros.
func (v *Volume) empty(from, to int64) bool {
	for i := from / page; i < (to+page-1)/page && i < int64(len(v.zeros)); i++ {
		if !v.zeros[i] {
			return false
		}
	}
	return true
}

const (
	infoHead = 56
	logSize  = 8192
)

func recordSize(bits int) int   { return (36 + bits + 511) / 512 * 512 }
func bitmapSize(bits int) int64 { return int64(512 + 2*recordSize(bits)) }

// writeEOW writes the information about what is encrypted.
func (v *Volume) writeEOW() {
	info := make([]byte, infoHead+8*len(v.regions))
	copy(info, "FVE-EOW\x00")
	le.PutUint16(info[8:], infoHead)
	le.PutUint16(info[10:], uint16(len(info)))
	le.PutUint32(info[12:], uint32(v.sector))
	le.PutUint32(info[16:], uint32(v.sector))
	le.PutUint32(info[20:], uint32(v.opt.Chunk))
	le.PutUint32(info[24:], logSize)
	le.PutUint32(info[28:], 0x60404)
	le.PutUint32(info[32:], uint32(len(v.regions)))
	le.PutUint64(info[40:], uint64(v.Places.Info[0]))
	le.PutUint64(info[48:], uint64(v.Places.Info[1]))
	for i, r := range v.regions {
		le.PutUint64(info[infoHead+8*i:], uint64(v.Places.Bitmaps[i]))
		n := recordSize(len(r.bits))
		b := make([]byte, bitmapSize(len(r.bits)))
		copy(b, "FVE-EOWBM\x00")
		le.PutUint16(b[10:], 60)
		le.PutUint32(b[12:], uint32(len(b)))
		le.PutUint32(b[16:], uint32(i))
		le.PutUint64(b[20:], uint64(r.off))
		le.PutUint64(b[28:], uint64(r.size))
		le.PutUint64(b[36:], uint64(v.Places.Logs[i]))
		le.PutUint32(b[44:], 512)
		le.PutUint32(b[48:], uint32(512+n))
		le.PutUint32(b[52:], uint32(n))
		// The older record says the contrary; which comes first changes.
		for k, seq := range [2]uint64{7 + uint64(i)%2, 8 - uint64(i)%2} {
			rec := b[512+k*n:][:n]
			copy(rec, "FVE-EOWBR\x00")
			le.PutUint16(rec[10:], 36)
			le.PutUint32(rec[12:], uint32(n))
			le.PutUint32(rec[16:], uint32((r.size+v.opt.Chunk-1)/v.opt.Chunk))
			le.PutUint64(rec[20:], seq)
			le.PutUint32(rec[28:], 2)
			for j, c := range r.bits {
				if seq == 7 {
					c = ^c
				}
				rec[36+j] = c
			}
			le.PutUint32(rec[32:], crc32.ChecksumIEEE(rec))
		}
		le.PutUint32(b[56:], crc32.ChecksumIEEE(b[:512]))
		v.patches = append(v.patches, patch{v.Places.Bitmaps[i], b})
		// A log of nothing, which is not zeros.
		v.patches = append(v.patches, patch{v.Places.Logs[i], v.noise("log", logSize)})
	}
	le.PutUint32(info[36:], crc32.ChecksumIEEE(info))
	for _, off := range v.Places.Info {
		v.patches = append(v.patches, patch{off, info})
	}
}

func datum(role, typ uint16, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	b := make([]byte, 8, 8+len(body))
	le.PutUint16(b, uint16(8+len(body)))
	le.PutUint16(b[2:], role)
	le.PutUint16(b[4:], typ)
	le.PutUint16(b[6:], 1)
	return append(b, body...)
}

func keyDatum(algorithm uint16, key []byte) []byte {
	return datum(0, 1, le.AppendUint16(nil, algorithm), []byte{0, 0}, key)
}

func text(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		b = le.AppendUint16(b, u)
	}
	return b
}

// sealed encrypts plain with AES-CCM (NIST SP 800-38C), and gives the datum.
func (v *Volume) sealed(role uint16, key, plain []byte) []byte {
	v.nonce++
	nonce := le.AppendUint32(le.AppendUint64(nil, created), v.nonce)
	block := newAES(key)
	// B0: flags for a tag of 16 bytes and lengths of 3, nonce, length.
	mac := append(append([]byte{0x3A}, nonce...), byte(len(plain)>>16), byte(len(plain)>>8), byte(len(plain)))
	block.Encrypt(mac, mac)
	for i, c := range plain {
		mac[i%16] ^= c
		if i%16 == 15 || i == len(plain)-1 {
			block.Encrypt(mac, mac)
		}
	}
	stream := func(n byte) []byte {
		a := append(append([]byte{0x02}, nonce...), 0, 0, n)
		block.Encrypt(a, a)
		return a
	}
	for i, c := range stream(0) {
		mac[i] ^= c
	}
	out := slices.Clone(plain)
	for i := range out {
		out[i] ^= stream(byte(i/16 + 1))[i%16]
	}
	return datum(role, 5, nonce, mac, out)
}

// protect is a VMK datum.
func (v *Volume) protect(kind uint16, id [16]byte, key []byte, properties ...[]byte) []byte {
	v.Protectors = append(v.Protectors, Protector{kind, guid(id)})
	body := slices.Concat(id[:], le.AppendUint64(nil, created), []byte{0, 0}, le.AppendUint16(nil, kind))
	return datum(2, 8, body, slices.Concat(properties...), v.sealed(0, key, keyDatum(0x2003, v.master)))
}

func (v *Volume) newID() [16]byte {
	v.protector++
	return [16]byte(v.noise("protector "+strconv.Itoa(v.protector), 16))
}

// stretch is the slow hash of passwords.
func stretch(key [32]byte, salt []byte) []byte {
	block := make([]byte, 88)
	copy(block[32:], key[:])
	copy(block[64:], salt)
	for i := range uint64(1 << 20) {
		le.PutUint64(block[80:], i)
		sum := sha256.Sum256(block)
		copy(block, sum[:])
	}
	return block[:32]
}

func (v *Volume) stretched(kind, algorithm uint16, first [32]byte, name string) []byte {
	id := v.newID()
	salt := v.noise("salt "+guid(id), 16)
	head := le.AppendUint16(nil, algorithm)
	property := datum(0, 3, head, []byte{0, 0}, salt, v.sealed(0, v.master, keyDatum(algorithm, first[:])))
	var properties [][]byte
	if name != "" {
		properties = append(properties, datum(0, 2, text(name)))
	}
	return v.protect(kind, id, stretch(first, salt), append(properties, property)...)
}

// vmks makes the protectors that the options ask for.
func (v *Volume) vmks() []byte {
	var b []byte
	o := &v.opt
	if o.TPM {
		// The blob says nothing to anybody.
		b = append(b, v.protect(protectorTPM, v.newID(), v.noise("TPM", 32), datum(0, 6, v.noise("blob", 210)))...)
	}
	for _, s := range o.RecoveryPasswords {
		var key []byte
		for _, g := range strings.Split(s, "-") {
			n, err := strconv.Atoi(g)
			if err != nil || len(g) != 6 || n%11 != 0 || n/11 > 0xFFFF {
				panic("lockgen: " + s + " is no recovery password")
			}
			key = le.AppendUint16(key, uint16(n/11))
		}
		b = append(b, v.stretched(protectorRecovery, 0x1000, sha256.Sum256(key), "DiskPassword")...)
	}
	for _, s := range o.Passwords {
		t := text(s)
		once := sha256.Sum256(t[:len(t)-2])
		b = append(b, v.stretched(protectorPassword, 0x1001, sha256.Sum256(once[:]), "")...)
	}
	if o.StartupKey {
		v.extID, v.external = v.newID(), v.noise("startup key", 32)
		use := datum(0, 4, []byte{0x02, 0x20, 0, 0}, v.sealed(0, v.master, keyDatum(0x2002, v.external)))
		b = append(b, v.protect(protectorExternal, v.extID, v.external, datum(0, 2, text("ExternalKey")), use)...)
	}
	if o.ClearKey {
		key := v.noise("clear key", 32)
		b = append(b, v.protect(protectorClear, v.newID(), key, keyDatum(0x2000, key))...)
	}
	return b
}

// BEK is the content of the file with the startup key.
func (v *Volume) BEK() []byte {
	if v.external == nil {
		panic("lockgen: the volume has no startup key")
	}
	d := datum(6, 9, v.extID[:], le.AppendUint64(nil, created), datum(0, 2, text("ExternalKey")), datum(0, 1, []byte{0x02, 0x20, 0, 0}, v.external))
	return append(v.dataset(48+len(d), 0), d...)
}

// VolumeKey is the key that the sectors are encrypted with.
func (v *Volume) VolumeKey() []byte { return v.key }

// BEKName is the name that Windows gives the file with the startup key.
func (v *Volume) BEKName() string { return guid(v.extID) + ".BEK" }

// dataset is the head of a dataset of size bytes.
func (v *Volume) dataset(size int, method Method) []byte {
	b := make([]byte, 48)
	le.PutUint32(b, uint32(size))
	le.PutUint32(b[4:], 1)
	le.PutUint32(b[8:], 48)
	le.PutUint32(b[12:], uint32(size))
	copy(b[16:], v.id[:])
	le.PutUint32(b[32:], 100)
	le.PutUint16(b[36:], uint16(method))
	le.PutUint64(b[40:], created)
	return b
}

// metadata makes the block with what follows it.
func (v *Volume) metadata() []byte {
	list := datum(7, 2, text("COLDSTATE C: 1/1/2024"))
	list = append(list, v.vmks()...)
	list = append(list, v.sealed(3, v.master, keyDatum(uint16(v.opt.Method), v.key))...)
	if !v.opt.Vista {
		list = append(list, datum(15, 15, le.AppendUint64(le.AppendUint64(nil, uint64(v.Places.Header)), uint64(v.header)))...)
	}
	set := append(v.dataset(48+len(list), v.opt.Method), list...)
	size := (64 + len(set) + 15) / 16 * 16
	b := make([]byte, size)
	copy(b, "-FVE-FS-")
	version := uint16(2)
	if v.opt.Vista {
		version = 1
		le.PutUint16(b[8:], uint16(size))
	} else {
		le.PutUint16(b[8:], uint16(size/16))
		mark := v.opt.Mark
		if mark == 0 {
			mark = v.size
		}
		le.PutUint64(b[16:], uint64(mark))
		le.PutUint32(b[24:], v.opt.Log)
		if !v.opt.NoHeaderField {
			le.PutUint32(b[28:], uint32(v.header/v.sector))
		}
		le.PutUint64(b[56:], uint64(v.Places.Header))
	}
	le.PutUint16(b[10:], version)
	le.PutUint16(b[12:], v.opt.State)
	le.PutUint16(b[14:], v.opt.Next)
	for i, off := range v.Places.Metadata {
		le.PutUint64(b[32+8*i:], uint64(off))
	}
	if v.opt.Vista {
		boot := make([]byte, 512)
		must(v.plain.ReadAt(boot, 0))
		copy(b[56:64], boot[56:64]) // the place of $MFTMirr
	}
	copy(b[64:], set)
	if v.opt.Edit != nil {
		v.opt.Edit(b)
	}
	sum := sha256.Sum256(b)
	room := blockSize
	if v.opt.Vista {
		room = 0x4000
	}
	tail := le.AppendUint16(nil, uint16(room-size))
	tail = le.AppendUint16(tail, version)
	tail = le.AppendUint32(tail, crc32.ChecksumIEEE(b))
	tail = append(tail, v.sealed(0, v.master, keyDatum(0x2005, sum[:]))...)
	return append(b, tail...)
}

// bootSector makes sector 0 of the locked volume.
func (v *Volume) bootSector() []byte {
	b := make([]byte, 512)
	p := &v.Places
	if v.opt.Vista {
		must(v.plain.ReadAt(b, 0))
		copy(b, "\xEB\x52\x90-FVE-FS-")
		le.PutUint64(b[56:], uint64(p.Metadata[0]/(v.sector*int64(b[13]))))
		return b
	}
	plain := make([]byte, 512)
	must(v.plain.ReadAt(plain, 0))
	copy(b, "\xEB\x58\x90-FVE-FS-")
	le.PutUint16(b[11:], uint16(v.sector))
	b[13] = plain[13]
	b[21] = 0xF8
	le.PutUint16(b[24:], 63)
	le.PutUint16(b[26:], 255)
	le.PutUint32(b[36:], 0x1FE0)
	copy(b[48:], "\x01\x00\x06\x00")
	b[64], b[66] = 0x80, 0x29
	copy(b[71:], "NO NAME    FAT32   ")
	at := 160
	if v.opt.ToGo {
		copy(b[3:], "MSWIN4.1")
		b[16] = 2
		le.PutUint16(b[14:], 32)
		at = 424
	}
	if v.opt.UsedOnly {
		copy(b[at:], "\x3B\x4D\xA8\x92\x80\xDD\x0E\x4D\x9E\x4E\xB1\xE3\x28\x4E\xAE\xD8")
		le.PutUint64(b[at+40:], uint64(p.Info[0]))
		le.PutUint64(b[at+48:], uint64(p.Info[1]))
	} else {
		copy(b[at:], "\x3B\xD6\x67\x49\x29\x2E\xD8\x4A\x83\x99\xF6\xA3\x39\xE3\xD0\x01")
	}
	for i, off := range p.Metadata {
		le.PutUint64(b[at+16+8*i:], uint64(off))
	}
	b[510], b[511] = 0x55, 0xAA
	return b
}

// Size is the length of the volume in bytes.
func (v *Volume) Size() int64 { return v.size }

// ReadAt implements io.ReaderAt.
func (v *Volume) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	buf := make([]byte, v.sector)
	for n < len(p) {
		at := off + int64(n)
		if at >= v.size {
			return n, io.EOF
		}
		in := at % v.sector
		v.read(buf, at-in)
		n += copy(p[n:], buf[in:])
	}
	return n, nil
}

// read makes a sector of the locked volume.
func (v *Volume) read(b []byte, off int64) {
	from := off
	switch {
	case off < v.header:
		// What was here lies elsewhere; Windows leaves it as it is.
		clear(b)
		v.patch(b, off)
		return
	case off >= v.Places.Header && off < v.Places.Header+v.header:
		from -= v.Places.Header
	}
	must(v.plain.ReadAt(b, from))
	if v.encrypted(off) {
		v.seal(b, off)
	}
	v.patch(b, off)
}

func (v *Volume) patch(b []byte, off int64) {
	for _, p := range v.patches {
		end := p.off + int64(len(p.b))
		if p.off >= off+int64(len(b)) || end <= off {
			continue
		}
		for i := max(off, p.off); i < min(off+int64(len(b)), end); i++ {
			b[i-off] = p.b[i-p.off]
		}
	}
}

// encrypted says whether the sector at off of the locked volume is.
func (v *Volume) encrypted(off int64) bool {
	switch {
	case v.opt.State == 1, v.opt.Vista && off < 0x2000:
		return false
	case v.opt.UsedOnly:
		for _, r := range v.regions {
			if off >= r.off && off < r.off+r.size {
				i := (off - r.off) / v.opt.Chunk
				return r.bits[i/8]>>(i%8)&1 == 1
			}
		}
		return false
	}
	return v.opt.Mark == 0 || off < v.opt.Mark
}

func guid(b [16]byte) string {
	return fmt.Sprintf("%08X-%04X-%04X-%04X-%012X", le.Uint32(b[:]), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:])
}

func newAES(key []byte) cipher.Block {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic("lockgen: " + err.Error())
	}
	return c
}

func must(_ int, err error) {
	if err != nil && err != io.EOF {
		panic("lockgen: " + err.Error())
	}
}
