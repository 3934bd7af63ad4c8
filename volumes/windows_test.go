//go:build windows

package volumes

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/coldstate/coldstate/internal/wstr"
)

func TestDevicePaths(t *testing.T) {
	for path, want := range map[string]bool{
		`\\.\PhysicalDrive0`: true,
		`//./PhysicalDrive0`: true,
		`\\.\D:`:             true,
		`\\?\D:`:             true,
		`\\?\Volume{01234567-89ab-cdef-0123-456789abcdef}`:  true,
		`\\?\Volume{01234567-89ab-cdef-0123-456789abcdef}\`: false,
		`\\.\D:\`:           false,
		`\\?\D:\Windows`:    false,
		`\\server\share`:    false,
		`D:`:                false,
		`D:\Windows`:        false,
		`\\.\`:              false,
		`\\?\UNC`:           false,
		`PhysicalDrive0`:    false,
		`\\?\D:\disk.img`:   false,
		`\\.\D:\disk.img`:   false,
		`C:\disk.img`:       false,
		`\\server\share\d:`: false,
	} {
		if got := isDevicePath(path); got != want {
			t.Errorf("isDevicePath(%q) = %t", path, got)
		}
	}
	for _, same := range []string{`\\.\physicaldrive0`, `//./PhysicalDrive0`, `\\?\PHYSICALDRIVE0`} {
		if deviceName(same, nil) != deviceName(`\\.\PhysicalDrive0`, nil) {
			t.Errorf("%s is another device", same)
		}
	}
}

func TestLongPath(t *testing.T) {
	for path, want := range map[string]string{
		`D:\x`:            `\\?\D:\x`,
		`\\server\share\`: `\\?\UNC\server\share\`,
		`\\?\D:\x`:        `\\?\D:\x`,
	} {
		if got := longPath(path); got != want {
			t.Errorf("longPath(%q) = %q, want %q", path, got, want)
		}
	}
	if p, err := utf16z("a\xed\xa0\x80"); err != nil || windows.UTF16PtrToString(p) != "a\xed\xa0\x80" {
		t.Errorf("a lone surrogate is lost: %v", err)
	}
	if _, err := utf16z("a\x00b"); err == nil {
		t.Error("a name with a NUL was cut")
	}
}

// streamList builds FILE_STREAM_INFO structures ([MS-FSCC] 2.4.43).
func streamList(names ...string) []byte {
	var b []byte
	for i, name := range names {
		u := wstr.AppendUTF16LE(nil, name)
		e := make([]byte, 24+len(u), 24+len(u)+8)
		binary.LittleEndian.PutUint32(e[4:], uint32(len(u)))
		binary.LittleEndian.PutUint64(e[8:], uint64(100+i))
		copy(e[24:], u)
		for len(e)%8 != 0 {
			e = append(e, 0)
		}
		if i < len(names)-1 {
			binary.LittleEndian.PutUint32(e, uint32(len(e)))
		}
		b = append(b, e...)
	}
	return b
}

func TestParseStreams(t *testing.T) {
	b := streamList("::$DATA", ":Zone.Identifier:$DATA", ":ä:$DATA", ":$I30:$INDEX_ALLOCATION")
	list, err := parseStreams(b)
	if err != nil || len(list) != 2 || list[0].Name != "Zone.Identifier" || list[0].Size != 101 || list[1].Name != "ä" || list[1].Size != 102 {
		t.Errorf("%+v, %v", list, err)
	}
	for n := range b[:len(b)-8] {
		if _, err := parseStreams(b[:n]); err == nil {
			t.Errorf("cut at %d: no error", n)
		}
	}
	b[0] = 8 // an entry inside of the one before
	if _, err := parseStreams(b); err == nil {
		t.Error("overlapping entries")
	}
}

// Paths far beyond 260 characters.
func TestFolderLongPathsWindows(t *testing.T) {
	dir := tempDir(t)
	name := strings.Repeat("n", 200)
	deep := longPath(dir)
	for range 5 {
		deep += `\` + name
		p, err := utf16z(deep)
		if err != nil {
			t.Fatal(err)
		}
		if err := windows.CreateDirectory(p, nil); err != nil {
			t.Fatal(err)
		}
	}
	_, fs := openOne(t, dir)
	if seen := checkFS(t, fs); len(seen) != 6 {
		t.Errorf("%d objects", len(seen))
	}
}

func TestLocalDisks(t *testing.T) {
	disks, err := LocalDisks()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range disks {
		if !isDevicePath(d) {
			t.Errorf("%s is no device path", d)
		}
	}
	t.Logf("%q", disks)
	s, err := Open(disks, Options{KeepGoing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, src := range s.Sources {
		t.Logf("%s: %s, %d bytes, %d volumes, %v", src.Path, src.Kind, src.Size, len(src.Volumes), src.Err)
	}
}

// An empty card reader is no disk to be listed, and no error of the program.
func TestNoMedium(t *testing.T) {
	for err, want := range map[error]bool{
		windows.ERROR_NOT_READY: true, fmt.Errorf("size of the device: %w", windows.ERROR_NO_MEDIA_IN_DRIVE): true,
		windows.ERROR_ACCESS_DENIED: false, nil: false,
	} {
		if noMedium(err) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
}
