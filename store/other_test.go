package store_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/store"
)

// Other implementations read what the package writes.

func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
}

// stores for other readers, by name; made once for each test.
func otherStores(t *testing.T, fn func(t *testing.T, dir string, things []thing)) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("random %d", seed), func(t *testing.T) {
			dir := t.TempDir()
			things := randomThings(100+seed, 120)
			newStore(t, store.OS(dir), store.Options{SegmentSize: []int64{0, 200_000, 3 << 20}[seed], Checkpoint: time.Millisecond << (10 * seed)}, things)
			fn(t, dir, things)
		})
	}
	t.Run("special", func(t *testing.T) {
		dir := t.TempDir()
		w, err := store.Create(store.OS(dir), store.Options{})
		ok(t, err)
		var things []thing
		add := func(o *store.Object, data []byte) {
			t.Helper()
			things = append(things, thing{*o, data})
		}
		deep := file(`C:` + strings.Repeat(`\long-directory-name`, 40) + `\deep.txt`)
		ok(t, w.Put(deep, []byte("deep")))
		add(deep, []byte("deep"))
		split := file(`C:\` + strings.Repeat("a", 90) + `\` + strings.Repeat("b", 98))
		ok(t, w.Put(split, []byte("split")))
		add(split, []byte("split"))
		link := file(`2:\hard link`)
		ok(t, w.PutLink(link, deep))
		add(link, []byte("deep"))
		odd := file(`C:\dir\back\slash`)
		odd.Names = []wstr.Text{"dir", `back\slash`}
		ok(t, w.Put(odd, []byte("odd")))
		add(odd, []byte("odd"))
		link = file(`C:\to odd`)
		ok(t, w.PutLink(link, odd))
		add(link, []byte("odd"))
		part := &store.Object{Path: `registry\HKLM-SOFTWARE.001.reg`, Kind: store.Part, Outcome: store.Captured}
		ok(t, w.Put(part, []byte("Windows")))
		add(part, []byte("Windows"))
		efs := &store.Object{Path: `C:\secret`, Kind: store.File, Outcome: store.EncryptedRaw}
		ok(t, w.Put(efs, []byte("raw")))
		add(efs, []byte("raw"))
		// One that cannot be read wholly is still no file of its name.
		broken := &store.Object{Path: `C:\broken`, Kind: store.File, Outcome: store.Damaged, Raw: true, Ranges: []store.Range{{Off: 0, Len: 512}},
			EFS: &store.EFS{Size: 400, Users: []store.EFSKey{{SID: "S-1-5-21-1", Name: "ann \xed\xa0\x80", Thumbprint: "ab"}}, Agents: []store.EFSKey{{Name: "agent"}}}}
		ok(t, w.Put(broken, make([]byte, 600)))
		add(broken, make([]byte, 600))
		sparse := file(`C:\sparse ` + strings.Repeat("ü", 60))
		m, err := w.Start(sparse, 300<<20, []store.Range{{Off: 1 << 20, Len: 99 << 20}, {Off: 200 << 20, Len: 100 << 20}})
		ok(t, err)
		data := make([]byte, 300<<20)
		r := rand.New(rand.NewPCG(7, 7))
		copy(data, noise(r, 1<<20))
		copy(data[100<<20:], noise(r, 100<<20))
		for _, p := range [][]byte{data[:1<<20], data[100<<20 : 200<<20]} {
			_, err = m.Write(p)
			ok(t, err)
		}
		ok(t, m.Close())
		add(sparse, data)
		old := file(`C:\before 1970`)
		old.Modified = 1
		ok(t, w.Put(old, nil))
		add(old, nil)
		late := file(`C:\after the end of time`)
		late.Modified = 1<<64 - 1
		ok(t, w.Put(late, nil))
		add(late, nil)
		ok(t, w.Seal())
		fn(t, dir, things)
	})
	t.Run("open", func(t *testing.T) {
		dir := t.TempDir()
		things := randomThings(200, 80)
		w, err := store.Create(store.OS(dir), store.Options{SegmentSize: 700_000})
		ok(t, err)
		ok(t, put(w, things))
		ok(t, w.Suspend())
		fn(t, dir, things)
	})
}

// The reader that was written from docs/format.md sees the same.
func TestSecondReader(t *testing.T) {
	need(t, "python3", "zstd")
	otherStores(t, func(t *testing.T, dir string, things []thing) {
		var stderr strings.Builder
		cmd := exec.Command("python3", "testdata/reader.py", dir)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, &stderr)
		}
		i := 0
		for line := range bytes.Lines(out) {
			var path, stream wstr.Text
			var kind, outcome, sum string
			var size int64
			if err := json.Unmarshal(line, &[]any{&path, &stream, &kind, &outcome, &size, &sum}); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if i == len(things) {
				t.Fatal("more objects than were put")
			}
			o := &things[i].o
			want := ""
			if stores(o) {
				s := sha256.Sum256(things[i].data)
				if len(o.Holes) > 0 {
					s = o.SHA256
				}
				want = fmt.Sprintf("%x", s)
			}
			if path != o.Path || stream != o.Stream || kind != string(o.Kind) || outcome != string(o.Outcome) || size != o.Size || sum != want {
				t.Fatalf("%s\nis not %q %q %s %s %d %s", line, o.Path, o.Stream, o.Kind, o.Outcome, o.Size, want)
			}
			i++
		}
		if i != len(things) {
			t.Fatalf("%d objects of %d", i, len(things))
		}
		x := t.TempDir()
		if out, err := exec.Command("python3", "testdata/reader.py", dir, "--extract", x).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out[max(0, len(out)-500):])
		}
		compareTree(t, x, things)
	})
}

// compareTree compares contents with the files below dir.
func compareTree(t *testing.T, dir string, things []thing) {
	t.Helper()
	want := map[string]*thing{}
	for i := range things {
		th := &things[i]
		if name, err := th.o.TarName(); err == nil && th.o.Outcome.Stored() {
			want[name] = th
			p := filepath.Join(dir, name)
			if !strings.HasPrefix(p, dir+"/") {
				t.Fatalf("%q leaves the target", name)
			}
			if !stores(&th.o) {
				continue
			}
			b, err := os.ReadFile(p)
			if err != nil {
				t.Errorf("%q: %v", th.o.Path, err)
			} else if !bytes.Equal(b, th.data) {
				t.Errorf("%q: %d bytes differ from %d", th.o.Path, len(b), len(th.data))
			}
		}
	}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && want[strings.TrimPrefix(p, dir+"/")] == nil {
			t.Errorf("%q was not put", p)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// cat data.tar.zst.* | zstd -d | tar -x, as the documentation promises.
func TestZstdAndTar(t *testing.T) {
	need(t, "sh", "zstd", "tar")
	otherStores(t, func(t *testing.T, dir string, things []thing) {
		if strings.HasSuffix(t.Name(), "/open") {
			t.Skip("needs the end of the tar, which an open store has not")
		}
		x := t.TempDir()
		cmd := exec.Command("sh", "-c", `cat "$1"/data.tar.zst.* | zstd -dcq | tar -C "$2" --warning=no-timestamp -xf -`, "sh", dir, x)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%v: %s", err, out)
		}
		compareTree(t, x, things)
		for _, th := range things {
			if th.o.Kind != store.Link || !th.o.Outcome.Stored() || th.o.Target == "" {
				continue
			}
			name, err := th.o.TarName()
			ok(t, err)
			p := filepath.Join(x, name)
			to, err := os.Readlink(p)
			if err != nil {
				t.Error(err)
				continue
			}
			at := filepath.Join(filepath.Dir(p), to)
			if filepath.IsAbs(to) || at != x && !strings.HasPrefix(at, x+"/") {
				t.Errorf("%q -> %q leaves the target as %q", th.o.Path, th.o.Target, to)
			}
		}
	})
}

// archive/tar of the standard library reads every member, with its time.
func TestStandardTar(t *testing.T) {
	need(t, "sh", "zstd")
	otherStores(t, func(t *testing.T, dir string, things []thing) {
		if strings.HasSuffix(t.Name(), "/open") {
			t.Skip("needs the end of the tar, which an open store has not")
		}
		cmd := exec.Command("sh", "-c", `cat "$1"/data.tar.zst.* | zstd -dcq`, "sh", dir)
		stdout, err := cmd.StdoutPipe()
		ok(t, err)
		ok(t, cmd.Start())
		want := map[string]*thing{}
		for i := range things {
			th := &things[i]
			if name, err := th.o.TarName(); err == nil && th.o.Outcome.Stored() && (th.o.Kind != store.Link || th.o.Target != "") {
				want[name] = th
			}
		}
		r := tar.NewReader(stdout)
		for {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			ok(t, err)
			th := want[strings.TrimSuffix(h.Name, "/")]
			if th == nil {
				t.Fatalf("%q was not put", h.Name)
			}
			delete(want, strings.TrimSuffix(h.Name, "/"))
			typ := map[store.Kind]byte{store.Folder: tar.TypeDir, store.Link: tar.TypeSymlink}[th.o.Kind]
			if typ == 0 {
				typ = tar.TypeReg
				if th.o.Outcome == store.Linked || th.o.Outcome == store.Duplicate {
					typ = tar.TypeLink
				}
			}
			if h.Typeflag == tar.TypeGNUSparse {
				h.Typeflag = tar.TypeReg
			}
			sec := min(max(th.o.Modified.Time().Unix(), 0), 1<<33-1)
			if h.Typeflag != typ || h.ModTime.Unix() != sec || h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
				t.Errorf("%q: %+v", h.Name, h)
			}
			if typ == tar.TypeReg {
				if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, th.data) {
					t.Errorf("%q: %v, or its content differs", h.Name, err)
				}
			}
			if slices.Contains([]string{"efs/C/secret", "efs/C/broken", "2/hard link", "registry/HKLM-SOFTWARE.001.reg", "C/dir/back%5Cslash"}, h.Name) {
				t.Logf("%s", h.Name)
			}
		}
		if len(want) > 0 {
			t.Errorf("%d members are missing: %v", len(want), want)
		}
		ok(t, cmd.Wait())
	})
}
