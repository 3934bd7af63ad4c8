package winsec_test

import (
	"testing"

	"github.com/coldstate/coldstate/internal/winsec"
)

func TestStrip(t *testing.T) {
	const owner, group, dacl, sacl = "O:BA", "G:SY", "D:PAI(A;OICI;FA;;;SY)(A;;FR;;;BU)", "S:AI(AU;FA;FA;;;WD)(ML;;NW;;;HI)"
	for i := range 16 {
		d, err := winsec.ParseSDDL(owner + group + dacl + sacl)
		if err != nil {
			t.Fatal(err)
		}
		without := func(bit int) bool { return i&bit != 0 }
		want := ""
		for n, text := range []string{owner, group, dacl, sacl} {
			if !without(1 << n) {
				want += text
			}
		}
		d.Control |= 0x2B // all made by default
		d.Strip(without(1), without(2), without(4), without(8))
		back, err := winsec.Parse(d.Binary())
		if err != nil {
			t.Fatal(err)
		}
		if got := back.SDDL(); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
		left := uint16(0)
		for n, bit := range []uint16{1, 2, 8, 0x20} {
			if !without(1 << n) {
				left |= bit
			}
		}
		if back.Control&0x2B != left {
			t.Errorf("%d: control %#x", i, back.Control)
		}
	}
}
