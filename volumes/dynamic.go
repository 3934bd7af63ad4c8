package volumes

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/coldstate/coldstate/volumes/ldm"
	"github.com/coldstate/coldstate/volumes/partition"
)

// Dynamic tells how a volume of dynamic disks is put together.
type Dynamic struct {
	Name   string // of the volume in the disk group: "Volume1"
	Group  string // of the disk group: "PC-Dg0"
	Layout string // "simple", "spanned", "striped", "mirrored", "RAID-5" …
	// Extents are its pieces, mirror by mirror, column by column, in order.
	Extents []DynamicExtent
	// Problems says what its bytes are without, or out of date with.
	Problems []string

	reader io.ReaderAt
}

// DynamicExtent is a piece of a disk.
type DynamicExtent struct {
	Source *Source // nil when the disk is not given
	Disk   string  // its name in the disk group: "Disk1"
	GUID   string  // of the disk
	// Offset and Size are bytes of the source; the offset is 0 when the disk
	// is not given.
	Offset, Size int64
}

// String says how the volume lies on the disks: "dynamic disk, spanned:
// Volume1 on Disk1, Disk2 (not given)".
func (d *Dynamic) String() string {
	s := fmt.Sprintf("dynamic disk, %s: %s on ", d.Layout, d.Name)
	seen := map[string]bool{}
	for _, e := range d.Extents {
		name := cmp.Or(e.Disk, "an unknown disk")
		if e.Source == nil {
			name += " (not given)"
		}
		if !seen[name] {
			if len(seen) > 0 {
				s += ", "
			}
			s += name
			seen[name] = true
		}
	}
	if len(seen) == 0 {
		s += "unknown disks"
	}
	return s
}

// HasDynamicID says whether id, which stands behind "DMIO:ID:" in
// MountedDevices, is of this volume of dynamic disks. The database has GUIDs in
// the order of their text, and the registry has others in the order of memory;
// no documentation says that it is so for these, so either order is taken: with
// 128 bits none is met by chance.
func (v *Volume) HasDynamicID(id [16]byte) bool {
	if v.DynamicID == [16]byte{} {
		return false
	}
	return id == v.DynamicID || ldm.GUID(id).Mixed() == v.DynamicID
}

// DynamicDisk is a source that is a disk of a disk group.
type DynamicDisk struct {
	Name  string // in the disk group: "Disk1", "" when it is not known
	GUID  string
	Group string // "PC-Dg0"
	// Volumes are those that lie on the disk, in order of their first piece
	// on it. Only the ones that begin here are in Source.Volumes.
	Volumes []*Volume
}

// isLDM says whether p belongs to a dynamic disk.
func isLDM(p *partition.Partition) bool {
	return p.Type == partition.TypeLDMData || p.Type == partition.TypeLDMMetadata || p.MBRType == 0x42
}

// readLDM reads the database of a disk that has partitions of a dynamic disk.
func (src *Source) readLDM() {
	dynamic := false
	var off, size int64
	for i := range src.Table.Partitions {
		p := &src.Table.Partitions[i]
		dynamic = dynamic || isLDM(p)
		if p.Type == partition.TypeLDMMetadata {
			off, size = p.Offset, p.Size
		}
	}
	if !dynamic {
		return
	}
	if src.ldm, src.ldmErr = ldm.ReadDisk(src.reader, src.Size, off, size); src.ldm != nil {
		src.Problems = append(src.Problems, src.ldm.Problems...)
	}
}

// assemble puts the volumes of dynamic disks in the place of the partitions
// that hold them, and gives all volumes of the set their numbers.
func (s *Set) assemble() {
	a := assembly{sources: map[*ldm.Disk]*Source{}, place: map[*Volume]int64{}}
	var disks []*ldm.Disk
	for _, src := range s.Sources {
		for _, v := range src.Volumes {
			v.Source = src
		}
		src.explain(src.ldmErr)
		if src.ldm != nil {
			a.sources[src.ldm] = src
			disks = append(disks, src.ldm)
			src.explain(fmt.Errorf("another source is the same dynamic disk {%s}, and is used", src.ldm.GUID))
		}
	}
	groups := ldm.Assemble(disks)
	for _, g := range groups {
		a.group(g)
	}
	for _, src := range s.Sources {
		slices.SortStableFunc(src.Volumes, func(x, y *Volume) int {
			return cmp.Compare(cmp.Or(a.place[x], x.Offset), cmp.Or(a.place[y], y.Offset))
		})
		if src.Dynamic != nil {
			slices.SortStableFunc(src.Dynamic.Volumes, func(x, y *Volume) int {
				return cmp.Compare(x.Dynamic.firstOn(src), y.Dynamic.firstOn(src))
			})
		}
		for _, v := range src.Volumes {
			v.Number = len(s.Volumes) + 1
			s.Volumes = append(s.Volumes, v)
		}
	}
	for _, g := range groups {
		s.tellMissing(a.sources[g.Disks[0]], g)
	}
}

// explain says why the partitions of a dynamic disk cannot be read.
func (src *Source) explain(reason error) {
	for _, v := range src.Volumes {
		if v.Kind == kindLDM && v.Dynamic == nil {
			v.reason = reason
		}
	}
}

// assembly is what belongs together while the volumes of groups are entered.
type assembly struct {
	sources map[*ldm.Disk]*Source
	// place is where a volume stands among those of its source.
	place map[*Volume]int64
}

// group enters the volumes of g into the sources that are its disks.
func (a *assembly) group(g *ldm.Group) {
	first := a.sources[g.Disks[0]]
	first.Problems = append(first.Problems, g.Problems...)
	for _, d := range g.Disks {
		src := a.sources[d]
		src.Dynamic = &DynamicDisk{Name: d.Name, GUID: d.GUID.String(), Group: g.Name}
		switch {
		case g.Err != nil:
			src.explain(g.Err)
		case d.Name == "":
			src.explain(fmt.Errorf("the group %s of dynamic disks does not have this disk {%s}", g.Name, d.GUID))
		default:
			src.Volumes = slices.DeleteFunc(src.Volumes, func(v *Volume) bool { return v.Kind == kindLDM && v.Dynamic == nil })
		}
	}
	for _, lv := range g.Volumes {
		v := &Volume{Source: first, Size: lv.Size, Kind: kindLDM, DynamicID: lv.GUID.Mixed(), reason: lv.Err}
		v.Dynamic = &Dynamic{Name: lv.Name, Group: g.Name, Layout: lv.Layout, Problems: lv.Problems, reader: lv.Reader()}
		a.place[v] = math.MaxInt64
		for _, e := range lv.Extents {
			de := DynamicExtent{Source: a.sources[e.Disk], Disk: e.Name, GUID: e.GUID.String(), Size: e.Len}
			if de.Source != nil {
				de.Offset = e.Off
				if a.place[v] == math.MaxInt64 {
					v.Source, v.Offset, a.place[v] = de.Source, e.Off, e.Off
				}
				if d := de.Source.Dynamic; !slices.Contains(d.Volumes, v) {
					d.Volumes = append(d.Volumes, v)
				}
			}
			v.Dynamic.Extents = append(v.Dynamic.Extents, de)
		}
		if lv.Err == nil {
			v.Kind = contentKind(v.Dynamic.reader, 0, v.Size)
		}
		v.Source.Volumes = append(v.Source.Volumes, v)
		for _, p := range lv.Problems {
			v.Source.Problems = append(v.Source.Problems, fmt.Sprintf("dynamic volume %s: %s", lv.Name, p))
		}
	}
}

// tellMissing says in one sentence, at the first disk of a group, which other
// ones are to be added.
func (s *Set) tellMissing(src *Source, g *ldm.Group) {
	var disks, numbers []string
	for _, v := range s.Volumes {
		missing, ok := errors.AsType[*ldm.MissingError](v.reason)
		if !ok || !slices.ContainsFunc(g.Volumes, func(lv *ldm.Volume) bool { return lv.Err == v.reason }) {
			continue
		}
		numbers = append(numbers, strconv.Itoa(v.Number))
		for _, d := range missing.Disks {
			if name := cmp.Or(d.Name, d.String()); !slices.Contains(disks, name) {
				disks = append(disks, name)
			}
		}
	}
	if len(disks) == 0 {
		return
	}
	slices.SortFunc(disks, compareNames)
	volumes := "volume "
	if len(numbers) > 1 {
		volumes = "volumes "
	}
	src.Problems = append(src.Problems, fmt.Sprintf("add the dynamic disks %s of the group %s as further SOURCEs: %s cannot be read without them", strings.Join(disks, ", "), g.Name, volumes+strings.Join(numbers, ", ")))
}

// compareNames puts Disk2 before Disk10.
func compareNames(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// String names the disk, its group, and the volumes on it.
func (d *DynamicDisk) String() string {
	s := fmt.Sprintf("dynamic disk %s {%s} of the group %s", cmp.Or(d.Name, "without a name"), d.GUID, d.Group)
	for i, v := range d.Volumes {
		if i == 0 {
			s += " with pieces of volume "
		} else {
			s += ", "
		}
		s += strconv.Itoa(v.Number)
	}
	return s
}

// firstOn is the place of the first piece on src.
func (d *Dynamic) firstOn(src *Source) int64 {
	first := int64(math.MaxInt64)
	for _, e := range d.Extents {
		if e.Source == src {
			first = min(first, e.Offset)
		}
	}
	return first
}
