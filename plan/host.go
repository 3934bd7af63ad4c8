package plan

import (
	"os"
	"path/filepath"
	"strings"
)

// HostBelow says whether the host path p, which need not exist, lies below the
// host folder root, through symbolic links as well.
func HostBelow(root, p string) bool {
	_, ok := relHost(root, p)
	return ok
}

// sameHost says whether the host paths a and b are one folder.
func sameHost(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// relHost gives the path of host folder p below host folder root, separated
// by backslashes; ok is false when it is not below it.
func relHost(root, p string) (rel string, ok bool) {
	clean := func(s string) (string, bool) {
		a, err := filepath.Abs(s)
		if err != nil {
			return "", false
		}
		// The store need not exist yet: resolve what does.
		for up, tail := a, ""; ; {
			if r, err := filepath.EvalSymlinks(up); err == nil {
				return filepath.Join(r, tail), true
			}
			dir := filepath.Dir(up)
			if dir == up {
				return a, true
			}
			tail = filepath.Join(filepath.Base(up), tail)
			up = dir
		}
	}
	r, ok1 := clean(root)
	s, ok2 := clean(p)
	if !ok1 || !ok2 {
		return "", false
	}
	rel, err := filepath.Rel(r, s)
	if err != nil || rel == "." || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", false
	}
	return strings.ReplaceAll(filepath.ToSlash(rel), "/", `\`), true
}
