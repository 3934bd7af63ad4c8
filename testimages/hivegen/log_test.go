package hivegen_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/coldstate/coldstate/testimages/hivegen"
)

// TestMarvin32 compares with the hashes in logs that Windows wrote.
func TestMarvin32(t *testing.T) {
	data := os.Getenv("COLDSTATE_TESTDATA")
	if data == "" {
		t.Skip("needs COLDSTATE_TESTDATA, the folder of real hives")
	}
	logs, err := filepath.Glob(filepath.Join(data, "hives", "dirty", "*", "*.LOG[12]"))
	if err != nil {
		t.Fatal(err)
	}
	entries := 0
	for _, name := range logs {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for at := 512; at+40 < len(b) && string(b[at:at+4]) == "HvLE"; {
			size := int(binary.LittleEndian.Uint32(b[at+4:]))
			entry := bytes.Clone(b[at : at+size])
			hivegen.PutHashes(entry)
			if !bytes.Equal(entry, b[at:at+size]) {
				t.Errorf("%s: other hashes for the entry at %#x", name, at)
			}
			entries++
			at += size
		}
	}
	if entries < 20 {
		t.Errorf("only %d entries in %d logs", entries, len(logs))
	}
}

// TestLogs looks at the parts of the logs, by hand.
func TestLogs(t *testing.T) {
	le := binary.LittleEndian
	before := hivegen.Build(hivegen.K("ROOT", hivegen.B("v", make([]byte, 9000))), hivegen.Options{Minor: 3})
	after := bytes.Clone(before)
	size := len(after) - 4096
	after[4096+2*4096+700] ^= 1 // in the second sector of the third page
	log := hivegen.LogHvLE(7, before, after, append(after[:len(after):len(after)], make([]byte, 4096)...), before)
	if string(log[:4]) != "regf" || le.Uint32(log[4:]) != 7 || le.Uint32(log[8:]) != 7 || log[28] != 6 {
		t.Errorf("base block % x", log[:32])
	}
	at := 512
	for i, page := range []uint32{2 * 4096, 0, 2 * 4096} {
		e := log[at:]
		if string(e[:4]) != "HvLE" || le.Uint32(e[12:]) != uint32(7+i) || int(le.Uint32(e[16:])) != size || le.Uint32(e[20:]) != 1 ||
			le.Uint32(e[40:]) != page || le.Uint32(e[44:]) != 4096 {
			t.Fatalf("entry %d: % x", i, e[:48])
		}
		if i == 2 && !bytes.Equal(e[48:48+4096], before[4096+2*4096:4096+3*4096]) {
			t.Error("the last entry has another page")
		}
		at += int(le.Uint32(e[4:]))
	}
	if at != len(log) {
		t.Errorf("the entries end at %d of %d", at, len(log))
	}

	log = hivegen.LogDIRT(before, after)
	if string(log[512:516]) != "DIRT" || len(log) != 1024+512 || log[28] != 1 {
		t.Fatalf("%d bytes: % x", len(log), log[512:])
	}
	for i, m := range log[516:1024] {
		if i == 2 && m != 1<<1 || i != 2 && m != 0 {
			t.Errorf("byte %d of the bitmap is %#x", i, m)
		}
	}
	if !bytes.Equal(log[1024:], after[4096+2*4096+512:][:512]) {
		t.Error("another sector")
	}
	dirty := hivegen.Sequence(before, 9, 8)
	if le.Uint32(dirty[4:]) != 9 || le.Uint32(dirty[8:]) != 8 || le.Uint32(before[4:]) != 1 {
		t.Error("sequence numbers")
	}
}
