package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Store is an open store. It is safe for concurrent use.
type Store struct {
	dir      Dir
	manifest Manifest
	damage   error
	// segments and parts with what is to be read of them, in order.
	segments []FileEntry
	parts    []FileEntry
	decoder  *zstd.Decoder

	mu     sync.Mutex
	open   map[string]ReadFile
	cache  []*cachedFrame // the last used first
	sds    map[int][]byte
	closed bool
}

// cachedFrame is a decompressed frame: small files lie together in one.
type cachedFrame struct {
	seg  int
	off  int64
	next int64 // offset behind it
	b    []byte
}

// cacheFrames is how many decompressed frames a Store keeps.
const cacheFrames = 4

// ErrNotStore is wrapped by the error of Open for a folder that holds no store.
var ErrNotStore = errors.New("not a store")

// ErrNoContent is wrapped by the error of Content for objects without one.
var ErrNoContent = errors.New("the store keeps no content of it")

// DamageError says that a content cannot be read or is not what was stored.
type DamageError struct {
	Path string // of the object, with its stream
	Err  error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s: damaged in the store: %v", e.Path, e.Err)
}
func (e *DamageError) Unwrap() error { return e.Err }

// Open opens the store in d. A store that was not finished is read up to its
// last checkpoint; one whose manifest is damaged as far as it goes: see
// Manifest and Damage.
func Open(d Dir) (*Store, error) {
	s := &Store{dir: d, decoder: newDecoder(), open: map[string]ReadFile{}}
	m, err := findManifest(d)
	var version *VersionError
	switch {
	case err == nil:
		s.manifest = *m
	case errors.As(err, &version):
		return nil, err
	default:
		if err2 := s.salvage(err); err2 != nil {
			return nil, err2
		}
	}
	files := s.manifest.Files
	if s.manifest.State == StateOpen {
		files, err = s.durable()
		if err != nil {
			return nil, err
		}
	}
	for _, f := range files {
		if n, ok := numbered(f.Name, segmentName); ok {
			s.segments, err = putNumbered(s.segments, n, f)
		} else if n, ok := numbered(f.Name, partName); ok {
			s.parts, err = putNumbered(s.parts, n, f)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// putNumbered puts f at index n-1 of list.
func putNumbered(list []FileEntry, n int, f FileEntry) ([]FileEntry, error) {
	for len(list) < n {
		list = append(list, FileEntry{})
	}
	if list[n-1].Name != "" {
		return nil, fmt.Errorf("%s: listed twice", f.Name)
	}
	list[n-1] = f
	return list, nil
}

// salvage makes a manifest from what d holds.
func (s *Store) salvage(cause error) error {
	es, err := s.dir.List()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m := Manifest{Format: Format, State: StateDamaged}
	ours := !errors.Is(cause, fs.ErrNotExist)
	for _, e := range es {
		_, seg := numbered(e.Name, segmentName)
		_, part := numbered(e.Name, partName)
		if (seg || part) && e.Size >= 0 {
			m.Files = append(m.Files, FileEntry{Name: e.Name, Size: e.Size})
			ours = ours || part
		}
	}
	if !ours {
		return fmt.Errorf("%w: %w", ErrNotStore, cause)
	}
	s.manifest, s.damage = m, cause
	return nil
}

// durable lists the files of an open store that its journal vouches for.
func (s *Store) durable() ([]FileEntry, error) {
	b, err := readSmall(s.dir, journalName, 1<<30)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d := readJournal(b)
	if d.Segment.Number < 0 || d.Segment.Number > maxNumber || d.Segment.Size < 0 {
		return nil, fmt.Errorf("%s: segment %d of %d bytes", journalName, d.Segment.Number, d.Segment.Size)
	}
	s.manifest.Objects, s.manifest.TarBytes, s.manifest.Frames = d.Objects, d.Tar, d.Frames
	files := d.files
	if d.Segment.Number > 0 {
		files = append(files, FileEntry{Name: segmentName(d.Segment.Number), Size: d.Segment.Size})
	}
	s.manifest.Files = files
	for _, f := range files {
		if !plainFile(f.Name) || f.Size < 0 {
			return nil, fmt.Errorf("%s: the file %q of %d bytes cannot be in a store", journalName, clip(f.Name), f.Size)
		}
	}
	return files, nil
}

// Manifest is what the manifest says. In an open store Files, Objects,
// TarBytes and Frames are what the last checkpoint made durable.
func (s *Store) Manifest() Manifest { return s.manifest }

// Damage says what is wrong with the manifest, nil when nothing is.
func (s *Store) Damage() error { return s.damage }

// Close closes the files of s.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, f := range s.open {
		errs = append(errs, f.Close())
	}
	s.open, s.cache, s.closed = nil, nil, true
	s.decoder.Close()
	return errors.Join(errs...)
}

// file opens a file once.
func (s *Store) file(name string) (ReadFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fs.ErrClosed
	}
	if f := s.open[name]; f != nil {
		return f, nil
	}
	f, err := s.dir.Open(name)
	if err != nil {
		return nil, err
	}
	s.open[name] = f
	return f, nil
}

// segment gives a segment and how many bytes of it may be read.
func (s *Store) segment(n int) (io.ReaderAt, int64, error) {
	if n < 1 || n > len(s.segments) || s.segments[n-1].Name == "" {
		return nil, 0, fmt.Errorf("segment %d is not in the store", n)
	}
	e := s.segments[n-1]
	f, err := s.file(e.Name)
	if err != nil {
		return nil, 0, err
	}
	return f, min(e.Size, f.Size()), nil
}

// ReadFile reads a whole file that PutFile stored, and checks it.
func (s *Store) ReadFile(name string) ([]byte, error) {
	i := slices.IndexFunc(s.manifest.Files, func(f FileEntry) bool { return f.Name == name })
	if i < 0 || isOurs(name) {
		return nil, fmt.Errorf("%s: %w in the store", clip(name), fs.ErrNotExist)
	}
	b, err := readSmall(s.dir, name, 1<<30)
	if err == nil && Sum(sha256.Sum256(b)) != s.manifest.Files[i].SHA256 {
		err = &DamageError{name, errSum}
	}
	return b, err
}

var errSum = errors.New("its SHA-256 is another")

// Objects goes through the catalog in the order in which objects were put. An
// error names what cannot be read; the sequence goes on behind it. Strings are
// claims: a Path that names a member is well formed, nothing more; TarName
// makes a safe relative name of it.
func (s *Store) Objects() iter.Seq2[*Object, error] {
	return func(yield func(*Object, error) bool) {
		for line, err := range s.lines() {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if isDescriptor(line.b) {
				continue
			}
			o, err := parseObject(line.b)
			if err != nil {
				o, err = nil, fmt.Errorf("%s: line %d: %w", line.part, line.n, err)
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

// catalogLine is a line of a part, without the line feed.
type catalogLine struct {
	part string
	n    int
	b    []byte
}

// lines goes through all lines of the catalog.
func (s *Store) lines() iter.Seq2[catalogLine, error] {
	return func(yield func(catalogLine, error) bool) {
		for i, p := range s.parts {
			l := catalogLine{part: partName(i + 1)}
			if p.Name == "" {
				if !yield(l, fmt.Errorf("%s: not in the store", l.part)) {
					return
				}
				continue
			}
			for b, err := range s.partLines(p) {
				if err != nil {
					err = fmt.Errorf("%s: behind line %d: %w", l.part, l.n, err)
				} else {
					l.n++
				}
				l.b = b
				if !yield(l, err) {
					return
				}
			}
		}
	}
}

// partLines goes through the lines of a part, and ends with an error when it
// is damaged.
func (s *Store) partLines(p FileEntry) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, err := s.dir.Open(p.Name)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		dec, err := zstd.NewReader(io.NewSectionReader(f, 0, min(p.Size, f.Size())), zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			yield(nil, err)
			return
		}
		defer dec.Close()
		r := bufio.NewReaderSize(dec, 64<<10)
		var long []byte
		for {
			b, err := r.ReadSlice('\n')
			if errors.Is(err, bufio.ErrBufferFull) {
				if len(long)+len(b) > maxLine {
					yield(nil, fmt.Errorf("a line of more than %d bytes", maxLine))
					return
				}
				long = append(long, b...)
				continue
			}
			if len(long) > 0 {
				b = append(long, b...)
				long = long[:0]
			}
			if err != nil {
				if err == io.EOF {
					if len(b) == 0 {
						return
					}
					err = errors.New("the last line has no end")
				}
				yield(nil, err)
				return
			}
			if !yield(bytes.TrimSuffix(b, []byte{'\n'}), nil) {
				return
			}
		}
	}
}

// Security gives the descriptor of Object.SD. The first call reads the
// catalog.
func (s *Store) Security(n int) ([]byte, error) {
	s.mu.Lock()
	sds := s.sds
	s.mu.Unlock()
	if sds == nil {
		sds = map[int][]byte{}
		total := 0
		for line, err := range s.lines() {
			if err != nil || !isDescriptor(line.b) {
				continue
			}
			var d descriptorLine
			if json.Unmarshal(line.b, &d) != nil || d.SD < 1 {
				continue
			}
			if total += len(d.Descriptor) + 64; total > 2*maxDescriptors {
				return nil, fmt.Errorf("%s: more than %d bytes of security descriptors", line.part, maxDescriptors)
			}
			sds[d.SD] = d.Descriptor
		}
		s.mu.Lock()
		s.sds = sds
		s.mu.Unlock()
	}
	if sd := sds[n]; sd != nil {
		return sd, nil
	}
	return nil, fmt.Errorf("security descriptor %d is not in the catalog", n)
}

// frame reads and decompresses the frame at off of a segment, and gives the
// place behind it.
func (s *Store) frame(seg int, off int64) (*cachedFrame, error) {
	s.mu.Lock()
	for i, c := range s.cache {
		if c.seg == seg && c.off == off {
			copy(s.cache[1:i+1], s.cache[:i])
			s.cache[0] = c
			s.mu.Unlock()
			return c, nil
		}
	}
	s.mu.Unlock()
	r, end, err := s.segment(seg)
	if err != nil {
		return nil, err
	}
	c, err := s.decode(r, seg, off, end)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cache) < cacheFrames {
		s.cache = append(s.cache, nil)
	}
	copy(s.cache[1:], s.cache)
	s.cache[0] = c
	return c, nil
}

func (s *Store) decode(r io.ReaderAt, seg int, off, end int64) (*cachedFrame, error) {
	raw, size, err := readFrame(r, off, end)
	if err == io.EOF {
		return nil, err
	}
	var b []byte
	if err == nil {
		b, err = decodeFrame(s.decoder, raw, size)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: frame at %d: %w", segmentName(seg), off, err)
	}
	return &cachedFrame{seg: seg, off: off, next: off + int64(len(raw)), b: b}, nil
}

// nextFrame gives the frame behind c.
func (s *Store) nextFrame(c *cachedFrame) (*cachedFrame, error) {
	n, err := s.frame(c.seg, c.next)
	for seg := c.seg; err == io.EOF && seg < len(s.segments); {
		seg++
		n, err = s.frame(seg, 0)
	}
	return n, err
}

// Content opens the content of o, an object that Objects gave. Holes read as
// zeros. When all of it was read, its SHA-256 is compared, and the error is a
// *DamageError instead of io.EOF when it is another.
func (s *Store) Content(o *Object) (io.ReadCloser, error) {
	if !o.Kind.hasContent() || !o.Outcome.Stored() || o.Segment == 0 {
		return nil, fmt.Errorf("%s: %w (%s)", o.name(), ErrNoContent, o.Outcome)
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", o.name(), err)
	}
	return &contentReader{s: s, o: o, sum: sha256.New(), holes: o.Holes}, nil
}

// name is the path of o with its stream, for messages.
func (o *Object) name() string {
	if o.Stream != "" {
		return clip(string(o.Path)) + ":" + clip(string(o.Stream))
	}
	return clip(string(o.Path))
}

type contentReader struct {
	s     *Store
	o     *Object
	sum   hash.Hash
	holes []Range // those not passed
	at    int64   // in the content
	frame *cachedFrame
	rest  []byte // of the frame
	err   error
}

func (r *contentReader) Close() error {
	r.frame, r.rest = nil, nil
	if r.err == nil {
		r.err = fs.ErrClosed
	}
	return nil
}

func (r *contentReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.err == nil && r.at == r.o.Size {
		r.err = io.EOF
		if Sum(r.sum.Sum(nil)) != r.o.SHA256 {
			r.err = &DamageError{r.o.name(), errSum}
		}
	}
	if r.err != nil {
		return 0, r.err
	}
	end := r.o.Size
	if len(r.holes) > 0 {
		h := r.holes[0]
		if h.Off == r.at || h.Off < r.at { // inside of a hole
			n := int(min(int64(len(p)), h.Off+h.Len-r.at))
			clear(p[:n])
			if r.at += int64(n); r.at == h.Off+h.Len {
				r.holes = r.holes[1:]
			}
			return n, nil
		}
		end = h.Off
	}
	if len(r.rest) == 0 {
		if err := r.next(); err != nil {
			if err == io.EOF {
				err = errors.New("the segments end inside of it")
			}
			r.err = &DamageError{r.o.name(), err}
			return 0, r.err
		}
	}
	n := int(min(int64(len(p)), int64(len(r.rest)), end-r.at))
	copy(p, r.rest[:n])
	r.sum.Write(r.rest[:n])
	r.rest = r.rest[n:]
	r.at += int64(n)
	return n, nil
}

// next makes rest hold the next bytes of the content.
func (r *contentReader) next() (err error) {
	if r.frame == nil {
		if r.frame, err = r.s.frame(r.o.Segment, r.o.Frame); err != nil {
			return err
		}
		if r.o.Offset > int64(len(r.frame.b)) {
			return fmt.Errorf("offset %d is behind the frame of %d bytes", r.o.Offset, len(r.frame.b))
		}
		r.rest = r.frame.b[r.o.Offset:]
	}
	for len(r.rest) == 0 {
		f, err := r.s.nextFrame(r.frame)
		if err != nil {
			return err
		}
		r.frame, r.rest = f, f.b
		if len(f.b) == 0 {
			return errors.New("an empty frame")
		}
	}
	return nil
}

// pathText makes a name printable: broken bytes become U+FFFD.
func pathText(s string) string { return strings.ToValidUTF8(clip(s), "\uFFFD") }
