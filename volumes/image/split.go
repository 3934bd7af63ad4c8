package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strconv"
	"strings"
)

// joined is several files, one behind the other.
type joined struct {
	parts []io.ReaderAt
	ends  []int64 // of each, in the whole
}

func (j *joined) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		at := off + int64(done)
		i := sort.Search(len(j.ends), func(i int) bool { return j.ends[i] > at })
		if i == len(j.ends) {
			return done, io.EOF
		}
		start := int64(0)
		if i > 0 {
			start = j.ends[i-1]
		}
		part := p[done:]
		if rest := j.ends[i] - at; int64(len(part)) > rest {
			part = part[:rest]
		}
		n, err := j.parts[i].ReadAt(part, at-start)
		done += n
		if n < len(part) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return done, err
		}
	}
	return done, nil
}

// pieceName divides the path of a piece of a split image: disk.img.001 is base
// "disk.img." and number 1 of three digits.
func pieceName(path string) (base string, number, digits int, ok bool) {
	base = strings.TrimRight(path, "0123456789")
	text := path[len(base):]
	if len(text) < 2 || len(text) > 6 || !strings.HasSuffix(base, ".") {
		return "", 0, 0, false
	}
	number, err := strconv.Atoi(text)
	return base, number, len(text), err == nil
}

// FirstPiece is the path of the first piece of the split image that path
// looks like a later piece of, "" when it does not look like one.
func FirstPiece(path string) string {
	base, number, digits, ok := pieceName(path)
	if !ok || number < 1 {
		return ""
	}
	for first := range min(number, 2) {
		name := fmt.Sprintf("%s%0*d", base, digits, first)
		if f, err := openHost(name); err == nil {
			f.Close()
			return name
		}
	}
	return ""
}

// maxPieces bounds a split image: its pieces are open at once.
const maxPieces = 20_000

// join adds the further pieces when f is the first one of several.
func (o *opener) join(f *file) (*file, error) {
	base, number, digits, ok := pieceName(f.name)
	if !ok || number > 1 {
		return f, nil
	}
	at := func(n int) string { return fmt.Sprintf("%s%0*d", base, digits, n) }
	if number == 1 {
		// image.000 in front makes it a later piece, which is not asked for.
		if h, err := o.open(at(0)); err == nil {
			h.Close()
			return f, nil
		}
	}
	j := &joined{parts: []io.ReaderAt{f.ReaderAt}, ends: []int64{f.size}}
	whole := &file{ReaderAt: j, name: f.name, size: f.size, parts: f.parts, closer: f.closer, cache: f.cache}
	o.files[len(o.files)-1] = whole
	full := f.size
	for n := number + 1; ; n++ {
		if n-number >= maxPieces {
			return nil, &UnsupportedError{Path: f.name, Format: "split raw", Feature: fmt.Sprintf("of more than %d pieces", maxPieces), Hint: fmt.Sprintf("join them with `cat %s* > disk.img` and give disk.img", base)}
		}
		h, err := o.open(at(n))
		if errors.Is(err, fs.ErrNotExist) {
			if later := o.laterPiece(base, digits, n); later != "" {
				return nil, &MissingError{Path: f.name, Format: "split raw", Role: "piece", Name: at(n), Put: at(n)}
			}
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: its piece: %w", f.name, err)
		}
		whole.closer = append(whole.closer, h)
		fi, err := h.Stat()
		if err != nil {
			return nil, fmt.Errorf("%s: its piece: %w", f.name, err)
		}
		if last := len(j.ends) - 1; whole.parts[last].Info.Size() != full {
			return nil, f.damaged("split raw", -1, "the piece %s has %d bytes, but there are later ones, and the first has %d: it was cut short", at(n-1), whole.parts[last].Info.Size(), full)
		}
		if fi.Size() > full {
			return nil, f.damaged("split raw", -1, "the piece %s has %d bytes, more than the first one with %d, which may be cut short", at(n), fi.Size(), full)
		}
		if fi.Size() > maxSize-whole.size {
			return nil, f.damaged("split raw", -1, "more than %d bytes in all", int64(maxSize))
		}
		whole.size += fi.Size()
		whole.parts = append(whole.parts, HostFile{at(n), fi})
		j.parts, j.ends = append(j.parts, h), append(j.ends, whole.size)
	}
	switch {
	case len(j.parts) == 1:
		return f, nil
	case len(j.parts) == 2 && full%512 != 0 && whole.size%512 != 0:
		// Of three, the second one tells how long the first must be.
		return nil, f.damaged("split raw", -1, "the first of its two pieces has %d bytes, and both have %d: neither are whole sectors, so that one of them was cut short; when it is the second, `cat %s* > disk.img` gives what there is", full, whole.size, base)
	}
	return whole, nil
}

// laterPiece finds a piece with a number above n.
func (o *opener) laterPiece(base string, digits, n int) string {
	for i := n + 1; i <= n+maxGap; i++ {
		name := fmt.Sprintf("%s%0*d", base, digits, i)
		if h, err := o.open(name); err == nil {
			h.Close()
			return name
		}
	}
	return ""
}

// maxGap is how many pieces in a row may be missing for the gap to be seen.
const maxGap = 20
