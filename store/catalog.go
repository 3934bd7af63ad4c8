package store

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/coldstate/coldstate/internal/wstr"
)

const (
	// maxLine bounds a line of the catalog.
	maxLine = 16 << 20
	// maxRanges bounds the damaged ranges of one object and the holes of one
	// member, so that a line stays below maxLine.
	maxRanges = 100_000
	// maxHoles bounds the holes of one member.
	maxHoles = 16_384
	// maxSparseMap is above the map of maxHoles holes.
	maxSparseMap = 2 * 20 * (maxHoles + 4)
	// maxDescriptors bounds the security descriptors of a store, in bytes.
	maxDescriptors = 64 << 20
)

// MarshalJSON writes o as its line of the catalog, without the line feed.
func (o *Object) MarshalJSON() ([]byte, error) { return o.appendLine(nil, o.Segment > 0), nil }

// appendLine appends o as a JSON object; the place is left out unless asked
// for.
func (o *Object) appendLine(b []byte, withPlace bool) []byte {
	b = append(b, `{"kind":"`...)
	b = append(b, o.Kind...)
	b = append(b, `","path":`...)
	b = wstr.AppendJSON(b, string(o.Path))
	texts := func(key string, names []wstr.Text) {
		if names == nil {
			return
		}
		b = append(b, ',', '"')
		b = append(b, key...)
		b = append(b, `":[`...)
		for i, n := range names {
			if i > 0 {
				b = append(b, ',')
			}
			b = wstr.AppendJSON(b, string(n))
		}
		b = append(b, ']')
	}
	texts("names", o.Names)
	text := func(key string, s string) {
		if s != "" {
			b = append(b, ',', '"')
			b = append(b, key...)
			b = append(b, '"', ':')
			b = wstr.AppendJSON(b, s)
		}
	}
	number := func(key string, n uint64) {
		if n != 0 {
			b = append(b, ',', '"')
			b = append(b, key...)
			b = append(b, '"', ':')
			b = strconv.AppendUint(b, n, 10)
		}
	}
	binary := func(key string, data []byte) {
		if data != nil {
			b = append(b, ',', '"')
			b = append(b, key...)
			b = append(b, `":"`...)
			b = base64.StdEncoding.AppendEncode(b, data)
			b = append(b, '"')
		}
	}
	ranges := func(key string, rs []Range) {
		if len(rs) == 0 {
			return
		}
		b = append(b, ',', '"')
		b = append(b, key...)
		b = append(b, `":[`...)
		for i, r := range rs {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendRange(b, r)
		}
		b = append(b, ']')
	}
	text("stream", string(o.Stream))
	text("user", o.User)
	text("outcome", string(o.Outcome))
	text("reason", o.Reason)
	number("size", uint64(o.Size))
	if o.SHA256 != (Sum{}) {
		b = append(b, `,"sha256":"`...)
		b, _ = o.SHA256.AppendText(b)
		b = append(b, '"')
	}
	ranges("ranges", o.Ranges)
	ranges("holes", o.Holes)
	number("attr", uint64(o.Attr))
	number("created", uint64(o.Created))
	number("modified", uint64(o.Modified))
	number("changed", uint64(o.Changed))
	number("accessed", uint64(o.Accessed))
	number("sd", uint64(o.SD))
	text("without", o.Without)
	binary("reparse", o.Reparse)
	text("short", string(o.Short))
	binary("ea", o.EA)
	binary("objectId", o.ObjectID)
	if o.CaseSensitive {
		b = append(b, `,"caseSensitive":true`...)
	}
	text("target", string(o.Target))
	if o.File != (FileRef{}) {
		b = append(b, `,"file":[`...)
		b = strconv.AppendInt(b, int64(o.File.Volume), 10)
		b = append(b, ',')
		b = strconv.AppendUint(b, o.File.File, 10)
		b = append(b, ']')
	}
	text("linkTo", string(o.LinkTo))
	text("linkToStream", string(o.LinkToStream))
	texts("linkToNames", o.LinkToNames)
	if o.Raw {
		b = append(b, `,"raw":true`...)
	}
	if o.EFS != nil {
		b = o.EFS.append(append(b, `,"efs":`...))
	}
	number("rule", uint64(o.Rule))
	number("type", uint64(o.Type))
	binary("data", o.Data)
	text("in", string(o.In))
	if withPlace {
		b = appendPlace(b, o.Segment, o.Frame, o.Offset)
	}
	return append(b, '}')
}

func appendPlace(b []byte, segment int, frame, offset int64) []byte {
	b = append(b, `,"segment":`...)
	b = strconv.AppendInt(b, int64(segment), 10)
	b = append(b, `,"frame":`...)
	b = strconv.AppendInt(b, frame, 10)
	b = append(b, `,"offset":`...)
	return strconv.AppendInt(b, offset, 10)
}

func appendRange(b []byte, r Range) []byte {
	b = append(b, '[')
	b = strconv.AppendInt(b, r.Off, 10)
	b = append(b, ',')
	b = strconv.AppendInt(b, r.Len, 10)
	return append(b, ']')
}

// append appends e as a JSON object.
func (e *EFS) append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"size":`...), e.Size, 10)
	keys := func(name string, list []EFSKey) {
		if len(list) == 0 {
			return
		}
		b = append(b, `,"`+name+`":[`...)
		for i, k := range list {
			if i > 0 {
				b = append(b, ',')
			}
			b = wstr.AppendJSON(append(b, `{"sid":`...), k.SID)
			b = wstr.AppendJSON(append(b, `,"name":`...), string(k.Name))
			b = wstr.AppendJSON(append(b, `,"thumbprint":`...), k.Thumbprint)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	keys("users", e.Users)
	keys("agents", e.Agents)
	return append(b, '}')
}

// check says whether e can be stored, and how long it may be in JSON.
func (e *EFS) check() (int, error) {
	if e == nil {
		return 0, nil
	}
	if e.Size < 0 || len(e.Users) > MaxEFSKeys || len(e.Agents) > MaxEFSKeys {
		return 0, fmt.Errorf("%d bytes that %d users and %d agents can decrypt", e.Size, len(e.Users), len(e.Agents))
	}
	n := 100
	for _, list := range [][]EFSKey{e.Users, e.Agents} {
		for _, k := range list {
			n += 50 + 6*(len(k.SID)+len(k.Name)+len(k.Thumbprint))
		}
	}
	return n, nil
}

// MarshalJSON writes [offset, length].
func (r Range) MarshalJSON() ([]byte, error) { return appendRange(nil, r), nil }

// UnmarshalJSON reads [offset, length].
func (r *Range) UnmarshalJSON(b []byte) error {
	var v []int64
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if len(v) != 2 {
		return errors.New("a range has two numbers")
	}
	r.Off, r.Len = v[0], v[1]
	return nil
}

// UnmarshalJSON reads [volume, file].
func (f *FileRef) UnmarshalJSON(b []byte) error {
	var v []uint64
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if len(v) != 2 || v[0] > 1<<31-1 {
		return errors.New("a file has two numbers")
	}
	f.Volume, f.File = int(v[0]), v[1]
	return nil
}

// descriptorLine is the other kind of line: a security descriptor.
type descriptorLine struct {
	SD         int    `json:"sd"`
	Descriptor []byte `json:"descriptor"`
}

func appendDescriptor(b []byte, n int, sd []byte) []byte {
	b = append(b, `{"sd":`...)
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, `,"descriptor":"`...)
	b = base64.StdEncoding.AppendEncode(b, sd)
	return append(b, '"', '}', '\n')
}

// isDescriptor says which kind of line it is: objects begin with their kind.
func isDescriptor(line []byte) bool {
	return len(line) > 5 && string(line[:5]) == `{"sd"`
}

// parseObject reads and checks a line of the catalog.
func parseObject(line []byte) (*Object, error) {
	o := &Object{}
	if err := json.Unmarshal(line, o); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("%q: %w", clip(string(o.Path)), err)
	}
	if o.Segment < 0 || o.Segment > maxNumber || o.Frame < 0 || o.Offset < 0 || o.Offset > maxFrame {
		return nil, fmt.Errorf("%q: segment %d, frame %d, offset %d is no place", clip(string(o.Path)), o.Segment, o.Frame, o.Offset)
	}
	if stored := o.Outcome.Stored() && o.Kind.hasContent(); stored != (o.Segment > 0) {
		return nil, fmt.Errorf("%q: outcome %s, segment %d", clip(string(o.Path)), o.Outcome, o.Segment)
	}
	return o, nil
}

// check says whether o is an object that can be stored.
func (o *Object) check() error {
	switch o.Kind {
	case Key, Value:
		if o.Path == "" {
			return errNoPath
		}
	default:
		if _, _, err := o.split(); err != nil {
			return err
		}
	}
	switch o.Outcome {
	case Captured, Linked, Duplicate, EncryptedRaw, Changed, Damaged, Placeholder, Excluded, Unreadable, Unsupported, EncryptedSkipped, VolumeMissing:
	default:
		return fmt.Errorf("%w %q", errBadOutcome, clip(string(o.Outcome)))
	}
	switch {
	case o.Size < 0:
		return fmt.Errorf("a size of %d bytes", o.Size)
	case len(o.EA) > 64<<10 || len(o.ObjectID) > 64:
		return fmt.Errorf("%d bytes of extended attributes, %d of object id", len(o.EA), len(o.ObjectID))
	case len(o.Without) > 200:
		return fmt.Errorf("%d bytes of names of attributes", len(o.Without))
	case o.SD < 0 || o.Rule < 0 || o.File.Volume < 0:
		return errors.New("a negative number")
	}
	if err := checkRanges(o.Ranges, o.Size); err != nil {
		return fmt.Errorf("damaged ranges: %w", err)
	}
	if err := checkRanges(o.Holes, o.Size); err != nil {
		return fmt.Errorf("holes: %w", err)
	}
	efs, err := o.EFS.check()
	if err != nil {
		return err
	}
	// Every byte of a text takes at most six in JSON.
	line := efs + 6*(3*len(o.Path)+len(o.Stream)+len(o.Target)+len(o.Reason)+len(o.User)+2*len(o.LinkTo)+len(o.LinkToStream)+len(o.In)+len(o.Short)) +
		2*(len(o.Reparse)+len(o.Data)+len(o.EA)+len(o.ObjectID)) + 44*(len(o.Ranges)+len(o.Holes))
	if line > maxLine-4096 {
		return fmt.Errorf("its line in the catalog may take %d bytes, more than %d", line, maxLine)
	}
	return nil
}

// checkRanges says whether rs are sorted, apart, not empty and below size.
func checkRanges(rs []Range, size int64) error {
	at := int64(0)
	for _, r := range rs {
		if r.Off < at || r.Len <= 0 || r.Len > size-r.Off {
			return fmt.Errorf("[%d,%d] is not behind %d and below %d", r.Off, r.Len, at, size)
		}
		at = r.Off + r.Len
	}
	return nil
}

// stored is the number of bytes of o's content in the tar.
func (o *Object) stored() int64 {
	n := o.Size
	for _, h := range o.Holes {
		n -= h.Len
	}
	return n
}

// clip shortens a claim for a message.
func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}
