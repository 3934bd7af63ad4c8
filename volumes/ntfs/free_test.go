package ntfs

import (
	"bytes"
	"testing"
)

// TestFree counts the bits of a bitmap that is known.
func TestFree(t *testing.T) {
	for _, tt := range []struct {
		name    string
		sectors int // two to a cluster
		bitmap  []byte
		free    int64 // clusters, -1 for an error
	}{
		{"whole bytes", 512, append(bytes.Repeat([]byte{0xff}, 16), bytes.Repeat([]byte{0x0f}, 16)...), 64},
		{"bits behind the end", 506, append(bytes.Repeat([]byte{0xff}, 24), make([]byte, 8)...), 61},
		{"longer than the volume", 400, append(bytes.Repeat([]byte{0}, 25), make([]byte, 39)...), 200},
		{"a cut cluster", 497, make([]byte, 31), 248},
		{"too short", 512, make([]byte, 31), -1},
		{"none", 512, nil, -1},
	} {
		v := newVolume(256)
		v.b[40], v.b[41], v.b[42] = byte(tt.sectors), byte(tt.sectors>>8), 0
		v.rec(0, 1, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$MFT"), data(testRecords*testRecord, testMFT, testRecords))
		v.rec(5, 5, dirFlag, stdInfo(6, 0), fileName(rootRef, 3, "."))
		if tt.bitmap != nil {
			v.rec(6, 6, fileFlag, stdInfo(6, 0), fileName(rootRef, 3, "$Bitmap"), data(int64(len(tt.bitmap)), v.place(tt.bitmap), 1))
		}
		b := v.bytes()
		fs, err := Open(bytes.NewReader(b), int64(len(b)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		free, err := fs.Free()
		if err != nil {
			free = -testCluster
		}
		if free != tt.free*testCluster {
			t.Errorf("%s: %d bytes free, %v; want %d", tt.name, free, err, tt.free*testCluster)
		}
	}
}
