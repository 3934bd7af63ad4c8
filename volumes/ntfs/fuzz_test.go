package ntfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
)

func FuzzBoot(f *testing.F) {
	f.Add(bootSector(512, 8, 1<<20, 4, 0xF6))
	f.Add(bootSector(4096, 1, 1<<20, 4, 1))
	f.Add(bootSector(512, 0xF4, 1<<30, 4, 0xF6))
	f.Add(bootSector(512, 1, 1<<40, 4, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := parseBoot(b)
		if Probe(b) != (err == nil) {
			t.Fatal("Probe says something else than Open")
		}
		if err != nil {
			return
		}
		if !isPower(g.sector) || !isPower(g.cluster) || !isPower(g.record) || g.cluster > maxCluster || g.record > maxRecord || g.record < minRecord {
			t.Fatalf("%+v", g)
		}
		if g.bytes <= 0 || g.mft*g.cluster >= g.bytes+g.cluster || g.mirror < 0 || g.mirror >= g.clusters || g.mirrored() < 0 {
			t.Fatalf("%+v", g)
		}
	})
}

func FuzzRecord(f *testing.F) {
	v, _ := testVolume()
	for _, rec := range v.recs {
		f.Add(rec)
	}
	f.Add(makeRecord(4096, 3, 1, 1, 0, res(0x80, "", fill(3000, 1))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxRecord {
			return
		}
		rec := bytes.Clone(b)
		h, st, err := openRecord(rec)
		if st >= stateDamaged && err == nil || st < stateDamaged && err != nil {
			t.Fatalf("state %d, %v", st, err)
		}
		if st != stateGood && st != stateDamaged {
			return
		}
		attrs, _ := parseAttrs(nil, rec, h, 7)
		for _, a := range attrs {
			if len(a.value) > len(rec) || len(a.runs) > len(rec) || a.size < 0 || a.init < 0 || a.init > a.size || a.first < 0 || a.last < a.first-1 {
				t.Fatalf("%+v", a)
			}
		}
		// The whole of it as a file of a volume.
		fs := &FS{geo: geometry{sector: 512, cluster: 1024, record: int64(len(rec)), bytes: 1 << 20, clusters: 1 << 10}}
		sc := scanner{fs: fs, x: &fs.x, room: 1 << 20, sdRoom: 1 << 20}
		sc.record(7, bytes.Clone(b))
		fs.sortNamed()
		fs.mft = &plain{dev: &fs.dev}
		fs.build()
		walk(t, fs)
	})
}

func FuzzAttributeList(f *testing.F) {
	f.Add(attrList(0, 38, 4, 2, 36, 2, 4, 37, 2))
	f.Add(append(attrList(0, 38, 4), make([]byte, 8)...))
	f.Add(attrList(1<<30, 1, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseList(b)
		if len(list) > len(b)/26 || len(list) > maxListEntries {
			t.Fatalf("%d entries in %d bytes", len(list), len(b))
		}
		var fe *FormatError
		if err != nil && !errors.As(err, &fe) {
			t.Fatal(err)
		}
		for _, e := range list {
			if e.first < 0 || len(e.name) > 510 {
				t.Fatalf("%+v", e)
			}
		}
	})
}

func FuzzRunList(f *testing.F) {
	for _, s := range []string{
		"\x21\x18\x34\x56\x00", "\x11\x30\x20\x01\x60\x11\x10\x30\x00", "\x11\x04\xff\x11\x04\x10\x00",
		"\x88\x01\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00", "\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x00",
	} {
		f.Add([]byte(s), int64(0x18), int64(1<<24))
	}
	f.Fuzz(func(t *testing.T, b []byte, count, clusters int64) {
		// As geometry and attr.parse bound them.
		count, clusters = max(count, 0)>>9, max(clusters, 0)>>9
		runs, _ := appendRuns(nil, b, count, clusters)
		checkRuns(t, runs, count)
		if len(runs) > len(b)/2+1 {
			t.Fatalf("%d runs in %d bytes", len(runs), len(b))
		}
		for _, x := range runs {
			if x.lcn >= 0 && x.lcn+x.n > clusters {
				t.Fatalf("%v in a volume of %d clusters", x, clusters)
			}
		}
	})
}

func FuzzLZNT1(f *testing.F) {
	f.Add(aaaa('A'), 4096, 4096)
	f.Add(append(aaaa('A'), aaaa('B')...), 65536, 8192)
	f.Add([]byte("\x03\x30abcd\x03\x30efgh"), 8192, 0)
	f.Add([]byte("\x03\x30abcd\x03\x30efgh"), 8192, 5)
	f.Add(make([]byte, 100), 8192, 1)
	f.Add([]byte("\x38\xb0\x88\x46\x23\x20\x00\x20\x47\x20\x41\x00\x10\xa2\x47\x01\xa0\x45\x20\x44\x00\x08\x45\x01\x50\x79\x00\xc0\x45\x20\x05\x24\x13\x88\x05\xb4\x02\x4a\x44\xef\x03\x58\x02\x8c\x09\x16\x01\x48\x45\x00\xbe\x00\x9e\x00\x04\x01\x18\x90\x00"), 4096, 142)
	f.Fuzz(func(t *testing.T, src []byte, n, need int) {
		n = min(max(n, 0), 1<<17)
		need = min(max(need, 0), n)
		a, b := bytes.Repeat([]byte{1}, n), bytes.Repeat([]byte{2}, n)
		k, err := decodeLZNT1(a, src, need)
		k2, err2 := decodeLZNT1(b, src, need)
		if k != k2 || (err == nil) != (err2 == nil) || !bytes.Equal(a[:k], b[:k]) {
			t.Fatal("what it gives depends on what was there before")
		}
		if err == nil && k != n {
			t.Fatalf("%d bytes of %d", k, n)
		}
		if err != nil {
			return
		}
		if _, err := decodeLZNT1(b, src, need/2); err != nil || !bytes.Equal(a, b) {
			t.Fatalf("it is whole with %d bytes, but not with %d: %v", need, need/2, err)
		}
	})
}

// FuzzVolume changes bytes of a whole volume: each five bytes of the input
// are a place, a value and how often it is written.
func FuzzVolume(f *testing.F) {
	v, _ := testVolume()
	img := v.bytes()
	mft := func(rec, off int, val, n byte) []byte {
		at := testMFT*testCluster + rec*testRecord + off
		return []byte{byte(at), byte(at >> 8), byte(at >> 16), val, n}
	}
	f.Add([]byte{})
	f.Add(mft(0, 300, 0xFF, 8))
	f.Add(mft(5, 0, 0, 255))
	f.Add(append(mft(38, 40, 7, 1), mft(36, 40, 9, 2)...))
	f.Add(append(mft(27, 0x170, 0xFF, 4), mft(9, 0x150, 0xFF, 4)...))
	f.Add([]byte{13, 0, 0, 0xF4, 1})
	f.Add([]byte{64, 0, 0, 0xF4, 1})
	f.Add([]byte{40, 0, 0, 0xFF, 6})
	f.Add([]byte{48, 0, 0, 0, 16}) // neither $MFT nor $MFTMirr
	for rec := range v.recs {
		f.Add(mft(rec, 0x38+4, 0x10, 1))
		f.Add(mft(rec, 0xA8, 0x41, 3))
	}
	f.Fuzz(func(t *testing.T, patch []byte) {
		b := bytes.Clone(img)
		for ; len(patch) >= 5; patch = patch[5:] {
			at := (int(patch[0]) | int(patch[1])<<8 | int(patch[2])<<16) % len(b)
			for i := at; i < min(at+int(patch[4]), len(b)); i++ {
				b[i] = patch[3]
			}
		}
		fs, err := Open(bytes.NewReader(b), int64(len(b)), Options{})
		if err != nil {
			var fe *FormatError
			if !errors.Is(err, ErrNotNTFS) && !errors.As(err, &fe) {
				t.Fatalf("%v has no place", err)
			}
			return
		}
		walk(t, fs)
	})
}

// walk uses all of a volume, within limits, and holds it to what winfs
// promises.
func walk(t *testing.T, fs *FS) {
	t.Helper()
	budget := int64(16 << 20)
	seen := map[winfs.Entry]bool{}
	buf := make([]byte, 128<<10)
	for e := range entries(t, fs) {
		if seen[e] || int(e) >= fs.Len() {
			t.Fatalf("entry %d of %d is listed twice", e, fs.Len())
		}
		seen[e] = true
		path := winfs.Path(fs, e)
		if strings.Count(path, `\`) > 1024*255 {
			t.Fatal("a path without end")
		}
		info, err := fs.Info(e)
		if err != nil || info.Size < 0 || info.Links < 1 || info.Start < -1 {
			t.Fatalf("%q: %+v, %v", path, info, err)
		}
		if kids, _ := fs.Children(fs.Parent(e)); !bytes.Contains(entryBytes(kids), entryBytes([]winfs.Entry{e})) {
			t.Fatalf("%q is not in its parent", path)
		}
		_, _ = fs.Security(e)
		_ = fs.SecurityID(e)
		_, _ = fs.Reparse(e)
		_, _ = fs.Lookup(path)
		list, err := fs.Streams(e)
		if err != nil || len(list) != info.Streams {
			t.Fatalf("%q: %d streams of %d, %v", path, len(list), info.Streams, err)
		}
		names := []string{""}
		for _, s := range list {
			names = append(names, s.Name)
		}
		for _, name := range names {
			s, err := fs.Open(e, name)
			if err != nil {
				continue
			}
			size := s.Size()
			var at int64
			for _, x := range s.Extents() {
				if x.Off != at || x.Len <= 0 || x.Pos < -1 {
					t.Fatalf("%q: %+v at %d", path, x, at)
				}
				at += x.Len
			}
			if s.Extents() != nil && at != size {
				t.Fatalf("%q: %d bytes in extents of %d", path, at, size)
			}
			at = 0
			for _, x := range s.Holes() {
				if x.Off < at || x.Len <= 0 || x.Off > size-x.Len {
					t.Fatalf("%q: hole %+v", path, x)
				}
				at = x.Off + x.Len
			}
			for _, off := range []int64{0, 5000, size - 1, size / 2, size - int64(len(buf)), size} {
				if off < 0 || budget < 0 {
					continue
				}
				n, err := s.ReadAt(buf, off)
				budget -= int64(n) + 1000
				want := min(int64(len(buf)), max(size-off, 0))
				var re *winfs.ReadError
				switch {
				case int64(n) > want, int64(n) < want && !errors.As(err, &re), int64(n) == want && err != nil && err != io.EOF:
					t.Fatalf("%q: ReadAt(%d) of %d bytes = %d, %v", path, off, size, n, err)
				case re != nil && (re.Off > off+int64(n) || re.Off+re.Len <= off+int64(n)):
					t.Fatalf("%q: ReadAt(%d): %+v", path, off, re)
				}
			}
		}
	}
	_ = fs.Problems()
}

func entryBytes(e []winfs.Entry) []byte {
	var b []byte
	for _, x := range e {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return b
}

// FuzzSDS reads $SDS and every descriptor it finds there.
func FuzzSDS(f *testing.F) {
	sds := func(entries ...[]byte) []byte {
		var b []byte
		for i, sd := range entries {
			for len(b)%16 != 0 {
				b = append(b, 0)
			}
			b = append(b, sdsEntry(uint32(0x100+i), int64(len(b)), sd)...)
		}
		return b
	}
	one := sds(testSD, testOwnSD)
	f.Add(one)
	copied := append(one, make([]byte, sdsBlock-len(one))...)
	f.Add(append(copied, one...))
	f.Add(sdsEntry(0x100, 0, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := secure{stream: resident(b)}
		s.ids, _ = readSDS(s.stream)
		if len(s.ids) > len(b)/sdsHeader {
			t.Fatalf("%d descriptors in %d bytes", len(s.ids), len(b))
		}
		for id := range s.ids {
			if sd, err := s.read(id); err == nil && (len(sd) > maxDescriptor || sd == nil) {
				t.Fatalf("id %d: %d bytes", id, len(sd))
			}
		}
	})
}

// FuzzLogState reads the restart pages of a journal.
func FuzzLogState(f *testing.F) {
	f.Add([]byte("RSTR\x1e\x00\x09\x00"))
	v := ntfsgen.Build(ntfsgen.Options{Log: ntfsgen.LogOpen})
	log := v.File("$LogFile")
	b := make([]byte, 2*logPage)
	if _, err := v.ReadAt(b, log.Extents("")[0].Pos); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		state, version := logOf(b)
		if state != winfs.LogClosed && state != winfs.LogOpen && state != winfs.LogUnreadable || state == winfs.LogUnreadable && version != "" {
			t.Fatalf("%q, %q", state, version)
		}
	})
}
