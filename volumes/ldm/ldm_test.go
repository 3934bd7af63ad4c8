package ldm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/diskgen"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// noise is n bytes that are the same for each name.
func noise(name string, n int) *bytes.Reader {
	var seed [32]byte
	copy(seed[:], name)
	b := make([]byte, n)
	rand.NewChaCha8(seed).Read(b)
	return bytes.NewReader(b)
}

func guid(n int) string { return fmt.Sprintf("%08x-aaaa-11e1-8cf9-0123456789ab", n) }

// testGroup has every layout over disks with MBR and GPT, of which the last has
// sectors of the given size.
func testGroup(sector int) *diskgen.LDMGroup {
	g := &diskgen.LDMGroup{Name: "PC-Dg0", GUID: guid(1), Disks: []diskgen.LDMDisk{
		{Name: "Disk1", GUID: guid(0x11), Size: 8 * mib},
		{Name: "Disk2", GUID: guid(0x12), Size: 8 * mib, GPT: true},
		{Name: "Disk3", GUID: guid(0x13), Size: 9 * mib, Binary: true},
		{Name: "Disk4", GUID: guid(0x14), Size: 9 * mib, GPT: true, Binary: true, Sector: sector},
	}}
	column := func(p ...diskgen.LDMPiece) [][]diskgen.LDMPiece { return [][]diskgen.LDMPiece{p} }
	add := func(name string, size int, m ...diskgen.LDMMirror) {
		n := len(g.Volumes)
		g.Volumes = append(g.Volumes, diskgen.LDMVolume{Name: name, GUID: guid(0x100 + n), Letter: string(rune('C'+n)) + ":", Size: int64(size), Content: noise(name, size), Mirrors: m})
	}
	add("Simple1", mib, diskgen.LDMMirror{Columns: column(diskgen.LDMPiece{Disk: 0, Size: mib})})
	add("Simple2", mib, diskgen.LDMMirror{Columns: column(
		diskgen.LDMPiece{Disk: 3, Start: 512 * kib, Size: 256 * kib}, diskgen.LDMPiece{Disk: 3, Size: 256 * kib}, diskgen.LDMPiece{Disk: 3, Start: mib, Size: 512 * kib})})
	add("Spanned1", 2*mib+512, diskgen.LDMMirror{Columns: column(
		diskgen.LDMPiece{Disk: 1, Start: 64 * kib, Size: 1536*kib + 512}, diskgen.LDMPiece{Disk: 0, Start: mib, Size: 512 * kib})})
	add("Stripe1", 1200*kib+1536, diskgen.LDMMirror{Stripe: 64 * kib, Columns: [][]diskgen.LDMPiece{
		{{Disk: 2, Size: 640 * kib}}, {{Disk: 1, Start: 2 * mib, Size: 640 * kib}}, {{Disk: 3, Start: 2 * mib, Size: 448 * kib}}}})
	add("Mirror1", mib, diskgen.LDMMirror{Columns: column(diskgen.LDMPiece{Disk: 0, Start: 2 * mib, Size: mib})},
		diskgen.LDMMirror{Columns: column(diskgen.LDMPiece{Disk: 2, Start: mib, Size: mib})})
	add("Raid1", 1500*kib, diskgen.LDMMirror{RAID5: true, Stripe: 16 * kib, Columns: [][]diskgen.LDMPiece{
		{{Disk: 1, Start: 3 * mib, Size: 512 * kib}}, {{Disk: 0, Start: 3 * mib, Size: 512 * kib}}, {{Disk: 3, Start: 3 * mib, Size: 512 * kib}}, {{Disk: 2, Start: 3 * mib, Size: 512 * kib}}}})
	add("Mirror2", mib, diskgen.LDMMirror{Columns: column(diskgen.LDMPiece{Disk: 0, Start: 4 * mib, Size: 768 * kib}, diskgen.LDMPiece{Disk: 1, Start: 4 * mib, Size: 256 * kib})},
		diskgen.LDMMirror{Stripe: 32 * kib, Columns: [][]diskgen.LDMPiece{{{Disk: 2, Start: 4 * mib, Size: 512 * kib}}, {{Disk: 3, Start: 4 * mib, Size: 512 * kib}}}})
	return g
}

var layouts = []string{"simple", "simple", "spanned", "striped", "mirrored", "RAID-5", "mirrored spanned"}

// media is a disk with bad sectors.
type media struct {
	*diskgen.LDMImage
	bad []region
}

var errMedium = errors.New("bad sector")

func (m *media) ReadAt(p []byte, off int64) (int, error) {
	n := int64(len(p))
	for _, b := range m.bad {
		if off+n > b.off && off < b.off+b.size {
			n = min(n, max(0, b.off-off))
		}
	}
	if n < int64(len(p)) {
		k, _ := m.LDMImage.ReadAt(p[:n], off)
		return k, errMedium
	}
	return m.LDMImage.ReadAt(p, off)
}

func openMedia(t testing.TB, g *diskgen.LDMGroup, m []*media, which ...int) *Group {
	t.Helper()
	var disks []*Disk
	for _, i := range which {
		off, size := int64(0), int64(0)
		if d := g.Disks[i]; d.GPT {
			off, size = 34*int64(max(d.Sector, 512)), mib
		}
		d, err := ReadDisk(m[i], m[i].Size(), off, size)
		if err != nil {
			t.Fatalf("%s: %v", g.Disks[i].Name, err)
		}
		disks = append(disks, d)
	}
	groups := Assemble(disks)
	if len(groups) != 1 {
		t.Fatalf("%d groups", len(groups))
	}
	return groups[0]
}

func makeMedia(g *diskgen.LDMGroup) []*media {
	var m []*media
	for _, img := range diskgen.LDM(g) {
		m = append(m, &media{LDMImage: img})
	}
	return m
}

// check compares the bytes of a volume with what was written.
func check(t *testing.T, v *Volume, want *diskgen.LDMVolume) {
	t.Helper()
	if v.Err != nil {
		t.Errorf("%s: %v", v.Name, v.Err)
		return
	}
	content := make([]byte, want.Size)
	want.Content.ReadAt(content, 0)
	if v.Size != want.Size || v.Name != want.Name || v.GUID.String() != want.GUID {
		t.Errorf("%s {%s}, %d bytes; want %s {%s}, %d", v.Name, v.GUID, v.Size, want.Name, want.GUID, want.Size)
		return
	}
	got := make([]byte, v.Size)
	if n, err := v.Reader().ReadAt(got, 0); n != len(got) || err != nil && err != io.EOF || !bytes.Equal(got, content) {
		at := 0
		for at < n && got[at] == content[at] {
			at++
		}
		t.Errorf("%s: %d bytes, %v; the first wrong byte is %d", v.Name, n, err, at)
		return
	}
}

// checkRanges does the same with ranges anywhere.
func checkRanges(t *testing.T, v *Volume, want *diskgen.LDMVolume) {
	t.Helper()
	if v.Err != nil || v.Size != want.Size {
		return // check has told it
	}
	content, got := make([]byte, want.Size), make([]byte, 200*kib)
	want.Content.ReadAt(content, 0)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		off := rnd.Int64N(v.Size)
		n := min(rnd.Int64N(200*kib)+1, v.Size-off)
		if k, err := v.Reader().ReadAt(got[:n], off); int64(k) != n || err != nil && err != io.EOF || !bytes.Equal(got[:n], content[off:off+n]) {
			t.Errorf("%s: %d bytes at %d: %d, %v", v.Name, n, off, k, err)
			return
		}
	}
}

func TestLayouts(t *testing.T) {
	for _, sector := range []int{512, 4096} {
		g := testGroup(sector)
		got := openMedia(t, g, makeMedia(g), 0, 1, 2, 3)
		if got.Err != nil || len(got.Problems) > 0 || len(got.Disks) != 4 || got.Name != "PC-Dg0" || got.GUID.String() != g.GUID {
			t.Errorf("group %+v", got)
		}
		if len(got.Volumes) != len(g.Volumes) {
			t.Fatalf("%d volumes", len(got.Volumes))
		}
		for i, v := range got.Volumes {
			check(t, v, &g.Volumes[i])
			checkRanges(t, v, &g.Volumes[i])
			if v.Layout != layouts[i] || len(v.Problems) > 0 {
				t.Errorf("%s is %s, problems %q", v.Name, v.Layout, v.Problems)
			}
		}
		// The pieces are where they were put.
		want := fmt.Sprintf("Disk2+%d Disk1+%d", g.Disks[1].Places().Public+64*kib, g.Disks[0].Places().Public+mib)
		e := got.Volumes[2].Extents
		if got := fmt.Sprintf("%s+%d %s+%d", e[0].Name, e[0].Off, e[1].Name, e[1].Off); got != want || e[0].Disk == nil || e[0].Disk.GUID.String() != guid(0x12) {
			t.Errorf("got %s, want %s", got, want)
		}
		if at := got.Volumes[1].GUID.Mixed(); fmt.Sprintf("%x", at) != "01010000aaaae1118cf90123456789ab" {
			t.Errorf("in the order of the registry %x", at)
		}
	}
}

// missing names the disks without which v cannot be read.
func missing(v *Volume) string {
	var e *MissingError
	if v.Err == nil || !errors.As(v.Err, &e) {
		return fmt.Sprint(v.Err)
	}
	var names []string
	for _, d := range e.Disks {
		names = append(names, d.Name)
		if !strings.Contains(v.Err.Error(), d.Name+" {"+d.GUID.String()+"}") {
			return "not said: " + v.Err.Error()
		}
	}
	return strings.Join(names, " ")
}

// Each disk is taken away: mirrors and RAID-5 are whole all the same, and the
// other volumes name the disk.
func TestMissingDisk(t *testing.T) {
	g := testGroup(512)
	for gone, want := range [][]string{
		{"Disk1", "", "Disk1", "", "", "", ""},
		{"", "", "Disk2", "Disk2", "", "", ""},
		{"", "", "", "Disk3", "", "", ""},
		{"", "Disk4", "", "Disk4", "", "", ""},
	} {
		var which []int
		for i := range 4 {
			if i != gone {
				which = append(which, i)
			}
		}
		got := openMedia(t, g, makeMedia(g), which...)
		for i, v := range got.Volumes {
			if want[i] == "" {
				check(t, v, &g.Volumes[i])
				checkRanges(t, v, &g.Volumes[i])
				continue
			}
			if missing(v) != want[i] || v.Reader() != nil {
				t.Errorf("without Disk%d: %s: %v", gone+1, v.Name, v.Err)
			}
		}
		if p := got.Volumes[5].Problems; len(p) != 1 || !strings.Contains(p[0], fmt.Sprintf("without Disk%d {", gone+1)) {
			t.Errorf("RAID-5 without Disk%d: problems %q", gone+1, p)
		}
	}
	// One disk tells of all volumes, and of all disks.
	for i, want := range []string{"", "Disk4", "Disk2", "Disk3 Disk2 Disk4", "", "Disk2 Disk4 Disk3", "Disk2 Disk3 Disk4"} {
		v := openMedia(t, g, makeMedia(g), 0).Volumes[i]
		if want == "" {
			check(t, v, &g.Volumes[i])
		} else if missing(v) != want {
			t.Errorf("%s: %v; want %s", v.Name, v.Err, want)
		}
	}
}

// Damage that another copy makes good.
func TestCopies(t *testing.T) {
	junk := bytes.Repeat([]byte{0xA5}, 512)
	wipe := func(m *media, places ...int64) {
		for _, at := range places {
			m.WriteAt(junk, at)
		}
	}
	for _, tt := range []struct {
		name    string
		which   []int
		damage  func(m []*media, p []diskgen.LDMPlaces)
		problem string // of a disk or the group
	}{
		{"sector 6", []int{0, 1, 2, 3}, func(m []*media, p []diskgen.LDMPlaces) { wipe(m[0], p[0].Heads[0]) }, ""},
		{"header of a GPT disk", []int{0, 1, 2, 3}, func(m []*media, p []diskgen.LDMPlaces) { wipe(m[1], p[1].Heads[0]) }, ""},
		{"all headers but one", []int{0, 1, 2, 3}, func(m []*media, p []diskgen.LDMPlaces) { wipe(m[0], p[0].Heads[:2]...) }, ""},
		{"checksum of a header", []int{0, 1, 2, 3}, func(m []*media, p []diskgen.LDMPlaces) {
			// Says that the volumes begin elsewhere.
			m[0].WriteAt([]byte{0, 0, 1, 0}, p[0].Heads[0]+0x11F)
		}, ""},
		{"table of contents", []int{0, 1, 2, 3}, func(m []*media, p []diskgen.LDMPlaces) { wipe(m[2], p[2].TOCs[0]) }, ""},
		{"checksum of a table of contents", []int{0, 1, 2, 3}, func(m []*media, p []diskgen.LDMPlaces) {
			m[2].WriteAt([]byte{1}, p[2].TOCs[0]+0x30)
		}, "checksum"},
		{"both tables of contents", []int{0, 1, 2, 3}, func(m []*media, p []diskgen.LDMPlaces) { wipe(m[2], p[2].TOCs...) }, "no table of contents"},
		{"database", []int{0, 1, 2, 3}, func(m []*media, p []diskgen.LDMPlaces) { wipe(m[0], p[0].VMDB) }, "no head"},
		{"records", []int{0, 1, 2, 3}, func(m []*media, p []diskgen.LDMPlaces) {
			for i := range int64(64) {
				wipe(m[0], p[0].Blocks+512*i)
			}
		}, "is damaged, and not used"},
		{"all databases but one", []int{0, 1, 2, 3}, func(m []*media, p []diskgen.LDMPlaces) {
			for i := range 3 {
				wipe(m[i], p[i].VMDB)
			}
		}, "no head"},
		{"database that cannot be read", []int{0, 1, 2, 3}, func(m []*media, p []diskgen.LDMPlaces) {
			m[0].bad = []region{{p[0].VMDB, 4096}}
		}, "cannot be read"},
		{"bad sector beside the database", []int{0}, func(m []*media, p []diskgen.LDMPlaces) {
			m[0].bad = []region{{p[0].VMDB + 700*512, 512}}
		}, "cannot be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := testGroup(512)
			m := makeMedia(g)
			var places []diskgen.LDMPlaces
			for i := range g.Disks {
				places = append(places, g.Disks[i].Places())
			}
			tt.damage(m, places)
			got := openMedia(t, g, m, tt.which...)
			problems := strings.Join(got.Problems, "\n")
			for _, d := range got.Disks {
				problems += "\n" + strings.Join(d.Problems, "\n")
			}
			if tt.problem == "" && strings.TrimSpace(problems) != "" || !strings.Contains(problems, tt.problem) {
				t.Errorf("problems %q, want %q", problems, tt.problem)
			}
			for i, v := range got.Volumes {
				if len(tt.which) == 4 || i == 0 {
					check(t, v, &g.Volumes[i])
				}
			}
			if len(got.Volumes) != len(g.Volumes) {
				t.Errorf("%d volumes", len(got.Volumes))
			}
		})
	}
}

func TestNoDatabase(t *testing.T) {
	g := testGroup(512)
	m := makeMedia(g)
	for _, at := range g.Disks[0].Places().Heads {
		m[0].WriteAt([]byte("none"), at)
	}
	if d, err := ReadDisk(m[0], m[0].Size(), 0, 0); d != nil || !errors.Is(err, ErrNoDatabase) {
		t.Errorf("%v, %v", d, err)
	}
	// Of an image that is cut off the header is left.
	d, err := ReadDisk(m[2], 4*mib, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	alone := Assemble([]*Disk{d})[0]
	if alone.Err == nil || len(alone.Problems) != 1 || !strings.Contains(alone.Problems[0], "cut off") {
		t.Errorf("%v, %q", alone.Err, alone.Problems)
	}
	// Beside another disk of the group, that one's database does.
	one, err := ReadDisk(m[1], m[1].Size(), 34*512, mib)
	if err != nil {
		t.Fatal(err)
	}
	both := Assemble([]*Disk{d, one})[0]
	b := make([]byte, 512)
	want := make([]byte, 512)
	g.Volumes[4].Content.ReadAt(want, 0)
	if v := both.Volumes[4]; v.Err != nil {
		t.Error(v.Err)
	} else if _, err := v.Reader().ReadAt(b, 0); err != nil || !bytes.Equal(b, want) {
		t.Error(err)
	}
	// A disk is taken once.
	if g := Assemble([]*Disk{one, one}); len(g) != 1 || len(g[0].Disks) != 1 {
		t.Errorf("%d groups of %d", len(g), len(g[0].Disks))
	}
}

// Headers of what a disk was before are not believed, however new they are.
func TestLeftovers(t *testing.T) {
	g := testGroup(512)
	m := makeMedia(g)
	p := g.Disks[0].Places()
	old := make([]byte, 512)
	m[0].ReadAt(old, p.Heads[0])
	copy(old[0x30:], guid(0x99))
	copy(old[0xB0:], guid(0x98))
	old[0x1F] = 200 // update sequence number
	diskgen.LDMSum(old)
	m[0].WriteAt(old, p.Heads[1]-4096)
	got := openMedia(t, g, m, 0, 1, 2, 3)
	if len(got.Disks) != 4 || len(got.Problems) > 0 {
		t.Fatalf("%d disks, %q", len(got.Disks), got.Problems)
	}
	check(t, got.Volumes[0], &g.Volumes[0])
	// Of the disk's own headers the newest one counts.
	own := make([]byte, 512)
	m[0].ReadAt(own, p.Heads[0])
	own[0x1F] = 3
	diskgen.LDMSum(own)
	m[0].WriteAt(own, p.Heads[0])
	if got = openMedia(t, g, m, 0, 1, 2, 3); len(got.Disks[0].Problems) > 0 {
		t.Errorf("problems %q", got.Disks[0].Problems)
	}
}

// A lost record costs the volumes that need it and no other, and is said.
func TestLostRecord(t *testing.T) {
	g := testGroup(512)
	m := makeMedia(g)
	lost := 0
	for i := range int64(200) {
		b := make([]byte, 128)
		m[0].ReadAt(b, g.Disks[0].Places().Blocks+128*i)
		if binary.BigEndian.Uint32(b[8:]) == 0 {
			continue
		}
		put := func(b []byte) {
			for d := range m {
				m[d].WriteAt(b, g.Disks[d].Places().Blocks+128*i)
			}
		}
		put(make([]byte, 128))
		got := openMedia(t, g, m, 0, 1, 2, 3)
		put(b)
		if len(got.Problems) == 0 {
			t.Errorf("block %d: nothing is said", i)
		}
		bad := 0
		for _, v := range got.Volumes {
			want := slices.IndexFunc(g.Volumes, func(w diskgen.LDMVolume) bool { return w.Name == v.Name })
			if v.Err != nil {
				bad++
				continue
			}
			check(t, v, &g.Volumes[want])
		}
		if n := len(g.Volumes) - len(got.Volumes); bad+n > 4 || n > 1 {
			t.Errorf("block %d: %d volumes are gone, %d cannot be read", i, n, bad)
		}
		lost++
	}
	if lost < 40 {
		t.Errorf("%d records", lost)
	}
}

// A change that is under way counts from the moment it is committed.
func TestTransactions(t *testing.T) {
	for _, tt := range []struct {
		status         uint16
		removed, added bool // whether the volume is there
	}{
		{1, true, false}, {2, true, false}, {3, false, true}, {4, true, false},
	} {
		g := testGroup(512)
		g.Status = tt.status
		g.Volumes[0].Status = 1
		g.Volumes[5].Status = 2
		got := openMedia(t, g, makeMedia(g), 0, 1, 2, 3)
		has := func(name string) bool {
			return slices.ContainsFunc(got.Volumes, func(v *Volume) bool { return v.Name == name })
		}
		if has("Simple1") != tt.removed || has("Raid1") != tt.added || !has("Stripe1") {
			t.Errorf("state %d: Simple1 %v, Raid1 %v", tt.status, has("Simple1"), has("Raid1"))
		}
		if len(got.Problems) != 1 || !strings.Contains(got.Problems[0], "was not finished") {
			t.Errorf("state %d: problems %q", tt.status, got.Problems)
		}
	}
}

// Sectors that one disk cannot give come from the other mirror and by parity;
// where there is neither, the bytes before them are given.
func TestBadSectors(t *testing.T) {
	g := testGroup(512)
	m := makeMedia(g)
	public := func(i int) int64 { return g.Disks[i].Places().Public }
	m[0].bad = []region{
		{public(0) + 700*kib, 512},          // Simple1
		{public(0) + 2*mib + 100*kib, 4096}, // Mirror1
		{public(0) + 3*mib + 20*kib, 8192},  // Raid1
	}
	m[2].bad = []region{{public(2) + mib + 300*kib, 1024}} // Mirror1
	got := openMedia(t, g, m, 0, 1, 2, 3)
	check(t, got.Volumes[4], &g.Volumes[4])
	check(t, got.Volumes[5], &g.Volumes[5])
	b, want := make([]byte, mib), make([]byte, mib)
	g.Volumes[0].Content.ReadAt(want, 0)
	n, err := got.Volumes[0].Reader().ReadAt(b, 0)
	if n != 700*kib || !errors.Is(err, errMedium) || !bytes.Equal(b[:n], want[:n]) || !strings.Contains(err.Error(), "Disk1, byte ") {
		t.Errorf("%d, %v", n, err)
	}
	// Behind the bad sector it goes on.
	if n, err := got.Volumes[0].Reader().ReadAt(b[:1024], 700*kib+512); n != 1024 || err != nil || !bytes.Equal(b[:n], want[700*kib+512:][:n]) {
		t.Errorf("%d, %v", n, err)
	}
	// The same place of both mirrors, and two places of a row.
	m[2].bad = append(m[2].bad, region{public(2) + mib + 101*kib, 512})
	g.Volumes[4].Content.ReadAt(want, 0)
	n, err = got.Volumes[4].Reader().ReadAt(b, 0)
	if n != 101*kib || !errors.Is(err, errMedium) || !bytes.Equal(b[:n], want[:n]) {
		t.Errorf("mirror: %d, %v", n, err)
	}
	m[3].bad = []region{{public(3) + 3*mib + 20*kib, 512}}
	g.Volumes[5].Content.ReadAt(want, 0)
	v := got.Volumes[5]
	good := 0
	for off := int64(0); off < v.Size; off += 512 {
		n, err := v.Reader().ReadAt(b[:512], off)
		at := want
		if off < mib {
			at = want[off:]
		}
		switch {
		case err == nil && n == 512:
			good++
			if off < mib && !bytes.Equal(b[:512], at[:512]) {
				t.Fatalf("RAID-5: wrong bytes at %d", off)
			}
		case !errors.Is(err, errMedium):
			t.Fatal(err)
		}
	}
	// A sector of the row is lost on each of the two disks, as far as it is
	// data and no parity.
	if lost := int(v.Size/512) - good; lost != 2 && lost != 1 {
		t.Errorf("RAID-5: %d sectors lost", lost)
	}
	// An image that was cut off.
	d, err := ReadDisk(m[0], m[0].Size(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	d.size = public(0) + 512*kib
	g.Volumes[0].Content.ReadAt(want, 0)
	n, err = Assemble([]*Disk{d})[0].Volumes[0].Reader().ReadAt(b, 0)
	if n != 512*kib || !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(b[:n], want[:n]) {
		t.Errorf("cut off: %d, %v", n, err)
	}
}

// A mirror or column that is behind is not read while there is another way.
func TestOutOfDate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(g *diskgen.LDMGroup)
		volume int
	}{
		{"mirror, first half", func(g *diskgen.LDMGroup) {
			g.Volumes[4].Mirrors[0].State, g.Volumes[4].Mirrors[0].Content = "STALE", noise("old", mib)
		}, 4},
		{"mirror, second half", func(g *diskgen.LDMGroup) {
			g.Volumes[4].Mirrors[1].Flags, g.Volumes[4].Mirrors[1].Content = 0x02, noise("old", mib)
		}, 4},
		{"mirror on a disk that was away", func(g *diskgen.LDMGroup) {
			g.Disks[0].Behind, g.Volumes[4].Mirrors[0].Content = 3, noise("old", mib)
		}, 4},
	} {
		g := testGroup(512)
		tt.change(g)
		got := openMedia(t, g, makeMedia(g), 0, 1, 2, 3)
		v := got.Volumes[tt.volume]
		check(t, v, &g.Volumes[tt.volume])
		if len(v.Problems) == 0 || !strings.Contains(strings.Join(v.Problems, "\n"), "not read") {
			t.Errorf("%s: problems %q", tt.name, v.Problems)
		}
		// What is on one disk only is as it was.
		check(t, got.Volumes[0], &g.Volumes[0])
	}
	// Without the other half the old one is better than nothing, and said.
	g := testGroup(512)
	g.Volumes[4].Mirrors[0].State, g.Volumes[4].Mirrors[0].Content = "STALE", noise("old", mib)
	m := makeMedia(g)
	v := openMedia(t, g, m, 0).Volumes[4]
	old := g.Volumes[4]
	old.Content = noise("old", mib)
	check(t, v, &old)
	if p := strings.Join(v.Problems, "\n"); !strings.Contains(p, "older") || !strings.Contains(p, "STALE") || !strings.Contains(p, "without Disk3") {
		t.Errorf("problems %q", v.Problems)
	}
	// A column of a RAID-5 on a disk that was away is computed.
	g = testGroup(512)
	g.Disks[3].Behind = 2
	m = makeMedia(g)
	m[3].WriteAt(bytes.Repeat([]byte{0x11}, 512*kib), g.Disks[3].Places().Public+3*mib)
	check(t, openMedia(t, g, m, 0, 1, 2, 3).Volumes[5], &g.Volumes[5])
	// With another column missing there is no way to tell.
	if v := openMedia(t, g, m, 0, 1, 3).Volumes[5]; missing(v) != "Disk3" {
		t.Errorf("RAID-5 with an old column and without another: %v", v.Err)
	}
}

// What a database may not say.
func TestHostile(t *testing.T) {
	want := testGroup(512)
	m := makeMedia(want)
	for name, change := range map[string]func(g *diskgen.LDMGroup){
		"size":             func(g *diskgen.LDMGroup) { g.Volumes[0].Size = 1 << 62 },
		"larger":           func(g *diskgen.LDMGroup) { g.Volumes[0].Size += 512 },
		"size 0":           func(g *diskgen.LDMGroup) { g.Volumes[0].Size = 0 },
		"piece too far":    func(g *diskgen.LDMGroup) { g.Volumes[0].Mirrors[0].Columns[0][0].Start = 1 << 61 },
		"piece too long":   func(g *diskgen.LDMGroup) { g.Volumes[0].Mirrors[0].Columns[0][0].Size = 1 << 61 },
		"piece of nothing": func(g *diskgen.LDMGroup) { g.Volumes[0].Mirrors[0].Columns[0][0].Size = 0 },
		"behind the public region": func(g *diskgen.LDMGroup) {
			g.Volumes[0].Mirrors[0].Columns[0][0].Start = g.Disks[0].Places().Room - 512
		},
		"no component": func(g *diskgen.LDMGroup) { g.Volumes[0].Mirrors = nil },
		"no piece":     func(g *diskgen.LDMGroup) { g.Volumes[0].Mirrors[0].Columns = nil },
		"stripes of 2^50": func(g *diskgen.LDMGroup) {
			g.Volumes[0].Mirrors[0].Stripe = 1 << 50
		},
		"RAID-5 of one": func(g *diskgen.LDMGroup) {
			g.Volumes[0].Mirrors[0].Stripe, g.Volumes[0].Mirrors[0].RAID5 = 4096, true
		},
	} {
		g := testGroup(512)
		for i := range g.Volumes {
			g.Volumes[i].Content = nil
		}
		change(g)
		// The database of it over the content of the others.
		for i, img := range diskgen.LDM(g) {
			p := g.Disks[i].Places()
			b := make([]byte, 512+200*128)
			img.ReadAt(b, p.VMDB)
			m[i].WriteAt(b, p.VMDB)
		}
		got := openMedia(t, g, m, 0, 1, 2, 3)
		if v := got.Volumes[0]; v.Err == nil || v.Reader() != nil {
			t.Errorf("%s: %s can be read", name, v.Name)
		}
		for i := 1; i < len(got.Volumes); i++ {
			check(t, got.Volumes[i], &want.Volumes[i])
		}
	}
}

func FuzzDatabase(f *testing.F) {
	for _, status := range []uint16{1, 3} {
		g := testGroup(512)
		g.Status = status
		g.Volumes[1].Status = 2
		img := diskgen.LDM(g)[0]
		p := g.Disks[0].Places()
		b := make([]byte, 512+130*128)
		img.ReadAt(b, p.VMDB)
		binary.BigEndian.PutUint32(b[4:], 134)
		f.Add(b)
		db, err := parseDatabase(b, mustGUID(f, g.GUID))
		if err != nil || len(db.volumes) != 6+int(status/3) || len(db.disks) != 4 {
			f.Fatalf("a seed without volumes: %v", err)
		}
	}
	group := mustGUID(f, guid(1))
	disk := bytes.NewReader(make([]byte, 8*mib))
	f.Fuzz(func(t *testing.T, b []byte) {
		db, err := parseDatabase(b, group)
		if err != nil {
			return
		}
		if n := len(db.volumes) + len(db.components) + len(db.partitions) + len(db.disks); n > len(b)/minBlock {
			t.Fatalf("%d records in %d bytes", n, len(b))
		}
		var disks []*Disk
		for i := range 3 {
			disks = append(disks, &Disk{GUID: mustGUID(t, guid(0x11+i)), Group: group, r: disk, size: 8 * mib, public: region{63 * 512, 6 * mib}, db: db})
		}
		g := Assemble(disks)[0]
		p := make([]byte, 100*kib)
		for _, v := range g.Volumes {
			if v.Err != nil {
				continue
			}
			if v.Size <= 0 || v.Reader() == nil {
				t.Fatalf("%+v", v)
			}
			for _, off := range []int64{0, v.Size / 3, v.Size - 1} {
				n := int(min(int64(len(p)), v.Size-off))
				if k, err := v.Reader().ReadAt(p[:n], off); k != n {
					t.Fatalf("%s: %d of %d bytes at %d of disks without faults: %v", v.Name, k, n, off, err)
				}
			}
		}
	})
}

// smallDisk is a disk of 32 KiB with a database: the fuzzer is quick with it.
func smallDisk() (disk, head, toc []byte) {
	g := testGroup(512)
	img := diskgen.LDM(g)[0]
	p := g.Disks[0].Places()
	head, toc = make([]byte, 512), make([]byte, 512)
	img.ReadAt(head, p.Heads[0])
	img.ReadAt(toc, p.TOCs[0])
	binary.BigEndian.PutUint64(head[0x12B:], 8)
	binary.BigEndian.PutUint64(head[0x133:], 56)
	binary.BigEndian.PutUint64(toc[0x24+10:], 4)
	binary.BigEndian.PutUint64(toc[0x24+18:], 40)
	diskgen.LDMSum(head)
	diskgen.LDMSum(toc)
	disk = make([]byte, 64*512)
	img.ReadAt(disk[(8+4)*512:], p.VMDB)
	return disk, head, toc
}

func FuzzDisk(f *testing.F) {
	disk, head, toc := smallDisk()
	f.Add(head, toc)
	f.Fuzz(func(t *testing.T, head, toc []byte) {
		copy(disk[6*512:7*512], head)
		copy(disk[(8+2)*512:(8+3)*512], toc)
		// A fuzzer never finds a checksum.
		diskgen.LDMSum(disk[6*512 : 7*512])
		diskgen.LDMSum(disk[(8+2)*512 : (8+3)*512])
		d, err := ReadDisk(bytes.NewReader(disk), int64(len(disk)), 0, 0)
		if err != nil {
			if !errors.Is(err, ErrNoDatabase) {
				t.Fatal(err)
			}
			return
		}
		for _, v := range Assemble([]*Disk{d})[0].Volumes {
			if v.Err == nil {
				v.Reader().ReadAt(make([]byte, 1000), v.Size/2)
			}
		}
	})
}

// The disk of the fuzzer has what it is for.
func TestSmallDisk(t *testing.T) {
	disk, head, toc := smallDisk()
	copy(disk[6*512:], head)
	copy(disk[(8+2)*512:], toc)
	d, err := ReadDisk(bytes.NewReader(disk), int64(len(disk)), 0, 0)
	if err != nil || d.db == nil || len(d.db.volumes) != 7 {
		t.Fatalf("%v, %v", err, d)
	}
}

func mustGUID(t testing.TB, s string) GUID {
	g, ok := parseGUID([]byte(s))
	if !ok {
		t.Fatal(s)
	}
	return g
}
