package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
)

// cuts are lengths to which a file is cut: around every unit, at all of the
// last one's sectors, and inside of sectors.
func cuts(size, unit int) []int {
	var out []int
	for at := 0; at < size; at += unit {
		out = append(out, at-513, at-1, at, at+1, at+512, at+unit/2)
	}
	for at := size &^ 511; at > size-unit-1024; at -= max(512, unit/64) {
		out = append(out, at, at-77)
	}
	out = append(out, size-1, size-2, size-511)
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(n int) bool { return n < 0 || n >= size })
}

// readAround reads a disk and goes on behind what cannot be read. All that is
// given is compared with want; lost are the bytes that are not given.
func readAround(img *Image, want []byte) (lost int64, err error) {
	p := make([]byte, 64<<10)
	for off := int64(0); off < img.Size; {
		n, err := img.ReadAt(p[:min(int64(len(p)), img.Size-off)], off)
		right := want[min(off, int64(len(want))):]
		if i := firstDifference(p[:min(n, len(right))], right[:min(n, len(right))]); i >= 0 {
			return 0, fmt.Errorf("byte %#x of the disk is %#x and has to be %#x, and there is no error", off+int64(i), p[i], right[i])
		}
		if off += int64(n); err == nil || err == io.EOF {
			continue
		}
		re, ok := errors.AsType[*ReadError](err)
		if !ok || re.Len <= 0 || off < re.Off || off >= re.Off+re.Len {
			return 0, fmt.Errorf("%d bytes up to %#x: %v", n, off, err)
		}
		// The next sector may be read again.
		next := min(re.Off+re.Len, off&^511+512, img.Size)
		lost += next - off
		off = next
	}
	return lost, nil
}

// Images of every format are cut at many places. What is read is right or an
// error, never zeros in the place of what is gone; and the image says that it is
// cut when a read fails.
func TestCutAnywhere(t *testing.T) {
	type base struct {
		images
		unit int
	}
	m := map[string]base{}
	for name, b := range built() {
		m[name] = base{b, 512}
		if strings.HasPrefix(name, "VHDX") {
			m[name] = base{b, 1 << 20}
		}
	}
	// A last cluster that the disk does not fill.
	disk := dense(9, 5*65536+7*512)
	text := fmt.Sprintf(descriptorText, "1a", "ffffffff", "monolithicSparse", "", "")
	add := func(name string, unit int, b []byte) { m[name] = base{images{folder{"x": b}, disk}, unit} }
	add("QCOW2 64 KiB", 65536, qcowSpec{disk: disk, bits: 16, has: all}.build())
	add("QCOW2 64 KiB, packed", 65536, qcowSpec{disk: disk, bits: 16, has: all, packed: all}.build())
	add("QCOW2 64 KiB, extended", 65536, qcowSpec{disk: disk, bits: 16, has: all, extended: true}.build())
	add("VMDK 64 KiB", 65536, vmdkSpec{disk: disk, grain: 128, has: all, text: text}.build())
	add("VMDK 64 KiB, packed", 65536, vmdkSpec{disk: disk, grain: 128, has: all, packed: true, text: text}.build())
	add("VHD 64 KiB", 65536, vhdSpec{disk: disk, id: 1, block: 65536, has: all}.build())
	add("VDI 64 KiB", 65536, vdiImage(disk, 65536, all))
	m["E01 32 KiB"] = base{images{ewfSpec{disk: disk, chunk: 64, packed: some}.build("x"), disk}, 32768}
	m["E01 32 KiB, packed"] = base{images{ewfSpec{disk: disk, chunk: 64, packed: all, segments: 2}.build("x"), disk}, 32768}
	m["split raw in two"] = base{images{folder{"x.001": disk[:4*65536], "x.002": disk[4*65536:]}, disk}, 65536}

	for _, name := range slices.Sorted(maps.Keys(m)) {
		t.Run(name, func(t *testing.T) {
			b := m[name]
			first := b.files.first()
			raw := strings.Contains(name, "raw") || strings.HasPrefix(name, "VHD fixed")
			opened := 0
			for _, file := range slices.Sorted(maps.Keys(b.files)) {
				whole := b.files[file]
				switch {
				case bytes.HasPrefix(whole, []byte(vmdkText)):
					continue // a text says nowhere how long it is
				case strings.HasPrefix(name, "QCOW2") && (file == "d/raw" || file == "p"):
					continue // a shorter backing file is right in QCOW2, and zero behind its end
				}
				for _, to := range cuts(len(whole), b.unit) {
					if name == "split raw in two" && file == first && to >= len(b.files["x.002"]) && to%512 == 0 {
						continue // pieces of other sizes look the same
					}
					if !raw && to < 1024 {
						continue // not seen to be an image
					}
					files := maps.Clone(b.files)
					files[file] = whole[:to]
					img, err := Open(first, files.options())
					if err != nil {
						continue
					}
					opened++
					lost, err := readAround(img, b.want)
					switch {
					case err != nil:
						t.Fatalf("%s cut to %d of %d bytes: %v", file, to, len(whole), err)
					case raw && img.Size <= int64(len(b.want))+512:
						// The file is the disk, whatever its size.
					case img.Size != int64(len(b.want)):
						t.Fatalf("%s cut to %d of %d bytes: a disk of %d bytes, want %d", file, to, len(whole), img.Size, len(b.want))
					case lost > 0 && (img.Cut == nil || img.Cut.Size != int64(to) || img.Cut.Need <= int64(to) || len(img.Problems) == 0):
						t.Fatalf("%s cut to %d of %d bytes: %d bytes are lost, and it says %+v %q", file, to, len(whole), lost, img.Cut, img.Problems)
					case lost == 0 && img.Cut != nil && len(b.files) == 1 && !strings.HasPrefix(name, "E01"):
						// Of a parent, what is gone may not be asked for.
						t.Fatalf("%s cut to %d of %d bytes: nothing is lost, and it says %+v", file, to, len(whole), img.Cut)
					}
				}
			}
			if opened == 0 && !strings.Contains(name, "footer") { // which is at the end
				t.Error("none was opened")
			}
		})
	}
}

// A VHDX that is cut, and whose log is replayed: what the log does not give is
// an error behind the cut.
func TestCutWithLog(t *testing.T) {
	disk := dense(1, 2<<20)
	whole := vhdxSpec{disk: disk, id: 1, has: all, log: func(w *buffer, off, _ int) {
		table := bytes.Clone(w.b[vhdxBATAt : vhdxBATAt+4096])
		clear(w.b[vhdxBATAt : vhdxBATAt+4096])
		// A page of the second block is in the log, too.
		second := len(w.b) - 1<<20 + 8192
		w.at(off, logEntryOf(5, 0, len(w.b), change{off: vhdxBATAt, data: table}, change{off: second, data: bytes.Clone(w.b[second : second+4096])}))
	}}.build()
	for _, to := range []int{len(whole), len(whole) - 1, len(whole) - 512, len(whole) - 1<<20 + 8192 + 4096, len(whole) - 1<<20 + 8192 + 100, len(whole) - 1<<20 + 8192, len(whole) - 1<<20, len(whole) - 1<<20 - 1, len(whole) - 2<<20} {
		img := folder{"x": whole[:to]}.open(t, "x")
		lost, err := readAround(img, disk)
		if err != nil {
			t.Fatalf("cut to %d of %d bytes: %v", to, len(whole), err)
		}
		want := int64(len(whole)-to+511) &^ 511
		if to <= len(whole)-1<<20+8192+100 {
			want -= 4096 // of the log
		}
		if (lost > 0) != (to < len(whole)) || lost > want+4096 || lost < want-4096 || (img.Cut != nil) != (lost > 0) {
			t.Errorf("cut to %d of %d bytes: %d bytes are lost, want %d; %+v", to, len(whole), lost, want, img.Cut)
		}
		p := make([]byte, 4096)
		if n, err := img.ReadAt(p, 1<<20+8192); to > len(whole)-2<<20 && (n != 4096 || err != nil) {
			t.Errorf("cut to %d of %d bytes: the page of the log: %d bytes, %v", to, len(whole), n, err)
		}
	}
}

// A last cluster of the file need not hold more than the disk has of it.
func TestShortLastCluster(t *testing.T) {
	disk := dense(9, 5*65536+7*512)
	const beyond = 65536 - 7*512
	text := fmt.Sprintf(descriptorText, "1a", "ffffffff", "monolithicSparse", "", "")
	half := func(s int) bool { return s < 5*128 }
	for name, tt := range map[string]struct {
		whole []byte
		has   here
		short int
	}{
		"QCOW2":           {qcowSpec{disk: disk, bits: 16, has: all}.build(), all, beyond},
		"QCOW2, extended": {qcowSpec{disk: disk[:5*65536+2048], size: len(disk), bits: 16, has: func(s int) bool { return s < 5*128+4 }, extended: true}.build(), func(s int) bool { return s < 5*128+4 }, 65536 - 2048},
		"QCOW2, absent":   {qcowSpec{disk: disk, bits: 16, has: half}.build(), half, 0},
		"VMDK":            {vmdkSpec{disk: disk, grain: 128, has: all, text: text}.build(), all, beyond},
		"VHD":             {vhdSpec{disk: disk, id: 1, block: 65536, has: all}.build(), all, beyond + 512},
		"VDI":             {vdiImage(disk, 65536, all), all, beyond},
	} {
		img := folder{"x": tt.whole[:len(tt.whole)-tt.short]}.open(t, "x")
		sameBytes(t, img, img.Size, mix(disk, nil, tt.has))
		if img.Cut != nil {
			t.Errorf("%s: %+v", name, img.Cut)
		}
		img = folder{"x": tt.whole[:len(tt.whole)-tt.short-1]}.open(t, "x")
		if img.Cut == nil || img.Cut.Need != int64(len(tt.whole)-tt.short) {
			t.Errorf("%s, a byte less: %+v", name, img.Cut)
		}
	}
}

// An E01 whose end is gone, behind all chunks and their tables, is whole as a
// disk; that something is gone is said.
func TestEWFWithoutEnd(t *testing.T) {
	disk := dense(1, 70*512)
	whole := ewfSpec{disk: disk, packed: some}.build("x")["x.E01"]
	img := folder{"x.E01": whole[:len(whole)-76-10]}.open(t, "x.E01")
	sameBytes(t, img, img.Size, disk)
	if len(img.Problems) != 1 || !strings.HasPrefix(img.Problems[0], "its end is damaged or not there, behind the last bytes of the disk: ") {
		t.Errorf("%q", img.Problems)
	}
}

// A backing file may be shorter than the disk, and a raw one does not say how
// long it was: that is told.
func TestShortBacking(t *testing.T) {
	disk := dense(1, 40*512)
	files := folder{"x": qcowSpec{disk: disk, has: few, backing: "p", backingFmt: "raw"}.build(), "p": disk[:30*512]}
	img := files.open(t, "x")
	sameBytes(t, img, img.Size, mix(disk, disk[:30*512], few))
	if want := "[p is read as the backing file of x, and ends 5120 bytes before the disk does: they are zero unless it was cut short]"; fmt.Sprint(img.Notes) != want {
		t.Errorf("%q", img.Notes)
	}
}

// An entry that points far behind any end is damaged: the image is not called
// cut, and the cluster is an error.
func TestFarEntry(t *testing.T) {
	disk := dense(9, 5*65536)
	b := qcowSpec{disk: disk, bits: 16, has: all}.build()
	l2 := binary.BigEndian.Uint64(b[2*65536:]) & 0x00FFFFFFFFFFFE00
	binary.BigEndian.PutUint64(b[l2+8:], 1<<63|1<<40)
	img := folder{"x": b}.open(t, "x")
	lost, err := readAround(img, disk)
	if err != nil || lost != 65536 || img.Cut != nil || len(img.Problems) > 0 {
		t.Errorf("%d bytes are lost, %v; %+v %q", lost, err, img.Cut, img.Problems)
	}
}
