package ntfs

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/coldstate/coldstate/volumes/winfs"
)

// Every file has an unnamed stream, be it an empty one, but for
//   - metadata files: those of the first records, and what is in $Extend, which
//     has named streams or indexes of its own
//   - files whose reparse data are all there is to them: links, and the special
//     files of Linux, NFS and the Store
//
// The record of any other file has lost it: that file is not empty.

// mayLackContent says whether the entry e, which is of the file i, is one that
// has no unnamed stream by right.
func (fs *FS) mayLackContent(e uint32, i uint32, f *file) bool {
	if f.flags&(flagDir|flagMadeUp) != 0 {
		return true
	}
	if tag := fs.tagOf(i, f); tag != 0 {
		return winfs.IsNameSurrogate(tag) || winfs.IsSpecialTag(tag)
	}
	return fs.isMetadata(e)
}

// isMetadata says whether e is a metadata file, or lies in $Extend.
func (fs *FS) isMetadata(e uint32) bool {
	i := fs.x.links.at(e).file
	if fs.x.files.at(i).num < firstUser {
		return true
	}
	for range maxDepth {
		p := fs.x.links.at(e).parent
		if p == noParent {
			break
		}
		f := fs.x.files.at(p)
		switch f.num {
		case extendRecord:
			return true
		case rootRecord:
			return false
		}
		e = f.place
	}
	return fs.tree.extends(fs.x.links.at(e).file)
}

// findContentless damages the files that lack an unnamed stream, and those whose
// reparse data are gone: a link would be taken for a folder, and a file whose
// content lies elsewhere for one of zeros.
func (fs *FS) findContentless() {
	x := &fs.x
	before := uint32(noParent)
	for e := range x.links.n {
		i := x.links.at(e).file
		f := x.files.at(i)
		if f.attr&winfs.AttrReparse != 0 && i != before && !fs.lost.has(i) {
			before = i
			what := ""
			switch {
			case f.flags&flagReparse == 0:
				what = "its reparse data are gone: it was a link, or its content lies elsewhere"
			case fs.tagOf(i, f) <= reservedTag:
				what = fmt.Sprintf("its reparse data have the tag %d, which no link and no file has: it was a link, or its content lies elsewhere", fs.tagOf(i, f))
			}
			if what != "" {
				fs.problem(recordName(f.num), what)
				x.hurt(i, what)
			}
		}
		if f.flags&(flagDir|flagData) != 0 || f.size != 0 || fs.lost.has(i) || fs.mayLackContent(e, i, f) {
			continue
		}
		if _, ok := x.damage[i]; !ok {
			fs.problem(recordName(f.num), noContent)
		}
		x.hurt(i, noContent)
		f.size = fs.nameSize(f)
	}
}

// reservedTag is the larger of the two reparse tags that are never given out
// ([MS-FSCC] 2.1.2.1).
const reservedTag = 1

const noContent = "its content is gone: there is no unnamed $DATA"

// nameSize is the size that the names of a file give. It may be old, but it is
// all there is.
func (fs *FS) nameSize(f *file) (size int64) {
	attrs, _ := fs.attrsOf(f, nil, typeFileName)
	for k := range attrs {
		if v := attrs[k].value; len(v) >= 66 {
			size = max(size, int64(min(binary.LittleEndian.Uint64(v[48:]), math.MaxInt64)))
		}
	}
	if f.attr&winfs.AttrSparse == 0 {
		size = min(size, fs.geo.bytes)
	}
	return min(size, maxStream)
}

// errContentless is the error of reading such a file.
func errContentless(f *file) error {
	what := noContent
	if f.size > 0 {
		what = fmt.Sprintf("%s; its name says %d bytes", what, f.size)
	}
	return &FormatError{recordName(f.num), -1, what}
}
