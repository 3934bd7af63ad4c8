package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/mutants"
)

func TestMain(m *testing.M) { mutants.Main(m, mutantImages) }

// Damaged images of every format: no panic, no hang, no memory without bounds,
// and many of their disks are read to the end.
func TestMutants(t *testing.T) { mutants.Test(t, 800, 15_000) }

// mutantImages are the images of the tests. Any of their files is damaged, the
// first one more than the others.
func mutantImages() []*mutants.Base {
	var out []*mutants.Base
	for _, name := range slices.Sorted(maps.Keys(built())) {
		src := built()[name]
		files := slices.Sorted(maps.Keys(src.files))
		first := src.files.first()
		out = append(out, &mutants.Base{Name: name, Weight: 1, Try: func(rnd *rand.Rand) (bool, bool, error) {
			damaged := maps.Clone(src.files)
			file := first
			if rnd.IntN(4) == 0 {
				file = files[rnd.IntN(len(files))]
			}
			b := mutants.Damage(rnd, src.files[file], tablesOf(src.files[file]))
			// Checksums that are right let the damage through.
			if rnd.IntN(4) > 0 {
				switch {
				case bytes.HasPrefix(b, []byte("vhdxfile")) && len(b) > vhdxMetaAt:
					fixVHDX(b)
				case bytes.HasPrefix(b, []byte(ewfSignature)):
					b = fixEWF(b)
				}
			}
			damaged[file] = b
			return readWhole(damaged)
		}})
	}
	return out
}

// tablesOf are the places that say where the bytes of the disk are.
func tablesOf(b []byte) []mutants.Place {
	head := []mutants.Place{{Off: 0, Len: 128}, {Off: 0, Len: 1024}, {Off: 0, Len: 8192}}
	switch {
	case bytes.HasPrefix(b, []byte("vhdxfile")):
		return []mutants.Place{{Off: 64 << 10, Len: 80}, {Off: 128 << 10, Len: 80}, {Off: 192 << 10, Len: 96}, {Off: vhdxMetaAt, Len: 256}, {Off: vhdxMetaAt + 65536, Len: 256}, {Off: vhdxBATAt, Len: 64}, {Off: vhdxBATAt, Len: 64}, {Off: vhdxBATAt + 4096*8, Len: 16}, {Off: 4 << 20, Len: 4096}}
	case bytes.HasPrefix(b, []byte("QFI")):
		return append(head, mutants.Place{Off: 2 << b[23], Len: 2 << b[23]}, mutants.Place{Off: 3 << b[23], Len: 3 << b[23]})
	case bytes.Contains(b[max(0, len(b)-1024):], []byte("conectix")), bytes.HasPrefix(b, []byte("KDMV")):
		return append(head, mutants.Place{Off: max(0, len(b)-1024), Len: 1024}, mutants.Place{Off: 512, Len: 1024}, mutants.Place{Off: 2048, Len: 512}, mutants.Place{Off: 4096, Len: 4096})
	case bytes.HasPrefix(b, []byte(ewfSignature)):
		var list []mutants.Place
		for _, kind := range []string{"volume\x00", "sectors\x00", "table\x00", "table2\x00", "next\x00", "done\x00"} {
			for at := 0; ; at++ {
				i := bytes.Index(b[at:], []byte(kind))
				if i < 0 {
					break
				}
				at += i
				list = append(list, mutants.Place{Off: at, Len: 150})
			}
		}
		return append(list, head...)
	}
	return head
}

// readWhole reads the disk in the images of a folder to its end, and around
// what cannot be read: whether it was opened, and whether half of it was given.
func readWhole(files folder) (opened, walked bool, err error) {
	img, err := Open(files.first(), files.options())
	if err != nil {
		if err.Error() == "" || strings.Contains(err.Error(), "%!") {
			return false, false, fmt.Errorf("an error without sense: %q", err)
		}
		return false, false, nil
	}
	defer img.Close()
	if img.Size < 0 || img.Size > maxSize || len(img.Files) == 0 {
		return true, false, fmt.Errorf("%+v", img)
	}
	for _, p := range append(img.Problems, img.Notes...) {
		if strings.Contains(p, "%!") {
			return true, false, fmt.Errorf("a problem without sense: %q", p)
		}
	}
	buf := make([]byte, 256<<10)
	// A disk that claims to be huge is read at its begin and its end.
	const most = 32 << 20
	var given, asked int64
	errs := 0
	read := func(off, end int64) error {
		for off < end && errs < 1000 {
			p := buf[:min(int64(len(buf)), end-off)]
			n, err := img.ReadAt(p, off)
			given += int64(n)
			asked += int64(n)
			off += int64(n)
			if n == len(p) && (err == nil || err == io.EOF) {
				continue
			}
			errs++
			re, ok := errors.AsType[*ReadError](err)
			if !ok || re.Len <= 0 || off < re.Off || off >= re.Off+re.Len || strings.Contains(re.Error(), "%!") {
				return fmt.Errorf("%d of %d bytes up to %d of %d: %v (%+v)", n, len(p), off, img.Size, err, re)
			}
			asked += min(re.Off+re.Len, end) - off
			off = re.Off + re.Len
		}
		return nil
	}
	if err := read(0, min(img.Size, most)); err != nil {
		return true, false, err
	}
	if img.Size > most {
		if err := read(max(most, img.Size-1<<20), img.Size); err != nil {
			return true, false, err
		}
	}
	return true, errs < 1000 && given*2 >= asked, nil
}
