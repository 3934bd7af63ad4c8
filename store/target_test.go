package store

import (
	"archive/tar"
	"bytes"
	"path"
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/wstr"
)

func TestPosixTarget(t *testing.T) {
	for _, tt := range []struct{ path, target, want string }{
		{`C:\Users\a\t\junction`, `C:\Users\a`, `..`},
		{`C:\Users\a\t\link`, `..\Documents`, `../Documents`},
		{`C:\Users\a\link`, `\??\C:\Users\b\x`, `../b/x`},
		{`C:\Users\a\link`, `\\?\C:\Users\b`, `../b`},
		{`C:\Users\a\link`, `\Windows`, `../../Windows`},
		{`C:\Users\a\link`, `D:\x`, `../../../D/x`},
		{`C:\Users\a\link`, `c:\Users\x`, `../x`},
		{`C:\link`, `C:\`, `.`},
		{`C:\link`, `x`, `x`},
		{`C:\link`, `./x//y`, `x/y`},
		{`C:\a\link`, `..\..\..\etc\passwd`, `..\..\..\etc\passwd`},
		{`C:\a\link`, `/etc/passwd`, `../etc/passwd`},
		{`C:\a\link`, `../../../etc`, `..\..\..\etc`},
		{`C:\a\link`, `//server/share`, `\\server\share`},
		{`C:\a\link`, `\\server\share\x`, `\\server\share\x`},
		{`C:\a\link`, `C:relative`, `C:relative`},
		{`C:\a\link`, `\\?\Volume{01234567}\x`, "Volume{01234567}/x"},
		{`C:\a\link`, `D:\..\x`, `D:\..\x`},
		{`C:\a\link`, "x\x00y", `x%00y`},
		{`C:\a\link`, ``, ``},
	} {
		o := Object{Kind: Link, Path: wstr.Text(tt.path), Target: wstr.Text(tt.target)}
		got, err := o.posixTarget()
		if err != nil || got != tt.want {
			t.Errorf("%s -> %s: %q, %v, want %q", tt.path, tt.target, got, err, tt.want)
		}
	}
}

func FuzzPosixTarget(f *testing.F) {
	for _, s := range []string{`..\Documents`, `\??\C:\Users`, `/etc/passwd`, `..`, `D:\..`, `\\s\x`, `C:x`, "\x00", `.`, `%2F`} {
		f.Add(`a\b`, s)
	}
	f.Fuzz(func(t *testing.T, p, target string) {
		o := Object{Kind: Link, Path: wstr.Text(`C:\` + p), Target: wstr.Text(target)}
		got, err := o.posixTarget()
		if err != nil || got == "" {
			return
		}
		name, err := o.TarName()
		if err != nil {
			t.Fatal(err)
		}
		at := path.Join(path.Dir(name), got)
		if path.IsAbs(got) || strings.Contains(got, "\x00") || at == ".." || strings.HasPrefix(at, "../") {
			t.Fatalf("%q -> %q leads out as %q", name, target, got)
		}
	})
}

// The headers are read back by ours and by the standard library.
func FuzzHeader(f *testing.F) {
	f.Add("C/x", "", int64(0), int64(0), byte(0))
	f.Add("C/"+strings.Repeat("a/", 90)+"x", "", int64(1)<<40, int64(1e9), byte(0))
	f.Add(strings.Repeat("b", 101), strings.Repeat("ü", 70), int64(0), int64(1)<<32, byte(1))
	f.Add("\xed\xa0\xbd/", "x", int64(5), int64(5), byte(2))
	f.Add(strings.Repeat("d", 99)+"/"+strings.Repeat("e", 99)+"/", "", int64(0), int64(0), byte(2))
	f.Add(strings.Repeat("d", 155)+"/"+strings.Repeat("e", 100), "", int64(0), int64(0), byte(0))
	f.Fuzz(func(t *testing.T, name, link string, size, mtime int64, typ byte) {
		if name == "" || size < 0 || mtime < 0 || mtime > ustarMax || strings.Contains(name+link, "\x00") {
			return
		}
		h := &tarHeader{name: name, link: link, mtime: mtime, realSize: -1, typ: []byte{typeFile, typeLink, typeFolder, typeSymlink}[typ&3]}
		if h.typ == typeFile {
			h.size = size
		}
		b := appendHeader(nil, h)
		if len(b)%blockSize != 0 {
			t.Fatalf("%d bytes", len(b))
		}
		got, err := readHeader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if got.name != name || got.link != link || got.mtime != mtime || got.typ != h.typ || got.size != h.size {
			t.Fatalf("%+v became %+v", h, got)
		}
		std, err := tar.NewReader(bytes.NewReader(append(b, make([]byte, 1024)...))).Next()
		if err != nil {
			t.Fatal(err)
		}
		if std.Name != name || std.Linkname != link || std.ModTime.Unix() != mtime || std.Size != h.size {
			t.Fatalf("%+v is %+v to archive/tar", h, std)
		}
	})
}

func FuzzReadHeader(f *testing.F) {
	f.Add(appendHeader(nil, &tarHeader{name: strings.Repeat("ü", 80), typ: typeFile, size: 5, realSize: -1}))
	holes := []Range{{10, 1 << 30}}
	f.Add(appendHeader(nil, &tarHeader{name: "s", typ: typeFile, size: 5000, realSize: 1<<30 + 20, sparse: sparseMap(1<<30+20, holes)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHeader(bytes.NewReader(b))
		if err == nil && h.size < 0 {
			t.Fatal("a negative size")
		}
	})
}

func FuzzReadFrame(f *testing.F) {
	enc := newEncoder()
	for _, n := range []int{0, 1, 200, 300, 70000, 200000} {
		f.Add(enc.EncodeAll(bytes.Repeat([]byte("text "), n)[:n], nil))
	}
	dec := newDecoder()
	f.Fuzz(func(t *testing.T, b []byte) {
		raw, size, err := readFrame(bytes.NewReader(b), 0, int64(len(b)))
		if err != nil {
			return
		}
		if !bytes.HasPrefix(b, raw) {
			t.Fatal("the frame is not what stands there")
		}
		if out, err := decodeFrame(dec, raw, size); err == nil && len(out) != size {
			t.Fatal(len(out))
		}
	})
}

// The end of a frame as readFrame finds it is where the encoder ended it.
func TestFrameEnd(t *testing.T) {
	enc := newEncoder()
	for _, n := range []int{0, 1, 255, 256, 65791, 65792, frameSize} {
		b := enc.EncodeAll(bytes.Repeat([]byte("a text "), frameSize)[:n], nil)
		if n == 0 {
			continue // no frame at all: the writer never makes one
		}
		raw, size, err := readFrame(bytes.NewReader(append(b, "more"...)), 0, int64(len(b)+4))
		if err != nil || len(raw) != len(b) || size != n {
			t.Errorf("%d: %d of %d bytes, size %d, %v", n, len(raw), len(b), size, err)
		}
	}
}
