package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/coldstate/coldstate/testimages/ntfsgen"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// TestCloud decides about files of cloud providers in every form, by what is
// on the disk; attributes count only where a part is missing.
func TestCloud(t *testing.T) {
	const (
		remote = ntfsgen.Offline | ntfsgen.RecallOnDataAccess
		size   = 300_000
	)
	var nodes []*ntfsgen.Node
	type want struct {
		missing         int64
		remote, doubted bool
	}
	wants := map[string]want{}
	add := func(name string, attr uint32, tag uint32, d *ntfsgen.Data, w want) {
		nodes = append(nodes, ntfsgen.File(name, d, ntfsgen.Attr(ntfsgen.Archive|attr), ntfsgen.ReparseData(tag, []byte{1, 0, 0, 0})))
		wants[name] = w
	}
	const cloud = 0x9000701A
	noise := ntfsgen.Noise("n", size).All()
	half := append(bytes.Clone(noise[:128<<10]), make([]byte, size-128<<10)...)
	add("hydrated", 0, cloud, ntfsgen.Bytes(noise), want{})
	add("always keep", ntfsgen.Pinned, cloud, ntfsgen.Bytes(noise), want{})
	add("may go", ntfsgen.Unpinned, cloud, ntfsgen.Bytes(noise), want{})
	add("resident", 0, cloud, ntfsgen.Text("small"), want{})
	add("resident, called remote", remote, cloud, ntfsgen.Text("small"), want{doubted: true})
	add("all there, called remote", remote, cloud, ntfsgen.Bytes(noise), want{doubted: true})
	add("empty", remote, cloud, ntfsgen.Bytes(nil), want{})
	hole := func() *ntfsgen.Data {
		return ntfsgen.Zeros(size).Holes(func(int64, int64) bool { return true })
	}
	add("online only", remote|ntfsgen.Unpinned, cloud, hole(), want{missing: size, remote: true})
	add("to come", ntfsgen.RecallOnDataAccess|ntfsgen.Pinned, cloud, hole(), want{missing: size, remote: true})
	add("online, attributes lost", 0, cloud, hole(), want{missing: size, remote: true})
	// Holes are made in units of 64 KiB.
	add("half", remote, cloud, ntfsgen.Bytes(half).Sparse(), want{missing: size - 128<<10, remote: true})
	add("sparse and whole", 0, cloud, ntfsgen.Bytes(half).Sparse(), want{missing: size - 128<<10})
	add("never written", remote, cloud, ntfsgen.Bytes(half).Valid(128<<10), want{missing: size - 128<<10, remote: true})
	add("lengthened", 0, cloud, ntfsgen.Bytes(half).Valid(128<<10), want{missing: size - 128<<10})
	add("packed", 0, cloud, ntfsgen.Words("p", size).Compress(), want{})
	add("packed half", remote, cloud, ntfsgen.Bytes(append(ntfsgen.Words("p", 128<<10).All(), make([]byte, size-128<<10)...)).Compress(), want{missing: size - 128<<10, remote: true})
	add("old OneDrive", remote, 0x80000021, hole(), want{missing: size, remote: true})
	add("SkyDrive", 0, 0x80000015, hole(), want{missing: size, remote: true})
	add("ProjFS", 0, 0x9000001C, hole(), want{missing: size, remote: true})
	add("archived", ntfsgen.Offline, 0xC0000004, hole(), want{missing: size, remote: true})
	add("back from the archive", 0, 0xC0000004, ntfsgen.Bytes(noise), want{})
	for n := range uint32(16) {
		add(fmt.Sprintf("provider %d", n), 0, 0x9000001A|n<<12, hole(), want{missing: size, remote: true})
	}
	nodes = append(nodes,
		ntfsgen.File("dedup", hole(), ntfsgen.ReparseData(winfs.TagDedup, make([]byte, 20))),
		ntfsgen.File("filter", hole(), ntfsgen.ReparseData(0x80000018, make([]byte, 20))),
		ntfsgen.File("filter whole", ntfsgen.Bytes(noise), ntfsgen.ReparseData(0x80000018, make([]byte, 20))))
	v := ntfsgen.Build(ntfsgen.Options{}, ntfsgen.Dir("files", nodes, ntfsgen.CloudFile, ntfsgen.Dir("below", ntfsgen.CloudFile, ntfsgen.File("x", "x"))))
	fs, err := Open(v, v.Size(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkVolume(t, fs, v)
	for name, w := range wants {
		e, info := lookup(t, fs, `files\`+name)
		if info.Missing != w.missing || info.NotLocal() != w.remote || info.Doubtful() != w.doubted {
			t.Errorf("%s: %d bytes missing, not local %v, doubtful %v; want %+v", name, info.Missing, info.NotLocal(), info.Doubtful(), w)
		}
		_, err := fs.Open(e, "")
		if errors.Is(err, ErrNotLocal) != w.remote || err != nil && !w.remote {
			t.Errorf("%s: open: %v", name, err)
		}
		if root, ok := winfs.CloudRoot(fs, e); !ok || winfs.Path(fs, root) != "files" {
			t.Errorf("%s: the folder of the account is %q", name, winfs.Path(fs, root))
		}
	}
	e, info := lookup(t, fs, `files\below\x`)
	if root, ok := winfs.CloudRoot(fs, e); !ok || winfs.Path(fs, root) != "files" || info.Missing != 0 {
		t.Errorf("the folder of the account is %q", winfs.Path(fs, root))
	}
	for name, want := range map[string]error{"dedup": winfs.ErrUnsupported, "filter": winfs.ErrUnsupported, "filter whole": nil} {
		e, _ := lookup(t, fs, `files\`+name)
		if _, err := fs.Open(e, ""); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
