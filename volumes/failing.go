package volumes

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/coldstate/coldstate/volumes/medium"
)

// ErrGone is wrapped by read errors when the disk itself was there and is no
// more: a stick that was pulled out, a drive that hangs for good.
var ErrGone = medium.ErrGone

// ErrLater is wrapped by read errors while Volume.Skim is on: what of the bytes
// can be read is found out without it.
var ErrLater = medium.ErrLater

// deviceTimeout is how long a read of a device may take. Drives try for up to
// some 30 seconds for one sector; what takes longer is as good as lost.
const deviceTimeout = 30 * time.Second

// sourceOptions are those of Options for one source.
type sourceOptions struct {
	mapFile string // "" when none was named
	medium  func(path string, r io.ReaderAt, size int64, opt *medium.Options) io.ReaderAt
}

func (opt *Options) source(i int) sourceOptions {
	o := sourceOptions{medium: opt.Medium}
	if i < len(opt.MapFiles) {
		o.mapFile = opt.MapFiles[i]
	}
	return o
}

// guard puts the reader that bears bad sectors between the bytes of src and
// all that is done with them. It is the one place where a read is narrowed.
func (src *Source) guard(o sourceOptions, opt medium.Options) error {
	if src.Kind != Device {
		if err := src.readMap(o, &opt); err != nil {
			return err
		}
		opt.Sector = filePage
	}
	r := src.reader
	if o.medium != nil {
		r = o.medium(src.Path, r, src.Size, &opt)
	}
	src.medium = medium.New(r, src.Size, opt)
	src.reader = src.medium
	return nil
}

// gone says whether the disk of the volume was taken away.
func (v *Volume) gone() bool {
	return v.Source != nil && v.Source.medium != nil && v.Source.medium.Gone()
}

// Skim turns on, or off again, that a read that fails is not narrowed but ends
// with ErrLater, on all disks that the volume lies on. Whoever has much to read
// does so first what is healthy.
func (v *Volume) Skim(on bool) { v.media(func(m *medium.Reader) { m.Skim(on) }) }

// Insist turns on, or off again, that Skim does not count: for a read that
// cannot be put off.
func (v *Volume) Insist(on bool) { v.media(func(m *medium.Reader) { m.Insist(on) }) }

func (v *Volume) media(fn func(*medium.Reader)) {
	sources := []*Source{v.Source}
	if v.Dynamic != nil {
		sources = nil
		for _, e := range v.Dynamic.Extents {
			if !slices.Contains(sources, e.Source) {
				sources = append(sources, e.Source)
			}
		}
	}
	for _, src := range sources {
		if src != nil && src.medium != nil {
			fn(src.medium)
		}
	}
}

// Bad are the places of the source that cannot be read, as far as they were
// asked for, and those that a map file calls unread.
func (src *Source) Bad() []medium.Range {
	if src.medium == nil {
		return nil
	}
	return src.medium.Bad()
}

var (
	// ErrNotMap: the file that was named as a map file is none.
	ErrNotMap = errors.New("is no map file of ddrescue")
	// ErrMap: a file beside an image says that it is the map of it, and nothing
	// of it can be read.
	ErrMap = errors.New("is a map file of which nothing can be read")
)

// noMap is the name of a map file that says that there is none.
const noMap = "-"

// readMap finds the map file of an image, and takes in what it calls unread.
func (src *Source) readMap(o sourceOptions, opt *medium.Options) error {
	name := o.mapFile
	var m *medium.Map
	switch name {
	case noMap:
		return nil
	case "":
		var err error
		if name, m, err = src.findMap(); name == "" || err != nil {
			return err
		}
	default:
		data, err := readMapFile(name)
		if err == nil {
			m, err = medium.ParseMap(name, data)
		}
		if err != nil {
			return &SourceError{Path: name, Err: notMap(err), Hint: "name the map file that ddrescue wrote for " + src.Path}
		}
	}
	if m.Errors > 0 {
		list := make([]string, len(m.Wrong))
		for i, e := range m.Wrong {
			list[i] = lineOf(e)
		}
		if more := m.Errors - len(m.Wrong); more > 0 {
			list = append(list, fmt.Sprintf("and %d more", more))
		}
		src.Problems = append(src.Problems, fmt.Sprintf("its map file %s is damaged, and what it does not say counts as never read: %s", name, strings.Join(list, "; ")))
	}
	opt.Bad = m.Bad(src.Size)
	src.Map = name
	for _, b := range opt.Bad {
		src.Unread += b.Len
	}
	if src.Unread > 0 {
		places := fmt.Sprintf("%d places", len(opt.Bad))
		if len(opt.Bad) == 1 {
			places = "one place"
		}
		src.Problems = append(src.Problems, fmt.Sprintf("%d bytes of it, in %s, were never read from the disk, says its map file %s; files there are damaged", src.Unread, places, name))
	}
	return nil
}

// notMap is the error for a named file that is no map, without its path.
func notMap(err error) error {
	if me, ok := errors.AsType[*medium.MapError](err); ok {
		return fmt.Errorf("%w: %s", ErrNotMap, lineOf(me))
	}
	return cause(err)
}

func lineOf(e *medium.MapError) string {
	if e.Line == 0 {
		return e.What
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.What)
}

// mapNames are what people call the map file of an image.
var mapNames = []string{".map", ".mapfile", ".log", ".logfile"}

// findMap looks for a map file beside an image: disk.img.map, disk.map and
// their like. What it is comes from its content. A file with the name of a map
// that is none is told: it may have been one.
func (src *Source) findMap() (string, *medium.Map, error) {
	image := src.Path
	bases := []string{image}
	if ext := filepath.Ext(image); ext != "" && ext != image {
		bases = append(bases, strings.TrimSuffix(image, ext))
	}
	var others []string
	for _, base := range bases {
		for _, ext := range mapNames {
			name := base + ext
			fi, err := os.Stat(name)
			if errors.Is(err, fs.ErrNotExist) || err == nil && !fi.Mode().IsRegular() || name == image {
				continue
			}
			var data []byte
			if err == nil {
				data, err = readMapFile(name)
			}
			var m *medium.Map
			if err == nil {
				m, err = medium.ParseMap(name, data)
			}
			if err == nil {
				return name, m, nil
			}
			if me, ok := errors.AsType[*medium.MapError](err); ok && medium.IsMap(data) {
				return name, nil, &SourceError{Path: name, Err: fmt.Errorf("%w: %s", ErrMap, lineOf(me)), Hint: "what of " + image + " was never read from the disk is not known: name the right map file with --map-file, or take all of the image for read with --map-file -"}
			}
			if strings.HasPrefix(ext, ".map") {
				others = append(others, fmt.Sprintf("the file %s beside it has the name of a map file and is not used: %v", name, notMap(err)))
			}
		}
	}
	src.Problems = append(src.Problems, others...)
	return "", nil, nil
}

func readMapFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil {
		return nil, err
	} else if fi.IsDir() {
		return nil, fmt.Errorf("%w: it is a folder", ErrNotMap)
	}
	data, err := io.ReadAll(io.LimitReader(f, medium.MaxMap+1))
	return data, err // one that is too large is refused with its reason
}
