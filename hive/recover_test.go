package hive_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// states are one hive of 60 keys after each of its changes: it grows, and
// shrinks again.
func states(minor uint32) [][]byte { return statesOf(minor, 60) }

func statesOf(minor uint32, keys int) [][]byte {
	var out [][]byte
	for i := range 6 {
		root := hivegen.K("ROOT", hivegen.D("state", uint32(i)), hivegen.SZ("text", strings.Repeat("some text ", 100)))
		for k := range keys {
			root.Add(hivegen.K(fmt.Sprintf("key %02d", k), hivegen.D("n", uint32(k+1000*i)), hivegen.SZ("s", "unchanged")))
		}
		if i == 2 || i == 3 {
			root.Add(hivegen.K("large", hivegen.B("data", bytes.Repeat([]byte{byte(i), 1, 2, 3}, 80*keys))))
		}
		if i == 4 {
			root.Keys = root.Keys[:keys/2]
		}
		out = append(out, hivegen.Build(root, hivegen.Options{Minor: minor, Time: hivegen.DefaultTime + uint64(i)*1e7}))
	}
	return out
}

// log is a log by the end of its name.
func log(suffix string, b []byte) hive.Log { return hive.Log{Name: "NTUSER.DAT" + suffix, Data: b} }

// wipe destroys the base block.
func wipe(b []byte) []byte {
	b = bytes.Clone(b)
	clear(b[:4096])
	return b
}

// tear leaves the base block with a wrong checksum.
func tear(b []byte) []byte {
	b = bytes.Clone(b)
	b[508] ^= 0x55
	return b
}

// patch changes the bytes of b at off, and mends the checksum of its base block
// unless it is that which is changed.
func patch(b []byte, off int, with ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[off:], with)
	if off < 508 {
		hivegen.PutChecksum(b)
	}
	return b
}

// entryAt is the place of entry i in a log.
func entryAt(b []byte, i int) int {
	at := 512
	for range i {
		at += int(le.Uint32(b[at+4:]))
	}
	return at
}

// forge changes a number in the header of the first entry of a log, and mends
// the hashes.
func forge(b []byte, off int, v uint32) []byte {
	b = bytes.Clone(b)
	e := b[512:]
	size := le.Uint32(e[4:])
	le.PutUint32(e[off:], v)
	hivegen.PutHashes(e[:size])
	return b
}

func TestRecover(t *testing.T) {
	s := states(5)
	old := states(3)
	hvle := func(seq uint32, from, to int) []byte { return hivegen.LogHvLE(seq, s[from:to+1]...) }
	dirt := func(from, to int) []byte { return hivegen.LogDIRT(old[from], old[to]) }
	dirty := hivegen.Sequence(s[0], 5, 4)
	oldDirty := hivegen.Sequence(old[0], 2, 1)
	at := func(i int) int { return entryAt(hvle(4, 0, 5), i) }
	for _, tt := range []struct {
		name     string
		file     []byte
		logs     []hive.Log
		want     int    // state
		applied  string // names, in order
		rejected string
		base     string
		missing  string // part of Unrecovered, "" for none
	}{
		{"clean", hivegen.Sequence(s[0], 4, 4), []hive.Log{log(".LOG1", hvle(4, 0, 3))}, 0, "", "", "", ""},
		{"no log", dirty, nil, 0, "", "", "", "No transaction log lies beside the hive."},
		{"one", dirty, []hive.Log{log(".LOG1", hvle(4, 0, 2)), log(".LOG2", nil)}, 2, ".LOG1", ".LOG2: it is empty", "", ""},
		{"grown and shrunk", dirty, []hive.Log{log(".LOG1", hvle(4, 0, 5))}, 5, ".LOG1", "", "", ""},
		{"grown past the file", dirty, []hive.Log{log(".LOG1", hvle(4, 0, 3))}, 3, ".LOG1", "", "", ""},
		{"both", dirty, []hive.Log{log(".LOG1", hvle(4, 0, 2)), log(".LOG2", hvle(6, 2, 5))}, 5, ".LOG1 .LOG2", "", "", ""},
		{"both, the second first", dirty, []hive.Log{log(".LOG1", hvle(6, 2, 5)), log(".LOG2", hvle(4, 0, 2))}, 5, ".LOG2 .LOG1", "", "", ""},
		{"a gap before the logs", dirty, []hive.Log{log(".LOG1", hvle(1000, 0, 2))}, 2, ".LOG1", "", "", ""},
		{"one is done with", dirty, []hive.Log{log(".LOG1", hvle(3, 1, 2)), log(".LOG2", hvle(4, 0, 3))}, 3, ".LOG2", ".LOG1: it begins with change 3", "", ""},
		{"both are done with", dirty, []hive.Log{log(".LOG1", hvle(3, 1, 2)), log(".LOG2", hvle(2, 0, 1))}, 0, "", ".LOG2: it begins with change 2 .LOG1: it begins with change 3", "", "No transaction log can be applied"},
		{"a gap between the logs", dirty, []hive.Log{log(".LOG1", hvle(4, 0, 2)), log(".LOG2", hvle(7, 3, 5))}, 2, ".LOG1", ".LOG2: it begins with change 7, and 6 is not there", "", "Changes from 6 on are missing."},
		{"two logs with the same", dirty, []hive.Log{log(".LOG1", hvle(4, 0, 2)), log(".LOG2", hvle(4, 0, 2))}, 2, ".LOG1", ".LOG2: it begins with change 4, which NTUSER.DAT.LOG1 has as well", "", ""},
		{"the number wraps", hivegen.Sequence(s[0], 0xffffffff, 0xfffffffe), []hive.Log{log(".LOG1", hvle(0, 2, 5)), log(".LOG2", hvle(0xfffffffe, 0, 2))}, 5, ".LOG2 .LOG1", "", "", ""},
		{"behind the last, older entries", dirty, []hive.Log{log(".LOG1", append(hvle(4, 0, 2), hvle(3, 0, 4)[512:]...))}, 2, ".LOG1", "", "", ""},
		{"behind the last, anything", dirty, []hive.Log{log(".LOG1", append(hvle(4, 0, 2), bytes.Repeat([]byte("HvLE"), 3000)...))}, 2, ".LOG1", "", "", ""},
		{"a lone .LOG", dirty, []hive.Log{log(".LOG", hvle(4, 0, 5))}, 5, ".LOG", "", "", ""},
		{"a .LOG beside empty ones", dirty, []hive.Log{log(".log1", nil), log(".log2", nil), log(".log", hvle(4, 0, 5))}, 5, ".log", ".log1: it is empty .log2: it is empty", "", ""},
		{"a .LOG beside others", dirty, []hive.Log{log(".LOG", hvle(4, 0, 5)), log(".LOG1", hvle(4, 0, 2))}, 2, ".LOG1", ".LOG: a .LOG is not used", "", ""},

		{"a torn entry", dirty, []hive.Log{log(".LOG1", patch(hvle(4, 0, 5), at(3)+100, 1, 2, 3, 4, 5))}, 3, ".LOG1", "", "", "change 7 is damaged and was left out, with what may follow it: the hash of its data is wrong"},
		{"a torn header of an entry", dirty, []hive.Log{log(".LOG1", patch(hvle(4, 0, 5), at(3)+24, 1, 2, 3, 4, 5))}, 3, ".LOG1", "", "", "the hash of its header is wrong"},
		{"a log cut short", dirty, []hive.Log{log(".LOG1", hvle(4, 0, 5)[:at(3)+3000])}, 3, ".LOG1", "", "", "its size is"},
		{"a torn first entry", dirty, []hive.Log{log(".LOG1", patch(hvle(4, 0, 2), 600, 1, 2, 3, 4, 5))}, 0, "", ".LOG1: change 4 is damaged", "", "change 4 is damaged"},
		{"a torn entry and the log after it", dirty, []hive.Log{log(".LOG1", patch(hvle(4, 0, 3), at(2)+100, 1, 2, 3, 4, 5)), log(".LOG2", hvle(7, 3, 5))}, 2, ".LOG1", ".LOG2: it begins with change 7", "", "NTUSER.DAT.LOG1: change 6 is damaged"},
		{"a torn entry that the other log has", dirty, []hive.Log{log(".LOG1", patch(hvle(4, 0, 3), at(2)+100, 1, 2, 3, 4, 5)), log(".LOG2", hvle(6, 2, 5))}, 5, ".LOG1 .LOG2", "", "", ""},
		{"a log that is being begun", dirty, []hive.Log{log(".LOG1", hvle(4, 0, 2)), log(".LOG2", append(hvle(6, 0, 0), hvle(2, 0, 2)[512:]...))}, 2, ".LOG1", ".LOG2: it holds no change", "", ""},

		{"its own sequence", dirty, []hive.Log{log(".LOG1", patch(hvle(4, 0, 2), 8, 3))}, 0, "", ".LOG1: its own writing was interrupted (sequence 4 and 3)", "", "No transaction log can be applied (NTUSER.DAT.LOG1: its own"},
		{"its checksum", dirty, []hive.Log{log(".LOG1", tear(hvle(4, 0, 2)))}, 0, "", ".LOG1: the checksum", "", "checksum"},
		{"one of two is bad", dirty, []hive.Log{log(".LOG1", tear(hvle(4, 0, 2))), log(".LOG2", hvle(4, 0, 3))}, 3, ".LOG2", ".LOG1: the checksum", "", ""},
		{"its type", dirty, []hive.Log{log(".LOG1", patch(hvle(4, 0, 2), 28, 7))}, 0, "", ".LOG1: file type 7", "", "file type 7"},
		{"a hive as its log", dirty, []hive.Log{log(".LOG1", s[1])}, 0, "", ".LOG1: file type 0", "", "file type 0"},
		{"no log at all", dirty, []hive.Log{log(".LOG1", []byte("something else"))}, 0, "", ".LOG1: it is no transaction log", "", "no transaction log"},
		{"zeros", dirty, []hive.Log{log(".LOG1", make([]byte, 65536))}, 0, "", ".LOG1: it is no transaction log", "", "no transaction log"},

		{"forged: no pages", dirty, []hive.Log{log(".LOG1", forge(hvle(4, 0, 2), 20, 0))}, 0, "", ".LOG1: change 4", "", "it claims 0 pages"},
		{"forged: all pages", dirty, []hive.Log{log(".LOG1", forge(hvle(4, 0, 2), 20, none))}, 0, "", ".LOG1: change 4", "", "it claims 4294967295 pages"},
		{"forged: many pages", dirty, []hive.Log{log(".LOG1", forge(hvle(4, 0, 2), 20, 100))}, 0, "", ".LOG1: change 4", "", "bytes"},
		{"forged: a page of nothing", dirty, []hive.Log{log(".LOG1", forge(hvle(4, 0, 2), 44, 0))}, 0, "", ".LOG1: change 4", "", "a page has 0 bytes"},
		{"forged: a page of 2 GiB", dirty, []hive.Log{log(".LOG1", forge(hvle(4, 0, 2), 44, 0x7ffff000))}, 0, "", ".LOG1: change 4", "", "a page has 2147479552 bytes"},
		{"forged: a page behind the end", dirty, []hive.Log{log(".LOG1", forge(hvle(4, 0, 2), 40, 0x7fff0000))}, 0, "", ".LOG1: change 4", "", "behind the end of the hive"},
		{"forged: a page that wraps", dirty, []hive.Log{log(".LOG1", forge(hvle(4, 0, 2), 40, 0xfffff000))}, 0, "", ".LOG1: change 4", "", "behind the end of the hive"},
		{"forged: a far page of a huge hive", dirty, []hive.Log{log(".LOG1", forge(forge(hvle(4, 0, 2), 16, 0x7fff0000), 40, 0x7ff00000))}, 0, "", ".LOG1: change 4", "", "where the hive cannot reach"},
		{"forged: no hive", dirty, []hive.Log{log(".LOG1", forge(hvle(4, 0, 2), 16, 0))}, 0, "", ".LOG1: change 4", "", "the hive has 0 bytes"},
		{"forged: half a page of hive", dirty, []hive.Log{log(".LOG1", forge(hvle(4, 0, 2), 16, 2048))}, 0, "", ".LOG1: change 4", "", "the hive has 2048 bytes"},
		{"forged: a hive without a root", dirty, []hive.Log{log(".LOG1", rootless(s[0]))}, 0, "", ".LOG1: with its changes the hive cannot be opened", "", "read without them"},

		{"torn base block", tear(dirty), []hive.Log{log(".LOG1", hvle(4, 0, 2)), log(".LOG2", hvle(6, 2, 5))}, 5, ".LOG1 .LOG2", "", ".LOG2", ""},
		{"damaged base block of a clean hive", tear(hivegen.Sequence(s[3], 20, 20)), []hive.Log{log(".LOG1", hvle(4, 0, 2)), log(".LOG2", hvle(6, 2, 3))}, 3, "", ".LOG1: it begins with change 4, and the hive has all before 20 .LOG2: it begins with change 6", "", "No transaction log can be applied"},
		{"no base block", wipe(dirty), []hive.Log{log(".LOG1", hvle(4, 0, 2)), log(".LOG2", hvle(6, 2, 5))}, 5, ".LOG1 .LOG2", "", ".LOG2", ""},
		{"no base block, the hive has the older log", wipe(s[2]), []hive.Log{log(".LOG1", hvle(4, 0, 2)), log(".LOG2", hvle(6, 2, 5))}, 5, ".LOG1 .LOG2", "", ".LOG2", ""},
		{"no base block, a gap between the logs", wipe(s[3]), []hive.Log{log(".LOG1", hvle(4, 0, 2)), log(".LOG2", hvle(7, 3, 5))}, 5, ".LOG2", ".LOG1: changes 6 to 6 are missing", ".LOG2", ""},
		{"a torn base block and no use of the log", tear(dirty), []hive.Log{log(".LOG1", tear(hvle(4, 0, 2)))}, 0, "", ".LOG1: the checksum", "", "No transaction log can be applied"},

		{"old", oldDirty, []hive.Log{log(".LOG1", dirt(0, 2)), log(".LOG2", nil)}, 2, ".LOG1", ".LOG2: it is empty", "", ""},
		{"old, shrunk", hivegen.Sequence(old[2], 2, 1), []hive.Log{log(".LOG1", dirt(2, 4))}, 4, ".LOG1", "", "", ""},
		{"old, another number", hivegen.Sequence(old[0], 9, 8), []hive.Log{log(".LOG", dirt(0, 2))}, 2, ".LOG", "", "", ""},
		{"old, the same time", hivegen.Sequence(old[2], 2, 1), []hive.Log{log(".LOG", dirt(0, 2))}, 2, ".LOG", "", "", ""},
		{"old, older than the hive", hivegen.Sequence(old[3], 2, 1), []hive.Log{log(".LOG", dirt(0, 2))}, 3, "", ".LOG: it is older than the hive", "", "older than the hive"},
		{"old, two", oldDirty, []hive.Log{log(".LOG1", dirt(0, 2)), log(".LOG2", dirt(0, 3))}, 3, ".LOG2", ".LOG1: it is older than NTUSER.DAT.LOG2", "", ""},
		{"old, two of a time", oldDirty, []hive.Log{log(".LOG1", dirt(0, 3)), log(".LOG2", dirt(1, 3))}, 3, ".LOG1", ".LOG2: it is not newer than NTUSER.DAT.LOG1", "", ""},
		{"old, of Windows 2000", oldDirty, []hive.Log{log(".LOG", patch(dirt(0, 2), 28, 2))}, 2, ".LOG", "", "", ""},
		{"old, no base block", wipe(oldDirty), []hive.Log{log(".LOG1", dirt(0, 2))}, 2, ".LOG1", "", ".LOG1", ""},
		{"old, torn base block", tear(oldDirty), []hive.Log{log(".LOG1", dirt(0, 2))}, 2, ".LOG1", "", ".LOG1", ""},
		{"old, torn base block, an older log", tear(old[3]), []hive.Log{log(".LOG1", dirt(0, 2))}, 3, "", ".LOG1: it is older than the hive", "", "older"},
		{"old, no DIRT", oldDirty, []hive.Log{log(".LOG1", patch(dirt(0, 2), 512, 'X'))}, 0, "", ".LOG1: it has no DIRT", "", "no DIRT"},
		{"old, cut", oldDirty, []hive.Log{log(".LOG1", dirt(0, 2)[:2000])}, 0, "", ".LOG1: it ends before its last page", "", "last page"},
		{"old, cut in its map", oldDirty, []hive.Log{log(".LOG1", dirt(0, 2)[:517])}, 0, "", ".LOG1: it ends within its bitmap", "", "bitmap"},
		{"old, of no size", oldDirty, []hive.Log{log(".LOG1", patch(dirt(0, 2), 40, 0, 0, 0, 0))}, 0, "", ".LOG1: it says that the hive has 0 bytes", "", "0 bytes"},
		{"old, of 4 GiB", oldDirty, []hive.Log{log(".LOG1", patch(dirt(0, 2), 40, 0, 0xf0, 0xff, 0xff))}, 0, "", ".LOG1: it ends within its bitmap", "", "bitmap"},
		{"old, a far page", oldDirty, []hive.Log{log(".LOG1", far(dirt(0, 2)))}, 0, "", ".LOG1: it has a page for", "", "where the hive cannot reach"},

		{"an old log from before an upgrade", dirty, []hive.Log{log(".LOG1", hvle(4, 0, 3)), log(".LOG2", dirt(0, 5))}, 3, ".LOG1", ".LOG2: it is of an older Windows", "", ""},
		{"an old log beside a broken one", dirty, []hive.Log{log(".LOG1", dirt(0, 5)), log(".LOG2", tear(hvle(4, 0, 3)))}, 0, "", ".LOG2: the checksum .LOG1: it is of an older Windows", "", "No transaction log can be applied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := sums(tt.file, tt.logs)
			h, err := hive.OpenWithLogs(tt.file, tt.logs)
			if err != nil {
				t.Fatal(err)
			}
			from := s
			if strings.HasPrefix(tt.name, "old") {
				from = old
			}
			want := open(t, from[tt.want])
			compareLines(t, tsv(t, h), tsv(t, want))
			r := h.Recovery()
			wantApplied(t, r, tt.applied, tt.rejected)
			if got := strings.TrimPrefix(r.BaseBlock, "NTUSER.DAT"); got != tt.base {
				t.Errorf("base block of %q, want %q", got, tt.base)
			}
			if (r.Unrecovered == "") != (tt.missing == "") || !strings.Contains(r.Unrecovered, tt.missing) {
				t.Errorf("unrecovered %q, want %q", r.Unrecovered, tt.missing)
			}
			clean := tt.name == "clean"
			if r.Dirty == clean || (r.String() == "") != clean {
				t.Errorf("dirty %v: %q", r.Dirty, r)
			}
			if h.Dirty() != (tt.missing != "") {
				t.Errorf("Dirty is %v", h.Dirty())
			}
			if tt.applied != "" {
				if !bytes.Equal(h.Bins(), from[tt.want][4096:]) {
					t.Errorf("the %d bytes of bins are not the %d of the state; sequence %v", len(h.Bins()), len(from[tt.want])-4096, r.Applied)
				}
				wantProblem(t, h)
				if p, s := h.Sequence(); p != s {
					t.Errorf("sequence %d and %d", p, s)
				}
			}
			if !bytes.Equal(sums(tt.file, tt.logs), before) {
				t.Error("the hive or a log was changed")
			}
		})
	}
}

// rootless is a log that destroys everything in the hive b.
func rootless(b []byte) []byte {
	zero := bytes.Clone(b)
	clear(zero[4096:])
	return hivegen.LogHvLE(4, b, zero)
}

// far is a DIRT log whose one page is far behind the end of the hive.
func far(b []byte) []byte {
	const size = 1 << 25
	b = append(bytes.Clone(b[:516]), make([]byte, size/4096+1024)...)
	le.PutUint32(b[40:], size)
	hivegen.PutChecksum(b)
	b[515+size/4096] = 1
	return b
}

func wantApplied(t *testing.T, r hive.Recovery, applied, rejected string) {
	t.Helper()
	var got []string
	for _, a := range r.Applied {
		got = append(got, strings.TrimPrefix(a.Name, "NTUSER.DAT"))
		if a.Entries == 0 || a.Pages < a.Entries || a.Format == "DIRT" && a.Entries != 1 || a.Last-a.First != uint32(a.Entries-1) {
			t.Errorf("applied %+v", a)
		}
	}
	if got := strings.Join(got, " "); got != applied {
		t.Errorf("applied %q, want %q", got, applied)
	}
	// The wanted text has the beginnings only.
	rest := rejected
	for _, x := range r.Rejected {
		text := strings.TrimPrefix(x.Name, "NTUSER.DAT") + ": " + x.Why
		n := 0
		for n < len(text) && n < len(rest) && text[n] == rest[n] {
			n++
		}
		if n < 8 {
			t.Errorf("rejected %q, want %q", text, rest)
		}
		rest = strings.TrimPrefix(rest[n:], " ")
	}
	if rest != "" {
		t.Errorf("not rejected: %q; but %v", rest, r.Rejected)
	}
}

// TestRecoverNothing has files that no log makes a hive of.
func TestRecoverNothing(t *testing.T) {
	s := states(5)
	l := hivegen.LogHvLE(4, s[0], s[1])
	for _, tt := range []struct {
		name string
		file []byte
		logs []hive.Log
		want string
	}{
		{"empty", nil, []hive.Log{log(".LOG1", l)}, "the file is empty"},
		{"the log", l, []hive.Log{log(".LOG1", l)}, "is a transaction log"},
		{"no bins", s[0][:4096], []hive.Log{log(".LOG1", l)}, "ends before the first hive bin"},
		{"no base block and a bad log", wipe(s[0]), []hive.Log{log(".LOG1", tear(l))}, "hive bins follow it. No transaction log can be applied (NTUSER.DAT.LOG1: the checksum"},
		{"no base block", wipe(s[0]), nil, "hive bins follow it; take"},
		{"zeros", make([]byte, 65536), []hive.Log{log(".LOG1", hivegen.LogHvLE(4, s[0], patch(s[0], len(s[0])-1, 1)))}, "all zeros"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := hive.OpenWithLogs(tt.file, tt.logs)
			if _, ok := errors.AsType[*hive.FormatError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("opened %v, %v; want %q", h != nil, err, tt.want)
			}
		})
	}
}

func TestLogNames(t *testing.T) {
	for _, tt := range []struct {
		name   string
		folder string
		want   string
	}{
		{"NTUSER.DAT", "NTUSER.DAT ntuser.dat.LOG1 ntuser.dat.LOG2 NTUSER.DAT.LOG", "ntuser.dat.LOG1 ntuser.dat.LOG2 NTUSER.DAT.LOG"},
		{"SAM", "SAM SAM.log2 sam.LOG1 SAMSAM.LOG1 SAM.LOG3 SAM.LOG1.bak xSAM.LOG .LOG", "sam.LOG1 SAM.log2"},
		{"sam", "SAM SAM.LOG1 sam sam.LOG1", "sam.LOG1"},
		{"Ñ", "ñ.log1 n.log1", "ñ.log1"},
		{"SYSTEM", "", ""},
	} {
		if got := strings.Join(hive.LogNames(tt.name, strings.Fields(tt.folder)), " "); got != tt.want {
			t.Errorf("%s among %s: %s, want %s", tt.name, tt.folder, got, tt.want)
		}
	}
}

// TestWindowsRecovered compares with the hives that Windows itself made of
// dirty ones. Windows 10 leaves the same bytes. Windows 7 writes the hive once
// more, with its time in the first bin and one counter in a key.
func TestWindowsRecovered(t *testing.T) {
	dir := filepath.Join(testdata(t), "hives", "dirty")
	for _, tt := range []struct {
		file, windows string
		differ        string // places in the bins
		pages         []int
	}{
		{"NewDirtyHive1/NewDirtyHive", "NewDirtyHive1/RecoveredHive_Windows10", "", []int{5, 7}},
		{"OldDirtyHive/OldDirtyHive", "OldDirtyHive/RecoveredHive_Windows7", "0x14 0x15 0x16 0x17 0x18 0x6adc8", []int{64}},
		{"BadBaseBlockHive/BadBaseBlockHive", "OldDirtyHive/RecoveredHive_Windows7", "0x14 0x15 0x16 0x17 0x18 0x6adc8", []int{64}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			file := filepath.Join(dir, tt.file)
			h, err := hive.OpenWithLogs(load(t, file), logsOf(t, file))
			if err != nil {
				t.Fatal(err)
			}
			b := load(t, filepath.Join(dir, tt.windows))
			windows := open(t, b)
			got, want := h.Bins(), windows.Bins()
			if len(got) != len(want) {
				t.Fatalf("%d bytes of bins, Windows has %d", len(got), len(want))
			}
			var differ []string
			for i := range got {
				if got[i] != want[i] {
					differ = append(differ, fmt.Sprintf("%#x", i))
				}
			}
			if got := strings.Join(differ, " "); got != tt.differ {
				t.Errorf("the bins differ at %.200s, want at %q", got, tt.differ)
			}
			compareLines(t, tsv(t, h), tsv(t, windows))
			var pages []int
			for _, a := range h.Recovery().Applied {
				pages = append(pages, a.Pages)
			}
			if !slices.Equal(pages, tt.pages) {
				t.Errorf("%v pages, want %v", pages, tt.pages)
			}
			if tt.differ == "" {
				for _, h := range []*hive.Hive{h, windows} {
					if p, s := h.Sequence(); p != 6 || s != 6 {
						t.Errorf("sequence %d and %d", p, s)
					}
				}
			}
			if h.Dirty() || windows.Dirty() {
				t.Error("dirty")
			}
		})
	}
}
