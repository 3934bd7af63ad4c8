package ldm

import (
	"errors"
	"fmt"
	"slices"
)

// database is one copy of the database of a disk group.
type database struct {
	committed uint64 // number of the last transaction that was finished
	status    uint16
	forward   bool // an unfinished transaction is taken as finished
	pending   int  // records that an unfinished transaction adds or removes
	want      [4]uint32
	problems  []string

	volumes    []volumeRecord
	components []componentRecord
	partitions []partitionRecord
	disks      []diskRecord
}

func (db *database) problem(format string, args ...any) {
	if len(db.problems) < maxProblems {
		db.problems = append(db.problems, fmt.Sprintf(format, args...))
	}
}

// Phases of a change of the database (LDM Documentation, "VMDB", Update
// Status).
const (
	statusClean  = 1
	statusChange = 2
	statusCommit = 3
	statusAbort  = 4
)

// Update status of a record.
const (
	recordActive   = 0
	recordRemoving = 1 // in force until the transaction is finished
	recordAdding   = 2 // in force from then on
)

// volumeRecord is a volume (record type 1).
type volumeRecord struct {
	id         uint64
	name, kind string // kind: "gen", "raid5"
	state      string // "ACTIVE", "SYNC" …
	components uint64
	size       uint64 // blocks
	guid       GUID
}

// Layouts of a component.
const (
	layoutStripe = 1
	layoutConcat = 2
	layoutRAID5  = 3
)

// componentRecord is a mirror of a volume, most have one (record type 2).
type componentRecord struct {
	id         uint64
	name       string
	state      string
	layout     uint8
	flags      uint32
	partitions uint64
	volume     uint64
	stripe     uint64 // blocks, 0 for concatenated ones
	columns    uint64
}

// Component flags that say that its content may be old.
const componentOld = 0x02 | 0x04 | 0x08 // recover, iofail, pending

// partitionRecord is a piece of a disk (record type 3).
type partitionRecord struct {
	id        uint64
	name      string
	flags     uint32
	start     uint64 // block in the public region
	offset    uint64 // block in the column
	size      uint64 // blocks
	component uint64
	disk      uint64
	column    uint64
}

// partitionOld: the flag of a partition whose content may be old.
const partitionOld = 0x08 // recover

// diskRecord is a disk of the group (record type 4).
type diskRecord struct {
	id   uint64
	name string
	guid GUID
}

// readDatabase finds the database through the table of contents and reads it.
func (d *Disk) readDatabase(h privhead) (*database, error) {
	if h.private.off > d.size || h.private.size > d.size-h.private.off {
		return nil, fmt.Errorf("its database region ends at byte %d, and there are %d bytes: the image is cut off", h.private.off+h.private.size, d.size)
	}
	b, lost := readArea(d.r, d.size, h.private.off, h.private.size)
	if lost > 0 {
		d.problem("%d bytes of its database region cannot be read", lost)
	}
	config, err := d.findConfig(b, h)
	if err != nil {
		return nil, err
	}
	db, err := parseDatabase(config, h.group)
	if err != nil {
		return nil, err
	}
	return db, nil
}

// findConfig gives the part of the private region b that holds the database.
func (d *Disk) findConfig(b []byte, h privhead) ([]byte, error) {
	sectors := uint64(int64(len(b)) / h.sector)
	places := []uint64{h.toc[0], h.toc[1], 1, 2}
	if sectors > 3 {
		places = append(places, sectors-3, sectors-2)
	}
	var best []byte
	var bestSequence uint64
	bestOK := false
	var failed error
	seen := map[uint64]bool{}
	for _, at := range places {
		if at >= sectors || seen[at] {
			continue
		}
		seen[at] = true
		toc := b[int64(at)*h.sector:][:block]
		config, sequence, err := parseTOC(toc, b, h.sector)
		if err != nil {
			if !errors.Is(err, errSignature) {
				failed = fmt.Errorf("the table of contents in sector %d of the private region: %w", at, err)
				d.problem("%v", failed)
			}
			continue
		}
		// The one in force has the sequence number of the header; else the
		// newer one is the better one.
		ok := sequence == h.sequence
		if best == nil || ok && !bestOK || ok == bestOK && sequence > bestSequence {
			best, bestSequence, bestOK = config, sequence, ok
		}
	}
	switch {
	case best == nil && failed != nil:
		return nil, failed
	case best == nil:
		return nil, errors.New("its private region has no table of contents")
	case !bestOK:
		d.problem("no table of contents has the number %d of the private header; the one with %d is used", h.sequence, bestSequence)
	}
	return best, nil
}

// parseTOC reads a table of contents and gives the region "config" of the
// private region b (LDM Documentation, "TOCBLOCK").
func parseTOC(toc, b []byte, sector int64) (config []byte, sequence uint64, err error) {
	c := cursor{b: toc}
	if string(c.bytes(8)) != "TOCBLOCK" {
		return nil, 0, errSignature
	}
	if sum, want := byteSum(toc, 8), c.uint32(); sum != want {
		return nil, 0, fmt.Errorf("checksum %08x, %08x expected", sum, want)
	}
	sequence = c.uint64()
	c.skip(16)
	for !c.bad && len(c.b) >= 34 {
		name, flags := text(c.bytes(8)), c.uint16()
		start, size := c.uint64(), c.uint64()
		c.skip(8)
		const absent = 0x01 | 0x04 | 0x08 // does not exist, deleted, disabled
		if name != "config" || flags&absent != 0 {
			continue
		}
		r, err := makeRegion(start, size, sector)
		if err != nil {
			return nil, 0, fmt.Errorf("the database %w", err)
		}
		if r.off > int64(len(b)) || r.size > int64(len(b))-r.off {
			return nil, 0, fmt.Errorf("the database of %d sectors at %d leaves the private region", size, start)
		}
		return b[r.off:][:r.size:r.size], sequence, nil
	}
	return nil, 0, errors.New("it names no database")
}

// parseDatabase reads the head and the records of a database (LDM
// Documentation, "VMDB" and "VBLK").
func parseDatabase(b []byte, group GUID) (*database, error) {
	c := cursor{b: b}
	if string(c.bytes(4)) != "VMDB" {
		return nil, errors.New("its database has no head")
	}
	last, size, head := c.uint32(), c.uint32(), c.uint32()
	db := &database{status: c.uint16()}
	major := c.uint16()
	c.skip(2 + 31) // minor version; name of the group
	own, ok := parseGUID(c.bytes(64))
	db.committed = c.uint64()
	c.skip(8) // the pending transaction
	var counts [2][7]uint32
	for i := range counts {
		for j := range counts[i] {
			counts[i][j] = c.uint32()
		}
	}
	switch {
	case c.bad:
		return nil, errors.New("the head of its database ends early")
	case major != 4:
		return nil, fmt.Errorf("its database has version %d, and only 4 is known", major)
	case !ok || own != group:
		return nil, errors.New("its database is of another disk group")
	case size < minBlock || size > maxBlock:
		return nil, fmt.Errorf("its database has records of %d bytes", size)
	case head < 0xBD || int64(head) > int64(len(b)):
		return nil, fmt.Errorf("the head of its database has %d bytes", head)
	}
	// A change is made in two steps: new records are added, old ones removed.
	// Once it is being committed it is decided; before, it is undone.
	db.forward = db.status == statusCommit
	copy(db.want[:], counts[0][:4])
	if db.forward {
		copy(db.want[:], counts[1][:4])
	}
	db.readBlocks(b[head:], last, int(size))
	if db.pending > 0 || db.status == statusChange || db.status == statusCommit || db.status == statusAbort {
		undone := "it is left out"
		if db.forward {
			undone = "it was decided, and is taken as made"
		}
		db.problem("a change of the database was not finished (state %d, %d records); %s", db.status, db.pending, undone)
	}
	for i, kind := range []struct {
		name string
		got  int
	}{{"volumes", len(db.volumes)}, {"components", len(db.components)}, {"partitions", len(db.partitions)}, {"disks", len(db.disks)}} {
		if uint64(kind.got) != uint64(db.want[i]) {
			db.problem("the database has %d %s and should have %d", kind.got, kind.name, db.want[i])
		}
	}
	return db, nil
}

// record is a record on its way from blocks to fields.
type record struct {
	total  int
	pieces []piece
}

type piece struct {
	index int
	b     []byte
}

// maxPieces bounds the blocks of a record: the longest, with three strings
// of 255 bytes, has eight.
const maxPieces = 64

// readBlocks puts the records together, which may be in several blocks, in
// any order.
func (db *database) readBlocks(b []byte, last uint32, size int) {
	records := map[uint32]*record{}
	var order []uint32
	// The blocks are numbered; 0 to 3 would be the head.
	limit := len(b) / size
	if last >= 4 {
		limit = min(limit, int(min(last-4, 1<<30)))
	}
	damaged := 0
	for i := range limit {
		c := cursor{b: b[i*size:][:size:size]}
		magic := string(c.bytes(4))
		number := c.uint32()
		group := c.uint32()
		index, total := int(c.uint16()), int(c.uint16())
		if magic != "VBLK" || group != 0 && (total == 0 || index >= total || total > maxPieces) {
			damaged++
			if damaged == 1 {
				db.problem("block %d of the database (record %d) is no block", i, number)
			}
			continue
		}
		if group == 0 {
			continue // free
		}
		rec := records[group]
		if rec == nil {
			rec = &record{total: total}
			records[group] = rec
			order = append(order, group)
		}
		if total != rec.total || slices.ContainsFunc(rec.pieces, func(p piece) bool { return p.index == index }) {
			db.problem("block %d of the database does not fit the other blocks of record %d", i, group)
			continue
		}
		rec.pieces = append(rec.pieces, piece{index, c.b})
	}
	if damaged > 1 {
		db.problem("%d blocks of the database are damaged", damaged)
	}
	ids := map[uint64]bool{}
	for _, group := range order {
		rec := records[group]
		if len(rec.pieces) < rec.total {
			db.problem("record %d of the database lacks %d of its %d blocks", group, rec.total-len(rec.pieces), rec.total)
			continue
		}
		slices.SortFunc(rec.pieces, func(a, b piece) int { return a.index - b.index })
		var whole []byte
		for _, p := range rec.pieces {
			whole = append(whole, p.b...)
		}
		if err := db.readRecord(whole, ids); err != nil {
			db.problem("record %d of the database: %v", group, err)
		}
	}
}

var (
	errShort     = errors.New("it ends early, or its lengths are wrong")
	errDuplicate = errors.New("its number is taken by another record")
)

// readRecord enters one record. ids holds the objects so far.
func (db *database) readRecord(b []byte, ids map[uint64]bool) error {
	c := cursor{b: b}
	status, flags, kind, length := c.uint16(), c.uint8(), c.uint8(), c.uint32()
	if c.bad || uint64(length) > uint64(len(c.b)) {
		return errShort
	}
	c.b = c.b[:length]
	if status != recordActive {
		db.pending++
	}
	if status == recordRemoving && db.forward || status == recordAdding && !db.forward {
		return nil
	}
	if status > recordAdding {
		return fmt.Errorf("its state %d is unknown", status)
	}
	// A record is known by its kind, the low half, and the revision of it.
	var id uint64
	var enter func()
	switch kind {
	case 0x51:
		v := volumeRecord{id: c.number(), name: c.string(), kind: c.string()}
		c.string() // "8000000000000000": gets no letter by itself
		v.state = text(c.bytes(14))
		c.skip(1) // read policy
		c.number()
		c.skip(4) // flags
		v.components = c.number()
		c.skip(16) // transactions
		v.size = c.number()
		c.skip(4 + 1) // partition type
		v.guid = c.guid()
		id, enter = v.id, func() { db.volumes = append(db.volumes, v) }
	case 0x32:
		p := componentRecord{id: c.number(), name: c.string(), state: c.string(), layout: c.uint8(), flags: c.uint32(), partitions: c.number()}
		c.skip(16)
		p.volume = c.number()
		c.number()
		if flags&0x10 != 0 {
			p.stripe, p.columns = c.number(), c.number()
		}
		id, enter = p.id, func() { db.components = append(db.components, p) }
	case 0x33:
		p := partitionRecord{id: c.number(), name: c.string(), flags: c.uint32()}
		c.skip(8)
		p.start, p.offset = c.uint64(), c.uint64()
		p.size, p.component, p.disk = c.number(), c.number(), c.number()
		if flags&0x08 != 0 {
			p.column = c.number()
		}
		id, enter = p.id, func() { db.partitions = append(db.partitions, p) }
	case 0x34, 0x44:
		p := diskRecord{id: c.number(), name: c.string()}
		if kind == 0x44 {
			p.guid = c.guid()
		} else {
			var ok bool
			if p.guid, ok = parseGUID(c.bytes(int(c.uint8()))); !ok {
				return errors.New("the GUID of the disk is none")
			}
		}
		id, enter = p.id, func() { db.disks = append(db.disks, p) }
	case 0x35, 0x45:
		return nil // the group: its GUID is in each header
	default:
		return fmt.Errorf("its type %#02x is unknown", kind)
	}
	switch {
	case c.bad:
		return errShort
	case ids[id]:
		return errDuplicate
	}
	ids[id] = true
	enter()
	return nil
}
