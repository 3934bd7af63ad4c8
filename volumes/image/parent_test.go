package image

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The places at which a name of an image is looked for: as a relative path, as
// an absolute one of this host, beside the image.
func TestPlaces(t *testing.T) {
	for name, want := range map[string]string{
		"../base":                 "[out d/../base] [d/base]",
		"../../vm/base":           "[out d/../../vm/base] [d/base]",
		`..\..\vm\base`:           "[out d/../../vm/base] [d/base]",
		`sub\..\..\..\x\base`:     "[out d/../../x/base] [d/base]",
		`\\server\share\base`:     "[d/base]",
		"//server/share/base":     "[d/base]",
		`\\?\UNC\server\share\b`:  "[d/b]",
		`\\.\PhysicalDrive0`:      "[d/PhysicalDrive0]",
		`sub\base.vhd`:            "[d/sub/base.vhd] [d/base.vhd]",
		"./base":                  "[d/base]",
		"sub/../base":             "[d/base]",
		"..":                      "",
		"../..":                   "",
		".":                       "",
		"":                        "",
		"a\x00b":                  "",
		"../a\x00b":               "",
		"base:stream":             "",
		"../base:stream":          "",
		`\\?\Volume{1}\dir\base`:  "[d/base]",
		`\\?\GLOBALROOT\dir\base`: "[d/base]",
	} {
		if got := placesText("d/x", name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	system := map[string]string{
		"/etc/passwd":           "[out /etc/passwd] [d/passwd]",
		"/vm/../etc/./passwd":   "[out /etc/passwd] [d/passwd]",
		"file://localhost/vm/p": "[out /vm/p] [d/p]",
		`C:\VMs\base`:           "[d/base]",
		`\VMs\base`:             "[d/base]",
	}
	if runtime.GOOS == "windows" {
		system = map[string]string{
			"/etc/passwd":                            "[d/passwd]",
			`C:\VMs\base`:                            "[out C:/VMs/base] [d/base]",
			`c:/VMs/base`:                            "[out c:/VMs/base] [d/base]",
			`\\?\C:\VMs\base`:                        "[out C:/VMs/base] [d/base]",
			`C:base`:                                 "",
			`C:\VMs\NUL`:                             "",
			`C:\VMs\base:s`:                          "",
			`C:\VMs\..\..\..\x\base`:                 "[d/base]",
			`\VMs\base`:                              "[d/base]",
			`\\?\Volume{` + idText(1) + `}\dir\base`: `[out //?/Volume{` + idText(1) + `}/dir/base] [d/base]`,
			`\\?\Volume{` + idText(1) + `}\..\base`:  "[d/base]",
		}
	}
	for name, want := range system {
		if got := placesText("d/x", name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	// The relative path first, whatever the order of the names; beside last.
	if got, want := placesText("x", `/abs/q`, "../rel/p", "p"), "[out ../rel/p] [p] [out /abs/q] [q]"; got != want && runtime.GOOS != "windows" {
		t.Errorf("%s, want %s", got, want)
	}
	dir := t.TempDir()
	if got, want := placesText(filepath.Join(dir, "x"), filepath.Join(dir, "sub", "p")), fmt.Sprintf("[%s] [%s]", filepath.ToSlash(filepath.Join(dir, "sub", "p")), filepath.ToSlash(filepath.Join(dir, "p"))); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func placesText(image string, names ...string) string {
	var out []string
	for _, p := range places(image, names) {
		s := filepath.ToSlash(p.path)
		if p.outside {
			s = "out " + s
		}
		out = append(out, "["+s+"]")
	}
	return strings.Join(out, " ")
}

// parents are images of each format with a parent, for which a path is put in
// the place of PATH; an ID in the place of that of the parent makes another
// parent of it.
func parents(path string, id byte) (children map[string][]byte, parent map[string][]byte, disk, below []byte) {
	disk, below = dense(1, 40*512), dense(2, 40*512)
	big, bigBelow := bytes.Repeat(disk, 52)[:1<<20], bytes.Repeat(below, 52)[:1<<20]
	_ = bigBelow
	text := func(cid, parent, hint string) string {
		return fmt.Sprintf(descriptorText, cid, parent, "monolithicSparse", hint, "")
	}
	cid := fmt.Sprintf("%08x", id)
	children = map[string][]byte{
		"VHD W2ru":  vhdSpec{disk: disk, id: 9, parent: 1, block: 4096, has: few, locators: map[string]string{"W2ru": path}}.build(),
		"VHD W2ku":  vhdSpec{disk: disk, id: 9, parent: 1, block: 4096, has: few, locators: map[string]string{"W2ku": path}}.build(),
		"VHDX":      vhdxSpec{disk: big, id: 9, parent: 1, has: few, locator: map[string]string{"parent_linkage": "{" + idText(1) + "}", "relative_path": path}}.build(),
		"VHDX abs":  vhdxSpec{disk: big, id: 9, parent: 1, has: few, locator: map[string]string{"parent_linkage": "{" + idText(1) + "}", "absolute_win32_path": path}}.build(),
		"VHDX vol":  vhdxSpec{disk: big, id: 9, parent: 1, has: few, locator: map[string]string{"parent_linkage": "{" + idText(1) + "}", "volume_path": path}}.build(),
		"VMDK":      vmdkSpec{disk: disk, has: few, text: text("00000009", "00000001", path)}.build(),
		"QCOW2":     qcowSpec{disk: disk, has: few, backing: path}.build(),
		"QCOW2 fmt": qcowSpec{disk: disk, has: few, backing: path, backingFmt: "qcow2"}.build(),
	}
	parent = map[string][]byte{
		"VHD":   vhdSpec{disk: below, id: id, block: 8192, has: all}.build(),
		"VHDX":  vhdxSpec{disk: bigBelow, id: id, has: all}.build(),
		"VMDK":  vmdkSpec{disk: below, has: all, text: text(cid, "ffffffff", "")}.build(),
		"QCOW2": qcowSpec{disk: below, has: all}.build(),
	}
	return children, parent, disk, below
}

// A parent is found by the relative path, by the absolute one, and beside the
// image; one with another ID is passed over for the next, and it is said which
// one is read.
func TestParentPlaces(t *testing.T) {
	for _, tt := range []struct {
		name     string
		path     string // in the child; DIR is the folder of the test
		right    string // where the parent is
		wrong    string // where another one is, "" for none
		outside  bool
		absolute bool
	}{
		{"above", "../base/p.img", "base/p.img", "", true, false},
		{"above, of Windows", `..\base\p.img`, "base/p.img", "", true, false},
		{"absolute", "DIR/base/p.img", "base/p.img", "", true, true},
		{"beside", "../gone/p.img", "child/p.img", "", false, false},
		{"beside, absolute", "/gone/p.img", "child/p.img", "", false, false},
		{"beside, another one where it was", "../base/p.img", "child/p.img", "base/p.img", false, false},
		{"above, another one beside", "../base/p.img", "base/p.img", "child/p.img", true, false},
		{"absolute, another one beside", "DIR/base/p.img", "base/p.img", "child/p.img", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && tt.name == "beside, absolute" {
				tt.path = `Q:\gone\p.img`
			}
			dir := t.TempDir()
			children, right, _, _ := parents(strings.ReplaceAll(tt.path, "DIR", dir), 1)
			_, wrong, _, _ := parents("", 7)
			for _, sub := range []string{"base", "child"} {
				if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for kind, child := range children {
				format := strings.Fields(kind)[0]
				if format == "QCOW2" && strings.HasPrefix(tt.name, "beside, another") {
					continue // its parents have no ID
				}
				path := writeFile(t, dir, "child/x", child)
				writeFile(t, dir, tt.right, right[format])
				if tt.wrong != "" {
					writeFile(t, dir, tt.wrong, wrong[format])
				}
				img, err := Open(path, Options{})
				if err != nil {
					t.Errorf("%s: %v", kind, err)
					continue
				}
				if len(img.Files) != 2 || len(img.Notes) != 1 || !strings.Contains(img.Notes[0], " of "+path) || strings.Contains(img.Notes[0], "outside") != tt.outside {
					t.Errorf("%s: %+v, %q", kind, img.Files, img.Notes)
				}
				if fi, err := os.Stat(filepath.Join(dir, tt.right)); err != nil || len(img.Files) < 2 || !os.SameFile(fi, img.Files[1].Info) {
					t.Errorf("%s: %s is read", kind, img.Files[1].Path)
				}
				use(t, img)
			}
		})
	}
}

// What is missing is told with all places at which it was looked for.
func TestParentTried(t *testing.T) {
	dir := t.TempDir()
	_, wrong, _, _ := parents("", 7)
	children, _, _, _ := parents("../base/p.img", 1)
	writeFile(t, dir, "p.img", wrong["VHD"])
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := writeFile(t, dir, "sub/x", children["VHD W2ru"])
	up := filepath.Join(dir, "sub") + filepath.FromSlash("/../base/p.img")
	_, err := Open(path, Options{})
	want := fmt.Sprintf("%s: its parent ../base/p.img (%s) is not there; looked for as %s, %s", path, idText(1), up, filepath.Join(dir, "sub", "p.img"))
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	writeFile(t, dir, "sub/p.img", wrong["VHD"])
	_, err = Open(path, Options{})
	want = fmt.Sprintf("%s: its parent ../base/p.img (%s) is needed, but %s is another image (%s), or was changed since; looked for as %s, %[3]s", path, idText(1), filepath.Join(dir, "sub", "p.img"), idText(7), up)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// What an image says does not make any file of the host a disk: neither a file
// that is none, nor a device, nor one that is reached by a link.
func TestHostileParents(t *testing.T) {
	dir := t.TempDir()
	disk := dense(1, 40*512)
	if err := os.Mkdir(filepath.Join(dir, "vm"), 0o700); err != nil {
		t.Fatal(err)
	}
	secret := writeFile(t, dir, "secret", bytes.Repeat([]byte("root:$6$salt$hash\n"), 512))
	writeFile(t, dir, "empty", nil)
	boot := make([]byte, 1<<20)
	boot[510], boot[511] = 0x55, 0xAA
	writeFile(t, dir, "disk.raw", boot)
	table := make([]byte, 1<<20)
	copy(table[4096:], "EFI PART")
	writeFile(t, dir, "disk4k.raw", table)
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for backing, want := range map[string]string{
		"../secret":     "neither an image nor a disk",
		secret:          "neither an image nor a disk",
		"../empty":      "empty",
		"../folder":     "not a regular file",
		"../disk.raw":   "",
		"../disk4k.raw": "",
		"/dev/null":     "not a regular file",
		"/dev/zero":     "not a regular file",
		"/dev/loop0":    "",
	} {
		if strings.HasPrefix(backing, "/dev/") {
			if _, err := os.Stat(backing); err != nil || runtime.GOOS == "windows" {
				continue
			}
			want = "not a regular file"
		}
		for _, format := range []string{"", "raw"} {
			path := writeFile(t, dir, "vm/x", qcowSpec{disk: disk, has: few, backing: backing, backingFmt: format}.build())
			img, err := Open(path, Options{})
			if want == "" {
				if err != nil || len(img.Notes) != 1 || !strings.Contains(img.Notes[0], "outside of its folder") {
					t.Errorf("%s %q: %v", backing, format, err)
				}
				if err == nil {
					img.Close()
				}
				continue
			}
			if _, ok := errors.AsType[*MissingError](err); !ok || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %q: %v", backing, format, err)
			}
		}
	}
	// Beside the image it is what the user put there.
	path := writeFile(t, dir, "x", qcowSpec{disk: disk, has: few, backing: "secret", backingFmt: "raw"}.build())
	img := mustOpen(t, path)
	if len(img.Notes) != 1 || !strings.Contains(img.Notes[0], "secret is read as the backing file of ") || strings.Contains(img.Notes[0], "outside") {
		t.Errorf("%q", img.Notes)
	}
}

// Images that name many wrong parents, each with wrong parents of its own,
// come to an end.
func TestParentTries(t *testing.T) {
	files := folder{}
	disk := dense(1, 4096)
	opened := 0
	const deep = 12
	for level := range deep {
		for k := range 8 {
			locators := map[string]string{}
			for j := range 8 {
				// Only the last of a code counts: each has the same one.
				locators[[]string{"W2ru", "W2ku", "MacX"}[j%3]] = fmt.Sprintf("%d-%d", level+1, j)
			}
			files[fmt.Sprintf("%d-%d", level, k)] = vhdSpec{disk: disk, id: byte(100 + level), parent: byte(level + 1), block: 4096, has: few, locators: locators}.build()
		}
	}
	for k := range 8 {
		files[fmt.Sprintf("%d-%d", deep, k)] = vhdSpec{disk: disk, id: 250, block: 4096, has: few}.build()
	}
	opt := files.options()
	inner := opt.Open
	opt.Open = func(path string) (File, error) {
		opened++
		return inner(path)
	}
	if _, err := Open("0-0", opt); err == nil {
		t.Error("it is opened")
	}
	if opened > 20*maxTries {
		t.Errorf("%d files were opened", opened)
	}
	t.Logf("%d files were opened", opened)
}

// The files of parents that are not the right ones are closed.
func TestWrongParentClosed(t *testing.T) {
	dir := t.TempDir()
	children, right, _, _ := parents("../base/p.img", 1)
	_, wrong, _, _ := parents("", 7)
	for _, sub := range []string{"base", "child"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	path := writeFile(t, dir, "child/x", children["VHD W2ru"])
	writeFile(t, dir, "base/p.img", wrong["VHD"])
	writeFile(t, dir, "child/p.img", right["VHD"])
	open := 0
	img, err := Open(path, Options{Open: func(path string) (File, error) {
		f, err := openHost(path)
		if err != nil {
			return nil, err
		}
		open++
		return &countedFile{f, &open}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if open != 2 || len(img.Files) != 2 {
		t.Errorf("%d files are open, %+v", open, img.Files)
	}
	if err := img.Close(); err != nil || open != 0 {
		t.Errorf("%d files are open, %v", open, err)
	}
}

type countedFile struct {
	File
	open *int
}

func (f *countedFile) Close() error {
	*f.open--
	return f.File.Close()
}

// FuzzPlaces looks for places that no image may name.
func FuzzPlaces(f *testing.F) {
	for _, s := range []string{"../base", `\\server\share\x`, "//server/x", "/etc/passwd", `C:\x\y`, `\\?\C:\x`, `\\.\PhysicalDrive0`, "file:///x/y", "a/../../b", "NUL", "x:y", `\\?\Volume{` + idText(1) + `}\x`, "", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		list := places("dir/sub/x", []string{name})
		for i, p := range list {
			slashed := filepath.ToSlash(p.path)
			volume := filepath.VolumeName(p.path)
			if strings.HasPrefix(slashed, "//") && !strings.HasPrefix(slashed, "//?/Volume{") || strings.Contains(slashed, "\x00") || strings.Contains(p.path[len(volume):], ":") {
				t.Fatalf("%q leads to %q", name, p.path)
			}
			if rel, err := filepath.Rel("dir/sub", p.path); !p.outside && (err != nil || !filepath.IsLocal(rel)) && !filepath.IsAbs(p.path) {
				t.Fatalf("%q leads out to %q", name, p.path)
			}
			if !p.named && (p.outside || filepath.ToSlash(filepath.Dir(p.path)) != "dir/sub" || i != len(list)-1) {
				t.Fatalf("%q: %+v is not beside", name, p)
			}
		}
		if len(list) > 3 {
			t.Fatalf("%q has %d places", name, len(list))
		}
	})
}
