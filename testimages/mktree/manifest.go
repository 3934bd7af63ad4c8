//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"golang.org/x/sys/unix"
)

// manifest prints one line for each object that ntfs-3g shows below root.
func manifest(root, patches string) error {
	sizes := map[uint64]string{}
	list, err := os.ReadFile(patches)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(list)) {
		if f := strings.Fields(line); f[0] == "size" {
			record, err := strconv.ParseUint(f[1], 10, 64)
			if err != nil {
				return err
			}
			sizes[record] = f[2]
		}
	}
	var lines []string
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rows, err := describe(root, name, sizes)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		lines = append(lines, rows...)
		if len(rows) > 0 && !strings.HasPrefix(rows[0], "folder\t") && d.IsDir() {
			return filepath.SkipDir // a junction
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(lines, func(a, b string) int {
		x, y := strings.Split(a, "\t"), strings.Split(b, "\t")
		return slices.Compare(x[3:5], y[3:5])
	})
	w := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(w, "# kind\tsize\tsha256\tpath\tstream\trecord\tattributes\tcreated\tmodified\tsecurity\ttarget")
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
	return w.Flush()
}

// describe returns the lines of one file or folder and its streams.
func describe(root, name string, sizes map[uint64]string) ([]string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return nil, err
	}
	path := `C:\`
	if rel != "." {
		path += strings.ReplaceAll(rel, "/", `\`)
	}
	if strings.ContainsAny(path, "\t\n") || strings.Contains(rel, `\`) {
		return nil, errors.New("the manifest cannot hold this name")
	}
	attrib, err := xattr(name, "system.ntfs_attrib")
	if err != nil {
		return nil, err
	}
	attr := le.Uint32(attrib)
	times, err := xattr(name, "system.ntfs_times")
	if err != nil {
		return nil, err
	}
	sd, err := xattr(name, "system.ntfs_acl")
	if err != nil {
		return nil, err
	}
	kind, size, sum, target := "folder", "0", "-", ""
	data, err := xattr(name, "system.ntfs_reparse_data")
	switch {
	case err == nil:
		switch tag := le.Uint32(data); {
		case tag == 0xa0000003:
			kind, target = "link", substitute(data[8:], 8)
		case tag == 0xa000000c:
			kind, target = "link", substitute(data[8:], 12)
		case tag == 0xa000001d:
			kind, target = "link", string(data[12:])
		case tag == 0x8000001b:
			kind = "alias"
		case tag&0xffff0fff == 0x9000001a:
			kind, size = "placeholder", sizes[st.Ino]
		default:
			return nil, fmt.Errorf("reparse tag %#x", tag)
		}
	case !errors.Is(err, unix.ENODATA):
		return nil, err
	case st.Mode&unix.S_IFMT == unix.S_IFREG:
		kind, size = "file", strconv.FormatInt(st.Size, 10)
		if sum, err = hashFile(name); err != nil {
			return nil, err
		}
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return nil, fmt.Errorf("mode %#o", st.Mode)
	}
	row := func(kind, size, sum, stream, target string) string {
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%08x\t%d\t%d\t%.8x\t%s", kind, size, sum, path, stream, st.Ino, attr,
			le.Uint64(times), le.Uint64(times[8:]), sumOf(sd), target)
	}
	rows := []string{row(kind, size, sum, "", target)}
	streams, err := listXattr(name)
	if err != nil {
		return nil, err
	}
	for _, s := range streams {
		s, ok := strings.CutPrefix(s, "user.")
		if !ok {
			continue
		}
		b, err := xattr(name, "user."+s)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row("stream", strconv.Itoa(len(b)), fmt.Sprintf("%x", sumOf(b)), s, ""))
	}
	return rows, nil
}

func sumOf(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

// substitute returns the substitute name of a link, whose names start at base.
func substitute(b []byte, base int) string {
	off, n := int(le.Uint16(b)), int(le.Uint16(b[2:]))
	var u []uint16
	for b := b[base+off:][:n]; len(b) > 0; b = b[2:] {
		u = append(u, le.Uint16(b))
	}
	return string(utf16.Decode(u))
}

func hashFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

func xattr(name, attr string) ([]byte, error) {
	b := make([]byte, 65536)
	n, err := unix.Lgetxattr(name, attr, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", attr, err)
	}
	return b[:n], nil
}

func listXattr(name string) ([]string, error) {
	b := make([]byte, 65536)
	n, err := unix.Llistxattr(name, b)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, s := range bytes.Split(b[:n], []byte{0}) {
		if len(s) > 0 {
			list = append(list, string(s))
		}
	}
	return list, nil
}

// freeBytes returns the room on the volume mounted at root.
func freeBytes(root string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(root, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
