package efs_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/coldstate/coldstate/internal/efs"
	"github.com/coldstate/coldstate/internal/wstr"
)

var le = binary.LittleEndian

// sid is S-1-5-21-1-2-3-1001 as it lies on a disk.
var sid = []byte{1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xE9, 3, 0, 0}

func utf16z(s string) []byte { return wstr.AppendUTF16LE(nil, s+"\x00") }

// version1 lays out metadata of version 2 of EFS with one user and one agent.
func version1() []byte {
	thumb := bytes.Repeat([]byte{0xAB}, 20)
	key := func(name string) []byte {
		t := make([]byte, 20) // offsets: thumbprint, its size, container, provider, name
		for i, v := range [][]byte{thumb, nil, utf16z("container"), utf16z("provider"), utf16z(name)} {
			if i == 1 {
				le.PutUint32(t[4:], 20)
				continue
			}
			le.PutUint32(t[4*i:], uint32(len(t)))
			t = append(t, v...)
		}
		c := make([]byte, 28)
		le.PutUint32(c[4:], 28) // SID
		le.PutUint32(c[8:], 3)
		c = append(c, sid...)
		le.PutUint32(c[12:], uint32(len(t)))
		le.PutUint32(c[16:], uint32(len(c)))
		c = append(c, t...)
		le.PutUint32(c, uint32(len(c)))
		e := make([]byte, 20)
		le.PutUint32(e[4:], 20)
		le.PutUint32(e[8:], 128)
		le.PutUint32(e[12:], uint32(20+len(c)))
		e = append(append(e, c...), make([]byte, 128)...)
		le.PutUint32(e, uint32(len(e)))
		return append([]byte{1, 0, 0, 0}, e...)
	}
	b := make([]byte, 84)
	le.PutUint32(b[8:], 2)
	le.PutUint32(b[64:], uint32(len(b)))
	b = append(b, key("anna(anna@PC)")...)
	le.PutUint32(b[68:], uint32(len(b)))
	b = append(b, key("Agent")...)
	le.PutUint32(b, uint32(len(b)))
	return b
}

// version4 lays out metadata of version 4 with two users and no agent.
func version4() []byte {
	datum := func(role, typ, flags uint16, body ...byte) []byte {
		b := le.AppendUint16(nil, uint16(8+len(body)))
		b = le.AppendUint16(b, role)
		b = le.AppendUint16(b, typ)
		return append(le.AppendUint16(b, flags), body...)
	}
	blob := func(role, kind uint16, data []byte) []byte {
		return datum(role, 1, 0, append(le.AppendUint16(le.AppendUint16(nil, kind), 0), data...)...)
	}
	protector := func(name string) []byte {
		info := bytes.Join([][]byte{blob(1, 2, bytes.Repeat([]byte{0xCD}, 20)), datum(3, 2, 0, utf16z(name)...), blob(6, 0, sid)}, nil)
		body := append([]byte{2, 0, 1, 0}, blob(2, 3, make([]byte, 64))...)
		return datum(0, 3, 2, append(body, datum(0, 4, 2, info...)...)...)
	}
	b := make([]byte, 48)
	le.PutUint32(b[8:], 4)
	le.PutUint32(b[32:], uint32(len(b)))
	list := append([]byte{0, 0, 0, 0, 2, 0}, append(protector("anna"), protector("bob")...)...)
	le.PutUint32(list, uint32(len(list)))
	b = append(b, list...)
	le.PutUint32(b, uint32(len(b)))
	return b
}

func TestParse(t *testing.T) {
	const s = "S-1-5-21-1-2-3-1001"
	ab, cd := strings.Repeat("ab", 20), strings.Repeat("cd", 20)
	m, err := efs.Parse(version1())
	want := &efs.Metadata{Version: 2, Users: []efs.Key{{s, "anna(anna@PC)", ab, "container", "provider"}}, Agents: []efs.Key{{s, "Agent", ab, "container", "provider"}}}
	if err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("%+v, %v, want %+v", m, err, want)
	}
	m, err = efs.Parse(version4())
	want = &efs.Metadata{Version: 4, Users: []efs.Key{{SID: s, Name: "anna", Thumbprint: cd}, {SID: s, Name: "bob", Thumbprint: cd}}}
	if err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("%+v, %v, want %+v", m, err, want)
	}
	// What NTFS itself allows at the least.
	if m, err := efs.Parse(append([]byte{84, 0, 0, 0, 0, 0, 0, 0, 2}, make([]byte, 75)...)); err != nil || m.Users != nil || m.Agents != nil {
		t.Errorf("no keys: %+v, %v", m, err)
	}
	change := func(b []byte, at int, v uint32) []byte {
		le.PutUint32(b[at:], v)
		return b
	}
	for _, tt := range []struct {
		name  string
		b     []byte
		users int
		want  string
	}{
		{"nothing", nil, 0, "0 bytes"},
		{"longer than it is", change(version1(), 0, 100_000), 0, "a length of 100000"},
		{"version 7", change(version1(), 8, 7), 0, "version 7"},
		{"list outside", change(version1(), 64, 1<<31), 0, "outside"},
		{"agents outside", change(version1(), 68, 1<<31), 1, "outside"},
		{"too many keys", change(version1(), 84, 1<<20), 0, "1048576 keys"},
		{"more keys than there are", change(version1(), 84, 3), 1, "a key of"},
		{"key of no bytes", change(version1(), 88, 0), 0, "a key of 0 bytes"},
		{"certificate outside", change(version1(), 92, 1<<30), 0, "lies outside"},
		{"protectors outside", change(version4(), 48, 1<<30), 0, "1073741824 bytes"},
		{"protector of no bytes", change(version4(), 54, 0), 0, "a protector outside"},
	} {
		m, err := efs.Parse(tt.b)
		var fe *efs.FormatError
		if !errors.As(err, &fe) || !strings.Contains(err.Error(), tt.want) || m == nil || len(m.Users) != tt.users {
			t.Errorf("%s: %+v, %v, want %q", tt.name, m, err, tt.want)
		}
	}
	// Offsets of the certificate that lead outside cost only what they lead to.
	for _, at := range []int{4, 12, 16} {
		m, err := efs.Parse(change(version1(), 84+4+20+at, 1<<30))
		if err != nil || len(m.Users) != 1 || m.Users[0] == want.Users[0] {
			t.Errorf("offset %d: %+v, %v", at, m, err)
		}
	}
}

// TestRealMetadata reads the $EFS of a file that Windows XP encrypted.
func TestRealMetadata(t *testing.T) {
	m, err := efs.Parse(realMetadata(t))
	if err != nil || m.Version != 2 || len(m.Users) != 1 || m.Agents != nil {
		t.Fatalf("%+v, %v", m, err)
	}
	want := efs.Key{SID: "S-1-5-21-1078081533-1708537768-725345543-1003", Name: "Wilhelm S. Sagan(Wilhelm S. Sagan@SAGAN)",
		Thumbprint: "162ea6fa020a919c2c376aa0d870c9ce51dc2719", Container: "54e14287-0459-4137-b43f-6b9b1db81f7e", Provider: "Microsoft Base Cryptographic Provider v1.0"}
	if m.Users[0] != want {
		t.Errorf("%+v, want %+v", m.Users[0], want)
	}
}

func realMetadata(t testing.TB) []byte {
	dir := os.Getenv("COLDSTATE_TESTDATA")
	if dir == "" {
		t.Skip("needs COLDSTATE_TESTDATA, the folder of public test images")
	}
	b, err := os.ReadFile(filepath.Join(dir, "ntfs", "mft-efs-junction-compressed.MFT"))
	if err != nil {
		t.Fatal(err)
	}
	rec := b[0x17C00:0x18000]
	usa := rec[le.Uint16(rec[4:]):]
	for i := 1; i <= 2; i++ { // the last two bytes of each sector
		copy(rec[512*i-2:512*i], usa[2*i:2*i+2])
	}
	return rec[0x1A0:][:576]
}

// A raw file as it is read back by hand: [MS-EFSR] 2.2.3, without the code
// under test.
type rawFile struct {
	metadata []byte
	streams  map[string]*rawStream
}

type rawStream struct {
	data        []byte // to whole blocks
	size, valid int64
	holes       int
	sparse      bool
}

func readRaw(b []byte) (f rawFile, err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("%v", e)
		}
	}()
	check := func(ok bool, format string, args ...any) {
		if !ok {
			panic(fmt.Sprintf(format, args...))
		}
	}
	take := func(n int) []byte {
		check(n >= 0 && n <= len(b), "%d bytes wanted, %d left", n, len(b))
		p := b[:n]
		b = b[n:]
		return p
	}
	check(string(take(20)) == "\x00\x01\x00\x00R\x00O\x00B\x00S\x00\x00\x00\x00\x00\x00\x00\x00\x00", "header")
	f.streams = map[string]*rawStream{}
	for first := true; len(b) > 0; first = false {
		h := take(int(le.Uint32(b)))
		check(string(h[4:12]) == "N\x00T\x00F\x00S\x00" && le.Uint32(h[12:]) == 0, "stream header %x", h)
		name := h[28:]
		check(int(le.Uint32(h[24:])) == len(name), "name length")
		var s *rawStream
		if first {
			check(string(name) == "\x10\x19", "name of the metadata %x", name)
		} else {
			s = &rawStream{}
			f.streams[wstr.FromUTF16LE(name)] = s
		}
		for len(b) > 0 && string(b[4:12]) == "G\x00U\x00R\x00E\x00" {
			seg := take(int(le.Uint32(b)))
			if first {
				f.metadata = seg[16:]
				continue
			}
			e := seg[16:]
			check(int64(le.Uint64(e)) == int64(len(s.data)), "offset %d, %d so far", le.Uint64(e), len(s.data))
			n := int(le.Uint32(e[8:]))
			check(n == 0x1F0, "encryption header of %d bytes", n)
			within, valid := le.Uint32(e[12:]), le.Uint32(e[16:])
			s.size += int64(within)
			s.valid += int64(valid)
			check(e[20] == 0 && e[21] == 0 && e[22] == e[23] && e[25] == 1, "shifts %x", e[20:26])
			data := e[n:]
			count := int(le.Uint16(e[26:]))
			ext := e[28+4*count:]
			check(string(ext[:8]) == "EXTD\x10\x00\x00\x00", "extended header %x", ext[:8])
			s.sparse = ext[8] == 1
			for i := range count {
				size := int(le.Uint32(e[28+4*i:]))
				check(size <= 1<<e[22], "a block of %d bytes in units of 2^%d", size, e[22])
				unit := 1 << e[22]
				if size == 0 {
					s.holes++
					left := (int(within)+511)/512*512 - i*unit
					s.data = append(s.data, make([]byte, min(unit, left))...)
					continue
				}
				s.data = append(s.data, data[:size]...)
				data = data[size:]
			}
			check(len(data) == 0, "%d bytes behind the blocks", len(data))
		}
	}
	return f, nil
}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

func TestRaw(t *testing.T) {
	meta := version1()
	for _, n := range []int{0, 1, 511, 512, 513, 4096, 65535, 65536, 65537, 300_001} {
		data := noise((n + 511) / 512 * 512)
		r, err := efs.NewRaw(meta, 4096, []efs.Stream{
			{Size: int64(n), Valid: int64(n), Data: bytes.NewReader(data)},
			{Name: "Zone.Identifier", Size: 700, Valid: 600, Data: bytes.NewReader(noise(1024))},
		})
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, r.Size())
		if k, err := r.ReadAt(b, 0); k != len(b) || err != nil && err != io.EOF {
			t.Fatalf("%d bytes: %d read, %v", n, k, err)
		}
		if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), b); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		f, err := readRaw(b)
		if err != nil {
			t.Errorf("%d bytes: %v", n, err)
			continue
		}
		if m, size, err := efs.ReadRaw(bytes.NewReader(b), int64(len(b))); err != nil || !bytes.Equal(m, meta) || size != int64(n) {
			t.Errorf("ReadRaw: %d bytes of metadata, %d of content, %v", len(m), size, err)
		}
		main, zone := f.streams["::$DATA"], f.streams[":Zone.Identifier:$DATA"]
		if !bytes.Equal(f.metadata, meta) || len(f.streams) != 2 || main == nil || zone == nil {
			t.Fatalf("%d bytes: %d of metadata, %d streams", n, len(f.metadata), len(f.streams))
		}
		if main.size != int64(n) || main.valid != int64(n) || !bytes.Equal(main.data, data) || main.sparse {
			t.Errorf("%d bytes: size %d, valid %d, %d bytes of data", n, main.size, main.valid, len(main.data))
		}
		if zone.size != 700 || zone.valid != 600 || !bytes.Equal(zone.data, noise(1024)) {
			t.Errorf("stream: %+v", zone)
		}
	}
}

// The first bytes of a small file, written down by hand.
func TestRawBytes(t *testing.T) {
	r, err := efs.NewRaw([]byte("META"), 4096, []efs.Stream{{Size: 5, Valid: 3, Data: bytes.NewReader(noise(512))}})
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, r.Size())
	r.ReadAt(b, 0)
	want := "00010000" + "52004f0042005300" + "0000000000000000" + // ROBS
		"1e000000" + "4e00540046005300" + "00000000" + "0000000000000000" + "02000000" + "1019" + // the stream of $EFS
		"14000000" + "4700550052004500" + "00000000" + "4d455441" +
		"2a000000" + "4e00540046005300" + "00000000" + "0000000000000000" + "0e000000" + "3a003a002400440041005400" + "4100" +
		"00040000" + "4700550052004500" + "00000000" + // 512 + 512
		"0000000000000000" + "f0010000" + "05000000" + "03000000" + "0000" + "0909" + "0c" + "01" + "0100" + "00020000" +
		"45585444" + "10000000" + "00000000" + "00000000"
	if got := hex.EncodeToString(b[:len(want)/2]); got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
	if rest := b[len(want)/2 : len(b)-512]; len(bytes.Trim(rest, "\x00")) != 0 || !bytes.Equal(b[len(b)-512:], noise(512)) {
		t.Errorf("%d bytes between the header and the data", len(rest))
	}
}

func TestRawSparse(t *testing.T) {
	for _, cluster := range []int64{512, 4096, 65536} {
		unit := int(min(16*cluster, 65536))
		n := 5*65536 + 3*unit/2
		data := noise((n + 511) / 512 * 512)
		holes := []efs.Hole{{0, int64(unit)}, {65536, 2 * 65536}, {int64(4*65536 + unit), int64(n - 4*65536 - unit)}}
		for _, h := range holes {
			clear(data[h.Off:min(int(h.Off+h.Len+511), len(data))])
		}
		r, err := efs.NewRaw([]byte("META"), cluster, []efs.Stream{{Size: int64(n), Valid: int64(n), Data: bytes.NewReader(data), Sparse: true, Holes: holes}})
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, r.Size())
		if k, err := r.ReadAt(b, 0); k != len(b) || err != nil && err != io.EOF {
			t.Fatalf("%d read, %v", k, err)
		}
		if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), b); err != nil {
			t.Error(err)
		}
		f, err := readRaw(b)
		if err != nil {
			t.Fatal(err)
		}
		s := f.streams["::$DATA"]
		if s.size != int64(n) || !s.sparse || !bytes.Equal(s.data, data) || s.holes == 0 {
			t.Errorf("clusters of %d: size %d, %d holes, %d bytes", cluster, s.size, s.holes, len(s.data))
		}
		if len(b) > n/2 {
			t.Errorf("clusters of %d: %d bytes of %d, though most are holes", cluster, len(b), n)
		}
	}
}

func TestRawErrors(t *testing.T) {
	one := func(s efs.Stream) []efs.Stream { return []efs.Stream{s} }
	for name, f := range map[string]func() (*efs.Raw, error){
		"no metadata": func() (*efs.Raw, error) { return efs.NewRaw(nil, 4096, nil) },
		"cluster":     func() (*efs.Raw, error) { return efs.NewRaw([]byte("x"), 1000, nil) },
		"size":        func() (*efs.Raw, error) { return efs.NewRaw([]byte("x"), 4096, one(efs.Stream{Size: -1})) },
		"sparse": func() (*efs.Raw, error) {
			return efs.NewRaw([]byte("x"), 4096, one(efs.Stream{Size: 1 << 50, Sparse: true}))
		},
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// Data that ends early is an error at the place where it ends.
	r, err := efs.NewRaw([]byte("META"), 4096, one(efs.Stream{Size: 1000, Valid: 1000, Data: bytes.NewReader(noise(512))}))
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, r.Size())
	if n, err := r.ReadAt(b, 0); int64(n) != r.Size()-512 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d, %v", n, err)
	}
	// A stream of a petabyte costs nothing.
	if r, err = efs.NewRaw([]byte("META"), 4096, one(efs.Stream{Size: 1 << 50, Data: bytes.NewReader(nil)})); err != nil || r.Size() < 1<<50 {
		t.Errorf("%v, %v", r, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(version1())
	f.Add(version4())
	f.Add([]byte{84, 0, 0, 0, 0, 0, 0, 0, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := efs.Parse(b)
		if m == nil {
			t.Fatal("no metadata")
		}
		if err == nil && len(m.Users)+len(m.Agents) > len(b) {
			t.Fatalf("%d keys in %d bytes", len(m.Users)+len(m.Agents), len(b))
		}
		for _, k := range append(m.Users, m.Agents...) {
			if len(k.Name)+len(k.Container)+len(k.Provider) > 12000 || k.Thumbprint != "" && len(k.Thumbprint) != 40 {
				t.Fatalf("%+v", k)
			}
		}
	})
}

// FuzzRaw reads back what was laid out, with any sizes and holes.
func FuzzRaw(f *testing.F) {
	f.Add(uint32(100), uint32(50), uint8(3), uint16(0), uint16(100), false)
	f.Add(uint32(200_000), uint32(70_000), uint8(0), uint16(0), uint16(3), true)
	f.Add(uint32(65_537), uint32(65_537), uint8(12), uint16(1), uint16(1), true)
	f.Fuzz(func(t *testing.T, size, valid uint32, cluster uint8, hole, holes uint16, sparse bool) {
		size %= 1 << 20
		c := int64(512) << (cluster % 13)
		unit := min(16*c, 65536)
		data := noise(int(size+511) / 512 * 512)
		s := efs.Stream{Size: int64(size), Valid: int64(min(valid, size)), Data: bytes.NewReader(data), Sparse: sparse}
		if sparse && holes > 0 {
			h := efs.Hole{Off: int64(hole) * unit, Len: int64(holes) * unit}
			s.Holes = []efs.Hole{h}
			if h.Off < int64(len(data)) {
				clear(data[h.Off:min(h.Off+h.Len, int64(len(data)))])
			}
		}
		r, err := efs.NewRaw([]byte("M"), c, []efs.Stream{s})
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, r.Size())
		if n, err := r.ReadAt(b, 0); n != len(b) {
			t.Fatal(n, err)
		}
		got, err := readRaw(b)
		if err != nil {
			t.Fatal(err)
		}
		if m, n, err := efs.ReadRaw(bytes.NewReader(b), int64(len(b))); err != nil || string(m) != "M" || n != s.Size {
			t.Fatalf("ReadRaw: %q, %d, %v", m, n, err)
		}
		if g := got.streams["::$DATA"]; g.size != s.Size || g.valid != s.Valid || !bytes.Equal(g.data, data) {
			t.Fatalf("size %d, valid %d, %d bytes", g.size, g.valid, len(g.data))
		}
	})
}

// What is damaged in a raw form is said with its place; what stands in front
// of it counts.
func TestReadRawErrors(t *testing.T) {
	r, err := efs.NewRaw(version1(), 4096, []efs.Stream{{Size: 70_000, Valid: 70_000, Data: bytes.NewReader(noise(70_144))}})
	if err != nil {
		t.Fatal(err)
	}
	good := make([]byte, r.Size())
	if n, _ := r.ReadAt(good, 0); n != len(good) {
		t.Fatal(n)
	}
	data := 20 + 30 + 16 + len(version1()) // of the header of the unnamed stream
	for _, tt := range []struct {
		name    string
		change  func(b []byte) []byte
		meta    bool
		content int64
		want    string
	}{
		{"empty", func(b []byte) []byte { return nil }, false, 0, "offset 0x0: it ends"},
		{"no signature", func(b []byte) []byte { b[4] = 'X'; return b }, false, 0, "offset 0x4: no signature"},
		{"only a header", func(b []byte) []byte { return b[:20] }, false, 0, "it has no $EFS"},
		{"cut", func(b []byte) []byte { return b[:len(b)-100] }, true, 65536, "bytes; "},
		{"cut in a header", func(b []byte) []byte { return b[:data+10] }, true, 0, "it ends in the middle"},
		{"zeros", func(b []byte) []byte { clear(b[data:]); return b }, true, 0, fmt.Sprintf("offset %#x: a part of 0 bytes", data)},
		{"unknown part", func(b []byte) []byte { b[data+4] = 'x'; return b }, true, 0, "neither a stream nor a segment"},
		{"long name", func(b []byte) []byte { le.PutUint32(b[data:], 20_000); return b }, true, 0, "the name of a stream in 20000 bytes"},
		{"far", func(b []byte) []byte { le.PutUint64(b[data+28+14+16:], 1<<63); return b }, true, 0, "a segment at byte"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.change(bytes.Clone(good))
			m, n, err := efs.ReadRaw(bytes.NewReader(b), int64(len(b)))
			if err == nil || !strings.Contains(err.Error(), tt.want) || (m != nil) != tt.meta || n != tt.content {
				t.Errorf("%d bytes of $EFS, content of %d, %v", len(m), n, err)
			}
		})
	}
}

func FuzzReadRaw(f *testing.F) {
	r, err := efs.NewRaw(version1(), 4096, []efs.Stream{{Size: 700, Valid: 700, Data: bytes.NewReader(noise(1024))}, {Name: "s", Size: 9, Valid: 9, Data: bytes.NewReader(noise(512))}})
	if err != nil {
		f.Fatal(err)
	}
	b := make([]byte, r.Size())
	r.ReadAt(b, 0)
	f.Add(b)
	f.Add(b[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		m, n, err := efs.ReadRaw(bytes.NewReader(b), int64(len(b)))
		if n < 0 || len(m) > len(b) || err == nil && m == nil {
			t.Fatalf("%d bytes of $EFS, content of %d, %v", len(m), n, err)
		}
	})
}
