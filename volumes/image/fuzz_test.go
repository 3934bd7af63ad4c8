package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"testing"
)

var buffers = sync.Pool{New: func() any { return new([2][256 << 10]byte) }}

// use reads an image that may be anything: it must end soon, give the same
// bytes twice, and name what it cannot read.
func use(t *testing.T, img *Image) {
	t.Helper()
	if img.Size < 0 || img.Size > maxSize || len(img.Files) == 0 {
		t.Fatalf("%+v", img)
	}
	const most = 256 << 10
	buf := buffers.Get().(*[2][most]byte)
	defer buffers.Put(buf)
	one, two := buf[0][:], buf[1][:]
	for _, off := range []int64{0, most, img.Size / 2, img.Size - most, img.Size - 513} {
		if off = max(off, 0); off > img.Size {
			continue
		}
		n, err := img.ReadAt(one, off)
		if err != nil && err != io.EOF {
			re, ok := errors.AsType[*ReadError](err)
			if !ok || re.Error() == "" || re.Len <= 0 || off+int64(n) < re.Off || off+int64(n) >= re.Off+re.Len {
				t.Fatalf("after %d bytes at %d of %d: %v (%+v)", n, off, img.Size, err, re)
			}
		}
		if want := min(most, img.Size-off); err == nil && n != most || err == io.EOF && int64(n) != want {
			t.Fatalf("%d bytes at %d of %d: %v", n, off, img.Size, err)
		}
		// The same in pieces.
		for at := 0; at < n; {
			p := two[at:min(at+37_000, n)]
			if m, err := img.ReadAt(p, off+int64(at)); m != len(p) {
				t.Fatalf("a piece: %d of %d bytes at %d: %v", m, len(p), off+int64(at), err)
			}
			at += len(p)
		}
		if !bytes.Equal(one[:n], two[:n]) {
			t.Fatalf("the bytes at %d differ from one time to the other", off)
		}
	}
	if err := img.Close(); err != nil {
		t.Fatal(err)
	}
}

// fuzzFormat opens what the fuzzer makes of the built images of those names. It
// sees changes, of ten bytes each, and not the images: they stay small, and what
// is in them stays in its place.
func fuzzFormat(f *testing.F, fix func([]byte) []byte, names ...string) {
	for i := range names {
		f.Add(uint8(i), uint32(0), []byte{})
		f.Add(uint8(i), uint32(4000), []byte{20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 128, 255, 255, 255, 255, 255, 255, 255, 255})
	}
	f.Fuzz(func(t *testing.T, which uint8, cut uint32, changes []byte) {
		src := built()[names[int(which)%len(names)]].files
		files := folder{}
		for name, b := range src {
			files[name] = b
		}
		b := bytes.Clone(src[src.first()])
		for ; len(changes) >= 10; changes = changes[10:] {
			// A place in the first 32 KiB, or anywhere.
			at := int(binary.LittleEndian.Uint16(changes))
			if at >= 1<<15 {
				at = (at - 1<<15) * len(b) >> 15
			}
			copy(b[min(at, len(b)):], changes[2:10])
		}
		if cut > 0 && int(cut) < len(b) {
			b = b[:len(b)-int(cut)]
		}
		files[src.first()] = fix(b)
		if img, err := Open(src.first(), files.options()); err == nil {
			use(t, img)
		} else if err.Error() == "" {
			t.Fatal("an error without text")
		}
	})
}

func asIs(b []byte) []byte { return b }

func FuzzVHD(f *testing.F) { fuzzFormat(f, asIs, "VHD fixed", "VHD dynamic", "VHD differencing") }
func FuzzVMDK(f *testing.F) {
	fuzzFormat(f, asIs, "VMDK", "VMDK packed", "VMDK packed, footer", "VMDK extents", "VMDK differencing", "COWD")
}
func FuzzQCOW(f *testing.F) {
	fuzzFormat(f, asIs, "QCOW2 v2", "QCOW2 v3", "QCOW2 with backing files", "QCOW2 extended")
}
func FuzzVDI(f *testing.F) { fuzzFormat(f, asIs, "VDI") }
func FuzzEWF(f *testing.F) { fuzzFormat(f, fixEWF, "E01", "E01 in segments") }

// FuzzDescriptor reads the text of a VMDK.
func FuzzDescriptor(f *testing.F) {
	f.Add("# Disk DescriptorFile\nencoding=\"Shift_JIS\"\nCID=1\nparentCID=ffffffff\nRW 4 FLAT \"f\" 0\nRW 6 ZERO\nRDONLY 4 SPARSE \"s\"\n")
	f.Add("# Disk DescriptorFile\nCID=1\nparentCID=2\nparentFileNameHint=\"C:\\x\\f\"\nNOACCESS 1 FLAT \"f\"")
	s := built()["VMDK"].files["x"]
	f.Fuzz(func(t *testing.T, text string) {
		files := folder{"x": []byte("# Disk DescriptorFile\n" + text), "f": make([]byte, 1<<16), "s": s}
		if img, err := Open("x", files.options()); err == nil {
			use(t, img)
		}
	})
}

// fixEWF puts right the checksums of sections, which a fuzzer does not find.
func fixEWF(b []byte) []byte {
	b = bytes.Clone(b)
	off := 13
	for range 1000 {
		if off < 0 || off+76+24 > len(b) {
			break
		}
		fix := func(at, n int) {
			if n > 0 && at+n+4 <= len(b) {
				binary.LittleEndian.PutUint32(b[at+n:], adler(b[at:at+n]))
			}
		}
		fix(off, 72)
		switch string(bytes.TrimRight(b[off:off+16], "\x00")) {
		case "volume", "disk":
			fix(off+76, 1048)
		case "table", "table2":
			fix(off+76, 20)
			if n := int(binary.LittleEndian.Uint32(b[off+76:])); n < len(b) {
				fix(off+76+24, 4*n)
			}
		}
		off = int(binary.LittleEndian.Uint32(b[off+16:]))
	}
	return b
}

func adler(b []byte) uint32 {
	x, y := uint32(1), uint32(0)
	for _, c := range b {
		x = (x + uint32(c)) % 65521
		y = (y + x) % 65521
	}
	return y<<16 | x
}

// FuzzVHDX changes places of a good image, of which only the tables are of
// interest; checksums are put right.
func FuzzVHDX(f *testing.F) {
	disk := dense(1, 3<<20)
	images := []folder{}
	images = append(images, built()["VHDX"].files, built()["VHDX differencing, sectors of 512"].files, folder{"x": vhdxSpec{disk: disk, id: 1, has: all, log: func(w *buffer, off, size int) {
		e := logEntryOf(5, 0, len(w.b), change{off: vhdxBATAt, data: bytes.Clone(w.b[vhdxBATAt : vhdxBATAt+4096])}, change{off: 4 << 20, zero: 8192}, change{off: 5 << 20, zero: 2 << 20})
		w.at(off, e)
		w.at(off+len(e), logEntryOf(6, 0, len(w.b), change{off: 4 << 20, data: make([]byte, 8192)}))
	}}.build()})
	// Places that count, at which changes land: headers, tables, metadata, the
	// block table, the log.
	areas := []struct{ at, n int }{{64 << 10, 80}, {128 << 10, 80}, {192 << 10, 80}, {vhdxMetaAt, 256}, {vhdxMetaAt + 65536, 256}, {vhdxBATAt, 64}, {vhdxBATAt + 4096*8, 16}, {vhdxLogAt, 200}, {vhdxLogAt + 4096, 100}, {vhdxLogAt + 8192, 200}}
	f.Add(uint8(0), []byte{})
	f.Add(uint8(1), []byte{2, 24, 1, 0, 0, 0, 0, 0, 0, 1})
	f.Add(uint8(2), []byte{7, 12, 0, 16, 0, 0, 0, 0, 0, 0, 5, 0, 3, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, which uint8, changes []byte) {
		src := images[int(which)%len(images)]
		b := bytes.Clone(src["x"])
		for ; len(changes) >= 10 && len(b) > 4<<20; changes = changes[10:] {
			a := areas[int(changes[0])%len(areas)]
			copy(b[a.at+int(changes[1])%a.n:], changes[2:10])
		}
		fixVHDX(b)
		if img, err := Open("x", folder{"x": b, "p": src["p"]}.options()); err == nil {
			use(t, img)
		}
	})
}

func fixVHDX(b []byte) {
	fix := func(at, n int) {
		if n >= 8 && at+n <= len(b) {
			binary.LittleEndian.PutUint32(b[at+4:], 0)
			binary.LittleEndian.PutUint32(b[at+4:], castagnoliOf(b[at:at+n]))
		}
	}
	fix(64<<10, 4096)
	fix(128<<10, 4096)
	fix(192<<10, 64<<10)
	fix(256<<10, 64<<10)
	for at := vhdxLogAt; at < vhdxLogAt+1<<20; at += 4096 {
		if string(b[at:at+4]) == "loge" {
			fix(at, int(binary.LittleEndian.Uint32(b[at+8:])&(1<<20-1)))
		}
	}
}
