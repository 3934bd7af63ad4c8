package ntfs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/coldstate/coldstate/internal/wstr"
	"github.com/coldstate/coldstate/volumes/winfs"
)

// maxReparse is the largest reparse data.
const maxReparse = 16 << 10

// FS is an open volume. Its methods are safe for concurrent use.
type FS struct {
	dev       device
	geo       geometry
	mft       *plain
	mftBitmap *plain // nil when it is not known
	mftRanges []byteRange
	lost      losses
	orphans   int // names of files whose folder is gone
	cache     mftCache
	x         index
	tree      tree
	secure    secure
	mirror    string // in what $MFTMirr differs from $MFT
	label     string
	version   string // of the file system
	flags     uint16 // of $VOLUME_INFORMATION

	problems []winfs.Problem
	more     int // problems that are not kept
}

var (
	_ winfs.FS     = (*FS)(nil)
	_ winfs.Medium = (*FS)(nil)
	_ winfs.Extras = (*FS)(nil)
)

// Open reads the volume that r holds from its offset 0. size is the number of
// bytes of the medium; a volume that claims more is opened as far as it goes.
// r must allow concurrent ReadAt and is not closed by Close.
//
// The error wraps ErrNotNTFS when no boot sector is there, and is or wraps a
// *FormatError when the volume is too damaged to find its $MFT.
func Open(r io.ReaderAt, size int64, opt Options) (*FS, error) {
	fs := &FS{dev: device{r, size}}
	if err := fs.boot(); err != nil {
		return nil, fmt.Errorf("ntfs: %w", err)
	}
	if fs.geo.bytes > size {
		fs.problem("volume", fmt.Sprintf("%d bytes, but the medium has only %d", fs.geo.bytes, size))
	}
	fs.load()
	return fs, nil
}

// load makes the index of $MFT.
func (fs *FS) load() {
	sc := scanner{fs: fs, x: &fs.x, room: maxSaved, sdRoom: maxOwnSDs, valueRoom: maxValues}
	sc.scan()
	sc.merge()
	fs.sortNamed()
	fs.markPacked()
	fs.build()
	fs.findContentless()
	fs.checkMirror()
	fs.x.finish()
}

// sortNamed puts the named streams in order of their files, and of their names
// for each.
func (fs *FS) sortNamed() {
	fs.x.names.seal()
	s := (*namedOrder)(&fs.x)
	if !sort.IsSorted(s) {
		sort.Sort(s)
	}
}

type namedOrder index

func (o *namedOrder) Len() int { return int(o.named.n) }
func (o *namedOrder) Swap(i, j int) {
	a, b := o.named.at(uint32(i)), o.named.at(uint32(j))
	*a, *b = *b, *a
}
func (o *namedOrder) Less(i, j int) bool {
	a, b := o.named.at(uint32(i)), o.named.at(uint32(j))
	if a.file != b.file {
		return a.file < b.file
	}
	s, t := o.names.get(a.name), o.names.get(b.name)
	return cmp.Or(wstr.Compare(s, t), strings.Compare(s, t)) < 0
}

// Close releases nothing: the medium is the caller's.
func (fs *FS) Close() error { return nil }

// Medium is the volume as it was given to Open. A volume that is larger than
// its medium has extents that lie behind the end of it.
func (fs *FS) Medium() io.ReaderAt { return fs.dev.r }

// Label is the name of the volume.
func (fs *FS) Label() string { return fs.label }

// Root is the root folder.
func (fs *FS) Root() winfs.Entry { return winfs.Entry(fs.x.files.at(fs.tree.root).place) }

// Len is above every Entry.
func (fs *FS) Len() int { return int(fs.x.links.n) }

// Problems lists what is damaged, a thousand problems at most and then how
// many more there are.
func (fs *FS) Problems() []winfs.Problem {
	out := slices.Clone(fs.problems)
	if fs.more > 0 {
		out = append(out, winfs.Problem{Where: "volume", What: fmt.Sprintf("%d problems more", fs.more)})
	}
	return out
}

// Name is the name of e in its folder.
func (fs *FS) Name(e winfs.Entry) string {
	if uint32(e) >= fs.x.links.n {
		return ""
	}
	l := fs.x.links.at(uint32(e))
	if l.file == fs.tree.root {
		return ""
	}
	return fs.x.names.get(l.name)
}

// Parent is the folder that holds e.
func (fs *FS) Parent(e winfs.Entry) winfs.Entry {
	if uint32(e) >= fs.x.links.n {
		return fs.Root()
	}
	p := fs.x.links.at(uint32(e)).parent
	if p == noParent {
		return fs.Root()
	}
	return winfs.Entry(fs.x.files.at(p).place)
}

// file returns the index in index.files of an entry.
func (fs *FS) file(e winfs.Entry) (uint32, *file, error) {
	if uint32(e) >= fs.x.links.n {
		return 0, nil, fmt.Errorf("entry %d: %w", e, winfs.ErrNotFound)
	}
	i := fs.x.links.at(uint32(e)).file
	return i, fs.x.files.at(i), nil
}

// Children lists a folder. The metadata files are not in the root folder.
func (fs *FS) Children(dir winfs.Entry) ([]winfs.Entry, error) {
	i, f, err := fs.file(dir)
	if err != nil {
		return nil, err
	}
	if f.flags&flagDir == 0 {
		return nil, fmt.Errorf("%s is not a folder", recordName(f.num))
	}
	return fs.children(i), nil
}

// Info describes e.
func (fs *FS) Info(e winfs.Entry) (winfs.Info, error) {
	i, f, err := fs.file(e)
	if err != nil {
		return winfs.Info{}, err
	}
	info := winfs.Info{
		File:     winfs.FileID(makeRef(f.num, f.seq)),
		Start:    -1,
		Attr:     f.attr &^ attrOurs,
		Created:  f.created,
		Modified: f.modified,
		Changed:  f.changed,
		Accessed: f.accessed,
		Links:    int(f.links),
		Streams:  int(f.streams),
		Mode:     f.mode,
		Reparse:  fs.tagOf(i, f),

		CaseSensitive: f.attr&attrCaseSensitive != 0,
	}
	if f.flags&flagMadeUp != 0 && f.num != rootRecord {
		info.File = 1<<48 - 1 // a record number that no volume has
	}
	switch {
	case f.flags&flagData != 0:
		info.Size, info.Start = f.size, fs.start(f.mode, f.place)
	case f.flags&flagDir == 0:
		info.Size = f.size
	}
	if f.flags&flagPacked != 0 {
		info.Attr &^= winfs.AttrReparse | winfs.AttrSparse
		info.Reparse, info.Mode = 0, 0
		info.Streams--
		if s, ok := fs.packed(i); ok {
			info.Start = fs.start(s.mode, s.place)
		}
	}
	if info.Reparse != 0 && (winfs.IsCloudTag(info.Reparse) || winfs.IsArchiveTag(info.Reparse)) {
		info.Missing = fs.missing(f)
	}
	if f.flags&flagDamaged != 0 {
		info.Damage = cmp.Or(fs.x.damage[i], "damaged; see the problems of the volume")
	}
	if fs.lost.has(i) {
		info.Lost = fs.lostError(i)
		info.Damage = info.Lost.Error()
		if f.flags&flagDir == 0 {
			info.Size = f.size
		}
	}
	return info, nil
}

// tagOf is the reparse tag of a file, 0 for none.
func (fs *FS) tagOf(i uint32, f *file) uint32 {
	if f.flags&flagReparse == 0 {
		return 0
	}
	t, _ := fs.findTag(i)
	return t.tag
}

func (fs *FS) findTag(i uint32) (tag, bool) {
	k, ok := slices.BinarySearchFunc(fs.x.tags, i, func(t tag, i uint32) int { return cmp.Compare(t.file, i) })
	if !ok {
		return tag{}, false
	}
	return fs.x.tags[k], true
}

func (fs *FS) start(mode winfs.Mode, place uint32) int64 {
	switch {
	case place == noPlace:
		return -1
	case mode&winfs.Resident != 0:
		return fs.recordPos(place)
	}
	return fs.startOf(place)
}

// named returns the named streams of a file.
func (fs *FS) named(i uint32) (first, end uint32) {
	n := int(fs.x.named.n)
	a := sort.Search(n, func(k int) bool { return fs.x.named.at(uint32(k)).file >= i })
	b := a
	for b < n && fs.x.named.at(uint32(b)).file == i {
		b++
	}
	return uint32(a), uint32(b)
}

// Streams lists the named streams of e.
func (fs *FS) Streams(e winfs.Entry) ([]winfs.StreamInfo, error) {
	i, f, err := fs.file(e)
	if err != nil || f.streams == 0 {
		return nil, err
	}
	first, end := fs.named(i)
	out := make([]winfs.StreamInfo, 0, end-first)
	for k := first; k < end; k++ {
		s := fs.x.named.at(k)
		name := fs.x.names.get(s.name)
		if f.flags&flagPacked != 0 && isWofName(name) {
			continue
		}
		out = append(out, winfs.StreamInfo{
			Name: name, Size: s.size, Start: fs.start(s.mode, s.place), Mode: s.mode,
		})
	}
	return out, nil
}

// Open opens a stream. The unnamed one of a file whose content lies elsewhere
// (deduplication, WIMBoot) gives an error that wraps
// winfs.ErrUnsupported, of a cloud file that is not wholly on this disk one
// that wraps ErrNotLocal: there are only zeros to be read. Of a file whose MFT
// record is lost it is a *winfs.LostError. A file that ought to have an unnamed
// stream and has none is not empty, but damaged.
func (fs *FS) Open(e winfs.Entry, stream string) (winfs.Stream, error) {
	i, f, err := fs.file(e)
	if err != nil {
		return nil, err
	}
	if fs.lost.has(i) {
		return nil, fs.lostError(i)
	}
	if stream != "" {
		if f.streams > 0 {
			first, end := fs.named(i)
			fold := end
			for k := first; k < end; k++ {
				name := fs.x.names.get(fs.x.named.at(k).name)
				if name == stream {
					fold = k
					break
				}
				if fold == end && wstr.EqualFold(name, stream) {
					fold = k
				}
			}
			if fold < end {
				s := fs.x.named.at(fold)
				return fs.content(f, fs.x.names.get(s.name), s.mode, s.size, s.place)
			}
		}
		return nil, fmt.Errorf("%s: stream %q: %w", recordName(f.num), stream, winfs.ErrNotFound)
	}
	if f.flags&flagDir != 0 {
		return nil, fmt.Errorf("%s: a folder has no unnamed stream: %w", recordName(f.num), winfs.ErrNotFound)
	}
	if f.flags&flagData == 0 {
		if !fs.mayLackContent(uint32(e), i, f) {
			return nil, errContentless(f)
		}
		return resident(nil), nil
	}
	if f.flags&flagPacked != 0 {
		return fs.unpack(i, f)
	}
	if tag := fs.tagOf(i, f); tag != 0 {
		if err := fs.elsewhere(e, i, f, tag); err != nil {
			return nil, err
		}
	}
	return fs.content(f, "", f.mode, f.size, f.place)
}

// elsewhere says why a file with that reparse tag does not hold its content.
func (fs *FS) elsewhere(e winfs.Entry, i uint32, f *file, tag uint32) error {
	switch {
	case tag == winfs.TagWOF:
		how := "an unknown provider"
		if b, err := fs.Reparse(e); err == nil && len(b) >= 16 {
			// After the header: version, provider (1 a WIM, 2 a stream of this
			// file), then for 2: version, algorithm.
			switch p := binary.LittleEndian.Uint32(b[12:]); {
			case p == 1:
				how = "the content is in a WIM file (WIMBoot)"
			case p == 2 && len(b) >= 24:
				if fs.wofOf(i) != 0 {
					return &FormatError{recordName(f.num), -1, "CompactOS file without its stream " + wofName}
				}
				how = fmt.Sprintf("compressed with algorithm %d", binary.LittleEndian.Uint32(b[20:]))
			default:
				how = fmt.Sprintf("provider %d", p)
			}
		}
		return fmt.Errorf("%s: CompactOS file, %s: %w", recordName(f.num), how, winfs.ErrUnsupported)
	case tag == winfs.TagDedup:
		return fmt.Errorf("%s: deduplicated file, its content is in the chunk store of System Volume Information: %w", recordName(f.num), winfs.ErrUnsupported)
	case winfs.IsCloudTag(tag) || winfs.IsArchiveTag(tag):
		if info, err := fs.Info(e); err != nil || info.NotLocal() {
			return fmt.Errorf("%s: %w", recordName(f.num), ErrNotLocal)
		}
	case f.mode&(winfs.Absent|winfs.Partial) != 0:
		// Some filter of the file system keeps the content in a place of its own.
		return fmt.Errorf("%s: its reparse tag %#x says that its content is in another place: %w", recordName(f.num), tag, winfs.ErrUnsupported)
	}
	return nil
}

// missing is the number of bytes of the unnamed stream that have no cluster,
// or were never written.
func (fs *FS) missing(f *file) int64 {
	if f.flags&(flagData|flagDir) != flagData || f.mode&winfs.Resident != 0 || f.place == noPlace {
		return 0
	}
	s := openRuns(fs.x.runs.get(f.place))
	init := f.size
	if s.init >= 0 {
		init = s.init
	}
	n := f.size - init
	cluster, unit := fs.geo.cluster, int64(1)<<s.unit
	var at int64
	for x := s.next(); x.n > 0; x = s.next() {
		first, end := at, at+x.n
		at = end
		if x.lcn != hole {
			continue
		}
		// The end of a compressed unit is a hole that holds nothing.
		first = (first + unit - 1) &^ (unit - 1)
		if end*cluster < f.size {
			end &^= unit - 1
		}
		if a, b := min(first*cluster, init), min(end*cluster, init); b > a {
			n += b - a
		}
	}
	return n
}

// content opens a stream of f.
func (fs *FS) content(f *file, name string, mode winfs.Mode, size int64, place uint32) (winfs.Stream, error) {
	switch {
	case place == noPlace:
		return nil, &FormatError{recordName(f.num), -1, "the run list could not be read"}
	case mode&winfs.Resident == 0:
		return fs.stored(size, place), nil
	}
	fail := func(err error) (winfs.Stream, error) {
		return nil, &winfs.ReadError{Off: 0, Len: size, Pos: fs.recordPos(place), Err: err}
	}
	rec, h, err := fs.readRecord(place)
	if err != nil {
		return fail(err)
	}
	raw := wstr.AppendUTF16LE(nil, name)
	attrs, err := parseAttrs(nil, rec, h, place)
	for k := range attrs {
		if a := &attrs[k]; a.typ == typeData && !a.nonResident && bytes.Equal(a.name, raw) && int64(len(a.value)) == size {
			return resident(a.value), nil
		}
	}
	if err == nil {
		err = &FormatError{recordName(place), -1, "the stream is gone since the volume was opened"}
	}
	return fail(err)
}

// attrOf reads the attribute of that type of a file that has no name, with all
// of its extents, from the medium.
func (fs *FS) attrOf(f *file, typ uint32, limit int64) ([]byte, error) {
	return fs.namedAttrOf(f, typ, nil, limit)
}

// namedAttrOf is attrOf for a name in UTF-16LE.
func (fs *FS) namedAttrOf(f *file, typ uint32, name []byte, limit int64) ([]byte, error) {
	attrs, err := fs.attrsOf(f, name, typ)
	if len(attrs) == 0 {
		if err == nil {
			err = &FormatError{recordName(f.num), -1, fmt.Sprintf("no attribute %#x", typ)}
		}
		return nil, err
	}
	a := attrs[0]
	if !a.nonResident {
		if int64(len(a.value)) > limit {
			return nil, &FormatError{recordName(f.num), -1, fmt.Sprintf("attribute %#x has %d bytes", typ, len(a.value))}
		}
		return slices.Clone(a.value), nil
	}
	slices.SortStableFunc(attrs, func(a, b attr) int { return cmp.Compare(a.first, b.first) })
	if a = attrs[0]; a.first != 0 || a.size > limit {
		return nil, &FormatError{recordName(f.num), -1, fmt.Sprintf("attribute %#x has %d bytes", typ, a.size)}
	}
	runs, size, err := fs.geo.layout(nil, attrs, a.size)
	if err != nil {
		return nil, fmt.Errorf("%s: attribute %#x: %w", recordName(f.num), typ, err)
	}
	b := make([]byte, size)
	if _, err := fs.plainOf(runs, size, min(size, a.init)).ReadAt(b, 0); err != nil && len(b) > 0 {
		return nil, fmt.Errorf("%s: attribute %#x: %w", recordName(f.num), typ, err)
	}
	return b, nil
}

// maxFurther bounds the further records of a file that are read for one
// attribute.
const maxFurther = 64

// attrsOf reads the attributes of f of some types and of that name, from all
// of its records, from the medium. It may return some together with an error.
func (fs *FS) attrsOf(f *file, name []byte, types ...uint32) ([]attr, error) {
	rec, h, err := fs.readRecord(f.num)
	if err != nil {
		return nil, err
	}
	attrs, err := parseAttrs(nil, rec, h, f.num)
	self := makeRef(f.num, h.seq)
	if list, _ := fs.listOf(attrs); len(list) > 0 {
		var nums []uint32
		for _, e := range list {
			if n := e.ref.record(); slices.Contains(types, e.typ) && n != uint64(f.num) && n < math.MaxUint32 && !slices.Contains(nums, uint32(n)) && len(nums) < maxFurther {
				nums = append(nums, uint32(n))
			}
		}
		for _, n := range nums {
			if rec, h, e := fs.readRecord(n); e == nil && h.base == self {
				attrs, _ = parseAttrs(attrs, rec, h, n)
			}
		}
	}
	attrs = slices.DeleteFunc(attrs, func(a attr) bool { return !slices.Contains(types, a.typ) || !bytes.Equal(a.name, name) })
	return attrs, err
}

// Reparse reads the reparse data of e.
func (fs *FS) Reparse(e winfs.Entry) ([]byte, error) {
	i, f, err := fs.file(e)
	if err != nil || f.flags&flagReparse == 0 || f.flags&flagPacked != 0 {
		return nil, err
	}
	if fs.lost.has(i) {
		return nil, fs.lostError(i)
	}
	return fs.attrOf(f, typeReparsePoint, maxReparse)
}

// Lookup finds the entry of a path, the metadata files included. Where no name
// fits, 8.3 names are tried.
func (fs *FS) Lookup(path string) (winfs.Entry, error) {
	i := fs.tree.root
	e := fs.Root()
	rest := path
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, `\`)
		if name == "" {
			continue
		}
		next, ok := fs.child(i, name)
		if !ok {
			return 0, fmt.Errorf("%s: %w", path, winfs.ErrNotFound)
		}
		e = next
		i = fs.x.links.at(uint32(e)).file
	}
	return e, nil
}

// child finds a name in a folder.
func (fs *FS) child(dir uint32, name string) (winfs.Entry, bool) {
	if fs.x.files.at(dir).flags&flagDir == 0 {
		return 0, false
	}
	lists := [][]winfs.Entry{fs.children(dir)}
	if dir == fs.tree.root {
		lists = append(lists, fs.tree.meta)
	}
	for _, kids := range lists {
		k := sort.Search(len(kids), func(k int) bool { return wstr.Compare(fs.Name(kids[k]), name) >= 0 })
		found := -1
		for ; k < len(kids) && wstr.Compare(fs.Name(kids[k]), name) == 0; k++ {
			if fs.Name(kids[k]) == name {
				return kids[k], true
			}
			if found < 0 {
				found = k
			}
		}
		if found >= 0 {
			return kids[found], true
		}
	}
	return fs.childByShort(dir, name)
}
