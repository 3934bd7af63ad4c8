package hive_test

import (
	"path/filepath"
	"testing"

	"github.com/coldstate/coldstate/hive"
)

// BenchmarkWalk opens a SYSTEM hive of 15 MB and reads all names and data.
func BenchmarkWalk(b *testing.B) {
	raw := load(b, filepath.Join(testdata(b), "hives", "system-win10-1709.xz"))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		h, err := hive.Open(raw)
		if err != nil {
			b.Fatal(err)
		}
		keys, values, size := 0, 0, 0
		err = hive.Walk(h.Root(), func(k hive.Key) error {
			keys++
			size += len(k.Name())
			for v := range k.Values() {
				d, err := v.Data()
				if err != nil {
					return err
				}
				values++
				size += len(v.Name()) + len(d)
			}
			return nil
		})
		if err != nil || keys != 43211 || values != 90307 {
			b.Fatal(keys, values, err)
		}
	}
}

// BenchmarkTSV prints the same hive: the text of names, and the SHA-1 of all
// data.
func BenchmarkTSV(b *testing.B) {
	raw := load(b, filepath.Join(testdata(b), "hives", "system-win10-1709.xz"))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		h, err := hive.Open(raw)
		if err != nil {
			b.Fatal(err)
		}
		lines := 0
		var line []byte
		err = hive.Walk(h.Root(), func(k hive.Key) error {
			path := k.Path()
			line = hive.AppendTSVKey(line[:0], path)
			lines++
			for v := range k.Values() {
				if line, err = hive.AppendTSVValue(line[:0], path, v); err != nil {
					return err
				}
				lines++
			}
			return nil
		})
		if err != nil || lines != 43211+90307 {
			b.Fatal(lines, err)
		}
	}
}
