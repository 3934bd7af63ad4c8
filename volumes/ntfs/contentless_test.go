package ntfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// sizedName is a $FILE_NAME that says how large the file is.
func sizedName(parent uint64, name string, size uint64) []byte {
	b := fileName(parent, 3, name)
	binary.LittleEndian.PutUint64(b[24+48:], size)
	return b
}

// TestContentless tells files that have lost their unnamed stream from those
// that never have one.
func TestContentless(t *testing.T) {
	extend := ref(11, 11)
	file := func(name string, attrs ...[]byte) [][]byte {
		return append([][]byte{stdInfo(0x20, 0), sizedName(rootRef, name, 700)}, attrs...)
	}
	for _, tt := range []struct {
		path   string
		attrs  [][]byte
		spoil  func(rec []byte)
		gone   bool   // the content is
		damage string // what stands in it besides
		size   int64
	}{
		{path: "empty", attrs: file("empty", res(0x80, "", nil))},
		{path: "whole", attrs: file("whole", res(0x80, "", []byte("seven"))), size: 5},
		{path: "none", attrs: file("none"), gone: true, size: 700},
		{path: "only a stream", attrs: file("only a stream", res(0x80, "Zone.Identifier", []byte("zone"))), gone: true, size: 700},
		{path: "small name", attrs: [][]byte{stdInfo(0x20, 0), sizedName(rootRef, "small name", 0)}, gone: true},
		{path: "size of no volume", attrs: [][]byte{stdInfo(0x20, 0), sizedName(rootRef, "size of no volume", 1<<63)}, gone: true, size: 256 << 10},
		{path: "hidden by an end mark", attrs: file("hidden by an end mark", res(0x80, "", []byte("content"))), gone: true, size: 700,
			spoil: func(rec []byte) { mark(rec, 2) }, damage: "end mark"},
		{path: "stream hidden by an end mark", attrs: file("stream hidden by an end mark", res(0x80, "", []byte("content")), res(0x80, "s", []byte("stream"))), size: 7,
			spoil: func(rec []byte) { mark(rec, 3) }, damage: "end mark"},
		{path: "count too large", attrs: file("count too large", res(0x80, "", []byte("content"))), size: 7,
			spoil: func(rec []byte) { rec[24] += 64 }},
		{path: "link", attrs: file("link", reparse(0xA000000C, []byte("to"))), size: 0},
		{path: "junction", attrs: file("junction", reparse(0xA0000003, []byte("to"))), size: 0},
		{path: "link of WSL", attrs: file("link of WSL", reparse(0xA000001D, []byte("to"))), size: 0},
		{path: "socket", attrs: file("socket", reparse(0x80000023, nil)), size: 0},
		{path: "device", attrs: file("device", reparse(0x80000025, nil)), size: 0},
		{path: "alias", attrs: file("alias", reparse(0x8000001B, nil)), size: 0},
		{path: "cloud", attrs: file("cloud", reparse(0x9000601A, []byte("x"))), gone: true, size: 700},
		{path: "compact", attrs: file("compact", reparse(0x80000017, []byte("\x01\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))), gone: true, size: 700},
		{path: `$Extend\$Quota`, attrs: [][]byte{stdInfo(6, 0), fileName(extend, 3, "$Quota"), res(0x90, "$Q", make([]byte, 48))}},
		{path: `$Extend\$UsnJrnl`, attrs: [][]byte{stdInfo(6, 0), fileName(extend, 3, "$UsnJrnl"), res(0x80, "$J", nil), res(0x80, "$Max", make([]byte, 32))}},
		{path: `$Extend\$RmMetadata\$Repair`, attrs: [][]byte{stdInfo(6, 0), fileName(ref(25, 1), 3, "$Repair"), res(0x80, "$Config", make([]byte, 8))}},
		{path: `dir\in a folder`, attrs: [][]byte{stdInfo(0x20, 0), sizedName(ref(26, 1), "in a folder", 9)}, gone: true, size: 9},
		{path: `$Orphans\40-1 orphan`, attrs: [][]byte{stdInfo(0x20, 0), sizedName(ref(50, 1), "orphan", 9)}, gone: true, size: 9},
	} {
		t.Run(tt.path, func(t *testing.T) {
			v := newVolume(256)
			v.rec(0, 1, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$MFT"), data(testRecords*testRecord, testMFT, testRecords))
			v.rec(5, 5, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "."))
			v.rec(11, 11, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "$Extend"))
			v.rec(25, 1, dirFlag, stdInfo(6, 0), fileName(extend, 3, "$RmMetadata"))
			v.rec(26, 1, dirFlag, stdInfo(0x10, 0), fileName(rootRef, 3, "dir"))
			v.rec(40, 1, fileFlag, tt.attrs...)
			if tt.spoil != nil {
				tt.spoil(v.recs[40])
			}
			img := v.bytes()
			fs, err := Open(bytes.NewReader(img), int64(len(img)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			e, info := lookup(t, fs, tt.path)
			if info.Size != tt.size {
				t.Errorf("%d bytes, want %d", info.Size, tt.size)
			}
			if got := strings.Contains(info.Damage, "content is gone"); got != tt.gone || !strings.Contains(info.Damage, tt.damage) || info.Damage != "" && !tt.gone && tt.damage == "" {
				t.Errorf("damage %q", info.Damage)
			}
			if told := strings.Contains(fmt.Sprint(fs.Problems()), "MFT record 40"); told != (info.Damage != "") && !strings.HasPrefix(tt.path, "$Orphans") {
				t.Errorf("problems %v", fs.Problems())
			}
			s, err := fs.Open(e, "")
			var fe *FormatError
			switch {
			case tt.gone != errors.As(err, &fe):
				t.Errorf("opening it: %v", err)
			case tt.gone && tt.size > 0 && !strings.Contains(err.Error(), fmt.Sprint(tt.size, " bytes")):
				t.Errorf("its size is not told: %v", err)
			case !tt.gone && (err != nil || s.Size() != tt.size):
				t.Errorf("it cannot be read: %v", err)
			}
			if tt.path == "only a stream" {
				if b, err := content(fs, e, "Zone.Identifier"); err != nil || string(b) != "zone" {
					t.Errorf("its stream: %q, %v", b, err)
				}
			}
			if tt.path == "dir\\in a folder" {
				// The folders themselves have no unnamed stream.
				if _, info := lookup(t, fs, "dir"); info.Damage != "" || !info.IsDir() {
					t.Errorf("the folder: %+v", info)
				}
			}
		})
	}
}

// TestReparseGone: a link or a file elsewhere whose reparse data are zeros, or
// gone, is no folder and no file like others.
func TestReparseGone(t *testing.T) {
	zero := func(rec []byte) {
		at := int(binary.LittleEndian.Uint16(rec[20:]))
		for binary.LittleEndian.Uint32(rec[at:]) != 0xC0 {
			at += int(binary.LittleEndian.Uint32(rec[at+4:]))
		}
		clear(rec[at+24 : at+24+int(binary.LittleEndian.Uint32(rec[at+16:]))])
	}
	for _, tt := range []struct {
		name  string
		flags uint16
		attr  uint32
		attrs [][]byte
		spoil func([]byte)
		want  string
	}{
		{"junction", dirFlag, 0x410, [][]byte{reparse(0xA0000003, []byte("there"))}, nil, ""},
		{"junction of zeros", dirFlag, 0x410, [][]byte{reparse(0xA0000003, []byte("there"))}, zero, "tag 0"},
		{"junction without data", dirFlag, 0x410, nil, nil, "reparse data are gone"},
		{"link", fileFlag, 0x420, [][]byte{res(0x80, "", nil), reparse(0xA000000C, []byte("there"))}, nil, ""},
		{"link of zeros", fileFlag, 0x420, [][]byte{res(0x80, "", nil), reparse(0xA000000C, []byte("there"))}, zero, "tag 0"},
		{"tag 1", fileFlag, 0x420, [][]byte{res(0x80, "", nil), reparse(1, []byte("there"))}, nil, "tag 1"},
		{"link without data", fileFlag, 0x420, [][]byte{res(0x80, "", nil)}, nil, "reparse data are gone"},
		{"cloud of zeros", fileFlag, 0x501620, [][]byte{nonres{typ: 0x80, flags: 0x8000, size: 3000, init: 3000}.with(-1, 3), reparse(0x9000701A, []byte("there"))}, zero, "tag 0"},
		{"compact", fileFlag, 0x620, [][]byte{nonres{typ: 0x80, flags: 0x8000, size: 3000}.with(-1, 3), res(0x80, "WofCompressedData", xpressRun('W', 3000)),
			reparse(0x80000017, []byte("\x01\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))}, nil, ""},
		{"compact of zeros", fileFlag, 0x620, [][]byte{nonres{typ: 0x80, flags: 0x8000, size: 3000}.with(-1, 3), res(0x80, "WofCompressedData", xpressRun('W', 3000)),
			reparse(0x80000017, []byte("\x01\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))}, zero, "tag 0"},
		{"folder", dirFlag, 0x10, nil, nil, ""},
		{"file", fileFlag, 0x20, [][]byte{res(0x80, "", nil)}, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newVolume(256)
			v.rec(0, 1, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$MFT"), data(testRecords*testRecord, testMFT, testRecords))
			v.rec(5, 5, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "."))
			// Two names; the damage is told once.
			v.rec(40, 1, tt.flags, append([][]byte{stdInfo(tt.attr, 0), fileName(rootRef, 3, "name"), fileName(rootRef, 0, "further")}, tt.attrs...)...)
			if tt.spoil != nil {
				tt.spoil(v.recs[40])
			}
			img := v.bytes()
			fs, err := Open(bytes.NewReader(img), int64(len(img)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			_, info := lookup(t, fs, "name")
			if !strings.Contains(info.Damage, tt.want) || (info.Damage == "") != (tt.want == "") || strings.Count(info.Damage, "it was a link") > 1 {
				t.Errorf("damage %q", info.Damage)
			}
		})
	}
}

// mark writes the end mark over the attribute with that index.
func mark(rec []byte, n int) {
	at := int(binary.LittleEndian.Uint16(rec[20:]))
	for range n {
		at += int(binary.LittleEndian.Uint32(rec[at+4:]))
	}
	binary.LittleEndian.PutUint32(rec[at:], 0xFFFFFFFF)
}
