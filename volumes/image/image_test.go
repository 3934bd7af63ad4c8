package image

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// some holds two of three rows of sectors.
func some(sector int) bool { return sector/5%3 != 1 }

// few holds single sectors here and there.
func few(sector int) bool { return sector%17 == 3 || sector/64%5 == 2 }

// dense is a disk without zeros.
func dense(seed uint64, size int) []byte {
	rng := rand.New(rand.NewPCG(seed, 3))
	b := make([]byte, size)
	for i := range b {
		if i%3 == 0 {
			b[i] = byte(1 + rng.IntN(255))
		} else {
			b[i] = byte(1 + i/512%200)
		}
	}
	return b
}

const descriptorText = "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=%s\nparentCID=%s\ncreateType=\"%s\"\nparentFileNameHint=\"%s\"\n\n# Extent description\n%s"

// images are files of an image and the disk that it holds. The one to open is
// "x".
type images struct {
	files folder
	want  []byte
}

// built are images of every format, which must not be changed.
var built = sync.OnceValue(func() map[string]images {
	disk := dense(1, 70*512)
	small := dense(2, 40*512)
	big := dense(3, 3<<20+512*9)
	bigSmall := dense(4, 2<<20)
	onto := func(has here, top, below []byte) []byte { return mix(top, below, has) }
	// A block is held whole when one of its sectors is.
	by := func(has here, sectors int) here {
		return func(s int) bool { return has.block(s/sectors*sectors, sectors) }
	}
	m := map[string]images{}
	m["raw"] = images{folder{"x": disk}, disk}
	m["split raw"] = images{folder{"x.001": disk[:30*512], "x.002": disk[30*512 : 60*512], "x.003": disk[60*512:]}, disk}
	m["split raw from 000"] = images{folder{"x.000": disk[:1000], "x.001": disk[1000:2000], "x.002": disk[2000:2001]}, disk[:2001]}
	m["VHD fixed"] = images{folder{"x": vhdSpec{disk: disk, id: 1}.build()}, disk}
	short := vhdSpec{disk: disk, id: 1}.build()
	m["VHD fixed of 2004"] = images{folder{"x": short[:len(short)-1]}, disk}
	m["VHD dynamic"] = images{folder{"x": vhdSpec{disk: disk, id: 1, block: 4096, has: few}.build()}, onto(by(few, 8), disk, nil)}
	parent := vhdSpec{disk: small, id: 1, block: 8192, has: all}.build()
	m["VHD differencing"] = images{folder{
		"x":    vhdSpec{disk: disk, id: 2, parent: 1, block: 4096, has: few, name: "p", locators: map[string]string{"W2ku": `C:\VMs\p`}}.build(),
		"p":    parent,
		"else": nil,
	}, onto(few, disk, small)}
	m["VHD differencing, two parents"] = images{folder{
		"x":     vhdSpec{disk: disk, id: 3, parent: 2, block: 4096, has: few, locators: map[string]string{"W2ru": `.\sub\q`}}.build(),
		"sub/q": vhdSpec{disk: disk, id: 2, parent: 1, block: 8192, has: some, locators: map[string]string{"MacX": "file://localhost/vm/p"}}.build(),
		"sub/p": vhdSpec{disk: small, id: 1}.build(),
	}, onto(few, disk, onto(some, disk, small))}
	m["VHDX"] = images{folder{"x": vhdxSpec{disk: big, id: 1, has: all, states: map[int]uint64{1: 2}}.build()},
		onto(func(s int) bool { return s/2048 != 1 }, big, nil)}
	for _, sector := range []int{512, 4096} {
		rows := by(some, sector/512)
		disk := big[:3<<20+4096]
		m[fmt.Sprintf("VHDX differencing, sectors of %d", sector)] = images{folder{
			"x": vhdxSpec{disk: disk, id: 2, parent: 1, has: rows, sector: sector, locator: map[string]string{
				"parent_linkage": "{" + strings.ToUpper(idText(1)) + "}", "relative_path": `..\p`, "absolute_win32_path": `D:\VMs\p`}}.build(),
			"p": vhdxSpec{disk: bigSmall, id: 1, has: all, sector: sector}.build(),
		}, onto(rows, disk, bigSmall)}
	}
	text := func(cid, parent, kind, hint, extents string) string {
		return fmt.Sprintf(descriptorText, cid, parent, kind, hint, extents)
	}
	m["VMDK"] = images{folder{"x": vmdkSpec{disk: disk, has: few, text: text("1a", "ffffffff", "monolithicSparse", "", "")}.build()}, onto(by(few, 8), disk, nil)}
	m["VMDK zero grains"] = images{folder{"x": vmdkSpec{disk: disk, has: all, zero: func(s int) bool { return s/8%2 == 1 }, text: text("1a", "ffffffff", "monolithicSparse", "", "")}.build()},
		onto(func(s int) bool { return s/8%2 == 0 }, disk, nil)}
	m["VMDK packed"] = images{folder{"x": vmdkSpec{disk: disk, has: few, packed: true, text: text("1a", "ffffffff", "streamOptimized", "", "")}.build()}, onto(by(few, 8), disk, nil)}
	m["VMDK packed, footer"] = images{folder{"x": vmdkSpec{disk: disk, has: few, packed: true, footer: true, text: text("1a", "ffffffff", "streamOptimized", "", "")}.build()}, onto(by(few, 8), disk, nil)}
	m["VMDK extents"] = images{folder{
		"x": []byte(text("1a", "ffffffff", "twoGbMaxExtentFlat", "",
			"RW 24 SPARSE \"s1.vmdk\"\nRW 8 FLAT \"flat one.vmdk\" 3\nRW 10 VMFSSPARSE \"c.vmdk\"\nRW 8 FLAT \"flat one.vmdk\" 11\n")),
		"s1.vmdk":       vmdkSpec{disk: disk[:24*512], has: all}.build(),
		"flat one.vmdk": append(make([]byte, 3*512), disk[24*512:40*512]...),
		"c.vmdk":        cowd(disk[:10*512], some),
	}, bytes.Join([][]byte{disk[:32*512], onto(some, disk[:10*512], nil), disk[32*512 : 40*512]}, nil)}
	m["VMDK extent of zeros"] = images{folder{
		"x": []byte(text("1a", "ffffffff", "custom", "", "RW 4 FLAT \"f\" 0\nRW 6 ZERO\nRDONLY 4 FLAT \"f\" 4\n")),
		"f": disk[:8*512],
	}, bytes.Join([][]byte{disk[:4*512], make([]byte, 6*512), disk[4*512 : 8*512]}, nil)}
	m["VMDK differencing"] = images{folder{
		"x":      vmdkSpec{disk: disk, has: few, text: text("2b", "1A", "monolithicSparse", `C:\vm\p.vmdk`, "")}.build(),
		"p.vmdk": vmdkSpec{disk: small, has: all, text: text("1a", "ffffffff", "monolithicSparse", "", "")}.build(),
	}, onto(by(few, 8), disk, small)}
	m["COWD"] = images{folder{"x": cowd(disk, some)}, onto(some, disk, nil)}
	m["VMDK of ESX"] = images{folder{
		"x":      []byte(text("1a", "ffffffff", "vmfsSparse", "", "RW 70 VMFSSPARSE \"c.vmdk\"\n")),
		"c.vmdk": cowd(disk, some),
	}, onto(some, disk, nil)}
	m["QCOW2 v2"] = images{folder{"x": qcowSpec{disk: disk, version: 2, has: few}.build()}, onto(few, disk, nil)}
	m["QCOW2 v3"] = images{folder{"x": qcowSpec{disk: disk, has: some, packed: few, zero: func(s int) bool { return s%7 == 0 }}.build()},
		onto(func(s int) bool { return some(s) && s%7 != 0 }, disk, nil)}
	m["QCOW2 with backing files"] = images{folder{
		"x":     qcowSpec{disk: disk, size: 80 * 512, has: few, zero: func(s int) bool { return s == 9 }, backing: "q", backingFmt: "qcow2"}.build(),
		"q":     qcowSpec{disk: disk, size: 60 * 512, bits: 10, has: some, backing: "./d/raw", backingFmt: "raw"}.build(),
		"d/raw": small,
	}, func() []byte {
		middle := onto(by(some, 2), disk[:60*512], small)
		top := onto(func(s int) bool { return few(s) && s < 70 }, append(bytes.Clone(disk), make([]byte, 10*512)...), middle)
		clear(top[9*512 : 10*512])
		return top
	}()}
	m["QCOW2 extended"] = images{folder{
		"x": qcowSpec{disk: big[:200*512], bits: 14, has: few, extended: true, zero: func(s int) bool { return s == 64 }, backing: "p", backingFmt: "raw"}.build(),
		"p": big[512 : 150*512],
	}, onto(func(s int) bool { return s/32 != 2 && few(s) }, big[:200*512], mix(big[512:150*512], nil, func(s int) bool { return s/32 != 2 }))}
	m["VDI"] = images{folder{"x": vdiImage(disk, 4096, few)}, onto(by(few, 8), disk, nil)}
	m["E01"] = images{ewfSpec{disk: disk, packed: some}.build("x"), disk}
	m["E01 in segments"] = images{ewfSpec{disk: disk, packed: few, segments: 3}.build("x"), disk}
	return m
})

// first is the name of the image in a folder.
func (d folder) first() string {
	for _, name := range []string{"x", "x.E01", "x.000", "x.001"} {
		if _, ok := d[name]; ok {
			return name
		}
	}
	return ""
}

func TestBuilt(t *testing.T) {
	for name, tt := range built() {
		t.Run(name, func(t *testing.T) {
			img := tt.files.open(t, tt.files.first())
			defer img.Close()
			sameBytes(t, img, img.Size, tt.want)
			if want, _, _ := strings.Cut(name, " "); !strings.HasPrefix(img.Format, want) && want != "COWD" {
				t.Errorf("format %s", img.Format)
			}
			for _, p := range img.Problems {
				if !strings.Contains(p, "no descriptor") {
					t.Errorf("problem: %s", p)
				}
			}
			sector := 0
			switch {
			case strings.Contains(name, "4096"):
				sector = 4096
			case strings.HasPrefix(name, "VHDX"), strings.HasPrefix(name, "E01"), name == "VDI":
				sector = 512
			}
			if img.SectorSize != sector {
				t.Errorf("sectors of %d bytes, want %d", img.SectorSize, sector)
			}
		})
	}
}

// qemu-img agrees with the writers of the tests, where it reads the format.
func TestBuiltAgainstQEMU(t *testing.T) {
	needs(t, "qemu-img")
	for name, tt := range built() {
		format := map[string]string{"VHD": "vpc", "VHDX": "vhdx", "VMDK": "vmdk", "COWD": "vmdk", "QCOW2": "qcow2", "VDI": "vdi"}[strings.Fields(name)[0]]
		switch name {
		case "VHD differencing", "VHD differencing, two parents", // read as if they were whole
			"VHD fixed of 2004",                                                       // not known to it
			"VHDX differencing, sectors of 512", "VHDX differencing, sectors of 4096", // refused
			"COWD", // only by its descriptor
			"VMDK extent of zeros",
			"VMDK differencing", // its name would have to be a path of Linux
			"VDI":               // blocks of 1 MiB only
			continue
		}
		if format == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for name, b := range tt.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
					t.Fatal(err)
				}
				writeFile(t, dir, name, b)
			}
			command(t, dir, "qemu-img", "convert", "-f", format, "-O", "raw", "x", "out.raw")
			got, err := os.ReadFile(filepath.Join(dir, "out.raw"))
			if err != nil {
				t.Fatal(err)
			}
			if i := firstDifference(got, tt.want); len(got) != len(tt.want) || i >= 0 {
				t.Errorf("%d bytes, want %d; byte %#x differs", len(got), len(tt.want), i)
			}
		})
	}
}

// A log that was not applied is, in memory.
func TestVHDXLog(t *testing.T) {
	const blockAt = 4 << 20
	disk := dense(1, 2<<20)
	page := func(b []byte, at int) []byte { return bytes.Clone(b[at : at+4096]) }
	whole := vhdxSpec{disk: disk, id: 1, has: all}.build()
	table := page(whole, vhdxBATAt)
	// The file as it was before: without its block table, and with other bytes
	// at the start of its second block.
	stale := func(log func(w *buffer, off, size int)) []byte {
		return vhdxSpec{disk: disk, id: 1, has: all, log: func(w *buffer, off, size int) {
			clear(w.b[vhdxBATAt : vhdxBATAt+4096])
			log(w, off, size)
		}}.build()
	}
	put := func(w *buffer, off, size, at int, entry []byte) {
		for i := 0; i < len(entry); i += 4096 {
			w.at(off+(at+i)%size, entry[i:i+4096])
		}
	}
	zeroed := bytes.Clone(disk)
	clear(zeroed[1<<20 : 1<<20+8192])
	half := bytes.Clone(table)
	clear(half[8:16])
	// What an image without its block table reads as.
	zeros := make([]byte, len(disk))
	for _, tt := range []struct {
		name string
		log  func(w *buffer, off, size int)
		want []byte
		say  string // in the problems
	}{
		{"one entry", func(w *buffer, off, size int) {
			put(w, off, size, 8192, logEntryOf(5, 8192, len(w.b), change{off: vhdxBATAt, data: table}))
		}, disk, ""},
		{"zeros and data, around the end", func(w *buffer, off, size int) {
			first := logEntryOf(5, size-8192, len(w.b), change{off: vhdxBATAt, data: half}, change{off: blockAt, data: page(whole, 0)})
			put(w, off, size, size-8192, first)
			put(w, off, size, len(first)-8192, logEntryOf(6, size-8192, len(w.b), change{off: vhdxBATAt, data: table}, change{off: blockAt + 1<<20, zero: 8192}, change{off: blockAt, data: page(whole, blockAt)}))
		}, zeroed, ""},
		{"long zeros, then data", func(w *buffer, off, size int) {
			put(w, off, size, 0, logEntryOf(5, 0, len(w.b), change{off: vhdxBATAt, data: table}, change{off: blockAt, zero: 2 << 20}, change{off: blockAt, data: page(whole, blockAt)}))
		}, append(bytes.Clone(disk[:4096]), make([]byte, 2<<20-4096)...), ""},
		{"entries behind the tail are not applied again", func(w *buffer, off, size int) {
			put(w, off, size, 0, logEntryOf(5, 0, len(w.b), change{off: blockAt, zero: 1 << 20}))
			put(w, off, size, 4096, logEntryOf(6, 4096, len(w.b), change{off: vhdxBATAt, data: table}))
		}, disk, ""},
		{"a torn newest entry does not count", func(w *buffer, off, size int) {
			e := logEntryOf(5, 0, len(w.b), change{off: vhdxBATAt, data: table})
			put(w, off, size, 0, e)
			torn := logEntryOf(6, 0, len(w.b), change{off: vhdxBATAt, data: make([]byte, 4096)})
			torn[5000] ^= 1
			put(w, off, size, len(e), torn)
		}, disk, ""},
		{"entries of another log", func(w *buffer, off, size int) {
			e := logEntryOf(5, 0, len(w.b), change{off: vhdxBATAt, data: table})
			copy(e[32:48], id(0x11))
			put(w, off, size, 0, e)
		}, zeros, "no whole chain of entries"},
		{"an entry is missing", func(w *buffer, off, size int) {
			e := logEntryOf(5, 0, len(w.b), change{off: vhdxBATAt, data: table})
			put(w, off, size, 0, e)
			put(w, off, size, len(e), logEntryOf(7, 0, len(w.b), change{off: blockAt, zero: 4096}))
		}, disk, ""},
		{"the file is cut short", func(w *buffer, off, size int) {
			put(w, off, size, 0, logEntryOf(5, 0, len(w.b)+4096, change{off: vhdxBATAt, data: table}))
		}, disk, "x is cut short: it has 6291456 bytes and needs 6295552"},
		{"a descriptor of another entry", func(w *buffer, off, size int) {
			e := logEntryOf(5, 0, len(w.b), change{off: vhdxBATAt, data: table})
			e[64+24]++
			binary.LittleEndian.PutUint32(e[4:], 0)
			binary.LittleEndian.PutUint32(e[4:], castagnoliOf(e))
			put(w, off, size, 0, e)
		}, zeros, "log: a descriptor of another entry"},
		{"an empty log", func(*buffer, int, int) {}, zeros, "its log cannot be replayed (no whole chain of entries is in it): its tables may be older"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := folder{"x": stale(tt.log)}
			img, err := Open("x", d.options())
			if err != nil {
				t.Fatal(err)
			}
			sameBytes(t, img, img.Size, tt.want)
			if said := strings.Join(img.Problems, "\n"); !strings.Contains(said, "x was not closed cleanly") || !strings.Contains(said, tt.say) {
				t.Errorf("%q", img.Problems)
			}
		})
	}
}

// QEMU's own marks are told: that its tables are wrong, that it was not closed.
func TestQCOWMarks(t *testing.T) {
	disk := dense(1, 40*512)
	for bits, want := range map[uint64]string{
		0: "[]",
		1: "[x was not closed cleanly; what the machine had in its memory then is lost]",
		2: "[QEMU has marked x as corrupt: its tables may say wrong what is where, so that files may hold bytes of others; `qemu-img check x` says what is wrong, and `qemu-img check -r all` repairs a copy of it]",
	} {
		img := folder{"x": qcowSpec{disk: disk, has: all, incompatible: bits}.build()}.open(t, "x")
		sameBytes(t, img, img.Size, disk)
		if got := fmt.Sprint(img.Problems); got != want {
			t.Errorf("bits %#x: %s, want %s", bits, got, want)
		}
	}
	// So are those of a parent.
	img := folder{
		"x": qcowSpec{disk: disk, has: few, backing: "p"}.build(),
		"p": qcowSpec{disk: disk, has: all, incompatible: 2}.build(),
	}.open(t, "x")
	if len(img.Problems) != 1 || !strings.HasPrefix(img.Problems[0], "QEMU has marked p as corrupt") {
		t.Errorf("%q", img.Problems)
	}
}

// What is missing is named, with its ID and the place to put it.
func TestMissing(t *testing.T) {
	disk := dense(1, 40*512)
	vhd := vhdSpec{disk: disk, id: 2, parent: 1, block: 4096, has: few, name: "base.vhd", locators: map[string]string{"W2ru": `.\base.vhd`, "W2ku": `C:\VMs\base.vhd`}}.build()
	vhdx := vhdxSpec{disk: disk, id: 2, parent: 1, has: few, locator: map[string]string{"parent_linkage": "{" + idText(1) + "}", "relative_path": `.\base.vhdx`}}.build()
	vmdk := vmdkSpec{disk: disk, has: few, text: fmt.Sprintf(descriptorText, "2", "1", "monolithicSparse", "/vm/base.vmdk", "")}.build()
	e01 := ewfSpec{disk: disk, segments: 3}.build("d/x")
	for _, tt := range []struct {
		name  string
		files folder
		open  string
		want  MissingError
	}{
		{"VHD", folder{"d/x": vhd}, "d/x", MissingError{"d/x", "VHD", "parent", `.\base.vhd`, idText(1), "d/base.vhd", "", "", nil}},
		{"VHD, another one", folder{"d/x": vhd, "d/base.vhd": vhdSpec{disk: disk, id: 7}.build()}, "d/x",
			MissingError{"d/x", "VHD", "parent", `.\base.vhd`, idText(1), "d/base.vhd", "d/base.vhd", idText(7), nil}},
		{"VHD, not a VHD", folder{"d/x": vhd, "d/base.vhd": disk}, "d/x",
			MissingError{"d/x", "VHD", "parent", `.\base.vhd`, idText(1), "d/base.vhd", "d/base.vhd", "a raw image", nil}},
		{"VHDX", folder{"d/x": vhdx}, "d/x", MissingError{"d/x", "VHDX", "parent", `.\base.vhdx`, idText(1), "d/base.vhdx", "", "", nil}},
		{"VHDX, changed since", folder{"d/x": vhdx, "d/base.vhdx": vhdxSpec{disk: disk, id: 9, has: all}.build()}, "d/x",
			MissingError{"d/x", "VHDX", "parent", `.\base.vhdx`, idText(1), "d/base.vhdx", "d/base.vhdx", idText(9), nil}},
		{"VMDK", folder{"x": vmdk}, "x", MissingError{"x", "VMDK", "parent", "/vm/base.vmdk", "1", "base.vmdk", "", "", nil}},
		{"VMDK, changed since", folder{"x": vmdk, "base.vmdk": vmdkSpec{disk: disk, has: all, text: fmt.Sprintf(descriptorText, "fffffffe", "ffffffff", "monolithicSparse", "", "")}.build()}, "x",
			MissingError{"x", "VMDK", "parent", "/vm/base.vmdk", "1", "base.vmdk", "base.vmdk", "fffffffe", nil}},
		{"VMDK extent", folder{"x": fmt.Appendf(nil, descriptorText, "2", "ffffffff", "twoGbMaxExtentFlat", "", "RW 8 FLAT \"x-f001.vmdk\" 0\n")}, "x",
			MissingError{"x", "VMDK", "extent", "x-f001.vmdk", "", "x-f001.vmdk", "", "", nil}},
		{"QCOW2", folder{"d/x": qcowSpec{disk: disk, has: few, backing: "/images/base.raw", backingFmt: "raw"}.build()}, "d/x",
			MissingError{"d/x", "QCOW2", "backing file", "/images/base.raw", "", "d/base.raw", "", "", nil}},
		{"E01", folder{"d/x.E01": e01["d/x.E01"], "d/x.E03": e01["d/x.E03"]}, "d/x.E01",
			MissingError{"d/x.E01", "E01", "segment", "x.E02", "", "d/x.E02", "", "", nil}},
		{"split", folder{"d/x.001": disk[:512], "d/x.002": disk[:512], "d/x.005": disk[:9]}, "d/x.001",
			MissingError{"d/x.001", "split raw", "piece", "d/x.003", "", "d/x.003", "", "", nil}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(tt.open, tt.files.options())
			missing, ok := errors.AsType[*MissingError](err)
			if !ok {
				t.Fatal(err)
			}
			got := *missing
			got.Tried = nil
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", err, &tt.want)
			}
			if (tt.want.Role == "parent" || tt.want.Role == "backing file") && (len(missing.Tried) == 0 || missing.Tried[len(missing.Tried)-1].Path != tt.want.Put) {
				t.Errorf("looked for at %+v", missing.Tried)
			}
		})
	}
}

// An image that is not read says which one it is and what to do.
func TestUnsupported(t *testing.T) {
	disk := dense(1, 40*512)
	at := func(b []byte, off int, with ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[off:], with)
		return b
	}
	qcow := qcowSpec{disk: disk, has: few}.build()
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"QCOW", at(qcow, 4, 0, 0, 0, 1), "x: QCOW2 image of version 1 cannot be read"},
		{"AES", qcowSpec{disk: disk, has: few, crypt: 1}.build(), "QCOW2 image that is encrypted with AES"},
		{"LUKS", qcowSpec{disk: disk, has: few, crypt: 2}.build(), "QCOW2 image that is encrypted with LUKS"},
		{"external data", qcowSpec{disk: disk, has: few, incompatible: 4}.build(), "with an external data file"},
		{"unknown feature", qcowSpec{disk: disk, has: few, incompatible: 1 << 40}.build(), "with the feature bit 40"},
		{"network", qcowSpec{disk: disk, has: few, backing: "nbd://host/x"}.build(), "whose backing file is not a file beside it (nbd://host/x)"},
		{"json", qcowSpec{disk: disk, has: few, backing: `json:{"driver":"raw"}`}.build(), "whose backing file is not a file beside it"},
		{"backing format", qcowSpec{disk: disk, has: few, backing: "p", backingFmt: "bochs"}.build(), "whose backing file has the format bochs"},
		{"VMDK of version 4", at(vmdkSpec{disk: disk, has: few}.build(), 4, 4), "VMDK image of version 4"},
		{"SESPARSE", fmt.Appendf(nil, descriptorText, "2", "ffffffff", "seSparse", "", "RW 8 SESPARSE \"x\"\n"), "with extents of the kind SESPARSE"},
		{"VDI differencing", at(vdiImage(disk, 4096, all), 76, 4), "{" + idText(0xAB) + "}"},
		{"Ex01", []byte("EVF2\x0D\x0A\x81\x00"), "Ex01 image cannot be read"},
		{"L01", []byte("LVF\x09\x0D\x0A\xFF\x00"), "L01 image cannot be read"},
		{"E01, not the first", at(ewfSpec{disk: disk}.build("x")["x.E01"], 9, 3), "of which only segment 3 is given"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open("x", folder{"x": tt.data}.options())
			no, ok := errors.AsType[*UnsupportedError](err)
			if !ok || !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), tt.want) || no.Hint == "" {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// Damage is named with its place; no image reads past what it may.
func TestDamaged(t *testing.T) {
	disk := dense(1, 40*512)
	at := func(b []byte, off int, with ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[off:], with)
		return b
	}
	qcow := qcowSpec{disk: disk, has: few}.build()
	vmdk := vmdkSpec{disk: disk, has: few}.build()
	vhd := vhdSpec{disk: disk, id: 1, block: 4096, has: few}.build()
	vdi := vdiImage(disk, 4096, few)
	vhdx := vhdxSpec{disk: disk, id: 1, has: few}.build()
	e01 := ewfSpec{disk: disk}.build("x")["x.E01"]
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"QCOW2 clusters", at(qcow, 23, 60), "offset 0x14: clusters of 2^60 bytes"},
		{"QCOW2 size", at(qcow, 24, 0x7F), "a disk of"},
		{"QCOW2 table", at(qcow, 40, 0x7F), "offset 0x28: a table"},
		{"QCOW2 cut", qcow[:80], "a header of 80 bytes"},
		{"VMDK text mode", at(vmdk, 75, '\n'), "copied as if it were a text"},
		{"VMDK grains", at(vmdk, 20, 7), "grains of 7 sectors"},
		{"VMDK directory", at(vmdk, 56, 0xFF, 0xFF), "a directory"},
		{"VMDK footer", at(vmdk, 56, 255, 255, 255, 255, 255, 255, 255, 255), "no footer is here"},
		{"VHD header", at(vhd, 512, 'x'), "offset 0x200: no header is here"},
		{"VHD blocks", at(vhd, 512+32, 1), "blocks of"},
		{"VHD table", at(vhd, 512+28, 0, 0, 0, 1), "a table of 1 blocks, but the disk has 5"},
		{"VHD table at", at(vhd, 512+16, 1), "past the end of the file"},
		{"VDI table", at(vdi, 340, 0xFF, 0xFF, 0xFF), "past the end of the file"},
		{"VDI size", at(vdi, 372, 1), "a disk of"},
		{"VHDX headers", at(at(vhdx, 64<<10+100, 1), 128<<10+100, 1), "both headers are damaged"},
		{"VHDX regions", at(at(vhdx, 192<<10+100, 1), 256<<10+100, 1), "both region tables are damaged"},
		{"VHDX metadata", at(vhdx, vhdxMetaAt, 1), "no metadata table is here"},
		{"VHDX cut", vhdx[:2<<20], "may be cut short"},
		{"E01 head", e01[:20], "damaged E01 image: offset 0xd: 76 bytes must be here"},
		{"E01 volume", at(e01, 13+76+4, 1, 1, 1, 1), "the description of the disk is damaged"},
		{"E01 no sections", at(e01, 13+20, 1), "offset 0xd: the description of a section is damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open("x", folder{"x": tt.data}.options())
			if _, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "x: damaged ") {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// One good copy is enough: of a footer, a header, a region table, a table of
// chunks.
func TestSecondCopies(t *testing.T) {
	disk := dense(1, 70*512)
	vhd := vhdSpec{disk: disk, id: 1, block: 4096, has: all}.build()
	damagedFooter := bytes.Clone(vhd)
	damagedFooter[len(damagedFooter)-400]++
	vhdx := vhdxSpec{disk: disk, id: 1, has: all}.build()
	vhdx[128<<10+9]++ // the newer header
	vhdx[192<<10+9]++
	e01 := ewfSpec{disk: disk, packed: some}.build("x")
	b := bytes.Clone(e01["x.E01"])
	n := 0
	for i := 0; ; n++ {
		j := bytes.Index(b[i:], []byte("table\x00"))
		if j < 0 {
			break
		}
		i += j + 76 + 24 + 4*(n%2) // an entry
		b[i]++
	}
	if n < 3 {
		t.Fatalf("%d tables", n)
	}
	for name, d := range map[string]folder{
		"VHD, no footer":      {"x": vhd[:len(vhd)-512]},
		"VHD, damaged footer": {"x": damagedFooter},
		"VHDX":                {"x": vhdx},
		"E01":                 {"x": b},
	} {
		img := d.open(t, "x")
		sameBytes(t, img, img.Size, disk)
		if len(img.Problems) == 0 && name != "E01" {
			t.Errorf("%s: nothing is said", name)
		}
	}
}

// What cannot be read of an E01 is an error with its range; all around is read.
func TestEWFBadPlaces(t *testing.T) {
	disk := dense(1, 70*512)
	files := ewfSpec{disk: disk, packed: func(s int) bool { return s/4%2 == 0 }, unread: []Range{{30 * 512, 1024}, {31 * 512, 1024}, {69 * 512, 512}}}.build("x")
	b := files["x.E01"]
	damaged := map[int]bool{} // sectors
	for _, s := range []int{8, 12} {
		chunk := disk[s*512 : (s+4)*512]
		i := bytes.Index(b, chunk[:200])
		if s == 8 { // compressed: its bytes begin behind those of the chunk in front
			i = bytes.Index(b, disk[7*512:8*512]) + 512 + 4 + 100
		}
		b[i+50] ^= 0x55
		for j := range 4 {
			damaged[s+j] = true
		}
	}
	for _, s := range []int{30, 31, 32, 69} {
		damaged[s] = true
	}
	img := files.open(t, "x.E01")
	for s := range 70 {
		p := make([]byte, 512)
		n, err := img.ReadAt(p, int64(s)*512)
		if !damaged[s] {
			if n != 512 || err != nil || !bytes.Equal(p, disk[s*512:(s+1)*512]) {
				t.Errorf("sector %d: %d bytes, %v", s, n, err)
			}
			continue
		}
		re, ok := errors.AsType[*ReadError](err)
		if !ok || n != 0 || re.Off > int64(s)*512 || re.Off+re.Len < int64(s+1)*512 || re.Len > 2048 {
			t.Errorf("sector %d: %d bytes, %v", s, n, err)
		}
	}
	// A long read stops in front of the first bad place.
	if n, err := img.ReadAt(make([]byte, len(disk)), 0); n != 8*512 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if want := []Range{{30 * 512, 3 * 512}, {69 * 512, 512}}; fmt.Sprint(img.Unread) != fmt.Sprint(want) {
		t.Errorf("unread %v, want %v", img.Unread, want)
	}
	if len(img.Problems) != 1 || !strings.Contains(img.Problems[0], "2048 bytes in 2 ranges") {
		t.Errorf("%q", img.Problems)
	}
	if len(img.Hashes) != 1 || img.Hashes[0].Name != "MD5" || string(img.Hashes[0].Sum) != "sixteen bytes, 1" {
		t.Errorf("%+v", img.Hashes)
	}
}

// A segment that is cut: what is in front of the cut is read, the rest is an
// error that says so.
func TestEWFCut(t *testing.T) {
	disk := dense(1, 70*512)
	files := ewfSpec{disk: disk, segments: 2}.build("x")
	files["x.E02"] = files["x.E02"][:len(files["x.E02"])-4000]
	img := files.open(t, "x.E01")
	n, err := img.ReadAt(make([]byte, len(disk)), 0)
	if n < len(disk)/2 || n == len(disk) || err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("%d of %d bytes, %v", n, len(disk), err)
	}
	if len(img.Problems) != 1 || !strings.Contains(img.Problems[0], fmt.Sprintf("the bytes from %d on cannot be read", n)) {
		t.Errorf("%q", img.Problems)
	}
	if img.Cut == nil || img.Cut.Path != "x.E02" || img.Cut.Size != int64(len(files["x.E02"])) || img.Cut.Need <= img.Cut.Size {
		t.Errorf("%+v", img.Cut)
	}
	// Without any table nothing can be read, and it is said why.
	files = ewfSpec{disk: disk, perTable: 1000}.build("x")
	files["x.E01"] = files["x.E01"][:20_000]
	_, err = Open("x.E01", files.options())
	if _, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), "x.E01 is cut short: it has 20000 bytes and needs 3") {
		t.Error(err)
	}
}

// A file that ends too early: what is there is read, the rest is an error with
// its range, never zeros.
func TestCutShort(t *testing.T) {
	disk := dense(1, 8<<20)
	for name, whole := range map[string][]byte{
		"VHDX":  vhdxSpec{disk: disk, id: 1, has: all}.build(),
		"VHD":   vhdSpec{disk: disk, id: 1, block: 1 << 20, has: all}.build(),
		"VMDK":  vmdkSpec{disk: disk, has: all}.build(),
		"QCOW2": qcowSpec{disk: disk, bits: 16, has: all}.build(),
		"VDI":   vdiImage(disk, 1<<20, all),
	} {
		t.Run(name, func(t *testing.T) {
			cut := len(whole) - 3<<20
			if name == "VMDK" {
				cut = len(whole) - 3<<20 // its tables are in front
			}
			img, err := Open("x", folder{"x": whole[:cut]}.options())
			if err != nil {
				t.Fatal(err)
			}
			p := make([]byte, len(disk))
			n, err := img.ReadAt(p, 0)
			re, ok := errors.AsType[*ReadError](err)
			if !ok || n < 4<<20 || n > 6<<20 || !bytes.Equal(p[:n&^0xFFFF], disk[:n&^0xFFFF]) || re.Off != int64(n) || !errors.Is(err, errCut) && !strings.Contains(err.Error(), "cut short") {
				t.Errorf("%d bytes, %v", n, err)
			}
			if _, err := img.ReadAt(make([]byte, 512), int64(len(disk)-512)); err == nil {
				t.Error("the end of the disk was read")
			}
			if img.Cut == nil || img.Cut.Path != "x" || img.Cut.Size != int64(cut) || img.Cut.Need <= int64(cut) || img.Cut.Need > int64(len(whole)) || !strings.Contains(fmt.Sprint(img.Problems), fmt.Sprintf("x is cut short: it has %d bytes", cut)) {
				t.Errorf("%+v %q", img.Cut, img.Problems)
			}
		})
	}
}

// An image that is its own ancestor, by any way, is an error and no hang.
func TestCircle(t *testing.T) {
	dir := t.TempDir()
	disk := dense(1, 40*512)
	writeFile(t, dir, "a", qcowSpec{disk: disk, has: few, backing: "b"}.build())
	writeFile(t, dir, "b", qcowSpec{disk: disk, has: few, backing: "c"}.build())
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(filepath.Join(dir, "a"), Options{})
	if _, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), "circle") {
		t.Error(err)
	}
	long := folder{"n999": disk}
	for i := range 999 {
		long[fmt.Sprintf("n%d", i)] = qcowSpec{disk: disk[:512], has: all, backing: fmt.Sprintf("n%d", i+1)}.build()
	}
	_, err = Open("n0", long.options())
	if _, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), "stand on one another") {
		t.Error(err)
	}
	if _, err := Open("n950", long.options()); err != nil {
		t.Error(err)
	}
}

// Names are found in any case, as the system that made them finds them.
func TestOtherCase(t *testing.T) {
	dir := t.TempDir()
	disk := dense(1, 40*512)
	path := writeFile(t, dir, "x", vhdSpec{disk: disk, id: 2, parent: 1, block: 4096, has: few, name: "BASE.VHD"}.build())
	writeFile(t, dir, "Base.vhd", vhdSpec{disk: disk, id: 1}.build())
	img := mustOpen(t, path)
	sameBytes(t, img, img.Size, disk)
}

// A pipe or a device is not opened in the place of a file.
func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, dir, "x", qcowSpec{disk: dense(1, 4096), has: few, backing: "sub"}.build())
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "its backing file sub is not there; looked for as "+filepath.Join(dir, "sub")+" (not a regular file)") {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(dir, "nothing"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// sparseFile is a file of which a few places are written.
type sparseFile struct {
	size  int64
	parts map[int64][]byte
}

func (f sparseFile) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	n := min(int64(len(p)), max(f.size-off, 0))
	for at, b := range f.parts {
		if at < off+n && at+int64(len(b)) > off {
			copy(p[max(at-off, 0):n], b[max(off-at, 0):])
		}
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

func (f sparseFile) Close() error               { return nil }
func (f sparseFile) Stat() (fs.FileInfo, error) { return sparseInfo{memFile{name: "x"}, f.size}, nil }

type sparseInfo struct {
	memFile
	size int64
}

func (i sparseInfo) Size() int64 { return i.size }

// Images of 16 TB open at once in little memory, and their far end reads right:
// also where an int has 32 bits.
func TestHuge(t *testing.T) {
	const size, page = 16 << 40, 4096
	mark := bytes.Repeat([]byte("far"), page)[:page]
	last := int64(size - page)
	far := int64(9 << 40) // in the file
	images := map[string]sparseFile{}

	images["raw"] = sparseFile{size, map[int64][]byte{last: mark}}

	v := vhdxSpec{disk: make([]byte, 1<<20), id: 1, has: all, block: 1 << 20}.build()
	w := &buffer{b: bytes.Clone(v)}
	w.le64(vhdxMetaAt+65536+8, size) // the second item
	const table = 128 << 20          // of 16 Mi blocks
	for _, off := range []int{192 << 10, 256 << 10} {
		w.le64(off+32, uint64(far))
		w.le32(off+40, 2*table)
		w.le32(off+4, 0)
		w.le32(off+4, castagnoliOf(w.b[off:off+65536]))
	}
	i := int64(size/(1<<20) - 1)
	images["VHDX"] = sparseFile{far + 1<<40, map[int64][]byte{0: w.b,
		far + 8*(i+i/4096):           binary.LittleEndian.AppendUint64(nil, uint64(far+4*table)|6),
		far + 4*table + 1<<20 - page: mark}}

	q := &buffer{b: qcowSpec{disk: make([]byte, 65536), bits: 16, has: all}.build()}
	const l1Entries = size / (8192 * 65536)
	q.be64(24, size)
	q.be32(36, l1Entries)
	q.be64(40, uint64(far))
	images["QCOW2"] = sparseFile{far + 1<<30, map[int64][]byte{0: q.b[:112],
		far + 8*(l1Entries-1):  binary.BigEndian.AppendUint64(nil, uint64(far+65536*8)),
		far + 65536*8 + 8*8191: binary.BigEndian.AppendUint64(nil, uint64(far+65536*16)),
		far + 65536*17 - page:  mark,
	}}

	m := &buffer{b: vmdkSpec{disk: make([]byte, 512*8), grain: 2048, has: all}.build()}
	// Grains are at sectors of 32 bits: up to 2 TiB.
	const near = 1 << 40
	m.le64(12, size/512)
	m.le64(56, near/512)
	images["VMDK"] = sparseFile{2 << 40, map[int64][]byte{0: m.b[:512],
		near + 4*(size/(512<<20)-1): binary.LittleEndian.AppendUint32(nil, (near+1<<30)/512),
		near + 1<<30 + 4*511:        binary.LittleEndian.AppendUint32(nil, (near+2<<30)/512),
		near + 2<<30 + 1<<20 - page: mark,
	}}
	for name, f := range images {
		t.Run(name, func(t *testing.T) {
			var img *Image
			var err error
			if bytes := allocated(func() {
				img, err = Open("x", Options{Open: func(string) (File, error) { return f, nil }})
			}); bytes > 2<<20 {
				t.Errorf("%d bytes were allocated to open it", bytes)
			}
			if err != nil {
				t.Fatal(err)
			}
			if img.Size != size {
				t.Fatalf("%d bytes", img.Size)
			}
			p := make([]byte, page)
			for off, want := range map[int64][]byte{last: mark, last - page: make([]byte, page), 1 << 32: make([]byte, page), 1<<32 - 100: make([]byte, page)} {
				if n, err := img.ReadAt(p, off); n != page || err != nil || !bytes.Equal(p, want) {
					t.Errorf("at %#x: %d bytes, %v, %q", off, n, err, p[:9])
				}
			}
			// Holes of terabytes are passed in few steps.
			if n, err := img.ReadAt(make([]byte, 64<<20), 5<<40); n != 64<<20 || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
}

// A disk of 6 GiB in a file with holes is read right on both sides of 4 GiB.
func TestBeyond4GiB(t *testing.T) {
	needs(t, "qemu-img")
	for _, format := range []string{"qcow2", "vhdx", "vmdk", "vpc", "vdi"} {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			args := []string{"create", "-q", "-f", format, "x", "6G"}
			command(t, dir, "qemu-img", args...)
			var write []string
			places := map[int64]byte{0: 1, 1<<31 - 2048: 2, 1<<32 - 2048: 3, 5 << 30: 4}
			for off, c := range places {
				write = append(write, "-c", fmt.Sprintf("write -P %d %d 4k", c, off))
			}
			needs(t, "qemu-io")
			command(t, dir, "qemu-io", append([]string{"-f", format}, append(write, "x")...)...)
			img := mustOpen(t, filepath.Join(dir, "x"))
			for off, c := range places {
				p := make([]byte, 8192)
				if n, err := img.ReadAt(p, off); n != 8192 || err != nil || !bytes.Equal(p, append(bytes.Repeat([]byte{c}, 4096), make([]byte, 4096)...)) {
					t.Errorf("at %#x: %d bytes, %v, % x", off, n, err, p[:4])
				}
			}
		})
	}
}

// What lies beyond 4 GiB of a disk, and of the file, reads right in the formats
// that qemu-img does not write so: also where an int has 32 bits.
func TestFar(t *testing.T) {
	const size, far, page = 6 << 30, 5 << 30, 4096
	mark := bytes.Repeat([]byte("far"), page)[:page]
	at := int64(size - page)

	// VDI: the last block of 1 MiB is the last one of the file.
	v := &buffer{b: vdiImage(make([]byte, 1<<20), 1<<20, all)[:1024]}
	v.le32(344, 1<<20)
	v.le64(368, size)
	v.le32(384, size>>20)
	table := bytes.Repeat([]byte{255}, size>>20*4)
	binary.LittleEndian.PutUint32(table[len(table)-4:], far>>20)
	v.at(512, table)
	vdi := sparseFile{far + 2<<20, map[int64][]byte{0: v.b, far + 2<<20 - page: mark}}

	// VHD: the same, with blocks of 2 MiB.
	h := &buffer{b: vhdSpec{disk: make([]byte, 2<<20), id: 1, block: 2 << 20, has: all}.build()[:2048]}
	h.be64(48, size)
	h.be32(64, 0)
	h.be32(64, ones(h.b[:512], 64))
	h.be32(512+28, size>>21)
	h.be32(512+36, ones(h.b[512:1536], 36))
	h.at(2048, bytes.Repeat([]byte{255}, size>>21*4))
	h.be32(2048+4*(size>>21-1), far/512)
	vhd := sparseFile{far + 4<<20, map[int64][]byte{0: h.b, far + 512 + 2<<20 - page: mark, far + 4<<20 - 512: h.b[:512]}}

	// E01: chunks of 16 MiB, of which all but the last are one of zeros; they
	// and their table lie beyond 5 GiB.
	const chunk = 16 << 20
	pack := func(b []byte) []byte {
		var z bytes.Buffer
		w := zlib.NewWriter(&z)
		w.Write(b)
		w.Close()
		return z.Bytes()
	}
	last := make([]byte, chunk)
	copy(last[chunk-page:], mark)
	zero, end := pack(make([]byte, chunk)), pack(last)
	data := append(bytes.Repeat(zero, size/chunk-1), end...)
	section := func(kind string, at, n int, next int64) []byte {
		d := &buffer{b: make([]byte, 72)}
		d.at(0, []byte(kind))
		d.le64(16, uint64(next))
		d.le64(24, uint64(76+n))
		d.le32(72, adler(d.b))
		return d.b
	}
	front := &buffer{b: []byte("EVF\x09\x0D\x0A\xFF\x00\x01\x01\x00\x00\x00")}
	disk := &buffer{b: make([]byte, 1048)}
	disk.le32(4, size/chunk)
	disk.le32(8, chunk/512)
	disk.le32(12, 512)
	disk.le64(16, size/512)
	disk.le32(1048, adler(disk.b))
	front.at(len(front.b), section("volume", 0, len(disk.b), far))
	front.at(len(front.b), disk.b)
	tableAt := far + 76 + int64(len(data))
	chunks := &buffer{b: make([]byte, 20)}
	chunks.le32(0, size/chunk)
	chunks.le64(8, far)
	chunks.le32(20, adler(chunks.b))
	var entries []byte
	for i := range size / chunk {
		entries = binary.LittleEndian.AppendUint32(entries, uint32(76+i*len(zero))|1<<31)
	}
	chunks.at(24, entries)
	chunks.le32(24+len(entries), adler(entries))
	doneAt := tableAt + 76 + int64(len(chunks.b))
	back := append(append(section("sectors", 0, len(data), tableAt), data...), append(section("table", 0, len(chunks.b), doneAt), chunks.b...)...)
	back = append(back, section("done", 0, 0, doneAt)...)
	e01 := sparseFile{far + int64(len(back)), map[int64][]byte{0: front.b, far: back}}

	for name, files := range map[string]map[string]sparseFile{
		"VDI":       {"x": vdi},
		"VHD":       {"x": vhd},
		"E01":       {"x.E01": e01},
		"split raw": {"x.001": {far, nil}, "x.002": {size - far, map[int64][]byte{size - far - page: mark}}},
		"VMDK flat": {
			"x": {500, map[int64][]byte{0: fmt.Appendf(nil, descriptorText, "1", "ffffffff", "monolithicFlat", "", fmt.Sprintf("RW %d FLAT \"f\" 0\n", size/512))}},
			"f": {size, map[int64][]byte{at: mark}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			first := "x"
			for _, n := range []string{"x.E01", "x.001"} {
				if _, ok := files[n]; ok {
					first = n
				}
			}
			img, err := Open(first, Options{Open: func(path string) (File, error) {
				f, ok := files[path]
				if !ok {
					return nil, fs.ErrNotExist
				}
				return f, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if img.Size != size || img.Cut != nil {
				t.Errorf("%d bytes, %+v", img.Size, img.Cut)
			}
			p := make([]byte, page)
			for off, want := range map[int64][]byte{at: mark, at - page: make([]byte, page), 1<<32 - 100: make([]byte, page), 1 << 32: make([]byte, page), at - 1<<32: make([]byte, page)} {
				if n, err := img.ReadAt(p, off); n != page || err != nil || !bytes.Equal(p, want) {
					t.Errorf("at %#x: %d bytes, %v, %q", off, n, err, p[:9])
				}
			}
		})
	}
}
