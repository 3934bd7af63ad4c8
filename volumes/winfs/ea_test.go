package winfs_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// Two attributes laid out by hand: "$LXUID" = 1, 0, 0, 0 and "X" = "yz", the
// second needed.
var twoEAs = []byte("\x14\x00\x00\x00\x00\x06\x04\x00$LXUID\x00\x01\x00\x00\x00\x00" + "\x00\x00\x00\x00\x80\x01\x02\x00X\x00yz")

func TestEAs(t *testing.T) {
	want := []winfs.EA{{Name: "$LXUID", Value: []byte{1, 0, 0, 0}}, {Name: "X", Value: []byte("yz"), Need: true}}
	got, err := winfs.ParseEAs(twoEAs)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if b := winfs.AppendEAs(nil, want); !bytes.Equal(b, twoEAs) {
		t.Errorf("laid out %q, want %q", b, twoEAs)
	}
	damage := func(at int, c byte) []byte {
		b := bytes.Clone(twoEAs)
		b[at] = c
		return b
	}
	for _, tt := range []struct {
		name string
		b    []byte
		n    int
		want string
	}{
		{"none", nil, 0, ""},
		{"cut header", twoEAs[:25], 1, "are left"},
		{"cut value", twoEAs[:30], 1, "are left"},
		{"next in itself", damage(0, 4), 0, "the next 4 further"},
		{"next behind the end", damage(0, 200), 0, "the next 200 further"},
		{"no name", damage(5, 0), 0, "no name"},
		{"too many", make([]byte, 65537), 0, "at most"},
	} {
		got, err := winfs.ParseEAs(tt.b)
		if len(got) != tt.n || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %d attributes, %v; want %d, %q", tt.name, len(got), err, tt.n, tt.want)
		}
	}
}

func FuzzEAs(f *testing.F) {
	f.Add(twoEAs)
	f.Add([]byte{8, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := winfs.ParseEAs(b)
		again, err2 := winfs.ParseEAs(winfs.AppendEAs(nil, list))
		if err == nil && (err2 != nil || !reflect.DeepEqual(again, list)) {
			t.Fatalf("%v becomes %v, %v", list, again, err2)
		}
	})
}
