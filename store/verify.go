package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"io"
	"math"
	"slices"
	"strings"
)

// maxProblems bounds the problems that a report lists.
const maxProblems = 1000

// Report is what Verify found.
type Report struct {
	Files   int64 // files of the store that were read
	Objects int64 // objects of the catalog
	Bytes   int64 // bytes of content that were compared
	// Problems are what is wrong, More how many there are beyond those.
	Problems []Problem
	More     int64
	// Notes tell what is strange without being wrong.
	Notes []string
}

// OK says whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Problem is one thing that is wrong with a store.
type Problem struct {
	Where string // a file of the store, or the path of an object
	What  string
}

func (p Problem) String() string {
	if strings.HasPrefix(p.What, p.Where+": ") {
		return p.What // the error of a reader that names its place itself
	}
	return p.Where + ": " + p.What
}

func (r *Report) problem(where, format string, args ...any) {
	if len(r.Problems) == maxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, Problem{where, fmt.Sprintf(format, args...)})
}

func (r *Report) note(format string, args ...any) {
	if len(r.Notes) < maxProblems {
		r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
	}
}

// Verify reads all of s and compares: the manifest with the files and their
// SHA-256, frames with the seek table, the members of the tar with the
// catalog, each content with its SHA-256. In an open store it checks what the
// last checkpoint made durable. progress, if any, is told how many of the
// bytes of the store were read. The error says why Verify could not go on;
// what is wrong with the store is in the report.
func (s *Store) Verify(ctx context.Context, progress func(done, total int64)) (*Report, error) {
	v := &verifier{s: s, ctx: ctx, r: &Report{}, progress: progress, seed: maphash.MakeSeed(), plain: map[uint64]member{}}
	for _, f := range s.manifest.Files {
		v.total += f.Size
	}
	if err := v.files(); err != nil {
		return nil, err
	}
	if err := v.catalog(); err != nil {
		return nil, err
	}
	if err := v.tar(); err != nil {
		return nil, err
	}
	if err := v.names(); err != nil {
		return nil, err
	}
	return v.r, nil
}

type verifier struct {
	s           *Store
	ctx         context.Context
	r           *Report
	progress    func(done, total int64)
	done, total int64
	seed        maphash.Seed

	contents []expected        // by place
	plain    map[uint64]member // members without content of their own, by key
	shared   []expected        // places of links and duplicates
	objects  []objectProblem   // wait for their names
	hurt     bool              // frames could not be read: members may be missing
	frames   []frameEntry
	table    []frameEntry // the seek table, nil when there is none
	tarBytes int64
}

// member is an object and how often its key is expected.
type member struct {
	object uint32
	n      int32
}

// expected is a content that the catalog promises.
type expected struct {
	segment, frame, off uint32
	object              uint32 // number of the object in the catalog
	size                int64  // in the tar
	sum                 Sum
	key                 uint64 // of its header
}

func comparePlace(a, b expected) int {
	return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.frame, b.frame), cmp.Compare(a.off, b.off))
}

type objectProblem struct {
	object uint32
	what   string
}

func (v *verifier) object(n uint32, format string, args ...any) {
	if len(v.objects) >= maxProblems {
		v.r.More++
		return
	}
	v.objects = append(v.objects, objectProblem{n, fmt.Sprintf(format, args...)})
}

func (v *verifier) add(n int64) {
	v.done += n
	if v.progress != nil {
		v.progress(min(v.done, v.total), v.total)
	}
}

// files compares the folder with the manifest, and hashes all but segments.
func (v *verifier) files() error {
	s := v.s
	es, err := s.dir.List()
	if err != nil {
		return err
	}
	if s.damage != nil {
		v.r.problem(manifestName, "%v; the rest is checked as far as it goes without", s.damage)
	}
	here := map[string]int64{}
	for _, e := range es {
		here[e.Name] = e.Size
	}
	if s.manifest.State == StateSealed {
		v.manifests(here)
	}
	listed := map[string]bool{manifestName: true, manifestNew: true, journalName: true}
	for _, f := range s.manifest.Files {
		listed[f.Name] = true
		size, ok := here[f.Name]
		_, segment := numbered(f.Name, segmentName)
		switch {
		case !ok:
			v.r.problem(f.Name, "missing")
			continue
		case size < f.Size, size > f.Size && s.manifest.State != StateOpen:
			v.r.problem(f.Name, "%d bytes instead of %d", size, f.Size)
		}
		v.r.Files++
		if segment {
			continue // hashed while the tar is read
		}
		if err := v.hashFile(f); err != nil {
			return err
		}
	}
	for _, e := range es {
		switch {
		case listed[e.Name]:
		case isOurs(e.Name) && s.manifest.State == StateSealed:
			v.r.problem(e.Name, "not in the manifest")
		case isOurs(e.Name) && s.manifest.State == StateOpen:
			v.r.note("%s: written after the last checkpoint", e.Name)
		default:
			v.r.note("%s: not part of the store", e.Name)
		}
	}
	for i, f := range s.segments {
		if f.Name == "" {
			v.r.problem(segmentName(i+1), "not in the store, though a later one is")
		}
	}
	return nil
}

// manifests looks at what a cut while sealing left of the two manifests.
func (v *verifier) manifests(here map[string]int64) {
	for _, name := range []string{manifestName, manifestNew} {
		if _, ok := here[name]; !ok {
			if name == manifestName {
				v.r.note("%s was not renamed to %s", manifestNew, manifestName)
			}
			continue
		}
		b, err := readSmall(v.s.dir, name, maxManifest)
		var m *Manifest
		if err == nil {
			m, err = decodeManifest(b)
		}
		switch {
		case err != nil:
			v.r.problem(name, "%v", err)
		case name == manifestNew || m.State != StateSealed:
			v.r.note("%s: left over from sealing", name)
		}
	}
	if _, ok := here[journalName]; ok {
		v.r.note("%s: left over from sealing", journalName)
	}
}

func (v *verifier) hashFile(f FileEntry) error {
	r, err := v.s.dir.Open(f.Name)
	if err != nil {
		v.r.problem(f.Name, "%v", err)
		return nil
	}
	defer r.Close()
	h := &hashReader{r: r, sum: sha256.New(), v: v}
	if err := h.finish(f.Size); err != nil {
		v.r.problem(f.Name, "%v", err)
	} else if f.SHA256 != (Sum{}) && Sum(h.sum.Sum(nil)) != f.SHA256 {
		v.r.problem(f.Name, "%v", errSum)
	}
	return v.ctx.Err()
}

// hashReader hashes a file from its start while parts of it are read.
type hashReader struct {
	r    ReadFile
	sum  hash.Hash
	upTo int64
	v    *verifier
}

func (h *hashReader) ReadAt(p []byte, off int64) (int, error) {
	if off > h.upTo {
		if err := h.finish(off); err != nil {
			return 0, err
		}
	}
	n, err := h.r.ReadAt(p, off)
	if end := off + int64(n); end > h.upTo {
		h.sum.Write(p[h.upTo-off : n])
		h.v.add(end - h.upTo)
		h.upTo = end
	}
	return n, err
}

// finish hashes up to offset end.
func (h *hashReader) finish(end int64) error {
	buf := make([]byte, min(256<<10, max(0, end-h.upTo)))
	for h.upTo < end {
		n, err := h.ReadAt(buf[:min(int64(len(buf)), end-h.upTo)], h.upTo)
		if n == 0 && err != nil {
			return noEOF(err)
		}
		if err := h.v.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// key of a header: all that the store writes of it.
func (v *verifier) key(h *tarHeader) uint64 {
	var m maphash.Hash
	m.SetSeed(v.seed)
	m.WriteByte(h.typ)
	for _, n := range []int64{h.size, h.realSize, h.mtime, int64(len(h.name)), int64(len(h.link))} {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		m.Write(b[:])
	}
	m.WriteString(h.name)
	m.WriteString(h.link)
	m.Write(h.sparse)
	return m.Sum64()
}

// catalog reads all lines and notes what the tar has to hold.
func (v *verifier) catalog() error {
	outcomes := map[Outcome]int64{}
	var n, bytes int64
	sds := 0
	// Descriptors come before the objects that have them.
	for line, err := range v.s.lines() {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		if err != nil {
			v.r.problem(line.part, "%v", err)
			continue
		}
		if isDescriptor(line.b) {
			sds++
			continue
		}
		o, err := parseObject(line.b)
		if err != nil {
			v.r.problem(line.part, "line %d: %v", line.n, err)
			continue
		}
		if n == math.MaxUint32 {
			return errors.New("the catalog has more than four billion objects")
		}
		object := uint32(n)
		n++
		outcomes[o.Outcome]++
		if bytes += o.Size; bytes < 0 {
			bytes = math.MaxInt64
		}
		if o.SD > sds {
			v.object(object, "security descriptor %d is not in the catalog before it", o.SD)
		}
		h, err := o.memberHeader()
		if err != nil {
			v.object(object, "%v", err)
			continue
		}
		if h == nil {
			continue
		}
		key := v.key(h)
		if h.typ != typeFile {
			m := v.plain[key]
			v.plain[key] = member{object, m.n + 1}
		}
		if o.Segment == 0 {
			continue
		}
		if o.Frame > math.MaxUint32 {
			v.object(object, "frame %d is behind the end of every segment", o.Frame)
			continue
		}
		e := expected{uint32(o.Segment), uint32(o.Frame), uint32(o.Offset), object, o.stored(), o.SHA256, key}
		if h.typ == typeFile {
			v.contents = append(v.contents, e)
		} else {
			v.shared = append(v.shared, e)
		}
	}
	v.r.Objects = n
	m := &v.s.manifest
	if m.State == StateSealed {
		same := n == m.Objects && bytes == m.Bytes && len(outcomes) == len(m.Outcomes)
		for k, c := range outcomes {
			same = same && m.Outcomes[k] == c
		}
		if !same {
			v.r.problem("catalog", "%d objects of %d bytes, the manifest says %d of %d; or their outcomes differ", n, bytes, m.Objects, m.Bytes)
		}
	}
	if m.State == StateOpen && n < m.Objects {
		v.r.problem("catalog", "%d objects, the journal says %d", n, m.Objects)
	}
	slices.SortFunc(v.contents, comparePlace)
	for _, e := range v.shared {
		i, ok := slices.BinarySearchFunc(v.contents, e, comparePlace)
		if !ok || v.contents[i].size != e.size || v.contents[i].sum != e.sum {
			v.object(e.object, "the content that it shares is not in the catalog")
		}
	}
	v.shared = nil
	return nil
}

// tarWalk reads the tar through all frames.
type tarWalk struct {
	v    *verifier
	seg  int // that is open; 0 before the first
	file *hashReader
	end  int64
	cur  *cachedFrame
	off  int64 // of the next frame
	rest []byte
	over bool // the seek table was met
}

// damagedFrame says that a frame cannot be read.
type damagedFrame struct {
	segment uint32
	off     int64
	err     error
}

func (e *damagedFrame) Error() string { return e.err.Error() }

// Read gives the next bytes of the tar.
func (t *tarWalk) Read(p []byte) (int, error) {
	for len(t.rest) == 0 {
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// fill loads the next frame.
func (t *tarWalk) fill() error {
	for {
		if err := t.v.ctx.Err(); err != nil {
			return err
		}
		if t.over {
			return io.EOF
		}
		if t.file == nil {
			if t.seg == len(t.v.s.segments) {
				return io.EOF
			}
			if err := t.openSegment(t.seg + 1); err != nil {
				return &damagedFrame{uint32(t.seg), 0, err}
			}
		}
		c, err := t.v.s.decode(t.file, t.seg, t.off, t.end)
		if err == io.EOF {
			t.closeSegment()
			continue
		}
		if errors.Is(err, errSkippable) {
			t.readTable()
			return io.EOF
		}
		if err != nil {
			return &damagedFrame{uint32(t.seg), t.off, err}
		}
		t.v.frames = append(t.v.frames, frameEntry{uint32(c.next - c.off), uint32(len(c.b))})
		t.v.tarBytes += int64(len(c.b))
		t.cur, t.off, t.rest = c, c.next, c.b
		return nil
	}
}

func (t *tarWalk) openSegment(n int) error {
	t.seg, t.off, t.end = n, 0, 0
	e := t.v.s.segments[n-1]
	if e.Name == "" {
		return fmt.Errorf("%s is not in the store", segmentName(n))
	}
	f, err := t.v.s.file(e.Name)
	if err != nil {
		return err
	}
	t.file = &hashReader{r: f, sum: sha256.New(), v: t.v}
	t.end = min(e.Size, f.Size())
	return nil
}

// closeSegment hashes the rest of the segment and compares.
func (t *tarWalk) closeSegment() {
	if t.file == nil {
		return
	}
	e := t.v.s.segments[t.seg-1]
	if err := t.file.finish(t.end); err != nil {
		t.v.r.problem(e.Name, "%v", err)
	} else if e.SHA256 != (Sum{}) && Sum(t.file.sum.Sum(nil)) != e.SHA256 {
		t.v.r.problem(e.Name, "%v", errSum)
	}
	t.file = nil
}

// readTable reads the seek table at t.off, the last thing of a sealed store.
func (t *tarWalk) readTable() {
	t.over = true
	name := segmentName(t.seg)
	size := t.end - t.off
	b := make([]byte, min(size, 17))
	if _, err := t.file.ReadAt(b, t.off); err != nil && err != io.EOF {
		t.v.r.problem(name, "seek table: %v", err)
		return
	}
	if size < 17 || binary.LittleEndian.Uint32(b) != seekTableMagic || int64(binary.LittleEndian.Uint32(b[4:]))+8 != size || (size-17)%8 != 0 {
		t.v.r.problem(name, "a skippable frame at %d that is no seek table at the end of the segment", t.off)
		return
	}
	if t.seg != len(t.v.s.segments) {
		t.v.r.problem(name, "a seek table, but this is not the last segment")
	}
	n := (size - 17) / 8
	t.v.table = make([]frameEntry, 0, min(n, 1<<16))
	r := io.NewSectionReader(t.file, t.off+8, size-8)
	buf := make([]byte, 64<<10)
	for left := n; left > 0; {
		k := min(left, int64(len(buf)/8))
		if _, err := io.ReadFull(r, buf[:k*8]); err != nil {
			t.v.r.problem(name, "seek table: %v", err)
			return
		}
		for i := range k {
			t.v.table = append(t.v.table, frameEntry{binary.LittleEndian.Uint32(buf[i*8:]), binary.LittleEndian.Uint32(buf[i*8+4:])})
		}
		left -= k
	}
	if _, err := io.ReadFull(r, buf[:9]); err != nil || int64(binary.LittleEndian.Uint32(buf)) != n || buf[4] != 0 || binary.LittleEndian.Uint32(buf[5:]) != seekableMagic {
		t.v.r.problem(name, "the seek table has no proper end")
	}
}

// where is the place behind the last byte that was read.
func (t *tarWalk) where() expected {
	if t.cur == nil {
		return expected{}
	}
	return expected{segment: uint32(t.cur.seg), frame: uint32(t.cur.off), off: uint32(len(t.cur.b) - len(t.rest))}
}

// jump goes to the place of e; it never goes back.
func (t *tarWalk) jump(e expected) error {
	if int(e.segment) > len(t.v.s.segments) {
		return fmt.Errorf("segment %d is not in the store", e.segment)
	}
	for t.seg < int(e.segment) {
		t.closeSegment()
		if err := t.openSegment(t.seg + 1); err != nil && t.seg == int(e.segment) {
			return err
		}
	}
	if t.cur == nil || t.cur.seg != int(e.segment) || t.cur.off != int64(e.frame) {
		if t.file == nil {
			return errors.New("the segment ended before it")
		}
		t.off, t.rest = int64(e.frame), nil
		if err := t.fill(); err != nil {
			return noEOF(err)
		}
		if t.cur.seg != int(e.segment) || t.cur.off != int64(e.frame) {
			return errors.New("no frame begins there")
		}
	}
	if int(e.off) > len(t.cur.b) {
		return fmt.Errorf("offset %d is behind the frame of %d bytes", e.off, len(t.cur.b))
	}
	t.rest = t.cur.b[e.off:]
	return nil
}

// tar reads the whole tar and compares its members with the catalog.
func (v *verifier) tar() error {
	t := &tarWalk{v: v}
	next := 0 // of v.contents
	sealed := v.s.manifest.State == StateSealed
	ended := false
	// last is the name of a member that only an open store may have: all of
	// its content was written, but the cut came before its line.
	last := ""
	for !ended {
		h, err := readHeader(t)
		var at expected
		if err == nil && last != "" {
			v.r.problem(pathText(last), "a member of the tar that is not in the catalog")
			last = ""
		}
		switch {
		case err == nil:
			at = t.where()
			if h.typ != typeFile {
				key := v.key(h)
				m, ok := v.plain[key]
				switch {
				case !ok:
					v.r.problem(pathText(h.name), "a member of the tar that is not in the catalog")
				case m.n == 1:
					delete(v.plain, key)
				default:
					v.plain[key] = member{m.object, m.n - 1}
				}
				continue
			}
			for next < len(v.contents) && comparePlace(v.contents[next], at) < 0 {
				v.object(v.contents[next].object, "its content is not in the tar where the catalog says")
				next++
			}
			if next == len(v.contents) || comparePlace(v.contents[next], at) > 0 {
				// The member that an open store was writing is in no catalog.
				size := h.size - int64(len(h.sparse))
				var n int64
				n, err = v.content(t, nil, size)
				if err == nil && v.s.manifest.State == StateOpen && next == len(v.contents) {
					last = h.name
					v.r.note("%d bytes of a content that was written, and has no line yet", n)
					continue
				}
				if err == nil {
					v.r.problem(pathText(h.name), "a member of the tar that is not in the catalog")
					continue
				}
				if (err == io.EOF || err == io.ErrUnexpectedEOF) && v.s.manifest.State == StateOpen && next == len(v.contents) {
					v.r.note("%d bytes of a content that was being written", n)
					ended = true
					continue
				}
				v.r.problem(pathText(h.name), "a member of the tar that is not in the catalog")
				break
			}
			e := v.contents[next]
			next++
			if e.key != v.key(h) {
				v.object(e.object, "its header in the tar says something else than the catalog")
			}
			err = v.compare(t, e)
		case errors.Is(err, errTarEnd):
			ended = true
			if !sealed && v.s.damage == nil {
				v.r.problem("tar", "it ends, though the store is open")
			}
			if _, err := io.CopyN(io.Discard, t, 1); err != io.EOF {
				v.r.problem("tar", "data behind its end")
			}
			continue
		case err == io.EOF:
			ended = true
			if sealed || v.s.damage != nil {
				v.r.problem("tar", "it has no end")
			}
			continue
		}
		if err == nil {
			continue
		}
		if cerr := v.ctx.Err(); cerr != nil {
			return cerr
		}
		if err == io.ErrUnexpectedEOF && v.s.manifest.State == StateOpen && next == len(v.contents) {
			v.r.note("the last header of the tar was being written")
			break
		}
		// Something cannot be read: go on at the next content behind it.
		v.hurt = true
		after := t.where()
		var df *damagedFrame
		if errors.As(err, &df) {
			after = expected{segment: df.segment, frame: uint32(df.off), off: math.MaxUint32}
			v.r.problem(segmentName(int(df.segment)), "%v", df.err)
		} else {
			v.r.problem("tar", "behind %s, frame %d, offset %d: %v", segmentName(int(after.segment)), after.frame, after.off, err)
		}
		for {
			for next < len(v.contents) && comparePlace(v.contents[next], after) <= 0 {
				v.object(v.contents[next].object, "its content is in a damaged part of the store")
				next++
			}
			if next == len(v.contents) {
				ended = true
				break
			}
			e := v.contents[next]
			next++
			err := t.jump(e)
			if err == nil {
				err = v.compare(t, e)
				if err == nil {
					break
				}
			} else {
				v.object(e.object, "its content cannot be read: %v", err)
			}
			if cerr := v.ctx.Err(); cerr != nil {
				return cerr
			}
			after = comparePlaceMax(after, e)
			if errors.As(err, &df) {
				after = comparePlaceMax(after, expected{segment: df.segment, frame: uint32(df.off), off: math.MaxUint32})
			}
		}
	}
	for ; next < len(v.contents); next++ {
		v.object(v.contents[next].object, "its content is not in the tar where the catalog says")
	}
	// What is left of the segments is hashed.
	for {
		t.closeSegment()
		if t.seg == len(v.s.segments) {
			break
		}
		if err := t.openSegment(t.seg + 1); err != nil {
			continue // told already
		}
		if t.over || !v.hurt {
			v.r.problem(segmentName(t.seg), "it stands behind the end of the tar")
		}
	}
	v.compareFrames(sealed)
	n := 0
	for _, m := range v.plain {
		if n += int(m.n); !v.hurt {
			v.object(m.object, "it is not in the tar")
		}
	}
	if n > 0 && v.hurt {
		v.r.problem("tar", "%d folders and links of the catalog were not met, because parts of the tar cannot be read", n)
	}
	return v.ctx.Err()
}

func comparePlaceMax(a, b expected) expected {
	if comparePlace(a, b) < 0 {
		return b
	}
	return a
}

// compareFrames compares the frames with the seek table and the manifest.
func (v *verifier) compareFrames(sealed bool) {
	m := &v.s.manifest
	switch {
	case v.hurt:
		return
	case v.table == nil && (sealed || v.s.damage != nil):
		v.r.problem("tar", "there is no seek table")
	case v.table != nil && !slices.Equal(v.table, v.frames):
		v.r.problem("tar", "the seek table does not list the frames that are there")
	}
	if m.State != StateDamaged && (v.tarBytes != m.TarBytes || int64(len(v.frames)) != m.Frames) {
		v.r.problem("tar", "%d bytes in %d frames, expected were %d in %d", v.tarBytes, len(v.frames), m.TarBytes, m.Frames)
	}
}

// content reads size bytes and the padding behind them, and hashes the bytes.
func (v *verifier) content(t *tarWalk, h hash.Hash, size int64) (n int64, err error) {
	for n < size {
		if len(t.rest) == 0 {
			if err := t.fill(); err != nil {
				return n, err
			}
			continue
		}
		k := min(int64(len(t.rest)), size-n)
		if h != nil {
			h.Write(t.rest[:k])
		}
		t.rest = t.rest[k:]
		n += k
	}
	var pad [blockSize]byte
	if _, err := io.ReadFull(t, pad[:padding(size)]); err != nil {
		return n, noEOF(err)
	}
	if pad != [blockSize]byte{} {
		return n, errors.New("the blocks of a content are not filled up with zeros")
	}
	return n, nil
}

// compare reads the content of e and compares it with its SHA-256.
func (v *verifier) compare(t *tarWalk, e expected) error {
	h := sha256.New()
	n, err := v.content(t, h, e.size)
	v.r.Bytes += n
	if n < e.size {
		v.object(e.object, "its content cannot be read: %v", noEOF(err))
		return noEOF(err)
	}
	if Sum(h.Sum(nil)) != e.sum {
		v.object(e.object, "%v", errSum)
	}
	return err
}

// names gives the problems of objects their names.
func (v *verifier) names() error {
	if len(v.objects) == 0 {
		return nil
	}
	slices.SortStableFunc(v.objects, func(a, b objectProblem) int { return cmp.Compare(a.object, b.object) })
	n, i := uint32(0), 0
	for o, err := range v.s.Objects() {
		if cerr := v.ctx.Err(); cerr != nil {
			return cerr
		}
		if err != nil {
			continue
		}
		for i < len(v.objects) && v.objects[i].object == n {
			v.r.problem(pathText(o.name()), "%s", v.objects[i].what)
			i++
		}
		if n++; i == len(v.objects) {
			break
		}
	}
	for ; i < len(v.objects); i++ {
		v.r.problem("an object of the catalog", "%s", v.objects[i].what)
	}
	return nil
}
