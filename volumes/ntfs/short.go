package ntfs

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// shortName is the 8.3 name of an entry that has one beside its long name, 8
// bytes.
type shortName struct {
	entry uint32
	// name is an offset in index.names, or, counted down from the largest
	// number, the N of a name that makeShort makes of the long one.
	name uint32
}

// maxMade is the largest N of a short name that is not stored. Windows itself
// counts to four.
const maxMade = 200

// shortOf takes the 8.3 name of a file in: v is its $FILE_NAME, first the
// first of the links of the file, space tells the name space of each.
func (sc *scanner) shortOf(i uint32, v []byte, first uint32, space []byte) {
	parent, seq, raw, ok := parseName(v)
	if !ok {
		sc.damage(i, "an 8.3 name without a name")
		return
	}
	x := sc.x
	entry := uint32(noParent)
	for e := first; e < x.links.n; e++ {
		l := x.links.at(e)
		if l.parent != parent || l.seq != seq {
			continue
		}
		// The name of the Win32 space is the other half of the pair; others in
		// the same folder are further hard links.
		if win32 := space[e-first] == 1; win32 || entry == noParent {
			entry = e
			if win32 {
				break
			}
		}
	}
	if entry == noParent {
		return // the long name of that folder is lost; the file has another
	}
	sc.name = appendName(sc.name[:0], raw)
	if n := madeNumber(sc.name); n > 0 {
		var buf [16]byte
		if made, ok := makeShort(buf[:0], x.names.peek(x.links.at(entry).name), n); ok && string(made) == string(sc.name) {
			x.short.add(shortName{entry, math.MaxUint32 - n})
			return
		}
	}
	at, ok := x.names.add(sc.name)
	if !ok || at >= math.MaxUint32-maxMade {
		return
	}
	if !strings.Contains(string(sc.name), "~") {
		x.odd = append(x.odd, entry)
	}
	x.short.add(shortName{entry, at})
}

// madeNumber is the N of a name like "ABCDEF~N.EXT", 0 for others.
func madeNumber(name []byte) uint32 {
	_, rest, ok := strings.Cut(string(name), "~")
	if !ok {
		return 0
	}
	digits, _, _ := strings.Cut(rest, ".")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n > maxMade || digits[0] == '0' {
		return 0
	}
	return uint32(n)
}

// makeShort appends the n-th 8.3 name that Windows makes of a long one: of
// what may stand in such a name six characters, the number, and three of the
// extension. ok is false for names it has other ways for.
func makeShort(dst []byte, long string, n uint32) (short []byte, ok bool) {
	long = strings.TrimLeft(long, ". ")
	base, ext := long, ""
	if k := strings.LastIndexByte(long, '.'); k >= 0 {
		base, ext = long[:k], long[k+1:]
	}
	take := func(s string, most int) bool {
		for k := 0; k < len(s) && most > 0; k++ {
			c := s[k]
			switch {
			case c >= 0x80:
				return false
			case c == ' ' || c == '.':
				continue
			case strings.IndexByte("+,;=[]", c) >= 0:
				c = '_'
			case 'a' <= c && c <= 'z':
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
			most--
		}
		return true
	}
	if !take(base, 6) {
		return nil, false
	}
	dst = append(dst, '~')
	dst = strconv.AppendUint(dst, uint64(n), 10)
	if ext != "" {
		dst = append(dst, '.')
		if !take(ext, 3) {
			return nil, false
		}
	}
	return dst, true
}

// findShort returns the place of an entry in index.short.
func (fs *FS) findShort(e uint32) (shortName, bool) {
	x := &fs.x
	a, b := uint32(0), x.short.n
	for a < b {
		if m := a + (b-a)/2; x.short.at(m).entry < e {
			a = m + 1
		} else {
			b = m
		}
	}
	if a == x.short.n || x.short.at(a).entry != e {
		return shortName{}, false
	}
	return *x.short.at(a), true
}

// ShortName is the 8.3 name that e has beside its name, "" for none.
func (fs *FS) ShortName(e winfs.Entry) string {
	if uint32(e) >= fs.x.links.n {
		return ""
	}
	s, ok := fs.findShort(uint32(e))
	if !ok {
		return ""
	}
	return fs.shortText(s)
}

func (fs *FS) shortText(s shortName) string {
	l := fs.x.links.at(s.entry)
	if l.parent == fs.tree.orphans {
		return "" // its long name is no longer the one of the disk
	}
	if n := math.MaxUint32 - s.name; n <= maxMade {
		b, _ := makeShort(nil, fs.x.names.get(l.name), n)
		return string(b)
	}
	return fs.x.names.get(s.name)
}

// childByShort finds an 8.3 name in a folder.
func (fs *FS) childByShort(dir uint32, name string) (winfs.Entry, bool) {
	if fs.x.short.n == 0 || !isShort(name) {
		return 0, false
	}
	number := madeNumber([]byte(name))
	is := func(e uint32) bool {
		s, ok := fs.findShort(e)
		if n := math.MaxUint32 - s.name; !ok || n <= maxMade && n != number {
			return false
		}
		return wstr.EqualFold(fs.shortText(s), name)
	}
	kids := fs.children(dir)
	if !strings.Contains(name, "~") && len(fs.x.odd) < len(kids) {
		for _, e := range fs.x.odd {
			if fs.x.links.at(e).parent == dir && is(e) {
				return fs.home(e)
			}
		}
		return 0, false
	}
	for _, e := range kids {
		if is(uint32(e)) {
			return e, true
		}
	}
	return 0, false
}

// home says whether an entry is one that is listed: of a folder with several
// names only one is.
func (fs *FS) home(e uint32) (winfs.Entry, bool) {
	f := fs.x.files.at(fs.x.links.at(e).file)
	return winfs.Entry(e), f.flags&flagDir == 0 || f.place == e
}

// isShort says whether name has the form of an 8.3 name.
func isShort(name string) bool {
	base, ext, _ := strings.Cut(name, ".")
	return len(base) > 0 && len(name) <= 3*12 && utf8.RuneCountInString(base) <= 8 && utf8.RuneCountInString(ext) <= 3 && !strings.Contains(ext, ".")
}
