package store

import (
	"errors"
	"strings"
)

// First components of the members that are not under a volume.
const (
	streamsFolder  = "streams"
	rawFolder      = "efs"
	registryFolder = "registry"
)

// TarName is the name of o's member in the tar: a relative path with forward
// slashes that has no component "", "." or "..", without the slash that ends
// a folder's. It is safe to append to a folder's path on a POSIX host. Keys
// and values have no member.
func (o *Object) TarName() (string, error) {
	vol, names, err := o.split()
	if err != nil {
		return "", err
	}
	b := make([]byte, 0, len(o.Path)+len(o.Stream)+16)
	switch {
	case o.Kind == Stream:
		b = append(b, streamsFolder+"/"...)
	case o.Raw:
		b = append(b, rawFolder+"/"...)
	}
	b = append(b, vol...)
	for _, n := range names {
		if len(b) > 0 {
			b = append(b, '/')
		}
		b = appendName(b, n)
	}
	if o.Kind == Stream {
		b = append(b, '/')
		b = appendName(b, string(o.Stream))
	}
	return string(b), nil
}

var (
	errNoVolume   = errors.New(`the path does not begin with a volume ("C:\" or "2:\")`)
	errEmptyName  = errors.New("the path holds an empty name")
	errNames      = errors.New("the names are not those of the path")
	errNoStream   = errors.New("a stream without name")
	errNotStream  = errors.New("only streams and values have a stream name")
	errPartPath   = errors.New(`the path of a part begins with "registry\"`)
	errNoMember   = errors.New("keys and values are not members of the tar")
	errNoPath     = errors.New("no path")
	errBadKind    = errors.New("unknown kind")
	errBadOutcome = errors.New("unknown outcome")
)

// split takes o.Path apart: the volume without its colon ("" for parts) and
// the names.
func (o *Object) split() (vol string, names []string, err error) {
	p := string(o.Path)
	switch o.Kind {
	case Part:
		names = strings.Split(p, `\`)
		if len(names) < 2 || names[0] != registryFolder {
			return "", nil, errPartPath
		}
	case File, Folder, Stream, Link:
		var rest string
		var ok bool
		if vol, rest, ok = cutVolume(p); !ok || len(rest) == 0 || rest[0] != '\\' {
			return "", nil, errNoVolume
		}
		rest = rest[1:]
		switch {
		case o.Names != nil:
			names = make([]string, len(o.Names))
			for i, n := range o.Names {
				names[i] = string(n)
			}
			if strings.Join(names, `\`) != rest {
				return "", nil, errNames
			}
		case rest != "":
			names = strings.Split(rest, `\`)
		}
	case Key, Value:
		return "", nil, errNoMember
	default:
		return "", nil, errBadKind
	}
	for _, n := range names {
		if n == "" {
			return "", nil, errEmptyName
		}
	}
	if o.Kind == Stream {
		if o.Stream == "" {
			return "", nil, errNoStream
		}
	} else if o.Stream != "" {
		return "", nil, errNotStream
	}
	return vol, names, nil
}

// cutVolume cuts "C:" or "12:" off p; vol has no colon.
func cutVolume(p string) (vol, rest string, ok bool) {
	vol, rest, ok = strings.Cut(p, ":")
	if !ok || len(vol) == 0 || len(vol) > 5 {
		return "", p, false
	}
	if len(vol) == 1 && 'a' <= vol[0]|0x20 && vol[0]|0x20 <= 'z' {
		return vol, rest, true
	}
	for _, c := range []byte(vol) {
		if c < '0' || c > '9' {
			return "", p, false
		}
	}
	return vol, rest, true
}

// appendName appends one name as a component of a POSIX path. NUL, "/" and
// "\" become %00, %2F and %5C, the names "." and ".." become %2E and %2E%2E.
// A "%" of the name becomes %25 where it stands before 00, 25, 2E, 2F or 5C,
// and only there, so that every name has one component and back.
func appendName(dst []byte, name string) []byte {
	switch name {
	case ".":
		return append(dst, "%2E"...)
	case "..":
		return append(dst, "%2E%2E"...)
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == 0:
			dst = append(dst, "%00"...)
		case c == '/':
			dst = append(dst, "%2F"...)
		case c == '\\':
			dst = append(dst, "%5C"...)
		case c == '%' && isEscape(name[i+1:]):
			dst = append(dst, "%25"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// isEscape says whether s, which stands behind a "%", begins with the digits
// of an escape.
func isEscape(s string) bool {
	if len(s) < 2 {
		return false
	}
	switch s[:2] {
	case "00", "25", "2E", "2F", "5C":
		return true
	}
	return false
}

// posixTarget is the target of the symbolic link o as the tar keeps it, "" for
// none. A target inside of the namespace of the tar is a relative path to its
// member; any other is the text of the source with backslashes for slashes,
// one strange name that leads nowhere.
func (o *Object) posixTarget() (string, error) {
	vol, names, err := o.split()
	if err != nil || o.Target == "" {
		return "", err
	}
	text := strings.ReplaceAll(string(o.Target), "/", `\`)
	p := text
	for _, prefix := range []string{`\??\`, `\\?\`} {
		p = strings.TrimPrefix(p, prefix)
	}
	from := append([]string{vol}, names...)
	from = from[:len(from)-1] // the folder that holds the link
	to, ok := resolve(vol, names, p)
	if !ok {
		return string(appendText(nil, text)), nil
	}
	common := 0
	for common < len(from) && common < len(to) && from[common] == to[common] {
		common++
	}
	var b []byte
	for range from[common:] {
		b = append(b, "../"...)
	}
	for i, n := range to[common:] {
		if common+i == 0 {
			b = append(b, n...) // the volume
		} else {
			b = appendName(b, n)
		}
		b = append(b, '/')
	}
	if len(b) == 0 {
		return ".", nil
	}
	return string(b[:len(b)-1]), nil
}

// resolve finds the member that a link at vol, names points to: the volume and
// names. ok is false when the target leaves the volumes.
func resolve(vol string, names []string, target string) (to []string, ok bool) {
	rest := target
	switch v, r, isVol := cutVolume(target); {
	case isVol:
		if r == "" || r[0] != '\\' {
			return nil, false // relative to a current folder that nobody knows
		}
		if len(v) == 1 && 'a' <= v[0] && v[0] <= 'z' && strings.EqualFold(v, vol) {
			v = vol
		}
		to, rest = []string{v}, r
	case strings.HasPrefix(target, `\\`):
		return nil, false
	case strings.HasPrefix(target, `\`):
		to = []string{vol}
	default:
		if len(names) == 0 {
			return nil, false
		}
		to = append([]string{vol}, names[:len(names)-1]...)
	}
	for n := range strings.SplitSeq(rest, `\`) {
		switch n {
		case "", ".":
		case "..":
			if len(to) == 1 {
				return nil, false
			}
			to = to[:len(to)-1]
		default:
			to = append(to, n)
		}
	}
	return to, true
}

// appendText appends the text of a target that is kept as it is. It holds no
// slash; NUL cannot stand in a tar.
func appendText(dst []byte, text string) []byte {
	if text == "." || text == ".." {
		return appendName(dst, text)
	}
	return append(dst, strings.ReplaceAll(text, "\x00", "%00")...)
}
