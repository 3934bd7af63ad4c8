package partition

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/diskfs/go-diskfs/partition/gpt"

	"github.com/coldstate/coldstate/internal/le"
	"github.com/coldstate/coldstate/internal/wstr"
)

// Limits of a GPT. Windows makes 128 entries of 128 bytes; nothing known
// makes more than 1024.
const (
	maxEntries   = 1024
	maxEntrySize = 4096
	minEntrySize = 128
	headerSize   = 92 // of revision 1.0
)

// gptHeader is the part of a GPT header that counts here (UEFI 5.3.2).
type gptHeader struct {
	myLBA, alternateLBA uint64
	diskGUID            [16]byte
	entriesLBA          uint64
	entries, entrySize  uint32
	entriesCRC          uint32
}

// parseGPTHeader checks a header sector of a disk of the given number of
// sectors. The fields are safe to use when err is nil, also when sumErr, which
// is about the checksum, is not.
func parseGPTHeader(b []byte, sectors uint64) (h gptHeader, sumErr, err error) {
	r := le.New(b, 0)
	if !bytes.Equal(r.Bytes(8), []byte("EFI PART")) {
		return h, nil, fmt.Errorf("no GPT signature")
	}
	r.Uint32() // revision: 1.0 is the only one, and the layout is kept by later ones
	size := r.Uint32()
	sum := r.Uint32()
	r.Uint32()
	h.myLBA, h.alternateLBA = r.Uint64(), r.Uint64()
	r.Skip(16) // first and last usable LBA
	copy(h.diskGUID[:], r.Bytes(16))
	h.entriesLBA = r.Uint64()
	h.entries, h.entrySize, h.entriesCRC = r.Uint32(), r.Uint32(), r.Uint32()
	if r.Err() != nil {
		return h, nil, r.Err()
	}
	if size < headerSize || uint64(size) > uint64(len(b)) {
		return h, nil, fmt.Errorf("header size %d, must be 92 to %d", size, len(b))
	}
	if h.entries > maxEntries {
		return h, nil, fmt.Errorf("%d entries, at most %d can be", h.entries, maxEntries)
	}
	if s := h.entrySize; s < minEntrySize || s > maxEntrySize || s&(s-1) != 0 {
		return h, nil, fmt.Errorf("entry size %d, must be 128, 256 … %d", s, maxEntrySize)
	}
	need := (uint64(h.entries)*uint64(h.entrySize) + uint64(len(b)) - 1) / uint64(len(b))
	if h.entriesLBA >= sectors || need > sectors-h.entriesLBA {
		return h, nil, fmt.Errorf("entries at sector %d, the disk has %d sectors", h.entriesLBA, sectors)
	}
	head := bytes.Clone(b[:size])
	clear(head[16:20])
	if got := crc32.ChecksumIEEE(head); got != sum {
		sumErr = fmt.Errorf("header checksum %08x, %08x expected", got, sum)
	}
	return h, sumErr, nil
}

// gptCopy is one of the two copies of a GPT.
type gptCopy struct {
	name    string // "primary", "backup"
	sector  int
	header  gptHeader
	entries []byte
	// sumErr is a wrong checksum of the header or the entries.
	sumErr error
}

// readGPT looks for a GPT and takes the better of its copies. It says whether
// there is one, also a damaged one whose partitions are lost.
func (t *Table) readGPT(r io.ReaderAt, protective bool) bool {
	var copies []*gptCopy
	var failures []string
	for _, sector := range t.sizes {
		if t.size < 2*int64(sector) {
			continue
		}
		last := t.size/int64(sector) - 1
		for _, at := range [...]struct {
			name string
			lba  int64
		}{{"primary", 1}, {"backup", last}} {
			c, err := readGPTCopy(r, t.size, sector, at.lba)
			if err != nil {
				failures = append(failures, fmt.Sprintf("%s GPT (%d-byte sectors): %v", at.name, sector, err))
				continue
			}
			c.name = at.name
			copies = append(copies, c)
			if at.lba == 1 && c.sumErr == nil {
				break
			}
			// The backup of an image that is longer than its disk was is
			// where the primary header says, not at the end.
			if alt := c.header.alternateLBA; at.lba == 1 && alt > 1 && alt < uint64(last) && c.sumErr != nil {
				if c, err := readGPTCopy(r, t.size, sector, int64(alt)); err == nil {
					c.name = "backup"
					copies = append(copies, c)
				}
			}
		}
	}
	if len(copies) == 0 {
		if !protective {
			return false
		}
		t.Scheme = "gpt"
		t.problem("the MBR announces a GPT, but neither copy of it can be read: the partitions are lost")
		for _, f := range failures {
			t.problem("%s", f)
		}
		return true
	}
	best := copies[0]
	for _, c := range copies[1:] {
		if best.sumErr != nil && c.sumErr == nil {
			best = c
		}
	}
	t.Scheme, t.SectorSize, t.DiskGUID = "gpt", best.sector, best.header.diskGUID
	switch {
	case best.sumErr != nil:
		t.problem("%s GPT: %v; used all the same, as there is no better copy", best.name, best.sumErr)
	case best.name == "backup":
		t.problem("the primary GPT is damaged; the backup at sector %d is used", best.header.myLBA)
	}
	if err := t.decodeGPT(best); err != nil {
		t.problem("%s GPT: %v", best.name, err)
	}
	return true
}

// readGPTCopy reads the header at sector lba and the entries that belong to it.
func readGPTCopy(r io.ReaderAt, size int64, sector int, lba int64) (*gptCopy, error) {
	b := make([]byte, sector)
	if err := readFull(r, b, lba*int64(sector)); err != nil {
		return nil, err
	}
	h, sumErr, err := parseGPTHeader(b, uint64(size/int64(sector)))
	if err != nil {
		return nil, fmt.Errorf("sector %d: %w", lba, err)
	}
	if h.myLBA != uint64(lba) && sumErr == nil {
		sumErr = fmt.Errorf("the header at sector %d says that it belongs at sector %d", lba, h.myLBA)
	}
	c := &gptCopy{sector: sector, header: h, sumErr: sumErr}
	c.entries = make([]byte, h.entries*h.entrySize)
	if err := readFull(r, c.entries, int64(h.entriesLBA)*int64(sector)); err != nil {
		return nil, fmt.Errorf("entries: %w", err)
	}
	if got := crc32.ChecksumIEEE(c.entries); got != h.entriesCRC && c.sumErr == nil {
		c.sumErr = fmt.Errorf("checksum of the entries %08x, %08x expected", got, h.entriesCRC)
	}
	return c, nil
}

// decodeGPT has the library decode the entries of c. The library reads only
// entries of 128 bytes and headers of 92, multiplies their place as an int,
// and allocates what they claim; so it is shown a small disk that holds c in
// its plainest form.
func (t *Table) decodeGPT(c *gptCopy) error {
	n, size := int(c.header.entries), int(c.header.entrySize)
	b := make([]byte, 2*c.sector+n*minEntrySize)
	entries := b[2*c.sector:]
	for i := range n {
		copy(entries[i*minEntrySize:(i+1)*minEntrySize], c.entries[i*size:])
	}
	head := b[c.sector:]
	copy(head, "EFI PART\x00\x00\x01\x00")
	put32, put64 := binary.LittleEndian.PutUint32, binary.LittleEndian.PutUint64
	put32(head[12:], headerSize)
	put64(head[24:], 1)
	put64(head[32:], c.header.alternateLBA)
	copy(head[56:72], c.header.diskGUID[:])
	put64(head[72:], 2)
	put32(head[80:], uint32(n))
	put32(head[84:], minEntrySize)
	put32(head[88:], crc32.ChecksumIEEE(entries))
	put32(head[16:], crc32.ChecksumIEEE(head[:headerSize]))

	table, err := guarded(func() (*gpt.Table, error) { return gpt.Read(memory(b), c.sector, c.sector) })
	if err != nil {
		return err
	}
	for _, lp := range table.Partitions {
		if lp.Index < 1 || lp.Index > n {
			return fmt.Errorf("entry %d of %d", lp.Index, n)
		}
		e := entries[(lp.Index-1)*minEntrySize:][:minEntrySize]
		p := Partition{Number: lp.Index, Name: entryName(e)}
		// The library turns GUIDs into text; MountedDevices wants the bytes.
		copy(p.TypeGUID[:], e[0:16])
		copy(p.GUID[:], e[16:32])
		p.Type = typeOfGUID(p.TypeGUID)
		count := lp.End - lp.Start + 1
		if lp.Start > lp.End {
			t.problem("partition %d ends (sector %d) before it begins (sector %d)", lp.Index, lp.End, lp.Start)
			count = 0
		} else if count == 0 { // sector 0 to 2^64-1
			count--
		}
		t.add(p, lp.Start, count)
	}
	return nil
}

// entryName is the name of an entry: up to 36 UTF-16 units that end at the
// first NUL. The library's is not used, as it loses lone surrogates.
func entryName(e []byte) string {
	b := e[56:128]
	for i := 0; i < len(b); i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			b = b[:i]
			break
		}
	}
	return wstr.FromUTF16LE(b)
}
