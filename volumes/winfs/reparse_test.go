package winfs_test

import (
	"strings"
	"testing"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// link lays a link out by hand: substitute name, then print name.
func link(tag uint32, sub, print string, cut int) []byte {
	u := func(s string) []byte { return wstr.AppendUTF16LE(nil, s) }
	s, p := u(sub), u(print)
	body := []byte{0, 0, byte(len(s)), 0, byte(len(s)), 0, byte(len(p)), 0}
	if tag == winfs.TagSymlink {
		body = append(body, 1, 0, 0, 0)
	}
	body = append(append(body, s...), p...)
	b := []byte{byte(tag), byte(tag >> 8), byte(tag >> 16), byte(tag >> 24), byte(len(body)), 0, 0, 0}
	b = append(b, body...)
	return b[:len(b)-cut]
}

func TestLinkTarget(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		want string
		ok   bool
	}{
		{"junction", link(winfs.TagMountPoint, `\??\C:\Users\ann`, `C:\Users\ann`, 0), `C:\Users\ann`, true},
		{"junction without print name", link(winfs.TagMountPoint, `\??\C:\Users`, "", 0), `\??\C:\Users`, true},
		{"symlink", link(winfs.TagSymlink, `..\Documents`, `..\Documents`, 0), `..\Documents`, true},
		{"WSL", append([]byte{0x1d, 0, 0, 0xa0, 8, 0, 0, 0, 2, 0, 0, 0}, "/etc"...), "/etc", true},
		{"cut short", link(winfs.TagSymlink, `..\Documents`, `..\Documents`, 1), "", false},
		{"no header", []byte{1, 2, 3}, "", false},
		{"no names", []byte{3, 0, 0, 0xa0, 2, 0, 0, 0, 1, 1}, "", false},
		{"names outside", []byte{3, 0, 0, 0xa0, 8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "", false},
		{"names end with a NUL", link(winfs.TagMountPoint, "\\??\\C:\\Users\x00", "C:\\Users\x00", 0), `C:\Users`, true},
		{"zeros in the print name", link(winfs.TagSymlink, `C:\Users`, "C:\\\x00\x00\x00\x00\x00", 0), `C:\Users`, true},
		{"zeros in what is followed", link(winfs.TagSymlink, "C:\\\x00\x00\x00\x00\x00", `C:\Users`, 0), "", false},
		{"zeros in both", link(winfs.TagMountPoint, "\\??\\C:\x00\x00\x00", "\x00\x00\x00", 0), "", false},
		{"zeros in WSL", append([]byte{0x1d, 0, 0, 0xa0, 8, 0, 0, 0, 2, 0, 0, 0}, "/e\x00\x00"...), "", false},
		{"another tag", link(0x80000017, "a", "b", 0), "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := winfs.LinkTarget(tt.b)
			if got != tt.want || (err == nil) != tt.ok {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func FuzzLinkTarget(f *testing.F) {
	f.Add(link(winfs.TagMountPoint, `\??\C:\Users\ann`, `C:\Users\ann`, 0))
	f.Add(link(winfs.TagSymlink, `..\x`, "", 0))
	f.Add([]byte{0x1d, 0, 0, 0xa0, 8, 0, 0, 0, 2, 0, 0, 0, 'a'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := winfs.LinkTarget(b); err == nil && len(s) > 2*len(b) {
			t.Fatalf("%d bytes give a target of %d", len(b), len(s))
		}
	})
}

func TestTags(t *testing.T) {
	for tag, want := range map[uint32][2]bool{
		winfs.TagMountPoint: {false, true}, winfs.TagSymlink: {false, true}, winfs.TagLXSymlink: {false, true},
		0x9000701A: {true, false}, 0x9000001A: {true, false}, 0x80000021: {true, false},
		winfs.TagWOF: {false, false}, winfs.TagAppExec: {false, false}, 0: {false, false},
	} {
		if got := [2]bool{winfs.IsCloudTag(tag), winfs.IsNameSurrogate(tag)}; got != want {
			t.Errorf("tag %#x: cloud, link = %v, want %v", tag, got, want)
		}
	}
}

func TestSpecial(t *testing.T) {
	app := append([]byte{3, 0, 0, 0}, wstr.AppendUTF16LE(nil, "package\x00entry\x00C:\\x.exe\x000\x00")...)
	nfsLink := append([]byte("LNK\x01\x00\x00\x00\x00"), wstr.AppendUTF16LE(nil, "../x")...)
	data := func(tag uint32, body []byte) []byte {
		return append([]byte{byte(tag), byte(tag >> 8), byte(tag >> 16), byte(tag >> 24), byte(len(body)), 0, 0, 0}, body...)
	}
	for _, tt := range []struct {
		b            []byte
		what, target string
	}{
		{data(winfs.TagAppExec, app), "Store alias", `C:\x.exe`},
		{data(winfs.TagAppExec, app[:20]), "Store alias", ""},
		{data(winfs.TagAppExec, []byte{4, 0, 0, 0}), "Store alias", ""},
		{data(winfs.TagAFUnix, nil), "socket", ""},
		{data(winfs.TagNFS, nfsLink), "link of NFS", "../x"},
		{data(winfs.TagNFS, []byte("FIFO\x00\x00\x00\x00")), `"FIFO"`, ""},
		{data(winfs.TagNFS, []byte("FIFO")), "", ""},
		{data(winfs.TagWOF, app), "", ""},
		{[]byte{0x23, 0, 0, 0x80}, "", ""},
	} {
		what, target := winfs.Special(tt.b)
		if !strings.Contains(what, tt.what) || (what == "") != (tt.what == "") || target != tt.target {
			t.Errorf("%x: %q, %q; want %q, %q", tt.b, what, target, tt.what, tt.target)
		}
	}
}

func FuzzSpecial(f *testing.F) {
	f.Add([]byte{0x1b, 0, 0, 0x80, 9, 0, 0, 0, 3, 0, 0, 0, 'a', 0, 0, 0, 'b', 0, 0, 0, 'c', 0, 0, 0})
	f.Add([]byte("\x14\x00\x00\x80\x10\x00\x00\x00LNK\x01\x00\x00\x00\x00x\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if what, target := winfs.Special(b); what == "" && target != "" || len(target) > 2*len(b) {
			t.Fatalf("%q, %q", what, target)
		}
	})
}
