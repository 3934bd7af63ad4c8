// Package winpath handles Windows path names as strings, on any host. It
// knows nothing of the host's own paths and touches no disk.
//
// A path is a volume prefix ("C:" or a number, "2:"), then names separated by
// backslashes. Names are WTF-8 (package wstr) and compare without regard to
// case.
package winpath

import (
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
)

// Clean writes p in its plain form: backslashes, none of them doubled or at
// the end (but after a bare volume: `C:\`), the drive letter in upper case.
// "." and ".." are names like others: they occur on real volumes.
func Clean(p string) string {
	vol, parts := Split(p)
	if vol != "" {
		return vol + `\` + strings.Join(parts, `\`)
	}
	return strings.Join(parts, `\`)
}

// Split takes p apart: the volume prefix with its colon ("" for none) and the
// names. Forward slashes separate as well.
func Split(p string) (vol string, names []string) {
	vol, rest := Volume(p)
	for len(rest) > 0 {
		i := strings.IndexAny(rest, `\/`)
		if i < 0 {
			i = len(rest)
		}
		if i > 0 {
			names = append(names, rest[:i])
		}
		if i == len(rest) {
			break
		}
		rest = rest[i+1:]
	}
	return vol, names
}

// Volume cuts the volume prefix off p: one letter, or a number, and a colon.
func Volume(p string) (vol, rest string) {
	i := strings.IndexByte(p, ':')
	if i < 1 || i > 5 {
		return "", p
	}
	if i == 1 && isLetter(p[0]) {
		return strings.ToUpper(p[:1]) + ":", p[2:]
	}
	for _, c := range []byte(p[:i]) {
		if c < '0' || c > '9' {
			return "", p
		}
	}
	return p[:i+1], p[i+1:]
}

// Letter is the drive letter of p in upper case, 0 when it has none.
func Letter(p string) byte {
	if vol, _ := Volume(p); len(vol) == 2 && isLetter(vol[0]) {
		return vol[0]
	}
	return 0
}

// Base is the last name of p, "" for a bare volume.
func Base(p string) string {
	_, rest := Volume(p)
	rest = strings.TrimRight(rest, `\/`)
	return rest[strings.LastIndexAny(rest, `\/`)+1:]
}

// Dir is p without its last name.
func Dir(p string) string {
	vol, parts := Split(p)
	if len(parts) > 0 {
		parts = parts[:len(parts)-1]
	}
	if vol != "" {
		return vol + `\` + strings.Join(parts, `\`)
	}
	return strings.Join(parts, `\`)
}

// Join puts names behind p.
func Join(p string, names ...string) string {
	for _, n := range names {
		n = strings.Trim(n, `\/`)
		switch {
		case n == "":
		case p == "" || strings.HasSuffix(p, `\`):
			p += n
		default:
			p += `\` + n
		}
	}
	return p
}

// Rel gives the part of p below root, "" when they are equal. Both are clean.
func Rel(root, p string) (rel string, ok bool) {
	root = strings.TrimRight(root, `\`)
	if len(p) < len(root) {
		return "", false
	}
	// Upper case can change the number of bytes, so cut by names.
	if !wstr.EqualFold(p[:len(root)], root) {
		rp, pp := strings.Split(root, `\`), strings.Split(p, `\`)
		if len(pp) < len(rp) {
			return "", false
		}
		for i := range rp {
			if !wstr.EqualFold(rp[i], pp[i]) {
				return "", false
			}
		}
		return strings.Join(pp[len(rp):], `\`), true
	}
	switch rest := p[len(root):]; {
	case rest == "":
		return "", true
	case rest[0] == '\\':
		return rest[1:], true
	}
	return "", false
}

// CutStream takes `name:stream` in the last name of p apart. A colon of the
// volume prefix does not count.
func CutStream(p string) (file, stream string) {
	vol, rest := Volume(p)
	base := strings.LastIndexAny(rest, `\/`) + 1
	if i := strings.IndexByte(rest[base:], ':'); i >= 0 {
		return vol + rest[:base+i], rest[base+i+1:]
	}
	return p, ""
}

// Match says whether s fits pattern, in which "*" stands for any characters
// and "?" for one when question is set. Case does not count.
func Match(pattern, s string, question bool) bool {
	p, u := wstr.ToUTF16(wstr.Upper(pattern)), wstr.ToUTF16(wstr.Upper(s))
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(u) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == u[j] || question && p[i] == '?'):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
