// Package diskgen builds disks in memory for tests. It imports nothing that it
// is used to test.
package diskgen

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// LDMGroup is a group of dynamic disks as Windows' Logical Disk Manager
// writes them (LDM Documentation of the Linux-NTFS project).
type LDMGroup struct {
	Name string // "PC-Dg0"
	GUID string // 11111111-2222-…
	// Committed is the number of the last change; 0 means 10.
	Committed uint64
	// Status is the state of the database; 0 means 1, which is clean.
	Status  uint16
	Disks   []LDMDisk
	Volumes []LDMVolume
}

// LDMDisk is one disk of a group.
type LDMDisk struct {
	Name, GUID string
	Size       int64 // bytes
	Sector     int   // bytes; 0 means 512
	GPT        bool
	// Binary writes the disk's record with a binary GUID, as newer ones are.
	Binary bool
	// Behind is how many changes its own copy of the database lacks.
	Behind uint64
}

// LDMVolume is a volume and what is on it.
type LDMVolume struct {
	Name, GUID string
	Letter     string // hint: "D:"
	Size       int64  // bytes
	Content    io.ReaderAt
	Mirrors    []LDMMirror
	State      string // "" means ACTIVE
	// Status is the state of its records: 0 in force, 1 being removed, 2 being
	// added.
	Status uint16
}

// LDMMirror is a component of a volume.
type LDMMirror struct {
	// Stripe is the size of a stripe in bytes, 0 for pieces one behind the
	// other. With RAID5 one stripe of each row is parity.
	Stripe  int64
	RAID5   bool
	Columns [][]LDMPiece // one column without Stripe
	State   string       // "" means ACTIVE
	Flags   uint32
	// Content is written instead of the volume's, for a mirror that is old.
	Content io.ReaderAt
}

// LDMPiece is a piece of a disk.
type LDMPiece struct {
	Disk  int // index of LDMGroup.Disks
	Start int64
	Size  int64 // bytes; Start is counted from the first byte that volumes may use
	Flags uint32
}

// LDMImage is a disk in memory; what was never written is zeros.
type LDMImage struct {
	size  int64
	pages map[int64][]byte
}

const ldmPage = 64 << 10

// Size is the size in bytes.
func (d *LDMImage) Size() int64 { return d.size }

// ReadAt implements io.ReaderAt.
func (d *LDMImage) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= d.size {
			return n, io.EOF
		}
		in := at % ldmPage
		want := p[n:min(int64(len(p)), int64(n)+ldmPage-in, int64(n)+d.size-at)]
		if page := d.pages[at/ldmPage]; page != nil {
			copy(want, page[in:])
		} else {
			clear(want)
		}
		n += len(want)
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (d *LDMImage) WriteAt(p []byte, off int64) (int, error) {
	for n := 0; n < len(p); {
		at := off + int64(n)
		if at < 0 || at >= d.size {
			return n, fmt.Errorf("diskgen: byte %d of a disk of %d", at, d.size)
		}
		in := at % ldmPage
		part := p[n:min(int64(len(p)), int64(n)+ldmPage-in, int64(n)+d.size-at)]
		page := d.pages[at/ldmPage]
		if page == nil && !zeros(part) {
			page = make([]byte, ldmPage)
			d.pages[at/ldmPage] = page
		}
		if page != nil {
			copy(page[in:], part)
		}
		n += len(part)
	}
	return len(p), nil
}

// LDMPlaces tells where things are on a disk of a group, in bytes.
type LDMPlaces struct {
	Heads  []int64 // the private headers
	TOCs   []int64 // the tables of contents
	VMDB   int64   // the database
	Blocks int64   // its first record
	Public int64   // the first byte that volumes may use
	Room   int64   // how many there are
}

// sector is the size of a sector.
func (d *LDMDisk) sector() int64 { return int64(max(d.Sector, 512)) }

// private is where the private region of 1 MiB is.
func (d *LDMDisk) private() int64 {
	if d.GPT {
		return 34 * d.sector()
	}
	return d.Size - 1<<20
}

// Places tells where things are on the disk.
func (d *LDMDisk) Places() LDMPlaces {
	s, private := d.sector(), d.private()
	n := int64(1<<20) / s
	p := LDMPlaces{
		Heads: []int64{private + (n-1)*s, private + (n-n/10)*s},
		TOCs:  []int64{private + 2*s, private + (n-3)*s},
		VMDB:  private + 17*s,
	}
	p.Blocks = p.VMDB + 512
	if d.GPT {
		p.Public = private + 1<<20
		p.Room = d.Size - 34*s - p.Public
	} else {
		p.Heads = append([]int64{6 * s}, p.Heads...)
		p.Public = 63 * s
		p.Room = private - p.Public
	}
	return p
}

// LDM makes the disks of a group.
func LDM(g *LDMGroup) []*LDMImage {
	var images []*LDMImage
	for i := range g.Disks {
		d := &g.Disks[i]
		img := &LDMImage{size: d.Size, pages: map[int64][]byte{}}
		images = append(images, img)
		if d.GPT {
			ldmGPT(img, d)
		} else {
			ldmMBR(img, d, uint32(0x4C444D00+i))
		}
		ldmPrivate(img, g, d)
	}
	for i := range g.Volumes {
		v := &g.Volumes[i]
		for j := range v.Mirrors {
			if m := &v.Mirrors[j]; m.Content != nil || v.Content != nil {
				ldmContent(images, g, v, m)
			}
		}
	}
	return images
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func mustWrite(w io.WriterAt, b []byte, off int64) {
	if _, err := w.WriteAt(b, off); err != nil {
		panic(err)
	}
}

// ldmMBR writes one partition over all, so that nobody takes the disk for empty.
func ldmMBR(img *LDMImage, d *LDMDisk, signature uint32) {
	p := d.Places()
	b := make([]byte, 512)
	le := binary.LittleEndian
	le.PutUint32(b[440:], signature)
	b[446+4] = 0x42
	le.PutUint32(b[446+8:], uint32(p.Public/d.sector()))
	le.PutUint32(b[446+12:], uint32(p.Room/d.sector()))
	b[510], b[511] = 0x55, 0xAA
	mustWrite(img, b, 0)
}

// ldmGPT writes a GPT with a metadata and a data partition.
func ldmGPT(img *LDMImage, d *LDMDisk) {
	s, p := d.sector(), d.Places()
	le := binary.LittleEndian
	mbr := make([]byte, 512)
	mbr[446+4] = 0xEE
	le.PutUint32(mbr[446+8:], 1)
	le.PutUint32(mbr[446+12:], uint32(min(d.Size/s-1, 0xFFFFFFFF)))
	mbr[510], mbr[511] = 0x55, 0xAA
	mustWrite(img, mbr, 0)

	entries := make([]byte, 128*128)
	put := func(i int, kind string, off, size int64) {
		e := entries[128*i:]
		copy(e, mixedGUID(kind))
		copy(e[16:], mixedGUID(fmt.Sprintf("0000000%d-0000-4000-8000-%s", i, strings.ReplaceAll(d.GUID, "-", "")[20:])))
		le.PutUint64(e[32:], uint64(off/s))
		le.PutUint64(e[40:], uint64((off+size)/s-1))
	}
	put(0, "5808C8AA-7E8F-42E0-85D2-E1E90434CFB3", d.private(), 1<<20)
	put(1, "AF9B60A0-1431-4F62-BC68-3311714A69AD", p.Public, p.Room)
	last := d.Size/s - 1
	entrySectors := (int64(len(entries)) + s - 1) / s
	for _, c := range []struct{ my, other, entries int64 }{{1, last, 2}, {last, 1, last - entrySectors}} {
		h := make([]byte, 92)
		copy(h, "EFI PART\x00\x00\x01\x00")
		le.PutUint32(h[12:], 92)
		le.PutUint64(h[24:], uint64(c.my))
		le.PutUint64(h[32:], uint64(c.other))
		le.PutUint64(h[40:], 34)
		le.PutUint64(h[48:], uint64(last-34))
		copy(h[56:], mixedGUID(d.GUID))
		le.PutUint64(h[72:], uint64(c.entries))
		le.PutUint32(h[80:], 128)
		le.PutUint32(h[84:], 128)
		le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
		le.PutUint32(h[16:], crc32.ChecksumIEEE(h))
		mustWrite(img, h, c.my*s)
		mustWrite(img, entries, c.entries*s)
	}
}

// ldmPrivate writes the headers and the database.
func ldmPrivate(img *LDMImage, g *LDMGroup, d *LDMDisk) {
	s, p := d.sector(), d.Places()
	be := binary.BigEndian
	region := int64(1<<20) / s
	configSize, logSize := region*1481/2048, region*224/2048

	h := make([]byte, 512)
	copy(h, "PRIVHEAD")
	be.PutUint16(h[0x0C:], 2)
	be.PutUint16(h[0x0E:], 12)
	be.PutUint64(h[0x10:], 0x01CD901DBC8C083C)
	be.PutUint64(h[0x18:], 7)
	be.PutUint64(h[0x20:], uint64(region-1))
	be.PutUint64(h[0x28:], uint64(region-region/10))
	copy(h[0x30:], d.GUID)
	copy(h[0x70:], "1b77da20-c717-11d0-a5be-00a0c91db73c")
	copy(h[0xB0:], g.GUID)
	copy(h[0xF0:], g.Name)
	be.PutUint32(h[0x10F:], uint32(s))
	be.PutUint64(h[0x11B:], uint64(p.Public/s))
	be.PutUint64(h[0x123:], uint64(p.Room/s))
	be.PutUint64(h[0x12B:], uint64(d.private()/s))
	be.PutUint64(h[0x133:], uint64(region))
	be.PutUint64(h[0x13B:], 2)
	be.PutUint64(h[0x143:], uint64(region-3))
	be.PutUint32(h[0x14B:], 1)
	be.PutUint32(h[0x14F:], 1)
	be.PutUint64(h[0x153:], uint64(configSize))
	be.PutUint64(h[0x15B:], uint64(logSize))
	LDMSum(h)
	for _, at := range p.Heads {
		mustWrite(img, h, at)
	}

	toc := make([]byte, 512)
	copy(toc, "TOCBLOCK")
	be.PutUint64(toc[0x0C:], 7)
	for i, r := range []struct {
		name        string
		start, size int64
	}{{"config", 17, configSize}, {"log", 17 + configSize, logSize}} {
		e := toc[0x24+34*i:]
		copy(e, r.name)
		be.PutUint64(e[0x0A:], uint64(r.start))
		be.PutUint64(e[0x12:], uint64(r.size))
		be.PutUint16(e[0x1A:], 6)
		be.PutUint16(e[0x1C:], 1)
	}
	LDMSum(toc)
	for _, at := range p.TOCs {
		mustWrite(img, toc, at)
	}
	ldmDatabase(img, g, d, configSize*s)
}

// LDMSum puts the checksum into a private header or table of contents.
func LDMSum(b []byte) {
	sum := uint32(0)
	for i, c := range b {
		if i < 8 || i >= 12 {
			sum += uint32(c)
		}
	}
	binary.BigEndian.PutUint32(b[8:], sum)
}

// ldmWriter appends the fields of a record.
type ldmWriter struct{ b []byte }

func (w *ldmWriter) zeros(n int)   { w.b = append(w.b, make([]byte, n)...) }
func (w *ldmWriter) raw(b ...byte) { w.b = append(w.b, b...) }
func (w *ldmWriter) u32(v uint32)  { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *ldmWriter) u64(v uint64)  { w.b = binary.BigEndian.AppendUint64(w.b, v) }

func (w *ldmWriter) str(s string) { w.b = append(append(w.b, byte(len(s))), s...) }

// num writes a number of as few bytes as it needs, 1 at least.
func (w *ldmWriter) num(v uint64) {
	n := 1
	for v>>(8*n) != 0 && n < 8 {
		n++
	}
	w.b = append(w.b, byte(n))
	for n--; n >= 0; n-- {
		w.b = append(w.b, byte(v>>(8*n)))
	}
}

// record frames a record.
func (w *ldmWriter) record(status uint16, flags, kind byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, status)
	b = append(b, flags, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(w.b)))
	return append(b, w.b...)
}

// ldmDatabase writes the database with all its records.
func ldmDatabase(img *LDMImage, g *LDMGroup, d *LDMDisk, size int64) {
	committed := g.Committed
	if committed == 0 {
		committed = 10
	}
	committed -= d.Behind
	var records [][]byte
	var now, later [4]uint32 // volumes, components, partitions, disks
	count := func(i int, status uint16) {
		if status != 2 {
			now[i]++
		}
		if status != 1 {
			later[i]++
		}
	}
	id := uint64(1)
	next := func() uint64 { id++; return id }

	var w ldmWriter
	w.num(1)
	w.str(g.Name)
	w.str(g.GUID)
	w.zeros(4)
	w.u64(1)
	records = append(records, w.record(0, 0, 0x35))

	diskIDs := make([]uint64, len(g.Disks))
	for i := range g.Disks {
		diskIDs[i] = next()
		o := &g.Disks[i]
		var w ldmWriter
		w.num(diskIDs[i])
		w.str(o.Name)
		kind := byte(0x34)
		if o.Binary {
			kind = 0x44
			w.raw(rawGUID(o.GUID)...)
			w.zeros(16)
		} else {
			w.str(o.GUID)
		}
		// Long enough for two blocks.
		w.str(`SCSI\DISK&VEN_EXAMPLE&PROD_DISK&REV_0001\4&35110308&0&` + fmt.Sprintf("%06d", i) + strings.Repeat("0", 40))
		w.zeros(4)
		w.u64(2)
		records = append(records, w.record(0, 0, kind))
		count(3, 0)
	}
	for i := range g.Volumes {
		v := &g.Volumes[i]
		volumeID := next()
		raid := false
		for j, m := range v.Mirrors {
			raid = raid || m.RAID5
			componentID := next()
			layout, flags := byte(2), byte(0)
			pieces := 0
			for _, column := range m.Columns {
				pieces += len(column)
			}
			if m.Stripe > 0 {
				layout, flags = 1, 0x10
			}
			if m.RAID5 {
				layout = 3
			}
			var w ldmWriter
			w.num(componentID)
			w.str(fmt.Sprintf("%s-%02d", v.Name, j+1))
			w.str(ldmState(m.State))
			w.raw(layout)
			w.u32(m.Flags)
			w.num(uint64(pieces))
			w.u64(3)
			w.zeros(8)
			w.num(volumeID)
			w.raw(0) // no log
			if m.Stripe > 0 {
				w.num(uint64(m.Stripe / 512))
				w.num(uint64(len(m.Columns)))
			}
			records = append(records, w.record(v.Status, flags, 0x32))
			count(1, v.Status)
			for c, column := range m.Columns {
				at := int64(0)
				for _, piece := range column {
					flags := byte(0)
					var w ldmWriter
					w.num(next())
					w.str(fmt.Sprintf("%s-%02d", g.Disks[piece.Disk].Name, id))
					w.u32(piece.Flags)
					w.u64(3)
					w.u64(uint64(piece.Start / 512))
					w.u64(uint64(at / 512))
					w.num(uint64(piece.Size / 512))
					w.num(componentID)
					w.num(diskIDs[piece.Disk])
					if c > 0 {
						flags = 0x08
						w.num(uint64(c))
					}
					records = append(records, w.record(v.Status, flags, 0x33))
					count(2, v.Status)
					at += piece.Size
				}
			}
		}
		var w ldmWriter
		w.num(volumeID)
		w.str(v.Name)
		policy := byte(3)
		if raid {
			policy = 4
			w.str("raid5")
		} else {
			w.str("gen")
		}
		w.str("")
		state := make([]byte, 14)
		copy(state, ldmState(v.State))
		w.raw(state...)
		w.raw(policy)
		w.num(uint64(5 + i))
		w.u32(0x11)
		w.num(uint64(len(v.Mirrors)))
		w.u64(committed)
		w.zeros(8)
		w.num(uint64(v.Size / 512))
		w.zeros(4)
		w.raw(0x07)
		w.raw(rawGUID(v.GUID)...)
		flags := byte(0)
		if v.Letter != "" {
			flags = 0x02
			w.str(v.Letter)
		}
		records = append(records, w.record(v.Status, flags, 0x51))
		count(0, v.Status)
	}

	be := binary.BigEndian
	head := make([]byte, 512)
	blocks := (size - 512) / 128
	copy(head, "VMDB")
	be.PutUint32(head[4:], uint32(blocks+4))
	be.PutUint32(head[8:], 128)
	be.PutUint32(head[12:], 512)
	be.PutUint16(head[16:], max(g.Status, 1))
	be.PutUint16(head[18:], 4)
	be.PutUint16(head[20:], 10)
	copy(head[22:53], g.Name)
	copy(head[53:], g.GUID)
	be.PutUint64(head[0x75:], committed)
	be.PutUint64(head[0x7D:], committed)
	for i := range now {
		be.PutUint32(head[0x85+4*i:], now[i])
		be.PutUint32(head[0xA1+4*i:], later[i])
	}
	places := d.Places()
	mustWrite(img, head, places.VMDB)

	area := make([]byte, blocks*128)
	for i := range blocks {
		b := area[i*128:]
		copy(b, "VBLK")
		be.PutUint32(b[4:], uint32(i+4))
	}
	put := func(slot int64, group, index, total int, part []byte) {
		b := area[slot*128:]
		be.PutUint32(b[8:], uint32(group))
		be.PutUint16(b[12:], uint16(index))
		be.PutUint16(b[14:], uint16(total))
		copy(b[16:128], part)
	}
	// Further blocks of a record stand elsewhere, and before its first one.
	slot, far := int64(len(records))+3, int64(0)
	for i, rec := range records {
		total := (len(rec) + 111) / 112
		for j := total - 1; j >= 1; j-- {
			put(far, i+1, j, total, rec[j*112:min(len(rec), j*112+112)])
			far++
		}
		put(slot, i+1, 0, total, rec[:min(len(rec), 112)])
		slot += 2
	}
	if far > int64(len(records))+3 {
		panic("diskgen: the records leave no room for their further blocks")
	}
	mustWrite(img, area, places.Blocks)
}

func ldmState(s string) string {
	if s == "" {
		return "ACTIVE"
	}
	return s
}

// ldmContent writes what a mirror holds to the disks.
func ldmContent(images []*LDMImage, g *LDMGroup, v *LDMVolume, m *LDMMirror) {
	content := m.Content
	if content == nil {
		content = v.Content
	}
	read := func(off, n int64) []byte {
		b := make([]byte, n)
		if off < v.Size {
			if _, err := content.ReadAt(b[:min(n, v.Size-off)], off); err != nil && err != io.EOF {
				panic(err)
			}
		}
		return b
	}
	write := func(column int, at int64, b []byte) {
		for _, p := range m.Columns[column] {
			if at < p.Size && len(b) > 0 {
				n := min(int64(len(b)), p.Size-at)
				mustWrite(images[p.Disk], b[:n], g.Disks[p.Disk].Places().Public+p.Start+at)
				b, at = b[n:], at+n
			}
			at -= p.Size
		}
		if !zeros(b) {
			panic("diskgen: the content does not fit the pieces")
		}
	}
	n := int64(len(m.Columns))
	switch {
	case m.RAID5:
		// Row by row, the parity one column further to the left each time,
		// and the data from behind the parity on.
		off := int64(0)
		for row := int64(0); off < v.Size; row++ {
			parity := make([]byte, m.Stripe)
			at := (n - 1) - row%n
			for i := int64(1); i < n; i++ {
				b := read(off, m.Stripe)
				for j := range parity {
					parity[j] ^= b[j]
				}
				write(int((at+i)%n), row*m.Stripe, b)
				off += m.Stripe
			}
			write(int(at), row*m.Stripe, parity)
		}
	case m.Stripe > 0:
		for i := int64(0); i*m.Stripe < v.Size; i++ {
			write(int(i%n), i/n*m.Stripe, read(i*m.Stripe, m.Stripe))
		}
	default:
		at := int64(0)
		for _, p := range m.Columns[0] {
			const step = 1 << 20
			for in := int64(0); in < p.Size; in += step {
				mustWrite(images[p.Disk], read(at+in, min(step, p.Size-in)), g.Disks[p.Disk].Places().Public+p.Start+in)
			}
			at += p.Size
		}
	}
}

// rawGUID gives the 16 bytes of a GUID in the order of its text.
func rawGUID(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		panic("diskgen: " + s + " is no GUID")
	}
	return b
}

// mixedGUID gives the 16 bytes of a GUID as a GPT keeps it.
func mixedGUID(s string) []byte {
	b := rawGUID(s)
	b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	b[4], b[5] = b[5], b[4]
	b[6], b[7] = b[7], b[6]
	return b
}
