package ldm

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Group is a disk group with the volumes of its database.
type Group struct {
	GUID     GUID
	Name     string
	Disks    []*Disk // those that were given, in order
	Volumes  []*Volume
	Problems []string
	// Err says why the volumes are unknown: no disk has a database that can
	// be read.
	Err error
}

// Volume is a volume of a disk group.
type Volume struct {
	Name   string // "Volume1"
	GUID   GUID
	Size   int64  // bytes
	Layout string // "simple", "spanned", "striped", "mirrored", "RAID-5"; with mirrors of several pieces "mirrored spanned", "mirrored striped"
	// Extents are the pieces of disks it lies on: mirror by mirror, column by
	// column, in order.
	Extents  []Extent
	Problems []string
	// Err says why it cannot be read, a *MissingError when disks are not
	// given; nil when Reader gives its bytes.
	Err error

	reader io.ReaderAt
}

// Extent is a piece of a disk.
type Extent struct {
	Disk *Disk  // nil when the disk is not given
	Name string // of the disk: "Disk1"
	GUID GUID   // of the disk
	// Off and Len are bytes of the disk; Off is of its public region while the
	// disk is not given.
	Off, Len int64
}

// Reader gives the bytes of the volume, Size of them; nil while Err is set. It
// is safe for concurrent use when those of the disks are.
func (v *Volume) Reader() io.ReaderAt { return v.reader }

// MissingError says which disks a volume lacks.
type MissingError struct {
	Volume string
	Layout string
	Disks  []MissingDisk // those without which it cannot be read
}

// MissingDisk is a disk that is in the database and was not given.
type MissingDisk struct {
	Name string // "Disk2"; "" when the database does not have it
	GUID GUID
}

func (d MissingDisk) String() string {
	if d.Name == "" {
		return "a disk that the database does not name"
	}
	return fmt.Sprintf("%s {%s}", d.Name, d.GUID)
}

// Names lists the missing disks.
func (e *MissingError) Names() string {
	names := make([]string, len(e.Disks))
	for i, d := range e.Disks {
		names[i] = d.String()
	}
	return strings.Join(names, ", ")
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("the dynamic volume %s (%s) lacks what is not given: %s", e.Volume, e.Layout, e.Names())
}

// Assemble puts the disks into their groups, in order of the first disk of
// each, and the volumes together. Disks with one GUID are copies of each
// other: the first is taken and the later ones are in no group.
func Assemble(disks []*Disk) []*Group {
	var groups []*Group
	for _, d := range disks {
		i := slices.IndexFunc(groups, func(g *Group) bool { return g.GUID == d.Group })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &Group{GUID: d.Group, Name: d.GroupName})
		}
		g := groups[i]
		if !slices.ContainsFunc(g.Disks, func(o *Disk) bool { return o.GUID == d.GUID }) {
			g.Disks = append(g.Disks, d)
		}
	}
	for _, g := range groups {
		g.assemble()
	}
	return groups
}

func (g *Group) problem(format string, args ...any) {
	if len(g.Problems) < maxProblems {
		g.Problems = append(g.Problems, fmt.Sprintf(format, args...))
	}
}

// builder makes the volumes of a group from the best copy of its database.
type builder struct {
	*Group
	db         *database
	disks      map[uint64]*diskRecord // by number
	given      map[GUID]*Disk
	components map[uint64][]*componentRecord // by volume
	partitions map[uint64][]*partitionRecord // by component
}

func (g *Group) assemble() {
	// The newest copy describes what is on the disks; of several, the one
	// with the fewest faults.
	var db *database
	for _, d := range g.Disks {
		if d.db == nil {
			continue
		}
		if db == nil || d.db.committed > db.committed || d.db.committed == db.committed && len(d.db.problems) < len(db.problems) {
			db = d.db
		}
	}
	if db == nil {
		for _, d := range g.Disks {
			g.problem("dynamic disk %s: %v", d, d.dbErr)
		}
		g.Err = fmt.Errorf("no disk of the group %s has a database that can be read", g.Name)
		return
	}
	for _, p := range db.problems {
		g.problem("%s", p)
	}
	b := &builder{Group: g, db: db, disks: map[uint64]*diskRecord{}, given: map[GUID]*Disk{}, components: map[uint64][]*componentRecord{}, partitions: map[uint64][]*partitionRecord{}}
	for i := range db.disks {
		rec := &db.disks[i]
		b.disks[rec.id] = rec
		for _, d := range g.Disks {
			if d.GUID == rec.guid {
				d.Name = rec.name
				b.given[d.GUID] = d
			}
		}
	}
	for _, d := range g.Disks {
		switch {
		case d.Name == "":
			g.problem("dynamic disk %s is not in the database of the group: it was removed, or its record is lost", d)
		case d.db == nil:
			g.problem("dynamic disk %s: %v", d, d.dbErr)
		case d.db.committed < db.committed:
			g.problem("dynamic disk %s is behind: its database ends with change %d, that of the group with %d; it was away while the others were in use", d, d.db.committed, db.committed)
		case len(d.db.problems) > len(db.problems):
			g.problem("the copy of the database on dynamic disk %s is damaged, and not used: %s", d, d.db.problems[0])
		}
	}
	for i := range db.components {
		c := &db.components[i]
		b.components[c.volume] = append(b.components[c.volume], c)
	}
	for i := range db.partitions {
		p := &db.partitions[i]
		b.partitions[p.component] = append(b.partitions[p.component], p)
	}
	for i := range db.volumes {
		g.Volumes = append(g.Volumes, b.volume(&db.volumes[i]))
	}
	b.orphans()
}

// orphans tells of pieces without a volume: a record that was lost takes what
// lies on the disks with it.
func (b *builder) orphans() {
	volumes, components := map[uint64]bool{}, map[uint64]bool{}
	for i := range b.db.volumes {
		volumes[b.db.volumes[i].id] = true
	}
	for i := range b.db.components {
		c := &b.db.components[i]
		components[c.id] = true
		if !volumes[c.volume] {
			b.problem("component %s belongs to a volume that the database does not have", c.name)
		}
	}
	for i := range b.db.partitions {
		if p := &b.db.partitions[i]; !components[p.component] {
			b.problem("%s belongs to a component that the database does not have", p.name)
		}
	}
}

// mirror is a component on its way to a reader.
type mirror struct {
	layout  uint8
	stripe  int64
	columns []*column
	old     string // why its content may be old, "" when it is not
}

func (b *builder) volume(rec *volumeRecord) *Volume {
	v := &Volume{Name: rec.name, GUID: rec.guid, Layout: "unknown layout"}
	if rec.size == 0 || rec.size > maxBytes/block {
		v.Err = fmt.Errorf("the dynamic volume %s has a size of %d sectors", rec.name, rec.size)
		return v
	}
	v.Size = int64(rec.size) * block
	components := b.components[rec.id]
	if len(components) == 0 {
		v.Err = fmt.Errorf("the dynamic volume %s has no component in the database", rec.name)
		return v
	}
	if uint64(len(components)) != rec.components {
		v.Problems = append(v.Problems, fmt.Sprintf("it has %d mirrors, and the database holds %d of them", rec.components, len(components)))
	}
	var mirrors []*mirror
	for _, c := range components {
		m, err := b.mirror(v, c)
		if err != nil {
			// Another mirror may be whole.
			v.Problems = append(v.Problems, err.Error())
			continue
		}
		mirrors = append(mirrors, m)
	}
	v.Layout = layoutName(components, v.Extents)
	if len(mirrors) == 0 {
		v.Err = fmt.Errorf("the dynamic volume %s cannot be put together: %s", rec.name, strings.Join(v.Problems, "; "))
		v.Problems = nil
		return v
	}
	b.connect(v, rec, mirrors)
	return v
}

// layoutName names the layout as Windows' Disk Management does.
func layoutName(components []*componentRecord, extents []Extent) string {
	c := components[0]
	name := ""
	switch c.layout {
	case layoutStripe:
		name = "striped"
	case layoutRAID5:
		name = "RAID-5"
	case layoutConcat:
		name = "simple"
		disks := map[GUID]bool{}
		for _, e := range extents {
			disks[e.GUID] = true
		}
		if len(disks) > len(components) {
			name = "spanned"
		}
	default:
		name = fmt.Sprintf("layout %d", c.layout)
	}
	if len(components) > 1 {
		name = strings.TrimSuffix("mirrored "+name, " simple")
	}
	return name
}

// mirror builds the columns of a component and adds its extents to v.
func (b *builder) mirror(v *Volume, c *componentRecord) (*mirror, error) {
	parts := slices.Clone(b.partitions[c.id])
	slices.SortStableFunc(parts, func(x, y *partitionRecord) int {
		return cmp.Or(cmp.Compare(x.column, y.column), cmp.Compare(x.offset, y.offset))
	})
	m := &mirror{layout: c.layout, columns: []*column{{}}}
	if c.state != "ACTIVE" || c.flags&componentOld != 0 {
		m.old = fmt.Sprintf("it is marked %s, flags %#x", c.state, c.flags)
	}
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("component %s: %s", c.name, fmt.Sprintf(format, args...))
	}
	var err error
	note := func(e error) {
		if err == nil {
			err = e
		}
	}
	switch c.layout {
	case layoutConcat:
	case layoutStripe, layoutRAID5:
		// Windows allows 32 columns, and stripes of up to 32,000 KiB.
		least := uint64(1)
		if c.layout == layoutRAID5 {
			least = 3
		}
		if c.columns < least || c.columns > 32 || c.stripe == 0 || c.stripe > 1<<20 {
			note(wrong("%d columns, stripes of %d sectors", c.columns, c.stripe))
			break
		}
		m.stripe = int64(c.stripe) * block
		for len(m.columns) < int(c.columns) {
			m.columns = append(m.columns, &column{})
		}
	default:
		note(wrong("its layout %d is unknown", c.layout))
	}
	if uint64(len(parts)) != c.partitions {
		note(wrong("it has %d partitions, and the database holds %d of them", c.partitions, len(parts)))
	}
	for _, p := range parts {
		const limit = maxBytes / block
		if p.size == 0 || p.size > limit || p.start > limit || p.offset > limit {
			note(wrong("%s has %d sectors at %d", p.name, p.size, p.start))
			continue
		}
		e := Extent{Off: int64(p.start) * block, Len: int64(p.size) * block}
		if disk := b.disks[p.disk]; disk != nil {
			e.Name, e.GUID = disk.name, disk.guid
			e.Disk = b.given[disk.guid]
		}
		if e.Disk != nil {
			if e.Off > e.Disk.public.size || e.Len > e.Disk.public.size-e.Off {
				note(wrong("%s leaves the public region of %s", p.name, e.Name))
				continue
			}
			e.Off += e.Disk.public.off
		}
		v.Extents = append(v.Extents, e)
		if p.column >= uint64(len(m.columns)) {
			note(wrong("%s is in column %d of %d", p.name, p.column, len(m.columns)))
			continue
		}
		col := m.columns[p.column]
		if int64(p.offset)*block != col.size {
			note(wrong("%s begins at sector %d of its column, and %d are before it", p.name, p.offset, col.size/block))
			continue
		}
		s := span{off: e.Off, end: col.size + e.Len, name: e.Name}
		switch {
		case e.Disk == nil:
			col.missing = append(col.missing, MissingDisk{e.Name, e.GUID})
		default:
			s.r, s.size = e.Disk.r, e.Disk.size
			if e.Disk.db != nil && e.Disk.db.committed < b.db.committed {
				col.old = e.Name + " is behind the other disks"
			}
		}
		if p.flags&partitionOld != 0 {
			col.old = fmt.Sprintf("%s is marked for recovery", p.name)
		}
		col.spans = append(col.spans, s)
		col.size += e.Len
	}
	if err != nil {
		return nil, err
	}
	room := m.columns[0].size
	for _, col := range m.columns {
		room = min(room, col.size)
	}
	switch c.layout {
	case layoutStripe:
		room = stripes(room, m.stripe) * int64(len(m.columns))
	case layoutRAID5:
		room = stripes(room, m.stripe) * int64(len(m.columns)-1)
	}
	if room < v.Size {
		return nil, wrong("its partitions hold %d bytes, and the volume has %d", room, v.Size)
	}
	return m, nil
}

// stripes is the part of a column that whole stripes take.
func stripes(size, stripe int64) int64 { return size / stripe * stripe }

// connect makes the reader of v, or says what is missing.
func (b *builder) connect(v *Volume, rec *volumeRecord, mirrors []*mirror) {
	var good, old []io.ReaderAt
	var missing []MissingDisk
	for _, m := range mirrors {
		r, why, gone := m.reader()
		for _, d := range gone {
			if !slices.Contains(missing, d) {
				missing = append(missing, d)
			}
		}
		if r == nil {
			continue
		}
		if len(b.components[rec.id]) == 1 && m.layout != layoutRAID5 {
			// What exists once is not behind anything.
			why = ""
		}
		if m.old != "" {
			why = m.old
		}
		if why == "" {
			good = append(good, r)
			continue
		}
		old = append(old, r)
		v.Problems = append(v.Problems, why)
	}
	switch {
	case len(good) > 0:
		// A mirror that is behind is not read, not even where another one is
		// damaged: its bytes would be those of another day.
		if len(old) > 0 {
			v.Problems = append(v.Problems, fmt.Sprintf("%d of its %d mirrors are out of date and not read", len(old), len(mirrors)))
		}
		v.reader = mirrored(good)
	case len(old) > 0:
		if len(b.components[rec.id]) > 1 {
			v.Problems = append(v.Problems, "only a mirror that is out of date is there: its content is older than that of the other one")
		}
		v.reader = old[0]
	default:
		v.Err = &MissingError{Volume: v.Name, Layout: v.Layout, Disks: missing}
		return
	}
	if len(missing) > 0 {
		v.Problems = append(v.Problems, fmt.Sprintf("read without %s, which is not given", (&MissingError{Disks: missing}).Names()))
	}
	if rec.state != "ACTIVE" {
		v.Problems = append(v.Problems, fmt.Sprintf("Windows marked the volume %s", rec.state))
	}
}
