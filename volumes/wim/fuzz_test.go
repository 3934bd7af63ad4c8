package wim_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/coldstate/coldstate/volumes/wim"
)

// addIntegrity puts an integrity table behind the file.
func addIntegrity(w *built, chunk int64) {
	le := binary.LittleEndian
	var sums []byte
	end := w.table + w.tableLen
	for at := int64(208); at < end; at += chunk {
		sum := sha1.Sum(w.b[at:min(at+chunk, end)])
		sums = append(sums, sum[:]...)
	}
	t := le.AppendUint32(nil, uint32(12+len(sums)))
	t = le.AppendUint32(t, uint32(len(sums)/20))
	t = le.AppendUint32(t, uint32(chunk))
	t = append(t, sums...)
	copy(w.b[124:], resHeader(int64(len(w.b)), int64(len(t)), int64(len(t)), 0))
	w.b = append(w.b, t...)
}

// small is the sample with a shorter file, for seeds.
func small() *built {
	images := sample()
	images[0].root.kids[1].kids[0].data = long[:1000]
	return build(images)
}

// packed are small WIM files of wimlib, one for each compression; none without
// the program.
func packed(f *testing.F) [][]byte {
	out, err := packedIn(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	return out
}

func packedIn(dir string) (out [][]byte, err error) {
	if _, err := exec.LookPath("wimlib-imagex"); err != nil {
		return nil, nil
	}
	src := filepath.Join(dir, "src")
	if err := os.MkdirAll(filepath.Join(src, "folder"), 0o777); err != nil {
		return nil, err
	}
	for name, b := range map[string][]byte{"a.txt": long[:100], "folder/b.txt": long[:40000], "empty": nil} {
		if err := os.WriteFile(filepath.Join(src, name), b, 0o666); err != nil {
			return nil, err
		}
	}
	for _, how := range []string{"none", "fast", "maximum"} {
		name := filepath.Join(dir, how+".wim")
		if b, err := exec.Command("wimlib-imagex", "capture", src, name, "--compress="+how, "--check").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, b)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// FuzzFile is for the header, the blob table, the XML data and the integrity
// table, and reads what is in the images.
func FuzzFile(f *testing.F) {
	w := small()
	f.Add(w.b)
	addIntegrity(w, 1000)
	f.Add(w.b)
	f.Add(w.b[:300])
	for _, b := range packed(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := wim.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		file.Integrity(t.Context())
		for i := range min(len(file.Images()), 3) {
			if fs, err := file.Image(i + 1); err == nil {
				use(t, fs)
			}
		}
	})
}

// FuzzMetadata puts its input into a file as the metadata of an image.
func FuzzMetadata(f *testing.F) {
	w := small()
	f.Add(w.b[w.metadata[0]:][:w.metaLen[0]])
	f.Add(w.b[w.metadata[1]:][:w.metaLen[1]])
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, meta []byte) {
		b := bytes.Clone(w.b)
		off, size := int64(len(b)), int64(len(meta))
		i := bytes.Index(b[w.table:], resHeader(w.metadata[0], w.metaLen[0], w.metaLen[0], 2))
		copy(b[int(w.table)+i:], resHeader(off, size, size, 2))
		b = append(b, meta...)
		if fs, err := open(t, b).Image(1); err == nil {
			use(t, fs)
		}
	})
}

// FuzzXML puts its input into a file as the XML data.
func FuzzXML(f *testing.F) {
	w := small()
	f.Add(string(w.b[w.xml:]))
	f.Add("<WIM><IMAGE INDEX=\"2\"><NAME>a</NAME></IMAGE></WIM>")
	f.Add("\xff\xfe<\x00?\x00x\x00m\x00l\x00 \x00v\x00=\x00")
	f.Fuzz(func(t *testing.T, xml string) {
		b := append(bytes.Clone(w.b[:w.xml]), xml...)
		copy(b[72:], resHeader(w.xml, int64(len(xml)), int64(len(xml)), 0))
		for _, i := range open(t, b).Images() {
			if len(i.Name) > 3*4096 || i.Bytes < 0 {
				t.Fatalf("%+v", i)
			}
		}
	})
}

// FuzzChunks puts its input into a compressed file as a content.
func FuzzChunks(f *testing.F) {
	for _, b := range packed(f) {
		f.Add(true, uint32(40000), b[208:min(len(b), 3000)])
		f.Add(false, uint32(40000), b[208:min(len(b), 3000)])
	}
	f.Add(true, uint32(100), []byte("abc"))
	f.Fuzz(func(t *testing.T, isLZX bool, size uint32, content []byte) {
		w := small()
		flags := uint32(0x20002)
		if isLZX {
			flags = 0x40002
		}
		binary.LittleEndian.PutUint32(w.b[16:], flags)
		i := bytes.Index(w.b[w.table:], resHeader(w.blob["main"], 4, 4, 0))
		copy(w.b[int(w.table)+i:], resHeader(int64(len(w.b)), int64(len(content)), int64(size), 4))
		w.b = append(w.b, content...)
		fs := image(t, open(t, w.b), 1)
		use(t, fs)
	})
}
