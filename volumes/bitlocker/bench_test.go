package bitlocker

import (
	"bytes"
	"testing"

	"github.com/coldstate/coldstate/testimages/lockgen"
)

// BenchmarkReadAt reads an unlocked volume in memory in pieces of 1 MiB, as a
// capture does.
func BenchmarkReadAt(b *testing.B) {
	for m := lockgen.CBC128Diffuser; m <= lockgen.XTS256; m++ {
		b.Run(methodNames[uint16(m)], func(b *testing.B) {
			img, _ := lock(plainBytes(512), lockgen.Options{Method: m, ClearKey: true})
			v, err := Open(bytes.NewReader(img), int64(len(img)))
			if err != nil {
				b.Fatal(err)
			}
			p, err := v.Unlock(b.Context(), nil)
			if err != nil {
				b.Fatal(err)
			}
			buf := make([]byte, 1<<20)
			b.SetBytes(int64(len(buf)))
			for i := 0; b.Loop(); i++ {
				if _, err := p.ReadAt(buf, int64(i%3)<<20+64<<10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
