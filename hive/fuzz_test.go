package hive_test

import (
	"bytes"
	"testing"

	"github.com/coldstate/coldstate/hive"
	"github.com/coldstate/coldstate/testimages/hivegen"
)

// seeds are small hives of all versions and kinds of lists.
func seeds() [][]byte {
	return [][]byte{
		sample(hivegen.Options{}),
		sample(hivegen.Options{Minor: 3}),
		sample(hivegen.Options{Minor: 3, List: []string{"li"}, Leaf: 7}),
		sample(hivegen.Options{List: []string{"lf", "li", "lh"}, Leaf: 3, Slack: 5000, Sequence1: 2}),
	}
}

func FuzzHive(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("regf"))
	f.Add(make([]byte, 8192))
	for _, b := range seeds() {
		h, err := hive.Open(b)
		if err != nil || use(h) < 40 {
			f.Fatalf("a seed does not open: %v", err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := hive.Open(b)
		if err != nil {
			return
		}
		use(h)
		if h.Root().Path() != "" {
			t.Error("the root has a path")
		}
	})
}

// FuzzLogs opens a hive with two logs of any format. The hive and the logs are
// one after the other, with their lengths in front.
func FuzzLogs(f *testing.F) {
	s, old := statesOf(5, 4), statesOf(3, 4)
	for _, tt := range []struct {
		b, first, second []byte
	}{
		{hivegen.Sequence(s[0], 5, 4), hivegen.LogHvLE(4, s[0], s[1], s[2]), hivegen.LogHvLE(6, s[2:]...)},
		{wipe(s[0]), hivegen.LogHvLE(4, s[0], s[1]), hivegen.LogHvLE(5, s[1:]...)},
		{hivegen.Sequence(old[0], 2, 1), hivegen.LogDIRT(old[0], old[2]), nil},
		{wipe(old[0]), nil, hivegen.LogDIRT(old[0], old[3])},
		{hivegen.Sequence(s[0], 5, 4), hivegen.LogHvLE(4, s[0], s[1]), hivegen.LogDIRT(s[0], s[2])},
	} {
		h, err := hive.OpenWithLogs(tt.b, []hive.Log{log(".LOG1", tt.first), log(".LOG2", tt.second)})
		if err != nil || len(h.Recovery().Applied) == 0 {
			f.Fatalf("a seed is not replayed: %v", err)
		}
		f.Add(tt.b, tt.first, tt.second, true)
	}
	f.Fuzz(func(t *testing.T, b, first, second []byte, rehash bool) {
		if rehash {
			// What the hashes protect is reached by mended ones only.
			first, second = mend(bytes.Clone(first)), mend(bytes.Clone(second))
		}
		logs := []hive.Log{log(".LOG1", first), log(".LOG2", second)}
		before := sums(b, logs)
		h, err := hive.OpenWithLogs(b, logs)
		if !bytes.Equal(sums(b, logs), before) {
			t.Fatal("the hive or a log was changed")
		}
		if err != nil {
			return
		}
		use(h)
		r := h.Recovery()
		if len(h.Bins())+4096 > len(b)+len(first)+len(second) {
			t.Errorf("%d bytes of bins from a file of %d and logs of %d and %d", len(h.Bins()), len(b), len(first), len(second))
		}
		if len(r.Applied) > 0 && h.Dirty() != (r.Unrecovered != "") {
			t.Errorf("dirty %v: %v", h.Dirty(), r)
		}
	})
}

// mend makes the checksum and the hashes of a log right, as far as it can be
// told where its entries are.
func mend(b []byte) []byte {
	if len(b) < 512 {
		return b
	}
	copy(b[8:12], b[4:8])
	hivegen.PutChecksum(b)
	for at := 512; at+512 <= len(b) && string(b[at:at+4]) == "HvLE"; {
		size := int64(le.Uint32(b[at+4:]))
		if size < 512 || size > int64(len(b)-at) {
			break
		}
		hivegen.PutHashes(b[at : at+int(size)])
		at += int(size)
	}
	return b
}
