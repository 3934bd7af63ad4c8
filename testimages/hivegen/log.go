package hivegen

import (
	"bytes"
	"fmt"
	"math/bits"
)

// Types of files, as the base block names them.
const (
	typeDIRT = 1
	typeHvLE = 6

	logBaseSize = 512 // what a log has of the base block
	sectorSize  = 512
	pageSize    = 4096
)

// Sequence returns a copy of the hive b with other sequence numbers. The hive
// is dirty when they differ.
func Sequence(b []byte, primary, secondary uint32) []byte {
	b = bytes.Clone(b)
	le.PutUint32(b[4:], primary)
	le.PutUint32(b[8:], secondary)
	PutChecksum(b)
	return b
}

// LogHvLE returns a transaction log as Windows 8.1 and later write it. The
// states are hive files as Build makes them: the hive before, and after each
// change. The log has an entry for each change, numbered from seq on, with the
// pages in which it differs from the state before. Without a change the log is
// a base block only.
//
// With a hive of Sequence(states[0], n+1, n) and seq = n Windows replays it.
func LogHvLE(seq uint32, states ...[]byte) []byte {
	log := logBase(states[0], typeHvLE, seq)
	for i := 1; i < len(states); i++ {
		log = append(log, HvLEEntry(seq, len(log), states[i-1], states[i])...)
		seq++
	}
	return log
}

// HvLEEntry returns one entry of a log, which is to stand at offset at of it:
// entries are padded, so that the next one begins at a page of the log.
func HvLEEntry(seq uint32, at int, before, after []byte) []byte {
	old, bins := binsOf(before), binsOf(after)
	var refs, data []byte
	n := uint32(0)
	for off := 0; off < len(bins); {
		run := off
		for run < len(bins) && !samePage(old, bins, run, pageSize) {
			run += pageSize
		}
		if run == off {
			off += pageSize
			continue
		}
		refs = le.AppendUint32(refs, uint32(off))
		refs = le.AppendUint32(refs, uint32(run-off))
		data = append(data, bins[off:run]...)
		off = run
		n++
	}
	if n == 0 { // an entry has at least one page
		refs = le.AppendUint32(le.AppendUint32(refs, 0), pageSize)
		data = bins[:pageSize]
		n = 1
	}
	entry := make([]byte, 40)
	copy(entry, "HvLE")
	le.PutUint32(entry[12:], seq)
	le.PutUint32(entry[16:], uint32(len(bins)))
	le.PutUint32(entry[20:], n)
	entry = append(append(entry, refs...), data...)
	for (at+len(entry))%pageSize != 0 {
		entry = append(entry, 0xa5)
	}
	le.PutUint32(entry[4:], uint32(len(entry)))
	PutHashes(entry)
	return entry
}

// PutHashes writes the two hashes of the entry, for tests that patch one.
func PutHashes(entry []byte) {
	le.PutUint64(entry[24:], Marvin32(entry[40:]))
	le.PutUint64(entry[32:], Marvin32(entry[:32]))
}

// LogDIRT returns a transaction log as Windows XP to 8 write it: the sectors in
// which the hive after differs from the one before, and a base block with the
// sequence number and the time of after.
func LogDIRT(before, after []byte) []byte {
	log := logBase(after, typeDIRT, le.Uint32(after[4:]))
	old, bins := binsOf(before), binsOf(after)
	log = append(log, "DIRT"...)
	var data []byte
	for off := 0; off < len(bins); off += pageSize {
		var m byte
		for i := range pageSize / sectorSize {
			if at := off + i*sectorSize; !samePage(old, bins, at, sectorSize) {
				m |= 1 << i
				data = append(data, bins[at:at+sectorSize]...)
			}
		}
		log = append(log, m)
	}
	for len(log)%sectorSize != 0 {
		log = append(log, 0)
	}
	return append(log, data...)
}

// binsOf returns the bins of a hive file without what is behind them.
func binsOf(b []byte) []byte {
	size := int(le.Uint32(b[40:]))
	if size > len(b)-baseBlockSize {
		panic(fmt.Sprintf("hivegen: a hive of %d bytes says that it has %d of bins", len(b), size))
	}
	return b[baseBlockSize : baseBlockSize+size]
}

func samePage(old, bins []byte, off, size int) bool {
	return off+size <= len(old) && bytes.Equal(old[off:off+size], bins[off:off+size])
}

// logBase returns the base block of a log of the hive b.
func logBase(b []byte, typ, seq uint32) []byte {
	base := bytes.Clone(b[:logBaseSize])
	le.PutUint32(base[4:], seq)
	le.PutUint32(base[8:], seq)
	le.PutUint32(base[28:], typ)
	PutChecksum(base)
	return base
}

// Marvin32 returns the hash of b with the seed that the registry uses.
func Marvin32(b []byte) uint64 {
	const seed = 0x82ef4d887a4e55c5
	state := uint64(seed)
	block := func(v uint32) {
		lo, hi := uint32(state), uint32(state>>32)
		lo += v
		hi ^= lo
		lo = bits.RotateLeft32(lo, 20) + hi
		hi = bits.RotateLeft32(hi, 9) ^ lo
		lo = bits.RotateLeft32(lo, 27) + hi
		hi = bits.RotateLeft32(hi, 19)
		state = uint64(hi)<<32 | uint64(lo)
	}
	// The input ends with a byte 0x80, and zeros up to a whole number.
	padded := append(bytes.Clone(b), 0x80)
	for len(padded)%4 != 0 {
		padded = append(padded, 0)
	}
	for ; len(padded) > 0; padded = padded[4:] {
		block(le.Uint32(padded))
	}
	block(0)
	return state
}
