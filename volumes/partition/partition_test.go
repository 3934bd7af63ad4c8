package partition

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// sparse is a disk of any size of which only a few places are not zero.
type sparse struct {
	size  int64
	parts map[int64][]byte
	bad   func(off int64, n int) error // unreadable places
}

func (d *sparse) ReadAt(p []byte, off int64) (int, error) {
	if off >= d.size {
		return 0, io.EOF
	}
	if d.bad != nil {
		if err := d.bad(off, len(p)); err != nil {
			return 0, err
		}
	}
	n := len(p)
	var err error
	if int64(n) > d.size-off {
		n, err = int(d.size-off), io.EOF
	}
	clear(p[:n])
	for at, b := range d.parts {
		if lo, hi := max(at, off), min(at+int64(len(b)), off+int64(n)); lo < hi {
			copy(p[lo-off:hi-off], b[lo-at:])
		}
	}
	return n, err
}

func (d *sparse) put(off int64, b []byte) {
	if d.parts == nil {
		d.parts = map[int64][]byte{}
	}
	d.parts[off] = b
}

type entry struct {
	typ, guid   string // hex, in the byte order of the disk
	first, last uint64
	name        string
}

const (
	basicDisk = "a2a0d0ebe5b9334487c068b6b72699c7" // EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
	efiDisk   = "28732ac11ff8d211ba4b00a0c93ec93b" // C12A7328-F81F-11D2-BA4B-00A0C93EC93B
	guidA     = "0102030405060708090a0b0c0d0e0f10"
	guidB     = "1112131415161718191a1b1c1d1e1f20"
	diskGUID  = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0"
)

func unhex(s string) []byte {
	b := make([]byte, len(s)/2)
	for i := range b {
		v, err := strconv.ParseUint(s[2*i:2*i+2], 16, 8)
		if err != nil {
			panic(err)
		}
		b[i] = byte(v)
	}
	return b
}

type gptOptions struct {
	sector, entrySize, entries int
	headerSize                 int
	header                     func(h []byte) // changed before the checksum
}

// writeGPT puts a protective MBR and both copies of a GPT on d.
func writeGPT(d *sparse, o gptOptions, parts ...entry) {
	if o.sector == 0 {
		o.sector = 512
	}
	if o.entrySize == 0 {
		o.entrySize = 128
	}
	if o.entries == 0 {
		o.entries = 128
	}
	if o.headerSize == 0 {
		o.headerSize = 92
	}
	le := binary.LittleEndian
	mbr := make([]byte, o.sector)
	mbr[446+4] = 0xEE
	le.PutUint32(mbr[446+8:], 1)
	le.PutUint32(mbr[446+12:], 0xFFFFFFFF)
	mbr[510], mbr[511] = 0x55, 0xAA
	d.put(0, mbr)

	array := make([]byte, o.entries*o.entrySize)
	for i, p := range parts {
		e := array[i*o.entrySize:]
		copy(e, unhex(p.typ))
		copy(e[16:], unhex(p.guid))
		le.PutUint64(e[32:], p.first)
		le.PutUint64(e[40:], p.last)
		for j, u := range utf16.Encode([]rune(p.name)) {
			le.PutUint16(e[56+2*j:], u)
		}
	}
	last := uint64(d.size)/uint64(o.sector) - 1
	arraySectors := uint64((len(array) + o.sector - 1) / o.sector)
	for _, c := range []struct{ my, alt, array uint64 }{{1, last, 2}, {last, 1, last - arraySectors}} {
		h := make([]byte, o.sector)
		copy(h, "EFI PART\x00\x00\x01\x00")
		le.PutUint32(h[12:], uint32(o.headerSize))
		le.PutUint64(h[24:], c.my)
		le.PutUint64(h[32:], c.alt)
		le.PutUint64(h[40:], 34)
		le.PutUint64(h[48:], last-34)
		copy(h[56:], unhex(diskGUID))
		le.PutUint64(h[72:], c.array)
		le.PutUint32(h[80:], uint32(o.entries))
		le.PutUint32(h[84:], uint32(o.entrySize))
		le.PutUint32(h[88:], crc32.ChecksumIEEE(array))
		if o.header != nil {
			o.header(h)
		}
		le.PutUint32(h[16:], 0)
		le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:min(o.headerSize, len(h))]))
		d.put(int64(c.my)*int64(o.sector), h)
		d.put(int64(c.array)*int64(o.sector), bytes.Clone(array))
	}
}

// dosEntry is one entry of an MBR or EBR.
type dosEntry struct {
	flag, typ    byte
	first, count uint32
}

func dosSector(signature uint32, entries ...dosEntry) []byte {
	b := make([]byte, 512)
	binary.LittleEndian.PutUint32(b[440:], signature)
	for i, e := range entries {
		p := b[446+16*i:]
		p[0], p[4] = e.flag, e.typ
		binary.LittleEndian.PutUint32(p[8:], e.first)
		binary.LittleEndian.PutUint32(p[12:], e.count)
	}
	b[510], b[511] = 0x55, 0xAA
	return b
}

func summary(t *Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%d", t.Scheme, t.SectorSize)
	for _, p := range t.Partitions {
		fmt.Fprintf(&b, " %d:%d+%d:%s", p.Number, p.Offset, p.Size, p.Type)
		if p.Logical {
			b.WriteString(":logical")
		}
	}
	return b.String()
}

// check reads d and compares; problem is a pattern that the problems must
// have, "" for no problem.
func check(t *testing.T, d *sparse, want, problem string) *Table {
	t.Helper()
	table, err := Read(d, d.size, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(table); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	all := strings.Join(table.Problems, "\n")
	if problem == "" && all != "" || !regexp.MustCompile(problem).MatchString(all) {
		t.Errorf("problems %q, want %q", all, problem)
	}
	return table
}

func windowsDisk(o gptOptions) *sparse {
	d := &sparse{size: 5 << 30}
	writeGPT(d, o, entry{efiDisk, guidA, 2048, 4095, "EFI system partition"}, entry{basicDisk, guidB, 4096, 999999, "Données"})
	return d
}

const windowsDiskWant = "gpt/512 1:1048576+1048576:EFI system 2:2097152+509902848:basic data"

func TestGPT(t *testing.T) {
	table := check(t, windowsDisk(gptOptions{}), windowsDiskWant, "")
	if !bytes.Equal(table.DiskGUID[:], unhex(diskGUID)) {
		t.Errorf("disk GUID %x", table.DiskGUID)
	}
	p := table.Partitions[1]
	if !bytes.Equal(p.GUID[:], unhex(guidB)) || !bytes.Equal(p.TypeGUID[:], unhex(basicDisk)) || p.Name != "Données" {
		t.Errorf("%+v", p)
	}
	if got, want := GUIDString(p.GUID), "14131211-1615-1817-191A-1B1C1D1E1F20"; got != want {
		t.Errorf("GUID %s, want %s", got, want)
	}
	if p.MBRType != 0 || table.Signature != 0 {
		t.Errorf("MBR fields are set on a GPT disk: %+v", table)
	}
}

// Where the sector size of the disk is told, the table of that size counts: a
// disk that was partitioned with the other one keeps its old table.
func TestToldSectorSize(t *testing.T) {
	d := &sparse{size: 5 << 30}
	part := []entry{{basicDisk, guidB, 4096, 8191, "x"}}
	writeGPT(d, gptOptions{sector: 4096}, part...)
	writeGPT(d, gptOptions{sector: 512, entries: 16}, part...)
	for sector, want := range map[int]string{
		0:    "gpt/512 1:2097152+2097152:basic data",
		512:  "gpt/512 1:2097152+2097152:basic data",
		4096: "gpt/4096 1:16777216+16777216:basic data",
	} {
		table, err := Read(d, d.size, sector)
		if err != nil {
			t.Fatal(err)
		}
		if got := summary(table); got != want {
			t.Errorf("sectors of %d: got  %s\nwant %s", sector, got, want)
		}
	}
}

func TestGPTForms(t *testing.T) {
	t.Run("4096-byte sectors", func(t *testing.T) {
		check(t, windowsDisk(gptOptions{sector: 4096}), "gpt/4096 1:8388608+8388608:EFI system 2:16777216+4079222784:basic data", "")
	})
	t.Run("entries of 256 bytes", func(t *testing.T) {
		check(t, windowsDisk(gptOptions{entrySize: 256}), windowsDiskWant, "")
	})
	t.Run("1024 entries of 4096 bytes", func(t *testing.T) {
		// The partitions of the disk lie inside of the entries then.
		check(t, windowsDisk(gptOptions{entrySize: 4096, entries: 1024}), windowsDiskWant, "")
	})
	t.Run("long header", func(t *testing.T) {
		check(t, windowsDisk(gptOptions{headerSize: 512}), windowsDiskWant, "")
	})
	t.Run("4 entries", func(t *testing.T) {
		check(t, windowsDisk(gptOptions{entries: 4}), windowsDiskWant, "")
	})
	t.Run("hybrid MBR", func(t *testing.T) {
		d := windowsDisk(gptOptions{})
		d.put(0, dosSector(7, dosEntry{0, 0xEE, 1, 2047}, dosEntry{0x80, 7, 4096, 995904}))
		check(t, d, windowsDiskWant, "")
	})
	t.Run("MBR over an old GPT", func(t *testing.T) {
		d := windowsDisk(gptOptions{})
		d.put(0, dosSector(7, dosEntry{0x80, 7, 2048, 1000}))
		check(t, d, "mbr/512 1:1048576+512000:0x07 NTFS or exFAT", "")
	})
	t.Run("MBR gone", func(t *testing.T) {
		d := windowsDisk(gptOptions{})
		d.put(0, make([]byte, 512))
		check(t, d, windowsDiskWant, "")
	})
}

func TestGPTDamaged(t *testing.T) {
	backup := "primary GPT is damaged; the backup at sector 10485759 is used"
	for _, off := range []int64{512, 512 + 0x18, 1024 + 40} {
		t.Run(fmt.Sprintf("primary wrong at %d", off), func(t *testing.T) {
			d := windowsDisk(gptOptions{})
			for at, b := range d.parts {
				if at <= off && off < at+int64(len(b)) {
					b[off-at] ^= 0xFF
				}
			}
			check(t, d, windowsDiskWant, backup)
		})
	}
	t.Run("primary unreadable", func(t *testing.T) {
		d := windowsDisk(gptOptions{})
		d.bad = func(off int64, n int) error {
			if off < 4096 {
				return errors.New("bad sector")
			}
			return nil
		}
		check(t, d, windowsDiskWant, "(?s)sector 0 cannot be read: bad sector.*"+backup)
	})
	t.Run("primary wrong, image longer than the disk", func(t *testing.T) {
		d := windowsDisk(gptOptions{})
		d.size += 1 << 20
		d.parts[1024][40] ^= 1
		check(t, d, windowsDiskWant, backup)
	})
	t.Run("entries wrong in both", func(t *testing.T) {
		d := windowsDisk(gptOptions{})
		for at, b := range d.parts {
			if len(b) == 128*128 {
				_ = at
				b[127] ^= 1 // last unit of a name
			}
		}
		check(t, d, windowsDiskWant, "checksum of the entries .* no better copy")
	})
	t.Run("cut off", func(t *testing.T) {
		d := windowsDisk(gptOptions{})
		d.size = 3 << 20
		check(t, d, "gpt/512 1:1048576+1048576:EFI system 2:2097152+1048576:basic data", `partition 2 \(sectors 4096 to 999999\) runs past the end of the disk \(6144 sectors\)`)
	})
	t.Run("cut off before a partition", func(t *testing.T) {
		d := windowsDisk(gptOptions{})
		d.size = 1536 << 10
		check(t, d, "gpt/512 1:1048576+524288:EFI system 2:1572864+0:basic data", "partition 2 begins at sector 4096, past the end")
	})
	t.Run("both lost", func(t *testing.T) {
		d := windowsDisk(gptOptions{})
		for at, b := range d.parts {
			if at > 0 {
				clear(b)
			}
		}
		check(t, d, "gpt/512", "neither copy of it can be read")
	})
	t.Run("overlap", func(t *testing.T) {
		d := &sparse{size: 1 << 30}
		writeGPT(d, gptOptions{}, entry{basicDisk, guidA, 2048, 8191, ""}, entry{basicDisk, guidB, 4096, 4100, ""}, entry{basicDisk, guidB, 8191, 8192, ""})
		check(t, d, "gpt/512 1:1048576+3145728:basic data 2:2097152+2560:basic data 3:4193792+1024:basic data", "(?s)partitions 1 and 2 overlap.*partitions 1 and 3 overlap")
	})
	t.Run("end before start, whole number range", func(t *testing.T) {
		d := &sparse{size: 1 << 20}
		writeGPT(d, gptOptions{}, entry{basicDisk, guidA, 300, 200, ""}, entry{basicDisk, guidB, 0, 1<<64 - 1, ""})
		check(t, d, "gpt/512 2:0+1048576:basic data 1:153600+0:basic data", "(?s)partition 1 ends .sector 200. before.*partition 2 .* runs past the end")
	})
}

// Headers whose checksum is right and whose fields are not must be refused
// before anything is allocated.
func TestGPTHostile(t *testing.T) {
	for name, change := range map[string]func(h []byte){
		"entries 0xffffffff":      func(h []byte) { copy(h[80:84], "\xff\xff\xff\xff") },
		"entry size 0xffffffff":   func(h []byte) { copy(h[84:88], "\xff\xff\xff\xff") },
		"both":                    func(h []byte) { copy(h[80:88], "\xff\xff\xff\xff\xff\xff\xff\xff") },
		"2^20 entries of 4096":    func(h []byte) { copy(h[80:88], "\x00\x00\x10\x00\x00\x10\x00\x00") },
		"entry size 0":            func(h []byte) { copy(h[84:88], "\x00\x00\x00\x00") },
		"entry size 129":          func(h []byte) { h[84] = 129 },
		"entries behind the disk": func(h []byte) { h[72+5] = 1 },
		"entries at 2^63":         func(h []byte) { h[79] = 0x80 },
		"header size 0":           func(h []byte) { h[12] = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			d := windowsDisk(gptOptions{header: change})
			check(t, d, "gpt/512", "neither copy of it can be read")
		})
	}
}

func TestMBR(t *testing.T) {
	disk := func(size int64, parts ...any) *sparse {
		d := &sparse{size: size}
		for i := 0; i < len(parts); i += 2 {
			d.put(int64(parts[i].(int)), parts[i+1].([]byte))
		}
		return d
	}
	const big = 4 << 40
	logical := func(links ...dosEntry) *sparse {
		d := disk(big, 0, dosSector(0xdeadbeef, dosEntry{0x80, 7, 2048, 2048}, dosEntry{0, 0x0F, 8192, 100000}))
		for i := 0; i < len(links); i += 2 {
			at := int64(8192)
			if i > 0 {
				at += int64(links[i-1].first)
			}
			d.put(at*512, dosSector(0, links[i], links[i+1]))
		}
		return d
	}
	const first = "mbr/512 1:1048576+1048576:0x07 NTFS or exFAT"
	for _, tt := range []struct {
		name          string
		disk          *sparse
		want, problem string
	}{
		{"four primaries, past 2 TiB", disk(big, 0, dosSector(1,
			dosEntry{0x80, 0x07, 2048, 100}, dosEntry{0, 0x27, 0xFFFFFFFF, 2048}, dosEntry{0, 0x0C, 4096, 1}, dosEntry{0, 0x99, 8192, 10})),
			"mbr/512 1:1048576+51200:0x07 NTFS or exFAT 3:2097152+512:0x0C FAT32 4:4194304+5120:0x99 2:2199023255040+1048576:0x27 Windows RE", ""},
		{"odd boot flag", disk(big, 0, dosSector(1, dosEntry{0x01, 0x07, 2048, 100})),
			"mbr/512 1:1048576+51200:0x07 NTFS or exFAT", "boot flags"},
		{"text that ends in 55 AA", disk(1<<20, 0, dosSector(1, dosEntry{'a', 'b', 0x64636261, 0x64636261})), "none/512", "make no sense"},
		{"no signature", disk(1<<20, 0, make([]byte, 512)), "none/512", ""},
		{"no partition", disk(1<<20, 0, dosSector(9)), "mbr/512", ""},
		{"short", disk(511, 0, make([]byte, 511)), "none/512", ""},
		{"4096-byte sectors", disk(big, 0, dosSector(1, dosEntry{0x80, 0x07, 256, 1000}), 256*4096+510, []byte{0x55, 0xAA}),
			"mbr/4096 1:1048576+4096000:0x07 NTFS or exFAT", ""},
		{"logical partitions", logical(
			dosEntry{0, 7, 63, 1000}, dosEntry{0, 5, 2048, 2048},
			dosEntry{0, 0x83, 63, 500}, dosEntry{0, 5, 5000, 2048},
			dosEntry{0, 0x0B, 1, 100}, dosEntry{}),
			first + " 5:4226560+512000:0x07 NTFS or exFAT:logical 6:5275136+256000:0x83 Linux:logical 7:6754816+51200:0x0B FAT32:logical", ""},
		{"first record empty", logical(dosEntry{}, dosEntry{0, 5, 2048, 2048}, dosEntry{0, 7, 63, 500}, dosEntry{}),
			first + " 5:5275136+256000:0x07 NTFS or exFAT:logical", ""},
		{"chain to itself", logical(dosEntry{0, 7, 63, 1000}, dosEntry{0, 5, 0, 2048}),
			first + " 5:4226560+512000:0x07 NTFS or exFAT:logical", "comes back to sector 8192"},
		{"chain without signature", logical(dosEntry{0, 7, 63, 1000}, dosEntry{0, 5, 99, 2048}),
			first + " 5:4226560+512000:0x07 NTFS or exFAT:logical", "logical partition 6 at sector 8291 has no signature"},
		{"chain past the end", logical(dosEntry{0, 7, 63, 1000}, dosEntry{0, 5, 0xFFFFFFFF, 2048}),
			first + " 5:4226560+512000:0x07 NTFS or exFAT:logical", "sector 4294975487 has no signature"},
		{"logical outside", logical(dosEntry{0, 7, 63, 200000}, dosEntry{}),
			first + " 5:4226560+102400000:0x07 NTFS or exFAT:logical", "reaches out"},
		{"protective and more, GPT gone", disk(1<<30, 0, dosSector(1, dosEntry{0, 0xEE, 1, 2047})), "gpt/512", "neither copy"},
	} {
		t.Run(tt.name, func(t *testing.T) { check(t, tt.disk, tt.want, tt.problem) })
	}
	table, err := Read(disk(1<<20, 0, dosSector(0x12345678)), 1<<20, 0)
	if err != nil || table.Signature != 0x12345678 {
		t.Errorf("signature %#x, %v", table.Signature, err)
	}
}

// A chain of records that never ends has as many partitions as the budget.
func TestMBRLongChain(t *testing.T) {
	d := &sparse{size: 1 << 40}
	d.put(0, dosSector(1, dosEntry{0, 5, 1000, 1000000}))
	for i := range 1000 {
		d.put((1000+int64(i)*10)*512, dosSector(0, dosEntry{0, 7, 1, 2}, dosEntry{0, 5, uint32(i+1) * 10, 5}))
	}
	table, err := Read(d, d.size, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Partitions) != maxLogical || len(table.Problems) != 1 {
		t.Errorf("%d partitions, problems %q", len(table.Partitions), table.Problems)
	}
}

func TestUnreadableDisk(t *testing.T) {
	d := &sparse{size: 1 << 20, bad: func(int64, int) error { return os.ErrPermission }}
	if _, err := Read(d, d.size, 0); !errors.Is(err, os.ErrPermission) {
		t.Errorf("error %v", err)
	}
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("COLDSTATE_TESTDATA")
	if dir == "" {
		t.Skip("needs COLDSTATE_TESTDATA")
	}
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// Tables of other projects' test data; the answers are theirs.
func TestRealTables(t *testing.T) {
	for _, tt := range []struct {
		file    string
		size    int64 // of the disk whose start the file is, 0 for the file's
		want    string
		problem string
	}{
		{"partitions/gpt-512-3p.raw.gz", 0, "gpt/512 1:17408+15872:Linux 2:33280+32768:Linux 3:66048+965632:EFI system", ""},
		// Equal to what sfdisk says of the table on a disk of that size.
		{"partitions/gpt.bin", 512 << 30, "gpt/512 1:20480+209715200:EFI system 2:210763776+31245467648:basic data", ""},
		{"partitions/gpt.bin", 0, "gpt/512 1:20480+12288:EFI system 2:32768+0:basic data", "past the end of the disk"},
		{"partitions/gpt_4k.bin", 512 << 30, "gpt/4096 1:1048576+1052672:Linux 2:3145728+1052672:Linux 3:5242880+11907072:Linux", ""},
		{"partitions/mbr-512-p4.bin", 1 << 20, "mbr/512 1:512+1024:0x83 Linux 2:1536+1024:0x83 Linux 3:2560+1024:0x83 Linux 4:3584+1044992:0x8E Linux LVM", ""},
		{"containers/dynamic.vhd.gz", 0, "none/512", ""},
		{"ntfs/mbr-ntfs-index.raw.gz", 0, "mbr/512 1:65536+30408704:0x07 NTFS or exFAT", ""},
	} {
		t.Run(tt.file, func(t *testing.T) {
			b := testdata(t, tt.file)
			d := &sparse{size: max(tt.size, int64(len(b)))}
			d.put(0, b)
			check(t, d, tt.want, tt.problem)
		})
	}
}

func tool(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if p := filepath.Join(dir, name); exec.Command("test", "-x", p).Run() == nil {
			return p
		}
	}
	t.Skipf("needs %s", name)
	return ""
}

func run(t *testing.T, stdin string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func emptyDisk(t *testing.T, size int64) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
	return name
}

func readFile(t *testing.T, name string) *Table {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	table, err := Read(f, fi.Size(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestAgainstSgdisk(t *testing.T) {
	sgdisk := tool(t, "sgdisk")
	name := emptyDisk(t, 6<<30)
	run(t, "", sgdisk, "-n1:2048:+100M", "-t1:ef00", "-c1:EFI", "-n2:0:+16M", "-t2:0c01", "-n3:0:+4500M", "-t3:0700", "-c3:Windows \u00fc", "-n7:0:0", "-t7:2700",
		"-u3:00112233-4455-6677-8899-AABBCCDDEEFF", "-U", "01234567-89AB-CDEF-0123-456789ABCDEF", name)
	want := "gpt/512 1:1048576+104857600:EFI system 2:105906176+16777216:Microsoft reserved 3:122683392+4718592000:basic data 7:"
	read := func() {
		t.Helper()
		table := readFile(t, name)
		if got := summary(table); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, ":Windows RE") {
			t.Fatalf("got  %s\nwant %s…", got, want)
		}
		if g := GUIDString(table.DiskGUID); g != "01234567-89AB-CDEF-0123-456789ABCDEF" {
			t.Errorf("disk GUID %s", g)
		}
		p := table.Partitions[2]
		if g := GUIDString(p.GUID); g != "00112233-4455-6677-8899-AABBCCDDEEFF" || p.GUID[0] != 0x33 {
			t.Errorf("GUID %s, bytes %x", g, p.GUID)
		}
		if p.Name != "Windows ü" {
			t.Errorf("name %q", p.Name)
		}
	}
	read()
	// The backup of this disk is beyond 4 GiB.
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 512), 512); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	read()
}

func TestAgainstSfdisk(t *testing.T) {
	sfdisk, mmls := tool(t, "sfdisk"), tool(t, "mmls")
	name := emptyDisk(t, 1<<30)
	run(t, "label: dos\nlabel-id: 0xcafe0123\nstart=2048, size=204800, type=7, bootable\nstart=206848, size=1024000, type=f\nstart=1300000, size=10000, type=27\n"+
		"start=208896, size=100000, type=7\nstart=320000, size=50000, type=b\nstart=400000, size=4096, type=7\n", sfdisk, "-q", name)
	table := readFile(t, name)
	if table.Signature != 0xcafe0123 || len(table.Problems) > 0 {
		t.Errorf("signature %#x, problems %q", table.Signature, table.Problems)
	}
	var got []string
	for _, p := range table.Partitions {
		got = append(got, fmt.Sprintf("%010d %010d %02x", p.Offset/512, p.Size/512, p.MBRType))
	}
	// "005:  Meta  0000208896 0000…" are records, "006:  001:000 start end length NTFS / exFAT (0x07)" partitions.
	line := regexp.MustCompile(`(?m)^\d+: +\d\S* +(\d{10}) +\d{10} +(\d{10}) .*\(0x(..)\)`)
	var want []string
	for _, m := range line.FindAllStringSubmatch(run(t, "", mmls, name), -1) {
		want = append(want, fmt.Sprintf("%s %s %s", m[1], m[2], m[3]))
	}
	slices.Sort(want)
	if len(want) != 5 || !slices.Equal(got, want) {
		t.Errorf("got  %q\nmmls %q", got, want)
	}
}

func FuzzTable(f *testing.F) {
	// The first bytes and the last ones of a disk, and its size. Small, or
	// the fuzzer spends its time on making inputs smaller.
	add := func(d *sparse, n int) {
		head, tail := make([]byte, n), make([]byte, n)
		d.ReadAt(head, 0)
		d.ReadAt(tail, d.size-int64(n))
		table, err := Read(d, d.size, 0)
		if err != nil || len(table.Partitions) == 0 {
			f.Fatalf("a seed without partitions: %v", err)
		}
		f.Add(head, tail, d.size)
	}
	for _, o := range []gptOptions{{entries: 4}, {entries: 4, entrySize: 256}, {sector: 4096, entries: 2}} {
		d := windowsDisk(o)
		n := 1536
		if o.sector == 4096 {
			n = 12 << 10
		}
		add(d, n)
		d.parts[int64(max(o.sector, 512))][20] = 1 // the primary header
		add(d, n)
	}
	add(&sparse{size: 1 << 30, parts: map[int64][]byte{
		0:        dosSector(1, dosEntry{0x80, 7, 1, 2}, dosEntry{0, 5, 2, 1000}),
		2 * 512:  dosSector(1, dosEntry{0, 7, 1, 2}, dosEntry{0, 5, 1, 10}),
		3 * 512:  dosSector(1, dosEntry{0, 7, 1, 2}, dosEntry{0, 5, 0, 10}),
		16 * 512: {1},
	}}, 2048)
	f.Fuzz(func(t *testing.T, head, tail []byte, size int64) {
		if size < 0 || size < int64(len(head)+len(tail)) {
			size = int64(len(head) + len(tail))
		}
		d := &sparse{size: size}
		d.put(0, head)
		d.put(size-int64(len(tail)), tail)
		table, err := Read(d, size, 0)
		if err != nil {
			t.Fatalf("the medium can be read: %v", err)
		}
		if len(table.Problems) > maxProblems+1 || len(table.Partitions) > maxEntries+maxLogical+4 {
			t.Fatalf("%d partitions, %d problems", len(table.Partitions), len(table.Problems))
		}
		at := int64(0)
		for _, p := range table.Partitions {
			if p.Offset < at || p.Size < 0 || p.Offset > size || p.Size > size-p.Offset {
				t.Fatalf("partition out of order or of the disk: %+v", p)
			}
			at = p.Offset
		}
		if table.Scheme == "none" && len(table.Partitions) > 0 {
			t.Fatal("partitions without a table")
		}
	})
}
